"""What stands in a view of the chat: frozen records without any terminal's form. The screens give them their
form. Text in here is not cleaned: whoever shows it passes it through safe_text, except Output, which our
own renderer has made.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from cnmessage_client.model import UNKNOWN, MessageFile
from cnmessage_protocol.conversation import Conversation


class Mark(Enum):
    """How far an own message has come; the value is what a person sees behind it."""

    QUEUED = "…"
    STORED = "✓"
    DELIVERED = "✓✓"
    FAILED = "✗"


@dataclass(frozen=True, slots=True)
class Said:
    """One message. `key` is its place in the talk: its client id for own ones, else its message id.

    `mark` is None for what others wrote. `seq` and `id` are empty until the broker gave them. `reason` says
    why a FAILED one failed. One that is `unknown` cannot be shown by this version, and has neither sender nor
    body. `gone` says why its file is offered no more.
    """

    key: str
    time: datetime
    sender: str
    to: tuple[Conversation, ...]
    kind: str
    body: str
    mark: Mark | None = None
    seq: int | None = None
    file: MessageFile | None = None
    reason: str = ""
    unknown: bool = False
    id: str = ""
    gone: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """Messages of another conversation, told in one line while this one is open: how many, and the last.

    `first` is the key of the first one; a line that gets another one keeps it.
    """

    said: Said
    count: int = 1
    first: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A dim line: presence, connection, hints. What a person reads and forgets."""

    text: str


@dataclass(frozen=True, slots=True)
class Pushed:
    """A delivery of a kind to come, which stands in no inbox and cannot be shown."""

    kind: str

    @property
    def text(self) -> str:
        """What a person is told."""
        return UNKNOWN


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error, with what to do next."""

    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across the view with a label in it: `new`, `earlier`, a day."""

    label: str


@dataclass(frozen=True, slots=True)
class Typed:
    """A command line as it was typed, above its output."""

    prompt: str
    text: str


@dataclass(frozen=True, slots=True)
class Output:
    """Text that a command printed: safe already, with colours as SGR sequences where the screen has them.

    `from_top`: it is read from its beginning, should it be longer than the screen.
    """

    text: str
    from_top: bool = False


Entry = Said | Preview | Note | Pushed | Trouble | Rule | Typed | Output
