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

from press.ledger import read_ledger
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
    row = read_ledger(chapter.project)["rows"]["n2-17"]
    assert row["verdict"] == "kept" and "先输出、后目标；值越小越好" in row["said"]["zh"] and "(output, target); smaller is better" in row["said"]["en"]
    for loss in (nn.MSELoss, nn.L1Loss, nn.HuberLoss, nn.CrossEntropyLoss, nn.BCEWithLogitsLoss):
        assert list(inspect.signature(loss.forward).parameters)[1:] == ["input", "target"]
    o, t = torch.tensor(OUTPUT, requires_grad=True), torch.tensor(TARGET)
    for loss in (F.mse_loss, F.l1_loss, F.huber_loss):
        value = loss(o, t)
        (gradient,) = torch.autograd.grad(value, o)
        assert value.ndim == 0 and loss(t, t) == 0 < value and loss(o - 0.1 * gradient, t) < value


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
    zh="反方向走半个梯度，损失就从 6.67 降到 2.96。",
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


@pytest.mark.claim(
    zh=r"气温、房价这样的数，比较三种损失。误差记作 $e = \text{output} - \text{target}$：",
    en=r"For numbers such as temperatures, compare three losses, with $e = \text{output} - \text{target}$ for the error:")
@pytest.mark.claim(zh="MSE：错得越远，推得越狠。", en="MSE pushes harder the further off you are.")
@pytest.mark.claim(
    zh="L1：错多错少力气都是 1；快到了也不收力，步长固定的话，可能在目标两边来回跳。",
    en="L1 pushes with a force of 1 however far off you are; it does not ease off near the target, and steps of a fixed size can hop from one side of it to the other.")
@pytest.mark.claim(
    zh="Huber：近处像 MSE，会收力；远处像 L1，力气不再变大。",
    en="Huber eases off near the target as MSE does, and far away pushes no harder, as L1 does.")
