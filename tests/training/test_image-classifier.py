"""The proof of what docs/*/training/image-classifier.md claims."""

import gzip
import hashlib
import math
import pickle
import re
import struct
import subprocess
import sys
import tarfile
import urllib.error

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

from tests.prose import lines, says, says_in

CIFAR_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
NOT_FOUND = "Dataset not found or corrupted. You can use download=True to download it"


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.\d+|-?\d+", text)]


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
def test_the_cifar10_cell_reads_the_data_sets_own_files(chapter, cifar, offline, capsys):
    pictures, labels = cifar
    names = dict(chapter["setup"].names)
    exec(code(chapter, "cifar10"), names)
    assert capsys.readouterr().out.strip() == f"45 5 10 {CIFAR_CLASSES}" and not offline
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
    assert not set(train) & set(val) and sorted([*train, *val]) == list(range(50))
    # of the real 50000 a tenth
    assert [len(part) for part in random_split(range(50000), [0.9, 0.1])] == [45000, 5000]
    says_in(chapter, "zh", f"十类，每类 {60000 // 10} 张")
    says_in(chapter, "en", "in ten classes", f"{60000 // 10} of each")
    says(chapter, "60000", "50000", "10000", "5000", "32 × 32", "https://www.cs.toronto.edu/~kriz/cifar.html",
         "`random_split`")


@pytest.mark.ledger("n0-19")
def test_tomorrow_the_same_pictures_are_held_out(chapter, cifar):
    held_out = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        names = dict(chapter["setup"].names)
        exec(code(chapter, "cifar10"), names)
        held_out.append(list(names["val_set"].indices))
    assert held_out[0] == held_out[1]
    unseeded = code(chapter, "cifar10").replace(", generator=torch.Generator().manual_seed(0)", "")
    names = dict(chapter["setup"].names)
    torch.manual_seed(3)
    exec(unseeded, names)
    assert list(names["val_set"].indices) != held_out[0]  # what the generator is for


@pytest.mark.ledger("n0-19")
def test_the_notes_classifier_is_fit_and_predict_on_cifar10(chapter, cifar):
    names = dict(chapter["cnn"].names)
    exec(code(chapter, "cifar10"), names)
    net = names["SmallCNN"](3, 10)
    losses, accuracies = names["fit"](net, names["train_set"], epochs=1, val_set=names["val_set"])
    assert len(losses) == len(accuracies) == 1 and math.isfinite(losses[0])
    guesses, truths = names["predict"](net, names["test_set"])
    assert guesses.shape == (10,) and truths.tolist() == cifar[1]["test_batch"]
    says(chapter, "`SmallCNN(3, 10)`")


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
def test_batches_of_four_with_two_workers_still_work_in_a_script_with_the_guard(chapter, tmp_path):
    sums, _, _ = write_cifar(tmp_path / "data/cifar-10-batches-py")
    assert "batch_size=4, shuffle=True, num_workers=2" in code(chapter, "four")
    done = script(chapter, tmp_path, sums, guard=True)
    assert done.returncode == 0, done.stderr
    shape, names = re.search(r"torch.Size\((.*?)\) (\[.*\])", done.stdout).groups()
    assert shape == "[4, 3, 32, 32]" and len(eval(names)) == 4 and set(eval(names)) <= set(CIFAR_CLASSES)
    assert done.stdout.count("45 5 10") >= 2  # a worker reads the script again from the top
    says(chapter, "`num_workers=0`", "https://docs.pytorch.org/docs/stable/notes/windows.html",
         "https://github.com/pytorch/pytorch/issues/169252", "Python 3.14")


