"""The claims of the chapter networks/module-practice."""

import inspect
import math
import mmap
import re
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from press.ledger import read_ledger
from tests.prose import lines


def array(tensor):
    return tensor.detach().double().numpy()


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", text)]


def fails(call, message, kind=RuntimeError):
    with pytest.raises(kind, match=re.escape(message)):
        call()


@pytest.fixture
def flowers(chapter):
    return chapter["start"].names["flowers"]


@pytest.fixture
def net(chapter):
    return chapter["start"].names["Net"]()


# Opening


@pytest.mark.claim(
    zh="同一个网络，对同一朵花会给出两种答案；参数明明冻结了，它还在变；只因一个张量落在别的设备上，它就算不下去了。",
    en="The same network can give two answers to the same flower, change although its parameters are frozen, and fail because a single tensor stayed behind on another device.")
def test_two_answers_frozen_changes_and_one_tensor_left_behind(chapter, flowers):
    norm = nn.Sequential(nn.BatchNorm1d(4)).requires_grad_(False)
    assert not torch.allclose(norm(flowers)[0], norm(flowers[:2])[0]) and norm[0].running_mean.any()
    module = chapter["move"].names["Shift"]().to("meta")
    fails(lambda: module(torch.ones(2, 4, device="meta")), "device")
    module.shift = module.shift.to("meta")  # that one alone
    assert module(torch.ones(2, 4, device="meta")).is_meta


@pytest.mark.claim(zh="网络和五朵花都是上一章的：", en="The network and the five flowers are those of the last chapter:")
@pytest.mark.claim(zh="五朵花，每朵三个分数，共 67 个参数。", en="Five flowers, three scores each, and 67 parameters.")
def test_network_and_flowers_are_those_of_the_last_chapter(chapter, flowers, net):
    cells, before = chapter.project.cells("networks/modules"), {}
    exec(cells["networks/modules.py:first"].source + "\n" + cells["networks/modules.py:use"].source, before)
    assert torch.equal(flowers, before["flowers"]) and flowers.shape == (5, 4)
    net.load_state_dict(before["net"].state_dict())
    assert torch.equal(net(flowers), before["net"](flowers))
    assert lines(chapter, "start") == ["torch.Size([5, 3]) 67"] and 67 == 4 * 8 + 8 + 8 * 3 + 3


# A batch or a single sample


@pytest.mark.claim(zh="一起送进网络的样本叫一个批次（batch）。", en="Samples that go through a network together are a batch.")
@pytest.mark.claim(
    zh="一批有几个样本，记作 N，按惯例它是 0 轴的长度。",
    en="The number of samples in a batch is written N, and by convention it is the size of axis 0.")
def test_n_is_the_size_of_axis_0(flowers, net):
    for size in (1, 3, 5):
        assert net(flowers[:size]).shape[0] == size
        torch.testing.assert_close(net(flowers[:size]), net(flowers)[:size])
    assert ":math:`N` is a batch size" in nn.Conv2d.__doc__ and ":math:`(N, C, H, W)`" in nn.BatchNorm2d.__doc__


@pytest.mark.ledger("n2-14")
@pytest.mark.claim(
    zh="torch.nn 只接受小批量（mini-batch），单个样本要先用 unsqueeze(0) 加一个轴。",
    en="torch.nn takes mini-batches only; a single sample must first be given another axis with unsqueeze(0).")
@pytest.mark.claim(zh="如今要看是哪一层。", en="Today it depends on the layer.")
@pytest.mark.claim(zh="可是 BatchNorm2d 不收：", en="But BatchNorm2d refuses:")
def test_the_old_rule_holds_for_some_layers_only(chapter):
    said = read_ledger(chapter.project)["rows"]["n2-14"]["said"]
    assert "`torch.nn` 只收小批量，单个样本要先 `unsqueeze`" in said["zh"] and "`torch.nn` takes mini-batches only; a single sample needs `unsqueeze`" in said["en"]
    photo = chapter["conv-single"].names["photo"]
    assert nn.Conv2d(3, 6, 3)(photo).ndim == 3 and nn.Linear(8, 2)(photo).ndim == 3
    error = chapter["norm-single"].error
    assert type(error) is ValueError and str(error) == "expected 4D input (got 3D input)" and "BatchNorm2d" in chapter["norm-single"].code
    fails(lambda: nn.BatchNorm2d(3)(photo), str(error), ValueError)


@pytest.mark.ledger("n2-14")
@pytest.mark.claim(
    zh="Linear 只改最后一个轴，前面有几个轴都行：",
    en="Linear changes the last axis, however many stand before it:")
@pytest.mark.claim(
    zh="五朵花、一朵花、排成 2 × 6 × 7 的花：最后一个轴从 4 变成 3，别的轴原样留着。",
    en="Five flowers, one flower, flowers arranged 2 × 6 × 7: the last axis goes from 4 to 3, and the others stay as they were.")
def test_linear_changes_the_last_axis_only(chapter, flowers, net):
    assert lines(chapter, "linear-any") == ["torch.Size([5, 3])", "torch.Size([3])", "torch.Size([2, 6, 7, 3])"]
    for shape in ((), (5,), (2, 6, 7), (1, 2, 1, 3, 2)):
        x = torch.randn(*shape, 4)
        assert net(x).shape == (*shape, 3)
        torch.testing.assert_close(net(x).reshape(-1, 3), net(x.reshape(-1, 4)))
    torch.testing.assert_close(net(flowers[0]), net(flowers)[0])


@pytest.mark.ledger("n2-14")
@pytest.mark.claim(
    zh="处理图片的 Conv2d 两样都收：一张图 (C, H, W)，也就是通道、高、宽；或者一批图 (N, C, H, W)。",
    en="Conv2d, a layer for pictures, takes both: one picture, (C, H, W) for channels, height, width, or a batch of them, (N, C, H, W).")
@pytest.mark.claim(
    zh="加不加批次那个轴，算出来的图一样。",
    en="With or without the batch axis, the picture that comes out is the same.")
def test_conv_takes_one_picture_or_a_batch(chapter):
    assert lines(chapter, "conv-single") == ["torch.Size([6, 6, 6])", "torch.Size([1, 6, 6, 6])", "True"]
    conv = chapter["conv-single"].names["conv"]
    photos = torch.rand(4, 3, 7, 9)  # (N, C, H, W)
    assert conv(photos).shape == (4, 6, 5, 7) and conv(photos[0]).shape == (6, 5, 7)
    for photo, result in zip(photos, conv(photos), strict=True):
        torch.testing.assert_close(conv(photo), result, rtol=1e-4, atol=1e-5)
    patches = photos[0].unfold(1, 3, 1).unfold(2, 3, 1)  # (3, 5, 7, 3, 3): C, H, W and the window
    by_hand = torch.einsum("chwij,ocij->ohw", patches, conv.weight) + conv.bias[:, None, None]
    torch.testing.assert_close(conv(photos[0]), by_hand, rtol=1e-4, atol=1e-5)
    fails(lambda: conv(photos[0, :2]), "channels")


