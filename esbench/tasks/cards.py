"""What `esbench tasks show` says of a task beyond its spec: what is seen, done and paid, and how it differs."""

from dataclasses import dataclass

from esbench.tasks.spec import EPISODES, RL, SMOKE_EPISODES, TaskSpec


@dataclass(frozen=True)
class Card:
    """Prose about one task; every field is a sentence or two.

    differences: from the library's default, and from the environments of other libraries that people would compare.
    """

    observation: str
    action: str
    reward: str
    ends: str
    differences: str


@dataclass(frozen=True)
class Library:
    """A suite's licence, and whether its source is kept up."""

    licence: str
    state: str


LIBRARIES = {
    "gymnax": Library("Apache-2.0", "the newest release when it was pinned; 1.0 changed the interface of 0.0"),
    "brax": Library("Apache-2.0", "its environments are frozen: from 0.13 on only brax/training is maintained"),
    "craftax": Library("MIT", "the newest release when it was pinned"),
    "jumanji": Library("Apache-2.0", "the newest release when it was pinned"),
    "kinetix": Library("MIT", "the newest release when it was pinned; it needs jax 0.9.0 or older"),
    "navix": Library("Apache-2.0", "the newest release for Python 3.11; 4.0.0 needs 3.12 and has other time limits"),
}

_BRAX = "brax's backend `generalized`, its class default; returns differ between backends. The cap is brax's wrapper's"
_KINETIX_SEEN = "{} numbers in [-10, 10]: every shape's, joint's and thruster's position, velocity and role"
_KINETIX_DONE = "6 numbers in [-1, 1]: 4 motors, 2 thrusters, of which a level uses some; a thruster takes [0, 1] of it"
_KINETIX_PAID = "1 for the goal, -1 for what is forbidden, plus 0.1 for every unit by which the goal comes nearer"
_KINETIX_ENDS = "terminated by the goal, a forbidden contact, or numbers that overflow"
_KINETIX_OTHER = (
    "kinetix merges its time limit with the other ends. Observations are SYMBOLIC_FLAT, actions CONTINUOUS, as in the "
    "paper's runs. One start and no chance: a deterministic policy always plays the same episode"
)
_NAVIX_SEEN = "{0}: the whole grid, {1} cells of tag, colour and state, each scaled to [0, 1]"
_NAVIX_DONE = "7: turn left, turn right, forward, pick up, drop, toggle, done"
_NAVIX_OTHER = (
    "scaled and flat, where navix has bytes. MiniGrid shows 7 x 7 cells in front of the player, pays 1 - 0.9 t / T for "
    "the goal and allows {}; here the whole grid is seen, the goal pays 1 at any time, and 100 steps are navix 0.7.4's"
)

CARDS: dict[str, Card] = {
    "CartPole-v1": Card(
        "4: cart's position and velocity, pole's angle and angular velocity",
        "2: push left, push right",
        "1 a step, the last one included",
        "terminated when the pole leans more than 12 degrees or the cart is more than 2.4 from the middle",
        "none from Gymnasium's CartPole-v1: the same trajectories to float32 rounding",
    ),
    "Pendulum-v1": Card(
        "3: cosine and sine of the angle, angular velocity",
        "1 torque in [-2, 2]",
        "-(angle^2 + 0.1 velocity^2 + 0.001 torque^2) a step, the angle from upright",
        "never terminated",
        "none from Gymnasium's Pendulum-v1: the same trajectories to float32 rounding",
    ),
    "Ant-v0": Card(
        "27: height, orientation, 8 joint angles, and all velocities; unbounded",
        "8 torques in [-1, 1]",
        "forward speed + 1 - 0.5 x sum of squared torques a step",
        "terminated when the torso is lower than 0.2 or higher than 1.0",
        f"{_BRAX}. Its scores are not those of MuJoCo's Ant: other physics, no contact forces in reward or observation",
    ),
    "Humanoid-v0": Card(
        "244: joint angles and velocities, inertia and velocity of every body, actuator forces; unbounded",
        "17 torques in [-1, 1], scaled by the environment to [-0.4, 0.4]",
        "1.25 x forward speed + 5 - 0.1 x sum of squared torques a step",
        "terminated when the torso is lower than 1.0 or higher than 2.0",
        f"{_BRAX}. Its scores are not those of MuJoCo's Humanoid: other physics, no contact forces",
    ),
    "InvertedDoublePendulum-v0": Card(
        "8: cart's position, sines and cosines of both angles, velocities clipped to [-10, 10]",
        "1 force in [-1, 1]",
        "10 - 0.01 x^2 - (y - 2)^2 - velocity penalties a step, (x, y) the tip; the 10 is not paid on the last step",
        "terminated when the tip is at 1 or lower",
        f"{_BRAX}. The highest tip is at 1.2, not 2, so 9.36 is the most a step pays. MuJoCo's has other physics",
    ),
    "CraftaxClassic-v0": Card(
        "1345 numbers in [0, 1]: the map around the player as symbols, inventory, needs, daylight",
        "17: move, act, sleep, place and make things",
        "1 for each achievement's first time (22), 0.1 for every health point won or lost",
        "terminated by death or lava",
        "craftax merges its time limit with death, and its AutoReset variant hides the last observation",
    ),
    "Craftax-v0": Card(
        "8268 numbers in [0, 2.1]: the map around the player as symbols, inventory, attributes",
        "43: move, fight, cast, enchant, craft, descend and more",
        "1, 3, 5 or 8 for each achievement's first time (67, together 226), 0.1 for every health point won or lost",
        "terminated by death, or by beating the last boss",
        "craftax merges its time limit with the other ends, and its AutoReset variant hides the last observation",
    ),
    "Game2048-v1": Card(
        "20: the board's 16 exponents (0: empty), then which of 4 moves are legal",
        "4: up, right, down, left; an illegal move does nothing",
        "the value of every tile made by merging",
        "terminated when no move is legal",
        "jumanji has no limit, so that a policy that insists on an illegal move plays for ever: here it is 1000 steps. "
        "The mask is seen, not applied",
    ),
    "Knapsack-v1": Card(
        "200: weights and values of 50 items, what is packed, what still fits",
        "50: the item to pack",
        "the item's value",
        "terminated by an item that does not fit or is packed already (it pays nothing), or when nothing fits",
        "none from jumanji's; the mask is seen, not applied. Legal actions at random return 13.50",
    ),
    "Snake-v1": Card(
        "725: 5 planes of 12 x 12 (body, head, tail, fruit, order), steps / 4000, then which of 4 moves are legal",
        "4: up, right, down, left",
        "1 for a fruit",
        "terminated by a wall, by the snake itself, or when the board is full",
        "jumanji reports its time limit as a termination: here it truncates. The mask is seen, not applied",
    ),
    "HardPinball-v0": Card(
        _KINETIX_SEEN.format(679), _KINETIX_DONE + "; here 2 motors", _KINETIX_PAID, _KINETIX_ENDS, _KINETIX_OTHER
    ),
    "ThrustControlLeft-v0": Card(
        _KINETIX_SEEN.format(247), _KINETIX_DONE + "; here 2 thrusters", _KINETIX_PAID, _KINETIX_ENDS, _KINETIX_OTHER
    ),
    "ThrustOverBall-v0": Card(
        _KINETIX_SEEN.format(140), _KINETIX_DONE + "; here thrusters", _KINETIX_PAID, _KINETIX_ENDS, _KINETIX_OTHER
    ),
    "DoorKey-8x8-v0": Card(
        _NAVIX_SEEN.format(192, "8 x 8"),
        _NAVIX_DONE,
        "1 for reaching the goal",
        "terminated by the goal",
        _NAVIX_OTHER.format("640 steps"),
    ),
    "DynamicObstacles-6x6-v0": Card(
        _NAVIX_SEEN.format(108, "6 x 6"),
        _NAVIX_DONE,
        "1 for reaching the goal",
        "terminated by the goal, or by a ball, which pays nothing",
        _NAVIX_OTHER.format("144 steps, with -1 for a ball"),
    ),
    "FourRooms-v0": Card(
        _NAVIX_SEEN.format(1083, "19 x 19"),
        _NAVIX_DONE,
        "1 for reaching the goal",
        "terminated by the goal",
        _NAVIX_OTHER.format("100 steps"),
    ),
}

