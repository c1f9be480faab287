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

# %% moons-figure tags=["fold"]
import matplotlib.pyplot as plt


def draw_points(ax):
    for label, marker in [(0, "o"), (1, "^")]:
        x1, x2 = train_x[train_y == label].T
        ax.plot(x1, x2, marker, ms=3.5, label=f"class {label}")
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
p = logits.softmax(dim=1)  # (200, 2): each row adds up to 1
guesses = logits.argmax(dim=1)  # (200,): the class with the higher logit
for i in range(3):
    print(logits[i], p[i], f"guess {guesses[i]}, truth {train_y[i]}")
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
print(f"train {accuracy(line, train_x, train_y):.3f}")
print(f"test  {accuracy(line, test_x, test_y):.3f}")

# %% one-logit
single = nn.Linear(2, 1)  # a single logit
with torch.no_grad():
    single.weight[0] = line.weight[1] - line.weight[0]  # (2,)
    single.bias[0] = line.bias[1] - line.bias[0]
    two = line(test_x)  # (2000, 2)
    one = single(test_x).squeeze(1)  # (2000, 1) -> (2000,)
print(torch.allclose(one, two[:, 1] - two[:, 0], atol=1e-5))
print(torch.allclose(one.sigmoid(), two.softmax(dim=1)[:, 1], atol=1e-6))
print(f"{F.binary_cross_entropy_with_logits(one, test_y.float()):.4f}")
print(f"{F.cross_entropy(two, test_y):.4f}")
print(torch.equal((one > 0).long(), two.argmax(dim=1)))

# %% cut
def right_at_each_cut(y):  # (N,): the truths, in the order of the points
    zeros_behind = (y == 0).cumsum(dim=0)  # (N,): after 1, 2, ... N points
    ones_ahead = (y == 1).sum() - (y == 1).cumsum(dim=0)  # (N,)
    return zeros_behind + ones_ahead  # (N,)


right_at_each_cut(torch.tensor([0, 0, 1, 0, 1, 1]))

# %% ceiling
best = 0
for degree in range(180):
    angle = torch.tensor(degree * torch.pi / 180)
    along = test_x @ torch.stack([angle.cos(), angle.sin()])  # (2000,)
    right = right_at_each_cut(test_y[along.argsort()])  # (2000,)
    best = max(best, right.max().item(), 2000 - right.min().item())
print(f"the best of {180 * 2000:,} lines: {best / 2000:.3f}")

# %% mlp
from copy import deepcopy

mlp = nn.Sequential(
    nn.Linear(2, 16), nn.ReLU(),
    nn.Linear(16, 16), nn.ReLU(),
    nn.Linear(16, 2),
)
optimizer = torch.optim.Adam(mlp.parameters(), lr=0.01)
snapshots, taken = {}, 0  # {steps taken: the network as it was}
for step in (0, 5, 10, 15, 20, 30, 40, 60, 80, 100):
    fit(mlp, optimizer, train_x, train_y, steps=step - taken)
    snapshots[step], taken = deepcopy(mlp), step
print(f"train {accuracy(mlp, train_x, train_y):.3f}")
print(f"test  {accuracy(mlp, test_x, test_y):.3f}")

# %% shading tags=["fold"]
xs, ys = torch.linspace(-2, 3, 61), torch.linspace(-1.7, 2, 46)
places = torch.cartesian_prod(ys, xs).flip(1)  # (2806, 2): a grid, row by row
colors = [("C0", 0.45), ("C0", 0.28), ("C0", 0.12),
          ("C1", 0.12), ("C1", 0.28), ("C1", 0.45)]


def shade(ax, net):
    with torch.no_grad():
        p = net(places).softmax(dim=1)[:, 1].reshape(46, 61)  # of class 1
    ax.contourf(xs, ys, p, levels=[0, 0.1, 0.3, 0.5, 0.7, 0.9, 1], colors=colors)
    draw_points(ax)
    return ax.contour(xs, ys, p, levels=[0.5], colors="C2")


fig, axes = plt.subplots(1, 2)
for ax, net in zip(axes, [line, mlp]):
    shade(ax, net)
plt.show()

# %% animate tags=["fold"]
from IPython.display import SVG
from matplotlib.figure import Figure


def path(points, joint):
    pixels = [f"{100 * x1 + 200:.0f},{200 - 100 * x2:.0f}" for x1, x2 in points]
    return "M" + joint.join(pixels)


