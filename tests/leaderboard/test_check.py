"""An honest entry passes, and every way to make it another is found, also where its hashes were made to fit again."""

import contextlib
import gzip
import json
import os
import resource
import shutil
import subprocess
import sys
import time

import pytest

from esbench.cli import main
from esbench.errors import InputError
from esbench.leaderboard.changes import changed_elsewhere
from esbench.leaderboard.check import check
from esbench.leaderboard.entry import read_entry
from esbench.leaderboard.safe_files import MAX_FILE_BYTES, read_json
from esbench.results.fingerprints import config_hash_of
from esbench.results.packed import PACKED
from esbench.results.run_directory import RunDirectory
from esbench.tasks.catalogue import CATALOGUE
from tests.leaderboard.honest import (
    edit_entry,
    edit_rows,
    enter,
    gather,
    in_version_2,
    new_board,
    raise_return,
    repack,
    spread,
)

RUN = "runs/CartPole-v1/seed-1"


@pytest.fixture
def entry(entry):
    """Each run's rows as a file of their own, which an entry may have as well, to be edited."""
    spread(entry)
    return entry


def problems(entry):
    return check(entry).problems


def found(entry, *texts):
    """Whether for each of `texts` there is a problem that has it."""
    said = problems(entry)
    return all(any(text in problem for problem in said) for text in texts) and bool(said)


def test_an_honest_entry_has_no_problem(entry, capsys):
    assert problems(entry) == []
    assert main(["leaderboard", "check", str(entry)]) == 0
    output = capsys.readouterr()
    assert output.out.startswith(f"{entry}: checked, 2 of 2 tasks, 6 runs, 0 failed, ranking score 0.")
    assert output.err == ""


