"""Reading what older versions of esbench wrote: one function a version lifts a manifest to the next, another a row."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from esbench.results.fingerprints import config_hash
from esbench.results.records import SCHEMA
from esbench.tasks.spec import determining

Values = dict[str, Any]
Lift = Callable[[Values], Values]

_OPTIONS = {"tier": "tier", "budget": "steps", "preset": "preset", "precision": "precision", "name": "name"}
"""Options as fields of the manifest, before version 4, and their names since."""
_HASHED = ("algorithm", "settings", "policy", "sizes", *(name for name in _OPTIONS if name not in ("preset", "name")))
"""Before version 4, beside the task."""


def _from_1(manifest: Values) -> Values:
    """Version 1 did not record the cost of tuning."""
    return {**manifest, "tuning": None}


def current_policy(policy: Values) -> Values:
    """A network's settings as the current version writes them: before version 3 there was one kind, without a name."""
    return {"name": "mlp", **policy}


def _from_2(manifest: Values) -> Values:
    """Version 2 had one kind of network, and environments only; its hash was over the whole spec of the task.

    A right hash becomes the right one of the next version; a wrong one stays, and is wrong there too.
    """
    lifted = {**manifest, "policy": current_policy(manifest["policy"]), "problem": {}, "spaces": None}
    if _sha256({name: manifest[name] for name in ("task", *_HASHED)}) == manifest["config_hash"]:
        lifted["config_hash"] = _hash_3(lifted)
    return lifted


def _from_3(manifest: Values) -> Values:
    """Version 3 had each option as a field."""
    lifted = {name: value for name, value in manifest.items() if name not in _OPTIONS}
    lifted["options"] = {now: manifest[then] for then, now in _OPTIONS.items()}
    if _hash_3(manifest) == manifest["config_hash"]:
        lifted["config_hash"] = config_hash(lifted)
    return lifted


def _hash_3(manifest: Values) -> str:
    hashed = {name: manifest[name] for name in (*_HASHED, "problem")}
    if switches := manifest.get("switches"):
        hashed["switches"] = switches
    return _sha256({"task": determining(manifest["task"]), **hashed})


def _sha256(values: Values) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _row_from_2(row: Values) -> Values:
    """The rows of versions 1 and 2 were all of returns."""
    named = {
        "return": "return_mean",
        "return_greedy": "return_mean_greedy",
        "return_sample": "return_mean_sample",
    }
    moved = {*named.values(), "return_std", "episodes", "distinct_episodes"}
    return {
        **{name: value for name, value in row.items() if name not in moved},
        "measure": "return",
        "scores": {name: row[old] for name, old in named.items()},
        "std": row["return_std"],
        "samples": row["episodes"],
        "distinct_samples": row["distinct_episodes"],
    }


# Version 4 had no runs together: the default says so.
_STEPS: dict[int, tuple[Lift, Lift]] = {
    1: (_from_1, dict),
    2: (_from_2, _row_from_2),
    3: (_from_3, dict),
    4: (dict, dict),
}


def version_of(manifest: Values) -> int:
    """The version that a manifest was written in. ValueError, in words for the user, where it is not known."""
    version = manifest.get("schema_version")
    known = range(min(_STEPS), SCHEMA + 1)
    if type(version) is not int or version not in known:
        raise ValueError(
            f"written in version {version} of the format; this esbench reads {known[0]} to {known[-1]}"
            if version is not None
            else "no schema_version"
        )
    return version


def current_manifest(manifest: Values) -> Values:
    """The manifest as the current version writes it. ValueError as `version_of`; KeyError for one that lacks a part."""
    for version in range(version_of(manifest), SCHEMA):
        manifest = {**_STEPS[version][0](manifest), "schema_version": version + 1}
    return manifest


def current_row(row: Values, version: int) -> Values:
    """A row of a file in `version` as the current version writes it. KeyError for one that lacks a part."""
    for step in range(version, SCHEMA):
        row = _STEPS[step][1](row)
    return row
