"""What the text of an option is read as: whole numbers, seconds, seeds, names, and the options of a run."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from cyclopts import Parameter, Token

from esbench.errors import InputError, unknown
from esbench.experiment.options.run_options import RunOptions, Storage


def option(help: str, **more: Any) -> Parameter:
    """What an option means; `more` where its name, or the name of its value, is another."""
    return Parameter(help=help, **more)


def value(read: Callable[[str], Any], metavar: str, **more: Any) -> Parameter:
    """An option whose value, one word, is read by a function; its ValueError says what was expected."""
    return Parameter(converter=lambda _, tokens: read(tokens[-1].value), metavar=metavar, n_tokens=1, **more)


def number(kind: Callable[[str], Any], expected: str, least: float, most: float = math.inf, **more: Any) -> Parameter:
    """An option whose value is a number from `least` to `most`."""

    def read(text: str) -> Any:
        with suppress(ValueError):
            if least <= (found := kind(text)) <= most:
                return found
        raise ValueError(f"{text!r}: expected {expected}")

    return value(read, **{"metavar": "N", **more})


def convert(hint: Any, tokens: Sequence[Token]) -> Any:
    """A value of the type `hint`, for every option that does not say how it is read."""
    token = tokens[-1]
    if get_origin(hint) is Literal and token.value not in get_args(hint):
        raise unknown((token.keyword or "value").lstrip("-"), token.value, get_args(hint))
    kind = next(kind for kind in (*get_args(hint), hint) if kind is not NoneType)
    return {int: _whole, float: float, Path: Path}.get(kind, str)(token.value)


def shown(default: Any) -> str | None:
    """A default as help pages show it: not of flags and of what may be given more than once."""
    return None if isinstance(default, bool | Mapping | None) else str(default)


def _whole(text: str) -> int:
    """A whole number, also as 1_000_000 or 2e6."""
    with suppress(ValueError, OverflowError):
        number = float(text) if "e" in text.lower() else int(text)
        if number == int(number):
            return int(number)
    raise ValueError(f"{text!r}: expected a whole number")


def _shard(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return int(number), int(of)
    raise ValueError(f"{text!r}: expected I/N, such as 1/4, 2/4, 3/4, 4/4")


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ValueError(f"{text!r}: expected names with commas between them")
    return list(dict.fromkeys(names))


def _seeds(text: str) -> list[int]:
    """`0:5` is 0, 1, 2, 3, 4; `0,3` is 0 and 3; both together too."""
    seeds: list[int] = []
    with suppress(ValueError):
        for part in text.split(","):
            first, colon, last = part.partition(":")
            seeds += range(int(first), int(last)) if colon else [int(first)]
        if seeds and min(seeds) >= 0:
            return list(dict.fromkeys(seeds))
    raise ValueError(f"{text!r}: expected seeds such as 0:5 (0 to 4) or 0,3")


def _settings(_hint: Any, tokens: Sequence[Token]) -> dict[str, str]:
    pairs = [token.value.partition("=") for token in tokens]
    for name, equals, text in pairs:
        if not (name and equals):
            raise InputError(f"--set {name + equals + text!r}: expected NAME=VALUE")
    return {name: text for name, _, text in pairs}


Positive = Annotated[int, number(_whole, "1 or more", least=1)]
Seconds = Annotated[float, number(float, "seconds, more than 0", least=math.ulp(0.0), metavar="S")]
Names = Annotated[list[str], value(_names, "T,T")]
Tasks = Annotated[list[str], value(_names, "T,T|all", help="ids, or all: the tier's own")]
Algorithms = Annotated[list[str], value(_names, "A,A", help="names")]
Seeds = Annotated[list[int], value(_seeds, "0:5", help="0:5 (0 to 4) or 0,3")]
Shard = Annotated[tuple[int, int], value(_shard, "I/N", help="the share I of N, 1/N to N/N, of the runs")]
Jobs = Annotated[Positive, option("processes at a time (default: one for each GPU, or one)")]
Together = Annotated[
    Positive,
    option("runs that share their programs side by side in a process (default: as the device has room, 1 on a CPU)"),
]
Format = Annotated[Literal["table", "json"], Parameter(name="--format", metavar="table|json")]

_SET = Parameter(name="--set", metavar="NAME=VALUE ...", converter=_settings, n_tokens=-1, consume_multiple=1)


@dataclass(frozen=True, kw_only=True)
class Options(Storage, RunOptions):
    """The options of a run, as `resolve` takes them: each field of both is an option of the commands that run.

    A field stands here again only where its spelling is not that of its name and type.
    """

    settings: Annotated[Mapping[str, Any], _SET] = field(default_factory=dict)
    start: Annotated[str | Path | None, Parameter(metavar="FILE")] = None
    out: Annotated[str | Path, Parameter(metavar="DIR")] = Storage.out
    checkpoint_seconds: Seconds = Storage.checkpoint_seconds


Given = Annotated[Options, Parameter(name="*")]
DEFAULTS = Options()
