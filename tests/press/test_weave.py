"""Weaving, records and downloads, on executions made up for the purpose: no kernel runs here."""

import ast
import json
import re

import nbformat
import pytest

from press import records
from press.chapters import PressError
from press.execute import STYLE, Execution, run_python
from press.export import guard, notebook, plain_markdown, script
from press.weave import DARK, content_name, dark_twin, image_kind, reading_minutes, slim, still_twin, svg_size, weave

ABOUT = {"device": "CPU", "torch": "2", "torchvision": "0", "python": "3", "cuda": None, "seconds": 1.0}
TEXT = {"output_type": "execute_result", "metadata": {}, "data": {"text/plain": "1"}}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt"><path stroke="#1f2328"/></svg>'
PICTURE = {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": SVG, "text/plain": "<Figure>"}}


def execution(**outputs):
    return Execution({"one": [TEXT], "two": [], **outputs}, dict(ABOUT))


def test_weave_keeps_prose_and_cells_in_order(mini):
    woven = weave(mini, "zh", "a", execution())
    nbformat.validate(woven)
    assert [cell.cell_type for cell in woven.cells] == ["markdown", "markdown", "code", "markdown", "code"]
    assert woven.cells[0].source == "# A {#a}" and woven.cells[2].source == "x = 1\nx"
    assert woven.cells[2].outputs[0].data["text/plain"] == "1"


def test_figure_that_the_page_does_not_describe(mini):
    with pytest.raises(PressError, match=r"docs/en/a.md:9: a.py:one draws 1 figures and 0 have alternative text\n.*a.py:one"):
        weave(mini, "en", "a", execution(one=[PICTURE]))


def test_description_without_a_figure(mini):
    page = (mini.docs / "zh/a.md").read_text(encoding="utf-8").replace("## B", '![alt](a.py:one "caption")\n\n## B')
    mini.both(page)
    with pytest.raises(PressError, match="draws 0 figures and 1 have alternative text"):
        weave(mini, "zh", "a", execution())
    woven = weave(mini, "zh", "a", execution(one=[PICTURE]))
    assert woven.cells[2].metadata.press.figures == [{"alt": "alt", "caption": "caption"}]


def test_svg_size_in_css_pixels():
    assert svg_size(SVG) == (96, 48)
    assert svg_size('<svg width="10px" height="20">') == (10, 20)
    with pytest.raises(ValueError, match="without width"):
        svg_size('<svg height="1">')


def test_dark_twin_exchanges_the_inks_and_nothing_else():
    assert dark_twin('<path fill="#cc79a7" stroke="#1F2328"/>') == '<path fill="#cc79a7" stroke="#dfe2e8"/>'


def test_still_twin_stops_what_moves():
    assert still_twin(SVG) is None
    moving = SVG.replace("<path", "<style>@keyframes k{}</style><path")
    assert still_twin(moving).count("*{animation:none!important}</style>") == 1


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return sum(weight * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for weight, c in zip((0.2126, 0.7152, 0.0722), channels))


def contrast(first, second):
    """Of two colours, by https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio"""
    bright, dim = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_every_colour_of_a_figure_can_be_seen_in_light_and_in_dark():
    import matplotlib

    style = matplotlib.rc_params_from_file(STYLE, use_default_template=True)
    assert contrast(style["text.color"] if style["text.color"].startswith("#") else "#" + style["text.color"], "#ffffff") > 7
    for colour in style["axes.prop_cycle"].by_key()["color"]:
        light = "#" + colour.lstrip("#").lower()
        assert contrast(light, "#ffffff") > 2.2, light
        assert contrast(DARK.get(light, light), "#1e2129") > 4.5, light


def test_figures_are_addressed_by_content():
    assert content_name(b"a") != content_name(b"b") and re.fullmatch(r"[0-9a-f]{16}", content_name(b"a"))
    assert "metadata" not in slim("<svg><metadata>\n<x/></metadata></svg>")
    assert image_kind(PICTURE) == "image/svg+xml" and image_kind(TEXT) is None


def test_reading_minutes_grow_with_the_longer_language(mini):
    assert reading_minutes(mini, "a") == 5
    mini.put("docs/zh/a.md", (mini.docs / "zh/a.md").read_text(encoding="utf-8") + "\n" + "字" * 3750)
    assert reading_minutes(mini, "a") == 15


# --- records -------------------------------------------------------------------------------------------------------


def put_record(mini, stem="a", cell="two", source=None):
    cells = run_python(mini.cells(stem).values())
    digest = source or records.source_digest(cells, next(c for c in cells if c.name == cell))
    about = {"device": "NVIDIA Test", "torch": "2", "torchvision": "0", "python": "3", "cuda": "13", "date": "2026-01-02"}
    mini.put(f"outputs/{stem}.json", json.dumps({"cells": {cell: {"source": digest, "about": about, "outputs": [TEXT]}}}))


def gpu_cell(mini):
    mini.put("snippets/a.py", '# %% one\nx = 1\nx\n\n# %% two tags=["gpu"]\nprint(x + 1)\n')


def statuses(mini, outputs):
    woven = weave(mini, "zh", "a", Execution(outputs, dict(ABOUT)))
    return {cell.metadata.press.name: (cell.metadata.press.status, len(cell.outputs)) for cell in woven.cells if cell.cell_type == "code"}


def test_gpu_cell_without_a_record_is_not_run(mini):
    gpu_cell(mini)
    assert statuses(mini, {"one": [TEXT]})["two"] == ("not-run", 0)


def test_gpu_cell_with_a_record_shows_it(mini):
    gpu_cell(mini)
    put_record(mini)
    assert statuses(mini, {"one": [TEXT]})["two"] == ("recorded", 1)
    assert records.stale_records(mini) == []


def test_gpu_cell_that_ran_shows_its_own_output(mini):
    gpu_cell(mini)
    put_record(mini)
    assert statuses(mini, {"one": [TEXT], "two": []})["two"] == ("run", 0)


@pytest.mark.parametrize("old, new", [("x + 1", "x + 2"), ("x = 1", "x = 2")], ids=["the cell itself", "a cell above it"])
def test_record_of_changed_source_is_stale_and_not_shown(mini, old, new):
    gpu_cell(mini)
    put_record(mini)
    path = mini.snippets / "a.py"
    path.write_text(path.read_text().replace(old, new))
    assert statuses(mini, {"one": [TEXT]})["two"] == ("not-run", 0)
    assert [str(error).split("\n")[0] for error in records.stale_records(mini)] == [
        "outputs/a.json: the record of 'two' is stale: its source has changed"]


def test_record_of_a_chapter_that_is_gone_is_stale(mini):
    mini.put("outputs/b.json", json.dumps({"cells": {"x": {"source": "", "outputs": [], "about": {"device": "", "date": ""}}}}))
    assert len(records.stale_records(mini)) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"cells": {"x": {}}}', '{"cells": [1]}'])
