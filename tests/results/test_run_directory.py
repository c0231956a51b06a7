import hashlib
import json
import os
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from esbench.errors import InputError
from esbench.results.fingerprints import config_hash_of
from esbench.results.records import Device, Row
from esbench.results.run_directory import DamagedRunError, RunDirectory, run_path
from esbench.tasks.spec import determining
from tests.manifests import as_version_3


def contents(directory):
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(directory.rglob("*"))}


@pytest.fixture
def run(tmp_path, make_manifest):
    return RunDirectory.create(run_path(tmp_path, "lite", "CartPole-v1", "eggroll", 0), make_manifest())


def test_path_of_a_run(tmp_path):
    expected = tmp_path / "lite" / "CartPole-v1" / "my-variant.2" / "seed-3"
    assert run_path(tmp_path, "lite", "CartPole-v1", "my-variant.2", 3) == expected


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "../up", "evosax:CMA_ES", "a b", "a\n", "x" * 101, "-x"]
)
def test_a_name_that_is_no_safe_slug_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="--name LABEL") as error:
        run_path(tmp_path, "lite", "CartPole-v1", name, 0)
    assert repr(name) in str(error.value)
    with pytest.raises(InputError, match="task id"):
        run_path(tmp_path, "lite", name, "eggroll", 0)


def test_a_negative_seed_is_refused(tmp_path):
    with pytest.raises(InputError, match="seed -1"):
        run_path(tmp_path, "lite", "CartPole-v1", "eggroll", -1)


def test_a_run_reads_back_as_it_was_written(run, make_manifest, make_row):
    rows = [make_row(), make_row(generation=7, useful_steps=2**40, training={"sigma": 0.1, "loss": None}, final=True)]
    for row in rows:
        run.append(row)
    again = RunDirectory.open(run.path)
    assert again.manifest == run.manifest == make_manifest()
    assert again.rows == run.rows == rows
    assert again.finished


def test_each_row_is_readable_as_soon_as_it_is_appended(run, make_row):
    for generation in range(3):
        run.append(make_row(generation=generation))
        reader = RunDirectory.open(run.path)
        assert [row.generation for row in reader.rows] == list(range(generation + 1))
        assert not reader.finished


@given(value=st.floats(allow_nan=False, allow_infinity=False), steps=st.integers(0, 2**62))
def test_numbers_survive_exactly(tmp_path_factory, make_manifest, make_row, value, steps):
    run = RunDirectory.create(tmp_path_factory.mktemp("run") / "seed-0", make_manifest(settings={"sigma": value}))
    run.append(make_row(return_mean=value, useful_steps=steps, training={"x": value}))
    again = RunDirectory.open(run.path)
    for number in (again.rows[0].value, again.rows[0].training["x"], again.manifest.settings["sigma"]):
        assert number.hex() == value.hex()
    assert again.rows[0].useful_steps == steps


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_no_row_and_no_file_holds_nan_or_infinity(tmp_path, make_manifest, make_row, value):
    with pytest.raises(ValidationError):
        make_row(return_mean=value)
    with pytest.raises(ValidationError):
        make_row(training={"loss": value})
    with pytest.raises(ValueError):
        RunDirectory.create(tmp_path / "seed-0", make_manifest(settings={"sigma": value}))
    assert contents(tmp_path) == {}


def test_a_finished_run_is_refused_and_left_alone(run, tmp_path, make_manifest, make_row):
    run.append(make_row(final=True))
    before = contents(tmp_path)
    with pytest.raises(InputError, match="finished run") as error:
        RunDirectory.create(run.path, make_manifest())
    assert f"esbench report {run.path}" in str(error.value)
    assert "\n" not in str(error.value)
    assert contents(tmp_path) == before


def test_an_unfinished_run_is_refused_and_left_alone(run, tmp_path, make_manifest, make_row):
    run.append(make_row())
    before = contents(tmp_path)
    with pytest.raises(InputError, match="--resume") as error:
        RunDirectory.create(run.path, make_manifest())
    assert "\n" not in str(error.value)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("below", ["file", "file/deeper/seed-0"])
def test_a_path_that_cannot_be_written_is_refused(tmp_path, make_manifest, below):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError) as error:
        RunDirectory.create(tmp_path / below, make_manifest())
    assert str(tmp_path / below) in str(error.value)
    assert contents(tmp_path) == {tmp_path / "file": b"in the way"}


