"""Generated files are the same to the byte on every processor, though sums have other last bits there."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from esbench.leaderboard.build import build
from esbench.report import analysis
from esbench.report import scored_runs as cells
from esbench.report.contents import Contents
from esbench.report.digits import DIGITS, agreed
from esbench.report.ioh import ioh_files
from esbench.report.tables import anchors
from esbench.report.write import read_contents
from esbench.statistics import aggregates as aggregate
from esbench.statistics import comparison, intervals
from esbench.tuning import record
from tests.results.test_committed import ELSEWHERE, RESULTS, SETS

ROOT = RESULTS.parent
BOARDS = ROOT / "leaderboards"
TUNING = RESULTS / "tuning"
CSVS = ("trials.csv", "best_of_k.csv")
# The oldest kernels that NumPy's BLAS has, and NumPy's own without what newer processors can.
ANOTHER_PROCESSOR = {
    "OPENBLAS_CORETYPE": "Prescott",
    "NPY_DISABLE_CPU_FEATURES": " ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name)),
}


def report(name: str) -> dict[str, str]:
    """A report's texts of the committed set, the page without its figures."""
    contents: Contents = read_contents([RESULTS / name, *ELSEWHERE.get(name, [])])
    texts = contents.texts() | {f"ioh/{path}": text for path, text in ioh_files(contents.tiers).items()}
    texts["report.html"] = contents.page({})
    return {f"{name}/{path}": text for path, text in texts.items()}


def tuning_tables() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(TUNING / record.TRIALS, folder)
        record.redraw(Path(folder))
        return {name: (Path(folder) / name).read_text() for name in CSVS}


def everything() -> dict[str, str]:
    """Every text by name that is generated from what is committed."""
    texts = {name: text for one in SETS for name, text in report(one).items()}
    return texts | build(BOARDS) | tuning_tables()


def hashes(texts: dict[str, str]) -> dict[str, str]:
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return everything()


def test_another_processor_writes_the_same_bytes(generated):
    """In a process whose sums are those of an old processor."""
    code = "import json; from tests.results.test_processors import *; print(json.dumps(hashes(everything())))"
    environment = {**os.environ, **ANOTHER_PROCESSOR}
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    there, here = json.loads(run.stdout.splitlines()[-1]), hashes(generated)
    assert sorted(name for name in there.keys() | here.keys() if there.get(name) != here.get(name)) == []


def test_no_number_has_more_digits_than_are_agreed_on(generated):
    for name, text in generated.items():
        numbers = re.findall(r"(?<![\w.])\d+\.\d+", text)
        long = [one for one in numbers if len(one.replace(".", "").strip("0")) > DIGITS]
        assert long == [], name


def test_the_committed_tables_of_the_tuning_are_made_from_its_trials(generated):
    for name in CSVS:
        assert generated[name] == (TUNING / name).read_text()
    for line in (TUNING / record.TRIALS).read_text().splitlines():
        score = json.loads(line)["score"]
        assert score is None or score == agreed(score)


def perturbed(function, generator, cancelling):
    """`function` with other last bits in what it returns; cancelling: also with what numbers of size 1 leave of 0."""

    def wrapped(*arguments, **options):
        values = np.asarray(function(*arguments, **options))
        relative, absolute = generator.integers(-2, 3, (2, *values.shape))
        return values * (1 + relative * 2.0**-52) + cancelling * absolute * 2.0**-54

    return wrapped


def test_last_bits_of_every_statistic_change_nothing(generated, monkeypatch):
    generator = np.random.default_rng(0)
    for module, name in [
        *[(aggregate, name) for name in ("bootstrap_interval", "expansion")],
        *[(module, "standard_error") for module in (comparison, intervals)],
        *[(analysis, "_sample_spread"), (cells, "area_under"), (anchors, "_slope")],
    ]:
        function = perturbed(getattr(module, name), generator, cancelling=name == "bootstrap_interval")
        monkeypatch.setattr(module, name, function)
    for name, function in aggregate.AGGREGATES.items():
        monkeypatch.setitem(aggregate.AGGREGATES, name, perturbed(function, generator, cancelling=True))
    texts = report("bench") | build(BOARDS)
    assert sorted(name for name, text in texts.items() if text != generated[name]) == []
