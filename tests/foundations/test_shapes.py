"""What the chapter on shapes claims, proven by numbers that the chapter's own code does not produce."""

import inspect
import io
import math
import re
import warnings
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.facts import fact
from tests.prose import ledger_rows

ROOT = Path(__file__).resolve().parents[2]
REFUSED = "view size is not compatible"
STRIDED = [torch.arange(24).view(4, 6), torch.arange(24).view(4, 6).T, torch.arange(24).view(4, 6)[:, ::2], torch.arange(24).view(4, 6)[:, :2],
           torch.arange(24).view(2, 3, 4).mT, torch.arange(24).view(4, 6)[::2], torch.arange(3).expand(4, 3), torch.arange(24).view(4, 6)[1:3]]


def start(t):
    """The address of the storage of `t`."""
    return t.untyped_storage().data_ptr()


def stored(t):
    """How many bytes the storage of `t` takes."""
    return t.untyped_storage().nbytes()


def memory(t):
    """The numbers in the storage of `t`, a tensor of int64, slot after slot."""
    return torch.tensor(t.untyped_storage().tolist(), dtype=torch.uint8).view(torch.int64).tolist()


def slots(t):
    """The slots of the storage in the order in which `t` is read row by row, by its strides alone."""
    return [t.storage_offset() + sum(i * s for i, s in zip(at, t.stride())) for at in np.ndindex(*t.shape)]


def shapes(text):
    """The shapes printed in `text`, in order."""
    return [tuple(int(n) for n in found.split(",") if n.strip()) for found in re.findall(r"torch\.Size\(\[(.*?)\]\)", text)]


def printed_error(ran):
    return f"{type(ran.error).__name__}: {ran.error}"


def by_rule(a, b):
    """The shape that two shapes broadcast to by the three rules, or None."""
    longest = max(len(a), len(b))
    a, b = (1,) * (longest - len(a)) + a, (1,) * (longest - len(b)) + b
    if all(m == n or 1 in (m, n) for m, n in zip(a, b)):
        return tuple(n if m == 1 else m for m, n in zip(a, b))


def agrees(t, *shape):
    """Whether `view` agrees to a shape that has as many numbers."""
    try:
        t.view(*shape)
    except RuntimeError as error:
        assert str(error).startswith(REFUSED)
        return False
    return True


@pytest.mark.claim(zh="形状错了，运气好的时候会报错；运气不好，程序照跑，结果全错。", en="A wrong shape raises an error if you are lucky; if you are not, the program runs, and the numbers that come out are wrong.")
def test_a_wrong_shape_raises_or_goes_unseen():
    scores, answers = torch.tensor([[1.0], [3.0], [4.0]]), torch.tensor([2.0, 3.0, 7.0])
    with pytest.raises(RuntimeError, match="must match"):
        scores.squeeze(1) - answers[:2]
    right = [s - a for s, a in zip([1, 3, 4], [2, 3, 7])]
    wrong = (scores - answers).mean(1).tolist()
    assert (scores - answers).shape == (3, 3) and all(a != b for a, b in zip(wrong, right))


# ---- view -------------------------------------------------------------------------------------------------------

@pytest.mark.claim(zh="上一章看到，张量的数在内存里排成一条直线，行和列只是看法。", en="As the last chapter showed, the numbers of a tensor lie in memory in one straight line; rows and columns are only a way of looking.")
@pytest.mark.claim(zh="换个形状，就是换个看法，这由 `view` 来做：", en="`view` changes that way of looking:")
@pytest.mark.claim(zh="用 0、1、2…… 来填，每个数就是它在存储里的格号，谁去了哪里一眼看得出。", en="With 0, 1, 2 and so on in it, each number is its own slot in the storage.")
@pytest.mark.claim(zh="0 到 3 排满第一行，才轮到第二行：最右边的轴走得最快。", en="0 to 3 fill the first row before the second one begins: the rightmost axis moves fastest.")
def test_view_is_another_way_of_looking_at_one_line(chapter):
    x, square = chapter["view"].names["x"], chapter["view"].names["square"]
    assert "x.view(4, 4)" in chapter["view"].code and start(square) == start(x) and (x.ndim, square.ndim) == (1, 2)
    assert memory(square) == list(range(16)) == slots(square)
    assert square[0].tolist() == [0, 1, 2, 3] and square[1].tolist() == [4, 5, 6, 7] and square.stride() == (4, 1)
    assert chapter["view"].stdout == f"{torch.tensor(list(range(16)))}\n{torch.tensor(np.arange(16).reshape(4, 4))}\n"


