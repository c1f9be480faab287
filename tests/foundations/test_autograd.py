import math
import re

import numpy as np
import pytest
import torch


def states(chapter, *phrases):
    """Whether both pages hold each of the phrases, line breaks aside."""
    for language in ("zh", "en"):
        prose = " ".join(chapter.prose(language).split())
        for phrase in phrases:
            assert phrase in prose, f"{language}: {phrase}"
    return True


def numbers(chapter, cell):
    return [float(n) for n in re.findall(r"-?\d+\.?\d*", chapter[cell].stdout)]


def difference(f, x, h=1e-5):
    """Gradient of a scalar function by central differences, in NumPy: an implementation that knows no graph."""
    x = np.asarray(x, dtype=float)
    found = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        found[i] = (f(x + step) - f(x - step)) / (2 * h)
    return found


def notes(x):
    return (3 * (x + 2) ** 2).mean()


def test_a_nudge_estimates_the_slope_and_too_small_a_nudge_finds_nothing(chapter):
    h = 0.001
    on_paper = 0.75 * ((3 + h) ** 2 - 9) / h  # only one of the four numbers moves
    assert numbers(chapter, "nudge") == [round(on_paper, 3)] == [4.501]
    assert states(chapter, "4.501")
    f = chapter["nudge"].names["f"]
    x = torch.ones(2, 2, dtype=torch.float64)

    def error(h):
        nudged = x.clone()
        nudged[0, 0] += h
        return abs(((f(nudged) - f(x)) / h).item() - 4.5)

    assert error(1e-3) > error(1e-4) > error(1e-5)
    assert error(1e-17) == 4.5  # 1 + 1e-17 is 1
    assert f(x).item() == notes(np.ones((2, 2))) == 27


@pytest.mark.ledger("n4-05")
def test_the_gradient_of_the_notes_example_is_four_and_a_half_everywhere(chapter):
    names = chapter["example"].names
    x = names["x"]
    assert torch.equal(x, torch.ones(2, 2)) and x.requires_grad
    assert torch.equal(names["y"], torch.full((2, 2), 3.0)) and torch.equal(names["z"], torch.full((2, 2), 27.0))
    assert names["m"].item() == 27 and names["m"].shape == ()
    assert torch.equal(chapter["example"].value, torch.full((2, 2), 4.5))
    np.testing.assert_allclose(difference(notes, np.ones((2, 2))), 4.5, rtol=1e-6)
    assert chapter["paper"].value == 1 / 4 * (6 * (1 + 2)) * 1 == 4.5
    assert [chapter["paper"].names[rate] for rate in ("dy_dx", "dz_dy", "dm_dz")] == [1, 18, 1 / 4]
    assert states(chapter, r"6 \times 3 = 18", r"\frac{1}{4} \cdot 6 y_i \cdot 1", "4.5")


@pytest.mark.ledger("n1-18")
def test_the_graph_is_the_code_backwards_and_ends_in_x(chapter):
    assert chapter["walk"].stdout.splitlines() == [
        "m, y, x were made by: MeanBackward0 AddBackward0 None",
        "MeanBackward0", "MulBackward0", "PowBackward0", "AddBackward0", "AccumulateGrad into x: True",
    ]
    assert states(chapter, "PowBackward0", "AccumulateGrad")
    # the count grows by one node with each operation
    x = t = torch.ones(1, requires_grad=True)
    for operations in range(1, 5):
        t = t.sin()
        node, count = t.grad_fn, 0
        while node.next_functions:
            node, count = node.next_functions[0][0], count + 1
        assert count == operations and node.variable is x


@pytest.mark.ledger("n1-18")
def test_a_second_backward_raises_unless_the_graph_is_kept(chapter):
    ran = chapter["once-error"]
    assert isinstance(ran.error, RuntimeError) and "Trying to backward through the graph a second time" in str(ran.error)
    assert states(chapter, "Saved intermediate values of the graph are freed", "backward through the graph a second time")
    assert "Saved intermediate values of the graph are freed" in str(ran.error)
    assert numbers(chapter, "once-error") == [2 * 3.0]  # the first walk worked, and the raise left its gradient alone
    assert chapter["once-error"].names["x"].grad.item() == 6
    assert chapter["retain-graph"].value.item() == 2 * (2 * 3.0) == 12
    assert "retain_graph=True" in chapter["retain-graph"].code


