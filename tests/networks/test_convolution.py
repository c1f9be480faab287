"""The proof of what docs/*/networks/convolution.md claims."""

import inspect
import re
import xml.etree.ElementTree as ET
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import sklearn
import torch
import torch.nn.functional as F
import torchvision
from sklearn.datasets import load_sample_image
from torch import nn

from tests.facts import fact
from tests.prose import ledger_rows, lines

PICTURE = np.array([[1, 1, 1, 9, 9], [1, 1, 1, 9, 9], [1, 1, 9, 9, 9], [1, 1, 9, 9, 9], [1, 9, 9, 9, 9]], dtype=float)
KERNEL = np.array([[-1, 0, 1]] * 3, dtype=float)
ANIMATIONS = {"animate": "plain", "padding": "padding", "stride": "stride", "dilation": "dilation", "stamp": "transposed"}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def slide(x, k, stride=1, padding=0, dilation=1):
    """Cross-correlation of two NumPy matrices, by windows and not by PyTorch."""
    x = np.pad(np.asarray(x, dtype=float), padding)
    k = np.asarray(k, dtype=float)
    span = [dilation * (side - 1) + 1 for side in k.shape]
    windows = np.lib.stride_tricks.sliding_window_view(x, span)[::stride, ::stride, ::dilation, ::dilation]
    return np.einsum("ijab,ab->ij", windows, k)


def stamps(x, k, stride):
    """Transposed convolution of two NumPy matrices: each number of x stamps k."""
    y = np.zeros([(n - 1) * stride + side for n, side in zip(x.shape, k.shape)])
    for (i, j), value in np.ndenumerate(x):
        for (a, b), weight in np.ndenumerate(k):
            y[i * stride + a, j * stride + b] += value * weight
    return y


def places(n, k, s=1, p=0, d=1):
    """How many places a kernel has to stand along n cells, found by trying them all."""
    return sum(1 for start in range(0, n + 2 * p, s) if start + d * (k - 1) < n + 2 * p)


def seen_by(function, shape, place):
    """Which numbers of an input one number of the output depends on, (H, W) of bools, by its gradient."""
    x = torch.rand(shape, requires_grad=True)
    function(x)[place].backward()
    return (x.grad != 0).reshape(shape[-2:]).numpy()


def four(x):
    """A NumPy matrix as a tensor (1, 1, H, W)."""
    return torch.tensor(np.ascontiguousarray(x), dtype=torch.float32)[None, None]


@cache
def ledger():
    """The rows of the ledger, {id: row}."""
    rows = ledger_rows()
    return {row["id"]: row for row in rows}


def old_notes(row):
    """What the ledger has the old notes say, {language: text}."""
    return ledger()[row]["said"]


def photo_of_scikit_learn():
    """(427, 640, 3) from 0 to 1, and its mean over the colours."""
    image = load_sample_image("china.jpg") / 255
    return image, image.mean(axis=2)


# ---- why -------------------------------------------------------------------------------------


@pytest.mark.claim(
    zh="九个权重，走遍一张照片，不管站在哪里，对同样的边缘都给出同样的答案：这就是一个 3 × 3 的卷积核。",
    en="Nine weights walk over a whole photograph and give the same answer to the same edge wherever they stand: that is a 3 × 3 kernel.",
)
def test_one_kernel_gives_the_same_answer_to_the_same_edge_everywhere():
    assert nn.Conv2d(1, 1, 3).weight.numel() == 9
    edge, answers = np.array([[1, 1, 9, 9]] * 4), []
    kernel = np.random.default_rng(0).normal(size=(3, 3))
    for i, j in product(range(12), range(12)):
        scene = np.zeros((16, 16))
        scene[i : i + 4, j : j + 4] = edge
        answers.append(F.conv2d(four(scene), four(kernel))[0, 0, i : i + 2, j : j + 2].numpy())
    assert np.allclose(answers, slide(edge, kernel), atol=1e-4)


@pytest.mark.claim(zh="这张照片随 scikit-learn 一起装好了，不用下载：", en="This photograph came with scikit-learn, so there is nothing to download:")
@pytest.mark.claim(
    zh="这个数组，轴的顺序是高、宽、颜色：427 行，640 列，3 种颜色。",
    en="The array has the axes height, width, colour: 427 rows, 640 columns, 3 colours.",
)
@pytest.mark.claim(
    zh="PyTorch 要的是颜色在最前，所以用 permute 换了轴；除以 255，把 0 到 255 变成 0 到 1。",
    en="PyTorch wants the colours first, so permute moves the axes; dividing by 255 turns 0 to 255 into 0 to 1.",
)
@pytest.mark.claim(zh="grey 是三种颜色的平均。", en="grey is the mean of the three colours.")
@pytest.mark.ledger("n2-15")
def test_the_picture_file_has_its_channels_last_and_the_photo_has_them_first(chapter):
    assert (Path(sklearn.__file__).parent / "datasets/images/china.jpg").exists()
    image = load_sample_image("china.jpg")
    names = chapter["photo"].names
    assert image.shape == (427, 640, 3) and image.min() == 0 and image.max() == 255
    assert lines(chapter, "photo") == ["(427, 640, 3) uint8", "torch.Size([3, 427, 640]) torch.Size([427, 640])"]
    assert np.allclose(names["photo"].numpy(), np.moveaxis(image, 2, 0) / 255, atol=1e-6)
    assert names["photo"].min() == 0 and names["photo"].max() == 1
    assert np.allclose(names["grey"].numpy(), image.mean(axis=2) / 255, atol=1e-5)
    with pytest.raises(RuntimeError, match="to have 3 channels"):  # PyTorch wants the colours first
        nn.Conv2d(3, 1, 3)(torch.tensor(image)[None] / 255)


@pytest.mark.claim(
    zh="要给每个位置打一个分，全连接层 Linear 会让每个输出都连上每个像素：",
    en="A Linear layer that gives every place a score connects every output to every pixel:",
)
@pytest.mark.claim(
    zh="741 亿个权重，要占 296 GB（device=\"meta\" 只记形状）。",
    en="Seventy-four billion weights take 296 GB (device=\"meta\" keeps only the shape).",
)
@pytest.mark.claim(
    zh="而且任何两个输出都不共用权重：一个角上的权重学会了什么，另一个角上的还得从头再学一遍。",
    en="And no two outputs share a weight: what those of one corner learn, those of another have to learn again.",
)
def test_a_linear_layer_has_a_weight_of_its_own_for_each_pair_of_pixel_and_place(chapter):
    weights = (427 * 640) * (425 * 638)
    assert round(weights / 1e9) == 74 and round(weights / 1e8) == 741 and round(weights * 4 / 1e9) == 296
    assert lines(chapter, "count")[0] == f"Linear: {weights:,} weights, 296 GB"
    full = chapter["count"].names["full"]
    assert full.weight.is_meta and full.weight.shape == (425 * 638, 427 * 640) and torch.get_default_dtype().itemsize == 4
    small = nn.Linear(5 * 5, 3 * 3, bias=False)
    for place in range(9):
        assert seen_by(lambda x: small(x.flatten())[place], (5, 5), ()).all()  # noqa: B023
        small.zero_grad()
        small(torch.ones(25))[place].backward()  # what this place learns from changes no other's weights
        assert (small.weight.grad != 0).all(dim=1).nonzero().flatten().tolist() == [place]
        assert (small.weight.grad != 0).any(dim=1).sum() == 1


@pytest.mark.claim(zh="卷积层靠两个念头省到 9 个：", en="A convolution needs 9, thanks to two ideas:")
@pytest.mark.claim(zh="只看附近：每个输出只看 3 × 3 一小块，不看整张图；", en="look only nearby: each output sees a patch of 3 × 3, not the whole picture;")
@pytest.mark.claim(zh="到处共用：所有位置用同一组权重。", en="share: the same weights serve every place.")
@pytest.mark.claim(zh="这样一小组权重，叫卷积核（kernel）。", en="Such a small set of weights is called a kernel.")
def test_a_convolution_looks_nearby_with_the_same_nine_weights_everywhere(chapter):
    assert lines(chapter, "count")[1] == "Conv2d: 9 weights"
    conv = chapter["count"].names["conv"]
    assert sum(p.numel() for p in conv.parameters()) == 3 * 3 == conv.weight.numel() and conv.kernel_size == (3, 3)
    for i, j in product(range(5), range(6)):
        seen = seen_by(conv, (1, 1, 7, 8), (0, 0, i, j))
        assert seen.sum() == 9 and seen[i : i + 3, j : j + 3].all()
        conv.zero_grad()
        conv(torch.rand(1, 1, 7, 8) + 0.1)[0, 0, i, j].backward()
        assert (conv.weight.grad != 0).all()  # each place uses all nine
    conv.zero_grad()


# ---- by hand ---------------------------------------------------------------------------------


@pytest.mark.claim(zh="旧笔记说，卷积最早是在另一门课里用循环手写的。", en="The old notes had first met convolution as hand-written loops, in another course.")
@pytest.mark.claim(
    zh="写出来是这样：把卷积核放在图上某一块，对应的数相乘，全部加起来，得到一个数；挪一格，再来一次：",
    en="Here they are: lay the kernel on a patch of the picture, multiply the numbers that lie on each other, and add up to get one number; move by one cell, and again:",
)
@pytest.mark.claim(zh="一个数都不差。", en="Not one number differs.")
@pytest.mark.ledger("n0-14")
def test_the_loops_agree_with_numpy_and_with_torch(chapter):
    assert "用循环手写" in old_notes("n0-14")["zh"] and "另一门课" in old_notes("n0-14")["zh"]
    assert "hand-written loops" in old_notes("n0-14")["en"] and "another course" in old_notes("n0-14")["en"]
    names = chapter["by-hand"].names
    assert np.array_equal(names["picture"], PICTURE) and np.array_equal(names["kernel"], KERNEL)
    edges = slide(PICTURE, KERNEL)
    assert chapter["by-hand"].value.tolist() == edges.tolist() == [[8, 24, 16], [16, 24, 8], [24, 16, 0]]
    assert lines(chapter, "torch") == ["torch.Size([1, 1, 3, 3]) True"]
    assert chapter["torch"].names["y"][0, 0].tolist() == edges.tolist()
    x, k = np.random.default_rng(0).normal(size=(7, 9)), np.array([[1.0, 2, 3], [4, 5, 7]])  # nothing symmetric
    by_hand = names["cross_correlate"](torch.tensor(x), torch.tensor(k))
    assert by_hand.shape == (6, 7) and np.allclose(by_hand, slide(x, k), atol=1e-5)
    assert by_hand[0, 0].item() == pytest.approx((x[:2, :3] * k).sum(), abs=1e-5)
    assert by_hand[0, 1].item() == pytest.approx((x[:2, 1:4] * k).sum(), abs=1e-5)  # moved by one cell


@pytest.mark.claim(zh="这张图左边暗（1），右边亮（9）。", en="The picture is dark on the left (1) and bright on the right (9).")
@pytest.mark.claim(zh="卷积核算的是“右边减左边”。", en="The kernel computes “right minus left”.")
@pytest.mark.claim(zh="左上角那一块，就是 (1 + 1 + 9) − (1 + 1 + 1) = 8。", en="In the top left corner, that is (1 + 1 + 9) − (1 + 1 + 1) = 8.")
def test_the_kernel_computes_right_minus_left(chapter):
    picture, edges = chapter["by-hand"].names["picture"].numpy(), chapter["by-hand"].value.numpy()
    assert set(np.unique(picture)) == {1, 9} and (picture[:, 0] == 1).all() and (picture[:, -1] == 9).all()
    assert (np.diff(picture, axis=1) >= 0).all()  # from dark to bright, never back
    for i, j in product(range(3), range(3)):
        assert edges[i, j] == picture[i : i + 3, j + 2].sum() - picture[i : i + 3, j].sum()
    assert picture[:3, 2].tolist() == [1, 1, 9] and picture[:3, 0].tolist() == [1, 1, 1] and edges[0, 0] == 8


@pytest.mark.claim(zh="输出里最大的是 24，那里三行都是由暗到亮。", en="The largest output, 24, is where dark meets bright in all three rows.")
@pytest.mark.claim(zh="右下角是 0：那一块左右一样亮。", en="The bottom right is 0: that patch is equally bright on both sides.")
def test_the_largest_output_is_at_the_edge_and_the_last_is_zero(chapter):
    picture, edges = chapter["by-hand"].names["picture"].numpy(), chapter["by-hand"].value.numpy()
    assert edges.max() == 24 and edges[-1, -1] == 0
    for i, j in product(range(3), range(3)):  # dark on the left of the window, bright on the right, in all rows
        assert (edges[i, j] == 24) == ((picture[i : i + 3, j] == 1).all() and (picture[i : i + 3, j + 2] == 9).all())
    assert picture[2:, 2].tolist() == picture[2:, 4].tolist()


@pytest.mark.claim(zh="下面的代码只管画图，后面的动画也用它：", en="The next cell only draws; the later animations use it too:")
def test_one_function_draws_all_animations_and_changes_nothing(chapter):
    before, after = chapter["by-hand"].names, chapter["animate"].names
    assert all(after[name] is before[name] for name in before if not name.startswith("_"))
    for cell in ANIMATIONS:
        assert chapter[cell].value._repr_svg_().startswith("<svg")
    for cell in ("padding", "stride", "dilation", "stamp"):
        assert chapter[cell].names["animate"] is after["animate"]


