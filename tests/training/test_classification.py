"""The claims of the chapter on classification."""

import inspect
import math
import re
import xml.etree.ElementTree as ET
from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import linprog
from sklearn import metrics
from sklearn.datasets import load_iris, make_moons
from torch import nn

from tests.facts import fact
from tests.prose import lines

NEAR_HALF = 0.03  # how far from 0.5 the probability may be, on average, on a line interpolated on a grid


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d+|-?\d+", text)]


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cross_entropy(z, y):
    return -np.log(softmax(np.asarray(z))[np.arange(len(y)), np.asarray(y)]).mean()


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


def chance_of_1(net, x):
    return softmax(by_numpy(net, x))[:, 1]


def share_right(net, x, y):
    return (by_numpy(net, x).argmax(axis=1) == y.numpy()).mean()


def denser(x):
    """1 where the second moon of make_moons (half circles, blurred by a normal distribution of 0.3) is the denser one, else 0."""
    t = np.linspace(0, np.pi, 1000)
    first, second = np.stack([np.cos(t), np.sin(t)], axis=1), np.stack([1 - np.cos(t), 0.5 - np.sin(t)], axis=1)
    dense = [np.exp(-((x[:, None] - moon) ** 2).sum(axis=2) / (2 * 0.3**2)).mean(axis=1) for moon in (first, second)]
    return (dense[1] > dense[0]).astype(int)


def best_line(x, y, degrees):
    """The most points that any cut in these directions gets right, either way round."""
    best = 0
    for degree in degrees:
        order = np.argsort(x @ [math.cos(math.radians(degree)), math.sin(math.radians(degree))])
        for ahead in (0, 1):
            right = np.concatenate([[0], np.cumsum(y[order] != ahead)]) + np.concatenate([np.cumsum((y[order] == ahead)[::-1])[::-1], [0]])
            best = max(best, right.max())
    return best


def separable(x, y):
    """Whether some straight line has all of one class on one side, by linear programming."""
    side = np.where(y == 1, 1.0, -1.0)
    found = linprog(np.zeros(3), A_ub=-side[:, None] * np.column_stack([x, np.ones(len(x))]), b_ub=-np.ones(len(x)), bounds=[(None, None)] * 3)
    return found.status == 0


# ---- data ------------------------------------------------------------------------------------


@pytest.mark.claim(zh="两弯月牙咬在一起，一条直线分不开。", en="Two half-moons bite into each other, and no straight line will part them.")
@pytest.mark.claim(zh="噪声让两弯月牙叠在一起。", en="Noise makes the moons overlap.")
def test_no_line_parts_the_moons_even_without_noise(chapter):
    clean, y = make_moons(200, noise=None, random_state=0)
    assert not separable(clean, y) and separable(clean, clean[:, 1] > 0.5)  # the method sees what a line can part
    names = chapter["moons"].names
    assert not separable(names["train_x"].double().numpy(), names["train_y"].numpy())

    def mixed(x, y):  # points whose nearest neighbour is of the other class
        far = ((x[:, None] - x[None]) ** 2).sum(axis=2) + 1e9 * np.eye(len(x))
        return (y[far.argmin(axis=1)] != y).mean()

    assert mixed(clean, y) == 0 and mixed(names["train_x"].double().numpy(), names["train_y"].numpy()) > 0.05


@pytest.mark.claim(zh="这一章教网络弯过去，看着它弯；再追问两件准确率答不了的事：认错的是哪一种？",
                   en="A network learns to bend, and we watch it. Then come two questions that accuracy cannot answer. Which kind of mistake does it make?")
def test_the_same_accuracy_leaves_two_questions_open(chapter):
    truth = np.array([0] * 8 + [1] * 2)
    never, alarmed = np.zeros(10, dtype=int), np.array([1] * 2 + [0] * 6 + [1] * 2)
    assert (never == truth).mean() == (alarmed == truth).mean() and metrics.recall_score(truth, never) == 0 < 1 == metrics.recall_score(truth, alarmed)
    z = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert (softmax(z).argmax(axis=1) == softmax(9 * z).argmax(axis=1)).all() and softmax(z).max() < 0.8 < 0.99 < softmax(9 * z).max()
    assert share_right(chapter["mlp"].names["mlp"], *(chapter["moons"].names[k] for k in ("test_x", "test_y"))) > 0.89


@pytest.mark.claim(zh="一个点只有两个坐标，网络在平面上每一处给出什么概率，都画得出来：",
                   en="A point here has only two coordinates, so what probability a network gives can be drawn for every place of the plane:")
@pytest.mark.claim(zh="200 个点用来训练，500 个用来验证，2000 个用来考试。", en="200 points to train on, 500 to validate, 2000 for the exam.")
@pytest.mark.claim(zh="点是造出来的，要多少有多少。", en="They are manufactured, so we can have as many as we like.")
@pytest.mark.claim(zh="200 个训练点。", en="The 200 training points.")
def test_the_moons_are_split_without_overlap(chapter):
    names = chapter["moons"].names
    points, labels = make_moons(2700, noise=0.3, random_state=0)
    cuts = {"train": slice(0, 200), "val": slice(200, 700), "test": slice(700, 2700)}
    for part, cut in cuts.items():
        assert np.allclose(names[f"{part}_x"], points[cut], atol=1e-6) and names[f"{part}_y"].tolist() == labels[cut].tolist()
    assert len({tuple(point) for point in points.tolist()}) == 2700  # no copy in another part
    assert len(np.unique(make_moons(50_000, noise=0.3, random_state=0)[0], axis=0)) == 50_000  # and more, if wanted
    assert names["x"].shape == (2700, 2) and names["x"].dtype == torch.float32 and names["y"].dtype == torch.int64
    assert not (np.diff(labels) >= 0).all()  # shuffled
    assert lines(chapter, "moons") == [f"torch.Size([200, 2]) tensor([ {100 - 8}, {100 + 8}]) torch.int64"]
    assert sum(len(line.get_xdata()) for line in chapter["moons-figure"].figures[0].axes[0].lines) == 200
    (figure,) = chapter["shading"].figures
    for ax in figure.axes:  # the colours cover all of the frame, whatever the probability
        low, high = ax.collections[0].get_datalim(ax.transData).get_points()
        assert (low <= [-1.99, -1.69]).all() and (high >= [2.99, 1.99]).all()


@pytest.mark.claim(zh="两弯月牙，蓝色圆点拱在左上，橙色三角兜在右下，中间一带混在一起。",
                   en="Two half-moons: blue dots arch over the upper left, orange triangles cup the lower right, and in a band between them they mix.")
def test_the_points_are_drawn_by_class(chapter):
    names = chapter["moons"].names
    for name, sets in (("moons-figure", 1), ("shading", 2)):
        (figure,) = chapter[name].figures
        assert len(figure.axes) == sets
        for ax in figure.axes:
            assert (ax.get_xlabel(), ax.get_ylabel()) == ("x1 (no unit)", "x2 (no unit)")
            for label, line in enumerate(ax.lines):
                assert np.allclose(line.get_xydata(), names["train_x"][names["train_y"] == label]) and line.get_marker() == "o^"[label]
                assert line.get_linestyle() == "None" and line.get_color().lower() == ("#0072b2", "#d55e00")[label]  # blue, orange
    blue, orange = [line.get_xydata() for line in chapter["moons-figure"].figures[0].axes[0].lines]
    assert blue[:, 0].mean() < orange[:, 0].mean() - 0.5 and blue[:, 1].mean() > orange[:, 1].mean() + 0.5
    assert np.polyfit(*blue.T, 2)[0] < -0.2 and np.polyfit(*orange.T, 2)[0] > 0.2  # an arch, a cup
    assert [text.get_text() for text in chapter["moons-figure"].figures[0].axes[0].get_legend().get_texts()] == ["class 0", "class 1"]
    far = ((blue[:, None] - orange) ** 2).sum(axis=2)
    assert (np.sort(far.min(axis=1)) < 0.15**2).sum() > 10  # many have one of the other class close by


@pytest.mark.claim(zh="造点的公式是知道的，所以最好的规则算得出来：哪一类在这里更密，就答哪一类。",
                   en="Since we know the formula behind the points, we can work out the best rule there is: answer with the class that is denser at that place.")
@pytest.mark.claim(zh="连它也只答对考题的 91% 左右；拿这个数去比后面的网络。",
                   en="Even that rule gets only about 91% of the exam right. Compare the networks to come with this number.")
@pytest.mark.claim(zh="100 步，测试准确率到了 90% 左右，离知道公式的那条规则不到 1 个百分点。",
                   en="After 100 steps the test accuracy is about 90%, less than one percentage point from the rule that knows the formula.")
def test_the_best_rule_knows_the_formula_and_the_mlp_comes_close(chapter):
    names = chapter["mlp"].names
    x, y = names["test_x"].double().numpy(), names["test_y"].numpy()
    best = (denser(x) == y).mean()
    assert abs(best - 0.91) < 0.005
    train, test = (numbers(line)[0] for line in lines(chapter, "mlp"))
    assert train == pytest.approx(share_right(names["mlp"], names["train_x"], names["train_y"]), abs=1e-3)
    assert test == pytest.approx(share_right(names["mlp"], names["test_x"], names["test_y"]), abs=1e-3)
    assert abs(test - 0.90) < 0.015 and abs(best - test) < 0.01 and list(names["snapshots"])[-1] == 100
    points, labels = make_moons(8000, noise=0.3, random_state=7)  # other points, and no other rule is better on them
    rule = (denser(points) == labels).mean()
    for net in (chapter["fit"].names["line"], names["mlp"], chapter["overtrain"].names["wide"]):
        assert (by_numpy(net, points).argmax(axis=1) == labels).mean() < rule
    for shift in ([0.1, 0], [-0.1, 0], [0, 0.1], [0, -0.1]):
        assert (denser(points + shift) == labels).mean() < rule


# ---- from a point to a class -----------------------------------------------------------------


