"""The proof of what docs/*/training/classification.md claims."""

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_iris, make_moons
from sklearn.linear_model import LogisticRegression
from torch import nn

from tests.prose import lines, says, says_in


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d+|-?\d+", text)]


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def by_numpy(net, x):
    """The logits of a network of linear layers and ReLUs, in NumPy."""
    h = np.asarray(x, dtype=np.float64)
    for layer in [net] if isinstance(net, nn.Linear) else net:
        if isinstance(layer, nn.Linear):
            h = h @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
        else:
            assert isinstance(layer, nn.ReLU)
            h = np.maximum(h, 0)
    return h


def share_right(net, x, y):
    return (by_numpy(net, x).argmax(axis=1) == y.numpy()).mean()


# ---- data ------------------------------------------------------------------------------------


def test_the_moons_are_split_without_overlap(chapter):
    names = chapter["moons"].names
    points, labels = make_moons(2700, noise=0.3, random_state=0)
    cuts = {"train": slice(0, 200), "val": slice(200, 700), "test": slice(700, 2700)}
    for part, cut in cuts.items():
        assert np.allclose(names[f"{part}_x"], points[cut], atol=1e-6) and names[f"{part}_y"].tolist() == labels[cut].tolist()
    assert len({tuple(point) for point in points.tolist()}) == 2700  # no copy in another part
    assert names["x"].dtype == torch.float32 and names["y"].dtype == torch.int64
    assert not (np.diff(labels) >= 0).all()  # shuffled
    assert lines(chapter, "moons")[0].startswith("torch.Size([200, 2])") and abs(labels[:200].mean() - 0.5) < 0.1
    says(chapter, "200", "500", "2000")


def test_the_points_are_drawn_by_class(chapter):
    for name, sets in (("moons-figure", 1), ("shading", 2)):
        (figure,) = chapter[name].figures
        assert len(figure.axes) == sets
        names = chapter["moons"].names
        for ax in figure.axes:
            assert (ax.get_xlabel(), ax.get_ylabel()) == ("x1 (no unit)", "x2 (no unit)")
            for label, (line, color) in enumerate(zip(ax.lines, ("C0", "C1"), strict=True)):
                assert np.allclose(line.get_xydata(), names["train_x"][names["train_y"] == label])
                assert line.get_color().lower() == {"C0": "#0072b2", "C1": "#d55e00"}[color]


# ---- from a point to a class -----------------------------------------------------------------


def test_logits_softmax_argmax_and_the_loss_of_guessing(chapter):
    names = chapter["scores"].names
    torch.manual_seed(0)
    net = nn.Linear(2, 2)
    logits = by_numpy(net, names["train_x"])
    chances = softmax(logits)
    assert np.allclose(names["logits"], logits, atol=1e-5) and np.allclose(names["probabilities"], chances, atol=1e-5)
    assert np.allclose(names["probabilities"].sum(dim=1), 1)
    assert names["guesses"].tolist() == chances.argmax(axis=1).tolist() == logits.argmax(axis=1).tolist()
    loss = np.mean([-math.log(row[label]) for row, label in zip(chances, names["train_y"].tolist())])
    *rows, last = lines(chapter, "scores")
    assert numbers(last) == [pytest.approx(loss, abs=1e-4)] and abs(loss - math.log(2)) < 0.1
    for i, row in enumerate(rows):
        z0, z1, p0, p1, guess, truth = numbers(row)
        assert (p1 > p0) == (z1 > z0) == (guess == 1) and truth == names["train_y"][i]
        assert p0 + p1 == pytest.approx(1, abs=2e-4)
    assert f"{math.log(2):.3f}" == "0.693"
    says(chapter, "0.693", r"$\ln 2$")


