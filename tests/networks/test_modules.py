"""The claims of the chapter networks/modules."""

import math
import re

import numpy as np
import pytest
import torch
from torch import nn


def array(tensor):
    return tensor.detach().double().numpy()


def linear(x, weight, bias):
    """A linear layer in NumPy, number by number: (N, in), (out, in), (out,) -> (N, out)."""
    rows = [[sum(a * w for a, w in zip(sample, row, strict=True)) + b for row, b in zip(weight, bias, strict=True)] for sample in x]
    return np.array(rows)


def lines(chapter, cell):
    return chapter[cell].stdout.rstrip("\n").split("\n")


def both(chapter, *texts):
    for language in ("zh", "en"):
        for text in texts:
            assert text in chapter.prose(language), f"{text!r} is not in {language}"


# A first network


@pytest.mark.ledger("n4-06")
def test_forward_takes_the_input_and_returns_the_output(chapter):
    names = chapter["use"].names
    net, flowers = names["net"], names["flowers"]
    assert flowers.shape == (5, 4) and chapter["use"].value == (5, 3)
    assert type(net.hidden) is nn.Linear and type(net.output) is nn.Linear
    assert nn.Linear.__module__.startswith("torch.nn.")
    hidden = np.maximum(linear(array(flowers), array(net.hidden.weight), array(net.hidden.bias)), 0)
    by_hand = linear(hidden, array(net.output.weight), array(net.output.bias))
    np.testing.assert_allclose(array(names["scores"]), by_hand, rtol=1e-4, atol=1e-5)


def test_the_flowers_are_those_of_the_iris_dataset(chapter):
    from sklearn.datasets import load_iris

    iris = load_iris()
    assert [name.split(" (")[0] for name in iris.feature_names] == ["sepal length", "sepal width", "petal length", "petal width"]
    assert all("(cm)" in name for name in iris.feature_names) and len(iris.target_names) == 3
    for flower in array(chapter["use"].names["flowers"]):
        assert np.isclose(iris.data, flower, atol=1e-5).all(axis=1).any()


def test_the_printout_lists_parts_and_says_nothing_of_forward(chapter):
    Net = chapter["first"].names["Net"]
    shown = repr(chapter["first"].value)
    assert "hidden" in shown and "output" in shown and "relu" not in shown.lower()
    without = type("Net", (Net,), {"forward": lambda self, x: self.output(self.hidden(x))})
    assert repr(without()) == shown


# Taking it apart


@pytest.mark.ledger("n3-04")
def test_a_module_is_a_tree_of_modules_that_inherit_from_nn_module(chapter):
    names = chapter["modules"].names
    net = names["net"]
    assert isinstance(net, nn.Module) and all(isinstance(m, nn.Module) for m in net.modules())
    assert [line.split() for line in lines(chapter, "modules")] == [["''", "Net"], ["'hidden'", "Linear"], ["'output'", "Linear"]]
    assert [p for p, _ in net.named_parameters()] == ["hidden.weight", "hidden.bias", "output.weight", "output.bias"]
    assert net.get_submodule("hidden") is net.hidden and net.get_parameter("hidden.weight") is net.hidden.weight


def test_parameters_are_counted(chapter):
    count = 4 * 8 + 8 + 8 * 3 + 3
    assert [int(line.split()[-1]) for line in lines(chapter, "parameters")] == [32, 8, 24, 3, count]
    assert "(8, 4)" in lines(chapter, "parameters")[0] and "(3, 8)" in lines(chapter, "parameters")[2]
    both(chapter, f"4 × 8 + 8 + 8 × 3 + 3 = {count}")


