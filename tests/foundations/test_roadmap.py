"""The proof of what docs/*/foundations/roadmap.md claims."""

import importlib.util
import inspect
import re
import statistics
import traceback
from pathlib import Path
from urllib.parse import urljoin

import numpy as np
import pytest
import torch
import torchvision
import yaml
from bs4 import BeautifulSoup

from press.outputs import collect
from press.project import Project
from press.weave import reading_minutes
from tests.facts import fact
from tests.prose import ledger_rows

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = Project(ROOT, read_once=True)
LANGUAGES = "zh", "en"  # whose words are tested here
STEM = "foundations/roadmap"
DOCS = "https://docs.pytorch.org/docs/stable/"
MSE = torch.nn.functional.mse_loss


def prose(chapter, language):
    return " ".join(chapter.prose(language).split())


def section(chapter, language, anchor):
    """The text from the heading with this id to the next heading."""
    text = chapter.prose(language).partition(f"{{#{anchor}}}\n")[2]
    return re.split(r"^#+ ", text, maxsplit=1, flags=re.MULTILINE)[0]


PARTS = ("foundations/", "networks/", "training/")


def cells(stem):
    """{name: Cell} of a chapter's Python."""
    return {address.split(":")[1]: cell for address, cell in PROJECT.cells(stem).items() if ".py:" in address}


def code(stem):
    """All the Python of a chapter."""
    return "\n".join(cell.source for cell in cells(stem).values())


def ordered_ids(stem):
    """The ids of a chapter's headings, in order."""
    return [name for _, _, name, _ in PROJECT.page("en", stem).headings]


def ids(stem):
    return set(ordered_ids(stem))


def ledger(row):
    """What a row of the ledger has."""
    (found,) = [each for each in ledger_rows() if each["id"] == row]
    return found


@pytest.mark.claim(zh="旧笔记留下一条五步的路。", en="The old notes left a road of five steps.")
@pytest.mark.claim(
    zh="这一章把它写下来，再配上一张各章的地图、一把量时间的尺子、一个提问的样板、一套练习的办法。",
    en="It is here, with a map of the chapters, a yardstick for time, a pattern for asking, and a way to practise.")
def test_the_road_of_the_old_notes_and_what_comes_with_it(chapter):
    rows = ledger_rows()
    steps = [int(found[1]) for row in rows if (found := re.search(r"Roadmap, step (\d)", row["said"]["en"]))]
    assert steps == [1, 2, 3, 4, 5]
    assert [name for name in ordered_ids(STEM) if name in ("map", "hours", "steps", "ask", "practice")] == ["map", "hours", "steps", "ask", "practice"]
    for language in LANGUAGES:
        assert "<svg" in section(chapter, language, "map") and "```text" in section(chapter, language, "ask")
        assert len(re.findall(r"^\| \S \|", section(chapter, language, "steps"), re.MULTILINE)) - (language == "zh") == 5  # the Chinese heading is one letter


# ---- the map ---------------------------------------------------------------------------------


def drawing(language):
    page = PROJECT.page(language, STEM).body
    (source,) = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    return source, BeautifulSoup(source, "html.parser").svg


def nodes(language):
    """{stem: (label, x, y, width)} of the boxes that are links, in the order in which they stand."""
    _, svg = drawing(language)
    found = {}
    for link in svg.find_all("a"):
        address = urljoin(f"/{language}/{STEM}/", link["href"])
        match = re.fullmatch(rf"/{language}/(.+)/", address)
        assert match, link["href"]
        x, y = map(int, re.fullmatch(r"translate\((\d+),(\d+)\)", link["transform"]).groups())
        box = svg.find(id=link.use["href"][1:]) if link.use else link.rect
        found[match[1]] = (link.get_text(), x, y, int(box["width"]))
    return found


def chapters_of_the_site(language):
    """[(stem, name)] of the chapters, in the order of the site's navigation."""
    stems = [stem for _, pages in PROJECT.sections() for stem in pages if stem.startswith(PARTS) and not stem.endswith("/index")]
    return [(stem, PROJECT.title(language, stem)) for stem in stems]


@pytest.mark.claim(zh="从 PyTorch 是什么到保存与加载的章节地图", en="Map of the chapters, from What is PyTorch? to Saving and loading")
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_chapter_is_on_the_map_in_reading_order(language):
    found, order = nodes(language), chapters_of_the_site(language)
    assert list(found) == [stem for stem, _ in order] and len(order) == 23
    written = {stem for stem in PROJECT.stems() if stem.startswith(PARTS) and not stem.endswith("/index")}
    assert STEM in written and written <= set(found), written - set(found)
    for number, (stem, name) in enumerate(order, 1):
        label = found[stem][0]
        assert label.startswith(f"{number} {name}"), label
        assert (label == f"{number} {name}") == (stem != STEM), label


@pytest.mark.claim(zh="同一张地图，写成清单：", en="The same map as a list:")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list_says_the_same_as_the_map(chapter, language):
    text = section(chapter, language, "map")
    lines = re.findall(r"^(\d+)\. (.*)$", text, re.MULTILINE)
    found = nodes(language)
    assert [int(number) for number, _ in lines] == list(range(1, len(found) + 1))
    for (_, line), (number, (stem, name)) in zip(lines, enumerate(chapters_of_the_site(language), 1), strict=True):
        link = re.match(r"\[(.+?)\]\((.+?)\.md\)", line)
        if stem == STEM:
            assert not link and line.startswith(name)
        else:
            assert (link[1], urljoin(f"/{STEM}", link[2])) == (name, f"/{stem}"), line
            assert found[stem][0] == f"{number} {name}"


@pytest.mark.claim(
    zh="数字是建议的次序；有线连着的，上面那章先读。",
    en="The numbers are the suggested order; where a line joins two chapters, read the upper one first.")
@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_of_the_map_lead_to_each_chapter_from_all_that_it_needs(language):
    """A line ends in the middle of a box's upper side; whatever a chapter says must be read first lies upstream of it."""
    found = nodes(language)
    _, svg = drawing(language)
    above = {(x, y + 17): stem for stem, (_, x, y, _) in found.items()}
    below = {(x, y - 17): stem for stem, (_, x, y, _) in found.items()}
    before = {stem: set() for stem in found}
    for piece in re.findall(r"M[^M]+", svg.find("path", attrs={"stroke-dasharray": False}, recursive=False)["d"]):
        numbers = [int(number) for number in re.findall(r"\d+", piece)]
        start, end = above[tuple(numbers[:2])], below[tuple(numbers[-2:])]
        assert numbers[1] < numbers[-1] and list(found).index(start) < list(found).index(end)
        before[end] |= {start} | before[start]  # lines are drawn in reading order
    assert [stem for stem in found if not before[stem]] == ["foundations/what-is-pytorch"]
    wanted = 0
    for stem in found:
        if stem in PROJECT.stems():
            paragraph = re.search(r"^    \*\*(?:先读|Read first|You need first)\*\*[:：](.*?)\n\n", PROJECT.page(language, stem).body, re.DOTALL | re.MULTILINE)
            first = re.split(r"。|\.\s", paragraph[1])[0]  # what is said after that is a suggestion
            for link in re.findall(r"\]\(([^)#]+)\.md", first):
                needed = urljoin(f"/{stem}", link).lstrip("/")
                if needed in found:
                    wanted += 1
                    assert needed in before[stem], f"the map does not lead from {needed} to {stem}"
    assert wanted >= 20


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_drawing_can_be_read_everywhere(language):
    source, svg = drawing(language)
    assert "\n\n" not in source and svg["role"] == "img" and svg.title.get_text().strip()
    left, top, width, height = map(int, svg["viewbox"].split())
    assert (left, top, svg["width"]) == (0, 0, "100%") and width <= 360 < height
    for name in ("fill", "stroke"):  # nothing that dark mode could not change
        for tag in svg.find_all(attrs={name: True}):
            assert re.fullmatch(r"none|currentColor|var\(--md-primary-[fb]g-color\)", tag[name]), tag
    boxes = [(x, y, wide) for _, x, y, wide in nodes(language).values()]
    for number, (x, y, wide) in enumerate(boxes):
        assert wide / 2 <= x <= width - wide / 2 and 17 <= y <= height - 17
        for other_x, other_y, other_wide in boxes[:number]:
            assert abs(x - other_x) >= (wide + other_wide) / 2 or abs(y - other_y) > 34
    for label, _, _, wide in nodes(language).values():
        assert sum(14 if "\u2e80" < letter else 8 for letter in label) <= wide, label
    # The list below is for the keyboard and for those who listen: the picture stays out of their way.
    assert all(link["tabindex"] == "-1" for link in svg.find_all("a"))


