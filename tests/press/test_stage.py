"""The book: what a chapter becomes, what a plain page becomes, what lies beside them, and that nothing else is there."""

import base64
import io
import json
import textwrap
import threading

import nbformat
import pytest
import yaml
from filelock import FileLock
from PIL import Image

from press.project import PressError, PressErrors
from press.records import source_digest
from press.run import Execution
from press.stage import book_uri, stage, stage_language
from tests.tiny import PAGE, STRINGS, quiet

ABOUT = {"device": "CPU", "torch": "2", "torchvision": "0", "python": "3", "cuda": None, "seconds": 1.5, "cpu": 1.5}
TEXT = {"output_type": "execute_result", "metadata": {}, "data": {"text/plain": "1"}}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><path stroke="#1f2328"/></svg>'


def picture(**data):
    return {"output_type": "display_data", "metadata": {}, "data": {"text/plain": "<Figure>", **{f"image/{kind.replace('_', '+')}": text for kind, text in data.items()}}}


def book(mini, language="zh", stem="a", about=ABOUT, **outputs):
    """{address: content} of the book of a project of one chapter that gave these outputs; every other cell gave nothing."""
    cells = {cell.address: outputs.get(cell.name, []) for cell in mini.cells(stem).values() if cell.python and (not cell.tags or cell.name in outputs)}
    return stage_language(mini, language, {stem: Execution(cells, dict(about))})


def notebook(files, stem="a"):
    found = nbformat.reads(files[f"{stem}.ipynb"], 4)
    nbformat.validate(found)
    return found


def prose(files, stem="a"):
    return "\n\n".join(cell.source for cell in notebook(files, stem).cells if cell.cell_type == "markdown")


def code(files, name):
    return next(cell for cell in notebook(files).cells if cell.cell_type == "code" and cell.metadata.press.name == name)


# --- a chapter -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_chapter_is_told_in_the_words_of_its_language(mini, language):
    files, words = book(mini, language, one=[TEXT]), STRINGS[language]
    text = prose(files)
    assert words["meta"].format(minutes=5) in text and words["runs"].format(seconds=1.5) in text and words["foot"].format(**ABOUT) in text
    assert f'[{words["notebook"]}](a/pytorch-a.ipynb){{ download }}' in text and f'[{words["script"]}](a/pytorch-a.py){{ download }}' in text
    assert notebook(files).metadata.press == {"output": words["output"], "motion": words["motion"]}
    assert {"a.ipynb", "a/pytorch-a.ipynb", "a/pytorch-a.py"} == set(files)


def test_a_chapter_that_ran_on_a_gpu_names_it(mini):
    assert STRINGS["en"]["runs_on"].format(seconds=1.5, device="Big") in prose(book(mini, "en", about=ABOUT | {"cuda": "13", "device": "Big"}))


ROWS = {  # tags -> (the file, outputs in this build, the record's, keys of the strings that the page shows)
    "": ("a.py", [TEXT], None, []), '"timing"': ("a.py", [TEXT], None, ["timing"]), '"warns", "timing"': ("a.py", [TEXT], None, ["timing"]),
    '"gpu"': ("a.py", None, None, ["not_run_gpu"]), '"gpu" ': ("a.py", None, [TEXT], ["recorded"]), ' "gpu"': ("a.py", [TEXT], [TEXT], []),
    '"gpu", "timing"': ("a.py", None, None, ["not_run_gpu"]), '"timing", "gpu"': ("a.py", None, [TEXT], ["recorded", "timing"]), '"timing", "gpu" ': ("a.py", [TEXT], None, ["timing"]),
    '"network"': ("a.py", None, None, ["not_run_network"]), '"network" ': ("a.sh", None, None, ["not_run_network_shell"]), '"screen"': ("a.sh", None, None, ["not_run_screen"]),
    ' "screen"': ("a.sh", None, [TEXT], ["recorded_screen"]), " ": ("a.sh", None, None, []), '"gpu", "network"': ("a.py", None, None, ["not_run_network"]),
}


@pytest.mark.parametrize("tags, row", ROWS.items(), ids=[f"{tags} {row[0]} {'ran' if row[1] else ''} {'recorded' if row[2] else ''}" for tags, row in ROWS.items()])
def test_the_page_says_how_an_output_came_about(mini, tags, row):
    file, ran, recorded, keys = row
    mini.put(f"snippets/{file}", f"# %% it tags=[{tags.strip()}]\nls\n")
    if file == "a.sh":
        (mini.snippets / "a.py").unlink()
    mini.both(f'# A {{#a}}\n\n```{"sh" if file == "a.sh" else "python"}\n--8<-- "{file}:it"\n```\n')
    about = {"device": "Big", "torch": "2.1", "date": "2026-01-02"}
    if recorded:
        (cell,) = mini.cells("a").values()
        mini.put("outputs/a.json", json.dumps({"cells": {cell.address: {"source": source_digest([cell], cell), "about": about, "outputs": recorded}}}))
    found = code(book(mini, "en", **({"it": ran} if ran else {})), "it")
    assert found.metadata.press.notes == [STRINGS["en"][key].format(**about) for key in keys]
    assert len(found.outputs) == len(ran or recorded or []) and found.metadata.press.varies == ("timing" in tags)


