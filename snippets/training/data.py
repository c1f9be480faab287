# The cells of the chapter training/data.

# %% dataset
import torch
from torch.utils.data import DataLoader, Dataset


class Degrees(Dataset):
    def __init__(self, celsius):
        self.celsius = celsius

    def __len__(self):  # how many samples there are
        return len(self.celsius)

    def __getitem__(self, i):  # sample number i
        x = torch.tensor([self.celsius[i]])  # (1,)
        return x, 1.8 * x + 32  # Celsius, Fahrenheit


degrees = Degrees([0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0])
print(len(degrees), degrees[3])

# %% table
from pathlib import Path

import numpy as np
from torch.utils.data import TensorDataset

Path("rooms.csv").write_text("""area,floor,rent
31.0,2,1300
45.5,7,1850
60.0,1,1900
82.5,12,3100
""", encoding="utf-8")

table = np.loadtxt("rooms.csv", delimiter=",", skiprows=1, dtype=np.float32)
table = torch.from_numpy(table)  # (4, 3)
rooms = TensorDataset(table[:, :2], table[:, 2:])  # (4, 2), (4, 1)
print(len(rooms), rooms[3])

# %% loader
x, y = next(iter(DataLoader(degrees)))  # no other argument
print(x.shape, y.shape)

loader = DataLoader(degrees, batch_size=4)
for x, y in loader:
    print(x.shape, x.flatten().tolist())
print(len(loader), len(DataLoader(degrees, batch_size=4, drop_last=True)))

# %% shuffle
torch.manual_seed(0)
loader = DataLoader(range(8), batch_size=4, shuffle=True)
for epoch in range(3):
    print([batch.tolist() for batch in loader])

# %% shuffle-figure tags=["fold"]
import matplotlib.pyplot as plt

batches = torch.arange(60).split(10)  # 6 of (10,)
inside = [batch[torch.randperm(10)] for batch in batches]
whole = DataLoader(range(60), batch_size=10, shuffle=True)
fig, axes = plt.subplots(1, 2, sharey=True)
for ax, batches in zip(axes, (inside, whole)):
    for k, batch in enumerate(batches):
        ax.plot(range(10 * k, 10 * k + 10), batch, "o", ms=4, color=f"C{k}")
    ax.set(xlabel="place in the epoch", xticks=range(0, 61, 10))
axes[0].set(title="inside each batch", ylabel="sample number")
axes[1].set(title="shuffle=True")
plt.show()

# %% sorted-classes
from copy import deepcopy

from sklearn.datasets import load_digits
from torch import nn

x, y = load_digits(return_X_y=True)  # (1797, 64), (1797,)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
numbers = torch.randperm(1797)
train, test = numbers[:1500], numbers[1500:]
train = train[y[train].argsort()]  # all the zeros, then all the ones, ...
digits = TensorDataset(x[train], y[train])

start = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
for shuffle in (False, True):
    net = deepcopy(start)  # the same weights to begin with
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for epoch in range(5):
        for batch_x, batch_y in DataLoader(digits, batch_size=50, shuffle=shuffle):
            loss = nn.functional.cross_entropy(net(batch_x), batch_y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    guess = net(x[test]).argmax(dim=1)  # (297,)
    accuracy = (guess == y[test]).float().mean()
    print(f"{shuffle=}: accuracy {accuracy:.2f}")
    print("    guesses of each digit:", guess.bincount(minlength=10).tolist())

# %% seed
for unrelated in (0, 100):
    torch.randn(unrelated)  # random numbers drawn by other code
    generator = torch.Generator().manual_seed(1)
    loader = DataLoader(range(8), batch_size=4, shuffle=True, generator=generator)
    first, second = [[batch.tolist() for batch in loader] for epoch in range(2)]
    print(first, "then", second)

# %% unequal-error tags=["raises-exception"]
words = ["loss", "gradient", "axis", "backward", "step", "momentum"]
codes = [torch.tensor(list(word.encode())) for word in words]  # (4,), (8,), ...
next(iter(DataLoader(codes, batch_size=2)))

# %% collate
from torch.nn.utils.rnn import pad_sequence


def pad(samples):  # a list of batch_size samples
    lengths = torch.tensor([len(sample) for sample in samples])  # (N,)
    return pad_sequence(samples, batch_first=True), lengths  # (N, longest), (N,)


batch, lengths = next(iter(DataLoader(codes, batch_size=2, collate_fn=pad)))
print(batch, lengths, sep="\n")

# %% sampler
by_length = sorted(range(6), key=lambda i: len(codes[i]))
for order in (list(range(6)), by_length):
    loader = DataLoader(codes, batch_size=2, sampler=order, collate_fn=pad)
    added = sum((batch == 0).sum().item() for batch, lengths in loader)
    print(order, "zeros of padding:", added)

# %% batch-sampler
loader = DataLoader(codes, batch_sampler=[[0, 2, 4], [3], [5, 1]], collate_fn=pad)
print([tuple(batch.shape) for batch, lengths in loader])

# %% draw tags=["fold"]
import random

from PIL import Image, ImageDraw

rng = random.Random(0)
shapes = ("triangle", 3, 10), ("square", 4, 30), ("circle", 60, 80)
for kind, sides, count in shapes:
    Path("shapes", kind).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        picture = Image.new("RGB", (48, 40), "darkslategray")  # 48 wide, 40 high
        x, y, radius = rng.randint(18, 30), rng.randint(14, 26), rng.randint(7, 13)
        color = tuple(rng.randint(120, 255) for channel in "RGB")
        drawing = ImageDraw.Draw(picture)
        circle, turn = (x, y, radius), rng.randint(-15, 15)
        drawing.regular_polygon(circle, sides, turn, fill=color)
        picture.save(f"shapes/{kind}/{i:02}.png")

# %% pipeline
from torchvision.transforms import v2

transform = v2.Compose([
    v2.ToImage(),  # a picture -> a tensor
    v2.Resize(32),  # the shorter side becomes 32
    v2.CenterCrop(32),
    v2.ToDtype(torch.float32, scale=True),  # 0 to 255 -> 0 to 1
])

x = Image.open("shapes/circle/00.png")
print("PIL", x.size)
for step in transform.transforms:
    x = step(x)
    name = type(step).__name__
    print(f"{name:11}", tuple(x.shape), x.dtype, f"max {x.max():.2f}")

# %% folder
from torchvision.datasets import ImageFolder

pictures = ImageFolder("shapes", transform=transform)
x, y = pictures[0]
print(len(pictures), pictures.class_to_idx, x.shape, y)

# %% batch
loader = DataLoader(pictures, batch_size=8, shuffle=True)
x, y = next(iter(loader))  # (8, 3, 32, 32), (8,)

fig, axes = plt.subplots(2, 4)
for image, label, ax in zip(x, y, axes.flat):
    image = image.permute(1, 2, 0)  # (32, 32, 3)
    ax.imshow(image.numpy(), interpolation="nearest")
    ax.set(title=f"{label}: {pictures.classes[label]}")
    ax.axis("off")
plt.show()

# %% split
from torch.utils.data import random_split

generator = torch.Generator().manual_seed(0)
parts = random_split(pictures, [72, 24, 24], generator=generator)
kinds = torch.tensor(pictures.targets)  # (120,): the class of each picture
for part in parts:
    print(len(part), kinds[part.indices].bincount().tolist())
print(len({i for part in parts for i in part.indices}), "different pictures")

# %% stratify
from sklearn.model_selection import train_test_split

train, rest = train_test_split(range(120), stratify=kinds, train_size=72,
                               random_state=0)
val, test = train_test_split(rest, stratify=kinds[rest], train_size=24,
                             random_state=0)
for numbers in (train, val, test):
    print(len(numbers), kinds[numbers].bincount().tolist())

# %% statistics
train_x = torch.stack([pictures[i][0] for i in train])  # (72, 3, 32, 32)
mean = train_x.mean(dim=(0, 2, 3)).tolist()  # 3 numbers, one for each channel
std = train_x.std(dim=(0, 2, 3)).tolist()
print("mean", [round(m, 2) for m in mean], "std", [round(s, 2) for s in std])

# %% own-transforms
from torch.utils.data import Subset

for_test = v2.Compose([transform, v2.Normalize(mean, std)])
for_train = v2.Compose([v2.RandomHorizontalFlip(p=0.5), for_test])
train_set = Subset(ImageFolder("shapes", transform=for_train), train)
val_set = Subset(ImageFolder("shapes", transform=for_test), val)
test_set = Subset(ImageFolder("shapes", transform=for_test), test)

for part in (train_set, test_set):
    x = torch.stack([x for x, y in part])  # (72, 3, 32, 32), (24, 3, 32, 32)
    means, stds = x.mean(dim=(0, 2, 3)), x.std(dim=(0, 2, 3))  # (3,), (3,)
    print("mean", [round(m, 2) + 0.0 for m in means.tolist()], end=" ")
    print("std", [round(s, 2) for s in stds.tolist()])

# %% leak
things = torch.randn(1000, 1, 20)  # 1000 things, 20 numbers each
x = things + 0.1 * torch.randn(1000, 5, 20)  # (1000, 5, 20): 5 near-copies of each
y = torch.randint(2, (1000, 1)).expand(1000, 5)  # a coin tossed for each thing
x, y = x.flatten(0, 1), y.flatten()  # (5000, 20), (5000,): five rows a thing

mixed, in_order = torch.randperm(5000), torch.arange(5000)
for name, numbers in (("by sample", mixed), ("by thing", in_order)):
    test, train = numbers[:1000], numbers[1000:]
    distances = torch.cdist(x[test], x[train])  # (1000, 4000): each to each
    nearest = train[distances.argmin(dim=1)]  # (1000,): its nearest neighbour
    accuracy = (y[nearest] == y[test]).float().mean()
    print(f"split {name}: accuracy {accuracy:.2f}")

# %% weighted
from torch.utils.data import WeightedRandomSampler

labels = kinds[train_set.indices]  # (72,)
counts = labels.bincount()  # (3,)
weights = 1 / counts[labels]  # (72,): the rarer the class, the larger
sampler = WeightedRandomSampler(weights, num_samples=72)

loader = DataLoader(train_set, batch_size=12, sampler=sampler)
drawn = torch.cat([y for x, y in loader])  # (72,)
print(pictures.classes, counts.tolist(), "->", drawn.bincount().tolist())

# %% stream
from torch.utils.data import IterableDataset

Path("log.txt").write_text("21.5\n21.7\n22.0\n22.4\n22.3\n", encoding="utf-8")


class Log(IterableDataset):
    def __iter__(self):
        with open("log.txt", encoding="utf-8") as file:
            for line in file:
                yield torch.tensor(float(line))


for batch in DataLoader(Log(), batch_size=2):
    print(batch)

# %% script
script = """
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

class Numbers(Dataset):
    def __len__(self):
        return 8
    def __getitem__(self, i):
        return i, get_worker_info().id

class Stream(IterableDataset):
    numbers = range(6)
    def __iter__(self):
        return iter(self.numbers)

def share(worker_id):
    info = get_worker_info()  # info.dataset is this worker's own copy
    info.dataset.numbers = info.dataset.numbers[worker_id::info.num_workers]

if __name__ == "__main__":
    for i, worker in DataLoader(Numbers(), batch_size=2, num_workers=2):
        print(i.tolist(), "from workers", worker.tolist())
    twice = DataLoader(Stream(), num_workers=2)
    print("twice: ", [n.item() for n in twice])
    shared = DataLoader(Stream(), num_workers=2, worker_init_fn=share)
    print("shared:", [n.item() for n in shared])
"""

# %% workers
import subprocess
import sys

Path("workers.py").write_text(script, encoding="utf-8")
run = subprocess.run([sys.executable, "workers.py"],  # as: python workers.py
                     capture_output=True, text=True, check=True)
print(run.stdout)

# %% no-guard
Path("no_guard.py").write_text("""from multiprocessing import get_context
get_context("spawn").Process(target=print).start()
""", encoding="utf-8")
child = subprocess.run([sys.executable, "no_guard.py"], capture_output=True,
                       errors="replace")  # as text; a folder may have any name
message = child.stderr
print(message[message.index("RuntimeError: "):].strip())

# %% refused
from textwrap import fill

for wrong in ({"num_workers": -1}, {"prefetch_factor": 2}, {"timeout": 1},
              {"shuffle": True, "sampler": [3, 1]}):
    try:
        loader = DataLoader(range(8), **wrong)
        print("made, but", end=" ")
        next(iter(loader))
    except (ValueError, AssertionError) as error:
        print(wrong, fill(f"{type(error).__name__}: {error}", 76), sep="\n")

# %% pil-error tags=["raises-exception"]
next(iter(DataLoader(ImageFolder("shapes"), batch_size=2)))

# %% double-error tags=["raises-exception"]
table = np.array([[20.0], [25.0]])  # (2, 1)
x = next(iter(DataLoader(table, batch_size=2)))  # (2, 1)
print(x.dtype)
torch.nn.Linear(1, 1)(x)
