"""The claims of appendix/numpy-table: each row is run in NumPy and in torch, and what the third column says is tried."""

import re

import numpy as np
import pytest
import torch

LANGUAGES = ("zh", "en")
NUMBERS = {"a": [[3.0, -1.0, 2.0], [0.5, 4.0, -2.0]], "b": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "v": [2.0, 3.0, 2.0], "w": [4.0, 0.5, 1.0]}
ARRAYS = {"np": np} | {name: np.array(rows, dtype=np.float32) for name, rows in NUMBERS.items()}
TENSORS = {"torch": torch} | {name: torch.tensor(rows) for name, rows in NUMBERS.items()}
a, b, v = ARRAYS["a"], ARRAYS["b"], ARRAYS["v"]
x, y, u = TENSORS["a"], TENSORS["b"], TENSORS["v"]
BOTH_INT, TWO_FLOATS = (np.int64, np.int64), (np.float64, np.float32)


def table(chapter, language):
    """The rows of the page's tables: (NumPy, torch, note)."""
    lines = [line for line in chapter.prose(language).splitlines() if line.startswith("| `")]
    return [tuple(part.strip() for part in line.strip("|").split(" |")) for line in lines]


def both_sides(left, right):
    """[(array, array)] of what the two expressions give, as NumPy arrays."""
    p, q = eval(left, dict(ARRAYS)), eval(right, dict(TENSORS))
    if not isinstance(p, (list, tuple)):
        p, q = [p], [q]
    assert len(p) == len(q)
    return [(np.asarray(i), j.numpy() if isinstance(j, torch.Tensor) else np.asarray(j)) for i, j in zip(p, q, strict=True)]


def agree(left, right, value=None, dtypes=None):
    """Both expressions give the same, in shape and dtype too, and it is `value` where that is given; `dtypes`: the two, where they are told."""
    for p, q in both_sides(left, right):
        assert p.shape == q.shape, left
        assert np.allclose(p, q, rtol=1e-4, atol=1e-5), left
        assert (p.dtype, q.dtype) == dtypes if dtypes else p.dtype == q.dtype, left
        if value is not None:
            assert np.allclose(p, value, rtol=1e-4, atol=1e-5), left


def addresses(*things):
    """Addresses of the first numbers."""
    return [thing.ctypes.data if isinstance(thing, np.ndarray) else thing.data_ptr() for thing in things]


# ---- all of them ------------------------------------------------------------------------------------------------


@pytest.mark.ledger("n1-14")
@pytest.mark.claim(zh="同一件事，在 NumPy 和 torch 里各怎么写。", en="How one and the same thing is written in NumPy and in torch.")
@pytest.mark.claim(zh="本站的测试对表里的 71 行都这样做一遍，连形状和类型也一起比；类型不同的行，第三栏写明两边各是什么。",
                   en="The tests of this site do the same for all 71 rows, and compare shapes and dtypes too; where dtypes differ, the third column names both.")
@pytest.mark.claim(zh="71 行里有 38 行，把 np. 换成 torch. 就行，或者一个字都不用改。", en="In 38 of the 71 rows you change np. into torch., or nothing at all.")
def test_every_row_gives_the_same_in_numpy_and_in_torch(chapter):
    zh, en = (table(chapter, language) for language in LANGUAGES)
    assert [row[:2] for row in zh] == [row[:2] for row in en] and [bool(row[2]) for row in zh] == [bool(row[2]) for row in en]
    assert len(zh) == len({row[0] for row in zh}) == 71
    assert len([row for row in zh if re.sub(r"\bnp\.", "torch.", row[0]) == row[1]]) == 38
    for rows in (zh, en):
        for left, right, note in rows:
            agree(left.strip("`"), right.strip("`"), dtypes=TWO_FLOATS if "`float64`" in note and "`float32`" in note else None)


@pytest.mark.ledger("n1-14")
@pytest.mark.claim(zh="左栏里 a、b、v、w 是数组，右栏里是装着同样数字的张量，两边都是 float32：",
                   en="On the left, a, b, v and w are arrays; on the right, they are tensors with the same numbers, all of them float32:")
@pytest.mark.claim(zh="让 Python 把左右两格当作代码各跑一遍，再比较结果。",
                   en="Let Python run the text on the left and the text on the right as code, and compare what comes out.")
