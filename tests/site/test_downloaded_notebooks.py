"""The notebook that a reader downloads runs alone, in an empty folder, and gives what the page shows, its pictures too.

It runs in an ordinary kernel, in a reader's environment, where nothing but the notebook itself sets a seed: that its outputs are the
build's is what shows that a build can be repeated. Pictures are drawn there in the style and the form that the press draws them in.
"""

import nbformat
import pytest
from nbclient import NotebookClient

from press.export import file_name
from press.figures import slim
from press.kernels import STYLE
from press.outputs import collect, image_kind
from tests.building import PROJECT, READER, executed


def comparable(outputs):
    """What must agree between a reader's run and the page: text, results, errors, pictures; not what stands on standard error, which has places."""
    found = []
    for output in outputs:
        if output["output_type"] == "stream":
            found += [output["text"]] if output["name"] == "stdout" else []
        elif output["output_type"] == "error":
            found.append(f"{output['ename']}: {output['evalue']}")
        elif kind := image_kind(output):
            found.append((kind, slim(output["data"][kind])))
        else:
            found.append(output["data"]["text/plain"])
    return found


@pytest.mark.parametrize("stem", PROJECT.chapters())
def test_notebook_runs_alone_and_gives_what_the_page_shows(site, stem, tmp_path):
    path = site / "zh" / stem / f"{file_name(stem)}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    assert any(cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    client = NotebookClient(notebook, timeout=120, coalesce_streams=True, shutdown_kernel="immediate", resources={"metadata": {"path": str(tmp_path)}},
                            extra_arguments=["--InlineBackend.figure_formats=svg"])
    client.execute(env=READER | {"MATPLOTLIBRC": str(STYLE)})
    expected = {address.rpartition(":")[2]: outputs for address, outputs in executed(stem).outputs.items()}
    run = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.metadata.name in expected]
    assert [cell.metadata.name for cell in run] == list(expected)
    for cell in run:
        if "timing" not in cell.metadata.tags:
            assert comparable(collect(cell.outputs)) == comparable(expected[cell.metadata.name]), f"{stem}:{cell.metadata.name}"
