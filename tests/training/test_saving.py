"""The proof of what docs/*/training/saving.md claims."""

import builtins
import copy
import errno
import io
import os
import pickle
import random
import re
import sys
import types
import warnings
import zipfile
from argparse import Namespace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.colors import to_rgb
from sklearn.datasets import load_digits
from torch import nn

from tests.conftest import ROOT
from tests.facts import fact
from tests.prose import lines

PARTS = ["net", "optimizer", "scheduler", "epoch", "rng", "order"]


def written(what):
    """The bytes of `what`, saved."""
    file = io.BytesIO()
    torch.save(what, file)
    return file.getvalue()


def through_file(what, **options):
    """`what`, saved and loaded again."""
    return torch.load(io.BytesIO(written(what)), **options)


@pytest.fixture(autouse=True)
def random_state_kept():
    with torch.random.fork_rng():
        yield


def fresh_net(chapter, classes=10):
    torch.manual_seed(0)
    return chapter["state"].names["Net"](classes)


def tools(chapter):
    """start, train, pack, unpack of the chapter."""
    names = chapter["resume"].names
    return [names[name] for name in ("start", "train", "pack", "unpack")]


def straight(chapter):
    return chapter["start"].names["straight"]


def resumed(chapter):
    return chapter["left-out"].names["resumed"]


def sizes(chapter):
    return {row.split()[0]: int(row.split()[1].replace(",", "")) for row in lines(chapter, "view")}


# ---- names and numbers -----------------------------------------------------------------------


@pytest.mark.claim(zh="训练本身不写任何文件，程序一结束，学到的就全没了。", en="Training writes no file: when the program ends, all that was learnt is gone.")
@pytest.mark.claim(zh="保存只要一行。", en="Saving takes one line.")
def test_without_a_line_to_save_it_nothing_is_kept(chapter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start, train, *_ = tools(chapter)
    run = start()
    train(run, 1)
    assert not list(tmp_path.iterdir())
    new = start()  # a new program
    assert torch.equal(new.net.hidden.weight, fresh_net(chapter).hidden.weight) and not torch.equal(new.net.hidden.weight, run.net.hidden.weight)
    torch.save(run.net.state_dict(), "a.pt")
    new.net.load_state_dict(torch.load("a.pt"))
    assert torch.equal(new.net.hidden.weight, run.net.hidden.weight)


@pytest.mark.claim(zh="一个网络分两半。", en="A network has two halves.")
@pytest.mark.claim(zh="怎样算，是代码，写在类里。", en="How it computes is code, written in its class.")
def test_the_code_is_in_the_class_and_the_numbers_are_not(chapter):
    net = fresh_net(chapter).eval()

    class Half(type(net)):  # the same numbers, other code
        def forward(self, x):
            return super().forward(x) / 2

    other, x = Half().eval(), torch.randn(3, 64)
    other.load_state_dict(net.state_dict())
    assert "forward" in vars(type(net)) and torch.equal(other(x), net(x) / 2)
    others_numbers = type(net)().eval()  # the same code, other numbers
    assert not torch.allclose(others_numbers(x), net(x))


@pytest.mark.claim(zh="有哪些数，收在 `state_dict()` 里，这个从名字到张量的字典叫**状态字典**（state dict），要存的就是它：",
                   en="Its numbers are in `state_dict()`, the **state dict**, a dictionary from names to tensors, and that is what we save:")
@pytest.mark.claim(zh="九个名字，九个张量。", en="Nine names, nine tensors.")
@pytest.mark.claim(zh="`drop` 没有数，字典里也就没有它。", en="`drop` has no numbers, so it has no entry.")
def test_the_state_dict_has_parameters_and_buffers_and_nothing_else(chapter):
    net = fresh_net(chapter)
    rows = [tuple(line.split(maxsplit=1)) for line in lines(chapter, "state")]
    assert rows == [(name, str(tuple(tensor.shape))) for name, tensor in net.state_dict().items()]
    assert len(rows) == len({name for name, _ in rows}) == 9
    state = net.state_dict()
    assert isinstance(state, dict) and all(type(name) is str and isinstance(tensor, torch.Tensor) for name, tensor in state.items())
    assert state.keys() == dict(net.named_parameters()).keys() | dict(net.named_buffers()).keys()
    assert dict(rows)["hidden.weight"] == "(128, 64)" and dict(rows)["output.weight"] == "(10, 128)"
    assert not any("drop" in name for name in state)
    assert not list(net.drop.parameters()) and not list(net.drop.buffers())


@pytest.mark.claim(zh="`running_mean`、`running_var` 和 `num_batches_tracked` 是缓冲区，不是参数；批归一化少了这里的滑动平均，到了评估模式就不对。",
                   en="`running_mean`, `running_var` and `num_batches_tracked` are buffers, not parameters; without its running averages, "
                      "batch normalisation goes wrong in evaluation mode.")
def test_running_averages_are_buffers_and_evaluation_needs_them(chapter):
    net = fresh_net(chapter)
    assert list(dict(net.named_buffers())) == ["norm.running_mean", "norm.running_var", "norm.num_batches_tracked"]
    assert not any("running" in name or "num_batches" in name for name, _ in net.named_parameters())
    x = torch.randn(20, 64) * 5
    h = net.hidden(x).detach()
    net.train()(x)
    assert torch.allclose(net.norm.running_mean, 0.9 * torch.zeros(128) + 0.1 * h.mean(0), atol=1e-5)  # an average that runs on
    assert torch.allclose(net.norm.running_var, 0.9 * torch.ones(128) + 0.1 * h.var(0), atol=1e-4)
    other = fresh_net(chapter)
    other.load_state_dict({name: tensor for name, tensor in net.state_dict().items() if "running" not in name}, strict=False)
    for model in (net, other):
        model.drop.p = 0.0
    assert not torch.allclose(net.eval()(x), other.eval()(x), atol=0.1)
    assert torch.allclose(net.train()(x), other.train()(x))  # while training does not look at them


@pytest.mark.claim(zh="字典里的张量和网络用的是同一块内存。", en="The tensors in the dictionary share memory with the network.")
@pytest.mark.claim(zh="存进文件的才是副本：", en="What goes into a file is a copy:")
@pytest.mark.claim(zh="网络一变，字典跟着变，文件不变。", en="The network changed, and the dictionary with it; the file did not.")
@pytest.mark.claim(zh="所以 `kept = net.state_dict()` 留不住最好的一版：存成文件，或者用 `copy.deepcopy`。",
                   en="So `kept = net.state_dict()` does not keep the best version so far: write a file, or use `copy.deepcopy`.")
def test_the_dictionary_follows_the_network_and_the_file_does_not(chapter):
    start = fresh_net(chapter).output.bias.detach()
    assert start[:3].abs().min() > 0
    assert lines(chapter, "copy") == ["dictionary: tensor([0., 0., 0.])", f"file:       {start[:3]}"]
    net = fresh_net(chapter)
    live, deep, file = net.state_dict(), copy.deepcopy(net.state_dict()), through_file(net.state_dict())
    assert all(tensor.data_ptr() == live[name].data_ptr() for name, tensor in [*net.named_parameters(), *net.named_buffers()])
    with torch.no_grad():
        net.hidden.bias.add_(1)
    assert torch.equal(live["hidden.bias"], net.hidden.bias)
    assert torch.equal(deep["hidden.bias"] + 1, net.hidden.bias) and torch.equal(file["hidden.bias"] + 1, net.hidden.bias)


# ---- to a file and back ----------------------------------------------------------------------


@pytest.mark.claim(zh="取回来要两步：先用代码造一个同样的网络，再按名字把数填进去。",
                   en="Loading takes two steps: build the same network from code, then fill in the numbers by name.")
@pytest.mark.claim(zh="每个名字都对上了，可第一次比较还是 `False`：新网络处在训练模式，那时 dropout 每次调用都重新抽签。",
                   en="All names match, and yet the first comparison says `False`: new networks are in training mode, and there dropout draws "
                      "anew at every call.")
@pytest.mark.claim(zh="模式不在文件里，用之前记得 `eval()`。", en="The mode is not in the file, so call `eval()` before use.")
def test_two_networks_of_one_file_agree_in_eval_only(chapter):
    assert lines(chapter, "load") == ["<All keys matched successfully>"] * 2 + ["train mode: False", "eval mode:  True"]
    net, twin = fresh_net(chapter), chapter["state"].names["Net"]()
    assert not torch.equal(net.hidden.weight, twin.hidden.weight)
    back = through_file(net.state_dict())
    twin.load_state_dict(dict(reversed(back.items())))  # by name: their order is no matter
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), twin.state_dict().values()))
    assert net.training and twin.training
    x = torch.randn(5, 64)
    assert not torch.equal(net(x), net(x)) and not torch.equal(net(x), twin(x))
    assert torch.equal(net.eval()(x), net(x))
    twin.load_state_dict(through_file(net.state_dict()))
    assert twin.training and torch.equal(twin.eval()(x), net(x))  # eval() did not travel
    net.train().drop.p = twin.train().drop.p = 0.0
    assert torch.equal(net(x), twin(x))  # it was dropout


