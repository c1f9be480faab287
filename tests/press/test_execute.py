"""Executing: what fails is named; what is cached is right, whole, and not executed again."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from press import execute as module
from press.chapters import PressError, Project
from press.execute import cache_file, cache_key, execute, read_cache, run_python, tidy, write_atomically


def quiet(line):
    pass


def key_of(project, stem="a"):
    return cache_key(run_python(project.cells(stem).values()))


def texts(execution, cell):
    return [output.get("text") or output.get("evalue") or output["data"]["text/plain"] for output in execution.outputs[cell]]


FAILURES = {
    "raises": ("x = 1\n1 / 0\n", "", "snippets/a.py:3: cell 'it' raises ZeroDivisionError: division by zero", "raises-exception"),
    "raises deep in a library": ("import torch\n\ntorch.zeros(2).view(3)\n", "", "snippets/a.py:4: cell 'it' raises RuntimeError", "raises-exception"),
    "does not raise": ("x = 1\n", ' tags=["raises-exception"]', "snippets/a.py:1: cell 'it' is tagged raises-exception and does not raise", "tag"),
    "does not warn": ("x = 1\n", ' tags=["warns"]', "snippets/a.py:1: cell 'it' is tagged warns and writes nothing", "tag"),
    "warns": ("import warnings\nwarnings.warn('old')\n", "", "snippets/a.py:1: cell 'it' writes to standard error: UserWarning: old", "warns"),
    "dies": ("import os\nos._exit(1)\n", "", "snippets/a.py:1: cell 'it' kills its kernel", "os._exit"),
}


@pytest.mark.parametrize("code, tags, problem, remedy", FAILURES.values(), ids=FAILURES)
def test_cell_that_fails(mini, code, tags, problem, remedy):
    mini.cell(code, tags)
    with pytest.raises(PressError) as caught:
        execute(mini, ["a"], report=quiet)
    assert str(caught.value).startswith(problem)
    assert remedy in str(caught.value).split("->")[1]
    assert not cache_file(mini, "a", key_of(mini)).exists()


def test_cell_that_never_ends(mini):
    mini.cell("while True:\n    pass\n")
    with pytest.raises(PressError, match="snippets/a.py:1: cell 'it' is still running after 3 s"):
        execute(mini, ["a"], time_limit=3, report=quiet)
    assert not [process for process in psutil.Process().children(recursive=True) if "ipykernel" in " ".join(process.cmdline())]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A project whose chapter shows each kind of output, executed once; (project, execution, lines of progress)."""
    from tests.press.conftest import LEDGER, Mini

    mini = Mini(tmp_path_factory.mktemp("project"))
    mini.put("ledger.yml", LEDGER)
    mini.outputs.mkdir()
    mini.put("snippets/a.py", """\
        # %% settings
        import os, random, numpy, torch
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
        """)
    quotes = "".join(f'```python\n--8<-- "{address}"\n```\n\n' for address in mini.cells("a"))
    figure = '![a line](a.py:figure "A line")\n\n'
    quotes = quotes.replace('a.py:figure"\n```\n\n', 'a.py:figure"\n```\n\n' + figure)
    mini.both("# A {#a}\n\n<!-- ledger: n0-01 -->\n\n" + quotes)
    lines = []
    return mini, execute(mini, ["a"], report=lines.append)["a"], lines


def test_progress_names_the_chapter_its_number_and_seconds(executed):
    _, execution, lines = executed
    assert lines == ["executing a: 9 cells", f"executed 1 of 1: a, {execution.about['seconds']} s"]


def test_seed_and_threads_are_fixed(executed):
    import random

    import numpy
    import torch

    shown = texts(executed[1], "settings")
    torch.manual_seed(0)
    assert shown[0].split()[:2] == ["1", "0"]
    assert shown[0].split()[2:] == [str(random.Random(0).random()), str(numpy.random.RandomState(0).rand())]
    assert shown[1] == repr(torch.rand(1).item())


