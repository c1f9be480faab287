"""The proof of what docs/*/training/saving.md claims."""

import copy
import io
import logging
import pickle
import random
import re
import sys
import warnings
import zipfile
from argparse import Namespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from tests.prose import lines, says, says_in


def through_file(what, **options):
    """`what`, saved and loaded again."""
    file = io.BytesIO()
    torch.save(what, file)
    file.seek(0)
    return torch.load(file, **options)


@pytest.fixture(autouse=True)
def random_state_kept():
    with torch.random.fork_rng():
        yield


def fresh_net(chapter, classes=10):
    torch.manual_seed(0)
    return chapter["state"].names["Net"](classes)


# ---- names and numbers -----------------------------------------------------------------------


def test_the_state_dict_has_parameters_and_buffers_and_nothing_else(chapter):
    net = fresh_net(chapter)
    rows = [tuple(line.split(maxsplit=1)) for line in lines(chapter, "state")]
    assert rows == [(name, str(tuple(tensor.shape))) for name, tensor in net.state_dict().items()]
    assert len(rows) == 9
    learned, buffers = dict(net.named_parameters()), dict(net.named_buffers())
    assert {name for name, _ in rows} == learned.keys() | buffers.keys()
    names = [name for name, _ in rows]
    assert names[4:7] == list(buffers) == ["norm.running_mean", "norm.running_var", "norm.num_batches_tracked"]  # "and the two after"
    assert not any("drop" in name for name, _ in rows)
    assert dict(rows)["hidden.weight"] == "(128, 64)" and dict(rows)["output.weight"] == "(10, 128)"
    net.train()(torch.randn(20, 64) * 5)
    net.eval()
    other = fresh_net(chapter).eval()
    other.load_state_dict({name: tensor for name, tensor in net.state_dict().items() if "running" not in name}, strict=False)
    assert not torch.allclose(net(torch.ones(1, 64)), other(torch.ones(1, 64)))  # without the running account, eval() goes wrong
    says(chapter, "`running_mean`", "`drop`")


def test_the_dictionary_follows_the_network_and_the_file_does_not(chapter):
    names = chapter["copy"].names
    assert lines(chapter, "copy")[0] == "dictionary: tensor([0., 0., 0.])"
    start = fresh_net(chapter).output.bias.detach()
    assert start[:3].abs().max() > 0
    assert lines(chapter, "copy")[1] == f"file:       {start[:3]}"
    net = fresh_net(chapter)
    live, kept = net.state_dict(), copy.deepcopy(net.state_dict())
    assert all(tensor.data_ptr() == live[name].data_ptr() for name, tensor in net.named_parameters())
    with torch.no_grad():
        net.hidden.bias.add_(1)
    assert torch.equal(live["hidden.bias"], net.hidden.bias) and torch.equal(kept["hidden.bias"] + 1, net.hidden.bias)
    assert names["kept"].keys() == live.keys()
    says(chapter, "`kept = net.state_dict()`", "`copy.deepcopy`")


def test_two_networks_of_one_file_agree_in_eval_only(chapter):
    assert lines(chapter, "load") == ["<All keys matched successfully>"] * 2 + ["train mode: False", "eval mode:  True"]
    net, twin = fresh_net(chapter), chapter["state"].names["Net"]()
    assert not torch.equal(net.hidden.weight, twin.hidden.weight)
    twin.load_state_dict(through_file(net.state_dict()))
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), twin.state_dict().values()))
    assert net.training and twin.training and not any("training" in name for name in net.state_dict())
    net.drop.p = twin.drop.p = 0.0
    x = torch.randn(5, 64)
    assert torch.equal(net(x), twin(x))  # it was dropout


