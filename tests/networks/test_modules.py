"""The claims of the chapter networks/modules."""

import inspect
import re

import numpy as np
import pytest
import torch
from torch import nn

from press.ledger import read_ledger
from tests.facts import fact
from tests.prose import lines


def array(tensor):
    return tensor.detach().double().numpy()


def linear(x, weight, bias):
    """A linear layer in NumPy, number by number: (N, in), (out, in), (out,) -> (N, out)."""
    return np.array([[sum(a * w for a, w in zip(sample, row, strict=True)) + b for row, b in zip(weight, bias, strict=True)] for sample in x])


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", text)]


class All(nn.Module):
    """One of each: a parameter, two buffers, a submodule, a plain tensor, a list of layers."""

    def __init__(self):
        super().__init__()
        self.p, self.b = nn.Parameter(torch.ones(2)), nn.Buffer(torch.ones(2))
        self.off, self.sub, self.plain = nn.Buffer(torch.ones(2), persistent=False), nn.Linear(2, 2), torch.ones(2, requires_grad=True)
        self.layers = [nn.Linear(2, 2)]

    def forward(self, x):
        return self.layers[0](self.sub(x * self.p * self.b * self.off) * self.plain)


def changed_by_training(module):
    """Names in its state_dict that a step of SGD over all its parameters changes."""
    before = {name: t.clone() for name, t in module.state_dict().items()}
    module(torch.ones(3, 2)).sum().backward()
    torch.optim.SGD(module.parameters(), lr=0.1).step()
    return {name for name, t in module.state_dict().items() if not torch.equal(t, before[name])}


# Opening


@pytest.mark.claim(
    zh="网络里有一堆待学的数，每个都要有名字，要交到优化器手里，还要跟着网络一起保存、一起搬动。",
    en="A network holds numbers to be learnt, and each of them needs a name, has to reach the optimizer, and must be saved and moved along with the rest.")
@pytest.mark.claim(
    zh="这些事 nn.Module 都替你办，前提是装着它们的部件注册（register）过。",
    en="nn.Module sees to that, provided that the part which holds them is registered.")
@pytest.mark.claim(
    zh="注册靠的是一句看似普通的赋值：self.hidden = …。",
    en="What looks like an ordinary assignment, self.hidden = …, registers it.")
def test_what_is_registered_is_named_trained_saved_and_moved_and_the_rest_is_not():
    module = nn.Module()
    assert not list(module.named_modules())[1:]
    module.hidden = nn.Linear(2, 2)  # an assignment, and nothing else
    module.hidden.apart = [nn.Linear(2, 2)]  # in the module, and not registered
    names = ["hidden.weight", "hidden.bias"]
    assert [name for name, _ in module.named_parameters()] == list(module.state_dict()) == names
    assert [id(p) for p in module.parameters()] == [id(module.hidden.weight), id(module.hidden.bias)]
    module.to("meta")
    assert module.hidden.weight.is_meta and not module.hidden.apart[0].weight.is_meta


# A first network


@pytest.mark.claim(
    zh="任务：量出一朵鸢尾花的四个长度（花萼长、花萼宽、花瓣长、花瓣宽），给三个品种各打一个分。",
    en="The task: from four lengths of an iris flower (sepal length and width, petal length and width), give each of three species a score.")
@pytest.mark.claim(
    zh="拿经典的鸢尾花数据集里的五朵花来试，一行一朵，单位是厘米：",
    en="Let us try five flowers, one a row, in centimetres, from the classic iris dataset:")
def test_the_flowers_are_those_of_the_iris_dataset(chapter):
    from sklearn.datasets import load_iris

    iris, flowers = load_iris(), array(chapter["use"].names["flowers"])
    assert [name.split(" (")[0] for name in iris.feature_names] == ["sepal length", "sepal width", "petal length", "petal width"]
    assert all("(cm)" in name for name in iris.feature_names) and len(iris.target_names) == 3
    assert flowers.shape == (5, 4) and all(np.isclose(iris.data, flower, atol=1e-5).all(axis=1).any() for flower in flowers)


@pytest.mark.ledger("n4-06")
@pytest.mark.claim(zh="网络是一个函数，四个数进，三个数出：", en="The network is a function, four numbers in and three out:")
@pytest.mark.claim(zh="五朵花，每朵三个分数。", en="Five flowers, three scores each.")
@pytest.mark.claim(
    zh="中间这八个数既不是输入也不是输出，叫隐藏层（hidden layer）。",
    en="The eight numbers in the middle are neither input nor output: they are called the hidden layer.")
@pytest.mark.claim(
    zh="nn.Linear(4, 8) 是线性层（linear layer），四个数进，八个数出，后面会亲手算一遍。",
    en="nn.Linear(4, 8) is a linear layer, four numbers in and eight out; below we do its sum by hand.")
def test_four_numbers_go_in_eight_are_hidden_and_three_come_out(chapter):
    names = chapter["use"].names
    net, flowers = names["net"], names["flowers"]
    assert net.hidden(flowers[0]).shape == (8,) and (net.hidden.in_features, net.hidden.out_features) == (4, 8)
    assert type(net.hidden) is nn.Linear and net(flowers[0]).shape == (3,) and chapter["use"].value == (5, 3)
    hidden = np.maximum(linear(array(flowers), array(net.hidden.weight), array(net.hidden.bias)), 0)  # (5, 8), neither x nor the scores
    by_hand = linear(hidden, array(net.output.weight), array(net.output.bias))
    np.testing.assert_allclose(array(names["scores"]), by_hand, rtol=1e-4, atol=1e-5)


@pytest.mark.ledger("n4-06")
@pytest.mark.claim(zh="现成的部件都在 torch.nn 里。", en="torch.nn holds the ready-made parts.")
@pytest.mark.claim(
    zh="torch.relu 把负数变成 0，为什么要有它，见激活函数。",
    en="torch.relu turns negative numbers into 0; why it is there is told in Activation functions.")
def test_parts_are_in_torch_nn_and_relu_cuts_off_what_is_negative(chapter):
    for name in ("Linear", "Conv2d", "ReLU", "Dropout", "BatchNorm1d", "Sequential"):
        assert getattr(nn, name).__module__.startswith("torch.nn.modules")
    assert torch.relu(torch.tensor([-2.0, -0.1, 0.0, 3.0])).tolist() == [0, 0, 0, 3]


@pytest.mark.ledger("n4-06")
@pytest.mark.claim(zh="自己写一个网络，要写两样：", en="A network of your own takes two things:")
@pytest.mark.claim(zh="__init__ 说有哪些部件；", en="__init__ says which parts there are;")
@pytest.mark.claim(
    zh="forward 说数据怎么走：参数是输入，返回值是输出。",
    en="forward says how the data travels: its argument is the input, what it returns is the output.")
def test_init_names_the_parts_and_forward_the_way(chapter):
    Net, flowers = chapter["first"].names["Net"], chapter["use"].names["flowers"]
    assert [name for name, value in vars(Net).items() if inspect.isfunction(value)] == ["__init__", "forward"]
    assert [name for name, _ in Net().named_children()] == ["hidden", "output"]
    other = type("Other", (Net,), {"forward": lambda self, x: ("given", x.shape)})  # same parts, another way
    assert [name for name, _ in other().named_children()] == ["hidden", "output"]
    assert other()(flowers) == ("given", (5, 4))


