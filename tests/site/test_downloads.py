"""What a reader downloads runs alone, in an empty folder, and gives what the page shows."""

import os
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from press.execute import ENVIRONMENT, tidy_output
from tests.site.test_built import PROJECT, executed

# A reader's own environment: no settings of the press but the number of threads, on which last digits depend.
READER = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT and name != "PYTHONPATH"}
READER |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
EACH = [pytest.param(stem, marks=pytest.mark.xdist_group(f"download-{stem}")) for stem in PROJECT.chapters()]


def comparable(output):
    """What must agree between a reader's run and the page: text, results, errors; not pictures, not warnings' places."""
    if output["output_type"] == "stream":
        return None if output["name"] == "stderr" else output["text"]
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    return None if any(kind.startswith("image/") for kind in output["data"]) else output["data"]["text/plain"]


@pytest.mark.parametrize("stem", EACH)
def test_notebook_runs_alone_and_gives_what_the_page_shows(site, stem, tmp_path):
    path = site / "zh" / stem / f"{stem.rpartition('/')[2]}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    assert any(cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    client = NotebookClient(notebook, timeout=120, coalesce_streams=True, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=READER)
    expected = executed(stem).outputs
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.metadata.name in expected and "timing" not in cell.metadata.tags:
            got = [comparable(tidy_output(output)) for output in cell.outputs]
            assert got == [comparable(output) for output in expected[cell.metadata.name]], f"{stem}:{cell.metadata.name}"


@pytest.mark.parametrize("stem", EACH)
def test_script_runs_alone(site, stem, tmp_path):
    path = site / "en" / stem / f"{stem.rpartition('/')[2]}.py"
    done = subprocess.run([sys.executable, "-I", str(path)], cwd=tmp_path, capture_output=True, text=True, env=READER | {"MPLBACKEND": "Agg"}, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
