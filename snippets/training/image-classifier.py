# The cells of the chapter training/image-classifier.

# %% setup
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split
from torchvision import datasets
from torchvision.transforms import v2
from tqdm import tqdm

torch.manual_seed(0)
device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")

to_tensor = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5], [0.5])])

# %% cifar10 tags=["network"]
whole = datasets.CIFAR10("data", train=True, download=True, transform=to_tensor)
test_set = datasets.CIFAR10("data", train=False, transform=to_tensor)
train_set, val_set = random_split(whole, [0.9, 0.1], generator=torch.Generator().manual_seed(0))
print(len(train_set), len(val_set), len(test_set), whole.classes)

# %% four tags=["network"]
def main():
    loader = DataLoader(train_set, batch_size=4, shuffle=True, num_workers=2)
    images, labels = next(iter(loader))  # (4, 3, 32, 32), (4,)
    print(images.shape, [whole.classes[label] for label in labels])


if __name__ == "__main__":
    main()

# %% archive
print(datasets.CIFAR10.url)
print("data/" + datasets.CIFAR10.filename, datasets.CIFAR10.tgz_md5)

# %% backgrounds
from sklearn.datasets import load_sample_image

photos = torch.stack([torch.tensor(load_sample_image(name)[::2, ::2]) for name in ("china.jpg", "flower.jpg")])
pixel = torch.arange(32)


def backgrounds(n):  # n windows of 32 x 32, somewhere in one of the photographs
    height, width = photos.shape[1:3]
    which = torch.randint(2, (n, 1, 1))
    rows = torch.randint(height - 31, (n, 1, 1)) + pixel[:, None]  # (n, 32, 1)
    columns = torch.randint(width - 31, (n, 1, 1)) + pixel  # (n, 1, 32)
    return photos[which, rows, columns]  # (n, 32, 32, 3), uint8

# %% draw
classes = ["disc", "ring", "square", "triangle", "left", "right"]


def draw(n):
    radius = 6 + 5 * torch.rand(n, 1, 1)
    x, y = radius + (31 - 2 * radius) * torch.rand(2, n, 1, 1)  # the middle of the sign
    u = ((pixel - x) / radius).expand(n, 32, 32)  # -1 to 1, from the left edge of the sign to the right
    v = ((pixel[:, None] - y) / radius).expand(n, 32, 32)  # -1 to 1, from the top down
    r = (u**2 + v**2).sqrt()
    shapes = torch.stack([
        r < 1,
        (r < 1) & (r > 0.55),
        (u.abs() < 0.85) & (v.abs() < 0.85),
        (v < 0.8) & (2 * u.abs() < v + 1),
        (u.abs() < 1) & (v.abs() < torch.where(u < 0, 1 + u, 0.4)),
        (u.abs() < 1) & (v.abs() < torch.where(u > 0, 1 - u, 0.4)),
    ])  # (6, n, 32, 32)
    labels = torch.randint(6, (n,))
    inside = shapes[labels, torch.arange(n)][..., None]  # (n, 32, 32, 1)
    color = torch.randint(256, (n, 1, 1, 3), dtype=torch.uint8)
    behind = backgrounds(n)
    images = torch.where(inside, color, behind).permute(0, 3, 1, 2)  # -> (n, 3, 32, 32)
    contrasts = (color.float() - behind.float().mean(dim=(1, 2), keepdim=True)).flatten(1).norm(dim=1)  # (n,)
    return images, labels, contrasts

# %% signs
class Signs(Dataset):
    def __init__(self, images, labels, transform):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(self.images[index]), self.labels[index]


images, labels, contrasts = draw(3500)
train_set = Signs(images[:2000], labels[:2000], to_tensor)
val_set = Signs(images[2000:2500], labels[2000:2500], to_tensor)
test_set = Signs(images[2500:], labels[2500:], to_tensor)
print(len(train_set), len(val_set), len(test_set), train_set[0][0].shape)

# %% samples
import matplotlib.pyplot as plt

fig, axes = plt.subplots(3, 6)
for column, name in enumerate(classes):
    for image, ax in zip(images[labels == column], axes[:, column]):
        ax.imshow(image.permute(1, 2, 0).numpy(), interpolation="nearest")  # (3, 32, 32) -> (32, 32, 3)
        ax.axis("off")
    axes[0, column].set(title=name)