def test_the_old_graph_of_the_previous_round_raises_and_detach_cures_it():
    def rounds(cut):
        w, state = torch.tensor(0.5, requires_grad=True), torch.tensor(1.0)
        for _ in range(2):
            state = (cut(state) * w).tanh()
            state.backward()

    with pytest.raises(RuntimeError, match="a second time"):
        rounds(lambda state: state)
    rounds(torch.Tensor.detach)


def test_the_graph_follows_the_path_that_was_run(chapter):
    rows = [[float(n) for n in re.findall(r"= (\d+)", line)] for line in chapter["dynamic"].stdout.splitlines()]
    assert rows == [[1, 1 * 2**4, 2**4], [3, 3 * 2**2, 2**2]] == [[1, 16, 16], [3, 12, 4]]


def test_where_branches_meet_gradients_add(chapter):
    assert numbers(chapter, "shared") == [6, 36, 42] == [2 * 3, (2 * 3) ** 2, 6 + 36]
    expected = difference(lambda w: 3 * w + (3 * w) ** 2, 2.0)
    assert numbers(chapter, "shared-sum") == [pytest.approx(expected), 39]
    assert chapter["graph-figure"].names["w"].grad.item() == pytest.approx(expected)
    assert states(chapter, "1 + 12 = 13", "2a = 12", "39")


def test_the_figure_shows_the_graph_and_the_gradients_that_were_sent(chapter):
    names = chapter["graph-figure"].names
    kinds = sorted((type(n).__name__, type(p).__name__, names["passed"][n][i].item()) for n, i, p in names["edges"])
    assert kinds == [
        ("AddBackward0", "MulBackward0", 1), ("AddBackward0", "PowBackward0", 1),
        ("MulBackward0", "AccumulateGrad", 39), ("PowBackward0", "MulBackward0", 12),
    ]
    (figure,) = chapter["graph-figure"].figures
    (ax,) = figure.axes
    shown = [text.get_text().replace("\n", "") for text in ax.texts if text.get_text()]
    nodes = ["AddBackward0", "PowBackward0", "MulBackward0", "AccumulateGrad"]
    assert sorted(shown) == sorted([*nodes, "c = 42", "b = 36", "a = 6", "w = 2", "1", "1", "12", "39"])
    at = {text.get_text().replace("\n", ""): text.get_position() for text in ax.texts if text.get_text()}
    assert at["AddBackward0"][0] > at["PowBackward0"][0] > at["MulBackward0"][0] > at["AccumulateGrad"][0]
    assert at["PowBackward0"][1] > at["MulBackward0"][1]
    for node, label in zip(nodes, ("c = 42", "b = 36", "a = 6", "w = 2")):
        assert at[node][0] == at[label][0]
    # each number stands nearest to the middle of its own arrow, and each arrow points backwards
    arrows = [(text.xyann, text.xy) for text in ax.texts if hasattr(text, "xyann")]
    assert len(arrows) == 4 and all(tip[0] < start[0] for start, tip in arrows)
    middles = {(s[0] + t[0]) / 2: (s, t) for s, t in arrows}
    assert min(middles, key=lambda m: abs(m - at["12"][0])) == min(m for m, (s, _) in middles.items() if s[1] > 0.5)
    assert min(middles, key=lambda m: abs(m - at["39"][0])) == min(middles)


@pytest.mark.ledger("n0-11")
def test_backward_of_a_scalar_begins_with_one_and_only_of_a_scalar(chapter):
    lines = [float(n) for n in re.findall(r"\((\d+)", chapter["scalar"].stdout)]
    expected = difference(lambda x: 5 * x**2, 3.0).item()
    assert lines == pytest.approx([expected, expected, 10 * expected]) == [30, 30, 300]
    gradient = chapter["scalar"].names["gradient"]
    assert torch.equal(gradient(), gradient(torch.tensor(1.0)))
    assert states(chapter, "z.backward(torch.tensor(1.))", "10x", "30")

    ran = chapter["vector-error"]
    assert isinstance(ran.error, RuntimeError) and "can be implicitly created only for scalar outputs" in str(ran.error)
    assert states(chapter, "created only for scalar outputs")


