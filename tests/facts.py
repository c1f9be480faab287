"""Facts that rest on pages elsewhere: what such a page says, its official address, and the day it was read."""

from functools import cache
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parent / "facts"


@cache
def facts(stem):
    """{name: {says, source, read}} of a page: `says` is a value or a list, `source` an https address, `read` a date."""
    return yaml.safe_load((FOLDER / f"{stem}.yml").read_text(encoding="utf-8"))


def fact(stem, name):
    """What the source of a fact says."""
    return facts(stem)[name]["says"]
