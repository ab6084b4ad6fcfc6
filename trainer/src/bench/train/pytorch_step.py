"""PyTorch as a contender of `rnn bench train`: python pytorch_step.py I H L T B CELL THREADS, then the protocol of contender.rs."""

import sys
import time
from typing import List

import torch
import torch.nn as nn
import torch.nn.functional as F

INPUTS, HIDDEN, LAYERS, STEPS, ROWS = map(int, sys.argv[1:6])
CELL, THREADS = sys.argv[6], int(sys.argv[7])
torch.set_num_threads(THREADS)
torch.set_num_interop_threads(1)


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(INPUTS, HIDDEN, LAYERS, batch_first=True)
        self.head = nn.Linear(HIDDEN, 1)

    def forward(self, x):
        y, _ = self.lstm(x)
        return self.head(y[:, -1])


class RegularizedLayer(nn.Module):
    """Layer norm over W x, U h and c (Ba et al. 2016), zoneout of c and h, recurrent dropout; W x for all steps at once."""

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.hidden = hidden
        bound = hidden**-0.5
        self.w = nn.Parameter(torch.empty(4 * hidden, inputs).uniform_(-bound, bound))
        self.u = nn.Parameter(torch.empty(4 * hidden, hidden).uniform_(-bound, bound))
        self.b = nn.Parameter(torch.zeros(4 * hidden))
        self.norm_x = nn.LayerNorm(4 * hidden)
        self.norm_h = nn.LayerNorm(4 * hidden)
        self.norm_c = nn.LayerNorm(hidden)

    def forward(self, x):
        steps, rows, _ = x.shape
        from_x = self.norm_x(F.linear(x, self.w)) + self.b
        h = x.new_zeros(rows, self.hidden)
        c = x.new_zeros(rows, self.hidden)
        keep = torch.empty(rows, self.hidden).bernoulli_(0.9) / 0.9
        zone_c = torch.empty(steps, rows, self.hidden).bernoulli_(0.1)
        zone_h = torch.empty(steps, rows, self.hidden).bernoulli_(0.1)
        outputs: List[torch.Tensor] = []
        for t in range(steps):
            a = from_x[t] + self.norm_h(F.linear(h * keep, self.u))
            i, f, g, o = a.chunk(4, 1)
            new_c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            c = torch.lerp(new_c, c, zone_c[t])
            new_h = torch.sigmoid(o) * torch.tanh(self.norm_c(c))
            h = torch.lerp(new_h, h, zone_h[t])
            outputs.append(h)
        return torch.stack(outputs)


class Regularized(nn.Module):
    def __init__(self, scripted: bool):
        super().__init__()
        layers = [RegularizedLayer(HIDDEN if layer else INPUTS, HIDDEN) for layer in range(LAYERS)]
        self.layers = nn.ModuleList([torch.jit.script(layer) if scripted else layer for layer in layers])
        self.head = nn.Linear(HIDDEN, 1)

    def forward(self, x):
        y = x.transpose(0, 1)
        for layer in self.layers:
            y = layer(y)
        return self.head(y[-1])


def training(model):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = torch.randn(ROWS, STEPS, INPUTS), torch.randn(ROWS, 1)
    model.train()

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()

    return step


def timed(step):
    start = time.perf_counter()
    step()
    return (time.perf_counter() - start) * 1e6


def best(steps):
    """The fastest of several ways to say the same, after their warm-up."""
    if len(steps) > 1:
        for step in steps:
            for _ in range(5):
                step()
        times = [min(timed(step) for _ in range(5)) for step in steps]
        return steps[times.index(min(times))]
    for _ in range(5):
        steps[0]()
    return steps[0]


def setup():
    torch.manual_seed(0)
    if CELL == "lstm":
        return best([training(Plain())])
    return best([training(Regularized(scripted)) for scripted in (False, True)])


print("ready", flush=True)
step = None
for line in sys.stdin:
    words = line.split()
    if words[0] == "setup":
        step = setup()
        print("ok", flush=True)
    else:
        print(*(f"{timed(step):.1f}" for _ in range(int(words[1]))), flush=True)
