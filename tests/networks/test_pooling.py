"""The proof of what docs/*/networks/pooling.md claims."""

import ast
import inspect
import math
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from sklearn.datasets import load_sample_image
from torch import nn

from tests.prose import ledger_rows, lines

PICTURE = np.array([[1, 3, 2, 0], [5, 2, 1, 1], [0, 0, 7, 8], [1, 3, 6, 9]], dtype=float)
QUARTERS = PICTURE.reshape(2, 2, 2, 2)  # (2, rows, 2, columns)
LARGEST, MEAN = QUARTERS.max(axis=(1, 3)), QUARTERS.mean(axis=(1, 3))
SIZES = [1, 2, 4, 8, 16]


def four(matrix):
    """A matrix as a tensor (1, 1, H, W)."""
    return torch.tensor(np.asarray(matrix), dtype=torch.float32)[None, None]


def printed(text):
    """The numbers of printed tensors, as an array without shape."""
    kept = "".join(c if c.isdigit() or c in ".-" else " " for c in text)
    return np.array([float(word) for word in kept.split()])


def windows(x, k, stride):
    """The windows of a NumPy matrix, (H, W, k, k), without PyTorch."""
    return np.lib.stride_tricks.sliding_window_view(np.asarray(x, dtype=float), (k, k))[::stride, ::stride]


@cache
def edges_of_the_photo():
    grey = load_sample_image("china.jpg").mean(axis=2) / 255
    change = grey[:, 2:] - grey[:, :-2]
    return np.abs(change[:-2] + change[1:-1] + change[2:])


@cache
def changes():
    """{way: what a shift of one pixel to the left changes, for each of SIZES}, by NumPy."""
    edges = edges_of_the_photo()
    here, there = edges[:, :-1], edges[:, 1:]
    ways = {"every k-th pixel": lambda t, k: t[::k, ::k], "maximum": lambda t, k: windows(t, k, k).max(axis=(2, 3)),
            "mean": lambda t, k: windows(t, k, k).mean(axis=(2, 3))}
    return {name: [np.abs(way(here, k) - way(there, k)).mean() / way(here, k).std(ddof=1) for k in SIZES] for name, way in ways.items()}


def reach(k, stride=None):
    """How many outputs of max_pool1d each of 12 inputs can reach."""
    return [int((F.max_pool1d(line[None], k, stride) > 0).sum()) for line in torch.eye(12)]


def defaults(layer):
    return {name: p.default for name, p in inspect.signature(layer.__init__).parameters.items() if name != "self"}


def said(row):
    """What the ledger keeps of the old notes, in Chinese."""
    rows = ledger_rows()
    return next(r for r in rows if r["id"] == row)["said"]["zh"]


# ---- what, by hand ---------------------------------------------------------------------------


@pytest.mark.claim(zh="旧笔记里，“池化”标题下面是空的。", en="In the old notes, the heading “Pooling” had nothing under it.")
@pytest.mark.claim(zh="池化就是这样一句概括：每个小窗口只留一个数。", en="Pooling is that summary: of each small window it keeps one number.")
@pytest.mark.claim(
    zh="把图切成 2 × 2 的小块，每块留下最大值，或者平均值：",
    en="Cut the picture into pieces of 2 × 2, and keep the maximum of each, or the mean:",
)
@pytest.mark.ledger("n2-24")
def test_a_window_becomes_its_maximum_or_its_mean(chapter):
    assert said("n2-24") == "“池化”标题下面是空的。"
    assert LARGEST.tolist() == [[5, 2], [3, 9]] and MEAN.tolist() == [[2.75, 1], [1, 7.5]]
    assert printed(chapter["first"].stdout).tolist() == [*LARGEST.ravel(), *MEAN.ravel()]
    assert chapter["first"].names["picture"].tolist() == PICTURE.tolist()


@pytest.mark.claim(
    zh="左边是四行四列的输入，分成四块，四种颜色：左上 1、3、5、2，右上 2、0、1、1，左下 0、0、1、3，右下 7、8、6、9。",
    en="On the left, the input of four rows and four columns in quarters of four colours: top left 1, 3, 5, 2, top right 2, 0, 1, 1, bottom left 0, 0, 1, 3, bottom right 7, 8, 6, 9.",
)
@pytest.mark.claim(zh="中间是各块的最大值：5、2、3、9。", en="In the middle, the maximum of each quarter: 5, 2, 3, 9.")
@pytest.mark.claim(zh="右边是各块的平均值：2.75、1、1、7.5。", en="On the right, the means: 2.75, 1, 1, 7.5.")
@pytest.mark.claim(zh="画出来，就是输入、最大值、平均值三张表：", en="Drawn, these are three tables, the input, the maxima and the means:")
def test_the_drawing_shows_those_numbers(chapter):
    (figure,) = chapter["windows"].figures
    shown = [[float(text.get_text()) for text in ax.texts] for ax in figure.axes]
    assert [ax.get_title() for ax in figure.axes] == ["input", "maximum", "mean"]
    left = [ax.get_position().x0 for ax in figure.axes]
    assert left == sorted(left)
    grid = np.reshape(shown[0], (4, 4))
    parts = [grid[:2, :2], grid[:2, 2:], grid[2:, :2], grid[2:, 2:]]
    assert [part.ravel().tolist() for part in parts] == [[1, 3, 5, 2], [2, 0, 1, 1], [0, 0, 1, 3], [7, 8, 6, 9]]
    assert shown[1:] == [[5, 2, 3, 9], [2.75, 1, 1, 7.5]]
    for ax in figure.axes:  # row by row, from the top left
        n = math.isqrt(len(ax.texts))
        assert [(round(t.get_position()[0] - 0.47), round(0.47 - t.get_position()[1])) for t in ax.texts] == [(j, i) for i in range(n) for j in range(n)]


@pytest.mark.claim(zh="同一种颜色的四格，变成同色的一格。", en="Four cells of one colour become one cell of that colour.")
def test_the_quarters_keep_their_colour(chapter):
    (figure,) = chapter["windows"].figures
    colours = [[patch.get_facecolor() for patch in ax.patches] for ax in figure.axes]
    grid = np.reshape(colours[0], (4, 4, 4))
    for small in colours[1:]:
        assert len(set(small)) == 4
        for cell, (i, j) in zip(small, [(0, 0), (0, 2), (2, 0), (2, 2)], strict=True):
            assert (grid[i : i + 2, j : j + 2] == cell).all()


