"""The workflows on GitHub: zizmor finds nothing in them, they do what README says, and the weekly one keeps its one issue."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

from tools import torch_issue

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}
USES = re.compile(r"\buses: ([\w.-]+/[\w./-]+)@([0-9a-f]{40}) # v\d+(?:\.\d+)*$", re.MULTILINE)
on_ubuntu = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a step that runs on Ubuntu")


def zizmor(folder):
    command = [shutil.which("zizmor", path=sysconfig.get_path("scripts")), "--offline", "--no-config", "--strict-collection", "--collect=all",
               "--persona=pedantic", "--color=never", str(folder)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)


def workflow(name):
    return yaml.safe_load(WORKFLOWS[name])


def steps_of(name, job):
    return workflow(name)["jobs"][job]["steps"]


def commands(name, job):
    """All lines that the job runs, in order."""
    return [line for step in steps_of(name, job) for line in step.get("run", "").splitlines()]


def script(name, job, step):
    return next(found["run"] for found in steps_of(name, job) if found.get("name") == step)


# what zizmor says


def test_zizmor_finds_nothing():
    result = zizmor(ROOT / ".github" / "workflows")
    assert result.returncode == 0, result.stdout + result.stderr
    assert all(f"{name}.yml" in result.stderr for name in WORKFLOWS), f"not all were read:\n{result.stderr}"


@pytest.mark.parametrize("audit, old, new", [
    ("unpinned-uses", "@3d3c42e5aac5ba805825da76410c181273ba90b1", "@v7"),
    ("artipacked", "with: {persist-credentials: false}", ""),
    ("excessive-permissions", "permissions: {}", "permissions: write-all"),
    ("template-injection", "run: .ci/run", "run: echo ${{ github.event.pull_request.title }}"),
])
def test_zizmor_would_find(audit, old, new, tmp_path):
    assert old in WORKFLOWS["test"]
    (tmp_path / "test.yml").write_text(WORKFLOWS["test"].replace(old, new), encoding="utf-8")
    result = zizmor(tmp_path / "test.yml")
    assert result.returncode and f"[{audit}]" in result.stdout, result.stdout + result.stderr


# what zizmor does not say


def mistakes(text):
    """What is wrong with a workflow."""
    content = yaml.safe_load(text)
    triggers = content.get("on", content.get(True))  # to YAML, on is true
    found = []
    if content["permissions"] != {}:
        found.append("permissions for all jobs")
    if "continue-on-error" in text:
        found.append("a failure that does not count")
    if "PYTHONUTF8" in text or "PYTHONIOENCODING" in text:
        found.append("an encoding that a reader does not have")
    for name, job in content["jobs"].items():
        used = [step["uses"] for step in job["steps"] if "uses" in step]
        if not isinstance(job.get("timeout-minutes"), int):
            found.append(f"{name}: no timeout")
        if "permissions" not in job:
            found.append(f"{name}: no permissions of its own")
        elif "write" in job["permissions"].values() and any(action.startswith("actions/checkout@") for action in used):
            found.append(f"{name}: may write, and runs what it checks out")
        if "self-hosted" in job["runs-on"] and any("pull_request" in trigger for trigger in triggers):
            found.append(f"{name}: a pull request reaches a self-hosted runner")
    if len(USES.findall(text)) != sum("uses" in step for job in content["jobs"].values() for step in job["steps"]):
        found.append("an action that is not pinned by its hash, with its version behind it")
    return found


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_mistakes(name):
    assert mistakes(WORKFLOWS[name]) == []


@pytest.mark.parametrize("name, old, new, mistake", [
    ("test", "permissions: {}", "permissions: {contents: read}", "permissions for all jobs"),
    ("test", "runs-on: windows-latest", "runs-on: windows-latest\n    continue-on-error: true", "a failure that does not count"),
    ("test", 'NO_MKDOCS_2_WARNING: "1"', 'PYTHONUTF8: "1"', "an encoding that a reader does not have"),
    ("test", "    timeout-minutes: 60\n", "", "test: no timeout"),
    ("test", "    permissions:\n      contents: read # to check out\n", "", "windows: no permissions of its own"),
    ("test", "contents: read", "contents: write", "macos: may write, and runs what it checks out"),
    ("gpu", "  push:\n", "  pull_request:\n  push:\n", "gpu: a pull request reaches a self-hosted runner"),
    ("weekly", " # v7.0.1", "", "an action that is not pinned by its hash, with its version behind it"),
    ("site", "@cd2ce8fcbc39b97be8ca5fce6e763baed58fa128", "@cd2ce8f", "an action that is not pinned by its hash, with its version behind it"),
])
def test_would_be_a_mistake(name, old, new, mistake):
    assert old in WORKFLOWS[name]
    assert mistake in mistakes(WORKFLOWS[name].replace(old, new))


def test_an_action_has_one_version():
    pins = {pin for text in WORKFLOWS.values() for pin in USES.findall(text)}
    assert len(pins) == len({action for action, _ in pins}), sorted(pins)


def test_linux_runs_what_decides():
    assert commands("test", "test") == [".ci/run"]


def test_site_is_tested_then_built_then_published():
    assert commands("site", "build") == [".ci/run", "make build"]
    build = steps_of("site", "build")
    assert build[-2]["env"].keys() == {"SITE_URL", "REPO_URL"} and build[-1]["uses"].startswith("actions/upload-pages-artifact@")
    assert workflow("site")["jobs"]["deploy"]["needs"] == "build"


# README


def hand_steps(readme):
    """The commands of the section "Without make"."""
    fences = re.findall(r"^```text\n(.*?)^```", (ROOT / readme).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return next(fence for fence in fences if fence.startswith("py -3.12")).splitlines()


ENDS = {"mkdocs serve": "mkdocs build --strict",  # a server would not end
        "pytest": 'pytest -m "not browser"'}  # no Chromium on the PATH
MACOS = {"py -3.12 -m venv .venv": "python3.12 -m venv .venv", r".venv\Scripts\activate": "source .venv/bin/activate"}


@pytest.mark.parametrize("job, first, here", [
    ("windows", ["$PSNativeCommandUseErrorActionPreference = $true"], ENDS),  # each failure counts, as in bash
    ("macos", [], ENDS | MACOS),
])
def test_hand_steps_are_those_of_readme(job, first, here):
    steps = hand_steps("README.en.md")
    assert commands("test", job) == first + [here.get(step, step) for step in steps]
    assert workflow("test")["jobs"][job]["env"] == {"NO_MKDOCS_2_WARNING": "1"}


def test_both_readmes_say_the_same_steps():
    assert hand_steps("README.md") == hand_steps("README.en.md")


# the weekly issue: its text


@pytest.fixture
def told(tmp_path, capsys):
    """Writes the three files (None: none, a text: as it is), and gives the report and its exit status."""

    def tell(pinned, newest, log):
        paths = [tmp_path / "pinned.json", tmp_path / "newest.json", tmp_path / "test-log.txt"]
        for path, content in zip(paths, (pinned, newest, log)):
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        status = torch_issue.main([*map(str, paths)])
        return capsys.readouterr().out, status

    return tell


def stream(text):
    return [{"output_type": "stream", "name": "stdout", "text": text}]


PASSED = "= 900 passed, 3 skipped in 1200.00s =\nexit status 0\n"


def test_nothing_to_tell(told):
    outputs = {"foundations/tensors": {"create": stream("tensor([1])\n"), "empty": []}}
    text, status = told(outputs, outputs, PASSED)
    assert status == 0 and text.startswith("The newest torch changes nothing.")


def test_a_changed_output_is_told_with_its_diff(told):
    before = {"foundations/tensors": {"create": stream("same\ntensor([1.])\n"), "other": stream("x")}, "networks/lenet": {"net": []}}
    after = {"foundations/tensors": {"create": stream(["same\n", "tensor([2.])\n"]), "other": stream("x")}, "networks/lenet": {"net": stream("a warning")}}
    text, status = told(before, after, PASSED)
    assert status == 1
    assert "## Cells whose output differs: 2" in text
    first, second = text.split("### `")[1:]
    assert first.startswith("foundations/tensors`, cell `create`") and "\n same\n-tensor([1.])\n+tensor([2.])\n" in first
    assert second.startswith("networks/lenet`, cell `net`") and "\n+a warning\n" in second
    assert "cell `other`" not in text and "## Tests" not in text


def test_a_cell_that_is_gone_is_told(told):
    text, status = told({"a": {"one": stream("1"), "two": stream("2")}, "b": {"three": stream("3")}}, {"a": {"one": stream("1")}}, PASSED)
    assert status == 1 and re.findall("### (.*)", text) == ["`a`, cell `two`", "`b`, cell `three`"]


def test_a_picture_is_told_without_its_source(told):
    def figure(source):
        return {"c": {"plot": [{"output_type": "display_data", "data": {"image/svg+xml": source, "text/plain": "<Figure>"}, "metadata": {}}]}}

    text, status = told(figure("<svg>one</svg>"), figure("<svg>other</svg>"), PASSED)
    assert status == 1 and "-14 characters, SHA-256 " in text and "+16 characters, SHA-256 " in text and "<svg>" not in text


def test_failed_tests_are_told(told):
    log = ("ERROR    -  Config value 'x': no\nFAILED to find a file\n=== short test summary info ===\n"
           "\x1b[31mFAILED\x1b[0m tests/foundations/test_install.py::test_versions - assert '2.16.0' == '2.15.0'\n"
           "ERROR tests/networks/test_lenet.py - ImportError: gone\nFAILED README.en.md::line 56\n"
           "FAILED README.en.md::line 56\nSKIPPED [3] needs CUDA\n= 2 failed =\nmake: *** [Makefile:25: test] Error 1\nexit status 2\n")
    text, status = told({}, {}, log)
    assert status == 1
    told_lines = text.split("## Tests that fail: 3\n\n```text\n")[1].split("\n```")[0].splitlines()
    assert [line.split()[1] for line in told_lines] == ["tests/foundations/test_install.py::test_versions", "tests/networks/test_lenet.py", "README.en.md::line"]


@pytest.mark.parametrize("log, says", [
    ("collected 900 items\nFatal Python error: Segmentation fault\nexit status 139\n", "## The tests did not pass"),
    ("= 900 passed =\n", "## The tests did not pass"),  # cut off before its end
    (None, "## The tests did not run"),
])
def test_a_run_that_does_not_end_well_is_told(told, log, says):
    text, status = told({}, {}, log)
    assert status == 1 and says in text
    assert log is None or log.splitlines()[0] in text


@pytest.mark.parametrize("damaged", [None, "", "[]", '{"a": 1}', '{"a": {'])
def test_outputs_that_are_missing_are_told(told, damaged):
    text, status = told({"a": {}}, damaged, "RuntimeError: a cell failed\n" + PASSED)
    assert status == 1 and "not executed with the newest torch" in text and "RuntimeError: a cell failed" in text
    text, status = told(damaged, {"a": {}}, PASSED)
    assert status == 1 and "not executed with the pinned torch" in text


@pytest.mark.parametrize("letter", ["x", "张"])
def test_a_long_text_is_cut_and_says_so(told, letter):
    before = {"a": {f"cell-{number}": stream(f"{letter}\n" * 10) for number in range(900)}}
    after = {"a": {f"cell-{number}": stream(f"{letter * 900}\n" * 50) for number in range(900)}}
    text, status = told(before, after, PASSED)
    assert status == 1 and 45_000 < len(text.encode()) <= 60_000
    assert "## Cells whose output differs: 900" in text and " more lines\n```" in text
    shown = text.count("### `a`, cell ")
    assert text.endswith(f"Cut here, since an issue holds no more: {900 - shown} more parts are left out.\n")


def test_an_output_cannot_leave_its_fence(told):
    text, _ = told({"a": {"one": stream("```\n@everyone <script>\n````")}}, {"a": {"one": stream("1")}}, PASSED)
    assert "\n`````diff\n" in text and text.rstrip().endswith("\n`````")


def test_versions_are_those_of_both_sides(monkeypatch):
    monkeypatch.setattr(torch_issue, "version", {"torch": "2.99.0", "torchvision": "0.99.0"}.get)
    table = torch_issue.versions("numpy==2.5.5\ntorch==2.15.0\ntorchvision==0.29.2\n")
    assert "| torch | 2.15.0 | 2.99.0 |" in table and "| torchvision | 0.29.2 | 0.99.0 |" in table
    pinned = torch_issue.versions((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    assert "not pinned" not in pinned


# the weekly issue: its steps


def run_step(text, folder, **environment):
    """A step's script, run as GitHub would; `bin` in the folder comes first on the PATH."""
    return subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text], cwd=folder, capture_output=True, encoding="utf-8",
                          timeout=60, env={"PATH": f"{folder}/bin:/usr/bin:/bin", "HOME": str(folder), **environment})


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@on_ubuntu
@pytest.mark.parametrize("news, number, body, calls", [
    ("false", "", "", []),
    ("false", "7", "old", ["close 7"]),
    ("true", "", "", ["create", "comment https://github.com/o/r/issues/8"]),
    ("true", "7", "old", ["edit 7", "comment 7"]),
    ("true", "7", "the report", []),
    ("", "", "", ["create", "comment https://github.com/o/r/issues/8"]),  # the run ended before it could compare
])
def test_there_is_one_issue(news, number, body, calls, tmp_path):
    program(tmp_path / "bin" / "gh", f"""#!/bin/sh
case "$1 $2" in
  "issue list") echo "{number}" ;;
  "issue view") echo "{body}" ;;
  "label create") ;;
  "issue create") echo https://github.com/o/r/issues/8; echo "$2" "$*" >> calls ;;
  "issue close" | "issue comment" | "issue edit") echo "$2 $3" "$*" >> calls ;;
  *) exit 1 ;;
esac
""")
    result = run_step(script("weekly", "issue", "open it, change it or close it"), tmp_path, NEWS=news, REPORT="the report", RUN="https://run")
    assert result.returncode == 0, result.stderr
    made = (tmp_path / "calls").read_text(encoding="utf-8").splitlines() if (tmp_path / "calls").exists() else []
    assert len(made) == len(calls) and all(line.startswith(call) for line, call in zip(made, calls)), made
    for line in made:
        assert ("--body the report" in line) == line.startswith(("create", "edit")) and ("https://run" in line) == line.startswith(("comment", "close"))