@pytest.mark.ledger("n0-11")
def test_backward_of_a_vector_is_a_vector_jacobian_product(chapter):
    A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    jacobian = np.stack([difference(lambda x, row=row: A[row] @ x, np.ones(3)) for row in range(2)])
    np.testing.assert_allclose(chapter["jacobian"].value.numpy(), jacobian, rtol=1e-5)
    by_hand = np.array([1.0, 10.0]) @ A
    lines = [[float(n) for n in re.findall(r"\d+", line)] for line in chapter["vjp"].stdout.splitlines()]
    assert lines == [by_hand.tolist()] * 2 == [[41, 52, 63]] * 2
    np.testing.assert_allclose(chapter["vjp-sum"].value.numpy(), by_hand)
    assert states(chapter, "41 = 1 × 1 + 10 × 4", "2 × 3")
    y = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        y.backward(torch.ones(3))


@pytest.mark.ledger("n0-12")
def test_two_backward_calls_double_the_gradient(chapter):
    assert numbers(chapter, "accumulate") == [3, 6]
    w = torch.tensor(5.0, requires_grad=True)
    w.grad = torch.tensor(100.0)
    (3 * w).backward()
    assert w.grad.item() == 103  # added to what was there


@pytest.mark.ledger("n0-12")
def test_without_zero_grad_descent_never_settles(chapter):
    def by_hand(zero):
        w, total, path = 0.0, 0.0, [0.0]
        for _ in range(60):
            total = (0.0 if zero else total) + 2 * (w - 3)
            w -= 0.1 * total
            path.append(w)
        return path

    descend = chapter["no-zero-figure"].names["descend"]
    for zero in (True, False):
        assert descend(zero=zero) == pytest.approx(by_hand(zero), abs=1e-3)
    assert by_hand(True)[-1] == pytest.approx(3, abs=1e-4) and max(by_hand(True)) <= 3
    first, last = by_hand(False)[:20], by_hand(False)[-20:]
    for part in (first, last):
        assert max(part) == pytest.approx(6, abs=0.2) and min(part) == pytest.approx(0, abs=0.2)

    (figure,) = chapter["no-zero-figure"].figures
    (ax,) = figure.axes
    lines = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    assert list(lines["with zero_grad"]) == descend(zero=True)
    assert list(lines["without zero_grad"]) == descend(zero=False)
    assert ax.get_xlabel() == "step" and ax.get_ylabel() == "w" and len(lines["with zero_grad"]) == 61
    low, high = ax.get_ylim()
    assert all(low < value < high for line in lines.values() for value in line)
    assert states(chapter, "(w - 3)^2", "0.1", "60")


@pytest.mark.ledger("n0-12")
def test_zero_grad_leaves_none(chapter):
    assert chapter["zero-grad"].stdout.splitlines() == ["tensor(6.)", "None"]
    w = torch.ones(1, requires_grad=True)
    w.grad = torch.ones(1)
    torch.optim.SGD([w], lr=0.1).zero_grad(set_to_none=False)
    assert torch.equal(w.grad, torch.zeros(1))  # what it was before 2.0, and is not by default
    assert states(chapter, "2.0", "None")


@pytest.mark.ledger("n0-12")
def test_parts_gather_the_gradient_of_the_whole_batch(chapter):
    names = chapter["parts"].names
    inputs, targets = names["inputs"].numpy(), names["targets"].numpy()
    assert inputs.shape == (8, 3) and targets.shape == (8,)
    expected = difference(lambda w: ((inputs.astype(float) @ w - targets) ** 2).mean(), np.ones(3))
    np.testing.assert_allclose(names["whole"].numpy(), expected, rtol=1e-4)
    first, second = [[float(n) for n in re.findall(r"-?\d+\.\d+", line)] for line in chapter["parts"].stdout.splitlines()]
    assert first == pytest.approx(expected, abs=1e-3) and second == pytest.approx(first, abs=2e-4)
    assert chapter["parts"].code.count("split(2)") == 2

    rows = chapter["uneven-parts"].stdout.splitlines()
    assert rows[0].split() == ["divided", "by", "3:", "False"] and rows[1].split()[-1] == "True"
    np.testing.assert_allclose(chapter["uneven-parts"].names["w"].grad.numpy(), expected, rtol=1e-4)
    assert [len(part) for part in names["inputs"].split(3)] == [3, 3, 2]
    # with 1/3 each, a sample of the last part weighs 1/6, one of the others 1/9
    weights = np.array([1 / 9] * 6 + [1 / 6] * 2)
    wrong = difference(lambda w: (weights * (inputs.astype(float) @ w - targets) ** 2).sum(), np.ones(3))
    assert not np.allclose(wrong, expected, rtol=1e-2)