@pytest.mark.claim(zh="实线框点得开，虚线框是以后的部分。", en="Solid boxes open with a click; the dashed ones are for later.")
def test_later_parts_are_dashed_and_no_links_and_both_maps_are_one():
    bare = []
    for language in LANGUAGES:
        source, svg = drawing(language)
        (dashed,) = svg.find_all(attrs={"stroke-dasharray": True})
        assert len(dashed.find_all("rect")) == 2 and not dashed.find_all("a") and not dashed.find_parent("a")
        bare.append(re.sub(r">[^<>]*<", "><", source))
    assert bare[0] == bare[1]


def boxes_are(first, *stems):
    """The boxes from number `first` on belong to these chapters, in this order, and say the title that its own page has."""
    for language in LANGUAGES:
        found = list(nodes(language).items())[first - 1 :]
        for number, (stem, (label, *_)), wanted in zip(range(first, first + len(stems)), found, stems):
            assert stem.split("/")[1] == wanted and re.sub("[ ]?[(（].*", "", label) == f"{number} {PROJECT.title(language, stem)}", label
            assert ("(" in label or "（" in label) == (stem == STEM)


@pytest.mark.claim(zh="1 PyTorch 是什么", en="1 What is PyTorch?")
@pytest.mark.claim(zh="2 安装", en="2 Install")
@pytest.mark.claim(zh="3 路线图（你在这里）", en="3 Roadmap (you are here)")
@pytest.mark.claim(zh="4 张量", en="4 Tensors")
def test_boxes_1_to_4_have_number_and_name_of_their_chapters():
    boxes_are(1, "what-is-pytorch", "install", "roadmap", "tensors")


@pytest.mark.claim(zh="5 形状", en="5 Shapes")
@pytest.mark.claim(zh="6 设备", en="6 Devices")
@pytest.mark.claim(zh="7 NumPy 与张量的桥", en="7 The bridge to NumPy")
@pytest.mark.claim(zh="8 自动求导", en="8 Autograd")
def test_boxes_5_to_8_have_number_and_name_of_their_chapters():
    boxes_are(5, "shapes", "devices", "numpy-bridge", "autograd")


@pytest.mark.claim(zh="9 模块", en="9 Modules")
@pytest.mark.claim(zh="10 用好模块", en="10 Modules in practice")
@pytest.mark.claim(zh="11 激活函数", en="11 Activation functions")
@pytest.mark.claim(zh="12 卷积", en="12 Convolution")
def test_boxes_9_to_12_have_number_and_name_of_their_chapters():
    boxes_are(9, "modules", "module-practice", "activations", "convolution")


@pytest.mark.claim(zh="13 池化", en="13 Pooling")
@pytest.mark.claim(zh="14 损失函数", en="14 Losses")
@pytest.mark.claim(zh="15 LeNet", en="15 LeNet")
@pytest.mark.claim(zh="16 数据", en="16 Data")
def test_boxes_13_to_16_have_number_and_name_of_their_chapters():
    boxes_are(13, "pooling", "losses", "lenet", "data")


@pytest.mark.claim(zh="17 优化器", en="17 Optimizers")
@pytest.mark.claim(zh="18 训练循环", en="18 The training loop")
@pytest.mark.claim(zh="19 回归", en="19 Regression")
@pytest.mark.claim(zh="20 分类", en="20 Classification")
def test_boxes_17_to_20_have_number_and_name_of_their_chapters():
    boxes_are(17, "optimizers", "training-loop", "regression", "classification")


@pytest.mark.claim(zh="21 图像分类器", en="21 Image classifier")
@pytest.mark.claim(zh="22 TensorBoard", en="22 TensorBoard")
@pytest.mark.claim(zh="23 保存与加载", en="23 Saving and loading")
def test_boxes_21_to_23_have_number_and_name_of_their_chapters():
    boxes_are(21, "image-classifier", "tensorboard", "saving")


@pytest.mark.claim(zh="基础网络训练以后", en="FoundationsNetworksTrainingLater")
@pytest.mark.claim(zh="作品：风格迁移、GAN再往前：微调、读源码", en="Gallery: style, GANsBeyond: fine-tuning")
def test_parts_of_the_map_are_those_of_the_site_and_of_the_rows_still_to_come():
    homes = {row["home"] for row in ledger_rows()}
    later = {"gallery/style-transfer", "gallery/gan", "beyond/finetuning", "beyond/reading-source"}
    assert later <= homes and not later & set(PROJECT.stems())
    for language in LANGUAGES:
        bold = [text.get_text() for text in drawing(language)[1].find("g", attrs={"font-weight": "700"}).find_all("text")]
        assert bold[:3] == [PROJECT.title(language, f"{part}index") for part in PARTS] and len(bold) == 4


@pytest.mark.claim(zh="PyTorch 是什么：它的两样看家本领。", en="What is PyTorch? The two things that it does for you.")
@pytest.mark.claim(zh="安装：装好，再确认真的装好了。", en="Install: get it, and make sure that you have got it.")
@pytest.mark.claim(zh="路线图：就是这一页。", en="Roadmap: this page.")
@pytest.mark.claim(zh="张量：装数字的那种东西，一切从它开始。", en="Tensors: what numbers are kept in. Everything begins here.")
def test_the_list_describes_the_first_chapters():
    assert "two-skills" in cells("foundations/what-is-pytorch") and "two" in ids("foundations/what-is-pytorch")
    assert {"pip", "check"} <= ids("foundations/install") and list(nodes("en"))[2] == STEM
    assert "torch.tensor(" in code("foundations/tensors")
    assert all(re.search("(?i)tensor|torch", code(stem)) for stem in list(nodes("en"))[3:])


@pytest.mark.claim(zh="形状：同样的数，换一种排法。", en="Shapes: the same numbers, arranged in another way.")
@pytest.mark.claim(zh="设备：CPU 还是 GPU，什么时候值得搬。", en="Devices: CPU or GPU, and when the move pays.")
@pytest.mark.claim(
    zh="NumPy 与张量的桥：来回怎么走，什么时候共用一块内存。",
    en="The bridge to NumPy: there and back, and when both share one memory.")
