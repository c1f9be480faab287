"""The proof of what docs/*/foundations/what-is-pytorch.md claims."""

import re
from fractions import Fraction

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from tests.prose import lines, says, says_in

STARTS = (4, 5, 3)  # of the walks, once more and independently


def steps(number):
    """The walk from `number` to 1, worked out with whole numbers: [(operation, number reached)]."""
    found = []
    while number > 1:
        if number % 2 == 0:
            number //= 2
            found.append(("Div", number))
        else:
            found += [("Mul", 3 * number), ("Add", 3 * number + 1)]
            number = 3 * number + 1
    return found


def rate(number):
    """How fast the end of the walk moves with its start: 1/2 a division, 3 a multiplication."""
    product = Fraction(1)
    for operation, _ in steps(number):
        product *= {"Div": Fraction(1, 2), "Mul": 3, "Add": 1}[operation]
    return product


def table(chapter, language, first):
    """{first cell: other cells} of the table whose header has `first` among its cells."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in chapter.prose(language).splitlines() if line.startswith("|")]
    start = next(number for number, row in enumerate(rows) if first in row)
    width = len(rows[start])
    found = {}
    for row in rows[start + 2:]:
        if len(row) != width:
            break
        found[row[0]] = row[1:]
    return found


# ---- two skills ------------------------------------------------------------------------------


@pytest.mark.ledger("n0-02")
def test_three_lines_compute_and_differentiate(chapter):
    ran = chapter["two-skills"]
    numbers = np.array([1.0, 2.0, 3.0])
    total, gradient = ran.names["total"], ran.names["x"].grad
    assert total.item() == np.sum(numbers**2) == 14
    assert gradient.tolist() == list(2 * numbers) == [2, 4, 6]
    nudged = [(np.sum((numbers + 1e-6 * np.eye(3)[i]) ** 2) - 14) / 1e-6 for i in range(3)]
    assert np.allclose(nudged, gradient.numpy(), atol=1e-4)
    assert lines(chapter, "two-skills") == ["14.0 tensor([2., 4., 6.])"]
    assert len(re.findall(r"^(?:x =|total)", ran.code, re.M)) == 3
    says_in(chapter, "zh", "两样，张量运算和自动求导", "1² + 2² + 3² = 14", "2、4、6")
    says_in(chapter, "en", "two core skills, tensor computation and automatic differentiation", "1² + 2² + 3² = 14", "2, 4 and 6")


@pytest.mark.ledger("n2-02")
def test_numpy_computes_the_same_and_cannot_differentiate(chapter):
    ran = chapter["numpy"]
    assert ran.stdout.strip() == "14.0" and isinstance(ran.names["total"], np.floating)
    assert isinstance(ran.error, AttributeError) and "has no attribute 'backward'" in str(ran.error)
    assert isinstance(ran.names["array"], np.ndarray)


@pytest.mark.ledger("n2-02", "n4-01")
def test_the_same_code_runs_on_whatever_there_is(chapter):
    ran = chapter["anywhere"]
    available = torch.accelerator.is_available()
    expected = torch.accelerator.current_accelerator().type if available else "cpu"
    assert ran.names["device"].type == ran.names["x"].device.type == expected
    assert lines(chapter, "anywhere") == ["[2.0, 4.0, 6.0]"]
    assert "check_available=True" in ran.code and "device=device" in ran.code
    says_in(chapter, "zh", "早已不限于研究")
    says_in(chapter, "en", "long outgrown research")


# ---- the rest is built on the two --------------------------------------------------------------


@pytest.mark.ledger("n1-01")
def test_tensors_and_autograd_alone_find_the_price(chapter):
    ran = chapter["by-hand"]
    kilos, paid = np.arange(1.0, 5.0), 3 * np.arange(1.0, 5.0)
    assert ran.names["kilos"].flatten().tolist() == list(kilos) and ran.names["paid"].flatten().tolist() == list(paid)
    price, found = 0.0, []
    for _ in range(5):
        price -= 0.05 * np.mean(2 * (kilos * price - paid) * kilos)
        found.append(price)
    assert [float(line) for line in lines(chapter, "by-hand")] == pytest.approx(found, abs=0.006)
    left = 3 - np.array([0.0, *found])
    assert np.allclose(1 - left[1:] / left[:-1], 3 / 4)  # each step covers three quarters of what is left
    assert ran.names["price"].item() == pytest.approx(found[-1], abs=1e-5) and f"{found[-1]:.2f}" == "3.00"
    assert "torch.nn" not in ran.code and "torch.optim" not in ran.code
    says(chapter, "0.05", "3.00")
    says_in(chapter, "zh", "四分之三")
    says_in(chapter, "en", "three quarters")


@pytest.mark.ledger("n1-01")
def test_nn_optim_and_data_give_what_the_two_skills_gave(chapter):
    ran = chapter["conveniences"]
    weight, price = ran.names["layer"].weight, ran.names["price"]
    assert lines(chapter, "conveniences") == ["3.00 True"]
    assert weight.item() == pytest.approx(price.item(), abs=1e-6) == pytest.approx(3 * (1 - 0.25**5), abs=1e-5)
    inputs = ran.names["inputs"]  # a layer is a product of tensors, an optimizer a subtraction
    assert torch.allclose(ran.names["layer"](inputs), inputs @ weight.T)
    p = torch.nn.Parameter(torch.tensor([2.0]))
    p.grad = torch.tensor([10.0])
    torch.optim.SGD([p], lr=0.05).step()
    assert p.item() == pytest.approx(2 - 0.05 * 10)
    assert torch.equal(inputs, ran.names["kilos"])  # the loader handed all of it out, in order
    for part in ("torch.nn.Linear", "torch.optim.SGD", "DataLoader"):
        assert part in ran.code
    says(chapter, "`torch.nn`", "`torch.optim`", "`torch.utils.data`", "`torch.autograd`")


@pytest.mark.ledger("n1-19")
def test_the_input_is_a_plain_tensor_and_variable_hands_one_back(chapter):
    assert lines(chapter, "variable") == ["Tensor", "Tensor"]
    inputs = chapter["conveniences"].names["inputs"]
    assert type(inputs) is torch.Tensor and type(torch.autograd.Variable(inputs)) is torch.Tensor
    assert isinstance(inputs, torch.autograd.Variable)
    assert "Variable(inputs)" in chapter["variable"].code
    says(chapter, "https://github.com/pytorch/pytorch/releases/tag/v0.4.0", "`Variable`", "(#neighbours)")


# ---- the graph follows Python ------------------------------------------------------------------


@pytest.mark.ledger("n2-05")
def test_one_function_leaves_a_gradient_for_each_way_taken(chapter):
    shown = [re.fullmatch(r"from (\S+): arrives at (\S+), gradient (\S+)", line).groups() for line in lines(chapter, "control-flow")]
    assert [float(start) for start, _, _ in shown] == list(STARTS)
    assert {float(end) for _, end, _ in shown} == {1.0}
    assert [Fraction(float(gradient)) for _, _, gradient in shown] == [rate(start) for start in STARTS]
    assert rate(4) == Fraction(1, 4) and rate(3) == Fraction(9, 32) and float(rate(3)) == 0.28125
    assert len({rate(start) for start in STARTS}) == 3
    says(chapter, "½ × ½ = 0.25", "9/32 = 0.28125")


@pytest.mark.ledger("n2-05")
def test_the_walk_is_ordinary_python(chapter):
    code, walk = chapter["control-flow"].code, chapter["control-flow"].names["walk"]
    assert "while x > 1:" in code and "if x % 2 == 0:" in code
    for start in (1, 6, 7, 16):
        assert walk(float(start)) == 1.0  # runs on a bare number just as well
        assert [name for name, _ in steps(start)] == (chapter["chains"].names["chain"](
            walk(torch.tensor(float(start), requires_grad=True))) if start > 1 else [])


@pytest.mark.ledger("n2-05")
def test_grad_fn_tells_each_run_apart(chapter):
    chains = chapter["chains"].names["chains"]
    assert {int(start): names for start, names in chains.items()} == {start: [name for name, _ in steps(start)] for start in STARTS}
    assert lines(chapter, "chains") == [f"{float(start)} " + " ".join(name for name, _ in steps(start)) for start in STARTS]
    assert [len(names) for names in chains.values()] == [2, 6, 9]
    assert chains[3.0].count("Mul") == 2 and chains[3.0].count("Div") == 5
    x = torch.tensor(4.0, requires_grad=True)
    walk = chapter["control-flow"].names["walk"]
    assert walk(x).grad_fn is not walk(x).grad_fn  # a new graph each time, for the same input too
    says(chapter, "`grad_fn`", "`Div`", "`Mul`", "`Add`")
    says_in(chapter, "zh", "两次乘 3、五次除以 2")
    says_in(chapter, "en", "two multiplications by 3 and five divisions by 2")


def test_the_figure_shows_each_operation_and_the_number_reached(chapter):
    (figure,) = chapter["chains-figure"].figures
    (ax,) = figure.axes
    label = {"Div": "÷2", "Mul": "×3", "Add": "+1"}
    dots = {(line.get_xdata()[0], line.get_ydata()[0]): to_hex(line.get_color())
            for line in ax.lines if line.get_marker() == "o"}
    texts = {}
    for text in ax.texts:
        x, y = text.get_position()
        texts.setdefault((round(x, 2), round(y)), []).append((y, text.get_text()))
    colours = {}
    for row, start in enumerate(STARTS):
        assert [text for _, text in texts.pop((-0.25, -row))] == [str(start)]
        for place, (operation, number) in enumerate(steps(start), 1):
            above, below = (text for _, text in sorted(texts.pop((place, -row)), reverse=True))
            assert above == label[operation] and below == str(number)
            colours.setdefault(operation, set()).add(dots.pop((place, -row)))
    assert not texts and not dots
    assert all(len(found) == 1 for found in colours.values()) and len(set.union(*colours.values())) == 3
    assert ax.get_xlabel() and ax.get_ylabel() == "start"
    for language in ("zh", "en"):
        alt = re.search(r"!\[([^\]]*)\]", chapter.prose(language))[1]
        for start in (5, 3):
            numbers = re.findall(r"\d+", alt[alt.index({"zh": f"从 {start} 出发", "en": f"From {start}"}[language]):])
            wanted = [str(number) for _, number in steps(start)]
            assert any(numbers[i:i + len(wanted)] == wanted for i in range(len(numbers)))


# ---- torch.compile -----------------------------------------------------------------------------


@pytest.mark.ledger("n2-05")
def test_compile_captures_each_way_once_and_computes_the_same(chapter):
    squares, sizes = sum(n * n for n in (3, -4)), sum(abs(n) for n in (3, -4))
    assert lines(chapter, "compile") == [
        "captured: ['pow_1', 'sum_1']", f"True {squares}.0 {squares}.0",
        "captured: ['abs_1', 'sum_1']", f"False {sizes}.0 {sizes}.0",
        f"True {squares}.0 {squares}.0",
    ]
    assert "backend=look" in chapter["compile"].code
    says(chapter, "`pow`", "https://github.com/pytorch/pytorch/releases/tag/v2.0.0")


@pytest.mark.ledger("n2-05")
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compile_with_a_backend_that_needs_no_compiler(chapter, backend, monkeypatch):
    monkeypatch.setenv("PATH", "")  # no C++ compiler to be found
    measure = chapter["compile"].names["measure"]
    compiled = torch.compile(measure, backend=backend)
    for squared, rates in ((True, [6.0, -8.0]), (False, [1.0, -1.0])):
        x = torch.tensor([3.0, -4.0], requires_grad=True)
        y = compiled(x, squared)
        y.backward()
        assert y.item() == measure(x, squared).item() and x.grad.tolist() == rates
    says(chapter, '`backend="eager"`', "`inductor`", "C++")


def test_inductor_is_the_default_backend():
    assert '"inductor" is the default backend' in torch.compile.__doc__


# ---- where it came from, and its neighbours ------------------------------------------------------


@pytest.mark.ledger("n2-01")
def test_the_dates_stand_beside_the_pages_that_state_them(chapter):
    dated = {
        "zh": ("时间", {"2016 年": "/pytorch/pytorch/releases)", "2017 年 1 月 19 日": "pytorch.org/blog/a-year-in/",
                       "2018 年 4 月": "tag/v0.4.0", "2022 年 9 月 12 日": "linuxfoundation.org", "2023 年 3 月": "tag/v2.0.0"}),
        "en": ("When", {"2016": "/pytorch/pytorch/releases)", "19 January 2017": "pytorch.org/blog/a-year-in/",
                        "April 2018": "tag/v0.4.0", "12 September 2022": "linuxfoundation.org", "March 2023": "tag/v2.0.0"}),
    }
    for language, (header, wanted) in dated.items():
        rows = table(chapter, language, header)
        assert list(rows) == list(wanted)
        for when, page in wanted.items():
            assert page in rows[when][0], (language, when)
    says_in(chapter, "zh", "内测版（alpha）", "公开发布", "PyTorch 基金会")
    says_in(chapter, "en", "alpha releases", "the public release", "PyTorch Foundation")


NEIGHBOURS = {  # row -> what must stand in it, in both languages
    "PyTorch 2": ("`backward()`", "`torch.compile`"),
    "TensorFlow 2": ("`tf.GradientTape`", "tensorflow.org/guide/function", "`tf.function`"),
    "Keras 3": ("TensorFlow", "JAX", "PyTorch", "OpenVINO", "keras.io/keras_3/", "keras.io/getting_started/"),
    "JAX": ("`jax.grad`", "docs.jax.dev", "`jax.jit`"),
}


@pytest.mark.ledger("n2-03", "n2-04")
def test_the_table_of_neighbours_is_complete_and_linked(chapter):
    for language, header, line_by_line, inference in (
        ("zh", "它是什么", "写一行算一行", "只管推理"), ("en", "What it is", "line by line", "for inference only"),
    ):
        rows = table(chapter, language, header)
        assert list(rows) == list(NEIGHBOURS)
        for name, wanted in NEIGHBOURS.items():
            for text in wanted:
                assert text in " ".join(rows[name]), (language, name, text)
        assert all(line_by_line in rows[name][2] for name in ("PyTorch 2", "TensorFlow 2", "JAX"))
        assert inference in rows["Keras 3"][0]
    says(chapter, "2019", "https://blog.tensorflow.org/2019/09/tensorflow-20-is-now-available.html",
         "https://github.com/Theano/Theano", "cntk_2_7_release_notes")
    says_in(chapter, "zh", "都已不再开发", "TensorFlow 1.x")
    says_in(chapter, "en", "are no longer developed", "TensorFlow 1.x")


@pytest.mark.ledger("n2-03")
def test_pytorch_runs_line_by_line_and_changes_in_place(chapter):
    seen = []
    x = torch.ones(2)
    seen.append((x * 2).tolist())  # the value is there before the next line
    x += 1
    assert seen == [[2.0, 2.0]] and x.tolist() == [2.0, 2.0]


# ---- common errors -----------------------------------------------------------------------------


def test_common_errors(chapter):
    error = chapter["no-module"].error
    assert isinstance(error, ModuleNotFoundError) and str(error) == "No module named 'pytorch'" and error.name == "pytorch"
    error = chapter["no-record"].error
    assert isinstance(error, RuntimeError) and "does not require grad and does not have a grad_fn" in str(error)
    says(chapter, "`requires_grad=True`", "`pytorch`", "`torch`")