def test_a_linear_layer_reaches_about_85_percent(chapter):
    names = chapter["fit"].names
    train, test = numbers(lines(chapter, "fit")[0])
    assert train == pytest.approx(share_right(names["line"], names["train_x"], names["train_y"]), abs=1e-3)
    assert test == pytest.approx(share_right(names["line"], names["test_x"], names["test_y"]), abs=1e-3)
    assert 0.83 < train < 0.87 and 0.83 < test < 0.87
    other = LogisticRegression(C=np.inf).fit(names["train_x"].numpy(), names["train_y"].numpy())  # trained to the end
    verdicts = by_numpy(names["line"], names["test_x"]).argmax(axis=1)
    assert (other.predict(names["test_x"].numpy()) == verdicts).mean() > 0.99
    code = chapter["fit"].code
    assert code.index("cross_entropy") < code.index("zero_grad") < code.index(".backward()") < code.index("optimizer.step()")
    assert "85%" in chapter.prose("zh") and "85 %" in chapter.prose("en")


def test_the_gradient_is_cleared_before_each_step(chapter):
    fit, names = chapter["fit"].names["fit"], chapter["moons"].names
    torch.manual_seed(5)
    net = nn.Linear(2, 2)
    w, b = net.weight.detach().double().numpy().copy(), net.bias.detach().double().numpy().copy()
    x, y = names["train_x"].double().numpy(), np.eye(2)[names["train_y"].numpy()]
    fit(net, torch.optim.SGD(net.parameters(), lr=0.5), names["train_x"], names["train_y"], 3)
    for _ in range(3):
        push = (softmax(x @ w.T + b) - y) / len(x)  # probability minus answer
        w, b = w - 0.5 * push.T @ x, b - 0.5 * push.sum(axis=0)
    assert np.allclose(net.weight.detach(), w, atol=1e-5) and np.allclose(net.bias.detach(), b, atol=1e-5)


def test_two_logits_and_their_difference_decide_alike(chapter):
    names = chapter["one-logit"].names
    two, y = by_numpy(chapter["fit"].names["line"], names["test_x"]), names["test_y"].numpy()
    z = two[:, 1] - two[:, 0]
    sigmoid = 1 / (1 + np.exp(-z))
    assert np.allclose(names["one"], z, atol=1e-4) and np.allclose(sigmoid, softmax(two)[:, 1])
    assert ((z > 0) == (two.argmax(axis=1) == 1)).all()
    bce = -(y * np.log(sigmoid) + (1 - y) * np.log(1 - sigmoid)).mean()
    first, second, losses, last = lines(chapter, "one-logit")
    assert first == second == last == "True" and numbers(losses) == pytest.approx([bce, bce], abs=2e-4)
    assert names["single"].weight.shape == (1, 2)
    says(chapter, r"\frac{e^{z_1}}{e^{z_0} + e^{z_1}} = \frac{1}{1 + e^{-(z_1 - z_0)}} = \sigma(z_1 - z_0)",
         "`binary_cross_entropy_with_logits`", "`cross_entropy`")


def test_no_straight_line_gets_much_past_85_percent(chapter):
    names = chapter["moons"].names
    x, y = names["test_x"].double().numpy(), names["test_y"].numpy()
    best = 0
    for degree in range(0, 180, 3):  # every third of them, cut by cut, in another way
        along = x @ [math.cos(math.radians(degree)), math.sin(math.radians(degree))]
        for cut in np.quantile(along, np.linspace(0, 1, 201)):
            right = ((along > cut) == (y == 1)).mean()
            best = max(best, right, 1 - right)
    table = chapter["ceiling"].names["right"]  # cut by cut: before the line 0, behind it 1
    for degree, k in ((0, 0), (17, 700), (90, 1200), (111, 1998)):
        along = (names["test_x"] @ chapter["ceiling"].names["directions"])[:, degree].numpy()
        assert abs(table[k, degree].item() - ((along > np.sort(along)[k]) == (y == 1)).sum()) <= 1
    count, found = numbers(lines(chapter, "ceiling")[0].replace(",", ""))
    assert count == 180 * 2000 == 360_000
    assert best - 1e-9 <= found + 5e-4 and found < best + 0.01  # trying more lines finds no less
    assert 0.85 <= found < 0.86
    assert chapter["ceiling"].names["best"] >= 2000 * share_right(chapter["fit"].names["line"], x, names["test_y"])
    assert "36 万" in chapter.prose("zh")
    says_in(chapter, "en", "360,000")


