"""`verify --mode rerun`: an entry's method, trained again on some of its tasks.

One reported seed of each task again: on the machine of the entry its policy is equal, and its rows are, except for the
clocks. Then fresh seeds, drawn after the entry was made. Pooled over the tasks they must do as well as the reported
ones. The entry's code runs in a sandbox, and its own reports do not count. The scores of its runs are those of the
policies that it left, evaluated here.
"""

import hashlib
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from esbench.algorithms.built_in import BUILT_IN, EVOSAX
from esbench.errors import InputError, StrategyError
from esbench.experiment.one_run import checkout
from esbench.experiment.terminal.progress import countdown
from esbench.jax_switches import pinned
from esbench.leaderboard.entry import ALGORITHM_FILE, run_key
from esbench.leaderboard.entry_scores import entry_cells
from esbench.leaderboard.evidence import Evidence
from esbench.leaderboard.permutation_test import ALPHA, Stratum, worse
from esbench.leaderboard.policy_archive import read_policy
from esbench.leaderboard.verification import sandbox
from esbench.leaderboard.verification.record import Rerun, RerunTask, draw
from esbench.leaderboard.verification.scorer import (
    TOLERANCE,
    Scorer,
    board_task,
    difference,
    differences,
    here,
    score_row,
    scored_mode,
)
from esbench.leaderboard.verification.training import Trained, train
from esbench.leaderboard.verification.twin import twin
from esbench.results.load import CLOCKS
from esbench.results.records import Manifest, Row
from esbench.statistics.normalization import has_scores, normalized
from esbench.tasks.registry import Task

TASKS = 4
"""The fewest tasks to pool: with three fresh runs on one, no result could be told from chance."""
SATURATED = 0.95
"""From this mean normalized score on, methods and budgets no longer differ on a task."""
FRESH_SEEDS = 3
FIRST_FRESH_SEED = 2000
"""Below are the boards' seeds and those of tuning, 1000 to 1999."""


@dataclass(frozen=True)
class Plan:
    """What to rerun. tasks: which; None draws TASKS unsaturated ones. twins: also train on each task's twin, which is
    always done with code of the entry's own. limits: of the entry's code, for each task."""

    tasks: Sequence[str] | None = None
    fresh_seeds: int = FRESH_SEEDS
    twins: bool = False
    limits: sandbox.Limits = field(default_factory=sandbox.Limits)


@pinned()
def rerun(evidence: Evidence, plan: Plan, public_number: int, say: Callable[[str], None]) -> Rerun:
    """Reruns an entry.

    InputError for fewer than TASKS unsaturated tasks, for an algorithm outside esbench and the entry's file, and for
    code of the entry's own on a machine without a sandbox. StrategyError where its code fails, or had to be stopped.
    """
    entry = evidence.entry
    sandboxed = _can_be_run(evidence)
    names = _choose(evidence, plan.tasks, public_number)
    found: dict[str, RerunTask] = {}
    problems: list[str] = []
    strata, twin_strata = [], []
    for name in countdown("rerunning task", names, say):
        task = _Task(evidence, name, plan, public_number, say)
        found[name], wrong = task.rerun(twins=plan.twins or entry.own_code)
        problems += [f"{name}: {problem}" for problem in wrong]
        reported = np.array(found[name].reported)
        strata.append(Stratum(reported, np.array(found[name].fresh)))
        if found[name].twin is not None:
            twin_strata.append(Stratum(reported, np.array(found[name].twin)))
        say(_line(name, found[name]))
    p_value, twin_p_value = worse(strata), worse(twin_strata) if twin_strata else None
    for what, value in (("fresh seeds", p_value), ("fresh seeds on the tasks' twins", twin_p_value)):
        if value is not None:
            say(f"{what}, worse than the reported ones: p {value:.2g}")
        if value is not None and value <= ALPHA:
            problems.append(f"{what} do worse than the reported ones: p {value:.2g}, expected more than {ALPHA:g}")
    return Rerun(
        passed=not problems,
        problems=tuple(problems),
        verified=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=here(board_task(evidence.board, names[0])),
        public_number=public_number,
        sandbox=sandboxed,
        alpha=ALPHA,
        tasks=found,
        p_value=p_value,
        twin_p_value=twin_p_value,
    )


