"""The proof of what docs/*/training/optimizers.md claims."""

import math
import re

import numpy as np
import pytest
import torch
from torch import nn, optim

from tests.prose import lines, says, says_in

STEEP, LOWEST, START = np.array([1.0, 20.0]), np.array([4.0, 1.0]), np.array([0.0, 2.5])


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.\d+|-?\d+", text)]


def number(value):
    """As prose writes it, with a minus sign."""
    return f"{value:g}".replace("-", "−")


class Rule:
    """An update in NumPy, written from the papers: `step(w, g)` gives the new weights."""

    def __init__(self, name, lr, decay=0.0):
        self.name, self.lr, self.decay, self.m, self.s, self.t = name, lr, decay, 0.0, 0.0, 0

    def step(self, w, g):
        self.t += 1
        if self.name in ("SGD", "momentum", "Nesterov"):
            self.m = g + 0.9 * self.m if self.name != "SGD" else g
            return w - self.lr * (g + 0.9 * self.m if self.name == "Nesterov" else self.m)
        if self.name == "RMSprop":
            self.s = self.s + (g * g - self.s) / 100
            return w - self.lr * g / (np.sqrt(self.s) + 1e-8)
        self.m, self.s = self.m + (g - self.m) / 10, self.s + (g * g - self.s) / 1000
        move = (self.m / (1 - 0.9**self.t)) / (np.sqrt(self.s / (1 - 0.999**self.t)) + 1e-8)
        return w - self.lr * (move + self.decay * w)


def path(name, lr, decay=0.0, steps=60):
    rule, walked = Rule(name, lr, decay), [START]
    for _ in range(steps):
        walked.append(rule.step(walked[-1], STEEP * (walked[-1] - LOWEST)))
    return np.array(walked)


def loss(walked):
    return (STEEP * (walked - LOWEST) ** 2).sum(axis=-1) / 2


SIX = {"SGD": path("SGD", 0.09), "momentum": path("momentum", 0.02), "Nesterov": path("Nesterov", 0.02),
       "RMSprop": path("RMSprop", 0.1), "Adam": path("Adam", 0.3), "AdamW": path("AdamW", 0.3, 0.1)}


# ---- one step --------------------------------------------------------------------------------


@pytest.mark.ledger("n2-19")
def test_one_step_is_weight_minus_learning_rate_times_gradient(chapter):
    expected = [3 - 0.1 * 6, -1 + 0.1 * 2]
    assert numbers(lines(chapter, "step")[0]) == pytest.approx(expected * 2)
    assert chapter["step"].names["w"].grad.tolist() == [6, -2]
    assert chapter["step"].names["w"].tolist() == pytest.approx(expected)
    says(chapter, "3 − 0.1 × 6 = 2.4", "−1 + 0.1 × 2 = −0.8")
    assert expected == pytest.approx([2.4, -0.8])


@pytest.mark.ledger("n2-19")
def test_two_roundings_or_one(chapter):
    names = chapter["last-bit"].names
    old, g, w = names["old"].numpy(), names["g"].numpy(), names["w"].detach().numpy()
    rate = np.float32(0.1)
    twice = old - rate * g  # NumPy rounds after each operation
    assert twice.dtype == np.float32 and len(old) == 1000
    once = (old.astype(np.float64) - rate.astype(np.float64) * g.astype(np.float64)).astype(np.float32)
    assert ((w == twice) | (w == once)).all()
    largest = np.maximum(np.maximum(np.abs(old), np.abs(rate * g)), np.abs(w))
    assert (np.abs(w - twice) <= np.spacing(largest)).all()  # one unit in the last place of the largest number in play
    assert lines(chapter, "last-bit") == [f"{np.array_equal(w, twice)} True", "True True"]
    code = chapter["last-bit"].code
    assert code.index("old - 0.1 * g") < code.index("torch.add(old, g, alpha=-0.1)")
    steps_apart = np.abs(w.view(np.int32).astype(int) - twice.view(np.int32).astype(int))
    assert (steps_apart == 1).sum() > 0.8 * (steps_apart > 0).sum() or not steps_apart.any()  # mostly in the last bit alone
    sums = torch.add(names["old"], names["g"], alpha=-0.1).numpy()
    assert np.array_equal(w, sums)
    if not np.array_equal(w, twice):  # a CPU that multiplies and adds in one go
        assert (sums == once).mean() > 0.99 and (twice != once).any()
    says(chapter, "`torch.add`", "`allclose`", "`equal`")


