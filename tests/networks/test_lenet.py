"""The proof of what docs/*/networks/lenet.md claims."""

import inspect
import math
import re
import warnings
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from tests.facts import fact
from tests.prose import ledger_rows, lines

CONVOLUTIONS, LINEARS = ("conv1", "conv2"), ("fc1", "fc2", "fc3")
PARAMS = {"conv1": 6 * (25 + 1), "conv2": 16 * (6 * 25 + 1), "fc1": 120 * 401, "fc2": 84 * 121, "fc3": 10 * 85}
PRODUCTS = {"conv1": 28 * 28 * 6 * 25, "conv2": 10 * 10 * 16 * 6 * 25, "fc1": 400 * 120, "fc2": 120 * 84, "fc3": 84 * 10}
FORWARD = ["conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "flatten", "fc1", "relu3", "fc2", "relu4", "fc3"]


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.\d+|-?\d+", text.replace(",", ""))]


@cache
def ledger():
    return ledger_rows()


def noted(row, language):
    """What the ledger's row says that the old notes said."""
    return next(entry for entry in ledger() if entry["id"] == row)["said"][language]


def by_windows(x, weight, bias):
    """Convolution of one sample (C, H, W) in NumPy: cut out the windows, multiply, add."""
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(1, 2))  # (C, h, w, kH, kW)
    return np.einsum("chwij,ocij->ohw", windows, weight) + bias[:, None, None]


