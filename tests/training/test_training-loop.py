"""The proof of what docs/*/training/training-loop.md claims."""

import copy
import inspect
import io
import math
import re
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from tqdm import tqdm

from press.execute import ENVIRONMENT
from tests.conftest import ROOT
from tests.facts import fact
from tests.prose import ledger_rows, lines

PAGE = "training/training-loop"
CASES = ["shuffled each step", "another net's optimizer", "softmax too many", "shuffled once", "no bug"]


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.\d+|-?\d+", text)]


@cache
def ledger():
    return {row["id"]: row for row in ledger_rows()}


def scores(net, x):
    """Logits of Linear, ReLU, Linear in NumPy and double precision."""
    p = [value.detach().double().numpy() for value in net.state_dict().values()]
    return np.maximum(x.double().numpy() @ p[0].T + p[1], 0) @ p[2].T + p[3]


def losses_and_hits(net, x, y):
    """One loss and one hit or miss for each sample, in NumPy."""
    z, y = scores(net, x), y.numpy()
    z = z - z.max(axis=1, keepdims=True)
    each = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]
    return each, z.argmax(axis=1) == y


def accuracy(net, names):
    return losses_and_hits(net, names["val_x"], names["val_y"])[1].mean()


def make_net(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))


def batches(names, size=64):
    return list(zip(names["train_x"].split(size), names["train_y"].split(size)))


def norm_by_hand(net):
    return math.sqrt(sum((p.grad.double().numpy() ** 2).sum() for p in net.parameters()))


def train(net, optimizer, data, epochs=1, order=("zero_grad", "backward", "step")):
    """A loop of our own, with the calls in the order given. The loss over all the data after each epoch."""
    after = []
    for _ in range(epochs):
        for x, y in data:
            loss = F.cross_entropy(net(x), y)
            for call in order:
                loss.backward() if call == "backward" else getattr(optimizer, call)()
        after.append(np.mean(np.concatenate([losses_and_hits(net, x, y)[0] for x, y in data])))
    return after


def nodes(tensor):
    """How many nodes the graph behind a tensor has, each counted once."""
    seen, stack = set(), [tensor.grad_fn]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack += [behind for behind, _ in node.next_functions if behind]
    return len(seen)


def code_of(chapter, cell):
    return chapter.project.cells(PAGE)[f"{PAGE}.py:{cell}"].source


def functions(chapter):
    """`evaluate` and `fit` with nothing but the imports of the chapter: what a reader copies."""
    names = {}
    for cell in ("data", "bad-batch", "evaluate", "fit"):
        names |= {name: value for name, value in chapter[cell].names.items() if inspect.ismodule(value)}
    names |= {"nn": nn, "deepcopy": copy.deepcopy}
    exec(chapter["evaluate"].code.split("\n\n\nval_loader")[0], names)
    exec(chapter["fit"].code, names)
    return names


# ---- six steps -------------------------------------------------------------------------------


@pytest.mark.claim(zh="又是那 1797 个手写数字，每张 8 × 8，摊成 64 个数。",
                   en="The 1797 handwritten digits again, each 8 × 8 laid out as 64 numbers.")
@pytest.mark.claim(zh="打乱，分成三份：1000 个训练，321 个验证，476 个考试。",
                   en="They are shuffled and cut in three: 1000 to train on, 321 to validate, 476 for the exam.")
@pytest.mark.claim(zh="321 是故意选的，[后面](#counting)用得上：", en="The number 321 is chosen on purpose, and comes to matter [below](#counting):")
@pytest.mark.claim(zh="321 = 5 × 64 + 1，最后一批只有一个样本。", en="321 = 5 × 64 + 1 leaves one sample for it.")
def test_the_data_are_the_digits_in_three_parts_without_overlap(chapter):
    names, digits = chapter["data"].names, load_digits()
    order = names["order"].tolist()
    assert digits.images.shape == (1797, 8, 8) and sorted(order) == list(range(1797)) and order != list(range(1797))
    x = torch.cat([names["train_x"], names["val_x"], names["test_x"]])
    y = torch.cat([names["train_y"], names["val_y"], names["test_y"]])
    assert np.allclose(x * 16, digits.images.reshape(1797, 64)[order]) and y.tolist() == digits.target[order].tolist()
    assert [len(names[f"{part}_y"]) for part in ("train", "val", "test")] == [1000, 321, 476]
    assert x.min() == 0 and x.max() == 1
    assert [len(y) for _, y in chapter["evaluate"].names["val_loader"]] == [64] * 5 + [1] and 5 * 64 + 1 == len(names["val_y"])


@pytest.mark.claim(zh="旧笔记把训练归成六步，至今就是这六步：", en="The old notes had six steps, and six they are today:")
@pytest.mark.claim(zh="第 1 步只做一次，后面五步每个小批量都要重复。", en="Step 1 is done once; the other five are repeated with every mini-batch.")
@pytest.mark.claim(zh="六步：定义网络，取数据，前向，损失，反向，更新；后五步反复做。",
                   en="Six steps: define the net, fetch data, forward, loss, backward, update; the last five are repeated.")
@pytest.mark.ledger("n4-07")
def test_the_six_steps_are_called_in_this_order(chapter, monkeypatch):
    calls = []

    def record(owner, name, call):
        old = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *args, **more: (calls.append(call), old(*args, **more))[1])

    loader = torch.utils.data.DataLoader
    old = loader.__iter__

    def fetch(self):
        for batch in old(self):
            calls.append("fetch")
            yield batch

    record(nn.Sequential, "__init__", "net")
    record(nn.Sequential, "forward", "forward")
    record(F, "cross_entropy", "loss")
    record(torch.Tensor, "backward", "backward")
    record(torch.optim.Adam, "step", "update")
    monkeypatch.setattr(loader, "__iter__", fetch)
    with torch.random.fork_rng():
        exec(chapter["six-steps"].code, dict(chapter["data"].names))
    assert calls == ["net"] + ["fetch", "forward", "loss", "backward", "update"] * (5 * 16)
    for language, six in (("zh", "六个步骤"), ("en", "The six steps")):
        assert six in ledger()["n4-07"]["said"][language] and ledger()["n4-07"]["verdict"] == "kept"
    marked = [line for line in chapter["six-steps"].code.splitlines() if re.search(r"# \d\. ", line)]
    for number, (line, text) in enumerate(zip(marked, ("make_net()", "in train_loader", "net(x)", "cross_entropy", "backward()", "step()"), strict=True), 1):
        assert f"# {number}. " in line and text in line


@pytest.mark.claim(zh=r"十选一，瞎猜的损失是 $\ln 10 \approx 2.3$；五轮下来，剩下不到十分之一。",
                   en=r"Guessing one of ten costs $\ln 10 \approx 2.3$; after five epochs less than a tenth of that is left.")
@pytest.mark.claim(zh="打印的只是每轮最后一个小批量的损失，正经的数法[后面](#counting)再讲。",
                   en="What is printed is the loss of each epoch’s last mini-batch only; proper counting comes [below](#counting).")
@pytest.mark.ledger("n4-07")
def test_the_losses_of_five_epochs(chapter):
    names = chapter["six-steps"].names
    printed = [numbers(line) for line in lines(chapter, "six-steps")]
    assert [epoch for epoch, _ in printed] == [0, 1, 2, 3, 4] and math.log(10) == pytest.approx(2.3, abs=0.01)
    assert 0 < printed[-1][1] < math.log(10) / 10 < printed[1][1]
    assert printed[-1][1] == pytest.approx(names["loss"].item(), abs=0.006) and len(names["y"]) == 1000 % 64 == 40
    alone = losses_and_hits(make_net(), names["val_x"], names["val_y"])
    assert alone[0].mean() == pytest.approx(math.log(10), abs=0.2) and accuracy(names["net"], names) > 0.85 > alone[1].mean()
    first, second = ([x for x, _ in names["train_loader"]][0] for _ in range(2))
    assert not torch.equal(first, second) and len(names["train_loader"].dataset) == 1000  # shuffled


# ---- three calls -----------------------------------------------------------------------------


@pytest.mark.claim(zh="输出的第一行就有梯度：那是循环里最后一步剩下的，`step()` 用完不清。",
                   en="There is a gradient in the very first line: it is left from the last step of the loop, for `step()` does not clear it.")
@pytest.mark.claim(zh="`norm()` 是范数（norm）：各数平方，相加，开方，所有的数合成一个指纹。",
                   en="`norm()` squares all numbers, adds them up and takes the root: a fingerprint of all the numbers in one.")
@pytest.mark.claim(zh="每做一句，就看一眼第一层的权重和它的 `.grad`。",
                   en="Look at the first layer and its `.grad` after every call.")
@pytest.mark.ledger("n3-09")
@pytest.mark.ledger("n2-18")
def test_what_each_of_the_three_calls_changes_as_printed(chapter):
    head, *printed = lines(chapter, "three-calls")
    assert head.split() == ["grad", "weight"]
    when, grad, weight = zip(*[line.rsplit(maxsplit=2) for line in printed])
    assert [name.strip() for name in when] == ["at first", "zero_grad", "forward", "backward", "step"]
    assert float(grad[0]) > 0 and grad[1] == grad[2] == "None" and float(grad[3]) > 0 and grad[4] == grad[3] != grad[0]
    assert weight[0] == weight[1] == weight[2] == weight[3] != weight[4]

    def norm(tensor):
        return math.sqrt((tensor.detach().double().numpy() ** 2).sum())

    before, after = chapter["six-steps"].names, chapter["three-calls"].names
    assert float(weight[4]) == pytest.approx(norm(after["net"][0].weight), abs=1e-3) and after["net"] is before["net"]
    assert torch.tensor([[3.0], [4.0]]).norm() == 5
    # the gradient of the first line: that of the last mini-batch of the loop, before its step
    again = dict(chapter["data"].names)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.randperm(1797)  # the seed stands in the cell before
        exec(chapter["six-steps"].code, again)
    assert float(grad[0]) == pytest.approx(norm(again["net"][0].weight.grad), rel=0.02)


