"""`esbench speed` on this machine: the settings that the README reports, and where in width low rank starts to pay.

    python baselines/studies/speed.py

Writes `results/speed/<device>.json`, a list of what `esbench speed --format json` prints, and the figure of the width
study beside it. Takes some minutes, of which the machine should do nothing else.
"""

import json
import re
from pathlib import Path
from typing import Any

import matplotlib

from esbench.experiment.one_run import provenance
from esbench.speed.report import measure

RESULTS = Path(__file__).resolve().parents[2] / "results" / "speed"
WIDTHS = (64, 128, 256, 512, 1024, 2048)
SETTINGS: tuple[dict[str, Any], ...] = (
    *({"width": width, "population": 1024, "rank": rank} for rank in (1, 4) for width in WIDTHS),
    {"task": "CartPole-v1", "population": 2048},
)


def device_name() -> str:
    """Platform and processor or accelerator, as a file's name."""
    device = provenance.device()
    return re.sub(r"[^a-z0-9]+", "-", f"{device.platform} {device.kind}".lower()).strip("-")


def width_study(documents: list[dict[str, Any]]) -> dict[str, dict[int, float]]:
    """Per method, steps/s relative to unperturbed inference at each width, of the documents without a task."""
    found: dict[str, dict[int, float]] = {}
    for document in (document for document in documents if document["task"] is None):
        settings = document["settings"]
        for measurement in document["measurements"]:
            if measurement["name"] == "eggroll":
                label = f"EGGROLL, rank {settings['rank']}"
            elif measurement["name"] == "open_es" and settings["rank"] == 1:
                label = "OpenES"
            else:
                continue
            found.setdefault(label, {})[settings["width"]] = measurement["ratio_to_inference"]
    return found


def draw(documents: list[dict[str, Any]], out: Path) -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
    for label, ratios in width_study(documents).items():
        axes.loglog(list(ratios), list(ratios.values()), "o-", label=label)
    axes.axhline(1, color="0.6", linewidth=1)
    axes.set(xlabel="width of the three layers", ylabel="steps/s relative to unperturbed inference")
    axes.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
    axes.minorticks_off()
    axes.legend()
    with matplotlib.rc_context({"svg.hashsalt": "esbench"}):
        figure.savefig(out / f"{device_name()}.png", dpi=150, metadata={"Software": None})
        figure.savefig(out / f"{device_name()}.svg", metadata={"Date": None})
    plt.close(figure)


def main(out: Path = RESULTS, settings: tuple[dict[str, Any], ...] = SETTINGS) -> None:
    """Writes <device>.{json,png,svg} below `out`."""
    out.mkdir(parents=True, exist_ok=True)
    documents = []
    for values in settings:
        documents.append(measure(**values).to_json())
        ratios = ", ".join(f"{m['name']} {m['ratio_to_inference']:.3f}" for m in documents[-1]["measurements"])
        print(f"{values}: {ratios}", flush=True)
    (out / f"{device_name()}.json").write_text(json.dumps(documents, indent=1) + "\n")
    draw(documents, out)


if __name__ == "__main__":
    main()
