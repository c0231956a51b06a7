"""Tasks by name: the catalogue, files, plug-ins, and what is said when a name or a library is missing."""

import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import gymnasium
import jax
import pytest

from esbench.errors import InputError
from esbench.tasks import registry
from esbench.tasks.registry import Task, make, register, task, task_specs
from esbench.tasks.spec import RL, Measure, TaskSpec
from esbench.tasks.suites.countdown.specs import COUNTDOWN, REASONING
from esbench.tasks.tiers import TIERS

PAPER_TASKS = 16
SUITES = ["brax", "craftax", "gymnax", "jumanji", "kinetix", "navix"]

CORRIDOR = '''
import gymnasium
import jax.numpy as jnp
import numpy as np

from esbench.tasks.environment import Transition
from esbench.tasks.registry import Task
from esbench.tasks.spec import TaskSpec


class Corridor:
    """Walk right to the end.

    A second paragraph.
    """

    observation_space = gymnasium.spaces.Box(0.0, 5.0, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, key):
        return jnp.int32(0), jnp.zeros(1)

    def step(self, key, state, action):
        state = state + action
        obs = jnp.full(1, state, jnp.float32)
        return state, Transition(obs, jnp.float32(action), state >= 5, jnp.bool_(False))


class Short(Corridor):
    max_episode_steps = 3


def sized(length):
    return Corridor()


def corridor():
    return Corridor()


nothing = 3
spec = TaskSpec("Corridor-v7", "user", "corridor", 9, "discrete", "A corridor.")
TASK = Task(spec, Corridor)
CartPole = Task(TaskSpec("CartPole-v1", "user", "mine", 9, "discrete", "Another pole."), Corridor)
'''


@pytest.fixture
def corridor(tmp_path):
    path = tmp_path / "corridor.py"
    path.write_text(CORRIDOR)
    return path