@pytest.mark.claim(zh="| `zero_grad()` | 清成 `None` | 不动 |", en="| `zero_grad()` | cleared to `None` | left alone |")
@pytest.mark.claim(zh="| 前向 | 不动 | 不动 |", en="| forward | left alone | left alone |")
@pytest.mark.claim(zh="| `backward()` | 加上新的梯度 | 不动 |", en="| `backward()` | new gradients added | left alone |")
@pytest.mark.claim(zh="| `step()` | 不动 | 改了 |", en="| `step()` | left alone | changed |")
@pytest.mark.ledger("n3-09")
@pytest.mark.ledger("n2-18")
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_what_each_of_the_three_calls_changes_to_the_last_bit(chapter, kind):
    net, x, y = nn.Linear(64, 10), chapter["data"].names["train_x"], chapter["data"].names["train_y"]
    optimizer = kind(net.parameters(), lr=0.1)
    weights = [p.detach().clone() for p in net.parameters()]

    def same():
        return all(torch.equal(p, w) for p, w in zip(net.parameters(), weights))

    loss = F.cross_entropy(net(x), y)
    assert same() and all(p.grad is None for p in net.parameters())
    loss.backward()
    grads = [p.grad.clone() for p in net.parameters()]
    assert same() and all(g.abs().max() > 0 for g in grads)
    loss = F.cross_entropy(net(x), y)
    assert same() and all(torch.equal(p.grad, g) for p, g in zip(net.parameters(), grads))
    loss.backward()
    assert same() and all(torch.allclose(p.grad, 2 * g) for p, g in zip(net.parameters(), grads))
    grads = [p.grad.clone() for p in net.parameters()]
    optimizer.step()
    assert not same() and all(torch.equal(p.grad, g) for p, g in zip(net.parameters(), grads))
    weights = [p.detach().clone() for p in net.parameters()]
    optimizer.zero_grad()
    assert same() and all(p.grad is None for p in net.parameters())


@pytest.mark.claim(zh="`zero_grad` 之后，反向传播再做一次梯度下降；优化器在反向传播的过程中更新权重。",
                   en="After `zero_grad`, back-propagation does gradient descent again; the optimizer is what updates the weights during back-propagation.")
@pytest.mark.claim(zh="反向传播不动权重：下降的事只归 `step()` 管，而它在 `backward()` 之后。",
                   en="Back-propagation moves no weight: descent is the job of `step()` alone, and it comes after `backward()`.")
@pytest.mark.claim(zh="`zero_grad` 清梯度，`backward` 加梯度，只有 `step` 改权重。",
                   en="`zero_grad` clears gradients, `backward` adds them, and `step` alone changes weights.")
@pytest.mark.ledger("n3-09")
def test_only_step_descends(chapter):
    row = ledger()["n3-09"]
    assert row["verdict"] == "wrong" and row["said"]["zh"].endswith("`zero_grad` 之后，反向传播再做一次梯度下降；优化器在反向传播的过程中更新权重。")
    assert row["said"]["en"].endswith(
        "After `zero_grad`, back-propagation does gradient descent again; the optimizer is what updates the weights during back-propagation.")
    w = torch.tensor([3.0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    seen = []
    for call in ("zero_grad", "backward", "backward", "step", "zero_grad"):
        (w**2).sum().backward() if call == "backward" else getattr(optimizer, call)()
        seen.append((w.item(), None if w.grad is None else w.grad.item()))
    # by hand: the gradient of w² at 3 is 6; the second backward adds 6 more; the step is 0.1 × 12
    assert [weight for weight, _ in seen] == pytest.approx([3, 3, 3, 1.8, 1.8])
    assert [grad for _, grad in seen] == [None, 6, 12, 12, None]
    code = chapter["six-steps"].code
    assert code.index("loss.backward()") < code.index("optimizer.step()")


@pytest.mark.claim(zh="所以清零放在前向之前，或者放在 `step()` 之后，都可以。", en="So you may clear before the forward pass, or after `step()`.")
@pytest.mark.claim(zh="不能夹在 `backward()` 和 `step()` 之间：刚算好的梯度就丢了，什么也学不到，还不报错。",
                   en="Between `backward()` and `step()` you must not: that throws the new gradients away, and nothing is learnt, without an error.")
@pytest.mark.claim(
    zh="| 损失一动不动 | 优化器管的是不是这个网络；`zero_grad()` 是不是夹在 `backward()` 和 `step()` 之间 |",
    en="| the loss does not move | does the optimizer hold this network? Is `zero_grad()` between `backward()` and `step()`? |")
@pytest.mark.ledger("n3-09")
def test_where_zero_grad_may_stand(chapter):
    names = chapter["data"].names

    def after(order, other=None):
        net = make_net()
        owner = net if other is None else other
        losses = train(net, torch.optim.Adam(owner.parameters(), lr=0.003), batches(names), 2, order)
        return net[0].weight.detach(), losses

    inside, learnt = after(("zero_grad", "backward", "step"))
    behind, _ = after(("backward", "step", "zero_grad"))
    between, stuck = after(("backward", "zero_grad", "step"))
    assert torch.equal(inside, behind) and learnt[1] < 1 and torch.equal(between, make_net()[0].weight)
    assert stuck[0] == stuck[1] == pytest.approx(math.log(10), abs=0.2)
    net = make_net()  # before the forward pass
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    for _ in range(2):
        for x, y in batches(names):
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
    assert torch.equal(net[0].weight, inside)
    held, still = after(("zero_grad", "backward", "step"), make_net(1))  # the optimizer holds another network
    assert torch.equal(held, make_net()[0].weight) and still[0] == still[1]


@pytest.mark.claim(zh="表里写的是“加上”，不是“换成”。", en="The table says “added”.")
@pytest.mark.claim(zh="同一个小批量走两遍，中间不清零：", en="The same mini-batch twice, with no clearing in between:")
@pytest.mark.claim(zh="`True`：梯度正好是两倍。", en="`True`: twice the gradient.")
@pytest.mark.claim(zh="一直不清会怎样，[自动求导](../foundations/autograd.md#accumulate)里画过。",
                   en="What becomes of a loop that never clears is drawn under [Autograd](../foundations/autograd.md#accumulate).")
@pytest.mark.ledger("n2-18")
def test_without_zero_grad_the_gradient_doubles(chapter):
    assert chapter["adds-up"].value is True
    names = chapter["adds-up"].names
    once = names["once"]
    twin = copy.deepcopy(names["net"])
    twin.zero_grad()
    F.cross_entropy(twin(names["x"]), names["y"]).backward()
    assert torch.allclose(twin[0].weight.grad, once) and once.abs().max() > 0
    F.cross_entropy(twin(names["x"]), names["y"]).backward()
    assert torch.allclose(twin[0].weight.grad, 2 * once) and not torch.allclose(twin[0].weight.grad, once)
    for language, added in (("zh", "| `backward()` | 加上"), ("en", "| `backward()` | new gradients added")):
        assert added in chapter.prose(language)
        other = (ROOT / "docs" / language / "foundations/autograd.md").read_text(encoding="utf-8")
        part = other.split("{#accumulate}")[1].split("{#")[0]
        assert "](foundations/autograd.py:" in part and "zero_grad" in part  # a figure


@pytest.mark.claim(
    zh="从 2.0 起，`zero_grad()` [默认](https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html)清成 `None`，不再填 0。",
    en="Since 2.0 `zero_grad()` clears to `None` "
       "[by default](https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html), not to zeros.")
@pytest.mark.claim(zh="梯度是 `None` 的参数，优化器就跳过。", en="A parameter whose gradient is `None` is skipped by the optimizer.")
@pytest.mark.claim(zh="0 却和别的梯度一样算数，有了它，[动量照样推着权重走](optimizers.md#no-backward)。",
                   en="A 0 is a gradient like any other, and with it [momentum still moves the weights](optimizers.md#no-backward).")
@pytest.mark.ledger("n2-18")
def test_none_is_skipped_and_zeros_are_not(chapter):
    for to_none, expected in ((True, 0.8), (False, 0.8 - 0.1 * 0.9 * 2)):  # by hand: gradient 2, velocity 2; then velocity 0.9 × 2 + 0
        w = torch.tensor(1.0, requires_grad=True)
        sgd = torch.optim.SGD([w], lr=0.1, momentum=0.9)
        (w**2).backward()
        sgd.step()
        sgd.zero_grad(set_to_none=to_none)
        assert w.grad is None if to_none else w.grad == 0
        sgd.step()  # with no backward before it
        assert abs(w.item() - expected) < 1e-6
    assert inspect.signature(torch.optim.Optimizer.zero_grad).parameters["set_to_none"].default is True
    since = re.search(r"Make True the default for set_to_none .* for (\d\.\d) release", fact("training/training-loop", "zero_grad"))[1]
    assert f"从 {since} 起" in chapter.prose("zh") and f"Since {since} `zero_grad()`" in chapter.prose("en")
    for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop):
        w = torch.ones(3, requires_grad=True)
        kind([w], lr=0.1).step()
        assert torch.equal(w, torch.ones(3))


# ---- one batch -------------------------------------------------------------------------------


def drawn(chapter):
    """{case: its hundred losses, as drawn}"""
    ((axes,),) = [figure.axes for figure in chapter["one-batch-figure"].figures]
    return {line.get_label(): np.asarray(line.get_ydata(), dtype=float) for line in axes.lines}


def bug(chapter, case, change=lambda code: code, result="losses"):
    """`fit_one_batch` of the case, giving what `result` names."""
    names = dict(chapter["one-batch"].names)
    exec(change(chapter["one-batch"].code).replace("return losses", f"return {result}"), names)
    with torch.random.fork_rng():
        return names["fit_one_batch"](case)


@pytest.mark.claim(zh="五条线，都从 2.3 上下出发。", en="Five lines that begin near 2.3.")
@pytest.mark.claim(zh="没有错的那条最先落到 0。", en="The one without a bug drops to 0 first.")
@pytest.mark.claim(zh="标签打乱一次的那条慢些，也落到 0。", en="With labels shuffled once it takes longer, and gets to 0 too.")
@pytest.mark.claim(zh="同一个批次训练 100 步：没有错，以及四种错。", en="A hundred steps on one batch: without a bug, and with four.")
def test_the_figure_of_one_batch(chapter):
    (figure,) = chapter["one-batch-figure"].figures
    (axes,) = figure.axes
    curves = drawn(chapter)
    assert list(curves) == CASES == [t.get_text() for t in axes.get_legend().get_texts()]
    assert all(len(losses) == 100 and abs(losses[0] - 2.3) < 0.25 for losses in curves.values())
    assert curves["no bug"][-1] < 0.02 and curves["shuffled once"][-1] < 0.05
    reach = {case: next((i for i, loss in enumerate(losses) if loss < 0.05), 100) for case, losses in curves.items()}
    assert sorted(reach, key=reach.get)[:2] == ["no bug", "shuffled once"] and reach["shuffled once"] > reach["no bug"] + 5
    assert axes.get_xlabel() == "step" and axes.get_ylabel() == "loss on the one batch"
    for case, losses in curves.items():
        assert np.allclose(bug(chapter, case), losses, atol=1e-3), case


@pytest.mark.claim(zh="多一个 softmax 的停在 1.5 上下。", en="With a softmax too many it stops near 1.5.")
@pytest.mark.claim(zh="**降一点就停住**：[多了一个 softmax](../networks/losses.md#double-softmax)，损失最低也有 1.461。",
                   en="**Falls a little, then stops**: [a softmax too many](../networks/losses.md#double-softmax), "
                      "with which no loss is below 1.461.")
def test_a_softmax_too_many(chapter):
    losses, least = drawn(chapter)["softmax too many"], math.log(1 + 9 / math.e)  # probability 1 for the right class
    assert 1.461 < least < 1.462 and losses.min() > 1.461
    assert abs(losses[-1] - 1.5) < 0.1 and np.ptp(losses[-20:]) < 0.05 and losses[0] - losses[-1] > 0.5
    best = F.cross_entropy(torch.tensor([[100.0] + [0.0] * 9]).softmax(dim=1), torch.tensor([0]))
    assert best.item() == pytest.approx(least, abs=1e-4)


@pytest.mark.claim(zh="标签每步打乱的在 2.2 上下抖动。", en="With labels shuffled at each step it jitters around 2.2.")
@pytest.mark.claim(zh="**在原地抖**：图和标签对不上号，因为每一步都只打乱了标签。",
                   en="**Jitter on the spot**: pictures and labels do not belong together, since at each step only the labels were shuffled.")
def test_labels_shuffled_at_each_step(chapter):
    jitter = drawn(chapter)["shuffled each step"][20:]
    assert abs(np.median(jitter) - 2.2) < 0.1 and 0.03 < np.ptp(jitter) < 1
    turns = np.diff(np.sign(np.diff(jitter)))
    assert (turns != 0).mean() > 0.3  # up and down
    together = bug(chapter, "shuffled each step", lambda code: code.replace("target = y[torch.randperm(64)]", "order = torch.randperm(64)")
                   .replace("out = net(x).softmax", "x, target = x[order], target[order]\n        out = net(x).softmax"))
    assert together[-1] < 0.02  # both shuffled in one order: no bug at all


@pytest.mark.claim(zh="优化器管着别的网络的，是一条水平直线。", en="With another net’s optimizer it is a level straight line.")
@pytest.mark.claim(zh="**死平的一条线**：参数一个也没动。", en="**Dead level**: no parameter moves.")
@pytest.mark.claim(zh="这里的优化器管着别的网络；建好优化器以后又重建了网络，也会这样。",
                   en="Here the optimizer holds another network, as it does when the network is made anew after the optimizer.")
def test_the_optimizer_of_another_net(chapter):
    assert np.ptp(drawn(chapter)["another net's optimizer"]) < 1e-5
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first = chapter["six-steps"].names["make_net"]()
    net = bug(chapter, "another net's optimizer", result="net")
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), first.parameters()))
    names, net = chapter["data"].names, make_net(3)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    net = make_net(4)  # made anew
    losses = train(net, optimizer, batches(names)[:1], 5)
    assert len(set(losses)) == 1 and all(torch.equal(p, q) for p, q in zip(net.parameters(), make_net(4).parameters()))


