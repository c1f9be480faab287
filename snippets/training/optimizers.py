# The cells of the chapter training/optimizers.

# %% step
import torch
from torch import nn, optim

w = torch.tensor([3.0, -1.0], requires_grad=True)
(w**2).sum().backward()  # the gradient is 2w
by_hand = w.detach() - 0.1 * w.grad

optimizer = optim.SGD([w], lr=0.1)
optimizer.step()
print(by_hand, w.detach())

# %% inside
torch.manual_seed(0)
net, loss_fn = nn.Linear(2, 1), nn.MSELoss()
optimizer = optim.Adam(net.parameters(), lr=0.01)
for each in [net, loss_fn, optimizer]:
    print(type(each).__name__, "is a module:", isinstance(each, nn.Module))
group = optimizer.param_groups[0]  # the only one
print(group["lr"], group["params"][0] is net.weight, len(optimizer.state))
x, y = torch.randn(8, 2), torch.randn(8, 1)
loss_fn(net(x), y).backward()
optimizer.step()
for name, value in optimizer.state[net.weight].items():
    print(f"{name:11}", tuple(value.shape))

# %% no-backward
before = [p.detach().clone() for p in net.parameters()]
for _ in range(100):
    loss = loss_fn(net(x), y)
    optimizer.zero_grad()
    optimizer.step()  # where is loss.backward()?
same = [torch.equal(p, old) for p, old in zip(net.parameters(), before)]
print(net.weight.grad, same)

# %% surface
steepness, lowest = torch.tensor([1.0, 20.0]), torch.tensor([4.0, 1.0])
start = torch.tensor([0.0, 2.5])


def bowl(w):
    return (steepness * (w - lowest) ** 2).sum(dim=-1) / 2


def gradient(w):  # on paper
    return steepness * (w - lowest)


def walk(kind, steps=60, **settings):
    w = start.clone().requires_grad_()
    optimizer = kind([w], **settings)
    path = [start]
    for _ in range(steps):
        optimizer.zero_grad()
        bowl(w).backward()
        optimizer.step()
        path.append(w.detach().clone())
    return torch.stack(path)  # (steps + 1, 2)


walk(optim.SGD, lr=0.09)[:4]

# %% rates tags=["fold"]
import matplotlib.pyplot as plt

fig, ax = plt.subplots()
for lr, style in [(0.001, "--"), (0.09, "-"), (0.105, ":")]:
    ax.plot(bowl(walk(optim.SGD, lr=lr)), style, label=f"lr={lr}")
ax.set(xlabel="step", ylabel="loss (log scale)", yscale="log")
ax.legend()
plt.show()

# %% momentum
w, v = start, torch.zeros(2)
for _ in range(10):
    v = 0.9 * v + gradient(w)
    w = w - 0.02 * v

path = walk(optim.SGD, lr=0.02, momentum=0.9)
print(w, path[10])
print("after 60 steps", path[60], "without", walk(optim.SGD, lr=0.02)[60])

# %% zeros-move
for to_none in [True, False]:
    w = torch.tensor(1.0, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1, momentum=0.9)
    (w**2).backward()
    optimizer.step()
    old = w.item()
    optimizer.zero_grad(set_to_none=to_none)
    optimizer.step()  # no backward before this one
    print(f"grad {str(w.grad):10} w {old:.2f} -> {w.item():.2f}")

# %% nesterov
w, v = start, torch.zeros(2)
for _ in range(10):
    g = gradient(w)
    v = 0.9 * v + g
    w = w - 0.02 * (g + 0.9 * v)
print(w, walk(optim.SGD, lr=0.02, momentum=0.9, nesterov=True)[10])

# %% nesterov-error tags=["raises-exception"]
optim.SGD(net.parameters(), lr=0.02, nesterov=True)

# %% rmsprop
w, s = start, torch.zeros(2)
for _ in range(10):
    g = gradient(w)
    s = 0.99 * s + 0.01 * g**2
    w = w - 0.1 * g / (s.sqrt() + 1e-8)

path = walk(optim.RMSprop, lr=0.1)
print(w, path[10])
print("first step", path[1] - start)

