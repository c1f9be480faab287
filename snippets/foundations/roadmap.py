# The roadmap: how long it takes, what to read, how to ask, how to practise.

# %% aged tags=["raises-exception"]
import torch

loss = torch.tensor(0.5)  # (): a single number
loss.data[0]

# %% today
loss.item()

# %% surprise
torch.median(torch.tensor([1.0, 2.0, 3.0, 4.0]))

# %% offline
print([name for name in dir(torch) if "median" in name])
text = torch.median.__doc__.partition(".. warning::")[0].strip()
print(text.replace("\n    ", "\n"))  # without the indent

# %% long-error tags=["raises-exception"]
flowers = torch.tensor([  # (3, 4): 3 flowers, 4 lengths of each, in cm
    [5.1, 3.5, 1.4, 0.2],
    [7.0, 3.2, 4.7, 1.4],
    [6.3, 3.3, 6.0, 2.5],
])
flowers = flowers * 10  # (3, 4), in mm
first = torch.nn.Linear(4, 8)  # for each flower 4 numbers go in, 8 come out
relu = torch.nn.ReLU()  # turns each negative number into 0
second = torch.nn.Linear(4, 3)  # 4 go in, 3 come out
features = relu(first(flowers))  # (3, 8)
scores = second(features)  # meant to be (3, 3)
print("scores:", scores)

# %% minimal tags=["raises-exception", "timing"]
import platform

import torch

layer = torch.nn.Linear(4, 3)
x = torch.zeros(3, 8)  # (3, 8)
print("Python", platform.python_version(), "torch", torch.__version__)
print("x     ", tuple(x.shape), x.dtype, x.device)
print("weight", tuple(layer.weight.shape))
layer(x)

# %% read
prediction = torch.tensor([14.0, 11.0, 20.0, 9.0])  # (4,)
target = torch.tensor([12.0, 11.0, 16.0, 7.0])  # (4,)


def mean_squared_error(prediction, target):
    error = prediction - target
    return (error * error).mean()


mean_squared_error(prediction, target)

# %% check
table = torch.tensor([[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]])  # (2, 3)


def check(answer):
    one = torch.tensor([3.0]), torch.tensor([1.0])  # (1,)
    for p, t in (one, (prediction, target), (table, torch.zeros(2, 3))):
        yours = answer(p, t)
        torch.testing.assert_close(yours, torch.nn.functional.mse_loss(p, t))
        print("right for shape", tuple(p.shape))


check(mean_squared_error)

# %% slip tags=["raises-exception"]
def from_memory(prediction, target):
    error = prediction - target
    return (error * error).sum() / len(error)


check(from_memory)