def test_a_full_entry_is_checked_in_seconds_without_jax(tmp_path):
    board = new_board(tmp_path / "leaderboards", CATALOGUE, tuple(range(7)))
    entry = enter(tmp_path, tmp_path / "leaderboards", board, "eggroll")
    assert len(list(entry.rglob(PACKED))) == len(board.tasks)
    code = (
        "import sys; from esbench.cli import main; status = main(['leaderboard', 'check', sys.argv[1]]); "
        "sys.exit(status or 'jax' in sys.modules)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, str(entry)], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Not the wall clock: other tests run beside this one.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 20


def test_a_missing_seed(entry):
    shutil.rmtree(entry / RUN)
    assert found(entry, "CartPole-v1/seed-1: missing", "named in entry.json, but not there")
    repack(entry)
    assert found(entry, "CartPole-v1/seed-1: missing", "return_mean of CartPole-v1")


def test_an_edited_return(entry):
    edit_rows(entry / RUN, raise_return, line=5)
    assert found(entry, "run.jsonl: edited", "row 5: return ")
    repack(entry)
    assert found(entry, "CartPole-v1/seed-1: row 5: return ")


def test_an_edited_score_in_both_of_its_places(entry):
    edit_rows(entry / RUN, lambda row: raise_return(row, "greedy"), line=-1)
    repack(entry)
    assert found(entry, "return_mean of CartPole-v1", "score_mean of CartPole-v1", "the aggregate is")


@pytest.mark.parametrize(
    ("line", "clock", "factor", "said"),
    [
        (10, "train_seconds", 0.5, "train_seconds"),
        (-1, "train_seconds", 2.0, "train_seconds of CartPole-v1"),
        (10, "evaluate_seconds", 0.5, "evaluate_seconds goes from"),
        (10, "compile_seconds", 2.0, "compile_seconds falls"),
        (10, "log_seconds", -1.0, "log_seconds is below 0"),
    ],
)
def test_an_edited_clock(entry, line, clock, factor, said):
    edit_rows(entry / RUN, lambda row: row.update({clock: row[clock] * factor}), line=line)
    assert found(entry, "run.jsonl: edited", said)
    repack(entry)
    assert found(entry, said)


def test_a_clock_that_shifts_time_from_one_row_to_another(entry):
    lines = [json.loads(text) for text in (entry / RUN / "run.jsonl").read_text().splitlines()]
    before, now = lines[10]["train_seconds"], lines[11]["train_seconds"]
    edit_rows(entry / RUN, lambda row: row.update(train_seconds=now - 0.01 * (now - before)), line=10)
    repack(entry)
    assert found(entry, "CartPole-v1/seed-1: row 11: train_seconds grow")


def test_a_clock_quicker_than_any_device(entry):
    edit_rows(entry / RUN, lambda row: row.update(train_seconds=row["train_seconds"] / 1e4))
    repack(entry)
    assert found(entry, "is quicker than any cpu")


def test_a_budget_overrun(entry):
    def longer(row):
        for name in ("useful_steps", "computed_steps", "sequential_steps"):
            row[name] *= 2

    edit_rows(entry / RUN, longer)
    assert found(entry, "budget overrun: row", "and training continued", "is marked as the score")
    repack(entry)
    assert found(entry, "CartPole-v1/seed-1: budget overrun")


def test_a_step_past_the_budget_that_no_generation_can_take(entry):
    edit_rows(entry / RUN, lambda row: row.update(useful_steps=1_200_000, computed_steps=3_000_000), line=-1)
    repack(entry)
    assert found(entry, "budget overrun: 200,000 steps past the budget", "is marked as the score")


def test_a_run_that_stops_early(entry):
    file = entry / RUN / "run.jsonl"
    file.write_text("".join(line + "\n" for line in file.read_text().splitlines()[:-1]))
    repack(entry)
    assert found(entry, "CartPole-v1/seed-1: unfinished", "it ends at")


def test_a_repeated_seed(entry):
    copy = entry / "runs/CartPole-v1/seed-2"
    shutil.rmtree(copy)
    shutil.copytree(entry / RUN, copy)
    assert found(entry, "its manifest is of seed 1")
    edit_rows(copy, lambda manifest: manifest.update(seed=2), line=0)
    repack(entry)
    assert found(entry, "CartPole-v1/seed-2 repeats seed 1: clocks agree", "CartPole-v1/seed-2: the same policy as")
    edit_rows(copy, lambda row: row.update(train_seconds=row["train_seconds"] * 1.001))
    repack(entry)
    assert found(entry, "CartPole-v1/seed-2 repeats seed 1: all returns are the same")


def test_a_swapped_policy_file(entry):
    shutil.copyfile(entry / "runs/CartPole-v1/seed-0/policy.npz", entry / RUN / "policy.npz")
    assert found(entry, "policy.npz: edited", "CartPole-v1/seed-1: policy.npz is not the policy")
    repack(entry)
    assert found(entry, "CartPole-v1/seed-1: the same policy as CartPole-v1/seed-0")


def test_an_unknown_task_version(entry):
    (entry / "runs/CartPole-v1").rename(entry / "runs/CartPole-v2")
    for seed in range(3):
        edit_rows(entry / f"runs/CartPole-v2/seed-{seed}", lambda m: m["task"].update(id="CartPole-v2"), line=0)
    repack(entry)
    edit_entry(entry, lambda values: values.update(tasks=["CartPole-v2", "Knapsack-v1"]))
    assert found(entry, "unknown task of lite-v1 'CartPole-v2': did you mean 'CartPole-v1'?")


@pytest.mark.parametrize("name", ["notes.txt", "runs/CartPole-v1/seed-1/more.npz", "runs/CartPole-v1/seed-9/run.jsonl"])
def test_an_extra_file(entry, name):
    (entry / name).parent.mkdir(exist_ok=True)
    shutil.copyfile(entry / RUN / "run.jsonl", entry / name)
    assert found(entry, f"{name}: an extra file")
    repack(entry)
    assert found(entry, "an extra file" if "seed-9" not in name else "seed-9: not a task and seed of this entry")


def test_a_settings_file_that_does_not_match_the_manifests(entry):
    file = entry / "settings.json"
    values = json.loads(file.read_text())
    values["CartPole-v1"]["settings"]["sigma"] = 0.1
    file.write_text(json.dumps(values))
    repack(entry)
    assert found(entry, "CartPole-v1/seed-0: settings in its manifest and in settings.json differ")


def test_settings_that_were_not_those_of_the_run(entry):
    """Of the manifest and of settings.json alike: the config hash tells."""
    edit_rows(entry / RUN, lambda manifest: manifest["settings"].update(sigma=0.1), line=0)
    repack(entry)
    assert found(entry, "CartPole-v1/seed-1: its config hash is not", "track fixed has one setting for all tasks")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tier": "smoke"}, "tier 'smoke': the board's is 'lite'"),
        ({"steps": 10_000}, "budget 10000: the board's is 1000000"),
        ({"precision": "bfloat16"}, "precision 'bfloat16'"),
        ({"action_mode": "sample"}, "action mode 'sample': by its settings it is 'greedy'"),
        ({"dirty": True}, "computed by esbench with changes that are in no commit"),
        ({"commit": None}, "computed by esbench outside a checkout"),
        ({"versions": {"jax": "0.8.1"}}, "jax 0.8.1: the board's is 0.9.0"),
        ({"plugins": "0" * 64}, "the code it was computed with is not the entry's"),
        ({"algorithm": "open_es"}, "computed by 'open_es'"),
        ({"name": "other"}, "its name is 'other'"),
        ({"parameters": -1}, "a count is below 0"),
    ],
)
def test_a_manifest_of_another_protocol(entry, change, said):
    def edit(manifest):
        (manifest["options"] if change.keys() <= manifest["options"].keys() else manifest).update(change)

    edit_rows(entry / RUN, edit, line=0)
    repack(entry)
    assert found(entry, f"CartPole-v1/seed-1: {said}")


