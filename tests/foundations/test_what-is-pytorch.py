"""The proof of what docs/*/foundations/what-is-pytorch.md claims."""

import ast
import datetime
import importlib.metadata
import re
import sys
import traceback
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from tests.facts import fact
from tests.prose import ledger_rows, lines

ROOT = Path(__file__).resolve().parents[2]
STARTS = (4, 5, 3)  # of the walks, once more and independently
SIGNS = {"Div": "÷2", "Mul": "×3", "Add": "+1"}


def steps(number):
    """The walk from `number` to 1, worked out with whole numbers: [(operation, number reached)]."""
    found = []
    while number > 1:
        if number % 2 == 0:
            number //= 2
            found.append(("Div", number))
        else:
            found += [("Mul", 3 * number), ("Add", 3 * number + 1)]
            number = 3 * number + 1
    return found


def names(start):
    """The operations of the walk from `start`."""
    return [name for name, _ in steps(start)]


def rate(number):
    """How fast the end of the walk moves with its start: 1/2 a division, 3 a multiplication, 1 an addition."""
    product = Fraction(1)
    for operation, _ in steps(number):
        product *= {"Div": Fraction(1, 2), "Mul": 3, "Add": 1}[operation]
    return product


def recorded(y):
    """The operations in the graph that `y` is the end of, the first one first."""
    found, node = [], y.grad_fn
    while node.next_functions:
        found.insert(0, type(node).__name__.removesuffix("Backward0"))
        node = node.next_functions[0][0]
    return found


def old_notes(row):
    """{language: what a row of the ledger says that the old notes said}"""
    rows = ledger_rows()
    return next(one for one in rows if one["id"] == row)["said"]


def used(chapter, cell):
    """The names after `torch.` in the code of a cell."""
    return {node.attr for node in ast.walk(ast.parse(chapter[cell].code)) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "torch"}


def own_words():
    """What PyTorch's own package says of itself."""
    return importlib.metadata.metadata("torch").get_payload()


def train_with_parts(steps_taken):
    """The price that torch.nn, torch.optim and torch.utils.data find in so many steps from 0."""
    kilos = torch.arange(1.0, 5.0).unsqueeze(1)
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(layer.weight)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.05)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(kilos, 3 * kilos), batch_size=4)
    for _ in range(steps_taken):
        for inputs, targets in loader:
            torch.nn.functional.mse_loss(layer(inputs), targets).backward()
            optimizer.step()
            optimizer.zero_grad()
    return layer.weight.item()


def prices(steps_taken):
    """The prices of the chapter's receipts, worked out with NumPy."""
    kilos, price, found = np.arange(1.0, 5.0), 0.0, []
    for _ in range(steps_taken):
        price -= 0.05 * np.mean(2 * (kilos * price - 3 * kilos) * kilos)
        found.append(price)
    return found


# ---- two skills ------------------------------------------------------------------------------


@pytest.mark.ledger("n0-02")
@pytest.mark.claim(zh="三行代码就能说清；再看一张会跟着 `if` 走的图。", en="Three lines of code can tell; then comes a graph that goes where your `if` goes.")
@pytest.mark.claim(zh="完整地说：**PyTorch 是一个 Python 库，看家本领有两样，张量运算和自动求导。**",
                   en="In full: **PyTorch is a Python library with two core skills, tensor computation and automatic differentiation.**")
@pytest.mark.claim(zh="三行就能看全：", en="Three lines show them both:")
@pytest.mark.claim(zh="x² 的导数是 2x，所以是 2、4、6，放在 `x.grad` 里，合起来叫梯度（gradient）。",
                   en="The derivative of x² is 2x, so the answers are 2, 4 and 6; they are in `x.grad` and are called the gradient.")
def test_three_lines_compute_and_differentiate(chapter):
    ran = chapter["two-skills"]
    head, *features = re.search(r"PyTorch is a Python package.*?\n\n", own_words(), re.DOTALL)[0].strip().splitlines()
    assert "two high-level features" in head and len(features) == 2
    assert "Tensor computation" in features[0] and "autograd" in features[1]
    numbers = np.array([1.0, 2.0, 3.0])
    gradient = ran.names["x"].grad
    assert gradient.tolist() == list(2 * numbers) == [2, 4, 6]
    nudged = [(np.sum((numbers + 1e-6 * np.eye(3)[i]) ** 2) - 14) / 1e-6 for i in range(3)]
    assert np.allclose(nudged, gradient.numpy(), atol=1e-4)
    assert lines(chapter, "two-skills") == ["14.0 tensor([2., 4., 6.])"]
    _, *three, shown = [statement for statement in ast.parse(ran.code).body]  # after the import, before the print
    assert len(three) == 3 and ast.unparse(three[2]) == "total.backward()" and ast.unparse(shown).startswith("print")
    walk = chapter["control-flow"].names["walk"]
    assert recorded(walk(torch.tensor(4.0, requires_grad=True))) != recorded(walk(torch.tensor(5.0, requires_grad=True)))


@pytest.mark.claim(zh="张量（tensor）就是装数字的表，一维、两维、多少维都行；这里装了三个数，`requires_grad=True` 说它们要求导。",
                   en="A tensor is a table of numbers with as many dimensions as you like; this one holds three, and `requires_grad=True` asks for derivatives with respect to them.")