@pytest.mark.claim(
    zh="窗口在 5 格里只有 3 个地方可站，所以 5 × 5 变成了 3 × 3。",
    en="Along 5 cells, the window has 3 places to stand, so 5 × 5 became 3 × 3.",
)
@pytest.mark.claim(
    zh="PyTorch 的函数 F.conv2d，图和权重都用四个轴，下面会讲；[None, None] 在前面补上两个长度为 1 的轴：",
    en="PyTorch’s function F.conv2d takes picture and weights with four axes, explained below; [None, None] puts two of length 1 in front:",
)
def test_three_places_along_five_cells_and_two_axes_of_length_one(chapter):
    assert places(5, 3) == 3 and chapter["by-hand"].value.shape == (3, 3) and PICTURE.shape == (5, 5)
    names = chapter["torch"].names
    assert names["x"].shape == (1, 1, 5, 5) and names["k"].shape == (1, 1, 3, 3) and names["y"].shape == (1, 1, 3, 3)
    assert F.conv2d(torch.zeros(6, 2, 5, 5), torch.zeros(4, 2, 3, 3)).shape == (6, 4, 3, 3)
    with pytest.raises(RuntimeError):
        F.conv2d(names["x"], names["k"][0, 0])


@pytest.mark.claim(
    zh="翻开数学书，卷积要先把卷积核翻过来，左右、上下都颠倒。",
    en="In a mathematics book, convolution first turns the kernel around, left to right and top to bottom.",
)
@pytest.mark.claim(zh="不翻转的那种，叫互相关（cross-correlation）。", en="Without the turn it is called cross-correlation.")
@pytest.mark.claim(zh="一维的情形，NumPy 两种都有：", en="NumPy has both, in one dimension:")
def test_the_convolution_of_the_books_turns_the_kernel_around():
    x, k = np.random.default_rng(1).normal(size=(6, 7)), np.arange(9.0).reshape(3, 3)
    book = np.array([[sum(x[i + 2 - m, j + 2 - n] * k[m, n] for m in range(3) for n in range(3)) for j in range(5)] for i in range(4)])
    assert np.allclose(scipy.signal.convolve2d(x, k, mode="valid"), book)
    assert np.allclose(slide(x, k[::-1, ::-1]), book)  # both ways
    assert not np.allclose(slide(x, k[::-1]), book) and not np.allclose(slide(x, k[:, ::-1]), book) and not np.allclose(slide(x, k), book)
    assert np.allclose(scipy.signal.correlate2d(x, k, mode="valid"), slide(x, k))  # without the turn
    assert np.allclose(np.correlate(x[0], k[1], mode="valid"), [x[0, i : i + 3] @ k[1] for i in range(5)])
    assert np.allclose(np.convolve(x[0], k[1], mode="valid"), [x[0, i : i + 3] @ k[1][::-1] for i in range(5)])
    for function in (np.correlate, np.convolve):
        with pytest.raises(ValueError, match="deep|1d|dim"):
            function(x, k, mode="valid")


@pytest.mark.claim(
    zh="conv1d 和 np.correlate 一致：PyTorch 里叫“卷积”的，其实是互相关，官方文档也这么写。",
    en="conv1d agrees with np.correlate: what PyTorch calls convolution is cross-correlation, as its documentation says.",
)
@pytest.mark.claim(
    zh="最后一行先用 flip 把核翻过来，就得到数学书上的卷积。",
    en="The last line turns the kernel around with flip and gets the convolution of the books.",
)
@pytest.mark.ledger("n0-14")
def test_torch_does_not_flip_the_kernel(chapter):
    names = chapter["flip"].names
    a, v = names["a"].tolist(), names["v"].tolist()
    assert v != v[::-1]
    correlation = [sum(a[i + m] * v[m] for m in range(3)) for i in range(4)]
    convolution = [sum(a[i + 2 - m] * v[m] for m in range(3)) for i in range(4)]  # the sum of the books
    assert correlation != convolution
    shown = [[float(number) for number in re.findall(r"-?\d+\.", line)] for line in lines(chapter, "flip")]
    assert shown == [correlation, correlation, convolution, convolution]
    labels = [re.match(r"[a-z.1 ]*[a-z1]", line)[0].removesuffix(" tensor") for line in lines(chapter, "flip")]
    assert [label.strip() for label in labels] == ["conv1d", "np.correlate", "np.convolve", "conv1d flipped"]
    assert "cross-correlation" in nn.Conv2d.__doc__
    x, k = np.random.default_rng(1).normal(size=(5, 5)), np.arange(9.0).reshape(3, 3)
    assert np.allclose(F.conv2d(four(x), four(k))[0, 0], scipy.signal.correlate2d(x, k, mode="valid"), atol=1e-4)


@pytest.mark.claim(
    zh="这对训练不要紧：真要翻转，层学到的就是翻转过的那组数。",
    en="Training does not care: if kernels were flipped, a layer would learn the flipped numbers.",
)
def test_a_layer_whose_kernel_is_flipped_learns_the_flipped_numbers(chapter):
    noise, target = chapter["learn"].names["noise"], chapter["learn"].names["target"]
    wanted = torch.tensor(KERNEL, dtype=torch.float32)
    weight = torch.zeros(1, 1, 3, 3, requires_grad=True)
    for _ in range(100):
        loss = ((F.conv2d(noise, weight.flip(2, 3)) - target) ** 2).mean()
        (gradient,) = torch.autograd.grad(loss, weight)
        weight = (weight - 0.1 * gradient).detach().requires_grad_()
    assert torch.allclose(weight[0, 0], wanted.flip(0, 1), atol=1e-3) and not torch.equal(wanted, wanted.flip(0, 1))


# ---- everywhere ------------------------------------------------------------------------------


@pytest.mark.claim(zh="权重是共用的，所以东西挪到哪里，答案就跟到哪里。", en="Since weights are shared, the answer to a thing moves along when the thing moves.")
@pytest.mark.claim(zh="把照片上边裁掉几行，里面的东西就都往上挪了。", en="Cut rows off at the top, and everything in the photograph moves up.")
@pytest.mark.claim(zh="（步幅是窗口每次挪几格。）", en="(The stride is how many cells the window moves at a time.)")
def test_the_answer_moves_with_the_thing_and_the_stride_is_the_step_of_the_window(chapter):
    kernel = np.random.default_rng(2).normal(size=(3, 3))
    for i, j in product(range(8), range(8)):
        scene = np.zeros((12, 12))
        scene[i : i + 3, j : j + 3] = kernel  # a thing that this kernel likes best
        answer = F.conv2d(four(scene), four(kernel))[0, 0].numpy()
        assert np.unravel_index(answer.argmax(), answer.shape) == (i, j)
    scene = chapter["everywhere"].names["scene"][0, 0]
    assert scene.shape == (427, 640) and torch.equal(scene[10:][100], scene[110])  # what was in row 110 is in row 100
    for stride in (1, 2, 3):
        tops = [np.argwhere(seen_by(nn.Conv2d(1, 1, 3, stride=stride), (1, 1, 12, 12), (0, 0, i, 0)))[0, 0] for i in range(3)]
        assert tops == [0, stride, 2 * stride]


@pytest.mark.claim(zh="步幅为 1 时，先裁再卷积，和先卷积再裁，结果相同。", en="With stride 1, cutting first or convolving first makes no difference.")
@pytest.mark.claim(
    zh="步幅为 2 时，东西挪 10 行，答案跟得上；挪 11 行就跟不上，因为窗口隔一行才站一次。",
    en="With stride 2, the answers follow a move by 10 rows, but not one by 11, since the window stands on every second row only.",
)
def test_what_moves_in_the_picture_moves_in_the_output_of_the_right_stride(chapter):
    assert lines(chapter, "everywhere") == ["stride 1, up by 10 rows: True", "stride 1, up by 11 rows: True",
                                            "stride 2, up by 10 rows: True", "stride 2, up by 11 rows: False"]
    _, grey = photo_of_scikit_learn()
    for rows in (1, 10, 11):
        assert np.allclose(slide(grey[rows:], KERNEL), slide(grey, KERNEL)[rows:])
        assert np.allclose(F.conv2d(four(grey[rows:]), four(KERNEL))[0, 0], slide(grey, KERNEL)[rows:], atol=1e-4)
    whole, by_ten, by_eleven = (slide(x, KERNEL, stride=2) for x in (grey, grey[10:], grey[11:]))
    assert np.allclose(by_ten, whole[5:])
    for start in range(len(whole)):  # wherever it is laid
        rows = min(len(by_eleven), len(whole) - start)
        assert not np.allclose(by_eleven[:rows], whole[start : start + rows])
    assert np.allclose(by_eleven, slide(grey, KERNEL)[11::2, ::2])  # it falls on the rows that stride 2 leaves out


@pytest.mark.claim(
    zh="所以，要怎么挪都成立，步幅必须是 1，还要避开边上的填充。",
    en="So it holds for every move only with stride 1, and away from padding at the border.",
)
@pytest.mark.claim(
    zh="网络里有了步幅、池化或者 Linear 层，东西挪了地方，答案就可能不一样。",
    en="A network with strides, pooling or a Linear layer may answer otherwise when a thing has moved.",
)
def test_other_strides_padding_and_whole_networks_do_not_promise_it():
    scene = torch.rand(1, 1, 12, 12)

    def follows(layer, rows, inner=slice(None)):
        whole, moved = layer(scene), layer(scene[:, :, rows:])
        return torch.allclose(moved[..., inner, :], whole[:, :, -moved.shape[2] :][..., inner, :], atol=1e-6)

    for stride in (1, 2, 3, 4):
        layer = nn.Conv2d(1, 1, 3, stride=stride)
        assert all(follows(layer, rows) for rows in range(1, 7)) == (stride == 1)
    padded = nn.Conv2d(1, 1, 3, padding=1)
    assert not any(follows(padded, rows) for rows in range(1, 7))
    assert all(follows(padded, rows, slice(1, None)) for rows in range(1, 7))  # all but the border
    rolled = scene.roll(1, dims=2)
    for end in (nn.Conv2d(1, 1, 3, stride=2), nn.MaxPool2d(2), nn.Sequential(nn.Flatten(), nn.Linear(100, 3))):
        network = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Tanh(), end)
        answer, answer_rolled = network(scene), network(rolled)
        assert not torch.allclose(answer, answer_rolled, atol=1e-4)
        if answer.dim() == 4:  # nor is it the same answer moved
            assert not torch.allclose(answer[:, :, :-1], answer_rolled[:, :, 1:], atol=1e-4)


# ---- the animations --------------------------------------------------------------------------


def read_animation(svg, name):
    """What a reader of the animation sees: the numbers of both grids, the weights, the places in time."""
    root = ET.fromstring(svg)
    style = root.find("{*}style").text

    def walk(element, dx=0.0, dy=0.0, owner=None):
        move = re.match(r"translate\((.*),(.*)\)", element.get("transform", ""))
        if move:
            dx, dy = dx + float(move[1]), dy + float(move[2])
        owner = element.get("id", owner)
        if element.tag.endswith("}text"):
            yield owner, element.text, dx + float(element.get("x", 0)), dy + float(element.get("y", 0))
        if element.tag.endswith("}rect"):
            yield owner, None, dx + float(element.get("x", 0)), dy + float(element.get("y", 0))
        for child in element:
            yield from walk(child, dx, dy, owner)

    things = list(walk(root))
    frames = {}
    for part in ("kernel", "box"):
        keyframes = re.search(rf"@keyframes {name}-{part}\{{(.*)\}}\n", style)[1]
        steps = re.findall(r"([\d.]+)%\{transform:translate\((-?\d+)px,(-?\d+)px\)\}", keyframes)
        rule = re.search(rf"\n#{name}-{part}\{{transform:translate\((-?\d+)px,(-?\d+)px\);animation:{name}-{part} (\d+)s steps\(1\) infinite\}}", style)
        at = [float(step[0]) for step in steps]
        assert np.allclose(at, [100 * t / len(steps) for t in range(len(steps))], atol=0.01)
        assert int(rule[3]) == len(steps)
        frames[part] = [(int(x), int(y)) for _, x, y in steps]
        frames[part, "rest"] = (int(rule[1]), int(rule[2]))
    return things, frames, style


def number_in(things, left, top, cell=44):
    """The number written in the cell whose top left corner is there; weights left out."""
    found = [text for owner, text, x, y in things if text and not text.startswith("×") and left < x < left + cell and top < y < top + cell]
    assert len(found) == 1, found
    return float(found[0].replace("−", "-"))


def taps_of(things, name):
    """[(x, y, weight)] of the orange squares: each has one weight inside."""
    squares = [(x, y) for owner, text, x, y in things if text is None and owner == f"{name}-kernel"]
    taps = []
    for x, y in squares:
        (weight,) = [text for owner, text, tx, ty in things if text and text.startswith("×") and x < tx < x + 44 and y < ty < y + 44]
        taps.append((x, y, float(weight[1:].replace("−", "-"))))
    return taps


def grids(things, name):
    """The numbers of both grids, as matrices: `big` on the left, `small` on the right, by where their squares lie."""
    squares = [(x, y) for owner, text, x, y in things if text is None and owner == name]
    gap = max(np.diff(sorted({x for x, _ in squares})))
    start = next(x for x, after in zip(sorted({x for x, _ in squares}), sorted({x for x, _ in squares})[1:] + [None]) if after and after - x == gap)
    found = []
    for part in ([place for place in squares if place[0] <= start], [place for place in squares if place[0] > start]):
        columns, rows = sorted({x for x, _ in part}), sorted({y for _, y in part})
        found.append(np.array([[number_in(things, x, y) for x in columns] for y in rows]))
    return found


