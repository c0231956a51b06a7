"""Training with objects, in memory: the same rows as on disk, and pure functions under vmap and scan."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import esbench
from esbench import EGGROLL, PPO, OpenES
from esbench.results.run_directory import RunDirectory
from esbench.settings import settings

CLOCKS = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}
SMALL = {"n_layers": 1, "layer_size": 16}
TINY = Path(__file__).parent / "experiment" / "tiny.py"
ECHO = {"task": f"{TINY}:ECHO", "algorithm": EGGROLL(pop_size=8), "tier": "smoke", "settings": SMALL}

CELL = """
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import struct

from esbench import Gaussian, centred_ranks


class State(struct.PyTreeNode):
    mean: dict


@dataclass(frozen=True)
class Plain:
    pop_size: int = 8
    sigma: float = 0.2

    def init(self, key, params):
        return State(params)

    def ask(self, key, state):
        return Gaussian(state.mean, key, jnp.float32(self.sigma), size=self.pop_size, rank=1), state

    def tell(self, key, state, population, fitness):
        total = population.weighted_sum(centred_ranks(fitness))
        return state.replace(mean=jax.tree.map(lambda m, t: m + 0.02 * jnp.sign(t), state.mean, total))

    def deployed(self, state):
        return state.mean

    def metrics(self, state):
        return {"size": sum(jnp.abs(leaf).sum() for leaf in jax.tree.leaves(state.mean))}
"""


@pytest.fixture
def cell():
    """The classes of a notebook's cell: their source is in no file."""
    names = {"__name__": "__main__"}
    exec(compile(CELL, "<ipython-input-3-0a1b2c>", "exec"), names)
    return names


@pytest.fixture(autouse=True)
def nothing_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def without_clocks(rows):
    return [row.model_dump(exclude=CLOCKS) for row in rows]


def leaves(state):
    def data(leaf):
        return jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf

    return [np.asarray(data(leaf)) for leaf in jax.tree.leaves(state)]


