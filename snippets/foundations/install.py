# The Python cells of foundations/install. The shell lines are in install.sh.

# %% environment tags=["timing"]
import platform
from importlib.metadata import version

import torch

system = f"{platform.system()} {platform.machine()}"
print("Python      ", platform.python_version(), "on", system)
print("torch       ", torch.__version__)
print("torchvision ", version("torchvision"))
print("CUDA        ", torch.version.cuda)
print("accelerator ", torch.accelerator.current_accelerator(check_available=True))

# %% smoke
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)  # (3,)
(x**2).sum().backward()
x.grad

# %% missing-half tags=["raises-exception"]
torch.library.register_fake("torchvision::missing", lambda boxes: boxes)

# %% whole
import torchvision

boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])  # (3, 4)
scores = torch.tensor([0.9, 0.8, 0.7])  # (3,)
torchvision.ops.nms(boxes, scores, 0.5)

# %% belong tags=["timing"]
from importlib.metadata import requires

from packaging.requirements import Requirement

for line in requires("torchvision"):
    wanted = Requirement(line)
    if wanted.name == "torch":
        print("wanted:", wanted, "->", wanted.specifier.contains(version("torch")))
print("builds:", torch.__version__, torchvision.__version__)

# %% other-python
import subprocess
import sys

other = [sys.executable, "-S", "-c", "import torch"]  # -S: without its packages
print(subprocess.run(other, capture_output=True, text=True).stderr.splitlines()[-1])
