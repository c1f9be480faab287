"""The claims of the chapter on activation functions."""

import inspect
import math
import re
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.gradcheck import GradcheckError, gradcheck
from torchvision import models
from torchvision.models.resnet import Bottleneck
from torchvision.ops import SqueezeExcitation

from tests.facts import fact
from tests.prose import ledger_rows

ERF = np.vectorize(math.erf)
BELOW = lambda v: (1 + ERF(v / math.sqrt(2))) / 2  # noqa: E731  the probability that a standard normal number is below v
SIGMOID = lambda v: 1 / (1 + np.exp(-v))  # noqa: E731
CURVES = {
    "relu": lambda v: np.maximum(0, v),
    "sigmoid": SIGMOID,
    "tanh": np.tanh,
    "softplus": lambda v: np.log1p(np.exp(v)),
    "gelu": lambda v: v * BELOW(v),
}
SLOPES = {
    "relu": lambda v: (v > 0).astype(float),
    "sigmoid": lambda v: SIGMOID(v) * (1 - SIGMOID(v)),
    "tanh": lambda v: 1 - np.tanh(v) ** 2,
    "softplus": SIGMOID,
    "gelu": lambda v: BELOW(v) + v * np.exp(-v * v / 2) / math.sqrt(2 * math.pi),
}
TORCH = {"relu": F.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "softplus": F.softplus, "gelu": F.gelu}
LAYERS = 30


def lines(figure, panel=0):
    """[(x, y)] of the curves of one panel, as NumPy arrays."""
    return [tuple(np.asarray(data) for data in line.get_data()) for line in figure.axes[panel].lines]


def labels(figure):
    """The texts of a figure's legend, wherever it stands."""
    return [text.get_text() for legend in (*figure.legends, *(ax.get_legend() for ax in figure.axes)) if legend for text in legend.get_texts()]


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e[-+]?\d+)?", text)]


def softmax(z, axis=1):
    powers = np.exp(z - z.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


# Why there must be a bend


@pytest.mark.ledger("n1-20")
@pytest.mark.claim(zh="把一百个 `Linear` 层首尾相接，能算的仍不比一个 `Linear` 层多。", en="Chain a hundred `Linear` layers and they compute no more than one `Linear` layer can.")
@pytest.mark.claim(zh="没有激活函数，多少个 `Linear` 层都等于一个。", en="Without activation functions, any number of `Linear` layers is one.")
def test_a_hundred_layers_are_one():
    torch.manual_seed(1)
    layers = [nn.Linear(5, 5).double() for _ in range(100)]
    with torch.no_grad():
        weight, bias = torch.eye(5, dtype=torch.float64), torch.zeros(5, dtype=torch.float64)
        for layer in layers:
            layer.weight.mul_(2)
            weight, bias = layer.weight @ weight, layer.weight @ bias + layer.bias
        x = torch.randn(20, 5, dtype=torch.float64)
        assert torch.allclose(nn.Sequential(*layers)(x), x @ weight.T + bias, rtol=1e-6)
        bent = nn.Sequential(*[module for layer in layers[:3] for module in (layer, nn.ReLU())], layers[3])(x)
        ones = torch.cat([x, torch.ones(20, 1, dtype=torch.float64)], dim=1)
        assert (ones @ torch.linalg.lstsq(ones, bent).solution - bent).abs().max() > 1e-3  # with bends no one layer does it


@pytest.mark.claim(zh="激活函数就是插在两层之间的那道弯。", en="An activation function is the bend between two layers.")
@pytest.mark.claim(zh="它决定网络能学会什么形状，也决定有多少梯度走得到最前面的一层。", en="It decides which shapes a network can learn and how much of the gradient reaches its first layer.")
def test_an_activation_bends_and_decides_over_shapes_and_gradients(chapter):
    x = torch.linspace(-3, 3, 7)
    for f in TORCH.values():
        assert f(x).diff().diff().abs().max() > 0.05  # no straight line
    default = chapter["vanish"].names["default"]
    reaching = [sizes[1][0] for sizes in default.values()]
    assert len(set(f"{size:.0e}" for size in reaching)) == 3 and max(reaching) > 1e10 * min(reaching)
    shapes = {str(nn.Sequential(nn.Linear(1, 4), f(), nn.Linear(4, 1))(x[:, None]).diff(dim=0).diff(dim=0).abs().max() > 1e-6) for f in (nn.Identity, nn.Tanh)}
    assert shapes == {"tensor(False)", "tensor(True)"}


@pytest.mark.ledger("n1-20")
@pytest.mark.claim(zh="`nn.Linear` 先乘一个权重（weight）矩阵，再加一个偏置（bias）。", en="`nn.Linear` multiplies by a weight matrix and adds a bias.")
@pytest.mark.claim(zh="$$ W_2 (W_1 x + b_1) + b_2 = (W_2 W_1) x + (W_2 b_1 + b_2) $$", en="$$ W_2 (W_1 x + b_1) + b_2 = (W_2 W_1) x + (W_2 b_1 + b_2) $$")
@pytest.mark.claim(zh="等号右边还是一个矩阵、一个偏置。", en="The right-hand side is again one matrix and one bias.")
@pytest.mark.claim(zh="两层叠起来，把括号拆开：", en="Put one behind the other and multiply out the brackets:")
def test_multiplying_out_two_layers():
    rng = np.random.default_rng(0)
    w1, b1, w2, b2, x = (rng.normal(size=shape) for shape in ((3, 2), 3, (4, 3), 4, 2))
    layer = nn.Linear(2, 3).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(w1))
        layer.bias.copy_(torch.tensor(b1))
    np.testing.assert_allclose(layer(torch.tensor(x)).detach().numpy(), w1 @ x + b1)
    np.testing.assert_allclose(w2 @ (w1 @ x + b1) + b2, (w2 @ w1) @ x + (w2 @ b1 + b2))
    assert (w2 @ w1).shape == (4, 2) and (w2 @ b1 + b2).shape == (4,)


@pytest.mark.ledger("n1-20")
@pytest.mark.claim(zh="下面的权重全取整数，计算没有舍入，两边应该一个数都不差。", en="In the next cell all weights are whole numbers, so nothing is rounded and both sides must agree to the last digit.")
@pytest.mark.claim(zh="没有弯，果然一样。", en="Without a bend they do.")
@pytest.mark.claim(zh="中间插进 `torch.relu`，合并的那一层就给不出同样的结果了。", en="With `torch.relu` in between, the merged layer no longer gives the same.")
def test_the_merged_layer_is_exact_without_a_bend_and_wrong_with_one(chapter):
    names = chapter["merge"].names
    first, second, merged = names["first"], names["second"], names["merged"]
    assert all((p == p.round()).all() for layer in (first, second, merged) for p in layer.parameters())
    x = np.random.default_rng(0).integers(-9, 10, (50, 2)).astype(np.float32)
    w1, b1, w2, b2 = (p.detach().double().numpy() for p in (*first.parameters(), *second.parameters()))
    one = x @ (w2 @ w1).T + (w2 @ b1 + b2)
    assert np.array_equal(merged(torch.tensor(x)).detach().numpy(), one)
    assert np.array_equal(second(first(torch.tensor(x))).detach().numpy(), one)
    assert not np.array_equal(np.maximum(x @ w1.T + b1, 0) @ w2.T + b2, one)
    assert [line.split()[-1] for line in chapter["merge"].stdout.splitlines()] == ["True", "False"]


@pytest.mark.claim(zh="ReLU 把负数变成 0，其余的数不变。", en="ReLU turns negative numbers into 0 and leaves all others as they are.")
def test_relu_zeroes_negative_numbers_only():
    assert torch.relu(torch.tensor([-7.5, -0.1, 0.0, 0.1, 7.5])).tolist() == torch.tensor([0, 0, 0, 0.1, 7.5]).tolist()


@pytest.mark.ledger("n1-20")
@pytest.mark.claim(zh="输入一个数，中间两个数，输出一个数：", en="One number in, two in the middle, one out:")
@pytest.mark.claim(zh="中间的两个数是 $x$ 和 $-x$。", en="The two numbers in the middle are $x$ and $-x$.")
@pytest.mark.claim(zh="直接相加，总是 0；先过 ReLU 再相加，就是 $|x|$。", en="Added up as they are, they always give 0; after ReLU, they give $|x|$.")
def test_two_numbers_in_the_middle_make_the_absolute_value(chapter):
    names = chapter["bend"].names
    x, hidden = names["x"], names["hidden"]
    assert x.shape == (5, 1) and torch.equal(hidden, torch.cat([x, -x], dim=1))
    without, bent = (numbers(line) for line in chapter["bend"].stdout.splitlines())
    assert without == [0] * 5 and bent == [abs(v) for v in (-2, -1, 0, 1, 2)] == x.abs().flatten().tolist()
    any_x = np.linspace(-9, 9, 50)
    assert not (any_x + -any_x).any() and np.array_equal(np.maximum(any_x, 0) + np.maximum(-any_x, 0), np.abs(any_x))


@pytest.mark.ledger("n1-20")
@pytest.mark.claim(zh="只用 `Linear` 层，不管权重是多少，都给不出 $|x|$。", en="`Linear` layers alone never give $|x|$, whatever their weights.")
@pytest.mark.claim(zh="它们画的是直线，而直线在 0 处的高度，等于它在 −1 和 1 两处高度的平均。", en="They draw a straight line, and at 0 a straight line is as high as the average of its heights at −1 and 1.")
@pytest.mark.claim(zh="可是 $|x|$ 在这两处都是 1，在 0 处却是 0。", en="But $|x|$ is 1 at both, and 0 at 0.")
def test_no_stack_of_linear_layers_draws_the_absolute_value():
    x = torch.linspace(-1, 1, 21, dtype=torch.float64)[:, None]
    for seed in range(5):
        torch.manual_seed(seed)
        y = nn.Sequential(nn.Linear(1, 8), nn.Linear(8, 8), nn.Linear(8, 1)).double()(x)
        assert y.diff(dim=0).std() < 1e-12  # straight
        assert torch.allclose(y[10], (y[0] + y[20]) / 2)
    best = np.polyfit(x.flatten(), x.abs().flatten(), 1)  # the best straight line
    assert np.abs(np.polyval(best, x.flatten()) - x.abs().flatten().numpy()).max() > 0.4
    assert [abs(v) for v in (-1, 0, 1)] == [1, 0, 1] == np.abs(x.flatten().numpy()[[0, 10, 20]]).round(12).tolist()


# Five curves


