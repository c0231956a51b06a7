"""What is easily known of a text: known answers, and the catalogue's values are those of the committed table."""

import csv
import math

import numpy as np
import pytest

from baselines.studies import text_anchors
from esbench.tasks.text.specs import KING_JAMES
from esbench.text.corpus import Corpus, pieces


def test_the_task_has_the_tables_values():
    with text_anchors.OUT.open() as file:
        found = {row["anchor"]: float(row["bits per byte"]) for row in csv.DictReader(file)}
    assert list(found) == ["uniform", "unigram", "bigram", "trigram", "gzip", "xz"]
    names = {"unigrams": "unigram", "bigrams": "bigram", "gzip -9": "gzip", "xz -9": "xz"}
    assert dict(KING_JAMES.landmarks) == {name: found[column] for name, column in names.items()}
    anchors = (KING_JAMES.random, KING_JAMES.heuristic, KING_JAMES.reference)
    assert [anchor.value for anchor in anchors] == [found["uniform"], found["bigram"], found["trigram"]]


def test_letters_by_chance_have_their_entropy_at_every_order():
    letters, shares = np.frombuffer(b"abcd", np.uint8), [0.5, 0.25, 0.125, 0.125]
    text = bytes(np.random.default_rng(0).choice(letters, 200_000, p=shares))
    found = text_anchors.anchors(Corpus.of(pieces(text), "chance"))
    assert found["uniform"] == math.log2(5)  # the separator is a symbol
    assert [found[name] for name in ("unigram", "bigram", "trigram")] == pytest.approx([1.75] * 3, abs=0.06)


def test_letters_in_turn_are_known_from_the_one_before():
    found = text_anchors.anchors(Corpus.of(pieces(b"abc" * 20_000), "turns"))
    assert found["unigram"] == pytest.approx(math.log2(3), abs=0.1)
    assert found["bigram"] < 0.1 and found["gzip"] < 0.1