def right_of(things, name):
    """The blue box lies to the right of all orange squares."""
    (box,) = [x for owner, text, x, _ in things if text is None and owner == f"{name}-box"]
    return box > max(x for owner, text, x, _ in things if text is None and owner == f"{name}-kernel") + 44


def colour_of(style, part):
    """(red, green, blue) that fills the squares of a part."""
    found = re.search(rf"#{part} rect\{{fill:#(\w\w)(\w\w)(\w\w)", style)
    return [int(two, 16) for two in found.groups()]


@pytest.mark.claim(
    zh="窗口每格的右下角写着权重：左列乘负一，中列乘零，右列乘一。",
    en="In the bottom right corner of its cells stand the weights: times minus one in the left column, times zero in the middle one, times one in the right one.",
)
@pytest.mark.claim(zh="橙色是卷积核，每格的角上写着权重。", en="Orange: the kernel, with a weight in the corner of each cell.")
@pytest.mark.claim(zh="蓝色是这一步得到的数。", en="Blue: the number that this step gives.")
def test_the_weights_stand_in_the_corners_of_the_orange_cells(chapter):
    things, frames, style = read_animation(chapter["animate"].value._repr_svg_(), "plain")
    taps = taps_of(things, "plain")
    assert [weight for _, _, weight in sorted(taps, key=lambda tap: (tap[1], tap[0]))] == [-1, 0, 1] * 3
    for x, y, _ in taps:
        ((tx, ty),) = [(a, b) for owner, text, a, b in things if text and text.startswith("×") and x < a < x + 44 and y < b < y + 44]
        assert tx > x + 33 and ty > y + 33
    red, green, blue = colour_of(style, "plain-kernel")
    assert red > green > blue
    red, green, blue = colour_of(style, "plain-box")
    assert blue > green > red


@pytest.mark.claim(
    zh="动画：左边是五行五列的输入，一个橙色的三乘三窗口在上面逐格移动，走完一行再走下一行，一共停九处。",
    en="Animation: on the left, the input of five rows and five columns, over which an orange window of three by three moves by one cell at a time, row by row, through nine places.",
)
@pytest.mark.claim(zh="右边三行三列的输出上，蓝色方框同步移动。", en="On the right, a blue box moves along on the output of three by three.")
@pytest.mark.claim(zh="停在正中时，输出是 24。", en="In the middle place, the output is 24.")
def test_the_first_animation_walks_row_by_row_through_nine_places(chapter):
    things, frames, _ = read_animation(chapter["animate"].value._repr_svg_(), "plain")
    in_order = [(44 * j, 44 * i) for i in range(3) for j in range(3)]
    assert frames["kernel"] == frames["box"] == in_order
    big, small = grids(things, "plain")
    assert big.shape == (5, 5) and small.shape == (3, 3) and big.tolist() == PICTURE.tolist()
    assert len(taps_of(things, "plain")) == 9 and small[1, 1] == 24
    assert right_of(things, "plain")


@pytest.mark.claim(
    zh="动画：五乘五的输入外面围着一圈零，橙色的三乘三窗口一共走过二十五处。",
    en="Animation: around an input of five by five lies a rim of zeros, and an orange window of three by three walks through twenty-five places.",
)
@pytest.mark.claim(
    zh="右边五行五列的输出上，蓝色方框同步移动；最右一列是负十八、负二十七、负二十七、负二十七、负十八。",
    en="On the right, a blue box moves along on an output of five by five, whose last column is minus 18, minus 27, minus 27, minus 27, minus 18.",
)
@pytest.mark.claim(zh="填充一圈零：输出和输入一样大。", en="A rim of zeros: the output is as large as the input.")
def test_the_animation_of_padding_has_a_rim_of_zeros_and_keeps_the_size(chapter):
    things, frames, _ = read_animation(chapter["padding"].value._repr_svg_(), "padding")
    big, small = grids(things, "padding")
    assert big.tolist() == np.pad(PICTURE, 1).tolist() and small.shape == PICTURE.shape == (5, 5)
    assert len(set(frames["kernel"])) == len(set(frames["box"])) == len(frames["box"]) == 25
    assert small[:, -1].tolist() == [-18, -27, -27, -27, -18] and right_of(things, "padding")


@pytest.mark.claim(
    zh="动画：五乘五的输入上，橙色的三乘三窗口只停四处，左上、右上、左下、右下。",
    en="Animation: on an input of five by five, an orange window of three by three stands in only four places, top left, top right, bottom left, bottom right.",
)
@pytest.mark.claim(
    zh="右边两行两列的输出是 8、16、24、0，蓝色方框同步移动。",
    en="On the right, a blue box moves along on the output of two by two, which is 8, 16, 24, 0.",
)
@pytest.mark.claim(zh="步幅 2：窗口隔一格停一次。", en="Stride 2: the window stands in every second place.")
def test_the_animation_of_stride_stands_in_four_places(chapter):
    things, frames, _ = read_animation(chapter["stride"].value._repr_svg_(), "stride")
    assert frames["kernel"] == [(0, 0), (88, 0), (0, 88), (88, 88)]  # of 44 pixels: every second cell of three places
    assert frames["box"] == [(0, 0), (44, 0), (0, 44), (44, 44)]
    big, small = grids(things, "stride")
    assert big.tolist() == PICTURE.tolist() and small.tolist() == [[8, 16], [24, 0]] and right_of(things, "stride")


@pytest.mark.claim(
    zh="动画：七乘七的输入上，九个橙色的格子撑开成五乘五的范围，中间的格子空着，每次挪一格，一共停九处。",
    en="Animation: on an input of seven by seven, nine orange cells, spread over five by five with the cells between them left out, move by one cell at a time through nine places.",
)
@pytest.mark.claim(zh="右边的输出也是三行三列，蓝色方框同步移动。", en="On the right, a blue box moves along with them on an output of three by three.")
@pytest.mark.claim(
    zh="膨胀 2：相邻两个权重之间空一格，九个权重覆盖 5 × 5 的范围。",
    en="Dilation 2: one cell is left out between neighbours, and the nine weights span 5 × 5.",
)
def test_the_animation_of_dilation_spreads_nine_weights_over_five_by_five(chapter):
    things, frames, _ = read_animation(chapter["dilation"].value._repr_svg_(), "dilation")
    taps = taps_of(things, "dilation")
    assert sorted({x for x, _, _ in taps}) == [2, 90, 178] and sorted({y for _, y, _ in taps}) == [2, 90, 178] and len(taps) == 9
    assert (178 - 2) / 44 + 1 == 5
    assert frames["kernel"] == frames["box"] == [(44 * j, 44 * i) for i in range(3) for j in range(3)]
    big, small = grids(things, "dilation")
    assert big.shape == (7, 7) and small.shape == (3, 3) and right_of(things, "dilation")


@pytest.mark.claim(zh="动画：箭头从右指向左。", en="Animation: the arrow points from right to left.")
@pytest.mark.claim(
    zh="右边两行两列的输入 1、2、3、4 上，蓝色方框依次停在每个数上。",
    en="On the right, a blue box stands on each number of the input of two by two, 1, 2, 3, 4, in turn.",
)
@pytest.mark.claim(
    zh="左边五行五列的输出上，橙色的三乘三窗口同步移动，每次挪两格。",
    en="On the left, an orange window of three by three moves along on the output of five by five, two cells at a time.",
)
@pytest.mark.claim(zh="输出正中是 10。", en="In the middle of the output is 10.")
def test_the_animation_of_transposed_convolution_runs_backwards(chapter):
    things, frames, _ = read_animation(chapter["stamp"].value._repr_svg_(), "transposed")
    assert [text for _, text, _, _ in things if text and text in "←→"] == ["←"]
    big, small = grids(things, "transposed")
    assert small.tolist() == [[1, 2], [3, 4]] and big.shape == (5, 5) and big[2, 2] == 10 and right_of(things, "transposed")
    assert frames["box"] == [(0, 0), (44, 0), (0, 44), (44, 44)]
    assert frames["kernel"] == [(0, 0), (88, 0), (0, 88), (88, 88)] and len(taps_of(things, "transposed")) == 9


@pytest.mark.claim(
    zh="窗口停的地方，和步幅为 2 时一模一样，只是箭头反了。",
    en="The window stands in the same places as with stride 2; only the arrow is turned around.",
)
@pytest.mark.claim(
    zh="转置卷积：蓝色的数乘上橙色的权重，加进左边的格子。",
    en="Transposed convolution: the blue number times the orange weights is added to the cells on the left.",
)
def test_the_frames_of_the_transposed_animation_add_up_to_its_output(chapter):
    things, frames, _ = read_animation(chapter["stamp"].value._repr_svg_(), "transposed")
    (marker,) = [(x, y) for owner, text, x, y in things if text is None and owner == "transposed-box"]
    taps, sums = taps_of(things, "transposed"), {}
    for (dx, dy), (mx, my) in zip(frames["kernel"], frames["box"], strict=True):
        value = number_in(things, marker[0] + mx, marker[1] + my)
        for x, y, weight in taps:
            sums[x + dx, y + dy] = sums.get((x + dx, y + dy), 0) + value * weight
    assert len(sums) == 25
    assert all(total == number_in(things, *place) for place, total in sums.items())
    strided, frames_of_stride, _ = read_animation(chapter["stride"].value._repr_svg_(), "stride")
    assert frames["kernel"] == frames_of_stride["kernel"] and frames["box"] == frames_of_stride["box"]
    assert [text for _, text, _, _ in strided if text and text in "←→"] == ["→"]


@pytest.mark.parametrize("cell", ["animate", "padding", "stride", "dilation"])
@pytest.mark.ledger("n0-16")
def test_every_frame_of_an_animation_is_the_arithmetic_that_it_shows(chapter, cell):
    name = ANIMATIONS[cell]
    things, frames, _ = read_animation(chapter[cell].value._repr_svg_(), name)
    (marker,) = [(x, y) for owner, text, x, y in things if text is None and owner == f"{name}-box"]
    taps = taps_of(things, name)
    assert len(taps) == 9
    for (dx, dy), (mx, my) in zip(frames["kernel"], frames["box"], strict=True):
        total = sum(weight * number_in(things, x + dx, y + dy) for x, y, weight in taps)
        assert total == number_in(things, marker[0] + mx, marker[1] + my)


@pytest.mark.parametrize("cell", ANIMATIONS)
@pytest.mark.ledger("n0-16")
def test_an_animation_is_self_contained_small_and_rests_halfway(chapter, cell):
    name, svg = ANIMATIONS[cell], chapter[cell].value._repr_svg_()
    things, frames, style = read_animation(svg, name)
    assert len(svg.encode()) < 10_000
    for part in ("kernel", "box"):
        assert frames[part, "rest"] == frames[part][len(frames[part]) // 2]
    assert "@media (prefers-reduced-motion: reduce){*{animation:none!important}}" in style
    assert svg.count("</style>") == 1 and "href" not in svg and "<script" not in svg and "<animate" not in svg
    assert not re.search(r'="[^"]*−', svg)
    width, height = (float(re.search(rf'<svg[^>]*\s{side}="([\d.]+)px"', svg)[1]) for side in ("width", "height"))
    assert width <= 690 and all(0 <= x <= width and 0 <= y <= height for _, _, x, y in things)


@pytest.mark.parametrize("cell, stride, padding, dilation", [("padding", 1, 1, 1), ("stride", 2, 0, 1), ("dilation", 1, 0, 2)])
def test_the_animated_outputs_agree_with_numpy(chapter, cell, stride, padding, dilation):
    big = np.pad(PICTURE, 1, mode="edge") if cell == "dilation" else PICTURE
    expected = slide(big, KERNEL, stride, padding, dilation)
    assert chapter[cell].names["y"][0, 0].tolist() == expected.tolist()


# ---- the layer -------------------------------------------------------------------------------


@pytest.mark.claim(zh="nn.Conv2d 是一个模块，自己带着权重。", en="nn.Conv2d is a module and brings its own weights.")
@pytest.mark.claim(zh="它的输入有四个轴，顺序固定，记作 (N, C, H, W)：", en="Its input has four axes in a fixed order, written (N, C, H, W):")
@pytest.mark.claim(zh="C 从 3 变成 8，高和宽各少了 4。", en="C went from 3 to 8, and height and width each lost 4.")
@pytest.mark.ledger("n1-10")
@pytest.mark.ledger("n2-15")
def test_a_layer_has_its_own_weights_and_its_axes_a_fixed_order(chapter):
    one, two = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)
    assert isinstance(one, nn.Module) and [name for name, _ in one.named_parameters()] == ["weight", "bias"]
    assert not torch.equal(one.weight, two.weight)
    shapes = [[tuple(map(int, re.findall(r"\d+", part))) for part in re.findall(r"\[(.*?)\]", line)] for line in lines(chapter, "nchw")]
    assert shapes == [[(1, 3, 427, 640)], [(8, 3, 5, 5), (8,)], [(1, 8, 427 - 4, 640 - 4)]]
    assert [line.split()[0] for line in lines(chapter, "nchw")] == ["input", "weight", "output"]
    conv, batch = chapter["nchw"].names["conv"], chapter["nchw"].names["batch"]
    for order in ((0, 2, 3, 1), (1, 0, 2, 3), (2, 1, 0, 3)):  # only one of these is taken, and it means another thing
        if batch.permute(order).shape[1] != 3:
            with pytest.raises(RuntimeError, match="to have 3 channels"):
                conv(batch.permute(order))
    assert conv(torch.zeros(7, 3, 9, 11)).shape == (7, 8, 5, 7)


