"""The press as MkDocs sees it (`hooks:` in mkdocs.yml), and with keep_pages.py all that knows MkDocs.

The build of mkdocs.yml stages the books of all languages, has a process build each (mkdocs.<code>.yml) into its folder of the site, and
builds the root page itself. (They import this file as press.hooks, MkDocs loads it by its path: two modules, each with its state.)
"""

import base64
import gc
import logging
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin, urlparse

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import mkdocs  # noqa: E402
from mkdocs.commands.build import build  # noqa: E402
from mkdocs.config import load_config  # noqa: E402
from mkdocs.exceptions import PluginError  # noqa: E402
from mkdocs.utils import CountHandler  # noqa: E402

from press import glossary, processes, stage  # noqa: E402
from press.keep_pages import KeptPages, thin_templates  # noqa: E402
from press.markdown_extension import PressExtension, outputs  # noqa: E402
from press.project import PressError, Project  # noqa: E402

log = logging.getLogger(f"{mkdocs.__name__}.press")  # under ProperDocs that name is another
STAGED = "PRESS_STAGED"  # set in the processes that build a language each: its book is there
on_shutdown = processes.stop
state = {}  # of this process: project, warned, pages, building, serving


@contextmanager
def telling():
    """PressErrors fail the build as MkDocs tells of failures: in one message."""
    try:
        yield
    except PressError as error:
        raise PluginError(str(error)) from None


def on_startup(command, dirty):
    logging.getLogger(mkdocs.__name__).addHandler(state.setdefault("warned", CountHandler(level=logging.WARNING)))
    for name in ("jieba", "mkdocs.mkdocs-jupyter"):  # which tell of each step
        logging.getLogger(name).setLevel(logging.WARNING)
    state["serving"] = command == "serve"
    if command == "build":
        gc.disable()  # a build is short and keeps what it makes: looking for garbage costs it a tenth of its time


def on_serve(server, config, builder):
    for code in state["project"].languages:
        server.watch(str(Path(config.config_file_path).with_name(f"mkdocs.{code}.yml")))


@telling()
def on_config(config):
    """Where the languages lie, for the language switch; and, in a language's own build, the book in place of `docs/`."""
    language, here = config.extra.get("language"), config.site_url or "/"
    project = state["project"] = Project(Path(config.config_file_path).parent, read_once=True)
    root = config.extra["root"] = urljoin(here, "../") if language else here
    config.extra["alternate"] = [{"name": words["name"], "root": words["root"], "lang": code, "link": urlparse(urljoin(root, f"{code}/")).path}
                                 for code in project.languages if (words := project.words(code))]
    if language:
        _use_book(config, project, language)
    else:
        config.nav = None
        if state["serving"]:
            processes.start_server(project, config.dev_addr, config.site_dir, log.info)
        os.environ["PRESS_CACHE"] = str(project.cache)  # for the processes
        processes.start(len(project.languages))
    return config


def _use_book(config, project, language):
    if STAGED not in os.environ:  # one language by itself
        stage.stage(project, report=log.info)
    pages = state["pages"] = KeptPages(project, language, state["warned"])
    pages.wrap_index(config.plugins["material/search"])
    config.docs_dir = str(project.book(language))
    config.nav = [{project.title(language, f"{name}/index"): [stage.book_uri(project, stem) for stem in stems]} if name
                  else stage.book_uri(project, stems[0]) for name, stems in project.sections()] or None
    for scheme, name in zip(config.theme["palette"], project.words(language)["palette"], strict=True):
        scheme["toggle"]["name"] = name
    config.markdown_extensions.append(None)  # each page's own, set in on_pre_page
    config.mdx_configs["pymdownx.superfences"] = {"preserve_tabs": True, "custom_fences": [{"name": "outputs", "class": "outputs", "format": outputs}]}


@telling()
def on_pre_build(config):
    """Before anything is written: every mistake in every chapter, all at once. Then chapters are executed and the books written."""
    if not config.extra.get("language"):
        stage.stage(state["project"], report=log.info, warm=processes.warm)


@telling()
def on_files(files, config):
    """The old site is gone now: the languages are built while the root's own page is."""
    if not config.extra.get("language"):
        state["building"] = {code: processes.submit(
            "build_language", str(Path(config.config_file_path).with_name(f"mkdocs.{code}.yml")), config.strict, str(Path(config.site_dir) / code),
            urljoin(config.site_url or "/", f"{code}/"), log.getEffectiveLevel()) for code in state["project"].languages}
    return files


def build_language(file, strict, site_dir, site_url, level):
    """Build a language, in a process of its own. Returns None, or why it was not built, once that is logged."""
    os.environ[STAGED] = "1"
    if not logging.getLogger(mkdocs.__name__).handlers:  # a process that was not forked
        logging.basicConfig(level=level, format="%(levelname)-7s -  %(message)s")
    config = load_config(file, strict=strict, site_dir=site_dir, site_url=site_url)
    config.plugins.on_startup(command="build", dirty=False)
    try:
        build(config)
    except SystemExit as error:  # MkDocs' Abort
        return str(error)
    except Exception as error:  # MkDocs has logged on which page
        return f"{type(error).__name__}: {error}"
    finally:
        gc.collect()  # under a server the process lives on


def on_env(env, config, files):
    thin_templates(env, state["project"].cache / "templates")


def on_pre_page(page, config, files):
    if language := config.extra.get("language"):
        pattern, lines = glossary.tooltips(state["project"], language, page.file.src_uri.rpartition(".")[0])
        config.markdown_extensions[-1] = PressExtension(pattern, lines, "../" * page.url.removeprefix("./").count("/"))
        state["pages"].wrap(page, files, [pattern.pattern, lines, mkdocs.__version__, page.url])
    return page


def on_page_markdown(markdown, page, config, files):
    """What theme/notebook.html wrote, without the style sheet that mkdocs-jupyter puts behind it, and as it was before nbconvert read it as HTML."""
    return base64.b64decode(markdown.partition("<style>")[0]).decode() if page.file.src_uri.endswith(".ipynb") else markdown


@telling()
def on_post_build(config):
    """The root is there; wait for the languages, which are built side by side meanwhile."""
    if config.extra.get("language"):
        state["pages"].evict()
    elif failed := [f"{code} ({reason})" for code, reason in processes.results(state["building"]).items() if reason]:
        raise PluginError(f"not built, for the reasons above: {', '.join(failed)}")
