"""The proof of what docs/*/foundations/install.md claims."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import metadata, requires, version
from pathlib import Path

import pytest
import torch

from tests.prose import says, says_in

INDEX = '"$INDEX/'  # the address that the official selector fills in


def shell(chapter, name):
    """A shell cell as lists of words, a line each."""
    source = chapter.project.cells(chapter.stem)[f"foundations/install.sh:{name}"].source
    return [line.split() for line in source.splitlines()]


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


# ---- the lines of the terminal -----------------------------------------------------------------


def test_every_install_line_goes_through_python_and_takes_both_at_once(chapter):
    for name in ("cpu", "mac", "cuda", "again"):
        line = shell(chapter, name)[-1]
        assert line[:6] == ["python", "-m", "pip", "install", "torch", "torchvision"]
    assert shell(chapter, "cpu")[0][6:] == ["--index-url", INDEX + 'cpu"']
    assert shell(chapter, "mac")[0][6:] == []
    assert shell(chapter, "again")[0] == ["python", "-m", "pip", "uninstall", "--yes", "torch", "torchvision"]
    for language in ("zh", "en"):
        for address in re.findall(r"\]\(#([\w-]+)\)", chapter.prose(language)):
            assert f"{{#{address}}}" in chapter.prose(language)


def test_the_cuda_line_names_the_cuda_of_this_torch(chapter):
    ((*_, option, address),) = shell(chapter, "cuda")
    assert option == "--index-url" and address.startswith(INDEX + "cu")
    digits = address.removeprefix(INDEX + "cu").rstrip('"')
    says(chapter, f"`cu{digits}`", f"CUDA {digits[:2]}.{digits[2:]}")
    if torch.version.cuda:
        assert torch.version.cuda.replace(".", "") == digits and torch.__version__.endswith(f"+cu{digits}")


def test_torch_2_15_wants_python_3_11(chapter):
    assert version("torch").startswith("2.15.") and metadata("torch")["Requires-Python"] == ">=3.11"
    says_in(chapter, "zh", "Python 要 3.11 以上", "torch 2.15")
    says_in(chapter, "en", "Python must be 3.11 or newer", "torch 2.15")


def test_only_linux_gets_cuda_from_pypi():
    cuda = [line for line in requires("torch") if re.match(r"cuda-|nvidia-", line)]
    if torch.version.cuda and not cuda:
        pytest.skip("this torch does not come from PyPI")
    assert all('platform_system == "Linux"' in line for line in cuda)


def test_what_else_is_installed_is_what_requirements_txt_pins(chapter):
    names = set(shell(chapter, "rest")[0][4:])
    pinned = set(re.findall(r"^([\w-]+)==", (chapter.project.root / "requirements.txt").read_text(), re.M))
    assert names - pinned == {"jupyterlab"} and {"numpy", "matplotlib", "scikit-learn", "tqdm"} <= names


def test_a_virtual_environment_has_a_python_of_its_own(chapter, tmp_path):
    """The cell itself, with the Python of the tests as `python3`: not every system's Python can make environments."""
    source = chapter.project.cells(chapter.stem)["foundations/install.sh:venv"].source
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = run(["bash", "-euo", "pipefail", "-c", source], cwd=tmp_path, env=os.environ | {"PATH": path, "HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "learn")
    inside = run([str(tmp_path / "learn/bin/python"), "-c", "import torch"])
    assert inside.stderr.strip().endswith("ModuleNotFoundError: No module named 'torch'")
    for language in ("zh", "en"):  # the same three steps for Windows
        block = re.search(r"```text\n(.*?)```", chapter.prose(language), re.S)[1].splitlines()
        assert block == ["py -m venv learn", "learn\\Scripts\\Activate.ps1", source.splitlines()[2]]


@pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="this environment has no pip")
def test_the_command_line_overrules_the_configuration_of_pip(chapter, tmp_path):
    env = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    env |= {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "HOME": str(tmp_path), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    pip = [sys.executable, "-m", "pip"]
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = file:///configured/simple\n")
    (tmp_path / "empty").mkdir()
    assert "global.index-url='file:///configured/simple'" in run([*pip, "config", "list"], env=env).stdout
    index = f"file://{tmp_path}/empty"
    asked = run([*pip, "download", "--no-deps", "--retries", "0", "--index-url", index, "torch"], env=env, cwd=tmp_path)
    assert index in asked.stdout and "configured" not in asked.stdout + asked.stderr
    assert "No matching distribution found for torch" in asked.stderr
    says(chapter, "python -m pip config set global.index-url", "python -m pip config list",
         "python -m pip config unset global.index-url", "`No matching distribution found for torch`")


def test_no_mirror_is_named(chapter):
    hosts = {"pytorch.org", "pip.pypa.io", "github.com", "docs.nvidia.com"}
    for language in ("zh", "en"):
        assert set(re.findall(r"https?://([^/\s)]+)", chapter.prose(language))) <= hosts


# ---- the report --------------------------------------------------------------------------------


@pytest.mark.ledger("n1-02")
def test_a_few_lines_report_the_environment(chapter):
    shown = dict(re.fullmatch(r"(\w+) +(.*)", line).groups() for line in chapter["environment"].stdout.splitlines())
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    assert shown == {
        "Python": f"{sys.version.split()[0]} on {platform.system()} {platform.machine()}",
        "torch": torch.__version__, "torchvision": version("torchvision"),
        "CUDA": str(torch.version.cuda), "accelerator": str(accelerator),
    }
    assert list(shown) == ["Python", "torch", "torchvision", "CUDA", "accelerator"]
    says_in(chapter, "zh", "截图不能复制", "求助时，把这几行原样贴上")
    says_in(chapter, "en", "A screenshot cannot be copied", "ask for help, paste these lines")


@pytest.mark.ledger("n1-02")
def test_the_report_needs_no_torchvision_that_works(chapter):
    """It must run on the very machine whose torchvision cannot be imported."""
    assert "import torchvision" not in chapter["environment"].code
    assert importlib.util.find_spec("torch.utils.collect_env")
    says(chapter, "`python -m torch.utils.collect_env`")


def test_the_smoke_test_computes_a_derivative(chapter):
    assert chapter["smoke"].value.tolist() == [2 * n for n in (1.0, 2.0, 3.0)]
    says_in(chapter, "zh", "看到 2、4、6")
    says_in(chapter, "en", "you see 2, 4 and 6")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA, and there is no GPU here")
def test_a_hidden_card_is_not_seen():
    code = "import torch; print(torch.cuda.device_count(), torch.accelerator.current_accelerator(check_available=True))"
    done = run([sys.executable, "-c", code], env=os.environ | {"CUDA_VISIBLE_DEVICES": ""})
    assert done.stdout.split() == ["0", "None"]


def test_the_list_for_a_missing_gpu_goes_from_build_to_hiding(chapter):
    for language in ("zh", "en"):
        rows = [line for line in chapter.prose(language).split("{#no-gpu}")[1].split("##")[0].splitlines() if line.startswith("|")][2:]
        for row, text in zip(rows, ("`+cpu`", "`nvidia-smi`", "docs.nvidia.com/deploy/cuda-compatibility", "`CUDA_VISIBLE_DEVICES`"), strict=True):
            assert text in row


# ---- torch and torchvision ---------------------------------------------------------------------


def test_registering_for_an_operator_that_no_library_brought(chapter):
    error = chapter["missing-half"].error
    assert isinstance(error, RuntimeError) and str(error) == "operator torchvision::missing does not exist"


@pytest.mark.skipif(platform.system() != "Linux", reason="edits a library of Linux")
def test_a_torchvision_that_cannot_find_torch_s_libraries_fails_as_the_page_says(chapter, tmp_path):
    """torchvision, copied, its compiled half asking for a library of torch that is not there, as beside another build."""
    source = Path(importlib.util.find_spec("torchvision").origin).parent
    shutil.copytree(source, tmp_path / "torchvision", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    library = (source / "_C_stable.so").read_bytes()
    cuda = b"libtorch_cuda.so\0" in library
    assert cuda == bool(torch.version.cuda)  # a CUDA build asks for torch's CUDA library, which a CPU build lacks
    wanted = b"libtorch_cuda.so\0" if cuda else b"libtorch_cpu.so\0"
    (tmp_path / "torchvision/_C_stable.so").write_bytes(library.replace(wanted, b"absent_from_all".ljust(len(wanted) - 1, b"_") + b"\0"))
    env = os.environ | {"PYTHONPATH": str(tmp_path), "TORCHVISION_WARN_WHEN_EXTENSION_LOADING_FAILS": "1"}
    done = run([sys.executable, "-c", "import torchvision"], cwd=tmp_path, env=env)
    assert done.stderr.splitlines()[-1] == "RuntimeError: operator torchvision::nms does not exist"
    assert "Failed to load '_C_stable' extension" in done.stderr
    says(chapter, "`operator torchvision::nms does not exist`", "`TORCHVISION_WARN_WHEN_EXTENSION_LOADING_FAILS`")


def overlap(a, b):
    """Area shared by two boxes, over the area of both together."""
    width, height = (max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    shared = width * height
    return shared / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - shared)


def test_nms_keeps_the_best_of_overlapping_boxes(chapter):
    ran = chapter["whole"]
    boxes, scores = ran.names["boxes"].tolist(), ran.names["scores"].tolist()
    assert overlap(boxes[0], boxes[1]) > 0.5 and scores[0] > scores[1]
    assert overlap(boxes[0], boxes[2]) == overlap(boxes[1], boxes[2]) == 0
    kept = []  # once more, by hand
    for number in sorted(range(3), key=lambda n: -scores[n]):
        if all(overlap(boxes[number], boxes[other]) <= 0.5 for other in kept):
            kept.append(number)
    assert ran.value.tolist() == kept == [0, 2]
    says(chapter, "`[0, 2]`")


def test_whether_the_two_belong_together(chapter):
    from packaging.requirements import Requirement

    first, second = chapter["belong"].stdout.splitlines()
    (line,) = [line for line in requires("torchvision") if re.match(r"torch\b(?!\w)", line)]
    need = re.search(r"[><=!~]=?\s*([\d.]+)", line)
    assert first == f"wanted: {Requirement(line)} -> True" and need[1] in first
    assert tuple(map(int, version("torch").split("+")[0].split("."))) >= tuple(map(int, need[1].split(".")))
    import torchvision

    assert second == f"builds: {torch.__version__} {torchvision.__version__}"
    tails = [text.partition("+")[2] for text in (torch.__version__, torchvision.__version__)]
    assert tails[0] == tails[1]
    says(chapter, "`+cpu`", "`+cu132`", "https://github.com/pytorch/vision#installation")


def test_a_number_passes_whatever_its_tail(chapter):
    from packaging.requirements import Requirement

    for need in (">=2.14.0", "==2.15.0"):
        assert all(Requirement(f"torch{need}").specifier.contains(f"2.15.0{tail}") for tail in ("", "+cpu", "+cu132"))
    assert not Requirement("torch==2.15.0").specifier.contains("2.14.1")
    says_in(chapter, "zh", "pip 只核对版本号，不看尾巴")
    says_in(chapter, "en", "pip compares the numbers and not the tails")


# ---- common errors -----------------------------------------------------------------------------


def test_another_python_has_no_torch(chapter):
    assert chapter["other-python"].stdout.strip() == "ModuleNotFoundError: No module named 'torch'"
    assert '"-S"' in chapter["other-python"].code
    done = run([sys.executable, "-c", "import sys; print(sys.executable)"])
    assert done.stdout.strip() == sys.executable
    says(chapter, '`python -c "import sys; print(sys.executable)"`', "`python -m pip`")
