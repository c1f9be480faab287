"""The proof of what docs/*/networks/lenet.md claims."""

import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from tests.prose import lines, says


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.\d+|-?\d+", text)]


def by_windows(x, weight, bias):
    """Convolution of one sample (C, H, W) in NumPy: cut out the windows, multiply, add."""
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(1, 2))  # (C, h, w, kH, kW)
    return np.einsum("chwij,ocij->ohw", windows, weight) + bias[:, None, None]


def by_numpy(net, x):
    """LeNet's scores for one sample (1, 32, 32), with no line of PyTorch."""
    p = {name: value.detach().numpy().astype(float) for name, value in net.named_parameters()}
    for name in ("conv1", "conv2"):
        x = np.maximum(by_windows(x, p[f"{name}.weight"], p[f"{name}.bias"]), 0)
        channels, side, _ = x.shape
        x = x.reshape(channels, side // 2, 2, side // 2, 2).max(axis=(2, 4))
    x = x.ravel()
    for name in ("fc1", "fc2", "fc3"):
        x = p[f"{name}.weight"] @ x + p[f"{name}.bias"]
        x = x if name == "fc3" else np.maximum(x, 0)
    return x


def fresh(chapter):
    """The network as it was first made, seed 0 and before any step, and x for by_numpy."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return chapter["lenet"].names["LeNet"](), chapter["path"].names["x"][0].double().numpy()


# ---- the network -----------------------------------------------------------------------------


@pytest.mark.ledger("n4-08")
def test_the_network_is_that_of_the_notes(chapter):
    net = chapter["lenet"].names["LeNet"]()
    assert [(name, type(layer)) for name, layer in net.named_children()] == [
        ("conv1", nn.Conv2d), ("conv2", nn.Conv2d), ("fc1", nn.Linear), ("fc2", nn.Linear), ("fc3", nn.Linear)]
    assert {name: tuple(p.shape) for name, p in net.named_parameters()} == {
        "conv1.weight": (6, 1, 5, 5), "conv1.bias": (6,), "conv2.weight": (16, 6, 5, 5), "conv2.bias": (16,),
        "fc1.weight": (120, 400), "fc1.bias": (120,), "fc2.weight": (84, 120), "fc2.bias": (84,),
        "fc3.weight": (10, 84), "fc3.bias": (10,)}
    assert "super().__init__()" in chapter["lenet"].code and "torch.flatten(x, 1)" in chapter["lenet"].code
    x = torch.randn(3, 1, 32, 32)
    with torch.no_grad():
        scores = net(x)
    assert scores.shape == (3, 10)
    assert np.allclose(scores, [by_numpy(net, sample.double().numpy()) for sample in x], atol=1e-5)
    assert (scores < 0).any()  # logits, no softmax
    says(chapter, "logits", "`torch.flatten(x, 1)`")


@pytest.mark.ledger("n4-08")
def test_flatten_gives_what_the_helper_of_the_notes_gave(chapter):
    assert lines(chapter, "flatten") == ["400 True"]
    maps = chapter["flatten"].names["maps"]
    assert maps.shape == (3, 16, 5, 5) and chapter["flatten"].names["count"] == math.prod((16, 5, 5)) == 400
    assert np.array_equal(torch.flatten(maps, 1), maps.numpy().reshape(3, 400))
    assert torch.flatten(maps).shape == (1200,)  # without the 1, the batch goes too
    says(chapter, "16 × 5 × 5 = 400")


@pytest.mark.ledger("n0-13")
def test_the_shape_at_every_stop(chapter):
    sides = [32]
    for _ in range(2):
        sides += [sides[-1] - 5 + 1, (sides[-1] - 5 + 1) // 2]
    assert sides == [32, 28, 14, 10, 5]
    says(chapter, " → ".join(map(str, sides)), "400 → 120 → 84 → 10")
    assert lines(chapter, "path") == [
        f"{name:8} {shape}" for name, shape in [
            ("conv1", (1, 6, 28, 28)), ("relu1", (1, 6, 28, 28)), ("pool1", (1, 6, 14, 14)),
            ("conv2", (1, 16, 10, 10)), ("relu2", (1, 16, 10, 10)), ("pool2", (1, 16, 5, 5)), ("flatten", (1, 400)),
            ("fc1", (1, 120)), ("relu3", (1, 120)), ("fc2", (1, 84)), ("relu4", (1, 84)), ("fc3", (1, 10))]] + ["True"]
    names = chapter["path"].names
    assert names["x"].shape == (1, 1, 32, 32)
    whole, steps = names["net"](names["x"]), names["x"]
    for step in names["path"].values():
        steps = step(steps)
    assert torch.equal(whole, steps)


def test_the_figure_is_drawn_to_scale(chapter):
    (figure,) = chapter["path-figure"].figures
    upper, lower = figure.axes
    assert [sum(p.get_width() == side for p in upper.patches) for side in (32, 28, 14, 10, 5)] == [1, 6, 6, 16, 16]
    assert all(p.get_width() == p.get_height() for p in upper.patches) and upper.get_aspect() == 1
    assert [t.get_text() for t in upper.texts] == [
        "input\n1×32×32", "conv1\n6×28×28", "pool1\n6×14×14", "conv2\n16×10×10", "pool2\n16×5×5"]
    assert {t.get_text(): bar.get_width() for t, bar in zip(lower.get_yticklabels(), lower.patches)} == {
        "flatten": 400, "fc1": 120, "fc2": 84, "fc3": 10}


def test_parameters_and_multiplications_counted_by_hand(chapter):
    params = {"conv1": 6 * (25 + 1), "conv2": 16 * (6 * 25 + 1), "fc1": 120 * 401, "fc2": 84 * 121, "fc3": 10 * 85}
    products = {"conv1": 28 * 28 * 6 * 25, "conv2": 10 * 10 * 16 * 6 * 25, "fc1": 400 * 120, "fc2": 120 * 84, "fc3": 84 * 10}
    table = [line.replace(",", "").split() for line in lines(chapter, "count")[1:-1]]
    assert table == [[name, str(params[name]), str(params[name]), str(products[name])] for name in params]
    in_all = sum(params.values())
    assert lines(chapter, "count")[-1] == f"in all {in_all}" == "in all 61706"
    convolutions = ("conv1", "conv2")
    assert round(100 * sum(params[c] for c in convolutions) / in_all) == 4
    assert round(100 * sum(products[c] for c in convolutions) / sum(products.values())) == 86
    assert round(100 * params["fc1"] / in_all) == 78
    for share in (4, 86, 78):
        assert f"{share}%" in chapter.prose("zh") and f"{share} %" in chapter.prose("en")


# ---- the way back ----------------------------------------------------------------------------


@pytest.mark.ledger("n4-09")
def test_random_gradients_go_all_the_way_back(chapter):
    names = chapter["random-backward"].names
    assert names["out"].shape == names["v"].shape == (1, 10)
    assert lines(chapter, "random-backward") == ["True", "True"]
    net, x, v = chapter["lenet"].names["LeNet"](), torch.randn(1, 1, 32, 32), torch.randn(1, 10)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        net(x).backward()
    net(x).backward(v)
    given = {name: p.grad.clone() for name, p in net.named_parameters()}
    assert all(gradient.abs().max() > 0 for gradient in given.values())
    assert torch.equal(given["fc3.bias"], v[0])
    net.zero_grad()
    (net(x) * v).sum().backward()  # the same as a weighted sum of the scores
    assert all(torch.allclose(p.grad, given[name], atol=1e-6) for name, p in net.named_parameters())
    says(chapter, "`(1, 10)`", "`v`")


@pytest.mark.ledger("n4-10")
def test_the_loss_against_a_target_in_one_row(chapter):
    names = chapter["mse"].names
    assert names["target"].tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]]
    out = by_numpy(*fresh(chapter))
    by_hand = ((out - np.eye(10)[3]) ** 2).mean()
    assert [numbers(line)[0] for line in lines(chapter, "mse")] == pytest.approx([by_hand] * 2, abs=1e-4)
    assert names["loss"].item() == pytest.approx(by_hand, rel=1e-4)
    assert "MseLossBackward0" in lines(chapter, "mse")[0]


@pytest.mark.ledger("n4-10")
def test_a_column_broadcasts_with_a_warning_and_gives_another_number(chapter):
    (warning,) = chapter["broadcast"].warnings
    assert "Using a target size (torch.Size([10, 1])) that is different to the input size (torch.Size([1, 10]))" in warning
    out, target = by_numpy(*fresh(chapter)), np.eye(10)[3]
    table = [(score - goal) ** 2 for score in out for goal in target]
    assert len(table) == 100
    assert chapter["broadcast"].names["wrong"].item() == pytest.approx(np.mean(table), rel=1e-4)
    assert abs(np.mean(table) - chapter["mse"].names["loss"].item()) > 0.005
    assert lines(chapter, "broadcast")[0].endswith("is the mean of torch.Size([10, 10])")
    says(chapter, "10 × 10")


@pytest.mark.ledger("n4-10")
@pytest.mark.ledger("n0-13")
def test_the_chain_from_the_loss_is_forward_read_backwards(chapter):
    node = {"conv": "ConvolutionBackward0", "relu": "ReluBackward0", "pool": "MaxPool2DWithIndicesBackward0",
            "flatten": "ViewBackward0", "fc": "AddmmBackward0", "loss": "MseLossBackward0"}
    forward = ["conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "flatten", "fc1", "relu3", "fc2", "relu4", "fc3", "loss"]
    *chain, forks = lines(chapter, "chain")
    assert [line.split() for line in chain] == [[name, node[name.rstrip("1234")]] for name in reversed(forward)]
    assert forks == "fc3 forks: ['AccumulateGrad', 'ReluBackward0', 'TBackward0']"
    x = torch.randn(1, 1, 32, 32)
    net = chapter["lenet"].names["LeNet"]()
    fc3 = nn.MSELoss()(net(x), torch.zeros(1, 10)).grad_fn.next_functions[0][0]
    assert fc3.next_functions[0][0].variable is net.fc3.bias  # where [0][0] twice leads
    assert fc3.next_functions[0][0].next_functions == ()
    assert fc3.next_functions[2][0].next_functions[0][0].variable is net.fc3.weight
    says(chapter, "`Addmm`", "`View`", "`next_functions[0][0]`", "`fc3.bias`")


@pytest.mark.ledger("n4-11")
def test_the_gradient_before_and_after_backward(chapter):
    before, still, after = lines(chapter, "bias-grad")
    assert before == "before: None" and still == "still:  None"
    assert len(numbers(after)) == 6
    # an independent gradient: nudge each bias of conv1 in NumPy, where the loss is computed in double
    net, x = fresh(chapter)

    def loss(channel, nudge):
        with torch.no_grad():
            net.conv1.bias[channel] += nudge
            value = ((by_numpy(net, x) - np.eye(10)[3]) ** 2).mean()
            net.conv1.bias[channel] -= nudge
        return value

    slopes = [(loss(c, 1e-3) - loss(c, -1e-3)) / 2e-3 for c in range(6)]
    assert numbers(after) == pytest.approx(slopes, abs=4e-4)
    code = chapter["bias-grad"].code
    assert code.index("zero_grad") < code.index("before") < code.index("still") < code.index("backward()") < code.index("after:")


def test_one_step_by_hand_makes_the_loss_fall_as_foretold(chapter):
    before, after, fell, foretold = numbers(lines(chapter, "step")[0])
    net, _ = fresh(chapter)
    x, target = chapter["path"].names["x"], torch.eye(10)[3:4]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss = F.mse_loss(net(x), target)
    loss.backward()
    squares = sum((p.grad**2).sum().item() for p in net.parameters())
    optimizer.step()
    with torch.no_grad():
        stepped = F.mse_loss(net(x), target).item()
    assert [before, after] == pytest.approx([loss.item(), stepped], abs=1e-4)
    assert fell == pytest.approx(before - after, abs=2e-4) and fell > 0
    assert foretold == pytest.approx(0.1 * squares, abs=1e-4)
    assert fell == pytest.approx(foretold, rel=0.2)


# ---- training --------------------------------------------------------------------------------


def test_the_digits_are_scaled_to_what_the_network_wants(chapter):
    digits, names = load_digits(), chapter["digits"].names
    assert digits.images.shape == (1797, 8, 8) and digits.images.max() == 16
    assert names["small"].shape == (1797, 1, 8, 8) and names["images"].shape == (1797, 1, 32, 32)
    assert np.allclose(names["small"][:, 0], digits.images / 16)
    where = (np.arange(32) + 0.5) / 4 - 0.5  # the middle of each of 32 cells, measured in the 8 old ones
    rows = np.array([np.interp(where, range(8), row) for row in digits.images[7] / 16])  # (8, 32)
    assert np.allclose(names["images"][7, 0].T, [np.interp(where, range(8), column) for column in rows.T], atol=1e-6)
    assert names["labels"].tolist() == digits.target.tolist()
    said = " ".join(digits.DESCR.split())
    assert "32x32 bitmaps are divided into nonoverlapping blocks of 4x4" in said and "different 13 to the test set" in said
    says(chapter, "1797", "1500", "297", "13", "https://scikit-learn.org/stable/datasets/toy_dataset.html#digits-dataset")


def test_the_split_does_not_leak(chapter):
    names = chapter["digits"].names
    train, test = set(names["train"].tolist()), set(names["test"].tolist())
    assert len(train) == 1500 and len(test) == 297
    assert not train & test and train | test == set(range(1797))
    seen = {image.tobytes() for image in names["train_x"].numpy()}
    assert not any(image.tobytes() in seen for image in names["test_x"].numpy())  # nor a copy under another number
    digits = load_digits()
    for x, y, which in (("train_x", "train_y", "train"), ("test_x", "test_y", "test")):
        assert torch.equal(names[x], names["images"][names[which]])
        assert names[y].tolist() == digits.target[names[which]].tolist()
    assert names["train"].tolist() != sorted(train)  # shuffled
    assert "test" not in re.sub(r"(?s)with torch.no_grad\(\):.*", "", chapter["train"].code)


def accuracy(net, x, y):
    with torch.no_grad():
        return (net(x).argmax(dim=1) == y).double().mean().item()


def test_it_reads_more_than_97_percent_of_what_it_never_saw(chapter):
    names = chapter["train"].names
    right = sum(int(p == t) for p, t in zip(names["predicted"].tolist(), names["test_y"].tolist()))
    assert right / 297 >= 0.97
    assert accuracy(names["net"], names["test_x"], names["test_y"]) == pytest.approx(right / 297)
    assert names["accuracies"][-1] == pytest.approx(right / 297, abs=1e-6)
    assert lines(chapter, "train") == [f"accuracy {right / 297:.3f}"]
    some = names["test_x"][:3].double().numpy()
    assert [by_numpy(names["net"], x).argmax() for x in some] == names["predicted"][:3].tolist()
    assert names["batch"].shape == (25,) and len(names["losses"]) == len(names["accuracies"]) == 20
    assert type(names["optimizer"]) is torch.optim.Adam and "F.cross_entropy" in chapter["train"].code
    assert sum(p is q for p in names["net"].parameters() for group in names["optimizer"].param_groups for q in group["params"]) == 10
    assert names["scheduler"].get_last_lr() == [pytest.approx(0)]  # smaller from epoch to epoch
    code = chapter["train"].code
    assert code.index("optimizer.step()") < code.index("\n    scheduler.step()")  # after the mini-batches of an epoch
    assert "97%" in chapter.prose("zh") and "97 %" in chapter.prose("en")


def test_the_mini_batches_of_an_epoch_hold_every_sample_once_and_are_moved_by_up_to_3(chapter):
    batches = torch.randperm(1500).split(25)
    assert len(batches) == 60 and sorted(torch.cat(batches).tolist()) == list(range(1500))
    assert "torch.randperm(1500).split(25)" in chapter["train"].code
    shift = re.search(r"torch\.randint\((-?\d+), (\d+), \(2,\)\)", chapter["train"].code)
    assert (int(shift[1]), int(shift[2]) - 1) == (-3, 3)
    assert chapter["train"].names["batch_x"].shape == (25, 1, 32, 32)


def test_the_curve_shows_what_was_recorded(chapter):
    (figure,) = chapter["curve"].figures
    upper, lower = figure.axes
    losses, accuracies = chapter["train"].names["losses"], chapter["train"].names["accuracies"]
    assert upper.lines[0].get_ydata().tolist() == losses and lower.lines[0].get_ydata().tolist() == accuracies
    assert list(lower.lines[0].get_xdata()) == list(range(1, 21)) and set(lower.lines[1].get_ydata()) == {0.97}
    assert losses[0] > 1.5 and losses[0] < math.log(10) + 0.1  # no better than guessing at first
    assert losses[-1] < 0.2 and accuracies[0] < 0.9 and min(accuracies[9:]) > 0.9 and min(accuracies[-3:]) >= 0.97
    assert upper.get_ylabel() == "training loss" and lower.get_ylabel() == "test accuracy" and lower.get_xlabel() == "epoch"


def test_the_confusion_matrix_counts_truth_by_row(chapter):
    names = chapter["confusion"].names
    table = np.zeros((10, 10), dtype=int)
    np.add.at(table, (names["test_y"].numpy(), names["predicted"].numpy()), 1)
    assert names["confusion"].tolist() == table.tolist()
    assert table.sum() == 297 and np.trace(table) == (names["test_y"] == names["predicted"]).sum()
    assert table.sum(axis=1).tolist() == torch.bincount(names["test_y"]).tolist()
    assert ((20 <= np.diag(table)) & (np.diag(table) < 40)).all()
    (figure,) = chapter["confusion"].figures
    (axes,) = figure.axes
    drawn = {(round(t.get_position()[1]), round(t.get_position()[0])): int(t.get_text()) for t in axes.texts}
    assert drawn == {(int(i), int(j)): table[i, j] for i, j in np.argwhere(table)}
    assert axes.get_ylabel() == "true" and axes.get_xlabel() == "predicted" and axes.yaxis_inverted()


def test_the_hardest_are_those_of_largest_loss_and_mistakes_come_first(chapter):
    names = chapter["hardest"].names
    with torch.no_grad():
        chances = torch.softmax(names["net"](names["test_x"]).double(), dim=1)
    of_truth = chances[torch.arange(297), names["test_y"]].numpy()
    assert names["hardest"].tolist() == np.argsort(of_truth)[:8].tolist()
    wrong = (names["predicted"] != names["test_y"]).numpy()
    assert (of_truth[wrong] < 0.5).all()
    assert wrong[names["hardest"][0]] == wrong.any() and 2 * wrong[names["hardest"]].sum() >= min(wrong.sum(), 8)
    (figure,) = chapter["hardest"].figures
    digits = load_digits()
    for i, axes in zip(names["hardest"].tolist(), figure.axes):
        assert axes.get_title() == f"is {names['test_y'][i]}, says {names['predicted'][i]}"
        assert np.allclose(axes.images[0].get_array(), digits.images[names["test"][i]] / 16)


def test_the_nearest_neighbour_does_no_worse_until_the_pictures_move(chapter):
    names = chapter["nearest"].names
    x, y, train_x, train_y = (names[name].numpy() for name in ("test_x", "test_y", "train_x", "train_y"))

    def copied(x, train_x, train_y):  # |a - b|^2 = |a|^2 - 2ab + |b|^2
        x, train_x = x.reshape(len(x), -1), train_x.reshape(len(train_x), -1)
        return train_y[((x**2).sum(1)[:, None] - 2 * x @ train_x.T + (train_x**2).sum(1)).argmin(axis=1)]

    still = (copied(x, train_x, train_y) == y).mean()
    moved = (copied(np.roll(x, 4, axis=3), train_x, train_y) == y).mean()
    (shift0, lenet, shown), (shift4, lenet_moved, shown_moved) = [numbers(line) for line in lines(chapter, "nearest")]
    assert (shift0, shift4) == (0, 4)
    assert [shown, shown_moved] == pytest.approx([still, moved], abs=0.004)
    test_x, test_y = names["test_x"], names["test_y"]
    assert [lenet, lenet_moved] == pytest.approx(
        [accuracy(names["net"], test_x, test_y), accuracy(names["net"], test_x.roll(4, dims=3), test_y)], abs=0.001)
    assert still > 0.98 and still >= lenet - 0.005  # does no worse
    assert moved < 0.8 < 0.85 < lenet_moved  # one collapses, the other stands
    # without shuffling, the last 297 of the file in the exam: the hand is less familiar
    images, labels = load_digits().images, load_digits().target
    assert (copied(images[1500:], images[:1500], labels[:1500]) == labels[1500:]).mean() < still - 0.03


def test_without_the_line_with_roll_lenet_collapses_too(chapter):
    code = chapter["train"].code.replace(".roll((down, right), dims=(2, 3))", "").replace("range(20)", "range(12)")
    assert "roll" not in code and code != chapter["train"].code
    names = dict(chapter["digits"].names)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(code, names)
    assert accuracy(names["net"], names["test_x"], names["test_y"]) > 0.93
    moved = accuracy(names["net"], names["test_x"].roll(4, dims=3), names["test_y"])
    assert moved < 0.8 and moved < numbers(lines(chapter, "nearest")[1])[1] - 0.1


# ---- common errors ---------------------------------------------------------------------------


def test_common_errors(chapter):
    size, channels, single = (chapter[f"{name}-error"].error for name in ("size", "channel", "single"))
    assert all(isinstance(error, RuntimeError) for error in (size, channels, single))
    assert "shapes cannot be multiplied (1x256 and 400x120)" in str(size)
    side = ((28 - 4) // 2 - 4) // 2
    assert 16 * side * side == 256
    assert "to have 1 channels, but got 5 channels instead" in str(channels)
    assert "shapes cannot be multiplied (16x25 and 400x120)" in str(single)
    net, images = chapter["train"].names["net"], chapter["digits"].names["images"]
    assert net(images[:5, 0][:, None]).shape == (5, 10) and net(images[0][None]).shape == (1, 10)
    says(chapter, "16 × 4 × 4 = 256", "28 × 28", "`(5, 32, 32)`", "`(1, 32, 32)`", "`x[:, None]`", "`x[None]`")
