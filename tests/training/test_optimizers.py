"""The claims of the chapter training/optimizers."""

import inspect
import math
import re
import warnings
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn, optim
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader

from press.ledger import read_ledger
from tests.prose import lines

STEEP, LOWEST, START = np.array([1.0, 20.0]), np.array([4.0, 1.0]), np.array([0.0, 2.5])


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.\d+|-?\d+", text)]


def parameter(*values):
    return torch.tensor(values, requires_grad=True)


def given(optimizer, w, *gradients):
    """The weights after one step for each of the gradients, handed over without a loss."""
    seen = []
    for g in gradients:
        w.grad = None if g is None else torch.tensor(g).expand_as(w).clone()
        optimizer.step()
        seen.append(w.detach().clone().numpy())
    return seen


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


# Opening


@pytest.mark.claim(
    zh="有了梯度，一步迈多大，记不记得来路，各个参数要不要各有步长，由优化器决定。",
    en="The optimizer decides.")
@pytest.mark.claim(
    zh="这一章亲手写出六种，逐一和 PyTorch 的对上，再看它们在同一个山谷里各走出什么样的路。",
    en="In this chapter you write six of them by hand, match each with PyTorch’s, then see what paths they take through one and the same valley.")
def test_six_by_hand_each_matched_with_torch(chapter):
    pairs = [numbers(lines(chapter, cell)[0]) for cell in ("step", "momentum", "nesterov", "rmsprop", "adam", "adamw")]
    assert len(pairs) == 6 == len(chapter["paths"].figures[0].axes)
    for both in pairs:
        assert len(both) == 4 and both[:2] == both[2:]
    steps = {name: SIX[name][2] - SIX[name][1] for name in SIX}
    assert len({tuple(np.round(step, 4)) for step in steps.values()}) == 6  # from the same start, six different ways
    assert abs(steps["SGD"][0]) * 5 < abs(steps["SGD"][1])  # one rate
    assert np.ptp(np.abs(SIX["Adam"][1] - START)) < 1e-6  # a step of its own for each


# One step


@pytest.mark.ledger("n2-19")
@pytest.mark.claim(zh="旧笔记写得很准：权重 = 权重 − 学习率 × 梯度。", en="The old notes have it right: weight = weight − learning rate × gradient.")
@pytest.mark.claim(zh="optim.SGD 走一步，就是这个式子：", en="That is one step of optim.SGD:")
@pytest.mark.claim(
    zh="$w^2$ 的梯度是 $2w$，所以 3 − 0.1 × 6 = 2.4，−1 + 0.1 × 2 = −0.8。",
    en="The gradient of $w^2$ is $2w$, so 3 − 0.1 × 6 = 2.4 and −1 + 0.1 × 2 = −0.8.")
def test_one_step_is_weight_minus_learning_rate_times_gradient(chapter):
    row = read_ledger(chapter.project)["rows"]["n2-19"]
    assert "权重 = 权重 − 学习率 × 梯度" in row["said"]["zh"] and row["verdict"] == "kept"
    assert lines(chapter, "step") == ["tensor([ 2.4000, -0.8000]) tensor([ 2.4000, -0.8000])"]
    assert chapter["step"].names["w"].grad.tolist() == [6, -2]  # 2 x 3 and 2 x -1
    for lr in (0.5, 0.01):
        w = parameter(3.0, -1.0, 0.25)
        g = np.array([6.0, -2.0, 7.5])
        w.grad = torch.tensor(g, dtype=torch.float32)
        optim.SGD([w], lr=lr).step()
        assert np.allclose(w.detach(), np.array([3.0, -1.0, 0.25]) - lr * g)


@pytest.mark.claim(
    zh="SGD 是随机梯度下降（stochastic gradient descent）的缩写：训练时的梯度来自随机抽出的小批量，式子本身并不随机。",
    en="SGD is short for stochastic gradient descent: in training the gradient comes from a mini-batch drawn at random, while the formula itself is not random.")
def test_the_batch_is_random_and_the_formula_is_not():
    assert "stochastic gradient descent" in optim.SGD.__doc__
    x = torch.arange(100.0)
    first = {next(iter(DataLoader(x, 10, shuffle=True, generator=torch.Generator().manual_seed(seed)))).mean().item() for seed in range(5)}
    assert len(first) > 1  # the gradient of (w * x).mean() is this mean
    ends = set()
    for seed in range(5):
        torch.manual_seed(seed)
        w = parameter(3.0)
        ends.add(given(optim.SGD([w], lr=0.1), w, 6.0)[0].item())
    assert len(ends) == 1


@pytest.mark.claim(
    zh="和优化器对答案，请用 allclose，别用 equal：舍入的次数可能不同，最后一位就可能不同。",
    en="To compare with an optimizer, use allclose, not equal: the number of roundings may differ, and with it the last bit.")
def test_two_roundings_or_one():
    generator = np.random.default_rng(0)
    old, g = (generator.standard_normal(1000).astype(np.float32) for _ in range(2))
    w = torch.tensor(old, requires_grad=True)
    w.grad = torch.tensor(g)
    optim.SGD([w], lr=0.1).step()
    rate = np.float32(0.1)
    twice = old - rate * g  # NumPy rounds after each operation
    once = (old.astype(np.float64) - rate.astype(np.float64) * g.astype(np.float64)).astype(np.float32)
    assert 0 < (twice != once).sum() < 1000 and np.allclose(twice, once)  # one rounding less does show, and allclose forgives it
    ours = w.detach().numpy()
    assert ((ours == twice) | (ours == once)).all()  # a CPU does one or the other
    largest = np.maximum(np.maximum(np.abs(old), np.abs(rate * g)), np.abs(ours))
    assert (np.abs(twice - once) <= np.spacing(largest)).all()  # one unit in the last place


# What it holds


@pytest.mark.ledger("n0-15")
@pytest.mark.claim(
    zh="旧笔记把优化器叫“函数模块”，说它负责更新权重，又说损失函数也是模块。",
    en="The old notes call the optimizer a “function module” that updates the weights, and say that loss functions are modules too.")
@pytest.mark.claim(
    zh="网络和损失函数是 nn.Module，优化器不是：它是 torch.optim.Optimizer，没有 forward。",
    en="The network and the loss are nn.Modules, the optimizer is not: it is a torch.optim.Optimizer and has no forward.")
@pytest.mark.claim(zh="优化器不是 nn.Module。", en="An optimizer is no nn.Module.")
def test_a_loss_is_a_module_an_optimizer_is_not(chapter):
    row = read_ledger(chapter.project)["rows"]["n0-15"]
    assert "函数模块" in row["said"]["zh"] and "function module" in row["said"]["en"] and "损失函数也是模块" in row["said"]["zh"] and row["verdict"] == "expand"
    assert lines(chapter, "inside")[:3] == ["Linear is a module: True", "MSELoss is a module: True", "Adam is a module: False"]
    kinds = [kind for kind in vars(optim).values() if inspect.isclass(kind) and issubclass(kind, optim.Optimizer)]
    assert {optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop} < set(kinds)
    for kind in kinds:
        assert not issubclass(kind, nn.Module) and not hasattr(kind, "forward")
    for kind in (nn.MSELoss, nn.CrossEntropyLoss, nn.L1Loss, nn.Linear):
        assert issubclass(kind, nn.Module)


@pytest.mark.ledger("n0-15")
@pytest.mark.claim(
    zh="它握着的不是参数的副本，正是 net.weight 本身，所以 step() 一改，网络就变了。",
    en="What it holds are no copies of the parameters but net.weight itself, so what step() rewrites is the network.")
@pytest.mark.claim(zh="param_groups 装设置：管哪些参数，学习率多大。", en="param_groups holds the settings: which parameters, what learning rate.")
@pytest.mark.claim(
    zh="state 装记忆：刚造好时是空的（那个 0），走了一步，Adam 就给每个参数记下步数，外加两个同样大小的张量。",
    en="state holds the memory: empty when new (the 0), and after one step Adam keeps, for each parameter, a count of steps and two tensors of its size.")
@pytest.mark.claim(
    zh="所以网络的参数有多少个数，Adam 就得另记两倍那么多。",
    en="So Adam has to remember twice as many numbers as the network has in its parameters.")
def test_settings_and_memory(chapter):
    assert lines(chapter, "inside")[3:] == ["0.01 True 0", "step        ()", "exp_avg     (1, 2)", "exp_avg_sq  (1, 2)"]
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    optimizer = optim.Adam(net.parameters(), lr=0.02)
    (group,) = optimizer.param_groups
    assert group["lr"] == 0.02 and not optimizer.state
    assert [p.data_ptr() for p in group["params"]] == [p.data_ptr() for p in net.parameters()]  # the same memory, no copies
    x = torch.ones(5, 3)
    before = net(x).detach()
    for count in (1, 2):
        net(x).sum().backward()
        optimizer.step()
        for p in net.parameters():
            kept = optimizer.state[p]
            assert set(kept) == {"step", "exp_avg", "exp_avg_sq"} and kept["step"] == count
            assert kept["exp_avg"].shape == kept["exp_avg_sq"].shape == p.shape
    assert not torch.allclose(net(x), before)
    assert sum(v.numel() for kept in optimizer.state.values() for name, v in kept.items() if name != "step") == 2 * sum(p.numel() for p in net.parameters())


@pytest.mark.claim(
    zh="中断后想接着训练，这份记忆也得存，见保存与加载。",
    en="To resume training later, save that memory too, as in Saving and loading.")
def test_without_its_memory_adam_goes_another_way():
    w = parameter(1.0)
    optimizer = optim.Adam([w], lr=0.1)
    given(optimizer, w, 3.0, -1.0)
    (kept,), saved = given(optimizer, w, 2.0), deepcopy(optimizer.state_dict())
    ways = []
    for memory in (True, False):
        again = torch.tensor(kept, requires_grad=True)
        other = optim.Adam([again], lr=0.1)
        if memory:
            other.load_state_dict(saved)
        ways.append(given(other, again, -2.0)[0].item())
    (straight,) = given(optimizer, w, -2.0)
    assert ways[0] == pytest.approx(straight.item()) and abs(ways[1] - straight.item()) > 0.01


