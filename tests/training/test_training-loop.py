"""The proof of what docs/*/training/training-loop.md claims."""

import copy
import inspect
import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from tests.prose import lines, says, says_in


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.\d+|-?\d+", text)]


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


# ---- six steps -------------------------------------------------------------------------------


def test_the_data_are_the_digits_in_three_parts_without_overlap(chapter):
    names, digits = chapter["data"].names, load_digits()
    assert sorted(names["order"].tolist()) == list(range(1797)) and names["order"].tolist() != list(range(1797))
    x = torch.cat([names["train_x"], names["val_x"], names["test_x"]])
    y = torch.cat([names["train_y"], names["val_y"], names["test_y"]])
    assert np.allclose(x * 16, digits.data[names["order"]]) and y.tolist() == digits.target[names["order"]].tolist()
    assert [len(names[f"{part}_y"]) for part in ("train", "val", "test")] == [1000, 321, 476]
    assert 0 <= x.min() and x.max() == 1 and x.shape[1] == 8 * 8
    says(chapter, "1797", "1000", "321", "476", "321 = 5 × 64 +", "8 × 8")


@pytest.mark.ledger("n4-07")
def test_the_six_steps_stand_in_order_and_all_but_the_first_repeat(chapter):
    code = chapter["six-steps"].code
    steps = ["net = make_net()", "for x, y in train_loader", "logits = net(x)", "F.cross_entropy(logits, y)",
             "loss.backward()", "optimizer.step()"]
    places = [code.index(step) for step in steps]
    assert places == sorted(places)
    assert [int(n) for n in re.findall(r"# (\d)\. ", code)] == [1, 2, 3, 4, 5, 6]
    marked = [line.split("#")[0] for line in code.splitlines() if re.search(r"# \d\. ", line)]
    assert all(step in line for step, line in zip(steps, marked, strict=True))
    assert marked[0] == marked[0].lstrip() and all(line.startswith("        ") for line in marked[2:])
    assert code.index("zero_grad") < code.index("loss.backward()")
    names = chapter["six-steps"].names
    printed = [numbers(line) for line in lines(chapter, "six-steps")]
    assert [epoch for epoch, _ in printed] == [0, 1, 2, 3, 4]
    assert printed[-1][1] < 0.5 < printed[0][1] < math.log(10) < 2.31
    assert printed[-1][1] == pytest.approx(names["loss"].item(), abs=0.006)
    assert len(names["y"]) == 1000 % 64  # the last mini-batch only
    seen = torch.cat([y for _, y in names["train_loader"]])
    first, second = ([x for x, _ in names["train_loader"]][0] for _ in range(2))
    assert len(seen) == 1000 and not torch.equal(first, second)  # shuffled
    says(chapter, r"$\ln 10 \approx 2.3$")


@pytest.mark.ledger("n4-07")
def test_the_network_has_learned_from_the_six_steps(chapter):
    names = chapter["six-steps"].names
    fresh = losses_and_hits(names["make_net"](), names["val_x"], names["val_y"])
    trained = losses_and_hits(names["net"], names["val_x"], names["val_y"])
    assert fresh[1].mean() < 0.4 and trained[1].mean() > 0.85
    assert fresh[0].mean() == pytest.approx(math.log(10), abs=0.2)


# ---- three calls -----------------------------------------------------------------------------


@pytest.mark.ledger("n3-09")
@pytest.mark.ledger("n2-18")
def test_what_each_of_the_three_calls_changes_as_printed(chapter):
    head, *printed = lines(chapter, "three-calls")
    assert head.split() == ["grad", "weight"]
    when, grad, weight = zip(*[line.rsplit(maxsplit=2) for line in printed])
    weight = [float(norm) for norm in weight]
    assert [name.strip() for name in when] == ["at first", "zero_grad", "forward", "backward", "step"]
    assert float(grad[0]) > 0 and grad[1] == grad[2] == "None" and float(grad[3]) > 0 and grad[4] == grad[3]
    assert weight[0] == weight[1] == weight[2] == weight[3] != weight[4]
    code = chapter["three-calls"].code
    done = [code.index(text) for text in ("optimizer.zero_grad()", "F.cross_entropy", "loss.backward()", "optimizer.step()")]
    assert done == sorted(done)
    assert weight[4] == pytest.approx(np.sqrt((chapter["three-calls"].names["net"][0].weight.detach().numpy().astype(float) ** 2).sum()), abs=0.4)


