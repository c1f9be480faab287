"""The site in headless Chromium, as a reader uses it."""

import contextlib
import re
import socket

import pytest
from playwright.sync_api import sync_playwright

from press.export import file_name
from press.ledger import read_ledger
from tests.building import PROJECT, TinySite, built, page_address, serve
from tools.chromium import launch

CHAPTER = "foundations/tensors"
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        found = launch(playwright)
        yield found
        found.close()


@pytest.fixture
def open_page(browser, address):
    with opening(browser, address) as opened:
        yield opened


@contextlib.contextmanager
def opening(browser, address):
    """A function that opens a path of a site; in the end nothing may have failed, and no other host been asked."""
    problems, contexts = [], []

    def opened(path, **settings):
        context = browser.new_context(**{"viewport": {"width": 1300, "height": 900}, "locale": "en-GB"} | settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(f"asks {request.url}") if not request.url.startswith((address, "data:", "blob:")) else None)
        page.on("response", lambda response: problems.append(f"{response.status} {response.url}") if response.status >= 400 else None)
        page.goto(address + path)
        page.wait_for_load_state("networkidle")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not problems


@pytest.mark.parametrize("locale, language", [("zh-CN", "zh"), ("zh-TW", "zh"), ("en-US", "en"), ("de-DE", "en")])
def test_root_takes_the_reader_to_the_language_of_the_browser(open_page, address, locale, language):
    page = open_page("", locale=locale)
    page.wait_for_url(f"{address}{language}/")
    assert page.evaluate("document.documentElement.lang") == language


@pytest.mark.parametrize("language, other, name", [("zh", "en", "English"), ("en", "zh", "中文")])
def test_language_switch_keeps_page_and_anchor(open_page, address, language, other, name):
    anchor = PROJECT.page("zh", CHAPTER).headings[3][2]
    page = open_page(f"{language}/{CHAPTER}/#{anchor}")
    page.locator(".md-header .md-select").hover()
    page.locator(f".md-select__link[hreflang={other}]").click()
    page.wait_for_url(f"{address}{other}/{CHAPTER}/#{anchor}")
    page.wait_for_function(f"document.documentElement.lang === '{other}'")
    assert page.evaluate(f"document.getElementById('{anchor}').getBoundingClientRect().top") < 300


def search(page, words):
    if not page.locator("input.md-search__input").is_visible():
        page.locator("label[for=__search]").first.click()
    page.locator("input.md-search__input").click()
    page.keyboard.insert_text(words)
    page.keyboard.press("End")  # Material looks at the box when a key goes up
    page.wait_for_function("document.querySelectorAll('.md-search-result__item').length > 0", timeout=15000)
    return page.locator(".md-search-result__link").evaluate_all("links => links.map(link => link.getAttribute('href') || link.href)")


def test_chinese_search_finds_a_word_from_the_middle_of_a_title(open_page):
    title = PROJECT.page("zh", "networks/activations").front["title"]
    assert "函数" in title and not title.startswith("函数")
    assert any("networks/activations/" in link for link in search(open_page("zh/"), "函数"))


def test_chinese_search_finds_a_word_from_the_middle_of_a_sentence(open_page):
    found = search(open_page("zh/"), "梯度消失")
    assert any("networks/activations/" in link for link in found)
    assert any(re.search(r"[\u4e00-\u9fff]梯度消失", text) for _, text in PROJECT.page("zh", "networks/activations").prose_lines())


def test_english_search(open_page):
    assert any("foundations/devices/" in link for link in search(open_page("en/"), "accelerator"))


