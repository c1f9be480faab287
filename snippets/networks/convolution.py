# The cells of the chapter networks/convolution.

# %% photo
import torch
from sklearn.datasets import load_sample_image

image = load_sample_image("china.jpg")  # comes with scikit-learn, no download
print(image.shape, image.dtype)

photo = torch.tensor(image).permute(2, 0, 1) / 255  # (H, W, C) -> (C, H, W), from 0 to 1
grey = photo.mean(dim=0)  # (3, 427, 640) -> (427, 640)
print(photo.shape, grey.shape)

# %% count
from torch import nn

full = nn.Linear(427 * 640, 425 * 638, bias=False, device="meta")  # shapes only, no memory
conv = nn.Conv2d(1, 1, kernel_size=3, bias=False)

print(f"Linear: {full.weight.numel():,} weights, {full.weight.numel() * 4 / 1e9:.0f} GB")
print(f"Conv2d: {conv.weight.numel()} weights")

# %% by-hand
def cross_correlate(x, k):  # (H, W), (kH, kW)
    kH, kW = k.shape
    y = torch.zeros(x.shape[0] - kH + 1, x.shape[1] - kW + 1)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = (x[i : i + kH, j : j + kW] * k).sum()
    return y


picture = torch.tensor([[1.0, 1, 1, 9, 9],
                        [1, 1, 1, 9, 9],
                        [1, 1, 9, 9, 9],
                        [1, 1, 9, 9, 9],
                        [1, 9, 9, 9, 9]])  # (5, 5): dark on the left, bright on the right
kernel = torch.tensor([[-1.0, 0, 1],
                       [-1, 0, 1],
                       [-1, 0, 1]])  # (3, 3): right minus left

edges = cross_correlate(picture, kernel)  # (5, 5) -> (3, 3)
edges

# %% animate
from itertools import product

from IPython.display import SVG

CELL = 44  # pixels


def grid(rows, columns, look=""):
    lines = [f"M0,{i * CELL}h{columns * CELL}" for i in range(rows + 1)]
    lines += [f"M{j * CELL},0v{rows * CELL}" for j in range(columns + 1)]
    return f'<path d="{"".join(lines)}" {look}/>'


def square(i, j):
    return f'<rect x="{j * CELL}" y="{i * CELL}" width="{CELL}" height="{CELL}"/>'


def write(text, i, j, right=22, down=28):
    text = text.replace("-", "−")
    return f'<text x="{j * CELL + right:g}" y="{i * CELL + down:g}">{text}</text>'


def jump(name, places):
    """CSS: stand for a second on each (row, column), over and over; without animation, stand on the middle one."""
    moves = [f"transform:translate({j * CELL}px,{i * CELL}px)" for i, j in places]
    frames = "".join(f"{100 * t / len(moves):.4g}%{{{move}}}" for t, move in enumerate(moves))
    return f"""@keyframes {name}{{{frames}}}
#{name}{{{moves[len(moves) // 2]};animation:{name} {len(moves)}s steps(1) infinite}}"""


