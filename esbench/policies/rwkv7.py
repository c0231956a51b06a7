"""RWKV-7 (arXiv 2503.14456) as a policy over tokens: an observation is the last token, an action the next.

A recurrent language model. Memory has one size however long the sequence is, so a lane holds it as it holds any other
policy's. Parameters have the names of the public checkpoints, matrices as (inputs, outputs).
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field

from esbench.errors import InputError
from esbench.policies.distributions import Categorical
from esbench.policies.networks import ActionSpace, Params
from esbench.settings import settings

Count = Annotated[int, Field(ge=1)]
Block = dict[str, Any]
Memory = tuple[tuple[jax.Array, jax.Array, jax.Array], ...]
"""Per layer: what its time mixing saw last, float32 (width,); its state, (heads, head, head); what its channel mixing
saw last, (width,)."""

_EPSILON = 1e-5
_HEAD_EPSILON = 64e-5
_LEAST_DECAY = math.exp(-0.5)  # of the logarithm: no state fades faster than by exp(-exp(-0.5)) a step


@settings
class RWKV7:
    """RWKV-7, of `layers` layers of `width` numbers, in heads of `head_size`. The ranks are of the four small networks
    that make decays, in-context learning rates, value residuals and gates of what is seen."""

    width: Count = 64
    head_size: Count = 8
    layers: Count = 2
    decay_rank: Count = 16
    rate_rank: Count = 16
    value_rank: Count = 8
    gate_rank: Count = 16

    def bind(self, observation_space: gymnasium.spaces.Box, action_space: ActionSpace) -> "RWKV7Policy":
        if self.width % self.head_size:
            raise InputError(f"width = {self.width}: expected a multiple of head_size = {self.head_size}")
        if observation_space.shape != (1,) or not isinstance(action_space, gymnasium.spaces.Discrete):
            raise InputError(
                f"rwkv7 reads tokens and writes tokens: expected observations of shape (1,) and a Discrete space of "
                f"actions, not {observation_space.shape} and {action_space}"
            )
        return RWKV7Policy(self, int(action_space.n))


@dataclass(frozen=True)
class RWKV7Policy:
    """A policy that remembers. Observations are float32 (1,), a token's number, 0 to `tokens` - 1; the distribution is
    over these numbers."""

    network: RWKV7
    tokens: int

    def initial_carry(self) -> Memory:
        width, head = self.network.width, self.network.head_size
        of_layer = (jnp.zeros(width), jnp.zeros((width // head, head, head)), jnp.zeros(width))
        return (of_layer,) * self.network.layers

    def init(self, key: jax.Array, carry: Memory, observation: jax.Array) -> Params:
        """Fresh parameters, near those that the authors of RWKV-7 train from."""
        network, width = self.network, self.network.width
        layers = range(network.layers)
        embedding_key, head_key, *keys = jax.random.split(key, 2 + network.layers)
        blocks = {str(layer): _fresh_block(network, layer, keys[layer]) for layer in layers}
        blocks["0"]["ln0"] = _fresh_norm(width)
        return {
            "emb": {"weight": 0.3 * jax.random.normal(embedding_key, (self.tokens, width))},
            "blocks": blocks,
            "ln_out": _fresh_norm(width),
            "head": {"weight": 0.5 * jax.random.normal(head_key, (width, self.tokens)) / math.sqrt(width)},
        }

    def apply(self, params: Params, carry: Memory, observation: jax.Array) -> tuple[Memory, Categorical]:
        x = _embedded(params, observation[0])
        first, after = None, []
        for layer, (before, state, below) in enumerate(carry):
            block = params["blocks"][str(layer)]
            seen = _norm(x, block["ln1"])
            parts, gate, first = self._projected(block["att"], seen, before, first)
            state, read = _advance(state, *parts)
            x = x + _read_out(block["att"], parts, read, gate)
            mixed = _norm(x, block["ln2"])
            x = x + _channels(block["ffn"], mixed, below)
            after.append((seen, state, mixed))
        return tuple(after), Categorical(_norm(x, params["ln_out"]) @ params["head"]["weight"])

    def sequence(self, params: Params, observations: jax.Array) -> Categorical:
        """Of all of a sequence at once, observations (rows, T, 1): only the states go step by step."""
        x = _embedded(params, observations[..., 0])
        first = None
        for layer in range(self.network.layers):
            block = params["blocks"][str(layer)]
            seen = _norm(x, block["ln1"])
            parts, gate, first = self._projected(block["att"], seen, _delayed(seen), first)
            x = x + _read_out(block["att"], parts, _advanced(*parts), gate)
            mixed = _norm(x, block["ln2"])
            x = x + _channels(block["ffn"], mixed, _delayed(mixed))
        return Categorical(_norm(x, params["ln_out"]) @ params["head"]["weight"])

    def _projected(
        self, att: Block, x: jax.Array, before: jax.Array, first: jax.Array | None
    ) -> tuple[tuple[jax.Array, ...], jax.Array, jax.Array]:
        """What time mixing makes of x, (..., width), and of what was there before it, without the state: receptance,
        decay, key, value, removal key and its rate, (..., heads, head) each; the gate; the first layer's values."""
        heads = (*x.shape[:-1], -1, self.network.head_size)
        r, w, k, v, a, g = (x + (before - x) * att[f"x_{name}"] for name in "rwkvag")
        receptance, key, value = (z @ att[name]["weight"] for z, name in ((r, "receptance"), (k, "key"), (v, "value")))
        decay = jnp.exp(-_LEAST_DECAY * jax.nn.sigmoid(att["w0"] + jnp.tanh(w @ att["w1"]) @ att["w2"]))
        rate = jax.nn.sigmoid(att["a0"] + a @ att["a1"] @ att["a2"])
        gate = jax.nn.sigmoid(g @ att["g1"]) @ att["g2"]
        removal = (key * att["k_k"]).reshape(heads)
        removal = removal * jax.lax.rsqrt(jnp.maximum((removal * removal).sum(-1, keepdims=True), 1e-24))
        key = key * (1 + (rate - 1) * att["k_a"])
        if first is None:
            first = value
        else:
            value = value + (first - value) * jax.nn.sigmoid(att["v0"] + v @ att["v1"] @ att["v2"])
        receptance, decay, key, value, rate = (z.reshape(heads) for z in (receptance, decay, key, value, rate))
        return (receptance, decay, key, value, removal, removal * rate), gate, first