def test_record_file_that_is_none(mini, text):
    mini.put("outputs/a.json", text)
    with pytest.raises(PressError, match="outputs/a.json: this is not a record"):
        records.read_records(mini, "a")


def test_record_refuses_where_there_is_no_cuda(mini, monkeypatch):
    monkeypatch.setattr(records, "has_cuda", lambda: False)
    with pytest.raises(PressError, match="no CUDA device here"):
        records.record(mini)
    assert not list(mini.outputs.iterdir())


def test_record_writes_what_the_gpu_cells_gave(mini, monkeypatch):
    gpu_cell(mini)
    ran = Execution({"one": [TEXT], "two": [TEXT]}, ABOUT | {"cuda": "13", "device": "NVIDIA Test"})
    monkeypatch.setattr(records, "has_cuda", lambda: True)
    monkeypatch.setattr(records, "execute", lambda project, stems, report: {stem: ran for stem in stems})
    lines = []
    records.record(mini, lines.append)
    assert lines == ["recorded 1 cells of a on NVIDIA Test"]
    assert records.read_records(mini, "a").keys() == {"two"} and records.stale_records(mini) == []
    assert statuses(mini, {"one": [TEXT]})["two"] == ("recorded", 1)


# --- downloads -----------------------------------------------------------------------------------------------------


def test_plain_markdown_is_what_jupyter_shows():
    text = """\
# Title {#title}

<!-- ledger: n0-01 -->

!!! note "Look"

    First.

    - [a chapter](../b.md#c), [a page](https://pytorch.org)

After `{#code}`.

```text
!!! note [kept](as.md)
```"""
    assert plain_markdown(text) == """\
# Title

> **Look**
>
> First.
>
> - a chapter, [a page](https://pytorch.org)

After `{#code}`.

```text
!!! note [kept](as.md)
```"""


def test_notebook_goes_on_past_cells_that_need_a_gpu(mini):
    gpu_cell(mini)
    found = nbformat.reads(notebook(weave(mini, "zh", "a", Execution({"one": [TEXT]}, dict(ABOUT)))), as_version=4)
    nbformat.validate(found)
    tags = {cell.metadata.name: cell.metadata.tags for cell in found.cells if cell.cell_type == "code"}
    assert tags == {"one": [], "two": ["gpu", "raises-exception"]}
    assert "press" not in str(found.metadata)


@pytest.mark.parametrize("tags, expected", [
    ("", "x = 1\n"), ('"raises-exception"', "try:  # meant to fail\n    x = 1\nexcept Exception as error:\n    print(f'{type(error).__name__}: {error}')\n"),
    ('"gpu"', "if torch.cuda.is_available():  # needs an NVIDIA GPU\n    x = 1\n"),
    ('"network"', "if '--network' in sys.argv:  # needs a download: run this script with --network\n    x = 1\n"),
])
def test_script_guards_what_may_not_run(mini, tags, expected):
    mini.cell("x = 1\n", f" tags=[{tags}]")
    assert guard(mini.cells("a")["a.py:it"]) == expected


def test_guard_refuses_to_change_a_text_of_several_lines(mini):
    mini.cell('x = """a\nb"""\n', ' tags=["gpu"]')
    with pytest.raises(PressError, match="snippets/a.py:1: cell 'it' has a text of several lines"):
        guard(mini.cells("a")["a.py:it"])


def test_script_is_python_with_the_prose_as_comments(mini):
    text = script(mini.page("zh", "a"), mini.cells("a"))
    ast.parse(text)
    assert "# # A\n" in text and "# %% one\nx = 1\nx\n" in text
