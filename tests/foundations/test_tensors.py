"""What the chapter on tensors claims, proven by hand, by NumPy, and by trying the others."""

import __future__

import inspect
import re
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.facts import fact
from tests.prose import ledger_rows, lines

ROOT = Path(__file__).resolve().parents[2]
X = [[12.0, 18.0, 15.0], [10.0, 20.0, 9.0]]  # the temperatures, once more and independently
ARRAY = np.array(X, dtype=np.float32)
DAYS = ("first", "second")
TIMES = {"morning": 0, "noon": 1, "evening": 2}
USUAL = (torch.bool, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32, torch.float64)
SYMBOLS = (torch.add, torch.sub, torch.mul, torch.div)


def kind(dtype):
    """0 for bool, 1 for integers, 2 for floats."""
    return 2 if dtype.is_floating_point else int(dtype != torch.bool)


def start(t):
    """The address of the storage of `t`."""
    return t.untyped_storage().data_ptr()


@cache
def ledger():
    return {row["id"]: row for row in ledger_rows()}


def said(row):
    """{language: what the ledger says that the old notes said} of a row."""
    return ledger()[row]["said"]


def seeded(make, *args, seed=1):
    """What `make` draws from a generator of its own."""
    return make(*args, generator=torch.Generator().manual_seed(seed))


def works(act, *args):
    """Whether `act` works, and does not raise a RuntimeError."""
    try:
        act(*args)
    except RuntimeError:
        return False
    return True


# ---- what a tensor is -------------------------------------------------------------------------------------------

@pytest.mark.claim(zh="照片、句子、房价，都要先变成张量，才能交给网络。",
                   en="Photographs, sentences and house prices have to become tensors before a network can take them.")
@pytest.mark.claim(zh="网络里的权重，本来就是张量。", en="The weights of the network are tensors to begin with.")
def test_networks_take_tensors_and_are_made_of_them():
    for layer, data in ((torch.nn.Conv2d(1, 1, 2), [[[1.0, 2.0], [3.0, 4.0]]]), (torch.nn.Embedding(5, 2), [1, 4]), (torch.nn.Linear(2, 1), [90.0, 3.0])):
        with pytest.raises(TypeError):
            layer(data)
        layer(torch.tensor(data))
        assert all(isinstance(weight, torch.Tensor) for weight in layer.parameters()) and list(layer.parameters())


@pytest.mark.ledger("n0-06")
@pytest.mark.claim(zh="先动手造：连着两天，早上、中午、晚上各量一次气温：",
                   en="Make one first: on two days, the temperature was read in the morning, at noon and in the evening:")
@pytest.mark.claim(zh="外层列表装着两天，里层各装三个温度，得到两行三列；代码末尾的 `# (2, 3)` 记着形状。",
                   en="The outer list holds the days, each inner list three temperatures: two rows, three columns. The comment `# (2, 3)` notes the shape.")
@pytest.mark.claim(zh="输出里 `12.` 的点是说：这是小数，不是整数。",
                   en="The dot in the printed `12.` says that this is a float, a number with decimals, and not an integer.")
def test_a_tensor_is_created_from_what_was_measured(chapter):
    x = chapter["first"].value
    assert isinstance(x, torch.Tensor) and x.tolist() == X and chapter["in-place-dtype"].names["x"].tolist() == X
    assert x.shape == ARRAY.shape == (len(DAYS), len(TIMES)) == (2, 3)
    assert chapter["first"].code.rstrip().removesuffix("\nx").endswith("]])  # (2, 3)")
    assert repr(x).startswith("tensor([[12.,") and x.is_floating_point() and "." not in repr(x.long())


@pytest.mark.ledger("n4-02")
@pytest.mark.claim(zh="第一行先写 `from __future__ import …`。", en="Begin with `from __future__ import …`.")
@pytest.mark.claim(zh="那是 Python 2 的习惯。", en="That was a habit of Python 2.")
@pytest.mark.claim(zh="上面没写，照样能跑。", en="The code above does without.")
def test_the_future_import_has_nothing_left_to_do(chapter):
    for language, top in (("zh", "最上面"), ("en", "under a `__future__` import")):
        assert "__future__" in said("n4-02")[language] and "Python 2" in said("n4-02")[language] and top in said("n4-02")[language]
    for feature in (__future__.print_function, __future__.division, __future__.absolute_import, __future__.unicode_literals):
        assert feature.getOptionalRelease()[0] == 2 and feature.getMandatoryRelease()[:3] == (3, 0, 0)
    assert "__future__" not in "".join(cell.code for cell in chapter.values())
    assert chapter["first"].code.startswith("import torch") and chapter["first"].error is None


@pytest.mark.claim(zh="让两者都“乘以 2”：", en="Ask both to multiply by 2:")
@pytest.mark.claim(zh="列表把自己又抄了一遍，张量把每个数都乘了 2。", en="The list appended a copy of itself; the tensor doubled every number.")
@pytest.mark.claim(zh="列表里数字和文字可以混着放，所以没法替你算；张量里的数类型全都一样，一句话就全部算完，不用写循环。",
                   en="A list may mix numbers and words, so it cannot do the arithmetic for you. In a tensor all numbers are of one type, and one expression computes with all of them, without a loop.")
def test_a_list_is_repeated_where_a_tensor_is_doubled(chapter):
    out = lines(chapter, "list-or-tensor")
    assert out == [f"list  : {X[0] + X[0]}", f"tensor: {torch.tensor([2 * t for t in X[0]])}"]
    code = chapter["list-or-tensor"].code
    assert "day * 2" in code and "torch.tensor(day) * 2" in code and "for" not in code.split()
    mixed = [12.0, "noon"]
    assert mixed * 2 == [12.0, "noon", 12.0, "noon"] and not hasattr(mixed, "dtype")
    with pytest.raises((TypeError, ValueError)):
        torch.tensor(mixed)
    assert {t.dtype for t in torch.tensor([1, 2.5, True])} == {torch.float32}


@pytest.mark.ledger("n0-05")
@pytest.mark.claim(zh="常听人说，张量是能用 GPU 加速的多维数组。", en="A tensor is a multi-dimensional array that a GPU can speed up, you will hear.")
@pytest.mark.claim(zh="对，但只说了一半，它还带着这些：", en="That is true, but only half of it, for a tensor also carries these:")
@pytest.mark.claim(
    zh="依次是：每个数的数据类型（dtype），`float32` 是占 4 字节的小数；数放在哪个设备（device），`cpu` 就是普通内存；形状（shape）；步长（stride）和存储（storage），后面细看；要不要对它求导；它由哪个运算得来。",
    en="In order: the dtype, or type of each number, where `float32` is a float of 4 bytes; the device that holds them, `cpu` being ordinary memory; the shape; strides and storage, of which more below; whether derivatives will be wanted; and which operation made it.")