@pytest.mark.claim(zh="第二行是运算：1² + 2² + 3² = 14，打印时 `.item()` 取出这个数。", en="The second line computes: 1² + 2² + 3² = 14, and `.item()` takes that number out.")
@pytest.mark.claim(zh="求导公式我们一个也没写，是 PyTorch 自己推出来的，这就叫自动求导（autograd）。", en="We wrote no formula; PyTorch worked it out: automatic differentiation, or autograd.")
def test_a_tensor_holds_numbers_and_knows_its_derivatives(chapter):
    ran = chapter["two-skills"]
    assert all(torch.zeros([1] * dimensions).ndim == dimensions for dimensions in range(20))
    x, total = ran.names["x"], ran.names["total"]
    assert x.numel() == 3 and x.requires_grad and not torch.tensor([1.0, 2.0, 3.0]).requires_grad
    assert total.item() == 1**2 + 2**2 + 3**2 == 14 and type(total.item()) is float
    assert ".item()" in ran.code and "2 *" not in ran.code and "autograd" not in ran.code
    for f, derivative in ((torch.sin, np.cos), (torch.exp, np.exp), (lambda t: t**3, lambda t: 3 * t**2)):  # for functions of ours just as well
        x = torch.tensor([0.5, 1.5], requires_grad=True)
        f(x).sum().backward()
        assert np.allclose(x.grad.numpy(), derivative(np.array([0.5, 1.5])))


@pytest.mark.claim(zh="两样本事各有一章：[张量](tensors.md)、[自动求导](autograd.md)。", en="Each skill has a chapter: [Tensors](tensors.md) and [Autograd](autograd.md).")
@pytest.mark.claim(zh="以后从[模块](../networks/modules.md)学起。", en="You will meet them from [Modules](../networks/modules.md) on.")
def test_the_chapters_promised_are_there(chapter):
    for language, titles in (("zh", ("张量", "自动求导", "模块")), ("en", ("Tensor", "Autograd", "Modules"))):
        for stem, title in zip(("foundations/tensors", "foundations/autograd", "networks/modules"), titles):
            assert re.search(rf"^# .*{title}", (ROOT / "docs" / language / f"{stem}.md").read_text(encoding="utf-8"), re.MULTILINE | re.IGNORECASE)
    order = re.findall(r"^ +- ((?:foundations|networks|training)/\S+)\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    teach = [stem for stem in order if re.search(r"nn\.Module\b|torch\.optim|DataLoader",
             (ROOT / "docs/en" / f"{stem}.md").read_text(encoding="utf-8").split("{#summary}")[0]) and stem.startswith(("networks", "training")) and "index" not in stem]
    assert teach[0] == "networks/modules"


@pytest.mark.ledger("n2-02")
@pytest.mark.claim(zh="NumPy 会第一样，不会第二样：", en="NumPy has the first skill and not the second:")
@pytest.mark.claim(zh="14 照样算得出。", en="The 14 is there.")
@pytest.mark.claim(zh="可它只是一个数，不记得自己从哪里来，所以没有 `backward`。", en="But it is a bare number, ignorant of where it came from, and has no `backward`.")
def test_numpy_computes_the_same_and_cannot_differentiate(chapter):
    ran = chapter["numpy"]
    assert ran.stdout.strip() == "14.0" and isinstance(ran.names["total"], np.floating)
    assert isinstance(ran.error, AttributeError) and str(ran.error).endswith("has no attribute 'backward'")
    assert isinstance(ran.names["array"], np.ndarray)
    for thing in (ran.names["array"], ran.names["total"], np):
        assert not any(hasattr(thing, name) for name in ("backward", "grad", "grad_fn"))
    assert chapter["two-skills"].names["total"].grad_fn is not None  # a tensor does remember


@pytest.mark.ledger("n2-02", "n4-01")
@pytest.mark.claim(zh="它当初为三维图形而发展，如今也算张量。", en="Developed for 3D graphics, it computes with tensors today.")
@pytest.mark.claim(zh="造张量时说一声放在哪里，后面的代码一个字都不用改：", en="Say where a tensor is to live when you make it; not a word of the rest changes:")
@pytest.mark.claim(zh="GPU 这类硬件统称加速器（accelerator）。", en="Such hardware is called an accelerator.")
@pytest.mark.claim(zh="有就用它，没有就用 CPU，打印出来都是 2、4、6；详见[设备](devices.md)。", en="Where there is one, it is used, else the CPU; either prints 2, 4 and 6.")
def test_the_same_code_runs_on_whatever_there_is(chapter, monkeypatch):
    ran = chapter["anywhere"]
    assert fact("foundations/what-is-pytorch", "gpu") == "3D graphics" and "strong GPU acceleration" in own_words()
    available = torch.accelerator.is_available()
    expected = torch.accelerator.current_accelerator().type if available else "cpu"
    assert ran.names["device"].type == ran.names["x"].device.type == expected
    assert lines(chapter, "anywhere") == ["[2.0, 4.0, 6.0]"]
    choose, rest = ran.code.split("x = ", 1)
    made, after = rest.split("\n", 1)
    assert "device=device" in made and "device" not in after and "requires_grad=True" in made
    for type_ in {"cpu", expected}:
        x = torch.tensor([1.0, 2.0, 3.0], device=type_, requires_grad=True)
        shown = []
        exec(after, {"x": x, "print": shown.append})
        assert shown == [[2.0, 4.0, 6.0]] and x.device.type == type_
    assert "accelerator" in torch.accelerator.current_accelerator.__doc__ and "GPU" in torch.cuda.__doc__
    for found in (torch.device("cuda"), torch.device("mps"), None):  # GPUs are what `torch.accelerator` tells of
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available, found=found: found)
        space = {"torch": torch}
        exec(choose, space)
        assert space["device"].type == (found.type if found else "cpu")


