"""The command line: a file a command, imported when it is called; names and options are a contract.

examples:
  esbench tasks                                              the 16 tasks
  esbench run --task CartPole-v1 --algorithm eggroll         solve CartPole in under a minute
  esbench run --task CartPole-v1 --algorithm ppo --steps 200000 --set learning_rate=0.001 --name quick
  esbench run --task Ant-v0 --algorithm path/to/mine.py:MyStrategy --tier smoke
  esbench sweep --tasks CartPole-v1,Knapsack-v1 --algorithms eggroll,open_es,ppo --seeds 0:3
  esbench tune --tasks CartPole-v1 --algorithms eggroll,ppo  find settings, with the same trials for each
  esbench report runs --out report                           tables, figures and a page of all runs below runs/
  esbench play runs/lite/CartPole-v1/eggroll/seed-0 --out cartpole.gif
  esbench speed --task CartPole-v1 --population 2048         steps a second on this machine
  esbench doctor                                             what a bug report needs
"""

from esbench.cli.app import main

__all__ = ["main"]
