"""The names of the built-in algorithms and where each is; importing this loads none of them."""

BUILT_IN = {
    "eggroll": "esbench.algorithms.eggroll:EGGROLL",
    "open_es": "esbench.algorithms.open_es:OpenES",
    "ppo": "esbench.algorithms.ppo:PPO",
    "ars": "esbench.algorithms.ars:ARS",
    "grpo": "esbench.algorithms.grpo:GRPO",
    "imitation": "esbench.algorithms.imitation:Imitation",
    "backprop": "esbench.algorithms.backprop:Backprop",
    "eggroll_int": "esbench.algorithms.eggroll_int:IntegerEGGROLL",
}
EVOSAX = "evosax:"
