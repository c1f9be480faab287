"""Claims of foundations/devices, as far as a CPU can prove them; the rest is marked `gpu`.

Two stand-ins replace the missing hardware: the `meta` device, and fake tensors, which carry the device names and the
rules of CUDA and hold no numbers.
"""

import importlib.metadata
import importlib.util
import inspect
import re
import sys
import weakref
from pathlib import Path

import numpy
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from press.records import read_records
from tests.facts import fact
from tests.prose import ledger_rows

CPU, META = torch.device("cpu"), torch.device("meta")
STEM = "foundations/devices"
DIFFERENT = "Expected all tensors to be on the same device"
NO_DRIVER, NOT_COMPILED, NO_SUCH_DEVICE = (
    "Found no NVIDIA driver", "Torch not compiled with CUDA enabled", "invalid device ordinal")
NO_MEMORY = "CUDA out of memory"
OLDER = 'torch.device("cuda" if torch.cuda.is_available() else "cpu")'
ONE_LINE = 'torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")'


@pytest.fixture(autouse=True)
def _skip_without_gpu(request):
    if request.node.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs CUDA, and there is no GPU here")


def pretend(monkeypatch, built_with, available):
    """Let PyTorch believe that it was built for the accelerator `built_with`, and that this is usable or not."""
    accelerator = built_with and torch.device(built_with)
    monkeypatch.setattr(torch._C, "_accelerator_getAccelerator", lambda: accelerator)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: available)


def rerun(chapter, cell, **names):
    """Run a cell once more from what it began with, with `names` in place of the old ones."""
    namespace = dict(chapter[cell].names) | names
    exec(chapter[cell].code, namespace)
    return namespace


def said(chapter, row):
    """What the old notes say, by the ledger, in both languages."""
    rows = ledger_rows()
    (entry,) = [entry for entry in rows if entry["id"] == row]
    return entry["said"]["zh"], entry["said"]["en"]


def gpu_cells(chapter):
    return [cell for cell in chapter.project.cells(chapter.stem).values() if "gpu" in cell.tags]


def gpu_code(chapter, name):
    """The source of a `gpu` cell, which the fixture leaves out on a machine without a GPU."""
    (cell,) = [cell for cell in gpu_cells(chapter) if cell.name == name]
    return cell.source


def products(n, device=META):
    """Operations that PyTorch counts for the product of two n x n matrices."""
    with FlopCounterMode(display=False) as counter:
        torch.empty(n, n, device=device) @ torch.empty(n, n, device=device)
    return counter.get_total_flops()


def seconds(n, device):
    """The time of a product on a machine of ours."""
    return 1e-6 + 1e-10 * 2 * n**3 if device.type == "cpu" else 1e-4 + 1e-12 * 2 * n**3


@pytest.fixture
def both_curves(chapter, monkeypatch):
    """The axes that the GPU's cell draws with `seconds` for a clock, and the devices that it asks for."""
    import matplotlib.pyplot as plt

    asked = []
    monkeypatch.setattr(plt, "show", lambda: None)
    names = rerun(chapter, "cpu-curve", seconds_per_product=seconds)
    plt.close("all")
    names["seconds_per_product"] = lambda n, device: asked.append(device) or seconds(n, device)
    exec(gpu_code(chapter, "gpu-curve"), names)
    yield plt.gca(), asked
    plt.close("all")


# ---- The old notes ----


@pytest.mark.claim(zh="GPU 是硬件，有几千个核心；CUDA 是软件，给开发者提供接口。",
                   en="A GPU is hardware with thousands of cores; CUDA is software that gives developers an interface.")
@pytest.mark.claim(zh="用 NVIDIA 的硬件，就必须用 CUDA。", en="With NVIDIA hardware one must use CUDA.")
@pytest.mark.claim(zh="在 PyTorch 里确实如此。", en="So it is, in PyTorch.")
@pytest.mark.claim(zh="旧笔记说：只有能拆成许多独立小块的活，GPU 才快；问题太小，就占不到便宜。",
                   en="The old notes say: only work that splits into many small independent parts is faster on a GPU, and small problems gain nothing.")
def test_what_the_old_notes_say_of_gpu_and_cuda(chapter):
    zh, en = said(chapter, "n1-03")
    assert "几千个核心" in zh and "CUDA 是给开发者提供接口的软件" in zh
    assert "thousands of cores" in en and "software that gives developers an API" in en
    zh, en = said(chapter, "n1-04")
    assert "用 NVIDIA 的硬件，就得用 CUDA" in zh and en == "With NVIDIA hardware one must use CUDA."
    with pytest.raises(RuntimeError, match="device type at start of device string: nvidia") as caught:
        torch.device("nvidia")  # `cuda` is the only name for it
    assert "cuda" in str(caught.value)
    zh, en = said(chapter, "n1-07")
    assert "拆成许多互不相干的小块" in zh and "占不到便宜" in zh
    assert "splits into many small independent parts" in en and "Small problems gain nothing" in en


@pytest.mark.claim(zh="张量住在某个设备的内存里。", en="A tensor lives in the memory of one device.")
@pytest.mark.claim(zh="张量默认在 CPU 上，.cuda() 把它搬到 GPU；括号里的数字，是第几个核心吗？",
                   en="Tensors are on the CPU by default, and .cuda() moves them to the GPU. Is the number in its brackets that of a core?")
@pytest.mark.claim(zh="前半句对，只是搬过去的是一份副本。", en="The first half is right, except that what moves is a copy.")
def test_what_the_old_notes_say_of_moving(chapter):
    zh, en = said(chapter, "n1-06")
    assert "张量默认在 CPU 上" in zh and "核心的编号" in zh and "on the CPU by default" in en and "index of a core" in en
    with FakeTensorMode():
        x = torch.zeros(3)
        g = x.cuda()
        assert x.device == CPU and g.device.type == "cuda" and g is not x
    assert type(x.device) is torch.device  # one, not several
    assert "Returns a copy of this object in CUDA memory" in torch.Tensor.cuda.__doc__


# ---- Why a GPU ----


@pytest.mark.claim(zh="同一行 a @ b，可以在 CPU 上算，也可以在 GPU 上算。", en="The same line, a @ b, can run on a CPU or on a GPU.")
@pytest.mark.claim(zh="没有 GPU 也能读这一章：只有三段代码非 GPU 不可，跳过去不影响后面。",
                   en="You need no GPU for this: only three pieces of code want one, and skipping them costs you nothing later on.")
@pytest.mark.claim(zh="代码几乎不用改；速度差多少，这一章教你自己量。",
                   en="The code hardly changes; this chapter lets you measure by how much the speed does.")
def test_one_line_for_both_devices_and_three_cells_that_need_a_gpu(chapter):
    with FakeTensorMode():
        for device in ("cpu", "cuda"):
            a, b = torch.zeros(4, 3, device=device), torch.zeros(3, 5, device=device)
            assert (a @ b).device.type == device
    assert [cell.name for cell in gpu_cells(chapter)] == ["gpu-move", "gpu-index", "gpu-curve"]
    statements = [line for line in chapter["train"].code.splitlines() if line.strip()]
    assert sum("device" in line for line in statements) == 3 < len(statements) / 3  # the rest is as on a CPU
    assert "perf_counter" in chapter["timer"].code
    if not torch.cuda.is_available():  # the fixture left them out, and what follows ran
        assert not {"gpu-move", "gpu-index", "gpu-curve"} & set(chapter) and {"mix", "home", "no-gpu"} <= set(chapter)


@pytest.mark.claim(zh="结果里的每个数只需要左边的一行和右边的一列，和别的结果无关。",
                   en="Each number of the result needs one row of the left matrix and one column of the right one, and no other result.")
