# The cells of the chapter foundations/shapes.

# %% view
import torch

x = torch.arange(16)  # (16,)
square = x.view(4, 4)  # (16,) -> (4, 4)
print(x)
print(square)

# %% minus-one
print(square.view(-1, 8).shape)  # (4, 4) -> (2, 8)
print(square.view(2, -1, 4).shape)  # (4, 4) -> (2, 2, 4)
print(square.view(-1).shape)  # (4, 4) -> (16,)

# %% count-error tags=["raises-exception"]
square.view(-1, 5)

# %% view-shares
wide = square.view(-1, 8)  # (2, 8)
wide[0, 0] = 100
print(x[0], square[0, 0])
x[0] = 0
print(wide[0, 0])

# %% same-storage
def same_storage(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


row = square[1]
print(same_storage(wide, x), same_storage(row, x), same_storage(x.clone(), x))
print(row.data_ptr() == x.data_ptr(), "starts at slot", row.storage_offset())

# %% item-error tags=["raises-exception"]
wide.item()  # (2, 8)

# %% tolist
print(wide.tolist())
print(wide[0, 3].item())
print(torch.tensor([[[7]]]).item())  # (1, 1, 1)

# %% not-a-transpose
p = torch.arange(6).view(2, 3)
print(p)
print(p.view(3, 2))  # (2, 3) -> (3, 2)
print(p.T)  # (2, 3) -> (3, 2)

# %% permute
block = torch.arange(24).view(2, 3, 4)
print(block.transpose(0, 2).shape)  # (2, 3, 4) -> (4, 3, 2)
print(block.mT.shape)  # (2, 3, 4) -> (2, 4, 3)
turned = block.permute(1, 2, 0)  # (2, 3, 4) -> (3, 4, 2)
print(turned.shape)
print(turned[2, 3, 1], block[1, 2, 3])

# %% t-of-three-axes tags=["warns"]
block.T.shape

# %% picture
picture = torch.zeros(32, 24, 3)  # (H, W, C)
picture[:22] = torch.tensor([0.4, 0.7, 1.0])  # sky
picture[22:] = torch.tensor([0.2, 0.6, 0.3])  # meadow
picture[3:8, 15:20] = torch.tensor([1.0, 0.8, 0.2])  # sun
picture[13:26, 4:15] = torch.tensor([0.8, 0.3, 0.2])  # house

right = picture.permute(2, 0, 1)  # (H, W, C) -> (C, H, W)
wrong = picture.view(3, 32, 24)
print(right.shape == wrong.shape, torch.equal(right, wrong))

# %% picture-figure tags=["fold"]
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 3)
titles = ("picture", "permute(2, 0, 1)", "view(3, 32, 24)")
for ax, title, t in zip(axes, titles, (picture, right, wrong)):
    image = t if t is picture else t.permute(1, 2, 0)  # imshow wants (H, W, C)
    ax.imshow(image.numpy())
    ax.set_title(f"{title}\n{tuple(t.shape)}")
    ax.axis("off")
plt.show()

# %% strides
print(p.stride(), p.is_contiguous())
print(p.T.stride(), p.T.is_contiguous())
print(same_storage(p, p.T))

# %% two-readings tags=["fold"]
from itertools import pairwise, product


def box(ax, left, bottom, text, color, alpha=0.3):
    ax.bar(left, 0.94, 0.94, bottom, align="edge", color=color, alpha=alpha)
    ax.text(left + 0.47, bottom + 0.43, text, ha="center", va="center")


fig, ax = plt.subplots()
for slot in range(6):
    box(ax, slot, 0, slot, f"C{slot // 3}")
ax.text(6.2, 0.43, "storage", va="center")
for t, name, top, up in ((p, "p", 2.2, 1), (p.T, "p.T", -1.8, -1)):
    slots = []  # of the storage, in the order in which we read t
    for i, j in product(*map(range, t.shape)):
        slots.append(i * t.stride(0) + j * t.stride(1))
        box(ax, j - 4.6, top - i, slots[-1], f"C{slots[-1] // 3}")
    ax.text(-4.6, top + 1.2, f"{name}: stride {t.stride()}")
    heights = [0.47 + up * (0.9 + 0.55 * step) for step in range(6)]
    ax.plot([slot + 0.47 for slot in slots], heights, "o-", color="C2")
    hops = "  ".join(f"{stop - start:+d}" for start, stop in pairwise(slots))
    ax.text(6.2, 0.47 + up * 2.3, f"steps\n{hops}", va="center")