# No backward


@pytest.mark.ledger("n4-12")
@pytest.mark.claim(zh="zero_grad()，接着就是 optimizer.step()。", en="zero_grad(), and right after it optimizer.step().")
@pytest.mark.claim(zh="中间漏了 loss.backward()。", en="Between the two, loss.backward() is missing.")
@pytest.mark.claim(zh="这样跑一百步：", en="A hundred steps of that:")
@pytest.mark.claim(zh="没有报错，就是不学。", en="There is no error, only no learning.")
def test_a_hundred_steps_without_backward_learn_nothing(chapter):
    said = read_ledger(chapter.project)["rows"]["n4-12"]["said"]
    assert "`zero_grad` 后面紧跟 `optimizer.step()`" in said["zh"] and "`optimizer.step()` right after `zero_grad`" in said["en"]
    cell = chapter["no-backward"]
    assert lines(chapter, "no-backward") == ["None [True, True]"] and cell.error is None
    assert cell.names["_"] == 99  # the hundredth
    names = dict(chapter["inside"].names)
    mended = cell.code.replace("optimizer.zero_grad()\n", "optimizer.zero_grad()\n    loss.backward()\n")
    assert mended != cell.code
    names["print"] = lambda *seen: None
    names["net"] = nn.Linear(2, 1)
    names["optimizer"] = optim.Adam(names["net"].parameters(), lr=0.01)
    exec(cell.code, names)
    assert names["same"] == [True, True]
    first = names["loss"].item()
    exec(mended, names)
    assert names["same"] == [False, False] and names["loss"].item() < first


@pytest.mark.ledger("n4-12")
@pytest.mark.claim(
    zh=".grad 是 None 的参数，优化器一概跳过，所以一百步之后，权重和偏置一位不差。",
    en="An optimizer skips every parameter whose .grad is None, so after a hundred steps weight and bias are the same to the last bit.")
@pytest.mark.claim(
    zh="损失纹丝不动时，先数这三行：清零，反向，更新。",
    en="When a loss never moves, count the three lines first: clear, backward, step.")
@pytest.mark.claim(
    zh="它握着参数本身，param_groups 是设置，state 是记忆；.grad 是 None 的参数，它不碰。",
    en="It holds the parameters themselves, param_groups its settings, state its memory; a parameter whose .grad is None it leaves alone.")
def test_a_parameter_without_a_gradient_is_skipped(chapter):
    for make in (lambda w: optim.SGD(w, lr=0.1, momentum=0.9, weight_decay=0.5), lambda w: optim.RMSprop(w, weight_decay=0.5),
                 lambda w: optim.Adam(w, weight_decay=0.5), lambda w: optim.AdamW(w, weight_decay=0.5)):
        w, other = parameter(1.0, -2.0), parameter(1.0)
        optimizer = make([w, other])
        other.grad = torch.ones(1)
        given(optimizer, w, 1.0)  # a memory to begin with
        before, seen = w.detach().numpy().copy(), given(optimizer, w, *[None] * 100)
        assert all((step == before).all() for step in seen) and other.item() != 1.0
        assert optimizer.param_groups[0]["params"][0] is w
    for order in (("zero", "step"), ("backward", "zero", "step"), ("zero", "backward")):  # a line missing, or out of its place
        w = parameter(1.0)
        optimizer = optim.SGD([w], lr=0.1)
        for _ in range(3):
            value = (w**2).sum()
            for call in order:
                {"zero": optimizer.zero_grad, "backward": value.backward, "step": optimizer.step}[call]()
        assert value.item() == 1.0


# The learning rate


@pytest.mark.claim(zh="先造一个山谷：横着平缓，竖着陡 20 倍，谷底在 (4, 1)。", en="First we need a valley: gentle along, 20 times as steep across, lowest at (4, 1).")
@pytest.mark.claim(
    zh="gradient 是在纸上求的导，留给手写的优化器用；walk 是训练循环，用哪种优化器由外面给：",
    en="gradient was found on paper and is for the optimizers we write ourselves; walk is the training loop, which is told from outside which optimizer to use:")
@pytest.mark.claim(zh="左列慢慢走向 4，右列在 1 的两边来回跳。", en="The left column creeps towards 4 while the right one leaps from side to side of 1.")
@pytest.mark.claim(zh="同一个学习率，要管一缓一陡两个方向。", en="One learning rate has to serve a gentle direction and a steep one.")
def test_the_valley(chapter):
    names = chapter["surface"].names
    points = torch.tensor([[0.3, -2.0], [4.0, 1.0], [7.0, 1.5]], requires_grad=True)
    assert np.allclose(names["bowl"](points).detach(), loss(points.detach().numpy()))
    assert names["bowl"](torch.tensor(LOWEST)) == 0 < names["bowl"](torch.tensor(LOWEST + [1, 0]))
    assert names["bowl"](torch.tensor(LOWEST + [0, 1])) == 20 * names["bowl"](torch.tensor(LOWEST + [1, 0]))
    names["bowl"](points).sum().backward()
    assert torch.allclose(points.grad, names["gradient"](points.detach()))
    made = []
    names["walk"](lambda w, **settings: made.append(settings) or optim.SGD(w, lr=0.1), steps=1, colour=3)
    assert made == [{"colour": 3}]
    shown = chapter["surface"].value.numpy()
    assert np.allclose(shown, path("SGD", 0.09, steps=3), atol=1e-5)
    along, across = shown[:, 0], shown[:, 1] - 1
    assert (np.diff(along) > 0).all() and (np.diff(along) < 0.5).all() and along[-1] < 1 and (across[:-1] * across[1:] < 0).all()


@pytest.mark.claim(
    zh="折线图，横轴是步数，从 0 到 60，纵轴是损失，对数刻度。",
    en="Line chart, steps from 0 to 60 across, loss upwards on a log scale.")
@pytest.mark.claim(
    zh="虚线 0.001 几乎是平的；实线 0.09 一路降到万分之一左右；点线 0.105 一路升过一百万。",
    en="The dashed line, 0.001, is nearly flat; the solid one, 0.09, falls all the way to about a ten-thousandth; the dotted one, 0.105, climbs all the way past a million.")
@pytest.mark.claim(zh="同一个山谷，同一个起点，三个学习率。", en="The same valley, the same start, three learning rates.")
@pytest.mark.claim(zh="换三个试试：", en="Try three:")
def test_the_figure_of_three_learning_rates(chapter):
    (axes,) = chapter["rates"].figures[0].axes
    assert [(line.get_label(), line.get_linestyle()) for line in axes.lines] == [("lr=0.001", "--"), ("lr=0.09", "-"), ("lr=0.105", ":")]
    drawn = [np.asarray(line.get_ydata()) for line in axes.lines]
    for lr, line, curve in zip((0.001, 0.09, 0.105), axes.lines, drawn, strict=True):
        assert len(curve) == 61 and line.get_xdata()[0] == 0 and line.get_xdata()[-1] == 60
        assert np.allclose(curve, loss(path("SGD", lr)), rtol=1e-2, atol=1e-6) and curve[0] == 30.5
    small, good, large = drawn
    assert small[-1] > 0.2 * small[0]  # on a scale of more than ten powers of 10
    assert large.max() / good.min() > 1e10
    assert (np.diff(good) < 0).all() and 5e-5 < good[-1] < 2e-4
    assert (np.diff(large) > 0).all() and large[-1] > 1e6
    assert axes.get_yscale() == "log" and axes.get_ylabel() == "loss (log scale)" and axes.get_xlabel() == "step"


@pytest.mark.claim(
    zh="每走一步，各个方向到谷底的距离就乘上“1 − 学习率 × 陡度”。",
    en="Each step multiplies the distance from the lowest point, in each direction, by “1 − learning rate × steepness”.")
@pytest.mark.claim(
    zh="竖着的方向，0.09 乘的是 1 − 0.09 × 20 = −0.8，来回跳，但越跳越小；0.105 乘的是 −1.1，每跳一次远一成。",
    en="Across the valley 0.09 multiplies it by 1 − 0.09 × 20 = −0.8: from side to side, but ever less. With 0.105 it is −1.1, a tenth further at each leap.")
@pytest.mark.claim(
    zh="0.001 很稳，可横着的方向每步只乘 0.999，60 步走了不到一成的路。",
    en="0.001 is safe, but along the valley it only multiplies by 0.999, and 60 steps cover less than a tenth of the way.")
def test_each_step_multiplies_the_distance(chapter):
    walk = chapter["surface"].names["walk"]
    for lr, across in ((0.09, -0.8), (0.105, -1.1), (0.001, 0.98)):
        away = walk(optim.SGD, lr=lr, steps=8).numpy() - LOWEST
        assert np.allclose(away[1:] / away[:-1], [1 - lr, across], rtol=1e-4)
    assert 1 - 0.001 == 0.999 and abs(across) < 1
    covered = walk(optim.SGD, lr=0.001)[60, 0] / 4
    assert 0.03 < covered < 0.1


@pytest.mark.claim(
    zh="乘的数一过 −1，就越跳越远，所以界线在 2 ÷ 20 = 0.1：最陡的方向规定学习率的上限。",
    en="Once that factor is past −1, each leap goes further, so the border is 2 ÷ 20 = 0.1: the steepest direction sets the upper limit of the learning rate.")
@pytest.mark.claim(
    zh="在这条线以下，横着的方向每一步最多走完剩下路程的十分之一。",
    en="Below it, each step along the valley covers at most a tenth of the way that is left.")