dots = [path(train_x[train_y == label].tolist(), "h0M") + "h0" for label in (0, 1)]
frames = ""  # a dot is a line of length 0 with round ends
for t, (step, net) in enumerate(snapshots.items()):
    pieces = shade(Figure().subplots(), net).allsegs[0]  # of the line of 0.5
    d = "".join(path(piece, "L") for piece in pieces)
    words = f"step {step}, test accuracy {accuracy(net, test_x, test_y):.2f}"
    frames += (f'<g style="animation-delay:{t - 10}s"><path d="{d}"/>'
               f'<text x="8" y="24">{words}</text></g>')
SVG(f"""<svg xmlns="http://www.w3.org/2000/svg" id="moving"
viewBox="0 0 500 370" width="500px" height="370px"><style>
#moving path{{fill:none;stroke-width:6;stroke-linecap:round}}
#moving g path{{stroke:#009e73;stroke-width:3}}
#moving text{{font:15px sans-serif;fill:#1f2328}}
#moving g{{opacity:0;animation:moving 10s steps(1) infinite}}
#moving g:last-of-type{{opacity:1}}
@keyframes moving{{0%{{opacity:1}}10%,to{{opacity:0}}}}
@media (prefers-reduced-motion: reduce){{*{{animation:none!important}}}}</style>
<path stroke="#0072b2" d="{dots[0]}"/><path stroke="#d55e00" d="{dots[1]}"/>{frames}
<text x="400" y="362">x1 (no unit) →</text>
<text transform="translate(22,362) rotate(-90)">x2 (no unit) →</text></svg>""")

# %% rare
points, labels = make_moons((10450, 550), noise=0.3, random_state=1)
x, y = torch.tensor(points, dtype=torch.float32), torch.tensor(labels)
rare_x, tune_x, exam_x = x.split([1000, 5000, 5000])  # training, validation, test
rare_y, tune_y, exam_y = y.split([1000, 5000, 5000])
detector = nn.Sequential(
    nn.Linear(2, 16), nn.ReLU(),
    nn.Linear(16, 16), nn.ReLU(),
    nn.Linear(16, 2),
)
optimizer = torch.optim.Adam(detector.parameters(), lr=0.01)
fit(detector, optimizer, rare_x, rare_y, steps=200)
print(f"network  {accuracy(detector, exam_x, exam_y):.3f}")
print(f"always 0 {(exam_y == 0).float().mean():.3f}")

# %% confusion
with torch.no_grad():
    chance = detector(exam_x).softmax(dim=1)[:, 1]  # (5000,): of class 1
says_1, is_1 = chance > 0.5, exam_y == 1
tp = (says_1 & is_1).sum().item()  # true positives: found
fp = (says_1 & ~is_1).sum().item()  # false positives: false alarms
fn = (~says_1 & is_1).sum().item()  # false negatives: missed
tn = (~says_1 & ~is_1).sum().item()  # true negatives: no alarm, rightly
print("        says 0  says 1")
print(f"is 0    {tn:6}  {fp:6}")
print(f"is 1    {fn:6}  {tp:6}")
print(f"precision {tp / (tp + fp):.3f}, recall {tp / (tp + fn):.3f}, "
      f"F1 {2 * tp / (2 * tp + fp + fn):.3f}")

# %% sklearn
from sklearn import metrics

print(metrics.confusion_matrix(exam_y, says_1))  # the truth comes first
print(f"precision {metrics.precision_score(exam_y, says_1):.3f}, "
      f"recall {metrics.recall_score(exam_y, says_1):.3f}, "
      f"F1 {metrics.f1_score(exam_y, says_1):.3f}")

# %% threshold
with torch.no_grad():
    tune_chance = detector(tune_x).softmax(dim=1)[:, 1]  # (5000,)
thresholds = (0.1, 0.3, 0.5, 0.7, 0.9)
print("threshold  alarms  precision  recall    F1")
for t in thresholds:
    says_1 = tune_chance > t
    precision = metrics.precision_score(tune_y, says_1)
    recall = metrics.recall_score(tune_y, says_1)
    f1 = metrics.f1_score(tune_y, says_1)
    print(f"{t:9}  {says_1.sum():6}  {precision:9.2f}  {recall:6.2f}  {f1:4.2f}")

# %% cost
def cost(chance, y, threshold):  # a missed one costs 10, a false alarm 1
    says_1, is_1 = chance > threshold, y == 1
    return (10 * (~says_1 & is_1).sum() + (says_1 & ~is_1).sum()).item()


costs = {t: cost(tune_chance, tune_y, t) for t in thresholds}
cheapest = min(costs, key=costs.get)
print("on the validation set:", costs)
for threshold in (0.5, cheapest):
    print(f"in the exam: {threshold} costs {cost(chance, exam_y, threshold)}")