@pytest.mark.claim(zh="最后两项，NumPy 的数组没有：张量能记住自己的来历。", en="The last two are what a NumPy array lacks: a tensor can remember where it came from.")
def test_a_tensor_carries_dtype_device_shape_strides_storage_and_origin(chapter):
    shown = dict(line.split(maxsplit=1) for line in lines(chapter, "attributes"))
    assert list(shown) == ["dtype", "device", "shape", "strides", "storage", "requires_grad", "grad_fn"]
    assert shown == {
        "dtype": "torch.float32", "device": "cpu", "shape": "torch.Size([2, 3])",
        "strides": str(tuple(s // ARRAY.itemsize for s in ARRAY.strides)),
        "storage": f"{ARRAY.nbytes} bytes", "requires_grad": "False", "grad_fn": "None",
    }
    assert torch.float32.itemsize == 4 == ARRAY.itemsize and torch.float32.is_floating_point and ARRAY.nbytes == 6 * 4
    assert np.shares_memory(ARRAY, torch.from_numpy(ARRAY).numpy()) and torch.from_numpy(ARRAY).device.type == "cpu"  # ordinary memory
    lacking = [name for name in ("dtype", "shape", "strides", "requires_grad", "grad_fn") if not hasattr(ARRAY, name)]
    assert lacking == ["requires_grad", "grad_fn"]
    assert "GPU" in said("n0-05")["zh"] and "多维数组" in said("n0-05")["zh"] and "multi-dimensional array" in said("n0-05")["en"]
    assert "copy of this object in CUDA memory" in torch.Tensor.cuda.__doc__ and torch.ones(2, 3, 4, 5).numpy().ndim == 4


@pytest.mark.claim(zh="把 `requires_grad` 打开：", en="Switch `requires_grad` on:")
@pytest.mark.claim(zh="`w` 是亲手写的，没有来历，所以是 `None`；`y` 由乘法得来，末尾便记着 `MulBackward0`。",
                   en="`w` was typed in, so nothing made it: `None`. `y` came out of a multiplication and remembers `MulBackward0`.")
@pytest.mark.claim(zh="训练网络时，PyTorch 顺着这些记录往回走，算出梯度（gradient），这叫自动求导（autograd）。",
                   en="In training, PyTorch walks back along these records to find the gradient, which is called automatic differentiation, or autograd.")
def test_a_tensor_remembers_the_operation_that_made_it(chapter):
    ran = chapter["grad"]
    assert "requires_grad=True" in ran.code and ran.names["w"].requires_grad and not torch.tensor([1.0]).requires_grad
    assert ran.stdout == "None\n" and ran.names["w"].grad_fn is None and ran.value.tolist() == [2 * n for n in ran.names["w"].tolist()] == [2, 4, 6]
    assert repr(ran.value).endswith("grad_fn=<MulBackward0>)") and (ran.names["w"] + 2).grad_fn.name() == "AddBackward0"
    w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    total = (w * 2).sum()
    assert total.grad_fn.next_functions[0][0].name() == "MulBackward0"  # the record before it
    total.backward()
    assert w.grad.tolist() == [2, 2, 2]
    assert torch.autograd.__name__ == "torch.autograd" and "automatic differentiation" in torch.autograd.__doc__


# ---- names, rank, shape -----------------------------------------------------------------------------------------

@pytest.mark.ledger("n1-08")
@pytest.mark.claim(zh="0 | 标量（scalar） | 数（number） | 0", en="0 | scalar | number | 0")
@pytest.mark.claim(zh="1 | 向量（vector） | 数组（array） | 1", en="1 | vector | array | 1")
@pytest.mark.claim(zh="2 | 矩阵（matrix） | 二维数组（2d-array） | 2", en="2 | matrix | 2d-array | 2")
@pytest.mark.claim(zh="n | n 维张量（nd-tensor） | n 维数组（nd-array） | n", en="n | nd-tensor | nd-array | n")
def test_scalar_vector_matrix_and_nd_tensor_take_0_1_2_n_indices(chapter):
    names = chapter["ranks"].names
    for rank, name in enumerate(("scalar", "vector", "matrix", "stack")):
        t = names[name]
        assert np.array(t.tolist()).ndim == rank and t[(0,) * rank].ndim == 0
        assert not rank or t[(0,) * (rank - 1)].ndim == 1  # one index fewer does not reach a number
    assert "标量对应数，向量对应数组，矩阵对应二维数组，n 维张量对应 n 维数组" in said("n1-08")["zh"] and "阶数分别是 0、1、2、n" in said("n1-08")["zh"]
    assert "scalar and number, vector and array, matrix and 2-d array, nd-tensor and nd-array" in said("n1-08")["en"] and "rank 0, 1, 2 and n" in said("n1-08")["en"]


@pytest.mark.ledger("n1-08")
@pytest.mark.claim(zh="同一样东西，数学和计算机里各有各的名字：", en="Mathematics and computing have different names for the same things:")
@pytest.mark.claim(zh="四行全是张量，不同的只是阶（rank）：要几个下标才能取到一个数，就是几阶。",
                   en="All four rows are tensors; what differs is the rank: how many indices it takes to reach a single number.")
@pytest.mark.claim(zh="在 PyTorch 里，阶叫 `ndim`，也叫维数：标量是 0 维（0-d）张量，矩阵是 2 维（2-d）张量。",
                   en="PyTorch calls the rank `ndim`, the number of dimensions: a scalar is a 0-dimensional (0-d) tensor, a matrix a 2-d tensor.")
@pytest.mark.claim(zh="每行开头是 `ndim`；取数的方括号里，下标正好一样多。",
                   en="Each line begins with `ndim`; the brackets that reach the number hold just as many indices.")
def test_the_rank_is_how_many_indices_reach_a_number(chapter):
    ran = chapter["ranks"]
    names, printed = ran.names, lines(chapter, "ranks")
    assert all(type(names[name]) is torch.Tensor for name in ("scalar", "vector", "matrix", "stack"))
    for line, code in zip(printed, ran.code.splitlines()[-4:], strict=True):
        indices = re.search(r"(?:\[(.*)\])?\)$", code)[1]
        assert int(line.split()[0]) == (len(indices.split(",")) if indices else 0)
    assert [line.split() for line in printed] == [["0", "tensor(7)"], ["1", "tensor(9)"], ["2", "tensor(6)"], ["3", "tensor(9)"]]
    assert names["stack"].tolist()[1][0][2] == 9 and names["stack"].flatten().tolist() == list(range(1, 13))
    assert names["scalar"].ndim == names["scalar"].dim() == 0 and names["matrix"].ndim == 2 and "number of dimensions" in torch.Tensor.dim.__doc__
    with pytest.raises(TypeError, match="0-d tensor"):
        iter(names["scalar"])
    rows = [(row[1], row[2]) for language in ("zh", "en") for row in
            (re.split(r"\s*\|\s*", line)[1:] for line in chapter.prose(language).splitlines() if re.match(r"\| [012n] \|", line))]
    assert len(rows) == 8 and all(mathematics != computing for mathematics, computing in rows)


def places(chapter, left, right):
    """{number: where it is drawn} in the figure, for the numbers between two abscissae."""
    texts = chapter["ranks-figure"].figures[0].axes[0].texts
    return {int(t.get_text()): np.array(t.get_position()) for t in texts if t.get_text().isdigit() and left < t.get_position()[0] < right}


@pytest.mark.claim(zh="四个张量。", en="Four tensors.")
@pytest.mark.claim(zh="0 维：一格。", en="0-d: one box.")
@pytest.mark.claim(zh="1 维：一排三格，0 轴向右。", en="1-d: a row of three; axis 0 points right.")
@pytest.mark.claim(zh="2 维：两行三列，0 轴向下，1 轴向右。", en="2-d: two rows of three; axis 0 points down, axis 1 right.")
def test_the_figure_draws_a_box_a_row_a_table(chapter):
    (figure,) = chapter["ranks-figure"].figures
    texts = figure.axes[0].texts
    titles = [t.get_text() for t in texts if re.match(r"\d-d\n", t.get_text())]
    assert titles == ["0-d\nshape ()", "1-d\nshape (3,)", "2-d\nshape (2, 3)", "3-d\nshape (2, 2, 3)"]
    arrows = [t.get_text() for t in texts if t.get_text().startswith("axis")]
    assert arrows[:2] == ["axis 0 →", "axis 0 ↓\naxis 1 →"]
    squares = [tuple(dots.get_offsets()[0]) for dots in figure.axes[0].collections]
    digits = [t.get_position() for t in texts if t.get_text().isdigit()]
    assert squares == digits and len(set(squares)) == len(squares) == 1 + 3 + 6 + 12
    assert list(places(chapter, 0, 3)) == [7]
    row, table = places(chapter, 3, 8), places(chapter, 8, 13)
    assert list(row) == [7, 8, 9] and len({y for _, y in row.values()}) == 1 and row[7][0] < row[8][0] < row[9][0]
    assert list(table) == [1, 2, 3, 4, 5, 6]
    assert table[1][0] < table[2][0] < table[3][0] and table[1][1] == table[3][1] > table[4][1] == table[6][1] and table[1][0] == table[4][0]


@pytest.mark.claim(zh="3 维：两张这样的表一前一后，0 轴向后，1 轴向下，2 轴向右。",
                   en="3-d: two such tables, one behind the other; axis 0 points to the back, axis 1 down, axis 2 right.")
@pytest.mark.claim(zh="每多一维，就多一个方向；新的方向排在最前面，编号为 0。",
                   en="Each dimension more adds a direction; the new direction comes first and gets the number 0.")
def test_the_figure_draws_a_stack_and_numbers_the_axes_from_outside(chapter):
    arrows = [t.get_text() for t in chapter["ranks-figure"].figures[0].axes[0].texts if t.get_text().startswith("axis")]
    assert arrows == ["axis 0 →", "axis 0 ↓\naxis 1 →", "axis 0 ↗\naxis 1 ↓\naxis 2 →"]
    ways = ["", *("".join(line[-1] for line in arrow.splitlines()) for arrow in arrows)]
    assert all(len(more) == len(fewer) + 1 and more[1:] == fewer for fewer, more in zip(ways, ways[1:]))
    place = places(chapter, 13, 18)
    assert list(place) == list(range(1, 13))
    assert (place[2] - place[1])[0] > 0 and (place[2] - place[1])[1] == 0  # → axis 2
    assert (place[4] - place[1])[0] == 0 and (place[4] - place[1])[1] < 0  # ↓ axis 1
    assert ((place[7] - place[1]) > 0).all()  # ↗ axis 0, the second table behind the first
    assert torch.stack([torch.ones(2, 3)] * 5).shape == (5, 2, 3)  # the new axis is axis 0


@pytest.mark.ledger("n1-09")
@pytest.mark.claim(zh="轴（axis）是一个方向，从 0 数起；阶是一共有几个轴；形状是每个轴各有多长。",
                   en="An axis is a direction, counted from 0. The rank is how many axes there are. The shape is how long each of them is.")
@pytest.mark.claim(zh="知道形状，也就知道了阶：", en="Know the shape, and you know the rank:")
@pytest.mark.claim(zh="形状里有两个数，阶就是 2；乘起来，就是一共 6 个数。",
                   en="There are two numbers in the shape, so the rank is 2; multiply them, and there are 6 values in all.")
@pytest.mark.claim(zh="给每个轴定一个意思，就不容易用错：在 `x` 里，0 轴是“哪一天”，1 轴是“什么时候”。",
                   en="Give every axis a meaning, and you will mix them up less often: in `x`, axis 0 is “which day” and axis 1 is “what time of day”.")
def test_rank_axes_and_shape(chapter):
    assert lines(chapter, "shape")[0] == "2 3 2 6" == f"{len(X)} {len(X[0])} {ARRAY.ndim} {sum(map(len, X))}"
    for shape in ((), (4,), (2, 3), (5, 1, 2)):
        t = torch.zeros(shape)
        assert t.ndim == len(t.shape) == len(shape) and t.numel() == np.prod(shape)
        assert [t.size(axis) for axis in range(t.ndim)] == list(shape)  # the axes, counted from 0
        with pytest.raises(IndexError):
            t.size(max(t.ndim, 1))
    x = chapter["shape"].names["x"]
    assert x.size(0) == len(DAYS) and x.size(1) == len(TIMES) and x.sum(0).shape == (len(TIMES),)


@pytest.mark.ledger("n2-10")
@pytest.mark.claim(zh="`x.size()` 和 `x.shape` 是同一样东西，类型叫 `torch.Size`，其实就是元组（tuple）：能拆成两个变量，也能和元组比较，但从来不等于列表。",
                   en="`x.size()` and `x.shape` are the same thing, a `torch.Size`, which is a tuple: it unpacks into two variables and equals a tuple, but never a list.")
def test_size_is_a_tuple(chapter):
    ran = chapter["shape"]
    assert (ran.names["days"], ran.names["times"]) == (2, 3) and lines(chapter, "shape")[1:] == ["True True", "False"]
    for t in (torch.zeros(()), torch.zeros(4), ran.names["x"]):
        size = t.size()
        assert issubclass(torch.Size, tuple) and type(size) is type(t.shape) is torch.Size and size == t.shape
        assert size == tuple(size) and size != list(size)


@pytest.mark.ledger("n1-09")
@pytest.mark.claim(zh="别把阶和矩阵的秩弄混，它们的英文都是 rank。矩阵的秩（matrix rank），数的是最少留下几行，其余的行就都能由它们乘上倍数、相加得到：",
                   en="Do not confuse rank with matrix rank, which counts how few rows you must keep so that all the others are sums of multiples of them:")
@pytest.mark.claim(zh="这张表是 2 阶；可三行一模一样，留下一行就够了，所以秩是 1。",
                   en="This table has rank 2. But its three rows are alike, one is enough, and so the matrix rank is 1.")
def test_the_matrix_rank_is_another_rank(chapter):
    ran = chapter["matrix-rank"]
    assert "matrix_rank(torch.ones(3, 3))" in ran.code and torch.ones(3, 3).ndim == 2 and torch.ones(3, 3).unique(dim=0).shape == (1, 3)
    assert ran.value.item() == np.linalg.matrix_rank(np.ones((3, 3))) == 1
    kept = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]])  # neither is a multiple of the other
    table = np.vstack([kept, 2 * kept[0] - 3 * kept[1], kept[0] + kept[1]])
    assert torch.linalg.matrix_rank(torch.from_numpy(table)).item() == len(kept) == torch.from_numpy(table).ndim
    assert torch.linalg.matrix_rank(torch.eye(3)).item() == 3 != torch.eye(3).ndim


