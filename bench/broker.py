"""The product's broker as users run it: a process, on data of its own, with what the system says of it."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zmq.utils import z85

from bench.processes import BenchError, Party, free_port
from cnmessage_client.address import parse_address

BIN = Path(sys.executable).parent
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Broker:
    """The program, started and started again on the same data and port; `settings` are the broker's own."""

    def __init__(self, data: Path, **settings: float) -> None:
        self._data, self._port = data, free_port()
        self._settings = {f"CNMESSAGE_BROKER_{name.upper()}": str(each) for name, each in settings.items()}
        self._party: Party | None = None
        self.address = ""
        """What clients are given, key included."""

    def start(self) -> None:
        """Start it and wait until it serves."""
        command = [str(BIN / "cnmessage-broker"), "start", "--port", str(self._port)]
        command += ["--data", str(self._data)]
        self._party = Party(command, {**os.environ, **self._settings, "BENCH_QUIET": "1"})
        self.address = self._party.wait_for("--broker '").split("--broker '")[1].split("'")[0]

    @property
    def place(self) -> tuple[str, int, str]:
        """Its host, its port, its key as z85 text."""
        address = parse_address(self.address)
        if address.key is None:
            raise BenchError("the broker told no key")
        return address.host, address.port, z85.encode(address.key).decode()

    @property
    def _running(self) -> Party:
        if self._party is None:
            raise BenchError("the broker does not run")
        return self._party

    def cpu(self) -> float:
        """Seconds of processor that it has used, all threads."""
        text = Path(f"/proc/{self._running.pid}/stat").read_text(encoding="utf-8")
        return sum(int(each) for each in text.rpartition(")")[2].split()[11:13]) / _TICKS

    def threads(self) -> Iterator[tuple[str, float]]:
        """Each thread's name and the seconds of processor that it has used."""
        for thread in Path(f"/proc/{self._running.pid}/task").iterdir():
            ran = int((thread / "schedstat").read_text(encoding="ascii").split()[0])
            yield (thread / "comm").read_text(encoding="utf-8").strip(), ran / 1e9

    def memory(self) -> int:
        """Bytes of it that are in memory."""
        text = Path(f"/proc/{self._running.pid}/statm").read_text(encoding="ascii")
        return int(text.split()[1]) * _PAGE

    def kill(self) -> None:
        """As a machine that loses its power would."""
        self._running.signal(signal.SIGKILL)

    def stop(self) -> tuple[float, int]:
        """Seconds that a clean stop takes, and its exit status."""
        begun = time.monotonic()
        status = self._running.signal(signal.SIGTERM)
        return time.monotonic() - begun, status

    def end(self) -> None:
        """Whatever happened before."""
        if self._party is not None:
            self._party.end()


@contextmanager
def running_broker(data: Path, **settings: float) -> Iterator[Broker]:
    """A broker that serves, on fresh data."""
    broker = Broker(data, **settings)
    try:
        broker.start()
        yield broker
    finally:
        broker.end()