@pytest.mark.claim(zh="想把认 10 个数字改成认 26 个字母，前面的层可以借用，最后一层形状不同，得从字典里删掉。",
                   en="Suppose the network is to read 26 letters instead of 10 digits. The early layers can be borrowed; the last has another shape "
                      "and must leave the dictionary.")
@pytest.mark.claim(zh="名字少了，默认会报错；`strict=False` 只告诉你少了谁：", en="A missing name is an error by default; `strict=False` only reports it:")
@pytest.mark.claim(zh="`missing_keys` 里的还是随机数；要是 `hidden.weight` 也在里面，那一层就没有借到。",
                   en="What is in `missing_keys` stays random; were `hidden.weight` in it too, that layer would not have been borrowed.")
def test_part_of_a_network_can_be_borrowed(chapter):
    letters, state = chapter["partial"].names["letters"], chapter["partial"].names["state"]
    assert lines(chapter, "partial") == ["missing:    ['output.weight', 'output.bias']", "unexpected: []"]
    assert letters(torch.randn(2, 64)).shape == (2, 26) and fresh_net(chapter)(torch.randn(2, 64)).shape == (2, 10)
    for name, tensor in chapter["load"].names["twin"].state_dict().items():
        if not name.startswith(("output", "norm.r", "norm.n")):
            assert torch.equal(letters.state_dict()[name], tensor)  # borrowed
    whole = fresh_net(chapter).state_dict()
    with pytest.raises(RuntimeError, match="size mismatch for output.weight"):
        fresh_net(chapter, 26).load_state_dict(whole, strict=False)
    with pytest.raises(RuntimeError, match='Missing key.*"output.weight", "output.bias"'):
        fresh_net(chapter, 26).load_state_dict(state)
    torch.manual_seed(5)
    net = type(letters)(26)
    before = copy.deepcopy(net.state_dict())
    assert net.load_state_dict(state, strict=False).missing_keys == ["output.weight", "output.bias"]
    assert torch.equal(net.output.weight, before["output.weight"]) and torch.equal(net.hidden.weight, state["hidden.weight"])
    net.load_state_dict(before)
    answer = net.load_state_dict({f"module.{name}": tensor for name, tensor in state.items()}, strict=False)
    assert "hidden.weight" in answer.missing_keys and torch.equal(net.hidden.weight, before["hidden.weight"])


# ---- sizes -----------------------------------------------------------------------------------


@pytest.mark.claim(zh="float32 每个数 4 字节。", en="A float32 number takes 4 bytes.")
@pytest.mark.claim(zh="`net.pt` 的 10,123 个数占 40 KB，名字和结构另加 3 KB。", en="The 10,123 numbers of `net.pt` are 40 KB; names and structure add 3 KB.")
def test_a_file_has_four_bytes_a_number(chapter):
    numbers = 128 * 64 + 128 * 5 + 1 + 10 * 128 + 10
    assert numbers == sum(tensor.numel() for tensor in fresh_net(chapter).state_dict().values()) == 10_123
    assert torch.float32.itemsize == 4 and round(4 * numbers / 1000) == 40
    assert round((sizes(chapter)["net.pt"] - 4 * numbers) / 1000) == 3


@pytest.mark.claim(zh="可文件也可能比它的数大得多：", en="A file can be far larger than its numbers, though:")
@pytest.mark.claim(zh="可同样的 1000 个数，`row.pt` 占 4 MB，`clone.pt` 不到 6 KB：存一个视图，整块存储都会跟着进文件。",
                   en="But the same 1000 numbers take 4 MB in `row.pt` and less than 6 KB in `clone.pt`: a view takes its whole storage along into the file.")
@pytest.mark.claim(zh="先 `clone()` 再存。", en="Call `clone()` before saving.")
def test_a_view_drags_its_storage_along(chapter):
    table = chapter["view"].names["table"]
    assert table.shape == (1000, 1000) and table[0].numel() == 1000
    assert round(sizes(chapter)["row.pt"] / 1e6, 1) == 4.0 and 4_000 < sizes(chapter)["clone.pt"] < 6_000
    assert sizes(chapter)["row.pt"] > 100 * 4 * 1000  # far larger than the numbers
    view, clone = through_file(table[0]), through_file(table[0].clone())
    assert torch.equal(view, clone) and torch.equal(view, table[0])
    assert view.untyped_storage().nbytes() == 4_000_000 and clone.untyped_storage().nbytes() == 4_000


# ---- checkpoints -----------------------------------------------------------------------------


@pytest.mark.claim(zh="只存网络，够拿来用，不够接着训练。", en="The network alone is enough to use, not to train on.")
def test_the_network_alone_is_enough_to_use_and_not_to_train_on(chapter):
    start, train, pack, _ = tools(chapter)
    run = start()
    train(run, 3)
    alone = start()
    alone.net.load_state_dict(through_file(run.net.state_dict()))
    x = torch.randn(5, 64)
    assert torch.equal(alone.net.eval()(x), run.net.eval()(x))
    assert train(alone, 1) != straight(chapter)[36:48]


@pytest.mark.claim(zh="先搭一场小训练：600 张手写数字，每轮 12 步。", en="Here is a small training run: 600 handwritten digits, 12 steps an epoch.")
@pytest.mark.claim(zh="`start()` 造出一切，`train()` 交回每一步的损失：", en="`start()` makes everything, `train()` returns the loss of every step:")
def test_the_run_is_what_the_prose_says(chapter):
    start, train, *_ = tools(chapter)
    run = start()
    assert len(run.loader.dataset) == 600 and len(run.loader) == 12
    digits = load_digits()
    x, y = run.loader.dataset[7]
    assert np.allclose(x, digits.images[7].ravel() / 16) and y == digits.target[7]
    assert lines(chapter, "start") == ["72 losses"] and len(straight(chapter)) == 6 * 12
    assert set(vars(run)) == {"net", "order", "epoch", "loader", "optimizer", "scheduler"}
    assert run.loader.generator is run.order and type(run.optimizer) is torch.optim.Adam
    assert straight(chapter)[0] == pytest.approx(np.log(10), abs=0.5) and straight(chapter)[-1] < 0.2
    # a loop of its own: other batching, other shuffling code, no scheduler
    names = chapter["start"].names
    net, losses = fresh_net(chapter), []
    order = torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for epoch in range(6):
        optimizer.param_groups[0]["lr"] = 0.01 if epoch < 4 else 0.001
        torch.empty((), dtype=torch.int64).random_(generator=order)  # DataLoader draws a seed for its workers first
        epoch_order = torch.randperm(600, generator=order)
        torch.randperm(600, generator=order)  # its sampler draws once more when it comes to the end
        for batch in epoch_order.split(50):
            loss = F.cross_entropy(net(names["images"][batch]), names["labels"][batch])
            net.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert straight(chapter) == pytest.approx(losses, rel=1e-3, abs=1e-3)


@pytest.mark.claim(zh="把它们记得的都放进一个字典，就是**检查点**（checkpoint）：", en="Put what they remember into one dictionary, a **checkpoint**:")
@pytest.mark.claim(zh="优化器里有当前的学习率，还有 Adam 替每个参数记的东西：步数，和两个与参数同形状的张量。",
                   en="The optimizer holds the current learning rate and, for each parameter, what Adam remembers: a step count and two tensors of the "
                      "parameter’s shape.")
@pytest.mark.claim(zh="调度器数着轮数。", en="The scheduler counts epochs.")
@pytest.mark.claim(zh="接着训练要存六样：网络、优化器、调度器、轮数、两份随机状态。",
                   en="To train on, save six things: network, optimizer, scheduler, epoch, two random states.")
