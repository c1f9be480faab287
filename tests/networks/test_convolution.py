"""The proof of what docs/*/networks/convolution.md claims."""

import re
import xml.etree.ElementTree as ET
from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_sample_image
from torch import nn

from tests.prose import lines, says

PICTURE = np.array([[1, 1, 1, 9, 9], [1, 1, 1, 9, 9], [1, 1, 9, 9, 9], [1, 1, 9, 9, 9], [1, 9, 9, 9, 9]], dtype=float)
KERNEL = np.array([[-1, 0, 1]] * 3, dtype=float)
ANIMATIONS = {"animate": "plain", "padding": "padding", "stride": "stride", "dilation": "dilation", "stamp": "transposed"}


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


def places(n, k, s, p, d):
    """How many places a kernel has to stand along n cells, found by trying them all."""
    return sum(1 for start in range(0, n + 2 * p, s) if start + d * (k - 1) < n + 2 * p)


# ---- why -------------------------------------------------------------------------------------


@pytest.mark.ledger("n2-15")
def test_a_picture_file_has_its_channels_last_and_the_photo_has_them_first(chapter):
    image = load_sample_image("china.jpg")
    names = chapter["photo"].names
    assert lines(chapter, "photo") == ["(427, 640, 3) uint8", "torch.Size([3, 427, 640]) torch.Size([427, 640])"]
    assert np.allclose(names["photo"].numpy(), np.moveaxis(image, 2, 0) / 255, atol=1e-6)
    assert np.allclose(names["grey"].numpy(), image.mean(axis=2) / 255, atol=1e-5)
    assert 0 <= names["photo"].min() and names["photo"].max() <= 1
    says(chapter, "427", "640", "255")


def test_a_linear_layer_would_need_a_weight_for_each_pair_of_pixel_and_place(chapter):
    weights = (427 * 640) * (425 * 638)
    assert weights == 74_099_872_000 and round(weights / 1e8) == 741 and round(weights * 4 / 1e9) == 296
    assert lines(chapter, "count") == [f"Linear: {weights:,} weights, 296 GB", "Conv2d: 9 weights"]
    names = chapter["count"].names
    assert names["full"].weight.is_meta and names["full"].weight.numel() == weights
    assert names["conv"].weight.numel() == 3 * 3
    assert "741 亿" in chapter.prose("zh") and "Seventy-four billion" in chapter.prose("en")
    says(chapter, "296 GB", '`device="meta"`')


# ---- by hand ---------------------------------------------------------------------------------


@pytest.mark.ledger("n0-14")
def test_the_loops_agree_with_numpy_and_with_torch(chapter):
    names = chapter["by-hand"].names
    assert np.array_equal(names["picture"], PICTURE) and np.array_equal(names["kernel"], KERNEL)
    edges = slide(PICTURE, KERNEL)
    assert chapter["by-hand"].value.tolist() == edges.tolist() == [[8, 24, 16], [16, 24, 8], [24, 16, 0]]
    assert lines(chapter, "torch") == ["torch.Size([1, 1, 3, 3])", "True"]
    x, k = np.random.default_rng(0).normal(size=(7, 9)), np.array([[1.0, 2, 3], [4, 5, 7]])  # nothing symmetric
    by_hand = names["cross_correlate"](torch.tensor(x), torch.tensor(k))
    assert by_hand.shape == (6, 7) and np.allclose(by_hand, slide(x, k), atol=1e-5)
    assert np.allclose(F.conv2d(torch.tensor(x)[None, None], torch.tensor(k)[None, None])[0, 0], slide(x, k))


def test_the_prose_reads_the_edges_rightly(chapter):
    assert PICTURE[:3, 2].sum() == 1 + 1 + 9 == 11 and PICTURE[:3, 0].sum() == 1 + 1 + 1 == 3
    edges = slide(PICTURE, KERNEL)
    assert edges[0, 0] == 11 - 3 == 8 and edges.max() == 24 and edges[-1, -1] == 0
    assert (PICTURE[2:, 2] == PICTURE[2:, 4]).all()
    for i, j in np.argwhere(edges == 24):  # dark on the left of the window, bright on the right, in all rows
        assert (PICTURE[i : i + 3, j] == 1).all() and (PICTURE[i : i + 3, j + 2] == 9).all()
    says(chapter, "1 + 1 + 9 = 11", "1 + 1 + 1 = 3", "24")


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
    assert [line.split("  ")[0].split(" [")[0].strip() for line in lines(chapter, "flip")] == [
        "conv1d", "np.correlate", "np.convolve", "conv1d flipped tensor([1., 2., 3., 0.])"]
    assert "cross-correlation" in nn.Conv2d.__doc__
    # two dimensions: turned around left to right and top to bottom
    x, k = np.random.default_rng(1).normal(size=(5, 5)), np.arange(9.0).reshape(3, 3)
    book = np.array([[sum(x[i + 2 - m, j + 2 - n] * k[m, n] for m in range(3) for n in range(3)) for j in range(3)] for i in range(3)])

    def conv(weight):
        return F.conv2d(torch.tensor(x)[None, None], torch.tensor(weight.copy())[None, None])[0, 0]

    assert np.allclose(conv(k[::-1, ::-1]), book) and not np.allclose(conv(k), book)


