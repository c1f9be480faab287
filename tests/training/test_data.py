"""The proof of what docs/*/training/data.md claims."""

import ast
import inspect
import itertools
import json
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
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    random_split,
)
from torchvision.transforms import v2

from tests.facts import fact
from tests.prose import lines


def lists(line):
    """The innermost lists that a printed line holds."""
    return [ast.literal_eval(text) for text in re.findall(r"\[[^\[\]]*\]", line)]


def orders(line):
    """The batches, [[...], [...]], that a printed line holds."""
    return [ast.literal_eval(text) for text in re.findall(r"\[\[.*?\]\]", line)]


def parameter(name):
    return inspect.signature(DataLoader).parameters[name]


class Asked(Dataset):
    """0, 1, 2, ..., and a list of the numbers that were asked for."""

    def __init__(self, size):
        self.size, self.numbers = size, []

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        self.numbers.append(i)
        return i


@pytest.fixture
def shapes(chapter, tmp_path, monkeypatch):
    """The folder of the chapter's pictures, drawn again, as the current folder."""
    monkeypatch.chdir(tmp_path)
    exec("from pathlib import Path\n" + chapter["draw"].code, {})
    return tmp_path / "shapes"


WORKERS = """
import json
import os
import time

from torch.utils.data import DataLoader, Dataset, get_worker_info


class Who(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, i):
        return i, os.getpid(), -1 if get_worker_info() is None else get_worker_info().id


class Slow(Dataset):  # sample 0 takes its time
    def __init__(self, seconds):
        self.seconds = seconds

    def __len__(self):
        return 4

    def __getitem__(self, i):
        time.sleep(self.seconds if i == 0 else 0)
        note("fetched", i)
        return i


class Broken(Slow):
    def __getitem__(self, i):
        raise IndexError("broken")


class Counting:  # a sampler that counts what it was asked for
    asked = 0

    def __iter__(self):
        for i in range(4):
            self.asked += 1
            yield i

    def __len__(self):
        return 4


def note(name, what):
    with open(name, "a") as file:
        file.write(f"{what} ")


def started(worker_id):
    note("started", worker_id)


def message(loader):
    try:
        next(iter(loader))
    except Exception as error:
        return [type(error).__name__, str(error)]


if __name__ == "__main__":
    found = {"main": os.getpid()}
    for name, settings in {"none": {}, "two": {"num_workers": 2, "worker_init_fn": started},
                           "kept": {"num_workers": 2, "persistent_workers": True}}.items():
        loader = DataLoader(Who(), **settings)
        found[name] = [[[int(n) for n in sample] for sample in loader] for epoch in range(2)]
    for name, in_order in (("in order", True), ("as ready", False)):
        found[name] = [int(i) for i in DataLoader(Slow(0.5), num_workers=2, in_order=in_order)]
    for settings in ({}, {"prefetch_factor": 1}):
        sampler = Counting()
        iterator = iter(DataLoader(Slow(0), num_workers=1, sampler=sampler, **settings))
        found[f"prepared {len(settings)}"] = sampler.asked
        list(iterator)
    os.remove("fetched")
    iterator = iter(DataLoader(Slow(0), num_workers=1))
    next(iterator)
    end = time.monotonic() + 30
    while len(open("fetched").read().split()) < 3 and time.monotonic() < end:
        time.sleep(0.02)  # "the network computes"
    found["fetched meanwhile"] = open("fetched").read().split()
    list(iterator)
    found["started"] = open("started").read().split()
    found["too late"] = message(DataLoader(Slow(1), num_workers=1, timeout=0.2))
    found["broken"] = [message(DataLoader(Broken(0), num_workers=n)) for n in (0, 1)]
    print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def hired(tmp_path_factory):
    """What loaders with workers did, in a script of its own, as a script with workers should be."""
    folder = tmp_path_factory.mktemp("hired")
    (folder / "hired.py").write_text(WORKERS)
    run = subprocess.run([sys.executable, "hired.py"], cwd=folder, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


# ---- three things ----------------------------------------------------------------------------


@pytest.mark.claim(zh="网络一次要一批张量，数据却是硬盘上的一张张图片、表格里的一行行数。",
                   en="A network wants batches of tensors; data are pictures on a disk and rows of a table.")
@pytest.mark.claim(zh="`Dataset` 给出样本和标签，`DataLoader` 把它们打包、压缩。",
                   en="`Dataset` gives samples and labels, `DataLoader` packs and compresses them.")
@pytest.mark.claim(zh="打包是对的，压缩没有：一批就是几个样本叠在一起，一个数也没少，一个字节也没省。",
                   en="Packs, yes; compresses, no: a batch is its samples stacked, with every number kept and not one byte saved.")
@pytest.mark.ledger("n2-21")
def test_a_batch_is_its_samples_stacked_and_nothing_is_compressed(chapter, shapes):
    pictures = chapter["folder"].names["pictures"]
    assert len(list(shapes.rglob("*.png"))) == 120 and "rooms.csv" in chapter["table"].code
    batch, labels = next(iter(DataLoader(pictures, batch_size=8)))
    samples = [pictures[i] for i in range(8)]
    assert torch.is_tensor(batch) and torch.equal(batch, torch.stack([x for x, y in samples]))  # packed
    assert labels.tolist() == [y for x, y in samples]  # samples and labels
    assert batch.nbytes == sum(x.nbytes for x, y in samples) == 8 * 3 * 32 * 32 * 4  # and not compressed


@pytest.mark.claim(zh="还有一个标题“Transformers”，下面空着，想写的其实是 transforms。",
                   en="And there was a heading “Transformers” with nothing under it, which meant transforms.")
@pytest.mark.claim(zh="后面两个词只是长得像：变换（transform）加工一个样本，比如把图缩小；Transformer 是一种网络。",
                   en="The last two words merely look alike: a transform works on one sample, say by making a picture smaller; a Transformer is a kind of network.")
@pytest.mark.claim(zh="`Dataset` 取一个，变换加工一个，`DataLoader` 凑成一批；必填的只有 `dataset`。",
                   en="`Dataset` fetches one, a transform works on one, `DataLoader` makes batches; only `dataset` is required.")
@pytest.mark.ledger("n2-21")
def test_a_data_set_fetches_a_sample_a_transform_works_on_it_a_loader_makes_batches(chapter, shapes):
    names = chapter["folder"].names
    pictures = names["pictures"]
    plain = type(pictures)("shapes")
    picture, label = plain[7]
    assert isinstance(picture, Image.Image) and plain.transform is None
    x = names["transform"](picture)
    assert x.shape == (3, 32, 32) and torch.equal(pictures[7][0], x) and pictures[7][1] == label
    assert x.shape[1] < picture.height and x.shape[2] < picture.width  # smaller
    batch, labels = next(iter(DataLoader(pictures, batch_size=8)))
    assert batch.shape == (8, 3, 32, 32) and torch.equal(batch[7], x)
    assert [name for name, p in inspect.signature(DataLoader).parameters.items() if p.default is p.empty] == ["dataset"]
    assert type(names["transform"]).__module__.startswith("torchvision.transforms.v2")
    assert issubclass(torch.nn.Transformer, torch.nn.Module) and not issubclass(torch.nn.Transformer, v2.Transform)
    for language in ("zh", "en"):  # the relay
        assert "pictures[7]" in chapter.prose(language) and "(8, 3, 32, 32)" in chapter.prose(language)


# ---- data sets -------------------------------------------------------------------------------


@pytest.mark.claim(zh="`len(degrees)` 问的是 `__len__`，`degrees[3]` 问的是 `__getitem__`：摄氏 15 度，华氏 59 度。",
                   en="`len(degrees)` asks `__len__`, `degrees[3]` asks `__getitem__`: 15 degrees Celsius are 59 Fahrenheit.")
@pytest.mark.claim(zh="样本要用的时候才去取，所以一百万张图片也不必全装进内存。",
                   en="A sample is fetched when it is wanted and not before, so a million pictures need not fit in memory.")
@pytest.mark.claim(zh="`next(iter(…))` 是只拿第一批。", en="`next(iter(…))` takes just the first batch.")
def test_a_data_set_is_asked_how_many_and_which_and_only_when_needed(chapter):
    degrees = chapter["dataset"].names["degrees"]
    assert type(degrees).__len__(degrees) == len(degrees) == 10
    for i in range(10):
        x, y = degrees[i]
        assert x.shape == y.shape == (1,) and x.dtype == torch.float32
        assert x.item() == 5 * i and y.item() == pytest.approx(5 * i * 9 / 5 + 32, abs=1e-4)
        assert all(torch.equal(a, b) for a, b in zip((x, y), type(degrees).__getitem__(degrees, i)))
    assert lines(chapter, "dataset") == ["10 (tensor([15.]), tensor([59.]))"]
    asked = Asked(1_000_000)
    loader = DataLoader(asked, batch_size=4)
    assert asked.numbers == []
    assert next(iter(loader)).tolist() == [0, 1, 2, 3] == asked.numbers  # the first batch, and not a sample more


@pytest.mark.claim(zh="一张装得进内存的表，连类都不用写。", en="A table that fits in memory needs no class at all.")
@pytest.mark.claim(zh="先造一个 CSV 文件，一行是一间房的面积、楼层和房租，再读成张量：",
                   en="We write a CSV file, a room’s area, floor and rent to a row, and read it into a tensor:")
@pytest.mark.claim(zh="`skiprows=1` 跳过标题那一行。", en="`skiprows=1` passes over the line of headings.")
@pytest.mark.claim(zh="`TensorDataset` 把几个张量并排放好，`rooms[3]` 就是各取第 3 行：面积和楼层是输入，房租是答案。",
                   en="`TensorDataset` puts tensors side by side, so `rooms[3]` is row 3 of each: area and floor are the input, the rent is the answer.")
def test_a_csv_file_becomes_a_data_set(chapter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(chapter["table"].code, dict(chapter["dataset"].names))
    heading, *rows = (tmp_path / "rooms.csv").read_text(encoding="utf-8").splitlines()
    assert heading == "area,floor,rent" and "class " not in chapter["table"].code
    by_hand = [[float(n) for n in row.split(",")] for row in rows]
    rooms, table = chapter["table"].names["rooms"], chapter["table"].names["table"]
    assert isinstance(rooms, TensorDataset) and len(rooms) == len(rows) == 4
    assert table.tolist() == by_hand and table.dtype == torch.float32
    for i, (area, floor, rent) in enumerate(by_hand):
        assert rooms[i][0].tolist() == [area, floor] and rooms[i][1].tolist() == [rent]
    assert lines(chapter, "table") == ["4 (tensor([82.5000, 12.0000]), tensor([3100.]))"]
    with pytest.raises(ValueError):
        np.loadtxt("rooms.csv", delimiter=",")  # the headings are no numbers


# ---- batches ---------------------------------------------------------------------------------


@pytest.mark.claim(zh="旧笔记说，`DataLoader` 只有 `dataset` 是必填的，`ImageFolder` 或自己写的 `Dataset` 都行。",
                   en="`DataLoader` requires nothing but `dataset`, said the old notes, be it an `ImageFolder` or a `Dataset` of your own.")
@pytest.mark.claim(zh="第一行是不填别的参数：每批 1 个，按原来的顺序。",
                   en="The first line is what you get without other arguments: one sample a batch, in the given order.")
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


@pytest.mark.claim(zh="每批 4 个时，样本的 `(1,)` 叠成 `(4, 1)`，前面多了批次轴。",
                   en="With four a batch, samples of `(1,)` are stacked to `(4, 1)`, the batch axis in front.")
@pytest.mark.claim(zh="10 不是 4 的倍数，最后一批只剩 2 个；`drop_last=True` 不要它，三批变两批。",
                   en="10 is no multiple of 4, so the last batch has only 2; `drop_last=True` leaves it out, and three batches become two.")
@pytest.mark.claim(zh="训练时丢几个不要紧，打乱以后，每轮丢的不总是那几个。",
                   en="That does little harm in training, where shuffling does not always drop the same ones.")
@pytest.mark.claim(zh="测试时别丢：丢掉的没考，得到的就不是整个测试集的分数。",
                   en="Avoid it in a test: samples left out are not examined, and the score is not that of the whole test set.")
def test_batches_of_four_and_the_last_one(chapter):
    assert lines(chapter, "loader")[1:] == [
        "torch.Size([4, 1]) [0.0, 5.0, 10.0, 15.0]", "torch.Size([4, 1]) [20.0, 25.0, 30.0, 35.0]",
        "torch.Size([2, 1]) [40.0, 45.0]", "3 2"]
    degrees = chapter["dataset"].names["degrees"]
    assert degrees[0][0].shape == (1,) and len(degrees) == 10
    assert [len(x) for x, y in DataLoader(degrees, batch_size=4, drop_last=True)] == [4, 4]  # two are not examined
    dropped = []
    loader = DataLoader(range(10), batch_size=4, drop_last=True, shuffle=True, generator=torch.Generator().manual_seed(0))
    for _ in range(5):
        dropped.append(frozenset(range(10)) - {i for batch in loader for i in batch.tolist()})
    assert all(len(d) == 2 for d in dropped) and len(set(dropped)) > 1


# ---- shuffle and other orders ----------------------------------------------------------------


@pytest.mark.claim(zh="`shuffle` 在每批内部打乱。", en="`shuffle` shuffles inside each batch.")
@pytest.mark.claim(zh="要真是这样，第一批永远是 0、1、2、3，只是次序会变。", en="If that were so, the first batch would always be 0, 1, 2, 3 in some order.")
@pytest.mark.claim(zh="看三轮：", en="Watch three epochs:")
@pytest.mark.claim(zh="不是。", en="It is not.")
@pytest.mark.ledger("n3-05")
def test_shuffle_does_not_shuffle_inside_a_batch(chapter):
    epochs = [ast.literal_eval(line) for line in lines(chapter, "shuffle")]
    assert len(epochs) == 3 and all([len(batch) for batch in epoch] == [4, 4] for epoch in epochs)
    assert all(sorted(epoch[0]) != [0, 1, 2, 3] for epoch in epochs)  # what shuffling inside a batch cannot give


@pytest.mark.claim(zh="每一轮先把**整个**数据集重新排队，再切成批次；每个样本仍然恰好出现一次。",
                   en="Each epoch puts the **whole** data set in a new order, then cuts it into batches; each sample still comes exactly once.")
@pytest.mark.claim(zh="`shuffle=True` 每轮重排整个数据集，再切成批次。",
                   en="`shuffle=True` puts the whole data set in a new order each epoch, then cuts it into batches.")
@pytest.mark.ledger("n3-05")
def test_shuffle_reorders_the_whole_set_every_epoch_and_then_cuts(chapter):
    epochs = [ast.literal_eval(line) for line in lines(chapter, "shuffle")]
    assert all(sorted(sum(epoch, [])) == list(range(8)) for epoch in epochs)  # each sample exactly once
    assert len({str(epoch) for epoch in epochs}) == 3  # a new order every epoch
    # every sample is as likely in the first batch as any other, over many epochs
    loader = DataLoader(range(8), batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(0))
    first = Counter(i for _ in range(800) for i in next(iter(loader)).tolist())
    assert all(abs(first[i] - 400) < 80 for i in range(8))  # sd 14
    sampler = loader.batch_sampler
    assert isinstance(sampler, BatchSampler) and isinstance(sampler.sampler, RandomSampler)  # order first, cut afterwards


@pytest.mark.claim(zh="左图里六种颜色的点排成一级级台阶，从左下到右上，每批只有相邻的号码。",
                   en="On the left, dots of six colours form a rising staircase: a batch has neighbouring numbers only.")
@pytest.mark.claim(zh="右图里每种颜色的点都散开了，跨过整个高度的一多半。",
                   en="On the right, the dots of every colour are scattered over more than half of the height.")
@pytest.mark.claim(zh="六十个样本，每批十个，一种颜色是一批。", en="Sixty samples, ten a batch, one colour a batch.")
@pytest.mark.claim(zh="左边是旧笔记说的，右边是真的。", en="Left, what the old notes said; right, what happens.")
def test_the_figure_shows_both_ways(chapter):
    (figure,) = chapter["shuffle-figure"].figures
    inside, whole = figure.axes
    assert inside.get_position().x1 < whole.get_position().x0  # left and right
    for axes in (inside, whole):
        assert len(axes.lines) == 6 == len({line.get_color() for line in axes.lines})
        assert [len(line.get_ydata()) for line in axes.lines] == [10] * 6
        assert [list(line.get_xdata()) for line in axes.lines] == [list(range(10 * k, 10 * k + 10)) for k in range(6)]
        assert sorted(int(y) for line in axes.lines for y in line.get_ydata()) == list(range(60))
        assert axes.get_xlabel() == "place in the epoch"
    assert inside.get_ylabel() == "sample number"
    assert inside.get_title() == "inside each batch" and whole.get_title() == "shuffle=True"
    for k, line in enumerate(inside.lines):
        ys = [int(y) for y in line.get_ydata()]
        assert sorted(ys) == list(range(10 * k, 10 * k + 10)) and ys != sorted(ys)  # a staircase, each step in disorder
    assert all(max(line.get_ydata()) - min(line.get_ydata()) > 60 / 2 for line in whole.lines)  # scattered


@pytest.mark.claim(zh="数据常按类别排好，先全是 0，后全是 1。", en="Data often come sorted by class, all the zeros and then all the ones.")
@pytest.mark.claim(zh="用手写数字试一试：两次训练只差一个 `shuffle`。",
                   en="Try it on handwritten digits, with two trainings that differ in nothing but `shuffle`.")
@pytest.mark.claim(zh="不打乱时，每批至多两种数字，网络跟着眼前的跑：考试时一多半答成 9，那是每轮最后学的，而 0 到 5 一次也没答过。",
                   en="Unshuffled, a batch has at most two kinds of digit, and the network follows what it saw last: more than half of its answers are 9, "
                      "which ends every epoch, and it never answers 0 to 5.")
@pytest.mark.claim(zh="正确率不到 0.2，打乱以后是 0.9 左右。", en="Its accuracy is below 0.2; shuffled, it is about 0.9.")
def test_sorted_classes_ruin_the_training(chapter):
    names, (plain, guesses, shuffled, others) = chapter["sorted-classes"].names, lines(chapter, "sorted-classes")
    assert plain.startswith("shuffle=False") and shuffled.startswith("shuffle=True")
    assert float(plain.split()[-1]) < 0.2 and 0.85 < float(shuffled.split()[-1]) < 0.95
    (guesses,), (others,) = lists(guesses), lists(others)
    assert sum(guesses) == sum(others) == 297 and guesses[9] > 297 / 2 and guesses[:6] == [0] * 6
    assert min(others) > 10  # shuffled, it answers with every digit
    labels = names["digits"].tensors[1]
    assert labels.tolist() == sorted(labels.tolist()) and labels[-1] == 9 and len(labels) == 1500
    assert max(len(batch.unique()) for batch in labels.split(50)) == 2
    targets = chapter["folder"].names["pictures"].targets
    assert targets == sorted(targets)  # as ImageFolder gives them, too
    # both set out from the same weights: those of `start`, which neither has changed
    assert (names["start"](names["x"]).argmax(dim=1) == names["y"]).float().mean() < 0.3
    (accuracy,) = [(names["net"](names["x"][names["test"]]).argmax(dim=1) == names["y"][names["test"]]).float().mean().item()]
    assert accuracy == pytest.approx(float(shuffled.split()[-1]), abs=0.006)
    assert not set(names["test"].tolist()) & set(names["train"].tolist())


@pytest.mark.claim(zh="想让次序能重来，就给它一个随机数发生器：", en="For an order that you can repeat, hand in a random number generator:")
@pytest.mark.claim(zh="别处抽掉一百个随机数，次序也不受影响：两行一样。", en="A hundred random numbers drawn elsewhere change nothing: both lines agree.")
@pytest.mark.claim(zh="第二轮和第一轮仍然不同。", en="The second epoch still differs from the first.")
def test_a_generator_gives_the_same_order_again(chapter):
    first, second = lines(chapter, "seed")
    assert first == second
    one, two = orders(first)
    assert one != two and sorted(sum(one, [])) == sorted(sum(two, [])) == list(range(8))
    with_one, without = [], []  # without a generator, numbers drawn by others do change the order
    with torch.random.fork_rng():
        for unrelated in (0, 100):
            torch.manual_seed(1)
            torch.randn(unrelated)
            without.append([batch.tolist() for batch in DataLoader(range(8), batch_size=4, shuffle=True)])
            with_one.append([batch.tolist() for batch in DataLoader(range(8), batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(1))])
    assert without[0] != without[1] and with_one[0] == with_one[1] == one
    assert "torch.randn(unrelated)" in chapter["seed"].code and "(0, 100)" in chapter["seed"].code


# ---- unequal samples -------------------------------------------------------------------------


@pytest.mark.claim(zh="凑批次默认靠堆叠，样本的形状必须相同。", en="By default samples are stacked, which takes equal shapes.")
@pytest.mark.claim(zh="可是单词有长有短：", en="Words come in all lengths:")
@pytest.mark.claim(zh="那就告诉它怎么凑：`collate_fn` 收到的是几个样本组成的列表，交出去的就是一批：",
                   en="So tell it how: a `collate_fn` receives a list of samples, and what it returns is the batch:")
@pytest.mark.claim(zh="短的在后面补 0，补到和本批最长的一样；记下长度，后面好分清哪些 0 是补的。",
                   en="Short words get zeros at the end, up to the longest of their batch; the lengths tell later which were added.")
def test_unequal_samples_refuse_to_stack_and_padding_helps(chapter):
    error = chapter["unequal-error"].error
    assert isinstance(error, RuntimeError) and "stack expects each tensor to be equal size" in str(error)
    names = chapter["collate"].names
    assert len({len(word) for word in names["words"]}) > 1
    batch, lengths = names["batch"], names["lengths"]
    by_hand = np.zeros((2, 8), dtype=int)
    for row, word in enumerate(("loss", "gradient")):
        by_hand[row, :len(word)] = np.frombuffer(word.encode(), dtype=np.uint8)
    assert batch.tolist() == by_hand.tolist() and lengths.tolist() == [4, 8]
    assert lines(chapter, "collate")[-1] == "tensor([4, 8])"
    assert ["".join(map(chr, row[:n])) for row, n in zip(batch.tolist(), lengths)] == ["loss", "gradient"]
    (received,) = DataLoader(range(3), batch_size=3, collate_fn=lambda samples: samples)
    assert received == [0, 1, 2] and type(received) is list  # a list of samples, and what is returned is the batch


@pytest.mark.claim(zh="补的 0 也占内存，所以让长度相近的凑在一起。", en="Added zeros take memory too, so let words of like length go together.")
@pytest.mark.claim(zh="按什么顺序取，由采样器（sampler）说了算，一列号码就行：", en="The order is up to the sampler; a plain list of numbers will do:")
@pytest.mark.claim(zh="六个单词没变，补的 0 从 12 个减到 4 个。", en="The same six words: 12 added zeros have become 4.")
@pytest.mark.claim(zh="`shuffle=True` 本身也是换了个采样器，所以二者只能选一个。", en="`shuffle=True` sets a sampler too, so give only one of the two.")
def test_a_sampler_of_like_lengths_pads_less(chapter):
    words = chapter["collate"].names["words"]

    def zeros(order):
        pairs = [[len(words[i]) for i in order[k:k + 2]] for k in (0, 2, 4)]
        return sum(2 * max(pair) - sum(pair) for pair in pairs)

    by_length, codes, pad = (chapter["sampler"].names[name] for name in ("by_length", "codes", "pad"))
    assert [len(words[i]) for i in by_length] == sorted(map(len, words)) and sorted(by_length) == list(range(6))
    assert lines(chapter, "sampler") == [
        f"[0, 1, 2, 3, 4, 5] zeros of padding: {zeros(range(6))}", f"{by_length} zeros of padding: {zeros(by_length)}"]
    assert (zeros(range(6)), zeros(by_length), len(words)) == (12, 4, 6)
    memory = [sum(x.nbytes for x, n in DataLoader(codes, batch_size=2, sampler=order, collate_fn=pad)) for order in (range(6), by_length)]
    assert memory[0] - memory[1] == 8 * (12 - 4)  # int64
    assert [batch.tolist() for batch in DataLoader(range(4), sampler=[3, 1])] == [[3], [1]]
    assert isinstance(DataLoader(range(4), shuffle=True).sampler, RandomSampler)  # shuffle is a sampler
    assert isinstance(DataLoader(range(4)).sampler, SequentialSampler)
    with pytest.raises(ValueError, match="mutually exclusive"):
        DataLoader(range(4), shuffle=True, sampler=[3, 1])


@pytest.mark.claim(zh="连每批取哪几个都想自己定，就用 `batch_sampler`，一个小列表是一批：",
                   en="To settle each batch yourself, there is `batch_sampler`, a small list for a batch:")
@pytest.mark.claim(zh="三批各有 3、1、2 个单词，补到 4、8、8 个字母长。", en="Three batches, of 3, 1 and 2 words, padded to 4, 8 and 8 letters.")
@pytest.mark.claim(zh="用了它，就不能再给 `batch_size`、`shuffle`、`sampler`、`drop_last`。",
                   en="With it you may not give `batch_size`, `shuffle`, `sampler` or `drop_last`.")
def test_a_batch_sampler_settles_each_batch(chapter):
    words = chapter["collate"].names["words"]
    batches = [["loss", "axis", "step"], ["backward"], ["momentum", "gradient"]]
    shown = ast.literal_eval(lines(chapter, "batch-sampler")[0])
    assert shown == [(len(batch), max(map(len, batch))) for batch in batches] == [(3, 4), (1, 8), (2, 8)]
    codes, pad = chapter["collate"].names["codes"], chapter["collate"].names["pad"]
    numbers = [[words.index(word) for word in batch] for batch in batches]
    drawn = [["".join(map(chr, row[:n])) for row, n in zip(x.tolist(), lengths)]
             for x, lengths in DataLoader(codes, batch_sampler=numbers, collate_fn=pad)]
    assert drawn == batches and [x.shape for x, n in chapter["batch-sampler"].names["loader"]] == shown
    for wrong in ({"batch_size": 2}, {"shuffle": True}, {"sampler": [0]}, {"drop_last": True}):
        with pytest.raises(ValueError, match="batch_sampler option is mutually exclusive"):
            DataLoader(range(4), batch_sampler=[[0, 1]], **wrong)


@pytest.mark.claim(zh="长短不一用 `collate_fn`，换次序用采样器，数据流用 `IterableDataset`。",
                   en="Unequal lengths: `collate_fn`. Another order: a sampler. A stream: `IterableDataset`.")
def test_what_is_for_what(chapter):
    with pytest.raises(RuntimeError):
        next(iter(DataLoader([torch.zeros(1), torch.zeros(2)], batch_size=2)))
    assert len(next(iter(DataLoader([torch.zeros(1), torch.zeros(2)], batch_size=2, collate_fn=list)))) == 2
    assert [int(i) for i in DataLoader(range(3), sampler=[2, 0, 1])] == [2, 0, 1]
    assert issubclass(chapter["stream"].names["Log"], IterableDataset)


# ---- pictures --------------------------------------------------------------------------------


@pytest.mark.claim(zh="画 120 张：圆 80 张，方的 30 张，三角形只有 10 张，一类一个文件夹。",
                   en="Draw 120: 80 circles, 30 squares and a mere 10 triangles, a folder for each.")
def test_the_pictures_drawn(chapter, shapes):
    counts = {folder.name: len(list(folder.iterdir())) for folder in shapes.iterdir()}
    assert counts == {"circle": 80, "square": 30, "triangle": 10} and sum(counts.values()) == 120
    exec("from pathlib import Path\n" + chapter["draw"].code, {})  # a second run draws over the first
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
    assert filled("square") > filled("triangle") + 0.1


@pytest.mark.claim(zh="图片变成张量要走四步：", en="From picture to tensor takes four steps:")
@pytest.mark.claim(zh="PIL 说的是（宽，高），张量是（通道，高，宽）：48 和 40 换了位置。",
                   en="PIL says (width, height), a tensor is (channels, height, width): 48 and 40 change places.")
@pytest.mark.claim(zh="`Resize(32)` 让短边变成 32，长边跟着从 48 变成 38，比例几乎不变；`CenterCrop(32)` 裁出正中一块，于是高和宽都是 32。",
                   en="`Resize(32)` makes the shorter side 32; the longer goes from 48 to 38, so the proportions hardly change. "
                      "`CenterCrop(32)` cuts out the middle, and height and width are both 32.")
@pytest.mark.claim(zh="`ToDtype` 有了 `scale=True` 才除以 255，漏掉它，最大值还是 246。",
                   en="`ToDtype` divides by 255 only with `scale=True`; forget that, and the maximum is still 246.")
def test_the_steps_from_picture_to_tensor(chapter, shapes):
    rows = lines(chapter, "pipeline")
    assert rows[0] == "PIL (48, 40)"
    assert [row.split(" max ")[0] for row in rows[1:]] == [
        "ToImage     (3, 40, 48) torch.uint8", "Resize      (3, 32, 38) torch.uint8",
        "CenterCrop  (3, 32, 32) torch.uint8", "ToDtype     (3, 32, 32) torch.float32"]
    peaks = [float(row.split(" max ")[1]) for row in rows[1:]]
    assert peaks[2] == 246 and peaks[3] == pytest.approx(246 / 255, abs=0.006)
    transform, picture = chapter["pipeline"].names["transform"], Image.open("shapes/circle/00.png")
    assert picture.size == (picture.width, picture.height) == (48, 40)
    assert 0.95 < (38 / 32) / (48 / 40) < 1  # the proportions, nearly
    assert v2.Resize(32)(torch.zeros(1, 48, 40)).shape == (1, 38, 32)  # the shorter side, whichever it is
    assert torch.equal(v2.ToImage()(picture), torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1))
    whole = v2.Compose(transform.transforms[:2])(picture)
    cut = whole[:, :, 3:35]  # the middle 32 of 38
    assert torch.allclose(transform(picture), cut.float() / 255)
    without = v2.ToDtype(torch.float32)(cut)
    assert without.max() == cut.max() == 246  # no scale=True, and the numbers stay


@pytest.mark.claim(zh="文件夹怎么读，`ImageFolder` 已经写好了：", en="Reading the folders is done for you, by `ImageFolder`:")
@pytest.mark.claim(zh="文件夹的名字就是类别，**按字母排序**编号（`10` 在 `2` 前，大写在小写前），和谁先画无关。",
                   en="A folder’s name is the class, numbered **in alphabetical order** (`10` before `2`, capitals before small letters), "
                      "whichever was drawn first.")
@pytest.mark.claim(zh="然后一定要拿一批来看：图颠倒了，标签错了，训练都不会报错。",
                   en="Then always look at a batch: neither a picture upside down nor a wrong label raises an error in training.")
def test_folders_are_numbered_alphabetically(chapter, shapes, tmp_path):
    names = chapter["folder"].names
    assert lines(chapter, "folder") == ["120 {'circle': 0, 'square': 1, 'triangle': 2} torch.Size([3, 32, 32]) 0"]
    assert names["pictures"].classes == sorted(folder.name for folder in shapes.iterdir())
    draw = chapter["draw"].code
    assert draw.index('"triangle"') < draw.index('"square"') < draw.index('"circle"')  # drawn in another order
    for name in ("apple", "2", "Zebra", "10"):
        (tmp_path / "others" / name).mkdir(parents=True)
    assert names["pictures"].find_classes(tmp_path / "others")[0] == ["10", "2", "Zebra", "apple"]
    for i in (0, 85, 119):
        path, label = names["pictures"].samples[i]
        assert names["pictures"].classes[label] in path and names["pictures"][i][1] == label
    x, y = next(iter(DataLoader(names["pictures"], batch_size=8)))
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 3))
    torch.nn.functional.cross_entropy(net(x.flip(2)), (y + 1) % 3).backward()  # upside down and wrong: no error


@pytest.mark.claim(zh="两行四列，八张深色底的小图，每张一个彩色图形：五个圆、两个方块、一个三角形；标题都和图形相符。",
                   en="Two rows of four small pictures, each a coloured shape on a dark ground: five circles, two squares, one triangle; every title fits its shape.")
@pytest.mark.claim(zh="变换过的一批，八张。", en="A batch of eight after the transform.")
def test_the_figure_of_a_batch(chapter, shapes):
    names = chapter["batch"].names
    (figure,) = chapter["batch"].figures
    assert len(figure.axes) == 8 and names["x"].shape == (8, 3, 32, 32)
    places = [axes.get_position() for axes in figure.axes]
    assert len({round(place.y0, 3) for place in places}) == 2 and len({round(place.x0, 3) for place in places}) == 4
    pictures = names["pictures"]
    everything = {pictures[i][0].numpy().tobytes(): pictures[i][1] for i in range(120)}
    titles = []
    for image, axes in zip(names["x"], figure.axes):
        label = everything[image.numpy().tobytes()]
        titles.append(axes.get_title())
        assert titles[-1] == f"{label}: {pictures.classes[label]}"
        shown = axes.images[0].get_array()
        assert np.allclose(shown, image.numpy().transpose(1, 2, 0))
        ground = np.isclose(shown, np.array((47, 79, 79)) / 255, atol=0.01).all(axis=2)
        assert 0.4 < ground.mean() < 0.98  # a shape on a dark ground
    assert Counter(title.split()[1] for title in titles) == {"circle": 5, "square": 2, "triangle": 1}
    assert names["y"].tolist() != sorted(names["y"].tolist())  # shuffled


# ---- splits ----------------------------------------------------------------------------------


@pytest.mark.claim(zh="通常分成三份：训练集用来学，验证集（validation set）用来挑选，测试集留到最后，只考一次。",
                   en="Three parts are usual: the training set to learn from, the validation set to choose by, the test set for one exam at the very end.")
@pytest.mark.claim(zh="`random_split` 能随机分好；给它发生器，下次还这样分：",
                   en="`random_split` makes them at random, and with a generator makes the same ones next time:")
@pytest.mark.claim(zh="每行是一份：一共几张，圆、方、三角形各几张。",
                   en="A line is a part: how many pictures, and how many circles, squares, triangles.")
@pytest.mark.claim(zh="120 张图，不重不漏。", en="The 120 pictures are all there, each once.")
def test_a_random_split_in_three(chapter):
    *rows, last = lines(chapter, "split")
    parts = chapter["split"].names["parts"]
    assert len(rows) == 3 == len(parts) and [len(part) for part in parts] == [72, 24, 24]
    targets = chapter["folder"].names["pictures"].targets
    for row, part in zip(rows, parts):
        by_hand = Counter(targets[i] for i in part.indices)
        assert row == f"{len(part)} {[by_hand[k] for k in range(3)]}"
    assert last == "120 different pictures" and sorted(i for part in parts for i in part.indices) == list(range(120))
    again, other = (random_split(range(120), [72, 24, 24], generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert [part.indices for part in again] == [part.indices for part in parts] != [part.indices for part in other]


@pytest.mark.claim(zh="但随机划分不管类别：训练集里圆占 69%，测试集里只占 58%。",
                   en="But a random split does not look at classes: circles are 69% of the training set and only 58% of the test set.")
@pytest.mark.claim(zh="让每一份的比例都和整体一样，叫分层划分（stratified split）。",
                   en="In a stratified split every part has the proportions of the whole.")
@pytest.mark.claim(zh="scikit-learn 的 `train_test_split` 就会，分两刀，切成三份：",
                   en="With `train_test_split` of scikit-learn, two cuts give three parts:")
@pytest.mark.claim(zh="三份里，圆、方、三角形都是 8 比 3 比 1。", en="In all three, circles, squares and triangles are 8 to 3 to 1.")
def test_a_stratified_split_keeps_the_proportions(chapter):
    of_random = [lists(row)[0] for row in lines(chapter, "split")[:3]]
    assert round(100 * of_random[0][0] / 72) == 69 and round(100 * of_random[2][0] / 24) == 58
    parts = [chapter["stratify"].names[name] for name in ("train", "val", "test")]
    targets = chapter["folder"].names["pictures"].targets
    assert sorted(itertools.chain(*parts)) == list(range(120))
    for part, row, size in zip(parts, lines(chapter, "stratify"), (72, 24, 24), strict=True):
        by_hand = Counter(targets[i] for i in part)
        assert [by_hand[k] for k in range(3)] == [size * share // 12 for share in (8, 3, 1)]
        assert row == f"{size} {[by_hand[k] for k in range(3)]}"
    assert chapter["stratify"].code.count("train_test_split(") == 2
    assert [Counter(targets)[k] for k in range(3)] == [80, 30, 10]  # 8 to 3 to 1, the whole


@pytest.mark.claim(zh="可是测试集只有 2 个三角形，错一个，这一类的正确率就少一半。",
                   en="Yet the test set has only 2 triangles: get one wrong, and half of that class is lost.")
@pytest.mark.claim(zh="样本太少，怎么分也补不回来。", en="No split makes up for too few samples.")
def test_ten_triangles_are_too_few_for_three_parts(chapter):
    targets = chapter["folder"].names["pictures"].targets
    triangles = sum(targets[i] == 2 for i in chapter["stratify"].names["test"])
    assert triangles == 2 and lists(lines(chapter, "stratify")[2])[0][2] == 2 and 1 / triangles == 0.5
    assert max(min(a, b, 10 - a - b) for a in range(11) for b in range(11 - a)) == 3  # the best of all splits


@pytest.mark.claim(zh="图片常要标准化：每个通道减去平均，除以标准差。",
                   en="Pictures are often standardised: from each channel subtract its mean, then divide by its standard deviation.")
@pytest.mark.claim(zh="这两个数也是从数据里学来的，所以只看训练集：", en="Those two are learnt from data, so they see the training set only:")
@pytest.mark.claim(zh="第一行是训练集，平均 0，标准差 1；第二行是测试集，差一点。",
                   en="The first line is the training set, with mean 0 and standard deviation 1; the second is the test set, not quite.")
@pytest.mark.claim(zh="差一点才对：它用的是训练集的平均和标准差，不是自己的。",
                   en="That is as it should be: it is standardised by the training set’s mean and deviation, not by its own.")
def test_the_statistics_come_from_the_training_set(chapter, shapes):
    names, pictures = chapter["statistics"].names, chapter["folder"].names["pictures"]

    def channels(numbers):  # (3, all the pixels)
        return np.stack([pictures[i][0].numpy().astype(float) for i in numbers]).transpose(1, 0, 2, 3).reshape(3, -1)

    train, test = channels(names["train"]), channels(names["test"])
    mean, std = train.mean(axis=1), train.std(axis=1, ddof=1)
    assert np.allclose(names["mean"], mean, atol=1e-5) and np.allclose(names["std"], std, atol=1e-5)
    assert np.allclose(lists(lines(chapter, "statistics")[0]), [mean, std], atol=0.006)
    of_train, of_test = map(lists, lines(chapter, "own-transforms"))
    assert of_train == [[0, 0, 0], [1, 1, 1]]
    assert all(n == round(n, 2) for row in of_train + of_test for n in row)
    test = (test - mean[:, None]) / std[:, None]
    assert np.allclose(of_test, [test.mean(axis=1), test.std(axis=1, ddof=1)], atol=0.006)
    assert 0.01 < max(map(abs, of_test[0])) < 0.3 and 0.01 < max(abs(s - 1) for s in of_test[1]) < 0.3  # not quite


@pytest.mark.claim(zh="算出的数交给 `Normalize`，接在变换的末尾。", en="They go to `Normalize`, at the end of the transform.")
@pytest.mark.claim(zh="随机翻转只该用在训练上，可是 `random_split` 分出的三份背后是同一个 `pictures`，同一套变换。",
                   en="Random flips are for training alone, but the three parts of `random_split` share one `pictures`, and so one transform.")
@pytest.mark.claim(zh="所以各建一个 `ImageFolder`，用各自的变换，再按号码取出自己那份：",
                   en="Hence an `ImageFolder` for each part, with a transform of its own, and the part’s own numbers:")
@pytest.mark.claim(zh="先划分，再算统计量；近乎相同的样本整组待在一边。", en="Split first, compute statistics after; keep near-copies on one side.")
def test_each_part_has_its_own_transform(chapter, shapes):
    names = chapter["own-transforms"].names
    pictures = names["pictures"]
    assert all(part.dataset is pictures for part in chapter["split"].names["parts"])
    sets = [names[f"{name}_set"] for name in ("train", "val", "test")]
    assert len({id(part.dataset) for part in sets}) == 3 and all(isinstance(part, Subset) for part in sets)
    assert [list(part.indices) for part in sets] == [list(names[name]) for name in ("train", "val", "test")]
    mean, std = (torch.tensor(names[name])[:, None, None] for name in ("mean", "std"))
    for part, flips in zip(sets, (True, False, False)):
        mirrored = 0
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for k in range(20):
                plain = (pictures[part.indices[k]][0] - mean) / std  # standardised, by hand
                x, label = part[k]
                assert label == pictures.targets[part.indices[k]]
                as_it_was, turned = torch.allclose(x, plain, atol=1e-4), torch.allclose(x, plain.flip(2), atol=0.1)
                assert as_it_was or flips and turned
                mirrored += not as_it_was
        assert 4 < mirrored < 16 if flips else mirrored == 0
    kinds = [[type(t).__name__ for t in names[name].transforms] for name in ("for_train", "for_test")]
    assert kinds == [["RandomHorizontalFlip", "Compose"], ["Compose", "Normalize"]]


# ---- leaks -----------------------------------------------------------------------------------


@pytest.mark.claim(zh="这一章铺好两头之间的路，也指出路上几处不报错的坑：有一处能让抛硬币考出满分。",
                   en="This chapter builds the road between, and marks the holes in it that raise no error. One of them lets a tossed coin score full marks.")
@pytest.mark.claim(zh="按样本分，满分；按东西分，一半上下，也就是瞎猜。",
                   en="Split by sample, full marks. Split by thing, about one half, which is guessing.")
@pytest.mark.claim(zh="什么规律也没学到，只是照抄孪生兄弟的标签。", en="No rule was learnt; labels were copied from twins.")
@pytest.mark.claim(zh="让它们整组待在同一边。", en="Keep each such group on one side.")
def test_near_copies_on_both_sides_inflate_the_score(chapter):
    scores = dict(re.findall(r"split by (\w+): accuracy (\d\.\d\d)", chapter["leak"].stdout))
    assert float(scores["sample"]) == 1.0 and 0.4 < float(scores["thing"]) < 0.6
    # again with NumPy, from other random numbers
    random = np.random.default_rng(0)
    x = np.repeat(random.normal(size=(1000, 20)), 5, axis=0) + 0.1 * random.normal(size=(5000, 20))
    thing, y = np.repeat(np.arange(1000), 5), np.repeat(random.integers(2, size=1000), 5)

    def exam(test):  # the score, and how often the nearest is a twin
        a, b = x[test], x[~test]
        nearest = ((a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)).argmin(axis=1)
        return (y[~test][nearest] == y[test]).mean(), (thing[~test][nearest] == thing[test]).mean()

    by_sample = exam(np.isin(np.arange(5000), random.permutation(5000)[:1000]))
    by_thing = exam(np.repeat(np.isin(np.arange(1000), random.permutation(1000)[:200]), 5))
    assert min(by_sample) > 0.995 and 0.35 < by_thing[0] < 0.65 and by_thing[1] == 0  # twins' labels, or none to copy


@pytest.mark.claim(zh="号码不重叠，题也可能漏。", en="The exam can leak although no number is on both sides.")
@pytest.mark.claim(zh="同一个东西连拍五张，打乱一分，测试集的图几乎都有孪生兄弟在训练集里。",
                   en="Photograph each thing five times in a row, shuffle, split, and almost every test picture has a twin in the training set.")
@pytest.mark.claim(zh="`mixed` 把 5000 份副本打乱了再分，这是按样本分；`in_order` 照原来的次序分，一个东西的五份总在同一边，这是按东西分。",
                   en="`mixed` shuffles the 5000 copies before the cut, which is a split by sample; `in_order` cuts them where they lie, so the five of a thing are "
                      "always on one side, a split by thing.")
@pytest.mark.claim(zh="答题用最近邻：在训练集里找离考题最近的样本，照抄它的标签。",
                   en="The nearest neighbour sits the exam: it finds the training sample closest to the question and copies its label.")
def test_both_splits_part_the_numbers_and_only_one_the_things(chapter):
    names = chapter["leak"].names
    for numbers, twins in ((names["mixed"], True), (names["in_order"], False)):
        assert sorted(numbers.tolist()) == list(range(5000))  # no number on both sides
        assert (numbers.tolist() == list(range(5000))) is not twins
        train = set((numbers[1000:] // 5).tolist())
        share = np.mean([int(i) // 5 in train for i in numbers[:1000]])
        assert share > 0.99 if twins else share == 0
    x, y = names["x"].double().numpy(), names["y"].numpy()  # the last split, by thing, again by hand
    test, train = names["test"].numpy(), names["train"].numpy()
    assert test.tolist() == list(range(1000)) and train.tolist() == list(range(1000, 5000))
    nearest = [train[((x[train] - x[i]) ** 2).sum(axis=1).argmin()] for i in test[:50]]
    assert nearest == names["nearest"][:50].tolist()
    assert (y[names["nearest"]] == y[test]).mean() == pytest.approx(float(lines(chapter, "leak")[1].split()[-1]), abs=0.006)


@pytest.mark.claim(zh="做个极端的：1000 个东西，各有五份略有出入的副本，标签全靠**抛硬币**，没有任何规律可学。",
                   en="At worst: 1000 things, five near-copies of each, and labels that are **tossed coins**, with nothing to learn.")
@pytest.mark.claim(zh="`things`：一个东西就是 20 个随机数。", en="`things`: a thing is 20 random numbers.")
@pytest.mark.claim(zh="`x` 给每个东西造五份副本，各加一点噪声。", en="`x` makes five copies of each, with a little noise added.")
@pytest.mark.claim(zh="`y`：每个东西抛一次硬币，五份副本同一个标签。", en="`y`: one coin is tossed for each thing, so its five copies share a label.")
def test_five_near_copies_of_a_thousand_things(chapter):
    names = chapter["leak"].names
    things, x, y = names["things"], names["x"].unflatten(0, (1000, 5)), names["y"].unflatten(0, (1000, 5))
    assert things.shape == (1000, 1, 20) and x.shape == (1000, 5, 20)
    assert things.mean().abs() < 0.05 and things.std() == pytest.approx(1, abs=0.05)
    noise = x - things
    assert noise.std() == pytest.approx(0.1, abs=0.01) and (noise[:, 0] - noise[:, 1]).abs().min(dim=1).values.max() > 0  # each its own
    assert (y == y[:, :1]).all() and set(y.flatten().tolist()) == {0, 1}
    assert 0.4 < y.float().mean() < 0.6  # coins
    assert np.abs([np.corrcoef(things[:, 0, k], y[:, 0])[0, 1] for k in range(20)]).max() < 0.15  # nothing to learn


# ---- classes out of balance, streams ---------------------------------------------------------


@pytest.mark.claim(zh="训练集里圆这么多，张张都答“圆”，也能对三分之二。",
                   en="With so many circles in the training set, saying “circle” every time is right for two thirds of it.")
@pytest.mark.claim(zh="`WeightedRandomSampler` 按权重抽样，让稀少的多露面：", en="`WeightedRandomSampler` draws by weight, so that the rare turn up more:")
@pytest.mark.claim(zh="每类的权重加起来都是 1，所以三类被抽中的机会一样；这次抽到 15、28、29 张，差别是运气。",
                   en="The weights of each class add up to 1, so the three are equally likely to be drawn; that it came to 15, 28 and 29 is chance.")
@pytest.mark.claim(zh="但抽样是放回的：29 张三角形只是那 6 张反复出现，48 个圆却至少有 33 个没轮到。",
                   en="But it draws with replacement: the 29 triangles are the same 6 again and again, while at least 33 of the 48 circles never had their turn.")
def test_weights_even_out_the_classes(chapter):
    names = chapter["weighted"].names
    of_train = [names["pictures"].targets[i] for i in names["train_set"].indices]
    before = [of_train.count(k) for k in range(3)]
    (line,) = lines(chapter, "weighted")
    classes, shown, after = lists(line)
    assert classes == ["circle", "square", "triangle"] and shown == before == [48, 18, 6] and sum(before) == 72
    assert before[0] * 3 == 72 * 2 and after == [15, 28, 29] and sum(after) == 72
    assert after[2] > before[2] and before[0] - after[0] == 33  # so at least 33 never had their turn
    assert names["sampler"].replacement is True and isinstance(names["sampler"], WeightedRandomSampler)
    for k in range(3):
        assert sum(w for w, label in zip(names["weights"].tolist(), of_train) if label == k) == pytest.approx(1)
    many = WeightedRandomSampler(names["weights"], 30000, generator=torch.Generator().manual_seed(0))
    drawn = Counter(of_train[i] for i in many)
    assert all(abs(drawn[k] / 30000 - 1 / 3) < 0.015 for k in range(3))  # so that 15 to 29 is chance


@pytest.mark.claim(zh="测试集不要这样抽：它的比例要和真实世界一样。", en="Do not draw the test set like this: its proportions should be those of the world.")
def test_drawing_by_weight_changes_the_proportions(chapter):
    before, after = lists(lines(chapter, "weighted")[0])[1:]
    assert before[0] / sum(before) == pytest.approx(80 / 120)  # the world
    assert after[0] / sum(after) < 0.4


@pytest.mark.claim(zh="日志还在一行行地长，传感器还在报数，问不出一共几个，也取不到第 3 个。",
                   en="A log still growing, a sensor that keeps reporting: nobody can say how many samples there are, or fetch number 3.")
@pytest.mark.claim(zh="这样的数据流（stream）用 `IterableDataset`，只写怎样依次交出来：",
                   en="For such a stream there is `IterableDataset`; only say how to hand samples out one after another:")
@pytest.mark.claim(zh="没有号码，就不能打乱，也不能用采样器：两样都会报 `ValueError`。",
                   en="Without numbers there is no shuffling and no sampler: both raise a `ValueError`.")
@pytest.mark.ledger("n3-06")
def test_a_stream_has_no_numbers(chapter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.txt").write_text("21.5\n21.7\n22.0\n22.4\n22.3\n")
    log = chapter["stream"].names["Log"]()
    assert [[round(x, 4) for x in batch.tolist()] for batch in DataLoader(log, batch_size=2)] == [[21.5, 21.7], [22.0, 22.4], [22.3]]
    assert lines(chapter, "stream") == ["tensor([21.5000, 21.7000])", "tensor([22.0000, 22.4000])", "tensor([22.3000])"]
    assert [name for name in vars(type(log)) if callable(vars(type(log))[name])] == ["__iter__"]
    with pytest.raises(TypeError):
        len(log)
    with pytest.raises(NotImplementedError):
        log[3]
    for wrong in ({"shuffle": True}, {"sampler": [0, 1]}):
        with pytest.raises(ValueError, match="IterableDataset"):
            DataLoader(log, **wrong)


# ---- workers ---------------------------------------------------------------------------------


@pytest.mark.claim(zh="取样本要是慢（比如解压图片），网络就得干等。", en="If fetching is slow (unpacking pictures, say), the network sits and waits.")
@pytest.mark.claim(zh="`num_workers=2` 请来两个工作进程（worker），在网络计算时备好后面的批次。",
                   en="`num_workers=2` hires two workers, processes that prepare the next batches while it computes.")
@pytest.mark.claim(zh="工作进程是另一个 Python。", en="A worker is another Python.")
@pytest.mark.claim(zh="起步先用 `num_workers=0`：报错直接来自你的代码，不用工作进程转述。",
                   en="Begin with `num_workers=0`: errors then come straight from your code, not second-hand from a worker.")
def test_workers_are_other_processes_which_work_ahead(hired):
    assert {pid for epoch in hired["none"] for i, pid, worker in epoch} == {hired["main"]}  # fetched by the one that computes
    pids = {pid for i, pid, worker in hired["two"][0]}
    assert len(pids) == 2 and hired["main"] not in pids
    assert len(hired["fetched meanwhile"]) >= 3  # of which one was asked for
    (kind, plain), (same_kind, passed_on) = hired["broken"]
    assert kind == same_kind == "IndexError" and plain == "broken"
    assert passed_on.startswith("Caught IndexError in DataLoader worker process 0.")


@pytest.mark.claim(zh="在 [Windows 和 macOS](https://docs.pytorch.org/docs/stable/data.html#platform-specific-behaviors) 上，它要重新导入你的文件；"
                      "Linux 从 [Python 3.14](https://github.com/pytorch/pytorch/issues/169252) 起也一样。",
                   en="On Windows and macOS, and on Linux from Python 3.14 on, it imports your file.")
@pytest.mark.claim(zh="看最小的例子，`spawn` 就是 Windows 和 macOS 上的启动方式：", en="The smallest example, with `spawn`, the way of Windows and macOS:")
@pytest.mark.claim(zh="笔记本里的类，它找不着，所以代码要写进一个文件。", en="A class in a notebook it cannot find, so the code has to go to a file.")
def test_a_worker_imports_the_file_and_finds_no_class_without_one(chapter, tmp_path):
    assert fact("training/data", "spawn by default") == ["Windows", "macOS"] and 'get_context("spawn")' in chapter["no-guard"].code
    assert fact("training/data", "forkserver by default on Linux") == "3.14"
    code = ("from multiprocessing import get_context\nclass Mine:\n    def __call__(self):\n        pass\nprint('imported')\n"
            "if __name__ == '__main__':\n    p = get_context('WAY').Process(target=Mine())\n    p.start()\n    p.join()\n")
    for way in ("spawn",) if sys.platform == "win32" else ("spawn", "forkserver"):
        path = tmp_path / f"{way}.py"
        path.write_text(code.replace("WAY", way))
        in_file = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=100)
        assert in_file.stdout.split() == ["imported"] * 2 and in_file.stderr == ""  # once by hand, once by the worker
        nowhere = subprocess.run([sys.executable, "-c", code.replace("WAY", way)], capture_output=True, text=True, timeout=100)
        assert re.search(r"AttributeError: Can't get attribute 'Mine' on <module '__main__'", nowhere.stderr)


@pytest.mark.claim(zh="再存成 `workers.py`，用 `subprocess.run` 运行它，等于在终端里敲 `python workers.py`：",
                   en="We save it as `workers.py` and run it with `subprocess.run`, which does what typing `python workers.py` in a terminal does:")
@pytest.mark.claim(zh="前四行：每个进程备好一整批，轮流来，次序不变。",
                   en="The first four lines: a worker prepares a whole batch, they take turns, and the order is kept.")
@pytest.mark.claim(zh="再看 `twice`：两个进程各有一份数据流，各自从头念到尾，**每个数都来了两遍**，也不报错。",
                   en="Now look at `twice`: each worker has a copy of the stream and reads it from end to end, so **every number comes twice**, without an error.")
@pytest.mark.claim(zh="`worker_init_fn` 在每个进程开工时调用，`share` 趁机让它只留自己那一份。",
                   en="`worker_init_fn` is called in each worker as it starts; there `share` lets it keep only its own part.")
def test_workers_take_turns_read_a_stream_twice_and_share_it(chapter, hired):
    *first, twice, shared = lines(chapter, "workers")
    assert first == [f"[{2 * k}, {2 * k + 1}] from workers [{k % 2}, {k % 2}]" for k in range(4)]
    assert twice == f"twice:  {[n for n in range(6) for _ in range(2)]}"
    assert shared == f"shared: {list(range(6))}"
    run = chapter["workers"].names["run"]
    assert run.args == [sys.executable, "workers.py"] and run.returncode == 0 and run.stderr == ""
    assert sorted(hired["started"]) == ["0", "0", "1", "1"]  # once in each worker, for each of two epochs


@pytest.mark.claim(zh="工作进程导入文件时，它下面的代码不会再跑。", en="What is below it does not run when a worker imports the file.")
@pytest.mark.claim(zh="用工作进程的脚本，一定要写 `if __name__ == \"__main__\":`。", en="A script with workers needs `if __name__ == \"__main__\":`.")
def test_a_worker_that_imports_the_script_runs_nothing_below_the_guard(chapter, tmp_path, capfd):
    path = tmp_path / "workers.py"
    path.write_text(chapter["script"].names["script"])
    names = runpy.run_path(path, run_name="__mp_main__")  # the name under which spawn and forkserver import it
    assert {"Numbers", "Stream", "share"} <= set(names) and not {"worker", "twice", "shared"} & set(names)
    assert capfd.readouterr().out == ""
    assert 'if __name__ == "__main__":' in chapter["script"].names["script"]


@pytest.mark.claim(zh="没有它，工作进程也要请工作进程，没完没了，于是 Python 拒绝。",
                   en="Without it workers would hire workers, and so on for ever, so Python refuses.")
@pytest.mark.claim(zh="在 `DataLoader` 里忘了写，看到的也是这一段，外加一句 `DataLoader worker … exited unexpectedly`。",
                   en="Forget it around a `DataLoader`, and you see this very message, along with `DataLoader worker … exited unexpectedly`.")
@pytest.mark.claim(zh="加上那一行就好，`freeze_support()` 不必写。", en="Add the line; `freeze_support()` is not needed.")
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


# ---- parameters ------------------------------------------------------------------------------


@pytest.mark.claim(zh="旧笔记说 `timeout` 限制读数据的时间，大体不错。", en="The old notes said that `timeout` limits the time for reading data, which is about right.")
@pytest.mark.claim(zh="准确地说，是**等工作进程交来一批**，最多等几秒，超过就报 `RuntimeError`。",
                   en="Exactly, it is how many seconds at most to **wait for a worker’s batch**; after that comes a `RuntimeError`.")
@pytest.mark.claim(zh="四种写法，三种一建就报错；只有 `timeout` 建得成（`made`），等到开始取数据才报错。",
                   en="Three of the four are refused when the loader is made; only `timeout` gets past that (`made`), and raises when you ask for data.")
@pytest.mark.ledger("n3-05")
def test_what_is_refused_and_when(chapter, hired):
    kind, message = hired["too late"]
    assert kind == "RuntimeError" and message == "DataLoader timed out after 0.2 seconds"
    assert "timeout value for collecting a batch" in " ".join(DataLoader.__doc__.split())
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
    assert max(map(len, rows)) <= 84
    assert [row for row in rows if "{" in row] == ["{'num_workers': -1}", "{'prefetch_factor': 2}", "made, but {'timeout': 1}",
                                                   "{'shuffle': True, 'sampler': [3, 1]}"]
    assert re.findall(r"^(\w+Error): ", chapter["refused"].stdout, re.MULTILINE) == ["ValueError", "ValueError", "AssertionError", "ValueError"]


@pytest.mark.claim(zh="`DataLoader` 一共 17 个参数：", en="`DataLoader` has 17 parameters:")
@pytest.mark.claim(zh="dataset | 必填 | 从哪里取样本", en="dataset | required | where samples come from")
@pytest.mark.claim(zh="batch_size | 1 | 每批几个", en="batch_size | 1 | samples a batch")
@pytest.mark.claim(zh="shuffle | None，即不打乱 | 每轮重排整个数据集", en="shuffle | None: do not | a new order of the whole data set each epoch")
def test_the_table_has_all_parameters_and_their_defaults(chapter):
    defaults = {p.name: "required" if p.default is p.empty else repr(p.default) for p in inspect.signature(DataLoader).parameters.values()}
    assert len(defaults) == 17
    for language, required in (("zh", "必填"), ("en", "required")):
        table = {m[1]: m[2] for m in re.finditer(r"^\| `(\w+)` \| (.+?) \|", chapter.prose(language), re.MULTILINE)}
        assert sorted(table) == sorted(defaults)  # every one, and no other
        for name, stated in table.items():
            assert stated == required if name == "dataset" else stated.startswith(f"`{defaults[name]}`"), (name, stated)
    asked = Asked(6)
    assert [batch.tolist() for batch in DataLoader(asked, batch_size=3)] == [[0, 1, 2], [3, 4, 5]] and asked.numbers == list(range(6))
    in_order, shuffled = ([int(i) for i in DataLoader(range(50), **settings)] for settings in ({}, {"shuffle": True}))
    assert in_order == sorted(shuffled) != shuffled  # None is: do not


@pytest.mark.claim(zh="sampler | None | 按什么顺序取", en="sampler | None | the order of fetching")
@pytest.mark.claim(zh="batch_sampler | None | 每批取哪几个", en="batch_sampler | None | which samples make each batch")
@pytest.mark.claim(zh="collate_fn | None，即堆叠 | 怎样凑成一批", en="collate_fn | None: stack | how samples become a batch")
@pytest.mark.claim(zh="drop_last | False | 丢不丢不满的最后一批", en="drop_last | False | leave out a last batch that is not full")
def test_parameters_that_make_batches():
    assert all(parameter(name).default is None for name in ("sampler", "batch_sampler", "collate_fn")) and parameter("drop_last").default is False
    asked = Asked(4)
    list(DataLoader(asked, sampler=[2, 0, 3]))
    assert asked.numbers == [2, 0, 3]
    assert [batch.tolist() for batch in DataLoader(range(4), batch_sampler=[[3], [0, 2]])] == [[3], [0, 2]]
    assert DataLoader(range(4)).collate_fn is default_collate
    assert torch.equal(default_collate([torch.zeros(2), torch.ones(2)]), torch.stack([torch.zeros(2), torch.ones(2)]))
    assert list(DataLoader(range(4), batch_size=2, collate_fn=sum)) == [1, 5]
    assert [[len(batch) for batch in DataLoader(range(5), batch_size=2, drop_last=drop)] for drop in (False, True)] == [[2, 2, 1], [2, 2]]


@pytest.mark.claim(zh="num_workers | 0 | 几个工作进程", en="num_workers | 0 | how many workers")
@pytest.mark.claim(zh="timeout | 0，即一直等 | 等一批，最多几秒", en="timeout | 0: for ever | seconds to wait for a batch")
@pytest.mark.claim(zh="worker_init_fn | None | 每个进程开工时调用", en="worker_init_fn | None | called in each worker as it starts")
@pytest.mark.claim(zh="prefetch_factor | None；有进程时是 2 | 每个进程提前备好几批", en="prefetch_factor | None; with workers 2 | batches that each worker prepares ahead")
def test_parameters_of_workers(hired):
    assert [parameter(name).default for name in ("num_workers", "timeout", "worker_init_fn", "prefetch_factor")] == [0, 0, None, None]
    assert {worker for i, pid, worker in hired["none"][0]} == {-1} and {worker for i, pid, worker in hired["two"][0]} == {0, 1}
    assert sorted(hired["in order"]) == [0, 1, 2, 3]  # with timeout=0 a slow sample is waited for
    assert hired["too late"][0] == "RuntimeError"  # with timeout=0.2 it is not
    assert sorted(hired["started"]) == ["0", "0", "1", "1"]
    assert DataLoader(range(4)).prefetch_factor is None and DataLoader(range(4), num_workers=2).prefetch_factor == 2
    assert hired["prepared 0"] == 2 and hired["prepared 1"] == 1


@pytest.mark.claim(zh="multiprocessing_context | None，即系统默认 | 怎样启动进程，例如 \"spawn\"",
                   en="multiprocessing_context | None: the system’s | how workers are started, such as \"spawn\"")
@pytest.mark.claim(zh="generator | None | 打乱用的随机数发生器", en="generator | None | the random number generator for shuffling")
@pytest.mark.claim(zh="persistent_workers | False | 一轮完了，进程留到下一轮", en="persistent_workers | False | keep the workers for the next epoch")
@pytest.mark.claim(zh="in_order | True | 批次守次序；False 是先备好的先交", en="in_order | True | keep the order of batches; False: first ready, first out")
def test_parameters_that_are_seldom_needed(hired):
    assert [parameter(name).default for name in ("multiprocessing_context", "generator", "persistent_workers", "in_order")] == [None, None, False, True]
    assert DataLoader(range(4), num_workers=1, multiprocessing_context="spawn").multiprocessing_context.get_start_method() == "spawn"
    assert DataLoader(range(4), num_workers=1).multiprocessing_context is None
    assert "default `multiprocessing context" in " ".join(DataLoader.__doc__.split())
    one, two = ([int(i) for i in DataLoader(range(50), shuffle=True, generator=torch.Generator().manual_seed(3))] for _ in range(2))
    assert one == two != list(range(50))
    pids = {name: [{pid for i, pid, worker in epoch} for epoch in hired[name]] for name in ("two", "kept")}
    assert pids["kept"][0] == pids["kept"][1] and not pids["two"][0] & pids["two"][1]
    assert hired["in order"] == [0, 1, 2, 3] and hired["as ready"][0] != 0  # sample 0 was the slow one


@pytest.mark.claim(zh="pin_memory | False | 批次放不放锁页内存", en="pin_memory | False | put batches in pinned memory")
@pytest.mark.claim(zh="pin_memory_device | '' | 已弃用，不必填", en="pin_memory_device | '' | deprecated, leave it alone")
@pytest.mark.claim(zh="锁页内存（pinned memory）是操作系统不会换到硬盘上的内存。", en="Pinned memory is memory that the operating system does not move out to disk.")
@pytest.mark.claim(zh="[官方文档](https://docs.pytorch.org/docs/stable/notes/cuda.html#use-pinned-memory-buffers)说，从它往 GPU 复制快得多，配上 "
                      "`x.to(device, non_blocking=True)`，还能边搬边算；但锁页本身也常常费时，值不值得，要在自己的机器上量。",
                   en="Copies from it to a GPU are much faster, say the official notes, and with `x.to(device, non_blocking=True)` they can go on while the GPU "
                      "computes; but pinning often costs time itself, so measure on your own machine.")
def test_pinned_memory_is_as_the_official_notes_say(chapter):
    assert parameter("pin_memory").default is False and parameter("pin_memory_device").default == ""
    assert re.search(r"pin_memory_device \(str, optional\): Deprecated", DataLoader.__doc__)
    locked, faster, overlap, expensive = fact("training/data", "pinned memory")
    assert "page-locked" in locked and "copies are much faster" in faster and "expensive" in expensive
    assert "non_blocking=True" in overlap and "overlap" in overlap and "non_blocking=False" in torch.Tensor.to.__doc__
    if torch.cuda.is_available():
        assert [next(iter(DataLoader(torch.zeros(2, 1), pin_memory=pin))).is_pinned() for pin in (False, True)] == [False, True]


@pytest.mark.claim(zh="没有 GPU 时，它什么也不锁，只换来一条警告，所以写 `pin_memory=torch.cuda.is_available()`。",
                   en="Without a GPU nothing is pinned and you only get a warning, so write `pin_memory=torch.cuda.is_available()`.")
def test_pinning_without_a_gpu_only_warns():
    if torch.accelerator.is_available():
        pytest.skip("there is an accelerator here")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (batch,) = DataLoader(torch.zeros(2, 1), batch_size=2, pin_memory=True)
    assert len(caught) == 1 and "pin_memory" in str(caught[0].message)
    assert batch.shape == (2, 1) and not batch.is_pinned()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(DataLoader(torch.zeros(2, 1), pin_memory=torch.cuda.is_available()))


# ---- common errors ---------------------------------------------------------------------------


MESSAGE = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found"


@pytest.mark.claim(zh="这时`ImageFolder` 交出的是 PIL 图片，没法堆叠：", en="Then `ImageFolder` gives PIL pictures, which cannot be stacked:")
@pytest.mark.claim(zh="忘了变换。", en="No transform.")
@pytest.mark.claim(zh="忘了 `return`。", en="No `return`.")
@pytest.mark.claim(zh="同一句话，结尾要是 `NoneType`，就是 `__getitem__` 里漏了它。",
                   en="If the same message ends in `NoneType`, that is what your `__getitem__` forgot.")
def test_what_cannot_be_stacked(chapter):
    pil = chapter["pil-error"].error
    assert isinstance(pil, TypeError) and str(pil) == f"{MESSAGE} <class 'PIL.Image.Image'>"

    class Forgetful(type(chapter["dataset"].names["degrees"])):
        def __getitem__(self, i):
            self.celsius[i]

    with pytest.raises(TypeError, match=f"^{MESSAGE} <class 'NoneType'>$"):
        next(iter(DataLoader(Forgetful([20.0, 25.0]), batch_size=2)))


@pytest.mark.claim(zh="float64 混了进来。", en="A float64 slipped in.")
@pytest.mark.claim(zh="NumPy 的小数默认是 64 位，凑批次时原样保留，到线性层才报错：",
                   en="NumPy’s decimals have 64 bits by default, batches keep them, and the linear layer objects:")
@pytest.mark.claim(zh="在 `__getitem__` 里换好类型：`torch.tensor(row, dtype=torch.float32)`；或者像前面读表那样，一开始就读成 `float32`。",
                   en="Convert in `__getitem__`, by `torch.tensor(row, dtype=torch.float32)`; or read them as `float32` from the start, as we did with the table.")
def test_float64_slips_through_to_the_linear_layer(chapter):
    double = chapter["double-error"].error
    assert isinstance(double, RuntimeError) and "must have the same dtype, but got Double and Float" in str(double)
    assert lines(chapter, "double-error") == ["torch.float64"]
    table = chapter["double-error"].names["table"]
    assert table.dtype == np.float64 == np.array([1.5]).dtype
    converted = TensorDataset(torch.stack([torch.tensor(row, dtype=torch.float32) for row in table]))
    (x,) = next(iter(DataLoader(converted, batch_size=2)))
    assert torch.nn.Linear(1, 1)(x).shape == (2, 1)
    assert "dtype=np.float32" in chapter["table"].code and chapter["table"].names["rooms"][0][0].dtype == torch.float32
