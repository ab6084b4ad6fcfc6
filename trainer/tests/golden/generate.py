"""Golden values from PyTorch, for `tests/golden.rs`. Needs `torch`; run it in this folder: `python generate.py`.

Everything is float64 and random, widths are 5 and more, gate order is i f g o. PyTorch's second bias is zero.
"""

import json
import math

import torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.manual_seed(20)


def randn(*shape):
    """Few digits, to keep the files small."""
    return torch.round(torch.randn(shape), decimals=4)


def layer(inputs, hidden):
    width = 1.5 / math.sqrt(inputs + hidden)
    draw = lambda *shape: torch.round((torch.rand(shape) * 2 - 1) * width, decimals=4)
    return {"inputs": inputs, "hidden": hidden, "w": draw(4 * hidden, inputs), "u": draw(4 * hidden, hidden), "b": draw(4 * hidden)}


def network(inputs, widths, outputs):
    layers = [layer(i, h) for i, h in zip([inputs] + widths, widths)]
    head = {"inputs": widths[-1], "outputs": outputs, "w": randn(outputs, widths[-1]), "b": randn(outputs)}
    return {"layers": layers, "head": head}


def tensors(net):
    """All parameters, in the order of the file."""
    return [l[k] for l in net["layers"] for k in "wub"] + [net["head"][k] for k in "wb"]


def plain(obj):
    if isinstance(obj, torch.Tensor):
        return [float(f"{v:.17g}") for v in obj.detach().flatten().tolist()]
    if isinstance(obj, dict):
        return {k: plain(v) for k, v in obj.items()}
    if isinstance(obj, list):
        return [plain(v) for v in obj]
    return obj


def save(name, value):
    with open(f"{name}.json", "w") as f:
        json.dump(plain(value), f, separators=(",", ":"))
        f.write("\n")


def head(net, h):
    return nn.functional.linear(h, net["head"]["w"], net["head"]["b"])


def stack(net, x):
    """nn.LSTM layers, one after the other; x is [B][T][I]."""
    for l in net["layers"]:
        lstm = nn.LSTM(l["inputs"], l["hidden"], batch_first=True)
        params = {"weight_ih_l0": l["w"], "weight_hh_l0": l["u"], "bias_ih_l0": l["b"], "bias_hh_l0": torch.zeros_like(l["b"])}
        x, _ = torch.func.functional_call(lstm, params, x)
    return head(net, x[:, -1])


def mean_network(net, x, dropout=None, recurrent=0.0, cell=0.0, hidden=0.0, reading="candidate"):
    """Test time: classical keep factors and zoneout's expectation, step by step with nn.LSTMCell."""
    dropout = dropout or {}
    for n, l in enumerate(net["layers"]):
        keep = 1 - dropout.get("input" if n == 0 else "between", 0.0)
        module = nn.LSTMCell(l["inputs"], l["hidden"])
        params = {"weight_ih": l["w"], "weight_hh": l["u"], "bias_ih": l["b"], "bias_hh": torch.zeros_like(l["b"])}
        h = c = x.new_zeros(x.shape[0], l["hidden"])
        outputs = []
        for t in range(x.shape[1]):
            xt, hq = x[:, t] * keep, h * (1 - recurrent)
            h_new, candidate = torch.func.functional_call(module, params, (xt, (hq, c)))
            c = cell * c + (1 - cell) * candidate
            if reading == "zoned":
                o = torch.sigmoid((xt @ l["w"].T + hq @ l["u"].T + l["b"]).chunk(4, 1)[3])
                h_new = o * torch.tanh(c)
            h = hidden * h + (1 - hidden) * h_new
            outputs.append(h)
        x = torch.stack(outputs, 1)
    return head(net, x[:, -1] * (1 - dropout.get("output", 0.0)))


def case(net, x, y, **regularization):
    return {"network": net, "regularization": regularization, "steps": x.shape[1], "windows": x, "outputs": y}


def gradients(net, x, target):
    params = tensors(net)
    for p in params:
        p.requires_grad_()
    loss = nn.functional.mse_loss(stack(net, x), target)
    grads = iter(torch.autograd.grad(loss, params))
    for p in params:
        p.requires_grad_(False)
    out = {"layers": [{**l, **{k: next(grads) for k in "wub"}} for l in net["layers"]]}
    out["head"] = {**net["head"], **{k: next(grads) for k in "wb"}}
    return loss, out


# Plain networks: one layer, three layers of unequal widths; outputs and gradients of the mean squared error.
cases = []
for widths in ([7], [6, 18, 5]):
    net, x, target = network(3, widths, 2), randn(4, 6, 3), randn(4, 2)
    loss, grads = gradients(net, x, target)
    cases.append({**case(net, x, stack(net, x)), "targets": target, "loss": loss.item(), "gradients": grads})