def test_part_of_a_network_can_be_borrowed(chapter):
    names = chapter["partial"].names
    letters, state = names["letters"], names["state"]
    assert lines(chapter, "partial") == ["_IncompatibleKeys(missing_keys=['output.weight', 'output.bias'], unexpected_keys=[])"]
    assert letters(torch.randn(2, 64)).shape == (2, 26)
    for name, tensor in fresh_net(chapter).state_dict().items():
        if not name.startswith(("output", "norm.r", "norm.n")):
            assert torch.equal(letters.state_dict()[name], tensor)
    with pytest.raises(RuntimeError, match='Missing key.*"output.weight", "output.bias"'):
        fresh_net(chapter, 26).load_state_dict(state)
    answer = fresh_net(chapter, 26).load_state_dict({f"module.{name}": tensor for name, tensor in state.items()}, strict=False)
    assert "hidden.weight" in answer.missing_keys  # then nothing was borrowed
    says(chapter, "`missing_keys`", "`strict=False`")


# ---- sizes -----------------------------------------------------------------------------------


def test_a_file_has_four_bytes_a_number_and_half_of_that_in_half_precision(chapter):
    found = re.fullmatch(r"([\d,]+) numbers: net.pt ([\d,]+) bytes, half.pt ([\d,]+) bytes", lines(chapter, "half")[0])
    numbers, full, half = (int(text.replace(",", "")) for text in found.groups())
    assert numbers == 128 * 64 + 128 * 5 + 1 + 10 * 128 + 10
    assert 0 < full - 4 * numbers < 5_000 and 0 < half - 2 * numbers < 5_000
    assert 0.5 < half / full < 0.6
    states = chapter["half"].names
    assert all(tensor.dtype == torch.float16 for name, tensor in states["half"].items() if "num_batches" not in name)
    net = fresh_net(chapter)
    net.load_state_dict(through_file(states["half"]))
    assert {tensor.dtype for tensor in net.parameters()} == {torch.float32}
    assert not torch.equal(net.hidden.weight, states["state"]["hidden.weight"])
    assert torch.allclose(net.hidden.weight, states["state"]["hidden.weight"], atol=1e-3)


def test_a_view_drags_its_storage_along(chapter):
    row, clone = (int(text.replace(",", "")) for text in re.findall(r"([\d,]+) bytes", lines(chapter, "view")[0]))
    assert 4_000_000 < row < 4_010_000 and 4_000 < clone < 10_000
    table = chapter["view"].names["table"]
    assert table[0].numel() == 1000 and table[0].untyped_storage().nbytes() == 4_000_000
    says(chapter, "4 MB", "1000")


# ---- checkpoints -----------------------------------------------------------------------------


def test_the_run_is_what_the_prose_says(chapter):
    names = chapter["start"].names
    run = names["start"]()
    assert len(run.loader.dataset) == 600 and len(run.loader) == 12
    digits = load_digits()
    x, y = run.loader.dataset[7]
    assert np.allclose(x, digits.images[7].ravel() / 16) and y == digits.target[7]
    assert lines(chapter, "start") == ["72 losses"] and len(names["straight"]) == 6 * 12
    assert run.loader.generator is run.order and type(run.optimizer) is torch.optim.Adam
    assert names["straight"][0] == pytest.approx(np.log(10), abs=0.5) and names["straight"][-1] < 0.2
    rates = []
    for _ in range(6):
        rates.append(run.optimizer.param_groups[0]["lr"])
        run.optimizer.step()
        run.scheduler.step()
    assert rates == pytest.approx([0.01] * 4 + [0.001] * 2)
    says(chapter, "600", "72")


