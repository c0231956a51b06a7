"""Hashes that a manifest carries: of the configuration of a run, and of a user's own code. The first can be computed
from a manifest, the second from the files."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from esbench.tasks.spec import determining

if TYPE_CHECKING:
    from esbench.results.records import Manifest

_HASHED = ("algorithm", "settings", "policy", "problem", "sizes")


def config_hash(manifest: Mapping[str, Any]) -> str:
    """sha256 over all that determines the rows of a seed on given versions and a given device: a manifest's fields by
    name. The order of names within a table has no effect. Of the task only what rows depend on: words and anchors may
    be improved."""
    hashed = {
        "task": determining(manifest["task"]),
        **{name: manifest[name] for name in _HASHED},
        "options": determining_options(manifest["options"]),
    }
    if switches := manifest.get("switches"):  # without any the hash is that of the manifests before they were recorded
        hashed["switches"] = switches
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()


def determining_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Of a manifest's options those that rows depend on: not the words that a run is called by, nor where its start
    file was, whose digest is among them."""
    return {name: value for name, value in options.items() if name not in ("name", "preset", "start")}


def config_hash_of(manifest: "Manifest") -> str:
    """What `config_hash` of an unchanged manifest is."""
    return config_hash(manifest.model_dump())


def plugins_digest(contents: Iterable[bytes]) -> str | None:
    """sha256 over the files that define a user's algorithm and task, in this order; None without files."""
    digests = [hashlib.sha256(content).digest() for content in contents]
    return hashlib.sha256(b"".join(digests)).hexdigest() if digests else None