@pytest.mark.ledger("n2-14")
@pytest.mark.claim(
    zh="它要对整个批次求平均（后面会讲），只收四个轴。",
    en="It averages over the batch (more below), and it takes four axes only.")
@pytest.mark.claim(
    zh="后两行里，Flatten 留下 0 轴，把其余的摊平，不管 0 轴是什么。",
    en="In the last two lines, Flatten keeps axis 0 and flattens the rest, whatever axis 0 means.")
@pytest.mark.claim(
    zh="一张图片到了它手里，成了三个“样本”，一个通道一个，不报错。",
    en="From a single picture it made three “samples”, one for each channel, without an error.")
@pytest.mark.claim(
    zh="所以旧笔记的习惯仍然是好习惯：拿不准，就 unsqueeze(0)。",
    en="So the habit in the old notes is still a good one: when in doubt, unsqueeze(0).")
def test_batch_norm_wants_four_axes_and_flatten_takes_channels_for_samples(chapter):
    torch.manual_seed(0)
    norm, photos = nn.BatchNorm2d(3), torch.rand(4, 3, 8, 8)
    np.testing.assert_allclose(array(norm(photos)).mean(axis=(0, 2, 3)), 0, atol=1e-5)
    assert abs(norm(photos)[0].mean()) > 1e-5  # not picture by picture
    for shape in ((3,), (4, 3), (3, 8, 8), (1, 4, 3, 8, 8)):
        fails(lambda shape=shape: norm(torch.ones(shape)), "expected 4D input", ValueError)
    assert lines(chapter, "flatten") == ["torch.Size([1, 3, 8, 8])", "torch.Size([1, 192])", "torch.Size([3, 64])"]
    photo = chapter["conv-single"].names["photo"]
    assert torch.equal(nn.Flatten()(photo), photo.reshape(3, 64))  # a row for each channel
    single = photo.unsqueeze(0)  # the habit serves all four
    for layer in (nn.Conv2d(3, 6, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(8, 2)):
        assert layer(single).shape[0] == 1


# Initialisation


@pytest.mark.claim(
    zh="训练从哪些数开始，叫初始化（initialisation）。",
    en="The numbers that training starts from are called the initialisation.")
@pytest.mark.claim(
    zh="Linear 的权重和偏置，都在 $-1/\\sqrt{n}$ 到 $1/\\sqrt{n}$ 之间均匀地抽，$n$ 就是 in_features：",
    en="The weights and biases of Linear are drawn evenly between $-1/\\sqrt{n}$ and $1/\\sqrt{n}$, where $n$ is in_features:")
@pytest.mark.claim(
    zh="没有一个权重越过界线，最大的那个又紧挨着界线。",
    en="No weight is over the bound, and the largest is close to it.")
@pytest.mark.claim(
    zh="输入越多，界线越窄：每个输出是 $n$ 个乘积之和，界线要是固定，输出就会随 $n$ 变大。",
    en="More inputs, narrower bounds: each output is a sum of $n$ products, and with a fixed bound it would grow with $n$.")
def test_the_default_of_linear_is_uniform_within_one_over_root_in(chapter):
    for line, inputs in zip(lines(chapter, "init-default"), (4, 100, 2500), strict=True):
        shown, bound, largest = numbers(line)
        assert shown == inputs and bound == pytest.approx(1 / math.sqrt(inputs), abs=1e-4) and 0.99 * bound <= largest <= bound
    torch.manual_seed(1)
    fixed = []
    for inputs in (4, 100, 2500):
        layer, edge = nn.Linear(inputs, 2000), 1 / math.sqrt(inputs)
        for values in (layer.weight, layer.bias):
            assert 0.99 * edge < values.abs().max() <= edge * (1 + 1e-6)
            counts = np.histogram(array(values) / edge, bins=10, range=(-1, 1))[0] / values.numel()
            assert np.abs(counts - 0.1).max() < 6 * math.sqrt(0.09 / values.numel())  # flat, but for chance
        x = torch.randn(20, inputs)
        assert 0.5 < (layer(x) - layer.bias).std() < 0.65  # the sum keeps its size
        fixed.append((x @ torch.empty(inputs, 500).uniform_(-0.5, 0.5)).std().item())  # with the same bound for all, it grows
    assert fixed[0] * 3 < fixed[1] < fixed[2] / 3


@pytest.mark.claim(zh="nn.init 里有别的抽法。", en="nn.init has other ways to draw.")
@pytest.mark.claim(
    zh="kaiming_normal_ 按正态分布来抽，专为后面跟着 ReLU 的层设计：ReLU 砍掉负的那一半，权重大一些正好补上。torchvision 的 ResNet 就用它来初始化卷积层。",
    en="kaiming_normal_ draws from a normal distribution and is made for layers with a ReLU behind them: ReLU cuts off the negative half, and larger weights make up for that. torchvision’s ResNet initialises its convolutions with it.")
@pytest.mark.claim(zh="名字末尾的下划线表示原地操作。", en="The underscore at the end says that it works in place.")
def test_kaiming_normal_makes_up_for_what_relu_cuts_off():
    from torchvision.models import ResNet

    assert len([name for name in dir(nn.init) if re.fullmatch(r"(xavier|kaiming)_(normal|uniform)_|orthogonal_|trunc_normal_", name)]) == 6
    torch.manual_seed(2)
    weight, x = torch.empty(1000, 500), torch.randn(50, 500)
    place = weight.data_ptr()
    assert nn.init.kaiming_normal_(weight, nonlinearity="relu") is weight and weight.data_ptr() == place  # in place
    spread = math.sqrt(2 / 500)
    assert nn.init.kaiming_normal_(torch.empty(1000, 500)).std().item() == pytest.approx(spread, rel=0.01)  # by default too
    shares = [(weight.abs() < k * spread).float().mean().item() for k in (1, 2, 3)]
    assert shares == pytest.approx([0.6827, 0.9545, 0.9973], abs=0.005)  # normal
    default = nn.Linear(500, 1000).weight
    assert weight.std() > 2 * default.std()
    after = torch.relu(x @ weight.T)
    assert (after == 0).float().mean().item() == pytest.approx(0.5, abs=0.02)  # the half that is cut off
    assert after.square().mean().item() == pytest.approx(x.square().mean().item(), rel=0.05)  # made up for
    assert torch.relu(x @ default.T).square().mean() < 0.3 * x.square().mean()
    loop = re.search(r"for m in self\.modules\(\):\n\s+if isinstance\(m, nn\.Conv2d\):\n(.*)", inspect.getsource(ResNet.__init__))
    assert "nn.init.kaiming_normal_(m.weight" in loop[1] and 'nonlinearity="relu"' in loop[1]


@pytest.mark.claim(
    zh="两幅重叠的直方图，横轴是权重，纵轴是每根柱子里有多少个权重。",
    en="Two overlapping histograms. Horizontally the weight, vertically how many weights are in each bar.")
@pytest.mark.claim(
    zh="默认初始化是一个长方形，顶是平的，两边在正负 0.1 的虚线处笔直落下。kaimingnormal 是一口钟，中间高，两边慢慢降到大约正负 0.4。",
    en="The default initialisation is a rectangle with a flat top whose sides drop straight down at the dashed lines at plus and minus 0.1. kaimingnormal is a bell, highest in the middle and slowly falling off to about plus and minus 0.4.")
@pytest.mark.claim(
    zh="100 个输入、1000 个输出的线性层，十万个权重。",
    en="A linear layer with 100 inputs and 1000 outputs, a hundred thousand weights.")
@pytest.mark.claim(
    zh="默认的是均匀分布，止于虚线；kaimingnormal 是正态分布，散得更开。",
    en="The default is uniform and ends at the dashed lines; kaimingnormal is normal and spreads further.")
def test_the_figure_of_initialisations(chapter):
    names, ((ax,),) = chapter["init-figure"].names, [figure.axes for figure in chapter["init-figure"].figures]
    assert names["wide"].weight.shape == names["other"].weight.shape == (1000, 100) and names["wide"].weight.numel() == 100_000
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("weight", "weights per bar")
    assert sorted(line.get_xdata()[0] for line in ax.lines) == [-0.1, 0.1] and {line.get_linestyle() for line in ax.lines} == {"--"}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["default", "kaiming_normal_", "±1/√100"]
    middles = np.array([patch.get_x() + patch.get_width() / 2 for patch in ax.patches[:100]])
    heights = np.array([patch.get_height() for patch in ax.patches])
    default, kaiming = heights[:100], heights[100:]
    assert len(kaiming) == 100 and default.sum() == 100_000 and kaiming.sum() > 99_900
    inside = default[abs(middles) < 0.1]
    assert inside.sum() == 100_000 and inside.min() > 0.8 * inside.max()  # a flat top, and sides that drop to nothing
    bars = kaiming.reshape(20, 5).sum(axis=1)
    assert (np.diff(bars[:10]) > 0).all() and (np.diff(bars[10:]) < 0).all()  # a bell, highest in the middle
    assert kaiming[abs(middles) > 0.3].any() and kaiming[abs(middles) > 0.4].sum() < 1000 and kaiming.max() < default.max()
    density = np.exp(-(middles**2) / 2 / (2 / 100))
    np.testing.assert_allclose(kaiming, density / density.sum() * kaiming.sum(), atol=250)  # normal


@pytest.mark.claim(
    zh="长方形的顶是平的，这就是“均匀”；边正好落在 1/√100 = 0.1 上。",
    en="The flat top of the rectangle is what “evenly” means, and its sides are at 1/√100 = 0.1.")
def test_the_rectangle_ends_at_a_tenth(chapter):
    weight = chapter["init-figure"].names["wide"].weight
    assert 1 / math.sqrt(100) == pytest.approx(0.1) and 0.0999 < weight.max() <= 0.1 + 1e-7 and -0.1 - 1e-7 <= weight.min() < -0.0999
    counts = torch.histc(weight.detach(), 10, -0.1, 0.1) / 100_000
    assert (counts - 0.1).abs().max() < 0.006  # evenly


@pytest.mark.claim(zh="把每个参数都填成同一个数试试：", en="Fill every parameter with one number, and see:")
@pytest.mark.claim(zh="八行梯度一模一样。", en="Eight rows of gradients, all alike.")
@pytest.mark.claim(
    zh="隐藏层的八个数起点相同，梯度相同，每走一步之后还是相同：同一个数，抄了八遍。",
    en="The eight hidden numbers start equal, get equal gradients, and are still equal after every step: one number, written eight times.")
@pytest.mark.claim(zh="随机的数让它们各不相同。", en="Random numbers make them different.")
def test_one_number_for_all_gives_every_hidden_number_the_same_gradient(chapter, flowers, net):
    grad, clones = chapter["init-same"].value, chapter["init-same"].names["Net"]()
    by_hand = np.tile(3 * 0.1 * array(flowers).sum(0), (8, 1))  # three scores, each with a weight of 0.1; relu lets all pass
    np.testing.assert_allclose(array(grad), by_hand, rtol=1e-4)
    for parameter in clones.parameters():
        nn.init.constant_(parameter, 0.1)
    optimizer = torch.optim.SGD(clones.parameters(), lr=0.01)
    for _ in range(4):
        optimizer.zero_grad()
        (clones(flowers) * torch.tensor([1.0, -2.0, 3.0])).square().mean().backward()
        torch.testing.assert_close(clones.hidden.weight.grad, clones.hidden.weight.grad[:1].expand(8, 4))
        optimizer.step()
        hidden = torch.relu(clones.hidden(flowers))
        torch.testing.assert_close(hidden, hidden[:, :1].expand(5, 8))
    assert not torch.equal(clones.hidden.weight, torch.full((8, 4), 0.1))  # it did learn
    torch.manual_seed(0)
    net = type(net)()
    assert len(set(net.hidden.weight[:, 0].tolist())) == 8
    net(flowers).square().mean().backward()
    alive = net.hidden.weight.grad.abs().sum(1) > 0
    assert len({tuple(row) for row in net.hidden.weight.grad[alive].tolist()}) == alive.sum() > 1


@pytest.mark.claim(
    zh="要给整个网络换初始化，用 apply，它在树上的每个模块上都调用一遍同一个函数：",
    en="To initialise a whole network anew, use apply, which calls a function on every module of the tree:")
@pytest.mark.claim(
    zh="函数里的 isinstance 不能少：apply 也会走到 Net 自己，而它没有 weight。",
    en="The isinstance cannot be left out: apply comes to Net itself too, which has no weight.")
def test_apply_visits_every_module(chapter, net):
    fresh = chapter["init-apply"].names["fresh"]
    assert not fresh.hidden.bias.any() and not fresh.output.bias.any() and fresh.hidden.weight.any()
    visited = []
    net.apply(visited.append)
    assert {id(module) for module in visited} == {id(module) for module in net.modules()} and len(visited) == 3 and net in visited
    torch.manual_seed(2)
    big = nn.Sequential(nn.Sequential(nn.Linear(200, 500))).apply(chapter["init-apply"].names["initialise"])
    assert big[0][0].weight.std().item() == pytest.approx(math.sqrt(2 / 200), rel=0.02) and not big[0][0].bias.any()
    source = chapter["init-apply"].code
    without = source.replace("    if isinstance(module, nn.Linear):\n    ", "    if True:\n    ").split("\n\n\n")[0]
    assert without != source and not hasattr(net, "weight")
    namespace = {"nn": nn, "torch": torch}
    exec(without, namespace)
    fails(lambda: net.apply(namespace["initialise"]), "'Net' object has no attribute 'weight'", AttributeError)


# Your own layer


@pytest.mark.claim(
    zh="自己写一个线性层，要用到 super().__init__()、nn.Parameter、forward 和初始化：",
    en="A linear layer of your own needs super().__init__(), nn.Parameter, forward and an initialisation:")
@pytest.mark.claim(zh="让它用上 nn.Linear 的那些数，再比结果。", en="Give it the numbers of an nn.Linear and compare.")
@pytest.mark.claim(
    zh="名字和形状都相同，所以 load_state_dict 抄得过来：",
    en="Names and shapes are the same, so load_state_dict can copy them:")
@pytest.mark.claim(zh="输出一样，梯度也一样。", en="The outputs agree, and so do the gradients.")
def test_my_linear_agrees_with_torch(chapter):
    assert lines(chapter, "custom-same") == ["<All keys matched successfully>", "outputs:   True", "gradients: True"]
    MyLinear = chapter["custom"].names["MyLinear"]
    mine, theirs = MyLinear(3, 7), nn.Linear(3, 7)
    assert {n: p.shape for n, p in mine.named_parameters()} == {n: p.shape for n, p in theirs.named_parameters()}
    theirs.load_state_dict(mine.state_dict())
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(mine(x), theirs(x))
    for module in (mine, theirs):
        module(x).square().sum().backward()
    torch.testing.assert_close(mine.weight.grad, theirs.weight.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(mine.bias.grad, theirs.bias.grad, rtol=1e-4, atol=1e-4)

    def without(old, new):
        assert old in chapter["custom"].code
        namespace = {"nn": nn, "torch": torch}
        exec(chapter["custom"].code.replace(old, new), namespace)
        return namespace["MyLinear"](3, 7)

    fails(lambda: without("super().__init__()", "pass"), "before Module.__init__() call", AttributeError)
    assert not list(without("nn.Parameter(", "(").parameters())
    fails(lambda: without("def forward", "def other")(x), "forward", NotImplementedError)
    assert not (torch.zeros(7, 3) == mine.weight).any()  # and numbers to begin with


@pytest.mark.claim(zh="我们只写了前向。", en="We wrote the forward pass only.")
def test_my_linear_has_no_backward_and_starts_like_torchs(chapter):
    MyLinear = chapter["custom"].names["MyLinear"]
    assert "forward" in vars(MyLinear) and not hasattr(MyLinear, "backward")
    torch.manual_seed(3)
    layer = MyLinear(100, 2000)
    for values in (layer.weight, layer.bias):
        assert 0.099 < values.max() <= 0.1 + 1e-8 and -0.1 - 1e-8 <= values.min() < -0.099
        assert abs(values.mean()) < 0.01 and values.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.05)


# Training and evaluation mode


def differs(layer, x):
    """Whether a module gives something else in training mode than in evaluation mode."""
    def out():
        torch.manual_seed(0)
        result = layer(*x)
        return result[0] if isinstance(result, tuple) else result

    layer.train()
    train = out().clone()
    layer.eval()
    return not torch.allclose(train, out())


@pytest.mark.claim(
    zh="有些层训练时做一件事，使用时做另一件事，所以每个模块都有一个开关，叫 training。",
    en="Some layers do one thing in training and another in use, so every module has a switch called training.")
@pytest.mark.claim(zh="新造的模块处于训练模式（training mode）。", en="A new module is in training mode.")
@pytest.mark.claim(
    zh="eval() 切到评估模式（evaluation mode），train() 切回来。",
    en="eval() switches it to evaluation mode, train() switches it back.")
def test_the_switch():
    for module in (nn.Linear(1, 1), nn.ReLU(), nn.Dropout(), nn.Sequential(nn.ReLU()), nn.Module()):
        assert module.training is True
        assert module.eval().training is False and module.train().training is True
    assert differs(nn.Dropout(0.5), [torch.ones(3, 4)]) and not differs(nn.Linear(4, 4), [torch.ones(3, 4)])


@pytest.mark.claim(
    zh="这一节讲其中两种，Dropout 和 BatchNorm。",
    en="This section looks at two such layers, Dropout and BatchNorm.")
@pytest.mark.claim(
    zh="别的也有：比如 RReLU，还有 LSTM 和 MultiheadAttention，后两个有参数 dropout，默认是 0。",
    en="There are others: RReLU, for one, and LSTM and MultiheadAttention, which have an argument dropout, 0 by default.")
def test_more_layers_than_two_differ_between_the_modes():
    torch.manual_seed(0)
    x = torch.randn(3, 4)
    assert differs(nn.Dropout(), [x]) and differs(nn.BatchNorm1d(4), [x])
    assert differs(nn.RReLU(), [x])
    for make in (lambda **options: (nn.LSTM(4, 4, num_layers=2, **options), [torch.randn(3, 1, 4)]),
                 lambda **options: (nn.MultiheadAttention(4, 2, **options), [torch.randn(3, 1, 4)] * 3)):
        layer, x = make()
        assert layer.dropout == 0 and not differs(layer, x)
        assert differs(*make(dropout=0.5))


@pytest.mark.claim(
    zh="训练模式下，Dropout(p) 以概率 p 把每个数变成 0，留下的乘以 1/(1 − p)，平均下来不变：",
    en="In training mode Dropout(p) sets each number to 0 with probability p and multiplies the others by 1/(1 − p), so that on average nothing changes:")
@pytest.mark.claim(
    zh="p = 0.5 时，留下的乘以 2；p = 0.2 时，乘以 1.25。",
    en="With p = 0.5, what is kept is multiplied by 2; with p = 0.2, by 1.25.")
@pytest.mark.claim(zh="评估模式下原样放行。", en="In evaluation mode everything passes unchanged.")
@pytest.mark.claim(zh="用意是让神经元不要互相依赖。", en="The aim is that neurons do not come to rely on one another.")
def test_dropout_keeps_the_average_for_any_p(chapter):
    half, fifth, use = (numbers(line.partition(":")[2]) for line in lines(chapter, "dropout"))
    assert [line.split(":")[0] for line in lines(chapter, "dropout")] == ["p=0.5 train", "p=0.2 train", "p=0.2 eval"]
    assert set(half) == {0, 2} and set(fifth) == {0, 1.25} and use == [1] * 10
    torch.manual_seed(4)
    for p in (0.1, 0.2, 0.5, 0.75):
        drop, x = nn.Dropout(p), torch.full((20_000,), 3.0)
        out = drop(x)
        assert (out == 0).float().mean().item() == pytest.approx(p, abs=0.02)
        torch.testing.assert_close(out[out != 0].unique(), torch.tensor([3 / (1 - p)]))
        assert out.mean().item() == pytest.approx(3, abs=0.15)
        assert torch.equal(drop.eval()(x), x)
    assert "preventing the co-adaptation of neurons" in nn.Dropout.__doc__


@pytest.mark.claim(
    zh="训练模式下，批归一化（batch normalisation）BatchNorm 用这个批次自己的平均和方差，把每一列（图片则是每个通道）标准化。",
    en="In training mode batch normalisation, BatchNorm, standardises every column, or every channel of pictures, with the mean and variance of this very batch.")
@pytest.mark.claim(
    zh="然后乘上一个缩放，再加上一个平移，这两样都是学来的：",
    en="Then it multiplies by a scale and adds a shift, both learnt:")
@pytest.mark.claim(
    zh="weight 是缩放，起初是 1；bias 是平移，起初是 0。",
    en="weight is the scale, 1 at first; bias is the shift, 0 at first.")
@pytest.mark.claim(zh="这里的方差除以的是 n（每列有几个数），不是 n − 1。", en="The variance here divides by n, the number of values in a column, and not by n − 1.")
def test_batch_norm_is_its_formula(chapter, flowers):
    assert lines(chapter, "batch-norm") == ["weight [1.0, 1.0, 1.0, 1.0] bias [0.0, 0.0, 0.0, 0.0]", "True"]
    norm, x = nn.BatchNorm1d(4), array(flowers)
    assert dict(norm.named_parameters()).keys() == {"weight", "bias"} and norm.weight.tolist() == [1] * 4 and norm.bias.tolist() == [0] * 4
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        norm.bias.copy_(torch.tensor([5.0, 6.0, 7.0, 8.0]))
    standard = {n: (x - x.mean(0)) / np.sqrt(((x - x.mean(0)) ** 2).sum(0) / n + 1e-5) for n in (5, 4)}
    np.testing.assert_allclose(array(norm(flowers)), standard[5] * [1, 2, 3, 4] + [5, 6, 7, 8], rtol=1e-3, atol=1e-3)
    assert abs(array(norm(flowers)) - (standard[4] * [1, 2, 3, 4] + [5, 6, 7, 8])).max() > 0.1  # not n - 1
    photos = torch.rand(4, 3, 8, 8)
    x = array(photos)
    channels = (x - x.mean((0, 2, 3), keepdims=True)) / np.sqrt(x.var((0, 2, 3), keepdims=True) + 1e-5)
    np.testing.assert_allclose(array(nn.BatchNorm2d(3)(photos)), channels, rtol=1e-3, atol=1e-3)
    norm(flowers).square().sum().backward()
    assert norm.weight.grad.any() and norm.bias.grad.any()  # learnt
    np.testing.assert_allclose(array(chapter["batch-norm"].names["by_hand"]), standard[5] * 3 + 10, rtol=1e-3, atol=1e-3)


@pytest.mark.claim(
    zh="eps 默认是 0.00001，方差为 0 时，靠它保证除法不出事。",
    en="eps, 0.00001 by default, keeps the division safe where the variance is 0.")
@pytest.mark.claim(
    zh="使用时可能只有一个样本，而一个样本的方差是 0。",
    en="In use there may be a single sample, and the variance of a single sample is 0.")
@pytest.mark.claim(
    zh="所以训练模式下，这一层还给两者各记一份滑动平均（running average），放在缓冲区 running_mean 和 running_var 里；评估模式下，就拿它们来标准化：",
    en="So in training mode the layer also keeps a running average of each in the buffers running_mean and running_var, and in evaluation mode it standardises with those:")
def test_batch_norm_uses_its_running_averages_in_evaluation_mode(flowers):
    assert inspect.signature(nn.BatchNorm1d).parameters["eps"].default == 0.00001
    level = torch.full((3, 1), 7.0)  # of variance 0
    assert nn.BatchNorm1d(1)(level).abs().max() < 1e-3
    assert not torch.isfinite((level - level.mean(0)) / level.var(0, correction=0).sqrt()).any()  # without eps
    assert flowers[:1].var(dim=0, correction=0).tolist() == [0] * 4
    norm, x = nn.BatchNorm1d(4), array(flowers)
    assert {"running_mean", "running_var"} <= {name for name, _ in norm.named_buffers()}
    norm(flowers)
    mean, var = array(norm.running_mean), array(norm.running_var)
    np.testing.assert_allclose(mean, x.mean(0) / 10, rtol=1e-5)
    np.testing.assert_allclose(var, 0.9 * 1 + x.var(0, ddof=1) / 10, rtol=1e-5)
    norm.eval()
    for batch in (flowers, flowers[:1]):
        np.testing.assert_allclose(array(norm(batch)), (array(batch) - mean) / np.sqrt(var + 1e-5), rtol=1e-3, atol=1e-3)


@pytest.mark.claim(
    zh="训练模式下每走一趟，旧值留十分之九，再加上这个批次的十分之一。",
    en="Each pass in training mode keeps nine tenths of the old value and adds one tenth of the batch’s.")
@pytest.mark.claim(
    zh="从 0 开始，走一趟是批次平均的 0.1 倍，走两趟是 0.19 倍。",
    en="From 0 this gives 0.1 times the mean of the batch after one pass, and 0.19 times after two.")
@pytest.mark.claim(
    zh="记进 `running_var` 的，是除以 n − 1 的那个方差。",
    en="Into `running_var` goes the variance that divides by n − 1.")
@pytest.mark.claim(zh="评估模式下，滑动平均不动。", en="In evaluation mode the running average stays as it is.")
def test_the_running_average_moves_by_a_tenth(chapter, flowers):
    shown = {line.split(":")[0].strip(): numbers(line.partition(":")[2]) for line in lines(chapter, "running")}
    mean = array(flowers).mean(0)
    for name, share in (("batch", 1), ("at first", 0), ("one pass", 0.1), ("two", 0.19), ("then eval", 0.19)):
        np.testing.assert_allclose(shown[name], share * mean, atol=1e-4)
    norm = nn.BatchNorm1d(4)
    assert norm.momentum == 0.1
    for batch in (flowers, flowers[:3], flowers[2:]):
        before = array(norm.running_mean), array(norm.running_var)
        norm(batch)
        np.testing.assert_allclose(array(norm.running_mean), 0.9 * before[0] + 0.1 * array(batch).mean(0), rtol=1e-5)
        np.testing.assert_allclose(array(norm.running_var), 0.9 * before[1] + 0.1 * array(batch).var(0, ddof=1), rtol=1e-5)
    before = {name: value.clone() for name, value in norm.named_buffers()}
    norm.eval()(flowers)
    assert all(torch.equal(value, before[name]) for name, value in norm.named_buffers())


@pytest.mark.claim(
    zh="不用一层一层去切：在树根上调用 eval() 和 train()，整棵树都切过去。",
    en="You need not switch layer by layer: eval() and train() reach the whole tree from its root.")
@pytest.mark.claim(
    zh="训练模式下，同样的花走两遍，得出两种结果；评估模式下只有一种。",
    en="In training mode the same flowers, sent through twice, give two results; in evaluation mode they give one.")
@pytest.mark.claim(
    zh="最后一行再提醒一件事：eval() 不会让自动求导停止记录。",
    en="The last line is a reminder: eval() does not stop autograd’s recording.")
@pytest.mark.claim(zh="要它停，另写 torch.no_grad()。", en="For that, write torch.no_grad() as well.")
def test_the_switch_of_the_root_turns_all_and_leaves_autograd_on(chapter, flowers):
    assert lines(chapter, "modes") == [
        "True [True, True, True, True]", "same twice: False",
        "False [False, False, False, False]", "same twice: True", "still recording for autograd: True"]
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5)), nn.Linear(8, 3))
    assert not any(m.training for m in model.eval().modules()) and all(m.training for m in model.train().modules())
    assert not torch.equal(model(flowers), model(flowers))
    model.eval()
    assert torch.equal(model(flowers), model(flowers)) and model(flowers).grad_fn is not None
    with torch.no_grad():
        assert model(flowers).grad_fn is None


