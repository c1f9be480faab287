"""The proof of what docs/*/training/data.md claims."""

import ast
import inspect
import re
import runpy
import subprocess
import sys
import warnings
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
)

from tests.prose import lines, says, says_in


def printed_lists(line):
    return [ast.literal_eval(text) for text in re.findall(r"\[\[.*?\]\]", line)]


@pytest.fixture
def shapes(chapter, tmp_path, monkeypatch):
    """The folder of the chapter's pictures, drawn again, as the current folder."""
    monkeypatch.chdir(tmp_path)
    exec(chapter["draw"].code, {})
    return tmp_path / "shapes"


# ---- data sets and batches -------------------------------------------------------------------


@pytest.mark.ledger("n2-21")
def test_a_data_set_fetches_a_sample_a_transform_works_on_it_a_loader_makes_batches(chapter, shapes):
    names = chapter["folder"].names
    pictures = names["pictures"]
    plain = type(pictures)("shapes")
    picture, label = plain[7]
    assert isinstance(picture, Image.Image) and plain.transform is None
    x = names["transform"](picture)
    assert x.shape == (3, 32, 32) and torch.equal(pictures[7][0], x) and pictures[7][1] == label
    batch, labels = next(iter(DataLoader(pictures, batch_size=8)))
    assert batch.shape == (8, 3, 32, 32) and torch.equal(batch[7], x)
    assert type(names["transform"]).__module__.startswith("torchvision.transforms.v2")
    assert issubclass(torch.nn.Transformer, torch.nn.Module) and not issubclass(torch.nn.Transformer, type(names["transform"]))
    says(chapter, "Transformers", "transforms", "(8, 3, 32, 32)", "pictures[7]")


def test_the_data_set_by_hand_says_how_many_and_which(chapter):
    degrees = chapter["dataset"].names["degrees"]
    assert len(degrees) == 10
    for i in range(10):
        x, y = degrees[i]
        assert x.shape == y.shape == (1,) and x.dtype == torch.float32
        assert x.item() == 5 * i and y.item() == pytest.approx(5 * i * 9 / 5 + 32, abs=1e-4)
    assert lines(chapter, "dataset") == lines(chapter, "tensor-dataset") == ["10 (tensor([15.]), tensor([59.]))"]
    same = chapter["tensor-dataset"].names["same"]
    assert isinstance(same, TensorDataset)
    assert all(torch.equal(a, b) for i in range(10) for a, b in zip(same[i], degrees[i]))
    says_in(chapter, "zh", "摄氏 15 度，华氏 59 度")
    says_in(chapter, "en", "15 degrees Celsius are 59 Fahrenheit")


@pytest.mark.ledger("n3-06")
def test_only_the_data_set_is_required(chapter):
    parameters = list(inspect.signature(DataLoader).parameters.values())
    assert [p.name for p in parameters if p.default is p.empty] == ["dataset"]
    assert lines(chapter, "loader")[0] == "torch.Size([1, 1]) torch.Size([1, 1])"  # one sample a batch
    loader = DataLoader(range(100))
    assert [batch.tolist() for batch in loader] == [[i] for i in range(100)]  # and in the given order
    for dataset in (chapter["dataset"].names["degrees"], chapter["folder"].names["pictures"]):
        assert len(DataLoader(dataset)) == len(dataset)  # one's own, or an ImageFolder
    assert type(chapter["folder"].names["pictures"]).__name__ == "ImageFolder"


