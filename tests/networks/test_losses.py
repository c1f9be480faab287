"""The proof of what docs/*/networks/losses.md claims."""

import inspect
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import log_loss
from torch import nn

from tests.prose import lines, says

OUTPUT, TARGET = np.array([20.0, 18.0, 25.0]), np.array([22.0, 18.0, 21.0])
LOGITS, LABEL = np.array([[2.0, 1.0, -1.0], [0.5, 0.0, 3.0]]), np.array([0, 1])


def numbers(text):
    return [float(word) for word in "".join(c if c.isdigit() or c in ".-" else " " for c in text).split() if any(map(str.isdigit, word))]


def softmax(z):
    e = np.exp(np.asarray(z, dtype=np.float64))
    return e / e.sum(axis=-1, keepdims=True)


def cross_entropy(z, labels):
    return np.mean([-math.log(row[label]) for row, label in zip(softmax(z), labels)])


# ---- one number ------------------------------------------------------------------------------


@pytest.mark.ledger("n2-17")
def test_mse_is_the_mean_of_the_squared_errors_and_smaller_is_better(chapter):
    errors = (OUTPUT - TARGET).tolist()
    assert errors == [-2, 0, 4]
    by_hand = (4 + 0 + 16) / 3
    assert [numbers(line) for line in lines(chapter, "first")] == [[round(by_hand, 4)]] * 2
    names = chapter["first"].names
    assert names["output"].tolist() == OUTPUT.tolist() and names["target"].tolist() == TARGET.tolist()
    assert names["loss_fn"](names["target"], names["target"]) == 0
    assert list(inspect.signature(F.mse_loss).parameters)[:2] == ["input", "target"]
    assert list(inspect.signature(nn.CrossEntropyLoss.forward).parameters)[1:] == ["input", "target"]
    says(chapter, "−2", "6.6667")


@pytest.mark.ledger("n2-17")
def test_a_step_against_the_gradient_makes_the_loss_smaller(chapter):
    gradient = 2 * (OUTPUT - TARGET) / 3
    better = OUTPUT - gradient / 2
    names = chapter["gradient"].names
    assert np.allclose(names["output"].grad, gradient, atol=1e-5) and gradient[0] < 0 == gradient[1] < gradient[2]
    assert np.allclose(names["better"], better, atol=1e-4)
    after = ((better - TARGET) ** 2).mean()
    assert abs(numbers(lines(chapter, "gradient")[-1])[0] - after) < 1e-3
    says(chapter, "6.67", "2.96")
    assert f"{20 / 3:.2f} {after:.2f}" == "6.67 2.96"


# ---- a number --------------------------------------------------------------------------------


def test_mse_l1_and_huber_agree_with_paper_and_with_torch(chapter):
    names = chapter["by-hand"].names
    paper = [(4 + 0 + 16) / 3, (2 + 0 + 4) / 3, (1.5 + 0 + 3.5) / 3]  # Huber: |e| - 1/2 beyond 1
    for line, value in zip(lines(chapter, "by-hand"), paper, strict=True):
        assert np.allclose(numbers(line), value, atol=1e-3) and len(numbers(line)) == 2
    o, t = torch.linspace(-4, 4, 33), torch.zeros(33)
    for delta in (0.5, 1.0, 2.0):
        e = np.abs(o.numpy().astype(np.float64))
        formula = np.where(e <= delta, e**2 / 2, delta * (e - delta / 2)).mean()
        assert abs(names["huber"](o, t, delta) - formula) < 1e-5 and abs(F.huber_loss(o, t, delta=delta) - formula) < 1e-5
    assert inspect.signature(F.huber_loss).parameters["delta"].default == 1
    assert nn.HuberLoss().delta == 1
    says(chapter, "$e^2$", r"$\lvert e \rvert$", r"$\frac{e^2}{2}$", r"$\delta (\lvert e \rvert - \frac{\delta}{2})$")