@pytest.mark.claim(zh="自动求导：一行 `backward()` 背后的事。", en="Autograd: what goes on behind the one line `backward()`.")
def test_the_list_describes_the_rest_of_the_foundations():
    assert ".view(" in code("foundations/shapes") and ".permute(" in code("foundations/shapes")
    assert {"curve", "gpu-curve"} <= ids("foundations/devices") and {"cpu-curve", "gpu-curve"} <= set(cells("foundations/devices"))
    assert {"across", "shared"} <= ids("foundations/numpy-bridge") and {"there-and-back", "shared"} <= set(cells("foundations/numpy-bridge"))
    assert ".backward()" in code("foundations/autograd") and {"graph", "engine"} <= ids("foundations/autograd")


@pytest.mark.claim(zh="模块：网络怎样保管要学的数。", en="Modules: how a network keeps the numbers that it learns.")
@pytest.mark.claim(zh="用好模块：把网络初始化、切换、冻结、搬动。", en="Modules in practice: initialise a network, switch it, freeze it, move it.")
@pytest.mark.claim(zh="激活函数：两层之间为什么非要弯一下。", en="Activation functions: why there must be a bend between two layers.")
@pytest.mark.claim(zh="卷积：一个小窗口怎样扫过整张图。", en="Convolution: how a small window sweeps over a picture.")
def test_the_list_describes_modules_activations_and_convolution():
    assert {"register", "parameters"} <= set(cells("networks/modules"))
    order = [name for name in ordered_ids("networks/module-practice") if name in ("init", "modes", "freeze", "move")]
    assert order == ["init", "modes", "freeze", "move"]
    assert "why" in ids("networks/activations") and list(cells("networks/activations"))[:2] == ["merge", "bend"]
    assert "animate" in cells("networks/convolution") and "Conv2d(" in code("networks/convolution")


@pytest.mark.claim(zh="池化：把图缩小，留下要紧的。", en="Pooling: make the picture smaller and keep what matters.")
@pytest.mark.claim(zh="损失函数：把“错了多少”变成一个数。", en="Losses: turn “how wrong?” into one number.")
@pytest.mark.claim(
    zh="LeNet：用前面的零件，拼出一个看图的网络。",
    en="LeNet: a network that looks at pictures, built from the parts above.")
def test_the_list_describes_pooling_losses_and_lenet():
    pooled = torch.nn.MaxPool2d(2)(torch.tensor([[[0.0, 7.0], [1.0, 2.0]]]))
    assert pooled.numel() == 1 and pooled.item() == 7 and "MaxPool2d(" in code("networks/pooling")
    assert torch.nn.CrossEntropyLoss()(torch.zeros(5, 3), torch.zeros(5, dtype=torch.long)).ndim == 0 and "what" in ids("networks/losses")
    lenet = cells("networks/lenet")["lenet"].source
    assert all(part in lenet for part in ("Module", "Conv2d", "relu", "Linear")) and "pool" in lenet and "MSELoss(" in code("networks/lenet")


@pytest.mark.claim(zh="数据：一次一批，送进网络。", en="Data: into the network, one batch at a time.")
@pytest.mark.claim(zh="优化器：拿到梯度以后，权重怎么改。", en="Optimizers: you have the gradient; how should the weights change?")
@pytest.mark.claim(zh="训练循环：每个项目都用得上的那几十行。", en="The training loop: the few dozen lines that every project shares.")
def test_the_list_describes_data_optimizers_and_the_loop():
    assert "DataLoader(" in code("training/data") and "loader" in ids("training/data")
    assert ".step()" in code("training/optimizers") and "no-backward" in ids("training/optimizers")
    loop = sum(len([line for line in cells("training/training-loop")[name].source.splitlines() if line.strip()]) for name in ("evaluate", "fit"))
    assert 24 <= loop <= 60, loop


@pytest.mark.claim(zh="回归：让网络学会一条弯的线。", en="Regression: teach a network a line that bends.")
@pytest.mark.claim(zh="分类：分开两弯月牙，看边界怎样移动。", en="Classification: part two half-moons and watch the boundary move.")
@pytest.mark.claim(zh="图像分类器：彩色图片里是什么。", en="Image classifier: what is in a colour picture?")
def test_the_list_describes_the_projects():
    assert "net" in cells("training/regression") and {"line", "hidden"} <= ids("training/regression")
    assert "make_moons" in code("training/classification") and "animate" in cells("training/classification")
    assert "RGB" in code("training/image-classifier") or "Conv2d(3" in code("training/image-classifier")


@pytest.mark.claim(zh="TensorBoard：看着它学。", en="TensorBoard: watch it learn.")
@pytest.mark.claim(zh="保存与加载：学到的东西，怎样留住。", en="Saving and loading: keep what was learned.")
def test_the_list_describes_watching_and_keeping():
    assert "SummaryWriter(" in code("training/tensorboard") and "add_scalar(" in code("training/tensorboard")
    assert "torch.save(" in code("training/saving") and "torch.load(" in code("training/saving")


# ---- how long it takes -----------------------------------------------------------------------


@pytest.mark.claim(zh="官方的入门教程，标题里写着 60 分钟。", en="The official tutorial for beginners has 60 minutes in its title.")
@pytest.mark.claim(
    zh="旧笔记老老实实地记着：认真读下来，大约四个小时。",
    en="The old notes kept an honest record: read with care, it took about four hours.")
@pytest.mark.claim(zh="是标题的四倍。", en="That is four times the title.")
@pytest.mark.claim(
    zh="这个数只算读，连想带敲，就拿出那把尺子：页首写 25 分钟，给自己留 100 分钟。",
    en="The figure is for reading only. To think and type as well, take out the yardstick: where the page says 25 minutes, keep 100 free.")
@pytest.mark.ledger("n0-03")
def test_the_sixty_minutes_took_four_hours():
    minutes = int(re.search(r"(\d+) Minute", fact("foundations/roadmap", "blitz"))[1])
    said = ledger("n0-03")["said"]
    hours = {"four": 4}[re.search(r"about (\w+) hours", said["en"])[1]]
    assert minutes == 60 and "大约四个小时" in said["zh"] and "with care" in said["en"] and "认真" in said["zh"]
    assert hours * 60 / minutes == 4 and hours * 60 / minutes * 25 == 100
    assert list(inspect.signature(reading_minutes).parameters) == ["project", "stem"]  # computed before anything ran


@pytest.mark.claim(
    zh="本站每章的页首都有两个数，一个是阅读时间，一个是代码运行的时间。",
    en="Each chapter here opens with two figures: how long it takes to read, and how long its code takes to run.")
@pytest.mark.claim(zh="后者是真跑出来的。", en="The second was measured.")
@pytest.mark.claim(
    zh="页首的分钟数只算读，学会要按四倍留时间。",
    en="The minutes at the top of a page are for reading; to learn it, allow four times as much.")
@pytest.mark.ledger("n0-03")
def test_a_page_says_how_long_it_takes_to_read_and_to_run():
    for language in LANGUAGES:
        strings = yaml.safe_load((ROOT / f"mkdocs.{language}.yml").read_text(encoding="utf-8"))["extra"]["strings"]
        assert "{minutes}" in strings["meta"] and re.search("阅读|read", strings["meta"])
        assert "{seconds}" in strings["runs"] and re.search("运行|runs", strings["runs"])
    from press import run

    assert '"seconds": round(time.monotonic() - started' in inspect.getsource(run)  # a clock, not an estimate
    assert 4 * 60 / int(re.search(r"(\d+) Minute", fact("foundations/roadmap", "blitz"))[1]) == 4


