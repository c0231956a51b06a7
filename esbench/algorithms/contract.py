"""What a strategy answers is checked where the loop is traced: a plug-in's mistake is one message, not a traceback.

Shapes are known then, so the checks cost nothing during a run. Whether numbers are finite is known only at run time:
`nonfinite` is that check, and the runner ends a run with its message.
"""

import functools
import inspect
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import quax

from esbench.algorithms.interface import State, Strategy
from esbench.errors import InputError, StrategyError
from esbench.policies.networks import Params
from esbench.population.interface import Population

LOOPS_OWN = ("fitness_mean", "fitness_max", "nonfinite_members", "nonfinite_observations")
"""Metrics that the loop records of every strategy."""


@dataclass(frozen=True)
class CheckedStrategy:
    """`strategy`, whose every answer is checked; `params` has the shapes of the policy's parameters.

    StrategyError, which names the file, the method and what was expected, where an answer is not what the contract
    says or the strategy raises. InputError passes: it says that the settings do not fit the problem.
    """

    strategy: Strategy
    params: Params

    def init(self, key: jax.Array, params: Params) -> State:
        state = self._call("init", key, params)
        for path, leaf in jax.tree_util.tree_leaves_with_path(state):
            try:
                _aval(leaf)
            except TypeError:
                where = f"{_kind(leaf)} at {jax.tree_util.keystr(path) or 'the top'}"
                raise self._error("init", f"returned a state with {where}: expected a pytree of arrays") from None
        self.deployed(state)
        return state

    def ask(self, key: jax.Array, state: State) -> tuple[Population, State]:
        answer = self._call("ask", key, state)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise self._error("ask", f"returned {_kind(answer)}: expected a population and a state")
        population, asked = answer
        self._check_population(population)
        self._check_same("ask", "state", asked, state)
        return population, asked

    def tell(self, key: jax.Array, state: State, population: Population, fitness: jax.Array) -> State:
        told = self._call("tell", key, state, population, fitness)
        self._check_same("tell", "state", told, state)
        return told

    def scheduled(self, state: State, before: jax.Array, after: jax.Array) -> State:
        """The state after a generation that took the run from one share of its budget to another; the same for a
        strategy without schedules."""
        if not hasattr(self.strategy, "scheduled"):
            return state
        scheduled = self._call("scheduled", state, before, after)
        self._check_same("scheduled", "state", scheduled, state)
        return scheduled

    def deployed(self, state: State) -> Params:
        deployed = self._call("deployed", state)
        self._check_same("deployed", "parameters", deployed, self.params)
        return deployed

    def metrics(self, state: State) -> dict[str, jax.Array]:
        """What the strategy says of its state, scalars by name; empty for a strategy without `metrics`."""
        if not hasattr(self.strategy, "metrics"):
            return {}
        metrics = self._call("metrics", state)
        if not isinstance(metrics, dict):
            raise self._error("metrics", f"returned {_kind(metrics)}: expected a dictionary of scalars by name")
        for name, value in metrics.items():
            if name in LOOPS_OWN:
                raise self._error("metrics", f"returned {name!r}, which is the loop's own: expected another name")
            if jnp.shape(value) != ():
                raise self._error("metrics", f"returned {name!r} of shape {jnp.shape(value)}: expected a scalar")
        return metrics

    def nonfinite(self, population: Population, state: State) -> dict[str, jax.Array]:
        """What ends the run, bool () by message: numbers of the population, or of what is deployed, not finite."""
        return {
            str(self._error("ask", "returned a population with numbers that are not finite")): _any_nonfinite(
                population
            ),
            str(self._error("tell", "gave parameters that are not finite (NaN or infinity)")): _any_nonfinite(
                self.deployed(state)
            ),
        }

    def _check_population(self, population: Any) -> None:
        missing = [name for name in ("size", "axes", "pair", "member") if not hasattr(population, name)]
        if missing:
            raise self._error("ask", f"returned {_kind(population)}, no population: it lacks {', '.join(missing)}")
        if population.size != self.strategy.pop_size:
            raise self._error(
                "ask",
                f"returned a population of {population.size} members: expected pop_size = {self.strategy.pop_size}",
            )
        try:
            member = jax.eval_shape(population.member, jnp.int32(0))
            jax.eval_shape(population.pair, jnp.int32(0))
            jax.eval_shape(jax.vmap(population.member, out_axes=population.axes), jnp.arange(2))
        except Exception as error:
            raise self._error("ask", f"returned a population whose members cannot be made: {_text(error)}") from error
        self._check_same("ask", "a member", member, self.params)

    def _check_same(self, method: str, what: str, found: Any, expected: Any) -> None:
        """The two must have the same structure, shapes and types."""
        found_leaves, found_tree = _described(found)
        expected_leaves, expected_tree = _described(expected)
        for path in found_leaves | expected_leaves:
            one, other = found_leaves.get(path, "nothing"), expected_leaves.get(path, "nothing")
            if one != other:
                raise self._error(method, f"returned {what} with {path or 'the whole'} of {one}: expected {other}")
        if found_tree != expected_tree:
            raise self._error(method, f"returned {what} of another structure: {found_tree}, expected {expected_tree}")

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            answer = getattr(self.strategy, method)(*arguments)
        except (InputError, StrategyError):
            raise
        except Exception as error:
            # The last line of the strategy's own file, or notebook cell, on the way to the error.
            file = self._file(method)
            lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
            raise self._error(method, f"raised {_text(error)}", lines[-1] if lines else None) from error
        if answer is None:
            raise self._error(method, "returned None: expected a value; is a `return` missing?")
        return answer

    def _error(self, method: str, what: str, line: int | None = None) -> StrategyError:
        name = type(self.strategy).__name__
        file = _short(self._file(method))
        where = f"{file}:{line}" if line else file
        return StrategyError(f"{where}: {name}.{method} {what}")

    def _file(self, method: str) -> str:
        """Where a method was compiled from: its file, or the name that a notebook gives to a cell."""
        function = inspect.unwrap(getattr(type(self.strategy), method, None) or type(self.strategy))
        code = getattr(function, "__code__", None)
        return type(self.strategy).__module__ if code is None else code.co_filename