@pytest.mark.claim(zh="先用三行演示：", en="Here it is for three rows:")
@pytest.mark.claim(zh="三行都是 True。", en="True three times.")
def test_three_rows_on_the_page(chapter):
    arrays, tensors = chapter["numbers"].names["arrays"], chapter["numbers"].names["tensors"]
    for name, rows in NUMBERS.items():
        assert isinstance(arrays[name], np.ndarray) and isinstance(tensors[name], torch.Tensor)
        assert arrays[name].tolist() == tensors[name].tolist() == rows
        assert arrays[name].dtype == np.float32 and tensors[name].dtype == torch.float32
    lines = [re.split(r"  +", line) for line in chapter["side-by-side"].stdout.splitlines()]
    assert len(lines) == 3 and all(line[-1].endswith("True") for line in lines)
    for left, right in [("np.sin(a)", "torch.sin(a)"), ("a.mean(axis=0)", "a.mean(dim=0)"), ("np.concatenate([a, b])", "torch.cat([a, b])")]:
        assert f'("{left}", "{right}")' in chapter["side-by-side"].code and left in chapter["side-by-side"].stdout
        agree(left, right)
    names = chapter["side-by-side"].names
    assert np.array_equal(names["array"], np.vstack([a, b])) and np.array_equal(names["tensor"].numpy(), np.vstack([a, b]))
    assert "eval(left, arrays), eval(right, tensors)" in chapter["side-by-side"].code


def test_a_wrong_row_would_be_noticed():
    for left, right in [("np.std(a)", "torch.std(a)"), ("np.median(a)", "torch.median(a)"), ("np.repeat(v, 2)", "v.repeat(2)"),
                        ("a.mean(axis=0)", "a.mean(dim=1)"), ("np.zeros((2, 3))", "torch.zeros(2, 3)"), ("a.shape", "b.T.shape")]:
        with pytest.raises(AssertionError):
            agree(left, right)


# ---- creating -----------------------------------------------------------------------------------------------------


@pytest.mark.claim(zh="np.array([1, 2, 3]) | torch.tensor([1, 2, 3]) | 都是 int64", en="np.array([1, 2, 3]) | torch.tensor([1, 2, 3]) | int64 in both")
@pytest.mark.claim(zh="np.arange(0, 10, 2) | torch.arange(0, 10, 2) | 都是 int64", en="np.arange(0, 10, 2) | torch.arange(0, 10, 2) | int64 in both")
@pytest.mark.claim(zh="np.zeros_like(a) | torch.zeros_like(a)", en="np.zeros_like(a) | torch.zeros_like(a)")
@pytest.mark.claim(zh="a.astype(np.int64) | a.to(torch.int64) | 都丢掉小数部分",
                   en="a.astype(np.int64) | a.to(torch.int64) | both drop what follows the decimal point")
def test_creating_integers_and_likenesses():
    agree("np.array([1, 2, 3])", "torch.tensor([1, 2, 3])", [1, 2, 3], BOTH_INT)
    agree("np.arange(0, 10, 2)", "torch.arange(0, 10, 2)", [0, 2, 4, 6, 8], BOTH_INT)
    agree("np.zeros_like(a)", "torch.zeros_like(a)", [[0] * 3] * 2)
    agree("a.astype(np.int64)", "a.to(torch.int64)", [[3, -1, 2], [0, 4, -2]], BOTH_INT)
    assert np.array([1.9, -1.9]).astype(np.int64).tolist() == torch.tensor([1.9, -1.9]).to(torch.int64).tolist() == [1, -1]


@pytest.mark.claim(zh="np.array([1.5, 2.5]) | torch.tensor([1.5, 2.5]) | NumPy 给 float64，torch 给 float32",
                   en="np.array([1.5, 2.5]) | torch.tensor([1.5, 2.5]) | NumPy gives float64, torch float32")
@pytest.mark.claim(zh="np.zeros((2, 3)) | torch.zeros(2, 3) | NumPy 给 float64，torch 给 float32",
                   en="np.zeros((2, 3)) | torch.zeros(2, 3) | NumPy gives float64, torch float32")
@pytest.mark.claim(zh="np.ones((2, 3)) | torch.ones(2, 3) | NumPy 给 float64，torch 给 float32",
                   en="np.ones((2, 3)) | torch.ones(2, 3) | NumPy gives float64, torch float32")
@pytest.mark.claim(zh="np.full((2, 3), 7.0) | torch.full((2, 3), 7.0) | NumPy 给 float64，torch 给 float32",
                   en="np.full((2, 3), 7.0) | torch.full((2, 3), 7.0) | NumPy gives float64, torch float32")
