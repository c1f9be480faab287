"""Claims of foundations/devices, as far as a CPU can prove them; the rest is marked `gpu`.

Two stand-ins replace the missing hardware: the `meta` device, and fake tensors, which carry the device names and the
rules of CUDA and hold no numbers.
"""

import importlib.metadata
import re
import sys

import numpy
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

CPU, META = torch.device("cpu"), torch.device("meta")
DIFFERENT = "Expected all tensors to be on the same device"
NO_DRIVER, NOT_COMPILED, NO_SUCH_DEVICE = (
    "Found no NVIDIA driver", "Torch not compiled with CUDA enabled", "invalid device ordinal")
NO_MEMORY = "CUDA out of memory"


@pytest.fixture(autouse=True)
def _skip_without_gpu(request):
    if request.node.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs CUDA, and there is no GPU here")


def both(chapter, *texts):
    """Assert that the pages of both languages say all of `texts`, line breaks aside."""
    for language in ("zh", "en"):
        prose = " ".join(chapter.prose(language).split())
        for text in texts:
            assert text in prose, f"{language} does not say {text!r}"


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


def gpu_code(chapter, name):
    """The source of a `gpu` cell, which the fixture leaves out on a machine without a GPU."""
    (cell,) = [cell for cell in chapter.project.cells(chapter.stem).values() if cell.name == name]
    assert "gpu" in cell.tags
    return cell.source


def test_three_cells_need_a_gpu(chapter):
    assert sum("gpu" in cell.tags for cell in chapter.project.cells(chapter.stem).values()) == 3
    assert "只有三段代码" in chapter.prose("zh") and "only three pieces of code" in chapter.prose("en")


def test_entries_of_a_product_can_be_computed_in_any_order(chapter):
    names = chapter["any-order"].names
    a, b, c = names["a"].double().numpy(), names["b"].double().numpy(), names["c"].double().numpy()
    assert chapter["any-order"].value is True
    assert a.shape == (4, 3) and b.shape == (3, 5) and c.shape == (4, 5)
    numpy.testing.assert_allclose(c, a @ b, rtol=1e-5, atol=1e-6)
    assert "randperm(20)" in chapter["any-order"].code
    a[[0, 1, 3]], b[:, :4] = numpy.nan, numpy.nan  # all but row 2 and column 4: nothing else is needed
    assert (a @ b)[2, 4] == pytest.approx(c[2, 4], rel=1e-5)
    both(chapter, "1024 × 1024", str(1024 * 1024))


@pytest.mark.ledger("n1-03")
def test_cuda_libraries_come_with_pytorch_and_the_driver_does_not(chapter):
    needs = " ".join(importlib.metadata.requires("torch") or ()).lower()
    if torch.version.cuda and sys.platform == "linux":  # on Windows they are inside the package itself
        assert "cublas" in needs and "cudart" in needs and "nvidia-cudnn" in needs
    assert "driver" not in needs
    order = {"zh": ["PyTorch：", "CUDA 的库和运行时：", "驱动：", "GPU："],
             "en": ["PyTorch: ", "CUDA libraries and runtime: ", "driver: ", "GPU: "]}
    for language, layers in order.items():
        diagram = re.search(r"```text\n(.*?)```", chapter.prose(language), re.DOTALL)[1]
        places = [diagram.index(layer) for layer in layers]
        assert diagram.index("a @ b") < places[0] and places == sorted(places)
    both(chapter, "https://docs.nvidia.com/cuda/cuda-programming-guide/03-advanced/driver-api.html")


@pytest.mark.ledger("n1-05")
def test_nvidia_has_four_syllables_and_a_chinese_name(chapter):
    both(chapter, "/ɛnˈvɪdiə/", "en-VID-ee-uh", "英伟达")
    assert len("en-VID-ee-uh".split("-")) == 4 == len(re.findall("[ɛɪiə]", "ɛnˈvɪdiə"))
    assert "四个音节：en-VID-ee-uh，重音在 VID" in chapter.prose("zh")
    assert "four syllables: en-VID-ee-uh, with the stress on VID" in " ".join(chapter.prose("en").split())


