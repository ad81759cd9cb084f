"""`make bench-scale`: thousands of clients of one broker on one machine, all at once and idle.

The broker is the real program; the clients are sessions of bench.fleet in a few processes.
"""

import argparse
import json
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.accounts import made
from bench.broker import Broker
from bench.fleet import DESCRIPTORS, SPARE, room_for
from bench.machine import machine, machine_line, origin
from bench.processes import BenchError, Party
from bench.report import written
from cnmessage_broker.net.tcp import descriptor_limit

PATIENCE = 180.0
"""Seconds in which all must be live."""

PROCESSES = 2
"""Processes the clients share at least; more where one has too few descriptors."""

SOME, MANY = 2000, 5000
"""Up to how many clients the figures have targets."""

LATENCY_RATE, LATENCY_MESSAGES = 100, 2000
PAIR = 2
BROKER_DESCRIPTORS = 1024
"""What a broker keeps for itself, and what its gate leaves free, beside two connections of each client."""


@dataclass(slots=True)
class Figures:
    """Of one number of clients: seconds, but for the shares and sizes that are named so."""

    clients: int
    come: float = 0.0
    come_cpu: float = 0.0
    come_lost: int = 0
    """Links that were given up on the way: attempts in vain."""

    idle_cores: float = 0.0
    kib_each: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    missing: int = 0
    """Messages of those that did not come."""

    killed: float = 0.0
    killed_cpu: float = 0.0
    killed_lost: int = 0
    second_wave: int = 0
    """Links lost after all were live again."""

    stop: float = 0.0
    status: int = 0
    ended: int = 0
    """Sessions that gave up for good."""

    notes: list[str] = field(default_factory=list)

    def missed(self) -> list[str]:
        """Which figures are worse than they must be with so many clients, or with fewer."""
        must: list[tuple[str, float, float, str]] = [
            ("links lost once all were live again", self.second_wave, 0, ""),
            ("messages that did not come", self.missing, 0, ""),
            ("sessions that ended for good", self.ended, 0, ""),
            ("exit status of the stop", self.status, 0, ""),
        ]
        if self.clients <= SOME:
            must += [
                ("send to shown, 99 of 100", self.p99_ms, 5.0, " ms"),
                ("after kill -9, all live again", self.killed, 10.0, " s"),
                ("clean stop", self.stop, 2.0, " s"),
            ]
        if self.clients <= MANY:
            must += [
                ("come at once, all live", self.come, 30.0, " s"),
                ("idle, share of a core", self.idle_cores * 100, 35.0, " %"),
            ]
        if SOME <= self.clients <= MANY:  # fewer have to share what a broker takes at first
            must += [("idle, memory of the broker, each client", self.kib_each, 110.0, " KiB")]
        return [
            f"{self.clients:,} clients: {name}: {value:.4g}{unit}, must be at most {most:g}{unit}"
            for name, value, most, unit in must
            if value > most
        ]

    def rows(self) -> list[tuple[str, str]]:
        """For a person."""
        return [
            ("come at once: all live", f"{self.come:.1f} s"),
            ("  meanwhile the broker's CPU, links given up", f"{self.come_cpu:.1f} s, {self.come_lost}"),
            ("idle: share of a core", f"{self.idle_cores * 100:.0f} %"),
            ("idle: memory of the broker, each client", f"{self.kib_each:.0f} KiB"),
            (f"send to shown, {LATENCY_RATE} a second: median", f"{self.p50_ms:.2f} ms"),
            ("  99 of 100", f"{self.p99_ms:.2f} ms"),
            ("after kill -9: all live again", f"{self.killed:.1f} s"),
            ("  until then the broker's CPU, links given up", f"{self.killed_cpu:.1f} s, {self.killed_lost}"),
            ("  links lost once all were live", f"{self.second_wave}"),
            ("clean stop", f"{self.stop:.2f} s"),
            *(("note", each) for each in self.notes),
        ]