@pytest.mark.ledger("n4-01")
@pytest.mark.claim(zh="一份笔记给“PyTorch 是什么”留了个待办。", en="One set left “What is PyTorch” as a to-do.")
@pytest.mark.claim(zh="一份说它像 NumPy，但能用 GPU 加速；还有一份再加上一条：又灵活又快的研究平台。",
                   en="One called it like NumPy, with GPU acceleration; another added a flexible and fast research platform.")
@pytest.mark.claim(zh="这些话都对，只是缺了要紧的一半：求导。", en="All of it is right, but half of what matters is missing: derivatives.")
@pytest.mark.claim(zh="至于“研究平台”，今天早已不限于研究：学术界在用，生产环境里也在用。",
                   en="As for the research platform, it has long outgrown research: it is used in academic research and in production alike.")
def test_what_the_old_notes_said_of_pytorch(chapter):
    tasks, numpy, platform = (old_notes(row) for row in ("n0-02", "n2-02", "n4-01"))
    assert "待办" in tasks["zh"] and "to-do" in tasks["en"]
    assert numpy == {"zh": "像 NumPy，但能用 GPU 加速。", "en": "Like NumPy, with GPU acceleration."}
    assert "能用 GPU 的 NumPy，以及又灵活又快的研究平台" in platform["zh"] and "NumPy with a GPU, and a flexible and fast research platform" in platform["en"]
    for said in (tasks, numpy, platform):
        assert not re.search("求导|导数|梯度", said["zh"]) and not re.search("deriv|differen|grad", said["en"])
    assert "(like NumPy) with strong GPU acceleration" in own_words() and "flexibility and speed" in own_words()
    assert fact("foundations/what-is-pytorch", "users") == ["academic research", "production environments"]


# ---- the rest is built on the two --------------------------------------------------------------


@pytest.mark.ledger("n1-01")
@pytest.mark.claim(zh="凡是深度学习框架都有两部分：一个张量库，一个求导的包。", en="Every deep-learning framework has two parts: a tensor library and a package for derivatives.")
@pytest.mark.claim(zh="这个看法至今管用：`torch` 管张量，`torch.autograd` 管求导。", en="Still a good way to see it: `torch` has the tensors, `torch.autograd` the derivatives.")
@pytest.mark.claim(zh="光凭这两样就能训练，也就是从数据里把一个数找出来。", en="The two are enough to train, which means to find a number from data.")
def test_tensors_and_autograd_alone_find_the_price(chapter):
    said = old_notes("n1-01")
    assert said["zh"].startswith("凡是深度学习框架都有两部分：一个张量库，一个求导的包") and said["en"].startswith("Every deep-learning framework has two parts, a tensor library and a package for derivatives")
    components = dict(re.findall(r"^\| \[\*\*(torch[.\w]*)\*\*\]\S* \| (.*?) \|$", own_words(), re.MULTILINE))
    assert "Tensor library" in components["torch"] and "automatic differentiation" in components["torch.autograd"]
    assert torch.Tensor.backward.__globals__["torch"].autograd.backward  # which `backward` calls
    assert used(chapter, "by-hand") == {"tensor"}
    assert chapter["by-hand"].names["price"] == pytest.approx(prices(5)[-1], abs=1e-5) == pytest.approx(3, abs=0.005)


@pytest.mark.ledger("n1-01")
@pytest.mark.claim(zh="从 0 猜起。", en="The first guess is 0.")
@pytest.mark.claim(zh="每一轮先算猜得有多离谱：每张收据的误差，平方，再取平均，这个数叫损失（loss）。",
                   en="Each round measures how wrong the guess is: the error for each receipt, squared, then averaged, a number called the loss.")
@pytest.mark.claim(zh="再求导，看单价往哪边动、损失会变大；然后朝反方向挪一小步，0.05 管步子的大小，叫学习率（learning rate）。",
                   en="It asks which way the price must move to make the loss grow, then takes a small step the other way; 0.05, the learning rate, sets the size of the step.")
@pytest.mark.claim(zh="每一步都走完剩下路程的四分之三，走五步，保留两位小数就是 3.00。",
                   en="Each step covers three quarters of the way that is left, and the fifth arrives, to two decimals, at 3.00.")
def test_each_round_takes_a_step_against_the_gradient(chapter):
    ran = chapter["by-hand"]
    found = prices(5)
    assert lines(chapter, "by-hand") == [f"{price:.2f}" for price in found] and lines(chapter, "by-hand")[-1] == "3.00"
    assert "3.00" not in lines(chapter, "by-hand")[:-1] and len(found) == 5
    left = 3 - np.array([0.0, *found])
    assert np.allclose(1 - left[1:] / left[:-1], 3 / 4) and left[0] == 3  # the first guess is 0
    kilos = np.arange(1.0, 5.0)
    assert ran.names["kilos"].tolist() == list(kilos) and ran.names["paid"].tolist() == list(3 * kilos)
    last = ran.names["guess"].item()
    assert last == pytest.approx(found[-2], abs=1e-6) and ran.names["loss"].item() == pytest.approx(np.mean((kilos * last - 3 * kilos) ** 2), rel=1e-3)
    slope = ran.names["guess"].grad.item()
    uphill = last + np.sign(slope) * 1e-3
    assert np.mean((kilos * uphill - 3 * kilos) ** 2) > np.mean((kilos * last - 3 * kilos) ** 2)
    assert (ran.names["price"] - last) / slope == pytest.approx(-0.05, rel=1e-4)  # the other way, 0.05 times as far