@pytest.mark.ledger("n2-25")
@pytest.mark.claim(zh="下面五个函数都是逐元素（elementwise）的：每个数各算各的，形状不变。", en="All five functions below are elementwise: each number is treated on its own, and the shape does not change.")
@pytest.mark.claim(zh="照公式写出来，每个都和 PyTorch 自带的函数一致：", en="Each formula, written out, agrees with PyTorch’s own function:")
@pytest.mark.claim(zh="把每条曲线和它的斜率画在一起，斜率由自动求导（autograd）算出：", en="Next to each curve, its slope, as autograd finds it:")
@pytest.mark.claim(zh="GELU 就是 $x$ 乘上一个概率：标准正态的随机数小于 $x$ 的概率。", en="GELU is $x$ times the probability that a standard normal random number comes out below $x$.")
def test_formulas_by_hand_and_torch_agree_with_math(chapter):
    names = chapter["by-hand"].names
    assert set(names["pairs"]) == set(CURVES)
    for name, pair in names["pairs"].items():
        for values in pair:
            np.testing.assert_allclose(values.detach().numpy(), CURVES[name](np.linspace(-4, 4, 201)), atol=2e-6)
        table = torch.randn(2, 3, 4, dtype=torch.float64)
        assert TORCH[name](table).shape == table.shape
        assert all(torch.allclose(TORCH[name](table)[i], TORCH[name](table[i])) for i in np.ndindex(2, 3, 4))
    assert chapter["by-hand"].stdout.count("True") == 5 and "False" not in chapter["by-hand"].stdout
    drawn = np.random.default_rng(0).normal(size=200_000)
    assert all(F.gelu(torch.tensor(v)).item() == pytest.approx(v * (drawn < v).mean(), abs=0.01) for v in (-2.0, -0.75, 0.5, 2.0))


@pytest.mark.ledger("n2-25")
@pytest.mark.claim(zh=r"ReLU | $\max(0, x)$ | 0 到无穷大", en=r"ReLU | $\max(0, x)$ | 0 to infinity")
@pytest.mark.claim(zh=r"sigmoid | $\sigma(x) = \frac{1}{1 + e^{-x}}$ | 0 到 1", en=r"sigmoid | $\sigma(x) = \frac{1}{1 + e^{-x}}$ | 0 to 1")
@pytest.mark.claim(zh=r"tanh | $\frac{e^{x} - e^{-x}}{e^{x} + e^{-x}}$ | −1 到 1", en=r"tanh | $\frac{e^{x} - e^{-x}}{e^{x} + e^{-x}}$ | −1 to 1")
@pytest.mark.claim(zh=r"softplus | $\ln(1 + e^{x})$ | 大于 0", en=r"softplus | $\ln(1 + e^{x})$ | above 0")
def test_rows_of_the_table_formula_and_range():
    x = torch.linspace(-30, 30, 6001, dtype=torch.float64)
    v = x.numpy()
    for formula, name in ((np.maximum(0, v), "relu"), (1 / (1 + np.exp(-v)), "sigmoid"),
                          ((np.exp(v) - np.exp(-v)) / (np.exp(v) + np.exp(-v)), "tanh"), (np.log(1 + np.exp(v)), "softplus")):
        np.testing.assert_allclose(TORCH[name](x).numpy(), formula, atol=1e-12)
    assert F.relu(x).min() == 0 and F.relu(x).max() == 30
    assert 0 < torch.sigmoid(x).min() < 1e-12 and 1 - 1e-12 < torch.sigmoid(x).max() < 1
    assert -1 <= torch.tanh(x).min() < -1 + 1e-12 and 1 - 1e-12 < torch.tanh(x).max() <= 1
    assert 0 < F.softplus(x).min() < 1e-12 and F.softplus(x).max() >= 30


@pytest.mark.ledger("n2-25")
@pytest.mark.claim(zh=r"GELU | $\frac{x}{2} (1 + \text{erf}(\frac{x}{\sqrt{2}}))$ | −0.17 到无穷大", en=r"GELU | $\frac{x}{2} (1 + \text{erf}(\frac{x}{\sqrt{2}}))$ | −0.17 to infinity")
def test_row_of_gelu():
    x = torch.linspace(-30, 30, 60001, dtype=torch.float64)
    np.testing.assert_allclose(F.gelu(x).numpy(), x.numpy() / 2 * (1 + ERF(x.numpy() / math.sqrt(2))), atol=1e-12)
    assert F.gelu(x).min().item() == pytest.approx(-0.17, abs=0.005) and F.gelu(x).max() == 30


@pytest.mark.ledger("n2-25", "n1-23")
@pytest.mark.claim(zh="左边是输出：sigmoid 从 0 升到 1，tanh 从 −1 升到 1，两头都变平；ReLU、softplus、GELU 只在负的一侧变平。", en="Left, the outputs: sigmoid rises from 0 to 1 and tanh from −1 to 1, flat at both ends; ReLU, softplus and GELU are flat on the negative side only.")
@pytest.mark.claim(zh="左：五条曲线。", en="Left: five curves.")
def test_left_panel_draws_the_five_curves(chapter):
    figure = chapter["curves"].figures[0]
    assert figure.axes[0].get_ylabel() == "output f(x)" and labels(figure) == ["sigmoid", "tanh", "relu", "softplus", "gelu"]
    drawn = dict(zip(labels(figure), lines(figure, 0), strict=True))
    for name, (x, y) in drawn.items():
        np.testing.assert_allclose(y, CURVES[name](x.astype(float)), atol=2e-6)
        left, right = y[1] - y[0], y[-1] - y[-2]
        assert abs(left) < 0.05 * (x[1] - x[0])
        assert bool(abs(right) < 0.05 * (x[1] - x[0])) is (name in ("sigmoid", "tanh"))
    for name, floor in (("sigmoid", 0), ("tanh", -1)):
        y = drawn[name][1]
        assert (np.diff(y) > 0).all() and y[0] == pytest.approx(floor, abs=0.02) and y[-1] == pytest.approx(1, abs=0.02)


@pytest.mark.claim(zh="右边是斜率：sigmoid 是一个低矮的小丘，最高 0.25；tanh 在 0 处达到 1；ReLU 在 0 处从 0 跳到 1；softplus 从 0 平滑地升到 1；GELU 先略低于 0，后略高于 1。", en="Right, the slopes: sigmoid is a low hill, 0.25 at most; tanh reaches 1 at 0; ReLU jumps from 0 to 1 at 0; softplus climbs smoothly from 0 to 1; GELU is a little below 0 first and a little above 1 later.")
@pytest.mark.claim(zh="右：它们的斜率", en="Right: their slopes")
def test_right_panel_draws_their_slopes(chapter):
    figure = chapter["curves"].figures[0]
    assert figure.axes[1].get_ylabel() == "slope f'(x)"
    drawn = dict(zip(labels(figure), lines(figure, 1)[:5], strict=True))  # what a later cell adds is left out
    for name, (x, y) in drawn.items():
        np.testing.assert_allclose(y, SLOPES[name](x.astype(float)), atol=5e-6)
    x = drawn["relu"][0]
    assert drawn["sigmoid"][1].max() == pytest.approx(0.25) and drawn["tanh"][1][100] == pytest.approx(1) and abs(x[100]) < 1e-6
    assert set(drawn["relu"][1][:100]) == {0} and set(drawn["relu"][1][101:]) == {1}
    soft = drawn["softplus"][1]
    assert (np.diff(soft) > 0).all() and np.diff(soft).max() < 0.02 and soft[0] < 0.02 and soft[-1] > 0.98
    gelu = drawn["gelu"][1]
    assert -0.2 < gelu.min() < 0 and 1 < gelu.max() < 1.2 and gelu.argmin() < gelu.argmax()


# Slopes


@pytest.mark.ledger("n2-25")
@pytest.mark.claim(zh="sigmoid 的斜率最大 1/4，tanh 的最大 1，都只在 0 处达到。", en="Sigmoid’s slope is 1/4 at most, tanh’s is 1 at most, and both only at 0.")
@pytest.mark.claim(zh="离 0 远了，两者的斜率都接近 0，这叫**饱和**（saturation）。", en="Far from 0 both slopes are close to 0, which is called **saturation**.")
@pytest.mark.claim(zh="输入为正时，ReLU 的斜率总是 1。", en="ReLU’s slope is 1 for every positive input.")
@pytest.mark.claim(zh="softplus 的斜率就是 sigmoid。", en="The slope of softplus is sigmoid.")
def test_slopes_by_autograd():
    x = torch.linspace(-20, 20, 4001, dtype=torch.float64, requires_grad=True)
    slope = {name: torch.autograd.grad(f(x).sum(), x)[0] for name, f in TORCH.items()}
    for name, top in (("sigmoid", 1 / 4), ("tanh", 1)):
        assert slope[name].argmax() == 2000 and slope[name][2000].item() == pytest.approx(top, abs=1e-12)
        assert (slope[name] >= top).sum() == 1
        assert slope[name][x.abs() > 8].max() < 0.001
    assert (slope["relu"][x > 0] == 1).all()
    assert torch.allclose(slope["softplus"], 1 / (1 + torch.exp(-x)))


@pytest.mark.claim(zh="梯度（gradient）往回走，每经过一个激活函数，就乘上那里的斜率。", en="On its way back through the layers, the gradient is multiplied by the slope of each activation function that it passes.")
def test_the_gradient_is_multiplied_by_each_slope():
    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    h1 = torch.tanh(x)
    h2 = torch.sigmoid(3 * h1)
    h2.backward()
    expected = SLOPES["sigmoid"](3 * np.tanh(0.7)) * 3 * SLOPES["tanh"](0.7)
    assert x.grad.item() == pytest.approx(expected)


@pytest.mark.claim(zh="`nn.ReLU()` 造一个模块，`nn.Sequential` 要的就是模块；`F.relu` 和 `torch.relu` 是函数，用在自己写的 `forward` 里。", en="`nn.ReLU()` makes a module, which `nn.Sequential` wants; `F.relu` and `torch.relu` are functions, for a `forward` of your own.")
@pytest.mark.claim(zh="三者算的是同一件事：", en="All three compute the same:")
def test_module_and_functions_are_the_same(chapter):
    assert chapter["module-or-function"].stdout == "True True\n"
    assert isinstance(nn.ReLU(), nn.Module) and not any(isinstance(f, nn.Module) for f in (F.relu, torch.relu))
    x = torch.randn(100)
    assert torch.equal(nn.ReLU()(x), x.clamp(min=0)) and torch.equal(F.relu(x), torch.relu(x)) and torch.equal(F.relu(x), nn.ReLU()(x))
    assert torch.equal(nn.Sequential(nn.ReLU())(x), F.relu(x))
    for function in (F.relu, torch.relu):
        with pytest.raises(TypeError):
            nn.Sequential(function)


# Plotting


@pytest.fixture
def ax():
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)