@pytest.mark.claim(
    zh="打印出来的有 hidden 和 output，没有 relu：它列的是注册过的部件，不是数据走的路。",
    en="The printout names hidden and output, but not relu: it lists the registered parts, not the way through them.")
@pytest.mark.claim(
    zh="把 relu 从 forward 里删掉，打印的结果一字不变。",
    en="Delete the relu from forward, and the printout stays the same to the letter.")
def test_the_printout_lists_parts_and_says_nothing_of_forward(chapter):
    Net = chapter["first"].names["Net"]
    shown = repr(chapter["first"].value)
    assert re.findall(r"\((\w+)\): ", shown) == ["hidden", "output"] and "relu" not in shown.lower()
    without = type("Net", (Net,), {"forward": lambda self, x: self.output(self.hidden(x))})
    assert repr(without()) == shown


@pytest.mark.claim(
    zh="现在的分数毫无意义：网络里的数是随机抽的，再造一个 Net()，分数就变了。",
    en="The scores mean nothing yet: the numbers in the network were drawn at random, and another Net() gives other scores.")
def test_another_net_gives_other_scores(chapter):
    Net, flowers = chapter["use"].names["Net"], chapter["use"].names["flowers"]
    seen = {tuple(Net()(flowers).flatten().tolist()) for _ in range(5)}
    assert len(seen) == 5
    torch.manual_seed(3)
    first = Net().hidden.weight
    torch.manual_seed(3)
    assert torch.equal(Net().hidden.weight, first)  # drawn by the generator


# Taking it apart


@pytest.mark.ledger("n3-04")
@pytest.mark.claim(zh="网络是模块，里面的线性层也是模块。", en="The network is a module, and so are the linear layers in it.")
@pytest.mark.claim(
    zh="模块都继承自 nn.Module，模块里又可以装模块，合起来就是一棵树：",
    en="A module inherits from nn.Module and can hold other modules, which makes a tree:")
@pytest.mark.claim(
    zh="named_modules() 从网络自己开始，把树上的每个模块走一遍：",
    en="named_modules() visits every module of the tree, beginning with the network itself:")
@pytest.mark.claim(zh="第一个名字是空的，那是树根，也就是 net 自己。", en="The first name is empty: it is the root, net itself.")
def test_a_module_is_a_tree_of_modules_that_inherit_from_nn_module(chapter):
    net = chapter["modules"].names["net"]
    assert all(isinstance(m, nn.Module) for m in (net, net.hidden, net.output)) and nn.Module in nn.Linear.__mro__
    assert [line.split() for line in lines(chapter, "modules")] == [["''", "Net"], ["'hidden'", "Linear"], ["'output'", "Linear"]]
    assert next(net.named_modules()) == ("", net)
    deep = nn.Sequential(nn.Sequential(nn.Sequential(nn.ReLU())))
    assert [name for name, _ in deep.named_modules()] == ["", "0", "0.0", "0.0.0"]  # every level


@pytest.mark.claim(
    zh="左边是一棵树，标题是 what init keeps。",
    en="On the left a tree with the title: what init keeps.")
@pytest.mark.claim(
    zh="根是 net: Net，下面挂着 hidden: Linear 和 output: Linear；hidden 下面是 weight (8, 4) 和 bias (8,)，output 下面是 weight (3, 8) 和 bias (3,)。",
    en="Its root is net: Net; below it hang hidden: Linear and output: Linear; below hidden are weight (8, 4) and bias (8,), below output are weight (3, 8) and bias (3,).")
@pytest.mark.claim(
    zh="右边是一条从上到下的路，标题是 what forward does。x (5, 4) 进 hidden，变成 (5, 8)；经过 relu，还是 (5, 8)；再进 output，变成 (5, 3)。",
    en="On the right a road from top to bottom with the title: what forward does. x (5, 4) goes into hidden and becomes (5, 8); it passes relu and is still (5, 8); it goes into output and becomes (5, 3).")
@pytest.mark.claim(
    zh="同一个网络的两面：左边是它保管着什么，右边是数据怎么走。relu 只出现在右边，因为它没有东西要保管。",
    en="Two sides of one network: on the left what it keeps, on the right how the data travels. relu is on the right only, for it has nothing to keep.")
def test_the_figure_shows_every_part_and_every_shape(chapter):
    ((tree, path),) = (figure.axes for figure in chapter["tree"].figures)
    assert (tree.get_title(), path.get_title()) == ("what __init__ keeps", "what forward does")
    assert [t.get_text() for t in tree.texts] == [
        "net: Net", "hidden: Linear", "weight (8, 4)", "bias (8,)", "output: Linear", "weight (3, 8)", "bias (3,)"]
    words = [t for t in path.texts if t.get_text()]
    assert [t.get_text() for t in words] == ["x (5, 4)", "hidden", "(5, 8)", "relu", "(5, 8)", "output", "(5, 3)"]
    heights = [t.get_position()[1] for t in words]
    assert heights == sorted(heights) and path.yaxis_inverted() and tree.yaxis_inverted()  # from top to bottom
    boxes = [(box.get_y(), box.get_y() + box.get_height()) for box in path.patches]
    assert len(boxes) == 3 and all(sum(low < t.get_position()[1] < high for low, high in boxes) == (t.get_text() in ("hidden", "relu", "output")) for t in words)
    dots = [tuple(dot.get_offsets()[0]) for dot in tree.collections]
    assert [(x + 0.2, y) for x, y in dots] == [t.get_position() for t in tree.texts]  # a dot beside each name
    arrows = [(t.xyann, t.xy) for t in path.texts if not t.get_text()]
    assert len(arrows) == 4 and all(end[1] > start[1] and end[0] == start[0] == 0 for start, end in arrows)
    places = {t.get_text(): t.get_position()[0] for t in tree.texts}
    assert places["net: Net"] < places["hidden: Linear"] == places["output: Linear"] < places["bias (3,)"] == places["weight (8, 4)"]
    elbows = [line.get_xydata().tolist() for line in tree.lines]  # each from its parent to its own place
    assert [(start[1], end[1]) for start, _, end in elbows] == [(0, 1), (1, 2), (1, 3), (0, 4), (4, 5), (4, 6)]
    assert [(start[0], end[0]) for start, _, end in elbows] == [(0, 1), (1, 2), (1, 2), (0, 1), (1, 2), (1, 2)]
    middles = [(start[1] + end[1]) / 2 for start, end in arrows]
    np.testing.assert_allclose([t.get_position()[1] for t in words if "(" in t.get_text()], sorted(middles), atol=0.05)  # a shape beside each arrow
    assert tree.get_position().x1 <= path.get_position().x0  # left and right
    assert not list(nn.ReLU().parameters()) and not nn.ReLU().state_dict()  # nothing to keep


@pytest.mark.claim(
    zh="树叶是参数（parameter），也就是训练时要学的数。",
    en="The leaves of the tree are the parameters, the numbers that training is to learn.")
@pytest.mark.claim(
    zh="named_parameters() 走的就是树叶，名字里的点连起来，正是从树根到树叶的路：",
    en="named_parameters() visits them, and the dots in a name are the way from the root to the leaf:")