@pytest.mark.claim(zh="四张收据上写着买了几公斤、付了多少钱，单价是多少？", en="Four receipts say how many kilos were bought and what was paid.")
def test_there_are_four_receipts(chapter):
    ran = chapter["by-hand"]
    assert ran.names["kilos"].shape == ran.names["paid"].shape == (4,)
    assert "(4,)" in ran.code.splitlines()[0] and "(4,)" in ran.code.splitlines()[1]


@pytest.mark.ledger("n1-01")
@pytest.mark.claim(zh="平时用现成的零件：`torch.nn` 保管要学的数，`torch.optim` 负责挪步，`torch.utils.data` 负责递数据。",
                   en="In daily work there are ready-made parts: `torch.nn` keeps the numbers to be learned, `torch.optim` takes the steps, `torch.utils.data` hands out the data.")
@pytest.mark.claim(zh="它们是搭在两样本事上的便利：换上它们，答案还是 3.00。", en="They are conveniences built on the two skills: with them, the answer is 3.00 again.")
def test_nn_optim_and_data_give_what_the_two_skills_gave(chapter):
    assert f"{train_with_parts(5):.2f}" == "3.00" and train_with_parts(5) == pytest.approx(chapter["by-hand"].names["price"], abs=1e-6)
    layer = torch.nn.Linear(1, 1, bias=False)
    (kept,) = layer.parameters()
    assert kept is layer.weight and kept.requires_grad
    inputs = torch.arange(1.0, 5.0).unsqueeze(1)
    assert torch.allclose(layer(inputs), inputs @ layer.weight.T)  # a layer is a product of tensors
    p = torch.nn.Parameter(torch.tensor([2.0]))
    p.grad = torch.tensor([10.0])  # which autograd would have found
    torch.optim.SGD([p], lr=0.05).step()
    assert p.item() == pytest.approx(2 - 0.05 * 10)  # a step is a subtraction of tensors
    (batch,) = torch.utils.data.DataLoader(inputs, batch_size=4)
    assert type(batch) is torch.Tensor and torch.equal(batch, inputs)  # the data are handed out as tensors


@pytest.mark.ledger("n1-19")
@pytest.mark.claim(zh="和 TensorFlow 不同，模型的输入是一个在图里流动的 `Variable`。", en="Unlike in TensorFlow, a model’s input is a `Variable` that flows through the graph.")
@pytest.mark.claim(zh="上面用的 `kilos` 是普通张量。", en="The `kilos` above are a plain tensor.")
@pytest.mark.claim(
    zh="从前想求导，得先给张量套一层 `Variable`；2018 年的 [0.4 版](https://github.com/pytorch/pytorch/releases/tag/v0.4.0)起它并入了 `Tensor`，包一层，拿回来的仍是张量。",
    en="To get derivatives, one once had to wrap it in a `Variable`; in [0.4](https://github.com/pytorch/pytorch/releases/tag/v0.4.0), of 2018, that merged into `Tensor`: wrap a tensor in it and you get a tensor back.")
@pytest.mark.claim(zh="“和 TensorFlow 不同”也淡了，[后面](#neighbours)会说到。", en="“Unlike in TensorFlow” has faded too, as you will see [below](#neighbours).")
def test_the_input_is_a_plain_tensor_and_variable_hands_one_back(chapter):
    assert old_notes("n1-19")["zh"] == "和 TensorFlow 不同，模型的输入是一个在图里流动的 `Variable`。"
    assert old_notes("n1-19")["en"] == "Unlike in TensorFlow, a model’s input is a `Variable` that flows through the graph."
    assert lines(chapter, "variable") == ["Tensor", "Tensor"]
    kilos = chapter["by-hand"].names["kilos"]
    assert type(kilos) is torch.Tensor and type(torch.autograd.Variable(kilos)) is torch.Tensor
    assert isinstance(kilos, torch.autograd.Variable)
    assert [ast.unparse(node.value.args[0]) for node in ast.parse(chapter["variable"].code).body] == ["type(kilos).__name__", "type(torch.autograd.Variable(kilos)).__name__"]
    assert fact("foundations/what-is-pytorch", "variable") == [0.4, 2018, "Tensors and Variables have merged"]
    assert fact("foundations/what-is-pytorch", "tensorflow 2")[1] == "eager execution"  # what PyTorch does too:
    x = torch.ones(2)
    assert (x * 2).tolist() == [2.0, 2.0]  # the value is there before the next line


# ---- the graph follows Python ------------------------------------------------------------------


@pytest.mark.ledger("n2-05")
@pytest.mark.claim(zh="长处：动态图、自动求导，研究和工业界用得广。", en="Strengths: dynamic graphs, automatic derivatives, wide use in research and industry.")
@pytest.mark.claim(zh="要求导，就得知道结果是怎么算来的。", en="To differentiate a result, one must know how it came about.")
@pytest.mark.claim(zh="所以从要求导的张量走到结果，每一步运算 PyTorch 都记一笔，这些记录连起来，叫计算图（computation graph）。",
                   en="So PyTorch makes a note of each operation on the way from a tensor that wants derivatives to the result, and these notes, joined up, are the computation graph.")