@pytest.mark.claim(
    zh="最大池化（max pooling）问的是“这里有没有”，平均池化（average pooling）问的是“总共有多少”。",
    en="Max pooling asks whether it is there; average pooling asks how much of it there is.",
)
@pytest.mark.claim(
    zh="池化把每个小窗口变成一个数，各通道各做各的，没有参数；最大问“有没有”，平均问“有多少”。",
    en="Pooling makes one number of each small window, channel by channel, without parameters. The maximum asks whether, the mean how much.",
)
def test_the_maximum_asks_whether_and_the_mean_how_much():
    for n in range(5):  # n of four cells are lit
        window = four(np.reshape([1] * n + [0] * (4 - n), (2, 2)))
        assert F.max_pool2d(window, 2).item() == (n > 0) and F.avg_pool2d(window, 2).item() == n / 4
    x = torch.randn(1, 3, 4, 4)
    for layer in (nn.MaxPool2d(2), nn.AvgPool2d(2)):
        assert not list(layer.parameters()) and layer(x).numel() == x.numel() / 4
        assert torch.equal(layer(x), torch.cat([layer(x[:, c : c + 1]) for c in range(3)], dim=1))


@pytest.mark.claim(
    zh="做成层，就是 nn.MaxPool2d，收的也是 (N, C, H, W)：",
    en="As a layer it is nn.MaxPool2d, which takes (N, C, H, W) like a convolution:",
)
@pytest.mark.claim(
    zh="高和宽从 28 减半到 14；通道还是 8 个，因为每个通道各做各的。",
    en="Height and width are halved, from 28 to 14. There are still 8 channels, since each is pooled on its own.",
)
@pytest.mark.claim(zh="参数列表是空的：没有要学的东西。", en="And the list of parameters is empty: nothing to learn.")
@pytest.mark.claim(
    zh="图小了，后面的层就轻松了，而且它一个权重都不用学。",
    en="The picture shrinks, the layers behind have less to do, and there is not a single weight to learn.",
)
@pytest.mark.ledger("n2-24")
def test_the_layer_halves_height_and_width_keeps_the_channels_and_learns_nothing(chapter):
    assert lines(chapter, "layer") == ["torch.Size([16, 8, 14, 14])", "[]"]
    for layer in (nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1)):
        assert not list(layer.parameters()) and not list(layer.buffers())
    batch, layer = chapter["layer"].names["batch"], chapter["layer"].names["layer"]
    assert type(layer) is nn.MaxPool2d and batch.shape == (16, 8, 28, 28)
    assert nn.Conv2d(8, 1, 3)(batch).shape[0] == 16  # a convolution takes it as well
    alone = torch.cat([F.max_pool2d(batch[:, c : c + 1], 2) for c in range(8)], dim=1)
    assert torch.equal(alone, layer(batch))


@pytest.mark.claim(
    zh="和卷积一样，两层循环就写得完，只是把“乘权重再相加”换成了“取最大”或“取平均”：",
    en="As with convolution, two loops will do. Only “multiply by the weights and add” has become “take the maximum”, or “take the mean”:",
)
@pytest.mark.claim(
    zh="窗口多大、一次挪几格，试了三种，全都和 PyTorch 一致。",
    en="Three choices of window and stride, and PyTorch agrees on all of them.",
)
@pytest.mark.ledger("n2-24")
def test_the_loops_agree_with_numpy_and_with_torch(chapter):
    sizes = [[3, 4], [3, 4], [5, 7]]
    assert lines(chapter, "by-hand") == [f"torch.Size({size}) True True" for size in sizes]
    pool, x = chapter["by-hand"].names["pool"], np.random.default_rng(0).normal(size=(8, 11))
    function = next(n for n in ast.walk(ast.parse(chapter["by-hand"].code)) if isinstance(n, ast.FunctionDef))
    assert sum(isinstance(n, ast.For) for n in ast.walk(function)) == 2
    for k, stride in [(2, 2), (3, 2), (2, 3), (4, 1)]:
        cut, t = windows(x, k, stride), torch.tensor(x)
        assert np.allclose(pool(t, k, stride, torch.max), cut.max(axis=(2, 3)), atol=1e-6)
        assert np.allclose(pool(t, k, stride, torch.mean), cut.mean(axis=(2, 3)), atol=1e-6)
        assert np.allclose(F.max_pool2d(t[None], k, stride)[0], cut.max(axis=(2, 3)))
        assert np.allclose(F.avg_pool2d(t[None], k, stride)[0], cut.mean(axis=(2, 3)))
        weights = torch.rand(k, k, dtype=t.dtype)  # the same loops, with the other summary, are a convolution
        by_loops = pool(t, k, stride, lambda window, weights=weights: (window * weights).sum())
        assert np.allclose(by_loops, F.conv2d(t[None, None], weights[None, None], stride=stride)[0, 0], atol=1e-5)


# ---- why -------------------------------------------------------------------------------------


@pytest.mark.claim(
    zh="图的高和宽各减半，后面的层就只剩四分之一的格子要算，同样 3 × 3 的核，看到的原图范围也大了一倍。",
    en="Halve height and width, and the next layers have a quarter of the cells to compute, while a 3 × 3 kernel sees twice as far across the original picture.",
)
def test_after_pooling_a_kernel_has_a_quarter_to_compute_and_sees_twice_as_far():
    conv = nn.Conv2d(1, 1, 3, padding=1)
    nn.init.ones_(conv.weight)
    seen, cells = [], []
    for k in (1, 2):
        x = torch.rand(1, 1, 24, 24, requires_grad=True)
        y = conv(F.avg_pool2d(x, k))
        y[0, 0, 4, 4].backward()
        seen.append((x.grad[0, 0] != 0).any(dim=0).sum().item())
        cells.append(y.numel())
    assert seen == [3, 6] and cells[0] == 4 * cells[1]