def test_a_run_that_did_not_begin_with_fresh_parameters(entry):
    start = {"start": "policy.npz", "start_sha256": "0" * 64}
    edit_rows(entry / RUN, lambda manifest: manifest["options"].update(start), line=0)
    repack(entry)
    assert found(entry, "CartPole-v1/seed-1: it began from a policy file")


def test_other_hardware_than_the_entry_says(entry):
    device = {"platform": "gpu", "kind": "another", "count": 1}
    edit_rows(entry / RUN, lambda manifest: manifest.update(device=device), line=0)
    repack(entry)
    assert found(entry, "entry.json: hardware is ['1 x AMD EPYC (cpu)'], the runs say")


def test_another_task_under_the_same_name(entry):
    edit_rows(entry / RUN, lambda manifest: manifest["task"]["random"].update(value=0.0), line=0)
    repack(entry)
    assert found(entry, "CartPole-v1/seed-1: the task is not the board's: random")


def test_runs_of_another_track_are_refused_in_one_line(entry, capsys):
    def of_another_track(manifest):
        manifest["task"] |= {"track": "text", "max_episode_steps": None, "action_kind": None}

    edit_rows(entry / RUN, of_another_track, line=0)
    repack(entry)
    assert problems(entry) == ["runs of the track text: lite-v1 is of the track rl"]
    assert main(["leaderboard", "check", str(entry)]) == 1
    assert capsys.readouterr().out.count("\n") == 1


def test_another_measure_under_the_same_name(entry):
    measure = {"name": "accuracy", "sample": "episode", "higher_is_better": True, "unit": ""}
    edit_rows(entry / RUN, lambda manifest: manifest["task"].update(measure=measure), line=0)
    repack(entry)
    assert found(entry, "CartPole-v1/seed-1: the task is not the board's: measure")


@pytest.mark.parametrize("measure", [3, [], {}, "accuracy"])
def test_a_measure_that_is_none(entry, measure):
    edit_rows(entry / RUN, lambda manifest: manifest["task"].update(measure=measure, track=measure), line=0)
    repack(entry)
    assert problems(entry)


def test_better_words_about_a_task_leave_it_the_board_s(entry):
    run = entry / RUN
    manifest = RunDirectory.open(run).manifest
    changed = manifest.model_copy(update={"task": {**manifest.task, "description": "Told better."}})
    new = {"task": changed.task, "config_hash": config_hash_of(changed)}
    edit_rows(run, lambda values: values.update(new), line=0)
    repack(entry)
    assert problems(entry) == []


def test_rows_of_another_protocol(entry):
    edit_rows(entry / RUN, lambda row: row.update(samples=16, distinct_samples=10))
    repack(entry)
    assert found(entry, "evaluations of 16 episodes: the board's are of 128")


def test_rows_between_the_shares(entry):
    file = entry / RUN / "run.jsonl"
    lines = file.read_text().splitlines()
    row = json.loads(lines[3])
    for name in ("useful_steps", "computed_steps", "sequential_steps", "generation"):
        row[name] += 1
    for name in ("train_seconds", "evaluate_seconds"):
        row[name] += 0.01
    file.write_text("\n".join([*lines[:4], json.dumps(row), *lines[4:]]) + "\n")
    repack(entry)
    assert found(entry, "CartPole-v1/seed-1: row 4 is the second at 2 of 20 shares")


@pytest.mark.parametrize("factor", [0.001, 1000])
def test_generations_that_cannot_take_so_many_steps(entry, factor):
    edit_rows(entry / RUN, lambda row: row.update(generation=int(row["generation"] * factor)))
    repack(entry)
    assert found(entry, "CartPole-v1/seed-1: row 21: ")


