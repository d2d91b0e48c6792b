#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values for tests: one small transformer of each kind in NumPy, in double precision.

Written from the published definitions, independently of the library's code; gradients come from the
`autograd` package (pip install numpy autograd). Its output is committed as tests/golden/models.json
and read by tests/test_golden.c, so that running the tests needs no Python:

    python3 tools/golden.py > tests/golden/models.json
"""
import json

import autograd.numpy as np
import numpy
from autograd import grad

V, MASK = 7, 6
TOKENS = [[0, 3, 5], [1, 6, 2, 6, 4], [6]]


def fill(name, shape):
    """A parameter's values, as in tests/test_golden.c: sines of index and name, rounded to f32."""
    n = int(numpy.prod(shape))
    phase = sum(name.encode()) % 97
    gain = name.endswith(".gain")
    x = numpy.sin(1.3 * numpy.arange(n) + phase) * (0.1 if gain else 0.3) + (1.0 if gain else 0.0)
    return x.astype(numpy.float32).astype(numpy.float64).reshape(shape)


def shapes(c):
    """{name: shape} of the parameters of case c."""
    w, h = c["width"], c["hidden"]
    s = {"embedding.weight": (V, w)}
    if c["positions"] == "learned":
        s["position.weight"] = (c["context"], w)

    def linear(name, out, inp, bias):
        s[name + ".weight"] = (out, inp)
        if bias:
            s[name + ".bias"] = (out,)

    def norm(name):
        s[name + ".gain"] = (w,)
        if c["bias"] and c["norm"] == "layer":
            s[name + ".bias"] = (w,)

    if c["time"] == "adaln":
        linear("time.in", w, 64, True)
        linear("time.out", w, w, True)
    for i in range(c["layers"]):
        b = "block.%d." % i
        if c["time"] == "adaln":
            linear(b + "attention.modulation", 3 * w, w, True)
            linear(b + "mlp.modulation", 3 * w, w, True)
        norm(b + "attention.norm")
        linear(b + "attention.qkv", 3 * w, w, c["bias"])
        linear(b + "attention.out", w, w, c["bias"])
        norm(b + "mlp.norm")
        linear(b + "mlp.in", h, w, c["bias"])
        linear(b + "mlp.out", w, h, c["bias"])
    norm("norm")
    if not c["tied"]:
        linear("output", V, w, c["bias"])
    if c["model"] == "ap-mdm":
        linear("edit", 3, w, True)
    return {"model." + k: v for k, v in s.items()}


def linear(p, name, x):
    y = x @ p["model." + name + ".weight"].T
    return y + p["model." + name + ".bias"] if "model." + name + ".bias" in p else y


def normalise(c, p, name, x):
    g = p["model." + name + ".gain"]
    if c["norm"] == "rms":
        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + 1e-5) * g
    centred = x - np.mean(x, axis=-1, keepdims=True)
    y = centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + 1e-5) * g
    b = "model." + name + ".bias"
    return y + p[b] if b in p else y


def silu(x):
    return x / (1 + np.exp(-x))


def activate(c, x):
    if c["activation"] == "silu":
        return silu(x)
    return 0.5 * x * (1 + np.tanh(numpy.sqrt(2 / numpy.pi) * (x + 0.044715 * x ** 3)))


def rotate(x, base):
    """Rotary embedding (rotate-half) of x [L, D] at positions 0 to L - 1."""
    length, d = x.shape
    angle = numpy.arange(length)[:, None] * base ** (-numpy.arange(0, d, 2) / d)[None, :]
    a, b = x[:, : d // 2], x[:, d // 2:]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle),
                           b * np.cos(angle) + a * np.sin(angle)], axis=1)


def attend(c, q, k, v):
    d = c["width"] // c["heads"]
    out = []
    for h in range(c["heads"]):
        s = slice(h * d, (h + 1) * d)
        qh, kh = q[:, s], k[:, s]
        if c["positions"] == "rotary":
            qh, kh = rotate(qh, 10000.0), rotate(kh, 10000.0)
        scores = qh @ kh.T / numpy.sqrt(d)
        if c["model"] == "arm":
            scores = np.where(numpy.tril(numpy.ones(scores.shape)) > 0, scores, -1e30)
        scores = scores - np.max(scores, axis=1, keepdims=True)
        e = np.exp(scores)
        out.append(e / np.sum(e, axis=1, keepdims=True) @ v[:, s])
    return np.concatenate(out, axis=1)