@pytest.mark.claim(
    zh="有 Dropout 就藏不住，因为答案一趟一个样。",
    en="Dropout gives itself away, for the answers change from pass to pass.")
@pytest.mark.claim(
    zh="只有 BatchNorm 分模式的网络，答案每次分毫不差，却不是评估模式下的答案。",
    en="A network in which only BatchNorm differs between the modes repeats its answers exactly, though they are not those of evaluation mode.")
@pytest.mark.claim(
    zh="训练模式下，第一朵花的答案取决于同一批里还有哪些花。",
    en="In training mode, the answer for the first flower depends on which flowers are in the batch with it.")
@pytest.mark.claim(zh="评估模式下，旁边是谁都没有影响。", en="In evaluation mode the neighbours make no difference.")
def test_a_forgotten_eval_is_silent_with_batch_norm_alone(chapter, flowers):
    same, five, two, eval_five, eval_two = (line.partition(":")[2].strip() for line in lines(chapter, "silent"))
    assert same == "True" and five != two and eval_five == eval_two
    assert [line.split(":")[0] for line in lines(chapter, "silent")][1:] == [
        "train, first of five", "train, first of two", "eval,  first of five", "eval,  first of two"]
    shown = deepcopy(chapter["silent"].names["quiet"])
    for printed, batch in ((eval_five, flowers), (eval_two, flowers[:2])):
        np.testing.assert_allclose(numbers(printed), array(shown(batch)[0]), atol=1e-4)
    shown.train()  # where the running averages do not matter
    for printed, batch in ((five, flowers), (two, flowers[:2])):
        np.testing.assert_allclose(numbers(printed), array(shown(batch)[0]), atol=1e-4)
    dropping = nn.Sequential(nn.Linear(4, 50), nn.Dropout(0.5), nn.Linear(50, 3))
    assert len({tuple(dropping(flowers).flatten().tolist()) for _ in range(10)}) == 10
    quiet = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    train = quiet(flowers)
    assert all(torch.equal(quiet(flowers), train) for _ in range(5))
    assert not torch.allclose(quiet(flowers[:2])[0], train[0])
    quiet.eval()
    assert not torch.allclose(quiet(flowers), train)
    for neighbours in (flowers, flowers[:2], flowers[:1], flowers[[0, 4, 4]]):
        torch.testing.assert_close(quiet(neighbours)[0], quiet(flowers)[0])


