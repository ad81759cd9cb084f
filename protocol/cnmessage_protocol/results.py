"""Every answer a broker gives, one frozen record each.

A client checks every field that it knows as strictly as a broker checks requests, and ignores the others.
Which request is answered by which record stands in requests.py.
"""

from typing import Annotated, Any, NamedTuple, TypeVar

from msgspec import Struct

from cnmessage_protocol.errors import ProtocolError
from cnmessage_protocol.ids import ID_SIZE
from cnmessage_protocol.records import (
    DIGEST_SIZE,
    MAX_BODY,
    MAX_FILE_NAME,
    MAX_RECIPIENTS,
    Item,
    inbox_item,
)
from cnmessage_protocol.schema import (
    LARGEST,
    blob,
    boolean,
    build,
    count,
    integer,
    many,
    moment,
    named_row,
    optional,
    plain,
    row,
    text,
    username,
    word,
)

MAX_MESSAGES = 1000
"""Most messages in one SEND, most items that SYNC or HISTORY may ask for."""

PAGE_ITEMS = 256
"""Most items in one page, however many were asked for: a page is one step of the broker, and others wait."""

MAX_USERS = 1000
"""Most rows in one USERS answer."""

MAX_RECEIPT_IDS = 16
MAX_RECEIPTS = 4096
"""Most messages in one RECEIPTS, most names told of each."""

MAX_CONVERSATIONS = 100
"""Most rows in one CONVERSATIONS answer."""

MAX_FILES = 200
"""Most rows in one FILES answer."""

HEARTBEATS = (100, 60_000)
"""Shortest and longest `heartbeat` of a listener, in ms."""

LONGEST_EXPIRY = 600_000
"""Longest `expiry` of a listener, in ms; the shortest is above its heartbeat."""

CAPABILITIES = ("blacklist", "broadcast", "conversations", "files", "history", "presence", "receipts")
"""What a broker of this version may be asked for; a later one tells more words."""

MAX_CAPABILITIES = 256
MAX_CAPABILITY = 32
"""Most words of capabilities, and most bytes of one."""

FARTHEST = 32_767
"""Farthest port of deliveries above the port of requests, so that both are ports."""

_identity = blob(ID_SIZE)


def _ack(name: str, value: Any) -> tuple[bytes, bytes, int, int]:
    """Check one row of Sent.acks; by hand, because it runs once a message."""
    if type(value) is list and len(value) == 4:
        client_id, identity, seq, recipients = value
        if (
            type(client_id) is bytes
            and len(client_id) == ID_SIZE
            and type(identity) is bytes
            and len(identity) == ID_SIZE
            and type(seq) is int
            and 0 < seq <= LARGEST
            and type(recipients) is int
            and 0 <= recipients <= LARGEST
        ):
            return client_id, identity, seq, recipients
    raise ProtocolError(f"'{name}': this acknowledgement is not of the protocol's form")


class Done(Struct, frozen=True):
    """Nothing more to say."""


class LoggedIn(Struct, frozen=True):
    """The device key is now bound to `user`; `device` names the binding."""

    user: Annotated[str, username]
    device: Annotated[int, count]


class PasswordChanged(Struct, frozen=True):
    """`revoked` other devices were logged out."""

    revoked: Annotated[int, count]


class Identity(Struct, frozen=True):
    """Who this device is; `unread` counts received items that are not read: see ReadMark.

    `time` is the broker's clock, in ms since 1970: the one that dates messages. None where it tells none.
    """

    user: Annotated[str, username]
    device: Annotated[int, count]
    head: Annotated[int, count]
    read_upto: Annotated[int, count]
    unread: Annotated[int, count]
    blocked: Annotated[int, count]
    time: Annotated[int | None, optional(moment)] = None


class ListedDevice(NamedTuple):
    """A row of DeviceList: an array of these, in this order."""

    device: int
    label: str
    created: int
    last_seen: int
    online: bool
    current: bool


_device = named_row(
    ListedDevice,
    device=count,
    label=text(128),
    created=moment,
    last_seen=moment,
    online=boolean,
    current=boolean,
)


class DeviceList(Struct, frozen=True):
    """The devices of an account; times in ms since 1970."""

    devices: Annotated[tuple[ListedDevice, ...], many(_device, 1024)]


class Attached(Struct, frozen=True):
    """Where and how deliveries will come.

    `listener` is the topic to subscribe to and the name of this listener in requests, `key` opens
    what comes on it, `heartbeat` and `expiry` are in milliseconds. `deliveries` is added to the port that
    the client has reached the broker on, so that forwarded ports work. `version` is the latest version of the
    protocol that the broker speaks, `capabilities` are words for what it may be asked (CAPABILITIES).
    """

    user: Annotated[str, username]
    epoch: Annotated[bytes, _identity]
    head: Annotated[int, count]
    read_upto: Annotated[int, count]
    listener: Annotated[bytes, _identity]
    key: Annotated[bytes, blob(32)]
    heartbeat: Annotated[int, integer(*HEARTBEATS)]
    expiry: Annotated[int, integer(HEARTBEATS[0] + 1, LONGEST_EXPIRY)]
    deliveries: Annotated[int, integer(1, FARTHEST)]
    max_body: Annotated[int, integer(1, LARGEST)]
    max_messages: Annotated[int, integer(1, LARGEST)]
    version: Annotated[int, integer(1, LARGEST)]
    capabilities: Annotated[tuple[str, ...], many(text(MAX_CAPABILITY, min_bytes=1), MAX_CAPABILITIES)]

    def __post_init__(self) -> None:
        if self.expiry <= self.heartbeat:
            raise ProtocolError("'expiry' must be above 'heartbeat'")


