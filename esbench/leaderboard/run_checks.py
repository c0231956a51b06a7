"""What one run must be: written by this board's protocol, its counters and clocks in accord. Each check yields
problems, one line each, without the run's name."""

import itertools
import math
import statistics
from collections.abc import Callable, Iterator

from esbench.algorithms.built_in import EVOSAX
from esbench.leaderboard.board import EVERYWHERE, Board
from esbench.results.fingerprints import config_hash_of
from esbench.results.load import CLOCKS, COUNTS
from esbench.results.records import Manifest, Row
from esbench.results.run_directory import RunDirectory
from esbench.results.score_rule import is_within, share_of

MODES = ("return_greedy", "return_sample")
"""Of a row's scores: the returns in either action mode."""

OPERATIONS = {"cpu": 1e13, "gpu": 2e15, "tpu": 2e15}
"""Operations a second that no device of a kind reaches in float32: ten times the largest on sale."""
FASTER = 10.0
"""How many times the run's usual pace a part of it cannot have."""
SLACK_SECONDS = 1.0
"""By how much an honest part can be quicker than usual. Where others share the machine, parts of milliseconds are often
ten times slower, and an undisturbed one is honest."""


def protocol(board: Board, run: RunDirectory) -> Iterator[str]:
    """The manifest says what the board says."""
    manifest = run.manifest
    task = board.tasks[manifest.task["id"]]
    if names := task.unlike(manifest.task):
        yield f"the task is not the board's: {', '.join(names)}"
    for name, value, expected in (
        ("tier", manifest.tier, board.tier),
        ("budget", manifest.budget, task.budget),
        *((name, getattr(manifest.options, name, None), value) for name, value in board.protocol.numeric.items()),
    ):
        if value != expected:
            yield f"{name} {value!r}: the board's is {expected!r}"
    if getattr(manifest.options, "start", None) is not None:
        yield "it began from a policy file, whose training is not counted: expected fresh parameters"
    if (mode := _action_mode(manifest)) not in (None, manifest.action_mode):
        yield f"action mode {manifest.action_mode!r}: by its settings it is {mode!r}"
    episodes = sorted({row.samples for row in run.rows} - {task.episodes})
    if episodes:
        yield f"evaluations of {', '.join(map(str, episodes))} episodes: the board's are of {task.episodes}"


def _action_mode(manifest: Manifest) -> str | None:
    """What the settings of an evolution strategy say; None for algorithms without the setting."""
    deterministic = manifest.settings.get("deterministic_policy")
    return None if deterministic is None else "greedy" if deterministic else "sample"


def provenance(board: Board, run: RunDirectory) -> Iterator[str]:
    """The configuration is what its hash says, the packages are the board's, esbench was a clean commit."""
    manifest = run.manifest
    if config_hash_of(manifest) != manifest.config_hash:
        yield "its config hash is not that of its task, settings, policy, options and sizes"
    suite = board.tasks[manifest.task["id"]].task.requires.partition("==")[0]
    for name, allowed in board.versions.items():
        needed = manifest.algorithm.startswith(EVOSAX) if name == "evosax" else name in manifest.versions
        if (needed or name == suite or name in EVERYWHERE) and manifest.versions.get(name) not in allowed:
            yield f"{name} {manifest.versions.get(name, 'of no known version')}: the board's is {' or '.join(allowed)}"
    if manifest.commit is None or manifest.dirty is not False:
        state = "with changes that are in no commit" if manifest.commit else "outside a checkout"
        yield f"computed by esbench {state}: expected a clean checkout of a commit"


def counters(board: Board, run: RunDirectory) -> Iterator[str]:
    """Counts and clocks begin at 0 and never go back; training continues from row to row."""
    rows = run.rows
    if any(getattr(rows[0], name) for name in COUNTS):
        yield "row 1 is not that of the untrained policy: its counts are not 0"
    for number, row in enumerate(rows, start=1):
        if not 0 <= row.sequential_steps <= row.useful_steps <= row.computed_steps:
            yield (
                f"row {number}: expected sequential_steps <= useful_steps <= computed_steps, not "
                f"{row.sequential_steps}, {row.useful_steps}, {row.computed_steps}"
            )
        if negative := [name for name in CLOCKS if getattr(row, name) < 0]:
            yield f"row {number}: {negative[0]} is below 0"
    for number, (before, row) in enumerate(itertools.pairwise(rows), start=2):
        for name in (*COUNTS, "train_seconds", "evaluate_seconds"):
            if getattr(row, name) <= getattr(before, name):
                yield f"row {number}: {name} goes from {getattr(before, name)} to {getattr(row, name)}"
        for name in ("compile_seconds", "log_seconds"):
            if getattr(row, name) < getattr(before, name):
                yield f"row {number}: {name} falls from {getattr(before, name)} to {getattr(row, name)}"


def shares(board: Board, run: RunDirectory) -> Iterator[str]:
    """One row at 0 and one at the first step past each share of the budget, up to the one that reaches it."""
    task, most = board.tasks[run.manifest.task["id"]], board.protocol.rows
    budget = task.budget
    reached = [share_of(row.useful_steps, budget, most) for row in run.rows]
    for number, (before, now) in enumerate(itertools.pairwise(reached), start=2):
        if now <= before and before < most:
            yield f"row {number} is the second at {now} of {most} shares of the budget"
    for number, row in enumerate(run.rows[:-1], start=1):
        if row.useful_steps >= budget:
            yield f"budget overrun: row {number} has {row.useful_steps:,} of {budget:,} steps, and training continued"
            break
    last = run.rows[-1]
    if last.useful_steps < budget:
        yield f"it ends at {last.useful_steps:,} of {budget:,} steps"
    beyond, bounds = last.useful_steps - budget, _step_bounds(run.manifest, task.task.cap)
    if bounds is not None and beyond >= bounds[1]:
        yield f"budget overrun: {beyond:,} steps past the budget, more than one step of training takes ({bounds[1]:,})"


