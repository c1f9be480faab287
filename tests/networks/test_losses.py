"""The proof of what docs/*/networks/losses.md claims."""

import inspect
import io
import math
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.metrics import log_loss
from torch import nn

from tests.facts import fact
from tests.prose import lines

OUTPUT, TARGET = np.array([20.0, 18.0, 25.0]), np.array([22.0, 18.0, 21.0])
LOGITS, LABEL = np.array([[2.0, 1.0, -1.0], [0.5, 0.0, 3.0]]), np.array([0, 1])
DOUBTFUL = np.array([[0.8, 0.2, 0], [0.5, 0.5, 0]])
DAYS = np.array([18, 19, 19.5, 22, 180])
Z, YES = np.array([1.5, -0.5, 3]), np.array([1, 0, 0])


def numbers(text):
    return [float(word) for word in "".join(c if c.isdigit() or c in ".-" else " " for c in text).split() if any(map(str.isdigit, word))]


def softmax(z):
    e = np.exp(np.asarray(z, dtype=np.float64))
    return e / e.sum(axis=-1, keepdims=True)


def cross_entropy(z, labels):
    return np.mean([-math.log(row[label]) for row, label in zip(softmax(z), labels, strict=True)])


def soft_cross_entropy(z, p):
    return -(np.asarray(p) * np.log(softmax(z))).sum(axis=-1).mean()


def huber(e, delta=1.0):
    return np.where(np.abs(e) <= delta, e**2 / 2, delta * (np.abs(e) - delta / 2))


def bce(z, t):
    """One binary cross-entropy for each logit."""
    p = 1 / (1 + np.exp(-np.asarray(z, dtype=np.float64)))
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def trained(loss, x, y):
    """A Linear(1, 1) after 400 steps of gradient descent on `loss`, and the loss before and after."""
    torch.manual_seed(0)
    layer, values = nn.Linear(1, 1), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(400):
            value = loss(layer(x), y)
            layer.zero_grad()
            value.backward()
            with torch.no_grad():
                for p in layer.parameters():
                    p -= 0.2 * p.grad
            values.append(value.item())
    return layer, values[0], values[-1]


# ---- one number ------------------------------------------------------------------------------


@pytest.mark.claim(
    zh="损失函数用一个数来回答，这个数叫损失（loss）；训练就是调整权重，让它变小。",
    en="A loss function answers with one number, the loss, and training changes the weights so that it gets smaller.")
@pytest.mark.claim(
    zh="损失选错了，或者目标的形状不对，网络学的就是另一件事，而且往往不报错。",
    en="Choose the wrong loss, or hand it a target of the wrong shape, and the network learns something else, often without an error.")
@pytest.mark.claim(
    zh="这样训练出来的网络，不管问什么，都回答目标的平均数。",
    en="A network trained on it learns to answer everything with the mean of the targets.")
def test_training_lowers_the_loss_and_a_wrong_shape_or_loss_teaches_something_else():
    x = torch.linspace(-1, 1, 9)[:, None]
    y = 2 * x[:, 0] + 1
    y[-1] = 30
    right, before, after = trained(lambda o, t: F.mse_loss(o.squeeze(1), t), x, y)
    robust, _, _ = trained(lambda o, t: F.huber_loss(o.squeeze(1), t), x, y)
    silent, _, _ = trained(F.mse_loss, x, y)  # (9, 1) and (9,)
    assert after < before and F.mse_loss(right(x), y[:, None]).ndim == 0
    assert right.weight > 5 > robust.weight + 1  # two losses, two lines
    assert torch.allclose(silent(x), y.mean(), atol=1e-3) and right(x).std() > 1


@pytest.mark.ledger("n2-17")
@pytest.mark.claim(
    zh="旧笔记说：损失函数收两样东西，先输出、后目标；值越小越好。",
    en="The old notes say that a loss takes two things, output first and target second, and that smaller is better.")
@pytest.mark.claim(zh="说得对。", en="Right.")
@pytest.mark.claim(
    zh="损失收（输出，目标），给出一个数，越小越好；它的梯度说往哪边改。",
    en="A loss takes (output, target) and gives one number, smaller being better; its gradient says which way to change.")