@pytest.mark.ledger("n1-04")
def test_every_backend_of_the_table_is_known_to_this_pytorch(chapter):
    for name in ("cpu", "cuda", "mps", "xpu"):
        assert torch.device(name).type == name
        both(chapter, f"| `{name}`")
    assert isinstance(torch.backends.mps.is_built(), bool) and isinstance(torch.xpu.is_available(), bool)
    assert hasattr(torch.version, "hip")  # None where PyTorch was not built for ROCm
    with pytest.raises(RuntimeError, match="device type at start of device string: rocm"):
        torch.device("rocm")  # ROCm answers to `cuda`
    both(chapter, "https://docs.pytorch.org/docs/stable/notes/hip.html")
    first, second = chapter["names"].value
    assert (first.type, first.index) == ("mps", None) and (second.type, second.index) == ("cuda", 1)


@pytest.mark.ledger("n2-12")
def test_the_trap_names_an_accelerator_that_is_not_there(chapter, monkeypatch):
    here = [line.split(": ") for line in chapter["trap"].stdout.splitlines()]
    assert here == [["built for CUDA", str(torch.version.cuda)], ["usable now", str(torch.accelerator.is_available())],
                    ["current", str(torch.accelerator.current_accelerator())],
                    ["current, if usable", str(torch.accelerator.current_accelerator(check_available=True))]]
    if torch.version.cuda and not torch.cuda.is_available():
        assert [answer for _, answer in here][1:] == ["False", "cuda", "None"]
    pretend(monkeypatch, "cuda", available=False)
    assert torch.accelerator.current_accelerator() == torch.device("cuda")
    assert torch.accelerator.current_accelerator(check_available=True) is None
    both(chapter, "`check_available=True`")


@pytest.mark.ledger("n2-12", "n1-04")
@pytest.mark.parametrize("built_with, available, expected", [
    ("cuda", True, "cuda"), ("mps", True, "mps"), ("xpu", True, "xpu"),
    ("cuda", False, "cpu"), ("mps", False, "cpu"), (None, False, "cpu"),
])
def test_choose_takes_the_accelerator_that_is_there_else_the_cpu(chapter, monkeypatch, built_with, available, expected):
    line = 'torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")'
    both(chapter, f"`{line}`")
    pretend(monkeypatch, built_with, available)
    assert rerun(chapter, "choose")["device"] == eval(line) == torch.device(expected)


@pytest.mark.ledger("n2-12")
def test_the_older_way_sees_cuda_only(chapter, monkeypatch):
    older = 'torch.device("cuda" if torch.cuda.is_available() else "cpu")'
    both(chapter, f"`{older}`")
    pretend(monkeypatch, "mps", available=True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert eval(older) == CPU and rerun(chapter, "choose")["device"].type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert eval(older).type == "cuda"


@pytest.mark.ledger("n1-11")
def test_device_is_chosen_with_device_and_read_from_device(chapter):
    cell = chapter["create"]
    x, m = cell.names["x"], cell.names["m"]
    assert x.device == CPU and m.device == META and x.shape == m.shape == (2, 3) and x.dtype == m.dtype
    assert cell.stdout.split() == ["cpu", "meta", "meta"] and torch.zeros_like(x).device == CPU
    assert repr(cell.value).startswith("tensor(...,") and cell.value is m
    assert torch.ones(1).device == CPU == torch.get_default_device()
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor; no data!"):
        m.to("cpu")  # "no way back"


@pytest.mark.ledger("n2-12", "n1-11")
def test_to_hands_out_a_new_tensor_or_the_same_one(chapter):
    assert chapter["to"].stdout.splitlines() == ["cpu meta", "True", "True"]
    x, moved = chapter["to"].names["x"], chapter["to"].names["moved"]
    assert x.device == CPU and moved.device == META and moved is not x
    assert x.to(CPU).data_ptr() == x.data_ptr() and x.to(CPU, copy=True) is not x  # nothing was copied


@pytest.mark.ledger("n1-11")
def test_a_module_moves_in_place(chapter):
    assert chapter["module-to"].stdout.splitlines() == ["cpu", "True", "meta"]
    assert {p.device for p in chapter["module-to"].names["net"].parameters()} == {META}
    fresh = nn.Linear(3, 2)
    before = fresh.weight
    assert fresh.to(META) is fresh and fresh.weight is not before  # "new objects": hence the optimizer afterwards
    both(chapter, "`x = x.to(device)`", "`net.to(device)`")


@pytest.mark.ledger("n0-09", "n1-06")
def test_a_cuda_tensor_is_an_ordinary_tensor_and_the_number_is_that_of_a_device(chapter):
    with FakeTensorMode():
        x = torch.zeros(2, 3)
        g, second = x.to("cuda"), x.cuda(1)
        assert g.is_cuda and type(g) is type(x) and isinstance(g, torch.Tensor) and g.cpu().device == x.device == CPU
        assert (g @ g.T).device == g.device == x.cuda().device == x.cuda(0).device == torch.device("cuda", 0)
        assert second.device == x.to("cuda:1").device == torch.device("cuda", 1)
        assert (torch.tensor(2.0) * g).device == g.device
        for there in (second, x):  # two devices, not two cores of one
            with pytest.raises(RuntimeError, match=f"^{DIFFERENT}"):
                g + there
    both(chapter, "`x.cuda(1)`", '`x.to("cuda:1")`', f"`{DIFFERENT}`")
    assert 'x.to("cuda")' in gpu_code(chapter, "gpu-move") and "g.cpu()" in gpu_code(chapter, "gpu-move")


@pytest.mark.ledger("n1-06")
def test_the_first_number_that_fails_is_the_count_of_gpus(chapter, monkeypatch):
    """The code of the GPU cell, with two GPUs in place of ours."""
    asked = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"GPU {number}")
    namespace = {"torch": torch, "x": type("Tensor", (), {"cuda": staticmethod(asked.append)})}
    exec(gpu_code(chapter, "gpu-index"), namespace)
    assert asked == [2]
    both(chapter, f"`{NO_SUCH_DEVICE}`")
    if cudart := getattr(torch._C, "_cudart", None):  # None where PyTorch was built without CUDA
        assert cudart.cudaGetErrorString(cudart.cudaError(101)) == NO_SUCH_DEVICE  # 101 is cudaErrorInvalidDevice


