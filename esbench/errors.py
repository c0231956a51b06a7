"""Errors that are one line of text: bad input (exit status 2) and a strategy that breaks its contract (1)."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """What the user gave cannot be used. The message is one line: the value, what was expected, the fix."""


class StrategyError(RuntimeError):
    """A strategy raised, or its answer is not what was expected. The message is one line: the file, the method, the
    mistake, what was expected."""


def unknown(kind: str, value: str, names: Iterable[str]) -> InputError:
    """The error for a name that is not one of `names`, with the nearest valid one."""
    names = sorted(names)
    lowered = {name.lower(): name for name in names}
    near = difflib.get_close_matches(value.lower(), lowered, n=1, cutoff=0.4)
    hint = f"did you mean {lowered[near[0]]!r}?" if near else f"expected one of {', '.join(names)}"
    return InputError(f"unknown {kind} {value!r}: {hint}")