def test_the_tree_figure_shows_every_part_and_every_shape(chapter):
    (figure,) = chapter["tree"].figures
    tree, path = figure.axes
    assert [t.get_text() for t in tree.texts] == [
        "net: Net", "hidden: Linear", "weight (8, 4)", "bias (8,)", "output: Linear", "weight (3, 8)", "bias (3,)"]
    words = [t.get_text() for t in path.texts if t.get_text()]
    assert words == ["x (5, 4)", "hidden", "(5, 8)", "relu", "(5, 8)", "output", "(5, 3)"]
    heights = [t.get_position()[1] for t in path.texts if t.get_text()]
    assert heights == sorted(heights) and path.yaxis_inverted() and tree.yaxis_inverted()
    places = {t.get_text(): t.get_position()[0] for t in tree.texts}
    assert places["net: Net"] < places["hidden: Linear"] == places["output: Linear"] < places["bias (3,)"]
    elbows = [line.get_xydata().tolist() for line in tree.lines]  # each from its parent to its own place
    assert [(start[1], end[1]) for start, _, end in elbows] == [(0, 1), (1, 2), (1, 3), (0, 4), (4, 5), (4, 6)]
    both(chapter, *[w for w in words if w.startswith("(")], "weight (8, 4)", "weight (3, 8)", "bias (8,)", "bias (3,)", "x (5, 4)")


def test_state_dict_goes_by_names_and_copies_the_behaviour(chapter):
    out = lines(chapter, "state-dict")
    assert out[0] == str(["hidden.weight", "hidden.bias", "output.weight", "output.bias"])
    assert out[1] == "before: False" and out[-1] == "after:  True"
    net, twin = chapter["state-dict"].names["net"], chapter["state-dict"].names["twin"]
    assert twin is not net and torch.equal(twin.hidden.weight, net.hidden.weight)


def test_state_dict_is_not_a_copy_and_deepcopy_is(chapter):
    names = chapter["state-alias"].names
    twin, live, kept = names["twin"], names["live"], names["kept"]
    assert live["output.bias"].data_ptr() == twin.output.bias.data_ptr()
    assert kept["output.bias"].data_ptr() != twin.output.bias.data_ptr()
    assert not live["output.bias"].any() and kept["output.bias"].any()
    assert torch.equal(kept["output.bias"], names["net"].output.bias)
    first, second = lines(chapter, "state-alias")
    assert first.startswith("state_dict():") and "tensor([0., 0., 0.])" in first
    assert second.startswith("deepcopy:") and "[0., 0., 0.]" not in second


# An assignment makes an entry


@pytest.mark.ledger("n3-04")
def test_parameters_and_buffers_are_entered_and_plain_tensors_are_not(chapter):
    assert lines(chapter, "register")[-3:] == ["parameters: ['gain']", "buffers:    ['mean', 'std']", "state_dict: ['gain', 'mean', 'std']"]
    names = chapter["register"].names
    scale = names["scale"]
    assert isinstance(scale.gain, nn.Parameter) and not isinstance(scale.shift, nn.Parameter) and not scale.shift.requires_grad
    assert not scale.mean.requires_grad and not scale.std.requires_grad


def test_standardize_is_its_formula(chapter):
    names = chapter["register"].names
    flowers = array(names["flowers"])
    before, after = ([float(v) for v in re.findall(r"\d+\.\d*", line)] for line in lines(chapter, "register")[:2])
    np.testing.assert_allclose(before, flowers.std(0, ddof=1), atol=1e-4)
    np.testing.assert_allclose(after, np.ones(4), atol=1e-4)
    again = names["Standardize"](names["flowers"].mean(dim=0), names["flowers"].std(dim=0))  # scale has moved to meta since
    with torch.no_grad():
        again.gain.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    again.shift = torch.tensor([5.0, 6.0, 7.0, 8.0])
    by_hand = (flowers - flowers.mean(0)) / flowers.std(0, ddof=1) * [1, 2, 3, 4] + [5, 6, 7, 8]
    np.testing.assert_allclose(array(again(names["flowers"])), by_hand, rtol=1e-4, atol=1e-4)


