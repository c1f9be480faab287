import inspect
import math
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from tests.facts import fact
from tests.prose import ledger_rows, lines

ROOT = Path(__file__).resolve().parent.parent.parent


def notes(x):
    """The function of the old notes, in NumPy."""
    return (3 * (x + 2) ** 2).mean()


def difference(f, x, h=1e-5):
    """Gradient of a scalar function by central differences, in NumPy: an implementation that knows no graph."""
    x = np.asarray(x, dtype=float)
    found = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        found[i] = (f(x + step) - f(x - step)) / (2 * h)
    return found


def leaf(value):
    return torch.tensor(value, requires_grad=True)


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.?\d*", text)]


def nodes(end):
    """All nodes of the graph behind a node, itself included."""
    found, waiting = [], [end]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.append(node)
            waiting += [parent for parent, _ in node.next_functions]
    return found


def row(name):
    """A row of the ledger."""
    rows = ledger_rows()
    return next(row for row in rows if row["id"] == name)


# What a gradient tells you


@pytest.mark.claim(zh="拿一个小函数来说：四个数各加 2，平方，乘 3，再求平均。",
                   en="Take a small function: add 2 to each of four numbers, square, multiply by 3, take the mean.")
@pytest.mark.claim(zh="把其中一个数拨动 0.01，结果会变多少？", en="Nudge one of the numbers by 0.01. How much does the result move?")
@pytest.mark.claim(zh="结果的变化除以拨动的大小，是 4.51。", en="The change of the result divided by the nudge is 4.51.")
@pytest.mark.claim(zh="它是导数的估计值：这个数增加一点，结果大约增加那一点的 4.5 倍。",
                   en="It estimates the derivative: if this number grows a little, the result grows about 4.5 times as much.")
def test_one_number_is_nudged_and_the_result_moves_by_four_and_a_half_times_that(chapter):
    names = chapter["nudge"].names
    some = np.array([[0.3, -1.2], [2.0, 5.0]])
    assert names["f"](torch.tensor(some)).item() == pytest.approx(notes(some))
    assert torch.equal(names["x"], torch.ones(2, 2))
    moved = names["nudged"] - names["x"]
    assert moved.count_nonzero() == 1 and moved[0, 0].item() == pytest.approx(0.01, rel=1e-4)
    on_paper = 0.75 * ((3 + 0.01) ** 2 - 9) / 0.01
    assert numbers(chapter["nudge"].stdout) == [round(on_paper, 2)] == [4.51]
    assert difference(notes, np.ones((2, 2)))[0, 0] == pytest.approx(4.5, rel=1e-6)


@pytest.mark.claim(zh="对 x 里的每个数都求导数，按 x 的形状摆好，就是梯度（gradient）。",
                   en="Lay out the derivatives for all the numbers of x in the shape of x, and you have the gradient.")
@pytest.mark.claim(zh="训练时，x 里装的是参数，也就是训练要改的那些数；结果则是损失（loss），一个衡量网络错得有多厉害的数。",
                   en="In training, x holds the parameters, the numbers that training changes, and the result is the loss, one number that says how wrong the network is.")
@pytest.mark.claim(zh="每个参数逆着自己的导数挪一点，损失就会变小。", en="Moving each parameter a little against its derivative makes the loss smaller.")
def test_the_gradient_has_the_shape_of_x_and_training_moves_parameters_against_it():
    x = torch.tensor([[1.0, -3.0, 0.5], [2.0, 0.0, 4.0]], requires_grad=True)
    (3 * (x + 2) ** 2).mean().backward()
    assert x.grad.shape == x.shape
    np.testing.assert_allclose(x.grad.numpy(), difference(notes, x.detach().numpy()), rtol=1e-4)
    for i in range(x.numel()):  # each by itself
        moved = x.detach().numpy().copy()
        moved.flat[i] -= 1e-3 * np.sign(x.grad.numpy().flat[i])
        assert notes(moved) < notes(x.detach().numpy())

    net, seen = torch.nn.Linear(2, 1), torch.ones(1, 2)
    before = [p.detach().clone() for p in net.parameters()]
    loss = (net(seen) - 1000).pow(2).mean()
    loss.backward()
    torch.optim.SGD(net.parameters(), lr=1e-3).step()
    assert loss.shape == () and torch.equal(seen, torch.ones(1, 2))
    assert all((p != old).any() for p, old in zip(net.parameters(), before))
    assert (net(seen) - 1000).pow(2).mean() < loss  # less wrong, smaller


@pytest.mark.claim(zh="拨动的办法有两个毛病。", en="Nudging has two faults.")
@pytest.mark.claim(zh="一是不准：导数恰好是 4.5；拨动要是只有 0.00000001，算出来就是 0，因为在 float32 里，1 加上它还是 1。",
                   en="It is inexact: the derivative is exactly 4.5, and a nudge of 0.00000001 finds 0, because in float32 1 plus it is still 1.")
@pytest.mark.claim(zh="二是慢：一百万个参数，函数要算一百万零一遍。", en="And it is slow: a million parameters take a million and one runs of the function.")
@pytest.mark.claim(zh="自动求导只把函数算一遍（前向，forward），再往回走一遍（反向传播，backpropagation），整个梯度就有了。",
                   en="Autograd runs the function once (the forward pass), walks back once (the backward pass, or backpropagation), and has the whole gradient.")
def test_nudging_is_inexact_and_takes_a_run_for_each_number_where_autograd_takes_one(chapter):
    f, x = chapter["nudge"].names["f"], chapter["nudge"].names["x"]
    assert x.dtype == torch.float32
    nudged = x.clone()
    nudged[0, 0] += 0.00000001
    assert nudged[0, 0] == 1 and (f(nudged) - f(x)) / 0.00000001 == 0
    assert 6 * (1 + 2) / 4 == 4.5 != numbers(chapter["nudge"].stdout)[0]

    ran = []

    def counted(x):
        ran.append(1)
        return f(x)

    for shape in ((2, 2), (3, 5)):
        ran.clear()
        x = torch.ones(shape)
        start, slopes = counted(x), torch.zeros(shape)
        for i in np.ndindex(shape):
            nudged = x.clone()
            nudged[i] += 0.01
            slopes[i] = (counted(nudged) - start) / 0.01
        assert len(ran) == x.numel() + 1
        ran.clear()
        x.requires_grad_()
        counted(x).backward()
        assert len(ran) == 1 and torch.allclose(x.grad, slopes, rtol=0.02) and (x.grad != 0).all()


# On paper first: the chain rule


@pytest.mark.ledger("n4-05")
@pytest.mark.claim(zh="旧笔记里的例子正是这个函数。", en="The example in the old notes is this very function.")
@pytest.mark.claim(zh="它由三步连成，最后的平均记作 m：", en="It is a chain of three steps; call the mean m:")
@pytest.mark.claim(zh="四个数都是 4.5，和纸上一样。", en="All four entries are 4.5, as on paper.")
@pytest.mark.claim(zh="把 $y_i = 3$ 代进去：", en="Put in $y_i = 3$:")
def test_the_gradient_of_the_notes_example_is_four_and_a_half_everywhere(chapter):
    assert row("n4-05")["said"]["en"] == "x of ones, y = x + 2, z = 3y², the mean, then `backward`."
    names = chapter["example"].names
    assert torch.equal(names["x"], torch.ones(2, 2)) and torch.equal(names["y"], torch.full((2, 2), 3.0))
    assert torch.equal(names["z"], torch.full((2, 2), 27.0))
    assert names["m"].item() == notes(np.ones((2, 2))) == 27 and names["m"].shape == ()
    assert torch.equal(chapter["example"].value, torch.full((2, 2), 4.5))
    np.testing.assert_allclose(difference(notes, np.ones((2, 2))), 4.5, rtol=1e-6)
    assert chapter["paper"].value == 1 / 4 * (6 * 3) * 1 == 4.5
    assert [chapter["paper"].names[rate] for rate in ("dy_dx", "dz_dy", "dm_dz")] == [1, 18, 1 / 4]


@pytest.mark.claim(zh="从 x 到 y | $y = x + 2$ | $1$ | $1$", en="from x to y | $y = x + 2$ | $1$ | $1$")
@pytest.mark.claim(zh=r"从 y 到 z | $z = 3y^2$ | $6y$ | $6 \times 3 = 18$", en=r"from y to z | $z = 3y^2$ | $6y$ | $6 \times 3 = 18$")
@pytest.mark.claim(zh=r"从 z 到 m | 四个 $z$ 的平均 | $\frac{1}{4}$ | $\frac{1}{4}$", en=r"from z to m | mean of four $z$ | $\frac{1}{4}$ | $\frac{1}{4}$")
def test_the_derivative_of_each_step_is_that_of_the_table():
    for at in (1.0, -0.7, 4.0):
        y = at + 2
        assert difference(lambda x: x + 2, at) == pytest.approx(1)
        assert difference(lambda y: 3 * y**2, y) == pytest.approx(6 * y)
        np.testing.assert_allclose(difference(np.mean, np.full((2, 2), 3 * y**2)), 1 / 4)
    assert difference(lambda y: 3 * y**2, 1.0 + 2) == pytest.approx(18)