def test_runs_of_another_entry(entry):
    shutil.copytree(entry, entry.with_name("other"))
    edit_entry(entry.with_name("other"), lambda values: values.update(slug="other"))
    for run in entry.with_name("other").rglob("run.jsonl"):
        edit_rows(run.parent, lambda manifest: manifest["options"].update(name="other"), line=0)
    repack(entry.with_name("other"))
    assert found(entry.with_name("other"), "CartPole-v1/seed-1: the clock is that of eggroll's CartPole-v1/seed-1")


def test_packed_rows_are_the_rows(entry):
    before = read_entry(entry)
    gather(entry)
    after = read_entry(entry)
    assert [path.name for path in (entry / "runs" / "CartPole-v1").iterdir() if path.is_file()] == [PACKED]
    assert (after.files, after.tree_hash, problems(entry)) == (before.files, before.tree_hash, [])


def test_a_copy_of_packed_rows(entry):
    copy = shutil.copytree(entry, entry.with_name("other"))
    edit_entry(copy, lambda values: values.update(slug="other"))
    for run in copy.rglob("run.jsonl"):
        edit_rows(run.parent, lambda manifest: manifest["options"].update(name="other"), line=0)
    repack(copy)
    said = problems(copy)
    assert "CartPole-v1/seed-1: the clock is that of eggroll's CartPole-v1/seed-1 to the last digit" in said
    gather(entry)
    assert problems(copy) == said
    gather(copy)
    assert problems(copy) == said


def test_a_packed_row_that_was_edited(entry):
    edit_rows(entry / RUN, raise_return)
    gather(entry)
    assert found(entry, "runs/CartPole-v1/seed-1/run.jsonl: edited: its hash is not that in entry.json")


def test_a_copy_with_other_clocks(entry):
    copy = shutil.copytree(entry, entry.with_name("other"))
    edit_entry(copy, lambda values: values.update(slug="other"))
    for number, run in enumerate(sorted(copy.rglob("run.jsonl"))):
        edit_rows(run.parent, lambda manifest: manifest["options"].update(name="other"), line=0)
        edit_rows(run.parent, lambda row: row.update(train_seconds=row["train_seconds"] * (1 + 1e-10)))
        if number:
            (run.parent / "policy.npz").unlink()
            edit_entry(copy, lambda values, n=number: values["policies"].update({_key(n): f"{n:064}"}))
    repack(copy)
    assert problems(copy) == [
        "CartPole-v1/seed-0: the policy is that of eggroll's CartPole-v1/seed-0",
        *(f"{_key(n)}: all returns are those of eggroll's {_key(n)}" for n in range(6)),
    ]


def _key(number):
    return f"{('CartPole-v1', 'Knapsack-v1')[number // 3]}/seed-{number % 3}"


def test_returns_and_clocks_that_no_run_has(entry):
    edit_rows(entry / RUN, lambda row: row.update(std=1e308))
    edit_rows(entry / "runs/CartPole-v1/seed-0", lambda row: row.update(train_seconds=row["train_seconds"] * 1e305))
    edit_rows(entry / "runs/CartPole-v1/seed-2", lambda row: row["scores"].update(return_sample=1e308))
    repack(entry)
    said = problems(entry)
    assert {f"CartPole-v1/seed-{seed}: a return or a clock is beyond 1e+15" for seed in range(3)} <= set(said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"measure": "accuracy"}, "line 2: not a row: "),
        ({"scores": {}}, "line 2: not a row: "),
        ({"measure": "length"}, "row 1: it is not of returns in both action modes"),
        ({"scores": {"return": 20.0}}, "row 1: it is not of returns in both action modes"),
    ],
)
def test_rows_of_another_measure(entry, change, said):
    edit_rows(entry / RUN, lambda row: row.update(change))
    repack(entry)
    assert found(entry, f"CartPole-v1/seed-1: {said}")


def test_counts_that_are_no_counts(entry):
    edit_rows(entry / RUN, lambda manifest: manifest["settings"].update(pop_size=10**400), line=0)
    edit_rows(entry / "runs/CartPole-v1/seed-0", lambda row: row.update(computed_steps=10**400))
    edit_rows(entry / "runs/CartPole-v1/seed-2", lambda m: m["device"].update(count=10**400), line=0)
    repack(entry)
    said = problems(entry)
    assert {f"CartPole-v1/seed-{seed}: a count is below 0 or above 2^53" for seed in range(3)} <= set(said)