@pytest.mark.ledger("n3-06")
def test_a_stream_has_no_numbers(chapter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.txt").write_text("21.5\n21.7\n22.0\n22.4\n22.3\n")
    log = chapter["stream"].names["Log"]()
    assert [[round(x, 4) for x in batch.tolist()] for batch in DataLoader(log, batch_size=2)] == [[21.5, 21.7], [22.0, 22.4], [22.3]]
    assert lines(chapter, "stream") == ["tensor([21.5000, 21.7000])", "tensor([22.0000, 22.4000])", "tensor([22.3000])"]
    with pytest.raises(TypeError):
        len(log)
    with pytest.raises(NotImplementedError):
        log[3]
    for wrong in ({"shuffle": True}, {"sampler": [0, 1]}):
        with pytest.raises(ValueError, match="IterableDataset"):
            DataLoader(log, **wrong)
    says(chapter, "`IterableDataset`")


def test_batches_of_four_and_the_last_one(chapter):
    assert lines(chapter, "loader")[1:] == [
        "torch.Size([4, 1]) [0.0, 5.0, 10.0, 15.0]", "torch.Size([4, 1]) [20.0, 25.0, 30.0, 35.0]",
        "torch.Size([2, 1]) [40.0, 45.0]", "3 2"]
    assert [len(x) for x, y in DataLoader(chapter["dataset"].names["degrees"], batch_size=4, drop_last=True)] == [4, 4]
    dropped = []  # shuffling drops different ones each epoch
    loader = DataLoader(range(10), batch_size=4, drop_last=True, shuffle=True, generator=torch.Generator().manual_seed(0))
    for _ in range(5):
        dropped.append(frozenset(range(10)) - {i for batch in loader for i in batch.tolist()})
    assert all(len(d) == 2 for d in dropped) and len(set(dropped)) > 1
    says(chapter, "`(1,)`", "`(4, 1)`", "`drop_last=True`")
    says_in(chapter, "zh", "最后一批只剩 2 个", "三批变两批")
    says_in(chapter, "en", "the last batch has only 2", "three batches become two")


# ---- shuffle and other orders ----------------------------------------------------------------


@pytest.mark.ledger("n3-05")
def test_shuffle_reorders_the_whole_set_every_epoch_and_then_cuts(chapter):
    epochs = [ast.literal_eval(line) for line in lines(chapter, "shuffle")]
    assert len(epochs) == 3
    assert all([len(batch) for batch in epoch] == [4, 4] for epoch in epochs)
    assert all(sorted(sum(epoch, [])) == list(range(8)) for epoch in epochs)  # each sample exactly once
    assert len({str(epoch) for epoch in epochs}) == 3  # a new order every epoch
    assert all(sorted(epoch[0]) != [0, 1, 2, 3] for epoch in epochs)  # what shuffling inside a batch cannot give
    # every sample is as likely in the first batch as any other, over many epochs
    loader = DataLoader(range(8), batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(0))
    first = Counter(i for _ in range(800) for i in next(iter(loader)).tolist())
    assert all(abs(first[i] - 400) < 80 for i in range(8))  # sd 14
    sampler = loader.batch_sampler
    assert isinstance(sampler, BatchSampler) and isinstance(sampler.sampler, RandomSampler)  # order first, cut afterwards
    assert "shuffle=True" in chapter["shuffle"].code
    says_in(chapter, "zh", "0、1、2、3")
    says_in(chapter, "en", "0, 1, 2, 3")


def test_the_figure_shows_both_ways(chapter):
    (figure,) = chapter["shuffle-figure"].figures
    inside, whole = figure.axes
    for axes in (inside, whole):
        assert len(axes.lines) == 6 and [len(line.get_ydata()) for line in axes.lines] == [10] * 6
        assert [list(line.get_xdata()) for line in axes.lines] == [list(range(10 * k, 10 * k + 10)) for k in range(6)]
        assert sorted(int(y) for line in axes.lines for y in line.get_ydata()) == list(range(60))
        assert axes.get_xlabel() == "place in the epoch"
    assert inside.get_ylabel() == "sample number" and whole.get_title() == "shuffle=True"
    assert inside.get_title() == "inside each batch"
    for k, line in enumerate(inside.lines):
        ys = [int(y) for y in line.get_ydata()]
        assert sorted(ys) == list(range(10 * k, 10 * k + 10)) and ys != sorted(ys)  # a staircase, each step in disorder
    for line in whole.lines:
        assert max(line.get_ydata()) - min(line.get_ydata()) > 30  # scattered


def test_a_generator_gives_the_same_order_again(chapter):
    first, second = lines(chapter, "seed")
    assert first == second
    one, two = printed_lists(first)
    assert one != two and sorted(sum(one, [])) == sorted(sum(two, [])) == list(range(8))
    # without one, numbers drawn by others do change the order
    orders = []
    with torch.random.fork_rng():
        for unrelated in (0, 100):
            torch.manual_seed(1)
            torch.randn(unrelated)
            orders.append([batch.tolist() for batch in DataLoader(range(8), batch_size=4, shuffle=True)])
    assert orders[0] != orders[1]
    assert "torch.randn(unrelated)" in chapter["seed"].code and "(0, 100)" in chapter["seed"].code


def test_unequal_samples_refuse_to_stack_and_padding_helps(chapter):
    error = chapter["unequal-error"].error
    assert isinstance(error, RuntimeError) and "stack expects each tensor to be equal size" in str(error)
    names = chapter["collate"].names
    batch, lengths = names["batch"], names["lengths"]
    by_hand = np.zeros((2, 8), dtype=int)
    for row, word in enumerate(("loss", "gradient")):
        by_hand[row, :len(word)] = np.frombuffer(word.encode(), dtype=np.uint8)
    assert batch.tolist() == by_hand.tolist() and lengths.tolist() == [4, 8]
    assert lines(chapter, "collate")[-1] == "tensor([4, 8])"
    assert ["".join(map(chr, row[:n])) for row, n in zip(batch.tolist(), lengths)] == ["loss", "gradient"]


def test_a_sampler_of_like_lengths_pads_less(chapter):
    words = chapter["collate"].names["words"]

    def zeros(order):
        pairs = [[len(words[i]) for i in order[k:k + 2]] for k in (0, 2, 4)]
        return sum(2 * max(pair) - sum(pair) for pair in pairs)

    by_length = chapter["sampler"].names["by_length"]
    assert [len(words[i]) for i in by_length] == sorted(map(len, words)) and sorted(by_length) == list(range(6))
    assert lines(chapter, "sampler") == [
        f"[0, 1, 2, 3, 4, 5] zeros of padding: {zeros(range(6))}", f"{by_length} zeros of padding: {zeros(by_length)}"]
    assert (zeros(range(6)), zeros(by_length)) == (12, 4)
    assert isinstance(DataLoader(range(4), shuffle=True).sampler, RandomSampler)  # shuffle is a sampler
    assert isinstance(DataLoader(range(4)).sampler, SequentialSampler)
    says_in(chapter, "zh", "从 12 个减到 4 个")
    says_in(chapter, "en", "12 added zeros have become 4")


# ---- pictures --------------------------------------------------------------------------------


def test_the_pictures_drawn(chapter, shapes):
    counts = {folder.name: len(list(folder.iterdir())) for folder in shapes.iterdir()}
    assert counts == {"circle": 80, "square": 30, "triangle": 10} and sum(counts.values()) == 120
    pictures = [np.asarray(Image.open(path)) for path in shapes.rglob("*.png")]
    assert all(picture.shape == (40, 48, 3) for picture in pictures)  # rows are height
    assert len({picture.tobytes() for picture in pictures}) == 120  # all differ

    def filled(kind):  # the share of a shape's bounding box that it fills
        shares = []
        for path in (shapes / kind).iterdir():
            shape = (np.asarray(Image.open(path)).astype(int) != (47, 79, 79)).any(axis=2)  # not darkslategray
            rows, columns = np.flatnonzero(shape.any(axis=1)), np.flatnonzero(shape.any(axis=0))
            shares.append(shape.sum() / ((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)))
        return np.mean(shares)

    assert filled("circle") == pytest.approx(np.pi / 4, abs=0.05) and 0.4 < filled("triangle") < 0.6
    assert filled("square") != pytest.approx(filled("triangle"), abs=0.1)
    says(chapter, "120")


def test_the_steps_from_picture_to_tensor(chapter, shapes):
    rows = lines(chapter, "pipeline")
    assert rows[0] == "PIL (48, 40)"
    assert [row.split(" max ")[0] for row in rows[1:]] == [
        "ToImage     (3, 40, 48) torch.uint8", "Resize      (3, 32, 38) torch.uint8",
        "CenterCrop  (3, 32, 32) torch.uint8", "ToDtype     (3, 32, 32) torch.float32"]
    peaks = [float(row.split(" max ")[1]) for row in rows[1:]]
    assert peaks[2] > 100 and peaks[3] == pytest.approx(peaks[2] / 255, abs=0.006)
    v2, transform = chapter["pipeline"].names["v2"], chapter["pipeline"].names["transform"]
    picture = Image.open("shapes/circle/00.png")
    assert picture.size == (48, 40)
    assert 38 == 48 * 32 // 40  # the proportions are kept
    assert torch.equal(v2.ToImage()(picture), torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1))
    whole = v2.Compose(transform.transforms[:2])(picture)
    cut = whole[:, :, 3:35]  # the middle 32 of 38
    assert torch.allclose(transform(picture), cut.float() / 255)
    without = v2.ToDtype(torch.float32)(cut)
    assert without.max() == cut.max() > 100  # no scale=True, and the numbers stay
    says(chapter, "`Resize(32)`", "`CenterCrop(32)`", "`scale=True`")


