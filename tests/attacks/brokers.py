"""The broker under attack: a real process with default budgets, watched from outside through /proc."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.support.harness import BrokerProcess

DEFAULT_BUDGETS = {
    "CNMESSAGE_BROKER_LOGIN_BURST": "10",
    "CNMESSAGE_BROKER_ADDRESS_LOGIN_BURST": "100",
}
"""The harness widens these for tests that are not about them."""

_PAUSE = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")
_MIB = 1 << 20
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Holding:
    """What a process holds: MiB of memory, descriptors."""

    mib: float
    descriptors: int


def cpu_of(pid: int) -> float:
    """Seconds of processor that a process and its ended children have used; 0.0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return sum(int(each) for each in fields.rpartition(")")[2].split()[11:15]) / _TICKS


class Watch:
    """Looks at the broker all the time and remembers the most that it held."""

    def __init__(self, broker: BrokerProcess) -> None:
        self._broker = broker
        self._ended = threading.Event()
        self.peak = Holding(0.0, 0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def now(self) -> Holding:
        """What it holds now; nothing when it is gone."""
        process = self._broker.process
        if process is None:
            return Holding(0.0, 0)
        try:
            pages = Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()[1]
            return Holding(int(pages) * _PAGE / _MIB, len(os.listdir(f"/proc/{process.pid}/fd")))  # noqa: PTH208
        except (OSError, IndexError):
            return Holding(0.0, 0)

    def cpu(self) -> float:
        """Seconds of processor that it has used."""
        process = self._broker.process
        return 0.0 if process is None else cpu_of(process.pid)

    def _run(self) -> None:
        while not self._ended.wait(_PAUSE):
            seen = self.now()
            self.peak = Holding(max(self.peak.mib, seen.mib), max(self.peak.descriptors, seen.descriptors))

    def end(self) -> None:
        """Look no longer."""
        self._ended.set()
        self._thread.join()


def is_dead(broker: BrokerProcess) -> bool:
    """Whether it has ended by itself."""
    return broker.process is not None and broker.process.poll() is not None


def death_of(broker: BrokerProcess) -> str:
    """Its exit status and what it said last; the process is put away."""
    status = broker.stop()
    lines = Path(broker.log.name).read_text(encoding="utf-8", errors="replace").splitlines()
    telling = [line for line in lines if "ssertion" in line or "Error" in line] or lines
    return f"exit {status}" + (f": {telling[-1][:160]}" if telling else "")
