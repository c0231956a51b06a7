"""What commands print: columns for people, one JSON document for programs."""

import json
from collections.abc import Sequence
from typing import Any


def print_json(document: Any) -> None:
    print(json.dumps(document, indent=2, allow_nan=False))


def print_columns(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def given(option: str, value: object, default: object) -> str:
    """An option as the next command needs it: nothing where it is the default."""
    return "" if value == default else f" {option} {value}"