@pytest.mark.claim(zh="线性层给每一类打一个分，这些分就是 logits。", en="A linear layer gives each class a score, and those scores are the logits.")
@pytest.mark.claim(zh="softmax 把它们变成概率，argmax 挑最大的那一类。", en="Softmax turns them into probabilities, argmax picks the class with the largest.")
@pytest.mark.claim(zh="用一个还没学过的层走一遍：", en="Try it with a layer that has learnt nothing yet:")
@pytest.mark.claim(zh="每一行的两个概率加起来是 1，logit 大的概率也大。",
                   en="In each row the two probabilities add up to 1, and the higher logit has the higher probability.")
def test_logits_softmax_argmax_by_numpy(chapter):
    names = chapter["scores"].names
    torch.manual_seed(0)
    net = nn.Linear(2, 2)  # as it is made
    logits = by_numpy(net, names["train_x"])
    chances = softmax(logits)
    assert names["logits"].shape == (200, 2) and np.allclose(names["logits"], logits, atol=1e-5)
    assert np.allclose(names["p"], chances, atol=1e-5) and np.allclose(names["p"].sum(dim=1), 1)
    assert names["guesses"].tolist() == chances.argmax(axis=1).tolist() == logits.argmax(axis=1).tolist()
    *rows, _ = lines(chapter, "scores")
    for i, row in enumerate(rows):
        z0, z1, p0, p1, guess, truth = numbers(row)
        assert (p1 > p0) == (z1 > z0) == (guess == 1) and truth == names["train_y"][i]
        assert p0 + p1 == pytest.approx(1, abs=2e-4) and [p0, p1] == pytest.approx(list(chances[i]), abs=1e-4)
    assert ((chances[:, 1] > chances[:, 0]) == (logits[:, 1] > logits[:, 0])).all()


@pytest.mark.claim(zh="softmax 不会把大小颠倒过来，所以只要答案时，直接对 logits 取 argmax 就行。",
                   en="Softmax never turns the order round, so for the answer alone, the argmax of the logits will do.")
@pytest.mark.claim(zh="末行是交叉熵。", en="On the last line is the cross-entropy.")
@pytest.mark.claim(zh="每次都各猜一半，损失是 $\\ln 2$，约 0.693；它还没学，0.7073 离得不远。",
                   en="Saying “half and half” every time costs $\\ln 2$, about 0.693; this layer has learnt nothing, and its 0.7073 is not far off.")
@pytest.mark.claim(zh="点 → logits → softmax → argmax；损失直接收 logits。", en="Point → logits → softmax → argmax; the loss takes the logits as they are.")
def test_the_order_stays_and_the_loss_takes_logits(chapter):
    torch.manual_seed(3)
    for scale in (1e-8, 0.01, 1, 30, 1000):
        z = scale * torch.randn(2000, 5)
        z = z.sort(dim=1).values
        assert (z.softmax(dim=1).diff(dim=1) >= 0).all()  # a larger one may become equal in floats, never smaller
    names = chapter["scores"].names
    torch.manual_seed(0)
    expected = cross_entropy(by_numpy(nn.Linear(2, 2), names["train_x"]), names["train_y"])
    assert numbers(lines(chapter, "scores")[-1]) == [pytest.approx(expected, abs=6e-5)] == [0.7073]
    assert F.cross_entropy(names["logits"], names["train_y"]).item() == pytest.approx(expected, abs=1e-5)  # no softmax before it
    assert F.cross_entropy(torch.zeros(7, 2), torch.tensor([0, 1, 1, 0, 1, 0, 0])).item() == pytest.approx(math.log(2)) and f"{math.log(2):.3f}" == "0.693"


# ---- a straight line -------------------------------------------------------------------------


@pytest.mark.claim(zh="训练用的还是那个循环。", en="The loop is the one you know.")
@pytest.mark.claim(zh="200 个点每一步全用上，不分小批量：", en="Each step uses all 200 points, without mini-batches:")
def test_fit_is_gradient_descent_on_all_points(chapter):
    fit, names = chapter["fit"].names["fit"], chapter["moons"].names
    torch.manual_seed(5)
    net = nn.Linear(2, 2)
    w, b = net.weight.detach().double().numpy().copy(), net.bias.detach().double().numpy().copy()
    x, y = names["train_x"].double().numpy(), np.eye(2)[names["train_y"].numpy()]
    fit(net, torch.optim.SGD(net.parameters(), lr=0.5), names["train_x"], names["train_y"], 3)
    for _ in range(3):
        push = (softmax(x @ w.T + b) - y) / 200  # probability minus answer, of all of them
        w, b = w - 0.5 * push.T @ x, b - 0.5 * push.sum(axis=0)
    assert np.allclose(net.weight.detach(), w, atol=1e-5) and np.allclose(net.bias.detach(), b, atol=1e-5)


@pytest.mark.claim(zh="`fit` 和 `accuracy` 整章都用。", en="`fit` and `accuracy` serve for the whole chapter.")
@pytest.mark.claim(zh="训练集和测试集上，准确率都在 85% 上下。", en="The accuracy is about 85%, on the training set and on the test set.")
def test_a_linear_layer_reaches_about_85_percent(chapter):
    names = chapter["fit"].names
    train, test = (numbers(line)[0] for line in lines(chapter, "fit"))
    assert train == pytest.approx(share_right(names["line"], names["train_x"], names["train_y"]), abs=1e-3)
    assert test == pytest.approx(share_right(names["line"], names["test_x"], names["test_y"]), abs=1e-3)
    assert abs(train - 0.85) < 0.01 and abs(test - 0.85) < 0.01
    last = chapter["ce-range-error"].names
    assert last["fit"] is names["fit"] and last["accuracy"] is names["accuracy"]
    for cell in ("mlp", "rare", "overtrain", "temperature", "three", "softmax-twice"):  # every other training of the chapter
        assert re.search(r"\bfit\(", chapter[cell].code) and (cell == "temperature" or "accuracy(" in chapter[cell].code)
        assert ".backward(" not in chapter[cell].code


@pytest.mark.claim(zh="两类里选一类，只要问“是不是 1”，一个 logit 就够。", en="Between two classes it is enough to ask “is it a 1?”, and one logit can answer that.")
@pytest.mark.claim(zh="把 softmax 的分子分母同除以 $e^{z_1}$：", en="Divide softmax above and below by $e^{z_1}$:")
@pytest.mark.claim(zh="$$ \\frac{e^{z_1}}{e^{z_0} + e^{z_1}} = \\frac{1}{1 + e^{-(z_1 - z_0)}} = \\sigma(z_1 - z_0) $$",
                   en="$$ \\frac{e^{z_1}}{e^{z_0} + e^{z_1}} = \\frac{1}{1 + e^{-(z_1 - z_0)}} = \\sigma(z_1 - z_0) $$")
@pytest.mark.claim(zh="只有差 $z_1 - z_0$ 算数。", en="Nothing counts but the difference $z_1 - z_0$.")
def test_softmax_of_two_is_sigmoid_of_their_difference(chapter):
    for z0, z1 in ((0.3, -1.2), (2.0, 5.0), (-4.0, -4.0), (0.0, 9.0)):
        first = math.exp(z1) / (math.exp(z0) + math.exp(z1))
        second = 1 / (math.exp(z0) / math.exp(z1) + math.exp(z1) / math.exp(z1))
        third = 1 / (1 + math.exp(-(z1 - z0)))
        assert first == pytest.approx(second) == pytest.approx(third) == pytest.approx(torch.sigmoid(torch.tensor(z1 - z0)).item(), abs=1e-6)
        assert torch.tensor([z0 + 7, z1 + 7]).softmax(dim=0)[1].item() == pytest.approx(first, abs=1e-6)  # the same difference
        assert (third > 0.5) == (z1 > z0)  # so one number says which class


@pytest.mark.claim(zh="那就造一个只有一个 logit 的层，权重和偏置是 `line` 两行之差：",
                   en="So make a layer with a single logit, whose weights and bias are the difference of the two rows of `line`:")
@pytest.mark.claim(zh="logit、概率、损失，以及 2000 个点的判断，全都一致：差大于 0，就是 $z_1$ 比 $z_0$ 大。",
                   en="The logit, the probability, the loss and the verdict on all 2000 points agree: a difference above 0 means that $z_1$ is larger than $z_0$.")
@pytest.mark.claim(zh="两类时只有两个 logit 之差算数；线性层的边界是直线，要弯得加激活函数。",
                   en="Of two logits only the difference counts. The boundary of a linear layer is straight; bends need activation functions.")
def test_two_logits_and_their_difference_decide_alike(chapter):
    names, line = chapter["one-logit"].names, chapter["fit"].names["line"]
    two, y = by_numpy(line, names["test_x"]), names["test_y"].numpy()
    z = two[:, 1] - two[:, 0]
    sigmoid = 1 / (1 + np.exp(-z))
    assert len(z) == 2000 and np.allclose(names["one"], z, atol=1e-4) and np.allclose(sigmoid, softmax(two)[:, 1])
    assert ((z > 0) == (two.argmax(axis=1) == 1)).all()
    bce = -(y * np.log(sigmoid) + (1 - y) * np.log(1 - sigmoid)).mean()
    first, second, loss_of_one, loss_of_two, last = lines(chapter, "one-logit")
    assert first == second == last == "True" and loss_of_one == loss_of_two and float(loss_of_one) == pytest.approx(bce, abs=1e-4)
    single = names["single"]
    assert single.weight.shape == (1, 2) and torch.equal(single.weight[0], line.weight[1] - line.weight[0]) and single.bias.item() == (line.bias[1] - line.bias[0]).item()
    torch.manual_seed(2)  # layers without activation functions: a straight boundary; with one, a bend
    stack = nn.Sequential(nn.Linear(2, 16), nn.Linear(16, 2))
    way = torch.linspace(-3, 3, 50)[:, None] * torch.tensor([[0.6, -0.8]])
    assert np.abs(np.diff(by_numpy(stack, way), n=2, axis=0)).max() < 1e-6 < np.abs(np.diff(by_numpy(nn.Sequential(stack[0], nn.ReLU(), stack[1]), way), n=2, axis=0)).max()