@pytest.mark.ledger("n1-23")
@pytest.mark.claim(zh="如今 CPU 上的张量，matplotlib 会自己转换。", en="Today matplotlib converts a CPU tensor by itself.")
@pytest.mark.claim(zh="带梯度的张量，它却不收：", en="It refuses one that requires a gradient:")
def test_matplotlib_draws_a_cpu_tensor_and_refuses_one_that_requires_grad(chapter, ax):
    for dtype in (torch.float32, torch.float64, torch.float16, torch.int64, torch.bool):
        (line,) = ax.plot(torch.arange(3), torch.tensor([0, 1, 4]).to(dtype))
        np.testing.assert_array_equal(line.get_ydata(), torch.tensor([0, 1, 4]).to(dtype).tolist())
    with pytest.raises(RuntimeError, match="requires grad"):
        ax.plot(torch.arange(3.0, requires_grad=True), torch.arange(3.0))
    cell = chapter["plot-grad-error"]
    assert type(cell.error) is RuntimeError and cell.names["x"].requires_grad and not cell.names["t"].requires_grad
    np.testing.assert_allclose(np.asarray(cell.names["right"].lines[-1].get_ydata()), SIGMOID(np.linspace(-4, 4, 201)), atol=1e-6)  # the first plot went well


@pytest.mark.ledger("n1-23")
@pytest.mark.claim(zh="报错里写着解法。", en="The message names the cure.")
@pytest.mark.claim(zh="`.detach()` 给出一个共用数据、但不带梯度的张量；`.numpy()` 可以省掉。", en="`.detach()` gives a tensor that shares the data and requires no gradient; `.numpy()` can be left out.")
@pytest.mark.claim(zh="带梯度 | `Can't call numpy() on Tensor that requires grad` | `.detach()`", en="requires a gradient | `Can't call numpy() on Tensor that requires grad` | `.detach()`")
def test_detach_shares_the_data_and_drops_the_gradient(chapter, ax):
    assert str(chapter["plot-grad-error"].error) == "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
    x = torch.arange(3.0, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad"):
        ax.plot(x)
    assert not x.detach().requires_grad and x.detach().data_ptr() == x.data_ptr()
    assert ax.plot(x.detach())[0].get_ydata().tolist() == [0, 1, 2]


@pytest.mark.ledger("n1-23")
@pytest.mark.claim(zh="还有两种张量也不收：", en="Two more kinds are refused:")
@pytest.mark.claim(zh="在 GPU 上 | `can't convert cuda:0 device type tensor to numpy` | `.cpu()`", en="is on a GPU | `can't convert cuda:0 device type tensor to numpy` | `.cpu()`")
@pytest.mark.claim(zh="类型是 `bfloat16` | `Got unsupported ScalarType BFloat16` | `.float()`", en="is `bfloat16` | `Got unsupported ScalarType BFloat16` | `.float()`")
def test_tensors_elsewhere_and_bfloat16_are_refused(ax):
    device = "cuda:0" if torch.cuda.is_available() else "meta"  # meta: another device that is not the CPU, with the same message
    with pytest.raises(TypeError, match=rf"can't convert {device} device type tensor to numpy\. Use Tensor\.cpu\(\)"):
        ax.plot(torch.zeros(3, device=device))
    with pytest.raises(TypeError, match="Got unsupported ScalarType BFloat16"):
        ax.plot(torch.zeros(3, dtype=torch.bfloat16))
    assert ax.plot(torch.ones(3, dtype=torch.bfloat16).float())[0].get_ydata().tolist() == [1, 1, 1]
    assert ax.plot(torch.ones(3).cpu())[0].get_ydata().tolist() == [1, 1, 1]


# Softmax


@pytest.mark.claim(zh="softmax 把一个样本（sample）的得分变成概率：先取 $e$ 的幂，再除以全部 $K$ 个类别的总和。", en="Softmax turns the scores of a sample into probabilities: raise $e$ to each score, and divide by the total over all $K$ classes.")
@pytest.mark.claim(zh=r"$$ \text{softmax}(z)_i = \frac{e^{z_i}}{\sum_{j=1}^{K} e^{z_j}} $$", en=r"$$ \text{softmax}(z)_i = \frac{e^{z_i}}{\sum_{j=1}^{K} e^{z_j}} $$")
@pytest.mark.claim(zh="softmax 不是逐元素的：一个得分涨了，其他类别的概率全都下降。", en="Softmax is not elementwise: when one score goes up, the probabilities of all other classes go down.")
@pytest.mark.claim(zh="`dim` 指定沿哪条轴的概率加起来等于 1；得分的形状是 `(N, C)`，也就是 N 个样本、C 个类别时，它是 `dim=1`。", en="`dim` names the axis along which the probabilities add up to 1; for scores of shape `(N, C)`, N samples and C classes, that is `dim=1`.")
def test_softmax_sums_to_one_along_dim(chapter):
    names = chapter["softmax-by-hand"].names
    z = np.array([[2.0, 1, 0], [1, 3, 0]])
    np.testing.assert_array_equal(names["scores"], z)
    for values in (names["by_hand"], names["probabilities"]):
        np.testing.assert_allclose(values.numpy(), np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), atol=1e-6)
    assert chapter["softmax-by-hand"].stdout.startswith("True")
    scores = torch.randn(5, 4, dtype=torch.float64)
    for dim in (0, 1):
        assert torch.allclose(torch.softmax(scores, dim=dim).sum(dim=dim), torch.ones(1, dtype=torch.float64))
        assert not torch.allclose(torch.softmax(scores, dim=dim).sum(dim=1 - dim), torch.ones(1, dtype=torch.float64))
    raised = scores + torch.tensor([0, 0, 1.0, 0])
    change = torch.softmax(raised, dim=1) - torch.softmax(scores, dim=1)
    assert (change[:, 2] > 0).all() and (change[:, [0, 1, 3]] < 0).all()


@pytest.mark.claim(zh="所有得分同加一个数 $c$，分子分母都乘上 $e^c$，约掉了。", en="Add the same $c$ to each score, and numerator and denominator are both multiplied by $e^c$, which cancels.")
@pytest.mark.claim(zh="加上 1000 以后，照抄公式全是 `nan`，因为 $e^{1000}$ 超出了 `float32` 能表示的范围；`torch.softmax` 的结果和原来一样。", en="With 1000 added, the plain formula gives nothing but `nan`, because $e^{1000}$ is more than `float32` can hold; `torch.softmax` gives the same as before.")
@pytest.mark.claim(zh="计算机却看得出差别：", en="The computer sees a difference:")
def test_softmax_ignores_a_shift_and_the_plain_formula_overflows(chapter):
    z, c = np.array([2.0, 1, 0]), 3.7
    np.testing.assert_allclose(np.exp(z + c), np.exp(z) * np.exp(c))
    np.testing.assert_allclose(np.exp(z + c).sum(), np.exp(z).sum() * np.exp(c))
    np.testing.assert_allclose(np.exp(z + c) / np.exp(z + c).sum(), np.exp(z) / np.exp(z).sum())
    out = chapter["softmax-shift"].stdout
    assert out.count("nan") == 6 and not numbers(out) and out.rstrip().endswith("True")
    assert 1000 > math.log(torch.finfo(torch.float32).max) and torch.exp(torch.tensor(1000.0)).isinf()
    scores = chapter["softmax-by-hand"].names["scores"]
    assert torch.allclose(torch.softmax(scores + 1000, dim=1), torch.softmax(scores, dim=1))


@pytest.mark.claim(zh="分类网络给每个类别（class）打一个分，这种得分也叫 logit。", en="A classifier gives every class a score, also called a logit.")
@pytest.mark.claim(zh="训练时，别在 `F.cross_entropy` 前面加 softmax：它收的是 logits，自己里面就有 softmax。", en="In training, put no softmax before `F.cross_entropy`: it takes logits, and its own softmax is inside.")
@pytest.mark.claim(zh="多分类的输出 | 训练时什么也不加 | `cross_entropy` 收 logits", en="output, several classes | nothing, in training | `cross_entropy` takes logits")
@pytest.mark.claim(zh="二分类的输出 | 训练时什么也不加 | `binary_cross_entropy_with_logits` 收 logits", en="output, yes or no | nothing, in training | `binary_cross_entropy_with_logits` takes logits")
def test_the_losses_take_logits():
    z, right = np.array([[2.0, 1, 0], [1, 3, 0]]), [0, 1]
    loss = F.cross_entropy(torch.tensor(z), torch.tensor(right)).item()
    assert loss == pytest.approx(-np.log(softmax(z)[[0, 1], right]).mean())
    assert F.cross_entropy(torch.softmax(torch.tensor(z), dim=1), torch.tensor(right)).item() > loss + 0.1
    assert "logits" in F.cross_entropy.__doc__ and "unnormalized logits for each class" in nn.CrossEntropyLoss.__doc__
    assert models.get_model("resnet18", num_classes=7)(torch.zeros(1, 3, 32, 32).expand(2, -1, -1, -1)).shape == (2, 7)  # a score for every class
    z, y = torch.tensor([0.3, -1.2]), torch.tensor([1.0, 0.0])
    by_hand = -np.log([SIGMOID(0.3), 1 - SIGMOID(-1.2)]).mean()
    assert F.binary_cross_entropy_with_logits(z, y).item() == pytest.approx(by_hand, rel=1e-5)
    assert F.binary_cross_entropy_with_logits(torch.sigmoid(z), y).item() > by_hand + 0.1