def test_the_figure_shows_the_three_losses_and_their_slopes(chapter):
    (figure,) = chapter["curves"].figures
    left, right = figure.axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["MSE", "L1", "Huber"]
    e = np.linspace(-3, 3, 121)
    near = np.abs(e) <= 1
    losses = [e**2, np.abs(e), np.where(near, e**2 / 2, np.abs(e) - 0.5)]
    slopes = [2 * e, np.sign(e), np.clip(e, -1, 1)]
    for line, slope, loss, expected in zip(left.lines, right.lines, losses, slopes, strict=True):
        assert np.allclose(line.get_xdata(), e, atol=1e-5) and np.allclose(line.get_ydata(), loss, atol=1e-4)
        far = np.abs(e) > 1e-6  # at 0 itself, rounding decides the sign
        assert np.allclose(np.asarray(slope.get_ydata())[far], expected[far], atol=1e-4)
    assert (losses[2][e != 0] < losses[1][e != 0]).all()  # Huber lies below L1
    x = [0.8]
    for _ in range(6):  # L1 does not ease off: steps of 1 hop over the target
        x.append(x[-1] - np.sign(x[-1]))
    assert all(a * b < 0 for a, b in zip(x, x[1:]))


def test_reduction(chapter):
    rows = [numbers(line) for line in lines(chapter, "reduction")]
    assert rows == [[4, 0, 16], [20], [6.6667]]
    for loss in (F.mse_loss, F.l1_loss, F.huber_loss, F.cross_entropy, F.binary_cross_entropy_with_logits):
        assert inspect.signature(loss).parameters["reduction"].default == "mean"
    o, t = torch.tensor(OUTPUT), torch.tensor(TARGET)
    assert torch.isclose(F.mse_loss(o.repeat(10), t.repeat(10)), F.mse_loss(o, t))
    means = [F.mse_loss(o[:2], t[:2]).item(), F.mse_loss(o[2:], t[2:]).item()]  # a full batch, one that is not
    assert np.mean(means) == 9 and np.isclose(np.average(means, weights=[2, 1]), 20 / 3)


def test_mse_aims_at_the_mean_l1_at_the_median(chapter):
    days = np.array([18, 19, 19.5, 22, 180])
    output = [numbers(line.replace("L1", "")) for line in lines(chapter, "outlier")]
    mean, median = days.mean(), np.median(days)
    assert output[0] == [51.7] and abs(mean - 51.7) < 1e-9 and output[1] == [19.5] == [median]
    assert output[3] == [51.7, 19.5]
    at = output[2][0]
    assert at == 19.75 and abs(np.clip(at - days, -1, 1).sum()) < 1e-9  # the slopes of Huber cancel there
    assert (np.abs(days - mean) > 29).all()  # like none of the days
    assert chapter["outlier"].names["guesses"][-1] == 199.95
    says(chapter, "51.70", "19.50", "199.95", "180")


def test_the_silent_broadcast_compares_everything_with_everything(chapter):
    pairs = [[(o - t) ** 2 for t in TARGET] for o in OUTPUT]
    assert np.mean(pairs) == 12 and np.diag(pairs).tolist() == [4, 0, 16]
    names = chapter["silent"].names
    assert names["column"].shape == (3, 1) == nn.Linear(4, 1)(torch.zeros(3, 4)).shape
    assert names["pairs"].tolist() == pairs
    assert sorted(names["shuffled"].tolist()) == sorted(TARGET) and (names["shuffled"].numpy() != TARGET).all()
    values = [line for line in lines(chapter, "silent") if line.startswith("tensor(") and "[" not in line]
    assert [numbers(value) for value in values] == [[12], [12], [12], [6.6667]]
    warned = chapter["silent"].warnings
    assert warned and all("Using a target size" in warning for warning in warned)
    assert names["column"].squeeze(1).shape == names["target"].shape
    says(chapter, "12", "`Using a target size`", "`squeeze(1)`")


