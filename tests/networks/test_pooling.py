"""The proof of what docs/*/networks/pooling.md claims."""

import inspect
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from sklearn.datasets import load_sample_image
from torch import nn

from tests.prose import lines, says

PICTURE = np.array([[1, 3, 2, 0], [5, 2, 1, 1], [0, 0, 7, 8], [1, 3, 6, 9]], dtype=float)


def printed(text):
    """The numbers of printed tensors, as an array without shape."""
    kept = "".join(c if c.isdigit() or c in ".-" else " " for c in text)
    return np.array([float(word) for word in kept.split()])


def windows(x, k, stride):
    """The windows of a NumPy matrix, (H, W, k, k), without PyTorch."""
    return np.lib.stride_tricks.sliding_window_view(np.asarray(x, dtype=float), (k, k))[::stride, ::stride]


def edges_of_the_photo():
    grey = load_sample_image("china.jpg").mean(axis=2) / 255
    change = grey[:, 2:] - grey[:, :-2]
    return np.abs(change[:-2] + change[1:-1] + change[2:])


# ---- what, by hand ---------------------------------------------------------------------------


@pytest.mark.ledger("n2-24")
def test_a_window_becomes_its_maximum_or_its_mean(chapter):
    quarters = PICTURE.reshape(2, 2, 2, 2)
    largest, mean = quarters.max(axis=(1, 3)), quarters.mean(axis=(1, 3))
    assert largest.tolist() == [[5, 2], [3, 9]] and mean.tolist() == [[2.75, 1], [1, 7.5]]
    assert printed(chapter["first"].stdout).tolist() == [*largest.ravel(), *mean.ravel()]
    assert chapter["first"].names["picture"].tolist() == PICTURE.tolist()


def test_the_drawing_shows_those_numbers_in_four_colours(chapter):
    (figure,) = chapter["windows"].figures
    quarters = PICTURE.reshape(2, 2, 2, 2)
    tables = [PICTURE, quarters.max(axis=(1, 3)), quarters.mean(axis=(1, 3))]
    assert [ax.get_title() for ax in figure.axes] == ["input", "maximum", "mean"]
    for ax, table in zip(figure.axes, tables, strict=True):
        assert [text.get_text() for text in ax.texts] == [f"{value:g}" for value in table.ravel()]
        colours = np.array([patch.get_facecolor() for patch in ax.patches]).reshape(*table.shape, 4)
        half = len(table) // 2
        cut = [colours[:half, :half], colours[:half, half:], colours[half:, :half], colours[half:, half:]]
        assert all((part == part[0, 0]).all() for part in cut) and len({tuple(part[0, 0]) for part in cut}) == 4


@pytest.mark.ledger("n2-24")
def test_the_layer_halves_height_and_width_keeps_the_channels_and_learns_nothing(chapter):
    assert lines(chapter, "layer") == ["torch.Size([16, 8, 14, 14])", "[]"]
    for layer in (nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1)):
        assert not list(layer.parameters()) and not list(layer.buffers())
    batch = chapter["layer"].names["batch"]
    alone = torch.cat([F.max_pool2d(batch[:, c : c + 1], 2) for c in range(8)], dim=1)  # channel by channel
    assert torch.equal(alone, chapter["layer"].names["layer"](batch))


@pytest.mark.ledger("n2-24")
def test_the_loops_agree_with_numpy_and_with_torch(chapter):
    sizes = [[3, 4], [3, 4], [5, 7]]
    assert lines(chapter, "by-hand") == [f"torch.Size({size}) True True" for size in sizes]
    pool, x = chapter["by-hand"].names["pool"], np.random.default_rng(0).normal(size=(8, 11))
    for k, stride in [(2, 2), (3, 2), (2, 3), (4, 1)]:
        cut, t = windows(x, k, stride), torch.tensor(x)
        assert np.allclose(pool(t, k, stride, torch.max), cut.max(axis=(2, 3)), atol=1e-6)
        assert np.allclose(F.max_pool2d(t[None], k, stride)[0], cut.max(axis=(2, 3)))
        assert np.allclose(F.avg_pool2d(t[None], k, stride)[0], cut.mean(axis=(2, 3)))


# ---- why -------------------------------------------------------------------------------------


