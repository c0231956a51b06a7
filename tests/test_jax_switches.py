"""Whatever is switched on outside, numbers are the same, or it is refused, or recorded."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import configurations

import esbench
from esbench import doctor
from esbench.cli import main
from esbench.errors import InputError
from esbench.jax_switches import in_force, pinned, recorded
from esbench.results.fingerprints import config_hash_of
from esbench.results.run_directory import RunDirectory

KEY = jax.random.key(3)  # before anything is switched
CLOCKS = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}
SMALL = {"tier": "smoke", "steps": 160, "settings": {"pop_size": 8, "n_layers": 1, "layer_size": 4}}
OTHERWISE = {
    "jax_default_prng_impl": "rbg",
    "jax_threefry_partitionable": False,
    "jax_enable_custom_prng": True,
    "jax_enable_x64": True,
    "jax_numpy_dtype_promotion": "strict",
    "jax_numpy_rank_promotion": "raise",
    "jax_default_matmul_precision": "bfloat16",
    "jax_default_device": "cpu",
    "jax_softmax_custom_jvp": True,
    "jax_enable_custom_vjp_by_custom_transpose": True,
    "jax_disable_jit": True,
    "jax_debug_nans": True,
    "jax_debug_infs": True,
    "jax_debug_key_reuse": True,
    "jax_check_tracer_leaks": True,
    "jax_enable_checks": True,
    "jax_legacy_prng_key": "error",
    "jax_no_tracing": True,
    "jax_no_execution": True,
    "jax_transfer_guard": "disallow",
}
REFUSED = {
    "jax_random_seed_offset": 5,
    "jax_high_dynamic_range_gumbel": True,
    "jax_explicit_x64_dtypes": "error",
    "jax_error_checking_behavior_nan": "raise",
    "jax_error_checking_behavior_divide": "raise",
    "jax_error_checking_behavior_oob": "raise",
    "jax_use_simplified_jaxpr_constants": True,
}


@pytest.fixture
def switch():
    """Switches what it is told in the whole process, until the test is over."""
    before = {}

    def switch(name, value):
        library = configurations if name.startswith("flax") else jax
        names = [name]
        if name == "jax_transfer_guard":
            names += [f"{name}_{way}" for way in ("host_to_device", "device_to_device", "device_to_host")]
        for changed in names:
            now = getattr(library.config, changed) if library is configurations else jax.config.values[changed]
            before.setdefault((library, changed), now)
        library.config.update(name, value)

    yield switch
    for (library, name), value in before.items():
        library.config.update(name, value)


def numbers(result):
    return [row.model_dump(exclude=CLOCKS) for row in result.rows]


def run(out, algorithm="eggroll", **options):
    return esbench.run("CartPole-v1", algorithm, out=out, **{**SMALL, **options})


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run under no switch: its numbers, its hash and the policy's action."""
    return seen(run(tmp_path_factory.mktemp("plain")))


def seen(result):
    manifest = RunDirectory.open(result.path).manifest
    policy = esbench.load_policy(result.path)
    actions = policy(np.ones(4, np.float32)), policy(np.ones(4, np.float32), KEY)
    return numbers(result), manifest.config_hash, [(int(action), str(action.dtype)) for action in actions]


def every(*names):
    """All of them, the named ones in the fast tests."""
    slow = pytest.mark.slow
    return [pytest.param(name, marks=() if name in names else slow) for name in OTHERWISE]


@pytest.mark.parametrize(
    "name", every("jax_default_prng_impl", "jax_threefry_partitionable", "jax_enable_x64", "jax_numpy_rank_promotion")
)
def test_a_run_has_the_same_rows_under_every_switch(name, switch, plain, tmp_path):
    switch(name, OTHERWISE[name])
    assert name in in_force() or name == "jax_transfer_guard"
    found = seen(run(tmp_path))
    assert found == plain
    assert jax.config.values[name] == OTHERWISE[name] or name == "jax_default_device"


def test_ppo_has_the_same_rows_under_all_of_them_together(switch, tmp_path):
    settings = {"num_envs": 4, "num_steps": 16, "num_minibatches": 2, "n_layers": 1, "layer_size": 4}
    before = run(tmp_path / "before", "ppo", settings=settings)
    for name, value in OTHERWISE.items():
        switch(name, value)
    assert numbers(run(tmp_path / "after", "ppo", settings=settings)) == numbers(before)