def _can_be_run(evidence: Evidence) -> bool:
    """Whether there is a sandbox for it. InputError where it needs one and this machine has none, or where its
    algorithm is unknown."""
    name, lack = evidence.entry.algorithm, sandbox.missing()
    if not (evidence.entry.own_code or name in BUILT_IN or name.startswith(EVOSAX)):
        raise InputError(f"algorithm {name!r}: expected {', '.join(BUILT_IN)}, {EVOSAX}NAME or {ALGORITHM_FILE}:NAME")
    if evidence.entry.own_code and ALGORITHM_FILE not in evidence.files:
        raise InputError(f"algorithm {name!r}: the entry has no {ALGORITHM_FILE}")
    if evidence.entry.own_code and lack is not None:
        raise InputError(f"the entry's own code needs a sandbox, which this machine lacks: {lack}")
    return lack is None


def _choose(evidence: Evidence, wanted: Sequence[str] | None, public_number: int) -> list[str]:
    """The tasks to rerun. InputError where fewer than TASKS are left that can tell anything."""
    board, entry = evidence.board, evidence.entry
    tasks = [name for name in entry.tasks if name in board.tasks]
    if unknown := [name for name in wanted or () if name not in tasks]:
        raise InputError(f"--tasks {unknown[0]}: expected tasks of the entry: {', '.join(tasks)}")
    cells = entry_cells(board, tasks, evidence.finished) if evidence.finished else {}
    left, out = [], []
    for name in dict.fromkeys(wanted or tasks):
        spec, seeds = board.tasks[name].task, board.tasks[name].seeds
        if any((name, seed) not in evidence.finished for seed in seeds):
            out.append(f"{name} has failed runs")
        elif not has_scores(spec):
            out.append(f"{name} has no scores")
        elif (mean := cells[name].scores.mean()) >= SATURATED:
            out.append(f"{name} is saturated, score {mean:.2f}")
        elif np.ptp(cells[name].scores) == 0:
            out.append(f"{name} has one score for all seeds")
        else:
            left.append(name)
    if len(left) < TASKS:
        why = f" ({'; '.join(out)})" if out else ""
        raise InputError(
            f"a rerun needs {TASKS} tasks below a mean score of {SATURATED} and with seeds that differ, pooled; "
            f"{'of those asked for' if wanted else 'the entry has'} {len(left)}{why}"
        )
    if wanted:
        return left
    drawn = sorted(left, key=lambda name: draw(evidence.directory, public_number, f"rerun/{name}"))[:TASKS]
    return [name for name in left if name in drawn]


