"""The proof of what docs/*/foundations/install.md claims."""

import importlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import metadata, requires, version
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement

from tests.facts import fact
from tests.prose import ledger_rows, lines


def shell(chapter, name):
    """A shell cell as lists of words, a line each."""
    source = chapter.project.cells(chapter.stem)[f"foundations/install.sh:{name}"].source
    return [line.split() for line in source.splitlines()]


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def needs_cuda_on(system):
    """Whether the torch of PyPI asks for the libraries of CUDA on a system."""
    cuda = [need for need in map(Requirement, requires("torch")) if re.match(r"cuda-|nvidia-", need.name)]
    if torch.version.cuda and not cuda:
        pytest.skip("this torch does not come from PyPI")
    return any(need.marker.evaluate({"platform_system": system}) for need in cuda)


def code(chapter, text):
    """Both pages show a command, as code."""
    return all(f"`{text}`" in " ".join(chapter.prose(language).split()) for language in ("zh", "en"))


def wheel(folder, name, number, tag="py3-none-any", **lines):
    """A package with nothing but its name, as a file that pip installs."""
    info = f"{name}-{number}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{number}-{tag}.whl", "w") as file:
        file.writestr(f"{name}.py", "")
        file.writestr(f"{info}/METADATA", "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in
                                                  ({"Metadata_Version": "2.1", "Name": name, "Version": number} | lines).items()))
        file.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        file.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def environment(chapter, tmp_path_factory):
    """(the folder where the first line of the cell made an environment, the environment variables of that shell, without a network).

    The Python of the tests is `python3`: not every system's Python can make environments.
    """
    folder = tmp_path_factory.mktemp("project")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    nowhere = {"PIP_NO_INDEX": "1", "https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    env = os.environ | nowhere | {"PATH": path, "HOME": str(folder)}
    make = chapter.project.cells(chapter.stem)["foundations/install.sh:venv"].source.splitlines()[0]
    assert run(["bash", "-c", make], cwd=folder, env=env).returncode == 0
    return folder, env


# ---- which build -------------------------------------------------------------------------------


@pytest.mark.claim(zh="Apple 芯片的 Mac | 普通版，自带对 Apple GPU 的支持（名叫 `mps`） | 通用的一行", en="a Mac with Apple silicon | the ordinary one, which can use Apple’s GPU (under the name `mps`) | the plain line")
@pytest.mark.claim(zh="Windows，没有 NVIDIA 显卡 | CPU 版 | 通用的一行", en="Windows, no NVIDIA card | CPU | the plain line")
@pytest.mark.claim(zh="Linux，有 NVIDIA 显卡 | CUDA 版 | 通用的一行", en="Linux, with an NVIDIA card | CUDA | the plain line")
@pytest.mark.claim(
    zh="在 Mac 上得到的是普通版，在 Windows 上是 CPU 版，在 Linux 上是 CUDA 13.2 版：它大得多，没有 GPU 也能用。",
    en="On a Mac you get the ordinary build, on Windows the CPU build, on Linux the build for CUDA 13.2: it is far larger, and works without a GPU too.")
def test_what_the_plain_line_gets_on_each_system(chapter):
    assert shell(chapter, "plain") == ["python -m pip install torch torchvision".split()]
    assert needs_cuda_on("Linux") and not needs_cuda_on("Windows") and not needs_cuda_on("Darwin")
    (toolkit,) = [need for need in map(Requirement, requires("torch")) if need.name == "cuda-toolkit"]
    assert fact("foundations/install", "CUDA of the torch in PyPI") == "13.2" and toolkit.specifier.contains("13.2.2") and not toolkit.specifier.contains("13.0.2")
    assert torch.device("mps").type == "mps" and callable(torch.backends.mps.is_available)
    folder = Path(torch.__file__).parent
    if (extra := folder.parent / "nvidia").is_dir():  # the libraries that come along weigh more than half of all
        size = {place: sum(file.stat().st_size for file in place.rglob("*.so*")) for place in (folder, extra)}
        cuda = size[extra] + sum(file.stat().st_size for file in folder.rglob("*cuda*.so"))
        assert cuda > 3 * (sum(size.values()) - cuda)
    assert torch.ones(2, device="cpu").sum() == 2  # as here, where there need be no GPU


@pytest.mark.claim(zh="Windows，有 NVIDIA 显卡 | CUDA 版 | 选择页给的那一行", en="Windows, with an NVIDIA card | CUDA | the selector’s line")
@pytest.mark.claim(zh="Linux，没有 NVIDIA 显卡 | CPU 版 | 选择页给的那一行", en="Linux, no NVIDIA card | CPU | the selector’s line")
@pytest.mark.claim(
    zh="拿不准，就用通用的一行：本站从头到尾都能在 CPU 上读完，而三种系统装出来的，都能用 CPU 算。",
    en="If you are not sure, take the plain line: all of this site can be read on a CPU, and what it installs on any of the three systems can compute on the CPU.")
@pytest.mark.claim(
    zh="先看电脑再选版本；拿不准，就用通用的一行。",
    en="Look at your computer, then choose a build; if you are not sure, take the plain line.")
def test_the_selector_is_for_what_the_plain_line_does_not_get(chapter):
    assert not needs_cuda_on("Windows") and needs_cuda_on("Linux")
    assert torch.backends.cpu.get_cpu_capability() and torch.tensor([1.0]).device.type == "cpu"
    root = chapter.project.root / "snippets"  # nothing is moved to a GPU but in cells that say so
    for path in root.rglob("*.py"):
        for cell in re.split(r"(?m)^# %% ", path.read_text(encoding="utf-8"))[1:]:
            if "gpu" not in (re.search(r"tags=(\[.*\])", cell.splitlines()[0]) or [""])[0]:
                assert not re.search(r"\.cuda\(\)", cell.replace("is_available()", "")), (path.name, cell.splitlines()[0])


@pytest.mark.claim(zh="Python 要 3.11 以上，这是 torch 2.15 自己声明的。", en="Python must be 3.11 or newer; torch 2.15 says so itself.")
@pytest.mark.claim(zh="Mac 要是 Apple 芯片，系统是 macOS 14 以上：这是 Apple 的说明里写的。", en="A Mac must have Apple silicon and macOS 14 or later; so says Apple’s page.")
@pytest.mark.claim(zh="另有两个条件。", en="Two more conditions.")
def test_the_conditions_of_torch_2_15():
    assert version("torch").startswith("2.15.") and metadata("torch")["Requires-Python"] == ">=3.11"
    conditions = fact("foundations/install", "Mac")
    assert conditions == ["Apple silicon", "macOS 14.0 or later"] and len(conditions) == 2


@pytest.mark.claim(
    zh="同一个版本号的 PyTorch，其实有好几份：Python 部分几乎一样，编译好的那部分不一样，各认各的硬件。",
    en=("One version of PyTorch comes in several builds. The Python part is nearly the same in all of them; the compiled part differs, and each knows its own hardware."))
@pytest.mark.claim(zh="驱动太旧就更新驱动：torch 2.15 只有 CUDA 13.0 和 13.2 两种，换哪一种，要的驱动都一样。", en="If yours is older, update it: torch 2.15 comes for CUDA 13.0 and 13.2 only, and both need the same driver.")
@pytest.mark.claim(zh="CUDA 13 要求驱动的版本至少是 580。", en="CUDA 13 needs a driver of version 580 or later.")
@pytest.mark.claim(zh="`nvidia-smi` 显示的 Driver Version 小于 580 | 驱动太旧 | 更新驱动", en="in `nvidia-smi`, the Driver Version is below 580 | the driver is too old | update the driver")
def test_builds_and_the_driver_that_they_need():
    builds = fact("foundations/install", "CUDA builds of 2.15")
    assert builds == ["13.0", "13.2"] and {build.split(".")[0] for build in builds} == {"13"}
    assert fact("foundations/install", "driver for CUDA 13") == 580
    assert torch.version.cuda in (None, *builds)
    assert torch.version.hip is None and torch.version.xpu is None  # what differs in Python: the build says what it is
    python = {"xpu": torch.xpu.is_available, "mps": torch.backends.mps.is_available, "cuda": torch.cuda.is_available}  # there for all hardware
    compiled = {"xpu": torch.xpu._is_compiled(), "mps": torch.backends.mps.is_built(), "cuda": torch.backends.cuda.is_built()}
    assert sum(compiled.values()) <= 1 and compiled["cuda"] == (torch.version.cuda is not None)
    assert not any(python[name]() for name in compiled if not compiled[name])


@pytest.mark.claim(
    zh="torch 2.15 的 CUDA 版最低要 7.5，也就是 GTX 16、RTX 20 那一代。",
    en="The CUDA builds of torch 2.15 need at least 7.5, which is the generation of GTX 16 and RTX 20.")
@pytest.mark.claim(zh="低于 7.5 的有 GTX 9xx、GTX 10xx 和 V100，CUDA 13 不再支持它们。", en="Below 7.5 are GTX 9xx, GTX 10xx and V100, which CUDA 13 no longer supports.")
@pytest.mark.claim(zh="2.14 是最后一个带 CUDA 12.6 的版本。", en="2.14 is the last version that comes for CUDA 12.6.")
@pytest.mark.claim(
    zh="NVIDIA 的老显卡：GTX 9xx、GTX 10xx、V100 | CPU 版，或者 2.14 以前带 CUDA 12.6 的版本 | 老显卡",
    en="an old NVIDIA card: GTX 9xx, GTX 10xx, V100 | CPU, or a version up to 2.14 with CUDA 12.6 | old cards")
def test_cards_that_are_too_old():
    capability = fact("foundations/install", "capability of a generation")
    old = {"GTX 9xx": "Maxwell", "GTX 10xx": "Pascal", "V100": "Volta"}
    assert set(old.values()) == set(fact("foundations/install", "dropped by CUDA 13")) and capability["Turing"] == 7.5
    assert all(capability[name] < 7.5 for name in old.values())
    if torch.version.cuda:
        assert min(int(arch.split("_")[1]) for arch in torch.cuda.get_arch_list()) == 75
    assert fact("foundations/install", "last version with CUDA 12.6") == "2.14" and "12.6" not in fact("foundations/install", "CUDA builds of 2.15")


@pytest.mark.claim(
    zh="每款 NVIDIA 显卡有一个“计算能力”（compute capability），是硬件功能的版本号，运行 `nvidia-smi --query-gpu=name,compute_cap --format=csv` 就能看到。",
    en="Each NVIDIA card has a compute capability, a version number of what its hardware can do; run `nvidia-smi --query-gpu=name,compute_cap --format=csv` to see yours.")
@pytest.mark.claim(zh="这样的卡有两条路：装 CPU 版；或者在旧版本的页面上抄 2.14 配 `cu126` 的那一行。", en="Such a card leaves two ways: install the CPU build, or copy the line of 2.14 with `cu126` from the page of previous versions.")
@pytest.mark.claim(
    zh="最后一行是 `cuda`，一算就报错 `no kernel image is available for execution on the device` | 显卡的计算能力低于 7.5 | 见老显卡",
    en="the last line is `cuda`, and computing fails with `no kernel image is available for execution on the device` | the compute capability of the card is below 7.5 | see old cards")
def test_how_an_old_card_shows(chapter):
    assert "capability" in torch.cuda.get_device_capability.__doc__
    assert code(chapter, fact("foundations/install", "asking for the capability") + " --format=csv")
    assert fact("foundations/install", "last version with CUDA 12.6") == "2.14"
    libraries = sorted(Path(torch.__file__).parent.parent.glob("nvidia/**/libcudart.so*"))
    if libraries:  # the message, in the library that gives it
        assert b"no kernel image is available for execution on the device\0" in libraries[0].read_bytes()


# ---- the lines of the terminal -----------------------------------------------------------------


@pytest.mark.claim(
    zh="第一行造出文件夹 `learn`，第二行走进去，第三行问 Python 住在哪里：答案以 `learn` 结尾，就是进来了。",
    en="The first line makes a folder `learn`, the second steps into it, the third asks Python where it lives: if the answer ends in `learn`, you are in.")
@pytest.mark.claim(zh="以后每次打开终端，只需在同一个地方再做第二行。", en="In every new terminal, in the same place, the second line is all you need to repeat.")
@pytest.mark.claim(zh="所以给每个项目单开一个“虚拟环境”：一个文件夹，里面有它自己的 Python 和它自己的包。", en="So give each project a virtual environment: a folder with a Python and packages of its own.")
@pytest.mark.claim(zh="这一步不用联网。", en="This step needs no network.")
def test_a_virtual_environment_has_a_python_of_its_own(chapter, environment):
    folder, env = environment
    _, enter, ask = chapter.project.cells(chapter.stem)["foundations/install.sh:venv"].source.splitlines()
    assert (folder / "learn").is_dir()
    outside, inside = (run(["bash", "-euc", text], cwd=folder, env=env) for text in (ask, f"{enter}\n{ask}"))
    assert inside.stdout.strip() == str(folder / "learn") and outside.stdout.strip() != inside.stdout.strip()
    inside = run([str(folder / "learn/bin/python"), "-c", "import torch"])
    assert inside.stderr.strip().endswith("ModuleNotFoundError: No module named 'torch'")


@pytest.mark.claim(
    zh="不同的项目要不同版本的包，而一个 Python 里，一个包只能装一个版本。",
    en="Projects want packages in different versions, and one Python can hold only one version of a package.")
@pytest.mark.claim(zh="装在了另一个 Python 里。", en="Installed into another Python.")
@pytest.mark.claim(zh="明明装过却看到这一句，多半是忘了走进环境。", en="If you see this after installing, you have probably not stepped into the environment.")
@pytest.mark.claim(zh="装坏了，删掉文件夹，重来。", en="If something breaks, delete the folder and start again.")
def test_what_is_installed_in_an_environment_stays_there(environment, tmp_path):
    folder, env = environment
    python = str(folder / "learn/bin/python")
    for number in ("1.0", "2.0"):
        wheel(tmp_path, "install_page_toy", number)
        done = run([python, "-m", "pip", "install", "--find-links", str(tmp_path), f"install_page_toy=={number}"], env=env)
        assert done.returncode == 0, done.stderr
        ask = "from importlib.metadata import distributions; print([d.version for d in distributions() if 'toy' in d.name])"
        assert run([python, "-c", ask], env=env).stdout.strip() == str([number])  # the other one had to go
    assert run([python, "-c", "import install_page_toy"], env=env).returncode == 0
    outside = run([sys.executable, "-c", "import install_page_toy"], env=env)
    assert outside.stderr.strip().endswith("ModuleNotFoundError: No module named 'install_page_toy'")
    other = tmp_path / "other"
    for _ in range(2):  # made, deleted, made again
        assert run([sys.executable, "-m", "venv", "--without-pip", str(other)], env=env).returncode == 0
        assert run([str(other / "bin/python"), "-c", "pass"]).returncode == 0
        shutil.rmtree(other)


@pytest.mark.claim(zh="在 Windows 的 PowerShell 里，同样三步写作：", en="In PowerShell on Windows, the same three steps read:")
@pytest.mark.claim(
    zh="PowerShell 说系统上禁止运行脚本：先运行 `Set-ExecutionPolicy -ExecutionPolicy RemoteSigned -Scope CurrentUser`，再做第二步。",
    en="PowerShell says that running scripts is disabled: run `Set-ExecutionPolicy -ExecutionPolicy RemoteSigned -Scope CurrentUser` first, then the second step.")
@pytest.mark.claim(zh="这是 Python 的文档给的办法，只改你这一个用户的设置。", en="That is what Python’s documentation advises, and it changes the setting of your user alone.")
@pytest.mark.claim(
    zh="Debian 或 Ubuntu 说 `ensurepip is not available`：先运行 `sudo apt install python3-venv`，再从第一行重来。",
    en="Debian or Ubuntu says `ensurepip is not available`: run `sudo apt install python3-venv` first, then start again with the first line.")
def test_what_can_block_an_environment(chapter):
    source = chapter.project.cells(chapter.stem)["foundations/install.sh:venv"].source
    for language in ("zh", "en"):
        block = re.search(r"```text\n(.*?)```", chapter.prose(language), re.S)[1].splitlines()
        assert block == ["py -m venv learn", "learn\\Scripts\\Activate.ps1", source.splitlines()[2]]
    policy = fact("foundations/install", "policy of PowerShell")
    assert code(chapter, policy) and policy.endswith("-Scope CurrentUser")
    for file in Path("/usr/lib").glob("python3*/venv/__init__.py"):  # as Debian and Ubuntu ship it
        text = " ".join(file.read_text(encoding="utf-8").split())
        assert "ensurepip is not available. On Debian/Ubuntu systems, you need to install the python3-venv package" in text


@pytest.mark.claim(zh="从 2.6 版起，官方不再发布 conda 包。", en="Since 2.6 there are no official conda packages.")
@pytest.mark.claim(
    zh="`torch` 和 `torchvision` 写在同一行里，不要分两次装，原因后面会讲。",
    en="`torch` and `torchvision` stand in one line and are not to be installed one after the other, for a reason given below.")
@pytest.mark.claim(
    zh="CUDA 的库会跟着一起装好，不用另装；要你自己装的只有显卡驱动（见设备）。",
    en="The CUDA libraries come along, so do not install them yourself; what you do install is the driver of the card (see Devices).")
@pytest.mark.claim(zh="进了环境再装，要联网。", en="Step into the environment first; installing needs the network.")
def test_install_lines_take_both_at_once_and_bring_cuda(chapter):
    assert fact("foundations/install", "no more conda") == "2.6"
    for name in ("plain", "again"):
        assert shell(chapter, name)[-1] == "python -m pip install torch torchvision".split()
        assert "network" in chapter.project.cells(chapter.stem)[f"foundations/install.sh:{name}"].tags
    needs = {need.name for need in map(Requirement, requires("torch"))}
    assert not torch.version.cuda or "cuda-toolkit" in needs and "nvidia-cudnn-cu13" in needs
    assert not [name for name in needs if "driver" in name]


@pytest.mark.claim(zh="那一行比通用的多一个 `--index-url`，意思是：到这个地址去找。", en="That line has one thing more than the plain one, `--index-url`, which says at which address to look.")
@pytest.mark.claim(zh="地址末尾的 `cpu` 就是 CPU 版，`cu132` 就是 CUDA 13.2 版。", en="At the end of the address, `cpu` is the CPU build and `cu132` the build for CUDA 13.2.")
@pytest.mark.claim(zh="命令里写了 `--index-url`，就以命令为准，不走镜像。", en="An `--index-url` on the command line has the last word, so such a line goes past the mirror.")
@pytest.mark.claim(
    zh="`python -m pip config list` 看现在的设置，`python -m pip config unset global.index-url` 改回来。",
    en="`python -m pip config list` shows the setting, `python -m pip config unset global.index-url` takes it back.")
@pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="this environment has no pip")
def test_the_command_line_overrules_the_configuration_of_pip(tmp_path):
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
    mine = {name: value for name, value in env.items() if name != "PIP_CONFIG_FILE"} | {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert run([*pip, "config", "set", "global.index-url", index], env=mine).returncode == 0
    assert index in run([*pip, "config", "list"], env=mine).stdout
    assert run([*pip, "config", "unset", "global.index-url"], env=mine).returncode == 0
    assert index not in run([*pip, "config", "list"], env=mine).stdout
    if torch.version.cuda:
        assert "cu" + torch.version.cuda.replace(".", "") == torch.__version__.partition("+")[2] == "cu132"


@pytest.mark.claim(
    zh="这一行不写地址，pip 就到 Python 的公共仓库 PyPI 去找。",
    en="With no address in the line, pip looks in PyPI, the public store of Python packages.")
@pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="this environment has no pip")
def test_pip_looks_in_pypi_by_default(chapter):
    ask = "from pip._internal.cli import cmdoptions; from pip._internal.models.index import PyPI; print(cmdoptions.index_url().default == PyPI.simple_url)"
    assert run([sys.executable, "-c", ask]).stdout.strip() == "True" and "--index-url" not in shell(chapter, "plain")[0]