ax.set(xlim=(-4.7, 9.6), ylim=(-4, 4.6), aspect="equal")
ax.axis("off")
plt.show()

# %% view-error tags=["raises-exception"]
p.T.view(6)

# %% reshape-copies
print(p.T.reshape(6))  # (3, 2) -> (6,)
print(same_storage(p.T.reshape(6), p))
print(same_storage(p.reshape(6), p))

# %% reshape-writes
q = torch.zeros(2, 3)
q.T.reshape(6)[0] = 7
print(q)
q.reshape(6)[0] = 7
print(q)

# %% contiguous
c = p.T.contiguous()
print(c.stride(), c.is_contiguous(), same_storage(c, p))
print(c.view(6))
print(p.contiguous() is p)

# %% flatten
images = torch.arange(96).view(2, 3, 4, 4)  # (N, C, H, W)
print(images.flatten(1).shape)  # (2, 3, 4, 4) -> (2, 48)
print(images.flatten().shape)  # (2, 3, 4, 4) -> (96,)
print(torch.nn.Flatten()(images).shape)  # (2, 3, 4, 4) -> (2, 48)

# %% unflatten
back = images.flatten(1).unflatten(1, (3, 4, -1))  # (2, 48) -> (2, 3, 4, 4)
print(back.shape, torch.equal(back, images))

# %% samples-out-of-nothing
print(images.view(-1, 24).shape)  # should have been 48

# %% samples-kept tags=["raises-exception"]
images.view(len(images), 24)

# %% unsqueeze
v = torch.tensor([1, 2, 3])  # (3,)
print(v.unsqueeze(0), v.unsqueeze(0).shape)
print(v.unsqueeze(1), v.unsqueeze(1).shape)
print(v[None, :].shape, v[:, None].shape)

# %% squeeze
s = torch.zeros(1, 3, 1)
print(s.squeeze(0).shape)
print(s.squeeze(2).shape)
print(s.squeeze(1).shape)
print(s.squeeze().shape)

# %% last-batch
def score(batch):
    return batch.sum(dim=1, keepdim=True)  # (N, 3) -> (N, 1)


samples = torch.arange(15).view(5, 3)  # (N, 3)
for batch in samples.split(2):
    print(batch.shape, "->", score(batch).squeeze().shape)

# %% squeeze-bug tags=["raises-exception"]
scores = []
for batch in samples.split(2):
    scores += score(batch).squeeze().tolist()

# %% squeeze-fixed
scores = []
for batch in samples.split(2):
    scores += score(batch).squeeze(1).tolist()  # (N, 1) -> (N,)
print(scores)

# %% expand
expanded = v.expand(4, 3)  # (3,) -> (4, 3)
repeated = v.repeat(4, 1)  # (3,) -> (4, 3)
print(expanded)
print(torch.equal(expanded, repeated))
print(expanded.stride(), expanded.untyped_storage().nbytes(), "bytes")
print(repeated.stride(), repeated.untyped_storage().nbytes(), "bytes")

# %% expand-writes
w = torch.zeros(3)
tall = w.expand(4, 3)
tall[0, 0] = 7
print(tall)
print(w)

# %% expand-error tags=["raises-exception"]
tall.add_(1)

# %% broadcast
column = torch.tensor([[0], [10], [20], [30]])  # (4, 1)
column + v  # (4, 1) + (3,) -> (4, 3)

# %% broadcast-figure tags=["fold"]
fig, ax = plt.subplots()
for left, t, color, words, sign in (
    (0, column, "C0", "column\n(4, 1)", "+"),
    (4.6, v.view(1, 3), "C1", "v\n(3,) read as (1, 3)", "="),
    (9.2, column + v, "C2", "column + v\n(4, 3)", ""),
):
    for i, j in product(range(4), range(3)):
        alpha = 0.4 if i < t.shape[0] and j < t.shape[1] else 0.08  # pale: imagined
        box(ax, left + j, 3 - i, t.expand(4, 3)[i, j].item(), color, alpha)
    ax.text(left + 1.47, 4.3, words, ha="center")
    ax.text(left + 3.77, 1.97, sign, ha="center", va="center")