@pytest.mark.claim(zh="N | 一批里有几个样本 | 1 张", en="N | how many samples in the batch | 1")
@pytest.mark.claim(zh="C | 通道（channel）：每个位置有几个数 | 3：红、绿、蓝", en="C | channels: how many numbers at each place | 3: red, green, blue")
@pytest.mark.claim(zh="H | 高：几行 | 427", en="H | height: how many rows | 427")
@pytest.mark.claim(zh="W | 宽：几列 | 640", en="W | width: how many columns | 640")
def test_the_rows_of_the_table_are_the_axes_of_the_photograph(chapter):
    batch = chapter["nchw"].names["batch"]
    photo, _ = photo_of_scikit_learn()
    assert batch.shape == (1, 3, 427, 640)
    assert np.allclose(batch[0].numpy(), photo.transpose(2, 0, 1), atol=1e-6)  # one photograph; colours, rows, columns
    for c, name in enumerate(("red", "green", "blue")):  # the file's own order of colours
        assert np.allclose(batch[0, c].numpy(), photo[:, :, ("red", "green", "blue").index(name)], atol=1e-6)
    conv = chapter["nchw"].names["conv"]
    both = conv(torch.cat([batch, batch.flip(3)])).detach()
    assert both.shape[0] == 2 and torch.allclose(both[:1], conv(batch), atol=1e-5)  # N: samples don't mix


@pytest.mark.claim(
    zh="输出的每个通道叫一张特征图（feature map）：某一种特征在图上各处有多强。",
    en="Each channel of the output is called a feature map: how strong one feature is at each place of the picture.",
)
@pytest.mark.claim(
    zh="权重的形状是 (8, 3, 5, 5)：一共 8 个卷积核，每个都有 3 片，一片对一个输入通道。",
    en="The weight has the shape (8, 3, 5, 5): there are 8 kernels, and each has 3 slices, one for each channel of the input.",
)
@pytest.mark.claim(
    zh="三片的结果加在一起，再加上这个核的偏置，就是一张特征图：",
    en="The results of the three slices and the kernel’s bias are added up, and that is one feature map:",
)
@pytest.mark.ledger("n1-10")
def test_each_output_channel_is_one_kernel_summed_over_the_input_channels(chapter):
    assert chapter["channels"].value is True
    names = chapter["channels"].names
    weight, bias = names["conv"].weight.detach().numpy(), names["conv"].bias.detach().numpy()
    assert weight.shape == (8, 3, 5, 5) and bias.shape == (8,)
    small = names["small"].numpy()
    out = names["conv"](names["small"]).detach()
    expected = [sum(slide(small[c], weight[o, c]) for c in range(3)) + bias[o] for o in range(8)]
    assert np.allclose(out, expected, atol=1e-5)
    assert np.allclose(torch.stack(names["maps"]).detach(), expected, atol=1e-5)
    for o in range(8):  # a channel of the output is the work of one kernel
        other = nn.Conv2d(3, 8, 5)
        other.load_state_dict(names["conv"].state_dict())
        nn.init.zeros_(other.weight[o])
        changed = (other(names["small"]) - out).abs().flatten(1).amax(dim=1) > 1e-4
        assert changed.nonzero().flatten().tolist() == [o]


@pytest.mark.claim(zh="和手写的一致，只差舍入误差，所以用 allclose。", en="The same as by hand, but for rounding, hence allclose.")
@pytest.mark.claim(zh="有几个卷积核，输出就有几个通道。", en="There are as many output channels as kernels.")
@pytest.mark.claim(zh="small 只有三个轴。", en="small has only three axes.")
@pytest.mark.claim(zh="输入只有一个样本时，N 可以不写，输出也就没有 N。", en="With a single sample you may leave out N, and then the output has no N either.")
def test_by_hand_is_the_same_but_for_rounding_and_n_may_be_left_out(chapter):
    names = chapter["channels"].names
    conv, small, by_hand = names["conv"], names["small"], torch.stack(names["maps"])
    difference = (conv(small) - by_hand).abs().max().item()
    assert 0 < difference < 1e-5 and not torch.equal(conv(small), by_hand)
    for out in (1, 2, 7):
        assert nn.Conv2d(3, out, 5)(small).shape[0] == out == len(nn.Conv2d(3, out, 5).weight)
    assert small.dim() == 3 and conv(small).dim() == 3 and conv(small[None]).dim() == 4
    assert conv(small).shape == (8, 16, 26) and torch.allclose(conv(small[None])[0], conv(small), atol=1e-5)
    with pytest.raises(RuntimeError, match="to have 3 channels"):
        conv(torch.stack([small, small], dim=3).permute(3, 1, 2, 0))


@pytest.mark.claim(
    zh="in_channels 是图片的通道数，kernel_size 由训练调整。",
    en="in_channels is the number of channels of the picture, and kernel_size is adjusted by training.",
)
@pytest.mark.claim(zh="前一半只对第一层成立。", en="The first half is true of the first layer only.")
@pytest.mark.claim(zh="两层接起来看：", en="Put a second behind it:")
@pytest.mark.claim(
    zh="第二层的输入是第一层给出的 8 张特征图，所以它的 in_channels 是 8。",
    en="The input of the second layer is the 8 feature maps of the first, so its in_channels is 8.",
)
@pytest.mark.ledger("n2-23")
def test_in_channels_is_that_of_the_layers_input(chapter):
    assert "`in_channels` 是图片的通道数，`kernel_size` 由训练调整" in old_notes("n2-23")["zh"]
    assert "`in_channels` is that of the picture, `kernel_size` is adjusted by training" in old_notes("n2-23")["en"]
    names = chapter["stack"].names
    assert names["first"].in_channels == names["photo"].shape[0] == 3 != names["second"].in_channels
    assert names["second"].in_channels == names["first"].out_channels == names["first"](names["batch"]).shape[1] == 8
    assert lines(chapter, "stack") == ["torch.Size([16, 8, 3, 3]) torch.Size([1, 16, 421, 634])"]
    with pytest.raises(RuntimeError, match="to have 8 channels, but got 3"):
        names["second"](names["batch"])


@pytest.mark.claim(
    zh="后一半要分清：kernel_size 是你定的，造好就不变；训练改的是核里面的数。",
    en="As for the second half: you choose kernel_size, and it stays; training changes the numbers in the kernel.",
)
@pytest.mark.claim(
    zh="先用前面的核 k 算出答案，再让一个权重随机的卷积层照着答案学（梯度见自动求导）：",
    en="Compute answers with our kernel k, and let a layer with random weights imitate them (on gradients, see Autograd):",
)
@pytest.mark.claim(
    zh="一百步之后，精确到三位小数，九个权重是 −1、0、1，各在自己那一列；kernel_size 前后都是 (3, 3)。",
    en="A hundred steps later, the nine weights are −1, 0 and 1, each in its column, to three decimals; kernel_size is (3, 3) before and after.",
)
@pytest.mark.claim(zh="这一层从没见过那个核，它只有输入和答案。", en="The layer never saw the kernel: it had only inputs and answers.")
@pytest.mark.ledger("n2-23")
def test_training_changes_the_weights_and_never_the_kernel_size(chapter):
    names, out = chapter["learn"].names, chapter["learn"].stdout
    assert out.count("(3, 3) ") == 2 and names["learner"].kernel_size == (3, 3)
    noise, target = names["noise"][0, 0].numpy(), names["target"][0, 0].numpy()
    assert np.allclose(target, slide(noise, KERNEL), atol=1e-4) and names["step"] == 100 - 1
    before, after = ([float(n) for n in re.findall(r"-?\d+\.\d*", part)] for part in out.split("(3, 3)")[1:])
    assert after == KERNEL.ravel().tolist() and len(before) == 9 and "-0." not in out.split("(3, 3)")[2]
    assert np.allclose(names["learner"].weight.detach()[0, 0], KERNEL, atol=5e-4)
    assert np.abs(before).max() <= 1 / 3 < 1  # the bound of the default initialisation: 1 / sqrt(9)
    # inputs and answers alone are enough: the same descent in NumPy, from the weights that it printed
    windows = np.lib.stride_tricks.sliding_window_view(noise.astype(float), (3, 3)).reshape(-1, 9)
    w = np.array(before)
    for _ in range(100):
        w -= 0.1 * 2 / len(windows) * windows.T @ (windows @ w - target.ravel())
    assert np.allclose(w, names["learner"].weight.detach().numpy().ravel(), atol=1e-4)


@pytest.mark.claim(
    zh="Conv2d 产生一个卷积核；kernel_size 是一个整数，或者“长和宽”的元组。",
    en="Conv2d produces a convolution kernel; kernel_size is an integer, or a tuple of “length and width”.",
)
@pytest.mark.claim(zh="不是一个，是 out_channels 个。", en="Not one kernel but out_channels of them.")
@pytest.mark.claim(zh="给整数，核是正方形。", en="An integer makes the kernel square.")
@pytest.mark.ledger("n3-01")
def test_a_layer_has_out_channels_kernels_and_an_integer_makes_them_square(chapter):
    said = old_notes("n3-01")
    assert "产生一个卷积核" in said["zh"] and "`kernel_size` 是整数，或者“长和宽”的元组" in said["zh"]
    assert "produces a convolution kernel" in said["en"] and "`kernel_size` an int or a tuple of “length and width”" in said["en"]
    for out, size in product((1, 5, 8), (1, 4)):
        layer = nn.Conv2d(2, out, kernel_size=size)
        assert layer.weight.shape == (out, 2, size, size) and layer.kernel_size == (size, size)


@pytest.mark.claim(zh="给元组，顺序和形状里一样，先高后宽：", en="A tuple goes in the order of the shape, height and then width:")
@pytest.mark.claim(zh="(3, 7) 是 3 行 7 列：输出的高少了 2，宽少了 6。", en="(3, 7) is 3 rows by 7 columns: the height lost 2, the width 6.")
@pytest.mark.claim(zh="stride、padding、dilation 的元组也都是先高后宽。", en="Tuples for stride, padding and dilation are height first as well.")
@pytest.mark.ledger("n3-01")
def test_a_tuple_is_height_first(chapter):
    assert lines(chapter, "tuple") == ["torch.Size([1, 1, 3, 7])", f"torch.Size([1, 1, {427 - 2}, {640 - 6}])"]
    assert seen_by(chapter["tuple"].names["flat"], (1, 1, 9, 9), (0, 0, 0, 0)).sum(axis=0).tolist() == [3] * 7 + [0] * 2
    picture = torch.zeros(1, 2, 20, 20)
    assert nn.Conv2d(2, 5, 1, stride=(2, 5))(picture).shape[2:] == (10, 4)
    assert nn.Conv2d(2, 5, 1, padding=(1, 3))(picture).shape[2:] == (22, 26)
    assert nn.Conv2d(2, 5, 3, dilation=(1, 4))(picture).shape[2:] == (18, 12)


# ---- feature maps ----------------------------------------------------------------------------


def tiny_edges(x, axis):
    """Sums of three differences two cells apart: along the rows (axis 1) or the columns (axis 0)."""
    x = x if axis == 1 else x.T
    difference = x[:, 2:] - x[:, :-2]
    summed = difference[:-2] + difference[1:-1] + difference[2:]
    return summed if axis == 1 else summed.T


def shown_maps(chapter):
    """{title: what is drawn} of the figure of feature maps, in order."""
    (figure,) = chapter["feature-maps"].figures
    return {ax.get_title(): np.asarray(ax.images[0].get_array()) for ax in figure.axes}


@pytest.mark.claim(zh="特征图可以画出来。", en="Feature maps can be drawn.")
@pytest.mark.claim(zh="除了一个什么也不改的核，下面是三个手挑的核：", en="Here are three kernels chosen by hand, after one that changes nothing:")
@pytest.mark.claim(zh="blur 取 5 × 5 一块的平均，照片就模糊了；", en="blur gives the mean of each 5 × 5 patch, and the photograph goes soft;")
@pytest.mark.claim(zh="同一张照片，三个卷积核。", en="One photograph, three kernels.")
@pytest.mark.ledger("n1-10")
def test_the_feature_maps_are_what_numpy_makes_of_the_photograph(chapter):
    tiny = photo_of_scikit_learn()[1][::5, ::5]
    expected = {"photograph": tiny, "blur": slide(tiny, np.full((5, 5), 1 / 25)),
                "right minus left": tiny_edges(tiny, axis=1), "lower minus upper": tiny_edges(tiny, axis=0)}
    shown = shown_maps(chapter)
    assert list(shown) == list(expected) == list(chapter["feature-maps"].names["kernels"])
    for title, picture in shown.items():
        assert np.allclose(picture, expected[title], atol=1e-4), title
    assert shown["blur"][3, 4] == pytest.approx(tiny[3:8, 4:9].mean(), abs=1e-4)
    assert np.abs(np.diff(shown["blur"])).mean() < 0.6 * np.abs(np.diff(tiny)).mean()  # softer
    assert chapter["feature-maps"].figures[0].axes[0].images[0].get_cmap().name == "gray"


