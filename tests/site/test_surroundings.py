"""Whatever the machine around a build has set, lacks or has lying about: the site is the same, and what is wrong is said in one line."""

import os
import subprocess
import sys
import time

import pytest

from tests.building import SHELL, TinySite, build, built, files, run, said, without_timings
from tests.tiny import PAGE

CHAPTER = """\
# %% paths
print("a/b /usr/lib / // /nobody", "C:/x")

# %% figure
import matplotlib.pyplot as plt
plt.plot([1, 2], label="a/b")
plt.legend()
plt.show()

# %% warned tags=["warns"]
import warnings
warnings.warn("a/b is careful")

# %% failed tags=["raises-exception"]
assert 1 == 2, "a/b is not asserted"

# %% said
import datetime, locale, os, sys, tempfile
print(sys.flags.dev_mode, sys.flags.optimize, sys.warnoptions, sys.stdout.encoding.lower(), locale.getpreferredencoding().lower())
print(os.path.basename(os.path.expanduser("~")), sorted(name for name in os.environ if name.startswith(("PYTHON", "MPL", "XDG", "IPY"))))
print(datetime.datetime.fromtimestamp(0), __doc__, sorted(name for name in globals() if "host" in name))
"""


@pytest.fixture(scope="module")
def chapter(tmp_path_factory, warm):
    """A tiny site with a chapter that draws, warns and says what its kernel is like, not executed yet."""
    project = TinySite(tmp_path_factory.mktemp("chapter") / "project", warm.cache)
    (project.snippets / "b.py").write_text(CHAPTER, encoding="utf-8")
    quotes = [f'```python\n--8<-- "b.py:{name}"\n```' for name in ("paths", "figure", "warned", "failed", "said")]
    project.both("# B {#b}\n\n" + "\n\n".join(quotes).replace('b.py:figure"\n```', 'b.py:figure"\n```\n![a line](b.py:figure "drawn")'), "b")
    return project


def pages(project, site, **how):
    """{address: content} of a build of English, sitemap and what depends on the machine left out. The chapter is executed anew."""
    (project.cache / "executed/b.kept").unlink(missing_ok=True)
    log = built(site, root=project.root, **{"file": "mkdocs.en.yml"} | how)
    assert "executed 1 of 1: b" in log
    return {name: without_timings(content.decode()) if name.endswith(".html") else content for name, content in files(site).items() if "sitemap" not in name}


@pytest.fixture(scope="module")
def ordinary(chapter, tmp_path_factory):
    """What an ordinary machine builds."""
    found = pages(chapter, tmp_path_factory.mktemp("ordinary"))
    page = found["b/index.html"]
    assert "a/b /usr/lib / // /nobody C:/x\n" in page and "UserWarning: a/b is careful\n" in page and "AssertionError: a/b is not asserted" in page
    assert "False 0 [] utf-8 utf-8\n" in page
    figures = [content for name, content in found.items() if name.startswith("assets/figures/")]
    assert len(figures) == 2 and all(b"</svg>" in content and b"~" not in content for content in figures)
    return found