@pytest.mark.claim(
    zh="在这个山谷里，0.105 除以 10、0.001 乘以 10，60 步都能把损失降到起点的十分之一以下。",
    en="In this valley 0.105 divided by 10 and 0.001 multiplied by 10 both bring the loss below a tenth of what it was, within 60 steps.")
def test_the_border_and_ten_times_up_or_down(chapter):
    names = chapter["surface"].names
    ends = {lr: loss(names["walk"](optim.SGD, lr=lr, steps=400)[-1].numpy()) for lr in (0.0995, 0.1005)}
    assert ends[0.0995] < 1 and ends[0.1005] > 300  # 22.5 at the start, across
    assert 1 - 2 / 20 * 20 == -1
    w = torch.zeros(1, requires_grad=True)  # along alone, no border there
    optimizer = optim.SGD([w], lr=0.105)
    for _ in range(200):
        optimizer.zero_grad()
        ((w - 4) ** 2 / 2).sum().backward()
        optimizer.step()
    assert w.item() == pytest.approx(4)
    for lr in (0.1, 0.05, 0.001):
        left = 4 - names["walk"](optim.SGD, lr=lr, steps=5)[:, 0].numpy()
        assert (np.diff(left) / left[:-1] >= -0.1 - 1e-5).all()
    for lr in (0.105 / 10, 0.001 * 10):
        curve = loss(names["walk"](optim.SGD, lr=lr).numpy())
        assert curve[60] < 0.1 * curve[0]
    for lr in (0.105, 0.001):
        curve = loss(names["walk"](optim.SGD, lr=lr).numpy())
        assert curve[60] > 0.1 * curve[0]


# Momentum


@pytest.mark.claim(
    zh="来回跳的方向，梯度一正一负；该往前走的方向，梯度总朝一边。",
    en="Where the path swings, gradients alternate in sign; where it should go, they all point one way.")
@pytest.mark.claim(
    zh="把它们攒在一起，相反的抵消，相同的越攒越多。",
    en="Gather them up, and what is opposed cancels while what agrees grows.")
@pytest.mark.claim(
    zh="v 是速度，每步留下九成，再加上新的梯度。",
    en="v is a velocity: at each step nine tenths of it stay, and the new gradient is added.")
@pytest.mark.claim(
    zh="梯度要是一直不变，速度会攒到它的 1 + 0.9 + 0.81 + … = 10 倍。",
    en="If the gradient never changed, the velocity would grow to 1 + 0.9 + 0.81 + … = 10 times as much.")
def test_what_is_opposed_cancels_what_agrees_grows():
    gradients = STEEP * (path("SGD", 0.09) - LOWEST)
    assert (gradients[:-1, 1] * gradients[1:, 1] < 0).all() and (gradients[:, 0] < 0).all()
    ends = {}
    for name, series in (("agree", [3.0] * 300), ("opposed", [3.0, -3.0] * 150)):
        w = parameter(0.0)
        optimizer = optim.SGD([w], lr=0.001, momentum=0.9)
        velocity = 0.0
        for g in series:
            given(optimizer, w, g)
            velocity = 0.9 * velocity + g
            assert optimizer.state[w]["momentum_buffer"].item() == pytest.approx(velocity, abs=1e-4)
        ends[name] = velocity
    assert ends["agree"] == pytest.approx(10 * 3) and abs(ends["opposed"]) < 0.6 * 3


@pytest.mark.parametrize("cell, name", [
    ("momentum", "momentum"), ("nesterov", "Nesterov"), ("rmsprop", "RMSprop"), ("adam", "Adam"), ("adamw", "AdamW")])
@pytest.mark.ledger("n4-13")
@pytest.mark.claim(zh="走上 10 步，和 PyTorch 停在同一个地方。", en="After 10 steps we stand where PyTorch stands.")
@pytest.mark.claim(
    zh="动量攒方向，RMSprop 除大小，Adam 两样都做再修正，AdamW 把衰减移到梯度外面。",
    en="Momentum gathers direction, RMSprop divides by size, Adam does both and corrects them, AdamW takes the decay out of the gradient.")
def test_by_hand_equals_torch_and_the_paper(chapter, cell, name):
    shown = numbers(lines(chapter, cell)[0])
    assert len(shown) == 4 and shown == pytest.approx(SIX[name][10].tolist() * 2, abs=2e-4)
    names = dict(chapter[cell].names, walk=None, print=lambda *seen: None)  # the loop by hand needs no optimizer
    loop = chapter[cell].code.split("\npath = ")[0].split("\nprint(")[0]
    exec(loop, names)
    assert np.allclose(names["w"], SIX[name][10], atol=1e-4)
    assert np.allclose(chapter["one-line"].names["paths"][name], SIX[name], atol=1e-3)
    assert not np.allclose(SIX[name][10], SIX[name][9], atol=1e-3)  # so that a step more or less would show


@pytest.mark.claim(
    zh="看最后一行：同样是 0.02，有动量，60 步横着走到 3.99；没有，只走到 2.81。",
    en="Look at the last line: with the same 0.02, momentum gets to 3.99 along the valley in 60 steps; without it, only to 2.81.")
@pytest.mark.claim(zh="有惯性，就容易冲过头。", en="What has momentum easily overshoots.")
def test_momentum_gets_further_and_overshoots(chapter):
    *_, last = lines(chapter, "momentum")
    assert last == "after 60 steps tensor([3.9942, 0.9670]) without tensor([2.8098, 1.0000])"
    assert np.allclose(numbers(last)[1:], [*path("momentum", 0.02)[60], *path("SGD", 0.02)[60]], atol=1e-3)
    assert path("momentum", 0.02)[:, 0].max() > 4.5 and path("SGD", 0.02)[:, 0].max() < 4
    furthest = {momentum: chapter["surface"].names["walk"](optim.SGD, lr=0.02, momentum=momentum, steps=300)[:, 0].max() for momentum in (0.5, 0.8, 0.9, 0.95)}
    assert furthest[0.5] < 4.001 and 4.001 < furthest[0.8] < furthest[0.9] < furthest[0.95]  # easily, not always: a little of it does not


@pytest.mark.claim(zh="动量还让 None 和 0 有了区别。", en="Momentum also makes a difference between None and 0.")
@pytest.mark.claim(zh="set_to_none=False 把梯度清成 0：", en="With set_to_none=False gradients are cleared to 0:")
@pytest.mark.claim(zh="梯度是 None，step() 不动它。", en="With a gradient of None, step() leaves the weight alone.")
@pytest.mark.claim(
    zh="梯度是 0，旧的速度还在：0.8 − 0.1 × 0.9 × 2 = 0.62。",
    en="With 0, the old velocity is still there: 0.8 − 0.1 × 0.9 × 2 = 0.62.")
def test_zeros_are_not_none(chapter):
    assert lines(chapter, "zeros-move") == ["grad None       w 0.80 -> 0.80", "grad tensor(0.) w 0.80 -> 0.62"]
    assert 0.8 - 0.1 * 0.9 * 2 == pytest.approx(0.62)
    for momentum, cleared, expected in ((0.9, None, 0.8), (0.9, 0.0, 0.62), (0.0, None, 0.8), (0.0, 0.0, 0.8)):
        w = parameter(1.0)
        assert given(optim.SGD([w], lr=0.1, momentum=momentum), w, 2.0, cleared)[-1].item() == pytest.approx(expected)
    w = parameter(1.0)
    optimizer = optim.SGD([w], lr=0.1)
    for to_none in (True, False):
        w.grad = torch.ones(1)
        optimizer.zero_grad(set_to_none=to_none)
        assert (w.grad is None) is to_none and (to_none or w.grad.item() == 0)


@pytest.mark.ledger("n4-13")
@pytest.mark.claim(
    zh="Nesterov 动量先更新速度，再按新速度多探一步，把这一步也算进去：",
    en="Nesterov momentum first updates the velocity, then reaches one more step ahead along it, and counts that step in:")
@pytest.mark.claim(
    zh="差别只在更新权重那一行，v 换成了 g + 0.9 * v。",
    en="The only difference is in the line that updates the weights: g + 0.9 * v in place of v.")
@pytest.mark.claim(
    zh="旧笔记把它和 SGD、Adam 并列，其实它没有自己的类，是 SGD(momentum=0.9, nesterov=True)。",
    en="The old notes list it beside SGD and Adam, but it has no class of its own; it is SGD(momentum=0.9, nesterov=True).")
@pytest.mark.claim(zh="没有动量，就无从探起：", en="Without momentum there is nothing to reach ahead with:")
def test_nesterov_is_sgd_and_refuses_no_momentum(chapter):
    error = chapter["nesterov-error"].error
    assert type(error) is ValueError and str(error) == "Nesterov momentum requires a momentum and zero dampening"
    with pytest.raises(ValueError, match="Nesterov momentum requires a momentum"):
        optim.SGD([torch.zeros(1)], lr=0.1, momentum=0, nesterov=True)
    w, v, lr = parameter(1.0), 0.0, 0.01
    optimizer, here = optim.SGD([w], lr=lr, momentum=0.9, nesterov=True), 1.0
    for g in (3.0, -1.0, 0.5, 2.0):
        v = 0.9 * v + g  # as in momentum
        here = here - lr * (g + 0.9 * v)
        assert given(optimizer, w, g)[0].item() == pytest.approx(here)
    hand, plain = (dict(chapter["nesterov"].names, print=lambda *seen: None) for _ in range(2))
    exec(chapter["nesterov"].code.replace("(g + 0.9 * v)", "v"), hand)  # back again, and it is momentum
    exec(chapter["momentum"].code, plain)
    assert torch.allclose(hand["w"], plain["w"])
    assert not [name for name in vars(optim) if re.search("nesterov|nag", name, re.IGNORECASE)]
    said = read_ledger(chapter.project)["rows"]["n4-13"]["said"]
    assert "SGD、Nesterov、Adam" in said["zh"] and "SGD, Nesterov, Adam" in said["en"]