@pytest.mark.claim(zh="两种写法都行，只是别搭错：一个 logit 配 sigmoid、`binary_cross_entropy_with_logits` 和小数目标，两个 logit 配 softmax、`cross_entropy` 和整数目标。",
                   en="Use either, but do not mix the pairs. One logit goes with sigmoid, `binary_cross_entropy_with_logits` and targets that are floats; two go with softmax, `cross_entropy` and integers.")
@pytest.mark.claim(zh="本章用两个，因为换成三类时只改几个数。", en="Here we keep two, because for three classes only a few numbers change.")
def test_the_pairs_and_what_mixing_gives(chapter):
    names = chapter["one-logit"].names
    one, two, y = names["one"], names["two"], names["test_y"]
    bce = F.binary_cross_entropy_with_logits(one, y.float()).item()
    assert bce == pytest.approx(F.cross_entropy(two, y).item(), abs=1e-5) == pytest.approx(F.binary_cross_entropy(one.sigmoid(), y.float()).item(), abs=1e-5)
    for wrong in (lambda: F.binary_cross_entropy_with_logits(one, y), lambda: F.cross_entropy(two, y.float()),
                  lambda: F.cross_entropy(one[:, None], y), lambda: F.binary_cross_entropy_with_logits(two, y.float())):
        with pytest.raises((RuntimeError, ValueError, IndexError)):
            wrong()
    assert names["line"].out_features == chapter["mlp"].names["mlp"][-1].out_features == 2
    assert F.cross_entropy(torch.zeros(4, 3), torch.tensor([0, 1, 2, 1])).item() == pytest.approx(math.log(3))  # and three go with it, too


@pytest.mark.claim(zh="差等于 0 的地方，网络拿不定主意。", en="Where the difference is 0, the network cannot decide.")
@pytest.mark.claim(zh="这条线叫决策边界（decision boundary）。", en="That is the decision boundary.")
@pytest.mark.claim(zh="线性层的差是 $x_1$、$x_2$ 的一次式，所以边界是直线。",
                   en="In a linear layer the difference is linear in $x_1$ and $x_2$, so the boundary is a straight line.")
def test_the_boundary_is_where_both_are_equally_likely(chapter):
    line = chapter["fit"].names["line"]
    (a, b), c = (line.weight[1] - line.weight[0]).tolist(), (line.bias[1] - line.bias[0]).item()
    x1 = np.linspace(-2, 3, 7)
    border = np.stack([x1, -(a * x1 + c) / b], axis=1)  # the line a x1 + b x2 + c = 0
    assert np.allclose(softmax(by_numpy(line, border)), 0.5, atol=1e-5)
    above, below = (by_numpy(line, border + [0, step]).argmax(axis=1) for step in (0.1, -0.1))
    assert len(set(above)) == len(set(below)) == 1 and above[0] != below[0]  # on either side, another answer
    drawn = np.concatenate([path.vertices for path in chapter["shading"].figures[0].axes[0].collections[1].get_paths()])
    assert np.abs(a * drawn[:, 0] + b * drawn[:, 1] + c).max() < 0.02 * math.hypot(a, b)


@pytest.mark.claim(zh="让一条直线滑过平面，越过一个又一个点：身后的点答 0，前面的点答 1。",
                   en="Let a line slide across the plane and pass one point after another: behind it the answer is 0, ahead of it 1.")
@pytest.mark.claim(zh="每越过一个，数一次对了几个：", en="Each time it passes a point, count how many are right:")
@pytest.mark.claim(zh="这六个点的真相，按遇到的次序是 0、0、1、0、1、1。", en="The truths of these six points, in the order in which the line meets them, are 0, 0, 1, 0, 1, 1.")
@pytest.mark.claim(zh="越过第一个点后，身后的一个 0 对了，前面的三个 1 也对了，共 4 个；再越过一个，共 5 个。",
                   en="Once it has passed the first, one 0 behind it and three 1s ahead are right: 4. One point further, 5.")
def test_six_points_cut_by_hand(chapter):
    truths = [0, 0, 1, 0, 1, 1]
    assert "torch.tensor([0, 0, 1, 0, 1, 1])" in chapter["cut"].code
    right = [sum(answer == truth for answer, truth in zip([0] * passed + [1] * (6 - passed), truths)) for passed in range(1, 7)]
    assert chapter["cut"].value.tolist() == right
    assert right[0] == 4 == truths[:1].count(0) + truths[1:].count(1) and truths[:1].count(0) == 1 and truths[1:].count(1) == 3 and right[1] == 5
    other = torch.tensor([1, 0, 0, 1])
    assert chapter["cut"].names["right_at_each_cut"](other).tolist() == [1, 2, 3, 2]


@pytest.mark.claim(zh="最多就是 5 个，没有哪一刀能把六个都分对。", en="That is the most there is; no cut gets all six right.")
@pytest.mark.claim(zh="反过来答（身后 1，前面 0）时，对的正好是原来错的，也算进来：",
                   en="With the answers the other way round (1 behind, 0 ahead), right is just what was wrong; that counts too:")
def test_no_cut_of_the_six_is_perfect(chapter):
    truths = [0, 0, 1, 0, 1, 1]
    for passed in range(7):
        one_way = sum(answer == truth for answer, truth in zip([0] * passed + [1] * (6 - passed), truths))
        other_way = sum(answer == truth for answer, truth in zip([1] * passed + [0] * (6 - passed), truths))
        assert one_way + other_way == 6 and max(one_way, other_way) <= 5
    assert chapter["cut"].value.max() == 5
    names = chapter["moons"].names  # turn the answers of the whole exam round: the best stays
    x, y = names["test_x"].double().numpy(), names["test_y"].numpy()
    assert best_line(x, 1 - y, range(0, 180, 20)) == best_line(x, y, range(0, 180, 20))


@pytest.mark.claim(zh="不训练，把直线一条条试过去。", en="Forget training and try one line after another.")
@pytest.mark.claim(zh="现在试 180 个方向，每个方向都滑过全部 2000 个点，而且偷看考题。",
                   en="Now try 180 directions, each with a line that slides past all 2000 points, even with a look at the exam.")
@pytest.mark.claim(zh="36 万条直线里最好的一条，也就 85% 出头。", en="The best of 360,000 lines gets barely past 85%.")
@pytest.mark.claim(zh="不是没练够，是直线只能到这里。", en="It is not too little training; a straight line can do no better.")
def test_no_straight_line_gets_much_past_85_percent(chapter):
    names = chapter["ceiling"].names
    x, y = names["test_x"].double().numpy(), names["test_y"].numpy()
    best = best_line(x, y, range(180))
    count, found = numbers(lines(chapter, "ceiling")[0].replace(",", ""))
    assert count == 180 * 2000 == 360_000 and abs(names["best"] - best) <= 1 and found == pytest.approx(best / 2000, abs=1e-3)
    assert 0.85 <= found < 0.855 and best_line(x, y, np.arange(0, 180, 0.25)) < 0.855 * 2000  # between the degrees, too
    assert names["best"] >= 2000 * share_right(names["line"], x, names["test_y"])
    line = deepcopy(names["line"])  # and training longer does not help
    names["fit"](line, torch.optim.Adam(line.parameters(), lr=0.05), names["train_x"], names["train_y"], 500)
    assert share_right(line, x, names["test_y"]) < found
    assert right_at(chapter, 40, 700) == names["right_at_each_cut"](names["test_y"][torch.tensor(x @ direction(40)).argsort()])[699]


def direction(degree):
    return [math.cos(math.radians(degree)), math.sin(math.radians(degree))]


def right_at(chapter, degree, passed):
    names = chapter["moons"].names
    along = names["test_x"].double().numpy() @ direction(degree)
    return ((along > np.sort(along)[passed - 1]) == (names["test_y"].numpy() == 1)).sum()


# ---- bending ---------------------------------------------------------------------------------


@pytest.mark.claim(zh="要弯，就在中间加激活函数。", en="Bending takes activation functions in between.")
@pytest.mark.claim(zh="线性层和激活函数一层层叠起来，叫多层感知机（multilayer perceptron，MLP）。",
                   en="A stack of linear layers and activation functions is called a multilayer perceptron, MLP.")
@pytest.mark.claim(zh="沿途给它留下十张快照；用 `deepcopy`，因为 `fit` 会接着改同一个网络：",
                   en="Keep ten snapshots on the way, with `deepcopy`, since `fit` goes on changing the same network:")
def test_the_mlp_and_its_ten_snapshots(chapter):
    names = chapter["mlp"].names
    assert [type(layer) for layer in names["mlp"]] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert list(names["snapshots"]) == [0, 5, 10, 15, 20, 30, 40, 60, 80, 100] and len(names["snapshots"]) == 10
    weights = [net[0].weight for net in names["snapshots"].values()]
    assert all(not torch.equal(a, b) for a, b in zip(weights, weights[1:])) and torch.equal(weights[-1], names["mlp"][0].weight)
    net = deepcopy(names["snapshots"][80])
    name, copy = net, deepcopy(net)  # another name for it changes with it, a copy does not
    names["fit"](net, torch.optim.Adam(net.parameters(), lr=0.01), names["train_x"], names["train_y"], 1)
    assert torch.equal(name[0].weight, net[0].weight) and not torch.equal(copy[0].weight, net[0].weight)
    again = deepcopy(names["snapshots"][0])
    optimizer = torch.optim.Adam(again.parameters(), lr=0.01)
    for _ in range(100):  # in one go
        optimizer.zero_grad()
        F.cross_entropy(again(names["train_x"]), names["train_y"]).backward()
        optimizer.step()
    assert np.allclose(again[0].weight.detach(), names["mlp"][0].weight.detach(), atol=1e-3)
    straight = nn.Sequential(*[layer for layer in names["mlp"] if isinstance(layer, nn.Linear)])  # no activation function: no bend
    way = np.linspace(-2, 3, 40)[:, None] * [1, 0.3]
    assert np.abs(np.diff(by_numpy(straight, way), n=2, axis=0)).max() < 1e-6 < np.abs(np.diff(by_numpy(names["mlp"], way), n=2, axis=0)).max()


