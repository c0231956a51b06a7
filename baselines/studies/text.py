"""The studies of the integer language model: what its population, rank, momentum, groups and memory do.

    JAX_NUM_CPU_DEVICES=2 python -m baselines.studies.text                  all of them: about an hour on two cores
    JAX_NUM_CPU_DEVICES=2 python -m baselines.studies.text rank momentum    some

Each study is a folder of `runs/text`: the base is the tier lite's own setting, and another name differs from it in what
stands beside it below. Finished runs are skipped. `results/text` has the rows of all, and `make results` their tables.
"""

import functools
from dataclasses import dataclass, field

import jax

from baselines.studies.parts import run_parts

TASK = "KingJames-v0"
BUDGET = 20_000_000
POPULATIONS = [2**power for power in (8, 10, 12, 14)]
BASE = 2048
GENERATIONS = 150
SEQUENCES = 16
DECAY = 0.025
"""Of the base: its steps end at a sixteenth of the parameters."""


@dataclass(frozen=True)
class Variant:
    """Runs of one setting. settings: those that differ from the base. seeds: how many, from 0 on."""

    name: str
    settings: dict[str, object] = field(default_factory=dict)
    algorithm: str = "eggroll_int"
    steps: int = BUDGET
    seeds: int = 5


def at_equal_tokens(population: int) -> Variant:
    """As many tokens as the base, of the same places in the text; the schedule ends where the base's does."""
    return Variant(f"pop-{population}", {"pop_size": population, "alpha_decay": DECAY * population / BASE})


def at_equal_generations(population: int) -> Variant:
    """As many generations, of the same sequences, as the paper's figure has: more members read each."""
    settings = {"pop_size": population, "group": population // SEQUENCES, "alpha_decay": 0.1}
    return Variant(f"pop-{population}", settings, steps=GENERATIONS * 16 * population)


def backprop(network: str, optimizer: str, learning_rate: float, seeds: int) -> Variant:
    """Learning rates are the best of four that were tried on half as many tokens."""
    settings = {"network": network, "optimizer": optimizer, "learning_rate": learning_rate}
    return Variant(f"{network}-{optimizer}", settings, "backprop", 1_000_000, seeds)


STUDIES = {
    "base": [Variant("base")],
    "population": [at_equal_tokens(size) for size in POPULATIONS],
    "generations": [at_equal_generations(size) for size in POPULATIONS],
    "rank": [Variant(f"rank-{rank}", {"rank": rank}, seeds=5 if rank < 8 else 3) for rank in (2, 4, 8)],
    "momentum": [
        Variant("momentum-6", {"momentum": 6}),
        Variant("shift-3", {"shift": 3}),
        Variant("momentum-6-shift-3", {"momentum": 6, "shift": 3}),
    ],
    "group": [Variant(f"group-{group}", {"group": group}) for group in (2, 64)],
    "memory": [Variant("unroll-8", {"unroll": 8}), Variant("no-carry", {"carry": False})],
    "backprop": [
        backprop("float_egg", "adam", 0.003, seeds=5),
        backprop("float_egg", "sgd", 3.0, seeds=5),
        backprop("transformer", "adam", 0.003, seeds=3),
        backprop("transformer", "sgd", 1.0, seeds=3),
    ],
    # 15,000 generations, with momentum, noise twice as large and steps that shrink twelve times more slowly.
    "long": [Variant("long", {"momentum": 6, "shift": 3, "alpha_decay": 0.002}, steps=500_000_000, seeds=3)],
}


def command(study: str, variant: Variant, devices: int) -> list[str]:
    """The sweep of one variant. Backprop has no population that devices could share."""
    words = ["sweep", "--tasks", TASK, "--algorithms", variant.algorithm, "--seeds", f"0:{variant.seeds}"]
    words += ["--steps", str(variant.steps), "--name", variant.name, "--out", f"runs/text/{study}"]
    words += ["--devices", str(devices)] if variant.algorithm == "eggroll_int" else []
    pairs = [f"{name}={str(value).lower()}" for name, value in variant.settings.items()]
    return words + (["--set", *pairs] if pairs else [])


def commands(study: str) -> list[list[str]]:
    return [command(study, variant, len(jax.devices())) for variant in STUDIES[study]]


if __name__ == "__main__":
    run_parts(__doc__, "study", {study: functools.partial(commands, study) for study in STUDIES})
