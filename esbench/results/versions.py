"""Reading what older versions of esbench wrote: one function a version lifts a manifest to the next."""

from collections.abc import Callable
from typing import Any

from esbench.results.records import SCHEMA

Values = dict[str, Any]


def _from_1(manifest: Values) -> Values:
    """Version 1 did not record the cost of tuning."""
    return {**manifest, "tuning": None}


_STEPS: dict[int, Callable[[Values], Values]] = {1: _from_1}


def current(manifest: Values) -> Values:
    """The manifest as the current version writes it. ValueError, in words for the user, where that is not known."""
    version = manifest.get("schema_version")
    known = range(min(_STEPS), SCHEMA + 1)
    if type(version) is not int or version not in known:
        raise ValueError(
            f"written in version {version} of the format; this esbench reads {known[0]} to {known[-1]}"
            if version is not None
            else "no schema_version"
        )
    while version < SCHEMA:
        manifest = {**_STEPS[version](manifest), "schema_version": version + 1}
        version += 1
    return manifest
