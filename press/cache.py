"""What need not be made twice: one function for executions, staged chapters, rendered pages and search entries."""

import contextlib
import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

TEMPORARY = ".tmp-"  # begins the name of a file that is being written


def digest(what):
    """SHA-256, in hexadecimal, of bytes, or of anything that JSON can hold."""
    what = what if isinstance(what, bytes) else json.dumps(what, sort_keys=True, default=str).encode()
    return hashlib.sha256(what).hexdigest()


def kept(path, what, make=None):
    """What `make()` gives, made only if the file at `path` does not hold what an earlier call made of exactly the same `what`.

    Args:
        path: the one file that keeps it; what it holds for another `what` is replaced.
        what: all that the value depends on, as JSON can hold it.
        make: gives the value, as JSON can hold it, or None if it is not to be kept. Without `make` this only looks.

    Returns: the value; None where there is none. A damaged file is thrown away, and told of; a file for another `what` is not even read.
    """
    key = digest(what)
    try:
        head, _, body = path.read_bytes().partition(b"\n")
        if head[:64].decode("ascii", "replace") == key:
            if head[65:].decode("ascii", "replace") == digest(body):
                return json.loads(body)
            print(f"press: {path} is damaged: thrown away, and made anew", file=sys.stderr)
            path.unlink(missing_ok=True)
    except OSError:  # none there, or not ours to read
        pass
    value = make() if make else None
    if value is not None:
        body = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
        write_atomically(path, f"{key} {digest(body)}\n".encode() + body)
    return value


def write_atomically(path, content):
    """Write a whole file, of text or bytes, or none: a temporary file beside it, then one rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
    try:
        with open(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_changed(path, content):
    """Write a file unless it holds just that already: it keeps its time, and who watches it is not woken."""
    content = content.encode() if isinstance(content, str) else content
    if not path.is_file() or path.read_bytes() != content:
        write_atomically(path, content)


def evict(folder, used):
    """Remove the files below `folder` that are not among the paths `used`, and the folders that this leaves empty. What another build is writing
    at this moment stays."""
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder before the folder
        with contextlib.suppress(OSError):  # gone, or not empty
            if path.is_dir():
                path.rmdir()
            elif path not in used and not (path.name.startswith(TEMPORARY) and path.stat().st_mtime > time.time() - 3600):
                path.unlink()
