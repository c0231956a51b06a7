"""Objects out of a user's files: what they import, what of an edit runs, and what is recorded of it."""

import copy
import importlib
import json
import os
import pickle
import sys
import time
import typing

import pytest

import esbench
from esbench.algorithms.eggroll import EGGROLL
from esbench.errors import InputError
from esbench.experiment.many_runs.worker import Runner
from esbench.experiment.one_run import row_code
from esbench.experiment.terminal.progress import Silent
from esbench.plugins import load_object, sources
from esbench.results.run_directory import RunDirectory
from esbench.tasks import registry


@pytest.fixture
def write(tmp_path):
    """Writes files below a folder of the test, by path and text; gives the first one's path."""

    def write(folder="", **texts):
        paths = []
        for name, text in texts.items():
            path = tmp_path / folder / f"{name.replace('__of__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            paths.append(path)
        return paths[0]

    return write


def names(texts):
    return [path.name for path in texts]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("import helper\nclass Mine: value = helper.VALUE", 1),
        ("from helper import VALUE\nclass Mine: value = VALUE", 1),
        ("from helper import *\nclass Mine: value = VALUE", 1),
        ("import parts.inner as inner\nclass Mine: value = inner.VALUE", 3),
        ("import parts.inner\nclass Mine: value = parts.inner.VALUE", 3),
        ("from parts import inner\nclass Mine: value = inner.VALUE", 3),
        ("from parts.inner import VALUE\nclass Mine: value = VALUE", 3),
        ("from loose.inner import VALUE\nclass Mine: value = VALUE", 4),
        ("from .helper import VALUE\nclass Mine: value = VALUE", 1),
        ("__import__('helper')\nimport helper\nclass Mine: value = helper.VALUE", 1),
        ("import importlib\nclass Mine: value = importlib.import_module('helper').VALUE", 1),
        ("class Mine:\n  @property\n  def value(self):\n    import helper\n    return helper.VALUE", 1),
        ("import helper\nclass Mine: value = helper.back()", 1),
    ],
)
def test_a_file_imports_from_its_folder_as_a_script_does(write, monkeypatch, text, value):
    file = write(
        mine=text,
        helper="VALUE = 1\ndef back():\n  import mine\n  return mine.helper.VALUE",
        parts__of____init__="from . import deeper",
        parts__of__deeper="VALUE = 2",
        parts__of__inner="from .deeper import VALUE as ONE_LESS\nVALUE = ONE_LESS + 1",
        loose__of__inner="VALUE = 4",
    )
    modules, path = set(sys.modules), list(sys.path)
    mine = load_object(f"{file}:Mine")
    assert mine().value == value
    assert sys.path == path
    assert not {"helper", "parts", "loose", "mine"} & (set(sys.modules) - modules)


def test_helpers_of_one_name_are_each_its_own(write, monkeypatch, tmp_path):
    text = "import helper\ndef later():\n  from helper import VALUE\n  return VALUE\nclass Mine: now = helper.VALUE"
    files = [write(folder, mine=text, helper=f"VALUE = {number}") for number, folder in enumerate(["one", "two"], 1)]
    other = write("elsewhere", helper="VALUE = 'of the process'")
    monkeypatch.syspath_prepend(str(other.parent))
    importlib.import_module("helper")
    loaded = [(load_object(f"{file}:Mine").now, load_object(f"{file}:later")()) for file in files]
    assert loaded == [(1, 1), (2, 2)]
    assert sys.modules.pop("helper").VALUE == "of the process"


def test_modules_that_a_script_would_not_take_from_its_folder_are_pythons_and_esbenchs(write):
    """What is there already, as a file of the very name, or as a folder without one."""
    text = "import time, esbench, json\nclass Mine: modules = time, esbench, json"
    file = write(mine=text, time="raise ImportError", esbench__of____init__="raise ImportError", json__of__a="")
    assert load_object(f"{file}:Mine").modules == (time, esbench, json)


def test_files_of_one_folder_share_what_they_import(write):
    file = write(one="from common import Common", two="from common import Common", common="class Common: ...")
    assert load_object(f"{file}:Common") is load_object(f"{file.with_name('two.py')}:Common")


def test_classes_of_a_helper_are_found_by_what_looks_them_up(write):
    file = write(
        mine="from helper import Part\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Mine:\n  part: 'Part' = None\n",
        helper="class Part: ...",
    )
    mine = load_object(f"{file}:Mine")
    part = typing.get_type_hints(mine)["part"]
    assert type(pickle.loads(pickle.dumps(mine(part()))).part) is part
    assert type(copy.deepcopy(mine(part())).part) is part