# To each parameter its own scale


@pytest.mark.claim(
    zh="一个学习率，陡的方向嫌大，缓的方向嫌小。",
    en="One learning rate is too large for the steep direction and too small for the gentle one.")
@pytest.mark.claim(
    zh="那就给每个参数量一量它自己的梯度。",
    en="Then measure, for each parameter, its own gradient.")
@pytest.mark.claim(
    zh="给每个参数记一个数 s：梯度平方的滑动平均。",
    en="For each parameter keep a number s, the running average of its squared gradient.")
@pytest.mark.claim(zh="走的时候，梯度除以 s 的平方根：", en="When stepping, divide the gradient by the root of s:")
def test_rmsprop_measures_each_parameter(chapter):
    away = np.abs(path("SGD", 0.099) - LOWEST)[10] / np.abs(START - LOWEST)
    assert away[0] > 0.3 and away[1] > 0.8  # neither is near: one barely goes forward, the other leaps across
    w = parameter(1.0, 1.0)
    optimizer, s, here = optim.RMSprop([w], lr=0.1), np.zeros(2), np.ones(2)
    for g in np.array([[3.0, 300.0], [-1.0, -100.0], [2.0, 200.0]]):
        s = 0.99 * s + 0.01 * g**2
        here = here - 0.1 * g / np.sqrt(s)
        w.grad = torch.tensor(g, dtype=torch.float32)
        optimizer.step()
        assert np.allclose(w.detach(), here, atol=1e-5) and np.allclose(optimizer.state[w]["square_avg"], s)
        assert here[0] == pytest.approx(here[1])  # a hundred times as steep, the same step


@pytest.mark.claim(
    zh="起点的梯度是 −4 和 30，第一步却横竖都走 1：大小除掉了，只剩方向。",
    en="At the start the gradient is −4 and 30, yet the first step is 1 both ways: the size has been divided out, only the direction is left.")
@pytest.mark.claim(
    zh="因为 s 从 0 起步，第一步才攒到 $0.01g^2$，开方只有 $|g|$ 的十分之一，一除就大了 10 倍。",
    en="Because s starts from 0 and has only got to $0.01g^2$; its root is a tenth of $|g|$, and the step comes out 10 times as long.")
@pytest.mark.claim(zh="1e-8 是为了不除以 0。", en="The 1e-8 is there so as not to divide by 0.")
def test_the_first_step_of_rmsprop(chapter):
    assert (STEEP * (START - LOWEST)).tolist() == [-4, 30]
    assert numbers(lines(chapter, "rmsprop")[1]) == pytest.approx([1, -1], abs=1e-3)
    for g in (0.02, -30.0, 700.0):
        w = parameter(0.0)
        optimizer = optim.RMSprop([w], lr=0.1)
        (end,) = given(optimizer, w, g)
        assert optimizer.state[w]["square_avg"].item() == pytest.approx(0.01 * g * g) and math.sqrt(0.01 * g * g) == pytest.approx(abs(g) / 10)
        assert end.item() == pytest.approx(-math.copysign(10 * 0.1, g), abs=1e-4)
    ends = []
    for eps in (1e-8, 0.0):
        w = parameter(1.0)
        ends.append(given(optim.RMSprop([w], lr=0.1, eps=eps), w, 0.0)[0].item())
    assert ends[0] == 1.0 and math.isnan(ends[1])
    assert inspect.signature(optim.RMSprop).parameters["eps"].default == 1e-8 == inspect.signature(optim.Adam).parameters["eps"].default
    names = dict(chapter["rmsprop"].names)
    names["gradient"], names["start"] = lambda w: torch.zeros(2), torch.ones(2)
    exec(chapter["rmsprop"].code.split("\npath = ")[0], names)
    assert names["w"].tolist() == [1.0, 1.0]


@pytest.mark.claim(
    zh="梯度的滑动平均 m，加上 RMSprop 的 s，再把从 0 起步的亏空补上，就是 Adam：",
    en="Take m, the running average of the gradient, and s from RMSprop, make up for their start from 0, and you have Adam:")
@pytest.mark.claim(
    zh="第一步的 m 只有 $0.1g$，除以 1 - 0.9**1，正好还原成 $g$；s 同理，还原成 $g^2$。",
    en="In the first step m is a mere $0.1g$; divided by 1 - 0.9**1, it is $g$ again, and s, likewise, $g^2$.")
@pytest.mark.claim(zh="这叫偏差修正（bias correction）。", en="This is called bias correction.")
@pytest.mark.claim(
    zh="前面 state 里的 exp_avg 和 exp_avg_sq，就是 m 和 s。",
    en="And what state called exp_avg and exp_avg_sq are our m and s.")
def test_the_state_of_adam_is_m_and_s(chapter):
    w = torch.tensor(START, requires_grad=True)
    optimizer = optim.Adam([w], lr=0.3)
    m, s, here = np.zeros(2), np.zeros(2), START
    for t in range(1, 8):
        g = STEEP * (here - LOWEST)
        w.grad = torch.tensor(g)
        optimizer.step()
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g**2
        if t == 1:
            assert np.allclose(m, 0.1 * g) and np.allclose(m / (1 - 0.9**1), g) and np.allclose(s / (1 - 0.999**1), g**2)
        here = here - 0.3 * m / (1 - 0.9**t) / np.sqrt(s / (1 - 0.999**t))
        assert np.allclose(w.detach(), here)
        assert np.allclose(optimizer.state[w]["exp_avg"], m) and np.allclose(optimizer.state[w]["exp_avg_sq"], s)
    exec(chapter["adam"].code.replace("range(1, 11)", "range(1, 8)"), names := dict(chapter["adam"].names, print=lambda *seen: None))
    assert np.allclose(names["m"], m, atol=1e-4) and np.allclose(names["s"], s, atol=1e-3)
    assert "bias_correction1" in inspect.getsource(inspect.getmodule(optim.Adam))


@pytest.mark.claim(zh="于是第一步不多不少，就是学习率 0.3。", en="So the first step is the learning rate, 0.3, neither more nor less.")
@pytest.mark.claim(zh="损失整个放大 10 倍，Adam 走的路几乎不变。", en="Make the whole loss 10 times as large, and Adam’s path hardly changes.")
def test_adam_does_not_mind_the_scale_of_the_loss(chapter):
    assert numbers(lines(chapter, "adam")[1]) == pytest.approx([0.3, -0.3], abs=1e-6)
    for g in (0.02, -30.0, 700.0):
        w = parameter(0.0)
        assert given(optim.Adam([w], lr=0.3), w, g)[0].item() == pytest.approx(-math.copysign(0.3, g), abs=1e-5)
    walked = {}
    for kind, lr in ((optim.Adam, 0.3), (optim.SGD, 0.005)):
        for scale in (1, 10):
            w = torch.tensor(START, requires_grad=True)
            optimizer = kind([w], lr=lr)
            for _ in range(60):
                optimizer.zero_grad()
                (scale * (torch.tensor(STEEP) * (w - torch.tensor(LOWEST)) ** 2).sum() / 2).backward()
                optimizer.step()
                walked.setdefault((kind, scale), []).append(w.detach().numpy().copy())
    assert np.allclose(walked[optim.Adam, 1], walked[optim.Adam, 10], atol=1e-6)
    assert not np.allclose(walked[optim.SGD, 1], walked[optim.SGD, 10], atol=0.5)


def longest(gradients, beta1=0.9, beta2=0.999):
    """The longest step of Adam in learning rates, from the formula."""
    m = s = most = 0.0
    for t, g in enumerate(gradients, 1):
        m, s = beta1 * m + (1 - beta1) * g, beta2 * s + (1 - beta2) * g * g
        most = max(most, abs(m / (1 - beta1**t)) / (math.sqrt(s / (1 - beta2**t)) + 1e-12))
    return most


@pytest.mark.claim(zh="给它四串梯度，看最长的一步：", en="Give it four series of gradients, and look at the longest step:")
@pytest.mark.claim(zh="梯度的大小不变，一步就不超过学习率。", en="Where gradients keep their size, no step exceeds the learning rate.")
@pytest.mark.claim(
    zh="可要是梯度每步大 2%，或者安静了很久忽然来一个，一步能有学习率的两三倍：新梯度有十分之一进了 m，却只有千分之一的平方进了 s。",
    en="But where they grow by 2% at each step, or one comes suddenly after a long silence, a step can be two or three times the learning rate: a tenth of the new gradient goes into m, but only a thousandth of its square into s.")
@pytest.mark.claim(
    zh="所以，Adam 的学习率说的是一步大致多长，不是上限。",
    en="So Adam’s learning rate says roughly how long a step is, not how long it can be.")
def test_the_learning_rate_of_adam_is_no_upper_limit(chapter):
    series = [[5.0] * 100, [5.0, -5.0] * 50, [1.02**t for t in range(300)], [0.0] * 1000 + [5.0]]
    expected = [longest(one) for one in series]
    assert expected == pytest.approx([1, 1, 2.73, 2.52], abs=0.01)
    assert [line.split()[-3:] for line in lines(chapter, "longest")] == [[f"{most:.2f}", "x", "lr"] for most in expected]
    assert [line.split(":")[0] for line in lines(chapter, "longest")] == ["always 5", "5 and -5 in turns", "growing by 2%", "1000 zeros, a 5"]
    signs = np.random.default_rng(0)
    for _ in range(20):
        assert longest(7.0 * signs.choice([-1, 1], 200)) < 1 + 1e-9
    m = s = 0.0
    for g, before in ((5.0, 0.0), (9.0, 2.0)):
        w = parameter(0.0)
        optimizer = optim.Adam([w])
        given(optimizer, w, before)
        m, s = (optimizer.state[w][name].item() for name in ("exp_avg", "exp_avg_sq"))
        given(optimizer, w, g)
        assert optimizer.state[w]["exp_avg"].item() == pytest.approx(0.9 * m + g / 10)
        assert optimizer.state[w]["exp_avg_sq"].item() == pytest.approx(0.999 * s + g * g / 1000)
    usual = np.abs(np.diff(SIX["Adam"], axis=0)).max()
    assert 0.1 < usual / 0.3 < 1.01  # of that size in the valley, and yet up to 2.7 above