# ---- bending ---------------------------------------------------------------------------------


def test_the_mlp_beats_every_straight_line(chapter):
    names = chapter["mlp"].names
    train, test = numbers(lines(chapter, "mlp")[0])
    assert train == pytest.approx(share_right(names["mlp"], names["train_x"], names["train_y"]), abs=1e-3)
    assert test == pytest.approx(share_right(names["mlp"], names["test_x"], names["test_y"]), abs=1e-3)
    assert 0.89 < test < 0.925 and test > numbers(lines(chapter, "ceiling")[0])[-1] + 0.03
    assert list(names["snapshots"]) == [0, 5, 10, 15, 20, 30, 40, 60, 80, 100]
    assert not torch.equal(names["snapshots"][80][0].weight, names["snapshots"][100][0].weight)
    assert torch.equal(names["snapshots"][100][0].weight, names["mlp"][0].weight)
    again = nn.Sequential(*[type(layer)(layer.in_features, layer.out_features) if isinstance(layer, nn.Linear) else nn.ReLU()
                            for layer in names["mlp"]])
    again.load_state_dict(names["snapshots"][0].state_dict())
    optimizer = torch.optim.Adam(again.parameters(), lr=0.01)
    for _ in range(100):  # in one go
        optimizer.zero_grad()
        F.cross_entropy(again(names["train_x"]), names["train_y"]).backward()
        optimizer.step()
    assert np.allclose(again[0].weight.detach(), names["mlp"][0].weight.detach(), atol=1e-3)
    assert "90%" in chapter.prose("zh") and "90 %" in chapter.prose("en")



def test_the_shading_shows_probabilities_and_the_line_one_half(chapter):
    (figure,) = chapter["shading"].figures
    names = chapter["shading"].names
    for ax, net in zip(figure.axes, (names["line"], names["mlp"]), strict=True):
        filled, boundary = ax.collections
        assert list(filled.levels) == [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1] and filled.filled and not boundary.filled
        points = np.concatenate([path.vertices for path in boundary.get_paths()])
        assert np.abs(softmax(by_numpy(net, points))[:, 1] - 0.5).max() < 0.12  # interpolated on a grid
        assert np.abs(softmax(by_numpy(net, points))[:, 1] - 0.5).mean() < 0.03
        shades = filled.get_facecolor()
        blue, orange = shades[:3], shades[3:]
        assert (blue[:, 2] > blue[:, 0]).all() and (orange[:, 0] > orange[:, 2]).all()  # class 0, class 1
        assert blue[0, 3] > blue[1, 3] > blue[2, 3] and orange[0, 3] < orange[1, 3] < orange[2, 3]
    straight, bent = [np.concatenate([p.vertices for p in ax.collections[1].get_paths()]) for ax in figure.axes]
    fit = np.polynomial.Polynomial.fit(straight[:, 0], straight[:, 1], 1)
    assert np.abs(fit(straight[:, 0]) - straight[:, 1]).max() < 0.01
    inside = bent[(bent[:, 0] > -0.8) & (bent[:, 0] < 1.8)]
    slope = np.sign(np.diff(inside[inside[:, 0].argsort()][::6, 1]))
    assert (np.diff(slope[slope != 0]) != 0).sum() >= 2  # up, down, up: two bends
    # most of the remaining mistakes are made close to the boundary
    x, y = names["test_x"].double().numpy(), names["test_y"].numpy()
    wrong = by_numpy(names["mlp"], x).argmax(axis=1) != y
    near = np.sqrt(((x[wrong][:, None] - bent[None]) ** 2).sum(axis=2)).min(axis=1) < 0.35
    assert near.mean() > 0.6


