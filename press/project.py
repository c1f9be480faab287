"""The project's folders, languages and reading order, and the mistakes that people are told of."""

import atexit
import os
import shutil
import sys
import tempfile
from functools import cached_property
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader

SUFFIXES = {"python": ".py", "sh": ".sh"}  # info string of a quote -> suffix of the snippet file that it quotes


class PressError(Exception):
    """A mistake in a chapter, a snippet, a record or a configuration, told to the person who can mend it.

    Args:
        path: the file, relative to the project's root.
        line: 1-based line in it, or None if the whole file is meant.
        problem: what is wrong.
        remedy: what to do about it.
    """

    def __init__(self, path, line, problem, remedy):
        super().__init__(f"{path}{f':{line}' if line else ''}: {problem}\n  -> {remedy}")


class PressErrors(PressError):
    """Several mistakes, told at once."""

    def __init__(self, errors):
        Exception.__init__(self, "\n\n".join(map(str, errors)))


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML in which no key stands twice. MkDocs' own tags (`!ENV`, names of Python objects), which matter to MkDocs alone, are read as None."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


Loader.add_multi_constructor("", lambda loader, suffix, node: None)


def read_yaml(path, where):
    """What a YAML file holds. Raises PressError, with the line, if it is not there or is not YAML."""
    try:
        return yaml.load(path.read_text(encoding="utf-8-sig"), Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise PressError(where, None, f"this file cannot be read: {error}", "every project has it, in UTF-8: put it back") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise PressError(where, mark and mark.line + 1, f"this is not YAML: {getattr(error, 'problem', None) or error}",
                         "mend this line; put text with a colon in quotation marks") from None


class Project:
    """The folders of the project: `docs/`, `snippets/`, `outputs/` and the cache under one root.

    Args:
        root: the folder that holds them.
        read_once: read each file once for as long as this Project lives, as a build does, which takes half the time.
    """

    def __init__(self, root, read_once=False):
        self.root = Path(root).resolve()
        self._read = {} if read_once else None
        self.docs, self.snippets, self.outputs = self.root / "docs", self.root / "snippets", self.root / "outputs"

    @cached_property
    def cache(self):
        """Where a build keeps what it need not do twice: `.cache/`, or the folder that PRESS_CACHE names; where nothing can be written
        there, a folder that is gone when this process ends, and a line that says so."""
        folder = Path(os.environ.get("PRESS_CACHE", self.root / ".cache"))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            print(f"press: nothing can be kept in {folder} ({error.strerror}): the next build starts anew", file=sys.stderr)
            folder = Path(tempfile.mkdtemp(prefix="press-"))
            maker = os.getpid()
            atexit.register(lambda: os.getpid() == maker and shutil.rmtree(folder, ignore_errors=True))
        return folder

    def book(self, language):
        """The folder of a language's staged book."""
        return self.cache / "book" / language

    def path(self, path):
        """`path` as a person in the project's root would write it."""
        path = Path(path)
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()

    def once(self, key, make):
        """What `make()` returns; with `read_once`, what it returned the first time for this key."""
        if self._read is None:
            return make()
        if key not in self._read:
            self._read[key] = make()
        return self._read[key]

    def configuration(self, language=None):
        """What `mkdocs.yml`, or `mkdocs.<language>.yml`, holds."""
        name = f"mkdocs.{language}.yml" if language else "mkdocs.yml"
        return self.once(name, lambda: read_yaml(self.root / name, name)) or {}

    @property
    def languages(self):
        """Codes of the languages, one for each `mkdocs.<code>.yml`: that of `mkdocs.yml` itself first, then by the alphabet."""
        return self.once("languages", self._languages)

    def _languages(self):
        found = sorted(path.name.split(".")[1] for path in self.root.glob("mkdocs.*.yml"))
        if not found:
            raise PressError("mkdocs.yml", None, "there is no language", "a language is a file mkdocs.<code>.yml beside this one, and a folder docs/<code>")
        main = self.configuration().get("theme", {}).get("language")
        return tuple(sorted(found, key=lambda code: code != main))

    def words(self, language):
        """The names and strings of a language: `extra.strings` of its configuration. Raises PressError where another language has more."""
        words, first = (self.configuration(code).get("extra", {}).get("strings", {}) for code in (language, self.languages[0]))
        if missing := set(_names(first)) - set(_names(words)):
            names = sorted(name for name in missing if name.rpartition(".")[0] not in missing)
            raise PressError(f"mkdocs.{language}.yml", None, f"extra.strings lacks {', '.join(names)}",
                             f"say it in this language, as mkdocs.{self.languages[0]}.yml does")
        return words

    def sections(self):
        """The reading order of `nav` in mkdocs.yml: [(name of a section, or None for a page that stands alone, stems)]."""
        found = []
        for entry in self.configuration().get("nav") or []:
            name, pages = next(iter(entry.items())) if isinstance(entry, dict) else (None, [entry])
            found.append((name, [page.removesuffix(".md") for page in pages]))
        return found

    def title(self, language, stem):
        """The title of a page: that of its front matter, else its first heading."""
        page = self.page(language, stem)
        return page.front.get("title") or next((text for *_, text in page.headings), stem)

    def stems(self):
        """Chapters and plain pages that exist in any language: sorted stems such as `foundations/tensors`."""
        return self.once("stems", lambda: sorted({
            path.relative_to(self.docs / language).with_suffix("").as_posix()
            for language in self.languages for path in files_below(self.docs / language, ".md")}))

    def chapters(self):
        """Stems of the pages that have a snippet file."""
        return self.once("chapters", lambda: [stem for stem in self.stems() if self.snippet_files(stem)])

    def snippet_files(self, stem):
        """Snippet files of a chapter: `stem.py` and `stem.sh`, those that exist."""
        return [path for suffix in SUFFIXES.values() if (path := self.snippets / f"{stem}{suffix}").is_file()]

    def cells(self, stem):
        """Cells of a chapter's snippet files by address, in the order in which they stand there. Raises PressError."""
        from press.cells import read_cells

        return self.once(("cells", stem), lambda: {cell.address: cell for path in self.snippet_files(stem) for cell in read_cells(self, path)})

    def page(self, language, stem):
        """The Page of a chapter in a language. Raises PressError if it is not there or its front matter is wrong."""
        from press.chapters import Page

        return self.once((language, stem), lambda: Page(self, language, stem))


def _names(words):
    """The names of strings, those within others with a dot between, such as `errata.verdicts.kept`."""
    for name, value in (enumerate(words) if isinstance(words, list) else words.items() if isinstance(words, dict) else ()):
        yield str(name)
        yield from (f"{name}.{inner}" for inner in _names(value))


def files_below(folder, *suffixes):
    """The files below a folder, with one of the suffixes if there are any, sorted. Like MkDocs this leaves out what begins with a dot: backups
    of editors and notebooks."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and (not suffixes or path.suffix in suffixes)
                  and not any(part.startswith(".") for part in path.relative_to(folder).parts))


def read_text(project, path):
    """Text of a file in UTF-8. Raises PressError if it is in another encoding."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise PressError(project.path(path), line, "this file is not UTF-8",
                         "save it in the UTF-8 encoding, which every editor offers") from None


def template(name):
    """A Jinja template of `theme/`, for a page, or a part of one, that is made of data."""
    return Environment(loader=FileSystemLoader(Path(__file__).parent.parent / "theme"), trim_blocks=True, lstrip_blocks=True).get_template(name)