@pytest.mark.claim(zh="整条链的导数，是三个导数的乘积。", en="The derivative of the whole chain is the product of the three.")
@pytest.mark.claim(
    zh=r"$$ \frac{\partial m}{\partial x_i} = \frac{\partial m}{\partial z_i} \cdot \frac{\partial z_i}{\partial y_i} \cdot \frac{\partial y_i}{\partial x_i} = \frac{1}{4} \cdot 6 y_i \cdot 1 $$",
    en=r"$$ \frac{\partial m}{\partial x_i} = \frac{\partial m}{\partial z_i} \cdot \frac{\partial z_i}{\partial y_i} \cdot \frac{\partial y_i}{\partial x_i} = \frac{1}{4} \cdot 6 y_i \cdot 1 $$")
@pytest.mark.claim(zh=r"$\partial$ 的意思是：别的数都固定不动。", en=r"The sign $\partial$ says that all the other numbers are held still.")
def test_the_derivative_of_the_chain_is_a_product_with_the_other_numbers_held_still():
    x = np.array([[1.0, -0.5], [3.0, 0.2]])
    y = x + 2
    held = difference(notes, x)  # moves one number at a time
    np.testing.assert_allclose(held, 1 / 4 * (6 * y) * 1, rtol=1e-6)
    together = (notes(x + 1e-5) - notes(x - 1e-5)) / 2e-5  # all of them at once is something else
    assert all(abs(together - one) > 1 for one in held.flat)


@pytest.mark.claim(zh="requires_grad=True 要 PyTorch 把对 x 以及由它得来的张量所做的每步运算都记下来。",
                   en="requires_grad=True asks PyTorch to record every operation on x and on what comes of it.")
@pytest.mark.claim(zh="m.backward() 顺着记录往回走，把梯度放进 x.grad，形状和 x 一样，是 (2, 2)。",
                   en="m.backward() walks back along the record and puts the gradient into x.grad, in the shape of x, (2, 2).")
@pytest.mark.claim(zh="由要求梯度的张量算出来的张量，都有一个 grad_fn，也就是算出它的那步运算的节点。",
                   en="A tensor computed from one that requires a gradient has a grad_fn, the node of the operation that made it.")
@pytest.mark.claim(zh="节点的 next_functions 通向各个输入的节点，[0][0] 取其中的第一个：",
                   en="Its next_functions lead to the nodes of its inputs, and [0][0] picks the first of them:")
def test_every_operation_on_a_tensor_that_requires_a_gradient_is_recorded(chapter):
    names = chapter["example"].names
    assert names["x"].grad_fn is None and names["x"].grad.shape == names["x"].shape == (2, 2)
    for name, kind in {"y": "AddBackward0", "z": "MulBackward0", "m": "MeanBackward0"}.items():
        assert type(names[name].grad_fn).__name__ == kind
    plain = torch.ones(2, 2)
    assert all(t.grad_fn is None for t in (plain + 2, 3 * plain**2, plain.mean()))
    p, q = leaf(1.0).exp(), leaf(2.0).sin()
    assert [parent for parent, _ in (p * q).grad_fn.next_functions] == [p.grad_fn, q.grad_fn]
    assert (q * p).grad_fn.next_functions[0][0] is q.grad_fn


# The computation graph


@pytest.mark.ledger("n1-18")
@pytest.mark.claim(zh="这正是倒过来的运算：求平均、乘 3、平方、加 2。", en="These are the operations in reverse: mean, times 3, square, plus 2.")
@pytest.mark.claim(zh="PowBackward0 负责算乘方的导数；末尾的 0 用来和这种运算的其他形式区分（2**x 留下的是 PowBackward2）。",
                   en="PowBackward0 computes the derivative of a power; the 0 tells it from other forms of the operation (2**x leaves a PowBackward2).")
@pytest.mark.claim(zh="终点的 AccumulateGrad 拿着 x，把送到的梯度加进 x.grad。",
                   en="AccumulateGrad at the end holds x, and adds the gradient that arrives to x.grad.")
def test_the_graph_is_the_code_backwards_and_ends_in_x(chapter):
    assert lines(chapter, "walk") == ["MeanBackward0", "MulBackward0", "PowBackward0", "AddBackward0", "AccumulateGrad holds x: True"]
    power = (leaf(5.0) ** 2).grad_fn
    assert type(power).__name__ == "PowBackward0" and power(torch.tensor(1.0)).item() == pytest.approx(difference(lambda x: x**2, 5.0))
    assert type((2 ** leaf(5.0)).grad_fn).__name__ == "PowBackward2"
    x = leaf(1.0)
    end = (x + 2).grad_fn.next_functions[0][0]
    assert type(end).__name__ == "AccumulateGrad" and end.variable is x
    x.grad = torch.tensor(100.0)
    end(torch.tensor(7.0))
    assert x.grad == 107


@pytest.mark.ledger("n1-18")
@pytest.mark.claim(zh="这些节点合起来就是计算图（computation graph）。", en="Together the nodes are the computation graph.")
@pytest.mark.claim(zh="前向的每步运算添一个节点，backward() 把每个节点走一次，乘上它的导数。",
                   en="Each operation of the forward pass adds a node, and backward() visits each node once and multiplies by its derivative.")
def test_each_operation_adds_a_node_that_backward_visits_once():
    x = leaf(0.3)
    t, product = x, 1.0
    for operations in range(1, 5):
        product *= math.cos(t.item())
        t = t.sin()
        assert len(nodes(t.grad_fn)) == operations + 1  # and AccumulateGrad
    end, visits = t * t, []  # meets again at t, which is visited once all the same
    for node in nodes(end.grad_fn):
        node.register_hook(lambda *_, node=node: visits.append(node))
    product *= 2 * t.item()
    end.backward()
    assert len(visits) == len(set(visits)) == len(nodes(end.grad_fn)) == 6
    assert x.grad.item() == pytest.approx(product)


@pytest.mark.claim(zh="图里只记跑过的运算，所以 if 和 while 可以随便用：", en="The graph records only the operations that ran, so you may use if and while as you like:")
@pytest.mark.claim(zh="从 1 出发，翻倍四次才超过 10，梯度是 $2^4 = 16$。", en="From 1 it takes four doublings to get past 10, and the gradient is $2^4 = 16$.")
@pytest.mark.claim(zh="从 3 出发只要两次，梯度是 4。", en="From 3 it takes two, and the gradient is 4.")
@pytest.mark.claim(zh="每次前向都会建一张新图。", en="Every forward pass builds a new graph.")
def test_the_graph_follows_the_path_that_was_run(chapter):
    for line, (start, doublings) in zip(lines(chapter, "dynamic"), ((1, 4), (3, 2)), strict=True):
        assert start * 2 ** (doublings - 1) < 10 < start * 2**doublings
        assert numbers(line) == [start, start * 2**doublings, 2**doublings]

    def branch(x):
        return x.sin() if x > 0 else x.exp() * 2

    assert [[type(n).__name__ for n in nodes(branch(leaf(at)).grad_fn)] for at in (1.0, -1.0)] == [
        ["SinBackward0", "AccumulateGrad"], ["MulBackward0", "ExpBackward0", "AccumulateGrad"]]
    x = leaf(1.0)
    first, second = x.sin(), x.sin()
    assert first.grad_fn is not second.grad_fn


# Where branches meet


@pytest.mark.claim(zh="从 a 到 c 有两条路径：一条直达，一条先平方。", en="There are two paths from a to c: one direct, one through the square.")
@pytest.mark.claim(zh="下面是这张图，箭头上标着沿它送回去的梯度：",
                   en="Here is the graph, with the gradient sent along each arrow:")
@pytest.mark.claim(zh="箭头是反向传播的方向，粗体的数是沿箭头送回去的梯度。",
                   en="The arrows run the way of backpropagation, and the bold numbers are the gradients sent along them.")
def test_the_figure_shows_the_graph_and_the_gradients_that_were_sent(chapter):
    names = chapter["shared"].names
    assert numbers(chapter["shared"].stdout) == [2 * 3, 6**2, 6 + 6**2]
    first, second = [parent for parent, _ in names["c"].grad_fn.next_functions]
    assert first is names["a"].grad_fn and second is names["b"].grad_fn
    assert second.next_functions[0][0] is first and type(second).__name__ == "PowBackward0"
    arrows = drawn_arrows(chapter)
    assert sorted(arrows) == [(0, 1, "39"), (1, 2, "12"), (1, 3, "1"), (2, 3, "1")]  # (tip, tail, number), by place from the left
    # the same gradients, caught on the tensors
    w = leaf(2.0)
    a = w * 3
    b = a**2
    for t in (a, b):
        t.retain_grad()
    (a + b).backward()
    assert b.grad == 1 and a.grad == 1 + 12 and w.grad == 39


def drawn_arrows(chapter):
    """(left of its tip, left of its tail, the bold number nearest to its middle) of each arrow of the graph's figure."""
    (ax,) = chapter["graph-figure"].figures[0].axes
    bold = [text for text in ax.texts if text.get_weight() == "bold"]
    found = []
    for text in ax.texts:
        if isinstance(text, plt.Annotation):
            middle = (np.array(text.xy) + text.xyann) / 2
            near = min(bold, key=lambda one: np.hypot(*(middle - one.get_position())))
            found.append((text.xy[0], text.xyann[0], near.get_text()))
            assert text.xy[0] < text.xyann[0] and text.arrowprops["arrowstyle"] == "->"  # backwards is to the left
    return found


