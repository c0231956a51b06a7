"""Parameters that are left as they are, by name."""

from pathlib import PurePosixPath

import jax

from esbench.errors import InputError
from esbench.policies.networks import Params


def frozen_leaves(patterns: str, params: Params) -> tuple[bool, ...] | None:
    """Per leaf of `params` whether one of the patterns names it; None without patterns.

    patterns: with commas between them, each the end of a parameter's path, or of a part of the tree, in which `*`
    stands for anything within a name: `head`, `*_1/kernel`. InputError for one that names nothing, and where nothing is
    left to be trained.
    """
    wanted = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    if not wanted:
        return None
    paths = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in jax.tree.leaves_with_path(params)]
    found = {pattern: [_is_named(path, pattern) for path in paths] for pattern in wanted}
    for pattern, named in found.items():
        if not any(named):
            raise InputError(f"frozen = {pattern!r} names no parameter: expected some of {', '.join(paths)}")
    frozen = tuple(map(any, zip(*found.values(), strict=True)))
    if all(frozen):
        raise InputError(f"frozen = {patterns!r} names all parameters: expected one or more to be trained")
    return frozen


def _is_named(path: str, pattern: str) -> bool:
    """Whether the pattern fits the path, or that of a part of the tree it is in."""
    whole = PurePosixPath(path)
    return any(part.match(pattern) for part in (whole, *whole.parents[:-1]))