@pytest.mark.parametrize("edited", ["mine", "helper", "parts__of__deeper"])
@pytest.mark.parametrize("within_a_tick", [False, True])
def test_an_edited_file_or_helper_is_loaded_anew(write, edited, within_a_tick):
    texts = {
        "mine": "from helper import VALUE\nOWN = 1\nclass Mine: value = OWN + VALUE",
        "helper": "from parts.deeper import VALUE as MORE\nOWN = 1\nVALUE = OWN + MORE",
        "parts__of__deeper": "OWN = 1\nVALUE = OWN",
    }
    file = write(**texts)
    before = load_object(f"{file}:Mine")
    assert load_object(f"{file}:Mine") is before and before.value == 3
    path = file.parent / f"{edited.replace('__of__', '/')}.py"
    stat = path.stat()
    path.write_text(texts[edited].replace("OWN = 1", "OWN = 7"))
    if within_a_tick:
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after = load_object(f"{file}:Mine")
    assert (before.value, after.value) == (3, 9)
    assert b"OWN = 7" not in b"".join(sources(before).values())
    assert b"OWN = 7" in b"".join(sources(after).values())
    assert load_object(f"{file}:Mine") is after


def test_what_is_imported_later_is_what_was_recorded(write):
    file = write(
        mine="class Mine:\n  def value(self):\n    import helper\n    return helper.VALUE",
        helper="VALUE = 1",
    )
    mine = load_object(f"{file}:Mine")
    recorded = sources(mine)
    assert names(recorded) == ["mine.py", "helper.py"]
    file.with_name("helper.py").write_text("VALUE = 2")
    assert mine().value() == 1
    assert sources(mine) == recorded
    assert load_object(f"{file}:Mine")().value() == 2


def test_a_file_that_failed_is_tried_again_once_its_helper_is_mended(write):
    file = write(mine="import helper\nclass Mine: value = helper.VALUE", helper="VALU = 1")
    with pytest.raises(InputError, match=r"mine.py cannot be loaded: AttributeError: module 'helper' has no attribute"):
        load_object(f"{file}:Mine")
    file.with_name("helper.py").write_text("VALUE = 1")
    assert load_object(f"{file}:Mine").value == 1


def test_a_helper_that_is_not_there_is_one_line_with_its_own_name(write):
    file = write(mine="import parts.absent", parts__of____init__="")
    with pytest.raises(InputError, match=r"ModuleNotFoundError: No module named 'parts.absent'$"):
        load_object(f"{file}:Mine")


def test_recorded_is_every_file_of_the_users_and_no_other(write, monkeypatch, tmp_path):
    elsewhere = write("elsewhere", shared="import shared_too\nimport numpy", shared_too="", helper="raise ImportError")
    monkeypatch.syspath_prepend(str(elsewhere.parent))
    file = write(
        mine="import json, jax, esbench.keys\nimport parts, shared\nclass Mine: ...",
        parts__of____init__="from .inner import *\ntry:\n  import absent\nexcept ImportError: ...",
        parts__of__inner="def later():\n  from helper import unknown",
        helper="import mine",
        unrelated="",
    )
    mine = load_object(f"{file}:Mine")
    there = ["mine.py", "helper.py", "__init__.py", "inner.py", "shared.py", "shared_too.py"]
    assert names(sources(mine)) == there
    assert names(sources(mine())) == there
    monkeypatch.delitem(sys.modules, "shared")
    monkeypatch.delitem(sys.modules, "shared_too")


def test_a_shared_module_that_changes_is_refused_since_python_does_not_load_it_again(write, monkeypatch):
    shared = write("elsewhere", shared_between="VALUE = 1")
    monkeypatch.syspath_prepend(str(shared.parent))
    file = write(mine="import shared_between\nclass Mine: value = shared_between.VALUE")
    mine = load_object(f"{file}:Mine")
    shared.write_text("VALUE = 22")
    with pytest.raises(InputError, match=r"shared_between.py, which .*mine.py imports, has changed since this process"):
        load_object(f"{file}:Mine")
    assert b"VALUE = 1" in sources(mine).values()
    importlib.reload(sys.modules["shared_between"])
    assert load_object(f"{file}:Mine").value == 22
    monkeypatch.delitem(sys.modules, "shared_between")


def test_a_class_is_recorded_with_the_file_that_it_was_named_by(write):
    file = write(mine="from helper import Mine\nMine.value = 2", helper="class Mine: value = 1")
    assert names(sources(load_object(f"{file}:Mine"))) == ["mine.py", "helper.py"]
    assert not sources(esbench.TaskSpec) and not sources(int) and not sources(pytest.fixture)


def test_a_file_with_points_in_its_name_is_no_other(write):
    first, second = write(**{"a.b": "class Mine: value = 1"}), write(a_b="class Mine: value = 2")
    assert [load_object(f"{file}:Mine").value for file in (first, second)] == [1, 2]


