"""From named values to an algorithm, a policy and sizes: one flat list, as the command line and presets give it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from esbench.algorithms.interface import Algorithm
from esbench.algorithms.registry import build_algorithm, setting_names
from esbench.errors import unknown
from esbench.policies.networks import PolicySettings
from esbench.settings import build, field_names
from esbench.sizes import Sizes


@dataclass(frozen=True)
class Assembled:
    """sizes: only those that were given, by name; the others are the machine's."""

    algorithm: Algorithm
    policy: PolicySettings
    sizes: dict[str, int]


def assemble(algorithm: str, values: Mapping[str, Any]) -> Assembled:
    """What `values` describe; a name is the algorithm's first, then the policy's, then a size's.

    Text is read as the setting's type. InputError for an unknown name, with the nearest one, and for a value of the
    wrong type or range.
    """
    own, policy, sizes = setting_names(algorithm), field_names(PolicySettings), field_names(Sizes)
    for name in values:
        if name not in [*own, *policy, *sizes]:
            raise unknown(f"setting of {algorithm}", name, [*own, *policy, *sizes])

    def take(names, but=()) -> dict[str, Any]:
        return {name: values[name] for name in names if name in values and name not in but}

    given = take(sizes, but=[*own, *policy])
    checked = build(Sizes, given)
    return Assembled(
        build_algorithm(algorithm, take(own)),
        build(PolicySettings, take(policy, but=own)),
        {name: getattr(checked, name) for name in given},
    )