def assert_same(one, other):
    for a, b in zip(leaves(one), leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


class TestLearner:
    @pytest.mark.parametrize(
        ("task", "algorithm", "settings"),
        [
            ("CartPole-v1", EGGROLL(pop_size=32), {}),
            ("CartPole-v1", OpenES(pop_size=16, optimizer="sgd"), {}),
            ("Knapsack-v1", EGGROLL(pop_size=16, rank=2), {"normalize_observations": True}),
            ("Pendulum-v1", EGGROLL(pop_size=16), {}),
        ],
        ids=["eggroll", "open_es", "normalized", "one_action"],
    )
    def test_vmap_over_seeds_and_over_sigma_equals_runs_alone_to_the_bit(self, task, algorithm, settings):
        learner = esbench.learner(task, algorithm, settings={**SMALL, **settings})
        step, together = jax.jit(learner.step), jax.jit(jax.vmap(learner.step))
        seeds, sigmas = jnp.array([0, 1, 7]), jnp.array([0.05, 0.1, 0.3])
        for init, inputs in ((learner.init, seeds), (lambda sigma: learner.init(5, sigma=sigma), sigmas)):
            alone = [jax.jit(init)(value) for value in inputs]
            states = jax.jit(jax.vmap(init))(inputs)
            for _ in range(3):
                alone, states = [step(state)[0] for state in alone], together(states)[0]
            for number, state in enumerate(alone):
                assert_same(jax.tree.map(lambda leaf, n=number: leaf[n], states), state)

    def test_scan_over_generations_equals_steps_to_the_bit(self):
        learner = esbench.learner("CartPole-v1", EGGROLL(pop_size=32), settings=SMALL)
        state = jax.jit(learner.init)(3)
        scanned, _ = jax.jit(lambda s: jax.lax.scan(lambda s, _: (learner.step(s)[0], None), s, length=10))(state)
        step = jax.jit(learner.step)
        for _ in range(10):
            state, _ = step(state)
        assert_same(scanned, state)

    def test_it_is_what_a_run_steps(self):
        result = esbench.train(**ECHO, steps=800, progress=False)
        learner = esbench.learner(ECHO["task"], ECHO["algorithm"], settings=SMALL, steps=800)
        state, step = jax.jit(learner.init)(0), jax.jit(learner.step)
        for _ in range(result.runs[0].counts.generation):
            state, _ = step(state)
        assert_same(state, result.states[0])
        scores = learner.evaluate(learner.deployed(state), jax.random.key(0), size=16)
        assert {name: values.shape for name, values in scores.items()} == dict.fromkeys(
            ("return", "length", "return_greedy", "return_sample"), (16,)
        )

    def test_numbers_of_a_plain_dataclass_and_of_a_subclass(self, cell):
        @settings
        class Sub(EGGROLL):
            pass

        for algorithm in (cell["Plain"](), Sub(pop_size=8)):
            learner = esbench.learner(ECHO["task"], algorithm, settings=SMALL)
            low, high = (jax.jit(learner.step)(learner.init(0, sigma=sigma))[1] for sigma in (0.01, 0.5))
            again = jax.jit(learner.step)(learner.init(0, sigma=jnp.float32(0.01)))[1]
            assert_same(low.training, again.training)
            assert low.useful_steps.sum() == high.useful_steps.sum() == 80

    def test_runs_that_differ_in_switches_share_a_program(self):
        """Each has, to the bit, what a program that was made for its settings alone gives."""
        switches = ("deterministic_policy", "normalize_observations", "rank_transform")
        runs = [(False, False, False), (True, False, True), (False, True, True), (True, True, False)]
        learner = esbench.learner(ECHO["task"], OpenES(pop_size=8), settings=SMALL)
        begun = jax.vmap(lambda *values: learner.init(3, **dict(zip(switches, values, strict=True))))
        step, score = jax.jit(jax.vmap(learner.step)), jax.jit(jax.vmap(learner.deployed))
        states = begun(*jnp.array(runs).T)
        for _ in range(3):
            states, metrics = step(states)
        assert len(np.unique(jax.tree.leaves(states.strategy.mean)[0], axis=0)) == len(runs)
        for number, values in enumerate(runs):
            settings = {**SMALL, **dict(zip(switches, values, strict=True))}
            alone = esbench.learner(ECHO["task"], OpenES(pop_size=8), settings=settings)
            state, one = alone.init(3), jax.jit(alone.step)
            for _ in range(3):
                state, measured = one(state)
            deployed = alone.deployed(state)
            assert deployed.action_mode == ("greedy" if values[0] else "sample")
            assert (deployed.statistics.count > 0) == values[1]
            mine = jax.tree.map(lambda leaf, number=number: leaf[number], (states, metrics, score(states)))
            assert_same(mine, (state, measured, deployed))

    @pytest.mark.parametrize(
        ("number", "message"),
        [("sigmaa", "did you mean 'sigma'"), ("pop_size", "unknown number of eggroll 'pop_size'")],
    )
    def test_only_numbers_can_be_given_at_init(self, number, message):
        learner = esbench.learner(ECHO["task"], EGGROLL(pop_size=8), settings=SMALL)
        with pytest.raises(esbench.InputError, match=message):
            learner.init(0, **{number: 0.1})


class TestTrain:
    def test_rows_are_those_of_a_run_on_disk_and_nothing_is_written(self, tmp_path):
        result = esbench.train(**ECHO, seeds=[0, np.int64(4)], progress=False)
        assert list(tmp_path.iterdir()) == []
        for number, seed in enumerate((0, 4)):
            on_disk = esbench.run(**ECHO, seed=seed, out=tmp_path / "runs")
            assert without_clocks(result.runs[number].rows) == without_clocks(on_disk.rows)
        frame = result.to_frame()
        kept = esbench.load_results(tmp_path / "runs")
        assert list(frame.columns) == list(kept.columns)
        assert frame["return_mean"].tolist() == kept["return_mean"].tolist()
        assert frame["implementation"].unique().tolist() == ["eggroll"]

    def test_a_class_from_a_cell(self, cell, tmp_path):
        result = esbench.train(ECHO["task"], cell["Plain"], steps=400, tier="smoke", settings=SMALL, progress=False)
        again = esbench.train(ECHO["task"], cell["Plain"](pop_size=8), steps=400, tier="smoke", settings=SMALL)
        assert without_clocks(result.runs[0].rows) == without_clocks(again.runs[0].rows)
        assert result.to_frame()["size"].iloc[-1] > 0
        assert "Plain" in repr(result) and len(repr(result)) < 200

    def test_a_strategy_from_a_cell_that_raises_is_named_with_its_line(self, cell):
        class Broken(cell["Plain"]):
            def tell(self, key, state, population, fitness):
                raise ValueError("no idea")

        with pytest.raises(esbench.StrategyError, match=r"Broken.tell raised ValueError: no idea"):
            esbench.train(ECHO["task"], Broken(), steps=400, tier="smoke", settings=SMALL, progress=False)

    def test_policies_act(self):
        result = esbench.train(**ECHO, steps=800, progress=False)
        policy = result.policies[0]
        assert policy([1.0]).shape == () and policy(np.zeros((3, 1))).shape == (3,)
        scores = esbench.evaluate(ECHO["task"], policy, episodes=16)
        assert scores["return"].shape == (16,) and (scores["length"] == 10).all()

    def test_going_on_gives_the_state_of_the_longer_run(self):
        short = esbench.train(**ECHO, steps=480, seeds=2, progress=False)
        gone_on = esbench.train(**ECHO, steps=960, start=short, progress=False)
        whole = esbench.train(**ECHO, steps=960, seeds=2, progress=False)
        assert_same(gone_on.states[2], whole.states[2])
        assert gone_on.runs[0].counts == whole.runs[0].counts
        assert gone_on.runs[0].score.value == whole.runs[0].score.value
        assert sum(row.final for row in gone_on.runs[0].rows) == 1

    def test_a_row_that_becomes_the_score_has_its_policy(self):
        """The last row of a short run overshoots its budget; of the longer one it is the score."""
        short = esbench.train(**ECHO, steps=100, progress=False)
        assert [row.useful_steps for row in short.runs[0].rows if row.final] == [80]
        gone_on = esbench.train(**ECHO, steps=161, start=short, progress=False)
        whole = esbench.train(**ECHO, steps=161, progress=False)
        assert gone_on.runs[0].score.useful_steps == whole.runs[0].score.useful_steps == 160
        assert_same(gone_on.runs[0].deployed, whole.runs[0].deployed)

    def test_metrics_never_replace_columns(self, cell):
        class Measured(cell["Plain"]):
            def metrics(self, state):
                return {"seed": jnp.float32(7)}

        rows = []
        esbench.train(ECHO["task"], Measured(), steps=80, settings=SMALL, seeds=3, callback=rows.append, progress=False)
        assert rows[-1]["seed"] == 3 and rows[-1]["training_seed"] == 7

        class Taken(cell["Plain"]):
            def metrics(self, state):
                return {"fitness_max": jnp.float32(7)}

        with pytest.raises(esbench.StrategyError, match=r"Taken.metrics returned 'fitness_max', which is the loop's"):
            esbench.train(ECHO["task"], Taken(), steps=80, settings=SMALL, progress=False)

    def test_the_callback_gets_every_row(self):
        rows = []
        result = esbench.train(**ECHO, steps=400, callback=rows.append, progress=False)
        assert [row["useful_steps"] for row in rows] == result.to_frame()["useful_steps"].tolist()
        assert {"task", "seed", "return_mean", "train_seconds"} <= rows[0].keys()
        assert rows[-1]["fitness_mean"] == result.runs[0].rows[-1].training["fitness_mean"]

    def test_an_interrupt_leaves_what_was_reached(self, capsys):
        def stop(row):
            if row["seed"] == 1 and row["useful_steps"] > 200:
                raise KeyboardInterrupt

        result = esbench.train(**ECHO, seeds=range(3), callback=stop)
        assert result.interrupted and [run.finished for run in result.runs] == [True, False]
        assert result.runs[1].rows[-1].useful_steps > 200 and result.states[1] is not None
        learner = esbench.learner(ECHO["task"], ECHO["algorithm"], settings=SMALL)
        assert_same(result.policies[1].deployed, learner.deployed(result.states[1]))
        assert "interrupted" in capsys.readouterr().err

    def test_plots(self):
        figure = esbench.train(**ECHO, steps=400, seeds=range(2), progress=False).plot()
        (axes,) = figure.axes
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("environment steps", "return")
        assert [line.get_label() for line in axes.get_lines()] == ["seed 0", "seed 1", "mean"]


class TestRun:
    def test_objects_and_overwriting(self, tmp_path, cell):
        once = esbench.run(ECHO["task"], cell["Plain"](), tier="smoke", settings=SMALL, out="runs")
        with pytest.raises(esbench.InputError, match="holds a finished run"):
            esbench.run(ECHO["task"], cell["Plain"](), tier="smoke", settings=SMALL, out="runs")
        again = esbench.run(ECHO["task"], cell["Plain"](), tier="smoke", settings=SMALL, out="runs", overwrite=True)
        assert without_clocks(once.rows) == without_clocks(again.rows)
        assert again.to_frame()["final"].sum() == 1 and "<table" in again._repr_html_()
        assert len(repr(again)) < 200
        manifest = RunDirectory.open(again.path).manifest
        assert (manifest.name, manifest.algorithm, manifest.preset) == ("Plain", "Plain", "defaults")

    def test_tasks_and_environments_as_objects(self):
        task = esbench.task(ECHO["task"])
        by_name = esbench.train(**ECHO, steps=400, progress=False)
        by_task = esbench.train(task, ECHO["algorithm"], steps=400, tier="smoke", settings=SMALL, progress=False)
        assert without_clocks(by_name.runs[0].rows) == without_clocks(by_task.runs[0].rows)
        environment = task.make()
        of_object = esbench.train(environment, ECHO["algorithm"], steps=400, settings=SMALL, progress=False)
        assert of_object.config.task.spec.id == "Echo-v0" or of_object.config.task.spec.suite == "user"


@dataclasses.dataclass(frozen=True)
class NoStrategy:
    pop_size: int = 4


@dataclasses.dataclass(frozen=True)
class Holds(NoStrategy):
    data: object = None

    def init(self, key, params): ...
    def ask(self, key, state): ...
    def tell(self, key, state, population, fitness): ...
    def deployed(self, state): ...


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"algorithm": EGGROLL(pop_size=8), "preset": "lite"}, "an object brings its settings"),
        ({"algorithm": 3}, "algorithm 3 is not a dataclass"),
        ({"algorithm": NoStrategy()}, "is no strategy: it lacks init, ask, tell, deployed"),
        ({"algorithm": None}, "algorithm None is not a dataclass"),
        ({"task": 7}, "expected a Task, an Environment or a Problem"),
        ({"task": NoStrategy}, "NoStrategy has no reset"),
        ({"policy": 5}, "policy 5"),
        ({"policy": "mpl"}, "did you mean 'mlp'"),
        ({"steps": "1000"}, "steps '1000': expected a whole number"),
        ({"steps": True}, "steps True: expected a whole number"),
        ({"steps": 1000.0}, "steps 1000.0: expected a whole number"),
        ({"steps": -5}, "steps -5: expected 1 or more"),
        ({"seeds": 3.0}, "seed 3.0: expected a whole number"),
        ({"seeds": [0, True]}, "seed True: expected a whole number"),
        ({"seeds": [-1]}, "seed -1: expected 0 to"),
        ({"seeds": np.bool_(True)}, "seed .*True.*: expected a whole number"),
        ({"seeds": "0:5"}, "seed '0:5': expected a whole number"),
        ({"seeds": []}, "seeds: expected at least one"),
        ({"preset": {}, "algorithm": "eggroll"}, "preset {}: expected a name"),
        ({"settings": [1]}, r"settings \[1\]: expected a dictionary"),
        ({"tier": 3}, "tier 3: expected a name"),
        ({"start": 3}, "start: expected what esbench.train gave"),
        ({"callback": 3}, "callback 3: expected a function"),
        ({"seeds": np.array(3.0)}, "seed .*3.*: expected a whole number"),
        ({"seeds": b"01"}, "seed b'01': expected a whole number"),
        ({"seeds": {0: 1}}, "seed {0: 1}: expected a whole number"),
        ({"name": 3}, "name 3 cannot name a directory"),
        ({"algorithm": esbench.EvolutionAlgorithm(EGGROLL(pop_size=8), 3)}, "expected a strategy, .* an Evolution"),
        ({"algorithm": esbench.EvolutionAlgorithm(EGGROLL)}, "expected a strategy, as an object"),
        ({"algorithm": esbench.EvolutionAlgorithm}, "expected EvolutionAlgorithm"),
        ({"algorithm": Holds(8, np.zeros(3))}, "setting data of Holds = .*: expected what JSON holds"),
        ({"algorithm": Holds("8")}, "pop_size '8': expected a whole number"),
        ({"task": lambda: 3}, "lambda"),
        ({"algorithm": PPO(num_envs=8, num_steps=8, num_minibatches=2), "policy": "gru", "settings": {}}, "memory"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_compiled(changes, message, tmp_path):
    with pytest.raises(esbench.InputError, match=message) as error:
        esbench.train(**{**ECHO, **changes}, progress=False)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", [3.0, True, -1, "0", np.float32(1)])
def test_a_seed_that_is_none_makes_no_directory(seed, tmp_path):
    with pytest.raises(esbench.InputError, match="seed"):
        esbench.run(**ECHO, seed=seed, out=tmp_path / "runs")
    assert list(tmp_path.iterdir()) == []
    assert esbench.run(**ECHO, seed=np.int32(3), steps=np.int64(400), out="runs").path.name == "seed-3"


@pytest.mark.parametrize("out", [None, 3, [], ""])
def test_a_place_that_is_none_is_refused(out, tmp_path):
    with pytest.raises(esbench.InputError, match=r"out .*: expected a directory"):
        esbench.run(**ECHO, out=out)
    assert list(tmp_path.iterdir()) == []
