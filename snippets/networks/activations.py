# Activation functions: why a network needs a bend, and what a bend does to its gradients.

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
import matplotlib.pyplot as plt

x = torch.linspace(-3, 3, 61).unsqueeze(1)  # (61, 1)
w1 = torch.tensor([[1.0], [-1.0]])  # (2, 1): two hidden values, x and -x
w2 = torch.tensor([[1.0, 1.0]])  # (1, 2): add them up

hidden = x @ w1.T  # (61, 2)
straight = hidden @ w2.T  # (61, 1)
bent = torch.relu(hidden) @ w2.T  # (61, 1)

fig, ax = plt.subplots()
ax.plot(x, straight, label="no activation")
ax.plot(x, bent, label="with ReLU")
ax.set(xlabel="input x", ylabel="output of the network")
ax.legend()
plt.show()

# %% by-hand
import torch.nn.functional as F

x = torch.linspace(-4, 4, 201)  # (201,)
pairs = {
    "relu": (torch.where(x > 0, x, 0.0), F.relu(x)),
    "sigmoid": (1 / (1 + torch.exp(-x)), torch.sigmoid(x)),
    "tanh": ((torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x)), torch.tanh(x)),
    "softplus": (torch.log(1 + torch.exp(x)), F.softplus(x)),
    "gelu": (x / 2 * (1 + torch.erf(x / 2**0.5)), F.gelu(x)),
}
for name, (by_hand, from_torch) in pairs.items():
    print(f"{name:8}", torch.allclose(by_hand, from_torch, atol=1e-6))

# %% overflow
big = torch.tensor(100.0)
print("softplus:", torch.log(1 + torch.exp(big)), F.softplus(big))
print("tanh:    ", (torch.exp(big) - torch.exp(-big)) / (torch.exp(big) + torch.exp(-big)), torch.tanh(big))

# %% curves
panels = [(torch.sigmoid, torch.tanh), (F.relu, F.softplus, F.gelu)]

fig, axes = plt.subplots(1, 2)
for ax, functions in zip(axes, panels, strict=True):
    for f in functions:
        ax.plot(x, f(x), label=f.__name__)
    ax.set(xlabel="input x")
    ax.legend()
axes[0].set(ylabel="output f(x)")
plt.show()

# %% plot-grad-error tags=["raises-exception"]
x = torch.linspace(-4, 4, 201, requires_grad=True)  # (201,)
torch.sigmoid(x).sum().backward()  # x.grad[i] is now the slope at x[i]

axes[0].plot(x, x.grad)

# %% slopes
fig, axes = plt.subplots(1, 2, sharey=True)
for ax, functions in zip(axes, panels, strict=True):
    for f in functions:
        (slope,) = torch.autograd.grad(f(x).sum(), x)  # (201,)
        ax.plot(x.detach(), slope, label=f.__name__)
    ax.set(xlabel="input x")
    ax.legend()
axes[0].set(ylabel="slope f'(x)")
plt.show()

# %% plot-gpu tags=["gpu"]
x_gpu = torch.linspace(-4, 4, 201, device="cuda")
try:
    axes[0].plot(x_gpu, torch.sigmoid(x_gpu))
except TypeError as error:
    print(error)

line = axes[0].plot(x_gpu.cpu(), torch.sigmoid(x_gpu).cpu())
print("drawn:", len(line), "line")

# %% steepest
zero = torch.tensor(0.0, requires_grad=True)
for f in (torch.sigmoid, torch.tanh):
    (slope,) = torch.autograd.grad(f(zero), zero)
    print(f"{f.__name__:8}", slope)

# %% softmax-by-hand
scores = torch.tensor([[2.0, 1.0, 0.0], [1.0, 3.0, 0.0]])  # (2, 3): 2 samples, 3 classes

powers = torch.exp(scores)  # (2, 3)
by_hand = powers / powers.sum(dim=1, keepdim=True)  # (2, 3) / (2, 1) -> (2, 3)
probabilities = torch.softmax(scores, dim=1)  # (2, 3)

print(torch.allclose(by_hand, probabilities))
print(probabilities)
print(probabilities.sum(dim=1))

# %% softmax-shift
large = scores + 1000
powers = torch.exp(large)

print(powers / powers.sum(dim=1, keepdim=True))
print(torch.allclose(torch.softmax(large, dim=1), probabilities))

# %% softmax-axis
fig, axes = plt.subplots(1, 2, sharex=True, sharey=True)
for ax, dim in zip(axes, (1, 0), strict=True):
    p = torch.softmax(scores, dim=dim)  # (2, 3)
    left = torch.zeros(2)
    for k in range(3):
        ax.barh(["sample 0", "sample 1"], p[:, k], left=left, label=f"class {k}")
        left = left + p[:, k]
    ax.set(title=f"dim={dim}", xlabel="sum of the row", xticks=[0, 0.5, 1, 1.5])