@pytest.mark.claim(zh="**标签错了，但每步错得一样**：照样降到 0，网络把错的也背了下来。",
                   en="**Wrong labels, but always the same ones**: down to 0 all the same, for the mistakes were learnt by heart.")
@pytest.mark.claim(zh="所以这一关只查循环，不查数据；数据要靠验证集。",
                   en="So this tests the loop, not the data; for those there is the validation set.")
@pytest.mark.claim(zh="64 个样本，近两万个参数，足够把它们背熟，损失应当掉到 0 附近。",
                   en="For 64 samples there are nearly twenty thousand parameters, enough to learn them by heart, and the loss should go to 0.")
@pytest.mark.claim(zh="下面故意犯四种错：", en="Here are four, made on purpose:")
def test_the_network_learns_wrong_labels_by_heart(chapter):
    names = chapter["data"].names
    net, target = bug(chapter, "shuffled once", result="(net, target)")
    x, y = names["train_x"][:64], names["train_y"][:64]
    assert sorted(target.tolist()) == sorted(y.tolist()) and (target != y).float().mean() > 0.6
    assert losses_and_hits(net, x, target)[1].all() and losses_and_hits(net, x, y)[1].mean() < 0.4
    assert accuracy(net, names) < 0.4  # which the validation set shows
    net, target = bug(chapter, "no bug", result="(net, target)")
    assert torch.equal(target, y) and losses_and_hits(net, x, y)[1].all() and accuracy(net, names) > 0.6
    parameters = 64 * 256 + 256 + 256 * 10 + 10
    assert 19000 < parameters == sum(p.numel() for p in net.parameters()) < 20000
    assert len(x) == 64 and len(CASES) - 1 == 4


# ---- counting --------------------------------------------------------------------------------


@pytest.mark.claim(zh="一轮有许多小批量，要合成一个数，就把损失和对的个数都按样本加起来，最后除以样本数：",
                   en="To make one number of an epoch’s mini-batches, add up losses and hits over the samples, and divide by the number of samples at the end:")
def test_evaluate_counts_over_samples(chapter):
    names = chapter["evaluate"].names
    each, hits = losses_and_hits(names["net"], names["val_x"], names["val_y"])
    loss, right = numbers(lines(chapter, "evaluate")[0])
    assert loss == pytest.approx(each.sum() / 321, abs=1e-3) and right == pytest.approx(hits.sum() / 321, abs=1e-3)
    for size in (1, 64, 100, 321):
        cut = list(zip(names["val_x"].split(size), names["val_y"].split(size)))
        assert names["evaluate"](names["net"], cut) == pytest.approx((each.sum() / 321, hits.sum() / 321), abs=1e-4)


@pytest.mark.claim(zh="偷懒的办法是每批求一个平均，再对各批求平均。", en="The lazy way is a mean per batch, and then the mean of those.")
@pytest.mark.claim(zh="最后一批不满，就错了。", en="That goes wrong when the last batch is short.")
@pytest.mark.claim(zh="假如排在最后的恰好是损失最大的那个：", en="Suppose that it is the one with the largest loss:")
@pytest.mark.claim(zh="一个样本就把准确率拉低了 15 个百分点：它的分量成了 1/6，而不是 1/321。",
                   en="One sample drags the accuracy down by 15 percentage points: it weighs 1/6, where 1/321 would be fair.")
def test_the_mean_of_batch_means_is_wrong_when_the_last_batch_is_short(chapter):
    names = chapter["evaluate"].names
    each, hits = losses_and_hits(names["net"], names["val_x"], names["val_y"])
    order = np.argsort(each)
    assert chapter["counting"].names["order"][-1] == each.argmax()
    printed = dict(line.split(": ") for line in lines(chapter, "counting"))
    for name, values in (("loss", each[order]), ("accuracy", hits[order].astype(float))):
        cut = [values[i : i + 64].mean() for i in range(0, 321, 64)]
        assert len(cut) == 6 and numbers(printed[name]) == pytest.approx([values.mean(), np.mean(cut)], abs=2e-3)
        full = values[:320]  # without the short batch nothing is wrong
        assert np.mean([full[i : i + 64].mean() for i in range(0, 320, 64)]) == pytest.approx(full.mean())
    assert not hits[order[-1]]
    right, wrong = numbers(printed["accuracy"])
    assert right - wrong == pytest.approx(0.15, abs=0.006)
    weights = [np.mean([np.eye(321)[k][i : i + 64].mean() for i in range(0, 321, 64)]) for k in (0, 320)]
    assert weights == pytest.approx([1 / 6 / 64, 1 / 6])


@pytest.mark.claim(zh="训练损失也一样，要累加 `loss.item() * len(y)`，再除以样本数。",
                   en="The same goes for the training loss: add up `loss.item() * len(y)`, divide by the number of samples.")