def animate(name, big, small, k, stride=1, padding=0, dilation=1, titles=("input", "→", "output")):
    """An SVG: the kernel k jumps over the picture `big`, a marker over the picture `small`."""
    big, small, k = (t.reshape(t.shape[-2:]) for t in (big, small, k))
    padded = nn.functional.pad(big, [padding] * 4)
    (H, W), (h, w) = padded.shape, small.shape
    places = list(product(range(h), range(w)))
    taps = [(a, b, a * dilation, b * dilation) for a, b in product(range(k.shape[0]), range(k.shape[1]))]
    left, top = (W + 1.6) * CELL, (H - h) * CELL / 2  # of the small picture
    return SVG(f"""<svg xmlns="http://www.w3.org/2000/svg" id="{name}" \
width="{left + w * CELL + 4:g}px" height="{H * CELL + 34}px"><style>
#{name} text{{font:17px sans-serif;text-anchor:middle;fill:#1f2328}}#{name} path{{fill:none;stroke:#d0d7de}}
#{name}-kernel{{fill:#d55e00;fill-opacity:.3;stroke:#d55e00}}#{name}-marker{{fill:#0072b2;fill-opacity:.3;stroke:#0072b2}}
#{name} #{name}-kernel text{{font-size:12px;text-anchor:end;stroke:none;fill-opacity:1}}
{jump(f"{name}-kernel", [(i * stride, j * stride) for i, j in places])}
{jump(f"{name}-marker", places)}
@media (prefers-reduced-motion: reduce){{*{{animation:none!important}}}}</style>
<g transform="translate(2,30)">{grid(H, W, 'stroke-dasharray="4"') if padding else ""}
<g transform="translate({padding * CELL},{padding * CELL})">{grid(*big.shape)}</g>
<g id="{name}-kernel">{"".join(square(i, j) + write(f"×{k[a, b]:g}", i, j, 42, 40) for a, b, i, j in taps)}</g>
{"".join(write(f"{padded[i, j]:g}", i, j, 17, 24) for i, j in product(range(H), range(W)))}
{write(titles[0], 0, W / 2, 0, -10)}{write(titles[1], H / 2, W + 0.8, 0, 6)}
<g transform="translate({left:g},{top:g})">{grid(h, w)}<g id="{name}-marker">{square(0, 0)}</g>
{"".join(write(f"{small[i, j]:g}", i, j) for i, j in places)}{write(titles[2], 0, w / 2, 0, -10)}</g></g></svg>""")


animate("plain", picture, edges, kernel)

# %% torch
import torch.nn.functional as F

x = picture[None, None]  # (5, 5) -> (1, 1, 5, 5)
k = kernel[None, None]  # (3, 3) -> (1, 1, 3, 3)
y = F.conv2d(x, k)  # (1, 1, 3, 3)

print(y.shape)
print(torch.equal(y[0, 0], edges))

# %% flip
import numpy as np

a = torch.tensor([0.0, 0, 1, 0, 0, 0])
v = torch.tensor([1.0, 2, 3])

print("conv1d        ", F.conv1d(a[None, None], v[None, None])[0, 0])
print("np.correlate  ", np.correlate(a.numpy(), v.numpy(), mode="valid"))
print("np.convolve   ", np.convolve(a.numpy(), v.numpy(), mode="valid"))
print("conv1d flipped", F.conv1d(a[None, None], v.flip(0)[None, None])[0, 0])

# %% everywhere
whole = F.conv2d(grey[None, None], k)  # (1, 1, 427, 640) -> (1, 1, 425, 638)
moved = F.conv2d(grey[None, None, 10:, 20:], k)  # (1, 1, 417, 620) -> (1, 1, 415, 618)
torch.allclose(moved, whole[:, :, 10:, 20:], atol=1e-6)

# %% nchw
torch.manual_seed(0)

batch = photo[None]  # (3, 427, 640) -> (1, 3, 427, 640)
conv = nn.Conv2d(in_channels=3, out_channels=8, kernel_size=5)

print("input ", batch.shape)
print("weight", conv.weight.shape)
print("bias  ", conv.bias.shape)
print("output", conv(batch).shape)

# %% channels
small = photo[:, :20, :30]  # (3, 20, 30): a corner, since loops are slow
by_hand = torch.stack([
    sum(cross_correlate(small[c], conv.weight[o, c]) for c in range(3)) + conv.bias[o]
    for o in range(8)
])  # (8, 16, 26)
torch.allclose(conv(small), by_hand, atol=1e-5)

# %% stack
first = nn.Conv2d(3, 8, kernel_size=5)
second = nn.Conv2d(8, 16, kernel_size=3)

maps = first(batch)  # (1, 3, 427, 640) -> (1, 8, 423, 636)
print(maps.shape, second(maps).shape)
print(second.weight.shape)

