"""A whole tuning on a tiny task: which trials go on, what is chosen, what is left, and that it goes on where it was."""

import io
import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import esbench
from esbench.cli import main
from esbench.errors import InputError
from esbench.experiment.many_runs.jobs import record_error
from esbench.experiment.many_runs.worker import Runner
from esbench.experiment.options.config import resolve
from esbench.experiment.options.presets import OWN_DEFAULTS
from esbench.experiment.terminal.progress import Lines, duration
from esbench.experiment.terminal.sweep_table import SweepTable
from esbench.results.error_file import AGAIN
from esbench.results.records import TuningCost
from esbench.results.run_directory import RunDirectory
from esbench.tuning import record
from esbench.tuning.for_all import for_all, mean_scores, results_of
from esbench.tuning.halving import told_apart
from esbench.tuning.space import ranges_file, read_space
from esbench.tuning.tune import dry_run, errors, for_all_tasks, plan, progress, tune, untold

FILE = Path(__file__).with_name("tunable.py")
TASK, PICKY, REREADING = f"{FILE}:SCORED", f"{FILE}:Picky", f"{FILE}:Rereading"
RANGES = """
[constants]
n_layers = 1
layer_size = 8
[ranges]
broken = { choices = [true, false] }
spread = { low = 0.01, high = 3.0, scale = "log" }
"""
CLOCKS = ["train_seconds", "compile_seconds"]
ROW_CLOCKS = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}


def with_the_first_whole_numbers(space):
    """The same ranges, of which those of whole numbers are constants."""
    whole = {name: axis.choices[0] for name, axis in space.tuned.items() if type(axis.at(0.0)) is int}
    tuned = {name: axis for name, axis in space.tuned.items() if name not in whole}
    return replace(space, constants={**space.constants, **whole}, tuned=tuned)


def whole_tuning(ranges, out):
    """The searches after a tuning of four trials, and what it said."""
    said = io.StringIO()
    spaces = [read_space(ranges, PICKY)]
    searches = plan([TASK], spaces, 4, "smoke", out)
    assert tune(searches, SweepTable(said), lambda: record.write(searches, spaces, out))
    return searches, said.getvalue()


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """(directory, search, what was said) of an uninterrupted tuning; ranges.toml lies in the directory."""
    out = tmp_path_factory.mktemp("tuned")
    (out / "ranges.toml").write_text(RANGES)
    (search,), said = whole_tuning(out / "ranges.toml", out)
    return out, search, said


def test_the_best_trial_is_chosen_and_all_runs_are_in_the_table(tuned):
    out, search, said = tuned
    table = pd.read_csv(out / "trials.csv")
    lines = [json.loads(line) for line in (out / "trials.jsonl").read_text().splitlines()]
    assert [line["trial"] for line in lines] == list(table["trial"])
    assert lines[0]["settings"] == json.loads(table["settings"][0]) == search.trials[0]

    broken = [trial for trial, values in enumerate(search.trials) if values["broken"]]
    first = table[table["rung"] == 1]
    assert list(first["trial"]) == [0, 1, 2, 3] and set(first["seed"]) == {1000} and set(first["budget"]) == {125}
    assert list(first["trial"][first["error"] == "it is broken"]) == broken and len(broken) == 2
    full = table[table["rung"] > 1]
    assert set(full["budget"]) == {1000} and full["error"].isna().all()
    assert {trial: sorted(runs["seed"]) for trial, runs in full.groupby("trial")} == {
        trial: [1000, 1001, 1002] for trial in range(4) if trial not in broken
    }
    rows = esbench.load_results(out / "runs")
    scores = (rows[rows["final"]].set_index(["algorithm", "seed"])["return_mean"] - 5) / 5
    for line in full.itertuples():
        assert line.score == pytest.approx(scores[f"Picky-trial-{line.trial:03}-full", line.seed])
    assert search.chosen() == full.groupby("trial")["score"].mean().idxmax()
    # The good trials differ in a number only, and the rungs in the budget.
    assert said.count("compiling") == 1


