"""The claims of foundations/numpy-bridge: memory shared or copied, dtypes, and every row of the table, in both libraries."""

import copy
import itertools
import math
import re
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from sklearn.datasets import load_digits, load_sample_image
from sklearn.neighbors import NearestCentroid

LANGUAGES = ("zh", "en")
TABLES = ("create", "shape", "index", "elementwise", "reduce", "algebra")


def address(t):
    """Address of the first number of an array or a tensor."""
    return t.ctypes.data if isinstance(t, np.ndarray) else t.data_ptr()


def section(chapter, language, anchor):
    """The Markdown between the heading with this id and the next heading."""
    return re.search(rf"\{{#{anchor}\}}\n(.*?)(?=^#|\Z)", chapter.prose(language), re.DOTALL | re.MULTILINE)[1]


def rows(chapter, language, anchor):
    """The rows of the tables of a section, without their heads: tuples of cells."""
    lines = [line for line in section(chapter, language, anchor).splitlines() if line.startswith("|")]
    cells = [tuple(part.strip() for part in line.strip("|").split(" |")) for line in lines]
    return [row for row in cells if not row[0].startswith(("---", "NumPy", "Name", "名字"))]


def all_rows(chapter, language):
    return [row for table in TABLES for row in rows(chapter, language, f"table-{table}")]


def worlds(chapter):
    """The two namespaces that the page's expressions are run in: arrays and tensors of the same numbers."""
    names = chapter["side-by-side"].names
    return names["arrays"], names["tensors"]


def both(chapter, left, right):
    """[(array, array)] of what the two expressions give, as NumPy arrays."""
    arrays, tensors = worlds(chapter)
    p, q = eval(left, dict(arrays)), eval(right, dict(tensors))
    if not isinstance(p, (list, tuple)):
        p, q = [p], [q]
    assert len(p) == len(q)
    return [(np.asarray(i), j.numpy() if isinstance(j, torch.Tensor) else np.asarray(j)) for i, j in zip(p, q, strict=True)]


# Why, there and back


def test_what_scikit_learn_hands_out_are_arrays(chapter):
    digits = chapter["digits"].names["digits"]
    assert type(digits.images) is np.ndarray and digits.images.shape == (1797, 8, 8) and type(digits.target) is np.ndarray
    assert sorted(set(digits.target.tolist())) == list(range(10))
    for language in LANGUAGES:
        assert "1797" in chapter.prose(language) and "8 × 8" in chapter.prose(language)


@pytest.mark.ledger("n1-13")
def test_more_than_half_of_numpys_function_names_are_in_torch(chapter):
    names = {n for n in np.__all__ if n[0].islower() and not isinstance(getattr(np, n), type) and callable(getattr(np, n))}
    common = names & set(dir(torch))
    assert chapter["common-names"].stdout == f"{len(names)} functions in NumPy, {len(common)} of these names in torch\n"
    assert 2 * len(common) > len(names)


@pytest.mark.ledger("n0-08")
@pytest.mark.ledger("n2-09")
def test_from_numpy_and_numpy_keep_shape_numbers_and_dtype(chapter):
    names = chapter["there-and-back"].names
    a, x, back = names["a"], names["x"], names["back"]
    assert isinstance(x, torch.Tensor) and isinstance(back, np.ndarray)
    assert chapter["there-and-back"].stdout == "tensor([1., 2., 3., 4., 5.], dtype=torch.float64)\n[1. 2. 3. 4. 5.] float64\n"
    assert x.dtype == torch.float64 and back.dtype == a.dtype == np.float64 and x.shape == back.shape == a.shape == (5,)
    for dtype in ("float16", "float32", "complex64", "complex128", "int8", "int16", "uint8", "uint32", "uint64", "bool"):
        array = np.arange(6).reshape(2, 3).astype(dtype)
        tensor = torch.from_numpy(array)
        assert str(tensor.dtype) == f"torch.{dtype}" and tensor.numpy().dtype == array.dtype
        assert tensor.tolist() == array.tolist() == tensor.numpy().tolist()


# Shared memory


@pytest.mark.ledger("n1-13")
def test_changing_one_changes_the_other(chapter):
    assert chapter["shared"].stdout == "[100. 200.   3.   4.   5.]\ntensor([100., 200.,   3.,   4.,   5.], dtype=torch.float64)\n"
    names = chapter["shared"].names
    assert address(names["a"]) == address(names["x"]) == address(names["back"])
    assert chapter["pointers"].stdout == "True\nTrue\n"


