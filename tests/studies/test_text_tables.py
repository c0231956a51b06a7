"""The committed tables of the studies of texts are what the committed rows give."""

from baselines.studies import text, text_tables
from esbench.report.include import included


def test_tables_are_made_from_committed_rows():
    assert (text_tables.RESULTS / "tables.md").read_text() == text_tables.texts()
    page = text_tables.RESULTS / "README.md"
    assert page.read_text() == included(page)


def test_what_was_studied_has_all_its_seeds():
    found = {}
    for study, variants in text.STUDIES.items():
        for variant in variants:
            if runs := text_tables.runs_of(study, variant):
                found[study, variant.name] = [run.seed for run in runs]
                assert found[study, variant.name] == list(range(variant.seeds)), f"{study}/{variant.name}"
    assert {("base", "base"), ("population", "pop-16384"), ("long", "long")} <= found.keys()


def test_a_variant_is_one_sweep():
    (rank,) = [variant for variant in text.STUDIES["rank"] if variant.name == "rank-2"]
    words = text.command("rank", rank, devices=2)
    assert words[-2:] == ["--set", "rank=2"] and words[words.index("--devices") :][:2] == ["--devices", "2"]
    assert "--devices" not in text.command("backprop", text.STUDIES["backprop"][0], devices=2)
