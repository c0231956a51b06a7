"""Networks of floats to compare EGG with: the same network, and a small Transformer."""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from esbench.policies.networks import Params
from esbench.population.integers import ONE, TOP
from esbench.text.corpus import SEPARATOR
from esbench.text.egg import Egg
from esbench.text.loss import bits

_END = TOP / ONE
"""Where numbers saturate: 127 sixteenths."""


class Network(Protocol):
    """Reads a text one symbol at a time. `Egg` is one too."""

    def init(self, key: jax.Array) -> Params:
        """Fresh parameters."""
        ...

    def blank(self) -> Any:
        """The memory before a text: a pytree."""
        ...

    def step(self, params: Params, memory: Any, token: jax.Array) -> tuple[Any, jax.Array]:
        """The memory after `token`, int32 (), and log2 of unscaled probabilities of what follows, (symbols,)."""
        ...

    def log_likelihood(self, logits: jax.Array, target: jax.Array) -> jax.Array:
        """What a prediction is worth in training, ()."""
        ...


@dataclass(frozen=True)
class FloatEgg:
    """EGG without rounding: the same sums, products, norms and ends of the range, in float32."""

    symbols: int
    width: int
    layers: int

    def init(self, key: jax.Array) -> Params:
        whole = Egg(self.symbols, self.width, self.layers).init(key)
        return jax.tree.map(lambda leaf: leaf.astype(jnp.float32) / ONE, whole)

    def blank(self) -> jax.Array:
        return jnp.zeros((self.layers, self.width))

    def log_likelihood(self, logits: jax.Array, target: jax.Array) -> jax.Array:
        return -bits(logits, target)

    def step(self, params: Params, memory: jax.Array, token: jax.Array) -> tuple[jax.Array, jax.Array]:
        memory = jnp.where(token == SEPARATOR, 0.0, memory)
        x, after = params["embedding"][token], []
        for number in range(self.layers):
            layer = params["layers"][str(number)]
            unit = _unit(layer, _norm(x, layer["norm"]), memory[number])
            after.append(unit)
            x = _clip(x + unit)
            x = _clip(x + _product(_product(_norm(x, layer["wide_norm"]), layer["up"]), layer["down"]))
        return jnp.stack(after), _product(_norm(x, params["norm"]), params["head"])


def _unit(layer: Params, x: jax.Array, memory: jax.Array) -> jax.Array:
    gate, new = layer["gate"], layer["new"]
    open_by = (_clip(_product(x, gate["input"]) + _product(memory, gate["memory"]) + gate["bias"]) + _END) / 16
    update = _clip(_product(x, new["input"]) + _product(open_by * memory, new["memory"]) + new["bias"])
    return memory + open_by * (update - memory)


def _norm(x: jax.Array, weight: jax.Array) -> jax.Array:
    return _clip(x * weight / jnp.maximum(jnp.abs(x).mean(), 1 / ONE))


def _product(x: jax.Array, matrix: jax.Array) -> jax.Array:
    return _clip(x @ matrix.T / math.sqrt(matrix.shape[1]))


def _clip(x: jax.Array) -> jax.Array:
    return jnp.clip(x, -_END, _END)


@dataclass(frozen=True)
class Transformer:
    """Causal attention over the last `context` symbols, which fades with their distance, and a middle 4 times as wide.

    Its memory is the keys and values of those symbols: it reads one at a time, as the recurrent networks do.
    """

    symbols: int
    width: int
    layers: int
    context: int = 64
    heads: int = 4

    def init(self, key: jax.Array) -> Params:
        width, keys = self.width, iter(jax.random.split(key, 1 + 6 * self.layers))

        def matrix(rows: int, columns: int) -> jax.Array:
            return jax.random.normal(next(keys), (rows, columns)) / math.sqrt(columns)

        def layer() -> Params:
            names = ("query", "key", "value", "output")
            attention = {name: matrix(width, width) for name in names}
            return {**attention, "up": matrix(4 * width, width), "down": matrix(width, 4 * width)}

        layers = {str(number): layer() for number in range(self.layers)}
        embedding = jax.random.normal(next(keys), (self.symbols, width))
        return {"embedding": embedding, "layers": layers, "head": jnp.zeros((self.symbols, width))}

    def blank(self) -> dict[str, jax.Array]:
        """Keys and values, float32 (layers, context, width), and how many of them there are, int32 ()."""
        empty = jnp.zeros((self.layers, self.context, self.width))
        return {"keys": empty, "values": empty, "length": jnp.int32(0)}

    def log_likelihood(self, logits: jax.Array, target: jax.Array) -> jax.Array:
        return -bits(logits, target)

    def step(self, params: Params, memory: Any, token: jax.Array) -> tuple[Any, jax.Array]:
        length = jnp.where(token == SEPARATOR, 0, memory["length"])
        length = jnp.minimum(length + 1, self.context)
        x, keys, values = params["embedding"][token], [], []
        for number in range(self.layers):
            layer = params["layers"][str(number)]
            y = _centred(x)
            now = [jnp.roll(memory[name][number], 1, 0).at[0].set(layer[name[:-1]] @ y) for name in ("keys", "values")]
            keys.append(now[0])
            values.append(now[1])
            x = x + layer["output"] @ self._attend(layer["query"] @ y, *now, length)
            x = x + layer["down"] @ jax.nn.gelu(layer["up"] @ _centred(x))
        after = {"keys": jnp.stack(keys), "values": jnp.stack(values), "length": length}
        return after, params["head"] @ _centred(x)

    def _attend(self, query: jax.Array, keys: jax.Array, values: jax.Array, length: jax.Array) -> jax.Array:
        heads = (self.heads, self.width // self.heads)
        query, keys, values = query.reshape(heads), keys.reshape(-1, *heads), values.reshape(-1, *heads)
        distance = jnp.arange(self.context)
        fade = distance[:, None] * 2.0 ** -(8 * (jnp.arange(self.heads) + 1) / self.heads)
        scores = jnp.einsum("hd,chd->ch", query, keys) / math.sqrt(heads[1]) - fade
        shares = jax.nn.softmax(jnp.where((distance < length)[:, None], scores, -jnp.inf), axis=0)
        return jnp.einsum("ch,chd->hd", shares, values).reshape(-1)


def _centred(x: jax.Array) -> jax.Array:
    return jax.nn.standardize(x)