save("plain", cases)

# Test time of each regularizer alone, and of all.
x = randn(3, 5, 2)
cases = []
for reading in ("candidate", "zoned"):
    for cell, hidden in ((0.5, 0.0), (0.0, 0.3), (0.4, 0.2)):
        net = network(2, [5, 6], 2)
        y = mean_network(net, x, cell=cell, hidden=hidden, reading=reading)
        cases.append(case(net, x, y, zoneout={"cell": cell, "hidden": hidden, "reading": reading}))
save("zoneout", cases)

cases = []
for place in ("input", "between", "output", "recurrent"):
    net = network(2, [5, 6], 2)
    classical = {"scaling": "classical"}
    if place == "recurrent":
        y, asked = mean_network(net, x, recurrent=0.3), {"recurrent": {"drop": 0.3, **classical}}
    else:
        y, asked = mean_network(net, x, dropout={place: 0.3}), {"dropout": {place: 0.3, **classical}}
    cases.append(case(net, x, y, **asked))
    # Inverted: as without.
    inverted = {"recurrent": {"drop": 0.3}} if place == "recurrent" else {"dropout": {place: 0.3}}
    cases.append(case(net, x, stack(net, x), **inverted))
net = network(2, [5, 6], 2)
drops = {"input": 0.1, "between": 0.2, "output": 0.3}
zone = {"cell": 0.4, "hidden": 0.1, "reading": "candidate"}
y = mean_network(net, x, dropout=drops, recurrent=0.25, **zone)
cases.append(case(net, x, y, dropout={**drops, "scaling": "classical"}, recurrent={"drop": 0.25, "scaling": "classical"}, zoneout=zone))
save("dropout", cases)

def normed_layer(inputs, hidden, form, per_gate, epsilon):
    """A layer with gains, shifts and a bias inside the norm that are not trivial."""
    l = layer(inputs, hidden)
    gain = lambda n: torch.round(1 + 0.4 * torch.randn(n), decimals=4)
    shift = lambda n: torch.round(0.4 * torch.randn(n), decimals=4)
    l["norm"] = {"form": form, "per_gate": per_gate, "epsilon": epsilon, "gain_x": gain(4 * hidden), "shift_x": shift(4 * hidden)}
    apart = {"bias_x": shift(4 * hidden), "gain_h": gain(4 * hidden), "shift_h": shift(4 * hidden), "gain_c": gain(hidden), "shift_c": shift(hidden)}
    l["norm"].update(apart if form != "joint" else {k: torch.zeros(0) for k in apart})
    return l


def layer_norm(z, gain, shift, epsilon, gates=1):
    """PyTorch's layer norm over the last axis, or over each of its parts."""
    parts = [nn.functional.layer_norm(part, part.shape[-1:], eps=epsilon) for part in z.chunk(gates, -1)]
    return torch.cat(parts, -1) * gain + shift


def written_out(net, x, recurrent=1.0, candidate=1.0, cell=1.0, weight=1.0, zone=None):
    """Layers written out step by step, with layer norm where a layer has it and with keep factors of test time."""
    zone = zone or {"cell": 0.0, "hidden": 0.0, "reading": "candidate"}
    for l in net["layers"]:
        norm = l.get("norm")
        gates = 4 if norm and norm["per_gate"] else 1
        h = c = x.new_zeros(x.shape[0], l["hidden"])
        outputs = []
        for t in range(x.shape[1]):
            wx, uh = x[:, t] @ l["w"].T, (recurrent * h) @ (weight * l["u"]).T
            if not norm:
                a = wx + uh + l["b"]
            elif norm["form"] == "joint":
                a = layer_norm(wx + uh + l["b"], norm["gain_x"], norm["shift_x"], norm["epsilon"], gates)
            else:
                a = layer_norm(wx + norm["bias_x"], norm["gain_x"], norm["shift_x"], norm["epsilon"], gates)
                a = a + layer_norm(uh, norm["gain_h"], norm["shift_h"], norm["epsilon"], gates) + l["b"]
            i, f, g, o = a.chunk(4, 1)
            i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
            new = cell * (f * c + candidate * i * g)
            cell_norm = (lambda c: layer_norm(c, norm["gain_c"], norm["shift_c"], norm["epsilon"])) if norm else None
            if norm and norm["form"] == "b":
                new = cell_norm(new)
            c = zone["cell"] * c + (1 - zone["cell"]) * new
            read = new if zone["reading"] == "candidate" else c
            if norm and norm["form"] == "a":
                read = cell_norm(read)
            h = zone["hidden"] * h + (1 - zone["hidden"]) * o * torch.tanh(read)
            outputs.append(h)
        x = torch.stack(outputs, 1)
    return head(net, x[:, -1])