@pytest.mark.claim(zh="给平面上每一处的概率涂上颜色，两个网络摆在一起：", en="Colour the plane by the probability at each place, for both networks:")
@pytest.mark.claim(zh="左：一个线性层。", en="Left: one linear layer.")
@pytest.mark.claim(zh="右：两个隐藏层。", en="Right: two hidden layers.")
@pytest.mark.claim(zh="颜色是类别 1 的概率，最浅在 0.3 到 0.7，最深不到 0.1 或超过 0.9；绿线是 0.5。",
                   en="Colour is the probability of class 1, palest from 0.3 to 0.7, darkest below 0.1 or above 0.9; the green line is 0.5.")
def test_the_shading_shows_probabilities_and_the_line_one_half(chapter):
    (figure,) = chapter["shading"].figures
    names = chapter["shading"].names
    left, right = names["line"], names["mlp"]
    assert isinstance(left, nn.Linear) and sum(isinstance(layer, nn.ReLU) for layer in right) == 2
    for ax, net in zip(figure.axes, (left, right), strict=True):
        filled, boundary = ax.collections
        assert filled.filled and not boundary.filled and list(boundary.levels) == [0.5]
        points = np.concatenate([path.vertices for path in boundary.get_paths()])
        assert np.abs(chance_of_1(net, points) - 0.5).mean() < NEAR_HALF  # interpolated on a grid
        depth = {(low, high): shade[3] for low, high, shade in zip(filled.levels, filled.levels[1:], filled.get_facecolor())}
        assert list(depth) == [(0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1)]
        assert depth[0.3, 0.5] == depth[0.5, 0.7] == min(depth.values()) and depth[0, 0.1] == depth[0.9, 1] == max(depth.values()) > depth[0.1, 0.3] > depth[0.3, 0.5]
        blue, orange = filled.get_facecolor()[:3], filled.get_facecolor()[3:]
        assert (blue[:, 2] > blue[:, 0]).all() and (orange[:, 0] > orange[:, 2]).all()  # class 0, class 1
        red, green, dark = boundary.get_edgecolor()[0][:3]
        assert green > max(red, dark)
        for band, path in zip(depth, filled.get_paths()):  # each colour lies where the probability is
            inside = names["places"].numpy()[path.contains_points(names["places"].numpy())]
            if len(inside) > 50:
                assert np.mean((chance_of_1(net, inside) >= band[0] - 0.02) & (chance_of_1(net, inside) <= band[1] + 0.02)) > 0.9


@pytest.mark.claim(zh="左右两幅。左边的绿线是直的，两侧颜色由浅入深，成平行的条带。", en="Left, the green line is straight, with parallel bands that darken on either side.")
@pytest.mark.claim(zh="右边的绿线拐了两道弯，从两弯月牙之间穿过，浅色的带子窄得多。",
                   en="Right, it bends twice and passes between the moons, along a much narrower pale band.")
@pytest.mark.claim(zh="右边留下的错，约四成落在最浅的带子里；那里的考题不到一成，两类混在一起。",
                   en="Of the mistakes left on the right, about four in ten lie in the palest band, where less than a tenth of the exam is and the classes are mixed.")
def test_one_boundary_is_straight_and_one_has_two_bends(chapter):
    (figure,) = chapter["shading"].figures
    names = chapter["shading"].names
    straight, bent = [np.concatenate([p.vertices for p in ax.collections[1].get_paths()]) for ax in figure.axes]
    for level in (0.1, 0.3, 0.5, 0.7, 0.9):  # each edge of a band is a line, with the slope of the others
        (a, b), c = (names["line"].weight[1] - names["line"].weight[0]).tolist(), (names["line"].bias[1] - names["line"].bias[0]).item()
        edge = np.array([[x1, (math.log(level / (1 - level)) - c - a * x1) / b] for x1 in (-2, 0, 3)])
        assert np.allclose(chance_of_1(names["line"], edge), level, atol=1e-5)
    fit = np.polynomial.Polynomial.fit(straight[:, 0], straight[:, 1], 1)
    assert np.abs(fit(straight[:, 0]) - straight[:, 1]).max() < 0.01
    inside = bent[(bent[:, 0] > -0.8) & (bent[:, 0] < 1.8)]
    slope = np.sign(np.diff(inside[inside[:, 0].argsort()][::6, 1]))
    assert (np.diff(slope[slope != 0]) != 0).sum() == 2  # up, down, up: two bends
    x, y = names["test_x"].double().numpy(), names["test_y"].numpy()
    on_left, on_right = ((lambda p: (p > 0.3) & (p < 0.7))(chance_of_1(names[net], names["places"])) for net in ("line", "mlp"))
    assert on_right.mean() < on_left.mean() / 1.6  # much less of the plane is pale
    pale = (lambda p: (p > 0.3) & (p < 0.7))(chance_of_1(names["mlp"], x))
    wrong = by_numpy(names["mlp"], x).argmax(axis=1) != y
    assert abs(pale[wrong].mean() - 0.4) < 0.03 and 0.07 < pale.mean() < 0.1
    assert 0.4 < y[pale].mean() < 0.6


def boundaries(chapter):
    """{step: the points of the line drawn in that frame}, and the root of the SVG."""
    root = ET.fromstring(chapter["animate"].value.data)
    drawn = {}
    for group in root.findall("{*}g"):
        step = int(re.match(r"step (\d+), test accuracy", group.find("{*}text").text)[1])
        drawn[step] = np.array([[float(a) / 100 - 2, 2 - float(b) / 100] for a, b in re.findall(r"(-?\d+),(-?\d+)", group.find("{*}path").get("d"))])
    return drawn, root


def wriggle(points):
    """How far a line drawn strays from a straight one, among the training points."""
    inside = points[(points[:, 0] > -0.8) & (points[:, 0] < 1.8)]
    fit = np.polynomial.Polynomial.fit(inside[:, 0], inside[:, 1], 1)
    return np.abs(fit(inside[:, 0]) - inside[:, 1]).max()


@pytest.mark.claim(zh="那十张快照，一张一帧，只画概率为 0.5 的那条线：", en="Those ten snapshots, one a frame, with only the line where the probability is 0.5:")
@pytest.mark.claim(zh="动画：绿线起初把点群胡乱切开，到第 20 步几乎是直的，斜在两类之间；然后中间慢慢鼓起、下凹，到第 100 步拐成两道弯。",
                   en="Animation: at first the green line cuts through the points at random; by step 20 it is almost straight and slants between the classes; then its middle bulges and sinks, until by step 100 it has two bends.")
@pytest.mark.claim(zh="测试准确率从不到一半升到九成左右。", en="The test accuracy rises from less than half to about nine tenths.")
@pytest.mark.claim(zh="留意这一次的次序：它先找到一条几乎笔直的线，准确率到 85% 上下，正是直线的天花板；然后才开始弯。",
                   en="Note the order in this run: first it finds an almost straight line, with an accuracy of about 85%, the very ceiling of straight lines; only then does it bend.")
def test_it_first_finds_a_line_then_bends(chapter):
    snapshots, names = chapter["mlp"].names["snapshots"], chapter["moons"].names
    right = {step: share_right(net, names["test_x"], names["test_y"]) for step, net in snapshots.items()}
    ceiling = chapter["ceiling"].names["best"] / 2000
    assert right[0] < 0.5 and abs(right[20] - ceiling) < 0.01 and abs(right[20] - 0.85) < 0.01 and abs(right[100] - 0.9) < 0.015
    drawn, _ = boundaries(chapter)
    assert list(drawn) == list(snapshots) and len(drawn) == 10
    for step, points in drawn.items():
        assert np.abs(chance_of_1(snapshots[step], points) - 0.5).mean() < NEAR_HALF, step
    assert wriggle(drawn[20]) < 0.15 and wriggle(drawn[20]) < wriggle(drawn[40]) < wriggle(drawn[60]) < wriggle(drawn[100]) and wriggle(drawn[100]) > 3 * wriggle(drawn[20])
    rise = np.polyfit(*drawn[20][np.abs(drawn[20][:, 0] - 0.5) < 1.3].T, 1)
    assert 0.1 < rise[0] < 1 and np.polyval(rise, 0) < 2 / math.pi and np.polyval(rise, 1) > 0.5 - 2 / math.pi  # a slant, with each moon's middle on its side


@pytest.mark.claim(zh="决策边界，从第 0 步到第 100 步，一秒一帧。", en="The decision boundary from step 0 to step 100, one frame a second.")
@pytest.mark.claim(zh="蓝点是类别 0，橙点是类别 1。", en="Blue points are class 0, orange ones class 1.")
def test_the_animation_shows_a_frame_a_second_and_rests_on_the_last(chapter):
    svg, names = chapter["animate"].value.data, chapter["moons"].names
    drawn, root = boundaries(chapter)
    assert len(svg) < 40_000 and "<script" not in svg and "<animate" not in svg and list(drawn)[0] == 0 and list(drawn)[-1] == 100
    style, groups = root.find("{*}style").text, root.findall("{*}g")
    assert re.search(r"animation:\s*moving 10s steps\(1\) infinite", style) and re.search(r"0%\{opacity:1\}10%,to\{opacity:0\}", style)  # a tenth of 10 s each
    assert "prefers-reduced-motion" in style and re.search(r"g:last-of-type\{opacity:1\}", style)
    for t, (group, net) in enumerate(zip(groups, chapter["mlp"].names["snapshots"].values(), strict=True)):
        assert group.get("style") == f"animation-delay:{t - 10}s"
        assert float(group.find("{*}text").text.split()[-1]) == pytest.approx(share_right(net, names["test_x"], names["test_y"]), abs=0.006)
    for label, path in enumerate(root.findall("{*}path")):
        points = np.array([[float(a) / 100 - 2, 2 - float(b) / 100] for a, b in re.findall(r"(-?\d+),(-?\d+)", path.get("d"))])
        assert np.allclose(points, names["train_x"][names["train_y"] == label], atol=0.006)
        red, blue = int(path.get("stroke")[1:3], 16), int(path.get("stroke")[5:], 16)
        assert (blue > red) == (label == 0)


# ---- accuracy is not enough ------------------------------------------------------------------