def test_the_table_of_what_is_changed_kept_and_moved():
    class All(nn.Module):
        def __init__(self):
            super().__init__()
            self.p, self.b = nn.Parameter(torch.ones(2)), nn.Buffer(torch.ones(2))
            self.off, self.sub, self.plain = nn.Buffer(torch.ones(2), persistent=False), nn.Linear(2, 2), torch.ones(2)

    module = All().to("meta")
    assert set(module.state_dict()) == {"p", "b", "sub.weight", "sub.bias"}  # buffers by default, `off` not
    for kept in (module.p, module.b, module.off, module.sub.weight):
        assert kept.device.type == "meta"
    assert module.plain.device.type == "cpu"
    module = All()
    before = {name: t.clone() for name, t in module.state_dict().items()}
    (module.sub(module.p * module.b) * module.plain).sum().backward()
    torch.optim.SGD(module.parameters(), lr=0.1).step()
    changed = {name for name, t in module.state_dict().items() if not torch.equal(t, before[name])}
    assert changed == {"p", "sub.weight", "sub.bias"} and torch.equal(module.plain, torch.ones(2))


def test_register_buffer_does_what_buffer_does():
    old, new = nn.Module(), nn.Module()
    old.register_buffer("mean", torch.ones(2))
    new.mean = nn.Buffer(torch.ones(2))
    assert [n for n, _ in old.named_buffers()] == [n for n, _ in new.named_buffers()] == ["mean"]
    assert list(old.state_dict()) == list(new.state_dict()) == ["mean"] and torch.equal(old.mean, new.mean)


def test_submodules_are_in_the_books_and_not_among_the_attributes(chapter):
    assert lines(chapter, "tables") == ["attributes: ['training']", "submodules: ['hidden', 'output']", "True"]
    net = chapter["tables"].names["net"]
    assert nn.Module.__setattr__ is not object.__setattr__ and "hidden" not in vars(chapter["first"].names["Net"]())
    assert isinstance(net._modules, dict) and isinstance(net._parameters, dict) and isinstance(net._buffers, dict)


@pytest.mark.ledger("n3-04")
def test_a_plain_list_hides_its_modules_and_a_module_list_does_not(chapter):
    plain, module_list = lines(chapter, "list")
    assert plain == "PlainList 0 []"
    assert module_list.startswith("InModuleList 67 ['layers.0.weight', 'layers.0.bias', 'layers.1.weight'")
    names = chapter["list"].names
    hidden = names["PlainList"]()
    assert len(list(hidden.modules())) == 1 and len(list(names["InModuleList"]().modules())) == 4
    x = names["flowers"]
    for layer in hidden.layers:  # it can go forward all the same
        x = layer(x)
    assert x.shape == (5, 3)
    with pytest.raises(NotImplementedError):
        nn.ModuleList([nn.Linear(4, 8)])(names["flowers"])  # it only keeps
    for language, zero in (("zh", "0 个参数，放在 `nn.ModuleList` 里是 67 个"), ("en", "0 parameters in a plain list, 67 in an `nn.ModuleList`")):
        assert zero in chapter.prose(language)


def test_sequential_names_its_parts_by_number(chapter):
    assert lines(chapter, "sequential") == ["torch.Size([5, 3])", "['0.weight', '0.bias', '2.weight', '2.bias']"]
    chain, x = chapter["sequential"].names["chain"], chapter["sequential"].names["flowers"]
    assert torch.equal(chain(x), chain[2](chain[1](chain[0](x)))) and not list(chain[1].parameters())


# super().__init__()