def test_tensor_copies_and_the_copy_does_not_see_the_change(chapter):
    names = chapter["copy"].names
    assert address(names["c"]) != address(names["a"])
    assert names["a"].tolist() == names["x"].tolist() == names["back"].tolist() == [100, 200, 300, 4, 5]
    assert names["c"].tolist() == [100, 200, 3, 4, 5]
    assert chapter["copy"].stdout.splitlines()[0] == "x tensor([100., 200., 300.,   4.,   5.], dtype=torch.float64)"


def test_figure_of_the_shared_memory(chapter):
    (figure,) = chapter["shared-figure"].figures
    ax = figure.axes[0]
    at = {tuple(round(n, 2) for n in t.get_position()): t.get_text() for t in ax.texts}
    assert [at[round(k + 0.47, 2), 3.45] for k in range(5)] == ["100", "200", "300", "4", "5"]
    assert [at[round(k + 0.47, 2), 0.45] for k in range(5)] == ["100", "200", "3", "4", "5"]
    colours = [patch.get_facecolor() for patch in ax.patches if isinstance(patch, plt.Rectangle)]
    plain = [to_rgb("C0")] * 5 + [to_rgb("C1")] * 5
    assert len(colours) == 10 and [k for k in range(10) if colours[k][:3] != plain[k]] == [2]  # only the 300 stands out
    arrows = [t for t in ax.texts if getattr(t, "arrow_patch", None)]
    assert sorted(round(t.xy[1]) for t in arrows) == [0, 3, 3, 3]  # one to the copy, three to the shared row
    # Each arrow starts at the height of its name, and the names are those of what it points at.
    names = chapter["shared-figure"].names
    for arrow in arrows:
        label = next(t.get_text() for t in ax.texts if t.get_text().count("\n") and t.get_position()[1] == arrow.xyann[1])
        name, kind = label.split(" = ")[0].split("\n")[0], label.split("\n")[1]
        assert (address(names[name]) == address(names["a"])) == (round(arrow.xy[1]) == 3)
        assert isinstance(names[name], torch.Tensor) == (kind == "tensor")
    assert {t.get_text() for t in ax.texts} >= {"shared", "its own"}


def test_slices_are_views_on_both_sides_and_strides_have_two_units(chapter):
    names = chapter["views"].names
    table, middle = names["table"], names["middle"]
    assert table.tolist() == [[0, -1, 2], [3, 4, 5]] and middle.tolist() == [-1, 4]
    assert address(middle) == address(table) + 8
    assert table.strides == (24, 8) and torch.from_numpy(table).stride() == (3, 1) and table.itemsize == 8
    assert chapter["views"].stdout.endswith("array  (24, 8) bytes\ntensor (3, 1) numbers\n")
    assert address(table[:, 1]) == address(table) + 8 and address(torch.from_numpy(table)[:, 1]) == address(table) + 8
    assert torch.from_numpy(table.T).stride() == (1, 3)  # a transposed array crosses as well


def test_in_place_keeps_the_bridge_and_a_new_array_does_not(chapter):
    assert chapter["rebind"].stdout.splitlines() == [
        "[1. 1. 1.] tensor([1., 1., 1.], dtype=torch.float64)", "[2. 2. 2.] tensor([1., 1., 1.], dtype=torch.float64)"]
    names = chapter["rebind"].names
    assert address(names["a"]) != address(names["x"])


def test_the_diary_of_views_rewrites_itself(chapter):
    names = chapter["diary"].names
    assert [entry.tolist() for entry in names["diary"]] == [[3, 3]] * 3
    assert [entry.tolist() for entry in names["safe"]] == [[1, 1], [2, 2], [3, 3]]
    assert len({address(entry) for entry in names["diary"]}) == 1 and len({address(entry) for entry in names["safe"]}) == 3
    # A training step does change the parameters in place.
    layer = torch.nn.Linear(2, 1)
    before, place = layer.weight.detach().clone(), layer.weight.data_ptr()
    layer(torch.ones(1, 2)).sum().backward()
    torch.optim.SGD(layer.parameters(), lr=1.0).step()
    assert layer.weight.data_ptr() == place and not torch.equal(layer.weight.detach(), before)


