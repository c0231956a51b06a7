"""What the deployed policy of a run writes: answers to problems that are written too, and the verdicts on them."""

from typing import Any

import jax
import jax.numpy as jnp

from esbench.jax_switches import pinned
from esbench.keys import stream
from esbench.policies.registry import network_from
from esbench.problem import DeployedPolicy
from esbench.results.run_directory import RunDirectory
from esbench.results.untrained import untrained
from esbench.rollout.setup import Setup
from esbench.tasks import registry
from esbench.tasks.environment import evaluation
from esbench.tasks.registry import Task

RIGHT, WRONG, UNFINISHED = "right", "wrong", "unfinished"


def writes(task: Task) -> bool:
    """Whether what is seen and done in a task's episodes is text."""
    return task.spec.is_environment and hasattr(registry.environment_of(task), "written")


@pinned()
def answers(directory: RunDirectory, task: Task, seed: int, number: int) -> list[str]:
    """Lines of `number` problems of evaluations, each with the policy's answer and the verdict, and of several how many
    are right. The policy acts as it is scored. Problem k has seed `seed` + k."""
    environment: Any = evaluation(registry.environment_of(task))
    record = directory.manifest.policy
    # The run is the reader's own: its network may be a file's, as its task may.
    policy = network_from(record, record.get("name")).bind(environment.observation_space, environment.action_space)
    setup, deployed = Setup(environment, policy), directory.load_policy()
    played = jax.jit(jax.vmap(lambda key: _episode(setup, task.spec.cap, deployed, key)))
    tokens, lengths, returns, terminated = jax.device_get(
        played(jnp.stack([*map(jax.random.key, range(seed, seed + number))]))
    )
    shown = [environment.written(row[: length + 1]) for row, length in zip(tokens, lengths, strict=True)]
    verdicts = [
        RIGHT if total > 0 else WRONG if end else UNFINISHED for total, end in zip(returns, terminated, strict=True)
    ]
    problems, written = (max(map(len, texts)) for texts in zip(*shown, strict=True))
    lines = [
        f"{problem:{problems}}  {answer:{written}}  {verdict}"
        for (problem, answer), verdict in zip(shown, verdicts, strict=True)
    ]
    first = untrained(directory.rows, task.spec.cost_word)
    return [
        *([first] if first else []),
        *lines,
        *([f"{verdicts.count(RIGHT)} of {number} right"] if number > 1 else []),
    ]


def _episode(setup: Setup, cap: int, deployed: DeployedPolicy, key: jax.Array) -> tuple[jax.Array, ...]:
    """One episode: all that was seen, int32 (cap + 1,), its length, its return and whether it was terminated."""
    environment = setup.environment

    def step(carry, number):
        (state, obs, memory), over, length, total, terminated = carry
        seen = obs if deployed.statistics is None else deployed.statistics.normalize(obs)
        memory, distribution = setup.policy.apply(deployed.params, memory, seen)
        sampled = distribution.sample(jax.random.fold_in(stream(key, "action"), number))
        action = jnp.where(deployed.greedy, distribution.mode(), sampled)
        state, after = setup.step(jax.random.fold_in(stream(key, "environment"), number), state, action)
        now = ~over
        terminated |= now & after.terminated
        over |= after.terminated | after.truncated
        return ((state, after.obs, memory), over, length + now, total + now * after.reward, terminated), after.obs[0]

    state, obs = environment.reset(stream(key, "reset"))
    begin = (state, obs, setup.policy.initial_carry()), jnp.bool_(False), jnp.int32(0), jnp.float32(0), jnp.bool_(False)
    (_, _, length, total, terminated), seen = jax.lax.scan(step, begin, jnp.arange(cap))
    return jnp.concatenate([obs, seen]).astype(jnp.int32), length, total, terminated
