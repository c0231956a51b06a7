"""Errors that are one line of text. Bad input gives exit status 2. A strategy or an environment that breaks its
contract gives 1, and so do files that cannot be written."""

import difflib
import errno
import os
from collections.abc import Iterable


class InputError(ValueError):
    """What the user gave cannot be used. The message is one line: the value, what was expected, the fix."""


class StrategyError(RuntimeError):
    """A strategy raised, or its answer is not what was expected. The message is one line: the file, the method, the
    mistake, what was expected."""


class TaskError(RuntimeError):
    """An environment raised, or its answer is not what was expected. The message is one line: its own or the mistake,
    then the environment and the step."""


class StorageError(RuntimeError):
    """A run's files cannot be written. The message is one line: what, why, how to continue."""

    @classmethod
    def of(cls, what: str, error: Exception) -> "StorageError":
        """For `what` could not be written because of `error`."""
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        # Libraries wrap the system's message in pages of their own.
        known = (os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO))
        reason = next((text for text in known if text.lower() in reason.lower()), reason[:300])
        return cls(
            f"cannot write {what}: {reason}; earlier files are intact: repeat the command to continue, for a run with "
            "--resume"
        )


def unknown(kind: str, value: object, names: Iterable[str]) -> InputError:
    """The error for a name that is not one of `names`, with the nearest valid one."""
    names = sorted(names)
    if not isinstance(value, str):
        return InputError(f"{kind} {value!r}: expected a name, one of {', '.join(names)}")
    lowered = {name.lower(): name for name in names}
    near = difflib.get_close_matches(value.lower(), lowered, n=1, cutoff=0.4)
    hint = f"did you mean {lowered[near[0]]!r}?" if near else f"expected one of {', '.join(names)}"
    return InputError(f"unknown {kind} {value!r}: {hint}")