def test_a_checkpoint_holds_six_things(chapter):
    pack = chapter["resume"].names["pack"]
    run = chapter["resume"].names["run"]  # six epochs, 72 steps
    saved = pack(run)
    assert type(saved) is dict and list(saved) == PARTS
    assert all(torch.equal(saved["net"][name], tensor) for name, tensor in run.net.named_parameters())
    memory = saved["optimizer"]["state"]
    for number, parameter in enumerate(run.net.parameters()):
        assert memory[number].keys() == {"step", "exp_avg", "exp_avg_sq"} and memory[number]["step"] == 72
        assert memory[number]["exp_avg"].shape == memory[number]["exp_avg_sq"].shape == parameter.shape
    assert saved["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0.001)  # that of the moment, not that of the start
    assert saved["scheduler"]["last_epoch"] == 6 == saved["epoch"] == through_file(saved)["epoch"]
    for name, state in (("rng", torch.get_rng_state()), ("order", torch.Generator().get_state())):
        assert saved[name].dtype == state.dtype == torch.uint8 and saved[name].shape == state.shape


@pytest.mark.claim(zh="它按序号认参数，不按名字，所以网络要按同样的顺序造。", en="It knows parameters by number, not by name, so build the network in the same order.")
def test_the_optimizer_knows_parameters_by_number():
    class Pair(nn.Module):
        def __init__(self, names):
            super().__init__()
            for name in names:
                self.register_parameter(name, nn.Parameter(torch.zeros(2)))

    one, other = Pair("ab"), Pair("ba")
    first = torch.optim.Adam(one.parameters())
    one.a.grad, one.b.grad = torch.ones(2), torch.full((2,), 5.0)
    first.step()
    state = first.state_dict()
    assert list(state["state"]) == [0, 1] == state["param_groups"][0]["params"] and "'a'" not in str(state)
    second = torch.optim.Adam(other.parameters())
    second.load_state_dict(state)  # no complaint
    assert torch.equal(second.state[other.b]["exp_avg"], first.state[one.a]["exp_avg"])  # a's memory, given to b
    assert not torch.equal(second.state[other.b]["exp_avg"], first.state[one.b]["exp_avg"])


@pytest.mark.claim(zh="随机数发生器有两个：dropout 用全局的，打乱次序用交给 DataLoader 的那个。",
                   en="There are two random number generators: dropout draws from the global one, shuffling from the one handed to the DataLoader.")
def test_dropout_draws_from_the_global_generator_and_shuffling_from_its_own(chapter):
    start, train, *_ = tools(chapter)
    run = start()
    python, numpy = random.getstate(), str(np.random.get_state())
    torch_state, order = torch.get_rng_state(), run.order.get_state()
    run.net.drop(torch.ones(9))
    assert not torch.equal(torch.get_rng_state(), torch_state) and torch.equal(run.order.get_state(), order)
    torch_state = torch.get_rng_state()
    list(run.loader)
    assert torch.equal(torch.get_rng_state(), torch_state) and not torch.equal(run.order.get_state(), order)
    train(run, 1)
    assert random.getstate() == python and str(np.random.get_state()) == numpy  # these two, and no others


@pytest.mark.claim(zh="还用了别的随机数，就把它们的状态也存上：Python 的 `random.getstate()`，NumPy 的 `rng.bit_generator.state`，GPU 的 `torch.cuda.get_rng_state_all()`。",
                   en="If you draw other random numbers, save those states too: `random.getstate()` of Python, `rng.bit_generator.state` of NumPy, "
                      "`torch.cuda.get_rng_state_all()` of GPUs.")
def test_other_random_states_pass_weights_only():
    rng = np.random.default_rng(0)
    kept = random.getstate()
    back = through_file({"python": kept, "numpy": rng.bit_generator.state})
    drawn = random.random(), rng.random(3).tolist()
    random.setstate(back["python"])
    again = np.random.default_rng(9)
    again.bit_generator.state = back["numpy"]
    assert (random.random(), again.random(3).tolist()) == drawn
    random.setstate(kept)
    assert "representing the random number states of all devices" in torch.cuda.get_rng_state_all.__doc__


# ---- resuming --------------------------------------------------------------------------------


@pytest.mark.claim(zh="一边一口气跑 6 轮，一边跑 3 轮，存盘，全换成新的，再跑 3 轮：", en="Six epochs at a stretch, against three, a file, and three more in new objects:")
@pytest.mark.claim(zh="比的是 `==`：72 个损失，每一位都相同。", en="The comparison is `==`: all 72 losses agree to the last bit.")
@pytest.mark.claim(zh="这就是**断点续训**（exact resume）。", en="That is an **exact resume**.")
def test_the_resumed_run_is_the_same_to_the_last_bit(chapter):
    names = chapter["resume"].names
    assert lines(chapter, "resume") == ["epoch 6 same losses: True"]
    assert len(names["before"]) == len(names["after"]) == 36 == len(straight(chapter)) // 2
    assert np.array(names["before"] + names["after"]).tobytes() == np.array(straight(chapter)).tobytes()
    start, train, pack, unpack = tools(chapter)
    one = start()
    assert train(one, 3) == names["before"]
    saved = through_file(pack(one))
    train(one, 2)
    two = start()
    unpack(two, saved)
    assert two.epoch == 3 and train(two, 2) == names["after"][:24]
    assert two.epoch == one.epoch == 5 and pack(one)["scheduler"] == pack(two)["scheduler"]
    assert all(torch.equal(a, b) for a, b in zip(pack(one)["net"].values(), pack(two)["net"].values()))


@pytest.mark.claim(zh="要在两轮之间存：一轮走到一半，`order` 不知道哪些样本已经用过。",
                   en="Save between epochs: in the middle of one, `order` does not know which samples have had their turn.")
@pytest.mark.claim(zh="在 GPU 上，不管断没断过，有些运算本来就不能逐位重复。", en="On a GPU, some operations do not repeat to the bit, with a break or without.")
def test_the_middle_of_an_epoch_and_some_gpu_operations_cannot_be_repeated(chapter):
    start, *_ = tools(chapter)
    run = start()
    states = []
    for _ in run.loader:
        states.append(run.order.get_state())
    assert len(states) == 12 and all(torch.equal(state, states[0]) for state in states)  # after 1 batch as after 12
    text = " ".join(torch.use_deterministic_algorithms.__doc__.split())
    assert "normally-nondeterministic operations" in text and "called on CUDA tensor" in text


@pytest.mark.claim(zh="每次漏掉一样，让它和新开工时相同。", en="Leave out one thing at a time, so that it is as in a new start.")
@pytest.mark.claim(zh="没有一个报错，错法各不相同：", en="Not one error message, and each goes wrong in its own way:")
@pytest.mark.claim(zh="漏一样不报错，只是悄悄地不同。", en="If one is left out, nothing complains; the run is quietly different.")
def test_whatever_is_left_out_nothing_complains_and_the_run_differs(chapter):
    start, train, pack, unpack = tools(chapter)
    whole = start()
    first = train(whole, 3)
    saved = written(pack(whole))
    losses = {}
    for part in PARTS:
        run = start()
        unpack(run, torch.load(io.BytesIO(saved)) | {part: pack(start())[part]})  # no error
        losses[part] = first + train(run, 3)
        assert losses[part] != straight(chapter) or run.epoch != 6, part
        if part in resumed(chapter):
            assert losses[part] == resumed(chapter)[part]
    assert list(resumed(chapter)) == ["nothing", "optimizer", "scheduler", "rng", "order"] and resumed(chapter)["nothing"] == straight(chapter)
    assert len({tuple(values) for values in resumed(chapter).values()}) == 5
    shown = {line.split()[2]: line.split()[-1] for line in lines(chapter, "left-out")}
    assert shown == {"nothing": "None", "optimizer": "38", "scheduler": "50", "rng": "37", "order": "37"}


def first_wrong(chapter, part):
    """The number, from 1, of the first loss that is not that of the straight run."""
    return next(step for step in range(1, 73) if resumed(chapter)[part][step - 1] != straight(chapter)[step - 1])


@pytest.mark.claim(zh="漏了 `rng` 或 `order`，接上后的第一步，也就是第 37 步，就不对了。",
                   en="Without `rng` or `order`, step 37 is already wrong, the first after the checkpoint.")
@pytest.mark.claim(zh="更糟的是种子又设了一遍，dropout 或次序会把开头三轮重演一遍。",
                   en="Worse, the seed was set again, so dropout or the order of samples replays the first three epochs.")
def test_left_out_random_states_replay_the_first_epochs(chapter):
    assert first_wrong(chapter, "rng") == first_wrong(chapter, "order") == 37 == 3 * 12 + 1
    start, train, pack, unpack = tools(chapter)
    fresh = start()
    first = [x.clone() for _ in range(3) for x, _ in fresh.loader]
    run = start()
    train(run, 3)
    saved = pack(run)
    right = start()
    unpack(right, saved)
    again = start()
    unpack(again, saved | {"order": pack(start())["order"]})
    assert all(torch.equal(a, b) for a, b in zip(first, [x for _ in range(3) for x, _ in again.loader]))
    assert not torch.equal(first[0], next(iter(right.loader))[0])
    masks = start().net.drop(torch.ones(12 * 3, 50, 128))  # those of three epochs
    again = start()
    unpack(again, saved | {"rng": pack(start())["rng"]})
    assert torch.equal(masks, again.net.drop.train()(torch.ones(12 * 3, 50, 128)))


@pytest.mark.claim(zh="漏了优化器，第 37 步的损失还对，因为网络是对的；可这一步迈错了，第 38 步就看出来。",
                   en="Without the optimizer, the loss of step 37 is right, for the network is. The step then taken is not, as 38 shows.")
def test_without_the_optimizer_the_second_loss_is_wrong(chapter):
    assert first_wrong(chapter, "optimizer") == 38 and resumed(chapter)["optimizer"][36] == straight(chapter)[36]
    start, train, pack, unpack = tools(chapter)
    right, wrong = start(), start()
    saved = through_file(pack(self_trained(chapter)))
    for run, changes in ((right, {}), (wrong, {"optimizer": pack(start())["optimizer"]})):
        unpack(run, saved | changes)
        before = run.net.hidden.weight.detach().clone()
        assert torch.equal(before, saved["net"]["hidden.weight"])  # the network is right
        run.moved = one_step(run) - before
    assert not torch.allclose(right.moved, wrong.moved, atol=1e-3)


def self_trained(chapter):
    start, train, *_ = tools(chapter)
    run = start()
    train(run, 3)
    return run


def one_step(run):
    x, y = next(iter(run.loader))
    run.optimizer.zero_grad()
    F.cross_entropy(run.net.train()(x), y).backward()
    run.optimizer.step()
    return run.net.hidden.weight.detach()


@pytest.mark.claim(zh="漏了调度器，第 5 轮之前都没事。", en="Without the scheduler, all is well until epoch 5.")
@pytest.mark.claim(zh="到了第 5 轮，学习率该降到十分之一，这个调度器却以为才到第 2 轮。",
                   en="There the learning rate should fall to a tenth, but this scheduler thinks it is in its second epoch.")
@pytest.mark.claim(zh="第 49 步的损失是迈步之前算的，所以第 50 步才不对。",
                   en="The loss of step 49 is computed before the step, so 50 is the first wrong one.")
def test_without_the_scheduler_epoch_five_is_wrong_from_its_second_loss(chapter):
    assert first_wrong(chapter, "scheduler") == 50 and 4 * 12 + 1 == 49  # the first step of epoch 5
    assert resumed(chapter)["scheduler"][:49] == straight(chapter)[:49]
    start, train, pack, unpack = tools(chapter)
    right = self_trained(chapter)
    wrong = start()
    unpack(wrong, through_file(pack(right)) | {"scheduler": pack(start())["scheduler"]})
    seen = []
    for run in (right, wrong):
        train(run, 1)  # epoch 4 is over
        assert run.epoch == 4
        seen.append((run.scheduler.last_epoch, run.optimizer.param_groups[0]["lr"]))
    assert seen == [(4, pytest.approx(0.001)), (1, pytest.approx(0.01))]  # one epoch is over: it is in its second


@pytest.mark.claim(zh="上面，蓝粗线和橙细线从头到尾重合。", en="Above, a thick blue line and a thin orange one coincide from end to end.")
@pytest.mark.claim(zh="下面从第 31 步画起，过了虚线，橙线离开蓝线，这一轮里一直比它高。",
                   en="Below, from step 31 on: past the dashed line, the orange one leaves the blue one and stays above it for the rest of the epoch.")
def test_the_alternative_text_of_the_figure(chapter):
    (figure,) = chapter["curves"].figures
    for axes, start in zip(figure.axes, (1, 31)):
        thick, thin, dashed = axes.lines
        assert thick.get_linewidth() > 2 * thin.get_linewidth()
        assert to_rgb(thick.get_color()).index(max(to_rgb(thick.get_color()))) == 2  # blue
        red, green, blue = to_rgb(thin.get_color())
        assert red > green > blue  # orange
        assert list(thick.get_xdata()) == list(thin.get_xdata()) == list(range(start, 73))
        assert dashed.get_linestyle() == "--" and set(dashed.get_xdata()) == {36.5}
    above, below = figure.axes
    assert list(above.lines[0].get_ydata()) == list(above.lines[1].get_ydata()) == straight(chapter)
    blue, orange = (dict(zip(line.get_xdata(), line.get_ydata())) for line in below.lines[:2])
    assert all(blue[step] == orange[step] for step in range(31, 38)) and all(orange[step] > blue[step] for step in range(38, 49))


@pytest.mark.claim(zh="上：一口气跑完，和中途存盘再接上。", en="Above: at a stretch, and with a checkpoint half way.")
@pytest.mark.claim(zh="下：漏了 Adam 的状态，从第 31 步画起。", en="Below: without Adam’s state, drawn from step 31.")
@pytest.mark.claim(zh="虚线是存盘的地方。", en="The dashed line is the checkpoint.")
def test_the_caption_of_the_figure(chapter):
    (figure,) = chapter["curves"].figures
    above, below = figure.axes
    assert list(above.lines[0].get_ydata()) == straight(chapter) and list(above.lines[1].get_ydata()) == resumed(chapter)["nothing"]
    assert list(below.lines[0].get_ydata()) == straight(chapter)[30:] and list(below.lines[1].get_ydata()) == resumed(chapter)["optimizer"][30:]
    assert below.lines[1].get_xdata()[0] == 31
    labels = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in (above, below)]
    assert labels == [["6 epochs at a stretch", "3, a checkpoint, 3 more"], ["6 epochs at a stretch", "Adam's state left out"]]
    assert set(above.lines[2].get_xdata()) == set(below.lines[2].get_xdata()) == {3 * 12 + 0.5} and len(chapter["resume"].names["before"]) == 36
    assert below.get_xlabel() == "step (12 per epoch)" and above.get_ylabel() == below.get_ylabel() == "training loss"