ENVIRONMENT = """
import gymnasium, jax.numpy as jnp, numpy as np
from esbench.tasks.environment import Transition
from rewards import REWARD

class Line:
    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    max_episode_steps = 5

    def reset(self, key):
        return jnp.int32(0), jnp.zeros(1)

    def step(self, key, state, action):
        done = jnp.bool_(False)
        return state + 1, Transition(jnp.zeros(1), jnp.float32(REWARD), done, done)
"""
STRATEGY = """
from esbench.algorithms.open_es import OpenES
from esbench.settings import settings
from helper import RATE

@settings
class Mine(OpenES):
    rate: float = RATE
"""
SMALL = {"tier": "smoke", "steps": 200, "settings": {"pop_size": 8, "n_layers": 1, "layer_size": 4}}


def test_a_run_after_an_edit_is_of_what_is_there_now(write, tmp_path):
    file = write(mine=STRATEGY, helper="RATE = 0.25", line=ENVIRONMENT, rewards="REWARD = 1")
    task, algorithm = f"{file.with_name('line.py')}:Line", f"{file}:Mine"

    def run(name):
        result = esbench.run(task, algorithm, name=name, out=tmp_path / "runs", **SMALL)
        manifest = RunDirectory.open(result.path).manifest
        return result.score.value, manifest.settings["rate"], manifest.plugins

    first = run("first")
    file.with_name("helper.py").write_text("RATE = 0.5")
    other_rate = run("other-rate")
    file.with_name("rewards.py").write_text("REWARD = 2")
    other_reward = run("other-reward")
    assert first[:2] == (5, 0.25) and other_rate[:2] == (5, 0.5) and other_reward[:2] == (10, 0.5)
    assert len({plugins for *_, plugins in (first, other_rate, other_reward)}) == 3


@pytest.mark.parametrize("edited", ["helper", "rewards"])
def test_a_run_is_not_resumed_with_another_helper(write, tmp_path, edited):
    file = write(mine=STRATEGY, helper="RATE = 0.25", line=ENVIRONMENT, rewards="REWARD = 1")
    arguments = f"{file.with_name('line.py')}:Line", f"{file}:Mine"
    assert not esbench.run(*arguments, out=tmp_path / "runs", max_seconds=1e-9, **SMALL).finished
    path = file.with_name(f"{edited}.py")
    before = path.read_text()
    path.write_text(f"{before}  # edited")
    with pytest.raises(InputError, match="the file of the algorithm or of the task has changed"):
        esbench.run(*arguments, out=tmp_path / "runs", resume=True, **SMALL)
    path.write_text(before)
    if edited == "helper":
        assert esbench.run(*arguments, out=tmp_path / "runs", resume=True, **SMALL).finished


def test_what_a_task_is_made_of_is_recorded_through_whatever_makes_it(write):
    file = write(line=ENVIRONMENT, rewards="REWARD = 1")
    found = registry.task(f"{file}:Line")
    digests = {row_code.plugins(EGGROLL(), found)}
    digests.add(row_code.plugins(EGGROLL(), registry.task(load_object(f"{file}:Line"))))
    file.with_name("rewards.py").write_text("REWARD = 3")
    digests.add(row_code.plugins(EGGROLL(), found))
    assert len(digests) == 1 and None not in digests
    digests.add(row_code.plugins(EGGROLL(), registry.task(f"{file}:Line")))
    assert len(digests) == 2


def test_a_worker_does_not_go_on_with_the_programs_of_a_file_that_was_edited(write, tmp_path):
    file = write(mine=STRATEGY, helper="RATE = 0.25", line=ENVIRONMENT, rewards="REWARD = 1")
    config = {"task": f"{file.with_name('line.py')}:Line", "algorithm": f"{file}:Mine", "out": str(tmp_path), **SMALL}
    runner = Runner(lambda _: Silent())
    assert runner.run({**config, "name": "before"}, 0) == {"outcome": "finished"}
    file.with_name("rewards.py").write_text("REWARD = 3")
    assert runner.run({**config, "name": "after"}, 0) == {"outcome": "finished"}
    scores = {
        run.parent.parent.name: RunDirectory.open(run.parent).rows[-1].value for run in tmp_path.rglob("run.jsonl")
    }
    assert scores == {"before": 5, "after": 15}


def test_what_is_installed_is_recorded_by_the_file_that_defines_it_and_esbenchs_own_not_at_all(write):
    eggroll, cartpole = EGGROLL(), registry.task("CartPole-v1")
    assert row_code.plugins(eggroll, cartpole) is None
    assert row_code.plugins(eggroll, registry.task("gymnasium:Acrobot-v1")) is None
    file = write("site-packages/theirs", theirs="from helper import VALUE\nclass Theirs: ...", helper="VALUE = 1")
    theirs = load_object(f"{file}:Theirs")
    assert names(sources(theirs)) == ["theirs.py", "helper.py"]


def test_a_helper_that_cannot_be_read_is_one_line(write, monkeypatch):
    file = write(mine="import helper\nclass Mine: ...", helper="")
    read = type(file).read_bytes

    def refused(path):
        if path.name == "helper.py":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(type(file), "read_bytes", refused)
    with pytest.raises(InputError, match=r"helper.py cannot be read: Permission denied$"):
        load_object(f"{file}:Mine")
