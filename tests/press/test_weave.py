"""Weaving, figures and records, on executions made up for the purpose: no kernel runs here."""

import base64
import io
import json
import re
import textwrap

import nbformat
import pytest
from PIL import Image

from press import records
from press.cells import run_python
from press.figures import DARK, DARK_PNG, content_name, dark_twin, figure_files, slim, still_twin, svg_size
from press.kernels import STYLE
from press.project import PressError
from press.run import Execution
from press.weave import reading_minutes, split_title, weave
from tests.tiny import PAGE
from tools import record as recorder

ABOUT = {"device": "CPU", "torch": "2", "torchvision": "0", "python": "3", "cuda": None, "seconds": 1.0, "cpu": 1.0}
TEXT = {"output_type": "execute_result", "metadata": {}, "data": {"text/plain": "1"}}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt"><path stroke="#1f2328"/></svg>'
PICTURE = {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": SVG, "text/plain": "<Figure>"}}


def execution(**outputs):
    """An execution of a.py, by the names of its cells."""
    return Execution({f"a.py:{name}": found for name, found in {"one": [TEXT], "two": [], **outputs}.items()}, dict(ABOUT))


def test_weave_keeps_prose_and_cells_in_order(mini):
    woven = weave(mini, "zh", "a", execution())
    nbformat.validate(woven)
    assert [cell.cell_type for cell in woven.cells] == ["markdown", "markdown", "code", "markdown", "code"]
    assert woven.cells[0].source == "# A {#a}" and woven.cells[2].source == "x = 1\nx"
    assert woven.cells[2].outputs[0].data["text/plain"] == "1"


def test_figure_that_the_page_does_not_describe(mini):
    with pytest.raises(PressError, match=r"docs/en/a.md:9: a.py:one draws 1 figures and 0 have alternative text\n.*a.py:one"):
        weave(mini, "en", "a", execution(one=[PICTURE]))


def test_cells_of_one_name_in_python_and_shell_do_not_share_outputs(mini):
    """A shell cell showed what the Python cell of the same name had given. Each has an anchor of its own."""
    mini.put("snippets/a.sh", "# %% one\nls\n\n# %% other\nls\n")
    mini.both(textwrap.dedent(PAGE) + '\n```sh\n--8<-- "a.sh:one"\n```\n\n```sh\n--8<-- "a.sh:other"\n```\n')
    cells = [cell for cell in weave(mini, "zh", "a", execution()).cells if cell.cell_type == "code"]
    assert [(cell.metadata.press.address, cell.metadata.press.anchor, len(cell.outputs)) for cell in cells] == [
        ("a.py:one", "cell-one", 1), ("a.py:two", "cell-two", 0), ("a.sh:one", "cell-one-sh", 0), ("a.sh:other", "cell-other", 0)]


def test_every_build_gives_cells_the_same_ids(mini):
    assert [cell.id for cell in weave(mini, "zh", "a", execution()).cells] == [f"cell-{number}" for number in range(5)]


def test_a_title_stands_in_a_cell_of_its_own():
    assert split_title("# A {#a}\n\nb\n\nc") == ["# A {#a}", "b\n\nc"]
    assert split_title("# A {#a}\n") == ["# A {#a}\n"] and split_title("b\n\nc") == ["b\n\nc"]


def test_several_figures_of_a_cell_are_described_in_order(mini):
    mini.both(textwrap.dedent(PAGE).replace("\n## B", '\n![first](a.py:one "1")\n\n![se[co]nd](a.py:one "2")\n\n## B'))
    woven = weave(mini, "zh", "a", execution(one=[PICTURE, TEXT, PICTURE]))
    assert woven.cells[2].metadata.press.figures == [{"alt": "first", "caption": "1"}, {"alt": "se[co]nd", "caption": "2"}]
    with pytest.raises(PressError, match=r"docs/zh/a.md:9: a.py:one draws 1 figures and 2 have alternative text"):
        weave(mini, "zh", "a", execution(one=[PICTURE]))


def test_description_without_a_figure(mini):
    page = (mini.docs / "zh/a.md").read_text(encoding="utf-8").replace("## B", '![alt](a.py:one "caption")\n\n## B')
    mini.both(page)
    with pytest.raises(PressError, match="draws 0 figures and 1 have alternative text"):
        weave(mini, "zh", "a", execution())
    woven = weave(mini, "zh", "a", execution(one=[PICTURE]))
    assert woven.cells[2].metadata.press.figures == [{"alt": "alt", "caption": "caption"}]


def test_svg_size_in_css_pixels():
    assert svg_size(SVG) == (96, 48)


def svg(attributes, inside="", space="http://www.w3.org/2000/svg"):
    return f'<svg xmlns="{space}" {attributes}>{inside}</svg>'


@pytest.mark.parametrize("attributes, size", [
    ('width="10px" height="20"', (10, 20)), ("width='1in' height='2.54cm'", (96, 96)), ('width="25.4mm" height="6pc"', (96, 96)), ('width=" 10 " height="20 px"', (10, 20)),
    ('width="10.4" height="10.6"', (10, 11)), ('viewBox="0 0 30 40"', (30, 40)), ('viewBox="-5,-5,30.2,40"', (30, 40)), ('viewBox=" 0 0  30\n40 "', (30, 40)),
    ('width="100%" height="100%" viewBox="0 0 30 40"', (30, 40)), ('width="10em" height="2em" viewBox="0 0 30 40"', (30, 40)), ('width="10" viewBox="0 0 30 40"', (30, 40)),
    ('width="auto" height="auto" viewBox="0 0 3e1 4e1"', (30, 40)),
])
def test_svg_size_in_every_form_that_svg_allows(attributes, size):
    assert svg_size(svg(attributes)) == size
    assert svg_size("<?xml version='1.0'?>\n<!DOCTYPE svg>\n<!-- width='7' -->" + svg(attributes, "<rect width='1' height='1'/>")) == size


@pytest.mark.parametrize("attributes", ["", 'height="1"', 'viewBox="0 0 30"', 'viewBox="0 0 0 40"', 'viewBox="0 0 -1 40"', 'viewBox="a b c d"', 'width="100%" height="3em"', 'viewBox="0 0 nan 1"', 'viewBox="0 0 1 nan"', 'viewBox="0 0 inf 1"',
                                        'width="0" height="0"', 'width="." height="1.2.3"', 'viewBox="0 0 1 2 3"'])
def test_svg_that_says_no_size(attributes):
    with pytest.raises(ValueError, match="an SVG figure without width and height, or a viewBox"):
        svg_size(svg(attributes, "<rect width='1' height='1'/>"))


def test_svg_that_is_none():
    for text in ("", "<svg", "<svg></p>", "<svg>&nbsp;</svg>", "not XML"):
        with pytest.raises(ValueError, match="an SVG figure that is not XML"):
            svg_size(text)
    for text in ("<svg width='1' height='1'/>", svg("width='1' height='1'", space="http://x"), "<html/>"):
        with pytest.raises(ValueError, match="without its name space"):
            svg_size(text)


def png(colour, size=(3, 2), kind="PNG"):
    """A picture of one colour, in base64."""
    Image.new("RGB", size, colour).save(file := io.BytesIO(), kind)
    return base64.b64encode(file.getvalue()).decode()


def test_figures_become_files_named_by_content_with_their_twins():
    addresses, files, size = figure_files("image/svg+xml", {"image/svg+xml": SVG})
    assert set(addresses) == {"src", "dark"} and size == (96, 48)
    assert files[addresses["dark"]] == SVG.replace("#1f2328", DARK["#1f2328"]).encode() and files[addresses["src"]] == SVG.encode()
    moving = SVG.replace("<path", "<style>@keyframes k{}</style><path")
    addresses, files, _ = figure_files("image/svg+xml", {"image/svg+xml": moving})
    assert set(addresses) == {"src", "dark", "still", "dark_still"} and b"animation:none" in files[addresses["dark_still"]]
    assert all(re.fullmatch(r"assets/figures/[0-9a-f]{16}\.svg", uri) for uri in files) and len(files) == 4


def test_a_picture_of_pixels_keeps_its_bytes_and_may_have_a_dark_twin():
    addresses, files, size = figure_files("image/png", {"image/png": png("white"), DARK_PNG: png("black")})
    assert size == (3, 2) and files == {addresses["src"]: base64.b64decode(png("white")), addresses["dark"]: base64.b64decode(png("black"))}
    assert set(figure_files("image/jpeg", {"image/jpeg": png("white", kind="JPEG")})[1]) == {f"assets/figures/{content_name(base64.b64decode(png('white', kind='JPEG')))}.jpg"}
    with pytest.raises(ValueError, match="a picture that cannot be read"):
        figure_files("image/png", {"image/png": base64.b64encode(b"no picture").decode()})


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


def test_reading_minutes_grow_with_the_longer_language(mini):
    assert reading_minutes(mini, "a") == 5
    mini.put("docs/zh/a.md", (mini.docs / "zh/a.md").read_text(encoding="utf-8") + "\n" + "字" * 3750)
    assert reading_minutes(mini, "a") == 15


def test_folded_code_is_not_counted_as_reading(mini):
    code = "x = 1\n" * 100
    mini.chapter(f"# %% one\n{code}")
    assert reading_minutes(mini, "a") == 10
    mini.chapter(f'# %% one tags=["fold"]\n{code}')
    assert reading_minutes(mini, "a") == 5


def test_a_cell_has_the_title_of_its_quote(mini):
    mini.fold(zh="画", en="Draw")
    for language, title in (("zh", "画"), ("en", "Draw")):
        told = [cell.metadata.press for cell in weave(mini, language, "a", execution()).cells if cell.cell_type == "code"]
        assert [(it.name, it.info, it.title) for it in told] == [("one", "python", None), ("two", "python", title)]


# --- records -------------------------------------------------------------------------------------------------------


def put_record(mini, stem="a", cell="two", source=None):
    cells = run_python(mini.cells(stem).values())
    digest = source or records.source_digest(cells, next(c for c in cells if c.name == cell))
    about = {"device": "NVIDIA Test", "torch": "2", "torchvision": "0", "python": "3", "cuda": "13", "date": "2026-01-02"}
    mini.put(f"outputs/{stem}.json", json.dumps({"cells": {f"{stem}.py:{cell}": {"source": digest, "about": about, "outputs": [TEXT]}}}))


def gpu_cell(mini):
    mini.put("snippets/a.py", '# %% one\nx = 1\nx\n\n# %% two tags=["gpu"]\nprint(x + 1)\n')


def statuses(mini, outputs):
    woven = weave(mini, "zh", "a", Execution({f"a.py:{name}": found for name, found in outputs.items()}, dict(ABOUT)))
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
        "outputs/a.json: the record of 'a.py:two' is stale: its source has changed"]


