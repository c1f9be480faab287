# The cells of the chapter networks/lenet.

# %% lenet
import torch
import torch.nn.functional as F
from torch import nn


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):  # (N, 1, 32, 32)
        x = F.relu(self.conv1(x))  # -> (N, 6, 28, 28)
        x = F.max_pool2d(x, 2)  # -> (N, 6, 14, 14)
        x = F.relu(self.conv2(x))  # -> (N, 16, 10, 10)
        x = F.max_pool2d(x, 2)  # -> (N, 16, 5, 5)
        x = torch.flatten(x, 1)  # -> (N, 400)
        x = F.relu(self.fc1(x))  # -> (N, 120)
        x = F.relu(self.fc2(x))  # -> (N, 84)
        return self.fc3(x)  # -> (N, 10)


torch.manual_seed(0)
net = LeNet()

# %% flatten
maps = torch.randn(3, 16, 5, 5)  # three samples

count = 1
for size in maps.shape[1:]:  # all the axes but the batch
    count *= size
print(count, torch.equal(maps.view(-1, count), torch.flatten(maps, 1)))

# %% path
pool = nn.MaxPool2d(2)
path = {"conv1": net.conv1, "relu1": F.relu, "pool1": pool,
        "conv2": net.conv2, "relu2": F.relu, "pool2": pool,
        "flatten": nn.Flatten(), "fc1": net.fc1, "relu3": F.relu,
        "fc2": net.fc2, "relu4": F.relu, "fc3": net.fc3}

h = x = torch.randn(1, 1, 32, 32)
shapes = {"input": x.shape}
for name, step in path.items():
    h = step(h)
    shapes[name] = h.shape
    print(f"{name:8}", tuple(h.shape))
print(torch.equal(h, net(x)))

# %% path-figure tags=["fold"]
import matplotlib.pyplot as plt

fig, (upper, lower) = plt.subplots(2, 1, height_ratios=[1.6, 1])
left = 0
for name in ["input", "conv1", "pool1", "conv2", "pool2"]:
    n, side, _ = shapes[name][1:]
    back = 1.2 * (n - 1)  # how far the maps behind stick out
    for c in reversed(range(n)):
        corner = (left + 1.2 * c, 1.2 * c - (side + back) / 2)
        square = plt.Rectangle(corner, side, side, fc=("C0", 0.1), ec="C0")
        upper.add_patch(square)
    middle = left + (side + back) / 2
    label = f"{name}\n{n}×{side}×{side}"
    upper.text(middle, -28, label, ha="center", va="center")
    left += side + back + 15
upper.set(xlim=(-2, left - 13), ylim=(-36, 20), aspect="equal")
upper.axis("off")

names = ["fc3", "fc2", "fc1", "flatten"]
bars = lower.barh(names, [shapes[name][1] for name in names], color="C1")
lower.bar_label(bars, padding=4)
lower.set(xlabel="numbers in a row")
plt.show()

# %% count
by_hand = {"conv1": 6 * (1 * 5 * 5 + 1), "conv2": 16 * (6 * 5 * 5 + 1),
           "fc1": 120 * (400 + 1), "fc2": 84 * (120 + 1), "fc3": 10 * (84 + 1)}

print("layer   params  by hand  multiplications")
params, work = 0, 0
for name, layer in net.named_children():
    own = sum(p.numel() for p in layer.parameters())
    places = shapes[name][2:].numel()  # conv1: 28 * 28 places; a linear layer: 1
    times = layer.weight.numel() * places
    print(f"{name:6} {own:7,} {by_hand[name]:8,} {times:16,}")
    params, work = params + own, work + times
print(f"in all {params:7,} {sum(by_hand.values()):8,} {work:16,}")

# %% random-backward
out = net(x)  # (1, 10)
v = torch.randn(1, 10)
out.backward(v)

print(all(p.grad is not None for p in net.parameters()))
print(torch.equal(net.fc3.bias.grad, v[0]))  # (10,)

# %% mse
target = torch.zeros(10)
target[3] = 1  # "this is a 3"
target = target.reshape(1, -1)  # (10,) -> (1, 10), as the output

out = net(x)  # (1, 10)
loss = nn.MSELoss()(out, target)
print(loss)
print(((out - target) ** 2).sum() / 10)

# %% broadcast tags=["warns"]
wrong = nn.MSELoss()(out, target.reshape(-1, 1))  # (1, 10) against (10, 1)
print(wrong, "is the mean of", (out - target.reshape(-1, 1)).shape)

# %% chain
aside = ["AccumulateGrad", "TBackward0"]  # the ways to biases and weights
node = loss.grad_fn
for name in ["loss", *reversed(path)]:
    print(f"{name:8}", type(node).__name__)
    ways = [n for n, _ in node.next_functions if n]
    node = next((n for n in ways if type(n).__name__ not in aside), None)

fc3 = loss.grad_fn.next_functions[0][0]
print("fc3 forks:", [type(n).__name__ for n, _ in fc3.next_functions])

# %% bias-grad
net.zero_grad()
print("before:", net.conv1.bias.grad)
print("still: ", net.conv1.bias.grad)  # where the notes said "after"
loss.backward()
print("after: ", net.conv1.bias.grad)

# %% step
rate = 0.1
foretold = 0.0
with torch.no_grad():
    for p in net.parameters():
        foretold += rate * (p.grad**2).sum()
        p -= rate * p.grad
    after = nn.MSELoss()(net(x), target)
