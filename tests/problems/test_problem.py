"""A problem that is no environment goes through everything that a task goes through."""

import json
from pathlib import Path

import pytest

import esbench
from esbench.cli import main
from esbench.results.run_directory import RunDirectory

FILE = Path(__file__).with_name("spirals.py")
TASK = f"{FILE}:Spirals"
CLOCKS = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}
SET = ["--set", "pop_size=32", "hidden=8", "learning_rate=0.05", "sigma=0.1"]
RUN = ["run", "--task", TASK, "--algorithm", "eggroll", "--preset", "defaults", "--tier", "smoke", *SET]


def without_clocks(path):
    return [row.model_dump(exclude=CLOCKS) for row in RunDirectory.open(path).rows]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two algorithms, two seeds, by a sweep."""
    out = tmp_path_factory.mktemp("spirals")
    command = ["sweep", "--tasks", TASK, "--algorithms", "eggroll,open_es", "--seeds", "0:2", *RUN[5:]]
    assert main([*command, "--out", str(out)]) == 0
    return out


def test_it_learns_and_says_so_in_its_own_words(tmp_path, capsys):
    assert main([*RUN, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "accuracy" in said.out and " points" in said.out and "return" not in said.out + said.err
    run = RunDirectory.open(tmp_path / "smoke" / "Spirals-v0" / "eggroll" / "seed-0")
    assert run.rows[-1].value > 0.9 > run.rows[0].value
    manifest = run.manifest
    assert manifest.problem == {"hidden": 8, "batch": 64, "turns": 0.6} and manifest.policy == {}
    assert manifest.task["track"] == "user" and manifest.task["measure"]["name"] == "accuracy"
    assert {"accuracy", "log_likelihood"} == run.rows[0].scores.keys()
    assert run.rows[0].useful_steps == 0 and run.rows[-1].sequential_steps == run.rows[-1].generation


def test_results_have_its_measure(runs):
    table = esbench.load_results(runs)
    assert {"accuracy_mean", "accuracy_std", "log_likelihood_mean", "points", "distinct_points"} <= set(table.columns)
    assert not any("return" in name or "episode" in name for name in table.columns)
    assert (table["value"] == table["accuracy_mean"]).all() and set(table["measure"]) == {"accuracy"}
    assert table["final"].sum() == 4


def test_stopped_and_resumed_it_has_the_same_rows(tmp_path, runs):
    command = [*RUN, "--out", str(tmp_path)]
    assert main([*command, "--max-seconds", "0.0001"]) == 75
    assert main([*command, "--resume"]) == 0
    path = Path("smoke", "Spirals-v0", "eggroll", "seed-0")
    assert without_clocks(tmp_path / path) == without_clocks(runs / path)


def test_ppo_refuses_it_in_one_line(tmp_path, capsys):
    assert main(["run", "--task", TASK, "--algorithm", "ppo", "--tier", "smoke", "--out", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert line == "esbench: PPO needs an environment, and Spirals is none: expected an evolution strategy"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--task", f"{FILE}:WithoutMeasure"],
            "its evaluation gives accuracy, log_likelihood: expected its measure 'f1'",
        ),
        (["--task", f"{FILE}:Nameless"], "states no measure: expected measure = Measure(name, sample)"),
        (["--task", TASK, "--policy", "gru"], "brings its own network: expected no --policy"),
        (["--task", TASK, "--set", "hidden=0"], "hidden = '0'"),
        (["--task", TASK, "--set", "hiden=4"], "did you mean 'hidden'"),
        (
            ["--task", TASK, "--set", "deterministic_policy=true"],
            "deterministic_policy = True: this problem has no use",
        ),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(arguments, message, tmp_path, capsys):
    assert main([*RUN, *arguments, "--out", str(tmp_path)]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert message in last
    assert list(tmp_path.iterdir()) == []


def test_an_object_is_a_task_too(tmp_path):
    names = {}
    exec(FILE.read_text(), names)
    algorithm = esbench.EGGROLL(pop_size=32, learning_rate=0.05, sigma=0.1)
    of_class = esbench.train(names["Spirals"], algorithm, tier="smoke", settings={"hidden": 8}, progress=False)
    of_object = esbench.train(names["Spirals"](hidden=8), algorithm, tier="smoke", progress=False)
    one, other = ([row.model_dump(exclude=CLOCKS) for row in r.runs[0].rows] for r in (of_class, of_object))
    assert one == other
    assert of_class.plot().axes[0].get_ylabel() == "accuracy (share)"


def test_an_objects_settings_are_recorded_and_guarded(tmp_path):
    names = {}
    exec(FILE.read_text(), names)
    Spirals, algorithm = names["Spirals"], esbench.EGGROLL(pop_size=8)
    options = {"tier": "smoke", "steps": 2000, "out": tmp_path}
    stopped = esbench.run(Spirals(turns=0.3), algorithm, **options, max_seconds=1e-9)
    assert RunDirectory.open(stopped.path).manifest.problem == {"hidden": 16, "batch": 64, "turns": 0.3}
    with pytest.raises(esbench.InputError, match=r"problem.turns was 0.3, is now 0.9"):
        esbench.run(Spirals(turns=0.9), algorithm, **options, resume=True)
    assert esbench.run(Spirals(turns=0.3), algorithm, **options, resume=True).finished
    trained = esbench.train(Spirals(turns=0.3), algorithm, tier="smoke", steps=2000, progress=False)
    scores = esbench.evaluate(Spirals(turns=0.3), trained.policies[0], episodes=50)
    assert scores["accuracy"].shape == (50,)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"cost": ""}, "cost '': expected a word"),
        ({"track": 3}, "track 3: expected a word"),
        ({"track": "rl"}, "is of environments"),
        ({"budgets": {"smoke": 3}}, r"expected Budgets\(...\)"),
    ],
)
def test_what_a_problem_states_is_checked(stated, message):
    names = {}
    exec(FILE.read_text(), names)
    changed = type("Changed", (names["Spirals"],), stated)
    with pytest.raises(esbench.InputError, match=message):
        esbench.train(changed, esbench.EGGROLL(pop_size=8), tier="smoke", steps=2000, progress=False)


def test_tune_finds_settings_for_it(tmp_path, capsys):
    ranges = tmp_path / "ranges.toml"
    ranges.write_text('[constants]\npop_size = 16\n[ranges]\nsigma = { low = 0.05, high = 0.3, scale = "log" }\n')
    command = ["tune", "--tasks", TASK, "--algorithms", "eggroll", "--trials", "3", "--tier", "smoke"]
    assert main([*command, "--ranges", str(ranges), "--out", str(tmp_path / "tuning")]) == 0
    trials = [json.loads(line) for line in (tmp_path / "tuning" / "trials.jsonl").read_text().splitlines()]
    assert len({trial["trial"] for trial in trials}) == 3
    assert (tmp_path / "tuning" / "chosen" / "eggroll.toml").exists()


def test_a_report_names_its_measure_and_its_unit(runs, tmp_path):
    assert main(["report", str(runs), "--out", str(tmp_path / "report")]) == 0
    text = (tmp_path / "report" / "report.md").read_text()
    assert "accuracy" in text
    assert "return" not in text.lower().replace("returned", "")