# ---- a class ---------------------------------------------------------------------------------


def test_cross_entropy_by_hand(chapter):
    p = softmax(LOGITS)
    names = chapter["cross-entropy"].names
    assert names["logits"].tolist() == LOGITS.tolist() and names["label"].tolist() == LABEL.tolist()
    assert np.allclose(names["p"], p, atol=1e-6) and np.allclose(names["right"], [p[0, 0], p[1, 1]], atol=1e-6)
    each, value = [-math.log(p[0, 0]), -math.log(p[1, 1])], cross_entropy(LOGITS, LABEL)
    *_, by_hand, torchs_own = lines(chapter, "cross-entropy")
    assert np.allclose(numbers(by_hand), [*each, value], atol=2e-4) and np.allclose(numbers(torchs_own), value, atol=2e-4)
    for row, label, loss in zip(LOGITS, LABEL, each):  # the other side of the formula
        assert np.isclose(-row[label] + math.log(np.exp(row).sum()), loss)
    assert F.cross_entropy(torch.tensor([[0.0, -200.0]]), torch.tensor([0])) == 0
    says(chapter, r"-\ln p_y = -z_y + \ln \sum_{j} e^{z_j}", *(f"{x:.4f}" for x in (p[0, 0], p[1, 1], *each)))


def test_log_softmax_and_nll_loss_make_cross_entropy_and_probabilities_make_it_negative(chapter):
    good, bad = (numbers(line)[0] for line in lines(chapter, "nll"))
    p = softmax(LOGITS)
    assert abs(good - cross_entropy(LOGITS, LABEL)) < 1e-3 and abs(bad + (p[0, 0] + p[1, 1]) / 2) < 1e-3 and bad < 0
    z = torch.randn(50, 5, generator=torch.Generator().manual_seed(1)) * 5
    assert (F.cross_entropy(z, torch.arange(50) % 5, reduction="none") >= 0).all()


def test_an_untrained_network_starts_near_ln_k(chapter):
    rows = [numbers(line) for line in lines(chapter, "untrained")]
    assert [row[0] for row in rows] == [2, 10, 1000]
    assert all(abs(value - math.log(k)) < 2e-4 for k, value in rows)
    torch.manual_seed(0)
    fresh = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 10))
    assert abs(F.cross_entropy(fresh(torch.randn(500, 20)), torch.randint(10, (500,))).item() - math.log(10)) < 0.2
    says(chapter, f"{math.log(10):.4f}", r"$\ln K$")


def test_accuracy_stands_still_while_cross_entropy_falls(chapter):
    rows = [numbers(line.replace("cross-entropy", "")) for line in lines(chapter, "accuracy")]
    expected = []
    for s in (0, 1, 2):
        z = LOGITS.copy()
        z[0, 0] += s
        z[1, 1] += s
        expected.append([(z.argmax(axis=1) == LABEL).mean(), cross_entropy(z, LABEL)])
    assert np.allclose(rows, expected, atol=2e-4)
    assert {row[0] for row in rows} == {0.5} and rows[0][1] > rows[1][1] > rows[2][1]


def test_what_a_second_softmax_costs(chapter):
    z = np.zeros((1, 10))
    z[0, 3] = 20
    rows = [numbers(line) for line in lines(chapter, "double-softmax")]
    for row, (c, scores, steps) in zip(rows, [(3, z, 1), (3, softmax(z), 2), (4, z, 1), (4, softmax(z), 2)], strict=True):
        push = softmax(scores) - np.eye(10)[c]  # with respect to the scores
        if steps == 2:
            p = softmax(z)
            push = p * (push - (push * p).sum())  # and on, through the inner softmax
        assert row[0] == c and abs(row[1] - cross_entropy(scores, [c])) < 2e-4 and abs(row[2] - np.abs(push).max()) < 1e-4
    floor = math.log(1 + 9 / math.e)
    assert abs(cross_entropy(np.eye(10)[:1], [0]) - floor) < 1e-9 and abs(rows[1][1] - floor) < 1e-3
    assert [row[2] for row in rows[2:]] == [1, 0] and rows[0][1] == 0
    says(chapter, f"{floor:.4f}", r"$\ln(1 + \frac{9}{e})$", "0.0000")


