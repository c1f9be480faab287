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

# %% tensor-dataset
from torch.utils.data import TensorDataset

celsius = torch.arange(0.0, 50.0, 5.0)[:, None]  # (10, 1)
same = TensorDataset(celsius, 1.8 * celsius + 32)
print(len(same), same[3])

# %% loader
x, y = next(iter(DataLoader(degrees)))  # no other argument
print(x.shape, y.shape)
for x, y in DataLoader(degrees, batch_size=4):
    print(x.shape, x.flatten().tolist())
print(len(DataLoader(degrees, batch_size=4)), len(DataLoader(degrees, batch_size=4, drop_last=True)))

# %% shuffle
torch.manual_seed(0)
loader = DataLoader(range(8), batch_size=4, shuffle=True)
for epoch in range(3):
    print([batch.tolist() for batch in loader])

# %% shuffle-figure
import matplotlib.pyplot as plt

inside = [batch[torch.randperm(10)] for batch in torch.arange(60).split(10)]  # 6 of (10,)
whole = DataLoader(range(60), batch_size=10, shuffle=True)
fig, axes = plt.subplots(1, 2, sharey=True)
for ax, batches, title in zip(axes, (inside, whole), ("inside each batch", "shuffle=True")):
    for k, batch in enumerate(batches):
        ax.plot(range(10 * k, 10 * k + 10), batch, "o", ms=4, color=f"C{k}")
    ax.set(title=title, xlabel="place in the epoch", xticks=range(0, 61, 10))
axes[0].set(ylabel="sample number")
plt.show()

# %% seed
for unrelated in (0, 100):
    torch.randn(unrelated)  # random numbers drawn by other code
    loader = DataLoader(range(8), batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(1))
    print([batch.tolist() for batch in loader], "then", [batch.tolist() for batch in loader])

# %% unequal-error tags=["raises-exception"]
words = ["loss", "gradient", "axis", "backward", "step", "momentum"]
codes = [torch.tensor([ord(letter) for letter in word]) for word in words]  # (4,), (8,), ...
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
    print(order, "zeros of padding:", sum((batch == 0).sum().item() for batch, lengths in loader))

# %% draw
import random
from pathlib import Path

from PIL import Image, ImageDraw

rng = random.Random(0)
for kind, sides, count in (("triangle", 3, 10), ("square", 4, 30), ("circle", 60, 80)):
    Path("shapes", kind).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        picture = Image.new("RGB", (48, 40), "darkslategray")  # 48 wide, 40 high
        place = rng.randint(18, 30), rng.randint(14, 26), rng.randint(7, 13)  # x, y, radius
        color = tuple(rng.randint(120, 255) for channel in "RGB")
        ImageDraw.Draw(picture).regular_polygon(place, sides, rng.randint(-15, 15), fill=color)
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
    print(f"{type(step).__name__:11}", tuple(x.shape), x.dtype, f"max {x.max():.2f}")

# %% folder
from torchvision.datasets import ImageFolder

pictures = ImageFolder("shapes", transform=transform)
x, y = pictures[0]
print(len(pictures), pictures.class_to_idx, x.shape, y)

# %% batch
x, y = next(iter(DataLoader(pictures, batch_size=8, shuffle=True)))  # (8, 3, 32, 32), (8,)

fig, axes = plt.subplots(2, 4)
for image, label, ax in zip(x, y, axes.flat):
    ax.imshow(image.permute(1, 2, 0).numpy(), interpolation="nearest")  # (32, 32, 3)
    ax.set(title=f"{label}: {pictures.classes[label]}")
    ax.axis("off")
plt.show()

# %% split
from torch.utils.data import Subset, random_split

train_set, test_set = random_split(pictures, [96, 24], generator=torch.Generator().manual_seed(0))
flip = v2.Compose([v2.RandomHorizontalFlip(p=0.5), transform])
flipped_set = Subset(ImageFolder("shapes", transform=flip), train_set.indices)
print(len(flipped_set), len(test_set), set(train_set.indices) & set(test_set.indices))

