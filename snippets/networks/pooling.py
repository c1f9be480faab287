# The cells of the chapter networks/pooling.

# %% first
import torch
import torch.nn.functional as F
from torch import nn

picture = torch.tensor([[1.0, 3, 2, 0],
                        [5, 2, 1, 1],
                        [0, 0, 7, 8],
                        [1, 3, 6, 9]])  # (4, 4)
x = picture[None, None]  # (4, 4) -> (1, 1, 4, 4)

print(F.max_pool2d(x, 2))  # (1, 1, 4, 4) -> (1, 1, 2, 2)
print(F.avg_pool2d(x, 2))

# %% windows tags=["fold"]
import matplotlib.pyplot as plt

maximum, mean = F.max_pool2d(x, 2)[0, 0], F.avg_pool2d(x, 2)[0, 0]  # (2, 2)

fig, axes = plt.subplots(1, 3, width_ratios=[2, 1, 1])
for ax, title, table in zip(
    axes, ["input", "maximum", "mean"], [picture, maximum, mean]
):
    n = len(table)
    for i in range(n):
        for j in range(n):
            color = f"C{2 * (2 * i // n) + 2 * j // n}"  # one for each quarter
            ax.add_patch(plt.Rectangle((j, -i), 0.94, 0.94, color=color, alpha=0.3))
            ax.text(j + 0.47, 0.47 - i, f"{table[i, j]:g}",
                    ha="center", va="center")
    ax.set(title=title, xlim=(0, n), ylim=(1 - n, 1), aspect="equal")
    ax.axis("off")
plt.show()

# %% layer
torch.manual_seed(0)

batch = torch.randn(16, 8, 28, 28)  # (N, C, H, W)
layer = nn.MaxPool2d(2)

print(layer(batch).shape)
print(list(layer.parameters()))

# %% by-hand
def pool(x, k, stride, summary):  # (H, W)
    H, W = [(n - k) // stride + 1 for n in x.shape]
    y = torch.zeros(H, W)
    for i in range(H):
        for j in range(W):
            top, left = i * stride, j * stride
            y[i, j] = summary(x[top : top + k, left : left + k])
    return y


small = torch.randn(7, 9)
for k, stride in [(2, 2), (3, 2), (3, 1)]:
    by_max = pool(small, k, stride, torch.max)
    by_mean = pool(small, k, stride, torch.mean)
    max_too = F.max_pool2d(small[None], k, stride)[0]
    mean_too = F.avg_pool2d(small[None], k, stride)[0]
    print(by_max.shape, torch.equal(by_max, max_too),
          torch.allclose(by_mean, mean_too, atol=1e-6))

# %% edges
from sklearn.datasets import load_sample_image

photo = torch.tensor(load_sample_image("china.jpg"))  # (427, 640, 3)
grey = (photo / 255).mean(dim=2)  # (427, 640)
kernel = torch.tensor([[-1.0, 0, 1]] * 3)  # (3, 3): right minus left
edges = F.conv2d(grey[None, None], kernel[None, None]).abs()
edges.shape

# %% views tags=["fold"]
views = {
    "edges": edges,
    "every 8th pixel": edges[:, :, ::8, ::8],
    "mean of 8 × 8": F.avg_pool2d(edges, 8),
    "maximum of 8 × 8": F.max_pool2d(edges, 8),
}
fig, axes = plt.subplots(2, 2)
for ax, (title, view) in zip(axes.flat, views.items()):
    ax.imshow(view[0, 0].numpy(), cmap="gray", vmin=0, vmax=1.5)
    ax.set(title=title)
    ax.axis("off")
plt.show()

# %% shift
row = torch.tensor([0.0, 0, 1, 0, 0, 0, 0, 0])  # (8,)
for shift in range(4):
    moved = row.roll(shift)
    pooled = F.max_pool1d(moved[None], 2)[0]  # (8,) -> (1, 8) -> (1, 4) -> (4,)
    print(moved.int().tolist(), "->", pooled.int().tolist())

# %% shift-photo tags=["fold"]
here, there = edges[..., :-1], edges[..., 1:]  # the same edges, one pixel apart
sizes = [1, 2, 4, 8, 16]
ways = {
    "every k-th pixel": lambda t, k: t[:, :, ::k, ::k],
    "maximum": F.max_pool2d,
    "mean": F.avg_pool2d,
}

fig, ax = plt.subplots()
for name, way in ways.items():
    change = []
    for k in sizes:
        before, after = way(here, k), way(there, k)
        change.append((after - before).abs().mean() / before.std())
    ax.plot(sizes, change, "o-", label=name)
ax.set(xscale="log", xticks=sizes, xticklabels=sizes, ylim=0)
ax.set(xlabel="window k (pixels)", ylabel="mean change / standard deviation")
ax.minorticks_off()
ax.legend()
plt.show()

# %% default-stride
print("Conv2d   ", nn.Conv2d(1, 1, kernel_size=3).stride)
print("MaxPool2d", nn.MaxPool2d(kernel_size=3).stride)

for layer in (nn.MaxPool2d(3), nn.MaxPool2d(3, stride=2), nn.MaxPool2d((2, 4))):
    print(layer.kernel_size, layer.stride, layer(batch).shape)

# %% padding
print(F.max_pool2d(-x - 1, 2, padding=1)[0, 0])  # nothing above -1 in there
print(F.avg_pool2d(torch.ones(1, 1, 4, 4), 2, padding=1)[0, 0])

# %% ceil-mode
odd = torch.arange(25.0).reshape(1, 1, 5, 5)
print(F.max_pool2d(odd, 2)[0, 0])
print(F.max_pool2d(odd, 2, ceil_mode=True)[0, 0])

# %% dimensions
sound = torch.randn(2, 3, 10)  # (N, C, L)
video = torch.randn(2, 3, 4, 6, 8)  # (N, C, D, H, W)

print(nn.MaxPool1d(2)(sound).shape)
print(nn.MaxPool3d((1, 2, 2))(video).shape)

# %% unpool
values, where = nn.MaxPool2d(2, return_indices=True)(x)  # both (1, 1, 2, 2)
print(where[0, 0])

back = nn.MaxUnpool2d(2)(values, where)  # (1, 1, 4, 4)
print(back[0, 0])

# %% gradient
leaf = x.clone().requires_grad_()
for way in (F.max_pool2d, F.avg_pool2d):
    (gradient,) = torch.autograd.grad(way(leaf, 2).sum(), leaf)
    print(gradient[0, 0])

# %% flatten-error tags=["raises-exception"]
net = nn.Sequential(
    nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 30 * 30, 10)
)
print(net(torch.randn(2, 3, 32, 32)).shape)
net(torch.randn(2, 3, 48, 100))

