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

# %% tree tags=["fold"]
import matplotlib.pyplot as plt

fig, (tree, path) = plt.subplots(1, 2, width_ratios=[1.25, 1])

rows = []  # (depth, text) of each line of the tree
for name, module in net.named_modules():
    rows.append((1 if name else 0, f"{name or 'net'}: {type(module).__name__}"))
    for p_name, p in module.named_parameters(recurse=False):
        rows.append((2, f"{p_name} {tuple(p.shape)}"))
for y, (depth, text) in enumerate(rows):
    if depth:
        parent = max(i for i in range(y) if rows[i][0] == depth - 1)
        elbow = [depth - 1, depth - 1, depth], [parent, y, y]
        tree.plot(*elbow, color="C5", zorder=1)
    tree.scatter(depth, y, color=f"C{depth}", s=60, zorder=2)
    tree.text(depth + 0.2, y, text, va="center")
tree.set(title="what __init__ keeps", xlim=(-0.2, 4.6), ylim=(6.5, -0.5))

x, arrow = flowers, {"arrowstyle": "->", "color": "C5"}
path.text(0.16, -0.62, f"x {tuple(x.shape)}", va="center")
steps = {"hidden": net.hidden, "relu": torch.relu, "output": net.output}
for y, (name, step) in zip((0, 2, 4), steps.items()):
    x = step(x)
    color = "C3" if name == "relu" else "C1"
    path.annotate("", (0, y + 0.1), (0, y - 1.3), arrowprops=arrow)
    path.add_patch(plt.Rectangle((-0.5, y + 0.1), 1, 0.6, color=color, alpha=0.3))
    path.text(0, y + 0.41, name, ha="center", va="center")
    path.text(0.16, y + 1.38, tuple(x.shape), va="center")
path.annotate("", (0, 6.1), (0, 4.7), arrowprops=arrow)
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
        self.gain = nn.Parameter(torch.ones(4))  # (4,) to be learnt
        self.shift = torch.zeros(4)  # (4,) meant to be learnt too

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
    print(type(module).__name__, count, *module.state_dict())

# %% module-dict
heads = nn.ModuleDict({"species": nn.Linear(8, 3), "colour": nn.Linear(8, 2)})
h = torch.relu(net.hidden(flowers))  # (5, 8)
for name, head in heads.items():
    print(name, head(h).shape)
print([name for name, _ in heads.named_parameters()])

# %% sequential
chain = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
print(chain(flowers).shape)
print([name for name, _ in chain.named_parameters()])

# %% super
class Old(nn.Module):
    def __init__(self):
        super(Old, self).__init__()  # as in the old notes


class New(nn.Module):
    def __init__(self):
        print("before:", list(vars(self)))
        super().__init__()
        print("after: ", self._parameters, self._buffers, self._modules)


print("same attributes:", list(vars(New())) == list(vars(Old())))

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
    shape, grad = tuple(parameter.shape), tuple(parameter.grad.shape)
    print(f"{name:14} {shape!s:7} grad {grad}")
print(net.output.bias.grad)

# %% call
def report(module, args, result):
    shapes = f"{tuple(args[0].shape)} -> {tuple(result.shape)}"
    print(f"    {type(module).__name__} {shapes}")


handle = net.register_forward_hook(report)
print("net(flowers)")
called = net(flowers)
print("net.forward(flowers)")
bypassed = net.forward(flowers)
handle.remove()
print("same numbers:", torch.equal(called, bypassed))

# %% hook-summary
def summary(module, args, result):
    own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
    shapes = f"{tuple(args[0].shape)} -> {tuple(result.shape)}"
    print(f"{type(module).__name__:10} {shapes} {own:3} parameters")


handles = [module.register_forward_hook(summary) for module in chain.modules()]
chain(flowers)
for handle in handles:
    handle.remove()

# %% linear-by-hand
layer = nn.Linear(in_features=3, out_features=2)
with torch.no_grad():
    layer.weight.copy_(torch.tensor([[1.0, 2.0, 3.0],
                                     [10.0, 20.0, 30.0]]))  # (2, 3): (out, in)
    layer.bias.copy_(torch.tensor([0.5, -0.5]))  # (2,)

x = torch.tensor([[1.0, 0.0, 2.0]])  # (1, 3)
print(layer(x))  # (1, 3) -> (1, 2)
print(x @ layer.weight.T + layer.bias)  # (1, 3) @ (3, 2) + (2,) -> (1, 2)

# %% linear-direction tags=["raises-exception"]
layer(torch.ones(1, 2))

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
