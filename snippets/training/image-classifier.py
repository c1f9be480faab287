# The cells of the chapter training/image-classifier.

# %% setup
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split
from torchvision import datasets
from torchvision.transforms import v2
from tqdm import tqdm

torch.manual_seed(0)
accelerator = torch.accelerator.current_accelerator(check_available=True)
device = accelerator or torch.device("cpu")

to_tensor = v2.Compose([
    v2.ToImage(),
    v2.ToDtype(torch.float32, scale=True),  # 0 to 255 -> 0 to 1
    v2.Normalize([0.5], [0.5]),  # (x - 0.5) / 0.5: 0 to 1 -> -1 to 1
])

# %% cifar10 tags=["network"]
whole = datasets.CIFAR10("data", train=True, download=True, transform=to_tensor)
test_set = datasets.CIFAR10("data", train=False, transform=to_tensor)
generator = torch.Generator().manual_seed(0)
train_set, val_set = random_split(whole, [0.9, 0.1], generator=generator)
print(len(train_set), len(val_set), len(test_set))
print(*whole.classes)

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
import numpy as np
from sklearn.datasets import load_sample_image

both = [load_sample_image(name)[::2, ::2] for name in ("china.jpg", "flower.jpg")]
photos = torch.tensor(np.stack(both))  # (2, 214, 320, 3)
pixel = torch.arange(32)


def backgrounds(n):  # n windows of 32 x 32, each somewhere in one of the two
    height, width = photos.shape[1:3]
    which = torch.randint(2, (n, 1, 1))
    rows = torch.randint(height - 31, (n, 1, 1)) + pixel[:, None]  # (n, 32, 1)
    columns = torch.randint(width - 31, (n, 1, 1)) + pixel  # (n, 1, 32)
    return photos[which, rows, columns]  # (n, 32, 32, 3), uint8

# %% draw tags=["fold"]
classes = ["disc", "ring", "square", "triangle", "left", "right"]


def draw(n):
    radius = 6 + 5 * torch.rand(n, 1, 1)
    x, y = radius + (31 - 2 * radius) * torch.rand(2, n, 1, 1)  # its middle
    u = ((pixel - x) / radius).expand(n, 32, 32)  # -1 to 1, left to right
    v = ((pixel[:, None] - y) / radius).expand(n, 32, 32)  # -1 to 1, top down
    r = (u**2 + v**2).sqrt()
    shapes = torch.stack([
        r < 1,  # disc
        (r < 1) & (r > 0.55),  # ring
        (u.abs() < 0.85) & (v.abs() < 0.85),  # square
        (v < 0.8) & (2 * u.abs() < v + 1),  # triangle
        (u.abs() < 1) & (v.abs() < torch.where(u < 0, 1 + u, 0.4)),  # left
        (u.abs() < 1) & (v.abs() < torch.where(u > 0, 1 - u, 0.4)),  # right
    ])  # (6, n, 32, 32)
    labels = torch.randint(6, (n,))
    inside = shapes[labels, torch.arange(n)][..., None]  # (n, 32, 32, 1)
    color = torch.randint(256, (n, 1, 1, 3), dtype=torch.uint8)
    behind = backgrounds(n)
    images = torch.where(inside, color, behind).permute(0, 3, 1, 2)
    mean_color = behind.float().mean(dim=(1, 2), keepdim=True)  # (n, 1, 1, 3)
    contrasts = (color.float() - mean_color).flatten(1).norm(dim=1)  # (n,)
    return images, labels, contrasts  # (n, 3, 32, 32), (n,), (n,)

# %% signs
class Pictures(Dataset):
    def __init__(self, images, labels, transform):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(self.images[index]), self.labels[index]


images, labels, contrasts = draw(3500)
train_set = Pictures(images[:2000], labels[:2000], to_tensor)
val_set = Pictures(images[2000:2500], labels[2000:2500], to_tensor)
test_set = Pictures(images[2500:], labels[2500:], to_tensor)
print(len(train_set), len(val_set), len(test_set), train_set[0][0].shape)

