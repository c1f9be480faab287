# The cells of the chapter training/training-loop.

# %% data tags=["fold"]
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()  # comes with scikit-learn, no download
order = torch.randperm(1797)
images = torch.tensor(digits.data, dtype=torch.float32)  # (1797, 64), from 0 to 16
images = images[order] / 16  # from 0 to 1
labels = torch.tensor(digits.target)[order]  # (1797,)
train_x, val_x, test_x = images.split([1000, 321, 476])
train_y, val_y, test_y = labels.split([1000, 321, 476])

# %% six-steps
def make_net():
    return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))


net = make_net()  # 1. define the net
optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
train_set = TensorDataset(train_x, train_y)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
for epoch in range(5):
    for x, y in train_loader:  # 2. fetch data: (64, 64) and (64,)
        logits = net(x)  # 3. go forward: (64, 10)
        loss = F.cross_entropy(logits, y)  # 4. compute the loss
        optimizer.zero_grad()
        loss.backward()  # 5. go backward
        optimizer.step()  # 6. update the weights
    print(f"epoch {epoch}: loss {loss.item():.2f}")

# %% three-calls
def look(when):
    weight = net[0].weight  # (256, 64)
    grad = None if weight.grad is None else f"{weight.grad.norm():.4f}"
    print(f"{when:11}{grad!s:8}{weight.norm():.4f}")


print("           grad    weight")
look("at first")
optimizer.zero_grad()
look("zero_grad")
loss = F.cross_entropy(net(x), y)
look("forward")
loss.backward()
look("backward")
optimizer.step()
look("step")

# %% adds-up
optimizer.zero_grad()
F.cross_entropy(net(x), y).backward()
once = net[0].weight.grad.clone()
F.cross_entropy(net(x), y).backward()  # no zero_grad before this one
torch.allclose(net[0].weight.grad, 2 * once)

