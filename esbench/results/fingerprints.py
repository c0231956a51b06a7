"""Hashes that a manifest carries: of the configuration of a run, and of a user's own code. Whoever has the manifest can
compute the first again, whoever has the files the second."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from esbench.results.records import Manifest


def config_hash(
    *,
    task: Mapping[str, Any],
    algorithm: str,
    settings: Mapping[str, Any],
    policy: Mapping[str, Any],
    tier: str,
    budget: int,
    sizes: Mapping[str, int],
    precision: str,
) -> str:
    """sha256 over all that determines the rows of a seed on given versions and a given device, by the manifest's
    names; the order of names within a table does not matter."""
    determining = {
        "task": task,
        "algorithm": algorithm,
        "settings": settings,
        "policy": policy,
        "tier": tier,
        "budget": budget,
        "sizes": sizes,
        "precision": precision,
    }
    return hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()


def config_hash_of(manifest: Manifest) -> str:
    """What `config_hash` of an unchanged manifest is."""
    return config_hash(
        task=manifest.task,
        algorithm=manifest.algorithm,
        settings=manifest.settings,
        policy=manifest.policy,
        tier=manifest.tier,
        budget=manifest.budget,
        sizes=manifest.sizes,
        precision=manifest.precision,
    )


def plugins_digest(contents: Iterable[bytes]) -> str | None:
    """sha256 over the files that define a user's algorithm and task, in this order; None without any."""
    digests = [hashlib.sha256(content).digest() for content in contents]
    return hashlib.sha256(b"".join(digests)).hexdigest() if digests else None