def test_the_chosen_preset_gives_the_trials_rows_and_carries_the_cost(tuned, tmp_path):
    out, search, _ = tuned
    preset = str(out / "chosen" / "Picky.toml")
    alone = esbench.run(TASK, PICKY, tier="smoke", preset=preset, seed=1001, out=tmp_path)
    trial = RunDirectory.open(
        out / "runs" / "smoke" / "Scored-v0" / f"Picky-trial-{search.chosen():03}-full" / "seed-1001"
    )
    assert [row.model_dump(exclude=ROW_CLOCKS) for row in alone.rows] == [
        row.model_dump(exclude=ROW_CLOCKS) for row in trial.rows
    ]
    table = pd.read_csv(out / "trials.csv")
    cost = TuningCost(trials=4, seeds=3, useful_steps=int(table["useful_steps"].sum()))
    assert RunDirectory.open(alone.path).manifest.tuning == cost
    assert trial.manifest.tuning is None
    assert not (out / "fixed").exists()  # of a single task it is the same question


def first_rung(*searches):
    return [[search.result(run) for run in search.first] for search in searches]


def best(*searches):
    """The trial with the best mean at the first rung."""
    means = mean_scores(first_rung(*searches), told_apart)
    return max(means, key=means.get, default=None)


def test_a_task_whose_first_rung_is_untrained_has_no_say_in_the_setting_for_all(tuned):
    """There the trial that is not the best has the best first policy."""
    _, search, _ = tuned
    first = {run: search.result(run) for run in search.first}
    luck = {
        run: result if result.error else replace(result, score=float(run.trial != best(search)), score_steps=0)
        for run, result in first.items()
    }
    lucky = replace(search, _results=luck)
    assert best(search, lucky) == best(search) is not None
    assert best(lucky) is None


def scored(search, scores, full=None, **changes):
    """The same search with nothing on disk, and these scores of its trials at the first rung, and at the whole budget;
    None: the trial failed there."""
    new = replace(search, out=search.out / "nothing", _runs={}, _results={}, **changes)
    runs = {run: scores[run.trial] for run in new.first}
    runs |= {new.run(trial, 2, 1000): score for trial, score in (full or {}).items()}
    like = search.result(search.first[search.chosen()])
    for run, score in runs.items():
        steps, error = (9, None) if score is not None else (None, "it is broken")
        of = {"trial": run.trial, "rung": run.rung, "useful_steps": 10}
        new._results[run] = replace(like, **of, score=score, mean=score, score_steps=steps, error=error)
    return new


def test_a_setting_for_all_cannot_hide_what_it_breaks(tuned):
    """The second trial is the best on two tasks, far below random on the third: clipped at 0 its mean was the best."""
    _, search, _ = tuned
    tasks = [scored(search, scores) for scores in ([0.2, 0.5, 0, 0], [0.2, 0.5, 0, 0], [0.1, -1.5, 0, 0])]
    means = mean_scores(first_rung(*tasks), told_apart)
    assert [means[trial] for trial in (0, 1)] == pytest.approx([0.5 / 3, -0.5 / 3])
    assert best(*tasks) == 0
    over = scored(search, [0.3, 7.0, 0, 0])  # counts as 1
    assert mean_scores(first_rung(over, *tasks), told_apart)[1] == pytest.approx(0.5 / 4)


def test_a_setting_for_all_was_trained_on_every_task_that_tells(tuned):
    _, search, _ = tuned
    one, other = scored(search, [0.2, 0.9, 0.1, 0.3]), scored(search, [0.1, None, 0.2, 0.1])
    assert best(one) == 1 and best(one, other) == 3
    luck = {run: replace(of, score_steps=0 if of.trial == 3 else 9) for run, of in one._results.items()}
    assert best(replace(one, _runs=one._runs, _results=luck), other) == 0


def short(search, scores, full=None):
    """A search that ends with the first rung."""
    return scored(search, scores, full, first_only=True)


