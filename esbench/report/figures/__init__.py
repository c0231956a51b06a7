"""The figures of a report, one file each; every one is told apart without its colours too."""