# Shallow is easy, deep is not


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="`plain` 造一个块（block）：一个线性层加激活函数；`deep` 把这样的块一个接一个串起来。", en="`plain` makes a block, a linear layer and its activation; `deep` puts such blocks one behind the other.")
def test_blocks_are_what_the_page_says(chapter):
    plain, deep = (chapter["deep"].names[name] for name in ("plain", "deep"))
    block = plain(nn.Tanh)
    assert [type(module) for module in block] == [nn.Linear, nn.Tanh] and block[0].weight.shape == (32, 32)
    assert plain(nn.ReLU, nn.init.ones_)[0].weight.eq(1).all() and not plain(nn.ReLU, nn.init.ones_)[0].bias.eq(0).any()
    made = []
    net = deep(lambda: made.append(plain(nn.ReLU)) or made[-1], depth=3)
    assert list(net[1:-1]) == made and len(made) == 3 and len(deep(lambda: nn.Identity())) == 20
    x = torch.randn(5, 1)
    assert torch.equal(net(x), net[4](made[2](made[1](made[0](net[0](x)))))) and net(x).shape == (5, 1)


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh=r"任务是拟合 $y = \sin(4x)$。", en=r"The task is to fit $y = \sin(4x)$.")
@pytest.mark.claim(zh="有两个名字后面的章节才讲：`F.mse_loss` 是误差平方的平均，Adam 是一种优化器，步子的大小由 `lr` 定。", en="Two names come from later chapters: `F.mse_loss` is the mean of the squared errors, and Adam is an optimizer, with steps set by `lr`.")
def test_the_task_and_its_tools(chapter):
    x, y = chapter["fit"].names["x"], chapter["fit"].names["y"]
    np.testing.assert_allclose(x.numpy(), np.linspace(-1, 1, 64)[:, None], atol=1e-6)
    np.testing.assert_allclose(y.numpy(), np.sin(4 * np.linspace(-1, 1, 64))[:, None], atol=1e-6)
    a, b = np.random.default_rng(0).normal(size=(2, 50))
    assert F.mse_loss(torch.tensor(a), torch.tensor(b)).item() == pytest.approx(((a - b) ** 2).mean())
    assert issubclass(torch.optim.Adam, torch.optim.Optimizer)
    for lr in (0.01, 0.001):
        w = torch.tensor([1.0, -2.0], requires_grad=True)
        (w * torch.tensor([3.0, 0.5])).sum().backward()
        before = w.detach().clone()
        torch.optim.Adam([w], lr=lr).step()
        assert torch.allclose((w.detach() - before).abs(), torch.full((2,), lr), rtol=1e-3)
    assert chapter["fit"].names["final_losses"].__defaults__ == (18, 0.01)


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="永远回答平均值，误差是 0.44，这是我们的基线（baseline）。", en="Always to answer the mean leaves an error of 0.44, our baseline.")
@pytest.mark.claim(zh="两个块时，三种激活函数从三个起点出发，误差全都降到 0.01 以下。", en="With two blocks, all three activations end below 0.01, from three starts.")
@pytest.mark.claim(zh="十八个块的 sigmoid 停在基线上。", en="Eighteen blocks of sigmoid end at the baseline.")
def test_shallow_networks_learn_with_any_activation_and_a_deep_sigmoid_one_does_not(chapter):
    mean, *shallow, deep = ([float(loss) for loss in re.findall(r"\d\.\d\d", line)] for line in chapter["shallow-deep"].stdout.splitlines())
    assert mean == [0.44] and 0.44 == round(float(np.var(np.sin(4 * np.linspace(-1, 1, 64)))), 2)
    assert len(shallow) == 3 and all(len(losses) == 3 and max(losses) < 0.01 for losses in shallow)
    assert deep == [0.44] * 3
    assert [line.split()[:3] for line in chapter["shallow-deep"].stdout.splitlines()[1:]] == [
        ["2", "blocks,", "sigmoid"], ["2", "blocks,", "tanh"], ["2", "blocks,", "ReLU"], ["18", "blocks,", "sigmoid"]]


def train(net, steps=200, lr=0.01):
    """The same task, written anew: the error left."""
    x = torch.linspace(-1, 1, 64)[:, None]
    y = torch.sin(4 * x)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ((net(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
    return loss.item()


@pytest.mark.ledger("n1-22")
def test_the_losses_that_the_page_prints_are_those_of_the_networks_it_names(chapter):
    """Labels and networks belong together: a network of each kind from the first start, built here."""
    def first(line):
        return numbers(line)[-3]

    for line, activation in zip(chapter["shallow-deep"].stdout.splitlines()[1:4], (nn.Sigmoid, nn.Tanh, nn.ReLU), strict=True):
        torch.manual_seed(0)
        blocks = [nn.Sequential(nn.Linear(32, 32), activation()) for _ in range(2)]
        assert train(nn.Sequential(nn.Linear(1, 32), *blocks, nn.Linear(32, 1))) == pytest.approx(first(line), abs=0.006)


# The signal, forward and backward


def by_hand(f, slope, weights, biases, x, back):
    """What a network passes forward, back and gives its weights, by the formulas on paper: three lists of arrays."""
    inputs = [x]
    for w, b in zip(weights, biases, strict=True):
        inputs.append(inputs[-1] @ w.T + b)
        inputs.append(f(inputs[-1]))
    outputs, before, given = inputs[2::2], inputs[1::2], inputs[0:-1:2]
    backs, grads = [], []
    for w, z, h in zip(weights[::-1], before[::-1], given[::-1], strict=True):
        backs.append(back)
        back = back * slope(z)
        grads.append(back.T @ h)  # the input times the gradient that came back, summed over the samples
        back = back @ w
    return outputs, backs[::-1], grads[::-1]


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="现在取 30 层，不做任务。", en="Now 30 layers without a task.")
@pytest.mark.claim(zh="从最前面送进大小为 1 的随机数，从最后面送进大小为 1 的随机梯度；“大小”指均方根。", en="Random numbers of size 1 go in at the front, a random gradient of size 1 at the back; the size is the root of the mean square.")
@pytest.mark.claim(zh="`signals` 给出每一层的三个大小：它的输出、传回到这个输出的梯度、它的权重的梯度。", en="For each layer, `signals` gives three sizes: of its output, of the gradient that comes back to this output, and of its weights’ gradient.")
@pytest.mark.claim(zh="权重的梯度，等于这一层的输入乘传回来的梯度，再对样本求和。", en="The gradient of a weight is the input of its layer times the gradient that comes back, summed over the samples.")
def test_signals_agree_with_backpropagation_by_hand(chapter):
    signals = chapter["signals"].names["signals"]
    for zero_biases in (False, True):
        ours = signals(torch.tanh, zero_biases=zero_biases)
        torch.manual_seed(0)
        x = torch.randn(256, 64, dtype=torch.float64).numpy()
        layers = [nn.Linear(64, 64) for _ in range(LAYERS)]
        noise = torch.randn(256, 64, dtype=torch.float64).numpy()
        assert rms(x) == pytest.approx(1, abs=0.02) and rms(noise) == pytest.approx(1, abs=0.02)
        weights = [layer.weight.detach().double().numpy() for layer in layers]
        biases = [layer.bias.detach().double().numpy() * (not zero_biases) for layer in layers]
        expected = by_hand(np.tanh, SLOPES["tanh"], weights, biases, x, noise)
        for sizes, arrays in zip(ours, expected, strict=True):
            assert len(sizes) == LAYERS
            np.testing.assert_allclose(sizes, [rms(array) for array in arrays], rtol=1e-6)


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="对数纵轴；横轴是第 1 到第 30 层。", en="Logarithmic vertical axis; the horizontal axis is the layer, 1 to 30.")
@pytest.mark.claim(zh="三条直线在第 30 层交于 1，往第 1 层一路下降：tanh 到 10 的 −7 次方左右，ReLU 到 10 的 −12 次方左右，sigmoid 到 10 的 −25 次方左右。", en="Three straight lines meet at 1 in layer 30 and fall towards layer 1: tanh to about ten to the −7, ReLU to about ten to the −12, sigmoid to about ten to the −25.")
@pytest.mark.claim(zh="默认初始化：离输出越远，梯度越小", en="Default initialisation: the farther from the output, the smaller the gradient")
def test_figure_of_the_vanishing_gradient(chapter):
    figure = chapter["vanish"].figures[0]
    assert figure.axes[0].get_yscale() == "log" and "nearest the input" in figure.axes[0].get_xlabel()
    drawn = dict(zip(labels(figure), lines(figure), strict=True))
    for (name, (x, y)), power in zip(drawn.items(), (-25, -7, -12), strict=True):
        assert x.tolist() == list(range(1, 31))
        np.testing.assert_allclose(y, chapter["signals"].names["signals"](TORCH[name])[1])
        assert math.log10(y[0]) == pytest.approx(power, abs=0.7) and y[-1] == pytest.approx(1, abs=0.02)
        assert (np.diff(y) > 0).all()
        assert np.corrcoef(x, np.log(y))[0, 1] > 0.999  # straight
    assert list(drawn) == ["sigmoid", "tanh", "relu"]


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="从第 30 层到第 1 层，sigmoid 网络的梯度缩小了 20 多个数量级：这就是**梯度消失**（vanishing gradient）。", en="From layer 30 to layer 1, the gradient of the sigmoid network shrinks by more than 20 powers of ten: the **vanishing gradient**.")
@pytest.mark.claim(zh="用默认初始化，ReLU 挡不住它，比 tanh 还糟。", en="With the default initialisation ReLU does not prevent it, and does worse than tanh.")
def test_default_initialisation_makes_gradients_vanish(chapter):
    default = chapter["vanish"].names["default"]
    shrink = {name: math.log10(back[-1] / back[0]) for name, (_, back, _) in default.items()}
    assert 20 < shrink["sigmoid"] < 30 and 6 < shrink["tanh"] < 8 < shrink["relu"] < 14


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="梯度往回走一层，要乘斜率 $f'$，再乘权重 $w$。", en="One layer back, the gradient is multiplied by the slopes $f'$ and by the weights $w$.")
@pytest.mark.claim(zh="得到的每个数，都是对这一层 $n$ 个输出求的和，所以大小大约乘上", en="Each number that comes out is a sum over the $n$ outputs of the layer, so its size changes by a factor of about")
@pytest.mark.claim(zh=r"$$ r = \sqrt{n \cdot \text{Var}(w) \cdot \text{mean}(f'^2)} $$", en=r"$$ r = \sqrt{n \cdot \text{Var}(w) \cdot \text{mean}(f'^2)} $$")
def test_the_factor_counts_outputs_also_where_widths_differ():
    """(inputs, outputs) far apart: only the count of outputs predicts the gradient's size."""
    torch.manual_seed(0)
    for inputs, outputs in ((1024, 64), (64, 1024), (256, 256)):
        for f, slope in ((torch.tanh, SLOPES["tanh"]), (torch.relu, SLOPES["relu"])):
            layer = nn.Linear(inputs, outputs).double()
            x = torch.randn(200, inputs, dtype=torch.float64, requires_grad=True)
            z = layer(x)
            back = torch.randn(200, outputs, dtype=torch.float64)
            (grad,) = torch.autograd.grad(f(z), x, back)
            w, slopes = layer.weight.detach().numpy(), slope(z.detach().numpy())
            np.testing.assert_allclose(grad.numpy(), (back.numpy() * slopes) @ w)  # slopes, then weights: a sum over outputs
            factor = rms(grad.numpy()) / rms(back.numpy())
            assert factor == pytest.approx(math.sqrt(outputs * w.var() * np.mean(slopes**2)), rel=0.1)
            if inputs != outputs:
                assert abs(factor / math.sqrt(inputs * w.var() * np.mean(slopes**2)) - 1) > 0.5


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh=r"默认的权重均匀地落在 $-1/\sqrt{m}$ 到 $1/\sqrt{m}$ 之间，$m$ 是输入的个数，所以 $\text{Var}(w)$ 等于 $1/(3m)$。", en=r"By default the weights lie evenly between $-1/\sqrt{m}$ and $1/\sqrt{m}$, with $m$ the number of inputs, so $\text{Var}(w)$ is $1/(3m)$.")
@pytest.mark.claim(zh=r"这里 $m = n = 64$，$n \cdot \text{Var}(w)$ 等于 1/3。", en=r"Here $m = n = 64$ and $n \cdot \text{Var}(w)$ is 1/3.")
@pytest.mark.claim(zh="斜率的平方，在 0 附近，sigmoid 是 1/16，tanh 是 1；ReLU 一半是 0、一半是 1，平均 1/2。", en="The squared slope near 0 is 1/16 for sigmoid and 1 for tanh; for ReLU half of them are 0 and half are 1, on average 1/2.")
@pytest.mark.claim(zh="三个网络量到的值，与公式的预测都相差不到 10%。", en="For all three, what is measured lies within 10% of what the formula predicts.")
def test_one_formula_predicts_the_factor_of_a_layer(chapter):
    assert r"k = \frac{1}{\text{in\_features}}" in nn.Linear.__doc__ and r"\mathcal{U}(-\sqrt{k}, \sqrt{k})" in nn.Linear.__doc__
    torch.manual_seed(0)
    for inputs, outputs in ((64, 64), (100, 900)):
        weight = nn.Linear(inputs, outputs).weight.detach()
        bound = 1 / math.sqrt(inputs)
        assert 0.98 * bound < weight.max() <= bound and -bound <= weight.min() < -0.98 * bound
        histogram = torch.histc(weight, bins=4, min=-bound, max=bound) / weight.numel()
        assert torch.allclose(histogram, torch.full((4,), 1 / 4), atol=0.03)  # evenly
        assert weight.var().item() == pytest.approx(1 / (3 * inputs), rel=0.05)
    assert 64 * nn.Linear(64, 64).weight.var().item() == pytest.approx(1 / 3, rel=0.05)
    assert SLOPES["sigmoid"](0) ** 2 == 1 / 16 and SLOPES["tanh"](0) ** 2 == 1
    assert SLOPES["relu"](np.random.default_rng(0).normal(size=10000)).mean() == pytest.approx(1 / 2, abs=0.02)
    printed = [numbers(line) for line in chapter["factor"].stdout.splitlines()]
    for (name, (_, back, _)), square, (predicted, measured) in zip(chapter["vanish"].names["default"].items(), (1 / 16, 1, 1 / 2), printed, strict=True):
        assert predicted == pytest.approx(math.sqrt(square / 3), abs=0.005)
        exact = np.exp(np.mean(np.log(np.array(back[:-1]) / np.array(back[1:]))))  # from layer to layer
        assert measured == pytest.approx(exact, abs=0.005) and abs(exact / math.sqrt(square / 3) - 1) < 0.1, name


