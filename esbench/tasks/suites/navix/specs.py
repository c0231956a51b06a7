"""Grids to find a way through, of navix."""

import functools

from esbench.tasks.anchors import measured
from esbench.tasks.card import Card, Library
from esbench.tasks.spec import Anchor, TaskSpec, returns
from esbench.tasks.tiers import Budgets

LIBRARY = Library(
    name="navix",
    requires="navix==0.7.4",
    licence="Apache-2.0",
    state="the newest release for Python 3.11; 4.0.0 needs 3.12 and has other time limits",
)

GOAL = Anchor(1.0, "rules: 1 for reaching the goal")


def _card(size: int, cells: str, minigrid_allows: str, ends: str = "terminated by the goal") -> Card:
    return Card(
        observation=f"{size}: the whole grid, {cells} cells of tag, colour and state, each scaled to [0, 1]",
        action="7: turn left, turn right, forward, pick up, drop, toggle, done",
        reward="1 for reaching the goal",
        ends=ends,
        differences="scaled and flat, where navix has bytes. MiniGrid shows 7 x 7 cells in front of the player, pays "
        f"1 - 0.9 t / T for the goal and allows {minigrid_allows}. Here the whole grid is seen, the goal pays 1 at any "
        "time, and 100 steps are navix 0.7.4's",
    )


_task = functools.partial(
    TaskSpec,
    suite=LIBRARY.name,
    requires=LIBRARY.requires,
    max_episode_steps=100,
    action_kind="discrete",
    measure=returns(0.0, 1.0),
)

TASKS = {
    _task(
        id="DoorKey-8x8-v0",
        source_id="Navix-DoorKey-8x8-v0",
        paper_id="navix/Navix-DoorKey-8x8-v0",
        description="Fetch a key, open the door and reach the goal behind it: 1.",
        budgets=Budgets(lite=5_000_000),
        random=measured(0.0002, 0.0001, 20_000),
        reference=GOAL,
    ): _card(192, "8 x 8", "640 steps"),
    _task(
        id="DynamicObstacles-6x6-v0",
        source_id="Navix-Dynamic-Obstacles-6x6-Random-v0",
        paper_id="navix/Navix-Dynamic-Obstacles-6x6-Random-v0",
        description="Reach the goal among three moving balls: 1; being hit ends the episode with nothing.",
        budgets=Budgets(lite=3_000_000),
        random=measured(0.0452, 0.0015, 20_000),
        reference=GOAL,
    ): _card(108, "6 x 6", "144 steps, with -1 for a ball", "terminated by the goal, or by a ball, which pays nothing"),
    _task(
        id="FourRooms-v0",
        source_id="Navix-FourRooms-v0",
        paper_id="navix/Navix-FourRooms-v0",
        description="Reach a goal somewhere in four connected rooms within 100 steps: 1.",
        budgets=Budgets(lite=5_000_000),
        random=measured(0.0358, 0.0013, 20_000),
        reference=GOAL,
    ): _card(1083, "19 x 19", "100 steps"),
}
