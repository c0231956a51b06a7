"""EGG, a recurrent language model of integers only (arXiv 2511.16652, section 5 and appendix).

Weights, activations and memory are int8, 16 standing for 1. There is no activation function: that numbers saturate at
127 is what bends. The network is written without knowing how its parameters are perturbed.
"""

import functools
import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from esbench.policies.networks import Params
from esbench.population.integers import FIXED_POINT, ONE, TOP, kept, saturate
from esbench.text.corpus import SEPARATOR
from esbench.text.loss import integer_log_likelihood

WIDTHS = (4, 16, 64, 256)
"""Powers of 4, so that the root of a width is a shift; a product over four times the largest still fits int32."""
_WIDER = 4
_SHIFT = 22
# ceil(2^22 / m): `(x * this) >> 22` is `x // m` for x from 0 to 256 m, which the tests try one by one.
_RECIPROCALS = np.array([0] + [-(-(1 << _SHIFT) // m) for m in range(1, TOP + 1)], np.int32)


@dataclass(frozen=True)
class Egg:
    """A network of `layers` blocks: a gated recurrent unit and a product of two matrices, each after an L1 norm.

    symbols: of the alphabet. width: of everything but the middle of the two matrices, which is 4 times as wide.
    """

    symbols: int
    width: int
    layers: int

    def init(self, key: jax.Array) -> Params:
        """Fresh int8 parameters: normal numbers times 16, norms' weights 16, biases 0."""
        width, keys = self.width, iter(jax.random.split(key, 2 + 6 * self.layers))

        def matrix(rows: int, columns: int) -> jax.Array:
            return saturate(jnp.round(ONE * jax.random.normal(next(keys), (rows, columns))).astype(jnp.int32))

        def constant(value: int) -> jax.Array:
            return jnp.full(width, value, jnp.int8)

        def layer() -> Params:
            return {
                "norm": constant(ONE),
                "gate": {"input": matrix(width, width), "memory": matrix(width, width), "bias": constant(0)},
                "new": {"input": matrix(width, width), "memory": matrix(width, width), "bias": constant(0)},
                "wide_norm": constant(ONE),
                "up": matrix(_WIDER * width, width),
                "down": matrix(width, _WIDER * width),
            }

        return {
            "embedding": matrix(self.symbols, width),
            "layers": {str(number): layer() for number in range(self.layers)},
            "norm": constant(ONE),
            "head": matrix(self.symbols, width),
        }

    def blank(self) -> jax.Array:
        """The memory before a text: int8 (layers, width)."""
        return jnp.zeros((self.layers, self.width), jnp.int8)

    def log_likelihood(self, logits: jax.Array, target: jax.Array) -> jax.Array:
        """What a prediction is worth in training: int32 (), sixteenths of a bit."""
        return integer_log_likelihood(logits, target)

    def step(self, params: Params, memory: jax.Array, token: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The memory after `token`, int32 (), and what may follow it: int8 (symbols,), log2 of unscaled probabilities
        in sixteenths."""
        memory = jnp.where(token == SEPARATOR, jnp.int8(0), memory)
        x = kept(params["embedding"].at[token].get(mode="promise_in_bounds"))
        after = []
        for number in range(self.layers):
            layer = params["layers"][str(number)]
            unit = _unit(layer, _norm(x, layer["norm"]), memory[number])
            after.append(unit)
            x = _sum(x, unit)
            middle = kept(_product(_norm(x, layer["wide_norm"]), layer["up"]))
            x = _sum(x, _product(middle, layer["down"]))
        return jnp.stack(after), kept(_product(_norm(x, params["norm"]), params["head"]))


def _unit(layer: Params, x: jax.Array, memory: jax.Array) -> jax.Array:
    """The gated recurrent unit's memory after x. A gate from -127 to 127 stands for a share from 0 to 1."""
    gate, new = layer["gate"], layer["new"]
    open_by = _wide(_sum(_product(x, gate["input"]), _product(memory, gate["memory"]), gate["bias"])) + TOP
    past = kept(((open_by * _wide(memory)) >> 8).astype(jnp.int8))
    update = _sum(_product(x, new["input"]), _product(past, new["memory"]), new["bias"])
    return kept((_wide(memory) + ((open_by * (_wide(update) - _wide(memory))) >> 8)).astype(jnp.int8))


def _norm(x: jax.Array, weight: jax.Array) -> jax.Array:
    """`x * weight` over the mean of |x|, rounded down."""
    mean = jnp.maximum(jnp.abs(_wide(x)).sum() >> int(math.log2(x.shape[0])), 1)
    reciprocal = jnp.asarray(_RECIPROCALS).at[mean].get(mode="promise_in_bounds")
    # Without the barrier XLA looks it up for every number again.
    mean, reciprocal = jax.lax.optimization_barrier((mean, reciprocal))
    # Lifted by 128 results the numerator is positive where the result can be above -128.
    lifted = jnp.clip(_wide(x) * _wide(weight) + 128 * mean, 0, 256 * mean - 1)
    return kept(saturate(((lifted * reciprocal) >> _SHIFT) - 128))


def _product(x: jax.Array, matrix: jax.Array) -> jax.Array:
    """`matrix @ x` over the root of its width, rounded down: int8."""
    total = jax.lax.dot_general(x, matrix, (((0,), (1,)), ((), ())), preferred_element_type=jnp.int32)
    return saturate(total >> (FIXED_POINT + int(math.log2(math.isqrt(matrix.shape[1])))))


def _sum(*terms: jax.Array) -> jax.Array:
    return kept(saturate(functools.reduce(jnp.add, map(_wide, terms))))


def _wide(x: jax.Array) -> jax.Array:
    return x.astype(jnp.int32)