def test_the_name_of_a_parameter_is_the_way_from_the_root(chapter):
    net = chapter["parameters"].names["net"]
    for name, parameter in net.named_parameters():
        place = net
        for step in name.split("."):
            place = getattr(place, step)
        assert place is parameter and isinstance(parameter, nn.Parameter) and parameter.requires_grad
    leaves = {f"{name}.{own}" for name, module in net.named_modules() if name for own in ("weight", "bias") if hasattr(module, own)}
    assert {name for name, _ in net.named_parameters()} == leaves and len(leaves) == 4


@pytest.mark.claim(
    zh="最后一行数出了参数的个数：把每个参数的 numel() 加起来，4 × 8 + 8 + 8 × 3 + 3 = 67。",
    en="The last line counts them: add up the numel() of each, 4 × 8 + 8 + 8 × 3 + 3 = 67.")
@pytest.mark.claim(
    zh="用同样的办法去数，torchvision 的 ResNet-18 有 11,689,512 个参数。",
    en="Counted in the same way, torchvision’s ResNet-18 has 11,689,512 parameters.")
def test_parameters_are_counted(chapter):
    from torchvision.models import ResNet18_Weights, resnet18

    *parts, total = lines(chapter, "parameters")
    assert [line.split() for line in parts] == [["hidden.weight", "(8,", "4)", "32"], ["hidden.bias", "(8,)", "8"],
                                                ["output.weight", "(3,", "8)", "24"], ["output.bias", "(3,)", "3"]]
    assert total == "in all: 67" and 67 == sum(int(line.split()[-1]) for line in parts)
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in resnet18().parameters())
    assert count == ResNet18_Weights.DEFAULT.meta["num_params"] == 11_689_512


@pytest.mark.claim(zh="名字要紧，因为存取网络靠的就是名字。", en="Names matter because networks are saved and restored by them.")
@pytest.mark.claim(
    zh="state_dict() 给出一个从名字到张量的字典，load_state_dict() 把这样的字典按名字抄进网络：",
    en="state_dict() gives a dictionary from names to tensors, and load_state_dict() copies such a dictionary into a network, each tensor under its name:")
@pytest.mark.claim(
    zh="两个 Net 给同样的花打出不同的分；抄过之后，分数完全一样。",
    en="Two Nets score the same flowers differently; after the copying, their scores agree exactly.")
@pytest.mark.claim(
    zh="存成文件的也是这个字典，见保存与加载。",
    en="It is also this dictionary that goes into a file, as Saving and loading will show.")
def test_state_dict_goes_by_names_and_copies_the_behaviour(chapter, tmp_path):
    names, out = chapter["state-dict"].names, lines(chapter, "state-dict")
    assert out == [str(["hidden.weight", "hidden.bias", "output.weight", "output.bias"]), "before: False", "<All keys matched successfully>", "after:  True"]
    Net, flowers, net = names["Net"], names["flowers"], names["net"]
    twin, state = Net(), net.state_dict()
    assert all(torch.equal(state[name], parameter) for name, parameter in net.named_parameters())
    assert not torch.equal(twin(flowers), net(flowers))
    torch.save(state, tmp_path / "net.pt")
    twin.load_state_dict(dict(reversed(torch.load(tmp_path / "net.pt").items())))  # from a file, in another order: the name counts
    assert torch.equal(twin(flowers), net(flowers)) and twin.hidden.weight.data_ptr() != net.hidden.weight.data_ptr()
    with pytest.raises(RuntimeError, match="Missing key"):
        twin.load_state_dict({name.upper(): value for name, value in state.items()})


@pytest.mark.claim(
    zh="字典里的张量和网络共用一块内存：网络变，它们也变。",
    en="Its tensors share memory with the network: when the network changes, so do they.")
@pytest.mark.claim(
    zh="想留一份目前最好的，再接着训练，只写 state_dict() 不够：留下的那份也会跟着变。",
    en="If you want to keep the best state so far and train on, state_dict() alone will not do: what you kept changes as well.")
@pytest.mark.claim(zh="deepcopy 才留得住。", en="deepcopy keeps it.")
def test_state_dict_is_not_a_copy_and_deepcopy_is(chapter):
    names = chapter["state-alias"].names
    twin, live, kept = names["twin"], names["live"], names["kept"]
    assert live["output.bias"].data_ptr() == twin.output.bias.data_ptr() != kept["output.bias"].data_ptr()
    assert torch.equal(kept["output.bias"], names["net"].output.bias)
    first, second = lines(chapter, "state-alias")
    assert first == "state_dict(): tensor([0., 0., 0.])" and second.startswith("deepcopy:") and len(set(numbers(second))) == 3
    net = names["Net"]()
    best, copied, before = net.state_dict(), {**names["deepcopy"](net.state_dict())}, net.hidden.weight.clone()
    net(names["flowers"]).sum().backward()
    torch.optim.SGD(net.parameters(), lr=0.1).step()  # train on
    assert not torch.equal(best["hidden.weight"], before) and torch.equal(copied["hidden.weight"], before)


# To assign is to register


@pytest.mark.ledger("n3-04")
@pytest.mark.claim(
    zh="self.hidden = nn.Linear(4, 8) 看着像普通的赋值，其实被 nn.Module 截住了：等号右边要是参数、模块，或者马上要讲的缓冲区，就注册下来。",
    en="self.hidden = nn.Linear(4, 8) looks like any assignment, but nn.Module intercepts it: if the value is a parameter, a module or a buffer (more on these in a moment), it is registered.")
@pytest.mark.claim(zh="后三行是注册了什么：", en="The other three lines say what was registered:")
@pytest.mark.claim(
    zh="gain 包着 nn.Parameter：它是参数，要学。",
    en="gain is wrapped in nn.Parameter: it is a parameter, to be learnt.")
@pytest.mark.claim(
    zh="mean 和 std 包着 nn.Buffer：它们是缓冲区（buffer），不用学，但跟着网络一起存、一起搬。",
    en="mean and std are wrapped in nn.Buffer: they are buffers, not learnt, but saved and moved with the network.")
def test_parameters_buffers_and_modules_are_registered(chapter):
    assert lines(chapter, "register")[2:] == ["parameters: ['gain']", "buffers:    ['mean', 'std']", "state_dict: ['gain', 'mean', 'std']"]
    assert nn.Module.__setattr__ is not object.__setattr__
    module = nn.Module()
    for number, value in enumerate((nn.Parameter(torch.ones(1)), nn.Buffer(torch.ones(1)), nn.ReLU(), torch.ones(1), [nn.ReLU()], 1, "a")):
        setattr(module, f"n{number}", value)
    assert [[name for name, _ in found] for found in (module.named_parameters(), module.named_buffers(), module.named_children())] == [["n0"], ["n1"], ["n2"]]
    scale = chapter["register"].names["Standardize"](torch.zeros(4), torch.ones(4))
    assert isinstance(scale.gain, nn.Parameter) and scale.gain.requires_grad and not scale.mean.requires_grad and not scale.std.requires_grad
    scale.to("meta")
    assert scale.gain.is_meta and scale.mean.is_meta and scale.std.is_meta and not scale.shift.is_meta