# ---- creating ---------------------------------------------------------------------------------------------------

@pytest.mark.ledger("n2-08")
@pytest.mark.claim(zh="手里有现成的数，就用 `torch.tensor`，类型由它看着定：", en="If you have the numbers, use `torch.tensor`. It works out the dtype by itself:")
@pytest.mark.claim(zh="全是整数，得到 `int64`；掺进一个小数，就都变成 `float32`；真假值得到 `bool`。",
                   en="Only integers: `int64`. A single float among them: all become `float32`. True and false: `bool`.")
@pytest.mark.claim(zh="想要别的，写明 `dtype=`。", en="For another, say so with `dtype=`.")
def test_a_list_decides_the_dtype(chapter):
    ran = chapter["from-list"]
    assert "dtype=" not in ran.code and [line.split()[-1] for line in lines(chapter, "from-list")] == ["torch.int64", "torch.float32", "torch.bool"]
    for numbers, dtype in (([1, 2], torch.int64), ([1, 2.5], torch.float32), ([True, False], torch.bool)):
        assert torch.tensor(numbers).dtype == dtype and f"{torch.tensor(numbers)} {dtype}" in ran.stdout
    assert torch.tensor([1, 2, 3, 4, 5.0]).dtype == torch.float32 and torch.tensor([7, 2**40]).dtype == torch.int64
    for dtype in USUAL:
        assert torch.tensor([1, 0], dtype=dtype).dtype == dtype


@pytest.mark.ledger("n2-08")
@pytest.mark.claim(zh="大写的 `torch.Tensor` 是另一回事，别用它：", en="`torch.Tensor` with a capital is another matter, and not for you:")
@pytest.mark.claim(zh="给 2，小写得到数字 2，大写得到两个还没填的数。",
                   en="Given 2, the small one makes the number 2; the capital one makes two numbers that nobody has filled in.")
@pytest.mark.claim(zh="给 `[1, 2]`，小写认出是整数；大写不管列表里是整数还是小数，一律变成 `float32`。",
                   en="Given `[1, 2]`, the small one sees integers; the capital one makes `float32` of any list of integers or floats.")
def test_the_capital_tensor_is_another(chapter):
    assert lines(chapter, "tensor-or-class") == ["torch.Size([]) torch.Size([2])", "torch.int64 torch.float32"]
    assert torch.tensor(2).item() == 2 and torch.Tensor(2).shape == (2,) and torch.Tensor(2, 3).shape == (2, 3)
    torch.use_deterministic_algorithms(True)  # where PyTorch fills uninitialised memory, it comes full of NaN
    try:
        assert torch.Tensor(2).isnan().all()
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.Tensor(torch.tensor([1, 2])).dtype == torch.int64  # of lists, then, not of anything
    for data in ([1, 2], [2**40, 1.5], [True], [1.5], [[1, 2], [3, 4]]):
        assert torch.Tensor(data).dtype == torch.float32
    assert isinstance(torch.Tensor, type) and not isinstance(torch.tensor, type)
    assert "torch.Tensor" not in "".join(ran.code for name, ran in chapter.items() if name != "tensor-or-class")


@pytest.mark.ledger("n2-07")
@pytest.mark.claim(zh="只知道形状，就让 PyTorch 来填：", en="If you know only the shape, let PyTorch fill it:")
@pytest.mark.claim(zh="`rand` 给 0 和 1 之间的随机数。", en="`rand` gives random numbers between 0 and 1.")
@pytest.mark.claim(zh="`manual_seed(0)` 定下随机数的起点，叫种子（seed）：再跑一遍，还是这三个数。",
                   en="`manual_seed(0)` sets where they start, the seed: run it again, and you get the same three.")
@pytest.mark.claim(zh="`torch.rand(3)` | 0 和 1 之间的随机数，机会均等 | `float32`", en="`torch.rand(3)` | random numbers between 0 and 1, all equally likely | `float32`")
def test_rand_is_uniform_and_the_same_after_the_same_seed(chapter):
    assert chapter["filled"].code.startswith("torch.manual_seed(0)\n") and "torch.rand(3)" in chapter["filled"].code
    shown = seeded(torch.rand, 3, seed=0)
    assert lines(chapter, "filled")[0] == str(shown) == str(seeded(torch.rand, 3, seed=0)) and torch.rand(3).dtype == torch.float32
    assert not torch.equal(shown, seeded(torch.rand, 3, seed=1)) and "seed" in torch.manual_seed.__doc__
    many = seeded(torch.rand, 10_000)
    assert 0 <= many.min() and many.max() < 1
    assert all(900 < count < 1100 for count in torch.histc(many, 10, 0, 1).tolist())


@pytest.mark.ledger("n2-07")
@pytest.mark.claim(zh="名字以 `_like` 结尾的函数照着另一个张量来造：形状、类型、设备都照搬，数值不搬。",
                   en="Functions whose name ends in `_like` build after another tensor: shape, dtype and device are taken over, the values are not.")
@pytest.mark.claim(zh="最后一个，1 后面没有点：整数类型也跟来了。", en="In the last one there is no dot after the ones: the integer dtype came along.")
@pytest.mark.claim(zh="`torch.zeros_like(x)`、`torch.rand_like(x)` | 照 `x` 的形状来填 | 和 `x` 一样",
                   en="`torch.zeros_like(x)`, `torch.rand_like(x)` | filled, in the shape of `x` | that of `x`")