def test_record_of_a_chapter_that_is_gone_is_stale(mini):
    mini.put("outputs/b.json", json.dumps({"cells": {"b.py:x": {"source": "", "outputs": [], "about": {"device": "", "date": ""}}}}))
    assert len(records.stale_records(mini)) == 1


def test_record_that_no_page_can_show(mini):
    """A record of another press, or one that was edited by hand, is refused as an output would be."""
    gpu_cell(mini)
    put_record(mini)
    mini.edit("outputs/a.json", "text/plain", "text/latex")
    with pytest.raises(PressError, match="outputs/a.json: this record shows text/latex, which a page cannot show"):
        records.read_records(mini, "a")


def test_records_of_other_tags_stay_when_those_of_one_are_written(mini):
    mini.put("snippets/a.sh", '# %% serve tags=["screen"]\nserve\n')
    gpu_cell(mini)
    records.write_records(mini, "a", "screen", {"a.sh:serve": {"source": "s", "about": {"device": "d", "date": "t"}, "outputs": []}})
    records.write_records(mini, "a", "gpu", {"a.py:two": {"source": "2", "about": {"device": "d", "date": "t"}, "outputs": []}})
    assert {name: record["source"] for name, record in records.read_records(mini, "a").items()} == {"a.sh:serve": "s", "a.py:two": "2"}
    records.write_records(mini, "a", "gpu", {})
    assert list(records.read_records(mini, "a")) == ["a.sh:serve"]