@pytest.mark.claim(
    zh="前者这样算：每分钟 250 个汉字（英文是 130 个单词），每行代码 6 秒，中英文两页取长的那个，再凑成 5 的倍数。",
    en="The first is computed: 130 words of English a minute (or 250 characters of Chinese), 6 seconds for each line of code, the longer of the two languages, rounded to a multiple of 5.")
@pytest.mark.claim(zh="页面上折叠起来的代码不算在内。", en="Code that a page shows folded does not count.")
@pytest.mark.ledger("n0-03")
def test_minutes_are_computed_as_the_page_says(chapter):
    characters, words, seconds, step = map(int, re.search(
        r"每分钟 (\d+) 个汉字（英文是 (\d+) 个单词），每行代码 (\d+) 秒，中英文两页取长的那个，再凑成 (\d+) 的倍数", chapter.prose("zh")).groups())
    assert re.search(rf"{words} words of English a minute \(or {characters} characters of Chinese\), {seconds} seconds for each line of code, "
                     rf"the longer of the two languages, rounded to a multiple of {step}", prose(chapter, "en"))
    for stem in set(PROJECT.chapters()) - {STEM}:  # the drawing has letters that nobody reads
        texts = ["\n".join(text for _, text in PROJECT.page(language, stem).prose_lines() if not text.startswith("<!--")) for language in LANGUAGES]
        chinese = sum("\u4e00" <= letter <= "\u9fff" for letter in texts[0]) / characters
        english = len(re.findall("[A-Za-z]+", texts[1])) / words
        code = sum(len(cell.source.splitlines()) for cell in PROJECT.cells(stem).values() if "fold" not in cell.tags) * seconds / 60
        assert abs(reading_minutes(PROJECT, stem) - max(chinese, english) - code) <= step / 2 + 1e-9, stem
        assert reading_minutes(PROJECT, stem) % step == 0
    folded = [cell for stem in PROJECT.chapters() for cell in PROJECT.cells(stem).values() if "fold" in cell.tags]
    assert (characters, words, seconds, step) == (250, 130, 6, 5) and len(folded) > 5  # enough of them to tell the two sums apart


# ---- the official tutorial -------------------------------------------------------------------


@pytest.mark.claim(
    zh="去读官方的 60 分钟教程；也有一份中文译文，可惜已经跟不上原文。",
    en="Read the official 60-minute tutorial; there is a Chinese translation too, but it has fallen behind.")
@pytest.mark.claim(
    zh="今天的原文在 docs.pytorch.org，要读就读这一份。",
    en="The original now lives at docs.pytorch.org. If you read one, read that.")
@pytest.mark.claim(
    zh="其中训练分类器那一课要先下载图片，断网时可以跳过。",
    en="Its lesson on training a classifier begins with a download of pictures; skip it while you are offline.")
@pytest.mark.claim(
    zh="本站的中英文两页引用的是同一份代码，要旧一起旧，要改一起改，所以不会走散。",
    en="The Chinese and the English pages here quote one and the same code. They age together and are mended together, so they cannot part.")
@pytest.mark.ledger("n0-04")
def test_the_official_tutorial_is_linked_and_no_translation(chapter):
    for language in LANGUAGES:
        links = re.findall(r"\]\((https?://[^)]+)\)", chapter.prose(language))
        assert "https://docs.pytorch.org/tutorials/beginner/deep_learning_60min_blitz.html" in links
        assert all(re.match(r"https://(docs|discuss)\.pytorch\.org/|https://github\.com/pytorch/pytorch[#/]", link) for link in links)
    quotes = [[quote.address for quote in PROJECT.page(language, STEM).quotes] for language in LANGUAGES]
    assert quotes[0] == quotes[1] == [f"{STEM}.py:{name}" for name in chapter]  # one code for both languages
    said = ledger("n0-04")["said"]
    assert "blitz" in said["en"] and "Chinese translation" in said["en"] and "fallen behind" in said["en"] and "60 分钟" in said["zh"] and "跟不上" in said["zh"]
    from tests.facts import facts

    assert "60 Minute" in fact("foundations/roadmap", "blitz") and facts("foundations/roadmap")["blitz"]["source"].startswith("https://docs.pytorch.org/tutorials/")
    assert "download=True" in fact("foundations/roadmap", "training a classifier") and fact("foundations/roadmap", "training a classifier")[0].startswith("load")
    assert "download" in inspect.signature(torchvision.datasets.CIFAR10).parameters


@pytest.mark.claim(
    zh="比如要取出损失（loss，衡量“错了多少”的一个数），0.4 版之前的写法是：",
    en="To get at the loss, for instance (one number that says how wrong you are), the way before version 0.4 was this:")
@pytest.mark.claim(zh="如今会报错。", en="Today it is an error.")
@pytest.mark.claim(
    zh="从那一版起，损失就是单独一个数，不再是装着一个数的一排，也就没有“第 0 个”可取。",
    en="Since that version a loss is a number by itself, not a row with one number in it, so there is no “item 0” to take.")
@pytest.mark.claim(zh="出路就写在报错里，改用 `item()`：", en="The message names the way out, `item()`:")
@pytest.mark.ledger("n0-04", "n1-29")
def test_code_from_before_0_4_fails_today(chapter):
    ran = chapter["aged"]
    assert ran.code.splitlines()[-1] == "loss.data[0]"
    assert type(ran.error) is IndexError and "`tensor.item()`" in str(ran.error)
    assert chapter["today"].value == 0.5 and type(chapter["today"].value) is float and chapter["today"].code == "loss.item()"
    row = torch.tensor([0.5])  # a row with one number in it, as a loss used to be
    assert row[0].item() == 0.5 and ran.names["loss"].ndim == 0
    from torch.autograd import Variable

    assert type(Variable(torch.ones(2))) is torch.Tensor  # the other sign of age does nothing any more
    old = fact("foundations/roadmap", "zero-dimensional loss")
    assert old["version"] == "0.4.0" and old["before"] == ran.code.splitlines()[-1] and old["today"] == chapter["today"].code
    assert (tuple(old["shape before"]), tuple(old["shape since"])) == (row.shape, MSE(row, row).shape) == ((1,), ())
    others = "".join(ran.code for name, ran in chapter.items() if name != "aged")
    assert ".data" not in others and "Variable" not in others


@pytest.mark.claim(
    zh="于是你有了一个辨别年份的办法：哪份教程、哪条回答里还写着 `.data` 或者 `Variable`，它多半停在了 0.4 版之前。",
    en="Which gives you a way to date what you read: a tutorial or an answer with `.data` or `Variable` in it has most likely stood still since before 0.4.")
@pytest.mark.claim(
    zh="搜到了先看日期，再看有没有 `.data` 和 `Variable`。",
    en="With a hit, look at its date, and whether there is any `.data` or `Variable` in it.")
@pytest.mark.ledger("n1-29")
def test_variable_and_data_are_signs_of_age():
    from torch.autograd import Variable

    old, today = fact("foundations/roadmap", "zero-dimensional loss"), ledger("n1-29")["today"]["en"]
    assert old["version"].startswith("0.4") and old["merged"] == ["Tensor", "Variable"] and ".data" in old["before"]
    plain = torch.ones(2)
    assert type(Variable(plain)) is torch.Tensor and Variable(plain).data_ptr() == plain.data_ptr()  # wrapping does nothing
    assert "`Variable`" in today and "`.data`" in today and "date" in today


# ---- five steps, documentation ---------------------------------------------------------------