# ---- what it holds ---------------------------------------------------------------------------


@pytest.mark.ledger("n0-15")
def test_a_loss_is_a_module_an_optimizer_is_not(chapter):
    modules, held, *state = lines(chapter, "inside")
    assert modules == "modules: [True, True, False]"
    for kind in (optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop):
        assert issubclass(kind, optim.Optimizer) and not issubclass(kind, nn.Module) and not hasattr(kind, "forward")
    assert issubclass(nn.MSELoss, nn.Module)
    names = chapter["inside"].names
    assert held == "0.01 True 0"
    (group,) = names["optimizer"].param_groups
    assert [id(p) for p in group["params"]] == [id(p) for p in names["net"].parameters()]  # themselves, no copies
    assert {line.split()[0]: line.split(maxsplit=1)[1] for line in state} == {"step": "()", "exp_avg": "(1, 2)", "exp_avg_sq": "(1, 2)"}
    assert names["optimizer"].state[names["net"].weight]["step"] == 1
    says(chapter, "`param_groups`", "`state`", "`torch.optim.Optimizer`")


def test_the_state_is_m_and_s(chapter):
    w = torch.tensor(START, requires_grad=True)
    optimizer = optim.Adam([w], lr=0.3)
    rule, here = Rule("Adam", 0.3), START
    for _ in range(7):
        g = STEEP * (here - LOWEST)
        w.grad = torch.tensor(g)
        optimizer.step()
        here = rule.step(here, g)
    assert np.allclose(optimizer.state[w]["exp_avg"], rule.m) and np.allclose(optimizer.state[w]["exp_avg_sq"], rule.s)
    says(chapter, "`exp_avg`", "`exp_avg_sq`")


# ---- no backward -----------------------------------------------------------------------------


@pytest.mark.ledger("n4-12")
def test_without_backward_nothing_is_learned(chapter):
    assert lines(chapter, "no-backward") == ["None [True, True]"]
    names = chapter["no-backward"].names
    code = chapter["no-backward"].code
    assert ".backward()\n" not in code and code.index("zero_grad") < code.index("optimizer.step()") and "range(100)" in code
    assert type(names["optimizer"]) is optim.Adam and names["optimizer"].state[names["net"].weight]["step"] == 1  # it does not even count
    for kind in (optim.SGD, optim.RMSprop, optim.AdamW):
        net = nn.Linear(2, 1)
        before = [p.detach().clone() for p in net.parameters()]
        optimizer = kind(net.parameters(), lr=0.1, weight_decay=0.5, momentum=0.9) if kind is not optim.AdamW else kind(net.parameters())
        optimizer.zero_grad()
        optimizer.step()
        assert all(torch.equal(p, old) for p, old in zip(net.parameters(), before))
    says(chapter, "`loss.backward()`", "`None`")


@pytest.mark.ledger("n4-12")
def test_zeros_are_not_none(chapter):
    shown = [(*line.split(None, 2)[-1:], line) for line in lines(chapter, "zeros-move")]
    pairs = [tuple(numbers(line.split("None")[-1].split("tensor(0.)")[-1])) for _, line in shown]
    momentum = 0.8 - 0.1 * 0.9 * 2
    decay = 0.75 - 0.1 * 0.5 * 0.75
    assert pairs == [pytest.approx(pair) for pair in
                     [(0.8, 0.8), (0.8, 0.8), (0.8, 0.8), (0.8, momentum), (0.75, 0.75), (0.75, decay)]]
    assert ["None" in line for _, line in shown] == [True, False] * 3
    assert ["tensor(0.)" in line for _, line in shown] == [False, True] * 3
    assert [("momentum" in line, "weight_decay" in line) for _, line in shown] == [
        (False, False)] * 2 + [(True, False)] * 2 + [(False, True)] * 2
    assert 1 - 0.1 * (2 + 0.5) == 0.75
    says(chapter, f"0.8 − 0.1 × 0.9 × 2 = {number(momentum)}", f"0.75 − 0.1 × 0.5 × 0.75 = {number(decay)}", "`set_to_none=False`")


