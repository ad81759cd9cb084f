"""Every request a client may make, and which record answers it: the catalogue of the protocol.

One frozen dataclass a request; `VERB` is its name on the wire, `RESULT` the record of its answer. Both
sides build and check them here, once, at the edge. docs/protocol.md describes each in words, and a test
fails when one is missing there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from cnmessage_protocol.conversation import Conversation
from cnmessage_protocol.errors import ErrorCode, ProtocolError
from cnmessage_protocol.ids import ID_SIZE
from cnmessage_protocol.records import NewMessage, outgoing
from cnmessage_protocol.results import (
    MAX_FILES,
    MAX_MESSAGES,
    MAX_RECEIPT_IDS,
    MAX_USERS,
    Attached,
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
    wire,
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


@dataclass(frozen=True, slots=True)
class Request:
    """Root of the catalogue."""

    VERB: ClassVar[str]
    RESULT: ClassVar[type[Any]]


@dataclass(frozen=True, slots=True)
class Signup(Request):
    """Make an account and bind this device to it. Repeating it with the same password logs in."""

    VERB: ClassVar[str] = "signup"
    RESULT: ClassVar[type[Any]] = LoggedIn
    name: str = wire(fresh_name)
    password: str = wire(compared(MAX_PASSWORD, min_bytes=MIN_PASSWORD))
    label: str = wire(_label, default="")


@dataclass(frozen=True, slots=True)
class Login(Request):
    """Bind this device to an account."""

    VERB: ClassVar[str] = "login"
    RESULT: ClassVar[type[Any]] = LoggedIn
    name: str = wire(existing_name)
    password: str = wire(compared(MAX_PASSWORD))
    label: str = wire(_label, default="")


@dataclass(frozen=True, slots=True)
class Logout(Request):
    """Unbind this device."""

    VERB: ClassVar[str] = "logout"
    RESULT: ClassVar[type[Any]] = Done


@dataclass(frozen=True, slots=True)
class Passwd(Request):
    """Change the password and log out every other device."""

    VERB: ClassVar[str] = "passwd"
    RESULT: ClassVar[type[Any]] = PasswordChanged
    old: str = wire(compared(MAX_PASSWORD))
    new: str = wire(compared(MAX_PASSWORD, min_bytes=MIN_PASSWORD))


@dataclass(frozen=True, slots=True)
class Whoami(Request):
    """Who this device is bound to."""

    VERB: ClassVar[str] = "whoami"
    RESULT: ClassVar[type[Any]] = Identity


@dataclass(frozen=True, slots=True)
class Devices(Request):
    """The devices bound to this account."""

    VERB: ClassVar[str] = "devices"
    RESULT: ClassVar[type[Any]] = DeviceList


@dataclass(frozen=True, slots=True)
class Revoke(Request):
    """Unbind another device of this account."""

    VERB: ClassVar[str] = "revoke"
    RESULT: ClassVar[type[Any]] = Done
    device: int = wire(integer(1))


@dataclass(frozen=True, slots=True)
class Attach(Request):
    """Ask for deliveries, and be online. `cursor` nil means: start from what is read."""

    VERB: ClassVar[str] = "attach"
    RESULT: ClassVar[type[Any]] = Attached
    cursor: int | None = wire(optional(integer()), default=None)
    epoch: bytes | None = wire(optional(_identity), default=None)


@dataclass(frozen=True, slots=True)
class Detach(Request):
    """Give a listener up at once instead of letting it expire."""

    VERB: ClassVar[str] = "detach"
    RESULT: ClassVar[type[Any]] = Done
    listener: bytes = wire(_identity)


@dataclass(frozen=True, slots=True)
class Beat(Request):
    """I am alive and have everything up to `cursor`."""

    VERB: ClassVar[str] = "beat"
    RESULT: ClassVar[type[Any]] = Pulse
    listener: bytes = wire(_identity)
    cursor: int = wire(integer())


@dataclass(frozen=True, slots=True)
class Send(Request):
    """Store messages. The same client_id again gives the same ack."""

    VERB: ClassVar[str] = "send"
    RESULT: ClassVar[type[Any]] = Sent
    messages: tuple[NewMessage, ...] = wire(_rows)


@dataclass(frozen=True, slots=True)
class Sync(Request):
    """Inbox items above `after`."""

    VERB: ClassVar[str] = "sync"
    RESULT: ClassVar[type[Any]] = Page
    after: int = wire(integer())
    limit: int = wire(integer(1, MAX_MESSAGES), default=MAX_MESSAGES)


@dataclass(frozen=True, slots=True)
class History(Request):
    """The latest items that match.

    Plain: received ones. `peer`: one conversation, both directions. `missed`: direct messages that came
    while the user was last offline. `unread`: received above `read_upto`.
    `since` and `until` in ms since 1970, inclusive and exclusive; `before` a seq to go on from. With `own`
    items that this user sent are among the plain ones.
    """

    VERB: ClassVar[str] = "history"
    RESULT: ClassVar[type[Any]] = Page
    limit: int = wire(integer(1, MAX_MESSAGES), default=20)
    peer: Conversation | None = wire(optional(conversation), default=None)
    since: int | None = wire(optional(_millis), default=None)
    until: int | None = wire(optional(_millis), default=None)
    before: int | None = wire(optional(integer(1)), default=None)
    missed: bool = wire(boolean, default=False)
    unread: bool = wire(boolean, default=False)
    own: bool = wire(boolean, default=False)


@dataclass(frozen=True, slots=True)
class Ack(Request):
    """Everything up to `upto` was shown or stored by this client."""

    VERB: ClassVar[str] = "ack"
    RESULT: ClassVar[type[Any]] = ReadMark
    upto: int = wire(integer())


@dataclass(frozen=True, slots=True)
class Users(Request):
    """All accounts, in pages by name."""

    VERB: ClassVar[str] = "users"
    RESULT: ClassVar[type[Any]] = UserList
    after: str = wire(name_or_none, default="")
    limit: int = wire(integer(1, MAX_USERS), default=MAX_USERS)


@dataclass(frozen=True, slots=True)
class Block(Request):
    """From now on nothing of `name` enters this inbox."""

    VERB: ClassVar[str] = "block"
    RESULT: ClassVar[type[Any]] = Done
    name: str = wire(existing_name)


@dataclass(frozen=True, slots=True)
class Unblock(Request):
    """Take `name` off the blacklist; what was kept out stays out."""

    VERB: ClassVar[str] = "unblock"
    RESULT: ClassVar[type[Any]] = Done
    name: str = wire(existing_name)


@dataclass(frozen=True, slots=True)
class Blacklist(Request):
    """Whom this account blocks."""

    VERB: ClassVar[str] = "blacklist"
    RESULT: ClassVar[type[Any]] = Names


@dataclass(frozen=True, slots=True)
class Files(Request):
    """Files this account sent, or was offered, the latest first."""

    VERB: ClassVar[str] = "files"
    RESULT: ClassVar[type[Any]] = FileList
    sent: bool = wire(boolean)
    before: int | None = wire(optional(integer(1)), default=None)
    limit: int = wire(integer(1, MAX_FILES), default=MAX_FILES)


@dataclass(frozen=True, slots=True)
class Withdraw(Request):
    """Take a file of this account back: nobody can fetch it any more. An upload is given up."""

    VERB: ClassVar[str] = "withdraw"
    RESULT: ClassVar[type[Any]] = Done
    file: bytes = wire(_identity)


@dataclass(frozen=True, slots=True)
class Decline(Request):
    """This account will not fetch this file; its sender can see so. Fetching it later is still possible."""

    VERB: ClassVar[str] = "decline"
    RESULT: ClassVar[type[Any]] = Done
    file: bytes = wire(_identity)


@dataclass(frozen=True, slots=True)
class Receipts(Request):
    """How far messages of this account have come with each recipient."""

    VERB: ClassVar[str] = "receipts"
    RESULT: ClassVar[type[Any]] = ReceiptList
    ids: tuple[bytes, ...] = wire(many(_identity, MAX_RECEIPT_IDS, minimum=1))


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