def test_how_hard_each_loss_pushes(chapter):
    assert list(chapter["curves"].names["functions"].values()) == [F.mse_loss, F.l1_loss, F.huber_loss]
    for loss in (F.mse_loss, F.l1_loss, F.huber_loss):  # of output - target, and of nothing else
        assert loss(torch.tensor(7.0), torch.tensor(4.5)) == loss(torch.tensor(2.5), torch.tensor(0.0)) != loss(torch.tensor(7.0), torch.tensor(0.0))

    def push(loss, e):
        x = torch.tensor([e], dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(loss(x, torch.zeros(1, dtype=torch.float64)), x)[0].abs().item()

    sizes = [0.01, 0.1, 0.5, 1.0, 3.0, 50.0]
    mse, l1, hub = ([push(loss, e) for e in sizes] for loss in (F.mse_loss, F.l1_loss, F.huber_loss))
    assert mse == sorted(set(mse)) and set(l1) == {1}
    assert hub == sizes[:4] + [1, 1]
    for loss, start, hops in ((F.l1_loss, 0.8, True), (F.l1_loss, 0.0, False), (F.mse_loss, 0.8, False), (F.huber_loss, 0.8, False)):  # can, not must
        x, places = torch.tensor([start], requires_grad=True), []
        for _ in range(20):
            (gradient,) = torch.autograd.grad(loss(x, torch.zeros(1)), x)
            x = (x - 0.3 * gradient).detach().requires_grad_()
            places.append(x.item())
        assert (np.diff(np.sign(places[-6:])) != 0).all() == hops and (abs(places[-1]) < 1e-2) != hops


@pytest.mark.claim(
    zh="一批样本各有各的损失，怎么合成一个，由 `reduction` 决定：",
    en="Each sample of a batch has a loss of its own. `reduction` says how they become one number:")
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


# ---- a class ---------------------------------------------------------------------------------


@pytest.mark.claim(
    zh="分类网络给每个类别打一个分，叫 logits；[softmax](activations.md) 把它们变成概率。",
    en="A classifier gives every class a score. The scores are called logits, and [softmax](activations.md) turns them into probabilities.")
@pytest.mark.claim(
    zh=r"$$ -\ln p_y = -z_y + \ln \sum_{j} e^{z_j} $$",
    en=r"$$ -\ln p_y = -z_y + \ln \sum_{j} e^{z_j} $$")
@pytest.mark.claim(
    zh="第一个样本给了正确类别 0.7054，损失 0.3490；第二个只给了 0.0440，损失 3.1239。",
    en="The first sample gave the right class 0.7054, for a loss of 0.3490; the second gave it only 0.0440, for 3.1239.")
@pytest.mark.claim(
    zh="概率是 1，损失就是 0；概率越接近 0，损失越大，没有上限。",
    en="At a probability of 1 the loss is 0; the nearer the probability is to 0, the larger the loss, without limit.")
def test_cross_entropy_by_hand(chapter):
    p = softmax(LOGITS)
    names = chapter["cross-entropy"].names
    assert names["logits"].tolist() == LOGITS.tolist() and names["label"].tolist() == LABEL.tolist()
    assert np.allclose(names["p"], p, atol=1e-6) and np.allclose(p.sum(axis=1), 1) and (p > 0).all()
    right = [p[0, 0], p[1, 1]]
    each, value = [-math.log(x) for x in right], cross_entropy(LOGITS, LABEL)
    assert [f"{x:.4f}" for x in (*right, *each)] == ["0.7054", "0.0440", "0.3490", "3.1239"]
    *_, picked, by_hand, torchs_own = lines(chapter, "cross-entropy")
    assert np.allclose(numbers(picked), right, atol=1e-4)
    assert np.allclose(numbers(by_hand), [*each, value], atol=2e-4) and np.allclose(numbers(torchs_own), value, atol=2e-4)
    for row, label, loss in zip(LOGITS, LABEL, each, strict=True):  # the other side of the formula
        assert np.isclose(-row[label] + math.log(np.exp(row).sum()), loss)
    rising = [F.cross_entropy(torch.tensor([[0.0, wrong]]), torch.tensor([0])).item() for wrong in (-200.0, 0.0, 10.0, 1e4, 1e8)]
    assert rising[0] == 0 and rising == sorted(rising) and rising[-1] == 1e8


@pytest.mark.claim(
    zh="`nll_loss` 的全名是负对数似然（negative log-likelihood），自己却不取对数，只挑出正确类别那一项，变号、平均。",
    en="`nll_loss` is short for negative log-likelihood, but it takes no logarithm itself: it picks the entry of the right class, changes its sign and averages.")
@pytest.mark.claim(
    zh="喂给它概率也不报错，只是得到负数。",
    en="Give it probabilities and it raises nothing; the result is just negative.")
@pytest.mark.claim(
    zh="标签是编号时，交叉熵不会小于 0，所以**损失成了负数，先查是不是漏了对数**。",
    en="With class indices for labels cross-entropy is never below 0, so **if your loss is negative, look for a missing logarithm**.")
@pytest.mark.claim(
    zh="它也可以拆成两步，先 log-softmax，再 `nll_loss`：",
    en="It can be taken in two steps, log-softmax and then `nll_loss`:")
def test_log_softmax_and_nll_loss_make_cross_entropy_and_probabilities_make_it_negative(chapter):
    good, bad = (numbers(line)[0] for line in lines(chapter, "nll"))
    p = softmax(LOGITS)
    assert abs(good - cross_entropy(LOGITS, LABEL)) < 1e-3 and abs(bad + (p[0, 0] + p[1, 1]) / 2) < 1e-3 and bad < 0
    assert "negative log likelihood" in nn.NLLLoss.__doc__.lower()
    any_numbers = torch.tensor([[5.0, -2.0, 7.0], [1.0, 3.0, 0.5]])
    assert F.nll_loss(any_numbers, torch.tensor([2, 0])) == -(7 + 1) / 2
    z = torch.randn(500, 5, generator=torch.Generator().manual_seed(1)) * 20
    assert (F.cross_entropy(z, torch.arange(500) % 5, reduction="none") >= 0).all()


@pytest.mark.claim(
    zh=r"K 类得分一样，概率各是 1/K，损失就是 $\ln K$：",
    en=r"With the same score for each of K classes, every probability is 1/K and the loss is $\ln K$:")
@pytest.mark.claim(
    zh="记住十类是 2.3026：训练刚开始，损失应该在它附近。",
    en="Remember 2.3026, for ten classes: the first loss of a training run should be near it.")
@pytest.mark.claim(
    zh="要是一上来就是 20，必有样本的 logits 相差 17 以上，先查初始化和输入的大小。",
    en="To start at 20, some sample’s logits must lie more than 17 apart, so check the initialisation and the scale of the inputs.")
def test_an_untrained_network_starts_near_ln_k(chapter):
    rows = [numbers(line) for line in lines(chapter, "untrained")]
    assert [row[0] for row in rows] == [2, 10, 1000] and all(abs(value - math.log(k)) < 2e-4 for k, value in rows)
    assert np.allclose(softmax(np.full((1, 10), 3.0)), 0.1) and f"{math.log(10):.4f}" == "2.3026"
    torch.manual_seed(0)
    x, labels = torch.randn(500, 20), torch.randint(10, (500,))
    fresh = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 10))
    assert abs(F.cross_entropy(fresh(x), labels).item() - math.log(10)) < 0.2
    assert F.cross_entropy(fresh(300 * x), labels) > 20  # the scale of the inputs
    z = torch.randn(1000, 10).double() * 10  # no loss is above the spread of its logits plus ln 10
    assert (F.cross_entropy(z, z.argmin(dim=1), reduction="none") < z.amax(1) - z.amin(1) + math.log(10)).all()
    assert 17 < 20 - math.log(10) < 18


@pytest.mark.claim(
    zh="正确类别的概率在升，准确率却一动不动。",
    en="The probabilities of the right classes rise and the accuracy does not move.")
@pytest.mark.claim(
    zh="不动，斜率就是 0，训练没有依据。",
    en="What does not move has a slope of 0, and nothing to train by.")
@pytest.mark.claim(zh="交叉熵每一步都降。", en="Cross-entropy falls at each step.")
@pytest.mark.claim(
    zh="可是把正确类别的得分一点点往上加：", en="But raise the scores of the right classes, bit by bit:")