print(f"loss {loss:.4f} -> {after:.4f}")
print(f"fell by {loss - after:.4f}, foretold {foretold:.4f}")

# %% digits
from sklearn.datasets import load_digits

digits = load_digits()  # comes with scikit-learn, no download
small = torch.tensor(digits.images, dtype=torch.float32) / 16  # (1797, 8, 8)
small = small[:, None]  # -> (1797, 1, 8, 8)
images = F.interpolate(small, size=(32, 32), mode="bilinear")  # (1797, 1, 32, 32)
labels = torch.tensor(digits.target)  # (1797,)

order = torch.randperm(1797)
train, test = order[:1500], order[1500:]
train_x, train_y = images[train], labels[train]
test_x, test_y = images[test], labels[test]
print(train_x.shape, test_x.shape)

# %% device
device = torch.accelerator.current_accelerator(check_available=True) or "cpu"
net = LeNet().to(device)  # a new one
train_x, train_y, test_x, test_y = (
    t.to(device) for t in (train_x, train_y, test_x, test_y))

# %% train
optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
scheduler = torch.optim.lr_scheduler.LinearLR(  # lr: from 0.002 down to 0
    optimizer, start_factor=1, end_factor=0, total_iters=20)

losses, accuracies = [], []
for epoch in range(20):
    total = 0.0
    for batch in torch.randperm(1500).split(25):  # (25,): which samples
        down, right = torch.randint(-3, 4, (2,)).tolist()
        batch_x = train_x[batch].roll((down, right), dims=(2, 3))  # (25, 1, 32, 32)
        loss = F.cross_entropy(net(batch_x), train_y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()
    with torch.no_grad():
        predicted = net(test_x).argmax(dim=1)  # (297, 10) -> (297,)
    losses.append(total / 60)  # 60 mini-batches
    accuracies.append((predicted == test_y).float().mean().item())
print(f"accuracy {accuracies[-1]:.3f}")

# %% curve
fig, (upper, lower) = plt.subplots(2, 1, sharex=True)
epochs = range(1, 21)
upper.plot(epochs, losses)
upper.set(ylabel="training loss")
lower.plot(epochs, accuracies, color="C1")
lower.axhline(0.97, color="C5", ls="--")
lower.set(xlabel="epoch", ylabel="test accuracy", xticks=range(2, 21, 2))
plt.show()

# %% confusion tags=["fold"]
confusion = torch.zeros(10, 10, dtype=torch.int64)
for truth, guess in zip(test_y.tolist(), predicted.tolist()):
    confusion[truth, guess] += 1

fig, ax = plt.subplots()
for truth, guess in confusion.nonzero().tolist():
    color = "C0" if truth == guess else "C1"
    corner = (guess - 0.5, truth - 0.5)
    ax.add_patch(plt.Rectangle(corner, 1, 1, color=color, alpha=0.3))
    ax.text(guess, truth, confusion[truth, guess].item(), ha="center", va="center")
ax.set(xlabel="predicted", ylabel="true", xticks=range(10), yticks=range(10),
       xlim=(-0.5, 9.5), ylim=(9.5, -0.5), aspect="equal")
ax.grid(False)
plt.show()

# %% hardest
with torch.no_grad():
    each = F.cross_entropy(net(test_x), test_y, reduction="none")  # (297,)
hardest = each.topk(8).indices.tolist()

fig, axes = plt.subplots(2, 4)
for i, ax in zip(hardest, axes.flat):
    ax.imshow(small[test[i], 0].numpy(), cmap="gray", interpolation="nearest")
    ax.set(title=f"is {test_y[i]}, says {predicted[i]}")
    ax.axis("off")
plt.show()

# %% nearest
def nearest(x, shifts):  # (N, 1, 32, 32) -> (N,)
    closest = torch.tensor(torch.inf)
    for shift in shifts:
        rolled = train_x.roll(shift, dims=(2, 3))  # (1500, 1, 32, 32)
        distances = torch.cdist(x.flatten(1), rolled.flatten(1))  # (N, 1500)
        closest = torch.minimum(closest, distances)
    return train_y[closest.argmin(dim=1)]


shifts = [(down, right) for down in range(-3, 4) for right in range(-3, 4)]
print("moved  LeNet  nearest, 1 place  nearest, 49 places")
for cells in (0, 4):
    moved = test_x.roll(cells, dims=3)  # to the right
    with torch.no_grad():
        scores = net(moved)  # (297, 10)
    answers = scores.argmax(dim=1), nearest(moved, [(0, 0)]), nearest(moved, shifts)
    lenet, one, many = [(a == test_y).float().mean().item() for a in answers]
    print(f"{cells:5} {lenet:6.3f} {one:17.3f} {many:19.3f}")

# %% cost
numbers = train_x.numel()  # 1500 * 32 * 32
print("                          LeNet     nearest")
print(f"numbers to keep      {params:10,} {numbers:11,}")
print(f"multiplications      {work:10,} {numbers * len(shifts):11,}")

# %% size-error tags=["raises-exception"]
net(test_x[:1, :, 2:30, 2:30])  # (1, 1, 28, 28)

# %% channel-error tags=["raises-exception"]
net(test_x[:5, 0])  # (5, 32, 32)

# %% single-error tags=["raises-exception"]
net(test_x[0])  # (1, 32, 32)
