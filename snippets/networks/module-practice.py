# The cells of the chapter networks/module-practice

# %% start tags=["fold"]
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.output = nn.Linear(8, 3)

    def forward(self, x):  # (N, 4) -> (N, 3)
        return self.output(torch.relu(self.hidden(x)))


net = Net()
flowers = torch.tensor([[5.1, 3.5, 1.4, 0.2],
                        [4.9, 3.0, 1.4, 0.2],
                        [7.0, 3.2, 4.7, 1.4],
                        [6.4, 3.2, 4.5, 1.5],
                        [6.3, 3.3, 6.0, 2.5]])  # (5, 4), in cm
print(net(flowers).shape, sum(parameter.numel() for parameter in net.parameters()))

# %% linear-any
print(net(flowers).shape)  # (5, 4) -> (5, 3)
print(net(flowers[0]).shape)  # (4,) -> (3,)
print(net(torch.ones(2, 6, 7, 4)).shape)  # (2, 6, 7, 4) -> (2, 6, 7, 3)

# %% conv-single
photo = torch.rand(3, 8, 8)  # (C, H, W)
photos = photo.unsqueeze(0)  # (1, C, H, W)
conv = nn.Conv2d(3, 6, kernel_size=3)

print(conv(photo).shape)  # (3, 8, 8) -> (6, 6, 6)
print(conv(photos).shape)  # (1, 3, 8, 8) -> (1, 6, 6, 6)
print(torch.allclose(conv(photo), conv(photos)[0], atol=1e-6))

# %% norm-single tags=["raises-exception"]
nn.BatchNorm2d(3)(photo)

# %% flatten
print(nn.BatchNorm2d(3)(photos).shape)
print(nn.Flatten()(photos).shape)  # (1, 3, 8, 8) -> (1, 192)
print(nn.Flatten()(photo).shape)  # (3, 8, 8) -> (3, 64): three samples?

# %% init-default
for inputs in (4, 100, 2500):
    weight = nn.Linear(inputs, 400).weight  # (400, inputs)
    bound, largest = inputs**-0.5, weight.abs().max()
    print(f"{inputs:4} inputs: bound {bound:.4f}, largest |weight| {largest:.4f}")

# %% init-figure tags=["fold"]
import matplotlib.pyplot as plt

wide, other = nn.Linear(100, 1000), nn.Linear(100, 1000)
nn.init.kaiming_normal_(other.weight, nonlinearity="relu")

fig, ax = plt.subplots()
for layer, name in ((wide, "default"), (other, "kaiming_normal_")):
    weights = layer.weight.detach().flatten()  # (100000,)
    ax.hist(weights, bins=100, range=(-0.5, 0.5), alpha=0.6, label=name)
for edge in (-0.1, 0.1):
    label = "±1/√100" if edge > 0 else None
    ax.axvline(edge, color="C2", linestyle="--", label=label)
ax.set(xlabel="weight", ylabel="weights per bar")
ax.legend()
plt.show()

# %% init-same
clones = Net()
for parameter in clones.parameters():
    nn.init.constant_(parameter, 0.1)
clones(flowers).sum().backward()
clones.hidden.weight.grad  # (8, 4)

# %% init-apply
def initialise(module):
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


fresh = Net().apply(initialise)
print(fresh.hidden.bias)
print(fresh.output.bias)

# %% custom
class MyLinear(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        bound = in_features**-0.5
        weight = torch.empty(out_features, in_features).uniform_(-bound, bound)
        self.weight = nn.Parameter(weight)  # (out, in)
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound))

    def forward(self, x):  # (*, in) -> (*, out)
        return x @ self.weight.T + self.bias

# %% custom-same
mine, theirs = MyLinear(4, 8), nn.Linear(4, 8)
print(mine.load_state_dict(theirs.state_dict()))
print("outputs:  ", torch.allclose(mine(flowers), theirs(flowers)))

