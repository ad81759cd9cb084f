"""What is typed, on its way to whom it is for: tells turns.py what happens, and does what it decides.

Knows no command, no client, and not what a line means.
"""

import asyncio
from collections.abc import Iterable
from typing import Protocol

import click

from cnmessage_client.chat.screens import Screen
from cnmessage_client.chat.talk.turns import (
    Answer,
    Decision,
    Forget,
    Interrupt,
    Lend,
    LineTurns,
    NoAnswer,
    NoMoreLines,
    Prompt,
    ToTalk,
)
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.trace import Trace, Trail


def _as_text(answer: str) -> str:
    """The answer; a USAGE error if its bytes were no text."""
    try:
        answer.encode()
    except UnicodeEncodeError as error:
        raise CnMessageError(
            ErrorCode.USAGE, "the answer is not UTF-8 text; it was not used. Give it again, in UTF-8"
        ) from error
    return answer


class Receiver(Protocol):
    """Whoever gets lines, and knows how far they are carried out."""

    @property
    def screen(self) -> Screen:
        """Where they are typed."""

    @property
    def talk_asks(self) -> bool:
        """Whether the talk asks about a message."""

    @property
    def resolved(self) -> bool:
        """Whether the last line is done, so far as the next one waits for it."""

    def typed(self, line: str) -> None:
        """A line for the talk."""

    def stop(self) -> bool:
        """Stop the newest command that runs; gives whether there was one."""

    def warned(self, text: str) -> None:
        """Tell a person what went wrong."""

    def leave(self, status: int) -> None:
        """Leave the chat."""


class Input:
    """The Listener of a screen. `piped`: lines come from a program or a file. Asks questions, too.

    `trace` is told whose turn it becomes.
    """

    def __init__(self, receiver: Receiver, *, piped: bool, trace: Trace | None = None) -> None:
        self._receiver = receiver
        self._piped = piped
        self._trace = trace
        self._trail = Trail(listening=trace is not None)
        self._turns = LineTurns(piped=piped, trail=self._trail)
        self._asking = asyncio.Lock()
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    # -- what a person does -----------------------------------------------------------------------

    def entered(self, line: str | None) -> None:
        """A line is complete; None: no more will come."""
        self._do(self._turns.entered(line))
        self.go_on()

    def signed_off(self) -> None:
        """Ctrl-D on an empty line."""
        self._do(self._turns.signed_off(talk_asks=self._receiver.talk_asks))
        self.go_on()

    def interrupt(self, *, half: bool = False) -> bool:
        """Ctrl-C, with `half` a line there; gives whether it was for anything."""
        decisions = self._turns.interrupted(half=half, talk_asks=self._receiver.talk_asks)
        if decisions == [Interrupt()]:
            return self._receiver.stop()
        self._do(decisions)
        self.go_on()
        return True

    # -- what comes of it -------------------------------------------------------------------------

    def begin(self) -> None:
        """Somebody is logged in: lines get their turn."""
        self._do(self._turns.begun())
        self.go_on()

    def questions(self) -> None:
        """Questions will come: until they are over, what is typed is seen and kept nowhere."""
        self._do(self._turns.will_ask())

    def questions_over(self, *, failed: bool = False) -> None:
        """Nothing more is asked, or what did has `failed`. To be called before its last word is shown."""
        self._do(self._turns.returned(failed=failed, half=self._receiver.screen.half_typed))

    async def ask(self, question: str, *, hidden: bool = False) -> str:
        """A line in answer to a question; raises click.Abort after Ctrl-C, EOFError at the end of input.

        An answer that is no text is a USAGE error.
        """
        async with self._asking:
            self._answer = answer = asyncio.get_running_loop().create_future()
            self._do(self._turns.asked(Prompt(question, hidden)))
            try:
                return _as_text(str(await answer))
            finally:
                if answer.cancelled():
                    self._do(self._turns.withdrawn())

    def editor_opened(self) -> None:
        """The terminal is an editor's."""
        self._do(self._turns.editor_opened())

    def editor_closed(self, line: str | None) -> None:
        """The terminal is ours again; what was written goes first, unless it became the line being typed."""
        self._do(self._turns.editor_closed(line))

    def drop(self) -> None:
        """Carry out nothing that was entered and has not had its turn; Up brings it back. A pipe is left."""
        if self._piped:
            self._receiver.warned("what follows that line may be for somebody else: nothing of it was done")
            self._receiver.leave(0)
            return
        lines = self._turns.dropped()
        for line in lines:
            self._receiver.screen.remember(line)
        self._do([Lend(self._turns.typing)])
        if lines:
            what = "1 line behind it was" if len(lines) == 1 else f"{len(lines)} lines behind it were"
            self._receiver.warned(f"{what} not carried out; Up brings it back")

    @property
    def ahead(self) -> int:
        """How many lines were entered and have not had their turn."""
        return self._turns.typing.ahead

    def left(self) -> None:
        """The chat is left."""
        self._do(self._turns.left())

    def go_on(self) -> None:
        """Hand over the next lines, as far as it is their turn."""
        while True:
            if self._receiver.resolved:
                self._do(self._turns.resolved())
            decisions = self._turns.take(talk_asks=self._receiver.talk_asks)
            if not decisions:
                return
            self._do(decisions)

    # -- inner ------------------------------------------------------------------------------------

    def _do(self, decisions: Iterable[Decision]) -> None:
        receiver = self._receiver
        self._trail.tell(self._trace)
        for decision in decisions:
            match decision:
                case Lend(typing):
                    receiver.screen.lend(typing)
                case ToTalk(line, recalled):
                    if recalled:
                        receiver.screen.remember(line)
                    receiver.typed(line)
                case Answer() | NoAnswer() if self._answer.done():
                    pass  # whoever asked was stopped just now: a line for nobody
                case Answer(line):
                    self._answer.set_result(line)
                case NoAnswer(ended):
                    # No task may end in KeyboardInterrupt.
                    self._answer.set_exception(EOFError() if ended else click.Abort())
                case Forget(dropped):
                    receiver.screen.forget()
                    if dropped:
                        what = f"{dropped} typed ahead without being asked for"
                        receiver.warned(f"{what}: dropped, for it may be a secret")
                case NoMoreLines(astray):
                    if astray:
                        what = "the lines behind it may be its answers, secrets too"
                        receiver.warned(f"{what}: they were not carried out")
                    receiver.leave(0)
