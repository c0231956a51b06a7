"""What a checkpoint gives back, and what it does not."""

import zipfile

import jax.numpy as jnp
import numpy as np
import pytest

from esbench.results.checkpoints import Checkpoints, DamagedCheckpointError, Position

CLOCKS = dict.fromkeys(("compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"), 0.1)
COUNTS = dict.fromkeys(("useful_steps", "computed_steps", "sequential_steps", "reached", "rows"), 2**40)
ARRAYS = [
    np.float32([[1, -0.0], [np.nan, np.inf]]).T,
    np.array(7, np.int64),
    np.zeros((0, 3), np.float32),
    np.array([True, False]),
    np.arange(4, dtype=np.uint32)[::2],
    np.asarray(jnp.linspace(-2, 2, 5, dtype=jnp.bfloat16)),
    np.asarray(jnp.arange(-4, 4, dtype=jnp.float8_e4m3fn)),
    np.asarray(jnp.arange(-4, 4, dtype=jnp.int4)),
]


def position(generation):
    return Position(generation=generation, training={"sigma": 0.1, "loss": None}, code="code", **COUNTS, **CLOCKS)


def test_arrays_of_every_kind_come_back_to_the_bit(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.save(position(3), ARRAYS)
    assert checkpoints.numbers() == [3]
    where, arrays = checkpoints.load(3)
    assert where == position(3)
    for before, after in zip(ARRAYS, arrays, strict=True):
        assert (after.dtype, after.shape, after.tobytes()) == (before.dtype, before.shape, before.tobytes())
    checkpoints.clear()
    assert checkpoints.numbers() == [] and not list(tmp_path.iterdir())


def test_no_flipped_bit_goes_unseen(tmp_path):
    """Wherever in the file it is: what is read is what was written, or an error."""
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(position(3), ARRAYS)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    expected = [array.tobytes() for array in ARRAYS]
    for place in range(0, len(whole), 3):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        try:
            where, arrays = checkpoints.load(3)
        except DamagedCheckpointError:
            continue
        assert where == position(3) and [array.tobytes() for array in arrays] == expected


def test_other_numbers_in_a_sound_archive_are_damage(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(position(3), ARRAYS)
    (file,) = tmp_path.iterdir()
    with np.load(file) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["0"] = arrays["0"][::-1]
    np.savez(file, **arrays)
    assert zipfile.ZipFile(file).testzip() is None
    with pytest.raises(DamagedCheckpointError, match="not those that were written"):
        checkpoints.load(3)