@pytest.mark.claim(zh="shift 是普通张量，没有注册。", en="shift is a plain tensor and is not registered.")
@pytest.mark.claim(
    zh="作者本想让它也能学，可是没有哪个优化器拿得到它，也没有任何报错。",
    en="Its author wanted it to be learnt, but no optimizer will get it, and there was no error.")
def test_shift_is_not_registered_and_nothing_complains(chapter):
    names = chapter["register"].names
    scale, x = names["Standardize"](torch.zeros(4), torch.ones(4)), names["flowers"]
    assert type(scale.shift) is torch.Tensor and scale.shift.requires_grad is False
    assert "shift" not in scale.state_dict() and not any(p is scale.shift for p in scale.parameters())
    assert "meant to be learnt" in chapter["register"].code and not chapter["register"].warnings
    optimizer = torch.optim.SGD(scale.parameters(), lr=0.1)
    scale(x).sum().backward()
    optimizer.step()
    assert not scale.shift.any() and not torch.equal(scale.gain, torch.ones(4))


@pytest.mark.claim(
    zh="下面这一层先做标准化：减去平均，除以标准差。",
    en="The layer below standardises its input: subtract the mean, divide by the standard deviation.")
@pytest.mark.claim(
    zh="然后乘上一个倍数，再加上一个偏移，这两样都是要学的：",
    en="Then it multiplies by a factor and adds a shift, both of them to be learnt:")
@pytest.mark.claim(
    zh="头两行是四个长度各自的标准差：进这一层之前有大有小，出来以后都是 1。",
    en="The first two lines are the standard deviations of the four lengths: unequal before the layer, 1 after it.")
def test_standardize_is_its_formula(chapter):
    names = chapter["register"].names
    flowers = array(names["flowers"])
    before, after = (numbers(line) for line in lines(chapter, "register")[:2])
    np.testing.assert_allclose(before, flowers.std(0, ddof=1), atol=1e-4)
    assert len(set(before)) == 4 and after == [1] * 4
    again = names["Standardize"](names["flowers"].mean(dim=0), names["flowers"].std(dim=0))
    with torch.no_grad():
        again.gain.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    again.shift = torch.tensor([5.0, 6.0, 7.0, 8.0])
    by_hand = (flowers - flowers.mean(0)) / flowers.std(0, ddof=1) * [1, 2, 3, 4] + [5, 6, 7, 8]
    np.testing.assert_allclose(array(again(names["flowers"])), by_hand, rtol=1e-4, atol=1e-4)


@pytest.mark.claim(zh="nn.Parameter(…) | 会 | 进 | 搬", en="nn.Parameter(…) | yes | yes | yes")
@pytest.mark.claim(zh="nn.Buffer(…) | 不会 | 进（默认） | 搬", en="nn.Buffer(…) | no | yes, by default | yes")
@pytest.mark.claim(
    zh="子模块，比如 nn.Linear(…) | 会改里面的参数 | 里面注册过的都进 | 里面注册过的都搬",
    en="a submodule, such as nn.Linear(…) | its parameters | all that it has registered | all that it has registered")
@pytest.mark.claim(zh="普通张量 | 不会 | 不进 | 不搬", en="a plain tensor | no | no | no")
def test_the_table_of_what_is_changed_kept_and_moved():
    assert set(All().state_dict()) == {"p", "b", "sub.weight", "sub.bias"}  # buffers by default: `off` is not
    assert changed_by_training(All()) == {"p", "sub.weight", "sub.bias"}
    module = All().to("meta")
    assert all(t.is_meta for t in (module.p, module.b, module.off, module.sub.weight, module.sub.bias))
    assert not module.plain.is_meta and not module.layers[0].weight.is_meta
    module = All()
    changed_by_training(module)
    assert torch.equal(module.plain, torch.ones(2)) and torch.equal(module.b, torch.ones(2)) and torch.equal(module.off, torch.ones(2))


@pytest.mark.claim(
    zh="优化器（optimizer）就是训练时按梯度去改参数的东西。",
    en="An optimizer is what changes parameters by their gradients in training.")
@pytest.mark.claim(
    zh="旧一些的代码用 self.register_buffer(\"mean\", mean) 注册缓冲区，效果一样。",
    en="Older code registers a buffer with self.register_buffer(\"mean\", mean), to the same effect.")
def test_an_optimizer_steps_along_the_gradient_and_register_buffer_does_what_buffer_does():
    parameter = nn.Parameter(torch.tensor([1.0, 2.0]))
    (parameter * torch.tensor([3.0, -4.0])).sum().backward()
    torch.optim.SGD([parameter], lr=0.1).step()
    np.testing.assert_allclose(array(parameter), [1 - 0.1 * 3, 2 + 0.1 * 4], rtol=1e-6)
    old, new = nn.Module(), nn.Module()
    old.register_buffer("mean", torch.ones(2))
    new.mean = nn.Buffer(torch.ones(2))
    for module in (old, new):
        assert [n for n, _ in module.named_buffers()] == list(module.state_dict()) == ["mean"] and torch.equal(module.mean, torch.ones(2))
        assert module.to("meta").mean.is_meta and not list(module.parameters())


@pytest.mark.claim(zh="vars() 列出一个对象的属性。", en="vars() lists the attributes of an object.")
@pytest.mark.claim(
    zh="略去下划线开头的，只剩 training，它留到下一章讲。",
    en="Without those that begin with an underscore only training is left, which is a matter for the next chapter.")
@pytest.mark.claim(
    zh="hidden 和 output 都在 _modules 里，写 net.hidden 就是去那里查。",
    en="hidden and output are in _modules, and net.hidden looks there.")
def test_submodules_are_in_modules_and_not_among_the_attributes(chapter):
    assert lines(chapter, "tables") == ["attributes: ['training']", "submodules: ['hidden', 'output']", "True"]
    net = chapter["first"].names["Net"]()
    assert vars(net) is net.__dict__ and "hidden" not in vars(net) and set(net._modules) == {"hidden", "output"}
    assert [name for name in vars(net) if not name.startswith("_")] == ["training"]
    assert all(type(getattr(net, name)) is dict for name in ("_parameters", "_buffers", "_modules"))
    other = nn.Linear(4, 8)
    net._modules["hidden"] = other
    assert net.hidden is other  # that is where it looks


@pytest.mark.ledger("n3-04")
@pytest.mark.claim(
    zh="列表既不是参数，也不是缓冲区，也不是模块，所以装在它里面的层没有注册：",
    en="A list is no parameter, no buffer and no module, so layers that are put in one are not registered:")
@pytest.mark.claim(
    zh="一样的两层，放在普通列表里是 0 个参数，放在 nn.ModuleList 里是 67 个。",
    en="The same two layers: 0 parameters in a plain list, 67 in an nn.ModuleList.")
@pytest.mark.claim(
    zh="普通列表里的层照样能算，可是优化器拿不到它们的参数，state_dict 里也没有。",
    en="The layers in the plain list can still compute; but an optimizer does not get their parameters, and the state_dict does not have them.")
