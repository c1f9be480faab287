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
from torchvision.ops import SqueezeExcitation

NAMES = ("Sigmoid", "Tanh", "ReLU")


def both(chapter, *texts):
    """Every text stands in both pages, whatever the line breaks."""
    for language in ("zh", "en"):
        prose = re.sub(r"\s+", " ", chapter.prose(language))
        for text in texts:
            assert text in prose, (language, text)


def lines(figure, panel=0):
    """{label: (x, y)} of the curves of one panel, as NumPy arrays."""
    return {line.get_label(): tuple(np.asarray(data) for data in line.get_data()) for line in figure.axes[panel].lines}


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


# Why there must be a bend


@pytest.mark.ledger("n1-20")
def test_two_linear_layers_are_one_and_relu_prevents_it(chapter):
    names = chapter["merge"].names
    first, second, merged = names["first"], names["second"], names["merged"]
    x = np.random.default_rng(0).integers(-9, 10, (50, 2)).astype(np.float64)
    w1, b1, w2, b2 = (p.detach().double().numpy() for p in (first.weight, first.bias, second.weight, second.bias))
    one = x @ (w2 @ w1).T + (w2 @ b1 + b2)
    assert all((p == p.round()).all() for layer in (first, second, merged) for p in layer.parameters())
    assert np.array_equal((x @ w1.T + b1) @ w2.T + b2, one)
    torch_x = torch.tensor(x, dtype=torch.float32)
    assert np.array_equal(merged(torch_x).detach().double().numpy(), one)
    assert np.array_equal(second(first(torch_x)).detach().double().numpy(), one)
    assert not np.array_equal(np.maximum(x @ w1.T + b1, 0) @ w2.T + b2, one)
    assert [line.split()[-1] for line in chapter["merge"].stdout.splitlines()] == ["True", "False"]


@pytest.mark.ledger("n1-20")
def test_relu_with_real_weights_is_no_linear_map_at_all(chapter):
    names = chapter["merge"].names
    bent = lambda x: names["second"](torch.relu(names["first"](x)))  # noqa: E731
    x = torch.randint(-5, 6, (100, 2)).float()
    affine = torch.linalg.lstsq(torch.cat([x, torch.ones(100, 1)], dim=1), bent(x).detach())
    left = torch.cat([x, torch.ones(100, 1)], dim=1) @ affine.solution - bent(x)
    assert left.abs().max() > 0.1  # not even the best fitting layer reproduces it


@pytest.mark.ledger("n1-20")
def test_same_weights_give_zero_without_and_absolute_value_with_relu(chapter):
    cell = chapter["bend"]
    curves = lines(cell.figures[0])
    x, straight = curves["no activation"]
    assert x.min() == -3 and x.max() == 3
    assert np.array_equal(straight.ravel(), np.zeros(61))
    assert np.array_equal(curves["with ReLU"][1].ravel(), np.abs(x).ravel())
    assert cell.names["hidden"].shape == (61, 2) and cell.names["bent"].shape == (61, 1)


def test_no_straight_line_is_the_absolute_value():
    layer = nn.Sequential(nn.Linear(1, 8), nn.Linear(8, 8), nn.Linear(8, 1))
    left, middle, right = layer(torch.tensor([[-1.0], [0.0], [1.0]]))
    assert torch.allclose(middle, (left + right) / 2, atol=1e-6)
    assert (abs(-1) + abs(1)) / 2 != abs(0)


# Five curves


PAPER = {
    "relu": lambda v: max(0.0, v),
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "tanh": lambda v: math.tanh(v),
    "softplus": lambda v: math.log1p(math.exp(v)),
    "gelu": lambda v: v * 0.5 * math.erfc(-v / math.sqrt(2)),
}
SLOPES = {
    "relu": lambda v: float(v > 0),
    "sigmoid": lambda v: PAPER["sigmoid"](v) * (1 - PAPER["sigmoid"](v)),
    "tanh": lambda v: 1 - math.tanh(v) ** 2,
    "softplus": PAPER["sigmoid"],
    "gelu": lambda v: 0.5 * math.erfc(-v / math.sqrt(2)) + v * math.exp(-v * v / 2) / math.sqrt(2 * math.pi),
}


