"""Questions to the broker and who waits for their answers, page by page."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from msgspec.structs import replace

from cnmessage_client.link import arguments
from cnmessage_client.link.connection import Connection
from cnmessage_client.link.pages import Walk, check_order
from cnmessage_client.model import LEVELS, Delivered, Level, Receipt, delivered_of, to_millis
from cnmessage_client.profile import Profile
from cnmessage_protocol.conversation import Conversation, to_wire
from cnmessage_protocol.errors import (
    BrokenAnswerError,
    CnMessageError,
    ErrorCode,
    ProtocolError,
    RequestError,
)
from cnmessage_protocol.ids import id_text, normal, parse_id
from cnmessage_protocol.machines.effects import Answered
from cnmessage_protocol.machines.liveness import Backoff
from cnmessage_protocol.machines.session import Session
from cnmessage_protocol.records import Item
from cnmessage_protocol.requests import (
    Conversations,
    Files,
    History,
    Login,
    Receipts,
    Request,
    Signup,
    Users,
    Whoami,
    parse_request,
    request_arguments,
)
from cnmessage_protocol.results import (
    MAX_CONVERSATIONS,
    MAX_FILES,
    MAX_USERS,
    PAGE_ITEMS,
    ConversationList,
    FileList,
    Identity,
    ListedConversation,
    ListedFile,
    ListedUser,
    LoggedIn,
    Page,
    ReceiptList,
    UserList,
)
from cnmessage_protocol.schema import LARGEST, conversation

Result = TypeVar("Result")


_FOR_THE_MOMENT = {ErrorCode.RATE_LIMITED, ErrorCode.BUSY}
_MAY_HAVE_BOUND = {ErrorCode.UNREACHABLE, ErrorCode.SHUTDOWN, ErrorCode.STORAGE, ErrorCode.INTERNAL}
"""Errors after which it is open whether the broker has logged a device in."""

_ROW, _RECIPIENT = 512, 64
"""Bytes of a row of the list of files without note and recipients, and of a recipient, or somewhat more."""

_POLL = 0.2
"""Seconds between looks at how far a message has come."""

_LONGEST_PAUSE = 2.0
"""Seconds between two attempts to read what the broker refused for the moment."""


class Requests:
    """Asks through a session; every question has a deadline of `timeout` seconds.

    What has many pages has one for each, and one for all that brings too little (pages.py).
    """

    def __init__(
        self,
        session: Session,
        connection: Connection,
        explained: Callable[[CnMessageError], CnMessageError],
        timeout: float,
    ) -> None:
        self._session = session
        self._connection = connection
        self._explained = explained
        self._timeout = timeout
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def ask(self, request: Request, within: float | None = None) -> Any:
        """The checked answer; raises a refusal or UNREACHABLE. What the broker would refuse is not sent."""
        known = checked(lambda: parse_request(request.VERB, _as_decoded(request)))
        request_id, effects = self._session.request(self._connection.now(), known)
        bad_before = self._connection.bad_frames
        waiting = self._waiting[request_id] = asyncio.get_running_loop().create_future()
        try:
            self._connection.perform(effects)
            async with asyncio.timeout(self._timeout if within is None else within):
                return await waiting
        except TimeoutError:
            garbled = self._connection.bad_frames > bad_before
            raise self._connection.unreachable(garbled=garbled) from None
        finally:
            del self._waiting[request_id]
            self._session.forget(request_id)

    async def log_in(self, profile: Profile, request: Signup | Login) -> str:
        """Log the profile in; gives the user's name. Its keys are kept if they are bound, or may be."""
        # On disk before the broker may know them: an answer that is lost must not cost a device its key.
        profile.keep_keys(self._connection.access.keys)
        bound = False
        try:
            answer: LoggedIn = await self.ask(request)
            bound = True
        except CnMessageError as error:
            bound = self._connection.ever_sent and error.code in _MAY_HAVE_BOUND
            raise
        except BaseException:  # interrupted: the answer may be on its way
            bound = self._connection.ever_sent
            raise
        finally:
            if not bound:
                profile.discard()
        profile.remember(broker=self._connection.access.address.place, user=answer.user)
        return answer.user

    async def read(self, request: Request, until: float | None = None) -> Any:
        """As `ask`, for what changes nothing: refused for the moment, it is asked again until `until`."""
        now = self._connection.now
        if until is None:
            until = now() + self._timeout
        pauses = Backoff(random.random)
        while True:
            try:
                return await self.ask(request, min(self._timeout, max(0.0, until - now())))
            except CnMessageError as error:
                pause = min(pauses.pause(), _LONGEST_PAUSE)
                if error.code not in _FOR_THE_MOMENT or now() + pause >= until:
                    raise
            await asyncio.sleep(pause)

    async def history(self, limit: int, wanted: History) -> list[Item]:
        """The latest `limit` items that match, page by page until there are enough or no more."""
        walk = self._walk()
        found: list[Sequence[Item]] = []
        missing, before = arguments.whole("limit", limit), wanted.before
        while missing > 0:
            count = min(missing, PAGE_ITEMS)
            page: Page = await self._page(walk, replace(wanted, limit=count, before=before))
            walk.came(self._connection.now(), len(page.items), sum(map(_size, page.items)), asked=count)
            highest = page.head + 1 if before is None else before
            check_order([*(item.seq for item in page.items), highest], 0)
            found.append(page.items)
            missing -= len(page.items)
            if not page.more or page.before <= 1:
                break
            # The first page may begin at the head itself; each later one lies below the one before.
            least = page.items[0].seq + 1 if page.items else highest + (before is None)
            check_order([page.before, least], 0)
            before = page.before
        return [item for items in reversed(found) for item in items]

    async def receipts(self, ids: Sequence[bytes]) -> Sequence[tuple[bytes, Sequence[tuple[str, str]]]]:
        """How far these messages have come, each by its id."""
        answer: ReceiptList = await self.read(Receipts(tuple(ids)))
        if sorted(identity for identity, _ in answer.receipts) != sorted(set(ids)):
            raise BrokenAnswerError("it tells of other messages than it was asked about")
        return answer.receipts

    async def delivered(self, ids: Sequence[str]) -> list[Delivered]:
        """How far these messages have come, for an application."""
        raw = [arguments.identity(f"ids[{at}]", each) for at, each in enumerate(arguments.texts("ids", ids))]
        return [delivered_of(row) for row in await self.receipts(raw)]

    async def reach(self, receipt: Receipt, level: Level, timeout: float) -> None:  # noqa: ASYNC109 - as below
        """Wait until all have the message at `level`; NOT_DELIVERED when that does not happen in time."""
        reason = ""
        try:
            if level == LEVELS[0] or await self.reached(receipt, level, timeout) == level:
                return
        except CnMessageError as error:
            reason = error.message
        raise CnMessageError(ErrorCode.NOT_DELIVERED, not_reached(level, timeout, reason))

    async def reached(self, receipt: Receipt, level: Level, seconds: float | None) -> Level:
        """The level that all recipients of a message have reached, at `level` or after `seconds`."""
        arguments.level("level", level)
        patience = arguments.seconds("seconds", seconds, self._timeout)
        names, deadline = [str(each) for each in LEVELS], self._connection.now() + patience
        while receipt.recipients:
            ((_, states),) = await self.receipts([parse_id(receipt.id)])
            found = [names.index(state) for _, state in states]
            least = min(found) if len(found) >= receipt.recipients else 0
            if least >= LEVELS.index(level) or self._connection.now() >= deadline:
                return LEVELS[least]
            await asyncio.sleep(_POLL)
        return level

    async def users(self) -> list[ListedUser]:
        """All rows of the list of users."""
        walk = self._walk()
        found: list[ListedUser] = []
        more, last = True, ""
        while more:
            page: UserList = await self._page(walk, Users(last))
            walk.came(self._connection.now(), len(page.users), 0, asked=MAX_USERS)
            walk.listed(len(page.users), more=page.more)
            check_order((user.name for user in page.users), last)
            found += page.users
            more, last = page.more, found[-1].name if found else ""
        return found

    async def whoami(self) -> Identity:
        """Who this device is logged in as."""
        answer: Identity = await self.read(Whoami())
        return answer

    async def conversations(self, above: int = 0) -> list[ListedConversation]:
        """The rows of the list of conversations: all, or at least those with an item above this seq."""
        walk = self._walk()
        found: list[ListedConversation] = []
        last, more = (-LARGEST - 1, ""), True
        while more:
            page: ConversationList = await self._page(
                walk, Conversations(-last[0], last[1]) if found else Conversations()
            )
            size = sum(_size(each.last) for each in page.conversations)
            walk.came(self._connection.now(), len(page.conversations), size, asked=MAX_CONVERSATIONS)
            walk.listed(len(page.conversations), more=page.more)
            places = [(-each.last.seq, each.name) for each in page.conversations]
            check_order(places, last)
            found += page.conversations
            last = places[-1] if places else last
            more = page.more and -last[0] > above
        return found

    async def read_marks(self) -> dict[str, int]:
        """How far conversations are read; nothing where the broker cannot say so."""
        attached = self._session.attached
        if attached is not None and "conversations" in attached.capabilities:
            with suppress(CnMessageError):  # of what lies lower, all is read
                return {each.name: each.read_upto for each in await self.conversations(attached.read_upto)}
        return {}

    async def files(self, *, sent: bool, holding: Sequence[str] = ()) -> list[ListedFile]:
        """The rows of the list of files, the latest first: all, or until all `holding` were there."""
        walk, missing = self._walk(), set(holding)
        found: list[ListedFile] = []
        before, more = None, True
        while more:
            page: FileList = await self._page(walk, Files(sent, before))
            size = sum(_ROW + len(file.note) + _RECIPIENT * len(file.recipients) for file in page.files)
            walk.came(self._connection.now(), len(page.files), size, asked=MAX_FILES)
            walk.listed(len(page.files), more=page.more)
            check_order((-file.order for file in page.files), -LARGEST - 1 if before is None else -before)
            found += page.files
            more, before = page.more, found[-1].order if found else None
            if missing:
                missing -= {id_text(file.id) for file in page.files}
                more = more and bool(missing)
        return found

    async def file_called(self, word: str) -> bytes:
        """The id that a word is, or that the latest file of this name has which this user was offered."""
        with suppress(ValueError):
            return parse_id(word)
        for file in await self.files(sent=False):
            if normal(file.name) == normal(word):
                return file.id
        raise self._explained(RequestError(ErrorCode.NO_SUCH_FILE, f"no file '{word}' was sent to you"))

    def _walk(self) -> Walk:
        return Walk(self._connection.now(), self._timeout)

    async def _page(self, walk: Walk, request: Request) -> Any:
        """The next page; a walk that has taken too long for what it brought ends here."""
        try:
            if self._connection.now() < walk.until:
                return await self.read(request, walk.until)
        except CnMessageError as error:
            if (
                error.code is not ErrorCode.UNREACHABLE
                or not walk.began
                or self._connection.now() < walk.until
            ):
                raise
        place = self._connection.access.address.place
        text = f"the broker at {place} brings too little in too long a time; try again later"
        raise CnMessageError(ErrorCode.UNREACHABLE, text)

    def answered(self, answer: Answered) -> None:
        """An answer came."""
        waiting = self._waiting.get(answer.request_id)
        if waiting is None or waiting.done():
            return
        if answer.error is not None:
            waiting.set_exception(self._explained(answer.error))
        else:
            waiting.set_result(answer.result)

    def fail(self, error: CnMessageError) -> None:
        """Nothing will be answered any more."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)


def checked(build: Callable[[], Result]) -> Result:
    """Build something from a caller's values; what the protocol forbids becomes a clear error."""
    try:
        return build()
    except ProtocolError as error:
        raise RequestError(error.code, error.message) from error
    except ValueError as error:
        raise RequestError(ErrorCode.BAD_REQUEST, str(error)) from error


