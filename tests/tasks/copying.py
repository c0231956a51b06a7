"""A task that is written: `a` is answered by `a`, and other letters by themselves; `c` is never answered in time."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from esbench.tasks.environment import TimeLimit, Transition
from esbench.tasks.registry import Task
from esbench.tasks.spec import REASONING, Measure, TaskSpec

SPEC = TaskSpec(
    "Copying-v0",
    "user",
    "letters",
    2,
    "discrete",
    "Write a letter again.",
    track=REASONING,
    measure=Measure("return", "letter"),
)


class Copying:
    observation_space = gymnasium.spaces.Box(0, 2, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(3)

    def reset(self, key):
        letter = jax.random.randint(key, (), 0, 3, jnp.int32)
        return letter, letter[None].astype(jnp.float32)

    def step(self, key, state, action):
        right = (action == state) & (state != 2)
        wrong = action != state
        return state, Transition(
            action[None].astype(jnp.float32), right.astype(jnp.float32), right | wrong, jnp.bool_(False)
        )

    def written(self, tokens):
        text = "".join("abc"[int(token)] for token in tokens)
        return text[:1], text[1:]


TASK = Task(SPEC, lambda: TimeLimit(Copying(), SPEC.cap))