@pytest.mark.claim(
    zh="二 | 自己写一个简单的，比如认手写数字 | 还是最好的检验，断网也能练：scikit-learn 自带一份真的手写数字 | 写到不看页面也跑得通",
    en="2 | write something simple of your own: recognise handwritten digits, say | still the best test, and possible offline: scikit-learn comes with real handwritten digits | until it runs without a look at the page")
@pytest.mark.claim(
    zh="五 | 读源码 | 不用下载，你装好的包里就有；以后也有专门一章 | 好奇的时候",
    en="5 | read the source | no download: it is inside the packages you installed; this too gets a chapter, later | when curious")
def test_five_steps_need_no_network(chapter):
    from sklearn.datasets import load_digits

    assert load_digits().images.shape[1:] == (8, 8) and len(set(load_digits().target)) == 10
    for package in (torch, torchvision):
        home = Path(package.__file__).parent
        thing = torch.nn.Linear if package is torch else torchvision.transforms.Compose
        assert Path(inspect.getsourcefile(thing)).is_relative_to(home) and "def " in inspect.getsource(thing)
    assert ledger("n1-30")["home"] not in PROJECT.stems() and "source" in ledger("n1-30")["home"]
    for language, numbers in (("zh", "一二三四五"), ("en", "12345")):
        rows = re.findall(r"^\| (\S) \|", section(chapter, language, "steps"), re.MULTILINE)
        assert "".join(row for row in rows if row != "步") == numbers


@pytest.mark.claim(
    zh="一 | 60 分钟教程，再看一组“简单例子” | 先走上面的地图，再读官方教程，就成了复习；那组例子以后有专门一章 | 各章按页首乘四；官方教程四小时",
    en="1 | the 60-minute tutorial, then a set of “simple examples” | walk the map first, and the official tutorial will be a revision; the examples get a chapter of their own, later | each chapter: its minutes, times four; the tutorial: four hours")
@pytest.mark.claim(
    zh="三 | 读文档 | 三页，值得从头读到尾 | 跑完哪章，读哪页",
    en="3 | read the documentation | three pages, from end to end | one page after each chapter")
@pytest.mark.claim(zh="四 | 看论坛 | 先搜，再问 | 卡住的时候", en="4 | read the forum | search first, then ask | when stuck")
def test_steps_of_the_table_are_those_of_the_notes(chapter):
    assert "simple examples" in ledger("n1-26")["said"]["en"].lower() and ledger("n1-26")["home"] not in PROJECT.stems()
    assert "four hours" in ledger("n0-03")["said"]["en"] and fact("foundations/roadmap", "blitz").endswith("60 Minute Blitz")
    assert ledger("n1-28")["said"]["en"].startswith("Roadmap, step 3: read the documentation")
    assert ledger("n1-29")["said"]["en"].startswith("Roadmap, step 4: read the forum") and "when stuck" in ledger("n1-29")["said"]["en"]
    order = ordered_ids(STEM)
    assert order.index("docs") < order.index("forum") < order.index("ask")  # search, then ask
    for language in LANGUAGES:
        assert sum(row.startswith("|") and DOCS in row for row in section(chapter, language, "docs").splitlines()) == 3


@pytest.mark.claim(
    zh="第一行列出 `torch` 里所有带 `median` 的名字：记不全名字时，就这样找。",
    en="The first line lists all the names in `torch` with `median` in them; do that when you half remember one.")
@pytest.mark.claim(
    zh="往下是 `torch.median` 自带说明的开头，这种说明叫文档字符串（docstring）。",
    en="Below it is the beginning of the docstring of `torch.median`, the explanation that the function carries with it.")
@pytest.mark.claim(
    zh="注意 `note` 那几行：个数是偶数时，它交出两个中间数里小的那个；想要 2.5，请用 `torch.quantile`，`q=0.5`。",
    en="See the lines under `note`: of an even number of values it returns the lower of the two in the middle, and if you want 2.5, use `torch.quantile` with `q=0.5`.")
@pytest.mark.claim(
    zh="谁也没算错，只是约定不同，用的是哪一种，文档会告诉你。",
    en="Nobody was wrong. The conventions differ, and the documentation tells you which one holds.")
@pytest.mark.ledger("n1-28")
def test_the_documentation_explains_the_surprise_offline(chapter):
    assert chapter["surprise"].value.item() == 2 == sorted([1, 2, 3, 4])[1]
    numbers = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert np.median([1, 2, 3, 4]) == 2.5 == torch.quantile(numbers, q=0.5).item()
    first, _, rest = chapter["offline"].stdout.partition("\n")
    assert first == str(sorted(name for name in vars(torch) if "median" in name)) and "'median'" in first
    assert "lower of the two medians is returned" in rest and "torch.quantile` with ``q=0.5``" in rest and ".. note::" in rest
    flat = " ".join(inspect.getdoc(torch.median).split())
    assert rest.strip() and flat.startswith(" ".join(rest.split())) and rest.endswith("instead.\n")
    assert all(len(line) <= 84 for line in rest.splitlines())


@pytest.mark.claim(zh="中位数，就是排好队以后站在正中间的那个数。", en="The median is the one in the middle, once all have lined up by size.")
@pytest.mark.claim(zh="课本上说是 2.5，PyTorch 说是 2。", en="The school book says 2.5, PyTorch says 2.")
@pytest.mark.claim(
    zh="平时不必写 `print`：Jupyter 里输入 `torch.median?`，别处用 `help(torch.median)`。",
    en="You need not write `print` for this. In Jupyter, type `torch.median?`, elsewhere `help(torch.median)`.")
@pytest.mark.claim(
    zh="文档就在电脑里：`dir` 找名字，`help` 看说明。",
    en="The documentation is on your computer: `dir` finds names, `help` explains them.")
@pytest.mark.ledger("n1-28")
def test_medians_and_how_to_ask_for_help(chapter, capsys):
    from IPython.core.inputtransformer2 import TransformerManager

    assert statistics.median([9, 1, 5]) == sorted([9, 1, 5])[1] == torch.median(torch.tensor([9, 1, 5])).item() == 5
    assert statistics.median([1, 2, 3, 4]) == 2.5 and chapter["surprise"].value.item() == 2
    assert "pinfo" in TransformerManager().transform_cell("torch.median?")  # Jupyter's question mark
    with pytest.raises(SyntaxError):  # and nobody else's
        compile("torch.median?", "<elsewhere>", "exec")
    help(torch.median)
    assert "lower of the two medians is returned" in capsys.readouterr().out
    assert "median" in dir(torch) and Path(torch.__file__).exists()


@pytest.mark.claim(
    zh="`backward()` 顺着什么往回走？`no_grad` 和 `inference_mode` 差在哪里？张量改了一下，为什么就报错？ | Autograd mechanics | 自动求导",
    en="What does `backward()` walk back along? How do `no_grad` and `inference_mode` differ? Why is it an error that I changed a tensor? | Autograd mechanics | Autograd")
@pytest.mark.claim(
    zh="`parameters()`、`state_dict()`、`train()`、`eval()` 各管什么？ | `torch.nn.Module` | 模块和用好模块",
    en="What are `parameters()`, `state_dict()`, `train()`, `eval()` for? | `torch.nn.Module` | Modules and Modules in practice")
@pytest.mark.claim(
    zh="优化器怎么造？`step()` 做了什么？学习率怎样调？ | `torch.optim` | 优化器",
    en="How do I make an optimizer? What does `step()` do? How is the learning rate adjusted? | `torch.optim` | Optimizers")
