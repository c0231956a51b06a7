"""Open worlds, of craftax."""

import functools

from esbench.tasks.anchors import measured
from esbench.tasks.card import Card, Library
from esbench.tasks.spec import Anchor, TaskSpec, returns
from esbench.tasks.tiers import Budgets

LIBRARY = Library(
    name="craftax",
    requires="craftax==1.6.1",
    licence="MIT",
    state="the newest release when it was pinned",
)


_task = functools.partial(TaskSpec, suite=LIBRARY.name, requires=LIBRARY.requires, action_kind="discrete")

TASKS = {
    _task(
        id="CraftaxClassic-v0",
        source_id="Craftax-Classic-Symbolic-v1",
        paper_id="craftax/Craftax-Classic-Symbolic-AutoReset-v1",
        max_episode_steps=10_000,
        measure=returns(-0.9, 22.0),  # it begins with the most health points there can be, 9
        description="Survive, gather and craft in an open world; 1 for each of 22 achievements, 0.1 a health point.",
        budgets=Budgets(lite=500_000),
        lite_episodes=32,
        random=measured(1.405, 0.040, 1000),
        reference=Anchor(22.0, "rules: 22 achievements of 1"),
    ): Card(
        observation="1345 numbers in [0, 1]: the map around the player as symbols, inventory, needs, daylight",
        action="17: move, act, sleep, place and make things",
        reward="1 for each achievement's first time (22), 0.1 for every health point won or lost",
        ends="terminated by death or lava",
        differences="craftax merges its time limit with death, and its AutoReset variant hides the last observation",
    ),
    _task(
        id="Craftax-v0",
        source_id="Craftax-Symbolic-v1",
        paper_id="craftax/Craftax-Symbolic-AutoReset-v1",
        max_episode_steps=100_000,
        measure=returns(-0.9, 226.4),  # it begins with 9 health points; there can be 13
        description="Descend nine floors of a dungeon, fighting and crafting; 67 achievements worth 226 together.",
        budgets=Budgets(lite=20_000),
        beyond=("lite",),
        lite_episodes=32,
        random=measured(1.131, 0.075, 256),
        reference=Anchor(226.0, "rules: the weights of 67 achievements"),
    ): Card(
        observation="8268 numbers in [0, 2.1]: the map around the player as symbols, inventory, attributes",
        action="43: move, fight, cast, enchant, craft, descend and more",
        reward=(
            "1, 3, 5 or 8 for each achievement's first time (67, together 226), 0.1 for every health point won or lost"
        ),
        ends="terminated by death, or by beating the last boss",
        differences=(
            "craftax merges its time limit with the other ends, and its AutoReset variant hides the last observation"
        ),
    ),
}