@pytest.mark.claim(zh="`torch.zeros(2, 3)`、`torch.ones(2, 3)` | 全是 0，全是 1 | `float32`", en="`torch.zeros(2, 3)`, `torch.ones(2, 3)` | all 0, all 1 | `float32`")
def test_zeros_ones_and_like(chapter):
    counts = chapter["filled"].names["counts"]
    assert counts.dtype == torch.int64 != torch.get_default_dtype() and counts.tolist() == [[0] * 3] * 2
    zeros, ones = torch.from_numpy(np.zeros((2, 3), np.int64)), torch.from_numpy(np.ones((2, 3), np.int64))
    assert chapter["filled"].stdout.endswith(f"{zeros}\n{ones}\n") and "." not in str(ones) and "1." in str(ones.float())
    likes = [getattr(torch, name) for name in dir(torch) if name.endswith("_like") and not name.startswith("_")]
    assert {torch.ones_like, torch.zeros_like, torch.rand_like, torch.empty_like, torch.full_like} <= set(likes)
    for like in likes:
        extra = {torch.full_like: (7,), torch.randint_like: (10,)}.get(like, ())
        made = like(torch.empty(4, 1, dtype=torch.float16, device="meta"), *extra)
        assert (made.shape, made.dtype, made.device.type) == ((4, 1), torch.float16, "meta"), like
    for function, n in ((torch.zeros, 0), (torch.ones, 1)):
        assert function(2, 3).tolist() == [[n] * 3] * 2 and function(2, 3).dtype == torch.float32
    assert torch.zeros_like(torch.full((2,), 7)).tolist() == [0, 0]  # not the values


@pytest.mark.claim(zh="`torch.tensor([1, 2])` | 你给的数 | 看数而定", en="`torch.tensor([1, 2])` | the numbers you give | goes by the numbers")
@pytest.mark.claim(zh="`torch.full((2,), 7.0)` | 全是你给的那个数 | 看那个数而定", en="`torch.full((2,), 7.0)` | the one number you give, everywhere | goes by that number")
@pytest.mark.claim(zh="`torch.arange(0, 10, 3)` | 从 0 起，每次加 3，不到 10 就停：0、3、6、9 | 看数而定，这里是 `int64`",
                   en="`torch.arange(0, 10, 3)` | from 0 in steps of 3, stopping before 10: 0, 3, 6, 9 | goes by the numbers, here `int64`")
@pytest.mark.claim(zh="`torch.linspace(0, 1, 5)` | 从 0 到 1，间隔相等的 5 个数，两头都在内 | `float32`",
                   en="`torch.linspace(0, 1, 5)` | 5 numbers at equal distances from 0 to 1, both ends included | `float32`")
def test_tensors_filled_with_what_is_given_or_by_a_pattern(chapter):
    assert torch.tensor([1, 2]).tolist() == [1, 2] and {torch.tensor(n).dtype for n in ([1], [1.0], [True])} == {torch.int64, torch.float32, torch.bool}
    assert {torch.full((2,), n).dtype for n in (7, 7.0, True)} == {torch.int64, torch.float32, torch.bool}
    assert torch.arange(0, 10, 3).dtype == torch.int64 and torch.arange(0, 10, 2.5).dtype == torch.float32 and torch.arange(0, 9, 3).tolist() == [0, 3, 6]
    assert torch.linspace(0, 1, 5).tolist() == np.linspace(0, 1, 5).tolist() == [0, 0.25, 0.5, 0.75, 1] and torch.linspace(0, 1, 5).dtype == torch.float32
    expected = [torch.tensor([7.0, 7.0]), torch.tensor([0, 3, 6, 9]), torch.tensor([0, 0.25, 0.5, 0.75, 1])]
    assert lines(chapter, "ways")[:3] == [str(t) for t in expected]
    calls = re.findall(r"print\((.*)\)", chapter["ways"].code)
    assert calls[:3] == ["torch.full((2,), 7.0)", "torch.arange(0, 10, 3)", "torch.linspace(0, 1, 5)"]


@pytest.mark.claim(zh="`torch.randn(3)` | 标准正态分布的随机数：平均是 0，标准差是 1 | `float32`",
                   en="`torch.randn(3)` | random numbers of the standard normal distribution: mean 0, standard deviation 1 | `float32`")
@pytest.mark.claim(zh="`torch.randint(0, 10, (3,))` | 0 到 9 的随机整数，10 不在内 | `int64`",
                   en="`torch.randint(0, 10, (3,))` | random integers from 0 to 9; 10 is left out | `int64`")
@pytest.mark.claim(zh="`torch.randperm(5)` | 0 到 4，每个一次，次序打乱 | `int64`", en="`torch.randperm(5)` | 0 to 4, each once, in random order | `int64`")
def test_other_random_numbers(chapter):
    normal = seeded(torch.randn, 20_000)
    assert abs(normal.mean()) < 0.03 and abs(normal.std() - 1) < 0.03 and torch.randn(3).dtype == torch.float32
    for within, share in ((1, 0.683), (2, 0.954)):  # of a normal distribution
        assert abs((normal.abs() < within).float().mean() - share) < 0.02
    whole = seeded(torch.randint, 0, 10, (2000,))
    assert set(whole.tolist()) == set(range(10)) and whole.dtype == torch.int64
    orders = {tuple(seeded(torch.randperm, 5, seed=seed).tolist()) for seed in range(20)}
    assert len(orders) > 5 and all(sorted(order) == [0, 1, 2, 3, 4] for order in orders) and torch.randperm(5).dtype == torch.int64
    assert re.findall(r"print\((.*)\)", chapter["ways"].code)[3:] == ["torch.randn(3)", "torch.randint(0, 10, (3,))", "torch.randperm(5)"]
    draw = torch.Generator().manual_seed(0)  # what the cells draw, in their order
    torch.rand(3, generator=draw)
    expected = [torch.randn(3, generator=draw), torch.randint(0, 10, (3,), generator=draw), torch.randperm(5, generator=draw)]
    assert lines(chapter, "ways")[3:] == [str(t) for t in expected]


@pytest.mark.ledger("n2-07")
@pytest.mark.claim(zh="`torch.empty(2, 3)` | 什么都不填 | `float32`", en="`torch.empty(2, 3)` | filled with nothing | `float32`")
@pytest.mark.claim(zh="`torch.empty` 只要来一块内存，什么都不写。", en="`torch.empty` asks for memory and writes nothing into it.")
@pytest.mark.claim(zh="拿一块写满 7 的给它：", en="To see that, give it a block of memory full of sevens:")
@pytest.mark.claim(zh="7 原封不动。", en="The sevens are untouched.")
def test_empty_writes_nothing(chapter):
    ran = chapter["empty"]
    assert ran.value is ran.names["used"] and ran.value.tolist() == [[7.0] * 3] * 2 and torch.empty(2, 3).dtype == torch.float32
    assert "torch.full((2, 3), 7.0)" in ran.code and "torch.empty(2, 3, out=used)" in ran.code
    assert torch.zeros(2, 3, out=torch.full((2, 3), 7.0)).tolist() == [[0.0] * 3] * 2  # which does write
    assert "uninitialized data" in torch.empty.__doc__


@pytest.mark.ledger("n2-07")
@pytest.mark.claim(zh="`empty` 不是零：内存里原来有什么，就是什么；你看到一片 0，只是碰巧。",
                   en="`empty` is not zero: whatever was in the memory is what you get, and if you see zeros, that is chance.")
@pytest.mark.claim(zh="除非马上就会整个盖掉，否则请用 `zeros`。", en="Unless everything is overwritten at once, use `zeros`.")
def test_empty_is_not_zero():
    for before in (3.0, -1.0, 0.0):
        assert torch.empty(4, out=torch.full((4,), before)).tolist() == [before] * 4
        assert torch.zeros(4, out=torch.full((4,), before)).tolist() == [0.0] * 4
    torch.use_deterministic_algorithms(True)  # a second witness: PyTorch fills uninitialised memory here, with NaN
    try:
        assert torch.empty(2, 3).isnan().all() and not torch.zeros(2, 3).any()
    finally:
        torch.use_deterministic_algorithms(False)


# ---- indexing, masks, storage -----------------------------------------------------------------------------------

@pytest.mark.ledger("n0-06")
@pytest.mark.claim(zh="方括号里，每个轴写一个下标，从 0 数起：", en="The brackets hold one index for each axis, counted from 0:")
@pytest.mark.claim(
    zh="依次是：第一天；第一天中午；最后一天的最后一次（负数从末尾数起）；每一天的前两次（单独一个冒号是“全都要”，`0:2` 不含 2）。",
    en="In order: the first day; noon of the first day; the last reading of the last day (negative indices count from the end); the first two readings of every day (a colon alone means “all”, `0:2` leaves out 2).")
@pytest.mark.claim(zh="取出的一个数仍是 0 维张量，`.item()` 把它变成 Python 自己的数。",
                   en="A single number taken out is still a tensor, a 0-d one; `.item()` turns it into a number of Python’s own.")
def test_indices_pick_what_the_prose_says(chapter):
    expected = [ARRAY[0], ARRAY[0, TIMES["noon"]], ARRAY[1, TIMES["evening"]], ARRAY[:, [0, 1]]]
    assert chapter["index"].stdout == "".join(str(torch.tensor(a)) + "\n" for a in expected) + f"{X[0][TIMES['noon']]}\n"
    assert "x[-1, -1]" in chapter["index"].code and "x[:, 0:2]" in chapter["index"].code
    x = torch.tensor(X)
    assert [x[d, t].item() for d in range(2) for t in range(3)] == X[0] + X[1] and torch.equal(x[:], x)
    with pytest.raises(IndexError, match="too many indices"):
        x[0, 0, 0]
    noon = x[0, 1]
    assert isinstance(noon, torch.Tensor) and noon.ndim == 0 and type(noon.item()) is float and type(torch.tensor(3).item()) is int