@pytest.mark.claim(zh="那么先算哪个都行，把顺序打乱试试。", en="So the order does not matter. Let us shuffle it.")
@pytest.mark.claim(zh="输出 True，与 a @ b 一致。", en="True: the result agrees with a @ b.")
@pytest.mark.claim(zh="20 个数谁也不用等谁，可以同时各算各的；两个 1024 × 1024 的矩阵相乘，结果有 1048576 个数，都可以同时算。",
                   en="None of the 20 numbers waits for another, so all can be computed at once; the product of two 1024 × 1024 matrices has 1048576 numbers, and they too can be computed all at once.")
def test_entries_of_a_product_can_be_computed_in_any_order(chapter):
    names = chapter["any-order"].names
    a, b, c = names["a"].double().numpy(), names["b"].double().numpy(), names["c"].double().numpy()
    assert chapter["any-order"].value is True
    assert a.shape == (4, 3) and b.shape == (3, 5) and c.size == 20
    numpy.testing.assert_allclose(c, a @ b, rtol=1e-5, atol=1e-6)
    torch.manual_seed(0)
    drawn = (torch.randn(4, 3), torch.randn(3, 5))
    assert all(map(torch.equal, drawn, (names["a"], names["b"])))
    order = torch.randperm(20).tolist()
    assert order != sorted(order) and sorted(order) == list(range(20))  # shuffled, and none left out
    for i in range(4):
        for j in range(5):  # all rows but i and all columns but j may be anything: so may all other results
            only_a, only_b = numpy.full_like(a, numpy.nan), numpy.full_like(b, numpy.nan)
            only_a[i], only_b[:, j] = a[i], b[:, j]
            assert (only_a @ only_b)[i, j] == pytest.approx(c[i, j], rel=1e-4, abs=1e-6)
    square = torch.empty(1024, 1024, device=META)
    assert (square @ square).numel() == 1048576


@pytest.mark.claim(zh="先认识要用的几个函数：torch.randn(4, 3) 造一个 4 × 3 的张量，里面的数随机取自标准正态分布；torch.randperm(20) 把 0 到 19 打乱；torch.allclose 问两个张量是不是处处只差一点点舍入误差。",
                   en="First the functions that it takes: torch.randn(4, 3) makes a 4 × 3 tensor of numbers drawn at random from the standard normal distribution; torch.randperm(20) shuffles 0 to 19; torch.allclose asks whether two tensors agree everywhere but for a little rounding error.")
def test_the_functions_that_the_first_cell_takes(chapter):
    for call in ("torch.randn(4, 3)", "torch.randperm(20)", "torch.allclose("):
        assert call in chapter["any-order"].code
    assert torch.randn(4, 3).shape == (4, 3) and "standard normal distribution" in " ".join(torch.randn.__doc__.split())
    assert sorted(torch.randperm(20).tolist()) == list(range(20)) and "random permutation" in torch.randperm.__doc__
    third = torch.full((4, 5), 1 / 3)
    other = third * (1 + 1e-6)
    assert not torch.equal(third, other) and torch.allclose(third, other)
    other[3, 4] += 0.01  # one entry is enough
    assert not torch.allclose(third, other)


@pytest.mark.claim(zh="但不是什么活都能这么分。", en="Not all work splits like that.")
@pytest.mark.claim(zh="训练就是一例：第 4 步要从第 3 步改好的权重出发，只能一步接一步。",
                   en="Training is an example: step 4 starts from the weights that step 3 has improved, so the steps go one after another.")
def test_steps_of_training_wait_for_one_another(chapter):
    """The gradient of (w - 3)^2 is 2(w - 3): four steps at once, each from the first weight, are not four steps in turn."""
    w, rate = 0.0, 0.1
    in_turn = w
    for _ in range(4):
        in_turn -= rate * 2 * (in_turn - 3)
    at_once = w - 4 * rate * 2 * (w - 3)
    parameter = torch.tensor(w, requires_grad=True)
    optimizer = torch.optim.SGD([parameter], lr=rate)
    for _ in range(4):
        optimizer.zero_grad()
        ((parameter - 3) ** 2).backward()
        optimizer.step()
    assert parameter.item() == pytest.approx(in_turn) and abs(at_once - in_turn) > 0.5


@pytest.mark.claim(zh="CPU 让每一条线程尽量快，同时跑几十条；GPU（图形处理器）单条线程慢些，却能同时跑几千条。",
                   en="A CPU makes each thread as fast as it can, and runs a few tens of them at a time; a GPU (graphics processing unit) has slower threads, but runs thousands of them at once.")
@pytest.mark.claim(zh="神经网络里的线性层，算的主要就是矩阵乘积，正合 GPU 的长处。",
                   en="The work of a linear layer in a neural network is mostly a matrix product, just what a GPU is good at.")
@pytest.mark.claim(zh="线程（thread）是一串先后执行的运算。", en="A thread is a sequence of operations, one after another.")
def test_a_gpu_has_many_slow_threads_and_a_linear_layer_is_a_matrix_product():
    assert fact(STEM, "threads") == {"thread": "a sequence of operations", "CPU": "as fast as possible", "at once on a CPU": "a few tens",
                                     "at once on a GPU": "thousands", "one thread of a GPU": "slower"}
    layer, x = nn.Linear(512, 256, device=META), torch.empty(64, 512, device=META)
    with FlopCounterMode(display=False) as counter:
        y = layer(x)
    product, bias = 2 * 64 * 512 * 256, y.numel()
    assert counter.get_total_flops() == product and product > 0.99 * (product + bias)


# ---- GPU, CUDA, driver ----


@pytest.mark.ledger("n1-03")
@pytest.mark.claim(zh="不是，中间还隔着一层驱动：", en="No: there is a driver in between:")
@pytest.mark.claim(zh="直接指挥硬件的是驱动（driver）；CUDA 是架在驱动之上的一整套平台：接口、编译器和各种库。",
                   en="The one that commands the hardware is the driver. CUDA is the platform built on top of it: interfaces, a compiler, libraries.")
@pytest.mark.claim(zh="所以装环境要分清两样：CUDA 的库跟着 CUDA 版的 PyTorch 一起来；驱动不在其中，要从显卡厂商那里下载，另外安装。",
                   en="So when you install, keep two things apart: the CUDA libraries come along with a CUDA build of PyTorch; the driver does not; it comes from the maker of the graphics card and is installed separately.")
def test_cuda_stands_on_the_driver_and_only_its_libraries_come_with_pytorch(chapter):
    assert fact(STEM, "runtime") == {"written on top of": "driver API", "comes with": "installation of the device driver"}
    needs = " ".join(importlib.metadata.requires("torch") or ()).lower()
    if torch.version.cuda and sys.platform == "linux":  # on Windows they are inside the package itself
        assert "cublas" in needs and "cudart" in needs and "nvidia-cudnn" in needs and "cuda" in needs
    assert "driver" not in needs
    order = {"zh": ["PyTorch：", "CUDA 的库和运行时：", "驱动：", "GPU："],
             "en": ["PyTorch: ", "CUDA libraries and runtime: ", "driver: ", "GPU: "]}
    for language, layers in order.items():
        diagram = re.search(r"```text\n(.*?)```", chapter.prose(language), re.DOTALL)[1]
        places = [diagram.index(layer) for layer in layers]
        assert diagram.index("a @ b") < places[0] and places == sorted(places)
    if torch.version.cuda and not torch.cuda.is_available():  # the message sends the reader to the maker
        with pytest.raises(RuntimeError, match=r"installed a driver from http://www\.nvidia\.com"):
            torch.ones(1).cuda()


