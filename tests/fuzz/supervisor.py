"""Watches a broker under attack: sees at once when it dies or falls silent, and starts it anew.

It also stops the broker itself every so often: that must end with status 0 in time, whatever is under way.
"""

import asyncio
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cnmessage_client import CnMessageError, Home
from tests.fuzz.case import PORTS
from tests.fuzz.honest import RECEIVER, SENDER, Honest
from tests.support.harness import BrokerProcess, home_at, sign_up
from tests.support.raw import new_keys

ATTACKERS = ("mallory", "trudy", "oscar")
RING = 20
STOP_WITHIN = 10.0
SILENT_AFTER = 20.0
"""Seconds without an acknowledgement to the honest sender that count as a broker fallen silent."""

_PAUSED = 2.0
_GRACE = 30.0
_LOOK = 0.05


@dataclass
class Settings:
    """What a run is asked to do. `restart_every`: seconds between stops of the broker under fire."""

    ports: tuple[str, ...] = tuple(PORTS)
    seconds: float = 1800.0
    seed: int = 0
    pace: float = 10.0
    chosen_ids: bool = True
    restart_every: float = 60.0


@dataclass
class Incident:
    """Something that must not happen. `words` are the broker's last on standard error."""

    what: str
    at: float
    words: list[str] = field(default_factory=list)
    cases: dict[str, list[str]] = field(default_factory=dict)


