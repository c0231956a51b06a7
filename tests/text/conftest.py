"""A short text to learn, of the user's own."""

import pytest

VERSE = "The quick brown fox jumps over the lazy dog, and the dog does not mind it at all. "


@pytest.fixture
def verses(tmp_path):
    path = tmp_path / "verses.txt"
    path.write_text("".join(VERSE[number % 40 :] for number in range(400)))
    return path
