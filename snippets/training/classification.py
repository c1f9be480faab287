# The cells of the chapter training/classification.

# %% moons
import torch
from sklearn.datasets import make_moons

points, labels = make_moons(2700, noise=0.3, random_state=0)
x = torch.tensor(points, dtype=torch.float32)  # (2700, 2): where each point lies
y = torch.tensor(labels)  # (2700,), int64: 0 or 1, which moon it is from
train_x, val_x, test_x = x.split([200, 500, 2000])  # make_moons has shuffled them
train_y, val_y, test_y = y.split([200, 500, 2000])
print(train_x.shape, train_y.bincount(), train_y.dtype)

# %% moons-figure
import matplotlib.pyplot as plt


def draw_points(ax):
    for label, marker in [(0, "o"), (1, "^")]:
        ax.plot(*train_x[train_y == label].T, marker, ms=3.5, label=f"class {label}")
    ax.set(xlabel="x1 (no unit)", ylabel="x2 (no unit)", aspect="equal")


fig, ax = plt.subplots()
draw_points(ax)
ax.legend()
plt.show()

# %% scores
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
line = nn.Linear(2, 2)  # two numbers in, two logits out: one for each class
with torch.no_grad():
    logits = line(train_x)  # (200, 2)
probabilities = logits.softmax(dim=1)  # (200, 2): each row adds up to 1
guesses = logits.argmax(dim=1)  # (200,): the class with the higher logit
for i in range(3):
    print(logits[i], probabilities[i], "guess", guesses[i].item(), "truth", train_y[i].item())
print(f"loss {F.cross_entropy(logits, train_y):.4f}")

# %% fit
def fit(net, optimizer, x, y, steps):
    for _ in range(steps):
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def accuracy(net, x, y):
    return (net(x).argmax(dim=1) == y).float().mean().item()


fit(line, torch.optim.Adam(line.parameters(), lr=0.05), train_x, train_y, steps=300)
print(f"train {accuracy(line, train_x, train_y):.3f}, test {accuracy(line, test_x, test_y):.3f}")

# %% one-logit
single = nn.Linear(2, 1)  # a single logit
with torch.no_grad():
    single.weight[0] = line.weight[1] - line.weight[0]  # (2,)
    single.bias[0] = line.bias[1] - line.bias[0]
    two = line(test_x)  # (2000, 2)
    one = single(test_x).squeeze(1)  # (2000, 1) -> (2000,)
print(torch.allclose(one, two[:, 1] - two[:, 0], atol=1e-5))
print(torch.allclose(one.sigmoid(), two.softmax(dim=1)[:, 1], atol=1e-6))
print(f"{F.binary_cross_entropy_with_logits(one, test_y.float()):.4f} {F.cross_entropy(two, test_y):.4f}")
print(torch.equal((one > 0).long(), two.argmax(dim=1)))

# %% ceiling
angles = torch.arange(180) * torch.pi / 180
directions = torch.stack([angles.cos(), angles.sin()])  # (2, 180): one for each degree
order = (test_x @ directions).argsort(dim=0)  # (2000, 180): in which order a sliding line meets the points
gain = 1 - 2 * test_y[order]  # (2000, 180): 1 where it passes a 0, -1 where it passes a 1
right = (test_y == 1).sum() + gain.cumsum(dim=0)  # before the line 0, behind it 1
best = max(right.max().item(), 2000 - right.min().item())  # or the other way round
print(f"the best of {right.numel():,} lines: {best / 2000:.3f}")

# %% mlp
from copy import deepcopy

mlp = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(mlp.parameters(), lr=0.01)
snapshots, taken = {}, 0  # {steps taken: the network as it was}
for step in (0, 5, 10, 15, 20, 30, 40, 60, 80, 100):
    fit(mlp, optimizer, train_x, train_y, steps=step - taken)
    snapshots[step], taken = deepcopy(mlp), step
print(f"train {accuracy(mlp, train_x, train_y):.3f}, test {accuracy(mlp, test_x, test_y):.3f}")

# %% shading
xs, ys = torch.linspace(-2, 3, 61), torch.linspace(-1.7, 2, 46)
places = torch.cartesian_prod(ys, xs).flip(1)  # (2806, 2): a grid, row by row
colors = [("C0", 0.45), ("C0", 0.28), ("C0", 0.12), ("C1", 0.12), ("C1", 0.28), ("C1", 0.45)]