@pytest.mark.claim(zh="先背熟一个批次；成绩按样本求和；验证时 `eval()` 和 `inference_mode()` 都要。",
                   en="One batch by heart first; count by samples; validate with both `eval()` and `inference_mode()`.")
def test_the_loop_counts_the_training_loss_over_samples(chapter):
    names = functions(chapter)
    data = chapter["data"].names
    loader = [(data["train_x"][:64], data["train_y"][:64]), (data["train_x"][64:65], data["train_y"][64:65])]
    names["evaluate"] = lambda net, loader: (1.0, 0.5)
    twin, start, losses = make_net(), make_net(), []
    ((train_loss, _, _),) = names["fit"](twin, torch.optim.SGD(twin.parameters(), lr=0.1), loader, None, epochs=1)
    optimizer = torch.optim.SGD(start.parameters(), lr=0.1)
    for x, y in loader:
        losses.append(losses_and_hits(start, x, y)[0].mean())
        optimizer.zero_grad()
        F.cross_entropy(start(x), y).backward()
        norm = norm_by_hand(start)
        for p in start.parameters():
            p.grad *= min(1, 1 / norm)  # clipped to 1
        optimizer.step()
    assert train_loss == pytest.approx((64 * losses[0] + losses[1]) / 65, rel=1e-4) and abs(losses[0] - losses[1]) > 0.05
    assert torch.allclose(start[0].weight, twin[0].weight, atol=1e-5)
    assert seen_by_evaluate(chapter)[0] == {(False, True)}


# ---- validation ------------------------------------------------------------------------------


class Spy(nn.Linear):
    """Notes in which mode it is called."""

    def __init__(self, seen):
        super().__init__(64, 8)
        self.seen = seen

    def forward(self, x):
        self.seen.append((self.training, torch.is_inference_mode_enabled()))
        return super().forward(x)


def seen_by_evaluate(chapter):
    names, seen = chapter["evaluate"].names, []
    net = nn.Sequential(Spy(seen), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 10))
    mean = net[1].running_mean.clone()
    twice = [names["evaluate"](net, names["val_loader"]) for _ in range(2)]
    return set(seen), twice[0] == twice[1], torch.equal(mean, net[1].running_mean)


@pytest.mark.claim(
    zh="`evaluate` 里就有这两个：`net.eval()` 让 dropout 和批归一化进入[评估模式](../networks/module-practice.md#modes)；`inference_mode()` 让 autograd 别做记录。",
    en="There are two in `evaluate`: `net.eval()` puts dropout and batch normalisation into [evaluation mode](../networks/module-practice.md#modes); "
       "`inference_mode()` tells autograd to keep no record.")
@pytest.mark.claim(zh="所以每轮开头写 `net.train()`，验证之前写 `net.eval()`。",
                   en="So begin each epoch with `net.train()`, and validation with `net.eval()`.")
@pytest.mark.claim(zh="| 第二轮起，dropout 不干活 | 忘了 `net.train()` |", en="| no dropout from the second epoch on | `net.train()` is missing |")
def test_the_two_switches(chapter):
    assert seen_by_evaluate(chapter) == ({(False, True)}, True, True)
    layers = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(4))
    layers.eval()
    assert not any(layer.training for layer in layers.modules())
    w = torch.ones(4, requires_grad=True)
    assert (2 * w).grad_fn is not None
    with torch.inference_mode():
        assert (2 * w).grad_fn is None
    for line, expected in (("", [True] * 3), ("        net.train()\n", [True, False, False])):  # with and without it
        seen, names = [], functions(chapter)
        code = chapter["fit"].code
        assert line in code
        exec(code.replace(line, "") if line else code, names)
        net = nn.Sequential(Spy(seen), nn.Linear(8, 10))
        data = batches(chapter["data"].names)[:1]
        names["fit"](net, torch.optim.SGD(net.parameters(), lr=0.1), data, data, epochs=3)
        assert [training for training, inference in seen if not inference] == expected


@pytest.mark.claim(zh="不够。", en="No.")
@pytest.mark.claim(zh="训练模式下，同样的图，两次答案不同：dropout 每次都重新抽签。",
                   en="In training mode the same pictures get two different answers, since dropout draws anew each time.")
@pytest.mark.claim(zh="批归一化的滑动平均也动了，`inference_mode` 拦不住：验证集就这样溜进了网络。",
                   en="And the running mean of batch normalisation moved in spite of `inference_mode`: the validation set has leaked into the network.")
@pytest.mark.claim(zh="| 验证两次，成绩不同 | 忘了 `net.eval()` |", en="| validating twice gives two scores | `net.eval()` is missing |")
def test_what_eval_changes_and_inference_mode_does_not(chapter):
    assert lines(chapter, "modes") == [
        "training: True", "  same answer twice:  False", "  running mean moved: True",
        "training: False", "  same answer twice:  True", "  running mean moved: False"]
    x = chapter["data"].names["val_x"]
    with torch.inference_mode():
        for layers, same in ((nn.Dropout(0.5), False), (nn.BatchNorm1d(64), True)):
            net = nn.Sequential(layers, nn.Linear(64, 10))
            assert torch.equal(net(x), net(x)) == same  # it is dropout alone
        norm = nn.BatchNorm1d(64)
        norm(x)
    assert torch.allclose(norm.running_mean, 0.1 * x.mean(dim=0), atol=1e-6) and x.mean() > 0.1  # the validation set's mean
    names = dict(chapter["evaluate"].names)
    exec(chapter["evaluate"].code.replace("    net.eval()\n", "").split("\n\n\nval_loader")[0], names)
    both, whole = nn.Sequential(nn.BatchNorm1d(64), nn.Dropout(0.5), nn.Linear(64, 10)), [(x, names["val_y"])]
    assert len({names["evaluate"](both, whole) for _ in range(2)}) == 2
    assert len({chapter["evaluate"].names["evaluate"](both, whole) for _ in range(2)}) == 1


@pytest.mark.claim(zh="`loss` 打印出来像一个数，背后却拖着整张[计算图](../foundations/autograd.md#graph)：",
                   en="`loss` prints like a number, but a whole [computation graph](../foundations/autograd.md#graph) hangs on it:")
@pytest.mark.claim(zh="一样的数，可是 `kept` 拉住了 16 个小批量的图，一张也放不掉。",
                   en="The same number, but `kept` holds on to the graphs of 16 mini-batches, and none of them can be freed.")
@pytest.mark.claim(zh="`.item()` 只取出 Python 的数。", en="`.item()` takes just the number.")
@pytest.mark.claim(zh="| 内存越吃越多 | 累加了 `loss`，不是 `loss.item()` |", en="| memory keeps growing | `loss` is added up, not `loss.item()` |")
def test_item_is_a_float_and_the_sum_of_losses_keeps_every_graph(chapter):
    names = chapter["item"].names
    number, kept = lines(chapter, "item")
    assert numbers(number)[0] == numbers(kept)[0] and type(names["number"]) is float
    assert kept.endswith("with a graph: True") and names["kept"].requires_grad
    assert len(names["train_loader"]) == 16 and names["number"] == pytest.approx(names["kept"].item(), rel=1e-4)
    alone = nodes(names["loss"])
    leaves = len(list(names["net"].parameters()))  # the nodes of the parameters are shared
    assert nodes(names["kept"]) == 16 * (alone - leaves) + 16 + leaves and alone > 5  # each loss, and the node of each sum
    assert re.fullmatch(r"tensor\(\d\.\d+, grad_fn=<NllLossBackward0>\)", str(names["loss"]))
    assert type(names["loss"].item()) is float


# ---- clipping and accumulation ---------------------------------------------------------------


@pytest.mark.claim(zh="**梯度裁剪**（gradient clipping）给梯度设了上限：全部梯度合在一起，范数超过 `max_norm`，就一同按比例缩短，方向不变。",
                   en="**Gradient clipping** puts a limit on the gradient: if the norm of all gradients together is over `max_norm`, "
                      "they all shrink by one factor, and keep their direction.")
@pytest.mark.claim(zh="好的一批原样不动；坏的那批，梯度的长度是它的一百多倍，裁到了 1。",
                   en="The good batch stays as it was; the gradient of the broken one is more than a hundred times as long, and is cut to 1.")
@pytest.mark.claim(
    zh="`clip_grad_norm_` [返回](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html)的是裁之**前**的范数："
       "记下来，坏批次就显出来了。",
    en="What `clip_grad_norm_` [returns](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html) is the norm "
       "from **before** clipping: log it, and bad batches show.")
def test_clipping_by_hand(chapter):
    names = chapter["clip"].names
    printed = {line.split()[0]: numbers(line.replace("->", "")) for line in lines(chapter, "clip")}
    for name, x in (("good", names["train_x"][:64]), ("broken", names["broken"])):
        net = copy.deepcopy(names["net"])
        net.zero_grad()
        F.cross_entropy(net(x), names["train_y"][:64]).backward()
        grads, norm = [p.grad.double().numpy().copy() for p in net.parameters()], norm_by_hand(net)
        assert printed[name] == pytest.approx([norm, min(norm, 1)], abs=0.006)
        assert nn.utils.clip_grad_norm_(net.parameters(), 1.0).item() == pytest.approx(norm, rel=1e-4)
        for p, g in zip(net.parameters(), grads):
            assert np.allclose(p.grad, g * min(1, 1 / norm), rtol=1e-4, atol=1e-6)  # one factor for all
    good, broken = printed["good"], printed["broken"]
    assert good[0] == good[1] < 1 and 100 * good[0] < broken[0] < 1000 * good[0] and broken[1] == 1
    usual = []
    for x, y in batches(names):
        net.zero_grad()
        F.cross_entropy(net(x), y).backward()
        usual.append(norm_by_hand(net))
    assert 20 * max(usual) < broken[0] and len(usual) == 16  # of all sixteen, the broken one stands out