@pytest.mark.ledger("n1-05")
@pytest.mark.claim(zh="读作 en-VID-ee-uh，四个音节，重音在 VID 上。", en="Say en-VID-ee-uh, four syllables, with the stress on VID.")
def test_nvidia_has_four_syllables(chapter):
    syllables = fact(STEM, "pronunciation").split("-")
    assert len(syllables) == 4 and [s for s in syllables if s.isupper()] == ["VID"]
    assert all("英伟达" in chapter.prose(language) for language in ("zh", "en"))


# ---- Not only NVIDIA ----


@pytest.mark.ledger("n1-04")
@pytest.mark.claim(zh="但在 CPU 旁边帮忙加快计算的设备（PyTorch 统称加速器，accelerator）不只 NVIDIA 一家有，别家有别家的后端（backend），也就是和那种硬件打交道的软件。",
                   en="But NVIDIA is not the only maker of accelerators, as PyTorch calls devices that work beside the CPU to speed up computation. Each of the others has a backend of its own: the software that deals with that hardware.")
@pytest.mark.claim(zh="NVIDIA GPU | CUDA | cuda", en="NVIDIA GPU | CUDA | cuda")
@pytest.mark.claim(zh="AMD GPU | ROCm | cuda（没写错）", en="AMD GPU | ROCm | cuda (not a misprint)")
@pytest.mark.claim(zh="ROCm 版 PyTorch 有意沿用了 cuda 这个名字，现成的代码几乎不用改；写 rocm 反而报错。",
                   en="PyTorch for ROCm keeps the name cuda on purpose, so that existing code hardly needs a change; rocm is an error.")
def test_nvidia_and_amd_answer_to_cuda():
    accelerator, rocm = fact(STEM, "accelerator"), fact(STEM, "rocm")
    assert "alongside a CPU to speed up computation" in accelerator["is"] and {"CUDA", "XPU", "MPS"} <= set(accelerator["are"])
    assert "CUDA" in torch.cuda.__doc__ and torch.device("cuda").type == "cuda"
    assert (rocm["reuses"], rocm["how"], rocm["code changes"]) == ("torch.cuda", "intentionally", "very few, if any")
    assert hasattr(torch.version, "hip")  # None where PyTorch was not built for ROCm
    assert "rocm" in rocm["not valid"]
    with pytest.raises(RuntimeError, match="device type at start of device string: rocm"):
        torch.device("rocm")


@pytest.mark.ledger("n1-04")
@pytest.mark.claim(zh="Apple 芯片里的 GPU | MPS | mps", en="GPU in an Apple chip | MPS | mps")
@pytest.mark.claim(zh="Intel GPU | XPU | xpu", en="Intel GPU | XPU | xpu")
@pytest.mark.claim(zh="每台电脑都有的处理器 | CPU | cpu", en="the processor that every computer has | CPU | cpu")
def test_apple_intel_and_the_cpu_have_their_own_names():
    assert "MPS" in torch.mps.__doc__ and "Apple" in torch.mps.__doc__ and torch.device("mps").type == "mps"
    assert "XPU" in torch.xpu.__doc__ and "Intel GPU" in " ".join(torch.xpu.__doc__.split()) and torch.device("xpu").type == "xpu"
    assert torch.ones(1).device == torch.device("cpu")


@pytest.mark.claim(zh="MPS 没有 float64。", en="MPS has no float64.")
@pytest.mark.claim(zh="把 float64 的张量搬到 mps 会报错，先用 .float() 变成 float32；NumPy 的小数默认是 float64，所以最容易在从 NumPy 转过来时碰到。",
                   en="Moving a float64 tensor to mps is an error, so make it float32 with .float() first; NumPy’s floats are float64 by default, so you are most likely to meet this when you come from NumPy.")
def test_mps_has_no_float64():
    message = fact(STEM, "mps float64")
    assert "Cannot convert a MPS Tensor to float64" in message and "use float32 instead" in message
    from_numpy = torch.from_numpy(numpy.array([0.5]))
    assert from_numpy.dtype == torch.float64 and from_numpy.float().dtype == torch.float32
    assert torch.tensor([0.5]).dtype == torch.float32  # PyTorch's own floats do not run into it


@pytest.mark.claim(zh="MPS 还缺一些运算。", en="MPS lacks some operations.")
@pytest.mark.claim(zh="先设环境变量 PYTORCH_ENABLE_MPS_FALLBACK=1 再启动程序，缺的运算就退回 CPU 上算。",
                   en="Set the environment variable PYTORCH_ENABLE_MPS_FALLBACK=1 before you start the program, and those that are missing fall back to the CPU.")
@pytest.mark.claim(zh="华为昇腾（Ascend）的设备名是 npu。", en="Huawei’s Ascend hardware goes by the device name npu.")
@pytest.mark.claim(zh="它要另装插件 torch_npu；没有装，PyTorch 不认得 npu 这个名字。",
                   en="It takes a plug-in, torch_npu; without it, PyTorch does not know the name npu.")
def test_the_fallback_of_mps_and_the_plug_in_of_ascend():
    fallback, ascend = fact(STEM, "mps fallback"), fact(STEM, "ascend")
    assert f"{fallback['variable']}={fallback['value']}" == "PYTORCH_ENABLE_MPS_FALLBACK=1"
    assert fallback["does"] == "falls back to CPU when MPS ops aren't supported"
    assert ascend == {"plug-in": "torch_npu", "for": "Ascend NPU", "maker": "Huawei"}
    if importlib.util.find_spec(ascend["plug-in"]) is None:
        with pytest.raises(RuntimeError, match="device type at start of device string: npu"):
            torch.device("npu")


@pytest.mark.ledger("n1-04")
@pytest.mark.claim(zh="设备在代码里是一个 torch.device 对象。", en="In code a device is a torch.device object.")
@pytest.mark.claim(zh="造一个这样的对象，不需要真有那样的硬件：", en="Making one takes no such hardware:")
@pytest.mark.claim(zh="冒号后面的数字是编号，从 0 数起：cuda:1 是第二块 GPU。",
                   en="The number after the colon counts devices from 0: cuda:1 is the second GPU.")
@pytest.mark.claim(zh="cuda 后面不写编号，指的就是当前那一块，默认是 cuda:0。", en="cuda without a number means the current one, by default cuda:0.")
def test_a_device_is_an_object_with_a_type_and_a_number_from_0(chapter):
    first, second = chapter["names"].value
    assert type(first) is type(second) is type(torch.ones(1).device) is torch.device
    assert (first.type, first.index) == ("mps", None) and (second.type, second.index) == ("cuda", 1)
    assert not torch.backends.mps.is_available() or torch.cuda.device_count() < 2  # one of them at least is not there
    with FakeTensorMode():
        assert torch.zeros(1, device="cuda").device == torch.device("cuda", 0)  # the first has number 0
    assert torch.device("cuda").index is None and "currently selected device" in torch.cuda.current_device.__doc__
    assert "Defaults to the current CUDA device" in " ".join(torch.Tensor.cuda.__doc__.split())


# ---- Choosing a device ----


@pytest.mark.ledger("n2-12")
@pytest.mark.claim(zh="is_available() 问的是现在有没有能用的加速器；current_accelerator() 却只看这份 PyTorch 编译时带了谁，不看机器里插着什么。",
                   en="is_available() asks whether there is an accelerator to use now. current_accelerator() looks only at what this PyTorch was built with, not at what is in the machine.")
@pytest.mark.claim(zh="于是在没有 GPU 的电脑上，CUDA 版的 PyTorch 会一边说 False，一边报出 cuda。",
                   en="So on a computer without a GPU, a CUDA build says both False and cuda.")
@pytest.mark.claim(zh="信了它，下一步就会报错 Found no NVIDIA driver，也就是找不到驱动。",
                   en="Believe the cuda, and your next line fails with Found no NVIDIA driver.")