@pytest.mark.claim(zh="四个节点。", en="Four nodes.")
@pytest.mark.claim(zh="最右边是 AddBackward0（c = 42）：一支标着 1 的箭头平着指向 MulBackward0（a = 6），另一支标着 1 的箭头向上指向 PowBackward0（b = 36）。",
                   en="On the right AddBackward0, c = 42. One arrow marked 1 runs level to MulBackward0, a = 6; another marked 1 rises to PowBackward0, b = 36.")
@pytest.mark.claim(zh="从 PowBackward0 有一支标着 12 的箭头向下指向 MulBackward0。", en="From PowBackward0 an arrow marked 12 comes down to MulBackward0.")
@pytest.mark.claim(zh="从 MulBackward0 有一支标着 39 的箭头指向最左边的 AccumulateGrad（w = 2）。",
                   en="From MulBackward0 an arrow marked 39 goes to AccumulateGrad, w = 2, on the left.")
def test_the_figure_of_the_graph_has_its_nodes_where_the_alternative_text_says(chapter):
    (ax,) = chapter["graph-figure"].figures[0].axes
    at = {text.get_text().replace("\n", " ", 1).replace("\n", ""): text.get_position() for text in ax.texts if "=" in text.get_text()}
    assert sorted(at, key=lambda text: at[text][0]) == ["w = 2 AccumulateGrad", "a = 6 MulBackward0", "b = 36 PowBackward0", "c = 42 AddBackward0"]
    (w, w_up), (a, a_up), (b, b_up), (c, c_up) = sorted(at.values())
    assert w_up == a_up == c_up < b_up
    assert sorted(drawn_arrows(chapter)) == sorted([(a, c, "1"), (b, c, "1"), (a, b, "12"), (w, a, "39")])
    (low, high), (left, right) = ax.get_ylim(), ax.get_xlim()
    assert low < w_up and b_up < high and left < w and c < right


@pytest.mark.claim(zh="加法把 1 原样送给两边。", en="The addition passes 1 on to both sides.")
@pytest.mark.claim(zh="$a^2$ 的导数是 $2a = 12$，所以乘方送出 12。", en="The derivative of $a^2$ is $2a = 12$, so the power sends 12.")
@pytest.mark.claim(zh="两条路径在 a 会合，梯度在这里相加：1 + 12 = 13，因为拨动 a，c 会沿着两条路径一起变。",
                   en="The two paths meet at a, where the gradients add up: 1 + 12 = 13, because nudging a moves c along both.")
@pytest.mark.claim(zh="再乘上 a = w * 3 的导数 3，得到 39。", en="Times 3, the derivative of a = w * 3, this makes 39.")
def test_each_node_of_the_figure_sends_what_the_page_says(chapter):
    names = chapter["graph-figure"].names
    a, b, c, sent = (names[name] for name in ("a", "b", "c", "sent"))
    assert [g.item() for g in sent[c.grad_fn]] == [1, 1]
    assert sent[b.grad_fn][0].item() == pytest.approx(difference(lambda a: a**2, 6.0)) == 12
    assert difference(lambda a: a + a**2, 6.0) == pytest.approx(13)
    assert difference(lambda a: a + 6.0**2, 6.0) == pytest.approx(1) and difference(lambda a: 6 + a**2, 6.0) == pytest.approx(12)
    assert difference(lambda w: w * 3, 2.0) == pytest.approx(3)
    assert sent[a.grad_fn][0].item() == names["w"].grad.item() == pytest.approx(difference(lambda w: w * 3 + (w * 3) ** 2, 2.0)) == 39


# Scalars and vectors


@pytest.mark.ledger("n0-11")
@pytest.mark.claim(zh="从标量出发，第一个数是 1：结果对自己的导数。",
                   en="From a scalar it begins with 1, the derivative of the result with respect to itself.")
@pytest.mark.claim(zh="旧笔记说，z.backward() 就是 z.backward(torch.tensor(1.))，说得对：",
                   en="The old notes say that z.backward() is z.backward(torch.tensor(1.)), and they are right:")
@pytest.mark.claim(zh="$z = 5x^2$ 的导数是 $10x$，x 是 3 时，两种写法都得 30。",
                   en="The derivative of $z = 5x^2$ is $10x$, and both ways give 30 for $x = 3$.")
@pytest.mark.claim(zh="第一个数换成 10，结果就成了 10 倍。", en="Beginning with 10 makes it ten times as large.")
def test_backward_of_a_scalar_begins_with_one(chapter):
    assert "`z.backward()` is `z.backward(torch.tensor(1.))`" in row("n0-11")["said"]["en"]
    assert difference(lambda x: 5 * x**2, 3.0) == pytest.approx(30) and difference(lambda x: 5 * x**2, -2.0) == pytest.approx(-20)
    assert numbers(chapter["scalar"].stdout) == [30, 30, 300]
    x, begun = leaf(3.0), []
    z = 5 * x**2
    z.register_hook(begun.append)
    z.backward()
    assert begun == [1]
    assert inspect.signature(torch.Tensor.backward).parameters["gradient"].default is None
    assert inspect.signature(chapter["scalar"].names["gradient"]).parameters["begin"].default is None


@pytest.mark.ledger("n0-11")
@pytest.mark.claim(zh="结果有好几个数，就没有这个默认值了：", en="If the result has several numbers, there is no such default:")
@pytest.mark.claim(zh="y 有 2 个数，x 有 3 个数，导数一共有 2 × 3 个。", en="y has 2 numbers and x has 3, so there are 2 × 3 derivatives.")
@pytest.mark.claim(zh="它们摆成的表叫雅可比矩阵（Jacobian）$J$，这里就是 A 自己。", en="Their table is called the Jacobian matrix, $J$, and here it is A itself.")
@pytest.mark.claim(zh="x.grad 只放得下 3 个数，所以你得给一个和 y 形状相同的 v，说明每个 y 占多大分量：",
                   en="x.grad has room for only 3 numbers, so you pass a v in the shape of y, which says how much each y counts:")
def test_backward_of_a_vector_needs_a_weight_for_each_number(chapter):
    ran = chapter["vector-error"]
    assert isinstance(ran.error, RuntimeError) and "can be implicitly created only for scalar outputs" in str(ran.error)
    one = leaf([2.0]) * 2  # one number is enough, whatever the shape
    one.backward()
    A, x, y = (ran.names[name] for name in ("A", "x", "y"))
    assert y.tolist() == [1 + 2 + 3, 4 + 5 + 6]
    assert y.shape == (2,) and x.shape == (3,) and chapter["vjp"].names["x"].grad.shape == (3,)
    jacobian = torch.autograd.functional.jacobian(lambda x: A @ x, torch.ones(3))
    assert torch.equal(jacobian, A) and jacobian.shape == (2, 3)
    np.testing.assert_allclose(np.stack([difference(lambda x, r=r: A.numpy()[r].astype(float) @ x, np.ones(3)) for r in range(2)]), A.numpy(), rtol=1e-6)
    assert chapter["vjp"].names["v"].shape == y.shape
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (A @ leaf([1.0, 1.0, 1.0])).backward(torch.ones(3))
    for v in ([1.0, 0.0], [0.0, 1.0]):  # only one y counts
        x = leaf([1.0, 1.0, 1.0])
        (A @ x).backward(torch.tensor(v))
        assert torch.equal(x.grad, A[v.index(1.0)])


@pytest.mark.ledger("n0-11")
@pytest.mark.claim(zh="反向传播总要有第一个数。", en="The backward pass needs a first number.")
@pytest.mark.claim(zh="第一个数是 41 = 1 × 1 + 10 × 4。", en="The first number is 41 = 1 × 1 + 10 × 4.")
@pytest.mark.claim(zh=r"这叫向量-雅可比积（vector-Jacobian product）$v^\top J$，写成 (v * y).sum().backward() 也一样。",
                   en=r"This is a vector-Jacobian product, $v^\top J$, and (v * y).sum().backward() gives the same.")
def test_backward_of_a_vector_is_a_vector_jacobian_product(chapter):
    by_hand = [1 * 1 + 10 * 4, 1 * 2 + 10 * 5, 1 * 3 + 10 * 6]
    assert [numbers(line) for line in lines(chapter, "vjp")] == [by_hand] * 2 and by_hand[0] == 41
    A, v = chapter["vjp"].names["A"], chapter["vjp"].names["v"]
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="implicitly created"):  # without a first number there is no walk
        (A @ x).backward()
    assert x.grad is None
    (v * (A @ x)).sum().backward()
    assert x.grad.tolist() == by_hand
    assert "vector-Jacobian product" in torch.autograd.grad.__doc__


# After one backward pass, the saved values are gone


@pytest.mark.ledger("n1-18")
@pytest.mark.claim(zh="在同一张图上调用两次 backward()：", en="Call backward() twice on one graph:")
@pytest.mark.claim(zh="第一次得 6，第二次报错。", en="The first call gives 6, and the second raises an error.")
@pytest.mark.claim(zh="$x^2$ 的导数要用 x 的值，前向时图里存了它，backward() 用完就释放了。",
                   en="The derivative of $x^2$ needs the value of x, which the graph saved in the forward pass and backward() freed.")
def test_the_second_walk_finds_the_saved_values_freed(chapter):
    ran = chapter["once-error"]
    assert numbers(ran.stdout) == [2 * 3.0] and ran.names["x"].grad == 6
    assert isinstance(ran.error, RuntimeError) and "Trying to backward through the graph a second time" in str(ran.error)
    assert "Saved intermediate values of the graph are freed" in str(ran.error)
    x = leaf(3.0)
    y = x**2
    assert y.grad_fn._saved_self is x
    y.backward()
    with pytest.raises(RuntimeError, match="after they have already been freed"):
        _ = y.grad_fn._saved_self


