"""The digits of a number that every processor agrees on.

NumPy and BLAS add in another order on another processor, which leaves other last bits in every sum. So what is written
into a file, ordered by or compared for equality is rounded first, everywhere to the same digits. Rounding once more, to
the few digits that are shown, then starts from one number: 0.0125 and the number before it are shown the same.
"""

from numbers import Integral

import pandas as pd

DIGITS = 10


def agreed(value: float) -> float:
    """`value` to ten significant digits, -0 as 0; whole numbers that are no floats with all of theirs."""
    return value if isinstance(value, Integral) else float(f"{value:.{DIGITS}g}") + 0.0


def written(value: float, form: str = f".{DIGITS}g") -> str:
    """What a file says of `value`, in a format of Python's."""
    return format(agreed(value), form)


def csv(frame: pd.DataFrame) -> str:
    """The rows of `frame`, missing numbers empty."""
    return frame.to_csv(index=False, lineterminator="\n", float_format=written)