def by_numpy(net, x):
    """LeNet's scores for one sample (1, 32, 32), with no line of PyTorch."""
    p = {name: value.detach().numpy().astype(float) for name, value in net.named_parameters()}
    for name in CONVOLUTIONS:
        x = np.maximum(by_windows(x, p[f"{name}.weight"], p[f"{name}.bias"]), 0)
        channels, side, _ = x.shape
        x = x.reshape(channels, side // 2, 2, side // 2, 2).max(axis=(2, 4))
    x = x.ravel()
    for name in LINEARS:
        x = p[f"{name}.weight"] @ x + p[f"{name}.bias"]
        x = x if name == "fc3" else np.maximum(x, 0)
    return x


def fresh(chapter):
    """The network as it was first made, before any step, and x for by_numpy."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return chapter["lenet"].names["LeNet"](), chapter["path"].names["x"][0].double().numpy()


def anew(chapter):
    """A LeNet of its own, with other weights and an input."""
    return chapter["lenet"].names["LeNet"](), torch.randn(1, 1, 32, 32)


def accuracy(net, x, y):
    with torch.no_grad():
        return (net(x).argmax(dim=1) == y).double().mean().item()


def nearest(x, train_x, train_y, reach):
    """Labels of the nearest training pictures, each moved by up to `reach`: here the questions are moved instead, which gives the same distances."""
    x, squares, best = x.numpy(), (train_x.numpy() ** 2).sum(axis=(1, 2, 3)), np.full((len(x), len(train_x)), np.inf)
    flat = train_x.numpy().reshape(len(train_x), -1)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            moved = np.roll(x, (-down, -right), axis=(2, 3)).reshape(len(x), -1)
            best = np.minimum(best, (moved**2).sum(axis=1)[:, None] - 2 * moved @ flat.T + squares)  # |a - b|^2
    return train_y.numpy()[best.argmin(axis=1)]


def run_again(chapter, *cells, seed=0, change=lambda code: code):
    """The namespace after running these cells anew, after the seed; `change` rewrites the code of the cell `train`."""
    names = {"__name__": "again"}
    exec(chapter["lenet"].code.replace("torch.manual_seed(0)", f"torch.manual_seed({seed})"), names)
    for cell in cells:
        exec(change(chapter[cell].code) if cell == "train" else chapter[cell].code, names)
    return names


# ---- the network -----------------------------------------------------------------------------


@pytest.mark.claim(zh="一张手写的数字进去，十个分数出来。", en="A handwritten digit goes in, ten scores come out.")
@pytest.mark.claim(zh="LeNet 分两段。", en="LeNet has two halves.")
@pytest.mark.claim(zh="前一段找特征：卷积、ReLU、池化，做两遍。", en="The first finds features: convolution, ReLU, pooling, and the same again.")
@pytest.mark.claim(zh="后一段打分：把特征摊成一行，过三个线性层。",
                   en="The second gives scores: the features are laid out in one row and pass through three linear layers.")
@pytest.mark.ledger("n4-08")
def test_the_network_is_that_of_the_notes(chapter):
    net = chapter["lenet"].names["LeNet"]()
    assert [(name, type(layer)) for name, layer in net.named_children()] == [
        ("conv1", nn.Conv2d), ("conv2", nn.Conv2d), ("fc1", nn.Linear), ("fc2", nn.Linear), ("fc3", nn.Linear)]
    assert {name: tuple(p.shape) for name, p in net.named_parameters()} == {
        "conv1.weight": (6, 1, 5, 5), "conv1.bias": (6,), "conv2.weight": (16, 6, 5, 5), "conv2.bias": (16,),
        "fc1.weight": (120, 400), "fc1.bias": (120,), "fc2.weight": (84, 120), "fc2.bias": (84,),
        "fc3.weight": (10, 84), "fc3.bias": (10,)}
    digit = chapter["digits"].names["images"][:1]
    x = torch.cat([torch.randn(3, 1, 32, 32), digit])
    with torch.no_grad():
        scores = net(x)
    assert scores.shape == (4, 10) and net(digit).shape == (1, 10)
    # by_numpy: twice convolution, ReLU, pooling; a row; three linear layers
    assert np.allclose(scores, [by_numpy(net, sample.double().numpy()) for sample in x], atol=1e-5)


@pytest.mark.claim(zh="`fc` 是 fully connected（全连接）的缩写，也就是线性层。", en="`fc` is short for fully connected, another word for linear.")
@pytest.mark.claim(zh="`forward` 末尾没有 softmax，出来的是 logits。", en="`forward` does not end with a softmax: what comes out are logits.")
def test_the_last_layers_are_linear_and_no_softmax_follows(chapter):
    net, x = anew(chapter)
    assert {name[:2] for name, layer in net.named_children() if isinstance(layer, nn.Linear)} == {"fc"}
    fully = net.fc3.weight.detach().abs() > 0
    assert fully.all()  # each output hangs on each input
    with torch.no_grad():
        net.fc3.bias += torch.linspace(-5, 5, 10)
        scores = net(x)[0]
    assert (scores < 0).any() and abs(scores.sum().item() - 1) > 0.1  # no probabilities
    assert torch.allclose(torch.tensor(by_numpy(net, x[0].double().numpy())).float(), scores, atol=1e-4)


@pytest.mark.claim(
    zh="各层的尺寸和 1998 年的论文一样，零件换成了今天常用的：那时的激活函数是 S 形的，池化里有可学的系数。",
    en="The sizes are those of the paper of 1998, the parts are today’s: back then the activation functions were S-shaped, and pooling had coefficients to learn.")
def test_sizes_and_parts_against_the_paper(chapter):
    paper, shapes = fact("networks/lenet", "paper"), chapter["path"].names["shapes"]
    assert paper["year"] == 1998
    ours = {name: list(shapes[at][1:3]) for name, at in
            {"input": "input", "C1": "conv1", "S2": "pool1", "C3": "conv2", "S4": "pool2"}.items()}
    assert ours == paper["maps"]
    assert [shapes[name][1] for name in LINEARS] == [paper["rows"][name] for name in ("C5", "F6", "output")]
    assert "sigmoid" in paper["activation"] and "trainable coefficient" in paper["pooling"]
    s = torch.tanh(torch.linspace(-4, 4, 99))  # S-shaped: steepest in the middle, flat at both ends, which ReLU is not
    assert s.diff().argmax() in (48, 49) and s.diff()[0] < 0.01 > s.diff()[-1] and F.relu(torch.tensor([4.0, 5.0])).diff() == 1
    assert not list(nn.MaxPool2d(2).parameters())  # nothing to learn in today's pooling


@pytest.mark.claim(zh="用一个辅助函数，把批次以外各轴的长度乘起来，交给 `view`。",
                   en="A helper multiplies the lengths of all axes but the batch, and the product goes to `view`.")
@pytest.mark.claim(zh="算得没错，只是如今一句 `torch.flatten(x, 1)` 就够了：", en="That is right, but these days `torch.flatten(x, 1)` says it all:")
@pytest.mark.claim(zh="一样的 400，一样的结果。", en="The same 400, the same result.")
@pytest.mark.claim(zh="`1` 的意思是从 1 轴开始摊平；0 轴是批次，要留着。",
                   en="The `1` means: flatten from axis 1 on. Axis 0 is the batch, and stays.")
@pytest.mark.ledger("n4-08")
def test_flatten_gives_what_the_helper_of_the_notes_gave(chapter):
    assert lines(chapter, "flatten") == ["400 True"]
    maps = chapter["flatten"].names["maps"]
    assert maps.shape == (3, 16, 5, 5) and chapter["flatten"].names["count"] == math.prod((16, 5, 5))

    def helper(x):  # as in the official tutorial that the notes followed
        features = 1
        for size in x.size()[1:]:
            features *= size
        return x.view(-1, features)

    for shape in ((3, 16, 5, 5), (7, 2, 3), (1, 4, 1, 6)):
        x = torch.randn(shape)
        assert torch.equal(helper(x), torch.flatten(x, 1)) and np.array_equal(torch.flatten(x, 1), x.numpy().reshape(shape[0], -1))
    assert torch.flatten(maps, 1).shape == (3, 400)
    assert torch.flatten(maps).shape == (1200,) and torch.flatten(maps, 2).shape == (3, 16, 25)  # from another axis
    assert "辅助函数" in noted("n4-08", "zh") and "a helper that multiplies" in noted("n4-08", "en")


# ---- the shapes ------------------------------------------------------------------------------


@pytest.mark.claim(zh="这一章末尾的三种常见报错，说的全是形状。", en="The three common errors at the end of this chapter are all about shapes.")
@pytest.mark.claim(zh="最后的 `True` 是说：这样走，和 `forward` 走的是同一条路。",
                   en="The `True` at the end says that this walk and `forward` take the same road.")
@pytest.mark.claim(zh="所以先把 `forward` 里的每一步排成一列，走一步，打印一次：",
                   en="So first line up the steps of `forward`, take them one at a time, and print:")
@pytest.mark.ledger("n0-13")
def test_the_steps_of_forward_taken_one_at_a_time(chapter):
    assert [name for name in chapter["path"].names["path"]] == FORWARD
    assert lines(chapter, "path")[-1] == "True" and len(lines(chapter, "path")) == len(FORWARD) + 1
    names = chapter["path"].names
    assert names["x"].shape == (1, 1, 32, 32)
    whole, steps = names["net"](names["x"]), names["x"]
    for step in names["path"].values():
        steps = step(steps)
    assert torch.equal(whole, steps)
    taken = []  # the layers that forward calls, in order
    net, x = anew(chapter)
    for name, layer in net.named_children():
        layer.register_forward_hook(lambda *_, name=name: taken.append(name))
    net(x)
    assert taken == [name for name in FORWARD if name in PARAMS]
    errors = [str(ran.error) for ran in chapter.values() if ran.error]
    assert len(set(errors)) == len(errors) == 3 and all(name.endswith("-error") for name, ran in chapter.items() if ran.error)
    assert all(re.search(r"shapes cannot be multiplied|to have 1 channels, but got 5", error) for error in errors)


@pytest.mark.claim(zh="5 × 5 的核站不到边上，每次卷积让边长少 4；池化让它减半：32 → 28 → 14 → 10 → 5。",
                   en="A 5 × 5 kernel cannot stand on the edge, so each convolution costs 4 cells a side; pooling halves what is left: 32 → 28 → 14 → 10 → 5.")
@pytest.mark.claim(zh="最后剩 16 张 5 × 5 的特征图，16 × 5 × 5 = 400，`fc1` 的第一个数就是这么来的。",
                   en="In the end there are 16 feature maps of 5 × 5, and 16 × 5 × 5 = 400 is where the first number of `fc1` comes from.")
@pytest.mark.claim(
    zh="LeNet：卷积、ReLU、池化两遍，`torch.flatten(x, 1)`，三个线性层；32 → 28 → 14 → 10 → 5，再 400 → 120 → 84 → 10。",
    en="LeNet: convolution, ReLU and pooling, twice; `torch.flatten(x, 1)`; three linear layers; 32 → 28 → 14 → 10 → 5, then 400 → 120 → 84 → 10.")
@pytest.mark.claim(zh="走到最后，“在哪里”只剩 5 × 5 个位置可说，“有什么”却有 16 张图来说。",
                   en="In the end only 5 × 5 places are left to say “where”, but 16 maps say “what”.")
@pytest.mark.ledger("n0-13")
def test_the_shape_at_every_stop(chapter):
    sides, heights = [32], by_windows(np.zeros((1, 32, 32)), np.zeros((6, 1, 5, 5)), np.zeros(6)).shape
    for _ in range(2):
        sides += [sides[-1] - 4, (sides[-1] - 4) // 2]
    assert sides == [32, 28, 14, 10, 5] and heights == (6, 28, 28)
    assert lines(chapter, "path")[:-1] == [
        f"{name:8} {shape}" for name, shape in [
            ("conv1", (1, 6, 28, 28)), ("relu1", (1, 6, 28, 28)), ("pool1", (1, 6, 14, 14)),
            ("conv2", (1, 16, 10, 10)), ("relu2", (1, 16, 10, 10)), ("pool2", (1, 16, 5, 5)), ("flatten", (1, 400)),
            ("fc1", (1, 120)), ("relu3", (1, 120)), ("fc2", (1, 84)), ("relu4", (1, 84)), ("fc3", (1, 10))]]
    net = chapter["lenet"].names["LeNet"]()
    assert (net.fc1.in_features, 16 * 5 * 5) == (400, 400) and net.conv1.padding == net.conv2.padding == (0, 0)
    seen = [name.rstrip("1234") for name in FORWARD]
    assert seen == ["conv", "relu", "pool"] * 2 + ["flatten", "fc", "relu", "fc", "relu", "fc"]


@pytest.mark.claim(zh="上半幅是五叠正方形，从一张 32 × 32 到十六张 5 × 5：边长一叠比一叠小，张数从 1 到 6 再到 16。",
                   en="In the upper half, five stacks of squares, from one of 32 by 32 to sixteen of 5 by 5: from stack to stack the sides get shorter, and the counts go from 1 to 6 to 16.")
@pytest.mark.claim(zh="下半幅是四根横条，长 400、120、84、10。", en="In the lower half, four bars, 400, 120, 84 and 10 long.")
@pytest.mark.claim(zh="上面的特征图，下面摊平以后的数，各按比例画。", en="Feature maps above, flattened numbers below, each drawn to its own scale.")
@pytest.mark.claim(zh="ReLU 不改形状，没有画。", en="ReLU changes no shape and is left out.")
def test_the_figure_is_drawn_to_scale(chapter):
    (figure,) = chapter["path-figure"].figures
    upper, lower = figure.axes
    assert upper.get_position().y0 > lower.get_position().y1
    stacks = [sum(p.get_width() == side for p in upper.patches) for side in (32, 28, 14, 10, 5)]
    assert stacks == [1, 6, 6, 16, 16] and len(upper.patches) == sum(stacks)
    spans = [[(p.get_x(), p.get_x() + side) for p in upper.patches if p.get_width() == side] for side in (32, 28, 14, 10, 5)]
    ends = [(min(left for left, _ in span), max(right for _, right in span)) for span in spans]
    assert all(before < after for (_, before), (after, _) in zip(ends, ends[1:]))  # from left to right, and apart
    low, high = upper.get_xlim()
    assert 0 < ends[0][0] - low == pytest.approx(high - ends[-1][1])  # nothing cut off, the same room on both sides
    assert all(p.get_width() == p.get_height() for p in upper.patches) and upper.get_aspect() == 1
    labels = [t.get_text() for t in upper.texts]
    assert labels == ["input\n1×32×32", "conv1\n6×28×28", "pool1\n6×14×14", "conv2\n16×10×10", "pool2\n16×5×5"]
    bars = {t.get_text(): bar.get_width() for t, bar in zip(lower.get_yticklabels(), lower.patches)}
    assert list(reversed(bars.items())) == [("flatten", 400), ("fc1", 120), ("fc2", 84), ("fc3", 10)]
    assert len({bar.get_x() for bar in lower.patches}) == 1 and len(lower.patches) == 4
    shapes = chapter["path"].names["shapes"]
    assert all(shapes[relu] == shapes[before] for relu, before in
               {"relu1": "conv1", "relu2": "conv2", "relu3": "fc1", "relu4": "fc2"}.items())
    assert not any("relu" in text for text in [*labels, *bars])


@pytest.mark.claim(zh="一个卷积核的参数，是每个输入通道 5 × 5 个权重，外加一个偏置。", en="A kernel has 5 × 5 weights for each input channel, and one bias.")
@pytest.mark.claim(zh="线性层的一个输出，是每个输入一个权重，外加一个偏置。",
                   en="An output of a linear layer has one weight for each input, and one bias.")
@pytest.mark.claim(zh="手算一遍，和网络自己数的对一对，顺便算算每层要做多少次乘法：",
                   en="Count by hand, check against the network, and count the multiplications too while we are at it:")
def test_parameters_and_multiplications_counted_by_hand(chapter):
    *table, in_all = [line.replace(",", "").split() for line in lines(chapter, "count")[1:]]
    assert table == [[name, str(PARAMS[name]), str(PARAMS[name]), str(PRODUCTS[name])] for name in PARAMS]
    assert in_all == ["in", "all", "61706", "61706", "416520"]
    assert (sum(PARAMS.values()), sum(PRODUCTS.values())) == (61706, 416520)
    net = chapter["lenet"].names["LeNet"]()
    for name, layer in net.named_children():
        weights, outputs = layer.weight[0], len(layer.weight)
        assert weights.shape == ((layer.in_channels, 5, 5) if name in CONVOLUTIONS else (layer.in_features,))
        assert layer.bias.shape == (outputs,) and PARAMS[name] == outputs * (weights.numel() + 1)
        assert PRODUCTS[name] % (outputs * weights.numel()) == 0


@pytest.mark.claim(zh="两层卷积只占 4% 的参数，却做了 86% 的乘法，因为核虽小，每个位置都要用一遍。",
                   en="The two convolutions own 4% of the parameters and do 86% of the multiplications: a kernel is small, but it is used in every place.")
@pytest.mark.claim(zh="`fc1` 正相反，一层就占去 78% 的参数。", en="`fc1` is the reverse, with 78% of the parameters in one layer.")
@pytest.mark.claim(zh="所以想让网络少占地方，先看线性层；想让它少算，先看卷积层。",
                   en="So to make a network take less room, look at its linear layers first; to make it compute less, at its convolutions.")
@pytest.mark.claim(zh="参数多在线性层，乘法多在卷积层。", en="Most parameters are in the linear layers, most multiplications in the convolutions.")
def test_who_owns_the_parameters_and_who_does_the_work(chapter):
    def share(counts, names):
        return sum(counts[name] for name in names) / sum(counts.values())

    table = {line.split()[0]: numbers(line)[-3:] for line in lines(chapter, "count")[1:-1]}
    params, work = ({name: row[column] for name, row in table.items()} for column in (0, 2))
    assert round(100 * share(params, CONVOLUTIONS)) == 4 and round(100 * share(work, CONVOLUTIONS)) == 86
    assert round(100 * share(params, ["fc1"])) == 78 and share(work, ["fc1"]) < 0.12
    assert share(params, LINEARS) > 0.5 and share(work, CONVOLUTIONS) > 0.5
    assert work["conv1"] / 150 == 28 * 28 and work["fc1"] == params["fc1"] - 120  # a kernel is used in 784 places, a linear weight once


# ---- the way back ----------------------------------------------------------------------------


@pytest.mark.claim(zh="没有损失，也能试试反向传播。", en="Backpropagation can be tried before there is a loss.")
@pytest.mark.claim(zh="输出的形状是 `(1, 10)`，不是标量，所以要你给一个同样形状的起点。",
                   en="The output, of shape `(1, 10)`, is no scalar, so you have to hand in a start of the same shape.")
@pytest.mark.claim(zh="旧笔记给的是随机数：", en="The old notes took random numbers:")
@pytest.mark.ledger("n4-09")
def test_a_start_of_the_shape_of_the_output(chapter):
    names = chapter["random-backward"].names
    assert names["out"].shape == names["v"].shape == (1, 10) and names["v"].unique().numel() == 10
    assert "随机的梯度" in noted("n4-09", "zh") and "random gradients" in noted("n4-09", "en")
    net, x = anew(chapter)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        net(x).backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        net(x).backward(torch.randn(10))


@pytest.mark.claim(zh="第一个 `True`：每个参数都拿到了梯度，路是通的。", en="The first `True`: every parameter got a gradient, the way is open.")
@pytest.mark.claim(zh="第二个：`fc3` 的偏置直接加在分数上，所以它的梯度正好就是我们给的 `v`。",
                   en="The second: the bias of `fc3` is simply added to the scores, so its gradient is the very `v` that we handed in.")
@pytest.mark.claim(zh="这个 `v` 和答案毫无关系；训练时，起点是损失对输出的梯度。",
                   en="This `v` has nothing to do with any answer; in training, the start is the gradient of the loss with respect to the output.")
@pytest.mark.ledger("n4-09")
def test_random_gradients_go_all_the_way_back(chapter):
    assert lines(chapter, "random-backward") == ["True", "True"]
    net, x = anew(chapter)
    v = torch.randn(1, 10)
    net(x).backward(v)
    given = {name: p.grad.clone() for name, p in net.named_parameters()}
    assert all(gradient.abs().max() > 0 for gradient in given.values())
    assert torch.equal(given["fc3.bias"], v[0])
    net.zero_grad()
    (net(x) * v).sum().backward()  # the same as a weighted sum of the scores
    assert all(torch.allclose(p.grad, given[name], atol=1e-6) for name, p in net.named_parameters())
    target, gradients = torch.eye(10)[3:4], {}
    for way in ("loss", "start"):
        net.zero_grad()
        out = net(x)
        if way == "loss":
            F.mse_loss(out, target).backward()
        else:
            out.backward(2 * (out.detach() - target) / 10)  # the derivative of the loss, on paper
        gradients[way] = [p.grad.clone() for p in net.parameters()]
    assert all(torch.allclose(a, b, atol=1e-7) for a, b in zip(gradients["loss"], gradients["start"]))
    code = chapter["random-backward"].code
    assert "target" not in code and "loss" not in code


@pytest.mark.claim(zh="`x` 只是一团噪声，姑且说它是 3：目标的 3 号位是 1，其余是 0。",
                   en="`x` is nothing but noise; let us pretend that it is a 3: a target with 1 in place 3 and 0 elsewhere.")
@pytest.mark.claim(zh="输出有两个轴，所以先把目标变成一行：", en="The output has two axes, so the target is first made into one row:")
@pytest.mark.claim(zh="用 `MSELoss` 是因为一行就能验算；真要分类，一般用交叉熵，后面训练时就用它。",
                   en="`MSELoss` is here because one line checks it; a real classifier normally uses cross-entropy, and so shall we below.")
@pytest.mark.ledger("n4-10")
def test_the_loss_against_a_target_in_one_row(chapter):
    names = chapter["mse"].names
    assert names["target"].tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]] and names["out"].dim() == 2
    x = names["x"]
    assert abs(x.mean()) < 0.15 and abs(x.std() - 1) < 0.15  # noise, of mean 0 and deviation 1
    out = by_numpy(*fresh(chapter))
    by_hand = ((out - np.eye(10)[3]) ** 2).mean()
    assert [numbers(line)[0] for line in lines(chapter, "mse")] == pytest.approx([by_hand] * 2, abs=1e-4)
    assert len(lines(chapter, "mse")) == 2 and "MseLossBackward0" in lines(chapter, "mse")[0]
    assert names["loss"].item() == pytest.approx(by_hand, rel=1e-4)
    assert chapter["train"].names["loss"].grad_fn.name() == F.cross_entropy(torch.randn(2, 10, requires_grad=True), torch.tensor([1, 2])).grad_fn.name()


@pytest.mark.claim(zh="只警告，不报错。", en="Just a warning, no error.")
@pytest.mark.claim(zh="一行对一列，广播成 10 × 10，每个分数和每个目标都比了一遍，得出的数没有意义。",
                   en="A row against a column is broadcast to 10 × 10: every score was compared with every target, and the number means nothing.")
@pytest.mark.claim(zh="见到它，一定要停下来改。", en="When you see this warning, stop and mend the shape.")
@pytest.mark.claim(zh="目标和输出的形状要一样；从损失顺着 `grad_fn` 走，就是 `forward` 倒着念。",
                   en="Target and output need the same shape; the chain of `grad_fn` from the loss is `forward` read backwards.")
@pytest.mark.ledger("n4-10")
def test_a_column_broadcasts_with_a_warning_and_gives_another_number(chapter):
    (warning,) = chapter["broadcast"].warnings
    assert chapter["broadcast"].error is None
    assert "Using a target size (torch.Size([10, 1])) that is different to the input size (torch.Size([1, 10]))" in warning
    assert "Please ensure they have the same size" in warning
    out, target = by_numpy(*fresh(chapter)), np.eye(10)[3]
    table = [(score - goal) ** 2 for score in out for goal in target]
    assert len(table) == 100
    assert chapter["broadcast"].names["wrong"].item() == pytest.approx(np.mean(table), rel=1e-4)
    assert abs(np.mean(table) - chapter["mse"].names["loss"].item()) > 0.005
    assert lines(chapter, "broadcast")[0].endswith("is the mean of torch.Size([10, 10])")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = [nn.MSELoss()(torch.tensor(out)[None], torch.eye(10, dtype=torch.double)[i][:, None]).item() for i in range(10)]
    assert np.ptp(other) < 1e-12  # whatever the answer, the same number: it says nothing of it
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nn.MSELoss()(torch.randn(1, 10), torch.randn(1, 10))
    assert not caught
    assert [line.split()[0] for line in lines(chapter, "chain")[:-1]] == ["loss", *reversed(FORWARD)]


@pytest.mark.claim(zh="损失记得自己的来路。", en="The loss remembers where it came from.")
@pytest.mark.claim(zh="顺着 `grad_fn` 往回走，左边是倒着念的 `path`：",
                   en="Walk back along `grad_fn`, with `path` read backwards on the left to compare:")
@pytest.mark.claim(zh="一站不差。", en="Not a stop is missing.")
@pytest.mark.claim(zh="`Addmm` 是“矩阵乘法再相加”，就是线性层；`View` 是摊平。",
                   en="`Addmm` means “multiply matrices, then add”, which is a linear layer; `View` is the flattening.")
@pytest.mark.ledger("n4-10")
@pytest.mark.ledger("n0-13")
def test_the_chain_from_the_loss_is_forward_read_backwards(chapter):
    node = {"conv": "ConvolutionBackward0", "relu": "ReluBackward0", "pool": "MaxPool2DWithIndicesBackward0",
            "flatten": "ViewBackward0", "fc": "AddmmBackward0", "loss": "MseLossBackward0"}
    *chain, _ = lines(chapter, "chain")
    assert [line.split() for line in chain] == [[name, node[name.rstrip("1234")]] for name in ["loss", *reversed(FORWARD)]]
    a, b, c = (torch.randn(shape, requires_grad=True) for shape in ((2, 3), (3, 4), (4,)))
    assert torch.allclose(torch.addmm(c, a, b), a @ b + c) and torch.addmm(c, a, b).grad_fn.name() == "AddmmBackward0"
    assert nn.Linear(3, 4)(a).grad_fn.name() == "AddmmBackward0"
    assert torch.flatten(torch.randn(2, 3, 4, requires_grad=True), 1).grad_fn.name() == "ViewBackward0"
    assert node["fc"].startswith("Addmm") and node["flatten"].startswith("View")


@pytest.mark.claim(zh="看最后一行：线性层是三岔路口，依次通向偏置、输入、权重。",
                   en="The last line tells: a linear layer is a fork of three roads, to its bias, its input and its weight, in that order.")
@pytest.mark.claim(zh="图省事连写两次 `next_functions[0][0]`，走到的不是 ReLU，而是 `fc3.bias`，前面没有路了。",
                   en="Write `next_functions[0][0]` twice in a row, and you arrive not at the ReLU but at `fc3.bias`, a dead end.")
@pytest.mark.ledger("n4-10")
def test_a_linear_layer_is_a_fork_of_three_roads(chapter):
    assert lines(chapter, "chain")[-1] == "fc3 forks: ['AccumulateGrad', 'ReluBackward0', 'TBackward0']"
    net, x = anew(chapter)
    loss = nn.MSELoss()(net(x), torch.zeros(1, 10))
    fc3 = loss.grad_fn.next_functions[0][0]
    bias, previous, weight = (way for way, _ in fc3.next_functions)
    assert bias.variable is net.fc3.bias and weight.next_functions[0][0].variable is net.fc3.weight
    assert previous.name() == "ReluBackward0"
    twice = loss.grad_fn.next_functions[0][0].next_functions[0][0]
    assert twice is bias and twice.next_functions == ()


@pytest.mark.claim(zh="先打印“反向前”的 `conv1.bias.grad`，再打印“反向后”的。", en="Print `conv1.bias.grad` “before” backward, then print it “after”.")
@pytest.mark.claim(zh="可是两次打印之间，漏了反向那一句。", en="But the line that goes backward was forgotten between the two.")
@pytest.mark.claim(zh="补上它，三次都看：", en="Put it in, and look three times:")
@pytest.mark.claim(zh="没有 `backward()` 就没有梯度；朝梯度的反方向挪一小步，损失就降。",
                   en="Without `backward()` there is no gradient; a small step against the gradient makes the loss fall.")
@pytest.mark.ledger("n4-11")
def test_the_line_that_the_notes_forgot(chapter):
    assert all(word in noted("n4-11", "zh") for word in ("打印", "“反向前”", "“反向后”", "`conv1.bias.grad`", "没有做反向"))
    assert all(word in noted("n4-11", "en") for word in ("printed", "“before”", "“after”", "`conv1.bias.grad`", "no backward between"))
    before, still, after = lines(chapter, "bias-grad")
    assert before == "before: None" and still == "still:  None" and after.startswith("after:  tensor(")
    net, x = anew(chapter)
    loss = F.mse_loss(net(x), torch.eye(10)[3:4])
    seen = [net.conv1.bias.grad, net.conv1.bias.grad]  # as in the notes: two looks, nothing between
    loss.backward()
    seen.append(net.conv1.bias.grad)
    assert seen[:2] == [None, None] and seen[2] is not None
    for p in net.parameters():
        p.data -= 1e-3 * p.grad
    assert F.mse_loss(net(x), torch.eye(10)[3:4]) < loss


@pytest.mark.claim(zh="`zero_grad()` 把刚才的随机梯度清成了 `None`。", en="`zero_grad()` cleared the random gradients of a moment ago to `None`.")
@pytest.mark.claim(zh="没有 `backward()`，再打印多少次还是 `None`；有了它，`conv1` 的六个输出通道各得一个数。",
                   en="Without `backward()` it stays `None` however often you print; with it, each of the six output channels of `conv1` gets a number.")
@pytest.mark.ledger("n4-11")
def test_the_gradient_before_and_after_backward(chapter):
    after = lines(chapter, "bias-grad")[2]
    assert len(numbers(after)) == 6 == chapter["lenet"].names["LeNet"]().conv1.out_channels
    # an independent gradient: nudge each bias of conv1 in NumPy, where the loss is computed in double
    net, x = fresh(chapter)

    def loss(channel, nudge):
        with torch.no_grad():
            net.conv1.bias[channel] += nudge
            value = ((by_numpy(net, x) - np.eye(10)[3]) ** 2).mean()
            net.conv1.bias[channel] -= nudge
        return value

    slopes = [(loss(c, 1e-3) - loss(c, -1e-3)) / 2e-3 for c in range(6)]
    assert numbers(after) == pytest.approx(slopes, abs=4e-4)
    assert inspect.signature(nn.Module.zero_grad).parameters["set_to_none"].default is True
    other, x = anew(chapter)
    other(x).backward(torch.randn(1, 10))
    assert other.conv1.bias.grad is not None
    other.zero_grad()
    assert other.conv1.bias.grad is None


@pytest.mark.claim(zh="梯度指着损失增长最快的方向，所以每个参数都朝反方向挪一小步。",
                   en="A gradient points to where the loss grows fastest, so move every parameter a little the other way.")
@pytest.mark.claim(zh="`rate` 是学习率（learning rate），管一步迈多大；`no_grad` 是说，挪动本身不用记进计算图：",
                   en="`rate`, the learning rate, says how far; `no_grad` says that the move itself need not enter the computation graph:")
@pytest.mark.claim(zh="训练，就是把这几行重复许多遍。", en="Training is these few lines, many times over.")
def test_a_step_goes_against_the_gradient(chapter):
    net, x = anew(chapter)
    target, parameters = torch.eye(10)[3:4], list(net.parameters())

    def loss(direction, length):
        """The loss after a move of this length along `direction`."""
        size = math.sqrt(sum((d**2).sum().item() for d in direction))
        moved = {name: p.detach() + length / size * d for (name, p), d in zip(net.named_parameters(), direction)}
        return F.mse_loss(torch.func.functional_call(net, moved, x), target).item()

    gradient = torch.autograd.grad(F.mse_loss(net(x), target), parameters)
    others = [[torch.randn_like(p) for p in parameters] for _ in range(20)]
    assert loss(gradient, 0.01) > max(loss(d, 0.01) for d in others)  # fastest
    assert loss([-g for g in gradient], 0.01) < F.mse_loss(net(x), target).item()
    losses = []
    for _ in range(30):  # many times over
        net.zero_grad()
        value = F.mse_loss(net(x), target)
        value.backward()
        losses.append(value.item())
        with torch.no_grad():
            for p in net.parameters():
                p -= 0.1 * p.grad
    assert losses[-1] < losses[0] / 5
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        net.fc3.bias -= 0.1 * net.fc3.bias.grad  # without no_grad
    assert net.fc3.bias.grad_fn is None and chapter["step"].names["net"].fc3.bias.grad_fn is None
    assert chapter["step"].names["rate"] == 0.1


@pytest.mark.claim(zh="损失降了。", en="The loss fell.")
@pytest.mark.claim(zh="降多少，梯度事先就能预告：学习率乘以所有梯度的平方和。",
                   en="The gradient foretold by how much: the learning rate times the sum of all squared gradients.")
@pytest.mark.claim(zh="步子越小，预告越准。", en="The smaller the step, the closer the forecast.")
def test_one_step_by_hand_makes_the_loss_fall_as_foretold(chapter):
    (before, after), (fell, foretold) = (numbers(line) for line in lines(chapter, "step"))
    x, target = chapter["path"].names["x"], torch.eye(10)[3:4]

    def step(rate):
        """The loss before and after a step of SGD, and the sum of all squared gradients, in double."""
        net = fresh(chapter)[0].double()
        optimizer = torch.optim.SGD(net.parameters(), lr=rate)
        loss = F.mse_loss(net(x.double()), target.double())
        loss.backward()
        squares = sum((p.grad**2).sum().item() for p in net.parameters())
        optimizer.step()
        with torch.no_grad():
            return loss.item(), F.mse_loss(net(x.double()), target.double()).item(), squares

    loss, stepped, squares = step(0.1)
    assert [before, after] == pytest.approx([loss, stepped], abs=1e-4) and after < before
    assert fell == pytest.approx(loss - stepped, abs=1e-4) and foretold == pytest.approx(0.1 * squares, abs=1e-4)
    misses = []
    for rate in (0.1, 0.03, 0.01, 0.003):
        loss, stepped, squares = step(rate)
        misses.append(abs((loss - stepped) / (rate * squares) - 1))
    assert misses == sorted(misses, reverse=True) and misses[0] < 0.1 and misses[-1] < 0.003


# ---- training --------------------------------------------------------------------------------


@pytest.mark.claim(zh="scikit-learn 自带 1797 个手写数字，不用下载。", en="scikit-learn brings 1797 handwritten digits, no download needed.")
@pytest.mark.claim(
    zh="它们本来是 32 × 32 的，每 4 × 4 格数成一个数，才缩成 8 × 8；放大回去，正好是 LeNet 要的大小。",
    en="They used to be 32 × 32, and became 8 × 8 when each block of 4 × 4 was counted into one number; scaled up again, they have just the size that LeNet wants.")
def test_the_digits_are_scaled_to_what_the_network_wants(chapter, monkeypatch):
    import socket
    monkeypatch.setattr(socket, "socket", None)  # no network
    digits, names = load_digits(), chapter["digits"].names
    assert digits.images.shape == (1797, 8, 8) and digits.images.max() == 16 == 4 * 4
    said = " ".join(digits.DESCR.split())
    assert "32x32 bitmaps are divided into nonoverlapping blocks of 4x4 and the number of on pixels are counted in each block" in said
    assert "8x8" in said and "hand-written digits" in said
    assert names["small"].shape == (1797, 1, 8, 8) and names["images"].shape == (1797, 1, 32, 32)
    assert np.allclose(names["small"][:, 0], digits.images / 16)
    where = (np.arange(32) + 0.5) / 4 - 0.5  # the middle of each of 32 cells, measured in the 8 old ones
    rows = np.array([np.interp(where, range(8), row) for row in digits.images[7] / 16])  # (8, 32)
    assert np.allclose(names["images"][7, 0].T, [np.interp(where, range(8), column) for column in rows.T], atol=1e-6)
    assert names["labels"].tolist() == digits.target.tolist()
    net = names["LeNet"]()
    assert net(names["images"][:1]).shape == (1, 10)
    for side in (28, 36):  # and no other size
        with pytest.raises(RuntimeError):
            net(torch.zeros(1, 1, side, side))


@pytest.mark.claim(
    zh="拿学过的题来考，不算本事，所以先打乱，留出 297 个只用来考，叫测试集（test set），其余 1500 个是训练集（training set）：",
    en="Answering the very questions that one has practised proves nothing, so shuffle, keep 297 for the exam alone, the test set, and let the other 1500 be the training set:")
def test_the_split_does_not_leak(chapter):
    names = chapter["digits"].names
    train, test = set(names["train"].tolist()), set(names["test"].tolist())
    assert len(train) == 1500 and len(test) == 297 and not train & test and train | test == set(range(1797))
    seen = {image.tobytes() for image in names["train_x"].numpy()}
    assert not any(image.tobytes() in seen for image in names["test_x"].numpy())  # nor a copy under another number
    digits = load_digits()
    for x, y, which in (("train_x", "train_y", "train"), ("test_x", "test_y", "test")):
        assert torch.equal(names[x], names["images"][names[which]])
        assert names[y].tolist() == digits.target[names[which]].tolist()
    assert names["train"].tolist() != sorted(train)  # shuffled
    assert lines(chapter, "digits") == ["torch.Size([1500, 1, 32, 32]) torch.Size([297, 1, 32, 32])"]
    # learning by heart answers every question of the training set, and proves nothing: the nearest neighbour finds itself
    assert (nearest(names["train_x"], names["train_x"], names["train_y"], 0) == names["train_y"].numpy()).all()


@pytest.mark.claim(zh="有加速器就用，没有就用 CPU。", en="If there is an accelerator, use it; if not, the CPU.")
@pytest.mark.claim(zh="网络和数据要在同一个设备上，各用一次 `.to(device)` 搬过去：",
                   en="Network and data have to be on one and the same device, and `.to(device)` takes each of them there:")
def test_net_and_data_move_to_the_device_that_there_is(chapter, monkeypatch):
    data = ("train_x", "train_y", "test_x", "test_y")
    for found, expected in ((torch.device("meta"), "meta"), (None, "cpu")):  # a stand-in for an accelerator; none
        names = dict(chapter["digits"].names)
        with torch.random.fork_rng(devices=[]), monkeypatch.context() as patch:
            # the accelerator that PyTorch was built for, unless asked for one that is there
            patch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False, found=found: found if check_available else "cuda")
            exec(chapter["device"].code, names)
        assert {p.device.type for p in names["net"].parameters()} == {expected}
        assert {names[name].device.type for name in data} == {expected}
        assert [names[name].shape for name in data] == [chapter["digits"].names[name].shape for name in data]
        assert names["net"](names["test_x"][:2]).device.type == expected
    with pytest.raises((RuntimeError, NotImplementedError)):  # one moved, the other not
        chapter["lenet"].names["LeNet"]().to("meta")(chapter["digits"].names["test_x"][:2]).sum().item()


class Watched(nn.Module):
    """Stands in for LeNet in the cell `train`: one linear layer that keeps what it is given and what it answers."""

    def __init__(self):
        super().__init__()
        self.layer, self.seen, self.answers, self.losses = nn.Linear(1, 10), [], [], []

    def forward(self, x):  # (N, 1, 32, 32), a single bright cell in each
        if torch.is_grad_enabled():
            self.seen.append([divmod(cell, 32) for cell in x.flatten(1).argmax(dim=1).tolist()])
            self.answers.append(x.flatten(1).amax(dim=1).round().int().tolist())  # which sample
        scores = self.layer(x.flatten(1).amax(dim=1, keepdim=True) / 1500)
        if torch.is_grad_enabled():
            chances = np.exp(scores.detach().double().numpy())  # (25, 10)
            of_truth = chances[range(25), [self.labels[i - 1] for i in self.answers[-1]]] / chances.sum(axis=1)
            self.losses.append(-np.log(of_truth).mean())  # cross-entropy by hand
        return scores


@pytest.fixture(scope="module")
def watched(chapter):
    """What the cell `train` gives to the network: sample i is dark but for its corner, which is i + 1 bright."""
    names = dict(chapter["device"].names)
    corners = torch.zeros(1500, 1, 32, 32)
    corners[:, 0, 0, 0] = torch.arange(1.0, 1501)
    rates = []

    class Schedule(torch.optim.lr_scheduler.LinearLR):
        def step(self, *arguments):
            super().step(*arguments)
            rates.append(self.get_last_lr()[0])

    Watched.labels = names["train_y"].tolist()
    names |= {"net": Watched(), "train_x": corners, "test_x": torch.zeros(297, 1, 32, 32), "rates": rates, "Schedule": Schedule}
    code = chapter["train"].code.replace("torch.optim.lr_scheduler.LinearLR(", "Schedule(")
    with torch.random.fork_rng():
        torch.manual_seed(5)
        exec(code.replace("print(", "str("), names)
    return names


@pytest.mark.claim(zh="一次拿 25 个，叫一个小批量（mini-batch）；1500 个都看过，叫一轮（epoch）：",
                   en="We take 25 at a time, a mini-batch; once all 1500 have had their turn, that is an epoch:")
@pytest.mark.claim(zh="还有一行你可能没想到：`roll` 把整个小批量上下、左右随机各挪最多 3 格，从一边出去的，从另一边回来。",
                   en="One more line may surprise you: `roll` moves the mini-batch at random, up and down and left and right, by up to 3 cells each, and what leaves on one side comes back on the other.")
@pytest.mark.claim(zh="这样，一张图有 7 × 7 = 49 种摆法。", en="So a picture can stand in 7 × 7 = 49 places.")
def test_what_the_network_is_given_in_training(watched):
    seen, answers = watched["net"].seen, watched["net"].answers
    assert len(seen) == 20 * 60 and all(len(batch) == 25 for batch in seen)
    for epoch in range(20):
        assert sorted(sum(answers[60 * epoch:60 * epoch + 60], [])) == list(range(1, 1501))  # every sample once
    assert answers[:60] != answers[60:120]
    places = [set(batch) for batch in seen]
    assert all(len(place) == 1 for place in places)  # the whole mini-batch by the same way
    moves = {((down + 16) % 32 - 16, (right + 16) % 32 - 16) for place in places for down, right in place}
    assert moves == {(down, right) for down in range(-3, 4) for right in range(-3, 4)} and len(moves) == 49
    assert (31, 31) in set.union(*places)  # what leaves above and on the left comes back below and on the right


@pytest.mark.claim(
    zh="优化器（optimizer）`Adam` 大体还是朝梯度的反方向挪，只是每个参数各有各的步长；调度器（scheduler）把学习率一轮一轮地从 0.002 降到 0。",
    en="The optimizer `Adam` still moves roughly against the gradient, only with a step size of its own for each parameter; the scheduler lowers the learning rate, epoch by epoch, from 0.002 to 0.")
def test_adam_against_the_gradient_and_the_rate_down_to_zero(chapter, watched):
    optimizer = chapter["train"].names["optimizer"]
    assert type(optimizer) is torch.optim.Adam
    assert [id(p) for group in optimizer.param_groups for p in group["params"]] == [id(p) for p in chapter["train"].names["net"].parameters()]
    assert watched["rates"] == pytest.approx([0.002 * (1 - epoch / 20) for epoch in range(21)], abs=1e-9)  # the start, and after each epoch
    assert watched["optimizer"].param_groups[0]["initial_lr"] == 0.002
    w = nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    adam = torch.optim.Adam([w], lr=0.01)
    sizes = torch.tensor([1.0, 10.0, 0.1])
    for _ in range(5):
        adam.zero_grad()
        (sizes * w**2).sum().backward()
        old, gradient = w.detach().clone(), w.grad.clone()
        adam.step()
        move = w.detach() - old
        assert (move * gradient < 0).all()  # against it
    rates = move / -gradient
    assert rates.max() > 5 * rates.min()  # each its own step size; for SGD all would be the learning rate


@pytest.mark.claim(
    zh="循环里没有 `net.train()` 和 `net.eval()`，因为 LeNet 里没有 Dropout、BatchNorm 这类两种模式下做法不同的层。",
    en="The loop has no `net.train()` and no `net.eval()`, because LeNet has no Dropout, no BatchNorm, none of the layers that work differently in the two modes.")
@pytest.mark.claim(zh="加进一层，就要写上这两句。", en="Put one in, and the loop needs both calls.")
def test_lenet_works_alike_in_both_modes_until_a_layer_is_added(chapter):
    assert not re.search(r"\.(train|eval)\(", chapter["train"].code)
    net, x = anew(chapter)
    assert torch.equal(net.train()(x), net.eval()(x))
    assert {type(m) for m in net.modules()} - {type(net)} == {nn.Conv2d, nn.Linear}
    for layer in (nn.Dropout(), nn.BatchNorm1d(10)):
        both = nn.Sequential(net, layer)
        pair = torch.randn(4, 1, 32, 32)
        assert not torch.equal(both.train()(pair), both.eval()(pair))


@pytest.mark.claim(zh="没学过的数字，认对了 97% 以上。", en="It reads more than 97% of digits that it was not trained on.")
def test_it_reads_more_than_97_percent_of_what_it_was_not_trained_on(chapter, watched):
    names = chapter["train"].names
    right = sum(int(p == t) for p, t in zip(names["predicted"].tolist(), names["test_y"].tolist()))
    assert right / 297 > 0.97
    assert accuracy(names["net"], names["test_x"], names["test_y"]) == pytest.approx(right / 297)
    assert names["accuracies"][-1] == pytest.approx(right / 297, abs=1e-6)
    assert lines(chapter, "train") == [f"accuracy {right / 297:.3f}"]
    some = names["test_x"][:3].double().numpy()
    assert [by_numpy(names["net"], x).argmax() for x in some] == names["predicted"][:3].tolist()
    assert 0 not in sum(watched["net"].answers, [])  # the exam's pictures, all dark there, are never trained on


@pytest.mark.claim(zh="上面，训练损失很快落下，慢慢贴近 0。", en="Above, the training loss falls quickly and then creeps towards 0.")
@pytest.mark.claim(zh="下面，测试准确率三轮就过了 0.9，抖几下，最后停在虚线之上。",
                   en="Below, the test accuracy passes 0.9 in three epochs, wavers a little, and comes to rest above the dashed line.")
@pytest.mark.claim(zh="二十轮里的训练损失和测试准确率。", en="Training loss and test accuracy over twenty epochs.")
@pytest.mark.claim(zh="虚线是 97%。", en="The dashed line is 97%.")
def test_the_curve_shows_what_was_recorded(chapter, watched):
    (figure,) = chapter["curve"].figures
    upper, lower = figure.axes
    assert upper.get_position().y0 > lower.get_position().y1
    losses, accuracies = upper.lines[0].get_ydata(), lower.lines[0].get_ydata()
    assert list(losses) == chapter["train"].names["losses"] and list(accuracies) == chapter["train"].names["accuracies"]
    assert list(upper.lines[0].get_xdata()) == list(lower.lines[0].get_xdata()) == list(range(1, 21))
    assert set(lower.lines[1].get_ydata()) == {0.97} and lower.lines[1].get_linestyle() == "--"
    assert upper.get_ylabel() == "training loss" and lower.get_ylabel() == "test accuracy" and lower.get_xlabel() == "epoch"
    assert losses[4] < losses[0] / 4 and 0 < losses[-1] < 0.1 and losses[0] - losses[4] > 10 * (losses[10] - losses[-1]) > 0
    assert watched["losses"] == pytest.approx(np.reshape(watched["net"].losses, (20, 60)).mean(axis=1), abs=1e-5)  # cross-entropy, a mean an epoch
    assert max(accuracies[:2]) < 0.9 < min(accuracies[2:])
    falls = np.diff(accuracies[2:])
    assert (falls < 0).sum() >= 2 and falls.min() > -0.03 and accuracies[-1] > 0.97 and min(accuracies[-3:]) > 0.97


@pytest.mark.claim(zh="别拿这条曲线来挑“最好的那一轮”：二十个分数里最高的那个，平均来说会高估网络。",
                   en="Do not use this curve to pick “the best epoch”: the highest of twenty scores is, on average, higher than the network deserves.")
@pytest.mark.claim(zh="要挑，得另留一份验证集（validation set）。", en="To pick, keep a third part aside, a validation set.")
def test_the_best_epoch_on_the_test_set_overstates(chapter):
    # 20 epochs that are all equally good, 0.97, each tried on the same number of questions: the best of them looks better
    rng = np.random.default_rng(1)
    scores = rng.binomial(297, 0.97, size=(2000, 2, 20)) / 297  # repeats, (test, validation), epochs
    best = scores[:, 0].max(axis=1)
    assert best.mean() > 0.97 + 0.01 and len(chapter["train"].names["accuracies"]) == 20
    picked = np.take_along_axis(scores[:, 0], scores[:, 1].argmax(axis=1)[:, None], axis=1)  # picked by a third part
    assert picked.mean() == pytest.approx(0.97, abs=0.001)
    assert max(chapter["train"].names["accuracies"]) >= chapter["train"].names["accuracies"][-1]


# ---- what it gets wrong ----------------------------------------------------------------------


@pytest.mark.claim(zh="哪个数字被认成了哪个，要看混淆矩阵（confusion matrix）：行是真的，列是猜的：",
                   en="Which digit was taken for which is told by the confusion matrix: rows are the truth, columns the guess.")
@pytest.mark.claim(zh="十行十列。", en="Ten rows, ten columns.")
@pytest.mark.claim(zh="对角线上十个蓝格，写着二三十；别处只有三个橙格，都是 1。",
                   en="On the diagonal, ten blue cells with numbers in the twenties and thirties; elsewhere, just three orange cells, each a 1.")
@pytest.mark.claim(zh="蓝色是认对的，橙色是认错的，空白是 0。", en="Blue is read correctly, orange is misread, an empty cell is 0.")
def test_the_confusion_matrix_counts_truth_by_row(chapter):
    names = chapter["confusion"].names
    table = np.zeros((10, 10), dtype=int)
    np.add.at(table, (names["test_y"].numpy(), names["predicted"].numpy()), 1)
    assert names["confusion"].tolist() == table.tolist() and table.sum() == 297
    assert ((20 <= np.diag(table)) & (np.diag(table) < 40)).all()
    assert sorted(table[~np.eye(10, dtype=bool)])[-4:] == [0, 1, 1, 1]
    (figure,) = chapter["confusion"].figures
    (axes,) = figure.axes
    drawn = {(round(t.get_position()[1]), round(t.get_position()[0])): int(t.get_text()) for t in axes.texts}
    assert drawn == {(int(i), int(j)): table[i, j] for i, j in np.argwhere(table)}
    cells = {(round(p.get_y() + 0.5), round(p.get_x() + 0.5)): p.get_facecolor()[:3] for p in axes.patches}
    assert set(cells) == set(drawn) and all(p.get_width() == p.get_height() == 1 for p in axes.patches)
    red, _, blue = zip(*(cells[i, i] for i in range(10)))
    assert all(b > r for r, b in zip(red, blue)) and all(r > b for (i, j), (r, _, b) in cells.items() if i != j)
    assert axes.get_ylabel() == "true" and axes.get_xlabel() == "predicted" and axes.yaxis_inverted()
    assert list(axes.get_xticks()) == list(axes.get_yticks()) == list(range(10))


@pytest.mark.claim(zh="再看看最难的八个，也就是损失最大的八个：", en="And these are the eight hardest, the ones with the largest loss:")
@pytest.mark.claim(zh="八个黑底白字的数字，前三个认错了，后五个认对了。", en="Eight digits, white on black: the first three are misread, the other five are right.")
@pytest.mark.claim(zh="从最难的排起。", en="The hardest first.")
@pytest.mark.claim(zh="is 是答案，says 是网络说的。", en="After “is”, the answer; after “says”, what the network says.")
def test_the_hardest_are_those_of_largest_loss(chapter):
    names = chapter["hardest"].names
    with torch.no_grad():
        chances = torch.softmax(names["net"](names["test_x"]).double(), dim=1)
    of_truth = chances[torch.arange(297), names["test_y"]].numpy()
    assert names["hardest"] == np.argsort(-np.log(of_truth))[::-1][:8].tolist()
    (figure,) = chapter["hardest"].figures
    digits, said = load_digits(), []
    assert len(figure.axes) == 8
    for i, axes in zip(names["hardest"], figure.axes):
        truth, guess = numbers(axes.get_title())
        assert axes.get_title() == f"is {digits.target[names['test'][i]]}, says {int(chances[i].argmax())}"
        said.append(truth == guess)
        shown = axes.images[0]
        assert np.allclose(shown.get_array(), digits.images[names["test"][i]] / 16)
        low, high = shown.to_rgba(np.array([[shown.get_clim()[0], shown.get_clim()[1]]]))[0, :, :3]
        assert low.max() == 0 and high.min() == 1  # white on black
    assert said == [False] * 3 + [True] * 5


@pytest.mark.claim(
    zh=r"认错时，答案分到的概率至多一半，损失至少是 $\ln 2 \approx 0.69$，所以排在前头。",
    en=r"In a mistake the right answer has a probability of one half at most, so its loss is at least $\ln 2 \approx 0.69$, and it comes near the front.")
def test_a_mistake_has_a_loss_of_log_2_at_least(chapter):
    assert round(math.log(2), 2) == 0.69
    scores, truth = torch.randn(20000, 10) * 5, torch.randint(10, (20000,))
    scores[:100], truth[:100] = 0, 9  # a tie of all; the first wins
    wrong = scores.argmax(dim=1) != truth
    losses = F.cross_entropy(scores.double(), truth, reduction="none")[wrong]
    assert wrong.sum() > 10000 and losses.min() >= math.log(2)
    tie = F.cross_entropy(torch.tensor([[50.0, 50.0, -50.0]], dtype=torch.double), torch.tensor([1]))  # the first is taken, the answer is the second
    assert tie.item() == pytest.approx(math.log(2), abs=1e-12)  # nothing smaller can be promised
    names = chapter["hardest"].names
    missed = (names["predicted"] != names["test_y"]).nonzero().flatten().tolist()
    assert set(missed) == set(names["hardest"][:len(missed)]) and (names["each"][missed] > math.log(2)).all()


# ---- the baseline ----------------------------------------------------------------------------


@pytest.mark.claim(zh="拿个简单的办法先做一遍，才有个对照，这叫基线（baseline）。", en="Try a simple method too, and there is something to compare with, a baseline.")
@pytest.mark.claim(
    zh="这里的基线什么也不学：在训练集里找最像的那一张，照抄它的标签，叫最近邻（nearest neighbour）。",
    en="Ours learns nothing: it finds the training picture that is most like the new one, and copies its label, which is called the nearest neighbour.")
@pytest.mark.claim(zh="比两场，第二场把考题全部右移 4 格，训练时最多只挪过 3 格。",
                   en="There are two rounds: in the second, all test pictures move 4 cells to the right, while in training nothing moved by more than 3.")
@pytest.mark.claim(
    zh="LeNet 练的是挪过的图，要公平，也得让最近邻看挪过的：每张训练图的 49 种摆法都比一遍。",
    en="LeNet practised on moved pictures, so in fairness the neighbour must see moved ones too: it compares with every training picture in all of the 49 places.")
def test_the_nearest_neighbour_sees_what_lenet_saw(chapter):
    names = chapter["nearest"].names
    x, y, train_x, train_y = (names[name] for name in ("test_x", "test_y", "train_x", "train_y"))
    table = [numbers(line) for line in lines(chapter, "nearest")[1:]]
    assert [row[0] for row in table] == [0, 4]
    for (cells, lenet, one, many) in table:
        moved = torch.tensor(np.roll(x.numpy(), int(cells), axis=3))  # right: the columns
        assert lenet == pytest.approx(accuracy(names["net"], moved, y), abs=0.001)
        for shown, reach in ((one, 0), (many, 3)):
            assert shown == pytest.approx((nearest(moved, train_x, train_y, reach) == y.numpy()).mean(), abs=0.004)
    dot = torch.zeros(1, 1, 32, 32)
    dot[0, 0, 5, 5] = 1
    assert dot.roll(4, dims=3)[0, 0, 5, 9] == 1
    assert sorted(names["shifts"]) == [(down, right) for down in range(-3, 4) for right in range(-3, 4)] and len(names["shifts"]) == 49
    assert inspect.isfunction(names["nearest"])  # no module, nothing to train
    labels = names["nearest"](train_x[:40], [(0, 0)])  # of a training picture, the nearest is itself
    assert torch.equal(labels, train_y[:40])


@pytest.mark.claim(zh="第一场分不出高下：三个分数相差不到 0.01，也就是不到 3 张图。",
                   en="The first round is a draw: the three scores are less than 0.01 apart, which is less than 3 pictures.")
@pytest.mark.claim(zh="第二场，只看一种摆法的最近邻垮到 0.75 以下，看过 49 种的却有 0.98，还胜过 LeNet 的 0.95。",
                   en="In the second, the neighbour that knows one place collapses to below 0.75; the one that knows 49 has 0.98, and beats LeNet with its 0.95.")
@pytest.mark.claim(zh="在这份小小的数据上，论准确率是最近邻赢了。", en="On these few data, the nearest neighbour wins on accuracy.")
def test_who_wins_where(chapter):
    (_, *first), (_, lenet, one, many) = [numbers(line) for line in lines(chapter, "nearest")[1:]]
    assert max(first) - min(first) < 0.01 and 0.01 * 297 < 3
    assert one < 0.75 and (math.floor(100 * many), math.floor(100 * lenet)) == (98, 95)
    assert many > lenet > one and many + first[2] > lenet + first[0]  # over both rounds
    assert len(chapter["nearest"].names["labels"]) == 1797


@pytest.mark.claim(zh="换一种打乱的次序，全部重做一遍，第二场还是这个名次。",
                   en="Shuffle in another way and do it all again, and the order of the second round stays the same.")
def test_another_shuffle_gives_the_same_order(chapter):
    with torch.random.fork_rng():
        names = run_again(chapter, "digits", "device", "train", seed=1)
    assert set(names["test"].tolist()) != set(chapter["digits"].names["test"].tolist())
    x, y, train_x, train_y = names["test_x"].roll(4, dims=3), names["test_y"], names["train_x"], names["train_y"]
    one, many = ((nearest(x, train_x, train_y, reach) == y.numpy()).mean() for reach in (0, 3))
    assert many > accuracy(names["net"], x, y) > one


@pytest.mark.claim(
    zh="可见站得住靠的是挪过的图，不是卷积白送的：删掉 `roll` 重新训练，第二场 LeNet 也垮到 0.8 以下。",
    en="So it is the moved pictures that keep a method standing, and no free gift of convolution: delete `roll`, train again, and in the second round LeNet collapses too, to below 0.8.")
def test_without_roll_lenet_collapses_too(chapter):
    def change(code):
        assert code.count(".roll((down, right), dims=(2, 3))") == 1
        return code.replace(".roll((down, right), dims=(2, 3))", "")

    with torch.random.fork_rng():
        names = run_again(chapter, "flatten", "path", "random-backward", "digits", "device", "train", change=change)
    assert torch.equal(names["test"], chapter["digits"].names["test"])  # the page's own run, but for that one line
    still, moved = (accuracy(names["net"], names["test_x"].roll(cells, dims=3), names["test_y"]) for cells in (0, 4))
    assert still > 0.95 and moved < 0.8


@pytest.mark.claim(zh="最近邻要留着全部训练图，LeNet 只留参数，不到它的二十四分之一。",
                   en="The neighbour has to keep all training pictures, LeNet just its parameters, less than a twenty-fourth of that.")
@pytest.mark.claim(zh="就算按原来的 8 × 8 来存，训练图也有 96,000 个数，还是比 LeNet 多。",
                   en="Even as 8 × 8, the size that they came in, the training pictures are 96,000 numbers, still more than LeNet has.")
@pytest.mark.claim(zh="认一张图，最近邻要和每张训练图的 49 种摆法一格一格地比，每格乘一次，约是 LeNet 的 181 倍。",
                   en="To read one picture, the neighbour compares it, cell by cell, with each training picture in 49 places, a multiplication a cell, about 181 times as many as LeNet.")
@pytest.mark.claim(zh="训练集大一倍，最近邻要留的、要乘的都大一倍，LeNet 的一个也不多。",
                   en="Double the training set, and what the neighbour keeps and multiplies doubles; for LeNet, neither grows by one.")
def test_what_each_of_them_keeps_and_multiplies(chapter):
    keeps, work = [numbers(line) for line in lines(chapter, "cost")[1:]]
    assert keeps == [sum(PARAMS.values()), 1500 * 32 * 32] and work == [sum(PRODUCTS.values()), 49 * 1500 * 32 * 32]
    assert keeps[0] < keeps[1] / 24 < 1.05 * keeps[0]  # not a great deal less than a twenty-fourth
    assert keeps[0] < 1500 * 8 * 8 == chapter["digits"].names["small"][:1500].numel() == 96000
    assert round(work[1] / work[0]) == 181
    # a distance is a square for each cell, and the root at the end changes no order
    a, b = torch.rand(1, 1024, dtype=torch.double), torch.rand(3, 1024, dtype=torch.double)
    assert torch.allclose(torch.cdist(a, b)[0] ** 2, ((a - b) ** 2).sum(dim=1))
    names = dict(chapter["nearest"].names)
    params, times = names["params"], names["work"]
    names["train_x"] = torch.cat([names["train_x"]] * 2)
    exec(chapter["cost"].code.replace("print(", "str("), names)
    assert names["numbers"] == 2 * keeps[1] and (names["params"], names["work"]) == (params, times)


@pytest.mark.claim(
    zh="看看各自的代价：", en="Look at what each of them costs:")
@pytest.mark.claim(
    zh="不过 LeNet 得先训练：单算前向，二十轮就要乘 125 亿次，够最近邻认 166 张图。",
    en="But LeNet has to be trained first: going forward alone, twenty epochs take 12.5 billion multiplications, enough for the neighbour to read 166 pictures.")
@pytest.mark.claim(
    zh="报准确率，旁边要摆一条基线，而且给它同样的数据；这里最近邻不输准确率，输的是要留的数和要做的乘法。",
    en="Beside an accuracy, report a baseline, and give it the same data; here the nearest neighbour does not lose on accuracy, but on the numbers to keep and the multiplications to do.")
def test_what_training_costs_and_what_it_saves(chapter):
    assert lines(chapter, "cost")[0].split() == ["LeNet", "nearest"]
    keeps, work = [numbers(line) for line in lines(chapter, "cost")[1:]]
    training = len(chapter["train"].names["losses"]) * len(chapter["train"].names["train_x"]) * work[0]
    assert round(training / 1e8) == 125 and training // work[1] == 166
    untrained = accuracy(chapter["lenet"].names["LeNet"](), chapter["train"].names["test_x"], chapter["train"].names["test_y"])
    assert untrained < 0.4
    for _, lenet, _, many in [numbers(line) for line in lines(chapter, "nearest")[1:]]:
        assert many >= lenet
    assert keeps[1] > keeps[0] and work[1] > work[0]


@pytest.mark.claim(zh="还要老实说：这些数字出自 13 个人，平均每人 138 个。",
                   en="One more thing has to be said: the digits were written by 13 people, 138 by each on average.")
@pytest.mark.claim(zh="一打乱，同一个人的字几乎必然两边都有。", en="After shuffling, everybody’s hand is almost certainly on both sides.")
@pytest.mark.claim(zh="所以这里考的是熟人的字，陌生人的没有考。", en="So this exam is about familiar hands, and says nothing of a stranger’s.")
def test_thirteen_hands_on_both_sides(chapter):
    said = " ".join(load_digits().DESCR.split())
    assert "30 contributed to the training set and different 13 to the test set" in said and "This is a copy of the test set" in said
    assert round(1797 / 13) == 138

    def one_side(written):  # the chance that all digits of a person land on one side of the shuffle
        return sum(math.comb(part, written) for part in (297, 1500)) / math.comb(1797, written)
    assert 13 * one_side(138) < 1e-9 and 13 * one_side(60) < 0.001


# ---- common errors ---------------------------------------------------------------------------


@pytest.mark.claim(zh="图的大小不对。", en="A picture of the wrong size.")
@pytest.mark.claim(zh="裁成 28 × 28 给它：", en="Cropped to 28 × 28:")
@pytest.mark.claim(zh="走到摊平处只剩 16 × 4 × 4 = 256，`fc1` 要的是 400。",
                   en="By the time it is flattened, 16 × 4 × 4 = 256 numbers are left, and `fc1` wants 400.")
@pytest.mark.claim(zh="放大到 32，或者改 `fc1`。", en="Scale up to 32, or change `fc1`.")
def test_a_picture_of_the_wrong_size(chapter):
    error = chapter["size-error"].error
    assert isinstance(error, RuntimeError) and "shapes cannot be multiplied (1x256 and 400x120)" in str(error)
    side = ((28 - 4) // 2 - 4) // 2
    assert side == 4 and 16 * side * side == 256
    net, x = anew(chapter)[0], torch.randn(1, 1, 28, 28)
    with pytest.raises(RuntimeError, match="1x256 and 400x120"):
        net(x)
    assert net(F.interpolate(x, size=(32, 32))).shape == (1, 10)
    net.fc1 = nn.Linear(256, 120)
    assert net(x).shape == (1, 10)


@pytest.mark.claim(zh="少了通道轴。", en="No axis of channels.")
@pytest.mark.claim(zh="五张灰度图，形状是 `(5, 32, 32)`：", en="Five grey pictures of shape `(5, 32, 32)`:")
@pytest.mark.claim(zh="5 被当成了通道。", en="The 5 was taken for channels.")
@pytest.mark.claim(zh="用 `x[:, None]` 补上。", en="Add the axis with `x[:, None]`.")
def test_no_axis_of_channels(chapter):
    error = chapter["channel-error"].error
    assert isinstance(error, RuntimeError) and "expected input[1, 5, 32, 32] to have 1 channels, but got 5 channels instead" in str(error)
    net, x = anew(chapter)[0], chapter["train"].names["test_x"][:5, 0]
    assert x.shape == (5, 32, 32)
    with pytest.raises(RuntimeError, match="got 5 channels instead"):
        net(x)
    assert torch.equal(net(x[:, None]), net(chapter["train"].names["test_x"][:5]))


@pytest.mark.claim(zh="少了批次轴。", en="No batch axis.")
@pytest.mark.claim(zh="单张图是 `(1, 32, 32)`，两层卷积都放行，到了线性层才报错：",
                   en="A single picture is `(1, 32, 32)`; both convolutions let it pass, and only the linear layer objects:")
@pytest.mark.claim(zh="没有批次轴，`flatten(x, 1)` 就留下了 16 个通道，每个摊成 25。",
                   en="Without a batch axis, `flatten(x, 1)` kept the 16 channels and flattened each to 25.")
@pytest.mark.claim(zh="用 `x[None]` 补上。", en="Add the axis with `x[None]`.")
def test_no_batch_axis(chapter):
    error = chapter["single-error"].error
    assert isinstance(error, RuntimeError) and "shapes cannot be multiplied (16x25 and 400x120)" in str(error)
    net, x = anew(chapter)[0], chapter["train"].names["test_x"][0]
    assert x.shape == (1, 32, 32)
    passed = []
    for name, layer in net.named_children():
        layer.register_forward_hook(lambda *_, name=name: passed.append(name))
    with pytest.raises(RuntimeError, match="16x25 and 400x120"):
        net(x)
    assert passed == ["conv1", "conv2"]  # fc1 is the one that objects
    assert torch.flatten(torch.zeros(16, 5, 5), 1).shape == (16, 25)
    assert net(x[None]).shape == (1, 10)