def test_folders_are_numbered_alphabetically(chapter, shapes):
    names = chapter["folder"].names
    assert lines(chapter, "folder") == ["120 {'circle': 0, 'square': 1, 'triangle': 2} torch.Size([3, 32, 32]) 0"]
    assert names["pictures"].classes == sorted(names["pictures"].classes)
    draw = chapter["draw"].code
    assert draw.index('"triangle"') < draw.index('"square"') < draw.index('"circle"')  # drawn in another order
    for i in (0, 85, 119):
        path, label = names["pictures"].samples[i]
        assert names["pictures"].classes[label] in path and names["pictures"][i][1] == label


def test_the_figure_of_a_batch(chapter, shapes):
    names = chapter["batch"].names
    (figure,) = chapter["batch"].figures
    assert len(figure.axes) == 8 and names["x"].shape == (8, 3, 32, 32)
    pictures = names["pictures"]
    everything = {pictures[i][0].numpy().tobytes(): pictures[i][1] for i in range(120)}
    titles = []
    for image, axes in zip(names["x"], figure.axes):
        label = everything[image.numpy().tobytes()]
        titles.append(axes.get_title())
        assert titles[-1] == f"{label}: {pictures.classes[label]}"
        assert np.allclose(axes.images[0].get_array(), image.numpy().transpose(1, 2, 0))
    assert sum("circle" in title for title in titles) > 4  # most are circles
    assert names["y"].tolist() != sorted(names["y"].tolist())  # shuffled