def test_a_plain_list_hides_its_modules_and_a_module_list_does_not(chapter):
    keys = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"]
    assert lines(chapter, "list") == ["PlainList 0", f"InModuleList 67 {' '.join(keys)}"]
    assert not isinstance([], (nn.Parameter, nn.Buffer, nn.Module))
    names = chapter["list"].names
    hidden, shown = names["PlainList"](), names["InModuleList"]()
    assert len(list(hidden.modules())) == 1 and len(list(shown.modules())) == 4
    assert [repr(layer) for layer in hidden.layers] == [repr(layer) for layer in shown.layers] and len(hidden.layers) == 2
    x = names["flowers"]
    for layer in hidden.layers:
        x = layer(x)
    assert x.shape == (5, 3)
    with pytest.raises(ValueError):
        torch.optim.SGD(hidden.parameters(), lr=0.1)
    assert not hidden.state_dict()


@pytest.mark.claim(zh="部件要有名字，就用 nn.ModuleDict。", en="If the parts are to have names, use nn.ModuleDict.")
@pytest.mark.claim(
    zh="下面两层共用隐藏层的数，一个判断品种，一个判断颜色：",
    en="Here two layers share the hidden numbers, one for the species and one for the colour:")
@pytest.mark.claim(zh="字典的键成了名字的一部分。", en="The keys become part of the names.")
def test_module_dict_names_its_parts_by_key(chapter):
    assert lines(chapter, "module-dict") == ["species torch.Size([5, 3])", "colour torch.Size([5, 2])",
                                             "['species.weight', 'species.bias', 'colour.weight', 'colour.bias']"]
    heads, h = chapter["module-dict"].names["heads"], chapter["module-dict"].names["h"]
    assert type(heads) is nn.ModuleDict and list(heads) == ["species", "colour"] and h.shape == (5, 8)
    for head in heads.values():
        np.testing.assert_allclose(array(head(h)), linear(array(h), array(head.weight), array(head.bias)), rtol=1e-3, atol=1e-5)


@pytest.mark.claim(
    zh="这两样都没有 forward，数据怎么走还得你来写。",
    en="Neither of the two has a forward: how the data travels is for you to write.")
@pytest.mark.claim(
    zh="数据要是按顺序从第一个部件走到最后一个，可以用 nn.Sequential，它自带 forward：",
    en="If it goes straight from the first part to the last, nn.Sequential has its forward already:")
@pytest.mark.claim(zh="它的部件拿序号当名字。", en="Its parts are named by number.")
@pytest.mark.claim(
    zh="名单里没有 1，因为 nn.ReLU() 没有参数。",
    en="1 is missing from the list because nn.ReLU() has no parameters.")
def test_sequential_brings_its_forward_and_the_containers_do_not(chapter):
    for container in (nn.ModuleList([nn.Linear(4, 8)]), nn.ModuleDict({"a": nn.Linear(4, 8)})):
        with pytest.raises(NotImplementedError, match="forward"):
            container(torch.ones(4))
    assert lines(chapter, "sequential") == ["torch.Size([5, 3])", "['0.weight', '0.bias', '2.weight', '2.bias']"]
    chain, x = chapter["sequential"].names["chain"], chapter["sequential"].names["flowers"]
    assert torch.equal(chain(x), chain[2](chain[1](chain[0](x)))) and "forward" in vars(nn.Sequential)
    assert [name for name, _ in chain.named_children()] == ["0", "1", "2"]
    assert type(chain[1]) is nn.ReLU and not list(chain[1].parameters())


# super().__init__()


@pytest.mark.ledger("n0-18")
@pytest.mark.claim(
    zh="super() 指的是父类：super().__init__() 就是调用 nn.Module 的 __init__。",
    en="super() stands for the parent class: super().__init__() calls the __init__ of nn.Module.")
@pytest.mark.claim(
    zh="在 Python 2 里，括号里得写上类名和对象；Python 3 自己找得到，旧写法也还能用：",
    en="In Python 2 one had to name the class and the object; Python 3 finds both by itself, and the old spelling still works:")
@pytest.mark.claim(
    zh="最后一行说，两种写法留下的属性相同。",
    en="The last line says that both spellings leave the same attributes behind.")
def test_super_finds_the_parent_with_or_without_its_arguments(chapter, monkeypatch):
    says = fact("networks/modules", "super_without_arguments")
    assert says["python"] == "3.0" and says["new"].startswith("super().") and says["old"].startswith("super(Foo, self).")
    names = chapter["super"].names
    assert lines(chapter, "super")[-1] == "same attributes: True"
    assert "super(Old, self).__init__()" in chapter["super"].code and "super().__init__()" in chapter["super"].code
    assert names["Old"].__bases__ == names["New"].__bases__ == (nn.Module,) and list(vars(names["Old"]())) == list(vars(names["New"]()))
    calls, real = [], nn.Module.__init__
    monkeypatch.setattr(nn.Module, "__init__", lambda self: (calls.append(type(self)), real(self))[1])
    names["Old"](), names["New"]()
    assert calls == [names["Old"], names["New"]]  # both call the __init__ of nn.Module


@pytest.mark.ledger("n0-18")
@pytest.mark.claim(zh="调用之前，这个对象自己一个属性也没有。", en="Before the call, the object has no attributes of its own.")
@pytest.mark.claim(
    zh="调用之后，多了三个空字典，分别留给参数、缓冲区和子模块。",
    en="After it, there are three empty dictionaries, for parameters, buffers and submodules.")
def test_before_super_there_is_nothing_and_after_it_three_empty_dictionaries(chapter):
    assert lines(chapter, "super")[:2] == ["before: []", "after:  {} {} {}"]
    bare = nn.Module.__new__(nn.Module)
    assert not vars(bare)
    bare.__init__()
    for name, value, register in (("_parameters", nn.Parameter(torch.ones(1)), "p"), ("_buffers", nn.Buffer(torch.ones(1)), "b"), ("_modules", nn.ReLU(), "m")):
        assert getattr(bare, name) == {}
        setattr(bare, register, value)
        assert list(getattr(bare, name)) == [register]  # what each is for
        assert re.search(rf"self\.{name}", chapter["super"].code)


@pytest.mark.claim(
    zh="短的那种更保险：类改了名，括号里的却忘了改，Python 就抛出 NameError；要是旧的类还在，比如在笔记本里，就抛出 TypeError。",
    en="The short one is safer: if you rename the class and forget to rename it inside the brackets, Python raises a NameError, or a TypeError where the old class is still known, as in a notebook.")
def test_a_renamed_class_breaks_the_old_spelling_only():
    Kept = type("Kept", (nn.Module,), {})  # what an earlier cell left behind
    for call, error in (("super(Gone, self)", NameError), ("super(Kept, self)", TypeError), ("super()", None)):
        namespace = {"Kept": Kept}
        exec(f"class Renamed:\n def __init__(self):\n  {call}.__init__()", namespace)
        if error:
            with pytest.raises(error):
                namespace["Renamed"]()
        else:
            namespace["Renamed"]()


@pytest.mark.ledger("n0-18")
@pytest.mark.claim(
    zh="所以 super().__init__() 要写在给第一个部件赋值之前。",
    en="So super().__init__() must come before the first part is assigned.")
@pytest.mark.claim(
    zh="定义类的时候没有报错，造第一个对象时才报。",
    en="Defining the class raised nothing; making the first object did.")
