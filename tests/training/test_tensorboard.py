"""The proof of what docs/*/training/tensorboard.md claims."""

import contextlib
import io
import json
import math
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.datasets import load_digits
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from torch.utils.tensorboard import SummaryWriter
from torchvision.utils import make_grid

from tests.prose import lines, says, says_in

RATES = (0.002, 0.02, 0.2)
SANITIZER = "ignore:html5lib's sanitizer is deprecated:DeprecationWarning"  # on import of TensorBoard's own program
TAGS = ("accuracy/validation", "loss/train", "loss/validation")


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
    names = dict(chapter["digits"].names)
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


# ---- the first event file --------------------------------------------------------------------


@pytest.mark.ledger("n2-22")
def test_scalars_come_back_from_an_event_file(chapter):
    assert lines(chapter, "first") == ["events.out.tfevents"] and len("events.out.tfevents") == 19
    header, *rows = lines(chapter, "read")
    assert header == "['parabola']"
    assert [int(row.split()[0]) for row in rows] == [0, 1, 2, 3, 4]
    assert [float(row.split()[1]) for row in rows] == [float(np.float32(0.1 * n * n)) for n in range(5)]
    assert rows[1].split()[1].startswith("0.10000000149") and float(rows[1].split()[1]) != 0.1
    says(chapter, "0.10000000149", "float32", "`events.out.tfevents`", "python -m pip install tensorboard")
    assert "可选" in chapter.prose("zh") and "optional" in chapter.prose("en")


def test_the_name_of_an_event_file_holds_time_machine_and_process(here):
    SummaryWriter("a").close()
    (path,) = Path("a").iterdir()
    rest = path.name[len("events.out.tfevents."):]
    assert re.match(r"\d{10}\.", rest) and socket.gethostname() in rest and f".{os.getpid()}." in rest


def test_flush_and_with_leave_everything_in_the_file(here):
    writer = SummaryWriter("flushed")
    for step in range(500):
        writer.add_scalar("x", step, step)
    writer.flush()
    assert len(records("flushed")) == 500
    writer.close()
    with pytest.raises(ZeroDivisionError):
        with SummaryWriter("closed") as writer:
            for step in range(500):
                writer.add_scalar("x", step, step)
            raise ZeroDivisionError
    assert len(records("closed")) == 500 and writer.file_writer is None  # closed, even after an error


# ---- three trainings -------------------------------------------------------------------------


def test_the_split(chapter):
    names = chapter["digits"].names
    digits = load_digits()
    assert names["train_x"].shape == (1500, 1, 8, 8) and names["val_x"].shape == (297, 1, 8, 8)
    order = names["order"].numpy()
    assert sorted(order) == list(range(1797)) and list(order) != sorted(order)
    for x, y, which in (("train_x", "train_y", order[:1500]), ("val_x", "val_y", order[1500:])):
        assert np.allclose(names[x][:, 0], digits.images[which] / 16) and names[y].tolist() == digits.target[which].tolist()
    says(chapter, "1500", "297")


def test_one_folder_a_run_and_one_file_in_it(chapter):
    *accuracies, first, second, third = lines(chapter, "runs")
    assert [first, second, third] == [f"runs/digits-lr-{lr} events.out.tfevents" for lr in RATES]
    for lr, line in zip(RATES, accuracies):
        net, names = chapter["runs"].names["nets"][lr], chapter["digits"].names
        with torch.no_grad():
            right = sum(int(scores.argmax()) == y for scores, y in zip(net(names["val_x"]), names["val_y"].tolist()))
        assert float(line.split()[-1]) == pytest.approx(right / 297, abs=6e-4) and line.startswith(f"{lr} ")


def test_the_runs_differ_in_the_learning_rate_alone(chapter, again):
    _, _, history = again  # another training, with other random numbers drawn before it
    for short, long in zip(history, chapter["runs"].names["histories"][0.02]):
        for tag in TAGS:
            assert short[tag] == pytest.approx(long[tag], rel=1e-4)
    code = chapter["train"].code
    assert code.count("lr=lr") == 1 and code.index("torch.manual_seed(0)") < code.index("net = Net()")