class Fleets:
    """The parties that are the clients, and what they told last."""

    def __init__(self, place: tuple[str, int, str], accounts: Path, clients: int) -> None:
        each = min(-(-clients // PROCESSES), room_for(clients))
        self.clients = clients
        self._parties = [
            Party.role(
                "bench.fleet",
                "fleet",
                place=place,
                accounts=str(accounts),
                first=PAIR + first,
                count=min(each, clients - first),
            )
            for first in range(0, clients, each)
        ]
        self._told: list[dict[str, Any]] = [{"at": 0.0, "live": 0, "joined": 0, "lost": 0, "ended": 0}] * len(
            self._parties
        )
        self._news = threading.Condition()
        for number, party in enumerate(self._parties):
            threading.Thread(target=self._listen, args=(number, party), daemon=True).start()

    def _listen(self, number: int, party: Party) -> None:
        for line in party.lines():
            with self._news:
                self._told[number] = json.loads(line)
                self._news.notify_all()

    def go(self) -> float:
        """Let them come; when that was."""
        begun = time.monotonic()
        for party in self._parties:
            party.go()
        return begun

    def of_all(self, what: str) -> int:
        """How many are `live`, have `joined` or `lost` a link, or have `ended`."""
        return sum(each[what] for each in self._told)

    def wait(self, joined: int) -> float:
        """Until all are live, and so many have become so since the beginning; when that was."""
        ends = time.monotonic() + PATIENCE
        with self._news:
            while self.of_all("live") < self.clients or self.of_all("joined") < joined:
                if not self._news.wait(ends - time.monotonic()) and time.monotonic() > ends:
                    raise BenchError(
                        f"{self.of_all('live')} of {self.clients} were live after {PATIENCE:.0f} s"
                    )
            return max(float(each["at"]) for each in self._told)

    def end(self) -> None:
        """Kill them: thousands of sockets take long to close."""
        for party in self._parties:
            party.signal(signal.SIGKILL)
            party.end()


def measure(folder: Path, clients: int, idle: float) -> Figures:
    """All figures of so many clients, on fresh data."""
    found = Figures(clients)
    accounts = made(folder, PAIR + clients)
    with ExitStack() as stack:
        broker = Broker(folder / "broker")
        stack.callback(broker.end)
        broker.start()
        alone = broker.memory()
        fleets = Fleets(broker.place, accounts, clients)
        stack.callback(fleets.end)

        begun = fleets.go()
        found.come = fleets.wait(clients) - begun
        found.come_cpu, found.come_lost = broker.cpu(), fleets.of_all("lost")
        _say(clients, f"all live after {found.come:.1f} s")

        time.sleep(2.0)
        before, began, lost = broker.cpu(), time.monotonic(), fleets.of_all("lost")
        time.sleep(idle)
        found.idle_cores = (broker.cpu() - before) / (time.monotonic() - began)
        found.kib_each = (broker.memory() - alone) / clients / 1024
        if fleets.of_all("lost") > lost:
            found.notes.append(f"{fleets.of_all('lost') - lost} links were lost while all was idle")
        _say(clients, f"idle: {found.idle_cores * 100:.0f} % of a core, {found.kib_each:.0f} KiB each")

        latency = _latency(broker, accounts)
        found.p50_ms, found.p99_ms = latency["p50"], latency["p99"]
        found.missing = int(latency["missing"])
        _say(clients, f"send to shown: {found.p50_ms:.2f} ms, 99 of 100 {found.p99_ms:.2f} ms")

        lost, joined = fleets.of_all("lost"), fleets.of_all("joined")
        broker.kill()
        begun = time.monotonic()
        broker.start()
        found.killed = fleets.wait(joined + clients) - begun
        found.killed_cpu = broker.cpu()
        settled = fleets.of_all("lost")
        found.killed_lost = settled - lost
        time.sleep(6.0)
        found.second_wave = fleets.of_all("lost") - settled
        _say(clients, f"after kill -9: {found.killed:.1f} s, second wave {found.second_wave}")

        found.stop, found.status = broker.stop()
        _say(clients, f"clean stop: {found.stop:.2f} s")
        found.ended = fleets.of_all("ended")
    return found


def _latency(broker: Broker, accounts: Path) -> dict[str, float]:
    party = Party.role(
        "bench.fleet",
        "pair",
        place=broker.place,
        accounts=str(accounts),
        first=0,
        count=PAIR,
        messages=LATENCY_MESSAGES,
        rate=LATENCY_RATE,
    )
    try:
        party.go()
        return party.result()
    finally:
        party.end()


def _say(clients: int, text: str) -> None:
    print(f"  {clients} clients: {text}", flush=True)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cnmessage-scale-") as folder:
        yield Path(folder)


def enough_descriptors(clients: int) -> None:
    """BenchError when the limit of open files is too low for so many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(2 * clients * 100 // 90 + BROKER_DESCRIPTORS, PAIR * DESCRIPTORS + SPARE)
    if descriptor_limit() < wanted:
        raise BenchError(
            f"{clients} clients need {wanted} open files in the broker, and the hard limit is {hard}: "
            "raise it ('ulimit -Hn', or LimitNOFILE), or measure fewer"
        )


def table(found: list[Figures]) -> list[str]:
    """One row a figure, one column a number of clients."""
    names = [name for name, _ in found[0].rows()]
    columns = [dict(each.rows()) for each in found]
    head = f"  {'clients':<48}" + "".join(f"{each.clients:>16,}" for each in found)
    rows = [
        f"  {name:<48}" + "".join(f"{each.get(name, ''):>16}" for each in columns)
        for name in names
        if name != "note"
    ]
    notes = [f"  {each.clients:,} clients: {note}" for each in found for note in each.notes]
    return ["", head, *rows, *notes]


def main() -> int:
    """Measure, print, and say by the exit status whether the required figures were reached."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument(
        "clients", type=int, nargs="*", default=[SOME, MANY], help=f"how many (default {SOME} {MANY})"
    )
    parser.add_argument("--idle", type=float, default=60.0, help="seconds to watch them idle (default 60)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--no-fail", action="store_true", help="exit 0 even if a required figure is missed")
    options = parser.parse_args()
    if min(options.clients) < 1 or options.idle <= 0:
        parser.error("give numbers of clients from 1, and some seconds")
    print(machine_line())
    found = []
    try:
        for clients in options.clients:
            enough_descriptors(clients)
            with _folder() as folder:
                found.append(measure(folder, clients, options.idle))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    for line in table(found):
        print(line)
    missed = [text for each in found for text in each.missed()]
    if options.json is not None:
        figures = [asdict(each) for each in found]
        written(options.json, {**origin(), "machine": machine(), "figures": figures, "missed": missed})
    for text in missed:
        print(f"missed: {text}", file=sys.stderr)
    return 1 if missed and not options.no_fail else 0


if __name__ == "__main__":
    sys.exit(main())
