# The cells of the chapter training/saving.

# %% state
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.hidden = nn.Linear(64, 128)
        self.norm = nn.BatchNorm1d(128)
        self.drop = nn.Dropout(0.2)
        self.output = nn.Linear(128, classes)

    def forward(self, x):  # (N, 64) -> (N, classes)
        return self.output(self.drop(torch.relu(self.norm(self.hidden(x)))))


net = Net()
for name, tensor in net.state_dict().items():
    print(f"{name:24}", tuple(tensor.shape))

# %% copy
kept = net.state_dict()
torch.save(net.state_dict(), "net.pt")
with torch.no_grad():
    net.output.bias.zero_()  # the network changes, as it does in training

print("dictionary:", kept["output.bias"][:3])
print("file:      ", torch.load("net.pt")["output.bias"][:3])

# %% load
x = torch.randn(5, 64)
twin = Net()  # its own random numbers
for model in (net, twin):
    print(model.load_state_dict(torch.load("net.pt")))

print("train mode:", torch.equal(net(x), twin(x)))
print("eval mode: ", torch.equal(net.eval()(x), twin.eval()(x)))

# %% partial
letters = Net(classes=26)
state = torch.load("net.pt")
del state["output.weight"], state["output.bias"]  # made for 10 classes
report = letters.load_state_dict(state, strict=False)
print("missing:   ", report.missing_keys)
print("unexpected:", report.unexpected_keys)

# %% view
from pathlib import Path

table = torch.randn(1000, 1000)
torch.save(table[0], "row.pt")  # (1000,), a view
torch.save(table[0].clone(), "clone.pt")
for path in ("net.pt", "row.pt", "clone.pt"):
    print(f"{path:9} {Path(path).stat().st_size:9,} bytes")

# %% start
from types import SimpleNamespace

from sklearn.datasets import load_digits
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

digits = load_digits()
images = torch.tensor(digits.data / 16, dtype=torch.float32)  # (1797, 64)
labels = torch.tensor(digits.target)  # (1797,)
train_set = TensorDataset(images[:600], labels[:600])


def start(lr=0.01, gamma=0.1):
    torch.manual_seed(0)  # as at the top of a script
    run = SimpleNamespace(net=Net(), epoch=0)
    run.order = torch.Generator().manual_seed(1)
    run.loader = DataLoader(train_set, 50, shuffle=True, generator=run.order)
    run.optimizer = torch.optim.Adam(run.net.parameters(), lr=lr)
    run.scheduler = StepLR(run.optimizer, step_size=4, gamma=gamma)
    return run


def train(run, epochs):
    run.net.train()
    losses = []
    for _ in range(epochs):
        for x, y in run.loader:
            loss = nn.functional.cross_entropy(run.net(x), y)
            run.optimizer.zero_grad()
            loss.backward()
            run.optimizer.step()
            losses.append(loss.item())
        run.scheduler.step()
        run.epoch += 1
    return losses


straight = train(start(), epochs=6)
print(len(straight), "losses")

# %% checkpoint
def pack(run):
    return {
        "net": run.net.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "scheduler": run.scheduler.state_dict(),
        "epoch": run.epoch,
        "rng": torch.get_rng_state(),  # dropout draws from it
        "order": run.order.get_state(),  # shuffling draws from it
    }


def unpack(run, saved):
    run.net.load_state_dict(saved["net"])
    run.optimizer.load_state_dict(saved["optimizer"])
    run.scheduler.load_state_dict(saved["scheduler"])
    run.epoch = saved["epoch"]
    torch.set_rng_state(saved["rng"])
    run.order.set_state(saved["order"])


# %% resume
run = start()
before = train(run, epochs=3)
torch.save(pack(run), "epoch3.pt")
del run  # the computer is switched off

run = start()  # everything new
unpack(run, torch.load("epoch3.pt"))
after = train(run, epochs=3)
print("epoch", run.epoch, "same losses:", before + after == straight)

# %% left-out
resumed = {"nothing": before + after}
for part in ["optimizer", "scheduler", "rng", "order"]:
    run = start()
    fresh = pack(start())
    unpack(run, torch.load("epoch3.pt") | {part: fresh[part]})
    resumed[part] = before + train(run, epochs=3)

for part, losses in resumed.items():
    pairs = enumerate(zip(losses, straight), start=1)
    wrong = [step for step, (a, b) in pairs if a != b]
    print(f"left out: {part:9}  first wrong loss: {wrong[0] if wrong else None}")

# %% curves tags=["fold"]
import matplotlib.pyplot as plt