def test_errors_and_warnings_are_short_and_the_same_everywhere(executed):
    assert texts(executed[1], "error") == ["a Tensor with 2 elements cannot be converted to Scalar"]
    assert texts(executed[1], "warning") == ["UserWarning: careful\n"]


def test_cells_for_a_gpu_or_a_download_are_left_out(executed):
    assert "network" not in executed[1].outputs
    assert ("gpu" in executed[1].outputs) == bool(executed[1].about["cuda"])


def test_outputs_name_no_folder_of_this_machine(executed):
    assert texts(executed[1], "place") == ["site-packages/torch/__init__.py\n"]


def test_a_chapter_runs_in_an_empty_folder_and_namespace(executed):
    assert texts(executed[1], "folder") == ["[]"]
    assert texts(executed[1], "names") == ["In Out exit get_ipython numpy open os plt quit random torch warnings\n"]


def test_two_cold_executions_agree_to_the_byte(executed, tmp_path):
    project, execution, _ = executed
    project.cache, before = tmp_path, project.cache
    try:
        again = execute(project, ["a"], report=quiet)["a"]
    finally:
        project.cache = before
    assert json.dumps(again.outputs) == json.dumps(execution.outputs)


def test_what_is_cached_is_not_executed_again(executed, monkeypatch):
    project, execution, _ = executed
    monkeypatch.setattr(module, "_execute", None)
    assert execute(project, ["a"], report=quiet)["a"] == execution


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


@pytest.mark.parametrize("package, changes", [("torch", True), ("scikit-learn", False)])
def test_another_version_of_what_is_imported_changes_the_key(mini, monkeypatch, package, changes):
    before, version = key_of(mini), module.importlib.metadata.version
    monkeypatch.setattr(module.importlib.metadata, "version", lambda name: "99" if name == package else version(name))
    assert (key_of(mini) != before) == changes


def test_scikit_learn_counts_where_it_is_imported(mini):
    mini.cell("def f():\n    from sklearn.datasets import load_digits\n")
    assert "scikit-learn" in module.imported_versions(run_python(mini.cells("a").values()))


def damage_truncate(text):
    return text[: len(text) // 2]


def damage_flip(text):
    return text.replace("careful", "careless")


@pytest.mark.parametrize("damage", [damage_truncate, damage_flip, lambda text: "", lambda text: "[]", lambda text: text.replace('"about"', '"abut"', 1)],
                         ids=["truncated", "flipped", "empty", "other JSON", "a key missing"])
def test_a_damaged_cache_file_is_thrown_away(executed, damage, capsys):
    project, execution, _ = executed
    key = key_of(project)
    path = cache_file(project, "a", key)
    whole = path.read_text(encoding="utf-8")
    path.write_text(damage(whole), encoding="utf-8")
    try:
        assert read_cache(project, "a", key) is None
        assert not path.exists()
        assert "is damaged: thrown away" in capsys.readouterr().err
    finally:
        path.write_text(whole, encoding="utf-8")
    assert read_cache(project, "a", key) == execution


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, "old")

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_leaves_no_kernel_and_nothing_to_trip_over(mini):
    mini.cell("import time\nprint('started')\ntime.sleep(60)\n")
    program = textwrap.dedent("""
        import signal
        signal.signal(signal.SIGINT, signal.default_int_handler)  # if these tests run where Ctrl-C is ignored, as behind nohup
        from press.chapters import Project
        from press.execute import execute
        execute(Project({root!r}), ["a"])
        """).format(root=str(mini.root))
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
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
    assert not list(mini.cache.rglob("*.json")) and not list(mini.cache.rglob(".tmp-*"))
    mini.cell("1 + 1\n")
    assert texts(execute(Project(mini.root), ["a"], report=quiet)["a"], "it") == ["2"]


def test_tidy_takes_out_colours_of_a_terminal():
    assert tidy("\x1b[31mred\x1b[0m") == "red"