def noisy(folder):
    """Folders and files of a host whose every setting would spoil an execution: {variable: value}."""
    for path, text in {
        "prefix/sitecustomize.py": "import sys; sys.prefix = '/usr'", "startup.py": "host = 1; print('of the host')",
        "ipython/profile_default/startup/00-host.py": "host = 1; print('of the host')",
        "ipython/profile_default/ipython_kernel_config.py": "c.InlineBackend.figure_formats = {'png'}\nc.IPKernelApp.exec_lines = ['host = 1']",
        "jupyter/jupyter_config.json": "{\"KernelManager\": {\"kernel_cmd\": [\"false\"]}}",
        "data/kernels/python3/kernel.json": '{"argv": ["false", "{connection_file}"], "display_name": "of the host", "language": "python"}',
        "mpl/matplotlibrc": "figure.figsize: 1, 1\nlines.linewidth: 9\n", "mpl/stylelib/x.mplstyle": "", "rc": "figure.figsize: 1, 1\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


HOSTS = {
    "home is the root": lambda folder: {"HOME": "/"},
    "home is part of a path that is printed": lambda folder: {"HOME": "/usr"},
    "the environment is part of a path that is printed": lambda folder: {"PYTHONPATH": f"{folder}/prefix", "JUPYTER_PATH": f"{sys.prefix}/share/jupyter"},
    "no home": lambda folder: {"HOME": None, "USER": None, "LOGNAME": None},
    "nothing can be written at home": lambda folder: {name: "/dev/null/x" for name in (
        "HOME", "MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")},
    "Python is told things": lambda folder: {
        "PYTHONWARNINGS": "always", "PYTHONOPTIMIZE": "2", "PYTHONSTARTUP": f"{folder}/startup.py", "PYTHONDEVMODE": "1", "PYTHONHASHSEED": "3",
        "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "gbk", "PYTHONFAULTHANDLER": "1", "PYTHONSAFEPATH": "1"},
    "Jupyter is told things": lambda folder: {
        "JUPYTER_PATH": f"{folder}/data", "JUPYTER_DATA_DIR": f"{folder}/data", "JUPYTER_CONFIG_DIR": f"{folder}/jupyter", "JUPYTER_CONFIG_PATH": f"{folder}/jupyter",
        "IPYTHONDIR": f"{folder}/ipython", "JUPYTER_PREFER_ENV_PATH": "0", "JUPYTER_PLATFORM_DIRS": "1"},
    "matplotlib is told things": lambda folder: {
        "MPLCONFIGDIR": f"{folder}/mpl", "MATPLOTLIBRC": f"{folder}/rc", "MPLBACKEND": "TkAgg", "SOURCE_DATE_EPOCH": "99", "OMP_NUM_THREADS": "3"},
    "another language and clock": lambda folder: {
        "LC_ALL": "C", "LANG": "zh_CN.GBK", "LANGUAGE": "zh", "PYTHONCOERCECLOCALE": "0", "TZ": "Asia/Shanghai", "PYTHONIOENCODING": "cp1252", "COLUMNS": "40",
        "FORCE_COLOR": "1", "TERM": "dumb"},
}


@pytest.mark.parametrize("host", HOSTS)
def test_the_site_is_the_same(chapter, ordinary, tmp_path, host):
    found = pages(chapter, tmp_path / "site", environment=HOSTS[host](noisy(tmp_path)))
    assert found.keys() == ordinary.keys()
    assert {name: content for name, content in found.items() if content != ordinary[name]} == {}


def test_modules_that_lie_about_do_not_reach_a_kernel(chapter, ordinary, tmp_path):
    """Neither on PYTHONPATH nor in the folder in which the build is started."""
    (tmp_path / "matplotlib.py").write_text('raise ImportError("a module of the host")')
    assert pages(chapter, tmp_path / "site", cwd=tmp_path, file=chapter.root / "mkdocs.en.yml", environment={"PYTHONPATH": str(tmp_path)}) == ordinary


def test_nothing_of_a_known_name_lies_in_the_folder_that_all_users_share(chapter, tmp_path):
    """Another user could have put it there. And nothing stays behind."""
    seen = []
    for turn in range(2):
        (chapter.cache / "executed/b.kept").unlink(missing_ok=True)
        temporary, names = tmp_path / f"tmp{turn}", set()
        temporary.mkdir()
        with subprocess.Popen([sys.executable, "-m", "mkdocs", "build", "-q", "--strict", "-d", tmp_path / "site"], cwd=chapter.root, env=SHELL | {"TMPDIR": str(temporary)}) as build:
            while build.poll() is None:
                names |= set(os.listdir(temporary))
                time.sleep(0.01)
        assert build.returncode == 0 and names
        assert os.listdir(temporary) == []
        seen.append(names)
    assert not seen[0] & seen[1]


@pytest.mark.parametrize("encoding", ["gbk", "cp1252", "ascii"])
def test_a_mistake_is_told_on_a_console_that_lacks_its_letters(tiny_site, tmp_path, encoding):
    tiny_site.put("docs/zh/a.md", PAGE + "\n    [那里](#没有)\n")
    tiny_site.put("docs/en/a.md", PAGE + "\n    [there](#没有)\n")
    name = "#没有" if encoding == "gbk" else r"#\u6ca1\u6709"
    done = build(tmp_path / "site", root=tiny_site.root, environment={"PYTHONIOENCODING": encoding})
    with open(tmp_path / "said", "wb") as file:  # python -m press check > file
        checked = run("press", "check", cwd=tiny_site.root, environment={"PYTHONIOENCODING": encoding}, capture_output=False, stdout=file, stderr=subprocess.PIPE)
    assert done.returncode != 0 and checked.returncode == 1 and checked.stderr == ""
    for text in (said(done), (tmp_path / "said").read_text(encoding=encoding)):
        assert f"docs/zh/a.md:19: the link {name} leads to no heading" in text
        assert "Error:" not in text and "Traceback" not in text


def test_without_ipykernel_one_line_says_so(chapter, tmp_path):
    (chapter.cache / "executed/b.kept").unlink(missing_ok=True)
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['ipykernel'] = None")
    done = build(tmp_path / "site", root=chapter.root, environment={"PYTHONPATH": str(tmp_path)})
    assert done.returncode != 0
    assert "requirements.txt: ipykernel is not installed in this environment, so nothing can be executed\n  -> " in said(done)
    assert "Traceback" not in said(done) and len(said(done).strip().splitlines()) < 6


@pytest.mark.parametrize("start", ["above, by a relative path", "elsewhere, by an absolute path", "elsewhere, by a link"])
def test_a_build_may_be_started_in_any_folder(tiny_site, tmp_path, start):
    """And a relative --site-dir is MkDocs' own: one below the configuration."""
    elsewhere, link = tmp_path / "elsewhere", tmp_path / "link"
    elsewhere.mkdir()
    link.symlink_to(tiny_site.root)
    cwd, file = {"above, by a relative path": (tmp_path, "project/mkdocs.yml"), "elsewhere, by an absolute path": (elsewhere, tiny_site.root / "mkdocs.yml"),
                 "elsewhere, by a link": (elsewhere, "../link/mkdocs.yml")}[start]
    log = built("out", root=tiny_site.root, file=file, cwd=cwd)
    assert "executed" not in log
    assert {path.name for path in (tiny_site.root / "out").iterdir()} >= {"zh", "en", "index.html", "assets"}
    assert (tiny_site.root / "out/zh/a/index.html").is_file()
    assert not list(elsewhere.iterdir()) and not (tmp_path / "out").exists()
