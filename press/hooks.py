"""The press as MkDocs sees it: the one module that touches MkDocs (`hooks:` in mkdocs.yml).

`mkdocs.yml` checks and executes all chapters and builds the root page, while two processes side by side build `mkdocs.zh.yml` and
`mkdocs.en.yml` into `zh/` and `en/` of the same site. In those, `on_files` lets each chapter's Markdown file be read from the notebook
woven from it, which mkdocs-jupyter then renders through `press/notebook.md.j2`; what MkDocs made of a page is kept for the next build.
"""

import base64
import contextlib
import gc
import html
import importlib.metadata
import io
import json
import logging
import os
import pickle
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache, partial
from pathlib import Path
from urllib.parse import urljoin, urlparse

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import jieba  # noqa: E402
import latex2mathml.converter  # noqa: E402
import nbformat  # noqa: E402
from jinja2 import FileSystemBytecodeCache  # noqa: E402
from mkdocs.exceptions import Abort, PluginError  # noqa: E402
from mkdocs.plugins import event_priority  # noqa: E402
from mkdocs.structure.files import File  # noqa: E402
from mkdocs.utils import get_relative_url  # noqa: E402
from PIL import Image  # noqa: E402

from press import chapters, errata, execute, export, glossary, ledger, records, weave  # noqa: E402

log = logging.getLogger("mkdocs.press")
WORDS = ROOT / "press/jieba.txt"  # for the Chinese search index, besides jieba's own dictionary
CHILD = "PRESS_CHILD"  # set in the processes that build one language each for the root's build
state = {"serving": False, "press": None, "woven": {}, "search": {}, "building": {}}


class Warned(logging.Handler):
    """Whether MkDocs has warned of something since `yes` was last set to False."""

    yes = False

    def emit(self, record):
        self.yes = True


warned = Warned(logging.WARNING)


class Kept:
    """What an earlier build made of a page: `value`, or None if it has not been made of exactly this.

    Args:
        kind, language, uri: name the file that holds it, below the project's cache: one for each page.
        what: all that it depends on, as JSON can hold it.
    """

    def __init__(self, project, kind, language, uri, what):
        self.path, self.value = project.cache / kind / language / f"{uri}.kept", None
        self.digest = execute.digest(what).encode()
        with contextlib.suppress(OSError, EOFError, pickle.UnpicklingError):  # none there, or a damaged one: made again
            digest, _, value = self.path.read_bytes().partition(b"\n")
            if digest == self.digest:  # else it is not even read: other versions may have written it
                self.value = pickle.loads(value)

    def keep(self, value):
        execute.write_atomically(self.path, self.digest + b"\n" + pickle.dumps(value))


def press_stamp():
    """When the press itself was last edited."""
    return max(path.stat().st_mtime_ns for path in (ROOT / "press").glob("*.py"))


def on_startup(command, dirty):
    state.update(serving=command == "serve", press=press_stamp())
    if command == "build":
        gc.disable()  # a build is short and keeps what it makes: looking for garbage costs it a tenth of its time
    logging.getLogger("jieba").setLevel(logging.WARNING)
    logging.getLogger("mkdocs").addHandler(warned)


def language_of(config):
    """"zh", "en", or None for the root page."""
    return config.extra.get("language")


def project_of(config):
    if "project" not in state or state["config"] is not config:  # a build has one configuration, which the next one reads anew
        state.update(config=config, project=chapters.Project(Path(config.config_file_path).parent, keep=True))
    return state["project"]


def on_config(config):
    """Addresses of the languages and, for the language switch, where they lie. A server whose press was edited starts again,
    since MkDocs keeps the hooks that it loaded."""
    if state["serving"] and state["press"] != press_stamp():
        log.info("the press was edited: starting again")
        shutil.rmtree(config.site_dir, ignore_errors=True)
        os.execv(sys.executable, sys.orig_argv)
    _converter.cache_clear()  # the configuration may have been edited
    language, here = language_of(config), config.site_url or "/"
    root = urljoin(here, "../") if language else here
    config.extra["root"] = root
    config.extra["alternate"] = [{"name": name, "link": urlparse(urljoin(root, f"{code}/")).path, "lang": code}
                                 for code, name in (("zh", "中文"), ("en", "English"))]
    if language is None:
        state["building"] = {child: _build(config, child) for child in chapters.LANGUAGES}
    return config