@pytest.mark.ledger("n1-18")
@pytest.mark.claim(zh="要调用两次，第一次就得说明：存的值要留着。", en="For a second call, tell the first to keep what was saved:")
@pytest.mark.claim(zh="梯度是 12，不是 6：第二次又加了一个 6。", en="The gradient is 12, not 6: the second call added another 6.")
def test_a_kept_graph_can_be_walked_again(chapter):
    assert chapter["retain-graph"].value == 6 + 6 == 12
    x = leaf(3.0)
    y = x**2
    y.backward(retain_graph=True)
    assert x.grad == 6 and y.grad_fn._saved_self is x
    y.backward()
    assert x.grad == 12


@pytest.mark.ledger("n1-18")
@pytest.mark.claim(zh="什么也没存的图，不会报错。", en="A graph that saved nothing raises no error.")
@pytest.mark.claim(zh="x + 2 的导数是 1，用不着任何值：", en="The derivative of x + 2 is 1 and needs no values:")
@pytest.mark.claim(zh="一声不响，梯度就成了 2。", en="Without a word, the gradient is 2.")
def test_a_graph_that_saved_nothing_can_be_walked_again_unasked(chapter):
    ran = chapter["nothing-saved"]
    assert ran.value == 1 + 1 == 2 and not ran.warnings and ran.error is None
    assert ran.names["y"] == 3 + 2  # the graph of x + 2, no more
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        for operation in (lambda x: x + 2, lambda x: x - 1, lambda x: -x):
            x = leaf(3.0)
            y = operation(x)
            y.backward()
            once = x.grad.item()
            y.backward()
            assert x.grad == 2 * once and not saved
    assert [difference(lambda x: x + 2, at) for at in (3.0, -8.0)] == pytest.approx([1, 1])


@pytest.mark.claim(zh="训练循环里出这个错，常常是因为上一轮算的某个张量还带着旧图。",
                   en="In a training loop this error often means that a tensor from the previous round still carries its old graph.")
@pytest.mark.claim(zh="每轮都重新算它，或者用 detach() 让它脱离旧图。", en="Compute it anew in each round, or cut it off with detach().")
def test_a_tensor_of_the_previous_round_brings_its_old_graph_along():
    def rounds(between):
        w = leaf(0.5)
        state = w * torch.tensor(2.0)
        for _ in range(2):
            (state * w).tanh().backward()
            state = between(state, w)

    with pytest.raises(RuntimeError, match="a second time"):
        rounds(lambda state, w: state)
    rounds(lambda state, w: w * torch.tensor(2.0))
    rounds(lambda state, w: state.detach())


@pytest.mark.claim(zh="反向传播本身，平时是不记的。", en="Normally the backward pass itself is not recorded.")
@pytest.mark.claim(zh="写上 create_graph=True 就会记，于是导数还能再求导。", en="With create_graph=True it is, and you can differentiate the derivative.")
@pytest.mark.claim(zh="torch.autograd.grad 把梯度放在元组里返回，不动 .grad：", en="torch.autograd.grad returns a tuple of gradients and leaves .grad alone:")
@pytest.mark.claim(zh="$x^3$ 的导数是 $3x^2 = 27$，再求一次导是 $6x = 18$。",
                   en="The derivative of $x^3$ is $3x^2 = 27$, and the derivative of that is $6x = 18$.")
def test_the_derivative_of_a_derivative_needs_create_graph(chapter):
    assert inspect.signature(torch.autograd.grad).parameters["create_graph"].default is False
    x = leaf(3.0)
    unrecorded = torch.autograd.grad(x**3, x)
    assert type(unrecorded) is tuple and len(unrecorded) == 1 and unrecorded[0].grad_fn is None
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.autograd.grad(unrecorded[0], x)
    assert chapter["second-derivative"].names["first"].grad_fn is not None
    first = difference(lambda x: x**3, 3.0).item()
    second = difference(lambda x: difference(lambda x: x**3, x), 3.0, h=1e-3).item()
    *shown, grad = chapter["second-derivative"].stdout.split()
    assert [float(n) for n in shown] == pytest.approx([first, second], rel=1e-4) == [27, 18] and grad == "None"


# Gradients accumulate


@pytest.mark.ledger("n0-12")
@pytest.mark.claim(zh="因为 backward() 是把梯度加进 .grad，不是覆盖它：", en="Because backward() adds to .grad and does not overwrite it:")
@pytest.mark.claim(zh="$3w$ 的导数两次都是 3，可是第二次之后，.grad 是 6。", en="The derivative of $3w$ is 3 both times, but after the second call .grad is 6.")
def test_a_second_gradient_is_added_to_the_first(chapter):
    assert numbers(chapter["accumulate"].stdout) == [3, 3 + 3] and chapter["accumulate"].names["w"] == 2
    assert difference(lambda w: 3 * w, 2.0) == pytest.approx(3)
    w = leaf(5.0)
    w.grad = torch.tensor(100.0)
    (3 * w).backward()
    assert w.grad == 103


def descent(zero, lr=0.1):
    """The descent of the chapter, by hand: the path of w."""
    w, total, path = 0.0, 0.0, [0.0]
    for _ in range(60):
        total = (0.0 if zero else total) + 2 * (w - 3)
        w -= lr * total
        path.append(w)
    return path


@pytest.mark.ledger("n0-12")
@pytest.mark.claim(zh="训练时，这会坏事。", en="In training, that does harm.")
@pytest.mark.claim(zh="清零，w 停在 3。", en="With clearing, w settles at 3.")
@pytest.mark.claim(zh="不清零，每一步用的都是到目前为止全部梯度之和，w 就在 0 和 6 附近来回摆。",
                   en="Without it, every step uses the sum of all gradients so far, and w swings between about 0 and 6.")
@pytest.mark.claim(zh="程序不报错。", en="No error is raised.")
def test_without_clearing_descent_never_settles(chapter):
    descend = chapter["no-zero-figure"].names["descend"]
    for zero in (True, False):
        assert descend(zero=zero) == pytest.approx(descent(zero), abs=1e-3)
    assert descent(True)[-1] == pytest.approx(3, abs=1e-4)
    for part in (descent(False)[:20], descent(False)[-20:]):
        assert max(part) == pytest.approx(6, abs=0.2) and min(part) == pytest.approx(0, abs=0.2)
    assert min(descent(False)) > -0.2 and max(descent(False)) < 6.2
    assert chapter["no-zero-figure"].error is None and not chapter["no-zero-figure"].warnings


@pytest.mark.claim(zh="让 w 从 0 出发，去找 $(w - 3)^2$ 的最低点，也就是 3。",
                   en="Let w start at 0 and look for the lowest point of $(w - 3)^2$, which is at 3.")
@pytest.mark.claim(zh="torch.optim.SGD 是一种简单的优化器（optimizer）：它的 step() 让每个参数减去梯度乘学习率（learning rate，写作 lr，这里是 0.1）。",
                   en="torch.optim.SGD is a simple optimizer: its step() subtracts the gradient times the learning rate (lr, here 0.1) from each parameter.")
@pytest.mark.claim(zh="所以训练循环先 zero_grad()，再 backward()，再 step()。", en="So a training loop calls zero_grad(), then backward(), then step().")
def test_the_optimizer_subtracts_learning_rate_times_gradient(chapter):
    w = np.linspace(-2, 8, 1001)
    assert w[((w - 3) ** 2).argmin()] == pytest.approx(3) and descent(True)[0] == 0
    assert chapter["no-zero-figure"].names["descend"](True)[1] == pytest.approx(0 - 0.1 * 2 * (0 - 3))
    assert issubclass(torch.optim.SGD, torch.optim.Optimizer)
    p, q = leaf([1.0, 2.0]), leaf(5.0)
    optimizer = torch.optim.SGD([p, q], lr=0.1)
    for _ in range(2):
        before = [p.detach().clone(), q.detach().clone()]
        optimizer.zero_grad()
        (3 * p.sum() + q**2).backward()
        optimizer.step()
        torch.testing.assert_close(p.detach(), before[0] - 0.1 * 3)
        torch.testing.assert_close(q.detach(), before[1] - 0.1 * 2 * before[1])


@pytest.mark.claim(zh="折线图，w 随步数 0 到 60 的变化。", en="Line chart of w over steps 0 to 60.")
@pytest.mark.claim(zh="用 zero_grad 的线从 0 升到 3，停在那里。", en="The line with zero_grad climbs from 0 to 3 and stays there.")
@pytest.mark.claim(zh="不用的线越过 3，到 6，又回到 0，到最后摆动也没有变小。",
                   en="The line without it passes 3, reaches 6, returns to 0, and still swings as widely at the end.")