def _embedded(params: Params, tokens: jax.Array) -> jax.Array:
    """(..., width) of tokens (...), float32."""
    rows = jnp.asarray(params["emb"]["weight"])[tokens.astype(jnp.int32)]
    return _norm(rows, params["blocks"]["0"]["ln0"])


def _advance(
    state: jax.Array,
    receptance: jax.Array,
    decay: jax.Array,
    key: jax.Array,
    value: jax.Array,
    removal: jax.Array,
    rated: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """The state (heads, value, key) after a step, which fades, forgets what stood under the removal key, and learns the
    value under the key; and what the receptance reads of it."""
    removed = -(state * removal[:, None]).sum(-1)
    state = state * decay[:, None] + removed[:, :, None] * rated[:, None] + value[:, :, None] * key[:, None]
    return state, (state * receptance[:, None]).sum(-1)


def _advanced(*parts: jax.Array) -> jax.Array:
    """What is read in every step from a state of zeros on; parts (rows, T, heads, head)."""
    rows, _, heads, head = parts[0].shape

    # Rows are the last axis, so that a sum over one of the state's runs along them, a register at a time: less than
    # half the time on a CPU. States are computed anew for the gradient, for they are the most of all memory.
    @jax.checkpoint
    def step(state: jax.Array, parts: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
        return jax.vmap(_advance, -1, -1)(state, *parts)

    turned = [jnp.moveaxis(part, 0, -1) for part in parts]
    read = jax.lax.scan(step, jnp.zeros((heads, head, head, rows)), turned)[1]
    return jnp.moveaxis(read, -1, 0)


def _read_out(att: Block, parts: tuple[jax.Array, ...], read: jax.Array, gate: jax.Array) -> jax.Array:
    """Time mixing's output (..., width), of what its heads have read."""
    receptance, _, key, value, *_ = parts
    own = (receptance * key * att["r_k"]).sum(-1, keepdims=True) * value
    centred = jax.nn.standardize(read, epsilon=_HEAD_EPSILON).reshape(gate.shape)
    output = centred * att["ln_x"]["weight"] + att["ln_x"]["bias"] + own.reshape(gate.shape)
    return (output * gate) @ att["output"]["weight"]


def _channels(ffn: Block, x: jax.Array, before: jax.Array) -> jax.Array:
    """Channel mixing of x, (..., width), and of what was there before it."""
    mixed = x + (before - x) * ffn["x_k"]
    return jnp.square(jax.nn.relu(mixed @ ffn["key"]["weight"])) @ ffn["value"]["weight"]


def _norm(x: jax.Array, norm: Block) -> jax.Array:
    return jax.nn.standardize(x, epsilon=_EPSILON) * norm["weight"] + norm["bias"]


def _delayed(x: jax.Array) -> jax.Array:
    """x (rows, T, width) one step later, zeros first."""
    return jnp.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1]


def _fresh_norm(width: int) -> Block:
    return {"weight": jnp.ones(width), "bias": jnp.zeros(width)}


def _fresh_block(network: RWKV7, layer: int, key: jax.Array) -> Block:
    width, heads = network.width, network.width // network.head_size
    place = np.arange(width) / max(width - 1, 1)
    depth, above = layer / max(network.layers - 1, 1), 1 - layer / network.layers
    keys = iter(jax.random.split(key, 14))

    def matrix(inputs: int, outputs: int, scale: float = 1.0) -> jax.Array:
        """Normal, of variance `scale` squared over the inputs."""
        return scale * jax.random.normal(next(keys), (inputs, outputs)) / math.sqrt(inputs)

    powers = {"r": 0.2, "w": 0.9, "k": 0.7, "v": 0.7, "a": 0.9, "g": 0.2}
    small = {"w": network.decay_rank, "a": network.rate_rank, "g": network.gate_rank}
    if layer:  # the first layer has no values before its own
        small["v"] = network.value_rank
    att = {f"x_{name}": jnp.float32(1 - place ** (power * above)) for name, power in powers.items()}
    for name, rank in small.items():
        att[f"{name}1"], att[f"{name}2"] = matrix(width, rank, 0.3), matrix(rank, width, 1.0 if name == "g" else 0.3)
    att["w0"] = jnp.float32(-5.5 + 6 * place ** (0.85 + math.sqrt(depth)))
    att["a0"] = jnp.zeros(width)
    if layer:
        att["v0"] = jnp.ones(width)
    att |= {"k_k": jnp.full(width, 0.85), "k_a": jnp.ones(width), "r_k": jnp.zeros((heads, network.head_size))}
    for name, scale in {"receptance": 1.0, "key": 1.0, "value": 1.0, "output": 0.5}.items():
        att[name] = {"weight": matrix(width, width, scale)}
    att["ln_x"] = _fresh_norm(width)
    ffn = {
        "x_k": jnp.float32(1 - place ** (above**4)),
        "key": {"weight": matrix(width, 4 * width)},
        "value": {"weight": matrix(4 * width, width, 0.5)},
    }
    return {"ln1": _fresh_norm(width), "ln2": _fresh_norm(width), "att": att, "ffn": ffn}