def on_pre_build(config):
    """Before anything is written: every mistake in every chapter, all at once. Then the chapters are executed."""
    if CHILD in os.environ:
        try:  # comes when all chapters are read, checked and executed, and the old site is gone
            state.update(config=config, **pickle.load(sys.stdin.buffer))
        except EOFError:
            raise Abort("the build of which this is a part has ended") from None
        return
    project = project_of(config)
    if errors := chapters.check(project) or ledger.check_ledger(project):
        raise PluginError("\n\n".join(map(str, errors)))
    try:
        glossary.read_glossary(project)
        state["executions"] = execute.execute(project, project.chapters(), report=log.info)
    except chapters.PressError as error:
        raise PluginError(str(error)) from None


@event_priority(100)  # before mkdocs-jupyter looks at the files
def on_files(files, config):
    language, project = language_of(config), project_of(config)
    if language is None:
        found = pickle.dumps({"project": project, "executions": state["executions"]})
        for process in state["building"].values():
            with contextlib.suppress(BrokenPipeError), process.stdin:  # one that has ended is told of in on_post_build
                process.stdin.write(found)
        return files
    stems = [stem for stem in project.chapters() if files.get_file_from_path(f"{stem}.md")]
    try:
        config.extra["glossary"] = glossary.read_glossary(project)
        for stem in stems:
            _weave(files.get_file_from_path(f"{stem}.md"), files, config, project, language, stem, state["executions"][stem])
    except chapters.PressError as error:
        raise PluginError(str(error)) from None
    return files


def _weave(file, files, config, project, language, stem, execution):
    """Let `file` be read from its woven notebook, or from what an earlier build made of it; add its figures and downloads to `files`."""
    page, cells = project.page(language, stem), project.cells(stem)
    what = [file.url, page.front, page.body, [[*vars(cell).values()] for cell in cells.values()], vars(execution), _press(),
            records.fresh_records(project, stem, cells.values()), weave.reading_minutes(project, stem), config.extra["strings"]]
    kept = Kept(project, "woven", language, f"{stem}.md", what)
    if kept.value:
        file.content_string, added = kept.value
        for uri, content in added.items():
            _add(files, config, uri, content)
        return
    woven = weave.weave(project, language, stem, execution)
    name = export.file_name(stem)
    added = {f"{stem}/{name}.ipynb": export.notebook(woven), f"{stem}/{name}.py": export.script(page, cells)}
    front = {name: value for name, value in page.front.items() if name in ("title", "description", "template", "hide")}
    woven.cells.insert(0, weave.markdown_cell("---\n" + json.dumps(front, ensure_ascii=False) + "\n---\n"))
    woven.metadata.press |= {"strings": config.extra["strings"], "name": name, "downloads": get_relative_url(f"{stem}/", file.url) or "./"}
    for cell in woven.cells:
        if cell.cell_type == "code":
            figures = iter(cell.metadata.press["figures"])
            for output in cell.outputs:
                if kind := weave.image_kind(output):
                    output["metadata"] = next(figures) | _figure(added, file, kind, output["data"])
                    output["data"] = {kind: ""}
    for uri, content in added.items():
        _add(files, config, uri, content)
    file.abs_src_path = str(project.cache / "notebooks" / language / f"{stem}.ipynb")  # for mkdocs-jupyter to render
    execute.write_atomically(Path(file.abs_src_path), nbformat.v4.writes(woven))
    state["woven"][file.src_uri] = kept, woven.cells[0].source, added


def _versions(*names):
    return [f"{name} {importlib.metadata.version(name)}" for name in names]


@cache
def _press():
    """What weaving and rendering depend on besides the chapter: the press, and the packages that it uses for them."""
    sources = sorted([*(ROOT / "press").glob("*.py"), *(ROOT / "press").glob("*.j2")])
    return [*_versions("mkdocs-jupyter", "nbconvert", "nbformat"), *(path.read_text(encoding="utf-8") for path in sources)]


@cache
def _load_words():
    """Our words for jieba. Loading its own takes half a second, so this is done here, when a page has to be cut into words."""
    jieba.load_userdict(str(WORDS))


@cache
def _converter(language):
    """What the HTML of a page depends on besides its Markdown and the pages that it may link to."""
    return [*_versions("mkdocs", "mkdocs-material", "markdown", "pymdown-extensions", "pygments", "jieba"), platform.python_version(),
            WORDS.read_text(encoding="utf-8"),
            *((ROOT / f"mkdocs{part}.yml").read_text(encoding="utf-8") for part in ("", f".{language}"))]


