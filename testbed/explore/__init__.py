"""``testbed explore``: every fault at every step of a scenario, and the smallest scenario that breaks it."""
