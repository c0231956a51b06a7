"""A file in the format of GSM8K as arrays: JSON lines of a question and a worked answer, whose last line is
`#### NUMBER`."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from esbench.errors import InputError

MARK = b"#### "
"""What the line with an answer's number begins with."""
HELD_OUT = 10
"""One problem of so many is held out."""
_NUMBER = re.compile(r"(-?)([0-9,]*)\.?([0-9]*)")


class Number(NamedTuple):
    """A decimal number. negative: bool (). digits: uint8 (n,), those before the point, without zeros in front, then
    those after it, without zeros at the end; filled up with zeros. point: int32 (), how many are before it. length:
    int32 (), how many there are; none is 0."""

    negative: np.ndarray
    digits: np.ndarray
    point: np.ndarray
    length: np.ndarray


@dataclass(frozen=True, eq=False)
class Problems:
    """The problems of a file.

    text: uint8 (bytes,), of each its question on one line and its answer, all lines with their ends. starts: int32
    (problems,), where it begins. questions, lengths: int32 (problems,), the bytes of its question and of all of it.
    numbers: of the answers, with an axis of problems in front. train, held_out: int32, which are trained on, and which
    are never.
    """

    text: np.ndarray
    starts: np.ndarray
    questions: np.ndarray
    lengths: np.ndarray
    numbers: Number
    train: np.ndarray
    held_out: np.ndarray

    @classmethod
    def of(cls, content: bytes, name: str) -> "Problems":
        """The problems of a file's content. InputError, naming `name` and the line, for what is not in the format, and
        where there is nothing to train on or to hold out."""
        lines = enumerate(content.split(b"\n"), 1)
        read = [_problem(line, f"{name}, line {number}") for number, line in lines if line.strip()]
        out = np.array([_is_held_out(question) for question, _, _ in read], bool)
        if not out.any() or out.all():
            raise InputError(
                f"{name}: {len(out):,} problems, of which {out.sum():,} are held out, by a hash of their questions: "
                f"expected some to train on and some to hold out; about every {HELD_OUT}th is"
            )
        questions = np.array([len(question) for question, _, _ in read], np.int32)
        lengths = questions + np.array([len(answer) for _, answer, _ in read], np.int32)
        return cls(
            text=np.frombuffer(b"".join(question + answer for question, answer, _ in read), np.uint8),
            starts=np.cumsum(np.append(0, lengths[:-1]), dtype=np.int32),
            questions=questions,
            lengths=lengths,
            numbers=_numbers([number for _, _, number in read]),
            train=np.flatnonzero(~out).astype(np.int32),
            held_out=np.flatnonzero(out).astype(np.int32),
        )


def _problem(line: bytes, where: str) -> tuple[bytes, bytes, re.Match[str]]:
    """Question and answer, each with its lines' ends, and the answer's number."""
    try:
        value = json.loads(line)
        question, answer = (value[name].encode().decode() for name in ("question", "answer"))
    except (ValueError, RecursionError) as error:
        reason = "not UTF-8" if isinstance(error, UnicodeError) else "not JSON"
        raise InputError(f'{where} is {reason}: expected {{"question": ..., "answer": ...}}') from error
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(f'{where}: expected {{"question": "...", "answer": "..."}}, both texts') from error
    *working, last = answer.strip().split("\n")
    mark = MARK.decode()
    number = _NUMBER.fullmatch(last.removeprefix(mark).strip())
    if not last.startswith(mark) or number is None or not (number[2].strip(",") or number[3]):
        raise InputError(f"{where}: the answer ends with {_cut(last)}: expected a last line such as '#### 1,234'")
    if any(line.startswith(mark) for line in working):
        raise InputError(f"{where}: a line of the answer before its last begins with '####': expected only the last to")
    if not question.strip():
        raise InputError(f"{where}: the question is empty: expected a text")
    ended = "".join(f"{line}\n" for line in (*working, f"{mark}{number[0]}"))
    return f"{' '.join(question.split())}\n".encode(), ended.encode(), number


def _cut(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def _is_held_out(question: bytes) -> bool:
    return int.from_bytes(hashlib.sha256(question).digest()[:8], "big") % HELD_OUT == 0


def _numbers(found: list[re.Match[str]]) -> Number:
    whole = [one[2].replace(",", "").lstrip("0") for one in found]
    both = [before + one[3].rstrip("0") for before, one in zip(whole, found, strict=True)]
    digits = np.zeros((len(both), max(1, *map(len, both))), np.uint8)
    for row, text in zip(digits, both, strict=True):
        row[: len(text)] = [int(digit) for digit in text]
    return Number(
        negative=np.array([one[1] == "-" for one in found]),
        digits=digits,
        point=np.array([len(text) for text in whole], np.int32),
        length=np.array([len(text) for text in both], np.int32),
    )