def test_accuracy_stands_still_while_cross_entropy_falls(chapter):
    rows = [numbers(line.replace("cross-entropy", "")) for line in lines(chapter, "accuracy")]
    expected, right = [], []
    for s in (0, 1, 2):
        z = LOGITS.copy()
        z[0, 0] += s
        z[1, 1] += s
        expected.append([(z.argmax(axis=1) == LABEL).mean(), cross_entropy(z, LABEL)])
        right.append(softmax(z)[[0, 1], LABEL])
    assert np.allclose(rows, expected, atol=2e-4) and (np.diff(right, axis=0) > 0).all()
    assert {row[0] for row in rows} == {0.5} and rows[0][1] > rows[1][1] > rows[2][1]
    z = torch.tensor(LOGITS, requires_grad=True)
    assert not (z.argmax(dim=1) == torch.tensor(LABEL)).double().mean().requires_grad


@pytest.mark.claim(
    zh="`cross_entropy` 收的是 [logits](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)，softmax 在里面。",
    en="`cross_entropy` takes [logits](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html) and has its own softmax inside.")
@pytest.mark.claim(
    zh="十个类别，网络一口咬定是 3：", en="Ten classes, and a network that is certain of class 3:")
@pytest.mark.claim(
    zh="每两行，先是直接给 logits，后是多做一遍 softmax。",
    en="In each pair, the first line has logits, the second one softmax too many.")
@pytest.mark.claim(zh="若正确答案是 3，损失本该是 0。", en="If 3 is right, the loss should be 0.")
def test_logits_go_in_and_a_second_softmax_changes_each_line(chapter):
    z = np.zeros((1, 10))
    z[0, 3] = 20
    assert chapter["double-softmax"].names["z"].tolist() == z.tolist() and softmax(z)[0, 3] > 0.9999999
    rows = [numbers(line) for line in lines(chapter, "double-softmax")]
    for row, (c, scores, steps) in zip(rows, [(3, z, 1), (3, softmax(z), 2), (4, z, 1), (4, softmax(z), 2)], strict=True):
        push = softmax(scores) - np.eye(10)[c]  # with respect to the scores
        if steps == 2:
            p = softmax(z)
            push = p * (push - (push * p).sum())  # and on, through the inner softmax
        assert row[0] == c and abs(row[1] - cross_entropy(scores, [c])) < 2e-4 and abs(row[2] - np.abs(push).max()) < 1e-4
    assert rows[0][1] == 0 and "unnormalized logits" in nn.CrossEntropyLoss.__doc__
    assert F.cross_entropy(torch.tensor(LOGITS), torch.tensor(LABEL)).item() == pytest.approx(cross_entropy(LOGITS, LABEL))


@pytest.mark.claim(
    zh=r"它却有 1.4612，再也降不下去：概率最大是 1，再过一遍 softmax，至少剩 $\ln(1 + \frac{9}{e})$。",
    en=r"It is 1.4612, and cannot get lower: a probability is at most 1, and after a second softmax at least $\ln(1 + \frac{9}{e})$ is left.")
@pytest.mark.claim(
    zh="若正确答案是 4，logits 的梯度本该是 1。",
    en="If 4 is right, the logits should get a gradient of 1.")
@pytest.mark.claim(
    zh="现在是 0.0000，错得越自信，越改不过来。",
    en="They get 0.0000, so a confident mistake is hardly corrected.")
def test_what_a_second_softmax_costs(chapter):
    rows = [numbers(line) for line in lines(chapter, "double-softmax")]
    floor = math.log(1 + 9 / math.e)
    assert f"{floor:.4f}" == "1.4612" and rows[1][1] == 1.4612 and abs(cross_entropy(np.eye(10)[:1], [0]) - floor) < 1e-9
    p = np.random.default_rng(0).dirichlet(np.full(10, 0.1), size=1000)
    assert min(cross_entropy(row[None], [0]) for row in p) >= floor
    assert [row[2] for row in rows[2:]] == [1, 0]
    after, gradients = [], []
    for size in (1.0, 5.0, 20.0):
        for inner in (False, True):
            z = torch.zeros(1, 10)
            z[0, 3] = size
            for step in range(100):
                z.requires_grad_()
                scores = torch.softmax(z, dim=1) if inner else z
                (gradient,) = torch.autograd.grad(F.cross_entropy(scores, torch.tensor([4])), z)
                gradients.append(gradient.abs().max().item()) if inner and not step else None
                z = (z - gradient).detach()
            after.append(z.argmax().item())
    assert after[4:] == [4, 3] and gradients == sorted(gradients, reverse=True) and gradients[-1] < 1e-7


# ---- targets ---------------------------------------------------------------------------------


@pytest.mark.ledger("n1-15")
@pytest.mark.claim(
    zh="旧笔记说：类别标签默认是 `LongTensor`，也就是 `int64`。",
    en="The old notes say that class labels default to `LongTensor`, that is to `int64`.")
@pytest.mark.claim(zh="对，整数列表建出来正是它。", en="Right: it is what a list of integers becomes.")
@pytest.mark.claim(
    zh="标签还可以写成每一类的概率，形状和 logits 相同，那就要用小数：",
    en="Labels may also be a probability for every class, in the shape of the logits, and then they must be floats:")
