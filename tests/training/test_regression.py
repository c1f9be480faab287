"""The proof of what docs/*/training/regression.md claims."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from press.figures import DARK, still_twin
from tests.prose import lines, says, says_in

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
    says(chapter, "0.1² = 0.01")


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
    says(chapter, "`(*, in_features)`", "`(1, 100)`", "https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html",
         "`shapes cannot be multiplied (1x100 and 1x10)`")


@pytest.mark.ledger("n1-16")
def test_linear_takes_any_leading_axes_or_none(chapter):
    shapes = [(1,), (100, 1), (4, 25, 1), (2, 2, 25, 1)]
    assert lines(chapter, "any-axes") == [f"{n} axes: {shape} -> {(*shape[:-1], 10)}" for n, shape in enumerate(shapes, 1)]
    layer = chapter["axis-error"].names["layer"]
    w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()  # (10, 1), (10,)
    for shape in shapes:
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        assert np.allclose(layer(torch.tensor(x)).detach(), np.einsum("...i,oi->...o", x, w) + b, atol=1e-6)


# ---- a straight line -------------------------------------------------------------------------


def first_line():
    """w and b before training, as the seed gives them."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        torch.randn(100), nn.Linear(1, 10)
        line = nn.Linear(1, 1)
    return line.weight.item(), line.bias.item()


@pytest.mark.ledger("n1-24")
def test_the_smallest_net_is_w_x_plus_b_and_its_loss_a_mean_of_squares(chapter):
    w, b = first_line()
    assert lines(chapter, "line") == [f"w = {w:.3f}, b = {b:.3f} True"]
    x, y = data(chapter)
    assert numbers(lines(chapter, "loss")[0]) == pytest.approx([mse(w * x + b, y)] * 2, abs=1e-4)


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
    says(chapter, "100 × 100")


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
    for cell in ("loop", "fit"):  # four lines, in this order
        code = chapter[cell].code
        assert code.index("F.mse_loss") < code.index(".zero_grad()") < code.index(".backward()") < code.index("optimizer.step()")


def test_the_best_line_is_too_low_at_the_ends_and_too_high_in_the_middle(chapter):
    (figure,) = chapter["line-figure"].figures
    (ax,) = figure.axes
    x, y = data(chapter)
    drawn = ax.lines[0].get_ydata().flatten()
    assert np.allclose(drawn, np.polyval(np.polyfit(x, y, 1), x), atol=1e-4)
    assert np.allclose(ax.collections[0].get_offsets(), np.stack([x, y], axis=1))
    assert (y - drawn)[np.abs(x) > 0.75].min() > 0 and (y - drawn)[np.abs(x) < 0.35].max() < 0.05
    assert abs(drawn[-1] - drawn[0]) < 0.05 and 0.25 < drawn.mean() < 0.4


# ---- the hidden layer ------------------------------------------------------------------------


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


@pytest.mark.ledger("n1-24")
def test_first_it_rises_then_it_bends_then_little_moves(chapter, trained):
    curves, losses = trained
    _, y = data(chapter)
    assert abs(curves[0].mean() - y.mean()) > 0.2 and abs(curves[20].mean() - y.mean()) < 0.03
    assert np.ptp(curves[20]) < 0.25 < 0.7 < np.ptp(curves[200])
    assert losses[20] > 0.06 and losses[200] < 0.016
    assert np.abs(curves[1000] - curves[300]).max() < 0.08 < 0.3 < np.abs(curves[200] - curves[20]).max()
    assert losses[1000] < 0.01


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
    says(chapter, "0.0092", "0.01")


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
    says_in(chapter, "zh", "6 个折在数据中间")
    says_in(chapter, "en", "6 lie among the data")


# ---- what was learned, and what was not ------------------------------------------------------


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


# ---- the scale of the inputs -----------------------------------------------------------------


def test_with_x_up_to_1000_no_learning_rate_beats_the_line(chapter):
    x, y = data(chapter)
    names = chapter["scale"].names
    assert np.allclose(names["large"][:, 0], np.linspace(0, 1000, 100), atol=0.01)
    line_loss = mse(np.polyval(np.polyfit(x, y, 1), x), y)
    *rates, near = lines(chapter, "scale")
    shown = [numbers(rate) for rate in rates]
    assert [rate for rate, _ in shown] == [1e-1, 1e-3, 1e-5, 1e-7]
    assert all(loss >= line_loss - 0.0005 for _, loss in shown)
    assert f"{line_loss:.4f}" == "0.0860" == f"{numbers(lines(chapter, 'loop')[0])[2]:.4f}"
    says(chapter, "0.0860")
    # |b / w| < 10 with both uniform in (-1, 1): 1 - 1/20
    assert near == "95% of the kinks are within 10 of 0" and 1 - 1 / (2 * 10) == 0.95
    assert all(p.abs().max() <= 1 for p in names["many"].parameters()) and names["many"].weight.min() < -0.99


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


def test_standardised_it_learns_and_new_inputs_use_the_old_mean(chapter):
    names = chapter["standardise"].names
    large = np.linspace(0, 1000, 100)
    center, spread = large.mean(), large.std(ddof=1)
    assert (names["center"].item(), names["spread"].item()) == pytest.approx((center, spread), rel=1e-5)
    _, y = data(chapter)
    loss, at_750 = (numbers(line) for line in lines(chapter, "standardise"))
    parameters = weights(names["net"])
    assert loss == pytest.approx([mse(by_numpy(parameters, (large - center) / spread), y)], abs=2e-4)  # one step later
    assert loss[0] < 0.011
    assert at_750 == pytest.approx([750, by_numpy(parameters, np.array([(750 - center) / spread]))[0]], abs=0.006)
    assert at_750[1] == pytest.approx((750 / 500 - 1) ** 2, abs=0.06)
    says(chapter, "(750 / 500 − 1)² = 0.25")
    assert abs(by_numpy(parameters, np.array([750.0]))[0]) > 10  # as it is, it would be nonsense


# ---- common errors ---------------------------------------------------------------------------


@pytest.mark.ledger("n1-16")
def test_trained_without_the_axis_a_net_knows_only_the_mean(chapter):
    names = chapter["flat"].names
    x, y = data(chapter)
    said = by_numpy(weights(names["flat"]), x)
    assert np.abs(said - y.mean()).max() < 0.04 and np.ptp(x**2) > 0.99
    assert numbers(chapter["flat"].stdout) == pytest.approx([said.min(), said.max(), y.mean()], abs=0.006)
    assert any("Using a target size" in warning for warning in chapter["flat"].warnings)
    says(chapter, "`Using a target size`")


def test_common_errors_and_their_cures(chapter):
    plot, dtype = chapter["plot-error"].error, chapter["float64-error"].error
    assert isinstance(plot, RuntimeError) and "Can't call numpy() on Tensor that requires grad" in str(plot)
    assert isinstance(dtype, RuntimeError) and "must have the same dtype, but got Double and Float" in str(dtype)
    flat, x = chapter["flat"].names["flat"], np.linspace(-1, 1, 100)[:, None]
    assert flat(torch.from_numpy(x).float()).shape == (100, 1)
    np.asarray(flat(torch.from_numpy(x).float()).detach())  # what matplotlib does with it
    assert F.mse_loss(torch.zeros(2), torch.zeros(2, dtype=torch.float64)).dtype == torch.float64  # the loss would not have told
    says(chapter, "`flat(x).detach()`", "`Double`", "`Float`", "`.float()`")
