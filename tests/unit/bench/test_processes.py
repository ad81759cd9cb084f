import signal
import sys

import pytest

from bench.processes import BenchError, Party, ended


def test_a_load_that_has_ended_is_told() -> None:
    load = Party([sys.executable, "-c", "print('moving', flush=True); input()"])
    with ended(load):
        load.wait_for("moving")
        load.must_run()
        load.signal(signal.SIGKILL)
        with pytest.raises(BenchError, match="ended before it was told to"):
            load.must_run()