@pytest.mark.ledger("n1-13")
def test_who_shares_and_who_copies(chapter):
    names = chapter["who-shares"].names
    a, expected = names["a"], {"torch.from_numpy(a)", "torch.as_tensor(a)", "torch.from_numpy(a).double()"}
    lines = dict(line.rsplit(None, 1) for line in chapter["who-shares"].stdout.splitlines())
    assert len(lines) == 8
    for way, said in lines.items():
        t = eval(way, {"torch": torch, "a": a})
        assert (said == "shares") == (address(t) == address(a)) == (way.strip() in expected), way
        t += 1  # the proof by doing
        assert (a[0] != 1.0) == (said == "shares"), way
        a[:] = [1.0, 2.0, 3.0]
    order = [way.strip() for way in lines]
    assert order[1] == "torch.as_tensor(a)" and order[2] == "torch.as_tensor(a, dtype=torch.float32)"  # "the second line", "the third"
    assert address(torch.from_numpy(a).to(torch.float64)) == address(a) != address(torch.from_numpy(a).to(torch.float32))


# Dtypes


def test_the_dtype_keeps_its_name(chapter):
    lines = [line.split() for line in chapter["same-dtype"].stdout.splitlines()]
    assert len(lines) == 7 and all(theirs == f"torch.{ours}" for ours, theirs in lines)
    assert {ours for ours, _ in lines} == {"float16", "float32", "float64", "uint8", "int32", "int64", "bool"}


def test_the_two_defaults_and_where_the_numbers_come_from(chapter):
    assert chapter["float64"].stdout == "float64 torch.float32\ntorch.float64\n"
    assert np.array([0.5]).dtype == np.float64 and torch.tensor([0.5]).dtype == torch.get_default_dtype() == torch.float32
    assert torch.tensor(np.array([0.5], dtype=np.float16)).dtype == torch.float16


def test_float64_meets_a_layer(chapter):
    error = chapter["linear-error"].error
    assert type(error) is RuntimeError and str(error) == "mat1 and mat2 must have the same dtype, but got Double and Float"
    names = chapter["linear-error"].names
    assert names["X"].dtype == torch.float64 and names["layer"].weight.dtype == torch.float32
    assert "Double" in torch.DoubleTensor.__name__ and torch.DoubleTensor.dtype == torch.float64 and torch.FloatTensor.dtype == torch.float32
    with pytest.raises(RuntimeError, match="got Float and Double"):  # mat1 is the input, mat2 the weight
        torch.nn.Linear(64, 10).double()(names["X"].float())
    for language in LANGUAGES:
        assert "`Double and Float`" in chapter.prose(language)


def test_float_is_the_cure_and_halves_the_memory(chapter):
    names = chapter["linear-cured"].names
    X, digits = names["X"], names["digits"]
    assert chapter["linear-cured"].value == (1797, 10) and X.dtype == torch.float32
    before, after = (int(line.split()[2]) for line in chapter["linear-cured"].stdout.splitlines())
    assert before == digits.data.nbytes == 1797 * 64 * 8 and after == before / 2
    assert address(X) != address(digits.data)


# The photograph


