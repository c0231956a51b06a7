"""The speed study: what is committed is what the command prints."""

import json

from baselines.studies import speed


def test_the_command_writes_json_and_figure(tmp_path):
    speed.main(tmp_path, settings=({"width": 8, "population": 64, "rank": 1, "seconds": 0.1},))
    name = speed.device_name()
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.{end}" for end in ("json", "png", "svg")}
    (document,) = json.loads((tmp_path / f"{name}.json").read_text())
    assert {m["name"] for m in document["measurements"]} == {"inference", "eggroll", "open_es"}
    assert speed.width_study([document]).keys() == {"EGGROLL, rank 1", "OpenES"}