def test_the_animation_moves_by_css_and_rests_on_the_last_frame(chapter):
    svg = chapter["animate"].value.data
    assert len(svg) < 40_000 and "<script" not in svg and "<animate" not in svg
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    style, groups = root.find(f"{space}style").text, root.findall(f"{space}g")
    snapshots, names = chapter["mlp"].names["snapshots"], chapter["moons"].names
    assert len(groups) == len(snapshots) == 10
    assert "@keyframes moving{0%{opacity:1}10%,to{opacity:0}}" in style and "animation:moving 10s steps(1) infinite" in style
    assert "#moving g{opacity:0;" in style and "#moving g:last-of-type{opacity:1}" in style
    assert "prefers-reduced-motion" in style
    for t, (group, (step, net)) in enumerate(zip(groups, snapshots.items())):
        assert group.get("style") == f"animation-delay:{t - 10}s"  # seconds: one frame after the other, all begun
        shown = group.find(f"{space}text").text
        right = share_right(net, names["test_x"], names["test_y"])
        assert shown.startswith(f"step {step}, test accuracy ") and float(shown.split()[-1]) == pytest.approx(right, abs=0.006)
        d = group.find(f"{space}path").get("d")
        points = np.array([[float(a) / 100 - 2, 2 - float(b) / 100] for a, b in re.findall(r"(-?\d+),(-?\d+)", d)])
        assert np.abs(softmax(by_numpy(net, points))[:, 1] - 0.5).mean() < 0.03
    for label, path in enumerate(root.findall(f"{space}path")):
        points = np.array([[float(a) / 100 - 2, 2 - float(b) / 100] for a, b in re.findall(r"(-?\d+),(-?\d+)", path.get("d"))])
        assert np.allclose(points, names["train_x"][names["train_y"] == label], atol=0.006)
        assert path.get("stroke") == ("#0072b2", "#d55e00")[label]


def test_it_first_finds_a_line_then_bends(chapter):
    snapshots, names = chapter["mlp"].names["snapshots"], chapter["moons"].names
    right = {step: share_right(net, names["test_x"], names["test_y"]) for step, net in snapshots.items()}
    ceiling = chapter["ceiling"].names["best"] / 2000
    assert right[0] < 0.5 and abs(right[20] - ceiling) < 0.015 and right[100] > ceiling + 0.03

    def agreement(net):  # with the best straight line for the same verdicts
        verdicts = by_numpy(net, names["test_x"]).argmax(axis=1)
        line = LogisticRegression(C=1e4).fit(names["test_x"].numpy(), verdicts)
        return (line.predict(names["test_x"].numpy()) == verdicts).mean()

    assert agreement(snapshots[20]) > 0.97 > 0.95 > agreement(snapshots[100])


# ---- accuracy is not enough ------------------------------------------------------------------


def test_saying_never_is_almost_as_accurate_as_the_network(chapter):
    names = chapter["rare"].names
    points, labels = make_moons((2850, 150), noise=0.3, random_state=1)
    assert names["rare_y"].tolist() == labels[:1000].tolist() and names["exam_y"].tolist() == labels[1000:].tolist()
    assert np.allclose(names["exam_x"], points[1000:], atol=1e-6) and np.allclose(names["rare_x"], points[:1000], atol=1e-6)
    network, never = numbers(lines(chapter, "rare")[0].replace("always 0", ""))
    assert 150 / 3000 == 1 / 20 and never == pytest.approx((labels[1000:] == 0).mean(), abs=1e-3) and abs(never - 0.95) < 0.005
    assert network == pytest.approx(share_right(names["detector"], names["exam_x"], names["exam_y"]), abs=1e-3)
    assert never < network < never + 0.05
    assert "95%" in chapter.prose("zh") and "95 %" in chapter.prose("en")