@pytest.mark.ledger("n2-25")
def test_formulas_by_hand_and_torch_agree_with_math(chapter):
    names = chapter["by-hand"].names
    assert set(names["pairs"]) == set(PAPER)
    for name, pair in names["pairs"].items():
        expected = np.array([PAPER[name](v) for v in names["x"].tolist()])
        for values in pair:
            assert values.shape == names["x"].shape
            np.testing.assert_allclose(values.numpy(), expected, atol=2e-6)
    assert chapter["by-hand"].stdout.count("True") == 5 and "False" not in chapter["by-hand"].stdout


@pytest.mark.ledger("n2-25")
def test_output_ranges_of_the_table(chapter):
    x = torch.linspace(-30, 30, 2001, dtype=torch.float64)
    assert F.relu(x).min() == 0
    assert torch.sigmoid(x).min() > 0 and torch.sigmoid(x).max() < 1
    assert torch.tanh(x).min() >= -1 and torch.tanh(x).max() <= 1
    assert F.softplus(x).min() > 0
    assert F.gelu(x).min() < 0
    assert torch.allclose(torch.tanh(x), 2 * torch.sigmoid(2 * x) - 1)
    lowest = F.gelu(x := torch.linspace(-4, 0, 4001, dtype=torch.float64)).argmin()
    assert x[lowest].item() == pytest.approx(-0.75, abs=0.01)
    assert F.gelu(x[lowest]).item() == pytest.approx(-0.17, abs=0.005)
    both(chapter, "-0.75", "-0.17", r"\tanh(x) = 2\sigma(2x) - 1")


def test_plain_formulas_overflow_where_torch_does_not(chapter):
    assert math.exp(100) > torch.finfo(torch.float32).max
    softplus, tanh = chapter["overflow"].stdout.splitlines()
    assert "inf" in softplus and softplus.endswith("tensor(100.)")
    assert "nan" in tanh and tanh.endswith("tensor(1.)")


@pytest.mark.ledger("n2-25", "n1-23")
def test_curves_are_drawn_from_tensors_and_are_right(chapter):
    cell = chapter["curves"]
    assert "numpy" not in cell.code and "detach" not in cell.code  # tensors went in as they are
    left, right = lines(cell.figures[0], 0), lines(cell.figures[0], 1)
    assert set(left) == {"sigmoid", "tanh"} and set(right) == {"relu", "softplus", "gelu"}
    for name, (x, y) in (left | right).items():
        np.testing.assert_allclose(y, [PAPER[name](v) for v in x.tolist()], atol=2e-6)


# Plotting


@pytest.mark.ledger("n1-23")
def test_matplotlib_draws_a_cpu_tensor_and_refuses_one_that_requires_grad(chapter):
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots()
    (line,) = ax.plot(torch.arange(3.0), torch.arange(3.0) ** 2)
    np.testing.assert_array_equal(line.get_ydata(), [0, 1, 4])
    with pytest.raises(RuntimeError, match="requires grad"):
        ax.plot(torch.arange(3.0, requires_grad=True), torch.arange(3.0))
    plt.close(fig)
    error = chapter["plot-grad-error"].error
    assert type(error) is RuntimeError
    assert str(error) == "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
    x = chapter["plot-grad-error"].names["x"]
    assert x.requires_grad and not x.grad.requires_grad


@pytest.mark.ledger("n1-23")
def test_detach_shares_the_data_and_drops_the_gradient(chapter):
    x = chapter["slopes"].names["x"]
    assert not x.detach().requires_grad and x.detach().data_ptr() == x.data_ptr()
    assert "x.detach()" in chapter["slopes"].code and "numpy" not in chapter["slopes"].code
    both(chapter, "`x.detach().cpu()`")


