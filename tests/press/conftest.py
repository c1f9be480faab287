"""What the tests of the press share: a tiny project in an empty folder."""

import pytest

from tests.tiny import Mini


@pytest.fixture
def mini(tmp_path):
    return Mini(tmp_path / "project")