def test_a_checkpoint_holds_six_things(chapter):
    names = chapter["resume"].names
    saved = names["pack"](names["run"])
    assert list(saved) == ["net", "optimizer", "scheduler", "epoch", "rng", "order"]
    keys = saved["optimizer"]["state"]
    assert list(keys) == list(range(len(list(names["run"].net.parameters()))))  # by number, not by name
    for number, parameter in enumerate(names["run"].net.parameters()):
        assert keys[number]["exp_avg"].shape == keys[number]["exp_avg_sq"].shape == parameter.shape
    assert saved["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0.001)
    assert saved["scheduler"]["last_epoch"] == 6 == saved["epoch"]
    assert through_file(saved)["epoch"] == 6
    says_in(chapter, "zh", "要存六样")
    says_in(chapter, "en", "save six things")


def test_other_random_states_pass_weights_only(chapter):
    rng = np.random.default_rng(0)
    back = through_file({"python": random.getstate(), "numpy": rng.bit_generator.state})
    kept = random.getstate()
    random.setstate(back["python"])
    assert random.getstate() == kept
    expected = rng.random(3).tolist()
    again = np.random.default_rng(9)
    again.bit_generator.state = back["numpy"]
    assert again.random(3).tolist() == expected
    says(chapter, "`random.getstate()`", "`rng.bit_generator.state`", "`torch.cuda.get_rng_state_all()`")
    assert callable(torch.cuda.get_rng_state_all)


def by_hand(chapter, epochs):
    """The losses of the chapter's run, by a loop of its own: other batching, other shuffling code, no checkpoint."""
    names = chapter["start"].names
    torch.manual_seed(0)
    net, losses = chapter["state"].names["Net"](), []
    order = torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for epoch in range(epochs):
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
    return losses


def test_the_straight_run_is_the_one_intended(chapter):
    assert chapter["start"].names["straight"] == pytest.approx(by_hand(chapter, 6), rel=1e-3, abs=1e-3)


def test_the_resumed_run_is_the_same_to_the_last_bit(chapter):
    names = chapter["resume"].names
    assert lines(chapter, "resume") == ["epoch 6 same losses: True"]
    assert len(names["before"]) == len(names["after"]) == 36
    assert np.array(names["before"] + names["after"]).tobytes() == np.array(names["straight"]).tobytes()
    code = chapter["resume"].code
    assert code.index("torch.save") < code.index("del run") < code.rindex("run = start()") < code.index("torch.load")
    # and the networks too, in the end
    start, train, pack, unpack = (names[name] for name in ("start", "train", "pack", "unpack"))
    one = start()
    train(one, 3)
    saved = through_file(pack(one))
    train(one, 2)
    two = start()
    unpack(two, saved)
    train(two, 2)
    assert two.epoch == one.epoch == 5
    for a, b in zip(pack(one)["net"].values(), pack(two)["net"].values()):
        assert torch.equal(a, b)
    assert pack(one)["scheduler"] == pack(two)["scheduler"]


def test_what_is_left_out_shows_where_the_prose_says(chapter):
    resumed, straight = chapter["left-out"].names["resumed"], chapter["start"].names["straight"]
    first = {part: next((i for i in range(72) if losses[i] != straight[i]), None) for part, losses in resumed.items()}
    assert first == {"nothing": None, "optimizer": 37, "scheduler": 49, "rng": 36, "order": 36}  # counted from 0
    shown = {line.split()[2]: line.split()[-1] for line in lines(chapter, "left-out")}
    assert shown == {part: str(None if step is None else step + 1) for part, step in first.items()}
    assert all(len(losses) == 72 for losses in resumed.values())
    says_in(chapter, "zh", f"第 {first['rng'] + 1} 步，也就是接上后的第一步就不对", "第 37 步的损失还对", "第 38 步", "第 5 轮", "第 2 轮", "第 49 步", "第 50 步")
    says_in(chapter, "en", f"already step {first['rng'] + 1}, the first after the checkpoint", "the loss of step 37 is right", "as 38 shows", "epoch 5", "its second epoch", "step 49", "so 50 is")
    # the straight run begins its fifth epoch at step 49, counted from 1
    assert 4 * 12 + 1 == 49 and 3 * 12 + 1 == 37


def test_left_out_random_states_replay_the_first_epochs(chapter):
    names = chapter["resume"].names
    start, train, pack, unpack = (names[name] for name in ("start", "train", "pack", "unpack"))
    fresh = start()
    first = [x.clone() for _ in range(3) for x, _ in fresh.loader]
    run = start()
    train(run, 3)
    saved = pack(run)
    again = start()
    unpack(again, saved | {"order": pack(start())["order"]})
    assert all(torch.equal(a, b) for a, b in zip(first, [x for _ in range(3) for x, _ in again.loader]))
    fresh = start()
    masks = fresh.net.drop(torch.ones(12, 128))
    again = start()
    unpack(again, saved | {"rng": pack(start())["rng"]})
    assert torch.equal(masks, again.net.drop.train()(torch.ones(12, 128)))


def test_a_scheduler_left_out_counts_from_the_start(chapter):
    names = chapter["resume"].names
    run = names["start"]()
    names["unpack"](run, torch_saved := names["pack"](run) | {"epoch": 3})
    names["train"](run, 1)
    assert run.scheduler.last_epoch == 1  # after the first epoch of its own, the fourth in truth: so epoch 5 is its second
    assert run.optimizer.param_groups[0]["lr"] == 0.01 and torch_saved["epoch"] == 3


def test_adam_without_memory_takes_a_whole_rate_and_the_loss_doubles(chapter):
    parameter = nn.Parameter(torch.zeros(4))
    optimizer = torch.optim.Adam([parameter], lr=0.01)
    parameter.grad = torch.tensor([1e-3, -1e-2, 1.0, -30.0])
    optimizer.step()
    assert parameter.detach().abs().tolist() == pytest.approx([0.01] * 4, rel=1e-3)
    resumed, straight = chapter["left-out"].names["resumed"], chapter["start"].names["straight"]
    ratio = np.mean(resumed["optimizer"][36:48]) / np.mean(straight[36:48])
    assert 1.6 < ratio < 2.6
    assert all(a > b for a, b in zip(resumed["optimizer"][37:48], straight[37:48]))  # above it for the rest of the epoch
    says_in(chapter, "zh", "大约翻了一倍", "这一轮里一直比它高")
    says_in(chapter, "en", "about twice as large", "for the rest of the epoch")


def test_the_figure_shows_both_runs(chapter):
    (figure,) = chapter["curves"].figures
    upper, lower = figure.axes
    resumed, straight = chapter["left-out"].names["resumed"], chapter["start"].names["straight"]
    for axes, part, skip in ((upper, "nothing", 0), (lower, "optimizer", 30)):
        thick, thin, checkpoint = axes.lines
        assert list(thick.get_xdata()) == list(thin.get_xdata()) == list(range(skip + 1, 73))
        assert list(thick.get_ydata()) == straight[skip:] and list(thin.get_ydata()) == resumed[part][skip:]
        assert thick.get_linewidth() > thin.get_linewidth()
        assert set(checkpoint.get_xdata()) == {36.5} and axes.get_ylabel() == "training loss"
    assert lower.get_xlabel() == "step (12 per epoch)"
    assert [text.get_text() for text in lower.get_legend().get_texts()] == ["6 epochs at a stretch", "Adam's state left out"]
    says_in(chapter, "zh", "从第 31 步画起")
    says_in(chapter, "en", "from step 31")


# ---- writing ---------------------------------------------------------------------------------


def test_a_failed_save_ruins_the_file_unless_it_is_swapped_in(chapter, tmp_path):
    direct, swapped = lines(chapter, "atomic")
    assert direct == "PytorchStreamReader failed locating file data.pkl: file not found"
    assert swapped == "{'weight': tensor([1., 1., 1.])}"
    save, path = chapter["atomic"].names["save"], tmp_path / "a.pt"
    save({"a": 1}, path)
    assert torch.load(path) == {"a": 1} and [file.name for file in tmp_path.iterdir()] == ["a.pt"]
    with pytest.raises((AttributeError, pickle.PicklingError)):
        save({"rate": lambda epoch: 0.1}, path)
    assert torch.load(path) == {"a": 1}
    save({"a": 2}, path)
    assert torch.load(path) == {"a": 2}
    says(chapter, "`os.replace`")


def test_the_best_and_the_last(chapter):
    *epochs, kept = lines(chapter, "best")
    losses = [float(line.split()[2]) for line in epochs]
    assert len(losses) == 8
    best = [line.endswith("best so far") for line in epochs]
    assert best == [loss == min(losses[: i + 1]) and losses.index(loss) == i for i, loss in enumerate(losses)]
    assert kept == f"last.pt: 8  best.pt: {1 + losses.index(min(losses))}"
    assert min(losses) < 0.8 * losses[-1]  # the last is not the best, by a margin
    names = chapter["best"].names
    seen = {image.numpy().tobytes() for image, _ in names["train_set"]}
    assert names["valid_x"].shape == (300, 64) and not any(image.numpy().tobytes() in seen for image in names["valid_x"])
    assert names["best"] == pytest.approx(min(losses), abs=6e-4)
    with torch.no_grad():
        last = F.cross_entropy(names["run"].net(names["valid_x"]), names["valid_y"]).item()
    assert not names["run"].net.training and last == pytest.approx(losses[-1], abs=6e-4)
    code = chapter["best"].code
    assert "run.net.eval()" in code and "torch.no_grad()" in code
    says(chapter, "`last.pt`", "`best.pt`")


# ---- devices ---------------------------------------------------------------------------------


def test_what_is_in_the_file(chapter):
    *rows, piece = lines(chapter, "inside")
    sizes = {row.split()[0]: int(row.split()[1].replace(",", "")) for row in rows}
    net = chapter["load"].names["net"]
    assert [sizes[f"net/data/{i}"] for i in range(9)] == [t.numel() * t.element_size() for t in net.state_dict().values()]
    assert sizes["net/data/0"] == 128 * 64 * 4 == 32_768
    assert piece.startswith("b'FloatStorage") and piece.endswith("cpu'") and "\\x000q" in piece
    says(chapter, "32,768", "128 × 64 × 4", "`net/data/0`")


def test_a_file_of_a_missing_gpu_needs_map_location(chapter):
    error = chapter["there-error"].error
    assert isinstance(error, RuntimeError) and "Attempting to deserialize object on " in str(error) and "CUDA device" in str(error)
    if not torch.cuda.is_available():
        assert "torch.cuda.is_available() is False" in str(error) and "map_location=torch.device('cpu')" in str(error)
    assert lines(chapter, "there") == ["cpu"]
    state, net = chapter["there"].names["state"], chapter["load"].names["net"]
    assert len(state) == 9 and all(tensor.device.type == "cpu" for tensor in state.values())
    assert all(torch.equal(state[name], tensor) for name, tensor in net.named_parameters())
    assert b"cuda:7" in chapter["there-error"].names["contents"]["net/data.pkl"]
    says(chapter, '`map_location="cpu"`')


def test_states_follow_the_parameters_and_random_states_stay(chapter):
    parameter = nn.Parameter(torch.ones(2, dtype=torch.float64))  # another dtype stands for another device
    optimizer = torch.optim.Adam([parameter])
    source = nn.Parameter(torch.ones(2))
    other = torch.optim.Adam([source])
    source.grad = torch.ones(2)
    other.step()
    optimizer.load_state_dict(other.state_dict())
    assert optimizer.state[parameter]["exp_avg"].dtype == torch.float64
    with pytest.raises(TypeError, match="RNG state must be a torch.ByteTensor"):
        torch.set_rng_state(torch.get_rng_state().to("meta"))
    says(chapter, "`RNG state must be a torch.ByteTensor`")


# ---- pickle ----------------------------------------------------------------------------------


def test_a_whole_network_no_longer_loads(chapter):
    error = chapter["whole-error"].error
    assert isinstance(error, pickle.UnpicklingError)
    for text in ("Weights only load failed", "In PyTorch 2.6, we changed the default", "will likely succeed",
                 "Unsupported global: GLOBAL torch.nn.modules.container.Sequential was not an allowed global by default"):
        assert text in str(error)
    assert isinstance(through_file(nn.Sequential(nn.Linear(2, 1)), weights_only=False), nn.Sequential)
    everyday = {"n": 1, "x": 0.5, "s": "a", "l": [1, (2, None)], "b": True, "t": torch.ones(2), "set": {1}}
    assert str(through_file(everyday)) == str(everyday)
    says(chapter, "`Unsupported global`", "`weights_only=True`")
    says_in(chapter, "en", "“will likely succeed”")


def test_loading_can_run_code_and_weights_only_refuses_before(chapter, capsys):
    assert lines(chapter, "pickle-runs") == ["This line was printed by the file.",
                                            "Unsupported global: GLOBAL print was not an allowed global by default"]

    class Surprise:
        def __reduce__(self):
            return print, ("ran",)

    file = io.BytesIO()
    torch.save({"weight": torch.ones(3), "extra": Surprise()}, file)
    file.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="GLOBAL print was not an allowed global"):
        torch.load(file)
    assert capsys.readouterr().out == ""
    file.seek(0)
    torch.load(file, weights_only=False)
    assert capsys.readouterr().out == "ran\n"


