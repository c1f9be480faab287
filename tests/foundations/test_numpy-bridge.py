"""The claims of foundations/numpy-bridge: memory shared or copied, dtypes, names with two meanings, and every error message."""

import importlib.resources
import inspect
import itertools
import math
import operator
import re
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from sklearn.datasets import load_digits, load_sample_image
from sklearn.metrics import accuracy_score

from tests.facts import fact
from tests.prose import ledger_rows

ROOT = Path(__file__).resolve().parents[2]
CROSSING = "float64 float32 float16 complex64 complex128 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool".split()


def address(t):
    """Address of the first number of an array or a tensor."""
    return t.ctypes.data if isinstance(t, np.ndarray) else t.data_ptr()


def said(call):
    """(the result, what was warned of or None) of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    return result, (caught[0].category.__name__, str(caught[0].message)) if caught else None


def message(call):
    """The message of the error or the warning that a call gives, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            call()
        except Exception as error:
            return str(error)


def read_only(count):
    """An array that must not be written to."""
    array = np.arange(float(count))
    array.flags.writeable = False
    return array


# ---- why a bridge, there and back -----------------------------------------------------------------------------


@pytest.mark.claim(zh="scikit-learn 交给你的数据是 NumPy 数组，PyTorch 的层要的是张量。",
                   en="The data that scikit-learn hands you are NumPy arrays; the layers of PyTorch want tensors.")
@pytest.mark.claim(zh="两边之间有一座桥，过桥的时候，数字不用搬动。", en="There is a bridge between the two, and the numbers need not be moved to cross it.")
@pytest.mark.claim(zh="也正因为没有搬动，改一边，另一边会跟着变。", en="Just because they are not moved, a change on one side shows on the other.")
def test_arrays_come_layers_want_tensors_and_nothing_is_moved():
    data = load_digits().data
    assert type(data) is np.ndarray
    with pytest.raises(TypeError, match="must be Tensor, not numpy.ndarray"):
        torch.nn.Linear(64, 10)(data)
    x = torch.from_numpy(data)
    assert torch.nn.Linear(64, 10)(x.float()).shape == (1797, 10) and address(x) == address(data)
    x[0, 0] = 99
    assert data[0, 0] == 99
    data[0, 1] = 98
    assert x[0, 1] == 98


@pytest.mark.claim(zh="NumPy 的数组（array）和张量很像：一块内存，外加形状、步长和类型。",
                   en="An array of NumPy is much like a tensor: a piece of memory, plus a shape, strides and a dtype.")
@pytest.mark.claim(zh="比如 scikit-learn 自带的手写数字：", en="Take the handwritten digits that come with scikit-learn:")
@pytest.mark.claim(zh="1797 张 8 × 8 的小图，每张图对应一个 0 到 9 的标签（label），都装在 numpy.ndarray 里。",
                   en="1797 little pictures of 8 × 8, and for each of them a label from 0 to 9: both are in a numpy.ndarray.")
def test_what_scikit_learn_hands_out_are_arrays(chapter):
    digits = chapter["digits"].names["digits"]
    assert importlib.resources.files("sklearn.datasets.data").joinpath("digits.csv.gz").is_file()  # it comes with scikit-learn
    assert type(digits.images) is np.ndarray and digits.images.shape == (1797, 8, 8) and type(digits.target) is np.ndarray
    assert digits.target.shape == (1797,) and sorted(set(digits.target.tolist())) == list(range(10))
    assert chapter["digits"].stdout == "<class 'numpy.ndarray'> (1797, 8, 8) float64\n<class 'numpy.ndarray'> (1797,) int64\n"
    x = torch.from_numpy(digits.images)
    for part in ("shape", "dtype", "nbytes"):
        assert hasattr(x, part) and hasattr(digits.images, part)
    assert digits.images.strides == tuple(8 * step for step in x.stride()) and address(x) == address(digits.images)


@pytest.mark.ledger("n1-13")
@pytest.mark.claim(zh="旧笔记里写着，torch 自称神经网络界的 NumPy。", en="The old notes say that torch calls itself the NumPy of neural networks.")
@pytest.mark.claim(zh="超过一半。", en="More than half.")
@pytest.mark.claim(zh="因为有两件事数组做不到：在 GPU 上计算，和自动求导。",
                   en="Because there are two things that an array cannot do: compute on a GPU, and find gradients by itself.")
def test_the_numpy_of_neural_networks_has_more_than_half_of_its_names(chapter):
    (row,) = [row for row in ledger_rows() if row["id"] == "n1-13"]
    assert "torch 自称神经网络界的 NumPy" in row["said"]["zh"] and "torch calls itself the NumPy of neural networks" in row["said"]["en"]
    names = {n for n in np.__all__ if n[0].islower() and not isinstance(getattr(np, n), type) and callable(getattr(np, n))}
    common = names & set(dir(torch))
    assert chapter["common-names"].stdout == f"{len(names)} functions in NumPy, {len(common)} of these names in torch\n"
    assert 2 * len(common) > len(names) > 300
    array, tensor = np.ones(2), torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="Only 'cpu' is accepted"):
        array.to_device("cuda")
    tensor.sum().backward()
    assert tensor.grad.tolist() == [1, 1] and not hasattr(array, "backward") and not hasattr(array, "grad")


@pytest.mark.ledger("n0-08")
@pytest.mark.ledger("n2-09")
@pytest.mark.claim(zh="去的时候用 torch.from_numpy(a)，回来的时候用 x.numpy()：", en="torch.from_numpy(a) takes you there, x.numpy() brings you back:")
@pytest.mark.claim(zh="形状、数字、类型都不变。", en="Shape, numbers and dtype stay the same.")
@pytest.mark.claim(zh="NumPy 的小数默认是 float64，过了桥仍是 float64；这不是 torch 的默认类型，所以打印张量时标了出来。",
                   en="NumPy’s floats are float64 by default and still float64 on the other side; that is not torch’s default, which is why the printed tensor says so.")
@pytest.mark.claim(zh="过桥不换类型，连名字都一样：", en="The bridge leaves the dtype alone, down to its name:")
def test_from_numpy_and_numpy_keep_shape_numbers_and_dtype(chapter):
    names = chapter["there-and-back"].names
    a, x, back = names["a"], names["x"], names["back"]
    assert isinstance(a, np.ndarray) and isinstance(x, torch.Tensor) and isinstance(back, np.ndarray)
    assert np.array([1.5]).dtype == np.float64 and torch.get_default_dtype() == torch.float32
    assert chapter["there-and-back"].stdout == "tensor([1., 2., 3., 4., 5.], dtype=torch.float64)\n[1. 2. 3. 4. 5.] float64\n"
    assert "dtype" not in repr(torch.tensor([1.0]))
    for dtype in CROSSING:
        array = np.arange(6).reshape(2, 3).astype(dtype)
        tensor = torch.from_numpy(array)
        assert str(tensor.dtype) == f"torch.{dtype}" and tensor.numpy().dtype == array.dtype and tensor.shape == (2, 3) == tensor.numpy().shape
        assert tensor.tolist() == array.tolist() == tensor.numpy().tolist()
    lines = [line.split() for line in chapter["same-dtype"].stdout.splitlines()]
    assert lines == [[name, f"torch.{name}"] for name in ("float16", "float32", "float64", "uint8", "int32", "int64", "bool")]


# ---- shared memory --------------------------------------------------------------------------------------------


@pytest.mark.ledger("n1-13")
@pytest.mark.claim(zh="改了 a[0]，x 也变了；改了 x[1]，a 也变了。", en="We changed a[0], and x changed too; we changed x[1], and so did a.")
@pytest.mark.claim(zh="数字只有一份。", en="There is a single set of numbers.")
@pytest.mark.claim(zh="所以数组再大，过桥也一个数都不用复制。", en="So however large the array, not one number is copied on the way across.")
@pytest.mark.claim(zh="torch.from_numpy(a) 去，x.numpy() 回；内存共用，改一个，另一个跟着变。",
                   en="torch.from_numpy(a) there, x.numpy() back; the memory is shared, so change one and the other changes.")
def test_changing_one_changes_the_other_and_nothing_is_copied(chapter):
    assert chapter["shared"].stdout == "[100. 200.   3.   4.   5.]\ntensor([100., 200.,   3.,   4.,   5.], dtype=torch.float64)\n"
    names = chapter["shared"].names
    assert address(names["a"]) == address(names["x"]) == address(names["back"])
    for size in (1, 1000, 10_000_000):
        array = np.empty(size)
        assert address(torch.from_numpy(array)) == address(array) == address(torch.from_numpy(array).numpy())


@pytest.mark.claim(zh="a、x、back 有三个名字，但数字有几份？", en="a, x and back are three names.")
@pytest.mark.claim(zh="再看一份证据，比较两边第一个数的内存地址：", en="For more evidence, compare the address of the first number on either side:")
@pytest.mark.claim(zh="地址相同。", en="The same address.")
@pytest.mark.claim(zh="第二行是 NumPy 自己的判断：a 和 back 共用内存。", en="The second line is NumPy’s own judgement: a and back share memory.")
def test_addresses_agree(chapter):
    names = chapter["pointers"].names
    assert isinstance(names["a"], np.ndarray) and isinstance(names["back"], np.ndarray) and names["a"] is not names["back"]
    assert address(names["a"]) == address(names["x"]) and np.shares_memory(names["a"], names["back"])
    code = chapter["pointers"].code.splitlines()
    assert "data_ptr" in code[0] and code[1] == "print(np.shares_memory(a, back))" and chapter["pointers"].stdout == "True\nTrue\n"


