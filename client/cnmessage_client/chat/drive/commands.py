"""The commands that were typed: one after another; transfers of files and what asks beside them.

Each goes through click as on the command line. Typing and talking go on meanwhile; Ctrl-C stops the newest.
A command that asks must not wait behind others: its answers, typed already, would be taken for messages.
"""

import asyncio
import shlex
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from cnmessage_client.chat.drive.running import Running
from cnmessage_client.shell.command import Facts

Carry = Callable[[Running], int]
"""Carries one command out, on its own thread; gives its exit status."""

Ended = Callable[[Running, int | BaseException], None]
"""Told on the loop's thread how it ended."""

_GRACE = 5.0
"""Seconds that stopped commands have to put down what they did."""


@dataclass(frozen=True, slots=True)
class _Queued:
    words: tuple[str, ...]
    facts: Facts
    carry: Carry


class CommandRunner:
    """Runs commands; `ended` hears of each."""

    def __init__(self, ended: Ended) -> None:
        self._ended = ended
        self._waiting: deque[_Queued] = deque()
        self._front: Running | None = None
        self._running: dict[Running, asyncio.Task[None]] = {}

    def run(self, words: tuple[str, ...], facts: Facts, carry: Carry) -> None:
        """Run a command as soon as it is its turn."""
        order = _Queued(words, facts, carry)
        if facts.account or facts.moves:
            self._start(order)
        elif self._front is None:
            self._front = self._start(order)
        else:
            self._waiting.append(order)

    @property
    def lines(self) -> list[str]:
        """The command lines that run, the oldest first."""
        return [shlex.join(each.words) for each in self._running]

    @property
    def lines_to_come(self) -> list[str]:
        """The command lines that wait for their turn, in order."""
        return [shlex.join(each.words) for each in self._waiting]

    def drop(self) -> list[str]:
        """Begin none of those that wait for their turn; gives their lines."""
        lines = self.lines_to_come
        self._waiting.clear()
        return lines

    @property
    def busy(self) -> bool:
        """Whether any command runs."""
        return bool(self._running)

    @property
    def about_account(self) -> bool:
        """Whether a command runs that touches who is logged in here."""
        return any(each.facts.account for each in self._running)

    def interrupt(self) -> bool:
        """Stop the newest that runs, if any does; gives whether."""
        if not self._running:
            return False
        list(self._running)[-1].interrupt()
        return True

    async def stop(self) -> None:
        """Stop all, and wait a while for their ends."""
        self._waiting.clear()
        for each in self._running:
            each.interrupt()
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=_GRACE)

    def _start(self, order: _Queued) -> Running:
        running = Running(order.words, order.facts)
        self._running[running] = asyncio.create_task(self._watch(running, order))
        return running

    async def _watch(self, running: Running, order: _Queued) -> None:
        outcome: int | BaseException
        try:
            outcome = await running.carry_out(lambda: order.carry(running))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - a fault in a command; whoever is told shows it
            outcome = error
        del self._running[running]
        if self._front is running:
            self._front = self._start(self._waiting.popleft()) if self._waiting else None
        self._ended(running, outcome)
