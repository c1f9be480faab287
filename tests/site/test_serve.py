"""What runs for long, or is stopped: `mkdocs serve` says at once that a port is in use, and shows edits; of it, and of a build, nothing is left at the end."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest

from tests.building import ROOT, SHELL, TinySite

COMMAND = [sys.executable, "-m", "mkdocs", "serve", "--dev-addr"]
PATIENCE = 60  # seconds


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.mark.parametrize("start", ["mkdocs serve", "make serve"])
def test_a_port_in_use_is_told_of_before_anything_is_executed(tmp_path, start):
    project = TinySite(tmp_path / "project")
    shutil.copy(ROOT / "Makefile", project.root)
    (project.root / ".venv").symlink_to(sys.prefix)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [*COMMAND, f"127.0.0.1:{port}"] if start == "mkdocs serve" else ["make", "--old-file=.venv/ready", "serve", f"PORT={port}"]
        done = subprocess.run(command, cwd=project.root, env=SHELL, capture_output=True, text=True, timeout=PATIENCE)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"the address 127.0.0.1:{port} cannot be used: Address already in use" in said and "make serve PORT=" in said
    assert "executed" not in said and "Traceback" not in said and not list(project.cache.rglob("*.kept"))


@contextlib.contextmanager
def interrupted(command, project, temporary, log):
    """A process in a session of its own, whose temporary files lie in `temporary`. At the end Ctrl-C is pressed, and all that it has started
    must be gone, its temporary files too; `log` is what it wrote."""
    temporary.mkdir()
    with open(log, "w") as output:
        process = subprocess.Popen(command, cwd=project.root, env=SHELL | {"TMPDIR": str(temporary)}, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    process.started = set()
    try:
        yield process
        process.started |= set(psutil.Process(process.pid).children(recursive=True))
        os.killpg(process.pid, signal.SIGINT)
        process.wait(PATIENCE)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(process.started, timeout=10)
    assert process.started and not alive
    assert "Traceback" not in log.read_text()
    assert os.listdir(temporary) == []


def wait_until(true, process, what):
    end = time.monotonic() + PATIENCE
    while not (found := true()):
        assert process.poll() is None and time.monotonic() < end, what
        time.sleep(0.1)
    return found


def page_with(text, address, server):
    """The page at an address, once it holds a text."""
    def look():
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=10) as answer:
            return page if text in (page := answer.read().decode()) else ""

    return wait_until(look, server, f"{text!r} is not shown")


@pytest.mark.parametrize("chapters", [1, 2])
def test_a_build_that_is_interrupted_ends_and_leaves_nothing(tiny_site, tmp_path, chapters):
    """In the middle of its chapters; of two of them, kernels are forked from a warm process."""
    running = [tmp_path / f"running{number}" for number in range(chapters)]
    for stem, mark in zip("ab", running):
        (tiny_site.snippets / f"{stem}.py").write_text(f"# %% it\nimport time\nopen({str(mark)!r}, 'w').close()\ntime.sleep(200)\n")
        tiny_site.both(f'# A {{#a}}\n\n## B {{#b}}\n\n```python\n--8<-- "{stem}.py:it"\n```\n', stem)
    tiny_site.edit("ledger.yml", "home: a", "home: later")
    command = [sys.executable, "-m", "mkdocs", "build", "-d", tmp_path / "site"]
    with interrupted(command, tiny_site, tmp_path / "tmp", tmp_path / "log") as process:
        wait_until(lambda: all(mark.exists() for mark in running), process, "no chapter is executed")
    assert process.returncode != 0 and not list((tmp_path / "site").rglob("*.html"))


def test_edits_are_shown_and_nothing_is_left_at_the_end(tiny_site, tmp_path, free_port):
    """Of prose, of a snippet, of the names of a language, of the press itself, for which the server starts again."""
    address, log = f"http://127.0.0.1:{free_port}/en/a/", tmp_path / "log"
    with interrupted([*COMMAND, f"127.0.0.1:{free_port}"], tiny_site, tmp_path / "tmp", log) as server:
        assert "heron" not in page_with('<pre class="out stream" tabindex="0">2\n', address, server)
        tiny_site.edit("docs/en/a.md", "# A {#a}", "# A {#a}\n\nA heron.")
        page_with("<p>A heron.</p>", address, server)
        server.started |= set(psutil.Process(server.pid).children(recursive=True))
        tiny_site.edit("snippets/a.py", "print(x + 1)", "print(x + 41)")
        assert "<p>A heron.</p>" in page_with('<pre class="out stream" tabindex="0">42\n', address, server)
        tiny_site.edit("mkdocs.en.yml", "output: Output", "output: Shown")
        page_with('<span class="output-label">Shown</span>', address, server)
        tiny_site.edit("docs/zh/a.md", "--8<--", "--9<--")
        wait_until(lambda: "docs/zh/a.md:9: a raw fence (python)" in log.read_text(), server, "a mistake is not told")
        tiny_site.edit("docs/zh/a.md", "--9<--", "--8<--")
        tiny_site.edit("press/stage.py", "data-search-exclude data-timing>{words[", "data-search-exclude data-timing>A foot of a heron. {words[")
        page_with("A foot of a heron. ", address, server)