# ---- targets ---------------------------------------------------------------------------------


@pytest.mark.ledger("n1-15")
def test_class_labels_are_int64_or_probabilities(chapter):
    assert torch.tensor([0, 1]).dtype == torch.int64 == torch.LongTensor([0]).dtype == chapter["labels"].names["label"].dtype
    names = chapter["labels"].names
    doubtful = np.array([[0.8, 0.2, 0], [0.5, 0.5, 0]])
    assert np.allclose(names["doubtful"], doubtful) and np.allclose(names["one_hot"], np.eye(3)[LABEL])
    value = cross_entropy(LOGITS, LABEL)
    soft = -(doubtful * np.log(softmax(LOGITS))).sum(axis=1).mean()
    index, hot, weighted = lines(chapter, "labels")
    assert index.startswith("torch.int64 ") and hot.startswith("torch.float32 ")
    assert abs(numbers(index)[-1] - value) < 2e-4 and abs(numbers(hot)[-1] - value) < 2e-4
    assert np.allclose(numbers(weighted), soft, atol=2e-4) and abs(soft - value) > 0.01
    for dtype in (torch.float16, torch.float32, torch.float64):  # probabilities: any floating dtype
        assert abs(F.cross_entropy(names["logits"], names["one_hot"].to(dtype)) - value) < 1e-3


@pytest.mark.ledger("n1-15")
def test_other_dtypes_of_labels_raise(chapter):
    logits, label = chapter["labels"].names["logits"], chapter["labels"].names["label"]
    value = F.cross_entropy(logits, label)
    assert F.cross_entropy(logits, label.to(torch.uint8)) == value
    for dtype in (torch.int8, torch.int16, torch.int32, torch.bool, torch.float32, torch.float64):
        with pytest.raises(RuntimeError, match="expected target dtype to be Long or Byte"):
            F.cross_entropy(logits, label.to(dtype))
        if dtype != torch.bool:
            assert F.cross_entropy(logits, label.to(dtype).long()) == value
    error = chapter["int32-error"].error
    assert type(error) is RuntimeError and "expected target dtype to be Long or Byte, but got Int" in str(error)
    error = chapter["one-hot-error"].error
    assert type(error) is RuntimeError and "Expected floating point type for target with class probabilities" in str(error)
    assert F.one_hot(label, 3).dtype == torch.int64
    says(chapter, "`int64`", "`uint8`", "`int32`", "`float32`", "`Long`", "`Byte`", "`.long()`", "`.float()`")


@pytest.mark.ledger("n2-17")
def test_the_order_matters_to_cross_entropy_but_not_to_mse(chapter):
    squared, entropy = (numbers(line.split(" ", 1)[1]) for line in lines(chapter, "order"))
    doubtful = np.array([[0.8, 0.2, 0], [0.5, 0.5, 0]])
    there = -(doubtful * np.log(softmax(LOGITS))).sum(axis=1).mean()
    back = -(LOGITS * np.log(softmax(doubtful))).sum(axis=1).mean()
    assert squared == [6.6667, 6.6667] and np.allclose(entropy, [there, back], atol=2e-4) and abs(there - back) > 0.1
    assert next(iter(inspect.signature(log_loss).parameters)) == "y_true"


# ---- yes or no -------------------------------------------------------------------------------


def test_bce_by_hand(chapter):
    z, t = np.array([1.5, -0.5, 3]), np.array([1, 0, 0])
    p = 1 / (1 + np.exp(-z))
    by_hand = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    assert np.allclose(numbers(lines(chapter, "bce")[0]), by_hand, atol=2e-4) and len(numbers(lines(chapter, "bce")[0])) == 3
    says(chapter, r"-t \ln p - (1 - t) \ln(1 - p)")