# Match the initialisation


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="那就选一个方差，让 $r$ 等于 1：", en="So choose the variance that makes $r$ equal to 1:")
@pytest.mark.claim(zh=r"tanh 在 0 处的斜率是 1，需要 $\text{Var}(w) = 1/n$。", en=r"Tanh has a slope of 1 at 0 and needs $\text{Var}(w) = 1/n$.")
@pytest.mark.claim(zh="一层的输入和输出一样多时，Xavier 初始化正是如此。", en="That is Xavier initialisation when a layer has as many inputs as outputs.")
@pytest.mark.claim(zh=r"ReLU 要补回那个 1/2，需要 $\text{Var}(w) = 2/n$：Kaiming 初始化。", en=r"ReLU has to win back its 1/2 and needs $\text{Var}(w) = 2/n$: Kaiming initialisation.")
def test_xavier_and_kaiming_have_the_variance_that_the_page_says():
    torch.manual_seed(3)
    square = torch.empty(1000, 1000)
    for init, slope, times in ((nn.init.xavier_normal_, 1, 1), (nn.init.kaiming_normal_, 1 / 2, 2)):
        variance = init(square).var().item()
        assert variance * 1000 == pytest.approx(times, rel=0.02)
        assert math.sqrt(1000 * variance * slope) == pytest.approx(1, abs=0.02)
    assert SLOPES["tanh"](0) == 1
    assert nn.init.xavier_normal_(torch.empty(500, 2000)).var().item() * 2000 == pytest.approx(1.6, rel=0.05)  # not 1 where they differ


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="一次只改一样：", en="Change one thing at a time:")
@pytest.mark.claim(zh="反向看，默认权重不管有没有偏置，都丢了梯度；Kaiming 权重保住了它。", en="Backward, default weights lose the gradient with and without biases, and Kaiming weights keep it.")
@pytest.mark.claim(zh="ReLU：让梯度消失的是权重，不是偏置", en="ReLU: the weights make the gradient vanish, the biases do not")
def test_weights_and_not_biases_make_the_gradient_vanish(chapter):
    three = chapter["one-cause"].names["three"]
    signals = chapter["signals"].names["signals"]
    kept = {name: back[0] / back[-1] for name, (_, back, _) in three.items()}
    both, zero, kaiming = kept.values()
    assert max(both, zero) < 1e-11 and 0.1 < kaiming < 2 and 0.1 < both / zero < 10
    assert list(kept) == ["default weights, default biases", "default weights, zero biases", "Kaiming weights, zero biases"]
    _, fourth, _ = signals(torch.relu, nn.init.kaiming_normal_)  # the missing corner: Kaiming weights, default biases
    assert 0.1 < fourth[0] / fourth[-1] < 2
    kinds = [(weight.std() * math.sqrt(64), bias.abs().max() > 0) for weight, bias in self_made(signals)]
    assert [(round(std.item(), 1), on.item()) for std, on in kinds] == [(0.6, True), (0.6, False), (1.4, False)]


def self_made(signals):
    """(weight, bias) of the last layer in each of the three networks, caught where they are used."""
    caught = []
    linear = nn.Linear.forward

    def forward(layer, x):
        caught.append((layer.weight.detach(), layer.bias.detach()))
        return linear(layer, x)

    nn.Linear.forward = forward
    try:
        for options in ({}, {"zero_biases": True}, {"init": nn.init.kaiming_normal_, "zero_biases": True}):
            signals(torch.relu, **options)
    finally:
        nn.Linear.forward = linear
    return caught[LAYERS - 1 :: LAYERS]


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="两幅图，横轴是层，对数纵轴。", en="Two plots over the layers, logarithmic axis.")
@pytest.mark.claim(zh="前向：默认权重配默认偏置，停在 0.05 左右；配零偏置，降到 10 的 −12 次方左右。", en="Forward: default weights with default biases settle at about 0.05, with zero biases they fall to about ten to the −12.")
@pytest.mark.claim(zh="反向：两者一同向第 1 层下降，降到 10 的 −10 次方以下。", en="Backward: both fall together towards layer 1, to below ten to the −10.")
@pytest.mark.claim(zh="Kaiming 权重在两幅图里都在 0.1 到 2 之间。", en="Kaiming weights stay between 0.1 and 2 in both plots.")
def test_figure_of_one_cause(chapter):
    figure = chapter["one-cause-figure"].figures[0]
    forward, backward = ([y for _, y in lines(figure, panel)] for panel in (0, 1))
    three = chapter["one-cause"].names["three"]
    assert labels(figure) == list(three) and [ax.get_title() for ax in figure.axes] == ["forward", "backward"]
    assert all(ax.get_yscale() == "log" and ax.get_xlabel() == "layer" for ax in figure.axes)
    for panel, drawn in enumerate((forward, backward)):
        for y, sizes in zip(drawn, three.values(), strict=True):
            assert y.tolist() == sizes[panel]
        assert all(x.tolist() == list(range(1, 31)) for x, _ in lines(figure, panel))
    assert all(0.03 < size < 0.09 for size in forward[0][5:]) and -13 < math.log10(forward[1][-1]) < -11
    assert (np.diff(forward[1]) < 0).all() and forward[0][0] > 0.3
    for y in backward[:2]:
        assert (np.diff(y) > 0).all() and y[0] < 1e-10
    assert np.abs(np.log10(backward[0] / backward[1])).max() < 1  # together
    for y in (forward[2], backward[2]):
        assert 0.1 < y.min() and y.max() < 2


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="前向看，默认偏置把线托在 0.05 左右，可托住的只是偏置自己：到第 30 层，不同的输入得到的输出，相差不到十亿分之一。", en="Forward, default biases hold the line up at about 0.05, but what they hold up are the biases themselves: on layer 30, the outputs for different inputs differ by less than one billionth.")
def test_what_default_biases_hold_up_says_nothing_of_the_input(chapter):
    torch.manual_seed(0)
    h = torch.randn(256, 64, dtype=torch.float64)
    layers = [nn.Linear(64, 64).double() for _ in range(LAYERS)]
    for layer in layers:
        h = torch.relu(layer(h))
    forward = chapter["one-cause"].names["three"]["default weights, default biases"][0]
    assert rms(h.detach().numpy()) == pytest.approx(forward[-1]) and forward[-1] == pytest.approx(0.05, abs=0.02)
    assert (h.max(dim=0).values - h.min(dim=0).values).max() < 1e-9


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="默认权重配零偏置时，它在第 1 层和第 30 层差不多一样小：是平的，高度却不到十亿分之一。", en="With default weights and zero biases it is about as small in layer 1 as in layer 30: level, but at a height of less than one billionth.")
@pytest.mark.claim(zh="所以高度也要看。", en="So look at the height too.")
@pytest.mark.claim(zh="Kaiming 权重也是平的，高出十个数量级以上。", en="Kaiming weights are level as well, more than ten powers of ten higher.")
def test_level_is_not_enough(chapter):
    names = chapter["one-cause"].names
    both, zero, kaiming = (weights for _, _, weights in names["three"].values())
    for weights in (zero, kaiming):
        assert max(weights) / min(weights) < 5  # level
    assert max(zero) < 1e-9 and min(kaiming) / max(zero) > 1e10 and both[-1] / both[0] > 1e9
    printed = [numbers(line.split("biases  ")[1]) for line in chapter["one-cause"].stdout.splitlines()[1:]]
    assert printed == [[float(f"{weights[0]:.0e}"), float(f"{weights[-1]:.0e}")] for weights in (both, zero, kaiming)]


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="下面四种搭配，偏置都是零，数字是每层的倍数：", en="Four pairs, with zero biases, as a factor for each layer:")
@pytest.mark.claim(zh="tanh 配 Xavier、ReLU 配 Kaiming，两个方向上每层最多损失 6%。", en="Tanh with Xavier and ReLU with Kaiming lose at most 6% a layer, in both directions.")
@pytest.mark.claim(zh="sigmoid 即使配 Xavier，每层也要丢掉四分之三的梯度，因为它的斜率最大只有 1/4。", en="Sigmoid loses three quarters of the gradient at each layer even with Xavier, as its slope is 1/4 at most.")
@pytest.mark.claim(zh="标准差取 Kaiming 的两倍，每层两个方向都几乎翻倍：这就是**梯度爆炸**（exploding gradient）。", en="Twice the standard deviation of Kaiming nearly doubles both at each layer: the **exploding gradient**.")
def test_matched_and_mismatched_pairs(chapter):
    printed = {line.split("  ")[0]: numbers(line.split("  forward")[1]) for line in chapter["matched"].stdout.splitlines()}
    assert list(printed) == ["sigmoid, Xavier", "tanh, Xavier", "ReLU, Kaiming", "ReLU, Kaiming x 2"]
    rng = np.random.default_rng(1)
    for (name, (ahead, behind)), f, scale in zip(printed.items(), ("sigmoid", "tanh", "relu", "relu"), (1, 1, 2**0.5, 8**0.5), strict=True):
        ratios = []
        for _ in range(3):  # the same by hand, from three starts
            weights = [rng.normal(size=(64, 64)) * scale / 8 for _ in range(LAYERS)]
            outputs, backs, _ = by_hand(CURVES[f], SLOPES[f], weights, [0] * LAYERS, rng.normal(size=(256, 64)), rng.normal(size=(256, 64)))
            ratios.append([(rms(outputs[-1]) / rms(outputs[0])) ** (1 / 29), (rms(backs[0]) / rms(backs[-1])) ** (1 / 29)])
        assert [ahead, behind] == pytest.approx(np.mean(ratios, axis=0), rel=0.04), name
    for name in ("tanh, Xavier", "ReLU, Kaiming"):
        assert all(0.94 <= value < 1 for value in printed[name])
    assert printed["sigmoid, Xavier"][1] == pytest.approx(1 / 4, abs=0.02) and SLOPES["sigmoid"](0) == 1 / 4
    assert all(1.85 < value < 2 for value in printed["ReLU, Kaiming x 2"])


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="用 SGD、`lr=0.01` 走一步，这样的网络的损失（loss）就是 `nan` 或 `inf`。", en="One step of SGD with `lr=0.01`, and the loss of such a network is `nan` or `inf`.")
def test_the_exploding_network_is_lost_after_one_step(chapter):
    names = chapter["matched"].names
    for seed in range(3):
        torch.manual_seed(seed)
        net = nn.Sequential(*[module for _ in range(LAYERS) for module in (nn.Linear(64, 64), nn.ReLU())], nn.Linear(64, 1))
        for layer in net[:-1:2]:
            names["too_large"](layer.weight)
        assert net[0].weight.std().item() == pytest.approx(2 * math.sqrt(2 / 64), rel=0.1)
        x, y = torch.randn(256, 64), torch.randn(256, 1)
        loss = F.mse_loss(net(x), y)
        assert loss.isfinite()
        loss.backward()
        torch.optim.SGD(net.parameters(), lr=0.01).step()
        assert not F.mse_loss(net(x), y).isfinite()


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="回到十八个块的任务，这回权重配好了：", en="Back to the task with eighteen blocks, now with matched weights:")
@pytest.mark.claim(zh="ReLU 配 Kaiming，从三个起点都学会了。", en="ReLU with Kaiming learns from all three starts.")
@pytest.mark.claim(zh="tanh 配 Xavier，用同样的 `lr` 学不会，换成它的十分之一，三个起点全都学会。", en="Tanh with Xavier fails with the same `lr`, and learns from all three with one tenth of it.")
@pytest.mark.claim(zh="可见梯度走得到头，还不够。", en="A gradient that arrives is not yet enough.")
def test_matched_weights_on_the_task(chapter):
    printed = [numbers(line.replace("lr=0.001", "")) for line in chapter["cured"].stdout.splitlines()]
    relu, tanh, slower = printed
    assert [re.match(r"\D*(0\.001)?", line)[0].strip() for line in chapter["cured"].stdout.splitlines()] == ["ReLU, Kaiming", "tanh, Xavier", "tanh, Xavier, lr=0.001"]
    assert max(relu) < 0.05 and max(slower) < 0.05 and min(tanh) > 0.2 and {len(losses) for losses in printed} == {3}
    assert chapter["fit"].names["final_losses"].__defaults__[1] / 10 == pytest.approx(0.001)
    for activation, init, lr, losses in ((nn.ReLU, nn.init.kaiming_normal_, 0.01, relu), (nn.Tanh, nn.init.xavier_normal_, 0.001, slower)):
        torch.manual_seed(0)
        blocks = [nn.Sequential(nn.Linear(32, 32), activation()) for _ in range(18)]
        torch.manual_seed(0)
        for block in blocks:
            nn.Linear(32, 32)
            init(block[0].weight)
        net = nn.Sequential(nn.Linear(1, 32), *blocks, nn.Linear(32, 1))
        ((net(chapter["fit"].names["x"]) - chapter["fit"].names["y"]) ** 2).mean().backward()
        assert net[0].weight.grad.abs().max() > 1e-4  # the gradient arrives, for tanh as for ReLU
        assert train(net, lr=lr) < 0.05, (activation, losses)


