"""One command of the command line while it runs: in a thread of its own, with its client on the chat's loop.

What the command wants of the loop is a coroutine that the thread waits for. Interrupted, that coroutine is
cancelled and the thread gets the KeyboardInterrupt that a process would get. Knows no client and no screen.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from cnmessage_client.shell.command import Facts

Result = TypeVar("Result")


class Running:
    """A command, from its start to its end."""

    def __init__(self, words: tuple[str, ...], facts: Facts) -> None:
        self.words = words
        self.facts = facts
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[Any] | None = None
        self._interrupted = False

    async def carry_out(self, command: Callable[[], int]) -> int:
        """Run the command in a thread; gives its exit status."""
        done: Future[int] = Future()
        done.set_running_or_notify_cancel()

        def body() -> None:
            try:
                done.set_result(command())
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is for whoever waits
                done.set_exception(error)

        # A daemon: a command that hears nothing of the chat's end must not keep the program.
        threading.Thread(target=body, name=" ".join(self.words[:2]), daemon=True).start()
        return await asyncio.wrap_future(done)

    def wait(self, begin: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """On the command's thread: have the loop do this, and wait for it."""
        outcome: Future[Result] = Future()

        def finished(task: "asyncio.Task[Result]") -> None:
            self._task = None
            if task.cancelled():
                outcome.set_exception(KeyboardInterrupt())
            elif (error := task.exception()) is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(task.result())

        def start() -> None:
            if self._interrupted:
                outcome.set_exception(KeyboardInterrupt())
                return
            self._task = self._loop.create_task(begin())
            self._task.add_done_callback(finished)

        if not self.tell(start):
            raise KeyboardInterrupt
        return outcome.result()

    def interrupt(self) -> None:
        """On the loop's thread: stop what it does, and whatever it wants to do then."""
        self._interrupted = True
        if self._task is not None:
            self._task.cancel()

    def tell(self, callback: Callable[..., object], *arguments: object) -> bool:
        """On the command's thread: have the loop call this, behind all it was told before; gives whether."""
        with suppress(RuntimeError):  # the loop was closed: the chat is over
            self._loop.call_soon_threadsafe(callback, *arguments)
            return True
        return False
