# The cells of the chapter training/regression.

# %% data
import matplotlib.pyplot as plt
import torch

torch.manual_seed(1)
x = torch.linspace(-1, 1, 100)  # (100,)
noise = 0.1 * torch.randn(100)  # standard deviation 0.1
y = x**2 + noise  # (100,)

fig, ax = plt.subplots()
ax.scatter(x, y, s=14, label="data")
ax.plot(x, x**2, color="C5", ls="--", label="x²")
ax.set(xlabel="x", ylabel="y")
ax.legend()
plt.show()

# %% axis-error tags=["raises-exception"]
from torch import nn

layer = nn.Linear(1, 10)
layer(x)  # (100,)

# %% any-axes
for shape in [(1,), (100, 1), (4, 25, 1), (2, 2, 25, 1)]:
    print(len(shape), "axes:", shape, "->", tuple(layer(torch.zeros(shape)).shape))

# %% row-error tags=["raises-exception"]
layer(x.unsqueeze(0))  # (100,) -> (1, 100)

# %% column
x = x.unsqueeze(1)  # (100,) -> (100, 1)
y = y.unsqueeze(1)  # (100,) -> (100, 1)
print(x.shape, "->", layer(x).shape)

# %% line
line = nn.Linear(1, 1)
w, b = line.weight.item(), line.bias.item()
guess = line(x)  # (100, 1) -> (100, 1)
print(f"w = {w:.3f}, b = {b:.3f}", torch.allclose(guess, w * x + b))

# %% loss
import torch.nn.functional as F

loss = F.mse_loss(guess, y)
print(f"{loss:.4f} {((guess - y) ** 2).mean():.4f}")

# %% silent tags=["warns"]
mean = torch.full((100, 1), y.mean().item())  # the same answer for every x
for name, output in {"x**2": x**2, "mean": mean}.items():
    right = F.mse_loss(output, y)
    wrong = F.mse_loss(output, y.squeeze(1))  # (100, 1) against (100,)
    print(f"{name:4}  right {right:.4f}, wrong {wrong:.4f}")

# %% step
optimizer = torch.optim.SGD(line.parameters(), lr=0.2)
loss.backward()
print(f"gradients {line.weight.grad.item():.3f} and {line.bias.grad.item():.3f}")
optimizer.step()
print(f"w = {line.weight.item():.3f}, b = {line.bias.item():.3f}")
print(f"loss {F.mse_loss(line(x), y):.4f}")

# %% loop
for step in range(200):
    loss = F.mse_loss(line(x), y)  # how wrong?
    optimizer.zero_grad()  # forget the old gradients
    loss.backward()  # which way?
    optimizer.step()  # move
print(f"w = {line.weight.item():.4f}, b = {line.bias.item():.4f}, loss {loss:.4f}")

# %% lstsq
A = torch.cat([x, torch.ones(100, 1)], dim=1)  # (100, 2): a column for w, one for b
solution = torch.linalg.lstsq(A, y).solution  # (2, 1)
best_w, best_b = solution.flatten().tolist()
print(f"w = {best_w:.4f}, b = {best_b:.4f}")

# %% line-figure
fig, ax = plt.subplots()
ax.scatter(x, y, s=14, label="data")
ax.plot(x, line(x).detach(), color="C1", label="the best straight line")
ax.set(xlabel="x", ylabel="y")
ax.legend()
plt.show()