# %% one-batch
def fit_one_batch(case):
    torch.manual_seed(0)
    x, y = train_x[:64], train_y[:64]
    net, other = make_net(), make_net()
    owner = other if case == "another net's optimizer" else net
    optimizer = torch.optim.Adam(owner.parameters(), lr=0.01)
    target, losses = y, []
    for step in range(100):
        if case == "shuffled each step" or (case == "shuffled once" and step == 0):
            target = y[torch.randperm(64)]
        out = net(x).softmax(dim=1) if case == "softmax too many" else net(x)
        loss = F.cross_entropy(out, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses

# %% one-batch-figure tags=["fold"]
import matplotlib.pyplot as plt

fig, ax = plt.subplots()
cases = ["shuffled each step", "another net's optimizer", "softmax too many"]
cases += ["shuffled once", "no bug"]
for case, style in zip(cases, ["-", "--", "-", "-", "-"]):
    ax.plot(fit_one_batch(case), style, label=case)
ax.set(xlabel="step", ylabel="loss on the one batch")
ax.legend(loc=(0.5, 0.12))
plt.show()

# %% evaluate
def evaluate(net, loader):
    device = next(net.parameters()).device
    net.eval()
    total, right, seen = 0.0, 0, 0
    with torch.inference_mode():
        for x, y in loader:
            x, y = x.to(device), y.to(device)
            logits = net(x)
            total += F.cross_entropy(logits, y, reduction="sum").item()
            right += (logits.argmax(dim=1) == y).sum().item()
            seen += len(y)
    return total / seen, right / seen


val_loader = DataLoader(TensorDataset(val_x, val_y), batch_size=64)
print("loss {:.3f}, accuracy {:.3f}".format(*evaluate(net, val_loader)))

# %% counting
with torch.inference_mode():
    logits = net(val_x)
each = F.cross_entropy(logits, val_y, reduction="none")  # (321,)
right = (logits.argmax(dim=1) == val_y).float()  # (321,)
order = each.argsort()  # the hardest one last
for name, values in {"loss": each[order], "accuracy": right[order]}.items():
    means = torch.stack([batch.mean() for batch in values.split(64)])  # (6,)
    print(f"{name}: {values.mean():.3f}, mean of means {means.mean():.3f}")

# %% modes
both = nn.Sequential(nn.BatchNorm1d(64), nn.Dropout(0.5), nn.Linear(64, 10))
with torch.inference_mode():
    for mode in (True, False):
        both.train(mode)
        mean = both[0].running_mean.clone()
        print("training:", both.training)
        print("  same answer twice: ", torch.equal(both(val_x), both(val_x)))
        print("  running mean moved:", not torch.equal(mean, both[0].running_mean))

# %% item
kept, number = 0.0, 0.0
for x, y in train_loader:
    loss = F.cross_entropy(net(x), y)
    kept = kept + loss
    number = number + loss.item()
print(f"number {number:.3f}")
print(f"kept   {kept:.3f}, with a graph: {kept.requires_grad}")

# %% clip
broken = 16 * torch.rand(64, 64)  # noise for pictures, and not divided by 16
for name, x in {"good": train_x[:64], "broken": broken}.items():
    net.zero_grad()
    F.cross_entropy(net(x), train_y[:64]).backward()
    norm = nn.utils.clip_grad_norm_(net.parameters(), max_norm=1.0)
    left = nn.utils.get_total_norm([p.grad for p in net.parameters()])
    print(f"{name:8}norm {norm:5.2f} -> {left:.2f}")

# %% bad-batch
from copy import deepcopy


def one_bad_batch(kind, max_norm):
    twin, steps = deepcopy((net, optimizer))  # the six steps' network with its Adam
    if kind == "SGD":
        steps = torch.optim.SGD(twin.parameters(), lr=0.1)
    scores = []
    good = zip(train_x.split(64), train_y.split(64))  # 16 mini-batches
    for x, y in [(broken, train_y[:64]), *good]:
        loss = F.cross_entropy(twin(x), y)
        steps.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(twin.parameters(), max_norm)
        steps.step()
        scores.append(evaluate(twin, val_loader)[1])
    return f"{scores[0]:.3f} -> {scores[-1]:.3f}"


for kind in ("SGD", "Adam"):
    for max_norm in (float("inf"), 1.0):
        print(f"{kind:5}max_norm {max_norm:3}: {one_bad_batch(kind, max_norm)}")

# %% accumulation
def train_once(net, size, every):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    batches = zip(train_x[:960].split(size), train_y[:960].split(size))
    for i, (x, y) in enumerate(batches, 1):
        loss = F.cross_entropy(net(x), y) / every
        loss.backward()
        if i % every == 0:
            optimizer.step()
            optimizer.zero_grad()
    return net[0].weight


plain = make_net()
normed = nn.Sequential(plain[0], nn.BatchNorm1d(256), nn.ReLU(), plain[2])
for name, start in {"plain": plain, "batch norm": normed}.items():
    large = train_once(deepcopy(start), 64, 1)
    small = train_once(deepcopy(start), 16, 4)
    print(name, torch.allclose(large, small, atol=1e-5))

# %% half
tiny = torch.tensor(1e-8)
near = torch.tensor(1.003)
for dtype in (torch.float16, torch.bfloat16):
    print(dtype, f"{tiny.to(dtype):.5g} {near.to(dtype):.5g}")

# %% autocast
x, y = train_x[:64], train_y[:64]
with torch.autocast("cpu", dtype=torch.bfloat16):
    logits = net(x)
    loss = F.cross_entropy(logits, y)
loss.backward()
for tensor in (logits, loss, net[0].weight, net[0].weight.grad):
    print(tensor.dtype)

# %% scaler tags=["gpu"]
net = make_net().to("cuda")
optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
scaler = torch.amp.GradScaler("cuda")
for x, y in train_loader:
    with torch.autocast("cuda", dtype=torch.float16):
        loss = F.cross_entropy(net(x.to("cuda")), y.to("cuda"))
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)  # clipping wants the true gradients
    nn.utils.clip_grad_norm_(net.parameters(), max_norm=1.0)
    scaler.step(optimizer)
    scaler.update()
