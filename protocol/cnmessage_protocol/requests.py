"""Every request a client may make, and which record answers it: the catalogue of the protocol.

One frozen record a request; `VERB` is its name on the wire, `RESULT` the record of its answer. Both
sides build and check them here, once, at the edge. docs/protocol.md describes each in words, and a test
fails when one is missing there.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from msgspec import Struct

from cnmessage_protocol.conversation import Conversation
from cnmessage_protocol.errors import ErrorCode, ProtocolError
from cnmessage_protocol.ids import ID_SIZE
from cnmessage_protocol.records import NewMessage, outgoing
from cnmessage_protocol.results import (
    MAX_CONVERSATIONS,
    MAX_FILES,
    MAX_MESSAGES,
    MAX_RECEIPT_IDS,
    MAX_USERS,
    Attached,
    ConversationList,
    DeviceList,
    Done,
    FileList,
    Identity,
    LoggedIn,
    Names,
    Page,
    PasswordChanged,
    Pulse,
    ReadMark,
    ReceiptList,
    Sent,
    UserList,
)
from cnmessage_protocol.schema import (
    blob,
    boolean,
    build,
    compared,
    conversation,
    existing_name,
    fresh_name,
    integer,
    many,
    name_or_none,
    optional,
    plain,
    text,
    together,
)

MAX_PASSWORD = 1024
MIN_PASSWORD = 8
MAX_LABEL = 128

MAX_NAMES = 16_384
"""Most names in all rows of one SEND: while they are looked at nobody else is served."""

_millis = integer()
_identity = blob(ID_SIZE)
_label = text(MAX_LABEL)
_TO = NewMessage._fields.index("to")
_rows = together(many(outgoing, MAX_MESSAGES, minimum=1), _TO, MAX_NAMES)


class Request(Struct, frozen=True):
    """Root of the catalogue."""

    VERB: ClassVar[str]
    RESULT: ClassVar[type[Any]]


class Signup(Request, frozen=True):
    """Make an account and bind this device to it. Repeating it with the same password logs in."""

    VERB: ClassVar[str] = "signup"
    RESULT: ClassVar[type[Any]] = LoggedIn
    name: Annotated[str, fresh_name]
    password: Annotated[str, compared(MAX_PASSWORD, min_bytes=MIN_PASSWORD)]
    label: Annotated[str, _label] = ""


class Login(Request, frozen=True):
    """Bind this device to an account."""

    VERB: ClassVar[str] = "login"
    RESULT: ClassVar[type[Any]] = LoggedIn
    name: Annotated[str, existing_name]
    password: Annotated[str, compared(MAX_PASSWORD)]
    label: Annotated[str, _label] = ""


class Logout(Request, frozen=True):
    """Unbind this device."""

    VERB: ClassVar[str] = "logout"
    RESULT: ClassVar[type[Any]] = Done


class Passwd(Request, frozen=True):
    """Change the password and log out every other device."""

    VERB: ClassVar[str] = "passwd"
    RESULT: ClassVar[type[Any]] = PasswordChanged
    old: Annotated[str, compared(MAX_PASSWORD)]
    new: Annotated[str, compared(MAX_PASSWORD, min_bytes=MIN_PASSWORD)]


class Whoami(Request, frozen=True):
    """Who this device is bound to."""

    VERB: ClassVar[str] = "whoami"
    RESULT: ClassVar[type[Any]] = Identity


class Devices(Request, frozen=True):
    """The devices bound to this account."""

    VERB: ClassVar[str] = "devices"
    RESULT: ClassVar[type[Any]] = DeviceList


class Revoke(Request, frozen=True):
    """Unbind another device of this account."""

    VERB: ClassVar[str] = "revoke"
    RESULT: ClassVar[type[Any]] = Done
    device: Annotated[int, integer(1)]


class Attach(Request, frozen=True):
    """Ask for deliveries, and be online. `cursor` nil means: start from what is read."""

    VERB: ClassVar[str] = "attach"
    RESULT: ClassVar[type[Any]] = Attached
    cursor: Annotated[int | None, optional(integer())] = None
    epoch: Annotated[bytes | None, optional(_identity)] = None


class Detach(Request, frozen=True):
    """Give a listener up at once instead of letting it expire."""

    VERB: ClassVar[str] = "detach"
    RESULT: ClassVar[type[Any]] = Done
    listener: Annotated[bytes, _identity]


class Beat(Request, frozen=True):
    """I am alive and have everything up to `cursor`."""

    VERB: ClassVar[str] = "beat"
    RESULT: ClassVar[type[Any]] = Pulse
    listener: Annotated[bytes, _identity]
    cursor: Annotated[int, integer()]


class Send(Request, frozen=True):
    """Store messages. The same client_id again gives the same ack."""

    VERB: ClassVar[str] = "send"
    RESULT: ClassVar[type[Any]] = Sent
    messages: Annotated[tuple[NewMessage, ...], _rows]


class Sync(Request, frozen=True):
    """Inbox items above `after`."""

    VERB: ClassVar[str] = "sync"
    RESULT: ClassVar[type[Any]] = Page
    after: Annotated[int, integer()]
    limit: Annotated[int, integer(1, MAX_MESSAGES)] = MAX_MESSAGES


class History(Request, frozen=True):
    """The latest items that match.

    Plain: received ones. `peer`: one conversation, both directions. `missed`: direct messages that came
    while the user was last offline. `unread`: received, and not read.
    `since` and `until` in ms since 1970, inclusive and exclusive; `before` a seq to go on from. With `own`
    items that this user sent are among the plain ones.
    """

    VERB: ClassVar[str] = "history"
    RESULT: ClassVar[type[Any]] = Page
    limit: Annotated[int, integer(1, MAX_MESSAGES)] = 20
    peer: Annotated[Conversation | None, optional(conversation)] = None
    since: Annotated[int | None, optional(_millis)] = None
    until: Annotated[int | None, optional(_millis)] = None
    before: Annotated[int | None, optional(integer(1))] = None
    missed: Annotated[bool, boolean] = False
    unread: Annotated[bool, boolean] = False
    own: Annotated[bool, boolean] = False


class Ack(Request, frozen=True):
    """Everything up to `upto` was shown or stored by this client; with `peer` that of one conversation."""

    VERB: ClassVar[str] = "ack"
    RESULT: ClassVar[type[Any]] = ReadMark
    upto: Annotated[int, integer()]
    peer: Annotated[Conversation | None, optional(conversation)] = None


class Conversations(Request, frozen=True):
    """The account's conversations, with how much of each is unread; the one with the latest item first,
    several with the same item in order of name. `before` and `beside`: those behind this seq and name.
    """

    VERB: ClassVar[str] = "conversations"
    RESULT: ClassVar[type[Any]] = ConversationList
    before: Annotated[int | None, optional(integer(1))] = None
    beside: Annotated[str, name_or_none] = ""
    limit: Annotated[int, integer(1, MAX_CONVERSATIONS)] = MAX_CONVERSATIONS


class Users(Request, frozen=True):
    """All accounts, in pages by name."""

    VERB: ClassVar[str] = "users"
    RESULT: ClassVar[type[Any]] = UserList
    after: Annotated[str, name_or_none] = ""
    limit: Annotated[int, integer(1, MAX_USERS)] = MAX_USERS


class Block(Request, frozen=True):
    """From now on nothing of `name` enters this inbox."""

    VERB: ClassVar[str] = "block"
    RESULT: ClassVar[type[Any]] = Done
    name: Annotated[str, existing_name]


class Unblock(Request, frozen=True):
    """Take `name` off the blacklist; what was kept out stays out."""

    VERB: ClassVar[str] = "unblock"
    RESULT: ClassVar[type[Any]] = Done
    name: Annotated[str, existing_name]


class Blacklist(Request, frozen=True):
    """Whom this account blocks."""

    VERB: ClassVar[str] = "blacklist"
    RESULT: ClassVar[type[Any]] = Names


class Files(Request, frozen=True):
    """Files this account sent, or was offered, the latest first."""

    VERB: ClassVar[str] = "files"
    RESULT: ClassVar[type[Any]] = FileList
    sent: Annotated[bool, boolean]
    before: Annotated[int | None, optional(integer(1))] = None
    limit: Annotated[int, integer(1, MAX_FILES)] = MAX_FILES


class Withdraw(Request, frozen=True):
    """Take a file of this account back: nobody can fetch it any more. An upload is given up."""

    VERB: ClassVar[str] = "withdraw"
    RESULT: ClassVar[type[Any]] = Done
    file: Annotated[bytes, _identity]


class Decline(Request, frozen=True):
    """This account will not fetch this file; its sender can see so. Fetching it later is still possible."""

    VERB: ClassVar[str] = "decline"
    RESULT: ClassVar[type[Any]] = Done
    file: Annotated[bytes, _identity]


class Receipts(Request, frozen=True):
    """How far messages of this account have come with each recipient."""

    VERB: ClassVar[str] = "receipts"
    RESULT: ClassVar[type[Any]] = ReceiptList
    ids: Annotated[tuple[bytes, ...], many(_identity, MAX_RECEIPT_IDS, minimum=1)]


REQUESTS: Mapping[str, type[Request]] = MappingProxyType(
    {
        each.VERB: each
        for each in (
            Signup,
            Login,
            Logout,
            Passwd,
            Whoami,
            Devices,
            Revoke,
            Attach,
            Detach,
            Beat,
            Send,
            Sync,
            History,
            Ack,
            Conversations,
            Users,
            Block,
            Unblock,
            Blacklist,
            Receipts,
            Files,
            Withdraw,
            Decline,
        )
    },
)
"""Verb on the wire to request."""


def parse_request(verb: str, arguments: Any) -> Request:
    """The checked request behind a decoded verb and its arguments."""
    try:
        record = REQUESTS[verb]
    except KeyError:
        raise ProtocolError(
            f"unknown verb '{verb[:32]}'; client and broker may be of different versions",
            ErrorCode.UNKNOWN_VERB,
        ) from None
    return build(record, arguments)


def request_arguments(request: Request) -> Mapping[str, Any]:
    """The map a request travels as."""
    return plain(request)