plt.show()

# %% accuracy
def predict(net, dataset):
    net.eval()
    guesses, truths = [], []
    with torch.inference_mode():
        for images, labels in DataLoader(dataset, batch_size=250):
            guesses.append(net(images.to(device)).argmax(dim=1).cpu())  # (N, classes) -> (N,)
            truths.append(labels)
    return torch.cat(guesses), torch.cat(truths)


def accuracy(net, dataset):
    guesses, truths = predict(net, dataset)
    return (guesses == truths).float().mean().item()

# %% fit
def fit(net, train_set, epochs, val_set=None, batch_size=50):
    net.to(device)
    loader = DataLoader(train_set, batch_size, shuffle=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.005, total_steps=epochs * len(loader))
    losses, accuracies = [], []
    for epoch in tqdm(range(epochs), leave=False):
        net.train()
        total = 0.0
        for images, labels in loader:
            loss = F.cross_entropy(net(images.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item() * len(labels)
        losses.append(total / len(train_set))
        if val_set:
            accuracies.append(accuracy(net, val_set))
    return losses, accuracies

# %% baseline
mean_color = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 6))
pixels = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 6))

for name, net in {"mean colour": mean_color, "pixels": pixels}.items():
    fit(net, train_set, epochs=3)
    print(f"{name:11} train {accuracy(net, train_set):.2f}  val {accuracy(net, val_set):.2f}")

# %% cnn
class SmallCNN(nn.Module):
    def __init__(self, channels, n_classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 16, 5, padding=2, stride=2), nn.BatchNorm2d(16), nn.ReLU(),  # -> (N, 16, 16, 16)
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),  # -> (N, 32, 8, 8)
            nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),  # -> (N, 32, 8, 8)
            nn.AdaptiveMaxPool2d(1), nn.Flatten(),  # -> (N, 32, 1, 1) -> (N, 32)
        )
        self.scores = nn.Linear(32, n_classes)

    def forward(self, x):  # (N, channels, 32, 32)
        return self.scores(self.features(x))  # -> (N, n_classes)


net = SmallCNN(3, 6)
print(sum(p.numel() for p in net.parameters()), "parameters, the linear model has",
      sum(p.numel() for p in pixels.parameters()))

# %% train
losses, accuracies = fit(net, train_set, epochs=6, val_set=val_set)
print(f"train {accuracy(net, train_set):.2f}  val {accuracies[-1]:.2f}")

# %% curve
fig, (upper, lower) = plt.subplots(2, 1, sharex=True)
upper.plot(range(1, 7), losses)
upper.set(ylabel="training loss")
lower.plot(range(1, 7), accuracies, color="C1")
lower.axhline(1 / 6, color="C5", ls="--")
lower.set(xlabel="epoch", ylabel="val. accuracy", ylim=(0, 1))
plt.show()

# %% per-class
guesses, truths = predict(net, test_set)
print(f"all       {(guesses == truths).float().mean():.2f}")
for label, name in enumerate(classes):
    mine = truths == label
    print(f"{name:9} {(guesses[mine] == label).float().mean():.2f} of {mine.sum()}")

# %% worst-pair
confusion = torch.bincount(6 * truths + guesses, minlength=36).reshape(6, 6)  # row: truth, column: guess
wrong = confusion.clone().fill_diagonal_(0)
pairs = (wrong + wrong.T).triu()  # mistakes both ways, each pair once
a, b = divmod(pairs.argmax().item(), 6)
print(f"{classes[a]} taken for {classes[b]}: {wrong[a, b]}, {classes[b]} taken for {classes[a]}: {wrong[b, a]}")
print("mistakes in all:", wrong.sum().item())

# %% mistakes
missed = (guesses != truths).nonzero().flatten()
contrast = contrasts[2500:]  # of the test set
print(f"contrast: read correctly {contrast[guesses == truths].mean():.0f}, missed {contrast[missed].mean():.0f}")

fig, axes = plt.subplots(2, 4)
for i, ax in zip(missed, axes.flat):
    ax.imshow(test_set.images[i].permute(1, 2, 0).numpy(), interpolation="nearest")
    ax.set(title=f"is {classes[truths[i]]},\nsays {classes[guesses[i]]}")
