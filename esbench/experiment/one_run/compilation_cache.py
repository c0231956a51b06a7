"""JAX's persistent compilation cache, on by default, and whether programs were found in it."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import jax

Status = Literal["warm", "cold", "off"]

_EVENTS = "/jax/compilation_cache/"


def enable() -> None:
    """Keeps compiled programs in the user's cache folder, unless JAX was told another folder or to keep none.

    JAX's own settings go first: `JAX_COMPILATION_CACHE_DIR` names another folder, `JAX_ENABLE_COMPILATION_CACHE=false`
    turns the cache off. A folder that cannot be written leaves it off.
    """
    config = jax.config
    if not config.jax_enable_compilation_cache or config.jax_compilation_cache_dir:  # ty: ignore[missing-attribute]
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "esbench" / "xla"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK):
        return
    config.update("jax_compilation_cache_dir", str(folder))


class CacheUse:
    """What the cache did while programs were compiled: how often it was asked, and had or had not the program.

    Programs that compile faster than `JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS` are never kept, and do not count.
    """

    def __init__(self) -> None:
        self._counts = {"compile_requests_use_cache": 0, "cache_hits": 0, "cache_misses": 0}

    def record(self, event: str, **_) -> None:
        name = event.removeprefix(_EVENTS)
        if name in self._counts:
            self._counts[name] += 1

    @property
    def status(self) -> Status:
        """warm: every program that can be kept was there. off: nothing was asked of the cache."""
        if not self._counts["compile_requests_use_cache"]:
            return "off"
        return "warm" if self._counts["cache_hits"] and not self._counts["cache_misses"] else "cold"


@contextmanager
def watch() -> Generator[CacheUse, None, None]:
    """The use made of the cache inside the block."""
    use = CacheUse()
    jax.monitoring.register_event_listener(use.record)
    try:
        yield use
    finally:
        jax.monitoring.unregister_event_listener(use.record)