def test_what_is_left_of_the_edges(chapter):
    edges = edges_of_the_photo()
    assert edges.shape == (425, 638) and np.allclose(chapter["edges"].names["edges"][0, 0], edges, atol=1e-4)
    cut = windows(edges, 8, 8)
    expected = {"edges": edges, "every 8th pixel": edges[::8, ::8], "mean of 8 × 8": cut.mean(axis=(2, 3)), "maximum of 8 × 8": cut.max(axis=(2, 3))}
    (figure,) = chapter["edges"].figures
    shown = {ax.get_title(): ax.images[0] for ax in figure.axes}
    assert list(shown) == list(expected)
    for title, picture in expected.items():
        assert np.allclose(shown[title].get_array(), picture, atol=1e-3) and shown[title].get_clim() == (0, 1.5)
    line = np.zeros((32, 32))
    line[:, 11] = 1  # a thin line that falls between every 8th pixel
    t = torch.tensor(line)[None]
    assert line[::8, ::8].max() == 0 and F.max_pool2d(t, 8).max() == 1 and F.avg_pool2d(t, 8).max() == 1 / 8
    assert cut[..., 0, 0].size * 64 == cut.size
    says(chapter, "1/64")


@pytest.mark.ledger("n2-24")
def test_a_shift_inside_a_window_changes_nothing_and_one_across_jumps_a_cell(chapter):
    at = []
    for shift, line in enumerate(lines(chapter, "shift")):
        before, after = (eval(side) for side in line.split(" -> "))
        assert before.index(1) == 2 + shift and sum(before) == sum(after) == 1 and len(before) == 2 * len(after) == 8
        assert after == np.reshape(before, (4, 2)).max(axis=1).tolist()
        at.append(after.index(1))
    assert at == [1, 1, 2, 2]


def test_pooling_softens_a_shift_and_skipping_does_not(chapter):
    edges, sizes = edges_of_the_photo(), [1, 2, 4, 8, 16, 32]
    here, there = edges[:, :-1], edges[:, 1:]
    ways = {"every k-th pixel": lambda t, k: t[::k, ::k], "maximum": lambda t, k: windows(t, k, k).max(axis=(2, 3)),
            "mean": lambda t, k: windows(t, k, k).mean(axis=(2, 3))}
    (figure,) = chapter["shift-photo"].figures
    found = {}
    for line, (name, way) in zip(figure.axes[0].lines, ways.items(), strict=True):
        skip = name == "every k-th pixel"
        change = [np.abs(way(here, k) - way(there, k)).mean() / way(here, k).std(ddof=1) for k in sizes]
        assert line.get_label() == name and list(line.get_xdata()) == sizes
        assert np.allclose(np.asarray(line.get_ydata(), dtype=float), change, atol=2e-3)
        assert skip == (min(change) > 0.4)
        found[name] = dict(zip(sizes, change))
    skip, largest, mean = found.values()
    assert f"{skip[8]:.2f} {skip[1]:.2f}" == "0.46 0.47" and largest[1] == mean[1] == skip[1]
    assert max(largest[8], mean[8]) < 0.07 and abs(largest[2] - 0.2) < 0.05 > abs(mean[2] - 0.2)
    assert all(abs(way[8] - 0.06) < 0.01 for way in (largest, mean))
    says(chapter, "0.46", "0.47", "0.07")


# ---- arguments -------------------------------------------------------------------------------


@pytest.mark.ledger("n3-03")
def test_the_signatures_and_the_default_stride(chapter):
    def defaults(layer):
        return {name: p.default for name, p in inspect.signature(layer.__init__).parameters.items() if name != "self"}

    for layer in (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d):
        assert defaults(layer) == {"kernel_size": inspect.Parameter.empty, "stride": None, "padding": 0, "dilation": 1,
                                   "return_indices": False, "ceil_mode": False}
    average = defaults(nn.AvgPool2d)
    assert average.pop("divisor_override") is None
    assert average == {"kernel_size": inspect.Parameter.empty, "stride": None, "padding": 0, "ceil_mode": False, "count_include_pad": True}
    assert lines(chapter, "default-stride") == [
        "Conv2d    (1, 1)", "MaxPool2d 3", "3 3 torch.Size([16, 8, 9, 9])", "3 2 torch.Size([16, 8, 13, 13])",
        "(2, 4) (2, 4) torch.Size([16, 8, 14, 7])"]
    for k in (2, 3, (2, 4)):
        x = torch.randn(1, 12, 16)
        assert torch.equal(nn.MaxPool2d(k)(x), F.max_pool2d(x, k, stride=k)) and torch.equal(nn.AvgPool2d(k)(x), F.avg_pool2d(x, k, stride=k))
    for argument in (*defaults(nn.MaxPool2d), "count_include_pad"):
        says(chapter, f"| `{argument}` |")