def test_creating_floats_gives_two_dtypes():
    agree("np.array([1.5, 2.5])", "torch.tensor([1.5, 2.5])", [1.5, 2.5], TWO_FLOATS)
    agree("np.zeros((2, 3))", "torch.zeros(2, 3)", [[0] * 3] * 2, TWO_FLOATS)
    agree("np.ones((2, 3))", "torch.ones(2, 3)", [[1] * 3] * 2, TWO_FLOATS)
    agree("np.full((2, 3), 7.0)", "torch.full((2, 3), 7.0)", [[7] * 3] * 2, TWO_FLOATS)


@pytest.mark.claim(zh="np.eye(3) | torch.eye(3) | NumPy 给 float64，torch 给 float32",
                   en="np.eye(3) | torch.eye(3) | NumPy gives float64, torch float32")
@pytest.mark.claim(zh="np.linspace(0, 1, 5) | torch.linspace(0, 1, 5) | torch 必须写明几个点；NumPy 给 float64，torch 给 float32",
                   en="np.linspace(0, 1, 5) | torch.linspace(0, 1, 5) | torch must be told how many points; NumPy gives float64, torch float32")
@pytest.mark.claim(zh="a.copy() | a.clone()", en="a.copy() | a.clone()")
@pytest.mark.claim(zh="写出来的小数，在 NumPy 里是 float64，在 torch 里是 float32。", en="Floats that you write down are float64 in NumPy and float32 in torch.")
def test_creating_a_diagonal_steps_and_a_copy():
    agree("np.eye(3)", "torch.eye(3)", [[1, 0, 0], [0, 1, 0], [0, 0, 1]], TWO_FLOATS)
    agree("np.linspace(0, 1, 5)", "torch.linspace(0, 1, 5)", [0, 0.25, 0.5, 0.75, 1], TWO_FLOATS)
    with pytest.raises(TypeError, match="steps"):
        torch.linspace(0, 1)
    assert np.linspace(0, 1).shape == (50,)
    agree("a.copy()", "a.clone()", NUMBERS["a"])
    assert addresses(a.copy(), x.clone()) != addresses(a, x) and addresses(x.clone()) != addresses(x) and addresses(a.copy()) != addresses(a)
    assert np.array(0.5).dtype == np.float64 and torch.tensor(0.5).dtype == torch.float32


# ---- shapes -------------------------------------------------------------------------------------------------------


@pytest.mark.claim(zh="a.shape | a.shape", en="a.shape | a.shape")
@pytest.mark.claim(zh="a.ndim | a.ndim", en="a.ndim | a.ndim")
@pytest.mark.claim(zh="a.size | a.numel() | torch 的 a.size() 给的是形状", en="a.size | a.numel() | in torch, a.size() is the shape")
@pytest.mark.claim(zh="a.reshape(3, 2) | a.reshape(3, 2)", en="a.reshape(3, 2) | a.reshape(3, 2)")
def test_asking_for_the_shape_and_changing_it():
    assert eval("a.shape", ARRAYS) == tuple(eval("a.shape", TENSORS)) == (2, 3) and a.ndim == x.ndim == 2
    assert a.size == x.numel() == 6 and tuple(x.size()) == (2, 3)
    agree("a.reshape(3, 2)", "a.reshape(3, 2)", [[3, -1], [2, 0.5], [4, -2]])


@pytest.mark.claim(zh="a.ravel() | a.ravel() | 也可以写 a.flatten()；NumPy 的 flatten 总是复制",
                   en="a.ravel() | a.ravel() | or a.flatten(); NumPy’s flatten always copies")
@pytest.mark.claim(zh="a.T | a.T", en="a.T | a.T")
@pytest.mark.claim(zh="a.transpose(1, 0) | a.permute(1, 0) | torch 的 transpose 只交换两个轴",
                   en="a.transpose(1, 0) | a.permute(1, 0) | torch’s transpose swaps two axes and no more")
@pytest.mark.claim(zh="np.swapaxes(a, 0, 1) | torch.swapaxes(a, 0, 1)", en="np.swapaxes(a, 0, 1) | torch.swapaxes(a, 0, 1)")
def test_flattening_and_turning():
    turned = [[3, 0.5], [-1, 4], [2, -2]]
    agree("a.ravel()", "a.ravel()", [3, -1, 2, 0.5, 4, -2])
    agree("a.flatten()", "a.flatten()", [3, -1, 2, 0.5, 4, -2])
    assert addresses(x.flatten()) == addresses(x) and addresses(a.flatten()) != addresses(a)
    for left, right in [("a.T", "a.T"), ("a.transpose(1, 0)", "a.permute(1, 0)"), ("np.swapaxes(a, 0, 1)", "torch.swapaxes(a, 0, 1)")]:
        agree(left, right, turned)
    cube = np.zeros((2, 3, 4))
    assert cube.transpose(2, 0, 1).shape == tuple(torch.from_numpy(cube).permute(2, 0, 1).shape) == (4, 2, 3)
    assert torch.from_numpy(cube).transpose(0, 1).shape == (3, 2, 4)
    for order in ((0,), (2, 0, 1)):
        with pytest.raises(TypeError):
            torch.from_numpy(cube).transpose(*order)