# %% learn
noise = torch.randn(1, 1, 32, 32)
target = F.conv2d(noise, k)  # what the kernel k makes of it: (1, 1, 30, 30)

learner = nn.Conv2d(1, 1, kernel_size=3, bias=False)  # random weights
print(learner.kernel_size, learner.weight.detach())

for step in range(100):
    loss = ((learner(noise) - target) ** 2).mean()
    learner.zero_grad()
    loss.backward()
    with torch.no_grad():
        learner.weight -= 0.1 * learner.weight.grad

print(learner.kernel_size, learner.weight.detach().round(decimals=3) + 0)  # + 0: no "-0."

# %% tuple
flat = nn.Conv2d(1, 1, kernel_size=(3, 7))
print(flat.weight.shape)
print(flat(grey[None, None]).shape)  # from (1, 1, 427, 640)

# %% feature-maps
import matplotlib.pyplot as plt

tiny = grey[::5, ::5]  # (427, 640) -> (86, 128): every fifth pixel
kernels = {
    "blur": torch.ones(5, 5) / 25,
    "right minus left": kernel,
    "lower minus upper": kernel.T,
}

fig, axes = plt.subplots(2, 2)
axes[0, 0].imshow(tiny.numpy(), cmap="gray", interpolation="nearest")
axes[0, 0].set(title="photograph")
for ax, (title, weights) in zip(axes.flat[1:], kernels.items()):
    result = F.conv2d(tiny[None, None], weights[None, None])  # (1, 1, H, W)
    ax.imshow(result[0, 0].numpy(), cmap="gray", interpolation="nearest")
    ax.set(title=title)
for ax in axes.flat:
    ax.axis("off")
plt.show()

# %% random-maps
untrained = nn.Conv2d(3, 6, kernel_size=5)
with torch.no_grad():
    maps = untrained(photo[:, ::5, ::5])  # (3, 86, 128) -> (6, 82, 124)

fig, axes = plt.subplots(2, 3)
for channel, ax in enumerate(axes.flat):
    ax.imshow(maps[channel].numpy(), cmap="gray", interpolation="nearest")
    ax.set(title=f"channel {channel}")
    ax.axis("off")
plt.show()

# %% padding
y = F.conv2d(x, k, padding=1)  # (1, 1, 5, 5) -> (1, 1, 5, 5)
animate("padding", x, y, k, padding=1)

# %% default
layer = nn.Conv2d(1, 1, kernel_size=3)
print(layer.padding, layer.padding_mode)