@pytest.mark.claim(zh="而且每走一趟，滑动平均都会变。", en="Besides, each pass moves the running average.")
def test_each_pass_in_training_mode_moves_the_running_average(flowers):
    norm, seen = nn.BatchNorm1d(4), set()
    with torch.no_grad():
        for _ in range(10):
            norm(flowers)
            seen.add(tuple(norm.running_mean.tolist()))
    assert len(seen) == 10


# Freezing and moving


@pytest.mark.claim(
    zh="只想训练网络的一部分，让其余部分保持原样，就关掉其余部分的 requires_grad。",
    en="To train one part of a network and leave the rest as it is, switch off requires_grad for the rest.")
@pytest.mark.claim(
    zh="requires_grad_(False) 一次关掉一个模块里的全部参数：",
    en="requires_grad_(False) does it for all the parameters of a module at once:")
@pytest.mark.claim(
    zh="hidden 没有梯度，优化器走了一步也没有改动它。",
    en="hidden has no gradient, and the optimizer’s step did not change it.")
@pytest.mark.claim(
    zh="67 个参数里还能训练的有 27 个，就是 output 的 8 × 3 + 3。",
    en="Of 67 parameters, 27 can still be trained: the 8 × 3 + 3 of output.")
def test_frozen_parameters_get_no_gradient_and_do_not_change(chapter, flowers, net):
    *rows, last = lines(chapter, "freeze")
    assert [row.split() for row in rows] == [[f"{part}.{kind}", "grad", str(free), "changed", str(free)]
                                            for part, free in (("hidden", False), ("output", True)) for kind in ("weight", "bias")]
    assert last == "trainable: 27" and 27 == 8 * 3 + 3
    net.hidden.requires_grad_(False)
    assert not any(p.requires_grad for p in net.hidden.parameters()) and all(p.requires_grad for p in net.output.parameters())
    assert sum(p.numel() for p in net.parameters()) == 67 and sum(p.numel() for p in net.parameters() if p.requires_grad) == 27
    start = {name: p.clone() for name, p in net.named_parameters()}
    net(flowers).square().mean().backward()
    gradient = net.output.bias.grad.clone()
    torch.optim.SGD(net.parameters(), lr=0.1).step()
    assert net.hidden.weight.grad is None and torch.equal(net.hidden.weight, start["hidden.weight"]) and torch.equal(net.hidden.bias, start["hidden.bias"])
    torch.testing.assert_close(net.output.bias, start["output.bias"] - 0.1 * gradient)