@pytest.mark.claim(zh="np.expand_dims(a, axis=0) | a.unsqueeze(dim=0) | a[None] 两边都行",
                   en="np.expand_dims(a, axis=0) | a.unsqueeze(dim=0) | a[None] does it in both")
@pytest.mark.claim(zh="np.squeeze(a[None]) | torch.squeeze(a[None])", en="np.squeeze(a[None]) | torch.squeeze(a[None])")
@pytest.mark.claim(zh="np.broadcast_to(v, (2, 3)) | v.expand(2, 3) | 都不复制", en="np.broadcast_to(v, (2, 3)) | v.expand(2, 3) | neither copies")
@pytest.mark.claim(zh="np.tile(v, 2) | v.repeat(2) | 整串重复", en="np.tile(v, 2) | v.repeat(2) | repeats the whole")
def test_axes_of_one_and_repeating_the_whole():
    agree("np.expand_dims(a, axis=0)", "a.unsqueeze(dim=0)", [NUMBERS["a"]])
    agree("a[None]", "a[None]", [NUMBERS["a"]])
    assert a[None].shape == tuple(x[None].shape) == (1, 2, 3)
    agree("np.squeeze(a[None])", "torch.squeeze(a[None])", NUMBERS["a"])
    agree("np.broadcast_to(v, (2, 3))", "v.expand(2, 3)", [[2, 3, 2]] * 2)
    assert addresses(np.broadcast_to(v, (2, 3)), u.expand(2, 3)) == addresses(v, u)
    agree("np.tile(v, 2)", "v.repeat(2)", [2, 3, 2, 2, 3, 2])


@pytest.mark.claim(zh="np.concatenate([a, b], axis=0) | torch.cat([a, b], dim=0) | torch.concatenate 也有",
                   en="np.concatenate([a, b], axis=0) | torch.cat([a, b], dim=0) | torch.concatenate exists too")
@pytest.mark.claim(zh="np.stack([a, b], axis=0) | torch.stack([a, b], dim=0)", en="np.stack([a, b], axis=0) | torch.stack([a, b], dim=0)")
@pytest.mark.claim(zh="np.split(np.arange(6), 2) | torch.split(torch.arange(6), 3) | 2 是份数，3 是每份几个",
                   en="np.split(np.arange(6), 2) | torch.split(torch.arange(6), 3) | 2 counts the parts, 3 is the size of each")
@pytest.mark.claim(zh="np.repeat(v, 2) | v.repeat_interleave(2) | 每个数重复", en="np.repeat(v, 2) | v.repeat_interleave(2) | repeats each number")
def test_joining_splitting_and_repeating_each():
    agree("np.concatenate([a, b], axis=0)", "torch.cat([a, b], dim=0)", NUMBERS["a"] + NUMBERS["b"])
    agree("np.concatenate([a, b], axis=0)", "torch.concatenate([a, b], dim=0)")
    agree("np.stack([a, b], axis=0)", "torch.stack([a, b], dim=0)", [NUMBERS["a"], NUMBERS["b"]])
    agree("np.split(np.arange(6), 2)", "torch.split(torch.arange(6), 3)")
    assert [len(np.split(np.arange(size), 2)) for size in (6, 8)] == [2, 2]
    assert [[len(part) for part in torch.split(torch.arange(size), 3)] for size in (6, 9)] == [[3, 3], [3, 3, 3]]
    agree("np.repeat(v, 2)", "v.repeat_interleave(2)", [2, 2, 3, 3, 2, 2])


# ---- picking ------------------------------------------------------------------------------------------------------