# %% overtrain
wide = nn.Sequential(
    nn.Linear(2, 64), nn.ReLU(),
    nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, 2),
)
optimizer = torch.optim.Adam(wide.parameters(), lr=0.01)
for steps in (50, 150, 400):
    fit(wide, optimizer, train_x, train_y, steps)
    for name, x, y in [("train", train_x, train_y), ("test", test_x, test_y)]:
        with torch.no_grad():
            loss = F.cross_entropy(wide(x), y)
        print(f"{name:5} accuracy {accuracy(wide, x, y):.3f}, loss {loss:.3f}")

# %% ece
def calibration(p, y):  # (N, 2), (N,)
    confidence, guess = p.max(dim=1)  # (N,), (N,)
    correct, bins, error = (guess == y).float(), [], 0.0
    for low in (0.5, 0.6, 0.7, 0.8, 0.9):
        inside = (confidence > low) & (confidence <= low + 0.1)  # (N,)
        if not inside.any():
            continue
        conf, acc = confidence[inside].mean().item(), correct[inside].mean().item()
        count = inside.sum().item()
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
optimizer = torch.optim.Adam([T], lr=0.3)
fit(lambda z: z / T, optimizer, val_logits, val_y, steps=400)
scaled = logits / T.detach()  # (2000, 2)
after, error_after = calibration(scaled.softmax(dim=1), test_y)
print(f"T = {T.item():.1f}")
print(f"calibration error {error:.3f} -> {error_after:.3f}")
loss, loss_after = F.cross_entropy(logits, test_y), F.cross_entropy(scaled, test_y)
print(f"test loss {loss:.3f} -> {loss_after:.3f}")
print("the same answers:", torch.equal(logits.argmax(dim=1), scaled.argmax(dim=1)))

# %% reliability tags=["fold"]
fig, ax = plt.subplots()
ax.plot([0.5, 1], [0.5, 1], color="C5", ls=":", label="perfectly calibrated")
tuned = f"T = {T.item():.1f}"
for name, bins, marker in [("T = 1", before, "o-"), (tuned, after, "^-")]:
    conf, acc, _ = zip(*bins)
    ax.plot(conf, acc, marker, label=name)
ax.set(xlabel="confidence (mean probability)", ylabel="accuracy (share correct)")
ax.set_ylim(0.3, 1.02)
ax.legend()
plt.show()

# %% far
print("distance  gap of the mlp  its confidence  wide / T")
with torch.no_grad():
    for distance in (1, 10, 100, 1000):
        x1, x2 = 0.5 + 0.6 * distance, 0.25 - 0.8 * distance
        place = torch.tensor([[x1, x2]])  # (1, 2)
        gap, sure = mlp(place).diff().item(), mlp(place).softmax(dim=1).max()
        cooled = (wide(place) / T).softmax(dim=1).max()
        print(f"{distance:8} {gap:15.1f} {sure:15.4f} {cooled:9.4f}")

# %% three
from sklearn.datasets import load_iris

iris, order = load_iris(), torch.randperm(150)  # no download
flowers = torch.tensor(iris.data, dtype=torch.float32)[order]  # (150, 4), in cm
species = torch.tensor(iris.target)[order]  # (150,): 0, 1 or 2
net = nn.Sequential(
    nn.Linear(4, 16), nn.ReLU(),  # 4 in
    nn.Linear(16, 16), nn.ReLU(),
    nn.Linear(16, 3),  # 3 out
)
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
fit(net, optimizer, flowers[:100], species[:100], steps=200)
print(f"test {accuracy(net, flowers[100:], species[100:]):.2f}")
print(net(flowers[100:103]).softmax(dim=1).detach().round(decimals=2))
print(species[100:103])

# %% softmax-twice
torch.manual_seed(1)
plain = nn.Sequential(
    nn.Linear(2, 64), nn.ReLU(),
    nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, 2),
)
twice = nn.Sequential(*deepcopy(plain), nn.Softmax(dim=1))
for name, net in [("once", plain), ("twice", twice)]:
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    fit(net, optimizer, train_x, train_y, steps=600)
    with torch.no_grad():
        z = net(train_x)  # (200, 2)
    right, loss = accuracy(net, train_x, train_y), F.cross_entropy(z, train_y)
    surest = z.softmax(dim=1).max()
    print(f"{name:5} accuracy {right:.3f}, loss {loss:.4f}, surest {surest:.4f}")

# %% bce-dtype-error tags=["raises-exception"]
F.binary_cross_entropy_with_logits(one, test_y)  # test_y is int64

# %% bce-shape-error tags=["raises-exception"]
F.binary_cross_entropy_with_logits(single(test_x), test_y.float())

# %% ce-dtype-error tags=["raises-exception"]
F.cross_entropy(two, test_y.float())

# %% ce-range-error tags=["raises-exception"]
F.cross_entropy(single(test_x), test_y)  # (2000, 1): one class only
