"""Feeding the talk: with what the client learns, with words, with the time; and what happens when that fails.

Every input becomes effects, which the driver (a Feeding) carries out at once. A defect is shown, kept for the
end, and the chat goes on. Knows no command and no effect's meaning.
"""

import asyncio
import errno
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress

from cnmessage_client.chat.screens import Screen
from cnmessage_client.chat.talk.effects import Effect, Redraw, Show
from cnmessage_client.chat.talk.entries import Trouble
from cnmessage_client.chat.talk.talk import Talk
from cnmessage_client.model import Message, Unknown
from cnmessage_protocol.deliveries import FileState
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.machines.states import State

_MOST_FAULTS = 5
"""Defects that are kept to be shown at the end; more would be the same again."""


_NO_AUDIENCE = {errno.EPIPE, errno.EIO, errno.ENOSPC}


class Feeding(ABC):
    """A talk and its inputs. It is the living client's News."""

    screen: Screen
    """Set before anything else happens; it needs the driver too."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.loop = asyncio.get_running_loop()
        self.failed = False
        """Whether a line that was typed, or what came of it, has failed."""
        self.faults: list[str] = []
        """Defects, as they are to be reported."""
        self.lost: OSError | None = None
        """Why nothing can be shown any more: a pipe that nobody reads, a terminal that is gone."""
        self._alarm: asyncio.TimerHandle | None = None

    @abstractmethod
    def leave(self, status: int) -> None:
        """Leave the chat."""

    @abstractmethod
    def perform(self, effect: Effect) -> None:
        """Do what the talk wants."""

    def feed(self, step: Callable[[float], list[Effect]], *, typed: bool = False) -> None:
        """One input of the talk, with the time; what it wants is done at once."""
        shown = False
        try:
            for effect in step(self.loop.time()):
                self.perform(effect)
                shown = shown or isinstance(effect, Show | Redraw)
                if typed and isinstance(effect, Show) and isinstance(effect.entry, Trouble):
                    self.failed = True
        except Exception as error:  # noqa: BLE001 - a defect must not end the chat
            self.broken(error)
        if not shown:
            self.screen.redraw()  # the status may be another
        self._set_alarm()

    # -- words ------------------------------------------------------------------------------------

    def told(self, text: str) -> None:
        """Tell a person something."""
        self.feed(lambda _: self.talk.note(text))

    def printed(self, text: str) -> None:
        """A command has printed something."""
        self.feed(lambda _: self.talk.output(text))

    def warned(self, text: str) -> None:
        """Tell a person what went wrong."""
        self.feed(lambda _: self.talk.trouble(text))

    # -- what the client learns -------------------------------------------------------------------

    def logged_in(self, user: str) -> None:
        """Somebody is logged in here."""
        self.feed(lambda now: self.talk.logged_in(user, now))

    def logged_out(self) -> None:
        """Nobody is logged in here."""
        self.feed(self.talk.logged_out)

    def moved(self, state: State, retry_in: float) -> None:
        """The connection has another state."""
        self.feed(lambda now: self.talk.moved(state, retry_in, now))

    def came(self, message: Message | Unknown) -> None:
        """A message came, or what cannot be shown."""
        self.feed(lambda now: self.talk.came(message, now))

    def pushed(self, kind: str) -> None:
        """A delivery of a kind to come, for the first time."""
        self.feed(lambda now: self.talk.pushed(kind, now))

    def left_out(self, unread: int, shown: int) -> None:
        """Not all that is unread will be shown."""
        self.told(
            f"{unread:,} unread messages; the latest {shown:,} are shown here. The others stay unread until "
            "you have read them all with: history --unread"
        )

    def roster(self, users: Sequence[tuple[str, bool]]) -> None:
        """All users."""
        self.feed(lambda now: self.talk.roster(users, now))

    def presence(self, changes: Sequence[tuple[str, bool]]) -> None:
        """These came or went."""
        self.feed(lambda now: self.talk.presence(changes, now))

    def file_moved(self, news: FileState) -> None:
        """A recipient got on with a file."""
        self.feed(lambda now: self.talk.file_moved(news, now))

    def refused(self, error: CnMessageError) -> None:
        """A message that an earlier run left behind was refused."""
        self.warned(f"a message that was left behind earlier was refused: {error.message}")

    def accepted(self, place: str, fingerprint: str) -> None:
        """The key of a broker on this machine was accepted."""
        self.told(f"accepted the key of the broker {place}: {fingerprint}")

    def ended(self, error: CnMessageError) -> None:
        """The client ended by itself."""
        self.feed(lambda now: self.talk.moved(State.CLOSED, 0.0, now))
        if error.code is ErrorCode.UNAUTHENTICATED:
            self.warned("this device is not logged in any more; type: login NAME")
        else:
            self.warned(error.message)

    # -- inner ------------------------------------------------------------------------------------

    def broken(self, error: BaseException) -> None:
        """A defect: shown at once, kept for the end, and the chat goes on. Without an audience it ends."""
        if isinstance(error, OSError) and error.errno in _NO_AUDIENCE:
            self.lost = error
            self.leave(1)
            return
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append("".join(traceback.format_exception(error)))
            text = f"a defect in this program: {type(error).__name__}: {error}. More is told at the end."
            with suppress(Exception):  # it may be the talk that is broken
                for effect in self.talk.trouble(text):
                    self.perform(effect)

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        due = self.talk.deadline()
        self._alarm = None if due is None else self.loop.call_at(due, lambda: self.feed(self.talk.tick))