def test_without_super_the_first_part_raises(chapter):
    error = chapter["super-forgotten"].error
    assert type(error) is AttributeError and str(error) == "cannot assign module before Module.__init__() call"
    Forgetful = chapter["super-forgotten"].names["Forgetful"]  # the class was defined
    with pytest.raises(AttributeError):
        Forgetful()

    class Late(nn.Module):
        def __init__(self, part):
            self.part = part
            super().__init__()

    for part in (nn.Linear(1, 1), nn.Parameter(torch.ones(1)), nn.Buffer(torch.ones(1))):
        with pytest.raises(AttributeError, match=re.escape("before Module.__init__() call")):
            Late(part)


# Only forward is written


@pytest.mark.ledger("n2-13")
@pytest.mark.claim(
    zh="训练要有梯度，可是 Net 里从头到尾没有写过反向：",
    en="Training needs gradients, but Net says nothing about a way back:")
@pytest.mark.claim(
    zh="nn.Module 没有 backward 这个方法，张量才有。",
    en="nn.Module has no method backward; tensors have one.")
@pytest.mark.claim(
    zh="自动求导记下了 forward 的每一步，倒着走一遍，每个参数就都有了梯度，形状和参数自己一样。",
    en="Autograd records the steps of forward, and walking them backwards gives every parameter a gradient of its own shape.")
def test_backward_comes_from_autograd_and_equals_the_gradient_on_paper(chapter):
    assert lines(chapter, "backward")[:2] == ["forward:  True", "backward: False"]
    Net, x = chapter["first"].names["Net"], chapter["use"].names["flowers"]
    assert not hasattr(nn.Module, "backward") and hasattr(torch.Tensor, "backward") and "backward" not in inspect.getsource(nn.Module.forward)
    net = Net()
    assert not hasattr(net, "backward") and net(x).grad_fn is not None
    net(x).sum().backward()
    x, w1, b1, w2 = array(x), array(net.hidden.weight), array(net.hidden.bias), array(net.output.weight)
    h = x @ w1.T + b1
    g = np.ones((5, 3)) @ w2 * (h > 0)  # (5, 8): the way back through output and relu
    on_paper = {"hidden.weight": g.T @ x, "hidden.bias": g.sum(0), "output.weight": np.ones((3, 5)) @ np.maximum(h, 0), "output.bias": np.full(3, 5)}
    for name, parameter in net.named_parameters():
        assert parameter.grad.shape == parameter.shape
        np.testing.assert_allclose(array(parameter.grad), on_paper[name], rtol=1e-3, atol=1e-3)
    for line, (name, parameter) in zip(lines(chapter, "backward")[2:6], net.named_parameters(), strict=True):
        shape = str(tuple(parameter.shape))
        assert re.fullmatch(rf"{re.escape(name)}\s+{re.escape(shape)}\s+grad {re.escape(shape)}", line)


@pytest.mark.claim(
    zh="最后一行，用手验算：我们求的是全部分数之和的梯度。",
    en="The last line, by hand: we differentiated the sum of all scores.")
@pytest.mark.claim(
    zh="output.bias 里的每个数，都加在五朵花各自的一个分数上：它涨 1，总和就涨 5。",
    en="Each number in output.bias is added to one score of all five flowers: raise it by 1, and the sum rises by 5.")
def test_raising_a_bias_by_one_raises_the_sum_by_five(chapter):
    assert lines(chapter, "backward")[-1] == "tensor([5., 5., 5.])"
    net, flowers = chapter["first"].names["Net"](), chapter["use"].names["flowers"]
    before = net(flowers)
    for number in range(3):
        with torch.no_grad():
            net.output.bias[number] += 1
        after = net(flowers)
        rise = array(after - before)
        np.testing.assert_allclose(rise[:, number], np.ones(5), atol=1e-4)  # one score of all five flowers
        assert rise.sum() == pytest.approx(5, abs=1e-3)
        before = after


@pytest.mark.ledger("n4-06")
@pytest.mark.claim(
    zh="方法明明叫 forward，调用时却写 net(x)。",
    en="The method is called forward, yet one writes net(x).")
@pytest.mark.claim(
    zh="算出来的数一样，不过 net(x) 还会调用钩子（hook）：挂在模块上、每次前向都会运行的函数。",
    en="The numbers are the same, but net(x) also calls the hooks: functions that are attached to a module and run at each pass.")
@pytest.mark.claim(zh="前向钩子会拿到模块、它的输入和它的输出：", en="A forward hook is given the module, its input and its output:")
@pytest.mark.claim(
    zh="net(flowers) 调用了钩子，net.forward(flowers) 没有。",
    en="net(flowers) called the hook; net.forward(flowers) did not.")
def test_calling_the_network_runs_hooks_and_calling_forward_does_not(chapter):
    assert lines(chapter, "call") == ["net(flowers)", "    Net (5, 4) -> (5, 3)", "net.forward(flowers)", "same numbers: True"]
    net, calls, x = chapter["call"].names["Net"](), [], torch.ones(1, 4)
    net.register_forward_hook(lambda *what: calls.append(what))
    results = [net(x), net(x)]
    assert len(calls) == 2  # at each pass
    assert torch.equal(net.forward(x), results[0]) and len(calls) == 2
    module, args, result = calls[0]
    assert module is net and args[0] is x and result is results[0]


@pytest.mark.claim(
    zh="形状对不上、又看不出错在哪一层时，给每个模块都挂一个钩子，走一遍。",
    en="When shapes disagree and you cannot see in which layer, attach a hook to every module and go forward once.")
@pytest.mark.claim(
    zh="每一行是一个模块的形状，以及它自己有多少参数，子模块的不算。",
    en="Each line shows a module’s shapes, and the parameters of its own, without those of its submodules.")
@pytest.mark.claim(
    zh="里面的先走完，所以最外面的 Sequential 排在最后。",
    en="What is inside finishes first, so the outermost, Sequential, comes last.")
@pytest.mark.claim(
    zh="看完要 remove()，不然以后每次前向，钩子都会运行。",
    en="Call remove() afterwards, or the hooks run at every later pass as well.")
def test_hooks_on_every_module_summarise_the_network(chapter, capsys):
    assert [line.split(maxsplit=1) for line in lines(chapter, "hook-summary")] == [
        ["Linear", "(5, 4) -> (5, 8)  40 parameters"], ["ReLU", "(5, 8) -> (5, 8)   0 parameters"],
        ["Linear", "(5, 8) -> (5, 3)  27 parameters"], ["Sequential", "(5, 4) -> (5, 3)   0 parameters"]]
    names = chapter["hook-summary"].names
    assert (4 * 8 + 8, 8 * 3 + 3) == (40, 27) and not any(m._forward_hooks for m in names["chain"].modules())
    wrong = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(9, 3))
    handles = [module.register_forward_hook(names["summary"]) for module in wrong.modules()]
    with pytest.raises(RuntimeError):
        wrong(torch.ones(1, 4))
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["Linear", "ReLU"]  # the next one is at fault
    for handle in handles[1:]:
        handle.remove()
    wrong[2] = nn.Linear(8, 3)
    wrong(torch.ones(1, 4))
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["Sequential"]  # the one that was not removed


# The linear layer


