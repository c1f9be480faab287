# The cells of the chapter foundations/what-is-pytorch.

# %% two-skills
import torch

x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)  # (3,)
total = (x**2).sum()
total.backward()

print(total.item(), x.grad)

# %% numpy tags=["raises-exception"]
import numpy as np

array = np.array([1.0, 2.0, 3.0])  # (3,)
total = (array**2).sum()
print(total)
total.backward()

# %% anywhere
fast = torch.accelerator.current_accelerator(check_available=True)
device = fast or torch.device("cpu")

x = torch.tensor([1.0, 2.0, 3.0], device=device, requires_grad=True)
(x**2).sum().backward()
print(x.grad.tolist())

# %% by-hand
kilos = torch.tensor([[1.0], [2.0], [3.0], [4.0]])  # (4, 1)
paid = torch.tensor([[3.0], [6.0], [9.0], [12.0]])  # (4, 1)

price = torch.zeros(1, requires_grad=True)  # first guess: free of charge
for step in range(5):
    loss = ((kilos * price - paid) ** 2).mean()  # torch: how wrong is the guess?
    loss.backward()  # torch.autograd: which way is worse?
    with torch.no_grad():
        price -= 0.05 * price.grad  # a step the other way
    price.grad = None
    print(f"{price.item():.2f}")

# %% conveniences
from torch.utils.data import DataLoader, TensorDataset

layer = torch.nn.Linear(1, 1, bias=False)  # torch.nn keeps the price
torch.nn.init.zeros_(layer.weight)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.05)  # torch.optim takes the steps
loader = DataLoader(TensorDataset(kilos, paid), batch_size=4)  # torch.utils.data hands out the data

for epoch in range(5):
    for inputs, targets in loader:  # (4, 1), (4, 1)
        torch.nn.functional.mse_loss(layer(inputs), targets).backward()
        optimizer.step()
        optimizer.zero_grad()

print(f"{layer.weight.item():.2f}", torch.allclose(layer.weight, price))

# %% variable
print(type(inputs).__name__)
print(type(torch.autograd.Variable(inputs)).__name__)

# %% control-flow
def walk(x):
    while x > 1:
        if x % 2 == 0:
            x = x / 2
        else:
            x = x * 3 + 1
    return x


for start in (4.0, 5.0, 3.0):
    x = torch.tensor(start, requires_grad=True)
    y = walk(x)
    y.backward()
    print(f"from {start}: arrives at {y.item()}, gradient {x.grad.item()}")

# %% chains
def chain(y):
    """The operations that made y, the first one first."""
    names, node = [], y.grad_fn
    while "AccumulateGrad" not in node.name():
        names.append(node.name().removesuffix("Backward0"))
        node = node.next_functions[0][0]  # one step back
    return names[::-1]


chains = {}
for start in (4.0, 5.0, 3.0):
    chains[start] = chain(walk(torch.tensor(start, requires_grad=True)))
    print(start, *chains[start])

# %% chains-figure
import matplotlib.pyplot as plt

step = {
    "Div": ("÷2", "C0", lambda x: x / 2),
    "Mul": ("×3", "C1", lambda x: x * 3),
    "Add": ("+1", "C2", lambda x: x + 1),
}

fig, ax = plt.subplots()
for row, (number, names) in enumerate(chains.items()):
    ax.plot([0, len(names)], [-row, -row], color="C5", zorder=1)
    ax.text(-0.25, -row, f"{number:g}", ha="right", va="center")
    for place, name in enumerate(names, 1):
        label, color, operation = step[name]
        number = operation(number)
        ax.plot(place, -row, "o", color=color, markersize=10)
        ax.text(place, -row + 0.2, label, ha="center")
        ax.text(place, -row - 0.2, f"{number:g}", ha="center", va="top")
ax.set(xlim=(-0.8, 9.4), ylim=(-2.6, 0.6), xticks=range(10), yticks=[])
ax.set(xlabel="operations recorded, in order of the run", ylabel="start")
ax.spines["left"].set_visible(False)
ax.grid(False)
plt.show()

# %% compile
def look(graph, example_inputs):
    operations = [node.name for node in graph.graph.nodes if node.op.startswith("call")]
    print("captured:", operations)
    return graph.forward  # run what was captured, unchanged


def measure(x, squared):
    if squared:
        return (x**2).sum()
    return x.abs().sum()


compiled = torch.compile(measure, backend=look)
x = torch.tensor([3.0, -4.0])
for squared in (True, False, True):
    print(squared, compiled(x, squared).item(), measure(x, squared).item())

# %% no-module tags=["raises-exception"]
import pytorch

pytorch.tensor([1.0, 2.0, 3.0])

# %% no-record tags=["raises-exception"]
torch.tensor([1.0, 2.0, 3.0]).sum().backward()
