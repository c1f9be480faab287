"""The proof of what docs/*/training/image-classifier.md claims."""

import gzip
import hashlib
import inspect
import math
import pickle
import re
import struct
import subprocess
import sys
import tarfile
import urllib.error
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.path import Path as Polygon
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from torchvision import datasets
from torchvision.transforms import v2

from tests.facts import fact
from tests.prose import ledger_rows, lines

STEM = "training/image-classifier"
CIFAR_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
NOT_FOUND = "Dataset not found or corrupted. You can use download=True to download it"


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.\d+|-?\d+", text)]


def said(chapter, row, language):
    """What the old notes say, by the ledger."""
    rows = ledger_rows()
    return next(entry["said"][language] for entry in rows if entry["id"] == row)


def page_of(chapter, stem):
    """The Markdown of another chapter."""
    return (chapter.project.root / f"docs/en/{stem}.md").read_text(encoding="utf-8")


def as_seen(images):
    """Pictures of bytes as the network sees them: -1 to 1."""
    return images.float() / 127.5 - 1


def answers(net, images):
    """What a network says of pictures of bytes, without the chapter's own tools."""
    net.eval()
    with torch.no_grad():
        return net(as_seen(images)).argmax(dim=1)


def trials(chapter, cell):
    """The calls of `fit` in a cell, which is run with a `fit` that only takes notes: the network's first weights, the data, the arguments."""
    calls = []

    def note(net, data, epochs, **others):
        calls.append(SimpleNamespace(net=net, start=[w.clone() for w in net.parameters()], data=data, epochs=epochs, others=others))

    names = dict(chapter[cell].names) | {"fit": note, "accuracy": lambda net, data: 0.5, "print": lambda *a: None}
    with torch.random.fork_rng():
        exec(chapter[cell].code, names)
    return calls


def code(chapter, cell):
    """The code of a cell, `network` cells included."""
    return chapter.project.cells(chapter.stem)[f"{chapter.stem}.py:{cell}"].source


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """An empty folder to work in, and no network; the list of addresses that were asked for."""
    asked = []

    def refuse(request, *args, **kwargs):
        asked.append(request if isinstance(request, str) else request.full_url)
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.chdir(tmp_path)
    return asked


def write_cifar(folder, per_file=10):
    """CIFAR-10's own files, small: five pickled training batches, a test batch, the names. {file: md5}, pictures, labels."""
    rng = np.random.default_rng(7)
    folder.mkdir(parents=True)
    sums, pictures, labels = {}, {}, {}
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        rows = rng.integers(0, 256, (per_file, 3072), dtype=np.uint8)  # 1024 red, 1024 green, 1024 blue
        classes = [int(k) for k in rng.permutation(per_file) % 10]
        entry = {"batch_label": name, "labels": classes, "data": rows, "filenames": [f"{name}-{i}.png" for i in range(per_file)]}
        (folder / name).write_bytes(pickle.dumps(entry, protocol=2))
        pictures[name], labels[name] = rows, classes
    meta = {"num_cases_per_batch": per_file, "label_names": CIFAR_CLASSES, "num_vis": 3072}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    for file in folder.iterdir():
        sums[file.name] = md5(file.read_bytes())
    return sums, pictures, labels


def expect_cifar(monkeypatch, sums):
    """Let torchvision expect the checksums of the small files, and nothing else change."""
    train = [[f"data_batch_{i}", sums[f"data_batch_{i}"]] for i in range(1, 6)]
    monkeypatch.setattr(datasets.CIFAR10, "train_list", train)
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(datasets.CIFAR10, "meta", datasets.CIFAR10.meta | {"md5": sums["batches.meta"]})


@pytest.fixture
def cifar(monkeypatch, offline, tmp_path):
    """The small files in data/, as they lie after unpacking: pictures and labels by file."""
    sums, pictures, labels = write_cifar(tmp_path / "data/cifar-10-batches-py")
    expect_cifar(monkeypatch, sums)
    return pictures, labels


def by_hand(row):
    """A row of 3072 bytes as the network sees it: (3, 32, 32), -1 to 1."""
    return row.reshape(3, 32, 32) / 127.5 - 1


# ---- CIFAR-10 --------------------------------------------------------------------------------


@pytest.mark.ledger("n0-19")
@pytest.mark.claim(zh="旧笔记用的 CIFAR-10 要下载；下载不了也不耽误，我们当场画一套路牌。",
                   en="The old notes used CIFAR-10, a download; if yours fails, never mind: we draw road signs on the spot.")
@pytest.mark.claim(zh="没有网，就自己画：六种路牌，贴在真照片上。", en="Then we draw: six kinds of road sign, stuck on real photographs.")
def test_cifar10_is_a_download_and_the_signs_are_not(chapter, offline, tmp_path):
    assert "CIFAR-10" in said(chapter, "n3-07", "zh") and "CIFAR-10" in said(chapter, "n3-07", "en")
    with pytest.raises(urllib.error.URLError):
        exec(code(chapter, "cifar10"), dict(chapter["setup"].names))
    assert set(offline) == {datasets.CIFAR10.url}
    offline.clear()
    with torch.random.fork_rng():
        images, labels, _ = chapter["draw"].names["draw"](200)
    assert not offline and len(images) == 200
    assert set(labels.tolist()) == set(range(6)) and len(chapter["draw"].names["classes"]) == 6


@pytest.mark.claim(zh="to_tensor 把一张图变成 float32 张量，数值从 0 到 255 变到 −1 到 1：",
                   en="to_tensor makes a picture into a float32 tensor and takes its values from 0 to 255 to −1 to 1:")
@pytest.mark.claim(zh="Normalize([0.5], [0.5]) 算的是 (x − 0.5) / 0.5。", en="Normalize([0.5], [0.5]) computes (x − 0.5) / 0.5.")
@pytest.mark.claim(zh="数据那一章先量出训练集的均值和标准差；这里换成固定的 0.5，不必先统计，数值也落在 0 的两侧。",
                   en="The chapter Data first measured the mean and standard deviation of its training set; a fixed 0.5 needs no statistics and also "
                      "leaves values on both sides of 0.")
def test_a_picture_as_the_network_sees_it(chapter):
    to_tensor = chapter["setup"].names["to_tensor"]
    bytes_ = np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)
    expected = (bytes_.astype(float) / 127.5 - 1).transpose(2, 0, 1)
    assert np.allclose(to_tensor(Image.fromarray(bytes_)), expected, atol=1e-6)
    assert np.allclose(to_tensor(torch.tensor(bytes_.transpose(2, 0, 1))), expected, atol=1e-6)
    grey = to_tensor(Image.fromarray(bytes_[..., 0]))
    assert grey.shape == (1, 32, 32) and grey.dtype == torch.float32
    assert bytes_[..., 0].min() == 0 and bytes_[..., 0].max() == 255 and grey.min() == -1 and grey.max() == 1
    x = torch.rand(1, 4, 4)
    assert torch.allclose(v2.Normalize([0.5], [0.5])(x), (x - 0.5) / 0.5)
    steps = [step for step in to_tensor.transforms if isinstance(step, v2.Normalize)]
    assert [(step.mean, step.std) for step in steps] == [([0.5], [0.5])]
    data = "\n".join(cell.source for cell in chapter.project.cells("training/data").values())
    assert re.search(r"^mean = train_\w+\.mean\(", data, re.M) and re.search(r"^std = train_\w+\.std\(", data, re.M) and "v2.Normalize(mean" in data
    sides = to_tensor(chapter["signs"].names["images"][:100])
    assert (sides < 0).float().mean() > 0.2 and (sides > 0).float().mean() > 0.2


@pytest.mark.ledger("n0-19")
@pytest.mark.claim(zh="CIFAR-10 有 60000 张 32 × 32 的彩色小图，飞机、汽车、鸟等十类，每类 6000 张。",
                   en="CIFAR-10 is 60000 small colour pictures, 32 × 32, in ten classes such as aeroplane, automobile and bird, 6000 of each.")
@pytest.mark.claim(zh="哪 50000 张训练、哪 10000 张测试，它已经分好；验证集没有，所以从训练的那份里留出一成：",
                   en="Which 50000 are for training and which 10000 for the test has been settled; there is no validation set, so hold out a tenth of the "
                      "training pictures:")
def test_the_cifar10_cell_reads_the_data_sets_own_files(chapter, cifar, offline, capsys):
    facts = fact("training/image-classifier", "cifar10")
    assert (facts["pictures"], facts["side"], facts["classes"], facts["each"]) == (60000, 32, 10, 6000)
    assert (facts["training"], facts["test"]) == (50000, 10000)
    assert CIFAR_CLASSES[:3] == ["airplane", "automobile", "bird"] and len(CIFAR_CLASSES) == 10
    assert [len(part) for part in random_split(range(50000), [0.9, 0.1])] == [45000, 5000]
    pictures, labels = cifar
    names = dict(chapter["setup"].names)
    exec(code(chapter, "cifar10"), names)
    assert capsys.readouterr().out.splitlines() == ["45 5 10", " ".join(CIFAR_CLASSES)] and not offline
    rows = np.concatenate([pictures[f"data_batch_{i}"] for i in range(1, 6)])
    truths = sum((labels[f"data_batch_{i}"] for i in range(1, 6)), [])
    whole, test_set = names["whole"], names["test_set"]
    for i in range(50):
        picture, label = whole[i]
        assert picture.dtype == torch.float32 and picture.shape == (3, 32, 32) and label == truths[i]
        assert np.allclose(picture, by_hand(rows[i]), atol=1e-6)
    for i in range(10):
        picture, label = test_set[i]
        assert np.allclose(picture, by_hand(pictures["test_batch"][i]), atol=1e-6) and label == labels["test_batch"][i]
    train, val = names["train_set"].indices, names["val_set"].indices
    assert not set(train) & set(val) and sorted([*train, *val]) == list(range(50)) and len(val) == 5


@pytest.mark.ledger("n0-19")
@pytest.mark.claim(zh="random_split 拿着自己的种子，明天重跑，留出的还是同样的 5000 张。", en="random_split has a seed of its own: tomorrow the same 5000 are held out.")
def test_tomorrow_the_same_pictures_are_held_out(chapter, cifar):
    assert round(0.1 * fact("training/image-classifier", "cifar10")["training"]) == 5000
    held_out = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        names = dict(chapter["setup"].names)
        exec(code(chapter, "cifar10"), names)
        held_out.append(list(names["val_set"].indices))
    assert held_out[0] == held_out[1]
    unseeded = code(chapter, "cifar10").replace(", generator=generator", "")
    assert unseeded != code(chapter, "cifar10")
    names = dict(chapter["setup"].names)
    torch.manual_seed(3)
    exec(unseeded, names)
    assert list(names["val_set"].indices) != held_out[0]  # what the generator is for