# ---- splits ----------------------------------------------------------------------------------


def test_the_split_and_its_flipped_half(chapter, shapes):
    assert lines(chapter, "split") == ["96 24 set()"]
    names = chapter["split"].names
    train, test = names["train_set"], names["test_set"]
    assert set(train.indices) | set(test.indices) == set(range(120)) and not set(train.indices) & set(test.indices)
    assert list(train.indices) != sorted(train.indices)
    again = names["random_split"](range(120), [96, 24], generator=torch.Generator().manual_seed(0))
    assert again[0].indices == train.indices
    assert train.dataset is test.dataset is names["pictures"]  # one data set, and one transform, behind both
    flipped, mirrored = names["flipped_set"], 0
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for i in range(20):
            (x, label), (plain, same_label) = flipped[i], train[i]
            assert label == same_label and torch.equal(train[i][0], plain)  # the training part itself is never flipped
            as_it_was, turned = torch.allclose(x, plain), torch.allclose(x, plain.flip(2), atol=0.02)
            assert as_it_was or turned
            mirrored += turned and not as_it_was
    assert 4 < mirrored < 16
    says(chapter, "`random_split`", "`set()`")


def test_the_statistics_come_from_the_training_set(chapter):
    names = chapter["statistics"].names
    assert names["train_x"].shape == (96, 3, 32, 32) and names["test_x"].shape == (24, 3, 32, 32)
    train = names["train_x"].double().numpy().transpose(1, 0, 2, 3).reshape(3, -1)
    mean, std = train.mean(axis=1), train.std(axis=1, ddof=1)
    assert np.allclose(names["mean"], mean, atol=1e-5) and np.allclose(names["std"], std, atol=1e-5)
    test = (names["test_x"].double().numpy().transpose(1, 0, 2, 3).reshape(3, -1) - mean[:, None]) / std[:, None]

    def shown(line):
        return [ast.literal_eval(text) for text in re.findall(r"\[.*?\]", line)]

    of_train, of_test = map(shown, lines(chapter, "statistics"))
    assert of_train == [[0, 0, 0], [1, 1, 1]]
    assert np.allclose(of_test[0], np.abs(test.mean(axis=1)), atol=0.006) and max(of_test[0]) > 0.02  # not quite 0
    assert np.allclose(of_test[1], test.std(axis=1, ddof=1), atol=0.006)