@pytest.mark.ledger("n1-23")
def test_gpu_cell_moves_the_tensor(chapter):
    cell = chapter.project.cells(chapter.stem)["networks/activations.py:plot-gpu"]
    assert cell.tags == ("gpu",) and "x_gpu.cpu()" in cell.source and "torch.sigmoid(x_gpu).cpu()" in cell.source
    if "plot-gpu" in chapter:
        assert "cpu()" in chapter["plot-gpu"].stdout and "drawn: 1 line" in chapter["plot-gpu"].stdout


def test_slopes_are_the_derivatives_on_paper(chapter):
    figure = chapter["slopes"].figures[0]
    left, right = lines(figure, 0), lines(figure, 1)
    assert list(left) == ["sigmoid", "tanh"] and list(right) == ["relu", "softplus", "gelu"]
    for name, (x, y) in (left | right).items():
        np.testing.assert_allclose(y, [SLOPES[name](v) for v in x.tolist()], atol=5e-6)
    assert left["sigmoid"][1].max() == pytest.approx(0.25) and left["tanh"][1].max() == pytest.approx(1)
    assert right["gelu"][1].min() < 0 and right["gelu"][1].max() > 1
    np.testing.assert_allclose(chapter["plot-grad-error"].names["x"].grad.numpy(), left["sigmoid"][1], atol=1e-6)


def test_steepest_slopes(chapter):
    printed = re.findall(r"tensor\(([\d.]+)\)", chapter["steepest"].stdout)
    assert [float(value) for value in printed] == [SLOPES["sigmoid"](0), SLOPES["tanh"](0)] == [1 / 4, 1]
    both(chapter, "1/4")
    assert SLOPES["sigmoid"](8) < 0.001 and SLOPES["tanh"](4) < 0.002  # saturated


# Softmax


