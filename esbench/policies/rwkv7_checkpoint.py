"""Public checkpoints of RWKV-7 as parameters of `rwkv7`, and back."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from esbench.errors import InputError
from esbench.policies.networks import Params
from esbench.policies.rwkv7 import RWKV7, RWKV7Policy

# Matrices that checkpoints hold as (outputs, inputs).
_TURNED = ("receptance", "key", "value", "output", "head")
_SHOWN = 5


def from_checkpoint(tensors: Mapping[str, Any]) -> tuple[RWKV7, Params]:
    """The network of a public checkpoint, and its parameters, float32.

    tensors: by name, what `torch.load` gives for a .pth file, or arrays of NumPy. Others than RWKV-7's are left out.
    InputError naming what is missing, or has another shape than the others ask for.
    """
    network, tokens = _network(tensors)
    policy = RWKV7Policy(network, tokens)
    observation = jnp.zeros(1)
    fresh = jax.eval_shape(lambda key: policy.init(key, policy.initial_carry(), observation), jax.random.key(0))
    expected = flatten_dict(fresh, sep=".")
    if missing := [name for name in expected if name not in tensors]:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise InputError(f"the checkpoint lacks {', '.join(missing[:_SHOWN])}{more}: expected all tensors of RWKV-7")
    found = {}
    for name, leaf in expected.items():
        tensor = _float32(tensors[name])
        array = tensor.T if _is_turned(name) else tensor.reshape(-1) if len(leaf.shape) == 1 else tensor
        if array.shape != leaf.shape:
            shape = leaf.shape[::-1] if _is_turned(name) else leaf.shape
            raise InputError(f"the checkpoint's {name} has the shape {tensor.shape}: expected {shape}")
        found[name] = array
    return network, unflatten_dict(found, sep=".")


def to_checkpoint(params: Params) -> dict[str, np.ndarray]:
    """Parameters of `rwkv7` as a public checkpoint holds them."""
    found = {}
    for name, leaf in flatten_dict(params, sep=".").items():
        array = np.asarray(leaf)
        bare = array.ndim == 1 and ".ln" not in name and not name.startswith("ln_out")
        found[name] = array.T if _is_turned(name) else array.reshape(1, 1, -1) if bare else array
    return found


def _network(tensors: Mapping[str, Any]) -> tuple[RWKV7, int]:
    """What the shapes say. InputError where a tensor that says it is missing."""

    def shape(name: str) -> tuple[int, ...]:
        if name not in tensors:
            raise InputError(f"the checkpoint lacks {name}: expected all tensors of RWKV-7")
        return tuple(tensors[name].shape)

    tokens, width = shape("emb.weight")
    _, head = shape("blocks.0.att.r_k")
    layers = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("blocks."))
    decay, rate, gate = (shape(f"blocks.0.att.{name}1")[1] for name in "wag")
    value = shape("blocks.1.att.v1")[1] if layers > 1 else RWKV7().value_rank
    return RWKV7(width, head, layers, decay, rate, value, gate), tokens


def _is_turned(name: str) -> bool:
    return name.endswith(".weight") and name.split(".")[-2] in _TURNED


def _float32(tensor: Any) -> np.ndarray:
    """An array of NumPy's, of which torch's half precision has none."""
    return np.asarray(tensor.float() if hasattr(tensor, "float") else tensor, np.float32)
