"""The claims of the chapter training/regression."""

import re
import warnings
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from press.figures import DARK, still_twin
from press.ledger import read_ledger
from tests.prose import lines

STEPS = [0, 10, 20, 40, 60, 80, 100, 150, 200, 300, 500, 1000]


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)]


def data(chapter):
    """x and y as NumPy arrays of shape (100,), in double precision."""
    return (chapter["column"].names[name].double().numpy()[:, 0] for name in ("x", "y"))


def mse(a, b):
    return float(np.mean((np.asarray(a) - np.asarray(b)) ** 2))


def weights(net):
    return [p.detach().double().numpy() for p in (net.hidden.weight[:, 0], net.hidden.bias, net.output.weight[0], net.output.bias[0])]


def by_numpy(parameters, x):
    """What the network of the chapter says for x (N,): no line of PyTorch."""
    w, b, v, c = parameters
    return np.maximum(np.outer(x, w) + b, 0) @ v + c


@pytest.fixture(scope="module")
def trained(chapter):
    """The curves and losses of a thousand steps of gradient descent, by formulas on paper, in NumPy."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        torch.randn(100), nn.Linear(1, 10), nn.Linear(1, 1)  # what the chapter draws before
        w, b, v, c = weights(chapter["net"].names["Net"](20))
    x, y = data(chapter)
    curves, losses = [], []
    for _ in range(1001):
        h = np.maximum(np.outer(x, w) + b, 0)  # (100, 20)
        error = h @ v + c - y
        curves.append(error + y)
        losses.append(mse(error, 0))
        up = 2 * error / 100
        back = np.outer(up, v) * (h > 0)  # (100, 20)
        w, b, v, c = w - 0.1 * x @ back, b - 0.1 * back.sum(axis=0), v - 0.1 * up @ h, c - 0.1 * up.sum()
    return curves, losses


# ---- the data and the missing axis -----------------------------------------------------------


@pytest.mark.claim(zh="散点图，横轴是 x，从 −1 到 1，纵轴是 y。",
                   en="A scatter plot of y over x, with x from −1 to 1.")
@pytest.mark.claim(zh="一百个蓝点散落在一条虚线的抛物线两旁，抛物线在两头高 1，在中间高 0。",
                   en="A hundred blue points lie about a dashed parabola that is 1 high at both ends and 0 in the middle.")
@pytest.mark.claim(zh="一百个点，和它们背后的 x²。",
                   en="A hundred points, and the x² behind them.")
@pytest.mark.claim(zh="噪声的标准差是 0.1，方差是 0.1² = 0.01。",
                   en="The noise has a standard deviation of 0.1 and a variance of 0.1² = 0.01.")
def test_the_data_are_a_parabola_with_noise_of_a_tenth(chapter):
    names = chapter["data"].names
    x, y = names["x"].numpy(), names["y"].numpy()
    assert x.shape == y.shape == (100,) and np.allclose(x, np.linspace(-1, 1, 100), atol=1e-6)
    noise = y - x.astype(float) ** 2
    assert 0.085 < noise.std() < 0.115 and abs(noise.mean()) < 0.03
    (figure,) = chapter["data"].figures
    (ax,) = figure.axes
    assert np.allclose(ax.collections[0].get_offsets(), np.stack([x, y], axis=1))
    assert np.allclose(ax.lines[0].get_ydata(), x**2) and (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")
    parabola = ax.lines[0].get_ydata()
    assert ax.lines[0].get_linestyle() == "--" and parabola[[0, -1]] == pytest.approx([1, 1]) and parabola.min() < 0.001
    assert (noise > 0).sum() > 30 and (noise < 0).sum() > 30 and len(noise) == 100
    with torch.random.fork_rng():
        torch.manual_seed(1)
        drawn = torch.randn(100).numpy()
    assert np.allclose(noise, 0.1 * drawn, atol=1e-6) and np.square(0.1) == pytest.approx(0.01)  # randn's own variance is 1


@pytest.mark.claim(zh="和刚才同一句报错。",
                   en="The same error.")
@pytest.mark.claim(zh="(1, 100) 的意思是“一个样本，有 100 个特征（feature）”；我们要的是一百个样本，每个有 1 个特征。",
                   en="(1, 100) says “one sample with 100 features”, and we have a hundred samples with 1 feature each.")
@pytest.mark.claim(zh="缺的正是最后这个长度为 1 的特征轴：",
                   en="What is missing is the feature axis at the end, of length 1:")
@pytest.mark.claim(zh="y 也添上一个，轴数才和网络的输出一样。",
                   en="y gets one too, so that it has the same number of axes as the output.")
@pytest.mark.ledger("n1-16")
def test_a_hundred_numbers_lack_the_feature_axis(chapter):
    for cell in ("axis-error", "row-error"):  # one axis, and two: the same message
        assert isinstance(chapter[cell].error, RuntimeError)
        assert "mat1 and mat2 shapes cannot be multiplied (1x100 and 1x10)" in str(chapter[cell].error)
    assert chapter["data"].names["x"].unsqueeze(0).dim() == 2
    assert lines(chapter, "column") == ["torch.Size([100, 1]) -> torch.Size([100, 10])"]
    before, after = chapter["data"].names, chapter["column"].names
    for name in ("x", "y"):
        assert after[name].shape == (100, 1) and after[name][:, 0].tolist() == before[name].tolist()
    assert str(chapter["axis-error"].error) == str(chapter["row-error"].error)
    assert nn.Linear(100, 1)(before["x"].unsqueeze(0)).shape == (1, 1)  # 100 features, one sample
    assert nn.Linear(1, 1)(before["x"].unsqueeze(-1)).shape == (100, 1)
    assert after["layer"](after["x"]).dim() == after["y"].dim() == 2 != before["y"].dim()


@pytest.mark.claim(zh="把一百个数直接交给线性层：",
                   en="Hand the hundred numbers to a linear layer as they are:")
@pytest.mark.claim(zh="shapes cannot be multiplied (1x100 and 1x10)：少了特征轴，见前面。",
                   en="shapes cannot be multiplied (1x100 and 1x10). The feature axis is missing; see above.")
@pytest.mark.claim(zh="这里确实要 unsqueeze，理由却不是这个。",
                   en="The unsqueeze is needed here, but not for that reason.")
@pytest.mark.claim(zh="反过来，凑够两维也未必行：",
                   en="And two axes alone do not help:")
@pytest.mark.ledger("n1-16")
def test_not_the_number_of_axes_counts_but_the_last_of_them(chapter):
    x, layer = chapter["axis-error"].names["x"], chapter["axis-error"].names["layer"]
    assert x.shape == (100,) and (layer.in_features, layer.out_features) == (1, 10)
    for wrong in (x, x.unsqueeze(0)):
        with pytest.raises(RuntimeError, match=r"shapes cannot be multiplied \(1x100 and 1x10\)"):
            layer(wrong)
    for right in (x.unsqueeze(1), x.reshape(4, 25, 1)):
        assert layer(right).shape == (*right.shape[:-1], 10)


@pytest.mark.claim(zh="Linear 收的是 (*, in_features)：最后一个轴的长度等于 in_features，前面有几个轴都行，一个没有也行：",
                   en="Linear takes (*, in_features): the last axis must be in_features long; before it there may be any number of axes, or none:")
@pytest.mark.claim(zh="一维到四维，它都收下。",
                   en="From one axis to four, it takes them all.")
@pytest.mark.claim(zh="Linear 要的是长度为 in_features 的最后一个轴，不是二维；y 要和输出同形。",
                   en="Linear wants a last axis of length in_features, not two axes; y needs the shape of the output.")
@pytest.mark.ledger("n1-16")
def test_linear_takes_any_leading_axes_or_none(chapter):
    shapes = [(1,), (100, 1), (4, 25, 1), (2, 2, 25, 1)]
    assert lines(chapter, "any-axes") == [f"{n} axes: {shape} -> {(*shape[:-1], 10)}" for n, shape in enumerate(shapes, 1)]
    layer = chapter["axis-error"].names["layer"]
    w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()  # (10, 1), (10,)
    for shape in shapes:
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        assert np.allclose(layer(torch.tensor(x)).detach(), np.einsum("...i,oi->...o", x, w) + b, atol=1e-6)
    assert "any number of\n          dimensions including none" in nn.Linear.__doc__
    for length in (2, 3):
        with pytest.raises(RuntimeError):
            layer(torch.zeros(5, length))
    with pytest.warns(UserWarning, match="ensure they have the same size"):
        F.mse_loss(torch.zeros(3, 1), torch.zeros(3))


# ---- a straight line -------------------------------------------------------------------------


def first_line(seed=1):
    """w and b before training, as the seed gives them."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.randn(100), nn.Linear(1, 10)
        line = nn.Linear(1, 1)
    return line.weight.item(), line.bias.item()