for module in (mine, theirs):
    module(flowers).square().sum().backward()
print("gradients:", torch.allclose(mine.weight.grad, theirs.weight.grad))

# %% dropout
ones = torch.ones(10)
for p in (0.5, 0.2):
    drop = nn.Dropout(p)
    print(f"p={p} train:", drop(ones).tolist())
drop.eval()
print("p=0.2 eval: ", drop(ones).tolist())

# %% batch-norm
norm = nn.BatchNorm1d(4)
print("weight", norm.weight.tolist(), "bias", norm.bias.tolist())
with torch.no_grad():
    norm.weight.fill_(3)
    norm.bias.fill_(10)

mean = flowers.mean(dim=0)  # (4,)
std = (flowers.var(dim=0, correction=0) + norm.eps).sqrt()  # (4,)
by_hand = (flowers - mean) / std * norm.weight + norm.bias  # (5, 4)
print(torch.allclose(norm(flowers), by_hand, atol=1e-4))

# %% running
norm = nn.BatchNorm1d(4)
print("batch:    ", flowers.mean(dim=0))
print("at first: ", norm.running_mean)
norm(flowers)
print("one pass: ", norm.running_mean)
norm(flowers)
print("two:      ", norm.running_mean)

norm.eval()
norm(flowers)
print("then eval:", norm.running_mean)

# %% modes
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
print(model.training, [module.training for module in model])
print("same twice:", torch.equal(model(flowers), model(flowers)))

model.eval()
print(model.training, [module.training for module in model])
print("same twice:", torch.equal(model(flowers), model(flowers)))
print("still recording for autograd:", model(flowers).requires_grad)

# %% silent
quiet = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3))
print("train, same twice:    ", torch.equal(quiet(flowers), quiet(flowers)))
print("train, first of five: ", quiet(flowers)[0].detach())
print("train, first of two:  ", quiet(flowers[:2])[0].detach())

quiet.eval()
print("eval,  first of five: ", quiet(flowers)[0].detach())
print("eval,  first of two:  ", quiet(flowers[:2])[0].detach())

# %% freeze
from copy import deepcopy

net.hidden.requires_grad_(False)
start = deepcopy(net.state_dict())

optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
net(flowers).square().mean().backward()
optimizer.step()

for name, p in net.named_parameters():
    changed = not torch.equal(p, start[name])
    print(f"{name:14} grad {p.grad is not None!s:5}  changed {changed}")
print("trainable:", sum(p.numel() for p in net.parameters() if p.requires_grad))

# %% freeze-buffer
norm = nn.BatchNorm1d(4).requires_grad_(False)
print("at first:", norm.running_mean)
norm(flowers)
print("train:   ", norm.running_mean)
norm.eval()
norm(flowers)
print("eval:    ", norm.running_mean)

# %% move
class Shift(nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(4))
        self.mean = nn.Buffer(torch.zeros(4))
        self.shift = torch.zeros(4)  # not registered

    def forward(self, x):  # (N, 4) -> (N, 4)
        return (x - self.mean) * self.gain + self.shift


scale = Shift()
print("tensor:", flowers.to("cpu") is flowers, flowers.to("meta") is flowers)
print("module:", scale.to("cpu") is scale, scale.to("meta") is scale)
print(scale.gain.device, scale.mean.device, scale.shift.device)

# %% move-error tags=["raises-exception"]
scale(flowers.to("meta"))

# %% one-error tags=["raises-exception"]
nn.BatchNorm1d(4)(flowers[:1])  # (1, 4)

# %% drop-last
from torch.utils.data import DataLoader

print([len(batch) for batch in DataLoader(flowers, batch_size=4)])
print([len(batch) for batch in DataLoader(flowers, batch_size=4, drop_last=True)])

# %% frozen-error tags=["raises-exception"]
frozen = Net().requires_grad_(False)
frozen(flowers).sum().backward()