def test_what_moves_in_the_picture_moves_in_the_output(chapter):
    assert chapter["everywhere"].value is True
    names = chapter["everywhere"].names
    grey = load_sample_image("china.jpg").mean(axis=2) / 255
    assert names["moved"].shape == (1, 1, 427 - 10 - 2, 640 - 20 - 2)
    assert np.allclose(names["moved"][0, 0], slide(grey[10:, 20:], KERNEL), atol=1e-4)
    assert np.allclose(slide(grey[10:, 20:], KERNEL), slide(grey, KERNEL)[10:, 20:])


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
            yield owner, element.text, dx + float(element.get("x")), dy + float(element.get("y"))
        if element.tag.endswith("}rect"):
            yield owner, None, dx + float(element.get("x")), dy + float(element.get("y"))
        for child in element:
            yield from walk(child, dx, dy, owner)

    things = list(walk(root))
    frames = {}
    for part in ("kernel", "marker"):
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


@pytest.mark.parametrize("cell", ["animate", "padding", "stride", "dilation"])
@pytest.mark.ledger("n0-16")
def test_every_frame_of_an_animation_is_the_arithmetic_that_it_shows(chapter, cell):
    name = ANIMATIONS[cell]
    things, frames, _ = read_animation(chapter[cell].value._repr_svg_(), name)
    (marker,) = [(x, y) for owner, text, x, y in things if text is None and owner == f"{name}-marker"]
    taps = taps_of(things, name)
    assert len(taps) == 9
    for (dx, dy), (mx, my) in zip(frames["kernel"], frames["marker"], strict=True):
        total = sum(weight * number_in(things, x + dx, y + dy) for x, y, weight in taps)
        assert total == number_in(things, marker[0] + mx, marker[1] + my)
    assert len(set(frames["kernel"])) == len(set(frames["marker"])) == {"animate": 9, "padding": 25, "stride": 4, "dilation": 9}[cell]


def test_the_frames_of_the_transposed_animation_add_up_to_its_output(chapter):
    things, frames, _ = read_animation(chapter["stamp"].value._repr_svg_(), "transposed")
    (marker,) = [(x, y) for owner, text, x, y in things if text is None and owner == "transposed-marker"]
    taps, sums = taps_of(things, "transposed"), {}
    for (dx, dy), (mx, my) in zip(frames["kernel"], frames["marker"], strict=True):
        value = number_in(things, marker[0] + mx, marker[1] + my)
        for x, y, weight in taps:
            sums[x + dx, y + dy] = sums.get((x + dx, y + dy), 0) + value * weight
    assert len(sums) == 25
    assert all(total == number_in(things, *place) for place, total in sums.items())
    arrow = {text: x for _, text, x, _ in things if text in ("input", "output", "←", "→")}
    assert arrow["output"] < arrow["←"] < arrow["input"]
    # the same places as in the animation of stride 2
    assert frames["kernel"] == read_animation(chapter["stride"].value._repr_svg_(), "stride")[1]["kernel"]


@pytest.mark.parametrize("cell", ANIMATIONS)
@pytest.mark.ledger("n0-16")
def test_an_animation_is_self_contained_small_and_rests_halfway(chapter, cell):
    name, svg = ANIMATIONS[cell], chapter[cell].value._repr_svg_()
    things, frames, style = read_animation(svg, name)
    assert len(svg.encode()) < 8000
    for part in ("kernel", "marker"):
        assert frames[part, "rest"] == frames[part][len(frames[part]) // 2]
    assert "@media (prefers-reduced-motion: reduce){*{animation:none!important}}" in style
    assert svg.count("</style>") == 1 and "href" not in svg and "<script" not in svg and "<animate" not in svg
    assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) == {"#1f2328", "#d0d7de", "#d55e00", "#0072b2"}
    assert not re.search(r'="[^"]*−', svg)
    width, height = (float(re.search(rf'<svg[^>]*\s{side}="([\d.]+)px"', svg)[1]) for side in ("width", "height"))
    assert width <= 690 and all(0 <= x <= width and 0 <= y <= height for _, _, x, y in things)
    says(chapter, "24")


