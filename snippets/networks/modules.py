# The cells of the chapter networks/modules

# %% first
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.output = nn.Linear(8, 3)

    def forward(self, x):  # (N, 4): N flowers, 4 lengths
        h = torch.relu(self.hidden(x))  # (N, 8)
        return self.output(h)  # (N, 3): N flowers, 3 scores


net = Net()
net

# %% use
flowers = torch.tensor([[5.1, 3.5, 1.4, 0.2],
                        [4.9, 3.0, 1.4, 0.2],
                        [7.0, 3.2, 4.7, 1.4],
                        [6.4, 3.2, 4.5, 1.5],
                        [6.3, 3.3, 6.0, 2.5]])  # (5, 4), in cm
scores = net(flowers)
scores.shape

# %% tree
import matplotlib.pyplot as plt

fig, (tree, path) = plt.subplots(1, 2, width_ratios=[1.25, 1])

rows = []  # (depth, text) of each line of the tree
for name, module in net.named_modules():
    rows.append((1 if name else 0, f"{name or 'net'}: {type(module).__name__}"))
    rows += [(2, f"{p_name} {tuple(p.shape)}") for p_name, p in module.named_parameters(recurse=False)]
for y, (depth, text) in enumerate(rows):
    if depth:
        parent = max(i for i, (other, _) in enumerate(rows[:y]) if other == depth - 1)
        tree.plot([depth - 1, depth - 1, depth], [parent, y, y], color="C5", lw=1.2, zorder=1)
    tree.scatter(depth, y, color=f"C{depth}", s=60, zorder=2)
    tree.text(depth + 0.2, y, text, va="center")
tree.set(title="what __init__ keeps", xlim=(-0.2, 4.6), ylim=(len(rows) - 0.5, -0.5))

x = flowers
path.text(0.16, -0.62, f"x {tuple(x.shape)}", va="center")
for y, (name, step) in enumerate([("hidden", net.hidden), ("relu", torch.relu), ("output", net.output)]):
    x = step(x)
    path.annotate("", (0, 2 * y + 0.1), (0, 2 * y - 1.3), arrowprops={"arrowstyle": "->", "color": "C5"})
    path.add_patch(plt.Rectangle((-0.5, 2 * y + 0.1), 1, 0.6, color="C3" if name == "relu" else "C1", alpha=0.3))
    path.text(0, 2 * y + 0.41, name, ha="center", va="center")
    path.text(0.16, 2 * y + 1.38, tuple(x.shape), va="center")
path.annotate("", (0, 6.1), (0, 4.7), arrowprops={"arrowstyle": "->", "color": "C5"})
path.set(title="what forward does", xlim=(-0.8, 0.8), ylim=(6.3, -1.5))
for ax in (tree, path):
    ax.axis("off")
plt.show()

# %% modules
for name, module in net.named_modules():
    print(f"{name!r:10}", type(module).__name__)

# %% parameters
for name, parameter in net.named_parameters():
    print(f"{name:14} {tuple(parameter.shape)!s:7} {parameter.numel():3}")
print("in all:", sum(parameter.numel() for parameter in net.parameters()))

# %% state-dict
state = net.state_dict()
print(list(state))

twin = Net()
print("before:", torch.equal(twin(flowers), net(flowers)))
print(twin.load_state_dict(state))
print("after: ", torch.equal(twin(flowers), net(flowers)))

# %% state-alias
from copy import deepcopy

kept = deepcopy(twin.state_dict())
live = twin.state_dict()
with torch.no_grad():
    twin.output.bias.zero_()  # the network changes, as it does in training
print("state_dict():", live["output.bias"])
print("deepcopy:    ", kept["output.bias"])

# %% register
class Standardize(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.mean = nn.Buffer(mean)  # (4,) known from the data
        self.std = nn.Buffer(std)  # (4,) known from the data
        self.gain = nn.Parameter(torch.ones(4))  # (4,) to be learned
        self.shift = torch.zeros(4)  # (4,) to be learned too, or so its author thinks

    def forward(self, x):  # (N, 4) -> (N, 4)
        return (x - self.mean) / self.std * self.gain + self.shift


scale = Standardize(flowers.mean(dim=0), flowers.std(dim=0))
print("std before:", flowers.std(dim=0))
print("std after: ", scale(flowers).std(dim=0).detach())

print("parameters:", [name for name, _ in scale.named_parameters()])
print("buffers:   ", [name for name, _ in scale.named_buffers()])
print("state_dict:", list(scale.state_dict()))

# %% tables
print("attributes:", [name for name in vars(net) if not name.startswith("_")])
print("submodules:", list(net._modules))
print(net.hidden is net._modules["hidden"])

# %% list
class PlainList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(4, 8), nn.Linear(8, 3)]


class InModuleList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 8), nn.Linear(8, 3)])


for module in (PlainList(), InModuleList()):
    count = sum(parameter.numel() for parameter in module.parameters())
    print(type(module).__name__, count, list(module.state_dict()))

# %% sequential
chain = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
print(chain(flowers).shape)
print([name for name, _ in chain.named_parameters()])

# %% super
class Child(nn.Module):
    def __init__(self):
        super().__init__()
        self.short = super().__init__


child = Child()
long = super(Child, child).__init__
print(long == child.short)
print(long.__func__ is nn.Module.__init__)
print(child._parameters, child._buffers, child._modules)