@pytest.mark.ledger("n2-11")
@pytest.mark.claim(zh="`x[:, 1]` 是第一列，`x[1, :]` 是第一行。", en="`x[:, 1]` is the first column, `x[1, :]` the first row.")
@pytest.mark.claim(zh="是中午：18 和 20，第二列；`x[1, :]` 是第二天。", en="Noon: 18 and 20, the second column; and `x[1, :]` is the second day.")
@pytest.mark.claim(zh="第一列是 `x[:, 0]`，第一天是 `x[0, :]`。", en="The first column is `x[:, 0]`, the first day `x[0, :]`.")
def test_index_1_is_the_second_column_and_the_second_row(chapter):
    columns = list(zip(*X, strict=True))
    assert chapter["second"].stdout == (f"x[:, 1] = {torch.tensor(columns[1])}\nx[1, :] = {torch.tensor(X[1])}\nx[:, 0] = {torch.tensor(columns[0])}\n")
    assert columns[1] == (18.0, 20.0) and TIMES["noon"] == 1 and len({*columns[0], *columns[1]}) == 4 and X[0] != X[1]
    assert torch.tensor(X)[0, :].tolist() == X[0]
    for language in ("zh", "en"):  # what the notes said, and it is wrong
        assert "`x[:, 1]`" in said("n2-11")[language] and "`x[1, :]`" in said("n2-11")[language]
    assert "第一列" in said("n2-11")["zh"] and "第一行" in said("n2-11")["zh"]
    assert "the first column" in said("n2-11")["en"] and "the first row" in said("n2-11")["en"]


@pytest.mark.ledger("n0-06")
@pytest.mark.claim(zh="把下标写在等号左边，就是写入。", en="With an index on the left of an equals sign, you write.")
@pytest.mark.claim(zh="先用 `clone()` 复制一份，`x` 就不会跟着变：", en="First `clone()` makes a copy, so that `x` does not change too:")
@pytest.mark.claim(zh="等号右边可以是一个数，也可以是形状相配的张量。", en="The right side may be one number, or a tensor of a fitting shape.")
def test_an_index_on_the_left_writes(chapter):
    ran = chapter["assign"]
    assert "z = x.clone()" in ran.code and ran.value.tolist() == [[X[0][0], 99.0, X[0][2]], [1.0, 2.0, 3.0]] and ran.names["x"].tolist() == X
    x = torch.tensor(X)
    copy, same = x.clone(), x
    copy[0, 1] = 99
    assert x.tolist() == X
    same[0, 1] = 99
    assert x[0, 1] == 99
    with pytest.raises(RuntimeError):
        x[1] = torch.tensor([1.0, 2.0])  # two do not fit three


@pytest.mark.claim(zh="不知道下标，也能按条件来取：", en="You can select by a condition, without knowing the indices:")
@pytest.mark.claim(zh="`x > 12` 把每个数各比一次，得到同样形状的真和假，叫布尔掩码（boolean mask）。",
                   en="`x > 12` compares each number on its own, which gives true or false in the same shape: a boolean mask.")
@pytest.mark.claim(zh="拿它当下标，选出的是真的那些数，排成一排。", en="As an index it picks the numbers where it is true, in one row.")
@pytest.mark.claim(zh="求和时真算 1，假算 0，所以得到的是真的有几个：3。", en="In a sum, true counts as 1 and false as 0, so the sum is how many are true: 3.")
def test_a_boolean_mask_picks_and_counts(chapter):
    ran = chapter["mask"]
    answers = [[t > 12 for t in row] for row in X]
    picked = [t for row in X for t in row if t > 12]
    assert ran.names["warm"].tolist() == answers and ran.names["warm"].dtype == torch.bool and ran.names["warm"].shape == ran.names["x"].shape
    assert ran.stdout == f"{torch.tensor(answers)}\n{torch.tensor(picked)}\n{torch.tensor(len(picked))!r}\n" and picked == [18, 15, 20] and len(picked) == 3
    assert "x[warm]" in ran.code and ran.names["x"][ran.names["warm"]].ndim == 1
    assert [torch.tensor(t).sum().item() for t in ([True], [False], [True, True, False])] == [1, 0, 2]


@pytest.mark.claim(zh="放在等号左边，就只改真的那些。", en="On the left of an equals sign, a mask changes only the places where it is true.")
@pytest.mark.claim(zh="两个条件同时成立用 `&`，有一个成立用 `|`，反过来用 `~`；每个条件都要加括号：",
                   en="Join two conditions with `&` when both must hold and with `|` when one is enough, and turn one round with `~`; each condition needs its own parentheses:")
@pytest.mark.claim(zh="只有 12 和 10 大于 9 又小于 15，它们成了 0，其余不变。", en="Only 12 and 10 are above 9 and below 15: they became 0, and the others stayed.")
def test_masks_assign_and_are_joined(chapter):
    ran = chapter["mask-assign"]
    assert "z[(x > 9) & (x < 15)] = 0" in ran.code
    assert ran.value.tolist() == [[0 if 9 < t < 15 else t for t in row] for row in X] and [t for row in X for t in row if 9 < t < 15] == [12, 10]
    assert ran.names["x"].tolist() == X
    a, b = torch.tensor([True, True, False, False]), torch.tensor([True, False, True, False])
    assert (a & b).tolist() == [True, False, False, False] and (a | b).tolist() == [True, True, True, False] and (~a).tolist() == [False, False, True, True]
    x = torch.tensor(X)
    for text in ("x > 9 & x < 15", "x > 9 | x < 15"):  # without parentheses
        with pytest.raises((RuntimeError, NotImplementedError, TypeError)):
            eval(text)
    with pytest.raises((RuntimeError, NotImplementedError, TypeError)):
        eval("~x > 9")
    assert torch.equal(~(x > 9), x <= 9)


@pytest.mark.ledger("n0-05")
@pytest.mark.claim(zh="内存是一条直线，没有行，也没有列。", en="Memory is one long line, without rows or columns.")
@pytest.mark.claim(zh="把内存摊开（`as_strided` 平时用不着），再改改第二天的晚上：",
                   en="Lay the memory out as it is (`as_strided` is only for looking), then change the second evening:")
@pytest.mark.claim(zh="六个数排成一排，先第一天，后第二天。", en="Six numbers in a line, the first day and then the second.")
@pytest.mark.claim(zh="步长 `(3, 1)` 是说：往下一行跨 3 格，往右一列跨 1 格。",
                   en="The strides `(3, 1)` say: one row down is 3 places on, one column to the right is 1 place on.")
