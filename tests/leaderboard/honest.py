"""Honest entries as runs would leave them: written by the real run directory, their returns drawn from a simple law."""

import hashlib
import json
from pathlib import Path

import numpy as np

from esbench.leaderboard.board import Board, make_board, write_board
from esbench.leaderboard.submit import submit
from esbench.results.fingerprints import config_hash_of
from esbench.results.packed import PACKED, packed
from esbench.results.records import Device, Manifest, Row
from esbench.results.run_directory import POLICY_FILE, RunDirectory, run_path, unpacked
from esbench.tasks.catalogue import CATALOGUE
from tests.manifests import as_version_3, manifest_from

LOCK = (Path(__file__).parents[2] / "requirements.lock").read_text()
TWO = tuple(spec for spec in CATALOGUE if spec.id in ("CartPole-v1", "Knapsack-v1"))
SETTINGS = {"pop_size": 2, "sigma": 0.2, "n_parallel_evaluations": 1, "deterministic_policy": True}
DECLARATION = """\
board = "{board}"
name = "An honest method"
slug = "{slug}"
authors = ["A. Author", "B. Author"]
licence = "Apache-2.0"
track = "{track}"
prior_knowledge = "none"

[code]
url = "https://example.org/code"
commit = "{commit}"

[tuning]
trials = 12
seeds = 2
useful_steps = 24000000
search_space = "sigma in [0.01, 1], pop_size in 64, 256, 1024"
"""
COMMIT = "0123456789" * 4


def new_board(boards: Path, specs=TWO, seeds=(0, 1, 2), tier="lite") -> Board:
    board = make_board(tier, 1, LOCK, specs, seeds)
    write_board(board, boards)
    (boards / "README.md").write_text(
        "# Rules\n\n<!-- ranking: written by `esbench leaderboard build`, not by hand -->\n"
        "<!-- end of the ranking -->\n\nBelow.\n"
    )
    return board


def manifest_of(board: Board, task: str, seed: int, name: str, **changes) -> Manifest:
    suite, _, version = board.tasks[task].task.requires.partition("==")
    versions = {package: allowed[0] for package, allowed in board.versions.items() if "==" not in package}
    suites = {spec.requires.partition("==")[0] for spec in CATALOGUE} - {suite}
    values = {
        "task": board.tasks[task].spec,
        "algorithm": "eggroll",
        "name": name,
        "preset": "lite",
        "settings": SETTINGS,
        "policy": {"name": "mlp", "n_layers": 3, "layer_size": 256, "activation": "pqn"},
        "parameters": 133_378,
        "tier": board.tier,
        "seed": seed,
        "budget": board.tasks[task].budget,
        "sizes": {"lanes": 128, "narrow": 8, "block": 2},
        "action_mode": "greedy",
        "precision": "float32",
        "device": Device(platform="cpu", kind="AMD EPYC", count=1),
        "versions": {name: value for name, value in versions.items() if name not in suites} | {suite: version},
        "commit": COMMIT,
        "dirty": False,
        "compilation_cache": "cold",
        "config_hash": "",
        "started": "2026-01-01T00:00:00+00:00",
        **changes,
    }
    unhashed = manifest_from(values)
    return unhashed.model_copy(update={"config_hash": config_hash_of(unhashed)})