@pytest.mark.ledger("n3-07")
def test_without_the_guard_it_fails_where_workers_are_new_pythons(chapter, tmp_path):
    # 10 pictures: with more, the parent waits for ever to hand them to a worker that is dead
    sums, _, _ = write_cifar(tmp_path / "data/cifar-10-batches-py", per_file=2)
    done = script(chapter, tmp_path, sums, guard=False)
    assert done.returncode != 0 and "exited unexpectedly" in done.stderr
    assert "current process has finished its bootstrapping phase" in done.stderr


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
def test_an_archive_put_there_by_hand_is_verified_and_unpacked_without_a_network(chapter, cifar, offline, monkeypatch, tmp_path):
    packed = archive(tmp_path)
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(packed))
    names = dict(chapter["setup"].names)
    exec(code(chapter, "cifar10"), names)
    assert not offline and (tmp_path / "data/cifar-10-batches-py/test_batch").is_file()
    assert np.allclose(names["whole"][11][0], by_hand(cifar[0]["data_batch_2"][1]), atol=1e-6)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: bytes([b[0] ^ 1]) + b[1:], lambda b: b"<html>"])
def test_an_archive_with_a_wrong_checksum_counts_as_missing(chapter, cifar, offline, monkeypatch, tmp_path, damage):
    packed = archive(tmp_path)
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(packed))
    (tmp_path / "data/cifar-10-python.tar.gz").write_bytes(damage(packed))
    with pytest.raises(urllib.error.URLError):
        exec(code(chapter, "cifar10"), dict(chapter["setup"].names))
    assert set(offline) == {datasets.CIFAR10.url}  # fetched again


def test_where_the_archive_comes_from_and_goes(chapter):
    # https://www.cs.toronto.edu/~kriz/cifar.html: "CIFAR-10 python version, 163 MB" and this md5sum
    assert lines(chapter, "archive") == ["https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                                         "data/cifar-10-python.tar.gz c58f30108f718f92721af3b95e74349a"]
    assert 'CIFAR10("data"' in code(chapter, "cifar10")
    says(chapter, "163 MB")


@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "names"])
def test_damaged_files_of_cifar10_are_all_not_found_or_corrupted(cifar, tmp_path, damage):
    file = tmp_path / "data/cifar-10-batches-py" / ("batches.meta" if damage == "names" else "data_batch_3")
    data = file.read_bytes()
    file.write_bytes(data[:-100] if damage != "changed" else data[:-100] + bytes([data[-100] ^ 1]) + data[-99:])
    if damage == "gone":
        file.unlink()
    said = NOT_FOUND.replace("Dataset", "Dataset metadata file") if damage == "names" else NOT_FOUND
    for train in (True, False):  # the test set as well, although its own file is sound
        with pytest.raises(RuntimeError, match=re.escape(said)):
            datasets.CIFAR10("data", train=train)


def test_only_the_checksum_stands_before_the_errors_of_pickle(cifar, monkeypatch, tmp_path):
    file = tmp_path / "data/cifar-10-batches-py/data_batch_1"
    for data in (file.read_bytes()[:1000], b"", b"<html>not found</html>"):
        file.write_bytes(data)
        monkeypatch.setattr(datasets.CIFAR10, "train_list", [["data_batch_1", md5(data)]])
        with pytest.raises((pickle.UnpicklingError, EOFError)):
            datasets.CIFAR10("data")


# ---- the signs -------------------------------------------------------------------------------


def test_a_picture_as_the_network_sees_it(chapter):
    to_tensor = chapter["setup"].names["to_tensor"]
    bytes_ = np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)
    expected = (bytes_.astype(float) / 127.5 - 1).transpose(2, 0, 1)
    assert np.allclose(to_tensor(Image.fromarray(bytes_)), expected, atol=1e-6)
    assert np.allclose(to_tensor(torch.tensor(bytes_.transpose(2, 0, 1))), expected, atol=1e-6)
    grey = to_tensor(Image.fromarray(bytes_[..., 0]))
    assert grey.shape == (1, 32, 32) and grey.min() == -1 and grey.max() == 1 and grey.dtype == torch.float32


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