@pytest.mark.claim(zh="层里的 weight 就是 $w$，bias 就是 $b$，现在都是随机的。",
                   en="The layer’s weight is $w$, its bias is $b$, and so far both are random.")
@pytest.mark.claim(zh="True 是说，它算的就是 $wx + b$。",
                   en="True says that it computes $wx + b$.")
@pytest.mark.claim(zh="看均方误差，一次由 PyTorch 算，一次自己算：",
                   en="The mean squared error says, from PyTorch and by hand:")
@pytest.mark.ledger("n1-24")
def test_the_smallest_net_is_w_x_plus_b_and_its_loss_a_mean_of_squares(chapter):
    w, b = first_line()
    assert lines(chapter, "line") == [f"w = {w:.3f}, b = {b:.3f} True"]
    x, y = data(chapter)
    assert numbers(lines(chapter, "loss")[0]) == pytest.approx([mse(w * x + b, y)] * 2, abs=1e-4)
    guess = chapter["line"].names["guess"].detach().double().numpy()[:, 0]
    assert np.allclose(guess, w * x + b, atol=1e-6)
    assert len({first_line(seed) for seed in range(5)}) == 5


@pytest.mark.claim(zh="最小的网络只有两个参数，$w$ 和 $b$。",
                   en="The smallest network has two parameters, $w$ and $b$.")
@pytest.mark.claim(zh="输出 $wx + b$ 随 $x$ 画出来，是一条直线：",
                   en="Its output $wx + b$, drawn over $x$, is a straight line:")
def test_the_smallest_network_is_a_straight_line(chapter):
    line, guess = chapter["line"].names["line"], chapter["line"].names["guess"].detach().double().numpy()[:, 0]
    assert [(name, p.numel()) for name, p in line.named_parameters()] == [("weight", 1), ("bias", 1)]
    assert len(guess) == 100
    assert np.abs(np.diff(guess, 2)).max() < 1e-6 < np.abs(np.diff(guess)).min()  # straight, and not level


@pytest.mark.claim(zh="这一章一次只添一样。",
                   en="This chapter adds one at a time.")
@pytest.mark.claim(zh="PyTorch 只能处理二维数据，所以要 unsqueeze。",
                   en="PyTorch only handles two-dimensional data, hence unsqueeze.")
@pytest.mark.claim(zh="第一个 nn.Module 是一个小回归，刚开始看不太懂。",
                   en="The first nn.Module was a small regression, hard to follow at first.")
@pytest.mark.ledger("n1-24")
def test_what_the_old_notes_said_and_the_order_of_this_chapter(chapter):
    rows = read_ledger(chapter.project)["rows"]
    assert rows["n1-16"]["verdict"] == "wrong"
    assert rows["n1-16"]["said"] == {"zh": "PyTorch 只能处理二维数据，所以要 `unsqueeze`。",
                                     "en": "PyTorch only handles two-dimensional data, hence `unsqueeze`."}
    assert rows["n1-24"]["said"] == {"zh": "第一个 `nn.Module` 是一个小回归，刚开始看不太懂。",
                                     "en": "The first `nn.Module` was a small regression, hard to follow at first."}
    new = ["x", "line", "loss", "optimizer", "step", "net"]  # the data, a layer, the loss, the update, the loop, a hidden layer
    for i, cell in enumerate(["data", "line", "loss", "step", "loop", "net"], 1):
        assert [name for name in new if name in chapter[cell].names] == new[:i]


@pytest.mark.claim(zh="让两份答卷比一比：一份是真正的 $x^2$，一份全填 y 的平均数：",
                   en="Compare two answers, the true $x^2$, and the mean of y for everyone:")
@pytest.mark.claim(zh="形状对，$x^2$ 的损失小得多。",
                   en="With the right shape $x^2$ has the smaller loss by far.")
@pytest.mark.claim(zh="形状错，(100, 1) 和 (100,) 广播成 100 × 100，真相反倒输给了平均数。",
                   en="With the wrong one, (100, 1) and (100,) are broadcast to 100 × 100, and the truth loses to the mean.")
@pytest.mark.claim(zh="没有报错，只有警告。",
                   en="There is no error, only a warning.")
@pytest.mark.ledger("n1-16")
def test_a_forgotten_axis_makes_the_truth_lose_to_the_mean(chapter):
    x, y = data(chapter)
    truth, mean = x**2, np.full(100, y.mean())
    right = [mse(a, y) for a in (truth, mean)]
    wrong = [mse(a[:, None], y[None, :]) for a in (truth, mean)]  # (100, 100)
    shown = [numbers(line.replace("x**2", "")) for line in lines(chapter, "silent")]
    assert shown == pytest.approx(np.stack([right, wrong], axis=1), abs=1e-4)
    assert right[0] < right[1] / 5 and wrong[0] > 1.5 * wrong[1]
    assert all("Using a target size (torch.Size([100]))" in warning for warning in chapter["silent"].warnings)
    assert chapter["silent"].warnings
    assert chapter["silent"].error is None
    assert (torch.zeros(100, 1) - torch.zeros(100)).shape == (100, 100)


@pytest.mark.claim(zh="看梯度：",
                   en="The gradient says:")
@pytest.mark.claim(zh="$w$ 的梯度是正的，所以 $w$ 变小；$b$ 的是负的，所以 $b$ 变大。",
                   en="The gradient of $w$ is positive, so $w$ went down; that of $b$ is negative, so $b$ went up.")
@pytest.mark.claim(zh="各走“学习率 × 自己的梯度”，损失就降了。",
                   en="Each moved by the learning rate times its gradient, and the loss fell.")
@pytest.mark.ledger("n1-24")
def test_one_update_moves_against_the_gradient(chapter):
    (w, b), (x, y) = first_line(), data(chapter)
    slope_w, slope_b = 2 * np.mean((w * x + b - y) * x), 2 * np.mean(w * x + b - y)
    gradients, moved, after = lines(chapter, "step")
    assert numbers(gradients) == pytest.approx([slope_w, slope_b], abs=6e-4)
    assert slope_w > 0.1 and slope_b < -0.1
    w2, b2 = w - 0.2 * slope_w, b - 0.2 * slope_b
    assert numbers(moved + after) == pytest.approx([w2, b2, mse(w2 * x + b2, y)], abs=6e-4)
    assert mse(w2 * x + b2, y) < mse(w * x + b, y) - 0.01
    assert numbers(moved)[0] < w - 0.01 and numbers(moved)[1] > b + 0.01
    assert chapter["step"].names["optimizer"].param_groups[0]["lr"] == 0.2


@pytest.mark.claim(zh="直线不用训练也能求。最小二乘（least squares）直接算出使均方误差最小的那条：",
                   en="Least squares computes the line with the smallest mean squared error, without training:")
@pytest.mark.claim(zh="$w$ 和 $b$ 的四位小数都一样。",
                   en="The same $w$ and $b$ to four decimals.")
@pytest.mark.claim(zh="这就是线性回归（linear regression），没有哪条直线的损失更小。",
                   en="This is linear regression, and no line has a smaller loss.")
@pytest.mark.claim(zh="所有直线里最好的一条。",
                   en="The best of all straight lines.")