# Ten steps of AdamW: Huber loss, clipped gradients, warm-up and cosine, decay on weights only.
net, x, target = network(3, [6, 5], 2), randn(8, 7, 3), randn(8, 2)
start = plain(net)
settings = {"loss": "huber", "delta": 0.5, "learning_rate": 0.02, "warmup": 3, "clip": 0.15}
decay, total = 0.1, 10
params = [p.requires_grad_() for p in tensors(net)]
weights, biases = [p for p in params if p.dim() == 2], [p for p in params if p.dim() == 1]
optimizer = torch.optim.AdamW([{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}])
losses, norms = [], []
for step in range(total):
    warmup = settings["warmup"]
    rate = (step + 1) / warmup if step < warmup else 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))
    for group in optimizer.param_groups:
        group["lr"] = settings["learning_rate"] * rate
    optimizer.zero_grad()
    loss = nn.functional.huber_loss(stack(net, x), target, delta=settings["delta"])
    loss.backward()
    norms.append(nn.utils.clip_grad_norm_(params, settings["clip"]).item())
    optimizer.step()
    losses.append(loss.item())
assert min(norms) < settings["clip"] < max(norms), "clipping must be at work in some steps"
save(
    "trajectory",
    {"network": start, "training": settings, "decay": decay, "steps": x.shape[1], "windows": x, "targets": target, "losses": losses, "norms": norms, "last": net},
)

# The losses on their own.
predictions, targets = randn(12), randn(12)
out = []
for name, function in (
    ("mse", nn.functional.mse_loss),
    ("mae", nn.functional.l1_loss),
    ("huber", lambda a, b: nn.functional.huber_loss(a, b, delta=0.7)),
):
    y = predictions.clone().requires_grad_()
    value = function(y, targets)
    out.append({"training": {"loss": name, "delta": 0.7}, "predictions": predictions, "targets": targets, "value": value.item(), "gradients": torch.autograd.grad(value, y)[0]})
save("loss", out)

# Layer norm in every form, alone with gradients, and with the other regularizers of the cell at test time.
cases = []
KEYS = ["gain_x", "shift_x", "bias_x", "gain_h", "shift_h", "gain_c", "shift_c"]
for form in ("a", "b", "joint"):
    for per_gate in (False, True):
        widths, inputs = ([6], 1) if per_gate else ([17], 1) if form == "a" else ([4, 5], 2)
        net, x, target = network(inputs, widths, 2), randn(3, 5, inputs), randn(3, 2)
        net["layers"] = [normed_layer(i, h, form, per_gate, 1e-3) for i, h in zip([inputs] + widths, widths)]
        params = tensors(net) + [l["norm"][k] for l in net["layers"] for k in KEYS]
        for p in params:
            p.requires_grad_()
        y = written_out(net, x)
        loss = nn.functional.mse_loss(y, target)
        grads = dict(zip(map(id, params), torch.autograd.grad(loss, params, allow_unused=True)))
        of = lambda p: torch.zeros(0) if p.numel() == 0 else grads[id(p)]
        layers = [{**l, **{k: of(l[k]) for k in "wub"}, "norm": {**l["norm"], **{k: of(l["norm"][k]) for k in KEYS}}} for l in net["layers"]]
        gradient = {"layers": layers, "head": {**net["head"], **{k: of(net["head"][k]) for k in "wb"}}}
        for p in params:
            p.requires_grad_(False)
        cases.append({**case(net, x, y), "targets": target, "loss": loss.item(), "gradients": gradient})
        for reading in ("candidate", "zoned"):
            net = network(2, [5], 2)
            net["layers"] = [normed_layer(2, 5, form, per_gate, 1e-3)]
            x, zone = randn(2, 4, 2), {"cell": 0.4, "hidden": 0.2, "reading": reading}
            y = written_out(net, x, recurrent=0.7, candidate=0.8, cell=0.9, weight=0.75, zone=zone)
            classical = {"scaling": "classical"}
            asked = {"recurrent": {"drop": 0.3, **classical}, "candidate": {"drop": 0.2, **classical}, "cell": {"drop": 0.1}, "weight_drop": {"drop": 0.25, **classical}}
            cases.append(case(net, x, y, zoneout=zone, **asked))
save("layer_norm", cases)

# Keep factors inside the cell and on its weights, in both scalings.
cases = []
x = randn(3, 5, 2)
for kind, factor in (("candidate", "candidate"), ("weight_drop", "weight")):
    for scaling, keep in (("classical", 0.7), ("inverted", 1.0)):
        net = network(2, [5, 6], 2)
        cases.append(case(net, x, written_out(net, x, **{factor: keep}), **{kind: {"drop": 0.3, "scaling": scaling}}))
