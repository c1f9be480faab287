"""The proof of what docs/*/training/tensorboard.md claims."""

import argparse
import base64
import contextlib
import copy
import importlib.metadata
import inspect
import io
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tensorboard
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.datasets import load_digits
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import SummaryWriter
from torchvision.utils import make_grid

from tests.facts import fact
from tests.prose import ledger_rows, lines

ROOT = Path(__file__).parents[2]
RATES = (0.002, 0.02, 0.2)
SANITIZER = "ignore:html5lib's sanitizer is deprecated:DeprecationWarning"  # on import of TensorBoard's own program
TAGS = ("accuracy/validation", "loss/train", "loss/validation")
LOSSES = ("loss/train", "loss/validation")
HISTOGRAMS = ("parameters/fc1", "parameters/fc1-gradient")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to write event files in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def again(chapter, tmp_path_factory):
    """Folder with what train(0.02) writes in three epochs instead of thirty, and the network that it returns."""
    folder = tmp_path_factory.mktemp("again")
    code = chapter["train"].code.replace("range(1, 31)", "range(1, 4)").replace("epoch % 10", "epoch % 3")
    code = code.replace('f"runs/', f'f"{folder.as_posix()}/')
    names = dict(chapter["epoch"].names)
    with torch.random.fork_rng():
        exec(code, names)
        net, history = names["train"](0.02)
    return folder / "digits-lr-0.02", net, history


def records(folder):
    """Every value in the event files of a folder, in order: (tag, step, value of the protocol buffer)."""
    found = []
    for path in sorted(Path(folder).glob("events.out.tfevents*")):
        for event in EventFileLoader(str(path)).Load():
            found += [(value.tag, event.step, value) for value in event.summary.value]
    return found


def everything(folder):
    return EventAccumulator(str(folder), size_guidance=event_accumulator.STORE_EVERYTHING_SIZE_GUIDANCE).Reload()


def losses(chapter, lr, tag):
    return [epoch[tag] for epoch in chapter["runs"].names["histories"][lr]]


def fresh_net(chapter):
    """The network as each run begins."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return chapter["digits"].names["Net"]()


def decoded(image):
    return np.array(Image.open(io.BytesIO(image.encoded_image_string)))


def ups(values):
    """How often a curve goes up."""
    return sum(b > a for a, b in zip(values, values[1:]))


@cache
def web_page():
    """The program of TensorBoard's web page."""
    with zipfile.ZipFile(Path(tensorboard.__file__).parent / "webfiles.zip") as web:
        return web.read("index.js").decode()


@cache
def flags():
    """TensorBoard's options: (parser, their defaults)."""
    from tensorboard.plugins.core import core_plugin

    parser = argparse.ArgumentParser()
    core_plugin.CorePluginLoader().define_flags(parser)
    return parser, parser.parse_args([])


# ---- the first event file --------------------------------------------------------------------


@pytest.mark.ledger("n2-22")
@pytest.mark.claim(zh="有一节叫 TensorBoard，标着“可选”，下面空着。", en="A heading, TensorBoard, marked optional, with nothing below it.")
@pytest.mark.claim(
    zh="它今天也是可选的：装 PyTorch 时不会顺带装上。",
    en="It is optional today as well: installing PyTorch does not install it.",
)
@pytest.mark.claim(
    zh="负责写的 `SummaryWriter` 属于 PyTorch，但没有这个包就导入不了。",
    en="`SummaryWriter`, which does the writing, belongs to PyTorch, but cannot be imported without that package.",
)
def test_tensorboard_is_a_package_of_its_own(monkeypatch):
    rows = ledger_rows()
    (row,) = [row for row in rows if row["id"] == "n2-22"]
    assert all(word in row["said"]["zh"] for word in ("TensorBoard", "可选", "空着"))
    assert all(word in row["said"]["en"] for word in ("TensorBoard", "optional", "empty"))
    assert not [need for need in importlib.metadata.requires("torch") if "tensorboard" in need]
    assert importlib.metadata.version("tensorboard")
    assert SummaryWriter.__module__ == "torch.utils.tensorboard.writer"
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # as if it were not installed
    with pytest.raises(ImportError):
        importlib.import_module("torch.utils.tensorboard")


@pytest.mark.claim(
    zh="TensorBoard 先把数写进文件，想看时再画，几次训练还能画在一张图上。",
    en="TensorBoard puts numbers into a file first and draws them when you want to look, several trainings in one chart.",
)
@pytest.mark.claim(zh="它给每个数记三样东西：名字、值、第几步。", en="It records three things for each number: a name, the value, and the step.")
@pytest.mark.claim(
    zh="网页用文件夹的名字来称呼每次运行，所以要取得有意义。",
    en="The web page calls a run by its folder’s name, so make it mean something.",
)
@pytest.mark.claim(
    zh="`SummaryWriter` 把名字、值、步数写进事件文件；配着 `with` 用，文件会自动关上。",
    en="`SummaryWriter` puts name, value and step into an event file; use it with `with`, which closes it.",
)
def test_name_value_and_step_are_written_and_read_later_by_run(here):
    for name, value in (("one", 0.5), ("two", 0.25)):
        with SummaryWriter(here / "runs" / name) as writer:
            writer.add_scalar("loss", value, 7)
        assert writer.file_writer is None  # closed
    assert list(inspect.signature(SummaryWriter.add_scalar).parameters)[1:4] == ["tag", "scalar_value", "global_step"]
    web = EventMultiplexer().AddRunsFromDirectory("runs")  # what the web page uses
    web.Reload()
    assert set(web.Runs()) == {"one", "two"}  # the same name in two runs: two curves in one chart
    for name, value in (("one", 0.5), ("two", 0.25)):
        (tag, step, number), = records(Path("runs", name))
        assert (tag, step, number.tensor.float_val[0]) == ("loss", 7, value)
        assert [event.step for event in web.Tensors(name, "loss")] == [7]


@pytest.mark.ledger("n2-22")
@pytest.mark.claim(
    zh="步数一个不差；值却不是 0.1，而是 0.10000000149……，因为标量存成 float32。",
    en="The steps are exact; the value is not 0.1 but 0.10000000149…, because scalars are stored as float32.",
)
@pytest.mark.claim(zh="事件文件用几行 Python 就能读回来：", en="Event files can be read with a few lines of Python:")
def test_scalars_come_back_from_an_event_file(chapter):
    header, *rows = lines(chapter, "read")
    assert header == "['parabola']" and len(chapter["read"].code.strip().splitlines()) <= 7
    assert [int(row.split()[0]) for row in rows] == [0, 1, 2, 3, 4]
    assert [float(row.split()[1]) for row in rows] == [float(np.float32(0.1 * n * n)) for n in range(5)]
    assert rows[1].split()[1].startswith("0.10000000149") and float(rows[1].split()[1]) != 0.1


@pytest.mark.claim(
    zh="文件夹里多出一个事件文件（event file），名字以 `events.out.tfevents` 开头，后面是时间、机器名、进程号。",
    en="The folder now holds an event file, whose name begins with `events.out.tfevents`; time, machine and process follow.",
)
@pytest.mark.claim(
    zh="再跑一遍，新文件不会覆盖旧的，只会并排放着；所以 `rmtree` 那行先把上次留下的文件夹删掉。",
    en="A second run would not overwrite the old file but put a new one beside it, so the line with `rmtree` first deletes the folder that was left "
       "from last time.",
)
@pytest.mark.claim(
    zh="`rmtree` 问也不问就删，只用在不放别的东西的文件夹上。",
    en="`rmtree` does not ask: use it only on a folder that holds nothing else.",
)
def test_event_files_lie_side_by_side_until_rmtree_deletes_their_folder(chapter, here):
    assert lines(chapter, "first") == ["events.out.tfevents"]
    SummaryWriter("a").close()
    (path,) = Path("a").iterdir()
    rest = path.name[len("events.out.tfevents."):]
    assert re.match(r"\d{10}\.", rest) and abs(int(rest[:10]) - time.time()) < 60
    assert rest[11:].startswith(f"{socket.gethostname()}.{os.getpid()}.")
    old = path.read_bytes()
    SummaryWriter("a").close()
    assert len(list(Path("a").iterdir())) == 2 and path.read_bytes() == old
    Path("tensorboard-demo/first").mkdir(parents=True)
    Path("tensorboard-demo/first/mine.txt").write_text("gone", encoding="utf-8")
    for _ in range(2):  # one file each time, and what else lay there is gone without a question
        exec(chapter["first"].code, {})
        (path,) = Path("tensorboard-demo/first").iterdir()
        assert path.name.startswith("events.out.tfevents")


