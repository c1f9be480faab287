"""What a build keeps of its pages: the HTML that became of each, and what it adds to the search index.

With nothing kept, a build after an edit to one sentence costs 14 s of CPU on two cores; with both, 4 s.
"""

import importlib.metadata
import logging
import platform
import re
from functools import partial
from pathlib import Path

import jieba
import mkdocs
from jinja2 import FileSystemBytecodeCache
from jinja2.ext import Extension
from mkdocs.exceptions import PluginError
from mkdocs.structure.toc import get_toc

from press import markdown_extension
from press.cache import evict, kept

ROOT = Path(__file__).resolve().parent.parent
WORDS = ROOT / "press/jieba.txt"  # for the Chinese search index, besides jieba's own dictionary
RENDERED = ("content", "_title_from_render")  # what Page.render gives a page, besides toc, anchors and links
PACKAGES = ("mkdocs-material", "mkdocs-jupyter", "nbconvert", "markdown", "pymdown-extensions", "pygments", "latex2mathml", "jieba")


def _versions():
    """What rendering depends on besides page and configuration: versions, and what shows outputs. Under a server the template may change."""
    files = (Path(markdown_extension.__file__), ROOT / "press/hooks.py", ROOT / "theme/notebook.html")
    return [platform.python_version(), *map(importlib.metadata.version, PACKAGES), *(path.read_text(encoding="utf-8") for path in files)]


class Thin(Extension):
    """Jinja templates without the blank space between their lines and tags: a fiftieth of a page's weight."""

    def preprocess(self, source, name, filename=None):
        return re.sub(r"^\s+", "", source, flags=re.MULTILINE)


def thin_templates(env, folder):
    """Make a Jinja environment's templates thin, and keep them compiled below `folder`: that takes half a second a language."""
    env.add_extension(Thin)
    env.trim_blocks = True
    folder.mkdir(parents=True, exist_ok=True)
    env.bytecode_cache = FileSystemBytecodeCache(str(folder))


class KeptPages:
    """Of one language's build.

    Args:
        project, language: whose pages they are.
        warned: a CountHandler of MkDocs' logger.
    """

    def __init__(self, project, language, warned):
        self.project, self.language, self.warned, self.used = project, language, warned, set()
        self.settings = [(project.root / name).read_text(encoding="utf-8") for name in ("mkdocs.yml", "press/language.yml", f"mkdocs.{language}.yml")]
        self.settings += _versions()

    def path(self, kind, page):
        self.used.add(path := self.project.cache / kind / self.language / f"{page.file.src_uri}.kept")
        return path

    def wrap(self, page, files, more):
        """Let page.render, and mkdocs-jupyter's conversion before it, do nothing if an earlier build did it; else keep what it gives.

        What came with a warning is not kept, since each build must warn of it. `more`: what the page depends on besides itself and the
        pages that it may link to.
        """
        sources = sorted(file.src_uri for file in files.documentation_pages())
        what = [page.file.content_string, sources, more, self.settings]
        path = self.path("pages", page)
        if found := kept(path, what):
            page._mkdocs_jupyter_content = lambda: {"content": ""}
            page.render = partial(self._restore, page, found)
        else:
            page.render = partial(self._render, page, page.render, path, what)

    def _render(self, page, render, path, what, config, files):
        before = sum(self.warned.counts.values())
        try:
            render(config, files)
        except markdown_extension.FormulaError as error:
            source = self.project.page(self.language, page.file.src_uri.rpartition(".")[0])
            line, remedy = source.line_of(max(0, source.body.find(error.args[0]))), "write it with the commands of latex2mathml; `aligned` becomes several $$ blocks"
            raise PluginError(str(source.error(line, f"the formula {error.args[0]!r} cannot be set: {error.args[1]}", remedy))) from None
        page.present_anchor_ids |= set(re.findall(r'\bid="(cell-[\w-]+)"', page.content))  # of fences, which MkDocs does not see
        quiet = not logging.getLogger(mkdocs.__name__).isEnabledFor(logging.WARNING)  # warnings are not heard
        if before == sum(self.warned.counts.values()) and not quiet and page.links_to_anchors is not None:  # which MkDocs lacks with --verbose
            found = {name: getattr(page, name) for name in RENDERED} | {"toc": _tokens(page.toc), "anchors": sorted(page.present_anchor_ids)}
            kept(path, what, lambda: found | {"links": {file.src_uri: anchors for file, anchors in page.links_to_anchors.items()}})

    def _restore(self, page, found, config, files):
        vars(page).update({name: found[name] for name in RENDERED})
        page.toc, page.present_anchor_ids = get_toc(found["toc"]), set(found["anchors"])
        page.links_to_anchors = {files.get_file_from_path(uri): anchors for uri, anchors in found["links"].items()}

    def wrap_index(self, search):
        """Let Material's search plugin read a page only if no earlier build has read just that."""
        index, chinese, versions = search.search_index, "zh" in search.config.lang, _versions()
        add = index.add_entry_from_context
        jieba.dt.tmp_dir = str(self.project.cache)  # its own would be a file of a known name in a folder that all users share
        jieba.set_dictionary(Path(jieba.__file__).with_name("dict.txt") if chinese else WORDS)  # the large one takes half a second to load

        def read(page):
            if chinese:
                _load_words()
            before = len(index.entries)
            add(page)
            added = index.entries[before:]
            del index.entries[before:]
            return added

        def add_kept(page):
            what = [page.content, page.url, page.title, page.meta, search.config.lang, versions, WORDS.read_text(encoding="utf-8")]
            index.entries += kept(self.path("search", page), what, partial(read, page))

        index.add_entry_from_context = add_kept

    def evict(self):
        """Forget pages that are gone."""
        for kind in ("pages", "search"):
            evict(self.project.cache / kind / self.language, self.used)


def _load_words():
    """Our words for jieba, where a page has to be cut into words."""
    jieba.load_userdict(str(WORDS))


def _tokens(toc):
    return [{"name": item.title, "id": item.id, "level": item.level, "children": _tokens(item.children)} for item in toc]
