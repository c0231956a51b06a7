"""Action distributions: what a policy returns for one observation."""

from typing import Protocol

import jax
import jax.numpy as jnp
from flax import struct


class Distribution(Protocol):
    """A distribution over the actions of one observation, itself a pytree. One that can be drawn from more or less
    boldly has `tempered(temperature)`."""

    def sample(self, key: jax.Array) -> jax.Array: ...
    def mode(self) -> jax.Array: ...
    def log_prob(self, action: jax.Array) -> jax.Array: ...
    def entropy(self) -> jax.Array: ...


class Categorical(struct.PyTreeNode):
    """Over `n` discrete actions, from unnormalized `logits`, float32 (n,). Actions are int32 scalars."""

    logits: jax.Array

    def sample(self, key: jax.Array) -> jax.Array:
        return jax.random.categorical(key, self.logits).astype(jnp.int32)

    def mode(self) -> jax.Array:
        return jnp.argmax(self.logits).astype(jnp.int32)

    def log_prob(self, action: jax.Array) -> jax.Array:
        # A one-hot sum, not an index: gathers are slow on a CPU once they are batched and differentiated.
        chosen = jax.nn.one_hot(action, self.logits.shape[-1], dtype=self.logits.dtype)
        return (jax.nn.log_softmax(self.logits) * chosen).sum()

    def tempered(self, temperature: jax.Array | float) -> "Categorical":
        """Its probabilities to the power of 1 / temperature, normalized."""
        return Categorical(self.logits / temperature)

    def entropy(self) -> jax.Array:
        log_probs = jax.nn.log_softmax(self.logits)
        return -(jnp.exp(log_probs) * log_probs).sum()


class DiagonalGaussian(struct.PyTreeNode):
    """Independent normals with `mean` and `log_std`, float32 (n,). Actions are unbounded: the problem clips them."""

    mean: jax.Array
    log_std: jax.Array

    def sample(self, key: jax.Array) -> jax.Array:
        return self.mean + jnp.exp(self.log_std) * jax.random.normal(key, self.mean.shape)

    def mode(self) -> jax.Array:
        return self.mean

    def log_prob(self, action: jax.Array) -> jax.Array:
        standard = (action - self.mean) * jnp.exp(-self.log_std)
        return -(0.5 * standard**2 + self.log_std + 0.5 * jnp.log(2 * jnp.pi)).sum()

    def tempered(self, temperature: jax.Array | float) -> "DiagonalGaussian":
        """Its density to the power of 1 / temperature, normalized."""
        return DiagonalGaussian(self.mean, self.log_std + 0.5 * jnp.log(temperature))

    def entropy(self) -> jax.Array:
        return (self.log_std + 0.5 * (1 + jnp.log(2 * jnp.pi))).sum()
