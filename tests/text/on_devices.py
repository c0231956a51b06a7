"""An integer generation is the same to the bit on one device and on all that this process has; run by
test_text_devices.py in a process of its own, as the number of devices is fixed when JAX starts."""

from contextlib import nullcontext
from pathlib import Path
from sys import argv

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from esbench.algorithms.eggroll_int import IntegerEGGROLL
from esbench.algorithms.evolution import EvolutionAlgorithm
from esbench.population.devices import mesh
from esbench.tasks.user_file import digest
from esbench.text.problem import TextFile

text = Path(argv[1])
problem = TextFile(path=str(text), sha256=digest(text.read_bytes()), width=4, tokens=3)
found = []
for count in (1, jax.device_count()):
    everywhere = None if count == 1 else NamedSharding(mesh(count), PartitionSpec())
    with nullcontext() if count == 1 else jax.set_mesh(mesh(count)):
        learner = EvolutionAlgorithm(IntegerEGGROLL(pop_size=22)).bind(problem)
        step = jax.jit(learner.step, in_shardings=everywhere, out_shardings=everywhere)
        state = jax.jit(learner.init, out_shardings=everywhere)(jax.random.key(0))
        for _ in range(2):
            state, metrics = step(state)
        found.append(jax.device_get((state.strategy, state.objective, metrics.useful_steps)))
jax.tree.map(np.testing.assert_array_equal, *found)
assert jax.device_count() > 1 and found[0][2].sum() == 22 * 3
print("the same")