@pytest.mark.claim(zh="函数和学习率都相同，只差清不清旧梯度。", en="The function and the learning rate are the same; only the clearing of the old gradient differs.")
def test_the_figure_draws_both_descents(chapter):
    (ax,) = chapter["no-zero-figure"].figures[0].axes
    drawn = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    assert drawn == {"with zero_grad": pytest.approx(descent(True), abs=1e-3), "without zero_grad": pytest.approx(descent(False), abs=1e-3)}
    assert all(list(line.get_xdata()) == list(range(61)) for line in ax.get_lines())
    assert ax.get_xlabel() == "step" and ax.get_ylabel() == "w" and ax.get_legend()
    low, high = ax.get_ylim()
    assert all(low < value < high for line in drawn.values() for value in line)
    cleared, kept = drawn["with zero_grad"], drawn["without zero_grad"]
    assert cleared[0] == 0 and (np.diff(cleared) >= 0).all() and np.ptp(cleared[-20:]) < 0.01
    top = int(np.argmax(kept[:10]))
    assert kept[top] == pytest.approx(6, abs=0.2) and min(kept[top:20]) == pytest.approx(0, abs=0.2)
    assert np.ptp(kept[-20:]) == pytest.approx(np.ptp(kept[:20]), abs=0.1)


@pytest.mark.ledger("n0-12")
@pytest.mark.claim(zh="从 2.0 版起，zero_grad() 默认把 .grad 设成 None，不是 0。", en="Since version 2.0, zero_grad() sets .grad to None by default, not to zeros.")
@pytest.mark.claim(zh="没有优化器时，写 w.grad = None。", en="Without an optimizer, write w.grad = None.")
def test_zero_grad_leaves_none(chapter):
    assert lines(chapter, "zero-grad") == ["None"] and type(chapter["zero-grad"].names["optimizer"]) is torch.optim.SGD
    assert fact("foundations/autograd", "zero_grad sets None") == 2.0
    assert inspect.signature(torch.optim.Optimizer.zero_grad).parameters["set_to_none"].default is True
    w = leaf(2.0)
    for _ in range(2):
        w.grad = None
        (3 * w).backward()
        assert w.grad == 3


@pytest.mark.ledger("n0-12")
@pytest.mark.claim(zh="内存放不下一大批样本时，可以分几份算，让梯度累加起来。",
                   en="If a large batch does not fit into memory, compute it in parts and let the gradients add up.")
@pytest.mark.claim(zh="下面是 8 个随机样本（randn 按正态分布取随机数），先一次算完，再分成四份、每份 2 个：",
                   en="Here are eight random samples (randn draws from the normal distribution), first all at once, then in four parts of 2:")
@pytest.mark.claim(zh="两行一样。", en="The two lines agree.")
@pytest.mark.claim(zh="每个 loss 是 2 个样本的平均，所以要除以 4，才是 8 个样本的平均。",
                   en="Each loss is the mean of 2 samples, so divide by 4 to get the mean of all 8.")
def test_parts_gather_the_gradient_of_the_whole_batch(chapter):
    names = chapter["parts"].names
    inputs, targets = names["inputs"].double().numpy(), names["targets"].double().numpy()
    torch.manual_seed(0)
    assert torch.equal(names["inputs"], torch.randn(8, 3)) and inputs.shape == (8, 3) and targets.shape == (8,)
    many = torch.randn(20000)
    assert abs(many.mean()) < 0.05 and abs(many.std() - 1) < 0.05 and 0.66 < (many.abs() < 1).float().mean() < 0.71
    expected = difference(lambda w: ((inputs @ w - targets) ** 2).mean(), np.ones(3))
    first, second = (numbers(line) for line in lines(chapter, "parts"))
    assert first == pytest.approx(expected, abs=1e-3) and second == pytest.approx(first, abs=2e-4)
    assert [len(part) for part in names["inputs"].split(2)] == [2, 2, 2, 2]
    gathered = sum(difference(lambda w, k=k: ((inputs[k:k + 2] @ w - targets[k:k + 2]) ** 2).mean(), np.ones(3)) for k in range(0, 8, 2))
    np.testing.assert_allclose(gathered / 4, expected, rtol=1e-6)


@pytest.mark.ledger("n0-12")
@pytest.mark.claim(zh="这叫梯度累积（gradient accumulation）：每一份的图都在下一份的图建起来之前释放。",
                   en="This is gradient accumulation: each part’s graph is freed before the next one is built.")
@pytest.mark.claim(zh="各份大小不等时，改为把每份的损失乘上“这一份的样本数 ÷ 8”。",
                   en="If the parts differ in size, multiply each loss by its number of samples over 8 instead.")
def test_parts_are_freed_one_by_one_and_unequal_ones_count_by_their_samples(chapter):
    inputs, targets, w = (chapter["parts"].names[name] for name in ("inputs", "targets", "w"))
    alive, most = set(), []

    class Saved:
        def __init__(self, tensor):
            self.tensor = tensor
            alive.add(id(self))
            most.append(len(alive))

        def __del__(self):
            alive.discard(id(self))

    def gathered(parts, share):
        one = w.detach().clone().requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(Saved, lambda saved: saved.tensor):
            for part, answers in zip(inputs.split(parts), targets.split(parts)):
                assert not alive
                (((part @ one - answers) ** 2).mean() * share(part)).backward()
        return one.grad

    whole = gathered(8, lambda part: 1)
    assert torch.allclose(gathered(2, lambda part: 1 / 4), whole) and max(most) == most[0] + 1
    assert [len(part) for part in inputs.split(3)] == [3, 3, 2]
    assert torch.allclose(gathered(3, lambda part: len(part) / 8), whole)
    assert not torch.allclose(gathered(3, lambda part: 1 / 3), whole, rtol=1e-2)


# Leaf tensors


@pytest.mark.claim(zh="默认情况下，只有叶子张量（leaf tensor）留得住 .grad。", en="By default, .grad is kept for leaf tensors only.")
@pytest.mark.claim(zh="要求梯度的张量中，亲手创建的是叶子，由它们算出来的不是。",
                   en="Of the tensors that require a gradient, those that you created are leaves, and those computed from them are not.")
@pytest.mark.claim(zh="不要求梯度的张量也算叶子：", en="A tensor that requires no gradient also counts as a leaf:")
def test_leaves_are_created_or_require_nothing(chapter):
    assert [re.findall(r"True|False", line) for line in lines(chapter, "leaf")] == [["True", "False"], ["True", "True"], ["False", "True"]]
    assert [line.split()[0] for line in lines(chapter, "leaf")] == ["x", "w", "y"]
    assert all(chapter["leaf"].names[name].tolist() == [1, 1, 1] for name in "xwy")
    w = leaf([1.0, 2.0])
    for made in (torch.zeros(2, requires_grad=True), torch.randn(2).requires_grad_()):
        assert made.is_leaf
    computed = w * 2, w.exp(), w[0], w.sum()
    assert not any(t.is_leaf for t in computed) and all(t.requires_grad for t in computed)
    assert torch.ones(2).is_leaf and (torch.ones(2) * 3).is_leaf and w.detach().is_leaf
    kept = w * 2
    middle = kept.exp()
    middle.sum().backward()
    with pytest.warns(UserWarning, match="not a leaf"):
        assert kept.grad is None and middle.grad is None and w.grad is not None


@pytest.mark.claim(zh="x 不要求梯度，也就没有。", en="x requires none and has none.")
@pytest.mark.claim(zh="w 是叶子，有。", en="w is a leaf and has one.")
@pytest.mark.claim(zh="y 不是叶子：它的梯度传下去了，没有留下，PyTorch 还警告了一句。", en="y is not a leaf: its gradient was passed on and not kept, and PyTorch warns you.")
@pytest.mark.claim(zh="$y^2$ 的导数是 $2y$，而 y 是 2、4、6。", en="The derivative of $y^2$ is $2y$, and y is 2, 4, 6.")
def test_who_has_a_gradient_after_backward(chapter):
    names = chapter["non-leaf-grad"].names
    assert not names["x"].requires_grad and names["w"].is_leaf and not names["y"].is_leaf
    assert lines(chapter, "non-leaf-grad") == ["x: None", "w: tensor([1., 1., 1.])", "y: None"]  # what passed through y reached w
    (warning,) = chapter["non-leaf-grad"].warnings
    assert "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed" in warning
    y = chapter["retain-grad"].names["y"]
    assert y.tolist() == [2, 4, 6] and chapter["retain-grad"].value is y.grad
    np.testing.assert_allclose(y.grad.numpy(), difference(lambda y: (y**2).sum(), [2.0, 4.0, 6.0]), rtol=1e-6)


@pytest.mark.claim(zh="想留下它，就在 backward() 之前调用 retain_grad()：", en="To keep it, call retain_grad() before backward():")
def test_retain_grad_works_before_backward_only():
    for early in (True, False):
        y = leaf([1.0]) * 2
        if early:
            y.retain_grad()
        y.sum().backward()
        if early:
            assert y.grad == 1
        else:
            y.retain_grad()
            assert y.grad is None


# Switching autograd off


@pytest.mark.claim(zh="有了梯度，就可以更新参数了。", en="With the gradient, you can update the parameters.")
@pytest.mark.claim(zh="-= 是原地操作。", en="-= works in place.")
@pytest.mark.claim(zh="要是记下来，叶子 w 就成了算出来的结果。", en="If it were recorded, the leaf w would become a result.")
@pytest.mark.claim(zh="这一步根本不该记，所以放进 torch.no_grad()：", en="The update should not be recorded at all, so put it under torch.no_grad():")
def test_a_recorded_update_would_make_the_leaf_a_result(chapter):
    error = chapter["update-error"].error
    assert isinstance(error, RuntimeError) and "a leaf Variable that requires grad is being used in an in-place operation" in str(error)
    w, t = leaf([1.0, 2.0]), torch.ones(2)
    same, memory = t, t.data_ptr()
    t -= 0.1 * w  # recorded, as w requires a gradient
    assert t is same and t.data_ptr() == memory
    assert not t.is_leaf and type(t.grad_fn).__name__ == "SubBackward0"
    before = (w**2).sum()
    before.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    assert w.is_leaf and w.grad_fn is None and (w**2).sum() < before


