"""How good one generation's estimate is: its cosine to that of a 16 times larger population, and its effective rank.

    python baselines/studies/estimator.py

One kernel of 32 x 64 and the fitness f(X) = -||D (X - T)||^2 / 2 with a diagonal D that decays, so that the gradient
D^2 (T - X) has directions that matter more. Fitness is z-scored, members come in antithetic pairs. With N members of
rank r the update has rank at most N r / 2 (a pair shares its noise) and at most 32: its effective rank (the
exponential of the entropy of its normalized singular values; Roy, Vetterli 2007) grows with N r / 2 up to there, and
the update is full rank although each member's noise is not.
"""

import csv
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

from esbench.algorithms.shaping import z_score
from esbench.population.gaussian import Gaussian

SHAPE = (32, 64)
SIGMA = 0.05
RANKS: tuple[int | None, ...] = (1, 4, None)
POPULATIONS = (8, 16, 32, 64, 128, 256, 1024, 4096)
LARGER = 16
REPEATS = 8


def problem() -> tuple[jax.Array, jax.Array]:
    """The diagonal of D, float32 (32, 1), and the target T, float32 (32, 64); the kernel itself is zero."""
    scale = jnp.linspace(1.0, 0.1, SHAPE[0])[:, None]
    return scale, jax.random.normal(jax.random.key(0), SHAPE)


def estimate(key: jax.Array, members: int, rank: int | None) -> jax.Array:
    """What one generation would add to the kernel, up to a factor; float32 (32, 64)."""
    scale, target = problem()
    population = Gaussian({"x": jnp.zeros(SHAPE)}, key, jnp.float32(SIGMA), size=members, rank=rank)

    def fitness(index: jax.Array) -> jax.Array:
        member = population.member(index)["x"]
        x = member if rank is None else member.dense()
        return -0.5 * ((scale * (x - target)) ** 2).sum()

    scores = jax.lax.map(fitness, jnp.arange(members), batch_size=min(members, 256))
    return population.weighted_sum(z_score(scores))["x"]


def cosine(a: jax.Array, b: jax.Array) -> jax.Array:
    return (a * b).sum() / jnp.sqrt((a**2).sum() * (b**2).sum())


def effective_rank(x: jax.Array) -> jax.Array:
    """exp(entropy of the singular values over their sum)."""
    values = jnp.linalg.svd(x, compute_uv=False)
    share = values / values.sum()
    return jnp.exp(-jnp.where(share > 0, share * jnp.log(jnp.maximum(share, 1e-30)), 0).sum())


def measure(members: int, rank: int | None, repeats: int = REPEATS) -> dict[str, object]:
    """One row: means over `repeats` independent generations."""
    scale, target = problem()

    @jax.jit
    def one(key):
        small, large = jax.random.split(key)
        x = estimate(small, members, rank)
        return cosine(x, estimate(large, LARGER * members, rank)), cosine(x, scale**2 * target), effective_rank(x)

    larger, true, effective = np.mean([one(key) for key in jax.random.split(jax.random.key(1), repeats)], axis=0)
    return {
        "rank": rank or "full",
        "population": members,
        "rank_bound": min(members // 2 * rank, *SHAPE) if rank else min(SHAPE),
        "effective_rank": f"{effective:.2f}",
        f"cosine_to_{LARGER}x": f"{larger:.4f}",
        "cosine_to_gradient": f"{true:.4f}",
    }


def draw(table: list[dict[str, object]], out: Path) -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for rank in dict.fromkeys(row["rank"] for row in table):
        own = [row for row in table if row["rank"] == rank]
        x = [row["population"] for row in own]
        label = "full rank" if rank == "full" else f"rank {rank}"
        panels[0].semilogx(x, [float(str(row[f"cosine_to_{LARGER}x"])) for row in own], "o-", base=2, label=label)
        panels[1].semilogx(x, [float(str(row["effective_rank"])) for row in own], "o-", base=2, label=label)
    panels[0].set(xlabel="population", ylabel=f"cosine to a population {LARGER} times as large")
    panels[1].set(xlabel="population", ylabel="effective rank of the update")
    panels[1].axhline(min(SHAPE), color="0.6", linewidth=1)
    panels[0].legend()
    with matplotlib.rc_context({"svg.hashsalt": "esbench"}):
        figure.savefig(out / "estimator.png", dpi=150, metadata={"Software": None})
        figure.savefig(out / "estimator.svg", metadata={"Date": None})
    plt.close(figure)


def main(out: Path = Path(__file__).parent, populations: tuple[int, ...] = POPULATIONS, repeats: int = REPEATS) -> None:
    """Writes estimator.{csv,md,png,svg} below `out`."""
    table = [measure(members, rank, repeats) for rank in RANKS for members in populations]
    with (out / "estimator.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    header = [str(name).replace("_", " ") for name in table[0]]
    lines = [f"Means over {repeats} generations.", "", f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    lines += [f"| {' | '.join(str(value) for value in row.values())} |" for row in table]
    (out / "estimator.md").write_text("\n".join(lines) + "\n")
    draw(table, out)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