@pytest.mark.claim(
    zh="滑动平均不靠梯度更新，requires_grad 管不着它。",
    en="A running average is not updated by gradients, so requires_grad has no say in it.")
@pytest.mark.claim(
    zh="冻结的 BatchNorm 在训练模式下，滑动平均照样在变；在评估模式下就不变。",
    en="A frozen BatchNorm in training mode goes on changing its running average; in evaluation mode it does not.")
def test_freezing_does_not_reach_buffers(chapter, flowers):
    shown = {line.split(":")[0]: numbers(line.partition(":")[2]) for line in lines(chapter, "freeze-buffer")}
    assert list(shown) == ["at first", "train", "eval"] and shown["at first"] == [0] * 4 and shown["train"] == shown["eval"]
    np.testing.assert_allclose(shown["train"], array(flowers).mean(0) / 10, atol=1e-4)
    assert not any(p.requires_grad for p in chapter["freeze-buffer"].names["norm"].parameters())
    norm = nn.BatchNorm1d(4).requires_grad_(False)
    with torch.no_grad():  # no gradient anywhere
        norm(flowers)
    moved = norm.running_mean.clone()
    assert moved.any() and norm.weight.tolist() == [1] * 4
    norm.eval()(flowers)
    assert torch.equal(norm.running_mean, moved)


