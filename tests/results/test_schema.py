"""The committed JSON Schema describes what esbench writes, and what it wrote."""

import json
from pathlib import Path

import jsonschema
import pytest

from esbench.results.records import SCHEMA
from esbench.results.schema import schemas, write

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("name", schemas())
def test_the_committed_schema_is_the_models(name):
    assert (RESULTS / "schema" / name).read_text() == schemas()[name], "run `make results`"


def test_records_fit_the_schema_and_others_do_not(make_manifest, make_row):
    for kind, record in (("manifest", make_manifest()), ("row", make_row(training={"loss": None}))):
        validator = jsonschema.Draft202012Validator(json.loads(schemas()[f"{kind}-v{SCHEMA}.schema.json"]))
        validator.validate(record.model_dump())
        assert not validator.is_valid(record.model_dump() | {"another": 1})


def test_committed_runs_fit_the_schema():
    """Each that of its version; those of version 1 that of version 2: what it did not have is optional."""
    for file in (RESULTS / "bench").rglob("run.jsonl"):
        first, *others = map(json.loads, file.read_text().splitlines())
        manifest, row = (committed(kind, max(first["schema_version"], 2)) for kind in ("manifest", "row"))
        manifest.validate(first)
        for values in others:
            row.validate(values)


def committed(kind, version):
    text = (RESULTS / "schema" / f"{kind}-v{version}.schema.json").read_text()
    return jsonschema.Draft202012Validator(json.loads(text))


def test_writing_leaves_older_versions(tmp_path):
    (tmp_path / "row-v0.schema.json").write_text("{}")
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"row-v0.schema.json", *schemas()}