@pytest.mark.parametrize("name", [*REFUSED, "flax_fix_rng_separator", "flax_preserve_adopted_names"])
def test_what_cannot_be_pinned_and_changes_numbers_is_refused_in_one_line(name, switch, tmp_path, capsys):
    switch(name, REFUSED.get(name, True))
    command = ["run", "--task", "CartPole-v1", "--algorithm", "eggroll", "--tier", "smoke", "--out", str(tmp_path)]
    assert main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"esbench: {name.upper()} is ") and f"config.update('{name}', " in line
    assert not list(tmp_path.iterdir())
    assert in_force()[name].endswith("(refused)")


def test_what_only_changes_last_bits_is_recorded_and_a_run_does_not_go_on_under_another(switch, tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=/nowhere --xla_cpu_enable_fast_math=true")
    switch("jax_exec_time_optimization_effort", -0.5)
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", "AVX2")
    stopped = run(tmp_path, max_seconds=1e-9)
    manifest = RunDirectory.open(stopped.path).manifest
    assert not stopped.finished
    assert manifest.switches == recorded()
    assert manifest.switches == {
        "XLA_FLAGS": "--xla_cpu_enable_fast_math=true",
        "jax_exec_time_optimization_effort": "-0.5",
        "NPY_DISABLE_CPU_FEATURES": "AVX2",
    }
    assert config_hash_of(manifest) == manifest.config_hash
    assert config_hash_of(manifest.model_copy(update={"switches": {}})) != manifest.config_hash
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=/nowhere")
    with pytest.raises(InputError, match=r"switches.XLA_FLAGS was --xla_cpu_enable_fast_math=true, is now None"):
        run(tmp_path, resume=True)
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert run(tmp_path, resume=True).finished


def test_a_thread_that_pins_leaves_the_process_as_it_is(switch):
    switch("jax_enable_x64", True)
    with pinned(), pinned():
        assert jnp.zeros(1, float).dtype == jnp.float32
    assert jnp.zeros(1, float).dtype == jnp.float64


def test_a_users_file_is_loaded_under_no_switch(switch, tmp_path):
    switch("jax_enable_x64", True)
    (tmp_path / "mine.py").write_text("import jax.numpy as jnp\nclass Mine: value = jnp.arange(3.0)\n")
    from esbench.plugins import load_object

    assert load_object(f"{tmp_path / 'mine.py'}:Mine").value.dtype == jnp.float32


def test_doctor_names_every_switch_that_could_matter(switch, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "_suite", lambda suite: (suite, True))
    assert main(["doctor"]) == 0
    assert "switches           none that could change a number" in capsys.readouterr().out
    switch("jax_enable_x64", True)
    switch("jax_numpy_dtype_promotion", "strict")
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert main(["doctor"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("switches")]
    assert line.split(maxsplit=1)[1] == (
        "jax_enable_x64=True (False inside esbench), jax_numpy_dtype_promotion=strict (standard inside esbench), "
        "XLA_FLAGS=--xla_cpu_enable_fast_math=true (recorded)"
    )
    switch("jax_random_seed_offset", 5)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "jax_random_seed_offset=5 (refused)" in said
    assert "FAILED: CartPole-v1: InputError: JAX_RANDOM_SEED_OFFSET is 5" in said


def test_the_defaults_are_those_of_this_jax():
    """Of a process without any switch: a new version of JAX with another default is seen here."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("JAX", "XLA", "FLAX", "NPY"))}
    code = "from esbench import jax_switches; print(jax_switches.in_force())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean, check=True)
    assert done.stdout == "{}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "task", ["CartPole-v1", "Pendulum-v1", "Knapsack-v1", "DoorKey-8x8-v0", "Game2048-v1", "gymnasium:Acrobot-v1"]
)
def test_suites_that_are_imported_under_switches_give_the_same_rows(task, tmp_path):
    """In a process of its own, where the environment's variables are read before anything else."""
    variables = {name.upper(): str(value) for name, value in OTHERWISE.items() if "device" not in name}
    rows = []
    for name, more in (("plain", {}), ("switched", variables)):
        command = [sys.executable, "-m", "esbench", "run", "--task", task, "--algorithm", "eggroll", "--tier", "smoke"]
        command += ["--steps", "8000", "--set", "pop_size=8", "n_layers=1", "layer_size=4", "--out", tmp_path / name]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **more})
        assert done.returncode == 0, done.stderr
        (run,) = (tmp_path / name).rglob("run.jsonl")
        rows.append([row.model_dump(exclude=CLOCKS) for row in RunDirectory.open(run.parent).rows])
    assert rows[0] == rows[1]