# %% global
net = nn.Sequential(
    nn.Conv2d(3, 8, 3), nn.ReLU(),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10),
)
for size in [(32, 32), (48, 100)]:
    print(net(torch.randn(2, 3, *size)).shape)

means = batch.mean(dim=(2, 3), keepdim=True)  # (16, 8, 1, 1)
print(torch.allclose(nn.AdaptiveAvgPool2d(1)(batch), means, atol=1e-6))

# %% adaptive
line = torch.arange(10.0)[None]  # (1, 10)
print(F.adaptive_avg_pool1d(line, 4))

for i in range(4):
    start, stop = 10 * i // 4, -(-10 * (i + 1) // 4)  # rounded down, rounded up
    print(start, stop, line[0, start:stop].mean())

# %% instead
strided = nn.Conv2d(8, 8, kernel_size=3, stride=2, padding=1)
print(strided(batch).shape)

quarter = torch.full((8, 1, 2, 2), 1 / 4)  # (out, in/groups, kH, kW)
by_conv = F.conv2d(batch, quarter, stride=2, groups=8)
print(torch.allclose(F.avg_pool2d(batch, 2), by_conv, atol=1e-6))

# %% in-the-wild
from torchvision import models

for build in (models.vgg16, models.resnet18, models.convnext_tiny):
    with torch.device("meta"):  # shapes only
        net = build()
    pools = sum(isinstance(m, nn.MaxPool2d) for m in net.modules())
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    strided = [m.kernel_size for m in convs if m.stride != (1, 1)]
    print(f"{build.__name__}: {pools} max pools, {net.avgpool}")
    print("    kernels of strided convolutions:", [k for k, _ in strided])

# %% small-error tags=["raises-exception"]
nn.MaxPool2d(2)(torch.zeros(1, 8, 1, 1))

# %% rank-error tags=["raises-exception"]
nn.MaxPool2d(2)(picture)  # (4, 4)

# %% padding-error tags=["raises-exception"]
nn.MaxPool2d(2, padding=2)(x)

# %% tuple-error tags=["raises-exception"]
nn.Sequential(nn.MaxPool2d(2, return_indices=True), nn.ReLU())(x)

# %% unpool-error tags=["raises-exception"]
values, where = nn.MaxPool2d(2, return_indices=True)(odd)  # odd is 5 × 5
nn.MaxUnpool2d(2)(values, where)

# %% integers
F.avg_pool2d(x.long(), 2)  # int64

# %% integer-error tags=["raises-exception"]
F.avg_pool2d(x.to(torch.uint8), 2)