def test_dark_mode_follows_the_system_and_the_button(open_page):
    page = open_page(f"zh/{CHAPTER}/", color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate("document.body.dataset.mdColorScheme") == "slate"
    dark = page.evaluate(background)
    shown = page.locator("figure img:visible").first
    assert "dark-only" in shown.get_attribute("class")
    page.locator("form.md-header__option label:visible").click()
    page.wait_for_function("document.body.dataset.mdColorScheme === 'default'")
    assert page.evaluate(background) != dark
    assert "light-only" in page.locator("figure img:visible").first.get_attribute("class")


def test_copy_button_copies_the_cell_and_nothing_of_its_output(open_page, browser):
    page = open_page(f"en/{CHAPTER}/", permissions=["clipboard-read", "clipboard-write"])
    cell = list(PROJECT.cells(CHAPTER).values())[0]
    block = page.locator(f"#cell-{cell.name}")
    block.hover()
    block.locator("[data-clipboard-target], .md-clipboard, .md-code__button").first.click()
    page.wait_for_timeout(300)
    assert page.evaluate("navigator.clipboard.readText()").strip() == cell.source.strip()
    assert page.locator(".outputs :is(.md-clipboard, .md-code__button)").count() == 0


@pytest.mark.parametrize("language", PROJECT.languages)
@pytest.mark.parametrize("suffix", [".ipynb", ".py"])
def test_downloads(open_page, language, suffix):
    page = open_page(f"{language}/{CHAPTER}/")
    with page.expect_download() as download:
        page.locator(f".chapter-meta a[href$='{suffix}']").click()
    assert download.value.suggested_filename == file_name(CHAPTER) + suffix
    assert list(PROJECT.cells(CHAPTER).values())[0].source.splitlines()[0] in download.value.path().read_text(encoding="utf-8")


@pytest.mark.parametrize("language", PROJECT.languages)
def test_every_page_opens_without_a_complaint_and_fits_a_phone(open_page, address, language):
    page = open_page(f"{language}/", viewport={"width": 390, "height": 844})
    for stem in PROJECT.stems():
        page.goto(f"{address}{language}/{page_address(stem)}", wait_until="load")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{stem} is wider than a phone"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_outputs_are_attached_to_their_cell_and_unlike_it(open_page, scheme):
    page = open_page(f"en/{CHAPTER}/", color_scheme=scheme)
    found = page.evaluate("""() => {
        const outputs = document.querySelector('.outputs'), code = outputs.previousElementSibling.querySelector('code')
        const colour = (element, name) => getComputedStyle(element)[name]
        const error = document.querySelector('.out.error'), warning = document.querySelector('.out.warning'), plain = document.querySelector('.out.result')
        return {gap: outputs.getBoundingClientRect().top - code.getBoundingClientRect().bottom,
                alike: colour(outputs, 'backgroundColor') === colour(code, 'backgroundColor'),
                colours: [error, warning, plain].map(element => element && colour(element, 'color'))}
    }""")
    assert abs(found["gap"]) < 2 and not found["alike"]
    assert len(set(found["colours"])) == 3 and None not in found["colours"]


def test_animation_stops_at_a_button_and_where_the_reader_prefers_no_motion(open_page):
    current = "document.querySelector('figure:has(.motion) img.light-only').currentSrc"
    page = open_page("en/networks/convolution/", color_scheme="light")
    page.locator(".motion").first.scroll_into_view_if_needed()
    page.wait_for_function(current)
    moving = page.evaluate(current)
    page.locator(".motion").first.click()
    page.wait_for_function(f"{current} !== '{moving}'")
    still = page.evaluate(current)
    page.locator(".motion").first.click()
    page.wait_for_function(f"{current} === '{moving}'")
    calm = open_page("en/networks/convolution/", color_scheme="light", reduced_motion="reduce")
    calm.locator(".motion").first.scroll_into_view_if_needed()
    calm.wait_for_function(f"{current} === '{still}'")


def shown_rows(page):
    return page.locator(".erratum:visible").evaluate_all("rows => rows.map(row => row.dataset)")


@pytest.mark.parametrize("language", PROJECT.languages)
def test_errata_filter_by_note_and_verdict(open_page, language):
    rows = list(read_ledger(PROJECT)["rows"].values())
    page = open_page(f"{language}/appendix/errata/")
    assert len(shown_rows(page)) == len(rows)
    page.locator(".errata-filter [data-value=wrong]").click()
    shown = shown_rows(page)
    assert len(shown) == sum(row["verdict"] == "wrong" for row in rows) and {row["verdict"] for row in shown} == {"wrong"}
    page.locator(".errata-filter [data-value=outdated]").click()
    page.locator(".errata-filter [data-value=n0]").click()
    shown = shown_rows(page)
    assert len(shown) == sum(row["verdict"] in ("wrong", "outdated") and row["note"] == "n0" for row in rows)
    assert {row["note"] for row in shown} == {"n0"}
    status = page.locator(".errata-filter [role=status]").inner_text()
    assert str(len(shown)) in status and str(len(rows)) in status
    assert page.locator("h2:visible").count() == 1  # the other notes' headings go with their rows
    for value in ("wrong", "outdated", "n0"):
        page.locator(f".errata-filter [data-value={value}]").click()
    assert len(shown_rows(page)) == len(rows)


def test_errata_are_whole_without_scripts(open_page):
    page = open_page("en/appendix/errata/", java_script_enabled=False)
    assert page.locator(".erratum:visible").count() == len(read_ledger(PROJECT)["rows"])
    assert page.locator(".errata-filter:visible").count() == 0


# --- folds -----------------------------------------------------------------------------------------------------------

TITLE = """画 "a" <b>c</b> & $x$ *d* [e](f) {#g} \\ nought's"""
FOLD = "details.fold"


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    """The address of a tiny site with a folded cell, far down its page."""
    project = TinySite(tmp_path_factory.mktemp("folds") / "project")
    project.fold(zh=TITLE, en=TITLE)
    for language in project.languages:
        project.edit(f"docs/{language}/a.md", "## B {#b}", "far\n\n" * 60 + "## B {#b}")
        project.edit(f"docs/{language}/index.md", "# Home {#home}", "# Home {#home}\n\n<a href=\"a/#cell-two\">there</a>")
    site = project.root.with_name("site")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    built(site, root=project.root, address=f"http://127.0.0.1:{port}/")
    with serve(site, port):
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def open_fold(browser, folds):
    with opening(browser, folds) as opened:
        yield opened


def is_open(page):
    return page.locator(f"{FOLD}[open]").count() == 1


def wait_till_shown(page):
    page.wait_for_selector(f"{FOLD}[open] #cell-two", timeout=5000)
    page.wait_for_function("(box => box.bottom > 0 && box.top < innerHeight)(document.getElementById('cell-two').getBoundingClientRect())", timeout=5000)


@pytest.mark.parametrize("scripts", [True, False])
def test_folded_code_opens_at_its_line_and_its_output_is_always_there(open_fold, scripts):
    page = open_fold("zh/a/", java_script_enabled=scripts)
    assert page.locator(FOLD).count() == 1 and not is_open(page) and not page.locator("#cell-two code").is_visible()
    assert page.locator(".outputs[data-cell=two]").is_visible()
    summary = page.locator(f"{FOLD} > summary")
    assert summary.inner_text().strip() == TITLE and summary.locator("*").count() == 0
    summary.click()
    assert is_open(page) and page.locator("#cell-two code").is_visible() and page.locator("#cell-two .nb").count() == 1


@pytest.mark.parametrize("scripts", [True, False])
def test_link_to_a_folded_cell_opens_it(open_fold, scripts):
    wait_till_shown(open_fold("en/a/#cell-two", java_script_enabled=scripts))
    page = open_fold("en/", java_script_enabled=scripts)
    page.locator("article a[href*='#cell-two']").click()
    wait_till_shown(page)


def test_copy_button_of_a_folded_cell(open_fold):
    page = open_fold("en/a/", permissions=["clipboard-read", "clipboard-write"])
    page.locator(f"{FOLD} > summary").click()
    page.locator("#cell-two").hover()
    page.locator("#cell-two").locator("[data-clipboard-target], .md-clipboard, .md-code__button").first.click()
    page.wait_for_timeout(300)
    assert page.evaluate("navigator.clipboard.readText()").strip() == "print(x + 1)"


@pytest.mark.parametrize("scripts", [True, False])
def test_paper_shows_folded_code(open_fold, scripts):
    page = open_fold("en/a/", java_script_enabled=scripts)
    assert page.locator("#cell-two code").evaluate("code => code.checkVisibility({contentVisibilityAuto: true}) && code.getClientRects().length") in (False, 0)
    page.emulate_media(media="print")
    page.wait_for_timeout(300)
    assert page.locator("#cell-two code").bounding_box()["height"] > 10


# --- width -----------------------------------------------------------------------------------------------------------

UNDER_THE_LABEL = """() => [...document.querySelectorAll('.output-label')].filter(label => {
    const box = label.getBoundingClientRect(), walker = document.createTreeWalker(label.parentElement, NodeFilter.SHOW_TEXT)
    for (let node; node = walker.nextNode();) {
        const range = document.createRange()
        range.selectNodeContents(node)
        if (!label.contains(node) && [...range.getClientRects()].some(it => it.left < box.right && it.right > box.left && it.top < box.bottom && it.bottom > box.top)) return true
    }
}).map(label => label.parentElement.dataset.cell)"""


@pytest.mark.parametrize("width", [390, 1300])
@pytest.mark.parametrize("language", PROJECT.languages)
def test_label_of_outputs_lies_on_no_text(open_page, address, language, width):
    page, found = open_page(f"{language}/", viewport={"width": width, "height": 900}), {}
    for stem in PROJECT.chapters():
        page.goto(f"{address}{language}/{page_address(stem)}", wait_until="load")
        assert page.locator(".output-label").count()
        found[stem] = page.evaluate(UNDER_THE_LABEL)
    assert not any(found.values()), found


SCROLLED = """() => [...document.querySelectorAll('.md-content :is(pre, pre > code, .outputs, .out)')].filter(it => it.scrollWidth > it.clientWidth && it.clientWidth).map(it => {
    const outputs = it.closest('.outputs'), cell = it.closest('[id^=cell-]')
    return `${outputs ? `output of ${outputs.dataset.cell}` : cell ? cell.id : it.textContent.slice(0, 40)}, by ${it.scrollWidth - it.clientWidth} px`
})"""


@pytest.mark.parametrize("language", PROJECT.languages)
def test_no_code_and_no_output_scrolls_sideways(open_page, address, language):
    page, found = open_page(f"{language}/"), {}
    for stem in PROJECT.chapters():
        page.goto(f"{address}{language}/{page_address(stem)}", wait_until="load")
        page.evaluate("document.querySelectorAll('details').forEach(it => it.open = true)")
        found[stem] = sorted(set(page.evaluate(SCROLLED)))
    assert not any(found.values()), "\n".join(f"{stem}: {'; '.join(where)}" for stem, where in found.items() if where)
