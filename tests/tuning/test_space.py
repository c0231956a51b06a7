"""Trials: deterministic, inside their ranges, the same however many there are; ranges files are strict."""

import itertools

import pytest

from esbench.errors import InputError
from esbench.tuning.space import Choices, Range, ranges_file, read_space

BUILT_IN = ("eggroll", "open_es", "ppo")


def test_a_range_has_its_ends_and_is_uniform_on_its_scale():
    log, linear, whole = (
        Range(0.01, 1.0, "log", False),
        Range(1.0, 3.0, "linear", False),
        Range(1, 4, "linear", True),
    )
    assert [log.at(share) for share in (0.0, 0.5, 1.0)] == [0.01, 0.1, 1.0]
    assert [linear.at(share) for share in (0.0, 0.25, 1.0)] == [1.0, 1.5, 3.0]
    assert {whole.at(share / 100) for share in range(101)} == {1, 2, 3, 4}
    assert log.at(0.123456) == 0.01766
    assert [Choices(("a", "b")).at(share) for share in (0.0, 0.49, 0.5, 0.99)] == ["a", "a", "b", "b"]


@pytest.mark.parametrize("algorithm", BUILT_IN)
def test_trials_are_the_same_every_time_and_inside_their_ranges(algorithm):
    space = read_space(ranges_file(algorithm), algorithm)
    trials = space.trials(16)
    assert trials == read_space(ranges_file(algorithm), algorithm).trials(16)
    assert trials[:5] == space.trials(5)
    for name, axis in space.tuned.items():
        values = [trial[name] for trial in trials]
        if isinstance(axis, Choices):
            assert set(values) == set(axis.choices)
        else:
            assert all(axis.low <= value <= axis.high for value in values)
            # Every quarter of a range, on its scale, has about a quarter of the trials.
            edges = [axis.at(share) for share in (0.25, 0.5, 0.75)]
            quarters = [sum(value > edge for edge in edges) for value in values]
            assert all(2 <= quarters.count(quarter) <= 6 for quarter in range(4))
    assert "normalize_observations" in space.tuned
    assert all(trial.items() >= space.constants.items() for trial in trials)


@pytest.mark.parametrize("number", [8, 16])
@pytest.mark.parametrize("algorithm", BUILT_IN)
def test_the_trials_of_each_choice_span_every_range_and_every_other_choice(algorithm, number):
    """So that what a switch does is not taken for what a learning rate does: either mode has small ones and large."""
    space = read_space(ranges_file(algorithm), algorithm)
    trials = space.trials(number)
    for name, axis in space.tuned.items():
        for choice in axis.choices if isinstance(axis, Choices) else ():
            own = [trial for trial in trials if trial[name] == choice]
            assert abs(len(own) - number / len(axis.choices)) <= 1.5, (name, choice)
            for other, range_ in space.tuned.items():
                if other != name and len(own) > 4:
                    middle = range_.choices[1] if isinstance(range_, Choices) else range_.at(0.5)
                    above = sum(trial[other] >= middle for trial in own)
                    assert 1 <= above < len(own), (name, choice, other)
    mode = {"eggroll": "deterministic_policy", "open_es": "deterministic_policy", "ppo": "lr_final"}[algorithm]
    for choice in space.tuned[mode].choices:
        steps = sorted(trial["learning_rate"] for trial in trials if trial[mode] == choice)
        rate = space.tuned["learning_rate"]
        assert steps[0] < rate.at(0.4) and steps[-1] > rate.at(0.6), (choice, steps)


@pytest.mark.parametrize("algorithm", BUILT_IN)
def test_no_choice_goes_with_another_or_with_a_half_of_a_range(algorithm):
    space = read_space(ranges_file(algorithm), algorithm)
    trials = space.trials(8)
    halves = {}
    for name, axis in space.tuned.items():
        middle = axis.choices[1] if isinstance(axis, Choices) else axis.at(0.5)
        halves[name] = [trial[name] >= middle for trial in trials]
    for one, other in itertools.combinations(halves, 2):
        same = sum(a == b for a, b in zip(halves[one], halves[other], strict=True))
        assert 1 <= same <= 7, (one, other)


def test_the_two_evolution_strategies_have_the_same_trials():
    eggroll, open_es = (read_space(ranges_file(name), name).trials(16) for name in ("eggroll", "open_es"))
    assert [{name: value for name, value in trial.items() if name != "rank"} for trial in eggroll] == open_es


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[ranges]\nsigm = { low = 0.1, high = 1.0 }", "unknown setting of eggroll 'sigm': did you mean 'sigma'?"),
        ("[ranges]\nsigma = { low = 0.1, high = 0.1 }", "the range is empty: expected low < high"),
        ("[ranges]\nsigma = { low = 1.0, high = 0.1 }", "the range is empty: expected low < high"),
        ("[ranges]\nsigma = { choices = [] }", "expected a list of at least one choice"),
        ("[ranges]\nsigma = { choices = [0.1, 0.1] }", "expected choices that differ"),
        ("[ranges]\nsigma = { choices = ['a'] }", "sigma = 'a': "),
        ("[ranges]\nsigma = { low = 0.0, high = 0.1, scale = 'log' }", "expected low > 0 on a log scale"),
        ("[ranges]\nsigma = { low = -1.0, high = 0.1 }", "sigma = -1.0: "),
        ("[ranges]\nsigma = { low = 0.1, high = inf }", "expected numbers for low and high"),
        ("[ranges]\nsigma = { low = 0.1 }", "expected numbers for low and high"),
        ("[ranges]\nsigma = { low = 0.1, high = 1.0, scal = 'log' }", "unknown key 'scal': expected low, high, scale"),
        ("[ranges]\nsigma = { low = 0.1, high = 1.0, scale = 'lg' }", "scale 'lg': expected linear or log"),
        ("[ranges]\nsigma = 0.1", "expected { low = "),
        ("[ranges]\npop_size = { low = 1.5, high = 8 }", "expected whole numbers"),
        ("[ranges]\noptimizer = { low = 1, high = 8 }", "of type str: expected choices"),
        ("[constants]\nsigma = 0.1\n[ranges]\nsigma = { low = 0.1, high = 1.0 }", "is a constant and has a range"),
        ("[constants]\nsigm = 0.1\n[ranges]\nsigma = { low = 0.1, high = 1.0 }", "unknown setting of eggroll 'sigm'"),
        ("[range]\nsigma = { low = 0.1, high = 1.0 }", "unknown table 'range': did you mean 'ranges'?"),
        ("[constants]\nsigma = 0.1", "nothing to tune"),
        ("[ranges", "is not TOML"),
    ],
)
def test_a_file_that_cannot_be_is_one_line_that_names_it(tmp_path, text, message):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        read_space(file, "eggroll")
    assert message in str(error.value) and "mine.toml" in str(error.value)


def test_the_ranges_of_a_file_are_beside_it(tmp_path):
    (tmp_path / "mine.py").write_text("")
    with pytest.raises(InputError, match=r"expected --ranges FILE.toml, or a file .*mine.toml"):
        ranges_file(f"{tmp_path}/mine.py:Mine")
    (tmp_path / "mine.toml").write_text("")
    assert ranges_file(f"{tmp_path}/mine.py:Mine") == tmp_path / "mine.toml"


def test_a_file_of_a_windows_editor_is_read(tmp_path):
    (tmp_path / "ranges.toml").write_bytes(b"\xef\xbb\xbf[ranges]\r\nsigma = { low = 0.1, high = 0.2 }\r\n")
    assert set(read_space(tmp_path / "ranges.toml", "eggroll").tuned) == {"sigma"}
