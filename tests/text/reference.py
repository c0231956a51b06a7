"""The network and the strategy once more, in NumPy, slowly: written from the description and not from esbench's code.

Numbers are int64 throughout, divisions are Python's, and nothing is looked up that can be computed.
"""

import math

import numpy as np


def sat(x):
    return np.clip(x, -127, 127)


def product(matrix, x):
    """The matrix times x, by 16 and by the root of the length of x, rounded down."""
    return sat((matrix @ x) // (16 * math.isqrt(len(x))))


def norm(x, weight):
    mean = max(1, int(np.abs(x).sum()) // len(x))
    return sat(np.array([int(a) * int(w) // mean for a, w in zip(x, weight, strict=True)]))


def unit(layer, y, s):
    gate, new = layer["gate"], layer["new"]
    f = sat(product(gate["input"], y) + product(gate["memory"], s) + gate["bias"])
    past = np.floor_divide((f + 127) * s, 256)
    h = sat(product(new["input"], y) + product(new["memory"], past) + new["bias"])
    return s + np.floor_divide((f + 127) * (h - s), 256)


def step(params, memory, token):
    if token == 0:
        memory = np.zeros_like(memory)
    x, after = params["embedding"][token], []
    for number, s in enumerate(memory):
        layer = params["layers"][str(number)]
        s = unit(layer, norm(x, layer["norm"]), s)
        after.append(s)
        x = sat(x + s)
        x = sat(x + product(layer["down"], product(layer["up"], norm(x, layer["wide_norm"]))))
    return np.stack(after), product(params["head"], norm(x, params["norm"]))


def log_likelihood(logits, target):
    """In sixteenths of a bit, powers and logarithm rounded down."""
    total = sum(math.floor(16 * 2 ** ((int(logit) + 128) / 16)) for logit in logits)
    return int(logits[target]) + 128 - math.floor(16 * math.log2(total / 16))


def half_away(x):
    """Rounded to whole numbers, halves away from 0."""
    return np.sign(x) * np.floor(np.abs(x) + 0.5).astype(np.int64)