def test_the_four_counts_precision_and_recall(chapter):
    names = chapter["confusion"].names
    says_1, is_1 = softmax(by_numpy(names["detector"], names["exam_x"]))[:, 1] > 0.5, names["exam_y"].numpy() == 1
    table = np.zeros((2, 2), dtype=int)
    np.add.at(table, (is_1.astype(int), says_1.astype(int)), 1)
    assert [[names["tn"], names["fp"]], [names["fn"], names["tp"]]] == table.tolist()
    _, zeros, ones, measures = lines(chapter, "confusion")
    assert [numbers(zeros)[1:], numbers(ones)[1:]] == table.tolist()
    precision, recall = table[1, 1] / table[:, 1].sum(), table[1, 1] / table[1].sum()
    assert numbers(measures) == pytest.approx([precision, recall], abs=6e-4)
    assert abs(1 - precision - 1 / 5) < 0.05 and abs(1 - recall - 1 / 3) < 0.05  # as the prose says
    shown = [numbers(line) for line in lines(chapter, "sklearn")]
    assert shown[:2] == table.tolist() and shown[2] == numbers(measures)
    says(chapter, r"$\frac{tp}{tp + fp}$", r"$\frac{tp}{tp + fn}$")


def test_a_higher_threshold_gives_precision_for_recall(chapter):
    names = chapter["rare"].names
    chance, is_1 = softmax(by_numpy(names["detector"], names["exam_x"]))[:, 1], names["exam_y"].numpy() == 1
    rows = [numbers(line) for line in lines(chapter, "threshold")]
    assert [row[0] for row in rows] == [0.1, 0.5, 0.9]
    for threshold, precision, recall in rows:
        called = chance > threshold
        assert precision == pytest.approx(is_1[called].mean(), abs=0.006) and recall == pytest.approx(called[is_1].mean(), abs=0.006)
    assert rows[0][1] < rows[1][1] < rows[2][1] and rows[0][2] > rows[1][2] > rows[2][2]


# ---- calibration -----------------------------------------------------------------------------


def test_trained_too_long_the_test_loss_passes_ln_2_while_most_answers_are_right(chapter):
    names = chapter["overtrain"].names
    train, test = ([numbers(line) for line in lines(chapter, "overtrain") if line.startswith(part)] for part in ("train", "test"))
    assert len(train) == len(test) == 3 and "(50, 150, 400)" in chapter["overtrain"].code and 50 + 150 == 200 and 200 + 400 == 600
    assert train[0][1] > train[1][1] > train[2][1] and test[0][1] < test[1][1] < test[2][1]
    assert train[2][0] > 0.97 and 0.8 < test[2][0] < 0.9 and test[0][1] < math.log(2) < test[2][1] - 0.1
    for part, (right, loss) in (("train", train[2]), ("test", test[2])):
        x, y = names[f"{part}_x"], names[f"{part}_y"].numpy()
        of_truth = softmax(by_numpy(names["wide"], x))[np.arange(len(y)), y]
        assert loss == pytest.approx(-np.log(of_truth).mean(), abs=2e-3)
        assert right == pytest.approx(share_right(names["wide"], x, names[f"{part}_y"]), abs=1e-3)
    says(chapter, "50", "200", "600")


def binned(p, y):
    """Counts, mean confidences and accuracies in five bins and the ECE, by NumPy."""
    sure, right = p.max(axis=1), p.argmax(axis=1) == y
    which = np.minimum(((sure - 0.5) * 10).astype(int), 4)
    rows = [(sure[which == b].mean(), right[which == b].mean(), (which == b).sum()) for b in range(5)]
    return rows, sum(n * abs(right_ - sure_) for sure_, right_, n in rows) / len(y)


def test_the_calibration_error_by_hand(chapter):
    names = chapter["ece"].names
    rows, error = binned(softmax(by_numpy(names["wide"], names["test_x"])), names["test_y"].numpy())
    *shown, last = [numbers(line) for line in lines(chapter, "ece")]
    assert last == [pytest.approx(error, abs=1e-3)] and names["error"] == pytest.approx(error, abs=1e-3)
    for row, expected in zip(shown, rows, strict=True):
        assert row == pytest.approx(expected, abs=2e-2) and row[2] == expected[2]
    assert sum(row[2] for row in shown) == 2000
    assert shown[-1][2] / 2000 > 0.88 and shown[-1][0] > 0.98 and abs(shown[-1][1] - 0.9) < 0.03  # one in ten wrong
    assert all(row[0] > row[1] for row in shown[1:])  # says more than it does
    assert all(10 < row[2] < 100 for row in shown[:-1])
    # a case on paper: three answers at 0.95, of which two are right, one at 0.65, right
    p = torch.tensor([[0.95, 0.05], [0.05, 0.95], [0.05, 0.95], [0.35, 0.65]])
    bins, paper = names["calibration"](p, torch.tensor([0, 1, 0, 1]))
    assert paper == pytest.approx((3 * (0.95 - 2 / 3) + 1 * (1 - 0.65)) / 4, abs=1e-5) and [b[2] for b in bins] == [1, 3]