@pytest.mark.claim(
    zh="到官方的选择页点一点：先选 Stable、你的系统、Pip、Python，最后一项选 CPU 或 CUDA 13.2。",
    en="Click through the official selector: Stable, your system, Pip, Python, and last CPU or CUDA 13.2.")
@pytest.mark.claim(zh="它给出填好地址的一行，照抄即可。", en="It gives you one line with the address filled in, to copy.")
def test_the_selector_asks_five_things_and_gives_a_line():
    assert fact("foundations/install", "selector") == ["PyTorch Build", "Your OS", "Package", "Language", "Compute Platform", "Run this Command"]
    assert "13.2" in fact("foundations/install", "CUDA builds of 2.15")


@pytest.mark.claim(
    zh="也可以把代码存成 `try.py`，在终端里运行 `python try.py`；只试一两行，运行 `python`，写一行，按一下回车。",
    en="Or save the code as `try.py` and run `python try.py` in the terminal; for a line or two, run `python`, type a line and press Enter.")
@pytest.mark.claim(
    zh="最省事的是 notebook：进了环境，在终端里运行 `jupyter lab`，浏览器会自动打开一个页面。",
    en="Easiest is a notebook: step into the environment and run `jupyter lab` in the terminal; a page opens in the browser by itself.")
def test_where_code_is_typed(tmp_path):
    assert fact("foundations/install", "jupyter lab") == "JupyterLab will open automatically in your browser"
    (tmp_path / "try.py").write_text("print(1 + 1)\n")
    assert run([sys.executable, "try.py"], cwd=tmp_path).stdout == "2\n"
    assert run([sys.executable, "-i"], input="1 + 1\n").stdout.strip() == "2"  # what is typed is answered, without print