# Remedies


@pytest.mark.claim(zh="还有两种办法，改的是网络本身。", en="Two more remedies change the network itself.")
@pytest.mark.claim(zh="**残差连接**（residual connection）把块的输入加到它的输出上，梯度就有路绕过这个块。", en="A **residual connection** adds the input of a block to its output, so the gradient has a way around the block.")
@pytest.mark.claim(zh="**归一化**（normalisation）让前向的信号保持同样的大小：`nn.LayerNorm(32)` 把每个样本的 32 个数变成平均 0、标准差 1。", en="**Normalisation** keeps the forward signal at one size: `nn.LayerNorm(32)` brings the 32 numbers of each sample to mean 0 and standard deviation 1.")
def test_what_the_two_remedies_do(chapter):
    names = chapter["remedies"].names
    block = nn.Linear(32, 32)
    x = torch.randn(7, 32, requires_grad=True)
    assert torch.allclose(names["Residual"](block)(x), x + x @ block.weight.T + block.bias, atol=1e-6)
    nn.init.zeros_(block.weight)  # a block that lets nothing through
    names["Residual"](block)(x).sum().backward()
    assert x.grad.eq(1).all()
    for scale in (0.001, 1, 1000):
        out = nn.LayerNorm(32, eps=0)(scale * x.detach() + 5 * scale)
        assert out.mean(dim=1).abs().max() < 1e-4 and torch.allclose(out.std(dim=1, correction=0), torch.ones(7), atol=1e-3)
    for name, module in (("plain", nn.Sequential), ("LayerNorm", nn.LayerNorm), ("residual", names["Residual"]), ("both", nn.LayerNorm)):
        made = names["blocks"][name]()
        assert any(isinstance(part, module) for part in made.modules())
        assert isinstance(made, names["Residual"]) is (name in ("residual", "both"))
        assert any(isinstance(part, nn.LayerNorm) for part in made.modules()) is (name in ("LayerNorm", "both"))


@pytest.mark.ledger("n1-22")
@pytest.mark.claim(zh="拿十八个块的 sigmoid 来试。", en="The test is 18 blocks of sigmoid.")
@pytest.mark.claim(zh="第一个数是训练之前第一层里最大的梯度：", en="The first number is the largest gradient in the first layer before training:")
@pytest.mark.claim(zh="只用 LayerNorm，梯度到了第一层，却仍然什么也没学会。", en="LayerNorm alone brings a gradient to the first layer, and still nothing is learnt.")
@pytest.mark.claim(zh="从每个起点出发，只用残差连接，都胜过基线；两样都用，都降到 0.01 以下。", en="From each start, the residual connection alone beats the baseline, and both together end below 0.01.")
def test_remedies_measured_on_the_deep_sigmoid(chapter):
    names = chapter["remedies-measured"].names
    rows = {line.split()[0]: numbers(line) for line in chapter["remedies-measured"].stdout.splitlines()}
    assert list(rows) == list(names["blocks"]) == ["plain", "LayerNorm", "residual", "both"]
    for name, block in names["blocks"].items():
        net = names["deep"](block)
        assert sum(isinstance(module, nn.Sigmoid) for module in net.modules()) == 18
        torch.manual_seed(0)
        net = names["deep"](block)
        ((net(names["x"]) - names["y"]) ** 2).mean().backward()
        assert rows[name][0] == float(f"{max(p.grad.abs().max().item() for p in [net[0].weight]):.0e}")
    assert rows["plain"][0] < 1e-15 and min(rows[name][0] for name in ("LayerNorm", "residual", "both")) > 1e-3
    assert rows["plain"][1:] == rows["LayerNorm"][1:] == [0.44] * 3
    assert max(rows["residual"][1:]) < 0.4 and max(rows["both"][1:]) < 0.01 and len(rows["both"]) == 4


@pytest.mark.claim(zh="深的网络正是这样搭的：`resnet50` 有 16 个残差块，每块里都有批归一化。", en="Deep networks are built like this: `resnet50` has 16 residual blocks, with batch normalisation in each.")
@pytest.mark.claim(zh="配好的权重、残差连接和归一化都有帮助。", en="Matching weights, residual connections and normalisation help.")
@pytest.mark.claim(zh="梯度每过一层乘一个倍数：远小于 1 就消失，远大于 1 就爆炸。", en="Each layer multiplies the gradient by a factor: well below 1 it vanishes, well above 1 it explodes.")
def test_resnet_has_both_remedies_and_factors_decide(chapter):
    blocks = [module for module in models.resnet50().modules() if isinstance(module, Bottleneck)]
    assert len(blocks) == 16 and all(any(isinstance(part, nn.BatchNorm2d) for part in block.modules()) for block in blocks)
    block = blocks[1].eval()
    nn.init.zeros_(block.bn3.weight)  # the block itself gives 0: what is left is its input
    x = torch.rand(1, 256, 4, 4)
    assert torch.allclose(block(x), x)
    assert 0.41**29 < 1e-10 and 1.96**29 > 1e8
    printed = {line.split("  ")[0]: numbers(line)[-1] for line in chapter["matched"].stdout.splitlines()}
    assert printed["sigmoid, Xavier"] ** 29 < 1e-15 and printed["ReLU, Kaiming x 2"] ** 29 > 1e7 and printed["tanh, Xavier"] ** 29 > 0.1
    cured, rows = chapter["cured"].stdout.splitlines(), {line.split()[0]: numbers(line) for line in chapter["remedies-measured"].stdout.splitlines()}
    assert max(numbers(cured[0])) < 0.05 and rows["both"][1] < rows["residual"][1] < rows["plain"][1]


# Dead ReLUs


