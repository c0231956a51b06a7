"""RWKV-7: step and sequence agree, low rank is the dense perturbation, and public checkpoints are its parameters."""

import functools
import os
import re

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import quax

from esbench.errors import InputError
from esbench.policies.check import check_policy
from esbench.policies.rwkv7 import RWKV7, RWKV7Policy
from esbench.policies.rwkv7_checkpoint import from_checkpoint, to_checkpoint
from esbench.population.gaussian import Gaussian
from esbench.population.low_rank import LowRank, layout

TOKENS = 18
OBSERVATIONS = gymnasium.spaces.Box(0, TOKENS - 1, (1,), np.float32)
ACTIONS = gymnasium.spaces.Discrete(TOKENS)
NETWORK = RWKV7(width=16, head_size=4, layers=2, decay_rank=5, rate_rank=6, value_rank=3, gate_rank=7)
MEMBERS = 32


@functools.cache
def fresh(network):
    """The policy, and parameters of which none is as it begins, so that each of them tells."""
    policy, rng = network.bind(OBSERVATIONS, ACTIONS), np.random.default_rng(0)
    params = jax.jit(policy.init)(jax.random.key(0), policy.initial_carry(), jnp.zeros(1))
    moved = jax.tree.map(lambda leaf: leaf + 0.2 * rng.standard_normal(leaf.shape, np.float32), jax.device_get(params))
    return policy, moved


def logits_of_steps(policy, params, tokens):
    def step(carry, token):
        return policy.apply(params, carry, token)

    seen = jnp.asarray(tokens, jnp.float32)[:, None]
    return jax.lax.scan(step, policy.initial_carry(), seen)[1].logits


def test_it_fits_a_task_of_tokens_and_says_what_else_it_does_not_fit():
    check_policy(NETWORK.bind(OBSERVATIONS, ACTIONS), OBSERVATIONS, ACTIONS)
    with pytest.raises(InputError, match=r"expected observations of shape \(1,\) and a Discrete space of actions"):
        NETWORK.bind(gymnasium.spaces.Box(0, 1, (2,)), ACTIONS)
    with pytest.raises(InputError, match=r"not \(1,\) and Box"):
        NETWORK.bind(OBSERVATIONS, gymnasium.spaces.Box(0, 1, (1,)))
    with pytest.raises(InputError, match="width = 20: expected a multiple of head_size = 8"):
        RWKV7(width=20).bind(OBSERVATIONS, ACTIONS)


def test_what_was_read_long_ago_tells():
    texts = [3, *[1] * 8], [4, *[1] * 8]
    policy, params = fresh(NETWORK)
    one, other = (policy.sequence(params, np.array(x, np.float32)[None, :, None]).logits[0, -1] for x in texts)
    assert np.abs(one - other).max() > 1e-3


def test_members_at_low_rank_act_as_the_dense_perturbation_does_row_look_ups_included():
    policy, params = fresh(NETWORK)
    carry, token = policy.initial_carry(), jnp.zeros(1)
    found = layout(policy.apply, params, carry, token)
    names = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in jax.tree.leaves_with_path(params)]
    # Matrices that are multiplied with or looked up in, and no others.
    kernel = re.compile(r"\.weight$|\.[wavg][12]$")
    matrices = [bool(kernel.search(name)) and "ln" not in name for name in names]
    assert [axes is not None for axes in found] == matrices and sum(matrices) == 2 + 2 * (4 + 6 + 2) + 2
    members = Gaussian(params, jax.random.key(2), jnp.float32(0.1), size=MEMBERS, rank=2, layout=found)
    tokens = jnp.arange(MEMBERS, dtype=jnp.float32)[:, None] % TOKENS
    carries = jax.tree.map(lambda x: jax.random.normal(jax.random.key(4), (MEMBERS, *x.shape)), carry)

    @jax.jit
    def forward(members):
        perturbed = members.members(jnp.arange(MEMBERS))
        together = jax.vmap(quax.quaxify(policy.apply), in_axes=(members.axes, 0, 0))
        kernels = jax.vmap(densified, in_axes=(members.axes,))(perturbed)
        dense = jax.vmap(policy.apply)(kernels, carries, tokens)
        unperturbed = jax.vmap(lambda c, x: policy.apply(members.mean, c, x))(carries, tokens)
        return together(perturbed, carries, tokens), dense, unperturbed

    for one, other, mean in zip(*map(jax.tree.leaves, forward(members)), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4, rtol=1e-4)
        assert np.abs(one - mean).max() > 0.01


