"""How loud a chat is: its level, kept with the profile, and whether anybody looks at the terminal.

Knows neither what a message means nor how a notification is shown.
"""

from collections.abc import Callable

from cnmessage_client.chat.talk.effects import Received
from cnmessage_client.home_files import read_toml, write_toml
from cnmessage_client.profile import Profile
from cnmessage_client.ringing import Notification, NotifyLevel, rings
from cnmessage_client.shell.out.notifier import Notifier
from cnmessage_protocol.errors import CnMessageError, ErrorCode

_KEY = "notify"

_MEANS = {
    NotifyLevel.ALL: "every message rings",
    NotifyLevel.MENTIONS: "messages to you ring, and those to everyone that mention you",
    NotifyLevel.NONE: "nothing rings",
}


class Loudness:
    """`show` shows a notification. `focused`: whether the terminal has the focus, None while unknown."""

    def __init__(self, profile: Profile, show: Callable[[Notification], object]) -> None:
        self.focused: bool | None = None
        self.level = NotifyLevel.MENTIONS
        self._path = profile.chat_settings
        self._notifier = Notifier(show)

    def focus(self, focused: bool) -> None:
        """The terminal has got the focus, or lost it."""
        self.focused = focused

    def load(self) -> None:
        """Take the level that was kept; an INTEGRITY or UNREADABLE error where there is none to be had."""
        kept = read_toml(self._path).get(_KEY, self.level)
        try:
            self.level = NotifyLevel(kept)
        except ValueError as error:
            words = ", ".join(NotifyLevel)
            text = f"{self._path} is damaged: {_KEY} is one of {words}, not '{kept}'; correct or remove it"
            raise CnMessageError(ErrorCode.INTEGRITY, text) from error

    def change(self, level: NotifyLevel) -> None:
        """From now on this is the level, also in later chats: else UNREADABLE or STORAGE says why not."""
        self.level = level
        write_toml(self._path, {_KEY: level})

    @property
    def words(self) -> str:
        """What rings, for a person."""
        return f"notify {self.level}: {_MEANS[self.level]}"

    def received(self, received: Received, me: str) -> None:
        """A message came; it rings unless it is seen, or the level is too low."""
        # At home all is shown. Where the focus is not known, somebody who waits there may look elsewhere.
        seen = received.shown and (self.focused or (self.focused is None and not received.at_home))
        if rings(received.message, me, self.level, seen=bool(seen)):
            self._notifier.came(received.message)

    def close(self) -> None:
        """Nothing rings any more."""
        self._notifier.close()