def test_a_loss_takes_output_and_target_and_smaller_is_better(chapter):
    (row,) = [row for row in _ledger() if row["id"] == "n2-17"]
    assert row["verdict"] == "kept" and "先输出、后目标" in row["said"]["zh"] and "(output, target)" in row["said"]["en"]
    assert "越小越好" in row["said"]["zh"] and "smaller is better" in row["said"]["en"]
    for loss in (nn.MSELoss, nn.L1Loss, nn.HuberLoss, nn.CrossEntropyLoss, nn.BCEWithLogitsLoss):
        assert list(inspect.signature(loss.forward).parameters)[1:] == ["input", "target"]
    o, t = torch.tensor(OUTPUT, requires_grad=True), torch.tensor(TARGET)
    for loss in (F.mse_loss, F.l1_loss, F.huber_loss):
        value = loss(o, t)
        (gradient,) = torch.autograd.grad(value, o)
        assert value.ndim == 0 and loss(t, t) == 0 < value and loss(o - 0.1 * gradient, t) < value


def _ledger():
    import yaml
    from tests.conftest import ROOT

    text = yaml.safe_load((ROOT / "ledger.yml").read_text(encoding="utf-8"))
    rows, stack = [], [text]
    while stack:
        item = stack.pop()
        if isinstance(item, dict) and "verdict" in item:
            rows.append(item)
        elif isinstance(item, (dict, list)):
            stack.extend(item.values() if isinstance(item, dict) else item)
    return rows


@pytest.mark.ledger("n2-17")
@pytest.mark.claim(zh="三天的气温，误差是 −2、0、4。", en="Three temperatures, with errors of −2, 0 and 4.")
@pytest.mark.claim(
    zh="平方得 4、0、16，再平均，两行都是 6.6667：这就是均方误差（mean squared error，MSE）。",
    en="Squared they are 4, 0 and 16, and the mean of those is 6.6667, on both lines: the mean squared error, MSE.")
@pytest.mark.claim(zh="全对时它等于 0。", en="With every answer right it would be 0.")
@pytest.mark.claim(
    zh="`nn.MSELoss()` 是模块，函数 `F.mse_loss` 算的是同一个数。",
    en="`nn.MSELoss()` is a module; the function `F.mse_loss` computes the same number.")
def test_mse_is_the_mean_of_the_squared_errors(chapter):
    errors = OUTPUT - TARGET
    assert len(errors) == 3 and errors.tolist() == [-2, 0, 4] and (errors**2).tolist() == [4, 0, 16]
    assert [numbers(line) for line in lines(chapter, "first")] == [[6.6667]] * 2 and round((errors**2).mean(), 4) == 6.6667
    names = chapter["first"].names
    o, t, loss = names["output"].detach(), names["target"], names["loss_fn"]
    assert o.tolist() == OUTPUT.tolist() and t.tolist() == TARGET.tolist() and loss(t, t) == 0
    assert isinstance(loss, nn.Module) and inspect.isfunction(F.mse_loss) and loss(o, t) == F.mse_loss(o, t)


@pytest.mark.ledger("n2-17")
@pytest.mark.claim(
    zh="梯度为负，这个数该加；为正，该减；为 0，别动。",
    en="Where the gradient is negative, the number should go up; where it is positive, down; where it is 0, leave it.")
@pytest.mark.claim(
    zh="反着梯度走半步，损失就从 6.67 降到 2.96。",
    en="Half a gradient in the other direction, and the loss falls from 6.67 to 2.96.")
@pytest.mark.claim(
    zh="真正训练时，改的不是输出，而是算出它们的权重；权重的梯度，由这些梯度按链式法则算出。",
    en="Real training does not change the outputs but the weights that produced them, which get their gradients from these by the chain rule.")
def test_the_gradient_says_which_way(chapter):
    gradient = 2 * (OUTPUT - TARGET) / 3
    better = OUTPUT - gradient / 2
    names = chapter["gradient"].names
    assert np.allclose(names["output"].grad, gradient, atol=1e-5) and np.allclose(names["better"], better, atol=1e-4)
    assert (np.sign(gradient) == -np.sign(TARGET - OUTPUT)).all() and set(np.sign(gradient)) == {-1, 0, 1}
    after = ((better - TARGET) ** 2).mean()
    assert f"{20 / 3:.2f} {after:.2f}" == "6.67 2.96" and abs(numbers(lines(chapter, "gradient")[-1])[0] - after) < 1e-3
    x, layer = torch.eye(3), nn.Linear(3, 1, bias=False)
    output = layer(x).squeeze(1)
    output.retain_grad()
    F.mse_loss(output, torch.tensor(TARGET).float()).backward()
    assert torch.allclose(layer.weight.grad, output.grad @ x) and output.grad.abs().sum() > 0


# ---- a number --------------------------------------------------------------------------------


