"""Replay finds edits of real entries, and lets honest ones pass."""

import contextlib
import json
import shutil
import zipfile

import numpy as np
import pytest

from esbench.cli import main
from esbench.errors import InputError
from esbench.leaderboard.check import check
from esbench.leaderboard.entry import read_entry
from esbench.leaderboard.policy_archive import read_policy
from esbench.leaderboard.states import state_of
from esbench.leaderboard.verification.record import read_verification
from esbench.leaderboard.verification.scorer import Scorer, board_task
from esbench.sizes import H100, OTHER

from .honest import edit_rows, raise_return, repack
from .trained import trained_entry

TASKS = ("CartPole-v1", "Knapsack-v1")


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    return trained_entry(tmp_path_factory.mktemp("honest"), TASKS)


@pytest.fixture
def entry(honest, tmp_path):
    """A copy of the entry, to be edited."""
    shutil.copytree(honest.parents[1], tmp_path / "leaderboards")
    return tmp_path / "leaderboards" / honest.parent.name / honest.name


def replay(entry, *options):
    return main(["leaderboard", "verify", str(entry), "--mode", "replay", "--public-number", "1", *options])


def raise_score(row, factor=1.01):
    if row["final"]:
        raise_return(row, "sample", factor=factor)


def test_an_honest_entry_passes_to_the_last_bit(entry, capsys):
    assert replay(entry) == 0
    found = read_verification(read_entry(entry)).replay
    assert found.passed
    assert found.complete
    assert found.public_number == 1
    assert set(found.tasks) == set(TASKS)
    assert all(task.same_machine and task.difference == 0 for task in found.tasks.values())
    assert state_of(check(entry)) == "replayed"
    said = capsys.readouterr().out
    assert all(f"{task}: 2 seeds, recorded keys differ by 0.0e+00" in said for task in TASKS)
    assert said.count("smallest edit found: ") == 2


@pytest.mark.parametrize("task", TASKS)
def test_one_return_raised_by_one_percent_is_found(entry, task, capsys):
    edit_rows(entry / "runs" / task / "seed-1", raise_score)
    repack(entry)
    assert replay(entry) == 1
    found = read_verification(read_entry(entry)).replay
    assert not found.passed
    assert [problem.split(":")[:2] for problem in found.problems] == [[task, " seed 1"]]
    assert f"{task}: seed 1: the reported return is" in capsys.readouterr().out


def test_an_edit_is_found_on_another_kind_of_machine_where_it_is_large(entry, capsys):
    """There returns need not be equal, and fresh episodes decide."""
    for seed in (0, 1):
        run = entry / "runs" / "CartPole-v1" / f"seed-{seed}"
        edit_rows(run, lambda manifest: manifest["device"].update(kind="another"), line=0)
    repack(entry)
    assert replay(entry) == 1  # of the check: entry.json names another kind of hardware
    found = read_verification(read_entry(entry)).replay
    assert found.passed
    cart_pole = found.tasks["CartPole-v1"]
    assert not cart_pole.same_machine
    assert cart_pole.smallest_edit > cart_pole.margin
    assert "another kind of machine" in capsys.readouterr().out
    scale = 1 + 3 * cart_pole.smallest_edit / cart_pole.reported
    for seed in (0, 1):
        edit_rows(entry / "runs" / "CartPole-v1" / f"seed-{seed}", lambda row: raise_score(row, scale))
    repack(entry)
    assert replay(entry) == 1
    assert "on fresh episodes its policies have" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("algorithm", "settings"),
    [("ppo", {}), ("open_es", {"normalize_observations": True, "deterministic_policy": True})],
)
def test_other_learners_and_statistics_are_replayed_to_the_last_bit(tmp_path, algorithm, settings):
    entry = trained_entry(tmp_path, ("Pendulum-v1", "Snake-v1"), algorithm=algorithm, **settings)
    assert replay(entry) == 0
    found = read_verification(read_entry(entry)).replay
    assert all(task.same_machine and task.difference == 0 for task in found.tasks.values())