@pytest.mark.claim(
    zh="right minus left 对左右的变化有反应，对横线没有；",
    en="right minus left answers to changes from side to side, and not to level lines;",
)
@pytest.mark.claim(
    zh="lower minus upper 是它的转置：对上下的变化有反应，对竖线没有。",
    en="lower minus upper is its transpose: it answers to changes from top to bottom, and not to upright lines.",
)
@pytest.mark.claim(zh="天空在后两张里接近 0：那里几乎没有变化。", en="In the last two, the sky is close to 0: there is hardly a change.")
def test_one_kernel_answers_to_changes_sideways_and_its_transpose_to_changes_downwards(chapter):
    kernels = {name: kernel.numpy() for name, kernel in chapter["feature-maps"].names["kernels"].items()}
    sideways, downwards = kernels["right minus left"], kernels["lower minus upper"]
    assert sideways.tolist() == KERNEL.tolist() and downwards.tolist() == [[-1, -1, -1], [0, 0, 0], [1, 1, 1]]
    upright = np.array([[0, 0, 0, 1, 1, 1]] * 6)
    assert np.abs(slide(upright, sideways)).max() == 3 and not slide(upright, downwards).any()
    assert np.abs(slide(upright.T, downwards)).max() == 3 and not slide(upright.T, sideways).any()
    for name in ("right minus left", "lower minus upper"):
        shown = shown_maps(chapter)[name]
        assert np.abs(shown[:15, 80:]).max() < 0.1 * np.abs(shown).max()  # the top right of the photograph


@pytest.mark.claim(
    zh="四幅图：左上是原照片，湖边一座屋檐层层外挑的楼阁，天空均匀；右上是模糊后的照片。",
    en="Four pictures: top left the photograph, a tower with roofs that jut out, by a lake, under an even sky; top right the same, blurred.",
)
@pytest.mark.claim(
    zh="左下是“右减左”：天空是均匀的灰，竖直的轮廓有亮有暗，非常清楚。",
    en="Bottom left, right minus left: the sky is an even grey, and upright outlines stand out, bright or dark.",
)
@pytest.mark.claim(
    zh="右下是“下减上”：天空也是均匀的灰，横向的线条非常清楚。",
    en="Bottom right, lower minus upper: the sky is an even grey again, and level lines stand out.",
)
@pytest.mark.claim(
    zh="下面两幅里，灰色是“没有变化”，亮和暗是两个相反方向的变化。",
    en="In the lower two, grey means no change; bright and dark are changes in opposite directions.",
)
def test_the_figure_shows_four_pictures_and_in_the_lower_two_grey_is_no_change(chapter):
    (figure,) = chapter["feature-maps"].figures
    corners = [(ax.get_position().y0 < 0.5, ax.get_position().x0 > 0.4) for ax in figure.axes]
    assert corners == [(False, False), (False, True), (True, False), (True, True)]
    shown = shown_maps(chapter)
    assert list(shown) == ["photograph", "blur", "right minus left", "lower minus upper"]
    assert shown["photograph"][:15, 80:].std() < 0.1 * shown["photograph"].std()  # an even sky
    for ax in figure.axes[2:]:
        image = ax.images[0]
        low, zero, high = (float(image.norm(value)) for value in (image.get_array().min(), 0, image.get_array().max()))
        assert low == 0 and high == pytest.approx(1) and 0.35 < zero < 0.65  # grey in a scale from black to white
        sky = image.norm(image.get_array()[:15, 80:])
        assert np.abs(sky - zero).max() < 0.06
    upright = np.array([[0, 0, 0, 1, 1, 1, 0, 0, 0]] * 6)  # a bright bar: one outline bright, the other dark
    assert slide(upright, KERNEL).max() == 3 and slide(upright, KERNEL).min() == -3
    assert slide(upright.T, KERNEL.T).max() == 3 and slide(upright.T, KERNEL.T).min() == -3


# ---- padding ---------------------------------------------------------------------------------


@pytest.mark.claim(
    zh="每过一层 3 × 3，图的四边就各少一格；而且角上的像素只被看到一次，中间的被看到九次。",
    en="Every 3 × 3 layer takes one cell off each side, and a pixel in the corner is looked at once where one in the middle is looked at nine times.",
)
@pytest.mark.claim(
    zh="在图的外围补上一圈，叫填充（padding）；这样大小不变，角上也会被看到四次：",
    en="A rim around the picture, called padding, keeps the size, and the corner is looked at four times:",
)
def test_a_corner_is_looked_at_once_and_with_a_rim_four_times():
    for size in (5, 8):
        for padding, corner in ((0, 1), (1, 4)):
            looks = np.zeros((size + 2 * padding, size + 2 * padding))
            for i, j in product(range(size + 2 * padding - 2), repeat=2):
                looks[i : i + 3, j : j + 3] += 1
            looks = looks[padding : padding + size, padding : padding + size]
            x = torch.ones(1, 1, size, size, requires_grad=True)
            y = F.conv2d(x, torch.ones(1, 1, 3, 3), padding=padding)
            y.sum().backward()
            assert x.grad[0, 0].tolist() == looks.tolist() and looks[0, 0] == corner and looks[2, 2] == 9
            assert y.shape[-1] == size - 2 + 2 * padding  # one cell less on each side, or the same


@pytest.mark.claim(
    zh="最右一列是 −18、−27……而原图那一侧明明是一片均匀的 9：对这个核来说，从 9 掉到外围的 0，是一道很强的边缘。",
    en="The last column is −18, −27 and so on, although the picture is an even 9 on that side: to this kernel, from 9 down to the 0 of the rim is a strong edge.",
)
def test_a_rim_of_zeros_looks_like_an_edge_and_one_of_nines_does_not(chapter):
    y = chapter["padding"].names["y"][0, 0]
    assert y.shape == (5, 5) and y[:, -1].tolist() == [-18, -27, -27, -27, -18]
    assert (PICTURE[:, -2:] == 9).all() and y[2, -1] == 3 * (0 - 9)
    assert slide(np.pad(PICTURE, 1, mode="edge"), KERNEL)[:, -1].tolist() == [0] * 5


@pytest.mark.claim(zh="默认是 0，也就是不填充；要填，默认填零。", en="The default is 0, no padding; if there is some, it is zeros.")
@pytest.mark.claim(
    zh="padding_mode 还可以是 reflect，像照镜子，以最边上的数为镜面；replicate，重复最边上的数；circular，首尾相接。",
    en="The other values of padding_mode are reflect, a mirror on the outermost number, replicate, which repeats that number, and circular, which joins the end to the beginning.",
)
@pytest.mark.ledger("n0-17")
def test_by_default_there_is_no_padding_and_there_are_four_modes(chapter):
    assert lines(chapter, "default")[0] == "(0, 0) zeros"
    defaults = inspect.signature(nn.Conv2d).parameters
    assert defaults["padding"].default == 0 and defaults["padding_mode"].default == "zeros"
    numpy_modes = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    for mode, how in numpy_modes.items():  # a kernel of size 1 and weight 1 hands on what it sees
        layer = nn.Conv1d(1, 1, 1, padding=2, padding_mode=mode, bias=False)
        nn.init.ones_(layer.weight)
        assert layer(torch.tensor([[1.0, 2, 3, 4, 5]]))[0].tolist() == np.pad([1, 2, 3, 4, 5], 2, mode=how).tolist()
    assert np.pad([1, 2, 3], 1, mode="reflect").tolist() == [2, 1, 2, 3, 2] and np.pad([1, 2, 3], 1, mode="edge").tolist() == [1, 1, 2, 3, 3]
    assert np.pad([1, 2, 3], 1, mode="wrap").tolist() == [3, 1, 2, 3, 1]
    with pytest.raises(ValueError, match="padding_mode must be one of") as refused:
        nn.Conv2d(1, 1, 3, padding_mode="bias")
    assert sorted(re.findall(r"'(\w+)'", str(refused.value).split("but got")[0])) == sorted(numpy_modes)