@pytest.mark.ledger("n1-24")
def test_the_trained_line_is_that_of_least_squares(chapter):
    x, y = data(chapter)
    w, b = np.polyfit(x, y, 1)
    trained, solved = numbers(lines(chapter, "loop")[0]), numbers(lines(chapter, "lstsq")[0])
    assert trained == pytest.approx([w, b, mse(w * x + b, y)], abs=1e-4) and solved == pytest.approx([w, b], abs=1e-4)
    assert lines(chapter, "loop")[0].startswith(lines(chapter, "lstsq")[0])  # the same to four decimals
    names = chapter["lstsq"].names
    assert names["line"].weight.item() == pytest.approx(names["best_w"], abs=2e-6)
    assert names["line"].bias.item() == pytest.approx(names["best_b"], abs=2e-6)
    nudged = [mse((w + d) * x + b + e, y) for d in (-1e-3, 0, 1e-3) for e in (-1e-3, 0, 1e-3)]
    assert min(nudged) == nudged[4] == pytest.approx(trained[2], abs=6e-5)
    (drawn,) = chapter["line-figure"].figures[0].axes[0].lines
    assert mse(drawn.get_ydata().flatten(), y) == pytest.approx(nudged[4], abs=1e-6)


@pytest.mark.claim(zh="这样的步子，再走两百步。",
                   en="Now two hundred such steps.")
@pytest.mark.claim(zh="点不多，每步全用上，不必分小批量：",
                   en="With so few points each step can use them all, without mini-batches:")
@pytest.mark.claim(zh="算错多少、清掉旧的、算方向、走一步：本章后面更大的网络，训练用的也是这四行。",
                   en="How wrong, forget, which way, move: the larger networks of this chapter are trained by the same four lines.")
@pytest.mark.claim(zh="一次训练就五样：数据、网络、损失、更新、循环；直线和带隐藏层的网络，数据、损失和循环那四行都一样。",
                   en="Training takes five things: data, net, loss, update, loop. The line and the network with a hidden layer share the data, "
                      "the loss and the four lines of the loop.")
@pytest.mark.ledger("n1-24")
def test_the_four_lines_of_the_loop_stay(chapter):
    names = chapter["loop"].names
    assert names["step"] == 199
    full = F.mse_loss(names["line"](names["x"]), names["y"])  # all hundred at once, one step later
    assert len(names["x"]) == 100 and names["loss"].item() == pytest.approx(full.item(), abs=1e-6)
    for cell in ("loop", "fit", "few", "scale"):  # the four lines, in this order, each once
        calls = re.findall(r"F\.mse_loss|\.zero_grad|\.backward|optimizer\.step", chapter[cell].code.split("for step in")[1].split("print")[0])
        assert [call for call in calls if call != "F.mse_loss"] == [".zero_grad", ".backward", "optimizer.step"] and calls[0] == "F.mse_loss"
    assert all(torch.equal(names[name], chapter["fit"].names[name]) for name in ("x", "y"))


@pytest.mark.claim(zh="同样的一百个蓝点，排成碗形。",
                   en="The same hundred blue points in the shape of a bowl.")
@pytest.mark.claim(zh="一条橙色直线几乎水平地从三分之一左右的高度穿过去，两头在点的下面，中间在点的上面。",
                   en="An orange line runs through them almost level, about a third up: below the points at both ends, above them in the middle.")
@pytest.mark.claim(zh="它两头太低，中间太高。",
                   en="It is too low at the ends and too high in the middle.")
@pytest.mark.claim(zh="再训练一万步也没用：直线不会弯。",
                   en="Ten thousand more steps would not help: a straight line does not bend.")
def test_the_best_line_is_too_low_at_the_ends_and_too_high_in_the_middle(chapter):
    (figure,) = chapter["line-figure"].figures
    (ax,) = figure.axes
    x, y = data(chapter)
    drawn = ax.lines[0].get_ydata().flatten()
    assert np.allclose(drawn, np.polyval(np.polyfit(x, y, 1), x), atol=1e-4)
    assert np.allclose(ax.collections[0].get_offsets(), np.stack([x, y], axis=1))
    assert (y - drawn)[np.abs(x) > 0.75].min() > 0 and (y - drawn)[np.abs(x) < 0.35].max() < 0.05
    assert abs(drawn[-1] - drawn[0]) < 0.05 and 0.25 < drawn.mean() < 0.4
    w, b = np.polyfit(x, y, 1)
    best = mse(w * x + b, y)
    for _ in range(10000):
        error = w * x + b - y
        w, b = w - 0.2 * 2 * np.mean(error * x), b - 0.2 * 2 * np.mean(error)
    assert mse(w * x + b, y) == pytest.approx(best, abs=1e-9)


# ---- the hidden layer ------------------------------------------------------------------------


@pytest.mark.claim(zh="最后一样新东西，是一个小小的 nn.Module，和旧笔记里的一样。",
                   en="The last new thing is a small nn.Module, as in the old notes.")
@pytest.mark.claim(zh="前面都认得了，它就只剩一句话：一个数变成 20 个，过一遍 ReLU，再合成一个：",
                   en="With the rest familiar, it just says: one number becomes 20, they pass through ReLU, and become one again:")
@pytest.mark.claim(zh="回归预测一个数。",
                   en="Regression predicts a number.")
@pytest.mark.claim(zh="回归，就是预测一个数。",
                   en="Regression means predicting a number.")
@pytest.mark.ledger("n1-24")
def test_the_first_module_takes_one_number_to_20_and_back(chapter):
    net = chapter["net"].names["net"]
    assert {name: tuple(p.shape) for name, p in net.named_parameters()} == {
        "hidden.weight": (20, 1), "hidden.bias": (20,), "output.weight": (1, 20), "output.bias": (1,)}
    assert lines(chapter, "net") == [f"{20 * 1 + 20 + 1 * 20 + 1} parameters"] == ["61 parameters"]
    x = np.linspace(-2, 2, 9)
    out = net(torch.tensor(x, dtype=torch.float32)[:, None]).detach().numpy()
    assert out.shape == (9, 1) and np.allclose(out[:, 0], by_numpy(weights(net), x), atol=1e-5)
    assert chapter["net"].code.index("super().__init__()") < chapter["net"].code.index("self.hidden = ")
    assert isinstance(net, nn.Module) and net.hidden(torch.zeros(5, 1)).shape == (5, 20)
    assert "`nn.Module`" in read_ledger(chapter.project)["rows"]["n1-24"]["said"]["en"]


@pytest.mark.claim(zh="损失和那四行循环照旧，只在每一步之前多记两样，损失和曲线：",
                   en="The loss and the four lines stay as they were. We only record the loss and the curve before each step:")
@pytest.mark.claim(zh="我们知道答案是 $x^2$，但不告诉网络，只给它一百个沾了噪声（noise）的点：",
                   en="The answer is $x^2$, but the network is not told; it gets a hundred points with noise on them:")
@pytest.mark.claim(zh="网络只看得到点。",
                   en="The network sees only the points.")
@pytest.mark.ledger("n1-24")
def test_training_agrees_with_gradient_descent_on_paper(chapter, trained):
    curves, losses = trained
    names = chapter["fit"].names
    assert len(names["losses"]) == len(names["fits"]) == 1001
    assert names["losses"] == pytest.approx(losses, abs=5e-4)
    for step in STEPS:
        assert np.allclose(names["fits"][step][:, 0], curves[step], atol=0.01)
    assert numbers(lines(chapter, "fit")[0].replace(" -> ", " ")) == pytest.approx([losses[0], losses[1000]], abs=5e-4)
    assert not any(fit.requires_grad for fit in names["fits"])


@pytest.mark.claim(zh="前二十步，它先学会一条水平线也会的事：抬到平均的高度。",
                   en="In the first twenty steps it learns what a level line can do too: to rise to the mean height.")
@pytest.mark.claim(zh="弯大半是接下来的一百八十步里学会的。",
                   en="Most of the bend comes in the next hundred and eighty.")
@pytest.mark.claim(zh="第 300 步以后，几乎不动了。",
                   en="After step 300, little moves.")