@pytest.mark.claim(zh="下面一幅，Adam 没了记忆。", en="In the lower half Adam has lost its memory.")
@pytest.mark.claim(zh="梯度不为 0 的数，不管梯度大小，几乎个个第一步都差不多迈足一个学习率，刚学好的又晃乱了：接下来这一轮，平均损失大约翻了一倍。",
                   en="Its first step is about the whole learning rate for nearly every number whose gradient is not 0, be it large or small, and that "
                      "shakes up what was learnt: over the next epoch, the mean loss is about twice as large.")
def test_adam_without_memory_takes_a_whole_rate_and_the_loss_doubles(chapter):
    start, train, pack, unpack = tools(chapter)
    run = start()
    unpack(run, pack(self_trained(chapter)) | {"optimizer": pack(start())["optimizer"]})
    assert not run.optimizer.state
    before = [parameter.detach().clone() for parameter in run.net.parameters()]
    one_step(run)
    gradient = torch.cat([parameter.grad.abs().ravel() for parameter in run.net.parameters()])
    moved = torch.cat([(parameter.detach() - old).abs().ravel() for parameter, old in zip(run.net.parameters(), before)])
    assert moved[gradient == 0].max() == 0  # pixels that are always 0
    moved, gradient = moved[gradient > 0] / 0.01, gradient[gradient > 0]
    assert gradient.max() > 1000 * gradient[moved > 0.9].min() and moved.max() < 1.01
    assert 0.97 < (moved > 0.9).float().mean() < 1
    ratio = np.mean(resumed(chapter)["optimizer"][36:48]) / np.mean(straight(chapter)[36:48])
    assert 1.7 < ratio < 2.3


# ---- writing ---------------------------------------------------------------------------------