def test_policies_can_lie_elsewhere(entry, tmp_path, capsys):
    """Those too large for an entry: found by task and seed, or below a results root, and known by their hashes."""
    moved = tmp_path / "policies"
    for seed in (0, 1):
        source = entry / "runs" / "CartPole-v1" / f"seed-{seed}" / "policy.npz"
        (moved / "CartPole-v1" / f"seed-{seed}").mkdir(parents=True)
        shutil.move(source, moved / "CartPole-v1" / f"seed-{seed}" / "policy.npz")
        source.parent.rmdir()
    repack(entry)
    assert replay(entry) == 2
    assert "no policy of CartPole-v1 in the entry: expected --policies DIR" in capsys.readouterr().err
    assert not (entry / "verification.json").exists()
    assert replay(entry, "--policies", str(moved)) == 0
    assert state_of(check(entry)) == "replayed"
    (moved / "CartPole-v1" / "seed-1" / "policy.npz").unlink()
    assert replay(entry, "--policies", str(moved)) == 0
    assert "passed its replay, in part: the other policies are not here" in capsys.readouterr().out
    assert state_of(check(entry)) == "checked"
    shutil.copy(moved / "CartPole-v1" / "seed-0" / "policy.npz", moved / "CartPole-v1" / "seed-1" / "policy.npz")
    assert replay(entry, "--policies", str(moved)) == 2
    assert "is not the policy whose hash the entry states" in capsys.readouterr().err


def hostile_archives(path):
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    kernel = next(name for name in arrays if name.endswith("kernel"))
    nan = {**arrays, kernel: np.full_like(arrays[kernel], np.nan)}
    yield "pickled", {**arrays, kernel: np.array([object()], dtype=object)}, np.savez, "expected float32[4, 16]"
    yield "compressed", arrays, np.savez_compressed, "compressed"
    yield "wide", {**arrays, kernel: np.zeros((1000, 1000), np.float32)}, np.savez, "bytes, expected at most"
    yield "turned", {**arrays, kernel: arrays[kernel].reshape(16, 4)}, np.savez, "expected float32[4, 16]"
    yield "more", {**arrays, "parameters/more": np.zeros(3, np.float32)}, np.savez, "is no parameter"
    yield "less", {n: a for n, a in arrays.items() if n != kernel}, np.savez, "it lacks"
    yield "nan", nan, np.savez, "not finite"
    yield "mode", {**arrays, "action_mode": np.array("greedy")}, np.savez, "action mode 'greedy'"


@pytest.mark.parametrize("number", range(8))
def test_hostile_archives_are_refused(entry, number, capsys):
    file = entry / "runs" / "CartPole-v1" / "seed-0" / "policy.npz"
    _, arrays, save, expected = list(hostile_archives(file))[number]
    save(file, **arrays)
    repack(entry)
    assert replay(entry) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1
    assert not (entry / "verification.json").exists()


def test_a_header_that_claims_too_much_is_refused_before_it_is_read(entry, capsys):
    file = entry / "runs" / "CartPole-v1" / "seed-0" / "policy.npz"
    content = file.read_bytes()
    shape = b"(4, 16)"
    assert shape in content
    file.write_bytes(content.replace(shape, b"(4,9**9)"[:7]).replace(b"(16, 16)", b"(9999,9)"))
    repack(entry)
    assert replay(entry) == 2
    assert "is not a policy for this task's network" in capsys.readouterr().err


@pytest.mark.parametrize("header", [b"((((", b"  x\n y\n   z", b"-" * 9000 + b"1", b"{'descr': lambda: 0}", b"\0"])
def test_a_header_is_not_parsed(entry, header, capsys):
    file = entry / "runs" / "CartPole-v1" / "seed-0" / "policy.npz"
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in members if "kernel" in name)
    members[name] = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    repack(entry)
    assert replay(entry) == 2
    assert "is not a policy for this task's network" in capsys.readouterr().err