@pytest.mark.claim(
    zh="张量的 .to()，没有东西要改就交还原来的张量，否则交出一个新的。",
    en="The .to() of a tensor returns the same tensor if there is nothing to change, and a new one otherwise.")
@pytest.mark.claim(
    zh="模块的 .to() 就地搬动参数和缓冲区，交还的是模块自己。",
    en="The .to() of a module moves its parameters and buffers in place and returns the module itself.")
@pytest.mark.claim(zh="这里搬到 meta，也就是没有数字的设备：", en="Here the target is meta, the device without numbers:")
@pytest.mark.claim(
    zh="gain 和 mean 搬走了，没有注册的 shift 留在了 cpu。",
    en="gain and mean moved; shift, which is not registered, stayed on cpu.")
def test_a_module_moves_in_place_and_a_tensor_does_not(chapter):
    assert lines(chapter, "move") == ["tensor: True False", "module: True True", "meta meta cpu"]
    layer, x = nn.BatchNorm1d(2), torch.ones(2)
    assert x.to("cpu") is x and x.to(torch.float32) is x and x.to(torch.float64) is not x and x.to("meta") is not x and x.dtype == torch.float32
    assert layer.to(torch.float64) is layer and layer.weight.dtype == layer.running_mean.dtype == torch.float64
    assert layer.to("meta") is layer and layer.weight.is_meta and layer.running_mean.is_meta
    fails(lambda: layer.weight.tolist(), "meta")  # no numbers there
    scale = chapter["move"].names["scale"]
    assert scale.gain.is_meta and scale.mean.is_meta and scale.shift.device.type == "cpu" and "shift" not in scale.state_dict()


