"""From runs to an entry: what is packed, what is refused, and that a board is changed whole or not at all."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from esbench.cli import main
from esbench.errors import InputError
from esbench.leaderboard.board import make_board, write_board
from esbench.leaderboard.build import build
from esbench.leaderboard.check import check
from esbench.leaderboard.entry import read_entry
from esbench.leaderboard.submit import read_declaration, submit
from esbench.results.error_file import AGAIN
from esbench.results.fingerprints import plugins_digest
from esbench.results.load import load_runs
from esbench.results.packed import PACKED
from esbench.results.records import Device
from esbench.results.run_directory import RunDirectory
from tests.leaderboard.honest import LOCK, TWO, declare, edit_rows, enter, new_board, write_runs


@pytest.fixture
def place(tmp_path):
    """(folder with runs of "mine", boards, the board)."""
    board = new_board(tmp_path / "leaderboards")
    write_runs(tmp_path / "runs", board, "mine")
    return tmp_path, tmp_path / "leaderboards", board


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_one_command_packs_and_checks(place, capsys):
    folder, boards, _ = place
    declaration = declare(folder / "entry.toml", "lite-v1", "mine")
    argv = ["leaderboard", "submit", str(folder / "runs"), "--entry", str(declaration), "--boards", str(boards)]
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert "lite-v1/mine: checked, 2 of 2 tasks, 6 runs, 0 failed" in said
    assert said.splitlines()[-1] == f"next: esbench leaderboard build --boards {boards}"
    packed = read_entry(boards / "lite-v1" / "mine")
    for seed in range(3):
        run = folder / "runs" / "lite" / "CartPole-v1" / "mine" / f"seed-{seed}"
        for name in ("run.jsonl", "policy.npz"):
            assert packed.files[f"runs/CartPole-v1/seed-{seed}/{name}"] == (run / name).read_bytes()
    assert [path.name for path in (packed.path / "runs/CartPole-v1").iterdir() if path.is_file()] == [PACKED]
    assert names(boards / "lite-v1") == [
        "mine",
        *sorted(f"mine/{name}" for name in names(packed.path)),
        "spec.json",
    ]
    assert packed.entry.hardware == ("1 x AMD EPYC (cpu)",)
    before = names(folder)
    assert main(argv) == 2
    assert "is there already" in capsys.readouterr().err
    assert names(folder) == before


def test_a_retired_board_takes_no_entry_and_keeps_its_own(place, capsys):
    """A newer board of its tier retires it; one of another tier does not."""
    folder, boards, _ = place
    write_board(make_board("standard", 2, LOCK, TWO, (0,)), boards)
    declaration = declare(folder / "entry.toml", "lite-v1", "mine")
    entry = submit([folder / "runs"], declaration, boards).path
    write_board(make_board("lite", 2, LOCK, TWO, (0, 1, 2)), boards)
    other = declare(folder / "entry.toml", "lite-v1", "other")
    with pytest.raises(InputError, match=r"^lite-v1 is retired: expected board = 'lite-v2'$"):
        submit([folder / "runs"], other, boards)
    assert main(["leaderboard", "check", str(entry)]) == 0
    text = build(boards)["README.md"]
    assert text.index("**lite-v2**: 2 tasks") < text.index("**lite-v1**: retired, new entries go to lite-v2; 2 tasks")
    assert "| mine" in text.partition("**lite-v1**")[2]


def test_an_entry_reports_like_any_runs(place, capsys):
    folder, boards, _ = place
    submit([folder / "runs"], declare(folder / "entry.toml", "lite-v1", "mine"), boards)
    assert main(["report", str(boards / "lite-v1"), "--out", str(folder / "report")]) == 0
    assert "Tier lite: 2 of the 16 tasks, 1 algorithm, 3 seeds each." in capsys.readouterr().out


def test_problems_leave_the_board_as_it_was(place, capsys):
    folder, boards, _ = place
    shutil.rmtree(folder / "runs/lite/CartPole-v1/mine/seed-1")
    declaration = declare(folder / "entry.toml", "lite-v1", "mine")
    before = names(boards)
    argv = ["leaderboard", "submit", str(folder / "runs"), "--entry", str(declaration), "--boards", str(boards)]
    assert main(argv) == 1
    output = capsys.readouterr()
    assert "CartPole-v1/seed-1: missing" in output.out and "1 problem" in output.err
    assert names(boards) == before


def test_one_cause_is_one_line_a_task(tmp_path, capsys):
    """All runs had half the budget; then all are lacking, of one task."""
    board = new_board(tmp_path / "leaderboards")
    halved = [replace(spec, budgets=replace(spec.budgets, lite=spec.budgets.lite // 2)) for spec in TWO]
    write_runs(tmp_path / "runs", new_board(tmp_path / "other", halved), "mine")
    declaration = declare(tmp_path / "entry.toml", "lite-v1", "mine")
    argv = ["leaderboard", "submit", str(tmp_path / "runs"), "--entry", str(declaration)]
    argv += ["--boards", str(tmp_path / "leaderboards")]
    assert main(argv) == 1
    output = capsys.readouterr()
    assert output.err.startswith("packed 6 of the 6 runs of lite-v1; checking them, which takes seconds\n")
    lines = output.out.splitlines()
    assert len(lines) == 2
    for line, spec in zip(lines, TWO, strict=True):
        said = f"{spec.id}/seed-0 and 2 more: budget {spec.budgets.lite // 2}: the board's is {spec.budgets.lite}"
        assert line.endswith(said)
    shutil.rmtree(tmp_path / "runs")
    write_runs(tmp_path / "runs", board, "mine", tasks=["CartPole-v1"])
    declaration.write_text(declaration.read_text() + '\n[failures]\n"Knapsack-v1/seed-0" = "none was run"\n')
    assert main(argv) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "Knapsack-v1/seed-1 and 1 more: missing" in line


def test_runs_of_another_track_are_refused_in_one_line(place):
    folder, boards, _ = place
    for file in (folder / "runs").rglob("run.jsonl"):
        edit_rows(file.parent, lambda manifest: manifest["task"].update(track="text"), line=0)
    with pytest.raises(InputError, match=r"^runs of the track text: lite-v1 is of the track rl$"):
        submit([folder / "runs"], declare(folder / "entry.toml", "lite-v1", "mine"), boards)


def test_a_failed_run_is_a_row_at_the_random_policy(place):
    folder, boards, board = place
    failed = folder / "runs/lite/CartPole-v1/mine/seed-1"
    run = RunDirectory.open(failed)
    run.replace(run.rows[:4])
    (failed / "error.txt").write_text("2026-01-01T00:00:00+00:00 StrategyError: not finite\ntrace\n\n")
    never = folder / "runs/lite/CartPole-v1/mine/seed-2"
    shutil.rmtree(never)
    never.mkdir()
    (never / "error.txt").write_text("2026-01-01T00:00:00+00:00 killed\n\n")
    submitted = submit([folder / "runs"], declare(folder / "entry.toml", "lite-v1", "mine"), boards)
    assert submitted.checked.problems == []
    assert submitted.unfinished == []
    entry = read_entry(submitted.path).entry
    assert entry.failures == {"CartPole-v1/seed-1": "StrategyError: not finite", "CartPole-v1/seed-2": "killed"}
    score = entry.scores.tasks["CartPole-v1"]
    kept = load_runs(submitted.path / "runs/CartPole-v1")[0].rows[-1]
    random = board.specs["CartPole-v1"].random.value
    assert score.n == 3
    assert score.return_mean == pytest.approx((kept.value + 2 * random) / 3)
    assert score.train_seconds == kept.train_seconds


def test_a_declared_failure(place):
    folder, boards, _ = place
    shutil.rmtree(folder / "runs/lite/CartPole-v1/mine/seed-1")
    declaration = declare(folder / "entry.toml", "lite-v1", "mine")
    declaration.write_text(declaration.read_text() + '\n[failures]\n"CartPole-v1/seed-1" = "the node died"\n')
    assert submit([folder / "runs"], declaration, boards).checked.problems == []


def test_what_an_interrupted_sweep_lacks_is_said(place, capsys):
    folder, boards, _ = place
    shutil.rmtree(folder / "runs/lite/CartPole-v1")
    declaration = declare(folder / "entry.toml", "lite-v1", "mine")
    argv = ["leaderboard", "submit", str(folder / "runs"), "--entry", str(declaration), "--boards", str(boards)]
    cut = folder / "runs/lite/Knapsack-v1/mine/seed-1"
    run = RunDirectory.open(cut)
    rows = list(run.rows)
    run.replace(rows[:4])
    assert main(argv) == 1
    output = capsys.readouterr().out
    (cut / "error.txt").write_text(f"2026-01-01T00:00:00+00:00 out of memory{AGAIN}\ntrace\n\n")
    assert main(argv) == 1 and capsys.readouterr().out == output
    (cut / "error.txt").unlink()
    assert f"unfinished: {cut}: " in output and "mine: Knapsack-v1/seed-1: missing" in output
    run.replace(rows)
    assert main(argv) == 0
    assert f"partial: {boards}/lite-v1/mine has no runs of CartPole-v1\n" in capsys.readouterr().out


def test_an_entry_of_some_tasks_is_partial(place, capsys):
    folder, boards, _ = place
    shutil.rmtree(folder / "runs/lite/CartPole-v1")
    submitted = submit([folder / "runs"], declare(folder / "entry.toml", "lite-v1", "mine"), boards)
    assert read_entry(submitted.path).entry.scores.aggregate is None
    assert main(["leaderboard", "check", str(submitted.path)]) == 0
    assert "1 of 2 tasks, 3 runs, 0 failed, partial" in capsys.readouterr().out


def test_other_seeds_are_left_out_and_named(place, capsys):
    folder, boards, _ = place
    run = folder / "runs/lite/CartPole-v1/mine"
    shutil.copytree(run / "seed-0", run / "seed-7")
    edit_rows(run / "seed-7", lambda manifest: manifest.update(seed=7), line=0)
    submitted = submit([folder / "runs"], declare(folder / "entry.toml", "lite-v1", "mine"), boards)
    assert submitted.left_out == [str(run / "seed-7")]
    assert submitted.checked.problems == []


def test_large_policies_are_hashes_only(place):
    folder, boards, _ = place
    for seed in range(3):
        policy = folder / f"runs/lite/CartPole-v1/mine/seed-{seed}/policy.npz"
        np.savez(policy, weights=np.random.default_rng(seed).normal(size=200_000))
    submitted = submit([folder / "runs"], declare(folder / "entry.toml", "lite-v1", "mine"), boards)
    assert submitted.checked.problems == []
    assert not (submitted.path / "runs/CartPole-v1/seed-0/policy.npz").exists()
    assert len(read_entry(submitted.path).entry.policies) == 6


def test_only_policies_of_the_wanted_runs_are_brought(place):
    folder, boards, _ = place
    wanted = 'policy_runs = ["CartPole-v1/seed-1", "Knapsack-v1/seed-0"]\n'
    declaration = declare(folder / "entry.toml", "lite-v1", "mine", more=wanted)
    submitted = submit([folder / "runs"], declaration, boards)
    assert submitted.checked.problems == []
    brought = sorted(str(path.parent.relative_to(submitted.path)) for path in submitted.path.rglob("policy.npz"))
    assert brought == ["runs/CartPole-v1/seed-1", "runs/Knapsack-v1/seed-0"]
    assert len(read_entry(submitted.path).entry.policies) == 6


def test_only_esbenchs_own_methods_need_no_address_of_their_code(tmp_path):
    board = new_board(tmp_path / "leaderboards")
    (tmp_path / "signed.py").write_text("class Signed: ...\n")
    digest = plugins_digest([b"class Signed: ...\n"])
    write_runs(tmp_path / "runs", board, "Signed", algorithm="signed.py:Signed", plugins=digest)
    write_runs(tmp_path / "runs", board, "eggroll")
    for slug in ("eggroll", "Signed"):
        declaration = declare(tmp_path / "entry.toml", "lite-v1", slug)
        text = declaration.read_text()
        declaration.write_text(text[: text.index("[code]")] + text[text.index("[tuning]") :])
        problems = submit([tmp_path / "runs"], declaration, tmp_path / "leaderboards").checked.problems
        assert [problem.startswith("entry.json: no [code]") for problem in problems] == [True] * (slug == "Signed")


def test_own_code_is_the_file_that_was_run(tmp_path):
    board = new_board(tmp_path / "leaderboards")
    (tmp_path / "signed.py").write_text("class Signed: ...\n")
    digest = plugins_digest([b"class Signed: ...\n"])
    write_runs(tmp_path / "runs", board, "Signed", algorithm="signed.py:Signed", plugins=digest)
    declaration = declare(tmp_path / "entry.toml", "lite-v1", "Signed")
    submitted = submit([tmp_path / "runs"], declaration, tmp_path / "leaderboards")
    assert submitted.checked.problems == []
    assert (submitted.path / "algorithm.py").read_text() == "class Signed: ...\n"
    assert read_entry(submitted.path).entry.algorithm == "algorithm.py:Signed"
    (submitted.path / "algorithm.py").write_text("class Signed: ... # edited\n")
    assert any("is not the file the entry's" in problem for problem in check(submitted.path).problems)
    shutil.rmtree(submitted.path)
    (tmp_path / "signed.py").write_text("class Signed: ... # edited\n")
    with pytest.raises(InputError, match="equals the one that the runs were computed with"):
        submit([tmp_path / "runs"], declaration, tmp_path / "leaderboards")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("board = ", "is not TOML"),
        ("board = 'lite-v1'", "entry.toml: name: Field required"),
        ("board = 'lite-v9'", "entry.toml: name: Field required"),
        ("\x00", "is not TOML"),
        ("a = " + "[" * 100_000, "is not TOML"),
        ("a = 1" + "0" * 5000, "is not TOML"),
        ("board = 'lite-v1'\nslug = 1", "slug: Input should be a valid string; authors: Field required"),
    ],
)
def test_a_declaration_that_cannot_be_used(place, text, said, capsys):
    folder, boards, _ = place
    (folder / "entry.toml").write_text(text)
    argv = ["leaderboard", "submit", str(folder / "runs"), "--entry", str(folder / "entry.toml")]
    assert main([*argv, "--boards", str(boards)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('board = "lite-v1"', 'board = "lite-v9"', "no board in"),
        ('board = "lite-v1"', 'board = "../lite-v1"', "board: String should match"),
        ('slug = "mine"', 'slug = "other"', "no runs named 'other' of tier lite"),
        ('track = "fixed"', 'track = "best"', "track: Input should be 'fixed', 'tuned' or 'open'"),
        ("https://", "javascript://", "code.url: String should match"),
        ("trials = 12", "trials = true", "tuning.trials: Input should be a valid integer"),
        ("trials = 12", 'trials = "12"', "tuning.trials: Input should be a valid integer"),
        ("trials = 12", "trials = 12.0", "tuning.trials: Input should be a valid integer"),
        ("[tuning]", '[failures]\n"CartPole-v1/seed-1" = "lost"\n[tuning]', "CartPole-v1/seed-1: finished"),
        ('name = "An', 'sigma = 1\nname = "An', "sigma: Extra inputs are not permitted"),
    ],
)
def test_a_declaration_with_a_mistake(place, old, new, said, capsys):
    folder, boards, _ = place
    declaration = declare(folder / "entry.toml", "lite-v1", "mine")
    declaration.write_text(declaration.read_text().replace(old, new))
    argv = ["leaderboard", "submit", str(folder / "runs"), "--entry", str(declaration), "--boards", str(boards)]
    assert main(argv) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_declaration_that_is_a_pipe(place, capsys):
    folder, boards, _ = place
    os.mkfifo(folder / "entry.toml")
    argv = ["leaderboard", "submit", str(folder / "runs"), "--entry", str(folder / "entry.toml")]
    assert main([*argv, "--boards", str(boards)]) == 2
    assert "entry.toml is no plain file" in capsys.readouterr().err


def test_devices_name_themselves(tmp_path):
    board, boards = new_board(tmp_path / "leaderboards"), tmp_path / "leaderboards"
    kind = 'Jo\'s "fast" Xeon(R) & Co; [x](y) <b>®'
    enter(tmp_path, boards, board, "mine", device=Device(platform="cpu", kind=kind, count=1))
    made = build(boards)
    assert "Jo&#39;s &#34;fast&#34; Xeon(R) &amp; Co; [x](y) &lt;b&gt;®" in made["index.html"]
    assert 'Jo\'s "fast" Xeon(R) \\& Co; \\[x\\](y) \\<b\\>®' in made["README.md"]
    write_runs(tmp_path / "runs", board, "other", device=Device(platform="cpu", kind="\x1b[2J", count=1))
    with pytest.raises(InputError, match=r"the runs make no entry: hardware\.0"):
        submit([tmp_path / "runs"], declare(tmp_path / "entry.toml", "lite-v1", "other"), boards)


def test_settings_are_those_of_the_manifests(place):
    folder, boards, _ = place
    path = submit([folder / "runs"], declare(folder / "entry.toml", "lite-v1", "mine"), boards).path
    manifest = load_runs(path / "runs/CartPole-v1")[0].manifest
    stated = json.loads((path / "settings.json").read_text())["CartPole-v1"]
    assert stated == {name: getattr(manifest, name) for name in ("settings", "policy", "sizes")}


def test_a_declaration_of_a_windows_editor_is_read(place):
    folder, _, _ = place
    declaration = declare(folder / "entry.toml", "lite-v1", "mine")
    declaration.write_bytes(b"\xef\xbb\xbf" + declaration.read_bytes().replace(b"\n", b"\r\n"))
    assert read_declaration(declaration).slug == "mine"