def test_class_labels_are_int64_or_probabilities(chapter):
    row = read_ledger(chapter.project)["rows"]["n1-15"]
    assert row["verdict"] == "kept" and all("`LongTensor`" in said for said in row["said"].values())
    assert torch.tensor([0, 1]).dtype == torch.int64 == torch.LongTensor([0]).dtype == chapter["labels"].names["label"].dtype
    names = chapter["labels"].names
    value = cross_entropy(LOGITS, LABEL)
    for dtype in (torch.float16, torch.float32, torch.float64):  # probabilities: any floating dtype
        assert abs(F.cross_entropy(names["logits"], names["one_hot"].to(dtype)) - value) < 1e-3
    for dtype in (torch.int64, torch.int32, torch.uint8, torch.bool):
        with pytest.raises(RuntimeError, match="Expected floating point type"):
            F.cross_entropy(names["logits"], names["one_hot"].to(dtype))
    with pytest.raises(RuntimeError):
        F.cross_entropy(names["logits"], names["one_hot"][:, :2])


@pytest.mark.claim(
    zh="编号和 one-hot（正确类别为 1，其余为 0）说的是同一件事，损失相同。",
    en="An index and a one-hot row (1 for the right class, 0 elsewhere) say the same, and have the same loss.")
@pytest.mark.claim(
    zh="第三行拿不太准（“八成是第 0 类”），损失就按概率加权。",
    en="The third line is less sure of itself (“80% class 0”), and its loss is weighted by those probabilities.")
@pytest.mark.claim(
    zh="反过来，概率必须是小数，`F.one_hot` 给的却是整数，记得 `.float()`：",
    en="Probabilities, the other way round, must be floats, and `F.one_hot` gives integers. Do not forget its `.float()`:")
@pytest.mark.claim(
    zh="编号用 `int64`：`int32` 和 `float32` 都不行，要用 `.long()` 换：",
    en="Make indices `int64`: neither `int32` nor `float32` will do, and `.long()` mends that:")
def test_indices_one_hot_rows_and_probabilities(chapter):
    names = chapter["labels"].names
    logits, label = names["logits"], names["label"]
    assert np.allclose(names["doubtful"], DOUBTFUL) and np.allclose(names["one_hot"], np.eye(3)[LABEL]) and DOUBTFUL[0, 0] == 0.8
    value, soft = cross_entropy(LOGITS, LABEL), soft_cross_entropy(LOGITS, DOUBTFUL)
    index, hot, weighted = lines(chapter, "labels")
    assert index.startswith("torch.int64 ") and hot.startswith("torch.float32 ")
    assert abs(numbers(index)[-1] - value) < 2e-4 and abs(numbers(hot)[-1] - value) < 2e-4
    assert np.allclose(numbers(weighted), soft, atol=2e-4) and abs(soft - value) > 0.01
    assert F.one_hot(label, 3).dtype == torch.int64 and torch.isclose(F.cross_entropy(logits, F.one_hot(label, 3).float()), torch.tensor(value).float())
    assert "Expected floating point type for target with class probabilities, got Long" in str(chapter["one-hot-error"].error)
    for dtype in (torch.int8, torch.int16, torch.int32, torch.float32, torch.float64):
        with pytest.raises(RuntimeError, match="expected target dtype to be Long or Byte"):
            F.cross_entropy(logits, label.to(dtype))
        assert F.cross_entropy(logits, label.to(dtype).long()) == F.cross_entropy(logits, label)
    assert "expected target dtype to be Long or Byte, but got Int" in str(chapter["int32-error"].error)


@pytest.mark.claim(zh="报错里还提到 `Byte`，也就是 `uint8`。", en="The message also allows `Byte`, that is `uint8`.")
@pytest.mark.claim(zh="一个样本一个标签时，它确实能用。", en="That holds for one label a sample.")
@pytest.mark.claim(
    zh="一个像素一个标签，比如从 PNG 文件读来的掩码，照样报错，也要用 `.long()` 换：",
    en="One for each pixel, as in a mask that was read from a PNG file, still raises, and `.long()` mends that too:")
def test_bytes_do_for_one_label_a_sample_and_not_for_pixels(chapter):
    logits, label = torch.tensor(LOGITS), torch.tensor(LABEL)
    assert "Byte" in str(chapter["int32-error"].error) and torch.ByteTensor([0]).dtype == torch.uint8
    assert F.cross_entropy(logits, label.byte()) == F.cross_entropy(logits, label)
    file = io.BytesIO()
    Image.fromarray(np.array([[0, 2], [1, 1]], dtype=np.uint8)).save(file, "PNG")
    mask = torch.from_numpy(np.array(Image.open(file)))[None]
    names = chapter["mask-error"].names
    assert mask.dtype == names["mask"].dtype == torch.uint8 and mask.equal(names["mask"])
    with pytest.raises(RuntimeError, match="expected scalar type Long but found Byte"):
        F.cross_entropy(names["scores"], mask)
    assert str(chapter["mask-error"].error) == "expected scalar type Long but found Byte"
    assert torch.isclose(F.cross_entropy(names["scores"], mask.long()), torch.tensor(3.0).log())


@pytest.mark.ledger("n2-17")
@pytest.mark.claim(
    zh="MSE 看不出来，因为 $e$ 的正负一平方就没了。",
    en="MSE cannot tell, since squaring takes the sign of $e$ away.")
@pytest.mark.claim(
    zh="交叉熵换了一个数，还是不报错：它并不检查“概率”是不是概率。",
    en="Cross-entropy gives another number, again without an error: nothing checks that “probabilities” are probabilities.")
