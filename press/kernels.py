"""The kernels that execute chapters: this very interpreter, in an environment of its own, into which nothing of the host reaches.

Where the system can fork and hand over processes (Linux, without CUDA), kernels are forked from one warm process
(press/warm_process.py); elsewhere, or when that fails, they are started one by one, and a line says so.
"""

import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
from importlib.metadata import EntryPoint
from pathlib import Path

import psutil
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

WARM_PROCESS, CONFIG, STARTUP, STYLE = (Path(__file__).with_name(name) for name in
                                        ("warm_process.py", "ipython_kernel_config.py", "kernel_startup.py", "matplotlibrc"))
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "TQDM_DISABLE": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MATPLOTLIBRC": str(STYLE), "SOURCE_DATE_EPOCH": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8", "PYDEVD_DISABLE_FILE_VALIDATION": "1", "USER": "reader", "USERNAME": "reader",
}
PASSED = re.compile(r"PATH|(DY)?LD_(FALLBACK_)?LIBRARY_PATH|CC|CXX|(CUDA|ROCM|HIP)_(HOME|PATH\w*)|(CUDA|NVIDIA|HIP|ROCR)_VISIBLE_DEVICES|NVIDIA_DRIVER_CAPABILITIES|"
                    r"SYSTEM(ROOT|DRIVE)|WINDIR|COMSPEC|PATHEXT|PROGRAM(FILES|DATA|W6432)(\(X86\))?|PROCESSOR_\w+|NUMBER_OF_PROCESSORS", re.IGNORECASE)


def environment(project, folder):
    """The environment of a kernel whose home, temporary files and settings are to lie in `folder`: of the host's own variables only those
    by which programs, libraries and GPUs are found. matplotlib's list of fonts is the one thing that kernels share."""
    places = {name: str(folder / name.lower()) for name in ("HOME", "TMPDIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    for place in places.values():
        os.makedirs(place, exist_ok=True)
    places |= {"USERPROFILE": places["HOME"], "APPDATA": places["HOME"], "LOCALAPPDATA": places["HOME"], "TEMP": places["TMPDIR"], "TMP": places["TMPDIR"],
               "MPLCONFIGDIR": str(project.cache / "matplotlib")}
    return {name: value for name, value in os.environ.items() if PASSED.fullmatch(name)} | ENVIRONMENT | places


class ThisInterpreter(KernelSpecManager):
    """The one kernel that there is: not looked up by name among those that the host has."""

    warm = False

    def get_kernel_spec(self, kernel_name):
        provisioner = {"kernel_provisioner": {"provisioner_name": WarmProvisioner.NAME}} if self.warm else {}
        return KernelSpec(argv=[sys.executable, "-s", "-m", "ipykernel_launcher", "-f", "{connection_file}"], name=kernel_name,
                          display_name="Python 3", language="python", metadata=provisioner)


def kernel_manager(folder, warm):
    """The manager of a kernel that is not started yet. Its connection file lies in `folder`; it is forked from `warm`, a Warm, if there is one."""
    manager = AsyncKernelManager(kernel_name="python3", connection_file=str(folder / "kernel.json"))
    manager.kernel_spec_manager = ThisInterpreter()
    manager.kernel_spec_manager.warm = bool(warm)
    WarmProvisioner.warm = warm
    return manager


class Warm:
    """The warm process, and the socket by which kernels are asked of it.

    Args:
        environment: what it is started in; a kernel gets its own.
        report: called with the line that says why kernels are started one by one, should that happen.
    """

    def __init__(self, environment, report=print):
        self.report, self.lock, self.works = report, threading.Lock(), True
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(120)
        with theirs:
            self.process = subprocess.Popen([sys.executable, "-s", str(WARM_PROCESS)], stdin=theirs, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL, cwd=environment["HOME"], env=environment, start_new_session=True)

    @staticmethod
    def possible(cuda):
        """Whether kernels can be forked here: a process that has used CUDA cannot."""
        return sys.platform == "linux" and not cuda

    def fork(self, command, folder, environment):
        """A new kernel, as a Forked. Raises OSError, ValueError or psutil.Error if the warm process does not give one."""
        with self.lock:  # request and answer belong together, or kernels would be swapped
            self.socket.send(json.dumps([command, folder, environment]).encode())
            if not (answer := self.socket.recv(16)):
                raise OSError("the warm process has ended")
            return Forked(int(answer))

    def close(self):
        self.socket.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Forked(psutil.Process):
    """What a provisioner asks of a subprocess.Popen, for a process that is not a child of this one: how it ended is not known here."""

    stdin = stdout = stderr = None

    def poll(self):
        try:
            return None if self.is_running() and self.status() != psutil.STATUS_ZOMBIE else 0
        except psutil.NoSuchProcess:
            return 0

    wait = poll

    def send_signal(self, number):
        with contextlib.suppress(psutil.NoSuchProcess):
            super().send_signal(number)


class WarmProvisioner(LocalProvisioner):
    """Provides kernels forked from `warm`, and ordinary ones from the first time that this fails."""

    NAME = "press-warm"
    warm = None

    async def launch_kernel(self, cmd, **kwargs):
        warm = WarmProvisioner.warm
        if warm and warm.works:
            command = [*cmd[cmd.index("-f"):], f"--IPKernelApp.parent_handle={warm.process.pid}"]
            try:
                self.process = await asyncio.to_thread(warm.fork, command, str(kwargs["cwd"]), kwargs["env"])
                self.pid = self.pgid = self.process.pid
                return self.connection_info
            except (OSError, ValueError, psutil.Error) as error:
                if warm.works:  # told of once, however many kernels were asked for meanwhile
                    warm.works = False
                    warm.report(f"kernels cannot be forked here ({error or type(error).__name__}): each is started by itself, which takes longer")
        return await super().launch_kernel(cmd, **kwargs)


KernelProvisionerFactory.provisioners[WarmProvisioner.NAME] = EntryPoint(WarmProvisioner.NAME, "press.kernels:WarmProvisioner", KernelProvisionerFactory.GROUP_NAME)