# Weight decay


@pytest.mark.claim(
    zh="权重衰减（weight decay）就是每步把权重往 0 拉一点，免得网络靠大权重去记训练集里的噪声。",
    en="Weight decay pulls the weights a little towards 0 at every step, lest the network use large weights to learn the noise of the training set.")
def test_decay_keeps_a_model_from_learning_noise():
    generator = np.random.default_rng(0)
    x, unseen = np.linspace(-1, 1, 12), np.linspace(-1, 1, 101)
    y = np.sin(2 * x) + 0.3 * generator.standard_normal(12)
    features, others = np.vander(x, 11), np.vander(unseen, 11)
    weights, errors, fits = [], [], []
    for decay in (0.0, 0.1):  # where gradient descent with this decay would end
        w = np.linalg.solve(features.T @ features + decay * np.eye(11), features.T @ y)
        weights.append(np.abs(w).max())
        fits.append(((features @ w - y) ** 2).mean())
        errors.append(((others @ w - np.sin(2 * unseen)) ** 2).mean())
    assert weights[1] < weights[0] / 5 and fits[0] < fits[1] / 5 and errors[1] < errors[0] / 2
    for kind in (optim.SGD, optim.Adam, optim.AdamW):
        w = parameter(2.0, -2.0)
        up, down = np.transpose(given(kind([w], lr=0.1, weight_decay=0.1), w, *[0.0] * 10))
        assert (np.diff(up) < 0).all() and (up > 0).all() and np.allclose(up, -down)


@pytest.mark.claim(zh="SGD 的做法是在梯度上加 weight_decay * w。", en="SGD does it by adding weight_decay * w to the gradient.")
@pytest.mark.claim(zh="Adam 照搬，结果却不一样。", en="Adam does the same, with another result.")
@pytest.mark.claim(zh="AdamW 把衰减移到梯度外面，两个又都缩 1%。", en="AdamW takes the decay out of the gradient, and both shrink by 1% again.")
@pytest.mark.claim(zh="让损失的梯度等于 0，单看衰减：", en="Let the gradient of the loss be 0, and look at the decay alone:")
def test_sgd_and_adam_add_the_decay_to_the_gradient(chapter):
    assert chapter["decay"].names["w"].grad.tolist() == [0, 0]
    series = [np.array([3.0, -1.0]), np.array([0.5, 2.0]), np.array([-4.0, 0.1])]
    for kind, added in ((optim.SGD, True), (optim.Adam, True), (optim.AdamW, False)):
        with_decay, without = (torch.tensor([10.0, 0.5], dtype=torch.float64, requires_grad=True) for _ in range(2))
        first, second = kind([with_decay], lr=0.1, weight_decay=0.1), kind([without], lr=0.1, weight_decay=0)
        for g in series:
            before = without.detach().numpy().copy()
            with_decay.grad = torch.tensor(g)
            without.grad = torch.tensor(g + 0.1 * before if added else g)
            first.step()
            second.step()
            if not added:  # outside: the weights shrink by lr x decay, whatever the gradient
                without.data -= torch.tensor(0.1 * 0.1 * before)
            assert np.allclose(with_decay.detach(), without.detach()), kind
    shown = [numbers(line)[1::2] for line in lines(chapter, "decay")]
    assert np.allclose(shown[2], [10 * 0.99, 0.5 * 0.99]) and shown[0] == shown[2] != shown[1]


@pytest.mark.claim(zh="SGD 让两个权重各缩 1%，因为 0.1 × 0.1 = 0.01。", en="SGD shrinks both weights by 1%, since 0.1 × 0.1 = 0.01.")
@pytest.mark.claim(
    zh="Adam 却让两个都挪 0.1，大的少了 1%，小的少了 20%：衰减混在梯度里，大小也一起除掉了。",
    en="Adam moves both by 0.1, which costs the large one 1% and the small one 20%: the decay went in with the gradient, and its size was divided out too.")
def test_decay_in_adam_is_divided_out(chapter):
    shown = {line.split()[0]: np.array(numbers(line)[1::2]) for line in lines(chapter, "decay")}
    assert list(shown) == ["SGD", "Adam", "AdamW"]
    before = np.array([10, 0.5])
    assert np.allclose((before - shown["SGD"]) / before, 0.1 * 0.1)
    assert np.allclose(before - shown["Adam"], 0.1) and np.allclose((before - shown["Adam"]) / before, [0.01, 0.20])
    again = parameter(3.0, -2.0)
    (end,) = given(optim.Adam([again], lr=0.1, weight_decay=0.001), again, 0.0)  # a hundredth of the decay, the same move
    assert np.allclose(end, [2.9, -1.9], atol=1e-4)


@pytest.mark.claim(zh="手写出来，只比 Adam 多一行：", en="By hand, that is Adam and one line more:")
@pytest.mark.claim(zh="所以要用衰减，有 AdamW，它出自这篇论文。", en="So for decay there is AdamW, which comes from this paper.")
@pytest.mark.claim(
    zh="留心默认值：Adam 的 weight_decay 是 0，AdamW 的是 0.01。",
    en="Mind the defaults: weight_decay is 0 in Adam and 0.01 in AdamW.")
@pytest.mark.claim(
    zh="拿不准从哪里开始，不妨先试 AdamW 的默认学习率，0.001。",
    en="If you do not know where to begin, you might try AdamW with its default rate, 0.001.")
def test_adamw_its_paper_and_its_defaults(chapter):
    def loop(cell):
        return [line.split("  #")[0] for line in chapter[cell].code.split("\npath = ")[0].split("\nprint(")[0].strip().splitlines()]

    more = [line for line in loop("adamw") if line not in loop("adam")]
    assert len(more) == 1 == len(loop("adamw")) - len(loop("adam"))
    address = "https://arxiv.org/abs/1711.05101"
    assert re.search(rf"_Decoupled Weight Decay Regularization:\s+{re.escape(address)}", optim.AdamW.__doc__)
    assert all(f"]({address})" in chapter.prose(language) for language in ("zh", "en"))
    defaults = {kind: inspect.signature(kind).parameters for kind in (optim.Adam, optim.AdamW)}
    assert [defaults[kind]["weight_decay"].default for kind in (optim.Adam, optim.AdamW)] == [0, 0.01]
    assert defaults[optim.AdamW]["lr"].default == 0.001


# Another optimizer, one line


@pytest.mark.ledger("n4-13")
@pytest.mark.claim(zh="训练循环 walk 一个字没动，六种走法各占一行：", en="The training loop walk has not changed by a letter. Six ways to walk are six lines:")
@pytest.mark.claim(zh="AdamW 走了 60 步才到 3.6 左右：衰减一直在把它往 0 拉。", en="AdamW has only come to about 3.6 in 60 steps: the decay keeps pulling it towards 0.")
@pytest.mark.claim(
    zh="换了优化器，学习率要重找：Adam 用得好好的 0.3，给 SGD，一步比一步远。",
    en="With another optimizer, look for another learning rate: the 0.3 that serves Adam well takes SGD further away at every step.")
@pytest.mark.claim(
    zh="换优化器只改一行，但学习率要重找；先定好网络，再造优化器。",
    en="Another optimizer is one line, but wants another learning rate; the network comes first, the optimizer after.")
def test_six_optimizers_through_one_loop(chapter):
    cell = chapter["one-line"]
    paths = cell.names["paths"]
    assert list(paths) == list(SIX) and cell.names["walk"] is chapter["surface"].names["walk"]
    for name, walked in paths.items():
        assert np.allclose(walked, SIX[name], atol=1e-3), name
        assert sum(line.strip().startswith(f'"{name}": walk(') and line.endswith("),") for line in cell.code.splitlines()) == 1
    for line, (name, walked) in zip(lines(chapter, "one-line"), SIX.items(), strict=True):
        assert line.split()[0] == name and numbers(line) == pytest.approx(walked[-1].tolist(), abs=0.006)
    assert round(SIX["AdamW"][-1, 0], 1) == 3.6
    assert np.abs(path("AdamW", 0.3, decay=0.0)[-1] - LOWEST).max() < 0.06  # the decay it was, and nothing else
    astray = np.linalg.norm(path("SGD", 0.3) - LOWEST, axis=1)
    assert (np.diff(astray) > 0).all() and np.linalg.norm(SIX["Adam"][-1] - LOWEST) < 0.1


@pytest.mark.claim(
    zh="六幅小图，同样的椭圆等高线，方块是起点，在左上，星是谷底，在右边。",
    en="Six small charts with the same elliptic contour lines; a square marks the start at the upper left, a star the minimum on the right.")
