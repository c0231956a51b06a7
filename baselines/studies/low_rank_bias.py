"""How far the low-rank estimate is from the full-rank one, exactly, over the rank and the law of the noise.

    python baselines/studies/low_rank_bias.py

The fitness is f(X) = sum_ij sin(X_ij), whose gradient smoothed by full-rank normal noise is known: exp(-sigma^2 / 2)
cos(M_ij). At rank r an entry of the noise is e = sum_k a_k b_k / sqrt(r), with the characteristic function
phi(t) = psi(t / sqrt(r))^r, where psi(t) = E exp(i t a b). What the estimate tends to with the population is

    E[f(M + sigma E) E_ij] / sigma = E[sin(M_ij + sigma e) e] / sigma = Im[-i exp(i M_ij) phi'(sigma)] / sigma

because all other entries of E have mean zero given e. So the bias needs one integral over a, and no sampling: at a
population small enough to run, variance hides it. A population of 2^20 members checks it all the same.

Theory (arXiv 2511.16652): the bias falls as 1/r for symmetric noise and 1/sqrt(r) for skewed noise, whose third
cumulant is what remains.
"""

import csv
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from scipy import stats

from esbench.population.gaussian import Gaussian
from esbench.population.noise import Law

SIGMA = 0.5
RANKS = (1, 2, 4, 8, 16)
FAR = (512, 1024)
SHAPE = (4, 4)
CHECK_MEMBERS = 2**20
CASES: tuple[tuple[Law, bool], ...] = (
    ("normal", False),
    ("uniform", False),
    ("integer", False),
    ("skewed", False),
    ("skewed", True),
)

# Of each law: the characteristic function, its derivative, and nodes and weights that integrate over the law.
CHARACTERISTIC: dict[Law, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "normal": lambda s: (np.exp(-(s**2) / 2), -s * np.exp(-(s**2) / 2)),
    "uniform": lambda s: (np.sinc(3**0.5 * s / np.pi), (np.cos(3**0.5 * s) - np.sinc(3**0.5 * s / np.pi)) / s),
    "integer": lambda s: (np.cos(s), -np.sin(s)),
    "skewed": lambda s: (np.exp(-1j * s) / (1 - 1j * s), -s * np.exp(-1j * s) / (1 - 1j * s) ** 2),
}


def nodes(law: Law) -> tuple[np.ndarray, np.ndarray]:
    """Quadrature over the law: `sum(weights * g(nodes))` is E g(a)."""
    if law == "normal":
        x, w = np.polynomial.hermite_e.hermegauss(100)
    elif law == "uniform":
        x, w = np.polynomial.legendre.leggauss(100)
        x = 3**0.5 * x
    elif law == "integer":
        x, w = np.array([-1.0, 1.0]), np.ones(2)
    else:
        x, w = np.polynomial.laguerre.laggauss(100)
        x = x - 1
    return x, w / w.sum()


def mean() -> np.ndarray:
    """The parameters at which the gradient is estimated: any will do where no cosine is zero."""
    return np.random.default_rng(0).uniform(-1, 1, SHAPE)


def full_rank(m: np.ndarray) -> np.ndarray:
    """The gradient of f smoothed by full-rank normal noise."""
    return np.exp(-(SIGMA**2) / 2) * np.cos(m)


def low_rank(m: np.ndarray, law: Law, antithetic: bool, rank: int) -> np.ndarray:
    """What the estimate of rank `rank` tends to as the population grows."""
    a, weights = nodes(law)
    t = SIGMA / rank**0.5
    value, slope = CHARACTERISTIC[law](t * a)
    psi, dpsi = (weights * value).sum(), (weights * a * slope).sum()
    dphi = rank**0.5 * psi ** (rank - 1) * dpsi
    # Over an antithetic pair, e and -e are alike: the characteristic function is its real part.
    dphi = np.real(dphi) if antithetic else dphi
    return np.imag(-1j * np.exp(1j * m) * dphi) / SIGMA


def relative_bias(law: Law, antithetic: bool, rank: int) -> float:
    """|| low rank - full rank || / || full rank ||, Frobenius."""
    m = mean()
    return float(np.linalg.norm(low_rank(m, law, antithetic, rank) - full_rank(m)) / np.linalg.norm(full_rank(m)))