@pytest.mark.parametrize("cell, stride, padding, dilation", [("padding", 1, 1, 1), ("stride", 2, 0, 1), ("dilation", 1, 0, 2)])
def test_the_animated_outputs_agree_with_numpy(chapter, cell, stride, padding, dilation):
    big = np.pad(PICTURE, 1, mode="edge") if cell == "dilation" else PICTURE
    expected = slide(big, KERNEL, stride, padding, dilation)
    assert chapter[cell].names["y"][0, 0].tolist() == expected.tolist()


# ---- the layer -------------------------------------------------------------------------------


@pytest.mark.ledger("n1-10")
@pytest.mark.ledger("n2-15")
def test_the_axes_are_samples_channels_height_width(chapter):
    shapes = [tuple(map(int, re.findall(r"\d+", line))) for line in lines(chapter, "nchw")]
    assert shapes == [(1, 3, 427, 640), (8, 3, 5, 5), (8,), (1, 8, 427 - 4, 640 - 4)]
    assert [line.split()[0] for line in lines(chapter, "nchw")] == ["input", "weight", "bias", "output"]
    conv, batch = chapter["nchw"].names["conv"], chapter["nchw"].names["batch"]
    assert conv.in_channels == batch.shape[1] == 3 and conv.out_channels == 8
    with pytest.raises(RuntimeError, match="to have 3 channels"):
        conv(batch.permute(0, 2, 3, 1))
    assert conv(torch.zeros(7, 3, 9, 11)).shape == (7, 8, 5, 7)  # N is free, and stays
    says(chapter, "(N, C, H, W)", "`(8, 3, 5, 5)`", "| N |", "| C |", "| H |", "| W |")


@pytest.mark.ledger("n1-10")
def test_each_output_channel_is_one_kernel_summed_over_the_input_channels(chapter):
    assert chapter["channels"].value is True
    names = chapter["channels"].names
    weight, bias = names["conv"].weight.detach().numpy(), names["conv"].bias.detach().numpy()
    small = names["small"].numpy()
    assert small.shape == (3, 20, 30)  # no N, and none in the output
    out = names["conv"](names["small"])
    assert out.shape == (8, 16, 26) == names["by_hand"].shape
    expected = [sum(slide(small[c], weight[o, c]) for c in range(3)) + bias[o] for o in range(8)]
    assert np.allclose(out.detach(), expected, atol=1e-5) and np.allclose(names["by_hand"].detach(), expected, atol=1e-5)


@pytest.mark.ledger("n2-23")
def test_in_channels_is_that_of_the_layers_input(chapter):
    names = chapter["stack"].names
    assert names["first"].in_channels == names["photo"].shape[0] == 3
    assert names["second"].in_channels == names["first"].out_channels == 8
    assert lines(chapter, "stack") == ["torch.Size([1, 8, 423, 636]) torch.Size([1, 16, 421, 634])", "torch.Size([16, 8, 3, 3])"]
    with pytest.raises(RuntimeError, match="to have 8 channels, but got 3"):
        names["second"](names["batch"])


@pytest.mark.ledger("n2-23")
def test_training_changes_the_weights_and_never_the_kernel_size(chapter):
    names, out = chapter["learn"].names, chapter["learn"].stdout
    assert out.count("(3, 3) ") == 2
    assert names["learner"].kernel_size == (3, 3)
    assert np.allclose(names["learner"].weight.detach()[0, 0], KERNEL, atol=1e-3)
    assert np.allclose(names["target"][0, 0], slide(names["noise"][0, 0], KERNEL), atol=1e-4)
    before, after = ([float(n) for n in re.findall(r"-?\d+\.\d*", part)] for part in out.split("(3, 3)")[1:])
    assert after == KERNEL.ravel().tolist() and len(before) == 9
    assert np.abs(np.subtract(before, after)).max() > 0.5  # it had something to learn
    assert "-0." not in out.split("(3, 3)")[2]
    assert "range(100)" in chapter["learn"].code
    assert "一百步" in chapter.prose("zh") and "A hundred steps" in chapter.prose("en")


