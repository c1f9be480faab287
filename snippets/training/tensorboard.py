# The cells of the chapter training/tensorboard.py

# %% first
import shutil
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

shutil.rmtree("tensorboard-demo/first", ignore_errors=True)  # left from last time
with SummaryWriter("tensorboard-demo/first") as writer:  # a folder
    for step in range(5):
        writer.add_scalar("parabola", 0.1 * step**2, step)  # name, value, step

(file,) = Path("tensorboard-demo/first").iterdir()
print(file.name[:19])  # after it: the time, the machine, the process

# %% read
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator("tensorboard-demo/first").Reload()
print(events.Tags()["scalars"])
for event in events.Scalars("parabola"):
    print(event.step, event.value)

# %% digits
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.images).float()[:, None] / 16  # (1797, 1, 8, 8)
labels = torch.tensor(digits.target)
order = torch.randperm(1797)
train_x, train_y = images[order[:1500]], labels[order[:1500]]
val_x, val_y = images[order[1500:]], labels[order[1500:]]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, kernel_size=3)
        self.fc1 = nn.Linear(8 * 3 * 3, 32)
        self.fc2 = nn.Linear(32, 10)

    def forward(self, x):  # (N, 1, 8, 8)
        x = F.relu(self.conv1(x))  # -> (N, 8, 6, 6)
        x = F.max_pool2d(x, 2)  # -> (N, 8, 3, 3)
        x = F.relu(self.fc1(torch.flatten(x, 1)))  # -> (N, 72) -> (N, 32)
        return self.fc2(x)  # -> (N, 10)


# %% epoch
def train_epoch(net, optimizer):
    total = 0.0
    for batch in torch.randperm(1500).split(50):
        loss = F.cross_entropy(net(train_x[batch]), train_y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    return total / 1500


# %% train
from torchvision.utils import make_grid


def train(lr):
    torch.manual_seed(0)  # the same start and the same mini-batches for each lr
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    history = []
    folder = f"runs/digits-lr-{lr}"
    shutil.rmtree(folder, ignore_errors=True)  # one run, one new folder
    with SummaryWriter(folder) as writer:
        for epoch in range(1, 31):
            train_loss = train_epoch(net, optimizer)
            with torch.no_grad():
                scores = net(val_x)  # (297, 10)
                each = F.cross_entropy(scores, val_y, reduction="none")  # (297,)
                right = (scores.argmax(dim=1) == val_y).float()  # (297,)
            history.append({
                "loss/train": train_loss,
                "loss/validation": each.mean().item(),
                "accuracy/validation": right.mean().item(),
            })
            for tag, value in history[-1].items():
                writer.add_scalar(tag, value, epoch)
            weight = net.fc1.weight
            writer.add_histogram("parameters/fc1", weight, epoch)
            writer.add_histogram("parameters/fc1-gradient", weight.grad, epoch)
            if epoch % 10 == 0:
                hardest = make_grid(val_x[each.topk(16).indices], nrow=8)
                writer.add_image("pictures/hardest", hardest, epoch)
                kernels = make_grid(net.conv1.weight, 8, padding=1, normalize=True)
                writer.add_image("pictures/conv1", kernels, epoch)
    return net, history


# %% runs
nets, histories = {}, {}
for lr in (0.002, 0.02, 0.2):
    nets[lr], histories[lr] = train(lr)
    print(lr, "accuracy", round(histories[lr][-1]["accuracy/validation"], 3))

for path in sorted(Path("runs").glob("digits-lr-*/*")):
    print(path.parent.as_posix(), path.name[:19])

# %% scalars
read = {}
for lr in histories:
    events = EventAccumulator(f"runs/digits-lr-{lr}").Reload()
    for tag in events.Tags()["scalars"]:
        read[lr, tag] = torch.tensor([event.value for event in events.Scalars(tag)])
        written = torch.tensor([epoch[tag] for epoch in histories[lr]])  # float32
        print(lr, tag, len(written), torch.equal(read[lr, tag], written))

# %% curves tags=["fold"]
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 2, sharey=True)
for ax, tag in zip(axes, ["loss/train", "loss/validation"]):
    for lr in histories:
        ax.plot(range(1, 31), read[lr, tag], label=f"lr {lr}")
    ax.set(title=tag, xlabel="epoch", yscale="log")
axes[0].set(ylabel="cross-entropy")
axes[0].legend()
plt.show()

# %% smooth
def smooth(values, weight):
    smoothed, last = [], 0.0
    for n, value in enumerate(values, 1):
        last = weight * last + (1 - weight) * value
        smoothed.append(last / (1 - weight**n))  # make up for having started at 0
    return smoothed


# %% smoothed tags=["fold"]
values = read[0.2, "loss/validation"].tolist()
fig, ax = plt.subplots()
ax.plot(range(1, 31), values, alpha=0.4, label="as written")
for weight in (0.6, 0.95):
    ax.plot(range(1, 31), smooth(values, weight), label=f"smoothing {weight}")
ax.set(xlabel="epoch", ylabel="validation loss (cross-entropy)")
fig.legend(loc="outside upper center", ncols=3)
plt.show()

# %% histogram
import numpy as np

