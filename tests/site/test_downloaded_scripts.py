"""The script that a reader downloads runs alone, in an empty folder, under the name that it has there."""

import shutil
import subprocess
import sys

import pytest

from press.export import file_name
from tests.site.conftest import READER
from tests.site.test_built import PROJECT


@pytest.mark.parametrize("stem", PROJECT.chapters())
def test_script_runs_alone(site, stem, tmp_path):
    path = tmp_path / f"{file_name(stem)}.py"  # its own folder is on the path of import, so its name must not hide a package
    shutil.copy(site / "en" / stem / path.name, path)
    done = subprocess.run([sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True, env=READER | {"MPLBACKEND": "Agg"}, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
