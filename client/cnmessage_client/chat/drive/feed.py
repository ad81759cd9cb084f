"""Feeding the talk: with what the client learns, with words, with the time; and what happens when that fails.

Every input becomes effects, which are carried out at once. A defect is shown, kept for the end, and the chat
goes on. Knows no command, no screen, and of most effects no meaning.
"""

import asyncio
import errno
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress

from cnmessage_client.chat.talk.effects import Effect, Redraw, Show
from cnmessage_client.chat.talk.entries import Trouble
from cnmessage_client.chat.talk.talk import Talk
from cnmessage_client.model import Message, Unknown
from cnmessage_protocol.deliveries import FileState, OfferState
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.machines.states import State

_MOST_FAULTS = 5
"""Defects that are kept to be shown at the end; more would be the same again."""


_NO_AUDIENCE = {errno.EPIPE, errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF}


class Feed:
    """The inputs of a talk; it is the living client's News.

    `perform` carries one effect out; `leave` ends the chat, with an exit status; `here` makes of a hint
    what is typed here.
    """

    def __init__(
        self,
        talk: Talk,
        perform: Callable[[Effect], None],
        leave: Callable[[int], None],
        here: Callable[[str], str],
    ) -> None:
        self.talk = talk
        self.failed = False
        """Whether a line that was typed, or what came of it, has failed."""
        self.faults: list[str] = []
        """Defects, as they are to be reported."""
        self.lost: OSError | None = None
        """Why nothing can be shown any more: a pipe that nobody reads, a terminal that is gone."""
        self._perform, self._leave, self._here = perform, leave, here
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Time brings nothing any more."""
        if self._alarm is not None:
            self._alarm.cancel()

    def give(self, step: Callable[[float], list[Effect]], *, typed: bool = False) -> None:
        """One input of the talk, with the time; what it wants is done at once."""
        shown = False
        try:
            for effect in step(self._loop.time()):
                self._perform(effect)
                shown = shown or isinstance(effect, Show | Redraw)
                if typed and isinstance(effect, Show) and isinstance(effect.entry, Trouble):
                    self.failed = True
        except Exception as error:  # noqa: BLE001 - a defect must not end the chat
            self.broken(error)
        if not shown:
            self._perform(Redraw())  # the status may be another
        self._set_alarm()

    # -- words ------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Tell a person something."""
        self.give(lambda _: self.talk.note(text))

    def printed(self, text: str) -> None:
        """A command has printed something."""
        self.give(lambda _: self.talk.output(text))

    def warned(self, text: str) -> None:
        """Tell a person what went wrong."""
        self.give(lambda _: self.talk.trouble(self._here(text)))

    # -- what the client learns -------------------------------------------------------------------

    def logged_in(self, user: str) -> None:
        """Somebody is logged in here."""
        self.give(lambda now: self.talk.logged_in(user, now))

    def logged_out(self, *, by_itself: bool) -> None:
        """Nobody is logged in here."""
        self.give(lambda now: self.talk.logged_out(now, by_itself=by_itself))

    def moved(self, state: State, retry_in: float) -> None:
        """The connection has another state."""
        self.give(lambda now: self.talk.moved(state, retry_in, now))

    def came(self, message: Message | Unknown) -> None:
        """A message came, or what cannot be shown."""
        self.give(lambda now: self.talk.came(message, now))

    def pushed(self, kind: str) -> None:
        """A delivery of a kind to come, for the first time."""
        self.give(lambda _: self.talk.pushed(kind))

    def left_out(self, unread: int, shown: int) -> None:
        """Not all that is unread will be shown."""
        self.note(
            f"{unread:,} unread messages; the latest {shown:,} are shown here. The others stay unread until "
            "you have read them all with: /history --unread"
        )

    def roster(self, users: Sequence[tuple[str, bool]]) -> None:
        """All users."""
        self.give(lambda now: self.talk.roster(users, now))

    def presence(self, changes: Sequence[tuple[str, bool]]) -> None:
        """These came or went."""
        self.give(lambda now: self.talk.presence(changes, now))

    def file_moved(self, news: FileState) -> None:
        """A recipient got on with a file."""
        self.give(lambda _: self.talk.file_moved(news))

    def offer_moved(self, news: OfferState) -> None:
        """A file that was offered can be had no more, or again."""
        self.give(lambda _: self.talk.offer_moved(news))

    def refused(self, error: CnMessageError) -> None:
        """A message that an earlier run left behind was refused."""
        self.warned(f"a message that was left behind earlier was refused: {error.message}")

    def troubled(self, error: CnMessageError) -> None:
        """Something does not get through."""
        self.warned(error.message)

    def accepted(self, place: str, fingerprint: str) -> None:
        """The key of a broker on this machine was accepted."""
        self.note(f"accepted the key of the broker {place}: {fingerprint}")

    def ended(self, error: CnMessageError) -> None:
        """The client ended by itself."""
        self.give(lambda now: self.talk.moved(State.CLOSED, 0.0, now))
        if error.code is ErrorCode.UNAUTHENTICATED:
            slash = "" if self.talk.conversation is None else "/"
            self.warned(f"this device is not logged in any more; type: {slash}login NAME")
        else:
            self.warned(error.message)

    # -- inner ------------------------------------------------------------------------------------

    def broken(self, error: BaseException) -> None:
        """A defect: shown at once, kept for the end, and the chat goes on. Without an audience it ends."""
        if isinstance(error, OSError) and error.errno in _NO_AUDIENCE:
            self.lost = error
            self._leave(1)
            return
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append("".join(traceback.format_exception(error)))
            text = f"a defect in this program: {type(error).__name__}: {error}. More is told at the end."
            with suppress(Exception):  # it may be the talk that is broken
                for effect in self.talk.trouble(text):
                    self._perform(effect)

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        due = self.talk.deadline()
        self._alarm = None if due is None else self._loop.call_at(due, lambda: self.give(self.talk.tick))
