"""The processes beside a build: one that builds each language and, under a server, the warm one that kernels are forked from.

The first are forked once, before there are threads, and serve every rebuild too.
"""

import importlib
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from press.execute import has_cuda
from press.kernels import Warm, environment
from press.project import PressError, files_below

pool = warm = home = stamp = None


def start(count):
    """Have `count` processes ready; in a rebuild they are. Where a fork is not safe (macOS, Windows) they are spawned."""
    global pool
    if pool is None:
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        pool = ProcessPoolExecutor(count, context, initializer=_follow_parent)
        for _ in range(count):  # imports what a language's build needs, while chapters are checked and executed
            pool.submit(_get_ready)


def _get_ready():
    for module in ("press.hooks", "material.plugins.search.plugin", "mkdocs_jupyter.plugin"):
        importlib.import_module(module)


def _follow_parent():
    """Leave Ctrl-C to the parent process, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=lambda: (multiprocessing.parent_process().join(), os._exit(1)), daemon=True).start()


def submit(function, *args):
    """The Future of a call in one of the processes of a function of press.hooks, by name: as MkDocs loads it, it can't be imported elsewhere."""
    try:
        return pool.submit(_call, function, *args)
    except BrokenProcessPool:
        return _broken()


def results(futures):
    """{name: what came of its Future}, once all are done."""
    try:
        return {name: future.result() for name, future in futures.items()}
    except BrokenProcessPool:
        return _broken()


def _broken():
    """End what is left of the processes: the next build has new ones. Raises PressError, to say so."""
    stop()
    raise PressError("mkdocs.yml", None, "a process that builds a language has ended", "see whether there is enough memory, and build again")


def _call(function, *args):
    return getattr(importlib.import_module("press.hooks"), function)(*args)


def _stamp():
    """When the press was last edited."""
    return [(path.name, path.stat().st_mtime_ns) for path in files_below(Path(__file__).parent, ".py", ".txt")]


def start_server(project, address, site_dir, report):
    """Get ready to serve: the first time, raise PressError if the (host, port) is in use, and warm up; later start the whole process again
    if the press was edited, since MkDocs keeps hooks that it loaded."""
    global warm, home, stamp
    if pool and stamp != _stamp():
        report("the press was edited: starting again")
        stop()
        shutil.rmtree(site_dir, ignore_errors=True)
        os.execv(sys.executable, sys.orig_argv)
    stamp = _stamp()
    if pool is None:
        try:
            socket.create_server(tuple(address), family=socket.AF_INET6 if ":" in address[0] else socket.AF_INET).close()
        except OSError as error:
            raise PressError("mkdocs.yml", None, f"the address {address[0]}:{address[1]} cannot be used: {error.strerror}",
                             "end the server that runs there, or take another port: make serve PORT=8001") from None
        if Warm.possible(has_cuda()):
            home = tempfile.TemporaryDirectory(prefix="warm-", ignore_cleanup_errors=True)
            warm = Warm(environment(project, Path(home.name)), report)


def stop():
    """End them all, whatever they are doing."""
    global pool, warm
    if pool:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
    if warm:
        warm.close()
        home.cleanup()
    pool = warm = None