@pytest.mark.claim(zh="同一个山谷，各走 60 步，每个点是一步。", en="The same valley, 60 steps each, every dot a step.")
@pytest.mark.claim(zh="方块是起点，星是谷底。", en="The square is the start, the star the minimum.")
def test_the_figure_of_the_paths(chapter):
    (figure,) = chapter["paths"].figures
    assert [axes.get_title() for axes in figure.axes] == list(SIX)
    for axes, (name, walked) in zip(figure.axes, SIX.items(), strict=True):
        way, first, star = axes.lines
        assert np.allclose(np.stack([way.get_xdata(), way.get_ydata()], axis=1), walked, atol=1e-3), name
        assert len(way.get_xdata()) == 61 and way.get_marker() == "."
        assert (first.get_xdata(), first.get_ydata()) == (START[0], START[1]) and first.get_marker() == "s" and first.get_label() == "start"
        assert (star.get_xdata(), star.get_ydata()) == (LOWEST[0], LOWEST[1]) and star.get_marker() == "*" and star.get_label() == "minimum"
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        assert left <= walked[:, 0].min() and walked[:, 0].max() <= right and low <= walked[:, 1].min() and walked[:, 1].max() <= high
        assert START[0] < left + 0.25 * (right - left) and START[1] > low + 0.75 * (high - low) and LOWEST[0] > (left + right) / 2
        (contours,) = axes.collections
        assert contours.levels.tolist() == [0.5, 2, 5, 10, 20]
    heights, across, up = (chapter["paths"].names[name].numpy() for name in ("heights", "across", "up"))
    everywhere = np.concatenate(list(SIX.values()))
    assert (np.array([across.min(), up.min()]) <= everywhere.min(axis=0)).all()  # contours wherever a path goes
    assert (np.array([across.max(), up.max()]) >= everywhere.max(axis=0)).all()
    assert np.allclose(heights, (across - 4) ** 2 / 2 + 10 * (up - 1) ** 2, atol=1e-3)
    assert figure.get_supxlabel() == "w[0]" and figure.get_supylabel() == "w[1]"


@pytest.mark.claim(
    zh="SGD 上下折成锯齿；动量画出大弧，冲过谷底再绕回来；Nesterov 的弧小一些；RMSprop 先跨一大步，再平着走去；Adam 斜着下来，也冲过了头；AdamW 还在谷底左边一点。",
    en="SGD zigzags up and down; momentum swings in wide arcs, past the minimum and back; Nesterov’s arcs are smaller; RMSprop takes one great stride, then walks level; Adam comes down at a slant and overshoots too; AdamW is still a little to the left of the minimum.")
@pytest.mark.claim(zh="SGD 跳成锯齿。", en="SGD zigzags.")
@pytest.mark.claim(zh="动量没有了锯齿，却冲过了头；Nesterov 冲得少。", en="Momentum has no zigzag but overshoots; Nesterov overshoots less.")
@pytest.mark.claim(zh="Adam 一出发就走斜线，横竖一样快，不管哪边陡。", en="Adam sets off at a slant, as fast along as across, however steep.")
def test_the_characters_of_the_paths(chapter):
    drawn = {axes.get_title(): np.stack(axes.lines[0].get_data(), axis=1) for axes in chapter["paths"].figures[0].axes}
    along, across = ({name: p[:, axis] for name, p in drawn.items()} for axis in (0, 1))
    assert (np.diff(np.sign(across["SGD"][:30] - 1)) != 0).all()  # a leap to the other side at every step
    turns = np.diff(np.sign(np.diff(across["momentum"][:30]))) != 0
    assert turns.sum() < 8 and not (turns[1:] & turns[:-1]).any()  # arcs
    for name in ("momentum", "Nesterov", "Adam"):
        assert along[name].max() > 4.5 and abs(along[name][-1] - 4) < 0.05  # past it, and back
    assert across["Nesterov"].min() > 0 > across["momentum"].min() and along["Nesterov"].max() < along["momentum"].max() - 0.2
    assert along["SGD"].max() < 4 and along["AdamW"].max() < 4 and 0.3 < 4 - along["AdamW"][-1] < 0.6
    strides = np.linalg.norm(np.diff(drawn["RMSprop"], axis=0), axis=1)
    assert strides[0] > 2 * strides[1:].max() and (np.abs(np.diff(across["RMSprop"][5:])) < 0.02).all()
    assert np.allclose(drawn["Adam"][1] - START, [0.3, -0.3]) and np.allclose(drawn["Adam"][3] - START, [0.9, -0.9], atol=0.03)
    for steep in (1.0, 500.0):
        rule, here = Rule("Adam", 0.3), START
        for _ in range(3):
            here = rule.step(here, np.array([1.0, steep]) * (here - LOWEST))
        assert np.allclose(here - START, [0.9, -0.9], atol=0.05)


def kept_and_steps(make):
    """Numbers kept beside each parameter after a step, and the moves for the same gradients, ten times as large in the second place."""
    w = parameter(0.0, 0.0)
    optimizer = make([w])
    for _ in range(2):
        w.grad = torch.tensor([1.0, 10.0])
        optimizer.step()
    kept = sum(torch.is_tensor(v) and v.shape == w.shape for v in optimizer.state[w].values())
    return kept, w.detach().numpy()


@pytest.mark.claim(zh="SGD | $w - \\eta g$ | 0", en="SGD | $w - \\eta g$ | 0")
@pytest.mark.claim(zh="动量、Nesterov | 走速度，不走梯度 | 1", en="momentum, Nesterov | goes by velocity, not by gradient | 1")
@pytest.mark.claim(zh="$\\eta$ 是学习率。", en="$\\eta$ is the learning rate.")
def test_rows_of_sgd_and_momentum():
    kept, moved = kept_and_steps(lambda w: optim.SGD(w, lr=0.1))
    assert kept == 0 and np.allclose(moved, [-0.1 * 2, -0.1 * 20])  # eta is the 0.1
    for nesterov, expected in ((False, 1 + 1.9), (True, 1.9 + 1 + 0.9 * 1.9)):
        kept, moved = kept_and_steps(lambda w, nesterov=nesterov: optim.SGD(w, lr=0.1, momentum=0.9, nesterov=nesterov))
        assert kept == 1 and np.allclose(moved, [-0.1 * expected, -expected])
        w = parameter(0.0)
        still = given(optim.SGD([w], lr=0.1, momentum=0.9, nesterov=nesterov), w, 1.0, 0.0)
        assert still[1] < still[0]  # no gradient, and yet it goes


@pytest.mark.claim(zh="RMSprop | 梯度除以它的大小 | 1", en="RMSprop | the gradient divided by its size | 1")
@pytest.mark.claim(zh="Adam | 梯度的平均除以大小，补上亏空 | 2", en="Adam | the gradient’s average divided by size, the start made up for | 2")
@pytest.mark.claim(zh="AdamW | 先缩一点，再走 Adam | 2", en="AdamW | shrinks a little, then Adam | 2")
def test_rows_of_those_that_divide_by_size():
    for kind, numbers_kept in ((optim.RMSprop, 1), (optim.Adam, 2), (optim.AdamW, 2)):
        kept, moved = kept_and_steps(lambda w, kind=kind: kind(w, lr=0.1))
        assert kept == numbers_kept and moved[0] == pytest.approx(moved[1], rel=0.01)  # ten times the gradient, the same way
        assert moved[0] < -1 if kind is optim.RMSprop else moved[0] == pytest.approx(-0.2, rel=0.01)
    ends = []
    for kind, start, decay in ((optim.AdamW, 2.0, 0.5), (optim.Adam, 2.0 * (1 - 0.1 * 0.5), 0.0)):
        w = parameter(start)
        ends.append(given(kind([w], lr=0.1, weight_decay=decay), w, 3.0)[0].item())
    assert ends[0] == pytest.approx(ends[1])


# The order of the calls


def ordered(*order, steps=30):
    """w after each step of plain SGD with a rate of 0.1 on (w - 3)², its calls in this order; by hand."""
    w, grad, seen = 0.0, None, []
    for _ in range(steps):
        slope = 2 * (w - 3)
        for call in order:
            if call == "zero_grad":
                grad = None
            elif call == "backward":
                grad = slope if grad is None else grad + slope
            elif grad is not None:
                w -= 0.1 * grad
        seen.append(w)
    return seen


@pytest.mark.claim(zh="找 $(w - 3)^2$ 的最低点，五种排法：", en="We look for the lowest point of $(w - 3)^2$, in five ways:")
@pytest.mark.claim(zh="前两行都对。", en="The first two are right.")
@pytest.mark.claim(zh="这两行的 w 一步没动。", en="In these two w never moved.")
@pytest.mark.claim(
    zh="第五行不清零，梯度越加越多，w 在 3 的两边来回荡，30 步时正好荡到 1.86。",
    en="The fifth never clears: gradients add up, and w swings from side to side of 3; after 30 steps it happens to be at 1.86.")
def test_five_orders(chapter):
    orders = [("zero_grad", "backward", "step"), ("backward", "step", "zero_grad"), ("backward", "zero_grad", "step"),
              ("zero_grad", "step", "backward"), ("backward", "step")]
    seen = [ordered(*order) for order in orders]
    assert lines(chapter, "orders") == [f"w = {way[-1]:.2f} after {', '.join(order)}" for way, order in zip(seen, orders, strict=True)]
    assert [abs(way[-1] - 3) < 0.01 for way in seen] == [True, True, False, False, False]
    assert set(seen[2]) == set(seen[3]) == {0.0}
    above = np.array(seen[4]) > 3
    assert f"{seen[4][-1]:.2f}" == "1.86" and (np.diff(above.astype(int)) != 0).sum() >= 4 and max(seen[4]) > 5 and min(seen[4]) < 1


@pytest.mark.claim(
    zh="清零放在开头还是末尾都行，只要在 step() 之后、下一次 backward() 之前。",
    en="Clear at the beginning or at the end, as long as it is after step() and before the next backward().")
@pytest.mark.claim(zh="第三行，刚算好的梯度，没用就清了。", en="The third clears the gradient before it was used.")
@pytest.mark.claim(zh="第四行，更新的时候梯度已经清掉了。", en="In the fourth, it has been cleared by the time of the step.")
@pytest.mark.claim(zh="五种排法，没有一种报错。", en="Five orders, and not one error message.")
def test_what_the_gradient_is_at_the_step(chapter):
    assert chapter["orders"].error is None and len(lines(chapter, "orders")) == 5 and not chapter["orders"].warnings
    found = {}
    for order in ("zbs", "bsz", "bzs", "zsb"):
        w = parameter(0.0)
        optimizer = optim.SGD([w], lr=0.1)
        for _ in range(3):
            value = ((w - 3) ** 2).sum()
            for call in order:
                if call == "s":
                    found.setdefault(order, []).append(None if w.grad is None else w.grad.item())
                {"z": optimizer.zero_grad, "b": value.backward, "s": optimizer.step}[call]()
    assert found["bzs"] == found["zsb"] == [None] * 3
    assert np.allclose(found["zbs"], [-6, -6 * 0.8, -6 * 0.64]) and found["zbs"] == found["bsz"]