class Probe:
    """Calls `function(*arguments)` at the moment when it is pickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        self.seen = self.call[0](*self.call[1])
        return int, (0,)


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.claim(zh="`torch.save` 一打开文件，里面原有的就没了。", en="When `torch.save` opens a file, what was in it is gone.")
@pytest.mark.claim(zh="这时盘满了，或者有样东西存不了，就新旧两空。", en="If the disk is then full, or something cannot be saved, you have neither the new file nor the old one.")
@pytest.mark.claim(zh="所以先写到旁边，写完再换过去：", en="So write beside it, and swap at the end:")
def test_what_fails_while_writing_has_already_cost_the_old_file(chapter, tmp_path):
    save, path = chapter["atomic"].names["save"], tmp_path / "a.pt"
    torch.save({"a": 1}, path)
    probe = Probe(os.path.getsize, path)
    torch.save({"a": probe}, path)
    assert probe.seen == 0  # empty, before anything new was written
    for bad in (lambda epoch: 0.1, Probe(full_disk)):
        for write, left in ((torch.save, None), (save, {"a": 1})):
            torch.save({"a": 1}, path)
            with pytest.raises((AttributeError, pickle.PicklingError, OSError)):
                write({"a": 2, "bad": bad}, path)
            if left:
                assert torch.load(path) == left
            else:
                with pytest.raises(RuntimeError):
                    torch.load(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.pt", "a.pt.part"]  # beside it
    save({"a": 2}, path)
    assert torch.load(path) == {"a": 2} and [file.name for file in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.claim(zh="都没存成。", en="Neither could save.")
@pytest.mark.claim(zh="第一种连昨天的也赔进去了；第二种，昨天的还在。",
                   en="The first lost yesterday’s file into the bargain; with the second, it is still there.")
def test_the_cell_loses_the_old_file_once(chapter):
    assert lines(chapter, "atomic") == ["PytorchStreamReader failed locating file data.pkl: file not found", "{'weight': tensor([1., 1., 1.])}"]
    with pytest.raises((AttributeError, pickle.PicklingError)):
        written({"rate": lambda epoch: 0.1})


@pytest.mark.claim(zh="`os.replace` 一下就换好，这叫**原子替换**（atomic replacement）：谁来打开 `last.pt`，看到的不是旧文件就是新文件，不会是半个。",
                   en="`os.replace` swaps in one go, which is called an **atomic replacement**: whoever opens `last.pt` finds the old file or the new one, "
                      "never half of one.")
@pytest.mark.claim(zh="`os.fsync` 防的是断电：它一直等到数都落在磁盘上，不再停在半路。",
                   en="`os.fsync` is for power cuts: it waits until the numbers are on the disk and no longer on their way there.")
@pytest.mark.claim(zh="到这时，新文件才可以顶替旧文件的名字。", en="Only then may the new file take the name of the old.")
@pytest.mark.claim(zh="先写到旁边，`os.fsync`，再 `os.replace`；`last.pt` 用来接，`best.pt` 用来用。",
                   en="Write beside the file, `os.fsync`, then `os.replace`; `last.pt` is for resuming, `best.pt` for use.")
def test_the_new_file_is_whole_and_on_the_disk_before_the_names_are_swapped(chapter, tmp_path, monkeypatch):
    assert "atomic operation" in fact("training/saving", "replace")
    assert fact("training/saving", "fsync").endswith("to disk") and "to disk" in os.fsync.__doc__
    save, path, part = chapter["atomic"].names["save"], tmp_path / "last.pt", tmp_path / "last.pt.part"
    save({"a": 1}, path)
    events, fsync, replace = [], os.fsync, os.replace

    def spy_fsync(number):
        events.append("fsync")
        assert os.fstat(number).st_ino == part.stat().st_ino  # of this very file, all of which was handed over
        assert torch.load(part) == {"a": 2} and torch.load(path) == {"a": 1}
        return fsync(number)

    def spy_replace(source, target):
        events.append("replace")
        assert (Path(source), Path(target)) == (part, path)
        assert torch.load(part) == {"a": 2} and torch.load(path) == {"a": 1}
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "replace", spy_replace)
    save({"a": 2}, path)
    assert events == ["fsync", "replace"] and torch.load(path) == {"a": 2} and not part.exists()
    probe = Probe(torch.load, path)  # what a reader finds while the new file is being written
    monkeypatch.setattr(os, "fsync", full_disk)  # the numbers do not arrive
    with pytest.raises(OSError, match="No space"):
        save({"a": 3, "probe": probe}, path)
    assert probe.seen == {"a": 2} == torch.load(path)


@pytest.mark.claim(zh="`last.pt` 什么都有，断了从它接；`best.pt` 只要网络，拿去用。",
                   en="`last.pt` holds everything, to resume from; `best.pt` needs only the network, to be used.")
@pytest.mark.claim(zh="哪一轮最好，由验证集说了算：", en="Which epoch is best is for the validation set to say:")
@pytest.mark.claim(zh="最后一轮不是最好的一轮，只留 `last.pt` 就错过了。",
                   en="The last epoch is not the best, and with `last.pt` alone the best would be lost.")
def test_the_best_and_the_last(chapter, tmp_path, monkeypatch):
    *epochs, last, best = lines(chapter, "best")
    losses = [float(line.split()[2]) for line in epochs]
    assert [line.endswith("best so far") for line in epochs] == [loss < min(losses[:i], default=9) for i, loss in enumerate(losses)]
    assert (last, best) == ("last.pt is of epoch 8", f"best.pt is of epoch {1 + losses.index(min(losses))}") and len(losses) == 8
    assert min(losses) < 0.8 * losses[-1]  # the last is not the best, by a margin
    names = dict(chapter["best"].names)
    seen = {image.numpy().tobytes() for image, _ in names["train_set"]}
    assert names["valid_x"].shape == (300, 64) and not any(image.numpy().tobytes() in seen for image in names["valid_x"])
    with torch.no_grad():
        again = F.cross_entropy(names["run"].net.eval()(names["valid_x"]), names["valid_y"]).item()
    assert again == pytest.approx(losses[-1], abs=6e-4) and names["best"] == pytest.approx(min(losses), abs=6e-4)
    # the cell once more, where its files can be looked at
    monkeypatch.chdir(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.print", lambda *_: None)
        exec(chapter["best"].code, names)
    everything, network = torch.load("last.pt"), torch.load("best.pt")
    assert list(everything) == PARTS and set(network) == {"net", "epoch"}
    run = names["start"](lr=0.03, gamma=1)
    run.net.load_state_dict(network["net"])
    with torch.no_grad():
        assert F.cross_entropy(run.net.eval()(names["valid_x"]), names["valid_y"]).item() == pytest.approx(min(losses), abs=6e-4)
    names["unpack"](run, everything)
    assert run.epoch == 8 and len(names["train"](run, 1)) == 12


# ---- devices ---------------------------------------------------------------------------------


def of_gpu_7(what):
    """The bytes of `what`, as if its tensors had been saved from cuda:7."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(written(what))) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"\x03\0\0\0cpu", b"\x06\0\0\0cuda:7"))
    return file.getvalue()


@pytest.mark.claim(zh="加载时，每个张量都送回它存的时候所在的设备，没有那个设备就报错。",
                   en="Loading puts each tensor back on the device from which it was saved, and fails where there is no such device.")
@pytest.mark.claim(zh="不管文件是哪台机器写的，现在张量都在内存里。", en="Whatever machine wrote the file, its tensors are now in main memory.")
@pytest.mark.claim(zh="`Attempting to deserialize object on a CUDA device` | 存在 GPU 上，这里没有 | `map_location=\"cpu\"`",
                   en="`Attempting to deserialize object on a CUDA device` | saved on a GPU, none here | `map_location=\"cpu\"`")
@pytest.mark.skipif(torch.cuda.device_count() > 7, reason="the eighth GPU is there")
def test_a_file_of_a_missing_gpu_needs_map_location(chapter):
    assert "moved to the device they were saved from" in " ".join(torch.load.__doc__.split())
    assert through_file({"a": torch.ones(2, device="meta"), "b": torch.ones(2)})["a"].device.type == "meta"  # each to its own
    assert through_file(torch.ones(2)).device.type == "cpu"
    state = fresh_net(chapter).state_dict()
    message = "on a CUDA device but torch.cuda.is_available" if not torch.cuda.is_available() else "on CUDA device 7"
    with pytest.raises(RuntimeError, match=f"Attempting to deserialize object {message}"):
        torch.load(io.BytesIO(of_gpu_7(state)))
    back = torch.load(io.BytesIO(of_gpu_7(state)), map_location="cpu")
    assert len(back) == 9 and all(tensor.device.type == "cpu" and torch.equal(tensor, state[name]) for name, tensor in back.items())
    assert lines(chapter, "there") == ["{'cpu'}"] and {tensor.device.type for tensor in chapter["there"].names["saved"]["net"].values()} == {"cpu"}


@pytest.mark.claim(zh="有一条规矩到哪台机器都管用：加载总写 `map_location=\"cpu\"`，并按这个顺序：",
                   en="One rule does for all machines: always load with `map_location=\"cpu\"`, in this order:")
@pytest.mark.claim(zh="`load_state_dict` 会把数抄到网络所在的设备，优化器的记忆跟着参数走。",
                   en="`load_state_dict` copies the numbers to wherever the network is, and the optimizer’s memory goes where the parameters are.")
def test_numbers_go_where_the_network_is(chapter):
    names = chapter["there"].names
    assert all(torch.equal(names["model"].state_dict()[name].cpu(), tensor) for name, tensor in names["saved"]["net"].items())
    assert len(names["optimizer"].state) == 6 and names["saved"]["epoch"] == 8
    calls = [".to(device)", "Adam(model.parameters())", 'map_location="cpu"', "model.load_state_dict", "optimizer.load_state_dict"]
    assert sorted(calls, key=chapter["there"].code.index) == calls
    source, other = nn.Linear(2, 1), nn.Linear(2, 1).double()  # another dtype stands for another device
    adam = torch.optim.Adam(source.parameters())
    source(torch.ones(1, 2)).sum().backward()
    adam.step()
    other.load_state_dict(source.state_dict())
    assert other.weight.dtype == torch.float64 and torch.equal(other.weight.float(), source.weight)
    for place in ({"dtype": torch.float64}, {"device": "meta"}):
        parameters = [nn.Parameter(torch.ones(parameter.shape, **place)) for parameter in source.parameters()]
        following = torch.optim.Adam(parameters)
        following.load_state_dict(through_file(adam.state_dict()))
        memory = following.state[parameters[0]]["exp_avg"]
        assert (memory.dtype, memory.device) == (parameters[0].dtype, parameters[0].device)
    late = nn.Linear(2, 1)  # the other order: the network moves when the optimizer has its memory
    staying = torch.optim.Adam(late.parameters())
    staying.load_state_dict(through_file(adam.state_dict()))
    late.double()
    assert staying.state[late.weight]["exp_avg"].dtype == torch.float32 != late.weight.dtype