def test_leaves_and_who_keeps_a_gradient(chapter):
    rows = [re.findall(r"True|False", line) for line in chapter["leaf"].stdout.splitlines()]
    assert rows == [["True", "False"], ["True", "True"], ["False", "True"]]
    assert chapter["non-leaf-grad"].stdout.splitlines() == ["x: None", "w: tensor([1., 1., 1.])", "y: None"]
    (warning,) = chapter["non-leaf-grad"].warnings
    assert "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed" in warning

    w = np.array([1.0, 2.0, 3.0])
    at_y, at_w = difference(lambda y: (y**2).sum(), 2 * w), difference(lambda w: ((2 * w) ** 2).sum(), w)
    shown = [[float(n) for n in re.findall(r"\d+", line)] for line in chapter["retain-grad"].stdout.splitlines()]
    assert shown[0] == pytest.approx(at_y) and shown[1] == pytest.approx(at_w)
    assert shown == [[4, 8, 12], [8, 16, 24]]


def test_a_leaf_may_be_updated_under_no_grad_only(chapter):
    error = chapter["update-error"].error
    assert isinstance(error, RuntimeError)
    assert "a leaf Variable that requires grad is being used in an in-place operation" in str(error)
    assert states(chapter, "a leaf Variable that requires grad")
    expected = np.array([1.0, 2.0, 3.0]) - 0.1 * np.array([8.0, 16.0, 24.0])
    w_line, y_line = chapter["no-grad"].stdout.splitlines()
    assert [float(n) for n in re.findall(r"\d\.\d+", w_line)] == pytest.approx(expected)
    assert [float(n) for n in re.findall(r"\d\.\d+", y_line)] == pytest.approx(2 * expected)
    w, y = chapter["no-grad"].names["w"], chapter["no-grad"].names["y"]
    assert w.requires_grad and w.is_leaf and y.grad_fn is None and not y.requires_grad
    p = torch.ones(1, requires_grad=True)
    p.sum().backward()
    torch.optim.SGD([p], lr=0.1).step()
    assert p.is_leaf and p.requires_grad and p.item() == pytest.approx(0.9)  # step() does the same


def test_detach_cuts_one_branch_and_shares_memory(chapter):
    constant = 3.0
    on_paper = [difference(lambda x: x * x, 3.0).item(), difference(lambda x: x * constant, 3.0).item()]
    assert numbers(chapter, "detach") == pytest.approx(on_paper) == [6, 3]
    w, view, copy = (chapter["detach-shares"].names[name] for name in ("w", "view", "copy"))
    assert w[0].item() == 100 and view.data_ptr() == w.data_ptr()
    assert torch.equal(copy, torch.ones(3)) and copy.data_ptr() != w.data_ptr()
    assert not view.requires_grad and w.requires_grad
    assert states(chapter, "100", "w.detach().clone()")


def test_inference_tensors_are_sealed_and_no_grad_tensors_are_not(chapter):
    rows = [re.findall(r"True|False", line) for line in chapter["inference"].stdout.splitlines()]
    assert rows == [["False", "False"], ["False", "True"]]
    assert torch.equal(chapter["inference"].value, torch.full((3,), 2.0))
    error = chapter["inference-error"].error
    assert isinstance(error, RuntimeError) and "Inference tensors cannot be saved for backward" in str(error)
    assert "clone" in str(error) and "torch.no_grad()" in str(error)
    names = chapter["inference-error"].names
    w = torch.ones(3, requires_grad=True)
    sealed = names["sealed"]
    (w + sealed).sum().backward()  # nothing has to be saved for a sum
    (w * sealed.clone()).sum().backward()
    assert torch.equal(w.grad, torch.tensor([3.0, 3.0, 3.0]))
    with pytest.raises(RuntimeError, match="do not track version counter"):
        _ = sealed._version
    detached = torch.full((3,), 2.0, requires_grad=True).detach()
    assert (w * detached).requires_grad


def test_eval_does_not_turn_autograd_off(chapter):
    net = torch.nn.Linear(2, 1).eval()
    assert net(torch.ones(1, 2)).requires_grad
    assert states(chapter, "net.eval()")