def run_python(code: str, *paths: Path) -> str:
    """What `code` prints in a fresh interpreter that also finds modules below `paths`."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(path) for path in paths] + sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_suites_imported_in_two_threads_leave_the_output_as_it_was():
    """The first to enter is the first to leave: without a lock the second restores the first one's silence."""
    first_inside, before = threading.Event(), sys.stdout

    def first():
        with registry._quiet():
            first_inside.set()
            time.sleep(0.2)

    def second():
        first_inside.wait()
        with registry._quiet():
            time.sleep(0.4)

    threads = [threading.Thread(target=run) for run in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sys.stdout is before


class TestCatalogue:
    def test_the_16_tasks_of_the_paper(self):
        paper_ids = {spec.paper_id for spec in task_specs() if spec.paper_id is not None}
        assert len(paper_ids) == PAPER_TASKS
        assert sorted({spec.suite for spec in task_specs() if spec.track == RL}) == SUITES

    @pytest.mark.parametrize("spec", task_specs(), ids=lambda spec: spec.id)
    def test_spec(self, spec):
        assert TaskSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
        assert task(spec.id).spec is spec
        assert spec.requires.count("==") == (spec.track != REASONING)  # nothing but esbench
        assert spec.random is not None
        assert spec.random.standard_error is not None
        assert spec.reference is not None
        assert spec.measure.sign * spec.random.value < spec.measure.sign * spec.reference.value
        assert spec.random.source
        assert spec.reference.source
        budgets = [getattr(spec.budgets, tier) for tier in TIERS]
        assert budgets == sorted(budgets)

    def test_pins_are_those_of_the_extras(self):
        pyproject = (Path(__file__).parents[2] / "pyproject.toml").read_text()
        pins = {spec.requires for spec in task_specs() if spec.requires}
        assert len(pins) == len(SUITES) + 1
        for pin in pins:
            assert f'"{pin}"' in pyproject

    def test_a_notebook_keeps_its_way_of_drawing(self):
        # jumanji, imported in a notebook, asks it for the backend ipympl.
        printed = run_python("""
            import ipykernel
            from IPython.core.interactiveshell import InteractiveShell

            InteractiveShell.instance()
            import esbench

            print(esbench.make("Knapsack-v1").action_space)
            print(__IPYTHON__)
        """)
        assert printed.splitlines()[-2:] == ["Discrete(50)", "True"]

    def test_the_same_id_twice(self):
        with pytest.raises(ValueError, match="'CartPole-v1' is registered already"):
            register(task("CartPole-v1"))

    def test_listing_loads_nothing_heavy(self):
        heavy = ["jax", "flax", "pandas", "matplotlib", *SUITES]
        code = (
            f"import sys, esbench.tasks.registry as r; r.task_specs(); print([m for m in {heavy} if m in sys.modules])"
        )
        assert run_python(code).strip() == "[]"


class TestUnknownNames:
    @pytest.mark.parametrize(
        ("name", "nearest"), [("cartpole-v1", "CartPole-v1"), ("Snake-v2", "Snake-v1"), ("ant", "Ant-v0")]
    )
    def test_nearest_name(self, name, nearest):
        with pytest.raises(InputError, match=f"unknown task '{name}': did you mean '{nearest}'"):
            task(name)

    def test_missing_file(self):
        with pytest.raises(InputError, match=r"no file .absent\.py."):
            task("absent.py:Thing")


class TestFiles:
    @pytest.mark.parametrize("name", ["Corridor", "corridor"])
    def test_class_or_function(self, corridor, name):
        found = task(f"{corridor}:{name}")
        assert found.spec.id == f"{name}-v0"
        assert found.spec.suite == "user"
        assert found.spec.max_episode_steps == 1000
        assert found.spec.action_kind == "discrete"
        environment = found.make()
        state, _ = environment.reset(jax.random.key(0))
        for _ in range(5):
            state, transition = environment.step(jax.random.key(1), state, jax.numpy.int32(1))
        assert transition.obs == 5
        assert transition.terminated
        assert not transition.truncated

    def test_description_is_the_first_line_of_the_docstring(self, corridor):
        assert task(f"{corridor}:Corridor").spec.description == "Walk right to the end."

    def test_cap_of_the_class(self, corridor):
        environment = make(f"{corridor}:Short")
        state, _ = environment.reset(jax.random.key(0))
        truncated = []
        for _ in range(3):
            state, transition = environment.step(jax.random.key(1), state, jax.numpy.int32(0))
            truncated.append(bool(transition.truncated))
        assert truncated == [False, False, True]

    def test_task(self, corridor):
        assert task(f"{corridor}:TASK").spec.id == "Corridor-v7"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            (
                "nothing",
                "expected a Task, an Environment or a Problem, or a class or function .* not int",
            ),
            ("sized", "missing a required argument: 'length'"),
            ("Transition", "missing a required argument"),
            ("Shrt", "did you mean 'Short'"),
            ("CartPole", "has the id CartPole-v1, which is taken"),
        ],
    )
    def test_what_is_no_task(self, corridor, name, message):
        with pytest.raises(InputError, match=message) as error:
            task(f"{corridor}:{name}")
        assert "\n" not in str(error.value)


class TestPlugins:
    @pytest.fixture
    def installed(self, corridor, tmp_path):
        """A folder as an installer leaves it: two good entry points, and three that cannot be used."""
        points = {
            "Corridor-v7": "corridor:TASK",
            "CartPole-v1": "corridor:CartPole",
            "Absent-v0": "no_such_module:TASK",
            "Nothing-v0": "corridor:nothing",
        }
        folder = tmp_path / "corridor-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: corridor\nVersion: 1.0\n")
        lines = "\n".join(f"{name} = {value}" for name, value in points.items())
        (folder / "entry_points.txt").write_text(f"[esbench.tasks]\n{lines}\n")
        return tmp_path

    def test_good_ones_are_added_and_broken_ones_only_warn(self, installed):
        code = """
            import warnings
            from esbench.errors import InputError
            from esbench.tasks.registry import make, task, task_specs
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                print([spec.id for spec in task_specs()][18:])
            print(len([w for w in caught if "plug-in task" in str(w.message)]))
            print(task("CartPole-v1").spec.suite, make("Corridor-v7").action_space)
            try:
                task("Absent-v0")
            except InputError as error:
                print(error)
        """
        assert run_python(code, installed).splitlines() == [
            "['Corridor-v7']",
            "3",
            "gymnax Discrete(2)",
            "plug-in task 'Absent-v0' cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'",
        ]