@pytest.mark.claim(zh="如果它对所有样本都是负数，过了 ReLU，输出和梯度就都是 0。", en="If it is negative for every sample, ReLU makes its output and its gradient zero.")
@pytest.mark.claim(zh="下面用 −100 的偏置做到这一点：", en="Here a bias of −100 sees to that:")
@pytest.mark.claim(zh="神经元（unit）指一层输出里的一个数。", en="A unit is one number of a layer’s output.")
def test_a_dead_unit(chapter):
    names = chapter["dead"].names
    unit, inputs = names["unit"], names["inputs"]
    assert unit.bias.item() == -100 and (unit(inputs) < 0).all() and unit(inputs).shape == (1000, 1)
    relu, leaky = chapter["dead"].stdout.splitlines()
    assert relu.startswith("relu ") and "awake: 0 of 1000" in relu and relu.endswith("tensor([[0., 0.]])")
    assert leaky.startswith("leaky_relu ") and "awake: 0 of 1000" in leaky and 0 not in numbers(leaky.split("tensor")[1])
    z = torch.tensor([-3.0, -0.1], requires_grad=True)
    torch.relu(z).sum().backward()
    assert torch.relu(z).tolist() == z.grad.tolist() == [0, 0]


@pytest.mark.claim(zh="只要输入不变，梯度下降永远唤不醒这样的神经元。", en="As long as the inputs stay the same, gradient descent never wakes such a unit.")
@pytest.mark.claim(zh="在靠后的层里它可能醒来，因为前面的层还在学。", en="In a later layer it may wake, because the layers before it still learn.")
@pytest.mark.claim(zh="`leaky_relu` 在负的一侧默认有 0.01 的斜率，所以权重还能动。", en="`leaky_relu` has a slope of 0.01 on the negative side by default, so the weights can move.")
def test_when_a_dead_unit_can_wake(chapter):
    def fit(f, steps=1000, before=nn.Identity(), after=lambda out, h: out.sum()):  # noqa: B008
        unit = nn.Linear(1, 1)
        with torch.no_grad():
            unit.weight.fill_(-1)
            unit.bias.fill_(0.5)
        start = [p.detach().clone() for p in unit.parameters()]
        x = torch.ones(4, 1)
        optimizer = torch.optim.SGD([*unit.parameters(), *before.parameters()], lr=0.01)
        assert (unit(before(x)) < 0).all()
        for _ in range(steps):
            optimizer.zero_grad()
            h = before(x)
            after(f(unit(h)), h).backward()
            optimizer.step()
        return any(not torch.equal(p, q) for p, q in zip(unit.parameters(), start, strict=True)), (unit(before(x)) > 0).any().item()

    assert fit(F.relu) == (False, False)
    layer = nn.Linear(1, 1)
    with torch.no_grad():
        layer.weight.fill_(1)
        layer.bias.fill_(0)
    assert fit(F.relu, before=layer, after=lambda out, h: (h**2).mean() - out.sum())[1]  # the layer before learns by another way
    assert fit(F.leaky_relu)[0]
    assert nn.LeakyReLU().negative_slope == 0.01 == inspect.signature(F.leaky_relu).parameters["negative_slope"].default
    assert torch.allclose(chapter["dead"].names["unit"].weight.grad[0], 0.01 * chapter["dead"].names["inputs"].sum(dim=0), atol=1e-3)


# What to use today


def found(chapter):
    return {line.split()[0]: eval(line.split(None, 1)[1]) for line in chapter["in-the-wild"].stdout.splitlines()}


@pytest.mark.claim(zh="ResNet 只有 ReLU。", en="ResNet has only ReLU.")
@pytest.mark.claim(zh=r"EfficientNet 用 SiLU，也就是 $x \cdot \sigma(x)$；它的 16 个 sigmoid 是门，给各通道（channel）乘上 0 到 1 之间的数。", en=r"EfficientNet has SiLU, $x \cdot \sigma(x)$; its 16 sigmoids are gates, which scale channels by numbers between 0 and 1.")
@pytest.mark.claim(zh="MobileNetV3 用 Hardswish，形状和 SiLU 相近，但不必算指数。", en="MobileNetV3 has Hardswish, which looks like SiLU and needs no exponential.")
@pytest.mark.claim(zh="ViT 是看图的 Transformer，用 GELU。", en="ViT, a Transformer for pictures, has GELU.")
def test_what_the_networks_of_torchvision_use(chapter):
    kinds = found(chapter)
    assert {name: set(counts) for name, counts in kinds.items()} == {
        "resnet50": {"ReLU"}, "efficientnet_b0": {"SiLU", "Sigmoid"}, "mobilenet_v3_small": {"Hardswish", "ReLU", "Hardsigmoid"}, "vit_b_16": {"GELU"}}
    assert kinds["efficientnet_b0"]["Sigmoid"] == 16
    with torch.device("meta"):
        nets = {name: models.get_model(name) for name in kinds}
    for name, net in nets.items():  # none that the cell does not ask for
        all_kinds = {type(module).__name__ for module in net.modules() if type(module).__module__ == "torch.nn.modules.activation"}
        assert all_kinds - {"MultiheadAttention"} == set(kinds[name]), name
    gates = [block for block in nets["efficientnet_b0"].modules() if isinstance(block, SqueezeExcitation)]
    assert len(gates) == 16 and all(isinstance(gate.scale_activation, nn.Sigmoid) for gate in gates)
    gate, x = SqueezeExcitation(8, 2, scale_activation=nn.Sigmoid), torch.rand(1, 8, 3, 3) + 0.1
    scale = gate(x) / x
    assert torch.allclose(scale, scale[..., :1, :1].expand_as(scale), atol=1e-5) and 0 < scale.min() and scale.max() < 1  # one number a channel
    x = torch.linspace(-6, 6, 101)
    assert torch.allclose(F.silu(x), x * torch.sigmoid(x)) and (F.hardswish(x) - F.silu(x)).abs().max() < 0.15
    assert torch.allclose(F.hardswish(x), x * (x + 3).clamp(0, 6) / 6, atol=1e-6)  # no exponential
    assert any(isinstance(module, nn.MultiheadAttention) for module in nets["vit_b_16"].modules())  # a Transformer


@pytest.mark.claim(zh="语言模型 Llama 和 Qwen3 用带门的 SiLU，叫作 SwiGLU。", en="The language models Llama and Qwen3 use SiLU with a gate, called SwiGLU.")
@pytest.mark.claim(zh="语言模型 | 带门的 SiLU（SwiGLU） | 和 Llama、Qwen3 一样", en="language models | SiLU with a gate (SwiGLU) | as in Llama and Qwen3")
@pytest.mark.claim(zh="看图的 Transformer | GELU | 和 ViT 一样", en="Transformers for pictures | GELU | as in ViT")
def test_what_transformers_use(chapter):
    assert fact("networks/activations", "llama activation") == fact("networks/activations", "qwen3 activation") == "silu" and F.silu.__name__ == "silu"
    assert fact("networks/activations", "gated layer") == ["Llama", "Qwen3"] and fact("networks/activations", "swiglu") == "SwiGLU"
    assert set(found(chapter)["vit_b_16"]) == {"GELU"}