def test_changing_what_backward_needs_raises(chapter):
    message = str(chapter["in-place-error"].error)
    assert isinstance(chapter["in-place-error"].error, RuntimeError) and "modified by an inplace operation" in message
    for phrase in ("is at version 1", "expected version 0"):
        assert phrase in message and states(chapter, phrase)
    first, second = [[float(n) for n in re.findall(r"\d\.\d*", line)] for line in chapter["in-place-fine"].stdout.splitlines()]
    assert first == [2, 2, 2] and second == pytest.approx([math.e] * 3, abs=1e-4)
    assert states(chapter, f"{math.e:.4f}")
    code = chapter["in-place-fine"].code
    assert code.count("y += 1") == 1 and code.count("y = y + 1") == 1


def test_hooks_see_and_replace_gradients(chapter):
    assert chapter["hook-print"].stdout.splitlines() == [
        "passing y: tensor([ 4.,  8., 12.])", "in w.grad: tensor([ 8., 16., 24.])"]
    assert chapter["hook-print"].names["y"].is_leaf is False
    clipped, plain = [[float(n) for n in re.findall(r"\d+", line)] for line in chapter["hook-clip"].stdout.splitlines()]
    expected = difference(lambda w: (w**3).sum(), np.array([1.0, 2.0, 3.0]))
    assert plain == pytest.approx(expected) and plain == [3, 12, 27]
    assert clipped == pytest.approx(np.minimum(expected, 10)) == [3, 10, 10]


@pytest.mark.ledger("n1-17")
def test_variable_hands_back_a_plain_tensor(chapter):
    names = chapter["variable"].names
    wrapped, t = names["wrapped"], names["t"]
    assert type(wrapped) is torch.Tensor and isinstance(t, names["Variable"])
    assert chapter["variable"].stdout.splitlines()[0] == "Tensor True"
    expected = torch.from_numpy(difference(notes, np.ones((2, 2)))).float()
    for tensor in (wrapped, t):
        torch.testing.assert_close(tensor.grad, expected, rtol=1e-4, atol=1e-4)
    bare = torch.ones(2, 2, requires_grad=True)  # never wrapped
    chapter["nudge"].names["f"](bare).backward()
    torch.testing.assert_close(bare.grad, expected, rtol=1e-4, atol=1e-4)
    assert not chapter["variable"].warnings
    assert "Variable" not in "".join(chapter[cell].code for cell in chapter if cell != "variable")


def test_the_engine_agrees_with_torch_and_with_differences(chapter):
    names = chapter["engine-torch"].names
    Scalar, backward, formula = names["Scalar"], names["backward"], names["formula"]
    assert numbers(chapter, "engine-backward") == [42, 13, 39]

    class Plain(float):  # numbers that know no gradient
        __add__ = lambda a, b: Plain(float(a) + float(b))
        __mul__ = lambda a, b: Plain(float(a) * float(b))
        __pow__ = lambda a, n: Plain(float(a) ** n)
        tanh = lambda a: Plain(math.tanh(a))

    for point in ((0.5, -0.8, 0.9), (1.3, 0.2, -0.4), (-0.7, 1.1, 0.3)):
        ours = [Scalar(n) for n in point]
        theirs = [torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in point]
        end, expected = formula(*ours), formula(*theirs)
        backward(end)
        expected.backward()
        by_difference = difference(lambda x: float(formula(*(Plain(n) for n in x))), point)
        assert end.value == pytest.approx(expected.item(), rel=1e-12)
        for one, other, third in zip(ours, theirs, by_difference):
            assert one.grad == pytest.approx(other.grad.item(), rel=1e-12)
            assert one.grad == pytest.approx(third, rel=1e-6)

    rows = [re.findall(r"-?\d\.\d+", line) for line in chapter["engine-torch"].stdout.splitlines()]
    assert chapter["engine-torch"].stdout.count("True") == 3 and "False" not in chapter["engine-torch"].stdout
    assert len(rows) == 4 and all(len(row) == 2 and row[0] == row[1] for row in rows)
    code = names["formula"].__code__.co_varnames
    assert code[:3] == ("p", "q", "r")