def test_the_size_is_that_of_the_formula_of_convolution(chapter):
    for n in range(6, 12):
        for k, s, p, d in [(2, 2, 0, 1), (3, 2, 1, 1), (3, 1, 1, 2), (2, 3, 1, 3)]:
            formula = (n + 2 * p - d * (k - 1) - 1) // s + 1
            assert F.max_pool1d(torch.zeros(1, n), k, s, p, d).shape == F.conv1d(torch.zeros(1, n), torch.zeros(1, 1, k), None, s, p, d).shape == (1, formula)


def test_max_pooling_pads_with_minus_infinity_and_average_pooling_with_zeros(chapter):
    found = printed(chapter["padding"].stdout)
    largest = windows(np.pad(-PICTURE - 1, 1, constant_values=-np.inf), 2, 2).max(axis=(2, 3))
    mean = windows(np.pad(np.ones((4, 4)), 1), 2, 2).mean(axis=(2, 3))
    assert np.allclose(found, [*largest.ravel(), *mean.ravel()]) and largest.max() < 0 and mean[0, 0] == 1 / 4 < mean[1, 1] == 1
    without = F.avg_pool2d(torch.ones(1, 4, 4), 2, padding=1, count_include_pad=False)
    assert (without == 1).all()


def test_ceil_mode_keeps_what_does_not_fill_a_window(chapter):
    odd = np.arange(25.0).reshape(5, 5)
    floor = windows(odd, 2, 2).max(axis=(2, 3))
    ceil = windows(np.pad(odd, (0, 1), constant_values=-np.inf), 2, 2).max(axis=(2, 3))
    assert printed(chapter["ceil-mode"].stdout).tolist() == [*floor.ravel(), *ceil.ravel()] and ceil.shape == (3, 3)


@pytest.mark.ledger("n3-03")
def test_one_and_three_dimensions_are_alike(chapter):
    assert lines(chapter, "dimensions") == ["torch.Size([2, 3, 5]) torch.Size([2, 3, 4, 3, 4])", "True"]
    names = chapter["dimensions"].names
    sound, video = names["sound"].numpy(), names["video"].numpy()
    assert np.array_equal(nn.MaxPool1d(2)(names["sound"]), np.maximum(sound[..., ::2], sound[..., 1::2]))
    assert np.array_equal(nn.MaxPool3d((1, 2, 2))(names["video"]), video.reshape(2, 3, 4, 3, 2, 4, 2).max(axis=(4, 6)))


# ---- indices, gradient -----------------------------------------------------------------------


def test_indices_say_where_and_unpooling_puts_back(chapter):
    where = [[4, 2], [13, 15]]
    assert PICTURE.ravel()[where].tolist() == [[5, 2], [3, 9]] and divmod(4, 4) == (1, 0)
    back = np.zeros(16)
    back[np.ravel(where)] = [5, 2, 3, 9]
    assert printed(chapter["unpool"].stdout).tolist() == [*np.ravel(where), *back]
    assert chapter["unpool"].names["where"][0, 0].tolist() == where


def test_max_pooling_gives_the_gradient_to_the_winner_and_average_pooling_to_all(chapter):
    winners = np.zeros(16)
    winners[[4, 2, 13, 15]] = 1
    assert printed(chapter["gradient"].stdout).tolist() == [*winners, *[0.25] * 16]


# ---- adaptive, instead -----------------------------------------------------------------------


def test_global_average_pooling_takes_pictures_of_any_size(chapter):
    assert lines(chapter, "flatten-error") == ["torch.Size([2, 10])"]
    assert type(chapter["flatten-error"].error) is RuntimeError and "shapes cannot be multiplied" in str(chapter["flatten-error"].error)
    assert 8 * (32 - 2) * (32 - 2) == 7200 == chapter["flatten-error"].names["net"][3].in_features
    assert lines(chapter, "global") == ["torch.Size([2, 10])"] * 2 + ["True"]
    net, z = chapter["global"].names["net"], torch.randn(2, 3, 9, 13)
    means = torch.relu(net[0](z)).mean(dim=(2, 3))
    assert torch.allclose(net(z), means @ net[4].weight.T + net[4].bias, atol=1e-5)
    x = np.random.default_rng(1).normal(size=(2, 3, 5, 7))
    assert np.allclose(F.adaptive_avg_pool2d(torch.tensor(x), 1)[..., 0, 0], x.mean(axis=(2, 3)))
    says(chapter, "7200")


