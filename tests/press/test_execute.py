"""Executing: what fails is named; what is given is right, the same on every machine, kept, and not executed again."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

import psutil
import pytest

import press.run
from press import execute as module
from press import kernels
from press.cache import digest
from press.cells import run_python
from press.execute import depends_on, execute, execution_file, has_cuda, read_execution
from press.kernels import STARTUP, Warm
from press.project import PressError, Project
from tests.tiny import ROOT, Mini, quiet, small_warm_process


def key_of(project, stem="a"):
    return digest(depends_on(run_python(project.cells(stem).values())))


def texts(execution, address):
    return [output.get("text") or output.get("evalue") or output["data"]["text/plain"] for output in execution.outputs[address]]


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A small warm process, which spares these tests half of their time, or None where there is none."""
    if not Warm.possible(has_cuda()):
        yield None
        return
    folder = tmp_path_factory.mktemp("warm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "WARM_PROCESS", small_warm_process(folder))
        found = Warm(kernels.environment(Mini(folder / "project"), folder), print)
    yield found
    found.close()


def run(mini, warm=None):
    """{name of a cell: texts of its outputs} of the chapter, executed."""
    execution = execute(mini, ["a"], report=quiet, warm=warm)["a"]
    return {address.partition(":")[2]: texts(execution, address) for address in execution.outputs}


SHOWS = "class Thing:\n    def _repr_{}_(self):\n        return {}\nThing()\n"
FAILURES = {
    "raises": ("x = 1\n1 / 0\n", "", "snippets/a.py:3: cell 'it' raises ZeroDivisionError: division by zero", "raises-exception"),
    "raises deep in a library": ("import json\n\njson.loads('')\n", "", "snippets/a.py:4: cell 'it' raises JSONDecodeError: Expecting value", "raises-exception"),
    "does not raise": ("x = 1\n", ' tags=["raises-exception"]', "snippets/a.py:1: cell 'it' is tagged raises-exception and does not raise", "tag"),
    "does not warn": ("x = 1\n", ' tags=["warns"]', "snippets/a.py:1: cell 'it' is tagged warns and writes nothing", "tag"),
    "warns": ("import warnings\nwarnings.warn('old')\n", "", "snippets/a.py:1: cell 'it' writes to standard error: UserWarning: old", "warns"),
    "dies": ("import os\nos._exit(1)\n", "", "snippets/a.py:1: cell 'it' kills its kernel", "os._exit"),
    "asks": ("input()\n", "", "snippets/a.py:2: cell 'it' raises StdinNotImplementedError", "mend it"),
    "shows Markdown": (SHOWS.format("markdown", "'**x**'"), "", "snippets/a.py:1: cell 'it' shows text/markdown, which a page cannot show", "_repr_html_"),
    "shows a formula": (SHOWS.format("latex", "'$x$'"), "", "snippets/a.py:1: cell 'it' shows text/latex, which a page cannot show", "_repr_html_"),
    "shows JSON": (SHOWS.format("json", "{'x': 1}"), "", "snippets/a.py:1: cell 'it' shows application/json, which a page cannot show", "_repr_html_"),
    "returns to the beginning of a line": ("for i in range(3):\n    print(i, end='\\r')\n", "", "snippets/a.py:1: cell 'it' prints '\\r', which is for a terminal", "plain text"),
    "moves on a terminal": ("print('\\x1b[2Kx')\n", "", "snippets/a.py:1: cell 'it' prints '\\x1b', which is for a terminal", "plain text"),
    "prints a temporary folder": ("import tempfile\nprint(tempfile.gettempdir())\n", "", "snippets/a.py:1: cell 'it' prints '/", "stays the same"),
    "prints the folder it works in": ("import os\nprint(os.getcwd())\n", "", "snippets/a.py:1: cell 'it' prints '/", "stays the same"),
    "prints a place in memory": ("print(object())\n", "", "snippets/a.py:1: cell 'it' prints 'at 0x", "timing"),
    "shows a place in memory": ("object()\n", "", "snippets/a.py:1: cell 'it' prints 'at 0x", "timing"),
}


@pytest.mark.parametrize("code, tags, problem, remedy", FAILURES.values(), ids=FAILURES)
def test_cell_that_fails(mini, warm, code, tags, problem, remedy):
    mini.cell(code, tags)
    with pytest.raises(PressError) as caught:
        run(mini, warm)
    assert str(caught.value).startswith(problem)
    assert remedy in str(caught.value).split("->")[1]
    assert not execution_file(mini, "a").exists()


def test_a_cell_whose_output_depends_on_the_machine_may_show_a_place_in_memory(mini, warm):
    mini.cell("print(object())\nobject()\n", ' tags=["timing"]')
    assert [text.partition(" at 0x")[0] for text in run(mini, warm)["it"]] == ["<object object", "<object"]


def test_cell_that_prints_while_another_runs(mini, warm):
    """It is named, not the one that runs then. A page has no place for what comes so late."""
    mini.chapter("""\
        # %% one
        import asyncio, time
        handle = asyncio.get_event_loop().call_later(0.05, print, "late")

        # %% two
        time.sleep(0.3)

        # %% three
        3
        """)
    with pytest.raises(PressError, match="snippets/a.py:1: cell 'one' prints after it has ended: 'late'"):
        run(mini, warm)


def test_what_the_threads_of_a_cell_print_belongs_to_it(mini, warm):
    mini.chapter("""\
        # %% one
        import threading
        threading.Timer(0.2, print, ["late"]).start()
        print("early")

        # %% two
        print("next")
        """)
    assert run(mini, warm) == {"one": ["early\nlate\n"], "two": ["next\n"]}


def test_thread_that_never_ends(mini, warm, monkeypatch):
    """Here the press waits for it a tenth of a second, not ten."""
    impatient = mini.put("startup.py", STARTUP.read_text(encoding="utf-8").replace("time.monotonic() + 10", "time.monotonic() + 0.1"))
    monkeypatch.setattr(press.run, "STARTUP", impatient)
    mini.chapter("# %% one\n1\n\n# %% two\nimport threading\nthreading.Thread(target=threading.Event().wait).start()\n\n# %% three\n3\n")
    with pytest.raises(PressError, match="snippets/a.py:4: cell 'two' leaves a thread running that does not end within 10 s"):
        run(mini, warm)


def test_cell_that_never_ends(mini):
    mini.cell("while True:\n    pass\n")
    with pytest.raises(PressError, match="snippets/a.py:1: cell 'it' is still running after 1 s"):
        execute(mini, ["a"], time_limit=1, report=quiet)
    assert not [process for process in psutil.Process().children(recursive=True) if "ipykernel" in " ".join(process.cmdline())]


# --- what comes of a chapter -----------------------------------------------------------------------------------------


def test_outputs_come_in_the_order_in_which_a_reader_sees_them(mini, warm):
    mini.chapter("""\
        # %% order tags=["warns"]
        import sys
        from IPython.display import HTML, display
        print("a"); display(1); print("b"); print("w", file=sys.stderr); print("c"); display(2)
        print("d", end="", flush=True); print("e")
        "last"

        # %% shell
        get_ipython().run_line_magic("precision", "2")
        """)
    assert run(mini, warm) == {"order": ["a\n", "1", "b\nc\n", "w\n", "2", "de\n", "'last'"], "shell": ["'%.2f'"]}


def test_a_display_that_a_later_cell_changes_is_shown_as_it_is_in_the_end(mini, warm):
    mini.chapter("""\
        # %% show
        from IPython.display import clear_output, display
        handle = display("early", display_id=True)

        # %% change
        handle.update("late")

        # %% clear
        print("gone"); clear_output(); print("stays")
        """)
    assert run(mini, warm) == {"show": ["'late'"], "change": [], "clear": ["stays\n"]}


def test_a_chapter_without_torch_does_not_wait_for_it(mini):
    mini.cell("import json, sys\nprint([name for name in ('torch', 'numpy', 'matplotlib.pyplot') if name in sys.modules])\n")
    assert run(mini) == {"it": ["[]\n"]}


NOISE = {
    "PYTHONWARNINGS": "default", "PYTHONSTARTUP": "startup.py", "PYTHONOPTIMIZE": "1", "PYTHONDEVMODE": "1", "PYTHONINSPECT": "1", "PYTHONIOENCODING": "gbk", "PYTHONVERBOSE": "",
    "COLUMNS": "20", "LINES": "5", "TERM": "dumb", "LANG": "zh_CN.GBK", "LC_CTYPE": "zh_CN.GBK", "IPYTHONDIR": "/nowhere", "JUPYTER_CONFIG_DIR": "/nowhere", "JUPYTER_RUNTIME_DIR": "/nowhere",
    "JUPYTER_PLATFORM_DIRS": "1", "MPLSTYLE": "dark", "MATPLOTLIBRC": "/nowhere", "MPLCONFIGDIR": "/nowhere", "XDG_CACHE_HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere",
    "HOME": "/proc/nowhere", "NO_COLOR": "1", "TORCH_LOGS": "+all", "TORCH_HOME": "/nowhere", "NPY_PROMOTION_STATE": "weak", "http_proxy": "http://x", "SECRET": "x",
}


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A project whose chapter shows each kind of output, executed once by a noisy host; (project, execution, lines of progress)."""
    mini = Mini(tmp_path_factory.mktemp("project") / "project")
    kernels = mini.put("host/kernels/python3/kernel.json", json.dumps({"argv": ["false", "{connection_file}"], "display_name": "x", "language": "python"})).parent.parent.parent
    mini.chapter(f"""\
        # %% settings
        import os, random, sys, numpy, torch
        print(torch.get_num_threads(), torch.initial_seed(), random.random(), numpy.random.rand())
        torch.rand(1).item()

        # %% error tags=["raises-exception"]
        torch.zeros(2).item()

        # %% warning tags=["warns"]
        import warnings
        warnings.warn("careful")

        # %% gpu tags=["gpu"]
        torch.zeros(1).cuda()

        # %% network tags=["network"]
        raise SystemExit

        # %% figure
        import matplotlib.pyplot as plt
        plt.plot([1, 2]); plt.show()

        # %% place
        print(torch.__file__)

        # %% folder
        os.listdir()

        # %% names
        print(*sorted(name for name in globals() if not name.startswith("_")))

        # %% host
        print([name for name in {sorted(NOISE)} if os.environ.get(name) == {NOISE}[name]])
        print(sys.executable == {sys.executable!r}, sys.flags.optimize, sys.flags.no_user_site, sys.stdout.encoding)

        # %% own
        import importlib.util, tempfile
        print(importlib.util.find_spec("press"), importlib.util.find_spec("tests"))
        print([os.path.isdir(os.path.expanduser("~")), os.access(tempfile.gettempdir(), os.W_OK), os.access(os.environ["IPYTHONDIR"], os.W_OK)])
        """, figure='![a line](a.py:figure "A line")\n')
    lines = []
    with pytest.MonkeyPatch.context() as host:
        for name, value in (NOISE | {"JUPYTER_PATH": str(kernels), "JUPYTER_DATA_DIR": str(kernels)}).items():
            host.setenv(name, value)
        return mini, execute(mini, ["a"], report=lines.append)["a"], lines


def test_progress_names_the_chapter_its_number_and_seconds(executed):
    _, execution, lines = executed
    assert lines == [f"executed 1 of 1: a, {execution.about['seconds']} s"]


def test_nothing_of_the_host_reaches_into_a_kernel(executed):
    """Nor is a kernel called python3 used that somebody has put on JUPYTER_PATH; nor is a home needed that can be written."""
    assert texts(executed[1], "a.py:host") == ["[]\nTrue 0 1 UTF-8\n"]
    assert texts(executed[1], "a.py:own") == ["None None\n[True, True, True]\n"]


def test_seed_and_threads_are_fixed(executed):
    import random

    import numpy
    import torch

    shown = texts(executed[1], "a.py:settings")
    torch.manual_seed(0)
    assert shown[0].split()[:2] == ["1", "0"]
    assert shown[0].split()[2:] == [str(random.Random(0).random()), str(numpy.random.RandomState(0).rand())]
    assert shown[1] == repr(torch.rand(1).item())


def test_errors_and_warnings_are_short_and_the_same_everywhere(executed):
    assert texts(executed[1], "a.py:error") == ["a Tensor with 2 elements cannot be converted to Scalar"]
    assert texts(executed[1], "a.py:warning") == ["UserWarning: careful\n"]


def test_cells_for_a_gpu_or_a_download_are_left_out(executed):
    assert "a.py:network" not in executed[1].outputs
    assert ("a.py:gpu" in executed[1].outputs) == bool(executed[1].about["cuda"])


def test_outputs_name_no_folder_of_this_machine(executed):
    assert texts(executed[1], "a.py:place") == ["site-packages/torch/__init__.py\n"]


def test_a_chapter_runs_in_an_empty_folder_and_namespace(executed):
    assert texts(executed[1], "a.py:folder") == ["[]"]
    assert texts(executed[1], "a.py:names") == ["In Out exit get_ipython numpy open os plt quit random sys torch warnings\n"]


def test_the_foot_of_the_page_is_told_what_ran_it(executed):
    import importlib.metadata
    import platform

    about = executed[1].about
    assert {name: about["packages"][name] for name in ("torch", "numpy", "matplotlib")} == {name: importlib.metadata.version(name) for name in ("torch", "numpy", "matplotlib")}
    assert about["python"] == platform.python_version() and about["torch"].startswith(importlib.metadata.version("torch")) and about["seconds"] > 0


def test_two_cold_executions_agree_to_the_byte(executed):
    project, execution, _ = executed
    execution_file(project, "a").unlink()
    again = execute(project, ["a"], report=quiet)["a"]
    assert json.dumps(again.outputs) == json.dumps(execution.outputs)


def test_nothing_of_a_kernel_is_left_in_the_temporary_folder(mini, tmp_path, monkeypatch):
    mini.cell("import tempfile\nopen('here', 'w').close()\nopen(tempfile.mkdtemp() + '/there', 'w').close()\n")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    execute(mini, ["a"], report=quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


def test_an_environment_without_ipykernel_says_so(mini, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PressError, match="requirements.txt: ipykernel is not installed in this environment, so nothing can be executed\n  -> run `make clean`"):
        execute(mini, ["a"], report=quiet)


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_what_is_kept_is_not_executed_again(mini, monkeypatch):
    found, lines = execute(mini, ["a"], report=quiet)["a"], []
    monkeypatch.setattr(module, "_execute_all", None)
    assert execute(Project(mini.root), ["a"], report=lines.append)["a"] == found == read_execution(mini, "a") and lines == []


def test_an_edit_to_prose_keeps_the_key(mini):
    before = key_of(mini)
    mini.both((mini.docs / "zh/a.md").read_text(encoding="utf-8") + "\nmore words\n")
    assert key_of(mini) == before


def test_an_edit_to_a_snippet_changes_the_key_of_its_chapter_alone(mini):
    mini.put("snippets/b.py", "# %% one\n1\n")
    before = key_of(mini), key_of(mini, "b")
    mini.put("snippets/b.py", "# %% one\n2\n")
    assert key_of(mini) == before[0] and key_of(mini, "b") != before[1]


def test_a_tag_changes_the_key(mini):
    before = key_of(mini)
    mini.put("snippets/a.py", (mini.snippets / "a.py").read_text(encoding="utf-8").replace("# %% two", '# %% two tags=["timing"]'))
    assert key_of(mini) != before


@pytest.mark.parametrize("package, changes", [("torch", True), ("ipykernel", True), ("scikit-learn", False)])
def test_another_version_of_what_is_imported_changes_the_key(mini, monkeypatch, package, changes):
    before, version = key_of(mini), module.importlib.metadata.version
    monkeypatch.setattr(module.importlib.metadata, "version", lambda name: "99" if name == package else version(name))
    assert (key_of(mini) != before) == changes


@pytest.mark.parametrize("what, value", [("python_version", "3.99"), ("machine", "pdp11")])
def test_another_python_or_machine_changes_the_key(mini, monkeypatch, what, value):
    before = key_of(mini)
    monkeypatch.setattr(module.platform, what, lambda: value)
    assert key_of(mini) != before


def test_where_the_checkout_lies_does_not_change_the_key(mini, monkeypatch):
    before = key_of(mini)
    monkeypatch.setitem(module.ENVIRONMENT, "MATPLOTLIBRC", "/elsewhere/press/matplotlibrc")
    assert key_of(mini) == before
    monkeypatch.setitem(module.ENVIRONMENT, "OMP_NUM_THREADS", "2")
    assert key_of(mini) != before


def test_scikit_learn_counts_where_it_is_imported(mini):
    mini.cell("def f():\n    from sklearn.datasets import load_digits\n")
    assert "scikit-learn" in module.imported_versions(run_python(mini.cells("a").values()))


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_leaves_no_kernel_and_nothing_to_trip_over(mini):
    mini.cell("import time\nprint('started')\ntime.sleep(60)\n")
    program = textwrap.dedent("""
        import signal
        signal.signal(signal.SIGINT, signal.default_int_handler)  # if these tests run where Ctrl-C is ignored, as behind nohup
        from press.project import Project
        from press.execute import execute
        execute(Project("."), ["a"])
        """)
    environment = {name: value for name, value in os.environ.items() if name != "PRESS_CACHE"} | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=mini.root, env=environment)
    children = []
    for _ in range(200):  # until the kernel runs
        time.sleep(0.1)
        children = psutil.Process(process.pid).children(recursive=True)
        if children:
            break
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0 and "KeyboardInterrupt" in err
    gone, alive = psutil.wait_procs(children, timeout=20)
    assert children and not alive
    assert not list(mini.cache.rglob("*.kept")) and not list(mini.cache.rglob(".tmp-*"))
    mini.cell("1 + 1\n")
    assert texts(execute(Project(mini.root), ["a"], report=quiet)["a"], "a.py:it") == ["2"]