def work(board: Board, run: RunDirectory) -> Iterator[str]:
    """The useful steps of the rows are possible for so many generations or updates."""
    bounds = _step_bounds(run.manifest, board.tasks[run.manifest.task["id"]].task.cap)
    if bounds is None:
        return
    for number, row in enumerate(run.rows, start=1):
        fewest, most = (bound * row.generation for bound in bounds)
        if not fewest <= row.useful_steps <= most:
            yield (
                f"row {number}: {row.useful_steps:,} useful steps after {row.generation:,} steps of training, which "
                f"take {fewest:,} to {most:,}"
            )


def _step_bounds(manifest: Manifest, cap: int) -> tuple[int, int] | None:
    """The fewest and the most useful steps that one step of training takes, by the settings. None for algorithms other
    than evolution strategies and PPO: their settings can mean anything. No code of an entry is loaded."""
    strategy = {"pop_size", "n_parallel_evaluations", "deterministic_policy"} <= manifest.settings.keys()
    factors = ("pop_size", "n_parallel_evaluations") if strategy else ("num_envs", "num_steps")
    if not (strategy or manifest.algorithm == "ppo"):
        return None
    try:
        fewest = math.prod(int(manifest.settings[name]) for name in factors)
    except (TypeError, ValueError, KeyError):  # a stranger's settings can be anything
        return None
    return fewest, fewest * cap if strategy else fewest


def final_row(board: Board, run: RunDirectory) -> Iterator[str]:
    """The score is the last row within the budget and its overshoot."""
    budget = board.tasks[run.manifest.task["id"]].budget
    hundredths = round(100 * (1 + board.protocol.overshoot))
    within = [number for number, row in enumerate(run.rows, start=1) if is_within(row.useful_steps, budget, hundredths)]
    finals = [number for number, row in enumerate(run.rows, start=1) if row.final]
    if finals != within[-1:]:
        said = f"row {finals[0]}" if finals else "no row"
        expected = f"row {within[-1]}" if within else "none"
        yield (
            f"{said} is marked as the score: expected {expected}, the last within {hundredths}% of the budget of "
            f"{budget:,} steps"
        )


def returns(board: Board, run: RunDirectory) -> Iterator[str]:
    """The return of a row is that of its mode, and its spread one that its episodes can have."""
    mode = f"return_{run.manifest.action_mode}"
    for number, row in enumerate(run.rows, start=1):
        if row.measure != "return" or not {*MODES} <= row.scores.keys():
            yield f"row {number}: it is not of returns in both action modes"
            continue
        if row.value != row.scores[mode]:
            yield f"row {number}: return {row.value} is not its {mode} {row.scores[mode]}"
        if not 1 <= row.distinct_samples <= row.samples:
            yield f"row {number}: {row.distinct_samples} distinct of {row.samples} episodes"
        if row.std < 0 or (row.distinct_samples == 1 and row.std > 1e-6 * (1 + abs(row.value))):
            yield f"row {number}: std {row.std} of {row.distinct_samples} distinct episodes"


def pace(board: Board, run: RunDirectory) -> Iterator[str]:
    """No part of the training was quicker than a device can be, or than the run otherwise was."""
    device = run.manifest.device
    limit = OPERATIONS.get(device.platform, max(OPERATIONS.values())) * device.count
    parts = list(enumerate(itertools.pairwise(run.rows), start=2))
    for number, (before, row) in parts:
        seconds = row.train_seconds - before.train_seconds
        # One application of the policy a step: a product and a sum for every parameter.
        if 2 * run.manifest.parameters * (row.computed_steps - before.computed_steps) > limit * seconds:
            yield (
                f"row {number}: {row.computed_steps - before.computed_steps:,} steps of {run.manifest.parameters:,} "
                f"parameters in {seconds:.3g} training seconds is quicker than any {device.platform}"
            )
    usual = [statistics.median(paces) for paces in zip(*(_paces(*pair) for _, pair in parts), strict=True)]
    for number, (before, row) in parts:
        seconds = row.train_seconds - before.train_seconds
        often = [work / pace if pace else math.inf for work, pace in zip(_work(before, row), usual, strict=True)]
        if min(often) > FASTER * seconds and min(often) - seconds > SLACK_SECONDS:
            yield f"row {number}: train_seconds grow more than {FASTER:g} times slower than in the rest of the run"


def _paces(before: Row, row: Row) -> list[float]:
    """Per second of training, each kind of work."""
    seconds = row.train_seconds - before.train_seconds
    return [work / seconds if seconds > 0 else math.inf for work in _work(before, row)]


def _work(before: Row, row: Row) -> list[int]:
    """What was done between two rows. Which of it takes the time depends on machine and algorithm."""
    return [getattr(row, n) - getattr(before, n) for n in ("generation", "computed_steps", "sequential_steps")]


_BY_BUDGET = (shares, final_row)
"""What follows from the budget: nothing new is said where it is another one than the board's."""
RUN_CHECKS: tuple[Callable[[Board, RunDirectory], Iterator[str]], ...] = (
    protocol,
    provenance,
    counters,
    shares,
    work,
    final_row,
    returns,
    pace,
)


def run_problems(board: Board, run: RunDirectory) -> list[str]:
    """All that is wrong with a run, one line each, and one line for one cause."""
    other_budget = run.manifest.budget != board.tasks[run.manifest.task["id"]].budget
    checks = [one for one in RUN_CHECKS if not (other_budget and one in _BY_BUDGET)]
    return [problem for one in checks for problem in one(board, run)]