# ---- the learning rate -----------------------------------------------------------------------


def test_the_valley(chapter):
    names = chapter["surface"].names
    points = torch.tensor([[0.3, -2.0], [4.0, 1.0], [7.0, 1.5]], requires_grad=True)
    assert np.allclose(names["bowl"](points).detach(), loss(points.detach().numpy()))
    assert names["bowl"](torch.tensor(LOWEST)) == 0
    names["bowl"](points).sum().backward()
    assert torch.allclose(points.grad, names["gradient"](points.detach()))
    assert chapter["surface"].value.shape == (4, 2)
    assert np.allclose(chapter["surface"].value, path("SGD", 0.09, steps=3), atol=1e-5)
    column = chapter["surface"].value[:, 1]
    assert ((column[:-1] - 1) * (column[1:] - 1) < 0).all()  # from side to side
    assert names["walk"](optim.SGD, lr=0.09).shape == (61, 2)
    says(chapter, "(4, 1)")


def test_three_learning_rates(chapter):
    (figure,) = chapter["rates"].figures
    (axes,) = figure.axes
    rates = [0.001, 0.09, 0.105]
    assert [line.get_label() for line in axes.lines] == [f"lr={lr}" for lr in rates]
    assert len({line.get_linestyle() for line in axes.lines}) == 3
    drawn = [np.asarray(line.get_ydata()) for line in axes.lines]
    for lr, curve in zip(rates, drawn):
        assert len(curve) == 61 and np.allclose(curve, loss(path("SGD", lr)), rtol=1e-2, atol=1e-6)
    small, good, large = drawn
    assert 0.2 < small[-1] / small[0] < 0.5 and 3e-5 < good[-1] < 3e-4 and large[-1] > 1e6
    assert axes.get_yscale() == "log" and "log" in axes.get_ylabel() and axes.get_xlabel() == "step"
    says(chapter, f"1 − 0.09 × 20 = {number(round(1 - 0.09 * 20, 6))}", number(round(1 - 0.105 * 20, 6)), f"2 ÷ 20 = {2 / 20:g}", "0.999")
    assert 1 - 0.001 * 1 == 0.999 and 1 - 0.999**60 < 0.1
    below, above = (loss(path("SGD", lr, steps=400))[-1] for lr in (0.0999, 0.1001))
    assert below < loss(START) < above or (below < 20 < above)


# ---- by hand ---------------------------------------------------------------------------------


@pytest.mark.parametrize("cell, name", [
    ("momentum", "momentum"), ("nesterov", "Nesterov"), ("rmsprop", "RMSprop"), ("adam", "Adam"), ("adamw", "AdamW")])
@pytest.mark.ledger("n4-13")
def test_by_hand_equals_torch_and_the_paper(chapter, cell, name):
    shown = numbers(lines(chapter, cell)[0])
    assert len(shown) == 4
    assert shown == pytest.approx(SIX[name][10].tolist() * 2, abs=2e-4)
    assert np.allclose(chapter[cell].names["w"], SIX[name][10], atol=1e-4)
    torchs = chapter["one-line"].names["paths"][name]
    assert np.allclose(torchs, SIX[name], atol=1e-3)
    assert not np.allclose(SIX[name][10], SIX[name][9], atol=1e-3)  # so that a step more or less would show
    code = chapter[cell].code
    assert "optim." not in code.split("walk(")[0] and "1e-8" in code or name in ("momentum", "Nesterov")


def test_the_velocity_grows_tenfold_at_most(chapter):
    v = 0.0
    for _ in range(500):
        v = 0.9 * v + 1
    assert v == pytest.approx(10)
    says(chapter, "1 + 0.9 + 0.81 + … = 10")