@pytest.mark.ledger("n3-09")
@pytest.mark.ledger("n2-18")
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_what_each_of_the_three_calls_changes_to_the_last_bit(chapter, kind):
    net, x, y = chapter["data"].names["nn"].Linear(64, 10), chapter["data"].names["train_x"], chapter["data"].names["train_y"]
    optimizer = kind(net.parameters(), lr=0.1)
    weights = [p.detach().clone() for p in net.parameters()]

    def same():
        return all(torch.equal(p, w) for p, w in zip(net.parameters(), weights))

    loss = F.cross_entropy(net(x), y)
    assert same() and all(p.grad is None for p in net.parameters())
    loss.backward()
    grads = [p.grad.clone() for p in net.parameters()]
    assert same() and all(g.abs().max() > 0 for g in grads)
    optimizer.step()
    assert not same() and all(torch.equal(p.grad, g) for p, g in zip(net.parameters(), grads))
    weights = [p.detach().clone() for p in net.parameters()]
    optimizer.zero_grad()
    assert same() and all(p.grad is None for p in net.parameters())
    optimizer.step()  # zero_grad between backward and step: nothing is learned, and no error
    assert same()
    for language, cells in (("zh", ("清成 `None` | 不动", "加上新的梯度 | 不动", "不动 | 改了")),
                            ("en", ("cleared to `None` | left alone", "new gradients added | left alone", "left alone | changed"))):
        for call, cell in zip(("`zero_grad()`", "`backward()`", "`step()`"), cells):
            says_in(chapter, language, f"| {call} | {cell} |")


@pytest.mark.ledger("n2-18")
def test_without_zero_grad_the_gradient_doubles(chapter):
    assert chapter["adds-up"].value is True
    names = chapter["adds-up"].names
    net, once = names["net"], names["once"]
    twin = copy.deepcopy(net)
    twin.zero_grad()
    F.cross_entropy(twin(names["x"]), names["y"]).backward()
    assert torch.allclose(twin[0].weight.grad, once) and once.abs().max() > 0


@pytest.mark.ledger("n2-18")
def test_none_is_skipped_and_zeros_are_not(chapter):
    for to_none, expected in ((True, 0.8), (False, 0.8 - 0.1 * 0.9 * 2)):  # by hand: gradient 2, velocity 2; then velocity 0.9 * 2 + 0
        w = torch.tensor(1.0, requires_grad=True)
        sgd = torch.optim.SGD([w], lr=0.1, momentum=0.9)
        (w**2).backward()
        sgd.step()
        sgd.zero_grad(set_to_none=to_none)
        assert (w.grad is None) == to_none
        sgd.step()  # with no backward before it
        assert abs(w.item() - expected) < 1e-6
    assert inspect.signature(torch.optim.Optimizer.zero_grad).parameters["set_to_none"].default is True
    says(chapter, "2.0", "`None`")


# ---- one batch -------------------------------------------------------------------------------