@pytest.mark.claim(zh="于是前向走不下去：", en="So the pass fails:")
@pytest.mark.claim(
    zh="报错说有两个设备，而你明明写了 net.to(device)，就去找没有注册的张量。",
    en="If you read about two devices although you wrote net.to(device), look for a tensor that is not registered.")
@pytest.mark.claim(
    zh="该学的包上 nn.Parameter，不该学的包上 nn.Buffer。",
    en="Wrap it in nn.Parameter if it is to be learnt, in nn.Buffer if not.")
def test_a_tensor_left_behind_is_cured_by_registering_it(chapter):
    error = chapter["move-error"].error
    assert type(error) is RuntimeError and re.fullmatch("Tensor on device cpu is not on the expected device meta!.*", str(error), re.DOTALL)
    for wrap, learnt in ((nn.Parameter, True), (nn.Buffer, False)):
        module = chapter["move"].names["Shift"]()
        module.shift = wrap(module.__dict__.pop("shift"))
        assert module.to("meta")(torch.ones(2, 4, device="meta")).is_meta
        assert any(p is module.shift for p in module.parameters()) is learnt


# Common errors


@pytest.mark.claim(zh="每个通道只有一个数。", en="One number per channel.")
@pytest.mark.claim(zh="训练模式下，送进去只有一个样本的批次：", en="Take a batch of one in training mode:")
@pytest.mark.claim(
    zh="一个数减去它自己的平均，总是 0，没有什么可标准化的。",
    en="A single number less its own mean is always 0, so there is nothing to standardise.")
@pytest.mark.claim(zh="预测时碰到它，多半是忘了 eval()。", en="If you meet this when predicting, you probably forgot eval().")
def test_a_batch_of_one_in_training_mode(chapter, flowers):
    error, norm = chapter["one-error"].error, nn.BatchNorm1d(4)
    assert type(error) is ValueError and "Expected more than 1 value per channel when training" in str(error) and "torch.Size([1, 4])" in str(error)
    fails(lambda: norm(flowers[:1]), "Expected more than 1 value per channel", ValueError)
    assert nn.BatchNorm2d(3)(torch.rand(1, 3, 2, 2)).shape == (1, 3, 2, 2)  # one picture has several numbers per channel
    assert all(np.mean([number]) == number for number in (-3.0, 0.0, 7.5))
    assert norm.eval()(flowers[:1]).shape == (1, 4)


@pytest.mark.claim(
    zh="训练时，最后一批可能只剩一个样本；drop_last=True 会丢掉凑不满的最后一批：",
    en="In training, the last batch may have a single sample left; drop_last=True drops a last batch that is short:")
@pytest.mark.claim(
    zh="DataLoader 把数据切成批次，详见数据。",
    en="DataLoader cuts data into batches; more about it in Data.")