@pytest.mark.claim(zh="它站在 `backward()` 和 `step()` 之间：", en="Its place is between `backward()` and `step()`:")
@pytest.mark.claim(zh="SGD 的一步等于梯度乘学习率，限住梯度，也就限住了步子。",
                   en="The step of SGD is the gradient times the learning rate, so the limit holds for the step too.")
@pytest.mark.claim(zh="裁剪在 `backward()` 与 `step()` 之间；累积要除以份数；`autocast` 只包前向和损失。",
                   en="Clip between `backward()` and `step()`; when accumulating, divide; `autocast` goes around forward and loss.")
def test_where_clipping_has_its_place(chapter):
    names = chapter["clip"].names
    moved = {}
    for clip in ("before backward", "between", "after step"):
        net = copy.deepcopy(names["net"])
        start = copy.deepcopy(net)
        sgd = torch.optim.SGD(net.parameters(), lr=0.1)
        sgd.zero_grad()
        loss = F.cross_entropy(net(names["broken"]), names["train_y"][:64])
        if clip == "before backward":
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        loss.backward()
        if clip == "between":
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        norm = norm_by_hand(net)
        sgd.step()
        moved[clip] = math.sqrt(sum(((p - q) ** 2).sum().item() for p, q in zip(net.parameters(), start.parameters())))
        assert moved[clip] == pytest.approx(0.1 * norm, rel=1e-3)
    assert moved["between"] == pytest.approx(0.1, rel=1e-3) and moved["before backward"] == moved["after step"] > 1
    for cell in ("bad-batch", "scaler", "fit"):
        code = code_of(chapter, cell)
        assert code.index("backward()") < code.index("clip_grad_norm_") < code.index("step(")
    assert 'F.cross_entropy(net(x), y) / every' in code_of(chapter, "accumulation")
    for cell in ("autocast", "scaler"):
        inside = re.search(r"with torch\.autocast\(.*\n((?: {4,}.*\n)+?)(?= *\w+\S* *\S*\(|loss\.|    optimizer)", code_of(chapter, cell))[1]
        assert "net(" in inside and "cross_entropy" in inside and "backward" not in inside


def after_a_bad_batch(chapter, kind, max_norm, restore=False, broken=None):
    """The accuracy after the broken batch and after each of the 16 good ones, and the optimizer's state right after the broken one."""
    names = chapter["bad-batch"].names
    net, steps = copy.deepcopy((names["net"], names["optimizer"]))
    if kind == "SGD":
        steps = torch.optim.SGD(net.parameters(), lr=0.1)
    before, right, state = copy.deepcopy(steps.state_dict()), [], None
    start, moved = copy.deepcopy(net), None
    for x, y in [(names["broken"] if broken is None else broken, names["train_y"][:64]), *batches(names)]:
        steps.zero_grad()
        F.cross_entropy(net(x), y).backward()
        factor = min(1, max_norm / norm_by_hand(net))
        for p in net.parameters():
            p.grad *= factor
        steps.step()
        if state is None:
            state = copy.deepcopy(steps.state_dict()["state"])
            moved = math.sqrt(sum(((p - q) ** 2).sum().item() for p, q in zip(net.parameters(), start.parameters())))
            if restore:
                steps.load_state_dict(before)
        right.append(accuracy(net, names))
    return right, state, moved


@pytest.mark.claim(zh="先拿坏的那批走一步，看验证集的准确率，再用 16 个好的小批量练一轮，成绩写在箭头后面；原先是 0.919：",
                   en="Here is the accuracy in validation after one step on the broken batch, and, behind the arrow, after an epoch of 16 good ones; "
                      "it was 0.919 before:")
@pytest.mark.claim(zh="不限（`inf`），一步下去只认得三分之一；限了，坏批次伤不着它。",
                   en="Without it (`inf`) one step leaves a network that reads only a third; with it, the broken batch does no harm.")
@pytest.mark.claim(zh="一批坏数据，就能毁掉训练好的网络。", en="One bad batch can ruin a trained network.")
@pytest.mark.claim(zh="裁剪救得了多少，要看优化器。", en="What clipping saves depends on the optimizer.")
def test_a_bad_batch_and_sgd(chapter):
    printed = [numbers(line.split(":")[1].replace("->", "")) for line in lines(chapter, "bad-batch")]
    assert [line.split(":")[0].split() for line in lines(chapter, "bad-batch")] == [
        [kind, "max_norm", limit] for kind in ("SGD", "Adam") for limit in ("inf", "1.0")]
    start = accuracy(chapter["bad-batch"].names["net"], chapter["bad-batch"].names)
    assert start == pytest.approx(0.919, abs=6e-4)
    runs = [after_a_bad_batch(chapter, kind, limit)[0] for kind in ("SGD", "Adam") for limit in (math.inf, 1.0)]
    for (first, last), right in zip(printed, runs, strict=True):
        assert len(right) == 1 + 16 and [first, last] == pytest.approx([right[0], right[-1]], abs=0.012)
    (ruined, _), (spared, higher), (adam, _), _ = printed
    assert 0.27 < ruined < 0.4 and spared > start - 0.005 and higher > start
    assert start - ruined > 0.5 and start - adam < 0.01  # with Adam that step needs no saving


@pytest.mark.claim(
    zh="Adam 会[除以最近梯度的大小](optimizers.md#adam)，梯度再大，一步也和梯度小时差不多长：坏批次刚过，裁不裁都还好。",
    en="Adam [divides by the size of recent gradients](optimizers.md#adam), so that its step is about as long with a huge gradient as with a "
       "small one: right after the broken batch, both are still fine.")
@pytest.mark.claim(zh="害处来得晚些。", en="The harm comes later.")
@pytest.mark.claim(zh="坏梯度留在 Adam 的两个滑动平均里，后面几步都被带偏，好好练完一轮，成绩反而比开头低。",
                   en="The broken gradient stays in Adam’s two running averages, which lead the next steps astray, and an epoch of good batches "
                      "ends lower than it began.")
@pytest.mark.claim(zh="裁过以后，两个平均都还小，练完一轮，成绩比开头高。", en="Clipped, the averages stay small, and the epoch ends higher than it began.")
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_a_bad_batch_and_adam(chapter, seed):
    names = chapter["bad-batch"].names
    broken = None if seed is None else 16 * torch.rand(64, 64, generator=torch.Generator().manual_seed(seed))
    start = accuracy(names["net"], names)
    whole, spoilt, far = after_a_bad_batch(chapter, "Adam", math.inf, broken=broken)
    clipped, clean, near = after_a_bad_batch(chapter, "Adam", 1.0, broken=broken)
    assert 0.5 < far / near < 2 and min(whole[0], clipped[0]) > start - 0.01
    assert whole[-1] < start - 0.05 and min(whole[1:8]) < whole[0] - 0.1 and clipped[-1] > start + 0.02
    own = names["optimizer"].state_dict()["state"]
    for name, power in (("exp_avg", 1), ("exp_avg_sq", 2)):  # the longest of all averages, before, and with and without clipping
        was, bad, good = (max(parameter[name].abs().max().item() for parameter in state.values()) for state in (own, spoilt, clean))
        assert bad > 10**power * was and good < 3 * was, name
    restored, _, _ = after_a_bad_batch(chapter, "Adam", math.inf, restore=True, broken=broken)
    assert restored[-1] > start + 0.02  # the same step, but the averages put back: it is they that do the harm


@pytest.mark.claim(zh="内存放不下大批次，就[分几份算](../foundations/autograd.md#parts)，攒够了再走一步：",
                   en="If a large batch does not fit into memory, compute it [in parts](../foundations/autograd.md#parts), and step when they are all in:")
@pytest.mark.claim(zh="第一行 `True`：每次 16 个、攒四次，和一次 64 个，走完 15 步，第一层的权重一样。",
                   en="The first line is `True`: four times 16, or 64 at once, and after 15 steps the weights of the first layer agree.")
@pytest.mark.claim(zh="漏掉 `/ every`，梯度就成了四倍。", en="Without `/ every` the gradients would be four times as large.")
def test_accumulation_equals_the_large_batch(chapter):
    assert lines(chapter, "accumulation")[0] == "plain True"
    names = chapter["accumulation"].names
    by_hand = copy.deepcopy(names["plain"])
    losses = train(by_hand, torch.optim.SGD(by_hand.parameters(), lr=0.1), batches(names)[:15])
    assert losses[0] < losses_and_hits(names["plain"], names["train_x"], names["train_y"])[0].mean()
    for size, every in ((64, 1), (16, 4)):
        weight = names["train_once"](copy.deepcopy(names["plain"]), size, every)
        assert torch.allclose(weight, by_hand[0].weight, atol=1e-5) and not torch.allclose(weight, names["plain"][0].weight, atol=1e-3)
    counted, old = [], torch.optim.SGD.step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.SGD, "step", lambda self, *args: (counted.append(1), old(self, *args)))
        names["train_once"](copy.deepcopy(names["plain"]), 16, 4)
    assert len(counted) == 15
    net = copy.deepcopy(names["plain"])
    for part, answers in batches(names, 16)[:4]:
        F.cross_entropy(net(part), answers).backward()
    four = net[0].weight.grad.clone()
    net.zero_grad()
    F.cross_entropy(net(names["train_x"][:64]), names["train_y"][:64]).backward()
    assert torch.allclose(four, 4 * net[0].weight.grad, atol=1e-5) and four.abs().max() > 0.01


@pytest.mark.claim(zh="第二行 `False`：批归一化按眼前的 16 个求平均，不知道还有三份在别处。",
                   en="The second is `False`: batch normalisation takes the mean of the 16 in front of it, and knows nothing of the other three parts.")