def test_one_batch_and_four_bugs(chapter):
    (figure,) = chapter["one-batch-figure"].figures
    (axes,) = figure.axes
    drawn = {line.get_label(): np.asarray(line.get_ydata(), dtype=float) for line in axes.lines}
    assert list(drawn) == ["labels shuffled each step", "optimizer of another net", "softmax too many", "labels shuffled once", "no bug"]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == list(drawn)
    assert all(len(losses) == 100 and abs(losses[0] - math.log(10)) < 0.25 for losses in drawn.values())
    assert drawn["no bug"][-1] < 0.01 and drawn["labels shuffled once"][-1] < 0.05
    assert drawn["labels shuffled once"][20] > 3 * drawn["no bug"][20]  # takes longer
    flat = drawn["optimizer of another net"]
    assert np.ptp(flat) < 1e-5
    jitter = drawn["labels shuffled each step"]
    assert jitter.min() > 2 and np.ptp(jitter[20:]) > 0.02 and abs(np.median(jitter) - 2.2) < 0.15
    least = math.log(1 + 9 / math.e)
    assert least - 1e-4 < drawn["softmax too many"][-1] < 1.7 and f"{least:.4f}" == "1.4612"
    assert axes.get_xlabel() == "step" and axes.get_ylabel() == "loss on the one batch"
    names = chapter["one-batch"].names
    assert "train_x[:64], train_y[:64]" in chapter["one-batch"].code and sum(p.numel() for p in names["make_net"]().parameters()) == 19210
    says(chapter, "1.4612", "64")
    says_in(chapter, "zh", "近两万个参数", "故意犯四种错")
    says_in(chapter, "en", "nearly twenty thousand parameters", "Here are four")


def test_labels_shuffled_once_are_really_wrong_and_learned(chapter):
    """The network that learned them answers wrongly on the true labels."""
    names = dict(chapter["one-batch"].names)
    code = chapter["one-batch"].code.replace("return losses", "return net, target")
    exec(code, names)
    net, target = names["fit_one_batch"]("labels shuffled once")
    x, y = names["train_x"][:64], names["train_y"][:64]
    assert sorted(target.tolist()) == sorted(y.tolist()) and (target != y).float().mean() > 0.6
    assert losses_and_hits(net, x, target)[1].mean() > 0.95 > 0.4 > losses_and_hits(net, x, y)[1].mean()
    net, target = names["fit_one_batch"]("no bug")
    assert torch.equal(target, y)


# ---- counting --------------------------------------------------------------------------------


def test_evaluate_counts_over_samples(chapter):
    names = chapter["evaluate"].names
    each, hits = losses_and_hits(names["net"], names["val_x"], names["val_y"])
    loss, accuracy = numbers(lines(chapter, "evaluate")[0])
    assert loss == pytest.approx(each.mean(), abs=1e-3) and accuracy == pytest.approx(hits.mean(), abs=1e-3)
    shown = names["evaluate"](names["net"], names["val_loader"])
    assert shown == pytest.approx((each.mean(), hits.mean()), abs=1e-4)
    assert [len(y) for _, y in names["val_loader"]] == [64] * 5 + [1]
    assert shown[1] * 321 == pytest.approx(round(shown[1] * 321))
    assert "for x, y in loader" in chapter["evaluate"].code


def test_evaluate_turns_both_switches_and_leaves_batch_norm_alone(chapter):
    names = chapter["evaluate"].names
    seen = []

    class Spy(nn.Linear):
        def forward(self, x):
            seen.append((self.training, torch.is_inference_mode_enabled()))
            return super().forward(x)

    net = nn.Sequential(Spy(64, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 10))
    account = net[1].running_mean.clone()
    assert names["evaluate"](net, names["val_loader"]) == names["evaluate"](net, names["val_loader"])
    assert seen == [(False, True)] * 12 and torch.equal(account, net[1].running_mean)


def test_the_mean_of_batch_means_is_wrong_when_the_last_batch_is_short(chapter):
    names = chapter["evaluate"].names
    each, hits = losses_and_hits(names["net"], names["val_x"], names["val_y"])
    order = np.argsort(each)
    printed = dict(line.split(": ") for line in lines(chapter, "counting"))
    for name, values in (("loss", each[order]), ("accuracy", hits[order].astype(float))):
        cut = [values[i : i + 64].mean() for i in range(0, 321, 64)]
        assert len(cut) == 6
        assert numbers(printed[name]) == pytest.approx([values.mean(), np.mean(cut)], abs=2e-3)
    assert not hits[order[-1]]
    right, wrong = numbers(printed["accuracy"])
    assert right - wrong > 0.1
    says(chapter, "1/321", "`loss.item() * len(y)`")
    says_in(chapter, "zh", "六分之一")
    says_in(chapter, "en", "it weighs a sixth")