def test_the_whole_budget_decides_between_the_best_two_for_all(tuned):
    """The trials that are second and first at the first rung, one of which breaks a task at the whole budget."""
    _, search, _ = tuned
    tasks = [short(search, [0.3, 0.5, 0.2, 0.1]), short(search, [0.3, 0.5, 0.2, 0.4])]
    (shared,) = for_all(tasks)
    assert [[run.trial for run in runs] for runs in shared.finalists()] == [[1, 0], [1, 0]]
    assert not shared.finished and shared.chosen() is None and len(shared.due()) == 4
    assert [shared.most(task) for task in tasks] == [2, 2] and len(tasks[0].results()) == 4
    tasks = [
        short(search, [0.3, 0.5, 0.2, 0.1], {0: 0.6, 1: 0.9}),
        short(search, [0.3, 0.5, 0.2, 0.4], {0: 0.2, 1: -0.2}),
    ]
    (shared,) = for_all(tasks)
    assert shared.finished and shared.due() == [] and shared.chosen() == 0
    assert [len(results_of(task, [shared])) for task in tasks] == [6, 6]
    (line, other) = progress(tasks)[1:]
    assert line[2:5] == other[2:5] == ("4/4", "2/2", "-")
    text = record.fixed_preset(shared)
    assert tomllib.loads(text)["tuning"]["default"] == {"trials": 4, "seeds": 1, "useful_steps": 120}
    assert "at all of it: trial 0,\n# 0.4 over Scored-v0, Scored-v0 (tuning seed 1000)." in text
    assert for_all_tasks(tasks) == ["for all tasks: Picky: trial 0, mean score 0.4"]


def test_equal_finalists_for_all_are_told_apart_by_the_first_rung(tuned):
    _, search, _ = tuned
    tasks = [short(search, [0.3, 0.5, 0.2, 0.1], {0: 1.2, 1: 1.0}) for _ in range(2)]
    assert for_all(tasks)[0].means() == {1: 1.0, 0: 1.0}


def test_a_finalist_that_fails_on_a_task_is_not_chosen(tuned):
    _, search, _ = tuned
    firsts = [0.3, 0.5, 0.2, 0.1]
    good = short(search, firsts, {0: 0.1, 1: 0.9})
    assert for_all([good, short(search, firsts, {0: 0.1, 1: None})])[0].means() == {0: 0.1}
    tasks = [good, short(search, firsts, {0: None, 1: None})]
    (shared,) = for_all(tasks)
    assert shared.finished and shared.chosen() is None
    assert for_all_tasks(tasks)[0].startswith("for all tasks: Picky: nothing chosen: ")
    assert sum("rung 2" in line for line in errors(tasks)) == 2


def test_a_task_on_which_all_trials_are_equal_tells_nothing(tuned):
    _, search, _ = tuned
    level, one = short(search, [0.0] * 4), short(search, [0.0, 0.1, 0.0, 0.0])
    assert best(level) is None and best(level, one) == 1
    (shared,) = for_all([level])
    assert shared.finished and shared.chosen() is None
    results = {run: search.result(run) for rung in search.rungs() for run in rung}
    same = {run: of if of.error else replace(of, score=0.5, score_steps=9) for run, of in results.items()}
    level = replace(search, _runs=search._runs, _results=same)
    assert level.finished and level.chosen() is None and search.chosen() is not None
    assert untold([level]) == ["nothing chosen: Scored-v0 Picky: all trials have the same score"]


def test_equal_finalists_are_told_apart_by_the_first_rung(tuned):
    _, search, _ = tuned
    finalists = sorted(search.full_budget())
    results = {run: search.result(run) for rung in search.rungs() for run in rung}
    same = {run: of if of.error or run.rung == 1 else replace(of, score=1.0) for run, of in results.items()}
    firsts = {run.trial: of.score for run, of in same.items() if run.rung == 1}
    level = replace(search, _runs=search._runs, _results=same)
    assert level.chosen() == max(finalists, key=firsts.__getitem__)


def test_nothing_is_chosen_by_scores_of_untrained_policies(tuned):
    """Whatever comes later: which trials it comes of was luck."""
    _, search, _ = tuned
    results = {run: search.result(run) for rung in search.rungs() for run in rung}
    untrained = {run: replace(of, score_steps=None if of.error else 9 * (run.rung > 1)) for run, of in results.items()}
    lucky = replace(search, _runs=search._runs, _results=untrained)
    assert search.chosen() is not None and lucky.finished and lucky.chosen() is None
    assert progress([lucky])[1][-2:] == ("-", "-")
    (line,) = untold([lucky])
    assert line.startswith("nothing chosen: Scored-v0 Picky: every score of rung 1 is the UNTRAINED policy's")
    assert untold([search]) == []