def softmax(z, axis):
    powers = np.exp(z - z.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def test_softmax_sums_to_one_along_dim(chapter):
    names = chapter["softmax-by-hand"].names
    scores = names["scores"].double().numpy()
    assert scores.shape == (2, 3)
    for values in (names["by_hand"], names["probabilities"]):
        np.testing.assert_allclose(values.numpy(), softmax(scores, 1), atol=1e-6)
    np.testing.assert_allclose(names["probabilities"].sum(dim=1).numpy(), [1, 1], atol=1e-6)
    assert torch.equal(names["probabilities"].argmax(dim=1), names["scores"].argmax(dim=1))
    assert chapter["softmax-by-hand"].stdout.startswith("True")
    raised = scores + np.array([[0, 0, 1], [0, 0, 1]])
    assert (softmax(raised, 1)[:, :2] < softmax(scores, 1)[:, :2]).all()  # not elementwise


def test_softmax_ignores_a_shift_and_the_plain_formula_overflows(chapter):
    names, out = chapter["softmax-shift"].names, chapter["softmax-shift"].stdout
    assert out.count("nan") == 6 and out.rstrip().endswith("True")
    assert torch.equal(names["large"], names["scores"] + 1000)
    top = names["large"].max(dim=1, keepdim=True).values
    powers = torch.exp(names["large"] - top)
    assert powers.max() == 1
    assert torch.allclose(powers / powers.sum(dim=1, keepdim=True), names["probabilities"])
    both(chapter, "1000", "$e^0 = 1$")


def test_softmax_axis_figure(chapter):
    figure = chapter["softmax-axis"].figures[0]
    scores = chapter["softmax-by-hand"].names["scores"].double().numpy()
    for ax, title, axis in zip(figure.axes, ("dim=1", "dim=0"), (1, 0), strict=True):
        assert ax.get_title() == title
        widths = np.array([[bar.get_width() for bar in container] for container in ax.containers])  # (3, 2)
        np.testing.assert_allclose(widths.T, softmax(scores, axis), atol=1e-6)
        ends = np.array([bar.get_x() + bar.get_width() for bar in ax.containers[-1]])
        np.testing.assert_allclose(ends, softmax(scores, axis).sum(axis=1), atol=1e-6)
    np.testing.assert_allclose(softmax(scores, 1).sum(axis=1), 1)
    assert [round(v, 2) for v in softmax(scores, 0).sum(axis=1)] == [1.35, 1.65]
    both(chapter, "1.35", "1.65", "`dim=-1`")
    assert torch.equal(torch.softmax(torch.tensor(scores), dim=-1), torch.softmax(torch.tensor(scores), dim=1))


def test_cross_entropy_takes_logits(chapter):
    scores = chapter["softmax-by-hand"].names["scores"].double().numpy()
    by_hand, loss, twice = numbers(chapter["softmax-loss"].stdout)
    right = lambda z: -np.log(softmax(z, 1)[[0, 1], [0, 1]]).mean()  # noqa: E731
    assert by_hand == loss == pytest.approx(right(scores), abs=1e-4)
    assert twice == pytest.approx(right(softmax(scores, 1)), abs=1e-4)
    assert abs(twice - loss) > 0.1


def test_softmax_of_two_is_sigmoid(chapter):
    assert chapter["softmax-two"].value is True
    z = 1.7
    assert math.exp(z) / (math.exp(z) + math.exp(0)) == pytest.approx(PAPER["sigmoid"](z))
    assert chapter["softmax-two"].names["two_scores"][:, 1].eq(0).all()


# Write your own


@pytest.mark.ledger("n1-21")
def test_swish_module_is_right_and_beta_learns(chapter):
    swish = chapter["swish-module"].names["swish"]
    assert [name for name, _ in swish.named_parameters()] == ["beta"] and swish.beta.item() == 1
    x = np.linspace(-4, 4, 201)
    s = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(swish(torch.tensor(x).float()).detach().numpy(), x * s, atol=2e-6)
    assert swish.beta.grad.item() == pytest.approx((x * x * s * (1 - s)).sum(), rel=1e-4)
    assert chapter["swish-module"].stdout.startswith("True")
    other = type(swish)(2.5)
    y = torch.linspace(-2, 2, 9)
    assert torch.allclose(other(y), y / (1 + torch.exp(-2.5 * y)))
    module = type(swish)(0.7).double()
    assert gradcheck(module, (torch.linspace(-2, 2, 5, dtype=torch.float64, requires_grad=True),))


@pytest.mark.ledger("n1-21")
def test_beta_goes_from_a_line_to_relu(chapter):
    curves = lines(chapter["swish-betas"].figures[0])
    x = curves["ReLU"][0]
    np.testing.assert_allclose(curves["beta = 0"][1], x / 2, atol=1e-6)
    np.testing.assert_allclose(curves["beta = 1"][1], x / (1 + np.exp(-x)), atol=1e-6)
    assert np.abs(curves["beta = 10"][1] - np.maximum(x, 0)).max() < 0.03
    np.testing.assert_allclose(curves["ReLU"][1], np.maximum(x, 0))


@pytest.mark.ledger("n1-21")
def test_swish_function_passes_gradcheck_and_agrees_with_autograd(chapter):
    cell = chapter["gradcheck"]
    function, points, beta = (cell.names[name] for name in ("SwishFunction", "points", "beta"))
    assert cell.value is True and points.dtype == beta.dtype == torch.float64
    assert issubclass(function, torch.autograd.Function)
    x, b = points.detach().clone().requires_grad_(), beta.detach().clone().requires_grad_()
    weights = torch.arange(1.0, 8, dtype=torch.float64)
    ours = torch.autograd.grad((function.apply(x, b) * weights).sum(), (x, b))
    theirs = torch.autograd.grad((x / (1 + torch.exp(-b * x)) * weights).sum(), (x, b))
    assert all(torch.allclose(a, e) for a, e in zip(ours, theirs, strict=True))


@pytest.mark.ledger("n1-21")
def test_gradcheck_default_nudge_and_float32(chapter):
    assert inspect.signature(gradcheck).parameters["eps"].default == 1e-6
    both(chapter, "`eps=1e-06`")
    function = chapter["gradcheck"].names["SwishFunction"]
    points, beta = torch.linspace(-3, 3, 7, requires_grad=True), torch.tensor(1.5, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert gradcheck(function.apply, (points, beta), raise_exception=False) is False
    assert torch.finfo(torch.float32).resolution == pytest.approx(1e-6)  # 6 digits for sure, about 7


@pytest.mark.ledger("n1-21")
def test_gradcheck_catches_the_forgotten_term(chapter):
    error = chapter["gradcheck-wrong"].error
    assert type(error) is GradcheckError
    message = str(error)
    assert "Jacobian mismatch for output 0 with respect to input 0" in message
    true, answered = (numbers(part) for part in message.split("numerical")[1].split("analytical"))
    s = lambda v: PAPER["sigmoid"](1.5 * v)  # noqa: E731
    for k, v in enumerate(range(-3, 4)):
        assert true[8 * k] == pytest.approx(s(v) + 1.5 * v * s(v) * (1 - s(v)), abs=1e-4)
        assert answered[8 * k] == pytest.approx(s(v), abs=1e-4)
        assert (true[8 * k] == answered[8 * k]) is (v == 0)
    wrong = chapter["gradcheck-wrong"].names["WrongSwish"]
    zero, beta = torch.zeros(1, dtype=torch.float64, requires_grad=True), torch.tensor(1.5, dtype=torch.float64)
    assert gradcheck(wrong.apply, (zero, beta))  # a single check at 0 misses it


@pytest.mark.ledger("n1-21")
def test_relu_is_differentiable_almost_everywhere_only(chapter):
    assert chapter["relu-zero"].names["x"].tolist() == [-1, 0, 1]
    assert chapter["relu-zero"].value.tolist() == [0, 0, 1]
    cell = chapter["relu-corner"]
    assert cell.stdout == "away from 0: True\n" and type(cell.error) is GradcheckError
    assert re.search(r"numerical:tensor\(\[\[0\.5000\]\]", str(cell.error))
    assert re.search(r"analytical:tensor\(\[\[0\.\]\]", str(cell.error))
    nudge = 1e-6
    assert (max(0, nudge) - max(0, -nudge)) / (2 * nudge) == pytest.approx(0.5)


@pytest.mark.ledger("n1-21")
def test_sign_has_slope_zero_everywhere(chapter):
    assert "torch.sign" in chapter["sign"].code
    assert chapter["sign"].value.tolist() == [0, 0, 0, 0]


# Deep networks


@pytest.mark.ledger("n1-22")
def test_stack_builds_what_it_says(chapter):
    layers, net = chapter["stack"].names["stack"]([3, 5, 7], nn.Tanh)
    assert [(layer.in_features, layer.out_features) for layer in layers] == [(3, 5), (5, 7)]
    assert [type(module) for module in net] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert net[0] is layers[0] and net[2] is layers[1] and net[4].out_features == 1
    layers, _ = chapter["stack"].names["stack"]([3, 5], nn.ReLU, nn.init.ones_)
    assert layers[0].weight.eq(1).all() and layers[0].bias.eq(0).all()


@pytest.mark.ledger("n1-22")
def test_shallow_networks_learn_with_any_activation_and_a_deep_sigmoid_one_does_not(chapter):
    floor, sigmoid, tanh, relu, deep = (float(line.split()[-1]) for line in chapter["shallow-deep"].stdout.splitlines())
    x = np.linspace(-1, 1, 64)
    assert floor == pytest.approx(np.var(np.sin(4 * x)), abs=0.005)
    both(chapter, f"{floor:.2f}")
    assert max(sigmoid, tanh, relu) < 0.05
    assert deep == pytest.approx(floor, abs=0.011)
    assert [re.split(r"\W+", line.strip())[:3] for line in chapter["shallow-deep"].stdout.splitlines()[1:]] == [
        ["2", "layers", "Sigmoid"], ["2", "layers", "Tanh"], ["2", "layers", "ReLU"], ["20", "layers", "Sigmoid"]]


@pytest.mark.ledger("n1-22")
def test_gradient_norms_agree_with_backpropagation_by_hand(chapter):
    """The same network from the same random numbers, in NumPy, with the derivatives on paper."""
    torch.manual_seed(5)
    norms = chapter["norms"].names["gradient_norms"](nn.Tanh, nn.init.xavier_normal_)

    torch.manual_seed(5)
    hidden = [nn.Linear(64, 64) for _ in range(30)]
    weights = [nn.init.xavier_normal_(layer.weight).detach().double().numpy() for layer in hidden]
    last = nn.Linear(64, 1)
    x, y = (torch.randn(256, width, dtype=torch.float64).numpy() for width in (64, 1))
    inputs = [x]
    for weight in weights:
        inputs.append(np.tanh(inputs[-1] @ weight.T))
    w, b = (p.detach().double().numpy() for p in last.parameters())
    back = 2 * (inputs[-1] @ w.T + b - y) / 256 @ w
    expected = []
    for weight, given, taken in zip(weights[::-1], inputs[-2::-1], inputs[:0:-1], strict=True):
        back = back * (1 - taken**2)
        expected.append(np.linalg.norm(back.T @ given))
        back = back @ weight
    np.testing.assert_allclose(norms, expected[::-1], rtol=1e-6)


@pytest.mark.ledger("n1-22")
def test_default_initialisation_makes_gradients_vanish(chapter):
    default = chapter["vanish"].names["default"]
    assert tuple(default) == NAMES and all(len(norms) == 30 for norms in default.values())
    shrink = {name: math.log10(norms[-1] / norms[0]) for name, norms in default.items()}
    assert 20 < shrink["Sigmoid"] < 30
    assert shrink["Sigmoid"] > shrink["ReLU"] > shrink["Tanh"] > 4
    assert default["Tanh"][0] < 1e-6 and default["ReLU"][0] < default["Tanh"][0] and default["Sigmoid"][0] < 1e-20
    assert max(norms[-1] for norms in default.values()) / min(norms[-1] for norms in default.values()) < 1000
    ax = chapter["vanish"].figures[0].axes[0]
    assert ax.get_yscale() == "log"
    for name, (x, y) in lines(chapter["vanish"].figures[0]).items():
        assert x.tolist() == list(range(1, 31)) and y.tolist() == default[name]
    assert torch.tensor(1e-26).square() == 0 and torch.tensor(1e-26, dtype=torch.float64).square() > 0


@pytest.mark.ledger("n1-22")
def test_one_formula_predicts_the_factor_of_a_layer(chapter):
    spread, *values = numbers(chapter["factor"].stdout)
    weight = nn.Linear(64, 64).weight
    bound = 1 / math.sqrt(64)
    assert weight.abs().max() <= bound and weight.abs().max() > 0.98 * bound
    assert spread == pytest.approx(1 / 3, rel=0.1)
    variance = np.linspace(-bound, bound, 100001).var()
    assert 64 * variance == pytest.approx(1 / 3, rel=1e-3)
    squared = [SLOPES["sigmoid"](0) ** 2, SLOPES["tanh"](0) ** 2, (0 + 1) / 2]
    for predicted, measured, square in zip(values[::2], values[1::2], squared, strict=True):
        assert predicted == pytest.approx(math.sqrt(square / 3), abs=0.006)
        assert measured == pytest.approx(predicted, rel=0.25)
    assert round(math.sqrt(squared[0] / 3), 2) == 0.14 and round(29 * math.log10(math.sqrt(squared[0] / 3))) == -24
    both(chapter, "0.14", "$10^{-24}$", "1/16", "1/3")


@pytest.mark.ledger("n1-22")
def test_xavier_and_kaiming_have_the_variance_that_the_page_says():
    wide = torch.empty(1000, 1000)
    torch.manual_seed(3)
    assert nn.init.xavier_normal_(wide).var().item() * 1000 == pytest.approx(1, rel=0.02)
    assert nn.init.kaiming_normal_(wide).var().item() * 1000 == pytest.approx(2, rel=0.02)


@pytest.mark.ledger("n1-22")
def test_matched_initialisation_levels_tanh_and_relu_but_not_sigmoid(chapter):
    matched = chapter["matched"].names["matched"]
    tanh, relu, sigmoid = matched["Tanh, Xavier"], matched["ReLU, Kaiming"], matched["Sigmoid, Xavier"]
    for level in (tanh, relu):
        assert 0.005 < min(level) and max(level) < 20 and max(level) / min(level) < 30
    assert 1e-21 < sigmoid[0] < 1e-17 and sigmoid[-1] > 0.01
    assert (sigmoid[0] / sigmoid[-1]) ** (1 / 29) == pytest.approx(1 / 4, rel=0.2)
    for activation, init in (("Sigmoid", "Xavier"), ("Tanh", "Xavier"), ("ReLU", "Kaiming")):
        line = f'"{activation}, {init}": gradient_norms(nn.{activation}, nn.init.{init.lower()}_normal_),'
        assert line in chapter["matched"].code  # the label says what was done
    assert chapter["matched"].figures[0].axes[0].get_yscale() == "log"
    for name, (x, y) in lines(chapter["matched"].figures[0]).items():
        assert x.tolist() == list(range(1, 31)) and y.tolist() == matched[name]


@pytest.mark.ledger("n1-22")
def test_twice_the_standard_deviation_explodes_evenly(chapter):
    names = chapter["matched"].names
    weight = torch.empty(64, 64)
    names["too_large"](weight)
    assert weight.std().item() == pytest.approx(2 * math.sqrt(2 / 64), rel=0.1)
    large, matched = names["matched"]["ReLU, Kaiming x 2"], names["matched"]["ReLU, Kaiming"]
    assert 1e10 < min(large) / max(matched) and max(large) / min(matched) < 1e21
    assert max(large) / min(large) < 100
    # forward: each layer doubles the size of what it is given
    torch.manual_seed(1)
    h, sizes = torch.randn(256, 64), []
    for _ in range(30):
        names["too_large"](weight)
        h = torch.relu(h @ weight.T)
        sizes.append(h.square().mean().sqrt().item())
    assert (sizes[-1] / sizes[0]) ** (1 / 29) == pytest.approx(2, rel=0.15)


@pytest.mark.ledger("n1-22")
def test_kaiming_lets_the_deep_relu_network_learn(chapter):
    (loss,) = numbers(chapter["cured"].stdout)
    assert loss < 0.05
    assert "nn.ReLU, 20, nn.init.kaiming_normal_" in chapter["cured"].code


@pytest.mark.ledger("n1-22")
def test_the_exploding_network_is_lost_after_one_step(chapter):
    assert [line.endswith("True") for line in chapter["explode"].stdout.splitlines()] == [True, False, False]
    assert not chapter["explode"].names["loss"].isfinite()


# The rest


def test_module_and_functions_are_the_same(chapter):
    cell = chapter["module-or-function"]
    assert cell.stdout.splitlines() == ["True True", "parameters in nn.ReLU(): 0"]
    assert [type(module) for module in cell.value] == [nn.Linear, nn.ReLU, nn.Linear]
    assert "(1): ReLU()" in repr(cell.value)
    x = torch.randn(100)
    assert torch.equal(nn.ReLU()(x), x.clamp(min=0)) and torch.equal(F.relu(x), torch.relu(x))


def test_inplace_changes_its_input_silently(chapter):
    cell = chapter["inplace-silent"]
    assert cell.stdout.splitlines() == ["expected: tensor([-1.,  4.])", "got:      tensor([0., 4.])"]
    assert cell.names["h"].tolist() == [0, 2] and cell.names["bent"].data_ptr() == cell.names["h"].data_ptr()
    before = np.array([-1.0, 2.0])
    assert (before + np.maximum(before, 0)).tolist() == [-1, 4]


def test_inplace_after_sigmoid_is_an_error(chapter):
    error = chapter["inplace-error"].error
    assert type(error) is RuntimeError
    assert "modified by an inplace operation" in str(error)
    text = "output 0 of Sigmoid, is at version 1; expected version 0"
    assert text in str(error)
    both(chapter, f"`{text}`")
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    nn.ReLU()(torch.sigmoid(x)).sum().backward()  # without inplace it works
    assert torch.allclose(x.grad, torch.tensor([SLOPES["sigmoid"](-1), SLOPES["sigmoid"](2)]))


def test_dead_relu_and_its_leaky_cure(chapter):
    relu, leaky = chapter["dead"].stdout.splitlines()
    assert relu.split()[0] == "relu" and "wake it: 0 " in relu and relu.endswith("False")
    assert leaky.split()[0] == "leaky_relu" and "wake it: 0 " in leaky and leaky.endswith("True")
    assert nn.LeakyReLU().negative_slope == 0.01 == inspect.signature(F.leaky_relu).parameters["negative_slope"].default
    names = chapter["dead"].names
    assert names["unit"].bias.item() == -100 and names["x"].shape == (1000, 2)
    assert torch.allclose(names["unit"].weight.grad[0], 0.01 * names["x"].sum(dim=0), atol=1e-3)
    both(chapter, "0.01", "1000", "-100")


def test_what_the_networks_of_torchvision_use(chapter):
    found = {line.split()[0]: eval(line.split(None, 1)[1]) for line in chapter["in-the-wild"].stdout.splitlines()}
    assert set(found["alexnet"]) == set(found["resnet50"]) == {"ReLU"}
    assert set(found["efficientnet_b0"]) == {"SiLU", "Sigmoid"} and found["efficientnet_b0"]["Sigmoid"] == 16
    assert set(found["mobilenet_v3_small"]) == {"Hardswish", "ReLU", "Hardsigmoid"}
    assert set(found["vit_b_16"]) == set(found["convnext_tiny"]) == {"GELU"}
    with torch.device("meta"):
        net = models.efficientnet_b0()
    gates = [block for block in net.modules() if isinstance(block, SqueezeExcitation)]
    assert len(gates) == 16 and all(isinstance(gate.scale_activation, nn.Sigmoid) for gate in gates)
    both(chapter, "16")
    x = torch.linspace(-6, 6, 101)
    assert torch.allclose(F.silu(x), x * torch.sigmoid(x)) and (F.hardswish(x) - F.silu(x)).abs().max() < 0.15


def test_losses_of_the_table_take_logits():
    z, y = torch.tensor([0.3, -1.2]), torch.tensor([1.0, 0.0])
    by_hand = -np.log([PAPER["sigmoid"](0.3), 1 - PAPER["sigmoid"](-1.2)]).mean()
    assert F.binary_cross_entropy_with_logits(z, y).item() == pytest.approx(by_hand, rel=1e-5)


def test_common_errors(chapter):
    error = chapter["sequential-class"].error
    assert type(error) is TypeError and "ReLU is not a Module subclass" in str(error)
    with pytest.raises(TypeError, match="relu is not a Module subclass"):
        nn.Sequential(nn.Linear(2, 3), F.relu)

    error = chapter["not-called"].error
    assert type(error) is TypeError and "must be Tensor, not ReLU" in str(error)
    x = chapter["not-called"].names["x"]
    assert nn.ReLU(x).inplace is x  # nothing complained when it was made
    assert torch.equal(nn.ReLU()(x), F.relu(x))

    error = chapter["softmax-integers"].error
    assert type(error) is NotImplementedError and "'Long'" in str(error)
    assert torch.long is torch.int64
    assert torch.softmax(torch.tensor([1, 2, 3]).float(), dim=0).sum().item() == pytest.approx(1)

    (warning,) = chapter["softmax-no-dim"].warnings
    assert warning.startswith("UserWarning: Implicit dimension choice for softmax has been deprecated")
    with pytest.raises(TypeError, match="dim"):
        torch.softmax(torch.zeros(2, 3))