for size in (1, 3, 5, 7):
    same = nn.Conv2d(1, 1, kernel_size=size, padding="same")
    by_number = nn.Conv2d(1, 1, kernel_size=size, padding=(size - 1) // 2)
    print(size, same(x).shape, by_number(x).shape)

# %% all-zero
conv = nn.Conv2d(1, 1, kernel_size=3, padding=1)
nn.init.ones_(conv.weight)
nn.init.constant_(conv.bias, 10)

conv(torch.zeros(1, 1, 3, 3)).detach()

# %% all-one
conv(torch.ones(1, 1, 3, 3)).detach()

# %% modes
row = torch.tensor([[1.0, 2, 3, 4, 5]])  # (1, 5): one channel, length 5

fig, ax = plt.subplots()
for line, mode in enumerate(["zeros", "reflect", "replicate", "circular"]):
    mirror = nn.Conv1d(1, 1, kernel_size=1, padding=2, padding_mode=mode, bias=False)
    nn.init.ones_(mirror.weight)  # hands on what it is given
    padded = mirror(row)[0].tolist()  # (1, 5) -> 9 numbers
    for place, value in enumerate(padded):
        color = "C0" if 2 <= place < 7 else "C1"
        ax.add_patch(plt.Rectangle((place, -1.3 * line), 0.94, 0.94, color=color, alpha=0.3))
        ax.text(place + 0.47, 0.45 - 1.3 * line, f"{value:g}", ha="center", va="center")
    ax.text(-0.3, 0.45 - 1.3 * line, mode, ha="right", va="center")
ax.set(xlim=(-2.2, 9.1), ylim=(-4.1, 1.1), aspect="equal")
ax.axis("off")
plt.show()

# %% stride
y = F.conv2d(x, k, stride=2)  # (1, 1, 5, 5) -> (1, 1, 2, 2)
animate("stride", x, y, k, stride=2)

# %% skipped
torch.equal(F.conv2d(x, k, stride=2), F.conv2d(x, k)[:, :, ::2, ::2])

# %% dilation
wide = F.pad(x, (1, 1, 1, 1), mode="replicate")  # (1, 1, 5, 5) -> (1, 1, 7, 7)
y = F.conv2d(wide, k, dilation=2)  # (1, 1, 7, 7) -> (1, 1, 3, 3)
animate("dilation", wide, y, k, dilation=2)

# %% holes
holes = torch.zeros(1, 1, 5, 5)
holes[:, :, ::2, ::2] = k  # the nine weights with zeros between them
print(holes[0, 0])
print(torch.equal(F.conv2d(wide, k, dilation=2), F.conv2d(wide, holes)))
print(nn.Conv2d(1, 1, 3, dilation=2).weight.shape)

# %% sees
for dilations in [(1, 1, 1), (1, 2, 4)]:
    net = nn.Sequential(*[nn.Conv2d(1, 1, 3, padding=d, dilation=d) for d in dilations])
    scene = torch.zeros(1, 1, 21, 21, requires_grad=True)
    net(scene)[0, 0, 10, 10].backward()  # the pixel in the middle of the output
    seen = scene.grad[0, 0] != 0  # (21, 21)
    print(dilations, "sees", seen.any(dim=1).sum().item(), "x", seen.any(dim=0).sum().item())

# %% size
def output_size(n, k, s=1, p=0, d=1):
    return (n + 2 * p - d * (k - 1) - 1) // s + 1


checked = 0
for n, k_, s, p, d in product(range(5, 11), range(1, 5), range(1, 4), range(3), range(1, 4)):
    if d * (k_ - 1) + 1 <= n + 2 * p:  # else the kernel is larger than the picture
        layer = nn.Conv2d(1, 1, kernel_size=k_, stride=s, padding=p, dilation=d)
        H, W = layer(torch.zeros(1, 1, n, n + 7)).shape[-2:]
        assert (H, W) == (output_size(n, k_, s, p, d), output_size(n + 7, k_, s, p, d))
        checked += 1
print(checked, "layers, all as the formula says")

# %% groups
signal = torch.randn(1, 4, 6, 6)
grouped = nn.Conv2d(4, 8, kernel_size=3, groups=2)
print(grouped.weight.shape)  # (out, in/groups, kH, kW)

upper = F.conv2d(signal[:, :2], grouped.weight[:4], grouped.bias[:4])  # channels 0, 1 -> (1, 4, 4, 4)
lower = F.conv2d(signal[:, 2:], grouped.weight[4:], grouped.bias[4:])  # channels 2, 3 -> (1, 4, 4, 4)
torch.allclose(grouped(signal), torch.cat([upper, lower], dim=1), atol=1e-6)

# %% depthwise
ordinary = nn.Conv2d(32, 64, kernel_size=3, bias=False)
depthwise = nn.Conv2d(32, 32, kernel_size=3, groups=32, bias=False)
pointwise = nn.Conv2d(32, 64, kernel_size=1, bias=False)

print(ordinary.weight.shape, ordinary.weight.numel())
print(depthwise.weight.shape, depthwise.weight.numel())
print(pointwise.weight.shape, pointwise.weight.numel())

# %% pointwise
thirds = torch.full((1, 3, 1, 1), 1 / 3)  # (out, in, 1, 1)
torch.allclose(F.conv2d(photo, thirds)[0], grey, atol=1e-6)

# %% dimensions
sound = torch.randn(2, 1, 16000)  # (N, C, L): a second of sound
video = torch.randn(2, 3, 8, 24, 32)  # (N, C, D, H, W): 8 frames

for layer, data in [(nn.Conv1d(1, 4, kernel_size=5), sound), (nn.Conv3d(3, 4, kernel_size=(3, 5, 5)), video)]:
    print(layer.weight.shape)
    print(data.shape, "->", layer(data).shape)

# %% stamp
def stamp(x, k, stride):  # (H, W), (kH, kW)
    kH, kW = k.shape
    y = torch.zeros((x.shape[0] - 1) * stride + kH, (x.shape[1] - 1) * stride + kW)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[i * stride : i * stride + kH, j * stride : j * stride + kW] += x[i, j] * k
    return y


seed = torch.tensor([[1.0, 2], [3, 4]])  # (2, 2)
ink = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])  # (3, 3)
grown = F.conv_transpose2d(seed[None, None], ink[None, None], stride=2)  # (1, 1, 2, 2) -> (1, 1, 5, 5)