def test_tensors_on_different_devices_do_not_mix_but_for_a_scalar_on_the_cpu(chapter):
    error = chapter["mix"].error
    assert isinstance(error, RuntimeError) and "device meta" in str(error) and "device cpu" in str(error)
    assert chapter["mix"].stdout == "meta\n"
    there = chapter["mix"].names["there"]
    assert there.device == META == (2.0 * there).device
    with pytest.raises(RuntimeError):
        torch.tensor([2.0]) * there  # one number, but one dimension


@pytest.mark.ledger("n2-20")
def test_the_program_learns_the_line_on_the_device_that_was_chosen(chapter):
    names = chapter["home"].names
    assert names["model"].weight.device.type == names["device"].type
    assert names["model"].weight.item() == pytest.approx(3, abs=0.005)
    assert names["model"].bias.item() == pytest.approx(2, abs=0.005)
    assert chapter["home"].stdout == "weight 3.00, bias 2.00\n" and chapter["home"].value == CPU
    with pytest.raises(TypeError):
        torch.ones(3, device=META).numpy()  # "only then can NumPy have it"
    expected = 3 * numpy.linspace(-1, 1, 64)[:, None] + 2
    numpy.testing.assert_allclose(names["predictions"].numpy(), expected, atol=0.01)
    both(chapter, "$y = 3x + 2$")
    assert "权重是 3.00，偏置是 2.00" in chapter.prose("zh") and "weight is 3.00 and the bias 2.00" in chapter.prose("en")


@pytest.mark.ledger("n2-20")
def test_the_same_program_runs_on_another_device(chapter):
    names = rerun(chapter, "train", device=META)
    assert names["model"].weight.device == names["loss"].device == names["model"].weight.grad.device == META
    assert names["inputs"].device == CPU  # the whole dataset stays where it was
    assert names["optimizer"].param_groups[0]["params"][0] is names["model"].weight
    for cell in ("train", "home"):
        assert not re.search("cuda|mps|xpu|gpu", chapter[cell].code)


@pytest.mark.ledger("n2-20")
@pytest.mark.parametrize("line", ["nn.Linear(1, 1)", "inputs[i : i + 16]", "targets[i : i + 16]"])
def test_forgetting_one_move_is_an_error(chapter, line):
    code = chapter["train"].code
    assert code.count(f"{line}.to(device)") == 1 and code.count(".to(device)") == 3
    with pytest.raises(RuntimeError, match="is not on the expected device"):
        exec(code.replace(f"{line}.to(device)", line), dict(chapter["train"].names) | {"device": META})


@pytest.mark.ledger("n1-07")
def test_the_number_of_operations_is_about_two_n_cubed(chapter):
    for n in (8, 64, 1024):
        with FlopCounterMode(display=False) as counter:
            torch.empty(n, n, device="meta") @ torch.empty(n, n, device="meta")
        assert counter.get_total_flops() == 2 * n**3
        assert n * n * (n + n - 1) == pytest.approx(2 * n**3, rel=1 / n)  # multiplications and additions on paper
    assert 16**3 // 2**3 == 512 and 2e9 < 2 * 1024**3 < 3e9
    zh, en = (" ".join(chapter.prose(language).split()) for language in ("zh", "en"))
    assert "512 倍" in zh and "512 times" in en and "二十多亿" in zh and "more than two billion" in en