@pytest.mark.claim(zh="960 个样本正好除得尽；换成 1000 个，最后三份就等不到 `step()`。",
                   en="The 960 samples come out even; of 1000, the last three parts would get no `step()`.")
def test_where_accumulation_differs(chapter):
    assert lines(chapter, "accumulation")[1] == "batch norm False"
    names = chapter["accumulation"].names
    x, norm = names["train_x"][:64], nn.BatchNorm1d(64)
    parts = torch.cat([norm(part) for part in x.split(16)])
    by_hand = torch.cat([(p - p.mean(0)) / (p.var(0, correction=0) + 1e-5).sqrt() for p in x.split(16)])
    assert torch.allclose(parts, by_hand, atol=1e-4) and not torch.allclose(parts, norm(x), atol=0.1)
    assert len(batches({"train_x": names["train_x"][:960], "train_y": names["train_y"][:960]}, 16)) % 4 == 0
    stepped, last = dict(names), copy.deepcopy(names["plain"])
    exec(chapter["accumulation"].code.split("\n\n\nplain")[0].replace("[:960]", ""), stepped)
    weight = stepped["train_once"](last, 16, 4)
    assert last[0].weight.grad is not None  # gradients that no step has used
    assert len(batches(names, 16)) % 4 == 3 and torch.allclose(weight, names["train_once"](copy.deepcopy(names["plain"]), 16, 4), atol=1e-6)


# ---- mixed precision -------------------------------------------------------------------------


@pytest.mark.claim(zh="`float32` 每个数占 4 字节。", en="A `float32` takes 4 bytes.")
@pytest.mark.claim(zh="换成 2 字节的，省内存，许多加速器上[还快](https://docs.pytorch.org/docs/stable/amp.html)。",
                   en="Numbers of 2 bytes save memory, and on many accelerators [time](https://docs.pytorch.org/docs/stable/amp.html).")
@pytest.mark.claim(zh="2 字节的有两种，各有各的短处：", en="There are two kinds, each with its weakness:")
def test_numbers_of_two_bytes(chapter):
    assert torch.zeros(10, dtype=torch.float32).nbytes == 40
    kinds = [dtype for dtype in vars(torch).values() if isinstance(dtype, torch.dtype) and dtype.is_floating_point and dtype.itemsize == 2]
    assert set(kinds) == {torch.float16, torch.bfloat16} and torch.zeros(10, dtype=torch.float16).nbytes == 20
    assert "much faster in lower_precision_fp" in fact("training/training-loop", "amp")
    shown = [line.split() for line in lines(chapter, "half")]
    assert [line[0] for line in shown] == ["torch.float16", "torch.bfloat16"]
    lost = [[abs(float(text) / true - 1) > 2e-3 for text, true in zip(line[1:], (1e-8, 1.003))] for line in shown]
    assert lost == [[True, False], [False, True]]


@pytest.mark.claim(zh="`float16` 细，可是数太小就成了 0。", en="`float16` is fine-grained, but what is too small becomes 0.")
@pytest.mark.claim(zh="`bfloat16` 留得住小数目，可是粗：1.003 只能记成 1，权重要是存成它，从 1 到 1.003 的一步就白走了。",
                   en="`bfloat16` keeps small numbers, but is coarse: 1.003 becomes 1, so if weights were kept in it, a step from 1 to 1.003 would be lost.")
@pytest.mark.claim(zh="`bfloat16` 的范围和 `float32` 一样大，用不着它。", en="`bfloat16` has the range of `float32`, and needs none of this.")
def test_the_weakness_of_each(chapter):
    fine, coarse = (line.split()[1:] for line in lines(chapter, "half"))
    assert fine == ["0", f"{np.float16(1.003):.5g}"] and np.float16(1e-8) == 0 and abs(float(fine[1]) - 1.003) < 0.0005
    assert float(coarse[0]) == pytest.approx(1e-8, rel=0.01) and coarse[1] == "1"
    assert torch.finfo(torch.float16).eps < torch.finfo(torch.bfloat16).eps
    for dtype, lost in ((torch.bfloat16, True), (torch.float32, False)):
        w = torch.ones(1, dtype=dtype, requires_grad=True)
        (-w).sum().backward()
        torch.optim.SGD([w], lr=0.003).step()
        assert (w.item() == 1) == lost and w.item() == pytest.approx(1 if lost else 1.003)
    wide, narrow, full = (torch.finfo(dtype) for dtype in (torch.bfloat16, torch.float16, torch.float32))
    assert wide.tiny == full.tiny < narrow.tiny and wide.max == pytest.approx(full.max, rel=0.01) and narrow.max < 1e5


@pytest.mark.claim(zh="**混合精度**（mixed precision）里，权重仍是 `float32`，合适的运算才换成 2 字节。",
                   en="In **mixed precision** the weights stay `float32`, and only suitable operations use 2 bytes.")
@pytest.mark.claim(zh="由 `torch.autocast` 替你挑：", en="`torch.autocast` picks them for you:")
@pytest.mark.claim(zh="依次是 logits、损失、权重、梯度。", en="These are logits, loss, weights, gradients.")
@pytest.mark.claim(zh="矩阵乘积出来的 logits 是 `bfloat16`；交叉熵又回到 `float32` 里算；权重和梯度始终是 `float32`。",
                   en="Logits come from a matrix product, in `bfloat16`; cross-entropy is computed in `float32` again; "
                      "weights and gradients never left it.")