@pytest.mark.claim(zh="“动态”是说图不用事先画好：程序走到哪里，就记到哪里。", en="“Dynamic” means that nobody draws it beforehand: it records where the program goes, as it goes.")
def test_each_operation_is_recorded_as_the_program_goes(chapter):
    assert old_notes("n2-05") == {"zh": "长处：动态图、自动求导，研究和工业界用得广。", "en": "Strengths: dynamic graphs, automatic derivatives, wide use in research and industry."}
    x = torch.tensor(2.0, requires_grad=True)
    y, taken = x, []
    assert y.grad_fn is None  # nothing is drawn beforehand
    for operation, apply in (("Exp", torch.exp), ("Mul", lambda t: t * 3), ("Sin", torch.sin), ("Sub", lambda t: t - 1)):
        y = apply(y)
        taken.append(operation)
        assert recorded(y) == taken  # after each line, as far as the program has come
    with pytest.raises(RuntimeError, match="does not have a grad_fn"):  # without the record, no derivative
        (y.detach() * 2).backward()
    with torch.no_grad():
        assert torch.exp(x).grad_fn is None


@pytest.mark.ledger("n2-05")
@pytest.mark.claim(zh="找一个全看输入行事的函数来试：偶数就除以 2，奇数就乘 3 再加 1，直到变成 1。",
                   en="Take a function whose way depends on its input: halve an even number, treble an odd one and add 1, until it is 1.")
@pytest.mark.claim(zh="函数里就是普通的 `while` 和 `if`。", en="Inside are a plain `while` and a plain `if`.")
@pytest.mark.claim(zh="三个起点都走到 1，梯度却各不相同，因为走的路不同。", en="All three starts arrive at 1, yet the gradients differ, because the ways differ.")
@pytest.mark.claim(zh="从 4 出发最好验算：除了两次 2，梯度就是 ½ × ½ = 0.25。", en="The way from 4 is easy to check: two halvings, so the gradient is ½ × ½ = 0.25.")
def test_one_function_leaves_a_gradient_for_each_way_taken(chapter):
    shown = [re.fullmatch(r"from (\S+): arrives at (\S+), gradient (\S+)", line).groups() for line in lines(chapter, "control-flow")]
    assert [float(start) for start, _, _ in shown] == list(STARTS) and len(shown) == 3
    assert {float(end) for _, end, _ in shown} == {1.0}
    assert [Fraction(float(gradient)) for _, _, gradient in shown] == [rate(start) for start in STARTS]
    assert len({rate(start) for start in STARTS}) == len({tuple(names(start)) for start in STARTS}) == 3
    assert names(4) == ["Div", "Div"] and float(rate(4)) == 1 / 2 * 1 / 2 == 0.25
    assert min(STARTS, key=lambda start: len(steps(start))) == 4  # so it is the easiest to check
    code, walk = chapter["control-flow"].code, chapter["control-flow"].names["walk"]
    (definition,) = (node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef))
    kinds = [type(node).__name__ for node in ast.walk(definition)]
    assert kinds.count("While") == kinds.count("If") == 1 and "Call" not in kinds and not definition.decorator_list
    for start in (1, 6, 7, 16, 27):
        assert walk(float(start)) == 1.0  # runs on a bare number just as well
        if start > 1:
            assert recorded(walk(torch.tensor(float(start), requires_grad=True))) == names(start)


@pytest.mark.ledger("n2-05")
@pytest.mark.claim(zh="最后一行显示 `y` 本身：`grad_fn` 说它由除法（Div）得来。", en="The last line shows `y` itself: its `grad_fn` says that a division (Div) made it.")
@pytest.mark.claim(zh="三次都从 `y` 一步步往回走，就读出了三张图：", en="Step back from `y` in this way, one operation at a time, in each run, and you read three graphs:")
@pytest.mark.claim(
    zh="从 3 出发的那条里有两次乘 3、五次除以 2，所以梯度是 9/32 = 0.28125，和打印出来的一样；加 1 不影响变化的快慢。",
    en="The chain from 3 has two multiplications by 3 and five divisions by 2, so the gradient is 9/32 = 0.28125, as printed above; adding 1 does not change how fast anything changes.")
def test_grad_fn_leads_back_along_the_chain(chapter):
    ran = chapter["control-flow"]
    assert str(ran.value) == "tensor(1., grad_fn=<DivBackward0>)" and ran.value is ran.names["y"]
    for start in STARTS:
        assert recorded(ran.names["walk"](torch.tensor(float(start), requires_grad=True))) == names(start)
    assert names(3).count("Mul") == 2 and names(3).count("Div") == 5 and names(3).count("Add") == 2
    assert rate(3) == Fraction(3**2, 2**5) == Fraction(9, 32) and 9 / 32 == 0.28125
    assert lines(chapter, "control-flow")[-1].endswith("gradient 0.28125")
    x = torch.tensor(5.0, requires_grad=True)
    (x + 1).backward()
    assert x.grad == 1


@pytest.mark.claim(zh="从输入到结果的这一趟叫前向（forward），每一趟都[从头搭一张新图](https://docs.pytorch.org/docs/stable/notes/autograd.html)。",
                   en="The run from input to result is called the forward pass, and each one [builds a new graph from scratch](https://docs.pytorch.org/docs/stable/notes/autograd.html).")