@pytest.mark.claim(
    zh="用过 scikit-learn 的人要当心，它的 [`log_loss`](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.log_loss.html) 恰好是目标在前。",
    en="Take care if you come from scikit-learn, whose [`log_loss`](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.log_loss.html) wants the target first.")
def test_the_order_matters_to_cross_entropy_but_not_to_mse(chapter):
    squared, entropy = (numbers(line.split(" ", 1)[1]) for line in lines(chapter, "order"))
    there, back = soft_cross_entropy(LOGITS, DOUBTFUL), soft_cross_entropy(DOUBTFUL, LOGITS)
    assert squared == [6.6667, 6.6667] and np.allclose(entropy, [there, back], atol=2e-4) and abs(there - back) > 0.1
    assert (LOGITS < 0).any() and not np.allclose(LOGITS.sum(axis=1), 1) and ((OUTPUT - TARGET) ** 2 == (TARGET - OUTPUT) ** 2).all()
    assert list(inspect.signature(log_loss).parameters)[0] == "y_true"


@pytest.mark.claim(
    zh="有的类别少见，有的标签缺失，有的标签信不过，`cross_entropy` 各有一个参数来应付。",
    en="Some classes are rare, some labels are missing, some are not to be trusted. `cross_entropy` has an argument for each.")
@pytest.mark.claim(
    zh="这里用 `weight` 让第 1 类一个顶三个：", en="With `weight`, class 1 counts three times here:")
@pytest.mark.claim(
    zh="每个样本的损失乘上它那一类的权重，加起来，再除以这些权重之和，而不是样本数。",
    en="Each sample’s loss is multiplied by the weight of its class, and the sum is divided by the sum of these weights, not by the number of samples.")
@pytest.mark.claim(
    zh="有 n 个样本的类别，权重取 1/n，各类的总分量就一样了。",
    en="Give a class with n samples the weight 1/n, and all classes count the same in total.")
def test_the_weight_of_a_class(chapter):
    p = softmax(LOGITS)
    by_hand = (1 * -math.log(p[0, 0]) + 3 * -math.log(p[1, 1])) / (1 + 3)
    assert [numbers(line) for line in lines(chapter, "weight")] == [[round(by_hand, 4)]] * 2
    assert chapter["weight"].names["weight"].tolist() == [1, 3, 1] and abs(by_hand - by_hand * 4 / 2) > 1
    twice = torch.tensor(LOGITS)[[0, 1, 1, 1]]  # as if class 1 were there three times
    assert F.cross_entropy(twice, torch.tensor([0, 1, 1, 1])).item() == pytest.approx(by_hand)
    assert {"weight", "ignore_index", "label_smoothing"} <= set(inspect.signature(F.cross_entropy).parameters)
    label = torch.tensor([0] * 8 + [1] * 2)
    each = torch.rand(10, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weighted = F.cross_entropy(each, label, weight=1 / label.bincount().double())
    one = F.cross_entropy(each, label, reduction="none")
    assert torch.isclose(weighted, (one[:8].mean() + one[8:].mean()) / 2)


@pytest.mark.claim(
    zh="`ignore_index` 是表示“没有标签”的编号，默认是 −100：",
    en="`ignore_index` is the index that means “no label”, −100 by default:")
@pytest.mark.claim(
    zh="这样的样本既不算进总和，也不算进样本数，剩下的就是第一个样本的损失。",
    en="Such a sample counts neither in the sum nor in the number of samples: what is left is the first one’s loss.")
@pytest.mark.claim(
    zh="你的数据若用 255 表示空缺，就写 `ignore_index=255`。",
    en="If your data marks gaps with 255, pass `ignore_index=255`.")
@pytest.mark.claim(
    zh="要是全都跳过了，平均就成了 0 除以 0，也就是 `nan`。",
    en="If everything is ignored, the mean is 0 divided by 0, `nan`.")
def test_what_ignore_index_leaves_out(chapter):
    gap, other, nothing = lines(chapter, "ignore")
    first = round(-math.log(softmax(LOGITS)[0, 0]), 4)
    assert numbers(gap) == [first, first] and numbers(other) == [first] and nothing == "tensor(nan)"
    assert inspect.signature(F.cross_entropy).parameters["ignore_index"].default == nn.CrossEntropyLoss().ignore_index == -100
    z = torch.tensor(LOGITS, requires_grad=True)
    F.cross_entropy(z, torch.tensor([0, -100])).backward()
    assert (z.grad[1] == 0).all() and (z.grad[0] != 0).all()
    with pytest.raises(IndexError):
        F.cross_entropy(z, torch.tensor([0, 255]))
    assert F.cross_entropy(z, torch.tensor([-100, -100]), reduction="sum") == 0
    mask = torch.tensor([[[0, 255], [255, 2]]])
    scores = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    kept = torch.stack([scores[0, :, 0, 0], scores[0, :, 1, 1]])
    assert torch.isclose(F.cross_entropy(scores, mask, ignore_index=255), F.cross_entropy(kept, torch.tensor([0, 2])))


@pytest.mark.claim(
    zh="`label_smoothing` 从正确类别那里拿走一份，这里是十分之一，平分给所有类别：",
    en="`label_smoothing` takes a share from the right class, here a tenth, and spreads it evenly over all classes:")
@pytest.mark.claim(
    zh="于是正确类别剩 0.9333，其余各得 0.0333。",
    en="That leaves 0.9333 for the right class and 0.0333 for each other one.")
@pytest.mark.claim(
    zh="网络给的概率恰好是这些数时，损失最小；比这更自信，损失反而变大。",
    en="The loss is smallest when the network gives exactly these probabilities, so being surer than that makes it larger.")
@pytest.mark.claim(zh="这里的最小值是 0.2911，不再是 0。", en="Its minimum is 0.2911 here, no longer 0.")
def test_what_label_smoothing_does(chapter):
    share = 0.1 / 3
    smooth = np.full((2, 3), share)
    smooth[[0, 1], LABEL] += 0.9
    assert np.allclose(chapter["smoothing"].names["smooth"], smooth) and f"{0.9 + share:.4f} {share:.4f}" == "0.9333 0.0333"
    value = soft_cross_entropy(LOGITS, smooth)
    assert [numbers(line) for line in lines(chapter, "smoothing")[-2:]] == [[round(value, 4)]] * 2

    def loss(z):
        return F.cross_entropy(torch.tensor(z), torch.tensor(LABEL), label_smoothing=0.1).item()

    best, rng = np.log(smooth), np.random.default_rng(0)
    assert round(loss(best), 4) == 0.2911 and round(-(smooth * best).sum() / 2, 4) == 0.2911
    assert all(loss(best + rng.normal(0, size, best.shape)) > loss(best) for size in (0.01, 0.1, 1, 10))
    surer = [loss(best * k) for k in (1, 1.5, 2, 5)]
    assert surer == sorted(surer) and softmax(best * 1.5)[0, 0] > 0.9333


# ---- yes or no -------------------------------------------------------------------------------


@pytest.mark.claim(zh=r"$$ -t \ln p - (1 - t) \ln(1 - p) $$", en=r"$$ -t \ln p - (1 - t) \ln(1 - p) $$")
@pytest.mark.claim(zh="三种算法，得数相同。", en="Three ways, one number.")
@pytest.mark.claim(
    zh="注意目标是**小数**，和类别编号正相反；形状也要和输出一样，BCE 不肯广播，会报错。",
    en="Mind that the target is made of **floats** here, unlike class indices, and needs the shape of the output: BCE refuses to broadcast and raises.")
@pytest.mark.claim(
    zh="图里可以既有猫又有狗，那就一个问题一个 logit，各算各的：",
    en="A picture may show a cat and a dog as well; then each question has a logit of its own:")
def test_bce_by_hand_with_floats_and_one_shape(chapter):
    assert [numbers(line) for line in lines(chapter, "bce")] == [[round(bce(Z, YES).mean(), 4)]] * 3
    z, yes = torch.tensor(Z), torch.tensor(YES)
    assert np.allclose(F.binary_cross_entropy_with_logits(z, yes.double(), reduction="none"), bce(Z, YES))
    both = F.binary_cross_entropy_with_logits(torch.tensor([9.0, 9.0]), torch.ones(2))  # cat and dog
    assert both < 0.001 and torch.sigmoid(torch.tensor([9.0, 9.0])).sum() > 1.9
    with pytest.raises(RuntimeError, match="Found dtype Long but expected"):
        F.binary_cross_entropy(torch.sigmoid(z), yes)
    with pytest.raises(RuntimeError, match="desired output type Long"):
        F.binary_cross_entropy_with_logits(z, yes)
    for loss in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits):
        for shape in ((3, 1), (1, 3), (1,)):
            with pytest.raises(ValueError, match="size"):
                loss(torch.full(shape, 0.5), yes.float())