@pytest.mark.claim(zh="随机数发生器的状态本来就得在 CPU 上。", en="The state of a random number generator must be on the CPU anyway.")
@pytest.mark.claim(zh="`RNG state must be a torch.ByteTensor` | 随机数发生器的状态不在 CPU 上 | `map_location=\"cpu\"`",
                   en="`RNG state must be a torch.ByteTensor` | the generator’s state is not on the CPU | `map_location=\"cpu\"`")
def test_a_random_state_must_be_on_the_cpu():
    state = torch.get_rng_state()
    for elsewhere in (lambda state: torch.set_rng_state(state), lambda state: torch.Generator().set_state(state)):
        with pytest.raises(TypeError, match="RNG state must be a torch.ByteTensor"):
            elsewhere(state.to("meta"))
        elsewhere(state)
    torch.set_rng_state(torch.load(io.BytesIO(of_gpu_7(state)), map_location="cpu"))


# ---- pickle ----------------------------------------------------------------------------------


def refused(what, message="Weights only load failed"):
    """Whether loading `what` by default fails with that message."""
    with pytest.raises(pickle.UnpicklingError, match=re.escape(message)):
        through_file(what)
    return True


@pytest.mark.claim(zh="老教程存的是网络本身，`torch.save(net, …)`。", en="Old tutorials save the network itself, `torch.save(net, …)`.")
@pytest.mark.claim(zh="按默认的设置，现在打不开了：", en="By default, that no longer loads:")
@pytest.mark.claim(zh="要紧的是 `Unsupported global` 那一句：文件要用 `Sequential`，它不在准许的名单上。",
                   en="What matters is `Unsupported global`: the file wants to use `Sequential`, which is not on the list of what is allowed.")
def test_a_whole_network_no_longer_loads(chapter):
    old = fact("training/saving", "whole_model")
    assert "pass model (and not model.state_dict())" in old["save"] and "weights_only" not in old["load"]
    error = chapter["whole-error"].error
    assert isinstance(error, pickle.UnpicklingError) and "Weights only load failed" in str(error)
    assert "Unsupported global: GLOBAL torch.nn.modules.container.Sequential was not an allowed global by default" in str(error)
    net = nn.Sequential(nn.Linear(2, 1))
    assert refused(net, "torch.nn.modules.container.Sequential") and isinstance(through_file(net, weights_only=False), nn.Sequential)


@pytest.mark.claim(zh="2.6 起默认 `weights_only=True`，只收张量、数、字符串、列表、字典之类。",
                   en="Since 2.6, `weights_only=True` is the default and accepts tensors, numbers, strings, lists, dictionaries and little else.")
@pytest.mark.claim(zh="`Weights only load failed` | 里面不只是张量 | 要一份状态字典；自己的，用 `safe_globals`",
                   en="`Weights only load failed` | more than tensors in it | ask for a state dict; for your own, `safe_globals`")
def test_what_the_default_accepts(chapter):
    release = fact("training/saving", "weights_only_default")
    assert release == {"release": "2.6", "weights_only": True}
    assert f"In PyTorch {release['release']}, we changed the default" in str(chapter["whole-error"].error)
    assert torch.load.__doc__.startswith("load(f, map_location=None, pickle_module=pickle, *, weights_only=True")
    everyday = {"n": 1, "x": 0.5, "s": "a", "l": [1, (2, None)], "b": True, "t": torch.ones(2), "set": {1}}
    assert str(through_file(everyday)) == str(everyday)
    for other in (date(2026, 1, 1), Path("a"), range(3), Namespace(a=1), nn.ReLU(), np.ones(2), abs, re.compile("a")):
        assert refused(other)
    assert through_file(nn.Linear(2, 1).state_dict()).keys() == {"weight", "bias"}
    with torch.serialization.safe_globals([Namespace]):
        assert through_file(Namespace(a=1)).a == 1


@pytest.mark.claim(zh="因为 **pickle**，Python 自带的存对象的格式，存的是“怎样重新造出它”，而造的办法可以是调用任何函数：",
                   en="Because **pickle**, Python’s own format for saving objects, saves how to make them again, and that may mean calling any function at all:")
@pytest.mark.claim(zh="第一行是加载时打印的，而我们只是打开了文件。", en="The first line was printed while loading: all we did was open a file.")
@pytest.mark.claim(zh="换成一个删文件的函数，也一样会被调用。", en="A function that deletes files would have been called just the same.")
@pytest.mark.claim(zh="`weights_only=True` 在调用之前就拒绝了。", en="`weights_only=True` refuses before anything is called.")
def test_loading_can_run_code_and_weights_only_refuses_before(chapter, tmp_path, capsys):
    assert lines(chapter, "pickle-runs") == ["This line was printed by the file.", "Unsupported global: GLOBAL print was not an allowed global by default"]
    assert "pickle" in sys.stdlib_module_names

    class Calls:
        def __init__(self, *how):
            self.how = how

        def __reduce__(self):
            return self.how[0], self.how[1:]

    assert pickle.loads(pickle.dumps(Calls(max, 3, 7, 5))) == 7  # what comes back is what the function returns
    assert through_file(Calls(sorted, [3, 1]), weights_only=False) == [1, 3]
    gift = written({"weight": torch.ones(3), "extra": Calls(print, "ran")})
    assert capsys.readouterr().out == ""  # not while saving
    with pytest.raises(pickle.UnpicklingError, match="GLOBAL print was not an allowed global"):
        torch.load(io.BytesIO(gift))
    assert capsys.readouterr().out == ""
    torch.load(io.BytesIO(gift), weights_only=False)
    assert capsys.readouterr().out == "ran\n"
    victim = tmp_path / "thesis.txt"
    victim.write_text("years of work", encoding="utf-8")
    assert refused(Calls(os.remove, str(victim))) and victim.exists()
    through_file(Calls(os.remove, str(victim)), weights_only=False)
    assert not victim.exists()


@pytest.mark.claim(zh="**`weights_only=False` 只用于自己存的文件。**", en="**`weights_only=False` is for your own files only.**")
@pytest.mark.claim(zh="报错里说这样“多半能成”，说的是打得开，不是安全。",
                   en="The message says that it “will likely succeed”: it will load, which is not to say that it is safe.")
def test_weights_only_false_loads_what_is_not_safe(chapter):
    message = str(chapter["whole-error"].error)
    assert "`weights_only` set to `False` will likely succeed, but it can result in arbitrary code execution" in message
    assert "Do it only if you got the file from a trusted source" in message

    class Gift:
        def __reduce__(self):
            return exec, ("import builtins; builtins.gift_ran = True",)

    try:
        assert isinstance(through_file(nn.Linear(2, 1), weights_only=False), nn.Linear)  # it will load
        through_file(Gift(), weights_only=False)  # and so will this
        assert builtins.gift_ran
    finally:
        vars(builtins).pop("gift_ran", None)


@pytest.mark.claim(zh="`weights_only=True` 让可攻击的地方变少，并不能让陌生人的文件变安全。",
                   en="`weights_only=True` leaves less to attack; it does not make a stranger’s file safe.")
@pytest.mark.claim(zh="2.5.1 及以前，文件照样能借它运行代码；2.10.0 以前，文件能写坏内存，也可能由此运行代码。",
                   en="Up to 2.5.1, a file could run code in spite of it; before 2.10.0, it could corrupt memory, and perhaps run code that way.")
@pytest.mark.claim(zh="所以 PyTorch 要及时升级。", en="So keep PyTorch up to date.")
@pytest.mark.claim(zh="`torch.load` 的文档至今写着：来源不可信的数据，绝不要加载。",
                   en="The documentation of `torch.load` still says: never load data from an untrusted source.")
def test_weights_only_narrows_and_does_not_make_safe():
    limits = fact("training/saving", "weights_only_limits")
    assert "narrows the surface" in limits and "has limitations" in limits
    broken = fact("training/saving", "weights_only_broken")
    assert (broken["last_version_affected"], broken["patched"]) == ("2.5.1", "2.6.0")
    assert "weights_only=True" in broken["what"] and "command execution is still possible" in broken["what"]
    corrupted = fact("training/saving", "weights_only_memory")
    assert (corrupted["affected"], corrupted["patched"]) == ("< 2.10.0", "2.10.0")
    assert "weights_only=True" in corrupted["what"] and "corrupt memory and potentially lead to arbitrary code execution" in corrupted["what"]
    assert "Never load data from an untrusted source." in torch.load.__doc__ and "weights-only-security" in torch.load.__doc__