def test_an_unwritable_directory_is_refused(tmp_path, make_manifest, monkeypatch):
    def denied(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    # File permissions do not bind a superuser, which tests may run as.
    monkeypatch.setattr(os, "mkdir", denied)
    with pytest.raises(InputError, match=f"cannot write a run to {tmp_path}.*Permission denied"):
        RunDirectory.create(tmp_path / "seed-0", make_manifest())


def test_a_refusal_is_known_before_the_work(run, tmp_path, make_row, monkeypatch):
    before = contents(tmp_path)
    RunDirectory.check_new(tmp_path / "another" / "seed-0")
    with pytest.raises(InputError, match="--resume"):
        RunDirectory.check_new(run.path)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=f"cannot write a run to {tmp_path}/file/seed-0"):
        RunDirectory.check_new(tmp_path / "file" / "seed-0")
    monkeypatch.setattr(os, "access", lambda *_args: False)
    with pytest.raises(InputError, match="not writable"):
        RunDirectory.check_new(tmp_path / "another")
    (tmp_path / "file").unlink()
    assert contents(tmp_path) == before


def test_rows_can_be_replaced_and_followed(run, make_row):
    run.append(make_row())
    run.append(make_row(useful_steps=900))
    run.replace([run.rows[0], make_row(useful_steps=900, final=True)])
    run.append(make_row(useful_steps=1500))
    again = RunDirectory.open(run.path)
    assert again.rows == run.rows
    assert [(row.useful_steps, row.final) for row in again.rows] == [(0, False), (900, True), (1500, False)]
    assert [path.name for path in run.path.iterdir()] == ["run.jsonl"]


def test_a_failed_replacement_leaves_the_old_rows(run, make_row, monkeypatch):
    run.append(make_row())
    before = (run.path / "run.jsonl").read_bytes()

    def interrupted(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.replace([make_row(final=True)])
    assert (run.path / "run.jsonl").read_bytes() == before
    assert not RunDirectory.open(run.path).finished


def test_a_second_final_row_is_refused(run, make_row):
    run.append(make_row(final=True))
    run.append(make_row(useful_steps=2000))  # an overshoot may follow the score
    with pytest.raises(ValueError, match="final row"):
        run.append(make_row(final=True))
    assert len(RunDirectory.open(run.path).rows) == 2


def test_a_last_line_cut_off_is_left_out_with_a_warning(run, make_row):
    run.append(make_row())
    run.append(make_row(generation=1))
    file = run.path / "run.jsonl"
    whole = file.read_bytes()
    for cut in range(1, len(whole.splitlines()[-1]) + 1):
        file.write_bytes(whole[:-cut])
        with pytest.warns(UserWarning, match=r"run\.jsonl, line 3: cut off"):
            again = RunDirectory.open(run.path)
        assert again.rows == run.rows[:1] and again.cut_off
    again.append(make_row(generation=1))
    assert file.read_bytes() == whole


def test_a_whole_file_gives_no_warning(run, make_row):
    run.append(make_row())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RunDirectory.open(run.path)


def damage(lines, how):
    match how:
        case "not JSON":
            return [lines[0], lines[1][:-5], lines[2]]
        case "not text":
            return [lines[0], b"\xff\xfe", lines[2]]
        case "empty line":
            return [lines[0], b"", lines[2]]
        case "unknown key":
            return [lines[0], lines[1].replace(b'"samples"', b'"epochs"'), lines[2]]
        case "wrong type":
            return [lines[0], lines[1].replace(b'"samples": 128', b'"samples": "many"'), lines[2]]
        case "a number in quotes":
            return [lines[0], lines[1].replace(b'"samples": 128', b'"samples": "128"'), lines[2]]
        case "not a number":
            return [lines[0], lines[1].replace(b'"return": 20.0', b'"return": NaN'), lines[2]]


@pytest.mark.parametrize(
    "how",
    ["not JSON", "not text", "empty line", "unknown key", "wrong type", "a number in quotes", "not a number"],
)
def test_damage_in_the_middle_is_an_error_that_names_the_line(run, make_row, how):
    run.append(make_row())
    run.append(make_row(final=True))
    file = run.path / "run.jsonl"
    file.write_bytes(b"\n".join(damage(file.read_bytes().splitlines(), how)) + b"\n")
    with pytest.raises(DamagedRunError) as error:
        RunDirectory.open(run.path)
    assert f"{file}, line 2" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["useful_steps", "train_seconds"])