@pytest.mark.claim(zh="把 logit 加大到 20 看看：", en="Try a logit of 20:")
@pytest.mark.claim(
    zh=r"`float32` 存不下 1 − 0.000000002，`p` 就成了 1，公式里出现 $\ln 0$：损失 `inf`，梯度 `nan`。",
    en=r"A `float32` cannot hold 1 − 0.000000002, so `p` becomes 1 and the formula meets $\ln 0$: the loss is `inf`, the gradient `nan`.")
@pytest.mark.claim(
    zh="`binary_cross_entropy` 把对数[截在 −100](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html)，不再是 `inf`，可梯度成了 0，这个样本错到了底，却什么也改不了。",
    en="`binary_cross_entropy` [stops the logarithm at −100](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html), which spares us the `inf`; but now the gradient is 0, and this sample, as wrong as can be, corrects nothing.")
@pytest.mark.claim(
    zh="`with_logits` 把两步合起来算，损失 20、梯度 1，都对。",
    en="`with_logits` computes both steps as one: a loss of 20, a gradient of 1, both correct.")
def test_with_logits_survives_where_sigmoid_then_bce_does_not(chapter):
    assert chapter["stable"].names["sure"].tolist() == [20]
    p, formula, clamped, stable = lines(chapter, "stable")
    assert p == "p = 1.0" and formula.split() == ["loss", "inf", "gradient", "nan"]
    assert numbers(clamped) == [100, 0] and numbers(stable) == [20, 1]
    exact = 20 + math.log1p(math.exp(-20))  # ln(1 + e^20), and its slope, in double precision
    assert abs(exact - 20) < 1e-6 and abs(1 / (1 + math.exp(-20)) - 1) < 1e-6
    assert round(1 - 1 / (1 + math.exp(-20)), 9) == 2e-9 and np.float32(1) - np.float32(2e-9) == 1
    assert "-100" in nn.BCELoss.__doc__ and F.binary_cross_entropy(torch.zeros(1), torch.ones(1)) == 100