@pytest.mark.claim(zh="一百个点，一条曲线，一个会自己弯过去的网络。",
                   en="A hundred points, one curve, and a network that bends itself to it.")
@pytest.mark.ledger("n1-24")
def test_first_it_rises_then_it_bends_then_little_moves(chapter, trained):
    curves, losses = trained
    _, y = data(chapter)
    assert abs(curves[0].mean() - y.mean()) > 0.2 and abs(curves[20].mean() - y.mean()) < 0.03
    assert np.ptp(curves[20]) < 0.25 < 0.7 < np.ptp(curves[200])
    assert losses[20] > 0.06 and losses[200] < 0.016
    assert np.abs(curves[1000] - curves[300]).max() < 0.08 < 0.3 < np.abs(curves[200] - curves[20]).max()
    assert losses[1000] < 0.01
    assert len(y) == 100
    bend = {step: np.ptp(curves[step]) for step in (20, 200, 1000)}
    assert bend[200] - bend[20] > 0.6 * bend[1000] > 2 * bend[20]


def read(svg):
    """Of the animation: the pixels of the tick labels, and {step: (title, points of the fit, dot)}."""
    root = ET.fromstring(svg)
    texts = {(float(t.get("x")), float(t.get("y"))): t.text for t in root.findall("{*}text")}
    frames = {}
    for group in root.findall("{*}g"):
        step = int(group.get("id").removeprefix("fit-"))
        circle = group.find("{*}circle")
        frames[step] = (group.find("{*}text").text, points(group.find("{*}path")), (float(circle.get("cx")), float(circle.get("cy"))))
    return root, texts, frames


def points(path):
    return np.array([[float(n) for n in pair.split(",")] for pair in re.findall(r"[-\d.]+,[-\d.]+", path.get("d"))])


def scale(texts, first, second, axis, shift=0):
    """The function from pixels to numbers that two labels at (x, y) fix along an axis."""
    (a, at), (b, bt) = ((float(texts[p].replace("−", "-")), p[axis] - shift) for p in (first, second))
    return lambda pixels: a + (np.asarray(pixels) - at) * (b - a) / (bt - at)


@pytest.mark.claim(zh="上面，一百个蓝点排成碗形，一条橙色折线起初又低又平，先整条抬高，再从中间陷下去，最后贴着碗走。",
                   en="Above, a hundred blue points in the shape of a bowl; an orange line of straight pieces starts low and flat, "
                      "first rises as a whole, then sinks in the middle, and in the end follows the bowl.")
@pytest.mark.claim(zh="下面，蓝色的损失曲线先急降后放平，橙色圆点沿着它往右走，最后落在绿色虚线附近。",
                   en="Below, the blue loss curve falls steeply and levels out; an orange dot travels along it to the right and ends "
                      "near a green dashed line.")
@pytest.mark.claim(zh="上：第几步时的曲线。",
                   en="Above: the curve after so many steps.")
@pytest.mark.claim(zh="下：损失，纵轴每格差十倍；绿色虚线是噪声的方差 0.01。",
                   en="Below: the loss, ten times less from mark to mark; the green dashes are the variance of the noise, 0.01.")
@pytest.mark.ledger("n1-24")
def test_every_frame_of_the_animation_is_the_fit_at_its_step(chapter, trained):
    curves, losses = trained
    root, texts, frames = read(chapter["animate"].value._repr_svg_())
    x, y = data(chapter)
    to_x, to_y = scale(texts, (50, 252), (430, 252), 0), scale(texts, (38, 200), (38, 80), 1, shift=5)  # a label's middle is 5 above its foot
    to_step = scale(texts, (50, 407), (430, 407), 0)
    hundredth, tenth = texts[25, 375], texts[28, 295]
    assert (hundredth, tenth) == ("0.01", "0.1")

    def to_loss(pixel):
        return 10 ** (-2 + (370 - pixel) / 80)

    assert list(frames) == STEPS == chapter["animate"].names["STEPS"]
    for step, (title, fit, dot) in frames.items():
        words, value = title.rsplit(" ", 1)
        assert words == f"after {step} steps: loss" and float(value) == pytest.approx(losses[step], abs=5e-4)
        assert np.allclose(to_x(fit[:, 0]), x[::3], atol=0.002) and np.allclose(to_y(fit[:, 1]), curves[step][::3], atol=0.012)
        assert to_step(dot[0]) == pytest.approx(step, abs=1) and to_loss(dot[1]) == pytest.approx(losses[step], rel=0.05)
    assert np.allclose(x[::3][[0, -1]], [-1, 1])
    paths = {p.get("class"): points(p) for p in root.findall("{*}path") if p.get("class")}
    assert np.allclose(to_x(paths["data"][:, 0]), x, atol=0.002) and np.allclose(to_y(paths["data"][:, 1]), y, atol=0.002)
    assert np.allclose(to_step(paths["loss"][:, 0]), np.arange(0, 1001, 5), atol=1)
    assert np.allclose(to_loss(paths["loss"][:, 1]), losses[::5], rtol=0.05)
    noise = next(p.get("d") for p in root.findall("{*}path") if p.get("class") == "noise")
    assert noise == "M50,370H430" and to_loss(370) == 0.01
    assert f"{losses[1000]:.4f}" == "0.0092"
    middle, ends = ([curves[step][part].mean() for step in (0, 20, 1000)] for part in (slice(45, 55), [0, -1]))
    assert middle[0] < middle[1] - 0.15 and ends[0] < ends[1] - 0.15 and np.ptp(curves[0]) < 0.3  # low and flat, then up as a whole
    assert middle[2] < middle[1] - 0.2 and np.abs(curves[1000] - x**2).max() < 0.2  # then down in the middle
    assert losses[0] - losses[200] > 10 * (losses[200] - losses[1000]) > 0 and [frames[step][2][0] for step in STEPS] == sorted(
        frames[step][2][0] for step in STEPS)
    assert abs(frames[1000][2][1] - 370) < 5  # pixels from the dashes


def opacity(style, step, seconds):
    """The opacity of a frame after so many seconds."""
    keyframes = re.search(rf"@keyframes fit-{step}\{{((?:[\d.]+%\{{opacity:[01]\}})+)\}}\n", style)[1]
    value, previous = None, -1
    for at, shown in re.findall(r"([\d.]+)%\{opacity:([01])\}", keyframes):
        assert float(at) >= previous
        previous = float(at)
        if float(at) / 100 * 14 <= seconds + 1e-3:
            value = int(shown)
    return value


@pytest.mark.claim(zh="动画。",
                   en="Animation.")
@pytest.mark.claim(zh="静止时是第 1000 步，损失 0.0092。",
                   en="At rest it shows step 1000, with a loss of 0.0092.")
@pytest.mark.ledger("n1-24")
def test_the_animation_shows_one_frame_at_a_time_and_rests_on_the_last(chapter):
    svg = chapter["animate"].value._repr_svg_()
    style = ET.fromstring(svg).find("{*}style").text
    for second in range(14):
        seen = [step for step in STEPS if opacity(style, step, second + 0.5)]
        assert seen == [STEPS[min(second, 11)]]
    rests = dict(re.findall(r"\n#fit-(\d+)\{opacity:([01]);animation:fit-\1 14s steps\(1\) infinite\}", style))
    assert rests == {str(step): str(int(step == 1000)) for step in STEPS}
    assert "@media (prefers-reduced-motion: reduce){*{animation:none!important}}" in style
    assert svg.count("</style>") == 1 and "href" not in svg and "<script" not in svg and "<animate" not in svg
    assert "animation:none" in still_twin(svg).split("</style>")[0].splitlines()[-1]
    assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) <= set(DARK)
    assert len(svg.encode()) < 15000
    _, texts, frames = read(svg)
    everything = [p for p in texts] + [p for _, fit, dot in frames.values() for p in [*fit, dot]]
    assert all(0 <= a <= 450 and 0 <= b <= 420 for a, b in everything)
    assert frames[1000][0] == "after 1000 steps: loss 0.0092"


@pytest.mark.claim(zh="最后那条“曲线”是一段段直线连成的。",
                   en="The last “curve” is made of straight pieces.")