fig, axes = plt.subplots(2, 1)
curves = [
    ("nothing", 0, "3, a checkpoint, 3 more"),
    ("optimizer", 30, "Adam's state left out"),
]
for ax, (part, skip, label) in zip(axes, curves):
    steps = range(skip + 1, 73)
    ax.plot(steps, straight[skip:], color="C5", lw=5, label="6 epochs at a stretch")
    ax.plot(steps, resumed[part][skip:], color="C1", lw=1.5, label=label)
    ax.axvline(36.5, color="C3", ls="--")  # the checkpoint
    ax.set(ylabel="training loss")
    ax.legend(loc="upper right")
ax.set(xlabel="step (12 per epoch)")
plt.show()

# %% atomic
import contextlib
import os


def save(what, path):
    with open(f"{path}.part", "wb") as file:
        torch.save(what, file)
        os.fsync(file.fileno())  # wait until it is on the disk
    os.replace(f"{path}.part", path)  # only if all of that came to its end


for write in (torch.save, save):
    write({"weight": torch.ones(3)}, "last.pt")  # yesterday's, in good order
    with contextlib.suppress(Exception):
        write({"rate": lambda epoch: 0.1}, "last.pt")  # fails: a lambda
    try:
        print(torch.load("last.pt"))
    except RuntimeError as error:
        print(str(error).split(". ")[0])

# %% best
valid_x, valid_y = images[600:900], labels[600:900]
run, best = start(lr=0.03, gamma=1), float("inf")  # too fast: it will stumble
for _ in range(8):
    train(run, epochs=1)
    run.net.eval()
    with torch.no_grad():
        loss = nn.functional.cross_entropy(run.net(valid_x), valid_y).item()
    print(f"epoch {run.epoch}: {loss:.3f}", "best so far" if loss < best else "")
    save(pack(run), "last.pt")
    if loss < best:
        best = loss
        save({"net": run.net.state_dict(), "epoch": run.epoch}, "best.pt")

for path in ("last.pt", "best.pt"):
    print(path, "is of epoch", torch.load(path)["epoch"])

# %% there
device = torch.accelerator.current_accelerator(check_available=True) or "cpu"

model = Net().to(device)  # 1. the network, where it is to live
optimizer = torch.optim.Adam(model.parameters())  # 2. the optimizer
saved = torch.load("last.pt", map_location="cpu")  # 3. the file
model.load_state_dict(saved["net"])  # 4. copied to where the network is
optimizer.load_state_dict(saved["optimizer"])
print({tensor.device.type for tensor in saved["net"].values()})

# %% whole-error tags=["raises-exception"]
torch.save(nn.Sequential(nn.Linear(2, 1)), "whole.pt")  # the module itself
torch.load("whole.pt")

# %% pickle-runs
class Surprise:
    def __reduce__(self):  # "to make me again, call this with these arguments"
        return print, ("This line was printed by the file.",)


torch.save({"weight": torch.ones(3), "extra": Surprise()}, "gift.pt")
torch.load("gift.pt", weights_only=False)
try:
    torch.load("gift.pt")
except Exception as error:
    print(str(error).split("WeightsUnpickler error: ")[1].split(". ")[0])

# %% safe
from argparse import Namespace

torch.save({"weight": torch.ones(3), "args": Namespace(lr=0.01)}, "args.pt")
print(torch.serialization.get_unsafe_globals_in_checkpoint("args.pt"))
with torch.serialization.safe_globals([Namespace]):
    print(torch.load("args.pt")["args"])

# %% export
net.eval()
rows = torch.export.Dim("n")
program = torch.export.export(net, (x,), dynamic_shapes=({0: rows},))
torch.export.save(program, "net.pt2")
for node in program.graph.nodes:
    if node.op == "call_function":
        print(node.target, tuple(node.meta["val"].shape))

# %% export-load
loaded = torch.export.load("net.pt2").module()  # no class Net needed
for n in (2, 300):
    x = torch.randn(n, 64)
    print(n, torch.equal(loaded(x), net(x)))

# %% size-error tags=["raises-exception"]
letters.load_state_dict(torch.load("net.pt"), strict=False)

# %% prefix-error tags=["raises-exception"]
wrapped = {f"module.{name}": tensor for name, tensor in net.state_dict().items()}
net.load_state_dict(wrapped)

# %% cut-error tags=["raises-exception"]
content = Path("epoch3.pt").read_bytes()
Path("cut.pt").write_bytes(content[: len(content) * 9 // 10])
torch.load("cut.pt")