@pytest.mark.claim(
    zh="“是”很少见，就用 `pos_weight` 让它更有分量：", en="Where yes is rare, `pos_weight` makes it count more:")
@pytest.mark.claim(
    zh="“是”的损失乘了 3，“否”的不变。", en="The loss of a yes is multiplied by 3, that of a no is not.")
@pytest.mark.claim(
    zh="和前面的 `weight` 不同，总和仍然除以题数。",
    en="Unlike `weight` above, the sum is still divided by the number of answers.")
@pytest.mark.claim(
    zh="[PyTorch 文档](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html)的取法，是“否”的个数除以“是”的个数：300 比 100，就取 3。",
    en="[PyTorch’s documentation](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html) takes the number of noes divided by the number of yeses: 3 for 300 and 100.")
def test_the_weight_of_a_yes(chapter):
    each = bce(Z, YES)
    printed, torchs, by_hand = lines(chapter, "pos-weight")
    assert np.allclose(numbers(printed), each, atol=1e-4) and numbers(torchs) == numbers(by_hand)
    assert abs(numbers(torchs)[0] - (3 * each[0] + each[1] + each[2]) / 3) < 1e-4
    weighted = F.binary_cross_entropy_with_logits(torch.tensor(Z), torch.tensor(YES).double(), reduction="none", pos_weight=torch.tensor(3.0))
    assert np.allclose(weighted.numpy() / each, [3, 1, 1]) and chapter["pos-weight"].names["three"] == 3
    doc = " ".join(nn.BCEWithLogitsLoss.__doc__.split())
    assert "100 positive and 300 negative" in doc and r"\frac{300}{100}=3" in doc


@pytest.mark.claim(zh="目标 $t$ 是 1 或 0：", en="The target $t$ is 1 or 0:")
@pytest.mark.claim(
    zh="是非题用 `binary_cross_entropy_with_logits`，目标是小数。",
    en="For yes or no, `binary_cross_entropy_with_logits`, with floats for a target.")
@pytest.mark.claim(
    zh="`weight` 和 `pos_weight` 让少见的更有分量，`ignore_index` 跳过没有标签的。",
    en="`weight` and `pos_weight` make the rare count more, `ignore_index` leaves out what has no label.")
@pytest.mark.claim(
    zh="只需一个 logit，用 sigmoid 变成“是”的概率 $p$。",
    en="“Is this message spam?” needs a single logit; sigmoid makes of it $p$, the probability of yes.")
def test_a_single_logit_answers_yes_or_no(chapter):
    assert set(chapter["bce"].names["yes"].tolist()) == {0, 1} and chapter["bce"].names["yes"].dtype == torch.float32
    p = 1 / (1 + np.exp(-Z))
    assert np.allclose(chapter["bce"].names["p"], p, atol=1e-6)
    assert np.allclose(bce(Z, YES), np.where(YES == 1, -np.log(p), -np.log(1 - p)))
    plain = F.binary_cross_entropy_with_logits(torch.tensor([-2.0]), torch.ones(1))
    assert F.binary_cross_entropy_with_logits(torch.tensor([-2.0]), torch.ones(1), pos_weight=torch.tensor(3.0)) == 3 * plain
    label, z = torch.tensor([0, 0, 1]), torch.tensor([[2.0, 0], [2.0, 0], [2.0, 0]])
    plain = F.cross_entropy(z, label)
    assert F.cross_entropy(z, label, weight=torch.tensor([1.0, 5])) > plain > F.cross_entropy(z, label, ignore_index=1)


# ---- choosing, pushing, failing --------------------------------------------------------------


@pytest.mark.claim(
    zh="预测一个数 | `(N,)` | `(N,)`，小数 | `mse_loss`；有离谱值用 `huber_loss`",
    en="predict a number | `(N,)` | `(N,)`, floats | `mse_loss`; with wild values `huber_loss`")
@pytest.mark.claim(
    zh="K 类选一 | `(N, K)` logits | `(N,)`，`int64` 编号 | `cross_entropy`",
    en="one class of K | `(N, K)` logits | `(N,)`, `int64` indices | `cross_entropy`")
@pytest.mark.claim(
    zh="每个像素 K 类选一 | `(N, K, H, W)` logits | `(N, H, W)`，`int64` 编号 | `cross_entropy`",
    en="one class of K for each pixel | `(N, K, H, W)` logits | `(N, H, W)`, `int64` indices | `cross_entropy`")
@pytest.mark.claim(
    zh="M 个是非题 | `(N, M)` logits | `(N, M)`，0.0 或 1.0 | `binary_cross_entropy_with_logits`",
    en="M questions of yes or no | `(N, M)` logits | `(N, M)`, 0.0 or 1.0 | `binary_cross_entropy_with_logits`")