@pytest.mark.claim(
    zh="`add_scalar` 只把数放进队列，由后台线程去写；`flush()` 等它们全进了文件，`close()` 再把文件关上。",
    en="`add_scalar` only puts the number in a queue, and a thread in the background writes it; `flush()` waits until all of them are in the file, "
       "`close()` then closes it.",
)
@pytest.mark.claim(
    zh="`with` 结束时自动调用 `close()`，中途报错也会。",
    en="At the end of `with`, `close()` is called by itself, even after an error.",
)
@pytest.mark.claim(
    zh="进程被强行结束，还没进文件的数就丢了。",
    en="If the process is killed, what had not reached the file is lost.",
)
def test_numbers_wait_in_a_queue_until_flush_or_close(here, monkeypatch):
    gate, write = threading.Event(), RecordWriter.write
    monkeypatch.setattr(RecordWriter, "write", lambda self, data: gate.wait(60) and write(self, data))  # a very slow disk
    gate.set()
    before = set(threading.enumerate())
    writer = SummaryWriter("flushed", max_queue=1000)
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon and thread.is_alive()  # a daemon thread dies with its process
    gate.clear()
    for step in range(500):
        writer.add_scalar("x", step, step)  # returns at once
    assert records("flushed") == []  # all that a process killed here would leave
    gate.set()
    writer.flush()
    assert len(records("flushed")) == 500 and thread.is_alive()
    writer.close()
    assert not thread.is_alive() and writer.file_writer is None
    with pytest.raises(ZeroDivisionError):
        with SummaryWriter("closed") as writer:
            for step in range(500):
                writer.add_scalar("x", step, step)
            raise ZeroDivisionError
    assert len(records("closed")) == 500 and writer.file_writer is None


# ---- three trainings -------------------------------------------------------------------------


@pytest.mark.claim(
    zh="数据是 scikit-learn 自带的手写数字，1500 张用来训练，297 张用来验证；网络很小：",
    en="The data are scikit-learn’s handwritten digits, 1500 for training and 297 for validation; the network is small:",
)
def test_the_split(chapter):
    names = chapter["digits"].names
    digits = load_digits()
    assert names["train_x"].shape == (1500, 1, 8, 8) and names["val_x"].shape == (297, 1, 8, 8)
    order = names["order"].numpy()
    assert sorted(order) == list(range(1797)) and list(order) != sorted(order)
    for x, y, which in (("train_x", "train_y", order[:1500]), ("val_x", "val_y", order[1500:])):
        assert np.allclose(names[x][:, 0], digits.images[which] / 16) and names[y].tolist() == digits.target[which].tolist()
    assert sum(p.numel() for p in fresh_net(chapter).parameters()) == 8 * 9 + 8 + 72 * 32 + 32 + 32 * 10 + 10  # 2746


@pytest.mark.claim(zh="一次运行一个文件夹，里面一个事件文件。", en="A folder for each run, an event file in each.")
@pytest.mark.claim(
    zh="每个学习率有自己的文件夹，这在 TensorBoard 里叫一次运行（run）：",
    en="Each learning rate gets a folder of its own, a run in TensorBoard’s words:",
)
def test_one_folder_a_run_and_one_file_in_it(chapter):
    *accuracies, first, second, third = lines(chapter, "runs")
    assert [first, second, third] == [f"runs/digits-lr-{lr} events.out.tfevents" for lr in RATES]
    assert "Runs" in dir(EventMultiplexer) and "AddRun" in dir(EventMultiplexer)
    for lr, line in zip(RATES, accuracies):
        net, names = chapter["runs"].names["nets"][lr], chapter["digits"].names
        with torch.no_grad():
            right = sum(int(scores.argmax()) == y for scores, y in zip(net(names["val_x"]), names["val_y"].tolist()))
        assert float(line.split()[-1]) == pytest.approx(right / 297, abs=6e-4) and line.startswith(f"{lr} ")