def test_a_search_of_one_task_for_all_ends_with_the_first_rung(tuned):
    """And is gone on with by the same search without."""
    out, search, _ = tuned
    space = read_space(out / "ranges.toml", PICKY)
    (alone,) = plan([TASK], [space], 4, "smoke", out, first_only=True)
    assert alone.finished and alone.runs == 4 and len(alone.results()) == 4 and alone.chosen() is None
    (shared,) = for_all([alone])
    assert shared.finished and shared.chosen() == best(search) is not None and for_all([search]) == []
    assert shared.most(alone) == 0 and "4 trials at 1/8 of the smoke budget: trial" in record.fixed_preset(shared)
    assert [line[1] for line in dry_run([alone])[1:]] == ["Picky", ""] and dry_run([alone])[1][3] == "4"
    assert progress([alone])[1][2:5] == ("4/4", "-", "-")


def test_what_to_run_next_with_a_setting_for_all_tasks(tuned, tmp_path, capsys):
    """It runs as it is printed."""
    out = shutil.copytree(tuned[0], tmp_path / "out")
    ranges = ["--ranges", str(out / "ranges.toml"), "--trials", "4", "--tier", "smoke", "--out", str(out)]
    assert main(["tune", "--tasks", TASK, "--algorithms", PICKY, *ranges, "--fixed-only"]) == 0
    said = capsys.readouterr().out
    assert "for all tasks: Picky: trial" in said and "nothing chosen" not in said
    words = said.partition("next: esbench ")[2].split()
    assert words[-4:-2] == ["--preset", str(out / "fixed" / "Picky.toml")] and words[-1] == "Picky-fixed"
    assert main([*words, "--dry-run"]) == 0


def test_a_budget_of_the_users_own(tuned):
    out, search, _ = tuned
    (own,) = plan([TASK], [read_space(out / "ranges.toml", PICKY)], 4, "smoke", out / "own", steps=4000)
    assert search.budget == 1000 and {run.budget for run in own.first} == {500} and own.budget == 4000


def test_how_far_it_is_counts_the_rungs_to_come(tuned):
    """Of four first runs, two of the second rung and four of the third."""
    _, search, said = tuned
    counts = [line.partition(" runs done")[0] for line in said.splitlines() if " runs done" in line]
    assert search.runs == 10 and counts[0].endswith(" of 10") and counts[-1] == "8 of 10"
    assert "left for all" in said


