"""Reasoning: a start file for Countdown, and what EGGROLL and GRPO make of it.

    python -m baselines.studies.reasoning start     the start file again, in `runs/reasoning`: two minutes
    python -m baselines.studies.reasoning search    eight trials of each algorithm: about half an hour on two cores
    python -m baselines.studies.reasoning runs      five seeds of each with the settings found: about 40 minutes
    python -m baselines.studies.reasoning           all three

Every part is a few commands of esbench, which are printed. Searches and sweeps skip finished runs. The preset `lite`
has what the search found. `results/reasoning` has the rows, and `make results` makes their tables.
"""

from baselines.studies.parts import run_parts

TASK = "Countdown-v0"
START = "baselines/starts/countdown_rwkv7.npz"
START_STEPS = 2_000_000
"""Here a sixth of the held-out instances is solved greedily."""
TRIALS = 8
SEEDS = 5
STEPS = {"eggroll": 20_000_000, "grpo": 3_000_000}
"""Tokens of a run. Both take about as long; at equal tokens EGGROLL is read where GRPO ends."""
TRIAL_STEPS = {"eggroll": 4_000_000, "grpo": 875_000}
"""Tokens of a trial: about a minute of training on one core."""
OUT = "runs/reasoning"


def start() -> list[list[str]]:
    words = ["run", "--task", TASK, "--algorithm", "imitation", "--policy", "rwkv7", "--steps", str(START_STEPS)]
    return [[*words, "--name", "start", "--out", OUT]]


def search() -> list[list[str]]:
    """A budget is eight of its first rung's, which is all that is run."""
    return [
        [
            *("tune", "--tasks", TASK, "--algorithms", algorithm, "--policy", "rwkv7", "--start", START),
            *("--trials", str(TRIALS), "--steps", str(8 * steps), "--fixed-only"),
            *("--ranges", f"baselines/search/reasoning/{algorithm}.toml", "--out", f"{OUT}/search/{algorithm}"),
        ]
        for algorithm, steps in TRIAL_STEPS.items()
    ]


def runs() -> list[list[str]]:
    return [
        [
            *("sweep", "--tasks", TASK, "--algorithms", algorithm, "--policy", "rwkv7", "--start", START),
            *("--seeds", f"0:{SEEDS}", "--steps", str(steps), "--out", OUT),
        ]
        for algorithm, steps in STEPS.items()
    ]


PARTS = {"start": start, "search": search, "runs": runs}


if __name__ == "__main__":
    run_parts(__doc__, "part", PARTS)