@pytest.mark.claim(zh="现在让类别 1 变稀罕，二十个里只有一个，像体检查出的病人。", en="Now let class 1 be rare, one in twenty, like the sick among those who come for a check-up.")
@pytest.mark.claim(zh="1000 个点训练，5000 个验证，5000 个考试：", en="1000 points to train on, 5000 to validate, 5000 for the exam:")
@pytest.mark.claim(zh="网络的准确率约 97%。", en="The network’s accuracy is about 97%.")
def test_one_in_twenty_and_the_accuracy_of_the_network(chapter):
    names = chapter["rare"].names
    points, labels = make_moons((10450, 550), noise=0.3, random_state=1)
    parts = {"rare": slice(0, 1000), "tune": slice(1000, 6000), "exam": slice(6000, 11000)}
    for part, cut in parts.items():
        assert names[f"{part}_y"].tolist() == labels[cut].tolist() and np.allclose(names[f"{part}_x"], points[cut], atol=1e-6)
    assert labels.mean() == 1 / 20
    network = numbers(lines(chapter, "rare")[0])[-1]
    assert network == pytest.approx(share_right(names["detector"], names["exam_x"], names["exam_y"]), abs=1e-3) and abs(network - 0.97) < 0.005


@pytest.mark.claim(zh="可是每次都说“没病”，也有 95% 左右，却一个病人都找不到。", en="But “healthy”, said every time, scores about 95%, and finds nobody who is sick.")
@pytest.mark.claim(zh="病人越少，这样说的准确率越高。", en="The fewer the sick, the higher the accuracy of saying so.")
def test_saying_never_is_almost_as_accurate(chapter):
    truth = chapter["rare"].names["exam_y"].numpy()
    network, never = (numbers(line)[-1] for line in lines(chapter, "rare"))
    assert never == pytest.approx(metrics.accuracy_score(truth, np.zeros(5000)), abs=1e-3) and abs(never - 0.95) < 0.005 and never < network
    assert metrics.recall_score(truth, np.zeros(5000)) == 0
    scores = [metrics.accuracy_score([1] * sick + [0] * (100 - sick), [0] * 100) for sick in (50, 20, 5, 1)]
    assert scores == sorted(scores) and len(set(scores)) == 4


def four(chance, y, threshold):
    """tn, fp, fn, tp, by NumPy."""
    table = np.zeros((2, 2), dtype=int)
    np.add.at(table, ((np.asarray(y) == 1).astype(int), (np.asarray(chance) > threshold).astype(int)), 1)
    return table.ravel().tolist()


@pytest.mark.claim(zh="要分开数：病人里找到几个、漏了几个，健康人里误报几个、没误报几个。", en="Count separately: of the sick, how many were found, how many missed; of the healthy, how many had a false alarm, how many had none.")
@pytest.mark.claim(zh="这就是混淆矩阵：", en="That is a confusion matrix:")
@pytest.mark.claim(zh="喊出来的“病人”里，约五个有一个是误报；真病人漏掉了四成多。", en="About one alarm in five is false, and more than four in ten of the sick are missed.")
def test_the_four_counts_by_numpy(chapter):
    names = chapter["confusion"].names
    tn, fp, fn, tp = four(chance_of_1(names["detector"], names["exam_x"]), names["exam_y"], 0.5)
    assert [names[name] for name in ("tn", "fp", "fn", "tp")] == [tn, fp, fn, tp]
    head, zeros, ones, measures = lines(chapter, "confusion")
    assert head.split() == ["says", "0", "says", "1"] and numbers(zeros) == [0, tn, fp] and numbers(ones) == [1, fn, tp]
    assert abs(fp / (tp + fp) - 1 / 5) < 0.03 and 0.4 < fn / (fn + tp) < 0.5


@pytest.mark.claim(zh="分毫不差。", en="To the last digit.")
@pytest.mark.claim(zh="注意它的次序：先真相，后预测，和 PyTorch 的损失相反。", en="Mind its order: truth first, prediction second, the reverse of PyTorch’s losses.")
def test_scikit_learn_agrees_and_takes_the_truth_first(chapter):
    names = chapter["confusion"].names
    tn, fp, fn, tp = four(chance_of_1(names["detector"], names["exam_x"]), names["exam_y"], 0.5)
    measures = lines(chapter, "confusion")[-1]
    *matrix, last = lines(chapter, "sklearn")
    assert [numbers(row) for row in matrix] == [[tn, fp], [fn, tp]] and last == measures
    assert list(inspect.signature(metrics.confusion_matrix).parameters)[:2] == ["y_true", "y_pred"]
    assert list(inspect.signature(F.cross_entropy).parameters)[:2] == ["input", "target"]


@pytest.mark.claim(zh="精确率（precision） | 它说“是”的，多少真是？ | $\\frac{tp}{tp + fp}$", en="precision | Of those called positive, how many are? | $\\frac{tp}{tp + fp}$")
@pytest.mark.claim(zh="召回率（recall） | 真是的，找到多少？ | $\\frac{tp}{tp + fn}$", en="recall | Of those that are, how many were found? | $\\frac{tp}{tp + fn}$")
@pytest.mark.claim(zh="F1 | 两样合起来，怎么样？ | $\\frac{2\\,tp}{2\\,tp + fp + fn}$", en="F1 | And the two together? | $\\frac{2\\,tp}{2\\,tp + fp + fn}$")
@pytest.mark.claim(zh="F1 是精确率和召回率的调和平均（harmonic mean）：2 除以两者倒数之和，更靠近低的那个。",
                   en="F1 is the harmonic mean of precision and recall: 2 divided by the sum of their reciprocals, nearer to the lower one.")
def test_precision_recall_and_f1_by_their_meaning(chapter):
    names = chapter["confusion"].names
    called, sick = chance_of_1(names["detector"], names["exam_x"]) > 0.5, names["exam_y"].numpy() == 1
    tn, fp, fn, tp = four(called, sick, 0.5)
    precision, recall = sick[called].mean(), called[sick].mean()  # of those called, those who are; of those who are, those called
    assert precision == pytest.approx(tp / (tp + fp)) and recall == pytest.approx(tp / (tp + fn))
    f1 = 2 / (1 / precision + 1 / recall)
    assert f1 == pytest.approx(2 * tp / (2 * tp + fp + fn)) == pytest.approx(metrics.f1_score(sick, called))
    assert f1 == pytest.approx(1 / np.mean([1 / precision, 1 / recall]))
    assert numbers(lines(chapter, "confusion")[-1].replace("F1", "")) == pytest.approx([precision, recall, f1], abs=6e-4)
    for p, r in ((0.9, 0.1), (0.2, 0.6), (precision, recall)):
        low, high, mean = min(p, r), max(p, r), 2 / (1 / p + 1 / r)
        assert low < mean < high and mean - low < high - mean


@pytest.mark.claim(zh="argmax 等于说“概率过半才算是”。", en="Argmax amounts to “yes, if the probability is more than half”.")
@pytest.mark.claim(zh="过半这条线叫阈值（threshold），可以挪。", en="That half is a threshold, and it can be moved.")
@pytest.mark.claim(zh="在验证集上试五个：", en="Try five on the validation set:")
@pytest.mark.claim(zh="阈值越高，喊得越少，精确率升，召回率降；F1 在中间的 0.3 最高。",
                   en="The higher the threshold, the fewer the alarms: precision rises, recall falls. F1 is highest at 0.3, in between.")
def test_a_higher_threshold_gives_precision_for_recall(chapter):
    names = chapter["rare"].names
    logits = by_numpy(names["detector"], names["tune_x"])
    chance, sick = softmax(logits)[:, 1], names["tune_y"].numpy() == 1
    assert ((chance > 0.5) == (logits.argmax(axis=1) == 1)).all()
    rows = np.array([numbers(line) for line in lines(chapter, "threshold")[1:]])
    assert lines(chapter, "threshold")[0].split() == ["threshold", "alarms", "precision", "recall", "F1"]
    assert rows[:, 0].tolist() == [0.1, 0.3, 0.5, 0.7, 0.9]
    for threshold, alarms, precision, recall, f1 in rows:
        tn, fp, fn, tp = four(chance, sick, threshold)
        assert alarms == tp + fp and [precision, recall, f1] == pytest.approx([tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn)], abs=0.006)
    assert (np.diff(rows[:, 1]) < 0).all() and (np.diff(rows[:, 2]) > 0).all() and (np.diff(rows[:, 3]) < 0).all()
    assert rows[rows[:, 4].argmax(), 0] == 0.3 and (np.sort(rows[:, 4])[-2] < rows[:, 4].max())


def cost(names, part, threshold, missed, alarm):
    _, fp, fn, _ = four(chance_of_1(names["detector"], names[f"{part}_x"]), names[f"{part}_y"], threshold)
    return missed * fn + alarm * fp


@pytest.mark.claim(zh="假设漏掉一个病人，抵得上十次误报：", en="Suppose that one sick person missed is as bad as ten false alarms:")
@pytest.mark.claim(zh="网络没变，只是把线挪到验证集上最便宜的地方，考试的代价就从 1216 降到 677。",
                   en="The network is the same; only the line has moved, to where it was cheapest on the validation set, and the exam costs 677 instead of 1216.")
@pytest.mark.claim(zh="类别不均，看混淆矩阵、精确率、召回率、F1；阈值按错误的代价，在验证集上选。",
                   en="With unequal classes, look at the confusion matrix, precision, recall and F1; choose the threshold by what mistakes cost, on validation data.")
def test_the_cheapest_threshold_is_chosen_on_the_validation_set(chapter):
    names = chapter["cost"].names
    paper = names["cost"](torch.tensor([0.2, 0.4, 0.6, 0.8]), torch.tensor([1, 1, 0, 1]), 0.5)  # two missed, one false alarm
    assert paper == 2 * 10 + 1
    costs = {t: cost(names, "tune", t, 10, 1) for t in (0.1, 0.3, 0.5, 0.7, 0.9)}
    assert names["costs"] == costs and min(costs, key=costs.get) == names["cheapest"] == 0.1
    exam = {t: cost(names, "exam", t, 10, 1) for t in costs}
    assert [numbers(line) for line in lines(chapter, "cost")[1:]] == [[0.5, exam[0.5]], [0.1, exam[0.1]]] == [[0.5, 1216], [0.1, 677]]
    assert names["detector"] is chapter["rare"].names["detector"] and torch.allclose(names["chance"], names["detector"](names["exam_x"]).softmax(dim=1)[:, 1])