# ---- validation ------------------------------------------------------------------------------


def test_what_eval_changes_and_inference_mode_does_not(chapter):
    assert lines(chapter, "modes") == [
        "training: True", "  same answer twice:  False", "  running mean moved: True",
        "training: False", "  same answer twice:  True", "  running mean moved: False"]
    code = chapter["modes"].code
    assert code.index("with torch.inference_mode()") < code.index("both.train(mode)") < code.index("torch.equal(both(val_x)")
    norm, x = nn.BatchNorm1d(64), chapter["data"].names["val_x"]
    with torch.inference_mode():
        norm(x)
    assert torch.allclose(norm.running_mean, 0.1 * x.mean(dim=0), atol=1e-6)  # even so


def test_item_is_a_float_and_the_sum_of_losses_keeps_every_graph(chapter):
    names = chapter["item"].names
    number, kept = lines(chapter, "item")
    assert kept.endswith("with a graph: True") and type(names["number"]) is float
    assert numbers(number + kept) == pytest.approx([names["number"]] * 2, abs=2e-3)
    assert len(names["train_loader"]) == 16 == 1000 // 64 + 1
    assert names["number"] == pytest.approx(names["kept"].item(), rel=1e-4) and names["kept"].requires_grad
    counted, stack = 0, [names["kept"].grad_fn]
    while stack:
        node = stack.pop()
        counted += 1
        stack += [behind for behind, _ in node.next_functions if behind]
    alone, stack = 0, [names["loss"].grad_fn]
    while stack:
        node = stack.pop()
        alone += 1
        stack += [behind for behind, _ in node.next_functions if behind]
    assert counted == 16 * (alone + 1)  # each loss, and the node of each sum
    says(chapter, "16", "`.item()`")


# ---- clipping and accumulation ---------------------------------------------------------------


def test_clipping_by_hand(chapter):
    names = chapter["clip"].names
    whole, clipped = lines(chapter, "clip")
    before, after, spoilt = numbers(whole)
    assert before == after > 10 and numbers(clipped)[0] == before and numbers(clipped)[1] == 1.0
    net, broken, y = copy.deepcopy(names["net"]), names["broken"], names["train_y"][:64]
    net.zero_grad()
    F.cross_entropy(net(broken), y).backward()
    grads = [p.grad.double().numpy().copy() for p in net.parameters()]
    norm = math.sqrt(sum((g**2).sum() for g in grads))
    assert norm == pytest.approx(before, abs=0.1)
    returned = nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    assert returned.item() == pytest.approx(norm, rel=1e-4)  # from before clipping
    for p, g in zip(net.parameters(), grads):
        assert np.allclose(p.grad, g / norm, rtol=1e-4, atol=1e-6)  # one factor, the same direction
    with torch.no_grad():
        for p in net.parameters():
            p -= 0.1 * p.grad
    val_x, val_y = names["val_x"], names["val_y"]
    start = losses_and_hits(names["net"], val_x, val_y)[1].mean()
    assert numbers(clipped)[2] == pytest.approx(losses_and_hits(net, val_x, val_y)[1].mean(), abs=0.01)
    assert start > 0.85 and spoilt < 0.55 and numbers(clipped)[2] > start - 0.05
    with torch.no_grad():
        for p, g in zip(net.parameters(), grads):
            p -= torch.tensor(0.1 * (g - g / norm), dtype=torch.float32)
    assert spoilt == pytest.approx(losses_and_hits(net, val_x, val_y)[1].mean(), abs=0.01)
    code = chapter["clip"].code
    assert code.index(".backward()") < code.index("clip_grad_norm_") < code.index(".step()")
    assert broken.max() > 15 and broken.shape == (64, 64)
    small = nn.Linear(2, 1)
    (small(torch.ones(1, 2)) * 0.01).sum().backward()
    kept = small.weight.grad.clone()
    nn.utils.clip_grad_norm_(small.parameters(), 1.0)
    assert torch.equal(small.weight.grad, kept)  # below the limit nothing happens


