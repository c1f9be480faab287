"""`python -m press check`, `claims [stem ...]`, `ledger`, `execute [stem ...]`, `outputs` or `stage`: the press without MkDocs."""

import json
import sys
from functools import partial

from press import check, claims, execute, ledger, stage, tags
from press.cells import nearest
from press.project import PressError, Project


def outputs(project):
    """{stem: {address of a cell: outputs}} of all chapters, those that depend on the machine left out."""
    return {stem: {address: found for address, found in execution.outputs.items() if not tags.varies(project.cells(stem)[address].tags)}
            for stem, execution in execute.execute(project, project.chapters(), report=partial(print, file=sys.stderr)).items()}


def _known(project, stems):
    """The stems. Raises PressError where one is of no chapter."""
    for stem in set(stems).difference(project.chapters()):
        raise PressError(f"snippets/{stem}.py", None, "there is no such chapter", nearest(stem, project.chapters()) + "name it as section/chapter")
    return stems


def main(arguments):
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a console that lacks a letter shows its number
    project, command, stems = Project(".", read_once=True), arguments[:1], arguments[1:]
    try:
        if command == ["check"]:
            errors = check.check(project)
            print("\n\n".join(map(str, errors)) or "no mistakes found")
            return bool(errors)
        if command == ["ledger"]:
            print(ledger.summary(project))
        elif command == ["claims"]:
            print("\n".join(claims.summary(project, _known(project, stems) or project.chapters())))
        elif command == ["execute"]:
            execute.execute(project, _known(project, stems) or project.chapters())
        elif command == ["outputs"]:
            print(json.dumps(outputs(project), indent=1, sort_keys=True))
        elif command == ["stage"]:
            stage.stage(project)
            print(f"staged in {project.cache / 'book'}")
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except PressError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
