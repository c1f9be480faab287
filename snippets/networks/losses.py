# The cells of the chapter networks/losses.

# %% first
import torch
import torch.nn.functional as F
from torch import nn

output = torch.tensor([20.0, 18.0, 25.0])  # (3,): what the network says
target = torch.tensor([22.0, 18.0, 21.0])  # (3,): what it should have said

loss_fn = nn.MSELoss()
print(loss_fn(output, target))
print(((output - target) ** 2).mean())

# %% gradient
output.requires_grad_()
loss = loss_fn(output, target)
loss.backward()
print(output.grad)

better = (output - 0.5 * output.grad).detach()  # half a gradient, the other way
print(better)
print(loss_fn(better, target))

# %% by-hand
def mse(output, target):
    return ((output - target) ** 2).mean()


def l1(output, target):
    return (output - target).abs().mean()


def huber(output, target, delta=1.0):
    size = (output - target).abs()
    near, far = size**2 / 2, delta * (size - delta / 2)
    return torch.where(size <= delta, near, far).mean()


output = output.detach()
print(mse(output, target), F.mse_loss(output, target))
print(l1(output, target), F.l1_loss(output, target))
print(huber(output, target), F.huber_loss(output, target))

# %% curves tags=["fold"]
import matplotlib.pyplot as plt

error = torch.linspace(-3, 3, 121, requires_grad=True)
functions = {"MSE": F.mse_loss, "L1": F.l1_loss, "Huber": F.huber_loss}

fig, (left, right) = plt.subplots(1, 2)
for name, function in functions.items():
    each = function(error, torch.zeros(121), reduction="none")  # (121,)
    (slope,) = torch.autograd.grad(each.sum(), error)
    style = "--" if name == "Huber" else "-"
    left.plot(error.detach(), each.detach(), style, label=name)
    right.plot(error.detach(), slope, style)
left.set(xlabel="error = output − target", ylabel="loss", ylim=(-0.2, 5))
right.set(xlabel="error = output − target", ylabel="slope of the loss")
left.legend(loc="upper center")
plt.show()

# %% reduction
for reduction in ("none", "sum", "mean"):
    print(f"{reduction:5}", F.mse_loss(output, target, reduction=reduction))

# %% outlier
days = torch.tensor([18.0, 19.0, 19.5, 22.0, 180.0], dtype=torch.float64)  # (5,)
guesses = torch.arange(4000, dtype=torch.float64) / 20  # (4000,): 0 to 199.95

for name, function in functions.items():
    losses = [function(guess.expand(5), days) for guess in guesses]  # 4000 numbers
    best = torch.stack(losses).argmin()
    print(f"{name:5} {guesses[best]:.2f}")
print(f"mean {days.mean():.2f}, median {days.median():.2f}")

# %% silent tags=["warns"]
column = output[:, None]  # (3, 1): what a Linear(..., 1) hands over
print(F.mse_loss(column, target))

pairs = (column - target) ** 2  # (3, 1) and (3,) -> (3, 3)
print(pairs)
print(pairs.mean())

shuffled = target[[2, 0, 1]]  # every answer at the wrong sample
print(F.mse_loss(column, shuffled))
print(F.mse_loss(column.squeeze(1), target))  # (3, 1) -> (3,): as it should be

# %% cross-entropy
logits = torch.tensor([[2.0, 1.0, -1.0],
                       [0.5, 0.0, 3.0]])  # (2, 3): 2 samples, 3 classes
label = torch.tensor([0, 1])  # (2,): the right class of each

p = torch.softmax(logits, dim=1)  # (2, 3): each row adds up to 1
right = p[[0, 1], label]  # (2,): the probability of the right class
print(p)
print(right)
print(-right.log(), (-right.log()).mean())
print(F.cross_entropy(logits, label))

# %% nll
log_p = torch.log_softmax(logits, dim=1)  # (2, 3)
print(F.nll_loss(log_p, label))
print(F.nll_loss(p, label))  # wrong: forgot the logarithm

# %% untrained
for classes in (2, 10, 1000):
    undecided = torch.zeros(1, classes)  # every class has the same score
    print(f"{classes:4} {F.cross_entropy(undecided, torch.tensor([0])):.4f}")

# %% accuracy
for s in (0.0, 1.0, 2.0):
    more = torch.tensor([[s, 0, 0], [0, s, 0]])  # (2, 3): for the right classes
    scores = logits + more
    accuracy = (scores.argmax(dim=1) == label).float().mean()
    loss = F.cross_entropy(scores, label)
    print(f"accuracy {accuracy:.1f}  cross-entropy {loss:.4f}")

