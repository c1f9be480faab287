"""`mkdocs serve`: a port in use is told of at once; edits are shown; nothing of it is left when it ends."""

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


def get(address):
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read().decode()


def wait_for(text, address, server):
    """The page at an address, once it holds a text."""
    end = time.monotonic() + PATIENCE
    while text not in (page := get(address) or ""):
        assert server.poll() is None and time.monotonic() < end, f"{text!r} is not shown: {page}"
        time.sleep(0.1)
    return page


def test_edits_are_shown_and_nothing_is_left_at_the_end(tiny_site, tmp_path, free_port):
    """Of prose, of a snippet, of the names of a language, of the press itself, for which the server starts again. Ctrl-C ends it, and all that it has started."""
    address, temporary, log = f"http://127.0.0.1:{free_port}/en/a/", tmp_path / "tmp", tmp_path / "log"
    temporary.mkdir()
    with open(log, "w") as output:
        server = subprocess.Popen([*COMMAND, f"127.0.0.1:{free_port}"], cwd=tiny_site.root, env=SHELL | {"TMPDIR": str(temporary)}, stdout=output, stderr=subprocess.STDOUT,
                                  start_new_session=True)
    started = set()
    try:
        assert "heron" not in wait_for('<pre class="out stream" tabindex="0">2\n', address, server)
        tiny_site.edit("docs/en/a.md", "# A {#a}", "# A {#a}\n\nA heron.")
        wait_for("<p>A heron.</p>", address, server)
        started |= set(psutil.Process(server.pid).children(recursive=True))
        tiny_site.edit("snippets/a.py", "print(x + 1)", "print(x + 41)")
        assert "<p>A heron.</p>" in wait_for('<pre class="out stream" tabindex="0">42\n', address, server)
        tiny_site.edit("mkdocs.en.yml", "output: Output", "output: Shown")
        wait_for('<span class="output-label">Shown</span>', address, server)
        tiny_site.edit("docs/zh/a.md", "--8<--", "--9<--")
        wait_for_log("docs/zh/a.md:9: a raw fence (python)", log, server)
        tiny_site.edit("docs/zh/a.md", "--9<--", "--8<--")
        tiny_site.edit("press/stage.py", "data-search-exclude data-timing>{words[", "data-search-exclude data-timing>A foot of a heron. {words[")
        wait_for("A foot of a heron. ", address, server)
        started |= set(psutil.Process(server.pid).children(recursive=True))
        assert started
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            raise
    _, alive = psutil.wait_procs(started, timeout=10)
    assert not alive
    assert "Traceback" not in log.read_text()
    assert os.listdir(temporary) == []


def wait_for_log(text, log, server):
    end = time.monotonic() + PATIENCE
    while text not in log.read_text():
        assert server.poll() is None and time.monotonic() < end, f"{text!r} is not said"
        time.sleep(0.1)