@pytest.mark.ledger("n4-13")
def test_nesterov_is_sgd_and_refuses_no_momentum(chapter):
    error = chapter["nesterov-error"].error
    assert type(error) is ValueError and str(error) == "Nesterov momentum requires a momentum and zero dampening"
    with pytest.raises(ValueError, match="Nesterov momentum requires a momentum"):
        optim.SGD([torch.zeros(1)], lr=0.1, momentum=0, nesterov=True)
    optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9, nesterov=True)
    assert not hasattr(optim, "Nesterov") and not hasattr(optim, "NAG")
    says(chapter, "`SGD(momentum=0.9, nesterov=True)`", "`g + 0.9 * v`")


def test_first_steps_of_rmsprop_and_adam(chapter):
    assert (STEEP * (START - LOWEST)).tolist() == [-4, 30]
    says(chapter, "−4", "30", "$0.01g^2$", "$0.1g$")
    assert numbers(lines(chapter, "rmsprop")[1]) == pytest.approx([1, -1], abs=1e-3)
    assert np.allclose(SIX["RMSprop"][1] - START, [1, -1]) and 0.1 / math.sqrt(0.01) == pytest.approx(1)
    assert numbers(lines(chapter, "adam")[1]) == pytest.approx([0.3, -0.3], abs=1e-3)
    assert np.allclose(SIX["Adam"][1] - START, [0.3, -0.3])
    moves = np.abs(np.diff(SIX["Adam"], axis=0))
    assert moves.max() < 0.3 * 1.02  # about the longest move


def test_adam_does_not_mind_the_scale_of_the_loss(chapter):
    walked = []
    for scale in (1, 10):
        rule, here = Rule("Adam", 0.3), START
        torchs = torch.tensor(START, requires_grad=True)
        optimizer = optim.Adam([torchs], lr=0.3)
        for _ in range(60):
            optimizer.zero_grad()
            (scale * (torch.tensor(STEEP) * (torchs - torch.tensor(LOWEST)) ** 2).sum() / 2).backward()
            optimizer.step()
            here = rule.step(here, scale * STEEP * (here - LOWEST))
        assert np.allclose(torchs.detach(), here)
        walked.append(here)
    assert np.allclose(*walked, atol=1e-6)


# ---- weight decay ----------------------------------------------------------------------------


def test_decay_in_adam_is_divided_out(chapter):
    shown = {line.split()[0]: numbers(line)[1::2] for line in lines(chapter, "decay")}
    assert {name: [round(v, 3) for v in values] for name, values in shown.items()} == {
        "SGD": [9.9, 0.495], "Adam": [9.9, 0.4], "AdamW": [9.9, 0.495]}
    assert list(shown) == ["SGD", "Adam", "AdamW"]
    for name in ("SGD", "AdamW"):
        assert shown[name] == pytest.approx([10 * (1 - 0.1 * 0.1), 0.5 * (1 - 0.1 * 0.1)])
    assert shown["Adam"] == pytest.approx([10 - 0.1, 0.5 - 0.1])  # as large as the learning rate, whatever the weight
    assert [(10 - 9.9) / 10, (0.5 - 0.4) / 0.5] == pytest.approx([0.01, 0.2])
    for language, space in (("zh", ""), ("en", " ")):
        says_in(chapter, language, f"1{space}%", f"20{space}%", "0.1 × 0.1 = 0.01")
    again = torch.tensor([3.0, -2.0], requires_grad=True)
    (0 * again).sum().backward()
    optim.Adam([again], lr=0.1, weight_decay=0.001).step()  # a hundredth of the decay, the same move
    assert again.tolist() == pytest.approx([2.9, -1.9], abs=1e-4)


def test_the_defaults(chapter):
    decay = {kind.__name__: kind([torch.zeros(1)]).param_groups[0]["weight_decay"] for kind in (optim.Adam, optim.AdamW)}
    assert decay == {"Adam": 0, "AdamW": 0.01}
    group = optim.AdamW([torch.zeros(1)]).param_groups[0]
    assert group["lr"] == 0.001
    says(chapter, "0.01", "0.001")


# ---- one line --------------------------------------------------------------------------------