def shade(ax, net):
    with torch.no_grad():
        p = net(places).softmax(dim=1)[:, 1].reshape(46, 61)  # of class 1, at each place
    ax.contourf(xs, ys, p, levels=[0, 0.1, 0.3, 0.5, 0.7, 0.9, 1], colors=colors)
    draw_points(ax)
    return ax.contour(xs, ys, p, levels=[0.5], colors="C2")


fig, axes = plt.subplots(1, 2)
for ax, net in zip(axes, [line, mlp]):
    shade(ax, net)
plt.show()

# %% animate
from IPython.display import SVG
from matplotlib.figure import Figure


def path(points, joint):
    return "M" + joint.join(f"{100 * x1 + 200:.0f},{200 - 100 * x2:.0f}" for x1, x2 in points)


dots = [path(train_x[train_y == label].tolist(), "h0M") + "h0" for label in (0, 1)]  # lines of length 0, with round ends
frames = ""
for t, (step, net) in enumerate(snapshots.items()):
    pieces = shade(Figure().subplots(), net).allsegs[0]  # the line of 0.5 may have several
    frames += (f'<g style="animation-delay:{t - 10}s"><path d="{"".join(path(piece, "L") for piece in pieces)}"/>'
               f'<text x="8" y="24">step {step}, test accuracy {accuracy(net, test_x, test_y):.2f}</text></g>')
SVG(f"""<svg xmlns="http://www.w3.org/2000/svg" id="moving" viewBox="0 0 500 370" width="500px" height="370px"><style>
#moving path{{fill:none;stroke-width:6;stroke-linecap:round}}#moving g path{{stroke:#009e73;stroke-width:3}}
#moving text{{font:15px sans-serif;fill:#1f2328}}@media (prefers-reduced-motion: reduce){{*{{animation:none!important}}}}
#moving g{{opacity:0;animation:moving 10s steps(1) infinite}}#moving g:last-of-type{{opacity:1}}
@keyframes moving{{0%{{opacity:1}}10%,to{{opacity:0}}}}</style>
<path stroke="#0072b2" d="{dots[0]}"/><path stroke="#d55e00" d="{dots[1]}"/>{frames}<text x="400" y="362">x1 (no unit) →</text>
<text transform="translate(22,362) rotate(-90)">x2 (no unit) →</text></svg>""")

# %% rare
points, labels = make_moons((2850, 150), noise=0.3, random_state=1)  # one in twenty is a 1
rare_x, exam_x = torch.tensor(points, dtype=torch.float32).split([1000, 2000])
rare_y, exam_y = torch.tensor(labels).split([1000, 2000])
detector = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
fit(detector, torch.optim.Adam(detector.parameters(), lr=0.01), rare_x, rare_y, steps=200)
print(f"network {accuracy(detector, exam_x, exam_y):.3f}, always 0 {(exam_y == 0).float().mean():.3f}")

# %% confusion
with torch.no_grad():
    chance = detector(exam_x).softmax(dim=1)[:, 1]  # (2000,): of class 1
says_1, is_1 = chance > 0.5, exam_y == 1
tp = (says_1 & is_1).sum().item()  # true positives: found
fp = (says_1 & ~is_1).sum().item()  # false positives: false alarms
fn = (~says_1 & is_1).sum().item()  # false negatives: missed
tn = (~says_1 & ~is_1).sum().item()  # true negatives: left in peace
print(f"        says 0  says 1\nis 0    {tn:6}  {fp:6}\nis 1    {fn:6}  {tp:6}")
print(f"precision {tp / (tp + fp):.3f}, recall {tp / (tp + fn):.3f}")

# %% sklearn
from sklearn.metrics import confusion_matrix, precision_score, recall_score

print(confusion_matrix(exam_y, says_1))  # the truth comes first
print(f"precision {precision_score(exam_y, says_1):.3f}, recall {recall_score(exam_y, says_1):.3f}")

# %% threshold
for threshold in (0.1, 0.5, 0.9):
    says_1 = chance > threshold
    print(f"{threshold}: precision {precision_score(exam_y, says_1):.2f}, recall {recall_score(exam_y, says_1):.2f}")

# %% overtrain
wide = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(wide.parameters(), lr=0.01)
for steps in (50, 150, 400):
    fit(wide, optimizer, train_x, train_y, steps)
    for name, x, y in [("train", train_x, train_y), ("test", test_x, test_y)]:
        with torch.no_grad():
            print(f"{name:5} accuracy {accuracy(wide, x, y):.3f}, loss {F.cross_entropy(wide(x), y):.3f}")

