"""Golden values of truncated back-propagation with carried state, for `tests/carried.rs`. Needs `torch`; run it in this folder:
`python carried.py`.

Three segments of one batch of streams: `nn.LSTM` begins each with the detached state that the one before ended with (the second stream
begins anew in the second segment), the head reads every step, and the loss is the mean squared error over all steps. Everything is float64
and random, gate order is i f g o, PyTorch's second bias is zero.
"""

import json
import math

import torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.manual_seed(21)

ROWS, STEPS, INPUTS, WIDTHS, OUTPUTS = 3, 5, 2, [6, 17], 2


def draw(width, *shape):
    """Few digits, to keep the file small."""
    return torch.round((torch.rand(shape) * 2 - 1) * width, decimals=4)


def values(tensor):
    return [float(f"{v:.17g}") for v in tensor.detach().flatten().tolist()]


layers = []
for inputs, hidden in zip([INPUTS] + WIDTHS, WIDTHS):
    width = 1.5 / math.sqrt(inputs + hidden)
    layers.append({"w": draw(width, 4 * hidden, inputs), "u": draw(width, 4 * hidden, hidden), "b": draw(width, 4 * hidden)})
head = {"w": draw(1.0, OUTPUTS, WIDTHS[-1]), "b": draw(1.0, OUTPUTS)}
params = [l[k] for l in layers for k in "wub"] + [head["w"], head["b"]]
for p in params:
    p.requires_grad_()

states = [None] * len(layers)
segments = []
for number in range(3):
    windows, targets = draw(1.5, ROWS, STEPS, INPUTS), draw(1.0, ROWS, STEPS, OUTPUTS)
    fresh = [number == 0 or (number == 1 and row == 1) for row in range(ROWS)]
    keep = torch.tensor([0.0 if f else 1.0 for f in fresh])[None, :, None]
    x = windows
    for n, l in enumerate(layers):
        hidden = l["u"].shape[1]
        lstm = nn.LSTM(l["w"].shape[1], hidden, batch_first=True)
        named = {"weight_ih_l0": l["w"], "weight_hh_l0": l["u"], "bias_ih_l0": l["b"], "bias_hh_l0": torch.zeros(4 * hidden)}
        before = states[n] or (torch.zeros(1, ROWS, hidden),) * 2
        x, after = torch.func.functional_call(lstm, named, (x, tuple(s * keep for s in before)))
        states[n] = tuple(s.detach() for s in after)
    outputs = nn.functional.linear(x, head["w"], head["b"])
    loss = nn.functional.mse_loss(outputs, targets)
    gradients = torch.autograd.grad(loss, params)
    segments.append({
        "fresh": fresh,
        "windows": values(windows),
        "targets": values(targets),
        "outputs": values(outputs),
        "loss": loss.item(),
        "gradients": [values(g) for g in gradients],
    })

golden = {
    "inputs": INPUTS,
    "hidden": WIDTHS,
    "outputs": OUTPUTS,
    "steps": STEPS,
    "tensors": [values(p) for p in params],
    "segments": segments,
}
with open("carried.json", "w") as f:
    json.dump(golden, f, separators=(",", ":"))
    f.write("\n")