@pytest.mark.claim(zh="**别人的权重，要 safetensors 格式的。**", en="**Take strangers’ weights as safetensors.**")
@pytest.mark.claim(zh="这种文件只有一个 JSON 写的头和数，没有能运行的东西；读它要另装一个包。",
                   en="Such a file has a header in JSON and the numbers, and nothing that could run; reading it takes a package of its own.")
@pytest.mark.claim(zh="加载写 `map_location=\"cpu\"`；`weights_only=False` 只用于自己的文件，别人的要 safetensors。",
                   en="Load with `map_location=\"cpu\"`; `weights_only=False` is for your own files, safetensors for those of strangers.")
def test_safetensors_has_a_header_and_numbers_and_is_a_package_of_its_own():
    said = fact("training/saving", "safetensors")
    assert "JSON header" in said["parts"][1] and "byte buffer" in said["parts"][2] and len(said["parts"]) == 3
    assert said["code"] == "none" and said["install"].endswith("safetensors")
    for name in ("requirements.txt", "constraints.txt"):
        assert "safetensors" not in (ROOT / name).read_text(encoding="utf-8")
    assert refused(Namespace(a=1)) and torch.load(io.BytesIO(of_gpu_7(torch.ones(2))), map_location="cpu").device.type == "cpu"


@pytest.mark.claim(zh="自己的检查点里多了一样东西，就问问它要用什么，单单准许那一样：",
                   en="If a checkpoint of your own has one odd thing in it, ask what it wants to use, and allow just that:")
@pytest.mark.claim(zh="`safe_globals` 只在 `with` 里有效，`add_safe_globals` 从此一直有效。",
                   en="`safe_globals` holds inside its `with`, `add_safe_globals` from then on.")
@pytest.mark.claim(zh="更好的是存 `vars(args)`，一个普通字典。", en="Better still, save `vars(args)`, a plain dictionary.")
def test_one_class_can_be_allowed(chapter):
    assert lines(chapter, "safe") == ["['argparse.Namespace']", "Namespace(lr=0.01)"]
    args = {"weight": torch.ones(3), "args": Namespace(lr=0.01)}
    assert torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(written(args))) == ["argparse.Namespace"]
    assert refused(args, "GLOBAL argparse.Namespace")
    with torch.serialization.safe_globals([Namespace]):
        assert through_file(args)["args"] == Namespace(lr=0.01)
        assert refused(Path("a"))  # just that
    assert refused(args)  # only inside the with
    try:
        torch.serialization.add_safe_globals([Namespace])
        assert all(through_file(args)["args"].lr == 0.01 for _ in range(2))
    finally:
        torch.serialization.clear_safe_globals()
    plain = vars(Namespace(lr=0.01))
    assert type(plain) is dict and through_file({"args": plain}) == {"args": {"lr": 0.01}}


@pytest.mark.claim(zh="就算都是自己的文件，存整个网络也还有一个毛病：文件里没有类的代码，只有它的名字；类改了名、挪了地方，旧文件就打不开了。",
                   en="Saving a whole network has another flaw, even among your own files. The file does not hold the code of the class, only its name: "
                      "rename the class or move it, and old files no longer open.")
@pytest.mark.claim(zh="状态字典里没有类，所以存它。", en="A state dict knows nothing of classes. So save that.")
@pytest.mark.claim(zh="`Can't get attribute`、`No module named` | 存的是整个网络，类改了名或挪了地方 | 找回旧代码，另存状态字典",
                   en="`Can't get attribute`, `No module named` | a whole network, its class renamed or moved | find the old code, save a state dict")
@pytest.mark.claim(zh="存 `state_dict()`，不存网络本身；取回来先造网络，再填数，用之前 `eval()`。",
                   en="Save `state_dict()`, not the network. To load, build the network, fill it in, and call `eval()` before use.")
def test_a_whole_network_needs_its_class_under_its_old_name(monkeypatch):
    nets = types.ModuleType("nets")
    monkeypatch.setitem(sys.modules, "nets", nets)
    exec("from torch import nn\nclass Net(nn.Linear):\n    def secret_method(self): pass", vars(nets))
    net = nets.Net(2, 1)
    whole, state = written(net), written(net.state_dict())
    assert b"nets\nNet" in whole and b"secret_method" not in whole and b"Net" not in state
    assert torch.equal(torch.load(io.BytesIO(whole), weights_only=False).weight, net.weight)
    nets.Classifier = vars(nets).pop("Net")
    with pytest.raises(AttributeError, match="Can't get attribute 'Net' on <module 'nets'>"):
        torch.load(io.BytesIO(whole), weights_only=False)
    nets.Net = nets.Classifier  # the old code, found again
    again = torch.load(io.BytesIO(whole), weights_only=False)
    del nets.Net
    monkeypatch.delitem(sys.modules, "nets")
    with pytest.raises(ModuleNotFoundError, match="No module named 'nets'"):
        torch.load(io.BytesIO(whole), weights_only=False)
    for file in (state, written(again.state_dict())):
        other = nn.Linear(2, 1)
        other.load_state_dict(torch.load(io.BytesIO(file)))
        assert torch.equal(other.eval().weight, net.weight)


# ---- export ----------------------------------------------------------------------------------


@pytest.mark.claim(zh="要交给没有你代码的程序，就得把 `forward` 也记下来。", en="For a program that does not have your code, `forward` must be recorded as well.")
@pytest.mark.claim(zh="`torch.export` 拿一个样例走一遍，把每步运算记成一张图，这叫**导出**（export）。",
                   en="`torch.export` follows it once with an example and writes down each operation in a graph: an **export**.")
@pytest.mark.claim(zh="换了批次的大小，结果还是一样，而 `loaded` 没有用到 `Net`。", en="Batches of other sizes, the same results, and `loaded` made no use of `Net`.")
@pytest.mark.claim(zh="要脱离类定义，用 `torch.export`。", en="To do without the class, `torch.export`.")
def test_the_export_computes_without_the_class(chapter, tmp_path, monkeypatch):
    assert lines(chapter, "export-load") == ["2 True", "300 True"]
    names = chapter["export-load"].names
    Net, net = names["Net"], names["net"]
    calls = []
    forward = Net.forward
    monkeypatch.setattr(Net, "forward", lambda self, x: calls.append(x) or forward(self, x))
    program = torch.export.export(net.eval(), (torch.randn(5, 64),))
    assert len(calls) == 1 and isinstance(program.graph, torch.fx.Graph)  # once
    torch.export.save(names["program"], tmp_path / "a.pt2")

    def gone(*_):
        raise AssertionError("the class is not there")

    monkeypatch.setattr(Net, "forward", gone)
    monkeypatch.setattr(Net, "__init__", gone)
    loaded = torch.export.load(tmp_path / "a.pt2").module()
    assert not isinstance(loaded, Net) and len(names["x"]) == 300 != 5
    state = {name: tensor.double().numpy() for name, tensor in net.state_dict().items()}
    for n in (1, 2, 300):
        x = torch.randn(n, 64)
        h = x.numpy() @ state["hidden.weight"].T + state["hidden.bias"]
        h = (h - state["norm.running_mean"]) / np.sqrt(state["norm.running_var"] + 1e-5) * state["norm.weight"] + state["norm.bias"]
        out = np.maximum(h, 0) @ state["output.weight"].T + state["output.bias"]
        assert np.allclose(loaded(x).detach(), out, atol=1e-5)
    assert "forward" not in "".join(net.state_dict())  # a state dict has no computation


@pytest.mark.claim(zh="`Dim(\"n\")` 是说 0 轴的长度可变；不写，图就只收样例那么大的批次：",
                   en="`Dim(\"n\")` says that axis 0 may vary; without it, the graph accepts only batches as large as the example:")
@pytest.mark.claim(zh="`forward` 里的五步都在，`s77` 就是可变的那个轴。", en="All five steps of `forward` are there, and `s77` is the axis that may vary.")
@pytest.mark.claim(zh="模式也记在图里，所以先 `eval()`。", en="The mode is recorded too, so call `eval()` first.")
def test_the_export_keeps_mode_and_without_dim_the_batch(chapter):
    rows = lines(chapter, "export")
    assert [row.split()[0] for row in rows] == [f"aten.{name}.default" for name in ("linear", "batch_norm", "relu", "dropout", "linear")]
    assert [row.split(" ", 1)[1] for row in rows] == ["(s77, 128)"] * 4 + ["(s77, 10)"]
    program = chapter["export"].names["program"]
    assert "s77" in {str(symbol) for symbol in program.range_constraints}
    net = fresh_net(chapter)
    fixed = torch.export.export(net.eval(), (torch.randn(5, 64),)).module()
    assert fixed(torch.randn(5, 64)).shape == (5, 10) and program.module()(torch.randn(6, 64)).shape == (6, 10)
    for n in (4, 6):
        with pytest.raises(AssertionError, match=re.escape("x.size()[0] == 5")):
            fixed(torch.randn(n, 64))
    with pytest.raises(AssertionError):
        program.module()(torch.randn(6, 63))  # axis 1 may not
    for mode in (True, False):
        graph = torch.export.export(net.train(mode), (torch.randn(5, 64),)).graph
        assert {node.args[2] for node in graph.nodes if "dropout" in str(node.target)} == {mode}