@pytest.mark.claim(
    zh="可以换用镜像，例如清华大学的 TUNA：它的说明页写着地址，也写着换上它的那一行 `pip config set global.index-url …`。",
    en="Use a mirror, such as TUNA at Tsinghua University: its help page has the address, and the line `pip config set global.index-url …` that switches to it.")
@pytest.mark.claim(zh="TUNA 的这个镜像搬的是 PyPI，所以走镜像，就用通用的一行。", en="And what this mirror of TUNA’s copies is PyPI, so use the plain line with it.")
@pytest.mark.claim(zh="要留意两点。", en="Two things to know.")
def test_the_mirror_of_tuna(chapter):
    assert fact("foundations/install", "mirror of TUNA") == ["pypi", "pip config set global.index-url"]
    assert "--index-url" not in shell(chapter, "plain")[0]
    assert all(chapter.prose(language).count("mirrors.tuna.tsinghua.edu.cn/help/pypi/") == 1 for language in ("zh", "en"))


@pytest.mark.claim(
    zh="`jupyterlab` 用来打开各章下载的 notebook，其余几个是代码里会 `import` 的。",
    en="`jupyterlab` opens the notebooks that you can download from each chapter; the code imports the others.")
def test_what_else_is_installed_is_what_the_snippets_import(chapter):
    names = set(shell(chapter, "rest")[0][4:])
    pinned = set(re.findall(r"^([\w-]+)==", (chapter.project.root / "requirements.txt").read_text(), re.M))
    assert names - pinned == {"jupyterlab"}
    text = "\n".join(path.read_text(encoding="utf-8") for path in (chapter.project.root / "snippets").rglob("*.py"))
    for name in names - {"jupyterlab"}:
        assert re.search(rf"(?m)^\s*(import|from) {'sklearn' if name == 'scikit-learn' else name}\b", text), name