@pytest.mark.ledger("n1-28")
def test_the_three_pages_stand_beside_their_questions_and_chapters(chapter):
    expected = [
        (("backward()", "no_grad", "inference_mode"), DOCS + "notes/autograd.html", "(autograd.md)"),
        (("parameters()", "state_dict()", "train()", "eval()"), DOCS + "generated/torch.nn.Module.html", "(../networks/modules.md)"),
        (("step()",), DOCS + "optim.html", "(../training/optimizers.md)"),
    ]
    for language in LANGUAGES:
        rows = [row for row in section(chapter, language, "docs").splitlines() if DOCS in row and row.startswith("|")]
        for row, (names, address, link) in zip(rows, expected, strict=True):
            question, page, first = row.strip("| ").split(" | ")
            assert all(f"`{name}`" in question for name in names) and f"({address})" in page
            assert link in first
    # What the pages are said to answer is there: torch's own docstrings are what two of them print, and point to the third.
    assert all(getattr(torch.nn.Module, name[:-2]).__doc__ for name in expected[1][0])
    assert torch.optim.Optimizer.step.__doc__ and torch.optim.lr_scheduler.LRScheduler.__doc__
    assert "locally-disable-grad-doc" in torch.no_grad.__doc__  # a section of Autograd mechanics


@pytest.mark.claim(
    zh="值得从头读到尾的，旧笔记挑了三处，今天仍然是这三处。",
    en="For reading from end to end the old notes chose three pages, and those are still the three.")
@pytest.mark.claim(
    zh="中间那一页像字典，一个方法一条；想看文章，官方另有一篇 Modules。",
    en="The one in the middle reads like a dictionary, method after method. If you prefer an essay, there is an official one called Modules.")
@pytest.mark.claim(
    zh="值得通读的有三页：Autograd mechanics、`nn.Module`、`optim`。",
    en="Read three pages from end to end: Autograd mechanics, `nn.Module`, `optim`.")
@pytest.mark.ledger("n1-28")
def test_the_three_pages_are_those_of_the_notes(chapter):
    said, today = ledger("n1-28")["said"]["en"], ledger("n1-28")["today"]["en"]
    chosen = ["autograd mechanics", "`nn.Module`", "`optim`"]
    assert [name for name in chosen if name in said] == chosen and "Those three are still" in today
    methods = [name for name, thing in vars(torch.nn.Module).items() if not name.startswith("_") and inspect.isfunction(thing)]
    explained = [name for name in methods if getattr(torch.nn.Module, name).__doc__]
    assert len(methods) > 40 and len(explained) > 0.9 * len(methods)
    assert fact("foundations/roadmap", "note on modules") == {"title": "Modules", "of": "notes"}
    assert all(DOCS + "notes/modules.html" in section(chapter, language, "docs") for language in LANGUAGES)


# ---- forum -----------------------------------------------------------------------------------


@pytest.mark.claim(
    zh="卡住了，先去 discuss.pytorch.org。官方说，初学者求助首选这里。",
    en="When stuck, go to discuss.pytorch.org, which is where PyTorch itself sends beginners who look for help.")
@pytest.mark.ledger("n1-29")
def test_the_forum_is_where_beginners_are_sent():
    assert fact("foundations/roadmap", "forum") == {"who": "a beginner looking for help", "primary medium": "discuss.pytorch.org"}
    assert "first when stuck" in ledger("n1-29")["said"]["en"] and "discuss.pytorch.org" in ledger("n1-29")["today"]["en"]


@pytest.mark.claim(
    zh="下面的程序拿来练：它想给三朵花各打三个分，每个品种一个。",
    en="This program, to practise on, means to give each of three flowers a score for each of three species.")
@pytest.mark.claim(
    zh="它先把厘米换成毫米，再让这些数穿过两个线性层，中间隔一个 ReLU。",
    en="It turns centimetres into millimetres, then sends the numbers through two linear layers with a ReLU between them.")
@pytest.mark.claim(
    zh="线性层（`Linear`）用送进来的数算出新的数：`Linear(4, 8)` 对每朵花吃进 4 个数，吐出 8 个，里面的门道后面有一章细讲。",
    en="A linear layer (`Linear`) computes new numbers from those that go in: `Linear(4, 8)` takes 4 for each flower and gives 8. A later chapter opens it up.")
@pytest.mark.ledger("n1-29")
def test_what_the_program_means_to_do(chapter):
    from sklearn.datasets import load_iris

    names, iris = chapter["long-error"].names, load_iris()
    flowers, first, second = names["flowers"], names["first"], names["second"]
    measured = [row.tolist() for row in flowers / 10]
    assert flowers.shape == (3, 4) and all("(cm)" in name for name in iris.feature_names)
    known = [iris.target[np.isclose(iris.data, row, atol=1e-4).all(axis=1)] for row in measured]  # the table in centimetres has each of them
    assert [set(found.tolist()) for found in known] == [{0}, {1}, {2}] and len(iris.target_names) == 3
    assert (type(first), type(names["relu"]), type(second)) == (torch.nn.Linear, torch.nn.ReLU, torch.nn.Linear) and second.out_features == 3
    assert first(flowers).shape == (3, 8) and (first.in_features, first.out_features) == (4, 8)
    by_hand = flowers.numpy() @ first.weight.detach().numpy().T + first.bias.detach().numpy()
    assert np.allclose(by_hand, first(flowers).detach().numpy(), atol=1e-3)
    assert torch.equal(names["features"], torch.where(first(flowers) > 0, first(flowers), 0)) and names["features"].shape == (3, 8)
    assert "linear" in ids("networks/modules") and list(nodes("en")).index("networks/modules") > list(nodes("en")).index(STEM)


@pytest.mark.claim(
    zh="只搜 `mat1 and mat2 shapes cannot be multiplied`（`mat` 是 matrix 的缩写，也就是矩阵，一张数的表）。",
    en="Just `mat1 and mat2 shapes cannot be multiplied` (`mat` is short for matrix, a table of numbers).")
@pytest.mark.claim(
    zh="括号里的 `3x8 and 4x3` 别带上：那是你自己的数，别人报错里的数不一样。",
    en="Leave out the `3x8 and 4x3` in brackets: those are your numbers, and another person’s error has others.")
@pytest.mark.claim(
    zh="先搜报错里的字句，不带你自己的数，看清日期；搜不到，就删成最小例子，附上完整的报错和版本再问。",
    en="Search for the words of the message without your own numbers, and mind the dates. If that fails, cut the program to a minimal example, and ask with the whole error and the versions.")
@pytest.mark.ledger("n1-29")
def test_the_words_to_search_for_are_those_that_do_not_change(chapter):
    phrase = "mat1 and mat2 shapes cannot be multiplied"
    assert "mat1" in torch.addmm.__doc__ and "matri" in torch.addmm.__doc__
    assert not re.search(r"\d", phrase.replace("mat1", "").replace("mat2", ""))
    error = chapter["long-error"].error
    assert type(error) is RuntimeError and phrase in str(error) and "(3x8 and 4x3)" in str(error)
    with pytest.raises(RuntimeError, match=phrase) as other:  # another person's numbers
        torch.nn.Linear(5, 2)(torch.zeros(7, 6))
    assert "3x8" not in str(other.value) and "7x6" in str(other.value)
    for language in LANGUAGES:
        assert ".data" in section(chapter, language, "forum") and "Variable" in section(chapter, language, "forum")
        assert "](#blitz)" in section(chapter, language, "forum")


