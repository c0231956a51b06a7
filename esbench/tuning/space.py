"""What is tuned: ranges and choices of settings, read from one strict TOML file per algorithm."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from esbench.algorithms.registry import settings_of
from esbench.errors import InputError, unknown
from esbench.experiment.options.assembly import assemble
from esbench.experiment.options.presets import baselines_file, check_values
from esbench.plugins import names_a_file
from esbench.policies.registry import settings_of as network_settings

Scale = Literal["linear", "log"]
Value = bool | int | float | str
Settings = dict[str, Value]

_SEED = 3
_CANDIDATES = 1024
_NEAR = 0.05
_DIGITS = 4


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included, uniform on the scale; whole ones where `whole`."""

    low: float
    high: float
    scale: Scale
    whole: bool

    def at(self, share: float) -> int | float:
        """The number at `share`, in [0, 1), of the way; to four digits, so that it can be typed."""
        if self.scale == "log":
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + (self.high - self.low) * share
        if self.whole:
            return min(max(round(value), math.ceil(self.low)), math.floor(self.high))
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)


@dataclass(frozen=True)
class Choices:
    """One of a list, each as often."""

    choices: tuple[Value, ...]

    def at(self, share: float) -> Value:
        return self.choices[int(share * len(self.choices))]


@dataclass(frozen=True)
class Space:
    """The settings of an algorithm that are tuned, and the constants that all trials have. source: the file."""

    source: Path
    algorithm: str
    constants: Settings
    tuned: Mapping[str, Range | Choices]

    def trials(self, number: int) -> list[Settings]:
        """The first `number` settings: points that are spread evenly in every pair of axes. The first ones stay the
        same when more are asked for. InputError where one cannot be built."""
        trials = []
        for point in spread(list(self.tuned.values()), number):
            drawn = {name: axis.at(share) for (name, axis), share in zip(self.tuned.items(), point, strict=True)}
            trials.append({**self.constants, **drawn})
            check_values(f"{self.source}: [ranges]", trials[-1], trials[-1], self.algorithm)
        return trials


def spread(axes: Sequence[Range | Choices], number: int) -> np.ndarray:
    """Points, (number, axes) float64 in [0, 1), with a fixed seed: each is, of many random ones, that with the least
    company in the pairs of axes.

    So the trials of one choice have every part of every range, and every other choice, as often as those of another: an
    effect of one axis is not taken for another's. The first points of Halton's and of Sobol's sequence do not promise
    that. Two points are company in a pair of axes where they are near on both: on a range, whose ends count as
    neighbours, by their distance; on choices where they have the same one.
    """
    generator = np.random.default_rng(_SEED)
    parts = np.array([len(axis.choices) if isinstance(axis, Choices) else 0 for axis in axes])
    points = np.empty((0, len(axes)))
    for _ in range(number):
        candidates = generator.random((_CANDIDATES, len(axes)))
        apart = np.abs(candidates[:, None] - points)
        other = np.floor(candidates[:, None] * parts) != np.floor(points * parts)
        near = 1 / (np.where(parts, other, np.minimum(apart, 1 - apart)) + _NEAR)
        company = near.sum(-1) ** 2 - (near**2).sum(-1)  # twice the sum over pairs of their products
        points = np.vstack([points, candidates[company.sum(-1).argmin()]])
    return points


def ranges_file(algorithm: str) -> Path:
    """Where the ranges of `algorithm` are: `baselines/search/NAME.toml`, and beside a user's `path/to/file.py`, as
    `path/to/file.toml`. InputError where there is no such file."""
    if names_a_file(algorithm):
        shown = Path(algorithm.rpartition(":")[0]).expanduser().with_suffix(".toml")
        found = shown if shown.is_file() else None
    else:
        own = Path("search", f"{algorithm.replace(':', '/')}.toml")
        shown, found = "baselines" / own, baselines_file(own)
    if found is None:
        raise InputError(f"no ranges for algorithm {algorithm!r}: expected --ranges FILE.toml, or a file {shown}")
    return found


