"""What a chat learns from its client, in the order in which it happened. Knows neither client nor talk."""

from collections.abc import Sequence
from typing import Protocol

from cnmessage_client.model import Message, Unknown
from cnmessage_protocol.deliveries import FileState, OfferState
from cnmessage_protocol.errors import CnMessageError
from cnmessage_protocol.machines.states import State


class News(Protocol):
    """Who is told what the client learns; on the event loop's thread."""

    def logged_in(self, user: str) -> None:
        """Somebody is logged in here; what came for this user follows."""

    def logged_out(self, *, by_itself: bool) -> None:
        """Nobody is logged in here; `by_itself` if no command did that."""

    def moved(self, state: State, retry_in: float) -> None:
        """The connection; in order with the messages that came before and after."""

    def came(self, message: Message | Unknown) -> None:
        """A message, or what cannot be shown, in order."""

    def pushed(self, kind: str) -> None:
        """A delivery of a kind to come, for the first time."""

    def left_out(self, unread: int, shown: int) -> None:
        """So many are unread, of which only the latest will come; the others stay unread."""

    def roster(self, users: Sequence[tuple[str, bool]]) -> None:
        """All users and whether they are online."""

    def presence(self, changes: Sequence[tuple[str, bool]]) -> None:
        """These came or went."""

    def file_moved(self, news: FileState) -> None:
        """A recipient got on with a file."""

    def offer_moved(self, news: OfferState) -> None:
        """A file that was offered can be had no more, or again."""

    def refused(self, error: CnMessageError) -> None:
        """A message that an earlier run left behind was refused."""

    def troubled(self, error: CnMessageError) -> None:
        """The client goes on, but something does not get through."""

    def accepted(self, place: str, fingerprint: str) -> None:
        """The key of a broker on this machine was accepted."""

    def ended(self, error: CnMessageError) -> None:
        """The client ended by itself."""