LITE: dict[str, str] = {
    "Ant-v0": "too small: none of the baselines is shown to get beyond the random policy",
    "CraftaxClassic-v0": "small: in about 11 generations evolution strategies beat random with tuned settings only",
    "Craftax-v0": "too small for an evolution strategy: it ends within its second generation of 64 members",
    "Game2048-v1": "small: no evolution strategy is shown to get beyond the random policy",
    "Knapsack-v1": "small: evolution strategies end below the random policy",
    "Snake-v1": "small: no evolution strategy is shown to get beyond the random policy",
    "HardPinball-v0": "small: 4 or 5 generations of 64 members; the ball is kept off the floor; one run in 30 scores",
    "ThrustControlLeft-v0": "small: 10 generations of 64 members; one run in 30 reaches the goal in most episodes",
    "DoorKey-8x8-v0": "too small: an episode in thousands finds the goal; one run in 42, PPO's, begins to learn it",
    "FourRooms-v0": "small: with tuned settings both evolution strategies beat the random policy; PPO is not shown to",
}
"""Of what the lite budget is too small for, by the runs in results/fixed and results/tuned."""


def lines(spec: TaskSpec) -> list[tuple[str, str]]:
    """(name, text) of everything about a task, its name and description first."""
    tiers = ", ".join(f"{tier} {steps:,}" for tier, steps in spec.to_json()["budgets"].items())
    found = [(spec.id, spec.description)]
    if card := CARDS.get(spec.id):
        found += [("observation", card.observation), ("action", f"{spec.action_kind}, {card.action}")]
        found += [("reward", card.reward), ("ends", card.ends)]
    elif spec.action_kind is not None:
        found += [("action", spec.action_kind)]
    if spec.max_episode_steps is not None:
        found += [("cap", f"truncated after {spec.max_episode_steps:,} steps")]
    else:
        found += [("measure", f"{spec.measure.title} of a {spec.measure.sample}")]
    found += [("budgets", f"{tiers} {spec.cost}" if spec.track != RL else tiers)]
    if spec.id in LITE:
        found.append(("lite budget", LITE[spec.id]))
    found.append(
        ("evaluation", f"{EPISODES} {spec.measure.sample}s; smoke {SMOKE_EPISODES}, lite {spec.lite_episodes}")
    )
    for name in ("random", "heuristic", "reference"):
        anchor = getattr(spec, name)
        error = f" +- {anchor.standard_error:g}" if anchor and anchor.standard_error is not None else ""
        found.append((name, f"{anchor.value:g}{error} ({anchor.source})" if anchor else "-"))
    if spec.id in CARDS:
        found.append(("measured by", f"python baselines/studies/anchors.py --tasks {spec.id}"))
    found.append(("solved at", f"{spec.reward_threshold:g}" if spec.reward_threshold is not None else "not defined"))
    found.append(("source", f"{spec.suite} {spec.source_id}" + (f" ({spec.requires})" if spec.requires else "")))
    if library := LIBRARIES.get(spec.suite):
        found += [("licence", library.licence), ("state", library.state)]
    found.append(("in the paper", spec.paper_id or "-"))
    if card:
        found.append(("differences", card.differences))
    return found
