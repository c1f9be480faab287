"""Sites built for tests, the real one and tiny ones, and how tests read what was built."""

import contextlib
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from functools import cache, partial
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlparse

from bs4 import BeautifulSoup

from press.execute import read_execution
from press.kernels import ENVIRONMENT
from press.project import Project
from tests.tiny import GLOSSARY, Mini

ROOT = Path(__file__).resolve().parent.parent
PROJECT = Project(ROOT, read_once=True)
PAGES = [(language, stem) for language in PROJECT.languages for stem in PROJECT.chapters()]
HOME = "http://example.test/"

# What a person's shell has: nothing of what conftest.py sets for the tests themselves.
SHELL = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT and not name.startswith(("PYTHON", "PRESS_", "PYTEST_"))}
SHELL |= {"NO_MKDOCS_2_WARNING": "1"}
# A reader's own environment: no settings of the press but the number of threads, on which last digits depend.
READER = SHELL | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TQDM_DISABLE": "1"}


def run(*arguments, cwd, environment=None, **how):
    """A finished `python -m ...`, started in the folder `cwd`; `environment` is what it has besides a person's shell. A variable that is None
    there is taken away."""
    variables = {name: value for name, value in (SHELL | (environment or {})).items() if value is not None}
    encoding = variables.get("PYTHONIOENCODING", "utf-8")
    return subprocess.run([sys.executable, "-m", *map(str, arguments)], cwd=cwd, env=variables,
                          **{"capture_output": True, "text": True, "encoding": encoding, "errors": "backslashreplace", "timeout": 250} | how)


def build(site, *, root=ROOT, strict=True, address="http://127.0.0.1:8000/", file="mkdocs.yml", cwd=None, environment=None):
    """Build the site of `root` into `site` as `make build` does, to be served at `address`; the completed process.

    `file` is the configuration: that of one language builds this language alone.
    """
    return run("mkdocs", "build", "-f", file, *(["--strict"] if strict else []), "--site-dir", site, cwd=cwd or root,
               environment={"SITE_URL": address} | (environment or {}))


def said(done):
    """All that a finished process wrote."""
    return done.stdout + done.stderr


def built(site, **how):
    """Build as `build` does, which must succeed; what it wrote."""
    done = build(site, **how)
    assert done.returncode == 0, said(done)[-3000:]
    return said(done)


class TinySite(Mini):
    """A tiny project that can be built: the real press, theme and configurations round the one chapter of a Mini.

    Args:
        cache: a `.cache` of another project to begin with, None for a cold start.
    """

    def __init__(self, root, cache=None):
        super().__init__(root)
        self.put("glossary.yml", GLOSSARY)
        for name in ("press", "theme"):
            shutil.copytree(ROOT / name, self.root / name)
        for path in ROOT.glob("mkdocs*.yml"):
            (self.root / path.name).write_text(path.read_text(encoding="utf-8").split("\nnav:")[0] + "\n", encoding="utf-8")
        self.put("docs/index.md", "---\ntemplate: root.html\n---\n")
        self.both("# Home {#home}\n", "index")
        if cache:
            shutil.copytree(cache, self.cache)


def page_address(stem):
    """Where the page of a stem lies below its language: `foundations/tensors/`, or `foundations/` for an index."""
    return re.sub(r"(^|/)index/$", r"\1", f"{stem}/")


def page_file(site, language, stem):
    return site / language / page_address(stem) / "index.html"


def html_files(site):
    return sorted(site.rglob("*.html"))


@cache
def soup(path):
    """A page that does not change any more."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path):
    """What a link to this page may name behind its #."""
    return {tag.get(name) for name in ("id", "name") for tag in soup(path).select(f"[{name}]")}


def printed(pre):
    """The text of a <pre>, as a browser shows it: a line break right behind the tag is none."""
    return pre.get_text().removeprefix("\n")


def outputs_of(page, anchor):
    """The block of outputs below the code with this id, or None."""
    block = page.find(id=anchor).find_next_sibling()
    return block if block and "outputs" in block.get("class", ()) else None


def executed(stem):
    """The Execution of a chapter of the real site."""
    found = read_execution(PROJECT, stem)
    assert found, f"{stem} was not executed by the build"
    return found


def target(site, path, link):
    """(file, fragment) that a link inside the site leads to; None for a link that leaves it."""
    here = HOME + path.relative_to(site).as_posix().removesuffix("index.html")
    address, fragment = urldefrag(urljoin(here, link))
    address = re.sub(r"^http://127\.0\.0\.1:\d+/", HOME, address)  # where the build was told that it lies
    if not address.startswith(HOME):
        return None
    file = site / unquote(urlparse(address).path).lstrip("/")
    return (file / "index.html" if file.is_dir() else file), unquote(fragment)


def without_timings(text):
    """A page without its elements marked `data-timing`. (Parsing all pages as HTML would take minutes.)"""
    while found := re.search(r"<(\w+)\b[^>]*\sdata-timing\b[^>]*>", text):
        depth, end = 1, found.end()
        while depth:
            tag = re.compile(rf"<(/?){found[1]}\b[^>]*>").search(text, end)
            depth += -1 if tag[1] else 1
            end = tag.end()
        text = text[: found.start()] + text[end:]
    return text


def files(folder):
    """{address: content} of all files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serve(folder, port):
    """Serve the files of a folder on this machine meanwhile."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
