"""Runs of several measures in turn, round by round: A B C, A B C. Knows nothing of what they measure."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.figures import Rounds


def take_turns(found: Sequence[Rounds], rounds: int, say: Callable[[str], None]) -> None:
    """Every run of every measure once a round, each in a fresh folder; `say` is told how it goes on.

    What was found before a run fails stays.
    """
    for number in range(1, rounds + 1):
        for each in found:
            values: dict[str, float] = {}
            for run in (*each.measure.runs, *each.measure.more_runs):
                with tempfile.TemporaryDirectory(prefix="cnmessage-bench-") as folder:
                    values |= run(Path(folder))
            each.values.append(values)
            told = "; ".join(f"{name} {value:,.4g}" for name, value in values.items())
            say(f"round {number} of {rounds}, {each.measure.name}: {told}")