def test_the_storage_is_one_line_and_strides_lead_through_it(chapter):
    ran = chapter["storage"]
    z, memory = ran.names["z"], ran.names["memory"]
    raw = bytes(z.untyped_storage().tolist())  # the very bytes of the storage, one after the other
    assert len(raw) == 6 * 4 and np.frombuffer(raw, dtype=np.float32).tolist() == memory.tolist() == [*X[0], *X[1][:2], -5.0]
    assert memory.shape == (6,) and start(memory) == start(z) and "second_day[2] = -5" in ran.code and TIMES["evening"] == 2
    assert z.stride() == tuple(step // 4 for step in ARRAY.strides) == (3, 1) and lines(chapter, "storage")[-1] == "(3, 1) tensor(True)"
    assert z[1, 0].data_ptr() - z[0, 0].data_ptr() == 3 * 4 and z[0, 1].data_ptr() - z[0, 0].data_ptr() == 1 * 4
    assert "as_strided" not in "".join(cell.code for name, cell in chapter.items() if name != "storage")


@pytest.mark.ledger("n0-06")
@pytest.mark.claim(zh="于是 `z[1, 2]` 在第 1 × 3 + 2 × 1 = 5 格（从 0 数起）。", en="So `z[1, 2]` is at place 1 × 3 + 2 × 1 = 5, counted from 0.")
@pytest.mark.claim(zh="改的是 `second_day`，`z` 也成了 −5：`z[1]` 没有复制，和 `z` 共用存储，这叫视图（view）。",
                   en="We wrote to `second_day`, and `z` got the −5 too: `z[1]` copied nothing. It uses the storage of `z`, which makes it a view.")
@pytest.mark.claim(zh="行和列只是一种看法，形状一章就靠这个道理。", en="Rows and columns are only a way of looking; the chapter on shapes lives on that.")
def test_a_row_is_a_view_of_the_same_storage(chapter):
    ran = chapter["storage"]
    z, memory, row = ran.names["z"], ran.names["memory"], ran.names["second_day"]
    assert (z[1, 2].data_ptr() - start(z)) // 4 == 1 * 3 + 2 * 1 == 5 and memory[5].item() == z[1, 2].item() == -5.0 and memory.tolist().count(-5.0) == 1
    assert row.tolist() == z[1].tolist() == [*X[1][:2], -5.0] and start(row) == start(z) and row._is_view() and row._base is z
    assert "second_day = z[1]" in ran.code and str(z) in ran.stdout and ran.names["x"].tolist() == X  # clone() made a real copy
    line = torch.tensor(X[0] + X[1])
    assert line.view(2, 3).tolist() == X and start(line.view(3, 2)) == start(line.view(2, 3)) == start(line)
    assert "tensors.md#storage" in (ROOT / "docs/en/foundations/shapes.md").read_text(encoding="utf-8")


# ---- operations -------------------------------------------------------------------------------------------------

@pytest.mark.ledger("n0-07")
@pytest.mark.claim(zh="运算有几百种，都能在官方手册里查。", en="There are hundreds of operations, to be looked up in the reference.")
@pytest.mark.claim(zh="逐元素（elementwise）运算让同一位置的数各算各的，`+`、`-`、`*`、`/` 都是。",
                   en="An elementwise operation pairs the numbers in the same places and treats each pair on its own; `+`, `-`, `*` and `/` all do.")
def test_there_are_hundreds_of_operations_and_the_four_are_elementwise():
    operations = [name for name in dir(torch) if not name.startswith("_") and hasattr(torch.Tensor, name) and inspect.isbuiltin(getattr(torch, name))]
    documented = [name for name in operations if getattr(torch, name).__doc__]
    assert 200 < len(documented) < 1000 and {"add", "matmul", "mean", "argmax"} <= set(documented)
    a, b = torch.tensor([6.0, 8.0]), torch.tensor([2.0, 4.0])
    assert [t.tolist() for t in (a + b, a - b, a * b, a / b)] == [[8, 12], [4, 4], [12, 32], [3, 2]]


@pytest.mark.ledger("n0-07")
@pytest.mark.claim(zh="矩阵乘法另有记号 `@`：", en="The matrix product has a sign to itself, `@`:")
@pytest.mark.claim(zh="`m * m` 左上角是 1 × 1 = 1；`m @ m` 左上角是第一行乘第一列再相加：1 × 1 + 2 × 3 = 7。",
                   en="The top left of `m * m` is 1 × 1 = 1. The top left of `m @ m` is the first row times the first column, summed: 1 × 1 + 2 × 3 = 7.")
@pytest.mark.claim(zh="最后一行看形状：中间的两个 3 必须相等，配上就消失，留下 `(2, 4)`。",
                   en="In the last line, the two threes in the middle must agree, and vanish once they have met. What remains is `(2, 4)`.")
def test_star_is_elementwise_and_at_is_the_matrix_product(chapter):
    m = [[1.0, 2.0], [3.0, 4.0]]
    product = [[sum(m[i][k] * m[k][j] for k in range(2)) for j in range(2)] for i in range(2)]
    squares = [[n * n for n in row] for row in m]
    assert chapter["multiply"].stdout == f"{torch.tensor(squares)}\n{torch.tensor(product)}\ntorch.Size([2, 4])\n"
    assert product[0][0] == 1 * 1 + 2 * 3 == 7 and squares[0][0] == 1 and "m @ m" in chapter["multiply"].code
    assert "x @ torch.ones(3, 4)" in chapter["multiply"].code and chapter["multiply"].names["x"].shape == (2, 3)
    for inner in (1, 2, 4):
        assert not works(torch.matmul, torch.ones(2, 3), torch.ones(inner, 4))


@pytest.mark.ledger("n0-07")
@pytest.mark.claim(zh="归约（reduction）把许多数变成少数几个：求和、求平均、找最大。",
                   en="A reduction makes few numbers out of many: a sum, a mean, the place of the largest.")
@pytest.mark.claim(zh="`dim=0` 是“把 0 轴压扁”：0 轴是“哪一天”，压扁之后剩下早、中、晚的平均：11、19、12。",
                   en="`dim=0` means “squash axis 0”. Axis 0 is “which day”, and with the days squashed one mean is left for each time of day: 11, 19, 12.")
@pytest.mark.claim(zh="`dim=1` 剩下每天的平均：15 和 13。", en="`dim=1` leaves a mean for each day: 15 and 13.")
@pytest.mark.claim(zh="`argmax` 给的是最大值的下标：两天都是 1，中午最热。", en="`argmax` gives the index of the largest value: 1 on both days, so noon is warmest.")
def test_reductions_squash_the_axis_they_name(chapter):
    by_time = [sum(column) / 2 for column in zip(*X, strict=True)]
    by_day = [sum(row) / 3 for row in X]
    warmest = [row.index(max(row)) for row in X]
    assert lines(chapter, "reduce") == [str(torch.tensor(e)) for e in (sum(map(sum, X)), by_time, by_day, warmest)]
    assert by_time == [11, 19, 12] and by_day == [15, 13] and warmest == [1, 1] == [TIMES["noon"]] * 2
    assert "x.mean(dim=0)" in chapter["reduce"].code and "x.mean(dim=1)" in chapter["reduce"].code
    assert torch.zeros(4, 5, 6).sum(dim=0).shape == (5, 6) and torch.zeros(4, 5, 6).argmax(dim=1).shape == (4, 6)


@pytest.mark.ledger("n0-07")
@pytest.mark.claim(zh="是 3 个。", en="It has 3.")
@pytest.mark.claim(zh="形状并不相同：", en="The shapes differ:")
@pytest.mark.claim(zh="照样算出来了：那一行平均被当成两行来用，这叫广播（broadcasting）。",
                   en="It works all the same. The one row of means served for both rows, which is called broadcasting.")
@pytest.mark.claim(zh="`keepdim=True` 让被压扁的轴留下，长度记作 1，`(2, 1)` 才配得上 `(2, 3)`。",
                   en="`keepdim=True` keeps the squashed axis, with length 1, so that `(2, 1)` fits `(2, 3)`.")
def test_means_are_broadcast_over_the_readings(chapter):
    x = chapter["broadcast"].names["x"]
    assert x.mean(dim=0).shape == (3,) and x.mean(dim=0).numel() == 3 and x.shape == (2, 3) != x.mean(dim=0).shape
    by_time = [[t - m for t, m in zip(row, (11.0, 19.0, 12.0), strict=True)] for row in X]
    by_day = [[t - m for t in row] for row, m in zip(X, (15.0, 13.0), strict=True)]
    assert chapter["broadcast"].stdout == f"{torch.tensor(by_time)}\n{torch.tensor(by_day)}\n"
    assert "keepdim=True" in chapter["broadcast"].code and chapter["broadcast"].names["average"].shape == (2, 1)
    assert x.mean(dim=1).shape == (2,) and not works(torch.sub, x, x.mean(dim=1))


@pytest.mark.claim(zh="规则是从最右边的轴对齐，每一对长度要么相等，要么其中一个是 1；缺的轴当作 1。",
                   en="The rule: line up the shapes at their right ends; each pair of lengths must be equal, or one of them must be 1; an axis that is missing counts as 1.")
def test_the_rule_of_broadcasting():
    shapes = [(), (1,), (2,), (3,), (1, 3), (2, 1), (2, 3), (3, 2), (4, 2, 3), (4, 1, 1)]
    for one in shapes:
        for other in shapes:
            longest = max(len(one), len(other))
            pairs = list(zip((1,) * (longest - len(one)) + one, (1,) * (longest - len(other)) + other, strict=True))
            fits = all(a == b or 1 in (a, b) for a, b in pairs)
            assert works(torch.add, torch.ones(one), torch.ones(other)) == fits


@pytest.mark.ledger("n0-07")
@pytest.mark.claim(zh="方法名以下划线结尾的，是原地操作（in-place operation）：不造新张量，直接改自己。",
                   en="A method whose name ends in an underscore is an in-place operation: it makes no new tensor but changes its own.")
@pytest.mark.claim(zh="`alias = c` 没有复制，只是多起一个名字。", en="`alias = c` copied nothing, it only gave one tensor a second name.")
@pytest.mark.claim(zh="`add_` 和 `+=` 改的是同一个张量，两个名字都变成 2；`c = c + 1` 另造一个，`alias` 还是 2。",
                   en="`add_` and `+=` change that one tensor, and both names show twos. `c = c + 1` makes a new one, and `alias` keeps its twos.")
def test_an_underscore_means_in_place(chapter):
    twos, threes = torch.full((3,), 2.0), torch.full((3,), 3.0)
    assert lines(chapter, "in-place") == [f"{twos} {twos}", f"{threes} {twos}"]
    assert chapter["in-place"].names["c"] is not chapter["in-place"].names["alias"]
    for name, arguments in (("add_", (1,)), ("mul_", (3,)), ("zero_", ()), ("fill_", (7,)), ("clamp_", (0, 1)), ("neg_", ()), ("copy_", (torch.ones(3),))):
        own = torch.tensor([1.0, -2.0, 3.0])
        place = own.data_ptr()
        assert getattr(own, name)(*arguments) is own and own.data_ptr() == place and own.tolist() != [1, -2, 3]
    one = other = torch.zeros(3)
    one += 1
    assert one is other and other.tolist() == [1, 1, 1]
    one = one + 1
    assert one is not other and other.tolist() == [1, 1, 1]


@pytest.mark.ledger("n0-07")
@pytest.mark.ledger("n4-03")
@pytest.mark.claim(zh="`out=` 则把结果写进你准备好的张量，省得每次都要新内存。", en="And `out=` writes the result into a tensor you have prepared, to save new memory.")
@pytest.mark.claim(zh="它的形状应当和结果一样，只有一种例外：", en="It should have the shape of the result, with one exception:")
@pytest.mark.claim(zh="一个数都没有的张量，会悄悄变成结果的形状，这是讲好的。",
                   en="A tensor without a single number in it takes the shape of the result in silence, and that is a promise.")
def test_out_fills_the_tensor_it_is_given_and_resizes_one_without_elements(chapter):
    result = torch.zeros(2, 3)
    place = result.data_ptr()
    assert torch.add(torch.tensor(X), 1, out=result) is result and result.data_ptr() == place
    assert result.tolist() == [[t + 1 for t in row] for row in X]
    ran = chapter["out"]
    assert not ran.warnings and "blank = torch.empty(0)" in ran.code and torch.empty(0).numel() == 0
    assert ran.value is ran.names["blank"] and ran.value.tolist() == [[t + 1 for t in row] for row in X]
    for shape in ((0,), (3, 0), (2, 3), (6,), (1, 3), (3, 2), (7,), ()):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.add(torch.tensor(X), 1, out=torch.zeros(shape))
        assert bool(caught) == (shape != (2, 3) and 0 not in shape)
    assert "will not be resized unless they have zero elements" in chapter["out-resized"].warnings[0]  # PyTorch's own promise


@pytest.mark.ledger("n4-03")
@pytest.mark.claim(zh="把和写进 `out=`，给它的张量却和结果形状不一样。", en="Write the sum into `out=`, into a tensor that had another shape than the sum.")
@pytest.mark.claim(zh="还能用，但警告说已经弃用（deprecated），别依赖它。", en="It still works, but the warning calls this deprecated: do not rely on it.")
def test_out_of_another_shape_warns_and_is_resized(chapter):
    ran = chapter["out-resized"]
    assert len(ran.warnings) == 1 and ran.warnings[0].startswith("UserWarning: An output with one or more elements was resized")
    assert "deprecated" in ran.warnings[0] and "[5, 3]" in ran.warnings[0] and "[2, 3]" in ran.warnings[0]
    assert ran.value == (2, 3) and ran.names["wrong"].tolist() == [[2 * t for t in row] for row in X]
    assert "和写进 `out=`" in said("n4-03")["zh"] and "形状和结果不一样" in said("n4-03")["zh"] and "another shape than the sum" in said("n4-03")["en"]


# ---- dtypes and devices -----------------------------------------------------------------------------------------

@pytest.mark.ledger("n1-12")
@pytest.mark.claim(zh="两个类型不同的张量不能一起运算。", en="Two tensors of different types cannot be combined.")
@pytest.mark.claim(zh="早年确实如此。", en="That was so, once.")
@pytest.mark.claim(zh="从 1.3 版起，逐元素运算会先把两边变成同一种类型，这叫类型提升（type promotion）：",
                   en="Since version 1.3 elementwise operations first bring both sides to a common dtype, which is called type promotion:")
@pytest.mark.claim(zh="整数加小数，得到小数；整数相除，也得到小数。", en="An integer plus a float is a float; an integer divided by an integer is a float, too.")
def test_elementwise_operations_promote(chapter):
    assert "类型不同的两个张量不能一起运算" in said("n1-12")["zh"] and said("n1-12")["en"] == "Two tensors of different types cannot be combined."
    assert fact("foundations/tensors", "type promotion") == 1.3 and "v1.3.0" in chapter.prose("zh") and "v1.3.0" in chapter.prose("en")
    whole, half = [1, 2, 3], [0.5, 0.5, 0.5]
    expected = [a + b for a, b in zip(whole, half, strict=True)], [a / 2 for a in whole]
    assert lines(chapter, "promote")[:2] == [str(torch.tensor(e)) for e in expected]
    for function in (*SYMBOLS, torch.maximum, torch.pow):
        common = torch.promote_types(torch.int64, torch.float32)
        assert function(torch.tensor(whole), torch.tensor(half)).dtype == common == torch.float32
        assert torch.equal(function(torch.tensor(whole), torch.tensor(half)), function(torch.tensor(whole).to(common), torch.tensor(half)))
    for dtype in (torch.int8, torch.int32, torch.int64):
        assert (torch.tensor([1, 4], dtype=dtype) / torch.tensor([2, 2], dtype=dtype)).tolist() == [0.5, 2.0]


@pytest.mark.ledger("n1-12")
@pytest.mark.claim(zh="规则是先比种类：`bool` 低于整数，整数低于小数，高的赢；种类相同，才比位数，多的赢。",
                   en="The rule looks at the kind first: `bool` is below the integers, the integers are below the floats, and the higher kind wins. Only within one kind do the bits count, and more bits win.")
@pytest.mark.claim(zh="所以第三行，64 位整数碰上 16 位小数，结果是 `float16`。", en="Hence the third line: a 64-bit integer with a 16-bit float gives `float16`.")
@pytest.mark.claim(zh="`uint8` 和 `int8` 种类、位数都打平，结果是更宽的 `int16`。",
                   en="`uint8` and `int8` tie, and the result is the wider `int16`.")
@pytest.mark.claim(zh="最后一行是个例外：0 维张量和有轴的张量种类相同时，不比位数，听有轴的。",
                   en="The last line is an exception: where a 0-d tensor and a tensor with axes are of one kind, the bits do not count, and the one with axes decides.")
def test_kinds_are_compared_before_bits_and_a_0_d_tensor_has_no_say_in_the_bits(chapter):
    for one in USUAL:
        for two in USUAL:
            total = torch.ones(3, dtype=one) + torch.ones(3, dtype=two)
            assert total.dtype == max((one, two), key=lambda dtype: (kind(dtype), dtype.itemsize))
            for mixed in (torch.ones(3, dtype=one) + torch.ones((), dtype=two), torch.ones((), dtype=two) + torch.ones(3, dtype=one)):
                assert mixed.dtype == (one if kind(one) >= kind(two) else two)
    assert torch.int64.itemsize * 8 == 64 and torch.float16.itemsize * 8 == 16
    assert lines(chapter, "promote")[2:] == ["torch.float16", "torch.float32"]
    one = chapter["promote"].names["one"]
    assert one.shape == () and one.dtype == torch.float64 and chapter["promote"].names["half"].dtype == torch.float32
    assert chapter["promote"].names["whole"].dtype == torch.int64

    tie = torch.ones(3, dtype=torch.uint8) + torch.ones(3, dtype=torch.int8)
    assert tie.dtype == torch.int16 and kind(torch.uint8) == kind(torch.int8) == kind(torch.int16)
    assert torch.uint8.itemsize == torch.int8.itemsize < torch.int16.itemsize


@pytest.mark.ledger("n1-12")
@pytest.mark.claim(zh="于是 `float32` 碰上 0 维的 `float64`，还是 `float32`。", en="So `float32` with a 0-d `float64` is still `float32`.")
def test_a_0_d_float64_leaves_float32_alone(chapter):
    half, one = torch.tensor([0.5, 0.5, 0.5]), torch.tensor(1.0, dtype=torch.float64)
    assert (half + one).dtype == (one + half).dtype == torch.float32 != (half + one.view(1)).dtype == torch.float64
    assert lines(chapter, "promote")[3] == "torch.float32"


@pytest.mark.ledger("n1-12")
@pytest.mark.claim(zh="矩阵乘法不提升，线性层、卷积层也不提升：", en="A matrix product does not, nor do linear and convolution layers:")
@pytest.mark.claim(zh="报错用的是老名字：`Long` 是 `int64`，`Float` 是 `float32`。", en="Error messages use old names: `Long` is `int64`, `Float` is `float32`.")
@pytest.mark.claim(zh="办法是自己先换好，`.float()` 换成 `float32`，`.to(…)` 换成任何类型：",
                   en="The cure is to convert first. `.float()` gives `float32`, `.to(…)` any dtype:")
@pytest.mark.claim(zh="当心最后一行：往整数张量里写小数却不报错，2.9 悄悄成了 2。",
                   en="Mind the last line: to write a float into an integer tensor raises nothing, and 2.9 became 2.")
def test_matrix_products_and_layers_do_not_promote(chapter):
    error = chapter["matmul-dtype"].error
    assert type(error) is RuntimeError and "same dtype, but found Long and Float" in str(error)
    assert torch.LongTensor().dtype == torch.int64 and torch.FloatTensor().dtype == torch.float32
    with pytest.raises(RuntimeError, match="same dtype"):
        torch.ones(2, 2, dtype=torch.int64) @ torch.ones(2, 2)
    for layer, shape in ((torch.nn.Linear(3, 1), (1, 3)), (torch.nn.Conv2d(1, 1, 2), (1, 1, 3, 3))):
        assert layer(torch.ones(shape)).dtype == layer.weight.dtype == torch.float32
        with pytest.raises(RuntimeError, match="(?i)long"):
            layer(torch.ones(shape, dtype=torch.int64))
    ran = chapter["convert"]
    assert "whole.float() @ half" in ran.code and "whole[0] = 2.9" in ran.code and not ran.warnings and ran.error is None
    assert lines(chapter, "convert") == [str(torch.tensor(e)) for e in (0.5 * (1 + 2 + 3), [2, 2, 3])] and ran.names["whole"].dtype == torch.int64
    for dtype in USUAL:
        assert torch.ones(2, dtype=dtype).float().dtype == torch.float32 and torch.ones(2, dtype=torch.int64).to(dtype).dtype == dtype


@pytest.mark.ledger("n1-12")
@pytest.mark.claim(zh="一个在 CPU，一个在 GPU，相加就报错：PyTorch 不会偷偷替你搬。",
                   en="With one tensor on the CPU and another on a GPU, a sum fails: PyTorch will not carry numbers across behind your back.")
@pytest.mark.claim(zh="没有 GPU 也能看到：`meta` 这个设备到处都有，上面的张量只有形状和类型，没有数。",
                   en="You can see it without a GPU: every PyTorch has a device called `meta`, whose tensors have a shape and a dtype but no numbers.")
@pytest.mark.claim(zh="加法算不成，只因设备不同。", en="The sum failed, only because the devices differ.")
def test_devices_do_not_mix(chapter):
    ran = chapter["devices"]
    assert type(ran.error) is RuntimeError and "Tensor on device cpu is not on the expected device meta" in str(ran.error)
    ghost, x = ran.names["ghost"], ran.names["x"]
    assert (ghost.shape, ghost.dtype) == (x.shape, x.dtype) and (ghost.device.type, x.device.type) == ("meta", "cpu")
    assert works(torch.add, ghost, ghost) and works(torch.add, x, x)  # nothing else was wrong
    for read in (ghost.tolist, ghost[0, 0].item):
        with pytest.raises((RuntimeError, NotImplementedError)):
            read()
    if torch.cuda.is_available():
        assert not works(torch.add, x, x.cuda())


@pytest.mark.ledger("n1-12")
@pytest.mark.claim(zh="乘法算成了：CPU 上的 0 维张量可以和别处的张量一起算，毕竟只是捎带一个数。",
                   en="The product came out: a 0-d tensor on the CPU may join tensors anywhere, since one number is easily taken along.")
@pytest.mark.claim(zh="两个张量之间的加减乘除，只有这一种例外。", en="Where two tensors are added, subtracted, multiplied or divided number by number, that is the only exception.")
@pytest.mark.claim(zh="算术之外，还有几处能跨设备：下标可以是 CPU 上的张量，用切片写入和 `copy_` 也收 CPU 上的张量。",
                   en="Outside arithmetic, a few things do cross: an index may be a tensor on the CPU, and assigning to a slice and `copy_` take tensors from the CPU.")
@pytest.mark.claim(zh="两个张量运算，设备要相同，只有 CPU 上的 0 维张量例外。",
                   en="Two tensors that meet in arithmetic must share a device, a 0-d tensor on the CPU excepted.")
def test_a_0_d_tensor_of_the_cpu_may_join_and_some_things_cross(chapter):
    assert chapter["devices"].stdout == "meta\n" and "ghost * torch.tensor(2.0)" in chapter["devices"].code
    ghost = torch.ones(2, 3, device="meta")
    for act in SYMBOLS:
        assert act(ghost, torch.tensor(2.0)).device.type == act(torch.tensor(2.0), ghost).device.type == "meta"
        for shape in ((1,), (3,), (2, 3), (1, 1)):
            assert not works(act, ghost, torch.ones(shape)) and not works(act, torch.ones(shape), ghost)
            assert not works(act, torch.ones(shape), torch.tensor(2.0, device="meta"))  # 0-d, but not on the CPU
    assert ghost[torch.tensor([1, 0])].shape == (2, 3) and ghost[:, torch.tensor([True, False, True])].device.type == "meta"
    ghost[0], ghost[:, 1:] = torch.ones(3), torch.ones(2, 2)
    assert ghost.copy_(torch.ones(2, 3)).device.type == "meta"


# ---- common errors, summary -------------------------------------------------------------------------------------

@pytest.mark.claim(zh="忘了 `keepdim=True`。", en="A forgotten `keepdim=True`.")
@pytest.mark.claim(zh="从右边对齐，是 3 对 2，配不上：", en="Lined up at the right, 3 meets 2:")
@pytest.mark.claim(zh="报错其实是走运：表要是方的，就会不声不响地减错方向。",
                   en="The error is luck, by the way. With a square table there is none, and you subtract along the wrong axis.")
def test_a_forgotten_keepdim(chapter):
    error = chapter["broadcast-error"].error
    assert type(error) is RuntimeError and "tensor a (3) must match the size of tensor b (2)" in str(error)
    assert "x - x.mean(dim=1)" in chapter["broadcast-error"].code and "keepdim" not in chapter["broadcast-error"].code
    square = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    wrong, right = square - square.mean(dim=1), square - square.mean(dim=1, keepdim=True)
    assert wrong.tolist() == [[1 - 1.5, 2 - 4], [3 - 1.5, 5 - 4]] and right.tolist() == [[1 - 1.5, 2 - 1.5], [3 - 4, 5 - 4]]


@pytest.mark.claim(zh="用 `and` 连接两个条件。", en="Two conditions joined with `and`.")
@pytest.mark.claim(zh="`and` 要先知道左边一整个张量是真是假，可里面有真有假。",
                   en="`and` has to know whether the whole left tensor is true or false, but it holds both.")
@pytest.mark.claim(zh="改用 `&`，各加括号：", en="Use `&`, and parentheses round each condition:")
def test_two_conditions_are_not_joined_with_and(chapter):
    ran = chapter["mask-error"]
    assert type(ran.error) is RuntimeError and str(ran.error) == "Boolean value of Tensor with more than one value is ambiguous"
    x = ran.names["x"]
    assert ran.code.strip() == "x > 9 and x < 15" and set((x > 9).flatten().tolist()) == {True, False}
    with pytest.raises(RuntimeError, match="ambiguous"):
        bool(x > 9)
    assert ((x > 9) & (x < 15)).tolist() == [[9 < t < 15 for t in row] for row in X]
    assert (torch.tensor([True]) and torch.tensor([False])).tolist() == [False]  # with one number the left is known


@pytest.mark.ledger("n1-12")
@pytest.mark.claim(zh="往整数里原地加小数。", en="Floats added to integers in place.")
@pytest.mark.claim(zh="原地操作不改左边的类型，结果的种类不能比左边高：小数 `+=` 整数可以，整数 `+=` 小数不行，要写成 `whole = whole + half`：",
                   en="An in-place operation keeps the dtype of its left side, and the kind of the result must not be higher: a float tensor may `+=` integers, an integer tensor may not `+=` floats; write `whole = whole + half`:")
def test_in_place_the_result_must_not_be_of_a_higher_kind(chapter):
    ran = chapter["in-place-dtype"]
    assert type(ran.error) is RuntimeError and "Float can't be cast to the desired output type Long" in str(ran.error)
    assert ran.stdout == f"{torch.tensor([0.5 + 2, 0.5 + 2, 0.5 + 3])}\n"  # whole[0] has become 2
    assert ran.names["half"].dtype == torch.float32 and ran.names["whole"].dtype == torch.int64
    assert "half += whole" in ran.code and "whole += half" in ran.code and (ran.names["whole"] + ran.names["half"]).dtype == torch.float32
    for left in USUAL:
        for right in USUAL:
            own = torch.ones(3, dtype=left)
            assert works(own.add_, torch.ones(3, dtype=right)) == (kind(right) <= kind(left)) and own.dtype == left


@pytest.mark.claim(zh="张量是数，外加类型、设备、形状、步长和来历；要几个下标，就是几维。",
                   en="A tensor is numbers with a dtype, a device, a shape, strides and a record of its origin. It has as many dimensions as it takes indices to reach a number.")
@pytest.mark.claim(zh="下标和轴都从 0 数起；`dim=0` 是把 0 轴压扁。", en="Indices and axes start at 0; `dim=0` squashes axis 0.")
@pytest.mark.claim(zh="`=` 不复制，`clone()` 复制。", en="`=` does not copy, `clone()` does.")
@pytest.mark.claim(zh="逐元素运算会提升类型；矩阵乘法、层不会；原地操作不改左边的类型。",
                   en="Elementwise operations promote dtypes; matrix products and layers do not; in-place operations keep the dtype of the left side.")
def test_the_summary():
    t = torch.arange(24.0).view(2, 3, 4)
    assert all(getattr(t, name) is not None for name in ("dtype", "device", "shape")) and t.stride() == (12, 4, 1) and hasattr(t, "grad_fn")
    assert t[0, 0, 0].ndim == 0 != t[0, 0].ndim and t.ndim == 3 and t[0, 0, 0] == 0 and t.sum(dim=0).shape == (3, 4)
    same, copy = t, t.clone()
    assert same is t and start(copy) != start(t) and torch.equal(copy, t)
    whole, half = torch.tensor([1, 2]), torch.tensor([0.5, 0.5])
    assert (whole + half).dtype == torch.float32 and not works(torch.matmul, whole, half) and not works(torch.nn.Linear(2, 1), whole)
    half += whole
    assert half.dtype == torch.float32