@pytest.mark.claim(zh="torch.tensor 总是复制一份：", en="torch.tensor always makes a copy:")
@pytest.mark.claim(zh="300 到了 x 那里，没有到 c 那里。", en="The 300 reached x and did not reach c.")
@pytest.mark.claim(zh="三个名字看着同一块内存，c 有自己的一块。", en="Three names look at one piece of memory; c has a piece of its own.")
@pytest.mark.claim(zh="后来改成 300 的那一格，在 c 里仍是 3。", en="The box that was changed to 300 later is still 3 in c.")
def test_tensor_copies_and_the_copy_does_not_see_the_change(chapter):
    names = chapter["copy"].names
    assert address(names["c"]) != address(names["a"])
    assert names["a"].tolist() == names["x"].tolist() == names["back"].tolist() == [100, 200, 300, 4, 5]
    assert names["c"].tolist() == [100, 200, 3, 4, 5]
    assert chapter["copy"].stdout.splitlines() == [
        "x tensor([100., 200., 300.,   4.,   5.], dtype=torch.float64)", "c tensor([100., 200.,   3.,   4.,   5.], dtype=torch.float64)"]
    assert "never shares its data" in " ".join(torch.as_tensor.__doc__.split())  # said of torch.tensor
    for dtype in CROSSING:
        array = np.ones(3, dtype=dtype)
        assert address(torch.tensor(array)) != address(array)


@pytest.mark.claim(zh="上方一排五个格子：100、200、300、4、5，写着 shared。", en="Above, a row of five boxes: 100, 200, 300, 4, 5, marked “shared”.")
@pytest.mark.claim(zh="左边三个名字各有一个箭头指向这同一排：NumPy 数组 a、张量 x = from_numpy(a)、NumPy 数组 back = x.numpy()。",
                   en="On the left, three names each with an arrow to this one row: the NumPy array a, the tensor x = from_numpy(a), the NumPy array back = x.numpy().")
@pytest.mark.claim(zh="下方另有一排五个格子：100、200、3、4、5，写着 its own，只有张量 c = torch.tensor(a) 的箭头指向它。",
                   en="Below, another row of five boxes: 100, 200, 3, 4, 5, marked “its own”, with an arrow from the tensor c = torch.tensor(a) alone.")
@pytest.mark.claim(zh="只有上排的 300 用另一种颜色标出。", en="Only the 300 in the upper row has another colour.")
def test_figure_of_the_shared_memory(chapter):
    (figure,) = chapter["shared-figure"].figures
    ax = figure.axes[0]
    at = {tuple(round(n, 2) for n in t.get_position()): t.get_text() for t in ax.texts}
    assert [at[round(k + 0.47, 2), 3.45] for k in range(5)] == ["100", "200", "300", "4", "5"]
    assert [at[round(k + 0.47, 2), 0.45] for k in range(5)] == ["100", "200", "3", "4", "5"]
    boxes = [patch for patch in ax.patches if isinstance(patch, plt.Rectangle)]
    assert [(round(box.get_x()), round(box.get_y())) for box in boxes] == [(k, row) for row in (3, 0) for k in range(5)]
    colours = [patch.get_facecolor() for patch in boxes]
    plain = [to_rgb("C0")] * 5 + [to_rgb("C1")] * 5
    assert len(colours) == 10 and [k for k in range(10) if colours[k][:3] != plain[k]] == [2]
    arrows = [t for t in ax.texts if getattr(t, "arrow_patch", None)]
    assert sorted(round(t.xy[1]) for t in arrows) == [0, 3, 3, 3]  # one to the copy, three to the shared row
    names, told = chapter["shared-figure"].names, []
    for arrow in arrows:  # each starts at the height of its name, and its name is that of what it points at
        label = next(t for t in ax.texts if t.get_text().count("\n") and t.get_position()[1] == arrow.xyann[1])
        assert label.get_position()[0] < 0
        code, kind = label.get_text().split("\n")
        thing = names[code.split(" = ")[0]]
        told.append((code, kind, round(arrow.xy[1])))
        assert (address(thing) == address(names["a"])) == (round(arrow.xy[1]) == 3)
        assert isinstance(thing, torch.Tensor) == (kind == "tensor")
    assert told == [("a", "NumPy array", 3), ("x = from_numpy(a)", "tensor", 3), ("back = x.numpy()", "NumPy array", 3), ("c = torch.tensor(a)", "tensor", 0)]
    marks = {t.get_text(): t.get_position()[1] for t in ax.texts}
    assert round(marks["shared"]) == 3 and round(marks["its own"]) == 0


@pytest.mark.claim(zh="切片在 NumPy 里也是视图，不复制。", en="A slice is a view in NumPy too: it copies nothing.")
@pytest.mark.claim(zh="往 middle 里写，整张表的第二列就变了。", en="We wrote to middle, and the second column of the whole table changed.")
@pytest.mark.claim(zh="最后两行是步长（stride），两边单位不同：NumPy 数的是字节，torch 数的是“几个数”。",
                   en="The last two lines are strides, and their units differ: NumPy counts bytes, torch counts numbers.")