@pytest.mark.ledger("n0-18")
def test_super_needs_no_arguments_and_lays_out_three_empty_books(chapter):
    assert lines(chapter, "super") == ["True", "True", "{} {} {}"]

    class Old(nn.Module):
        def __init__(self):
            super(Old, self).__init__()  # noqa: UP008 - what the old notes wrote
            self.layer = nn.Linear(4, 3)

    class New(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

    assert list(Old().state_dict()) == list(New().state_dict()) == ["layer.weight", "layer.bias"]
    child = chapter["super"].names["child"]
    assert super(type(child), child).__init__ == child.short and chapter["super"].names["long"] == child.short
    assert "super(Child, child).__init__" in chapter["super"].code and "self.short = super().__init__" in chapter["super"].code
    for name in ("_parameters", "_buffers", "_modules"):
        assert getattr(child, name) == {} and not hasattr(nn.Module.__new__(nn.Module), name)


@pytest.mark.ledger("n0-18")
def test_without_super_the_first_submodule_raises(chapter):
    error = chapter["super-forgotten"].error
    assert type(error) is AttributeError and str(error) == "cannot assign module before Module.__init__() call"
    assert "Forgetful" in chapter["super-forgotten"].names  # the class was defined; its first object was not made

    class OnlyParameter(nn.Module):
        def __init__(self):
            self.w = nn.Parameter(torch.ones(1))

    with pytest.raises(AttributeError, match=re.escape("before Module.__init__() call")):
        OnlyParameter()


def test_a_renamed_class_breaks_the_old_spelling():
    namespace = {}
    exec("class Renamed:\n def __init__(self):\n  super(Gone, self).__init__()", namespace)
    with pytest.raises(NameError):
        namespace["Renamed"]()


# Only forward is written


@pytest.mark.ledger("n2-13")
def test_backward_comes_from_autograd_and_equals_the_gradient_on_paper(chapter):
    assert lines(chapter, "backward")[:2] == ["forward:  True", "backward: False"]
    assert not hasattr(nn.Module, "backward") and hasattr(torch.Tensor, "backward")
    Net, x = chapter["first"].names["Net"], chapter["use"].names["flowers"]
    net = Net()
    net(x).sum().backward()
    x, w1, b1, w2 = array(x), array(net.hidden.weight), array(net.hidden.bias), array(net.output.weight)
    h = x @ w1.T + b1
    g = np.ones((5, 3)) @ w2 * (h > 0)  # (5, 8): the way back through output and relu
    on_paper = {"hidden.weight": g.T @ x, "hidden.bias": g.sum(0), "output.weight": np.ones((3, 5)) @ np.maximum(h, 0), "output.bias": np.full(3, 5)}
    for name, parameter in net.named_parameters():
        np.testing.assert_allclose(array(parameter.grad), on_paper[name], rtol=1e-3, atol=1e-3)
    assert lines(chapter, "backward")[-1] == "tensor([5., 5., 5.])"
    for line, (name, parameter) in zip(lines(chapter, "backward")[2:6], net.named_parameters(), strict=True):
        shape = str(tuple(parameter.shape))
        assert re.fullmatch(rf"{re.escape(name)}\s+{re.escape(shape)}\s+grad {re.escape(shape)}", line)
    assert "涨 1，总和就涨 5" in chapter.prose("zh") and "raise it by 1, and the sum rises by 5" in chapter.prose("en")


def test_calling_the_network_runs_hooks_and_calling_forward_does_not(chapter):
    assert lines(chapter, "call") == ["net(flowers)", "    Net (5, 4) -> (5, 3)", "net.forward(flowers)", "same numbers: True"]
    net = chapter["call"].names["Net"]()
    calls = []
    handle = net.register_forward_hook(lambda *what: calls.append(what))
    net(torch.ones(1, 4))
    net.forward(torch.ones(1, 4))
    assert len(calls) == 1
    handle.remove()
    net(torch.ones(1, 4))
    assert len(calls) == 1
    assert not chapter["call"].names["net"]._forward_hooks


def test_hooks_on_every_module_show_the_shapes_from_the_inside_out(chapter):
    assert [line.split()[0] for line in lines(chapter, "hook-shapes")] == ["Linear", "ReLU", "Linear", "Sequential"]
    assert [line.split(" ", 5)[-1] for line in lines(chapter, "hook-shapes")] == [
        "(5, 4) -> (5, 8)", "(5, 8) -> (5, 8)", "(5, 8) -> (5, 3)", "(5, 4) -> (5, 3)"]
    assert not any(m._forward_hooks for m in chapter["hook-shapes"].names["chain"].modules())


# The linear layer


@pytest.mark.ledger("n3-02")
def test_linear_goes_from_in_features_to_out_features(chapter):
    names = chapter["linear-by-hand"].names
    layer, x = names["layer"], names["x"]
    assert (layer.in_features, layer.out_features) == (3, 2)
    assert layer.weight.shape == (layer.out_features, layer.in_features) and layer.bias.shape == (2,)
    first, second = 1 * 1 + 0 * 2 + 2 * 3 + 0.5, 1 * 10 + 0 * 20 + 2 * 30 - 0.5
    assert array(x).tolist() == [[1, 0, 2]]
    np.testing.assert_allclose(array(layer(x)), [[first, second]])
    for line in lines(chapter, "linear-by-hand"):
        assert [float(v) for v in re.findall(r"\d+\.\d+", line)] == [first, second]
    np.testing.assert_allclose(array(layer(x)), linear(array(x), array(layer.weight), array(layer.bias)))
    both(chapter, f"1 × 1 + 0 × 2 + 2 × 3 + 0.5 = {first}", f"1 × 10 + 0 × 20 + 2 × 30 − 0.5 = {second}", "y = x A^T + b")


@pytest.mark.ledger("n3-02")
def test_linear_cannot_be_used_in_reverse(chapter):
    error = chapter["linear-direction"].error
    assert type(error) is RuntimeError and "shapes cannot be multiplied (1x2 and 3x2)" in str(error)
    both(chapter, "`1x2`", "`3x2`", "`shapes cannot be multiplied`")


# A batch or a single sample


@pytest.mark.ledger("n2-14")
def test_linear_and_conv_take_a_single_sample_and_batch_norm_does_not(chapter):
    assert lines(chapter, "linear-any") == ["torch.Size([5, 3])", "torch.Size([3])", "torch.Size([2, 6, 7, 3])"]
    assert lines(chapter, "conv-single") == ["torch.Size([6, 6, 6])", "torch.Size([1, 6, 6, 6])", "True"]
    conv, photo = chapter["conv-single"].names["conv"], chapter["conv-single"].names["photo"]
    assert photo.shape == (3, 8, 8)
    patches = photo.unfold(1, 3, 1).unfold(2, 3, 1)  # (3, 6, 6, 3, 3)
    by_hand = torch.einsum("chwij,ocij->ohw", patches, conv.weight) + conv.bias[:, None, None]
    torch.testing.assert_close(conv(photo), by_hand, rtol=1e-4, atol=1e-5)
    error = chapter["norm-single"].error
    assert type(error) is ValueError and str(error) == "expected 4D input (got 3D input)"
    both(chapter, f"`{error}`")
    net, flowers = chapter["linear-any"].names["net"], chapter["linear-any"].names["flowers"]
    torch.testing.assert_close(net(flowers[0]), net(flowers)[0])


@pytest.mark.ledger("n2-14")
def test_flatten_takes_channels_for_samples_without_an_error(chapter):
    assert lines(chapter, "flatten") == ["torch.Size([1, 3, 8, 8])", "torch.Size([1, 192])", "torch.Size([3, 64])"]


# Initialisation


def test_the_default_of_linear_is_uniform_within_one_over_root_in(chapter):
    for line, inputs in zip(lines(chapter, "init-default"), (4, 100, 2500), strict=True):
        shown_inputs, bound, largest = (float(v) for v in re.findall(r"\d+\.?\d*", line))
        assert shown_inputs == inputs and bound == pytest.approx(1 / math.sqrt(inputs), abs=1e-4)
        assert 0.99 * bound <= largest <= bound
    torch.manual_seed(1)
    for inputs in (4, 100, 2500):
        layer = nn.Linear(inputs, 2000)
        edge = 1 / math.sqrt(inputs)
        for values in (layer.weight, layer.bias):
            assert values.abs().max() <= edge * (1 + 1e-6)
            counts = np.histogram(array(values) / edge, bins=10, range=(-1, 1))[0] / values.numel()
            assert np.abs(counts - 0.1).max() < 6 * math.sqrt(0.09 / values.numel())  # flat, but for chance


def test_the_figure_of_initialisations(chapter):
    names, (figure,) = chapter["init-figure"].names, chapter["init-figure"].figures
    wide, other = names["wide"].weight, names["other"].weight
    assert wide.shape == other.shape == (1000, 100) and wide.numel() == 100_000
    assert wide.abs().max() <= 0.1 + 1e-8 and wide.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.02)
    assert other.std().item() == pytest.approx(math.sqrt(2 / 100), rel=0.02)  # 2: what relu cuts off
    assert (other.abs() < 2 * math.sqrt(2 / 100)).float().mean().item() == pytest.approx(0.9545, abs=0.01)  # normal
    assert (other.abs() < 0.4).float().mean() > 0.99
    (ax,) = figure.axes
    assert sorted(line.get_xdata()[0] for line in ax.lines) == [-0.1, 0.1]
    heights = [patch.get_height() for patch in ax.patches]
    assert sum(heights[:100]) == 100_000 and ax.get_xlabel() and ax.get_ylabel()
    inside = [h for patch, h in zip(ax.patches[:100], heights[:100], strict=True) if abs(patch.get_x() + patch.get_width() / 2) < 0.1]
    assert sum(inside) == 100_000 and min(inside) > 0.8 * max(inside)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["default", "kaiming_normal_", "±1/√100"]
    both(chapter, "1/√100")


