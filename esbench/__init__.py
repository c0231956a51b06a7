"""esbench: evolution strategies, low-rank evolution strategies and PPO on the same 16 RL tasks.

`esbench.make("Ant-v0")` is a task's environment, `esbench.run(task=..., algorithm=...)` one run,
`esbench.load_results("runs")` all rows below a directory as a pandas DataFrame, `esbench.load_policy(RUN)` the policy
that a run trained. Importing esbench registers the tasks with Gymnasium: `gymnasium.make("esbench/Ant-v0")`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from esbench.tasks import registry as _registry  # noqa: F401  (registers the tasks with Gymnasium)

if TYPE_CHECKING:
    from esbench.errors import InputError
    from esbench.experiment.run import RunResult, run
    from esbench.results.load import load_results
    from esbench.results.trained_policy import load_policy
    from esbench.tasks.registry import Task, make, register, task, task_specs
    from esbench.tasks.spec import TaskSpec

__all__ = [
    "InputError",
    "RunResult",
    "Task",
    "TaskSpec",
    "load_policy",
    "load_results",
    "make",
    "register",
    "run",
    "task",
    "task_specs",
]

# Loaded when first used: `import esbench` loads neither JAX nor pandas.
_MODULES = {
    "InputError": "esbench.errors",
    "RunResult": "esbench.experiment.run",
    "Task": "esbench.tasks.registry",
    "TaskSpec": "esbench.tasks.spec",
    "load_policy": "esbench.results.trained_policy",
    "load_results": "esbench.results.load",
    "make": "esbench.tasks.registry",
    "register": "esbench.tasks.registry",
    "run": "esbench.experiment.run",
    "task": "esbench.tasks.registry",
    "task_specs": "esbench.tasks.registry",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'esbench' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
