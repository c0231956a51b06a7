"""Classic control, of gymnax."""

import functools

from esbench.tasks.anchors import measured, rule
from esbench.tasks.card import Card, Library
from esbench.tasks.spec import Anchor, TaskSpec, returns
from esbench.tasks.tiers import Budgets

LIBRARY = Library(
    name="gymnax",
    requires="gymnax==1.0.1",
    licence="Apache-2.0",
    state="the newest release when it was pinned; 1.0 changed the interface of 0.0",
)


_task = functools.partial(TaskSpec, suite=LIBRARY.name, requires=LIBRARY.requires)

TASKS = {
    _task(
        id="CartPole-v1",
        source_id="CartPole-v1",
        paper_id="CartPole-v1",
        max_episode_steps=500,
        action_kind="discrete",
        measure=returns(1.0, 500.0),
        description="Balance a pole on a cart by pushing it left or right; 1 for every step upright.",
        budgets=Budgets(lite=1_000_000),
        random=measured(22.32, 0.12, 10_000),
        heuristic=rule("push where the pole falls: the sign of angle + velocity / 2", 500.0, 0.0, 10_000),
        reference=Anchor(500.0, "rules: 1 a step for 500 steps"),
        reward_threshold=475.0,  # Gymnasium's, for the same rules
    ): Card(
        observation="4: cart's position and velocity, pole's angle and angular velocity",
        action="2: push left, push right",
        reward="1 a step, the last one included",
        ends="terminated when the pole leans more than 12 degrees or the cart is more than 2.4 from the middle",
        differences="none from Gymnasium's CartPole-v1: the same trajectories to float32 rounding",
    ),
    _task(
        id="Pendulum-v1",
        source_id="Pendulum-v1",
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
    ): Card(
        observation="3: cosine and sine of the angle, angular velocity",
        action="1 torque in [-2, 2]",
        reward="-(angle^2 + 0.1 velocity^2 + 0.001 torque^2) a step, the angle from upright",
        ends="never terminated",
        differences="none from Gymnasium's Pendulum-v1: the same trajectories to float32 rounding",
    ),
}