# %% ece
def calibration(p, y):  # (N, 2), (N,)
    confidence, guess = p.max(dim=1)  # (N,), (N,)
    correct, bins, error = (guess == y).float(), [], 0.0
    for low in (0.5, 0.6, 0.7, 0.8, 0.9):
        inside = (confidence > low) & (confidence <= low + 0.1)
        if not inside.any():
            continue
        conf, acc, count = confidence[inside].mean().item(), correct[inside].mean().item(), inside.sum().item()
        bins.append((conf, acc, count))
        error += abs(acc - conf) * count / len(y)
    return bins, error


with torch.no_grad():
    logits = wide(test_x)  # (2000, 2)
before, error = calibration(logits.softmax(dim=1), test_y)
for conf, acc, count in before:
    print(f"says {conf:.3f}, is right {acc:.3f}, {count:5} points")
print(f"expected calibration error {error:.3f}")

# %% temperature
with torch.no_grad():
    val_logits = wide(val_x)  # (500, 2): the network itself is left as it is
T = torch.ones(1, requires_grad=True)  # one parameter
fit(lambda logits: logits / T, torch.optim.Adam([T], lr=0.3), val_logits, val_y, steps=400)
scaled = logits / T.detach()
after, error_after = calibration(scaled.softmax(dim=1), test_y)
print(f"T = {T.item():.1f}: calibration error {error:.3f} -> {error_after:.3f}, "
      f"test loss {F.cross_entropy(logits, test_y):.3f} -> {F.cross_entropy(scaled, test_y):.3f}")
print("the same answers:", torch.equal(logits.argmax(dim=1), scaled.argmax(dim=1)))

# %% reliability
fig, ax = plt.subplots()
ax.plot([0.5, 1], [0.5, 1], color="C5", ls=":", label="perfectly calibrated")
for name, bins, marker in [("T = 1", before, "o-"), (f"T = {T.item():.1f}", after, "^-")]:
    conf, acc, _ = zip(*bins)
    ax.plot(conf, acc, marker, label=name)
ax.set(xlabel="confidence (mean probability)", ylabel="accuracy (share correct)", ylim=(0.3, 1.02))
ax.legend()
plt.show()

# %% far
print("distance  gap of the mlp  its confidence  wide / T")
with torch.no_grad():
    for distance in (1, 10, 100, 1000):
        place = torch.tensor([[0.5 + 0.6 * distance, 0.25 - 0.8 * distance]])  # (1, 2)
        gap, sure = mlp(place).diff().item(), mlp(place).softmax(dim=1).max()
        print(f"{distance:8} {gap:15.1f} {sure:15.4f} {(wide(place) / T).softmax(dim=1).max():9.4f}")

# %% three
from sklearn.datasets import load_iris

iris, order = load_iris(), torch.randperm(150)  # comes with scikit-learn, no download
flowers = torch.tensor(iris.data, dtype=torch.float32)[order]  # (150, 4): sepals and petals, in cm
species = torch.tensor(iris.target)[order]  # (150,): 0, 1 or 2
net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))  # 4 in, 3 out
fit(net, torch.optim.Adam(net.parameters(), lr=0.01), flowers[:100], species[:100], steps=300)
print(f"test {accuracy(net, flowers[100:], species[100:]):.2f}")
print(net(flowers[100:103]).softmax(dim=1).detach().round(decimals=2), species[100:103])

# %% softmax-twice
torch.manual_seed(1)
plain = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
twice = nn.Sequential(*deepcopy(plain), nn.Softmax(dim=1))  # cross_entropy has a softmax of its own
for name, net in [("once", plain), ("twice", twice)]:
    fit(net, torch.optim.Adam(net.parameters(), lr=0.01), train_x, train_y, steps=600)
    with torch.no_grad():
        loss, surest = F.cross_entropy(net(train_x), train_y), net(train_x).softmax(dim=1).max()
    print(f"{name:5} accuracy {accuracy(net, train_x, train_y):.3f}, loss {loss:.4f}, surest {surest:.4f}")

# %% bce-dtype-error tags=["raises-exception"]
F.binary_cross_entropy_with_logits(one, test_y)  # test_y is int64

# %% bce-shape-error tags=["raises-exception"]
F.binary_cross_entropy_with_logits(single(test_x), test_y.float())  # (2000, 1) and (2000,)

# %% ce-dtype-error tags=["raises-exception"]
F.cross_entropy(two, test_y.float())

# %% ce-range-error tags=["raises-exception"]
F.cross_entropy(single(test_x), test_y)  # (2000, 1): one class only