def test_near_copies_on_both_sides_inflate_the_score(chapter):
    names = chapter["leak"].names
    scores = dict(re.findall(r"split by (\w+) *: accuracy (\d\.\d\d)", chapter["leak"].stdout))
    assert float(scores["sample"]) == 1.0 and 0.4 < float(scores["thing"]) < 0.6
    # again with NumPy, from other random numbers
    random = np.random.default_rng(0)
    x = np.repeat(random.normal(size=(1000, 20)), 5, axis=0) + 0.1 * random.normal(size=(5000, 20))
    y = np.repeat(random.integers(2, size=1000), 5)

    def score(test):
        a, b = x[test], x[~test]
        nearest = ((a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)).argmin(axis=1)
        return (y[~test][nearest] == y[test]).mean()

    assert score(np.isin(np.arange(5000), random.permutation(5000)[:1000])) > 0.995
    assert 0.35 < score(np.repeat(np.isin(np.arange(1000), random.permutation(1000)[:200]), 5)) < 0.65
    # five of a thing, of one label, stay together in the cell's second split and are scattered in the first
    by_thing, by_sample = names["by_thing"], names["by_sample"]
    for x, y in (by_thing, by_sample):
        assert x.shape == (5000, 20) and y.shape == (5000,)
    groups = by_thing[0].unflatten(0, (1000, 5))
    assert (groups - groups.mean(dim=1, keepdim=True)).abs().max() < 0.6 < by_thing[0].std()
    assert (by_thing[1].unflatten(0, (1000, 5)).unique(dim=1).shape[1]) == 1
    labels = [{x.numpy().tobytes(): int(y) for x, y in zip(*both)} for both in (by_sample, by_thing)]
    assert labels[0] == labels[1] and len(labels[0]) == 5000  # the same samples with the same labels in both
    loose = by_sample[0].unflatten(0, (1000, 5))
    assert (loose - loose.mean(dim=1, keepdim=True)).abs().max() > 2
    assert 0.4 < by_thing[1].float().mean() < 0.6  # coins
    says(chapter, "1000")