# %% adam
w, m, s = start, torch.zeros(2), torch.zeros(2)
for t in range(1, 11):
    g = gradient(w)
    m = 0.9 * m + 0.1 * g
    s = 0.999 * s + 0.001 * g**2
    m_fair, s_fair = m / (1 - 0.9**t), s / (1 - 0.999**t)
    w = w - 0.3 * m_fair / (s_fair.sqrt() + 1e-8)

path = walk(optim.Adam, lr=0.3)
print(w, path[10])
print("first step", path[1] - start)

# %% longest
def longest(gradients):
    w = torch.zeros(1, requires_grad=True)
    optimizer = optim.Adam([w], lr=0.01)
    moves = []
    for g in gradients:
        old = w.item()
        w.grad = torch.tensor([g])
        optimizer.step()
        moves.append(abs(w.item() - old))
    return f"longest step {max(moves) / 0.01:.2f} x lr"


print("always 5:         ", longest([5.0] * 100))
print("5 and -5 in turns:", longest([5.0, -5.0] * 50))
print("growing by 2%:    ", longest([1.02**t for t in range(300)]))
print("1000 zeros, a 5:  ", longest([0.0] * 1000 + [5.0]))

# %% decay
for kind in [optim.SGD, optim.Adam, optim.AdamW]:
    w = torch.tensor([10.0, 0.5], requires_grad=True)
    optimizer = kind([w], lr=0.1, weight_decay=0.1)
    (0 * w).sum().backward()  # the loss does not care: gradient 0
    optimizer.step()
    print(f"{kind.__name__:5} 10 -> {w[0]:.3f}, 0.5 -> {w[1]:.3f}")

# %% adamw
w, m, s = start, torch.zeros(2), torch.zeros(2)
for t in range(1, 11):
    g = gradient(w)
    w = w * (1 - 0.3 * 0.1)  # 1 - lr * weight_decay
    m = 0.9 * m + 0.1 * g
    s = 0.999 * s + 0.001 * g**2
    m_fair, s_fair = m / (1 - 0.9**t), s / (1 - 0.999**t)
    w = w - 0.3 * m_fair / (s_fair.sqrt() + 1e-8)
print(w, walk(optim.AdamW, lr=0.3, weight_decay=0.1)[10])

# %% one-line
paths = {
    "SGD": walk(optim.SGD, lr=0.09),
    "momentum": walk(optim.SGD, lr=0.02, momentum=0.9),
    "Nesterov": walk(optim.SGD, lr=0.02, momentum=0.9, nesterov=True),
    "RMSprop": walk(optim.RMSprop, lr=0.1),
    "Adam": walk(optim.Adam, lr=0.3),
    "AdamW": walk(optim.AdamW, lr=0.3, weight_decay=0.1),
}
for name, path in paths.items():
    print(f"{name:9} ends at ({path[-1, 0]:.2f}, {path[-1, 1]:.2f})")

# %% paths tags=["fold"]
columns, rows = torch.linspace(-0.7, 6, 80), torch.linspace(-0.6, 2.8, 60)
across, up = torch.meshgrid(columns, rows, indexing="xy")
heights = bowl(torch.stack([across, up], dim=-1))  # (60, 80, 2) -> (60, 80)

fig, axes = plt.subplots(2, 3, sharex=True, sharey=True)
for ax, (name, path) in zip(axes.flat, paths.items()):
    levels = [0.5, 2, 5, 10, 20]
    ax.contour(across, up, heights, levels=levels, colors="C5", linewidths=0.7)
    ax.plot(path[:, 0], path[:, 1], ".-", ms=4, lw=1)
    ax.plot(*start, "s", label="start")
    ax.plot(*lowest, "*", ms=11, zorder=3, label="minimum")
    ax.set(title=name)
    ax.grid(False)
fig.supxlabel("w[0]")
fig.supylabel("w[1]")
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower right", ncols=2)
plt.show()