@pytest.mark.ledger("n0-19")
@pytest.mark.claim(zh="两份数据，用的是同一个循环。", en="Two sets of data, one and the same loop.")
@pytest.mark.claim(zh="手边有 CIFAR-10，把它的 train_set、val_set 和 SmallCNN(3, 10) 交给 fit，训练的就是旧笔记那样的分类器。",
                   en="If you have CIFAR-10 at hand, give fit its train_set and val_set and a SmallCNN(3, 10): that trains a classifier like that of the notes.")
@pytest.mark.claim(zh="本页没有跑它，也就不报数。", en="This page has not run it, and so states no number.")
def test_the_notes_classifier_is_fit_and_predict_on_cifar10(chapter, cifar):
    names = dict(chapter["cnn"].names)
    assert names["fit"] is chapter["train"].names["fit"]  # the one that trains on the signs
    exec(code(chapter, "cifar10"), names)
    net = names["SmallCNN"](3, 10)
    losses, accuracies = names["fit"](net, names["train_set"], epochs=1, val_set=names["val_set"])
    assert len(losses) == len(accuracies) == 1 and math.isfinite(losses[0])
    guesses, truths = names["predict"](net, names["test_set"])
    assert guesses.shape == (10,) and truths.tolist() == cifar[1]["test_batch"]
    assert "分类器" in said(chapter, "n0-19", "zh") and "classifier" in said(chapter, "n0-19", "en")
    assert not {"cifar10", "four"} & set(chapter)  # what the page has not run


def script(chapter, folder, sums, guard):
    """The three cells as one script, its workers started as on Windows and macOS."""
    start = ("import multiprocessing\nfrom torchvision import datasets\n"
             f"datasets.CIFAR10.train_list = {[[f'data_batch_{i}', sums[f'data_batch_{i}']] for i in range(1, 6)]}\n"
             f"datasets.CIFAR10.test_list = {[['test_batch', sums['test_batch']]]}\n"
             f"datasets.CIFAR10.meta = datasets.CIFAR10.meta | {{'md5': {sums['batches.meta']!r}}}\n"
             "multiprocessing.set_start_method('spawn', force=True)\n")
    last = code(chapter, "four")
    assert 'if __name__ == "__main__":\n    main()' in last
    if not guard:
        last = last.replace('if __name__ == "__main__":\n    main()', "main()")
    file = folder / "cifar.py"
    file.write_text("\n".join([start, code(chapter, "setup"), code(chapter, "cifar10"), last]), encoding="utf-8")
    return subprocess.run([sys.executable, file.name], cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.ledger("n3-07")
@pytest.mark.claim(zh="每批 4 张，两个工作进程。", en="Batches of four, two workers.")
@pytest.mark.claim(zh="写法至今有效。", en="It still works as written.")
@pytest.mark.claim(zh="在 Windows 和 macOS 上，工作进程是新开的 Python，会把脚本从头再读一遍；Python 3.14 起 Linux 也一样。",
                   en="On Windows and macOS a worker is a new Python, which reads the script again from the top; from Python 3.14 the same goes for Linux.")
def test_batches_of_four_with_two_workers_still_work_in_a_script_with_the_guard(chapter, tmp_path):
    assert "每批 4 张，两个工作进程" in said(chapter, "n3-07", "zh") and "batches of four, two workers" in said(chapter, "n3-07", "en")
    assert fact("training/image-classifier", "start_methods") == {"Windows": "spawn", "macOS": "spawn", "Linux": "forkserver"}
    assert fact("training/image-classifier", "linux_since") == "Python 3.14"
    sums, _, _ = write_cifar(tmp_path / "data/cifar-10-batches-py")
    assert "batch_size=4, shuffle=True, num_workers=2" in code(chapter, "four")
    done = script(chapter, tmp_path, sums, guard=True)
    assert done.returncode == 0, done.stderr
    shape, names = re.search(r"torch.Size\((.*?)\) (\[.*\])", done.stdout).groups()
    assert shape == "[4, 3, 32, 32]" and len(eval(names)) == 4 and set(eval(names)) <= set(CIFAR_CLASSES)
    assert done.stdout.count("45 5 10") >= 2  # a worker reads the script again from the top


@pytest.mark.ledger("n3-07")
@pytest.mark.claim(zh="存成脚本时（前两格放在它上面），末尾那句 if 不能少：",
                   en="As a script (with the two cells above on top of it) it needs the if at the end:")
@pytest.mark.claim(zh="少了那句 if，读到取数据那一行，它又要开工作进程，于是报错；细节见数据。",
                   en="Without that if it comes to the line that fetches data, wants to start workers in turn, and fails; more in Data.")
def test_without_the_guard_it_fails_where_workers_are_new_pythons(chapter, tmp_path):
    # 10 pictures: with more, the parent waits for ever to hand them to a worker that is dead
    sums, _, _ = write_cifar(tmp_path / "data/cifar-10-batches-py", per_file=2)
    done = script(chapter, tmp_path, sums, guard=False)
    assert done.returncode != 0 and "exited unexpectedly" in done.stderr
    assert "current process has finished its bootstrapping phase" in done.stderr
    assert "images, labels = next(iter(loader))" in done.stderr  # the line that fetches data
    assert "{#workers}" in page_of(chapter, "training/data")


@pytest.mark.ledger("n3-07")
@pytest.mark.claim(zh="默认的 num_workers=0 不开进程，用不着那句 if。", en="num_workers=0, the default, starts no process and needs no if.")
def test_without_workers_no_guard_is_needed(chapter, cifar, monkeypatch, capsys):
    assert inspect.signature(DataLoader).parameters["num_workers"].default == 0
    names = dict(chapter["setup"].names)
    exec(code(chapter, "cifar10"), names)
    unguarded = code(chapter, "four").replace("num_workers=2", "num_workers=0").replace('if __name__ == "__main__":\n    main()', "main()")
    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", None)  # to start one would fail
    exec(unguarded, names | {"__name__": "cifar"})
    assert "torch.Size([4, 3, 32, 32])" in capsys.readouterr().out
    with pytest.raises((TypeError, UserWarning)):
        exec(code(chapter, "four"), names | {"__name__": "__main__"})


@pytest.mark.ledger("n3-07")
@pytest.mark.claim(zh="每批 4 张也能用，只是 45000 张图一轮要走 11250 步；每批 32 张，是 1407 步。",
                   en="Batches of four work too, but 45000 pictures then take 11250 steps an epoch; in batches of 32, 1407.")
@pytest.mark.claim(zh="本章每批 32 张。", en="This chapter takes 32.")
def test_how_many_steps_a_batch_size_takes(chapter):
    assert [len(DataLoader(range(45000), size)) for size in (4, 32)] == [11250, 1407]
    assert inspect.signature(chapter["fit"].names["fit"]).parameters["batch_size"].default == 32
    calls = [call for cell in chapter.project.cells(STEM).values() for call in re.findall(r"\bfit\((?!net, train_set, epochs, val_set=None).*", cell.source)]
    assert len(calls) == 5 and not any("batch_size" in call for call in calls)


def archive(folder):
    """data/cifar-10-python.tar.gz in place of the unpacked folder. Returns its bytes."""
    file = folder / "data/cifar-10-python.tar.gz"
    with tarfile.open(file, "w:gz") as tar:
        tar.add(folder / "data/cifar-10-batches-py", arcname="cifar-10-batches-py")
    for part in (folder / "data/cifar-10-batches-py").iterdir():
        part.unlink()
    (folder / "data/cifar-10-batches-py").rmdir()
    return file.read_bytes()


@pytest.mark.filterwarnings("ignore:Python 3.14 will, by default, filter")
@pytest.mark.parametrize("name, found", [("cifar-10-python.tar.gz", True), ("cifar10.tar.gz", False)])
@pytest.mark.claim(zh="换个法子拿到它，名字别改，放进 data 文件夹：", en="Get it some other way, keep its name, and put it into the folder data:")
def test_an_archive_put_there_by_hand_is_found_by_its_name(chapter, cifar, offline, monkeypatch, tmp_path, name, found):
    packed = archive(tmp_path)
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(packed))
    (tmp_path / "data/cifar-10-python.tar.gz").rename(tmp_path / "data" / name)
    names = dict(chapter["setup"].names)
    if not found:
        with pytest.raises(urllib.error.URLError):
            exec(code(chapter, "cifar10"), names)
        return
    exec(code(chapter, "cifar10"), names)
    assert not offline and (tmp_path / "data/cifar-10-batches-py/test_batch").is_file()  # unpacked
    assert np.allclose(names["whole"][11][0], by_hand(cifar[0]["data_batch_2"][1]), atol=1e-6)