@pytest.mark.claim(
    zh="报错一字不差，所以删掉的那些（花、毫米、前一层、ReLU）都不是出错所必需的。",
    en="The message is the same to the letter. So whatever went (flowers, millimetres, first layer, ReLU) is not needed for the error.")
@pytest.mark.claim(
    zh="印出来的两个形状里，权重（weight，这一层要学的那张数表）是 `(3, 4)`：3 行，吐出的每个数占一行；4 列，吃进的每个数占一列。",
    en="Of the two shapes that were printed, that of the weight (the table of numbers that this layer learns) is `(3, 4)`: 3 rows, one for each number that comes out, and 4 columns, one for each number that goes in.")
@pytest.mark.claim(zh="而 `x` 是 `(3, 8)`，3 行里每行送来 8 个数。", en="But `x` is `(3, 8)`: each of its 3 rows brings 8.")
@pytest.mark.claim(
    zh="代码要整段，别人粘过去就能跑，不用下载任何东西。",
    en="All of the code, so that it runs where it is pasted, without any download.")
@pytest.mark.ledger("n1-29")
def test_the_minimal_example_fails_alike_alone_and_in_ten_lines(chapter):
    ran, long = chapter["minimal"], chapter["long-error"]
    assert type(ran.error) is type(long.error) and str(ran.error) == str(long.error)
    lines = [line for line in ran.code.splitlines() if line.strip()]
    assert len(lines) <= 10 < len(long.code.splitlines())
    with pytest.raises(RuntimeError) as alone:  # complete: nothing of the chapter is needed
        exec(ran.code, {})
    assert str(alone.value) == str(long.error)
    version, x, weight = ran.stdout.splitlines()
    assert re.fullmatch(r"Python 3\.\d+\.\S+ torch " + re.escape(torch.__version__), version)
    assert x.split(maxsplit=1) == ["x", "(3, 8) torch.float32 cpu"] and weight.split(maxsplit=1) == ["weight", "(3, 4)"]
    assert ran.names["layer"](torch.zeros(3, 4)).shape == (3, 3)  # it takes 4 numbers
    gone = ("flowers", "* 10", "first", "relu", "ReLU", "features")
    assert all(word in long.code and word not in ran.code for word in gone) and "download" not in ran.code
    learnt = ran.names["layer"].weight
    assert learnt.requires_grad and (len(learnt), len(learnt[0])) == (3, 4) and len(ran.names["x"]) == 3 and len(ran.names["x"][0]) == 8


@pytest.mark.claim(zh="数据换成同样形状（几行几列）的一堆 0。", en="Replace the data by zeros of the same shape (rows and columns).")
@pytest.mark.claim(
    zh="答案自己跳出来了：`Linear(4, 3)` 该写成 `Linear(8, 3)`。",
    en="And there is the answer: `Linear(4, 3)` should be `Linear(8, 3)`.")
@pytest.mark.ledger("n1-29")
def test_the_cure_cures_and_what_was_cut_had_no_part_in_it(chapter):
    flowers = chapter["long-error"].names["flowers"]
    assert flowers.shape == (3, 4) and torch.allclose(flowers[0], torch.tensor([51.0, 35.0, 14.0, 2.0]))  # mm
    assert "torch.nn.Linear(4, 8)" in chapter["long-error"].code and "torch.nn.Linear(4, 3)" in chapter["minimal"].code
    mended = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    assert mended(flowers).shape == (3, 3) and mended(flowers).argmax(dim=1).shape == (3,)
    for data in (flowers, torch.zeros(3, 4)):  # as measured, or all zeros: the shape alone decides
        with pytest.raises(RuntimeError, match=re.escape("(3x8 and 4x3)")):
            torch.nn.Sequential(*(chapter["long-error"].names[name] for name in ("first", "relu", "second")))(data)


@pytest.mark.claim(
    zh="所以先删：删掉一块，再跑，还是同样的错，就接着删；错变了，就放回去。",
    en="So cut. Take a piece out and run again: while the error stays the same, go on; when it changes, put the piece back.")
@pytest.mark.claim(
    zh="删到不能再删，剩下的叫最小例子（minimal example）：",
    en="What cannot be cut any further is called a minimal example:")
@pytest.mark.ledger("n1-29")
def test_pieces_can_be_cut_until_the_error_changes(chapter):
    def error_of(code):
        try:
            exec(code, {})
        except Exception as error:
            return str(error)

    long, wanted = "import torch\n" + chapter["long-error"].code, str(chapter["long-error"].error)
    for piece, rest in (("flowers * 10", "flowers"), ("relu(first(flowers))", "first(flowers)"), ("torch.nn.ReLU()", "torch.abs"), ('print("scores:", scores)', "")):
        assert piece in long and error_of(long.replace(piece, rest)) == wanted  # it stays: go on
    assert error_of(long.replace("first(flowers)", "flowers")) is None  # it changes: put it back
    lines = chapter["minimal"].code.splitlines()
    needed = [line for line in lines if line and not line.startswith("print") and "platform" not in line]  # what is printed is for the post
    assert error_of("\n".join(needed)) == wanted and len(needed) == 4
    for line in needed:
        assert error_of("\n".join(each for each in needed if each != line)) != wanted, line


@pytest.mark.claim(zh="还没解决，就把这个例子连同三样东西一起贴：", en="If you still have no answer, send the example with three things:")
@pytest.mark.claim(
    zh="报错要全文：这里只显示了最后一行，你的屏幕上还有它一路走来的回溯（traceback），那里才写着是哪一行。",
    en="All of the error: this page shows its last line only, but your screen also has the traceback, the way that led there, and that is what names the line.")
@pytest.mark.claim(
    zh="版本在命令行里运行 `python -m torch.utils.collect_env`，一次列全。",
    en="And the versions: `python -m torch.utils.collect_env` on the command line lists them all.")
@pytest.mark.claim(
    zh="这三样，也正是官方的报错表格要你填的；那张表格留给 PyTorch 自己的错，并且请写英文。",
    en="These three are also what the official bug form asks for. That form is for the mistakes of PyTorch itself, and to be filled in in English.")
def test_the_question_quotes_the_error_and_how_to_list_versions(chapter):
    message = str(chapter["minimal"].error)
    for language in LANGUAGES:
        (post,) = re.findall(r"^```text\n(.*?)^```", section(chapter, language, "ask"), re.DOTALL | re.MULTILINE)
        title = post.splitlines()[0]
        assert title.removeprefix("Title: nn.Linear(4, 3): ") in message and title.endswith("(3x8 and 4x3)")
        assert "output of shape (3, 3)" in post and "Traceback" in post and len(re.findall(r"^\d\.", post, re.MULTILINE)) == 3
    full = "".join(traceback.format_exception(chapter["minimal"].error))
    shown = collect([{"output_type": "error", "ename": "RuntimeError", "evalue": message, "traceback": full.splitlines()}])[0]["traceback"]
    assert shown == [full.splitlines()[-1]] and full.startswith("Traceback") and re.search(r", line \d+", full) and ", line " not in shown[0]
    form = fact("foundations/roadmap", "bug form")
    assert form["asks for"] == ["a minimal example", "the full traceback", "versions"] and form["language"] == "English" and form["name"] == "Bug Report"
    assert "not rely on any artifact that should be downloaded" in form["example"]
    spec = importlib.util.find_spec("torch.utils.collect_env")
    source = Path(spec.origin).read_text(encoding="utf-8")
    assert "PyTorch version" in source and "Python version" in source and '__name__ == "__main__"' in source


# ---- practice --------------------------------------------------------------------------------