net = network(2, [5, 6], 2)
cases.append(case(net, x, written_out(net, x, cell=0.7), cell={"drop": 0.3}))
for reading in ("candidate", "zoned"):
    net, zone = network(2, [5, 6], 2), {"cell": 0.4, "hidden": 0.2, "reading": reading}
    y = written_out(net, x, recurrent=0.6, candidate=0.7, cell=0.8, weight=0.9, zone=zone)
    asked = {k: {"drop": d, "scaling": "classical"} for k, d in (("recurrent", 0.4), ("candidate", 0.3), ("weight_drop", 0.1))}
    cases.append(case(net, x, y, cell={"drop": 0.2}, zoneout=zone, noise={"input": 0.5, "weights": 0.5}, **asked))
# The written-out step is PyTorch's own where nothing is asked.
assert torch.allclose(written_out(net, x), stack(net, x), rtol=0, atol=1e-15)
save("cell", cases)

# Layer norm before the head: alone and with every form in the cell, with gradients; then under the output's keep factor.
def normed_head(net, h, keep=1.0):
    norm = net["head"]["norm"]
    return head(net, keep * layer_norm(h, norm["gain"], norm["shift"], norm["epsilon"]))


def last_h(net, x):
    """What the head reads: the network with a head of ones on each unit alone."""
    hidden = net["layers"][-1]["hidden"]
    return written_out({**net, "head": {"w": torch.eye(hidden), "b": torch.zeros(hidden)}}, x)


cases = []
for form, widths in ((None, [17]), ("a", [5, 6]), ("b", [6]), ("joint", [4, 5])):
    for keep in (1.0, 0.7):
        net, x, target = network(2, widths, 3), randn(3, 5, 2), randn(3, 3)
        if form:
            net["layers"] = [normed_layer(i, h, form, False, 1e-3) for i, h in zip([2] + widths, widths)]
        gain = torch.round(1 + 0.4 * torch.randn(widths[-1]), decimals=4)
        net["head"]["norm"] = {"epsilon": 1e-3, "gain": gain, "shift": torch.round(0.4 * torch.randn(widths[-1]), decimals=4)}
        of_norms = [l["norm"][k] for l in net["layers"] if form for k in KEYS]
        params = tensors(net) + of_norms + [net["head"]["norm"][k] for k in ("gain", "shift")]
        for p in params:
            p.requires_grad_()
        y = normed_head(net, last_h(net, x), keep)
        loss = nn.functional.mse_loss(y, target)
        grads = dict(zip(map(id, params), torch.autograd.grad(loss, params, allow_unused=True)))
        of = lambda p: torch.zeros(0) if p.numel() == 0 else grads[id(p)]
        layers = [{**l, **{k: of(l[k]) for k in "wub"}} for l in net["layers"]]
        if form:
            layers = [{**l, "norm": {**l["norm"], **{k: of(l["norm"][k]) for k in KEYS}}} for l in layers]
        norm = {**net["head"]["norm"], **{k: of(net["head"]["norm"][k]) for k in ("gain", "shift")}}
        gradient = {"layers": layers, "head": {**net["head"], **{k: of(net["head"][k]) for k in "wb"}, "norm": norm}}
        for p in params:
            p.requires_grad_(False)
        asked = {"dropout": {"output": 0.3, "scaling": "classical"}} if keep < 1 else {}
        cases.append({**case(net, x, y, **asked), "targets": target, "loss": loss.item(), "gradients": gradient})
save("head_norm", cases)

# The cross-entropy of a softmax through a whole network, with and without class weights, and of large logits.
cases = []
for size, weights in ((1.0, [1.0, 1.0, 1.0, 1.0]), (1.0, [0.5, 2.0, 1.0, 4.0]), (300.0, [0.5, 2.0, 1.0, 4.0])):
    net, x, classes = network(3, [6, 5], 4), randn(5, 6, 3), torch.tensor([1, 3, 0, 3, 2])
    net["head"]["w"] = size * net["head"]["w"]
    params = tensors(net)
    for p in params:
        p.requires_grad_()
    y = stack(net, x)
    # PyTorch divides by the sum of the weights, which is no mean over windows.
    loss = nn.functional.cross_entropy(y, classes, weight=torch.tensor(weights, dtype=y.dtype), reduction="sum") / len(classes)
    grads = iter(torch.autograd.grad(loss, params))
    for p in params:
        p.requires_grad_(False)
    out = {"layers": [{**l, **{k: next(grads) for k in "wub"}} for l in net["layers"]]}
    out["head"] = {**net["head"], **{k: next(grads) for k in "wb"}}
    targets = nn.functional.one_hot(classes, 4) * torch.tensor(weights, dtype=y.dtype)
    cases.append({**case(net, x, y.detach()), "targets": targets, "loss": loss.item(), "gradients": out})
save("cross_entropy", cases)