def not_reached(level: Level, seconds: float, reason: str = "") -> str:
    """The words for a message that is stored, and has not come as far as somebody waited for."""
    why = f", as far as is known: {reason}" if reason else f" within {seconds:g} s"
    stored = f"the message is stored, but not {level} for everyone{why}"
    return f"{stored}; it may still arrive, so do not send it anew"


def login_request(verb: type[Signup | Login], name: str, password: str, label: str) -> Signup | Login:
    """The request of somebody who enters an account."""
    user, secret = arguments.text("name", name).lower(), arguments.secret("password", password)
    return checked(lambda: verb(user, secret, label))


def conversation_of(peer: str | None) -> Conversation | None:
    """The conversation that a caller names."""
    whom = arguments.text_or_none("peer", peer)
    return None if whom is None else checked(lambda: conversation("peer", whom))


def history_filters(
    peer: str | None,
    since: datetime | None,
    until: datetime | None,
    before: int | None,
    *,
    missed: bool,
    unread: bool,
    own: bool,
) -> History:
    """The filters that a caller names, as the request has them."""
    begin, end = arguments.time_or_none("since", since), arguments.time_or_none("until", until)
    return History(
        peer=conversation_of(peer),
        since=None if begin is None else to_millis(begin),
        until=None if end is None else to_millis(end),
        before=arguments.whole_or_none("before", before, 1),
        missed=missed,
        unread=unread,
        own=own,
    )


def _as_decoded(request: Request) -> dict[str, Any]:
    return {key: _decoded(value) for key, value in request_arguments(request).items()}


def _decoded(value: Any) -> Any:
    if isinstance(value, Conversation):
        return to_wire(value)
    return list(value) if isinstance(value, tuple) else value


def _size(item: Item) -> int:
    return item.size