def rows_of(board: Board, task: str, end: float, seconds: float, generator: np.random.Generator) -> list[Row]:
    """From the random policy to `end`, as a score, in about `seconds` of training."""
    spec, budget, rows = board.tasks[task].task, board.tasks[task].budget, []
    clocks = np.cumsum(np.append(generator.uniform(0.001, 0.002), generator.uniform(0.8, 1.2, 20) * seconds / 20))
    for i, train in enumerate(clocks):
        steps = (
            0 if i == 0 else -(-budget * i // 20) + int(generator.integers(min(budget // 400, spec.max_episode_steps)))
        )
        score = end * (1 - np.exp(-4 * i / 20)) + generator.normal(0, 0.01)
        value = float(spec.random.value + score * (spec.reference.value - spec.random.value))
        rows.append(
            Row(
                generation=i + steps // spec.max_episode_steps,
                useful_steps=steps,
                computed_steps=steps * 13 // 10,
                sequential_steps=steps // 100,
                measure="return",
                scores={"return": value, "length": 100.0, "return_greedy": value, "return_sample": value - 1.0},
                std=float(generator.uniform(1, 2)),
                samples=board.tasks[task].episodes,
                distinct_samples=10,
                compile_seconds=1.5,
                train_seconds=float(train),
                evaluate_seconds=0.1 * (i + 1),
                log_seconds=0.01 * i,
                final=i == 20,
                training={"sigma": 0.2},
            )
        )
    return rows


def write_runs(
    out: Path, board: Board, name: str, skill: float = 0.5, seconds: float = 40.0, tasks=None, seed_of=0, **changes
) -> None:
    """A run for every task and seed of the board."""
    generator = np.random.default_rng([seed_of, *name.encode()])
    for task in tasks or board.tasks:
        for seed in board.tasks[task].seeds:
            manifest = manifest_of(board, task, seed, name, **changes)
            run = RunDirectory.create(run_path(out, board.tier, task, name, seed), manifest)
            run.replace(rows_of(board, task, skill + generator.normal(0, 0.05), seconds, generator))
            np.savez(run.path / POLICY_FILE, weights=generator.normal(size=(16, 16)).astype(np.float32))


def declare(file: Path, board: str, slug: str, track: str = "fixed", more: str = "") -> Path:
    text = DECLARATION.format(board=board, slug=slug, track=track, commit=COMMIT)
    file.write_text(more + text)
    return file


def enter(folder: Path, boards: Path, board: Board, slug: str, track: str = "fixed", more: str = "", **changes) -> Path:
    """An entry of `board`, made by `submit` from runs written below `folder`."""
    write_runs(folder / "runs", board, slug, **changes)
    submitted = submit([folder / "runs"], declare(folder / f"{slug}.toml", board.name, slug, track, more), boards)
    assert not submitted.checked.problems, submitted.checked.problems[:5]
    return submitted.path


def spread(entry: Path) -> None:
    """Puts the rows of each run of an entry into a file of their own, which an entry may have as well."""
    for file in entry.glob(f"runs/*/{PACKED}"):
        for run, content in unpacked(file):
            run.mkdir(exist_ok=True)
            (run / "run.jsonl").write_bytes(content)
        file.unlink()


def gather(entry: Path) -> None:
    """What `spread` undoes."""
    for task in (entry / "runs").iterdir():
        files = sorted(task.glob("seed-*/run.jsonl"))
        (task / PACKED).write_bytes(packed([file.read_bytes() for file in files]))
        for file in files:
            file.unlink()
            if not any(file.parent.iterdir()):
                file.parent.rmdir()


def repack(entry: Path) -> None:
    """Makes the hashes of entry.json those of the files: what somebody who edits with care would do."""
    file = entry / "entry.json"
    values = json.loads(file.read_text())
    names = ("entry.json", "verification.json", PACKED)
    others = [(p, p.read_bytes()) for p in entry.rglob("*") if p.is_file() and p.name not in names]
    rows = [(run / "run.jsonl", rows) for p in entry.rglob(PACKED) for run, rows in unpacked(p)]
    digest = {str(p.relative_to(entry)): hashlib.sha256(content).hexdigest() for p, content in sorted([*others, *rows])}
    values["files"] = digest
    for name in values["policies"]:
        values["policies"][name] = digest.get(f"runs/{name}/policy.npz", values["policies"][name])
    file.write_text(json.dumps(values))


def edit_rows(run: Path, change, line: int | None = None) -> None:
    """Applies `change(values)` to the JSON of one line of a run's file, or of all of its rows; packed ones too."""
    file, whole = run / "run.jsonl", run.parent / PACKED
    runs = {file.parent: file.read_bytes()} if file.exists() else dict(unpacked(whole))
    lines = [json.loads(text) for text in runs[run].decode().splitlines()]
    for values in lines[1:] if line is None else [lines[line]]:
        change(values)
    runs[run] = "".join(json.dumps(values) + "\n" for values in lines).encode()
    if file.exists():
        file.write_bytes(runs[run])
    else:
        whole.write_bytes(packed(runs.values()))


def raise_return(row: dict, *modes: str, factor: float = 1.01) -> None:
    """Multiplies the return of a row's JSON, and that of the same episodes in the modes, by `factor`."""
    for name in ("return", *(f"return_{mode}" for mode in modes)):
        row["scores"][name] *= factor


def in_version_2(entry: Path) -> None:
    """Writes the runs of an entry as version 2 of the format did: of one kind of network, rows of returns, flat; the
    hash over the whole spec of the task."""
    names = {"return": "return_mean", "return_greedy": "return_mean_greedy", "return_sample": "return_mean_sample"}
    hashed = ("task", "algorithm", "settings", "policy", "tier", "budget", "sizes", "precision")

    def manifest(values):
        values |= as_version_3(values)
        del values["options"]
        values |= {"schema_version": 2, "policy": {n: v for n, v in values["policy"].items() if n != "name"}}
        del values["problem"], values["spaces"]
        for name in ("track", "measure", "cost"):
            del values["task"][name]
        text = json.dumps({name: values[name] for name in hashed}, sort_keys=True)
        values["config_hash"] = hashlib.sha256(text.encode()).hexdigest()

    def row(values):
        scores = values.pop("scores")
        del values["measure"]
        values |= {old: scores[name] for name, old in names.items()} | {"return_std": values.pop("std")}
        values |= {"episodes": values.pop("samples"), "distinct_episodes": values.pop("distinct_samples")}

    for file in entry.rglob("run.jsonl"):
        edit_rows(file.parent, row)
        edit_rows(file.parent, manifest, line=0)
    settings = json.loads((entry / "settings.json").read_text())
    for of_task in settings.values():
        del of_task["policy"]["name"]
    (entry / "settings.json").write_text(json.dumps(settings))
    repack(entry)


def edit_entry(entry: Path, change) -> None:
    file = entry / "entry.json"
    values = json.loads(file.read_text())
    change(values)
    file.write_text(json.dumps(values))