@pytest.mark.claim(zh="a[:, 1] | a[:, 1] | 都是视图", en="a[:, 1] | a[:, 1] | a view in both")
@pytest.mark.claim(zh="a[a > 0] | a[a > 0] | 都是副本", en="a[a > 0] | a[a > 0] | a copy in both")
@pytest.mark.claim(zh="a[::-1] | a.flip(0) | torch 的步子不能是负数；flip 会复制", en="a[::-1] | a.flip(0) | torch takes no negative step; flip copies")
def test_picking_by_slice_mask_and_backwards():
    agree("a[:, 1]", "a[:, 1]", [-1, 4])
    assert np.shares_memory(a[:, 1], a) and addresses(x[:, 1]) == [addresses(x)[0] + 4]
    agree("a[a > 0]", "a[a > 0]", [3, 2, 0.5, 4])
    assert not np.shares_memory(a[a > -9], a) and addresses(x[x > -9]) != addresses(x)
    agree("a[::-1]", "a.flip(0)", NUMBERS["a"][::-1])
    with pytest.raises(ValueError, match="step must be greater than zero"):
        x[::-1]
    assert not np.shares_memory(x.flip(0).numpy(), x.numpy())


@pytest.mark.claim(zh="np.argwhere(a > 0) | torch.nonzero(a > 0) | np.nonzero(a > 0) 则每个轴给一个数组",
                   en="np.argwhere(a > 0) | torch.nonzero(a > 0) | np.nonzero(a > 0) gives one array per axis")
@pytest.mark.claim(zh="np.where(a > 0, a, b) | torch.where(a > 0, a, b)", en="np.where(a > 0, a, b) | torch.where(a > 0, a, b)")
@pytest.mark.claim(zh="np.take_along_axis(a, a.argsort(), axis=1) | torch.take_along_dim(a, a.argsort(), dim=1)",
                   en="np.take_along_axis(a, a.argsort(), axis=1) | torch.take_along_dim(a, a.argsort(), dim=1)")
def test_picking_by_place_and_by_condition():
    agree("np.argwhere(a > 0)", "torch.nonzero(a > 0)", [[0, 0], [0, 2], [1, 0], [1, 1]])
    assert [axis.tolist() for axis in np.nonzero(a > 0)] == [[0, 0, 1, 1], [0, 2, 0, 1]] and isinstance(np.nonzero(a > 0), tuple)
    agree("np.where(a > 0, a, b)", "torch.where(a > 0, a, b)", [[3, 2, 2], [0.5, 4, 6]])
    agree("np.take_along_axis(a, a.argsort(), axis=1)", "torch.take_along_dim(a, a.argsort(), dim=1)", [[-1, 2, 3], [-2, 0.5, 4]])


# ---- elementwise --------------------------------------------------------------------------------------------------


@pytest.mark.claim(zh="np.abs(a) | torch.abs(a)", en="np.abs(a) | torch.abs(a)")
@pytest.mark.claim(zh="np.sin(a) | torch.sin(a)", en="np.sin(a) | torch.sin(a)")
@pytest.mark.claim(zh="np.exp(a) | torch.exp(a)", en="np.exp(a) | torch.exp(a)")
@pytest.mark.claim(zh="np.log(b) | torch.log(b) | 都是自然对数", en="np.log(b) | torch.log(b) | natural logarithm in both")
def test_functions_of_one_number():
    agree("np.abs(a)", "torch.abs(a)", [[3, 1, 2], [0.5, 4, 2]])
    agree("np.sin(a)", "torch.sin(a)", [[0.14112, -0.841471, 0.909297], [0.479426, -0.756802, -0.909297]])
    agree("np.exp(a)", "torch.exp(a)", [[20.085537, 0.367879, 7.389056], [1.648721, 54.59815, 0.135335]])
    agree("np.log(b)", "torch.log(b)", [[0, 0.693147, 1.098612], [1.386294, 1.609438, 1.791759]])
    assert np.log(np.e) == pytest.approx(1) and torch.log(torch.tensor(np.e)).item() == pytest.approx(1)


@pytest.mark.claim(zh="np.sqrt(b) | torch.sqrt(b)", en="np.sqrt(b) | torch.sqrt(b)")
@pytest.mark.claim(zh="a ** 2 | a ** 2", en="a ** 2 | a ** 2")
@pytest.mark.claim(zh="np.mod(a, 3) | torch.remainder(a, 3) | 余数的正负跟着除数；a % 3 两边都行",
                   en="np.mod(a, 3) | torch.remainder(a, 3) | the remainder takes the divisor’s sign; a % 3 works in both")
@pytest.mark.claim(zh="np.maximum(a, 0) | torch.clamp(a, min=0) | torch.maximum 只收张量",
                   en="np.maximum(a, 0) | torch.clamp(a, min=0) | torch.maximum takes tensors only")