@pytest.mark.ledger("n4-13")
def test_six_optimizers_through_one_loop(chapter):
    paths = chapter["one-line"].names["paths"]
    assert list(paths) == list(SIX)
    for name, walked in paths.items():
        assert np.allclose(walked, SIX[name], atol=1e-3), name
    for line, (name, walked) in zip(lines(chapter, "one-line"), SIX.items()):
        assert line.split()[0] == name and numbers(line) == pytest.approx(walked[-1].tolist(), abs=0.006)
    assert chapter["one-line"].names["walk"] is chapter["surface"].names["walk"]
    body = chapter["surface"].code
    loop = body[body.index("for _ in range(steps)"):]
    assert loop.index("zero_grad()") < loop.index("backward()") < loop.index("optimizer.step()")
    assert "optim.SGD" not in body.split("walk(optim")[0] and body.count("kind(") == 1
    assert all(f'    "{name}": walk(optim.' in chapter["one-line"].code for name in SIX)


def test_the_characters_of_the_paths(chapter):
    across, up = {name: p[:, 0] for name, p in SIX.items()}, {name: p[:, 1] for name, p in SIX.items()}
    sides = np.sign(up["SGD"][:20] - 1)
    assert (sides[1:] * sides[:-1] == -1).all()  # a zigzag
    assert across["momentum"].max() > 4.9 and up["momentum"].min() < -0.1  # overshoots
    wobble = {name: np.abs(up[name][5:] - 1).max() for name in ("momentum", "Nesterov")}
    assert wobble["Nesterov"] < 0.75 * wobble["momentum"] and across["Nesterov"].max() < across["momentum"].max()
    assert across["Adam"].max() > 4.5
    assert across["Adam"][3] - START[0] == pytest.approx(START[1] - up["Adam"][3], rel=0.1)  # as fast along as across
    assert np.abs(across["SGD"] - 4).min() > 0 and across["SGD"].max() < 4
    says_in(chapter, "zh", "才到 3.6 左右")
    says_in(chapter, "en", "about 3.6 in 60 steps")
    assert round(across["AdamW"][-1], 1) == 3.6 and np.abs(across["Adam"][-1] - 4) < 0.05
    late = path("AdamW", 0.3, 0.1, steps=1000)[-1, 0]
    assert 3.8 < late < 3.95


def test_the_figure_of_the_paths(chapter):
    (figure,) = chapter["paths"].figures
    assert [axes.get_title() for axes in figure.axes] == list(SIX)
    for axes, (name, walked) in zip(figure.axes, SIX.items()):
        way, first, star = axes.lines
        assert np.allclose(np.stack([way.get_xdata(), way.get_ydata()], axis=1), walked, atol=1e-3), name
        assert (first.get_xdata(), first.get_ydata()) == (START[0], START[1]) and first.get_marker() == "s"
        assert (star.get_xdata(), star.get_ydata()) == (LOWEST[0], LOWEST[1]) and star.get_marker() == "*"
        assert way.get_marker() == "."
        left, right = axes.get_xlim()
        low, high = axes.get_ylim()
        assert left <= walked[:, 0].min() and walked[:, 0].max() <= right and low <= walked[:, 1].min() and walked[:, 1].max() <= high
    heights, across, up = (chapter["paths"].names[name].numpy() for name in ("heights", "across", "up"))
    everywhere = np.concatenate(list(SIX.values()))
    assert (np.array([across.min(), up.min()]) <= everywhere.min(axis=0)).all()  # contours wherever a path goes
    assert (np.array([across.max(), up.max()]) >= everywhere.max(axis=0)).all()
    assert np.allclose(heights, (across - 4) ** 2 / 2 + 10 * (up - 1) ** 2, atol=1e-3)
    assert figure.get_supxlabel() == "w[0]" and figure.get_supylabel() == "w[1]"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["start", "minimum"]


def test_numbers_kept_for_each_parameter(chapter):
    kept = {}
    for name, make in {"SGD": lambda w: optim.SGD(w, lr=0.1), "momentum, Nesterov": lambda w: optim.SGD(w, lr=0.1, momentum=0.9, nesterov=True),
                       "RMSprop": optim.RMSprop, "Adam": optim.Adam, "AdamW": optim.AdamW}.items():
        w = torch.zeros(5, requires_grad=True)
        w.sum().backward()
        optimizer = make([w])
        optimizer.step()
        kept[name] = sum(torch.is_tensor(v) and v.shape == w.shape for v in optimizer.state[w].values())
    rows = re.findall(r"^\| (.+?) \| .+? \| (\d) \|$", chapter.prose("en"), flags=re.M)
    assert dict(rows) == {name: str(count) for name, count in kept.items()}
    assert [n for _, n in re.findall(r"^\| (.+?) \| .+? \| (\d) \|$", chapter.prose("zh"), flags=re.M)] == [n for _, n in rows]