def test_accumulation_equals_the_large_batch_but_for_batch_norm(chapter):
    assert lines(chapter, "accumulation") == ["plain True", "batch norm False"]
    names = chapter["accumulation"].names
    start = names["make_net"]()
    large = names["train_once"](copy.deepcopy(start), 64, 1)
    assert not torch.allclose(large, start[0].weight, atol=1e-3)  # it did train
    assert torch.allclose(large, names["train_once"](copy.deepcopy(start), 16, 4), atol=1e-5)
    by_hand = copy.deepcopy(start)
    for i in range(15):
        x, y = names["train_x"][64 * i : 64 * i + 64], names["train_y"][64 * i : 64 * i + 64]
        by_hand.zero_grad()
        F.cross_entropy(by_hand(x), y).backward()
        with torch.no_grad():
            for p in by_hand.parameters():
                p -= 0.1 * p.grad
    assert torch.allclose(by_hand[0].weight, large, atol=1e-5) and 15 * 64 == 960
    undivided = dict(names)
    exec(chapter["accumulation"].code.split("\n\n\nnormed")[0].replace(" / every", ""), undivided)
    assert "/ every" in chapter["accumulation"].code
    assert not torch.allclose(large, undivided["train_once"](copy.deepcopy(start), 16, 4), atol=1e-3)
    start.zero_grad()
    for part, answers in zip(names["train_x"][:64].split(16), names["train_y"][:64].split(16)):
        F.cross_entropy(start(part), answers).backward()
    four = start[0].weight.grad.clone()
    start.zero_grad()
    F.cross_entropy(start(names["train_x"][:64]), names["train_y"][:64]).backward()
    assert torch.allclose(four, 4 * start[0].weight.grad, atol=1e-5)
    says(chapter, "960", "15")


# ---- mixed precision -------------------------------------------------------------------------


def test_numbers_of_two_bytes(chapter):
    fine, coarse = (line.split() for line in lines(chapter, "half"))
    assert fine == ["torch.float16", "0", f"{np.float16(1.003):.5g}"] and np.float16(1e-8) == 0
    assert coarse[0] == "torch.bfloat16" and float(coarse[1]) == pytest.approx(1e-8, rel=0.01) and coarse[2] == "1"
    assert abs(float(fine[2]) - 1.003) < 0.0005
    assert torch.float16.itemsize == torch.bfloat16.itemsize == 2 and torch.float32.itemsize == 4
    assert torch.tensor(1.0, dtype=torch.bfloat16) + 0.003 == 1  # the step is lost
    says(chapter, "1.003", "0.003")


def test_autocast_picks_the_dtypes(chapter):
    assert lines(chapter, "autocast") == [
        "torch.bfloat16", "torch.float32", "torch.float32", "torch.float32"]
    names = chapter["autocast"].names
    code = chapter["autocast"].code
    assert "\nloss.backward()" in code  # outside
    assert torch.allclose(names["logits"].float(), names["net"](names["x"]), atol=0.2)


def test_the_gpu_cell_works_as_written_but_for_the_device(chapter):
    """GradScaler and autocast take the same calls on a CPU, in float16."""
    cell = chapter.project.cells("training/training-loop")["training/training-loop.py:scaler"]
    names, source = dict(chapter["autocast"].names), cell.source
    order = ["zero_grad()", "scaler.scale(loss).backward()", "scaler.unscale_(optimizer)", "clip_grad_norm_", "scaler.step(optimizer)",
             "scaler.update()"]
    assert [source.index(call) for call in order] == sorted(source.index(call) for call in order)
    with torch.random.fork_rng():
        exec(source.replace('"cuda"', '"cpu"').replace("print(", "shown = ("), names)
    net, scaler = names["net"], names["scaler"]
    assert losses_and_hits(net, names["val_x"], names["val_y"])[1].mean() > 0.4
    assert scaler.get_scale() > 100
    weight = net[0].weight.detach().clone()  # a gradient that is inf: no step, and a smaller scale
    was = scaler.get_scale()
    names["optimizer"].zero_grad()
    scaler.scale(net(torch.full((1, 64), float("inf"))).nan_to_num(1e30).sum() * 1e38).backward()
    scaler.step(names["optimizer"])
    scaler.update()
    assert torch.equal(weight, net[0].weight) and scaler.get_scale() == was / 2


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
    names = dict(chapter["fit"].names)
    exec(chapter["fit"].code, names)
    names["evaluate"] = script = Scripted(losses)
    loader = [(names["train_x"][:64], names["train_y"][:64]), (names["train_x"][64:65], names["train_y"][64:65])]
    with torch.random.fork_rng():
        net = names["make_net"]()
        history = names["fit"](net, torch.optim.SGD(net.parameters(), lr=0.1), loader, None, **more)
    return net, history, script