# %% statistics
train_x = torch.stack([x for x, y in train_set])  # (96, 3, 32, 32)
test_x = torch.stack([x for x, y in test_set])  # (24, 3, 32, 32)
mean, std = train_x.mean(dim=(0, 2, 3)), train_x.std(dim=(0, 2, 3))  # (3,), (3,): one for each channel
normalize = v2.Normalize(mean.tolist(), std.tolist())
for x in (normalize(train_x), normalize(test_x)):
    print("mean", x.mean(dim=(0, 2, 3)).round(decimals=2).abs(), "std", x.std(dim=(0, 2, 3)).round(decimals=2))

# %% leak
x = torch.randn(1000, 1, 20) + 0.1 * torch.randn(1000, 5, 20)  # (1000, 5, 20): 1000 things, 5 near-copies of each
y = torch.randint(2, (1000, 1)).expand(1000, 5)  # (1000, 5): a coin tossed for each thing
samples, things = torch.randperm(5000), torch.randperm(1000)  # a sample is one near-copy
by_sample = x.flatten(0, 1)[samples], y.flatten()[samples]  # (5000, 20), (5000,)
by_thing = x[things].flatten(0, 1), y[things].flatten()  # the five of a thing stay together

for name, (x, y) in (("by sample", by_sample), ("by thing", by_thing)):
    nearest = torch.cdist(x[4000:], x[:4000]).argmin(dim=1)  # (1000,): for each of the last 1000, the nearest of the rest
    print(f"split {name:9}: accuracy {(y[:4000][nearest] == y[4000:]).float().mean():.2f}")

# %% weighted
from torch.utils.data import WeightedRandomSampler

labels = torch.tensor(pictures.targets)[train_set.indices]  # (96,)
counts = labels.bincount()  # (3,)
weights = 1 / counts[labels]  # (96,): the rarer the class, the larger
sampler = WeightedRandomSampler(weights, num_samples=96)

drawn = torch.cat([y for x, y in DataLoader(train_set, batch_size=16, sampler=sampler)])
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
script = """from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

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
    info = get_worker_info()  # info.dataset is this worker's own copy of the data set
    info.dataset.numbers = info.dataset.numbers[worker_id::info.num_workers]

if __name__ == "__main__":
    for i, worker in DataLoader(Numbers(), batch_size=2, num_workers=2):
        print(i.tolist(), "from workers", worker.tolist())
    print("twice: ", [n.item() for n in DataLoader(Stream(), num_workers=2)])
    print("shared:", [n.item() for n in DataLoader(Stream(), num_workers=2, worker_init_fn=share)])
"""

# %% workers
import subprocess
import sys

Path("workers.py").write_text(script, encoding="utf-8")
print(subprocess.run([sys.executable, "workers.py"], capture_output=True, text=True, check=True).stdout)

# %% no-guard
Path("no_guard.py").write_text("""from multiprocessing import get_context
get_context("spawn").Process(target=print).start()
""", encoding="utf-8")
child = subprocess.run([sys.executable, "no_guard.py"], capture_output=True, text=True,
                       errors="replace")  # a folder may have any name
message = child.stderr
print(message[message.index("RuntimeError: "):].strip())

# %% refused
for wrong in ({"num_workers": -1}, {"prefetch_factor": 2}, {"timeout": 1}, {"shuffle": True, "sampler": [3, 1]}):
    try:
        loader = DataLoader(range(8), **wrong)
        print("made, but", end=" ")
        next(iter(loader))
    except (ValueError, AssertionError) as error:
        print(wrong, repr(error), sep="\n    ")

# %% pil-error tags=["raises-exception"]
next(iter(DataLoader(ImageFolder("shapes"), batch_size=2)))

# %% double-error tags=["raises-exception"]
import numpy as np

table = np.array([[20.0], [25.0]])  # (2, 1)
x = next(iter(DataLoader(table, batch_size=2)))  # (2, 1)
print(x.dtype)
torch.nn.Linear(1, 1)(x)