class _Task:
    """One task of a rerun."""

    def __init__(
        self,
        evidence: Evidence,
        name: str,
        plan: Plan,
        public_number: int,
        say: Callable[[str], None],
    ):
        self._evidence, self._name, self._plan, self._say = evidence, name, plan, say
        self._public_number = public_number
        self._task = board_task(evidence.board, name)
        self._reported = {seed: run for (task, seed), run in evidence.finished.items() if task == name}
        self._manifest = next(iter(self._reported.values())).manifest

    def rerun(self, twins: bool) -> tuple[RerunTask, list[str]]:
        """What was found, and what of it speaks against the entry."""
        name, reported = self._name, self._reported
        again = sorted(reported)[self._draw("again") % len(reported)]
        seeds = self._fresh_seeds("fresh")
        runs = self._train([again, *seeds])
        equal = _numbers(runs[again][0]) == _numbers(reported[again].rows)
        elsewhere = self._elsewhere(reported[again].manifest)
        problems = []
        if elsewhere:
            self._say(f"{name}: judged by fresh seeds only: {'; '.join(elsewhere)}")
        elif unlike := self._unlike(again, *runs[again]):
            problems.append(f"seed {again}: {unlike}")
        (_, *fresh), wrong = self._scores(self._task, runs)  # that of the reported seed comes first
        problems += wrong
        on_twin = None
        if twins:
            twin_seed = self._draw("twin") % 2**32
            trained = self._train(self._fresh_seeds("twin"), twin_seed)
            on_twin, wrong = self._scores(twin(self._task, twin_seed), trained)
            problems += [f"twin: {problem}" for problem in wrong]
        spec = self._task.spec
        found = RerunTask(
            again=again,
            same_machine=not elsewhere,
            equal=equal,
            seeds=tuple(seeds),
            reported=tuple(float(normalized(score_row(run.rows).value, spec)) for run in reported.values()),
            fresh=tuple(fresh),
            twin=on_twin,
        )
        return found, problems

    def _unlike(self, seed: int, rows: Sequence[Row], archive: bytes) -> str | None:
        """What of a reported run is another, trained again on the same kind of machine."""
        run = self._reported[seed]
        if _numbers(rows) != _numbers(run.rows):
            return _first_difference(run.rows, rows)
        # Pythons differ in how they write a zip archive.
        same_python = run.manifest.versions.get("python") == platform.python_version()
        stated = self._evidence.entry.policies.get(run_key(self._name, seed))
        if same_python and hashlib.sha256(archive).hexdigest() != stated:
            return "its rows are the same, but the policy is not the one whose hash the entry states"
        return None

    def _draw(self, purpose: str) -> int:
        return draw(self._evidence.directory, self._public_number, f"rerun/{self._name}/{purpose}")

    def _fresh_seeds(self, purpose: str) -> list[int]:
        seeds: list[int] = []
        while len(seeds) < self._plan.fresh_seeds:
            seed = self._draw(f"{purpose}/{len(seeds)}") % (2**32 - FIRST_FRESH_SEED) + FIRST_FRESH_SEED
            seeds.append(seed)
        return seeds

    def _elsewhere(self, manifest: Manifest) -> list[str]:
        """Why rows may differ here, in words; empty where they must be equal."""
        machine = here(self._task)
        found = differences(manifest, machine, set(self._evidence.board.versions))
        if manifest.commit != machine.commit:
            changed = checkout.changed_since(manifest.commit or "")
            if changed is None:
                found.append(f"esbench at commit {manifest.commit} there, which is not known here")
            elif changed:
                found.append(f"{changed[0]} is not as it was at commit {manifest.commit}")
        if manifest.sizes.get("devices", 1) != 1:
            found.append(f"{manifest.sizes['devices']} devices there and one here")
        return found

    def _train(self, seeds: Sequence[int], twin_seed: int | None = None) -> Trained:
        return train(self._evidence, self._manifest, seeds, twin_seed, self._plan.limits, self._say)

    def _scores(self, task: Task, runs: Trained) -> tuple[tuple[float, ...], list[str]]:
        """The normalized scores of the policies, evaluated here, and what of the rows is not true of them."""
        manifest = self._manifest
        scorer = Scorer(self._evidence.board, task, self._name)
        problem = scorer.problem(manifest)
        mode = scored_mode(manifest)
        scores, problems = [], []
        for seed, (rows, archive) in runs.items():
            row = score_row(rows)
            deployed = read_policy(archive, f"the policy of seed {seed}", problem, manifest.action_mode)
            returns = scorer.returns_again(problem, deployed, seed, row)
            if not np.isfinite(returns).all():
                raise StrategyError(f"{self._name} seed {seed}: its policy has returns that are not finite")
            if difference(row, returns, mode) > TOLERANCE:
                problems.append(
                    f"seed {seed}: the entry's code reports a return of {row.value:.6g}, its policy has "
                    f"{returns[mode].mean():.6g} on the same episodes"
                )
            scores.append(float(normalized(returns[mode].mean(), self._task.spec)))
        return tuple(scores), problems


def _numbers(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows without their clocks."""
    return [row.model_dump(exclude={*CLOCKS}) for row in rows]


def _first_difference(reported: Sequence[Row], rows: Sequence[Row]) -> str:
    for number, (one, other) in enumerate(zip(_numbers(reported), _numbers(rows), strict=False), start=1):
        for name in one:
            if one[name] != other[name]:
                return f"row {number} reports {name} {one[name]}, trained again on this kind of machine {other[name]}"
    return f"{len(reported)} rows are reported, trained again on this kind of machine there are {len(rows)}"


def _line(name: str, task: RerunTask) -> str:
    """What was found on a task, for a reader."""
    seed = f"seed {task.again} {'has the same rows' if task.equal else 'has other rows'}"
    means = f"mean score reported {np.mean(task.reported):.3f}, of fresh seeds {np.mean(task.fresh):.3f}"
    on_twin = "" if task.twin is None else f", on its twin {np.mean(task.twin):.3f}"
    return f"{name}: {seed}; {means}{on_twin}"