@pytest.mark.parametrize("text", ["", "[]", '{"cells": {"x": {}}}', '{"cells": [1]}'])
def test_record_file_that_is_none(mini, text):
    mini.put("outputs/a.json", text)
    with pytest.raises(PressError, match="outputs/a.json: this is not a record"):
        records.read_records(mini, "a")


def test_record_refuses_where_there_is_no_cuda(mini, monkeypatch):
    monkeypatch.setattr(recorder, "has_cuda", lambda: False)
    with pytest.raises(PressError, match="no CUDA device here"):
        recorder.record(mini)
    assert not list(mini.outputs.iterdir())


def test_record_writes_what_the_gpu_cells_gave(mini, monkeypatch):
    gpu_cell(mini)
    ran = Execution({"a.py:one": [TEXT], "a.py:two": [TEXT]}, ABOUT | {"cuda": "13", "device": "NVIDIA Test"})
    monkeypatch.setattr(recorder, "has_cuda", lambda: True)
    monkeypatch.setattr(recorder, "execute", lambda project, stems, report: {stem: ran for stem in stems})
    lines = []
    recorder.record(mini, lines.append)
    assert lines == ["recorded 1 cells of a on NVIDIA Test"]
    assert records.read_records(mini, "a").keys() == {"a.py:two"} and records.stale_records(mini) == []
    assert statuses(mini, {"one": [TEXT]})["two"] == ("recorded", 1)