@pytest.mark.claim(zh="拆开网络，看 20 个隐藏数各自贡献了什么：",
                   en="Take the network apart, and see what each of the 20 hidden numbers contributes:")
@pytest.mark.claim(zh="True 是说，20 份贡献加上偏置，正是网络的输出。",
                   en="True says that the 20 contributions and the bias add up to the output of the network.")
@pytest.mark.claim(zh="20 个里，6 个折在数据中间（有两个几乎重合），其余的折在边上或外面。",
                   en="Of the 20, 6 lie among the data (two of them almost in the same place), the others at the edge or outside.")
def test_the_curve_is_a_sum_of_folded_lines(chapter):
    names = chapter["pieces"].names
    w, b, v, c = weights(chapter["fit"].names["net"])
    kinks = np.sort(-b / w)
    inside = np.sort(names["inside"].numpy())
    assert lines(chapter, "pieces") == ["True 6 kinks"]
    assert np.allclose(inside, kinks[np.abs(kinks) < 0.98], atol=1e-4) and len(inside) == 6
    assert np.sum(np.diff(inside) < 0.01) == 1 and np.sum(np.diff(inside) < 0.04) == 1  # two almost in one place
    # straight everywhere else: no second difference but where a kink is near
    grid = np.linspace(-0.98, 0.98, 1961)
    bent = np.abs(np.diff(by_numpy((w, b, v, c), grid), 2)) > 1e-9
    near = np.abs(grid[1:-1, None] - inside).min(axis=1) < 0.0015
    assert not (bent & ~near).any() and bent.any()
    (figure,) = chapter["pieces-figure"].figures
    upper, lower = figure.axes
    x, _ = data(chapter)
    drawn = np.stack([line.get_ydata() for line in upper.lines], axis=1)  # (100, 20)
    assert np.allclose(drawn, np.maximum(np.outer(x, w) + b, 0) * v, atol=1e-5)
    assert np.allclose(lower.lines[0].get_ydata().flatten(), drawn.sum(axis=1) + c, atol=1e-5)
    dots = np.array(lower.collections[0].get_offsets())
    assert np.allclose(np.sort(dots[:, 0]), inside) and np.allclose(dots[:, 1], by_numpy((w, b, v, c), dots[:, 0]), atol=1e-5)
    assert len(kinks) == 20 and (np.abs(kinks) > 0.98).sum() == 14
    assert np.allclose(drawn.sum(axis=1) + c, chapter["fit"].names["net"](chapter["column"].names["x"]).detach()[:, 0], atol=1e-5)


@pytest.mark.claim(zh="上图是二十条细折线，三条从左边降到零就停住，三条从下面升上来，一条到某处才离开零，其余的贴着零。",
                   en="Above, twenty thin lines: three come down from the left, reach zero and stay there, three rise from below, "
                      "one leaves zero only at a certain point, the rest keep close to zero.")
@pytest.mark.claim(zh="下图是它们的和，一条碗形的折线，橙色圆点标着折点。",
                   en="Below, their sum, a bowl of straight pieces with orange dots on the kinks.")
@pytest.mark.claim(zh="上：每个隐藏数的贡献。",
                   en="Above: what each hidden number contributes.")
@pytest.mark.claim(zh="下：加起来的结果，圆点处方向改变，只是最右那个小得看不出。",
                   en="Below: the sum, which changes direction at the dots, at the rightmost too little to see.")
def test_the_picture_of_the_pieces(chapter):
    (figure,) = chapter["pieces-figure"].figures
    upper, lower = figure.axes
    parts = np.stack([line.get_ydata() for line in upper.lines], axis=1)  # (100, 20)
    w, b, v, c = weights(chapter["fit"].names["net"])
    x, _ = data(chapter)
    assert parts.shape == (100, 20) and np.allclose(parts, np.maximum(np.outer(x, w) + b, 0) * v, atol=1e-5)
    assert all(line.get_linewidth() == 1 for line in upper.lines)
    low = np.abs(parts).max(axis=0) < 0.1
    tall = parts[:, ~low].T
    falling = [part for part in tall if part[0] > 0.15 and part[-1] == 0]  # down from the left, then zero
    rising = [part for part in tall if part[0] < -0.15 and part[-1] > part[0] + 0.15]  # up from below
    leaving = [part for part in tall if part[0] == 0 and part[-1] > 0.15]  # zero, then up
    assert (len(falling), len(rising), len(leaving), low.sum()) == (3, 3, 1, 13)
    for part in falling:
        assert (np.diff(part) <= 0).all() and (part == 0).sum() > 5
    for part in rising:
        assert (np.diff(part) >= 0).all() and part.max() <= 0
    assert (np.diff(leaving[0]) >= 0).all() and (leaving[0] == 0).sum() > 5
    total = lower.lines[0].get_ydata().flatten()
    assert total[0] > 0.8 < total[-1] and total.min() < 0.1 and 30 < total.argmin() < 70
    dots = np.sort(np.array(lower.collections[0].get_offsets())[:, 0])
    before, after = (np.diff([by_numpy((w, b, v, c), dots + step) for step in steps], axis=0)[0] / 1e-4 for steps in ((-2e-4, -1e-4), (1e-4, 2e-4)))
    turns = np.abs(after - before)  # of the slope
    assert len(dots) == 6 and turns[:-1].min() > 0.05 and 1e-4 < turns[-1] < 0.005


@pytest.mark.claim(zh="每个 ReLU 在 $wx + b = 0$ 的一边是 0，另一边是斜线。",
                   en="Each ReLU is 0 on one side of $wx + b = 0$ and a slope on the other.")
@pytest.mark.claim(zh="折的地方 $x = -b/w$ 叫折点（kink）。",
                   en="The place where it bends, $x = -b/w$, is a kink.")
@pytest.mark.claim(zh="训练挪动这些折点，也调每一段的斜率。",
                   en="Training moves these kinks, and tilts the pieces between them.")
@pytest.mark.claim(zh="一个 ReLU 一个折点；折点之间是直的，最后一个折点之外也是。",
                   en="Each ReLU has one kink; between kinks, and past the last one, the network is straight.")
def test_each_relu_has_one_kink_and_between_kinks_the_net_is_straight(chapter):
    net = chapter["fit"].names["net"]
    w, b, v, c = weights(net)
    for i in range(20):
        kink, step = -b[i] / w[i], np.sign(w[i])
        here = torch.tensor([[kink - 2 * step], [kink - step], [kink + step], [kink + 2 * step]], dtype=torch.float32)
        said = torch.relu(net.hidden(here))[:, i].tolist()
        assert said == pytest.approx([0, 0, abs(w[i]), 2 * abs(w[i])], abs=1e-4)
    kinks = np.sort(-b / w)
    for left, right in zip([-50, *kinks], [*kinks, 50]):  # three points in each piece lie on a line
        ys = by_numpy((w, b, v, c), np.linspace(left, right, 3))
        assert ys[0] + ys[2] == pytest.approx(2 * ys[1], abs=1e-9)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        torch.randn(100), nn.Linear(1, 10), nn.Linear(1, 1)
        w0, b0, v0, _ = weights(chapter["net"].names["Net"](20))
    assert np.abs(b / w - b0 / w0).max() > 0.1 and np.abs(w * v - w0 * v0).max() > 0.1


# ---- what was learned, and what was not ------------------------------------------------------


@pytest.mark.claim(zh="用一万个新的点来考，$x^2$ 自己也参加：",
                   en="Test on ten thousand new points, with $x^2$ itself among the candidates:")
@pytest.mark.claim(zh="连真正的 $x^2$ 也有 0.01。",
                   en="Even the true $x^2$ gets 0.01.")
@pytest.mark.claim(zh="在新的点上，这就是底线，网络的 0.0120 只比它高一点。",
                   en="On new points that is the floor, and the network, at 0.0120, is just above it.")
@pytest.mark.claim(zh="可是动画里的损失降到了 0.0092，比 $x^2$ 在同样这些点上的 0.0099 还低！",
                   en="And yet in the animation the loss sank to 0.0092, below the 0.0099 of $x^2$ on the same points!")