@pytest.mark.claim(zh="w 更新了，而且还要求梯度；在 no_grad 里算出来的 y 不带图。",
                   en="w is updated and still requires a gradient, while y, computed under no_grad, has no graph.")
@pytest.mark.claim(zh="优化器的 step() 也是这样做的。", en="The step() of an optimizer does the same.")
def test_an_update_under_no_grad_leaves_a_leaf(chapter):
    assert chapter["update-error"].code.strip() in chapter["no-grad"].code  # the very statement that was refused
    w, y = chapter["no-grad"].names["w"], chapter["no-grad"].names["y"]
    expected = [1 - 0.1 * 8, 2 - 0.1 * 16, 3 - 0.1 * 24]
    assert w.tolist() == pytest.approx(expected) and y.tolist() == pytest.approx([2 * n for n in expected])
    assert w.requires_grad and w.is_leaf and y.grad_fn is None and not y.requires_grad
    p = leaf([1.0])
    p.sum().backward()
    torch.optim.SGD([p], lr=0.1).step()
    assert p.is_leaf and p.requires_grad and p.grad_fn is None and p.item() == pytest.approx(0.9)


@pytest.mark.claim(zh="no_grad 管一段代码。", en="no_grad covers a block of code.")
@pytest.mark.claim(zh="detach() 让一个张量脱离图，算作常数：", en="detach() cuts one tensor off the graph, so that it counts as a constant:")
@pytest.mark.claim(zh="这里第二个 x 是常数 3，$3x$ 的导数是 3；不写 detach()，得到的就是 $2x = 6$。",
                   en="The second x is the constant 3 here, and the derivative of $3x$ is 3; without detach(), $2x = 6$ would come out.")
@pytest.mark.claim(zh="detach() 返回的张量和原来的共用内存；要一份副本，写 w.detach().clone()。",
                   en="What detach() returns shares its memory with the original; for a copy, write w.detach().clone().")
def test_detach_cuts_one_tensor_and_shares_its_memory(chapter):
    assert chapter["detach"].value.item() == pytest.approx(difference(lambda x: x * 3.0, 3.0)) == 3
    x = leaf(3.0)
    (x * x).backward()
    assert x.grad.item() == pytest.approx(difference(lambda x: x * x, 3.0)) == 6
    with torch.no_grad():
        inside = x * 2, x.exp(), x + x
    assert not any(t.requires_grad for t in inside) and (x * 2).requires_grad
    w = leaf([1.0, 2.0])
    view, copy = w.detach(), w.detach().clone()
    assert not view.requires_grad and w.requires_grad
    view[0] = 100
    assert w[0] == 100 and copy.tolist() == [1, 2] and not copy.requires_grad


@pytest.mark.claim(zh="用训练好的模型做预测，还有更严格的 torch.inference_mode()：", en="To predict with a trained model, there is the stricter torch.inference_mode():")
@pytest.mark.claim(zh="两个结果都不要求梯度。", en="Neither result requires a gradient.")
@pytest.mark.claim(zh="但 sealed 是推理张量（inference tensor）：它没有版本计数，开销更小，可是也存不进任何图：",
                   en="But sealed is an inference tensor: it has no version counter, which saves overhead, and no graph can save it:")
@pytest.mark.claim(zh="报错给了两条出路：复制一份，或者改用 no_grad。", en="The message names two ways out: a clone, or no_grad.")
def test_an_inference_tensor_cannot_be_saved(chapter):
    assert lines(chapter, "inference") == ["False False"]
    names = chapter["inference"].names
    plain, sealed = names["plain"], names["sealed"]
    assert sealed.is_inference() and not plain.is_inference() and plain._version == 0
    with pytest.raises(RuntimeError, match="do not track version counter"):
        _ = sealed._version
    doc = " ".join(torch.inference_mode.__doc__.split())
    for words in ("model evaluation", "it removes additional overhead by disabling view tracking and version counter bumps", "more restrictive"):
        assert words in doc
    error = str(chapter["inference-error"].error)
    assert "Inference tensors cannot be saved for backward" in error and "make a clone" in error and "use `torch.no_grad()` instead" in error
    w = torch.ones(3, requires_grad=True)
    for operation in (lambda: w * sealed, lambda: w / sealed, lambda: w @ sealed, lambda: w**sealed):
        with pytest.raises(RuntimeError, match="Inference tensors cannot be saved"):
            operation()
    (w * sealed.clone() + w * plain).sum().backward()
    assert w.grad.tolist() == [4, 4, 4]
    assert names["w"].grad.tolist() == [2, 2, 2]


@pytest.mark.claim(zh="管什么 | 一段代码 | 一段代码 | 一个张量", en="It covers | a block of code | a block of code | one tensor")
@pytest.mark.claim(zh="结果能存进图里吗 | 能 | 不能 | 能", en="A graph can save the result | yes | no | yes")
@pytest.mark.claim(zh="用来做什么 | 更新参数 | 训练之后做预测 | 让一个张量脱离图", en="Use it to | update parameters | predict after training | cut off one tensor")
@pytest.mark.claim(zh="拿不准就用 no_grad。", en="When in doubt, take no_grad.")
def test_what_each_of_the_three_is_for():
    w = leaf([1.0, 2.0])
    results = []
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            first, second = w * 2, w.sum()
        assert not first.requires_grad and not second.requires_grad and (w * 2).requires_grad
        results.append(first)
    results.append((w * 2).detach())
    assert not hasattr(torch.Tensor.detach, "__enter__")
    for result, works in zip(results, (True, False, True), strict=True):
        if works:
            assert (w * result).requires_grad
        else:
            with pytest.raises(RuntimeError, match="cannot be saved"):
                _ = w * result
    net, seen = torch.nn.Linear(2, 1), torch.ones(1, 2)
    with torch.inference_mode():
        assert torch.equal(net(seen), net(seen).detach())
    with torch.no_grad():
        w -= 1
    assert w.tolist() == [0, 1]
    assert "You can always use :class:`~no_grad` instead" in " ".join(torch.inference_mode.__doc__.split())


@pytest.mark.claim(zh="预测之前，你还会写 net.eval()。", en="Before predicting you will also write net.eval().")
@pytest.mark.claim(zh="评估模式改变某些层的行为，但不会关掉求导。", en="Evaluation mode changes how some layers behave, but does not disable gradients.")
def test_evaluation_mode_does_not_turn_autograd_off():
    assert "you must explicitly set your model to evaluation mode using `model.eval()`" in " ".join(torch.inference_mode.__doc__.split())
    x = torch.ones(1, 200)
    linear, dropout = torch.nn.Linear(200, 1), torch.nn.Dropout()
    trained = linear(x), dropout(x)
    linear.eval(), dropout.eval()
    assert torch.equal(linear(x), trained[0]) and not torch.equal(dropout(x), trained[1])
    assert linear(x).requires_grad


# In place


@pytest.mark.claim(zh="$e^x$ 的导数是 $e^x$，所以 exp 把自己的结果存起来，留给反向传播。",
                   en="The derivative of $e^x$ is $e^x$, so exp saves its own result for the backward pass.")
@pytest.mark.claim(zh="普通张量都会数自己被原地改过几次。", en="Every ordinary tensor counts its in-place changes.")
@pytest.mark.claim(zh="存的时候是 0 版，用的时候是 1 版，所以 PyTorch 报错，不给你一个错的梯度。",
                   en="The result was saved at version 0 and found at version 1, so PyTorch raises an error instead of returning a wrong gradient.")
def test_changing_what_exp_saved_raises(chapter):
    error = chapter["in-place-error"].error
    assert isinstance(error, RuntimeError) and "modified by an inplace operation" in str(error)
    assert "is at version 1; expected version 0" in str(error) and chapter["in-place-error"].names["w"].grad is None
    assert chapter["in-place-error"].names["y"].tolist() == pytest.approx([math.e + 1] * 3)
    w = leaf([1.0, 1.0])
    y = w.exp()
    assert y.grad_fn._saved_result.data_ptr() == y.data_ptr()
    np.testing.assert_allclose(difference(lambda x: np.exp(x).sum(), [1.0, -2.0]), np.exp([1.0, -2.0]), rtol=1e-6)
    t = torch.zeros(2)
    for changes in range(3):
        assert t._version == changes
        t += 1
    y.data += 1  # behind the back of the counter
    y.sum().backward()
    assert w.grad.tolist() == pytest.approx([math.e + 1] * 2)  # the wrong gradient


@pytest.mark.claim(zh="改成 y = y + 1 就行，它造一个新张量。", en="The cure is y = y + 1, which makes a new tensor.")
@pytest.mark.claim(zh="导数用不着的数，比如 w * 2 的结果，原地改了也不报错。",
                   en="Changing in place what no derivative needs, such as the result of w * 2, raises no error.")
def test_a_new_tensor_and_what_is_not_needed_raise_nothing():
    w = leaf([1.0, 1.0])
    y = before = w.exp()
    y = y + 1
    assert y is not before and y.data_ptr() != before.data_ptr()
    y.sum().backward()
    assert w.grad.tolist() == pytest.approx([math.e] * 2)
    w = leaf([1.0, 1.0])
    y = w * 2
    y += 1
    y.sum().backward()
    assert w.grad.tolist() == [2, 2]