@pytest.mark.claim(
    zh="先找出照片的边缘，也就是“右边减左边”的卷积核，再取绝对值：",
    en="First find the edges of the photograph, by the kernel “right minus left” and the absolute value of the result:",
)
@pytest.mark.claim(zh="再把高和宽缩小到 1/8，三种办法各画一幅：", en="Then shrink height and width to 1/8 in three ways, and draw each:")
@pytest.mark.claim(
    zh="三种办法都只留约 1/64 的像素，留下的东西不一样。",
    en="All three ways keep only about 1/64 of the pixels, but not the same things.",
)
@pytest.mark.claim(zh="四幅黑底的边缘图，都是一座塔。", en="Four pictures of the edges of a tower, on black.")
def test_three_ways_to_shrink_the_edges(chapter):
    edges = edges_of_the_photo()
    assert chapter["edges"].value == (1, 1, *edges.shape) and np.allclose(chapter["edges"].names["edges"][0, 0], edges, atol=1e-4)
    cut = windows(edges, 8, 8)
    expected = {"edges": edges, "every 8th pixel": edges[::8, ::8], "mean of 8 × 8": cut.mean(axis=(2, 3)), "maximum of 8 × 8": cut.max(axis=(2, 3))}
    (figure,) = chapter["views"].figures
    shown = {ax.get_title(): ax.images[0] for ax in figure.axes}
    assert list(shown) == list(expected) and len(shown) == 4
    assert all(image.get_cmap().name == "gray" for image in shown.values()) and np.median(edges) < 0.05  # black where there is no edge
    for title, picture in expected.items():
        assert np.allclose(shown[title].get_array(), picture, atol=1e-3) and shown[title].get_clim() == (0, 1.5)
        if title != "edges":
            assert all(abs(8 * small / large - 1) < 0.02 for small, large in zip(picture.shape, edges.shape))
            assert abs(64 * picture.size / edges.size - 1) < 0.03
    skip, mean, largest = [picture[:53, :79] for picture in list(expected.values())[1:]]
    assert all((a != b).mean() > 0.9 for a, b in [(skip, mean), (mean, largest), (skip, largest)])


@pytest.mark.claim(zh="左上是原图的边缘，线条细。", en="Top left, the edges of the original, in fine lines.")
@pytest.mark.claim(zh="右上每 8 个像素取一个，轮廓断成零散的亮点。", en="Top right, every 8th pixel: the outline broken into scattered bright dots.")
@pytest.mark.claim(zh="左下取平均，塔形还在，但是暗淡。", en="Bottom left, the mean: the tower is still there, but dim.")
@pytest.mark.claim(zh="右下取最大，轮廓又亮又粗。", en="Bottom right, the maximum: an outline bright and thick.")
def test_what_is_left_of_the_edges_in_the_picture(chapter):
    (figure,) = chapter["views"].figures
    edges, skip, mean, largest = [np.asarray(ax.images[0].get_array()) for ax in figure.axes]
    assert [(ax.get_subplotspec().rowspan.start, ax.get_subplotspec().colspan.start) for ax in figure.axes] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    bright = 0.5
    lit = largest > bright  # (53, 79)
    assert (skip[:53, :79][lit] > bright).mean() < 0.25  # broken: four of five places of a strong edge are dark
    assert (mean[lit] > 0).all() and np.corrcoef(mean.ravel(), largest.ravel())[0, 1] > 0.8  # still there
    assert (mean[lit] > bright).mean() < 0.15 and mean.max() < 0.5 * largest.max()  # but dim
    assert largest.max() == edges.max() and lit.mean() > 4 * (edges > bright).mean()  # bright and thick
    assert (edges > bright).mean() < 0.1  # fine lines