def test_what_is_printed_does_not_speak_to_the_terminal(entry, capsys):
    edit_rows(entry / RUN, lambda manifest: manifest["versions"].update(jax="\x1b[2J"), line=0)
    assert main(["leaderboard", "check", str(entry)]) == 1
    output = capsys.readouterr().out
    assert "jax ?[2J: the board's is 0.9.0" in output and "\x1b" not in output


def test_problems_are_not_a_flood(entry, capsys):
    edit_entry(entry, lambda values: values["failures"].update({f"A/seed-{n}": "x" for n in range(200)}))
    edit_entry(entry, lambda values: values.update({"a" * 100_000: 1}))
    assert main(["leaderboard", "check", str(entry)]) == 1
    assert len(capsys.readouterr().out) < len(str(entry)) + 310
    edit_entry(entry, lambda values: values.pop("a" * 100_000))
    assert main(["leaderboard", "check", str(entry)]) == 1
    output = capsys.readouterr()
    assert output.out.splitlines()[-1] == f"{entry}: and 150 more" and len(output.out.splitlines()) == 51
    assert "200 problems" in output.err


def test_an_entry_of_version_2_is_checked_like_one_of_today(entry):
    """Its rows are flat, its networks have no name, and its hashes are over the whole spec of a task."""
    in_version_2(entry)
    assert "return_mean_greedy" in (entry / RUN / "run.jsonl").read_text()
    assert "mlp" not in (entry / "settings.json").read_text()
    assert problems(entry) == []


@pytest.mark.parametrize(
    ("line", "change", "said"),
    [
        (5, lambda row: row.update(return_mean=row["return_mean"] * 1.01), "row 5: return "),
        (5, lambda row: row.update(return_mean_greedy=row["return_mean"] * 1.01), "row 5: return "),
        (5, lambda row: row.update(return_std=-1.0), "row 5: std -1.0"),
        (5, lambda row: row.update(episodes=16), "evaluations of 16 episodes"),
        (5, lambda row: row.pop("return_std"), "line 6: not a row: return_std: Field required"),
        (0, lambda manifest: manifest["settings"].update(sigma=0.1), "its config hash is not"),
        (0, lambda manifest: manifest["policy"].update(n_layers=4), "its config hash is not"),
        (0, lambda manifest: manifest.update(config_hash="0" * 64), "its config hash is not"),
    ],
)
def test_an_edit_of_version_2_is_found(entry, line, change, said):
    in_version_2(entry)
    edit_rows(entry / RUN, change, line=line)
    assert found(entry, f"{RUN}/run.jsonl: edited")
    repack(entry)
    assert found(entry, f"CartPole-v1/seed-1: {said}")


def test_returns_of_another_entry_are_found_across_versions(entry):
    copy = shutil.copytree(entry, entry.with_name("other"))
    in_version_2(entry)
    edit_entry(copy, lambda values: values.update(slug="other"))
    for run in copy.rglob("run.jsonl"):
        edit_rows(run.parent, lambda manifest: manifest["options"].update(name="other"), line=0)
        edit_rows(run.parent, lambda row: row.update(train_seconds=row["train_seconds"] * (1 + 1e-10)))
        (run.parent / "policy.npz").unlink()
    edit_entry(copy, lambda v: v.update(policies={name: f"{n:064}" for n, name in enumerate(v["policies"])}))
    repack(copy)
    said = "all returns are those of"
    assert problems(copy) == [f"{_key(n)}: {said} eggroll's {_key(n)}" for n in range(6)]
    assert problems(entry) == [f"{_key(n)}: {said} other's {_key(n)}" for n in range(6)]


def test_stated_failures(entry):
    edit_entry(entry, lambda values: values["failures"].update({"CartPole-v1/seed-1": "out of memory"}))
    assert found(entry, "CartPole-v1/seed-1: entry.json calls it failed, but it has rows")
    edit_entry(entry, lambda values: values["failures"].update({"Ant-v0/seed-1": "out of memory"}))
    assert found(entry, "Ant-v0/seed-1: not a task and seed of this entry")