@pytest.mark.claim(zh="好处很实在：模型就是普通的 Python，`print`、断点、报错的行号全都管用。",
                   en="The gain is down to earth: a model is ordinary Python, so `print`, breakpoints and the line numbers of errors all work.")
def test_each_run_is_a_new_graph_and_ordinary_python(chapter, monkeypatch, capsys):
    assert fact("foundations/what-is-pytorch", "new graph") == "recreated from scratch at every iteration"
    walk = chapter["control-flow"].names["walk"]
    x = torch.tensor(3.0, requires_grad=True)
    first, second = walk(x).grad_fn, walk(x).grad_fn  # for the same input too
    while first.next_functions:
        assert first is not second and type(first) is type(second)
        first, second = first.next_functions[0][0], second.next_functions[0][0]

    class Model(torch.nn.Module):
        def forward(self, t):
            t = t * 2
            print("inside", t.tolist())
            breakpoint()
            return t @ torch.ones(7)

    stopped = []
    monkeypatch.setattr(sys, "breakpointhook", lambda: stopped.append(sys._getframe(1).f_locals["t"].tolist()))
    with pytest.raises(RuntimeError) as caught:
        Model()(torch.ones(3))
    assert capsys.readouterr().out == "inside [2.0, 2.0, 2.0]\n" and stopped == [[2.0, 2.0, 2.0]]
    assert any("t @ torch.ones(7)" in line.line for line in traceback.extract_tb(caught.tb))


@pytest.mark.ledger("n2-05")
@pytest.mark.claim(
    zh="想更快，[2.0 版](https://github.com/pytorch/pytorch/releases/tag/v2.0.0)起还有 `torch.compile`：函数不用改写，里面的运算就能编译；只是跨不过上面那种要看张量里的数的 `if`。",
    en="For more speed there is `torch.compile`, since [2.0](https://github.com/pytorch/pytorch/releases/tag/v2.0.0): it compiles the operations of a function without a rewrite, though not across an `if` that looks into a tensor, as above.")
def test_compile_needs_no_rewrite_and_stops_at_an_if_on_tensors(chapter):
    assert fact("foundations/what-is-pytorch", "compile") == 2.0
    assert torch.compile.__doc__.split()[0] == "Optimizes"
    captured = []

    def look(graph, inputs):
        captured.append([node.name for node in graph.graph.nodes if node.op.startswith("call")])
        return graph.forward

    def plain(x):
        return (x**2).sum() * 3

    def branching(x):
        y = x * 2
        if y.sum() > 0:
            return y + 1
        return y - 1

    x = torch.tensor([3.0, -4.0])
    assert torch.compile(plain, backend=look, fullgraph=True)(x) == plain(x) == 75 and captured == [["pow_1", "sum_1", "mul"]]  # as one whole
    captured.clear()
    assert torch.compile(branching, backend=look)(-x).tolist() == branching(-x).tolist()
    assert len(captured) == 2  # what is before the `if`, and the branch that Python chose
    walk = chapter["control-flow"].names["walk"]
    assert torch.compile(walk, backend="eager")(torch.tensor(3.0)) == 1
    for f, start in ((branching, x), (walk, torch.tensor(3.0))):
        torch.compiler.reset()
        with pytest.raises(torch._dynamo.exc.Unsupported, match="Data-dependent branching"):
            torch.compile(f, backend="eager", fullgraph=True)(start)
    torch.compiler.reset()


@pytest.mark.claim(zh="三条横链，从左往右走，最后都是 1。", en="Three chains, read from left to right, all end at 1.")
@pytest.mark.claim(zh="从 4 出发是两次 ÷2。", en="From 4 it is ÷2 twice.")
@pytest.mark.claim(zh="从 5 出发是 ×3、+1，然后四次 ÷2。", en="From 5 it is ×3, +1, then four times ÷2.")
@pytest.mark.claim(zh="从 3 出发是 ×3、+1、÷2、×3、+1，然后四次 ÷2。", en="From 3 it is ×3, +1, ÷2, ×3, +1, then four times ÷2.")
def test_the_alternative_text_tells_the_three_chains(chapter):
    (ax,) = chapter["chains-figure"].figures[0].axes
    above = {row: [text.get_text() for text in sorted(ax.texts, key=lambda text: text.get_position()[0])
                   if text.get_position()[1] == pytest.approx(0.2 - row)] for row in range(3)}
    assert above == {0: ["÷2"] * 2, 1: ["×3", "+1"] + ["÷2"] * 4, 2: ["×3", "+1", "÷2", "×3", "+1"] + ["÷2"] * 4}
    assert [[SIGNS[name] for name in names(start)] for start in STARTS] == list(above.values())
    for row in range(3):
        *_, last = sorted((text for text in ax.texts if text.get_position()[1] == pytest.approx(-0.2 - row)), key=lambda text: text.get_position()[0])
        assert last.get_text() == "1"