def test_temperature_mends_the_calibration_and_changes_no_answer(chapter):
    names = chapter["temperature"].names
    val, test = by_numpy(names["wide"], names["val_x"]), by_numpy(names["wide"], names["test_x"])

    def loss(logits, y, T):
        return -np.log(softmax(logits / T)[np.arange(len(y)), y.numpy()]).mean()

    grid = np.linspace(0.5, 20, 400)
    best = grid[np.argmin([loss(val, names["val_y"], T) for T in grid])]
    T = names["T"].item()
    assert T == pytest.approx(best, abs=0.15) and T > 2  # the T of the validation set
    assert np.argmin([loss(by_numpy(names["wide"], names["train_x"]), names["train_y"], T) for T in grid]) < 0.6 * np.argmin(
        [loss(val, names["val_y"], T) for T in grid])  # the training set does not show it
    shown_T, before, after, loss_before, loss_after = numbers(lines(chapter, "temperature")[0].replace("->", ""))
    assert shown_T == pytest.approx(T, abs=0.06) and before == pytest.approx(binned(softmax(test), names["test_y"].numpy())[1], abs=1e-3)
    assert after == pytest.approx(binned(softmax(test / T), names["test_y"].numpy())[1], abs=5e-3)
    assert [loss_before, loss_after] == pytest.approx([loss(test, names["test_y"], t) for t in (1, T)], abs=2e-3)
    assert after < before / 2 and loss_after < loss_before / 2
    assert lines(chapter, "temperature")[1] == "the same answers: True"
    assert (test.argmax(axis=1) == softmax(test / T).argmax(axis=1)).all()
    assert names["T"].numel() == 1


def test_the_reliability_diagram(chapter):
    (figure,) = chapter["reliability"].figures
    (ax,) = figure.axes
    diagonal, circles, triangles = ax.lines
    assert np.array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    names = chapter["temperature"].names
    test, y = by_numpy(names["wide"], names["test_x"]), names["test_y"].numpy()
    for line, T in ((circles, 1), (triangles, names["T"].item())):
        rows, _ = binned(softmax(test / T), y)
        assert np.allclose(line.get_xydata(), [row[:2] for row in rows], atol=0.03)
    gaps = [np.abs(line.get_xdata() - np.array(line.get_ydata())) for line in (circles, triangles)]
    assert (np.array(circles.get_xdata()) > circles.get_ydata()).sum() >= 4 and gaps[1].max() < 0.12 and gaps[1].mean() < gaps[0].mean() / 2
    low, high = ax.get_ylim()
    assert low < min(circles.get_ydata()) and high > 1


def test_far_from_the_data_it_is_sure_and_temperature_does_not_help(chapter):
    names = chapter["temperature"].names
    _, *rows = [numbers(line) for line in lines(chapter, "far")]
    assert [row[0] for row in rows] == [1, 10, 100, 1000]
    for distance, gap, sure, scaled in rows:
        place = [[0.5 + 0.6 * distance, 0.25 - 0.8 * distance]]
        z = by_numpy(names["mlp"], place)
        assert gap == pytest.approx(z[0, 1] - z[0, 0], rel=1e-2, abs=0.06) and sure == pytest.approx(softmax(z).max(), abs=1e-3)
        assert scaled == pytest.approx(softmax(by_numpy(names["wide"], place) / names["T"].item()).max(), abs=2e-3)
    assert math.hypot(0.6, -0.8) == pytest.approx(1)  # a distance is a distance
    for near, far in zip(rows, rows[1:]):
        assert 8 < abs(far[1] / near[1]) < 12  # ten times as far, about ten times the gap
    assert all(row[2] == row[3] == 1 for row in rows[1:])
    assert names["train_x"].abs().max() < 5  # there are no data at a distance of 10
    says(chapter, "1.0000")