@pytest.mark.claim(
    zh="种子一样，起点和小批量就一样：三次运行只差学习率。",
    en="With one seed, start and mini-batches are the same: the three runs differ in the learning rate alone.",
)
@pytest.mark.claim(zh="训练一轮的写法和以前一样：", en="An epoch of training is written as before:")
def test_one_epoch_of_each_run_by_an_independent_loop(chapter):
    """The first epoch with steps written out by hand, from one start and one order of mini-batches for all three rates."""
    names = chapter["digits"].names
    x, y, val_x, val_y = (names[name] for name in ("train_x", "train_y", "val_x", "val_y"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        start = names["Net"]()
        batches = torch.randperm(1500).split(50)
    for lr in RATES:
        net = copy.deepcopy(start)
        speed = [torch.zeros_like(p) for p in net.parameters()]
        sums = 0.0
        for batch in batches:
            chances = net(x[batch]).log_softmax(dim=1)
            loss = -chances[range(50), y[batch]].mean()
            gradients = torch.autograd.grad(loss, list(net.parameters()))
            with torch.no_grad():
                for p, v, g in zip(net.parameters(), speed, gradients):
                    v.mul_(0.9).add_(g)
                    p -= lr * v
            sums += 50 * loss.item()
        with torch.no_grad():
            chances = net(val_x).log_softmax(dim=1)
        first = chapter["runs"].names["histories"][lr][0]
        assert first["loss/train"] == pytest.approx(sums / 1500, rel=1e-3)
        assert first["loss/validation"] == pytest.approx(-chances[range(297), val_y].mean().item(), rel=1e-3)
        assert first["accuracy/validation"] == pytest.approx((chances.argmax(1) == val_y).float().mean().item(), abs=0.01)


@pytest.mark.ledger("n2-22")
@pytest.mark.claim(zh="新的是每轮之后的几句 `add_…`。", en="What is new are the lines with `add_…` after each epoch.")
def test_what_train_writes_and_when(chapter, again):
    folder, net, history = again  # another training, with other random numbers drawn before it
    for short, long in zip(history, chapter["runs"].names["histories"][0.02]):
        for tag in TAGS:
            assert short[tag] == pytest.approx(long[tag], rel=1e-3)
    found = records(folder)
    assert [step for _, step, _ in found] == sorted(step for _, step, _ in found)  # epoch by epoch
    for tag in (*TAGS, *HISTOGRAMS):
        assert [step for name, step, _ in found if name == tag] == [1, 2, 3], tag
    assert {name for name, _, _ in found} == {*TAGS, *HISTOGRAMS, "pictures/hardest", "pictures/conv1"}
    events = everything(folder)
    for tag, tensor in zip(HISTOGRAMS, (net.fc1.weight, net.fc1.weight.grad)):
        last = events.Histograms(tag)[-1].histogram_value
        values = tensor.detach().double()
        assert (last.num, sum(last.bucket)) == (72 * 32, 72 * 32)
        assert [last.min, last.max] == pytest.approx([values.min().item(), values.max().item()])
        assert last.sum == pytest.approx(values.sum().item(), abs=1e-6)
        edges = last.bucket_limit
        inside = [(values >= a).logical_and(values < b).sum().item() for a, b in zip(edges, edges[1:])]
        assert inside == list(last.bucket[1:]) and last.bucket[0] == 0


@pytest.mark.claim(
    zh="图片每 10 轮才写一次：验证集里损失最大的 16 个数字，和 `conv1` 的卷积核。",
    en="Pictures are written in every tenth epoch only: the 16 validation digits of largest loss, and the kernels of `conv1`.",
)
def test_pictures_in_every_tenth_epoch_show_the_digits_of_largest_loss(chapter, again):
    for tag in ("pictures/hardest", "pictures/conv1"):
        assert [event.step for event in chapter["histogram"].names["events"].Images(tag)] == [10, 20, 30], tag
    folder, net, _ = again
    names = chapter["digits"].names
    with torch.no_grad():
        chances = net(names["val_x"]).double().softmax(dim=1)[range(297), names["val_y"]]
    hardest = names["val_x"][chances.argsort()[:16]]
    (shown,) = everything(folder).Images("pictures/hardest")
    pixels = decoded(shown)
    assert pixels.shape == (2 * 10 + 2, 8 * 10 + 2, 3)  # room for 16, no more
    for i, digit in enumerate(hardest[:, 0]):  # 8 x 8 cells after a margin of 2
        top, left = 2 + 10 * (i // 8), 2 + 10 * (i % 8)
        assert np.array_equal(pixels[top:top + 8, left:left + 8, 0], (digit.numpy() * 255).astype(np.uint8))
    (kernels,) = everything(folder).Images("pictures/conv1")
    weight = net.conv1.weight.detach()
    assert decoded(kernels)[2, 2, 0] == int((weight[0, 0, 1, 1] - weight.min()) / (weight.max() - weight.min()) * 255)


@pytest.mark.claim(
    zh="名字里的斜杠用来分组：`loss/train` 和 `loss/validation` 会排在一起。",
    en="A slash in a name makes groups: `loss/train` and `loss/validation` will stand together.",
)
@pytest.mark.claim(zh="左边列着三次运行，各有一种颜色。", en="On the left, three runs with a colour each.")
@pytest.mark.claim(
    zh="右边是 accuracy 和 loss 两组图；每张图里，每次运行有一深一浅两条线。",
    en="On the right, the groups accuracy and loss; in each chart every run has a pale line and a strong one.",
)
@pytest.mark.claim(zh="浅线是写进去的值，深线是平滑过的。", en="Pale lines are what was written, strong lines are smoothed.")
def test_the_screen(chapter, again):
    assert re.search(r'groupName:\w,items:\[\].{0,120}function \w+\(\w\)\{return \w\.split\("/",1\)\[0\]\}', web_page())
    assert sorted({tag.split("/", 1)[0] for tag in everything(again[0]).Tags()["scalars"]}) == ["accuracy", "loss"]
    assert sorted(chapter["scalars"].names["events"].Tags()["scalars"]) == list(TAGS)
    cells = json.loads((ROOT / "outputs/training/tensorboard.json").read_text(encoding="utf-8"))["cells"]
    data = cells["training/tensorboard.sh:serve"]["outputs"][0]["data"]["image/png"]
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)  # (1740, 1800, 3)
    left, top, bottom = pixels[250:460, 60:360], pixels[460:760, 480:1060], pixels[1200:1540, 480:1760]
    colours = re.search(r'lightHex:"(#\w{6})".*?lightHex:"(#\w{6})".*?lightHex:"(#\w{6})"', web_page()).groups()
    assert len(set(colours)) == 3
    for colour in colours:
        strong = np.array([int(colour[i:i + 2], 16) for i in (1, 3, 5)])
        assert (np.abs(left - strong).max(axis=-1) < 24).sum() > 200, colour  # the disc beside the run's name
        for chart in (top, bottom[:, :580], bottom[:, 700:]):
            assert (np.abs(chart - strong).max(axis=-1) < 24).sum() > 100, colour
            pale = [255 + part * (strong - 255) for part in (0.25, 0.3, 0.35)]
            assert min((np.abs(chart - shade).max(axis=-1)).min() for shade in pale) < 16, colour


# ---- the program -----------------------------------------------------------------------------


@pytest.mark.filterwarnings(SANITIZER)
@pytest.mark.claim(
    zh="终端会印出一个网址，默认是 `http://localhost:6006/`，用浏览器打开。",
    en="Open the address that it prints, by default `http://localhost:6006/`, in a browser.",
)
@pytest.mark.claim(
    zh="TensorBoard 默认只听本机，而且没有密码；加上 `--bind_all`，同一个网络里的其他人也能看。",
    en="By default TensorBoard listens to your own machine only, and it has no password; with `--bind_all`, others on your network can look too.",
)
@pytest.mark.claim(
    zh="要看远处服务器上的训练，就在自己的电脑上运行 `ssh -L 6006:localhost:6006 you@server`，再打开上面的网址。",
    en="To watch a server far away, run `ssh -L 6006:localhost:6006 you@server` on your own machine and visit the same address.",
)
def test_it_listens_to_this_machine_on_port_6006_unless_asked():
    from tensorboard.plugins.core import core_plugin

    parser, default = flags()
    helped = " ".join(parser.format_help().split())
    assert default.host is None and default.bind_all is False and core_plugin.DEFAULT_PORT == 6006
    assert "What host to listen to (default: localhost)" in helped
    assert "expose your TensorBoard instance to the network" in helped
    assert not re.search(r"password|authenticat|\blogin", helped, re.IGNORECASE)
    if shutil.which("ssh"):  # what ssh makes of these words: port 6006 here leads to port 6006 of the server's localhost
        words = "ssh -L 6006:localhost:6006 you@server".split()
        shown = subprocess.run([words[0], "-G", *words[1:]], capture_output=True, text=True, timeout=30, check=True).stdout
        assert "localforward 6006 [localhost]:6006" in shown and "user you" in shown and "hostname server" in shown


@pytest.mark.filterwarnings(SANITIZER)
@pytest.mark.claim(
    zh="训练还在跑也能看：点右上角的圆箭头取来新的数，或者在设置里打开“Reload data”，让它自己去取。",
    en="Training may still be running: the round arrow at the top fetches new numbers, and so does “Reload data” in the settings, by itself.",
)
@pytest.mark.claim(zh="在笔记本里，网页可以嵌在单元格下面：", en="In a notebook, the page can sit below a cell:")
@pytest.mark.claim(zh="在放着 `runs` 的文件夹里开一个终端：", en="In a terminal, in the folder that holds `runs`:")
@pytest.mark.claim(zh="TensorBoard 读了本章写下的 runs 文件夹。", en="TensorBoard on the folder runs of this chapter.")
def test_the_page_follows_a_running_training_when_asked(chapter, here):
    page = web_page()
    assert '"svgIcon","refresh_24px",1,"refresh-icon"' in page and "reload-button" in page
    assert '"Reload data"' in page and re.search(r"settings:\{reloadPeriodInMs:3e4,reloadEnabled:!1", page)  # off until turned on
    assert flags()[1].reload_interval == 5  # the program behind the page reads on by itself
    with SummaryWriter("runs/live") as writer:
        for step in (1, 2):
            writer.add_scalar("x", step, step)
            writer.flush()
            if step == 1:
                web = EventMultiplexer().AddRunsFromDirectory("runs")
            web.Reload()
            assert len(web.Tensors("live", "x")) == step
    (command,) = [cell.source.strip() for cell in chapter.project.cells("training/tensorboard").values() if "screen" in cell.tags]
    assert command == "tensorboard --logdir runs"
    assert all(line.startswith("runs/digits") for line in lines(chapter, "runs")[3:])
    magics = {}

    class Shell:
        def register_magic_function(self, function, magic_kind, magic_name):
            magics[magic_name] = magic_kind

    tensorboard.load_ipython_extension(Shell())
    assert magics["tensorboard"] == "line"


# ---- read back -------------------------------------------------------------------------------


@pytest.mark.ledger("n2-22")
@pytest.mark.claim(
    zh="九条曲线，每条 30 个点，和原来的数舍入成 float32 以后全都相等。",
    en="Nine curves of 30 points, all equal to what was written, rounded to float32.",
)
@pytest.mark.claim(
    zh="训练时留了一份 `histories`，拿它和文件里的逐个比：",
    en="Training kept its own `histories`; compare them with the files:",
)
@pytest.mark.claim(
    zh="`EventAccumulator` 读得回来：标量精确到 float32，图片精确到像素。",
    en="`EventAccumulator` reads the file back: scalars to float32, pictures to the pixel.",
)
def test_nine_curves_come_back_as_float32(chapter, again):
    assert lines(chapter, "scalars") == [
        f"{lr} {tag} 30 True" for lr in RATES for tag in ("loss/train", "loss/validation", "accuracy/validation")]
    read = chapter["scalars"].names["read"]
    assert len(read) == 9
    for (lr, tag), values in read.items():
        assert values.dtype == torch.float32
        assert values.tolist() == [float(np.float32(value)) for value in losses(chapter, lr, tag)]
    folder, net, history = again  # the same, read by other means
    for tag in TAGS:
        values = [value.tensor.float_val[0] for name, _, value in records(folder) if name == tag]
        assert values == [float(np.float32(epoch[tag])) for epoch in history]
    kernels = make_grid(net.conv1.weight.detach(), 8, padding=1, normalize=True).permute(1, 2, 0).numpy()
    (shown,) = everything(folder).Images("pictures/conv1")
    assert np.array_equal(decoded(shown), (kernels * 255).astype(np.uint8))


# ---- curves ----------------------------------------------------------------------------------


@pytest.mark.claim(
    zh="瞎猜十选一，交叉熵是 $\\ln 10 \\approx 2.3$，三个网络都从那里出发。",
    en="A blind guess among ten has a cross-entropy of $\\ln 10 \\approx 2.3$, which is where all three networks begin.",
)
@pytest.mark.claim(
    zh="0.2 起步最快，头六轮都领先，后来上下乱跳。",
    en="0.2 gets away fastest and leads for six epochs, then jumps up and down.",
)
@pytest.mark.claim(zh="0.02 起步慢一些，最后落得最低。", en="0.02 takes a little longer, and ends lowest.")
@pytest.mark.claim(
    zh="0.002 稳稳下降，只是太慢：30 轮完了还在往下走。",
    en="0.002 falls steadily but slowly: after 30 epochs it is still on its way down.",
)
def test_the_three_curves_are_as_the_prose_reads_them(chapter):
    equal = F.cross_entropy(torch.zeros(1, 10), torch.tensor([3])).item()  # ten equal chances
    assert equal == pytest.approx(math.log(10), abs=1e-6) and round(equal, 1) == 2.3
    names = chapter["digits"].names
    assert F.cross_entropy(fresh_net(chapter)(names["val_x"]), names["val_y"]).item() == pytest.approx(2.3, abs=0.05)
    for tag in LOSSES:
        slow, good, fast = (losses(chapter, lr, tag) for lr in RATES)
        assert all(fast[i] < good[i] < slow[i] for i in range(6))
        assert any(fast[i] > good[i] for i in (6, 7))  # and not for much longer
        assert fast[0] < 0.8 * equal < good[0]
        assert good[-1] < fast[-1] / 2 and good[-1] < slow[-1] / 2
        assert ups(slow) == 0 and slow[-1] < slow[-2] * 0.96  # steadily, and not at its end
        assert ups(fast[6:]) >= 8 and max(fast[6:]) > 2.5 * min(fast[6:]) and ups(good) < ups(fast) + 3


@pytest.mark.claim(zh="只看头六轮，就挑错了学习率。", en="Judged by the first six epochs, the wrong rate wins.")
@pytest.mark.claim(
    zh="再比 0.02 的两种损失：最后十轮里，训练损失又降了一半多，验证损失只降了四分之一左右。",
    en="Compare both losses of 0.02: in the last ten epochs the training loss falls by more than half, the validation loss by about a quarter.",
)
@pytest.mark.claim(
    zh="第 10 轮时两者差不多；到最后，验证损失是训练损失的四倍多。",
    en="They were about equal in epoch 10; in the end the validation loss is more than four times the training loss.",
)
@pytest.mark.claim(
    zh="只看头几轮会挑错学习率，只看平滑过的线会漏掉乱跳。",
    en="The first few epochs pick the wrong learning rate, and a smoothed line hides the jumps.",
)
def test_the_first_six_epochs_mislead_and_the_two_losses_part(chapter):
    early = {lr: losses(chapter, lr, "loss/validation")[5] for lr in RATES}
    late = {lr: losses(chapter, lr, "loss/validation")[29] for lr in RATES}
    assert min(early, key=early.get) == 0.2 and min(late, key=late.get) == 0.02
    train, validation = losses(chapter, 0.02, "loss/train"), losses(chapter, 0.02, "loss/validation")
    assert 0.5 < 1 - train[29] / train[19] < 0.75
    assert 1 - validation[29] / validation[19] == pytest.approx(0.25, abs=0.04)
    assert 0.85 < validation[9] / train[9] < 1.18 and 4 < validation[29] / train[29] < 5
    smooth = chapter["smooth"].names["smooth"]
    written = losses(chapter, 0.2, "loss/validation")
    assert ups(written[15:]) >= 6 and np.abs(np.diff(smooth(written, 0.95)))[15:].max() < np.abs(np.diff(written))[15:].max() / 10


@pytest.mark.claim(zh="两张图，各有三条曲线，纵轴是对数。", en="Two charts with three curves each on a logarithmic axis.")
@pytest.mark.claim(zh="学习率 0.002 的一直缓缓下降。", en="That of 0.002 falls slowly to the end.")
@pytest.mark.claim(zh="0.02 的降到最低。", en="That of 0.02 goes lowest.")
@pytest.mark.claim(zh="0.2 的开头几轮领先，以后上下乱跳。", en="That of 0.2 is ahead in the first epochs, then jumps up and down.")
def test_the_figure_of_the_curves(chapter):
    (figure,) = chapter["curves"].figures
    assert len(figure.axes) == 2
    for ax, tag in zip(figure.axes, LOSSES):
        assert ax.get_yscale() == "log" and ax.get_title() == tag and ax.get_xlabel() == "epoch" and len(ax.lines) == 3
        drawn = [list(line.get_ydata()) for line in ax.lines]
        for line, y, lr in zip(ax.lines, drawn, RATES):
            assert line.get_label() == f"lr {lr}" and list(line.get_xdata()) == list(range(1, 31))
            assert np.allclose(y, losses(chapter, lr, tag))
        slow, good, fast = drawn
        assert ups(slow) == 0 and min(good) == min(map(min, drawn)) and good[-1] < min(slow[-1], fast[-1])
        assert fast[0] < min(slow[0], good[0]) and fast[2] < min(slow[2], good[2]) and ups(fast[6:]) >= 8
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [f"lr {lr}" for lr in RATES]


@pytest.mark.claim(zh="所以不开网页，也能从文件画图：", en="So a chart can be drawn from the files as well, without the web page:")
@pytest.mark.claim(
    zh="三个学习率的训练损失和验证损失，从事件文件里读出，纵轴是对数。",
    en="Training and validation loss for three learning rates, read from the event files, on a logarithmic axis.",
)
def test_the_curves_are_drawn_from_what_was_read(chapter):
    read = chapter["scalars"].names["read"]
    for ax, tag in zip(chapter["curves"].figures[0].axes, LOSSES):
        assert ax.get_yscale() == "log" and ax.get_title() == tag and [line.get_label() for line in ax.lines] == [f"lr {lr}" for lr in RATES]
        for line, lr in zip(ax.lines, RATES):  # float32, as in the files, and not float64, as in `histories`
            assert np.array_equal(line.get_ydata(), read[lr, tag]) and np.asarray(line.get_ydata()).dtype == np.float32


@pytest.mark.claim(
    zh="稳稳下降，到头还没平 | 学习率太小，或轮数太少 | 学习率乘 10",
    en="falls steadily, still falling at the end | too low a learning rate, or too few epochs | ten times the rate",
)
@pytest.mark.claim(
    zh="起步快，然后乱跳 | 学习率太大 | 除以 10，或用调度器",
    en="falls fast, then jumps | too high a learning rate | a tenth of it, or a scheduler",
)
def test_a_rate_too_low_and_a_rate_too_high_are_cured_by_ten(chapter):
    slow, good, fast = (losses(chapter, lr, "loss/validation") for lr in RATES)
    assert RATES[1] == pytest.approx(10 * RATES[0]) == pytest.approx(RATES[2] / 10)
    assert good[-1] < slow[-1] / 4 and good[-1] < fast[-1] / 2  # ten times, and a tenth
    assert ups(slow) == 0 and slow[-1] < slow[-2] < slow[-3]  # more epochs would help, too
    net, names = copy.deepcopy(chapter["runs"].names["nets"][0.2]), chapter["epoch"].names
    optimizer = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(5):  # going on from the run that jumps, with a rate that falls
            trained = names["train_epoch"](net, optimizer)
            scheduler.step()
    with torch.no_grad():
        calmer = F.cross_entropy(net(names["val_x"]), names["val_y"]).item()
    assert trained < min(losses(chapter, 0.2, "loss/train")[-10:]) and calmer < np.mean(fast[-10:])


@pytest.mark.claim(
    zh="平在 $\\ln(\\text{类别数})$ | 什么也没学到 | 先背熟一个批次",
    en="stays flat at $\\ln(\\text{classes})$ | nothing learnt | overfitting one mini-batch",
)
@pytest.mark.claim(
    zh="训练损失降，验证损失升 | 过拟合 | 早停，或多用些数据",
    en="training falls, validation rises | overfitting | stopping early, or more data",
)
def test_nothing_learnt_is_flat_and_one_mini_batch_learnt_by_heart_overfits(chapter):
    names, net = chapter["digits"].names, fresh_net(chapter)
    x, y = names["train_x"][:50], names["train_y"][:50]
    for rate, flat in ((0.0, True), (0.1, False)):
        optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9)
        train, validation = [], []
        for _ in range(120):
            loss = F.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            train.append(loss.item())
            with torch.no_grad():
                validation.append(F.cross_entropy(net(names["val_x"]), names["val_y"]).item())
        if flat:
            assert max(train) - min(train) < 1e-5 and train[0] == pytest.approx(math.log(10), abs=0.05)
    best = int(np.argmin(validation))
    assert train[-1] < 0.02 < train[best]  # by heart, and the training loss falls to the end ...
    assert validation[-1] > 1.2 * validation[best] and best < 100  # ... while that of validation rises: stop at `best`
    assert losses(chapter, 0.02, "loss/validation")[-1] < validation[best] / 2  # 1500 digits instead of 50


@pytest.mark.claim(
    zh="网页上的深线经过平滑（smoothing）：每一点是到此为止各点的加权平均，越早的分量越轻。",
    en="The strong lines on the web page are smoothed: each point is a weighted mean of all so far, in which older ones weigh less.",
)
@pytest.mark.claim(zh="强度默认 0.6，可以在 Settings 里改。", en="The strength is 0.6 by default and can be changed under Settings.")
@pytest.mark.claim(zh="算法只有几行：", en="It takes a few lines:")
@pytest.mark.claim(
    zh="要判断训练稳不稳，先把强度调到 0：看到的就是写进去的值。",
    en="To judge how steady a training is, set the strength to 0: then you see what was written.",
)
def test_smoothing_is_a_weighted_mean_of_all_so_far(chapter):
    smooth = chapter["smooth"].names["smooth"]
    values = losses(chapter, 0.2, "loss/validation")
    for weight in (0.0, 0.6, 0.95):
        for n in (1, 2, 7, 30):
            shares = [weight ** (n - 1 - i) for i in range(n)]  # older ones weigh less
            assert shares == sorted(shares)
            assert smooth(values, weight)[n - 1] == pytest.approx(np.average(values[:n], weights=shares))
    assert smooth(values, 0) == values
    assert "scalarSmoothing:.6," in web_page() and re.search(r'"Scalars"\).{0,60}"Smoothing"\)', web_page())
    assert re.search(r'"Settings"\).{0,120}onCloseSidepaneButtonClicked', web_page())  # the pane that holds it
    assert re.search(r"(\w)=\1\*(\w)\+\(1-\2\)\*\w,\w\+\+;let \w=1===\2\?1:1-Math\.pow\(\2,\w\)", web_page())  # the same formula
    assert len(chapter["smooth"].code.strip().splitlines()) <= 7


@pytest.mark.claim(zh="用两种强度，平滑那条乱跳的验证损失：", en="This is what two strengths make of the validation loss that jumps:")
@pytest.mark.claim(
    zh="一条浅色的折线跳得厉害；强度 0.6 的线缓和一些；0.95 的几乎不跳。",
    en="A pale line that jumps wildly; with strength 0.6, a calmer one; with 0.95, one with hardly a jump.",
)
@pytest.mark.claim(
    zh="学习率 0.2 的验证损失，没有平滑的和两种平滑。",
    en="Validation loss for learning rate 0.2, as written and smoothed twice.",
)
@pytest.mark.claim(
    zh="强度 0.95，乱跳不见了，学习率太大的迹象也跟着不见了。",
    en="With 0.95 the jumps are gone, and with them the sign of too high a learning rate.",
)
def test_the_figure_of_smoothing(chapter):
    values = losses(chapter, 0.2, "loss/validation")
    (figure,) = chapter["smoothed"].figures
    (ax,) = figure.axes
    assert [line.get_label() for line in ax.lines] == ["as written", "smoothing 0.6", "smoothing 0.95"]
    assert np.allclose(ax.lines[0].get_ydata(), values) and ax.lines[0].get_alpha() < 0.6
    for line, weight in zip(ax.lines[1:], (0.6, 0.95)):
        assert list(line.get_xdata()) == list(range(1, 31))
        assert np.allclose(line.get_ydata(), chapter["smooth"].names["smooth"](values, weight)) and not line.get_alpha()
    written, calmer, calm = (np.abs(np.diff(line.get_ydata()))[-15:].max() for line in ax.lines)
    assert calm < written / 10 and calm < calmer / 3 and written / 4 < calmer < written / 1.5
    assert ax.get_xlabel() == "epoch" and "validation loss" in ax.get_ylabel()


# ---- histograms ------------------------------------------------------------------------------


@pytest.mark.ledger("n2-22")
@pytest.mark.claim(zh="`fc1` 的 2304 个权重，逐个看不过来。", en="The 2304 weights of `fc1` are too many to look at one by one.")
@pytest.mark.claim(
    zh="直方图（histogram）数一数各个范围里有几个，一个范围叫一个桶（bucket）：",
    en="A histogram counts how many of them lie in each range, or bucket:",
)
@pytest.mark.claim(zh="用 NumPy 重新数一遍，每个桶都对得上。", en="NumPy’s count agrees in each bucket.")
@pytest.mark.claim(zh="文件里始终是全的。", en="The file has all.")
def test_histograms_come_back_with_their_counts(chapter, again):
    assert lines(chapter, "histogram") == ["30 histograms; the last counts 2304 weights", "True"]
    weights = chapter["histogram"].names["weights"]
    assert weights.shape == (32, 72) and weights.size == 2304
    assert np.array_equal(weights, chapter["runs"].names["nets"][0.02].fc1.weight.detach().numpy())
    last = chapter["histogram"].names["last"]
    for i in range(1, len(last.bucket)):
        assert last.bucket[i] == ((weights >= last.bucket_limit[i - 1]) & (weights < last.bucket_limit[i])).sum()
    assert sum(last.bucket) == 2304
    assert len([tag for tag, _, _ in records(again[0]) if tag == "parameters/fc1"]) == 3  # three epochs, three histograms


@pytest.mark.filterwarnings(SANITIZER)
@pytest.mark.claim(
    zh="不写 `size_guidance`，`EventAccumulator` 每个名字只留 1 个直方图、4 张图片；写 0 就全要。",
    en="Without `size_guidance`, `EventAccumulator` keeps 1 histogram and 4 pictures for each name; 0 means all.",
)
@pytest.mark.claim(
    zh="网页也只留一部分：每个名字 1000 个标量、10 张图片，加 `--samples_per_plugin images=100` 就留得更多。",
    en="The web page keeps samples too, 1000 scalars and 10 pictures for each name, and more with `--samples_per_plugin images=100`.",
)
def test_what_readers_keep(here):
    from tensorboard.plugins.image import images_plugin
    from tensorboard.plugins.scalar import scalars_plugin

    with SummaryWriter("kept") as writer:
        for step in range(6):
            writer.add_histogram("h", torch.arange(3.0), step)
            writer.add_image("p", torch.zeros(1, 2, 2), step)
    assert len(records("kept")) == 12
    few = EventAccumulator("kept").Reload()
    assert (len(few.Histograms("h")), len(few.Images("p"))) == (1, 4)
    every = EventAccumulator("kept", size_guidance={"histograms": 0, "images": 0}).Reload()
    assert (len(every.Histograms("h")), len(every.Images("p"))) == (6, 6)
    assert (scalars_plugin._DEFAULT_DOWNSAMPLING, images_plugin._DEFAULT_DOWNSAMPLING) == (1000, 10)
    parser, _ = flags()
    assert parser.parse_args(["--samples_per_plugin", "images=100"]).samples_per_plugin == {"images": 100}
    assert "how many samples to keep per tag for that plugin" in " ".join(parser.format_help().split())


@pytest.mark.filterwarnings(SANITIZER)
@pytest.mark.claim(
    zh="网页的 DISTRIBUTIONS 从每个直方图里取九个数，最小、中位数、最大都在内，连成色带。",
    en="The page DISTRIBUTIONS takes nine numbers from each histogram, among them minimum, median and maximum, and joins them into bands.",
)
@pytest.mark.claim(
    zh="最浅的颜色包住所有的数，越深的越靠中间。",
    en="The palest blue holds all numbers, deeper ones those nearer to the middle.",
)
@pytest.mark.claim(zh="学习率 0.02 时 fc1 的权重和梯度。", en="Weights of fc1 and their gradient, learning rate 0.02.")
@pytest.mark.claim(
    zh="上下两张图，都是以 0 为中心的蓝色条带，中间深，两边浅。",
    en="Two charts with blue bands around 0, darker in the middle.",
)
def test_the_bands(chapter):
    from tensorboard.plugins.distribution import compressor, distributions_plugin

    assert distributions_plugin.DistributionsPlugin.plugin_name == "distributions"
    assert len(compressor.NORMAL_HISTOGRAM_BPS) == 9
    (figure,) = chapter["bands"].figures
    assert [ax.get_title() for ax in figure.axes] == list(HISTOGRAMS)
    events = chapter["histogram"].names["events"]
    for ax, tag in zip(figure.axes, HISTOGRAMS):
        shades = [collection.get_paths()[0].vertices for collection in ax.collections]
        assert len(shades) == 4 and all(set(shade[:, 0]) == set(range(1, 31)) for shade in shades)
        whole = [event.histogram_value for event in events.Histograms(tag)]
        assert shades[0][:, 1].min() == pytest.approx(min(h.min for h in whole))
        assert shades[0][:, 1].max() == pytest.approx(max(h.max for h in whole))
        spans = [(shade[:, 1].min(), shade[:, 1].max()) for shade in shades]  # each inside the one before, see-through
        assert all(a[0] < b[0] < 0.001 and -0.001 < b[1] < a[1] for a, b in zip(spans, spans[1:]))
        for collection in ax.collections:
            red, green, blue, alpha = collection.get_facecolor()[0]
            assert blue > max(red, green) and alpha < 0.5
    shares = [share for share, _ in events.CompressedHistograms("parameters/fc1")[-1].compressed_histogram_values]
    assert len(shares) == 9 and (shares[0], shares[4], shares[8]) == (0, 5000, 10000)  # minimum, median, maximum
    weights = chapter["histogram"].names["weights"]
    assert np.array_equal(chapter["runs"].names["nets"][0.02].fc1.weight.detach().numpy(), weights)
    quantiles = dict(events.CompressedHistograms("parameters/fc1")[-1].compressed_histogram_values)
    for share in shares[1:8]:
        assert quantiles[share] == pytest.approx(np.quantile(weights, share / 10000), abs=0.02)


@pytest.mark.claim(
    zh="上面是权重：外缘宽到起初的好几倍，中间的深带几乎不变。",
    en="Above, the weights: the outer edge widens to several times what it was, the dark middle hardly changes.",
)
@pytest.mark.claim(
    zh="下面是梯度：先窄后宽，宽窄不定，到最后又收窄。",
    en="Below, the gradient: narrow, then wide and uneven, and narrow again at the end.",
)
@pytest.mark.claim(
    zh="训练之前，权重都在 ±0.12 以内，那是初始化的范围。",
    en="Before training all weights lie within ±0.12, the range of their initialisation.",
)
@pytest.mark.claim(
    zh="30 轮以后，最远的走到约七倍远，半数的移动却不到 0.03。",
    en="After 30 epochs the farthest are about seven times as far out, while half of them have moved by less than 0.03.",
)
def test_the_weights_spread_at_the_edge_and_the_gradient_narrows(chapter):
    start = fresh_net(chapter).fc1.weight.detach()
    assert 0.11 < start.abs().max() <= 1 / math.sqrt(72) < 0.12
    end = chapter["histogram"].names["weights"]
    assert 6.5 < np.abs(end).max() / start.abs().max() < 7.7
    assert 0.015 < np.median(np.abs(end - start.numpy())) < 0.03
    above, below = ([collection.get_paths()[0].vertices for collection in ax.collections] for ax in chapter["bands"].figures[0].axes)

    def widths(shade):
        return np.array([np.ptp(shade[shade[:, 0] == epoch][:, 1]) for epoch in range(1, 31)])

    edge, middle, gradient = widths(above[0]), widths(above[3]), widths(below[0])
    assert edge[-1] > 5 * edge[0] and middle[-1] < 1.5 * middle[0]
    wide = gradient[4:20]
    assert gradient[0] < np.median(wide) / 2 and gradient[-1] < np.median(wide) / 4 and wide.max() > 1.5 * wide.min()


@pytest.mark.claim(
    zh="损失还很高，梯度却缩成一条线，那是梯度消失。",
    en="A gradient that shrinks to a line while the loss is still high has vanished.",
)
def test_a_vanished_gradient_is_a_line_at_a_high_loss():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [part for _ in range(10) for part in (torch.nn.Linear(32, 32), torch.nn.Sigmoid())]
        net = torch.nn.Sequential(*layers, torch.nn.Linear(32, 10))
        loss = F.cross_entropy(net(torch.randn(100, 32)), torch.randint(10, (100,)))
    loss.backward()
    first, last = net[0].weight.grad, net[-1].weight.grad
    assert loss > 2 and first.abs().max() < 1e-6 * last.abs().max()


# ---- pictures --------------------------------------------------------------------------------


@pytest.mark.ledger("n2-22")
@pytest.mark.claim(zh="图片存成 PNG，装在事件文件里。", en="Event files hold pictures as PNG.")
@pytest.mark.claim(zh="一个像素也不差。", en="Not a pixel differs.")
@pytest.mark.claim(
    zh="0 到 1 的小数乘 255，去掉零头，就是存下的字节。",
    en="A float between 0 and 1 is multiplied by 255, and its fraction is cut off: that is the byte.",
)
def test_pictures_come_back_pixel_by_pixel(chapter):
    assert lines(chapter, "picture") == ["True"]
    names = chapter["picture"].names
    event = names["events"].Images("pictures/conv1")[-1]
    assert event.step == 30 and event.encoded_image_string.startswith(b"\x89PNG\r\n\x1a\n")
    kernels = names["nets"][0.02].conv1.weight.detach().numpy()[:, 0]  # (8, 3, 3)
    scaled = (kernels - kernels.min()) / (kernels.max() - kernels.min())
    pixels = decoded(event)
    assert pixels.shape == (5, 33, 3) and np.array_equal(pixels, names["bytes_of_grid"])
    off = 0
    for i, kernel in enumerate(scaled):
        cells = pixels[1:4, 1 + 4 * i:4 + 4 * i, 0]
        assert (cells <= kernel * 255 + 1e-3).all() and (cells > kernel * 255 - 1.001).all()  # cut off to a byte
        off += (cells != np.round(kernel * 255)).sum()
    assert off > 10  # and not rounded


@pytest.mark.claim(zh="两张图片是这样：", en="Here are both pictures:")
@pytest.mark.claim(
    zh="上面两行八列，十六个黑底白字的手写数字，不少笔画含糊或歪斜。",
    en="Above, two rows of eight handwritten digits, white on black, many of them blurred or crooked.",
)
@pytest.mark.claim(
    zh="下面一排八个 3 × 3 的小方块，深深浅浅的灰。",
    en="Below, eight squares of 3 by 3 cells in shades of grey.",
)
@pytest.mark.claim(
    zh="从事件文件里解码出来的两张：最难的十六个数字，conv1 的八个卷积核。",
    en="Two pictures decoded from the event file: the sixteen hardest digits, and the eight kernels of conv1.",
)
def test_the_figure_of_the_pictures(chapter):
    names = chapter["pictures"].names
    upper, lower = chapter["pictures"].figures[0].axes
    assert [ax.get_title() for ax in (upper, lower)] == ["pictures/hardest", "pictures/conv1"]
    for ax in (upper, lower):
        assert np.array_equal(ax.images[0].get_array(), decoded(names["events"].Images(ax.get_title())[-1]))
    net, val_x, val_y = names["nets"][0.02], names["val_x"], names["val_y"]
    with torch.no_grad():
        each = F.cross_entropy(net(val_x), val_y, reduction="none")
    grid = make_grid(val_x[each.topk(16).indices], nrow=8)
    shown = upper.images[0].get_array()
    assert shown.shape == (22, 82, 3) and np.array_equal(shown, (grid.permute(1, 2, 0).numpy() * 255).astype(np.uint8))
    assert np.median(np.asarray(shown)) == 0 and shown.max() == 255  # white on black
    assert (each.topk(16).indices[:, None] == (net(val_x).argmax(1) != val_y).nonzero().flatten()).any(1).sum() >= 10  # many are even mistaken
    squares = lower.images[0].get_array()
    assert squares.shape == (5, 1 + 8 * 4, 3) and (squares[..., 0] == squares[..., 1]).all() and len(np.unique(squares)) > 20


@pytest.mark.claim(
    zh="没有警告，一律截断：−1 和 0 都成了黑，1 和 2 都成了白。",
    en="They are clipped without a warning: −1 and 0 are both black, 1 and 2 both white.",
)
@pytest.mark.claim(
    zh="卷积核里有负数，所以前面用了 `normalize=True`：最小的变成 0，最大的变成 1。",
    en="Kernels have negative weights, hence the `normalize=True` above: smallest to 0, largest to 1.",
)
def test_pictures_outside_0_to_1_are_clipped_without_a_word(chapter):
    assert lines(chapter, "clip") == ["[[  0   0 127 255 255]]"] and not chapter["clip"].warnings
    assert chapter["clip"].names["numbers"].tolist() == [[-1, 0, 0.5, 1, 2]]
    weight = chapter["runs"].names["nets"][0.02].conv1.weight.detach()
    assert weight.min() < 0
    scaled = make_grid(weight, 8, padding=0, normalize=True)
    assert (scaled.min(), scaled.max()) == (0, 1)
    assert torch.allclose(scaled[0, :, :3], (weight[0, 0] - weight.min()) / (weight.max() - weight.min()), atol=1e-4)


# ---- graph, embedding ------------------------------------------------------------------------


@pytest.mark.ledger("n2-22")
@pytest.mark.filterwarnings(SANITIZER)
@pytest.mark.claim(zh="`add_graph` 拿一个样本走一遍网络，记下每一步：", en="`add_graph` sends a sample through the network and notes every step:")
@pytest.mark.claim(
    zh="警告说的是 `torch.jit.trace`：它已不推荐使用，`add_graph` 却还在调用。",
    en="The warnings are about `torch.jit.trace`, which `add_graph` still calls although it is deprecated.",
)
@pytest.mark.claim(
    zh="`forward` 的七步一步不少，方括号里是你起的名字；网页的 GRAPHS 画的就是它们。",
    en="All seven steps of `forward` are there, your names in square brackets; the page GRAPHS draws them.",
)
def test_the_graph_has_the_seven_steps_of_forward(chapter):
    from tensorboard.plugins.graph import graphs_plugin

    assert graphs_plugin.GraphsPlugin.plugin_name == "graphs"
    assert [line.split() for line in lines(chapter, "graph")] == [
        ["aten::_convolution", "Net/Conv2d[conv1]"], ["aten::relu", "Net"], ["aten::max_pool2d", "Net"],
        ["aten::flatten", "Net"], ["aten::linear", "Net/Linear[fc1]"], ["aten::relu", "Net"],
        ["aten::linear", "Net/Linear[fc2]"]]
    assert chapter["graph"].warnings and all("torch.jit.trace" in text and "deprecated" in text for text in chapter["graph"].warnings)
    nodes = {node.name: node for node in chapter["graph"].names["events"].Graph().node}
    chain, node = [], next(node for name, node in nodes.items() if "fc2" in name and node.op == "aten::linear")
    while node:  # from the output back to the input
        chain.append(node.op)
        node = next((nodes[name] for name in node.input if nodes[name].op.startswith("aten::") or nodes[name].op == "IO Node"), None)
    assert chain[:7] == ["aten::linear", "aten::relu", "aten::linear", "aten::flatten", "aten::max_pool2d", "aten::relu",
                         "aten::_convolution"]


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:FutureWarning")
@pytest.mark.claim(
    zh="`forward` 里若有 `if`，图上只有这个样本走的那一边。",
    en="If `forward` has an `if`, only the branch that this sample took is there.",
)
def test_the_graph_knows_only_the_branch_that_was_taken(here):
    class Branches(torch.nn.Module):
        def forward(self, x):
            if x.sum() > 0:
                return x.sin()
            return x.cos()

    with pytest.warns(torch.jit.TracerWarning), SummaryWriter("graph") as writer:
        writer.add_graph(Branches(), torch.ones(1, 2))
    ops = [node.op for node in EventAccumulator("graph").Reload().Graph().node]
    assert "aten::sin" in ops and "aten::cos" not in ops


@pytest.mark.filterwarnings(SANITIZER)
@pytest.mark.claim(zh="`fc1` 把每张图片变成 32 个数。", en="`fc1` makes 32 numbers of each picture.")
@pytest.mark.claim(
    zh="网页里的投影器（Projector）把它们压到三维，好看看同一个数字的嵌入会不会聚在一起。",
    en="The Projector on the web page squeezes them into three dimensions, where you see whether those of the same digit flock together.",
)
@pytest.mark.claim(
    zh="这次写的是普通文件：两张表，一张拼起所有小图的大图。",
    en="These are ordinary files: two tables, and one large picture made of all the small ones.",
)
@pytest.mark.claim(zh="读回来，数还是一样。", en="Read back, the numbers are the same.")
def test_the_embedding_is_in_ordinary_files(chapter, here):
    from tensorboard.plugins.projector import projector_plugin

    program = (Path(projector_plugin.__file__).parent / "tf_projector_plugin/projector_binary.js").read_text(encoding="utf-8")
    assert projector_plugin.ProjectorPlugin.plugin_name == "projector" and "tSNEis3d=!0" in program and "pcaIs3d" in program
    names = chapter["embedding"].names
    assert lines(chapter, "embedding") == ["['metadata.tsv', 'sprite.png', 'tensors.tsv']", "True"]
    net, x = names["net"], names["val_x"]
    taken = []
    handle = net.fc2.register_forward_pre_hook(lambda module, given: taken.append(given[0]))
    with torch.no_grad():
        net(x)
    handle.remove()
    assert torch.allclose(names["features"], taken[0], atol=1e-6) and taken[0].shape == (297, 32)
    distance = torch.cdist(taken[0], taken[0])
    same = names["val_y"][:, None] == names["val_y"]
    assert distance[same].mean() < 0.6 * distance[~same].mean()  # those of the same digit do flock together
    with SummaryWriter("here") as writer:
        writer.add_embedding(names["features"], names["val_y"].tolist(), x, global_step=30, tag="fc1")
    table = [[float(n) for n in line.split("\t")] for line in Path("here/00030/fc1/tensors.tsv").read_text().splitlines()]
    assert table == names["features"].tolist()
    assert [int(line) for line in Path("here/00030/fc1/metadata.tsv").read_text().splitlines()] == names["val_y"].tolist()
    sprite = np.array(Image.open("here/00030/fc1/sprite.png").convert("L"))
    side = math.ceil(math.sqrt(297))
    assert sprite.shape == (8 * side, 8 * side)
    for i in (0, 17, 18, 296):
        top, left = 8 * (i // side), 8 * (i % side)
        assert np.array_equal(sprite[top:top + 8, left:left + 8], (x[i, 0].numpy() * 255).astype(np.uint8))


# ---- the page run again ----------------------------------------------------------------------


@pytest.mark.claim(
    zh="每次运行都从空文件夹开始：上次留下的先删掉，原因见下文。",
    en="Each run begins with an empty folder: what was left from last time is deleted, for the reason below.",
)
def test_a_second_run_in_the_same_folder_finds_an_empty_one(chapter, here):
    """Nothing of the last time is read again, and nothing but the chapter's own folders is deleted."""
    train = chapter["train"].code.replace("range(1, 31)", "range(1, 3)")
    trained = "net, history = train(0.02)\nprint([path.name[:19] for path in Path('runs/digits-lr-0.02').iterdir()])"
    cells = [chapter[name].code for name in ("first", "read", "clip", "restart")] + [train, trained]
    others = [here / name / "mine.txt" for name in ("first", "tensorboard-demo", "runs", "runs/lr-0.02", "runs/digits")]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("not the chapter's", encoding="utf-8")
    printed = []
    for _ in range(2):
        names = dict(chapter["key-error"].names) | {"__name__": "__main__"}
        output = io.StringIO()
        with torch.random.fork_rng(), contextlib.redirect_stdout(output):
            for cell in cells:
                exec(cell, names)
        printed.append(output.getvalue())
    assert printed[0] == printed[1]
    assert printed[0].startswith("".join(chapter[name].stdout for name in ("first", "read", "clip", "restart")))
    assert printed[0].endswith("['events.out.tfevents']\n")
    assert all(path.is_file() for path in others)


def test_what_is_deleted_is_written_at_once(chapter):
    """Each folder that a cell deletes, in the same cell, is one that this very cell is about to write."""
    found = 0
    for cell in chapter.cells:
        for deleted in re.findall(r"rmtree\(([^,]+), ignore_errors=True\)", cell.source):
            found += 1
            assert f"SummaryWriter({deleted})" in cell.source.partition("rmtree")[2], cell.name
            name = re.search(r"folder = (.*)", cell.source)[1] if deleted == "folder" else deleted
            assert re.match(r'f?"(runs/digits-lr-\{lr\}|tensorboard-demo/\w+)"', name), name
    assert found == 5 == sum(cell.source.count("rmtree") for cell in chapter.cells)


# ---- steps -----------------------------------------------------------------------------------


@pytest.mark.claim(zh="横轴就是你写的步数，写错了它不报错：", en="The horizontal axis is the step that you wrote, and a wrong one raises no error:")
@pytest.mark.claim(
    zh="前一种每轮都从 0 数起；后一种忘了写步数，全是 0。",
    en="The first counts from 0 again in every epoch; the second forgot the step, and all are 0.",
)
@pytest.mark.claim(
    zh="正确的步数只增不减：`epoch * len(loader) + i`，或者干脆按轮写。",
    en="Good steps only grow: `epoch * len(loader) + i`, or simply the epoch.",
)
@pytest.mark.claim(zh="一次运行一个文件夹，步数只增不减。", en="One run, one folder, and steps that only grow.")
def test_wrong_steps_are_kept_as_they_are(chapter, again):
    assert chapter["restart"].error is None and not chapter["restart"].warnings
    assert lines(chapter, "restart") == ["restart [0, 1, 2, 0, 1, 2]", "none [0, 0, 0, 0, 0, 0]"]
    for tag in ("restart", "none"):  # the numbers themselves are right
        assert [event.value for event in chapter["restart"].names["events"].Scalars(tag)] == pytest.approx([-n / 3 for n in range(6)])
    assert re.search(r"xAxisType:\w+\.STEP", web_page())  # unless changed
    loader = torch.utils.data.DataLoader(torch.arange(10), batch_size=4)
    steps = [epoch * len(loader) + i for epoch in range(3) for i, _ in enumerate(loader)]
    assert steps == list(range(9))
    assert [event.step for event in everything(again[0]).Scalars("loss/train")] == [1, 2, 3]


@pytest.mark.claim(zh="更常见的是，改了学习率再跑，文件夹却忘了换：", en="More often, you change the learning rate and forget to change the folder:")
@pytest.mark.claim(zh="文件里 60 个点都在。", en="The file has all 60 points.")
@pytest.mark.claim(
    zh="一条折线跳着走到右边，到第 30 步被一条直线拉回第 1 步，再平滑一些地降下去。",
    en="A line that jumps its way to the right, until a straight stroke takes it from step 30 back to step 1, where it falls again, more smoothly.",
)
@pytest.mark.claim(
    zh="两次运行写进同一个文件夹，按文件里的次序连线。",
    en="Two runs in one folder, joined in the order of the file.",
)
def test_two_runs_in_one_folder_turn_back(chapter):
    assert lines(chapter, "twice") == ["60 points; after step 30 comes 1"]
    (figure,) = chapter["zigzag"].figures
    (line,) = figure.axes[0].lines
    assert list(line.get_xdata()) == [*range(1, 31), *range(1, 31)]
    y = line.get_ydata()
    assert np.allclose(y, losses(chapter, 0.2, "loss/validation") + losses(chapter, 0.02, "loss/validation"))
    assert np.abs(np.diff(y[15:30])).max() > 3 * np.abs(np.diff(y[45:])).max() and y[59] < y[30] / 10
    assert figure.axes[0].get_xlabel() == "step"


CLEAN = [(step, step + 100 * (step > 15)) for step in range(1, 31)]
ZIGZAG = [*range(1, 21), *range(16, 31)]


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """Folder with two runs: steps 1 to 20, then, a second later, 16 to 30 with other values.

    "plain" has no purge_step, "late" has it the second time only, "purged" both times.
    """
    folder = tmp_path_factory.mktemp("resumed")
    for start, end in ((1, 20), (16, 30)):
        for name, purge in (("plain", None), ("late", start if start > 1 else None), ("purged", start)):
            with SummaryWriter(folder / name, purge_step=purge) as writer:
                for step in range(start, end + 1):
                    writer.add_scalar("x", step + 100 * (start > 1), step)
        time.sleep(1.01)
    return folder


@pytest.mark.filterwarnings(SANITIZER)
@pytest.mark.claim(
    zh="比如断在第 20 轮之后，检查点是第 15 轮的：写 `SummaryWriter(folder, purge_step=16)`，旧的点从第 16 步起就不再算数。",
    en="Say it broke off after epoch 20 and the checkpoint is from epoch 15: with `SummaryWriter(folder, purge_step=16)`, the old points from step 16 "
       "on no longer count.",
)
@pytest.mark.claim(
    zh="第一次写时要加 `purge_step=1`，不然没有快速读法的地方，折线还在。",
    en="Write the first time with `purge_step=1`, or the zigzag stays without the fast loader.",
)
def test_purge_step_lets_the_later_points_count(resumed):
    web = EventMultiplexer().AddRunsFromDirectory(str(resumed))  # what the web page uses without the fast loader
    web.Reload()
    for name in ("plain", "late", "purged"):
        assert len(records(resumed / name)) == 35  # the files keep everything
        steps = [event.step for event in web.Tensors(name, "x")]
        assert steps == ([step for step, _ in CLEAN] if name == "purged" else ZIGZAG), name
    read = [(event.step, event.value) for event in EventAccumulator(str(resumed / "purged")).Reload().Scalars("x")]
    assert read == CLEAN


FAST = """
import json, sys, time
from tensorboard import context
from tensorboard.data import provider, server_ingester
from tensorboard.util import grpc_util

try:
    binary = server_ingester.get_server_binary()
except server_ingester.NoDataServerError:
    sys.exit("none")
ingester = server_ingester.SubprocessServerDataIngester(
    server_binary=binary, logdir=sys.argv[1], reload_interval=5, channel_creds_type=grpc_util.ChannelCredsType.LOCAL,
    samples_per_plugin=None, extra_flags=[])
ingester.start()
for _ in range(100):
    found = ingester.data_provider.read_scalars(
        context.RequestContext(), experiment_id="", plugin_name="scalars", downsample=1000,
        run_tag_filter=provider.RunTagFilter(None, None))
    if len(found) == 4:
        break
    time.sleep(0.1)
print(json.dumps({run: [[datum.step, datum.value] for datum in tags["x"]] for run, tags in found.items()}))
"""


@pytest.mark.claim(
    zh="在 Linux（x86-64）上，默认由快速读法来读：步数一回头，它就扔掉先前同样大和更大的步数，前一次运行就没了。",
    en="On Linux (x86-64), the fast loader reads by default: when steps turn back, it throws away all earlier points of the same and larger steps, "
       "and the first run is gone.",
)
def test_the_fast_loader_throws_earlier_points_away(resumed):
    assert flags()[1].load_fast == "auto" and 'Defaults to "auto" to use this new mode only if available' in " ".join(flags()[0].format_help().split())
    assert [name for name in fact("training/tensorboard", "platforms of the fast loader") if "linux" in name] == ["manylinux_2_31_x86_64"]
    with SummaryWriter(resumed / "two") as writer:
        for values in ([1, 2, 3, 4, 5], [11, 12, 13]):
            for step, value in enumerate(values, 1):
                writer.add_scalar("x", value, step)
    ran = subprocess.run([sys.executable, "-c", FAST, str(resumed)], capture_output=True, text=True, timeout=120)
    if ran.stderr.strip() == "none":
        pytest.skip("no fast loader on this machine")
    found = json.loads(ran.stdout)
    assert found["plain"] == found["late"] == found["purged"] == [list(point) for point in CLEAN]
    assert found["two"] == [[1, 11], [2, 12], [3, 13]]


@pytest.mark.claim(
    zh="Windows 和 Apple 芯片的 Mac 没有它，看到的就是这样的折线；加 `--load_fast=false`，哪里都一样。",
    en="Windows and Macs with Apple chips do not have it and show this zigzag, as `--load_fast=false` does anywhere.",
)
@pytest.mark.claim(
    zh="两种都不是你要的，所以：一次运行，一个新文件夹。",
    en="You want neither, so: one run, one new folder.",
)
@pytest.mark.claim(
    zh="`SummaryWriter()` 不写名字，会用日期和机器名在 `runs` 里新建一个。",
    en="`SummaryWriter()` without a name makes one in `runs`, named after the date and the machine.",
)
@pytest.mark.claim(zh="从检查点接着训练时，才该用旧文件夹。", en="An old folder is right when training resumes.")
def test_without_the_fast_loader_two_runs_are_a_zigzag_and_a_new_folder_is_none(resumed, here):
    platforms = fact("training/tensorboard", "platforms of the fast loader")
    assert len(platforms) == 2 and not any("win_" in name or "arm64" in name for name in platforms)
    assert flags()[0].parse_args(["--load_fast=false"]).load_fast == "false"
    assert 'Set to "false" to always fall back' in " ".join(flags()[0].format_help().split())
    web = EventMultiplexer().AddRunsFromDirectory(str(resumed))
    web.Reload()
    assert [event.step for event in web.Tensors("plain", "x")] == ZIGZAG
    with SummaryWriter() as writer:
        for step in range(3):
            writer.add_scalar("x", 1, step)
    (folder,) = Path("runs").iterdir()
    assert re.match(r"[A-Z][a-z]{2}\d\d_\d\d-\d\d-\d\d_", folder.name) and folder.name.endswith(socket.gethostname())
    assert folder.name.startswith(time.strftime("%b")) and [step for _, step, _ in records(folder)] == [0, 1, 2]
    assert "crashed and resumed experiments should have the same ``log_dir``" in inspect.getdoc(SummaryWriter.__init__)


# ---- errors, and where to go -----------------------------------------------------------------


@pytest.mark.claim(zh="图片少了通道。", en="No channels.")
@pytest.mark.claim(zh="一张灰度图是 `(8, 8)`，`add_image` 要的是 CHW：", en="A grey picture is `(8, 8)`, `add_image` expects CHW:")
@pytest.mark.claim(
    zh="写 `val_x[0]`，或者加 `dataformats=\"HW\"`；一整批用 `add_images`。",
    en="Write `val_x[0]`, or add `dataformats=\"HW\"`; a whole batch goes to `add_images`.",
)
def test_a_picture_without_channels(chapter, here):
    error, x = chapter["shape-error"].error, chapter["digits"].names["val_x"]
    assert isinstance(error, AssertionError) and "tensor shape: (8, 8), input_format: CHW" in str(error)
    assert inspect.signature(SummaryWriter.add_image).parameters["dataformats"].default == "CHW"
    with SummaryWriter("cures") as writer:
        writer.add_image("chw", x[0], 1)
        writer.add_image("hw", x[0, 0], 1, dataformats="HW")
        writer.add_images("batch", x[:4], 1)
        with pytest.raises(AssertionError):
            writer.add_image("batch of images", x[:4], 1)
    assert set(EventAccumulator("cures").Reload().Tags()["images"]) == {"chw", "hw", "batch"}


@pytest.mark.claim(zh="名字对不上。", en="Another name.")
@pytest.mark.claim(zh="写的是 `loss/validation`，读的是 `loss/val`：", en="`loss/validation` was written, `loss/val` is read:")
@pytest.mark.claim(zh="有哪些名字，看 `Tags()`；`Reload()` 之前，一个也没有。", en="`Tags()` gives the names; before `Reload()` there are none.")
def test_a_name_that_was_not_written(chapter, again):
    error = chapter["key-error"].error
    assert isinstance(error, KeyError) and "Key loss/val was not found in Reservoir" in str(error)
    unread = EventAccumulator(str(again[0]))
    assert not any(unread.Tags().values())
    names = unread.Reload().Tags()["scalars"]
    assert "loss/validation" in names and "loss/val" not in names


@pytest.mark.claim(zh="自己的脚本叫 `tensorboard.py`。", en="A script of your own called `tensorboard.py`.")
@pytest.mark.claim(zh="它挡住了同名的包。", en="It hides the package of that name.")
@pytest.mark.claim(zh="换个名字。", en="Rename it.")
def test_a_script_called_tensorboard_hides_the_package(here):
    for name, fails in (("other.py", False), ("tensorboard.py", True)):
        Path(name).write_text("import tensorboard.compat.proto\n", encoding="utf-8")
        ran = subprocess.run([sys.executable, name], capture_output=True, text=True, timeout=120)
        assert (ran.returncode != 0) == fails, ran.stderr


@pytest.mark.claim(zh="`add_text`、`add_audio`、`add_figure` 等等，见官方文档。", en="`add_text`, `add_audio`, `add_figure` and more are in the documentation.")
def test_more_to_write_is_in_the_documentation():
    listed = fact("training/tensorboard", "documented methods")
    assert {"add_text", "add_audio", "add_figure"} < set(listed)
    assert all(inspect.getdoc(getattr(SummaryWriter, name)) for name in listed)