@pytest.mark.claim(zh="加上 check_available=True，真能用才报名字，否则给 None。",
                   en="With check_available=True you get a name if it can be used, else None.")
def test_the_trap_names_an_accelerator_that_is_not_there(chapter, monkeypatch):
    here = [line.split(": ") for line in chapter["trap"].stdout.splitlines()]
    assert here == [["built for CUDA", str(torch.version.cuda)], ["usable now", str(torch.accelerator.is_available())],
                    ["current", str(torch.accelerator.current_accelerator())],
                    ["current, if usable", str(torch.accelerator.current_accelerator(check_available=True))]]
    current = " ".join(torch.accelerator.current_accelerator.__doc__.split())
    assert "accelerator available at compilation time" in current and "available at runtime" in torch.accelerator.is_available.__doc__
    assert inspect.signature(torch.accelerator.current_accelerator).parameters["check_available"].default is False
    if torch.version.cuda and not torch.cuda.is_available():
        assert [answer for _, answer in here][1:] == ["False", "cuda", "None"]
        with pytest.raises(RuntimeError, match=NO_DRIVER):
            torch.ones(1, device=torch.accelerator.current_accelerator())
    for available in (False, True):
        pretend(monkeypatch, "cuda", available)
        assert torch.accelerator.current_accelerator() == torch.device("cuda")
        assert torch.accelerator.current_accelerator(check_available=True) == (torch.device("cuda") if available else None)


@pytest.mark.ledger("n2-12", "n1-04")
@pytest.mark.claim(zh="让程序自己去找：有加速器就用，没有就用 CPU。", en="Let the program find out by itself: an accelerator if there is one, else the CPU.")
@pytest.mark.claim(zh="torch.accelerator 不问厂家，CUDA、MPS、XPU 都认；但它有一个坑，先踩给你看：",
                   en="torch.accelerator does not ask for the maker: it knows CUDA, MPS and XPU. But it has a trap, so let us walk into it on purpose:")
@pytest.mark.claim(zh="None 在 or 里算假，就轮到 cpu。", en="To or, None counts as false, and cpu gets its turn.")
@pytest.mark.claim(zh='torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")，一行选好设备。',
                   en='torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu") chooses a device in one line.')
@pytest.mark.parametrize("built_with, available, expected", [
    ("cuda", True, "cuda"), ("mps", True, "mps"), ("xpu", True, "xpu"),
    ("cuda", False, "cpu"), ("mps", False, "cpu"), (None, False, "cpu"),
])
def test_choose_takes_the_accelerator_that_is_there_else_the_cpu(chapter, monkeypatch, built_with, available, expected):
    assert {"CUDA", "MPS", "XPU"} <= set(fact(STEM, "accelerator")["are"])
    pretend(monkeypatch, built_with, available)
    if not available:
        assert torch.accelerator.current_accelerator(check_available=True) is None  # and `or` goes on
    assert rerun(chapter, "choose")["device"] == eval(ONE_LINE) == torch.device(expected)


@pytest.mark.ledger("n2-12")
@pytest.mark.claim(zh="往后程序里只写 device，换一台机器一个字也不用改。",
                   en="From here on the program says device, and moves to another machine without an edit.")
@pytest.mark.claim(zh="于是选设备只要这样写：", en="So this is all it takes:")
@pytest.mark.claim(zh='许多教程写 torch.device("cuda" if torch.cuda.is_available() else "cpu")。',
                   en='Many tutorials write torch.device("cuda" if torch.cuda.is_available() else "cpu").')
@pytest.mark.claim(zh="它只认 cuda：有 Apple 或 Intel 的 GPU，也照样选 CPU。",
                   en="It knows cuda only: where there is a GPU by Apple or Intel, it picks the CPU all the same.")
def test_the_older_way_sees_cuda_only(chapter, monkeypatch):
    assert len(chapter["choose"].code.strip().splitlines()) == 3  # with the line that shows it
    for cell in ("train", "home"):
        assert not re.search("cuda|mps|xpu|gpu", chapter[cell].code) and "(device)" in chapter[cell].code
    for built_with in ("mps", "xpu"):
        pretend(monkeypatch, built_with, available=True)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert eval(OLDER) == CPU and rerun(chapter, "choose")["device"].type == built_with
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert eval(OLDER).type == "cuda"


# ---- Putting tensors on a device ----


@pytest.mark.ledger("n1-11")
@pytest.mark.claim(zh="创建时用 device= 指定，不写就是 CPU；想知道它住在哪儿，看 .device：",
                   en="Choose it with device= when you create the tensor (say nothing and it is the CPU), and read it from .device:")
@pytest.mark.claim(zh="meta 设备上的张量有形状、有数据类型，唯独没有数，所以打印出来只有 ...。",
                   en="The meta device has tensors with a shape and a dtype but no numbers, so ... is all that is printed.")
@pytest.mark.claim(zh="它不需要任何硬件，没有 GPU 时正好拿来演示怎样搬；只是没有数，搬不回来。",
                   en="It needs no hardware, which makes it handy for showing moves without a GPU; only, without numbers there is no way back.")
@pytest.mark.claim(zh="最后一个 meta 是 zeros_like 的：它跟着样板的设备走。",
                   en="The last meta is that of zeros_like: it follows the device of its pattern.")
def test_device_is_chosen_with_device_and_read_from_device(chapter):
    cell = chapter["create"]
    x, m = cell.names["x"], cell.names["m"]
    assert x.device == CPU and m.device == META and x.shape == m.shape == (2, 3) and x.dtype == m.dtype
    assert cell.stdout.split() == ["cpu", "meta", "meta"]
    assert torch.zeros_like(x).device == CPU and torch.zeros_like(m).device == META
    assert repr(cell.value).startswith("tensor(...,") and not re.search("0[.]", repr(cell.value)) and cell.value is m
    assert torch.ones(1).device == CPU == torch.get_default_device()
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor; no data!"):
        m.to("cpu")


@pytest.mark.ledger("n2-12", "n1-11")
@pytest.mark.claim(zh="已经有的张量，用 .to() 搬：", en="A tensor that exists already is moved by .to():")
@pytest.mark.claim(zh='x.to("meta") 交出一个新张量，x 自己留在 cpu。', en='x.to("meta") hands out a new tensor, and x itself stays on cpu.')
@pytest.mark.claim(zh="张量本来就在那里时，还给你的是同一个（is 问的是“是不是同一个对象”）。",
                   en="If the tensor is there already, you get back the same one (is asks whether two names mean one object).")
@pytest.mark.claim(zh="所以 .to(device) 多写一遍，也不会多复制一份。", en="So saying .to(device) twice does not copy twice.")
def test_to_hands_out_a_new_tensor_or_the_same_one(chapter):
    assert chapter["to"].stdout.splitlines() == ["cpu meta", "True", "True"]
    x, moved = chapter["to"].names["x"], chapter["to"].names["moved"]
    assert x.device == CPU and moved.device == META and moved is not x
    assert x.to(CPU).data_ptr() == x.data_ptr() and x.to(CPU, copy=True) is not x  # nothing was copied
    assert torch.equal(x, x.clone()) and x is not x.clone()  # `is` asks for more than equal numbers
    with FakeTensorMode():
        once = torch.zeros(3).to("cuda")
        assert once.to("cuda") is once


@pytest.mark.ledger("n1-11")
@pytest.mark.claim(zh="模块（module）是搭神经网络的积木，它也有 .to()，做法却不同：",
                   en="Modules, the building blocks of networks, have a .to() too, which works in another way:")
@pytest.mark.claim(zh="模块把自己的数就地搬走，还给你的还是它自己。", en="A module moves its own numbers on the spot, and what it returns is itself.")
@pytest.mark.claim(zh="记住：张量要接住返回值，x = x.to(device)；模块写 net.to(device) 就够了。",
                   en="Keep in mind: catch what a tensor returns, x = x.to(device); for a module net.to(device) is enough.")