@pytest.mark.claim(
    zh="步幅为 1、不膨胀时，奇数的核填 (大小 − 1) ÷ 2 圈，大小就不变。",
    en="With stride 1 and no dilation, an odd kernel keeps the size if the rim is (size − 1) ÷ 2 wide.",
)
@pytest.mark.claim(zh="写成 padding=\"same\"，它替你算，只是步幅必须是 1。", en="padding=\"same\" works that out; it refuses any stride but 1.")
def test_half_of_an_odd_kernel_keeps_the_size(chapter):
    assert lines(chapter, "default")[1] == "torch.Size([1, 1, 5, 5]) torch.Size([1, 1, 5, 5])"
    for n, size in product((5, 8), (1, 3, 5, 7)):
        assert places(n, size, p=(size - 1) // 2) == n
        assert all(places(n, size, p=p) != n for p in range(4) if p != (size - 1) // 2)
        assert nn.Conv2d(1, 1, size, padding=(size - 1) // 2)(torch.zeros(1, 1, n, n)).shape[2:] == (n, n)
        assert nn.Conv2d(1, 1, size, padding="same")(torch.zeros(1, 1, n, n)).shape[2:] == (n, n)
    assert all(places(8, size, p=p) != 8 for size in (2, 4) for p in range(4))  # no number will do for an even one
    assert places(8, 3, s=2, p=1) != 8 and places(8, 3, p=1, d=2) != 8
    for stride in (2, 3):
        with pytest.raises(ValueError, match="padding='same' is not supported for strided convolutions"):
            nn.Conv2d(3, 8, 3, stride=stride, padding="same")


@pytest.mark.claim(zh="一篇博客说，填充的不是 0，而是偏置。", en="A blog says that padding fills with the bias, not with zeros.")
@pytest.mark.claim(
    zh="造一个层，九个权重都是 1，偏置是 10，先喂给它一张全是 0 的图，再喂一张全是 1 的图：",
    en="Make a layer whose nine weights are 1 and whose bias is 10, and feed it a picture of zeros and a picture of ones:",
)
@pytest.mark.claim(
    zh="全 0 的图，处处是 10，边上也是：误会也许就是这么来的。",
    en="With zeros, it is 10 everywhere, at the border too: that may be where the mix-up came from.",
)
@pytest.mark.claim(zh="可那是加权和 0，再加上偏置。", en="But it is the weighted sum, 0, and then the bias.")
@pytest.mark.ledger("n0-17")
def test_a_picture_of_zeros_gives_the_bias_everywhere(chapter):
    assert "填充的不是 0，而是偏置" in old_notes("n0-17")["zh"] and "一篇博客" in old_notes("n0-17")["zh"]
    assert "A blog said that padding fills with the bias, not with zeros" in old_notes("n0-17")["en"]
    conv = chapter["not-bias"].names["conv"]
    assert conv.bias.item() == 10 and conv.weight.detach().numpy().tolist() == [[[[1.0] * 3] * 3]] and conv.padding == (1, 1)
    shown = shown_numbers(chapter)
    assert shown[0].tolist() == (slide(np.zeros((3, 3)), np.ones((3, 3)), padding=1) + 10).tolist() == [[10] * 3] * 3
    assert shown[1].tolist() == (slide(np.ones((3, 3)), np.ones((3, 3)), padding=1) + 10).tolist()
    assert slide(np.zeros((3, 3)), np.ones((3, 3)), padding=1)[0, 0] == 0


def shown_numbers(chapter):
    """The two matrices (3, 3) that the cell about the bias prints."""
    return np.array([float(n) for n in re.findall(r"\d+\.", chapter["not-bias"].stdout)]).reshape(2, 3, 3)


@pytest.mark.claim(zh="全 1 的图，角上的窗口里有 4 个 1，还有 5 格在图外。", en="With ones, a corner has 4 ones in its window and 5 cells outside.")
@pytest.mark.claim(
    zh="外围是 0，就是 4 + 0 + 10 = 14；外围是偏置，就该是 4 + 50 + 10 = 64。",
    en="Zeros in the rim give 4 + 0 + 10 = 14; the bias would give 4 + 50 + 10 = 64.",
)
@pytest.mark.claim(zh="答案是 14：填的是 0，偏置是算完才加的。", en="It is 14: padding is zeros, and the bias is added afterwards.")
@pytest.mark.ledger("n0-17")
def test_padding_is_zeros_and_the_bias_is_added_afterwards(chapter):
    ones = np.ones((3, 3))
    window = np.pad(ones, 1)[:3, :3]
    assert window.sum() == 4 and (np.pad(ones, 1, constant_values=np.nan)[:3, :3] != ones).sum() == 5
    assert shown_numbers(chapter)[1][0, 0] == slide(ones, ones, padding=1)[0, 0] + 10 == 14
    with_bias = np.pad(ones, 1, constant_values=10)[:3, :3]
    assert with_bias.sum() == 4 + 50 and with_bias.sum() + 10 == 64


# ---- stride, dilation ------------------------------------------------------------------------


@pytest.mark.claim(zh="步幅（stride）默认是 1。", en="The stride is 1 by default.")
@pytest.mark.claim(zh="改成 2，窗口就每次挪两格：", en="With 2, the window moves two cells at a time:")
@pytest.mark.claim(
    zh="这四个数，就是步幅为 1 的九个数里隔行隔列留下的那几个：",
    en="These four numbers are what is left of the nine if you keep every second row and every second column:",
)
def test_a_stride_of_2_keeps_every_second_row_and_column(chapter):
    assert inspect.signature(nn.Conv2d).parameters["stride"].default == 1 and nn.Conv2d(1, 1, 3).stride == (1, 1)
    assert chapter["skipped"].value is True and chapter["stride"].names["y"].numel() == 4
    assert slide(PICTURE, KERNEL, stride=2).tolist() == slide(PICTURE, KERNEL)[::2, ::2].tolist() == [[8, 16], [24, 0]]
    assert slide(PICTURE, KERNEL).size == 9
    tops = [np.argwhere(seen_by(nn.Conv2d(1, 1, 3, stride=2), (1, 1, 9, 9), (0, 0, i, 0)))[0, 0] for i in range(3)]
    assert tops == [0, 2, 4]


@pytest.mark.claim(zh="图大的时候，这样省掉大约四分之三的计算。", en="On a large picture, this saves about three quarters of the arithmetic.")
@pytest.mark.claim(zh="池化也能把图变小。", en="Pooling makes pictures smaller too.")
def test_stride_2_saves_three_quarters_and_pooling_shrinks_too():
    scene = torch.zeros(1, 1, 427, 640)
    one, two = (nn.Conv2d(1, 1, 3, stride=stride)(scene)[0, 0].numel() for stride in (1, 2))  # 9 products for each number
    assert 0.745 < 1 - two / one < 0.755
    assert nn.MaxPool2d(2)(scene).shape == (1, 1, 213, 320)


@pytest.mark.claim(zh="核做大了，看得更远，权重也更多。", en="A larger kernel sees further, and has more weights.")
@pytest.mark.claim(zh="膨胀（dilation）换个办法：权重还是九个，只是撑开。", en="Dilation keeps the nine weights and spreads them out.")
@pytest.mark.claim(
    zh="旧笔记里，动画要到别的网站看；这里我们自己画，用的是 F.pad 扩成 7 × 7 的图：",
    en="The old notes left the animation to another site; here is ours, on the picture enlarged to 7 × 7 by F.pad:",
)
@pytest.mark.ledger("n0-16")
def test_dilation_spreads_the_nine_weights_that_a_larger_kernel_adds_to(chapter):
    for size in (3, 5, 7):
        assert seen_by(nn.Conv2d(1, 1, size), (1, 1, 9, 9), (0, 0, 0, 0)).sum() == size**2 == nn.Conv2d(1, 1, size).weight.numel()
    dilated = nn.Conv2d(1, 1, 3, dilation=2)
    seen = seen_by(dilated, (1, 1, 9, 9), (0, 0, 0, 0))
    assert dilated.weight.numel() == 9 == seen.sum() and np.argwhere(seen).max() == 4 and seen[::2, ::2][:3, :3].all()
    assert "动画要到别的网站看" in old_notes("n0-16")["zh"] and "animations of convolution arithmetic on another site" in old_notes("n0-16")["en"]
    assert chapter["dilation"].names["wide"].shape == (1, 1, 7, 7)
    assert chapter["dilation"].names["wide"][0, 0].tolist() == np.pad(PICTURE, 1, mode="edge").tolist()


@pytest.mark.claim(
    zh="膨胀为 d，相邻的权重就相隔 d 格，k 个权重一共覆盖 d(k − 1) + 1 格：这里是 2 × 2 + 1 = 5。",
    en="With a dilation of d, neighbouring weights lie d cells apart, and k of them span d(k − 1) + 1 cells, here 2 × 2 + 1 = 5.",
)
@pytest.mark.claim(
    zh="它等于一个中间塞了 0 的 5 × 5 的核，所以也叫空洞卷积（atrous convolution）：",
    en="That is the same as a 5 × 5 kernel with zeros between the weights; it is also called atrous convolution, “with holes”:",
)
@pytest.mark.claim(zh="而这一层的权重仍是 3 × 3，一个不多。", en="The weight of the layer is still 3 × 3, not one number more.")
@pytest.mark.ledger("n0-16")
def test_a_dilated_kernel_is_a_wider_one_with_holes_and_no_more_weights(chapter):
    assert lines(chapter, "holes")[-2:] == ["True", "torch.Size([1, 1, 3, 3])"]
    holes = np.kron(KERNEL, [[1, 0], [0, 0]])[:5, :5]
    assert chapter["holes"].names["holes"][0, 0].tolist() == holes.tolist()
    wide = np.pad(PICTURE, 1, mode="edge")
    assert slide(wide, holes).tolist() == slide(wide, KERNEL, dilation=2).tolist()
    for k, d in product(range(1, 6), range(1, 5)):  # the span, seen in the gradient of one output
        layer = nn.Conv1d(1, 1, k, dilation=d)
        touched = np.argwhere(seen_by(layer, (1, 1, 40), (0, 0, 0)).ravel()).ravel().tolist()
        assert touched == [d * i for i in range(k)] and touched[-1] - touched[0] + 1 == d * (k - 1) + 1
        assert layer.weight.numel() == k
    assert np.argwhere(holes).max() - np.argwhere(holes).min() + 1 == 5
    assert "à trous" in nn.Conv2d.__doc__  # French for "with holes"


@pytest.mark.claim(
    zh="输出里的一个像素，受输入里哪一块影响，那一块就叫它的感受野（receptive field）。",
    en="The part of the input that one pixel of the output depends on is called its receptive field.",
)
@pytest.mark.claim(
    zh="对输出正中的那个像素求梯度，输入里梯度不为 0 的地方，就是它看得到的地方：",
    en="Take the gradient of the pixel in the middle: where it is not 0, the input is seen:",
)
@pytest.mark.claim(
    zh="同样是三层、每层九个权重，不膨胀，看到 7 × 7；膨胀依次取 1、2、4，看到 15 × 15。",
    en="Three layers with nine weights each see 7 × 7 without dilation, and 15 × 15 with dilations of 1, 2 and 4.",
)
@pytest.mark.ledger("n0-16")
def test_dilated_layers_see_further_with_as_many_weights(chapter):
    assert lines(chapter, "sees") == ["(1, 1, 1) sees 7 x 7", "(1, 2, 4) sees 15 x 15"]
    for dilations, side in (((1, 1, 1), 7), ((1, 2, 4), 15)):
        net = nn.Sequential(*[nn.Conv2d(1, 1, 3, padding=d, dilation=d) for d in dilations])
        assert [layer.weight.numel() for layer in net] == [9, 9, 9] and side == 1 + 2 * sum(dilations)
        seen = seen_by(net, (1, 1, 21, 21), (0, 0, 10, 10))
        scene = torch.randn(1, 1, 21, 21)  # change what is outside, and the pixel stays; change what is inside, and it moves
        outside, inside = scene.clone(), scene.clone()
        outside[0, 0][torch.tensor(~seen)] = 99
        inside[0, 0, 10 - side // 2, 10 - side // 2] += 99
        middle = [net(s)[0, 0, 10, 10].item() for s in (scene, outside, inside)]
        assert middle[0] == middle[1] != middle[2]
        assert seen.any(axis=0).sum() == seen.any(axis=1).sum() == side
    layers = chapter["sees"].names["layers"]
    assert [layer.weight.numel() for layer in layers] == [9, 9, 9] and [layer.dilation[0] for layer in layers] == [1, 2, 4]


# ---- size ------------------------------------------------------------------------------------


@pytest.mark.claim(
    zh="填充、步幅、膨胀合在一起，每条边的输出长度是：",
    en="Padding, dilation and stride together make each side of the output this many cells long:",
)
@pytest.mark.claim(
    zh="$$ \\left\\lfloor \\frac{n + 2p - d(k - 1) - 1}{s} \\right\\rfloor + 1 $$",
    en="$$ \\left\\lfloor \\frac{n + 2p - d(k - 1) - 1}{s} \\right\\rfloor + 1 $$",
)
@pytest.mark.claim(
    zh="每条边的输出长度是 ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1。",
    en="Each side of the output is ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1 cells long.",
)
@pytest.mark.ledger("n0-16")
def test_the_size_formula_counts_the_places_where_a_kernel_can_stand(chapter):
    output_size = chapter["size"].names["output_size"]
    for n, k, s, p, d in product(range(5, 11), range(1, 5), range(1, 4), range(3), range(1, 4)):
        if places(n, k, s, p, d):
            floor = np.floor((n + 2 * p - d * (k - 1) - 1) / s)
            assert output_size(n, k, s, p, d) == places(n, k, s, p, d) == floor + 1
            assert F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), None, s, p, d).shape[2] == places(n, k, s, p, d)
        else:
            with pytest.raises(RuntimeError, match="greater than actual input size"):
                F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), None, s, p, d)
    assert output_size(9, 3) == 7  # the defaults are those of the layer
    assert [output_size(9, 3, **{name: 2}) for name in "spd"] == [places(9, 3, **{name: 2}) for name in "spd"]
    height, width = places(427, 5, 2, 1, 3), places(640, 5, 2, 1, 3)
    assert lines(chapter, "size") == [f"torch.Size([1, 8, {height}, {width}])", f"{height} {width}"]


@pytest.mark.claim(
    zh="n 是输入的长度，k 是核的大小，p 是填充，d 是膨胀，s 是步幅；⌊ ⌋ 表示向下取整，Python 里写作 //。",
    en="Here n is the length of the input, k the size of the kernel, p the padding, d the dilation and s the stride; ⌊ ⌋ rounds down, as // does in Python.",
)
@pytest.mark.claim(zh="填充之后，长 n + 2p。", en="Padded, the input has n + 2p cells.")
@pytest.mark.claim(
    zh="核占去 d(k − 1) + 1 格，剩下的用来挪，每次 s 格。",
    en="The kernel takes up d(k − 1) + 1 of them; the rest is for moves of s cells each.",
)
@pytest.mark.claim(zh="数出能挪几个整次，再加上最初站定的那一次。", en="Count the whole ones, and add the place where the kernel stood first.")
def test_the_formula_is_the_place_where_it_stands_first_and_the_whole_moves_after_it():
    assert 7 // 2 == 3 and -7 // 2 == -4  # // rounds down
    for n, k, s, p, d in product(range(5, 11), range(1, 5), range(1, 4), range(3), range(1, 4)):
        padded, span = len(np.pad(np.zeros(n), p)), len(range(0, d * (k - 1) + 1))
        assert padded == n + 2 * p and span == max(d * tap for tap in range(k)) + 1
        rest, moves = padded - span, 0
        if rest < 0:
            continue
        while rest >= s:  # one move of s cells at a time
            rest, moves = rest - s, moves + 1
        shape = F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), None, stride=s, padding=p, dilation=d).shape
        assert 1 + moves == shape[2]


@pytest.mark.claim(
    zh="除不尽的时候，填充后的图右边和下边最后的几格，窗口从来不看。",
    en="If the division leaves a remainder, the last cells of the padded picture on the right and at the bottom are never looked at.",
)
def test_cells_left_over_on_the_right_and_at_the_bottom_are_never_looked_at():
    for n, s in product(range(5, 10), (2, 3)):
        x = torch.zeros(1, 1, n, n, requires_grad=True)
        F.conv2d(x, torch.ones(1, 1, 3, 3), stride=s).sum().backward()
        left_over = (n - 3) % s
        assert (x.grad[0, 0, 0] != 0)[: n - left_over].all() and not x.grad[0, 0, :, n - left_over :].any()
        assert (x.grad[0, 0, :, 0] != 0)[: n - left_over].all() and not x.grad[0, 0, n - left_over :].any()
        x.grad = None
        F.conv2d(x, torch.ones(1, 1, 3, 3), stride=s, padding=1).sum().backward()
        last = n + 2 - (n - 1) % s - 1  # the cells of the padded picture that are looked at, less the one of the left rim
        assert (x.grad[0, 0, 0] != 0)[:last].all() and not x.grad[0, 0, :, last:].any()


# ---- groups ----------------------------------------------------------------------------------


def channels_seen(layer, channels, size=6):
    """[[channels of the input that a kernel looks at] for each kernel]."""
    found = []
    for o in range(layer.out_channels):
        x = torch.rand(1, channels, size, size, requires_grad=True)
        layer(x)[0, o].sum().backward()
        found.append(x.grad[0].flatten(1).any(dim=1).nonzero().flatten().tolist())
    return found