@pytest.mark.claim(zh="选哪个，要看哪种错更贵。", en="Which to choose depends on which mistake costs more.")
@pytest.mark.claim(zh="要是反过来，一次误报抵得上漏掉十个，五个阈值里最便宜的就是 0.9。", en="Were it the reverse, one false alarm as bad as ten missed, the cheapest of the five would be 0.9.")
def test_the_price_of_mistakes_decides(chapter):
    names, thresholds = chapter["cost"].names, (0.1, 0.3, 0.5, 0.7, 0.9)
    for part in ("tune", "exam"):
        assert min(thresholds, key=lambda t: cost(names, part, t, 1, 10)) == 0.9
        assert min(thresholds, key=lambda t: cost(names, part, t, 10, 1)) == 0.1


@pytest.mark.claim(zh="另一条路是改损失，给稀罕的一类加权：`cross_entropy` 用 `weight`，`binary_cross_entropy_with_logits` 用 `pos_weight`。",
                   en="Another way is to change the loss and give the rare class more weight: `weight` in `cross_entropy`, `pos_weight` in `binary_cross_entropy_with_logits`.")
@pytest.mark.claim(zh="权重取 1 和 19，重新练过，阈值仍是 0.5：漏掉的少了，误报多了。",
                   en="Trained again with weights of 1 and 19, and the threshold still at 0.5, the network misses fewer and raises more false alarms.")
def test_weights_in_the_loss_find_more_and_alarm_more(chapter):
    z, y, w = torch.tensor([[1.0, 0.2], [0.3, 0.9], [0.5, -1.0]]), torch.tensor([0, 1, 1]), torch.tensor([1.0, 19.0])
    each = F.cross_entropy(z, y, reduction="none")
    assert F.cross_entropy(z, y, weight=w).item() == pytest.approx(((w[y] * each).sum() / w[y].sum()).item())
    one = z[:, 1] - z[:, 0]
    assert F.binary_cross_entropy_with_logits(one, y.float(), pos_weight=torch.tensor(19.0), reduction="sum").item() == pytest.approx((w[y] * each).sum().item())
    names = chapter["rare"].names
    missed, alarms = {}, {}
    for name, weight in (("plain", None), ("weighted", w)):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(200):
            optimizer.zero_grad()
            F.cross_entropy(net(names["rare_x"]), names["rare_y"], weight=weight).backward()
            optimizer.step()
        _, alarms[name], missed[name], _ = four(chance_of_1(net, names["exam_x"]), names["exam_y"], 0.5)
    assert missed["weighted"] < missed["plain"] / 2 and alarms["weighted"] > 3 * alarms["plain"]


# ---- calibration -----------------------------------------------------------------------------


@pytest.mark.claim(zh="天气预报说“七成会下雨”的那些日子，如果真有七成下了雨，这概率就说话算数，叫校准（calibration）得好。",
                   en="Take all the days with a forecast of “70% rain”. If it rained on 70% of them, the forecast keeps its word: its calibration is good.")
@pytest.mark.claim(zh="差距按点数加权平均，就是期望校准误差（expected calibration error，ECE）：",
                   en="The mean gap, weighted by the number of points, is the expected calibration error, ECE:")
@pytest.mark.claim(zh="$$ \\text{ECE} = \\sum_{b} \\frac{n_b}{N} \\lvert \\text{acc}_b - \\text{conf}_b \\rvert $$",
                   en="$$ \\text{ECE} = \\sum_{b} \\frac{n_b}{N} \\lvert \\text{acc}_b - \\text{conf}_b \\rvert $$")
def test_calibration_on_paper(chapter):
    calibration = chapter["ece"].names["calibration"]
    forecast = torch.tensor([[0.25, 0.75]] * 20)
    assert calibration(forecast, torch.tensor([1] * 15 + [0] * 5))[1] == pytest.approx(0, abs=1e-6)  # said 75%, rained on 75%
    assert calibration(forecast, torch.tensor([1] * 10 + [0] * 10))[1] == pytest.approx(0.25, abs=1e-6)
    # three answers at 0.95, of which two are right, one at 0.65, right
    p = torch.tensor([[0.95, 0.05], [0.05, 0.95], [0.05, 0.95], [0.35, 0.65]])
    bins, error = calibration(p, torch.tensor([0, 1, 0, 1]))
    assert error == pytest.approx((3 * (0.95 - 2 / 3) + 1 * (1 - 0.65)) / 4, abs=1e-5) and [b[2] for b in bins] == [1, 3]


@pytest.mark.claim(zh="把隐藏层宽四倍的网络练过头，在第 50、200、600 步各看一眼：",
                   en="Train one with hidden layers four times as wide for too long, with a look after 50, 200 and 600 steps:")
@pytest.mark.claim(zh="训练损失一路降，测试损失一路升，最后越过了 $\\ln 2$：单看损失，还不如每次都说“各一半”。",
                   en="The training loss keeps falling, the test loss keeps rising, in the end past $\\ln 2$: “half and half” every time would cost less.")
@pytest.mark.claim(zh="可它明明还能对八成多！", en="Yet more than 80% of the exam is right!")
@pytest.mark.claim(zh="原来错的时候，它也很有把握，交叉熵罚得极重：考题的损失，九成以上来自答错的点。",
                   en="But it is sure of itself when it is wrong, too, and nothing costs more: over nine tenths of the loss in the exam come from the wrong answers.")
def test_trained_too_long_the_test_loss_passes_ln_2_while_most_answers_are_right(chapter):
    names = chapter["overtrain"].names
    assert names["wide"][0].out_features == 4 * names["mlp"][0].out_features and names["wide"][2].weight.shape == (64, 64)
    assert re.search(r"for steps in \(50, 150, 400\)", chapter["overtrain"].code) and np.cumsum([50, 150, 400]).tolist() == [50, 200, 600]
    train, test = ([numbers(line) for line in lines(chapter, "overtrain") if line.startswith(part)] for part in ("train", "test"))
    assert len(train) == len(test) == 3
    assert train[0][1] > train[1][1] > train[2][1] and test[0][1] < test[1][1] < math.log(2) < test[2][1]
    assert 0.8 < test[2][0] < 0.9
    for part, (right, loss) in (("train", train[2]), ("test", test[2])):
        x, y = names[f"{part}_x"], names[f"{part}_y"]
        assert loss == pytest.approx(cross_entropy(by_numpy(names["wide"], x), y), abs=2e-3) and right == pytest.approx(share_right(names["wide"], x, y), abs=1e-3)
    p, y = softmax(by_numpy(names["wide"], names["test_x"])), names["test_y"].numpy()
    costs, wrong = -np.log(p[np.arange(2000), y]), p.argmax(axis=1) != y
    assert p.max(axis=1)[wrong].mean() > 0.85 and 0.9 < costs[wrong].sum() / costs.sum()


def binned(p, y):
    """Counts, mean confidences and accuracies in five bins and the ECE, by NumPy."""
    sure, right = p.max(axis=1), p.argmax(axis=1) == y
    which = np.minimum(((sure - 0.5) * 10).astype(int), 4)
    rows = [(sure[which == b].mean(), right[which == b].mean(), (which == b).sum()) for b in range(5)]
    return rows, sum(n * abs(right_ - sure_) for sure_, right_, n in rows) / len(y)


@pytest.mark.claim(zh="最大的那个概率，叫置信度（confidence）；两类时，它不会低于 0.5。", en="The largest probability is called the confidence; between two classes it is never below 0.5.")
@pytest.mark.claim(zh="把考题按它分成五箱，每箱比两个数：平均说有几成把握，实际对了几成。", en="Sort the exam into five bins by it and compare two numbers in each: how sure it said it was, on average, and how often it was right.")
def test_five_bins_of_confidence(chapter):
    assert softmax(np.random.default_rng(0).normal(size=(1000, 2))).max(axis=1).min() >= 0.5 > softmax(np.zeros((1, 3))).max()
    p = torch.tensor([[0.45, 0.55], [0.35, 0.65], [0.25, 0.75], [0.15, 0.85], [0.95, 0.05], [0.07, 0.93]])
    bins, _ = chapter["ece"].names["calibration"](p, torch.tensor([1, 0, 1, 0, 0, 0]))  # of the last two, one is right
    assert np.allclose(bins, [(0.55, 1, 1), (0.65, 0, 1), (0.75, 1, 1), (0.85, 0, 1), (0.94, 0.5, 2)])
    assert len(lines(chapter, "ece")) == 5 + 1


@pytest.mark.claim(zh="最后一箱装了九成的点：它说 0.997，实际只对 0.904。", en="The last bin holds nine tenths of the points: it says 0.997, and is right for only 0.904.")
@pytest.mark.claim(zh="别的箱各只有几十个点，数字会抖，但也个个说得多、做得少。",
                   en="The others have a few dozen points each, so their numbers jitter; but each of them, too, promises more than it keeps.")
@pytest.mark.claim(zh="把握大过本事，叫过度自信（overconfidence）。", en="That is overconfidence: surer than it is right.")
def test_the_calibration_error_by_numpy(chapter):
    names = chapter["ece"].names
    p = softmax(by_numpy(names["wide"], names["test_x"]))
    rows, error = binned(p, names["test_y"].numpy())
    *shown, last = [numbers(line) for line in lines(chapter, "ece")]
    assert last == [pytest.approx(error, abs=1e-3)] and names["error"] == pytest.approx(error, abs=1e-3) and len(shown) == 5
    for row, expected in zip(shown, rows, strict=True):
        assert row == pytest.approx(expected, abs=2e-3) and row[2] == expected[2]
    assert sum(row[2] for row in shown) == 2000 and abs(shown[-1][2] / 2000 - 0.9) < 0.02 and shown[-1][:2] == [0.997, 0.904]
    assert all(24 <= row[2] < 100 for row in shown[:-1]) and all(row[0] > row[1] for row in shown)  # says more than it does
    spread = [math.sqrt(right * (1 - right) / count) for _, right, count in shown]  # of a share of so many points
    assert min(spread[:-1]) > 0.06 > 0.01 > spread[-1]


