"""The estimator study: ranks and cosines with known answers."""

import jax
import jax.numpy as jnp
import pytest

from baselines.studies import estimator


@pytest.mark.parametrize("rank", [1, 3, 16])
def test_effective_rank_of_equal_singular_values_is_their_number(rank):
    x = jnp.diag((jnp.arange(32) < rank).astype(jnp.float32))
    assert float(estimator.effective_rank(x)) == pytest.approx(rank, rel=1e-4)


def test_effective_rank_of_an_update_is_within_its_bound():
    x = estimator.estimate(jax.random.key(0), members=8, rank=1)
    assert 2 < float(estimator.effective_rank(x)) <= 4 + 1e-3
    assert jnp.linalg.matrix_rank(x, rtol=1e-4) == 4


def test_a_large_population_points_along_the_gradient():
    scale, target = estimator.problem()
    x = estimator.estimate(jax.random.key(0), members=16384, rank=1)
    assert float(estimator.cosine(x, scale**2 * target)) > 0.8


def test_the_command_writes_table_and_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(estimator, "RANKS", (1, None))
    estimator.main(tmp_path, populations=(4, 8), repeats=2)
    assert {path.name for path in tmp_path.iterdir()} == {f"estimator.{end}" for end in ("csv", "md", "png", "svg")}
    assert len((tmp_path / "estimator.csv").read_text().splitlines()) == 5
