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
kilos = torch.tensor([1.0, 2.0, 3.0, 4.0])  # (4,)
paid = torch.tensor([3.0, 6.0, 9.0, 12.0])  # (4,)

price = 0.0  # first guess: free of charge
for step in range(5):
    guess = torch.tensor(price, requires_grad=True)
    loss = ((kilos * guess - paid) ** 2).mean()  # torch: how wrong is the guess?
    loss.backward()  # torch.autograd: which way is worse?
    price = price - 0.05 * guess.grad.item()  # a small step the other way
    print(f"{price:.2f}")

# %% variable
print(type(kilos).__name__)
print(type(torch.autograd.Variable(kilos)).__name__)

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

y

# %% chains-figure tags=["fold"]
import matplotlib.pyplot as plt

signs = {
    "DivBackward0": ("÷2", "C0", lambda x: x / 2),
    "MulBackward0": ("×3", "C1", lambda x: x * 3),
    "AddBackward0": ("+1", "C2", lambda x: x + 1),
}

fig, ax = plt.subplots()
for row, number in enumerate((4.0, 5.0, 3.0)):
    node, names = walk(torch.tensor(number, requires_grad=True)).grad_fn, []
    while node.next_functions:  # step back from the result to the start
        names.insert(0, node.name())
        node = node.next_functions[0][0]
    ax.plot([0, len(names)], [-row, -row], color="C5", zorder=1)
    ax.text(-0.25, -row, f"{number:g}", ha="right", va="center")
    for place, name in enumerate(names, 1):
        label, color, operation = signs[name]
        number = operation(number)
        ax.plot(place, -row, "o", color=color, markersize=10)
        ax.text(place, -row + 0.2, label, ha="center")
        ax.text(place, -row - 0.2, f"{number:g}", ha="center", va="top")
ax.set(xlim=(-0.8, 9.4), ylim=(-2.6, 0.6), xticks=range(10), yticks=[])
ax.set(xlabel="operations recorded, in order of the run", ylabel="start")
ax.spines["left"].set_visible(False)
ax.grid(False)
plt.show()

# %% no-module tags=["raises-exception"]
import pytorch

pytorch.tensor([1.0, 2.0, 3.0])

# %% no-record tags=["raises-exception"]
torch.tensor([1.0, 2.0, 3.0]).sum().backward()