@pytest.mark.ledger("n3-02")
@pytest.mark.claim(
    zh="方向反了：数据从 in_features 走到 out_features。",
    en="It is the other way round: data goes from in_features to out_features.")
@pytest.mark.claim(
    zh="第一个参数说每个样本进来几个数，第二个说出去几个数：",
    en="The first argument says how many numbers of each sample come in, the second how many go out:")
@pytest.mark.claim(
    zh="Linear 是从输出层到隐藏层的线性变换。",
    en="Linear is a linear transformation from the output layer to the hidden layer.")
def test_linear_goes_from_in_features_to_out_features(chapter):
    assert list(inspect.signature(nn.Linear).parameters)[:2] == ["in_features", "out_features"]
    layer = nn.Linear(6, 2)
    assert layer(torch.ones(9, 6)).shape == (9, 2) and (layer.in_features, layer.out_features) == (6, 2)
    with pytest.raises(RuntimeError):
        layer(torch.ones(9, 2))
    net = chapter["first"].names["net"]
    assert net.hidden.out_features == net.output.in_features == 8  # from the input to the hidden numbers, from these to the output
    said = read_ledger(chapter.project)["rows"]["n3-02"]["said"]  # in the notes
    assert "`Linear` 说成从输出层到隐藏层" in said["zh"] and "`Linear` described as going from the output layer to the hidden layer" in said["en"]


@pytest.mark.ledger("n3-02")
@pytest.mark.claim(zh="$$ y = x A^T + b $$", en="$$ y = x A^T + b $$")
@pytest.mark.claim(
    zh="$A$ 是权重（weight），$b$ 是偏置（bias），$T$ 表示转置。",
    en="$A$ is the weight, $b$ the bias, and $T$ means transposed.")
@pytest.mark.claim(
    zh="要转置，是因为权重的形状是 (out_features, in_features)，一行管一个输出。",
    en="It has to be transposed because the shape of the weight is (out_features, in_features), one row for each output.")
def test_the_formula_and_why_it_transposes(chapter):
    layer = chapter["linear-by-hand"].names["layer"]
    assert layer.weight.shape == (layer.out_features, layer.in_features) == (2, 3) and layer.bias.shape == (2,)
    x = np.random.default_rng(0).normal(size=(5, 3))
    A, b = array(layer.weight), array(layer.bias)
    np.testing.assert_allclose(array(layer(torch.tensor(x).float())), x @ A.T + b, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError):
        x @ A  # (5, 3) @ (2, 3): not without transposing
    with torch.no_grad():
        other = nn.Linear(3, 2)
        other.load_state_dict(layer.state_dict())
        other.weight[1] = 0
    change = array(other(torch.ones(1, 3)) - layer(torch.ones(1, 3)))[0]
    assert change[0] == 0 and change[1] == -60  # a row for each output
    assert "y = xA^T + b" in nn.Linear.__doc__


@pytest.mark.ledger("n3-02")
@pytest.mark.claim(
    zh="拿笔算：第一个输出是 1 × 1 + 0 × 2 + 2 × 3 + 0.5 = 7.5，用的是权重的第一行；第二个是 1 × 10 + 0 × 20 + 2 × 30 − 0.5 = 69.5，用的是第二行。",
    en="With a pencil: the first output is 1 × 1 + 0 × 2 + 2 × 3 + 0.5 = 7.5, by the first row of the weight; the second is 1 × 10 + 0 × 20 + 2 × 30 − 0.5 = 69.5, by the second row.")
@pytest.mark.claim(zh="层、公式、纸笔，三处一致。", en="Layer, formula and pencil agree.")
def test_layer_formula_and_pencil_agree(chapter):
    layer, x = (chapter["linear-by-hand"].names[name] for name in ("layer", "x"))
    assert array(x).tolist() == [[1, 0, 2]] and array(layer.weight).tolist() == [[1, 2, 3], [10, 20, 30]] and array(layer.bias).tolist() == [0.5, -0.5]
    pencil = linear(array(x), array(layer.weight), array(layer.bias))
    assert pencil.tolist() == [[7.5, 69.5]] and array(layer(x)).tolist() == [[7.5, 69.5]]
    assert [numbers(line)[:2] for line in lines(chapter, "linear-by-hand")] == [[7.5, 69.5], [7.5, 69.5]]


@pytest.mark.ledger("n3-02")
@pytest.mark.claim(zh="再喂给它两个数，看它能不能倒着用：", en="Now feed it two numbers, as if it could run in reverse:")
@pytest.mark.claim(zh="1x2 是我们给的，3x2 是转置后的权重。", en="1x2 is what we gave, 3x2 the transposed weight.")
@pytest.mark.claim(zh="中间的 2 和 3 不相等，乘不了。", en="The inner numbers, 2 and 3, differ, so there is no product.")
def test_linear_cannot_be_used_in_reverse(chapter):
    error = chapter["linear-direction"].error
    assert type(error) is RuntimeError and "mat1 and mat2 shapes cannot be multiplied (1x2 and 3x2)" in str(error)
    assert chapter["linear-by-hand"].names["layer"].weight.T.shape == (3, 2)
    with pytest.raises(ValueError):
        np.ones((1, 2)) @ np.ones((3, 2))


# Common errors


@pytest.mark.claim(zh="优化器说没有参数。", en="The optimizer says that there are no parameters.")
@pytest.mark.claim(
    zh="要是只有一部分模块藏在列表里，就不报错，那一部分永远学不到。",
    en="If only some modules are hidden in a list, there is no error, and those are never learnt.")
@pytest.mark.claim(zh="数一数参数就能看出来。", en="Counting the parameters shows it.")
def test_a_list_hides_parameters_from_the_optimizer(chapter):
    error = chapter["empty-error"].error
    assert type(error) is ValueError and str(error) == "optimizer got an empty parameter list"
    assert not list(chapter["empty-error"].names["PlainList"]().parameters()) and list(chapter["list"].names["InModuleList"]().parameters())
    module = All()
    before = [p.clone() for p in module.layers[0].parameters()]
    assert "sub.weight" in changed_by_training(module)  # no error
    assert all(torch.equal(p, b) for p, b in zip(module.layers[0].parameters(), before, strict=True))  # not learnt
    assert sum(p.numel() for p in module.parameters()) == 2 + 6 and sum(p.numel() for p in module.layers[0].parameters()) == 6  # 6 too few


@pytest.mark.claim(zh="forward 拼错了。", en="forward is misspelt.")
@pytest.mark.claim(zh="下面写成了 foward：", en="Here it says foward:")
def test_a_misspelt_forward_is_missing(chapter):
    error = chapter["forward-error"].error
    assert type(error) is NotImplementedError and 'missing the required "forward" function' in str(error)
    Typo = chapter["forward-error"].names["Typo"]
    assert "foward" in vars(Typo) and "forward" not in vars(Typo)


@pytest.mark.claim(zh="拿普通张量顶替参数。", en="A plain tensor in place of a parameter.")
@pytest.mark.claim(
    zh="这个名字注册的是参数，普通张量它不收：",
    en="The name is registered as a parameter, and a plain tensor is refused:")
@pytest.mark.claim(
    zh="只想改数值，就在 torch.no_grad() 里用 copy_。",
    en="If you only want to change the numbers, use copy_ inside torch.no_grad().")