def test_on_new_points_nothing_beats_the_variance_of_the_noise(chapter):
    names = chapter["floor"].names
    x, y = names["fresh_x"].double().numpy()[:, 0], names["fresh_y"].double().numpy()[:, 0]
    assert len(x) == 10000 and -1 <= x.min() < -0.99 and 0.99 < x.max() <= 1
    old_x, old_y = data(chapter)
    net = chapter["fit"].names["net"]
    expected = [mse(np.polyval(np.polyfit(old_x, old_y, 1), x), y), mse(by_numpy(weights(net), x), y), mse(x**2, y)]
    shown = [line.split() for line in lines(chapter, "floor")]
    assert [name for name, _ in shown] == ["line", "net", "x**2"]
    assert [float(value) for _, value in shown] == pytest.approx(expected, abs=1e-4)
    assert expected[2] == pytest.approx(0.1**2, abs=5e-4) and expected[2] < expected[1] < 0.014 < 0.08 < expected[0]
    # the best that any curve of degree 9 can do here is no better
    assert mse(np.polyval(np.polyfit(x, y, 9), x), y) > 0.0095
    assert mse(by_numpy(weights(net), old_x), old_y) < mse(old_x**2, old_y) < 0.01  # on the old points it is below
    assert shown[1][1] == "0.0120" and shown[2][1] == "0.0100"
    assert lines(chapter, "fit")[0].endswith("0.0092") and "right 0.0099" in lines(chapter, "silent")[0]


@pytest.mark.claim(zh="从 $x$ 预测不出噪声，平均下来，损失里总有一份它的方差。",
                   en="Noise cannot be predicted from $x$, and on average it costs its own variance.")
@pytest.mark.claim(zh="新数据上的均方误差，平均下来不会低于噪声的方差；训练损失却可以，靠的是把噪声也学进去。",
                   en="On new data the mean squared error is on average no lower than the variance of the noise; a training loss can "
                      "be, by learning the noise.")
@pytest.mark.claim(zh="记住这个 0.01：后面的损失会回到它。",
                   en="Remember the 0.01: the loss will come back to it.")
@pytest.mark.claim(zh="那正是训练用的点：它把它们的噪声也学了一点。",
                   en="These are the points it trained on: it learnt a little of their noise as well.")
def test_noise_costs_its_variance_on_average(chapter):
    rng = np.random.default_rng(0)
    x, noise = rng.uniform(-1, 1, 10**5), 0.1 * rng.normal(size=10**5)
    net = weights(chapter["fit"].names["net"])
    for predict in (lambda x: x**2, lambda x: by_numpy(net, x), lambda x: np.full_like(x, 1 / 3), lambda x: x**2 + 0.02 * x):
        own = mse(predict(x), x**2)  # what it would cost without noise
        assert mse(predict(x), x**2 + noise) == pytest.approx(own + 0.01, abs=5e-4)
    old_x, old_y = data(chapter)
    assert all(torch.equal(chapter["fit"].names[name], chapter["column"].names[name]) for name in ("x", "y"))
    off, noise = by_numpy(net, old_x) - old_x**2, old_y - old_x**2
    fresh = 0.1 * rng.normal(size=(1000, 100))
    by_chance = np.sort([np.corrcoef(off, other)[0, 1] for other in fresh])
    # it is off in the direction of the noise of these points, more than for 95 of 100 other noises, and yet by little of it
    assert by_chance[950] < np.corrcoef(off, noise)[0, 1] < 0.7
    assert mse(np.polyval(np.polyfit(old_x, old_y, 15), old_x), old_y) < 0.0095 < 0.01  # fitted closely to the noise
    assert float(lines(chapter, "floor")[2].split()[1]) == 0.01


@pytest.mark.claim(zh="往两边多看一点：",
                   en="Look a little further to both sides:")
@pytest.mark.claim(zh="横轴从 −3 到 3，−1 到 1 之间涂成浅蓝。",
                   en="x from −3 to 3, with a pale blue band from −1 to 1.")
@pytest.mark.claim(zh="在里面，橙线和虚线的抛物线几乎重合；一出去，抛物线往上弯到 9，橙线却近乎直着走，两头都不到 4。",
                   en="In the band, the orange line and the dashed parabola almost coincide; outside, the parabola climbs to 9 while "
                      "the orange line goes on almost straight and stays below 4.")
@pytest.mark.claim(zh="涂色的是有数据的地方。",
                   en="The band is where the data were.")
def test_outside_the_data_the_net_goes_straight_on(chapter):
    (figure,) = chapter["outside"].figures
    (ax,) = figure.axes
    truth, fit = ax.lines
    far = truth.get_xdata().flatten()
    assert (far.min(), far.max()) == (-3, 3) and np.allclose(truth.get_ydata().flatten(), far**2, atol=1e-5)
    parameters = weights(chapter["fit"].names["net"])
    drawn = fit.get_ydata().flatten()
    assert np.allclose(drawn, by_numpy(parameters, far), atol=1e-5)
    assert np.abs(drawn - far**2)[np.abs(far) < 0.95].max() < 0.12
    assert max(drawn[0], drawn[-1]) < 4 and drawn[0] > 0 < drawn[-1]
    assert np.allclose(np.diff(by_numpy(parameters, np.array([10.0, 11, 12, 13])), 2), 0, atol=1e-6)
    band = ax.patches[0]
    assert (band.get_x(), band.get_width()) == (-1, 2)
    x, _ = data(chapter)
    assert (x.min(), x.max()) == pytest.approx((-1, 1)) and truth.get_ydata().max() == pytest.approx(9) and truth.get_linestyle() == "--"
    for side in (far < -1.05, far > 1.05):  # no part of it strays far from a line
        assert np.abs(drawn[side] - np.polyval(np.polyfit(far[side], drawn[side], 1), far[side])).max() < 0.1


@pytest.mark.claim(zh="没有：只在 −1 和 1 之间，它才接近 $x^2$。",
                   en="No: it is close to $x^2$ between −1 and 1 only.")
@pytest.mark.claim(zh="训练时外面一个点也没有，过了最后一个折点，网络就永远是一条直线。",
                   en="No point outside had a part in the training, and past its last kink the network is a straight line for ever.")
@pytest.mark.claim(zh="那里的输出也是普普通通一个数，没有任何警告，所以要记住训练数据到哪里为止。",
                   en="The output there is a number like any other, without a warning, so remember where your data end.")