ax.set(xlim=(-0.1, 12.3), ylim=(-0.2, 5.6), aspect="equal")
ax.axis("off")
plt.show()

# %% broadcast-by-hand
wide_column = column.expand(4, 3)  # (4, 1) -> (4, 3)
tall_v = v.unsqueeze(0).expand(4, 3)  # (3,) -> (1, 3) -> (4, 3)
print(torch.equal(wide_column + tall_v, column + v))
print(wide_column.stride(), same_storage(wide_column, column))
print(tall_v.stride(), same_storage(tall_v, v))

# %% broadcast-memory
numbers = torch.arange(1000)  # (N,)
stretched = numbers.expand(1000, 1000)  # (N,) -> (N, N)
gaps = numbers.unsqueeze(1) - numbers  # (N, 1) - (N,) -> (N, N)
for t in (numbers, stretched, gaps):
    print(tuple(t.shape), t.untyped_storage().nbytes(), "bytes")

# %% broadcast-shapes
for a, b in (((4, 1), (3,)), ((5, 1, 4), (3, 1)), ((2, 3), (2, 1)), ((2, 3), (2,))):
    try:
        result = tuple(torch.broadcast_shapes(a, b))
    except RuntimeError:
        result = "does not fit"
    print(f"{a!s:>9} {b!s:>6} -> {result}")

# %% silent-broadcast
target = torch.tensor([0.0, 2.0, 4.0, 6.0])  # (4,)
perfect = target.view(4, 1)  # (4,) -> (4, 1): every answer right
lazy = torch.full((4, 1), 3.0)  # the same answer for every sample
print("perfect:", ((perfect - target) ** 2).mean())
print("lazy   :", ((lazy - target) ** 2).mean())

# %% silent-broadcast-seen
perfect - target  # (4, 1) - (4,) -> (4, 4)

# %% silent-broadcast-fixed
for name, output in (("perfect:", perfect), ("lazy   :", lazy)):
    prediction = output.squeeze(1)  # (4, 1) -> (4,)
    assert prediction.shape == target.shape
    print(name, ((prediction - target) ** 2).mean())

# %% mse-warns tags=["warns"]
torch.nn.functional.mse_loss(perfect, target)

# %% cat-stack
monday = torch.tensor([12.0, 18.0, 15.0])
tuesday = torch.tensor([10.0, 20.0, 9.0])
print(torch.cat([monday, tuesday]))  # (3,), (3,) -> (6,)
print(torch.stack([monday, tuesday]))  # (3,), (3,) -> (2, 3)
print(torch.stack([monday, tuesday], dim=1))  # (3,), (3,) -> (3, 2)

# %% unbind
first, second = torch.stack([monday, tuesday]).unbind(0)  # (2, 3) -> (3,), (3,)
print(first, second)
print([part.shape for part in torch.arange(5).split(2)])

# %% ask
for name, result in (
    ("slice", square[1:3]),  # (2, 4)
    ("list ", square[[1, 2]]),  # (2, 4)
    ("mask ", square[square > 9]),  # (6,)
    ("split", square.split(2)[1]),  # (2, 4)
    ("cat  ", torch.cat([square, square])),  # (8, 4)
):
    print(name, "shares" if same_storage(result, square) else "copies")

# %% two-unknowns tags=["raises-exception"]
square.view(-1, -1)

# %% expand-mismatch tags=["raises-exception"]
v.expand(4, 4)  # (3,) to (4, 4)

# %% cat-mismatch tags=["raises-exception"]
torch.cat([torch.zeros(2, 3), torch.zeros(2, 4)])

# %% stack-mismatch tags=["raises-exception"]
torch.stack([torch.zeros(2, 3), torch.zeros(2, 4)])

# %% zero-dim-loop tags=["raises-exception"]
for number in score(samples[4:]).squeeze():  # (1, 1) -> ()
    print(number)
