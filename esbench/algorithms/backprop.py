"""Backprop through time on a text: what evolution strategies of its track stand beside."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from pydantic import AfterValidator, Field

from esbench.algorithms.interface import StepCost, StepMetrics
from esbench.algorithms.open_es import optax_name
from esbench.errors import InputError
from esbench.keys import stream
from esbench.policies.networks import Params
from esbench.problem import DeployedPolicy, Problem
from esbench.settings import settings
from esbench.tasks.spec import TaskSpec


class BackpropState(struct.PyTreeNode):
    """params: what is deployed. reading: where the sequences are, and what the network remembers of each.
    learning_rate: float32 ()."""

    params: Params
    optimizer: Any
    reading: Any
    learning_rate: jax.Array


@settings
class Backprop:
    """Backprop: the gradient of the loss on the next tokens of some sequences, through these tokens only.

    batch: sequences, each reading a part of the text of its own. optimizer: any of optax's by name, such as sgd or
    adam. learning_rate: its step. max_grad_norm: longer gradients are shortened to it.
    """

    batch: Annotated[int, Field(ge=1)] = 64
    optimizer: Annotated[str, AfterValidator(optax_name)] = "adam"
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.003
    max_grad_norm: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0

    def bind(self, problem: Problem) -> "BackpropLearner":
        make = getattr(problem, "differentiable", None)
        if make is None:
            name = type(problem).__name__
            raise InputError(f"backprop needs a loss of a text, and {name} has none: expected a task of the track text")
        return BackpropLearner(self, make())

    def step_cost(self, spec: TaskSpec, problem: Mapping[str, Any]) -> StepCost | None:
        """Of a gradient: the tokens of its sequences."""
        if "tokens" not in problem:
            return None
        tokens = self.batch * problem["tokens"]
        return StepCost(tokens, tokens, {"batch": self.batch, "tokens": problem["tokens"]})


@dataclass(frozen=True)
class BackpropLearner:
    """A learner: one step is one gradient."""

    settings: Backprop
    objective: Any

    def init(self, key: jax.Array) -> BackpropState:
        init_key = stream(stream(key, "init"), "objective")
        params, reading = self.objective.init(init_key, self.settings.batch)
        return BackpropState(params, self._optax().init(params), reading, jnp.float32(self.settings.learning_rate))

    def step(self, state: BackpropState) -> tuple[BackpropState, StepMetrics]:
        loss = jax.value_and_grad(self.objective.loss, has_aux=True)
        (bits, reading), gradient = loss(state.params, state.reading)
        direction, optimizer = self._optax().update(gradient, state.optimizer, state.params)
        params = jax.tree.map(lambda p, d: p + state.learning_rate * d, state.params, direction)
        tokens = jnp.int32(self.settings.batch * self.objective.tokens)
        metrics = StepMetrics(
            useful_steps=tokens,
            computed_steps=tokens,
            sequential_steps=jnp.int32(self.objective.tokens),
            training={
                "loss": bits,
                "gradient_norm": optax.global_norm(gradient),
                "learning_rate": state.learning_rate,
                "sequences": jnp.int32(self.settings.batch),
            },
        )
        return BackpropState(params, optimizer, reading, state.learning_rate), metrics

    def deployed(self, state: BackpropState) -> DeployedPolicy:
        return DeployedPolicy(state.params, action_mode="sample")

    def _optax(self) -> optax.GradientTransformation:
        own = getattr(optax, self.settings.optimizer)(learning_rate=1.0)
        return optax.chain(optax.clip_by_global_norm(self.settings.max_grad_norm), own)