@pytest.mark.claim(zh="清零、反向、更新，一轮之后再调度。", en="Clear, backward, step; and after an epoch, schedule.")
@pytest.mark.claim(zh="上面排错的那些，没有一种报错。", en="Of the wrong orders above, not one raised an error.")
def test_wrong_orders_raise_nothing(chapter):
    assert [chapter[cell].error for cell in ("no-backward", "orders", "skip-first")] == [None] * 3
    assert lines(chapter, "schedule")[0].startswith("epoch 0: lr 0.40") and lines(chapter, "orders")[0].endswith("zero_grad, backward, step")


# Schedulers


@pytest.mark.ledger("n3-08")
@pytest.mark.claim(
    zh="调度器（scheduler）按计划改学习率：开头离得远，步子大；快到了，步子小。",
    en="A scheduler changes the learning rate by a plan: far from the goal, long steps; near it, short ones.")
@pytest.mark.claim(
    zh="旧笔记给 backward、优化器、调度器各写了一行，没说先后。",
    en="The old notes give backward, the optimizer and the scheduler a line each, and not their order.")
@pytest.mark.claim(
    zh="每个小批量里，backward() 算梯度，optimizer.step() 改权重；一轮结束，scheduler.step() 才调好下一轮的学习率。",
    en="In every mini-batch backward() finds the gradient and optimizer.step() changes the weights. When the epoch is over, scheduler.step() sets the rate of the next.")
def test_backward_then_optimizer_then_scheduler(chapter):
    said = read_ledger(chapter.project)["rows"]["n3-08"]["said"]
    assert "`backward`、优化器、调度器，各用一行" in said["zh"] and "`backward`, optimizer and scheduler in a line each" in said["en"]
    w, rate, expected = 0.0, 0.4, []
    for epoch in range(4):
        for _ in range(2):
            w -= rate * 2 * (w - 3)
        expected.append(f"epoch {epoch}: lr {rate:.2f}, w {w:.3f}")
        rate /= 2
    assert lines(chapter, "schedule") == expected
    v = parameter(0.0)
    optimizer = optim.SGD([v], lr=0.4)
    scheduler = lr_scheduler.ExponentialLR(optimizer, gamma=0.5)

    def state():
        return v.item(), None if v.grad is None else v.grad.item(), optimizer.param_groups[0]["lr"]

    ((v - 3) ** 2).sum().backward()
    assert state() == pytest.approx((0, -6, 0.4))
    optimizer.step()
    assert state() == pytest.approx((2.4, -6, 0.4))
    scheduler.step()
    assert state() == pytest.approx((2.4, -6, 0.2))


@pytest.mark.ledger("n3-08")
@pytest.mark.claim(zh="0.4 一次也没用上，第一轮就是 0.2。", en="0.4 was never used; the first epoch already has 0.2.")
@pytest.mark.claim(zh="PyTorch 只给一条警告，程序照跑。", en="PyTorch gives a warning, and goes on.")
def test_the_wrong_order_warns_and_skips_the_first_rate(chapter):
    assert lines(chapter, "skip-first") == [f"epoch {epoch}: lr {0.4 * 0.5 ** (epoch + 1):.3f}" for epoch in range(4)]
    (warning,) = chapter["skip-first"].warnings
    assert "Detected call of `lr_scheduler.step()` before `optimizer.step()`" in warning and "skipping the first value" in warning
    used = []
    w = parameter(0.0)
    optimizer = optim.SGD([w], lr=0.4)
    scheduler = lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            scheduler.step()
            before = w.item()
            given(optimizer, w, 1.0)
            used.append(before - w.item())
    assert len(caught) == 1 and used == pytest.approx([0.2, 0.1, 0.05])


def half_cosine(start, end, share):
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


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


@pytest.fixture
def drawn(chapter):
    return {axes.get_title(): np.asarray(axes.lines[0].get_ydata()) for axes in chapter["curves"].figures[0].axes}


@pytest.mark.claim(
    zh="学习率以 0.1 为准，走 20 轮（图上 cosine 是 CosineAnnealingLR，OnPlateau 是 ReduceLROnPlateau）：",
    en="Set for a learning rate of 0.1, over 20 epochs (in the figure, cosine is CosineAnnealingLR and OnPlateau is ReduceLROnPlateau):")
@pytest.mark.claim(zh="六幅小图，横轴是轮，纵轴是学习率。", en="Six small charts, epochs across, learning rate upwards.")
@pytest.mark.claim(zh="六种调度器，每个点是一轮所用的学习率。", en="Six schedulers; each dot is the learning rate of one epoch.")
@pytest.mark.claim(
    zh="StepLR 每 5 轮减半，ExponentialLR 每轮打八折，CosineAnnealingLR 沿半个余弦平滑地降。",
    en="StepLR halves every 5 epochs, ExponentialLR takes a fifth off at each, CosineAnnealingLR falls smoothly along half a cosine.")
def test_six_curves_against_their_formulas(chapter, drawn):
    (figure,) = chapter["curves"].figures
    assert figure.get_supxlabel() == "epoch" and figure.get_supylabel() == "learning rate" and len(figure.axes) == 6
    assert chapter["curves"].names["losses"] == [1.0, 0.8, 0.6, 0.4] + [0.2] * 16
    epochs = range(20)
    expected = {
        "StepLR": [0.1 * 0.5 ** (e // 5) for e in epochs],
        "ExponentialLR": [0.1 * 0.8**e for e in epochs],
        "cosine": [half_cosine(0.1, 0, e / 20) for e in epochs],
        "warm-up, cosine": [0.01 + 0.09 * e / 5 if e < 5 else half_cosine(0.1, 0, (e - 5) / 15) for e in epochs],
        "OneCycleLR": [half_cosine(0.1 / 25, 0.1, e / 5) if e <= 5 else half_cosine(0.1, 0.1 / 25 / 1e4, (e - 5) / 14) for e in epochs],
        "OnPlateau": plateau(chapter["curves"].names["losses"]),
    }
    assert list(drawn) == list(expected)
    for axes, (name, rates) in zip(figure.axes, drawn.items(), strict=True):
        assert len(rates) == 20 and rates == pytest.approx(expected[name], abs=1e-6), name
        assert rates.max() == pytest.approx(0.1) and axes.lines[0].get_marker() == "."
    made = {name: type(make(optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9))).__name__ for name, make in chapter["curves"].names["schedulers"].items()}
    assert made["cosine"] == "CosineAnnealingLR" and made["OnPlateau"] == "ReduceLROnPlateau"


@pytest.mark.claim(
    zh="StepLR 像下楼梯；ExponentialLR 先快后慢地降；cosine 沿半个余弦平滑降到接近 0；warm-up 先直着升到 0.1，再沿余弦降；OneCycleLR 从接近 0 弯着升到 0.1，再降下去；OnPlateau 平到第 8 轮，然后一级级减半。",
    en="StepLR goes down like stairs; ExponentialLR falls fast, then slowly; cosine falls smoothly along half a cosine to nearly 0; warm-up rises straight to 0.1 and then falls along a cosine; OneCycleLR curves up from nearly 0 to 0.1 and down again; OnPlateau is level up to epoch 8, then halves step by step.")
@pytest.mark.claim(
    zh="LinearLR 从学习率的一成直线升上来，叫预热（warm-up）；SequentialLR 在它后面接上余弦。",
    en="LinearLR climbs in a straight line from a tenth of the rate, which is called warm-up; SequentialLR puts the cosine after it.")
def test_shapes_of_the_curves(chapter, drawn):
    change = {name: np.diff(rates) for name, rates in drawn.items()}
    assert (np.flatnonzero(change["StepLR"]) == [4, 9, 14]).all() and (change["StepLR"] <= 0).all()
    assert (change["ExponentialLR"] < 0).all() and (np.diff(change["ExponentialLR"]) > 0).all()
    assert (change["cosine"] < 0).all() and drawn["cosine"][-1] < 0.001
    warm = drawn["warm-up, cosine"]
    assert warm[0] == pytest.approx(0.1 * 0.1) and np.allclose(np.diff(warm[:6]), 0.018) and warm[5] == pytest.approx(0.1) and (np.diff(warm[5:]) < 0).all()
    up = drawn["OneCycleLR"][:6]
    assert up[0] < 0.005 and up[5] == pytest.approx(0.1) and (np.diff(up) > 0).all() and np.ptp(np.diff(up)) > 0.01 and (np.diff(drawn["OneCycleLR"][5:]) < 0).all()
    level = drawn["OnPlateau"]
    assert (level[:9] == 0.1).all() and [level[e] / level[e - 1] for e in (9, 13, 17)] == pytest.approx([0.5] * 3) and len(set(level)) == 4
    made = chapter["curves"].names["warm_up"](optim.SGD([torch.zeros(1)], lr=0.1))
    assert type(made) is lr_scheduler.SequentialLR
    assert [type(part) for part in made._schedulers] == [lr_scheduler.LinearLR, lr_scheduler.CosineAnnealingLR]


@pytest.mark.claim(
    zh="OneCycleLR 自带预热，设计成每个小批量走一步，total_steps 数的是小批量。",
    en="OneCycleLR has its own warm-up. It is meant to step after every mini-batch, and total_steps counts those.")
@pytest.mark.claim(
    zh="它还会改动量，从 0.95 降到 0.85 再回来；不想要，就写 cycle_momentum=False。",
    en="It also changes the momentum, from 0.95 down to 0.85 and back, unless you write cycle_momentum=False.")
def test_onecycle_warms_up_and_changes_the_momentum_too(drawn):
    def run(**settings):
        optimizer = optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)
        scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=20, **settings)
        seen = []
        for step in range(20):
            seen.append(optimizer.param_groups[0]["momentum"])
            optimizer.step()
            if step < 19:
                scheduler.step()
        return seen

    seen = run()
    lowest = seen.index(min(seen))
    assert [seen[0], seen[lowest], seen[-1]] == pytest.approx([0.95, 0.85, 0.95])
    assert (np.diff(seen[: lowest + 1]) < 0).all() and (np.diff(seen[lowest:]) > 0).all()
    assert set(run(cycle_momentum=False)) == {0.9}
    assert drawn["OneCycleLR"][0] < drawn["OneCycleLR"][5] / 10
    text = " ".join(lr_scheduler.OneCycleLR.__doc__.split())
    assert "changes the learning rate after every batch" in text and "total_steps = epochs * steps_per_epoch" in text