@pytest.mark.ledger("n3-01")
def test_a_tuple_is_height_first_and_a_layer_has_out_channels_kernels(chapter):
    assert lines(chapter, "tuple") == ["torch.Size([1, 1, 3, 7])", f"torch.Size([1, 1, {427 - 2}, {640 - 6}])"]
    layer = nn.Conv2d(2, 5, kernel_size=4)
    assert layer.weight.shape == (5, 2, 4, 4) and layer.kernel_size == (4, 4)
    picture = torch.zeros(1, 2, 20, 20)
    assert nn.Conv2d(2, 5, 1, stride=(2, 5))(picture).shape[2:] == (10, 4)
    assert nn.Conv2d(2, 5, 1, padding=(1, 3))(picture).shape[2:] == (22, 26)
    assert nn.Conv2d(2, 5, 3, dilation=(1, 4))(picture).shape[2:] == (18, 12)
    says(chapter, "`(3, 7)`", "`out_channels`", "`stride`", "`padding`", "`dilation`")


# ---- feature maps ----------------------------------------------------------------------------


@pytest.mark.ledger("n1-10")
def test_the_feature_maps_are_what_numpy_makes_of_the_photograph(chapter):
    (figure,) = chapter["feature-maps"].figures
    tiny = (load_sample_image("china.jpg").mean(axis=2) / 255)[::5, ::5]
    expected = {"photograph": tiny, "blur": slide(tiny, np.full((5, 5), 1 / 25)),
                "right minus left": tiny_edges(tiny, axis=1), "lower minus upper": tiny_edges(tiny, axis=0)}
    assert [ax.get_title() for ax in figure.axes] == list(expected)
    for ax in figure.axes:
        assert np.allclose(ax.images[0].get_array(), expected[ax.get_title()], atol=1e-4)
    for name in ("right minus left", "lower minus upper"):
        sky = expected[name][:15, 80:]  # the top right of the photograph
        assert np.abs(sky).max() < 0.1 * np.abs(expected[name]).max()
    says(chapter, "`blur`", "`right minus left`", "`lower minus upper`", "1/25")


def tiny_edges(x, axis):
    """Sums of three differences two cells apart: along the rows (axis 1) or the columns (axis 0)."""
    x = x if axis == 1 else x.T
    difference = x[:, 2:] - x[:, :-2]
    summed = difference[:-2] + difference[1:-1] + difference[2:]
    return summed if axis == 1 else summed.T


def test_the_random_maps_are_six_and_no_two_alike(chapter):
    (figure,) = chapter["random-maps"].figures
    names = chapter["random-maps"].names
    maps = [np.array(ax.images[0].get_array()) for ax in figure.axes]
    weight, bias = (p.detach().numpy() for p in names["untrained"].parameters())
    photo = np.moveaxis(load_sample_image("china.jpg"), 2, 0)[:, ::5, ::5] / 255
    assert len(maps) == 6 and maps[0].shape == (82, 124)
    for o in range(6):
        assert np.allclose(maps[o], sum(slide(photo[c], weight[o, c]) for c in range(3)) + bias[o], atol=1e-4)
    for one, two in product(range(6), range(6)):
        assert one == two or np.abs(maps[one] - maps[two]).max() > 0.1


# ---- padding ---------------------------------------------------------------------------------


def test_a_corner_is_looked_at_once_and_the_middle_nine_times():
    looks = F.conv_transpose2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3))[0, 0]  # 3 x 3 windows on 5 x 5 cells
    by_hand = np.zeros((5, 5))
    for i, j in product(range(3), range(3)):
        by_hand[i : i + 3, j : j + 3] += 1
    assert looks.tolist() == by_hand.tolist() and by_hand[0, 0] == 1 and by_hand[2, 2] == 9


def test_a_rim_of_zeros_looks_like_an_edge_and_replicate_does_not(chapter):
    y = chapter["padding"].names["y"][0, 0]
    assert y.shape == (5, 5) and y[:, -1].tolist() == [-18, -27, -27, -27, -18]
    assert slide(np.pad(PICTURE, 1, mode="edge"), KERNEL)[:, -1].tolist() == [0] * 5
    assert "负十八、负二十七、负二十七、负二十七、负十八" in chapter.prose("zh")
    assert "minus 18, minus 27, minus 27, minus 27, minus 18" in chapter.prose("en")
    says(chapter, "−18", "−27")


