"""Sizes by kind of device, and those that `esbench speed --sizes` keeps."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from esbench.cli import main
from esbench.errors import InputError
from esbench.experiment.options.config import resolve as resolve_config
from esbench.experiment.terminal.dry_run import plan
from esbench.settings import build
from esbench.sizes import CPU, H100, OTHER, Sizes, Widths, kind_of, resolve
from esbench.speed.sizes import half_and_twice
from tests import environments

DELAY = f"{Path(environments.__file__)}:Delay"


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("ESBENCH_SIZES", str(tmp_path / "settings" / "sizes.json"))
    return tmp_path / "settings" / "sizes.json"


@pytest.mark.parametrize(
    ("platform", "device", "kind"),
    [
        ("cpu", "cpu", CPU),
        ("cpu", "AMD EPYC 9H100", CPU),
        ("gpu", "NVIDIA H100 80GB HBM3", H100),
        ("gpu", "NVIDIA H200", H100),
        ("gpu", "NVIDIA A100-SXM4-80GB", OTHER),
        ("tpu", "TPU v5e", OTHER),
    ],
)
def test_a_device_is_of_a_kind(platform, device, kind):
    assert kind_of(platform, device) == kind


@pytest.mark.parametrize(
    ("kind", "members", "widths"),
    [
        (CPU, 1024, Widths(128, 8, 8)),
        (CPU, 256, Widths(64, 8, 8)),
        (H100, 4096, Widths(1024, 128, 128)),
        (H100, 65_536, Widths(16_384, 2048, 2048)),
        (H100, 262_144, Widths(32_768, 4096, 4096)),
        (OTHER, 65_536, Widths(8192, 1024, 1024)),
    ],
)
def test_lanes_follow_the_population(kind, members, widths):
    assert Sizes(**kind.sizes).widths(members, own_bytes=4000) == widths


def test_members_that_are_large_have_fewer_lanes():
    assert Sizes(**H100.sizes).widths(65_536, own_bytes=2**20).lanes == 2048
    assert Sizes().widths(1024, own_bytes=2**30).lanes == 8


def test_without_a_file_a_cpu_has_the_defaults(file):
    assert resolve({}) == Sizes()


def test_kept_sizes_are_those_of_runs_and_given_ones_go_first(file):
    file.parent.mkdir()
    file.write_text(json.dumps({"cpu": {"lanes": 256, "block": 4}, "NVIDIA H100 80GB HBM3": {"lanes": 512}}))
    assert resolve({}) == Sizes(lanes=256, block=4)
    assert resolve({"lanes": "32"}) == Sizes(lanes=32, block=4)
    shown = dict(plan(resolve_config(DELAY, "eggroll", tier="smoke", settings={"lanes": 8}), 0))
    assert "lanes 8, " in shown["sizes"] and "block 4" in shown["sizes"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"cpu": 3}', '{"cpu": {"lane": 3}}', '{"cpu": {"lanes": 0}}'])
def test_a_file_that_holds_no_sizes_is_named_in_one_line(file, text):
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(InputError, match=r"sizes\.json: .*expected sizes by device") as caught:
        resolve({})
    assert "\n" not in str(caught.value)


def test_no_size_is_tried_that_could_not_be_kept():
    def effect(sizes):
        return sizes.widths(4096, 0), sizes.block, sizes.unrolled

    best = Sizes(block=128, unroll=64)
    names = [name for name in asdict(best) if name not in ("devices", "member_bytes")]
    tried = [sizes for name in names for sizes in half_and_twice(best, name, effect)]
    assert {sizes.unroll for sizes in tried} == {64, 32} and {sizes.block for sizes in tried} >= {64, 128, 256}
    assert all(build(Sizes, asdict(sizes)) == sizes for sizes in tried)


@pytest.mark.slow
def test_what_was_measured_is_kept_and_read(file, capsys):
    file.parent.mkdir()
    file.write_text('{"another": {"lanes": 16}}')
    options = ["--task", DELAY, "--width", "8", "--population", "128", "--format", "json"]
    assert main(["speed", "--sizes", *options]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["best"] in [one["sizes"] for one in report["tried"]]
    assert report["tried"][0]["sizes"] == {name: size for name, size in asdict(Sizes()).items() if name != "devices"}
    assert len(report["tried"]) > 3 and all(0 < one["lane_occupancy"] <= 1 for one in report["tried"])
    assert json.loads(file.read_text()) == {"another": {"lanes": 16}, "cpu": report["best"]}
    assert resolve({}) == Sizes(**report["best"])


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--population", "7"], "population 7: expected an even number"), (["--task", "Delay-v9"], "unknown task")],
)
def test_bad_input_keeps_nothing(file, options, message, capsys):
    assert main(["speed", "--sizes", *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line and not file.exists()