def test_bce_wants_floats_and_one_shape(chapter):
    z, yes = torch.zeros(3), torch.tensor([1, 0, 0])
    with pytest.raises(RuntimeError, match="Found dtype Long but expected Float"):
        F.binary_cross_entropy(torch.sigmoid(z), yes)
    with pytest.raises(RuntimeError):
        F.binary_cross_entropy_with_logits(z, yes)
    for loss in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits):
        with pytest.raises(ValueError, match="size"):
            loss(torch.full((3, 1), 0.5), yes.float())


def test_with_logits_survives_where_sigmoid_then_bce_does_not(chapter):
    p, formula, clamped, stable = lines(chapter, "stable")
    assert p == "p = 1.0"
    assert formula.split() == ["loss", "inf", "gradient", "nan"]
    assert numbers(clamped) == [100, 0] and numbers(stable) == [20, 1]
    exact = 20 + math.log1p(math.exp(-20))  # ln(1 + e^20), and its slope, in double precision
    assert abs(exact - 20) < 1e-6 and abs(1 / (1 + math.exp(-20)) - 1) < 1e-6
    assert round(1 - 1 / (1 + math.exp(-20)), 9) == 2e-9 and np.float32(1) - np.float32(2e-9) == 1
    says(chapter, "1 − 0.000000002", "−100", "`inf`", "`nan`")


# ---- choosing, pushing, failing --------------------------------------------------------------


def test_the_table_of_choices_runs(chapter):
    N, K, M, H, W = 4, 5, 3, 2, 6
    assert F.mse_loss(torch.zeros(N), torch.ones(N)) == 1 and F.huber_loss(torch.zeros(N), torch.ones(N)) == 0.5
    assert torch.isclose(F.cross_entropy(torch.zeros(N, K), torch.zeros(N, dtype=torch.int64)), torch.tensor(5.0).log())
    pixels = torch.randn(N, K, H, W), torch.randint(K, (N, H, W))
    flat = pixels[0].permute(0, 2, 3, 1).reshape(-1, K), pixels[1].flatten()
    assert torch.isclose(F.cross_entropy(*pixels), F.cross_entropy(*flat))
    assert torch.isclose(F.binary_cross_entropy_with_logits(torch.zeros(N, M), torch.ones(N, M)), torch.tensor(2.0).log())
    says(chapter, "`(N, K, H, W)` logits", "`(N, H, W)`", "`(N, M)` logits")


def test_the_gradient_is_probability_minus_answer(chapter):
    expected = (softmax(LOGITS) - np.eye(3)[LABEL]) / 2
    assert np.allclose(chapter["push"].names["z"].grad, expected, atol=1e-6)
    assert chapter["push"].stdout.count("0.1473") == 2
    for label, row in zip(LABEL, expected):
        assert row[label] < 0 < np.delete(row, label).min() and abs(row.sum()) < 1e-9


@pytest.mark.parametrize("cell, kind, message", [
    ("constructor-error", RuntimeError, "Boolean value of Tensor"),
    ("bounds-error", IndexError, "is out of bounds"),
    ("column-error", RuntimeError, "multi-target not supported"),
])
def test_the_common_errors(chapter, cell, kind, message):
    assert type(chapter[cell].error) is kind and message in str(chapter[cell].error)


def test_the_cures_cure(chapter):
    names = chapter["push"].names
    logits, label = names["logits"], names["label"]
    assert nn.CrossEntropyLoss()(logits, label) == F.cross_entropy(logits, label) == F.cross_entropy(logits, label[:, None].squeeze(1))
    assert F.cross_entropy(logits, torch.tensor([1, 3]) - 1).isfinite()
    says(chapter, "`nn.CrossEntropyLoss()(logits, label)`", "`label.squeeze(1)`")
