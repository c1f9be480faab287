# The cells of the chapter networks/convolution.

# %% photo
import torch
from sklearn.datasets import load_sample_image

image = load_sample_image("china.jpg")  # comes with scikit-learn, no download
print(image.shape, image.dtype)
photo = torch.tensor(image).permute(2, 0, 1) / 255  # (H, W, C) -> (C, H, W)
grey = photo.mean(dim=0)  # (3, 427, 640) -> (427, 640)
print(photo.shape, grey.shape)

# %% count
from torch import nn

full = nn.Linear(427 * 640, 425 * 638, bias=False, device="meta")  # shapes only
weights = full.weight.numel()
print(f"Linear: {weights:,} weights, {weights * 4 / 1e9:.0f} GB")
conv = nn.Conv2d(1, 1, kernel_size=3, bias=False)
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
                        [1, 9, 9, 9, 9]])  # (5, 5)
kernel = torch.tensor([[-1.0, 0, 1],
                       [-1, 0, 1],
                       [-1, 0, 1]])  # (3, 3): right minus left

edges = cross_correlate(picture, kernel)  # (5, 5) -> (3, 3)
edges

# %% animate tags=["fold"]
import numpy as np
from IPython.display import SVG


def tiles(t, step=1, right=22, down=28, sign=""):  # squares with numbers in them
    drawn = ""
    for (i, j), number in np.ndenumerate(t.numpy()):
        x, y, number = 44 * j * step, 44 * i * step, f"{number:g}".replace("-", "−")
        drawn += f'<rect x="{x}" y="{y}" width="44" height="44"/>'
        drawn += f'<text x="{x + right}" y="{y + down}">{sign}{number}</text>'
    return drawn


