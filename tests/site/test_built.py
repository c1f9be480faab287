"""What the strict build made: whole, linked, light, and asking nothing of any other host."""

import gzip
import html
import json
import re
import statistics
import xml.etree.ElementTree as ET

import pytest

from tests.building import PAGES, PROJECT, anchors, executed, html_files, page_address, page_file, printed, soup, target


def test_every_link_anchor_and_image_leads_somewhere(site):
    broken = []
    for path in html_files(site):
        for tag in soup(path).select("[href], [src]"):
            link = tag.get("href") or tag.get("src") or ""
            found = None if re.match(r"(mailto|data|javascript):", link) else target(site, path, link)
            if found is None:
                continue
            file, fragment = found
            if not file.is_file():
                broken.append(f"{path.relative_to(site)}: {link}")
            elif fragment and file.suffix == ".html" and not fragment.startswith("__"):
                if fragment not in anchors(file):
                    broken.append(f"{path.relative_to(site)}: {link}: no such anchor")
    assert not broken, "\n".join(broken)


def test_no_page_asks_anything_of_another_host(site):
    """Whatever a browser loads by itself: scripts, styles, images, fonts, frames."""
    for path in html_files(site):
        loaded = [tag.get(name, "") for name in ("src", "srcset", "data", "poster") for tag in soup(path).select(f"[{name}]")]
        loaded += [tag.get("href", "") for tag in soup(path).select("link[rel~=stylesheet], link[rel~=preload], link[rel~=preconnect], link[rel~=icon]")]
        for link in loaded:
            assert target(site, path, link) is not None, f"{path.relative_to(site)} loads {link}"
    for path in [*site.rglob("*.css"), *site.rglob("*.svg")]:
        for link in re.findall(r"""(?:url\(|@import\s+)["']?([^"')]+)""", path.read_text(encoding="utf-8")):
            assert not re.match(r"(https?:)?//", link), f"{path.relative_to(site)} loads {link}"


