"""A trained language model, to be used anywhere: it goes on with a prompt."""

import jax

from esbench.jax_switches import pinned
from esbench.problem import DeployedPolicy
from esbench.results.run_directory import RunDirectory
from esbench.settings import whole
from esbench.tasks import registry
from esbench.tasks.text.specs import TEXT
from esbench.text.problem import LanguageModel


class TrainedText:
    """Text for a prompt: `model("And God ", length=100)`.

    Attributes:
        deployed: the parameters.
        problem: the text and the network.
    """

    def __init__(self, deployed: DeployedPolicy, problem: LanguageModel):
        self.deployed = deployed
        self.problem = problem

    @classmethod
    def of(cls, directory: RunDirectory) -> "TrainedText":
        """The model of a run. InputError where its text is not here, or is another."""
        manifest = directory.manifest
        source = manifest.task["source_id"]
        task = registry.task(source if source.startswith(f"{TEXT}:") else manifest.task["id"])
        return cls(directory.load_policy(), registry.made(task, **manifest.problem))

    @pinned()
    def __call__(self, prompt: str = "", length: int = 200, seed: int = 0) -> str:
        """What may come after `prompt`, which stands at a document's beginning: `length` bytes, sampled.

        Raises:
            InputError: for a character that the text does not have.
        """
        key = jax.random.key(whole("seed", seed))
        return self.problem.goes_on(self.deployed, prompt, whole("length", length, least=1), key)