def test_drop_last_drops_a_short_last_batch(chapter, flowers):
    from torch.utils.data import DataLoader

    assert lines(chapter, "drop-last") == ["[4, 1]", "[4]"]
    for size, sizes in ((2, [2, 2, 1]), (3, [3, 2]), (5, [5])):
        assert [len(batch) for batch in DataLoader(flowers, batch_size=size)] == sizes
        assert [len(batch) for batch in DataLoader(flowers, batch_size=size, drop_last=True)] == [n for n in sizes if n == size]
    assert torch.equal(torch.cat(list(DataLoader(flowers, batch_size=2))), flowers)


@pytest.mark.claim(zh="全都冻结了。", en="Everything is frozen.")
@pytest.mark.claim(zh="这时没有东西可以求导：", en="Then there is nothing to differentiate with respect to:")
@pytest.mark.claim(
    zh="does not require grad and does not have a grad_fn | 参数全冻结了 | 留一些参数 requires_grad=True",
    en="does not require grad and does not have a grad_fn | all parameters are frozen | leave some with requires_grad=True")
def test_a_frozen_network_has_no_gradient(chapter, flowers, net):
    error = chapter["frozen-error"].error
    assert type(error) is RuntimeError and "does not require grad and does not have a grad_fn" in str(error)
    net.requires_grad_(False)
    assert net(flowers).grad_fn is None
    fails(net(flowers).sum().backward, "does not require grad and does not have a grad_fn")
    net.output.requires_grad_(True)
    net(flowers).sum().backward()
    assert net.output.bias.grad.tolist() == [5, 5, 5]


@pytest.mark.claim(
    zh="expected 4D input (got 3D input) | 少了批次那个轴 | x.unsqueeze(0)",
    en="expected 4D input (got 3D input) | the batch axis is missing | x.unsqueeze(0)")
@pytest.mark.claim(
    zh="Expected more than 1 value per channel | 训练模式下每个通道只有一个数 | 使用时先 eval()，训练时设 drop_last=True",
    en="Expected more than 1 value per channel | one number per channel in training mode | eval() in use, drop_last=True in training")
def test_rows_of_the_table_on_batches(chapter, flowers):
    from torch.utils.data import DataLoader

    assert "expected 4D input (got 3D input)" in str(chapter["norm-single"].error) and "Expected more than 1 value per channel" in str(chapter["one-error"].error)
    x = torch.rand(3, 8, 8)
    fails(lambda: nn.BatchNorm2d(3)(x), "expected 4D input (got 3D input)", ValueError)
    assert nn.BatchNorm2d(3)(x.unsqueeze(0)).shape == (1, 3, 8, 8)
    norm = nn.BatchNorm1d(4)
    fails(lambda: [norm(batch) for batch in DataLoader(flowers, batch_size=4)], "Expected more than 1 value per channel", ValueError)
    assert len([norm(batch) for batch in DataLoader(flowers, batch_size=4, drop_last=True)]) == 1
    assert norm.eval()(flowers[:1]).shape == (1, 4)


@pytest.mark.claim(
    zh="is not on the expected device | 有张量没有注册，没跟着搬；在 meta 上看到的 | 包上 nn.Parameter 或 nn.Buffer",
    en="is not on the expected device | a tensor was not registered, and not moved; seen on meta | wrap it in nn.Parameter or nn.Buffer")
@pytest.mark.claim(
    zh="Expected all tensors to be on the same device | 同上，真正的 GPU 这么说 | 包上 nn.Parameter 或 nn.Buffer",
    en="Expected all tensors to be on the same device | the same, in the words of a real GPU | wrap it in nn.Parameter or nn.Buffer")
def test_rows_of_the_table_on_devices(chapter):
    assert "is not on the expected device meta" in str(chapter["move-error"].error)
    library = next((Path(torch.__file__).parent / "lib").glob("*torch_cpu.*"))  # what a GPU says is written in PyTorch itself
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        assert text.find(b"Expected all tensors to be on the same device, but ") > 0
    for wrap in (nn.Parameter, nn.Buffer):
        module = nn.Linear(1, 1)
        module.shift = wrap(torch.ones(1))
        assert module.to("meta").shift.is_meta


# Summary


@pytest.mark.claim(
    zh="Linear 和 Conv2d 收批次也收单个样本，BatchNorm2d 只收批次；Flatten 会把通道当成样本，不报错。",
    en="Linear and Conv2d take a batch or a single sample, BatchNorm2d a batch only, and Flatten takes channels for samples without an error.")
@pytest.mark.claim(
    zh="初始化要随机，因为相同的数会一直相同；apply 走到树上的每个模块。",
    en="Initialisation is random because equal numbers stay equal; apply reaches every module of the tree.")
def test_the_summary_of_batches_and_initialisation():
    x = torch.rand(3, 8, 8)
    for layer, shape in ((nn.Linear(8, 2), (3, 8, 2)), (nn.Conv2d(3, 2, 3), (2, 6, 6)), (nn.Flatten(), (3, 64))):
        assert layer(x).shape == shape and layer(x.unsqueeze(0)).shape[0] == 1
    fails(lambda: nn.BatchNorm2d(3)(x), "4D", ValueError)
    equal, data = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)), torch.randn(6, 4)
    reached = []
    equal.apply(lambda module: reached.append(module))
    assert {id(module) for module in reached} == {id(module) for module in equal.modules()}
    for parameter in equal.parameters():
        nn.init.constant_(parameter, 0.2)
    for _ in range(3):
        equal.zero_grad()
        equal(data).exp().mean().backward()
        torch.optim.SGD(equal.parameters(), lr=0.5).step()
    torch.testing.assert_close(equal[0].weight, equal[0].weight[:1].expand(8, 4))


@pytest.mark.claim(
    zh="Dropout 和 BatchNorm 在 train() 之后和 eval() 之后做法不同；忘了 eval()，可能毫无动静。",
    en="Dropout and BatchNorm behave in one way after train() and in another after eval(); a forgotten eval() may be silent.")
@pytest.mark.claim(zh="冻结管住参数，管不住缓冲区。", en="Freezing stops parameters and not buffers.")
@pytest.mark.claim(zh="模块的 .to() 就地搬动注册过的东西。", en="The .to() of a module works in place, on what is registered.")
def test_the_summary_of_modes_freezing_and_moving(chapter, flowers):
    for layer in (nn.Dropout(), nn.BatchNorm1d(4)):
        assert differs(layer, [flowers])
    quiet = nn.BatchNorm1d(4).requires_grad_(False)
    assert torch.equal(quiet(flowers), quiet(flowers))  # silent
    assert quiet.weight.tolist() == [1] * 4 and quiet.running_mean.any()
    module = chapter["move"].names["Shift"]()
    assert module.to("meta") is module and module.gain.is_meta and module.mean.is_meta and not module.shift.is_meta