# Hooks


@pytest.mark.claim(zh="钩子（hook）是一个函数，反向传播时拿着梯度调用它：", en="A hook is a function that is called with a gradient during the backward pass:")
@pytest.mark.claim(zh="print 返回 None，所以 y 处的梯度原样往下传。", en="print returns None, so the gradient at y goes on unchanged.")
@pytest.mark.claim(zh="要是钩子返回一个张量，它就顶替原来的梯度：clamp 把 8、16、24 限制在 10 以内，成了 8、10、10。",
                   en="If a hook returns a tensor, it replaces the gradient: limited to 10 by clamp, 8, 16, 24 became 8, 10, 10.")
def test_hooks_see_and_replace_gradients(chapter, capsys):
    assert lines(chapter, "hooks") == ["at y: tensor([ 4.,  8., 12.])", "w.grad: tensor([ 8., 10., 10.])"]
    assert print() is None
    w, seen = leaf([1.0, 2.0, 3.0]), []
    y = w * 2
    y.register_hook(seen.append)  # returns None
    loss = (y**2).sum()
    assert not seen
    loss.backward()
    np.testing.assert_allclose(seen[0].numpy(), difference(lambda y: (y**2).sum(), [2.0, 4.0, 6.0]), rtol=1e-6)
    assert w.grad.tolist() == [8, 16, 24]
    assert np.minimum(w.grad.numpy(), 10).tolist() == chapter["hooks"].names["w"].grad.tolist() == [8, 10, 10]


# What became of Variable


@pytest.mark.ledger("n1-17")
@pytest.mark.claim(zh="张量要先包成 Variable 才能求导；光是张量，不行。", en="A tensor must be wrapped in Variable before it can be differentiated; a bare tensor cannot be.")
@pytest.mark.claim(zh="早年的确如此，直到 0.4 版把 Variable 并进张量。", en="So it was until version 0.4 merged Variable into the tensor.")
@pytest.mark.claim(zh="旧代码仍然能跑：", en="Old code still runs:")
@pytest.mark.claim(zh="Variable(…) 返回的就是普通的 Tensor，没包过的 t 也算 Variable。",
                   en="Variable(...) returns a plain Tensor, and t, never wrapped, counts as a Variable too.")
def test_variable_hands_back_a_plain_tensor(chapter):
    assert row("n1-17")["said"]["en"] == "Tensors must be wrapped in `Variable` to be differentiated; a bare tensor cannot be."
    assert fact("foundations/autograd", "variable merged") == 0.4
    names = chapter["variable"].names
    assert type(names["wrapped"]) is torch.Tensor and type(names["t"]) is torch.Tensor and isinstance(names["t"], names["Variable"])
    assert lines(chapter, "variable")[0] == "Tensor True" and not chapter["variable"].warnings
    assert numbers(chapter["variable"].stdout.split("\n", 1)[1]) == [4.5] * 4 and torch.equal(names["wrapped"].grad, torch.full((2, 2), 4.5))
    np.testing.assert_allclose(difference(notes, np.ones((2, 2))), 4.5, rtol=1e-6)
    assert not any("Variable" in chapter[cell].code for cell in chapter if cell != "variable")


@pytest.mark.ledger("n1-17")
@pytest.mark.claim(zh="新代码里写 requires_grad=True，或者事后用 t.requires_grad_()。", en="In new code write requires_grad=True, or t.requires_grad_() afterwards.")
@pytest.mark.claim(zh="报错里的 Variable，读作“张量”就好。", en="Where an error says Variable, read “tensor”.")
def test_a_bare_tensor_can_be_differentiated_and_is_called_variable_in_errors(chapter):
    bare, later = torch.ones(2, 2, requires_grad=True), torch.ones(2, 2)
    later.requires_grad_()
    for t in (bare, later):
        chapter["nudge"].names["f"](t).backward()
        np.testing.assert_allclose(t.grad.numpy(), difference(notes, np.ones((2, 2))), rtol=1e-6)
    assert "a leaf Variable" in str(chapter["update-error"].error) and type(chapter["update-error"].names["w"]) is torch.Tensor


# Build one yourself


@pytest.mark.claim(zh="和的导数对两边都是 1；积对一边的导数是另一边；$x^n$ 的导数是 $n x^{n-1}$。",
                   en="For a sum the slope is 1 on both sides; for a product it is the other side; for $x^n$ it is $n x^{n-1}$.")
@pytest.mark.claim(zh="每个数记住自己由谁算出来，以及对它们的导数，代码里叫 slope：",
                   en="Each number remembers what it was made from, with the derivative towards it, here called slope:")
def test_a_scalar_remembers_its_parents_and_slopes(chapter):
    Scalar = chapter["engine-scalar"].names["Scalar"]
    p, q = Scalar(0.6), Scalar(-1.7)
    for made, value, parents in ((p + q, -1.1, {p: 1, q: 1}), (p * q, -1.02, {p: -1.7, q: 0.6}), (p**3, 0.216, {p: 3 * 0.6**2})):
        assert made.value == pytest.approx(value) and made.grad == 0
        assert dict(made.parents) == {parent: pytest.approx(slope) for parent, slope in parents.items()}
    by_difference = difference(lambda x: x[0] * x[1], [0.6, -1.7])
    assert [slope for _, slope in (p * q).parents] == pytest.approx(by_difference)
    assert p.parents == ()


@pytest.mark.claim(zh="一个数要等所有路径的梯度都到齐，才能往前传。", en="A number may send its gradient on only when all paths to it have delivered theirs.")
@pytest.mark.claim(zh="所以需要拓扑排序（topological sort）：每个数都排在算出它的那些数后面。",
                   en="So we need a topological order, in which everything stands after what it was made from:")
@pytest.mark.claim(zh="反向传播就倒着走这个次序：", en="The backward pass takes this order in reverse:")
@pytest.mark.claim(zh="ordered 先排算出它的那些数，最后才排这个数自己。", en="ordered appends the parents first, and the number itself last.")
def test_the_order_puts_origins_first_and_matters(chapter):
    names = chapter["engine-torch"].names
    Scalar, ordered, backward = names["Scalar"], names["ordered"], names["backward"]

    def branches():
        w = Scalar(2.0)
        a = w * Scalar(3.0)
        return w, a, a + a**2

    w, _, c = branches()
    order = ordered(c, [])
    for place, scalar in enumerate(order):
        assert all(order.index(parent) < place for parent, _ in scalar.parents)
    assert len(order) == len(set(order)) == 5 and order[-1] is c

    def walk(end, order):
        end.grad = 1.0
        for scalar in order:
            for parent, slope in scalar.parents:
                parent.grad += slope * scalar.grad

    walk(c, reversed(order))
    assert w.grad == 39
    w, a, c = branches()
    early = [c, a, *(parent for parent, _ in c.parents if parent is not a)]  # a sends before the square has delivered
    walk(c, early)
    assert w.grad != 39
    w, _, c = branches()
    backward(c)
    assert w.grad == 39


@pytest.mark.claim(zh="有了两条规则，就能写一个标量的引擎。", en="With the two rules, write an engine for scalars.")
@pytest.mark.claim(zh="* 是沿路径相乘，+= 是在会合处相加。", en="* multiplies along a path, += adds where paths meet.")
@pytest.mark.claim(zh="输出是 42、13、39，和图上一样。", en="The output is 42, 13 and 39, as in the figure.")
@pytest.mark.claim(zh="反向传播只有两条规则：沿路径相乘，在会合处相加。", en="Backpropagation has two rules: multiply along a path, add where paths meet.")
def test_the_engine_multiplies_along_paths_and_adds_where_they_meet(chapter):
    assert numbers(chapter["engine-backward"].stdout) == [42, 13, 39]
    figure = chapter["graph-figure"].names
    assert [figure["c"].item(), sum(g[0].item() for g in figure["sent"].values() if g and g[0].item() != 39), figure["w"].grad.item()] == [42, 1 + 12, 39]
    names = chapter["engine-torch"].names
    Scalar, backward = names["Scalar"], names["backward"]
    x = Scalar(1.5)
    y = x**2
    z = y * Scalar(5.0)
    backward(z + y)  # two paths: 5 * 2x and 1 * 2x
    assert x.grad == 5 * 3 + 1 * 3


@pytest.mark.claim(zh="换一个大些的式子，和 PyTorch 比：", en="A larger formula, compared with PyTorch:")
@pytest.mark.claim(zh="左边是我们的梯度，右边是 PyTorch 的，两边一致。", en="Our gradients are on the left, PyTorch’s on the right, and they agree.")
@pytest.mark.claim(zh="参数再多，一次 backward() 也能全部回答。", en="However many parameters there are, one backward() answers for all of them.")
@pytest.mark.claim(zh="这一章拆开这次调用，再写一个做同样事情的引擎。", en="In this chapter we take that call apart and build an engine that does the same.")
def test_the_engine_does_what_backward_does(chapter):
    names = chapter["engine-torch"].names
    Scalar, backward, formula = names["Scalar"], names["backward"], names["formula"]
    assert [numbers(line) for line in lines(chapter, "engine-torch")] == [[one.grad, other.grad.item()] for one, other in zip(names["ours"], names["theirs"])]
    assert len(lines(chapter, "engine-torch")) == 2

    def plain(x):
        s = x[0] * x[1] + x[0]
        return s**3 * x[1] + s

    at = [one.value for one in names["ours"]]
    assert [one.grad for one in names["ours"]] == pytest.approx(difference(plain, at)) and len(nodes(formula(*names["theirs"]).grad_fn)) > 5
    operations = (formula, lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a**3 + b, lambda a, b: a * a + b * b, lambda a, b: (a * b + a) ** 2 * a + b)
    for operation in operations:
        ours, theirs = [Scalar(n) for n in (0.6, -1.7)], [torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in (0.6, -1.7)]
        backward(operation(*ours))
        operation(*theirs).backward()
        assert [one.grad for one in ours] == pytest.approx([other.grad.item() for other in theirs], rel=1e-12)
    many = [leaf(float(n)) for n in range(50)]
    sum(n * n for n in many).backward()
    assert [n.grad.item() for n in many] == [2.0 * n for n in range(50)]


