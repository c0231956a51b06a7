"""The 16 tasks: which environment, how long an episode, which budgets, and what its scores are read against.

`python baselines/studies/anchors.py` measures the anchors that are measured.
"""

import dataclasses

from esbench.tasks.spec import RETURN, Anchor, Budgets, Measure, TaskSpec

GYMNAX = "gymnax==1.0.1"
BRAX = "brax==0.14.2"
CRAFTAX = "craftax==1.6.1"
JUMANJI = "jumanji==1.1.2"
KINETIX = "kinetix-env==3.0.2"
NAVIX = "navix==0.7.4"


def measured(value: float, standard_error: float, episodes: int) -> Anchor:
    """The mean return of actions drawn uniformly from the action space, measured on these very environments."""
    return Anchor(value, f"uniformly random actions, {episodes} episodes, seed 0", standard_error)


def rule(name: str, value: float, standard_error: float, episodes: int) -> Anchor:
    """The mean return of a simple rule, measured likewise."""
    return Anchor(value, f"{name}, {episodes} episode{'s' * (episodes > 1)}, seed 0", standard_error)


def returns(lowest: float | None, highest: float | None) -> Measure:
    """Returns between what the rules allow at least and at most; None where they set no bound."""
    return dataclasses.replace(RETURN, lowest=lowest, highest=highest)


STILL, NOOP, LEGAL = "standing still: no torque", "no motor, no thrust", "legal actions at random"


def goal_and_way(start: float, contact: float) -> Anchor:
    """Kinetix: 1 for the goal and 0.1 for every unit by which the way there shortens the distance to it."""
    source = f"rules: goal 1, shaping 0.1 x (start distance {start} - contact distance {contact})"
    return Anchor(round(1 + 0.1 * (start - contact), 3), source)


GOAL = Anchor(1.0, "rules: 1 for reaching the goal")