def time_features(t):
    """cos and sin [64] at 32 frequencies of 1000 t, rounded to an integer as in the library."""
    level = numpy.floor(1000 * t + 0.5)
    angle = level * 10000.0 ** (-numpy.arange(0, 64, 2) / 64)
    return numpy.concatenate([numpy.cos(angle), numpy.sin(angle)])


def hidden(c, p, tokens, t):
    """The backbone's output [L, width] for one sequence; t: its diffusion time."""
    x = p["model.embedding.weight"][numpy.array(tokens)]
    if c["positions"] == "learned":
        x = x + p["model.position.weight"][: len(tokens)]
    e = None
    if c["time"] == "adaln":
        e = silu(linear(p, "time.out", silu(linear(p, "time.in", time_features(t)[None, :]))))
    w = c["width"]
    for i in range(c["layers"]):
        b = "block.%d." % i
        for part in ("attention", "mlp"):
            y = normalise(c, p, b + part + ".norm", x)
            if e is not None:
                m = linear(p, b + part + ".modulation", e)
                y = y * (1 + m[:, w:2 * w]) + m[:, :w]
            if part == "attention":
                qkv = linear(p, b + "attention.qkv", y)
                y = linear(p, b + "attention.out",
                           attend(c, qkv[:, :w], qkv[:, w:2 * w], qkv[:, 2 * w:]))
            else:
                y = linear(p, b + "mlp.out", activate(c, linear(p, b + "mlp.in", y)))
            if e is not None:
                y = y * m[:, 2 * w:]
            x = x + y
    return normalise(c, p, "norm", x)


def logits_of(c, p, x):
    return x @ p["model.embedding.weight"].T if c["tied"] else linear(p, "output", x)


def cross_entropy(z, target):
    """Cross-entropy in nats of the logits z [V] without the mask token."""
    z = np.concatenate([z[:MASK], z[MASK + 1:]])
    target = target - (target > MASK)
    m = np.max(z)
    return m + np.log(np.sum(np.exp(z - m))) - z[target]


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def labels(rows):
    """Targets and labels of each row: functions of its number, as in tests/test_golden.c."""
    r = numpy.arange(rows)
    return {"target": numpy.where(r % 3 == 1, -1, (r * 5 + 2) % 6), "weight": 0.5 + 0.25 * (r % 4),
            "remask": (r % 2 == 0) * 1.0, "insert": (r % 3 == 0) * 1.0, "remove": (r % 4 == 1) * 1.0,
            "edit_weight": 1.0 * (r % 5 != 4)}


def evaluate(c, p):
    """The loss over all sequences, as a sum of weighted terms, and the logits [rows, V]."""
    rows = sum(len(s) for s in TOKENS)
    label = labels(rows)
    total, r, logits = 0.0, 0, []
    for s, tokens in enumerate(TOKENS):
        x = hidden(c, p, tokens, 0.125 * (s + 1))
        z = logits_of(c, p, x)
        logits.append(z)
        bits = linear(p, "edit", x) if c["model"] == "ap-mdm" else None
        for i in range(len(tokens)):
            if label["target"][r] >= 0:
                total = total + label["weight"][r] * cross_entropy(z[i], label["target"][r])
            for k, name in enumerate(("remask", "insert", "remove") if bits is not None else ()):
                total = total + label["edit_weight"][r] * (
                    softplus(bits[i, k]) - label[name][r] * bits[i, k])
            r += 1
    return total, np.concatenate(logits)


def case(**c):
    p = {k: fill(k, v) for k, v in shapes(c).items()}
    value, logits = evaluate(c, p)
    gradient = grad(lambda q: evaluate(c, q)[0])(p)
    settings = {k: str(v) for k, v in c.items() if k not in ("model", "context")}
    return {"model": c["model"], "settings": settings, "loss": float(value),
            "logits": [float(x) for x in logits.ravel()],
            "gradients": {k: [float(x) for x in g.ravel()] for k, g in gradient.items()}}


BASE = dict(layers=2, heads=2, width=8, hidden=12, norm="layer", activation="gelu", bias=0,
            positions="rotary", tied=0, time="none", context=5)

if __name__ == "__main__":
    cases = [case(**{**BASE, "model": "arm"}),
             case(**{**BASE, "model": "masked-arm", "norm": "rms", "activation": "silu", "bias": 1,
                     "positions": "learned", "tied": 1}),
             case(**{**BASE, "model": "mdm", "time": "adaln"}),
             case(**{**BASE, "model": "ap-mdm", "bias": 1})]
    print(json.dumps({"cases": cases}, indent=0))