def test_a_module_moves_in_place_and_a_tensor_does_not(chapter):
    assert chapter["module-to"].stdout.splitlines() == ["cpu", "True", "meta"]
    assert {p.device for p in chapter["module-to"].names["net"].parameters()} == {META}
    net, x = nn.Linear(3, 2), torch.ones(3)
    net.to(META), x.to(META)  # nothing is caught
    assert {p.device for p in net.parameters()} == {META} and x.device == CPU
    assert net.to(META) is net and "modifies the module in-place" in nn.Module.to.__doc__
    x = x.to(META)
    assert x.device == META


@pytest.mark.ledger("n0-09", "n1-06")
@pytest.mark.claim(zh="所谓“CUDA 张量”并不是另一种东西：类还是 torch.Tensor，方法也一样，只是数存在 GPU 自己的内存，也就是显存（GPU memory）里，运算也由 GPU 来做。",
                   en="A “CUDA tensor” is no other kind of thing: its class is still torch.Tensor, with the same methods, only its numbers lie in the memory of the GPU (GPU memory), and the GPU does the computing.")
@pytest.mark.claim(zh='.to("cuda") 复制一份过去，.cpu() 复制一份回来。', en='.to("cuda") takes a copy there, .cpu() brings one back.')
@pytest.mark.claim(zh='x.cuda() 就是 x.to("cuda")；写 .to(device) 则不把硬件写死。',
                   en='x.cuda() is x.to("cuda"); .to(device) does not nail down the hardware.')
@pytest.mark.claim(zh='括号里的数字是设备的编号：x.cuda(1) 就是 x.to("cuda:1")，要的是第二块 GPU，整整一块。',
                   en='The number is that of a device: x.cuda(1) means x.to("cuda:1") and asks for the second GPU, the whole of it.')
def test_a_cuda_tensor_is_an_ordinary_tensor_and_the_number_is_that_of_a_device(chapter):
    assert "same function as CPU tensors" in torch.cuda.__doc__ and "utilize\nGPUs for computation" in torch.cuda.__doc__
    assert "copy of this object in CUDA memory" in torch.Tensor.cuda.__doc__
    with FakeTensorMode():
        x = torch.zeros(2, 3)
        g, second = x.to("cuda"), x.cuda(1)
        assert g.is_cuda and type(g) is type(x) and isinstance(g, torch.Tensor)
        assert set(dir(x)) <= set(dir(g))  # no method of a CPU tensor is lacking
        assert g is not x and x.device == CPU and g.cpu().device == CPU and g.cpu() is not g
        assert (g @ g.T).device == g.device == x.cuda().device == x.cuda(0).device == torch.device("cuda", 0)
        assert second.device == x.to("cuda:1").device == torch.device("cuda", 1)
        with pytest.raises(RuntimeError, match=f"^{DIFFERENT}"):  # two devices, not two cores of one
            g + second
        assert all(x.to(device).device == device for device in (CPU, META, torch.device("cuda", 1)))  # `.to` serves them all
    assert 'x.to("cuda")' in gpu_code(chapter, "gpu-move") and "g.cpu()" in gpu_code(chapter, "gpu-move")


@pytest.mark.ledger("n1-06")
@pytest.mark.claim(zh="编号从 0 数起，所以拿 GPU 的块数当编号，就多了一：", en="GPUs are counted from 0, so the number of GPUs is one too many:")
@pytest.mark.claim(zh="invalid device ordinal 的意思是“没有这个编号的设备”。", en="invalid device ordinal means “no device has this number”.")
def test_the_first_number_that_fails_is_the_count_of_gpus(chapter, monkeypatch):
    """The code of the GPU cell, with two GPUs in place of ours."""
    asked = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"GPU {number}")
    namespace = {"torch": torch, "x": type("Tensor", (), {"cuda": staticmethod(asked.append)})}
    exec(gpu_code(chapter, "gpu-index"), namespace)
    assert asked == [2]  # the last of two has number 1
    if cudart := getattr(torch._C, "_cudart", None):  # None where PyTorch was built without CUDA
        assert cudart.cudaGetErrorString(cudart.cudaError(101)) == NO_SUCH_DEVICE  # 101 is cudaErrorInvalidDevice


# ---- Different devices ----


@pytest.mark.claim(zh="两个张量要一起做算术，得先搬到同一个设备上；PyTorch 不会替你搬。",
                   en="Arithmetic between two tensors needs both on one device; PyTorch does not move them for you.")
@pytest.mark.claim(zh="算术只有一个例外：Python 的数和 CPU 上的 0 维张量（标量），可以和别的设备上的张量一起算。",
                   en="Arithmetic has one exception: a Python number, or a tensor with 0 dimensions on the CPU (a scalar), may join a tensor on another device.")
@pytest.mark.claim(zh="换成真正的 GPU，规矩相同，报错的开头是 Expected all tensors to be on the same device。",
                   en="On a real GPU the rule is the same, but the message begins Expected all tensors to be on the same device.")
@pytest.mark.parametrize("operation", [torch.add, torch.sub, torch.mul, torch.div, torch.pow, torch.maximum, torch.matmul])
def test_arithmetic_does_not_cross_devices_but_for_a_scalar_on_the_cpu(operation):
    with FakeTensorMode():
        here, there = torch.ones(3), torch.ones(3, device="cuda")
        for pair in ((here, there), (there, here)):
            with pytest.raises(RuntimeError, match=f"^{DIFFERENT}"):
                operation(*pair)
        if operation is not torch.matmul:
            assert operation(there, torch.tensor(2.0)).device == there.device  # 0 dimensions, on the CPU
            with pytest.raises(RuntimeError, match=f"^{DIFFERENT}"):
                operation(there, torch.tensor([2.0]))  # one number, but one dimension
            with pytest.raises(RuntimeError, match=f"^{DIFFERENT}"):
                operation(here, torch.tensor(2.0, device="cuda"))  # a scalar, but not on the CPU
        assert (2.0 * there).device == (there + 1).device == there.device


@pytest.mark.claim(zh="乘标量没问题，结果留在大张量那边；相加就报错了，把两个设备都点了名。",
                   en="The product with the scalar works, and stays with the large tensor. The sum does not; the message names both devices.")
@pytest.mark.claim(zh="真正的 GPU 连 @ 也要查；meta 上的矩阵和 CPU 上的矩阵用 @ 相乘，却不报错。",
                   en="And it checks @ as well, which raises no error between a matrix on meta and one on the CPU.")
@pytest.mark.claim(zh="用 .to() 搬到一起就好。", en="The cure is to move both with .to() to the same device.")
def test_on_meta_the_product_with_a_scalar_works_and_the_sum_does_not(chapter):
    error = chapter["mix"].error
    assert isinstance(error, RuntimeError) and "device meta" in str(error) and "device cpu" in str(error)
    assert chapter["mix"].stdout == "meta\n"
    here, there = chapter["mix"].names["here"], chapter["mix"].names["there"]
    assert there.device == META == (2.0 * there).device == (here.to("meta") + there).device
    square = torch.ones(2, 2)
    assert (square @ square.to(META)).shape == (square.to(META) @ square).shape == (2, 2)  # neither is an error
    with FakeTensorMode():
        square = torch.ones(2, 2)
        for pair in ((square, square.to("cuda")), (square.to("cuda"), square)):
            with pytest.raises(RuntimeError, match=f"^{DIFFERENT}"):
                torch.matmul(*pair)