def test_the_photograph_is_read_only_and_warns(chapter):
    photo = chapter["photo"].names["photo"]
    assert chapter["photo"].stdout == "(427, 640, 3) uint8 0 255\nwriteable: False\n"
    with pytest.raises(ValueError, match="read-only"):
        photo[0, 0, 0] = 1
    (warning,) = chapter["read-only"].warnings
    assert warning.startswith("UserWarning: The given NumPy array is not writable") and "undefined behavior" in warning
    assert "Triggered internally at" in warning and chapter["read-only"].value == (427, 640, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own = torch.tensor(photo)  # the cure: no warning, and it may be written to
    own[0, 0, 0] = 77
    assert photo[0, 0, 0] == load_sample_image("flower.jpg")[0, 0, 0]


def test_the_photograph_as_a_tensor_and_back(chapter):
    names = chapter["photo-tensor"].names
    photo, picture, again = names["photo"], names["picture"], names["again"]
    assert picture.shape == (3, 427, 640) and picture.dtype == torch.float32 and picture.min() == 0 and picture.max() == 1
    for i, j, colour in [(0, 0, 0), (200, 300, 1), (426, 639, 2), (100, 500, 0)]:
        assert picture[colour, i, j].item() == pytest.approx(photo[i, j, colour] / 255, abs=1e-6)
    assert again.shape == (427, 640, 3) and np.array_equal(np.rint(again * 255).astype(np.uint8), photo)
    assert chapter["photo-tensor"].stdout.splitlines()[1] == "(427, 640, 3) True"
    assert torch.nn.Conv2d(3, 4, 3)(picture[:, :9, :9]).shape == (4, 7, 7)  # (channel, height, width) is what a layer wants
    assert chapter["photo-tensor"].code.startswith("picture = torch.tensor(photo).permute(2, 0, 1) / 255")  # "the first line"


def test_figure_of_the_photograph(chapter):
    (figure,) = chapter["photo-figure"].figures
    photo = chapter["photo"].names["photo"]
    shown = [ax.images[0].get_array() for ax in figure.axes]
    assert np.allclose(shown[0] * 255, photo)
    for colour in range(3):
        assert np.allclose(shown[1 + colour] * 255, photo[:, :, colour])
    assert [ax.get_title() for ax in figure.axes] == ["again", "picture[0]: red", "picture[1]: green", "picture[2]: blue"]
    flower = photo[150:280, 190:430].reshape(-1, 3).mean(axis=0)
    assert flower[0] > flower[1] > flower[2]  # orange: most red, least blue
    assert all(image.get_clim() == (0, 1) and image.get_cmap().name == "gray" for ax in figure.axes[1:] for image in ax.images)


# The tables


@pytest.mark.ledger("n1-14")
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_row_gives_the_same_in_numpy_and_in_torch(chapter, language):
    table = all_rows(chapter, language)
    assert len(table) >= 40 and len({row[0] for row in table}) == len(table)
    for left, right, note in table:
        assert left[0] == left[-1] == right[0] == right[-1] == "`"
        for p, q in both(chapter, left[1:-1], right[1:-1]):
            assert p.shape == q.shape, left
            assert np.allclose(p, q, rtol=1e-4, atol=1e-5), left
            assert (p.dtype != q.dtype) == ("float32" in note), left  # a note says where dtypes differ
            if p.dtype != q.dtype:
                assert (p.dtype, q.dtype) == (np.float64, np.float32), left


def test_a_wrong_row_would_be_noticed(chapter):
    for left, right in [("np.std(a)", "torch.std(a)"), ("np.median(a)", "torch.median(a)"), ("np.repeat(v, 2)", "v.repeat(2)"),
                        ("a.mean(axis=0)", "a.mean(dim=1)")]:
        ((p, q),) = both(chapter, left, right)
        assert p.shape != q.shape or not np.allclose(p, q)


def test_both_languages_have_the_same_rows_and_say_how_many(chapter):
    zh, en = all_rows(chapter, "zh"), all_rows(chapter, "en")
    assert [row[:2] for row in zh] == [row[:2] for row in en] and [bool(row[2]) for row in zh] == [bool(row[2]) for row in en]
    alike = [row for row in zh if row[0].replace("np.", "torch.") == row[1]]
    for language in LANGUAGES:
        text = chapter.prose(language)
        assert f"71 行里有 {len(alike)} 行" in text or f"In {len(alike)} of the 71 rows" in text
    assert len(zh) == 71
    assert "71 行" in section(chapter, "zh", "side-by-side") and "71 rows" in section(chapter, "en", "side-by-side")


def test_the_arrays_and_tensors_of_the_table_hold_the_same_numbers(chapter):
    arrays, tensors = worlds(chapter)
    for name, shape in {"a": (2, 3), "b": (2, 3), "v": (3,), "w": (3,)}.items():
        assert isinstance(arrays[name], np.ndarray) and isinstance(tensors[name], torch.Tensor)
        assert arrays[name].tolist() == tensors[name].tolist() and arrays[name].shape == shape
    assert arrays["a"].dtype == np.float32 and tensors["a"].dtype == torch.float32


@pytest.mark.ledger("n1-14")
def test_three_rows_on_the_page(chapter):
    lines = chapter["side-by-side"].stdout.splitlines()
    assert len(lines) == 3 and all(line.endswith(" True") for line in lines)
    arrays, _ = worlds(chapter)
    names = chapter["side-by-side"].names
    assert np.array_equal(names["tensor"].numpy(), np.vstack([arrays["a"], arrays["b"]]))  # the last of the three


def test_notes_of_the_tables(chapter):
    A, T = (dict(world) for world in worlds(chapter))
    a, b, v = A["a"], A["b"], A["v"]
    x, y, u = T["a"], T["b"], T["v"]
    # creating
    with pytest.raises(TypeError):
        torch.linspace(0, 1)
    assert np.linspace(0, 1).shape == (50,)
    assert np.array([1, 2, 3]).dtype == np.arange(0, 10, 2).dtype == np.int64
    assert torch.tensor([1, 2, 3]).dtype == torch.arange(0, 10, 2).dtype == torch.int64
    assert np.array([1.9, -1.9]).astype(np.int64).tolist() == torch.tensor([1.9, -1.9]).to(torch.int64).tolist() == [1, -1]
    # shapes
    assert x.size() == (2, 3) and a.size == 6
    assert not np.shares_memory(a.flatten(), a) and address(x.flatten()) == address(x)
    with pytest.raises(TypeError):
        x.transpose(0)
    assert torch.zeros(2, 3, 4).transpose(0, 1).shape == (3, 2, 4)
    assert a[None].shape == np.expand_dims(a, axis=0).shape == tuple(x[None].shape) == (1, 2, 3)
    assert address(np.broadcast_to(v, (2, 3))) == address(v) and address(u.expand(2, 3)) == address(u)
    assert torch.equal(torch.concatenate([x, y]), torch.cat([x, y]))
    assert len(np.split(np.arange(6), 2)) == 2 and [len(part) for part in torch.split(torch.arange(6), 3)] == [3, 3]
    assert v.tolist() == [2, 3, 2] and u.repeat(2).tolist() == [2, 3, 2, 2, 3, 2] and u.repeat_interleave(2).tolist() == [2, 2, 3, 3, 2, 2]
    # picking
    assert np.shares_memory(a[:, 1], a) and address(x[:, 1]) == address(x) + 4
    assert not np.shares_memory(a[a > -9], a) and address(x[x > -9]) != address(x)
    with pytest.raises(ValueError, match="step must be greater than zero"):
        x[::-1]
    assert np.shares_memory(a[::-1], a) and not np.shares_memory(x.flip(0).numpy(), x.numpy())
    assert len(np.nonzero(a > 0)) == a.ndim and isinstance(np.nonzero(a > 0), tuple)
    # elementwise
    assert math.log(5) == pytest.approx(np.log(b)[1, 1]) == pytest.approx(torch.log(y)[1, 1].item(), rel=1e-6)
    assert np.mod(-7, 3) == torch.remainder(torch.tensor(-7), 3) == -7 % 3 == 2 and np.mod(7, -3) == torch.remainder(torch.tensor(7), -3) == -2
    assert torch.equal(x % 3, torch.remainder(x, 3)) and np.array_equal(a % 3, np.mod(a, 3))
    with pytest.raises(TypeError, match="must be Tensor"):
        torch.maximum(x, 0)
    assert torch.equal(torch.clip(x, -1, 1), torch.clamp(x, -1, 1))
    assert np.array_equal((a > 0) & (b > 1), np.logical_and(a > 0, b > 1)) and torch.equal((x > 0) & (y > 1), torch.logical_and(x > 0, y > 1))
    # reducing
    with pytest.raises(NotImplementedError, match="could not infer output dtype"):
        torch.arange(4).mean()
    values, indices = x.max(dim=0)
    assert torch.equal(values, x.amax(dim=0)) and torch.equal(indices, x.argmax(dim=0))
    assert torch.median(torch.tensor([1.0, 2.0, 3.0, 4.0])) == 2
    with pytest.raises(TypeError, match='"dim"'):
        torch.cumsum(x)
    assert torch.equal(torch.sort(x).indices, torch.argsort(x))
    assert np.unique([3, 1, 3, 2]).tolist() == torch.unique(torch.tensor([3, 1, 3, 2])).tolist() == [1, 2, 3]
    assert len(v) == 3 and len(np.unique(v)) == 2  # so that the row of unique shows something


def test_torch_knows_axis_and_keepdims_and_numpy_knows_no_dim(chapter):
    assert chapter["axis"].stdout == "tensor([[ 6.],\n        [15.]])\n" * 2
    t = chapter["axis"].names["t"]
    for reduce in (torch.sum, torch.mean, torch.std, torch.amax, torch.argmax, torch.prod, torch.any):
        assert torch.equal(reduce(t, dim=1, keepdim=True), reduce(t, axis=1, keepdims=True))
    for name in ("dim", "keepdim"):
        with pytest.raises(TypeError, match=name):
            np.sum(np.ones((2, 3)), **{name: 1})


# Same name, other meaning


def test_four_names_with_two_meanings(chapter):
    a, t = chapter["quiet"].names["a"], chapter["quiet"].names["t"]
    assert a.tolist() == t.tolist() == [1, 2, 3, 4]
    deviations = sum((n - 2.5) ** 2 for n in (1, 2, 3, 4))
    assert np.std(a) == pytest.approx(math.sqrt(deviations / 4)) and np.var(a) == pytest.approx(deviations / 4)
    assert torch.std(t).item() == pytest.approx(math.sqrt(deviations / 3)) and torch.var(t).item() == pytest.approx(deviations / 3)
    assert np.median(a) == (2 + 3) / 2 and torch.median(t) == 2
    assert a.repeat(2).tolist() == [1, 1, 2, 2, 3, 3, 4, 4] and t.repeat(2).tolist() == [1, 2, 3, 4] * 2
    assert [len(part) for part in np.split(a, 4)] == [1] * 4 and [len(part) for part in torch.split(t, 4)] == [4]
    std, median, repeat, split = chapter["quiet"].stdout.splitlines()
    assert float(std.split()[1]) == pytest.approx(1.1180, abs=1e-4) and "tensor(1.2910" in std
    assert median.split()[1] == "2.5" and "tensor(2.," in median and split == "split  4 parts; 1 part"
    assert repeat == "repeat [1. 1. 2. 2. 3. 3. 4. 4.] tensor([1., 2., 3., 4., 1., 2., 3., 4.], dtype=torch.float64)"
    for language in LANGUAGES:
        assert [row[0] for row in rows(chapter, language, "same-name")] == [
            "`std`、`var`" if language == "zh" else "`std`, `var`", "`median`", "`a.repeat(2)`", "`split(a, 4)`"]


def test_standard_deviation_by_hand_and_by_correction(chapter):
    a, t = chapter["quiet"].names["a"], chapter["quiet"].names["t"]
    lines = [[float(n) for n in re.findall(r"\d+\.\d+", line)] for line in chapter["std"].stdout.splitlines()]
    small, large = math.sqrt(5 / 4), math.sqrt(5 / 3)  # the squares are 2.25, 0.25, 0.25, 2.25
    assert [row[0] for row in lines] == pytest.approx([small, large, small, large], abs=1e-4)
    assert lines[2][1] == pytest.approx(small, abs=1e-4) and lines[3][1] == pytest.approx(large, abs=1e-4)
    assert np.std(a) == pytest.approx(np.std(a, correction=0)) and torch.std(t).item() == pytest.approx(torch.std(t, correction=1).item())
    assert np.std(a, ddof=1) == pytest.approx(np.std(a, correction=1))
    with pytest.raises(TypeError, match="correction"):  # the function knows it, the method does not
        a.std(correction=1)
    assert a.std(ddof=1) == pytest.approx(np.std(a, correction=1))
    with pytest.raises(TypeError, match="ddof"):
        torch.std(t, ddof=0)
    # Over all samples of two (with replacement) from these four numbers, dividing by n - 1 gives the true variance on average.
    samples = np.array(list(itertools.product(a, repeat=2)))
    assert np.var(samples, axis=1, correction=1).mean() == pytest.approx(a.var()) and samples.var(axis=1).mean() < a.var()
    many = np.arange(10000.0)
    assert np.std(many, correction=1) / np.std(many) == pytest.approx(1, abs=1e-4)


@pytest.mark.ledger("n1-14")
def test_dot_takes_vectors_only(chapter):
    names = chapter["dot"].names
    m, a = names["m"], names["a"]
    assert chapter["dot"].stdout.startswith("30.0 tensor(30., dtype=torch.float64)\n")
    assert sum(n * n for n in a) == 1 + 4 + 9 + 16 == 30
    product = [[1 * 1 + 2 * 3, 1 * 2 + 2 * 4], [3 * 1 + 4 * 3, 3 * 2 + 4 * 4]]
    assert np.dot(m, m).tolist() == (m @ m).tolist() == (torch.from_numpy(m) @ torch.from_numpy(m)).tolist() == product
    assert chapter["dot"].stdout.splitlines()[1:] == ["[[ 7. 10.]", " [15. 22.]]", "tensor([[ 7., 10.],", "        [15., 22.]], dtype=torch.float64)"]
    error = chapter["dot-error"].error
    assert type(error) is RuntimeError and str(error) == "1D tensors expected, but got 2D and 2D tensors"


# Mixing, random numbers


def test_three_attempts_to_mix(chapter):
    assert isinstance(chapter["mix-sin"].value, torch.Tensor)
    assert chapter["mix-sin"].value.tolist() == pytest.approx([math.sin(n) for n in (1, 2, 3, 4)])
    assert chapter["mix-sin"].warnings[0].startswith("DeprecationWarning: __array_wrap__ must accept")
    error = chapter["mix-plus"].error
    assert type(error) is TypeError and str(error).startswith("Concatenation operation is not implemented for NumPy arrays")
    a, t = chapter["quiet"].names["a"], chapter["quiet"].names["t"]
    assert a.__add__(t) is NotImplemented and t.__radd__(a) is NotImplemented  # neither is willing to add
    error = chapter["mix-mean"].error
    assert type(error) is TypeError and str(error) == "mean() got an unexpected keyword argument 'axis'"
    assert chapter["mix-cured"].stdout == "[2. 4. 6. 8.]\ntensor([2., 4., 6., 8.], dtype=torch.float64)\n"


def test_numpy_calls_the_tensors_own_mean():
    class Own:
        def mean(self, **given):
            return sorted(given)

    assert "axis" in np.mean(Own())


def test_the_generators_do_not_know_of_each_other(chapter):
    lines = [line.split(maxsplit=1) for line in chapter["random"].stdout.splitlines()]
    assert [side for side, _ in lines] == ["torch", "NumPy", "torch", "NumPy"]
    (_, first), (_, other), (_, again), (_, on) = lines
    assert first == again and other != on
    assert re.findall(r"0\.\d{4}", first) != re.findall(r"0\.\d{4}", other)  # the same seed, other numbers
    both = np.random.default_rng(0).random(6)
    assert [float(n) for n in re.findall(r"0\.\d+", other + on)] == pytest.approx(both.tolist(), abs=1e-6)  # NumPy just went on
    state = np.random.get_state()
    try:
        np.random.seed(0)
        one = np.random.rand()
        torch.manual_seed(0)
        two = np.random.rand()
        np.random.seed(0)
        assert np.random.rand() == one != two
    finally:
        np.random.set_state(state)


# The round trip


@pytest.mark.filterwarnings("ignore:self.within_class_std_dev_")  # pixels at the rim are 0 in every picture
def test_the_round_trip_agrees_with_scikit_learns_nearest_centroid(chapter):
    digits = load_digits()
    judge = NearestCentroid().fit(digits.data[:1500], digits.target[:1500])
    names = chapter["round-trip"].names
    assert np.mean(judge.predict(digits.data[1500:]) == names["guess"].numpy()) > 0.99
    assert np.allclose(judge.centroids_, names["means"].numpy(), atol=1e-4)
    share = np.mean(names["guess"].numpy() == digits.target[1500:])
    assert share == pytest.approx(0.85, abs=0.015) and float(chapter["round-trip"].stdout) == pytest.approx(share, abs=0.0051)
    assert torch.cdist(names["test_X"], names["means"]).shape == (297, 10) and len(names["train_X"]) == 1500
    for language in LANGUAGES:
        text = section(chapter, language, "round-trip")
        assert all(said in text for said in ("1500", "297", "85", "`(297, 10)`"))


def test_figure_of_the_means(chapter):
    (figure,) = chapter["means-figure"].figures
    digits = load_digits()
    assert [ax.get_title() for ax in figure.axes] == [str(k) for k in range(10)]
    for k, ax in enumerate(figure.axes):
        average = digits.images[:1500][digits.target[:1500] == k].mean(axis=0)
        assert np.allclose(ax.images[0].get_array(), average, atol=1e-4)


# Common errors


def test_a_tensor_that_requires_grad(chapter):
    error = chapter["grad-error"].error
    assert type(error) is RuntimeError
    assert str(error) == "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
    assert all(p.requires_grad for p in torch.nn.Linear(2, 2).parameters())


def test_detach_shares_the_memory(chapter):
    assert chapter["detach"].stdout == "True\n0.0\n"
    w = torch.ones(3, requires_grad=True)
    view, own = w.detach().numpy(), w.detach().numpy().copy()
    view[0] = 5
    assert w.tolist() == [5, 1, 1] and own.tolist() == [1, 1, 1] and (w * 2).detach().grad_fn is None
    untouched = chapter["linear-cured"].names["layer"]
    assert untouched.weight.abs().sum() == 0  # the very layer of the page
    assert copy.deepcopy(torch.nn.Linear(64, 10)).weight.abs().sum() > 0


def test_a_tensor_elsewhere(chapter):
    error = chapter["device-error"].error
    assert type(error) is TypeError
    assert str(error) == "can't convert meta device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
    if torch.cuda.is_available():
        assert str(chapter["gpu-error"].error) == str(error).replace("meta", "cuda:0")
        assert chapter["gpu-cured"].value.tolist() == [1, 1, 1]


def test_force_detaches_and_may_share():
    w = torch.ones(3, requires_grad=True)
    forced = w.numpy(force=True)
    assert isinstance(forced, np.ndarray) and address(forced) == address(w)


def test_negative_strides(chapter):
    error = chapter["negative-error"].error
    assert type(error) is ValueError
    assert str(error).startswith("At least one stride in the given numpy array is negative, and tensors with negative strides are not")
    assert chapter["negative-cured"].stdout == "tensor([4., 3., 2., 1.], dtype=torch.float64)\n" * 2
    photo = chapter["photo"].names["photo"]
    assert photo[:, :, ::-1].strides[2] < 0 and np.shares_memory(photo[:, :, ::-1], photo)
    for refused in (photo[:, :, ::-1], np.fliplr(photo)):
        with pytest.raises(ValueError, match="negative"):
            torch.tensor(refused)
        torch.tensor(refused.copy())


def test_neither_lists_nor_strings(chapter):
    error = chapter["list-error"].error
    assert type(error) is TypeError and str(error) == "expected np.ndarray (got list)"
    error = chapter["object-error"].error
    assert type(error) is TypeError and str(error).startswith("can't convert np.ndarray of type numpy.str_. The only supported types are:")
    for name in re.findall(r"\w+\d+", str(error).split(":")[1]) + ["bool"]:  # "all the types that may cross"
        torch.from_numpy(np.zeros(2, dtype=name))
    words = np.array(["dog", "cat", "dog"])
    assert torch.from_numpy(np.unique(words, return_inverse=True)[1]).tolist() == [1, 0, 1]


def test_uint16_crosses_and_cannot_be_added(chapter):
    error = chapter["uint16-error"].error
    assert type(error) is NotImplementedError and "not implemented for 'UInt16'" in str(error)
    assert chapter["uint16-error"].names["depth"].tolist() == [300, 65535]
    assert chapter["uint16-cured"].value.tolist() == [301, 65536]
    assert (chapter["uint16-error"].names["depth"].float() + 1).tolist() == [301, 65536]


def test_a_list_of_arrays_warns_and_stack_does_not(chapter):
    assert chapter["slow-list"].warnings[0].startswith("UserWarning: Creating a tensor from a list of numpy.ndarrays is extremely slow.")
    assert torch.equal(chapter["slow-list"].value, chapter["slow-list-cured"].value)
    assert chapter["slow-list-cured"].value.tolist() == [[0, 0, 0], [1, 1, 1]]


def test_every_message_of_the_last_table_is_real(chapter):
    def message(call):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                call()
            except Exception as error:
                return str(error)

    t, layer = torch.ones(3), torch.nn.Linear(3, 1)
    photo = chapter["photo"].names["photo"]
    causes = {  # words of the message: what fails, what to do instead
        "got Double and Float": (lambda: layer(t.double()), lambda: layer(t.double().float())),
        "on Tensor that requires grad": (lambda: layer.weight.numpy(), lambda: layer.weight.detach().numpy()),
        "Use Tensor.cpu()": (lambda: t.to("meta").numpy(), lambda: t.cpu().numpy()),
        "negative strides": (lambda: torch.from_numpy(np.ones(3)[::-1]), lambda: torch.from_numpy(np.ones(3)[::-1].copy())),
        "not writable": (lambda: torch.from_numpy(photo), lambda: torch.tensor(photo)),
        "expected np.ndarray": (lambda: torch.from_numpy([1]), lambda: torch.tensor([1])),
        "can't convert np.ndarray of type": (lambda: torch.from_numpy(np.array(["1"])), lambda: torch.from_numpy(np.array(["1"]).astype(int))),
        "not implemented for 'UInt16'": (lambda: t.to(torch.uint16) + 1, lambda: (t.to(torch.uint16).int() + 1, t.to(torch.uint16).float() + 1)),
        "unsupported ScalarType BFloat16": (lambda: t.bfloat16().numpy(), lambda: t.bfloat16().float().numpy()),
        "1D tensors expected": (lambda: torch.dot(torch.eye(3), torch.eye(3)), lambda: torch.eye(3) @ torch.eye(3)),
        "Concatenation operation is not implemented": (lambda: np.ones(3) + t, lambda: torch.from_numpy(np.ones(3)) + t),
        "must be Tensor, not numpy.ndarray": (lambda: torch.sin(np.ones(3)), lambda: torch.sin(torch.from_numpy(np.ones(3)))),
        "Invalid shape (3, 427, 640)": (lambda: plt.imshow(chapter["photo-tensor"].names["picture"].numpy()),
                                        lambda: plt.imshow(chapter["photo-tensor"].names["picture"].permute(1, 2, 0).numpy())),
    }
    for words, (fails, works) in causes.items():
        assert words in message(fails), words
        assert message(works) is None, words
    plt.close("all")
    for language in LANGUAGES:
        told = [re.search(r"`([^`]*)`", row[0])[1] for row in rows(chapter, language, "common-errors")
                if row[0].startswith("`")]
        assert told == list(causes)
