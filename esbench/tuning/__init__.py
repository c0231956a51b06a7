"""One fair tuning for several algorithms: stated ranges, the same number of quasi-random trials, successive halving."""
