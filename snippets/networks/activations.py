# Activation functions: why a network needs a bend, and what bends do to gradients.

# %% merge
import torch
from torch import nn

torch.manual_seed(0)
first, second, merged = nn.Linear(2, 3), nn.Linear(3, 2), nn.Linear(2, 2)
with torch.no_grad():
    for parameter in (*first.parameters(), *second.parameters()):
        parameter.copy_(torch.randint(-3, 4, parameter.shape))
    merged.weight.copy_(second.weight @ first.weight)  # (2, 3) @ (3, 2) -> (2, 2)
    merged.bias.copy_(second.weight @ first.bias + second.bias)  # (2,)

x = torch.randint(-5, 6, (4, 2)).float()  # (4, 2)
print("without a bend:", torch.equal(second(first(x)), merged(x)))
print("with ReLU:     ", torch.equal(second(torch.relu(first(x))), merged(x)))

# %% bend
x = torch.tensor([[-2.0], [-1.0], [0.0], [1.0], [2.0]])  # (5, 1)
hidden = x @ torch.tensor([[1.0, -1.0]])  # (5, 2): x and -x

print("no activation:", hidden.sum(dim=1))  # (5,)
print("with ReLU:    ", torch.relu(hidden).sum(dim=1))  # (5,)

# %% by-hand
import torch.nn.functional as F

x = torch.linspace(-4, 4, 201)  # (201,)
up, down = torch.exp(x), torch.exp(-x)
pairs = {
    "relu": (torch.where(x > 0, x, 0.0), F.relu(x)),
    "sigmoid": (1 / (1 + down), torch.sigmoid(x)),
    "tanh": ((up - down) / (up + down), torch.tanh(x)),
    "softplus": (torch.log(1 + up), F.softplus(x)),
    "gelu": (x / 2 * (1 + torch.erf(x / 2**0.5)), F.gelu(x)),
}
for name, (by_hand, from_torch) in pairs.items():
    print(f"{name:8}", torch.allclose(by_hand, from_torch, atol=1e-6))

# %% curves tags=["fold"]
import matplotlib.pyplot as plt

x.requires_grad_()
fig, (left, right) = plt.subplots(1, 2)
for f in (torch.sigmoid, torch.tanh, F.relu, F.softplus, F.gelu):
    y = f(x)
    (slope,) = torch.autograd.grad(y.sum(), x)  # (201,)
    left.plot(x.detach(), y.detach(), label=f.__name__)
    right.plot(x.detach(), slope)
left.set(xlabel="input x", ylabel="output f(x)")
right.set(xlabel="input x", ylabel="slope f'(x)")
fig.legend(loc="outside lower center", ncols=5)
plt.show()

# %% module-or-function
print(torch.equal(nn.ReLU()(x), F.relu(x)), torch.equal(F.relu(x), torch.relu(x)))

# %% plot-grad-error tags=["raises-exception"]
t = torch.linspace(-4, 4, 201)
right.plot(t, torch.sigmoid(t))  # two tensors: no error
right.plot(x, torch.sigmoid(x))  # x requires a gradient

# %% softmax-by-hand
scores = torch.tensor([[2.0, 1.0, 0.0], [1.0, 3.0, 0.0]])  # (2, 3)

powers = torch.exp(scores)  # (2, 3)
by_hand = powers / powers.sum(dim=1, keepdim=True)  # (2, 3) / (2, 1) -> (2, 3)
probabilities = torch.softmax(scores, dim=1)  # (2, 3)
print(torch.allclose(by_hand, probabilities))
print(probabilities)

# %% softmax-shift
powers = torch.exp(scores + 1000)
print(powers / powers.sum(dim=1, keepdim=True))
print(torch.allclose(torch.softmax(scores + 1000, dim=1), probabilities))

# %% deep
def plain(activation, init=None):
    layer = nn.Linear(32, 32)
    if init is not None:
        init(layer.weight)
    return nn.Sequential(layer, activation())


def deep(block, depth=18):
    blocks = [block() for _ in range(depth)]
    return nn.Sequential(nn.Linear(1, 32), *blocks, nn.Linear(32, 1))

# %% fit
x = torch.linspace(-1, 1, 64).unsqueeze(1)  # (64, 1)
y = torch.sin(4 * x)  # (64, 1)


