"""The real site, built once for all tests that look at it, and a tiny one for each test that breaks something."""

import os
import socket
from urllib.parse import urlparse

import pytest
from filelock import FileLock

from tests.building import TinySite, build, said, serve


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
            assert done.returncode == 0, said(done)[-3000:]
            note.write_text(address)
    return folder, note.read_text()


@pytest.fixture(scope="session")
def site(built):
    return built[0]


@pytest.fixture(scope="module")
def address(built):
    """The site's address while a server on this machine serves it."""
    folder, found = built
    with serve(folder, urlparse(found).port):
        yield found


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    """A tiny site that has been built, into the folder `site` beside it. Not to be changed."""
    project = TinySite(tmp_path_factory.mktemp("warm") / "project")
    done = build(project.root.with_name("site"), root=project.root)
    assert done.returncode == 0, said(done)[-3000:]
    return project


@pytest.fixture
def tiny_site(tmp_path, warm):
    """A project of one tiny chapter, already built once, so that only what a test changes has to be executed."""
    return TinySite(tmp_path / "project", warm.cache)
