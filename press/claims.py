"""Claims: the sentences that tests quote (`@pytest.mark.claim(zh=..., en=...)`) and prove, compared with what the pages say."""

import ast
import difflib
from dataclasses import dataclass

from press.project import PressError, read_text
from press.sentences import key, plain, sentences

MOST = 4  # claims that one test may carry
RUN = 3  # sentences that one claim may quote, where another language has said it in one


@dataclass(frozen=True)
class Claim:
    """A sentence for each language, {language: text}, with the test that quotes them: its file, line and name."""

    where: str
    line: int
    test: str
    texts: dict


def read_claims(project):
    """{stem of a page: its Claims in order} and the PressErrors of marks that cannot be read, from the source of the tests."""
    found, errors, folder = {}, [], project.root / "tests"
    for path in sorted(folder.rglob("test_*.py")):
        text = read_text(project, path)
        if "mark.claim" not in text:
            continue
        stem = path.relative_to(folder).with_name(path.stem.removeprefix("test_")).as_posix()
        try:
            claims, wrong = _claims(project, project.path(path), ast.parse(text))
        except SyntaxError as error:
            claims, wrong = [], [PressError(project.path(path), error.lineno, f"a syntax error: {error.msg}", "mend the Python of this line")]
        errors += wrong
        if claims and stem not in project.stems():
            errors.append(PressError(project.path(path), claims[0].line, f"claims of a page {stem} that does not exist",
                                     "name the test file after the page: tests/section/test_page.py for docs/…/section/page.md"))
        elif claims:
            found[stem] = claims
    return found, errors


