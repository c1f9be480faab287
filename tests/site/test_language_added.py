"""A language more is a configuration, a folder and a column in ledger and glossary: nothing else has to be changed."""

import json
import xml.etree.ElementTree as ET

import pytest

from tests.building import TinySite, built, page_file, soup

CODES = ["zh", "en", "fr"]


@pytest.fixture(scope="module")
def trilingual(tmp_path_factory, warm):
    """The tiny site with French, built; `site` is where."""
    project = TinySite(tmp_path_factory.mktemp("trilingual") / "project", warm.cache)
    project.both("# Errata {#errata}\n\n<!-- errata -->\n", "appendix/errata")
    project.both("# Glossary {#glossary}\n\n<!-- glossary -->\n", "appendix/glossary")
    before = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
    project.add_language("fr")
    english = (project.root / "mkdocs.en.yml").read_text(encoding="utf-8")
    french = english.replace("docs_dir: docs/en", "docs_dir: docs/fr").replace("language: en", "language: fr").replace("lang: en", "lang: fr")
    (project.root / "mkdocs.fr.yml").write_text(french.replace("name: English", "name: Français").replace("output: Output", "output: Sortie"), encoding="utf-8")
    changed = {path.relative_to(project.root).as_posix() for path, content in before.items() if path.read_bytes() != content}
    assert changed == {"ledger.yml", "glossary.yml"}
    project.site = project.root.with_name("site")
    assert "executed" not in built(project.site, root=project.root)
    return project


@pytest.mark.parametrize("language", CODES)
def test_each_language_is_whole(trilingual, language):
    page = soup(page_file(trilingual.site, language, "a"))
    assert page.html["lang"] == language
    assert {tag["hreflang"]: tag["href"] for tag in page.select("head link[hreflang]")} == {code: f"http://127.0.0.1:8000/{code}/a/" for code in CODES}
    assert [(tag["hreflang"], tag["href"]) for tag in page.select(".md-select__link")] == [(code, f"/{code}/") for code in ["zh", "en", "fr"]]
    assert [tag.get_text().strip() for tag in page.select(".md-select__link")] == ["中文", "English", "Français"]
    assert page.select_one(".output-label").get_text() == {"zh": "输出", "en": "Output", "fr": "Sortie"}[language]
    assert [pre.get_text() for pre in page.select("pre.out")] == ["1", "2\n"]
    assert {path.name for path in (trilingual.site / language / "a").iterdir()} == {"index.html", "pytorch-a.ipynb", "pytorch-a.py"}
    index = json.loads((trilingual.site / language / "search/search_index.json").read_text(encoding="utf-8"))
    assert index["config"]["lang"] == [language] and "a/#b" in [entry["location"] for entry in index["docs"]]
    locations = [element.text for element in ET.parse(trilingual.site / language / "sitemap.xml").findall(".//{*}loc")]
    assert f"http://127.0.0.1:8000/{language}/a/" in locations


def test_the_root_offers_all(trilingual):
    page = soup(trilingual.site / "index.html")
    assert [(tag["hreflang"], tag["href"]) for tag in page.body.select("a[href]")] == [(code, f"{code}/") for code in ["zh", "en", "fr"]]
    assert {tag["hreflang"]: tag["href"] for tag in page.select("head link[hreflang]")} == {code: f"http://127.0.0.1:8000/{code}/" for code in CODES}
    assert '["zh", "en", "fr"]' in page.script.get_text()


def test_its_columns_are_shown(trilingual):
    errata = soup(page_file(trilingual.site, "fr", "appendix/errata")).select_one("#n0-01")
    assert "said (fr)" in errata.get_text() and "today (fr)" in errata.get_text()
    rows = soup(page_file(trilingual.site, "fr", "appendix/glossary")).select("table tr")
    assert [cell.get_text() for cell in rows[0].select("th")] == ["Français", "中文", "English", "In one line"]
    assert ["letter (fr)", "甲", "letter", "the first (fr)"] in [[cell.get_text() for cell in row.select("td")] for row in rows]
    assert rows[1].a["href"].startswith("../../a/#")