def test_the_table_and_the_curves_are_made_anew_from_the_trials_alone(tuned, tmp_path):
    out, _, _ = tuned
    shutil.copy(out / "trials.jsonl", tmp_path)
    names = {path.name for path in record.redraw(tmp_path)}
    assert names == {"trials.csv", "best_of_k.csv", "best_of_k.png", "best_of_k.svg"}
    for name in names:
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_what_is_left_after_a_stop_is_gone_on_with(tuned, tmp_path, capsys):
    """A run of the first rung and one of the last are missing; what is there stays as it is."""
    out, search, _ = tuned
    for name in ("runs", "ranges.toml"):
        copy = shutil.copytree if (out / name).is_dir() else shutil.copy
        copy(out / name, tmp_path / name)
    good = [trial for trial, values in enumerate(search.trials) if not values["broken"]]
    runs = tmp_path / "runs" / "smoke" / "Scored-v0"
    kept = (runs / f"Picky-trial-{good[1]:03}-part" / "seed-1000" / "run.jsonl").read_bytes()
    shutil.rmtree(runs / f"Picky-trial-{good[0]:03}-part")
    shutil.rmtree(runs / f"Picky-trial-{good[1]:03}-full" / "seed-1002")
    options = ["tune", "--tasks", TASK, "--algorithms", PICKY, "--trials", "4", "--tier", "smoke"]
    options += ["--ranges", str(tmp_path / "ranges.toml"), "--out", str(tmp_path)]
    assert main([*options, "--status"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["Scored-v0", "Picky", "3/4", *"--20--"]
    assert main(options) == 0
    assert (runs / f"Picky-trial-{good[1]:03}-part" / "seed-1000" / "run.jsonl").read_bytes() == kept
    whole, again = (pd.read_csv(folder / "trials.csv").drop(columns=CLOCKS) for folder in (out, tmp_path))
    pd.testing.assert_frame_equal(whole, again)
    for name in ("chosen/Picky.toml", "best_of_k.csv", "best_of_k.svg"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()
    assert progress([search])[1][2:5] == ("4/4", "2/2", "4/4")

    (tmp_path / "ranges.toml").write_text(RANGES.replace("3.0", "2.0"))
    capsys.readouterr()
    assert main(options) == 2
    assert "holds another run: settings.spread was" in capsys.readouterr().err


def test_a_run_that_is_tried_again_is_not_yet_a_failed_trial(tmp_path):
    (tmp_path / "ranges.toml").write_text(RANGES)
    (search,) = plan([TASK], [read_space(tmp_path / "ranges.toml", PICKY)], 2, "smoke", tmp_path)
    run, other = search.first
    record_error(run.job, f"out of memory{AGAIN}\n")
    record_error(other.job, "also\n")
    assert search.result(run) is None and search.result(other).error == "also"
    record_error(run.job, "out of memory\n")
    assert search.result(run).error == "out of memory"
    assert search.finished and search.chosen() is None
    assert errors([search])[0] == "failed: Scored-v0 Picky trial 0, rung 1, seed 1000: out of memory"


def test_programs_that_read_a_number_elsewhere_than_in_init_are_not_shared(tmp_path):
    said = io.StringIO()
    runner = Runner(lambda _: Lines(said))
    for number, spread in enumerate((0.1, 0.2)):
        values = {"n_layers": 1, "layer_size": 8, "spread": spread}
        config = {"task": TASK, "algorithm": REREADING, "tier": "smoke", "settings": values, "steps": 300}
        assert runner.run({**config, "name": f"r{number}", "out": str(tmp_path)}, 0) == {"outcome": "finished"}
    assert said.getvalue().count("compiling") == 2


def run_in_one_process(jobs, out):
    """What a worker says while it runs jobs of (task, algorithm, settings); their directories, or errors."""
    said, directories = io.StringIO(), []
    runner = Runner(lambda _: Lines(said))
    for number, (task, algorithm, values) in enumerate(jobs):
        config = {"task": task, "algorithm": algorithm, "tier": "smoke", "preset": OWN_DEFAULTS, "settings": values}
        config |= {"name": f"r{number}", "out": str(out)}
        came = runner.run(config, 0)
        assert came == {"outcome": "finished"} or came["final"]
        directories.append(came.get("error") or RunDirectory.open(resolve(**config).path(0)))
    return said.getvalue(), directories


@pytest.mark.parametrize(
    ("algorithm", "own", "switches"),
    [
        ("open_es", {"pop_size": 8}, ("deterministic_policy", "rank_transform", "normalize_observations")),
        ("ppo", {"num_envs": 4, "num_steps": 10, "num_minibatches": 2}, ("normalize_observations",)),
    ],
)
def test_runs_that_differ_in_switches_are_compiled_once_and_are_what_they_are_alone(algorithm, own, switches, tmp_path):
    own = {**own, "n_layers": 1, "layer_size": 8}
    jobs = [(TASK, algorithm, {**own, **dict.fromkeys(switches, on)}) for on in (False, True)]
    said, together = run_in_one_process(jobs, tmp_path / "together")
    assert said.count("compiling") == 1
    for job, one in zip(jobs, together, strict=True):
        _, (alone,) = run_in_one_process([job], tmp_path / f"alone-{job[2]['normalize_observations']}")
        rows = [[row.model_dump(exclude=ROW_CLOCKS) for row in run.rows] for run in (one, alone)]
        assert rows[0] == rows[1]
        assert one.manifest.action_mode == alone.manifest.action_mode
        assert (one.load_policy().statistics is not None) == job[2]["normalize_observations"]
    modes = [run.manifest.action_mode for run in together]
    assert modes == (["sample", "greedy"] if algorithm == "open_es" else ["sample", "sample"])


def test_a_problem_of_ones_own_shares_programs_and_refuses_what_it_has_no_use_for(tmp_path):
    problems = Path(__file__).parents[1] / "problems" / "spirals.py"
    own = {"pop_size": 8, "hidden": 4, "batch": 2000}
    spirals = [{**own, "sigma": 0.1}, {**own, "sigma": 0.2}, {**own, "deterministic_policy": True}]
    said, (*_, refused) = run_in_one_process([(f"{problems}:Spirals", "eggroll", v) for v in spirals], tmp_path / "a")
    assert said.count("compiling") == 1
    assert refused == "deterministic_policy = True: this problem has no use for it; expected False"
    asking = [(f"{problems}:Asking", "eggroll", {**own, "deterministic_policy": on}) for on in (False, True)]
    said, runs = run_in_one_process(asking, tmp_path / "b")
    assert said.count("compiling") == 2
    assert [run.rows[-1].useful_steps // run.rows[-1].generation for run in runs] == [16_000, 32_000]


def test_the_committed_search_has_six_programs_for_each_algorithm(tmp_path):
    """One for each combination of its whole numbers."""
    spaces = [read_space(ranges_file(name), name) for name in ("eggroll", "open_es", "ppo")]
    for search in plan(["CartPole-v1"], spaces, 16, "standard", tmp_path):
        assert len({run.job.programs for run in search.first}) == 6


@pytest.mark.slow  # 18 programs
def test_the_committed_search_compiles_once_for_each_algorithm_and_its_whole_numbers(tmp_path):
    """Through all rungs, whatever its trials' switches are."""
    said = io.StringIO()
    spaces = [
        with_the_first_whole_numbers(read_space(ranges_file(name), name)) for name in ("eggroll", "open_es", "ppo")
    ]
    searches = plan([f"{FILE}:ROOMY"], spaces, 4, "smoke", tmp_path)
    assert [search.compilations() for search in searches] == [1, 1, 1]
    for search in searches:
        assert {values["normalize_observations"] for values in search.trials} == {False, True}
    assert tune(searches, SweepTable(said), lambda: None)
    assert [len(search.results()) for search in searches] == [10, 10, 10] and errors(searches) == []
    assert said.getvalue().count("compiling") == 3


def test_a_dry_run_tells_compilation_as_the_runs_that_are_there_took(tuned):
    """Two programs at the first rung, and at each later one those of its two trials anew."""
    _, search, _ = tuned
    seconds = [result.compile_seconds for result in search.results() if not result.error]
    (_, line, total) = dry_run([search])
    assert line[5] == total[5] == "6" and len(seconds) == 8
    assert line[7] == duration(6 * sum(seconds) / 8)


def test_a_dry_run_counts_and_runs_nothing(tmp_path, capsys):
    options = ["tune", "--tasks", "CartPole-v1,Snake-v1", "--algorithms", "eggroll,ppo", "--out", str(tmp_path / "no")]
    assert main([*options, "--dry-run"]) == 0
    _, line, *_, total, _, _ = capsys.readouterr().out.splitlines()
    # 16 trials at an eighth; at the whole budget of 1e6 four, 2 x 2 again, and two for all tasks.
    assert line.split()[:5] == ["CartPole-v1", "eggroll", "16", "26", "12,000,000"]
    # Six combinations of whole numbers, which four, two and two trials may have again.
    assert line.split()[5:] == ["14", "1:11", "0:42", "1:53"]
    assert total.split()[:3] == ["all", "64", "104"] and total.split()[4:] == ["56", "1:12:36", "8:52", "1:21:28"]
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trials", "0"], "--trials: '0': expected 1 or more"),
        (["--tasks", "CartPol-v1"], "unknown task 'CartPol-v1': did you mean 'CartPole-v1'?"),
        (["--algorithms", "egroll"], "no ranges for algorithm 'egroll'"),
        (["--algorithms", PICKY], "tunable.py:Picky': expected --ranges FILE.toml, or a file "),
        (["--tier", "lit"], "unknown tier 'lit': did you mean 'lite'?"),
        (["--ranges", "no.toml"], "cannot read ranges no.toml: No such file"),
        (["--algorithms", "eggroll,ppo", "--ranges", "no.toml"], "--ranges no.toml: expected one algorithm"),
        (["--tier", "smoke", "--algorithms", "ppo"], "a budget of 625 steps cannot hold one generation"),
        (["--trial", "3"], "unknown option of esbench tune '--trial': did you mean '--trials'?"),
    ],
)
def test_bad_input_is_one_line(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"--tasks": "CartPole-v1", "--algorithms": "eggroll"}
    given |= dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert main(["tune", *(word for pair in given.items() for word in pair)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not list(tmp_path.iterdir())


def test_a_refusal_of_every_trial_comes_before_anything_is_run(tmp_path):
    (tmp_path / "ranges.toml").write_text("[constants]\npop_size = 200\n[ranges]\nspread = { low = 1, high = 2 }\n")
    with pytest.raises(InputError, match="cannot hold one generation"):
        plan([TASK], [read_space(tmp_path / "ranges.toml", PICKY)], 2, "smoke", tmp_path)