def read_space(path: Path, algorithm: str) -> Space:
    """The ranges in `path`, checked. InputError, naming the file and the key, for everything that cannot be."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors begin with a mark
    except OSError as error:
        raise InputError(f"cannot read ranges {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    for name, table in tables.items():
        if name not in ("constants", "ranges"):
            raise InputError(f"{path}: {unknown('table', name, ['constants', 'ranges'])}")
        if not isinstance(table, dict):
            raise InputError(f"{path}: {name} = {table!r}: expected a table")
    constants, ranges = tables.get("constants", {}), tables.get("ranges", {})
    if not ranges:
        raise InputError(f"{path}: nothing to tune: expected [ranges] with a setting, as sigma = {_EXAMPLE}")
    check_values(f"{path}: [constants]", constants, constants, algorithm)
    built = assemble(algorithm, constants)
    known = {**network_settings(built.network), **settings_of(built.algorithm)}
    tuned = {}
    for name, values in ranges.items():
        if name in constants:
            raise InputError(f"{path}: {name} is a constant and has a range: expected one of the two")
        if name not in known:
            raise InputError(f"{path}: [ranges] {unknown(f'setting of {algorithm}', name, known)}")
        try:
            tuned[name] = _axis(values, known[name])
        except ValueError as error:
            raise InputError(f"{path}: [ranges] {name} = {_toml(values)}: {error}") from None
        # Each end by itself: a bad one must not depend on which trials are drawn.
        axis = tuned[name]
        ends = axis.choices if isinstance(axis, Choices) else (axis.at(0.0), axis.at(1.0))
        for end in ends:
            check_values(f"{path}: [ranges]", {name: end}, {**constants, name: end}, algorithm)
    return Space(path, algorithm, constants, tuned)


_EXAMPLE = '{ low = 0.01, high = 1.0, scale = "log" }'


def _axis(values: Any, default: Any) -> Range | Choices:
    """The range or the choices that a file's `values` are, of a setting with this default; ValueError says why not."""
    if not isinstance(values, dict) or ("choices" in values) == ("low" in values or "high" in values):
        raise ValueError(f"expected {_EXAMPLE} or {{ choices = [...] }}")
    expected = ["choices"] if "choices" in values else ["low", "high", "scale"]
    for name in values:
        if name not in expected:
            raise ValueError(f"unknown key {name!r}: expected {', '.join(expected)}")
    if "choices" in values:
        choices = values["choices"]
        if not isinstance(choices, list) or not choices:
            raise ValueError("expected a list of at least one choice")
        if any(choice in choices[:number] for number, choice in enumerate(choices)):
            raise ValueError("expected choices that differ")
        return Choices(tuple(choices))
    if type(default) not in (int, float):
        raise ValueError(f"a range is for numbers, and this is of type {type(default).__name__}: expected choices")
    low, high, scale = values.get("low"), values.get("high"), values.get("scale", "linear")
    for end in (low, high):
        if type(end) not in (int, float) or not math.isfinite(end):
            raise ValueError("expected numbers for low and high")
    if scale not in ("linear", "log"):
        raise ValueError(f"scale {scale!r}: expected linear or log")
    whole = type(default) is int
    if whole and not (type(low) is int and type(high) is int):
        raise ValueError("expected whole numbers for low and high")
    if low >= high:
        raise ValueError("the range is empty: expected low < high")
    if scale == "log" and low <= 0:
        raise ValueError("expected low > 0 on a log scale")
    return Range(low if whole else float(low), high if whole else float(high), scale, whole)


def _toml(values: Any) -> str:
    """As a file has it, near enough."""
    if isinstance(values, dict):
        return "{ " + ", ".join(f"{name} = {value!r}" for name, value in values.items()) + " }"
    return repr(values)