def test_outside_the_data_it_is_not_the_square(chapter):
    net = chapter["fit"].names["net"]
    parameters, (x, _) = weights(net), data(chapter)
    inside, outside = np.linspace(-1, 1, 101), np.concatenate([np.linspace(-5, -1.5, 50), np.linspace(1.5, 5, 50)])
    assert np.abs(by_numpy(parameters, inside) - inside**2).max() < 0.2
    assert np.abs(by_numpy(parameters, outside) - outside**2).min() > 0.5
    assert np.abs(x).max() == pytest.approx(1)
    last = np.abs(parameters[1] / parameters[0]).max()
    for side in (-1, 1):
        beyond = by_numpy(parameters, side * last * np.array([1.001, 500, 998.999]))
        assert beyond[0] + beyond[2] == pytest.approx(2 * beyond[1], rel=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.isfinite(net(torch.tensor([[100.0]]))).all()


@pytest.mark.claim(zh="换一个难的：只有十个点，噪声大到 0.3，网络却有一万多个参数：",
                   en="Now something harder: only ten points, noise of 0.3, and a network with more than ten thousand parameters:")
@pytest.mark.claim(zh="曲线穿过了全部十个点，训练损失几乎是 0。",
                   en="The curve passes through all ten points, and the training loss is almost 0.")
@pytest.mark.claim(zh="测试损失却先降后升，涨到最低时的两倍多：网络把这十个点的噪声背了下来。",
                   en="But the test loss falls and then rises, to more than twice its lowest: the network has learnt the noise of "
                      "these ten points by heart.")
@pytest.mark.claim(zh="光看训练损失，看不出来。",
                   en="The training loss alone does not show it.")
def test_a_large_net_learns_ten_points_by_heart(chapter):
    names = chapter["few"].names
    assert names["few_x"].shape == (10, 1) and names["test_x"].shape == (1000, 1)
    noise = (names["test_y"] - names["test_x"] ** 2).numpy()
    assert noise.std() == pytest.approx(0.3, abs=0.03)
    big, train, test = names["big"], names["train_losses"], names["test_losses"]
    assert sum(p.numel() for p in big.parameters()) == 100 * 2 + 100 * 101 + 101 > 10000
    layers = [p.detach().double().numpy() for p in big.parameters()]

    def say(x):
        h = np.maximum(x @ layers[0].T + layers[1], 0)
        return np.maximum(h @ layers[2].T + layers[3], 0) @ layers[4].T + layers[5]

    few, unseen = (mse(say(names[f"{n}_x"].double().numpy()), names[f"{n}_y"].numpy()) for n in ("few", "test"))
    assert few < 0.01 and np.abs(say(names["few_x"].double().numpy()) - names["few_y"].numpy()).max() < 0.15
    assert len(train) == len(test) == 1001 and test[-1] == pytest.approx(unseen, abs=0.02)
    assert numbers(chapter["few"].stdout) == pytest.approx([train[-1], test[-1], min(test)], abs=6e-4)
    assert train[-1] < 0.005 and test[-1] > 2 * min(test) and 5 < test.index(min(test)) < 200
    assert unseen > 0.15 > 0.09 and min(test) > 0.08  # nothing gets under 0.3 squared
    (figure,) = chapter["few-figure"].figures
    left, right = figure.axes
    grid = np.linspace(-1, 1, 201)
    assert np.allclose(left.lines[0].get_ydata().flatten(), grid**2, atol=1e-5)
    assert np.allclose(left.lines[1].get_ydata().flatten(), say(grid[:, None])[:, 0], atol=1e-4)
    assert np.allclose(left.collections[0].get_offsets(), torch.cat([names["few_x"], names["few_y"]], dim=1))
    assert [line.get_label() for line in right.lines] == ["training", "test"]
    assert right.lines[0].get_ydata().tolist() == train and right.lines[1].get_ydata().tolist() == test
    few_x, few_y = (names[name].double().numpy()[:, 0] for name in ("few_x", "few_y"))
    assert np.corrcoef(say(few_x[:, None])[:, 0] - few_x**2, few_y - few_x**2)[0, 1] > 0.95  # off by just the noise
    assert test[0] > min(test) + 0.1 and train[-1] < train[test.index(min(test))] / 10  # goes on falling meanwhile


@pytest.mark.claim(zh="多找些点，换小些的网络，或者在验证集上的损失回升之前停下（见过拟合）。",
                   en="Find more points, take a smaller network, or stop before the loss on a validation set rises (see Overfitting).")
def test_more_points_a_smaller_network_or_an_earlier_stop_lower_the_test_loss(chapter):
    names = chapter["few"].names
    test_x, test_y = names["test_x"], names["test_y"]

    def unseen(net, x, y):
        optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
        for _ in range(1000):
            loss = F.mse_loss(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return F.mse_loss(net(test_x), test_y).item()

    with torch.random.fork_rng():
        torch.manual_seed(0)
        more_x = 2 * torch.rand(1000, 1) - 1
        more_y = more_x**2 + 0.3 * torch.randn(1000, 1)
        big = nn.Sequential(nn.Linear(1, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 1))
        more = unseen(big, more_x, more_y)
        smaller = unseen(chapter["net"].names["Net"](5), names["few_x"], names["few_y"])
    overfitted, losses = names["test_losses"][-1], names["test_losses"]
    assert more < 0.7 * overfitted and smaller < 0.7 * overfitted
    assert losses[losses.index(min(losses)) + 5] < 0.7 * overfitted  # five steps late: it has just begun to rise


@pytest.mark.claim(zh="左图，橙线穿过全部十个蓝点，上下乱摆，和虚线的抛物线相去甚远。",
                   en="Left, the orange line passes through all ten blue points, swings up and down, and is far from the dashed parabola.")
@pytest.mark.claim(zh="右图，训练损失很快降到 0；测试损失先降，随后回升，停在最低时的两倍多。",
                   en="Right, the training loss soon falls to 0; the test loss falls, then rises again, to more than twice its lowest.")
@pytest.mark.claim(zh="左：学完的网络。",
                   en="Left: the network after training.")
@pytest.mark.claim(zh="右：训练损失和测试损失。",
                   en="Right: the training loss and the test loss.")
def test_the_picture_of_the_ten_points(chapter):
    (figure,) = chapter["few-figure"].figures
    left, right = figure.axes
    grid, names = np.linspace(-1, 1, 201), chapter["few"].names
    truth, fit = (line.get_ydata().flatten() for line in left.lines)
    points = np.array(left.collections[0].get_offsets())
    assert points.shape == (10, 2) and np.abs(np.interp(points[:, 0], grid, fit) - points[:, 1]).max() < 0.15
    assert np.allclose(truth, grid**2, atol=1e-5) and left.lines[0].get_linestyle() == "--"
    assert np.abs(fit - truth).max() > 0.5 and (np.diff(np.sign(np.diff(fit))) != 0).sum() >= 3
    train, test = (line.get_ydata() for line in right.lines)
    assert np.allclose(train, names["train_losses"]) and np.allclose(test, names["test_losses"])
    assert max(train[100:]) < 0.01 and min(test) < test[0] - 0.1 and test[-1] > 2 * min(test)


# ---- the scale of the inputs -----------------------------------------------------------------


@pytest.mark.claim(zh="同一条曲线，只给 x 换一把尺子：−1 到 1，变成 0 到 1000。",
                   en="The same curve, but x is measured with another ruler: −1 to 1 becomes 0 to 1000.")
@pytest.mark.claim(zh="四个学习率，没有一个胜过直线的 0.0860。",
                   en="Four learning rates, and none of them does better than the straight line with its 0.0860.")
@pytest.mark.claim(zh="初始的 $w$、$b$ 在 −1 和 1 之间均匀地取，所以 95% 的折点（在 $-b/w$）离 0 不到 10，而数据铺到 1000。",
                   en="At the start, $w$ and $b$ are drawn evenly between −1 and 1, so 95% of the kinks, at $-b/w$, lie within 10 of 0, "
                      "and the data reach to 1000.")
@pytest.mark.claim(zh="20 个折点里，落在 10 和 1000 之间的平均只有半个。",
                   en="Of the 20 kinks, on average only half a kink lies between 10 and 1000.")
def test_with_x_up_to_1000_no_learning_rate_beats_the_line(chapter):
    x, y = data(chapter)
    names = chapter["scale"].names
    assert np.allclose(names["large"][:, 0], np.linspace(0, 1000, 100), atol=0.01)
    line_loss = mse(np.polyval(np.polyfit(x, y, 1), x), y)
    *rates, near = lines(chapter, "scale")
    shown = [numbers(rate) for rate in rates]
    assert [rate for rate, _ in shown] == [1e-1, 1e-3, 1e-5, 1e-7]
    assert len(shown) == 4 and all(loss >= line_loss - 0.0005 for _, loss in shown)
    assert f"{line_loss:.4f}" == "0.0860" == f"{numbers(lines(chapter, 'loop')[0])[2]:.4f}"
    # |b / w| < 10 with both uniform in (-1, 1): 1 - 1/20
    assert near == "95% of the kinks are within 10 of 0" and 1 - 1 / (2 * 10) == 0.95
    assert all(p.abs().max() <= 1 for p in names["many"].parameters()) and names["many"].weight.min() < -0.99
    weight = names["many"].weight.detach().numpy()
    assert np.histogram(weight, 10, (-1, 1))[0] == pytest.approx([1000] * 10, rel=0.15)
    w, b = np.random.default_rng(0).uniform(-1, 1, (2, 10**6))
    kinks = -b / w
    assert np.mean(np.abs(kinks) < 10) == pytest.approx(0.95, abs=0.002)
    assert 20 * np.mean((kinks > 10) & (kinks < 1000)) == pytest.approx(0.5, abs=0.02)


@pytest.mark.claim(zh="隐藏层权重的梯度里有个因子 $x$，如今大了约一千倍，偏置的却没有。",
                   en="The gradient of a hidden weight has a factor $x$, now about a thousand times larger, and that of a bias has not.")
@pytest.mark.claim(zh="SGD 却用同一个学习率挪这两样。",
                   en="SGD moves both with the same learning rate.")
def test_the_gradient_of_a_hidden_weight_has_the_factor_x(chapter):
    names = chapter["scale"].names
    net, sizes = names["Net"](20), {}
    with torch.no_grad():
        net.hidden.weight.abs_()
        net.hidden.bias.fill_(2000)  # every hidden number passes ReLU, for either x
    for name, x in (("x", names["x"].abs()), ("large", names["large"])):
        net.zero_grad()
        net(x).mean().backward()
        sizes[name] = net.hidden.weight.grad.abs().sum().item(), net.hidden.bias.grad.abs().sum().item()
    assert 900 < sizes["large"][0] / sizes["x"][0] < 1100
    assert sizes["large"][1] == pytest.approx(sizes["x"][1], rel=1e-4)
    net, twin = names["Net"](20), names["Net"](20)
    twin.load_state_dict(net.state_dict())
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    net(names["x"]).mean().backward()
    optimizer.step()
    for old, new in zip((twin.hidden.weight, twin.hidden.bias), (net.hidden.weight, net.hidden.bias)):
        assert torch.allclose(new, old - 0.5 * new.grad, atol=1e-6)


@pytest.mark.claim(zh="药方是标准化（standardisation）：减去平均，再除以标准差。",
                   en="The cure is standardisation: subtract the mean and divide by the standard deviation.")
@pytest.mark.claim(zh="输入就落在 −1.8 和 1.8 之间，那里有折点：",
                   en="The inputs then lie between −1.8 and 1.8, where the kinks are:")
@pytest.mark.claim(zh="新来的 750 也要用训练数据的平均和标准差；答案该在 (750 / 500 − 1)² = 0.25 附近。",
                   en="The new 750 needs the mean and the standard deviation of the training data too; the answer should be near (750 "
                      "/ 500 − 1)² = 0.25.")
def test_standardised_it_learns_and_new_inputs_use_the_old_mean(chapter):
    names = chapter["standardise"].names
    large = np.linspace(0, 1000, 100)
    center, spread = large.mean(), large.std(ddof=1)
    assert (names["center"].item(), names["spread"].item()) == pytest.approx((center, spread), rel=1e-5)
    _, y = data(chapter)
    loss, at_750 = (numbers(line) for line in lines(chapter, "standardise"))
    parameters = weights(names["net"])
    assert loss == pytest.approx([mse(by_numpy(parameters, (large - center) / spread), y)], abs=2e-4)  # one step later
    assert loss[0] < 0.01
    assert at_750 == pytest.approx([750, by_numpy(parameters, np.array([(750 - center) / spread]))[0]], abs=0.006)
    assert at_750[1] == pytest.approx((750 / 500 - 1) ** 2, abs=0.06)
    assert abs(by_numpy(parameters, np.array([750.0]))[0]) > 10  # as it is, it would be nonsense
    scaled = (large - center) / spread
    assert scaled.min() < -1.6 and scaled.max() > 1.6 and np.abs(scaled).max() < 1.8
    rng = np.random.default_rng(0).uniform(-1, 1, (2, 10**5))
    assert np.mean(np.abs(rng[1] / rng[0]) < 1.8) > 0.6  # of the kinks at the start
    assert loss[0] < min(numbers(line)[1] for line in lines(chapter, "scale")[:4]) / 5


@pytest.mark.claim(zh="学习率 0.1，损失降到 0.01 以下。",
                   en="With a learning rate of 0.1 the loss falls below 0.01.")
@pytest.mark.claim(zh="输入很大，就先标准化。",
                   en="Standardise inputs that are large.")
def test_large_inputs_are_learnt_once_they_are_standardised(chapter):
    before = [numbers(line)[1] for line in lines(chapter, "scale")[:4]]
    (after,) = numbers(lines(chapter, "standardise")[0])
    assert len(before) == 4 and after < 0.01 and min(before) > 8 * after
    names = chapter["scale"].names
    large, y = names["large"], names["y"]
    inputs = (large - 500) / large.std()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        for _ in range(2):  # the same with other random weights, and not without
            net, raw = names["Net"](20), names["Net"](20)
            raw.load_state_dict(net.state_dict())
            assert names["train"](net, inputs, y, 0.1) < 0.012
            assert not names["train"](raw, large, y, 0.1) < 0.08


# ---- common errors ---------------------------------------------------------------------------


@pytest.mark.claim(zh="只会答平均数。",
                   en="Nothing but the mean.")
@pytest.mark.claim(zh="y 忘了 unsqueeze 就训练：",
                   en="Train with a y that was not unsqueezed:")
@pytest.mark.claim(zh="不管 x 是多少，都大约答 y 的平均数。",
                   en="Whatever the x, it answers with about the mean of y.")
@pytest.mark.claim(zh="看见 Using a target size，就停下来改形状。",
                   en="When you see Using a target size, stop and mend the shape.")
@pytest.mark.ledger("n1-16")
def test_trained_without_the_axis_a_net_knows_only_the_mean(chapter):
    names = chapter["flat"].names
    x, y = data(chapter)
    said = by_numpy(weights(names["flat"]), x)
    assert np.abs(said - y.mean()).max() < 0.04 and np.ptp(x**2) > 0.99
    assert numbers(chapter["flat"].stdout) == pytest.approx([said.min(), said.max(), y.mean()], abs=0.006)
    assert any("Using a target size" in warning for warning in chapter["flat"].warnings)


@pytest.mark.claim(zh="画带梯度的张量。",
                   en="Plotting a tensor that requires grad.")
@pytest.mark.claim(zh="网络的输出带着计算图，matplotlib 转不了：",
                   en="The output of a network keeps its graph, and matplotlib cannot convert it:")
@pytest.mark.claim(zh="写成 flat(x).detach()。",
                   en="Write flat(x).detach().")
def test_a_tensor_that_requires_grad_is_detached_to_be_drawn(chapter):
    error = chapter["plot-error"].error
    assert isinstance(error, RuntimeError) and "Can't call numpy() on Tensor that requires grad" in str(error)
    flat, x = chapter["flat"].names["flat"], chapter["column"].names["x"]
    said = flat(x)
    assert said.requires_grad and said.grad_fn is not None
    with pytest.raises(RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad"):
        np.asarray(said)  # what matplotlib does with it
    assert np.allclose(np.asarray(flat(x).detach())[:, 0], by_numpy(weights(flat), x[:, 0].double().numpy()), atol=1e-5)


@pytest.mark.claim(zh="NumPy 来的 float64：",
                   en="float64 from NumPy:")
@pytest.mark.claim(zh="Double 是数据，Float 是权重。",
                   en="Double is the data, Float the weight.")
@pytest.mark.claim(zh="用 .float() 转一下数据，为什么。",
                   en="Convert the data with .float(); here is why.")
def test_numbers_from_numpy_are_double_and_weights_are_float(chapter):
    error, flat = chapter["float64-error"].error, chapter["flat"].names["flat"]
    assert isinstance(error, RuntimeError) and "must have the same dtype, but got Double and Float" in str(error)
    numpy_x = np.linspace(-1, 1, 100)[:, None]
    x = torch.from_numpy(numpy_x)
    assert numpy_x.dtype == np.float64 and x.type() == "torch.DoubleTensor" and flat.hidden.weight.type() == "torch.FloatTensor"
    with pytest.raises(RuntimeError, match="got Double and Float"):
        flat(x)
    assert flat(x.float()).shape == (100, 1)
    assert F.mse_loss(torch.zeros(2), torch.zeros(2, dtype=torch.float64)).dtype == torch.float64  # the loss would not have told