def _figure(added, file, kind, data):
    """Put a figure, given as an output's data, and its twins (dark; still, if it moves) into `added`: their addresses, width and height."""
    if kind == "image/svg+xml":
        svg = weave.slim(data[kind])
        width, height = weave.svg_size(svg)
        sources = {"src": svg, "dark": weave.dark_twin(svg)}
        if still := weave.still_twin(svg):
            sources |= {"still": still, "dark_still": weave.dark_twin(still)}
        sources = {name: text.encode() for name, text in sources.items()}
    else:
        sources = {"src": base64.b64decode(data[kind])} | ({"dark": base64.b64decode(data[weave.DARK_PNG])} if weave.DARK_PNG in data else {})
        width, height = Image.open(io.BytesIO(sources["src"])).size
    found = {"width": width, "height": height}
    for name, content in sources.items():
        uri = f"assets/figures/{weave.content_name(content)}.{weave.IMAGES[kind]}"
        added[uri] = content
        found[name] = get_relative_url(uri, file.url)
    return found


def _add(files, config, uri, content):
    if files.get_file_from_path(uri) is None:
        files.append(File.generated(config, uri, content=content))


def on_env(env, config, files):
    """Keep Material's templates compiled from one build to the next."""
    folder = project_of(config).cache / "templates"
    folder.mkdir(parents=True, exist_ok=True)
    env.bytecode_cache = FileSystemBytecodeCache(str(folder))
    return env


def on_page_markdown(markdown, page, config, files):
    """What press/notebook.md.j2 wrote, as it wrote it: without the style sheet of JupyterLab that mkdocs-jupyter appends, and
    without the escaping that brought it unchanged through nbconvert's HTML parser."""
    if str(page.file.abs_src_path).endswith(".ipynb"):
        markdown = html.unescape(markdown[: markdown.rindex("\n        <style>")])
        kept, front, added = state["woven"][page.file.src_uri]
        kept.keep((f"{front}\n{markdown}", added))
    project, language = project_of(config), language_of(config)
    if language:
        page.render = partial(_convert_once, page, page.render)
    if "<!-- glossary -->" in markdown:
        markdown = markdown.replace("<!-- glossary -->", glossary.glossary_page(config.extra["glossary"], language))
    if "<!-- errata -->" in markdown:
        markdown = markdown.replace("<!-- errata -->", errata.errata_page(project, language, config.extra["strings"]["errata"]))
    if "<!-- chapters -->" in markdown:
        markdown = markdown.replace("<!-- chapters -->", _chapter_list(page, files, project, language, config.extra["strings"]))
    return markdown


RENDERED = ("content", "toc", "_title_from_render", "present_anchor_ids")  # what Page.render gives a page, besides links_to_anchors


def _convert_once(page, render, config, files):
    """Page.render, for Markdown that no earlier build has converted; else what it gave then: an edit to one page is seen sooner.

    What came with a warning is not kept, since each build must warn of it; nor is anything in a quiet one, where warnings are not heard.
    """
    sources = sorted(file.src_uri for file in files if file.generated_by is None)
    kept = Kept(project_of(config), "pages", language_of(config), page.file.src_uri, [page.markdown, sources, _converter(language_of(config))])
    if kept.value:
        found, links = kept.value
        vars(page).update(found, links_to_anchors={files.get_file_from_path(uri): anchors for uri, anchors in links.items()})
        return
    warned.yes = False
    render(config, files)
    if not warned.yes and log.isEnabledFor(logging.WARNING):
        links = {file.src_uri: anchors for file, anchors in page.links_to_anchors.items()}
        kept.keep(({name: getattr(page, name) for name in RENDERED}, links))


def _chapter_list(page, files, project, language, strings):
    """The chapters of this page's section in reading order, each with what it is about and how long it takes."""
    rows = []
    for other in page.parent.children:
        stem = other.file.src_uri.removesuffix(".md") if other.is_page else None
        if stem in project.chapters():
            front = project.page(language, stem).front
            minutes = strings["minutes"].format(minutes=weave.reading_minutes(project, stem))
            rows.append(f"{len(rows) + 1}. [{front['title']}]({Path(stem).name}.md) · {minutes}\n\n    {front['description']}\n")
    return "\n".join(rows)


