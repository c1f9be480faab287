"""What a newer torch changes: `python tools/torch_issue.py pinned.json newest.json test-log.txt` writes the text of an issue.

The first two files hold what `python -m press outputs` printed with the pinned torch and with the newest one, as JSON:
{chapter: {cell: [outputs]}}. The third is the log of the newest one's run: what executing the chapters wrote to standard error, then the
tests, and at last a line `exit status 0` if they passed. A file that is missing or damaged is something to tell too.

The text is Markdown on standard output. The exit status is 0 if there is nothing to tell, 1 if there is. Run it with the Python that has
the newest torch: it tells that one's version beside the one that requirements.txt pins.
"""

import difflib
import hashlib
import json
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIMIT = 60_000  # bytes of UTF-8, so that it is within GitHub's 65,536 characters and within what an environment variable holds
LINES, WIDTH = 40, 300  # of one excerpt
FAILED = re.compile(r"(?:FAILED|ERROR) \S+\.(?:py|md)(?:::| - |$).*")  # a line of pytest's summary
PACKAGES = ("torch", "torchvision")


def read_outputs(path):
    """{chapter: {cell: [outputs]}}, or None if the file does not hold it."""
    try:
        outputs = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return outputs if isinstance(outputs, dict) and all(isinstance(cells, dict) for cells in outputs.values()) else None


def read_log(path):
    """The lines of the log, without colours; none if there is no log."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return re.sub(r"\x1b\[[\d;]*m", "", text).splitlines()


def lines_of(value, name=""):
    """All that outputs hold, line by line, each text below its name. Of a picture, only its length and digest."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from lines_of(value[key], f"{name}/{key}".removeprefix("/"))
    elif isinstance(value, list) and not (value and all(isinstance(item, str) for item in value)):
        for item in value:
            yield from lines_of(item, name)
    else:
        text = value if isinstance(value, str) else "".join(value) if isinstance(value, list) else json.dumps(value)
        if "image/" in name:
            text = f"{len(text)} characters, SHA-256 {hashlib.sha256(text.encode()).hexdigest()}"
        yield f"{name}:"
        yield from text.splitlines()


def excerpt(lines, language):
    """A fence with the first of the lines. It is longer than any fence in them, so that what they say stays text."""
    shown = [line if len(line) <= WIDTH else line[:WIDTH] + " ..." for line in lines[:LINES]]
    if len(lines) > LINES:
        shown.append(f"... and {len(lines) - LINES} more lines")
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", "\n".join(shown)))])
    return "\n".join([fence + language, *shown, fence])


def differences(pinned, newest):
    """For each cell whose outputs differ, its name and how they differ."""
    for chapter in sorted(pinned.keys() | newest.keys()):
        before, after = pinned.get(chapter, {}), newest.get(chapter, {})
        for cell in sorted(before.keys() | after.keys()):
            if before.get(cell) != after.get(cell):
                diff = difflib.unified_diff([*lines_of(before.get(cell, []))], [*lines_of(after.get(cell, []))],
                                            "pinned", "newest", n=2, lineterm="")
                yield f"### `{chapter}`, cell `{cell}`\n\n" + excerpt([*diff], "diff")


def sections(pinned, newest, log):
    """What there is to tell, most important first: Markdown, part by part."""
    failed = list(dict.fromkeys(line for line in log if FAILED.match(line)))
    if not log:
        yield "## The tests did not run"
    elif failed:
        yield f"## Tests that fail: {len(failed)}\n\n" + excerpt(failed, "text")
    elif log[-1] != "exit status 0":
        yield "## The tests did not pass\n\n" + excerpt(log[-LINES:], "text")
    if pinned is None:
        yield "## The chapters were not executed with the pinned torch"
    if newest is None:
        yield "## The chapters were not executed with the newest torch" + ("\n\n" + excerpt(log, "text") if log else "")
    if pinned is not None and newest is not None and (cells := [*differences(pinned, newest)]):
        yield f"## Cells whose output differs: {len(cells)}"
        yield from cells


def versions(requirements):
    """A table of what is pinned and what is installed."""
    rows = ["| | pinned | newest |", "|---|---|---|"]
    for package in PACKAGES:
        pin = re.search(rf"^{package}==(\S+)", requirements, re.MULTILINE)
        try:
            installed = version(package)
        except PackageNotFoundError:
            installed = "not installed"
        rows.append(f"| {package} | {pin[1] if pin else 'not pinned'} | {installed} |")
    return "\n".join(rows)


def report(pinned, newest, log, table):
    """The text of the issue, and whether there is anything to tell."""
    parts = [*sections(pinned, newest, log)]
    if not parts:
        return f"The newest torch changes nothing.\n\n{table}\n", False
    text = f"The newest torch changes an output or breaks a claim. This text is written anew each week.\n\n{table}\n"
    for number, part in enumerate(parts):
        cut = f"\nCut here, since an issue holds no more: {len(parts) - number} more parts are left out.\n"
        if len(f"{text}\n{part}\n{cut}".encode()) > LIMIT:
            return text + cut, True
        text += f"\n{part}\n"
    return text, True


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    pinned, newest, log = arguments
    requirements = (Path(__file__).resolve().parent.parent / "requirements.txt").read_text(encoding="utf-8")
    text, news = report(read_outputs(pinned), read_outputs(newest), read_log(log), versions(requirements))
    print(text, end="")
    return int(news)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