@pytest.mark.ledger("n0-17")
def test_by_default_there_is_no_padding_and_its_mode_is_zeros(chapter):
    first, *rest = lines(chapter, "default")
    assert first == "(0, 0) zeros"
    assert rest == [f"{size} torch.Size([1, 1, 5, 5]) torch.Size([1, 1, 5, 5])" for size in (1, 3, 5, 7)]
    layer = nn.Conv2d(1, 1, 3)
    assert layer.padding == (0, 0) and layer.padding_mode == "zeros"
    assert all(places(5, size, 1, (size - 1) // 2, 1) == 5 for size in (1, 3, 5, 7))
    says(chapter, '`padding="same"`', "`zeros`")


@pytest.mark.ledger("n0-17")
def test_padding_is_zeros_and_the_bias_is_added_afterwards(chapter):
    assert chapter["all-zero"].value.tolist() == [[[[10.0] * 3] * 3]]
    shown = chapter["all-one"].value[0, 0].tolist()
    ones = np.ones((3, 3))
    assert shown == (slide(ones, ones, padding=1) + 10).tolist()
    filled_with_bias = slide(np.pad(ones, 1, constant_values=10), ones) + 10
    assert shown[1][1] == 9 + 10 == 19 and shown[0][0] == 4 + 0 + 10 == 14
    assert filled_with_bias[0, 0] == 4 + 50 + 10 == 64
    conv = chapter["all-one"].names["conv"]
    assert conv.bias.item() == 10 and conv.weight.detach().numpy().tolist() == [[ones.tolist()]]
    says(chapter, "4 + 0 + 10 = 14", "4 + 50 + 10 = 64", "19")


@pytest.mark.ledger("n0-17")
def test_the_figure_shows_what_each_mode_fills_in(chapter):
    (figure,) = chapter["modes"].figures
    (ax,) = figure.axes
    numpy_modes = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    rows = {}
    for text in ax.texts:
        rows.setdefault(round(text.get_position()[1], 3), []).append((text.get_position()[0], text.get_text()))
    found = {}
    for row in rows.values():
        mode, *numbers = [text for _, text in sorted(row)]
        found[mode] = [int(number) for number in numbers]
    assert found == {mode: np.pad([1, 2, 3, 4, 5], 2, mode=how).tolist() for mode, how in numpy_modes.items()}
    blue = [patch for patch in ax.patches if patch.get_facecolor()[2] > patch.get_facecolor()[0]]
    assert len(blue) == 4 * 5 and {patch.get_x() for patch in blue} == {2, 3, 4, 5, 6}
    with pytest.raises(ValueError, match="padding_mode must be one of") as refused:
        nn.Conv2d(1, 1, 3, padding_mode="bias")
    assert sorted(re.findall(r"'(\w+)'", str(refused.value).split("but got")[0])) == sorted(numpy_modes)
    says(chapter, *(f"`{mode}`" for mode in numpy_modes), "replicate", "circular")
    alt = {"zh": "zeros：左 0、0，右 0、0。reflect：左 3、2，右 4、3。replicate：左 1、1，右 5、5。circular：左 4、5，右 1、2。",
           "en": "zeros: 0, 0 on the left and 0, 0 on the right. reflect: 3, 2 and 4, 3. replicate: 1, 1 and 5, 5. circular: 4, 5 and 1, 2."}
    for language, text in alt.items():
        assert text in chapter.prose(language)
        assert [int(n) for n in re.findall(r"\d", text)] == [n for mode in numpy_modes for n in found[mode][:2] + found[mode][-2:]]


# ---- stride, dilation, size ------------------------------------------------------------------


def test_a_stride_of_2_keeps_every_second_row_and_column(chapter):
    assert chapter["skipped"].value is True
    assert slide(PICTURE, KERNEL, stride=2).tolist() == slide(PICTURE, KERNEL)[::2, ::2].tolist() == [[8, 16], [24, 0]]
    assert nn.Conv2d(1, 1, 3).stride == (1, 1)
    assert "8、16、24、0" in chapter.prose("zh") and "8, 16, 24, 0" in chapter.prose("en")


@pytest.mark.ledger("n0-16")
def test_a_dilated_kernel_is_a_wider_one_with_holes_and_no_more_weights(chapter):
    assert lines(chapter, "holes")[-2:] == ["True", "torch.Size([1, 1, 3, 3])"]
    holes = np.kron(KERNEL, [[1, 0], [0, 0]])[:5, :5]
    assert chapter["holes"].names["holes"][0, 0].tolist() == holes.tolist()
    wide = np.pad(PICTURE, 1, mode="edge")
    assert slide(wide, holes).tolist() == slide(wide, KERNEL, dilation=2).tolist()
    for k, d in product(range(1, 6), range(1, 5)):  # the span, seen in the gradient of one output
        x = torch.zeros(1, 1, 40, requires_grad=True)
        F.conv1d(x, torch.ones(1, 1, k), dilation=d)[0, 0, 0].backward()
        touched = x.grad[0, 0].nonzero()[:, 0].tolist()
        assert touched == [d * i for i in range(k)] and touched[-1] - touched[0] + 1 == d * (k - 1) + 1
        assert nn.Conv1d(1, 1, k, dilation=d).weight.numel() == k
    says(chapter, "d(k − 1) + 1", "2 × 2 + 1 = 5", "5 × 5")


@pytest.mark.ledger("n0-16")
def test_dilated_layers_see_further_with_as_many_weights(chapter):
    assert lines(chapter, "sees") == ["(1, 1, 1) sees 7 x 7", "(1, 2, 4) sees 15 x 15"]
    assert 1 + 2 * (1 + 1 + 1) == 7 and 1 + 2 * (1 + 2 + 4) == 15
    net = chapter["sees"].names["net"]
    assert [layer.weight.numel() for layer in net] == [9, 9, 9] and [layer.dilation[0] for layer in net] == [1, 2, 4]
    scene = torch.randn(1, 1, 21, 21)  # change what is outside, and the pixel stays; change what is inside, and it moves
    outside, inside = scene.clone(), scene.clone()
    outside[..., 2], outside[..., 18] = 99, 99
    inside[..., 3, 3] += 99
    middle = [net(s)[0, 0, 10, 10].item() for s in (scene, outside, inside)]
    assert middle[0] == middle[1] != middle[2]
    says(chapter, "7 × 7", "15 × 15")


@pytest.mark.ledger("n0-16")
def test_the_size_formula_counts_the_places_where_a_kernel_can_stand(chapter):
    output_size = chapter["size"].names["output_size"]
    cases = 0
    for n, k, s, p, d in product(range(5, 11), range(1, 5), range(1, 4), range(3), range(1, 4)):
        if places(n, k, s, p, d):
            assert output_size(n, k, s, p, d) == places(n, k, s, p, d) == (n + 2 * p - d * (k - 1) - 1) // s + 1
            assert output_size(n + 7, k, s, p, d) == places(n + 7, k, s, p, d)
            assert F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), None, s, p, d).shape[2] == places(n, k, s, p, d)
            cases += 1
        else:
            with pytest.raises(RuntimeError, match="greater than actual input size"):
                F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), None, s, p, d)
    assert chapter["size"].stdout.strip() == f"{cases} layers, all as the formula says"
    assert output_size(9, 3) == 7  # the defaults are those of the layer
    assert "assert (H, W) ==" in chapter["size"].code
    says(chapter, f"{cases}", r"\left\lfloor \frac{n + 2p - d(k - 1) - 1}{s} \right\rfloor + 1",
         "⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1")