def test_bytes_changed_anywhere_are_a_policy_or_an_error_of_one_line(honest):
    evidence = check(honest).evidence
    manifest = evidence.finished["CartPole-v1", 0].manifest
    problem = Scorer(evidence.board, board_task(evidence.board, "CartPole-v1"), "CartPole-v1").problem(manifest)
    content = evidence.files["runs/CartPole-v1/seed-0/policy.npz"]
    generator = np.random.default_rng(0)
    for _ in range(300):
        changed = bytearray(content)
        for place in generator.integers(len(content), size=3):
            changed[place] = generator.integers(256)
        with contextlib.suppress(InputError):
            read_policy(bytes(changed[: generator.integers(1, 2 * len(content))]), "", problem, manifest.action_mode)


@pytest.mark.parametrize(
    ("stated", "lanes", "block"),
    [
        ({"block": 4096, "unroll": 64}, 64, 64),  # as they are they would be compiled for hours
        ({"lanes": 1, "block": 2}, 64, 2),
        ({"lanes": 10**9, "jobs_per_lane": 1, "member_bytes": 1, "refill": 10**9}, 256, 2),
        (dict(H100.sizes), 64, 4),
        (dict(OTHER.sizes), 64, 4),
    ],
)
def test_no_stated_sizes_make_a_replay_long(stated, lanes, block, honest):
    evidence = check(honest).evidence
    manifest = evidence.finished["CartPole-v1", 0].manifest.model_copy(update={"sizes": stated})
    scorer = Scorer(evidence.board, board_task(evidence.board, "CartPole-v1"), "CartPole-v1")
    sizes = scorer.problem(manifest).sizes
    assert sizes.widths(jobs=256, own_bytes=0).lanes == lanes and (sizes.block, sizes.unrolled) == (block, 1)


def test_a_verification_is_about_one_tree_only(entry):
    assert replay(entry) == 0
    values = json.loads((entry / "entry.json").read_text())
    values["name"] = "Another name"
    (entry / "entry.json").write_text(json.dumps(values))
    assert read_verification(read_entry(entry)) is None
    assert state_of(check(entry)) == "checked"


def test_a_pass_with_a_number_drawn_here_does_not_replace_a_failure(entry, capsys):
    assert replay(entry) == 0
    file = entry / "verification.json"
    values = json.loads(file.read_text())
    values["replay"] |= {"passed": False, "problems": ["CartPole-v1: something"]}
    file.write_text(json.dumps(values))
    assert main(["leaderboard", "verify", str(entry), "--mode", "replay"]) == 0
    assert not read_verification(read_entry(entry)).replay.passed
    assert "the replay that failed with public number 1 stands" in capsys.readouterr().out
    assert state_of(check(entry)) == "disputed"
    assert replay(entry) == 0
    assert read_verification(read_entry(entry)).replay.passed


def test_a_verification_that_contradicts_itself_is_refused(entry, capsys):
    assert replay(entry) == 0
    file = entry / "verification.json"
    values = json.loads(file.read_text())
    values["replay"]["problems"] = ["something"]
    file.write_text(json.dumps(values))
    assert main(["leaderboard", "check", str(entry)]) == 2
    assert "verification.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--mode", "reply"], "unknown mode 'reply': did you mean 'replay'?"),
        (["--mode", "replay", "--policies", "nowhere"], "--policies nowhere: expected a directory"),
        (["--mode", "rerun", "--tasks", "Ant-v0"], "--tasks Ant-v0: expected tasks of the entry"),
        (["--mode", "rerun"], "a rerun needs 4 tasks"),
        (["--mode", "rerun", "--public-number", "x"], "'x': expected a whole number"),
    ],
)
def test_bad_options_are_one_line(entry, options, said, capsys):
    assert main(["leaderboard", "verify", str(entry), *options]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