class Pulse(Struct, frozen=True):
    """The answer to a heartbeat: what the inbox ends with now."""

    head: Annotated[int, count]
    epoch: Annotated[bytes, _identity]
    read_upto: Annotated[int, count]


class Sent(Struct, frozen=True):
    """What became of each message of a SEND.

    `acks` rows: `[client_id, id, seq, recipients]`, `seq` being that of the sender's own copy; each is on
    disk. `refused` rows: `[client_id, code, message]`.
    """

    acks: Annotated[tuple[tuple[bytes, bytes, int, int], ...], many(_ack, MAX_MESSAGES)]
    refused: Annotated[
        tuple[tuple[bytes, str, str], ...],
        many(row(_identity, text(32), text(1024)), MAX_MESSAGES),
    ] = ()


class Page(Struct, frozen=True):
    """Inbox items in rising `seq`.

    SYNC: `more` says that another SYNC after the last item brings more. HISTORY: `more` says that older
    items may match; ask again with `before`, which the answer gives.
    """

    items: Annotated[tuple[Item, ...], many(inbox_item, MAX_MESSAGES)]
    head: Annotated[int, count]
    more: Annotated[bool, boolean]
    before: Annotated[int, count] = 0


class ReadMark(Struct, frozen=True):
    """How far this account has read, over all its devices. Up to `read_upto` everything is read; above it a
    conversation may have a mark of its own.
    """

    read_upto: Annotated[int, count]


class ListedConversation(NamedTuple):
    """A row of ConversationList: an array of these, in this order. `name` is a user's, or the word for
    everyone; `read_upto` that conversation's own, or how far everything is read, whichever is further.
    """

    name: str
    unread: int
    read_upto: int
    last: Item


_conversation = named_row(ListedConversation, name=username, unread=count, read_upto=count, last=inbox_item)


class ConversationList(Struct, frozen=True):
    """Conversations, the one with the latest item first, several with the same item in order of name.
    `more`: ask again with `before` and `beside` set to the last row's `last.seq` and `name`.
    """

    conversations: Annotated[tuple[ListedConversation, ...], many(_conversation, MAX_CONVERSATIONS)]
    more: Annotated[bool, boolean]


class ListedUser(NamedTuple):
    """A row of UserList: an array of these, in this order."""

    name: str
    online: bool
    last_seen: int | None


_user = named_row(ListedUser, name=username, online=boolean, last_seen=optional(moment))


class UserList(Struct, frozen=True):
    """Users in order of name; `last_seen` in ms since 1970, nil if never."""

    users: Annotated[tuple[ListedUser, ...], many(_user, MAX_USERS)]
    more: Annotated[bool, boolean]


class Names(Struct, frozen=True):
    """User names in alphabetical order."""

    names: Annotated[tuple[str, ...], many(username, 4096)]


class ListedFile(NamedTuple):
    """A row of FileList: an array of these, in this order; `recipients` rows `[name, state, bytes]`."""

    order: int
    id: bytes
    sender: str
    name: str
    size: int
    sha256: bytes | None
    note: str
    time: int
    expires: int | None
    state: str
    recipients: tuple[tuple[str, str, int], ...]


_recipient = row(username, word("offered", "fetching", "done", "expired", "failed"), count)
_file = named_row(
    ListedFile,
    order=integer(1, LARGEST),
    id=_identity,
    sender=username,
    name=text(MAX_FILE_NAME),
    size=count,
    sha256=optional(blob(DIGEST_SIZE)),
    note=text(MAX_BODY),
    time=moment,
    expires=optional(moment),
    state=word("uploading", "stored", "withdrawn", "expired"),
    recipients=many(_recipient, MAX_RECIPIENTS),
)


class FileList(Struct, frozen=True):
    """Files, the latest first. `more`: ask again with `before` set to the last row's `order`.

    `sha256` is nil while it is being uploaded; times in ms since 1970, `expires` nil for never; `state` is
    uploading, stored, withdrawn or expired. A recipient's state is offered, fetching, done, expired or
    failed: all of them for the sender, only the caller's own for a receiver. A file that is being uploaded
    has no recipients yet; `size` is what it will have.
    """

    files: Annotated[tuple[ListedFile, ...], many(_file, MAX_FILES)]
    more: Annotated[bool, boolean]


class ReceiptList(Struct, frozen=True):
    """Rows `[id, [[name, state] …]]`, state being stored, delivered or read; MAX_RECEIPTS names in all."""

    receipts: Annotated[
        tuple[tuple[bytes, tuple[tuple[str, str], ...]], ...],
        many(
            row(_identity, many(row(username, word("stored", "delivered", "read")), MAX_RECEIPTS)),
            MAX_RECEIPT_IDS,
        ),
    ]


Result = TypeVar("Result", bound=Struct)


def parse_result(record: type[Result], values: Any) -> Result:
    """The checked answer behind a decoded result map. What a later broker adds to it is ignored."""
    return build(record, values, lenient=True)


def result_values(result: Struct) -> dict[str, Any]:
    """The map an answer travels as."""
    return dict(plain(result))
