"""What the chapter on shapes claims, proven by numbers that the chapter's own code does not produce."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest
import torch

LANGUAGES = ("zh", "en")
REFUSED = "view size is not compatible"


def start(t):
    return t.untyped_storage().data_ptr()


def shapes(text):
    """The shapes printed in `text`, in order."""
    return [tuple(int(n) for n in found.split(",") if n.strip()) for found in re.findall(r"torch\.Size\(\[(.*?)\]\)", text)]


def tables(page):
    """The tables of a page: lists of rows, each a list of cells, headings left out."""
    found, lines = [], page.split("\n")
    for number, line in enumerate(lines):
        if re.fullmatch(r"\|(---\|)+", line):
            rows = []
            for row in lines[number + 1 :]:
                if not row.startswith("|"):
                    break
                rows.append([cell.strip() for cell in row.strip("|").split("|")])
            found.append(rows)
    return found


def printed_error(ran):
    return f"{type(ran.error).__name__}: {ran.error}"


# ---- view -------------------------------------------------------------------------------------------------------

def test_view_keeps_the_order_of_the_storage(chapter):
    x, square = chapter["view"].names["x"], chapter["view"].names["square"]
    assert x.tolist() == list(range(16)) and square.tolist() == np.arange(16).reshape(4, 4).tolist()
    assert square[0].tolist() == [0, 1, 2, 3]
    assert str(x) in chapter["view"].stdout and str(square) in chapter["view"].stdout


@pytest.mark.ledger("n0-10")
def test_minus_one_is_worked_out(chapter):
    code, printed = chapter["minus-one"].code, shapes(chapter["minus-one"].stdout)
    assert "view(-1, 8)" in code and printed == [(16 // 8, 8), (2, 16 // 2 // 4, 4), (16,)]
    for shape in printed:
        assert math.prod(shape) == 16
    for shape, count in (((-1, 8), 16), ((3, -1), 12), ((2, -1, 5), 40)):
        t = torch.arange(count).view(shape)
        assert t.shape == np.arange(count).reshape(shape).shape
    for language in LANGUAGES:
        assert "16 ÷ 8 = 2" in chapter.prose(language)


@pytest.mark.ledger("n0-10")
def test_a_mismatching_count_raises(chapter):
    assert "view(-1, 5)" in chapter["count-error"].code
    assert printed_error(chapter["count-error"]) == "RuntimeError: shape '[-1, 5]' is invalid for input of size 16"
    for language in LANGUAGES:
        assert "`is invalid for input of size`" in chapter.prose(language)


@pytest.mark.ledger("n0-10")
def test_view_shares_storage(chapter):
    names = chapter["view-shares"].names
    x, square, wide = names["x"], names["square"], names["wide"]
    assert wide.shape == (2, 8) and start(x) == start(square) == start(wide)
    assert chapter["view-shares"].stdout == "tensor(100) tensor(100)\ntensor(0)\n"
    fresh = torch.arange(16)
    fresh.view(4, 4).view(-1, 8)[1, 3] = -1
    assert fresh.tolist() == [*range(11), -1, *range(12, 16)]


def test_same_storage_asks_for_the_storage_not_for_the_first_number(chapter):
    names = chapter["same-storage"].names
    same, x, row = names["same_storage"], names["x"], names["row"]
    assert same(x, x[3:]) and same(x, x.view(4, 4).T)
    assert not same(x, x.clone()) and not same(torch.zeros(2), torch.zeros(2))
    assert row.data_ptr() - x.data_ptr() == 4 * x.element_size() and row.tolist() == [4, 5, 6, 7]
    assert chapter["same-storage"].stdout == "True True False\nFalse starts at slot 4\n"


@pytest.mark.ledger("n4-04")
def test_item_needs_exactly_one_number_and_tolist_takes_all(chapter):
    wide = torch.arange(16).view(16).view(-1, 8)
    assert "wide.item()" in chapter["item-error"].code and chapter["item-error"].names["wide"].shape == wide.shape == (2, 8)
    assert printed_error(chapter["item-error"]) == "RuntimeError: a Tensor with 16 elements cannot be converted to Scalar"
    for count in (0, 2, 16):
        with pytest.raises(RuntimeError, match=f"a Tensor with {count} elements cannot be converted to Scalar"):
            torch.zeros(count).item()
    for shape in ((), (1,), (1, 1, 1)):
        assert torch.full(shape, 7).item() == 7
    everything = [list(range(8)), list(range(8, 16))]
    assert wide.tolist() == everything
    assert chapter["tolist"].stdout == f"{everything}\n3\n7\n"


# ---- axes -------------------------------------------------------------------------------------------------------

def test_reshaping_is_not_transposing(chapter):
    p = np.arange(6).reshape(2, 3)
    code = chapter["not-a-transpose"].code
    assert "p.view(3, 2)" in code and "p.T" in code
    viewed, transposed = torch.tensor([[0, 1], [2, 3], [4, 5]]), torch.tensor(p.T.copy())
    assert transposed.tolist() == [[p[i, j] for i in range(2)] for j in range(3)]
    assert transposed[:, 0].tolist() == p[0].tolist()
    assert chapter["not-a-transpose"].stdout == f"{torch.tensor(p)}\n{viewed}\n{transposed}\n"


def test_transposes_of_a_matrix_agree(chapter):
    for call in (".T", ".mT", ".transpose(0, 1)", ".permute(1, 0)"):
        assert call in chapter["transpose"].code
    assert chapter["transpose"].stdout.split() == ["True"] * 3


def test_three_axes(chapter):
    block = np.arange(24).reshape(2, 3, 4)
    names, code = chapter["permute"].names, chapter["permute"].code
    assert shapes(chapter["permute"].stdout) == [np.swapaxes(block, 0, 2).shape, np.swapaxes(block, 1, 2).shape, (3, 4, 2)]
    assert "transpose(0, 2)" in code and ".mT" in code and "permute(1, 2, 0)" in code
    assert np.array_equal(names["turned"].numpy(), np.transpose(block, (1, 2, 0)))
    for i, j, k in np.ndindex(block.shape):
        assert names["turned"][j, k, i] == block[i, j, k]
    assert torch.equal(names["block"].mT, torch.stack([names["block"][0].T, names["block"][1].T]))
    assert block[1, 2, 3] == 23 and chapter["permute"].stdout.count("tensor(23)") == 2
    for language in LANGUAGES:
        page = chapter.prose(language)
        assert "23" in page and "`[1, 2, 3]`" in page and "`[2, 3, 1]`" in page


def test_t_of_three_axes_reverses_them_and_warns(chapter):
    ran = chapter["t-of-three-axes"]
    assert ran.value == (4, 3, 2)
    assert len(ran.warnings) == 1 and "is deprecated and it will throw an error in a future release" in ran.warnings[0]


def test_permute_keeps_the_picture_and_view_shatters_it(chapter):
    names = chapter["picture"].names
    picture, right, wrong = names["picture"], names["right"], names["wrong"]
    assert picture.shape == (32, 24, 3) and right.shape == wrong.shape == (3, 32, 24)
    for channel in range(3):
        assert torch.equal(right[channel], picture[:, :, channel])
    assert chapter["picture"].stdout == "True False\n"
    assert len(right.flatten(1).unique(dim=1).T) == 4  # sky, meadow, sun, house
    assert len(wrong.flatten(1).unique(dim=1).T) > 4
    layer = torch.nn.Conv2d(3, 1, 3)  # checks the shape alone
    assert layer(right).shape == layer(wrong).shape
    with pytest.raises(RuntimeError, match="channels"):
        layer(picture)


def test_the_picture_is_drawn_as_the_caption_says(chapter):
    import matplotlib.pyplot as plt

    names = chapter["picture"].names
    (figure,) = chapter["picture-figure"].figures
    shown = [ax.images[0].get_array() for ax in figure.axes]
    assert np.array_equal(shown[0], names["picture"].numpy()) and np.array_equal(shown[1], shown[0])
    assert np.array_equal(shown[2], np.transpose(names["wrong"].numpy(), (1, 2, 0)))
    assert [ax.get_title().split("\n")[1] for ax in figure.axes] == ["(32, 24, 3)", "(3, 32, 24)", "(3, 32, 24)"]
    with pytest.raises(TypeError, match="Invalid shape"):  # matplotlib wants the channels last
        plt.imshow(names["right"].numpy())
    plt.close()


# ---- strides and contiguity -------------------------------------------------------------------------------------

def test_a_transpose_swaps_the_strides(chapter):
    p = chapter["strides"].names["p"]
    ours = np.arange(6).reshape(2, 3)
    assert p.stride() == tuple(s // ours.itemsize for s in ours.strides) == (3, 1)
    assert p.T.stride() == tuple(s // ours.itemsize for s in ours.T.strides) == (1, 3)
    assert start(p) == start(p.T)
    assert p.is_contiguous() and ours.flags.c_contiguous and not p.T.is_contiguous() and not ours.T.flags.c_contiguous
    assert chapter["strides"].stdout == "(3, 1) True\n(1, 3) False\nTrue\n"


def test_the_two_readings_are_drawn(chapter):
    (figure,) = chapter["two-readings"].figures
    (ax,) = figure.axes
    middles = [slot + 0.47 for slot in range(6)]
    routes = [[middles.index(x) for x in line.get_xdata()] for line in ax.lines]
    assert routes == [np.arange(6).tolist(), np.arange(6).reshape(2, 3).T.ravel().tolist()] == [[0, 1, 2, 3, 4, 5], [0, 3, 1, 4, 2, 5]]
    assert {stop - begin for begin, stop in pairwise(routes[0])} == {1}
    assert [stop - begin for begin, stop in pairwise(routes[1])] == [3, -2, 3, -2, 3]
    for line in ax.lines:  # the point nearest to the storage is read first
        distance = [abs(y - 0.47) for y in line.get_ydata()]
        assert distance == sorted(distance)
    words = " ".join(text.get_text() for text in ax.texts)
    assert "p: stride (3, 1)" in words and "p.T: stride (1, 3)" in words and "+3  -2  +3  -2  +3" in words
    for language in LANGUAGES:
        page = chapter.prose(language)
        assert "0、3、1、4、2、5" in page or "0, 3, 1, 4, 2, 5" in page
        assert "+3" in page and "−2" in page and "+1" in page


@pytest.mark.ledger("n0-10")
def test_view_of_a_transpose_raises_and_reshape_copies(chapter):
    error = printed_error(chapter["view-error"])
    assert "p.T.view(6)" in chapter["view-error"].code
    assert error.startswith(f"RuntimeError: {REFUSED}") and error.endswith("Use .reshape(...) instead.")
    p = torch.arange(6).view(2, 3)
    copied, shared = p.T.reshape(6), p.reshape(6)
    assert copied.tolist() == [p[i, j].item() for j in range(3) for i in range(2)] == [0, 3, 1, 4, 2, 5]
    assert start(copied) != start(p) == start(shared)
    assert chapter["reshape-copies"].stdout == f"{torch.tensor([0, 3, 1, 4, 2, 5])}\nFalse\nTrue\n"
    for line in ("print(same_storage(p.T.reshape(6), p))\n", "print(same_storage(p.reshape(6), p))"):
        assert line in chapter["reshape-copies"].code


def test_one_row_needs_steps_of_one_length():
    """The reason that the prose gives for a refusal: a single axis has a single stride."""
    base = torch.arange(24)
    for t in (base.view(4, 6), base.view(4, 6).T, base.view(4, 6)[:, ::2], base.view(4, 6)[:, :2], base.view(2, 3, 4).mT, base.view(4, 6)[::2]):
        slots = t.tolist() if t.ndim == 1 else np.array(t.tolist()).ravel().tolist()
        even = len({stop - begin for begin, stop in pairwise(slots)}) == 1
        if even:
            assert t.view(-1).tolist() == slots
        else:
            with pytest.raises(RuntimeError, match=REFUSED):
                t.view(-1)
    assert base.view(4, 6)[:, ::2].view(-1).stride() == (2,)


def test_writing_into_a_reshape_may_or_may_not_reach_the_original(chapter):
    q = chapter["reshape-writes"].names["q"]
    assert q.tolist() == [[7, 0, 0], [0, 0, 0]]
    code = chapter["reshape-writes"].code
    assert code.index("q.T.reshape(6)[0] = 7") < code.index("print(q)") < code.index("\nq.reshape(6)[0] = 7")
    assert chapter["reshape-writes"].stdout == f"{torch.zeros(2, 3)}\n{q}\n"


def test_contiguous_lays_out_afresh_only_if_it_must(chapter):
    c = chapter["contiguous"].names["c"]
    assert c.stride() == (2, 1) and c.is_contiguous() and start(c) != start(chapter["contiguous"].names["p"])
    assert chapter["contiguous"].stdout == f"(2, 1) True False\n{torch.tensor([0, 3, 1, 4, 2, 5])}\nTrue\n"
    t = torch.zeros(4, 5)
    assert t.contiguous() is t and t.T.contiguous() is not t.T


def test_view_may_agree_to_a_tensor_that_is_not_contiguous(chapter):
    left = chapter["part-view"].names["left"]
    assert left.tolist() == [[0, 1], [4, 5], [8, 9], [12, 13]] and left.stride() == (4, 1) and not left.is_contiguous()
    assert left.view(2, 2, 2).tolist() == np.array(left.tolist()).reshape(2, 2, 2).tolist()
    assert start(left.view(2, 2, 2)) == start(left)
    assert chapter["part-view"].stdout == "(4, 1) False\ntorch.Size([2, 2, 2])\n"
    with pytest.raises(RuntimeError, match=REFUSED):
        left.view(8)
    for language in LANGUAGES:
        assert "`left.view(8)`" in chapter.prose(language)


# ---- flatten ----------------------------------------------------------------------------------------------------

def test_flatten_from_axis_one_keeps_the_samples(chapter):
    images = chapter["flatten"].names["images"]
    assert images.shape == (2, 3, 4, 4) and shapes(chapter["flatten"].stdout) == [(2, 3 * 4 * 4), (96,), (2, 48)]
    assert images.flatten(1)[1].tolist() == list(range(48, 96))
    assert torch.equal(torch.nn.Flatten()(images), images.flatten(1))
    assert torch.nn.Flatten().start_dim == 1 and torch.equal(images.flatten(), images.flatten(start_dim=0))


def test_unflatten_undoes_flatten(chapter):
    back = chapter["unflatten"].names["back"]
    assert back.tolist() == np.arange(96).reshape(2, 3, 4, 4).tolist()
    assert "(3, 4, -1)" in chapter["unflatten"].code and chapter["unflatten"].stdout == "torch.Size([2, 3, 4, 4]) True\n"


def test_minus_one_on_the_samples_invents_samples(chapter):
    images = chapter["samples-out-of-nothing"].names["images"]
    assert "view(-1, 24)" in chapter["samples-out-of-nothing"].code
    (shape,) = shapes(chapter["samples-out-of-nothing"].stdout)
    assert len(images) == 2 and shape == (96 // 24, 24) == (4, 24)
    assert torch.equal(torch.cat([images.view(-1, 24)[0], images.view(-1, 24)[1]]), images[0].flatten())  # cut in half
    assert torch.equal(images.view(-1, 48), images.flatten(1))
    assert printed_error(chapter["samples-kept"]) == "RuntimeError: shape '[2, 24]' is invalid for input of size 96"
    for language in LANGUAGES:
        assert "`view(-1, 48)`" in chapter.prose(language)


# ---- axes of length 1 -------------------------------------------------------------------------------------------

@pytest.mark.ledger("n2-16")
def test_unsqueeze_adds_the_axis_that_it_names(chapter):
    v, ours = chapter["unsqueeze"].names["v"], np.array([1, 2, 3])
    for k in (0, 1):
        assert v.unsqueeze(k).tolist() == np.expand_dims(ours, k).tolist()
    t = torch.zeros(4, 5, 6)
    for k in range(4):
        assert t.unsqueeze(k).shape[k] == 1 and t.unsqueeze(k).numel() == t.numel()
    assert torch.equal(v[None, :], v.unsqueeze(0)) and torch.equal(v[:, None], v.unsqueeze(1))
    assert shapes(chapter["unsqueeze"].stdout) == [(1, 3), (3, 1), (1, 3), (3, 1)]


@pytest.mark.ledger("n2-16")
def test_squeeze_drops_only_axes_of_length_one(chapter):
    s = np.zeros((1, 3, 1))
    expected = [s.squeeze(0).shape, s.squeeze(2).shape, s.shape, s.squeeze().shape]
    assert shapes(chapter["squeeze"].stdout) == expected == [(3, 1), (1, 3), (1, 3, 1), (3,)]
    assert [call in chapter["squeeze"].code for call in ("s.squeeze(1)", "s.squeeze()")] == [True, True]


@pytest.mark.ledger("n2-16")
def test_squeeze_without_an_axis_drops_a_batch_axis_of_one(chapter):
    names = chapter["last-batch"].names
    score, samples = names["score"], names["samples"]
    assert score(samples).shape == (5, 1) and len(samples) == 5
    assert shapes(chapter["last-batch"].stdout)[1::2] == [(2,), (2,), ()]
    assert score(samples[4:]).shape == (1, 1) and score(samples[4:]).squeeze().ndim == 0
    assert ".squeeze().tolist()" in chapter["squeeze-bug"].code
    assert printed_error(chapter["squeeze-bug"]) == "TypeError: 'int' object is not iterable"
    assert ".squeeze(1).tolist()" in chapter["squeeze-fixed"].code
    assert chapter["squeeze-fixed"].names["scores"] == np.arange(15).reshape(5, 3).sum(axis=1).tolist()
    collected = []
    for batch in samples[:4].split(2):  # an even number of samples: all goes well
        collected += score(batch).squeeze().tolist()
    assert collected == [3, 12, 21, 30]


# ---- expand and repeat ------------------------------------------------------------------------------------------

def test_expand_reads_one_row_again_and_again(chapter):
    names = chapter["expand"].names
    v, expanded, repeated = names["v"], names["expanded"], names["repeated"]
    assert expanded.tolist() == repeated.tolist() == np.tile([1, 2, 3], (4, 1)).tolist()
    assert expanded.stride() == (0, 1) and start(expanded) == start(v)
    assert repeated.stride() == (3, 1) and start(repeated) != start(v)
    assert v.element_size() == 8 and expanded.untyped_storage().nbytes() == 3 * 8 and repeated.untyped_storage().nbytes() == 12 * 8
    lines = chapter["expand"].stdout.splitlines()
    assert lines[-3:] == ["True", "(0, 1) 24 bytes", "(3, 1) 96 bytes"]
    for language in LANGUAGES:
        assert "24" in chapter.prose(language) and "96" in chapter.prose(language) and "`(0, 1)`" in chapter.prose(language)


def test_expand_takes_a_shape_and_repeat_takes_counts():
    row = torch.arange(3)
    assert row.expand(4, 3).shape == (4, 3) and row.repeat(4, 3).shape == (4, 9)
    assert row.expand(4, -1).shape == (4, 3)  # -1 leaves the axis alone
    assert torch.zeros(1, 3).expand(4, 3).stride() == (0, 1)
    assert row.repeat(2, 2).tolist() == np.tile(row.numpy(), (2, 2)).tolist()
    assert row.repeat_interleave(2).tolist() == np.repeat(row.numpy(), 2).tolist() == [0, 0, 1, 1, 2, 2]


def test_writing_into_expanded_rows(chapter):
    names = chapter["expand-writes"].names
    assert "tall[0, 0] = 7" in chapter["expand-writes"].code
    assert names["tall"].tolist() == [[7, 0, 0]] * 4 and names["w"].tolist() == [7, 0, 0]
    assert "refers to a single memory location" in printed_error(chapter["expand-error"])
    safe = torch.zeros(3).expand(4, 3).clone()
    safe[0, 0] = 7
    safe.add_(1)
    assert safe.tolist() == [[8, 1, 1]] + [[1, 1, 1]] * 3


# ---- broadcasting -----------------------------------------------------------------------------------------------

def test_broadcast_by_the_rules(chapter):
    by_paper = [[row + column for column in (1, 2, 3)] for row in (0, 10, 20, 30)]
    assert chapter["broadcast"].value.tolist() == by_paper
    names = chapter["broadcast-by-hand"].names
    column, v, wide_column, tall_v = (names[n] for n in ("column", "v", "wide_column", "tall_v"))
    assert (wide_column + tall_v).tolist() == by_paper
    assert wide_column.stride() == (1, 0) and start(wide_column) == start(column)
    assert tall_v.stride() == (0, 1) and start(tall_v) == start(v)
    assert chapter["broadcast-by-hand"].stdout == "True\n(1, 0) True\n(0, 1) True\n"


def test_the_broadcast_is_drawn(chapter):
    (figure,) = chapter["broadcast-figure"].figures
    (ax,) = figure.axes
    shades = {0.4: [], 0.08: []}
    for patch in ax.patches:
        shades[patch.get_alpha()].append(patch)
    assert len(shades[0.4]) == 4 + 3 + 12 and len(shades[0.08]) == 8 + 9  # real places, imagined places
    numbers = {(round(t.get_position()[0] - 0.47, 3), round(t.get_position()[1] - 0.43, 3)): t.get_text() for t in ax.texts}
    for i, tens in enumerate((0, 10, 20, 30)):
        for j, ones in enumerate((1, 2, 3)):
            shown = [numbers[round(left + j, 3), float(3 - i)] for left in (0, 4.6, 9.2)]
            assert shown == [str(tens), str(ones), str(tens + ones)]
    assert "(3,) read as (1, 3)" in "\n".join(t.get_text() for t in ax.texts)


def test_broadcast_shapes(chapter):
    def by_rule(a, b):
        longest = max(len(a), len(b))
        a, b = (1,) * (longest - len(a)) + a, (1,) * (longest - len(b)) + b
        return tuple(max(m, n) for m, n in zip(a, b)) if all(m == n or 1 in (m, n) for m, n in zip(a, b)) else "does not fit"

    pairs = (((4, 1), (3,)), ((5, 1, 4), (3, 1)), ((2, 3), (2, 1)), ((2, 3), (2,)))
    lines = chapter["broadcast-shapes"].stdout.splitlines()
    assert [" ".join(line.split()) for line in lines] == [f"{a} {b} -> {by_rule(a, b)}" for a, b in pairs]
    assert by_rule((2, 3), (2,)) == "does not fit"


def test_the_silent_broadcast(chapter):
    answers = [0, 2, 4, 6]
    everyone = [[p - t for t in answers] for p in answers]
    lazy = sum(answers) / 4
    perfect_loss, lazy_loss = sum(d * d for row in everyone for d in row) / 16, sum((lazy - t) ** 2 for t in answers) / 4
    assert (lazy, perfect_loss, lazy_loss) == (3, 10, 5)
    assert chapter["silent-broadcast"].stdout == "perfect: tensor(10.)\nlazy   : tensor(5.)\n"
    assert chapter["silent-broadcast-seen"].value.tolist() == everyone
    assert [everyone[i][i] for i in range(4)] == [0] * 4
    assert chapter["silent-broadcast-fixed"].stdout == "perfect: tensor(0.)\nlazy   : tensor(5.)\n"
    assert "assert prediction.shape == target.shape" in chapter["silent-broadcast-fixed"].code
    for language, words in (("zh", ("全对的损失是 10，瞎答的反而只有 5", "一律答平均数 3")), ("en", ("scores 10, and the lazy one only 5", "their mean, 3"))):
        for word in words:
            assert word in " ".join(chapter.prose(language).split())


def test_a_network_trained_on_the_silent_broadcast_learns_the_mean(chapter):
    target = chapter["silent-broadcast"].names["target"]
    prediction, losses = target.view(4, 1).clone().requires_grad_(), []  # begins perfect
    for _ in range(200):
        loss = ((prediction - target) ** 2).mean()
        (gradient,) = torch.autograd.grad(loss, prediction)
        with torch.no_grad():
            prediction -= 0.5 * gradient
        losses.append(loss.item())
    assert torch.allclose(prediction, torch.full((4, 1), 3.0), atol=1e-3)
    assert all(after <= before + 1e-5 for before, after in pairwise(losses)) and losses[-1] == pytest.approx(5, abs=1e-3)


def test_mse_loss_warns_and_computes_all_the_same(chapter):
    ran = chapter["mse-warns"]
    assert len(ran.warnings) == 1 and "Using a target size" in ran.warnings[0] and ran.value.item() == 10
    for language in LANGUAGES:
        assert "`Using a target size`" in chapter.prose(language)


# ---- cat and stack ----------------------------------------------------------------------------------------------

def test_cat_and_stack(chapter):
    names = chapter["cat-stack"].names
    monday, tuesday = [12, 18, 15], [10, 20, 9]
    assert names["monday"].tolist() == monday and names["tuesday"].tolist() == tuesday
    results = [np.concatenate([monday, tuesday]), np.stack([monday, tuesday]), np.stack([monday, tuesday], axis=1)]
    assert chapter["cat-stack"].stdout == "".join(f"{torch.tensor(r, dtype=torch.float32)}\n" for r in results)
    assert [r.shape for r in results] == [(6,), (2, 3), (3, 2)]
    assert chapter["stack-is-cat"].stdout == "True\n" and chapter["stack-is-cat"].names["by_hand"].tolist() == [monday, tuesday]


def test_cat_adds_lengths_along_one_axis(chapter):
    assert shapes(chapter["cat-axis"].stdout) == [(2 + 4, 3), (2, 3 + 3)]
    for language in LANGUAGES:
        assert "2 + 4 = 6" in chapter.prose(language) and "3 + 3 = 6" in chapter.prose(language)


def test_unbind_undoes_stack_and_split_undoes_cat(chapter):
    names = chapter["unbind"].names
    assert names["first"].tolist() == [12, 18, 15] and names["second"].tolist() == [10, 20, 9]
    assert shapes(chapter["unbind"].stdout) == [(2,), (2,), (1,)]
    pieces = torch.arange(5).split(2)
    assert torch.equal(torch.cat(pieces), torch.arange(5))


# ---- who shares, who copies -------------------------------------------------------------------------------------

def test_asking(chapter):
    square = np.arange(16).reshape(4, 4)
    asked = {"slice": square[1:3], "list": square[[1, 2]], "mask": square[square > 9], "split": np.split(square, 2)[1], "cat": np.concatenate([square, square])}
    expected = [[name, "shares" if np.shares_memory(result, square) else "copies"] for name, result in asked.items()]
    assert [line.split() for line in chapter["ask"].stdout.splitlines()] == expected
    rows = re.findall(r'\("(\w+) *", (.*)\),  # (\(.*\))', chapter["ask"].code)
    assert [(name, eval(shape)) for name, _, shape in rows] == [(name, result.shape) for name, result in asked.items()]
    for name, operation, _ in rows:
        result = eval(operation, {"torch": torch, "square": torch.arange(16).view(4, 4)})
        assert result.tolist() == asked[name].tolist()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_row_of_the_table_of_storages(chapter, language):
    words = {"共享": True, "shares": True, "复制": False, "copies": False}
    (table,) = [rows for rows in tables(chapter.prose(language)) if rows[0][1] in words]
    assert len(table) == 13
    done = set()
    for operations, word, _ in table:
        for operation in re.findall(r"`([^`]+)`", operations):
            x = torch.arange(16).view(4, 4)
            result = eval(operation, {"torch": torch, "x": x})
            assert (start(result) == start(x)) is words[word], operation
            before = result.clone()  # and it is so for reading and writing, not for the address alone
            x.add_(100)
            assert torch.equal(result, before + 100 if words[word] else before), operation
            done.add(operation)
    assert len(done) == 28
    x = torch.arange(16).view(4, 4)
    assert x.contiguous() is x and start(x.T.unflatten(1, (2, 2))) == start(x)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_row_of_the_table_of_errors(chapter, language):
    cells = ("count-error", "two-unknowns", "view-error", "item-error", "squeeze-bug", "zero-dim-loop", "expand-mismatch",
             "expand-error", "cat-mismatch", "stack-mismatch")
    table = tables(chapter.prose(language))[-1]
    assert len(table) == len(cells)
    for (words, *_), cell in zip(table, cells):
        assert words.strip("`") in printed_error(chapter[cell]), cell


def test_the_common_errors(chapter):
    assert printed_error(chapter["two-unknowns"]) == "RuntimeError: only one dimension can be inferred"
    assert "(4) must match the existing size (3)" in printed_error(chapter["expand-mismatch"])
    assert "except in dimension 0. Expected size 3 but got size 4" in printed_error(chapter["cat-mismatch"])
    assert "got [2, 3] at entry 0 and [2, 4] at entry 1" in printed_error(chapter["stack-mismatch"])
    assert printed_error(chapter["zero-dim-loop"]) == "TypeError: iteration over a 0-d tensor"
    assert torch.zeros(3).unsqueeze(1).expand(3, 4).shape == (3, 4) and torch.arange(3).repeat(4).shape == (12,)  # the remedies
    assert start(torch.zeros(2, 3).T.reshape(6)) and torch.zeros(1, 1).squeeze(1).tolist() == [0]