@pytest.mark.claim(zh="同一个函数跑三次，留下三张不同的图。", en="One function, run three times, left three different graphs.")
@pytest.mark.claim(zh="圆点是一步运算，颜色分乘、加、除，下面是算到这一步的数。", en="A dot is an operation, coloured by its kind; below it stands the number reached.")
def test_the_figure_shows_each_operation_and_the_number_reached(chapter):
    (figure,) = chapter["chains-figure"].figures
    (ax,) = figure.axes
    dots = {(line.get_xdata()[0], line.get_ydata()[0]): to_hex(line.get_color()) for line in ax.lines if line.get_marker() == "o"}
    texts = {}
    for text in ax.texts:
        x, y = text.get_position()
        texts.setdefault((round(x, 2), round(y)), []).append((y, text.get_text()))
    colours = {}
    for row, start in enumerate(STARTS):
        assert [text for _, text in texts.pop((-0.25, -row))] == [str(start)]
        for place, (operation, number) in enumerate(steps(start), 1):
            above, below = (text for _, text in sorted(texts.pop((place, -row)), reverse=True))
            assert above == SIGNS[operation] and below == str(number)
            colours.setdefault(operation, set()).add(dots.pop((place, -row)))
    assert not texts and not dots
    assert all(len(found) == 1 for found in colours.values()) and len(set.union(*colours.values())) == 3
    assert "operations" in ax.get_xlabel() and ax.get_ylabel() == "start"
    rows = [line for line in ax.lines if line.get_marker() != "o"]
    assert [list(line.get_xdata()) for line in rows] == [[0, len(steps(start))] for start in STARTS]
    assert len({tuple(names(start)) for start in STARTS}) == 3


# ---- where it came from, and its neighbours ------------------------------------------------------


@pytest.mark.ledger("n2-01")
@pytest.mark.claim(zh="开源，来自 Facebook 的人工智能研究团队，2016 年首次发布。", en="Open source, from Facebook’s AI research, first released in 2016.")
@pytest.mark.claim(zh="来处没错，年份要拆成两半：", en="The origin is right; the year comes in two halves:")
@pytest.mark.claim(zh="2016 年 | 内测版（alpha），见[版本列表](https://github.com/pytorch/pytorch/releases)最早的几页",
                   en="2016 | alpha releases, on the earliest pages of the [list of releases](https://github.com/pytorch/pytorch/releases)")
@pytest.mark.claim(
    zh="2017 年 1 月 19 日 | 公开发布：官方博客在 2018 年 1 月 19 日写道，[今天满一周年](https://pytorch.org/blog/a-year-in/)",
    en="19 January 2017 | the public release: on 19 January 2018 the official blog wrote that [it was a year ago](https://pytorch.org/blog/a-year-in/)")
def test_alphas_came_first_and_the_public_release_a_year_before_its_birthday(chapter):
    said = old_notes("n2-01")
    assert said == {"zh": "开源，来自 Facebook 的人工智能研究团队，2016 年首次发布。", "en": "Open source, from Facebook’s AI research, first released in 2016."}
    files = importlib.metadata.files("torch")
    licence = next(file for file in files if file.name == "LICENSE").read_text()
    assert "Copyright (c) 2016-     Facebook, Inc" in licence and "BSD" in importlib.metadata.metadata("torch")["License-Expression"]
    assert fact("foundations/what-is-pytorch", "alphas") == [2016, "alpha"]
    posted, words = fact("foundations/what-is-pytorch", "public release")
    posted = datetime.date.fromisoformat(posted)
    assert posted == datetime.date(2018, 1, 19) and "1 year since PyTorch was released publicly" in words
    assert posted.replace(year=posted.year - 1) == datetime.date(2017, 1, 19)  # the year after the alphas


@pytest.mark.ledger("n2-01")
@pytest.mark.claim(
    zh="2022 年 9 月 12 日 | 离开 Meta（也就是从前的 Facebook），归 [Linux 基金会](https://www.linux.com/news/meta-transitions-pytorch-to-the-linux-foundation-further-accelerating-ai-ml-open-source-collaboration/)旗下新成立的 PyTorch 基金会",
    en="12 September 2022 | PyTorch leaves Meta (once called Facebook) for the new PyTorch Foundation, part of the [Linux Foundation](https://www.linux.com/news/meta-transitions-pytorch-to-the-linux-foundation-further-accelerating-ai-ml-open-source-collaboration/)")
@pytest.mark.claim(zh="2016 年内测，2017 年 1 月公开，2022 年起归 PyTorch 基金会；TensorFlow 2 默认也边写边算。",
                   en="Alphas in 2016, public in January 2017, with the PyTorch Foundation since 2022; TensorFlow 2 computes line by line by default too.")
def test_the_foundation_has_it_since_2022(chapter):
    day, giver, home, name = fact("foundations/what-is-pytorch", "foundation")
    assert datetime.date.fromisoformat(day) == datetime.date(2022, 9, 12)
    assert (giver, home, name) == ("Meta", "Linux Foundation", "newly-formed PyTorch Foundation")
    assert fact("foundations/what-is-pytorch", "meta") == "Facebook"
    assert fact("foundations/what-is-pytorch", "alphas")[0] == 2016 and fact("foundations/what-is-pytorch", "public release")[0].startswith("2018-01")
    assert "eager" in fact("foundations/what-is-pytorch", "tensorflow 2")[1]


@pytest.mark.ledger("n2-03", "n2-04")
@pytest.mark.claim(zh="TensorFlow 用静态图；Keras 是 TensorFlow、Theano 或 CNTK 的前端。", en="TensorFlow uses static graphs; Keras is a front end to TensorFlow, Theano or CNTK.")
@pytest.mark.claim(zh="两句当年都对。", en="Both were true in their day.")
@pytest.mark.claim(zh="静态图先整张画好再运行，TensorFlow 1.x 正是这样。", en="A static graph is drawn in full before it is run, as in TensorFlow 1.x.")
@pytest.mark.claim(
    zh="2019 年的 [TensorFlow 2](https://blog.tensorflow.org/2019/09/tensorflow-20-is-now-available.html) 起，默认边写边算，要静态图得用 `tf.function`。",
    en="Since [TensorFlow 2](https://blog.tensorflow.org/2019/09/tensorflow-20-is-now-available.html), in 2019, it computes line by line by default, and a static graph takes `tf.function`.")
