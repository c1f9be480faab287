# The cells of the chapter foundations/numpy-bridge.

# %% digits
from sklearn.datasets import load_digits

digits = load_digits()  # comes with scikit-learn: nothing is downloaded
print(type(digits.images), digits.images.shape, digits.images.dtype)
print(type(digits.target), digits.target.shape, digits.target.dtype)

# %% common-names
import numpy as np
import torch

names = [name for name in np.__all__ if name[0].islower()]
names = [name for name in names if not isinstance(getattr(np, name), type)]
functions = [name for name in names if callable(getattr(np, name))]
common = [name for name in functions if hasattr(torch, name)]
print(len(functions), "functions in NumPy,", len(common), "of these names in torch")

# %% there-and-back
a = np.array([1.0, 2.0, 3.0, 4.0, 5.0])  # (5,)
x = torch.from_numpy(a)  # (5,), array -> tensor
back = x.numpy()  # (5,), tensor -> array
print(x)
print(back, back.dtype)

# %% shared
a[0] = 100  # change the array ...
x[1] = 200  # ... and the tensor
print(a)
print(x)

# %% pointers
print(x.data_ptr() == a.ctypes.data)  # address of the first number
print(np.shares_memory(a, back))

# %% copy
c = torch.tensor(a)  # (5,)
a[2] = 300
print("x", x)
print("c", c)

# %% shared-figure tags=["fold"]
import matplotlib.pyplot as plt

fig, ax = plt.subplots()
for row, values, usual in ((3, a, "C0"), (0, c, "C1")):
    for place, value in enumerate(values):
        color, alpha = ("C4", 0.45) if value != c[place] else (usual, 0.25)
        box = plt.Rectangle((place, row), 0.94, 0.94, color=color, alpha=alpha)
        ax.add_patch(box)
        ax.text(place + 0.47, row + 0.45, f"{value:g}", ha="center", va="center")
labels = [("a\nNumPy array", 3.47, 4.6), ("x = from_numpy(a)\ntensor", 3.47, 3.47),
          ("back = x.numpy()\nNumPy array", 3.47, 2.34),
          ("c = torch.tensor(a)\ntensor", 0.47, 0.47)]
for label, strip, height in labels:
    ax.text(-1.5, height, label, ha="right", va="center")
    arrow = {"arrowstyle": "->", "color": "C2"}
    ax.annotate("", (-0.1, strip), (-1.35, height), arrowprops=arrow)
ax.text(5.15, 3.47, "shared", va="center")
ax.text(5.15, 0.47, "its own", va="center")
ax.set(xlim=(-4.9, 6.3), ylim=(-0.4, 5.3), aspect="equal")
ax.axis("off")
plt.show()

# %% views
table = np.arange(6.0).reshape(2, 3)  # (2, 3)
middle = torch.from_numpy(table[:, 1])  # (2,), the second column
middle[0] = -1
print(table)
print("array ", table.strides, "bytes")
print("tensor", torch.from_numpy(table).stride(), "numbers")

# %% rebind
a = np.zeros(3)  # (3,)
x = torch.from_numpy(a)
a += 1  # in place: same memory
print(a, x)
a = a + 1  # a new array: the bridge is gone
print(a, x)

# %% diary
w = torch.zeros(2)  # (2,)
diary, safe = [], []
for _ in range(3):
    w += 1
    diary.append(w.numpy())
    safe.append(w.numpy().copy())
print("diary", *diary)
print("safe ", *safe)

# %% who-shares
a = np.array([1.0, 2.0, 3.0])  # (3,), float64
x = torch.from_numpy(a)
ways = {
    "torch.from_numpy(a)": x,
    "torch.as_tensor(a)": torch.as_tensor(a),
    "torch.as_tensor(a, dtype=torch.int64)": torch.as_tensor(a, dtype=torch.int64),
    "torch.tensor(a)": torch.tensor(a),
    "x.clone()": x.clone(),
    "torch.from_numpy(a.copy())": torch.from_numpy(a.copy()),
    "x.float()": x.float(),
    "x.double()": x.double(),
}
for way, t in ways.items():
    print(f"{way:38}", "shares" if np.shares_memory(a, t.numpy()) else "copies")

# %% same-dtype
for name in ("float16", "float32", "float64", "uint8", "int32", "int64", "bool"):
    array = np.zeros(2, dtype=name)
    print(f"{name:8}", torch.from_numpy(array).dtype)

# %% float64
print(np.array([0.5]).dtype, torch.tensor([0.5]).dtype)
print(torch.tensor(np.array([0.5])).dtype)

# %% linear-error tags=["raises-exception"]
from torch import nn

torch.manual_seed(0)
layer = nn.Linear(64, 10)
X = torch.from_numpy(digits.data)  # (1797, 64)
layer(X)

# %% linear-cured
print("before", X.dtype, X.nbytes, "bytes")
X = X.float()
print("after ", X.dtype, X.nbytes, "bytes")
layer(X).shape

# %% photo
from sklearn.datasets import load_sample_image

photo = load_sample_image("flower.jpg")  # (427, 640, 3)
print(photo.shape, photo.dtype, photo.min(), photo.max())
print("writeable:", photo.flags.writeable)