@pytest.mark.claim(zh="这条规矩管的是算术。", en="This is the rule of arithmetic.")
@pytest.mark.claim(zh="复制本来就跨设备：g.copy_(x)、g[0:1] = x 都行，x 在 CPU 上也可以；给 g 当下标的整数张量也可以留在 CPU 上。",
                   en="Copying crosses devices by its nature: g.copy_(x) and g[0:1] = x work with x on the CPU too; and a tensor of integers that is an index of g may stay on the CPU.")
@pytest.mark.parametrize("device", ["cuda", "meta"])
def test_copies_and_indices_cross_devices(device):
    assert "reside on a\ndifferent device" in torch.Tensor.copy_.__doc__
    with FakeTensorMode():
        g, x = torch.zeros(3, device=device), torch.ones(1)
        assert g.copy_(x).device.type == device
        g[0:1] = x
        assert g[torch.tensor([0, 2])].device.type == g.device.type == device and x.device == CPU


# ---- Training ----


@pytest.mark.ledger("n2-20")
@pytest.mark.claim(zh="现在写一个能训练的小程序：让一个线性层学会 $y = 3x + 2$。", en="Now a small program that trains: a linear layer is to learn $y = 3x + 2$.")
@pytest.mark.claim(zh="torch.linspace(-1, 1, 64) 从 −1 到 1 均匀取 64 个数，当作输入。",
                   en="torch.linspace(-1, 1, 64) takes 64 numbers from −1 to 1, evenly spaced, as the inputs.")
@pytest.mark.claim(zh="权重是 3.00，偏置是 2.00，学会了。", en="The weight is 3.00 and the bias 2.00: it has learnt.")
@pytest.mark.claim(zh=".detach() 丢下求导用的记录，.cpu() 把张量带回 CPU，两样都做了才能交给 NumPy。",
                   en=".detach() drops the records kept for derivatives, .cpu() brings the tensor to the CPU, and it takes both before NumPy can have it.")
def test_the_program_learns_the_line_on_the_device_that_was_chosen(chapter):
    names = chapter["home"].names
    x = -1 + 2 / 63 * numpy.arange(64)
    numpy.testing.assert_allclose(names["inputs"].squeeze(1).numpy(), x, atol=1e-6)
    numpy.testing.assert_allclose(names["targets"].squeeze(1).numpy(), 3 * x + 2, atol=1e-5)
    assert isinstance(names["model"], nn.Linear) and names["model"].weight.device.type == names["device"].type
    assert names["model"].weight.item() == pytest.approx(3, abs=0.005)
    assert names["model"].bias.item() == pytest.approx(2, abs=0.005)
    assert chapter["home"].stdout == "weight 3.00, bias 2.00\n" and chapter["home"].value == CPU
    numpy.testing.assert_allclose(names["predictions"].squeeze(1).numpy(), 3 * x + 2, atol=0.01)
    raw = names["model"](names["inputs"].to(names["device"]))
    assert raw.grad_fn is not None and raw.detach().grad_fn is None
    with pytest.raises(RuntimeError, match="requires grad"):
        raw.cpu().numpy()  # without detach
    with pytest.raises(TypeError, match="meta"):
        torch.ones(3, device=META).numpy()  # not on the CPU


@pytest.mark.ledger("n2-20")
@pytest.mark.claim(zh="要搬的有两样。", en="Two things are moved.")
@pytest.mark.claim(zh="模型搬一次，搬完再建优化器（optimizer），因为搬过之后，参数可能已经是新的对象。",
                   en="The model is moved once, and the optimizer is built after that: once moved, its parameters may be new objects.")
@pytest.mark.claim(zh="每个小批量（mini-batch）用到时再搬，这样整个数据集不必都塞进显存。",
                   en="Each mini-batch is moved when its turn comes, so the whole dataset need not fit into GPU memory.")
def test_the_same_program_runs_on_another_device(chapter):
    names = rerun(chapter, "train", device=META)
    assert names["model"].weight.device == names["loss"].device == names["model"].weight.grad.device == META
    assert names["inputs"].device == names["targets"].device == CPU  # the whole dataset stays where it was
    assert names["x_batch"].device == META and names["x_batch"].shape == (16, 1)
    assert names["optimizer"].param_groups[0]["params"][0] is names["model"].weight
    code = chapter["train"].code
    outside, loop = code.split("for _ in range", 1)
    assert outside.count(".to(device)") == 1 and loop.count(".to(device)") == 2  # the model once, both parts of each batch
    fresh = nn.Linear(3, 2)
    before = fresh.weight
    assert fresh.to(META).weight is not before


@pytest.mark.ledger("n2-20")
@pytest.mark.claim(zh="输入和目标都要搬，漏掉一个就会报上一节那样的错。",
                   en="Move the inputs and the targets; forget one, and you get an error like that of the section before.")
@pytest.mark.claim(zh="训练循环的每一行以后会细讲，这里只看 device 在哪儿。",
                   en="Later chapters take the training loop apart line by line; here, only watch where device turns up.")
@pytest.mark.parametrize("line", ["nn.Linear(1, 1)", "inputs[i : i + 16]", "targets[i : i + 16]"])
def test_forgetting_one_move_is_an_error(chapter, line):
    order = (chapter.project.root / "mkdocs.yml").read_text(encoding="utf-8")
    assert order.index("foundations/devices.md") < order.index("training/training-loop.md")
    code = chapter["train"].code
    assert code.count(f"{line}.to(device)") == 1
    with pytest.raises(RuntimeError, match="is not on the expected device") as caught:
        exec(code.replace(f"{line}.to(device)", line), dict(chapter["train"].names) | {"device": META})
    assert "is not on the expected device" in str(chapter["mix"].error) and type(caught.value) is type(chapter["mix"].error)


# ---- When a GPU pays ----


@pytest.mark.ledger("n1-07")
@pytest.mark.claim(zh="拿两个 n × n 矩阵的乘积做尺子。", en="The yardstick is the product of two n × n matrices.")
@pytest.mark.claim(zh="结果有 n² 个数，每个数要做 n 次乘法和差不多 n 次加法，合起来约 2n³ 次运算，除以时间就是速度。",
                   en="Its result has n² numbers, each of which takes n multiplications and about as many additions: some 2n³ operations. Divided by the time, that is the speed.")
@pytest.mark.claim(zh="1 GFLOP/s 是每秒十亿次运算。", en="1 GFLOP/s is a billion operations a second.")
def test_the_number_of_operations_is_about_two_n_cubed(chapter, monkeypatch):
    for n in (8, 64, 1024):
        square = torch.empty(n, n, device=META)
        assert (square @ square).numel() == n**2 and products(n) == 2 * n**3
        assert n * n * (n + n - 1) == pytest.approx(2 * n**3, rel=1 / n)  # multiplications and additions on paper
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda: None)
    speeds = rerun(chapter, "cpu-curve", seconds_per_product=lambda n, device: products(n) / 1e9)["cpu_speed"]
    plt.close("all")
    assert speeds == pytest.approx([1.0] * 10)  # a billion operations a second are 1 GFLOP/s


@pytest.mark.ledger("n1-07")
@pytest.mark.claim(zh="第一轮只当热身，不算数；", en="the first round is a warm-up and does not count;")
@pytest.mark.claim(zh="然后量七轮，取中位数，个别一轮被别的程序拖慢也不要紧；",
                   en="then we take the median of seven rounds, so one that other programs disturb does no harm;")
