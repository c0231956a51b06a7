"""Robots, of brax."""

import functools

from esbench.tasks.anchors import measured, rule
from esbench.tasks.card import Card, Library
from esbench.tasks.spec import Anchor, TaskSpec, returns
from esbench.tasks.tiers import Budgets

LIBRARY = Library(
    name="brax",
    requires="brax==0.14.2",
    licence="Apache-2.0",
    state="its environments are frozen: from 0.13 on only brax/training is maintained",
)

STILL = "standing still: no torque"
_OTHER = "brax's backend `generalized`, its class default; returns differ between backends. The cap is brax's wrapper's"

_task = functools.partial(
    TaskSpec, suite=LIBRARY.name, requires=LIBRARY.requires, max_episode_steps=1000, action_kind="continuous"
)

TASKS = {
    _task(
        id="Ant-v0",
        source_id="ant",
        paper_id="brax/ant",
        description="Run a four-legged robot forwards; 1 a step for being upright, so that standing still also pays.",
        budgets=Budgets(lite=100_000),
        beyond=("lite",),
        lite_episodes=32,
        random=measured(-13.42, 0.77, 1000),
        heuristic=rule(STILL, 54.2, 4.3, 64),
        reference=Anchor(8000.0, "frozen: about what brax's own PPO demonstration reaches, on older physics"),
    ): Card(
        observation="27: height, orientation, 8 joint angles, and all velocities; unbounded",
        action="8 torques in [-1, 1]",
        reward="forward speed + 1 - 0.5 x sum of squared torques a step",
        ends="terminated when the torso is lower than 0.2 or higher than 1.0",
        differences=(
            f"{_OTHER}. Its scores are not those of MuJoCo's Ant: other physics, no contact forces in reward or "
            "observation"
        ),
    ),
    _task(
        id="Humanoid-v0",
        source_id="humanoid",
        paper_id="brax/humanoid",
        description="Run a two-legged robot forwards; 5 a step for being upright, so that standing still also pays.",
        budgets=Budgets(lite=50_000),
        beyond=("lite",),
        lite_episodes=32,
        random=measured(167.0, 1.5, 1000),
        heuristic=rule(STILL, 237.8, 0.6, 256),
        reference=Anchor(13_000.0, "frozen: the top of the axis for humanoid in brax's training notebook"),
    ): Card(
        observation="244: joint angles and velocities, inertia and velocity of every body, actuator forces; unbounded",
        action="17 torques in [-1, 1], scaled by the environment to [-0.4, 0.4]",
        reward="1.25 x forward speed + 5 - 0.1 x sum of squared torques a step",
        ends="terminated when the torso is lower than 1.0 or higher than 2.0",
        differences=f"{_OTHER}. Its scores are not those of MuJoCo's Humanoid: other physics, no contact forces",
    ),
    _task(
        id="InvertedDoublePendulum-v0",
        source_id="inverted_double_pendulum",
        paper_id="brax/inverted_double_pendulum",
        measure=returns(None, 9360.0),
        description="Balance two linked poles on a cart; up to 10 a step while the tip stays above 1 m.",
        budgets=Budgets(lite=1_000_000),
        lite_episodes=32,
        random=measured(154.9, 1.1, 2000),
        heuristic=rule("no force", 350.8, 1.7, 1000),
        reference=Anchor(
            9360.0, "rules: 10 - (2 - 1.2)**2 a step with the tip still at its highest, 1.2 m, for 1000 steps"
        ),
    ): Card(
        observation="8: cart's position, sines and cosines of both angles, velocities clipped to [-10, 10]",
        action="1 force in [-1, 1]",
        reward=(
            "10 - 0.01 x^2 - (y - 2)^2 - velocity penalties a step, (x, y) the tip; the 10 is not paid on the last step"
        ),
        ends="terminated when the tip is at 1 or lower",
        differences=(
            f"{_OTHER}. The highest tip is at 1.2, not 2, so 9.36 is the most a step pays. MuJoCo's has other physics"
        ),
    ),
}
