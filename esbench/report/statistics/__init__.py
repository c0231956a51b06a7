"""Statistics over seeds, in NumPy and SciPy alone. The unit of replication is the run, never the episode."""