def _claims(project, where, tree):
    claims, errors, decorators = [], [], set()
    for test in [node for node in tree.body if isinstance(node, ast.FunctionDef)]:
        marks = [mark for mark in test.decorator_list if _is_claim(mark)]
        decorators |= {id(mark) for mark in marks}
        for mark in marks:
            words = getattr(mark, "keywords", ())
            texts = {word.arg: word.value.value for word in words if isinstance(word.value, ast.Constant) and isinstance(word.value.value, str)}
            if not words or mark.args or len(texts) != len(words) or set(texts) - set(project.languages):
                errors.append(PressError(where, mark.lineno, f"{test.name} has a claim with other arguments", "write one plain text for each language, by name: "
                                         f"@pytest.mark.claim({', '.join(f'{code}=…' for code in project.languages)})"))
            elif lacking := [code for code in project.languages if not texts.get(code, "").strip()]:
                errors.append(PressError(where, mark.lineno, f"{test.name} has a claim without its sentence in {', '.join(lacking)}", "quote the sentence in every language"))
            else:
                claims.append(Claim(where, mark.lineno, test.name, texts))
        if len(marks) > MOST:
            errors.append(PressError(where, marks[MOST].lineno, f"{test.name} carries {len(marks)} claims", f"at most {MOST}: let another test prove the rest"))
        if marks and not test.name.startswith("test_"):
            errors.append(PressError(where, test.lineno, f"{test.name} carries a claim and is no test", "name it test_…"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_claim(node) and id(node) not in decorators:
            errors.append(PressError(where, node.lineno, "a claim that no test function carries", "write it as a decorator right above a test, at the left margin of the file"))
    return claims, errors


def _is_claim(node):
    return ast.unparse(getattr(node, "func", node)) == "pytest.mark.claim"


def check_claims(project):
    """A PressError for each claim that no page bears out, that is quoted twice, or whose sentences stand in different sections, and for each
    chapter that none quotes. A project without a folder `tests` claims nothing."""
    if not (project.root / "tests").is_dir():
        return
    claims, errors = read_claims(project)
    yield from errors
    for stem in (stem for stem in project.chapters() if not claims.get(stem) and not errors):  # whose claim may be one that cannot be read
        section, slash, name = stem.rpartition("/")
        yield PressError(project.page(project.languages[0], stem).where, 1, "no test quotes a sentence of this page",
                         f"prove what it says in tests/{section}{slash}test_{name}.py, sentence by sentence, with @pytest.mark.claim")
    for stem, those in claims.items():
        pages = {language: sentences(project.page(language, stem)) for language in project.languages}
        before = {}
        for claim in those:
            for problem, remedy in _check_claim(claim, pages, before):
                yield PressError(claim.where, claim.line, f"{claim.test} quotes {problem}", remedy)


def _check_claim(claim, pages, before):
    """(problem, remedy) of each mistake in a claim. `before`: {(language, key of a sentence): the Claim that quotes it}, which grows."""
    runs = {}
    for language, page in pages.items():
        runs[language], problem, remedy = quoted(claim.texts[language], page)
        if problem:
            yield f"a sentence ({language}) that {problem}: {claim.texts[language]}", remedy
        for sentence in runs[language]:
            if (other := before.setdefault((language, sentence.key), claim)) is not claim:
                yield f"a sentence ({language}) that {other.test} (line {other.line}) quotes too: {sentence.text}", "let one test prove it"
    if all(runs.values()):
        if len({run[0].section for run in runs.values()}) > 1:
            yield ("sentences of different sections: " + ", ".join(f"{code} #{run[0].section}" for code, run in runs.items()),
                   "let them be translations of each other")
        if min(map(len, runs.values())) > 1:
            yield "several sentences in one claim", "a claim is one sentence, which a language may have cut in two or three"


def quoted(text, page):
    """(the Sentences that a claim quotes, None, None), or ([], what is wrong, what to do)."""
    keys = [sentence.key for sentence in page]
    for wanted in (key(text), key(plain(text))):  # it may be quoted with Markdown's marks or without
        if runs := [(start, start + count) for start in range(len(keys)) if wanted.startswith(keys[start]) for count in range(1, RUN + 1)
                    if "".join(keys[start : start + count]) == wanted and start + count <= len(keys)]:
            break
    if len(runs) == 1:
        return page[slice(*runs[0])], None, None
    if runs:
        return [], f"stands {len(runs)} times on the page (lines {', '.join(str(page[start].line) for start, _ in runs)})", "word one of them differently"
    for sentence in page:
        if wanted and wanted in sentence.key:
            return [], "it has only in part", f"quote all of line {sentence.line}: {sentence.text}"
    near = difflib.get_close_matches(wanted, keys, 1, 0)
    sentence = page[keys.index(near[0])] if near else None
    return [], "does not stand on the page", f"the nearest that does, in line {sentence.line}: {sentence.text}" if sentence else "the page has no sentence"


def claimed(project, stem):
    """{language: [(Sentence, Claim or None)]} of all sentences of a page."""
    claims, _ = read_claims(project)
    out = {}
    for language in project.languages:
        page, proof = sentences(project.page(language, stem)), {}
        for claim in claims.get(stem, ()):
            for sentence in quoted(claim.texts[language], page)[0]:
                proof[sentence] = claim
        out[language] = [(sentence, proof.get(sentence)) for sentence in page]
    return out


def summary(project, stems):
    """How many sentences each page has, states, claims; and those that it does not claim, the telling ones first."""
    for stem in stems:
        for language, found in claimed(project, stem).items():
            stating = [(sentence, claim) for sentence, claim in found if sentence.states]
            telling = [claim for sentence, claim in stating if sentence.telling]
            proven = sum(claim is not None for _, claim in stating)
            yield (f"docs/{language}/{stem}.md: {len(found)} sentences, {len(stating)} state something, {proven} claimed "
                   f"({proven / max(len(stating), 1):.0%}); of {len(telling)} telling ones {sum(map(bool, telling))} ({sum(map(bool, telling)) / max(len(telling), 1):.0%})")
            if len(stems) == 1:
                for sentence in sorted((sentence for sentence, claim in stating if not claim), key=lambda sentence: (not sentence.telling, sentence.line)):
                    yield f"  {sentence.line}{' ' if sentence.telling else ' . '}{sentence.text}" + ("" if sentence.kind == "prose" else f"  ({sentence.kind})")