@pytest.mark.ledger("n1-07")
def test_the_timer_warms_up_repeats_and_takes_the_median(chapter, monkeypatch):
    """With a clock of our own: the odd first round and one disturbed round leave the result alone."""
    timer = chapter["timer"].names["seconds_per_product"]
    durations = [50.0] + [3.0, 1.0, 9.0, 1.0, 2.0, 3.0, 1.0]  # warm-up, then seven rounds with median 2
    ticks = [tick for duration in durations for tick in (0.0, duration)]
    for n, calls in ((1024, 1), (2, 500)):  # tiny products: per product, not per round
        clock = iter(ticks)
        monkeypatch.setitem(timer.__globals__, "perf_counter", lambda clock=clock: next(clock))
        assert timer(n, CPU) == pytest.approx(2.0 / calls)
        assert next(clock, None) is None  # eight rounds, no more and no fewer
    assert "七轮" in chapter.prose("zh") and "seven rounds" in chapter.prose("en")


@pytest.mark.ledger("n1-07")
@pytest.mark.parametrize("device, round_of_events", [(CPU, ["clock", "clock"]), (META, ["clock", "wait", "clock"])])
def test_the_timer_stops_the_clock_when_the_device_has_finished(chapter, monkeypatch, device, round_of_events):
    timer, events = chapter["timer"].names["seconds_per_product"], []
    monkeypatch.setitem(timer.__globals__, "perf_counter", lambda: events.append("clock") or 0.0)
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda: events.append("wait"))
    with FlopCounterMode(display=False) as counter:
        timer(1024, device)
    assert counter.get_total_flops() == 8 * 2 * 1024**3 and events == 8 * round_of_events


@pytest.mark.ledger("n1-07")
def test_the_curves_show_speed_against_size(chapter, monkeypatch):
    """Of the GPU's figure the code is proven, with a clock that needs no GPU."""
    import matplotlib.pyplot as plt

    cell, asked = chapter["cpu-curve"], []
    (axes,) = cell.figures[0].axes
    (line,) = axes.lines
    assert list(line.get_xdata()) == cell.names["sizes"] == [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
    assert axes.get_xscale() == axes.get_yscale() == "log" and line.get_label() == "CPU"
    assert "GFLOP/s" in axes.get_ylabel() and "n" in axes.get_xlabel()

    def clock(n, device):
        asked.append(device)
        return 1e-3 * n

    monkeypatch.setattr(plt, "show", lambda: None)
    plt.close("all")
    names = rerun(chapter, "cpu-curve", seconds_per_product=clock)
    assert names["cpu_speed"] == pytest.approx([2 * n**2 / 1e6 for n in names["sizes"]]) and set(asked) == {CPU}
    plt.close("all")
    asked.clear()
    exec(gpu_code(chapter, "gpu-curve"), names)
    cpu, gpu = plt.gca().lines
    assert (cpu.get_label(), gpu.get_label()) == ("CPU", "GPU") and set(asked) == {torch.device("cuda")}
    assert list(cpu.get_ydata()) == names["cpu_speed"] and list(gpu.get_xdata()) == [2**k for k in range(1, 13)]
    assert list(gpu.get_ydata()) == pytest.approx([2 * n**2 / 1e6 for n in gpu.get_xdata()])
    assert plt.gca().get_xscale() == plt.gca().get_yscale() == "log"
    plt.close("all")


def test_messages_of_the_table(chapter, monkeypatch):
    error = chapter["no-gpu"].error
    if torch.cuda.is_available():
        assert NO_SUCH_DEVICE in str(error)
    else:
        if torch.version.cuda or torch.version.hip:
            assert isinstance(error, RuntimeError) and NO_DRIVER in str(error)
        monkeypatch.delattr(torch._C, "_cuda_getDeviceCount", raising=False)  # as in a build without CUDA
        with pytest.raises(AssertionError, match=NOT_COMPILED):
            rerun(chapter, "no-gpu")
    for message in (NO_DRIVER, NOT_COMPILED, DIFFERENT, NO_MEMORY):
        both(chapter, f"| `{message}` |")


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
