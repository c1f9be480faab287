"""`make screens`: the real program starts on what the chapter has written, and its page shows it, in light and in dark."""

import base64
import io

import pytest
from PIL import Image, ImageStat

from press.figures import DARK_PNG
from press.records import read_records, write_records
from tests.building import PROJECT
from tests.tiny import Mini
from tools.screens import capture

STEMS = [stem for stem in PROJECT.chapters() if any("screen" in cell.tags for cell in PROJECT.cells(stem).values())]


def test_tensorboard_is_one_of_them():
    assert "training/tensorboard" in STEMS


@pytest.mark.browser
@pytest.mark.parametrize("stem", STEMS)
def test_its_screen_shows_what_the_chapter_wrote(stem):
    kept = read_records(PROJECT, stem)
    for name, record in capture(PROJECT, stem).items():
        data = record["outputs"][0]["data"]
        light, dark = (Image.open(io.BytesIO(base64.b64decode(data[kind]))).convert("L") for kind in ("image/png", DARK_PNG))
        assert light.size == dark.size and ImageStat.Stat(light).mean[0] > 180 > 120 > ImageStat.Stat(dark).mean[0]
        for tag in ("loss/train", "accuracy"):
            assert tag in "".join(record["text"].split()), record["text"][:500]
        assert int(record["about"]["device"].split()[1].split(".")[1]) >= 21  # TensorBoard 2.21 or newer
        shown = Image.open(io.BytesIO(base64.b64decode(kept[name]["outputs"][0]["data"]["image/png"])))
        assert shown.size == light.size, f"the kept screen of {stem} has another size: run `make screens`"
        assert kept[name]["about"]["device"] == record["about"]["device"], "another version: run `make screens`"


def test_records_of_one_kind_leave_the_other_alone(tmp_path):
    project = Mini(tmp_path / "project")
    project.put("snippets/a/b.py", '# %% one tags=["gpu"]\n1\n')
    project.put("snippets/a/b.sh", '# %% two tags=["screen"]\ntensorboard\n')
    about = {"device": "x", "date": "2026-01-01"}
    outputs = [{"output_type": "stream", "name": "stdout", "text": "one\n"}]
    first, second = ({address: {"source": "s", "about": about, "outputs": outputs}} for address in ("a/b.py:one", "a/b.sh:two"))
    write_records(project, "a/b", "gpu", first)
    write_records(project, "a/b", "screen", second)
    assert read_records(project, "a/b") == first | second
    write_records(project, "a/b", "gpu", {})
    assert read_records(project, "a/b") == second
