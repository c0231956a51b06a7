"""Games and puzzles, of jumanji."""

import functools

from esbench.tasks.anchors import measured, rule
from esbench.tasks.card import Card, Library
from esbench.tasks.spec import Anchor, TaskSpec, returns
from esbench.tasks.tiers import Budgets

LIBRARY = Library(
    name="jumanji",
    requires="jumanji==1.1.2",
    licence="Apache-2.0",
    state="the newest release when it was pinned",
)

LEGAL = "legal actions at random"

_task = functools.partial(TaskSpec, suite=LIBRARY.name, requires=LIBRARY.requires, action_kind="discrete")

TASKS = {
    _task(
        id="Game2048-v1",
        source_id="Game2048-v1",
        paper_id="jumanji/Game2048-v1",
        max_episode_steps=1000,
        measure=returns(0.0, None),
        description="Slide and merge tiles of 2048; a merge pays the new tile's value, an illegal move does nothing.",
        budgets=Budgets(lite=5_000_000),
        random=measured(1092.5, 8.5, 4000),
        heuristic=rule(LEGAL, 1100.8, 8.7, 4000),
        reference=Anchor(20_000.0, "rules: about the score at which the 2048 tile is made, of 930 legal moves"),
        score_scale="log2",
    ): Card(
        observation="20: the board's 16 exponents (0: empty), then which of 4 moves are legal",
        action="4: up, right, down, left; an illegal move does nothing",
        reward="the value of every tile made by merging",
        ends="terminated when no move is legal",
        differences=(
            "jumanji has no limit, so that a policy that insists on an illegal move plays for ever: here it is 1000 "
            "steps. The mask is seen, not applied"
        ),
    ),
    _task(
        id="Knapsack-v1",
        source_id="Knapsack-v1",
        paper_id="jumanji/Knapsack-v1",
        max_episode_steps=50,
        measure=returns(0.0, 50.0),
        description="Pack 50 items of random weight and value into a bag of 12.5; an illegal choice ends the episode.",
        budgets=Budgets(lite=5_000_000),
        random=measured(4.253, 0.023, 10_000),
        heuristic=rule("greedy by value per weight", 20.066, 0.013, 20_000),
        reference=Anchor(20.20, "mean fractional bound of 20 000 instances", 0.013),
    ): Card(
        observation="200: weights and values of 50 items, what is packed, what still fits",
        action="50: the item to pack",
        reward="the item's value",
        ends="terminated by an item that does not fit or is packed already (it pays nothing), or when nothing fits",
        differences="none from jumanji's; the mask is seen, not applied. Legal actions at random return 13.50",
    ),
    _task(
        id="Snake-v1",
        source_id="Snake-v1",
        paper_id="jumanji/Snake-v1",
        max_episode_steps=4000,
        measure=returns(0.0, 143.0),
        description="Eat fruit on a 12 x 12 board while growing; 1 each, and running into a wall or oneself ends it.",
        budgets=Budgets(lite=2_000_000),
        lite_episodes=32,
        random=measured(0.0997, 0.0033, 10_000),
        heuristic=rule(LEGAL, 6.200, 0.018, 10_000),
        reference=Anchor(143.0, "rules: a fruit for every cell but the first"),
    ): Card(
        observation=(
            "725: 5 planes of 12 x 12 (body, head, tail, fruit, order), steps / 4000, then which of 4 moves are legal"
        ),
        action="4: up, right, down, left",
        reward="1 for a fruit",
        ends="terminated by a wall, by the snake itself, or when the board is full",
        differences="jumanji reports its time limit as a termination: here it truncates. The mask is seen, not applied",
    ),
}