folder = "runs/digits-lr-0.02"
events = EventAccumulator(folder, size_guidance={"histograms": 0}).Reload()
found = events.Histograms("parameters/fc1")
last = found[-1].histogram_value

weights = nets[0.02].fc1.weight.detach().numpy()  # (32, 72)
counts, _ = np.histogram(weights, bins=last.bucket_limit)
print(len(found), "histograms; the last counts", int(last.num), "weights")
print(np.array_equal(counts, last.bucket[1:]))  # bucket i ends at limit i

# %% bands tags=["fold"]
fig, axes = plt.subplots(2, 1, sharex=True)
for ax, tag in zip(axes, ["parameters/fc1", "parameters/fc1-gradient"]):
    bands = np.array([[value for _, value in event.compressed_histogram_values]
                      for event in events.CompressedHistograms(tag)])  # (30, 9)
    for i in range(4):  # from the outermost pair to the innermost
        low, high = bands[:, i], bands[:, 8 - i]
        ax.fill_between(range(1, 31), low, high, color="C0", alpha=0.25, lw=0)
    ax.set(title=tag, ylabel="value")
axes[1].set(xlabel="epoch")
plt.show()

# %% picture
import io

from PIL import Image


def last_picture(tag):
    png = events.Images(tag)[-1].encoded_image_string  # of epoch 30
    return np.array(Image.open(io.BytesIO(png)))  # (H, W, 3), 0 to 255


grid = make_grid(nets[0.02].conv1.weight, 8, padding=1, normalize=True)  # (3, H, W)
bytes_of_grid = (grid * 255).to(torch.uint8).permute(1, 2, 0)  # (H, W, 3)
print(np.array_equal(last_picture("pictures/conv1"), bytes_of_grid))

# %% pictures tags=["fold"]
fig, axes = plt.subplots(2, 1, height_ratios=[1.7, 1])
for tag, ax in zip(["pictures/hardest", "pictures/conv1"], axes):
    ax.imshow(last_picture(tag), interpolation="nearest")
    ax.set(title=tag)
    ax.axis("off")
plt.show()

# %% clip
shutil.rmtree("tensorboard-demo/clip", ignore_errors=True)
with SummaryWriter("tensorboard-demo/clip") as writer:
    numbers = torch.tensor([[-1, 0, 0.5, 1, 2]])  # (1, 5)
    writer.add_image("line", numbers, dataformats="HW")
(line,) = EventAccumulator("tensorboard-demo/clip").Reload().Images("line")
print(np.array(Image.open(io.BytesIO(line.encoded_image_string)))[..., 0])

# %% graph tags=["warns"]
with SummaryWriter("runs/digits-lr-0.02") as writer:
    writer.add_graph(nets[0.02], val_x[:1])

events = EventAccumulator("runs/digits-lr-0.02").Reload()
for node in events.Graph().node:
    if node.op.startswith("aten::"):
        print(f"{node.op:18}", node.name.rsplit("/", 1)[0])

# %% embedding
net = nets[0.02]
with torch.no_grad():
    maps = F.max_pool2d(F.relu(net.conv1(val_x)), 2)  # (297, 8, 3, 3)
    features = F.relu(net.fc1(torch.flatten(maps, 1)))  # (297, 32)
with SummaryWriter("runs/digits-lr-0.02") as writer:
    writer.add_embedding(features, val_y.tolist(), val_x, global_step=30, tag="fc1")

folder = Path("runs/digits-lr-0.02/00030/fc1")
print(sorted(path.name for path in folder.iterdir()))
table = np.loadtxt(folder / "tensors.tsv", dtype=np.float32)
print(np.array_equal(table, features))

# %% restart
shutil.rmtree("tensorboard-demo/steps", ignore_errors=True)
with SummaryWriter("tensorboard-demo/steps") as writer:
    for epoch in range(2):
        for i in range(3):
            writer.add_scalar("restart", -epoch - i / 3, i)  # counts from 0 again
            writer.add_scalar("none", -epoch - i / 3)  # no step at all

events = EventAccumulator("tensorboard-demo/steps").Reload()
for tag in ("restart", "none"):
    print(tag, [event.step for event in events.Scalars(tag)])

# %% twice
import time

shutil.rmtree("tensorboard-demo/twice", ignore_errors=True)  # before the first only
for lr in (0.2, 0.02):  # another lr, the same folder
    with SummaryWriter("tensorboard-demo/twice") as writer:
        for step, values in enumerate(histories[lr], 1):
            writer.add_scalar("loss/validation", values["loss/validation"], step)
    time.sleep(1)  # files are read in the order of their names: by the second

events = EventAccumulator("tensorboard-demo/twice").Reload()
points = events.Scalars("loss/validation")
print(len(points), "points; after step", points[29].step, "comes", points[30].step)

# %% zigzag tags=["fold"]
fig, ax = plt.subplots()
ax.plot([point.step for point in points], [point.value for point in points])
ax.set(xlabel="step", ylabel="validation loss (cross-entropy)")
plt.show()

# %% shape-error tags=["raises-exception"]
SummaryWriter("tensorboard-demo/errors").add_image("digit", val_x[0, 0])  # (8, 8)

# %% key-error tags=["raises-exception"]
EventAccumulator("runs/digits-lr-0.02").Reload().Scalars("loss/val")