@pytest.mark.ledger("n1-02")
@pytest.mark.claim(zh="实验室服务器上的 PyTorch 环境，贴的是一张截图。", en="The PyTorch set-up of the lab’s server, as a screenshot.")
@pytest.mark.claim(zh="截图没法在别人的机器上再跑一遍。", en="A screenshot cannot be run again on another machine.")
def test_what_the_old_notes_had(chapter):
    (row,) = [row for row in ledger_rows() if row["id"] == "n1-02"]
    assert row["said"] == {"zh": "实验室服务器上的 PyTorch 环境，贴的是一张截图。", "en": "The PyTorch set-up of the lab’s server, as a screenshot."}


# ---- the report --------------------------------------------------------------------------------


@pytest.mark.ledger("n1-02")
@pytest.mark.claim(zh="前三行是版本。", en="The first three lines are versions.")
@pytest.mark.claim(zh="`CUDA` 一行是编译时用的 CUDA 版本，`None` 就是没带 CUDA。", en="`CUDA` is the version of CUDA that this PyTorch was compiled with, `None` if without CUDA.")
@pytest.mark.claim(
    zh="最后一行是此刻真能用的加速器，`None` 就是用 CPU 算。",
    en="The last line is the accelerator that can be used right now; `None` means that the CPU does the computing.")