def test_tensorflow_drew_first_and_now_computes_at_once(chapter):
    assert old_notes("n2-03") == {"zh": "TensorFlow 用的是静态图。", "en": "TensorFlow uses static graphs."}
    assert old_notes("n2-04") == {"zh": "Keras 是 TensorFlow、Theano 或 CNTK 的前端。", "en": "Keras is a front end to TensorFlow, Theano or CNTK."}
    assert "graph to be executed later" in fact("foundations/what-is-pytorch", "tensorflow 1")
    assert set(fact("foundations/what-is-pytorch", "keras 2")) == {"TensorFlow", "Theano", "CNTK"}
    assert fact("foundations/what-is-pytorch", "tensorflow 2") == [2019, "eager execution"]
    assert fact("foundations/what-is-pytorch", "tensorflow graphs") == "tf.function"


@pytest.mark.ledger("n2-04")
@pytest.mark.claim(zh="Keras 把真正的运算交给底下的一个库，叫后端（backend）。", en="Keras leaves the computing to a library below, called its backend.")
@pytest.mark.claim(
    zh="当年的后端里，[Theano](https://github.com/Theano/Theano) 和 [CNTK](https://learn.microsoft.com/en-us/cognitive-toolkit/releasenotes/cntk_2_7_release_notes) 都已不再开发。",
    en="Of the backends of those days, [Theano](https://github.com/Theano/Theano) and [CNTK](https://learn.microsoft.com/en-us/cognitive-toolkit/releasenotes/cntk_2_7_release_notes) are no longer developed.")
@pytest.mark.claim(zh="[Keras 3](https://keras.io/getting_started/) 的后端是 TensorFlow、JAX 和 PyTorch，外加不能训练的 OpenVINO。",
                   en="[Keras 3](https://keras.io/getting_started/) has TensorFlow, JAX and PyTorch, and OpenVINO, which cannot train.")
def test_keras_has_new_backends(chapter):
    backends = fact("foundations/what-is-pytorch", "keras 3")
    assert [name for name, use in backends.items() if use == "inference only"] == ["OpenVINO"]
    assert {name for name, use in backends.items() if use == "training"} == {"TensorFlow", "JAX", "PyTorch"}
    before = set(fact("foundations/what-is-pytorch", "keras 2"))
    assert before - set(backends) == {"Theano", "CNTK"}
    assert "stop developing" in fact("foundations/what-is-pytorch", "theano") and "last main release" in fact("foundations/what-is-pytorch", "cntk")


# ---- common errors and the summary ---------------------------------------------------------------


@pytest.mark.claim(zh="**把 `torch` 写成了 `pytorch`**。", en="**`pytorch` for `torch`.**")
@pytest.mark.claim(zh="项目叫 PyTorch，要导入的包叫 `torch`：", en="The project is called PyTorch, the package to import is `torch`:")
@pytest.mark.claim(zh="**忘了 `requires_grad=True`**。", en="**No `requires_grad=True`.**")
@pytest.mark.claim(zh="没人吩咐，PyTorch 就不记账，求导时无账可查：", en="Unless told to, PyTorch keeps no record, and then there is nothing to walk back along:")
def test_common_errors(chapter):
    error = chapter["no-module"].error
    assert isinstance(error, ModuleNotFoundError) and str(error) == "No module named 'pytorch'" and error.name == "pytorch"
    assert "PyTorch is a Python package" in own_words() and importlib.metadata.metadata("torch")["Name"] == torch.__name__ == "torch"
    error = chapter["no-record"].error
    assert isinstance(error, RuntimeError) and "does not require grad and does not have a grad_fn" in str(error)
    assert "requires_grad" not in chapter["no-record"].code
    assert torch.tensor([1.0]).sum().grad_fn is None and torch.tensor([1.0], requires_grad=True).sum().grad_fn is not None


@pytest.mark.claim(zh="PyTorch 有两样本事，张量运算和自动求导；`nn`、`optim`、`utils.data` 是搭在上面的便利。",
                   en="PyTorch has two skills, tensor computation and automatic differentiation; `nn`, `optim` and `utils.data` are conveniences built on them.")
@pytest.mark.claim(zh="每次前向都现搭一张计算图，`if` 和 `while` 走到哪，图就到哪。", en="Every forward pass builds a graph anew; where `if` and `while` go, the graph goes.")
def test_the_summary_repeats_what_was_shown(chapter):
    assert train_with_parts(4) == pytest.approx(prices(4)[-1], abs=1e-5)
    x = torch.tensor(3.0, requires_grad=True)
    for f in (lambda t: t * 2 if t > 2 else t + 2, lambda t: t * 2 if t < 2 else t + 2):
        assert recorded(f(x)) == [("Mul" if f(x) == 6 else "Add")]
    walk = chapter["control-flow"].names["walk"]
    for start in (7, 12, 24):
        assert recorded(walk(torch.tensor(float(start), requires_grad=True))) == names(start)