@pytest.mark.claim(
    zh="旧笔记这样说练习：先把例子看明白，再从零写出来，卡住了才回头看，绝不复制粘贴。",
    en="The old notes say how to practise: read an example until it is clear, then write it from nothing; look again only when stuck; never copy and paste.")
@pytest.mark.claim(
    zh="（每章的 notebook 都能下载，留着最后对照。）",
    en="(Every chapter can be downloaded as a notebook: keep it for the end.)")
@pytest.mark.ledger("n1-31")
def test_how_the_notes_practise_and_that_notebooks_can_be_downloaded():
    said = ledger("n1-31")["said"]
    assert "read an example until it is clear, then write it from nothing; look again only when stuck; never copy and paste" in said["en"]
    assert "先把例子看明白，再从零写出来，卡住了才回头看，绝不复制粘贴" in said["zh"]
    from press import export

    assert {export.file_name(stem) for stem, _ in chapters_of_the_site("en")} == {f"pytorch-{stem.split('/')[1]}" for stem in nodes("en")}
    assert len({export.file_name(stem) for stem in nodes("en")}) == 23  # each has its own file


@pytest.mark.claim(
    zh="例子是均方误差（mean squared error）：预测和目标相减，平方，再求平均。",
    en="The example is the mean squared error: subtract target from prediction, square, take the mean.")
@pytest.mark.claim(
    zh="笔算一遍：差是 2、0、4、2，平方是 4、0、16、4，平均是 6。",
    en="On paper: the differences are 2, 0, 4, 2, their squares 4, 0, 16, 4, and the mean is 6.")
@pytest.mark.ledger("n1-31")
def test_the_example_is_right_on_paper(chapter):
    names = chapter["read"].names
    p, t = names["prediction"].tolist(), names["target"].tolist()
    assert [a - b for a, b in zip(p, t)] == [2, 0, 4, 2]
    assert chapter["read"].value.item() == (4 + 0 + 16 + 4) / 4 == 6
    assert [d * d for d in (2, 0, 4, 2)] == [4, 0, 16, 4] and MSE(names["prediction"], names["target"]).item() == 6
    assert chapter["read"].names["mean_squared_error"](torch.tensor([1.0, 5.0]), torch.tensor([4.0, 1.0])).item() == (9 + 16) / 2


@pytest.mark.claim(zh="题目要有不同的形状。", en="Let your tests differ in shape.")
@pytest.mark.claim(zh="它出三道题：一个数、一排数、一张表。", en="It asks three questions: a single number, a row, a table.")
@pytest.mark.ledger("n1-31")
def test_the_judge_passes_right_answers(chapter, capsys):
    assert chapter["check"].stdout.splitlines() == [f"right for shape {shape}" for shape in ((1,), (4,), (2, 3))]
    check = chapter["check"].names["check"]
    rows_only = [(torch.tensor([3.0]), torch.tensor([1.0])), (torch.ones(4), torch.zeros(4))]
    wrong = chapter["slip"].names["from_memory"]
    assert all(wrong(p, t) == MSE(p, t) for p, t in rows_only) and wrong(torch.ones(2, 3), torch.zeros(2, 3)) != 1
    for answer in (MSE, torch.nn.MSELoss(), lambda p, t: (t - p).square().sum() / p.numel(), lambda p, t: ((p - t) ** 2).flatten().mean(),
                   lambda p, t: torch.tensor(np.mean((p.numpy() - t.numpy()) ** 2))):
        check(answer)
        assert capsys.readouterr().out == chapter["check"].stdout


WRONG = {
    "abs": lambda p, t: (p - t).abs().mean(),
    "sum": lambda p, t: ((p - t) ** 2).sum(),
    "not squared": lambda p, t: (p - t).mean(),
    "root": lambda p, t: ((p - t) ** 2).mean().sqrt(),
    "square of the mean": lambda p, t: (p - t).mean() ** 2,
    "largest": lambda p, t: ((p - t) ** 2).max(),
    "by rows": lambda p, t: ((p - t) ** 2).sum() / len(p),
    "by columns": lambda p, t: ((p - t) ** 2).mean(dim=0),
    "not reduced": lambda p, t: (p - t) ** 2,
    "plus": lambda p, t: ((p + t) ** 2).mean(),
    "number of Python": lambda p, t: ((p - t) ** 2).mean().item(),
    "another dtype": lambda p, t: ((p - t) ** 2).double().mean(),
    "spoils its input": lambda p, t: p.sub_(t).square().mean(),
    "by heart": lambda p, t: torch.tensor(6.0),
    "nothing": lambda p, t: None,
}


@pytest.mark.ledger("n1-31")
@pytest.mark.parametrize("name", WRONG)
def test_the_judge_rejects_wrong_answers(chapter, name):
    with pytest.raises((AssertionError, TypeError)):
        chapter["check"].names["check"](WRONG[name])


@pytest.mark.claim(
    zh="每道题都拿你的答案去比 PyTorch 自带的 `mse_loss`，`assert_close` 发现形状、类型、数值有一样不对，就当场报错。",
    en="Each time your answer is compared with PyTorch’s own `mse_loss`, and `assert_close` raises an error on the spot if shape, dtype or value is not right.")
@pytest.mark.claim(
    zh="判卷：和页面上的输出比，更好的是请 PyTorch 当裁判。",
    en="Mark your work: compare with the output on the page or, better, let PyTorch be the judge.")
@pytest.mark.ledger("n1-31")
def test_the_judge_looks_at_shape_dtype_and_value(chapter, monkeypatch):
    close, right = torch.testing.assert_close, torch.tensor([5.0])
    close(right.clone(), right)
    for wrong, what in ((torch.tensor(5.0), "shape"), (right.double(), "dtype"), (right + 1, "not close")):
        with pytest.raises(AssertionError, match=what):
            close(wrong, right)
    asked = []
    monkeypatch.setattr(torch.nn.functional, "mse_loss", lambda p, t: asked.append(p.shape) or MSE(p, t))
    chapter["check"].names["check"](MSE)
    assert asked == [(1,), (4,), (2, 3)]


@pytest.mark.claim(zh="前两题都对，第三题该是 5，却得了 15。", en="Two questions right, and in the third 15 instead of 5.")
@pytest.mark.claim(
    zh="`len` 数的是行：那张表有两行，却有六个数，30 该除以 6，结果除了 2。",
    en="`len` counts rows: that table has two rows but six numbers, so 30 was divided by 2 and not by 6.")
@pytest.mark.claim(zh="要是只拿一排数试过，这个错就一直藏着。", en="Tested on a row only, the mistake would have stayed in hiding.")
@pytest.mark.claim(zh="所以判卷的题目，形状要各不相同。", en="So let your tests differ in shape.")
@pytest.mark.ledger("n1-31")
def test_the_slip_shows_in_the_table_only(chapter):
    ran = chapter["slip"]
    assert type(ran.error) is AssertionError and "Expected 5.0 but got 15.0." in str(ran.error)
    assert ran.stdout.splitlines() == ["right for shape (1,)", "right for shape (4,)"]
    table = chapter["check"].names["table"].numpy()
    assert len(table) == 2 and table.size == 6 and (table**2).sum() == 30 and 30 / 6 == 5 and 30 / 2 == 15
    for size in range(1, 9):  # on a row of any length it agrees
        row = torch.arange(float(size))
        assert torch.allclose(ran.names["from_memory"](row, -row), MSE(row, -row))
    assert "len(error)" in ran.code and "len" not in chapter["read"].code
