"""The proof of what docs/*/foundations/tensors.md claims."""

import contextlib
import re
import warnings

import numpy as np
import pytest
import torch

from tests.prose import lines, says

X = [[12.0, 18.0, 15.0], [10.0, 20.0, 9.0]]  # the temperatures, once more and independently
TIMES = {"morning": 0, "noon": 1, "evening": 2}


@pytest.mark.ledger("n0-06")
def test_a_tensor_is_created_from_what_was_measured(chapter):
    x = chapter["first"].value
    assert isinstance(x, torch.Tensor) and x.tolist() == X
    assert "12." in repr(x)
    assert chapter["in-place-dtype"].names["x"].tolist() == X


def test_a_list_is_repeated_where_a_tensor_is_doubled(chapter):
    out = lines(chapter, "list-or-tensor")
    assert out[0] == f"list  : {X[0] + X[0]}"
    assert out[1] == f"tensor: {torch.tensor([2 * t for t in X[0]])}"


@pytest.mark.ledger("n0-05")
def test_a_tensor_carries_dtype_device_shape_strides_storage_and_origin(chapter):
    shown = dict(line.split(maxsplit=1) for line in lines(chapter, "attributes"))
    array = np.array(X, dtype=np.float32)
    assert shown == {
        "dtype": "torch.float32", "device": "cpu", "shape": "torch.Size([2, 3])",
        "strides": str(tuple(s // array.itemsize for s in array.strides)),
        "storage": f"{array.nbytes} bytes", "requires_grad": "False", "grad_fn": "None",
    }
    assert array.itemsize == 4 and array.nbytes == 6 * 4
    says(chapter, "`float32`", "`cpu`")
    assert "占 4 字节" in chapter.prose("zh") and "float of 4 bytes" in chapter.prose("en")
    ran = chapter["grad"]
    assert ran.stdout == "None\n" and ran.value.tolist() == [2 * n for n in ran.names["w"].tolist()] == [2, 4, 6]
    assert ran.value.requires_grad and "grad_fn=<MulBackward0>" in repr(ran.value)
    assert torch.allclose(torch.autograd.grad(ran.value.sum(), ran.names["w"], retain_graph=True)[0], torch.full((3,), 2.0))
    says(chapter, "MulBackward0")


@pytest.mark.ledger("n4-02")
def test_the_future_import_has_nothing_left_to_do(chapter):
    import __future__

    for feature in (__future__.print_function, __future__.division):
        assert feature.getMandatoryRelease()[:3] == (3, 0, 0)
    assert "__future__" not in "".join(cell.code for cell in chapter.values())
    assert chapter["first"].code.startswith("import torch") and chapter["first"].error is None
    says(chapter, "from __future__")


@pytest.mark.ledger("n1-08")
def test_scalar_vector_matrix_and_nd_tensor_have_ranks_0_1_2_n(chapter):
    names = chapter["ranks"].names
    for rank, name in enumerate(("scalar", "vector", "matrix", "stack")):
        assert isinstance(names[name], torch.Tensor)
        assert names[name].ndim == np.array(names[name].tolist()).ndim == rank
    for language, titles in (("zh", ("标量（scalar）", "数（number）", "向量（vector）", "数组（array）", "矩阵（matrix）",
                                     "二维数组（2d-array）", "n 阶张量（nd-tensor）", "n 维数组（nd-array）")),
                             ("en", ("scalar", "number", "vector", "array", "matrix", "2d-array", "nd-tensor", "nd-array"))):
        rows = [re.split(r"\s*\|\s*", row)[1:5] for row in chapter.prose(language).splitlines() if re.match(r"\| [012n] \|", row)]
        assert [row[0] for row in rows] == [row[3] for row in rows] == ["0", "1", "2", "n"]
        assert tuple(name for row in rows for name in row[1:3]) == titles


@pytest.mark.ledger("n1-08")
def test_the_rank_is_how_many_indices_reach_a_number(chapter):
    ran = chapter["ranks"]
    for line, code in zip(lines(chapter, "ranks"), ran.code.splitlines()[-4:], strict=True):
        indices = re.search(r"(?:\[(.*)\])?\)$", code)[1]
        assert int(line.split()[0]) == (len(indices.split(",")) if indices else 0)
    names = ran.names
    assert [line.split()[1] for line in lines(chapter, "ranks")] == ["tensor(7)", "tensor(9)", "tensor(6)", "tensor(9)"]
    assert names["stack"].tolist()[1][0][2] == 9 and names["stack"].flatten().tolist() == list(range(1, 13))


def test_the_figure_draws_every_number_and_numbers_the_axes_from_outside(chapter):
    (figure,) = chapter["ranks-figure"].figures
    texts = figure.axes[0].texts
    names = chapter["ranks"].names
    tensors = [names[name] for name in ("scalar", "vector", "matrix", "stack")]
    digits = [text for text in texts if text.get_text().isdigit()]
    assert sorted(int(t.get_text()) for t in digits) == sorted(n for t in tensors for n in t.flatten().tolist())
    assert [t.get_text() for t in texts if t.get_text().startswith("rank")] == [
        "rank 0\nshape ()", "rank 1\nshape (3,)", "rank 2\nshape (2, 3)", "rank 3\nshape (2, 2, 3)"]
    assert [t.get_text() for t in texts if t.get_text().startswith("axis")] == [
        "axis 0 →", "axis 0 ↓\naxis 1 →", "axis 0 ↗\naxis 1 ↓\naxis 2 →"]
    squares = [tuple(dots.get_offsets()[0]) for dots in figure.axes[0].collections]
    assert squares == [t.get_position() for t in digits] and len(set(squares)) == len(squares)
    place = {int(t.get_text()): np.array(t.get_position()) for t in digits if t.get_position()[0] > 12.5}  # the last tensor
    assert len(place) == 12
    assert ((place[2] - place[1])[0] > 0) and (place[2] - place[1])[1] == 0  # → axis 2
    assert (place[4] - place[1])[0] == 0 and (place[4] - place[1])[1] < 0  # ↓ axis 1
    assert ((place[7] - place[1]) > 0).all()  # ↗ axis 0


@pytest.mark.ledger("n1-09")
def test_rank_axes_and_shape_and_not_matrix_rank(chapter):
    shape = np.array(X).shape
    assert lines(chapter, "shape")[0] == f"{shape[0]} {shape[1]} {len(shape)} {shape[0] * shape[1]}" == "2 3 2 6"
    assert chapter["first"].value.ndim == len(chapter["first"].value.shape) == np.array(X).ndim
    assert "阶就是 2" in chapter.prose("zh") and "一共 6 个数" in chapter.prose("zh")
    assert "the rank is 2" in chapter.prose("en") and "6 values in all" in " ".join(chapter.prose("en").split())
    ran = chapter["matrix-rank"]
    assert ran.code.strip() == "torch.linalg.matrix_rank(torch.ones(3, 3))" and torch.ones(3, 3).ndim == 2
    assert ran.value.item() == np.linalg.matrix_rank(np.ones((3, 3))) == 1
    assert np.linalg.matrix_rank(np.eye(3)) == 3  # another table of rank 2


@pytest.mark.ledger("n2-10")
def test_size_is_a_tuple(chapter):
    ran = chapter["shape"]
    assert (ran.names["days"], ran.names["times"]) == (2, 3)
    assert lines(chapter, "shape")[1:] == ["True True", "False"]
    size = ran.names["x"].size()
    assert issubclass(torch.Size, tuple) and type(size) is torch.Size and size == (2, 3) and hash(size) == hash((2, 3))
    assert (2, 3) != [2, 3]  # Python's doing, not PyTorch's


@pytest.mark.ledger("n2-08")
def test_a_list_decides_the_dtype_unless_the_capital_is_used(chapter):
    assert [line.split()[-1] for line in lines(chapter, "from-list")] == ["torch.int64", "torch.float32", "torch.bool"]
    for numbers, dtype in (([1, 2], torch.int64), ([1, 2.5], torch.float32), ([True, False], torch.bool)):
        assert torch.tensor(numbers).dtype == dtype
        assert f"{torch.tensor(numbers)} {dtype}" in chapter["from-list"].stdout
    says(chapter, "`int64`", "`float32`", "`bool`")
    assert lines(chapter, "tensor-or-class") == ["torch.Size([]) torch.Size([2])", "torch.int64 torch.float32"]
    assert torch.Tensor(2, 3).shape == (2, 3)
    assert isinstance(torch.Tensor, type) and not isinstance(torch.tensor, type)
    assert torch.Tensor([True]).dtype == torch.float32
    assert "torch.Tensor" not in "".join(ran.code for name, ran in chapter.items() if name != "tensor-or-class")


@pytest.mark.ledger("n2-07")
def test_rand_is_between_0_and_1_and_the_same_after_the_same_seed(chapter):
    ran = chapter["filled"]
    assert ran.code.startswith("torch.manual_seed(0)\n")
    shown = torch.rand(3, generator=torch.Generator().manual_seed(0))
    assert lines(chapter, "filled")[0] == str(shown)
    assert not torch.equal(shown, torch.rand(3, generator=torch.Generator().manual_seed(1)))
    many = torch.rand(10_000, generator=torch.Generator().manual_seed(1))
    assert 0 <= many.min() < 0.01 and 0.99 < many.max() < 1 and abs(many.mean() - 0.5) < 0.02


@pytest.mark.ledger("n2-07")
def test_empty_writes_nothing(chapter):
    ran = chapter["empty"]
    assert ran.value is ran.names["used"] and ran.value.tolist() == [[7.0] * 3] * 2
    # A second witness: where PyTorch is asked to fill uninitialised memory, empty comes full of NaN, and not of zeros.
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.empty(2, 3).isnan().all()
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.ledger("n2-07")
def test_zeros_take_a_dtype_and_like_takes_shape_dtype_and_device(chapter):
    counts = chapter["filled"].names["counts"]
    assert counts.dtype == torch.int64 != torch.get_default_dtype() and counts.tolist() == [[0] * 3] * 2
    zeros, ones = torch.from_numpy(np.zeros((2, 3), np.int64)), torch.from_numpy(np.ones((2, 3), np.int64))
    assert chapter["filled"].stdout.endswith(f"{zeros}\n{ones}\n") and "." not in str(ones)
    for like in (torch.ones_like, torch.zeros_like, torch.rand_like, torch.empty_like):
        made = like(torch.empty(4, 1, dtype=torch.float16, device="meta"))
        assert (made.shape, made.dtype, made.device.type) == ((4, 1), torch.float16, "meta")


@pytest.mark.ledger("n0-06")
def test_indices_pick_and_assign_what_the_prose_says(chapter):
    array = np.array(X, dtype=np.float32)
    expected = [array[0], array[0, TIMES["noon"]], array[1, TIMES["evening"]], array[:, [0, 1]]]
    assert chapter["index"].stdout == "".join(str(torch.tensor(a)) + "\n" for a in expected) + f"{X[0][1]}\n"
    noon = chapter["index"].names["x"][0, 1]
    assert isinstance(noon, torch.Tensor) and noon.ndim == 0 and type(noon.item()) is float
    assert chapter["assign"].value.tolist() == [[X[0][0], 99.0, X[0][2]], [1.0, 2.0, 3.0]]
    assert chapter["assign"].names["x"].tolist() == X


@pytest.mark.ledger("n2-11")
def test_index_1_is_the_second_column_and_the_second_row(chapter):
    shown = chapter["second"].stdout
    columns, rows = list(zip(*X, strict=True)), X
    assert f"x[:, 1] = {torch.tensor(columns[1])}" in shown
    assert f"x[1, :] = {torch.tensor(rows[1])}" in shown
    assert f"x[:, 0] = {torch.tensor(columns[0])}" in shown
    assert chapter["second"].names["x"][0, :].tolist() == rows[0]
    assert columns[1] == (18.0, 20.0) and len({*columns[0], *columns[1]}) == 4
    assert "18 和 20，第**二**列" in chapter.prose("zh") and "18 and 20, the **second** column" in chapter.prose("en")


@pytest.mark.ledger("n0-05")
@pytest.mark.ledger("n0-06")
def test_strides_lead_to_the_place_in_storage_and_views_share_it(chapter):
    ran = chapter["storage"]
    z, memory = ran.names["z"], ran.names["memory"]
    assert memory.tolist() == [*X[0], *X[1][:2], -5.0] and memory.data_ptr() == z.data_ptr()
    raw = bytes(z.untyped_storage().tolist())  # the very bytes of the storage
    assert np.frombuffer(raw, dtype=np.float32).tolist() == memory.tolist()
    assert z.stride() == tuple(step // 4 for step in np.array(X, dtype=np.float32).strides) == (3, 1)
    assert 1 * 3 + 2 * 1 == 5 and memory[5].item() == z[1, 2].item() == -5.0 and memory.tolist().count(-5.0) == 1
    assert lines(chapter, "storage")[-1] == "(3, 1) tensor(True)"
    says(chapter, "1 × 3 + 2 × 1 = 5", "`(3, 1)`", "−5")
    assert ran.names["second_day"].tolist() == ran.names["z"][1].tolist() == [*X[1][:2], -5.0]
    assert ran.names["second_day"].data_ptr() == ran.names["z"].data_ptr() + 3 * 4
    assert ran.names["x"].tolist() == X  # clone() made a real copy


@pytest.mark.ledger("n0-07")
def test_star_is_elementwise_and_at_is_the_matrix_product(chapter):
    m = [[1.0, 2.0], [3.0, 4.0]]
    product = [[sum(m[i][k] * m[k][j] for k in range(2)) for j in range(2)] for i in range(2)]
    squares = [[n * n for n in row] for row in m]
    assert chapter["multiply"].stdout == f"{torch.tensor(squares)}\n{torch.tensor(product)}\ntorch.Size([2, 4])\n"
    a, b = torch.tensor([6.0, 8.0]), torch.tensor([2.0, 4.0])
    assert [t.tolist() for t in (a + b, a - b, a * b, a / b)] == [[8, 12], [4, 4], [12, 32], [3, 2]]
    assert product[0][0] == 1 * 1 + 2 * 3 == 7 and squares[0][0] == 1
    says(chapter, "1 × 1 + 2 × 3 = 7", "1 × 1 = 1", "`(2, 4)`")


@pytest.mark.ledger("n0-07")
def test_reductions_squash_the_axis_they_name(chapter):
    by_time = [sum(column) / 2 for column in zip(*X, strict=True)]
    by_day = [sum(row) / 3 for row in X]
    warmest = [row.index(max(row)) for row in X]
    assert lines(chapter, "reduce") == [str(torch.tensor(e)) for e in (sum(map(sum, X)), by_time, by_day, warmest)]
    assert by_time == [11, 19, 12] and by_day == [15, 13] and warmest == [TIMES["noon"]] * 2
    assert "11、19、12" in chapter.prose("zh") and "15 和 13" in chapter.prose("zh")
    assert "11, 19, 12" in chapter.prose("en") and "15 and 13" in " ".join(chapter.prose("en").split())


@pytest.mark.ledger("n0-07")
def test_broadcasting(chapter):
    by_time = [[t - m for t, m in zip(row, (11.0, 19.0, 12.0), strict=True)] for row in X]
    by_day = [[t - m for t in row] for row, m in zip(X, (15.0, 13.0), strict=True)]
    assert chapter["broadcast"].stdout == f"{torch.tensor(by_time)}\n{torch.tensor(by_day)}\n"
    assert chapter["broadcast"].names["average"].shape == (2, 1)
    error = chapter["broadcast-error"].error
    assert type(error) is RuntimeError and "tensor a (3) must match the size of tensor b (2)" in str(error)
    rule = [((2, 3), (3,), True), ((2, 3), (2,), False), ((2, 3), (2, 1), True), ((4, 1), (1, 5), True), ((4, 2), (3, 2), False)]
    for one, other, fits in rule:
        with contextlib.nullcontext() if fits else pytest.raises(RuntimeError):
            torch.ones(one) + torch.ones(other)
    square = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    wrong, right = square - square.mean(dim=1), square - square.mean(dim=1, keepdim=True)
    assert right.sum(dim=1).tolist() == [0, 0] and not torch.equal(wrong, right)


@pytest.mark.ledger("n0-07")
def test_an_underscore_means_in_place(chapter):
    twos, threes = torch.full((3,), 2.0), torch.full((3,), 3.0)
    assert lines(chapter, "in-place") == [f"{twos} {twos}", f"{threes} {twos}"]
    names = chapter["in-place"].names
    assert names["c"] is not names["alias"]
    one = other = torch.zeros(3)
    one.add_(1)
    assert other.tolist() == [1, 1, 1]
    one += 1
    assert one is other and other.tolist() == [2, 2, 2]
    assert one.clone() is not one and one.clone().data_ptr() != one.data_ptr()


@pytest.mark.ledger("n0-07")
@pytest.mark.ledger("n4-03")
def test_out_fills_the_tensor_it_is_given_and_resizes_one_without_elements(chapter):
    result = torch.zeros(2, 3)
    place = result.data_ptr()
    assert torch.add(torch.tensor(X), 1, out=result) is result and result.data_ptr() == place
    assert result.tolist() == [[t + 1 for t in row] for row in X]
    ran = chapter["out"]
    assert not ran.warnings and "blank = torch.empty(0)" in ran.code and torch.empty(0).numel() == 0
    assert ran.value is ran.names["blank"] and ran.value.tolist() == [[t + 1 for t in row] for row in X]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.add(torch.ones(4), 1, out=torch.empty(0))


@pytest.mark.ledger("n4-03")
def test_out_of_another_shape_warns_and_is_resized(chapter):
    ran = chapter["out-resized"]
    assert len(ran.warnings) == 1 and ran.warnings[0].startswith("UserWarning: An output with one or more elements was resized")
    assert "deprecated" in ran.warnings[0] and "[5, 3]" in ran.warnings[0] and "[2, 3]" in ran.warnings[0]
    assert "will not be resized unless they have zero elements" in ran.warnings[0]
    assert ran.value == (2, 3) and ran.names["wrong"].tolist() == [[2 * t for t in row] for row in X]
    says(chapter, "deprecated")


@pytest.mark.ledger("n1-12")
def test_elementwise_operations_promote_by_kind_and_then_by_bits(chapter):
    whole, half = [1, 2, 3], [0.5, 0.5, 0.5]
    expected = [a + b for a, b in zip(whole, half, strict=True)], [a / 2 for a in whole]
    assert lines(chapter, "promote") == [*(str(torch.tensor(e)) for e in expected), "torch.float16"]
    assert chapter["promote"].names["whole"].dtype == torch.int64 and chapter["promote"].names["half"].dtype == torch.float32
    for function in (torch.add, torch.sub, torch.mul, torch.div, torch.maximum):
        assert function(torch.tensor(whole), torch.tensor(half)).dtype == torch.float32
    def kind(dtype):
        return 2 if dtype.is_floating_point else int(dtype != torch.bool)

    dtypes = (torch.bool, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32, torch.float64)
    for one in dtypes:
        for two in dtypes:
            total = torch.ones(3, dtype=one) + torch.ones(3, dtype=two)
            assert total.dtype == max((one, two), key=lambda d: (kind(d), d.itemsize))
    assert torch.int64.itemsize * 8 == 64 and torch.float16.itemsize * 8 == 16


@pytest.mark.ledger("n1-12")
def test_matrix_products_and_layers_do_not_promote(chapter):
    error = chapter["matmul-dtype"].error
    assert type(error) is RuntimeError and "same dtype, but found Long and Float" in str(error)
    with pytest.raises(RuntimeError, match="same dtype"):
        torch.ones(2, 2, dtype=torch.int64) @ torch.ones(2, 2)
    for layer, shape in ((torch.nn.Linear(3, 1), (1, 3)), (torch.nn.Conv2d(1, 1, 2), (1, 1, 3, 3))):
        assert layer(torch.ones(shape)).dtype == layer.weight.dtype == torch.float32
        with pytest.raises(RuntimeError, match="(?i)long"):
            layer(torch.ones(shape, dtype=torch.int64))


@pytest.mark.ledger("n1-12")
def test_an_integer_tensor_takes_no_floats_in_place(chapter):
    ran = chapter["in-place-dtype"]
    assert type(ran.error) is RuntimeError and "Float can't be cast to the desired output type Long" in str(ran.error)
    whole, half = ran.names["whole"], ran.names["half"]
    assert whole.dtype == torch.int64 and (whole + half).dtype == torch.float32  # the cure
    with pytest.raises(RuntimeError, match="can't be cast"):
        torch.add(torch.ones(2), 1, out=torch.empty(2, dtype=torch.int64))
    says(chapter, "`whole = whole + half`")
    ran = chapter["convert"]
    assert lines(chapter, "convert") == [str(torch.tensor(e)) for e in (0.5 * (1 + 2 + 3), [int(2.9), 2, 3])]
    assert round(2.9) == 3 and not ran.warnings and ran.names["whole"].dtype == torch.int64
    assert torch.ones(1, dtype=torch.int64).float().dtype == torch.float32
    says(chapter, "2.9")


@pytest.mark.ledger("n1-12")
def test_devices_do_not_mix_except_a_rank_0_tensor_of_the_cpu(chapter):
    ghost = chapter["devices"].names["ghost"]
    assert chapter["devices"].stdout == "meta\n" and "ghost * torch.tensor(2.0)" in chapter["devices"].code
    product = ghost * torch.tensor(2.0)
    assert product.device == ghost.device == torch.device("meta") and product.shape == (2, 3)
    with pytest.raises(RuntimeError, match="device"):
        ghost * torch.tensor([2.0])  # one number, but rank 1
    with pytest.raises(RuntimeError, match="device"):
        torch.ones(3) * torch.tensor(2.0, device="meta")  # not the other way round
    ran = chapter["devices"]
    assert type(ran.error) is RuntimeError and "Tensor on device cpu is not on the expected device meta" in str(ran.error)
    assert ran.names["ghost"].shape == ran.names["x"].shape and ran.names["ghost"].dtype == ran.names["x"].dtype
    with pytest.raises((RuntimeError, NotImplementedError)):
        ran.names["ghost"].tolist()  # no numbers