@pytest.mark.claim(zh="要量得公平，有三点讲究：", en="Three things make it fair:")
def test_the_timer_warms_up_repeats_and_takes_the_median(chapter, monkeypatch):
    """With a clock of our own: the odd first round and one disturbed round leave the result alone."""
    for language, first, last in (("zh", "- 第一轮", "先画 CPU"), ("en", "- the first round", "First, the CPU")):
        prose = chapter.prose(language)
        assert len(re.findall("^- ", prose[prose.index(first) : prose.index(last)], re.MULTILINE)) == 3
    timer = chapter["timer"].names["seconds_per_product"]
    durations = [50.0] + [3.0, 1.0, 9.0, 1.0, 2.0, 3.0, 1.0]  # warm-up, then seven rounds with median 2
    ticks = [tick for duration in durations for tick in (0.0, duration)]
    for n, calls in ((1024, 1), (2, 500)):  # tiny products: per product, not per round
        clock = iter(ticks)
        monkeypatch.setitem(timer.__globals__, "perf_counter", lambda clock=clock: next(clock))
        assert timer(n, CPU) == pytest.approx(2.0 / calls)
        assert next(clock, None) is None  # eight rounds, no more and no fewer


@pytest.mark.ledger("n1-07")
@pytest.mark.claim(zh="GPU 是异步的：CPU 执行到 a @ b，只下一道命令，不等算完就往下走。",
                   en="a GPU is asynchronous: at a @ b the CPU only gives an order and walks on without waiting.")
@pytest.mark.claim(zh="所以先用 synchronize() 等 GPU 算完，再掐表。", en="So synchronize() waits for the GPU before we stop the clock.")
@pytest.mark.parametrize("device, round_of_events", [(CPU, ["clock", "clock"]), (META, ["clock", "wait", "clock"])])
def test_the_timer_stops_the_clock_when_the_device_has_finished(chapter, monkeypatch, device, round_of_events):
    assert fact(STEM, "asynchronous")[0] == "GPU operations are asynchronous by default"
    assert "not necessarily executed until later" in fact(STEM, "asynchronous")[1]
    assert torch.accelerator.synchronize.__doc__.strip().startswith("Wait for all kernels")
    timer, events = chapter["timer"].names["seconds_per_product"], []
    monkeypatch.setitem(timer.__globals__, "perf_counter", lambda: events.append("clock") or 0.0)
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda: events.append("wait"))
    with FlopCounterMode(display=False) as counter:
        timer(1024, device)
    assert counter.get_total_flops() == 8 * 2 * 1024**3 and events == 8 * round_of_events


@pytest.mark.ledger("n1-07")
@pytest.mark.claim(zh="折线图，横轴是矩阵的边长 n，从 2 到 1024；纵轴是速度，单位 GFLOP/s；两轴都是对数刻度。",
                   en="Line chart. Horizontally the size n of the matrices, from 2 to 1024; vertically the speed in GFLOP/s; both scales are logarithmic.")
@pytest.mark.claim(zh="CPU 的线从左下角往上升。", en="The line of the CPU climbs from the bottom left.")
@pytest.mark.claim(zh="CPU 上矩阵乘积的速度，n 从 2 到 1024", en="Speed of matrix products on the CPU, for n from 2 to 1024")
def test_the_curve_of_the_cpu(chapter):
    (axes,) = chapter["cpu-curve"].figures[0].axes
    (line,) = axes.lines
    sizes, speeds = line.get_xdata(), line.get_ydata()
    assert list(sizes) == [2**k for k in range(1, 11)] == [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
    assert axes.get_xscale() == axes.get_yscale() == "log" and line.get_label() == "CPU"
    assert axes.get_ylabel() == "speed (GFLOP/s)" and "product of two n × n matrices" in axes.get_xlabel()
    assert min(speeds[4:]) > speeds[0] == min(speeds)  # 2 x 2 lies far below; by how much is not asserted


@pytest.mark.claim(zh="n 从 2 变成 16，运算量是原来的 512 倍，手续还是一次；到了 n = 1024，一次乘积有二十多亿次运算，手续就微不足道了。",
                   en="From n = 2 to n = 16 the arithmetic grows to 512 times as much, and the paperwork is still done once; at n = 1024 one product is more than two billion operations, and the paperwork no longer matters.")
@pytest.mark.claim(zh="所以，要想快，就把小活攒成大活：把 64 个样本拼成一个批次（batch），一次矩阵乘积就能全部算完。",
                   en="So, to be fast, turn many small jobs into a large one: put 64 samples together as a batch, and a single matrix product computes them all.")
@pytest.mark.claim(zh="左边很低，不是 CPU 偷懒：每调用一次，PyTorch 都要检查形状、挑选程序，矩阵再小也省不掉。",
                   en="The left end is low, and not because the CPU is idle: at each call PyTorch has to check shapes and pick a program, however small the matrices.")
def test_one_call_whatever_the_size(chapter):
    speeds = chapter["cpu-curve"].figures[0].axes[0].lines[0].get_ydata()
    assert speeds[0] == min(speeds)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):  # shapes are checked
        torch.zeros(1, 1) @ torch.zeros(2, 1)
    picked = [torch._C._dispatch_has_kernel_for_dispatch_key("aten::mm", key) for key in ("CPU", "CUDA", "Meta")]
    assert picked[0] and picked[2]  # several programs, one of which is picked
    assert products(16) / products(2) == 512 and 2e9 < products(1024) < 3e9

    class Calls(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            names.append(str(function))
            return function(*args, **(kwargs or {}))

    for n in (2, 16, 1024):
        square, names = torch.zeros(n, n, device=META), []
        with Calls():
            square @ square
        assert names == ["aten.mm.default"]
    samples, weight = torch.randn(64, 3), torch.randn(3, 5)
    names = []
    with Calls():
        batch = samples @ weight
    assert names == ["aten.mm.default"]
    assert torch.allclose(batch, torch.stack([sample @ weight for sample in samples]), atol=1e-6)


@pytest.mark.claim(zh="这一段没有在这里运行：构建本站的机器没有 GPU，所以没有图，也没有 GPU 的数字。",
                   en="This was not run here: the machine that builds this site has no GPU, so there is no picture and there are no numbers of a GPU.")
@pytest.mark.claim(zh="你有 NVIDIA GPU 的话，运行它，两条线就画在一起：", en="If you have an NVIDIA GPU, run it, and it draws both lines in one picture:")
@pytest.mark.claim(zh="折线图，坐标轴同上图。", en="Line chart with the same axes as the one before.")
@pytest.mark.claim(zh="两条线：CPU，n 从 2 到 1024；GPU，n 从 2 到 4096。",
                   en="One line is the CPU, for n from 2 to 1024; the other is the GPU, for n from 2 to 4096.")
def test_the_curve_of_the_gpu_was_not_run_and_its_code_draws_both(chapter, both_curves):
    assert not [name for name in read_records(chapter.project, chapter.stem) if "gpu-curve" in name]  # no record from a GPU machine
    axes, asked = both_curves
    cpu, gpu = axes.lines
    assert (cpu.get_label(), gpu.get_label()) == ("CPU", "GPU") and asked == [torch.device("cuda")] * 12
    assert list(cpu.get_xdata()) == [2**k for k in range(1, 11)] and list(gpu.get_xdata()) == [2**k for k in range(1, 13)]
    (before,) = chapter["cpu-curve"].figures[0].axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == (before.get_xlabel(), before.get_ylabel())


@pytest.mark.ledger("n1-07")
@pytest.mark.claim(zh="怎么读这张图：同一个 n，哪条线高，哪个设备算完这一次乘积用的时间就短。",
                   en="How to read it: at the same n, the device whose line is higher takes less time for the product.")
@pytest.mark.claim(zh="两条线如果相交，交点就是该换设备的大小；它在哪儿，要在自己的机器上量。",
                   en="Where the lines cross, if they do, is the size at which to change device; you have to measure it on your own machine.")
@pytest.mark.claim(zh="同一个乘积在 CPU 和 GPU 上的速度，在自己的机器上量",
                   en="Speed of the same product on a CPU and on a GPU, to be measured on your own machine")
@pytest.mark.claim(zh="GPU 同时跑几千条线程：活要能拆成许多独立的小块，而且足够大；多大才够，要自己量。",
                   en="A GPU runs thousands of threads at once: the work must split into many independent parts, and there must be enough of it; how much is enough, measure yourself.")
def test_the_higher_line_takes_less_time_and_the_lines_cross_where_the_times_do(both_curves):
    """With a clock of ours: a call costs 1e-6 s on the CPU and 1e-4 s on the GPU, an operation 1e-10 s and 1e-12 s."""
    assert fact(STEM, "threads")["at once on a GPU"] == "thousands"
    cpu, gpu = (dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in both_curves[0].lines)
    for n in cpu:
        assert (cpu[n] > gpu[n]) == (seconds(n, CPU) < seconds(n, torch.device("cuda")))
    assert cpu[2] > gpu[2] and gpu[1024] > cpu[1024]  # they cross in between
    assert gpu[4096] == pytest.approx(2 * 4096**3 / seconds(4096, torch.device("cuda")) / 1e9)


@pytest.mark.claim(zh="这里没有算搬运：两个矩阵直接在设备上造出来，谁也没搬过。",
                   en="No move was timed here: both matrices are made on the device, and nothing is moved.")
@pytest.mark.claim(zh="搬运也要时间，所以要少搬：搬一次，多算一些，再搬回来。", en="Moving takes time too, so do it seldom: move once, compute much, then move back.")
def test_the_timer_moves_nothing(chapter, monkeypatch):
    timer, made = chapter["timer"].names["seconds_per_product"], []
    randn = torch.randn
    monkeypatch.setattr(torch, "randn", lambda *size, device: made.append(device) or randn(*size, device=device))
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda: None)
    for move in ("to", "cuda", "cpu", "copy_"):
        monkeypatch.setattr(torch.Tensor, move, lambda *args: pytest.fail("something was moved"))
    timer(1024, META)
    assert made == [META, META]
    assert fact(STEM, "transfers") == "Minimize the amount of data transferred between host and device when possible"