@pytest.mark.claim(zh="让它口气小一点：所有 logits 除以同一个数 $T$，再做 softmax。", en="Make it tone down its voice: divide all logits by one number $T$ before softmax.")
@pytest.mark.claim(zh="这叫温度缩放（temperature scaling）。", en="This is temperature scaling.")
@pytest.mark.claim(zh="网络一动不动，只学 $T$ 这一个参数，而且在验证集上学：训练集几乎全对，在那里学出来的 $T$ 小于 1，口气反而更大。",
                   en="The network is left as it is; only $T$ is learnt, one parameter, and on the validation set: in training nearly everything is right, and a $T$ learnt there is below 1, which makes it surer still.")
@pytest.mark.claim(zh="`fit` 只要求 `net` 能调用，除法也行：", en="All that `fit` asks of `net` is that it can be called; a division will do.")
def test_one_temperature_is_learnt_on_the_validation_set(chapter):
    names = chapter["temperature"].names
    paper = fact("training/classification", "temperature-scaling")
    assert paper == {"name": "temperature scaling", "divides": "the logits vector by a learnt scalar parameter", "learnt on": "a validation set"}
    val, train = by_numpy(names["wide"], names["val_x"]), by_numpy(names["wide"], names["train_x"])
    grid = np.linspace(0.1, 20, 400)
    best = grid[np.argmin([cross_entropy(val / T, names["val_y"]) for T in grid])]
    assert names["T"].item() == pytest.approx(best, abs=0.1) and names["T"].numel() == 1
    assert np.allclose(names["scaled"], by_numpy(names["wide"], names["test_x"]) / names["T"].item(), rtol=1e-3, atol=1e-3)
    assert softmax(val / best).max(axis=1).mean() < softmax(val).max(axis=1).mean()
    assert share_right(names["wide"], names["train_x"], names["train_y"]) > 0.98
    on_train = grid[np.argmin([cross_entropy(train / T, names["train_y"]) for T in grid])]
    assert on_train < 1 and softmax(val / on_train).max(axis=1).mean() > softmax(val).max(axis=1).mean()
    for key, value in chapter["ece"].names["wide"].state_dict().items():
        assert torch.equal(value, names["wide"].state_dict()[key])
    T = torch.ones(1, requires_grad=True)  # a function that divides, and no module
    names["fit"](lambda z: z / T, torch.optim.Adam([T], lr=0.3), names["val_logits"], names["val_y"], 400)
    assert T.item() == pytest.approx(names["T"].item(), abs=1e-3)


@pytest.mark.claim(zh="校准误差降到四分之一以下，损失降到三分之一以下，答案却一个没变：同除以一个正数，谁大还是谁大。",
                   en="The calibration error falls to less than a quarter, the loss to less than a third, and not one answer has changed: divide by the same positive number, and what was larger stays larger.")
@pytest.mark.claim(zh="本章练过头的网络过度自信；温度缩放治得好口气，改不了答案，也管不了远处。",
                   en="This chapter’s network, trained for too long, is overconfident. Temperature scaling mends its tone, not its answers, and not what lies far from the data.")
def test_temperature_mends_the_calibration_and_changes_no_answer(chapter):
    names = chapter["temperature"].names
    test, y, T = by_numpy(names["wide"], names["test_x"]), names["test_y"].numpy(), names["T"].item()
    shown_T, error, loss, same = lines(chapter, "temperature")
    assert numbers(shown_T) == [pytest.approx(T, abs=0.06)] and T > 1
    before, after = numbers(error.replace("->", ""))
    assert [before, after] == pytest.approx([binned(softmax(test), y)[1], binned(softmax(test / T), y)[1]], abs=2e-3) and after < before / 4
    before, after = numbers(loss.replace("->", ""))
    assert [before, after] == pytest.approx([cross_entropy(test, y), cross_entropy(test / T, y)], abs=2e-3) and after < before / 3
    assert same == "the same answers: True" and (test.argmax(axis=1) == softmax(test / T).argmax(axis=1)).all()
    sure = softmax(test).max(axis=1).mean()
    assert sure > share_right(names["wide"], names["test_x"], names["test_y"]) + 0.05
    assert softmax(by_numpy(names["wide"], [[60.5, -79.75]]) / T).max() > 0.9999  # far away, as sure as before


@pytest.mark.claim(zh="横轴是置信度，纵轴是准确率，点线是对角线。", en="Accuracy over confidence, with a dotted diagonal.")
@pytest.mark.claim(zh="T = 1 的圆点都落在对角线下方；缩放以后的三角近得多。",
                   en="All the circles, for T = 1, lie below the diagonal; the triangles, after scaling, lie much nearer to it.")
@pytest.mark.claim(zh="贴着对角线，就是说到做到；落在下方，就是过度自信。", en="On the diagonal, it is as right as it says; below, it is overconfident.")
def test_the_reliability_diagram(chapter):
    (figure,) = chapter["reliability"].figures
    (ax,) = figure.axes
    diagonal, circles, triangles = ax.lines
    assert np.array_equal(diagonal.get_xdata(), diagonal.get_ydata()) and diagonal.get_linestyle() == ":" and len(set(diagonal.get_xdata())) == 2
    assert ax.get_xlabel().startswith("confidence") and ax.get_ylabel().startswith("accuracy")
    assert (circles.get_marker(), triangles.get_marker()) == ("o", "^")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    names = chapter["temperature"].names
    assert labels == ["perfectly calibrated", "T = 1", f"T = {names['T'].item():.1f}"]
    test, y = by_numpy(names["wide"], names["test_x"]), names["test_y"].numpy()
    for line, T in ((circles, 1), (triangles, names["T"].item())):
        rows, _ = binned(softmax(test / T), y)
        assert np.allclose(line.get_xydata(), [row[:2] for row in rows], atol=0.01)  # how sure, how often right
    gaps = [np.abs(np.array(line.get_xdata()) - line.get_ydata()) for line in (circles, triangles)]
    assert (np.array(circles.get_xdata()) > circles.get_ydata()).all() and gaps[1].mean() < gaps[0].mean() / 2 and gaps[1].max() < gaps[0].max() / 2
    low, high = ax.get_ylim()
    assert low < min(circles.get_ydata()) and high > 1


@pytest.mark.claim(zh="从月牙中间出发，朝一个方向一直走，走到没有数据的地方：", en="Start between the moons and walk in one direction, to where there are no data:")
@pytest.mark.claim(zh="走远十倍，两个 logit 的差也大十倍左右：走得够远，ReLU 网络在一条射线上就是一次函数。",
                   en="Ten times as far, and the gap between the logits is about ten times as large: far enough out, a ReLU network along a ray is a straight line.")
@pytest.mark.claim(zh="于是概率很快到了 1.0000。", en="So the probability soon reaches 1.0000.")
def test_far_from_the_data_the_gap_grows_in_a_straight_line(chapter):
    names = chapter["temperature"].names
    _, *rows = [numbers(line) for line in lines(chapter, "far")]
    assert [row[0] for row in rows] == [1, 10, 100, 1000]
    start, step = np.array([0.5, 0.25]), np.array([0.6, -0.8])
    assert np.allclose(start, [(0 + 1) / 2, (2 / math.pi + 0.5 - 2 / math.pi) / 2]) and np.hypot(*step) == pytest.approx(1)  # the middle of both moons' means
    for distance, gap, sure, scaled in rows:
        place = [start + distance * step]
        z = by_numpy(names["mlp"], place)
        assert gap == pytest.approx(z[0, 1] - z[0, 0], rel=1e-2, abs=0.06) and sure == pytest.approx(softmax(z).max(), abs=1e-3)
        assert scaled == pytest.approx(softmax(by_numpy(names["wide"], place) / names["T"].item()).max(), abs=2e-3)
    for near, far in zip(rows, rows[1:]):
        assert 9 < abs(far[1] / near[1]) < 11  # ten times as far, about ten times the gap
    assert all(row[2] == 1 for row in rows[1:]) and rows[0][2] < 1
    points = np.concatenate([names[f"{part}_x"].numpy() for part in ("train", "val", "test")])
    assert np.hypot(*(points - start).T).max() < 5  # there are no data at a distance of 10
    for net in (names["mlp"], names["wide"]):
        bends = [np.abs(np.diff(by_numpy(net, start + np.linspace(low, high, 60)[:, None] * step), n=2, axis=0)).max() for low, high in ((0, 3), (1000, 1003))]
        assert bends[0] > 0.01 and bends[1] < 1e-6


@pytest.mark.claim(zh="除以 $T$ 也没用，一个常数挡不住越来越大的差。", en="Dividing by $T$ does not help; a constant cannot hold back a gap that keeps growing.")
@pytest.mark.claim(zh="网络只会在“0”和“1”之间分那 100%，没有“没见过”这个选项。", en="All it can do is share out 100% between 0 and 1; “never seen that” is not on the list.")
@pytest.mark.claim(zh="softmax 给的是比例，不是见识：离数据很远的地方，除了边界附近，它照样给出 1.0000。",
                   en="Softmax gives shares, not knowledge: far from the data, except near the boundary, it says 1.0000 all the same.")
