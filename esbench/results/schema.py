"""The JSON Schema of a run's file, for readers in other languages.

    python -m esbench.results.schema DIR

writes that of the current version into DIR; those of older versions stay there as they are.
"""

import json
import sys
from pathlib import Path

from esbench.results.records import SCHEMA, Manifest, Row


def schemas() -> dict[str, str]:
    """Content by file name: the first line of `run.jsonl` is a manifest, every other one a row."""
    models = {"manifest": Manifest, "row": Row}
    return {
        f"{name}-v{SCHEMA}.schema.json": json.dumps(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}, indent=2
        )
        + "\n"
        for name, model in models.items()
    }


def write(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in schemas().items():
        (directory / name).write_text(content)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
