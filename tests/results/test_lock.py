"""The lock of a run directory: who may look at it, and where."""

import subprocess
import sys
import threading
from pathlib import Path

from esbench.results.lock import is_locked, locked

RESULTS = Path(__file__).parents[2] / "results"


def test_results_are_read_where_the_system_has_no_locks():
    """As on Windows, where Python has no `fcntl`."""
    code = (
        "import sys; sys.modules['fcntl'] = None; import esbench; "
        "print(len(esbench.load_results(sys.argv[1])['seed'].unique()))"
    )
    runs = RESULTS / "bench" / "lite" / "CartPole-v1" / "ppo"
    command = [sys.executable, "-W", "ignore", "-c", code, str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) == 3


def test_what_a_killed_run_left_is_free_however_many_look(tmp_path):
    (tmp_path / ".lock").write_text("process 1 on a machine that is off")
    seen = []
    threads = [threading.Thread(target=lambda: seen.extend(is_locked(tmp_path) for _ in range(50))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [False] * 100
    with locked(tmp_path):
        assert is_locked(tmp_path)
    assert not list(tmp_path.iterdir())