def test_one_number_for_all_gives_every_hidden_number_the_same_gradient(chapter):
    grad = chapter["init-same"].value
    assert grad.shape == (8, 4) and grad.abs().min() > 0
    flowers = array(chapter["use"].names["flowers"])
    np.testing.assert_allclose(array(grad), np.tile(3 * 0.1 * flowers.sum(0), (8, 1)), rtol=1e-4)  # relu lets all pass
    clones = chapter["init-same"].names["clones"]
    for _ in range(3):  # and it stays so
        clones.zero_grad()
        clones(chapter["use"].names["flowers"]).square().mean().backward()
        torch.optim.SGD(clones.parameters(), lr=0.01).step()
        torch.testing.assert_close(clones.hidden.weight, clones.hidden.weight[:1].expand(8, 4))
    assert not torch.equal(clones.hidden.weight, torch.full((8, 4), 0.1))


def test_apply_visits_every_module(chapter):
    names = chapter["init-apply"].names
    fresh = names["fresh"]
    assert not fresh.hidden.bias.any() and not fresh.output.bias.any() and fresh.hidden.weight.any()
    visited = []
    fresh.apply(lambda module: visited.append(type(module).__name__))
    assert visited == ["Linear", "Linear", "Net"] and not hasattr(fresh, "weight")
    torch.manual_seed(2)
    big = nn.Sequential(nn.Linear(200, 500)).apply(names["initialise"])
    assert big[0].weight.std().item() == pytest.approx(math.sqrt(2 / 200), rel=0.02)


