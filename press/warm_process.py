"""The warm process: it imports what chapters import, once, and is then forked for each kernel, which so starts in tens of milliseconds.

A script of its own, started by press/kernels.py with its standard input a socket. A request is JSON, [command, folder, environment] of a
kernel; the answer is the kernel's process id. It ends when its socket is closed.
"""

import gc
import importlib
import json
import os
import signal
import socket
import sys

MODULES = ("ipykernel.kernelapp", "IPython.core.completerlib", "numpy", "torch", "torchvision.transforms.v2", "matplotlib.pyplot",
           "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "sklearn.datasets", "sklearn.metrics", "tqdm",
           "torch._dynamo")  # not matplotlib's inline backend, which hooks IPython when it is imported
LIMIT = 1 << 20  # bytes of a request


def serve(listener):
    """Answer requests. Returns in each kernel that is forked, with the kernel's arguments; ends the process when the socket is closed."""
    while request := listener.recv(LIMIT):
        here, there = socket.socketpair()
        if not os.fork():
            listener.close()
            here.close()
            become_kernel(there, *json.loads(request))
            return
        there.close()
        listener.send(here.recv(16))  # comes when the kernel has a session of its own: signals to its group then reach it, not this process
        here.close()
    os._exit(0)


def become_kernel(ready, command, folder, environment):
    """Make this forked process what a freshly started kernel is: its own session, signals, folder, environment and arguments."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.argv = [importlib.util.find_spec("ipykernel_launcher").origin, *command]
    ready.send(b"%d" % os.getpid())
    ready.close()


def reap(*_):
    """Take note of kernels that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    sys.path[:] = sys.path[1:]  # without the folder of this script
    listener = socket.socket(fileno=os.dup(0))
    for module in MODULES:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a kernel's own collections then need not write to, and so copy, what it shares with the others
    signal.signal(signal.SIGCHLD, reap)
    serve(listener)
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.launch_instance()
    sys.exit(0)