@pytest.mark.claim(zh="换成几行代码，谁都能跑：", en="A few lines of code can:")
def test_a_few_lines_report_the_environment(chapter):
    shown = dict(re.fullmatch(r"(\w+) +(.*)", line).groups() for line in lines(chapter, "environment"))
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    assert shown == {
        "Python": f"{sys.version.split()[0]} on {platform.system()} {platform.machine()}",
        "torch": torch.__version__, "torchvision": version("torchvision"),
        "CUDA": str(torch.version.cuda), "accelerator": str(accelerator),
    }
    assert list(shown) == ["Python", "torch", "torchvision", "CUDA", "accelerator"]
    if torch.version.cuda:
        assert f"CUDA_VERSION={torch.version.cuda}," in torch.__config__.show()  # what the compiler was told
    assert accelerator is not None or torch.ones(1).device.type == "cpu"


@pytest.mark.ledger("n1-02")
@pytest.mark.claim(
    zh="不去问 torchvision 自己，是因为那要先导入它，而它坏了的时候，导入就会出错。",
    en="It does not ask torchvision itself, because that takes importing it, and when torchvision is broken, the import fails.")
@pytest.mark.claim(
    zh="`torch` 一行问的是包自己，`torchvision` 一行读的是 pip 的安装记录，而 PyPI 的记录不写尾巴。",
    en="The line `torch` asks the package itself; the line `torchvision` reads pip’s record of the installation, and in the records of PyPI there are no tails.")
@pytest.mark.claim(
    zh="`torch` 一行可能带着 `+cu132` 这样的尾巴，`torchvision` 一行却没有：这不是不配对。",
    en="The line `torch` may have a tail such as `+cu132` where the line `torchvision` has none: this is no mismatch.")
@pytest.mark.claim(
    zh="对方要更全的，就在终端里运行 `python -m torch.utils.collect_env`。",
    en="If someone wants to know more, run `python -m torch.utils.collect_env` in the terminal.")
