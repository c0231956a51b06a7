"""A text is split by its documents, the same way every time."""

import numpy as np
import pytest

from esbench.errors import InputError
from esbench.text.corpus import Corpus, chapters, pieces


def test_every_tenth_document_is_held_out_whole():
    documents = [bytes([97 + number % 26]) * (number + 1) for number in range(25)]
    corpus = Corpus.of(documents, "mine")
    train, held_out = (corpus.decode(part) for part in (corpus.train, corpus.held_out))
    assert held_out == "\n\n" + "j" * 10 + "\n\n" + "t" * 20
    assert train.startswith("\n\na\n\nbb\n\nccc") and "j" not in train
    assert corpus.alphabet[0] == 0 and (np.diff(corpus.alphabet.astype(int)) > 0).all()
    assert corpus.train.dtype == np.uint8 and corpus.train.max() < len(corpus.alphabet)


def test_pieces_are_the_whole_text():
    text = bytes(np.random.default_rng(0).integers(1, 256, 1234, np.uint8))
    assert b"".join(pieces(text)) == text and len(pieces(text)) == 200
    assert b"".join(pieces(b"short")) == b"short"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "0 bytes of 0 kinds: expected a text of 200 bytes or more, of two kinds or more"),
        (b"a" * 5000, "5,000 bytes of 1 kinds"),
        (b"ab", "2 bytes of 2 kinds"),
        (b"ab\0" * 300, "has a byte 0"),
    ],
)
def test_a_text_without_anything_to_learn_is_refused(text, message):
    with pytest.raises(InputError, match=f"mine: {message}"):
        Corpus.of(pieces(text), "mine")


def test_a_prompt_is_read_back_and_an_unknown_character_is_named():
    corpus = Corpus.of(pieces("Æther and air, ".encode() * 50), "mine")
    assert corpus.decode(corpus.encode("air Æ")) == "air Æ"
    with pytest.raises(InputError, match="prompt has '!', which the text has not"):
        corpus.encode("air!")


def test_chapters_of_a_module():
    source = 'bible = Bible(1, "\\nOne. Two.\\nThree. Æ", {%s}, False)'
    verses = {1001001: 1, 1001002: 6, 1002001: 11, 2001001: 18}
    filler = {9_009_100 + number: 0 for number in range(30_000)}  # verses that begin no chapter
    filler = {verse: start for verse, start in filler.items() if verse % 1000 != 1}
    filler |= {8_008_002 + number * 1000: 0 for number in range(100)}
    source %= ", ".join(f"{verse}: {start}" for verse, start in {**verses, **filler}.items())
    assert chapters(source.encode()) == [b"One. Two.", b"Three.", "Æ".encode()]