@pytest.mark.claim(zh="隐藏层（输入和输出之间） | ReLU，配 Kaiming 初始化 | 输入为正，斜率就是 1", en="hidden layers (between input and output) | ReLU with Kaiming initialisation | slope 1 for every positive input")
@pytest.mark.claim(zh="输出必须为正 | softplus | 大于 0，直到 `float32` 舍入成 0（约 −104 以下）", en="output must be positive | softplus | above 0, until `float32` rounds it to 0 (below about −104)")
@pytest.mark.claim(zh="输出在 −1 到 1 之间 | tanh | 范围刚好", en="output between −1 and 1 | tanh | just that range")
@pytest.mark.claim(zh="门 | sigmoid | 0 关，1 开", en="gate | sigmoid | 0 closes, 1 opens")
def test_reasons_in_the_table_of_choices(chapter):
    x = torch.linspace(-40, 40, 801, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(F.relu(x).sum(), x)
    assert (slope[x > 0] == 1).all() and max(numbers(chapter["cured"].stdout.splitlines()[0])) < 0.05
    assert (F.softplus(x) > 0).all() and F.softplus(torch.tensor(-103.0)) > 0 == F.softplus(torch.tensor(-105.0))
    assert torch.tanh(x).min() == -1 and torch.tanh(x).max() == 1 and torch.tanh(x).diff().min() >= 0
    closed, opened = torch.sigmoid(torch.tensor([-40.0, 40.0]))
    assert (closed * 7).item() == pytest.approx(0, abs=1e-6) and (opened * 7).item() == 7


@pytest.mark.claim(zh="要看概率 | softmax；二分类用 sigmoid | 在 0 到 1 之间", en="to look at probabilities | softmax; for yes or no, sigmoid | between 0 and 1")
def test_probabilities_of_two_classes():
    z = torch.linspace(-9, 9, 19)
    p = torch.softmax(torch.stack([z, torch.zeros(19)], dim=1), dim=1)
    assert p.min() > 0 and p.max() < 1 and torch.allclose(p[:, 0], torch.sigmoid(z))


# Write your own


@pytest.mark.ledger("n1-21")
@pytest.mark.claim(zh="用 PyTorch 的运算写好 `forward` 就行，反向传播由自动求导负责：", en="Made of PyTorch operations, `forward` is all you write; autograd takes care of the backward pass:")
@pytest.mark.claim(zh=r"拿 Swish 来试，也就是 $x \cdot \sigma(\beta x)$，其中 $\beta$ 让网络自己学。", en=r"Take Swish, $x \cdot \sigma(\beta x)$, and let the network learn $\beta$.")
@pytest.mark.claim(zh=r"$\beta = 1$ 时，Swish 就是 `F.silu`。", en=r"With $\beta = 1$, Swish is `F.silu`.")
@pytest.mark.claim(zh=r"第二行说明 $\beta$ 收到了梯度。", en=r"The second line shows that $\beta$ has received a gradient.")
def test_swish_module_is_right_and_beta_learns(chapter):
    cell = chapter["swish-module"]
    swish, x = cell.names["swish"], cell.names["x"].numpy()
    assert [name for name, _ in swish.named_parameters()] == ["beta"] and swish.beta.item() == 1
    assert "backward" not in vars(type(swish))
    s = SIGMOID(x)
    np.testing.assert_allclose(swish(torch.tensor(x)).detach().numpy(), x * s, atol=2e-6)
    assert torch.allclose(swish(torch.tensor(x)), F.silu(torch.tensor(x)))
    equal, grad = cell.stdout.splitlines()
    assert equal == "True" and numbers(grad) == pytest.approx([(x * x * s * (1 - s)).sum()], rel=1e-3)
    y = torch.linspace(-2, 2, 9)
    assert torch.allclose(type(swish)(2.5)(y), y / (1 + torch.exp(-2.5 * y)))
    assert gradcheck(type(swish)(0.7).double(), (torch.linspace(-2, 2, 5, dtype=torch.float64, requires_grad=True),))


@pytest.mark.ledger("n1-21")
@pytest.mark.claim(zh="如果 `forward` 调用了别的库，反向传播也要自己写。", en="If `forward` calls another library, you write the backward pass as well.")
@pytest.mark.claim(zh=r"记 $s = \sigma(x)$，在纸上对 $y = x s$ 求导：", en=r"On paper, with $s = \sigma(x)$, the derivative of $y = x s$ is")
@pytest.mark.claim(zh=r"$$ \frac{dy}{dx} = s + x s (1 - s) $$", en=r"$$ \frac{dy}{dx} = s + x s (1 - s) $$")
@pytest.mark.claim(zh="`backward` 收到对输出的梯度，交回对输入的梯度。", en="`backward` receives the gradient with respect to the output and returns the one with respect to the input.")
def test_the_function_and_the_formula_on_paper(chapter):
    function = chapter["silu-function"].names["SiLU"]
    x = torch.linspace(-3, 3, 7, dtype=torch.float64, requires_grad=True)
    v, nudge = x.detach().numpy(), 1e-6
    s = SIGMOID(v)
    np.testing.assert_allclose(((v + nudge) * SIGMOID(v + nudge) - (v - nudge) * SIGMOID(v - nudge)) / (2 * nudge), s + v * s * (1 - s), atol=1e-8)
    weights = torch.arange(1.0, 8, dtype=torch.float64)  # the gradient with respect to the output
    (grad,) = torch.autograd.grad(function.apply(x), x, weights)
    np.testing.assert_allclose(grad.numpy(), weights.numpy() * (s + v * s * (1 - s)))
    lost = torch.from_numpy(np.tanh(v))  # another library: autograd has not seen what it did
    assert not lost.requires_grad


@pytest.mark.ledger("n1-21")
@pytest.mark.claim(zh="`gradcheck` 把每个输入往两边各挪一点，看输出动了多少，再来对账：", en="`gradcheck` moves each input a little to either side, sees how far the output moves, and compares:")
@pytest.mark.claim(zh="`True`：两边一致。", en="`True`: they agree.")
@pytest.mark.claim(zh="输入用的是 `float64`：默认只挪百万分之一（`eps=1e-06`），用 `float32` 的话，这个正确的 `backward` 也通不过。", en="The inputs are `float64`: by default an input moves by one millionth (`eps=1e-06`), and in `float32` this correct `backward` would fail.")
def test_gradcheck_agrees_in_float64_only(chapter):
    cell = chapter["gradcheck"]
    function, points = cell.names["SiLU"], cell.names["points"]
    assert cell.value is True and points.dtype == torch.float64
    assert inspect.signature(gradcheck).parameters["eps"].default == 1e-6 == 1 / 1_000_000
    seen = []
    gradcheck(lambda x: seen.append(x.detach().clone()) or x * x, (torch.ones(1, dtype=torch.float64, requires_grad=True),))
    moves = {round((x.item() - 1) * 1e6) for x in seen}
    assert {-1, 1} <= moves <= {-1, 0, 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert gradcheck(function.apply, (points.detach().float().requires_grad_(),), raise_exception=False) is False


@pytest.mark.ledger("n1-21")
@pytest.mark.claim(zh="再故意漏掉一项：", en="Now forget a term:")
@pytest.mark.claim(zh="抓到了。", en="Caught.")
@pytest.mark.claim(zh="`numerical` 是挪出来的，`analytical` 是 `backward` 的答案。", en="`numerical` is what the moves found, `analytical` what `backward` answered.")
@pytest.mark.claim(zh="在 $x = 0$ 处两者都是 0.5，因为漏掉的那项有因子 $x$：只查这一个点，就会放过它。", en="At $x = 0$ both are 0.5, since the forgotten term has a factor $x$: a check at this point alone would have passed.")
def test_gradcheck_catches_the_forgotten_term(chapter):
    error = chapter["gradcheck-wrong"].error
    assert type(error) is GradcheckError and "Jacobian mismatch for output 0 with respect to input 0" in str(error)
    moved, answered = (np.array(numbers(re.sub(r"float64|dtype", "", part))).reshape(5, 5).diagonal() for part in str(error).split("numerical")[1].split("analytical"))
    v = np.arange(-2.0, 3)
    s = SIGMOID(v)
    np.testing.assert_allclose(moved, s + v * s * (1 - s), atol=1e-4)
    np.testing.assert_allclose(answered, s, atol=1e-4)
    assert moved[2] == answered[2] == 0.5 and (moved != answered).sum() == 4
    assert gradcheck(chapter["gradcheck-wrong"].names["Wrong"].apply, (torch.zeros(1, dtype=torch.float64, requires_grad=True),))


@pytest.mark.ledger("n1-21")
@pytest.mark.claim(zh="ReLU 并不是处处可微：0 的左边斜率是 0，右边是 1。", en="ReLU is not differentiable everywhere: left of 0 its slope is 0, right of 0 it is 1.")
@pytest.mark.claim(zh="在 0 处，PyTorch 的回答是 0：", en="At 0 PyTorch answers 0:")
@pytest.mark.claim(zh="`torch.sign` 的斜率处处是 0，它前面的东西什么也学不到。", en="`torch.sign` has a slope of 0 everywhere, so nothing before it can learn.")
@pytest.mark.claim(zh="激活函数要几乎处处有斜率，而且斜率不能处处为 0。", en="An activation function needs a slope almost everywhere, and one that is not 0 everywhere.")
def test_slopes_of_relu_and_sign(chapter):
    h = 1e-3
    assert (max(0, h) - 0) / h == 1 and (0 - max(0, -h)) / h == 0  # from the two sides of 0
    relu, sign = (numbers(line) for line in chapter["relu-zero"].stdout.splitlines())
    assert relu == [0, 0, 1] and sign == [0, 0, 0, 0]
    with pytest.raises(GradcheckError):
        gradcheck(torch.relu, (torch.zeros(1, dtype=torch.float64, requires_grad=True),))
    assert gradcheck(torch.relu, (torch.tensor([-1.0, 1.0], dtype=torch.float64, requires_grad=True),))
    layer, x = nn.Linear(3, 3), torch.randn(50, 3)
    torch.sign(layer(x)).sum().backward()
    assert layer.weight.grad.eq(0).all() and layer.bias.grad.eq(0).all()
    torch.relu(layer(x)).sum().backward()
    assert layer.weight.grad.ne(0).any()


# The old notes


@pytest.mark.claim(zh="旧笔记在这里写了 ReLU 和 Sigmoid 两个标题，下面是空的。", en="The old notes had two headings here, ReLU and Sigmoid, with nothing below them.")
@pytest.mark.claim(zh="matplotlib 不认识张量，画图之前要先转成 NumPy 数组。", en="matplotlib does not understand tensors: convert them to NumPy before plotting.")
@pytest.mark.claim(zh="旧笔记说：网络浅，激活函数随便选；网络深了，就要当心梯度消失和梯度爆炸。", en="The old notes said: in a shallow network any activation function will do; in a deep one, beware of vanishing and exploding gradients.")
@pytest.mark.claim(zh="旧笔记说：只要可微，激活函数可以自己写。", en="The old notes said: you may write an activation function yourself, as long as it is differentiable.")
def test_what_the_old_notes_said(chapter):
    said = {row["id"]: row["said"]["en"] for row in ledger_rows()}
    assert said["n2-25"] == "ReLU and Sigmoid, headings with nothing under them."
    assert said["n1-23"].endswith("matplotlib does not understand tensors, so convert to NumPy first.")
    assert said["n1-22"] == "Shallow nets take any activation; deep ones meet vanishing and exploding gradients."
    assert said["n1-21"] == "One may write an activation of one’s own if it is differentiable."


# Common errors


@pytest.mark.claim(zh="`nn.ReLU(inplace=True)` 直接改写输入。", en="`nn.ReLU(inplace=True)` overwrites its input.")
@pytest.mark.claim(zh="我们想要 `h + relu(h)`，没有报错，可是 `h` 在相加之前已经变了：", en="We want `h + relu(h)`, and there is no error, but `h` has changed before the addition:")
def test_inplace_changes_its_input_silently(chapter):
    cell = chapter["inplace-silent"]
    assert cell.stdout.splitlines() == ["expected: tensor([-1.,  4.])", "got:      tensor([0., 4.])"] and cell.error is None
    assert cell.names["h"].tolist() == [0, 2] and cell.names["bent"].data_ptr() == cell.names["h"].data_ptr()
    before = np.array([-1.0, 2.0])
    assert (before + np.maximum(before, 0)).tolist() == [-1, 4]


@pytest.mark.claim(zh="`nn.ReLU` 忘了括号。", en="`nn.ReLU` without its brackets.")
@pytest.mark.claim(zh="`nn.Sequential` 要的是模块，不是类；放进 `F.relu`，报错也一样。", en="`nn.Sequential` wants a module, not a class; with `F.relu` the error is the same.")
def test_sequential_wants_modules(chapter):
    error = chapter["sequential-class"].error
    assert type(error) is TypeError and "ReLU is not a Module subclass" in str(error) and isinstance(nn.ReLU, type)
    with pytest.raises(TypeError, match="relu is not a Module subclass"):
        nn.Sequential(nn.Linear(2, 3), F.relu)
    assert nn.Sequential(nn.Linear(2, 3), nn.ReLU())(torch.zeros(1, 2)).shape == (1, 3)


@pytest.mark.claim(zh="整数的 softmax。", en="Softmax of integers.")
@pytest.mark.claim(zh="`Long` 就是 `int64`，整数的类型。", en="`Long` is `int64`, the type of whole numbers.")
@pytest.mark.claim(zh="先用 `.float()` 转成小数。", en="Call `.float()` first.")
def test_softmax_refuses_integers(chapter):
    error = chapter["softmax-integers"].error
    assert type(error) is NotImplementedError and "'Long'" in str(error)
    assert torch.long is torch.int64 is torch.tensor([1, 2, 3]).dtype
    assert torch.softmax(torch.tensor([1, 2, 3]).float(), dim=0).sum().item() == pytest.approx(1)


@pytest.mark.claim(zh="softmax 没写 `dim`。", en="Softmax without `dim`.")
@pytest.mark.claim(zh="`torch.softmax` 非写不可；`F.softmax` 会猜一条轴，并且警告。", en="`torch.softmax` insists on it; `F.softmax` guesses an axis, and warns.")
def test_softmax_without_dim(chapter):
    (warning,) = chapter["softmax-no-dim"].warnings
    assert warning.startswith("UserWarning: Implicit dimension choice for softmax has been deprecated")
    with pytest.raises(TypeError, match="dim"):
        torch.softmax(torch.zeros(2, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sums = [dim for shape in ((2, 3), (2, 3, 4)) for dim in range(len(shape)) if torch.allclose(F.softmax(torch.randn(shape)).sum(dim=dim), torch.ones(()))]
    assert sums == [1, 0]  # another axis for another shape
