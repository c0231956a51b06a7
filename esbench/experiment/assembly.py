"""From named values to an algorithm and a policy: one flat list, as the command line and presets give it."""

from collections.abc import Mapping
from typing import Any

from esbench.algorithms.interface import Algorithm
from esbench.algorithms.registry import build_algorithm, setting_names
from esbench.errors import unknown
from esbench.policies.networks import PolicySettings
from esbench.settings import build, field_names


def assemble(algorithm: str, values: Mapping[str, Any]) -> tuple[Algorithm, PolicySettings]:
    """The algorithm and the policy that `values` describe; a name is the algorithm's first, then the policy's.

    Text is read as the setting's type. InputError for an unknown name, with the nearest one, and for a value of the
    wrong type or range.
    """
    own = setting_names(algorithm)
    policy = [name for name in field_names(PolicySettings) if name not in own]
    for name in values:
        if name not in own and name not in policy:
            raise unknown(f"setting of {algorithm}", name, [*own, *policy])
    return (
        build_algorithm(algorithm, {name: value for name, value in values.items() if name in own}),
        build(PolicySettings, {name: value for name, value in values.items() if name in policy}),
    )