for ax in axes.flat:
    ax.axis("off")
plt.show()

# %% augment
crop = v2.RandomCrop(32, padding=4)
jitter = v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4)
flip = v2.RandomHorizontalFlip(p=0.5)  # every other picture

arrow = images[labels == 4][0]  # (3, 32, 32)
fig, axes = plt.subplots(3, 6)
for row, change in zip(axes, [crop, jitter, flip]):
    for ax, image in zip(row, [arrow] + [change(arrow) for _ in range(5)]):
        ax.imshow(image.permute(1, 2, 0).numpy(), interpolation="nearest")
        ax.axis("off")
    row[0].set_title(type(change).__name__, loc="left")
plt.show()

# %% gain
few = images[:300], labels[:300]
nets = {}
for name, transform in {
    "as they are": to_tensor,
    "crop": v2.Compose([crop, to_tensor]),
    "crop, flip": v2.Compose([crop, flip, to_tensor]),
}.items():
    nets[name] = SmallCNN(3, 6)
    fit(nets[name], Signs(*few, transform), epochs=20, batch_size=20)
    print(f"{name:11} train {accuracy(nets[name], Signs(*few, to_tensor)):.2f}  val {accuracy(nets[name], val_set):.2f}")

# %% flip
fig, ax = plt.subplots()
for shift, name in [(-0.2, "crop"), (0.2, "crop, flip")]:
    guesses, truths = predict(nets[name], val_set)
    shares = [(guesses[truths == label] == label).float().mean().item() for label in range(6)]
    ax.bar([label + shift for label in range(6)], shares, width=0.38, label=name)
ax.set(xticks=range(6), xticklabels=classes, xlabel="class", ylabel="val. accuracy", ylim=(0, 1.25))
ax.legend(ncols=2, loc="upper center")
plt.show()

# %% mnist tags=["network"]
digit_train = datasets.MNIST("data", train=True, download=True, transform=to_tensor)
digit_test = datasets.MNIST("data", train=False, transform=to_tensor)
print(len(digit_train), len(digit_test), digit_train[0][0].shape)

# %% digits
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

digits = load_digits()  # 1797 pictures of 8 x 8, values 0 to 16
small = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16  # (1797, 1, 8, 8)
large = F.interpolate(small, size=(28, 28), mode="bilinear")[:, 0]  # (1797, 28, 28), 0 to 1
pictures = (255 * large).round().to(torch.uint8).numpy()

folder = Path("digits/MNIST/raw")
folder.mkdir(parents=True, exist_ok=True)
order = np.random.default_rng(0).permutation(1797)
for part, chosen in {"train": order[:1500], "t10k": order[1500:]}.items():
    for kind, array in {"images-idx3": pictures[chosen], "labels-idx1": digits.target[chosen]}.items():
        header = np.array([0x0800 + array.ndim, *array.shape], dtype=">i4")  # 08: bytes; then the sizes
        (folder / f"{part}-{kind}-ubyte").write_bytes(header.tobytes() + array.astype(np.uint8).tobytes())

digit_train = datasets.MNIST("digits", train=True, transform=to_tensor)
digit_test = datasets.MNIST("digits", train=False, transform=to_tensor)
print(len(digit_train), len(digit_test), digit_train[0][0].shape)

# %% digits-train
digit_net = SmallCNN(1, 10)
fit(digit_net, digit_train, epochs=4)
print(f"accuracy {accuracy(digit_net, digit_test):.3f}")

# %% batch-size tags=["timing"]
import time

for size in (4, 32, 256):
    loader = DataLoader(val_set, batch_size=size, shuffle=True)
    start = time.perf_counter()
    for x, y in loader:
        net.zero_grad()
        F.cross_entropy(net(x.to(device)), y.to(device)).backward()
    seconds = time.perf_counter() - start
    print(f"batches of {size:3}: {len(loader):3} steps, {len(val_set) / seconds:,.0f} images per second")

# %% not-found tags=["raises-exception"]
datasets.CIFAR10("nowhere")

# %% half tags=["raises-exception"]
file = folder / "train-images-idx3-ubyte"
file.write_bytes(file.read_bytes()[:100_000])  # as if the line had gone dead
datasets.MNIST("digits")