def densified(member):
    is_low_rank = lambda leaf: isinstance(leaf, LowRank)  # noqa: E731
    return jax.tree.map(lambda leaf: leaf.dense() if is_low_rank(leaf) else leaf, member, is_leaf=is_low_rank)


class TestCheckpoints:
    def test_there_and_back(self):
        _, params = fresh(NETWORK)
        tensors = to_checkpoint(params)
        assert tensors["head.weight"].shape == (TOKENS, 16) and tensors["blocks.1.att.v0"].shape == (1, 1, 16)
        assert tensors["blocks.0.ffn.key.weight"].shape == (64, 16) and tensors["blocks.0.att.w1"].shape == (16, 5)
        network, again = from_checkpoint(tensors | {"blocks.0.att.v0": np.zeros((1, 1, 16))})
        assert network == NETWORK
        jax.tree.map(np.testing.assert_array_equal, params, again)

    def test_numbers_of_half_precision(self):
        class Half:  # as torch's bfloat16, which NumPy does not have
            def __init__(self, array):
                self.array, self.shape = array, array.shape

            def float(self):
                return self.array

        _, params = fresh(NETWORK)
        _, again = from_checkpoint({name: Half(array) for name, array in to_checkpoint(params).items()})
        jax.tree.map(np.testing.assert_array_equal, params, again)

    def test_what_is_missing_is_named_in_one_line(self):
        tensors = to_checkpoint(fresh(NETWORK)[1])
        lost = ["blocks.0.ffn.x_k", "blocks.1.att.v1", "blocks.1.ln2.bias", "emb.weight", "head.weight"]
        for name in [*lost, "blocks.0.att.r_k"]:
            with pytest.raises(InputError, match=f"^the checkpoint lacks {re.escape(name)}: expected all tensors"):
                from_checkpoint({other: array for other, array in tensors.items() if other != name})
        for kept in ({}, {"emb.weight": tensors["emb.weight"]}):
            with pytest.raises(InputError, match=r"^the checkpoint lacks"):
                from_checkpoint(kept)
        few = {name: array for name, array in tensors.items() if not name.startswith("blocks.1.ffn")}
        many = {name: array for name, array in few.items() if "ln" not in name}
        with pytest.raises(InputError, match=r"lacks .*, .*, .*, .*, .* and \d+ more") as caught:
            from_checkpoint(many)
        assert "\n" not in str(caught.value)

    def test_another_shape_is_named(self):
        tensors = to_checkpoint(fresh(NETWORK)[1])
        tensors["blocks.1.ffn.key.weight"] = tensors["blocks.1.ffn.key.weight"].T
        with pytest.raises(InputError, match=r"ffn.key.weight has the shape \(16, 64\): expected \(64, 16\)"):
            from_checkpoint(tensors)


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.torch.jit:FutureWarning")
def test_logits_are_those_of_rwkv(tmp_path, monkeypatch):
    for name, value in {"RWKV_V7_ON": "1", "RWKV_JIT_ON": "0", "RWKV_CUDA_ON": "0"}.items():
        monkeypatch.setitem(os.environ, name, value)
    import torch
    from rwkv.model import RWKV

    policy, params = fresh(RWKV7(width=64, head_size=32, layers=3))
    tensors = to_checkpoint(params)
    unused = {f"blocks.0.att.v{which}": tensors[f"blocks.1.att.v{which}"] for which in "012"}
    torch.save({name: torch.tensor(array) for name, array in (tensors | unused).items()}, tmp_path / "model.pth")
    network, converted = from_checkpoint(torch.load(tmp_path / "model.pth"))
    assert network == policy.network

    reference = RWKV(model=str(tmp_path / "model"), strategy="cpu fp32")
    tokens = np.random.default_rng(0).integers(0, TOKENS, 40).tolist()
    expected, state = [], None
    for token in tokens:
        logits, state = reference.forward([token], state)
        expected.append(logits.numpy())
    whole, _ = reference.forward(tokens, None, full_output=True)
    assert isinstance(policy, RWKV7Policy)
    steps = logits_of_steps(policy, converted, tokens)
    sequence = policy.sequence(converted, jnp.array(tokens, jnp.float32)[None, :, None]).logits[0]
    print(f"largest logit {np.abs(expected).max():.3f}, differences:", end=" ")
    for found in (steps, sequence):
        for wanted in (np.stack(expected), whole.numpy()):
            print(f"{np.abs(found - wanted).max():.2g}", end=" ")
            np.testing.assert_allclose(found, wanted, atol=5e-5)
            assert (found.argmax(-1) == wanted.argmax(-1)).all()
