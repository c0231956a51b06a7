"""esbench: evolution strategies, low-rank evolution strategies and PPO on the same 16 RL tasks.

In memory, with objects or names, nothing written:

    result = esbench.train("CartPole-v1", esbench.EGGROLL(pop_size=512), steps=500_000, seeds=range(3))
    learner = esbench.learner("CartPole-v1", esbench.EGGROLL())      # init, step, deployed: pure functions

On disk: `esbench.run(task, algorithm)` is one run, `esbench.load_results("runs")` all rows below a directory as a
pandas DataFrame, `esbench.load_policy(RUN)` the policy that a run trained. `esbench.make("Ant-v0")` is a task's
environment. Importing esbench registers the tasks with Gymnasium: `gymnasium.make("esbench/Ant-v0")`.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

from esbench.tasks import registry as _registry  # noqa: F401  (registers the tasks with Gymnasium)

# XLA reports every program that it loads from the compilation cache as an error of two pages. It compares the
# processor's features with its own tuning hints, which no processor has. Read when JAX first compiles.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

if TYPE_CHECKING:
    from esbench.algorithms.ars import ARS
    from esbench.algorithms.eggroll import EGGROLL
    from esbench.algorithms.evolution import EvolutionAlgorithm
    from esbench.algorithms.open_es import OpenES
    from esbench.algorithms.ppo import PPO
    from esbench.algorithms.shaping import centred_ranks
    from esbench.errors import InputError, StrategyError
    from esbench.experiment.one_run.run import RunResult, run
    from esbench.in_memory import TrainResult, evaluate, learner, train
    from esbench.population.gaussian import Gaussian
    from esbench.population.stacked import Stacked
    from esbench.problem import DeployedPolicy, Evolution, Problem
    from esbench.report.write import load_report
    from esbench.results.load import load_results
    from esbench.results.trained_policy import load_policy
    from esbench.rollout.problem import EpisodicProblem
    from esbench.tasks.registry import Task, make, register, task, task_specs
    from esbench.tasks.spec import Measure, TaskSpec

# Loaded when first used: `import esbench` loads neither JAX nor pandas.
_MODULES = {
    "ARS": "esbench.algorithms.ars",
    "DeployedPolicy": "esbench.problem",
    "EGGROLL": "esbench.algorithms.eggroll",
    "EpisodicProblem": "esbench.rollout.problem",
    "Evolution": "esbench.problem",
    "EvolutionAlgorithm": "esbench.algorithms.evolution",
    "Gaussian": "esbench.population.gaussian",
    "InputError": "esbench.errors",
    "Measure": "esbench.tasks.spec",
    "OpenES": "esbench.algorithms.open_es",
    "PPO": "esbench.algorithms.ppo",
    "Problem": "esbench.problem",
    "RunResult": "esbench.experiment.one_run.run",
    "Stacked": "esbench.population.stacked",
    "StrategyError": "esbench.errors",
    "Task": "esbench.tasks.registry",
    "TaskSpec": "esbench.tasks.spec",
    "TrainResult": "esbench.in_memory",
    "centred_ranks": "esbench.algorithms.shaping",
    "evaluate": "esbench.in_memory",
    "learner": "esbench.in_memory",
    "load_report": "esbench.report.write",
    "load_policy": "esbench.results.trained_policy",
    "load_results": "esbench.results.load",
    "make": "esbench.tasks.registry",
    "register": "esbench.tasks.registry",
    "run": "esbench.experiment.one_run.run",
    "task": "esbench.tasks.registry",
    "task_specs": "esbench.tasks.registry",
    "train": "esbench.in_memory",
}

__all__ = [
    "ARS",
    "EGGROLL",
    "PPO",
    "DeployedPolicy",
    "EpisodicProblem",
    "Evolution",
    "EvolutionAlgorithm",
    "Gaussian",
    "InputError",
    "Measure",
    "OpenES",
    "Problem",
    "RunResult",
    "Stacked",
    "StrategyError",
    "Task",
    "TaskSpec",
    "TrainResult",
    "centred_ranks",
    "evaluate",
    "learner",
    "load_policy",
    "load_report",
    "load_results",
    "make",
    "register",
    "run",
    "task",
    "task_specs",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'esbench' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
