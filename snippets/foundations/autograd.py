# The cells of the chapter foundations/autograd.

# %% nudge
import torch


def f(x):
    y = x + 2
    z = 3 * y**2
    return z.mean()


x = torch.ones(2, 2, dtype=torch.float64)  # (2, 2)
nudged = x.clone()
nudged[0, 0] += 0.001
slope = (f(nudged) - f(x)) / 0.001
print(f"{slope.item():.3f}")

# %% paper
dy_dx = 1
dz_dy = 6 * 3  # 6y, and y is 1 + 2
dm_dz = 1 / 4  # each z is one of four in the mean
dy_dx * dz_dy * dm_dz

# %% example
x = torch.ones(2, 2, requires_grad=True)  # (2, 2)
y = x + 2  # (2, 2)
z = 3 * y**2  # (2, 2)
m = z.mean()  # ()
m.backward()
x.grad  # (2, 2)

# %% walk
print("m, y, x were made by:", m.grad_fn.name(), y.grad_fn.name(), x.grad_fn)

node = m.grad_fn
while node.next_functions:
    print(type(node).__name__)
    node = node.next_functions[0][0]
print(type(node).__name__, "into x:", node.variable is x)

# %% dynamic
for start in (1.0, 3.0):
    x = torch.tensor(start, requires_grad=True)
    y = x
    while y < 10:
        y = y * 2
    y.backward()
    print(f"x = {start:g}   y = {y.item():g}   gradient = {x.grad.item():g}")

# %% shared
w = torch.tensor(2.0, requires_grad=True)
a = w * 3
b = a**2
c = a + b
print(a.item(), b.item(), c.item())

# %% graph-figure
import matplotlib.pyplot as plt

column, edges, passed = {}, {}, {}


def explore(node, steps_back=0):
    column[node] = min(-steps_back, column.get(node, 0))
    node.register_hook(lambda handed_on, _: passed.update({node: handed_on}))  # called by backward
    for i, (parent, _) in enumerate(node.next_functions):
        if parent is not None:
            edges[node, i, parent] = True
            explore(parent, steps_back + 1)


explore(c.grad_fn)
c.backward()

labels = {c.grad_fn: "c = 42", b.grad_fn: "b = 36", a.grad_fn: "a = 6"}
place = {node: (left, 0.8 if node is b.grad_fn else 0.0) for node, left in column.items()}

fig, ax = plt.subplots()
for node, (left, low) in place.items():
    ax.add_patch(plt.Rectangle((left - 0.36, low - 0.12), 0.72, 0.24, alpha=0.25, color="C0" if node in labels else "C2"))
    ax.text(left, low, type(node).__name__.replace("Grad", "\nGrad").replace("Back", "\nBack"), ha="center", va="center")
    ax.text(left, low - 0.16, labels.get(node, "w = 2"), ha="center", va="top")
for node, i, parent in edges:
    (x0, y0), (x1, y1) = place[node], place[parent]
    start = (x0, y0 + 0.13) if y1 > y0 else (x0 - 0.37, y0)
    tip = (x1, y1 + 0.13) if y1 < y0 else (x1 + 0.37, y1)
    ax.annotate("", tip, start, arrowprops={"arrowstyle": "->", "color": "C1", "lw": 1.8, "shrinkA": 0, "shrinkB": 1})
    side = 0 if y0 == y1 else 0.13 if y1 > y0 else -0.15
    middle = ((start[0] + tip[0]) / 2 + side, (start[1] + tip[1]) / 2 + 0.05)
    ax.text(*middle, f"{passed[node][i].item():g}", ha="center", weight="bold")
ax.set(xlim=(-3.45, 0.45), ylim=(-0.3, 1))
ax.axis("off")
plt.show()

# %% shared-sum
print("by autograd:", w.grad)
print("on paper:   ", (1 + 2 * 6) * 3)

# %% scalar
def gradient(seed=None):
    x = torch.tensor(3.0, requires_grad=True)
    y = x**2
    z = 5 * y
    z.backward(seed)
    return x.grad


print(gradient())
print(gradient(torch.tensor(1.0)))
print(gradient(torch.tensor(10.0)))

# %% vector-error tags=["raises-exception"]
A = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])  # (2, 3)
x = torch.ones(3, requires_grad=True)  # (3,)
y = A @ x  # (2, 3) @ (3,) -> (2,)
y.backward()

