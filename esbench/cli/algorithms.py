"""`esbench algorithms`."""

from typing import Annotated, Any

from esbench.cli.output import print_columns, print_json
from esbench.cli.values import Format, option


def algorithms(
    name: Annotated[str | None, option("a name, evosax:NAME, or path/to/file.py:Class")] = None,
    /,
    *,
    form: Format = "table",
) -> int:
    """All of them, or one with the meaning of its settings."""
    from esbench.algorithms.registry import algorithm_names, describe

    if name is not None:
        return _algorithm(name, form)
    described = [(name, *describe(name)) for name in algorithm_names()]
    if form == "json":
        print_json([{"name": name, "description": text, "settings": values} for name, text, values in described])
        return 0
    for name, text, values in described:
        print(f"{name}: {text}")
        print(f"  {', '.join(f'{setting}={value}' for setting, value in values.items())}")
    print("evosax:NAME: a strategy of evosax, such as evosax:SNES (pip install 'esbench[evosax]')")
    print("path/to/file.py:ClassName: one of your own (esbench new strategy NAME)")
    return 0


def _algorithm(name: str, form: str) -> int:
    """One algorithm: its settings with their meaning, and what runs of tier lite use."""
    from esbench.algorithms.registry import describe, meanings
    from esbench.experiment.options.presets import lite_values

    text, defaults = describe(name)
    said, (preset, by_task) = meanings(name), lite_values(name)
    settings: dict[str, dict[str, Any]] = {}
    for setting, value in defaults.items():
        used = list(dict.fromkeys(values.get(setting, value) for values in by_task.values()))
        settings[setting] = {"default": value, "lite": used, "meaning": said.get(setting, "")}
    if form == "json":
        print_json({"name": name, "description": text, "preset": preset, "settings": settings, "tasks": by_task})
        return 0
    print(f"{name}: {text}")
    rows = [(s, str(of["default"]), " | ".join(map(str, of["lite"])), of["meaning"]) for s, of in settings.items()]
    print_columns([("setting", "default", "lite", "meaning"), *rows])
    print(f"lite: what runs of tier lite use (preset {preset}); change it with --set")
    if any(len(of["lite"]) > 1 for of in settings.values()):
        print(f"several values: by task; `esbench run --task TASK --algorithm {name} --dry-run` shows those of one")
    return 0