def test_autocast_picks_the_dtypes(chapter):
    names = chapter["autocast"].names
    made = [names["logits"], names["loss"], names["net"][0].weight, names["net"][0].weight.grad]
    assert lines(chapter, "autocast") == [str(tensor.dtype) for tensor in made] == ["torch.bfloat16"] + ["torch.float32"] * 3
    assert names["logits"].shape == (64, 10) and names["loss"].shape == ()
    assert torch.allclose(names["logits"].float(), names["net"](names["x"]), atol=0.2)
    a = torch.rand(4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (a @ a).dtype == F.linear(a, a).dtype == torch.bfloat16
        assert F.cross_entropy(a @ a, torch.arange(4)).dtype == torch.float32 == a.dtype == (a + a).dtype


@pytest.mark.claim(zh="`autocast` 只包住前向和损失，`backward()` [放在外面](https://docs.pytorch.org/docs/stable/amp.html#torch.autocast)。",
                   en="`autocast` goes around forward and loss only; `backward()` [stays outside](https://docs.pytorch.org/docs/stable/amp.html#torch.autocast).")
def test_backward_is_not_recommended_inside(chapter):
    said = " ".join(torch.autocast.__doc__.split())
    assert "should wrap only the forward pass(es) of your network, including the loss computation(s). Backward passes under autocast are not" in said
    code = code_of(chapter, "autocast")
    assert "    loss = F.cross_entropy" in code and "\nloss.backward()" in code


@pytest.mark.claim(
    zh="用 `float16` 还要防小梯度成 0：`GradScaler` 先把损失放大许多倍，更新之前再把梯度除回来；梯度里出了 `inf`，就跳过这一步，把倍数减半。",
    en="With `float16` small gradients must be kept from becoming 0. "
       "`GradScaler` multiplies the loss by a large number, and divides the gradients by it before the step; if a gradient becomes `inf`, "
       "it skips that step and halves the number.")
def test_what_grad_scaler_does(chapter):
    w = torch.tensor([1.0], requires_grad=True)
    (w.half() * 1e-5 * torch.tensor([1e-4]).half()).sum().backward()
    assert w.grad == 0  # 1e-9 is too small
    w.grad, scaler = None, torch.amp.GradScaler("cpu")
    sgd = torch.optim.SGD([w], lr=1.0)
    assert scaler.get_scale() == 2**16 and scaler.scale(torch.tensor(2.0)) == 2**17
    scaler.scale((3 * w).sum()).backward()
    assert w.grad == 3 * 2**16
    scaler.step(sgd)
    scaler.update()
    assert w.item() == 1 - 3 and w.grad == 3
    sgd.zero_grad()
    scaler.scale((w * torch.tensor([1e38])).sum()).backward()
    assert w.grad.isinf().all()
    scaler.step(sgd)
    scaler.update()
    assert w.item() == -2 and scaler.get_scale() == 2**15


def test_the_gpu_cell_works_as_written_but_for_the_device(chapter):
    """GradScaler and autocast take the same calls on a CPU, in float16."""
    names, source = dict(chapter["autocast"].names), code_of(chapter, "scaler")
    order = ["zero_grad()", "scaler.scale(loss).backward()", "scaler.unscale_(optimizer)", "clip_grad_norm_", "scaler.step(optimizer)",
             "scaler.update()"]
    assert [source.index(call) for call in order] == sorted(source.index(call) for call in order)
    with torch.random.fork_rng():
        exec(source.replace('"cuda"', '"cpu"').replace("print(", "shown = ("), names)
    assert accuracy(names["net"], names) > 0.4 and names["scaler"].get_scale() > 100


# ---- the loop --------------------------------------------------------------------------------


class Scripted:
    """Makes `fit` see the validation losses that it is given."""

    def __init__(self, losses):
        self.losses, self.states, self.modes = iter(losses), [], []

    def __call__(self, net, loader):
        self.modes.append(net.training)
        self.states.append(copy.deepcopy(net.state_dict()))
        net.eval()
        return next(self.losses), 0.5


def scripted_fit(chapter, losses, **more):
    names, data, net = functions(chapter), chapter["data"].names, make_net()
    names["evaluate"] = script = Scripted(losses)
    loader = [(data["train_x"][:64], data["train_y"][:64]), (data["train_x"][64:65], data["train_y"][64:65])]
    history = names["fit"](net, torch.optim.SGD(net.parameters(), lr=0.1), loader, None, **more)
    return net, history, script


def equal(state, other):
    return all(torch.equal(value, other[name]) for name, value in state.items())


@pytest.mark.claim(zh="这一章从六步开始，最后得到可以整段抄走的四十来行。", en="We begin with six steps and end with some forty lines to copy.")
@pytest.mark.claim(zh="这一段加上 `evaluate`，就是可以抄走的全部：", en="This, with `evaluate`, is all there is to copy:")
def test_the_whole_loop_is_some_forty_lines(chapter):
    codes = [chapter["evaluate"].code.split("\n\n\nval_loader")[0], chapter["fit"].code]
    assert 38 <= sum(bool(line.strip()) for code in codes for line in code.splitlines()) <= 47
    names, data, net = functions(chapter), chapter["data"].names, make_net()  # nothing of the chapter but these two
    parts = [batches({"train_x": data[f"{part}_x"], "train_y": data[f"{part}_y"]}) for part in ("train", "val")]
    history = names["fit"](net, torch.optim.Adam(net.parameters(), lr=0.003), *parts, epochs=8)
    assert len(history) == 8 and accuracy(net, data) > 0.9


@pytest.mark.claim(zh="[tqdm](https://tqdm.github.io/) 画进度条：第几轮、已用多久、还要多久，后面跟着 `set_postfix` 给它的三个数；跑完自己擦掉。",
                   en="[tqdm](https://tqdm.github.io/) draws a progress bar: epoch, time gone, time to go, then the three numbers from "
                      "`set_postfix`; when done, it wipes itself away.")
@pytest.mark.claim(zh="网页上把它关了。", en="It is off on this page.")
def test_the_progress_bar(chapter):
    assert ENVIRONMENT["TQDM_DISABLE"] == "1" and not chapter["use"].warnings
    names, data, net, shown = functions(chapter), chapter["data"].names, make_net(), io.StringIO()
    names["tqdm"] = lambda *args, **more: tqdm(*args, **more, file=shown, disable=False, mininterval=0, ncols=120)
    history = names["fit"](net, torch.optim.SGD(net.parameters(), lr=0.1), batches(data)[:1], batches(data)[:1], epochs=3)
    frames = [frame for frame in shown.getvalue().split("\r") if frame.strip()]
    assert any(re.search(r"2/3 \[\d\d:\d\d<\d\d:\d\d, .*accuracy=[\d.e-]+, train=[\d.]+, val=[\d.]+\]", frame) for frame in frames)
    assert f"train={history[0][0]:.3g}, val={history[0][1]:.3g}" in shown.getvalue()
    assert not shown.getvalue().rsplit("\r", 2)[1].strip() and not shown.getvalue().endswith("\n")  # blanks over it, and no new line


@pytest.mark.claim(zh="最后几行是**早停**（early stopping）：验证损失一连 `patience` 轮没有新低，就停下，回到最好的那一轮。",
                   en="The last lines are **early stopping**: after `patience` epochs without a new lowest validation loss, stop, "
                      "and go back to the best epoch.")
@pytest.mark.claim(zh="看验证损失早停，用 `deepcopy` 留住最好的一轮，测试集只考一次。",
                   en="Stop by the validation loss, keep the best epoch by `deepcopy`, sit the exam once.")
def test_early_stopping_waits_for_patience_and_goes_back_to_the_best(chapter):
    losses = [5, 3, 4, 2, 2.5, 2.1, 2, 9, 9, 9]  # the second 2 is no new low
    net, history, script = scripted_fit(chapter, losses, patience=4)
    assert [val for _, val, _ in history] == losses[:8]  # epoch 3 is the best, 4 more follow
    assert equal(net.state_dict(), script.states[3]) and not equal(script.states[3], script.states[-1])
    assert all(script.modes)  # net.train() at the beginning of every epoch
    assert len(scripted_fit(chapter, range(100, 0, -1))[1]) == 100  # while it gets better it goes on
    assert len(scripted_fit(chapter, range(100))[1]) == 6  # patience is 5 unless told
    others = "".join(code_of(chapter, cell) for cell in chapter if cell not in ("data", "use"))
    assert "test_x" not in others and "test_loader" not in others and chapter["use"].code.count("evaluate(") == 1


@pytest.mark.claim(zh="没到 100 轮就停了。", en="Training stopped before 100 epochs.")
@pytest.mark.claim(zh="测试集到这里才第一次露面，只考一次，对了 95% 以上。", en="The test set appears only here, once, and more than 95% are right.")
@pytest.mark.claim(zh="[选设备](../foundations/devices.md#choose)，搬网络，再建优化器，就按这个次序。",
                   en="[Choose a device](../foundations/devices.md#choose), move the network, then make the optimizer, in this order.")
def test_the_loop_in_use(chapter):
    names = chapter["use"].names
    epochs, shown = numbers(lines(chapter, "use")[0])
    hits = losses_and_hits(names["net"].cpu(), names["test_x"], names["test_y"])[1]
    assert shown == pytest.approx(hits.mean(), abs=2e-3) and hits.mean() > 0.95 and epochs == len(names["history"]) < 100
    best = min(range(len(names["history"])), key=lambda i: names["history"][i][1])
    assert len(names["history"]) == best + 1 + 5
    each = losses_and_hits(names["net"], names["val_x"], names["val_y"])[0]
    assert names["history"][best][1] == pytest.approx(each.mean(), rel=1e-3)
    others = "".join(code_of(chapter, cell) for cell in chapter if cell not in ("data", "use"))
    assert "test_x" not in others and "test_y" not in others and "test_loader" not in others
    code = chapter["use"].code
    assert code.index("device =") < code.index(".to(device") < code.index("torch.optim") and code.count("test_loader)") == 1


@pytest.mark.claim(zh="训练数据里缺一个数，记成 `nan`，就足以让全部权重在第一轮里都变成 `nan`：",
                   en="One missing number, `nan`, in the training data is enough to make every weight `nan` in the first epoch:")
@pytest.mark.claim(zh="`nan` 不比任何数小，这样的一轮永远当不上最好的一轮。", en="`nan` is not lower than anything, so such an epoch is never the best.")
@pytest.mark.claim(zh="连着五轮这样，`fit` 就停了手，回到交给它时的权重；要是前面有过好的一轮，就回到那一轮。",
                   en="After five of them `fit` gave up, and went back to the weights that it was given; had there been a good epoch before, "
                      "it would have gone back to that.")
@pytest.mark.claim(zh="| 损失是 `nan` | 数据里有 `nan` |", en="| the loss is `nan` | `nan` in the data |")
def test_fit_survives_nan(chapter):
    nan = math.nan
    assert lines(chapter, "nan") == ["validation losses: [nan, nan, nan, nan, nan]", "weights as before: True"]
    names = chapter["nan"].names
    assert names["holed_x"].isnan().sum() == 1 and names["holed_x"].numel() == 64_000
    assert equal(names["net"].state_dict(), names["start"]) and not any(value.isnan().any() for value in names["start"].values())
    copied, states = functions(chapter), []
    copied["evaluate"] = lambda net, loader: (states.append(copy.deepcopy(net.state_dict())), (nan, 0.1))[1]
    net = make_net()
    copied["fit"](net, torch.optim.Adam(net.parameters(), lr=0.003), names["holed_loader"], None, epochs=1)
    assert all(value.isnan().all() for value in states[0].values())  # every weight, after the first epoch
    assert not any(nan < number for number in (math.inf, 0, -math.inf, nan))
    net, history, script = scripted_fit(chapter, [nan] * 9)
    assert len(history) == 5 and equal(net.state_dict(), make_net().state_dict()) and not equal(net.state_dict(), script.states[0])
    net, history, script = scripted_fit(chapter, [3, 2, nan, nan, nan, nan, nan, 1])
    assert len(history) == 2 + 5 and equal(net.state_dict(), script.states[1])
    net, history, script = scripted_fit(chapter, [nan, 2, 3, 3, 3, 3, 3, 3])
    assert len(history) == 2 + 5 and equal(net.state_dict(), script.states[1])


# ---- overfitting -----------------------------------------------------------------------------


@pytest.mark.claim(zh="把题目出难些：只给 600 个样本，而且每五个标签错一个。",
                   en="Make it harder: just 600 samples, every fifth of them with a wrong label.")
@pytest.mark.claim(zh="不早停，跑满 40 轮：", en="No early stopping, all of 40 epochs:")
@pytest.mark.claim(zh="没见过的图因此认得更差，验证损失掉头往上。", en="New pictures are read worse for it, and the validation loss rises.")
@pytest.mark.claim(zh="这就是**过拟合**（overfitting）。", en="That is **overfitting**.")
def test_every_fifth_label_is_wrong_and_new_pictures_are_read_worse(chapter):
    names = chapter["noisy"].names
    wrong = names["noisy_y"] != names["train_y"][:600]
    assert wrong.nonzero().flatten().tolist() == list(range(0, 600, 5)) and wrong.sum() == 120
    assert len(names["noisy_loader"].dataset) == 600 and names["noisy_y"].min() >= 0 and names["noisy_y"].max() <= 9
    last, best = (numbers(line) for line in lines(chapter, "noisy"))
    history = names["history"]
    assert len(history) == 40 and last == pytest.approx(history[-1][1:], abs=1e-3)
    each, hits = losses_and_hits(names["net"].cpu(), names["val_x"], names["val_y"])
    assert best == pytest.approx([each.mean(), hits.mean()], abs=2e-3)
    assert best[0] < last[0] - 0.05 and best[1] > last[1] + 0.03
    train, val, right = np.array(history).T
    assert train[-5:].mean() < train[10:15].mean() / 2 and val[-5:].mean() > val[10:15].mean() + 0.05 and right[-5:].mean() < right[10:15].mean() - 0.03


@pytest.mark.claim(zh="两条曲线，横轴是轮。", en="Two curves over epochs.")
@pytest.mark.claim(zh="训练损失从 1.9 上下降到 0.2 以下。", en="The training loss falls from about 1.9 to below 0.2.")
@pytest.mark.claim(zh="验证损失起点较低，降到圆点处，随后曲折地慢慢上升，最后远在训练损失之上。",
                   en="The validation loss starts lower, falls to a dot, then slowly rises in a zigzag and ends far above the training loss.")
@pytest.mark.claim(zh="40 轮里的训练损失和验证损失，圆点是验证损失最低的一轮。",
                   en="Training and validation loss over 40 epochs; the dot is the epoch with the lowest validation loss.")
def test_the_figure_of_overfitting(chapter):
    (figure,) = chapter["curves"].figures
    (axes,) = figure.axes
    train, val, lowest = (np.asarray(line.get_ydata(), dtype=float) for line in axes.lines)
    history = np.array(chapter["noisy"].names["history"])
    assert np.allclose(train, history[:, 0]) and np.allclose(val, history[:, 1]) and len(train) == len(val) == 40
    assert axes.lines[2].get_xdata()[0] == val.argmin() and lowest.tolist() == [val.min()] and axes.lines[2].get_marker() == "o"
    assert train[0] == pytest.approx(1.9, abs=0.1) and train[-1] < 0.2
    assert val[0] < train[0] - 0.3 and val[-1] > train[-1] + 0.3 and val[0] > 1.5 * val.min()
    rest = val[val.argmin() :]
    assert 2 < val.argmin() < 30 and np.polyfit(range(len(rest)), rest, 1)[0] > 0.002 and (np.diff(rest) < 0).sum() > 5
    assert [line.get_label() for line in axes.lines] == ["training", "validation", "lowest"]
    assert axes.get_xlabel() == "epoch" and axes.get_ylabel() == "loss"


@pytest.mark.claim(zh="训练损失一路往下，后半程主要是在背那 120 个错标签。",
                   en="The training loss keeps falling, and what is being learnt in the later half are mainly the 120 wrong labels, by heart.")
@pytest.mark.claim(zh="只看训练损失，看不出来。", en="The training loss alone does not show it.")
def test_it_is_the_wrong_labels_that_are_learnt_in_the_later_half(chapter):
    """Without going back to the best epoch: the network of the last one knows most of the wrong labels."""
    names = dict(chapter["noisy"].names)
    code = chapter["fit"].code.replace("    net.load_state_dict(best)\n", "")
    exec(code, names)
    train = np.array(names["history"])[:, 0]
    fives = train.reshape(8, 5).mean(axis=1)
    assert all(later < earlier for earlier, later in pairwise(fives))

    def known(epochs):
        net = make_net()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            names["fit"](net, torch.optim.Adam(net.parameters(), lr=0.01), names["noisy_loader"], names["val_loader"], epochs, 40)
        hits = losses_and_hits(net, names["train_x"][:600], names["noisy_y"])[1]
        wrong = np.arange(600) % 5 == 0
        return hits[wrong].sum(), hits[~wrong].sum()

    (wrong, right), (wrong_at_last, right_at_last) = known(20), known(40)
    assert wrong_at_last - wrong > 25 and wrong_at_last - wrong > 2 * (right_at_last - right)


@pytest.mark.claim(
    zh="（开头验证损失反而低，原因有两个：验证集的标签没有改错；它又是在一轮练完之后才算的，训练损失是边练边算的。）",
    en="(At first the validation loss is the lower one for two reasons: none of its labels are wrong, and it is counted after the epoch, not during it.)")
def test_why_the_validation_loss_is_lower_at_first(chapter):
    names, net, total = chapter["noisy"].names, make_net(), 0
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    x, y = names["train_x"][:600], names["noisy_y"]
    for part, answers in zip(x.split(64), y.split(64)):
        total += losses_and_hits(net, part, answers)[0].sum()
        optimizer.zero_grad()
        F.cross_entropy(net(part), answers).backward()
        optimizer.step()
    after, clean = (losses_and_hits(net, x, answers)[0].mean() for answers in (y, names["train_y"][:600]))
    val = losses_and_hits(net, names["val_x"], names["val_y"])[0].mean()
    assert total / 600 > after + 0.2 > clean + 0.4 and val < after - 0.1  # each reason alone lowers it
    history = names["history"]
    assert history[0][1] < history[0][0]


@pytest.mark.claim(zh="`state_dict()` 里的张量就是网络自己的，网络往前走，它跟着走。",
                   en="The tensors of `state_dict()` are the network’s own, and move along with it.")
@pytest.mark.claim(zh="只写 `best = net.state_dict()`，“最好的一轮”就永远是最后一轮，而且不报错。",
                   en="With a mere `best = net.state_dict()` the “best epoch” would always be the last one, without an error.")
def test_a_state_dict_moves_along_unless_copied(chapter):
    assert lines(chapter, "keep") == ["state_dict() moved along: True", "deepcopy moved along: False"]
    names = chapter["keep"].names
    assert names["kept"]["0.weight"].data_ptr() == names["net"][0].weight.data_ptr() != names["copied"]["0.weight"].data_ptr()
    fit, data, net = functions(chapter), chapter["data"].names, make_net()
    fit["deepcopy"] = lambda state: state  # fit without its copies
    script = fit["evaluate"] = Scripted([5, 3, 4, 4, 4, 4, 4, 4])
    fit["fit"](net, torch.optim.SGD(net.parameters(), lr=0.1), batches(data)[:1], None)
    assert len(script.states) == 7 and equal(net.state_dict(), script.states[-1]) and not equal(net.state_dict(), script.states[1])


@pytest.mark.claim(
    zh="想接着练，只存权重不够：优化器的状态、练到第几轮、目前最低的验证损失，都要存。",
    en="For that, weights are not enough: the state of the optimizer, the number of the epoch and the lowest validation loss have to be saved too.")
def test_weights_alone_do_not_resume(chapter):
    data = chapter["data"].names

    def second_epoch(keep_optimizer):
        net = make_net()
        optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
        train(net, optimizer, batches(data))
        saved = copy.deepcopy(optimizer.state_dict())
        optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
        if keep_optimizer:
            optimizer.load_state_dict(saved)
        train(net, optimizer, batches(data))
        return net[0].weight

    straight = make_net()
    train(straight, torch.optim.Adam(straight.parameters(), lr=0.003), batches(data), 2)
    assert torch.equal(second_epoch(True), straight[0].weight) and not torch.allclose(second_epoch(False), straight[0].weight, atol=1e-3)
    code = chapter["fit"].code  # what early stopping remembers, and a new call would not
    assert 'lowest = [], float("inf")' in code and "best_epoch, best = -1" in code


# ---- common errors ---------------------------------------------------------------------------


@pytest.mark.claim(zh="**前向放在了循环外面**。", en="**The forward pass is outside the loop.**")
@pytest.mark.claim(zh="图里存的中间结果，反向一次就放掉了：", en="What a graph has stored is freed after one `backward()`:")
@pytest.mark.claim(zh="**清零以后去读梯度**。", en="**A gradient is read after clearing.**")
@pytest.mark.claim(zh="**训练也放进了 `inference_mode`**。", en="**Training inside `inference_mode`.**")
def test_common_errors(chapter):
    messages = {
        "twice-error": (RuntimeError, "Trying to backward through the graph a second time"),
        "none-error": (AttributeError, "'NoneType' object has no attribute 'norm'"),
        "inference-error": (RuntimeError, "does not require grad and does not have a grad_fn"),
    }
    for cell, (kind, message) in messages.items():
        assert type(chapter[cell].error) is kind and message in str(chapter[cell].error), cell
    data, net = chapter["data"].names, make_net()
    for _ in range(2):  # the forward pass inside the loop
        loss = F.cross_entropy(net(data["train_x"]), data["train_y"])
        loss.backward()
    with pytest.raises(RuntimeError, match="a second time"):
        loss.backward()
    kept = F.cross_entropy(net(data["train_x"]), data["train_y"])
    kept.backward(retain_graph=True)
    kept.backward()  # not freed the first time, so it can be walked again
    nothing_stored = (torch.ones(3, requires_grad=True) + 1).sum()
    for _ in range(2):
        nothing_stored.backward()
    net.zero_grad()
    with pytest.raises(AttributeError, match="NoneType"):
        net[0].weight.grad.norm()
    with torch.inference_mode():
        loss = F.cross_entropy(net(data["train_x"]), data["train_y"])
    with pytest.raises(RuntimeError, match="does not require grad"):
        loss.backward()


@pytest.mark.claim(zh="| 损失忽高忽低 | 忘了 `zero_grad()`；学习率太大 |",
                   en="| the loss rises and falls at random | `zero_grad()` is missing; the learning rate is too large |")
@pytest.mark.claim(zh="下面这些不报错：", en="These come without a message:")
def test_two_causes_of_a_loss_that_jumps(chapter):
    data = batches(chapter["data"].names)

    def rises(lr, order=("zero_grad", "backward", "step")):
        net = make_net()
        losses = train(net, torch.optim.SGD(net.parameters(), lr=lr), data, 8, order)  # no error in any of them
        return sum(later > earlier for earlier, later in pairwise(losses)), losses[-1]

    steady, forgotten, large = rises(0.1), rises(0.1, ("backward", "step")), rises(3.0)
    assert steady[0] == 0 and 2 <= forgotten[0] <= 7 and 2 <= large[0] <= 6
    assert min(forgotten[1], large[1]) > 2 * steady[1]
