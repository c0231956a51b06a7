"""What the text of an option is read as: whole numbers, seconds, seeds, names, and the options of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from cyclopts import Parameter, Token

from esbench.errors import InputError, unknown
from esbench.experiment.options.run_options import RunOptions, Storage


def convert(hint: Any, tokens: tuple[Token, ...]) -> Any:
    """A value of the type `hint`, for every option that does not say how it is read."""
    token = tokens[-1]
    if get_origin(hint) is Literal and token.value not in get_args(hint):
        raise unknown((token.keyword or "value").lstrip("-"), token.value, get_args(hint))
    kind = next(kind for kind in (*get_args(hint), hint) if kind is not NoneType)
    return {int: whole, float: float, Path: Path}.get(kind, str)(token.value)


def read(by: Callable[[str], Any], metavar: str) -> Parameter:
    """An option whose text, one word, is read by a function; ValueError says what was expected."""
    return Parameter(converter=lambda _, tokens: by(tokens[-1].value), metavar=metavar, n_tokens=1)


def whole(text: str) -> int:
    """A whole number, also as 1_000_000 or 2e6."""
    try:
        number = float(text) if "e" in text.lower() else int(text)
        if number == int(number):
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{text!r}: expected a whole number")


def _positive(text: str) -> int:
    if (number := whole(text)) >= 1:
        return number
    raise ValueError(f"{text!r}: expected 1 or more")


def _seconds(text: str) -> float:
    try:
        if (seconds := float(text)) > 0:
            return seconds
    except ValueError:
        pass
    raise ValueError(f"{text!r}: expected seconds, more than 0")


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ValueError(f"{text!r}: expected names with commas between them")
    return list(dict.fromkeys(names))


def _seeds(text: str) -> list[int]:
    """`0:5` is 0, 1, 2, 3, 4; `0,3` is 0 and 3; both together too."""
    seeds: list[int] = []
    try:
        for part in text.split(","):
            first, colon, last = part.partition(":")
            seeds += range(int(first), int(last)) if colon else [int(first)]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0:
        raise ValueError(f"{text!r}: expected seeds such as 0:5 (0 to 4) or 0,3")
    return list(dict.fromkeys(seeds))


def _shard(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return int(number), int(of)
    raise ValueError(f"{text!r}: expected I/N, such as 1/4, 2/4, 3/4, 4/4")


def _settings(_hint: Any, tokens: tuple[Token, ...]) -> dict[str, str]:
    pairs = [token.value.partition("=") for token in tokens]
    for name, equals, value in pairs:
        if not (name and equals):
            raise InputError(f"--set {name + equals + value!r}: expected NAME=VALUE")
    return {name: value for name, _, value in pairs}


Positive = Annotated[int, read(_positive, "N")]
Seconds = Annotated[float, read(_seconds, "S")]
Tasks = Annotated[list[str], read(_names, "T,T|all")]
Algorithms = Annotated[list[str], read(_names, "A,A")]
Names = Annotated[list[str], read(_names, "T,T")]
Seeds = Annotated[list[int], read(_seeds, "0:5")]
Shard = Annotated[tuple[int, int], read(_shard, "I/N")]
Format = Annotated[Literal["table", "json"], Parameter(name="--format", metavar="table|json")]
Directory = Annotated[str, Parameter(metavar="DIR")]
File = Annotated[str, Parameter(metavar="FILE")]
_SET = Parameter(
    name="--set",
    metavar="NAME=VALUE ...",
    converter=_settings,
    n_tokens=-1,
    consume_multiple=1,
    show_default=False,
)


@dataclass(frozen=True, kw_only=True)
class Options(Storage, RunOptions):
    """The options of a run, as `resolve` takes them: each field of both is an option of the commands that run.

    A field stands here again only where its spelling is not that of its name and type.
    """

    settings: Annotated[Mapping[str, Any], _SET] = field(default_factory=dict)
    out: Annotated[str | Path, Parameter(metavar="DIR")] = Storage.out
    checkpoint_seconds: Seconds = Storage.checkpoint_seconds

    def __post_init__(self):
        """`resolve` checks both."""


Given = Annotated[Options, Parameter(name="*")]
DEFAULTS = Options()