@pytest.mark.claim(zh="到现在为止，每个卷积核都看全部输入通道。", en="So far, each kernel has looked at all the channels of the input.")
@pytest.mark.claim(zh="groups 把通道分成几组，各算各的：", en="groups splits the channels into groups that are computed apart:")
@pytest.mark.claim(
    zh="4 个输入通道分成两组，前 4 个核只看通道 0、1，后 4 个只看 2、3。",
    en="4 input channels in two groups: the first 4 kernels look at channels 0 and 1 only, the last 4 at channels 2 and 3.",
)
@pytest.mark.claim(zh="所以权重的形状，完整的写法是 (out, in/groups, kH, kW)。", en="So the shape of the weight, in full, is (out, in/groups, kH, kW).")
@pytest.mark.ledger("n3-01")
def test_in_a_group_each_kernel_sees_only_its_own_channels(chapter):
    assert channels_seen(nn.Conv2d(4, 8, 3), 4) == [[0, 1, 2, 3]] * 8
    assert lines(chapter, "groups") == ["torch.Size([8, 2, 3, 3])"] and chapter["groups"].value is True
    names = chapter["groups"].names
    assert channels_seen(names["grouped"], 4) == [[0, 1]] * 4 + [[2, 3]] * 4
    weight, bias = (p.detach().numpy() for p in names["grouped"].parameters())
    signal = names["signal"][0].numpy()
    expected = [sum(slide(signal[2 * (o // 4) + c], weight[o, c]) for c in range(2)) + bias[o] for o in range(8)]
    assert np.allclose(names["grouped"](names["signal"])[0].detach(), expected, atol=1e-5)
    for groups in (1, 2, 4):
        assert nn.Conv2d(8, 12, (3, 5), groups=groups).weight.shape == (12, 8 // groups, 3, 5)


@pytest.mark.claim(zh="groups 必须既能整除 in_channels，也能整除 out_channels。", en="groups has to divide both in_channels and out_channels.")
@pytest.mark.claim(
    zh="分到极致，每个通道自成一组，叫逐通道卷积（depthwise convolution）。",
    en="Taken to the end, every channel is a group of its own, which is called depthwise convolution.",
)
@pytest.mark.claim(zh="它不混合通道，所以后面常接一个 1 × 1 的卷积，专管混合：", en="It mixes no channels, so often a 1 × 1 convolution follows, which does:")
@pytest.mark.claim(zh="1 × 1 的核，看的是一个格子里的所有通道。", en="A 1 × 1 kernel sees all the channels of a single cell.")
def test_groups_divide_both_numbers_and_depthwise_mixes_nothing(chapter):
    for channels, out, groups in product(range(1, 7), range(1, 7), range(1, 4)):
        if channels % groups == out % groups == 0:
            assert nn.Conv2d(channels, out, 3, groups=groups).groups == groups
        else:
            with pytest.raises(ValueError, match="must be divisible by groups"):
                nn.Conv2d(channels, out, 3, groups=groups)
    names = chapter["depthwise"].names
    assert names["depthwise"].groups == names["depthwise"].in_channels == 32
    assert channels_seen(names["depthwise"], 32) == [[c] for c in range(32)]  # one channel in, one channel out
    assert channels_seen(names["pointwise"], 32) == [list(range(32))] * 64  # mixes them all
    assert seen_by(lambda x: names["pointwise"](x.expand(1, 32, 4, 4)), (4, 4), (0, 0, 1, 2)).sum() == 1  # in a single cell


@pytest.mark.claim(
    zh="288 + 2048 = 2336 个权重，而普通的一层要 18432 个，省到大约八分之一。",
    en="288 + 2048 = 2336 weights against the 18432 of an ordinary layer are about an eighth.",
)
@pytest.mark.claim(zh="给移动设备设计的 MobileNet 就是用它搭起来的。", en="MobileNet, made for mobile devices, is built from such pairs.")
def test_depthwise_and_pointwise_need_an_eighth_of_the_weights(chapter):
    names = chapter["depthwise"].names
    counts = {name: sum(p.numel() for p in names[name].parameters()) for name in ("ordinary", "depthwise", "pointwise")}
    assert counts == {"ordinary": 64 * 32 * 9, "depthwise": 32 * 9, "pointwise": 64 * 32} == {
        "ordinary": 18432, "depthwise": 288, "pointwise": 2048}
    assert lines(chapter, "depthwise") == ["torch.Size([64, 32, 3, 3]) 18432", "torch.Size([32, 1, 3, 3]) 288", "torch.Size([64, 32, 1, 1]) 2048"]
    pair = counts["depthwise"] + counts["pointwise"]
    assert pair == 2336 and 7.5 < counts["ordinary"] / pair < 8.5
    x = torch.randn(1, 32, 9, 9)
    assert names["pointwise"](names["depthwise"](x)).shape == names["ordinary"](x).shape
    assert fact("networks/convolution", "mobilenet") == ["mobile and embedded vision applications", "depth-wise separable convolutions"]


@pytest.mark.claim(zh="所以 grey 正好是一个 1 × 1 的卷积，三个权重都是 1/3：", en="So grey is a 1 × 1 convolution whose three weights are 1/3:")
def test_the_grey_photograph_is_a_1_by_1_convolution(chapter):
    assert chapter["pointwise"].value is True
    names = chapter["pointwise"].names
    assert names["thirds"].shape == (1, 3, 1, 1) and np.allclose(names["thirds"], 1 / 3)
    grey = photo_of_scikit_learn()[1]
    assert np.allclose(F.conv2d(names["photo"], names["thirds"])[0], grey, atol=1e-5)
    assert np.allclose(names["grey"], grey, atol=1e-5)


# ---- a block ---------------------------------------------------------------------------------


@pytest.mark.claim(
    zh="卷积后面常常接上 BatchNorm 和激活函数，这时卷积就写 bias=False。",
    en="Convolutions often come in blocks, followed by BatchNorm and an activation, and are then made with bias=False.",
)
@pytest.mark.claim(zh="torchvision 的 resnet18 里，20 个卷积全都是 bias=False。", en="All 20 convolutions in torchvision’s resnet18 have bias=False.")
def test_torchvision_builds_blocks_without_a_bias():
    doc = " ".join(torchvision.ops.Conv2dNormActivation.__doc__.split())
    assert "biases are included if ``norm_layer is None``" in doc
    block = torchvision.ops.Conv2dNormActivation(3, 8)
    assert [type(layer) for layer in block] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] and block[0].bias is None
    with torch.device("meta"):
        convolutions = [m for m in torchvision.models.resnet18().modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 20 and all(conv.bias is None for conv in convolutions)


@pytest.mark.claim(
    zh="训练模式下，BatchNorm 会减去每个通道在整批上的均值，而偏置在一个通道里处处是同一个数，也就一起被减掉了：",
    en="In training mode, BatchNorm subtracts the mean of each channel over the batch, and a bias, being the same number all over its channel, goes with it:",
)
@pytest.mark.claim(zh="这样的偏置，梯度除了舍入误差就是 0：它什么也学不到。", en="The gradient of such a bias is 0 but for rounding: it cannot learn.")
@pytest.mark.claim(
    zh="BatchNorm 有自己的偏置，每个通道一个数，减去均值之后才加。",
    en="BatchNorm has a bias of its own, one number for each channel, added after the mean is gone.",
)
def test_batch_norm_takes_the_bias_away_and_adds_its_own(chapter):
    assert lines(chapter, "block") == ["before BatchNorm: 5.0 more", "True"]
    names = chapter["block"].names
    assert [type(layer) for layer in names["block"]] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] and names["conv"].bias is None
    assert names["norm"].training and names["biased"].weight is names["conv"].weight and (names["biased"].bias == 5).all()
    data = names["data"]
    raw = names["conv"](data).detach().double().numpy()  # (16, 8, 12, 12)

    def by_hand(x, bias):
        mean, variance = x.mean(axis=(0, 2, 3), keepdims=True), x.var(axis=(0, 2, 3), keepdims=True)
        return (x - mean) / np.sqrt(variance + 1e-5) + bias[:, None, None]

    own = np.arange(8.0)
    norm = nn.BatchNorm2d(8)
    norm.bias.data.copy_(torch.tensor(own))
    assert norm.bias.shape == (8,) and np.allclose(norm(names["conv"](data)).detach(), by_hand(raw, own), atol=1e-4)
    assert np.allclose(by_hand(raw, own), by_hand(raw + 5, own)) and np.allclose(norm(names["biased"](data)).detach(), by_hand(raw, own), atol=1e-4)
    biased = nn.Conv2d(3, 8, 3, padding=1)
    (torch.relu(norm(biased(data))) ** 2).sum().backward()
    assert biased.bias.grad.abs().max() < 1e-4 * biased.weight.grad.abs().max() and norm.bias.grad.abs().min() > 1
    norm.eval()  # with running means, a bias would stay
    assert not torch.allclose(norm(names["conv"](data)), norm(names["biased"](data)), atol=0.1)


# ---- one and three dimensions ----------------------------------------------------------------


@pytest.mark.claim(zh="声音只有一条时间轴；视频有时间、高、宽三条。", en="Sound has one axis, time; a video has time, height and width.")
@pytest.mark.claim(zh="给它们用的是 Conv1d 和 Conv3d，轴少一个或多一个：", en="For them there are Conv1d and Conv3d, with an axis less or an axis more:")
@pytest.mark.claim(zh="Conv1d 的输入是 (N, C, L)，L 是长度。", en="Conv1d takes (N, C, L), where L is the length.")
@pytest.mark.claim(zh="Conv3d 的是 (N, C, D, H, W)，D 排在高之前。", en="Conv3d takes (N, C, D, H, W), with D before the height.")
@pytest.mark.ledger("n3-01")
def test_conv1d_and_conv3d_do_the_same_with_one_axis_or_three(chapter):
    assert lines(chapter, "dimensions") == [
        "torch.Size([4, 1, 5]) torch.Size([2, 4, 15996])", "torch.Size([4, 3, 3, 5, 5]) torch.Size([2, 4, 6, 20, 28])"]
    assert chapter["dimensions"].names["sound"].shape == (2, 1, 16000) and places(16000, 5) == 15996
    assert chapter["dimensions"].names["video"].shape == (2, 3, 8, 24, 32)
    assert [places(n, k) for n, k in ((8, 3), (24, 5), (32, 5))] == [6, 20, 28]
    assert [nn.Conv1d(1, 1, 2).weight.dim(), nn.Conv2d(1, 1, 2).weight.dim(), nn.Conv3d(1, 1, 2).weight.dim()] == [3, 4, 5]
    x, w = torch.randn(1, 1, 4, 5, 6), torch.randn(1, 1, 2, 3, 4)
    assert torch.allclose(F.conv3d(x, w)[0, 0, 0, 0, 0], (x[0, 0, :2, :3, :4] * w[0, 0]).sum(), atol=1e-5)
    assert torch.allclose(F.conv1d(x[0, 0], w[0, 0, 0, :1].expand(5, 5, 4))[0, 0, 0], (x[0, 0, 0, :, :4] * w[0, 0, 0, 0]).sum(), atol=1e-5)
    shapes = [" ".join(layer.__doc__.split()) for layer in (nn.Conv1d, nn.Conv3d)]
    assert r"(N, C_{in}, L_{in})" in shapes[0] and r"(N, C_{in}, D_{in}, H_{in}, W_{in})" in shapes[1]


# ---- transposed ------------------------------------------------------------------------------


@pytest.mark.claim(zh="转置卷积（transposed convolution）把小图变大。", en="Transposed convolution makes a small picture larger.")
@pytest.mark.claim(
    zh="它像盖章：每个输入的数，乘上整个卷积核，盖到输出上；印子重叠的地方，相加：",
    en="It works like a rubber stamp: each number of the input multiplies the whole kernel and stamps it on the output, and where stamps overlap, they add:",
)
@pytest.mark.claim(zh="手写的 stamp 和 PyTorch 一致。", en="Our stamp agrees with PyTorch.")
@pytest.mark.claim(
    zh="正中的 10，四次都盖到了：1 + 2 + 3 + 4，每个乘的都是角上的权重 1。",
    en="The 10 in the middle was hit by all four stamps: 1 + 2 + 3 + 4, each times the 1 in a corner of the kernel.",
)
def test_transposed_convolution_stamps(chapter):
    assert lines(chapter, "stamp") == ["True"]
    names = chapter["stamp"].names
    seed, ink = np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
    grown = stamps(seed, ink, 2)
    assert names["grown"].tolist() == [[grown.tolist()]] and grown.size > seed.size and grown.shape == (5, 5)
    hits = [stamps(np.where(seed == n, seed, 0), ink, 2)[2, 2] for n in (1, 2, 3, 4)]
    assert hits == [1, 2, 3, 4] and grown[2, 2] == sum(hits) == 10 and ink[::2, ::2].tolist() == [[1, 1], [1, 1]]
    x, k = np.random.default_rng(2).normal(size=(3, 4)), np.arange(6.0).reshape(2, 3)
    by_hand = names["stamp"](torch.tensor(x), torch.tensor(k), 3)
    assert np.allclose(by_hand, stamps(x, k, 3), atol=1e-5)
    assert np.allclose(F.conv_transpose2d(torch.tensor(x)[None, None], torch.tensor(k)[None, None], stride=3)[0, 0], stamps(x, k, 3))


@pytest.mark.claim(
    zh="卷积只有乘和加，所以就是乘一个矩阵；转置卷积乘的是这个矩阵的转置，名字就是这么来的。",
    en="Convolution multiplies and adds, nothing else, so it is multiplication by a matrix; transposed convolution multiplies by that matrix’s transpose, hence the name.",
)
@pytest.mark.claim(zh="转置不是逆：形状回来了，数没有回来。", en="A transpose is not an inverse: it brings back the shape, not the numbers.")
@pytest.mark.claim(
    zh="官方文档说，它并不是真正的“反卷积”（deconvolution），虽然有人这么叫。",
    en="The documentation says that it is not an actual deconvolution, although some call it so.",
)
def test_it_multiplies_by_the_transposed_matrix_which_is_no_inverse():
    columns = []
    for pixel in np.eye(25):  # the picture that has a single 1
        columns.append(slide(pixel.reshape(5, 5), KERNEL, stride=2).ravel())
    matrix = np.stack(columns, axis=1)  # (4, 25)
    y = F.conv2d(four(PICTURE), four(KERNEL), stride=2)
    assert (matrix @ PICTURE.ravel()).tolist() == y.flatten().tolist()
    back = F.conv_transpose2d(y, four(KERNEL), stride=2)
    assert (matrix.T @ y.flatten().numpy()).tolist() == back.flatten().tolist()
    assert back.shape == (1, 1, 5, 5) and not np.allclose(back[0, 0], PICTURE)
    doc = " ".join(nn.ConvTranspose2d.__doc__.split())
    assert "or a deconvolution (although it is not an actual deconvolution operation" in doc


@pytest.mark.claim(zh="做成层，有两处容易弄错：", en="As a layer, it has two traps:")
@pytest.mark.claim(
    zh="第一，权重的形状是 (in, out/groups, kH, kW)，in 在前。",
    en="First, the shape of its weight is (in, out/groups, kH, kW), with in in front.",
)
@pytest.mark.claim(
    zh="第二，步幅为 2 时，5 × 5 和 6 × 6 经过 3 × 3 的卷积都得到 2 × 2。",
    en="Second, with stride 2 a 3 × 3 convolution turns both 5 × 5 and 6 × 6 into 2 × 2.",
)
@pytest.mark.claim(
    zh="反过来，默认回到小的，output_padding=1 则在下边和右边各多一格。",
    en="The way back leads to the smaller by default; output_padding=1 adds a row at the bottom and a column at the right.",
)
def test_the_layer_has_in_first_and_output_padding_chooses_the_size(chapter):
    assert lines(chapter, "transposed-layer") == [
        "torch.Size([16, 8, 3, 3])", "5 -> torch.Size([1, 16, 2, 2])", "6 -> torch.Size([1, 16, 2, 2])",
        "torch.Size([1, 8, 5, 5]) torch.Size([1, 8, 6, 6])"]
    assert nn.ConvTranspose2d(16, 8, (3, 5), groups=4).weight.shape == (16, 8 // 4, 3, 5)
    assert places(5, 3, s=2) == places(6, 3, s=2) == 2
    up, exact = chapter["transposed-layer"].names["up"], chapter["transposed-layer"].names["exact"]
    assert up.output_padding == (0, 0) and exact.output_padding == (1, 1) and up.kernel_size == (3, 3) and up.stride == (2, 2)
    exact.load_state_dict(up.state_dict())
    x = torch.randn(1, 16, 2, 2)
    assert torch.allclose(exact(x)[..., :5, :5], up(x), atol=1e-6)  # what is added is below and on the right


# ---- what the code shows --------------------------------------------------------------------


SHAPES = {
    "torch": {"x": (1, 1, 5, 5), "k": (1, 1, 3, 3), "y": (1, 1, 3, 3)}, "flip": {"a": (6,), "v": (3,)},
    "everywhere": {"scene": (1, 1, 427, 640)}, "nchw": {"batch": (1, 3, 427, 640)}, "channels": {"small": (3, 20, 30)},
    "stack": {"maps": (1, 8, 423, 636)}, "learn": {"noise": (1, 1, 32, 32), "target": (1, 1, 30, 30)},
    "feature-maps": {"tiny": (86, 128)}, "padding": {"y": (1, 1, 5, 5)}, "stride": {"y": (1, 1, 2, 2)},
    "dilation": {"wide": (1, 1, 7, 7), "y": (1, 1, 3, 3)}, "holes": {"holes": (1, 1, 5, 5)},
    "sees": {"blank": (1, 1, 21, 21), "seen": (21, 21)}, "pointwise": {"thirds": (1, 3, 1, 1)},
    "groups": {"signal": (1, 4, 6, 6), "upper": (1, 4, 4, 4), "lower": (1, 4, 4, 4)}, "block": {"data": (16, 3, 12, 12)},
    "dimensions": {"sound": (2, 1, 16000), "video": (2, 3, 8, 24, 32)}, "stamp": {"seed": (2, 2), "ink": (3, 3)},
}


@pytest.mark.parametrize("cell", SHAPES)
def test_shapes_are_those_of_the_comments(chapter, cell):
    for name, shape in SHAPES[cell].items():
        assert chapter[cell].names[name].shape == shape, name


def test_layers_and_inputs_are_those_that_the_code_names(chapter):
    assert chapter["flip"].names["a"].tolist() == [0, 0, 1, 0, 0, 0] and chapter["flip"].names["v"].tolist() == [1, 2, 3]
    assert chapter["default"].names["layer"].kernel_size == (3, 3)
    assert chapter["default"].names["same"].kernel_size == chapter["default"].names["by_number"].kernel_size == (5, 5)
    assert chapter["size"].names["layer"].weight.shape == (8, 3, 5, 5) and chapter["size"].names["layer"].dilation == (3, 3)
    assert chapter["transposed-layer"].names["down"].weight.shape == (16, 8, 3, 3)
    assert chapter["groups"].names["grouped"].weight.shape == (8, 2, 3, 3) and chapter["block"].names["conv"].padding == (1, 1)
    first, second = chapter["stack"].names["first"], chapter["stack"].names["second"]
    assert first.weight.shape == (8, 3, 5, 5) and second.weight.shape == (16, 8, 3, 3)


@pytest.mark.parametrize("cell", ANIMATIONS)
def test_the_grids_of_an_animation_are_neat(chapter, cell):
    name, svg = ANIMATIONS[cell], chapter[cell].value._repr_svg_()
    things, _, _ = read_animation(svg, name)
    squares = sorted({(x, y) for owner, text, x, y in things if text is None and owner == name})
    (arrow,) = [(x, y) for _, text, x, y in things if text and text in "←→"]
    left, right = ([square for square in squares if (square[0] < arrow[0]) == before] for before in (True, False))
    for part in (left, right):
        for axis in (0, 1):
            steps = np.diff(sorted({square[axis] for square in part}))
            assert (steps == 44).all()
    (x0, y0), (x1, y1) = left[0], left[-1]
    (u0, v0), (u1, v1) = right[0], right[-1]
    assert x0 == y0 == 2 and v0 + v1 == y0 + y1 and arrow[1] - 6 == (y0 + y1 + 44) / 2  # centred
    assert arrow[0] == (x1 + 44 + u0) / 2 and u0 - x1 - 44 == 70
    size = [float(re.search(rf'<svg[^>]*\s{side}="([\d.]+)px"', svg)[1]) for side in ("width", "height")]
    assert size == [u1 + 44 + 2, y1 + 44 + 2]
    for _, text, x, y in things:
        if text and text not in "←→":
            spot = (42, 40) if text.startswith("×") else (17, 24) if x < arrow[0] else (22, 28)
            assert ((x - spot[0] - 2) % 44 == 0 if x < arrow[0] else (x - spot[0] - u0) % 44 == 0)
            assert (y - spot[1] - (2 if x < arrow[0] else v0)) % 44 == 0


# ---- errors and summary ----------------------------------------------------------------------


@pytest.mark.claim(zh="通道在最后：忘了换轴，高被当成了通道：", en="Channels last: the axes were not moved, and the height was taken for channels:")
@pytest.mark.claim(
    zh="to have 3 channels, but got 427 | 轴的顺序是 (N, H, W, C) | .permute(0, 3, 1, 2)；也可能是 in_channels 写错了",
    en="to have 3 channels, but got 427 | the axes are in the order (N, H, W, C) | .permute(0, 3, 1, 2); or else in_channels is wrong",
)
@pytest.mark.ledger("n2-15")
def test_channels_last_takes_the_height_for_channels(chapter):
    error = chapter["channels-error"].error
    assert type(error) is RuntimeError and "expected input[1, 427, 640, 3] to have 3 channels, but got 427 channels" in str(error)
    names = chapter["channels-error"].names
    colour, image = names["colour"], torch.tensor(names["image"])
    assert colour((image[None] / 255).permute(0, 3, 1, 2)).shape == (1, 8, 423, 636)
    with pytest.raises(RuntimeError, match="to have 427 channels, but got 3"):  # or else in_channels is wrong
        nn.Conv2d(427, 8, 5)(names["photo"])
    assert nn.Conv2d(427, 8, 3)(image[None] / 255).shape[1] == 8  # it is the height that is taken for channels


@pytest.mark.claim(zh="少了通道轴：灰度图也要有一个，长度为 1：", en="No channel axis: a grey picture needs one too, of length 1:")
@pytest.mark.claim(
    zh="Expected 3D (unbatched) or 4D (batched) | 轴太少或太多 | 灰度图用 grey[None, None] 补轴",
    en="Expected 3D (unbatched) or 4D (batched) | too few axes, or too many | for a grey picture, grey[None, None]",
)
def test_a_grey_picture_needs_an_axis_of_channels(chapter):
    error = chapter["rank-error"].error
    grey = chapter["rank-error"].names["grey"]
    assert type(error) is RuntimeError and "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [427, 640]" in str(error)
    layer = nn.Conv2d(1, 8, 5)
    assert layer(grey[None, None]).shape == (1, 8, 423, 636) and layer(grey[None]).shape == (8, 423, 636)
    for axes in (0, 1, 2, 5, 6):
        with pytest.raises(RuntimeError, match=r"Expected 3D \(unbatched\) or 4D \(batched\)"):
            layer(torch.zeros([7] * axes))
    with pytest.raises(RuntimeError, match="to have 1 channels"):  # no other length will do
        layer(grey.expand(2, -1, -1))


@pytest.mark.claim(zh="类型不对：照片是 uint8，权重是 float32：", en="The wrong dtype: the photograph is uint8, the weights are float32:")
@pytest.mark.claim(
    zh="should be the same | 输入和权重的类型不同，或者不在同一个设备上，看括号里怎么写 | 类型：.float()，或者除以 255；设备：.to(device)",
    en="should be the same | input and weights differ in dtype, or lie on different devices: the brackets tell | dtype: .float(), or divide by 255; device: .to(device)",
)
def test_should_be_the_same_tells_of_dtype_and_of_device(chapter):
    error = chapter["dtype-error"].error
    assert type(error) is RuntimeError and str(error) == "Input type (unsigned char) and bias type (float) should be the same"
    names = chapter["dtype-error"].names
    colour, image = names["colour"], torch.tensor(names["image"]).permute(2, 0, 1)
    assert image.dtype == torch.uint8 and colour.weight.dtype == torch.float32
    assert colour(image.float()).shape == colour(image / 255).shape == (8, 423, 636)
    # the check is of whole types, of which the device is a part, as is the layout, which a machine without a GPU can try
    condition, *words = fact("networks/convolution", "type_check").split(', "')
    assert "type_equal" in condition and words[-1].strip('"').endswith("should be the same")
    with pytest.raises(RuntimeError, match=r"Input type \(torch.sparse.FloatTensor\) and weight type \(torch.FloatTensor\) should be the same"):
        nn.Conv2d(3, 8, 5)(torch.zeros(1, 3, 9, 9).to_sparse())
    assert torch.zeros(1).type() == "torch.FloatTensor" and torch.cuda.FloatTensor.__name__ == "FloatTensor"
    if torch.cuda.is_available():
        with pytest.raises(RuntimeError, match=r"torch.cuda.FloatTensor.*should be the same"):
            colour(names["photo"].cuda())
        assert colour.to("cuda")(names["photo"].to("cuda")).shape == (8, 423, 636)
        colour.to("cpu")


@pytest.mark.claim(zh="图比核还小：这里图是 4 × 4，核是 5 × 5：", en="A picture smaller than the kernel: 4 × 4 here, under a 5 × 5 kernel:")
@pytest.mark.claim(
    zh="Kernel size can't be greater | 核比填充后的图还大 | 加填充，或者在它之前少缩小一些",
    en="Kernel size can't be greater | the kernel is larger than the padded picture | pad, or shrink less before it",
)
def test_a_kernel_may_not_be_larger_than_the_padded_picture(chapter):
    error = chapter["kernel-error"].error
    assert type(error) is RuntimeError and "padded input size per channel: (4 x 4). Kernel size: (5 x 5). Kernel size can't be greater" in str(error)
    photo = chapter["kernel-error"].names["photo"]
    assert nn.Conv2d(3, 8, 5, padding=1)(photo[:, :4, :4]).shape == (8, 2, 2)
    assert nn.Conv2d(3, 8, 5)(photo[:, :5, :5]).shape == (8, 1, 1)  # shrunk less before it
    with pytest.raises(RuntimeError, match="Kernel size can't be greater"):
        nn.Conv2d(3, 8, 7, padding=1)(photo[:, :4, :4])


@pytest.mark.claim(
    zh="输入 (N, C, H, W)，权重 (out, in/groups, kH, kW)；有几个核就有几个输出通道。",
    en="Input (N, C, H, W), weight (out, in/groups, kH, kW); as many output channels as kernels.",
)
@pytest.mark.claim(zh="核的大小由你定，权重由训练定。", en="You choose the kernel’s size, training finds its weights.")
@pytest.mark.claim(
    zh="默认不填充，要填默认填 0，偏置是最后才加的；后面有 BatchNorm，就不需要偏置。",
    en="No padding by default, zeros if there is some; the bias is added at the end, and before BatchNorm none is needed.",
)
@pytest.mark.claim(
    zh="膨胀看得更远，参数不变；分组省参数；转置卷积把小图变大。",
    en="Dilation sees further with the same weights; groups save weights; transposed convolution makes small pictures larger.",
)
def test_the_summary_is_true_of_other_layers_too():
    layer = nn.Conv2d(6, 4, (3, 5), groups=2)
    assert layer.weight.shape == (4, 6 // 2, 3, 5) and layer(torch.zeros(2, 6, 9, 9)).shape == (2, 4, 7, 5)
    assert nn.Conv2d(1, 1, 3).padding == (0, 0) and nn.Conv2d(1, 1, 3, padding=1).padding_mode == "zeros"
    layer = nn.Conv2d(1, 1, 3, padding=1)
    before = layer.weight.detach().clone()
    layer(torch.ones(1, 1, 4, 4)).sum().backward()
    torch.optim.SGD(layer.parameters(), lr=0.1).step()
    assert not torch.equal(layer.weight, before) and layer.kernel_size == (3, 3)
    padded = F.conv2d(torch.ones(1, 1, 4, 4), layer.weight, padding=1) + layer.bias  # added at the end
    assert torch.allclose(layer(torch.ones(1, 1, 4, 4)), padded, atol=1e-6)
    x, norm = torch.randn(4, 1, 6, 6), nn.BatchNorm2d(1)
    assert torch.allclose(norm(F.conv2d(x, layer.weight)), norm(F.conv2d(x, layer.weight, layer.bias + 3)), atol=1e-4)
    assert nn.Conv2d(1, 1, 3, dilation=2).weight.numel() == 9
    assert np.argwhere(seen_by(nn.Conv2d(1, 1, 3, dilation=2), (1, 1, 9, 9), (0, 0, 0, 0))).max() == 4 > 2
    assert nn.Conv2d(8, 8, 3, groups=4).weight.numel() * 4 == nn.Conv2d(8, 8, 3).weight.numel()
    for k, s in product((2, 3, 5), (1, 2, 3)):
        assert nn.ConvTranspose2d(1, 1, k, stride=s)(torch.zeros(1, 1, 4, 4)).shape[-1] > 4