@pytest.mark.claim(
    zh="ReduceLROnPlateau 不按日历，看成绩：第 4 轮以后损失不再降，忍了 3 轮，再一轮还不降就减半。",
    en="ReduceLROnPlateau goes by results, not by the calendar. After epoch 4 the loss no longer fell; it put up with 3 such epochs, and halved after one more.")
@pytest.mark.claim(
    zh="它的 step 要收损失；忘了给，报错里有 'metrics'。",
    en="Its step takes the loss; the error you get without it mentions 'metrics'.")
def test_plateau_goes_by_the_loss(chapter, drawn):
    losses = chapter["curves"].names["losses"]
    falls = np.flatnonzero(np.diff(losses) < 0) + 1
    assert falls[-1] == 4
    assert drawn["OnPlateau"][4 + 3 + 1] == 0.1 and drawn["OnPlateau"][4 + 3 + 1 + 1] == 0.05  # bad epochs 5, 6, 7, and 8
    optimizer = optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
    for epoch in range(20):
        scheduler.step(1 / (epoch + 1))  # it falls and falls
    assert optimizer.param_groups[0]["lr"] == 0.1
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'metrics'"):
        scheduler.step()


# A learning rate for each layer


@pytest.mark.claim(
    zh="学过的层小步走，新换的层大步走，要用参数组（parameter group）。",
    en="Small steps for a layer that has learnt, large ones for a new layer: that takes parameter groups.")
@pytest.mark.claim(
    zh="给优化器的不再是参数，而是几个字典；字典里没写的，用外面的：",
    en="The optimizer is given dictionaries in place of parameters, and what a dictionary does not say is taken from outside:")
@pytest.mark.claim(zh="body 挪了梯度的 0.001 倍，head 挪了 0.1 倍。", en="body moved by 0.001 times its gradient, head by 0.1 times.")
@pytest.mark.claim(
    zh="上面的调度器让每组从自己的学习率变起，只有 OneCycleLR 例外：它的 max_lr 各组通用，除非写成列表。",
    en="Of the schedulers above, each lets a group go from its own rate, except OneCycleLR: its max_lr is for all groups alike, unless it is a list.")
def test_two_groups_two_rates(chapter):
    assert lines(chapter, "groups") == ["moved by 0.001 x its gradient", "moved by 0.100 x its gradient"]
    assert chapter["groups"].names["body"].weight.shape == (3, 2) and chapter["groups"].names["head"].weight.shape == (1, 3)
    w, v = parameter(0.0), parameter(0.0)
    both = optim.SGD([{"params": [w], "lr": 0.001}, {"params": [v]}], lr=0.1, momentum=0.5)
    scheduler = lr_scheduler.ExponentialLR(both, gamma=0.5)
    assert [(group["lr"], group["momentum"]) for group in both.param_groups] == [(0.001, 0.5), (0.1, 0.5)]
    w.grad = v.grad = torch.tensor([2.0])
    both.step()
    assert [w.item(), v.item()] == pytest.approx([-0.002, -0.2])
    scheduler.step()
    assert [group["lr"] for group in both.param_groups] == pytest.approx([0.0005, 0.05])
    makers = chapter["curves"].names["schedulers"]
    for name, make in makers.items():
        groups = optim.SGD([{"params": [parameter(0.0)], "lr": 0.001}, {"params": [parameter(0.0)]}], lr=0.1, momentum=0.5)
        scheduler = make(groups)
        for _ in range(7):
            groups.step()
            scheduler.step(*[1.0] * (name == "OnPlateau"))
        small, large = (group["lr"] for group in groups.param_groups)
        assert small == pytest.approx(large if name == "OneCycleLR" else large / 100), name
    assert len(makers) == 6 and "OneCycleLR" in makers
    groups = optim.SGD([{"params": [parameter(0.0)]}, {"params": [parameter(0.0)]}], lr=0.1, momentum=0.5)
    lr_scheduler.OneCycleLR(groups, max_lr=[0.001, 0.1], total_steps=20)
    small, large = (group["lr"] for group in groups.param_groups)
    assert small == pytest.approx(large / 100)
    names = dict(chapter["no-backward"].names, print=lambda *seen: None)
    exec(chapter["groups"].code, names)  # anew: a later cell moves these weights again
    for layer, old, rate in zip((names["body"], names["head"]), names["before"], (0.001, 0.1), strict=True):
        assert torch.allclose(old - layer.weight, rate * layer.weight.grad, atol=1e-6)


@pytest.mark.claim(zh="优化器记的是造它那一刻的参数。", en="An optimizer knows the parameters that were there when it was made.")
@pytest.mark.claim(zh="之后换掉一层：", en="Replace a layer afterwards:")
@pytest.mark.claim(zh="新的一层有梯度，却没有人管。", en="The new layer has a gradient, and nobody to use it.")
@pytest.mark.claim(
    zh="补救的办法是 add_param_group；最省心的是先把网络改好、搬好，最后才造优化器。",
    en="add_param_group mends it. Better still, change the network, move it, and make the optimizer last of all.")
def test_a_layer_replaced_afterwards_is_not_learnt(chapter):
    assert lines(chapter, "replaced") == ["has a gradient: True", "moved: False", "moved, now that it is added: True"]
    names = chapter["replaced"].names
    held = [p for group in names["optimizer"].param_groups for p in group["params"]]
    assert any(p is names["net"][1].weight for p in held) and any(p is names["head"].weight for p in held)  # the old one as well
    assert names["head"] is not names["net"][1]
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    net[1] = nn.Linear(3, 1)
    optimizer = optim.SGD(net.parameters(), lr=0.1)  # last of all
    before = net[1].weight.detach().clone()
    net(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    assert not torch.equal(net[1].weight, before)


# Common errors


@pytest.mark.claim(zh="参数明明有，却说是空的。", en="There are parameters, and it says there are none.")
@pytest.mark.claim(
    zh="net.parameters() 是个生成器，数过一遍就用光了：",
    en="net.parameters() is a generator, and counting used it up:")
@pytest.mark.claim(zh="再写一次 net.parameters()。", en="Write net.parameters() again.")
@pytest.mark.claim(
    zh="要是网络真的没有参数，看看层是不是放进了普通列表。",
    en="If the network really has none, see whether its layers are in a plain list.")
def test_an_empty_list_of_parameters(chapter):
    error = chapter["empty-error"].error
    assert type(error) is ValueError and str(error) == "optimizer got an empty parameter list"
    assert lines(chapter, "empty-error") == ["13 numbers to learn"] and 2 * 3 + 3 + 3 * 1 + 1 == 13
    net = chapter["replaced"].names["net"]
    params = net.parameters()
    assert inspect.isgenerator(params) and len(list(params)) == 4 and list(params) == []
    optim.SGD(net.parameters(), lr=0.1)

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Linear(2, 2)]

    with pytest.raises(ValueError, match="empty parameter list"):
        optim.SGD(Plain().parameters(), lr=0.1)


@pytest.mark.claim(zh="只给了一个张量。", en="A single tensor.")
@pytest.mark.claim(
    zh="它要的是一串，哪怕只有一个，也写成 [net[0].weight]：",
    en="It wants several, and if there is only one, [net[0].weight]:")
def test_a_single_tensor(chapter):
    error = chapter["tensor-error"].error
    assert type(error) is TypeError
    assert str(error) == "params argument given to the optimizer should be an iterable of Tensors or dicts, but got torch.FloatTensor"
    assert isinstance(chapter["replaced"].names["net"][0].weight, torch.Tensor)
    optim.SGD([chapter["replaced"].names["net"][0].weight], lr=0.1)


@pytest.mark.claim(zh="给了算出来的张量。", en="A computed tensor.")
@pytest.mark.claim(
    zh="换类型、换设备都是运算，结果不是叶子张量。",
    en="To change dtype or device is to compute, and the result is no leaf tensor.")
@pytest.mark.claim(zh="先换好，再 requires_grad_()：", en="Change first, then requires_grad_():")
def test_a_computed_tensor_is_no_leaf(chapter):
    error = chapter["leaf-error"].error
    assert type(error) is ValueError and str(error) == "can't optimize a non-leaf Tensor"
    assert not chapter["leaf-error"].names["w"].is_leaf
    for target in (torch.float64, "meta"):
        changed = torch.zeros(3, requires_grad=True).to(target)
        assert not changed.is_leaf and changed.grad_fn is not None
        with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
            optim.SGD([changed], lr=0.1)
        optim.SGD([torch.zeros(3).to(target).requires_grad_()], lr=0.1)


@pytest.mark.claim(zh="调度器走过了头。", en="A scheduler that goes too far.")
@pytest.mark.claim(zh="total_steps 说好 10 步，走了 11 步：", en="total_steps promised 10, this was step 11:")
def test_a_scheduler_that_goes_too_far(chapter):
    error = chapter["steps-error"].error
    assert type(error) is ValueError and str(error) == "Tried to step 11 times. The specified number of total steps is 10"
    assert chapter["steps-error"].names["scheduler"].total_steps == 10