@on_ubuntu
@pytest.mark.parametrize("newest, news", [('{"a": {"one": []}}', "false"), ('{"a": {"one": ["2"]}}', "true")])
def test_the_report_reaches_the_next_job(newest, news, tmp_path):
    program(tmp_path / ".venv" / "bin" / "python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "torch_issue.py", tmp_path / "tools")
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    for name, content in {"pinned.json": '{"a": {"one": []}}', "newest.json": newest, "test-log.txt": PASSED}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    result = run_step(script("weekly", "newest-torch", "compare"), tmp_path, RUNNER_TEMP=str(tmp_path), GITHUB_OUTPUT=str(tmp_path / "out"),
                      GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    assert result.returncode == 0, result.stderr
    first, second, *report, last = (tmp_path / "out").read_text(encoding="utf-8").splitlines()
    assert first == f"news={news}" and second == f"report<<{last}" and len(last) > 30
    assert report == (tmp_path / "summary").read_text(encoding="utf-8").splitlines() and ("cell `one`" in "\n".join(report)) == (news == "true")


@on_ubuntu
@pytest.mark.parametrize("status", [0, 1])
def test_outputs_and_what_went_wrong_with_them_are_kept_apart(status, tmp_path):
    program(tmp_path / ".venv" / "bin" / "python", f"#!/bin/sh\necho '{{}}'; echo a cell failed >&2; exit {status}\n")
    result = run_step(script("weekly", "newest-torch", "outputs with the newest torch"), tmp_path, RUNNER_TEMP=str(tmp_path))
    assert result.returncode == status
    assert (tmp_path / "newest.json").read_text(encoding="utf-8") == "{}\n"
    assert (tmp_path / "test-log.txt").read_text(encoding="utf-8") == "a cell failed\n" == result.stdout


@on_ubuntu
@pytest.mark.parametrize("status", [0, 2])
def test_the_log_ends_with_how_the_tests_ended(status, tmp_path):
    program(tmp_path / ".ci" / "run", f"#!/bin/sh\necho to stdout; echo to stderr >&2; exit {status}\n")
    (tmp_path / "test-log.txt").write_text("from before\n", encoding="utf-8")
    result = run_step(script("weekly", "newest-torch", "tests with the newest torch"), tmp_path, RUNNER_TEMP=str(tmp_path))
    assert result.returncode == status
    log = (tmp_path / "test-log.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(log[:-1]) == ["from before", "to stderr", "to stdout"] and log[-1] == f"exit status {status}"


def test_only_the_issue_job_may_write_in_the_weekly_run():
    jobs = workflow("weekly")["jobs"]
    assert {name for name, job in jobs.items() if "write" in job["permissions"].values()} == {"issue"}
    assert jobs["issue"]["permissions"] == {"issues": "write"} and not any("uses" in step for step in jobs["issue"]["steps"])


def test_properdocs_builds_in_mkdocs_place():
    lines = commands("weekly", "properdocs")
    assert any(re.fullmatch(r"\.venv/bin/pip install -r requirements\.txt -c constraints\.txt properdocs==[\d.]+", line) for line in lines)
    assert lines[-2:] == [".venv/bin/pip uninstall --yes mkdocs", ".venv/bin/properdocs build --strict --config-file mkdocs.yml"]