def test_one_epoch_by_an_independent_loop(chapter, again):
    """The first epoch with steps written out by hand, as the loop of the chapter should take them."""
    names = chapter["digits"].names
    x, y, val_x, val_y = (names[name] for name in ("train_x", "train_y", "val_x", "val_y"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = names["Net"]()
        batches = torch.randperm(1500).split(50)
    speed = [torch.zeros_like(p) for p in net.parameters()]
    sums = 0.0
    for batch in batches:
        chances = net(x[batch]).log_softmax(dim=1)
        loss = -chances[range(50), y[batch]].mean()
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        with torch.no_grad():
            for p, v, g in zip(net.parameters(), speed, gradients):
                v.mul_(0.9).add_(g)
                p -= 0.02 * v
        sums += 50 * loss.item()
    with torch.no_grad():
        chances = net(val_x).log_softmax(dim=1)
    first = chapter["runs"].names["histories"][0.02][0]
    assert first["loss/train"] == pytest.approx(sums / 1500, rel=1e-4)
    assert first["loss/validation"] == pytest.approx(-chances[range(297), val_y].mean().item(), rel=1e-4)
    assert first["accuracy/validation"] == pytest.approx((chances.argmax(1) == val_y).float().mean().item())


@pytest.mark.ledger("n2-22")
def test_what_train_writes_and_when(again):
    folder, net, history = again
    found = records(folder)
    for tag in (*TAGS, "parameters/fc1", "parameters/fc1-gradient"):
        assert [step for name, step, _ in found if name == tag] == [1, 2, 3], tag
    for tag in ("pictures/hardest", "pictures/conv1"):
        assert [step for name, step, _ in found if name == tag] == [3], tag
    assert {name for name, _, _ in found} == {*TAGS, "parameters/fc1", "parameters/fc1-gradient", "pictures/hardest",
                                              "pictures/conv1"}
    events = everything(folder)
    for tag, tensor in (("parameters/fc1", net.fc1.weight), ("parameters/fc1-gradient", net.fc1.weight.grad)):
        last = events.Histograms(tag)[-1].histogram_value
        values = tensor.detach().double()
        assert (last.num, sum(last.bucket)) == (72 * 32, 72 * 32)
        assert [last.min, last.max] == pytest.approx([values.min().item(), values.max().item()])
        assert last.sum == pytest.approx(values.sum().item(), abs=1e-6)
        assert last.sum_squares == pytest.approx(values.square().sum().item())
        edges = last.bucket_limit
        sizes = np.diff(edges)
        inside = [(values >= a).logical_and(values < b).sum().item() for a, b in zip(edges, edges[1:])]
        assert inside == list(last.bucket[1:]) and last.bucket[0] == 0
        assert sizes.max() > 1000 * sizes.min()  # narrower towards 0


def test_the_hardest_are_those_of_largest_loss(chapter, again):
    folder, net, _ = again
    names = chapter["digits"].names
    with torch.no_grad():
        chances = net(names["val_x"]).double().softmax(dim=1)[range(297), names["val_y"]]
    hardest = names["val_x"][chances.argsort()[:16]]
    (shown,) = everything(folder).Images("pictures/hardest")
    pixels = np.array(Image.open(io.BytesIO(shown.encoded_image_string)))
    for i, digit in enumerate(hardest[:, 0]):  # 8 x 8 cells after a margin of 2
        top, left = 2 + 10 * (i // 8), 2 + 10 * (i % 8)
        assert np.array_equal(pixels[top:top + 8, left:left + 8, 0], (digit.numpy() * 255).astype(np.uint8))
    says_in(chapter, "zh", "最大的 16 个")
    says_in(chapter, "en", "the 16 hardest")


# ---- read back -------------------------------------------------------------------------------


@pytest.mark.ledger("n2-22")
def test_nine_curves_come_back_as_float32(chapter):
    assert lines(chapter, "scalars") == [
        f"{lr} {tag} 30 True" for lr in RATES for tag in ("loss/train", "loss/validation", "accuracy/validation")]
    read = chapter["scalars"].names["read"]
    assert len(read) == 9
    for (lr, tag), values in read.items():
        assert values.dtype == torch.float32
        assert values.tolist() == [float(np.float32(value)) for value in losses(chapter, lr, tag)]
    says_in(chapter, "zh", "九条曲线，每条 30 个点")
    says_in(chapter, "en", "Nine curves of 30 points")


def test_the_three_curves_are_as_the_prose_reads_them(chapter):
    slow, good, fast = (losses(chapter, lr, "loss/train") for lr in RATES)
    slow_val, good_val, fast_val = (losses(chapter, lr, "loss/validation") for lr in RATES)
    assert math.log(10) == pytest.approx(2.3, abs=0.01)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = chapter["digits"].names["Net"]()
    start = F.cross_entropy(net(chapter["digits"].names["val_x"]), chapter["digits"].names["val_y"]).item()
    assert start == pytest.approx(math.log(10), abs=0.1)
    for epoch in range(3):  # fastest at first
        assert fast[epoch] < good[epoch] < slow[epoch] and fast_val[epoch] < good_val[epoch] < slow_val[epoch]
    ups = [sum(b > a for a, b in zip(run, run[1:])) for run in (slow, good, fast)]
    assert ups[0] <= 1 and ups[2] >= 8 and ups[2] > ups[1]  # then it jumps
    assert good[-1] < min(fast[-10:]) and good_val[-1] < min(fast_val[-10:]) and good_val[-1] < slow_val[-1] / 2
    assert slow[-1] < slow[-4] < slow[-7]  # still on its way down
    assert good[-1] < good[14] / 2 and good_val[-1] > 2 * good[-1]  # by heart
    assert abs(good_val[-1] - good_val[19]) < 0.1
    (figure,) = chapter["curves"].figures
    for ax, tag in zip(figure.axes, ("loss/train", "loss/validation")):
        assert ax.get_yscale() == "log" and ax.get_title() == tag and ax.get_xlabel() == "epoch"
        for line, lr in zip(ax.lines, RATES):
            assert line.get_label() == f"lr {lr}" and list(line.get_xdata()) == list(range(1, 31))
            assert np.allclose(line.get_ydata(), losses(chapter, lr, tag))
    for number in ("0.2 起步最快，头三轮都领先", "0.02 起步慢一些", "0.002 很平稳"):
        says_in(chapter, "zh", number)
    says_in(chapter, "en", "0.2 gets away fastest and leads for three epochs", "0.02 takes a little longer", "0.002 is steady but slow")
    says(chapter, r"$\ln 10 \approx 2.3$")


def test_smoothing_is_a_weighted_mean_of_all_so_far(chapter):
    smooth = chapter["smooth"].names["smooth"]
    values = losses(chapter, 0.2, "loss/validation")
    for weight in (0.0, 0.6, 0.95):
        for n in (1, 2, 7, 30):
            shares = [weight ** (n - 1 - i) for i in range(n)]  # older ones weigh less
            assert smooth(values, weight)[n - 1] == pytest.approx(np.average(values[:n], weights=shares))
    (figure,) = chapter["smooth"].figures
    (ax,) = figure.axes
    assert [line.get_label() for line in ax.lines] == ["as written", "smoothing 0.6", "smoothing 0.95"]
    assert np.allclose(ax.lines[0].get_ydata(), values)
    for line, weight in zip(ax.lines[1:], (0.6, 0.95)):
        assert np.allclose(line.get_ydata(), smooth(values, weight))
    written, _, calm = (np.abs(np.diff(line.get_ydata()))[-15:].max() for line in ax.lines)
    assert calm < written / 5  # the evidence is gone
    says(chapter, "0.95", "0.6", "Settings")


def test_the_web_page_smooths_by_the_same_formula_and_0_6():
    import zipfile

    import tensorboard

    with zipfile.ZipFile(Path(tensorboard.__file__).parent / "webfiles.zip") as web:
        program = web.read("index.js").decode()
    assert "scalarSmoothing:.6," in program
    assert re.search(r"(\w)=\1\*(\w)\+\(1-\2\)\*\w,\w\+\+;let \w=1===\2\?1:1-Math\.pow\(\2,\w\)", program)


# ---- histograms, pictures, graph, embedding --------------------------------------------------


@pytest.mark.ledger("n2-22")
def test_histograms_come_back_with_their_counts(chapter):
    assert lines(chapter, "histogram") == ["1 by default", "30 with 0, which means all", "2304.0 2304 True"]
    weights = chapter["histogram"].names["weights"]
    assert weights.shape == (32, 72) and weights.size == 2304
    assert np.array_equal(weights, chapter["runs"].names["nets"][0.02].fc1.weight.detach().numpy())
    last = chapter["histogram"].names["last"]
    for i in range(1, len(last.bucket)):
        assert last.bucket[i] == ((weights >= last.bucket_limit[i - 1]) & (weights < last.bucket_limit[i])).sum()
    says(chapter, "72 × 32 = 2304", "`size_guidance`")


@pytest.mark.filterwarnings(SANITIZER)
def test_what_readers_keep_by_default(chapter):
    keeps = event_accumulator.DEFAULT_SIZE_GUIDANCE
    assert (keeps["histograms"], keeps["images"]) == (1, 4)
    from tensorboard.plugins.image import images_plugin
    from tensorboard.plugins.scalar import scalars_plugin

    assert (scalars_plugin._DEFAULT_DOWNSAMPLING, images_plugin._DEFAULT_DOWNSAMPLING) == (1000, 10)
    says_in(chapter, "zh", "1 个直方图、4 张图片", "最多 1000 个标量、10 张图片")
    says_in(chapter, "en", "1 histogram and 4 pictures", "up to 1000 scalars and 10 pictures")


def test_the_bands(chapter):
    (figure,) = chapter["bands"].figures
    assert [ax.get_title() for ax in figure.axes] == ["parameters/fc1", "parameters/fc1-gradient"]
    events = chapter["bands"].names["events"]
    for ax, tag in zip(figure.axes, ("parameters/fc1", "parameters/fc1-gradient")):
        outer = ax.collections[0].get_paths()[0].vertices
        whole = [event.histogram_value for event in events.Histograms(tag)]
        assert outer[:, 1].min() == pytest.approx(min(h.min for h in whole))
        assert outer[:, 1].max() == pytest.approx(max(h.max for h in whole))
        assert len(ax.collections) == 4 and set(outer[:, 0]) == set(range(1, 31))
    shares = [share for share, _ in events.CompressedHistograms("parameters/fc1")[-1].compressed_histogram_values]
    assert len(shares) == 9 and (shares[0], shares[4], shares[8]) == (0, 5000, 10000)  # minimum, median, maximum
    weights = chapter["histogram"].names["weights"]
    quantiles = dict(events.CompressedHistograms("parameters/fc1")[-1].compressed_histogram_values)
    for share in shares[1:8]:
        assert quantiles[share] == pytest.approx(np.quantile(weights, share / 10000), abs=0.02)


def test_the_weights_spread_at_the_edge_and_the_gradient_narrows(chapter):
    events = chapter["bands"].names["events"]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        start = chapter["digits"].names["Net"]().fc1.weight.detach()
    assert 0.11 < start.abs().max() <= 1 / math.sqrt(72) < 0.12
    end = chapter["histogram"].names["weights"]
    assert np.abs(end).max() > 4 * 0.12
    moved = np.abs(end - start.numpy())
    assert np.median(moved) < 0.06 < 0.4 < moved.max()
    spread = [dict(event.compressed_histogram_values) for event in events.CompressedHistograms("parameters/fc1-gradient")]
    width = [bands[9332] - bands[668] for bands in spread]
    assert width[0] < np.median(width[3:15]) / 2 and np.median(width[-5:]) < np.median(width[3:15]) * 0.75
    says(chapter, "±0.12")


@pytest.mark.ledger("n2-22")
def test_pictures_come_back_pixel_by_pixel(chapter):
    assert lines(chapter, "picture") == ["True"]
    names = chapter["picture"].names
    kernels = names["nets"][0.02].conv1.weight.detach().numpy()[:, 0]  # (8, 3, 3)
    scaled = (kernels - kernels.min()) / (kernels.max() - kernels.min())
    assert names["pixels"].shape == (5, 33, 3)
    for i, kernel in enumerate(scaled):
        cells = names["pixels"][1:4, 1 + 4 * i:4 + 4 * i, 0]
        assert (np.abs(cells - kernel * 255) <= 1.01).all()  # cut off to a byte
    upper, lower = chapter["picture"].figures[0].axes
    assert np.array_equal(lower.images[0].get_array(), names["pixels"])
    assert upper.images[0].get_array().shape == (22, 82, 3)
    assert [ax.get_title() for ax in (upper, lower)] == ["pictures/hardest", "pictures/conv1"]
    assert names["last"].step == 30
    hardest = names["events"].Images("pictures/hardest")[-1]
    with torch.no_grad():
        each = F.cross_entropy(names["nets"][0.02](names["val_x"]), names["val_y"], reduction="none")
    grid = make_grid(names["val_x"][each.topk(16).indices], nrow=8)
    assert np.array_equal(np.array(Image.open(io.BytesIO(hardest.encoded_image_string))),
                          (grid.permute(1, 2, 0).numpy() * 255).astype(np.uint8))
    assert np.array_equal(upper.images[0].get_array(), (grid.permute(1, 2, 0).numpy() * 255).astype(np.uint8))


def test_pictures_outside_0_to_1_are_clipped_without_a_word(chapter):
    assert lines(chapter, "clip") == ["[[  0   0 127 255 255]]"] and not chapter["clip"].warnings
    assert chapter["runs"].names["nets"][0.02].conv1.weight.min() < 0
    says(chapter, "−1", "`normalize=True`")


@pytest.mark.ledger("n2-22")
def test_the_graph_has_the_seven_steps_of_forward(chapter):
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
    says_in(chapter, "zh", "七步")
    says_in(chapter, "en", "all seven steps")


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:FutureWarning")
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


def test_the_embedding_is_in_ordinary_files(chapter, here):
    names = chapter["embedding"].names
    assert lines(chapter, "embedding") == ["['metadata.tsv', 'sprite.png', 'tensors.tsv']", "True", "True"]
    net, x = names["net"], names["val_x"]
    taken = []
    handle = net.fc2.register_forward_pre_hook(lambda module, given: taken.append(given[0]))
    with torch.no_grad():
        net(x)
    handle.remove()
    assert torch.allclose(names["features"], taken[0], atol=1e-6) and taken[0].shape == (297, 32)
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
    config = Path("here/projector_config.pbtxt").read_text()
    assert all(f"00030/fc1/{name}" in config for name in ("tensors.tsv", "metadata.tsv", "sprite.png"))
    says(chapter, "`projector_config.pbtxt`")
    says_in(chapter, "zh", "32 个数")
    says_in(chapter, "en", "32 numbers")


# ---- the page run again ----------------------------------------------------------------------


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
    for _ in range(2):  # without the line that deletes, both files lie there
        SummaryWriter("kept").close()
    assert len(list(Path("kept").iterdir())) == 2


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


def test_wrong_steps_are_kept_as_they_are(chapter):
    assert lines(chapter, "restart") == ["restart [0, 1, 2, 0, 1, 2]", "none [0, 0, 0, 0, 0, 0]"]


def test_two_runs_in_one_folder_turn_back(chapter):
    assert lines(chapter, "twice") == ["60 points; after step 30 comes step 1"]
    (figure,) = chapter["twice"].figures
    (line,) = figure.axes[0].lines
    assert list(line.get_xdata()) == [*range(1, 31), *range(1, 31)]
    assert np.allclose(line.get_ydata(), losses(chapter, 0.2, "loss/validation") + losses(chapter, 0.02, "loss/validation"))
    assert figure.axes[0].get_xlabel() == "step"
    says_in(chapter, "zh", "60 个点")
    says_in(chapter, "en", "all 60 points")


CLEAN = [(step, step + 100 * (step > 15)) for step in range(1, 31)]


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """Folder with two runs: steps 1 to 20, then, a second later, 16 to 30 with other values; "purged" with purge_step."""
    folder = tmp_path_factory.mktemp("resumed")
    for start, end in ((1, 20), (16, 30)):
        for name, purge in (("plain", None), ("purged", start)):
            with SummaryWriter(folder / name, purge_step=purge) as writer:
                for step in range(start, end + 1):
                    writer.add_scalar("x", step + 100 * (start > 1), step)
        time.sleep(1.01)
    return folder


@pytest.mark.filterwarnings(SANITIZER)
@pytest.mark.parametrize("name", ["plain", "purged"])
def test_purge_step_lets_the_later_points_count(resumed, name):
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

    read = [(event.step, event.value) for event in EventAccumulator(str(resumed / name)).Reload().Scalars("x")]
    assert (read == CLEAN) == (name == "purged")
    assert len(records(resumed / name)) == 35  # the files keep everything
    slow = EventMultiplexer().AddRunsFromDirectory(str(resumed))  # what the web page uses with --load_fast=false
    slow.Reload()
    steps = [event.step for event in slow.Tensors(name, "x")]
    assert steps == ([step for step, _ in CLEAN] if name == "purged" else [*range(1, 21), *range(16, 31)])


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
    if len(found) == 3:
        break
    time.sleep(0.1)
print(json.dumps({run: [[datum.step, datum.value] for datum in tags["x"]] for run, tags in found.items()}))
"""


def test_the_fast_loader_throws_earlier_points_away(resumed, chapter):
    says(chapter, "`--load_fast=false`", "Linux", "purge_step=16", "`purge_step=1`")
    with SummaryWriter(resumed / "two") as writer:
        for values in ([1, 2, 3, 4, 5], [11, 12, 13]):
            for step, value in enumerate(values, 1):
                writer.add_scalar("x", value, step)
    ran = subprocess.run([sys.executable, "-c", FAST, str(resumed)], capture_output=True, text=True, timeout=120)
    if ran.stderr.strip() == "none":
        pytest.skip("no fast loader on this machine")
    found = json.loads(ran.stdout)
    assert found["plain"] == found["purged"] == [list(point) for point in CLEAN]
    assert found["two"] == [[1, 11], [2, 12], [3, 13]]


def test_a_writer_without_a_name_makes_a_folder_from_date_and_machine(here):
    with SummaryWriter() as writer:
        writer.add_scalar("x", 1, 1)
    (folder,) = Path("runs").iterdir()
    assert re.match(r"[A-Z][a-z]{2}\d\d_\d\d-\d\d-\d\d_", folder.name) and folder.name.endswith(socket.gethostname())


# ---- the program -----------------------------------------------------------------------------


@pytest.mark.filterwarnings(SANITIZER)
def test_it_listens_to_this_machine_on_port_6006_unless_asked(chapter):
    import argparse

    from tensorboard.plugins.core import core_plugin

    parser = argparse.ArgumentParser()
    core_plugin.CorePluginLoader().define_flags(parser)
    flags = parser.parse_args([])
    assert flags.host is None and flags.bind_all is False and core_plugin.DEFAULT_PORT == 6006
    assert flags.load_fast == "auto"
    assert parser.parse_args(["--samples_per_plugin", "images=100"]).samples_per_plugin == {"images": 100}
    assert "expose your TensorBoard instance to the network" in " ".join(parser.format_help().split())
    says(chapter, "`http://localhost:6006/`", "`--bind_all`", "`--samples_per_plugin images=100`", "ssh -L 6006:localhost:6006")


def test_common_errors(chapter):
    shape, key = chapter["shape-error"].error, chapter["key-error"].error
    assert isinstance(shape, AssertionError) and "tensor shape: (8, 8), input_format: CHW" in str(shape)
    assert isinstance(key, KeyError) and "Key loss/val was not found in Reservoir" in str(key)


def test_their_cures(here):
    x = torch.rand(4, 1, 8, 8)
    with SummaryWriter("cures") as writer:
        writer.add_image("chw", x[0], 1)
        writer.add_image("hw", x[0, 0], 1, dataformats="HW")
        writer.add_images("batch", x, 1)
        with pytest.raises(AssertionError, match="Tensor should contain one element"):
            writer.add_scalar("loss", torch.rand(50), 1)
    assert set(EventAccumulator("cures").Reload().Tags()["images"]) == {"chw", "hw", "batch"}
    unread = EventAccumulator("cures")
    assert not any(unread.Tags().values())
    with pytest.raises(KeyError):
        unread.Scalars("x")


def test_a_script_called_tensorboard_hides_the_package(chapter, here):
    for name, fails in (("other.py", False), ("tensorboard.py", True)):
        Path(name).write_text("import tensorboard.compat.proto\n")
        ran = subprocess.run([sys.executable, name], capture_output=True, text=True, timeout=120)
        assert (ran.returncode != 0) == fails, ran.stderr
    says(chapter, "`tensorboard.py`")
