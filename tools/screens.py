"""`make screens`: the screen of a program that a chapter starts, kept as a record.

A shell cell tagged `screen` starts a server that shows what the chapter's cells have written (TensorBoard). Here the cells run in an
empty folder, the very command of the cell is started there on a free port of this machine, and headless Chromium draws its page,
in light and in dark.
"""

import asyncio
import base64
import contextlib
import datetime
import importlib.metadata
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from press.cells import run_python
from press.figures import DARK_PNG
from press.project import PressError, Project
from press.records import source_digest, write_records
from press.run import execute_cells
from tools.chromium import launch

SIZE = {"width": 1200, "height": 1160}  # CSS pixels


def capture(project, stem):
    """Run a chapter and capture its `screen` cells.

    Returns: {address of a cell: record}, a record as in press/records.py; `text` beside it is what the screen says.
    Raises: PressError if the program does not start or Chromium is missing.
    """
    cells, found = list(project.cells(stem).values()), {}
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(execute_cells(project, run_python(cells), folder))
        for cell in cells:
            if "screen" in cell.tags:
                with serve(cell, folder) as address:
                    found[cell.address] = {"source": source_digest(cells, cell)} | shoot(cell, address)
    return found


@contextlib.contextmanager
def serve(cell, folder):
    """The address of the server that the cell's command starts in `folder`; it is stopped at the end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address, log = f"http://127.0.0.1:{port}/", Path(folder, "screen.log")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with log.open("w") as output:
        server = subprocess.Popen(["bash", "-c", f"{cell.source.strip()} --port {port}"], cwd=folder, env=environment,
                                  stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                if server.poll() is not None:
                    break
                time.sleep(0.1)
        else:
            server.kill()
        if server.poll() is not None:
            raise PressError(f"snippets/{cell.path}", cell.line, f"its program does not serve: {log.read_text()[-400:]}", "start the line by hand and see")
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def shoot(cell, address):
    """Two pictures of the page at `address` as one notebook output, what they were made on, and the text on the page."""
    pictures = []
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for dark in (False, True):
            page = browser.new_page(viewport=SIZE, device_scale_factor=1.5, color_scheme="dark" if dark else "light")
            page.goto(f"{address}?darkMode={str(dark).lower()}")
            page.locator("tb-card-view, card-view, scalar-card").first.wait_for(timeout=60_000)
            page.get_by_text("Settings", exact=True).first.click()  # closes a side pane, which leaves room for the charts
            page.wait_for_timeout(3000)  # charts are drawn after their data have come
            text = page.inner_text("body")
            picture, small = Image.open(io.BytesIO(page.screenshot())), io.BytesIO()
            picture.convert("RGB").quantize(256).save(small, "PNG", optimize=True)
            pictures.append(base64.b64encode(small.getvalue()).decode())
        version = browser.version
        browser.close()
    program = cell.source.split()[0]
    about = {"device": f"{program} {importlib.metadata.version(program)}", "date": datetime.date.today().isoformat(), "chromium": version}
    output = {"output_type": "display_data", "metadata": {}, "data": {"image/png": pictures[0], DARK_PNG: pictures[1]}}
    return {"about": about, "outputs": [output], "text": text}


def main():
    project = Project(".")
    for stem in project.chapters():
        if any("screen" in cell.tags for cell in project.cells(stem).values()):
            found = capture(project, stem)
            for record in found.values():
                del record["text"]
            write_records(project, stem, "screen", found)
            print(f"captured {', '.join(found)} of {stem}")


if __name__ == "__main__":
    try:
        main()
    except (PressError, FileNotFoundError) as error:
        sys.exit(str(error))