def test_adaptive_windows_by_hand(chapter):
    out = chapter["adaptive"].stdout.splitlines()
    bounds = [(math.floor(10 * i / 4), math.ceil(10 * (i + 1) / 4)) for i in range(4)]
    means = [np.arange(10)[start:stop].mean() for start, stop in bounds]
    assert printed(out[0]).tolist() == means and [printed(line).tolist() for line in out[1:]] == [[*b, m] for b, m in zip(bounds, means)]
    assert any(stop > start for (_, stop), (start, _) in zip(bounds, bounds[1:]))  # they overlap
    x = np.random.default_rng(2).normal(size=(1, 17))
    for n in (1, 3, 5, 17):
        mine = [x[0, 17 * i // n : math.ceil(17 * (i + 1) / n)].mean() for i in range(n)]
        assert np.allclose(F.adaptive_avg_pool1d(torch.tensor(x), n)[0], mine)


def test_average_pooling_is_a_convolution_with_fixed_weights(chapter):
    assert lines(chapter, "instead") == ["torch.Size([16, 8, 14, 14])", "True"]
    names = chapter["instead"].names
    assert names["strided"].stride == (2, 2) and (names["quarter"] == 1 / 4).all() and names["quarter"].shape == (8, 1, 2, 2)
    two = torch.randn(2, 1, 6, 6)
    assert torch.allclose(F.avg_pool2d(two[0] + two[1], 2), F.avg_pool2d(two[0], 2) + F.avg_pool2d(two[1], 2), atol=1e-6)
    assert not torch.allclose(F.max_pool2d(two[0] + two[1], 2), F.max_pool2d(two[0], 2) + F.max_pool2d(two[1], 2))  # no convolution


def test_what_real_networks_choose(chapter):
    expected = {"vgg16": (5, 0, "(7, 7)"), "resnet18": (1, 7, "(1, 1)"), "convnext_tiny": (0, 4, "1")}
    assert lines(chapter, "in-the-wild") == [
        f"{name:13} {pools} max pools, {strided} strided convolutions, AdaptiveAvgPool2d(output_size={size})"
        for name, (pools, strided, size) in expected.items()]
    with torch.device("meta"):
        vgg, resnet = torchvision.models.vgg16(), torchvision.models.resnet18()
    weights = vgg.classifier[0].weight.numel()
    share = weights / sum(p.numel() for p in vgg.parameters())
    assert weights == 512 * 7 * 7 * 4096 and round(weights / 1e6) == 103 and round(100 * share) == 74
    assert resnet.fc.weight.numel() == 512 * 1000 and round(512 * 1000 / 1e6, 2) == 0.51
    assert "1.03 亿" in chapter.prose("zh") and "51 万" in chapter.prose("zh")
    assert "103 million" in chapter.prose("en") and "0.51 million" in chapter.prose("en")
    says(chapter, "74%")


# ---- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("cell, kind, message", [
    ("small-error", RuntimeError, "Output size is too small"),
    ("rank-error", RuntimeError, "3D or 4D (batch mode) tensor expected"),
    ("padding-error", RuntimeError, "pad should be at most half of effective kernel size"),
    ("tuple-error", TypeError, "must be Tensor, not tuple"),
    ("unpool-error", RuntimeError, "Found an invalid max index"),
])
def test_the_common_errors(chapter, cell, kind, message):
    assert type(chapter[cell].error) is kind and message in str(chapter[cell].error)


def test_the_cures_cure(chapter):
    names = chapter["integers"].names
    assert nn.MaxPool2d(2)(names["picture"][None]).shape == (1, 2, 2)
    assert F.max_pool2d(torch.zeros(1, 1, 4, 4), 2).shape == F.max_pool2d(names["odd"], 2).shape == names["values"].shape
    back = nn.MaxUnpool2d(2)(names["values"], names["where"], output_size=(5, 5))[0, 0]
    assert back.nonzero().tolist() == [[1, 1], [1, 3], [3, 1], [3, 3]]
    assert chapter["integers"].value.tolist() == [[[[2, 1], [1, 7]]]] and chapter["integers"].value.dtype == torch.int64
    assert F.avg_pool2d(names["x"].long().float(), 2).tolist() == [[[[2.75, 1], [1, 7.5]]]]
    says(chapter, "`picture[None]`", "`output_size=(5, 5)`", "`.float()`")