def test_totals_that_fall_are_damage(run, make_row, name):
    for value in (0, 5, 4):
        run.append(make_row(**{name: value}))
    with pytest.raises(DamagedRunError, match=f"line 4: {name} falls from 5"):
        RunDirectory.open(run.path)


def test_records_out_of_place_are_damage(run, make_row):
    run.append(make_row())
    run.append(make_row(final=True))
    file = run.path / "run.jsonl"
    lines = file.read_bytes().splitlines()
    for wrong, number in ((lines[1:], 1), ([lines[0], lines[0]], 2), ([lines[0], lines[2], lines[2]], 3)):
        file.write_bytes(b"\n".join(wrong) + b"\n")
        with pytest.raises(DamagedRunError, match=f"line {number}"):
            RunDirectory.open(run.path)


@pytest.mark.parametrize("rest", [b"", b'{"kind": "manif'])
def test_a_file_without_its_manifest_is_an_error(run, rest):
    (run.path / "run.jsonl").write_bytes(rest)
    with pytest.raises(DamagedRunError, match="line 1: the manifest is missing"):
        RunDirectory.open(run.path)


def test_another_version_of_the_format_is_named(run):
    file = run.path / "run.jsonl"
    text = file.read_text()
    for version in ("6", "0", '"2"', "true"):
        file.write_text(text.replace('"schema_version": 5', f'"schema_version": {version}'))
        with pytest.raises(
            DamagedRunError, match=r"line 1: written in version .* of the format; this esbench reads 1 to 5"
        ):
            RunDirectory.open(run.path)


def test_version_1_is_read(run, make_manifest):
    file = run.path / "run.jsonl"
    values = as_version_3(json.loads(file.read_text())) | {"schema_version": 1}
    del values["tuning"]
    file.write_text(json.dumps(values) + "\n")
    assert RunDirectory.open(run.path).manifest == make_manifest()


def test_version_4_knew_no_runs_together(run, make_manifest):
    file = run.path / "run.jsonl"
    values = json.loads(file.read_text()) | {"schema_version": 4}
    del values["device"]["together"]
    file.write_text(json.dumps(values) + "\n")
    assert RunDirectory.open(run.path).manifest == make_manifest()


def test_a_device_says_how_many_runs_shared_a_program():
    alone = Device(platform="cpu", kind="A", count=1)
    four = alone.model_copy(update={"together": 4})
    assert (str(alone), str(four)) == ("1 x A (cpu)", "1 x A, 4 runs together (cpu)")
    assert four.then(four) == four
    assert str(four.then(alone)) == "1 x A, 4 runs together, then A (cpu)"
    assert four.then(alone).then(alone) == four.then(alone)


def hashed_as_version_3(values):
    """`values` with the hash of that version, written down again here."""
    names = ("algorithm", "settings", "policy", "problem", "tier", "budget", "sizes", "precision")
    hashed = {"task": determining(values["task"]), **{name: values[name] for name in names}}
    return {**values, "config_hash": hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()}


def test_version_3_is_read_with_its_hash_and_a_wrong_hash_stays_wrong(run, make_manifest):
    file = run.path / "run.jsonl"
    values = as_version_3(json.loads(file.read_text()))
    for written, right in ((hashed_as_version_3(values), True), (values, False)):
        file.write_text(json.dumps(written) + "\n")
        read = RunDirectory.open(run.path).manifest
        assert read.model_copy(update={"config_hash": "0" * 64}) == make_manifest()
        assert (read.config_hash == config_hash_of(read)) == right


def test_a_directory_without_a_run_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no run in"):
        RunDirectory.open(tmp_path)


def test_rows_are_plain_json_lines(run, make_row):
    run.append(make_row(return_mean=0.1, training={"loss": None}))
    manifest, row = (run.path / "run.jsonl").read_text().splitlines()
    assert manifest.startswith('{"kind": "manifest", "schema_version": 5, "task": {"id": "CartPole-v1"')
    assert '"scores": {"return": 0.1' in row
    assert row.endswith('"training": {"loss": null}}')
    assert set(Row.model_fields) == set(json.loads(row))