def test_the_signs_are_drawn_as_said(chapter):
    names, n = chapter["draw"].names, 60
    with torch.random.fork_rng():
        torch.manual_seed(5)
        images, labels, contrasts = names["draw"](n)
        torch.manual_seed(5)  # the same random numbers, in the same order
        radius = (6 + 5 * torch.rand(n)).numpy()
        x, y = (radius + (31 - 2 * radius) * torch.rand(2, n).numpy())
        expected_labels = torch.randint(6, (n,))
        colors = torch.randint(256, (n, 3), dtype=torch.uint8).numpy()
        which, top, left = torch.randint(2, (n,)), torch.randint(214 - 31, (n,)), torch.randint(320 - 31, (n,))
    assert images.shape == (n, 3, 32, 32) and images.dtype == torch.uint8
    assert labels.tolist() == expected_labels.tolist() and set(labels.tolist()) == set(range(6))
    photos = [load_sample_image(name)[::2, ::2] for name in ("china.jpg", "flower.jpg")]
    assert photos[0].shape == (214, 320, 3)
    for i in range(n):
        assert x[i] - radius[i] >= 0 and x[i] + radius[i] <= 31 and y[i] - radius[i] >= 0 and y[i] + radius[i] <= 31
        v, u = np.mgrid[:32, :32].astype(float)
        inside = covered(int(labels[i]), (u - x[i]) / radius[i], (v - y[i]) / radius[i])
        behind = photos[which[i]][top[i]:top[i] + 32, left[i]:left[i] + 32]
        expected = np.where(inside[..., None], colors[i], behind)
        assert (images[i].permute(1, 2, 0).numpy() == expected).all(axis=2).mean() > 0.996, names["classes"][labels[i]]
        far = np.linalg.norm(colors[i].astype(float) - behind.reshape(-1, 3).mean(axis=0))
        assert contrasts[i].item() == pytest.approx(far, rel=1e-4)
    assert names["classes"] == ["disc", "ring", "square", "triangle", "left", "right"]


@pytest.mark.ledger("n0-19")
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
    says(chapter, "2000", "500", "1000", "3072")


def test_three_of_each_class_are_shown(chapter):
    (figure,) = chapter["samples"].figures
    names = chapter["signs"].names
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:6] == chapter["draw"].names["classes"] and not any(titles[6:])
    for place, axes in enumerate(figure.axes):
        row, column = divmod(place, 6)
        which = (names["labels"] == column).nonzero()[row].item()
        assert np.array_equal(axes.images[0].get_array(), names["images"][which].permute(1, 2, 0).numpy())


# ---- the tools -------------------------------------------------------------------------------


class Recorder(nn.Module):
    """A linear classifier that notes in which mode it was asked, and for what."""

    def __init__(self, n_in=4, n_classes=3):
        super().__init__()
        self.linear, self.seen = nn.Linear(n_in, n_classes), []

    def forward(self, x):
        self.seen.append((self.training, torch.is_grad_enabled(), x.detach().clone()))
        return self.linear(x)


def toy(n):
    generator = torch.Generator().manual_seed(9)
    x = torch.randn(n, 4, generator=generator)
    return TensorDataset(x, torch.randint(3, (n,), generator=generator))


def test_predict_and_accuracy(chapter):
    names, data, net = chapter["accuracy"].names, toy(601), Recorder()
    net.train()
    guesses, truths = names["predict"](net, data)
    x, y = data.tensors
    weight, bias = net.linear.weight.detach().numpy(), net.linear.bias.detach().numpy()
    expected = (x.numpy() @ weight.T + bias).argmax(axis=1)
    assert guesses.tolist() == expected.tolist() and truths.tolist() == y.tolist()
    assert all(not training and not recorded for training, recorded, _ in net.seen)
    assert names["accuracy"](net, data) == pytest.approx((expected == y.numpy()).mean())