def test_early_stopping_waits_for_patience_and_goes_back_to_the_best(chapter):
    losses = [5, 3, 4, 2, 2.5, 2.1, 2.2, 9, 9, 9]
    net, history, script = scripted_fit(chapter, losses, patience=4)
    assert [val for _, val, _ in history] == losses[:8]  # epoch 3 is the best, 4 more follow
    assert all(torch.equal(value, script.states[3][name]) for name, value in net.state_dict().items())
    assert not torch.equal(script.states[3]["0.weight"], script.states[-1]["0.weight"])
    assert all(script.modes)  # net.train() at the beginning of every epoch
    assert len(scripted_fit(chapter, range(100, 0, -1))[1]) == 100  # while it gets better it goes on
    assert len(scripted_fit(chapter, range(100))[1]) == 6  # patience is 5 unless told


def test_the_loop_counts_the_training_loss_over_samples(chapter):
    names = dict(chapter["fit"].names)
    exec(chapter["fit"].code, names)
    names["evaluate"] = Scripted([1.0])
    loader = [(names["train_x"][:64], names["train_y"][:64]), (names["train_x"][64:65], names["train_y"][64:65])]
    twin, losses = names["make_net"](), []
    start = copy.deepcopy(twin)
    (train_loss, _, _), = names["fit"](twin, torch.optim.SGD(twin.parameters(), lr=0.1), loader, None, epochs=1)
    optimizer = torch.optim.SGD(start.parameters(), lr=0.1)
    for x, y in loader:
        losses.append(F.cross_entropy(start(x), y).item())
        optimizer.zero_grad()
        F.cross_entropy(start(x), y).backward()
        norm = math.sqrt(sum((p.grad**2).sum().item() for p in start.parameters()))
        for p in start.parameters():
            p.grad *= min(1, 1 / norm)  # clipped to 1
        optimizer.step()
    assert train_loss == pytest.approx((64 * losses[0] + losses[1]) / 65, rel=1e-4)
    assert torch.allclose(start[0].weight, twin[0].weight, atol=1e-5)


def test_the_loop_in_use_reads_more_than_95_percent_of_the_test_set(chapter):
    names = chapter["use"].names
    epochs, accuracy = numbers(lines(chapter, "use")[0])
    _, hits = losses_and_hits(names["net"].cpu(), names["test_x"], names["test_y"])
    assert accuracy == pytest.approx(hits.mean(), abs=2e-3)
    assert hits.mean() > 0.95 and epochs == len(names["history"]) < 100
    best = min(range(len(names["history"])), key=lambda i: names["history"][i][1])
    assert len(names["history"]) == best + 1 + 5
    assert names["history"][best][1] == pytest.approx(losses_and_hits(names["net"], names["val_x"], names["val_y"])[0].mean(), rel=1e-3)
    sources = "".join(chapter[cell].code for cell in chapter if cell not in ("data", "use"))
    assert "test_x" not in sources and "test_loader" not in sources  # once
    code = chapter["use"].code
    assert code.index("device =") < code.index(".to(device)") < code.index("torch.optim")
    says(chapter, "95")