CATALOGUE: tuple[TaskSpec, ...] = (
    TaskSpec(
        id="CartPole-v1",
        suite="gymnax",
        source_id="CartPole-v1",
        requires=GYMNAX,
        paper_id="CartPole-v1",
        max_episode_steps=500,
        action_kind="discrete",
        measure=returns(1.0, 500.0),
        description="Balance a pole on a cart by pushing it left or right; 1 for every step upright.",
        budgets=Budgets(lite=2_000_000),
        random=measured(22.32, 0.12, 10_000),
        heuristic=rule("push where the pole falls: the sign of angle + velocity / 2", 500.0, 0.0, 10_000),
        reference=Anchor(500.0, "rules: 1 a step for 500 steps"),
        reward_threshold=475.0,  # Gymnasium's, for the same rules
    ),
    TaskSpec(
        id="Pendulum-v1",
        suite="gymnax",
        source_id="Pendulum-v1",
        requires=GYMNAX,
        paper_id="Pendulum-v1",
        max_episode_steps=200,
        action_kind="continuous",
        measure=returns(-3255.0, 0.0),  # 200 steps of pi^2 + 0.1 x 8^2 + 0.001 x 2^2
        description="Swing a pendulum up and hold it there with little torque; every step costs angle, speed, torque.",
        budgets=Budgets(lite=2_000_000),
        random=measured(-1231.8, 2.9, 10_000),
        reference=Anchor(
            -150.0, "frozen: the practical ceiling, PPO -172 (rl-baselines3-zoo), ES -130 to -153 (gymnax-blines)"
        ),
    ),
    TaskSpec(
        id="Ant-v0",
        suite="brax",
        source_id="ant",
        requires=BRAX,
        paper_id="brax/ant",
        max_episode_steps=1000,
        action_kind="continuous",
        description="Run a four-legged robot forwards; 1 a step for being upright, so that standing still also pays.",
        budgets=Budgets(lite=100_000),
        lite_episodes=32,
        random=measured(-13.42, 0.77, 1000),
        heuristic=rule(STILL, 54.2, 4.3, 64),
        reference=Anchor(8000.0, "frozen: about what brax's own PPO demonstration reaches, on older physics"),
    ),
    TaskSpec(
        id="Humanoid-v0",
        suite="brax",
        source_id="humanoid",
        requires=BRAX,
        paper_id="brax/humanoid",
        max_episode_steps=1000,
        action_kind="continuous",
        description="Run a two-legged robot forwards; 5 a step for being upright, so that standing still also pays.",
        budgets=Budgets(lite=50_000),
        lite_episodes=32,
        random=measured(167.0, 1.5, 1000),
        heuristic=rule(STILL, 237.8, 0.6, 256),
        reference=Anchor(13_000.0, "frozen: the top of the axis for humanoid in brax's training notebook"),
    ),
    TaskSpec(
        id="InvertedDoublePendulum-v0",
        suite="brax",
        source_id="inverted_double_pendulum",
        requires=BRAX,
        paper_id="brax/inverted_double_pendulum",
        max_episode_steps=1000,
        action_kind="continuous",
        measure=returns(None, 9360.0),
        description="Balance two linked poles on a cart; up to 10 a step while the tip stays above 1 m.",
        budgets=Budgets(lite=400_000),
        lite_episodes=32,
        random=measured(154.9, 1.1, 2000),
        heuristic=rule("no force", 350.8, 1.7, 1000),
        reference=Anchor(
            9360.0, "rules: 10 - (2 - 1.2)**2 a step with the tip still at its highest, 1.2 m, for 1000 steps"
        ),
    ),
    TaskSpec(
        id="CraftaxClassic-v0",
        suite="craftax",
        source_id="Craftax-Classic-Symbolic-v1",
        requires=CRAFTAX,
        paper_id="craftax/Craftax-Classic-Symbolic-AutoReset-v1",
        max_episode_steps=10_000,
        action_kind="discrete",
        measure=returns(-0.9, 22.0),  # it begins with the most health points there can be, 9
        description="Survive, gather and craft in an open world; 1 for each of 22 achievements, 0.1 a health point.",
        budgets=Budgets(lite=100_000),
        lite_episodes=32,
        random=measured(1.405, 0.040, 1000),
        reference=Anchor(22.0, "rules: 22 achievements of 1"),
    ),
    TaskSpec(
        id="Craftax-v0",
        suite="craftax",
        source_id="Craftax-Symbolic-v1",
        requires=CRAFTAX,
        paper_id="craftax/Craftax-Symbolic-AutoReset-v1",
        max_episode_steps=100_000,
        action_kind="discrete",
        measure=returns(-0.9, 226.4),  # it begins with 9 health points; there can be 13
        description="Descend nine floors of a dungeon, fighting and crafting; 67 achievements worth 226 together.",
        budgets=Budgets(lite=20_000),
        lite_episodes=32,
        random=measured(1.131, 0.075, 256),
        reference=Anchor(226.0, "rules: the weights of 67 achievements"),
    ),
    TaskSpec(
        id="Game2048-v1",
        suite="jumanji",
        source_id="Game2048-v1",
        requires=JUMANJI,
        paper_id="jumanji/Game2048-v1",
        max_episode_steps=1000,
        action_kind="discrete",
        measure=returns(0.0, None),
        description="Slide and merge tiles of 2048; a merge pays the new tile's value, an illegal move does nothing.",
        budgets=Budgets(lite=1_000_000),
        random=measured(1092.5, 8.5, 4000),
        heuristic=rule(LEGAL, 1100.8, 8.7, 4000),
        reference=Anchor(20_000.0, "rules: about the score at which the 2048 tile is made, of 930 legal moves"),
        score_scale="log2",
    ),
    TaskSpec(
        id="Knapsack-v1",
        suite="jumanji",
        source_id="Knapsack-v1",
        requires=JUMANJI,
        paper_id="jumanji/Knapsack-v1",
        max_episode_steps=50,
        action_kind="discrete",
        measure=returns(0.0, 50.0),
        description="Pack 50 items of random weight and value into a bag of 12.5; an illegal choice ends the episode.",
        budgets=Budgets(lite=600_000),
        random=measured(4.253, 0.023, 10_000),
        heuristic=rule("greedy by value per weight", 20.066, 0.013, 20_000),
        reference=Anchor(20.20, "mean fractional bound of 20 000 instances", 0.013),
    ),
    TaskSpec(
        id="Snake-v1",
        suite="jumanji",
        source_id="Snake-v1",
        requires=JUMANJI,
        paper_id="jumanji/Snake-v1",
        max_episode_steps=4000,
        action_kind="discrete",
        measure=returns(0.0, 143.0),
        description="Eat fruit on a 12 x 12 board while growing; 1 each, and running into a wall or oneself ends it.",
        budgets=Budgets(lite=500_000),
        lite_episodes=32,
        random=measured(0.0997, 0.0033, 10_000),
        heuristic=rule(LEGAL, 6.200, 0.018, 10_000),
        reference=Anchor(143.0, "rules: a fruit for every cell but the first"),
    ),
    TaskSpec(
        id="HardPinball-v0",
        suite="kinetix",
        source_id="l/hard_pinball",
        requires=KINETIX,
        paper_id="kinetix/l/hard_pinball",
        max_episode_steps=256,
        action_kind="continuous",
        measure=returns(None, 1.2531),  # goal and the whole distance
        description="Flip a ball with two motors to the goal, 1, and keep it off the floor, -1; one fixed start.",
        budgets=Budgets(lite=50_000),
        lite_episodes=32,
        random=measured(-1.079, 0.008, 1000),
        heuristic=rule(NOOP, -1.1367, 0.0, 1),
        reference=goal_and_way(2.531, 0.445),
    ),
    TaskSpec(
        id="ThrustControlLeft-v0",
        suite="kinetix",
        source_id="m/h17_thrustcontrol_left",
        requires=KINETIX,
        paper_id="kinetix/m/h17_thrustcontrol_left",
        max_episode_steps=256,
        action_kind="continuous",
        measure=returns(None, 1.3266),  # goal and the whole distance
        description="Fly a box with two thrusters round a ball to the goal, 1, clear of a bar, -1; one fixed start.",
        budgets=Budgets(lite=150_000),
        lite_episodes=32,
        random=measured(0.0761, 0.0007, 1000),
        heuristic=rule(NOOP, -0.0188, 0.0, 1),
        reference=goal_and_way(3.266, 0.440),
    ),
    TaskSpec(
        id="ThrustOverBall-v0",
        suite="kinetix",
        source_id="s/h1_thrust_over_ball",
        requires=KINETIX,
        paper_id="kinetix/s/h1_thrust_over_ball",
        max_episode_steps=256,
        action_kind="continuous",
        measure=returns(None, 1.3815),  # goal and the whole distance
        description="Fly a ball with a thruster over a block, -1, to the goal, 1; one fixed start.",
        budgets=Budgets(lite=150_000),
        lite_episodes=32,
        random=measured(-0.8110, 0.00013, 1000),
        heuristic=rule(NOOP, 0.1073, 0.0, 1),
        reference=goal_and_way(3.815, 0.626),
    ),
    TaskSpec(
        id="DoorKey-8x8-v0",
        suite="navix",
        source_id="Navix-DoorKey-8x8-v0",
        requires=NAVIX,
        paper_id="navix/Navix-DoorKey-8x8-v0",
        max_episode_steps=100,
        action_kind="discrete",
        measure=returns(0.0, 1.0),
        description="Fetch a key, open the door and reach the goal behind it: 1.",
        budgets=Budgets(lite=600_000),
        random=measured(0.0002, 0.0001, 20_000),
        reference=GOAL,
    ),
    TaskSpec(
        id="DynamicObstacles-6x6-v0",
        suite="navix",
        source_id="Navix-Dynamic-Obstacles-6x6-Random-v0",
        requires=NAVIX,
        paper_id="navix/Navix-Dynamic-Obstacles-6x6-Random-v0",
        max_episode_steps=100,
        action_kind="discrete",
        measure=returns(0.0, 1.0),
        description="Reach the goal among three moving balls: 1; being hit ends the episode with nothing.",
        budgets=Budgets(lite=1_000_000),
        random=measured(0.0452, 0.0015, 20_000),
        reference=GOAL,
    ),
    TaskSpec(
        id="FourRooms-v0",
        suite="navix",
        source_id="Navix-FourRooms-v0",
        requires=NAVIX,
        paper_id="navix/Navix-FourRooms-v0",
        max_episode_steps=100,
        action_kind="discrete",
        measure=returns(0.0, 1.0),
        description="Reach a goal somewhere in four connected rooms within 100 steps: 1.",
        budgets=Budgets(lite=750_000),
        random=measured(0.0358, 0.0013, 20_000),
        reference=GOAL,
    ),
)
