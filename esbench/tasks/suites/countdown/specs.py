"""Countdown, of esbench itself: a task of the track `reasoning`."""

from esbench.tasks.anchors import measured, rule
from esbench.tasks.card import Card, Library
from esbench.tasks.spec import REASONING, Anchor, Measure, TaskSpec
from esbench.tasks.tiers import Budgets

LIBRARY = Library(name="countdown", requires="", licence="Apache-2.0", state="part of esbench")

LEGAL = "legal characters at random"
SOLVED = Measure("return", "instance", unit="share solved", lowest=0.0, highest=1.0)

COUNTDOWN = TaskSpec(
    id="Countdown-v0",
    suite=LIBRARY.name,
    source_id="4 numbers of 1 to 9, targets of 30 to 99, every tenth instance held out",
    max_episode_steps=31,
    action_kind="discrete",
    description="Write calculations that make a target of four numbers, a character at a step; 1 for a right answer.",
    budgets=Budgets(smoke=20_000, lite=5_000_000, standard=50_000_000, paper=500_000_000),
    random=measured(0.0, 0.0, 100_000),
    heuristic=rule(LEGAL, 0.01635, 0.0004, 100_000),
    reference=Anchor(1.0, "rules: every instance has a right answer, which an exhaustive search finds"),
    lite_episodes=512,
    track=REASONING,
    measure=SOLVED,
    cost="tokens",
)
TASKS = {
    COUNTDOWN: Card(
        observation="1: the token that was read or written last",
        action="18: the next token, of 0123456789+-*/=;.>; ignored while the prompt is read",
        reward="1 for the `.` that ends a right answer",
        ends="terminated at the first illegal character, and when a right answer is at its end",
        differences=(
            "reasoning-gym's countdown takes any formula whose value is the target: here its steps are written with "
            "their results, which are whole numbers, 0 or more, and nothing is paid for a wrong answer. Evaluations "
            "have instances that training never has"
        ),
        study="countdown_anchors.py",
    ),
}
