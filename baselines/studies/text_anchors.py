"""What is easily known of a text's held-out part, in bits per byte: what tasks of the track text have as anchors.

    python baselines/studies/text_anchors.py                     of KingJames-v0: writes text_anchors.csv here
    python baselines/studies/text_anchors.py --task text:my.txt  of another text: prints only

Counts of one, two and three symbols in a row are of the chapters that are trained on, each smoothed by the one below:
(count + 2 x the shorter one's probability) / (count of the context + 2). Compressors see only the held-out part.
"""

import argparse
import csv
import gzip
import lzma
import math
from pathlib import Path

import numpy as np

from esbench.tasks import registry
from esbench.tasks.text.specs import KING_JAMES
from esbench.text.corpus import Corpus

OUT = Path(__file__).with_suffix(".csv")
STRENGTH = 2.0
"""Of a shorter context: as if it had been seen so often."""


def anchors(corpus: Corpus) -> dict[str, float]:
    """Bits per byte of the held-out part by name."""
    symbols, held = len(corpus.alphabet), corpus.held_out
    found = {"uniform": math.log2(symbols)}
    probabilities = np.full(len(held), 1 / symbols)
    for order, name in enumerate(("unigram", "bigram", "trigram")):
        probabilities = _smoothed(corpus.train, held, symbols, order, probabilities)
        # The first symbols have no context of that length.
        found[name] = float(-np.log2(probabilities[2:]).mean())
    text = bytes(corpus.alphabet[held])
    found["gzip"] = 8 * len(gzip.compress(text, 9, mtime=0)) / len(text)
    found["xz"] = 8 * len(lzma.compress(text, preset=9)) / len(text)
    return found


def _smoothed(train: np.ndarray, held: np.ndarray, symbols: int, order: int, shorter: np.ndarray) -> np.ndarray:
    """The probability of each held-out symbol after the `order` before it; shorter: after one fewer."""
    contexts = np.bincount(_codes(train, symbols, order), minlength=symbols**order)
    counts = np.bincount(_codes(train, symbols, order + 1), minlength=symbols ** (order + 1))
    own = counts[_codes(held, symbols, order + 1)]
    context = contexts[_codes(held, symbols, order + 1) // symbols]
    found = shorter.copy()
    found[order:] = (own + STRENGTH * shorter[order:]) / (context + STRENGTH)
    return found


def _codes(text: np.ndarray, symbols: int, length: int) -> np.ndarray:
    """A number for every `length` symbols in a row."""
    places = len(text) - length + 1
    codes = np.zeros(places, np.int64)
    for at in range(length):
        codes = codes * symbols + text[at : at + places]
    return codes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default=KING_JAMES.id)
    task = parser.parse_args().task
    found = anchors(_corpus(task))
    for name, value in found.items():
        print(f"{name:8} {value:.4f}")
    if task == KING_JAMES.id:
        with OUT.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(
                [("task", "anchor", "bits per byte"), *((task, name, f"{value:.4f}") for name, value in found.items())]
            )


def _corpus(name: str) -> Corpus:
    task = registry.task(name)
    return registry.made(task, **task.defaults).corpus()


if __name__ == "__main__":
    main()