def sampled(law: Law, antithetic: bool, rank: int, members: int) -> tuple[np.ndarray, np.ndarray]:
    """The estimate of a real population of `members`, and its standard error, entry by entry."""
    batches = 16
    m = jnp.asarray(mean(), jnp.float32)

    @jax.jit
    def estimate(key):
        population = Gaussian({"x": m}, key, jnp.float32(SIGMA), members // batches, rank, antithetic, law)
        fitness = jax.vmap(lambda i: jnp.sin(population.member(i)["x"].dense()).sum())(jnp.arange(population.size))
        # A baseline leaves the expectation as it is and lowers the variance.
        fitness = fitness - jnp.sin(m).sum()
        return population.weighted_sum(fitness)["x"] / (population.size * SIGMA)

    estimates = np.stack([estimate(key) for key in jax.random.split(jax.random.key(1), batches)])
    return estimates.mean(0), estimates.std(0, ddof=1) / batches**0.5


def slope(biases: list[float], ranks: tuple[int, ...] = RANKS) -> tuple[float, float]:
    """The slope of log bias over log rank, and half its 95 % interval (Student's t, least squares)."""
    fit = stats.linregress(np.log(ranks), np.log(biases))
    return float(fit.slope), float(fit.stderr * stats.t.ppf(0.975, len(ranks) - 2))


def rows(members: int) -> list[dict[str, object]]:
    """One row a law, pairing and rank: exact bias, and how far `members` sampled members are from the exact
    estimate, in standard errors (root mean square over the entries; about 1 where all is right)."""
    table = []
    for law, antithetic in CASES:
        for rank in RANKS:
            estimate, error = sampled(law, antithetic, rank, members)
            distance = (estimate - low_rank(mean(), law, antithetic, rank)) / error
            table.append(
                {
                    "law": law,
                    "antithetic": antithetic,
                    "rank": rank,
                    "bias": f"{relative_bias(law, antithetic, rank):.6g}",
                    "members": members,
                    "check": f"{np.sqrt((distance**2).mean()):.2f}",
                }
            )
    return table


def name(law: Law, antithetic: bool) -> str:
    return f"{law}, antithetic pairs" if antithetic else law


def draw(out: Path) -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.5, 4.6), layout="constrained")
    for law, antithetic in CASES:
        biases = [relative_bias(law, antithetic, rank) for rank in RANKS]
        fitted, half = slope(biases)
        label = f"{name(law, antithetic)}: slope {fitted:.2f} ± {half:.2f}"
        axes.loglog(RANKS, biases, "o--" if antithetic else "o-", base=2, label=label)
    axes.set(xlabel="rank r", ylabel="relative bias of the low-rank estimate")
    axes.set_xticks(RANKS, [str(rank) for rank in RANKS])
    figure.legend(loc="outside upper center", fontsize=8, ncols=2)  # above: lines fill the axes
    with matplotlib.rc_context({"svg.hashsalt": "esbench"}):
        figure.savefig(out / "low_rank_bias.png", dpi=150, metadata={"Software": None})
        figure.savefig(out / "low_rank_bias.svg", metadata={"Date": None})
    plt.close(figure)


def main(out: Path = Path(__file__).parent, members: int = CHECK_MEMBERS) -> None:
    """Writes low_rank_bias.{csv,md,png,svg} below `out`."""
    table = rows(members)
    with (out / "low_rank_bias.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    lines = [
        f"Relative bias of the low-rank estimate at sigma {SIGMA:g}, exact. Slope: of its logarithm over that of the",
        f"rank, with a 95 % interval; far slope: between r = {FAR[0]} and {FAR[1]}. Theory gives the first term of a",
        "series in 1/sqrt(r); the terms after it are what the slopes at small ranks differ by.",
        "",
        f"| noise | {' | '.join(f'r = {rank}' for rank in RANKS)} | slope | far slope | theory |",
        f"|---|{'---|' * len(RANKS)}---|---|---|",
    ]
    for law, antithetic in CASES:
        biases = [relative_bias(law, antithetic, rank) for rank in RANKS]
        fitted, half = slope(biases)
        cells = " | ".join(f"{bias:.4f}" for bias in biases)
        far, _ = slope([relative_bias(law, antithetic, rank) for rank in FAR], FAR)
        theory = "-0.5" if law == "skewed" and not antithetic else "-1"
        lines.append(f"| {name(law, antithetic)} | {cells} | {fitted:.3f} ± {half:.3f} | {far:.3f} | {theory} |")
    checks = np.array([float(str(row["check"])) for row in table])
    lines += [
        "",
        f"Sampled estimates of {members:,} members are {checks.min():.2f} to {checks.max():.2f} standard errors from",
        "the exact ones (root mean square over the entries).",
    ]
    (out / "low_rank_bias.md").write_text("\n".join(lines) + "\n")
    draw(out)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