def test_roots_squares_remainders_and_a_floor():
    agree("np.sqrt(b)", "torch.sqrt(b)", [[1, 1.414214, 1.732051], [2, 2.236068, 2.449490]])
    agree("a ** 2", "a ** 2", [[9, 1, 4], [0.25, 16, 4]])
    agree("np.mod(a, 3)", "torch.remainder(a, 3)", [[0, 2, 2], [0.5, 1, 1]])
    agree("a % 3", "a % 3", [[0, 2, 2], [0.5, 1, 1]])
    assert np.mod(-7, 3) == torch.remainder(torch.tensor(-7), 3) == 2 and np.mod(7, -3) == torch.remainder(torch.tensor(7), -3) == -2
    agree("np.maximum(a, 0)", "torch.clamp(a, min=0)", [[3, 0, 2], [0.5, 4, 0]])
    with pytest.raises(TypeError, match="must be Tensor"):
        torch.maximum(x, 0)


@pytest.mark.claim(zh="np.clip(a, -1, 1) | torch.clamp(a, -1, 1) | torch.clip 也有",
                   en="np.clip(a, -1, 1) | torch.clamp(a, -1, 1) | torch.clip exists too")
@pytest.mark.claim(zh="np.logical_and(a > 0, b > 1) | torch.logical_and(a > 0, b > 1) | 两边都可以写 &，比较要加括号",
                   en="np.logical_and(a > 0, b > 1) | torch.logical_and(a > 0, b > 1) | & does it in both, with the comparisons in parentheses")
@pytest.mark.claim(zh="np.isnan(a) | torch.isnan(a)", en="np.isnan(a) | torch.isnan(a)")
def test_clipping_and_truth_of_each_number():
    agree("np.clip(a, -1, 1)", "torch.clamp(a, -1, 1)", [[1, -1, 1], [0.5, 1, -1]])
    agree("np.clip(a, -1, 1)", "torch.clip(a, -1, 1)")
    for left, right in [("np.logical_and(a > 0, b > 1)", "torch.logical_and(a > 0, b > 1)"), ("(a > 0) & (b > 1)", "(a > 0) & (b > 1)")]:
        agree(left, right, [[False, False, True], [True, True, False]])
    for names in (ARRAYS, TENSORS):
        with pytest.raises((TypeError, RuntimeError, ValueError)):
            eval("a > 0 & b > 1", dict(names))
    agree("np.isnan(a)", "torch.isnan(a)", [[False] * 3] * 2)
    assert np.isnan(np.array([np.nan, 1])).tolist() == torch.isnan(torch.tensor([np.nan, 1])).tolist() == [True, False]


@pytest.mark.claim(zh="np.allclose(a, b) | torch.allclose(a, b)", en="np.allclose(a, b) | torch.allclose(a, b)")
@pytest.mark.claim(zh="np.array_equal(a, b) | torch.equal(a, b)", en="np.array_equal(a, b) | torch.equal(a, b)")
@pytest.mark.claim(zh="np.any(a > 3) | torch.any(a > 3)", en="np.any(a > 3) | torch.any(a > 3)")
def test_one_answer_for_all():
    for left, right, answer in [("np.allclose(a, b)", "torch.allclose(a, b)", False), ("np.array_equal(a, b)", "torch.equal(a, b)", False), ("np.any(a > 3)", "torch.any(a > 3)", True)]:
        agree(left, right, answer)
        assert eval(left, dict(ARRAYS)) == eval(right, dict(TENSORS)) == answer
    assert np.array_equal(a, a.copy()) and torch.equal(x, x.clone()) and np.allclose(a, a + 1e-7) and torch.allclose(x, x + 1e-7)
    assert not np.array_equal(b, b + 1e-3) and not torch.equal(y, y + 1e-3) and not np.any(a > 4) and not torch.any(x > 4)


# ---- reducing and sorting -----------------------------------------------------------------------------------------


@pytest.mark.claim(zh="a.sum() | a.sum()", en="a.sum() | a.sum()")
@pytest.mark.claim(zh="a.sum(axis=1, keepdims=True) | a.sum(dim=1, keepdim=True) | 名字不同，torch 两套都认",
                   en="a.sum(axis=1, keepdims=True) | a.sum(dim=1, keepdim=True) | other names; torch knows both sets")
@pytest.mark.claim(zh="a.mean(axis=0) | a.mean(dim=0)", en="a.mean(axis=0) | a.mean(dim=0)")
@pytest.mark.claim(zh="np.arange(4).mean() | torch.arange(4).float().mean() | torch 不给整数求平均；NumPy 给 float64，torch 给 float32",
                   en="np.arange(4).mean() | torch.arange(4).float().mean() | torch will not average integers; NumPy gives float64, torch float32")
