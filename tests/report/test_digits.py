import math

import numpy as np
import pandas as pd
import pytest

from esbench.report.digits import agreed, csv, written
from esbench.report.table_cell import Shown, decimals, interval, number, with_interval
from esbench.statistics.intervals import Estimate


def neighbours(value):
    """The numbers before and after `value`, by a few last bits."""
    few = [value * (1 + k * 2.0**-52) for k in range(-8, 9)]
    assert len(set(few)) > 8
    return few


@pytest.mark.parametrize(
    "value", [0.0125, 0.024791243534425616, 1.0, 999.9999999999999, -0.3, 12345678.5, 1.5692313e-17]
)
def test_last_bits_do_not_show(value):
    assert len({agreed(one) for one in neighbours(value)}) == 1
    for form in (".10g", ".3f", ".4g", ".1%", ",.0f"):
        assert len({written(one, form) for one in neighbours(value)}) == 1
    assert len({decimals(one) for one in neighbours(value)}) == 1
    shown = [number(one, ".3f") for one in neighbours(value)]
    assert len({(one.text, one.sort_key) for one in shown}) == 1
    wide = [Estimate(one, one - 1e-3, one + 1e-3) for one in neighbours(value)]
    assert len({with_interval(one).text for one in wide}) == len({interval(one).text for one in wide}) == 1


def test_what_is_exact_stays():
    assert agreed(12_345_678_901_234) == 12_345_678_901_234
    assert written(np.int64(12_345_678_901_234), ",d") == "12,345,678,901,234"
    assert math.copysign(1.0, agreed(-0.0)) == 1.0
    assert agreed(math.inf) == math.inf and math.isnan(agreed(math.nan))
    assert Shown("a", "a").sort_key == "a" and Shown("-").sort_key is None


def test_csv():
    frame = pd.DataFrame({"n": [12_345_678_901], "x": [1 / 3], "zero": [-0.0], "none": [math.nan], "far": [math.inf]})
    assert csv(frame) == "n,x,zero,none,far\n12345678901,0.3333333333,0,,inf\n"