def test_one_class_can_be_allowed(chapter):
    assert lines(chapter, "safe") == ["['argparse.Namespace']", "Namespace(lr=0.01)"]
    args = {"weight": torch.ones(3), "args": Namespace(lr=0.01)}
    with pytest.raises(pickle.UnpicklingError, match="GLOBAL argparse.Namespace"):
        through_file(args)
    with torch.serialization.safe_globals([Namespace]):
        assert through_file(args)["args"] == Namespace(lr=0.01)
    with pytest.raises(pickle.UnpicklingError):  # only inside the with
        through_file(args)
    try:
        torch.serialization.add_safe_globals([Namespace])
        assert through_file(args)["args"].lr == 0.01
    finally:
        torch.serialization.clear_safe_globals()
    assert through_file({"args": vars(Namespace(lr=0.01))}) == {"args": {"lr": 0.01}}
    says(chapter, "`safe_globals`", "`add_safe_globals`", "`vars(args)`")


def test_a_whole_network_needs_its_class_under_its_old_name(chapter):
    error = chapter["renamed-error"].error
    assert isinstance(error, AttributeError) and str(error) == "Can't get attribute 'Net' on <module 'nets'>"
    nets = chapter["renamed-error"].names["nets"]
    assert issubclass(nets.Classifier, nn.Linear)
    file = io.BytesIO()
    module = sys.modules["nets"]
    try:
        sys.modules["nets"] = nets
        nets.Net = nets.Classifier
        nets.Net.__name__ = nets.Net.__qualname__ = "Net"
        torch.save(nets.Net(2, 1), file)
        file.seek(0)
        assert isinstance(torch.load(file, weights_only=False), nn.Linear)
        file.seek(0)
        del sys.modules["nets"]
        with pytest.raises(ModuleNotFoundError, match="No module named 'nets'"):
            torch.load(file, weights_only=False)
    finally:
        sys.modules["nets"] = module
        del nets.Net
    says(chapter, "`Can't get attribute`", "`No module named`")
    state = through_file(nets.Classifier(2, 1).state_dict())
    nn.Linear(2, 1).load_state_dict(state)  # a state dict does not ask for the class


