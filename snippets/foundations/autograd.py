# The cells of the chapter foundations/autograd.

# %% nudge
import torch


def f(x):
    y = x + 2
    z = 3 * y**2
    return z.mean()


x = torch.ones(2, 2)  # (2, 2)
nudged = x.clone()
nudged[0, 0] += 0.01
slope = (f(nudged) - f(x)) / 0.01
print(f"{slope.item():.2f}")

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
node = m.grad_fn
while node.next_functions:
    print(type(node).__name__)
    node = node.next_functions[0][0]
print(type(node).__name__, "holds x:", node.variable is x)

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

# %% graph-figure tags=["fold"]
import matplotlib.pyplot as plt

w_node = a.grad_fn.next_functions[0][0]
spots = {c.grad_fn: ("c = 42", 3, 0), b.grad_fn: ("b = 36", 2, 1),
         a.grad_fn: ("a = 6", 1, 0), w_node: ("w = 2", 0, 0)}
sent = {}
for node in spots:
    node.register_hook(lambda grads, _, node=node: sent.update({node: grads}))
c.backward()

fig, ax = plt.subplots()
style = {"arrowstyle": "->", "color": "C1", "shrinkA": 36, "shrinkB": 36}
for node, (label, x0, y0) in spots.items():
    name = type(node).__name__.replace("Grad", "\nGrad").replace("Back", "\nBack")
    ax.text(x0, y0, f"{label}\n{name}", ha="center", va="center")
    for (parent, _), grad in zip(node.next_functions, sent[node]):
        if parent in spots:
            _, x1, y1 = spots[parent]
            ax.annotate("", (x1, y1), (x0, y0), arrowprops=style)
            middle = ((x0 + x1) / 2, (y0 + y1) / 2 + 0.05)
            side = {-1: "right", 0: "center", 1: "left"}[y1 - y0]
            ax.text(*middle, f"{grad.item():g}", ha=side, weight="bold")
ax.set(xlim=(-0.4, 3.4), ylim=(-0.3, 1.3))
ax.axis("off")
plt.show()

# %% scalar
def gradient(begin=None):
    x = torch.tensor(3.0, requires_grad=True)
    z = 5 * x**2
    z.backward(begin)
    return x.grad.item()


print(gradient(), gradient(torch.tensor(1.0)), gradient(torch.tensor(10.0)))

# %% vector-error tags=["raises-exception"]
A = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])  # (2, 3)
x = torch.ones(3, requires_grad=True)  # (3,)
y = A @ x  # (2, 3) @ (3,) -> (2,)
y.backward()

# %% vjp
v = torch.tensor([1.0, 10.0])  # (2,), the shape of y
y.backward(v)
print(x.grad)
print(v @ A)  # (2,) @ (2, 3) -> (3,)

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

# %% nothing-saved
x = torch.tensor(3.0, requires_grad=True)
y = x + 2
y.backward()
y.backward()
x.grad

# %% second-derivative
x = torch.tensor(3.0, requires_grad=True)
y = x**3
(first,) = torch.autograd.grad(y, x, create_graph=True)
(second,) = torch.autograd.grad(first, x)
print(first.item(), second.item(), x.grad)

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
        ((w - 3) ** 2).backward()
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
optimizer.zero_grad()
print(w.grad)

# %% parts
torch.manual_seed(0)
inputs, targets = torch.randn(8, 3), torch.randn(8)  # (8, 3), (8,)
w = torch.ones(3, requires_grad=True)


def loss(inputs, targets):
    return ((inputs @ w - targets) ** 2).mean()  # (n, 3) @ (3,) -> (n,) -> ()


loss(inputs, targets).backward()
print(w.grad)

w.grad = None
for part, answers in zip(inputs.split(2), targets.split(2)):  # 4 x (2, 3), (2,)
    (loss(part, answers) / 4).backward()
print(w.grad)

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
y.grad

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
(x * x.detach()).backward()
x.grad

# %% inference
w = torch.ones(3, requires_grad=True)
with torch.no_grad():
    plain = w * 2
with torch.inference_mode():
    sealed = w * 2
print(plain.requires_grad, sealed.requires_grad)
(w * plain).sum().backward()  # works: plain counts as a constant

# %% inference-error tags=["raises-exception"]
w * sealed

# %% in-place-error tags=["raises-exception"]
w = torch.ones(3, requires_grad=True)
y = w.exp()
y += 1
y.sum().backward()

# %% hooks
w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = w * 2
y.register_hook(lambda grad: print("at y:", grad))
w.register_hook(lambda grad: grad.clamp(max=10))
(y**2).sum().backward()
print("w.grad:", w.grad)

# %% variable
from torch.autograd import Variable

t = torch.ones(2, 2)
wrapped = Variable(t, requires_grad=True)
f(wrapped).backward()
print(type(wrapped).__name__, isinstance(t, Variable))
print(wrapped.grad)

# %% engine-scalar
class Scalar:
    """A number that knows what it was made from, and its slope towards each."""

    def __init__(self, value, parents=()):
        self.value = value
        self.grad = 0.0
        self.parents = parents  # ((scalar, slope), ...)

    def __add__(self, other):
        return Scalar(self.value + other.value, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        slopes = ((self, other.value), (other, self.value))
        return Scalar(self.value * other.value, slopes)

    def __pow__(self, n):
        return Scalar(self.value**n, ((self, n * self.value ** (n - 1)),))

# %% engine-order
def ordered(end, order):
    """Append all scalars behind `end`, each after what it was made from."""
    if end not in order:
        for parent, _ in end.parents:
            ordered(parent, order)
        order.append(end)
    return order

# %% engine-backward
def backward(end):
    end.grad = 1.0
    for scalar in reversed(ordered(end, [])):
        for parent, slope in scalar.parents:
            parent.grad += slope * scalar.grad


w = Scalar(2.0)
a = w * Scalar(3.0)
c = a + a**2
backward(c)
print(c.value, a.grad, w.grad)

# %% engine-torch
def formula(p, q):
    s = p * q + p
    return s**3 * q + s


ours = [Scalar(2.0), Scalar(-1.5)]
theirs = [torch.tensor(n.value, requires_grad=True) for n in ours]
backward(formula(*ours))
formula(*theirs).backward()
for one, other in zip(ours, theirs):
    print(one.grad, other.grad.item())

# %% no-graph-error tags=["raises-exception"]
w = torch.ones(3)
(w * 2).sum().backward()

# %% integer-error tags=["raises-exception"]
torch.tensor([1, 2, 3], requires_grad=True)

# %% numpy-error tags=["raises-exception"]
w = torch.ones(3, requires_grad=True)
w.numpy()