def test_the_table_of_choices_runs():
    N, K, M, H, W = 4, 5, 3, 2, 6
    assert F.mse_loss(torch.zeros(N), torch.ones(N)) == 1 and F.huber_loss(torch.zeros(N), torch.full((N,), 100.0)) == 99.5
    assert torch.isclose(F.cross_entropy(torch.zeros(N, K), torch.zeros(N, dtype=torch.int64)), torch.tensor(5.0).log())
    pixels = torch.randn(N, K, H, W), torch.randint(K, (N, H, W))
    flat = pixels[0].permute(0, 2, 3, 1).reshape(-1, K), pixels[1].flatten()
    assert torch.isclose(F.cross_entropy(*pixels), F.cross_entropy(*flat))
    with pytest.raises(RuntimeError):
        F.cross_entropy(pixels[0].movedim(1, -1), pixels[1])
    assert torch.isclose(F.binary_cross_entropy_with_logits(torch.zeros(N, M), torch.ones(N, M)), torch.tensor(2.0).log())


@pytest.mark.claim(
    zh="两张表一样：**梯度就是概率减去答案**，再除以样本数。",
    en="The two tables are alike: **the gradient is probability minus answer**, divided by the number of samples.")
@pytest.mark.claim(
    zh="反着它走一步，正确类别的得分升，别的都降；概率错多少，就按比例改多少。",
    en="A step against it raises the score of the right class and lowers all others, each in proportion to how far off its probability is.")
@pytest.mark.claim(
    zh="反向传播再把这股力传到每个权重。", en="From here backpropagation carries the push to every weight.")
@pytest.mark.claim(
    zh="最后看交叉熵对 logits 的梯度：",
    en="One last look, at the gradient of cross-entropy with respect to the logits:")
def test_the_gradient_is_probability_minus_answer(chapter):
    expected = (softmax(LOGITS) - np.eye(3)[LABEL]) / 2
    assert np.allclose(chapter["push"].names["z"].grad, expected, atol=1e-6)
    printed = np.reshape(numbers(chapter["push"].stdout), (-1, 2, 3))
    assert len(printed) == 2 and np.allclose(printed, expected, atol=1e-4)
    step = -0.1 * expected
    for label, row in zip(LABEL, step, strict=True):
        assert row[label] > 0 > np.delete(row, label).max()
    assert np.allclose(step / (np.eye(3)[LABEL] - softmax(LOGITS)), 0.05)
    network = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    F.cross_entropy(network(torch.ones(2, 4)), torch.tensor(LABEL)).backward()
    assert all((p.grad != 0).any() for p in network.parameters())


@pytest.mark.claim(
    zh="要先造再用，写成 `nn.CrossEntropyLoss()(logits, label)`：",
    en="Make it first, then use it: `nn.CrossEntropyLoss()(logits, label)`.")
@pytest.mark.claim(
    zh="三个类别是 0、1、2，把编号减 1：", en="Three classes are 0, 1 and 2, so subtract 1:")
@pytest.mark.claim(
    zh="用 `label.squeeze(1)` 去掉：", en="`label.squeeze(1)` takes it away:")
@pytest.mark.claim(
    zh=r"`cross_entropy` 收 logits 和 `int64` 编号，别先做 softmax；刚开始应在 $\ln K$ 附近。",
    en=r"`cross_entropy` takes logits and `int64` indices, and no softmax before it; it should start near $\ln K$.")
def test_the_common_errors_and_their_cures(chapter):
    for cell, kind, message in (("constructor-error", RuntimeError, "Boolean value of Tensor"), ("bounds-error", IndexError, "Target 3 is out of bounds"),
                                ("column-error", RuntimeError, "multi-target not supported")):
        assert type(chapter[cell].error) is kind and message in str(chapter[cell].error)
    logits, label = torch.tensor(LOGITS), torch.tensor(LABEL)
    value = F.cross_entropy(logits, label)
    assert nn.CrossEntropyLoss()(logits, label) == value == F.cross_entropy(logits, label[:, None].squeeze(1))
    assert F.cross_entropy(logits, torch.tensor([1, 2]) - 1) == value and value != F.cross_entropy(torch.softmax(logits, dim=1), label)
    assert abs(F.cross_entropy(torch.zeros(5, 7), torch.arange(5)).item() - math.log(7)) < 1e-6
    with pytest.raises(IndexError):
        F.cross_entropy(logits, torch.tensor([1, 3]))
    from_one = chapter["bounds-error"].names["from_one"]
    assert from_one.tolist() == [1, 3] and F.cross_entropy(logits, from_one - 1).isfinite()


@pytest.mark.claim(
    zh="同样的标签，在 NVIDIA GPU 上报的是 `CUDA error: device-side assert triggered`，还可能[报在后面的某一行](https://docs.pytorch.org/docs/stable/notes/cuda.html#asynchronous-execution)。",
    en="On an NVIDIA GPU the same label gives `CUDA error: device-side assert triggered`, and perhaps [at a later line](https://docs.pytorch.org/docs/stable/notes/cuda.html#asynchronous-execution).")
@pytest.mark.claim(
    zh="把这一批放到 CPU 上再算，就能看到上面那条带编号的报错。",
    en="Run that batch on the CPU, and you get the message above, with the number in it.")
def test_a_label_out_of_range_on_a_gpu(chapter):
    stopped = fact("networks/losses", "device-side assert")
    assert stopped == {"assertion": "t >= 0 && t < n_classes", "message": "CUDA error: device-side assert triggered"}
    assert not eval(stopped["assertion"].replace("&&", "and"), {"t": 3, "n_classes": 3})
    assert "asynchronously reported at some other API call" in fact("networks/losses", "reported later")
    assert "3" in str(chapter["bounds-error"].error) and LOGITS.shape[1] == 3
