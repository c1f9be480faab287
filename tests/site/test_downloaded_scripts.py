"""The script that a reader downloads runs alone, in an empty folder, under the name that it has there.

Importing torch and the like takes longer than most scripts. So, where processes can be forked, one process imports them and each
script runs in a copy of it, in a namespace of its own. That a chapter imports all that it needs is seen when its notebook runs.
"""

import json
import shutil
import subprocess
import sys
import textwrap

import pytest

from press.export import file_name
from tests.site.conftest import READER
from tests.site.test_built import PROJECT

FORKING = textwrap.dedent("""
    import json, os, runpy, signal, sys, traceback
    import matplotlib.pyplot, numpy, sklearn.datasets, torch, torch._dynamo, torchvision

    for line in sys.stdin:
        path, log = json.loads(line)
        if child := os.fork():
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
            continue
        signal.alarm(LIMIT)
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), 1)
        os.dup2(1, 2)
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
    """A function that runs a script in its own folder: its exit status, and what it printed."""
    if sys.platform != "linux":
        def run(path):
            done = subprocess.run([sys.executable, str(path)], cwd=path.parent, capture_output=True, text=True, env=ENVIRONMENT, timeout=LIMIT)
            return done.returncode, done.stdout + done.stderr
        yield run
        return
    process = subprocess.Popen([sys.executable, "-c", FORKING.replace("LIMIT", str(LIMIT))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)

    def run(path):
        log = tmp_path_factory.mktemp("log") / "log"  # not beside the script, which has an empty folder
        process.stdin.write(json.dumps([str(path), str(log)]) + "\n")
        process.stdin.flush()
        return int(process.stdout.readline()), log.read_text(encoding="utf-8")

    yield run
    process.stdin.close()
    process.stdout.close()
    process.wait()


@pytest.mark.parametrize("stem", PROJECT.chapters())
def test_script_runs_alone(site, run_script, stem, tmp_path):
    path = tmp_path / f"{file_name(stem)}.py"  # its own folder is on the path of import, so its name must not hide a package
    shutil.copy(site / "en" / stem / path.name, path)
    status, output = run_script(path)
    assert status == 0, output[-2000:]