def final_losses(block, depth=18, lr=0.01):
    """The error left after 200 steps, from three random starts."""
    losses = []
    for seed in range(3):
        torch.manual_seed(seed)
        net = deep(block, depth)
        optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
        for _ in range(200):
            optimizer.zero_grad()
            loss = F.mse_loss(net(x), y)
            loss.backward()
            optimizer.step()
        losses.append(f"{loss.item():.2f}")
    return "  ".join(losses)

# %% shallow-deep
print(f"always the mean    {y.var(correction=0):.2f}")
print(" 2 blocks, sigmoid", final_losses(lambda: plain(nn.Sigmoid), depth=2))
print(" 2 blocks, tanh   ", final_losses(lambda: plain(nn.Tanh), depth=2))
print(" 2 blocks, ReLU   ", final_losses(lambda: plain(nn.ReLU), depth=2))
stuck = final_losses(lambda: plain(nn.Sigmoid))
print("18 blocks, sigmoid", stuck)

# %% signals
def size(t):
    return t.square().mean().sqrt().item()


def signals(f, init=None, zero_biases=False):
    torch.manual_seed(0)  # the same input and the same default weights each time
    h = torch.randn(256, 64, dtype=torch.float64)  # (256, 64)
    layers = [nn.Linear(64, 64).double() for _ in range(30)]
    outputs = []
    for layer in layers:
        if init is not None:
            init(layer.weight)
        if zero_biases:
            nn.init.zeros_(layer.bias)
        h = f(layer(h))  # (256, 64)
        outputs.append(h)
    noise = torch.randn_like(h)  # the gradient that enters at the output, of size 1
    back = torch.autograd.grad(h, outputs, noise, retain_graph=True)
    weights = torch.autograd.grad(h, [layer.weight for layer in layers], noise)
    return [[size(t) for t in tensors] for tensors in (outputs, back, weights)]

# %% vanish tags=["fold"]
functions = (torch.sigmoid, torch.tanh, torch.relu)
default = {f.__name__: signals(f) for f in functions}

fig, ax = plt.subplots()
for name, (_, back, _) in default.items():
    ax.semilogy(range(1, 31), back, label=name)
ax.set(xlabel="layer (1 is nearest the input)", ylabel="size of the gradient")
ax.legend()
plt.show()

# %% factor
for name, squared_slope in {"sigmoid": 1 / 16, "tanh": 1, "relu": 1 / 2}.items():
    _, back, _ = default[name]
    predicted = (1 / 3 * squared_slope) ** 0.5
    measured = (back[0] / back[-1]) ** (1 / 29)
    print(f"{name:8} predicted {predicted:.2f}   measured {measured:.2f}")

# %% one-cause
kaiming = nn.init.kaiming_normal_
three = {
    "default weights, default biases": signals(torch.relu),
    "default weights, zero biases": signals(torch.relu, zero_biases=True),
    "Kaiming weights, zero biases": signals(torch.relu, kaiming, zero_biases=True),
}
print(f"{'gradient of the weights':33}  layer 1   layer 30")
for name, (_, _, weights) in three.items():
    print(f"{name:33}  {weights[0]:.0e}   {weights[-1]:.0e}")

# %% one-cause-figure tags=["fold"]
fig, axes = plt.subplots(1, 2, sharey=True)
for name, (forward, back, _) in three.items():
    axes[0].semilogy(range(1, 31), forward, label=name)
    axes[1].semilogy(range(1, 31), back)
axes[0].set(title="forward", xlabel="layer", ylabel="size")
axes[1].set(title="backward", xlabel="layer")
fig.legend(loc="outside lower center")
plt.show()

# %% matched
def too_large(weight):
    nn.init.normal_(weight, std=2 * (2 / weight.shape[1]) ** 0.5)  # twice Kaiming's


xavier = nn.init.xavier_normal_
for name, f, init in (
    ("sigmoid, Xavier", torch.sigmoid, xavier),
    ("tanh, Xavier", torch.tanh, xavier),
    ("ReLU, Kaiming", torch.relu, kaiming),
    ("ReLU, Kaiming x 2", torch.relu, too_large),
):
    forward, back, _ = signals(f, init, zero_biases=True)
    ahead = (forward[-1] / forward[0]) ** (1 / 29)
    behind = (back[0] / back[-1]) ** (1 / 29)
    print(f"{name:17}  forward x {ahead:.2f}   backward x {behind:.2f}")

