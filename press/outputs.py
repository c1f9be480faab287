"""What a cell gave, as it is kept: the text as it was printed, or a reason why a page cannot show it."""

import json
import re
import sys
import sysconfig
from pathlib import Path

IMAGES = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp"}
SHOWN = {*IMAGES, "text/html", "text/plain"}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # of a terminal: the page has colours of its own
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def image_kind(output):
    """The image type among an output's representations, or None."""
    return next((kind for kind in IMAGES if kind in output.get("data", {})), None)


def tidy(text, home=None):
    """`text` without what changes from machine to machine: colours of a terminal, the folder of this environment's packages, the kernel's
    `home`; and without the place in PyTorch's C++ sources that its warnings end with. A folder is a whole path, to its end."""
    text = re.sub(r"\s*\(Triggered internally at [^)]*\)", "", COLOURS.sub("", text))
    folders = {sysconfig.get_path(name): "site-packages" for name in ("purelib", "platlib")}
    if sys.prefix != sys.base_prefix:  # a virtual environment; the system's own folders, such as /usr, are the same everywhere
        folders[sys.prefix] = "python"
    if home:
        folders[str(home)] = "~"
    for folder, name in folders.items():
        if len(Path(folder).parts) > 2:
            text = re.sub(rf"(?<![\w./~-]){re.escape(folder)}(?![\w~-]|\.\w)", name, text)
    return text


def collect(outputs, home=None):
    """The outputs of an executed cell as plain data, tidied; an error without its long traceback.

    Standard output and standard error come side by side, in an order that chance decides: in each run of them the text of the first is put
    together and comes first, as nbclient does; but nothing moves past what was displayed between.
    """
    found, streams = [], {}
    for output in json.loads(json.dumps(outputs)):
        output.pop("execution_count", None)
        kind = output["output_type"]
        if kind == "stream":
            if output["name"] in streams:
                streams[output["name"]]["text"] += output["text"]
                continue
            after = len(found) - (output["name"] == "stdout" and "stderr" in streams)
            found.insert(after, output)
            streams[output["name"]] = output
            continue
        streams = {}
        if kind == "error":
            output["evalue"] = tidy(output["evalue"], home)
            output["traceback"] = [f"{output['ename']}: {output['evalue']}"]
        elif "text/plain" in output["data"]:
            output["data"]["text/plain"] = tidy(output["data"]["text/plain"], home)
        found.append(output)
    for output in found:
        if output["output_type"] == "stream":
            output["text"] = tidy(output["text"].replace("\r\n", "\n"), home)
    return found


def text_of(output):
    """What a page shows of an output as text; nothing of a picture or of HTML."""
    if image_kind(output) or "text/html" in output.get("data", ()):
        return ""
    return output.get("text") or output.get("evalue") or output.get("data", {}).get("text/plain", "")


def problem(outputs):
    """(what is wrong, what to do) with the first output that a page cannot show as it is; None if it can show all."""
    for output in outputs:
        if kinds := set(output.get("data", ())):
            if not kinds & SHOWN - {"text/plain"} and kinds - {"text/plain"}:
                return (f"shows {', '.join(sorted(kinds - {'text/plain'}))}, which a page cannot show",
                        "print it as text, or give the object a picture or a _repr_html_")
        text = text_of(output)
        if found := CONTROL.search(text):
            return (f"prints {found[0]!r}, which is for a terminal and which a page cannot show: {text[max(0, found.start() - 20):found.end() + 20]!r}",
                    "print whole lines of plain text")
    return None