@pytest.mark.filterwarnings("ignore:Python 3.14 will, by default, filter")
@pytest.mark.parametrize("damage", [None, lambda b: b[: len(b) // 2], lambda b: bytes([b[0] ^ 1]) + b[1:], lambda b: b"<html>"])
@pytest.mark.claim(zh="CIFAR-10 那一格照旧运行：文件在，校验和也对，torchvision 就不再下载，直接解压；对不上，就重新下载。",
                   en="Run the CIFAR-10 cell as it stands: if file and checksum are right, torchvision downloads nothing and unpacks it; if the checksum is "
                      "wrong, it downloads it again.")
@pytest.mark.claim(zh="下载不了，就把压缩包放进 data，校验和对得上即可。",
                   en="If the download fails, put the archive into data: all that counts is its checksum.")
def test_an_archive_with_a_wrong_checksum_is_downloaded_again(chapter, cifar, offline, monkeypatch, tmp_path, damage):
    packed = archive(tmp_path)
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(packed))
    if damage is None:
        exec(code(chapter, "cifar10"), dict(chapter["setup"].names))
        assert not offline and (tmp_path / "data/cifar-10-batches-py/test_batch").is_file()
        return
    (tmp_path / "data/cifar-10-python.tar.gz").write_bytes(damage(packed))
    with pytest.raises(urllib.error.URLError):
        exec(code(chapter, "cifar10"), dict(chapter["setup"].names))
    assert set(offline) == {datasets.CIFAR10.url}  # fetched again


@pytest.mark.claim(zh="压缩包有 163 MB。", en="The archive has 163 MB.")
@pytest.mark.claim(zh="第一行是下载地址，第二行是该放在哪里，以及它的校验和（checksum）：由整个文件算出的一串字，文件差一个字节，这串字就面目全非。",
                   en="The first line is where it comes from. The second is where it goes, and its checksum: a string computed from the whole file, which "
                      "changes beyond recognition if a single byte does.")
def test_where_the_archive_comes_from_and_goes(chapter):
    facts = fact("training/image-classifier", "cifar10")
    assert facts["size"] == "163 MB"
    assert lines(chapter, "archive") == ["https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                                         f"data/cifar-10-python.tar.gz {facts['md5']}"]
    assert 'CIFAR10("data"' in code(chapter, "cifar10")
    data = bytes(range(256)) * 10
    for place in (0, 1000, len(data) - 1):  # of the whole file
        changed = md5(data[:place] + bytes([data[place] ^ 1]) + data[place + 1:])
        assert sum(a == b for a, b in zip(md5(data), changed)) < 10  # of 32 letters; by chance 2


@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "elsewhere"])
@pytest.mark.claim(zh="找不到数据。", en="No data found.")
@pytest.mark.claim(zh="文件夹写错（相对路径从当前文件夹算起），或者图片文件的校验和不对，都是这一句：",
                   en="A wrong folder (a relative path starts from the current one) or a file of pictures with a wrong checksum, both get the same sentence:")
@pytest.mark.claim(zh="CIFAR-10 每次打开都核对校验和，所以断在半路的文件也落到这里。",
                   en="CIFAR-10’s checksums are verified each time, so a file cut short ends up here too.")
@pytest.mark.claim(zh="删掉它，重新下载，或者自己放进去。", en="Delete it and download again, or put it there yourself.")
def test_damaged_files_of_cifar10_are_all_not_found_or_corrupted(chapter, cifar, offline, monkeypatch, tmp_path, damage):
    missing = chapter["not-found"].error
    assert type(missing) is RuntimeError and str(missing) == NOT_FOUND
    file = tmp_path / "data/cifar-10-batches-py/data_batch_3"
    data = file.read_bytes()
    for train in (True, False):
        assert len(datasets.CIFAR10("data", train=train)) > 0  # it opens, and did not say so yet
    if damage == "elsewhere":
        (tmp_path / "other").mkdir()
        monkeypatch.chdir(tmp_path / "other")
    else:
        file.write_bytes(data[:-100] if damage != "changed" else data[:-100] + bytes([data[-100] ^ 1]) + data[-99:])
        if damage == "gone":
            file.unlink()
    for train in (True, False):  # the test set as well, although its own file is sound
        with pytest.raises(RuntimeError, match="^" + re.escape(NOT_FOUND) + "$"):
            datasets.CIFAR10("data", train=train)
    if damage != "elsewhere":
        with pytest.raises(urllib.error.URLError):
            datasets.CIFAR10("data", download=True)
        assert set(offline) == {datasets.CIFAR10.url}
        file.write_bytes(data)  # put there
        assert len(datasets.CIFAR10("data")) == 50


# ---- the signs -------------------------------------------------------------------------------


OUTLINES = {  # in u (to the right) and v (down), from the middle of the sign
    3: [(0, -1), (0.9, 0.8), (-0.9, 0.8)],
    4: [(-1, 0), (0, -1), (0, -0.4), (1, -0.4), (1, 0.4), (0, 0.4), (0, 1)],
    5: [(1, 0), (0, -1), (0, -0.4), (-1, -0.4), (-1, 0.4), (0, 0.4), (0, 1)],
}


def covered(label, u, v):
    """Where the sign is, for one picture, from its outline."""
    distance = np.hypot(u, v)
    if label == 0:
        return distance < 1
    if label == 1:
        return (distance > 0.55) & (distance < 1)
    if label == 2:
        return np.maximum(abs(u), abs(v)) < 0.85
    return Polygon(OUTLINES[label]).contains_points(np.stack([u.ravel(), v.ravel()], axis=1)).reshape(32, 32)


@pytest.fixture(scope="module")
def drawn(chapter):
    """60 signs, and what they were drawn from: the same random numbers, in the same order."""
    n = 60
    with torch.random.fork_rng():
        torch.manual_seed(5)
        images, labels, contrasts = chapter["draw"].names["draw"](n)
        torch.manual_seed(5)
        radius = 6 + 5 * torch.rand(n)
        x, y = radius + (31 - 2 * radius) * torch.rand(2, n)
        again, colors = torch.randint(6, (n,)), torch.randint(256, (n, 3), dtype=torch.uint8)
        which, top, left = torch.randint(2, (n,)), torch.randint(214 - 31, (n,)), torch.randint(320 - 31, (n,))
    photos = [load_sample_image(name)[::2, ::2] for name in ("china.jpg", "flower.jpg")]
    assert photos[0].shape == (214, 320, 3) and again.tolist() == labels.tolist()
    behind = [photos[w][t:t + 32, k:k + 32] for w, t, k in zip(which, top, left)]
    return SimpleNamespace(n=n, images=images, labels=labels, contrasts=contrasts, radius=radius.numpy(), x=x.numpy(), y=y.numpy(),
                           colors=colors.numpy(), behind=behind, which=which)


@pytest.mark.claim(zh="两张照片是 scikit-learn 自带的，随机剪下 32 × 32 的一块当背景：",
                   en="Two of those come with scikit-learn; a random piece of 32 × 32, cut from either, makes a background:")
@pytest.mark.claim(zh="下一格先随机定下大小、位置，u、v 是以路牌中心为原点的坐标，六种形状各是一组不等式。",
                   en="The next cell first chooses sizes and places at random; u and v are coordinates from the middle of the sign, and each of the six shapes "
                      "is a set of inequalities.")
@pytest.mark.claim(zh="再抽类别和颜色，不等式成立的像素涂成这个颜色，其余留着背景：",
                   en="Then it chooses classes and colours, paints the pixels where the inequalities hold, and leaves the rest to the background:")
def test_the_signs_are_drawn_as_said(chapter, drawn):
    assert drawn.images.shape == (drawn.n, 3, 32, 32) and drawn.images.dtype == torch.uint8
    assert set(drawn.labels.tolist()) == set(range(6)) and set(drawn.which.tolist()) == {0, 1}
    assert len({piece.tobytes() for piece in drawn.behind}) == drawn.n
    for i in range(drawn.n):
        x, y, radius = drawn.x[i], drawn.y[i], drawn.radius[i]
        assert x - radius >= 0 and x + radius <= 31 and y - radius >= 0 and y + radius <= 31
        v, u = np.mgrid[:32, :32].astype(float)
        inside = covered(int(drawn.labels[i]), (u - x) / radius, (v - y) / radius)
        expected = np.where(inside[..., None], drawn.colors[i], drawn.behind[i])
        assert (drawn.images[i].permute(1, 2, 0).numpy() == expected).all(axis=2).mean() > 0.996
    assert chapter["draw"].names["classes"] == ["disc", "ring", "square", "triangle", "left", "right"]


@pytest.mark.claim(zh="大小、位置、颜色都和类别无关。", en="Size, place and colour do not depend on the class.")
@pytest.mark.claim(zh="contrasts 记下路牌和背景的颜色差多远，找错时有用。",
                   en="contrasts notes how far the colour of the sign is from its background, for when we look for mistakes.")
def test_what_surrounds_a_sign_tells_nothing_and_its_contrast_is_noted(chapter, drawn):
    for i in range(drawn.n):
        far = np.linalg.norm(drawn.colors[i].astype(float) - drawn.behind[i].reshape(-1, 3).mean(axis=0))
        assert drawn.contrasts[i].item() == pytest.approx(far, rel=1e-4)
    assert "contrasts" in chapter["contrast"].code
    # every class at the same size, place and colour: with other labels, only the shape changes
    names, sizes = dict(chapter["draw"].names), []
    for wanted in range(6):
        with torch.random.fork_rng():
            torch.manual_seed(8)
            forced = code(chapter, "draw").replace("labels = torch.randint(6, (n,))", f"labels = 0 * torch.randint(6, (n,)) + {wanted}")
            assert forced != code(chapter, "draw")
            exec(forced, names)
            sizes.append(names["draw"](40))
    assert all(torch.equal(size[2], sizes[0][2]) for size in sizes)  # the same colours on the same backgrounds
    disc, square = sizes[0][0], sizes[2][0]
    same = (disc == square).all(dim=1).flatten(1).float().mean(dim=1)
    assert (same > 0.8).all()  # and in the same place: most of the sign and all that is around it


@pytest.mark.ledger("n0-19")
@pytest.mark.claim(zh="自己的数据要进训练循环，只需一个 Dataset：会报长度，会按编号取样本。",
                   en="To get data of your own into a training loop takes a Dataset, which reports its length and fetches a sample by index:")
@pytest.mark.claim(zh="2000 张训练，500 张用来挑选，1000 张锁进抽屉，最后考试。",
                   en="2000 for training, 500 for choosing, and 1000 locked in a drawer for the exam.")
def test_a_data_set_of_ones_own_needs_a_length_and_a_way_to_fetch(chapter):
    names = chapter["signs"].names
    train, val, test = (names[f"{part}_set"] for part in ("train", "val", "test"))
    assert [len(train), len(val), len(test)] == [2000, 500, 1000]
    assert lines(chapter, "signs") == ["2000 500 1000 torch.Size([3, 32, 32])"]
    for data, first in ((train, 0), (val, 2000), (test, 2500)):
        for i in (0, 7, len(data) - 1):
            picture, label = data[i]
            assert np.allclose(picture, names["images"][first + i].numpy() / 127.5 - 1, atol=1e-6)
            assert label == names["labels"][first + i]
    batch, batch_labels = next(iter(DataLoader(train, batch_size=4)))
    assert batch.shape == (4, 3, 32, 32) and batch_labels.tolist() == names["labels"][:4].tolist()
    seen = {picture.numpy().tobytes() for picture in names["images"]}
    assert len(seen) == 3500  # no picture twice, and so none in two parts
    assert {"__len__", "__getitem__"} == {name for name in vars(names["Pictures"]) if name.startswith("__")} & {"__len__", "__getitem__", "__iter__"}


@pytest.mark.claim(zh="每类看三张：", en="Three of each class:")
@pytest.mark.claim(zh="六列三行小图，每列一类：圆盘、圆环、方块、三角、左箭头、右箭头，颜色、大小、位置各不相同，背景是照片的一角。",
                   en="Six columns and three rows of small pictures, a class to a column: discs, rings, squares, triangles, arrows to the left, arrows to the "
                      "right, of different colour, size and place, each on a piece of a photograph.")
@pytest.mark.claim(zh="六类路牌，背景取自两张真照片。", en="Six kinds of sign. The backgrounds are cut from two real photographs.")
def test_three_of_each_class_are_shown(chapter, drawn):
    (figure,) = chapter["samples"].figures
    names = chapter["signs"].names
    titles = [axes.get_title() for axes in figure.axes]
    assert len(titles) == 18 and titles[:6] == ["disc", "ring", "square", "triangle", "left", "right"] and not any(titles[6:])
    for place, axes in enumerate(figure.axes):
        row, column = divmod(place, 6)
        which = (names["labels"] == column).nonzero()[row].item()
        assert np.array_equal(axes.images[0].get_array(), names["images"][which].permute(1, 2, 0).numpy())
    assert len(set(drawn.radius)) == len(set(drawn.x)) == len({tuple(color) for color in drawn.colors}) == drawn.n
    assert len(chapter["backgrounds"].names["photos"]) == 2


# ---- the tools -------------------------------------------------------------------------------


class Recorder(nn.Module):
    """A linear classifier that notes in which mode it was asked, for what, and with which weights."""

    def __init__(self, n_in=4, n_classes=3):
        super().__init__()
        self.linear, self.seen = nn.Linear(n_in, n_classes), []

    def forward(self, x):
        self.seen.append((self.training, torch.is_grad_enabled(), x.detach().clone(), self.linear.weight.detach().clone()))
        return self.linear(x)


def toy(n, turn=0):
    generator = torch.Generator().manual_seed(9)
    x = torch.randn(n, 4, generator=generator)
    return TensorDataset(x, (torch.randint(3, (n,), generator=generator) + turn) % 3)


@pytest.mark.claim(zh="先备两样工具。", en="Two tools first.")
@pytest.mark.claim(zh="一样打分：收齐网络的答案和正确的类别，对一对。",
                   en="One gives marks: gather the network’s answers and the right ones, and compare.")
def test_predict_and_accuracy(chapter):
    names, data, net = chapter["accuracy"].names, toy(601), Recorder()
    assert callable(names["accuracy"]) and callable(chapter["fit"].names["fit"])
    net.train()
    guesses, truths = names["predict"](net, data)
    x, y = data.tensors
    weight, bias = net.linear.weight.detach().numpy(), net.linear.bias.detach().numpy()
    expected = (x.numpy() @ weight.T + bias).argmax(axis=1)
    assert guesses.tolist() == expected.tolist() and truths.tolist() == y.tolist()
    assert all(not training and not recorded for training, recorded, _, _ in net.seen)
    assert names["accuracy"](net, data) == pytest.approx((expected == y.numpy()).mean())


@pytest.mark.parametrize("decay", [0.0, 1.0])
@pytest.mark.claim(zh="一样训练，就是训练循环那一章的循环，学习率先升后降。",
                   en="The other trains. It is the loop of The training loop, with a learning rate that rises and then falls.")
def test_fit_is_the_loop_of_the_training_chapter(chapter, tmp_path, monkeypatch, decay):
    monkeypatch.chdir(tmp_path)
    names, data, net, epochs, size = chapter["fit"].names, toy(23), Recorder(), 3, 5
    twin = nn.Linear(4, 3)
    twin.load_state_dict(net.linear.state_dict())
    net.eval()  # fit has to switch training on itself
    losses, accuracies = names["fit"](net, data, epochs=epochs, val_set=data, batch_size=size, weight_decay=decay)
    steps = [x for training, _, x, _ in net.seen if training]
    assert [len(x) for x in steps] == [5, 5, 5, 5, 3] * epochs
    assert sum(not training for training, *_ in net.seen) == epochs == len(accuracies)

    x, y = data.tensors
    orders = [[next(i for i in range(23) if torch.equal(x[i], row)) for row in torch.cat(steps[5 * e:5 * e + 5])]
              for e in range(epochs)]
    assert all(sorted(order) == list(range(23)) for order in orders)  # each sample once an epoch
    assert len({tuple(order) for order in [*orders, range(23)]}) == epochs + 1  # in a new order each time
    # the same batches through a loop of our own: AdamW and the one-cycle schedule written out
    total, state, expected = 5 * epochs, {p: (torch.zeros_like(p), torch.zeros_like(p)) for p in twin.parameters()}, []
    up, rates = 0.3 * total - 1, []

    def cosine(a, b, part):
        return b + (a - b) / 2 * (1 + math.cos(math.pi * part))

    step = 0
    for order in orders:
        summed = 0.0
        for batch in torch.tensor(order).split(size):
            lr = cosine(0.01 / 25, 0.01, step / up) if step <= up else cosine(
                0.01, 0.01 / 25 / 1e4, (step - up) / (total - 1 - up))
            rates.append(lr)
            momentum = cosine(0.95, 0.85, step / up) if step <= up else cosine(0.85, 0.95, (step - up) / (total - 1 - up))
            chances = torch.log_softmax(twin(x[batch]), dim=1)
            each = -chances[torch.arange(len(batch)), y[batch]]
            gradients = torch.autograd.grad(each.mean(), list(twin.parameters()))
            summed += each.sum().item()
            with torch.no_grad():
                for p, g in zip(twin.parameters(), gradients):
                    m, v = state[p]
                    m.mul_(momentum).add_(g, alpha=1 - momentum)
                    v.mul_(0.999).add_(g**2, alpha=0.001)
                    p *= 1 - lr * decay
                    p -= lr * (m / (1 - momentum ** (step + 1))) / ((v / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8)
            step += 1
        expected.append(summed / 23)
    assert losses == pytest.approx(expected, rel=1e-4)
    assert all(torch.allclose(p, q, atol=1e-5) for p, q in zip(net.linear.parameters(), twin.parameters()))
    assert accuracies[-1] == pytest.approx((twin(x).argmax(dim=1) == y).float().mean().item())
    top = rates.index(max(rates))
    assert 0 < top < total - 1 and rates[:top + 1] == sorted(rates[:top + 1]) and rates[top:] == sorted(rates[top:])[::-1]
    assert names["fit"](Recorder(), data, epochs=1)[1] == []


@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.claim(zh="给了验证集，就把验证准确率最高那一轮的权重存进 best.pt：",
                   en="Given a validation set, it keeps the weights of the epoch with the highest validation accuracy in best.pt:")
def test_the_weights_of_the_best_epoch_are_kept(chapter, tmp_path, monkeypatch, turn):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(4)
    net, fit = Recorder(), chapter["fit"].names["fit"]
    fit(Recorder(), toy(90), epochs=1)
    assert not (tmp_path / "best.pt").exists()  # no validation set, no file
    _, accuracies = fit(net, toy(90), epochs=8, val_set=toy(90, turn), batch_size=5)  # the better it learns, the worse with turned labels
    weights = [weight for training, _, _, weight in net.seen if not training]
    best = max(epoch for epoch in range(8) if accuracies[epoch] == max(accuracies))
    assert torch.equal(torch.load("best.pt")["linear.weight"], weights[best])
    assert best < 7 or not turn  # with turned labels it is not simply the last


# ---- baselines and the network ---------------------------------------------------------------


def shown_accuracies(chapter, cell):
    """{name: (training, validation accuracy)} as a cell printed them."""
    return {line.split(" train")[0].strip(): numbers(line) for line in lines(chapter, cell)}


@pytest.mark.claim(zh="基线是两个线性模型。", en="The baselines are two linear models.")
@pytest.mark.claim(zh="一个只看整张图的平均颜色，一个看全部 3072 个数：", en="One sees the mean colour of the picture, the other all 3072 numbers:")
@pytest.mark.claim(zh="线性模型给每个位置一个固定的权重，而路牌不肯待在固定的位置。",
                   en="A linear model has a fixed weight for every place, and a sign will not stay in its place.")
def test_two_linear_models(chapter, drawn):
    names = chapter["baseline"].names
    color, pixels = names["mean_color"], names["pixels"]
    x = as_seen(names["images"][:50])
    with torch.no_grad():
        assert torch.allclose(color(x), x.mean(dim=(2, 3)) @ color[2].weight.T + color[2].bias, atol=1e-5)
        assert torch.allclose(pixels(x), x.reshape(50, 3072) @ pixels[1].weight.T + pixels[1].bias, atol=1e-4)
    assert pixels[1].weight.shape == (6, 3 * 32 * 32) and list(shown_accuracies(chapter, "baseline")) == ["mean colour", "pixels"]
    assert np.ptp(drawn.x) > 10 and np.ptp(drawn.y) > 10
    assert [(call.epochs, len(call.data)) for call in trials(chapter, "baseline")] == [(2, 2000)] * 2


@pytest.mark.claim(zh="六选一，瞎猜是 0.17。", en="One in six is 0.17.")
@pytest.mark.claim(zh="看颜色等于瞎猜，说明颜色没有泄题。", en="Going by colour is guessing, so the colour gives nothing away.")
@pytest.mark.claim(zh="看像素的，训练集上高出一大截，没见过的图上还是差不多在瞎猜：它背了题，没学会。",
                   en="Going by pixels does far better on the training set, and on pictures it has not seen is still close to guessing: it has learnt the "
                      "questions by heart, and no more.")
@pytest.mark.claim(zh="看像素的线性模型，就算把训练集全部背下，没见过的图认对的也不到四分之一。",
                   en="A linear model of pixels that knows the whole training set by heart still gets fewer than a quarter of unseen pictures right.")
def test_no_linear_model_can_tell_the_signs(chapter):
    color, pixels = shown_accuracies(chapter, "baseline").values()
    assert round(1 / len(chapter["draw"].names["classes"]), 2) == 0.17
    assert abs(color[0] - 1 / 6) < 0.06 and abs(color[1] - 1 / 6) < 0.06  # guessing
    assert pixels[0] > 0.33 and pixels[1] < 0.25 and pixels[0] > pixels[1] + 0.12  # by heart
    names = chapter["baseline"].names
    for row, model in ((color, "mean_color"), (pixels, "pixels")):
        shown = [(answers(names[model], names["images"][part]) == names["labels"][part]).float().mean().item() for part in (slice(2000), slice(2000, 2500))]
        assert row == pytest.approx(shown, abs=0.006)
    # and scikit-learn's, fitted to the end
    x, y = names["images"].numpy().astype(np.float32) / 127.5 - 1, names["labels"].numpy()
    train, rest = slice(0, 2000), slice(2000, 3500)
    by_color = LogisticRegression(max_iter=1000).fit(x[train].mean(axis=(2, 3)), y[train])
    assert by_color.score(x[rest].mean(axis=(2, 3)), y[rest]) < 0.24
    x = x.astype(float)
    by_pixels = RidgeClassifier(alpha=0.1).fit(x[train].reshape(2000, -1), y[train])
    assert by_pixels.score(x[train].reshape(2000, -1), y[train]) == 1
    assert by_pixels.score(x[rest].reshape(1500, -1), y[rest]) < 0.25


@pytest.mark.claim(zh="参数比看像素的线性模型还少。", en="It has fewer parameters than the linear model of pixels.")
@pytest.mark.claim(zh="卷积用同一组权重走遍全图，末尾的 AdaptiveMaxPool2d(1) 每个通道只留最大值：只问有没有，不问在哪里。",
                   en="Convolution walks over the picture with one set of weights, and at the end AdaptiveMaxPool2d(1) keeps the maximum of each channel: is it "
                      "there, no matter where?")
@pytest.mark.claim(zh="图也不必是 32 × 32，后面就用得上。", en="Nor need a picture be 32 × 32, which we shall use below.")
def test_the_network_is_smaller_than_the_linear_model_and_takes_other_sizes(chapter):
    net = chapter["cnn"].names["SmallCNN"](3, 6)
    convolutions = (3 * 25 + 1) * 16 + (16 * 9 + 1) * 32 + (32 * 9 + 1) * 32
    by_hand_ = convolutions + 2 * (16 + 32 + 32) + 6 * (32 + 1)
    assert [numbers(line)[0] for line in lines(chapter, "cnn")] == [by_hand_, 6 * (3072 + 1)] and by_hand_ < 6 * 3073
    block = ["BatchNorm2d", "ReLU"]
    assert [type(layer).__name__ for layer in net.features] == ["Conv2d", *block, "MaxPool2d", "Conv2d", *block, "Conv2d", *block,
                                                                "AdaptiveMaxPool2d", "Flatten"]
    stops, x = [], torch.randn(2, 3, 32, 32)
    for layer in net.features:
        x = layer(x)
        stops.append(tuple(x.shape[1:]))
    assert stops == [(16, 16, 16)] * 3 + [(16, 8, 8)] + [(32, 8, 8)] * 6 + [(32, 1, 1), (32,)]
    maps = net.eval().features[:-2](torch.randn(2, 3, 32, 32))
    assert isinstance(net.features[-2], nn.AdaptiveMaxPool2d)
    assert torch.equal(net.features[-2:](maps), maps.amax(dim=(2, 3)))  # is it there, no matter where
    assert net(torch.randn(2, 3, 28, 28)).shape == net(torch.randn(2, 3, 50, 70)).shape == (2, 6)
    assert chapter["digits-train"].names["digit_train"][0][0].shape[1:] != (32, 32)
    with torch.no_grad():  # one set of weights: 4 cells on is one cell of the last feature map
        sign = torch.zeros(1, 3, 64, 64)
        sign[..., 20:36, 20:36] = torch.randn(3, 16, 16)
        assert torch.allclose(net(sign), net(sign.roll((4, 8), dims=(2, 3))), atol=1e-5)


@pytest.mark.claim(zh="这一章教网络认彩色图。", en="This chapter teaches a network to read colour pictures.")
@pytest.mark.claim(zh="同一个循环，同一份数据，换成卷积网络，六轮就从瞎猜到九成以上。",
                   en="The same loop, the same data, and a CNN: in six epochs from guessing to more than nine in ten.")
def test_the_cnn_reads_more_than_nine_in_ten(chapter):
    names = chapter["train"].names
    shown = numbers(lines(chapter, "train")[0])
    right = [(answers(names["net"], names["images"][part]) == names["labels"][part]).float().mean().item() for part in (slice(2000), slice(2000, 2500))]
    assert shown == pytest.approx(right, abs=0.006) and min(shown) > 0.9 and names["images"].shape[1] == 3
    assert len(names["losses"]) == len(names["accuracies"]) == 6 and names["fit"] is chapter["baseline"].names["fit"]
    assert "fit(net, train_set," in chapter["train"].code and "fit(net, train_set," in chapter["baseline"].code


@pytest.mark.claim(zh="上面，训练损失一路下降。", en="Above, the training loss falls all the way.")
@pytest.mark.claim(zh="下面，验证准确率从虚线之上不远处升到 0.9 以上。",
                   en="Below, the validation accuracy rises from not far above the dashed line to more than 0.9.")
@pytest.mark.claim(zh="六轮里的训练损失和验证准确率。", en="Training loss and validation accuracy over six epochs.")
@pytest.mark.claim(zh="虚线是瞎猜。", en="The dashed line is guessing.")
def test_the_curves(chapter):
    names = chapter["train"].names
    (figure,) = chapter["curve"].figures
    upper, lower = figure.axes
    assert upper.lines[0].get_ydata().tolist() == names["losses"] and list(upper.lines[0].get_xdata()) == list(range(1, 7))
    assert lower.lines[0].get_ydata().tolist() == names["accuracies"] and list(lower.lines[0].get_xdata()) == list(range(1, 7))
    assert set(lower.lines[1].get_ydata()) == {1 / 6} and lower.lines[1].get_linestyle() == "--"
    assert upper.get_position().y0 > lower.get_position().y0
    assert all(a > b for a, b in zip(names["losses"], names["losses"][1:]))
    assert 1 / 6 < names["accuracies"][0] < 1 / 6 + 0.25 and names["accuracies"][-1] > 0.9
    assert (upper.get_ylabel(), lower.get_ylabel(), lower.get_xlabel()) == ("training loss", "val. accuracy", "epoch")


# ---- mistakes --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exam(chapter):
    """Of the test set: what is true and what the network said, as the chapter found, checked."""
    names = chapter["per-class"].names
    test = names["test_set"]
    guesses, truths = names["guesses"].numpy(), names["truths"].numpy()
    assert np.mean(answers(names["net"], test.images).numpy() == guesses) > 0.998 and truths.tolist() == test.labels.tolist()
    return SimpleNamespace(guesses=guesses, truths=truths, classes=names["classes"], images=names["images"][2500:])


@pytest.mark.claim(zh="抽屉打开，测试集只用这一次。", en="Open the drawer: the test set is used this once.")
@pytest.mark.claim(zh="总分之外，看各类准确率（per-class accuracy），也就是每一类的召回率：",
                   en="Beside the mark for all, look at per-class accuracy, which is the recall of each class:")
@pytest.mark.claim(zh="最差的一类比总分低，光看总分看不出来，所以要一行一行看。",
                   en="The worst class is below the mark for all, which does not show it, so read line by line.")
def test_per_class_accuracy(chapter, exam):
    cells = [cell for cell in chapter.project.cells(STEM).values() if "test_set" in cell.source]
    assert [cell.name for cell in cells] == ["cifar10", "signs", "per-class", "mistakes"]  # the last shows what was asked in the one before
    (all_,) = numbers(lines(chapter, "per-class")[0])
    assert all_ == pytest.approx((exam.guesses == exam.truths).mean(), abs=0.006) and all_ > 0.9
    shares = []
    for label, line in enumerate(lines(chapter, "per-class")[1:]):
        share, count = numbers(line)
        found = ((exam.truths == label) & (exam.guesses == label)).sum()  # recall: found, of those that there are
        assert line.split()[0] == exam.classes[label] and count == (exam.truths == label).sum()
        assert share == pytest.approx(found / count, abs=0.006)
        shares.append(share)
    assert len(shares) == 6 and min(shares) < all_ - 0.02


@pytest.mark.claim(zh="总分之外，看各类准确率、最容易混的一对、认错的图；有了猜想就量。",
                   en="Beside the mark for all, look at per-class accuracy, the worst pair and the misread pictures; when you have a guess, measure it.")
def test_the_worst_pair(chapter, exam):
    table = np.zeros((6, 6), dtype=int)
    np.add.at(table, (exam.truths, exam.guesses), 1)
    assert chapter["worst-pair"].names["confusion"].tolist() == table.tolist()
    both = {(a, b): table[a, b] + table[b, a] for a in range(6) for b in range(a + 1, 6)}
    shown = [re.match(r"(\w+) taken for (\w+): (\d+)$", line).groups() for line in lines(chapter, "worst-pair")[:2]]
    a, b = exam.classes.index(shown[0][0]), exam.classes.index(shown[0][1])
    assert both[a, b] == max(both.values()) and shown[1][:2] == shown[0][1::-1]
    assert [int(entry[2]) for entry in shown] == [table[a, b], table[b, a]]
    pairs = chapter["worst-pair"].names["pairs"]
    assert all(pairs[pair] == count for pair, count in both.items()) and pairs.sum() == sum(both.values())
    assert lines(chapter, "worst-pair")[2] == f"mistakes in all: {(exam.guesses != exam.truths).sum()}"
    names = [cell.name for cell in chapter.project.cells(STEM).values()]
    order = [names.index(name) for name in ("per-class", "worst-pair", "contrast", "mistakes")]
    assert order == list(range(order[0], order[0] + 4))


@pytest.mark.claim(zh="我猜：颜色跟背景太近。", en="My guess: a colour too close to the background.")
@pytest.mark.claim(zh="认错的那些，平均对比度低了三分之一以上。", en="Those it misread have, on average, more than a third less contrast.")
@pytest.mark.claim(zh="猜对了一半：对比度比测试集的中位数还高的图里，它也有认错的。",
                   en="The guess is half right: among pictures with more contrast than the median of the test set it misread some too.")
def test_the_misread_pictures_have_less_contrast(chapter, exam):
    contrast, wrong = chapter["contrast"].names["contrasts"][2500:].numpy(), exam.guesses != exam.truths
    right, missed = (numbers(line)[0] for line in lines(chapter, "contrast"))
    assert lines(chapter, "contrast")[0].startswith("read correctly") and lines(chapter, "contrast")[1].startswith("missed")
    assert [right, missed] == pytest.approx([contrast[~wrong].mean(), contrast[wrong].mean()], abs=0.6)
    assert missed < 2 / 3 * right
    assert (contrast[wrong] > np.median(contrast)).sum() >= 2


@pytest.mark.claim(zh="最后看图：", en="Last, look at the pictures:")
@pytest.mark.claim(zh="两行小图，共八张，标题写着答案和网络的说法；多数路牌的对比度低于测试集的平均。",
                   en="Two rows of small pictures, eight in all, titled with the answer and what the network said; most of the signs have less contrast than "
                      "the average of the test set.")
@pytest.mark.claim(zh="认错的图。is 是答案，says 是网络说的。", en="Misread pictures: what each is, and what the network says.")
def test_the_misread_pictures(chapter, exam):
    (figure,) = chapter["mistakes"].figures
    which = np.flatnonzero(exam.guesses != exam.truths)[:8]
    assert len(which) == len(figure.axes) == 8 and len({round(axes.get_position().y0, 3) for axes in figure.axes}) == 2
    for i, axes in zip(which, figure.axes):
        assert axes.get_title() == f"is {exam.classes[exam.truths[i]]},\nsays {exam.classes[exam.guesses[i]]}"
        assert np.array_equal(axes.images[0].get_array(), exam.images[i].permute(1, 2, 0).numpy())
    contrast = chapter["contrast"].names["contrasts"][2500:].numpy()
    assert (contrast[which] < contrast.mean()).sum() > 4


# ---- a picture of one's own ------------------------------------------------------------------


@pytest.fixture(scope="module")
def mine(chapter):
    """The file that the chapter wrote."""
    return Image.open(f"{chapter.folder.name}/mine.png")


@pytest.mark.claim(zh="训练好的网络，是要拿来认新图的。", en="A trained network is there to read new pictures.")
@pytest.mark.claim(zh="下面画一支指向左边的箭头，存成 640 × 480 的文件，代替你自己的照片：",
                   en="An arrow to the left, drawn here and saved as a file of 640 × 480, stands for a photograph of yours:")
@pytest.mark.claim(zh="答对了。", en="Right.")
def test_the_picture_of_ones_own_is_an_arrow_to_the_left_and_is_read_as_one(chapter, mine):
    assert mine.size == (640, 480)
    pixels = np.asarray(mine).astype(int)
    gold = pixels[..., 0] > pixels[..., 2]  # on blue
    left = Polygon(np.array(OUTLINES[4]) * 150 + [320, 240])  # the outline of the signs, 150 to a unit
    assert (left.contains_points(np.stack(np.mgrid[:640, :480], axis=-1).reshape(-1, 2)).reshape(640, 480).T == gold).mean() > 0.996
    assert not np.array_equal(gold, gold[:, ::-1]) and 0.1 < gold.mean() < 0.2
    assert lines(chapter, "own")[-1] == "it says: left"
    seen = as_seen(chapter["own"].names["images"])  # and it is new
    assert not (chapter["own"].names["x"] - seen).flatten(1).abs().sum(dim=1).eq(0).any()


@pytest.mark.claim(zh="从文件到类名：读成 RGB，缩小，裁成正方形，过 to_tensor；unsqueeze(0) 补上批次那一维；softmax 把分数变成概率，最大的那一个就是答案。",
                   en="From the file to the name of a class: read it as RGB, scale it down and cut it square, pass it through to_tensor; unsqueeze(0) adds the "
                      "batch dimension; softmax makes scores into probabilities, and the largest is the answer.")
@pytest.mark.claim(zh="权重从 best.pt 取，取完先 eval()：", en="The weights come from best.pt, and then first of all eval():")
@pytest.mark.claim(zh="Resize(32) 把短边缩到 32，CenterCrop(32) 裁掉左右多出来的，好让新图和训练时见过的图一样大。",
                   en="Resize(32) makes the shorter side 32 and CenterCrop(32) cuts off what is left over at both sides, so that the new picture is as large as "
                      "those seen in training.")
def test_from_a_file_to_the_name_of_a_class(chapter, mine):
    names = chapter["own"].names
    assert v2.Resize(32)(mine).size == (42, 32)
    small = np.asarray(mine.convert("RGB").resize((42, 32), Image.Resampling.BILINEAR))[:, 5:37]  # 5 columns off at each side
    x = names["x"]
    assert x.shape == names["train_set"][0][0].shape == (3, 32, 32)
    assert np.allclose(x, small.transpose(2, 0, 1) / 127.5 - 1, atol=1e-5)
    assert x.unsqueeze(0).shape == (1, 3, 32, 32)
    saved = torch.load(f"{chapter.folder.name}/best.pt")
    assert all(torch.equal(saved[name], value) for name, value in names["best"].state_dict().items())
    assert not names["best"].training and names["accuracies"].index(max(names["accuracies"])) == 5  # here the last epoch was the best
    assert all(torch.equal(saved[name], value.cpu()) for name, value in names["net"].state_dict().items())
    with torch.no_grad():
        scores = names["best"](x.unsqueeze(0))[0].double().numpy()
    expected = np.exp(scores) / np.exp(scores).sum()
    assert np.allclose(names["probabilities"], expected, atol=1e-5)
    shown = lines(chapter, "own")
    assert [line.split()[0] for line in shown[:6]] == names["classes"] and [numbers(line)[0] for line in shown[:6]] == pytest.approx(expected, abs=6e-4)
    assert shown[6] == f"it says: {names['classes'][expected.argmax()]}"


@pytest.mark.claim(zh="概率加起来总是 1，里面没有“都不是”：给它一张没有路牌的图，它照样报一类。",
                   en="The probabilities always add up to 1, and none of them is “none of these”: given a picture without a sign, the network still names a class.")
def test_a_picture_without_a_sign_gets_a_class_too(chapter):
    names = chapter["own"].names
    with torch.random.fork_rng(), torch.no_grad():
        empty = names["backgrounds"](50).permute(0, 3, 1, 2)
        probabilities = names["best"](as_seen(empty)).softmax(dim=1)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(50)) and probabilities.shape == (50, 6)
    assert all(names["classes"][k] in ("disc", "ring", "square", "triangle", "left", "right") for k in probabilities.argmax(dim=1))


@pytest.mark.claim(zh="少了批次那一维。", en="No batch dimension.")
@pytest.mark.claim(zh="把一张图直接交给网络，忘了 unsqueeze(0)：", en="One picture handed straight to the network, without unsqueeze(0):")
@pytest.mark.claim(zh="拦下它的是 BatchNorm2d：它要四维的 (N, C, H, W)，来的却是三维。",
                   en="It is BatchNorm2d that stops it: it wants four dimensions, (N, C, H, W), and got three.")
def test_one_picture_without_a_batch_dimension(chapter):
    names, error = chapter["no-batch"].names, chapter["no-batch"].error
    assert type(error) is ValueError and str(error) == "expected 4D input (got 3D input)"
    features = names["best"].features
    assert features[0](names["x"]).dim() == 3 and isinstance(features[1], nn.BatchNorm2d)  # the convolution lets it through
    with pytest.raises(ValueError, match=re.escape(str(error))):
        features[1](features[0](names["x"]))
    assert names["best"](names["x"].unsqueeze(0)).shape == (1, 6) and "(N, C, H, W)" in nn.BatchNorm2d.__doc__.replace("`", "")


@pytest.mark.claim(zh="通道数不对。", en="The wrong number of channels.")
@pytest.mark.claim(zh="带透明度的 PNG 有四个通道，Conv2d 会说 expected input[1, 4, 32, 32] to have 3 channels, but got 4 channels instead。",
                   en="A PNG with transparency has four channels, and Conv2d says expected input[1, 4, 32, 32] to have 3 channels, but got 4 channels instead.")
@pytest.mark.claim(zh="打开时 convert(\"RGB\")，就只剩三个。", en="Open it with convert(\"RGB\"), and three are left.")
def test_a_png_with_transparency(chapter, tmp_path):
    names = chapter["own"].names
    Image.new("RGBA", (64, 48), (10, 20, 30, 40)).save(tmp_path / "clear.png")
    picture = Image.open(tmp_path / "clear.png")
    x = names["to_input"](picture).unsqueeze(0)
    assert x.shape == (1, 4, 32, 32)
    with pytest.raises(RuntimeError, match=re.escape("expected input[1, 4, 32, 32] to have 3 channels, but got 4 channels instead")):
        names["best"](x)
    with pytest.raises(RuntimeError, match="to have 3 channels"):
        names["best"].features[0](x)
    assert names["best"](names["to_input"](picture.convert("RGB")).unsqueeze(0)).shape == (1, 6)


# ---- augmentation ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def changed(chapter):
    """The rows of pictures in the figure, (3, 6) arrays, and the arrow that they were made of."""
    (figure,) = chapter["augment"].figures
    names = chapter["augment"].names
    arrow = names["images"][names["labels"] == 4][0].permute(1, 2, 0).numpy()
    assert len(figure.axes) == 18
    rows = [[axes.images[0].get_array() for axes in figure.axes[6 * row:6 * row + 6]] for row in range(3)]
    return SimpleNamespace(rows=rows, arrow=arrow, titles=[axes.get_title(loc="left") for axes in figure.axes[::6]])


@pytest.mark.claim(zh="试三种变换：", en="Three changes to try:")
@pytest.mark.claim(zh="各变五次，每行最左边是原图：", en="Five times each; the leftmost in each row is the original:")
@pytest.mark.claim(zh="三行六列同一个左箭头。", en="Three rows of six, all made of one arrow to the left.")
@pytest.mark.claim(zh="从上到下：随机裁剪、颜色抖动、左右翻转。", en="From the top: random crop, colour jitter, horizontal flip.")
def test_the_figure_of_augmentations(chapter, changed):
    assert all(len(row) == 1 + 5 and np.array_equal(row[0], changed.arrow) for row in changed.rows)
    assert changed.titles == ["RandomCrop", "ColorJitter", "RandomHorizontalFlip"]
    jitter = chapter["changes"].names["jitter"]
    assert jitter.brightness == jitter.contrast == jitter.saturation == (0.6, 1.4) and jitter.hue is None
    changes = [value for value in chapter["changes"].names.values() if isinstance(value, v2.Transform)]
    assert [type(change).__name__ for change in changes if not isinstance(change, v2.Compose)][-3:] == changed.titles
    names = chapter["augment"].names
    assert names["classes"][names["labels"][(names["labels"] == 4).nonzero()[0].item()]] == "left"


@pytest.mark.claim(zh="第一行挪了位置，空出的边是黑的；第二行变了颜色和明暗；第三行有几张箭头朝了右。",
                   en="In the first it has been shifted, with black where nothing was; in the second, colour and brightness differ; in the third, some of the "
                      "arrows point right.")
@pytest.mark.claim(zh="图不够时，可以从旧图变出新图：随机挪一挪，改改亮度，左右翻转。",
                   en="When pictures are few, make new ones of the old: shift them at random, change the brightness, flip left and right.")
@pytest.mark.claim(zh="第三行有几张箭头朝右了，标签却还是 left：翻转改了答案。",
                   en="In the third row some of the arrows point right, and their label still says left: the flip has changed the answer.")
def test_what_each_augmentation_changes(chapter, changed):
    arrow = changed.arrow
    padded = np.pad(arrow, ((4, 4), (4, 4), (0, 0)))  # black around it
    shifts = [padded[i:i + 32, j:j + 32] for i in range(9) for j in range(9)]
    assert all(any(np.array_equal(image, shift) for shift in shifts) for image in changed.rows[0])
    assert sum(not np.array_equal(image, arrow) for image in changed.rows[0][1:]) >= 4
    assert all(image.shape == arrow.shape and not np.array_equal(image, arrow) for image in changed.rows[1][1:])
    assert len({round(float(image.mean()), 1) for image in changed.rows[1]}) == 6  # brighter or darker
    mirrored = [np.array_equal(image, arrow[:, ::-1]) for image in changed.rows[2]]
    assert all(flipped or np.array_equal(image, arrow) for flipped, image in zip(mirrored, changed.rows[2]))
    assert 2 <= sum(mirrored) <= 5  # some of the arrows point right
    names = chapter["gain"].names
    flipped = names["Pictures"](names["images"][:300], names["labels"][:300], names["flip"])
    lefts = [i for i in range(300) if names["labels"][i] == 4]
    assert all(flipped[i][1] == 4 for i in lefts)  # and the label stays


@pytest.mark.claim(zh="内容变了，答案不变，这叫数据增强（data augmentation）。", en="The picture changes, the answer does not; this is data augmentation.")
@pytest.mark.claim(zh="马翻过来还是马；“左转”翻过来，就不是“左转”了。", en="A horse flipped is still a horse; “turn left” flipped is no longer “turn left”.")
def test_a_flipped_left_arrow_is_a_right_arrow_and_the_rest_stay_what_they_are(chapter):
    """Seen by a network that never saw a flip."""
    names = chapter["train"].names
    of = {label: names["test_set"].images[names["test_set"].labels == label] for label in range(6)}
    for label, other in ((4, 5), (5, 4)):
        assert (answers(names["net"], of[label].flip(3)) == other).float().mean() > 0.8
    for label in range(4):
        assert (answers(names["net"], of[label].flip(3)) == label).float().mean() > 0.8
        assert (answers(names["net"], of[label].roll(2, dims=3)) == label).float().mean() > 0.8


@pytest.mark.claim(zh="只给 300 张图，三种喂法，从同一个种子出发：", en="Only 300 pictures, fed in three ways, from one and the same seed:")
def test_three_ways_to_feed_300_pictures(chapter):
    calls = trials(chapter, "gain")
    assert len(calls) == 3 and all(len(call.data) == 300 and call.epochs == 20 and not call.others for call in calls)
    for call in calls[1:]:
        assert all(torch.equal(a, b) for a, b in zip(call.start, calls[0].start))  # the same weights to begin with
        assert call.data.images is calls[0].data.images and call.data.labels is calls[0].data.labels
    names = chapter["gain"].names
    assert torch.equal(calls[0].data.images, names["images"][:300])
    steps = [[type(step).__name__ for step in call.data.transform.transforms] for call in calls]
    assert "RandomCrop" not in steps[0] and steps[1] == ["RandomCrop", "Compose"] and steps[2] == ["RandomCrop", "RandomHorizontalFlip", "Compose"]


@pytest.mark.claim(zh="第一行，训练集几乎全对，验证集差得远：300 张，背下来并不难。",
                   en="First line: nearly everything right in training, far from it in validation, for 300 pictures are soon learnt by heart.")
@pytest.mark.claim(zh="第二行，随机裁剪（random crop）每次取图都重新剪，验证准确率高了一截，而一张新图也没有加。",
                   en="Second: a random crop cuts each picture anew every time it is fetched, and the validation accuracy is clearly higher, though not one "
                      "picture was added.")
@pytest.mark.claim(zh="第三行再加翻转，赚来的又赔了回去。", en="Third: with the flip too, the gain is gone again.")
def test_a_crop_helps_where_pictures_are_few_and_a_flip_takes_it_back(chapter):
    names, shown = chapter["gain"].names, shown_accuracies(chapter, "gain")
    assert list(shown) == ["as they are", "crop", "crop, flip"]
    plain, crop, flip = shown.values()
    for name, row in shown.items():
        right = [(answers(names["nets"][name], names["images"][part]) == names["labels"][part]).float().mean().item()
                 for part in (slice(300), slice(2000, 2500))]
        assert row == pytest.approx(right, abs=0.011)
    assert plain[0] >= 0.97 and plain[1] < plain[0] - 0.25
    assert crop[1] > plain[1] + 0.05
    assert flip[1] < crop[1] - 0.05 and flip[1] < plain[1] + 0.02
    data = names["Pictures"](names["images"][:300], names["labels"][:300], v2.Compose([names["crop"], names["to_tensor"]]))
    assert len({data[0][0].numpy().tobytes() for _ in range(20)}) > 10 and len(data) == 300


@pytest.mark.claim(zh="加了翻转，两种箭头认对的不到一半，掉得比别的类都多，因为训练时它们的标签大约有一半是错的。",
                   en="With the flip, fewer than half of either arrow are right, and they lost more than any other class, because in training about half of their "
                      "labels were wrong.")
def test_the_flip_hits_the_arrows_alone(chapter):
    names = chapter["gain"].names
    truths, shown = names["labels"][2000:2500], {}
    for line in lines(chapter, "flip"):
        if line in names["nets"]:
            guesses, found = answers(names["nets"][line], names["images"][2000:2500]), []
            shown[line] = found
        else:
            k = len(found)
            assert line.split()[0] == names["classes"][k]
            found.append(numbers(line)[0])
            assert found[k] == pytest.approx(((guesses == k) & (truths == k)).sum().item() / (truths == k).sum().item(), abs=0.025)
    assert list(shown) == ["crop", "crop, flip"] and len(shown["crop"]) == len(shown["crop, flip"]) == 6
    lost = [a - b for a, b in zip(shown["crop"], shown["crop, flip"])]
    assert min(lost[4:]) > 2 * max(map(abs, lost[:4])) and max(shown["crop, flip"][4:]) < 0.5
    arrow = names["images"][4]
    turned = sum(not torch.equal(names["flip"](arrow), arrow) for _ in range(400))
    assert 150 < turned < 250


@pytest.mark.claim(zh="把 jitter 加进 Compose 自己量。",
                   en="Put jitter into a Compose and measure it yourself, on the validation set and not on the test set: to choose is to learn.")
@pytest.mark.claim(zh="另外，增强只给训练集；random_split 切开的两份共用一个变换，分开的办法在数据一章。",
                   en="And augment only the training set; the two parts of a random_split share one transform, and how to give each its own is in Data.")
def test_who_is_augmented(chapter):
    names = chapter["gain"].names
    jittered = names["Pictures"](names["images"][:10], names["labels"][:10], v2.Compose([names["jitter"], names["to_tensor"]]))
    assert jittered[0][0].shape == (3, 32, 32) and not torch.equal(jittered[0][0], names["train_set"][0][0])
    assert torch.equal(names["val_set"][3][0], names["val_set"][3][0]) and names["val_set"].transform is names["to_tensor"]
    assert "test_set" not in chapter["gain"].code and "val_set" in chapter["gain"].code  # what was chosen by
    whole = names["Pictures"](names["images"][:10], names["labels"][:10], names["to_tensor"])
    train, val = random_split(whole, [0.8, 0.2])
    whole.transform = lambda image: "changed"
    assert train[0][0] == val[0][0] == "changed"
    assert any("Subset(ImageFolder(" in cell.source for cell in chapter.project.cells("training/data").values())
    part = page_of(chapter, "training/data").split("{#statistics}")[1].split("\n## ")[0]
    assert "own-transforms" in part.split("\n### ")[0] and "data.md#statistics" in page_of(chapter, STEM).split("{#augment}")[1].split("\n## ")[0]


# ---- regularisation --------------------------------------------------------------------------


@pytest.mark.claim(zh="对付背题，还有两样常用的工具，合称正则化（regularisation）：dropout 在训练时把一些数随机变成 0，权重衰减每步把权重往 0 拉一点。",
                   en="Two more common tools against learning by heart go by the name of regularisation: in training, dropout sets some numbers to 0 at random, and "
                      "weight decay pulls the weights a little towards 0 at every step.")
@pytest.mark.claim(zh="一次只加一样，图、轮数和三个种子都不变：", en="Add one at a time, with the same pictures, epochs and three seeds:")
def test_one_at_a_time_and_all_else_the_same(chapter):
    calls = trials(chapter, "regularise")
    assert len(calls) == 9
    for i, call in enumerate(calls):
        way, seed = divmod(i, 3)
        assert all(torch.equal(a, b) for a, b in zip(call.start, calls[seed].start))  # the seed gives the weights, whatever the way
        assert call.epochs == 10 and torch.allclose(call.data.tensors[0], as_seen(chapter["gain"].names["images"][:300]), atol=1e-6)
        assert (call.net.scores[0].p, call.others) == [(0, {"weight_decay": 0}), (0.2, {"weight_decay": 0}), (0, {"weight_decay": 1})][way]
    assert not any(torch.equal(calls[0].start[0], calls[seed].start[0]) for seed in (1, 2))
    x = torch.ones(10000)
    assert 0.15 < (nn.Dropout(0.2)(x) == 0).float().mean() < 0.25 and torch.equal(nn.Dropout(0.2).eval()(x), x)
    weight = nn.Parameter(torch.tensor([2.0, -1.0]))
    optimizer = torch.optim.AdamW([weight], lr=0.01, weight_decay=1)
    for k in (1, 2):  # at every step, where the loss asks for nothing
        weight.grad = torch.zeros(2)
        optimizer.step()
        assert torch.allclose(weight, torch.tensor([2.0, -1.0]) * 0.99**k)


def regularised(chapter):
    """{way: (three training accuracies, three validation accuracies)} as printed, with the mean checked."""
    rows = {}
    for line in lines(chapter, "regularise"):
        way, *values, mean = line.split()[0], *numbers(line)
        rows[way] = values[:3], values[3:]
        assert len(values) == 6 and mean == pytest.approx(np.mean(values[3:]), abs=0.011)
    assert list(rows) == ["neither", "dropout", "decay"]
    return rows


@pytest.mark.claim(zh="加了 dropout，训练和验证的准确率都低了，三个种子无一例外：只有 10 轮，它还没学会，谈不上背题。",
                   en="With dropout both training and validation accuracy are lower, for each of the three seeds: after only 10 epochs it has not yet learnt, let "
                      "alone by heart.")
@pytest.mark.claim(zh="权重衰减那一行，训练准确率低了一些，三次验证和什么都不加的三次混在一起，分不出高下。",
                   en="With weight decay training accuracy is somewhat lower, and the three validation results mingle with the three of neither, so that none is "
                      "better.")
@pytest.mark.claim(zh="10 轮里，两样都没帮上忙，不量还不知道。", en="In 10 epochs neither helped, which only measuring could tell.")
def test_what_regularisation_gave(chapter):
    rows = regularised(chapter)
    for part in (0, 1):
        assert all(with_ < without for with_, without in zip(rows["dropout"][part], rows["neither"][part]))
    assert max(rows["dropout"][0]) < 0.8  # far from knowing its 300 pictures
    train, val = ({way: row[part] for way, row in rows.items()} for part in (0, 1))
    assert 0.03 < np.mean(train["neither"]) - np.mean(train["decay"]) < 0.15
    assert min(val["neither"]) <= max(val["decay"]) and min(val["decay"]) <= max(val["neither"])  # they overlap
    assert np.mean(val["dropout"]) < np.mean(val["neither"]) and np.mean(val["decay"]) < np.mean(val["neither"]) + 0.01


@pytest.mark.claim(zh="练 20 轮，就不一样了：加了 dropout 的，300 张已认对九成以上；权重衰减明显有用。",
                   en="In 20 it is another matter: with dropout, more than nine tenths of the 300 are right "
                      "by then, and weight decay clearly helps.")
@pytest.mark.claim(zh="网络变了，轮数变了，都要重新量。", en="With another network, or more epochs, measure again.")
def test_twenty_epochs_say_something_else(chapter):
    names = chapter["regularise"].names

    def trial(p, decay, seed):
        torch.manual_seed(seed)
        net = names["SmallCNN"](3, 6)
        net.scores = nn.Sequential(nn.Dropout(p), net.scores)
        names["fit"](net, names["few_set"], epochs=20, weight_decay=decay)
        return [names["accuracy"](net, names[part]) for part in ("few_set", "val_set")]

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # such small networks train no faster with more
    try:
        with torch.random.fork_rng():
            for seed in (0, 2):
                assert trial(0, 1, seed)[1] > trial(0, 0, seed)[1] + 0.05
            assert trial(0.2, 0, 0)[0] > 0.9 > max(regularised(chapter)["dropout"][0])  # in 20 epochs, and in 10
    finally:
        torch.set_num_threads(threads)


def test_two_of_the_nine_again(chapter):
    """In a loop of our own, with the chapter's network and optimizer but for what is tried."""
    names, rows = chapter["regularise"].names, regularised(chapter)
    x, y = as_seen(names["images"][:300]), names["labels"][:300]
    for way, seed, p, decay in (("dropout", 1, 0.2, 0.0), ("decay", 2, 0.0, 1.0)):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            net = names["SmallCNN"](3, 6)
            optimizer = torch.optim.AdamW(net.parameters(), weight_decay=decay)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=100)
            for _ in range(10):
                net.train()
                for a, b in DataLoader(TensorDataset(x, y), 32, shuffle=True):
                    scores = net.scores(nn.functional.dropout(net.features(a), p))
                    loss = nn.functional.cross_entropy(scores, b)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    schedule.step()
        right = [(answers(net, names["images"][part]) == names["labels"][part]).float().mean().item() for part in (slice(300), slice(2000, 2500))]
        assert [rows[way][part][seed] for part in (0, 1)] == pytest.approx(right, abs=0.03)