@pytest.mark.claim(zh="每个 float64 占 8 字节，24 和 8 除以 8，正好是 3 和 1。", en="A float64 takes 8 bytes, so divide 24 and 8 by 8, and you get 3 and 1.")
def test_slices_are_views_on_both_sides_and_strides_have_two_units(chapter):
    names = chapter["views"].names
    table, middle = names["table"], names["middle"]
    assert table.tolist() == [[0, -1, 2], [3, 4, 5]] and middle.tolist() == [-1, 4]
    assert address(middle) == address(table) + 8 and np.shares_memory(table[:, 1], table)
    assert table.strides == (24, 8) and torch.from_numpy(table).stride() == (3, 1) == (24 // 8, 8 // 8) and table.itemsize == 8
    assert table.strides == (3 * table.itemsize, table.itemsize)  # 3 numbers a row
    assert chapter["views"].stdout.splitlines()[2:] == ["array  (24, 8) bytes", "tensor (3, 1) numbers"]
    for cut in (np.s_[:, 1], np.s_[1:], np.s_[:, ::2]):
        assert np.shares_memory(torch.from_numpy(table[cut]).numpy(), table)


@pytest.mark.claim(zh="共用的是内存，不是名字。", en="What is shared is the memory, not the name.")
@pytest.mark.claim(zh="a += 1 是原地操作，在老地方改，x 跟着变。", en="a += 1 is an in-place operation: it works in the old place, and x follows.")
@pytest.mark.claim(zh="a = a + 1 把结果放在新地方，让 a 改指那里；x 仍守着老地方，停在 1。",
                   en="a = a + 1 puts its result in a new place and makes a point there; x stays behind, at 1.")
def test_in_place_keeps_the_bridge_and_a_new_array_does_not(chapter):
    assert chapter["rebind"].stdout.splitlines() == [
        "[1. 1. 1.] tensor([1., 1., 1.], dtype=torch.float64)", "[2. 2. 2.] tensor([1., 1., 1.], dtype=torch.float64)"]
    assert address(chapter["rebind"].names["a"]) != address(chapter["rebind"].names["x"])
    a = np.zeros(3)
    x, old = torch.from_numpy(a), address(a)
    a += 1
    assert address(a) == old and x.tolist() == [1, 1, 1]
    b = a  # another name, the same memory
    a = a + 1
    assert address(a) != old == address(x) == address(b) and x.tolist() == [1, 1, 1]


@pytest.mark.claim(zh="共用内存，会把记录改掉。", en="Sharing changes your records behind your back.")
@pytest.mark.claim(zh="训练时，优化器每一步都原地修改参数；下面用 w += 1 代替，每改一次，就记一笔：",
                   en="In training, the optimizer changes the parameters in place at every step; here w += 1 plays that part, and after each step we make an entry:")
@pytest.mark.claim(zh="diary 里三笔全是 3：三笔看的是同一块内存，里面是最后的数。",
                   en="All three entries in diary say 3: they look at one and the same memory, and the last numbers are in it.")
@pytest.mark.claim(zh="safe 每次多写一个 .copy()，留下的才是当时的数。", en="safe has a .copy() each time, and so it kept the numbers of the moment.")
def test_the_diary_of_views_rewrites_itself(chapter):
    names = chapter["diary"].names
    assert [entry.tolist() for entry in names["diary"]] == [[3, 3]] * 3
    assert [entry.tolist() for entry in names["safe"]] == [[1, 1], [2, 2], [3, 3]]
    assert len({address(entry) for entry in names["diary"]}) == 1 and len({address(entry) for entry in names["safe"]}) == 3
    assert chapter["diary"].stdout == "diary [3. 3.] [3. 3.] [3. 3.]\nsafe  [1. 1.] [2. 2.] [3. 3.]\n"
    assert "w += 1" in chapter["diary"].code and ".numpy().copy()" in chapter["diary"].code
    layer = torch.nn.Linear(2, 1)
    place = layer.weight.data_ptr()
    for optimizer in (torch.optim.SGD(layer.parameters(), lr=1.0), torch.optim.Adam(layer.parameters())):
        for _ in range(2):
            before = layer.weight.detach().clone()
            layer(torch.ones(1, 2)).sum().backward()
            optimizer.step()
            assert layer.weight.data_ptr() == place and not torch.equal(layer.weight.detach(), before)


# ---- copies ---------------------------------------------------------------------------------------------------


@pytest.mark.ledger("n1-13")
@pytest.mark.claim(zh="一定共用：torch.from_numpy。", en="Always shares: torch.from_numpy.")
@pytest.mark.claim(zh="一定复制：torch.tensor、.clone()、数组的 .copy()。", en="Always copies: torch.tensor, .clone(), and the .copy() of an array.")
@pytest.mark.claim(zh="第二行什么都不用改，于是共用；第三行要换类型，只好复制。",
                   en="In the second line nothing had to change, so it shared; in the third it had to change the dtype, so it copied.")
@pytest.mark.claim(zh="分成三类：", en="There are three kinds:")
def test_who_shares_and_who_copies(chapter):
    a, x = chapter["who-shares"].names["a"], torch.from_numpy(chapter["who-shares"].names["a"])
    shares = {"torch.from_numpy(a)", "torch.as_tensor(a)", "x.double()"}
    lines = [line.rsplit(None, 1) for line in chapter["who-shares"].stdout.splitlines()]
    assert [way.strip() for way, _ in lines] == [
        "torch.from_numpy(a)", "torch.as_tensor(a)", "torch.as_tensor(a, dtype=torch.int64)", "torch.tensor(a)", "x.clone()",
        "torch.from_numpy(a.copy())", "x.float()", "x.double()"]
    for way, told in lines:
        t = eval(way, {"torch": torch, "a": a, "x": x})
        assert (told == "shares") == (address(t) == address(a)) == (way.strip() in shares), way
        t += 1  # the proof by doing
        assert (a[0] != 1.0) == (told == "shares"), way
        a[:] = [1.0, 2.0, 3.0]
    for dtype in CROSSING:  # whatever the dtype: always, always, and in two ways
        b = np.ones(3, dtype=dtype)
        y = torch.from_numpy(b)
        assert address(y) == address(b) and address(b) not in {address(torch.tensor(b)), address(y.clone()), address(b.copy())}
        other = torch.float32 if dtype != "float32" else torch.float64
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # complex numbers lose their imaginary part
            assert address(torch.as_tensor(b)) == address(b) != address(torch.as_tensor(b, dtype=other))


@pytest.mark.claim(zh="看情况：torch.as_tensor 能不复制就不复制。", en="It depends: torch.as_tensor copies only if it must.")
@pytest.mark.claim(zh=".float()、.double()、.to(…) 也一样：a 本来就是 float64，.double() 无事可做，于是仍然共用。",
                   en=".float(), .double() and .to(...) do the same: a was float64 already, .double() had nothing to do, and the memory is still shared.")
@pytest.mark.claim(zh="torch.tensor、.clone()、.copy() 复制；torch.as_tensor 能共用就共用。",
                   en="torch.tensor, .clone() and .copy() copy; torch.as_tensor shares if it can.")
@pytest.mark.claim(zh="只读不写，共用省内存；要改写，又不想连累别人，就复制。", en="If you only read, sharing saves memory; if you write and nobody else should feel it, copy.")
def test_a_copy_is_made_only_where_the_dtype_changes(chapter):
    a = chapter["who-shares"].names["a"]
    x = torch.from_numpy(a)
    assert a.dtype == np.float64 and "sharing data" in torch.as_tensor.__doc__
    for same in (torch.as_tensor(a), torch.as_tensor(x), torch.as_tensor(a, dtype=torch.float64), x.double(), x.to(torch.float64), x.to("cpu")):
        assert address(same) == address(a)
    assert address(x.float().float()) != address(a) and x.float().float().dtype == torch.float32
    single = x.float()
    assert address(single.float()) == address(single)
    for other in (torch.as_tensor(a, dtype=torch.float32), x.float(), x.to(torch.float32), torch.tensor(a), x.clone(), torch.from_numpy(a.copy())):
        assert address(other) != address(a)
        other += 1  # a change that nobody else feels
        assert a.tolist() == [1, 2, 3]
    big = np.zeros(1000)  # sharing: no memory but that of the array
    assert torch.from_numpy(big).untyped_storage().data_ptr() == address(big) and torch.from_numpy(big).untyped_storage().nbytes() == big.nbytes


# ---- dtypes ---------------------------------------------------------------------------------------------------


@pytest.mark.claim(zh="麻烦在于，两边对小数的默认类型不同：", en="The trouble is that the two sides have different defaults for floats:")
@pytest.mark.claim(zh="同样写 0.5，NumPy 默认 float64，torch 默认 float32。", en="The same 0.5 is float64 to NumPy and float32 to torch.")
@pytest.mark.claim(zh="再看第二行：torch.tensor 碰到列表里 Python 自己的小数，用自己的默认；碰到数组，保留数组的类型。",
                   en="Now the second line: given Python’s floats in a list, torch.tensor uses its own default; given an array, it keeps the array’s dtype.")
@pytest.mark.claim(zh="小数的默认类型，NumPy 是 float64，torch 是 float32；喂给网络之前先 .float()。",
                   en="Floats are float64 to NumPy and float32 to torch by default; call .float() before a network.")
def test_the_two_defaults_and_where_the_numbers_come_from(chapter):
    assert chapter["float64"].stdout == "float64 torch.float32\ntorch.float64\n"
    assert np.array([0.5]).dtype == np.zeros(1).dtype == np.float64 and torch.tensor([0.5]).dtype == torch.zeros(1).dtype == torch.float32
    for dtype in ("float16", "float32", "float64", "int32"):
        assert str(torch.tensor(np.array([1], dtype=dtype)).dtype) == f"torch.{dtype}"
    assert torch.nn.Linear(1, 1)(torch.from_numpy(np.array([0.5])).float()).dtype == torch.float32
    assert torch.tensor([np.float64(0.5)]).dtype == torch.float64  # a number of NumPy keeps its own, in a list too
    try:
        torch.set_default_dtype(torch.float64)
        assert torch.tensor([0.5]).dtype == torch.float64  # its own default, whatever that is
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.claim(zh="于是，把 NumPy 默认的小数直接喂给网络的层（layer），就会撞上这一句：",
                   en="So feed the default floats of NumPy to a layer of a network, and this is what comes back:")
@pytest.mark.claim(zh="读法：mat1 是你的输入，Double 是 float64 的老名字；mat2 是层里的权重，Float 就是 float32。",
                   en="To read it: mat1 is your input, and Double is the old name of float64; mat2 is the layer’s weight, and Float is float32.")
@pytest.mark.claim(zh="矩阵乘法不做类型提升，所以报错。", en="Matrix products do not promote, hence the error.")
@pytest.mark.claim(zh="让数据迁就层，用 .float()：", en="Let the data give way to the layer, with .float():")
def test_float64_meets_a_layer(chapter):
    error = chapter["linear-error"].error
    assert type(error) is RuntimeError and str(error) == "mat1 and mat2 must have the same dtype, but got Double and Float"
    names = chapter["linear-error"].names
    assert names["X"].dtype == torch.float64 and names["layer"].weight.dtype == torch.float32
    assert torch.DoubleTensor.dtype == torch.float64 and torch.FloatTensor.dtype == torch.float32
    with pytest.raises(RuntimeError, match="got Float and Double"):  # mat1 is the input, mat2 the weight
        torch.nn.Linear(64, 10).double()(names["X"].float())
    with pytest.raises(RuntimeError, match="same dtype"):
        torch.ones(2, 2) @ torch.ones(2, 2).double()
    assert (torch.ones(2, 2) + torch.ones(2, 2).double()).dtype == torch.float64  # a sum does promote
    assert torch.nn.Linear(64, 10)(names["X"].float()).dtype == torch.float32


@pytest.mark.claim(zh="通了，占的内存也只剩一半。", en="It works, in half the memory.")
@pytest.mark.claim(zh="换了类型就不可能再共用，这里的 X 已经是副本。", en="A changed dtype cannot share, so this X is a copy.")
@pytest.mark.claim(zh="mps 设备不支持 float64。", en="The mps device does not support float64.")
@pytest.mark.claim(zh="from_numpy 得来的 float64 张量，要先 .float()，再 .to(\"mps\")。",
                   en="A float64 tensor from from_numpy needs .float() first, and then .to(\"mps\").")
def test_float_is_the_cure_and_mps_needs_it(chapter):
    names = chapter["linear-cured"].names
    X, digits = names["X"], names["digits"]
    assert chapter["linear-cured"].value == (1797, 10) and X.dtype == torch.float32
    before, after = (int(line.split()[2]) for line in chapter["linear-cured"].stdout.splitlines())
    assert before == digits.data.nbytes == 1797 * 64 * 8 and after == before / 2 == X.nbytes
    assert address(X) != address(digits.data)
    assert "float64" in fact("foundations/numpy-bridge", "mps lacks")
    assert torch.from_numpy(digits.data).dtype == torch.float64 != torch.from_numpy(digits.data).float().dtype


# ---- the photograph -------------------------------------------------------------------------------------------


@pytest.mark.claim(zh="照片读进来也是数组。", en="A photograph, once read, is an array too.")
@pytest.mark.claim(zh="这一张同样是 scikit-learn 自带的：", en="This one also comes with scikit-learn:")
@pytest.mark.claim(zh="427 行，640 列，最后一个轴是红、绿、蓝三种颜色，每个数是 0 到 255 的 uint8。",
                   en="427 rows, 640 columns, and a last axis for red, green and blue; each number is a uint8 from 0 to 255.")
@pytest.mark.claim(zh="最后一行说，这个数组是只读的，不许改。", en="The last line says that this array is read-only: nobody may change it.")
def test_the_photograph_is_a_read_only_array(chapter):
    photo = chapter["photo"].names["photo"]
    assert type(photo) is np.ndarray and importlib.resources.files("sklearn.datasets.images").joinpath("flower.jpg").is_file()
    assert chapter["photo"].stdout == "(427, 640, 3) uint8 0 255\nwriteable: False\n"
    assert photo.shape == (427, 640, 3) and photo.dtype == np.uint8 and (photo.min(), photo.max()) == (0, 255)
    red, green, blue = (plt.imread(importlib.resources.files("sklearn.datasets.images") / "flower.jpg")[..., k].mean() for k in range(3))
    assert photo.mean(axis=(0, 1)).tolist() == pytest.approx([red, green, blue], abs=2)
    with pytest.raises(ValueError, match="read-only"):
        photo[0, 0, 0] = 1


@pytest.mark.claim(zh="过是过了，但有警告。", en="It got across, with a warning.")
@pytest.mark.claim(zh="张量没有“只读”这回事：过了桥，往那块不许改的内存里写，PyTorch 不会拦，后果没人保证（undefined behavior）。",
                   en="A tensor has no such thing as read-only: once across, PyTorch will not stop you from writing to memory that must not change, and nobody answers for what happens then (undefined behaviour).")
@pytest.mark.claim(zh="治法是用 torch.tensor 复制一份。", en="The cure is a copy, by torch.tensor.")
@pytest.mark.claim(zh="副本可以随便改，警告也没了：", en="You may change the copy as you like, and the warning is gone:")
def test_a_tensor_does_not_know_of_read_only(chapter):
    (warning,) = chapter["read-only"].warnings
    assert warning.startswith("UserWarning: The given NumPy array is not writable, and PyTorch does not support non-writable tensors")
    assert "will result in undefined behavior" in warning and chapter["read-only"].value == (427, 640, 3)
    array = read_only(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        crossed = torch.from_numpy(array)
    crossed[0] = 77  # nothing stops it
    assert array.tolist() == [77, 1, 2]
    photo = chapter["photo"].names["photo"]
    own, warned = said(lambda: torch.tensor(photo))
    own[0, 0, 0] = 77
    assert warned is None and own[0, 0, 0] == 77 and photo[0, 0, 0] == load_sample_image("flower.jpg")[0, 0, 0]


@pytest.mark.claim(zh="第一行做了三件事：复制；用 permute 把颜色轴挪到最前面，因为 PyTorch 的卷积层要的是（通道，高，宽）；除以 255，整数相除得小数，于是成了 0 到 1 的 float32。",
                   en="The first line does three things: it copies; with permute it moves the axis of colours to the front, because PyTorch’s convolution layers want (channel, height, width); and it divides by 255, and as integers divided give floats, we end up with float32 from 0 to 1.")
@pytest.mark.claim(zh="matplotlib 却要颜色轴在最后，所以画图之前，用 permute(1, 2, 0) 换回去。",
                   en="But matplotlib wants the colours last, so before drawing, permute(1, 2, 0) puts them back.")
@pytest.mark.claim(zh="最后那个 True 说：乘回 255，四舍五入，和原图一个数都不差。",
                   en="The True at the end says: multiplied by 255 and rounded, every number is that of the photograph we began with.")
def test_the_photograph_as_a_tensor_and_back(chapter):
    names = chapter["photo-tensor"].names
    photo, picture, again = names["photo"], names["picture"], names["again"]
    assert chapter["photo-tensor"].code.startswith("picture = torch.tensor(photo).permute(2, 0, 1) / 255")
    assert picture.shape == (3, 427, 640) and picture.dtype == torch.float32 and picture.min() == 0 and picture.max() == 1
    assert (torch.tensor([1, 2], dtype=torch.uint8) / 255).dtype == torch.float32 and address(torch.tensor(photo)) != address(photo)
    for i, j, colour in [(0, 0, 0), (200, 300, 1), (426, 639, 2), (100, 500, 0)]:
        assert picture[colour, i, j].item() == pytest.approx(photo[i, j, colour] / 255, abs=1e-6)
    assert torch.nn.Conv2d(3, 4, 3)(picture[:, :9, :9]).shape == (4, 7, 7)
    with pytest.raises(RuntimeError, match="to have 3 channels"):
        torch.nn.Conv2d(3, 4, 3)(picture[:, :9, :9].permute(1, 2, 0))
    assert "Invalid shape" in message(lambda: plt.imshow(picture.numpy())) and message(lambda: plt.imshow(again)) is None
    plt.close("all")
    assert again.shape == (427, 640, 3) and np.array_equal(np.rint(again * 255).astype(np.uint8), photo)
    assert chapter["photo-tensor"].stdout.splitlines() == ["torch.Size([3, 427, 640]) torch.float32 0.0 1.0", "(427, 640, 3) True"]
    assert "np.array_equal((again * 255).round(), photo)" in chapter["photo-tensor"].code


@pytest.mark.claim(zh="四幅小图。", en="Four small pictures.")
@pytest.mark.claim(zh="右上、左下、右下是同一张照片的三张灰度图，标着 red、green、blue：花在 red 里最亮，在 green 里居中，在 blue 里最暗；花外面的背景，在 green 里比在另外两张里亮。",
                   en="Top right, bottom left and bottom right, the same photograph in three pictures in grey, titled red, green and blue: the flower is brightest in red, less so in green and darkest in blue; the background around the flower is brighter in green than in the other two.")
@pytest.mark.claim(zh="左上是过桥回来的照片，其余三幅是张量里的三个通道，越白表示这种颜色越多。",
                   en="Top left, the photograph back from the other side; the rest are the three channels of the tensor, and whiter means more of that colour.")
@pytest.mark.claim(zh="花是橙色的，所以花在红的那一张里最亮。", en="The flower is orange, so it is brightest in the red picture.")
def test_figure_of_the_photograph(chapter):
    (figure,) = chapter["photo-figure"].figures
    photo = chapter["photo"].names["photo"].astype(float)
    shown = [ax.images[0].get_array() for ax in figure.axes]
    assert np.allclose(shown[0] * 255, photo) and len(figure.axes) == 4
    for colour in range(3):
        assert np.allclose(shown[1 + colour] * 255, photo[:, :, colour])
    assert [ax.get_title() for ax in figure.axes] == ["again", "picture[0]: red", "picture[1]: green", "picture[2]: blue"]
    corners = [ax.get_position() for ax in figure.axes]
    assert [(box.x0 < 0.4, box.y0 > 0.4) for box in corners] == [(True, True), (False, True), (True, False), (False, False)]
    assert all(image.get_clim() == (0, 1) and image.get_cmap()(1.0)[:3] == (1, 1, 1) and image.get_cmap()(0.0)[:3] == (0, 0, 0)
               for ax in figure.axes[1:] for image in ax.images)
    flower, around = photo[150:280, 190:430].reshape(-1, 3).mean(axis=0), photo[photo[..., 0] < 100].mean(axis=0)
    assert flower[0] > flower[1] + 50 and flower[1] > flower[2] + 20 and around[1] > max(around[0], around[2])


@pytest.mark.claim(zh="左上是一朵橙色的花，背景是深绿的叶子。", en="Top left, an orange flower in front of dark green leaves.")
def test_the_flower_is_orange_and_what_is_around_it_dark_green(chapter):
    shown = chapter["photo-figure"].figures[0].axes[0].images[0].get_array()
    red, green, blue = shown[150:280, 190:430].reshape(-1, 3).mean(axis=0)
    assert red > 0.7 and 0.3 < green < 0.6 and blue < 0.3
    for edge in (shown[:60], shown[380:], shown[:, :60], shown[:, 580:]):
        red, green, blue = edge.reshape(-1, 3).mean(axis=0)
        assert 0.3 > green > max(red, blue)


# ---- same thing, two spellings; same name, other meaning --------------------------------------------------------


@pytest.mark.claim(zh="NumPy 与 torch 对照表在附录里，有 71 行，每一行都在两边跑过。",
                   en="The appendix has NumPy and torch side by side, in 71 rows, each of them run on both sides.")
@pytest.mark.claim(zh="表里有 8 行差在同一个名字：NumPy 的 axis，在 torch 里叫 dim。",
                   en="In 8 of the rows the difference is one and the same name: NumPy’s axis is torch’s dim.")
def test_the_table_in_the_appendix(chapter):
    for language in ("zh", "en"):
        page = (ROOT / "docs" / language / "appendix" / "numpy-table.md").read_text(encoding="utf-8")
        rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
        assert len(rows) == 71
        assert len([row for row in rows if "axis=" in row[0] and "dim=" in row[1]]) == 8
        assert not [row for row in rows if "axis=" in row[1] or "dim=" in row[0]]
    assert "both_sides" in (ROOT / "tests/appendix/test_numpy-table.py").read_text(encoding="utf-8")  # which runs each of them


@pytest.mark.claim(zh="keepdims 也少一个 s，叫 keepdim。", en="Likewise keepdims loses its s and becomes keepdim.")
@pytest.mark.claim(zh="改不过来也没关系，torch 的归约函数几乎都认两套：", en="If your fingers cannot unlearn it, never mind: nearly all of torch’s reductions know both sets.")
@pytest.mark.claim(zh="反过来不行，NumPy 不认得 dim。", en="It does not work the other way round: NumPy knows no dim.")
@pytest.mark.claim(zh="自己写，选 dim，和官方文档一致。", en="In your own code choose dim, as the official documentation does.")
def test_torch_knows_axis_and_keepdims_and_numpy_knows_no_dim(chapter):
    assert chapter["axis"].stdout == "tensor([[ 6.],\n        [15.]])\n" * 2
    t = chapter["axis"].names["t"]
    with pytest.raises(TypeError, match="axis"):
        torch.norm(t, axis=1)  # deprecated, and one that does not
    for reduce in (torch.sum, torch.mean, torch.std, torch.var, torch.amax, torch.amin, torch.argmax, torch.prod, torch.any, torch.all, torch.logsumexp, torch.nanmean):
        assert torch.equal(reduce(t, dim=1, keepdim=True), reduce(t, axis=1, keepdims=True))
        assert "keepdim=" in reduce.__doc__ and "dim" in reduce.__doc__ and not re.search(r"axis=|keepdims", reduce.__doc__)
    for reduce in (np.sum, np.mean, np.std, np.amax):
        assert {"axis", "keepdims"} <= set(inspect.signature(reduce).parameters)
        for name in ("dim", "keepdim"):
            with pytest.raises(TypeError, match=name):
                reduce(np.ones((2, 3)), **{name: 1})


@pytest.mark.claim(zh="std、var | 除以 n | 除以 n − 1", en="std, var | divide by n | divide by n − 1")
@pytest.mark.claim(zh="median | 中间两数的平均 | 中间两数里小的那个", en="median | average of the middle two | the smaller of the middle two")
@pytest.mark.claim(zh="a.repeat(2) | 每个数重复 | 整串重复", en="a.repeat(2) | repeats each number | repeats the whole")
@pytest.mark.claim(zh="split(a, 4) | 分成 4 份 | 每份 4 个", en="split(a, 4) | into 4 parts | 4 in each part")
def test_four_names_with_two_meanings(chapter):
    a, t = np.array([1.0, 2.0, 3.0, 4.0]), torch.tensor([1.0, 2.0, 3.0, 4.0])
    deviations = sum((n - 2.5) ** 2 for n in (1, 2, 3, 4))
    assert np.std(a) == pytest.approx(math.sqrt(deviations / 4)) and np.var(a) == pytest.approx(deviations / 4)
    assert torch.std(t).item() == pytest.approx(math.sqrt(deviations / 3)) and torch.var(t).item() == pytest.approx(deviations / 3)
    for order in itertools.permutations((1.0, 5.0, 2.0, 9.0)):
        assert np.median(np.array(order)) == (2 + 5) / 2 and torch.median(torch.tensor(order)) == 2
    assert a.repeat(2).tolist() == [1, 1, 2, 2, 3, 3, 4, 4] and t.repeat(2).tolist() == [1, 2, 3, 4] * 2
    for size in (4, 8, 12):
        assert len(np.split(np.arange(size), 4)) == 4 and {len(part) for part in torch.split(torch.arange(size), 4)} == {4}
    assert chapter["quiet"].names["a"].tolist() == chapter["quiet"].names["t"].tolist() == a.tolist()


@pytest.mark.claim(zh="名字相同、意思不同，用错了也没有任何提示。", en="Same name, other meaning: when you mix them up, nothing tells you.")
@pytest.mark.claim(zh="四个例子，先 NumPy，后 torch：", en="Four examples, first NumPy, then torch:")
@pytest.mark.claim(zh="名字相同不等于意思相同：std、median、repeat、split 要当心。", en="Same name is not same meaning: mind std, median, repeat and split.")
def test_nothing_tells_of_the_other_meaning(chapter):
    assert chapter["quiet"].warnings == [] and chapter["quiet"].error is None
    std, median, repeat, whole, split = chapter["quiet"].stdout.splitlines()
    assert std.split()[0] == "std" and [float(n) for n in std.split()[1:]] == pytest.approx([math.sqrt(5 / 4), math.sqrt(5 / 3)])
    assert median.split() == ["median", "2.5", "2.0"] and split.split() == ["split", "4", "parts;", "1", "part"]
    assert repeat == "repeat [1. 1. 2. 2. 3. 3. 4. 4.]" and whole == "       [1. 2. 3. 4. 1. 2. 3. 4.]"


@pytest.mark.claim(zh="标准差（standard deviation）衡量数字有多分散：每个数减去平均，平方，加起来，除以个数，再开方。",
                   en="The standard deviation says how spread out numbers are: from each take the average, square, add up, divide by how many there are, take the root.")
@pytest.mark.claim(zh="分歧出在“除以个数”这一步。", en="It is the dividing that they disagree about.")
@pytest.mark.claim(zh="手工算两遍：", en="Twice by hand:")
@pytest.mark.claim(zh="除以 n，得到 NumPy 的默认答案；除以 n − 1，得到 torch 的默认答案。",
                   en="Dividing by n gives NumPy’s default answer, dividing by n − 1 gives torch’s.")
def test_standard_deviation_by_hand(chapter):
    lines = [[float(n) for n in re.findall(r"\d+\.\d+", line)] for line in chapter["std"].stdout.splitlines()]
    small, large = math.sqrt(5 / 4), math.sqrt(5 / 3)  # the squares are 2.25, 0.25, 0.25, 2.25
    assert [row[0] for row in lines[:2]] == pytest.approx([small, large], abs=1e-4)
    assert chapter["std"].stdout.splitlines()[0].startswith("divide by n   ") and chapter["std"].stdout.splitlines()[1].startswith("divide by n - 1")
    for numbers in ([1.0, 2.0, 3.0, 4.0], [5.0, -1.0, 7.5], [2.0, 2.0, 9.0, 4.0, 1.0]):
        n, mean = len(numbers), sum(numbers) / len(numbers)
        squares = sum((number - mean) ** 2 for number in numbers)
        assert np.std(np.array(numbers)) == pytest.approx(math.sqrt(squares / n))
        assert torch.std(torch.tensor(numbers)).item() == pytest.approx(math.sqrt(squares / (n - 1)))
        assert np.std(2 * np.array(numbers)) == pytest.approx(2 * np.std(np.array(numbers)))  # more spread out


@pytest.mark.claim(zh="两种都有道理：数据就是全部，除以 n；数据只是抽来的样本，要估计背后整体的方差，除以 n − 1 才不会平均下来偏小。",
                   en="Each has its reason: if these numbers are all there is, divide by n; if they are a sample from something larger, and you want to estimate the variance of the whole, then dividing by n − 1 keeps it from coming out too small on average.")
@pytest.mark.claim(zh="不想操心，就把 correction= 写出来，np.std 和 torch.std 都认，答案也就一致了。",
                   en="To stop worrying, write correction=: np.std and torch.std both know it, and then they agree.")
@pytest.mark.claim(zh="只是数组自己的方法 a.std() 还只认老名字 ddof，torch.std 则不认 ddof。",
                   en="Only the array’s own method, a.std(), still asks for the older name ddof, which torch.std does not know.")
@pytest.mark.claim(zh="数据越多，两者越接近：4 个数时相差 15%，1 万个数时不到 0.01%。",
                   en="The more data, the closer the two: of 4 numbers they are 15% apart, of 10,000 less than 0.01%.")
def test_correction_and_what_n_minus_1_is_for(chapter):
    a, t = chapter["quiet"].names["a"], chapter["quiet"].names["t"]
    # Over all samples of two (with replacement) from these four numbers, dividing by n - 1 gives the true variance on average.
    samples = np.array(list(itertools.product(a, repeat=2)))
    assert np.var(samples, axis=1, correction=1).mean() == pytest.approx(a.var()) and samples.var(axis=1).mean() < a.var()
    assert "unbiased" in np.std.__doc__ and "population" in np.std.__doc__
    lines = chapter["std"].stdout.splitlines()[2:]
    for n, line in enumerate(lines):
        assert np.std(a, correction=n) == pytest.approx(torch.std(t, correction=n).item()) == pytest.approx(math.sqrt(5 / (4 - n)))
        found = [float(number) for number in re.findall(r"\d+\.\d+", line)]
        assert line.startswith(f"correction={n}") and found == pytest.approx([math.sqrt(5 / (4 - n))] * 2, abs=1e-4)
    with pytest.raises(TypeError, match="correction"):
        a.std(correction=1)
    assert a.std(ddof=1) == pytest.approx(np.std(a, correction=1))
    with pytest.raises(TypeError, match="ddof"):
        torch.std(t, ddof=0)
    apart = [np.std(np.arange(float(n)), correction=1) / np.std(np.arange(float(n))) - 1 for n in (4, 10, 100, 10000)]
    assert apart == sorted(apart, reverse=True) and 0.145 < apart[0] < 0.155 and 0 < apart[-1] < 0.0001


@pytest.mark.ledger("n1-14")
@pytest.mark.claim(zh="给 np.dot 两个向量，它算点积，也就是对应相乘再加起来；给它两个矩阵，它算矩阵乘法。",
                   en="Of two vectors, np.dot makes the dot product, which multiplies number by number and adds up; of two matrices, the matrix product.")
@pytest.mark.claim(zh="torch.dot 只做前一件事：", en="torch.dot does only the former:")
@pytest.mark.claim(zh="1 + 4 + 9 + 16 是 30，两边一样。", en="1 + 4 + 9 + 16 is 30 on both sides.")
@pytest.mark.claim(zh="矩阵在 torch 里用 @，结果和 np.dot 一样。", en="For matrices torch has @, with the same result as np.dot.")
def test_dot_takes_vectors_only(chapter):
    m, a = chapter["dot"].names["m"], chapter["dot"].names["a"]
    assert chapter["dot"].stdout.startswith("30.0 tensor(30., dtype=torch.float64)\n") and sum(n * n for n in a) == 30
    assert np.dot([1, 2, 3], [4, 5, 6]) == torch.dot(torch.tensor([1, 2, 3]), torch.tensor([4, 5, 6])) == 1 * 4 + 2 * 5 + 3 * 6
    product = [[1 * 1 + 2 * 3, 1 * 2 + 2 * 4], [3 * 1 + 4 * 3, 3 * 2 + 4 * 4]]
    assert np.dot(m, m).tolist() == (torch.from_numpy(m) @ torch.from_numpy(m)).tolist() == product
    assert chapter["dot"].stdout.splitlines()[1:] == ["[[ 7. 10.]", " [15. 22.]]", "tensor([[ 7., 10.],", "        [15., 22.]], dtype=torch.float64)"]
    for shapes in [((2, 2), (2, 2)), ((2, 2), (2,)), ((2,), (2, 2)), ((), ())]:
        with pytest.raises(RuntimeError, match="1D tensors expected"):
            torch.dot(*map(torch.ones, shapes))


@pytest.mark.claim(zh="硬要用 torch.dot：", en="If you insist on torch.dot:")
@pytest.mark.claim(zh="它要 1D，来的是 2D。", en="It wanted 1D and got 2D.")
@pytest.mark.claim(zh="在 NumPy 里矩阵乘法也写 @，代码就两边通用了。", en="Write @ for matrix products in NumPy too, and the same code serves both.")
def test_dot_refuses_matrices_and_at_serves_both(chapter):
    error = chapter["dot-error"].error
    assert type(error) is RuntimeError and str(error) == "1D tensors expected, but got 2D and 2D tensors"
    m = chapter["dot"].names["m"]
    assert (m @ m).tolist() == (torch.from_numpy(m) @ torch.from_numpy(m)).tolist() == np.dot(m, m).tolist()


# ---- mixing, random numbers -------------------------------------------------------------------------------------


@pytest.mark.claim(zh="算出来了，得到的还是张量，但 NumPy 发了弃用警告（DeprecationWarning）：它要靠张量的 __array_wrap__ 把结果变回张量，而这个方法还缺两个参数，以后非有不可。",
                   en="It works, and the result is even a tensor, but NumPy gives a DeprecationWarning: it needs the tensor’s __array_wrap__ to turn the result back into a tensor, and that method lacks two arguments which it must have in the future.")
@pytest.mark.claim(zh="张量加数组，结局也一样：", en="A tensor plus an array ends the same way:")
@pytest.mark.claim(zh="换个次序，数组加张量，就报错：", en="The other way round, an array plus a tensor, it fails:")
@pytest.mark.claim(zh="t + a 先问张量，张量不肯；再问数组，数组肯算。", en="t + a asks the tensor first, which is not willing; then it asks the array, which is.")
def test_a_tensor_first_warns_and_an_array_first_fails(chapter):
    old = "__array_wrap__ must accept context and return_scalar arguments (positionally) in the future."
    assert isinstance(chapter["mix-sin"].value, torch.Tensor)
    assert chapter["mix-sin"].value.tolist() == pytest.approx([math.sin(n) for n in (1, 2, 3, 4)])
    assert isinstance(chapter["mix-tensor-plus"].value, torch.Tensor) and chapter["mix-tensor-plus"].value.tolist() == [2, 4, 6, 8]
    for cell in ("mix-sin", "mix-tensor-plus"):
        (warning,) = chapter[cell].warnings
        assert warning.startswith(f"DeprecationWarning: {old}")
    assert list(inspect.signature(torch.Tensor.__array_wrap__).parameters) == ["self", "array"]  # and neither of the two
    assert chapter["mix-tensor-plus"].code == "t + a" and chapter["mix-plus"].code == "a + t" and type(chapter["mix-plus"].error) is TypeError
    a, t = np.array([1.0, 2.0]), torch.tensor([1.0, 2.0], dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert t.__add__(a) is NotImplemented and a.__radd__(t).tolist() == [2, 4]


@pytest.mark.claim(zh="这句报错会把人带到沟里去：明明是相加，它却说“拼接”。", en="This message leads people astray: we were adding, and it talks of joining.")
@pytest.mark.claim(zh="a + t 先问数组，数组让给张量，张量还是不肯；Python 最后想到，列表的加号是拼接，于是去问数组会不会拼接。",
                   en="a + t asks the array first, which leaves it to the tensor, and the tensor is still not willing; as a last resort Python remembers that the plus sign of lists joins, and asks the array whether it can join.")
@pytest.mark.claim(zh="所以看到这一句，就去找哪里把数组和张量加在了一起。", en="So when you see this message, look for the place where you add a tensor to an array.")
def test_why_adding_talks_of_joining(chapter):
    told = "Concatenation operation is not implemented for NumPy arrays"
    error = chapter["mix-plus"].error
    assert type(error) is TypeError and str(error).startswith(told)
    a, t = chapter["quiet"].names["a"], chapter["quiet"].names["t"]
    assert a.__add__(t) is NotImplemented and t.__radd__(a) is NotImplemented
    with pytest.raises(TypeError, match=told):  # what a plus sign does to lists, and what it asks at last
        operator.concat(a, a)
    assert [1] + [2] == operator.concat([1], [2]) == [1, 2]
    assert "unsupported operand" in message(lambda: a * t)  # a sign that joins nothing


@pytest.mark.claim(zh="又是另一种失败。", en="Yet another failure.")
@pytest.mark.claim(zh="NumPy 转身去叫张量自己的 mean，递过去 axis、dtype、out 三个参数。",
                   en="NumPy turned to the tensor’s own mean, and gave it three arguments, axis, dtype and out.")
@pytest.mark.claim(zh="报错怪的是 axis，其实 t.mean(axis=0) 没问题，多出来的是 out。",
                   en="The message blames axis, but t.mean(axis=0) is fine; the one too many is out.")
@pytest.mark.claim(zh="四次尝试，两次警告，两次报错，报错还都说不到点子上。", en="Four attempts, two warnings and two errors, and neither error is to the point.")
def test_the_average_fails_for_another_reason_than_it_says(chapter):
    class Own:
        def mean(self, **given):
            return given

    assert np.mean(Own()) == {"axis": None, "dtype": None, "out": None}  # NumPy calls the object's own mean
    error, t = chapter["mix-mean"].error, chapter["quiet"].names["t"]
    assert type(error) is TypeError and str(error) == "mean() got an unexpected keyword argument 'axis'"
    assert t.mean(axis=0) == t.mean(axis=None, dtype=None) == 2.5
    for given in ({"axis": None, "dtype": None, "out": None}, {"axis": 0, "dtype": None, "out": None}, {"out": None}):
        with pytest.raises(TypeError):
            t.mean(**given)
    mixed = [chapter[cell] for cell in ("mix-sin", "mix-tensor-plus", "mix-plus", "mix-mean")]
    assert [len(ran.warnings) for ran in mixed] == [1, 1, 0, 0] and [ran.error is None for ran in mixed] == [True, True, False, False]
    assert "add" not in str(mixed[2].error) and "out" not in str(error) and str(mixed[2].error) != str(error)


@pytest.mark.claim(zh="所以规矩只有一条：先过桥，再计算，全在这边算，或者全在那边算。", en="Hence the one rule: first cross, then compute, all on this side or all on that.")
@pytest.mark.claim(zh="先过桥，再计算；种子要两边都设。", en="First cross, then compute; and seed both sides.")
@pytest.mark.claim(zh="所以，程序里两边都用到随机数，种子就要两边都设。", en="So if a program uses random numbers from both, seed both.")
def test_cross_first_and_seed_both(chapter):
    assert chapter["mix-cured"].stdout == "[2. 4. 6. 8.]\ntensor([2., 4., 6., 8.], dtype=torch.float64)\n" and not chapter["mix-cured"].warnings
    a, t = np.array([1.0, 2.0]), torch.tensor([1.0, 2.0], dtype=torch.float64)
    for result in (lambda: a + t.numpy(), lambda: torch.from_numpy(a) + t, lambda: np.mean(t.numpy()), lambda: np.sin(t.numpy())):
        assert message(result) is None

    def run(seed_torch, seed_numpy):
        if seed_torch:
            torch.manual_seed(1)
        if seed_numpy:
            np.random.seed(1)
        return torch.rand(1).item(), np.random.rand()

    state = np.random.get_state()
    try:
        assert run(True, True) == run(True, True)
        assert run(True, True) != run(True, False) and run(True, True) != run(False, True)
    finally:
        np.random.set_state(state)


@pytest.mark.claim(zh="NumPy 和 torch 各有各的随机数发生器，谁也不管谁：",
                   en="NumPy and torch each have random number generators of their own, and neither knows of the other’s:")
@pytest.mark.claim(zh="种子（seed）都是 0，两边的数却不相同，因为算法不同：CPU 上的 torch 用 MT19937，default_rng 用 PCG64。",
                   en="Both seeds are 0 and the numbers differ, because the algorithms do: torch on the CPU uses MT19937, default_rng uses PCG64.")
@pytest.mark.claim(zh="更要紧的是后半段：torch.manual_seed(0) 把 torch 拨回了起点，NumPy 却接着往下走。",
                   en="The second half matters more: torch.manual_seed(0) took torch back to the start, and NumPy just went on.")
@pytest.mark.claim(zh="NumPy 这边，像上面那样用 np.random.default_rng(0) 造一个自己的发生器；旧代码里的 np.random.rand() 用的是全局的那一个，种子要用 np.random.seed(0) 来设。",
                   en="For NumPy, make a generator of your own with np.random.default_rng(0), as above; the np.random.rand() of older code uses a global one, which is seeded by np.random.seed(0).")
def test_the_generators_do_not_know_of_each_other(chapter):
    lines = [line.split(maxsplit=1) for line in chapter["random"].stdout.splitlines()]
    assert [side for side, _ in lines] == ["torch", "NumPy", "torch", "NumPy"]
    (_, first), (_, other), (_, again), (_, on) = lines
    assert first == again and other != on and chapter["random"].code.count("(0)") == 3
    assert not set(re.findall(r"0\.\d{4}", first)) & set(re.findall(r"0\.\d{4}", other))
    assert [float(n) for n in re.findall(r"0\.\d+", other + on)] == pytest.approx(np.random.default_rng(0).random(6).tolist(), abs=1e-6)
    # MT19937 of the seed 0, its lowest 24 bits: what torch prints. PCG64 by its own name.
    bits = np.random.RandomState(0).randint(0, 2**32, 3, dtype=np.uint32)
    assert [float(n) for n in re.findall(r"0\.\d+", first)] == pytest.approx([(int(n) & 0xFFFFFF) / 2**24 for n in bits], abs=1e-4)
    assert type(np.random.RandomState(0)._bit_generator).__name__ == "MT19937"
    assert type(np.random.default_rng(0).bit_generator).__name__ == "PCG64"
    state = np.random.get_state()
    try:
        np.random.seed(0)
        one = np.random.rand()
        torch.manual_seed(0)
        np.random.default_rng(0).random()
        two = np.random.rand()
        np.random.seed(0)
        assert (np.random.rand(), np.random.rand()) == (one, two) and one != two  # global, and nothing else winds it back
        before = torch.get_rng_state()
        np.random.rand()
        assert torch.equal(torch.get_rng_state(), before)
    finally:
        np.random.set_state(state)


# ---- the round trip -------------------------------------------------------------------------------------------


@pytest.mark.claim(zh="办法很朴素：拿前 1500 张图，把同一个数字的图平均成一张；剩下的 297 张，看它离哪张平均图最近，就当它是哪个数字。",
                   en="The method is a plain one: of the first 1500 pictures, average those of the same digit into one; for each of the other 297, see which average picture is nearest, and say that digit.")
@pytest.mark.claim(zh="数据从 NumPy 来（from_numpy），平均和距离在 torch 里算，答案用 .numpy() 送回去，交给 scikit-learn 打分。",
                   en="The data came from NumPy (from_numpy), the averages and distances were computed in torch, and .numpy() took the answers back, to be marked by scikit-learn.")
@pytest.mark.claim(zh="torch.cdist 一次算出每张图到每张平均图的距离，形状是 (297, 10)；argmin 挑出最近的那一张。",
                   en="torch.cdist finds the distance of every picture to every average picture in one go, in the shape (297, 10); argmin picks the nearest.")
@pytest.mark.claim(zh="没有网络，也没有梯度，一百张里认对约 85 张。", en="No network, no gradient, and about 85 in a hundred are right.")
def test_the_round_trip_by_hand_in_numpy(chapter):
    digits, names = load_digits(), chapter["round-trip"].names
    X, y = digits.data, digits.target
    means = np.array([X[:1500][y[:1500] == k].mean(axis=0) for k in range(10)])
    distances = np.sqrt(((X[1500:, None] - means) ** 2).sum(axis=2))
    assert np.allclose(means, names["means"].numpy(), atol=1e-4) and distances.shape == (297, 10) == (len(X) - 1500, 10)
    assert np.allclose(torch.cdist(names["test_X"], names["means"]).numpy(), distances, atol=1e-2)
    guess = distances.argmin(axis=1)
    assert np.mean(guess == names["guess"].numpy()) > 0.99 and torch.equal(torch.tensor([[3.0, 1.0, 2.0]]).argmin(dim=1), torch.tensor([1]))
    share = np.mean(guess == y[1500:])
    assert share == pytest.approx(0.85, abs=0.01) and float(chapter["round-trip"].stdout) == pytest.approx(share, abs=0.0051)
    assert accuracy_score(y[1500:], names["guess"].numpy()) == pytest.approx(share, abs=0.01)
    assert names["train_X"].shape == (1500, 64) and not names["means"].requires_grad and isinstance(names["means"], torch.Tensor)
    code = chapter["round-trip"].code
    assert all(call in code for call in ("torch.from_numpy(digits.target)", "guess.numpy()", "sklearn", "torch.cdist")) and "nn." not in code


@pytest.mark.claim(zh="两排五列的小图，标着 0 到 9。", en="Small pictures in two rows of five, titled 0 to 9.")
@pytest.mark.claim(zh="每幅 8 × 8 个格子，越黄越亮：0 是一个环，中间的格子暗；1 是一条竖线，中间的格子亮。",
                   en="Each has 8 × 8 squares, the yellower the brighter: 0 is a ring, with dark squares in the middle; 1 is an upright stroke, with bright squares in the middle.")
@pytest.mark.claim(zh="十张平均图：torch 算的平均，matplotlib 画的图。", en="Ten average pictures: averaged by torch, drawn by matplotlib.")
@pytest.mark.claim(zh="每张是 140 到 160 幅笔迹的平均，所以笔画模糊。",
                   en="Each is the average of between 140 and 160 handwritten ones, and so the strokes are blurred.")
def test_figure_of_the_means(chapter):
    (figure,) = chapter["means-figure"].figures
    X, y = load_digits().images[:1500], load_digits().target[:1500]
    assert [ax.get_title() for ax in figure.axes] == [str(k) for k in range(10)]
    assert len({round(ax.get_position().y0, 2) for ax in figure.axes}) == 2 and len({round(ax.get_position().x0, 2) for ax in figure.axes}) == 5
    assert isinstance(chapter["means-figure"].names["means"], torch.Tensor) and "plt" in chapter["means-figure"].code
    for k, ax in enumerate(figure.axes):
        shown = ax.images[0].get_array()
        assert shown.shape == (8, 8) and np.allclose(shown, X[y == k].mean(axis=0), atol=1e-4)
        assert 140 <= np.sum(y == k) <= 160
        inside = lambda pictures: np.mean((pictures > 4) & (pictures < 12))  # neither dark nor bright
        assert inside(shown) > inside(X[y == k]) + 0.03  # blurred: more in between than in single pictures
        cmap = ax.images[0].get_cmap()
        (red, green, blue), dark = cmap(1.0)[:3], cmap(0.0)[:3]
        assert min(red, green) > 0.85 and blue < 0.3 and sum(dark) < 1  # bright is yellow
    zero, one = (figure.axes[k].images[0].get_array() for k in (0, 1))
    assert zero[3:5, 3:5].max() < 3 and min(zero[0, 3], zero[7, 3], zero[3, 2], zero[3, 5]) > 4
    assert one[3:5, 3:5].min() > 11 and one[:, 3:5].min() > 7 > max(one[:, 0].max(), one[:, 7].max())


# ---- common errors --------------------------------------------------------------------------------------------


@pytest.mark.claim(zh="网络的参数都是这样：", en="All parameters of a network do:")
@pytest.mark.claim(zh="张量要为求导记住自己的来历，而 NumPy 里的计算没有人记。",
                   en="For the sake of gradients a tensor remembers where it came from, and nobody keeps track of what is computed in NumPy.")
@pytest.mark.claim(zh="与其悄悄丢掉来历，PyTorch 宁可拦下来让你说清楚：.detach() 交出一个不带来历的张量。",
                   en="Rather than lose that history in silence, PyTorch stops you and has you say it: .detach() hands over a tensor without history.")
def test_a_tensor_that_requires_grad(chapter):
    error = chapter["grad-error"].error
    assert type(error) is RuntimeError
    assert str(error) == "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(2, 2))
    assert len(list(net.parameters())) == 6 and all(p.requires_grad for p in net.parameters())
    w = torch.ones(3, requires_grad=True)
    assert (w * 2).grad_fn is not None and (w * 2).detach().grad_fn is None and not (w * 2).detach().requires_grad
    assert not hasattr(w.detach().numpy() * 2, "grad_fn")


@pytest.mark.claim(zh="数字还是那些数字，内存也还是那块内存，小心：", en="The numbers are still those numbers, though, and the memory is still that memory. Careful:")
@pytest.mark.claim(zh="往数组里写了 0，层的权重就全成了 0。", en="We wrote 0 into the array, and the layer’s weights are all 0.")
@pytest.mark.claim(zh="只看不写没问题；要写，再加一个 .copy()。", en="Looking is safe; to write, add a .copy().")
def test_detach_shares_the_memory(chapter):
    assert chapter["detach"].stdout == "True\n0.0\n"
    w = torch.ones(3, requires_grad=True)
    view, own = w.detach().numpy(), w.detach().numpy().copy()
    assert view.sum() == 3 and w.tolist() == view.tolist() == [1, 1, 1]
    view[0] = 5
    own[1] = 7
    assert w.tolist() == [5, 1, 1]
    layer = chapter["detach"].names["layer"]
    assert layer.weight.shape == (10, 64) and layer.weight.count_nonzero() == 0 and torch.nn.Linear(64, 10).weight.abs().sum() > 0


@pytest.mark.claim(zh="NumPy 只能读普通内存。", en="NumPy reads ordinary memory only.")
@pytest.mark.claim(zh="没有 GPU，可以用 meta 设备来演：", en="Without a GPU, the meta device can act it out:")
@pytest.mark.claim(zh="真在 GPU 上时，meta 的位置写的是那块 GPU，比如 cuda:0：", en="On a real GPU, its name stands in the place of meta, say cuda:0:")
@pytest.mark.claim(zh="照报错里说的，先 .cpu()。", en="Do as the message says, .cpu() first.")
def test_a_tensor_elsewhere(chapter):
    error, told = chapter["device-error"].error, "can't convert {} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
    assert type(error) is TypeError and str(error) == told.format("meta") and np.ones(2).device == "cpu"
    assert str(torch.ones(1, device="meta").device) == "meta" and str(torch.device("cuda", 0)) == "cuda:0"  # the message names the device
    x = torch.ones(1)
    assert address(x.to("cpu", copy=True)) != address(x)
    if torch.cuda.is_available():
        assert str(chapter["gpu-error"].error) == told.format("cuda:0")
        assert chapter["gpu-cured"].value.tolist() == [1, 1, 1] and address(chapter["gpu-error"].names["g"].cpu()) != address(chapter["gpu-error"].names["g"])


@pytest.mark.claim(zh="x.numpy(force=True) 会替你做好 .detach() 和 .cpu()。", en="x.numpy(force=True) does the .detach() and the .cpu() for you.")
@pytest.mark.claim(zh="方便，但是共用还是复制，要看张量原来在哪里，所以只适合看，不适合写。",
                   en="That is handy, but whether the result shares memory depends on where the tensor was; so use it for looking, not for writing.")
def test_force_detaches_and_may_share():
    w = torch.ones(3, requires_grad=True)
    forced = w.numpy(force=True)
    assert isinstance(forced, np.ndarray) and address(forced) == address(w)
    manual = " ".join(torch.Tensor.numpy.__doc__.split())
    assert "equivalent to calling ``t.detach().cpu().resolve_conj().resolve_neg().numpy()``" in manual
    assert "If the tensor isn't on the CPU" in manual and "the tensor won't share its storage with the returned ndarray" in manual


@pytest.mark.claim(zh="a[::-1] 是视图，步长是负的；张量的步长不能是负数：", en="a[::-1] is a view with a negative stride, and a tensor’s strides cannot be negative:")
@pytest.mark.claim(zh="翻转图片、用 [:, :, ::-1] 把颜色从 BGR 换成 RGB，都会碰到它。",
                   en="You will meet it when you mirror a picture, or turn BGR into RGB with [:, :, ::-1].")
@pytest.mark.claim(zh="先复制，或者过了桥再用 flip 翻：", en="Copy first, or cross first and flip afterwards:")
def test_negative_strides(chapter):
    error = chapter["negative-error"].error
    assert type(error) is ValueError
    assert str(error).startswith("At least one stride in the given numpy array is negative, and tensors with negative strides are not")
    a = np.array([1.0, 2.0, 3.0, 4.0])
    assert a[::-1].strides == (-8,) and np.shares_memory(a[::-1], a)
    with pytest.raises(RuntimeError, match="Negative strides are not supported"):
        torch.as_strided(torch.arange(4), (4,), (-1,))
    assert chapter["negative-cured"].stdout == "tensor([4., 3., 2., 1.], dtype=torch.float64)\n" * 2
    photo = chapter["photo"].names["photo"]
    assert photo[0, 0, ::-1].tolist() == photo[0, 0].tolist()[::-1]
    for refused in (photo[:, :, ::-1], np.fliplr(photo), np.flipud(photo)):
        with pytest.raises(ValueError, match="negative"):
            torch.from_numpy(refused)
        assert torch.equal(torch.tensor(refused.copy()), torch.tensor(photo).flip([k for k in range(3) if refused.strides[k] < 0][0]))


@pytest.mark.claim(zh="from_numpy 只收数组，列表请用 torch.tensor：", en="from_numpy takes arrays only; a list goes to torch.tensor:")
@pytest.mark.claim(zh="字符串没有对应的类型：", en="There is no dtype for strings:")
@pytest.mark.claim(zh="报错末尾列出了全部能过桥的类型。", en="The message ends with all the types that may cross.")
@pytest.mark.claim(zh="文字标签要先编号：np.unique(words, return_inverse=True) 的第二个结果就是编号。",
                   en="Labels that are words must be numbered first: the second result of np.unique(words, return_inverse=True) is their numbers.")
def test_neither_lists_nor_strings(chapter):
    error = chapter["list-error"].error
    assert type(error) is TypeError and str(error) == "expected np.ndarray (got list)" and torch.tensor([1.0, 2.0]).tolist() == [1, 2]
    for other in ((1.0,), 1.0, torch.ones(1), "1"):
        with pytest.raises(TypeError, match="expected np.ndarray"):
            torch.from_numpy(other)
    error = chapter["object-error"].error
    assert type(error) is TypeError and str(error).startswith("can't convert np.ndarray of type numpy.str_. The only supported types are:")
    named = set(re.findall(r"\w+", str(error).split("are:")[1])) - {"and"}
    may = {np.dtype(code).name for code in np.typecodes["All"] if message(lambda code=code: torch.from_numpy(np.zeros(2, dtype=code))) is None}
    assert named == may == set(CROSSING)
    assert not {str(getattr(torch, name)) for name in dir(torch) if isinstance(getattr(torch, name), torch.dtype)} & {"torch.str", "torch.string"}
    words = np.array(["dog", "cat", "dog"])
    assert torch.from_numpy(np.unique(words, return_inverse=True)[1]).tolist() == [1, 0, 1]


@pytest.mark.claim(zh="uint16 能过桥，可是许多运算没有它的版本：", en="A uint16 array may cross, but many operations have no version for it:")
@pytest.mark.claim(zh="换成够大的整数，或者换成小数：", en="Change to a larger integer, or to floats:")
@pytest.mark.claim(zh="不算错，只是慢，PyTorch 会提醒你：", en="No error, merely slow, and PyTorch will tell you so:")
@pytest.mark.claim(zh="先在 NumPy 里拼成一个，再过桥，只走一趟：", en="Join them in NumPy, and cross once:")
def test_across_but_of_little_use_and_a_list_of_arrays(chapter):
    error = chapter["uint16-error"].error
    assert type(error) is NotImplementedError and "not implemented for 'UInt16'" in str(error)
    depth = chapter["uint16-error"].names["depth"]
    assert depth.tolist() == [300, 65535] and depth.dtype == torch.uint16
    calls = [lambda: depth + 1, lambda: depth - depth, lambda: depth < depth, lambda: depth.abs(), lambda: -depth, lambda: depth.max(), lambda: depth % 2]
    assert all("not implemented for 'UInt16'" in message(call) for call in calls)
    assert chapter["uint16-cured"].value.tolist() == (depth.float() + 1).tolist() == [301, 65536]
    (*_, warning), lone = chapter["slow-list"].warnings, chapter["slow-list-cured"]
    assert warning.startswith("UserWarning: Creating a tensor from a list of numpy.ndarrays is extremely slow.")
    assert torch.equal(chapter["slow-list"].value, lone.value) and lone.value.tolist() == [[0, 0, 0], [1, 1, 1]] and not lone.warnings
    assert "np.stack" in lone.code


def real(causes):
    """Each message is what its cause gives, and its cure gives none. `causes`: {words of the message: (what fails, *what to do)}."""
    for words, (fails, *cures) in causes.items():
        assert words in message(fails), words
        for cure in cures:
            assert message(cure) is None, words
    plt.close("all")


@pytest.mark.claim(zh="got Double and Float | 数据是 float64，层是 float32 | .float()",
                   en="got Double and Float | the data is float64, the layer float32 | .float()")
@pytest.mark.claim(zh="on Tensor that requires grad | 张量要求导 | .detach().numpy()",
                   en="on Tensor that requires grad | gradients are wanted for this tensor | .detach().numpy()")
@pytest.mark.claim(zh="Use Tensor.cpu() | 张量不在 CPU 上 | .cpu().numpy()", en="Use Tensor.cpu() | the tensor is not on the CPU | .cpu().numpy()")
@pytest.mark.claim(zh="negative strides | 数组被倒过来看了 | 先 .copy()", en="negative strides | the array is looked at backwards | .copy() first")
def test_messages_about_the_dtype_the_gradient_the_device_and_the_order():
    t, layer, a = torch.ones(3), torch.nn.Linear(3, 1), np.ones(3)
    real({
        "got Double and Float": (lambda: layer(t.double()), lambda: layer(t.double().float())),
        "on Tensor that requires grad": (lambda: layer.weight.numpy(), lambda: layer.weight.detach().numpy()),
        "Use Tensor.cpu()": (lambda: t.to("meta").numpy(), lambda: t.cpu().numpy()),
        "negative strides": (lambda: torch.from_numpy(a[::-1]), lambda: torch.from_numpy(a[::-1].copy())),
    })
    assert layer.weight.dtype == torch.float32 and layer.weight.requires_grad and t.double().dtype == torch.float64


@pytest.mark.claim(zh="not writable（警告） | 数组是只读的 | 用 torch.tensor 复制",
                   en="not writable (a warning) | the array is read-only | copy it with torch.tensor")
@pytest.mark.claim(zh="expected np.ndarray | 给的不是数组 | 用 torch.tensor", en="expected np.ndarray | what you gave is no array | torch.tensor")
@pytest.mark.claim(zh="can't convert np.ndarray of type | 数组里装的东西，torch 没有对应的类型 | 先变成能过桥的数字",
                   en="can't convert np.ndarray of type | torch has no dtype for what the array holds | turn it into numbers of a type that may cross")
@pytest.mark.claim(zh="not implemented for 'UInt16' | 这个运算没有 uint16 版 | .int() 或 .float()",
                   en="not implemented for 'UInt16' | no version of this operation for uint16 | .int() or .float()")
def test_messages_about_what_is_handed_over():
    words, short = np.array(["1"]), torch.ones(3, dtype=torch.uint16)
    if np.dtype(np.longdouble).itemsize > 8:  # numbers, and yet without a dtype in torch
        assert "can't convert np.ndarray of type" in message(lambda: torch.from_numpy(np.ones(3, np.longdouble)))
        assert message(lambda: torch.from_numpy(np.ones(3, np.longdouble).astype(np.float64))) is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning comes once in a program
        real({
            "expected np.ndarray": (lambda: torch.from_numpy([1]), lambda: torch.tensor([1])),
            "can't convert np.ndarray of type": (lambda: torch.from_numpy(words), lambda: torch.from_numpy(words.astype(int))),
            "not implemented for 'UInt16'": (lambda: short + 1, lambda: short.int() + 1, lambda: short.float() + 1),
        })
    try:
        torch.set_warn_always(True)
        _, (kind, text) = said(lambda: torch.from_numpy(read_only(2)))
        assert kind == "UserWarning" and "not writable" in text and said(lambda: torch.tensor(read_only(2)))[1] is None
    finally:
        torch.set_warn_always(False)


@pytest.mark.claim(zh="unsupported ScalarType BFloat16 | NumPy 没有 bfloat16 | 先 .float()",
                   en="unsupported ScalarType BFloat16 | NumPy has no bfloat16 | .float() first")
@pytest.mark.claim(zh="1D tensors expected | torch.dot 只收向量 | 用 @", en="1D tensors expected | torch.dot takes vectors only | @")
@pytest.mark.claim(zh="Concatenation operation is not implemented | 数组加张量 | 先过桥，再相加",
                   en="Concatenation operation is not implemented | an array plus a tensor | cross first, then add")
@pytest.mark.claim(zh="must be Tensor, not numpy.ndarray | 把数组给了 torch 的函数 | torch.from_numpy",
                   en="must be Tensor, not numpy.ndarray | a torch function was given an array | torch.from_numpy")
def test_messages_about_mixing_and_missing_types():
    t, a, square = torch.ones(3), np.ones(3, dtype=np.float32), torch.eye(3)
    real({
        "unsupported ScalarType BFloat16": (lambda: t.bfloat16().numpy(), lambda: t.bfloat16().float().numpy()),
        "1D tensors expected": (lambda: torch.dot(square, square), lambda: square @ square),
        "Concatenation operation is not implemented": (lambda: a + t, lambda: torch.from_numpy(a) + t),
        "must be Tensor, not numpy.ndarray": (lambda: torch.sin(a), lambda: torch.sin(torch.from_numpy(a))),
    })
    with pytest.raises(TypeError, match="not understood"):
        np.dtype("bfloat16")


@pytest.mark.claim(zh="Invalid shape (3, 427, 640) | 把（通道，高，宽）给了 matplotlib | .permute(1, 2, 0)",
                   en="Invalid shape (3, 427, 640) | matplotlib was given (channel, height, width) | .permute(1, 2, 0)")
def test_message_about_the_axis_of_colours(chapter):
    picture = chapter["photo-tensor"].names["picture"]
    real({"Invalid shape (3, 427, 640)": (lambda: plt.imshow(picture.numpy()), lambda: plt.imshow(picture.permute(1, 2, 0).numpy()))})