# ---- three classes ---------------------------------------------------------------------------


def test_irises_take_4_in_and_3_out_and_the_same_functions(chapter):
    names, iris = chapter["three"].names, load_iris()
    assert names["net"][0].in_features == 4 and names["net"][-1].out_features == 3
    assert iris.data.shape == (150, 4) and set(iris.target) == {0, 1, 2} and all("(cm)" in name for name in iris.feature_names)
    assert np.allclose(names["flowers"], iris.data[names["order"]], atol=1e-6)
    assert names["species"].tolist() == iris.target[names["order"]].tolist() and sorted(names["order"].tolist()) == list(range(150))
    right = share_right(names["net"], names["flowers"][100:], names["species"][100:])
    assert numbers(lines(chapter, "three")[0]) == [pytest.approx(right, abs=0.006)] and right >= 0.9
    assert names["fit"] is chapter["fit"].names["fit"] and names["accuracy"] is chapter["fit"].names["accuracy"]
    assert "[:100], species[:100]" in chapter["three"].code
    says(chapter, "150")


# ---- common errors ---------------------------------------------------------------------------


def test_softmax_twice_has_a_floor_and_a_ceiling(chapter):
    once, twice = [numbers(line) for line in lines(chapter, "softmax-twice")]
    floor, ceiling = math.log(1 + math.exp(-1)), math.e / (math.e + 1)
    assert f"{floor:.4f} {ceiling:.4f}" == "0.3133 0.7311"
    assert twice[1] > floor > 0.1 > once[1] and twice[2] == pytest.approx(ceiling, abs=1e-3) and once[2] > 0.999
    assert twice[0] > 0.9
    names = chapter["softmax-twice"].names
    z = by_numpy(names["twice"][:-1], names["train_x"])
    p = softmax(softmax(z))
    y = names["train_y"].numpy()
    assert twice[1] == pytest.approx(-np.log(p[np.arange(200), y]).mean(), abs=1e-3) and p.max() <= ceiling + 1e-9
    assert F.cross_entropy(torch.tensor([[1.0, 0.0]]), torch.tensor([0])).item() == pytest.approx(floor)  # the best there is
    assert isinstance(names["twice"][-1], nn.Softmax) and names["twice"][-1].dim == 1
    says(chapter, "0.3133", "0.7311", "600", r"$\ln(1 + \frac{1}{e})$")


def test_common_errors(chapter):
    errors = {name: chapter[f"{name}-error"].error for name in ("bce-dtype", "bce-shape", "ce-dtype", "ce-range")}
    assert {name: type(error) for name, error in errors.items()} == {
        "bce-dtype": RuntimeError, "bce-shape": ValueError, "ce-dtype": RuntimeError, "ce-range": IndexError}
    assert "result type Float can't be cast to the desired output type Long" in str(errors["bce-dtype"])
    assert "Target size (torch.Size([2000])) must be the same as input size (torch.Size([2000, 1]))" in str(errors["bce-shape"])
    assert "expected target dtype to be Long or Byte, but got Float" in str(errors["ce-dtype"])
    assert "Target 1 is out of bounds" in str(errors["ce-range"])
    names = chapter["one-logit"].names
    one, two, single, y = names["one"], names["two"], names["single"], names["test_y"]
    cured = F.binary_cross_entropy_with_logits(single(names["test_x"]).squeeze(1), y.float())
    assert cured.item() == pytest.approx(F.cross_entropy(two, y.float().long()).item(), abs=1e-4)
    assert F.binary_cross_entropy_with_logits(one, y.float()).item() == pytest.approx(cured.item(), abs=1e-5)
    assert F.cross_entropy(single(names["test_x"]), torch.zeros(2000, dtype=torch.int64)).item() == 0  # no error, no use
    says(chapter, "`.float()`", "`squeeze(1)`", "`.long()`", "`cross_entropy`")
