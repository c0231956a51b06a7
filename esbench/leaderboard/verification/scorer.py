"""A task's evaluation of a policy out of an archive: the program that scored the runs, without their algorithm."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from esbench.algorithms.built_in import EVOSAX
from esbench.errors import InputError
from esbench.experiment.one_run import checkout, provenance
from esbench.experiment.options.run_options import RunOptions
from esbench.jax_switches import recorded
from esbench.keys import evaluation_key
from esbench.leaderboard.board import Board
from esbench.leaderboard.verification.record import Machine
from esbench.policies.registry import network_from
from esbench.problem import DeployedPolicy
from esbench.results.records import Manifest, Row
from esbench.results.score_rule import share_of
from esbench.rollout.evaluation import evaluate
from esbench.rollout.problem import EpisodicProblem
from esbench.settings import build
from esbench.sizes import MIN_LANES, Sizes
from esbench.tasks import registry
from esbench.tasks.registry import Task

TOLERANCE = 1e-4
"""Of the mean size of an episode's return: what rounding may change on the same kind of machine."""
# Of a stranger's manifest: what is more would only take memory.
MAX_LAYERS = 64
MAX_WIDTH = 2**14
MAX_BLOCK = 64
"""Steps between two looks for finished episodes: a replay takes no longer ones, for lanes idle in them."""


def board_task(board: Board, name: str) -> Task:
    """The task of the catalogue that the board means; InputError where this esbench has another version of it."""
    task = registry.task(name)
    if board.tasks[name].unlike(task.spec.to_json()):
        raise InputError(f"{name} is another task here than on {board.name}: use the esbench of that board")
    return task


def here(task: Task) -> Machine:
    """This machine, as a run of `task` on it would record it."""
    return Machine(
        device=provenance.device(), versions=provenance.versions(task.spec.requires), commit=checkout.commit()[0]
    )


def differences(manifest: Manifest, machine: Machine, packages: set[str]) -> list[str]:
    """How a run's machine differs from this one, in words: the device, versions of the `packages` that compute rows,
    and switches that change last bits. Equal numbers are expected where there is nothing."""
    theirs, ours = manifest.versions, machine.versions
    if not manifest.algorithm.startswith(EVOSAX):
        packages = packages - {"evosax"}
    found = [
        f"{name} {theirs.get(name, 'absent')} there and {ours.get(name, 'absent')} here"
        for name in sorted(packages & {*theirs, *ours})
        if theirs.get(name) != ours.get(name)
    ]
    switches = recorded()
    found += [
        f"{name} {manifest.switches.get(name, 'unset')} there and {switches.get(name, 'unset')} here"
        for name in sorted({*manifest.switches, *switches})
        if manifest.switches.get(name) != switches.get(name)
    ]
    there, now = manifest.device, machine.device
    if (there.platform, there.kind) != (now.platform, now.kind):  # how many shared the work changes no episode
        found.insert(0, f"{there} there and {now} here")
    return found


class Scorer:
    """Evaluations of policies on one task; those of one network share a compilation."""

    def __init__(self, board: Board, task: Task, name: str):
        """task: the board's of this name, or its twin."""
        self._task, self._of_board, self._protocol = task, board.tasks[name], board.protocol
        self._options = RunOptions(**board.protocol.numeric)
        self._environment = registry.environment_of(task)
        self._programs: dict[Any, Any] = {}

    def problem(self, manifest: Manifest) -> EpisodicProblem:
        """The task with the network and the sizes that a manifest states; InputError for what cannot be.

        What an episode gives depends on no size. Devices are one, blocks are short loops and lanes are 64 or more,
        whatever is stated: a stranger's sizes must not cost hours.
        """
        network = network_from(manifest.policy)
        stated = build(Sizes, manifest.sizes)
        sizes = replace(
            stated,
            lanes=max(stated.lanes, MIN_LANES),
            block=min(stated.block, MAX_BLOCK),
            unroll=1,
            member_bytes=Sizes.member_bytes,
            devices=1,
        )
        if numbers := [n for n in manifest.policy.values() if isinstance(n, int) and n > MAX_WIDTH]:
            raise InputError(f"a network with a setting of {max(numbers)}: too large to replay")
        if manifest.policy.get("n_layers", 0) > MAX_LAYERS:
            raise InputError(f"a network of {manifest.policy['n_layers']} layers: too large to replay")
        policy = network.bind(self._environment.observation_space, self._environment.action_space)
        return EpisodicProblem(self._environment, policy, sizes)

    def returns(self, problem: EpisodicProblem, deployed: DeployedPolicy, key: jax.Array) -> np.ndarray:
        """The returns of fresh episodes, float64 (2, episodes): row 0 acts greedily, row 1 samples."""
        program = (problem.policy, problem.sizes)
        if program not in self._programs:
            episodes = self._of_board.episodes
            self._programs[program] = jax.jit(lambda deployed, key: evaluate(problem, deployed, key, episodes))
        with self._options.arithmetic():
            return np.asarray(self._programs[program](deployed, key)[0], np.float64)

    def returns_again(self, problem: EpisodicProblem, deployed: DeployedPolicy, seed: int, row: Row) -> np.ndarray:
        """`returns` of the very episodes that a row of a run is of."""
        share = share_of(row.useful_steps, self._of_board.budget, self._protocol.rows)
        return self.returns(problem, deployed, evaluation_key(self._task.spec.id, seed, share))


def score_row(rows: Sequence[Row]) -> Row:
    """The one that is a finished run's score."""
    return next(row for row in rows if row.final)


def scored_mode(manifest: Manifest) -> int:
    """The row of `Scorer.returns` that is a run's score."""
    return 0 if manifest.action_mode == "greedy" else 1


def difference(row: Row, returns: np.ndarray, mode: int) -> float:
    """The largest difference between a row's numbers and those of an evaluation, relative to the mean size of an
    episode's return."""
    scored = returns[mode]
    own = [scored.mean(), scored.std(), returns[0].mean(), returns[1].mean()]
    reported = [row.value, row.std, row.scores["return_greedy"], row.scores["return_sample"]]
    largest = float(np.abs(np.subtract(own, reported)).max())
    scale = float(np.abs(returns).mean())
    return 0.0 if largest == 0 else largest / scale if scale else float("inf")