@pytest.mark.parametrize("operation", [
    lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a**3 + b, lambda a, b: a.tanh() * b,
    lambda a, b: a * a, lambda a, b: (a * b + a) ** 2 * a,
])
def test_each_operation_of_the_engine(chapter, operation):
    names = chapter["engine-torch"].names
    ours = [names["Scalar"](n) for n in (0.6, -1.7)]
    theirs = [torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in (0.6, -1.7)]
    end = operation(*ours)
    names["backward"](end)
    operation(*theirs).backward()
    for one, other in zip(ours, theirs):
        assert one.grad == pytest.approx(0.0 if other.grad is None else other.grad.item(), rel=1e-12)


def test_the_order_puts_origins_first_and_matters(chapter):
    names = chapter["engine-torch"].names
    Scalar, ordered = names["Scalar"], names["ordered"]
    w = Scalar(2.0)
    a = w * Scalar(3.0)
    c = a + a**2
    order = ordered(c)
    for place, scalar in enumerate(order):
        assert all(order.index(parent) < place for parent, _ in scalar.parents)
    assert len(order) == len(set(order)) == 5 and order[-1] is c

    def careless(end):  # sends a gradient on as soon as one branch has delivered
        end.grad, queue = 1.0, [end]
        while queue:
            scalar = queue.pop(0)
            for parent, slope in scalar.parents:
                parent.grad += slope * scalar.grad
                queue.append(parent)

    careless(c)
    assert w.grad != 39


def test_the_engine_is_as_short_as_the_page_says(chapter):
    code = "\n".join(chapter[cell].code for cell in ("engine-scalar", "engine-order", "engine-backward"))
    code = code[: code.index("w = Scalar(2.0)")]
    assert 30 <= sum(bool(line.strip()) for line in code.splitlines()) < 36
    assert "三十来行" in chapter.prose("zh") and "some thirty lines" in chapter.prose("en")


@pytest.mark.parametrize(("cell", "kind", "message"), [
    ("vector-error", RuntimeError, "created only for scalar outputs"),
    ("once-error", RuntimeError, "backward through the graph a second time"),
    ("update-error", RuntimeError, "a leaf Variable that requires grad"),
    ("in-place-error", RuntimeError, "modified by an inplace operation"),
    ("inference-error", RuntimeError, "Inference tensors cannot be saved"),
    ("no-graph-error", RuntimeError, "does not require grad"),
    ("integer-error", RuntimeError, "Only Tensors of floating point"),
    ("numpy-error", RuntimeError, "Can't call numpy()"),
    ("non-leaf-optimizer-error", ValueError, "can't optimize a non-leaf Tensor"),
])
def test_errors_say_what_the_table_says(chapter, cell, kind, message):
    assert type(chapter[cell].error) is kind and message in str(chapter[cell].error)
    assert states(chapter, f"| `{message}` |")


def test_the_cures_of_the_table_work(chapter):
    assert chapter["leaf-mended"].value is True
    w, optimizer = chapter["leaf-mended"].names["w"], chapter["leaf-mended"].names["optimizer"]
    assert w.requires_grad and torch.equal(w, torch.ones(3) * 0.01)
    assert optimizer.param_groups[0]["params"][0] is w
    assert torch.ones(3, requires_grad=True).detach().numpy().sum() == 3
    torch.tensor([1.0, 2.0, 3.0], requires_grad=True).sum().backward()
    assert not (torch.ones(3, requires_grad=True) * 0.01).is_leaf
    with torch.no_grad():
        graphless = torch.ones(1, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="does not require grad"):
        graphless.backward()


def test_a_total_of_losses_keeps_their_graphs_and_item_does_not(chapter):
    names = chapter["history-kept"].names
    total = names["total"]
    assert total.item() == names["plain_total"] == 3 * 2.0**2 == 12
    assert total.requires_grad and type(names["plain_total"]) is float
    nodes, queue = set(), [total.grad_fn]
    while queue:
        node = queue.pop()
        nodes.add(node)
        queue += [parent for parent, _ in node.next_functions if parent is not None]
    assert sum(type(node).__name__ == "PowBackward0" for node in nodes) == 3  # one for every step


def test_formulas_can_be_set(chapter):
    from latex2mathml.converter import convert

    for language in ("zh", "en"):
        formulas = re.findall(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", chapter.prose(language), re.DOTALL)
        assert len(formulas) > 15
        for block, inline in formulas:
            assert convert((block or inline).strip()).startswith("<math")