print(torch.equal(grown[0, 0], stamp(seed, ink, stride=2)))
animate("transposed", grown, seed, ink, stride=2, titles=("output", "←", "input"))

# %% matrix
one_pixel = torch.eye(25).reshape(25, 1, 5, 5)  # 25 pictures, each with a single 1
matrix = F.conv2d(one_pixel, k, stride=2).reshape(25, 4).T  # (4, 25)

y = F.conv2d(x, k, stride=2)  # (1, 1, 2, 2)
print(torch.equal(matrix @ x.flatten(), y.flatten()))  # (4, 25) @ (25,) -> (4,)

back = F.conv_transpose2d(y, k, stride=2)  # (1, 1, 5, 5)
print(torch.equal(matrix.T @ y.flatten(), back.flatten()))  # (25, 4) @ (4,) -> (25,)
print(torch.equal(back, x))

# %% gradient
w = torch.randn(1, 1, 3, 3)
x_leaf = torch.randn(1, 1, 5, 5, requires_grad=True)
g = torch.randn(1, 1, 2, 2)

loss = (g * F.conv2d(x_leaf, w, stride=2)).sum()  # so the gradient of the output is g
loss.backward()
torch.allclose(x_leaf.grad, F.conv_transpose2d(g, w, stride=2), atol=1e-6)

# %% transposed-layer
up = nn.ConvTranspose2d(16, 8, kernel_size=3, stride=2)
print(up.weight.shape)  # (in, out/groups, kH, kW)

for n in (5, 6):
    print(n, "->", nn.Conv2d(8, 16, kernel_size=3, stride=2)(torch.zeros(1, 8, n, n)).shape)

exact = nn.ConvTranspose2d(16, 8, kernel_size=3, stride=2, output_padding=1)
print(up(torch.zeros(1, 16, 2, 2)).shape, exact(torch.zeros(1, 16, 2, 2)).shape)

# %% channels-error tags=["raises-exception"]
colour = nn.Conv2d(3, 8, kernel_size=5)
colour(torch.tensor(image)[None] / 255)  # (1, 427, 640, 3)

# %% rank-error tags=["raises-exception"]
nn.Conv2d(1, 8, kernel_size=5)(grey)  # (427, 640)

# %% dtype-error tags=["raises-exception"]
colour(torch.tensor(image).permute(2, 0, 1))  # (3, 427, 640), uint8

# %% kernel-error tags=["raises-exception"]
colour(photo[:, :4, :4])  # (3, 4, 4)

# %% same-error tags=["raises-exception"]
nn.Conv2d(3, 8, kernel_size=3, stride=2, padding="same")

# %% groups-error tags=["raises-exception"]
nn.Conv2d(3, 8, kernel_size=3, groups=2)
