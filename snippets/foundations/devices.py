# %% any-order
import torch

torch.manual_seed(0)
a = torch.randn(4, 3)  # (4, 3)
b = torch.randn(3, 5)  # (3, 5)

c = torch.zeros(4, 5)
for k in torch.randperm(20).tolist():  # the 20 entries of c, in a shuffled order
    i, j = k // 5, k % 5
    c[i, j] = (a[i] * b[:, j]).sum()  # one row of a, one column of b

torch.allclose(c, a @ b)

# %% names
torch.device("mps"), torch.device("cuda:1")

# %% trap tags=["timing"]
print("built for CUDA:", torch.version.cuda)
print("usable now:", torch.accelerator.is_available())
print("current:", torch.accelerator.current_accelerator())
usable = torch.accelerator.current_accelerator(check_available=True)
print("current, if usable:", usable)

# %% choose tags=["timing"]
accelerator = torch.accelerator.current_accelerator(check_available=True)
device = accelerator or torch.device("cpu")
device

# %% create
x = torch.zeros(2, 3)  # (2, 3)
m = torch.zeros(2, 3, device="meta")  # (2, 3)
print(x.device, m.device, torch.zeros_like(m).device)
m

# %% to
moved = x.to("meta")
print(x.device, moved.device)
print(x.to("cpu") is x)
print(m.to("meta") is m)

# %% module-to
from torch import nn

net = nn.Linear(3, 2)
print(net.weight.device)
print(net.to("meta") is net)
print(net.weight.device)

# %% gpu-move tags=["gpu"]
g = x.to("cuda")
print(g.device, g.is_cuda, x.device)
print(torch.equal(g.cpu(), x))
g

# %% gpu-index tags=["gpu", "raises-exception"]
count = torch.cuda.device_count()
print(count, "x", torch.cuda.get_device_name(0))
x.cuda(count)  # one more than the last

# %% mix tags=["raises-exception"]
here = torch.ones(3)  # (3,)
there = torch.ones(3, device="meta")  # (3,)
print((torch.tensor(2.0) * there).device)
here + there

# %% train
inputs = torch.linspace(-1, 1, 64).unsqueeze(1)  # (64, 1)
targets = 3 * inputs + 2  # (64, 1)

model = nn.Linear(1, 1).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
for _ in range(20):  # 20 epochs
    for i in range(0, 64, 16):  # 4 mini-batches
        x_batch = inputs[i : i + 16].to(device)  # (16, 1)
        y_batch = targets[i : i + 16].to(device)  # (16, 1)
        loss = nn.functional.mse_loss(model(x_batch), y_batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

# %% home
print(f"weight {model.weight.item():.2f}, bias {model.bias.item():.2f}")
predictions = model(inputs.to(device)).detach().cpu()  # (64, 1)
predictions.device

# %% timer
from statistics import median
from time import perf_counter


def seconds_per_product(n, device, rounds=7):
    a = torch.randn(n, n, device=device)  # (n, n)
    b = torch.randn(n, n, device=device)  # (n, n)
    calls = max(1, min(500, 10**8 // n**3))  # tiny products: many in a row
    times = []
    for _ in range(1 + rounds):
        start = perf_counter()
        for _ in range(calls):
            a @ b
        if device.type != "cpu":
            torch.accelerator.synchronize()  # wait for the GPU
        times.append((perf_counter() - start) / calls)
    return median(times[1:])  # without the warm-up

# %% cpu-curve tags=["timing", "fold"]
import matplotlib.pyplot as plt

sizes = [2**k for k in range(1, 11)]  # 2, 4, ..., 1024
cpu = torch.device("cpu")
cpu_speed = [2 * n**3 / seconds_per_product(n, cpu) / 1e9 for n in sizes]  # GFLOP/s

plt.loglog(sizes, cpu_speed, "o-", label="CPU")
plt.xticks(sizes, sizes)
plt.minorticks_off()
plt.xlabel("n, for the product of two n × n matrices")
plt.ylabel("speed (GFLOP/s)")
plt.legend()
plt.show()

# %% gpu-curve tags=["gpu", "timing", "fold"]
gpu_sizes = sizes + [2048, 4096]
gpu = torch.device("cuda")
gpu_speed = [2 * n**3 / seconds_per_product(n, gpu) / 1e9 for n in gpu_sizes]

plt.loglog(sizes, cpu_speed, "o-", label="CPU")
plt.loglog(gpu_sizes, gpu_speed, "s-", label="GPU")
plt.xticks(gpu_sizes, gpu_sizes)
plt.minorticks_off()
plt.xlabel("n, for the product of two n × n matrices")
plt.ylabel("speed (GFLOP/s)")
plt.legend()
plt.show()

# %% no-gpu tags=["raises-exception", "timing"]
x.cuda(99)
