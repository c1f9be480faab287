"""Kernels: an environment of their own, and, where the system can fork, started warm; what they give is the same either way."""

import contextlib
import itertools
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from press import kernels
from press.execute import execute, execution_file, has_cuda, read_execution
from press.kernels import ENVIRONMENT, Warm, environment
from press.project import PressError, PressErrors
from tests.tiny import ROOT, quiet, small_warm_process

warm_only = pytest.mark.skipif(not Warm.possible(has_cuda()), reason="kernels are forked on Linux without CUDA only")
IS_WARM = "import sys\nprint('wave' in sys.modules)\n"


def alone(line):
    """A report that nobody expects."""
    raise AssertionError(line)


def only(execution):
    """The text that a chapter of one cell prints."""
    ((output,),) = execution.outputs.values()
    return output["text"]


def running():
    """Kernels, and warm processes, that this process has started."""
    return [child for child in psutil.Process().children(recursive=True) if re.search("ipykernel_launcher|warm_process|small.py", " ".join(child.cmdline()))]


def ended_but(count):
    """Whether so many of the processes are left, once those that were killed had time to be gone."""
    for _ in range(100):
        if len(running()) == count:
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Let warm processes be small ones."""
    monkeypatch.setattr(kernels, "WARM_PROCESS", small_warm_process(tmp_path))


@pytest.fixture
def warm(small, mini, tmp_path):
    """A small warm process; its lines of complaint are in `lines`."""
    lines = []
    with contextlib.closing(Warm(environment(mini, tmp_path / "warm"), lines.append)) as found:
        found.lines = lines
        yield found


# --- the environment -------------------------------------------------------------------------------------------------


def test_of_the_host_only_what_finds_programs_and_libraries_reaches_a_kernel(mini, tmp_path, monkeypatch):
    before = environment(mini, tmp_path / "private")
    for name in ("PYTHONPATH", "PYTHONWARNINGS", "PYTHONHOME", "PYTHONSTARTUP", "JUPYTER_PATH", "JUPYTER_CONFIG_PATH", "MPLSTYLE", "MPLBACKEND", "COLUMNS", "OMP_NUM_THREADS",
                 "OPENBLAS_NUM_THREADS", "TORCH_LOGS", "MKL_VERBOSE", "TZ", "LANG", "DISPLAY", "XDG_CACHE_HOME", "VIRTUAL_ENV", "TQDM_MININTERVAL", "GITHUB_TOKEN", "PRESS_CACHE",
                 "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "NVIDIA_TF32_OVERRIDE", "CUDA_LAUNCH_BLOCKING", "USER", "USERNAME", "APPDATA"):
        monkeypatch.setenv(name, "host")
    assert environment(mini, tmp_path / "private") == before
    for name in ("PATH", "LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "HIP_VISIBLE_DEVICES", "CC", "SYSTEMROOT", "ProgramFiles(x86)"):
        monkeypatch.setenv(name, "host")
        assert environment(mini, tmp_path / "private")[name] == "host"


def test_what_a_kernel_writes_goes_to_a_folder_of_its_own(mini, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/proc/nowhere")
    found = environment(mini, tmp_path / "private")
    names = {"HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMPDIR", "TEMP", "TMP", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"}
    assert {name for name, value in found.items() if value.startswith(str(tmp_path / "private"))} == names
    assert all(os.path.isdir(found[name]) for name in names)
    assert found["MPLCONFIGDIR"] == str(mini.cache / "matplotlib") and ENVIRONMENT.items() <= found.items()


# --- warm kernels ----------------------------------------------------------------------------------------------------


@warm_only
def test_a_warm_kernel_gives_what_an_ordinary_one_gives(mini, tmp_path):
    """The real warm process, in which torch and much else have been imported before."""
    mini.chapter("""\
        # %% settings
        import os, random, sys, warnings
        import numpy, torch
        print(torch.get_num_threads(), torch.initial_seed(), random.random(), numpy.random.rand(), hash("x"))
        print(os.listdir(), os.getpid() == os.getsid(0) == os.getpgrp(), sys.argv[1], os.read(0, 1), numpy.array([1 / 3]))
        print([name for name in sorted(os.environ) if name != "JPY_PARENT_PID"])
        torch.rand(2, 2) @ torch.ones(2, 2) / 3

        # %% error tags=["raises-exception"]
        torch.zeros(2).item()

        # %% warning tags=["warns"]
        warnings.warn("careful")
        torch.range(0, 1)

        # %% names
        print(*sorted(name for name in globals() if not name.startswith("_")), __name__)

        # %% figure
        import matplotlib.pyplot as plt
        plt.plot([1, 2]); plt.show()
        """)
    ordinary = execute(mini, ["a"], report=quiet)["a"]
    execution_file(mini, "a").unlink()
    with contextlib.closing(Warm(environment(mini, tmp_path / "warm"), alone)) as warm:
        found = execute(mini, ["a"], report=quiet, warm=warm)["a"]
    assert found.outputs == ordinary.outputs
    assert {name: value for name, value in found.about.items() if name not in ("seconds", "cpu")} == {
        name: value for name, value in ordinary.about.items() if name not in ("seconds", "cpu")}
    assert running() == []


@warm_only
def test_kernels_that_start_side_by_side_are_not_swapped(mini, warm):
    stems = [f"part/c{number}" for number in range(5)]
    for stem in stems:
        mini.chapter(f"# %% it\nimport os\nopen({stem[-2:]!r}, 'w').close()\nprint({stem!r}, os.listdir())\n", stem)
    found = execute(mini, stems, report=quiet, warm=warm)
    assert [only(found[stem]) for stem in stems] == [f"{stem} ['{stem[-2:]}']\n" for stem in stems]
    assert warm.lines == [] and ended_but(1)


@warm_only
def test_who_asks_for_a_kernel_at_the_same_time_gets_his_own(mini, warm, tmp_path):
    """Were they swapped, a chapter that takes too long would end another. Here every other one hesitates before it reads its answer."""
    class Hesitant:
        pauses, recv, close = itertools.cycle((0.05, 0)), warm.socket.recv, warm.socket.close

        def send(self, request, send=warm.socket.send):
            send(request)
            time.sleep(next(self.pauses))

    warm.socket = Hesitant()

    def fork(number):
        folder = tmp_path / f"kernel{number}"
        found = warm.fork(["-f", str(tmp_path / f"{number}.json")], str(folder), environment(mini, folder))
        where = found.cwd()
        found.kill()
        return where

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fork, range(8))) == [str(tmp_path / f"kernel{number}") for number in range(8)]


@warm_only
def test_several_chapters_start_warm_by_themselves_and_a_single_one_does_not(mini, small):
    for stem in ("a", "b"):
        mini.chapter(f"# %% it\n{IS_WARM}", stem)
    assert [only(execution) for execution in execute(mini, ["a", "b"], report=quiet).values()] == ["True\n", "True\n"]
    assert running() == []
    execution_file(mini, "a").unlink()
    assert only(execute(mini, ["a"], report=quiet)["a"]) == "False\n"


@warm_only
@pytest.mark.parametrize("code, problem, limit", [("import os\nos._exit(1)\n", "kills its kernel", 60), ("import time\ntime.sleep(60)\n", "is still running after 1 s", 1), ("1 / 0\n", "raises ZeroDivisionError", 60)])
def test_a_warm_kernel_that_fails_is_told_of_and_gone(mini, warm, code, problem, limit):
    mini.cell(code)
    with pytest.raises(PressError, match=f"snippets/a.py:.: cell 'it' {problem}"):
        execute(mini, ["a"], time_limit=limit, report=quiet, warm=warm)
    assert ended_but(1) and warm.lines == []
    mini.cell(IS_WARM)
    assert only(execute(mini, ["a"], report=quiet, warm=warm)["a"]) == "True\n"


@warm_only
def test_where_the_warm_process_is_gone_kernels_start_one_by_one_and_one_line_says_so(mini, warm):
    warm.process.kill()
    warm.process.wait()
    stems = list("abc")
    for stem in stems:
        mini.chapter(f"# %% it\n{IS_WARM}", stem)
    assert [only(execution) for execution in execute(mini, stems, report=quiet, warm=warm).values()] == ["False\n"] * 3
    assert len(warm.lines) == 1 and re.fullmatch(r"kernels cannot be forked here \(.+\): each is started by itself, which takes longer", warm.lines[0])
    assert running() == []


@warm_only
def test_all_chapters_that_fail_are_told_of_at_once_and_the_others_are_kept(mini, small):
    mini.chapter("# %% it\n1 / 0\n")
    mini.chapter("# %% it\nimport os\nos._exit(1)\n", "b")
    mini.chapter("# %% it\nprint('c')\n", "c")
    with pytest.raises(PressErrors) as caught:
        execute(mini, ["a", "b", "c"], report=quiet)
    assert "snippets/a.py:2: cell 'it' raises ZeroDivisionError" in str(caught.value) and "snippets/b.py:1: cell 'it' kills its kernel" in str(caught.value)
    assert [bool(read_execution(mini, stem)) for stem in "abc"] == [False, False, True]


@warm_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_press(mini, small, number):
    """Neither the warm one nor the kernels forked from it, however the press ends."""
    for stem in ("a", "b"):
        mini.chapter("# %% it\nimport time\ntime.sleep(60)\n", stem)
    program = textwrap.dedent(f"""
        import signal
        from pathlib import Path
        from press import kernels
        from press.execute import execute
        from press.project import Project
        signal.signal(signal.SIGINT, signal.default_int_handler)
        kernels.WARM_PROCESS = Path({str(kernels.WARM_PROCESS)!r})
        execute(Project("."), ["a", "b"])
        """)
    variables = {name: value for name, value in os.environ.items() if name != "PRESS_CACHE"} | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=mini.root, env=variables)
    end, children = time.monotonic() + 60, []
    while len(children) < 3 and time.monotonic() < end:  # the warm process and two kernels
        time.sleep(0.05)
        children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode and ("KeyboardInterrupt" in err) == (number == signal.SIGINT)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert len(children) == 3 and not alive