def test_a_plain_tensor_does_not_take_the_place_of_a_parameter(chapter):
    error = chapter["assign-error"].error
    assert type(error) is TypeError and "torch.nn.Parameter or None expected" in str(error)
    net = chapter["assign-error"].names["Net"]()
    assert "bias" in net.output._parameters
    with pytest.raises(TypeError):
        net.output.bias = torch.ones(3)
    kept = net.output.bias
    with torch.no_grad():
        net.output.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    assert net.output.bias is kept and kept.tolist() == [1, 2, 3] and kept.requires_grad
    with pytest.raises(RuntimeError):
        net.output.bias.copy_(torch.ones(3))  # without no_grad


@pytest.mark.claim(zh="名字对不上。", en="The names do not match.")
@pytest.mark.claim(
    zh="chain 的形状和 net 相同，名字却是序号：",
    en="chain has the same shapes as net, but its names are numbers:")
@pytest.mark.claim(
    zh="Missing 列的是网络有而字典没有的，Unexpected 列的是字典有而网络没有的。",
    en="Missing lists what the network has and the dictionary has not; Unexpected lists what the dictionary has and the network has not.")
def test_missing_and_unexpected_names(chapter):
    names, message = chapter["load-error"].names, str(chapter["load-error"].error)
    missing, unexpected = message.split("Unexpected key(s)")
    assert "Missing key(s)" in missing and re.findall(r'"([\w.]+)"', missing) == list(names["net"].state_dict())
    assert re.findall(r'"([\w.]+)"', unexpected) == list(names["chain"].state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert [p.shape for p in names["chain"].parameters()] == [p.shape for p in names["net"].parameters()]


@pytest.mark.claim(
    zh="before Module.__init__() call | 忘了 super().__init__() | 写在 __init__ 的第一句",
    en="before Module.__init__() call | super().__init__() was forgotten | put it first in __init__")
@pytest.mark.claim(
    zh="shapes cannot be multiplied | 最后一个轴不等于 in_features | 用钩子看每一层的形状",
    en="shapes cannot be multiplied | the last axis is not in_features long | see the shape at each layer with hooks")
@pytest.mark.claim(
    zh="got an empty parameter list | 一个参数都没有注册 | 列表换成 nn.ModuleList",
    en="got an empty parameter list | not one parameter was registered | nn.ModuleList in place of the list")
def test_rows_of_the_table_name_the_cause_and_the_cure(chapter):
    for cell, words in (("super-forgotten", "before Module.__init__() call"), ("linear-direction", "shapes cannot be multiplied"),
                        ("empty-error", "got an empty parameter list")):
        assert words in str(chapter[cell].error)

    class Cured(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Linear(4, 8)

    assert len(list(Cured().parameters())) == 2
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        nn.Linear(4, 8)(torch.ones(4, 3))  # the last axis, not the first
    torch.optim.SGD(chapter["list"].names["InModuleList"]().parameters(), lr=0.1)


@pytest.mark.claim(
    zh="missing the required \"forward\" function | 没写 forward，或者拼错了 | 检查拼写和缩进",
    en="missing the required \"forward\" function | no forward, or misspelt | check spelling and indentation")
@pytest.mark.claim(
    zh="torch.nn.Parameter or None expected | 普通张量占了参数的位置 | 包上 nn.Parameter，或者用 copy_",
    en="torch.nn.Parameter or None expected | a plain tensor in the place of a parameter | wrap it in nn.Parameter, or use copy_")
@pytest.mark.claim(
    zh="Error(s) in loading state_dict | 名字或形状对不上 | 先比名字，再比形状",
    en="Error(s) in loading state_dict | names or shapes do not match | compare the names, then the shapes")
def test_more_rows_of_the_table(chapter):
    for cell, words in (("forward-error", 'missing the required "forward" function'), ("assign-error", "torch.nn.Parameter or None expected"),
                        ("load-error", "Error(s) in loading state_dict")):
        assert words in str(chapter[cell].error)

    class Indented(nn.Module):
        def __init__(self):
            super().__init__()

            def forward(self, x):  # one step too far to the right
                return x

    for module in (nn.Module(), Indented()):
        with pytest.raises(NotImplementedError, match='missing the required "forward" function'):
            module(1)
    net = chapter["assign-error"].names["Net"]()
    net.output.bias = nn.Parameter(torch.ones(3))
    assert net.output.bias.sum() == 3
    with pytest.raises(RuntimeError, match=re.escape("Error(s) in loading state_dict")) as other:  # names alike, shapes not
        nn.Linear(4, 3).load_state_dict(nn.Linear(4, 8).state_dict())
    assert "size mismatch" in str(other.value)


# Summary


@pytest.mark.claim(zh="模块是一棵树。", en="A module is a tree.")
@pytest.mark.claim(
    zh="赋值就是注册：参数要学，缓冲区不学，两样都会保存、都会搬动；普通张量和普通列表里的东西没有注册。",
    en="To assign is to register: parameters are learnt, buffers are not, but both are saved and moved; plain tensors and what is in plain lists are not registered.")
@pytest.mark.claim(zh="state_dict() 靠名字存取，而且不是副本。", en="state_dict() goes by names, and is not a copy.")
def test_the_summary_of_what_is_registered():
    module = All()
    assert [name for name, _ in module.named_modules()] == ["", "sub"]
    assert changed_by_training(module) == {"p", "sub.weight", "sub.bias"} and {"p", "b"} <= set(module.state_dict())
    assert not [name for name in module.state_dict() if name.startswith(("plain", "layers"))]
    assert module.state_dict()["p"].data_ptr() == module.p.data_ptr()
    other = All()
    other.load_state_dict(dict(sorted(module.state_dict().items(), reverse=True)))
    assert torch.equal(other.sub.weight, module.sub.weight)
    module.to("meta")
    assert module.p.is_meta and module.b.is_meta and not module.plain.is_meta and not module.layers[0].weight.is_meta


@pytest.mark.claim(
    zh="super().__init__() 先摆好空字典；你只写 forward，反向由自动求导来做；net(x) 还会调用钩子。",
    en="super().__init__() makes the empty dictionaries first; you write only forward, and autograd does the way back; net(x) runs the hooks as well.")
@pytest.mark.claim(
    zh="Linear 从 in_features 走到 out_features，$y = x A^T + b$，权重的形状是 (out, in)。",
    en="Linear goes from in_features to out_features, $y = x A^T + b$; its weight has shape (out, in).")
def test_the_summary_of_super_forward_and_linear():
    seen = []

    class Own(nn.Module):
        def __init__(self):
            assert not vars(self)
            super().__init__()
            assert self._parameters == self._buffers == self._modules == {}
            self.layer = nn.Linear(3, 2)

        def forward(self, x):
            return self.layer(x)

    own = Own()
    own.register_forward_hook(lambda *what: seen.append(what))
    x = torch.randn(4, 3)
    own(x).sum().backward()
    assert len(seen) == 1 and own.layer.weight.grad is not None and "backward" not in vars(Own)
    assert own.layer.weight.shape == (2, 3)
    torch.testing.assert_close(own(x), x @ own.layer.weight.T + own.layer.bias)
