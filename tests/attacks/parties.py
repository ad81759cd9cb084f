"""Processes that take part in a run: started, let go, asked for what they found, and ended whatever happens.

    python -m tests.attacks.parties ROLE PLACE SETTINGS

A party prints `ready`, waits for a line, prints lines of JSON, the last one what it found. Each leads a
process group, and ends when its parent does, even one that was killed.
"""

import ctypes
import json
import os
import queue
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from tests.attacks.brokers import cpu_of
from tests.attacks.ground import Ground, Place

ROOT = Path(__file__).parents[2]
_PR_SET_PDEATHSIG = 1

_TOGETHER = {"attack", "spin", "filler"}
"""Roles whose processes share one session. Linux gives each session the same share of the processor
(autogroup), and attackers are one machine's worth here, however many processes they need."""


class PartyError(Exception):
    """A party did not do its part; the text says which."""


class Party:
    """A process of ours. `heard(line)` is called for every line that it prints, in a thread."""

    def __init__(
        self, role: str, place: Path, heard: Callable[[str], None] | None = None, **settings: Any
    ) -> None:
        self.name = f"{role} {settings.get('attack', '')}".strip()
        self._heard = heard
        self._lines: queue.Queue[str] = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.attacks.parties", role, str(place), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=role not in _TOGETHER,
            process_group=0 if role in _TOGETHER else None,
        )
        self._reader = threading.Thread(target=self._read, args=[self._process.stdout], daemon=True)
        self._reader.start()

    def _read(self, output: IO[str]) -> None:
        for line in output:
            if self._heard is not None and line.strip() != "ready":
                self._heard(line)
            else:
                self._lines.put(line)
        self._lines.put("")

    def wait_until_ready(self, seconds: float) -> None:
        """PartyError when it does not come so far."""
        try:
            if self._lines.get(timeout=seconds).strip() == "ready":
                return
        except queue.Empty:
            pass
        raise PartyError(f"{self.name} was not ready in time")

    def say(self, word: str = "go") -> None:
        """Let it begin, or tell it anything else."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(word + "\n")
            self._process.stdin.flush()

    def result(self, seconds: float) -> dict[str, Any] | None:
        """What it found, or None when it did not end in time."""
        try:
            line = self._lines.get(timeout=max(0.0, seconds))
            return dict(json.loads(line))
        except (queue.Empty, ValueError):
            return None

    def cpu(self) -> float:
        """Seconds of processor it has used."""
        return cpu_of(self._process.pid)

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does; only `end` ends that."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def end(self) -> None:
        """End it and all that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()


# -- inside a party ---------------------------------------------------------------------------------


def die_with_parent() -> None:
    """The kernel kills this process when its parent ends, stopped or not."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def tell(**found: Any) -> None:
    """One line to the parent."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def begin() -> None:
    """Say that this party is ready, and wait for the word."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


def _attack(place: Path, settings: dict[str, Any]) -> None:
    from tests.attacks.kinds import ATTACKS

    attack = ATTACKS[settings["attack"]]
    before = 0.0

    def began() -> None:
        nonlocal before
        begin()
        before = _used()

    ground = Ground(place, Place.read(place), settings["number"], settings["seconds"], began)
    act = attack.prepare if settings["prepare"] else attack.run
    assert act is not None
    act(ground)
    tell(**asdict(ground.tally), cpu=_used() - before)


def _used() -> float:
    """Seconds of processor, of this process and of those that it started and that ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both)


def _spin(settings: dict[str, Any]) -> None:
    """Burn a share of one core, in slices of 20 ms."""
    share, until = settings["share"], time.monotonic() + settings["seconds"]
    begin()
    while (now := time.monotonic()) < until:
        busy = now + 0.02 * share
        while time.monotonic() < busy:
            pass
        time.sleep(0.02 * (1 - share))


def main() -> None:
    """Be the party that the command line names."""
    die_with_parent()
    role, place, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    match role:
        case "attack":
            _attack(place, settings)
        case "spin":
            _spin(settings)
        case "honest":
            from tests.attacks import honest

            honest.main(Place.read(place), settings)
        case "crowd":
            from tests.attacks import crowd

            crowd.main(Place.read(place), settings)
        case "filler":
            from tests.attacks.kinds.leaving import fill

            fill(Place.read(place), settings["number"])
        case _:
            raise SystemExit(f"no role '{role}'")
    sys.stdout.flush()
    os._exit(0)  # nothing here needs a tidy end; libzmq's would only take time


if __name__ == "__main__":
    main()
