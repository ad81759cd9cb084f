"""What a line that was typed can mean: frozen records, and effects as they are.

Knows neither how a line is read nor what is done about it.
"""

from dataclasses import dataclass

from cnmessage_client.chat.talk.effects import Break, Edit, Notify, Quit, RunCommand
from cnmessage_protocol.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Blank:
    """Nothing was typed."""


@dataclass(frozen=True, slots=True)
class SendText:
    """A message."""

    to: tuple[Conversation, ...]
    body: str


@dataclass(frozen=True, slots=True)
class Enter:
    """Open a conversation; None goes home."""

    conversation: Conversation | None


@dataclass(frozen=True, slots=True)
class More:
    """Load earlier messages."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Send what failed again: the last one, or everything."""

    everything: bool


@dataclass(frozen=True, slots=True)
class Clear:
    """Empty the view."""


@dataclass(frozen=True, slots=True)
class Who:
    """Tell who is online."""


@dataclass(frozen=True, slots=True)
class Hint:
    """Nothing is done; `text` says why, and what to type instead. `opens`: it was to open a conversation."""

    text: str
    opens: bool = False


Line = (
    Blank | SendText | Enter | More | Retry | Clear | Who | Hint | RunCommand | Edit | Break | Notify | Quit
)
"""What a line can mean. The last five are effects as they are."""
