"""Low-rank perturbation of Flax modules: equal to the dense one, and never dense."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
import quax

from esbench.population.gaussian import Gaussian
from esbench.population.low_rank import LowRank, layout

SIGMA = 0.1


class Dense(nn.Module):
    @nn.compact
    def __call__(self, x):
        for _ in range(2):
            x = nn.relu(jax.nn.standardize(nn.Dense(24)(x)))
        return nn.Dense(3)(x)


class Attention(nn.Module):
    @nn.compact
    def __call__(self, x):
        tokens = nn.DenseGeneral((5, 8))(x)
        return nn.MultiHeadDotProductAttention(num_heads=4)(tokens, tokens)


class Convolution(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(2)(nn.Conv(4, (3,))(x[:, None]).ravel())


class Embedding(nn.Module):
    @nn.compact
    def __call__(self, x):
        embed = nn.Embed(6, 8)
        return embed.attend(nn.Dense(8)(embed(jnp.arange(3)) + x.sum()))


class Token(nn.Module):
    @nn.compact
    def __call__(self, x):
        embedding = self.param("embedding", nn.initializers.normal(1.0), (6, 8))
        return nn.Dense(8)(embedding[jnp.argmax(x)] + embedding[jnp.argmin(x)]) @ embedding.T


class Gated(nn.Module):
    @nn.compact
    def __call__(self, x):
        carry, _ = nn.GRUCell(8)(jnp.zeros(8), x)
        return nn.GRUCell(8)(carry, x)[1]


def population(net, rank, size=64):
    x = jax.random.normal(jax.random.key(0), (size, 6))
    params = jax.jit(net.init)(jax.random.key(1), x[0])
    found = layout(net.apply, params, x[0])
    return Gaussian(params, jax.random.key(2), jnp.float32(SIGMA), size=size, rank=rank, layout=found), x


def densify(member):
    is_low_rank = lambda leaf: isinstance(leaf, LowRank)  # noqa: E731
    return jax.tree.map(lambda leaf: leaf.dense() if is_low_rank(leaf) else leaf, member, is_leaf=is_low_rank)


NETS = [(Dense(), 1), (Dense(), 4), (Attention(), 2), (Convolution(), 2), (Embedding(), 2), (Token(), 2), (Gated(), 2)]


@pytest.mark.parametrize(("net", "rank"), NETS, ids=str)
def test_forward_pass_equals_that_of_the_dense_perturbation(net, rank):
    members, x = population(net, rank)

    @jax.jit
    def forward(members, x):
        index = jnp.arange(members.size)
        low_rank = jax.vmap(lambda i, x: quax.quaxify(net.apply)(members.member(i), x))(index, x)
        dense = jax.vmap(lambda i, x: net.apply(densify(members.member(i)), x))(index, x)
        return low_rank, dense, jax.vmap(lambda x: net.apply(members.mean, x))(x)

    low_rank, dense, unperturbed = forward(members, x)
    assert jnp.allclose(low_rank, dense, atol=2e-5)
    assert jnp.abs(low_rank - unperturbed).max() > 0.01


def test_no_member_gets_a_kernel_of_its_own():
    members, x = population(Dense(), rank=1, size=96)
    apply = jax.vmap(lambda member, x: quax.quaxify(Dense().apply)(member, x), in_axes=(members.axes, 0))

    def forward(index, x):
        return apply(jax.vmap(members.member, out_axes=members.axes)(index), x)

    text = jax.jit(forward).lower(jnp.arange(96), x).compile().as_text()
    assert "f32[96,24]" in text  # the lanes' activations
    assert "f32[96,24,24]" not in text and "f32[96,6,24]" not in text


def names_of(net):
    """What `layout` says of each parameter of a network, by its path."""
    x = jnp.zeros(6)
    params = jax.eval_shape(net.init, jax.random.key(1), x)
    names = ["/".join(k.key for k in path[1:]) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    return dict(zip(names, layout(net.apply, params, x), strict=True))


def test_layout_records_what_each_parameter_is_contracted_over():
    found = names_of(Attention())
    assert found["DenseGeneral_0/kernel"] == (0,)
    assert found["MultiHeadDotProductAttention_0/query/kernel"] == (0,)
    assert found["MultiHeadDotProductAttention_0/out/kernel"] == (0, 1)
    assert found["MultiHeadDotProductAttention_0/out/bias"] is None
    assert names_of(Convolution())["Conv_0/kernel"] == (0, 1)
    assert names_of(Embedding())["Embed_0/embedding"] == (0,)  # looked up and, transposed, multiplied by


def test_every_kernel_of_the_tested_networks_is_perturbed_at_low_rank():
    for net in (Dense(), Attention(), Convolution(), Embedding(), Token(), Gated()):
        dense = {name for name, axes in names_of(net).items() if axes is None}
        assert all(name.endswith("bias") for name in dense)


def test_parameter_used_in_two_ways_or_not_at_all_is_perturbed_densely():
    def apply(params, x):
        return x @ params["once"] + x @ params["both ways"] + params["both ways"] @ x

    params = {"both ways": jnp.ones((4, 4)), "never": jnp.ones((4, 4)), "once": jnp.ones((4, 4))}
    assert layout(apply, params, jnp.ones(4)) == (None, None, (0,))
    cube = {"axes 0 and 1": jnp.ones((4, 4, 4))}
    differently = lambda params, x: x @ params["axes 0 and 1"] + jnp.tensordot(x, params["axes 0 and 1"], 1)  # noqa: E731
    assert layout(differently, cube, jnp.ones(4)) == (None,)


def test_a_column_or_a_part_of_a_row_that_is_looked_up_is_perturbed_densely():
    params, place = {"rows": jnp.ones((4, 5))}, jnp.int32(1)
    assert layout(lambda params, i: params["rows"][i], params, place) == ((0,),)
    assert layout(lambda params, i: params["rows"][:, i], params, place) == (None,)
    part = lambda params, i: jax.lax.dynamic_slice(params["rows"], (i, 1), (1, 3))  # noqa: E731
    assert layout(part, params, place) == (None,)
    cube = {"rows": jnp.ones((4, 5, 2))}
    assert layout(lambda params, i: params["rows"][i], cube, place) == (None,)


def test_a_use_that_the_layout_did_not_record_is_an_error_and_not_a_full_kernel():
    value = LowRank(jnp.ones((4, 4)), jnp.ones((1, 4)), jnp.ones((1, 4)), (0,))
    with pytest.raises(NotImplementedError, match="layout did not record"):
        quax.quaxify(lambda w: jnp.sin(w))(value)


def test_convolution_takes_a_kernel_whose_factors_were_laid_out_for_the_output_axis():
    keys = jax.random.split(jax.random.key(0), 4)
    kernel, x = jax.random.normal(keys[0], (3, 5, 4)), jax.random.normal(keys[1], (1, 9, 5))
    value = LowRank(kernel, jax.random.normal(keys[2], (2, 4)), jax.random.normal(keys[3], (2, 15)), (2,))

    def convolve(w):
        return jax.lax.conv_general_dilated(x, w, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC"))

    assert jnp.allclose(quax.quaxify(convolve)(value), convolve(value.dense()), atol=1e-4)
