"""The script that a reader downloads runs alone, in an empty folder, under the name that it has there, and once more in the same folder, on a
console that knows GBK alone. Both times it prints what the page shows.

Importing torch and the like takes longer than most scripts. So, where processes can be forked, one process imports them and each
script runs in a copy of it, in a namespace of its own. That a chapter imports all that it needs is seen when its notebook runs.
"""

import json
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

from press.export import file_name
from press.outputs import tidy
from press.tags import varies
from tests.building import PROJECT, READER, executed

FORKING = textwrap.dedent("""
    import json, os, runpy, signal, sys, traceback
    import matplotlib.pyplot, numpy, sklearn.datasets, torch, torch._dynamo, torchvision

    for line in sys.stdin:
        path, log, encoding = json.loads(line)
        if child := os.fork():
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
            continue
        signal.alarm(LIMIT)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{log}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout.reconfigure(encoding=encoding.partition(":")[0], errors=encoding.partition(":")[2] or "strict")
        os.environ["PYTHONIOENCODING"] = encoding
        os.chdir(os.path.dirname(path))
        sys.argv, sys.path[0], sys.stdin, status = [path], os.path.dirname(path), open(os.devnull), 0
        try:
            runpy.run_path(path, run_name="__main__")
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        os._exit(status)
    """)
LIMIT = 200  # seconds a script
ENVIRONMENT = READER | {"MPLBACKEND": "Agg"}


@pytest.fixture(scope="module")
def run_script(tmp_path_factory):
    """A function that runs a script in its own folder, with this PYTHONIOENCODING: its exit status, standard output and standard error."""
    if sys.platform != "linux":
        def run(path, encoding):
            done = subprocess.run([sys.executable, str(path)], cwd=path.parent, capture_output=True, timeout=LIMIT, env=ENVIRONMENT | {"PYTHONIOENCODING": encoding})
            return done.returncode, *(text.decode(encoding.partition(":")[0]).replace("\r\n", "\n") for text in (done.stdout, done.stderr))
        yield run
        return
    process = subprocess.Popen([sys.executable, "-c", FORKING.replace("LIMIT", str(LIMIT))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)

    def run(path, encoding):
        log = tmp_path_factory.mktemp("log") / "log"  # not beside the script, which has an empty folder
        process.stdin.write(json.dumps([str(path), str(log), encoding]) + "\n")
        process.stdin.flush()
        status = int(process.stdout.readline())
        return status, log.with_suffix(".out").read_bytes().decode(encoding.partition(":")[0]), log.with_suffix(".err").read_text(errors="replace")

    yield run
    process.stdin.close()
    process.stdout.close()
    process.wait()


def expected(stem):
    """A pattern of all that a script prints: the standard output and the errors of the page's cells, in order; of a cell whose output depends
    on the machine, anything."""
    cells, parts = PROJECT.cells(stem), []
    for address, outputs in executed(stem).outputs.items():
        texts = [output["text"] if output["output_type"] == "stream" else f"{output['ename']}: {output['evalue']}\n"
                 for output in outputs if output["output_type"] == "error" or output.get("name") == "stdout"]
        parts.append(r"[\s\S]*?" if texts and varies(cells[address].tags) else re.escape("".join(texts)))
    return "".join(parts)


@pytest.mark.parametrize("stem", PROJECT.chapters())
def test_script_runs_alone_and_again_and_prints_what_the_page_shows(site, run_script, stem, tmp_path):
    path = tmp_path / f"{file_name(stem)}.py"  # its own folder is on the path of import, so its name must not hide a package
    shutil.copy(site / "en" / stem / path.name, path)
    for encoding in ("utf-8:strict", "gbk:strict"):
        status, output, errors = run_script(path, encoding)
        assert status == 0, output[-1000:] + errors[-2000:]
        assert re.fullmatch(expected(stem), tidy(output)), f"{encoding}: {output}"