def test_the_fence_of_a_cell_is_longer_than_any_in_its_code(mini):
    mini.cell('x = """\n`````\n"""\n')
    assert code(book(mini), "it").metadata.press.fence == "``````"


def test_outputs_are_kept_as_they_were_printed(mini):
    text = "a\n```\nx = 1\n```\n</pre>{{ x }}\n--8<-- \"x\"\n\tb<!-- c"
    printed = {"output_type": "stream", "name": "stdout", "text": text}
    files = book(mini, one=[printed])
    assert code(files, "one").outputs == [printed] and nbformat.reads(files["a/pytorch-a.ipynb"], 4).cells[1].outputs == [printed]


def test_a_figure_is_files_of_the_book_and_its_size(mini):
    mini.both(textwrap.dedent(PAGE).replace("\n## B", '\n![a <b>](a.py:one "c")\n\n## B'))
    files = book(mini, one=[picture(svg_xml=SVG)])
    figure = code(files, "one").outputs[0].metadata.figure
    assert (figure.alt, figure.caption, figure.width, figure.height) == ("a <b>", "c", 30, 20)
    assert files[figure.src] == SVG and files[figure.dark] == SVG.replace("#1f2328", "#dfe2e8")


def test_a_picture_of_pixels_is_a_file_of_just_these_bytes(mini):
    Image.new("RGB", (3, 2), "red").save(file := io.BytesIO(), "PNG")
    mini.both(textwrap.dedent(PAGE).replace("\n## B", '\n![a](a.py:one "c")\n\n## B'))
    outputs = [picture(png=base64.b64encode(file.getvalue()).decode()) | {"metadata": {"image/png": {"width": 30, "height": 20}}}]
    for _ in range(2):  # made, and kept
        files = book(mini, one=outputs)
        figure = code(files, "one").outputs[0].metadata.figure
        assert files[figure.src] == file.getvalue() and (figure.width, figure.height) == (30, 20)
    files = book(mini, one=[outputs[0] | {"metadata": {}}])
    assert (code(files, "one").outputs[0].metadata.figure.width, "dark" in figure) == (3, False)


@pytest.mark.parametrize("output, problem", [
    (picture(svg_xml=SVG.replace('width="30"', "")), "shows an SVG figure without width and height, or a viewBox"), (picture(svg_xml="<svg"), "shows an SVG figure that is not XML"),
    (picture(svg_xml="<svg width='1' height='1'/>"), "shows an SVG figure without its name space"), (picture(png="AAAA"), "shows a picture that cannot be read"),
])
def test_a_figure_that_cannot_be_shown_is_named_with_file_and_line(mini, output, problem):
    mini.both(textwrap.dedent(PAGE).replace("\n## B", '\n![a](a.py:two "c")\n'.replace("two", "one") + "\n## B"))
    with pytest.raises(PressError) as caught:
        book(mini, one=[output])
    assert str(caught.value).startswith(f"snippets/a.py:1: cell 'one' {problem}") and "draw it with matplotlib" in str(caught.value)


# --- front matter and links ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("front, expected", [
    ("---\ntitle: A\n---\n", {"title": "A"}), ("---  \ntitle: A\n...\n", {"title": "A"}), ("", {}), ("---\n---\n", {}),
    ("---\ntitle: \"1: 2\"\ntags: [x, y]\n---\n", {"title": "1: 2", "tags": ["x", "y"]}),
    ("---\ntitle: A\ndescription: a <b> & \"c\"\n---\n", {"title": "A", "description": "a &lt;b&gt; &amp; &quot;c&quot;"}),
])
@pytest.mark.parametrize("stem", ["a", "plain"])
def test_front_matter_reaches_the_site_in_whatever_form_it_was_written(mini, front, expected, stem):
    mini.both("# P {#p}\n", "plain")
    (mini.docs / "zh" / f"{stem}.md").write_text(front + textwrap.dedent(PAGE).split("---\n")[2] if stem == "a" else front + "# P {#p}\n", encoding="utf-8")
    files = book(mini)
    text = notebook(files).cells[0].source if stem == "a" else files["plain.md"].lstrip("\n")
    assert (yaml.safe_load(text.split("---\n")[1]) if "---\n" in text else {}) == expected


def test_a_date_in_the_front_matter_stays_a_date(mini):
    """It ended the build in a TypeError that named no file."""
    mini.edit("docs/zh/a.md", "title: A", "title: A\ndate: 2024-01-01\nat: 2024-01-01 10:00:00+01:00")
    assert "date: 2024-01-01\n" in notebook(book(mini)).cells[0].source
    assert book(mini) == book(mini)


