"""What the tests of chapters ask of a cell's output, and of what the old notes said."""

from functools import cache

from press.project import read_yaml
from tests.tiny import ROOT


def lines(chapter, cell):
    """The lines that a cell prints."""
    return chapter[cell].stdout.strip().splitlines()


@cache
def ledger_rows():
    """The rows of ledger.yml, in order: dictionaries with `id`, `said`, `today`, `verdict`, `home` and the like."""
    return read_yaml(ROOT / "ledger.yml", "ledger.yml")["rows"]