print(f"loss {loss.item():.2f}, scale {scaler.get_scale():.0f}")

# %% fit
from tqdm import tqdm


def fit(net, optimizer, train_loader, val_loader, epochs=100, patience=5):
    device = next(net.parameters()).device
    history, lowest = [], float("inf")
    best_epoch, best = -1, deepcopy(net.state_dict())  # before the first epoch
    bar = tqdm(range(epochs), leave=False)
    for epoch in bar:
        net.train()
        total, seen = 0.0, 0
        for x, y in train_loader:
            x, y = x.to(device), y.to(device)
            loss = F.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), max_norm=1.0)
            optimizer.step()
            total += loss.item() * len(y)
            seen += len(y)
        val_loss, val_accuracy = evaluate(net, val_loader)
        history.append((total / seen, val_loss, val_accuracy))
        bar.set_postfix(train=total / seen, val=val_loss, accuracy=val_accuracy)
        if val_loss < lowest:
            lowest = val_loss
            best_epoch, best = epoch, deepcopy(net.state_dict())
        elif epoch - best_epoch >= patience:
            break
    net.load_state_dict(best)
    return history

# %% use
torch.manual_seed(0)  # the GPU cell above draws random numbers, if you have run it
device = torch.accelerator.current_accelerator(check_available=True)
net = make_net().to(device or "cpu")
optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
history = fit(net, optimizer, train_loader, val_loader)

test_loader = DataLoader(TensorDataset(test_x, test_y), batch_size=64)
print(f"{len(history)} epochs, test accuracy {evaluate(net, test_loader)[1]:.3f}")

# %% nan
holed_x = train_x.clone()
holed_x[0, 0] = float("nan")  # one missing number out of 64 000
holed_set = TensorDataset(holed_x, train_y)
holed_loader = DataLoader(holed_set, batch_size=64, shuffle=True)

net = make_net()
start = deepcopy(net.state_dict())
optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
history = fit(net, optimizer, holed_loader, val_loader)
print("validation losses:", [val_loss for _, val_loss, _ in history])
print("weights as before:", torch.equal(net[0].weight, start["0.weight"]))

# %% noisy
noisy_y = train_y[:600].clone()
shift = torch.randint(1, 10, (120,))
noisy_y[::5] = (noisy_y[::5] + shift) % 10  # every fifth label is now wrong
noisy_set = TensorDataset(train_x[:600], noisy_y)
noisy_loader = DataLoader(noisy_set, batch_size=64, shuffle=True)

net = make_net()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
history = fit(net, optimizer, noisy_loader, val_loader, epochs=40, patience=40)
print("last epoch: loss {1:.3f}, accuracy {2:.3f}".format(*history[-1]))
print("best epoch: loss {:.3f}, accuracy {:.3f}".format(*evaluate(net, val_loader)))

# %% curves tags=["fold"]
train_losses, val_losses, _ = zip(*history)

fig, ax = plt.subplots()
ax.plot(train_losses, label="training")
ax.plot(val_losses, label="validation")
lowest = min(val_losses)
ax.plot(val_losses.index(lowest), lowest, "o", color="C1", label="lowest")
ax.set(xlabel="epoch", ylabel="loss")
ax.legend()
plt.show()

# %% keep
net = make_net()
kept, copied = net.state_dict(), deepcopy(net.state_dict())
with torch.no_grad():
    net[0].weight += 0.1  # training goes on
for name, state in {"state_dict()": kept, "deepcopy": copied}.items():
    print(f"{name} moved along: {torch.equal(state['0.weight'], net[0].weight)}")

# %% twice-error tags=["raises-exception"]
net = make_net()
loss = F.cross_entropy(net(train_x), train_y)
for _ in range(2):
    loss.backward()

# %% none-error tags=["raises-exception"]
net.zero_grad()
net[0].weight.grad.norm()

# %% inference-error tags=["raises-exception"]
with torch.inference_mode():
    loss = F.cross_entropy(net(train_x), train_y)
loss.backward()