# %% double-softmax
z = torch.zeros(1, 10)
z[0, 3] = 20.0  # class 3, without a doubt
z.requires_grad_()

for c in (3, 4):
    for scores in (z, torch.softmax(z, dim=1)):
        loss = F.cross_entropy(scores, torch.tensor([c]))
        (gradient,) = torch.autograd.grad(loss, z)
        largest = gradient.abs().max()
        print(f"{c} is right: loss {loss:7.4f}, largest gradient {largest:.4f}")

# %% labels
one_hot = F.one_hot(label, num_classes=3).float()  # (2,) -> (2, 3)
doubtful = torch.tensor([[0.8, 0.2, 0.0],
                         [0.5, 0.5, 0.0]])  # (2, 3): a probability for each class

print(label.dtype, F.cross_entropy(logits, label))
print(one_hot.dtype, F.cross_entropy(logits, one_hot))
print(F.cross_entropy(logits, doubtful), -(doubtful * log_p).sum(dim=1).mean())

# %% int32-error tags=["raises-exception"]
F.cross_entropy(logits, label.to(torch.int32))

# %% mask-error tags=["raises-exception"]
scores = torch.zeros(1, 3, 2, 2)  # (1, 3, 2, 2): 1 picture, 3 classes, 2 x 2 pixels
mask = torch.tensor([[[0, 2], [1, 1]]], dtype=torch.uint8)  # (1, 2, 2)
F.cross_entropy(scores, mask)

# %% one-hot-error tags=["raises-exception"]
F.cross_entropy(logits, F.one_hot(label, num_classes=3))

# %% order
print("MSE          ", F.mse_loss(output, target), F.mse_loss(target, output))
there, back = F.cross_entropy(logits, doubtful), F.cross_entropy(doubtful, logits)
print("cross-entropy", there, back)

# %% weight
weight = torch.tensor([1.0, 3.0, 1.0])  # (3,): one number for each class
each = F.cross_entropy(logits, label, reduction="none")  # (2,)
w = weight[label]  # (2,): the weight of each sample's class
print(F.cross_entropy(logits, label, weight=weight))
print((w * each).sum() / w.sum())

# %% ignore
gap = torch.tensor([0, -100])  # (2,): the second sample has no label
print(F.cross_entropy(logits, gap), each[0])
print(F.cross_entropy(logits, torch.tensor([0, 255]), ignore_index=255))
print(F.cross_entropy(logits, torch.tensor([-100, -100])))  # nothing is left

# %% smoothing
smooth = 0.9 * one_hot + 0.1 / 3  # (2, 3): a tenth is shared among 3 classes
print(smooth)
print(F.cross_entropy(logits, smooth))
print(F.cross_entropy(logits, label, label_smoothing=0.1))

# %% bce
def bce(p, yes):
    return -(yes * p.log() + (1 - yes) * (1 - p).log()).mean()


z = torch.tensor([1.5, -0.5, 3.0])  # (3,): one logit for each question
yes = torch.tensor([1.0, 0.0, 0.0])  # (3,): 1 is yes, 0 is no
p = torch.sigmoid(z)
print(bce(p, yes))
print(F.binary_cross_entropy(p, yes))
print(F.binary_cross_entropy_with_logits(z, yes))

# %% stable
sure = torch.tensor([20.0], requires_grad=True)  # quite sure of yes
no = torch.tensor([0.0])  # but no was right
p = torch.sigmoid(sure)
print("p =", p.item())

losses = [bce(p, no),
          F.binary_cross_entropy(p, no),
          F.binary_cross_entropy_with_logits(sure, no)]
for loss in losses:
    (gradient,) = torch.autograd.grad(loss, sure, retain_graph=True)
    print(f"loss {loss:5.1f}  gradient {gradient.item():.1f}")

# %% pos-weight
three = torch.tensor(3.0)
each = F.binary_cross_entropy_with_logits(z, yes, reduction="none")  # (3,)
print(each)
print(F.binary_cross_entropy_with_logits(z, yes, pos_weight=three))
print((3 * each[0] + each[1] + each[2]) / 3)  # only the first is a yes

# %% push
z = logits.clone().requires_grad_()
F.cross_entropy(z, label).backward()
print(z.grad)
print((torch.softmax(logits, dim=1) - one_hot) / 2)  # 2 samples

# %% constructor-error tags=["raises-exception"]
nn.CrossEntropyLoss(logits, label)

# %% bounds-error tags=["raises-exception"]
from_one = torch.tensor([1, 3])  # (2,): counted from 1
F.cross_entropy(logits, from_one)

# %% column-error tags=["raises-exception"]
F.cross_entropy(logits, label[:, None])  # (2,) -> (2, 1)