def jump(name, places):  # CSS: stand on each (row, column) for a second
    moves = [f"transform:translate({44 * j}px,{44 * i}px)" for i, j in places]
    n, rest = len(moves), moves[len(moves) // 2]
    frames = [f"{100 * t / n:.4g}%{{{move}}}" for t, move in enumerate(moves)]
    return f"""@keyframes {name}{{{"".join(frames)}}}
#{name}{{{rest};animation:{name} {n}s steps(1) infinite}}"""


def animate(name, big, small, k, stride=1, padding=0, dilation=1, arrow="→"):
    big, small, k = (t.reshape(t.shape[-2:]) for t in (big, small, k))
    big = nn.functional.pad(big, [padding] * 4)
    (H, W), (h, w) = big.shape, small.shape
    places = [(i, j) for i in range(h) for j in range(w)]
    windows = [(i * stride, j * stride) for i, j in places]
    left, top = 44 * W + 70, 22 * (H - h)  # of the small picture
    return SVG(f"""<svg xmlns="http://www.w3.org/2000/svg" id="{name}"
width="{left + 44 * w + 4}px" height="{44 * H + 4}px"><style>
#{name} text{{font:17px sans-serif;text-anchor:middle;fill:#1f2328}}
#{name} rect{{fill:none;stroke:#d0d7de}}
#{name} #{name}-kernel text{{font-size:12px;text-anchor:end}}
#{name} #{name}-kernel rect{{fill:#d55e00;fill-opacity:.3;stroke:#d55e00}}
#{name} #{name}-box rect{{fill:#0072b2;fill-opacity:.3;stroke:#0072b2}}
{jump(f"{name}-kernel", windows)}
{jump(f"{name}-box", places)}
@media (prefers-reduced-motion: reduce){{*{{animation:none!important}}}}</style>
<g transform="translate(2,2)">{tiles(big, right=17, down=24)}
<g id="{name}-kernel">{tiles(k, dilation, right=42, down=40, sign="×")}</g>
<text x="{44 * W + 35}" y="{22 * H + 6}">{arrow}</text>
<g transform="translate({left},{top})">{tiles(small)}
<g id="{name}-box"><rect width="44" height="44"/></g></g></g></svg>""")


animate("plain", picture, edges, kernel)

# %% torch
import torch.nn.functional as F

x = picture[None, None]  # (5, 5) -> (1, 1, 5, 5)
k = kernel[None, None]  # (3, 3) -> (1, 1, 3, 3)
y = F.conv2d(x, k)  # (1, 1, 3, 3)
print(y.shape, torch.equal(y[0, 0], edges))

# %% flip
a = torch.tensor([0.0, 0, 1, 0, 0, 0])
v = torch.tensor([1.0, 2, 3])
print("conv1d        ", F.conv1d(a[None, None], v[None, None])[0, 0])
print("np.correlate  ", np.correlate(a.numpy(), v.numpy(), mode="valid"))
print("np.convolve   ", np.convolve(a.numpy(), v.numpy(), mode="valid"))
print("conv1d flipped", F.conv1d(a[None, None], v.flip(0)[None, None])[0, 0])

# %% everywhere
scene = grey[None, None]  # (1, 1, 427, 640)

for stride, rows in [(1, 10), (1, 11), (2, 10), (2, 11)]:
    whole = F.conv2d(scene, k, stride=stride)
    moved = F.conv2d(scene[:, :, rows:], k, stride=stride)  # everything went up
    same = torch.allclose(moved, whole[:, :, -moved.shape[2] :], atol=1e-5)
    print(f"stride {stride}, up by {rows} rows: {same}")

# %% nchw
torch.manual_seed(0)
batch = photo[None]  # (3, 427, 640) -> (1, 3, 427, 640)
conv = nn.Conv2d(in_channels=3, out_channels=8, kernel_size=5)
print("input ", batch.shape)
print("weight", conv.weight.shape, "bias", conv.bias.shape)
print("output", conv(batch).shape)

# %% channels
small = photo[:, :20, :30]  # (3, 20, 30): a corner, since loops are slow
maps = []
for kernel_3d, bias in zip(conv.weight, conv.bias):  # 8 times (3, 5, 5)
    slices = [cross_correlate(small[c], kernel_3d[c]) for c in range(3)]
    maps.append(sum(slices) + bias)  # (16, 26)
torch.allclose(conv(small), torch.stack(maps), atol=1e-5)  # (8, 16, 26)

# %% stack
first = nn.Conv2d(3, 8, kernel_size=5)
second = nn.Conv2d(8, 16, kernel_size=3)

maps = first(batch)  # (1, 3, 427, 640) -> (1, 8, 423, 636)
print(second.weight.shape, second(maps).shape)

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
print(learner.kernel_size, learner.weight.detach().round(decimals=3) + 0)  # no -0.

# %% tuple
flat = nn.Conv2d(1, 1, kernel_size=(3, 7))
print(flat.weight.shape)
print(flat(grey[None, None]).shape)  # from (1, 1, 427, 640)

# %% feature-maps
import matplotlib.pyplot as plt

tiny = grey[::5, ::5]  # (427, 640) -> (86, 128): every fifth pixel
kernels = {
    "photograph": torch.ones(1, 1),  # changes nothing
    "blur": torch.ones(5, 5) / 25,
    "right minus left": kernel,
    "lower minus upper": kernel.T,
}
fig, axes = plt.subplots(2, 2)
for ax, (title, weights) in zip(axes.flat, kernels.items()):
    shown = F.conv2d(tiny[None, None], weights[None, None])[0, 0]
    ax.imshow(shown.numpy(), cmap="gray", interpolation="nearest")
    ax.set(title=title)
    ax.axis("off")
plt.show()

# %% padding
y = F.conv2d(x, k, padding=1)  # (1, 1, 5, 5) -> (1, 1, 5, 5)
animate("padding", x, y, k, padding=1)

# %% default
layer = nn.Conv2d(1, 1, kernel_size=3)
print(layer.padding, layer.padding_mode)
same = nn.Conv2d(1, 1, kernel_size=5, padding="same")
by_number = nn.Conv2d(1, 1, kernel_size=5, padding=2)
print(same(x).shape, by_number(x).shape)

# %% not-bias
conv = nn.Conv2d(1, 1, kernel_size=3, padding=1)
nn.init.ones_(conv.weight)
nn.init.constant_(conv.bias, 10)
print(conv(torch.zeros(1, 1, 3, 3))[0, 0].detach())
print(conv(torch.ones(1, 1, 3, 3))[0, 0].detach())

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
    layers = [nn.Conv2d(1, 1, 3, padding=d, dilation=d) for d in dilations]
    blank = torch.zeros(1, 1, 21, 21, requires_grad=True)
    nn.Sequential(*layers)(blank)[0, 0, 10, 10].backward()  # the middle pixel
    seen = blank.grad[0, 0] != 0  # (21, 21)
    height, width = seen.any(dim=1).sum().item(), seen.any(dim=0).sum().item()
    print(dilations, "sees", height, "x", width)

# %% size
def output_size(n, k, s=1, p=0, d=1):
    return (n + 2 * p - d * (k - 1) - 1) // s + 1

layer = nn.Conv2d(3, 8, kernel_size=5, stride=2, padding=1, dilation=3)
print(layer(batch).shape)  # from (1, 3, 427, 640)
print(output_size(427, 5, s=2, p=1, d=3), output_size(640, 5, s=2, p=1, d=3))

# %% groups
signal = torch.randn(1, 4, 6, 6)
grouped = nn.Conv2d(4, 8, kernel_size=3, groups=2)
print(grouped.weight.shape)  # (out, in/groups, kH, kW)
w, b = grouped.weight, grouped.bias
upper = F.conv2d(signal[:, :2], w[:4], b[:4])  # channels 0, 1 -> (1, 4, 4, 4)
lower = F.conv2d(signal[:, 2:], w[4:], b[4:])  # channels 2, 3 -> (1, 4, 4, 4)
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

# %% block
block = nn.Sequential(
    nn.Conv2d(3, 8, kernel_size=3, padding=1, bias=False),
    nn.BatchNorm2d(8),
    nn.ReLU(),
)
conv, norm, relu = block
biased = nn.Conv2d(3, 8, kernel_size=3, padding=1)
biased.weight = conv.weight  # the same kernels
nn.init.constant_(biased.bias, 5)  # and a bias
data = torch.randn(16, 3, 12, 12)
print(f"before BatchNorm: {(biased(data) - conv(data)).mean():.1f} more")
print(torch.allclose(norm(biased(data)), norm(conv(data)), atol=1e-4))

# %% dimensions
sound = torch.randn(2, 1, 16000)  # (N, C, L): a second of sound
video = torch.randn(2, 3, 8, 24, 32)  # (N, C, D, H, W): 8 frames
conv1d, conv3d = nn.Conv1d(1, 4, 5), nn.Conv3d(3, 4, (3, 5, 5))
print(conv1d.weight.shape, conv1d(sound).shape)
print(conv3d.weight.shape, conv3d(video).shape)

# %% stamp
def stamp(x, k, s):  # (H, W), (kH, kW), stride
    (H, W), (kH, kW) = x.shape, k.shape
    y = torch.zeros((H - 1) * s + kH, (W - 1) * s + kW)
    for i in range(H):
        for j in range(W):
            y[i * s : i * s + kH, j * s : j * s + kW] += x[i, j] * k
    return y


seed = torch.tensor([[1.0, 2], [3, 4]])  # (2, 2)
ink = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])  # (3, 3)
grown = F.conv_transpose2d(seed[None, None], ink[None, None], stride=2)
print(torch.equal(grown[0, 0], stamp(seed, ink, 2)))
animate("transposed", grown, seed, ink, stride=2, arrow="←")

# %% transposed-layer
up = nn.ConvTranspose2d(16, 8, kernel_size=3, stride=2)
exact = nn.ConvTranspose2d(16, 8, kernel_size=3, stride=2, output_padding=1)
down = nn.Conv2d(8, 16, kernel_size=3, stride=2)
print(up.weight.shape)  # (in, out/groups, kH, kW)
for n in (5, 6):
    print(n, "->", down(torch.zeros(1, 8, n, n)).shape)
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