# Common errors


@pytest.mark.parametrize(("cell", "kind", "message"), [
    ("vector-error", RuntimeError, "created only for scalar outputs"),
    ("once-error", RuntimeError, "backward through the graph a second time"),
    ("update-error", RuntimeError, "a leaf Variable that requires grad"),
    ("in-place-error", RuntimeError, "modified by an inplace operation"),
    ("inference-error", RuntimeError, "Inference tensors cannot be saved"),
    ("no-graph-error", RuntimeError, "does not require grad"),
    ("integer-error", RuntimeError, "Only Tensors of floating point"),
    ("numpy-error", RuntimeError, "Can't call numpy()"),
])
def test_errors_say_what_the_table_says(chapter, cell, kind, message):
    assert type(chapter[cell].error) is kind and message in str(chapter[cell].error)


@pytest.mark.claim(zh="忘了 requires_grad=True，或者整段计算都在 no_grad 里：", en="requires_grad=True was forgotten, or everything was computed under no_grad:")
@pytest.mark.claim(zh="整数不能带梯度。", en="Integers cannot carry a gradient.")
@pytest.mark.claim(zh="把 1 写成 1.0：", en="Write 1.0 instead of 1:")
@pytest.mark.claim(zh="NumPy 不做记录，所以 PyTorch 要你先让张量脱离图：", en="NumPy records nothing, so PyTorch makes you cut the tensor off first:")
def test_what_causes_the_errors_and_what_cures_them(chapter):
    assert not chapter["no-graph-error"].names["w"].requires_grad
    with torch.no_grad():
        graphless = leaf(1.0) * 2
    for end in (graphless, torch.ones(()) * 2):
        with pytest.raises(RuntimeError, match="does not require grad"):
            end.backward()
    for dtype in (torch.int8, torch.int32, torch.int64):
        with pytest.raises(RuntimeError, match="Only Tensors of floating point"):
            torch.tensor([1, 2, 3], dtype=dtype, requires_grad=True)
    assert torch.tensor([1.0, 2.0, 3.0], requires_grad=True).requires_grad
    assert "Use tensor.detach().numpy() instead" in str(chapter["numpy-error"].error)
    doubled = chapter["numpy-error"].names["w"].detach().numpy() * 2
    assert doubled.tolist() == [2, 2, 2]
    assert type(doubled) is np.ndarray and not hasattr(doubled, "grad_fn")


@pytest.mark.claim(zh="有一个错不报错：total += loss 会把每一步的图都留在内存里。",
                   en="One mistake raises no error: total += loss keeps the graph of every step in memory.")
@pytest.mark.claim(zh="写 total += loss.item()。", en="Write total += loss.item().")
def test_a_total_of_losses_keeps_their_graphs_and_item_does_not():
    w, total, plain = leaf(2.0), 0.0, 0.0
    for steps in range(1, 4):
        loss = w**2
        total += loss
        plain += loss.item()
        assert sum(type(node).__name__ == "PowBackward0" for node in nodes(total.grad_fn)) == steps
    assert total.item() == plain == 3 * 2.0**2 and type(plain) is float


@pytest.mark.claim(zh="created only for scalar outputs | 结果有好几个数 | 先 .mean() 或 .sum()，或者给一个 v",
                   en="created only for scalar outputs | the result has several numbers | call .mean() or .sum() first, or pass a v")
@pytest.mark.claim(zh="backward through the graph a second time | 存的值已经释放了 | 重新做一遍前向",
                   en="backward through the graph a second time | the saved values were freed | run the forward pass again")
@pytest.mark.claim(zh="a leaf Variable that requires grad | 原地改了叶子 | 用 torch.no_grad()",
                   en="a leaf Variable that requires grad | a leaf was changed in place | use torch.no_grad()")
def test_the_first_rows_of_the_table():
    for reduce in (torch.mean, torch.sum):
        reduce(leaf([1.0, 2.0]) * 2).backward()
    with pytest.raises(RuntimeError, match="created only for scalar outputs"):
        (leaf([1.0, 2.0]) * 2).backward()
    (leaf([1.0, 2.0]) * 2).backward(torch.ones(2))
    w = leaf(3.0)
    for _ in range(2):
        y = w**2
        y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time.*have already been freed"):
        y.backward()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        w += 1
    with torch.no_grad():
        w += 1
    assert w == 4


@pytest.mark.claim(zh="modified by an inplace operation | 存的值被改了 | 造一个新张量",
                   en="modified by an inplace operation | a saved value was changed | make a new tensor")
@pytest.mark.claim(zh="Inference tensors cannot be saved | 图要用到推理张量 | .clone()，或改用 no_grad",
                   en="Inference tensors cannot be saved | a graph needs an inference tensor | .clone(), or no_grad")
@pytest.mark.claim(zh="does not require grad | 没有图 | 查 requires_grad 和 no_grad",
                   en="does not require grad | there is no graph | check requires_grad and no_grad")
def test_the_middle_rows_of_the_table():
    w = leaf([1.0, 2.0])
    y = w.tanh()
    y *= 2
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    (w.tanh() * 2).sum().backward()
    with torch.inference_mode():
        sealed = torch.ones(2)
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved"):
        _ = w * sealed
    with torch.no_grad():
        plain = torch.ones(2)
    assert (w * sealed.clone()).requires_grad and (w * plain).requires_grad
    assert (w + sealed).requires_grad  # a sum needs it not
    with pytest.raises(RuntimeError, match="does not require grad"):
        plain.sum().backward()


@pytest.mark.claim(zh="Only Tensors of floating point | 整数不能要求梯度 | 换成浮点类型",
                   en="Only Tensors of floating point | integers cannot require a gradient | use a floating-point dtype")
@pytest.mark.claim(zh="Can't call numpy() | 张量要求梯度 | .detach().numpy()", en="Can't call numpy() | the tensor requires a gradient | .detach().numpy()")
@pytest.mark.claim(zh="can't optimize a non-leaf Tensor | 参数是算出来的 | 先算好，再 .requires_grad_()",
                   en="can't optimize a non-leaf Tensor | the parameter was computed | compute first, then .requires_grad_()")
def test_the_last_rows_of_the_table():
    whole = torch.arange(3)
    with pytest.raises(RuntimeError, match="(?i)only Tensors of floating point"):
        whole.requires_grad_()
    assert whole.float().requires_grad_().requires_grad
    with pytest.raises(RuntimeError, match=re.escape("Can't call numpy()")):
        leaf([1.0]).numpy()
    assert leaf([1.0]).detach().numpy() == torch.ones(1).numpy() == 1
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        torch.optim.SGD([torch.ones(3, requires_grad=True) * 0.01], lr=0.1)
    w = (torch.ones(3) * 0.01).requires_grad_()
    assert torch.optim.SGD([w], lr=0.1).param_groups[0]["params"][0] is w and w.is_leaf


# Summary


@pytest.mark.claim(zh="运算留下节点，连成图；backward() 沿图上的路径相乘，在会合处相加。",
                   en="Operations leave nodes, which form the graph. backward() multiplies along its paths and adds where they meet.")
@pytest.mark.claim(zh="从标量反向传播，第一个数是 1；结果有好几个数，就要给一个 v。",
                   en="From a scalar the backward pass begins with 1; a result of several numbers needs a v.")
@pytest.mark.claim(zh="梯度是加进叶子的 .grad 的：每次 backward() 之前先 zero_grad()，要攒一个大批次时除外。",
                   en="Gradients are added to the .grad of leaves: call zero_grad() before each backward(), except to gather a large batch.")
@pytest.mark.claim(zh="更新参数用 no_grad，做预测用 inference_mode，让一个张量脱离图用 detach。",
                   en="Use no_grad to update parameters, inference_mode to predict, detach to cut off one tensor.")
def test_the_chapter_in_one_training_step():
    w, x = leaf([1.0, 2.0]), torch.tensor([3.0, 4.0])
    y = w * x
    (y + y**2).sum().backward()
    by_paths = (1 + 2 * y.detach()) * x  # times x along the path, 1 + 2y where two of them meet
    assert torch.equal(w.grad, by_paths) and len(nodes((y + y**2).grad_fn)) == 4
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        (w * x).backward()
    optimizer = torch.optim.SGD([w], lr=0.1)
    (w * x).sum().backward()
    assert torch.equal(w.grad, by_paths + x)  # begins with 1, is added
    optimizer.zero_grad()
    (w * x).backward(torch.ones(2))
    assert torch.equal(w.grad, x)
    with torch.no_grad():
        w -= 0.1 * w.grad
    with torch.inference_mode():
        assert (w * x).is_inference()
    assert w.is_leaf and not w.detach().requires_grad
