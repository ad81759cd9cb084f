"""How long a test waits for what must come, whatever else the machine has to do.

Nothing of ours is meant to take so long: it only ends a test that would wait for ever. How quick things are
is measured in `bench`, and asserted nowhere.
"""

PATIENCE = 60.0
"""Seconds that any single step may take before a test fails."""
