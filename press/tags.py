"""The tags of a cell, all of them: what each means for building, page, download and test stands in this one table.

A new tag is a row here, a line of strings in each language for what it names (`extra.strings` of mkdocs.<code>.yml), and a row in
CONTRIBUTING.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tag:
    """What a tag means.

    needs: what the cell needs to be run, "cuda", "network" or "server"; a build without it leaves the cell out. None: nothing.
    gives: what must come of it, "error" or "stderr"; it is a mistake if it does not come, and if it comes without the tag.
    not_run, recorded, note: keys of the strings that the page shows where the cell was not run, where its output is a record's, and where
        it was run; a shell cell has `<key>_shell` where there is one.
    guard: (before, after) of its code in the downloaded script; the code between is indented.
    skip: why tests do not run it where what it needs is missing.
    varies: its output depends on the machine, so it is not compared from run to run.
    fold: the page, and Jupyter, show its code folded, under the title that its quote has.
    """

    needs: str | None = None
    gives: str | None = None
    not_run: str | None = None
    recorded: str | None = None
    note: str | None = None
    guard: tuple[str, str] | None = None
    skip: str | None = None
    varies: bool = False
    fold: bool = False


TAGS = {  # where a cell has several, the first that applies speaks on the page, and the last is the outermost guard
    "raises-exception": Tag(gives="error", guard=("try:  # meant to fail\n", "except Exception as error:\n    print(f'{type(error).__name__}: {error}')\n")),
    "warns": Tag(gives="stderr"),
    "fold": Tag(fold=True),
    "timing": Tag(note="timing", varies=True),
    "screen": Tag(needs="server", not_run="not_run_screen", recorded="recorded_screen", skip="starts a server, as tests/site/test_screens.py does"),
    "network": Tag(needs="network", not_run="not_run_network", skip="needs a download",
                   guard=("if '--network' in sys.argv:  # needs a download: run this script with --network\n", "")),
    "gpu": Tag(needs="cuda", not_run="not_run_gpu", recorded="recorded", skip="needs CUDA, and there is no GPU here",
               guard=("if torch.cuda.is_available():  # needs an NVIDIA GPU\n", "")),
}


def missing(tags, cuda):
    """The tags among `tags` whose needs are not met: a build has no network and no server, and `cuda` says whether there is a GPU."""
    return [tag for tag in TAGS if tag in tags and TAGS[tag].needs and not (cuda and TAGS[tag].needs == "cuda")]


def promised(tags):
    """What must come of a cell with these tags: "error", "stderr"."""
    return {TAGS[tag].gives for tag in tags}


def varies(tags):
    """Whether the output of a cell with these tags depends on the machine."""
    return any(TAGS[tag].varies for tag in tags)


def folded(tags):
    """Whether the code of a cell with these tags is folded."""
    return any(TAGS[tag].fold for tag in tags)
