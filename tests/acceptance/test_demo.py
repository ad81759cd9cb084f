"""`make demo` in a process of its own: it ends well only if every step was seen to work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harness import BIN
from tests.support.patience import PATIENCE

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_tour_sees_every_step_work() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docs.examples.tour"],
        cwd=ROOT,
        env={"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("All steps were seen to work.\n")
    assert done.stdout.count("\n== ") == 5
    assert "{" not in done.stdout, "objects are for programs"
