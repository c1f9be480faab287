"""`python -m press check`, `ledger`, `execute [stem ...]` or `record`: the press without MkDocs."""

import sys

from press import chapters, execute, ledger, records


def main(arguments):
    project, command, stems = chapters.Project("."), arguments[:1], arguments[1:]
    try:
        if command == ["check"]:
            errors = chapters.check(project) or ledger.check_ledger(project)
            print("\n\n".join(map(str, errors)) or "no mistakes found")
            return bool(errors)
        if command == ["ledger"]:
            print(ledger.summary(project))
        elif command == ["execute"]:
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