# ---- order, schedulers -----------------------------------------------------------------------


def test_five_orders(chapter):
    w = v = 0.0
    gathered = right = 0.0
    for _ in range(30):
        right -= 0.1 * 2 * (right - 3)
        v += 2 * (gathered - 3)  # never cleared
        gathered -= 0.1 * v
    assert w == 0
    expected = [("zero_grad, backward, step", right), ("backward, step, zero_grad", right), ("backward, zero_grad, step", 0),
                ("zero_grad, step, backward", 0), ("backward, step", gathered)]
    assert lines(chapter, "orders") == [f"w = {value:.2f} after {order}" for order, value in expected]
    says(chapter, f"{gathered:.2f}")


@pytest.mark.ledger("n3-08")
def test_backward_then_optimizer_then_scheduler(chapter):
    w, rate, expected = 0.0, 0.4, []
    for epoch in range(4):
        for _ in range(2):
            w -= rate * 2 * (w - 3)
        expected.append(f"epoch {epoch}: lr {rate:.2f}, w {w:.3f}")
        rate /= 2
    assert lines(chapter, "schedule") == expected
    code = chapter["schedule"].code
    assert code.index("zero_grad") < code.index("backward()") < code.index("optimizer.step()") < code.index("\n    scheduler.step()")


@pytest.mark.ledger("n3-08")
def test_the_wrong_order_warns_and_skips_the_first_rate(chapter):
    assert lines(chapter, "skip-first") == [f"epoch {epoch}: lr {0.4 * 0.5 ** (epoch + 1):.3f}" for epoch in range(4)]
    (warning,) = chapter["skip-first"].warnings
    assert "Detected call of `lr_scheduler.step()` before `optimizer.step()`" in warning and "skipping the first value" in warning
    code = chapter["skip-first"].code
    assert code.index("scheduler.step()") < code.index("optimizer.step()")
    says(chapter, "0.4", "0.2", "`scheduler.step()`", "https://docs.pytorch.org/docs/stable/optim.html")


def plateau(losses, rate=0.1, patience=3):
    best, bad, rates = math.inf, 0, []
    for value in losses:
        rates.append(rate)
        if value < best * (1 - 1e-4):
            best, bad = value, 0
        else:
            bad += 1
        if bad > patience:
            rate, bad = rate / 2, 0
    return rates


def test_six_curves_against_their_formulas(chapter):
    (figure,) = chapter["curves"].figures
    drawn = {axes.get_title(): list(axes.lines[0].get_ydata()) for axes in figure.axes}
    epochs = range(20)
    losses = chapter["curves"].names["losses"]
    assert losses == [1.0, 0.8, 0.6, 0.4] + [0.2] * 16

    def half_cosine(start, end, share):
        return end + (start - end) * (1 + math.cos(math.pi * share)) / 2

    expected = {
        "StepLR": [0.1 * 0.5 ** (e // 5) for e in epochs],
        "ExponentialLR": [0.1 * 0.8**e for e in epochs],
        "cosine": [half_cosine(0.1, 0, e / 20) for e in epochs],
        "warm-up, cosine": [0.01 + 0.09 * e / 5 if e < 5 else half_cosine(0.1, 0, (e - 5) / 15) for e in epochs],
        "OneCycleLR": [half_cosine(0.1 / 25, 0.1, e / 5) if e <= 5 else half_cosine(0.1, 0.1 / 25 / 1e4, (e - 5) / 14) for e in epochs],
        "OnPlateau": plateau(losses),
    }
    assert list(drawn) == list(expected)
    for name, rates in drawn.items():
        assert rates == pytest.approx(expected[name], abs=1e-6), name
    assert drawn["OnPlateau"].index(0.05) == 9  # level up to epoch 8
    assert figure.get_supxlabel() == "epoch" and figure.get_supylabel() == "learning rate"
    says(chapter, "`cosine`", "`OnPlateau`", "`total_steps`")


def test_onecycle_changes_the_momentum_too(chapter):
    def momenta(**settings):
        optimizer = optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)
        scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=20, **settings)
        seen = []
        for _ in range(19):
            seen.append(optimizer.param_groups[0]["momentum"])
            optimizer.step()
            scheduler.step()
        return [*seen, optimizer.param_groups[0]["momentum"]]

    seen = momenta()
    assert [seen[0], min(seen), seen[-1]] == pytest.approx([0.95, 0.85, 0.95])
    assert set(momenta(cycle_momentum=False)) == {0.9}
    says(chapter, "0.95", "0.85", "`cycle_momentum=False`")