def test_no_image_is_inside_a_page(site):
    for path in html_files(site):
        text = re.sub(r"<style.*?</style>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert "data:image" not in text and ";base64" not in text, path


@pytest.mark.parametrize("language, stem", PAGES)
def test_page_weight(site, language, stem):
    weight = len(gzip.compress(page_file(site, language, stem).read_bytes(), 9))
    assert weight < 27_000, f"{weight} bytes gzipped: cut the chapter, or split it"


def test_median_page_weight(site):
    weights = [len(gzip.compress(page_file(site, *page).read_bytes(), 9)) for page in PAGES]
    assert statistics.median(weights) < 17_000, weights


@pytest.mark.parametrize("language, stem", PAGES)
def test_page_shows_each_cell_with_its_very_output(site, language, stem):
    article = soup(page_file(site, language, stem)).article
    outputs = executed(stem).outputs
    for cell in PROJECT.cells(stem).values():
        code = article.find(id=f"cell-{cell.name}")
        assert code and code.get_text().strip() == cell.source.strip(), cell.address
        if not cell.python:
            continue
        shown = article.find(class_="outputs", attrs={"data-cell": cell.name})
        expected = [output.get("text") or (f"{output['ename']}: {output['evalue']}" if output["output_type"] == "error" else output["data"].get("text/plain"))
                    for output in outputs.get(cell.address, ()) if not any(kind.startswith(("image/", "text/html")) for kind in output.get("data", ()))]
        got = [printed(pre) for pre in shown.select("pre.out")] if shown else []
        assert got == expected, cell.address
        for kind, wanted in (("error", "raises-exception"), ("warning", "warns")):
            assert bool(shown and shown.select(f"pre.{kind}")) == (wanted in cell.tags and cell.address in outputs), cell.address
        if cell.address not in outputs:
            assert shown.select_one(".status"), f"{cell.address} was not run and the page does not say so"


@pytest.mark.parametrize("language, stem", PAGES)
def test_no_fence_but_quotes_and_text(site, language, stem):
    """Code that the census of fences could miss (an indented block, raw HTML) shows here as a block without a cell."""
    article = soup(page_file(site, language, stem)).article
    blocks = [block for block in article.select("pre") if "out" not in block.get("class", ())]
    named = {block for block in blocks if block.find_parent(id=re.compile("^cell-"))}
    texts = sum(part.text.count("\n```text") + part.text.startswith("```text") + part.text.count("    ```text")
                for part in PROJECT.page(language, stem).parts if hasattr(part, "text"))
    assert len(blocks) - len(named) == texts, [block.get_text()[:80] for block in blocks if block not in named]


@pytest.mark.parametrize("language, stem", PAGES)
def test_figures_have_size_alternative_text_and_a_dark_twin(site, language, stem):
    path = page_file(site, language, stem)
    for figure in soup(path).select(".outputs figure"):
        images = figure.select("img")
        assert {name for image in images for name in image.get("class", ())} in ({"light-only", "dark-only"}, set())
        for image in images:
            file, _ = target(site, path, image["src"])
            assert file.is_file() and re.fullmatch(r"[0-9a-f]{16}", file.stem)
            assert image["alt"].strip() and int(image["width"]) > 0 and int(image["height"]) > 0
            assert bool(re.search(r"[\u4e00-\u9fff]", image["alt"])) == (language == "zh"), image["alt"]
            if file.suffix == ".svg":
                ET.parse(file)
        assert figure.figcaption and figure.figcaption.get_text().strip()


def test_terms_are_explained_in_running_text_alone(site):
    explained = 0
    for page in PAGES:
        marks = soup(page_file(site, *page)).select("abbr")
        explained += len(marks)
        for mark in marks:
            assert not mark.find_parent(["a", "code", "pre", "h1", "h2", "h3", "h4", "figure"]), (page, mark)
            assert not mark.find_parent(class_=["outputs", "executed-by", "chapter-meta"]), (page, mark)
    assert explained > 5 * len(PAGES)


@pytest.mark.parametrize("language, stem", PAGES)
def test_foot_says_what_executed_the_page(site, language, stem):
    about = executed(stem).about
    foot = soup(page_file(site, language, stem)).select_one(".executed-by").get_text()
    for value in (about["torch"], about["python"], about["device"], str(about["seconds"])):
        assert value in foot


@pytest.mark.parametrize("language, stem", PAGES)
def test_formulas_are_mathml(site, language, stem):
    path = page_file(site, language, stem)
    assert "arithmatex" not in path.read_text(encoding="utf-8")
    prose = "\n".join(re.sub(r"`[^`]*`", "", text) for _, text in PROJECT.page(language, stem).prose_lines())
    blocks = len(re.findall(r"^\s*\$\$\s*$", prose, re.MULTILINE)) // 2
    assert len(soup(path).select("math[display=block]")) == blocks
    text = soup(path).article
    for tag in text.select("pre, code, math, script"):
        tag.extract()
    assert not re.search(r"\$[^$\s][^$]*\$|\\frac", text.get_text())
    soup.cache_clear()


@pytest.mark.parametrize("language", PROJECT.languages)
def test_each_language_has_its_own_index_sitemap_and_lang(built, language):
    site, home = built
    folder = site / language
    index = json.loads((folder / "search/search_index.json").read_text(encoding="utf-8"))
    chinese = sum(bool(re.search(r"[\u4e00-\u9fff]", entry["text"])) for entry in index["docs"])
    assert (chinese > len(index["docs"]) / 2) == (language == "zh")
    assert not any("pre class=" in entry["text"] for entry in index["docs"])
    locations = [element.text for element in ET.parse(folder / "sitemap.xml").findall(".//{*}loc")]
    assert len(locations) == len(set(locations)) == len(PROJECT.stems())
    assert all(location.startswith(f"{home}{language}/") for location in locations)
    for stem in PROJECT.stems():
        page = soup(page_file(site, language, stem))
        assert page.html["lang"] == language
        links = {tag["hreflang"]: tag["href"] for tag in page.select('head link[hreflang]')}
        assert links == {other: f"{home}{other}/{page_address(stem)}" for other in PROJECT.languages}


def test_root_offers_both_languages(site):
    page = soup(site / "index.html")
    assert {tag["href"].rstrip("/").rpartition("/")[2] for tag in page.body.select("a[href]")} == set(PROJECT.languages)
    assert "navigator.languages" in page.script.get_text()


@pytest.mark.parametrize("language, stem", PAGES)
def test_markdown_is_rendered_and_code_not_escaped_twice(site, language, stem):
    text = page_file(site, language, stem).read_text(encoding="utf-8")
    assert "**" not in re.sub(r"<(pre|code)\b.*?</\1>", "", text, flags=re.DOTALL), "an asterisk that should have been bold"
    assert "&amp;gt;" not in text and "&amp;lt;" not in text and html.escape("&lt;") not in text
