"""`verify --mode replay`: the deployed policies of an entry, evaluated again. None of the entry's code is run.

On the keys of the score's row first: on the machine of the run returns are equal, so an edit is found however small.
Then on fresh keys, drawn from the entry and a public number. There the reported mean over seeds must lie within an
interval. Of a thousand honest entries, one has a task outside.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import jax
import numpy as np
from scipy import stats

from esbench.errors import InputError
from esbench.experiment.terminal.progress import countdown
from esbench.jax_switches import pinned
from esbench.keys import stream
from esbench.leaderboard.entry import policy_file, run_key
from esbench.leaderboard.evidence import Evidence
from esbench.leaderboard.policy_archive import read_policy
from esbench.leaderboard.verification.record import Replay, ReplayedTask, draw
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
from esbench.results.run_directory import POLICY_FILE, run_path

LEVEL = 0.999
POWER = 0.9
_MAX_POLICY_BYTES = 2**28


@pinned()
def replay(evidence: Evidence, policies: Path | None, public_number: int, say: Callable[[str], None]) -> Replay:
    """Replays every run of the entry whose policy is there.

    policies: where those are that are not in the entry: `<task>/seed-<n>/policy.npz`, or a results root.
    InputError where a task has none, one cannot be read, or a task is another one here.
    """
    runs = evidence.finished
    contents = {key: content for key in runs if (content := _content(evidence, *key, policies)) is not None}
    tasks = [task for task in evidence.board.tasks if any(name == task for name, _ in runs)]
    if not tasks:
        raise InputError(f"{evidence.directory.path}: no run to replay")
    for task in tasks:
        if not any(name == task for name, _ in contents):
            at = evidence.entry.policies_address
            hint = f" (they are said to be at {at})" if at else ""
            raise InputError(f"no policy of {task} in the entry: expected --policies DIR with those of its runs{hint}")
    found: dict[str, ReplayedTask] = {}
    problems: list[str] = []
    for task in countdown("replaying task", tasks, say):
        own = {seed: content for (name, seed), content in contents.items() if name == task}
        found[task], wrong = _replay_task(evidence, task, own, public_number, 1 - (1 - LEVEL) / len(tasks))
        problems += [f"{task}: {problem}" for problem in wrong]
        say(_line(task, found[task]))
    return Replay(
        passed=not problems,
        problems=tuple(problems),
        verified=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=here(board_task(evidence.board, tasks[0])),
        public_number=public_number,
        complete=len(contents) == len(runs),
        tasks=found,
    )


def _line(name: str, task: ReplayedTask) -> str:
    """What was found on a task, for a reader."""
    exact = f"recorded keys differ by {task.difference:.1e}" if task.same_machine else "another kind of machine"
    seeds = f"{len(task.seeds)} seed{'s' if len(task.seeds) > 1 else ''}"
    return (
        f"{name}: {seeds}, {exact}; reported {task.reported:.6g}, on fresh keys {task.fresh:.6g} "
        f"(margin {task.margin:.3g}); smallest edit found: {task.smallest_edit:.3g}"
    )


def _content(evidence: Evidence, task: str, seed: int, policies: Path | None) -> bytes | None:
    """The archive of a run's policy, with the hash that the entry states; None where there is none."""
    key = run_key(task, seed)
    where, content = policy_file(task, seed), evidence.files.get(policy_file(task, seed))
    if content is None and policies is not None:
        roots = [policies / task / f"seed-{seed}"]
        roots.append(run_path(policies, evidence.board.tier, task, evidence.entry.slug, seed))
        for file in (root / POLICY_FILE for root in roots):
            if file.is_file():
                with open(file, "rb") as opened:
                    where, content = str(file), opened.read(_MAX_POLICY_BYTES)
                break
    if content is not None and hashlib.sha256(content).hexdigest() != evidence.entry.policies.get(key):
        raise InputError(f"{where} is not the policy whose hash the entry states for {key}")
    return content


def _replay_task(
    evidence: Evidence, name: str, contents: Mapping[int, bytes], public_number: int, level: float
) -> tuple[ReplayedTask, list[str]]:
    """What was found on one task, and what of it speaks against the entry."""
    board = evidence.board
    task = board_task(board, name)
    episodes = board.tasks[name].episodes
    scorer = Scorer(board, task, name)
    machine = here(task)
    problems: list[str] = []
    largest, elsewhere, scale = 0.0, False, 0.0
    reported, fresh, variances = [], [], []
    for seed, content in contents.items():
        run = evidence.finished[name, seed]
        manifest, row = run.manifest, score_row(run.rows)
        problem = scorer.problem(manifest)
        deployed = read_policy(content, policy_file(name, seed), problem, manifest.action_mode)
        returns = scorer.returns_again(problem, deployed, seed, row)
        others = scorer.returns(problem, deployed, _fresh_key(evidence, name, seed, public_number))
        if not (np.isfinite(returns).all() and np.isfinite(others).all()):
            problems.append(f"seed {seed}: its policy has returns that are not finite")
            continue
        mode = scored_mode(manifest)
        apart = difference(row, returns, mode)
        there = differences(manifest, machine, set(board.versions))
        elsewhere |= bool(there)
        largest = max(largest, min(apart, 1e300))
        if apart > TOLERANCE and not there:
            problems.append(
                f"seed {seed}: the reported return is {row.value:.6g} (std {row.std:.6g}), its policy has "
                f"{returns[mode].mean():.6g} (std {returns[mode].std():.6g}) on the same episodes"
            )
        reported.append(row.value)
        fresh.append(others[mode].mean())
        variances.append(np.concatenate([returns[mode], others[mode]]).var(ddof=1))
        scale = max(scale, float(np.abs(returns).mean()))
    if not reported:
        raise InputError(f"{name}: none of its policies has finite returns")
    # Two means of so many episodes each, over seeds; on the run's episodes and on fresh ones the policy is the same.
    error = math.sqrt(2 * sum(variances) / episodes) / len(variances)
    freedom = len(variances) * (2 * episodes - 1)
    quantile = float(stats.t.ppf((1 + level) / 2, freedom))
    margin = quantile * error + TOLERANCE * scale
    mean, fresh_mean = float(np.mean(reported)), float(np.mean(fresh))
    if abs(mean - fresh_mean) > margin:
        problems.append(
            f"the reported return is {mean:.6g}, on fresh episodes its policies have {fresh_mean:.6g}: "
            f"expected a difference of at most {margin:.3g}"
        )
    detected = TOLERANCE * scale if not elsewhere else margin + float(stats.t.ppf(POWER, freedom)) * error
    found = ReplayedTask(
        seeds=tuple(contents),
        same_machine=not elsewhere,
        difference=largest,
        reported=mean,
        fresh=fresh_mean,
        margin=margin,
        smallest_edit=detected,
    )
    return found, problems


def _fresh_key(evidence: Evidence, task: str, seed: int, public_number: int) -> jax.Array:
    """A key of the separate stream `verify`, folded with all of the drawn number."""
    key = stream(jax.random.key(0), "verify")
    drawn = draw(evidence.directory, public_number, f"replay/{run_key(task, seed)}")
    for shift in range(0, 256, 32):
        key = jax.random.fold_in(key, drawn >> shift & 0xFFFFFFFF)
    return key