@pytest.mark.claim(zh="数据增强和正则化都要上秤；会改答案的变换，不要用。",
                   en="Weigh augmentation and regularisation on real numbers, and use no change that alters the answer.")
def test_of_four_means_one_paid(chapter):
    plain, crop, flip = (row[1] for row in shown_accuracies(chapter, "gain").values())
    assert crop > plain + 0.05 and flip < crop - 0.05
    neither, *others = (np.mean(row[1]) for row in regularised(chapter).values())
    assert all(mean < neither + 0.01 for mean in others)


# ---- MNIST -----------------------------------------------------------------------------------


def idx(array):
    """An array of bytes in MNIST's format, written with struct: 0, 0, 8 (bytes), the number of axes, then their lengths."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def write_mnist(folder, compress):
    rng = np.random.default_rng(3)
    folder.mkdir(parents=True)
    data, sums = {}, []
    for part, n in (("train", 30), ("t10k", 12)):
        data[f"{part}-images-idx3-ubyte"] = rng.integers(0, 256, (n, 28, 28))
        data[f"{part}-labels-idx1-ubyte"] = rng.permutation(n) % 10
    for name, array in data.items():
        if compress:
            packed = gzip.compress(idx(array))
            (folder / f"{name}.gz").write_bytes(packed)
            sums.append((f"{name}.gz", md5(packed)))
        else:
            (folder / name).write_bytes(idx(array))
    return data, sums


@pytest.mark.ledger("n1-27")
@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.claim(zh="学习路线的第二步：自己写一个简单的例子，比如 MNIST。", en="Step two of the roadmap: write one simple example of your own, MNIST say.")
@pytest.mark.claim(zh="MNIST 是 28 × 28 的灰度手写数字，打开的写法和 CIFAR-10 一样（自己拿到的四个 .gz，放进 data/MNIST/raw）：",
                   en="MNIST is handwritten digits in grey, 28 × 28, and opens just like CIFAR-10 (if you fetch its four .gz files yourself, they go into "
                      "data/MNIST/raw):")
@pytest.mark.claim(zh="torchvision 一行打开 CIFAR-10 和 MNIST；验证集自己留。",
                   en="Torchvision opens CIFAR-10 and MNIST in a line; the validation set is yours to hold out.")
def test_the_mnist_cell_reads_the_data_sets_own_files(chapter, offline, monkeypatch, tmp_path, capsys, compress):
    assert "第二步" in said(chapter, "n1-27", "zh") and "MNIST" in said(chapter, "n1-27", "zh") and "step 2" in said(chapter, "n1-27", "en")
    assert fact("training/image-classifier", "mnist")["side"] == 28 and fact("training/image-classifier", "mnist")["levels"] == "grey"
    assert len(datasets.MNIST.resources) == 4 and all(name.endswith(".gz") for name, _ in datasets.MNIST.resources)
    mnist, cifar = ([line.split(" = ")[1] for line in code(chapter, cell).splitlines() if f"datasets.{name}(" in line]
                    for cell, name in (("mnist", "MNIST"), ("cifar10", "CIFAR10")))
    assert [line.replace("MNIST", "CIFAR10") for line in mnist] == cifar and len(cifar) == 2
    assert list(inspect.signature(datasets.CIFAR10).parameters)[1] == "train"  # two parts, and no third
    data, sums = write_mnist(tmp_path / "data/MNIST/raw", compress)
    if compress:
        monkeypatch.setattr(datasets.MNIST, "resources", sums)
    names = dict(chapter["setup"].names)
    exec(code(chapter, "mnist"), names)
    assert capsys.readouterr().out.strip() == "30 12 torch.Size([1, 28, 28])" and not offline
    for part, name in (("train", "digit_train"), ("t10k", "digit_test")):
        for i, (picture, label) in enumerate(names[name]):
            assert np.allclose(picture[0], data[f"{part}-images-idx3-ubyte"][i] / 127.5 - 1, atol=1e-6)
            assert label == data[f"{part}-labels-idx1-ubyte"][i]


@pytest.mark.ledger("n1-27")
@pytest.mark.claim(zh="训练的三行，对两份数据一字不差。", en="The three lines of training are the same for both, word for word.")
def test_the_training_lines_run_on_mnist_too(chapter, offline, tmp_path, capsys):
    write_mnist(tmp_path / "data/MNIST/raw", compress=False)
    assert len(chapter["digits-train"].code.strip().splitlines()) == 3
    names = dict(chapter["cnn"].names)
    exec(code(chapter, "mnist"), names)
    capsys.readouterr()
    exec(code(chapter, "digits-train"), names)
    assert re.fullmatch(r"accuracy [01]\.\d\d\n", capsys.readouterr().out) and names["digit_train"][0][0].shape == (1, 28, 28)


@pytest.mark.ledger("n1-27")
@pytest.mark.claim(zh="LeNet 那一章用过 scikit-learn 的 1797 个真实手写数字，8 × 8。", en="LeNet used the 1797 real handwritten digits of scikit-learn, 8 × 8.")
@pytest.mark.claim(zh="装进前面的 Pictures：", en="They go into our Pictures:")
def test_scikit_learns_digits(chapter):
    names, digits = chapter["digits"].names, load_digits()
    assert digits.images.shape == (1797, 8, 8) and "hand-written digits" in digits.DESCR
    assert any("load_digits" in cell.source for cell in chapter.project.cells("networks/lenet").values())
    assert lines(chapter, "digits") == ["1500 297 torch.Size([1, 8, 8])"]
    order = names["order"].tolist()
    assert sorted(order) == list(range(1797)) and order != sorted(order)
    for data, chosen in ((names["digit_train"], order[:1500]), (names["digit_test"], order[1500:])):
        assert type(data) is chapter["signs"].names["Pictures"] and len(data) == len(chosen)
        for i in (0, 1, 7, len(chosen) - 1):
            picture, label = data[i]
            assert label == digits.target[chosen[i]]
            assert abs(picture[0].numpy() - (digits.images[chosen[i]] / 8 - 1)).max() <= 0.5 / 127.5 + 1e-6


@pytest.mark.ledger("n1-27")
@pytest.mark.claim(zh="一个通道，十类：", en="One channel, ten classes:")
@pytest.mark.claim(zh="九成以上。", en="More than nine in ten.")
@pytest.mark.claim(zh="图从 32 × 32 变成 8 × 8，彩色变成灰度，循环一行没动。",
                   en="Pictures went from 32 × 32 to 8 × 8 and from colour to grey, and not a line of the loop has changed.")
def test_the_same_loop_learns_digits(chapter):
    names = chapter["digits-train"].names
    (shown,) = numbers(lines(chapter, "digits-train")[0])
    net, test = names["digit_net"], names["digit_test"]
    assert shown == pytest.approx((answers(net, test.images) == test.labels).float().mean().item(), abs=0.011) and shown > 0.9
    assert type(net) is chapter["cnn"].names["SmallCNN"] and names["fit"] is chapter["fit"].names["fit"]
    assert [(call.epochs, len(call.data)) for call in trials(chapter, "digits-train")] == [(3, 1500)]
    assert net.features[0].in_channels == 1 and net.scores.out_features == 10 and set(test.labels.tolist()) == set(range(10))
    assert names["train_set"][0][0].shape == (3, 32, 32) and test[0][0].shape == (1, 8, 8)


@pytest.mark.claim(zh="ImageFolder 打开（见数据），缩放到一样大，交给同一个 fit。",
                   en="Open them with ImageFolder (see Data), scale them to one size, and give them to the same fit.")
@pytest.mark.claim(zh="自己的图写一个 Dataset，循环照用；认一张新图，先过同样的变换，再补批次那一维。",
                   en="Pictures of your own take a Dataset, and the loop stays as it is; a new picture first takes the same transform, then the batch dimension.")
def test_pictures_in_folders_go_into_the_same_fit(chapter, tmp_path):
    names = chapter["draw"].names
    with torch.random.fork_rng():
        images, labels, _ = names["draw"](60)
    for i, (image, label) in enumerate(zip(images, labels)):
        folder = tmp_path / names["classes"][label]
        folder.mkdir(exist_ok=True)
        size = (32, 32) if i else (40, 56)  # not all of one size
        Image.fromarray(image.permute(1, 2, 0).numpy()).resize(size).save(folder / f"{i:03}.png")
    uneven = datasets.ImageFolder(tmp_path, transform=chapter["setup"].names["to_tensor"])
    net, fit = chapter["cnn"].names["SmallCNN"](3, 6), chapter["fit"].names["fit"]
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        fit(net, uneven, epochs=1)
    folders = datasets.ImageFolder(tmp_path, transform=chapter["own"].names["to_input"])
    assert folders.classes == sorted(names["classes"]) and len(folders) == 60
    for i in (17, 59):
        number = int(folders.samples[i][0][-7:-4])
        assert torch.allclose(folders[i][0], as_seen(images[number]), atol=1e-6) or number == 0
        assert folders.classes[folders[i][1]] == names["classes"][labels[number]]
    fit(net, folders, epochs=1)
    assert chapter["accuracy"].names["predict"](net, folders)[1].tolist() == folders.targets
    assert "ImageFolder" in "".join(cell.source for cell in chapter.project.cells("training/data").values())
    assert chapter["own"].names["to_input"].transforms[-1] is chapter["setup"].names["to_tensor"]
    with pytest.raises(ValueError):
        net(folders[0][0])
    assert net(folders[0][0].unsqueeze(0)).shape == (1, 6)


@pytest.mark.claim(zh="先量基线。", en="Measure a baseline first.")
@pytest.mark.claim(zh="平均颜色就能认，说明数据在泄题。", en="If the mean colour is enough, the data give the answer away.")
def test_the_mean_colour_would_tell_if_the_data_gave_the_answer_away(chapter):
    names = chapter["baseline"].names
    y, x = names["labels"].numpy(), as_seen(names["images"]).mean(dim=(2, 3)).numpy()
    honest = LogisticRegression(max_iter=1000).fit(x[:2000], y[:2000]).score(x[2000:], y[2000:])
    leaky = x + 0.3 * np.eye(6)[y][:, :3] - 0.3 * np.eye(6)[y][:, 3:]  # a tint for each class
    assert honest < 0.24 and LogisticRegression(max_iter=1000).fit(leaky[:2000], y[:2000]).score(leaky[2000:], y[2000:]) > 0.4
    cells = [cell.name for cell in chapter.project.cells(STEM).values()]
    assert cells.index("baseline") < cells.index("cnn")