def test_settings_that_differ_between_tasks_are_of_track_tuned(entry):
    for seed in range(3):
        run = entry / f"runs/Knapsack-v1/seed-{seed}"
        manifest = RunDirectory.open(run).manifest
        changed = manifest.model_copy(update={"settings": {**manifest.settings, "sigma": 0.1}})
        new = {"settings": changed.settings, "config_hash": config_hash_of(changed)}
        edit_rows(run, lambda values, new=new: values.update(new), line=0)
    values = json.loads((entry / "settings.json").read_text())
    values["Knapsack-v1"]["settings"]["sigma"] = 0.1
    (entry / "settings.json").write_text(json.dumps(values))
    repack(entry)
    assert found(
        entry, "track fixed has one setting for all tasks: Knapsack-v1/seed-0 and CartPole-v1/seed-0 differ in"
    )
    edit_entry(entry, lambda values: values.update(track="tuned"))
    assert problems(entry) == []


def test_tuning_that_is_not_told(entry):
    edit_entry(entry, lambda values: values["tuning"].update(trials=0))
    assert problems(entry) == []
    edit_entry(entry, lambda values: values.update(track="tuned"))
    assert found(entry, "track tuned, but tuning.trials is 0")


def test_an_entry_under_another_name(entry):
    moved = entry.rename(entry.with_name("other"))
    assert found(moved, "slug 'eggroll', but its directory is 'other'")


def test_a_schema_is_told_in_full(entry, capsys):
    edit_entry(entry, lambda values: values.update(track="best", authors=[], more=1))
    assert main(["leaderboard", "check", str(entry)]) == 1
    output = capsys.readouterr()
    assert {"track", "authors", "more"} <= {line.split(": ")[2] for line in output.out.splitlines()}
    assert output.err == f"esbench: {entry}: 3 problems\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values: values["tuning"].update(trials=10**400), "tuning.trials: Input should be less"),
        (lambda values: values.update(policy_runs=[0]), "policy_runs.0: Input should be a valid string"),
        (
            lambda values: values.update(policy_runs=["CartPole-v1/seed-9"]),
            "policy_runs CartPole-v1/seed-9: no such run",
        ),
        (lambda values: values.update(name="evil \u202e name"), "name: Value error, '\\u202e' cannot be seen"),
        (
            lambda values: values.update(prior_knowledge="none\0"),
            "prior_knowledge: Value error, '\\x00' cannot be seen",
        ),
        (lambda values: values.update(licence="\u3164"), "licence: Value error, nothing in it can be seen"),
        (lambda values: values.update(authors=["A.\nB."]), "authors.0: Value error, expected one line"),
    ],
)
def test_values_that_mislead(entry, change, said):
    edit_entry(entry, change)
    assert found(entry, said)