# %% jacobian
torch.autograd.functional.jacobian(lambda x: A @ x, torch.ones(3))  # (2, 3)

# %% vjp
v = torch.tensor([1.0, 10.0])  # (2,), the shape of y
y.backward(v)
print(x.grad)
print(v @ A)  # (2,) @ (2, 3) -> (3,)

# %% vjp-sum
x = torch.ones(3, requires_grad=True)
y = A @ x
(v * y).sum().backward()
x.grad

# %% once-error tags=["raises-exception"]
x = torch.tensor(3.0, requires_grad=True)
y = x**2
y.backward()
print(x.grad)
y.backward()

# %% retain-graph
x = torch.tensor(3.0, requires_grad=True)
y = x**2
y.backward(retain_graph=True)
y.backward()
x.grad

# %% accumulate
w = torch.tensor(2.0, requires_grad=True)
(3 * w).backward()
print(w.grad)
(3 * w).backward()
print(w.grad)

# %% no-zero-figure
def descend(zero):
    w = torch.tensor(0.0, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    path = [w.item()]
    for _ in range(60):
        if zero:
            optimizer.zero_grad()
        loss = (w - 3) ** 2
        loss.backward()
        optimizer.step()  # w becomes w - 0.1 * w.grad
        path.append(w.item())
    return path


fig, ax = plt.subplots()
ax.plot(descend(zero=False), label="without zero_grad", color="C1")
ax.plot(descend(zero=True), label="with zero_grad", color="C0")
ax.set(xlabel="step", ylabel="w", ylim=(-0.5, 7.7))
ax.legend(loc="upper right", ncols=2)
plt.show()

# %% zero-grad
optimizer = torch.optim.SGD([w], lr=0.1)
print(w.grad)
optimizer.zero_grad()
print(w.grad)

# %% parts
torch.manual_seed(0)
inputs, targets = torch.randn(8, 3), torch.randn(8)  # (8, 3), (8,)
w = torch.ones(3, requires_grad=True)


def loss(inputs, targets):
    return ((inputs @ w - targets) ** 2).mean()  # (n, 3) @ (3,) -> (n,) -> ()


loss(inputs, targets).backward()
whole, w.grad = w.grad, None

for part, answers in zip(inputs.split(2), targets.split(2)):  # four times (2, 3) and (2,)
    (loss(part, answers) / 4).backward()
print(whole)
print(w.grad)

# %% uneven-parts
def in_threes(share):
    w.grad = None
    for part, answers in zip(inputs.split(3), targets.split(3)):  # 3, 3 and 2 samples
        (loss(part, answers) * share(part)).backward()
    return torch.allclose(w.grad, whole)


print("divided by 3:         ", in_threes(lambda part: 1 / 3))
print("by number of samples: ", in_threes(lambda part: len(part) / 8))

# %% leaf
x = torch.ones(3)
w = torch.ones(3, requires_grad=True)
y = w * x
for name, t in {"x": x, "w": w, "y": y}.items():
    print(name, "  leaf:", t.is_leaf, "  requires grad:", t.requires_grad)

# %% non-leaf-grad tags=["warns"]
y.sum().backward()
print("x:", x.grad)
print("w:", w.grad)
print("y:", y.grad)

# %% retain-grad
w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = w * 2
y.retain_grad()
(y**2).sum().backward()
print("y:", y.grad)
print("w:", w.grad)

# %% update-error tags=["raises-exception"]
w -= 0.1 * w.grad

# %% no-grad
with torch.no_grad():
    w -= 0.1 * w.grad
    y = w * 2
print(w)
print(y)

# %% detach
x = torch.tensor(3.0, requires_grad=True)
(x * x).backward()
print(x.grad)

x = torch.tensor(3.0, requires_grad=True)
(x * x.detach()).backward()
print(x.grad)

# %% detach-shares
w = torch.ones(3, requires_grad=True)
view, copy = w.detach(), w.detach().clone()
view[0] = 100
print(w)
print(copy)

# %% inference
w = torch.ones(3, requires_grad=True)
with torch.no_grad():
    plain = w * 2
with torch.inference_mode():
    sealed = w * 2
print("no_grad:       ", plain.requires_grad, plain.is_inference())
print("inference_mode:", sealed.requires_grad, sealed.is_inference())

(w * plain).sum().backward()
w.grad

# %% inference-error tags=["raises-exception"]
w * sealed

# %% in-place-error tags=["raises-exception"]
w = torch.ones(3, requires_grad=True)
y = w.exp()
y += 1
y.sum().backward()

# %% in-place-fine
w = torch.ones(3, requires_grad=True)
y = w * 2
y += 1
y.sum().backward()
print(w.grad)

w = torch.ones(3, requires_grad=True)
y = w.exp()
y = y + 1
y.sum().backward()
print(w.grad)

# %% hook-print
w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = w * 2
handle = y.register_hook(lambda grad: print("passing y:", grad))
(y**2).sum().backward()
print("in w.grad:", w.grad)

# %% hook-clip
w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
handle = w.register_hook(lambda grad: grad.clamp(-10, 10))
(w**3).sum().backward()
print(w.grad)

handle.remove()
w.grad = None
(w**3).sum().backward()
print(w.grad)

# %% variable
from torch.autograd import Variable

t = torch.ones(2, 2)
wrapped = Variable(t, requires_grad=True)
f(wrapped).backward()
print(type(wrapped).__name__, isinstance(t, Variable))
print(wrapped.grad)

t.requires_grad_()
f(t).backward()
print(t.grad)

# %% engine-scalar
import math


class Scalar:
    """A number that knows which scalars it was made from, and its slope towards each."""

    def __init__(self, value, parents=()):
        self.value = value
        self.grad = 0.0
        self.parents = parents  # ((scalar, slope), ...)

    def __add__(self, other):
        return Scalar(self.value + other.value, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        return Scalar(self.value * other.value, ((self, other.value), (other, self.value)))

    def __pow__(self, n):
        return Scalar(self.value**n, ((self, n * self.value ** (n - 1)),))

    def tanh(self):
        t = math.tanh(self.value)
        return Scalar(t, ((self, 1 - t**2),))

# %% engine-order
def ordered(end):
    """All scalars behind `end`, each after everything that it was made from."""
    order, seen = [], set()

    def visit(scalar):
        if scalar not in seen:
            seen.add(scalar)
            for parent, _ in scalar.parents:
                visit(parent)
            order.append(scalar)

    visit(end)
    return order

# %% engine-backward
def backward(end):
    end.grad = 1.0
    for scalar in reversed(ordered(end)):
        for parent, slope in scalar.parents:
            parent.grad += slope * scalar.grad


w = Scalar(2.0)
a = w * Scalar(3.0)
c = a + a**2
backward(c)
print(c.value, a.grad, w.grad)

# %% engine-torch
def formula(p, q, r):
    s = p * q + r
    return (s**3 + s * p).tanh() * q


numbers = (0.5, -0.8, 0.9)
ours = [Scalar(n) for n in numbers]
theirs = [torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in numbers]

end = formula(*ours)
backward(end)
expected = formula(*theirs)
expected.backward()

print(f"result  {end.value:.6f}  {expected.item():.6f}")
for name, one, other in zip("pqr", ours, theirs):
    print(f"{name}.grad  {one.grad:.6f}  {other.grad.item():.6f}  {math.isclose(one.grad, other.grad.item())}")

# %% no-graph-error tags=["raises-exception"]
w = torch.ones(3)
(w * 2).sum().backward()

# %% integer-error tags=["raises-exception"]
torch.tensor([1, 2, 3], requires_grad=True)

# %% numpy-error tags=["raises-exception"]
w = torch.ones(3, requires_grad=True)
w.numpy()

# %% non-leaf-optimizer-error tags=["raises-exception"]
w = torch.ones(3, requires_grad=True) * 0.01
torch.optim.SGD([w], lr=0.1)

# %% leaf-mended
w = (torch.ones(3) * 0.01).requires_grad_()
optimizer = torch.optim.SGD([w], lr=0.1)
w.is_leaf

# %% history-kept
w = torch.tensor(2.0, requires_grad=True)
total, plain_total = 0.0, 0.0
for _ in range(3):
    step_loss = w**2
    total += step_loss
    plain_total += step_loss.item()
print(total)
print(plain_total)
