"""Levels of rigid bodies, motors and thrusters, of kinetix."""

import functools

from esbench.tasks.anchors import measured, rule
from esbench.tasks.card import Card, Library
from esbench.tasks.spec import Anchor, TaskSpec, returns
from esbench.tasks.tiers import Budgets

LIBRARY = Library(
    name="kinetix",
    requires="kinetix-env==3.0.2",
    licence="MIT",
    state="the newest release when it was pinned; it needs jax 0.9.0 or older",
)

NOOP = "no motor, no thrust"


def goal_and_way(start: float, contact: float) -> Anchor:
    """1 for the goal and 0.1 for every unit by which the way there shortens the distance to it."""
    source = f"rules: goal 1, shaping 0.1 x (start distance {start} - contact distance {contact})"
    return Anchor(round(1 + 0.1 * (start - contact), 3), source)


def _card(size: int, used: str) -> Card:
    return Card(
        observation=f"{size} numbers in [-10, 10]: every shape's, joint's and thruster's position, velocity and role",
        action=f"6 numbers in [-1, 1]: 4 motors, 2 thrusters. This level uses {used}. A thruster takes [0, 1] of its "
        "number",
        reward="1 for the goal, -1 for what is forbidden, plus 0.1 for every unit by which the goal comes nearer",
        ends="terminated by the goal, a forbidden contact, or numbers that overflow",
        differences="kinetix merges its time limit with the other ends. Observations are SYMBOLIC_FLAT, actions "
        "CONTINUOUS, as in the paper's runs. One start and no chance: a deterministic policy always plays the same "
        "episode",
    )


_task = functools.partial(
    TaskSpec, suite=LIBRARY.name, requires=LIBRARY.requires, max_episode_steps=256, action_kind="continuous"
)

TASKS = {
    _task(
        id="HardPinball-v0",
        source_id="l/hard_pinball",
        paper_id="kinetix/l/hard_pinball",
        measure=returns(None, 1.2531),  # goal and the whole distance
        description="Flip a ball with two motors to the goal, 1, and keep it off the floor, -1; one fixed start.",
        budgets=Budgets(lite=50_000),
        beyond=("lite",),
        lite_episodes=32,
        random=measured(-1.079, 0.008, 1000),
        heuristic=rule(NOOP, -1.1367, 0.0, 1),
        reference=goal_and_way(2.531, 0.445),
    ): _card(679, "2 motors"),
    _task(
        id="ThrustControlLeft-v0",
        source_id="m/h17_thrustcontrol_left",
        paper_id="kinetix/m/h17_thrustcontrol_left",
        measure=returns(None, 1.3266),  # goal and the whole distance
        description="Fly a box with two thrusters round a ball to the goal, 1, clear of a bar, -1; one fixed start.",
        budgets=Budgets(lite=500_000),
        lite_episodes=32,
        random=measured(0.0761, 0.0007, 1000),
        heuristic=rule(NOOP, -0.0188, 0.0, 1),
        reference=goal_and_way(3.266, 0.440),
    ): _card(247, "2 thrusters"),
    _task(
        id="ThrustOverBall-v0",
        source_id="s/h1_thrust_over_ball",
        paper_id="kinetix/s/h1_thrust_over_ball",
        measure=returns(None, 1.3815),  # goal and the whole distance
        description="Fly a ball with a thruster over a block, -1, to the goal, 1; one fixed start.",
        budgets=Budgets(lite=500_000),
        lite_episodes=32,
        random=measured(-0.8110, 0.00013, 1000),
        heuristic=rule(NOOP, 0.1073, 0.0, 1),
        reference=goal_and_way(3.815, 0.626),
    ): _card(140, "thrusters"),
}
