"""Packed runs are read as the runs they were, to the byte, and damage is named."""

import gzip

import pandas as pd
import pytest

from esbench.errors import InputError
from esbench.results.load import load_results, load_runs
from esbench.results.pack import pack
from esbench.results.packed import MAX_BYTES, PACKED
from esbench.results.run_directory import DamagedRunError, RunDirectory


@pytest.fixture
def runs(tmp_path, add_run, make_row):
    for name in ("eggroll", "ppo"):
        for seed in (0, 1, 10):
            rows = make_row(), make_row(useful_steps=1000, return_mean=10.0 + seed, train_seconds=0.1, final=True)
            add_run(tmp_path, *rows, name=name, seed=seed)
    return tmp_path


def test_packed_runs_are_read_as_they_were(runs):
    before, table = load_runs(runs), load_results(runs)
    files = [runs / "lite" / "CartPole-v1" / name / PACKED for name in ("eggroll", "ppo")]
    assert sorted(pack(runs)) == files
    assert sorted(path.name for path in runs.rglob("*") if path.is_file()) == [PACKED] * 2
    after = load_runs(runs)
    for one, other in zip(before, after, strict=True):
        assert (one.path, one.manifest, one.rows, one.digest) == (other.path, other.manifest, other.rows, other.digest)
    pd.testing.assert_frame_equal(load_results(runs), table)
    pd.testing.assert_frame_equal(
        load_results(*runs.glob("lite/*/ppo")), table[table["algorithm"] == "ppo"].reset_index(drop=True)
    )


def test_the_same_rows_are_the_same_bytes_and_runs_beside_them_are_read_too(runs, add_run, make_row):
    pack(runs)
    (file,) = runs.rglob(f"ppo/{PACKED}")
    before = file.read_bytes()
    for seed in (0, 1, 10):
        rows = make_row(), make_row(useful_steps=1000, return_mean=10.0 + seed, train_seconds=0.1, final=True)
        add_run(runs / "again", *rows, name="ppo", seed=seed)
    pack(runs / "again")
    assert next((runs / "again").rglob(PACKED)).read_bytes() == before
    add_run(runs, make_row(), make_row(useful_steps=1000, train_seconds=0.1, final=True), name="ppo", seed=2)
    assert [run.manifest.seed for run in load_runs(file.parent)] == [0, 1, 2, 10]
    with pytest.raises(InputError, match=f"{PACKED} is there already, beside 1 runs that are not packed"):
        pack(runs)


def test_unfinished_runs_are_not_packed(runs, add_run, make_row):
    add_run(runs, make_row(), name="ppo", seed=3)
    with pytest.raises(InputError, match="holds an unfinished run: expected finished ones"):
        pack(runs)
    assert not list(runs.rglob(PACKED))


def test_a_packed_run_is_opened_by_its_directory(runs):
    """As `load_policy` and `play` do."""
    (run,) = [run for run in load_runs(runs) if run.path.parts[-2:] == ("ppo", "seed-10")]
    before = (run.manifest, run.rows, run.digest)
    pack(runs)
    again = RunDirectory.open(run.path)
    assert (again.path, again.manifest, again.rows, again.digest) == (run.path, *before)
    with pytest.raises(InputError, match="no run in"):
        RunDirectory.open(run.path.with_name("seed-2"))


def packed_lines(*lines):
    return gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)


@pytest.mark.parametrize(
    "content",
    [
        b"no gzip",
        gzip.compress(b'{"kind": "manifest"', mtime=0),
        gzip.compress(b"{}\n" * 3, mtime=0)[:-4],
        packed_lines(b'{"kind": "manifest", "seed": 1}', b'{"kind": "manifest", "seed": 1}'),
        packed_lines(b'{"kind": "manifest", "seed": ' + b"[" * 100_000),
        packed_lines(b'{"kind": "manifest", "seed": true}'),
        gzip.compress(bytes(MAX_BYTES + 1)),
    ],
    ids=["no gzip", "half a line", "cut", "twice", "nested", "no seed", "bomb"],
)
def test_damage_is_named(runs, content):
    pack(runs)
    (file,) = runs.rglob(f"ppo/{PACKED}")
    file.write_bytes(content)
    with pytest.raises(DamagedRunError, match="not packed runs"):
        load_runs(runs)