def test_a_string_that_never_ends_is_read_once():
    started = time.process_time()
    with pytest.raises(InputError, match="is not JSON"):
        read_json(b'"\\' * (MAX_FILE_BYTES // 2), "here")
    assert time.process_time() - started < 2


def link(entry):
    (entry / "settings.json").unlink()
    os.symlink("/etc/hostname", entry / "settings.json")


def folder_link(entry):
    os.symlink("/etc", entry / "runs" / "etc")


def pipe_for_a_board(entry):
    (entry.parent / "spec.json").unlink()
    os.mkfifo(entry.parent / "spec.json")


def not_utf8(entry):
    (entry / "entry.json").write_bytes(b'{"name": "\xff"}')


def rows_not_utf8(entry):
    with open(entry / RUN / "run.jsonl", "ab") as file:
        file.write(b"\xfe\n")


def outside(entry):
    edit_entry(entry, lambda values: values["files"].update({"../other/entry.json": "0" * 64}))


def absolute(entry):
    edit_entry(entry, lambda values: values["policies"].update({"/etc/passwd": "0" * 64}))


def huge(entry):
    with open(entry / RUN / "run.jsonl", "ab") as file:
        file.truncate(10**12)


def nested(entry):
    (entry / "settings.json").write_text("[" * 200_000 + "]" * 200_000)


def nested_row(entry):
    with open(entry / RUN / "run.jsonl", "a") as file:
        file.write('{"a":' * 100_000 + "1" + "}" * 100_000 + "\n")


def not_a_number(entry):
    (entry / "settings.json").write_text('{"CartPole-v1": NaN}')


def infinite(entry):
    (entry / "settings.json").write_text('{"CartPole-v1": 1e999}')


def twice(entry):
    (entry / "settings.json").write_text('{"a": 1, "a": 2}')


def pipe(entry):
    os.mkfifo(entry / "pipe")


def hard_link(entry):
    os.link(entry / "settings.json", entry.parent / "another")


def empty_folder(entry):
    (entry / "runs" / "CartPole-v1" / "more").mkdir()


def _pack(entry, content):
    gather(entry)
    (entry / f"runs/CartPole-v1/{PACKED}").write_bytes(content(gzip.decompress(_packed(entry))))


def _packed(entry):
    return (entry / f"runs/CartPole-v1/{PACKED}").read_bytes()


def no_gzip(entry):
    _pack(entry, lambda rows: rows)


def cut_gzip(entry):
    _pack(entry, lambda rows: gzip.compress(rows)[:-9])


def longer_gzip(entry):
    _pack(entry, lambda rows: gzip.compress(rows) + b"more")


def commented_gzip(entry):
    def content(rows):
        plain = gzip.compress(rows, mtime=0)
        return plain[:3] + b"\x10" + plain[4:10] + b"hidden\0" + plain[10:]

    _pack(entry, content)


def many_lines(entry):
    _pack(entry, lambda rows: gzip.compress(rows.split(b"\n", 1)[0] + b"\n" + 8999 * b"1\n"))


def bomb(entry):
    _pack(entry, lambda rows: gzip.compress(bytes(2 * MAX_FILE_BYTES)))


def many_bombs(entry):
    blank = json.dumps({"kind": "manifest", "seed": 0, "more": " " * (MAX_FILE_BYTES - 100)}).encode() + b"\n"
    for number in range(9):
        (entry / f"runs/task-{number}").mkdir()
        (entry / f"runs/task-{number}/{PACKED}").write_bytes(gzip.compress(blank))


def many_seeds(entry):
    lines = [json.dumps({"kind": "manifest", "seed": seed}) for seed in range(1100)]
    _pack(entry, lambda rows: gzip.compress("\n".join(lines).encode()))


def no_manifest(entry):
    _pack(entry, lambda rows: gzip.compress(rows.split(b"\n", 1)[1]))


def seed_outside(entry):
    _pack(entry, lambda rows: gzip.compress(rows.replace(b'"seed": 0', b'"seed": "0/../../x"')))


def seed_twice(entry):
    _pack(entry, lambda rows: gzip.compress(rows + rows))


def both_forms(entry):
    kept = (entry / RUN / "run.jsonl").read_bytes()
    gather(entry)
    (entry / RUN / "run.jsonl").write_bytes(kept)


def nested_packed(entry):
    _pack(entry, lambda rows: gzip.compress(rows + b"[" * 100_000))


def odd_name(entry):
    (entry / "a\nb").write_text("")


def many(entry):
    for number in range(1100):
        (entry / f"file-{number}").write_text("")


def empty(entry):
    (entry / "entry.json").unlink()


def a_list(entry):
    (entry / "entry.json").write_text("not JSON")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (link, "settings.json is a link"),
        (folder_link, "runs/etc is a link"),
        (pipe_for_a_board, "spec.json is no plain file"),
        (not_utf8, "entry.json is not UTF-8: byte 10 is 0xff"),
        (rows_not_utf8, "is not UTF-8"),
        (outside, "'../other/entry.json' leads outside the entry"),
        (absolute, "'/etc/passwd' leads outside the entry"),
        (huge, "run.jsonl is larger than 4 MiB"),
        (nested, "settings.json is nested 200000 deep: expected at most 32"),
        (nested_row, "is nested 100000 deep"),
        (not_a_number, "NaN is no number"),
        (infinite, "1e999 is larger than any float"),
        (twice, "'a' is there twice"),
        (pipe, "pipe is something else than a file or a directory"),
        (hard_link, "settings.json is a hard link"),
        (empty_folder, "runs/CartPole-v1/more/ is empty"),
        (no_gzip, "runs.jsonl.gz: not packed runs (no gzip file"),
        (cut_gzip, "runs.jsonl.gz: not packed runs (it is cut off)"),
        (longer_gzip, "runs.jsonl.gz: not packed runs (it goes on behind its end)"),
        (commented_gzip, "runs.jsonl.gz: not packed runs (its header has more than that of a compressed text)"),
        (bomb, "runs.jsonl.gz: not packed runs (it holds more than 4 MiB)"),
        (many_lines, "seed-0/run.jsonl has 9,000 lines: expected at most 1,000"),
        (many_bombs, "more than 32 MiB in all"),
        (many_seeds, "more than 1000 files"),
        (no_manifest, "not packed runs (the first line is no manifest)"),
        (seed_outside, "not packed runs (a seed is no whole number from 0 to 2^53)"),
        (seed_twice, "not packed runs (seed 0 is there twice)"),
        (both_forms, "runs/CartPole-v1/seed-1/run.jsonl is there twice, once packed"),
        (nested_packed, "is nested 100000 deep"),
        (odd_name, "expected a name of letters"),
        (many, "more than 1000 files"),
        (empty, "no entry in"),
        (a_list, "entry.json is not JSON"),
    ],
)
def test_what_cannot_be_read_is_status_2_and_one_line(entry, damage, said, capsys):
    damage(entry)
    assert main(["leaderboard", "check", str(entry)]) == 2
    output = capsys.readouterr()
    (line,) = output.err.splitlines()
    assert line.startswith("esbench: ") and said in line
    assert output.out == ""