def test_far_away_any_temperature_is_sure(chapter):
    names = chapter["temperature"].names
    _, *rows = [numbers(line) for line in lines(chapter, "far")]
    assert rows[-1][2:] == rows[-2][2:] == [1.0, 1.0]
    for T in (1, names["T"].item(), 100, 10_000):
        distances = (T * 1e2, T * 1e3)
        assert all(softmax(by_numpy(names["wide"], [[0.5 + 0.6 * d, 0.25 - 0.8 * d]]) / T).max() > 0.9999 for d in distances)
    torch.manual_seed(4)
    anywhere = 1000 * torch.randn(100, 2)
    p = names["wide"](anywhere).softmax(dim=1)
    assert p.shape == (100, 2) and torch.allclose(p.sum(dim=1), torch.ones(100)) and np.median(p.max(dim=1).values.detach()) == 1
    angles = np.linspace(0, 2 * np.pi, 36_000, endpoint=False)
    z = by_numpy(names["mlp"], 1000 * np.stack([np.cos(angles), np.sin(angles)], axis=1))
    unsure, gap = softmax(z).max(axis=1) < 0.99995, z[:, 1] - z[:, 0]
    assert 0 < unsure.mean() < 0.01  # a few directions, and they lie where the gap changes its sign, which is the boundary
    crossings = angles[np.sign(gap) != np.sign(np.roll(gap, 1))]
    assert len(crossings) == 2 and np.abs(angles[unsure][:, None] - crossings).min(axis=1).max() < 0.01


# ---- three classes ---------------------------------------------------------------------------


@pytest.mark.claim(zh="鸢尾花 150 朵，三个品种，每朵量了四个长度。", en="150 irises of three species, with four lengths measured on each.")
@pytest.mark.claim(zh="和 `mlp` 比，要改的只有第一层的 4 和最后一层的 3：", en="Compared with `mlp`, all that changes is the 4 in the first layer and the 3 in the last:")
@pytest.mark.claim(zh="`fit` 和 `accuracy` 一个字没动；输入要还是两个数，就只用改最后一层。",
                   en="Not a letter of `fit` or `accuracy` is different. With two numbers for input, only the last layer would be.")
def test_irises_take_4_in_and_3_out_and_the_same_functions(chapter):
    names, iris = chapter["three"].names, load_iris()
    layers = [[(layer.in_features, layer.out_features) if isinstance(layer, nn.Linear) else type(layer) for layer in net] for net in (names["mlp"], names["net"])]
    assert layers[0] == [(2, 16), nn.ReLU, (16, 16), nn.ReLU, (16, 2)] and layers[1] == [(4, 16), nn.ReLU, (16, 16), nn.ReLU, (16, 3)]
    assert iris.data.shape == (150, 4) and set(iris.target) == {0, 1, 2} and len(iris.target_names) == 3 and all("(cm)" in name for name in iris.feature_names)
    assert np.allclose(names["flowers"], iris.data[names["order"]], atol=1e-6)
    assert names["species"].tolist() == iris.target[names["order"]].tolist() and sorted(names["order"].tolist()) == list(range(150))
    right = share_right(names["net"], names["flowers"][100:], names["species"][100:])
    assert numbers(lines(chapter, "three")[0]) == [pytest.approx(right, abs=0.006)] and right >= 0.9
    assert numbers(lines(chapter, "three")[-1]) == names["species"][100:103].tolist()
    assert names["fit"] is chapter["fit"].names["fit"] and names["accuracy"] is chapter["fit"].names["accuracy"]
    two_in = nn.Sequential(*[deepcopy(layer) for layer in names["mlp"][:-1]], nn.Linear(16, 3))
    names["fit"](two_in, torch.optim.Adam(two_in.parameters(), lr=0.01), names["flowers"][:100, :2], names["species"][:100], 2)
    assert two_in(names["flowers"][:5, :2]).shape == (5, 3)


# ---- common errors ---------------------------------------------------------------------------


@pytest.mark.claim(zh="同样的起点，同样练 600 步：", en="The same start, and 600 steps for each:")
@pytest.mark.claim(zh="准确率只差 0.03，所以容易蒙混过关。", en="The accuracy differs by only 0.03, and so this slips through.")
@pytest.mark.claim(zh="破绽在后两列：损失再练也低不过 $\\ln(1 + \\frac{1}{e})$，约 0.3133；概率最高只到 0.7311，原因讲过。", en="The other columns give it away: train as you like, the loss never gets below $\\ln(1 + \\frac{1}{e})$, about 0.3133, and no probability above 0.7311, for a reason that you know.")
def test_softmax_twice_has_a_floor_and_a_ceiling(chapter):
    once, twice = [numbers(line) for line in lines(chapter, "softmax-twice")]
    floor, ceiling = math.log(1 + math.exp(-1)), math.e / (math.e + 1)
    assert f"{floor:.4f} {ceiling:.4f}" == "0.3133 0.7311"
    assert once[0] - twice[0] == pytest.approx(0.03, abs=0.005)
    assert twice[1] > floor > 0.1 > once[1] and twice[2] == pytest.approx(ceiling, abs=1e-3) and once[2] > 0.999
    names = chapter["softmax-twice"].names
    y = names["train_y"].numpy()
    for sure in (1, 10, 1000):  # however sure, and always right
        p = softmax(softmax(sure * (2 * np.eye(2)[y] - 1)))
        assert -np.log(p[np.arange(200), y]).mean() >= floor - 1e-9 and p.max() <= ceiling + 1e-9
    p = softmax(softmax(by_numpy(names["twice"][:-1], names["train_x"])))
    assert twice[1] == pytest.approx(-np.log(p[np.arange(200), y]).mean(), abs=1e-3)
    assert isinstance(names["twice"][-1], nn.Softmax) and names["twice"][-1].dim == 1
    torch.manual_seed(1)
    start = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    again = nn.Sequential(*deepcopy(start), nn.Softmax(dim=1))
    assert "steps=600" in chapter["softmax-twice"].code
    optimizer = torch.optim.Adam(again.parameters(), lr=0.01)
    names["fit"](again, optimizer, names["train_x"], names["train_y"], 600)
    assert F.cross_entropy(again(names["train_x"]), names["train_y"]).item() == pytest.approx(twice[1], abs=0.01)
    assert names["plain"][0].weight.shape == start[0].weight.shape and once[1] == pytest.approx(cross_entropy(by_numpy(names["plain"], names["train_x"]), y), abs=1e-3)


@pytest.mark.claim(zh="softmax 做了两遍，不会报错。", en="Softmax, twice, raises no error.")
@pytest.mark.claim(zh="去掉末尾的 softmax，还要重新练：只去掉、不重练，损失反而更高。", en="Take that last softmax off and train again: without training again, the loss is higher still.")
def test_softmax_twice_raises_nothing_and_needs_another_training(chapter):
    assert chapter["softmax-twice"].error is None and not chapter["softmax-twice"].warnings
    names = chapter["softmax-twice"].names
    logits, y = by_numpy(names["twice"][:-1], names["train_x"]), names["train_y"]  # taken off, not trained again
    assert cross_entropy(logits, y) > 2 * cross_entropy(softmax(logits), y)
    assert cross_entropy(by_numpy(names["plain"], names["train_x"]), y) < cross_entropy(softmax(logits), y) / 2  # trained without it


@pytest.mark.claim(zh="BCE 的目标是整数。", en="Integers as targets of BCE.")
@pytest.mark.claim(zh="它要小数，用 `.float()`：", en="It wants floats; use `.float()`.")
@pytest.mark.claim(zh="BCE 的形状不一样。", en="Two shapes in BCE.")
@pytest.mark.claim(zh="输出多一个轴，用 `squeeze(1)` 去掉：", en="The output has an axis too many; `squeeze(1)` takes it away.")
def test_errors_of_bce(chapter):
    dtype, shape = chapter["bce-dtype-error"].error, chapter["bce-shape-error"].error
    assert type(dtype) is RuntimeError and "result type Float can't be cast to the desired output type Long" in str(dtype)
    assert type(shape) is ValueError and "Target size (torch.Size([2000])) must be the same as input size (torch.Size([2000, 1]))" in str(shape)
    names = chapter["one-logit"].names
    one, single, x, y = (names[name] for name in ("one", "single", "test_x", "test_y"))
    assert y.dtype == torch.int64 and single(x).shape == (2000, 1) and single(x).squeeze(1).shape == (2000,)
    cured = F.binary_cross_entropy_with_logits(single(x).squeeze(1), y.float())
    assert F.binary_cross_entropy_with_logits(one, y.float()).item() == pytest.approx(cured.item(), abs=1e-5)


@pytest.mark.claim(zh="交叉熵的目标是小数。", en="Floats as targets of cross-entropy.")
@pytest.mark.claim(zh="每个样本一个目标时，它要整数编号，用 `.long()`：", en="With one target for each sample, it wants integers that name a class; use `.long()`.")
def test_floats_as_targets_of_cross_entropy(chapter):
    dtype = chapter["ce-dtype-error"].error
    assert type(dtype) is RuntimeError and "expected target dtype to be Long or Byte, but got Float" in str(dtype)
    two, y = chapter["one-logit"].names["two"], chapter["one-logit"].names["test_y"]
    assert F.cross_entropy(two, y.float().long()).item() == pytest.approx(F.cross_entropy(two, y).item())
    assert F.cross_entropy(two, F.one_hot(y).float()).item() == pytest.approx(F.cross_entropy(two, y).item(), abs=1e-5)  # floats, but two for each sample


@pytest.mark.claim(zh="编号超出范围。", en="A class out of range.")
@pytest.mark.claim(zh="一个 logit 配了 `cross_entropy`，等于只有一类，编号只能是 0：", en="One logit with `cross_entropy` means one class, and the only index is 0:")
@pytest.mark.claim(zh="幸好报了错：要是目标恰好全是 0，它一声不响，损失永远是 0。", en="Be glad of the error: if the targets all happened to be 0, there would be none, and the loss would be 0 for ever.")
def test_one_logit_is_one_class_to_cross_entropy(chapter):
    index, names = chapter["ce-range-error"].error, chapter["one-logit"].names
    assert type(index) is IndexError and "Target 1 is out of bounds" in str(index)
    single, x = names["single"], names["test_x"]
    for wrong in (1, 2, -1):
        with pytest.raises(IndexError):
            F.cross_entropy(single(x[:1]), torch.tensor([wrong]))
    net = deepcopy(single)
    loss = F.cross_entropy(net(x), torch.zeros(2000, dtype=torch.int64))
    loss.backward()
    assert loss.item() == 0 and net.weight.grad.abs().max() == 0 == net.bias.grad.abs().max()  # nothing that could ever change it