def _described(tree: Any) -> tuple[dict[str, str], Any]:
    """Per path of the tree its leaf's type and shape, then its structure; a value such as LowRank is one leaf."""
    leaves, structure = jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda x: isinstance(x, quax.ArrayValue))
    return {jax.tree_util.keystr(path): _aval(leaf) for path, leaf in leaves}, structure


def _aval(leaf: Any) -> str:
    if isinstance(leaf, quax.ArrayValue):
        leaf = leaf.aval()
    if not hasattr(leaf, "dtype"):
        leaf = jax.eval_shape(jnp.asarray, leaf)
    return f"{leaf.dtype}{list(leaf.shape)}"


def _any_nonfinite(tree: Any) -> jax.Array:
    leaves = jax.tree.leaves(tree)
    numbers = [leaf for leaf in leaves if jnp.issubdtype(getattr(leaf, "dtype", type(leaf)), jnp.floating)]
    return functools.reduce(jnp.logical_or, [~jnp.isfinite(leaf).all() for leaf in numbers], jnp.bool_(False))


def _kind(value: Any) -> str:
    return f"a tuple of {len(value)}" if isinstance(value, tuple) else f"a {type(value).__name__}"


def _text(error: Exception) -> str:
    if isinstance(error, jax.errors.TracerBoolConversionError):
        return "TracerBoolConversionError: an `if` or a `while` on a traced array: expected jnp.where or jax.lax.cond"
    # JAX's own messages go on for paragraphs.
    paragraph = str(error).partition("\n\n")[0]
    return f"{type(error).__name__}: {paragraph}"


def _short(file: str) -> str:
    """`file` as seen from the working directory, where it is below that; a cell of a notebook is no file."""
    if not Path(file).exists():
        return file if file.startswith("<") and "ipython" not in file else "notebook cell"
    path, here = Path(file).resolve(), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