@pytest.mark.claim(zh="MSE | $e^2$", en="MSE | $e^2$")
@pytest.mark.claim(zh=r"L1 | $\lvert e \rvert$", en=r"L1 | $\lvert e \rvert$")
@pytest.mark.claim(
    zh=r"Huber | 当 $\lvert e \rvert \le \delta$ 时是 $\frac{e^2}{2}$，否则是 $\delta (\lvert e \rvert - \frac{\delta}{2})$",
    en=r"Huber | $\frac{e^2}{2}$ as long as $\lvert e \rvert \le \delta$, then $\delta (\lvert e \rvert - \frac{\delta}{2})$")
@pytest.mark.claim(zh=r"每行两个数相等；$\delta$ 默认是 1。", en=r"On each line the two agree; $\delta$ is 1 by default.")
def test_mse_l1_and_huber_agree_with_paper_and_with_torch(chapter):
    for line, value in zip(lines(chapter, "by-hand"), [20 / 3, 6 / 3, 5 / 3], strict=True):
        assert np.allclose(numbers(line), value, atol=1e-3) and len(set(numbers(line))) == 1 and len(numbers(line)) == 2
    names = chapter["by-hand"].names
    o, t = torch.linspace(-4, 4, 33, dtype=torch.float64), torch.zeros(33, dtype=torch.float64)
    e = o.numpy()
    for mine, torchs, formula in [("mse", F.mse_loss, e**2), ("l1", F.l1_loss, np.abs(e))]:
        assert np.allclose(torchs(o, t, reduction="none"), formula) and np.isclose(names[mine](o, t), formula.mean())
    for delta in (0.5, 1.0, 2.0):
        assert np.allclose(F.huber_loss(o, t, delta=delta, reduction="none"), huber(e, delta))
        assert np.isclose(names["huber"](o, t, delta), huber(e, delta).mean())
    assert inspect.signature(F.huber_loss).parameters["delta"].default == nn.HuberLoss().delta == 1


@pytest.mark.claim(zh="两张图的横轴都是误差，从 −3 到 3。", en="Both plots are over the error, from −3 to 3.")
@pytest.mark.claim(
    zh="左图是损失：MSE 是抛物线，L1 是 V 字，Huber 中间圆、两边直，在 L1 下方。",
    en="Left, the loss: MSE is a parabola, L1 a V, Huber round in the middle and straight outside, below L1.")
@pytest.mark.claim(
    zh="右图是斜率：MSE 从 −6 一路升到 6；L1 在 0 处从 −1 跳到 1；Huber 在 −1 和 1 之间斜着上去，之外与 L1 重合。",
    en="Right, the slope: MSE rises from −6 to 6; L1 jumps from −1 to 1 at 0; Huber climbs between −1 and 1 and lies on L1 outside.")
@pytest.mark.claim(zh="右：它的斜率，也就是推输出的力气有多大。", en="Right: its slope, which is how hard it pushes the output.")
def test_the_figure_shows_the_three_losses_and_their_slopes(chapter):
    (figure,) = chapter["curves"].figures
    left, right = figure.axes
    assert left.get_position().x0 < right.get_position().x0 and "loss" == left.get_ylabel() and "slope" in right.get_ylabel()
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["MSE", "L1", "Huber"]
    e = np.linspace(-3, 3, 121)
    losses = [e**2, np.abs(e), huber(e)]
    slopes = [2 * e, np.sign(e), np.clip(e, -1, 1)]
    for line, slope, loss, expected in zip(left.lines, right.lines, losses, slopes, strict=True):
        assert np.allclose(line.get_xdata(), e, atol=1e-5) and np.allclose(slope.get_xdata(), e, atol=1e-5)
        assert np.allclose(line.get_ydata(), loss, atol=1e-4)
        far = np.abs(e) > 1e-6  # at 0 itself, rounding decides the sign
        assert np.allclose(np.asarray(slope.get_ydata())[far], expected[far], atol=1e-4)
    assert (losses[2][e != 0] < losses[1][e != 0]).all()
    for ax in (left, right):
        assert "error" in ax.get_xlabel() and ax.get_xlim()[0] <= -3 and ax.get_xlim()[1] >= 3


@pytest.mark.claim(zh="MSE：错得越远，推得越狠。", en="MSE pushes harder the further off you are.")
@pytest.mark.claim(
    zh="L1：错多错少力气都是 1；快到了也不收力，步长固定的话，会在目标两边来回跳。",
    en="L1 pushes with a force of 1 however far off you are; it does not ease off near the target, and steps of a fixed size can hop from one side of it to the other.")
@pytest.mark.claim(
    zh="Huber：近处像 MSE，会收力；远处像 L1，力气不再变大。",
    en="Huber eases off near the target as MSE does, and far away pushes no harder, as L1 does.")