# %% net
class Net(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.hidden = nn.Linear(1, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, x):  # (N, 1)
        x = torch.relu(self.hidden(x))  # -> (N, hidden)
        return self.output(x)  # -> (N, 1)


net = Net(20)
print(sum(p.numel() for p in net.parameters()), "parameters")

# %% fit
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
losses, fits = [], []
for step in range(1001):
    out = net(x)
    loss = F.mse_loss(out, y)
    losses.append(loss.item())
    fits.append(out.detach())  # (100, 1): the curve as it is now
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")

# %% animate tags=["fold"]
from IPython.display import SVG

STEPS = [0, 10, 20, 40, 60, 80, 100, 150, 200, 300, 500, 1000]
LABELS = [
    (50, 252, "−1"), (240, 252, "0"), (335, 252, "x"), (430, 252, "1"),
    (38, 200, "0"), (38, 140, "y"), (38, 80, "1"), (28, 295, "0.1"),
    (50, 407, "0"), (240, 407, "500"), (335, 407, "steps"), (430, 407, "1000"),
    (25, 375, "0.01"), (25, 335, "loss"),
]
# (1001,): a factor of 10 is 80 pixels
heights = 210 - 80 * torch.tensor(losses).log10()


def path(look, xs, ys, join="L"):
    points = [f"{a:.1f},{b:.1f}" for a, b in zip(xs.flatten(), ys.flatten())]
    return f'<path class="{look}" d="M{join.join(points)}{join[:-1]}"/>'


css = moving = ""
for i, step in enumerate(STEPS):
    # the last frame stays for 3 of 14 s, and is what is seen without animation
    last = int(step == 1000)
    start, stop = 100 * i / 14, 100 if last else 100 * (i + 1) / 14  # per cent
    css += f"""@keyframes fit-{step}{{0%{{opacity:{int(i == 0)}}}\
{start:.4g}%{{opacity:1}}{stop:.4g}%{{opacity:{last}}}}}
#fit-{step}{{opacity:{last};animation:fit-{step} 14s steps(1) infinite}}\n"""
    curve = path("fit", 240 + 190 * x[::3], 195 - 120 * fits[step][::3])
    moving += f"""<g id="fit-{step}">
<text x="240" y="24">after {step} steps: loss {losses[step]:.4f}</text>
{curve}<circle cx="{50 + 0.38 * step:.1f}" cy="{heights[step]:.1f}" r="5"/></g>\n"""

texts = "".join(f'<text x="{a}" y="{b}">{text}</text>' for a, b, text in LABELS)
SVG(f"""<svg xmlns="http://www.w3.org/2000/svg" id="fitting"
width="450px" height="420px"><style>
#fitting text{{font:14px sans-serif;text-anchor:middle;fill:#1f2328}}
#fitting path{{fill:none;stroke:#d0d7de}}
#fitting .data{{stroke:#0072b2;stroke-width:5;stroke-linecap:round}}
#fitting .loss{{stroke:#0072b2;stroke-width:2}}
#fitting .fit{{stroke:#d55e00;stroke-width:3}}#fitting circle{{fill:#d55e00}}
#fitting .noise{{stroke:#009e73;stroke-dasharray:5}}
{css}@media (prefers-reduced-motion: reduce){{*{{animation:none!important}}}}
</style>
<path d="M50,40V235H430M50,270V390H430"/>{texts}
{path("data", 240 + 190 * x, 195 - 120 * y, "h0M")}
<path class="noise" d="M50,370H430"/>
{path("loss", 50 + 0.38 * torch.arange(0, 1001, 5), heights[::5])}{moving}</svg>""")

# %% pieces
with torch.no_grad():
    parts = torch.relu(net.hidden(x)) * net.output.weight  # (100, 20)
    total = parts.sum(dim=1, keepdim=True) + net.output.bias  # (100, 1)
    kinks = -net.hidden.bias / net.hidden.weight[:, 0]  # (20,): where w x + b = 0
    inside = kinks[(kinks > x[1]) & (kinks < x[-2])]  # (6,)
    print(torch.allclose(total, net(x), atol=1e-6), len(inside), "kinks")
    bends = net(inside[:, None])  # (6,) -> (6, 1)

# %% pieces-figure tags=["fold"]
fig, (upper, lower) = plt.subplots(2, 1, sharex=True)
upper.plot(x, parts, color="C0", lw=1)
upper.set(ylabel="parts")
lower.plot(x, total, color="C1")
lower.scatter(inside, bends, color="C1", zorder=3)
lower.set(xlabel="x", ylabel="sum + bias")
plt.show()

# %% floor
fresh_x = 2 * torch.rand(10000, 1) - 1  # new x between -1 and 1
truth = fresh_x**2
fresh_y = truth + 0.1 * torch.randn(10000, 1)
outputs = {"line": line(fresh_x), "net": net(fresh_x), "x**2": truth}
for name, output in outputs.items():
    print(f"{name:4} {F.mse_loss(output, fresh_y):.4f}")

# %% outside tags=["fold"]
far = torch.linspace(-3, 3, 121)[:, None]  # (121, 1)
fig, ax = plt.subplots()
ax.axvspan(-1, 1, color="C5", alpha=0.2, label="where the data were")
ax.plot(far, far**2, color="C5", ls="--", label="x²")
ax.plot(far, net(far).detach(), color="C1", label="net")
ax.set(xlabel="x", ylabel="y")
ax.legend()
plt.show()

# %% few
few_x = torch.linspace(-1, 1, 10)[:, None]  # (10, 1)
few_y = few_x**2 + 0.3 * torch.randn(10, 1)
test_x = 2 * torch.rand(1000, 1) - 1
test_y = test_x**2 + 0.3 * torch.randn(1000, 1)

big = nn.Sequential(
    nn.Linear(1, 100), nn.ReLU(),
    nn.Linear(100, 100), nn.ReLU(),
    nn.Linear(100, 1),
)
optimizer = torch.optim.Adam(big.parameters(), lr=0.003)
train_losses, test_losses = [], []
for step in range(1001):
    loss = F.mse_loss(big(few_x), few_y)
    train_losses.append(loss.item())
    with torch.no_grad():
        test_losses.append(F.mse_loss(big(test_x), test_y).item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"training {train_losses[-1]:.3f}, test {test_losses[-1]:.3f}")
print(f"lowest test {min(test_losses):.3f}")

# %% few-figure tags=["fold"]
grid = torch.linspace(-1, 1, 201)[:, None]  # (201, 1)
fig, (left, right) = plt.subplots(1, 2)
left.plot(grid, grid**2, color="C5", ls="--", label="x²")
left.plot(grid, big(grid).detach(), color="C1", label="net")
left.scatter(few_x, few_y, zorder=3)
left.set(xlabel="x", ylabel="y")
left.legend()
right.plot(train_losses, label="training")
right.plot(test_losses, label="test")
right.set(xlabel="steps", ylabel="loss", ylim=(0, 0.35))
right.legend()
plt.show()

# %% scale
def train(net, x, y, lr):
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    for step in range(1000):
        loss = F.mse_loss(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


large = 500 * (x + 1)  # 0 to 1000; y as before
for lr in (1e-1, 1e-3, 1e-5, 1e-7):
    print(f"lr {lr:g}: loss {train(Net(20), large, y, lr):.2g}")

many = nn.Linear(1, 10000)
near = (many.bias / many.weight[:, 0]).abs() < 10
print(f"{near.float().mean():.0%} of the kinks are within 10 of 0")

# %% standardise
center, spread = large.mean(), large.std()
net = Net(20)
print(f"loss {train(net, (large - center) / spread, y, 0.1):.4f}")
new = torch.tensor([[750.0]])
print(f"at 750: {net((new - center) / spread).item():.2f}")

# %% flat tags=["warns"]
flat = Net(20)
train(flat, x, y.squeeze(1), 0.1)  # (100, 1) against (100,)
print(f"outputs {flat(x).min():.2f} to {flat(x).max():.2f}")
print(f"mean of y {y.mean():.2f}")

# %% plot-error tags=["raises-exception"]
ax.plot(x, flat(x))

# %% float64-error tags=["raises-exception"]
import numpy as np

flat(torch.from_numpy(np.linspace(-1, 1, 100)[:, None]))  # (100, 1)
