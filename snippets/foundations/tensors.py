# The cells of the chapter foundations/tensors.

# %% first
import torch

x = torch.tensor([[12.0, 18.0, 15.0], [10.0, 20.0, 9.0]])  # (2, 3)
x

# %% list-or-tensor
day = [12.0, 18.0, 15.0]
print("list  :", day * 2)
print("tensor:", torch.tensor(day) * 2)

# %% attributes
print("dtype        ", x.dtype)
print("device       ", x.device)
print("shape        ", x.shape)
print("strides      ", x.stride())
print("storage      ", x.untyped_storage().nbytes(), "bytes")
print("requires_grad", x.requires_grad)
print("grad_fn      ", x.grad_fn)

# %% grad
w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = w * 2
print(w.grad_fn)
y

# %% ranks
scalar = torch.tensor(7)  # ()
vector = torch.tensor([7, 8, 9])  # (3,)
matrix = torch.tensor([[1, 2, 3], [4, 5, 6]])  # (2, 3)
stack = torch.tensor(
    [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]]
)  # (2, 2, 3)

print(scalar.ndim, scalar)
print(vector.ndim, vector[2])
print(matrix.ndim, matrix[1, 2])
print(stack.ndim, stack[1, 0, 2])

# %% ranks-figure tags=["fold"]
import matplotlib.pyplot as plt
import numpy as np

fig, ax = plt.subplots()
for left, t in ((0, scalar), (3, vector), (8, matrix), (13, stack)):
    for index in np.ndindex(*t.shape):
        layer, row, column = ((0, 0, 0) + index)[-3:]
        a, b = left + column + layer + 0.5, 2.5 * layer - row
        ax.scatter(a, b, s=430, marker="s", color=f"C{layer}", alpha=0.3)
        ax.text(a, b, t[index].item(), ha="center", va="center_baseline")
    axes = [f"axis {i} {way}" for i, way in enumerate("↗↓→"[3 - t.ndim :])]
    ax.text(left, -1.8, "\n".join(axes), va="top", color="C2")
    ax.text(left, 3.8, f"{t.ndim}-d\nshape {tuple(t.shape)}")
ax.set(xlim=(-0.1, 17.3), ylim=(-3.9, 5.2), aspect="equal")
ax.axis("off")
plt.show()

# %% shape
days, times = x.size()
print(days, times, x.ndim, x.numel())
print(isinstance(x.size(), tuple), x.size() == x.shape == (2, 3))
print(x.size() == [2, 3])

# %% matrix-rank
torch.linalg.matrix_rank(torch.ones(3, 3))

# %% from-list
for numbers in ([1, 2], [1, 2.5], [True, False]):
    t = torch.tensor(numbers)
    print(t, t.dtype)

# %% tensor-or-class
print(torch.tensor(2).shape, torch.Tensor(2).shape)
print(torch.tensor([1, 2]).dtype, torch.Tensor([1, 2]).dtype)

# %% filled
torch.manual_seed(0)
print(torch.rand(3))
counts = torch.zeros(2, 3, dtype=torch.int64)
print(counts)
print(torch.ones_like(counts))

# %% ways
print(torch.full((2,), 7.0))
print(torch.arange(0, 10, 3))
print(torch.linspace(0, 1, 5))
print(torch.randn(3))
print(torch.randint(0, 10, (3,)))
print(torch.randperm(5))

# %% empty
used = torch.full((2, 3), 7.0)
torch.empty(2, 3, out=used)  # in this very memory

# %% index
print(x[0])
print(x[0, 1])
print(x[-1, -1])
print(x[:, 0:2])
print(x[0, 1].item())

# %% second
print("x[:, 1] =", x[:, 1])
print("x[1, :] =", x[1, :])
print("x[:, 0] =", x[:, 0])

# %% assign
z = x.clone()
z[0, 1] = 99
z[1] = torch.tensor([1.0, 2.0, 3.0])
z

# %% mask
warm = x > 12  # (2, 3), bool
print(warm)
print(x[warm])  # (3,)
print(warm.sum())

# %% mask-assign
z = x.clone()
z[(x > 9) & (x < 15)] = 0
z

# %% storage
z = x.clone()
memory = z.as_strided((6,), (1,))  # the same storage, as it lies there
second_day = z[1]
second_day[2] = -5
print(z)
print(memory)
print(z.stride(), z[1, 2] == memory[1 * 3 + 2 * 1])

# %% multiply
m = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
print(m * m)
print(m @ m)
print((x @ torch.ones(3, 4)).shape)  # (2, 3) @ (3, 4) -> (2, 4)

# %% reduce
print(x.sum())
print(x.mean(dim=0))  # (2, 3) -> (3,)
print(x.mean(dim=1))  # (2, 3) -> (2,)
print(x.argmax(dim=1))  # (2, 3) -> (2,)

# %% broadcast
print(x - x.mean(dim=0))  # (2, 3) - (3,) -> (2, 3)
average = x.mean(dim=1, keepdim=True)  # (2, 3) -> (2, 1)
print(x - average)  # (2, 3) - (2, 1) -> (2, 3)

# %% in-place
c = torch.zeros(3)
alias = c
c.add_(1)
c += 1
print(c, alias)
c = c + 1
print(c, alias)

# %% out
blank = torch.empty(0)
torch.add(x, 1, out=blank)  # (2, 3) into (0,)
blank

# %% out-resized tags=["warns"]
wrong = torch.zeros(5, 3)
torch.add(x, x, out=wrong)  # (2, 3) into (5, 3)
wrong.shape

# %% promote
whole = torch.tensor([1, 2, 3])  # int64
half = torch.tensor([0.5, 0.5, 0.5])  # float32
print(whole + half)
print(whole / 2)
print((whole + half.to(torch.float16)).dtype)
one = torch.tensor(1.0, dtype=torch.float64)  # ()
print((half + one).dtype)

# %% matmul-dtype tags=["raises-exception"]
whole @ half

# %% convert
print(whole.float() @ half)
whole[0] = 2.9
print(whole)

# %% devices tags=["raises-exception"]
ghost = torch.ones(2, 3, device="meta")
print((ghost * torch.tensor(2.0)).device)  # (2, 3) * ()
ghost + x

# %% broadcast-error tags=["raises-exception"]
x - x.mean(dim=1)  # (2, 3) - (2,)

# %% mask-error tags=["raises-exception"]
x > 9 and x < 15

# %% in-place-dtype tags=["raises-exception"]
half += whole  # float32 += int64
print(half)
whole += half  # int64 += float32
