"""`python -m press check`, `execute [stem ...]` or `record`: the press without MkDocs."""

import sys

from press import chapters, execute, records


def main(arguments):
    project, command, stems = chapters.Project("."), arguments[:1], arguments[1:]
    try:
        if command == ["check"]:
            errors = chapters.check(project)
            print("\n\n".join(map(str, errors)) or "no mistakes found")
            return bool(errors)
        if command == ["execute"]:
            execute.execute(project, stems or project.chapters())
        elif command == ["record"]:
            records.record(project)
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except chapters.PressError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