def test_a_name_that_is_too_long(capsys):
    assert main(["leaderboard", "check", "a" * 300]) == 2
    assert capsys.readouterr().err == f"esbench: no directory {'a' * 300!r}: expected an entry's\n"


def test_a_directory_that_is_a_link(entry, capsys):
    os.symlink(entry, entry.with_name("linked"))
    assert main(["leaderboard", "check", str(entry.with_name("linked"))]) == 2
    assert "no link" in capsys.readouterr().err


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, stdout=subprocess.DEVNULL)


def test_a_pull_request_changes_its_own_directory_only(entry, capsys):
    root = entry.parents[2]
    other = shutil.copytree(entry, root / "set aside")
    shutil.rmtree(entry)
    (entry.parent / "other").mkdir()
    (entry.parent / "other" / "entry.json").write_text("{}")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "leaderboards")
    git(root, "commit", "-q", "-m", "base")
    git(root, "checkout", "-q", "-b", "entry")
    shutil.move(other, entry)
    # What the steps of docs/leaderboard.md leave in a clone.
    for name in ("signed.py", "entry.toml", "report/report.md", "runs/lite/a task/Signed/run.jsonl"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    assert main(["leaderboard", "check", str(entry), "--base", "main"]) == 0
    (entry.parent / "new").mkdir()
    (entry.parent / "new" / "entry.json").write_text("{}")
    capsys.readouterr()
    assert main(["leaderboard", "check", str(entry), "--base", "main"]) == 1
    assert "leaderboards/lite-v1/new/entry.json: changed, but not the entry's" in capsys.readouterr().out
    shutil.rmtree(entry.parent / "new")
    git(root, "add", "leaderboards")
    git(root, "commit", "-q", "-m", "an entry")
    assert main(["leaderboard", "build", "--boards", str(root / "leaderboards")]) == 0
    assert main(["leaderboard", "check", str(entry), "--base", "main"]) == 0
    readme = root / "leaderboards" / "README.md"
    built = readme.read_text()
    readme.write_text(built.replace("# Rules", "# No rules"))
    capsys.readouterr()
    assert main(["leaderboard", "check", str(entry), "--base", "main"]) == 1
    assert "leaderboards/README.md: changed, but not the entry's" in capsys.readouterr().out
    readme.write_text(built)
    (entry.parent / "other" / "entry.json").write_text('{"a": 1}')
    capsys.readouterr()
    assert main(["leaderboard", "check", str(entry), "--base", "main"]) == 1
    assert "leaderboards/lite-v1/other/entry.json: changed, but not the entry's" in capsys.readouterr().out
    git(root, "commit", "-q", "-a", "-m", "more")
    assert main(["leaderboard", "check", str(entry), "--base", "main"]) == 1
    assert main(["leaderboard", "check", str(entry), "--base", "no-such-ref"]) == 2
    assert main(["leaderboard", "check", str(entry), "--base", "--output=x"]) == 2


def test_what_looks_like_a_repository_runs_nothing(entry):
    root = entry.parents[2]
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "base")
    sign = root / "executed"
    for place in entry, entry.parents[1]:
        for folder in ("objects/info", "refs/heads"):
            (place / folder).mkdir(parents=True)
        (place / "HEAD").write_text("ref: refs/heads/main\n")
        (place / "config").write_text(
            f'[core]\nrepositoryformatversion = 0\nbare = false\nworktree = .\nfsmonitor = "touch {sign}; false"\n'
        )
        with contextlib.suppress(InputError):
            changed_elsewhere(entry, "main")
        assert not sign.exists()


def test_the_hash_of_an_entry_is_of_all_but_its_verification(entry):
    before = check(entry).evidence.directory.tree_hash
    (entry / "verification.json").write_text("{}")
    assert check(entry).evidence.directory.tree_hash == before
    (entry / "settings.json").write_text("{}")
    assert check(entry).evidence.directory.tree_hash != before