# %% samples tags=["fold"]
import matplotlib.pyplot as plt

fig, axes = plt.subplots(3, 6)
for column, name in enumerate(classes):
    for image, ax in zip(images[labels == column], axes[:, column]):
        picture = image.permute(1, 2, 0).numpy()  # (3, 32, 32) -> (32, 32, 3)
        ax.imshow(picture, interpolation="nearest")
        ax.axis("off")
    axes[0, column].set(title=name)
plt.show()

# %% accuracy
def predict(net, dataset):
    net.eval()
    guesses, truths = [], []
    with torch.inference_mode():
        for images, labels in DataLoader(dataset, batch_size=250):
            scores = net(images.to(device))  # (N, classes)
            guesses.append(scores.argmax(dim=1).cpu())  # (N,)
            truths.append(labels)
    return torch.cat(guesses), torch.cat(truths)


def accuracy(net, dataset):
    guesses, truths = predict(net, dataset)
    return (guesses == truths).float().mean().item()

# %% fit
def fit(net, train_set, epochs, val_set=None, batch_size=32, weight_decay=0.0):
    net.to(device)
    loader = DataLoader(train_set, batch_size, shuffle=True)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=weight_decay)
    scheduler = OneCycleLR(optimizer, max_lr=0.01, total_steps=epochs * len(loader))
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
            if accuracies[-1] == max(accuracies):  # none so far was better
                torch.save(net.state_dict(), "best.pt")
    return losses, accuracies

# %% baseline
mean_color = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 6))
pixels = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 6))

for name, net in {"mean colour": mean_color, "pixels": pixels}.items():
    fit(net, train_set, epochs=2)
    train, val = accuracy(net, train_set), accuracy(net, val_set)
    print(f"{name:11} train {train:.2f}  val {val:.2f}")

# %% cnn
class SmallCNN(nn.Module):
    def __init__(self, channels, n_classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 16, 5, padding=2, stride=2),  # -> (N, 16, 16, 16)
            nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),  # -> (N, 16, 8, 8)
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 32, 3, padding=1),  # -> (N, 32, 8, 8)
            nn.BatchNorm2d(32), nn.ReLU(),
            nn.AdaptiveMaxPool2d(1), nn.Flatten(),  # -> (N, 32, 1, 1) -> (N, 32)
        )
        self.scores = nn.Linear(32, n_classes)

    def forward(self, x):  # (N, channels, 32, 32)
        return self.scores(self.features(x))  # -> (N, n_classes)


net = SmallCNN(3, 6)
print("CNN:   ", sum(p.numel() for p in net.parameters()), "parameters")
print("pixels:", sum(p.numel() for p in pixels.parameters()), "parameters")

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
confusion = torch.bincount(6 * truths + guesses, minlength=36).reshape(6, 6)
# a row for each truth, a column for each guess
wrong = confusion.clone().fill_diagonal_(0)
pairs = (wrong + wrong.T).triu()  # mistakes both ways, each pair once
a, b = divmod(pairs.argmax().item(), 6)
print(f"{classes[a]} taken for {classes[b]}: {wrong[a, b]}")
print(f"{classes[b]} taken for {classes[a]}: {wrong[b, a]}")
print("mistakes in all:", wrong.sum().item())

# %% contrast
missed = (guesses != truths).nonzero().flatten()
contrast = contrasts[2500:]  # of the test set
print(f"read correctly: mean contrast {contrast[guesses == truths].mean():.0f}")
print(f"missed:         mean contrast {contrast[missed].mean():.0f}")

# %% mistakes
fig, axes = plt.subplots(2, 4)
for i, ax in zip(missed, axes.flat):
    ax.imshow(test_set.images[i].permute(1, 2, 0).numpy(), interpolation="nearest")
    ax.set(title=f"is {classes[truths[i]]},\nsays {classes[guesses[i]]}")
for ax in axes.flat:
    ax.axis("off")
