"""The options of a run: what its rows depend on, and how it is carried out.

The command line, `esbench.run`, `esbench.train`, sweeps and their workers all take these classes, and the manifest
holds the first. A new option is a field here, and the code that uses it.
"""

import dataclasses
import inspect
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from esbench.errors import InputError, unknown
from esbench.results.fingerprints import determining_options
from esbench.tasks.tiers import TIERS

# Those of jax.default_matmul_precision that name an accuracy on every device.
PRECISIONS = ("float32", "tensorfloat32", "bfloat16", "default")

_RESOLVED = ("settings", "policy", "devices")
"""They act through what the manifest holds resolved: settings, policy, problem and sizes."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What the rows of a seed of one algorithm on one task depend on, as it is asked for.

    InputError for an unknown tier or precision, and for the digest of no start.
    """

    tier: str = "lite"
    """smoke, lite, standard or paper"""
    steps: int | None = None
    """budget in the task's unit, environment steps (default: the tier's)"""
    policy: Any = None
    """the policy's network: mlp, gru, cnn, rwkv7 or path/to/file.py:NAME (default: mlp)"""
    preset: str | None = None
    """smoke, lite, fixed, paper, another one of the algorithm's, defaults or FILE.toml (default: the tier's)"""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """settings of the algorithm (esbench algorithms), of the policy (layer_size, n_layers, activation) and of the
    machine (lanes, narrow, block)"""
    devices: int | None = None
    """devices that share each generation's episodes and update, of all processes that Slurm or Open MPI started; PPO
    shares its evaluations only (default: 1)"""
    precision: str = "float32"
    """of matrix products: float32, tensorfloat32, bfloat16 or default (the device's own)"""
    name: str | None = None
    """directory of the runs (default: the algorithm's name)"""
    start: str | Path | None = None
    """policy file to begin from instead of fresh parameters: what a run of this network leaves, RUN/policy.npz"""
    start_sha256: str | None = None
    """sha256 that the start file must have (default: what it has)"""

    def __post_init__(self):
        if self.tier not in TIERS:
            raise unknown("tier", self.tier, TIERS)
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)
        if not isinstance(self.settings, Mapping):
            raise InputError(f"settings {self.settings!r}: expected a dictionary of values by name")
        if self.start is None and self.start_sha256 is not None:
            raise InputError(f"start_sha256 {self.start_sha256!r}: expected a start, the file that it is of")

    def to_json(self) -> dict[str, Any]:
        """As the manifest holds them, by name: without settings, policy and devices, which it holds resolved, and
        without a start where there is none, as before there were any."""
        left_out = _RESOLVED if self.start is not None else (*_RESOLVED, "start", "start_sha256")
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in left_out}

    @property
    def of_programs(self) -> dict[str, Any]:
        """Those that the compiled programs depend on, by name: neither labels nor the budget."""
        return determining_options({**self.to_json(), "steps": None})

    @property
    def numeric(self) -> dict[str, Any]:
        """How numbers are computed, by name."""
        return {"precision": self.precision}

    def arithmetic(self) -> AbstractContextManager[None]:
        """Inside, programs are traced as these options ask for."""
        import jax

        return jax.default_matmul_precision(self.precision)


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Where and how a run is kept: nothing here changes a row.

    InputError for a bad directory, or a bad number of seconds.
    """

    out: str | Path = "runs"
    """results root"""
    checkpoint_seconds: float = 60.0
    """between two checkpoints"""
    log: str | None = None
    """tensorboard or wandb: send rows there too, off the training clock"""

    def __post_init__(self):
        if not isinstance(self.out, str | os.PathLike) or not str(self.out):
            raise InputError(f"out {self.out!r}: expected a directory")
        if not self.checkpoint_seconds > 0:
            raise InputError(f"checkpoint_seconds {self.checkpoint_seconds!r}: expected seconds, more than 0")


def options_of(given: Mapping[str, Any]) -> tuple[RunOptions, Storage]:
    """Both, of values by name; InputError for a name that neither has."""
    known = {f.name: cls for cls in (RunOptions, Storage) for f in dataclasses.fields(cls)}
    for name in given:
        if name not in known:
            raise unknown("option", name, known)
    options, storage = ({n: v for n, v in given.items() if known[n] is cls} for cls in (RunOptions, Storage))
    return RunOptions(**options), Storage(**storage)


def takes(*classes: type) -> Callable[[Callable], Callable]:
    """Marks a function whose `**options` are the fields of `classes`, so that `help` and editors show them."""

    def marked(function: Callable) -> Callable:
        signature = inspect.signature(function)
        own = [of for of in signature.parameters.values() if of.kind is not inspect.Parameter.VAR_KEYWORD]
        fields = {name: of for cls in classes for name, of in inspect.signature(cls).parameters.items()}
        more = [of for name, of in fields.items() if name not in signature.parameters]
        function.__signature__ = signature.replace(parameters=[*own, *more])  # ty: ignore[missing-attribute]
        return function

    return marked