def test_sums_and_averages():
    agree("a.sum()", "a.sum()", 6.5)
    agree("a.sum(axis=1, keepdims=True)", "a.sum(dim=1, keepdim=True)", [[4], [2.5]])
    agree("a.sum(axis=1, keepdims=True)", "a.sum(axis=1, keepdims=True)")
    with pytest.raises(TypeError, match="dim"):
        a.sum(dim=1)
    agree("a.mean(axis=0)", "a.mean(dim=0)", [1.75, 1.5, 0])
    agree("np.arange(4).mean()", "torch.arange(4).float().mean()", 1.5, TWO_FLOATS)
    with pytest.raises((NotImplementedError, RuntimeError), match="could not infer output dtype"):
        torch.arange(4).mean()


@pytest.mark.claim(zh="a.max() | a.max()", en="a.max() | a.max()")
@pytest.mark.claim(zh="a.max(axis=0) | a.amax(dim=0) | a.max(dim=0) 给两样：最大值和下标",
                   en="a.max(axis=0) | a.amax(dim=0) | a.max(dim=0) gives two things: values and indices")
@pytest.mark.claim(zh="a.argmax(axis=1) | a.argmax(dim=1)", en="a.argmax(axis=1) | a.argmax(dim=1)")
@pytest.mark.claim(zh="NumPy 的 axis、keepdims，在 torch 里叫 dim、keepdim。", en="NumPy’s axis and keepdims are dim and keepdim in torch.")
def test_the_largest_and_where_it_is():
    agree("a.max()", "a.max()", 4)
    agree("a.max(axis=0)", "a.amax(dim=0)", [3, 4, 2])
    values, indices = x.max(dim=0)
    assert values.tolist() == [3, 4, 2] and indices.tolist() == [0, 1, 0]
    agree("a.argmax(axis=1)", "a.argmax(dim=1)", [0, 1])
    agree("a.argmax(axis=1, keepdims=True)", "a.argmax(dim=1, keepdim=True)", [[0], [1]])


@pytest.mark.claim(zh="np.std(a) | torch.std(a, correction=0) | 默认值不同，见标准差",
                   en="np.std(a) | torch.std(a, correction=0) | different defaults, see standard deviation")
@pytest.mark.claim(zh="np.var(a) | torch.var(a, correction=0) | 默认值不同，和 std 一样",
                   en="np.var(a) | torch.var(a, correction=0) | different defaults, as for std")
@pytest.mark.claim(zh="np.median(a) | torch.quantile(a, 0.5) | torch.median 不取中间两数的平均",
                   en="np.median(a) | torch.quantile(a, 0.5) | torch.median does not average the middle two")
@pytest.mark.claim(zh="名字相同、结果不同的有 std、var、median、repeat 和 split，见同名不同义。",
                   en="std, var, median, repeat and split have the same name and another result, see Same name, other meaning.")
def test_same_name_other_result():
    mean = 6.5 / 6
    variance = sum((number - mean) ** 2 for row in NUMBERS["a"] for number in row) / 6
    agree("np.std(a)", "torch.std(a, correction=0)", variance**0.5)
    agree("np.var(a)", "torch.var(a, correction=0)", variance)
    agree("np.median(a)", "torch.quantile(a, 0.5)", (0.5 + 2) / 2)
    assert torch.median(x) == 0.5 and torch.std(x).item() == pytest.approx((variance * 6 / 5) ** 0.5)
    for left, right in [("np.std(a)", "torch.std(a)"), ("np.var(a)", "torch.var(a)"), ("np.median(a)", "torch.median(a)"), ("v.repeat(2)", "v.repeat(2)"),
                        ("np.split(np.arange(6), 2)", "torch.split(torch.arange(6), 2)")]:
        with pytest.raises(AssertionError):
            agree(left, right)


@pytest.mark.claim(zh="np.cumsum(a) | torch.cumsum(a.ravel(), dim=0) | torch 必须写明沿哪个轴",
                   en="np.cumsum(a) | torch.cumsum(a.ravel(), dim=0) | torch must be told the axis")