def test_fit_is_the_loop_of_the_training_chapter(chapter):
    names, data, net, epochs, size = chapter["fit"].names, toy(23), Recorder(), 3, 5
    twin = nn.Linear(4, 3)
    twin.load_state_dict(net.linear.state_dict())
    net.eval()  # fit has to switch training on itself
    losses, accuracies = names["fit"](net, data, epochs=epochs, val_set=data, batch_size=size)
    steps = [x for training, _, x in net.seen if training]
    assert [len(x) for x in steps] == [5, 5, 5, 5, 3] * epochs
    assert sum(not training for training, _, _ in net.seen) == epochs == len(accuracies)

    x, y = data.tensors
    orders = [[next(i for i in range(23) if torch.equal(x[i], row)) for row in torch.cat(steps[5 * e:5 * e + 5])]
              for e in range(epochs)]
    assert all(sorted(order) == list(range(23)) for order in orders)  # each sample once an epoch
    assert len({tuple(order) for order in [*orders, range(23)]}) == epochs + 1  # in a new order each time
    # the same batches through a loop of our own: Adam and the one-cycle schedule written out
    total, state, expected = 5 * epochs, {p: (torch.zeros_like(p), torch.zeros_like(p)) for p in twin.parameters()}, []
    up = 0.3 * total - 1

    def cosine(a, b, part):
        return b + (a - b) / 2 * (1 + math.cos(math.pi * part))

    step = 0
    for order in orders:
        summed = 0.0
        for batch in torch.tensor(order).split(size):
            lr = cosine(0.005 / 25, 0.005, step / up) if step <= up else cosine(
                0.005, 0.005 / 25 / 1e4, (step - up) / (total - 1 - up))
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
                    p -= lr * (m / (1 - momentum ** (step + 1))) / ((v / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8)
            step += 1
        expected.append(summed / 23)
    assert losses == pytest.approx(expected, rel=1e-4)
    assert all(torch.allclose(p, q, atol=1e-5) for p, q in zip(net.linear.parameters(), twin.parameters()))
    assert accuracies[-1] == pytest.approx((twin(x).argmax(dim=1) == y).float().mean().item())
    assert names["fit"](Recorder(), data, epochs=1)[1] == []


# ---- baselines and the network ---------------------------------------------------------------


def test_no_linear_model_can_tell_the_signs(chapter):
    color, pixels = [numbers(line) for line in lines(chapter, "baseline")]
    assert [line.split("train")[0].strip() for line in lines(chapter, "baseline")] == ["mean colour", "pixels"]
    assert round(1 / 6, 2) == 0.17
    assert abs(color[0] - 1 / 6) < 0.06 and abs(color[1] - 1 / 6) < 0.06  # guessing
    assert pixels[0] > 0.33 and pixels[1] < 0.27 and pixels[0] > pixels[1] + 0.12  # by heart
    names = chapter["baseline"].names
    assert names["pixels"][1].in_features == 3072 and names["mean_color"][2].in_features == 3
    for row, model in ((color, "mean_color"), (pixels, "pixels")):
        shown = [chapter["accuracy"].names["accuracy"](names[model], names[part]) for part in ("train_set", "val_set")]
        assert row == pytest.approx(shown, abs=0.006)
    # and other methods, fitted to the end by scikit-learn, do no better
    x, y = names["images"].numpy().astype(float) / 255, names["labels"].numpy()
    train, rest = slice(0, 2000), slice(2000, 3500)
    by_color = LogisticRegression(max_iter=1000).fit(x[train].mean(axis=(2, 3)), y[train])
    assert by_color.score(x[rest].mean(axis=(2, 3)), y[rest]) < 0.24
    for alpha in (100, 3000):
        by_pixels = RidgeClassifier(alpha=alpha).fit(x[train].reshape(2000, -1), y[train])
        assert by_pixels.score(x[rest].reshape(1500, -1), y[rest]) < 0.32
    says(chapter, "0.17")


def test_the_network_is_smaller_than_the_linear_model_and_takes_any_size(chapter):
    net = chapter["cnn"].names["SmallCNN"](3, 6)
    convolutions = (3 * 25 + 1) * 16 + (16 * 9 + 1) * 32 + (32 * 9 + 1) * 32
    by_hand_ = convolutions + 2 * (16 + 32 + 32) + 6 * (32 + 1)
    assert numbers(lines(chapter, "cnn")[0]) == [by_hand_, 6 * (3072 + 1)] and by_hand_ < 6 * 3073
    stops, x = [], torch.randn(2, 3, 32, 32)
    for layer in net.features:
        x = layer(x)
        stops.append(tuple(x.shape[1:]))
    assert stops == [(16, 16, 16)] * 3 + [(32, 16, 16)] * 3 + [(32, 8, 8)] * 4 + [(32, 1, 1), (32,)]
    maps = net.eval().features[:-2](torch.randn(2, 3, 32, 32))
    assert torch.equal(net.features[-2:](maps), maps.amax(dim=(2, 3)))  # is it there, no matter where
    assert net(torch.randn(2, 3, 28, 28)).shape == net(torch.randn(2, 3, 50, 70)).shape == (2, 6)
    net.eval()
    with torch.no_grad():  # where makes no difference: 4 cells on is one cell of the last feature map
        sign = torch.zeros(1, 3, 64, 64)
        sign[..., 20:36, 20:36] = torch.randn(3, 16, 16)
        assert torch.allclose(net(sign), net(sign.roll((4, 8), dims=(2, 3))), atol=1e-5)


def test_the_cnn_reads_more_than_nine_in_ten(chapter):
    names = chapter["train"].names
    shown = numbers(lines(chapter, "train")[0])
    accuracy = names["accuracy"]
    assert shown == pytest.approx([accuracy(names["net"], names["train_set"]), accuracy(names["net"], names["val_set"])], abs=0.006)
    assert min(shown) > 0.9 and len(names["losses"]) == len(names["accuracies"]) == 6
    assert names["losses"][0] > 1.3 and names["losses"][-1] < 0.3 and names["accuracies"][0] > 1 / 6
    assert all(a > b for a, b in zip(names["losses"], names["losses"][1:]))  # falls all the way
    (figure,) = chapter["curve"].figures
    upper, lower = figure.axes
    assert upper.lines[0].get_ydata().tolist() == names["losses"] and list(upper.lines[0].get_xdata()) == list(range(1, 7))
    assert lower.lines[0].get_ydata().tolist() == names["accuracies"] and set(lower.lines[1].get_ydata()) == {1 / 6}
    assert (upper.get_ylabel(), lower.get_ylabel(), lower.get_xlabel()) == ("training loss", "val. accuracy", "epoch")
    says_in(chapter, "zh", "从瞎猜到九成以上")
    says_in(chapter, "en", "from guessing to more than nine in ten")


def test_the_test_set_is_used_only_after_training(chapter):
    cells = [cell for cell in chapter.project.cells(chapter.stem).values() if "test_set" in cell.source]
    assert [cell.name for cell in cells] == ["cifar10", "signs", "per-class", "mistakes"]


def test_per_class_accuracy_and_the_worst_pair(chapter):
    names = chapter["per-class"].names
    test, net = names["test_set"], names["net"]
    net.eval()
    with torch.no_grad():
        guesses = net(test.images.float() / 127.5 - 1).argmax(dim=1).numpy()
    truths = test.labels.numpy()
    assert np.mean(guesses == names["guesses"].numpy()) > 0.998 and names["truths"].tolist() == truths.tolist()
    guesses = names["guesses"].numpy()
    assert numbers(lines(chapter, "per-class")[0]) == [pytest.approx((guesses == truths).mean(), abs=0.006)]
    assert (guesses == truths).mean() > 0.9
    for label, line in enumerate(lines(chapter, "per-class")[1:]):
        share, count = numbers(line)
        assert line.split()[0] == names["classes"][label] and count == (truths == label).sum()
        assert share == pytest.approx((guesses[truths == label] == label).mean(), abs=0.006)
    table = np.zeros((6, 6), dtype=int)
    np.add.at(table, (truths, guesses), 1)
    assert chapter["worst-pair"].names["confusion"].tolist() == table.tolist()
    both = {(a, b): table[a, b] + table[b, a] for a in range(6) for b in range(a + 1, 6)}
    first, second = re.match(r"(\w+) taken for (\w+)", lines(chapter, "worst-pair")[0]).groups()
    a, b = names["classes"].index(first), names["classes"].index(second)
    assert both[a, b] == max(both.values())
    pairs = chapter["worst-pair"].names["pairs"]
    assert all(pairs[pair] == count for pair, count in both.items()) and pairs.sum() == sum(both.values())
    assert numbers(lines(chapter, "worst-pair")[0]) == [table[a, b], table[b, a]]
    assert numbers(lines(chapter, "worst-pair")[1]) == [(guesses != truths).sum()]


def test_the_misread_pictures_have_less_contrast(chapter):
    names = chapter["mistakes"].names
    guesses, truths = (chapter["per-class"].names[name].numpy() for name in ("guesses", "truths"))
    contrast = names["contrasts"][2500:].numpy()
    right, missed = numbers(lines(chapter, "mistakes")[0])
    assert [right, missed] == pytest.approx([contrast[guesses == truths].mean(), contrast[guesses != truths].mean()], abs=0.6)
    assert missed < 0.75 * right
    (figure,) = chapter["mistakes"].figures
    which = np.flatnonzero(guesses != truths)[:8]
    assert (contrast[guesses != truths] > np.median(contrast)).sum() >= 2  # some are plain enough
    for i, axes in zip(which, figure.axes):
        assert axes.get_title() == f"is {names['classes'][truths[i]]},\nsays {names['classes'][guesses[i]]}"
        assert np.array_equal(axes.images[0].get_array(), names["images"][2500 + i].permute(1, 2, 0).numpy())


# ---- augmentation ----------------------------------------------------------------------------


def test_the_figure_of_augmentations(chapter):
    (figure,) = chapter["augment"].figures
    names = chapter["augment"].names
    arrow = names["images"][names["labels"] == 4][0].permute(1, 2, 0).numpy()
    shown = [[axes.images[0].get_array() for axes in figure.axes[6 * row:6 * row + 6]] for row in range(3)]
    assert all(np.array_equal(row[0], arrow) for row in shown)  # the original
    padded = np.pad(arrow, ((4, 4), (4, 4), (0, 0)))
    shifts = [padded[i:i + 32, j:j + 32] for i in range(9) for j in range(9)]
    assert all(any(np.array_equal(image, shift) for shift in shifts) for image in shown[0])
    assert all(image.shape == arrow.shape and not np.array_equal(image, arrow) for image in shown[1][1:])
    mirrored = [np.array_equal(image, arrow[:, ::-1]) for image in shown[2]]
    assert all(flipped or np.array_equal(image, arrow) for flipped, image in zip(mirrored, shown[2]))
    assert 1 <= sum(mirrored) <= 5  # some of the arrows point right
    assert [axes.get_title(loc="left") for axes in figure.axes[::6]] == ["RandomCrop", "ColorJitter", "RandomHorizontalFlip"]


def test_a_crop_helps_where_pictures_are_few_and_a_flip_takes_it_back(chapter):
    names = chapter["gain"].names
    assert [line.split(" train")[0].strip() for line in lines(chapter, "gain")] == ["as they are", "crop", "crop, flip"]
    plain, crop, flip = (numbers(line) for line in lines(chapter, "gain"))
    for row, name in zip((plain, crop, flip), names["nets"]):
        net = names["nets"][name].eval()
        with torch.no_grad():
            few = (net(names["images"][:300].float() / 127.5 - 1).argmax(dim=1) == names["labels"][:300]).float().mean().item()
        assert row == pytest.approx([few, names["accuracy"](net, names["val_set"])], abs=0.011)
    assert plain[0] >= 0.985 and plain[1] < 0.8  # by heart
    assert crop[1] > plain[1] + 0.05
    assert flip[1] < crop[1] - 0.05 and flip[1] - plain[1] < 0.5 * (crop[1] - plain[1])
    assert "labels[:300]" in chapter["gain"].code
    says(chapter, "300")


def test_the_flip_hits_the_arrows_alone(chapter):
    (figure,) = chapter["flip"].figures
    (axes,) = figure.axes
    names = chapter["gain"].names
    truths = names["labels"][2000:2500]
    heights = {}
    for bars, name in zip(axes.containers, ("crop", "crop, flip")):
        net = names["nets"][name].eval()
        with torch.no_grad():
            guesses = net(names["images"][2000:2500].float() / 127.5 - 1).argmax(dim=1)
        heights[name] = [bar.get_height() for bar in bars]
        expected = [((guesses == k) & (truths == k)).sum().item() / (truths == k).sum().item() for k in range(6)]
        assert heights[name] == pytest.approx(expected, abs=0.025) and bars.get_label() == name
    assert [tick.get_text() for tick in axes.get_xticklabels()] == names["classes"]
    lost = [a - b for a, b in zip(heights["crop"], heights["crop, flip"])]
    assert min(lost[4:]) > max(lost[:4]) and min(lost[4:]) > 0.1
    assert max(heights["crop, flip"][4:]) < 0.62 and sum(heights["crop, flip"][4:]) / 2 < 0.56


def test_a_flipped_left_arrow_is_a_right_arrow(chapter):
    """The answer really changes: a network that never saw a flip calls the mirrored picture by the other name."""
    names = chapter["train"].names
    arrows = {label: names["test_set"].images[names["test_set"].labels == label] for label in (4, 5)}
    names["net"].eval()
    with torch.no_grad():
        for label, other in ((4, 5), (5, 4)):
            guesses = names["net"](v2.functional.horizontal_flip(arrows[label]).float() / 127.5 - 1).argmax(dim=1)
            assert (guesses == other).float().mean() > 0.8
        for label in range(4):
            mine = names["test_set"].images[names["test_set"].labels == label].flip(3)
            assert (names["net"](mine.float() / 127.5 - 1).argmax(dim=1) == label).float().mean() > 0.8


def test_the_two_parts_of_a_random_split_share_one_transform(chapter):
    names = chapter["signs"].names
    whole = names["Signs"](names["images"][:10], names["labels"][:10], names["to_tensor"])
    train, val = random_split(whole, [0.8, 0.2])
    whole.transform = lambda image: "changed"
    assert train[0][0] == val[0][0] == "changed"
    says(chapter, "data.md#split")


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
def test_the_mnist_cell_reads_the_data_sets_own_files(chapter, offline, monkeypatch, tmp_path, capsys, compress):
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
    net = chapter["cnn"].names["SmallCNN"](1, 10)
    chapter["fit"].names["fit"](net, names["digit_train"], epochs=1)
    assert chapter["accuracy"].names["predict"](net, names["digit_test"])[0].shape == (12,)
    says(chapter, "28 × 28")


def test_a_damaged_gz_of_mnist_is_fetched_again(offline, monkeypatch, tmp_path):
    _, sums = write_mnist(tmp_path / "data/MNIST/raw", compress=True)
    monkeypatch.setattr(datasets.MNIST, "resources", sums)
    file = tmp_path / "data/MNIST/raw" / sums[0][0]
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(RuntimeError, match="Error downloading train-images-idx3-ubyte.gz"):
        datasets.MNIST("data", download=True)
    assert offline


def test_an_unpacked_file_of_mnist_is_read_without_a_checksum(offline, tmp_path):
    write_mnist(tmp_path / "data/MNIST/raw", compress=False)
    file = tmp_path / "data/MNIST/raw/train-images-idx3-ubyte"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # one bit turned over: nobody notices
    assert len(datasets.MNIST("data")) == 30
    file.write_bytes(whole[:5000])
    with pytest.raises(RuntimeError, match=re.escape("shape '[30, 28, 28]' is invalid for input of size 4984")):
        datasets.MNIST("data")
    assert len(datasets.MNIST("data", train=False)) == 12
    file.unlink()
    with pytest.raises(RuntimeError, match="Dataset not found. You can use download=True to download it"):
        datasets.MNIST("data")


@pytest.mark.ledger("n1-27")
def test_scikit_learns_digits_in_mnists_format(chapter):
    names, digits = chapter["digits"].names, load_digits()
    assert lines(chapter, "digits") == ["1500 297 torch.Size([1, 28, 28])"]
    train, test = names["digit_train"], names["digit_test"]
    where = np.clip((np.arange(28) + 0.5) * 8 / 28 - 0.5, 0, 7)  # the middle of each of 28 cells, measured in the 8
    order = names["order"]
    assert sorted(order) == list(range(1797)) and list(order) != sorted(order)
    for data, chosen in ((train, order[:1500]), (test, order[1500:])):
        assert data.data.shape == (len(chosen), 28, 28)
        assert data.targets.tolist() == digits.target[chosen].tolist()
        for i in (0, 1, len(chosen) - 1):
            rows = np.array([np.interp(where, range(8), row) for row in digits.images[chosen[i]]])
            expected = np.array([np.interp(where, range(8), column) for column in rows.T]).T * 255 / 16
            assert abs(data.data[i].numpy() - expected).max() <= 0.51
    assert isinstance(train, datasets.MNIST) and "fit(" in chapter["digits-train"].code
    says(chapter, "1797")


@pytest.mark.ledger("n1-27")
def test_the_same_code_reads_digits(chapter):
    names = chapter["digits-train"].names
    (shown,) = numbers(lines(chapter, "digits-train")[0])
    net, test = names["digit_net"].eval(), names["digit_test"]
    with torch.no_grad():
        guesses = net(test.data[:, None].float() / 127.5 - 1).argmax(dim=1)
    assert shown == pytest.approx((guesses == test.targets).float().mean().item(), abs=0.004) and shown > 0.92
    assert type(net) is chapter["cnn"].names["SmallCNN"] and names["fit"] is chapter["fit"].names["fit"]
    assert len(chapter["digits-train"].code.strip().splitlines()) == 3


def test_pictures_in_folders_go_into_the_same_fit(chapter, tmp_path):
    names = chapter["draw"].names
    images, labels, _ = names["draw"](60)
    for i, (image, label) in enumerate(zip(images, labels)):
        folder = tmp_path / names["classes"][label]
        folder.mkdir(exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{i:03}.png")
    folders = datasets.ImageFolder(tmp_path, transform=chapter["setup"].names["to_tensor"])
    assert folders.classes == sorted(names["classes"]) and len(folders) == 60
    for i in (0, 17, 59):
        number = int(folders.samples[i][0][-7:-4])
        assert torch.allclose(folders[i][0], images[number].float() / 127.5 - 1, atol=1e-6)
        assert folders.classes[folders[i][1]] == names["classes"][labels[number]]
    net = chapter["cnn"].names["SmallCNN"](3, 6)
    chapter["fit"].names["fit"](net, folders, epochs=1)
    assert chapter["accuracy"].names["predict"](net, folders)[1].tolist() == folders.targets
    says(chapter, "`ImageFolder`")


# ---- batches and errors ----------------------------------------------------------------------


@pytest.mark.ledger("n3-07")
def test_how_many_steps_a_batch_size_takes(chapter):
    shown = [[n for n in numbers(line.replace(",", ""))][:2] for line in lines(chapter, "batch-size")]
    assert shown == [[size, math.ceil(500 / size)] for size in (4, 32, 256)]
    assert math.ceil(45000 / 4) == 11250 and math.ceil(45000 / 32) == 1407
    assert all(re.search(r"[\d,]+ images per second$", line) for line in lines(chapter, "batch-size"))
    says(chapter, "45000", "11250", "1407", "256")
    # the speed is that of a pass, and no more: the network has not learned from it
    assert "backward()" in chapter["batch-size"].code and ".step()" not in chapter["batch-size"].code


def test_common_errors(chapter):
    missing, half = chapter["not-found"].error, chapter["half"].error
    assert type(missing) is type(half) is RuntimeError
    assert str(missing) == NOT_FOUND
    assert str(half) == f"shape '[1500, 28, 28]' is invalid for input of size {100_000 - 16}"
    assert 1500 * 28 * 28 > 100_000 - 16
    says(chapter, "`shape ... is invalid for input of size ...`", "`MNIST/raw`")
