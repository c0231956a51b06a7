"""The standard tier of EGGROLL, OpenES and PPO: five seeds of each in one program, in pieces of any length.

    python -m baselines.studies.standard [--dry-run] [--minutes 60] [--share 0.01] [--tasks T,T] [--out DIR]

A piece is one algorithm on one task, in the order in which tasks tell most for their time. The same command goes on
where it was: status 75 says that pieces are left. It needs no network, so it runs from the bundle (`make bundle`) on a
machine offline. `--share` of the budget rehearses it, on a CPU too.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from baselines.studies.speed import RESULTS, device_name
from esbench.experiment.many_runs.jobs import Job, product, status
from esbench.experiment.one_run.interrupt import STATUS
from esbench.experiment.terminal.estimate import measured
from esbench.experiment.terminal.progress import duration
from esbench.tasks.registry import tasks_of

TIER = "standard"
ALGORITHMS = ("eggroll", "open_es", "ppo")
SEEDS = 5
FIRST = (
    *("CartPole-v1", "Pendulum-v1", "Game2048-v1", "Knapsack-v1", "DynamicObstacles-6x6-v0", "FourRooms-v0"),
    *("DoorKey-8x8-v0", "Snake-v1", "InvertedDoublePendulum-v0", "CraftaxClassic-v0"),
)
LEAST_SECONDS = 60
"""A piece is not begun with less time left: its programs have to be compiled."""


@dataclass(frozen=True)
class Piece:
    """One algorithm on one task. jobs: its runs, one a seed."""

    task: str
    algorithm: str
    budget: int
    out: Path
    preset: str | None
    jobs: tuple[Job, ...]

    @property
    def left(self) -> int:
        """How many of its runs are not finished."""
        return sum(status(job) != "finished" for job in self.jobs)

    @property
    def command(self) -> list[str]:
        words = [sys.executable, "-m", "esbench", "sweep", "--tasks", self.task, "--algorithms", self.algorithm]
        words += ["--seeds", f"0:{SEEDS}", "--tier", TIER, "--steps", str(self.budget), "--together", str(SEEDS)]
        return [*words, *(["--preset", self.preset] if self.preset else []), "--out", str(self.out)]


def plan(tasks: Sequence[str], share: float, out: Path, preset: str | None = None) -> list[Piece]:
    """All pieces, in their order. share: of the tier's budget."""
    pieces = []
    for task in tasks:
        for algorithm in ALGORITHMS:
            (whole,) = product([task], [algorithm], [0], tier=TIER, preset=preset)
            budget = max(1, round(share * whole.config.budget))
            own = product([task], [algorithm], range(SEEDS), tier=TIER, steps=budget, preset=preset, out=str(out))
            pieces.append(Piece(task, algorithm, budget, out, preset, tuple(own)))
    return pieces


def ordered() -> list[str]:
    """The tier's own tasks, those that tell most for their time first."""
    return [*FIRST, *(task for task in tasks_of(TIER) if task not in FIRST)]


def speeds() -> tuple[dict[tuple[str, str], float], str]:
    """Useful steps a second by task and algorithm, and where they were measured: here by `make gpu-speed`, else on two
    cores of a CPU."""
    file = RESULTS / f"throughput-{device_name()}.json"
    if not file.is_file():
        return {name: of.steps_per_second for name, of in measured().items()}, "two cores of an AMD EPYC"
    parts = json.loads(file.read_text(encoding="utf-8"))["parts"].values()
    rows = [row for part in parts for row in part["measured"] if row.get("useful_steps_per_second")]
    best: dict[tuple[str, str], float] = {}
    for row in rows:
        name = row.get("task", ""), row.get("algorithm", "")
        best[name] = max(best.get(name, 0.0), row["useful_steps_per_second"])
    return best, device_name()


def print_plan(pieces: Sequence[Piece]) -> None:
    known, where = speeds()
    total = 0.0
    for piece in pieces:
        speed = known.get((piece.task, piece.algorithm))
        seconds = piece.left * piece.budget / speed if speed else None
        total += seconds or 0.0
        shown = "not measured" if seconds is None else duration(seconds)
        print(f"{piece.task:27}{piece.algorithm:9}{piece.left} of {SEEDS} runs left, {piece.budget:,} each   {shown}")
    print(f"training in all, at the speed of {where}: {duration(total)}; compilation and evaluation come on top")


def run(pieces: Sequence[Piece], minutes: float) -> int:
    """Runs what is left, as long as there is time. 0: all is done; 1: some runs failed; 75: pieces are left."""
    deadline, failed = time.monotonic() + 60 * minutes, False
    for piece in pieces:
        if not piece.left:
            continue
        if (left := deadline - time.monotonic()) < LEAST_SECONDS:
            return STATUS
        process = subprocess.Popen(piece.command)
        try:
            ended = process.wait(left)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)  # runs are saved
            ended = process.wait()
        if ended == STATUS:
            return STATUS
        failed |= ended != 0
    return int(failed)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dry-run", action="store_true", help="print the pieces, and run nothing")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so many (default: at the end)")
    parser.add_argument("--share", type=float, default=1.0, help="of the budgets, to rehearse it")
    parser.add_argument("--tasks", type=lambda text: text.split(","), default=ordered(), metavar="T,T")
    parser.add_argument("--preset", help="settings (default: the tier's)")
    parser.add_argument("--out", type=Path, default=Path("results/standard"))
    given = parser.parse_args(arguments)
    pieces = plan(given.tasks, given.share, given.out, given.preset)
    if given.dry_run:
        print_plan(pieces)
        return 0
    return run(pieces, given.minutes)


if __name__ == "__main__":
    sys.exit(main())