class TestMissingSuites:
    def test_the_extra_is_named(self):
        code = f"""
            import sys
            for suite in {SUITES}:
                sys.modules[suite] = None
            from esbench.errors import InputError
            from esbench.tasks.registry import environments, make
            for name in environments():
                try:
                    make(name)
                except InputError as error:
                    print(error)
        """
        assert run_python(code).splitlines() == [
            f"{spec.id} needs {spec.suite}, which is not installed: pip install 'esbench[{spec.suite}]'"
            for spec in task_specs()
            if spec.track == RL
        ]

    def test_a_missing_dependency_of_the_suite(self):
        code = """
            import sys
            sys.modules["mujoco"] = None
            from esbench.errors import InputError
            from esbench.tasks.registry import make
            try:
                make("Ant-v0")
            except InputError as error:
                print(error)
        """
        assert run_python(code).startswith("Ant-v0 needs brax, which cannot be imported (")

    def test_import_noise_is_silenced(self):
        assert run_python("from esbench.tasks.registry import make; make('InvertedDoublePendulum-v0')") == ""


BROKEN = """
import gymnasium, jax.numpy as jnp, numpy as np
from esbench.tasks.environment import Transition

class Right:
    observation_space = gymnasium.spaces.Box(-1, 1, (3,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    size, reward = 3, ()

    def reset(self, key):
        return jnp.int32(0), jnp.zeros(self.size)

    def step(self, key, state, action):
        end = state > 3
        return state + 1, Transition(jnp.zeros(3), jnp.zeros(self.reward), end, end)

class BadShape(Right):
    size = 2

class BadReward(Right):
    reward = (1,)

class Grows(Right):
    def step(self, key, state, action):
        return (state[0], state), super().step(key, 0, action)[1]

    def reset(self, key):
        return (jnp.int32(0), jnp.int32(0)), jnp.zeros(3)

class Raises(Right):
    def reset(self, key):
        raise RuntimeError("reset is broken")

class CannotBeMade(Right):
    def __init__(self):
        raise OSError("no file")

BOX, DISCRETE = gymnasium.spaces.Box, gymnasium.spaces.Discrete

def seen(space):
    return type("Seen", (Right,), {"observation_space": space, "size": space.shape})

def taken(space):
    return type("Taken", (Right,), {"action_space": space})

Image = seen(BOX(0, 1, (8, 8, 1)))
Scalar = seen(BOX(0, 1, ()))
Empty = seen(BOX(0, 1, (0,)))
Place = seen(DISCRETE(4))
Named = seen(gymnasium.spaces.Dict(a=BOX(0, 1)))
Matrix = taken(BOX(0, 1, (2, 2)))
Nothing = taken(BOX(0, 1, (0,)))
Whole = taken(BOX(0, 3, (2,), np.int32))
Start = taken(DISCRETE(3, start=-1))
Several = taken(gymnasium.spaces.MultiDiscrete([2, 3]))
Flags = taken(gymnasium.spaces.MultiBinary(3))

class Never(Right):
    max_episode_steps = None

class AtOnce(Right):
    max_episode_steps = 0

class Half(Right):
    max_episode_steps = 0.5
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("BadShape", "reset gives obs of float32[2]: expected float32[3]"),
        ("BadReward", "step gives reward of float32[1]: expected float32[]"),
        ("Grows", "step gives a state of another structure, other shapes or types than reset does"),
        ("Raises", "RuntimeError: reset is broken"),
        ("CannotBeMade", "OSError: no file"),
        ("Image", "observation_space is a Box of shape (8, 8, 1) and type float32: expected a gymnasium.spaces.Box"),
        ("Scalar", "observation_space is a Box of shape () and type float32"),
        ("Empty", "observation_space is a Box of shape (0,) and type float32"),
        ("Place", "observation_space is Discrete(4)"),
        ("Named", "observation_space is Dict('a': Box(0.0, 1.0, (1,), float32))"),
        (
            "Matrix",
            "action_space is a Box of shape (2, 2) and type float32: expected a gymnasium.spaces.Discrete, or a",
        ),
        ("Nothing", "action_space is a Box of shape (0,) and type float32"),
        ("Whole", "action_space is a Box of shape (2,) and type int32"),
        ("Start", "action_space is Discrete(3, start=-1): expected it to start at 0"),
        ("Several", "action_space is MultiDiscrete([2 3])"),
        ("Flags", "action_space is MultiBinary(3)"),
        ("Never", "max_episode_steps None: expected a whole number, 1 or more"),
        ("AtOnce", "max_episode_steps 0: expected 1 or more"),
        ("Half", "max_episode_steps 0.5: expected a whole number, 1 or more"),
    ],
)
def test_a_users_environment_that_breaks_the_contract_is_one_line(name, message, tmp_path):
    file = tmp_path / "broken.py"
    file.write_text(BROKEN)
    assert make(f"{file}:Right").observation_space.shape == (3,)
    with pytest.raises(InputError) as caught:
        make(f"{file}:{name}")
    assert message in str(caught.value) and f"broken.py:{name}" in str(caught.value) and "\n" not in str(caught.value)


def test_an_installed_task_that_breaks_the_contract_is_one_line(tmp_path):
    (tmp_path / "broken.py").write_text(BROKEN)
    code = """
        import broken
        from esbench.errors import InputError
        from esbench.tasks.registry import Task, make, register
        from esbench.tasks.spec import TaskSpec
        register(Task(TaskSpec("Image-v0", "user", "an image", 9, "discrete", "Broken."), broken.Image))
        try:
            make("Image-v0")
        except InputError as error:
            print(error)
    """
    printed = run_python(code, tmp_path)
    assert printed.startswith("Image-v0: ContractError: observation_space is a Box of shape (8, 8, 1)")
    assert printed.count("\n") == 1


def test_a_file_that_leaves_python_is_one_line(tmp_path):
    file = tmp_path / "leaves.py"
    file.write_text("import sys; sys.exit('bye')")
    with pytest.raises(InputError, match="cannot be loaded: SystemExit: bye"):
        task(f"{file}:Task")


def test_all_never_mixes_tracks(monkeypatch):
    spec = TaskSpec("Text-v0", "user", "text", track="text", measure=Measure("bits", "chapter"), cost="tokens")
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    register(Task(spec, object))
    assert "Text-v0" in [spec.id for spec in task_specs()]
    assert len(registry.environments()) == 16 and "Text-v0" not in registry.environments()
    assert "esbench/Text-v0" not in gymnasium.registry
    with pytest.raises(InputError, match="Text-v0 is of the track text: it is no environment"):
        registry.make("Text-v0")


def test_an_environment_of_another_track_is_no_less_one():
    assert COUNTDOWN.id in [spec.id for spec in task_specs()] and COUNTDOWN.id not in registry.environments()
    assert make(COUNTDOWN.id).action_space == gymnasium.make(f"esbench/{COUNTDOWN.id}").action_space
    with pytest.raises(ValueError, match="expected max_episode_steps and action_kind, of an environment, or neither"):
        TaskSpec("Half-v0", "user", "half", 9, track="reasoning")