# %% orders
def train(*order):
    w = torch.tensor(0.0, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    for _ in range(30):
        loss = (w - 3) ** 2  # least at 3
        calls = {"zero_grad": optimizer.zero_grad, "backward": loss.backward}
        calls["step"] = optimizer.step
        for name in order:
            calls[name]()
    print(f"w = {w.item():.2f} after", ", ".join(order))


train("zero_grad", "backward", "step")
train("backward", "step", "zero_grad")
train("backward", "zero_grad", "step")
train("zero_grad", "step", "backward")
train("backward", "step")

# %% schedule
w = torch.tensor(0.0, requires_grad=True)
optimizer = optim.SGD([w], lr=0.4)
scheduler = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
for epoch in range(4):
    rate = optimizer.param_groups[0]["lr"]
    for _ in range(2):  # as if there were two mini-batches
        optimizer.zero_grad()
        ((w - 3) ** 2).backward()  # finds the gradient
        optimizer.step()  # changes the weight
    scheduler.step()  # sets the next rate
    print(f"epoch {epoch}: lr {rate:.2f}, w {w.item():.3f}")

# %% skip-first tags=["warns"]
optimizer = optim.SGD([w], lr=0.4)
scheduler = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
for epoch in range(4):
    scheduler.step()  # too early
    optimizer.step()
    print(f"epoch {epoch}: lr {optimizer.param_groups[0]['lr']:.3f}")

# %% curves tags=["fold"]
from torch.optim import lr_scheduler as sched


def warm_up(opt):
    up = sched.LinearLR(opt, start_factor=0.1, total_iters=5)
    down = sched.CosineAnnealingLR(opt, T_max=15)
    return sched.SequentialLR(opt, [up, down], milestones=[5])


schedulers = {
    "StepLR": lambda opt: sched.StepLR(opt, step_size=5, gamma=0.5),
    "ExponentialLR": lambda opt: sched.ExponentialLR(opt, gamma=0.8),
    "cosine": lambda opt: sched.CosineAnnealingLR(opt, T_max=20),
    "warm-up, cosine": warm_up,
    "OneCycleLR": lambda opt: sched.OneCycleLR(opt, max_lr=0.1, total_steps=20),
    "OnPlateau": lambda opt: sched.ReduceLROnPlateau(opt, factor=0.5, patience=3),
}
losses = [1.0, 0.8, 0.6, 0.4] + [0.2] * 16  # made up: stuck from epoch 4 on

fig, axes = plt.subplots(2, 3, sharex=True, sharey=True)
for ax, (name, make) in zip(axes.flat, schedulers.items()):
    optimizer = optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)
    scheduler = make(optimizer)
    rates = []
    for loss in losses:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if name == "OnPlateau":
            scheduler.step(loss)  # has to see the loss
        else:
            scheduler.step()
    ax.plot(rates, ".-")
    ax.set(title=name)
fig.supxlabel("epoch")
fig.supylabel("learning rate")
plt.show()

# %% groups
net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
body, head = net
groups = [{"params": body.parameters(), "lr": 0.001}, {"params": head.parameters()}]
optimizer = optim.SGD(groups, lr=0.1)
before = [layer.weight.detach().clone() for layer in net]
loss_fn(net(x), y).backward()
optimizer.step()
for layer, old in zip(net, before):
    moved = (old - layer.weight).norm() / layer.weight.grad.norm()
    print(f"moved by {moved:.3f} x its gradient")

# %% replaced
optimizer = optim.SGD(net.parameters(), lr=0.1)
net[1] = nn.Linear(3, 1)  # a new head, after the optimizer was made
before = net[1].weight.detach().clone()
optimizer.zero_grad()
loss_fn(net(x), y).backward()
optimizer.step()
print("has a gradient:", net[1].weight.grad is not None)
print("moved:", not torch.equal(net[1].weight, before))
optimizer.add_param_group({"params": net[1].parameters()})
optimizer.step()
print("moved, now that it is added:", not torch.equal(net[1].weight, before))

# %% empty-error tags=["raises-exception"]
params = net.parameters()
print(sum(p.numel() for p in params), "numbers to learn")
optim.SGD(params, lr=0.1)

# %% tensor-error tags=["raises-exception"]
optim.SGD(net[0].weight, lr=0.1)

# %% leaf-error tags=["raises-exception"]
w = torch.zeros(3, requires_grad=True).to(torch.float64)
optim.SGD([w], lr=0.1)

# %% steps-error tags=["raises-exception"]
optimizer = optim.SGD(net.parameters(), lr=0.1)
scheduler = sched.OneCycleLR(optimizer, max_lr=0.1, total_steps=10)
for _ in range(12):
    optimizer.step()
    scheduler.step()
