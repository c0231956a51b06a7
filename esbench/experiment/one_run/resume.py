"""Whether a run can continue: what differs from what it began with, and would change its rows."""

import json
from collections.abc import Mapping
from typing import Any

from esbench.algorithms.registry import defaults_of
from esbench.errors import InputError
from esbench.experiment.one_run import provenance, row_code
from esbench.experiment.options.config import RunConfig
from esbench.experiment.options.run_options import RunOptions
from esbench.jax_switches import recorded
from esbench.plugins import names_a_file
from esbench.results.fingerprints import determining_options
from esbench.results.records import Manifest
from esbench.results.run_directory import RunDirectory
from esbench.sizes import Sizes, kind_here, kind_of

_SHOWN = 4


def refusal(directory: RunDirectory, differences: list[str]) -> InputError:
    """Why the run cannot be resumed: the first few of the `differences`."""
    more = f"; and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    return InputError(
        f"cannot resume {directory.path}: {'; '.join(differences[:_SHOWN])}{more}: "
        "expected what it began with, or --name LABEL without --resume for a new run"
    )


def differences(manifest: Manifest, config: RunConfig) -> list[str]:
    """What would make the rows after resuming those of another run than `manifest` describes, a phrase each.

    The code that makes rows is no part of it: its digest lies in the checkpoints (`saving.find`).
    """
    versions = provenance.versions(config.task.spec.requires)
    then = {
        "sizes": {name: size for name, size in manifest.sizes.items() if name in config.sizes},
        # Python computes no rows.
        "versions": {**manifest.versions, "python": versions["python"]},
        "switches": manifest.switches,
    }
    now = {"sizes": config.sizes, "versions": versions, "switches": recorded()}
    return other_settings(manifest, config) + _differing(then, now) + _sizes_of_elsewhere(manifest, config)


def other_settings(manifest: Manifest, config: RunConfig) -> list[str]:
    """What was set otherwise for the run that `manifest` describes, a phrase each."""
    began = manifest.model_dump()
    if manifest.algorithm == config.algorithm_name:  # settings that it was written without had their defaults
        began["settings"] = defaults_of(config.algorithm) | began["settings"]
    then, now = _settings(began), _settings(config.determining(Sizes()))
    same_files = manifest.plugins == row_code.plugins(config.algorithm, config.task, config.network)
    return _differing(then, now) + ([] if same_files else ["the file of the algorithm or of the task has changed"])


def _sizes_of_elsewhere(manifest: Manifest, config: RunConfig) -> list[str]:
    """Whether the sizes are those of another kind of device, where they would be slow, unless all of them are asked
    for."""
    began, now = kind_of(manifest.device.platform, manifest.device.first), kind_here()
    if began == now or manifest.sizes.keys() <= {*config.sizes, "devices"}:
        return []
    given = " ".join(f"{name}={size}" for name, size in manifest.sizes.items() if name != "devices")
    return [f"its sizes are those of {began.name}, this is {now.name} (--set {given} goes on with them)"]


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """What was set, of a manifest's values by name. Options that it was written without had their defaults."""
    return {
        "task": {name: values["task"][name] for name in ("id", "source_id", "max_episode_steps")},
        **{name: values[name] for name in ("algorithm", "settings", "policy", "problem")},
        **determining_options(RunOptions().to_json() | values["options"]),
    }


def _differing(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    before, after = _flat(then), _flat(json.loads(json.dumps(now)))
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [f"{name} was {before.get(name)}, is now {after.get(name)}" for name in names]


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, its names joined by dots; of files, which `code` covers, only the names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            in_file = isinstance(value, str) and names_a_file(value)
            flat[f"{prefix}{name}"] = value.rpartition("/")[2] if in_file else value
    return flat
