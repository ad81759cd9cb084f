import subprocess
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.commandline import run
from bench.figures import Figure, Measure
from bench.processes import BenchError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--rounds", "0"], "'0' is no number of rounds; give one from 1"),
        (["--rounds", "many"], "'many' is no number of rounds; give one from 1"),
        (["--only", "nothing"], "invalid choice: 'nothing'"),
        (["--save", "../elsewhere"], "'../elsewhere' is no name of a result; use letters, digits, - and _"),
        (["--save", ""], "'' is no name of a result"),
    ],
)
@pytest.mark.parametrize("module", ["bench", "bench.peers"])
def test_bad_input_is_refused_before_anything_is_measured(module: str, words: list[str], told: str) -> None:
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]
    assert done.stdout == ""


def test_when_a_run_fails_what_was_found_before_is_shown_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = iter([5.0, 7.0])

    def measured(_: Path) -> Mapping[str, float]:
        for value in values:
            return {"rate": value}
        raise BenchError("the receiver gave no result")

    given = Namespace(rounds=3, json=tmp_path / "figures.json", save=None, no_fail=True)
    assert run([Measure("m", "about", (measured,), (Figure("rate", "/s"),))], given) == 1
    told = capsys.readouterr()
    assert told.err == "bench: the receiver gave no result\n"
    assert "(5.00 to 7.00)" in told.out
    assert list(tmp_path.iterdir()) == []
