"""What the talk wants done: the effects that the driver (driver.py) carries out."""

from collections.abc import Sequence
from dataclasses import dataclass

from cnmessage_client.chat.talk.entries import Entry
from cnmessage_client.model import Message
from cnmessage_client.ringing import NotifyLevel
from cnmessage_protocol.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Show:
    """This entry was added to the current view, or (`again`) an own message in it has another mark."""

    entry: Entry
    again: bool = False


@dataclass(frozen=True, slots=True)
class Redraw:
    """Another view is open, or this one's top has grown: what is on the screen is to be drawn anew."""


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send; tell the outcome under `key`, which is the client id to use."""

    key: str
    to: tuple[Conversation, ...]
    body: str


@dataclass(frozen=True, slots=True)
class RunCommand:
    """Run a command of the command line. `words` without the program's name."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DropCommands:
    """Begin no command that waits for its turn: whoever typed it is not logged in any more."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask the broker whether there is this user, before the conversation is opened; lines wait meanwhile."""

    conversation: Conversation


@dataclass(frozen=True, slots=True)
class DropLines:
    """Carry out no line that was entered behind this one: it was meant for another conversation.

    Of a pipe, none that is to come either.
    """


@dataclass(frozen=True, slots=True)
class LoadEarlier:
    """Ask the broker for the `limit` messages before seq `before` (None: the latest) of a view.

    `conversation` is None for home.
    """

    conversation: Conversation | None
    before: int | None
    limit: int


@dataclass(frozen=True, slots=True)
class AskReceipts:
    """Ask the broker how far these messages (by message id) have come."""

    ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class AskFiles:
    """Ask the broker what has become of these files (by id) that were offered, or that this user `sent`."""

    ids: Sequence[str]
    sent: bool = False


@dataclass(frozen=True, slots=True)
class MarkRead:
    """Everything up to `seq` was shown in full, or all of one conversation."""

    seq: int
    conversation: Conversation | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A message of somebody else's came, which may ring. `shown`: it stands in the view that is open in full.

    `at_home`: that view is home.
    """

    message: Message
    shown: bool
    at_home: bool


@dataclass(frozen=True, slots=True)
class Notify:
    """From now on what rings is this; None: tell what does."""

    level: NotifyLevel | None


@dataclass(frozen=True, slots=True)
class Break:
    """Cut the sockets as a network fault would, for `pause` seconds."""

    pause: float


@dataclass(frozen=True, slots=True)
class SetDraft:
    """Put this text into the line being typed, before what stands there: that was typed after it.

    If it is only `offered`, it goes into an empty line, and what is typed next takes its place.
    """

    text: str
    offered: bool = False


@dataclass(frozen=True, slots=True)
class Remember:
    """Up may bring this line back, though it was typed where answers are: it was none."""

    line: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Open $EDITOR on `text`; what was saved becomes the line being typed."""

    text: str


@dataclass(frozen=True, slots=True)
class SendAsFile:
    """Write the body to a file named `name` and send that file to `to` (a spool; the driver knows where)."""

    to: tuple[Conversation, ...]
    body: str
    name: str


@dataclass(frozen=True, slots=True)
class Quit:
    """Leave the chat."""


Effect = (
    Show
    | Redraw
    | SendMessage
    | RunCommand
    | DropCommands
    | LookUp
    | DropLines
    | LoadEarlier
    | AskReceipts
    | AskFiles
    | MarkRead
    | Received
    | Notify
    | Break
    | SetDraft
    | Remember
    | Edit
    | SendAsFile
    | Quit
)