# ---- export ----------------------------------------------------------------------------------


def test_the_export_is_the_forward_of_any_batch(chapter):
    rows = lines(chapter, "export")
    assert [row.split()[0] for row in rows] == [f"aten.{name}.default" for name in ("linear", "batch_norm", "relu", "dropout", "linear")]
    symbol = re.search(r"\((s\d+), ", rows[0])[1]
    assert [row.split(" ", 1)[1] for row in rows] == [f"({symbol}, 128)"] * 4 + [f"({symbol}, 10)"]
    says(chapter, f"`{symbol}`")
    assert lines(chapter, "export-load") == ["2 True", "300 True"]
    names = chapter["export-load"].names
    state = {name: tensor.double().numpy() for name, tensor in names["net"].state_dict().items()}
    x = torch.randn(7, 64)
    h = x.numpy() @ state["hidden.weight"].T + state["hidden.bias"]
    h = (h - state["norm.running_mean"]) / np.sqrt(state["norm.running_var"] + 1e-5) * state["norm.weight"] + state["norm.bias"]
    out = np.maximum(h, 0) @ state["output.weight"].T + state["output.bias"]
    assert np.allclose(names["loaded"](x).detach(), out, atol=1e-5)
    assert type(names["loaded"]).__name__ != "Net"


def test_the_export_keeps_mode_and_without_dim_the_batch(chapter):
    net = fresh_net(chapter)
    program = torch.export.export(net.eval(), (torch.randn(5, 64),))
    with pytest.raises(AssertionError, match=re.escape("x.size()[0] == 5")):
        program.module()(torch.randn(6, 64))
    assert {node.args[2] for node in program.graph.nodes if "dropout" in str(node.target)} == {False}
    program = torch.export.export(net.train(), (torch.randn(5, 64),))
    assert {node.args[2] for node in program.graph.nodes if "dropout" in str(node.target)} == {True}