# ---- Common errors ----


@pytest.mark.claim(zh="下面要编号 99 的 GPU，少于 100 块 GPU 的电脑都会失败：",
                   en="This asks for GPU number 99, and fails on any computer with fewer than 100 GPUs:")
@pytest.mark.claim(zh="报错因电脑而异：有 cuda 设备，就是 invalid device ordinal；没有 NVIDIA 驱动，或者 PyTorch 不带 CUDA，就是下面前两行中的一种。",
                   en="The error depends on the computer: invalid device ordinal where there is a cuda device; one of the first two rows below where there is no NVIDIA driver, or PyTorch comes without CUDA.")
@pytest.mark.claim(zh="Found no NVIDIA driver | 带着 CUDA，但没找到驱动 | 没有 GPU：照上文选设备；有：装驱动",
                   en="Found no NVIDIA driver | built with CUDA, but finds no driver | no GPU: choose a device as above; with one: install the driver")
@pytest.mark.claim(zh="Torch not compiled with CUDA enabled | 这份 PyTorch 不带 CUDA | 有 NVIDIA GPU：到官网选 CUDA 版重装",
                   en="Torch not compiled with CUDA enabled | this PyTorch was built without CUDA | with an NVIDIA GPU, install a CUDA build from the official site")
def test_asking_for_a_gpu_that_is_not_there(chapter, monkeypatch):
    error = chapter["no-gpu"].error
    assert "99" in chapter["no-gpu"].code and torch.cuda.device_count() < 100
    if torch.cuda.is_available():
        assert NO_SUCH_DEVICE in str(error)
    else:
        if torch.version.cuda:
            assert isinstance(error, RuntimeError) and NO_DRIVER in str(error)
        monkeypatch.delattr(torch._C, "_cuda_getDeviceCount", raising=False)  # as in a build without CUDA
        with pytest.raises(AssertionError, match=NOT_COMPILED):
            rerun(chapter, "no-gpu")


@pytest.mark.claim(zh="Expected all tensors to be on the same device | 多半是搬了却没接住 | 把 x.to(device) 改成 x = x.to(device)",
                   en="Expected all tensors to be on the same device | often: moved, but not caught | not x.to(device) but x = x.to(device)")
@pytest.mark.claim(zh="张量写 x = x.to(device)，模块写 net.to(device)，要一起算的都得在同一个设备上；cuda:1 是第二块 GPU，不是第二个核心。",
                   en="A tensor: x = x.to(device); a module: net.to(device); what computes together must be on one device. And cuda:1 is the second GPU, not the second core.")
def test_a_move_that_is_not_caught_and_one_that_is():
    with FakeTensorMode():
        device = torch.device("cuda")
        x, net = torch.zeros(4, 3), nn.Linear(3, 2, device=device)
        x.to(device)  # not caught
        with pytest.raises(RuntimeError, match=f"^{DIFFERENT}"):
            net(x)
        x = x.to(device)
        assert net(x).device == torch.device("cuda", 0)
        with pytest.raises(RuntimeError, match=f"^{DIFFERENT}"):
            net(x.to("cuda:1"))  # not a core of the same GPU


@pytest.mark.claim(zh="CUDA out of memory | 显存不够 | 把批次改小，del 掉用不着的大张量",
                   en="CUDA out of memory | the GPU memory is full | a smaller batch; del large tensors that you no longer need")
def test_memory_runs_out():
    library = Path(torch.__file__).parent / "lib" / "libc10_cuda.so"
    if library.exists():  # PyTorch's own words, where it was built for CUDA on Linux
        assert NO_MEMORY.encode() in library.read_bytes()
    assert issubclass(torch.OutOfMemoryError, RuntimeError) and "out of memory" in torch.OutOfMemoryError.__doc__
    whole, half = torch.empty(64, 100), torch.empty(32, 100)
    assert half.nbytes == whole.nbytes / 2
    gone = weakref.ref(whole)
    del whole
    assert gone() is None


@pytest.mark.gpu
@pytest.mark.ledger("n0-09", "n1-06")
def test_gpu_there_and_back(chapter):
    x, g = chapter["gpu-move"].names["x"], chapter["gpu-move"].value
    assert chapter["gpu-move"].stdout.splitlines() == ["cuda:0 True cpu", "True"]
    assert type(g) is type(x) and x.device == CPU and x.cuda().equal(g)
    count = torch.cuda.device_count()
    assert chapter["gpu-index"].stdout == f"{count} x {torch.cuda.get_device_name(0)}\n"
    assert NO_SUCH_DEVICE in str(chapter["gpu-index"].error)
    assert torch.cuda.get_device_properties(0).multi_processor_count > count  # the GPU has more parts than that


@pytest.mark.gpu
def test_gpu_messages_are_those_of_the_table():
    with pytest.raises(RuntimeError, match=f"^{DIFFERENT}"):
        torch.ones(3) + torch.ones(3, device="cuda")
    with pytest.raises(TypeError):  # "only then can NumPy have it"
        torch.ones(3, device="cuda").numpy()
    with pytest.raises(torch.OutOfMemoryError, match=NO_MEMORY):
        torch.empty(1_000_000, 1_000_000, device="cuda")


@pytest.mark.gpu
@pytest.mark.ledger("n1-07", "n2-20")
def test_gpu_trains_and_computes_as_the_cpu_does(chapter):
    assert chapter["choose"].value.type == chapter["home"].names["model"].weight.device.type == "cuda"
    assert chapter["home"].stdout == "weight 3.00, bias 2.00\n"
    a, b = torch.randn(256, 256), torch.randn(256, 256)
    assert torch.allclose((a.cuda() @ b.cuda()).cpu(), a @ b, atol=1e-2)
    (figure,) = chapter["gpu-curve"].figures
    assert [line.get_label() for line in figure.axes[0].lines] == ["CPU", "GPU"]