@pytest.mark.claim(zh="np.sort(a) | torch.sort(a).values | torch 另外还给下标", en="np.sort(a) | torch.sort(a).values | torch hands over the indices too")
@pytest.mark.claim(zh="np.argsort(a) | torch.argsort(a)", en="np.argsort(a) | torch.argsort(a)")
@pytest.mark.claim(zh="np.unique(v) | torch.unique(v) | 都从小到大排好", en="np.unique(v) | torch.unique(v) | sorted in both")
def test_running_sums_and_orders():
    agree("np.cumsum(a)", "torch.cumsum(a.ravel(), dim=0)", [3, 2, 4, 4.5, 8.5, 6.5])
    with pytest.raises(TypeError, match='"dim"'):
        torch.cumsum(x)
    agree("np.sort(a)", "torch.sort(a).values", [[-1, 2, 3], [-2, 0.5, 4]])
    assert torch.sort(x).indices.tolist() == [[1, 2, 0], [2, 0, 1]] and isinstance(np.sort(a), np.ndarray)
    agree("np.argsort(a)", "torch.argsort(a)", [[1, 2, 0], [2, 0, 1]])
    agree("np.unique(v)", "torch.unique(v)", [2, 3])
    assert np.unique([3, 1, 3, 2]).tolist() == torch.unique(torch.tensor([3, 1, 3, 2])).tolist() == [1, 2, 3]


# ---- linear algebra -----------------------------------------------------------------------------------------------


@pytest.mark.claim(zh="a @ b.T | a @ b.T", en="a @ b.T | a @ b.T")
@pytest.mark.claim(zh="np.matmul(a, b.T) | torch.matmul(a, b.T)", en="np.matmul(a, b.T) | torch.matmul(a, b.T)")
@pytest.mark.claim(zh="np.dot(v, w) | torch.dot(v, w) | torch 只收向量，见dot", en="np.dot(v, w) | torch.dot(v, w) | torch takes vectors only, see dot")
@pytest.mark.claim(zh="np.dot(a, b.T) | torch.matmul(a, b.T) | 矩阵在 torch 里用 @ 或 matmul",
                   en="np.dot(a, b.T) | torch.matmul(a, b.T) | for matrices torch has @ and matmul")
def test_products():
    product = [[3 - 2 + 6, 12 - 5 + 12], [0.5 + 8 - 6, 2 + 20 - 12]]
    for left, right in [("a @ b.T", "a @ b.T"), ("np.matmul(a, b.T)", "torch.matmul(a, b.T)"), ("np.dot(a, b.T)", "torch.matmul(a, b.T)")]:
        agree(left, right, product)
    agree("np.dot(v, w)", "torch.dot(v, w)", 2 * 4 + 3 * 0.5 + 2 * 1)
    for pair in ((x, y.T), (x, u)):
        with pytest.raises(RuntimeError, match="1D tensors expected"):
            torch.dot(*pair)


@pytest.mark.claim(zh="np.outer(v, w) | torch.outer(v, w)", en="np.outer(v, w) | torch.outer(v, w)")
@pytest.mark.claim(zh="np.einsum(\"ij,ij->i\", a, b) | torch.einsum(\"ij,ij->i\", a, b)",
                   en="np.einsum(\"ij,ij->i\", a, b) | torch.einsum(\"ij,ij->i\", a, b)")
@pytest.mark.claim(zh="np.linalg.norm(a) | torch.linalg.norm(a)", en="np.linalg.norm(a) | torch.linalg.norm(a)")
@pytest.mark.claim(zh="np.linalg.inv(a @ a.T) | torch.linalg.inv(a @ a.T)", en="np.linalg.inv(a @ a.T) | torch.linalg.inv(a @ a.T)")
def test_outer_products_norms_and_inverses():
    agree("np.outer(v, w)", "torch.outer(v, w)", [[8, 1, 2], [12, 1.5, 3], [8, 1, 2]])
    agree('np.einsum("ij,ij->i", a, b)', 'torch.einsum("ij,ij->i", a, b)', [3 - 2 + 6, 2 + 20 - 12])
    agree("np.linalg.norm(a)", "torch.linalg.norm(a)", (9 + 1 + 4 + 0.25 + 16 + 4) ** 0.5)
    # a @ a.T is [[14, -6.5], [-6.5, 20.25]]
    determinant = 14 * 20.25 - 6.5**2
    agree("np.linalg.inv(a @ a.T)", "torch.linalg.inv(a @ a.T)", [[20.25 / determinant, 6.5 / determinant], [6.5 / determinant, 14 / determinant]])


@pytest.mark.claim(zh="np.diag(v) | torch.diag(v)", en="np.diag(v) | torch.diag(v)")
@pytest.mark.claim(zh="np.triu(a) | torch.triu(a)", en="np.triu(a) | torch.triu(a)")
def test_diagonals_and_triangles():
    agree("np.diag(v)", "torch.diag(v)", [[2, 0, 0], [0, 3, 0], [0, 0, 2]])
    agree("np.triu(a)", "torch.triu(a)", [[3, -1, 2], [0, 4, -2]])