def test_the_report_reads_the_record_of_torchvision(chapter, tmp_path):
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('broken')")  # a torchvision that cannot be imported
    done = run([sys.executable, "-c", chapter["environment"].code], env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0 and re.search(rf"torchvision +{re.escape(version('torchvision'))}\n", done.stdout)
    import torchvision

    own, record = torchvision.__version__, version("torchvision")
    assert own.split("+")[0] == record.split("+")[0] and torch.__version__.split("+")[0] == version("torch").split("+")[0]
    if needs_cuda_on("Linux") and torch.version.cuda:  # from PyPI
        assert "+" not in record + version("torch") and own.partition("+")[2] == torch.__version__.partition("+")[2] == "cu132"
    assert callable(importlib.import_module("torch.utils.collect_env").main)


@pytest.mark.claim(zh="这是 $x^2$ 的导数 $2x$。", en="It is $2x$, the derivative of $x^2$.")
@pytest.mark.claim(zh="看到 2、4、6，就装好了。", en="If you see 2, 4 and 6, PyTorch is installed.")
def test_the_smoke_test_computes_a_derivative(chapter):
    step = 1e-6
    assert chapter["smoke"].value.tolist() == [round(((n + step) ** 2 - (n - step) ** 2) / (2 * step), 4) for n in (1, 2, 3)] == [2, 4, 6]


@pytest.mark.claim(
    zh="以上都正常 | 显卡被环境变量 `CUDA_VISIBLE_DEVICES` 藏起来了，或者用的是另一个 Python | 去掉那个变量；进对环境",
    en="all of this is in order | the environment variable `CUDA_VISIBLE_DEVICES` hides the card, or this is another Python | unset the variable; step into the right environment")
@pytest.mark.claim(
    zh="没看到 GPU，依次查：是不是 CPU 版，有没有驱动，驱动到没到 580，是不是被藏起来了。",
    en="Check in this order: CPU build, no driver, a driver below 580, a hidden card.")
@pytest.mark.claim(
    zh="`CUDA` 一行是 `None`（`torch` 一行多半带着 `+cpu`） | 装的是 CPU 版 | 两个包一起卸掉，换带 CUDA 的那一行重装",
    en="`CUDA` is `None` (and `torch` most likely ends in `+cpu`) | this is the CPU build | uninstall both packages, then install with a line for CUDA")
@pytest.mark.claim(
    zh="最后一行是 `None`，而你明明有显卡，就从上往下查，停在第一条对得上的；看到了显卡却用不了，看最末一条：",
    en="Go down this list and stop at the first line that fits; if the card is seen but cannot be used, look at the last one:")
def test_a_hidden_card_is_not_seen_and_the_table_goes_from_build_to_hiding(chapter):
    ask = "import torch; print(torch.cuda.device_count(), torch.accelerator.current_accelerator(check_available=True), torch.version.cuda)"
    done = run([sys.executable, "-c", ask], env=os.environ | {"CUDA_VISIBLE_DEVICES": ""})
    assert done.stdout.split() == ["0", "None", str(torch.version.cuda)]  # hiding leaves the line CUDA as it is
    assert (torch.version.cuda is None) == torch.__version__.endswith("+cpu") or platform.system() == "Darwin"
    for language in ("zh", "en"):
        rows = [line for line in chapter.prose(language).split("{#no-gpu}")[1].split("##")[0].splitlines() if line.startswith("|")][2:]
        for row, text in zip(rows, ("`+cpu`", "`nvidia-smi`", "580", "`CUDA_VISIBLE_DEVICES`", "no kernel image"), strict=True):
            assert text in row


@pytest.mark.claim(zh="Colab：Google 的，不收钱就能用上 GPU，但不保证有，也不是无限的。", en="Colab, by Google: GPUs free of charge, but neither guaranteed nor unlimited.")
@pytest.mark.claim(
    zh="Kaggle：也不收钱；GPU 有 P100 和 T4，要选 T4，P100 的计算能力只有 6.0。",
    en="Kaggle: free of charge as well; its GPUs are P100 and T4, and you want T4, as the compute capability of P100 is only 6.0.")
@pytest.mark.claim(zh="网页上的 notebook 里可以借到 GPU，进去先打印上面的报告。", en="Notebooks in the browser lend GPUs; once inside, print the report above.")
def test_gpus_to_borrow():
    assert fact("foundations/install", "Colab") == ["free of charge", "GPUs", "not guaranteed", "not unlimited"]
    assert fact("foundations/install", "Kaggle is free") == "at no cost" and fact("foundations/install", "GPUs of Kaggle") == ["NvidiaTeslaP100", "NvidiaTeslaT4"]
    capability = fact("foundations/install", "capability of a generation")
    assert capability["Pascal"] == 6.0 < 7.5 == capability["Turing"]  # P100, T4


@pytest.mark.claim(zh="在 Mac 上，`CUDA` 一行总是 `None`，只看最后一行：应该是 `mps`。", en="On a Mac `CUDA` is always `None`; look at the last line only, which should say `mps`.")
@pytest.mark.claim(
    zh="终端里运行 `nvidia-smi`，找不到或者报错 | 没有 NVIDIA 显卡，或者没装驱动 | 有卡就到 NVIDIA 那里下载驱动，装好重启",
    en="`nvidia-smi` in a terminal is not found, or fails | no NVIDIA card, or no driver | if there is a card, get the driver from NVIDIA, install it, restart")
def test_what_a_mac_and_a_machine_without_a_driver_show():
    assert not needs_cuda_on("Darwin") and torch.device("mps").type == "mps"
    found = shutil.which("nvidia-smi") is not None and run(["nvidia-smi"]).returncode == 0
    assert found or torch.cuda.device_count() == 0  # where the program of the driver fails, no card is seen


# ---- torch and torchvision ---------------------------------------------------------------------


@pytest.mark.claim(
    zh="torchvision 一导入，就要给自己的运算做注册（register），前提是编译好的库里真有这个运算。",
    en="On import, torchvision registers something for operators of its own, which can work only if the compiled library did bring them.")
@pytest.mark.claim(zh="给一个哪个库里都没有的运算做同样的注册，看看会怎样：", en="Try the same step for an operator that no library has:")
def test_registering_for_an_operator_that_no_library_brought(chapter):
    error = chapter["missing-half"].error
    assert isinstance(error, RuntimeError) and str(error) == "operator torchvision::missing does not exist"
    source = Path(importlib.util.find_spec("torchvision").origin).with_name("_meta_registrations.py").read_text(encoding="utf-8")
    assert 'torch.library.register_fake(f"torchvision::{op_name}")' in source or 'register_fake("torchvision::' in source
    mine = torch.library.Library("install_page", "DEF")
    mine.define("there(Tensor x) -> Tensor")
    torch.library.register_fake("install_page::there", lambda x: x, lib=mine)  # with the operator there, the same step works


@pytest.mark.claim(zh="torchvision 有两半：一半是 Python 文件，一半是编译好的库，要接到 torch 的库上才能用。", en="torchvision has two halves: Python files, and a compiled library that must be joined to that of torch.")
@pytest.mark.claim(zh="编译的那一半没接上，torchvision 自己的运算也是这个处境。", en="With the compiled half not joined, torchvision’s own operators are in the same position.")
@pytest.mark.claim(
    zh="在 Linux 上，后者来自 PyPI，是 CUDA 版，要找 torch 里的 CUDA 库，而 CPU 版的 torch 里没有，于是编译的那一半接不上。",
    en="On Linux the latter comes from PyPI and is a CUDA build; it looks for the CUDA libraries inside torch, a CPU build has none, and the compiled half cannot be joined.")
@pytest.mark.claim(
    zh="先把环境变量 `TORCHVISION_WARN_WHEN_EXTENSION_LOADING_FAILS` 设成 `1`，再导入 torchvision，报错之前就会多一条警告，说明哪个文件没有加载成。",
    en="Set the environment variable `TORCHVISION_WARN_WHEN_EXTENSION_LOADING_FAILS` to `1` before you import torchvision, and a warning above the error will say which file could not be loaded.")
@pytest.mark.skipif(platform.system() != "Linux", reason="edits a library of Linux")
def test_a_torchvision_that_cannot_find_torch_s_libraries(broken):
    cuda, silent, warned = broken
    assert cuda == bool(torch.version.cuda) == (Path(torch.__file__).parent / "lib/libtorch_cuda.so").exists()
    message = "RuntimeError: operator torchvision::nms does not exist"
    assert silent.splitlines()[-1] == warned.splitlines()[-1] == message
    assert "Failed to load '_C_stable' extension" not in silent
    assert warned.index("Failed to load '_C_stable' extension") < warned.index(message)


@pytest.mark.claim(
    zh="头一个撞上的是 `nms`，于是就有了网上常有人问的那句 `operator torchvision::nms does not exist`。",
    en="The first to stumble is `nms`, hence the line that people so often ask about: `operator torchvision::nms does not exist`.")
@pytest.mark.claim(
    zh="所以这句话的意思不是“少装了 nms”，而是编译的那一半没有接上。",
    en="So the message does not mean that nms was left out of your installation. It means: the compiled half was not joined.")
@pytest.mark.claim(
    zh="`operator torchvision::nms does not exist`：两个包不配对，一起卸，一起装。",
    en="`operator torchvision::nms does not exist`: the two packages do not match. Remove both, install both.")
@pytest.mark.skipif(platform.system() != "Linux", reason="edits a library of Linux")
def test_nms_is_the_first_to_stumble(chapter, broken):
    _, silent, _ = broken  # all Python files were there, ops/boxes.py with nms among them
    assert silent.splitlines()[-1] == "RuntimeError: operator torchvision::nms does not exist"
    source = Path(importlib.util.find_spec("torchvision").origin).parent / "ops/boxes.py"
    assert "def nms(" in source.read_text(encoding="utf-8")
    assert [line[3] for line in shell(chapter, "again")] == ["uninstall", "install"]


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """torchvision, copied, its compiled half asking for a library of torch that is not there, as beside another build.

    (whether it asks for torch's CUDA library, what importing it writes to standard error, the same with warnings)
    """
    folder, source = tmp_path_factory.mktemp("broken"), Path(importlib.util.find_spec("torchvision").origin).parent
    shutil.copytree(source, folder / "torchvision", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    library = (source / "_C_stable.so").read_bytes()
    cuda = b"libtorch_cuda.so\0" in library
    wanted = b"libtorch_cuda.so\0" if cuda else b"libtorch_cpu.so\0"
    (folder / "torchvision/_C_stable.so").write_bytes(library.replace(wanted, b"absent_from_all".ljust(len(wanted) - 1, b"_") + b"\0"))
    env, switch = os.environ | {"PYTHONPATH": str(folder)}, "TORCHVISION_WARN_WHEN_EXTENSION_LOADING_FAILS"
    env.pop(switch, None)
    silent, warned = (run([sys.executable, "-c", "import torchvision"], cwd=folder, env=env | more).stderr for more in ({}, {switch: "1"}))
    return cuda, silent, warned


def overlap(a, b):
    """Area shared by two boxes, over the area of both together."""
    width, height = (max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    shared = width * height
    return shared / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - shared)


@pytest.mark.claim(
    zh="前两个方框大部分重叠，留下分数高的第 0 个；第 2 个离得远，也留下。",
    en="The first two boxes overlap for the most part, so number 0 stays, having the better score; number 2 is far away and stays too.")
@pytest.mark.claim(zh="能打印出 `[0, 2]`，两半就都在。", en="If `[0, 2]` is printed, both halves are there.")
@pytest.mark.claim(
    zh="`nms` 是从重叠的方框里挑出分数最高的一个，你也许一辈子用不到，它只是排在最前面。",
    en="`nms` picks, among overlapping boxes, the one with the highest score. You may never need it; it merely comes first.")
@pytest.mark.claim(zh="导入 torchvision，再真的用一次：", en="Import torchvision and use the operator for real:")
def test_nms_keeps_the_best_of_overlapping_boxes(chapter):
    import torchvision

    ran = chapter["whole"]
    boxes, scores = ran.names["boxes"].tolist(), ran.names["scores"].tolist()
    assert overlap(boxes[0], boxes[1]) > 0.5 and scores[0] > scores[1]
    assert overlap(boxes[0], boxes[2]) == overlap(boxes[1], boxes[2]) == 0
    kept = []  # once more, by hand
    for number in sorted(range(3), key=lambda n: -scores[n]):
        if all(overlap(boxes[number], boxes[other]) <= 0.5 for other in kept):
            kept.append(number)
    assert ran.value.tolist() == kept == [0, 2]
    turned = torchvision.ops.nms(ran.names["boxes"], torch.tensor([0.8, 0.9, 0.7]), 0.5)
    assert turned.tolist() == [1, 2]  # the score decides
    source = (Path(torchvision.__file__).parent / "_meta_registrations.py").read_text(encoding="utf-8")
    assert callable(torch.ops.torchvision.nms) and "nms" in source


@pytest.mark.claim(
    zh="`wanted` 一行，是 torchvision 自己声明要什么样的 torch，`True` 说明装着的这个合格。",
    en="The line `wanted` is the torch that torchvision itself asks for; `True` says that the one installed will do.")
@pytest.mark.claim(
    zh="`builds` 一行是两个包自己报的版本，要看加号后面：`+cpu` 配 `+cpu`，`+cu132` 配 `+cu132`。",
    en="The line `builds` is what the two packages say of themselves; look after the plus sign: `+cpu` goes with `+cpu`, `+cu132` with `+cu132`.")
@pytest.mark.claim(zh="旧版本谁配谁，torchvision 的主页有一张表。", en="For older versions, torchvision’s own page has a table of pairs.")
def test_whether_the_two_belong_together(chapter):
    import torchvision

    first, second = lines(chapter, "belong")
    (line,) = [line for line in requires("torchvision") if re.match(r"torch\b(?!\w)", line)]
    need = re.search(r"[><=!~]=?\s*([\d.]+)", line)
    assert first == f"wanted: {Requirement(line)} -> True" and need[1] in first
    assert tuple(map(int, version("torch").split("+")[0].split("."))) >= tuple(map(int, need[1].split(".")))
    assert second == f"builds: {torch.__version__} {torchvision.__version__}"
    tails = [text.partition("+")[2] for text in (torch.__version__, torchvision.__version__)]
    assert tails[0] == tails[1]
    table = metadata("torchvision").get_payload() or metadata("torchvision")["Description"]  # the page, as the package carries it
    assert re.search(r"(?m)^\| `torch` +\| `torchvision` +\|", table) and len(re.findall(r"(?m)^\| `2\.\d+` +\| `0\.\d+` ", table)) >= 4


@pytest.mark.claim(zh="pip 只核对版本号，不看尾巴，所以装的时候它不会提醒你。", en="What pip compares is the numbers, not the tails, which is why it gave you no warning.")
@pytest.mark.claim(zh="想知道配不配，看两样，版本号和尾巴：", en="To see whether two packages belong together, look at the number and at the tail:")
def test_a_number_passes_whatever_its_tail():
    for need in (">=2.14.0", "==2.15.0"):
        assert all(Requirement(f"torch{need}").specifier.contains(f"2.15.0{tail}") for tail in ("", "+cpu", "+cu132"))
    assert not Requirement("torch==2.15.0").specifier.contains("2.14.1")
    (line,) = [line for line in requires("torchvision") if re.match(r"torch\b(?!\w)", line)]
    assert "+" not in line  # no tail is asked for


@pytest.mark.claim(
    zh="最常见的不配对是这样来的：先照选择页的 CPU 那一行，却只装了 torch，后来又单独来一句 `pip install torchvision`。",
    en="The usual way to a mismatch: install torch alone from the selector’s CPU line, and some days later `pip install torchvision`.")
@pytest.mark.claim(zh="修法是两个一起卸，再一起装（第二行换成你选的那一行）：", en="The cure: remove both, and install both at once (the second line being the one that you chose):")
@pytest.mark.claim(
    zh="先进虚拟环境，再用 `python -m pip`，torch 和 torchvision 写在同一行。",
    en="Step into a virtual environment, then use `python -m pip`, with torch and torchvision in one line.")
def test_both_go_and_both_come(chapter):
    (line,) = [line for line in requires("torchvision") if re.match(r"torch\b(?!\w)", line)]
    assert Requirement(line).specifier.contains("2.15.0+cpu")  # pip is content with the CPU build, and leaves it
    assert needs_cuda_on("Linux")
    out, back = shell(chapter, "again")
    assert out == "python -m pip uninstall --yes torch torchvision".split() and [back] == shell(chapter, "plain")


@pytest.mark.claim(zh="装 PyTorch 只要一行，难的是选对那一行。", en="Installing PyTorch takes one line. The art is in picking the line.")
@pytest.mark.claim(
    zh="选错了，要么多下载一大堆用不上的东西，要么显卡插着却没人用，要么一 `import` 就报错。",
    en="Pick the wrong one and you download a great deal that you cannot use, or your graphics card sits idle, or the first `import` fails.")
@pytest.mark.claim(zh="这一章先教你选，再教你查。", en="This chapter shows how to choose, and then how to check.")
@pytest.mark.skipif(platform.system() != "Linux", reason="edits a library of Linux")
def test_what_a_wrong_choice_costs(chapter, broken):
    assert len(shell(chapter, "plain")) == 1
    assert len([need for need in map(Requirement, requires("torch")) if need.marker and "Linux" in str(need.marker)]) > 4 or not torch.version.cuda
    assert not needs_cuda_on("Windows")  # so the plain line leaves a card there idle
    assert "RuntimeError" in broken[1]
    for language in ("zh", "en"):
        assert chapter.prose(language).index("{#choose}") < chapter.prose(language).index("{#check}")


# ---- common errors -----------------------------------------------------------------------------


@pytest.mark.claim(zh="电脑上往往不止一个 Python，包只装进其中一个。", en="Computers tend to have more than one Python, and a package goes into one of them.")
@pytest.mark.claim(zh="下面用 `-S` 让 Python 不看自己的包，扮演“另一个”：", en="Here `-S` keeps Python from looking at its own packages, and so plays the other one:")
@pytest.mark.claim(
    zh='运行 `python -c "import sys; print(sys.executable)"`，看看是哪个 Python 在答话。',
    en='Run `python -c "import sys; print(sys.executable)"` to learn which Python answers.')
@pytest.mark.claim(
    zh="装包时写 `python -m pip`，不要光写 `pip`，包就一定装进答话的这一个。",
    en="Install with `python -m pip`, not with a bare `pip`, and packages go to the Python that answers.")
def test_another_python_has_no_torch(chapter):
    assert chapter["other-python"].stdout.strip() == "ModuleNotFoundError: No module named 'torch'"
    assert run([sys.executable, "-S", "-c", "import json"]).returncode == 0  # only the packages are gone
    assert run([sys.executable, "-c", "import torch"]).returncode == 0
    done = run([sys.executable, "-c", "import sys; print(sys.executable)"])
    assert done.stdout.strip() == sys.executable
    if importlib.util.find_spec("pip"):
        answer = run([sys.executable, "-m", "pip", "--version"]).stdout
        assert str(Path(sys.prefix)) in answer or str(Path(importlib.util.find_spec("pip").origin).parent) in answer


@pytest.mark.claim(
    zh="`No matching distribution found for torch`：pip 找遍了，没有一份合你的 Python 和系统。",
    en="`No matching distribution found for torch`: pip has looked everywhere and found no file for your Python and your system.")
@pytest.mark.claim(
    zh="先运行 `python --version`：低于 3.11，或者太新，PyTorch 还没跟上，都会这样；32 位的 Python 也不行。",
    en="Run `python --version` first: below 3.11, or too new for PyTorch to have caught up, will do this; so will a 32-bit Python.")
@pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="this environment has no pip")
def test_no_file_for_this_python(tmp_path):
    """A folder with one file that fits Python 3.11 to 3.14 of 64 bits, as PyPI has them, asked by other Pythons."""
    for minor in (11, 12, 13, 14):
        for system in ("win_amd64", "manylinux_2_28_x86_64"):
            wheel(tmp_path, "torch", "2.15.0", f"cp3{minor}-cp3{minor}-{system}", Requires_Python=metadata("torch")["Requires-Python"])

    def ask(python, system):
        return run([sys.executable, "-m", "pip", "download", "--no-index", "--find-links", str(tmp_path), "--no-deps", "--only-binary=:all:",
                    "--python-version", python, "--platform", system, "-d", str(tmp_path / f"got-{python}-{system}"), "torch"])

    assert ask("3.12", "win_amd64").returncode == 0
    for python, system in (("3.10", "win_amd64"), ("3.19", "win_amd64"), ("3.12", "win32")):
        assert "No matching distribution found for torch" in ask(python, system).stderr
