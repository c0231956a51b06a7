"""What a run would be, without compiling or running anything."""

import math
from dataclasses import asdict

import jax

from esbench.algorithms.step_sizes import generation_steps
from esbench.experiment.config import RunConfig
from esbench.experiment.prepare import make_problem


def plan(config: RunConfig, seed: int) -> list[tuple[str, str]]:
    """(name, text) of everything that is resolved before a run starts."""
    problem = make_problem(config)
    sizes = problem.sizes
    key = jax.random.key(0)
    parameters = jax.eval_shape(problem.init_params, key)
    episode = jax.eval_shape(problem.environment.reset, key)
    smallest = generation_steps(config.settings)
    cap = config.task.spec.max_episode_steps
    lines = [
        ("task", f"{config.task.spec.id} ({config.task.spec.requires or config.task.spec.suite})"),
        ("algorithm", config.algorithm_name),
        ("tier", f"{config.tier}, preset {config.preset}"),
        ("budget", f"{config.budget:,} steps"),
        *((f"  {name}", str(value)) for name, value in config.settings.items()),
        *((f"  {name}", str(value)) for name, value in asdict(config.policy).items()),
        ("sizes", ", ".join(f"{name} {value}" for name, value in asdict(sizes).items())),
        ("parameters", f"{sum(leaf.size for leaf in jax.tree.leaves(parameters)):,}"),
        ("lanes", f"{sizes.lanes * _bytes(episode) / 2**20:.3g} MiB for {sizes.lanes} episodes' states"),
        ("precision", config.precision),
        ("directory", str(config.path(seed))),
        *(("warning", text) for text in config.warnings()),
    ]
    if smallest is not None:
        exact = "num_envs" in config.settings
        size = f"{smallest:,} steps" if exact else f"{smallest:,} episodes, at most {smallest * cap:,} steps"
        lines.insert(4, ("generation", size))
    return lines


def _bytes(tree) -> int:
    def size(leaf) -> int:
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.eval_shape(jax.random.key_data, leaf)
        return math.prod(leaf.shape) * leaf.dtype.itemsize

    return sum(size(leaf) for leaf in jax.tree.leaves(tree))