def on_page_content(content, page, config, files):
    """Tooltips of the glossary; and formulas as MathML, which every current browser draws by itself: no script, no font, no
    other host.

    Of Pygments' spans, those of names, operators, punctuation and spaces go, which Material draws like plain code: they are a tenth of
    a page's weight, and take the search index long to read.
    """
    content = re.sub(r'<span class="(?:n|o|p|w)">([^<]*)</span>', r"\1", content).replace("<pre><span></span>", "<pre>")
    language, stem = language_of(config), page.file.src_uri.removesuffix(".md")
    if language and stem not in ("appendix/glossary", errata.PAGE):
        content = glossary.annotate(content, config.extra["glossary"], language, stem)

    def mathml(match):
        tag, source = match[1], match[2]
        display = "block" if tag == "div" else "inline"
        source = re.sub(r"^\\[(\[]|\\[)\]]$", "", html.unescape(source.strip()))
        try:
            found = latex2mathml.converter.convert(source, display=display)
        except Exception as error:
            found, problem = "", repr(error)
        else:  # what it does not know it leaves standing
            problem = "an unknown command" if re.search(r"\\|&(?!#?\w+;)|&amp;", found) else ""
        if problem:
            raise PluginError(f"docs/{language}/{page.file.src_uri}: the formula {source!r} cannot be set: {problem}\n"
                              "  -> write it with the commands of latex2mathml; `aligned` becomes several $$ blocks")
        found = found.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")
        return f'<div class="formula">{found}</div>' if tag == "div" else found

    content = re.sub(r'<(div|span) class="arithmatex">(.*?)</\1>', mathml, content, flags=re.DOTALL)
    if language and "search" not in page.meta:
        kept = Kept(project_of(config), "search", language, page.file.src_uri, [content, page.url, page.title, _converter(language)])
        state["search"][page.file.src_uri] = kept
        if kept.value:
            page.meta["search"] = {"exclude": True}  # until on_page_context: Material need not read this page again
        elif language == "zh":
            _load_words()
    return content


def on_page_context(context, page, config, nav):
    """What this page adds to the search index is kept from build to build. And `alternates`: the address of this page in each
    language, for hreflang."""
    if kept := state["search"].pop(page.file.src_uri, None):
        entries = config.plugins["material/search"].search_index.entries
        if kept.value:
            entries += kept.value
            del page.meta["search"]
        else:
            kept.keep([entry for entry in entries if entry["location"].partition("#")[0] == page.url])
    root = config.extra["root"]
    context["alternates"] = [(item["lang"], urljoin(root, f"{item['lang']}/{page.url if language_of(config) else ''}"))
                             for item in config.extra["alternate"]]
    return context


def on_post_page(output, page, config):
    """A thinning of what Material writes, and one correction.

    Blank space between tags and comments go. Material links the languages' home pages in every head, for its language switch:
    those are not this page in another language, so their `hreflang` goes; `theme/main.html` adds the right ones.
    """
    output = re.sub(r'(<link rel="alternate" href="[^"]*") hreflang="[^"]*">', r"\1>", output)
    parts = re.split(r"(<pre\b.*?</pre>)", output, flags=re.DOTALL)
    parts[::2] = [re.sub(r"\s*\n\s*", "\n", re.sub(r"<!--.*?-->", "", part, flags=re.DOTALL)) for part in parts[::2]]
    return "".join(parts)


def on_post_build(config):
    """The root is there; wait for the languages, which are built side by side meanwhile."""
    if language_of(config) is not None:
        return
    failed = []
    for language, process in state["building"].items():
        if process.wait():
            failed.append(language)
        process.log.seek(0)
        sys.stderr.write(process.log.read())
    if failed:
        raise PluginError(f"{' and '.join(failed)}: not built, for the reasons above")


def on_build_error(error):
    for process in state["building"].values():
        process.kill()


def _build(config, language):
    """The process that builds one language, with its own navigation, search index and sitemap. It gets ready, and waits for the chapters."""
    command = [sys.executable, "-m", "mkdocs", "build", "-f", str(Path(config.config_file_path).with_name(f"mkdocs.{language}.yml")),
               "--site-dir", str(Path(config.site_dir) / language)]
    command += ["--strict"] if config.strict else []
    command += ["--quiet"] if log.getEffectiveLevel() > logging.INFO else []
    environment = os.environ | {CHILD: "1", "NO_MKDOCS_2_WARNING": "1", "SITE_URL": urljoin(config.site_url or "/", f"{language}/")}
    output = tempfile.TemporaryFile("w+", encoding="utf-8")  # shown when it has ended, so that the languages' lines stay apart
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT)
    process.log = output
    return process
