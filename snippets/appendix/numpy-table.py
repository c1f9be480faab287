# The cells of the page appendix/numpy-table.

# %% numbers
import numpy as np
import torch

numbers = {
    "a": [[3.0, -1.0, 2.0], [0.5, 4.0, -2.0]],  # (2, 3)
    "b": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],  # (2, 3)
    "v": [2.0, 3.0, 2.0],  # (3,)
    "w": [4.0, 0.5, 1.0],  # (3,)
}
arrays, tensors = {"np": np}, {"torch": torch}
for name, rows in numbers.items():
    arrays[name] = np.array(rows, dtype=np.float32)
    tensors[name] = torch.tensor(rows)

# %% side-by-side
for left, right in [("np.sin(a)", "torch.sin(a)"),
                    ("a.mean(axis=0)", "a.mean(dim=0)"),
                    ("np.concatenate([a, b])", "torch.cat([a, b])")]:
    array, tensor = eval(left, arrays), eval(right, tensors)  # run the text as code
    print(f"{left:24}{right:20}", np.allclose(array, tensor.numpy()))