def test_how_hard_each_loss_pushes():
    def push(loss, e):
        x = torch.tensor([e], dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(loss(x, torch.zeros(1, dtype=torch.float64)), x)[0].abs().item()

    sizes = [0.01, 0.1, 0.5, 1.0, 3.0, 50.0]
    mse, l1, hub = ([push(loss, e) for e in sizes] for loss in (F.mse_loss, F.l1_loss, F.huber_loss))
    assert mse == sorted(set(mse)) and set(l1) == {1}
    assert hub == sizes[:4] + [1, 1]
    for loss, hops in ((F.l1_loss, True), (F.mse_loss, False), (F.huber_loss, False)):
        x, places = torch.tensor([0.8], requires_grad=True), []
        for _ in range(20):
            (gradient,) = torch.autograd.grad(loss(x, torch.zeros(1)), x)
            x = (x - 0.3 * gradient).detach().requires_grad_()
            places.append(x.item())
        assert (np.diff(np.sign(places[-6:])) != 0).all() == hops and (abs(places[-1]) < 1e-2) != hops


@pytest.mark.claim(
    zh="一批样本各有各的损失，怎么合成一个，由 `reduction` 决定：",
    en="`reduction` says how they become one number:")
@pytest.mark.claim(
    zh="默认是 `mean`：样本再多，它也不像 `sum` 那样跟着变大。",
    en="The default is `mean`, which does not grow with the number of samples, as `sum` does.")
@pytest.mark.claim(
    zh="最后一批常常不满，所以要算整个数据集的损失，各批的平均要按样本数加权；直接再平均，得数不对。",
    en="The last batch is often not full, so for the loss of a whole data set weight each batch’s mean by its number of samples; the plain mean of the means is off.")
def test_reduction(chapter):
    assert [numbers(line) for line in lines(chapter, "reduction")] == [[4, 0, 16], [20], [6.6667]]
    assert [line.split()[0] for line in lines(chapter, "reduction")] == ["none", "sum", "mean"]
    for loss in (F.mse_loss, F.l1_loss, F.huber_loss, F.cross_entropy, F.binary_cross_entropy_with_logits):
        assert inspect.signature(loss).parameters["reduction"].default == "mean"
    o, t = torch.tensor(OUTPUT), torch.tensor(TARGET)
    assert torch.isclose(F.mse_loss(o.repeat(10), t.repeat(10)), F.mse_loss(o, t))
    assert torch.isclose(F.mse_loss(o.repeat(10), t.repeat(10), reduction="sum"), 10 * F.mse_loss(o, t, reduction="sum"))
    sizes = [len(batch) for batch in torch.utils.data.DataLoader(o, batch_size=2)]
    means = [F.mse_loss(a, b).item() for a, b in zip(o.split(2), t.split(2), strict=True)]
    assert sizes == [2, 1] and np.mean(means) == 9 and np.isclose(np.average(means, weights=sizes), 20 / 3)


@pytest.mark.claim(
    zh="MSE 选了平均数 51.70，离哪一天都超过 29；要是没记错，它本该是 19.30。",
    en="MSE chooses 51.70, the mean, which is more than 29 away from every day; with 18.0 it would be 19.30.")
@pytest.mark.claim(
    zh="L1 选了中位数 19.50，Huber 选了 19.75，就在近旁。",
    en="L1 chooses the median, 19.50, and Huber 19.75, close by.")
@pytest.mark.claim(
    zh="五天的气温，最后一天漏了小数点，18.0 记成了 180。",
    en="Five days of temperatures, and on the last someone forgot the decimal point: 18.0 became 180.")
@pytest.mark.claim(
    zh="MSE 求平均数，会被离谱值拽走；L1 求中位数；Huber 介于两者之间。",
    en="MSE aims at the mean and is drawn to wild values, L1 aims at the median, Huber lies between the two.")
def test_mse_aims_at_the_mean_l1_at_the_median(chapter):
    printed = [numbers(line.replace("L1", "")) for line in lines(chapter, "outlier")]
    mean, median = DAYS.mean(), np.median(DAYS)
    assert printed == [[51.7], [19.5], [19.75], [51.7, 19.5]] and np.isclose(mean, 51.7) and median == 19.5
    assert abs(np.clip(19.75 - DAYS, -1, 1).sum()) < 1e-9 and median < 19.75 < mean  # the slopes of Huber cancel there
    assert np.abs(DAYS - mean).min() > 29 and np.abs(DAYS - mean).min() < 30 and np.isclose(np.mean([*DAYS[:-1], 18.0]), 19.3)
    assert len(DAYS) == 5 and DAYS[-1] == 180 and chapter["outlier"].names["days"].tolist() == DAYS.tolist()


@pytest.mark.claim(
    zh="从 0 到 199.95，隔 0.05 试一个：", en="Try everything from 0 to 199.95, in steps of 0.05:")
@pytest.mark.claim(
    zh="数据里可能有离谱的值，就用 Huber 或 L1；没有，就用 MSE。",
    en="So use Huber or L1 where there may be wild values, and MSE where there are none.")
def test_huber_and_l1_stay_where_most_days_are(chapter):
    guesses = chapter["outlier"].names["guesses"].numpy()
    assert np.allclose(guesses, np.arange(0, 200, 0.05)) and guesses[0] == 0 and guesses[-1] == 199.95
    best = [guesses[np.argmin([f(g - DAYS).mean() for g in guesses])] for f in (np.square, np.abs, huber)]
    assert abs(best[0] - 19.3) > 30 and all(abs(b - 19.3) < 0.5 for b in best[1:])
    rng = np.random.default_rng(0)  # without wild values (normal errors) MSE's answer, the mean, is the steadier one
    samples = rng.normal(20, 1, size=(2000, 5))
    assert samples.mean(axis=1).std() < np.median(samples, axis=1).std()


@pytest.mark.claim(
    zh="`Linear(…, 1)` 的输出是 `(N, 1)`，目标却常常存成 `(N,)`。",
    en="A `Linear(..., 1)` hands over `(N, 1)`, while targets are often stored as `(N,)`.")
@pytest.mark.claim(zh="12，不是 6.6667。", en="12, and not 6.6667.")
@pytest.mark.claim(
    zh="看那张 3 × 3 的表：每个输出和**每个**目标都比了一次，该留的只有对角线上的 4、0、16。",
    en="The 3 × 3 table shows why: every output was compared with **every** target, where only the 4, 0 and 16 on the diagonal should count.")
@pytest.mark.claim(
    zh="更要命的是，把目标张冠李戴再算，还是 12：它看不出哪个答案属于哪道题。",
    en="Worse, give each target to the wrong sample, and it is still 12: this loss does not see which answer belongs to which question.")
def test_the_silent_broadcast_compares_everything_with_everything(chapter):
    pairs = [[(o - t) ** 2 for t in TARGET] for o in OUTPUT]
    names = chapter["silent"].names
    assert names["column"].shape == (3, 1) == nn.Linear(4, 1)(torch.zeros(3, 4)).shape and names["target"].shape == (3,)
    assert np.mean(pairs) == 12 and np.diag(pairs).tolist() == [4, 0, 16] and names["pairs"].tolist() == pairs
    assert names["pairs"].shape == (3, 3)
    assert sorted(names["shuffled"].tolist()) == sorted(TARGET) and (names["shuffled"].numpy() != TARGET).all()
    values = [line for line in lines(chapter, "silent") if line.startswith("tensor(") and "[" not in line]
    assert [numbers(value) for value in values] == [[12], [12], [12], [6.6667]]
    permutations = [torch.randperm(3, generator=torch.Generator().manual_seed(k)) for k in range(6)]
    assert all(((names["column"] - names["target"][order]) ** 2).mean() == 12 for order in permutations)


@pytest.mark.claim(
    zh="二者一相减就会[广播](../foundations/shapes.md)：",
    en="Subtract the two, and they [broadcast](../foundations/shapes.md):")
@pytest.mark.claim(zh="PyTorch 只给了警告：`Using a target size`。", en="All PyTorch does is warn: `Using a target size`.")
@pytest.mark.claim(
    zh="见到它就停下来，像最后一行那样，用 `squeeze(1)` 让形状一致。",
    en="When you see that, stop and give both sides the same shape, as `squeeze(1)` does on the last line.")
@pytest.mark.claim(zh="两边形状要一样。", en="Both sides need the same shape.")
def test_a_wrong_shape_only_warns_and_squeeze_mends_it(chapter):
    column, target = torch.tensor(OUTPUT)[:, None], torch.tensor(TARGET)
    assert (column - target).shape == (3, 3)
    warned = chapter["silent"].warnings
    assert warned and all("Using a target size" in warning for warning in warned)
    for loss in (F.mse_loss, F.l1_loss, F.huber_loss):
        with pytest.warns(UserWarning, match="Using a target size"):
            wrong = loss(column, target)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert loss(column.squeeze(1), target) != wrong
    assert "squeeze(1)" in chapter["silent"].code.strip().splitlines()[-1] and numbers(lines(chapter, "silent")[-1]) == [6.6667]
