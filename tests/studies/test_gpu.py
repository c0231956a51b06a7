"""What a GPU does: the rehearsal on a CPU takes the same way, and the figure is made from its JSON."""

import json
from dataclasses import asdict, replace

import pytest

from baselines.studies import gpu


def row(algorithm, size, runs, speed):
    return {"task": "CartPole-v1", "algorithm": algorithm, "size": size, "runs": runs, "useful_steps_per_second": speed}


def test_the_figure_has_a_line_an_algorithm_and_leaves_out_what_failed_and_other_sizes():
    names = ("eggroll", "open_es", "ppo")
    population = [row(name, size, 1, 1e6 * size) for name in names for size in (64, 256)]
    failed = {"task": "CartPole-v1", "algorithm": "eggroll", "size": 1024, "runs": 1, "error": "no memory"}
    wider = {**row("eggroll", 512, 1, 1e6), "sizes": {"jobs_per_lane": 2}}
    other = {**row("ppo", 64, 4, 1e5), "task": "Pendulum-v1"}
    compared = {"task": "CartPole-v1", "members": 256, "relative_difference": [0.0]}
    parts = {
        "generations": [row("ppo", 64, 2, 1e5), other],
        "like a cpu": [compared],
        "by population": [*population, failed, wider],
    }
    document = {"scale": asdict(gpu.FULL), "parts": {name: {"measured": rows} for name, rows in parts.items()}}
    left, right = gpu.draw(document).axes
    assert [list(line.get_xdata()) for line in left.lines] == [[64, 256]] * 3
    # OpenES has 256 members, PPO 64 environments.
    assert [list(line.get_xdata()) for line in right.lines] == [[1], [1, 2]]


def test_every_task_is_measured_light_ones_first():
    specs = {spec.id: spec.suite for spec in gpu.task_specs() if spec.track == gpu.RL}
    assert set(specs.values()) == {*gpu.SUITES} and len(specs) == 16


@pytest.mark.slow
def test_the_rehearsal_takes_the_same_way(tmp_path, capsys):
    scale = replace(gpu.REHEARSAL, tasks=("CartPole-v1",), together=(1, 2), populations=(32,))
    gpu.main(scale, tmp_path)
    (file,) = tmp_path.glob("throughput-*.json")
    parts = json.loads(file.read_text())["parts"]
    assert list(parts) == list(gpu.PARTS)
    rows = [row for part in parts.values() for row in part["measured"]]
    assert not [row for row in rows if "error" in row]
    assert all(0 < min(row["occupancy"]) <= 1 for row in rows if "occupancy" in row)
    assert parts["same seed"]["measured"][0]["same_bits"] is True
    assert max(parts["like a cpu"]["measured"][0]["relative_difference"]) == 0
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".png", ".svg"}
    assert "12M" in capsys.readouterr().out