# Your own layer


def test_my_linear_agrees_with_torch(chapter):
    assert lines(chapter, "custom-same") == ["<All keys matched successfully>", "outputs:   True", "gradients: True"]
    MyLinear = chapter["custom"].names["MyLinear"]
    mine, theirs = MyLinear(3, 7), nn.Linear(3, 7)
    assert {n: p.shape for n, p in mine.named_parameters()} == {n: p.shape for n, p in theirs.named_parameters()}
    theirs.load_state_dict(mine.state_dict())
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(mine(x), theirs(x))
    np.testing.assert_allclose(array(mine(x[0])), linear(array(x[0]), array(mine.weight), array(mine.bias)), rtol=1e-4, atol=1e-5)
    for module in (mine, theirs):
        module(x).square().sum().backward()
    torch.testing.assert_close(mine.weight.grad, theirs.weight.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(mine.bias.grad, theirs.bias.grad, rtol=1e-4, atol=1e-4)


def test_my_linear_starts_like_torchs(chapter):
    torch.manual_seed(3)
    layer = chapter["custom"].names["MyLinear"](100, 2000)
    for values in (layer.weight, layer.bias):
        assert 0.099 < values.max() <= 0.1 + 1e-8 and -0.1 - 1e-8 <= values.min() < -0.099
        assert abs(values.mean()) < 0.01 and values.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.05)