def test_weights_even_out_the_classes(chapter):
    names = chapter["weighted"].names
    of_train = [names["pictures"].targets[i] for i in names["train_set"].indices]
    before = [of_train.count(k) for k in range(3)]
    (line,) = lines(chapter, "weighted")
    classes, shown, after = (ast.literal_eval(text) for text in re.findall(r"\[.*?\]", line))
    assert classes == ["circle", "square", "triangle"] and shown == before and sum(after) == 96 == sum(before)
    assert before[2] == 8 and before[0] > 96 / 2  # "circle" every time is right more often than not
    assert all(abs(n - 32) <= 14 for n in after)  # about a third each (sd 4.6)
    assert before[0] > after[0]  # so some circles never had their turn
    assert names["sampler"].replacement is True and isinstance(names["sampler"], WeightedRandomSampler)
    assert np.allclose(names["weights"], [1 / before[k] for k in of_train])
    many = WeightedRandomSampler(names["weights"], 30000, generator=torch.Generator().manual_seed(0))
    drawn = Counter(of_train[i] for i in many)
    assert all(abs(drawn[k] / 30000 - 1 / 3) < 0.015 for k in range(3))
    says_in(chapter, "zh", "那 8 个")
    says_in(chapter, "en", "the same 8 triangles")


# ---- workers and parameters ------------------------------------------------------------------


def test_workers_take_turns_read_a_stream_twice_and_share_it(chapter):
    *first, twice, shared = lines(chapter, "workers")
    assert first == [f"[{2 * k}, {2 * k + 1}] from workers [{k % 2}, {k % 2}]" for k in range(4)]
    assert twice == f"twice:  {[n for n in range(6) for _ in range(2)]}"
    assert shared == f"shared: {list(range(6))}"
    assert 'if __name__ == "__main__":' in chapter["script"].code
    says(chapter, '`if __name__ == "__main__":`', "`twice`", "`share`")


def test_a_worker_that_imports_the_script_runs_nothing_below_the_guard(chapter, tmp_path, capfd):
    path = tmp_path / "workers.py"
    path.write_text(chapter["script"].names["script"])
    names = runpy.run_path(path, run_name="__mp_main__")  # the name under which spawn and forkserver import it
    assert {"Numbers", "Stream", "share"} <= set(names) and "worker" not in names
    assert capfd.readouterr().out == ""


def test_without_the_guard_python_refuses(chapter, tmp_path):
    message = "An attempt has been made to start a new process before the"
    assert message in chapter["no-guard"].stdout and "if __name__ == '__main__':" in chapter["no-guard"].stdout
    assert "freeze_support()" in chapter["no-guard"].stdout and "Traceback" not in chapter["no-guard"].stdout
    loader = tmp_path / "loader.py"  # the same with a DataLoader
    loader.write_text("from torch.utils.data import DataLoader\n"
                      "next(iter(DataLoader(range(4), num_workers=1, multiprocessing_context='spawn')))\n")
    run = subprocess.run([sys.executable, str(loader)], capture_output=True, text=True, timeout=100)
    assert run.returncode != 0 and message in run.stderr
    assert re.search(r"DataLoader worker .* exited unexpectedly", run.stderr)
    guarded = tmp_path / "guarded.py"
    guarded.write_text("from multiprocessing import get_context\n"
                       'if __name__ == "__main__":\n    get_context("spawn").Process(target=print).start()\n')
    run = subprocess.run([sys.executable, str(guarded)], capture_output=True, text=True, timeout=100)
    assert run.returncode == 0 and run.stderr == ""


def test_the_refusal_is_read_in_a_folder_of_any_name(chapter, tmp_path, monkeypatch, capsys):
    """The message names its folder, in the encoding of the child's console, which need not be that of this process."""
    (tmp_path / "笔记本").mkdir()
    monkeypatch.chdir(tmp_path / "笔记本")
    monkeypatch.setenv("PYTHONIOENCODING", "gbk")
    exec(chapter["no-guard"].code, dict(chapter["no-guard"].names))
    assert capsys.readouterr().out == chapter["no-guard"].stdout