def test_the_whole_loop_is_some_forty_lines(chapter):
    count = sum(len([line for line in chapter[cell].code.split("\n\n\nval_loader")[0].splitlines() if line.strip()]) for cell in ("evaluate", "fit"))
    assert 36 <= count <= 44
    says_in(chapter, "zh", "四十来行")
    says_in(chapter, "en", "some forty lines")


# ---- overfitting -----------------------------------------------------------------------------


def test_every_fifth_label_is_wrong_and_the_network_learns_them(chapter):
    names = chapter["noisy"].names
    wrong = names["noisy_y"] != names["train_y"][:600]
    assert wrong.nonzero().flatten().tolist() == list(range(0, 600, 5)) and wrong.sum() == 120
    assert names["noisy_y"].min() >= 0 and names["noisy_y"].max() <= 9
    last, best = (numbers(line) for line in lines(chapter, "noisy"))
    history = names["history"]
    assert len(history) == 40 and last == pytest.approx(history[-1][1:], abs=1e-3)
    each, hits = losses_and_hits(names["net"].cpu(), names["val_x"], names["val_y"])
    assert best == pytest.approx([each.mean(), hits.mean()], abs=2e-3)
    assert best[0] < last[0] - 0.05 and best[1] > last[1] + 0.03
    says(chapter, "600", "40", "120")


def test_the_curves_part(chapter):
    (figure,) = chapter["curves"].figures
    (axes,) = figure.axes
    train, val, lowest = (np.asarray(line.get_ydata(), dtype=float) for line in axes.lines)
    history = np.array(chapter["noisy"].names["history"])
    assert np.allclose(train, history[:, 0]) and np.allclose(val, history[:, 1])
    assert axes.lines[2].get_xdata()[0] == val.argmin() and lowest[0] == val.min()
    assert 2 < val.argmin() < 35 and val[-5:].mean() > 1.15 * val.min() and val[0] > 1.3 * val.min()
    assert train[-1] < 0.25 * train[0] and train[-5:].mean() < train[15:20].mean() < train[:5].mean()
    assert val[0] < train[0] and val[-1] > train[-1] + 0.2  # the lower one at first, far above in the end
    assert [line.get_label() for line in axes.lines] == ["training", "validation", "lowest"]
    assert axes.get_xlabel() == "epoch" and axes.get_ylabel() == "loss"


def test_it_is_the_wrong_labels_that_are_learned_in_the_later_half(chapter):
    """Without going back to the best epoch: the network of the last one knows most of the wrong labels."""
    names = dict(chapter["noisy"].names)
    exec(chapter["fit"].code.replace("    net.load_state_dict(best)\n", ""), names)

    def known(epochs):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            net = names["make_net"]()
            names["fit"](net, torch.optim.Adam(net.parameters(), lr=0.01), names["noisy_loader"], names["val_loader"], epochs, 40)
        return losses_and_hits(net, names["train_x"][:600:5], names["noisy_y"][::5])[1].mean()

    middle, end = known(15), known(40)
    assert middle < 0.45 and end > middle + 0.25


def test_a_state_dict_moves_along_unless_copied(chapter):
    assert lines(chapter, "keep") == ["state_dict() moved along: True", "deepcopy moved along: False"]
    names = chapter["keep"].names
    assert names["kept"]["0.weight"].data_ptr() == names["net"][0].weight.data_ptr() != names["copied"]["0.weight"].data_ptr()
    assert "deepcopy(net.state_dict())" in chapter["fit"].code


# ---- common errors ---------------------------------------------------------------------------


def test_common_errors(chapter):
    messages = {
        "twice-error": (RuntimeError, "Trying to backward through the graph a second time"),
        "none-error": (AttributeError, "'NoneType' object has no attribute 'norm'"),
        "inference-error": (RuntimeError, "does not require grad and does not have a grad_fn"),
    }
    for cell, (kind, message) in messages.items():
        assert isinstance(chapter[cell].error, kind) and message in str(chapter[cell].error), cell
    names = chapter["data"].names
    net = chapter["six-steps"].names["make_net"]()
    for _ in range(2):  # the forward pass inside the loop
        F.cross_entropy(net(names["train_x"]), names["train_y"]).backward()