class Attacker:
    """One attacking process and the cases it played last."""

    def __init__(self, port: str, command: list[str], errors: Path) -> None:
        self.port = port
        self._errors = errors
        self.next = 0
        self.recent: deque[str] = deque(maxlen=RING)
        self.kinds: Counter[str] = Counter()
        self.deaths: list[str] = []
        self._command = command
        self._start()

    def _start(self) -> None:
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                [*self._command, "--first", str(self.next)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            number, _, kind = line.strip().partition("\t")
            self.next = int(number) + 1
            self.kinds[kind] += 1
            self.recent.append(f"{number} {kind}")

    def look(self) -> None:
        """Start it anew where it broke off: its own libzmq may have asserted, too."""
        if self.process.poll() is not None:
            self._reader.join(5)
            self._close()
            words = self._errors.read_text(errors="replace").splitlines() or ["(silently)"]
            self.deaths.append(
                f"{self.port} {list(self.recent)[-1:]}: status {self.process.returncode}, {words[-1]}"
            )
            self._start()

    def end(self) -> None:
        """Let it finish its case and leave."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)
        self._close()

    def _close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


class Run:
    """A whole run in a folder of its own."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.settings = settings
        self._folder = folder
        self.broker = BrokerProcess(folder / "broker")
        self.home: Home = home_at(folder / "home")
        self.attackers: list[Attacker] = []
        self.incidents: list[Incident] = []
        self.stops: list[float] = []
        self.figures: list[tuple[int, int]] = []
        self.kinds: dict[str, Counter[str]] = {}
        self.deaths: list[str] = []
        self._rng = random.Random(settings.seed)
        self._began = time.monotonic()
        self._log_from = 0
        self.honest = Honest(self.home)

    def __enter__(self) -> Self:
        self.broker.start()
        asyncio.run(sign_up(self.broker.address, self.home, *ATTACKERS, SENDER, RECEIVER))
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.attackers:
            each.end()
        if self.broker.process is not None:
            self.broker.kill()

    def attack(self) -> None:
        """Attack for as long as the settings say, then let the honest users finish."""
        self._began = time.monotonic()
        ends = self._began + self.settings.seconds
        self.attackers = [
            Attacker(port, self._command(port), self._folder / f"{port}.errors")
            for port in self.settings.ports
        ]
        next_stop = self._began + self.settings.restart_every
        pause = threading.Event()
        with self.honest:
            self.figures.append(self._measured())
            while (now := time.monotonic()) < ends:
                pause.wait(_LOOK)
                self.look()
                if now >= next_stop:
                    next_stop = now + self.settings.restart_every
                    self._disturb()
            for each in self.attackers:
                each.end()
            attackers, self.attackers = self.attackers, []
            self.kinds = {each.port: each.kinds for each in attackers}
            self.deaths = [death for each in attackers for death in each.deaths]
            self.honest.end()
            pause.wait(
                min(_GRACE, self.settings.seconds / 4)
            )  # dead peers' descriptors are given back by then
            if self._died() is None:
                self.figures.append(self._measured())
                self._stop()

    def look(self) -> None:
        """Notice a broker that died or fell silent, write down what led there, and replace it."""
        for each in self.attackers:
            each.look()
        if (status := self._died()) is not None:
            self._note(f"the broker ended by itself with status {status}")
            self._forget()
            self._begin_again()
        elif time.monotonic() - self.honest.last > SILENT_AFTER:
            self._note(f"no answer to an honest client for {SILENT_AFTER:.0f} seconds")
            self.broker.kill()
            self._begin_again()

    # -- looking ----------------------------------------------------------------------------------

    def _died(self) -> int | None:
        return None if self.broker.process is None else self.broker.process.poll()

    def _forget(self) -> None:
        assert self.broker.process is not None
        self.broker.forget()

    def _note(self, what: str) -> None:
        words = self._log().read_text(errors="replace")[self._log_from :].splitlines()
        # A log line of ours begins with its time; what libzmq or Python say before the end does not.
        last = [line for line in words if not line[:2].isdigit()][-30:] or words[-5:]
        cases = {each.port: list(each.recent) for each in self.attackers}
        incident = Incident(what, time.monotonic() - self._began, last, cases)
        self.incidents.append(incident)
        print(f"seed {self.settings.seed}, second {incident.at:.0f}: {what}", file=sys.stderr)
        for line in last:
            print(f"    {line}", file=sys.stderr)
        for port, recent in cases.items():
            print(f"  last cases on {port}: {'; '.join(recent[-5:])}", file=sys.stderr, flush=True)

    def _log(self) -> Path:
        return Path(self.broker.log.name)

    def _measured(self) -> tuple[int, int]:
        """Resident KiB and open descriptors of the broker."""
        assert self.broker.process is not None
        place = Path(f"/proc/{self.broker.process.pid}")
        if not place.exists():
            return 0, 0  # a system without /proc
        resident = next(
            line for line in (place / "status").read_text().splitlines() if line.startswith("VmRSS")
        )
        return int(resident.split()[1]), sum(1 for _ in (place / "fd").iterdir())

    # -- disturbing -------------------------------------------------------------------------------

    def _disturb(self) -> None:
        """Stop the broker under fire and start it again, or only hold it for a moment."""
        if self._rng.random() < 0.25:
            assert self.broker.process is not None
            self.broker.process.send_signal(signal.SIGSTOP)
            threading.Event().wait(_PAUSED)
            self.broker.process.send_signal(signal.SIGCONT)
            return
        self._stop()
        self._begin_again()

    def _stop(self) -> None:
        self.figures.append(self._measured())
        started = time.monotonic()
        try:
            status = self.broker.stop()
        except subprocess.TimeoutExpired:
            status = None
        took = time.monotonic() - started
        self.stops.append(took)
        if status != 0 or took > STOP_WITHIN:
            self._note(f"told to stop, the broker ended with status {status} after {took:.1f} seconds")

    def _begin_again(self) -> None:
        self._log_from = len(self._log().read_text(errors="replace"))
        self.broker.start()
        self.honest.last = time.monotonic()
        with suppress(CnMessageError):  # it may be gone again already; the next look tells
            asyncio.run(sign_up(self.broker.address, self.home, *ATTACKERS))

    def _command(self, port: str) -> list[str]:
        known = [self.home.profile(name).keys(new_keys) for name in ATTACKERS]
        facts: dict[str, Any] = {
            "--address": self.broker.address,
            "--known": json.dumps([(each.public.decode(), each.secret.decode()) for each in known]),
            "--names": json.dumps([*ATTACKERS, "all"]),
            "--port": port,
            "--seed": self.settings.seed,
            "--pace": self.settings.pace,
        }
        chosen = "--chosen-ids" if self.settings.chosen_ids else "--no-chosen-ids"
        pairs = [str(each) for pair in facts.items() for each in pair]
        return [sys.executable, "-m", "tests.fuzz.attacker", *pairs, chosen]
