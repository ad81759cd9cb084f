"""The chat as a person has it: `cnmessage chat` in a pseudo-terminal, while 200 messages a second come in.

Measured is the time from a key to its echo on the terminal, and what the process holds in memory after 1,000
and after 10,000 received lines.

    python -m bench.chat sender SETTINGS
"""

import asyncio
import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.broker import BIN, running_broker
from bench.figures import Figure, Measure
from bench.processes import PATIENCE, BenchError, Party, ended, ready, report, settings, wait_for_go
from bench.product import client_of, sign_up

RATE = 200
"""Messages a second that come in."""

KEYS = 300
KEY_PAUSE = 0.05
"""Keys that are typed while they come, and seconds between two."""

_MEANWHILE = int(RATE * KEYS * (KEY_PAUSE + 0.05))
"""Messages that come while keys are typed."""

FEW, MANY = 1_000, 10_000
_ECHO, _ECHO_P99, _ECHO_LONGEST = (f"product, key to echo, {each}" for each in ("median", "p99", "longest"))
_FEW, _MANY = (f"product, memory after {each:,} lines" for each in (FEW, MANY))

_GLYPHS = "éüøñçßæåïôàèêëîûœžšč"
"""No message has these, so each is seen on the terminal only as the echo of its key."""

_HUNDREDTH = "¶"
_LAST = "§¤†"
"""Marks of single messages, the last ones of three runs. Only what differs is drawn, so longer texts cannot
be found in what is written."""


def run(folder: Path) -> Mapping[str, float]:
    """The echoes while messages come in, then the memory."""
    with running_broker(folder / "broker") as broker:
        place = {"home": str(folder / "home"), "broker": broker.address}
        asyncio.run(sign_up(place, "alice"))
        asyncio.run(sign_up(place, "bob"))
        chat = _Chat(place)
        try:
            chat.read_until("online")
            chat.type("to bob\r")
            chat.read_until("→ bob>")
            few = _memory_after(chat, place, FEW, _LAST[0])
            echoes = _echoes(chat, place)
            many = _memory_after(chat, place, MANY - FEW - _MEANWHILE, _LAST[2])
        finally:
            chat.end()
    echoes.sort()
    return {
        _ECHO: statistics.median(echoes),
        _ECHO_P99: echoes[int(len(echoes) * 0.99)],
        _ECHO_LONGEST: echoes[-1],
        _FEW: few / 1024,
        _MANY: many / 1024,
    }


MEASURE = Measure(
    "chat",
    f"the chat in a terminal, while {RATE} messages a second come in, and what it holds in memory",
    (run,),
    (
        Figure(_ECHO, "ms"),
        Figure(_ECHO_P99, "ms", at_most=50.0),
        Figure(_ECHO_LONGEST, "ms"),
        Figure(_FEW, "MiB"),
        Figure(_MANY, "MiB"),
        Figure("memory after many lines ÷ few", at_most=1.2, ratio_of=(_MANY, _FEW)),
    ),
)


def _echoes(chat: "_Chat", place: dict[str, Any]) -> list[float]:
    """Milliseconds that each key's echo took."""
    sender = Party.role("bench.chat", "sender", rate=RATE, count=_MEANWHILE, mark=_LAST[1], **place)
    found = []
    with ended(sender):
        sender.go()
        chat.read_until(_HUNDREDTH)
        began = time.monotonic()
        for number in range(KEYS):
            glyph = _GLYPHS[number % len(_GLYPHS)]
            if number % len(_GLYPHS) == 0:
                chat.type("\x15")  # an empty line
            chat.read_for(KEY_PAUSE)
            started = time.perf_counter()
            chat.type(glyph)
            chat.read_until(glyph)
            found.append((time.perf_counter() - started) * 1000)
        if time.monotonic() - began > (_MEANWHILE - 100) / RATE:
            raise BenchError("the messages ended before the keys")
        chat.type("\x15")
        chat.read_until(_LAST[1])
        sender.result()
    return found


def _memory_after(chat: "_Chat", place: dict[str, Any], count: int, mark: str) -> float:
    """KiB of the process after so many more lines, as fast as they come."""
    sender = Party.role("bench.chat", "sender", rate=0, count=count, mark=mark, **place)
    with ended(sender):
        sender.go()
        chat.read_until(mark)
        sender.result()
    return chat.memory()


class _Chat:
    """The chat in a pseudo-terminal of 80 by 24; what it writes is read, but not drawn."""

    def __init__(self, place: dict[str, Any]) -> None:
        self._side, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**os.environ, "CNMESSAGE_HOME": place["home"], "TERM": "xterm-256color"}
        self._process = subprocess.Popen(
            [str(BIN / "cnmessage"), "--broker", place["broker"], "--profile", "alice", "chat"],
            stdin=other,
            stdout=other,
            stderr=other,
            env=environment,
            start_new_session=True,
        )
        os.close(other)
        self._seen = ""

    def type(self, text: str) -> None:
        """Press keys."""
        self._seen = ""
        os.write(self._side, text.encode())

    def read_until(self, text: str) -> None:
        """Read until this was written, since the last key."""
        deadline = time.monotonic() + PATIENCE
        while text not in self._seen:
            if time.monotonic() > deadline:
                raise BenchError(f"the chat never showed {text!r}, but {self._seen[-300:]!r}")
            self._read(1.0)

    def read_for(self, seconds: float) -> None:
        """Read whatever comes for a while."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._read(left)

    def memory(self) -> float:
        """KiB that it holds."""
        command = ["ps", "-o", "rss=", "-p", str(self._process.pid)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def end(self) -> None:
        """Stop it."""
        self._process.terminate()
        while self._read(1.0):
            pass
        self._process.wait(PATIENCE)
        os.close(self._side)

    def _read(self, seconds: float) -> bool:
        ready_now, _, _ = select.select([self._side], [], [], seconds)
        if not ready_now:
            return False
        try:
            data = os.read(self._side, 65536).decode(errors="replace")
        except OSError:  # it has ended
            return False
        self._seen = (self._seen + data)[-200_000:]
        return bool(data)


# -- the party ------------------------------------------------------------------------------------


async def _send(place: dict[str, Any]) -> None:
    rate, count = place["rate"], place["count"]
    async with client_of(place, "bob") as client:
        await client.whoami()
        ready()
        await asyncio.to_thread(wait_for_go)
        started = time.monotonic()
        sending: set[asyncio.Task[Any]] = set()
        failed: list[BaseException] = []

        def over(task: asyncio.Task[Any]) -> None:
            sending.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                failed.append(error)

        for number in range(count):
            mark = place["mark"] if number == count - 1 else _HUNDREDTH if number == 100 else "."
            text = f"number {number}, and some more words, as people write them {mark}"
            task = asyncio.create_task(client.send("alice", text))
            sending.add(task)
            task.add_done_callback(over)
            if rate:
                await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
            elif len(sending) >= 100:
                await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
        if sending:
            await asyncio.wait(sending)
    if failed:
        raise BenchError(f"{len(failed)} of {count} messages were not sent: {failed[0]}")
    report(sent=count)


if __name__ == "__main__":
    asyncio.run(_send(settings()))