axes[0].invert_yaxis()
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.show()

# %% softmax-loss
target = torch.tensor([0, 1])  # (2,): the right class of each sample

print(-torch.log(probabilities[[0, 1], target]).mean())
print(F.cross_entropy(scores, target))
print(F.cross_entropy(probabilities, target), "<- softmax taken twice")

# %% softmax-two
z = torch.linspace(-4, 4, 9)
two_scores = torch.stack([z, torch.zeros(9)], dim=1)  # (9, 2)
torch.allclose(torch.softmax(two_scores, dim=1)[:, 0], torch.sigmoid(z))

# %% swish-module
class Swish(nn.Module):
    def __init__(self, beta: float = 1.0):
        super().__init__()
        self.beta = nn.Parameter(torch.tensor(beta))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(self.beta * x)  # same shape as x


swish = Swish()
x = torch.linspace(-4, 4, 201)
print(torch.allclose(swish(x), F.silu(x)))

swish(x).sum().backward()
print(swish.beta.grad)

# %% swish-betas
fig, ax = plt.subplots()
for beta in (0.0, 1.0, 10.0):
    ax.plot(x, Swish(beta)(x).detach(), label=f"beta = {beta:g}")
ax.plot(x, F.relu(x), "--", label="ReLU")
ax.set(xlabel="input x", ylabel="Swish(x)")
ax.legend()
plt.show()

# %% swish-function
class SwishFunction(torch.autograd.Function):
    @staticmethod
    def forward(x, beta):
        return x * torch.sigmoid(beta * x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):  # grad_output: same shape as x
        x, beta = ctx.saved_tensors
        s = torch.sigmoid(beta * x)
        grad_x = grad_output * (s + beta * x * s * (1 - s))  # same shape as x
        grad_beta = (grad_output * x * x * s * (1 - s)).sum()  # a scalar, like beta
        return grad_x, grad_beta

# %% gradcheck
points = torch.linspace(-3, 3, 7, dtype=torch.float64, requires_grad=True)  # (7,)
beta = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)

torch.autograd.gradcheck(SwishFunction.apply, (points, beta))

# %% gradcheck-wrong tags=["raises-exception"]
class WrongSwish(SwishFunction):
    @staticmethod
    def backward(ctx, grad_output):
        x, beta = ctx.saved_tensors
        s = torch.sigmoid(beta * x)
        grad_x = grad_output * s  # forgets that s depends on x too
        grad_beta = (grad_output * x * x * s * (1 - s)).sum()
        return grad_x, grad_beta


torch.autograd.gradcheck(WrongSwish.apply, (points, beta))

# %% relu-zero
x = torch.tensor([-1.0, 0.0, 1.0], requires_grad=True)
torch.relu(x).sum().backward()
x.grad

# %% relu-corner tags=["raises-exception"]
away = torch.tensor([-1.0, 1.0], dtype=torch.float64, requires_grad=True)
print("away from 0:", torch.autograd.gradcheck(torch.relu, (away,)))

corner = torch.zeros(1, dtype=torch.float64, requires_grad=True)
torch.autograd.gradcheck(torch.relu, (corner,))

# %% sign
x = torch.tensor([-2.0, -0.5, 0.5, 2.0], requires_grad=True)
torch.sign(x).sum().backward()
x.grad

# %% stack
from itertools import pairwise


def stack(sizes, activation, init=None):
    """Linear layers of these sizes, each with its activation, and one output on top."""
    layers = [nn.Linear(n_in, n_out) for n_in, n_out in pairwise(sizes)]
    if init is not None:
        for layer in layers:
            init(layer.weight)
            nn.init.zeros_(layer.bias)
    modules = [module for layer in layers for module in (layer, activation())]
    return layers, nn.Sequential(*modules, nn.Linear(sizes[-1], 1))

# %% fit
def final_loss(activation, depth, init=None):
    """Mean squared error after 300 steps of fitting y = sin(4x)."""
    x = torch.linspace(-1, 1, 64).unsqueeze(1)  # (64, 1)
    y = torch.sin(4 * x)  # (64, 1)
    _, net = stack([1] + [32] * depth, activation, init)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        loss = F.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()

# %% shallow-deep
y = torch.sin(4 * torch.linspace(-1, 1, 64))
print(f"always answering the mean: {((y - y.mean()) ** 2).mean():.2f}")

for f in (nn.Sigmoid, nn.Tanh, nn.ReLU):
    print(f" 2 layers, {f.__name__:8} {final_loss(f, 2):.2f}")
print(f"20 layers, Sigmoid  {final_loss(nn.Sigmoid, 20):.2f}")

