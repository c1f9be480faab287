"""The real site, built once for all tests that look at it."""

import http.server
import os
import socket
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from urllib.parse import urlparse

import pytest
from filelock import FileLock

from press.execute import ENVIRONMENT

# A reader's own environment: no settings of the press but the number of threads, on which last digits depend.
READER = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT and name != "PYTHONPATH"}
READER |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
ROOT = Path(__file__).resolve().parent.parent.parent


def build(site, *, root=ROOT, strict=True, address="http://127.0.0.1:8000/", file="mkdocs.yml"):
    """Build the site of `root` into `site` as `make build` does, to be served at `address`; the completed process.

    `file` is the configuration: that of one language builds this language alone.
    """
    command = [sys.executable, "-m", "mkdocs", "build", "-f", file, *(["--strict"] if strict else []), "--site-dir", str(site)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "SITE_URL": address})


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """(folder, address) of the site. Several test processes share one build; the address is of a port that was free."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "site"
    note = folder.with_name("site-address")
    with FileLock(f"{folder}.lock"):
        if not note.is_file():
            with socket.create_server(("127.0.0.1", 0)) as free:
                address = f"http://127.0.0.1:{free.getsockname()[1]}/"
            done = build(folder, address=address)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
            note.write_text(address)
    return folder, note.read_text()


@pytest.fixture(scope="session")
def site(built):
    return built[0]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(built):
    """The site's address while a server on this machine serves it."""
    folder, found = built
    server = http.server.ThreadingHTTPServer(("127.0.0.1", urlparse(found).port), partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()