def test_plateau_wants_the_loss(chapter):
    scheduler = optim.lr_scheduler.ReduceLROnPlateau(optim.SGD([torch.zeros(1)], lr=0.1))
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'metrics'"):
        scheduler.step()
    says(chapter, "`'metrics'`")


# ---- groups ----------------------------------------------------------------------------------


def test_two_groups_two_rates(chapter):
    assert [numbers(line) for line in lines(chapter, "groups")] == [[0.001], [0.1]]
    names = dict(chapter["no-backward"].names)
    exec(chapter["groups"].code, names)  # anew: a later cell moves these weights again
    optimizer = names["optimizer"]
    assert [group["lr"] for group in optimizer.param_groups] == [0.001, 0.1]
    assert [len(group["params"]) for group in optimizer.param_groups] == [2, 2]
    for layer, old, rate in zip((names["body"], names["head"]), names["before"], (0.001, 0.1)):
        assert torch.allclose(old - layer.weight, rate * layer.weight.grad, atol=1e-6)
    w, v = torch.zeros(1), torch.zeros(1)
    both = optim.SGD([{"params": [w], "lr": 0.001}, {"params": [v]}], lr=0.1)
    scheduler = optim.lr_scheduler.ExponentialLR(both, gamma=0.5)
    both.step()
    scheduler.step()
    assert [group["lr"] for group in both.param_groups] == pytest.approx([0.0005, 0.05])
    says(chapter, "`body`", "`head`", "0.001")


def test_a_layer_replaced_afterwards_is_not_learned(chapter):
    assert lines(chapter, "replaced") == ["has a gradient: True", "moved: False", "moved, now that it is added: True"]
    names = chapter["replaced"].names
    held = [p for group in names["optimizer"].param_groups for p in group["params"]]
    assert any(p is names["net"][1].weight for p in held) and any(p is names["head"].weight for p in held)  # the old one as well
    assert names["head"] is not names["net"][1] and len(held) == 6
    code = chapter["replaced"].code
    assert code.index("nn.Linear") < code.index("zero_grad()") < code.index("backward()") < code.index("optimizer.step()")
    says(chapter, "`add_param_group`")


# ---- common errors ---------------------------------------------------------------------------


def test_common_errors(chapter):
    kinds = {"empty": ValueError, "tensor": TypeError, "leaf": ValueError, "rate": ValueError, "steps": ValueError}
    messages = {"empty": "optimizer got an empty parameter list",
                "tensor": "params argument given to the optimizer should be an iterable of Tensors or dicts, but got torch.FloatTensor",
                "leaf": "can't optimize a non-leaf Tensor", "rate": "Invalid learning rate: -0.1",
                "steps": "Tried to step 11 times. The specified number of total steps is 10"}
    for name, message in messages.items():
        error = chapter[f"{name}-error"].error
        assert type(error) is kinds[name] and str(error).startswith(message), name
    assert lines(chapter, "empty-error") == ["13 numbers to learn"] and 2 * 3 + 3 + 3 * 1 + 1 == 13
    net = chapter["replaced"].names["net"]
    optim.SGD(net.parameters(), lr=0.1)
    optim.SGD([net[0].weight], lr=0.1)
    optim.SGD([torch.zeros(3, requires_grad=True).to(torch.float64).detach().requires_grad_()], lr=0.1)
    says(chapter, "`net.parameters()`", "`[net[0].weight]`", "`requires_grad_()`", "`total_steps`")