def test_links_to_chapters_name_their_notebooks_and_nothing_else_changes(mini):
    lines = ["[x](a.md) [y](a.md#b) [z](<a.md#b> \"t\")", "[l]: a.md#b", "[p](plain.md#p) [h](#a) [o](https://x.org/a.md)", "`[x](a.md)`", "[two\nlines](a.md)", "[![i](i.png)](a.md)", "[q](%61.md)"]
    mini.both("# P {#p}\n\n" + "\n\n".join(lines) + "\n\n```text\n[x](a.md)\n```\n", "plain")
    mini.both("# Q {#q}\n\n[x](../a.md) [p](../plain.md)\n", "more/index")
    files = book(mini)
    expected = "\n\n".join(lines).replace("a.md", "a.ipynb").replace("%61.md", "%61.ipynb").replace("x.org/a.ipynb", "x.org/a.md").replace("`[x](a.ipynb)`", "`[x](a.md)`")
    assert files["plain.md"] == f"\n# P {{#p}}\n\n{expected}\n\n```text\n[x](a.md)\n```\n"
    assert files["more/index.md"] == "\n# Q {#q}\n\n[x](../a.ipynb) [p](../plain.md)\n"
    assert [book_uri(mini, stem) for stem in ("a", "plain")] == ["a.ipynb", "plain.md"]


# --- plain pages and what lies beside them ---------------------------------------------------------------------------


def test_a_section_lists_its_chapters_in_reading_order(mini):
    mini.put("snippets/s/b.py", "# %% one\n1\n")
    mini.put("snippets/s/c.py", "# %% one\n1\n")
    for stem in "bc":
        mini.both(f'---\ntitle: {stem.upper()}\ndescription: about {stem}\n---\n# X {{#x}}\n\n```python\n--8<-- "s/{stem}.py:one"\n```\n', f"s/{stem}")
    mini.both("# S {#s}\n\n<!-- chapters -->\n", "s/index")
    mini.put("mkdocs.yml", "theme: {language: zh}\nnav: [a.md, s: [s/index.md, s/c.md, s/b.md]]\n")
    files = stage_language(mini, "en", {stem: Execution({address: [] for address in mini.cells(stem)}, dict(ABOUT)) for stem in mini.chapters()})
    assert files["s/index.md"].strip() == "# S {#s}\n\n1. [C](c.ipynb) · about 5 minutes\n\n    about c\n\n2. [B](b.ipynb) · about 5 minutes\n\n    about b"


def test_other_files_of_a_language_go_along(mini):
    (mini.docs / "zh/picture.png").write_bytes(b"\x89PNG\x00")
    mini.put("docs/zh/data/x.csv", "1\n")
    mini.put("docs/zh/.a.md.swp", "x")
    mini.put("docs/zh/.ipynb_checkpoints/a-checkpoint.ipynb", "x")
    files = book(mini)
    assert files["picture.png"] == b"\x89PNG\x00" and files["data/x.csv"] == b"1\n" and not [name for name in files if ".a." in name or "checkpoint" in name]
    assert set(book(mini, "en")) == {"a.ipynb", "a/pytorch-a.ipynb", "a/pytorch-a.py"}


def test_what_is_no_longer_made_leaves_the_book(mini):
    mini.both("# P {#p}\n", "plain")
    mini.put("docs/zh/data/x.csv", "1\n")
    stage(mini, report=quiet)
    mini.put(".cache/book/zh/stray.ipynb", "{}")
    assert (mini.book("zh") / "data/x.csv").is_file() and (mini.book("en") / "plain.md").is_file()
    (mini.docs / "zh/data/x.csv").unlink()
    for language in ("zh", "en"):
        (mini.docs / language / "plain.md").unlink()
    stage(mini, report=quiet)
    assert {path.relative_to(mini.book("zh")).as_posix() for path in mini.book("zh").rglob("*") if path.is_file()} == {"a.ipynb", "a/pytorch-a.ipynb", "a/pytorch-a.py"}
    assert not (mini.book("zh") / "data").exists()


def test_with_a_mistake_nothing_is_executed_or_written(mini):
    mini.edit("docs/en/a.md", "## B {#b}", "## B {#c}")
    with pytest.raises(PressErrors, match="heading ## {#b}, where docs/en/a.md:13 has ## {#c}"):
        stage(mini, report=quiet)
    assert {path.relative_to(mini.cache).parts[0] for path in mini.cache.rglob("*") if path.is_file()} <= {"outlines"}  # what was read to find it


def test_two_builds_of_one_checkout_wait_for_each_other_and_say_so(mini):
    lines, lock = [], FileLock(mini.cache / "lock")
    mini.cache.mkdir(exist_ok=True)

    def report(line):
        lines.append(line)
        if "another build of this checkout" in line:
            done.set()

    done = threading.Event()
    with lock:
        build = threading.Thread(target=stage, args=(mini, report))
        build.start()
        assert done.wait(30) and not mini.book("zh").exists()
    build.join()
    assert (mini.book("zh") / "a.ipynb").is_file() and len(lines) == 2