@pytest.mark.claim(zh="每 8 个取 1 个，细线落在空隙里就没了。", en="Keep every 8th pixel, and a thin line that falls between them is gone.")
@pytest.mark.claim(
    zh="平均值一条线也不漏，只是细线被周围的黑冲淡了。",
    en="The mean misses no line, but the black around a thin one dims it.",
)
@pytest.mark.claim(
    zh="最大值和线一样亮，代价是线变粗：一个像素宽的线，占满整个窗口。",
    en="The maximum is as bright as the line, at the price of thicker lines: a line of one pixel fills its whole window.",
)
def test_what_becomes_of_a_line_of_one_pixel():
    for column in range(16):
        line = torch.zeros(1, 16, 16)
        line[..., column] = 0.8
        skipped, mean, largest = line[:, ::8, ::8], F.avg_pool2d(line, 8), F.max_pool2d(line, 8)
        assert (skipped.max() == 0) == (column % 8 != 0)
        assert torch.isclose(mean.max(), torch.tensor(0.8 / 8))
        expected = torch.zeros(1, 2, 2)
        expected[..., column // 8] = 0.8  # one cell, and a cell stands for 8 pixels
        assert torch.equal(largest, expected)


@pytest.mark.claim(zh="让一个 1 每次右移一格：", en="Move a 1 to the right, one place at a time:")
@pytest.mark.claim(
    zh="只对一半：在窗口里头挪，输出纹丝不动；一跨过窗口的边界，输出就跳了一整格。",
    en="Yes and no: as long as it moves inside a window, nothing changes; when it crosses into the next, the output jumps by a whole cell.",
)
@pytest.mark.ledger("n2-24")
def test_a_shift_inside_a_window_changes_nothing_and_one_across_jumps_a_cell(chapter):
    at = []
    for shift, line in enumerate(lines(chapter, "shift")):
        before, after = (ast.literal_eval(side) for side in line.split(" -> "))
        assert before.index(1) == 2 + shift and sum(before) == sum(after) == 1 and len(before) == 2 * len(after) == 8
        assert after == np.reshape(before, (4, 2)).max(axis=1).tolist()
        at.append(after.index(1))
    assert at == [1, 1, 2, 2]


@pytest.mark.claim(zh="把照片的边缘左移一个像素，看输出变多少：", en="Move the edges of the photograph to the left by one pixel and measure:")
@pytest.mark.claim(
    zh="横轴是窗口大小 k，从 1 到 16；纵轴是平移一个像素后输出的平均变化，除以输出的标准差。",
    en="The window size k from 1 to 16, against the mean change of the output after a shift of one pixel, divided by the standard deviation of the output.",
)
@pytest.mark.claim(zh="每 k 个像素取一个，始终在 0.46 和 0.48 之间。", en="With every k-th pixel it stays between 0.46 and 0.48.")
@pytest.mark.claim(
    zh="最大值和平均值两条线从 0.47 一路下降：k 为 2 时约 0.2，k 为 8 时约 0.06。",
    en="For maximum and mean it falls all the way from 0.47, to about 0.2 at k = 2 and about 0.06 at k = 8.",
)
def test_the_curves_of_a_shift_by_one_pixel(chapter):
    names = chapter["shift-photo"].names
    assert torch.equal(names["there"][..., :-1], names["here"][..., 1:])  # what stood at j + 1 stands at j
    (figure,) = chapter["shift-photo"].figures
    (ax,) = figure.axes
    assert ax.get_xlabel() == "window k (pixels)" and ax.get_ylabel() == "mean change / standard deviation"
    curves = {}
    for line, (name, change) in zip(ax.lines, changes().items(), strict=True):
        assert line.get_label() == name and list(line.get_xdata()) == SIZES == [1, 2, 4, 8, 16]
        curves[name] = np.asarray(line.get_ydata(), dtype=float)
        assert np.allclose(curves[name], change, atol=2e-3)
    skip = curves.pop("every k-th pixel").round(2)
    assert skip.min() == 0.46 and skip.max() == 0.48
    for change in curves.values():
        assert round(change[0], 2) == 0.47 and (np.diff(change) < 0).all()
        assert abs(change[1] - 0.2) < 0.04 and round(change[3], 2) == 0.06


@pytest.mark.claim(
    zh="平移一个像素：池化的窗口越大，输出变得越少；隔几个取一个，毫无改善。",
    en="After a shift of one pixel: the larger the pooling window, the less the output changes; skipping pixels does not help.",
)
@pytest.mark.claim(
    zh="每 8 个取 1 个，变化是 0.46，和不缩小时的 0.47 差不多；两种 8 × 8 的池化都不到 0.07。",
    en="With every 8th pixel the change is 0.46, hardly less than the 0.47 of the full picture. With either pooling of 8 × 8 it is below 0.07.",
)
@pytest.mark.claim(zh="所以池化不是“不怕平移”，而是“没那么怕”。", en="So pooling does not make a network indifferent to shifts, only less touchy.")
@pytest.mark.claim(
    zh="在窗口内平移，输出不变；跨界就跳一格：池化减轻平移的影响，但不消除。",
    en="A shift inside a window changes nothing, one across its border a whole cell: pooling softens shifts, it does not remove them.",
)
def test_pooling_softens_a_shift_and_skipping_does_not(chapter):
    drawn = {line.get_label(): dict(zip(SIZES, np.asarray(line.get_ydata(), dtype=float))) for line in chapter["shift-photo"].figures[0].axes[0].lines}
    for found in (drawn, {name: dict(zip(SIZES, change)) for name, change in changes().items()}):
        skip, largest, mean = found["every k-th pixel"], found["maximum"], found["mean"]
        assert f"{skip[8]:.2f} {skip[1]:.2f}" == "0.46 0.47" and min(skip.values()) > 0.95 * skip[1]
        for way in (largest, mean):
            assert way[1] == skip[1] and list(way.values()) == sorted(way.values(), reverse=True)
            assert 0 < way[8] < 0.07 and min(way.values()) > 0.01  # less, but not nothing
    cells = [int(F.max_pool1d(line[None], 3).argmax()) for line in torch.eye(12)]
    assert cells == [i // 3 for i in range(12)]


# ---- arguments -------------------------------------------------------------------------------


@pytest.mark.claim(
    zh="旧笔记抄下了 MaxPool2d 的签名，说 1 维、3 维的类似，kernel_size 可以是整数，也可以是元组，都对。",
    en="The old notes copied the signature of MaxPool2d, and say that it is alike in one and three dimensions and that kernel_size may be an integer or a tuple, which is right.",
)
@pytest.mark.claim(
    zh="MaxPool1d 收 (N, C, L)，比如声音；MaxPool3d 收 (N, C, D, H, W)，比如视频：",
    en="MaxPool1d takes (N, C, L), such as sound; MaxPool3d takes (N, C, D, H, W), such as video:",
)
@pytest.mark.ledger("n3-03")
def test_one_and_three_dimensions_are_alike(chapter):
    assert said("n3-03") == "`MaxPool2d` 的签名；1 维、3 维的类似；`kernel_size` 是整数或元组。"
    assert defaults(nn.MaxPool1d) == defaults(nn.MaxPool2d) == defaults(nn.MaxPool3d)
    for n, layer in enumerate((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), start=1):
        x = torch.randn(2, 3, *[6] * n)
        assert torch.equal(layer(2)(x), layer((2,) * n)(x)) and layer(2)(x).shape == (2, 3, *[3] * n)
    assert lines(chapter, "dimensions") == ["torch.Size([2, 3, 5])", "torch.Size([2, 3, 4, 3, 4])"]
    names = chapter["dimensions"].names
    sound, video = names["sound"].numpy(), names["video"].numpy()
    assert np.array_equal(nn.MaxPool1d(2)(names["sound"]), np.maximum(sound[..., ::2], sound[..., 1::2]))
    assert np.array_equal(nn.MaxPool3d((1, 2, 2))(names["video"]), video.reshape(2, 3, 4, 3, 2, 4, 2).max(axis=(4, 6)))


@pytest.mark.claim(
    zh="卷积的步幅默认是 1，池化的步幅默认等于 kernel_size，所以窗口一个挨一个，互不重叠。",
    en="The stride of a convolution is 1 by default; that of pooling defaults to kernel_size, so that windows lie side by side without overlap.",
)
@pytest.mark.claim(zh="stride 写得比窗口小，窗口就重叠。", en="A stride smaller than the window makes them overlap.")
@pytest.mark.claim(zh="元组照样先高后宽。", en="Tuples are height first, as ever.")
@pytest.mark.ledger("n3-03")
def test_the_default_stride(chapter):
    assert lines(chapter, "default-stride") == [
        "Conv2d    (1, 1)", "MaxPool2d 3", "3 3 torch.Size([16, 8, 9, 9])", "3 2 torch.Size([16, 8, 13, 13])",
        "(2, 4) (2, 4) torch.Size([16, 8, 14, 7])"]
    assert inspect.signature(nn.Conv2d.__init__).parameters["stride"].default == 1
    for k in (2, 3, (2, 4)):
        x = torch.randn(1, 12, 16)
        assert torch.equal(nn.MaxPool2d(k)(x), F.max_pool2d(x, k, stride=k)) and torch.equal(nn.AvgPool2d(k)(x), F.avg_pool2d(x, k, stride=k))
    for k in (2, 3, 4):
        assert reach(k) == [1] * 12  # each input lies in one window
        assert all(max(reach(k, stride)) > 1 for stride in range(1, k))
    assert F.max_pool2d(torch.zeros(1, 1, 12, 16), (2, 4)).shape == (1, 1, 6, 4)


@pytest.mark.claim(zh="kernel_size | 必填 | 窗口大小", en="kernel_size | required | the size of the window")
@pytest.mark.claim(zh="stride | 同 kernel_size | 一次挪几格", en="stride | kernel_size | how far to move at a time")
@pytest.mark.claim(zh="padding | 0 | 四周补几格，最多窗口的一半", en="padding | 0 | cells put around, half a window at most")
@pytest.mark.claim(
    zh="ceil_mode | False | 边上凑不满一个窗口的，要不要",
    en="ceil_mode | False | whether to keep windows that are not full, at the far edges",
)
def test_the_arguments_that_both_kinds_of_pooling_have():
    shared = {"kernel_size": inspect.Parameter.empty, "stride": None, "padding": 0, "ceil_mode": False}
    for layer in (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d):
        assert shared.items() <= defaults(layer).items()
    for pool in (F.max_pool2d, F.avg_pool2d):
        x = torch.randn(1, 1, 9, 9)
        assert torch.equal(pool(x, 2), pool(x, 2, stride=2)) and pool(x, 3, stride=1).shape == (1, 1, 7, 7)
        for k in (2, 3, 4, 5):
            grown = pool(x, k, stride=1, padding=k // 2)
            assert grown.shape[-1] == 9 + 2 * (k // 2) - k + 1
            with pytest.raises(RuntimeError, match="at most half"):
                pool(x, k, padding=k // 2 + 1)
        assert pool(x, 2).shape == (1, 1, 4, 4) and pool(x, 2, ceil_mode=True).shape == (1, 1, 5, 5)
        assert torch.equal(pool(x, 2, ceil_mode=True)[..., :4, :4], pool(x, 2))  # what comes more is at the far edges


@pytest.mark.claim(zh="dilation | 1 | 同卷积，只有最大池化有", en="dilation | 1 | as in a convolution; max pooling only")
@pytest.mark.claim(
    zh="return_indices | False | 连位置一起交出来，只有最大池化有",
    en="return_indices | False | hand over the positions as well; max pooling only",
)
@pytest.mark.claim(
    zh="count_include_pad | True | 补的零算不算进平均，只有平均池化有",
    en="count_include_pad | True | whether padded zeros count in the mean; average pooling only",
)
@pytest.mark.claim(
    zh="divisor_override | None | 求平均时改除以这个数，只有 2 维、3 维的平均池化有",
    en="divisor_override | None | divide by this number for the mean; average pooling in 2 and 3 dimensions only",
)
@pytest.mark.ledger("n3-03")
def test_the_arguments_that_one_kind_of_pooling_has():
    shared = {"kernel_size", "stride", "padding", "ceil_mode"}

    def own(layer):
        return {name: default for name, default in defaults(layer).items() if name not in shared}

    for layer in (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d):
        assert own(layer) == {"dilation": 1, "return_indices": False}
    assert own(nn.AvgPool1d) == {"count_include_pad": True}
    assert own(nn.AvgPool2d) == own(nn.AvgPool3d) == {"count_include_pad": True, "divisor_override": None}
    line = torch.tensor([[3.0, 1, 2, 0, 5]])
    assert F.max_pool1d(line, 2, 1, dilation=2).tolist() == [[3, 1, 5]]  # cells 0 and 2, 1 and 3, 2 and 4
    assert F.max_pool1d(line, 2, 2, return_indices=True)[1].tolist() == [[0, 2]]
    ones = torch.ones(1, 4, 4)
    assert F.avg_pool2d(ones, 2, padding=1)[0, 0, 0] == 1 / 4 and (F.avg_pool2d(ones, 2, padding=1, count_include_pad=False) == 1).all()
    assert (F.avg_pool2d(ones, 2, divisor_override=5) == 4 / 5).all()


@pytest.mark.claim(
    zh="ceil_mode=False 时，输出有多大，用卷积那个公式；ceil_mode=True 时改为向上取整，但从末端的填充里起步的窗口不算。",
    en="With ceil_mode=False, the size of the output follows the formula of convolution; with ceil_mode=True it is rounded up, but a window that would start in the padding at the far end does not count.",
)
def test_the_size_of_the_output():
    left_out = 0
    for n in range(6, 14):
        for k, s, p, d in [(2, 2, 0, 1), (3, 2, 1, 1), (3, 1, 1, 2), (2, 3, 1, 3), (2, 2, 1, 1), (2, 3, 1, 1)]:
            x, exact = torch.zeros(1, n), (n + 2 * p - d * (k - 1) - 1) / s + 1
            assert F.max_pool1d(x, k, s, p, d).shape == F.conv1d(x, torch.zeros(1, 1, k), None, s, p, d).shape == (1, math.floor(exact))
            starts = [i * s - p for i in range(math.ceil(exact))]
            inside = [start for start in starts if start < n]
            assert F.max_pool1d(x, k, s, p, d, ceil_mode=True).shape == (1, len(inside))
            if d == 1:
                assert F.avg_pool1d(x, k, s, p).shape == (1, math.floor(exact)) and F.avg_pool1d(x, k, s, p, ceil_mode=True).shape == (1, len(inside))
            left_out += len(starts) - len(inside)
    assert left_out > 0


@pytest.mark.claim(
    zh="最大池化补的是负无穷，不是 0，所以全是负数的图，四周不会冒出 0 来；平均池化补的是 0，还算进平均，于是边上变小了：",
    en="For max pooling minus infinity, not 0: around a picture of negative numbers, no 0 shows up. For average pooling 0, and that counts, which makes the border smaller:",
)
@pytest.mark.claim(
    zh="步幅默认等于 kernel_size；最大池化补负无穷，平均池化补 0；凑不满的边默认扔掉。",
    en="The stride defaults to kernel_size; max pooling pads with minus infinity, average pooling with 0; windows that are not full are dropped by default.",
)
def test_max_pooling_pads_with_minus_infinity_and_average_pooling_with_zeros(chapter):
    found = printed(chapter["padding"].stdout)
    largest = windows(np.pad(-PICTURE - 1, 1, constant_values=-np.inf), 2, 2).max(axis=(2, 3))
    mean = windows(np.pad(np.ones((4, 4)), 1), 2, 2).mean(axis=(2, 3))
    assert np.allclose(found, [*largest.ravel(), *mean.ravel()]) and largest.max() < 0
    inner = np.zeros((3, 3), dtype=bool)
    inner[1, 1] = True
    assert (mean[inner] == 1).all() and (mean[~inner] < 1).all()
    assert "padded with negative infinity" in nn.MaxPool2d.__doc__ and "Default value is :attr:`kernel_size`" in nn.MaxPool2d.__doc__
    for pool in (F.max_pool2d, F.avg_pool2d):
        assert pool(torch.zeros(1, 7, 8), 3).shape == (1, 2, 2)


@pytest.mark.claim(
    zh="5 × 5 的图用 2 × 2 的窗口，多出来的一行一列默认扔掉，ceil_mode=True 才留：",
    en="With windows of 2 × 2 on a picture of 5 × 5, a row and a column are left over. They are thrown away, unless ceil_mode=True:",
)
def test_ceil_mode_keeps_what_does_not_fill_a_window(chapter):
    odd = np.arange(25.0).reshape(5, 5)
    floor = windows(odd, 2, 2).max(axis=(2, 3))
    ceil = windows(np.pad(odd, (0, 1), constant_values=-np.inf), 2, 2).max(axis=(2, 3))
    assert printed(chapter["ceil-mode"].stdout).tolist() == [*floor.ravel(), *ceil.ravel()] and ceil.shape == (3, 3)
    assert np.array_equal(F.max_pool2d(four(odd), 2), F.max_pool2d(four(odd[:4, :4]), 2))  # a row and a column do not count


# ---- indices, gradient -----------------------------------------------------------------------


@pytest.mark.claim(
    zh="最大值本来站在哪里，return_indices=True 会告诉你；MaxUnpool2d 再把它们放回原位：",
    en="With return_indices=True you learn where each maximum stood, and MaxUnpool2d puts them back there:",
)
@pytest.mark.claim(
    zh="位置是把每个通道拉成一行来数的：4 是第 1 行第 0 列，正是那个 5。",
    en="Positions are counted as if each channel were one long row: 4 is row 1, column 0, where the 5 is.",
)
@pytest.mark.claim(zh="其余的格子填 0，丢了的数找不回来。", en="All other cells become 0, for what was lost is lost.")
def test_indices_say_where_and_unpooling_puts_back(chapter):
    where = [[4, 2], [13, 15]]
    assert PICTURE.ravel()[where].tolist() == [[5, 2], [3, 9]] and PICTURE[divmod(4, 4)] == PICTURE[1, 0] == 5
    back = np.zeros(16)
    back[np.ravel(where)] = [5, 2, 3, 9]
    assert printed(chapter["unpool"].stdout).tolist() == [*np.ravel(where), *back]
    x = torch.randn(2, 3, 4, 4)
    values, found = F.max_pool2d(x, 2, return_indices=True)
    assert found.max() < 16 and torch.equal(x.flatten(2).gather(2, found.flatten(2)), values.flatten(2))  # counted anew in each channel
    other = np.where(PICTURE == back.reshape(4, 4), PICTURE, 0.5 * PICTURE)  # the rest is otherwise: the same comes back
    values, found = F.max_pool2d(four(other), 2, return_indices=True)
    assert found[0, 0].tolist() == where and F.max_unpool2d(values, found, 2)[0, 0].flatten().tolist() == back.tolist()


@pytest.mark.claim(zh="最大池化的反向传播走的是同一条路。", en="Backpropagation through max pooling goes the same way.")
@pytest.mark.claim(
    zh="最大池化把梯度全给了赢家，别人一点没有；平均池化人人四分之一。",
    en="Max pooling gives all of the gradient to the winner and none to the rest; average pooling gives everyone a quarter.",
)
def test_max_pooling_gives_the_gradient_to_the_winner_and_average_pooling_to_all(chapter):
    winners = np.zeros(16)
    winners[[4, 2, 13, 15]] = 1
    assert printed(chapter["gradient"].stdout).tolist() == [*winners, *[0.25] * 16]
    x = torch.randn(2, 3, 6, 6, requires_grad=True)
    y, where = F.max_pool2d(x, 2, return_indices=True)
    upstream = torch.randn_like(y)
    y.backward(upstream)
    assert torch.equal(x.grad, F.max_unpool2d(upstream, where, 2))


# ---- adaptive --------------------------------------------------------------------------------


@pytest.mark.claim(
    zh="只要放得下窗口，卷积和池化不挑图的大小，Linear 却挑：",
    en="Convolution and pooling take pictures of any size that holds their window; Linear does not:",
)
@pytest.mark.claim(
    zh="32 × 32 的图没问题，48 × 100 的就报错：展平以后是 36064 个数，不是 7200 个。",
    en="32 × 32 works, 48 × 100 does not: flattened, it is 36064 numbers, not 7200.",
)
def test_linear_takes_one_size_only(chapter):
    assert lines(chapter, "flatten-error") == ["torch.Size([2, 10])"]
    error, net = chapter["flatten-error"].error, chapter["flatten-error"].names["net"]
    assert type(error) is RuntimeError and "shapes cannot be multiplied (2x36064 and 7200x10)" in str(error)
    assert 8 * (32 - 2) * (32 - 2) == 7200 == net[3].in_features and net[:3](torch.zeros(2, 3, 48, 100)).shape == (2, 36064)
    for size in range(1, 8):
        for layer in (nn.Conv2d(1, 1, 3), nn.MaxPool2d(3), nn.AvgPool2d(3)):
            if size < 3:
                with pytest.raises(RuntimeError):
                    layer(torch.zeros(1, 1, size, 5))
            else:
                layer(torch.zeros(1, 1, size, 5))


@pytest.mark.claim(
    zh="自适应池化（adaptive pooling）反过来：你说输出要多大，窗口由它去定。",
    en="Adaptive pooling turns things round: you say how large the output should be, and it finds the windows.",
)
@pytest.mark.claim(
    zh="要 1，就是每个通道取总平均，叫全局平均池化（global average pooling）：",
    en="Say 1, and you have the mean of each whole channel, called global average pooling:",
)
@pytest.mark.claim(zh="图不管多大，8 个通道都变成 8 个数。", en="8 channels become 8 numbers, however large the picture.")
@pytest.mark.claim(
    zh="自适应池化只说输出多大；全局平均池化让网络收下任意大小的图。",
    en="Adaptive pooling is told the size of the output; with global average pooling, a network takes pictures of any size.",
)
def test_global_average_pooling_takes_pictures_of_any_size(chapter):
    assert lines(chapter, "global") == ["torch.Size([2, 10])"] * 2 + ["True"]
    net = chapter["global"].names["net"]
    for size in [(3, 3), (9, 13), (32, 32), (100, 48)]:
        z = torch.randn(2, 3, *size)
        means = torch.relu(net[0](z)).mean(dim=(2, 3))
        assert net[:4](z).shape == (2, 8) and torch.allclose(net(z), means @ net[4].weight.T + net[4].bias, atol=1e-5)
    assert list(inspect.signature(nn.AdaptiveAvgPool2d.__init__).parameters) == ["self", "output_size"]
    for output in [(1, 1), (3, 2), (5, 7)]:
        assert F.adaptive_avg_pool2d(torch.zeros(1, 8, 9, 13), output).shape == (1, 8, *output)


@pytest.mark.claim(zh="10 个数要变成 4 个：", en="Make 4 numbers of 10:")
@pytest.mark.claim(
    zh="起点 10 × i ÷ 4 往下取整，终点 10 × (i + 1) ÷ 4 往上取整，窗口可以有一点重叠。",
    en="A window starts at 10 × i ÷ 4, rounded down, and stops at 10 × (i + 1) ÷ 4, rounded up, and windows may overlap a little.",
)
def test_adaptive_windows_by_hand(chapter):
    out = chapter["adaptive"].stdout.splitlines()
    bounds = [(math.floor(10 * i / 4), math.ceil(10 * (i + 1) / 4)) for i in range(4)]
    means = [np.arange(10)[start:stop].mean() for start, stop in bounds]
    assert printed(out[0]).tolist() == means and [printed(line).tolist() for line in out[1:]] == [[*b, m] for b, m in zip(bounds, means)]
    assert [stop - start for (_, stop), (start, _) in zip(bounds, bounds[1:])] == [1, 0, 1]  # by one cell, if at all
    x = torch.randn(1, 10, requires_grad=True)
    for i, (start, stop) in enumerate(bounds):
        (gradient,) = torch.autograd.grad(F.adaptive_avg_pool1d(x, 4)[0, i], x)
        assert gradient[0].nonzero().flatten().tolist() == list(range(start, stop))


# ---- instead ---------------------------------------------------------------------------------


@cache
def network(name):
    """A network of torchvision without weights, and the layers that shrink a picture of 224 × 224 in it, as {name: (layer, from, to)}."""
    with torch.device("meta"):
        net, found = getattr(torchvision.models, name)().eval(), {}
        for layer_name, layer in net.named_modules():
            if not list(layer.children()):
                def note(layer, inputs, output, layer_name=layer_name):
                    if output.ndim == 4 and output.shape[2] < inputs[0].shape[2]:
                        found[layer_name] = (layer, inputs[0].shape[2], output.shape[2])
                layer.register_forward_hook(note)
        net(torch.zeros(1, 3, 224, 224))
    return net, found


def steps(name):
    """The kinds of the layers that shrink on the main path, global pooling aside, in order."""
    found = {layer: way for layer, way in network(name)[1].items() if "downsample" not in layer and layer != "avgpool"}
    sizes = [224] + [to for _, _, to in found.values()]
    assert [before for _, before, _ in found.values()] == sizes[:-1] and sizes[-1] == 7  # one after the other
    return [type(layer).__name__ for layer, _, _ in found.values()]


@pytest.mark.claim(
    zh="要把图缩小，也可以让卷积的步幅等于 2，怎么概括由它自己学：",
    en="Another way to shrink a picture is a convolution of stride 2, which can learn its own summary:",
)
@pytest.mark.claim(zh="这张图的高和宽是偶数，形状就和 MaxPool2d(2) 的一样。", en="Height and width are even here, so the shape is that of MaxPool2d(2).")
@pytest.mark.claim(
    zh="第二行说明，2 × 2 的平均池化就是一个步幅为 2 的卷积，每个通道自成一组，权重固定为 1/4。",
    en="And the second line says that average pooling of 2 × 2 is a convolution of stride 2, with each channel a group of its own and all weights fixed at 1/4.",
)
def test_average_pooling_is_a_convolution_with_fixed_weights(chapter):
    assert lines(chapter, "instead") == ["torch.Size([16, 8, 14, 14])", "True"]
    strided = chapter["instead"].names["strided"]
    assert strided.stride == (2, 2) and strided.weight.requires_grad
    for n in range(4, 12):
        x = torch.randn(1, 8, n, n)
        assert (strided(x).shape == F.max_pool2d(x, 2).shape) == (n % 2 == 0)
    x = torch.randn(3, 5, 6, 10)
    conv = nn.Conv2d(5, 5, 2, stride=2, groups=5, bias=False)
    with torch.no_grad():
        assert torch.allclose(conv.weight.fill_(1 / 4).sum(), torch.tensor(5.0)) and torch.allclose(conv(x), F.avg_pool2d(x, 2), atol=1e-6)
        assert not torch.allclose(conv(x), F.max_pool2d(x, 2), atol=1e-2)
    assert (chapter["instead"].names["quarter"] == 1 / 4).all()


@pytest.mark.claim(
    zh="VGG-16 靠五次最大池化缩小；ResNet-18 只留了一次，另外四次交给卷积的步幅；ConvNeXt-Tiny 一次也没有，四次都靠步幅。",
    en="VGG-16 shrinks by max pooling, five times; ResNet-18 kept one of them and leaves four steps to the strides of convolutions; ConvNeXt-Tiny has none, and four strides.",
)
@pytest.mark.claim(
    zh="ResNet-18 那三个 1 × 1 的核在捷径（shortcut）上，和主路并排，不会多缩小一次。",
    en="The three kernels of 1 × 1 in ResNet-18 stand in shortcuts beside the main path, and do not shrink the picture once more.",
)
@pytest.mark.claim(zh="ResNet-18 和 ConvNeXt-Tiny 主要靠卷积的步幅来缩小。", en="ResNet-18 and ConvNeXt-Tiny shrink mostly by the strides of their convolutions.")
def test_how_real_networks_shrink(chapter):
    assert steps("vgg16") == ["MaxPool2d"] * 5
    assert steps("resnet18") == ["Conv2d", "MaxPool2d", "Conv2d", "Conv2d", "Conv2d"]
    assert steps("convnext_tiny") == ["Conv2d"] * 4
    found = network("resnet18")[1]
    shortcuts = {name: way for name, way in found.items() if "downsample" in name}
    assert list(shortcuts) == [f"layer{i}.0.downsample.0" for i in (2, 3, 4)]
    for name, (conv, before, after) in shortcuts.items():
        assert conv.kernel_size == (1, 1) and found[name.replace("downsample.0", "conv1")][1:] == (before, after)  # the main path does the same beside it
    expected = {"vgg16": (5, [], "(7, 7)"), "resnet18": (1, [7, 3, 1, 3, 1, 3, 1], "(1, 1)"), "convnext_tiny": (0, [4, 2, 2, 2], "1")}
    assert lines(chapter, "in-the-wild") == [line for name, (pools, kernels, size) in expected.items() for line in (
        f"{name}: {pools} max pools, AdaptiveAvgPool2d(output_size={size})", f"    kernels of strided convolutions: {kernels}")]


@pytest.mark.claim(
    zh="末尾的 AdaptiveAvgPool2d 是另一件事：VGG-16 把 7 × 7 的图展平，光是接下来那个 Linear 就有 1.03 亿个权重，占全部参数的 74%。",
    en="The AdaptiveAvgPool2d at the end is another matter: VGG-16 flattens pictures of 7 × 7, and the Linear behind them alone has 103 million weights, 74% of all parameters.",
)
@pytest.mark.claim(
    zh="后两个用全局平均池化，ResNet-18 那里只要 51 万。",
    en="The other two use global average pooling; in ResNet-18, that Linear needs 0.51 million.",
)
@pytest.mark.claim(
    zh="所以，缩小可以不用池化，收尾的全局平均池化却留了下来。",
    en="So pooling is no longer needed for shrinking, but the global kind, at the end, has stayed.",
)
@pytest.mark.claim(
    zh="自己动手，可以先用没有参数的 MaxPool2d(2)。",
    en="For a network of your own, you may start with MaxPool2d(2), which has no parameters.",
)
def test_how_real_networks_end():
    vgg, resnet, convnext = [network(name)[0] for name in ("vgg16", "resnet18", "convnext_tiny")]
    weights = vgg.classifier[0].weight.numel()
    share = weights / sum(p.numel() for p in vgg.parameters())
    assert type(vgg.classifier[0]) is nn.Linear and weights == 512 * 7 * 7 * 4096 and round(weights / 1e6) == 103 and round(100 * share) == 74
    assert resnet.fc.weight.numel() == 512 * 1000 and round(512 * 1000 / 1e6, 2) == 0.51
    assert vgg.avgpool.output_size == (7, 7) and resnet.avgpool.output_size == (1, 1) and convnext.avgpool.output_size == 1
    assert all(type(net.avgpool) is nn.AdaptiveAvgPool2d for net in (vgg, resnet, convnext))
    assert "MaxPool2d" not in steps("convnext_tiny") and not any(isinstance(m, nn.AvgPool2d | nn.MaxPool2d) for m in convnext.modules())
    assert not list(nn.MaxPool2d(2).parameters())


# ---- errors ----------------------------------------------------------------------------------


@pytest.mark.claim(zh="图太小，只剩 1 × 1 了：", en="Too small a picture; only 1 × 1 is left:")
@pytest.mark.claim(zh="少了通道轴，用 picture[None] 补上：", en="No channel axis; picture[None] adds it:")
@pytest.mark.claim(
    zh="填充太多，最多补半个窗口；这里补了一整个，角上的窗口里一个真数都没有：",
    en="Too much padding; half a window is the most, here it is a whole one, and the windows in the corners would hold no real number at all:",
)
def test_errors_of_the_size(chapter):
    small, rank, padding = [chapter[cell].error for cell in ("small-error", "rank-error", "padding-error")]
    assert [type(error) for error in (small, rank, padding)] == [RuntimeError] * 3
    assert "Given input size: (8x1x1). Calculated output size: (8x0x0). Output size is too small" in str(small)
    assert "3D or 4D (batch mode) tensor expected" in str(rank)
    picture = chapter["rank-error"].names["picture"]
    assert picture.shape == (4, 4) and nn.MaxPool2d(2)(picture[None]).shape == (1, 2, 2)
    assert "pad should be at most half of effective kernel size, but got pad=2, kernel_size=2" in str(padding)
    assert nn.MaxPool2d(2, padding=1)(torch.zeros(1, 4, 4)).shape == (1, 3, 3)
    corner = windows(np.pad(PICTURE, 2, constant_values=-np.inf), 2, 2)[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corner == -np.inf).all()


@pytest.mark.claim(
    zh="位置混进了 Sequential，return_indices=True 交出的是一对张量，下一层不认：",
    en="Positions inside a Sequential; return_indices=True hands over a pair, and the next layer wants a tensor:",
)
@pytest.mark.claim(
    zh="还原时不知道原来多大，4 × 4 和 5 × 5 池化后都是 2 × 2，它猜小的；补上 output_size=(5, 5)：",
    en="Unpooling to an unknown size; 4 × 4 and 5 × 5 both pool to 2 × 2, it guesses the smaller, so add output_size=(5, 5):",
)
def test_errors_of_the_positions(chapter):
    error = chapter["tuple-error"].error
    assert type(error) is TypeError and "must be Tensor, not tuple" in str(error)
    pair = nn.MaxPool2d(2, return_indices=True)(four(PICTURE))
    assert type(pair) is tuple and [type(t) for t in pair] == [torch.Tensor] * 2
    error, names = chapter["unpool-error"].error, chapter["unpool-error"].names
    assert type(error) is RuntimeError and "Found an invalid max index" in str(error) and "4x4" in str(error)
    assert F.max_pool2d(torch.zeros(1, 1, 4, 4), 2).shape == F.max_pool2d(torch.zeros(1, 1, 5, 5), 2).shape == names["values"].shape == (1, 1, 2, 2)
    back = nn.MaxUnpool2d(2)(names["values"], names["where"], output_size=(5, 5))[0, 0]
    assert back.nonzero().tolist() == [[1, 1], [1, 3], [3, 1], [3, 3]]


@pytest.mark.claim(
    zh="整数的平均，在 CPU 上，AvgPool2d 收下 int64，不报错，2.75 却成了 2，7.5 成了 7，小数被丢掉了：",
    en="The mean of integers; on the CPU, AvgPool2d takes int64 without an error, but 2.75 becomes 2 and 7.5 becomes 7, as the fraction is dropped:",
)
@pytest.mark.claim(
    zh="别的整数类型会报错：uint8、int8、int16、int32 都没有平均池化。",
    en="The other types of integers do raise one: uint8, int8, int16 and int32 have no average pooling.",
)
@pytest.mark.claim(zh="AdaptiveAvgPool2d 连 int64 也不收。", en="Nor has int64 in AdaptiveAvgPool2d.")
@pytest.mark.claim(zh="这些情况都先 .float()：", en="In all of these cases, call .float() first:")
def test_the_mean_of_integers(chapter):
    assert MEAN.tolist() == [[2.75, 1], [1, 7.5]]
    assert chapter["integers"].value.tolist() == [[[[2, 1], [1, 7]]]] and chapter["integers"].value.dtype == torch.int64
    assert F.avg_pool2d(-four(PICTURE).long(), 2).tolist() == [[[[-2, -1], [-1, -7]]]]  # dropped, not rounded down
    error = chapter["integer-error"].error
    assert type(error) is NotImplementedError and "\"avg_pool2d\" not implemented for 'Byte'" in str(error)
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.uint16, torch.uint32, torch.uint64):
        x = four(PICTURE).to(dtype)
        with pytest.raises(NotImplementedError, match="not implemented for"):
            F.avg_pool2d(x, 2)
        assert F.avg_pool2d(x.float(), 2)[0, 0].tolist() == MEAN.tolist()
    assert F.avg_pool2d(four(PICTURE).long().float(), 2)[0, 0].tolist() == MEAN.tolist()
    with pytest.raises(NotImplementedError, match="adaptive_avg_pool2d\" not implemented for 'Long'"):
        nn.AdaptiveAvgPool2d(2)(four(PICTURE).long())
    assert nn.AdaptiveAvgPool2d(2)(four(PICTURE).long().float())[0, 0].tolist() == MEAN.tolist()