# %% cured
print("ReLU, Kaiming         ", final_losses(lambda: plain(nn.ReLU, kaiming)))
print("tanh, Xavier          ", final_losses(lambda: plain(nn.Tanh, xavier)))
slower = final_losses(lambda: plain(nn.Tanh, xavier), lr=0.001)
print("tanh, Xavier, lr=0.001", slower)

# %% remedies
class Residual(nn.Module):
    def __init__(self, block: nn.Module):
        super().__init__()
        self.block = block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.block(x)  # (N, 32)


blocks = {
    "plain": lambda: plain(nn.Sigmoid),
    "LayerNorm": lambda: nn.Sequential(nn.LayerNorm(32), plain(nn.Sigmoid)),
    "residual": lambda: Residual(plain(nn.Sigmoid)),
    "both": lambda: Residual(nn.Sequential(nn.LayerNorm(32), plain(nn.Sigmoid))),
}

# %% remedies-measured
for name, block in blocks.items():
    torch.manual_seed(0)
    net = deep(block)
    F.mse_loss(net(x), y).backward()
    first = net[0].weight.grad.abs().max()
    left = stuck if name == "plain" else final_losses(block)
    print(f"{name:9}  first gradient {first:.0e}   left", left)

# %% dead
inputs = torch.randn(1000, 2)  # (1000, 2)
unit = nn.Linear(2, 1)
nn.init.constant_(unit.bias, -100.0)
for f in (F.relu, F.leaky_relu):
    unit.zero_grad()
    out = f(unit(inputs))  # (1000, 1)
    out.sum().backward()
    print(f"{f.__name__:10}  awake: {(out > 0).sum()} of 1000  ", unit.weight.grad)

# %% in-the-wild
from collections import Counter

from torchvision import models

kinds = (nn.ReLU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Sigmoid, nn.Hardsigmoid)
with torch.device("meta"):  # shapes only: no memory, no download
    for name in ("resnet50", "efficientnet_b0", "mobilenet_v3_small", "vit_b_16"):
        modules = models.get_model(name).modules()
        found = Counter(type(m).__name__ for m in modules if isinstance(m, kinds))
        print(f"{name:19}", dict(found))

# %% swish-module
class Swish(nn.Module):
    def __init__(self, beta: float = 1.0):
        super().__init__()
        self.beta = nn.Parameter(torch.tensor(beta))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(self.beta * x)  # same shape as x


swish = Swish()
print(torch.allclose(swish(x), F.silu(x)))
swish(x).sum().backward()
print(swish.beta.grad)

# %% silu-function
class SiLU(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return x * torch.sigmoid(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):  # the same shape as x
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grad_output * (s + x * s * (1 - s))

# %% gradcheck
points = torch.linspace(-2, 2, 5, dtype=torch.float64, requires_grad=True)  # (5,)
torch.autograd.gradcheck(SiLU.apply, (points,))

# %% gradcheck-wrong tags=["raises-exception"]
class Wrong(SiLU):
    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * torch.sigmoid(x)  # forgets that s depends on x too


torch.autograd.gradcheck(Wrong.apply, (points,))

# %% relu-zero
z = torch.tensor([-1.0, 0.0, 1.0], requires_grad=True)
torch.relu(z).sum().backward()
print("relu:", z.grad)

z = torch.tensor([-2.0, -0.5, 0.5, 2.0], requires_grad=True)
torch.sign(z).sum().backward()
print("sign:", z.grad)

# %% inplace-silent
h = torch.tensor([-1.0, 2.0])
print("expected:", h + F.relu(h))

bent = nn.ReLU(inplace=True)(h)
print("got:     ", h + bent)

# %% sequential-class tags=["raises-exception"]
nn.Sequential(nn.Linear(2, 3), nn.ReLU)

# %% softmax-integers tags=["raises-exception"]
torch.softmax(torch.tensor([1, 2, 3]), dim=0)

# %% softmax-no-dim tags=["warns"]
F.softmax(scores)