@pytest.mark.claim(zh="`view` 从不打乱这个顺序，它只决定在哪里换行。", en="`view` never disturbs that order; it only decides where a row ends.")
@pytest.mark.claim(zh="`view` 和 `reshape` 只决定在哪里换行；要让轴交换位置，用 `permute` 或 `transpose`。", en="`view` and `reshape` only decide where a row ends; to make axes change places, use `permute` or `transpose`.")
def test_a_change_of_shape_keeps_the_order_and_a_change_of_axes_does_not():
    for t in STRIDED:
        order = [t[at].item() for at in np.ndindex(*t.shape)]
        for rows in (n for n in range(1, t.numel() + 1) if t.numel() % n == 0):
            shape = (rows, t.numel() // rows)
            assert [n for row in t.reshape(shape).tolist() for n in row] == order
            if agrees(t, shape):
                assert [n for row in t.view(shape).tolist() for n in row] == order
    table = torch.arange(6).view(2, 3)
    assert table.permute(1, 0).flatten().tolist() == table.transpose(0, 1).flatten().tolist() == [0, 3, 1, 4, 2, 5]


@pytest.mark.ledger("n0-10")
@pytest.mark.claim(zh="16 个数，每行 8 个，行数写 `-1`，PyTorch 替你算：", en="For 16 numbers, 8 to a row, write `-1` as the number of rows, and PyTorch works it out:")
@pytest.mark.claim(zh="第一行是 16 ÷ 8 = 2。", en="The first line is 16 ÷ 8 = 2.")
@pytest.mark.claim(zh="单独一个 `-1`，就是全部排成一排。", en="A lone `-1` puts everything in a single row.")
def test_minus_one_is_worked_out(chapter):
    code, printed = chapter["minus-one"].code, shapes(chapter["minus-one"].stdout)
    assert "view(-1, 8)" in code and "view(-1)" in code and printed == [(2, 8), (2, 16 // 2 // 4, 4), (16,)]
    for shape, count in (((-1, 8), 16), ((3, -1), 12), ((2, -1, 5), 40)):
        assert torch.arange(count).view(shape).shape == np.arange(count).reshape(shape).shape
    for t in (torch.zeros(4, 4), torch.zeros(2, 3, 5)):
        assert t.view(-1).shape == (t.numel(),)


@pytest.mark.ledger("n0-10")
@pytest.mark.claim(zh="除不尽就报错，因为改形状既不会多出数来，也不会弄丢数：", en="A remainder is an error, for a change of shape neither invents numbers nor loses any:")
@pytest.mark.claim(zh="见到 `is invalid for input of size`，就把形状里的数乘起来：没有 `-1`，乘积要等于末尾的总数；有 `-1`，其余的乘积要能整除它。",
                   en="On `is invalid for input of size`, multiply the numbers in the shape: without a `-1` the product must equal the total at the end of the message; with one, the product of the others must divide it.")
@pytest.mark.claim(zh="这里 16 不能被 5 整除。", en="Here 5 does not divide 16.")
@pytest.mark.claim(zh="`is invalid for input of size` | 新形状的总数对不上 | 重算形状里的数", en="`is invalid for input of size` | the new shape has another total | work out its numbers again")
def test_the_count_must_stay(chapter):
    assert "view(-1, 5)" in chapter["count-error"].code and chapter["count-error"].names["square"].numel() == 16
    assert printed_error(chapter["count-error"]) == "RuntimeError: shape '[-1, 5]' is invalid for input of size 16"
    for shape in [*product((-1, 1, 2, 3, 4, 5, 8), repeat=2), *product((1, 2, 3), repeat=3)]:
        if shape.count(-1) > 1:
            continue
        others = math.prod(n for n in shape if n != -1)
        if 16 % others == 0 if -1 in shape else others == 16:
            assert torch.arange(16).view(shape).numel() == 16
        else:
            with pytest.raises(RuntimeError, match=r"is invalid for input of size 16$"):
                torch.arange(16).view(shape)


@pytest.mark.ledger("n0-10")
@pytest.mark.claim(zh="`view` 换的只是看法，数还是那一份。", en="`view` changes the way of looking; the numbers are still the same ones.")
@pytest.mark.claim(zh="往 `wide` 里写一个数：", en="Write one into `wide`:")
@pytest.mark.claim(zh="写进 `wide` 的 100，在 `x` 和 `square` 里也出现了；把 `x[0]` 改回 0，`wide` 也跟着变。", en="The 100 written into `wide` turns up in `x` and in `square`; put 0 back into `x[0]`, and `wide` follows.")
@pytest.mark.claim(zh="三个张量，一块存储（storage）。", en="Three tensors, one storage.")
def test_view_shares_storage(chapter):
    names = chapter["view-shares"].names
    x, square, wide = names["x"], names["square"], names["wide"]
    assert wide.shape == (2, 8) and len({start(t) for t in (x, square, wide)}) == 1 and len({id(t) for t in (x, square, wide)}) == 3
    assert "wide[0, 0] = 100" in chapter["view-shares"].code and "\nx[0] = 0" in chapter["view-shares"].code
    assert chapter["view-shares"].stdout == "tensor(100) tensor(100)\ntensor(0)\n"
    fresh = torch.arange(16)
    fresh.view(4, 4).view(-1, 8)[1, 3] = -1
    assert fresh.tolist() == [*range(11), -1, *range(12, 16)]


@pytest.mark.claim(zh="两个张量是不是用着同一块存储，比较存储的内存地址就知道：", en="To see whether two tensors share, compare the memory addresses of their storages:")
@pytest.mark.claim(zh="`wide` 和 `x` 是，第二行 `row` 和 `x` 也是，`clone()` 的副本不是。", en="`wide` and `x` share, the second row `row` and `x` share, and the copy made by `clone()` does not.")
@pytest.mark.claim(zh="要比的是存储的地址：`row.data_ptr()` 是 `row` 第一个数的地址，那是 4 号格，和 `x` 的地址不同，存储却是同一块。",
                   en="It is the address of the storage that counts: `row.data_ptr()` is the address of the first number of `row`, in slot 4, and differs from that of `x`, though the storage is the same.")
def test_same_storage_asks_for_the_storage_not_for_the_first_number(chapter):
    names = chapter["same-storage"].names
    same, x, row = names["same_storage"], names["x"], names["row"]
    a, b = torch.arange(6), torch.arange(6)
    for t, shared in ((a[3:], True), (a.view(2, 3).T, True), (b, False), (a.clone(), False)):
        assert same(t, a) is shared
        t += 1  # what shares is changed with it, what does not is not
        assert (a.tolist() != list(range(6))) is shared
        a.copy_(torch.arange(6))
    assert row.tolist() == [4, 5, 6, 7] and row.data_ptr() - x.data_ptr() == 4 * x.element_size() and row.storage_offset() == 4
    assert "same_storage(wide, x), same_storage(row, x), same_storage(x.clone(), x)" in chapter["same-storage"].code
    assert "row = square[1]" in chapter["same-storage"].code  # rows are counted from 0: the second one
    assert chapter["same-storage"].stdout == "True True False\nFalse starts at slot 4\n"


@pytest.mark.ledger("n4-04")
@pytest.mark.claim(zh="先用 `view` 改成 16 个数的一排，再改成 2 × 8，然后对这个 2 × 8 的结果调用 `.item()`。", en="Use `view` to get one row of 16, then 2 × 8, then call `.item()` on that 2 × 8 result.")
@pytest.mark.claim(zh="前两步没错，`wide` 就是那个 2 × 8。", en="The first two steps are right, and `wide` is that 2 × 8 tensor.")
def test_what_the_old_notes_said_of_item(chapter):
    (row,) = [row for row in ledger_rows() if row["id"] == "n4-04"]
    for said in row["said"].values():
        assert said.index("(16)") < said.index("(-1, 8)") < said.index("2 × 8") and ".item()" in said
    assert torch.zeros(4, 4).view(16).shape == (16,) and torch.zeros(16).view(-1, 8).shape == chapter["item-error"].names["wide"].shape == (2, 8)


@pytest.mark.ledger("n4-04")
@pytest.mark.claim(zh="16 个数，`.item()` 不知道你要哪一个：它只收恰好有一个数的张量。", en="Sixteen numbers, and `.item()` cannot tell which one you want: it takes a tensor of exactly one number.")
@pytest.mark.claim(zh="只要其中一个，就先用下标选出来，再 `.item()`。", en="For a single number, pick it by index and then call `.item()`.")
@pytest.mark.claim(zh="`.item()` 只管有几个数，不管有几个轴：形状 `(1, 1, 1)` 也行。", en="`.item()` minds how many numbers there are, not how many axes: shape `(1, 1, 1)` will do.")
@pytest.mark.claim(zh="`cannot be converted to Scalar` | `.item()` 遇到的不是一个数 | `tolist()`，或先用下标选出一个", en="`cannot be converted to Scalar` | `.item()` did not find exactly one number | `tolist()`, or pick one by index first")
def test_item_needs_exactly_one_number(chapter):
    assert "wide.item()" in chapter["item-error"].code and chapter["item-error"].names["wide"].numel() == 16
    assert printed_error(chapter["item-error"]) == "RuntimeError: a Tensor with 16 elements cannot be converted to Scalar"
    for shape in ((0,), (2,), (16,), (1, 2), (1, 0)):
        with pytest.raises(RuntimeError, match=f"a Tensor with {math.prod(shape)} elements cannot be converted to Scalar"):
            torch.zeros(shape).item()
        assert np.array(torch.zeros(shape).tolist()).shape == shape
    for shape in ((), (1,), (1, 1), (1, 1, 1)):
        assert torch.full(shape, 7).item() == 7
    assert torch.arange(16).view(2, 8)[1, 3].item() == 11 and chapter["tolist"].stdout.splitlines()[1:] == ["3", "7"]
    assert "wide[0, 3].item()" in chapter["tolist"].code and "[[[7]]]).item()" in chapter["tolist"].code


@pytest.mark.ledger("n4-04")
@pytest.mark.claim(zh="想要全部，用 `tolist()`：", en="To get all of them, use `tolist()`:")
@pytest.mark.claim(zh="`tolist()` 给出 Python 的列表，有几个轴就套几层方括号。", en="`tolist()` gives Python lists, nested as deep as the tensor has axes.")
def test_tolist_takes_all(chapter):
    everything = [list(range(8)), list(range(8, 16))]
    assert chapter["tolist"].stdout.splitlines()[0] == str(everything) and "wide.tolist()" in chapter["tolist"].code
    for shape in ((), (1,), (3,), (1, 1), (2, 3, 1)):
        nested, depth = torch.zeros(shape).tolist(), 0
        while type(nested) is list:
            nested, depth = nested[0], depth + 1
        assert depth == len(shape) and type(nested) is float


@pytest.mark.claim(zh="`.item()` 只取一个数，多个用 `tolist()`；`squeeze` 总要写明轴；压平用 `flatten(1)`。", en="`.item()` takes out one number, `tolist()` takes out many; always tell `squeeze` which axis; flatten with `flatten(1)`.")
def test_three_habits():
    with pytest.raises(RuntimeError):
        torch.zeros(2).item()
    assert torch.zeros(1).item() == 0 and torch.zeros(2).tolist() == [0, 0]
    for count in (1, 2, 3):  # the batch survives, however many samples it has
        scores, images = torch.zeros(count, 1), torch.zeros(count, 3, 4, 4)
        assert scores.squeeze(1).shape == (count,) and (scores.squeeze().shape == (count,)) is (count > 1)
        assert images.flatten(1).shape == (count, 48) and images.flatten().shape == (48 * count,)


# ---- axes -------------------------------------------------------------------------------------------------------

@pytest.mark.claim(zh="`p` 是两行三列。", en="`p` has two rows and three columns.")
@pytest.mark.claim(zh="`p.view(3, 2)` 和转置 `p.T` 都是三行两列。", en="`p.view(3, 2)` and the transpose `p.T` both have three rows and two columns.")
@pytest.mark.claim(zh="不一样。", en="They do not.")
def test_the_same_shape_and_other_numbers(chapter):
    p = chapter["not-a-transpose"].names["p"]
    viewed, transposed = np.arange(6).reshape(3, 2), np.arange(6).reshape(2, 3).T
    assert p.shape == (2, 3) and viewed.shape == transposed.shape == (3, 2) and (viewed != transposed).any()
    assert p.view(3, 2).tolist() == viewed.tolist() and p.T.tolist() == transposed.tolist()


@pytest.mark.claim(zh="`view` 按格号一路排下去，只是换行的地方变了：0、1 一行，2、3 一行。", en="`view` keeps to the order of the slots and ends its rows elsewhere: 0, 1 in one row, 2, 3 in the next.")
@pytest.mark.claim(zh="转置是沿着对角线翻过来，原来的第一行 0、1、2 变成了第一列。", en="The transpose flips the table over its diagonal: what was the first row, 0, 1, 2, is now the first column.")
def test_reshaping_is_not_transposing(chapter):
    p = np.arange(6).reshape(2, 3)
    code = chapter["not-a-transpose"].code
    assert "p.view(3, 2)" in code and "p.T" in code and chapter["not-a-transpose"].names["p"].shape == (2, 3)
    viewed, transposed = torch.tensor([[0, 1], [2, 3], [4, 5]]), torch.tensor(p.T.copy())
    assert transposed.tolist() == [[p[i, j] for i in range(2)] for j in range(3)]
    assert transposed[:, 0].tolist() == p[0].tolist() == [0, 1, 2]
    assert chapter["not-a-transpose"].stdout == f"{torch.tensor(p)}\n{viewed}\n{transposed}\n"


@pytest.mark.claim(zh="转置还能写作 `p.mT`、`p.transpose(0, 1)`、`p.permute(1, 0)`，两个轴的时候全都一样。", en="`p.mT`, `p.transpose(0, 1)` and `p.permute(1, 0)` transpose as well, and with two axes they all agree.")
@pytest.mark.claim(zh="三个轴，各有分工：", en="With three, each has a job of its own:")
def test_transposes_agree_with_two_axes_and_differ_with_three():
    for p in (torch.arange(6).view(2, 3), torch.arange(4).view(2, 2), torch.arange(5).view(1, 5)):
        for other in (p.mT, p.transpose(0, 1), p.permute(1, 0)):
            assert other.tolist() == p.T.tolist() == p.numpy().T.tolist()
    block = torch.arange(24).view(2, 3, 4)
    assert len({tuple(t.shape) for t in (block.mT, block.transpose(0, 1), block.permute(1, 2, 0))}) == 3


@pytest.mark.claim(zh="`transpose(0, 2)` 只换点到名的两个轴。", en="`transpose(0, 2)` swaps just the two axes named.")
@pytest.mark.claim(zh="`.mT` 只换最后两个轴：把 `block` 看作两个 3 × 4 的矩阵，它给每个矩阵各转置一次。", en="`.mT` swaps just the last two: in `block`, two matrices of 3 × 4, it transposes each.")
@pytest.mark.claim(zh="`permute` 给所有轴重新排队。", en="`permute` puts all the axes in a new order.")
def test_three_axes(chapter):
    block, ran = np.arange(24).reshape(2, 3, 4), chapter["permute"]
    assert ran.names["block"].tolist() == block.tolist()
    assert shapes(ran.stdout) == [np.swapaxes(block, 0, 2).shape, np.swapaxes(block, 1, 2).shape, (3, 4, 2)] == [(4, 3, 2), (2, 4, 3), (3, 4, 2)]
    assert "block.transpose(0, 2)" in ran.code and "block.mT" in ran.code and "block.permute(1, 2, 0)" in ran.code
    four = torch.arange(120).view(2, 3, 4, 5)
    assert four.transpose(0, 2).tolist() == np.swapaxes(four.numpy(), 0, 2).tolist() and four.mT.shape == (2, 3, 5, 4)
    assert four.permute(3, 1, 0, 2).tolist() == np.transpose(four.numpy(), (3, 1, 0, 2)).tolist()
    with pytest.raises(RuntimeError):
        four.permute(1, 0)  # all of them, or none
    assert torch.equal(ran.names["block"].mT, torch.stack([ran.names["block"][0].T, ran.names["block"][1].T]))


@pytest.mark.claim(zh="`permute(1, 2, 0)` 是说：新的 0 轴是旧的 1 轴，新的 1 轴是旧的 2 轴，新的 2 轴是旧的 0 轴。", en="`permute(1, 2, 0)` says: the new axis 0 is the old axis 1, the new axis 1 is the old axis 2, the new axis 2 is the old axis 0.")
@pytest.mark.claim(zh="所以旧的 `[1, 2, 3]`，到了新张量里是 `[2, 3, 1]`，最后一行的两个 23 就是同一个数。", en="So what was at `[1, 2, 3]` is now at `[2, 3, 1]`: the two 23s in the last line are the same number.")
def test_permute_names_the_old_axis_of_each_new_one(chapter):
    names, block = chapter["permute"].names, np.arange(24).reshape(2, 3, 4)
    for i, j, k in np.ndindex(block.shape):
        assert names["turned"][j, k, i] == block[i, j, k]
    assert list(names["turned"].shape) == [block.shape[1], block.shape[2], block.shape[0]]
    assert block[1, 2, 3] == 23 and chapter["permute"].stdout.splitlines()[-1] == "tensor(23) tensor(23)"
    assert "turned[2, 3, 1], block[1, 2, 3]" in chapter["permute"].code
    assert names["turned"][2, 3, 1].data_ptr() == names["block"][1, 2, 3].data_ptr()


@pytest.mark.claim(zh="三个轴也能写 `.T`，但它会把所有轴倒过来，而且警告说以后要改成报错：", en="`.T` runs with three axes too, but it reverses all of them, and warns that one day it will raise an error:")
def test_t_of_three_axes_reverses_them_and_warns(chapter):
    ran = chapter["t-of-three-axes"]
    assert ran.value == (4, 3, 2) and "block.T" in ran.code
    with warnings.catch_warnings(action="ignore"):
        assert ran.names["block"].T.tolist() == np.arange(24).reshape(2, 3, 4).T.tolist()
    assert len(ran.warnings) == 1 and "is deprecated and it will throw an error in a future release" in ran.warnings[0]


@pytest.mark.claim(zh="照片读进来常是“高、宽、通道”（height、width、channel）：每个点的红、绿、蓝三个数挨在一起，matplotlib 画图认的就是这种。",
                   en="A picture read from a file is usually height, width, channel: the red, green and blue of one point lie side by side, and that is what matplotlib draws.")
def test_pictures_are_read_and_drawn_with_the_channels_last(chapter):
    import matplotlib.pyplot as plt
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (24, 32), (10, 20, 30)).save(file, "png")  # 24 wide, 32 high
    file.seek(0)
    read = np.array(Image.open(file))
    file.seek(0)
    assert read.shape == plt.imread(file, format="png").shape == (32, 24, 3) and read.ravel()[:3].tolist() == [10, 20, 30]
    plt.figure().gca().imshow(chapter["picture"].names["picture"].numpy())
    with pytest.raises(TypeError, match="Invalid shape"):
        plt.imshow(chapter["picture"].names["right"].numpy())
    plt.close()


@pytest.mark.claim(zh="下面这个坑不报错。", en="This trap raises no error.")
@pytest.mark.claim(zh="卷积层要的却是“通道、高、宽”。", en="Convolution layers want channel, height, width instead.")
@pytest.mark.claim(zh="两边形状一样，内容不一样。", en="The shapes agree, the contents do not.")
@pytest.mark.claim(zh="卷积层看不出来，两个它都收。", en="A convolution layer cannot tell, and takes either.")
def test_view_in_place_of_permute_goes_unseen(chapter):
    names = chapter["picture"].names
    picture, right, wrong = names["picture"], names["right"], names["wrong"]
    assert picture.shape == (32, 24, 3) and right.shape == wrong.shape == (3, 32, 24) and not torch.equal(right, wrong)
    assert torch.equal(wrong, picture.view(3, 32, 24)) and chapter["picture"].stdout == "True False\n" and chapter["picture"].error is None
    layer = torch.nn.Conv2d(3, 1, 3)
    assert layer(right).shape == layer(wrong).shape == (1, 30, 22)
    with pytest.raises(RuntimeError, match="channels"):
        layer(picture)


@pytest.mark.claim(zh="画一张小照片，用两种办法改：", en="Paint a small picture and change it in two ways:")
@pytest.mark.claim(zh="记住这张碎掉的照片：要让轴交换位置，用 `permute` 或 `transpose`；要把轴拆开或并拢，才用 `view`、`reshape`。",
                   en="Remember: to make axes change places, use `permute` or `transpose`; to split an axis or to join neighbours, use `view` or `reshape`.")
def test_permute_keeps_the_picture_and_view_shatters_it(chapter):
    names = chapter["picture"].names
    picture, right = names["picture"], names["right"]
    for c in range(3):
        assert torch.equal(right[c], picture[:, :, c])
    assert torch.equal(picture.transpose(1, 2).transpose(0, 1), right)
    whole = right.contiguous()
    assert torch.equal(whole.view(3, 32 * 24), whole.flatten(1)) and torch.equal(whole.reshape(3, 8, 4, 24).reshape(3, 32, 24), whole)  # joined, split
    assert "picture.permute(2, 0, 1)" in chapter["picture"].code and "picture.view(3, 32, 24)" in chapter["picture"].code


@pytest.mark.claim(zh="三张小图并排。", en="Three small pictures side by side.")
@pytest.mark.claim(zh="左边是原图：蓝天、绿草地、黄色正方形的太阳、红色长方形的房子，形状 32、24、3。", en="Left, the original: blue sky, green meadow, a square yellow sun and a rectangular red house, shape 32, 24, 3.")
@pytest.mark.claim(zh="中间标着 permute(2, 0, 1)，形状 3、32、24，和原图一模一样。", en="Middle, labelled permute(2, 0, 1), shape 3, 32, 24: exactly the same picture.")
def test_the_picture_is_drawn_as_it_is_described(chapter):
    picture = chapter["picture"].names["picture"].numpy()
    (figure,) = chapter["picture-figure"].figures
    shown = [np.asarray(ax.images[0].get_array()) for ax in figure.axes]
    places = [ax.get_position() for ax in figure.axes]
    assert len(shown) == 3 and places[0].x1 < places[1].x0 < places[1].x1 < places[2].x0 and len({round(at.y0, 6) for at in places}) == 1
    assert [ax.get_title() for ax in figure.axes] == ["picture\n(32, 24, 3)", "permute(2, 0, 1)\n(3, 32, 24)", "view(3, 32, 24)\n(3, 32, 24)"]
    assert np.array_equal(shown[0], picture) and np.array_equal(shown[1], shown[0]) and picture.shape == (32, 24, 3)
    assert picture[0, 0].argmax() == 2 and picture[31, 0].argmax() == 1  # blue above, green below
    assert [len(np.unique(part.reshape(-1, 3), axis=0)) for part in (picture[:3], picture[-6:])] == [1, 1] and (picture[:22, 0] == picture[0, 0]).all() and (picture[22:, 0] == picture[31, 0]).all()
    house, sun = picture[20, 8], picture[5, 17]
    assert house.argmax() == 0 and house[1:].max() < house[0] / 2 and min(sun[:2]) > 2 * sun[2]  # red; red and green make yellow
    for colour, size in ((sun, (5, 5)), (house, (13, 11))):  # filled from edge to edge
        rows, columns = np.nonzero((picture == colour).all(axis=2))
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == size and len(rows) == math.prod(size)


@pytest.mark.claim(zh="右边标着 view(3, 32, 24)，形状也是 3、32、24，却是一片五颜六色的格子，看不出房子和太阳。",
                   en="Right, labelled view(3, 32, 24), also of shape 3, 32, 24: a jumble of coloured squares in which neither house nor sun can be made out.")
@pytest.mark.claim(zh="同一张照片改成通道在前。permute 搬的是轴，照片完好；view 只在别处换行，红绿蓝全串了位。",
                   en="One picture, its channels moved to the front: permute moves axes, and the picture survives; view only ends its rows elsewhere, and red, green and blue change places.")
def test_the_shattered_picture_is_drawn_as_it_is_described(chapter):
    picture, wrong = chapter["picture"].names["picture"].numpy(), chapter["picture"].names["wrong"].numpy()
    (figure,) = chapter["picture-figure"].figures
    last = figure.axes[2]
    shown = np.asarray(last.images[0].get_array())
    assert last.get_title() == "view(3, 32, 24)\n(3, 32, 24)" and wrong.shape == (3, 32, 24)
    assert np.array_equal(shown, np.transpose(wrong, (1, 2, 0)))
    assert np.array_equal(np.asarray(figure.axes[1].images[0].get_array()), picture)
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 4 * len(np.unique(picture.reshape(-1, 3), axis=0))
    assert not (shown == picture[20, 8]).all(axis=2).any()  # nothing of the house
    _, columns = np.nonzero((shown == picture[5, 17]).all(axis=2))
    assert np.ptp(columns) > 2 * 5  # what has the colour of the sun lies scattered
    assert wrong[0].ravel().tolist() == picture.ravel()[: 32 * 24].tolist()  # drawn as red: what was red, green and blue in turn


# ---- strides and contiguity -------------------------------------------------------------------------------------

@pytest.mark.claim(zh="转置没有搬动任何数。", en="A transpose moves no number.")
@pytest.mark.claim(zh="看步长（stride）就明白：步长是沿一个轴走一步，在存储里跨过几格。", en="The strides show why: a stride is how many slots of the storage one step along an axis crosses.")
@pytest.mark.claim(zh="同一块存储，`p` 的步长是 `(3, 1)`，`p.T` 的是 `(1, 3)`：转置只是把两个步长对调了一下。", en="One storage; `p` has the strides `(3, 1)` and `p.T` has `(1, 3)`: to transpose is to swap two strides, and no more.")
@pytest.mark.claim(zh="`p` 连续，`p.T` 不连续，`is_contiguous()` 说的就是这件事。", en="`p` is, `p.T` is not, and `is_contiguous()` tells you so.")
def test_a_transpose_swaps_the_strides(chapter):
    p, ours = chapter["strides"].names["p"], np.arange(6).reshape(2, 3)
    assert p.stride() == tuple(s // ours.itemsize for s in ours.strides) == (3, 1)
    assert p.T.stride() == tuple(s // ours.itemsize for s in ours.T.strides) == (1, 3)
    for t in (p, p.T):
        assert (t[1, 0].data_ptr() - t.data_ptr(), t[0, 1].data_ptr() - t.data_ptr()) == tuple(8 * s for s in t.stride())
    assert start(p) == start(p.T) and p.T.storage_offset() == p.storage_offset() and memory(p.T) == memory(p) == list(range(6))
    assert ours.flags.c_contiguous and not ours.T.flags.c_contiguous
    assert chapter["strides"].stdout == "(3, 1) True\n(1, 3) False\nTrue\n"


@pytest.mark.claim(zh="读的时候在存储里一格挨着一格，不跳，也不回头，就叫连续（contiguous）。", en="A tensor that is read slot after slot, with no jump and no step back, is called contiguous.")
@pytest.mark.claim(zh="一块存储可以有许多读法。", en="One storage can be read in many ways.")
def test_contiguous_is_slot_after_slot():
    for t in STRIDED:
        one_by_one = all(stop - begin == 1 for begin, stop in pairwise(slots(t)))
        assert t.is_contiguous() is one_by_one
    assert {t.is_contiguous() for t in STRIDED} == {True, False}
    line = torch.arange(24)
    readings = [line.view(4, 6), line.view(4, 6).T, line.view(2, 3, 4), line[::2], line.expand(2, 24)]
    assert {start(t) for t in readings} == {start(line)} and len({str(t.tolist()) for t in readings}) == 5


def drawn_readings(chapter):
    """Of the figure with two readings: boxes as (x, y, text, colour), other words as (text, y), the slots on each route, and how far from the storage each point is."""
    (figure,) = chapter["two-readings"].figures
    (ax,) = figure.axes
    inside = {(round(t.get_position()[0] - 0.47, 3), round(t.get_position()[1] - 0.43, 3)): t.get_text() for t in ax.texts}
    boxes = [(round(b.get_x(), 3), round(b.get_y(), 3), inside[round(b.get_x(), 3), round(b.get_y(), 3)], b.get_facecolor()) for b in ax.patches]
    words = [(t.get_text(), t.get_position()[1]) for t in ax.texts if not t.get_text().isdigit()]
    middles = [slot + 0.47 for slot in range(6)]
    routes = [[middles.index(x) for x in line.get_xdata()] for line in ax.lines]
    up, down = ([y - 0.47 for y in line.get_ydata()] for line in ax.lines)
    assert all(y > 0 for y in up) and all(y < 0 for y in down)
    bottom, top = ax.get_ylim()  # nothing is cut off
    assert all(bottom < y < top for line in ax.lines for y in line.get_ydata()) and all(bottom < y < top for _, y in words)
    return boxes, words, routes, [up, [-y for y in down]]


@pytest.mark.claim(zh="中间一排是存储，0 到 5 号六个格子，前三个和后三个两种颜色。", en="In the middle, the storage: six slots, 0 to 5, the first three and the last three in two colours.")
@pytest.mark.claim(zh="上方是 p，两行三列，步长 (3, 1)；读它的路线是一条直线，从 0 号依次走到 5 号，每步加 1。",
                   en="Above it p, two rows and three columns, stride (3, 1); its route is a straight line from slot 0 to slot 5, each step plus 1.")
@pytest.mark.claim(zh="下方是 p.T，三行两列，步长 (1, 3)；读它的路线是锯齿，0、3、1、4、2、5，每步轮流加 3 和减 2。",
                   en="Below it p.T, three rows and two columns, stride (1, 3); its route is a zigzag, 0, 3, 1, 4, 2, 5, with steps of plus 3 and minus 2 in turn.")
def test_the_two_readings_are_drawn_as_they_are_described(chapter):
    boxes, words, routes, distances = drawn_readings(chapter)
    storage = sorted((x, text, colour) for x, y, text, colour in boxes if y == 0)
    colours = [colour for _, _, colour in storage]
    assert [text for _, text, _ in storage] == list("012345") and dict(words)["storage"] == 0.43
    assert len(set(colours[:3])) == len(set(colours[3:])) == 1 and colours[0] != colours[3]
    for above, expected, stride in ((True, [[0, 1, 2], [3, 4, 5]], "p: stride (3, 1)"), (False, [[0, 3], [1, 4], [2, 5]], "p.T: stride (1, 3)")):
        those = [box for box in boxes if box[1] != 0 and (box[1] > 0) == above]
        rows = [[int(text) for _, y, text, _ in sorted(those) if y == row] for row in sorted({y for _, y, _, _ in those}, reverse=True)]
        assert rows == expected and all(colour == colours[int(text)] for _, _, text, colour in those) and (dict(words)[stride] > 0) == above
    assert routes == [[0, 1, 2, 3, 4, 5], [0, 3, 1, 4, 2, 5]]
    assert len({round(b - a, 6) for a, b in pairwise(distances[0])}) == 1  # as high at each step: a straight line
    assert {stop - begin for begin, stop in pairwise(routes[0])} == {1}
    assert [stop - begin for begin, stop in pairwise(routes[1])] == [3, -2, 3, -2, 3]
    assert dict(words)["steps\n+1  +1  +1  +1  +1"] > 0.5 > dict(words)["steps\n+3  -2  +3  -2  +3"]


@pytest.mark.claim(zh="一行一行地读，走过存储的路线就不同了：", en="Read row by row, the two take different routes through the storage:")
@pytest.mark.claim(zh="同一块存储的两种读法。", en="Two readings of one storage.")
@pytest.mark.claim(zh="离存储最近的点最先读。", en="The point nearest to the storage is read first.")
@pytest.mark.claim(zh="读 p 时一步挨一步，读 p.T 时来回跳。", en="Reading p goes slot by slot; reading p.T jumps to and fro.")
def test_the_routes_are_those_of_one_storage(chapter):
    p = chapter["strides"].names["p"]
    _, _, routes, distances = drawn_readings(chapter)
    assert routes == [slots(p), slots(p.T)] and routes[0] != routes[1] and start(p) == start(p.T)
    for away in distances:
        assert away == sorted(away) and len(set(away)) == 6 and away[0] > 0.5
    steps = [[stop - begin for begin, stop in pairwise(route)] for route in routes]
    assert set(steps[0]) == {1} and all(a * b < 0 and abs(a) > 1 for a, b in pairwise(steps[1]))


@pytest.mark.ledger("n0-10")
@pytest.mark.claim(zh="现在让 `p.T` 排成一排：", en="Now ask for `p.T` in a single row:")
@pytest.mark.claim(zh="报错末尾推荐了 `reshape`。", en="The message ends by recommending `reshape`.")
@pytest.mark.claim(zh="`view size is not compatible` | 不复制就做不到 | 用 `reshape`，它会复制", en="`view size is not compatible` | impossible without a copy | use `reshape`, which copies")
@pytest.mark.claim(zh="`view` 又从不复制，于是只好拒绝。", en="Since `view` never copies, all it can do is refuse.")
def test_view_refuses_where_it_would_have_to_copy(chapter):
    error = printed_error(chapter["view-error"])
    assert "p.T.view(6)" in chapter["view-error"].code
    assert error.startswith(f"RuntimeError: {REFUSED}") and error.endswith("Use .reshape(...) instead.")
    for t in STRIDED:
        for rows in (n for n in range(1, t.numel() + 1) if t.numel() % n == 0):
            shape = (rows, t.numel() // rows)
            shared = start(t.reshape(shape)) == start(t)
            assert agrees(t, shape) is shared and (not shared or start(t.view(shape)) == start(t))


@pytest.mark.claim(zh="排成一排之后只有一个轴，一个轴只有一个步长，所以每一步必须跨得一样远。", en="A single row is one axis, and one axis has one stride: every step must be equally long.")
@pytest.mark.claim(zh="读 `p` 每步都是 +1，办得到；读 `p.T` 一会儿 +3，一会儿 −2，哪个步长都办不到。",
                   en="For `p` each step is +1, so it can be done. For `p.T` they are +3 and −2 in turn, and no single stride does that.")
def test_one_row_needs_steps_of_one_length(chapter):
    for t in STRIDED:
        even = len({stop - begin for begin, stop in pairwise(slots(t))}) == 1
        assert agrees(t, -1) is even and len(t.reshape(-1).stride()) == 1
    assert torch.arange(24).view(4, 6)[:, ::2].view(-1).stride() == (2,)
    p = chapter["view-error"].names["p"]
    steps = [[stop - begin for begin, stop in pairwise(slots(t))] for t in (p, p.T)]
    assert steps == [[1] * 5, [3, -2, 3, -2, 3]] and agrees(p, 6) and not agrees(p.T, 6)
    assert steps == [[stop - begin for begin, stop in pairwise(route)] for route in drawn_readings(chapter)[2]]


@pytest.mark.ledger("n0-10")
@pytest.mark.claim(zh="它先试着共享，实在不行就复制一份：", en="That one tries to share, and copies when it cannot:")
@pytest.mark.claim(zh="`p.T` 的那一次是 `False`，复制了；`p` 的那一次是 `True`，和 `view` 一样。", en="For `p.T` the answer is `False`: a copy. For `p` it is `True`: the same as `view`.")
@pytest.mark.claim(zh="`view` 从不复制，办不到就报错；`reshape` 办不到就复制。", en="`view` never copies and raises where it would have to; `reshape` copies there.")
@pytest.mark.claim(zh="只读不写，用 `reshape`：它总能成。", en="If you only read, use `reshape`: it always works.")
def test_reshape_shares_where_view_agrees_and_copies_elsewhere(chapter):
    p = torch.arange(6).view(2, 3)
    copied, shared = p.T.reshape(6), p.reshape(6)
    assert copied.tolist() == [p[i, j].item() for j in range(3) for i in range(2)] == [0, 3, 1, 4, 2, 5]
    assert start(copied) != start(p) == start(shared) == start(p.view(6))
    assert chapter["reshape-copies"].stdout == f"{torch.tensor([0, 3, 1, 4, 2, 5])}\nFalse\nTrue\n"
    assert re.search(r"same_storage\(p\.T\.reshape\(6\), p\).*\n.*same_storage\(p\.reshape\(6\), p\)", chapter["reshape-copies"].code)
    for t, shape in product(STRIDED, ((-1,), (2, -1), (-1, 4))):
        assert (start(t.reshape(shape)) == start(t)) is agrees(t, *shape) and t.reshape(shape).tolist() == t.numpy().reshape(shape).tolist()


@pytest.mark.claim(zh="但手里的是视图（view）还是副本，光看这一行代码不知道。", en="But this line of code alone does not tell whether you hold a view or a copy.")
@pytest.mark.claim(zh="读没关系，写就有关系。", en="For reading it makes no difference, for writing it does.")
@pytest.mark.claim(zh="第一个 7 写进了副本，丢了，`q` 还是全 0；第二个 7 写进了 `q`。", en="The first 7 went into a copy and was lost: `q` is still all zeros. The second went into `q`.")
@pytest.mark.claim(zh="官方文档也说，不要指望它一定复制，或一定不复制。", en="The documentation too says not to count on either.")
def test_writing_into_a_reshape_may_or_may_not_reach_the_original(chapter):
    q = chapter["reshape-writes"].names["q"]
    assert q.tolist() == [[7, 0, 0], [0, 0, 0]]
    code = chapter["reshape-writes"].code
    assert code.index("q.T.reshape(6)[0] = 7") < code.index("print(q)") < code.index("\nq.reshape(6)[0] = 7")
    assert chapter["reshape-writes"].stdout == f"{torch.zeros(2, 3)}\n{q}\n"
    assert "you should not\ndepend on the copying vs. viewing behavior" in torch.reshape.__doc__
    reached = []
    for t in (torch.arange(6).view(2, 3), torch.arange(6).view(3, 2).T):  # one line of code, two kinds of result
        row, read = t.reshape(6), [n for line in t.tolist() for n in line]
        assert row.tolist() == read
        row[0] = 7
        reached.append(t[0, 0].item() == 7)
    assert reached == [True, False]


@pytest.mark.claim(zh="要往结果里写、而且原张量必须跟着变，用 `view`：做不到它会报错。", en="If you write, and the original has to change with it, use `view`: it raises when it cannot share.")
@pytest.mark.claim(zh="要写、又不许连累原张量，先 `clone()`。", en="If you write and the original must not change, call `clone()` first.")
def test_view_to_write_through_and_clone_to_write_apart():
    told = set()
    for t in STRIDED:
        before = t.clone()
        t.clone().reshape(-1)[0] = -7
        assert torch.equal(t, before)
        told.add(agrees(t, -1))
        if agrees(t, -1):
            old = t.view(-1)[0].item()
            t.view(-1)[0] = -7
            assert t[(0,) * t.ndim] == -7
            t.view(-1)[0] = old
    assert told == {True, False}


@pytest.mark.claim(zh="`contiguous()` 按现在的读法重新排好，放进一块新存储：", en="`contiguous()` takes the numbers in the order in which they are read now, and lays them out in a new storage:")
@pytest.mark.claim(zh="步长从 `(1, 3)` 变成了 `(2, 1)`，又是一格挨一格，`view` 也肯了。", en="The strides went from `(1, 3)` to `(2, 1)`; it is slot after slot again, and `view` agrees.")
@pytest.mark.claim(zh="已经连续的张量，它原样交还，一个数都不复制：最后一行的 `is` 是“就是同一个”。", en="A tensor that is contiguous already is handed back uncopied: the `is` of the last line means “the very same tensor”.")
def test_contiguous_lays_out_afresh_only_if_it_must(chapter):
    names = chapter["contiguous"].names
    p, c = names["p"], names["c"]
    assert p.T.stride() == (1, 3) and c.stride() == (2, 1) and slots(c) == list(range(6)) and start(c) != start(p) and c.tolist() == p.T.tolist()
    assert memory(c) == [p.T[i, j].item() for i in range(3) for j in range(2)] == [0, 3, 1, 4, 2, 5]
    assert chapter["contiguous"].stdout == f"(2, 1) True False\n{torch.tensor([0, 3, 1, 4, 2, 5])}\nTrue\n" and agrees(c, 6)
    assert chapter["contiguous"].code.rstrip().endswith("print(p.contiguous() is p)")
    for t in STRIDED:
        assert (t.contiguous() is t) is t.is_contiguous() is (start(t.contiguous()) == start(t))


@pytest.mark.claim(zh="连续的张量，`view` 一定肯；不连续的，未必不肯：`square[:, :2]` 不连续，`view(2, 2, 2)` 只把四行分成两组，行得通；`view(8)` 要把各行连成一排，就不行。",
                   en="`view` always agrees to a contiguous tensor; to another one it may or may not. `square[:, :2]` is not contiguous: `view(2, 2, 2)` only puts its four rows in two groups, and works; `view(8)` would have to join the rows, and is refused.")
def test_view_always_agrees_to_the_contiguous_and_sometimes_to_others(chapter):
    left = chapter["view"].names["square"].clone()[:, :2]
    assert not left.is_contiguous() and left.shape == (4, 2) and agrees(left, 2, 2, 2) and not agrees(left, 8)
    assert left.view(2, 2, 2).tolist() == [left[:2].tolist(), left[2:].tolist()]
    answers = {True: set(), False: set()}
    for t in STRIDED:
        for rows in (n for n in range(1, t.numel() + 1) if t.numel() % n == 0):
            answers[t.is_contiguous()].add(agrees(t, rows, -1))
    assert answers == {True: {True}, False: {True, False}}


# ---- flatten ----------------------------------------------------------------------------------------------------

@pytest.mark.claim(zh="网络一次处理好几个样本（sample），叠成一摞，叫批次（batch）。", en="A network works on several samples at a time, a batch.")
@pytest.mark.claim(zh="处理照片的层用 0 轴数样本，个数写作 N；一批照片的形状就是 `(N, C, H, W)`：样本、通道、高、宽。",
                   en="The layers for pictures count the N samples along axis 0; a batch of pictures has the shape `(N, C, H, W)`: samples, channels, height, width.")
@pytest.mark.claim(zh="有的层只认一排数，照片就得压平（flatten）后面三个轴，留下 0 轴。", en="Some layers know only rows of numbers, so for pictures flatten the last three axes and keep axis 0.")
def test_layers_take_a_batch_of_pictures_or_of_rows(chapter):
    images = chapter["flatten"].names["images"].float()
    assert images.shape == (2, 3, 4, 4)
    for layer in (torch.nn.Conv2d(3, 5, 3), torch.nn.MaxPool2d(3), torch.nn.BatchNorm2d(3).eval()):
        assert re.search(r"\(N, C(_\{\\text\{in\}\})?, H, W\)", type(layer).__doc__)
        both = layer(images)  # several at a time, each as if alone
        assert len(both) == 2 and all(torch.allclose(both[n : n + 1], layer(images[n : n + 1]), atol=1e-4) for n in range(2))
    rows = torch.nn.Linear(48, 10)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        rows(images)
    assert rows(images.flatten(1)).shape == (2, 10)


@pytest.mark.claim(zh="`flatten(1)` 把 1 轴起的轴全部并成一个：", en="`flatten(1)` joins all axes from axis 1 on:")
@pytest.mark.claim(zh="第二行没写 1，样本也压到一起，两张照片分不开了。", en="The second line has no 1: the samples are joined as well, and the two pictures cannot be told apart.")
@pytest.mark.claim(zh="当作层来用的 `torch.nn.Flatten()` 却从 1 轴起，名字相像，默认值不同。", en="Yet `torch.nn.Flatten()`, the layer, begins at axis 1: the names are alike, the defaults differ.")
@pytest.mark.claim(zh="反过来，`unflatten` 把一个轴拆成几个，也认得 `-1`：", en="The way back is `unflatten`, which splits one axis into several and knows `-1` too:")
def test_flatten_from_axis_one_keeps_the_samples(chapter):
    images = chapter["flatten"].names["images"]
    assert images.tolist() == np.arange(96).reshape(2, 3, 4, 4).tolist() and shapes(chapter["flatten"].stdout) == [(2, 3 * 4 * 4), (96,), (2, 48)]
    assert re.search(r"images\.flatten\(1\).*\n.*images\.flatten\(\)", chapter["flatten"].code)
    assert images.flatten(1)[1].tolist() == list(range(48, 96)) and images.flatten().shape == (96,)
    assert torch.zeros(2, 3, 4, 5, 6).flatten(1).shape == (2, 360)
    assert issubclass(torch.nn.Flatten, torch.nn.Module) and inspect.signature(torch.nn.Flatten).parameters["start_dim"].default == 1
    assert "flatten(input, start_dim=0" in torch.flatten.__doc__ and torch.equal(torch.nn.Flatten()(images), images.flatten(1))
    back = chapter["unflatten"].names["back"]
    assert back.tolist() == images.tolist() and "unflatten(1, (3, 4, -1))" in chapter["unflatten"].code
    assert chapter["unflatten"].stdout == "torch.Size([2, 3, 4, 4]) True\n"


@pytest.mark.claim(zh="`view(-1, 48)` 也能压平，和 `flatten(1)` 一样，只要数写对了。", en="`view(-1, 48)` flattens too, just as `flatten(1)` does, if the number is right.")
@pytest.mark.claim(zh="两张照片，结果说有四个样本：每张被劈成了两半，也没有报错。", en="Two pictures became four samples: each was cut in half, and there is no error.")
@pytest.mark.claim(zh="把 0 轴写死，同样的错立刻现形：", en="State the length of axis 0, and the same mistake comes to light at once:")
@pytest.mark.claim(zh="所以压平用 `flatten(1)`，别把 `-1` 写在样本那个轴上。", en="So flatten with `flatten(1)`, and keep `-1` away from the axis of the samples.")
def test_minus_one_on_the_samples_invents_samples(chapter):
    images, ran = chapter["samples-out-of-nothing"].names["images"], chapter["samples-out-of-nothing"]
    assert "view(-1, 24)" in ran.code and ran.error is None and not ran.warnings
    (shape,) = shapes(ran.stdout)
    assert len(images) == 2 and shape == (96 // 24, 24) == (4, 24)
    halves = images.view(-1, 24)
    for n in range(2):
        assert torch.equal(torch.cat([halves[2 * n], halves[2 * n + 1]]), images[n].flatten())
    assert torch.equal(images.view(-1, 48), images.flatten(1)) and "view(len(images), 24)" in chapter["samples-kept"].code
    assert printed_error(chapter["samples-kept"]) == "RuntimeError: shape '[2, 24]' is invalid for input of size 96"
    for wrong in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 96):
        assert len(images.view(-1, wrong)) != 2 == len(images.flatten(1))
        with pytest.raises(RuntimeError, match="is invalid for input of size"):
            images.view(2, wrong)


# ---- axes of length 1 -------------------------------------------------------------------------------------------

@pytest.mark.ledger("n2-16")
@pytest.mark.claim(zh="长度为 1 的轴不改变数的个数，却决定形状配不配得上。", en="An axis of length 1 does not change how many numbers there are, but it decides whether two shapes fit.")
@pytest.mark.claim(zh="`unsqueeze(k)` 添一个，添好之后它是第 k 轴：", en="`unsqueeze(k)` adds one, which is then axis k:")
@pytest.mark.claim(zh="`unsqueeze(0)` 得到一行，`unsqueeze(1)` 得到一列。", en="`unsqueeze(0)` makes a row, `unsqueeze(1)` a column.")
@pytest.mark.claim(zh="下标里写 `None` 效果相同。", en="`None` in an index does the same.")
def test_unsqueeze_adds_the_axis_that_it_names(chapter):
    v, ours = chapter["unsqueeze"].names["v"], np.array([1, 2, 3])
    for k in (0, 1):
        assert v.unsqueeze(k).tolist() == np.expand_dims(ours, k).tolist()
    t = torch.zeros(4, 5, 6)
    for k in range(4):
        assert t.unsqueeze(k).shape == (*t.shape[:k], 1, *t.shape[k:]) and t.unsqueeze(k).numel() == t.numel()
    assert torch.equal(v[None, :], v.unsqueeze(0)) and torch.equal(v[:, None], v.unsqueeze(1))
    assert v.unsqueeze(0).tolist() == [[1, 2, 3]] and v.unsqueeze(1).tolist() == [[1], [2], [3]]
    assert shapes(chapter["unsqueeze"].stdout) == [(1, 3), (3, 1), (1, 3), (3, 1)]
    assert re.search(r"v\.unsqueeze\(0\), .*\n.*v\.unsqueeze\(1\), .*\n.*v\[None, :\].*v\[:, None\]", chapter["unsqueeze"].code)
    four = torch.zeros(4)
    with pytest.raises(RuntimeError, match="must match"):
        four + v
    assert (four.unsqueeze(1) + v).shape == (4, 3)


@pytest.mark.ledger("n2-16")
@pytest.mark.claim(zh="`squeeze` 去掉长度为 1 的轴：", en="`squeeze` drops axes of length 1:")
@pytest.mark.claim(zh="前两行各去掉一个。", en="The first two lines drop one each.")
@pytest.mark.claim(zh="第三行点名的 1 轴长度是 3，去不掉，也不报错，原样返回。", en="The third names axis 1, whose length is 3: no error, and the shape stays as it was.")
@pytest.mark.claim(zh="最后一行什么都没写，于是所有长度为 1 的轴都没了。", en="The last one names nothing, and all axes of length 1 are gone.")
def test_squeeze_drops_only_axes_of_length_one(chapter):
    s = np.zeros((1, 3, 1))
    expected = [s.squeeze(0).shape, s.squeeze(2).shape, s.shape, s.squeeze().shape]
    assert shapes(chapter["squeeze"].stdout) == expected == [(3, 1), (1, 3), (1, 3, 1), (3,)]
    assert re.findall(r"s\.squeeze\((.*?)\)\.shape", chapter["squeeze"].code) == ["0", "2", "1", ""]
    assert chapter["squeeze"].names["s"].shape == s.shape and s.shape[1] == 3
    assert torch.zeros(1, 2, 1, 5, 1).squeeze().shape == (2, 5)


@pytest.mark.ledger("n2-16")
@pytest.mark.claim(zh="不写轴的 `squeeze()` 藏着一个很难找的错。", en="`squeeze()` without an axis hides a bug that is hard to find.")
@pytest.mark.claim(zh="前两批都对。", en="The first two batches are fine.")
@pytest.mark.claim(zh="最后一批只剩一个样本，分数的形状是 `(1, 1)`，两个轴全被去掉，连批次的轴也没了。",
                   en="The last one has a single sample, its scores have the shape `(1, 1)`, and both axes are dropped, that of the batch included.")
@pytest.mark.claim(zh="官方文档专门为此写了警告。", en="The documentation has a warning about just this.")
def test_squeeze_without_an_axis_drops_a_batch_axis_of_one(chapter):
    names = chapter["last-batch"].names
    score, samples = names["score"], names["samples"]
    printed = shapes(chapter["last-batch"].stdout)
    assert printed[::2] == [(2, 3), (2, 3), (1, 3)] and printed[1::2] == [(2,), (2,), ()]
    assert score(samples[4:]).shape == (1, 1) and score(samples[4:]).squeeze().ndim == 0
    warned = torch.squeeze.__doc__.split(".. warning::")[1]
    assert "batch dimension of size 1" in warned and "also remove the batch dimension" in warned
    for count in (2, 3, 4, 5):  # hidden: it comes with batches of one alone
        assert score(torch.zeros(count, 3)).squeeze().shape == (count,)


@pytest.mark.ledger("n2-16")
@pytest.mark.claim(zh="假设网络给每个样本打一个分，输出 `(N, 1)`，我们想要 `(N,)`。", en="Say a network gives each sample one score, of shape `(N, 1)`, and we want `(N,)`.")
@pytest.mark.claim(zh="五个样本，每批两个：", en="There are five samples, two to a batch:")
@pytest.mark.claim(zh="五个样本，五个分数。", en="Five samples, five scores.")
@pytest.mark.claim(zh="`squeeze` 总要写明轴。", en="Always tell `squeeze` which axis.")
def test_squeeze_with_an_axis_gives_each_sample_its_score(chapter):
    score, samples = chapter["last-batch"].names["score"], chapter["last-batch"].names["samples"]
    assert len(samples) == 5 and max(len(batch) for batch in samples.split(2)) == 2 and "samples.split(2)" in chapter["last-batch"].code
    for count in (1, 2, 5):
        assert score(torch.zeros(count, 3)).shape == (count, 1) and score(torch.zeros(count, 3)).squeeze(1).shape == (count,)
    sums = np.arange(15).reshape(5, 3).sum(axis=1).tolist()
    assert ".squeeze(1).tolist()" in chapter["squeeze-fixed"].code and chapter["squeeze-fixed"].stdout == f"{sums}\n" and len(sums) == 5


@pytest.mark.claim(zh="前两批 `tolist()` 得到列表，最后一批得到一个光秃秃的数，接不上去。", en="For the first two batches `tolist()` gives a list; for the last one a bare number, which cannot be added to a list.")
@pytest.mark.claim(zh="样本数换成偶数，又一切正常。", en="With an even number of samples all goes well.")
@pytest.mark.claim(zh="`object is not iterable` | `tolist()` 给的是一个数，不是列表 | `squeeze` 写明轴", en="`object is not iterable` | `tolist()` gave a number, not a list | tell `squeeze` which axis")
def test_the_last_batch_cannot_be_collected(chapter):
    score, samples = chapter["last-batch"].names["score"], chapter["last-batch"].names["samples"]
    assert ".squeeze().tolist()" in chapter["squeeze-bug"].code and chapter["squeeze-bug"].names["scores"] == [3, 12, 21, 30]
    assert printed_error(chapter["squeeze-bug"]) == "TypeError: 'int' object is not iterable"
    assert [type(score(batch).squeeze().tolist()) for batch in samples.split(2)] == [list, list, int]
    for count in range(1, 9):
        collected, many = [], torch.arange(3 * count).view(count, 3)
        if count % 2:
            with pytest.raises(TypeError, match="object is not iterable"):
                for batch in many.split(2):
                    collected += score(batch).squeeze().tolist()
        else:
            for batch in many.split(2):
                collected += score(batch).squeeze().tolist()
            assert collected == many.sum(1).tolist()
    assert [type(score(batch).squeeze(1).tolist()) for batch in samples.split(2)] == [list] * 3


# ---- expand and repeat ------------------------------------------------------------------------------------------

@pytest.mark.claim(zh="一行数想当成四行用，有两个办法：", en="One row as if it were four, in two ways:")
@pytest.mark.claim(zh="数字完全一样，`repeat` 占的内存却是四倍：它抄了四遍，12 个数，每个 8 字节，共 96 字节。",
                   en="The numbers are the same, but `repeat` takes four times the memory: it wrote the row four times, 12 numbers of 8 bytes, 96 bytes in all.")
@pytest.mark.claim(zh="`expand` 一个都没抄，还是 3 个数、24 字节。", en="`expand` copied nothing: still 3 numbers, 24 bytes.")
@pytest.mark.claim(zh="秘密在步长 `(0, 1)`：往下走一行，在存储里跨过 0 格，于是四行读的是同一行。", en="The secret is the stride `(0, 1)`: one step down crosses 0 slots, so all four rows read the same row.")
def test_expand_reads_one_row_again_and_again(chapter):
    names = chapter["expand"].names
    v, expanded, repeated = names["v"], names["expanded"], names["repeated"]
    assert v.expand(4, 3).tolist() == v.repeat(4, 1).tolist() == expanded.tolist() == repeated.tolist() == np.tile([1, 2, 3], (4, 1)).tolist()
    assert "v.expand(4, 3)" in chapter["expand"].code and "v.repeat(4, 1)" in chapter["expand"].code
    assert expanded.stride() == (0, 1) and start(expanded) == start(v) and slots(expanded) == [0, 1, 2] * 4
    assert repeated.stride() == (3, 1) and start(repeated) != start(v) and slots(repeated) == list(range(12))
    assert v.element_size() == 8 and stored(expanded) == 3 * 8 == 24 and stored(repeated) == 12 * 8 == 96 == 4 * 24
    assert [expanded[row].data_ptr() for row in range(4)] == [v.data_ptr()] * 4
    assert chapter["expand"].stdout == f"{torch.tensor([[1, 2, 3]] * 4)}\nTrue\n(0, 1) 24 bytes\n(3, 1) 96 bytes\n"


@pytest.mark.claim(zh="`expand(4, 3)` 里是想要的形状，只有长度为 1（或本来没有）的轴才能拉长；`repeat(4, 1)` 里是每个轴抄的遍数。",
                   en="`expand(4, 3)` takes the shape that you want, and only an axis of length 1 (or one that was not there) can be stretched; `repeat(4, 1)` takes the number of copies along each axis.")
@pytest.mark.claim(zh="`expand` 里的 `-1` 是“这个轴别动”，和 `view` 里的意思不一样。", en="In `expand`, `-1` means “leave this axis alone”, not what it means in `view`.")
@pytest.mark.claim(zh="拉长一个长度不是 1 的轴。", en="Stretching an axis whose length is not 1.")
@pytest.mark.claim(zh="先 `unsqueeze` 添一个轴，再拉长：", en="Add an axis with `unsqueeze`, then stretch that one:")
def test_expand_takes_a_shape_and_repeat_takes_counts(chapter):
    row = torch.arange(3)
    assert row.expand(4, 3).shape == (4, 3) and row.repeat(4, 1).shape == (4, 3) and row.repeat(4, 3).shape == (4, 9)
    for length in (1, 2, 3, 5):
        if length == 1:
            assert torch.zeros(length, 3).expand(4, 3).stride() == (0, 1)
        else:
            with pytest.raises(RuntimeError, match="The expanded size of the tensor"):
                torch.zeros(length, 3).expand(4, 3)
    assert torch.zeros(1, 3).expand(4, -1).shape == (4, 3) and torch.zeros(2, 6).expand(5, -1, -1).shape == (5, 2, 6)
    assert torch.zeros(2, 6).view(4, -1).shape == (4, 3)
    for t, counts in ((row, (4, 1)), (row, (2, 2)), (torch.arange(6).view(2, 3), (2, 3))):
        assert t.repeat(counts).tolist() == np.tile(t.numpy(), counts).tolist()
    assert "v.expand(4, 4)" in chapter["expand-mismatch"].code
    assert printed_error(chapter["expand-mismatch"]).startswith("RuntimeError: The expanded size of the tensor (4) must match the existing size (3)")
    assert torch.tensor([1, 2, 3]).unsqueeze(1).expand(3, 4).tolist() == [[1] * 4, [2] * 4, [3] * 4]


@pytest.mark.claim(zh="只写了一个格子，四行都变了，连 `w` 也变了。", en="One place was written, all four rows changed, and so did `w`.")
@pytest.mark.claim(zh="`add_` 这样的原地操作，PyTorch 会拦住：", en="PyTorch stops an in-place operation such as `add_`:")
@pytest.mark.claim(zh="但上面的下标写入它没有拦，`fill_` 和 `zero_` 也不拦。", en="But the write by index above was not stopped, nor are `fill_` and `zero_`.")
@pytest.mark.claim(zh="所以 `expand` 的结果只读不写，要写就先 `clone()`。", en="So only read what `expand` gives you; to write, call `clone()` first.")
def test_writing_into_expanded_rows(chapter):
    ran = chapter["expand-writes"]
    assert "tall[0, 0] = 7" in ran.code and "w.expand(4, 3)" in ran.code and ran.error is None and not ran.warnings
    assert ran.names["tall"].tolist() == [[7, 0, 0]] * 4 and ran.names["w"].tolist() == [7, 0, 0]
    assert ran.stdout == f"{torch.tensor([[7.0, 0, 0]] * 4)}\n{torch.tensor([7.0, 0, 0])}\n" and "tall.add_(1)" in chapter["expand-error"].code
    assert "refers to a single memory location" in printed_error(chapter["expand-error"])
    for name, argument in (("add_", 1), ("mul_", 2), ("sub_", 1)):
        with pytest.raises(RuntimeError, match="refers to a single memory location"):
            getattr(torch.zeros(3).expand(4, 3), name)(argument)
    assert chapter["expand-error"].names["w"].tolist() == [7, 0, 0]  # stopped before anything was written
    assert torch.zeros(3).expand(4, 3).fill_(7).tolist() == [[7] * 3] * 4 and torch.ones(3).expand(4, 3).zero_().sum() == 0  # not stopped


@pytest.mark.claim(zh="`refers to a single memory location` | 往 `expand` 的结果里写 | 先 `clone()`", en="`refers to a single memory location` | a write into what `expand` gave | `clone()` first")
def test_a_clone_of_expanded_rows_can_be_written(chapter):
    assert "refers to a single memory location. Please clone() the tensor" in printed_error(chapter["expand-error"])
    safe = torch.zeros(3).expand(4, 3).clone()
    safe[0, 0] = 7
    safe.add_(1)
    assert safe.tolist() == [[8, 1, 1]] + [[1, 1, 1]] * 3


# ---- broadcasting -----------------------------------------------------------------------------------------------

@pytest.mark.claim(zh="形状不同也能逐元素运算，上一章叫它广播（broadcasting）：", en="Elementwise operations work on different shapes too, by broadcasting, as the last chapter showed:")
@pytest.mark.claim(zh="补轴就是 `unsqueeze`，拉长就是 `expand`，自己动手也行：", en="Adding an axis is `unsqueeze`, stretching it is `expand`; by hand:")
@pytest.mark.claim(zh="结果相同。", en="The same result.")
@pytest.mark.claim(zh="两个步长里都有 0，存储也还是原来的：淡色的格子一个都没有真的造出来。", en="Both strides contain a 0, and the storages are the old ones: no pale place was ever made.")
def test_broadcasting_by_hand(chapter):
    by_paper = [[row + column for column in (1, 2, 3)] for row in (0, 10, 20, 30)]
    assert chapter["broadcast"].value.tolist() == by_paper and "column + v" in chapter["broadcast"].code
    names = chapter["broadcast-by-hand"].names
    column, v, wide_column, tall_v = (names[n] for n in ("column", "v", "wide_column", "tall_v"))
    assert column.shape == (4, 1) and v.shape == (3,)
    assert (wide_column + tall_v).tolist() == by_paper and (column * v).tolist() == [[a * b for b in (1, 2, 3)] for a in (0, 10, 20, 30)]
    assert wide_column.stride() == (1, 0) and start(wide_column) == start(column) and stored(column) == 4 * 8
    assert tall_v.stride() == (0, 1) and start(tall_v) == start(v) and stored(v) == 3 * 8
    assert chapter["broadcast-by-hand"].stdout == "True\n(1, 0) True\n(0, 1) True\n"
    assert "column.expand(4, 3)" in chapter["broadcast-by-hand"].code and "v.unsqueeze(0).expand(4, 3)" in chapter["broadcast-by-hand"].code


@pytest.mark.claim(zh="三张四行三列的表，中间是加号和等号。", en="Three tables of four rows and three columns, with a plus and an equals sign between them.")
@pytest.mark.claim(zh="第一张 column：左边一列 0、10、20、30 是深色，右边两列是淡色的同样的数。", en="First, column: its left column 0, 10, 20, 30 is dark, the two others repeat it in a pale shade.")
@pytest.mark.claim(zh="第二张 v：第一行 1、2、3 是深色，下面三行是淡色的同样的数。", en="Second, v: its top row 1, 2, 3 is dark, the three rows below repeat it in a pale shade.")
@pytest.mark.claim(zh="第三张是和：第一行 1、2、3，最后一行 31、32、33，全是深色。", en="Third, the sum: first row 1, 2, 3, last row 31, 32, 33, all dark.")
def test_the_broadcast_is_drawn_as_it_is_described(chapter):
    tables, signs, words = drawn_tables(chapter)
    assert [word.split("\n")[0] for word in words] == ["column", "v", "column + v"] and signs == ["+", "="]
    numbers, dark = zip(*tables)
    assert numbers[0] == [[n] * 3 for n in (0, 10, 20, 30)] and dark[0] == [[True, False, False]] * 4
    assert numbers[1] == [[1, 2, 3]] * 4 and dark[1] == [[True] * 3] + [[False] * 3] * 3
    assert numbers[2][0] == [1, 2, 3] and numbers[2][3] == [31, 32, 33] and dark[2] == [[True] * 3] * 4
    assert numbers[2] == [[a + b for a, b in zip(*rows)] for rows in zip(numbers[0], numbers[1])]


@pytest.mark.claim(zh="深色的格子真有，淡色的只是想象出来的：长度为 1 的轴被拉长，直到两边形状相同。", en="The dark places exist, the pale ones are imagined: axes of length 1 are stretched until both shapes are alike.")
def test_the_dark_places_are_those_in_the_storages(chapter):
    tables, _, words = drawn_tables(chapter)
    names = chapter["broadcast-figure"].names
    for (numbers, dark), t, word in zip(tables, (names["column"], names["v"], names["column"] + names["v"]), words):
        shown = [n for row, shades in zip(numbers, dark) for n, is_dark in zip(row, shades) if is_dark]
        assert shown == t.flatten().tolist() and len(shown) == stored(t) // 8
        assert str(tuple(t.shape)) in word and np.array(numbers).shape == (4, 3)
    assert "(3,) read as (1, 3)" in words[1]


def drawn_tables(chapter):
    """Of the drawn sum: for each table its rows of numbers and rows of whether a place is dark; the signs between; the words above."""
    (figure,) = chapter["broadcast-figure"].figures
    (ax,) = figure.axes
    texts = sorted((*t.get_position(), t.get_text()) for t in ax.texts)
    inside = {(round(x - 0.47, 3), round(y - 0.43, 3)): int(text) for x, y, text in texts if text.lstrip("-").isdigit()}
    boxes = {(round(b.get_x(), 3), round(b.get_y(), 3)): b.get_alpha() for b in ax.patches}
    assert set(inside) == set(boxes)
    lefts = sorted({x for x, _ in boxes})
    heights = sorted({y for _, y in boxes}, reverse=True)
    assert len(lefts) == 9 and len(heights) == 4
    tables = [([[inside[x, y] for x in lefts[k : k + 3]] for y in heights], [[boxes[x, y] > 0.2 for x in lefts[k : k + 3]] for y in heights]) for k in (0, 3, 6)]
    signs = [(x, text) for x, _, text in texts if text in ("+", "=")]
    assert lefts[2] < signs[0][0] < lefts[3] and lefts[5] < signs[1][0] < lefts[6]
    return tables, [text for _, text in signs], [text for _, _, text in texts if "\n" in text]


@pytest.mark.claim(zh="从最右边的轴开始对齐，左边缺的轴补上，长度算 1。", en="Line the shapes up at the rightmost axis; axes missing on the left are added, with length 1.")
@pytest.mark.claim(zh="`v` 的 `(3,)` 于是当作 `(1, 3)`。", en="So `(3,)`, the shape of `v`, is read as `(1, 3)`.")
@pytest.mark.claim(zh="每一对长度，要么相等，要么其中一个是 1；否则报错。", en="Each pair of lengths must be equal, or one of them must be 1; otherwise there is an error.")
@pytest.mark.claim(zh="长度为 1 的那个拉长到另一个的长度。", en="The one of length 1 is stretched to the length of the other.")
def test_the_rules_of_broadcasting():
    some = [(), (1,), (2,), (3,), (1, 3), (3, 1), (2, 3), (2, 1), (1, 1), (3, 2), (2, 1, 3), (1, 3, 2), (3, 1, 1), (2, 3, 1)]
    for a, b in product(some, some):
        expected = by_rule(a, b)
        if expected is None:
            with pytest.raises(RuntimeError, match="must match"):
                torch.zeros(a) + torch.zeros(b)
            continue
        total = torch.arange(math.prod(a)).view(a) + 100 * torch.arange(math.prod(b)).view(b)
        assert total.shape == expected
        for at in np.ndindex(*expected):
            one, other = (tuple(i if n > 1 else 0 for i, n in zip(at[len(at) - len(s):], s)) for s in (a, b))
            assert total[at] == torch.arange(math.prod(a)).view(a)[one] + 100 * torch.arange(math.prod(b)).view(b)[other]
    v = torch.tensor([1, 2, 3])
    column = torch.arange(4).view(4, 1)
    assert torch.equal(column + v, column + v.view(1, 3)) and by_rule((4, 1), (1, 3)) == by_rule((4, 1), (3,)) == (4, 3)


@pytest.mark.claim(zh="规则有三条：", en="The rules are three:")
@pytest.mark.claim(zh="形状能不能配，不用真的去算，问 `torch.broadcast_shapes` 就行：", en="Whether two shapes fit, `torch.broadcast_shapes` tells without computing:")
@pytest.mark.claim(zh="最后一行，3 对 2，谁也不是 1，配不上。", en="In the last line 3 meets 2, and neither is 1: no fit.")
def test_broadcast_shapes(chapter):
    pairs = (((4, 1), (3,)), ((5, 1, 4), (3, 1)), ((2, 3), (2, 1)), ((2, 3), (2,)))
    lines = chapter["broadcast-shapes"].stdout.splitlines()
    assert [" ".join(line.split()) for line in lines] == [f"{a} {b} -> {by_rule(a, b) or 'does not fit'}" for a, b in pairs]
    assert by_rule((2, 3), (2,)) is None and lines[-1].split() == ["(2,", "3)", "(2,)", "->", "does", "not", "fit"]
    assert torch.broadcast_shapes((10**12, 1), (10**12,)) == (10**12, 10**12)  # more than any memory holds
    for language in ("zh", "en"):
        rules = chapter.prose(language).split("{#rules}")[1].split("\n### ")[0]
        assert re.findall(r"^(\d)\. ", rules, re.MULTILINE) == ["1", "2", "3"]


@pytest.mark.claim(zh="两边拉长不占内存，结果却是实打实的。", en="Stretching the inputs takes no memory, but the result is real.")
@pytest.mark.claim(zh="1000 个数，两两相减：", en="Take 1000 numbers, and subtract each from each:")
@pytest.mark.claim(zh="拉长的 `stretched` 还是 8000 字节；`gaps` 里有 1000 × 1000 个数，占 8000000 字节，是 1000 倍。",
                   en="`stretched` still takes 8000 bytes; `gaps` holds 1000 × 1000 numbers and takes 8000000 bytes, 1000 times as many.")
@pytest.mark.claim(zh="广播等于补轴再拉长，拉长不占内存，结果要占，而且不打招呼：相减之前，先看看两边的形状。",
                   en="Broadcasting adds axes and stretches them: that takes no memory, the result does, and nothing is said. Look at both shapes before you subtract.")
def test_the_inputs_take_no_memory_and_the_result_does(chapter):
    ran = chapter["broadcast-memory"]
    numbers, stretched, gaps = (ran.names[name] for name in ("numbers", "stretched", "gaps"))
    assert numbers.tolist() == list(range(1000)) and gaps[:3, :3].tolist() == [[0, -1, -2], [1, 0, -1], [2, 1, 0]] and gaps[999, 0] == 999
    assert start(stretched) == start(numbers) and stored(stretched) == 1000 * 8 == 8000 and stretched.shape == gaps.shape == (1000, 1000)
    assert start(gaps) != start(numbers) and stored(gaps) == 1000 * 1000 * 8 == 8000000 == 1000 * 8000 and len(set(slots(gaps[:9, :9]))) == 81
    assert ran.stdout == "(1000,) 8000 bytes\n(1000, 1000) 8000 bytes\n(1000, 1000) 8000000 bytes\n"
    left, right = torch.broadcast_tensors(numbers.unsqueeze(1), numbers)
    assert stored(left) == stored(right) == 8000 and not ran.warnings and torch.equal(left - right, gaps)


@pytest.mark.claim(zh="配不上会报错，那还算好；可怕的是不该配的配上了。", en="Shapes that do not fit raise an error, and that is the good case; the bad one is shapes that fit and should not.")
@pytest.mark.claim(zh="全对的损失是 10，瞎答的反而只有 5！", en="The perfect one scores 10, and the lazy one only 5!")
@pytest.mark.claim(zh="`(4, 1)` 减 `(4,)`，广播成了 `(4, 4)`：每个预测和每个答案都减了一遍。", en="`(4, 1)` minus `(4,)` was broadcast to `(4, 4)`: every prediction was compared with every answer.")
@pytest.mark.claim(zh="我们要的只是对角线上那四个 0。", en="All that we wanted were the four zeros on the diagonal.")
def test_the_silent_broadcast(chapter):
    answers = [0, 2, 4, 6]
    everyone = [[p - t for t in answers] for p in answers]
    perfect_loss, lazy_loss = sum(d * d for row in everyone for d in row) / 16, sum((3 - t) ** 2 for t in answers) / 4
    assert (perfect_loss, lazy_loss) == (10, 5)
    assert chapter["silent-broadcast"].stdout == "perfect: tensor(10.)\nlazy   : tensor(5.)\n" and not chapter["silent-broadcast"].warnings
    assert chapter["silent-broadcast-seen"].value.tolist() == everyone and np.array(everyone).shape == (4, 4)
    assert "perfect - target" in chapter["silent-broadcast-seen"].code
    assert [everyone[i][i] for i in range(4)] == [p - t for p, t in zip(answers, answers)] == [0] * 4
    with pytest.raises(RuntimeError, match="must match"):
        chapter["silent-broadcast"].names["perfect"] - torch.zeros(3, 3)


@pytest.mark.claim(zh="网络给四个样本各预测一个数，输出是 `(4, 1)`；答案存成 `(4,)`。", en="A network predicts one number for each of four samples: its output is `(4, 1)`; the answers are stored as `(4,)`.")
@pytest.mark.claim(zh="预测离答案有多远，叫损失（loss），越小越好。", en="How far off the predictions are is called the loss; smaller is better.")
@pytest.mark.claim(zh="这里用差的平方，再求平均。", en="Here it is the mean of the squared differences.")
@pytest.mark.claim(zh="一个预测全对，另一个不管三七二十一都答 3：", en="One prediction is right everywhere, the other always says 3:")
def test_the_loss_and_the_two_predictions(chapter):
    names = chapter["silent-broadcast"].names
    perfect, lazy, target = names["perfect"], names["lazy"], names["target"]
    assert target.tolist() == [0, 2, 4, 6] and perfect.tolist() == [[0], [2], [4], [6]] and lazy.tolist() == [[3]] * 4
    assert torch.nn.Linear(2, 1)(torch.zeros(4, 2)).shape == perfect.shape == lazy.shape == (4, 1) and target.shape == (4,)
    losses = [((torch.tensor([0.0, 2, 4, 6]) + off - target) ** 2).mean().item() for off in (0, 1, 2, 3)]
    assert losses == [0, 1, 4, 9]
    mean_squares = [sum((p - t) ** 2 for p, t in product(each.flatten().tolist(), target.tolist())) / 16 for each in (perfect, lazy)]
    assert chapter["silent-broadcast"].stdout == f"perfect: {torch.tensor(mean_squares[0])!r}\nlazy   : {torch.tensor(mean_squares[1])!r}\n"


@pytest.mark.claim(zh="每个预测都要讨好所有答案，最好的对策就是一律答平均数 3，正好是那个瞎答的。", en="Each prediction has to please all the answers, and the best it can do is to say their mean, 3: just what the lazy one does.")
@pytest.mark.claim(zh="照着训练，程序不报错，损失也会下降，学到的只是平均数。", en="In training no error is raised, the loss goes down, and only the mean is learnt.")
def test_a_network_trained_on_the_silent_broadcast_learns_the_mean(chapter):
    target, lazy = chapter["silent-broadcast"].names["target"], chapter["silent-broadcast"].names["lazy"]
    assert target.mean() == 3 and lazy.unique().tolist() == [3]
    prediction, losses = target.view(4, 1).clone().requires_grad_(), []  # begins perfect
    for _ in range(60):
        loss = ((prediction - target) ** 2).mean()
        (gradient,) = torch.autograd.grad(loss, prediction)
        with torch.no_grad():
            prediction -= 0.5 * gradient
        losses.append(loss.item())
    assert torch.allclose(prediction, torch.full((4, 1), 3.0), atol=1e-2)
    assert losses[0] == 10 and all(after <= before + 1e-5 for before, after in pairwise(losses)) and losses[-1] == pytest.approx(5, abs=1e-3)
    loss_of = lambda says: ((torch.full((4, 1), float(says)) - target) ** 2).mean().item()  # noqa: E731
    assert min(range(7), key=loss_of) == 3


@pytest.mark.claim(zh="减之前让两边形状相同：", en="Give both sides the same shape before you subtract:")
@pytest.mark.claim(zh="全对的损失是 0，瞎答的是 5，这才像话。", en="The perfect prediction now has a loss of 0, the lazy one of 5, as it should be.")
@pytest.mark.claim(zh="形状若还是不同，那句 `assert` 就会报错。", en="Were the shapes still different, the `assert` would raise an error.")
def test_the_same_shape_mends_the_loss(chapter):
    ran = chapter["silent-broadcast-fixed"]
    by_hand = {"perfect": 0.0, "lazy   ": sum((3 - t) ** 2 for t in (0, 2, 4, 6)) / 4}
    assert ran.stdout == "".join(f"{name}: {torch.tensor(loss)!r}\n" for name, loss in by_hand.items()) and by_hand["lazy   "] == 5
    assert ran.names["prediction"].shape == ran.names["target"].shape == (4,)
    assert ran.names["prediction"].tolist() == [3] * 4
    (line,) = [line.strip() for line in ran.code.splitlines() if line.strip().startswith("assert ")]
    exec(line, {"prediction": torch.zeros(4), "target": torch.ones(4)})
    with pytest.raises(AssertionError):
        exec(line, {"prediction": torch.zeros(4, 1), "target": torch.ones(4)})


@pytest.mark.claim(zh="PyTorch 自带的 `mse_loss` 算的也是差的平方的平均，它至少会提醒一声：", en="PyTorch’s own `mse_loss`, the mean of the squared differences too, at least says something:")
@pytest.mark.claim(zh="还是算出了 10。", en="The answer is 10 all the same.")
@pytest.mark.claim(zh="见到 `Using a target size` 这几个词，请停下来看形状。", en="When you see the words `Using a target size`, stop and look at your shapes.")
def test_mse_loss_warns_and_computes_all_the_same(chapter):
    ran = chapter["mse-warns"]
    assert len(ran.warnings) == 1 and "Using a target size" in ran.warnings[0] and ran.value.item() == 10
    assert "mse_loss(perfect, target)" in ran.code and not chapter["silent-broadcast"].warnings
    a, b = [1.0, 5.0, 2.0], [2.0, 2.0, 0.0]
    assert torch.nn.functional.mse_loss(torch.tensor(a), torch.tensor(b)).item() == pytest.approx(sum((x - y) ** 2 for x, y in zip(a, b)) / 3)


# ---- cat and stack ----------------------------------------------------------------------------------------------

@pytest.mark.claim(zh="周一和周二各量了三次气温，合成一个张量，有两种接法：", en="Three temperatures on Monday and three on Tuesday can become one tensor in two ways:")
@pytest.mark.claim(zh="`cat` 是拼接（concatenate）：首尾相接，轴数不变，得到六个数的一排。", en="`cat`, short for concatenate, joins them end to end; the number of axes stays, and there is one row of six.")
@pytest.mark.claim(zh="`stack` 是堆叠：多出一个轴，用来数“第几个张量”；`dim` 说这个新轴放在第几位。", en="`stack` adds an axis, which counts the tensors, and `dim` says where it goes.")
def test_cat_and_stack(chapter):
    names, code = chapter["cat-stack"].names, chapter["cat-stack"].code
    monday, tuesday = [12, 18, 15], [10, 20, 9]
    assert names["monday"].tolist() == monday and names["tuesday"].tolist() == tuesday
    results = [np.concatenate([monday, tuesday]), np.stack([monday, tuesday]), np.stack([monday, tuesday], axis=1)]
    assert chapter["cat-stack"].stdout == "".join(f"{torch.tensor(r, dtype=torch.float32)}\n" for r in results)
    assert [r.shape for r in results] == [(6,), (2, 3), (3, 2)] and results[0].tolist() == monday + tuesday
    assert re.search(r"cat\(\[monday, tuesday\]\).*\n.*stack\(\[monday, tuesday\]\).*\n.*stack\(\[monday, tuesday\], dim=1\)", code)
    three = [torch.full((4, 5), k) for k in range(3)]
    assert torch.cat(three).ndim == 2
    for dim in range(3):
        together = torch.stack(three, dim=dim)
        assert together.ndim == 3 and together.shape[dim] == 3 and all((together.select(dim, k) == k).all() for k in range(3))


@pytest.mark.claim(zh="`cat` 对形状的要求是：除了相接的那个轴，其余长度都相等；相接的轴长度相加；只有形状为 `(0,)` 的空张量和谁都接得上。", en="For `cat`, all lengths must agree but those along the joined axis, which add up; only an empty tensor of shape `(0,)` fits anything.")
@pytest.mark.claim(zh="`stack` 更严，形状必须完全相同。", en="`stack` is stricter: the shapes must be equal.")
@pytest.mark.claim(zh="`cat` 的其他轴对不上。", en="`cat` with another axis that differs.")
@pytest.mark.claim(zh="沿 0 轴相接，列数就得一样；报错说了是哪两个长度：", en="To join along axis 0, both need the same number of columns; the message names the two lengths:")
def test_what_cat_and_stack_ask_of_shapes(chapter):
    for shape in [(2, 3), (4,), (1, 2, 3)]:
        assert torch.equal(torch.cat([torch.empty(0), torch.ones(shape)]), torch.ones(shape))
    for empty in [(0, 4), (1, 0)]:  # empty as well, and yet no fit
        with pytest.raises(RuntimeError):
            torch.cat([torch.empty(empty), torch.ones(2, 3)])
    for a, b in product([(2, 3), (4, 3), (2, 5), (4, 5)], repeat=2):
        for dim in (0, 1):
            pair, other = [torch.zeros(a), torch.ones(b)], 1 - dim
            if a[other] == b[other]:
                joined = torch.cat(pair, dim=dim)
                assert joined.shape[dim] == a[dim] + b[dim] and joined.shape[other] == a[other] and joined.sum() == math.prod(b)
            else:
                with pytest.raises(RuntimeError, match=f"Sizes of tensors must match except in dimension {dim}. Expected size {a[other]} but got size {b[other]}"):
                    torch.cat(pair, dim=dim)
            if a != b:
                with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
                    torch.stack(pair, dim=dim)
    assert "torch.cat([torch.zeros(2, 3), torch.zeros(2, 4)])" in chapter["cat-mismatch"].code
    assert "RuntimeError: Sizes of tensors must match except in dimension 0. Expected size 3 but got size 4" in printed_error(chapter["cat-mismatch"])


@pytest.mark.claim(zh="`stack` 的形状不全相同。", en="`stack` with shapes that differ.")
@pytest.mark.claim(zh="得先裁成或补成一样大：", en="Cut or pad them to one size first:")
def test_stack_after_cutting_or_padding(chapter):
    assert printed_error(chapter["stack-mismatch"]) == "RuntimeError: stack expects each tensor to be equal size, but got [2, 3] at entry 0 and [2, 4] at entry 1"
    narrow, wide = torch.zeros(2, 3), torch.zeros(2, 4)
    assert torch.stack([narrow, wide[:, :3]]).shape == (2, 2, 3) and torch.stack([torch.nn.functional.pad(narrow, (0, 1)), wide]).shape == (2, 2, 4)


@pytest.mark.claim(zh="拆开也有两个：`unbind` 是 `stack` 的反操作，去掉一个轴；`split` 是 `cat` 的反操作，切成几段：",
                   en="Taking apart has two ways too: `unbind` undoes `stack` and removes an axis; `split` undoes `cat` and cuts into pieces:")
@pytest.mark.claim(zh="五个数每段两个，最后一段剩一个，“最后一批”就是这么来的。", en="Five numbers, two to a piece, leave one for the last piece: that is where the last batch came from.")
@pytest.mark.claim(zh="`cat` 接长，`stack` 加轴，两者都复制。", en="`cat` makes longer, `stack` adds an axis, and both copy.")
def test_unbind_undoes_stack_and_split_undoes_cat(chapter):
    names = chapter["unbind"].names
    assert names["first"].tolist() == [12, 18, 15] and names["second"].tolist() == [10, 20, 9]
    assert shapes(chapter["unbind"].stdout) == [(2,), (2,), (1,)] and "torch.arange(5).split(2)" in chapter["unbind"].code
    assert chapter["unbind"].stdout.startswith("tensor([12., 18., 15.]) tensor([10., 20.,  9.])\n")
    assert [len(batch) for batch in chapter["last-batch"].names["samples"].split(2)] == [2, 2, 1]
    some = [torch.arange(6).view(2, 3) + 10 * k for k in range(4)]
    for dim in range(3):
        assert all(torch.equal(a, b) and b.ndim == 2 for a, b in zip(some, torch.stack(some, dim=dim).unbind(dim), strict=True))
    for dim in range(2):
        assert all(torch.equal(a, b) for a, b in zip(some, torch.cat(some, dim=dim).split(some[0].shape[dim], dim=dim), strict=True))
    assert torch.cat(some).shape == (8, 3) and torch.stack(some).ndim == 3
    assert not {start(torch.cat(some)), start(torch.stack(some)), start(torch.cat(some[:1])), start(torch.stack(some[:1]))} & {start(t) for t in some}


# ---- who shares, who copies -------------------------------------------------------------------------------------

@pytest.mark.claim(zh="`square > 9` 逐个数比较，得到同样形状的真和假，叫布尔掩码（boolean mask）；拿它当下标，选出的是真的那些数。",
                   en="`square > 9` compares each number and gives true or false in the same shape, a boolean mask; as an index it picks the numbers where it is true.")
@pytest.mark.claim(zh="切片共享，列表下标和布尔掩码复制；拆开共享，接起来复制。", en="A slice shares, a list or a boolean mask copies; taking apart shares, joining copies.")
def test_asking(chapter):
    square = np.arange(16).reshape(4, 4)
    mask = torch.tensor(square) > 9
    assert mask.dtype == torch.bool and mask.tolist() == [[n > 9 for n in row] for row in square.tolist()]
    assert torch.tensor(square)[mask].tolist() == [n for n in range(16) if n > 9]
    asked = {"slice": square[1:3], "list": square[[1, 2]], "mask": square[square > 9], "split": np.split(square, 2)[1], "cat": np.concatenate([square, square])}
    expected = [[name, "shares" if np.shares_memory(result, square) else "copies"] for name, result in asked.items()]
    assert [word for _, word in expected] == ["shares", "copies", "copies", "shares", "copies"]
    assert [line.split() for line in chapter["ask"].stdout.splitlines()] == expected
    rows = re.findall(r'\("(\w+) *", (.*)\),  # (\(.*\))', chapter["ask"].code)
    assert [(name, eval(shape)) for name, _, shape in rows] == [(name, result.shape) for name, result in asked.items()]
    for name, operation, _ in rows:
        result = eval(operation, {"torch": torch, "square": torch.arange(16).view(4, 4)})
        assert result.tolist() == asked[name].tolist()


@pytest.mark.claim(zh="想共享，结果必须能用一个起点和一套步长，从原来的存储里读出来。", en="To share, a result must be readable from the old storage with one starting point and one set of strides.")
@pytest.mark.claim(zh="切片和拆开都能；列表和掩码可以东拿一个西拿一个，所以一律复制；`cat` 要把几块存储并成一块，也只能复制。",
                   en="Slices and pieces always are; a list or a mask may pick numbers from anywhere, so it always copies; `cat` turns several storages into one, and copies too.")
@pytest.mark.claim(zh="更多的见官方的视图列表。", en="The official list of views has more.")
def test_what_can_be_shared():
    x = torch.arange(16).view(4, 4)
    pieces = [x[1:3], x[::2, 1:], x[2], x[:, 3], *x.split(3), *x.split(3, dim=1), *x.unbind(0), *x.unbind(1), x.T, x.expand(2, 4, 4), x.view(2, 8)]
    for t in pieces:
        assert start(t) == start(x) and t.flatten().tolist() == slots(t)  # each number of x is its own slot
    for index in ([1, 2], [0, 1, 2, 3], [3, 0, 0], x > 9, x > -1):
        assert start(x[index]) != start(x)
    assert len({stop - begin for begin, stop in pairwise(x[:, 0][[3, 0, 2]].tolist())}) == 2  # no stride reads these
    assert start(torch.cat([x])) != start(x) and start(torch.cat([x, x[:1]])) != start(x)
    known = {"view", "unflatten", "reshape", "flatten", "contiguous", "T", "mT", "transpose", "permute", "unsqueeze", "squeeze", "expand", "broadcast_to", "split", "unbind"}
    more = [name for name in fact("foundations/shapes", "list-of-views") if name not in known]
    assert len(more) > 5 and {"view", "T", "transpose", "permute", "unsqueeze", "squeeze", "expand", "split", "unbind"} <= set(fact("foundations/shapes", "list-of-views"))
    for t in (x.diagonal(), x.narrow(0, 1, 2), x.chunk(2)[1], x.unfold(0, 2, 1), x.movedim(0, 1), x.detach()):
        assert start(t) == start(x)


def every(operations, shares):
    """Each of the operations on a contiguous 4 × 4 tensor shares, or copies, to read and to write."""
    for operation in operations:
        x = torch.arange(16).view(4, 4)
        assert x.is_contiguous()
        result = eval(operation, {"torch": torch, "x": x})
        assert (start(result) == start(x)) is shares, operation
        before = result.clone()
        x.add_(100)
        assert torch.equal(result, before + 100 if shares else before), operation


@pytest.mark.claim(zh="`x` 是 4 × 4 的连续张量：", en="For a contiguous `x` of 4 × 4:")
@pytest.mark.claim(zh="`x.view(2, 8)`、`x.unflatten(1, (2, 2))` | 共享", en="`x.view(2, 8)`, `x.unflatten(1, (2, 2))` | shares")
@pytest.mark.claim(zh="`x.reshape(2, 8)`、`x.flatten()`、`x.contiguous()` | 共享", en="`x.reshape(2, 8)`, `x.flatten()`, `x.contiguous()` | shares")
@pytest.mark.claim(zh="`x.T.reshape(2, 8)`、`x.T.flatten()`、`x.T.contiguous()` | 复制", en="`x.T.reshape(2, 8)`, `x.T.flatten()`, `x.T.contiguous()` | copies")
def test_changes_of_shape_in_the_table():
    every(["x.view(2, 8)", "x.unflatten(1, (2, 2))", "x.reshape(2, 8)", "x.flatten()", "x.contiguous()"], True)
    every(["x.T.reshape(2, 8)", "x.T.flatten()", "x.T.contiguous()"], False)


@pytest.mark.claim(zh="`x.T`、`x.mT`、`x.transpose(0, 1)`、`x.permute(1, 0)` | 共享", en="`x.T`, `x.mT`, `x.transpose(0, 1)`, `x.permute(1, 0)` | shares")
@pytest.mark.claim(zh="`x.unsqueeze(0)`、`x[None].squeeze(0)` | 共享", en="`x.unsqueeze(0)`, `x[None].squeeze(0)` | shares")
@pytest.mark.claim(zh="`x.expand(3, 4, 4)`、`torch.broadcast_to(x, (3, 4, 4))` | 共享", en="`x.expand(3, 4, 4)`, `torch.broadcast_to(x, (3, 4, 4))` | shares")
@pytest.mark.claim(zh="`x.repeat(3, 1)`、`x.repeat_interleave(3, dim=0)` | 复制", en="`x.repeat(3, 1)`, `x.repeat_interleave(3, dim=0)` | copies")
def test_changes_of_axes_in_the_table():
    every(["x.T", "x.mT", "x.transpose(0, 1)", "x.permute(1, 0)", "x.unsqueeze(0)", "x[None].squeeze(0)", "x.expand(3, 4, 4)", "torch.broadcast_to(x, (3, 4, 4))"], True)
    every(["x.repeat(3, 1)", "x.repeat_interleave(3, dim=0)"], False)


@pytest.mark.claim(zh="`x[1]`、`x[:, 1:3]`、`x[None]` | 共享", en="`x[1]`, `x[:, 1:3]`, `x[None]` | shares")
@pytest.mark.claim(zh="`x[[1, 2]]`、`x[x > 9]` | 复制", en="`x[[1, 2]]`, `x[x > 9]` | copies")
@pytest.mark.claim(zh="`x.split(2)[1]`、`x.unbind(0)[1]` | 共享", en="`x.split(2)[1]`, `x.unbind(0)[1]` | shares")
@pytest.mark.claim(zh="`torch.cat([x, x])`、`torch.stack([x, x])`、`x.clone()` | 复制", en="`torch.cat([x, x])`, `torch.stack([x, x])`, `x.clone()` | copies")
def test_pieces_and_joins_in_the_table():
    every(["x[1]", "x[:, 1:3]", "x[None]", "x.split(2)[1]", "x.unbind(0)[1]"], True)
    every(["x[[1, 2]]", "x[x > 9]", "torch.cat([x, x])", "torch.stack([x, x])", "x.clone()"], False)


# ---- common errors ----------------------------------------------------------------------------------------------

@pytest.mark.claim(zh="写了两个 `-1`。", en="`-1` twice.")
@pytest.mark.claim(zh="16 可以是 2 × 8，也可以是 4 × 4，它没法替你选。", en="Sixteen may be 2 × 8 or 4 × 4, and PyTorch will not choose for you.")
@pytest.mark.claim(zh="只留一个：", en="Keep one:")
def test_two_unknowns(chapter):
    assert "square.view(-1, -1)" in chapter["two-unknowns"].code
    assert printed_error(chapter["two-unknowns"]) == "RuntimeError: only one dimension can be inferred"
    for shape in ((2, 8), (4, 4), (2, -1), (-1, 4)):
        assert torch.arange(16).view(shape).numel() == 16


@pytest.mark.claim(zh="对 0 维张量写 `for`。", en="A `for` loop over a 0-d tensor.")
@pytest.mark.claim(zh="没有轴的张量是 0 维的。", en="A tensor without axes is 0-dimensional, 0-d for short.")
@pytest.mark.claim(zh="又是那个 `squeeze()`：只有一个样本时，它一个轴都不留，要写明轴：", en="That `squeeze()` again: with a single sample it leaves no axis at all, so name one:")
def test_a_loop_over_a_tensor_without_axes(chapter):
    assert ".squeeze():" in chapter["zero-dim-loop"].code and printed_error(chapter["zero-dim-loop"]) == "TypeError: iteration over a 0-d tensor"
    one = torch.zeros(1, 1)
    assert one.squeeze().shape == () and one.squeeze().ndim == one.squeeze().dim() == 0 and list(one.squeeze(1)) == [0]
    with pytest.raises(TypeError, match="iteration over a 0-d tensor"):
        iter(torch.tensor(7))