# %% super-forgotten tags=["raises-exception"]
class Forgetful(nn.Module):
    def __init__(self):
        self.hidden = nn.Linear(4, 8)


Forgetful()

# %% backward
print("forward: ", "forward" in vars(Net))
print("backward:", hasattr(Net, "backward"))

net(flowers).sum().backward()
for name, parameter in net.named_parameters():
    print(f"{name:14} {tuple(parameter.shape)!s:7} grad {tuple(parameter.grad.shape)}")
print(net.output.bias.grad)

# %% call
def report(module, args, result):
    print("   ", type(module).__name__, tuple(args[0].shape), "->", tuple(result.shape))


handle = net.register_forward_hook(report)
print("net(flowers)")
called = net(flowers)
print("net.forward(flowers)")
bypassed = net.forward(flowers)
handle.remove()
print("same numbers:", torch.equal(called, bypassed))

# %% hook-shapes
handles = [module.register_forward_hook(report) for module in chain.modules()]
chain(flowers)
for handle in handles:
    handle.remove()

# %% linear-by-hand
layer = nn.Linear(in_features=3, out_features=2)
with torch.no_grad():
    layer.weight.copy_(torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]))  # (2, 3): (out, in)
    layer.bias.copy_(torch.tensor([0.5, -0.5]))  # (2,)

x = torch.tensor([[1.0, 0.0, 2.0]])  # (1, 3)
print(layer(x))  # (1, 3) -> (1, 2)
print(x @ layer.weight.T + layer.bias)  # (1, 3) @ (3, 2) + (2,) -> (1, 2)

# %% linear-direction tags=["raises-exception"]
layer(torch.ones(1, 2))

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
    print(f"{inputs:4} inputs: bound {inputs**-0.5:.4f}, largest |weight| {weight.abs().max():.4f}")

# %% init-figure
wide, other = nn.Linear(100, 1000), nn.Linear(100, 1000)
nn.init.kaiming_normal_(other.weight, nonlinearity="relu")

fig, ax = plt.subplots()
ax.hist(wide.weight.detach().flatten(), bins=100, range=(-0.5, 0.5), alpha=0.6, label="default")
ax.hist(other.weight.detach().flatten(), bins=100, range=(-0.5, 0.5), alpha=0.6, label="kaiming_normal_")
for edge in (-0.1, 0.1):
    ax.axvline(edge, color="C2", linestyle="--", label="±1/√100" if edge > 0 else None)
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
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound))

    def forward(self, x):  # (*, in_features) -> (*, out_features)
        return x @ self.weight.T + self.bias


# %% custom-same
mine, theirs = MyLinear(4, 8), nn.Linear(4, 8)
print(mine.load_state_dict(theirs.state_dict()))
print("outputs:  ", torch.allclose(mine(flowers), theirs(flowers)))

for module in (mine, theirs):
    module(flowers).square().sum().backward()
print("gradients:", torch.allclose(mine.weight.grad, theirs.weight.grad))

# %% dropout
drop = nn.Dropout(0.5)
print("train:", drop(torch.ones(10)))
drop.eval()
print("eval: ", drop(torch.ones(10)))

# %% batch-norm
norm = nn.BatchNorm1d(4)
print("at first:    ", norm.running_mean)
out = norm(flowers)  # (5, 4) -> (5, 4)
print("after train: ", norm.running_mean)
print("of the batch:", flowers.mean(dim=0))

norm.eval()
norm(flowers)
print("after eval:  ", norm.running_mean)

# %% modes
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
print(model.training, [module.training for module in model])
print("same twice:", torch.equal(model(flowers), model(flowers)))

model.eval()
print(model.training, [module.training for module in model])
print("same twice:", torch.equal(model(flowers), model(flowers)))
print("still recording for autograd:", model(flowers).requires_grad)

# %% freeze
net = Net()
net.hidden.requires_grad_(False)
start = deepcopy(net.state_dict())

optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
net(flowers).square().mean().backward()
optimizer.step()

for name, parameter in net.named_parameters():
    print(f"{name:14} grad {parameter.grad is not None!s:5}  changed {not torch.equal(parameter, start[name])}")
print("trainable:", sum(parameter.numel() for parameter in net.parameters() if parameter.requires_grad))

# %% freeze-buffer
norm = nn.BatchNorm1d(4).requires_grad_(False)
norm(flowers)
print("train:", norm.running_mean)

norm = nn.BatchNorm1d(4).requires_grad_(False).eval()
norm(flowers)
print("eval: ", norm.running_mean)

# %% move
print("tensor:", flowers.to("meta") is flowers, flowers.device)
print("module:", scale.to("meta") is scale, scale.gain.device)
print("buffer:", scale.mean.device)
print("shift: ", scale.shift.device)

# %% move-error tags=["raises-exception"]
scale(flowers.to("meta"))

# %% empty-error tags=["raises-exception"]
torch.optim.SGD(PlainList().parameters(), lr=0.1)

# %% forward-error tags=["raises-exception"]
class Typo(nn.Module):
    def foward(self, x):
        return x


Typo()(flowers)

# %% assign-error tags=["raises-exception"]
net.output.bias = torch.zeros(3)

# %% load-error tags=["raises-exception"]
net.load_state_dict(chain.state_dict())

# %% one-error tags=["raises-exception"]
nn.BatchNorm1d(4)(flowers[:1])  # (1, 4)