# %% read-only tags=["warns"]
torch.from_numpy(photo).shape

# %% photo-tensor
picture = torch.tensor(photo).permute(2, 0, 1) / 255  # (3, 427, 640)
print(picture.shape, picture.dtype, picture.min().item(), picture.max().item())
again = picture.permute(1, 2, 0).numpy()  # (427, 640, 3), ready for matplotlib
print(again.shape, np.array_equal((again * 255).round(), photo))

# %% photo-figure
fig, axes = plt.subplots(2, 2)
axes[0, 0].imshow(again)  # (427, 640, 3)
for ax, channel in zip(axes.flat[1:], picture):  # (427, 640) each
    ax.imshow(channel.numpy(), cmap="gray", vmin=0, vmax=1)
titles = ["again", "picture[0]: red", "picture[1]: green", "picture[2]: blue"]
for ax, title in zip(axes.flat, titles):
    ax.set_title(title)
    ax.axis("off")
plt.show()

# %% axis
t = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])  # (2, 3)
print(t.sum(dim=1, keepdim=True))
print(t.sum(axis=1, keepdims=True))

# %% quiet
a = np.array([1.0, 2.0, 3.0, 4.0])  # (4,)
t = torch.from_numpy(a)
print("std   ", np.std(a), torch.std(t).item())
print("median", np.median(a), torch.median(t).item())
print("repeat", a.repeat(2))
print("      ", t.repeat(2).numpy())
print("split ", len(np.split(a, 4)), "parts;", len(torch.split(t, 4)), "part")

# %% std
squares = (t - t.mean()) ** 2  # (4,)
print("divide by n    ", (squares.sum() / 4).sqrt())
print("divide by n - 1", (squares.sum() / 3).sqrt())
print("correction=0   ", np.std(a, correction=0), torch.std(t, correction=0))
print("correction=1   ", np.std(a, correction=1), torch.std(t, correction=1))

# %% dot
print(np.dot(a, a), torch.dot(t, t))
m = np.array([[1.0, 2.0], [3.0, 4.0]])  # (2, 2)
print(np.dot(m, m))
print(torch.from_numpy(m) @ torch.from_numpy(m))

# %% dot-error tags=["raises-exception"]
torch.dot(torch.from_numpy(m), torch.from_numpy(m))

# %% mix-sin tags=["warns"]
np.sin(t)

# %% mix-tensor-plus tags=["warns"]
t + a

# %% mix-plus tags=["raises-exception"]
a + t

# %% mix-mean tags=["raises-exception"]
np.mean(t)

# %% mix-cured
print(a + t.numpy())
print(torch.from_numpy(a) + t)

# %% random
torch.manual_seed(0)
rng = np.random.default_rng(0)
print("torch", torch.rand(3))
print("NumPy", rng.random(3))

torch.manual_seed(0)  # rewinds torch, and torch only
print("torch", torch.rand(3))
print("NumPy", rng.random(3))

# %% round-trip
from sklearn.metrics import accuracy_score

y = torch.from_numpy(digits.target)  # (1797,)
train_X, train_y, test_X = X[:1500], y[:1500], X[1500:]
averages = [train_X[train_y == k].mean(dim=0) for k in range(10)]  # (64,) each
means = torch.stack(averages)  # (10, 64)
guess = torch.cdist(test_X, means).argmin(dim=1)  # (297,)
print(f"{accuracy_score(digits.target[1500:], guess.numpy()):.2f}")

# %% means-figure
fig, axes = plt.subplots(2, 5)
for k, ax in enumerate(axes.flat):
    ax.imshow(means[k].reshape(8, 8).numpy())  # (64,) -> (8, 8)
    ax.set_title(k)
    ax.axis("off")
plt.show()

# %% grad-error tags=["raises-exception"]
layer.weight.numpy()

# %% detach
weight = layer.weight.detach().numpy()  # (10, 64)
print(weight.ctypes.data == layer.weight.data_ptr())
weight[:] = 0  # the layer's own numbers!
print(layer.weight.abs().sum().item())

# %% device-error tags=["raises-exception"]
torch.ones(3, device="meta").numpy()

# %% gpu-error tags=["gpu", "raises-exception"]
g = torch.ones(3, device="cuda")
g.numpy()

# %% gpu-cured tags=["gpu"]
g.cpu().numpy()

# %% negative-error tags=["raises-exception"]
torch.from_numpy(a[::-1])

# %% negative-cured
print(torch.from_numpy(a[::-1].copy()))
print(torch.from_numpy(a).flip(0))

# %% list-error tags=["raises-exception"]
torch.from_numpy([1.0, 2.0])

# %% object-error tags=["raises-exception"]
torch.from_numpy(np.array(["cat", "dog"]))

# %% uint16-error tags=["raises-exception"]
depth = torch.from_numpy(np.array([300, 65535], dtype=np.uint16))
depth + 1

# %% uint16-cured
depth.int() + 1

# %% slow-list tags=["warns"]
rows = [np.zeros(3), np.ones(3)]
torch.tensor(rows)

# %% slow-list-cured
torch.tensor(np.stack(rows))