def test_cells_left_over_on_the_right_are_never_looked_at():
    x = torch.zeros(1, 1, 6, requires_grad=True)
    F.conv1d(x, torch.ones(1, 1, 3), stride=2).sum().backward()
    assert (x.grad[0, 0] != 0).tolist() == [True] * 5 + [False]


# ---- groups ----------------------------------------------------------------------------------


@pytest.mark.ledger("n3-01")
def test_in_a_group_each_kernel_sees_only_its_own_channels(chapter):
    assert lines(chapter, "groups") == ["torch.Size([8, 2, 3, 3])"] and chapter["groups"].value is True
    names = chapter["groups"].names
    weight, bias = (p.detach().numpy() for p in names["grouped"].parameters())
    signal = names["signal"][0].numpy()
    expected = [sum(slide(signal[2 * (o // 4) + c], weight[o, c]) for c in range(2)) + bias[o] for o in range(8)]
    assert np.allclose(names["grouped"](names["signal"])[0].detach(), expected, atol=1e-5)
    for groups in (1, 2, 4):
        assert nn.Conv2d(8, 12, (3, 5), groups=groups).weight.shape == (12, 8 // groups, 3, 5)
    says(chapter, "**(out, in/groups, kH, kW)**", "in/groups = 2")


def test_depthwise_and_pointwise_need_an_eighth_of_the_weights(chapter):
    assert lines(chapter, "depthwise") == [
        f"torch.Size([64, 32, 3, 3]) {64 * 32 * 9}", f"torch.Size([32, 1, 3, 3]) {32 * 9}", f"torch.Size([64, 32, 1, 1]) {64 * 32}"]
    assert 288 + 2048 == 2336 == 32 * 9 + 64 * 32 and 64 * 32 * 9 == 18432
    assert 0.12 < 2336 / 18432 < 0.13
    names = chapter["depthwise"].names
    x = torch.randn(1, 32, 9, 9)
    assert names["pointwise"](names["depthwise"](x)).shape == names["ordinary"](x).shape
    x2 = x.clone()
    x2[:, 5] += 1  # one channel in, one channel out
    changed = (names["depthwise"](x) != names["depthwise"](x2)).flatten(2).any(dim=2)[0]
    assert changed.nonzero().tolist() == [[5]]
    says(chapter, "288 + 2048 = 2336", "18432")


def test_the_grey_photograph_is_a_1_by_1_convolution(chapter):
    assert chapter["pointwise"].value is True
    names = chapter["pointwise"].names
    assert names["thirds"].shape == (1, 3, 1, 1)
    mean = load_sample_image("china.jpg").mean(axis=2) / 255
    assert np.allclose(F.conv2d(names["photo"], names["thirds"])[0], mean, atol=1e-5)


# ---- one and three dimensions ----------------------------------------------------------------


@pytest.mark.ledger("n3-01")
def test_conv1d_and_conv3d_do_the_same_with_one_axis_or_three(chapter):
    assert lines(chapter, "dimensions") == [
        "torch.Size([4, 1, 5])", "torch.Size([2, 1, 16000]) -> torch.Size([2, 4, 15996])",
        "torch.Size([4, 3, 3, 5, 5])", "torch.Size([2, 3, 8, 24, 32]) -> torch.Size([2, 4, 6, 20, 28])"]
    assert 16000 - 5 + 1 == 15996 == places(16000, 5, 1, 0, 1)
    assert [places(n, k, 1, 0, 1) for n, k in ((8, 3), (24, 5), (32, 5))] == [6, 20, 28]
    x, w = torch.randn(1, 1, 4, 5, 6), torch.randn(1, 1, 2, 3, 4)
    first = (x[0, 0, :2, :3, :4] * w[0, 0]).sum()
    assert torch.allclose(F.conv3d(x, w)[0, 0, 0, 0, 0], first, atol=1e-5)
    says(chapter, "(N, C, L)", "(N, C, D, H, W)", "16000 − 5 + 1 = 15996")


# ---- transposed ------------------------------------------------------------------------------


def test_transposed_convolution_stamps(chapter):
    assert lines(chapter, "stamp") == ["True"]
    names = chapter["stamp"].names
    seed, ink = np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
    grown = stamps(seed, ink, 2)
    assert names["grown"].tolist() == [[grown.tolist()]]
    assert grown.shape == (5, 5) and grown[2, 2] == 1 + 2 + 3 + 4 == 10
    x, k = np.random.default_rng(2).normal(size=(3, 4)), np.arange(6.0).reshape(2, 3)
    by_hand = names["stamp"](torch.tensor(x), torch.tensor(k), 3)
    assert np.allclose(by_hand, stamps(x, k, 3), atol=1e-5)
    assert np.allclose(F.conv_transpose2d(torch.tensor(x)[None, None], torch.tensor(k)[None, None], stride=3)[0, 0], stamps(x, k, 3))
    says(chapter, "1 + 2 + 3 + 4")


def test_the_matrix_of_a_convolution_and_its_transpose(chapter):
    assert lines(chapter, "matrix") == ["True", "True", "False"]
    names = chapter["matrix"].names
    matrix = np.zeros((4, 25))
    for place, (i, j) in enumerate(product((0, 2), (0, 2))):
        for a, b in product(range(3), range(3)):
            matrix[place, 5 * (i + a) + j + b] = KERNEL[a, b]
    assert names["matrix"].tolist() == matrix.tolist() and matrix.shape == (4, 25)
    y = matrix @ PICTURE.ravel()
    assert y.tolist() == slide(PICTURE, KERNEL, stride=2).ravel().tolist()
    assert (matrix.T @ y).tolist() == stamps(y.reshape(2, 2), KERNEL, 2).ravel().tolist() == names["back"].flatten().tolist()
    assert names["back"].shape == names["x"].shape
    says(chapter, "`(4, 25)`")


def test_backpropagation_through_a_convolution_is_a_transposed_convolution(chapter):
    assert chapter["gradient"].value is True
    names = chapter["gradient"].names
    g, w, x = (names[name].detach().double() for name in ("g", "w", "x_leaf"))
    assert np.allclose(names["x_leaf"].grad[0, 0], stamps(g[0, 0].numpy(), w[0, 0].numpy(), 2), atol=1e-5)

    def loss(x):
        return (g[0, 0].numpy() * slide(x, w[0, 0], stride=2)).sum()

    for i, j in product(range(5), range(5)):  # by finite differences; the loss is linear in x
        nudged = x[0, 0].numpy().copy()
        nudged[i, j] += 1
        assert abs(loss(nudged) - loss(x[0, 0].numpy()) - names["x_leaf"].grad[0, 0, i, j].item()) < 1e-4


def test_the_layer_has_in_first_and_output_padding_chooses_the_size(chapter):
    assert lines(chapter, "transposed-layer") == [
        "torch.Size([16, 8, 3, 3])", "5 -> torch.Size([1, 16, 2, 2])", "6 -> torch.Size([1, 16, 2, 2])",
        "torch.Size([1, 8, 5, 5]) torch.Size([1, 8, 6, 6])"]
    assert nn.ConvTranspose2d(16, 8, 3, groups=4).weight.shape == (16, 8 // 4, 3, 3)
    checked = 0
    for n, k, s, p, d, o in product(range(2, 6), range(1, 5), range(1, 4), range(3), range(1, 4), range(2)):
        size = (n - 1) * s - 2 * p + d * (k - 1) + o + 1
        if size > 0 and o < max(s, d):
            shape = F.conv_transpose1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), None, s, p, o, 1, d).shape
            assert shape == (1, 1, size)
            checked += 1
    assert checked > 400
    assert (2 - 1) * 2 + 2 + 1 == 5
    up, exact = chapter["transposed-layer"].names["up"], chapter["transposed-layer"].names["exact"]
    exact.load_state_dict(up.state_dict())
    x = torch.randn(1, 16, 2, 2)
    assert torch.allclose(exact(x)[..., :5, :5], up(x), atol=1e-6)  # what is added is below and on the right
    says(chapter, "(n - 1)s - 2p + d(k - 1) + o + 1", "(2 − 1) × 2 + 2 + 1 = 5", "(in, out/groups, kH, kW)", "`output_padding=1`")


# ---- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("cell, kind, message", [
    ("channels-error", RuntimeError, "to have 3 channels, but got 427"),
    ("rank-error", RuntimeError, "Expected 3D (unbatched) or 4D (batched)"),
    ("dtype-error", RuntimeError, "should be the same"),
    ("kernel-error", RuntimeError, "Kernel size can't be greater"),
    ("same-error", ValueError, "padding='same' is not supported"),
    ("groups-error", ValueError, "in_channels must be divisible"),
])
def test_the_errors_are_those_of_the_table(chapter, cell, kind, message):
    assert type(chapter[cell].error) is kind and message in str(chapter[cell].error)
    says(chapter, f"| `{message}` |")


@pytest.mark.ledger("n2-15")
def test_the_cures_of_the_table_cure(chapter):
    names = chapter["groups-error"].names
    colour, image, grey = names["colour"], torch.tensor(names["image"]), names["grey"]
    assert colour((image[None] / 255).permute(0, 3, 1, 2)).shape == (1, 8, 423, 636)
    assert nn.Conv2d(1, 8, 5)(grey[None, None]).shape == (1, 8, 423, 636)
    assert colour(image.permute(2, 0, 1).float()).shape == colour(image.permute(2, 0, 1) / 255).shape == (8, 423, 636)
    assert nn.Conv2d(3, 8, 5, padding=1)(names["photo"][:, :4, :4]).shape == (8, 2, 2)
    assert nn.Conv2d(3, 8, 3, stride=2, padding=1)(names["photo"]).shape == (8, 214, 320)
    assert nn.Conv2d(3, 9, 3, groups=3)(names["photo"]).shape == (9, 425, 638)
    with pytest.raises(ValueError, match="out_channels must be divisible by groups"):
        nn.Conv2d(4, 9, 3, groups=2)
    says(chapter, "`.permute(0, 3, 1, 2)`", "`grey[None, None]`", "`padding=1`", "`.float()`")