@pytest.mark.ledger("n3-05")
def test_what_is_refused_and_when(chapter):
    with pytest.raises(ValueError, match="num_workers option should be non-negative"):
        DataLoader(range(8), num_workers=-1)
    with pytest.raises(ValueError, match="prefetch_factor option could only be specified in multiprocessing"):
        DataLoader(range(8), prefetch_factor=2)
    with pytest.raises(ValueError, match="sampler option is mutually exclusive with shuffle"):
        DataLoader(range(8), shuffle=True, sampler=[3, 1])
    loader = DataLoader(range(8), timeout=1)  # no error yet
    with pytest.raises(AssertionError):
        next(iter(loader))
    rows = lines(chapter, "refused")
    assert rows[::2] == ["{'num_workers': -1}", "{'prefetch_factor': 2}", "made, but {'timeout': 1}",
                         "{'shuffle': True, 'sampler': [3, 1]}"]
    assert [row.strip().partition("(")[0] for row in rows[1::2]] == ["ValueError", "ValueError", "AssertionError", "ValueError"]
    assert "non-negative" in rows[1] and "prefetch_factor" in rows[3] and "timeout == 0" in rows[5] and "mutually exclusive" in rows[7]
    says(chapter, "`timeout`", "`AssertionError`")


def test_the_table_states_the_defaults(chapter):
    defaults = {p.name: "required" if p.default is p.empty else repr(p.default) for p in inspect.signature(DataLoader).parameters.values()}
    for language, required in (("zh", "必填"), ("en", "required")):
        table = {m[1]: m[2] for m in re.finditer(r"^\| `(\w+)` \| (.+?) \|", chapter.prose(language), re.MULTILINE)}
        assert list(table) == ["dataset", "batch_size", "shuffle", "sampler", "collate_fn", "drop_last", "generator",
                               "num_workers", "worker_init_fn", "timeout", "prefetch_factor", "pin_memory"]
        for name, stated in table.items():
            assert stated == required if name == "dataset" else stated.startswith(f"`{defaults[name]}`"), (name, stated)
        assert "2" in table["prefetch_factor"]
    assert DataLoader(range(4), num_workers=2).prefetch_factor == 2
    assert DataLoader(range(4)).collate_fn is default_collate


def test_pinning_without_a_gpu_only_warns(chapter):
    if torch.accelerator.is_available():
        pytest.skip("there is an accelerator here")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (batch,) = DataLoader(torch.zeros(2, 1), batch_size=2, pin_memory=True)
    assert len(caught) >= 1 and "pin_memory" in str(caught[0].message) and batch.shape == (2, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(DataLoader(torch.zeros(2, 1), pin_memory=torch.cuda.is_available()))
    says(chapter, "`pin_memory=torch.cuda.is_available()`", "`x.to(device, non_blocking=True)`")


# ---- common errors ---------------------------------------------------------------------------


def test_common_errors(chapter):
    pil, double = chapter["pil-error"].error, chapter["double-error"].error
    message = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found"
    assert isinstance(pil, TypeError) and str(pil) == f"{message} <class 'PIL.Image.Image'>"

    class Forgetful(type(chapter["dataset"].names["degrees"])):
        def __getitem__(self, i):
            self.celsius[i]

    with pytest.raises(TypeError, match=f"^{message} <class 'NoneType'>$"):
        next(iter(DataLoader(Forgetful([20.0, 25.0]), batch_size=2)))
    assert isinstance(double, RuntimeError) and "must have the same dtype, but got Double and Float" in str(double)
    assert lines(chapter, "double-error") == ["torch.float64"]
    table = chapter["double-error"].names["table"]
    converted = TensorDataset(torch.stack([torch.tensor(row, dtype=torch.float32) for row in table]))
    (x,) = next(iter(DataLoader(converted, batch_size=2)))
    assert torch.nn.Linear(1, 1)(x).shape == (2, 1)
    says(chapter, "`NoneType`", "`torch.tensor(row, dtype=torch.float32)`")