def test_export_refuses_a_fork_that_depends_on_data(chapter):
    kind, message = lines(chapter, "export-refuses")
    assert kind == "GuardOnDataDependentSymNode" and message.startswith("Could not guard on data-dependent expression")
    assert logging.root.manager.disable == logging.NOTSET

    class Where(nn.Module):
        def forward(self, x):
            return torch.where(x.sum() > 0, x, -x)

    whole = torch.export.export(Where(), (torch.ones(3),)).module()
    fork = chapter["export-refuses"].names["Fork"]()
    for x in (torch.tensor([1.0, 2.0, -1.0]), torch.tensor([1.0, -2.0, -1.0])):
        assert torch.equal(whole(x), fork(x))
    says(chapter, "`torch.where(x.sum() > 0, x, -x)`", "`data-dependent`")


def test_torch_jit_is_deprecated():
    for name, use in (("script", lambda: torch.jit.script(nn.Linear(2, 2))),
                      ("trace", lambda: torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)))):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            use()
        assert any(f"`torch.jit.{name}" in str(w.message) and "is deprecated" in str(w.message) for w in caught)


# ---- common errors ---------------------------------------------------------------------------


def test_common_errors(chapter):
    size, prefix, cut = (chapter[f"{name}-error"].error for name in ("size", "prefix", "cut"))
    assert all(isinstance(error, RuntimeError) for error in (size, prefix, cut))
    assert "size mismatch for output.weight: copying a param with shape torch.Size([10, 128])" in str(size)
    assert "strict=False" in chapter["size-error"].code
    missing, unexpected = str(prefix).split("Unexpected key(s)")
    assert 'Missing key(s) in state_dict: "hidden.weight"' in missing and '"module.hidden.weight"' in unexpected
    mended = {name.removeprefix("module."): tensor for name, tensor in chapter["prefix-error"].names["wrapped"].items()}
    fresh_net(chapter).load_state_dict(mended)
    assert "failed finding central directory" in str(cut)
    wrapped = nn.DataParallel(nn.Linear(2, 1)), torch.compile(nn.Linear(2, 1))
    assert [next(iter(net.state_dict())) for net in wrapped] == ["module.weight", "_orig_mod.weight"]
    says(chapter, "`_orig_mod.`", '`name.removeprefix("module.")`')


def test_an_exported_program_is_no_checkpoint(tmp_path):
    torch.export.save(torch.export.export(nn.Linear(2, 1), (torch.ones(1, 2),)), tmp_path / "a.pt2")
    assert zipfile.is_zipfile(tmp_path / "a.pt2")
    with pytest.raises(RuntimeError, match="failed locating file data.pkl"):
        torch.load(tmp_path / "a.pt2")
