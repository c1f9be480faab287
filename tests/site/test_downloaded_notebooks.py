"""The notebook that a reader downloads runs alone, in an empty folder, and gives what the page shows."""

import nbformat
import pytest
from nbclient import NotebookClient

from press.execute import tidy_output
from press.export import file_name
from tests.site.conftest import READER
from tests.site.test_built import PROJECT, executed


def comparable(output):
    """What must agree between a reader's run and the page: text, results, errors; not pictures, not warnings' places."""
    if output["output_type"] == "stream":
        return None if output["name"] == "stderr" else output["text"]
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    return None if any(kind.startswith("image/") for kind in output["data"]) else output["data"]["text/plain"]


@pytest.mark.parametrize("stem", PROJECT.chapters())
def test_notebook_runs_alone_and_gives_what_the_page_shows(site, stem, tmp_path):
    path = site / "zh" / stem / f"{file_name(stem)}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    assert any(cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    client = NotebookClient(notebook, timeout=120, coalesce_streams=True, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=READER)
    expected = executed(stem).outputs
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.metadata.name in expected and "timing" not in cell.metadata.tags:
            got = [comparable(tidy_output(output)) for output in cell.outputs]
            assert got == [comparable(output) for output in expected[cell.metadata.name]], f"{stem}:{cell.metadata.name}"
