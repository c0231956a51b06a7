"""Manifests from one flat list of values, and as versions of the format before 4 had them."""

from typing import Any

from esbench.results.records import Manifest

_OPTIONS = {"tier": "tier", "budget": "steps", "preset": "preset", "precision": "precision", "name": "name"}


def manifest_from(values: dict[str, Any]) -> Manifest:
    """A manifest whose options are among the values, the budget by that name."""
    options = {option: values[name] for name, option in _OPTIONS.items()}
    return Manifest(**{name: value for name, value in values.items() if name not in _OPTIONS}, options=options)


def as_version_3(manifest: dict[str, Any]) -> dict[str, Any]:
    """The values of a manifest as version 3 wrote them: each option a field, no runs together. Its hash is left as it
    is."""
    options = manifest["options"]
    flat = {name: value for name, value in manifest.items() if name != "options"}
    flat["device"] = {name: value for name, value in manifest["device"].items() if name not in ("together", "threads")}
    return {**flat, "schema_version": 3, **{name: options[option] for name, option in _OPTIONS.items()}}