@pytest.mark.claim(zh="走一遍只记得下一条路。", en="Following once records one road.")
@pytest.mark.claim(zh="路怎么走要看数据，比如 `return x if x.sum() > 0 else -x`，它就拒绝：`Could not guard on data-dependent expression`。",
                   en="Where the road depends on the data, as in `return x if x.sum() > 0 else -x`, export refuses: "
                      "`Could not guard on data-dependent expression`.")
@pytest.mark.claim(zh="走哪边要等算出数来才知道，而导出时只有形状。", en="The choice must wait for a number, and at export there are only shapes.")
@pytest.mark.claim(zh="改写成 `torch.where(x.sum() > 0, x, -x)`，两边都算，再挑。", en="Write `torch.where(x.sum() > 0, x, -x)` instead: compute both, then choose.")
def test_export_refuses_a_fork_that_depends_on_data(capfd):
    class Fork(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    class Where(nn.Module):
        def forward(self, x):
            return torch.where(x.sum() > 0, x, -x)

    class Mode(nn.Module):
        seen = None

        def forward(self, x):
            self.seen = type(x).__name__
            return x if self.training else -x

    with pytest.raises(RuntimeError, match="Could not guard on data-dependent expression"):
        torch.export.export(Fork(), (torch.ones(3),))
    program = torch.export.export(Where(), (torch.ones(3),))
    assert {"neg", "where"} <= {str(node.target).split(".")[1] for node in program.graph.nodes if node.op == "call_function"}  # both, then the choice
    for x in (torch.tensor([1.0, 2.0, -1.0]), torch.tensor([1.0, -2.0, -1.0])):
        assert torch.equal(program.module()(x), Fork()(x))
    mode = Mode().train()
    road = torch.export.export(mode, (torch.ones(3),))
    assert [str(node.target) for node in road.graph.nodes if node.op == "call_function"] in ([], ["aten.alias.default"])  # no trace of -x
    assert mode.seen == "FakeTensor"  # a shape without numbers


@pytest.mark.claim(zh="旧代码里的 `torch.jit.script` 和 `torch.jit.trace` 也做这件事，已经弃用，改用 torch.export。",
                   en="In older code, `torch.jit.script` and `torch.jit.trace` do this work. They are deprecated in favour of torch.export.")
@pytest.mark.claim(zh="要在 PyTorch 之外运行，可以转成 ONNX，要另装几个包。", en="To run without PyTorch, convert to ONNX, which needs a few more packages.")
def test_torch_jit_is_deprecated_and_onnx_needs_more_packages():
    net, x = nn.Linear(2, 2), torch.ones(1, 2)
    for name, use in (("script", lambda: torch.jit.script(net)), ("trace", lambda: torch.jit.trace(net, x))):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert torch.equal(use()(x), net(x))
        messages = " ".join(str(w.message) for w in caught)
        assert f"`torch.jit.{name}` is deprecated" in messages and "`torch.export`" in messages
    assert fact("training/saving", "jit") == {"status": "deprecated", "instead": "torch.export"}
    onnx = fact("training/saving", "onnx")
    listed = (ROOT / "requirements.txt").read_text(encoding="utf-8") + (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert len(onnx["install"]) > 1 and not any(f"\n{package}==" in listed for package in onnx["install"]) and "runtimes" in onnx["run"]


# ---- common errors ---------------------------------------------------------------------------


@pytest.mark.claim(zh="**形状不同**：`strict=False` 只原谅名字，不原谅形状。", en="**Another shape**: `strict=False` forgives names, not shapes.")
@pytest.mark.claim(zh="像前面那样，先从字典里删掉。", en="Take it out of the dictionary first, as above.")
def test_strict_false_forgives_names_and_no_shapes(chapter):
    error = chapter["size-error"].error
    assert isinstance(error, RuntimeError) and "size mismatch for output.weight: copying a param with shape torch.Size([10, 128])" in str(error)
    net, state = fresh_net(chapter, 26), dict(fresh_net(chapter).state_dict())
    with pytest.raises(RuntimeError, match="size mismatch"):
        net.load_state_dict(state, strict=False)
    del state["output.weight"], state["output.bias"]
    net.load_state_dict(state | {"stranger": torch.ones(1)}, strict=False)


@pytest.mark.claim(zh="**名字多了前缀**：存的时候网络外面还包了一层。", en="**A prefix too many**: the network was wrapped when it was saved.")
@pytest.mark.claim(zh="`DataParallel` 会加 `module.`，`torch.compile` 会加 `_orig_mod.`。", en="`DataParallel` adds `module.`, `torch.compile` adds `_orig_mod.`.")
@pytest.mark.claim(zh="`Missing key(s)`、`Unexpected key(s)` | 名字对不上 | 对照两张单子，改前缀",
                   en="`Missing key(s)`, `Unexpected key(s)` | names differ | compare the lists, mend the prefix")
def test_a_prefix_comes_of_a_wrapper():
    wrapped = nn.DataParallel(nn.Linear(2, 1)), torch.compile(nn.Linear(2, 1))
    assert [list(net.state_dict()) for net in wrapped] == [["module.weight", "module.bias"], ["_orig_mod.weight", "_orig_mod.bias"]]
    for net in wrapped:
        with pytest.raises(RuntimeError, match=r"(?s)Missing key\(s\).*Unexpected key\(s\)"):
            nn.Linear(2, 1).load_state_dict(net.state_dict())


@pytest.mark.claim(zh="多出来的名字，个个都是网络自己的名字前面加了 `module.`。", en="Every unexpected name is one of the network’s own, with `module.` before it.")
@pytest.mark.claim(zh="用 `name.removeprefix(\"module.\")` 改回来。", en="`name.removeprefix(\"module.\")` puts it right.")
def test_a_prefix_can_be_removed(chapter):
    missing, unexpected = str(chapter["prefix-error"].error).split("Unexpected key(s)")
    net = fresh_net(chapter)
    assert "Missing key(s) in state_dict" in missing and set(re.findall('"(.*?)"', missing)) <= net.state_dict().keys()
    assert set(re.findall('"(.*?)"', unexpected)) == {f"module.{name}" for name in net.state_dict()}
    mended = {name.removeprefix("module."): tensor for name, tensor in chapter["prefix-error"].names["wrapped"].items()}
    assert str(net.load_state_dict(mended)) == "<All keys matched successfully>"


@pytest.mark.claim(zh="**文件缺了尾巴**：没下载完，或者没写完。", en="**The end is missing**: the file was not fully downloaded, or not fully written.")
@pytest.mark.claim(zh="`.pt` 文件是个 zip，目录在末尾，没了它，什么也找不到。", en="A `.pt` file is a zip, whose directory is at its end; without it, nothing can be found.")
@pytest.mark.claim(zh="重新下载，或者用上一份。", en="Download again, or use the one before.")
@pytest.mark.claim(zh="`failed locating file data.pkl` | 没存成，或者这是导出的 `.pt2` | 用上一份，或 `torch.export.load`",
                   en="`failed locating file data.pkl` | saving failed, or it is an exported `.pt2` | use the one before, or `torch.export.load`")
def test_files_without_end_and_files_that_are_no_checkpoints(chapter, tmp_path):
    assert isinstance(chapter["cut-error"].error, RuntimeError) and "failed finding central directory" in str(chapter["cut-error"].error)
    whole, part = written({"a": torch.ones(90_000)}), tmp_path / "a.pt"
    assert zipfile.is_zipfile(io.BytesIO(whole)) and whole.rindex(b"PK\x05\x06") > len(whole) - 30  # the end of a zip's directory
    for length in (len(whole) // 2, len(whole) - 30):
        part.write_bytes(whole[:length])
        with pytest.raises(RuntimeError, match="failed finding central directory"):
            torch.load(part)
    part.write_bytes(whole)
    assert torch.load(part)["a"].sum() == 90_000
    path = tmp_path / "a.pt2"
    torch.export.save(torch.export.export(nn.Linear(2, 1), (torch.ones(1, 2),)), path)
    with pytest.raises(RuntimeError, match="failed locating file data.pkl"):
        torch.load(path)
    assert torch.export.load(path).module()(torch.ones(1, 2)).shape == (1, 1)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        torch.save({"rate": lambda epoch: 0.1}, path)
    with pytest.raises(RuntimeError, match="failed locating file data.pkl"):
        torch.load(path)