plt.show()

# %% own-picture
from PIL import Image, ImageDraw

picture = Image.new("RGB", (640, 480), "steelblue")  # (width, height)
arrow = (170, 240, 320, 90, 320, 180, 470, 180, 470, 300, 320, 300, 320, 390)
ImageDraw.Draw(picture).polygon(arrow, fill="gold")  # x, y, x, y, ...
picture.save("mine.png")

# %% own
best = SmallCNN(3, 6)
best.load_state_dict(torch.load("best.pt", map_location="cpu"))
best.eval()

to_input = v2.Compose([v2.Resize(32), v2.CenterCrop(32), to_tensor])
x = to_input(Image.open("mine.png").convert("RGB"))  # (3, 32, 32)
with torch.inference_mode():
    probabilities = best(x.unsqueeze(0)).softmax(dim=1)[0]  # (1, 6) -> (6,)
for name, probability in zip(classes, probabilities):
    print(f"{name:9} {probability:.3f}")
print("it says:", classes[probabilities.argmax()])

# %% changes
crop = v2.RandomCrop(32, padding=4)
jitter = v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4)
flip = v2.RandomHorizontalFlip(p=0.5)  # each picture tosses its own coin

# %% augment tags=["fold"]
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
    torch.manual_seed(0)  # the same start for all three
    nets[name] = SmallCNN(3, 6)
    fit(nets[name], Pictures(*few, transform), epochs=20)
    train = accuracy(nets[name], Pictures(*few, to_tensor))
    print(f"{name:11} train {train:.2f}  val {accuracy(nets[name], val_set):.2f}")

# %% flip
for name in ("crop", "crop, flip"):
    guesses, truths = predict(nets[name], val_set)
    print(name)
    for label in range(6):
        share = (guesses[truths == label] == label).float().mean()
        print(f"  {classes[label]:9} {share:.2f}")

# %% regularise
few_x = torch.stack([x for x, _ in Pictures(*few, to_tensor)])  # (300, 3, 32, 32)
few_set = TensorDataset(few_x, few[1])
for name, p, decay in [("neither", 0, 0), ("dropout", 0.2, 0), ("decay", 0, 1)]:
    train, val = [], []
    for seed in range(3):
        torch.manual_seed(seed)
        trial = SmallCNN(3, 6)
        trial.scores = nn.Sequential(nn.Dropout(p), trial.scores)
        fit(trial, few_set, epochs=10, weight_decay=decay)
        train.append(accuracy(trial, few_set))
        val.append(accuracy(trial, val_set))
    print(f"{name:8} train", *[f"{a:.2f}" for a in train],
          " val", *[f"{a:.2f}" for a in val], f" mean {np.mean(val):.2f}")

# %% mnist tags=["network"]
digit_train = datasets.MNIST("data", train=True, download=True, transform=to_tensor)
digit_test = datasets.MNIST("data", train=False, transform=to_tensor)
print(len(digit_train), len(digit_test), digit_train[0][0].shape)

# %% digits
from sklearn.datasets import load_digits

digits = load_digits()  # 1797 pictures of 8 x 8, values 0 to 16
pictures = torch.tensor(digits.images * 255 / 16).round().to(torch.uint8)[:, None]
numbers = torch.tensor(digits.target)  # pictures: (1797, 1, 8, 8)

order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
pictures, numbers = pictures[order], numbers[order]
digit_train = Pictures(pictures[:1500], numbers[:1500], to_tensor)
digit_test = Pictures(pictures[1500:], numbers[1500:], to_tensor)
print(len(digit_train), len(digit_test), digit_train[0][0].shape)

# %% digits-train
digit_net = SmallCNN(1, 10)
fit(digit_net, digit_train, epochs=3)
print(f"accuracy {accuracy(digit_net, digit_test):.2f}")

# %% not-found tags=["raises-exception"]
datasets.CIFAR10("nowhere")

# %% no-batch tags=["raises-exception"]
best(x)
