"""The gallery of the documentation says what the cards say."""

from pathlib import Path

import pytest

from esbench.tasks.catalogue import CARDS, CATALOGUE

DOCS = Path(__file__).parents[2] / "docs"
SECTIONS = {section.partition("\n")[0]: section for section in (DOCS / "tasks.md").read_text().split("\n## ")[1:]}


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.id)
def test_a_task_has_its_picture_its_card_and_its_anchors(spec):
    section, card = SECTIONS[spec.id], CARDS[spec.id]
    assert f"](pictures/{spec.id}.png)" in section and (DOCS / "pictures" / f"{spec.id}.png").is_file()
    for text in (spec.description, card.observation, card.action, card.reward, card.ends, card.differences):
        assert text.replace("|", "/") in section
    anchors = [spec.random, spec.heuristic, spec.reference]
    assert ", ".join("-" if anchor is None else f"{anchor.value:g}" for anchor in anchors) in section
    assert f"{spec.max_episode_steps:,} steps" in section and f"{spec.budgets.lite:,} steps" in section


def test_no_other_task_is_there():
    assert list(SECTIONS) == [spec.id for spec in CATALOGUE]