# train and eval


def test_dropout_zeroes_or_doubles_in_training_and_passes_in_use(chapter):
    train, use = (re.findall(r"\d\.", line) for line in lines(chapter, "dropout"))
    assert len(train) == len(use) == 10 and set(train) == {"0.", "2."} and set(use) == {"1."}
    torch.manual_seed(4)
    out = nn.Dropout(0.5)(torch.ones(10_000))
    assert set(out.tolist()) == {0.0, 2.0} and out.mean().item() == pytest.approx(1, abs=0.05)


def test_batch_norm_uses_the_batch_in_training_and_its_account_in_use(chapter):
    names = chapter["batch-norm"].names
    flowers = array(names["flowers"])
    x = names["flowers"]
    mean, var = flowers.mean(0), flowers.var(0)
    np.testing.assert_allclose(array(names["out"]), (flowers - mean) / np.sqrt(var + 1e-5), rtol=1e-3, atol=1e-3)
    norm = nn.BatchNorm1d(4)
    assert norm.momentum == 0.1 and norm.training
    norm(x)
    np.testing.assert_allclose(array(norm.running_mean), 0.9 * 0 + mean / 10, rtol=1e-5)
    account, spread = array(norm.running_mean), array(norm.running_var)
    np.testing.assert_allclose(spread, 0.9 * 1 + flowers.var(0, ddof=1) / 10, rtol=1e-5)
    norm.eval()
    np.testing.assert_allclose(array(norm(x)), (flowers - account) / np.sqrt(spread + 1e-5), rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(array(norm.running_mean), account)
    assert {"running_mean", "running_var"} <= {name for name, _ in norm.named_buffers()}
    first, after, batch, later = (np.array([float(v) for v in re.findall(r"\d+\.\d*", line)]) for line in lines(chapter, "batch-norm"))
    assert not first.any() and (after == later).all()
    np.testing.assert_allclose(after, batch / 10, atol=1e-4)
    np.testing.assert_allclose(batch, mean, atol=1e-4)
    assert norm(x[:1]).shape == (1, 4)  # a single sample will do in use


def test_the_switch_of_the_root_turns_all_and_leaves_autograd_on(chapter):
    assert lines(chapter, "modes") == [
        "True [True, True, True, True]", "same twice: False",
        "False [False, False, False, False]", "same twice: True", "still recording for autograd: True"]
    model = chapter["modes"].names["model"]
    assert all(m.training for m in model.train().modules()) and not any(m.training for m in model.eval().modules())
    with torch.no_grad():
        assert not model(torch.ones(1, 4)).requires_grad


# Freezing and moving


def test_frozen_parameters_get_no_gradient_and_do_not_change(chapter):
    for line in lines(chapter, "freeze")[:-1]:
        name, _, grad, _, changed = line.split()
        assert (grad, changed) == (("False", "False") if name.startswith("hidden") else ("True", "True"))
    assert lines(chapter, "freeze")[-1] == f"trainable: {8 * 3 + 3}"
    names = chapter["freeze"].names
    net, start, flowers = names["net"], names["start"], array(names["flowers"])
    again = names["Net"]()
    again.load_state_dict(start)
    h = np.maximum(linear(flowers, array(again.hidden.weight), array(again.hidden.bias)), 0)
    scores = linear(h, array(again.output.weight), array(again.output.bias))
    moved = array(start["output.bias"]) - 0.1 * (2 * scores / scores.size).sum(0)  # one step of size 0.1 by hand
    np.testing.assert_allclose(array(net.output.bias), moved, rtol=1e-3, atol=1e-4)
    assert "从 67 个减到 27 个" in chapter.prose("zh") and "Of 67 parameters, 27 can still be trained" in chapter.prose("en")


def test_freezing_does_not_reach_buffers(chapter):
    train, use = lines(chapter, "freeze-buffer")
    assert train.startswith("train:") and use.startswith("eval:")
    mean = array(chapter["use"].names["flowers"]).mean(0) / 10
    np.testing.assert_allclose([float(v) for v in re.findall(r"\d+\.\d*", train)], mean, atol=1e-4)
    assert not any(float(v) for v in re.findall(r"\d+\.\d*", use))
    assert not chapter["freeze-buffer"].names["norm"].weight.requires_grad


def test_a_module_moves_in_place_and_leaves_plain_tensors_behind(chapter):
    assert lines(chapter, "move") == ["tensor: False cpu", "module: True meta", "buffer: meta", "shift:  cpu"]
    error = chapter["move-error"].error
    assert type(error) is RuntimeError and "is not on the expected device" in str(error)
    layer, x = nn.Linear(2, 2), torch.ones(2)
    assert layer.to(torch.float64) is layer and layer.weight.dtype == torch.float64
    assert x.to(torch.float64) is not x and x.dtype == torch.float32

    module = chapter["register"].names["Standardize"](torch.zeros(4), torch.ones(4))
    del module.shift
    module.shift = nn.Parameter(torch.zeros(4))  # the remedy
    assert module.to("meta")(torch.ones(2, 4, device="meta")).shape == (2, 4)


# Common errors


@pytest.mark.parametrize(("cell", "kind", "words"), [
    ("super-forgotten", AttributeError, "before Module.__init__() call"),
    ("linear-direction", RuntimeError, "shapes cannot be multiplied"),
    ("norm-single", ValueError, "expected 4D input (got 3D input)"),
    ("move-error", RuntimeError, "is not on the expected device"),
    ("empty-error", ValueError, "got an empty parameter list"),
    ("forward-error", NotImplementedError, 'missing the required "forward" function'),
    ("assign-error", TypeError, "torch.nn.Parameter or None expected"),
    ("load-error", RuntimeError, "Error(s) in loading state_dict"),
    ("one-error", ValueError, "Expected more than 1 value per channel"),
])
def test_each_row_of_the_table_is_a_real_message(chapter, cell, kind, words):
    error = chapter[cell].error
    assert type(error) is kind and words in str(error)
    for language in ("zh", "en"):
        assert any(line.startswith(f"| `{words}` |") for line in chapter.prose(language).splitlines())


def test_the_table_has_as_many_rows_as_the_opening_promises(chapter):
    for language, promise in (("zh", "九种常见报错"), ("en", "nine common error messages")):
        table = chapter.prose(language).partition("{#common-errors}")[2]
        assert promise in chapter.prose(language) and len(re.findall(r"^\| `", table, re.MULTILINE)) == 9


def test_the_remedies_work(chapter):
    names = chapter["one-error"].names
    nn.BatchNorm1d(4).eval()(names["flowers"][:1])
    torch.optim.SGD(names["InModuleList"]().parameters(), lr=0.1)
    net = names["Net"]()
    with torch.no_grad():
        net.output.bias.copy_(torch.zeros(3))
    assert not net.output.bias.any() and net.output.bias.requires_grad
    net.output.bias = nn.Parameter(torch.ones(3))
    assert net.output.bias.sum() == 3
    message = str(chapter["load-error"].error)
    missing, unexpected = message.partition("Unexpected")[::2]
    assert "hidden.weight" in missing and '"0.weight"' in unexpected
    assert [p.shape for p in names["chain"].parameters()] == [p.shape for p in net.parameters()]
    with pytest.raises(ValueError):
        nn.BatchNorm2d(3)(names["photo"])
    assert nn.BatchNorm2d(3)(names["photo"].unsqueeze(0)).ndim == 4