# %% norms
def gradient_norms(activation, init=None):
    """Norm of the weight gradient of each of 30 layers, the one nearest the input first."""
    layers, net = stack([64] * 31, activation, init)
    net.double()
    x = torch.randn(256, 64, dtype=torch.float64)  # (256, 64)
    y = torch.randn(256, 1, dtype=torch.float64)  # (256, 1)
    F.mse_loss(net(x), y).backward()
    return [layer.weight.grad.norm().item() for layer in layers]

# %% vanish
default = {f.__name__: gradient_norms(f) for f in (nn.Sigmoid, nn.Tanh, nn.ReLU)}

fig, ax = plt.subplots()
for name, norms in default.items():
    ax.semilogy(range(1, 31), norms, label=name)
ax.set(xlabel="layer (1 is nearest the input)", ylabel="norm of the weight gradient")
ax.legend()
plt.show()

# %% factor
spread = nn.Linear(64, 64).weight.var() * 64  # n Var(w)
print(f"n Var(w) = {spread:.3f}")

for name, squared_slope in {"Sigmoid": 1 / 16, "Tanh": 1, "ReLU": 1 / 2}.items():
    predicted = (1 / 3 * squared_slope) ** 0.5
    measured = (default[name][0] / default[name][-1]) ** (1 / 29)
    print(f"{name:8} predicted {predicted:.2f}   measured {measured:.2f}")

# %% matched
def too_large(weight):
    nn.init.normal_(weight, std=2 * (2 / 64) ** 0.5)  # twice what Kaiming asks for


matched = {
    "Sigmoid, Xavier": gradient_norms(nn.Sigmoid, nn.init.xavier_normal_),
    "Tanh, Xavier": gradient_norms(nn.Tanh, nn.init.xavier_normal_),
    "ReLU, Kaiming": gradient_norms(nn.ReLU, nn.init.kaiming_normal_),
    "ReLU, Kaiming x 2": gradient_norms(nn.ReLU, too_large),
}

fig, ax = plt.subplots()
for name, norms in matched.items():
    ax.semilogy(range(1, 31), norms, label=name)
ax.set(xlabel="layer (1 is nearest the input)", ylabel="norm of the weight gradient")
ax.legend()
plt.show()

# %% cured
print(f"20 layers, ReLU with Kaiming: {final_loss(nn.ReLU, 20, nn.init.kaiming_normal_):.2f}")

# %% explode
_, net = stack([64] * 31, nn.ReLU, too_large)
x, y = torch.randn(256, 64), torch.randn(256, 1)  # (256, 64), (256, 1)

optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for step in range(3):
    optimizer.zero_grad()
    loss = F.mse_loss(net(x), y)
    loss.backward()
    optimizer.step()
    print(f"step {step}: the loss is a finite number: {loss.isfinite().item()}")

# %% module-or-function
x = torch.linspace(-1, 1, 5)
relu = nn.ReLU()
print(torch.equal(relu(x), F.relu(x)), torch.equal(F.relu(x), torch.relu(x)))
print("parameters in nn.ReLU():", len(list(relu.parameters())))

nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))

# %% inplace-silent
h = torch.tensor([-1.0, 2.0])
print("expected:", h + F.relu(h))

bent = nn.ReLU(inplace=True)(h)
print("got:     ", h + bent)

# %% inplace-error tags=["raises-exception"]
x = torch.tensor([-1.0, 2.0], requires_grad=True)
y = torch.sigmoid(x)  # sigmoid keeps y: its slope is y * (1 - y)
nn.ReLU(inplace=True)(y).sum().backward()

# %% dead
x = torch.randn(1000, 2)  # (1000, 2)
unit = nn.Linear(2, 1)  # one unit
nn.init.constant_(unit.bias, -100.0)

for f in (F.relu, F.leaky_relu):
    unit.zero_grad()
    out = f(unit(x))  # (1000, 1)
    out.sum().backward()
    awake = (out > 0).sum().item()
    moves = (unit.weight.grad != 0).any().item()
    print(f"{f.__name__:10}  samples that wake it: {awake}   weights can move: {moves}")

# %% in-the-wild
from collections import Counter

from torchvision import models

kinds = (nn.ReLU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Sigmoid, nn.Hardsigmoid)
with torch.device("meta"):  # shapes only: no memory, no download
    for name in ("alexnet", "resnet50", "efficientnet_b0", "mobilenet_v3_small", "vit_b_16", "convnext_tiny"):
        modules = models.get_model(name).modules()
        counts = Counter(type(module).__name__ for module in modules if isinstance(module, kinds))
        print(f"{name:19}", dict(counts))

# %% sequential-class tags=["raises-exception"]
nn.Sequential(nn.Linear(2, 3), nn.ReLU)

# %% not-called tags=["raises-exception"]
x = torch.randn(4, 3)
nn.Linear(3, 2)(nn.ReLU(x))

# %% softmax-integers tags=["raises-exception"]
torch.softmax(torch.tensor([1, 2, 3]), dim=0)

# %% softmax-no-dim tags=["warns"]
F.softmax(scores)
