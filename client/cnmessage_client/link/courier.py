"""The sending side of a client: outbox first, then the session, then the answer to whoever waits. Knows the
outbox file and the session's queue, no socket.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from cnmessage_client.link import arguments
from cnmessage_client.link.connection import Connection
from cnmessage_client.link.outbox import Outbox
from cnmessage_client.model import Receipt
from cnmessage_client.new_ids import new_id
from cnmessage_client.profile import Profile
from cnmessage_protocol.errors import CnMessageError, ErrorCode, RequestError
from cnmessage_protocol.ids import ClientId, id_text, parse_id
from cnmessage_protocol.machines.sendqueue import Acked, Outcome, Refused
from cnmessage_protocol.machines.session import Session
from cnmessage_protocol.records import NewMessage, check_body, recipients
from cnmessage_protocol.trace import counted

LEFTOVER_PATIENCE = 2.0
"""Seconds that closing waits for messages an earlier, killed client left behind."""


_NOT_SENT = "The message was not sent."
_KEPT = "The message is kept and goes out with the next command that connects: do not send it again."
_AWAITED = "Another call with the same client id still waits for its acknowledgement."
_PERHAPS = (
    "The message may have arrived. It is kept and will be confirmed, never doubled, by the next command that "
    "connects: do not send it again."
)


def new_client_id() -> str:
    """A fresh id for a message, by which it can be asked about."""
    return id_text(new_id())


def compose(to: str | Sequence[str], body: str, client_id: str | None = None) -> NewMessage:
    """A message under a fresh id, or the given one; ProtocolError or ValueError for what cannot be sent."""
    check_body(arguments.text("body", body))
    given = arguments.text_or_none("client_id", client_id)
    identity = new_id() if given is None else parse_id(given)
    return NewMessage(ClientId(identity), recipients(arguments.names("to", to)), body)


class Courier:
    """Brings messages to the broker, each exactly once."""

    def __init__(
        self,
        profile: Profile,
        session: Session,
        connection: Connection,
        explained: Callable[[CnMessageError], CnMessageError],
        on_refused: Callable[[CnMessageError], None],
    ) -> None:
        self._profile = profile
        self._explained = explained
        self._session = session
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._outbox: Outbox | None = None
        self._waiting: dict[ClientId, list[asyncio.Future[Receipt]]] = {}
        self._pending: dict[ClientId, NewMessage] = {}
        self._on_refused = on_refused
        self._kept: set[ClientId] = set()
        self._leftovers: set[ClientId] = set()
        self._no_leftovers = asyncio.Event()
        self._no_leftovers.set()
        self._fresh: list[NewMessage] = []
        self._deadlines: dict[asyncio.Future[Receipt], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._closed = False
        self._held: int | None = None

    def __len__(self) -> int:
        return len(self._session.queue) + len(self._fresh)

    async def send(
        self,
        message: NewMessage,
        timeout: float,  # noqa: ASYNC109 - the error must say what became of it
        *,
        keep: bool = False,
    ) -> Receipt:
        """Write the message down, send it, wait for its receipt.

        UNREACHABLE after `timeout` seconds, and what ends the client, say whether the message was taken back
        or may still arrive. With `keep` the end of the client takes nothing back.
        """
        client_id = message.client_id
        known = self._pending.setdefault(client_id, message)
        if known is not message and known != message:
            text = "this client id stands for another message that is on its way"
            raise RequestError(ErrorCode.CONFLICT, text)
        if keep:
            self._kept.add(client_id)
        receipt: asyncio.Future[Receipt] = self._loop.create_future()
        if client_id in self._waiting:  # two callers may wait for one client id
            self._waiting[client_id].append(receipt)
        else:
            self._waiting[client_id] = [receipt]
            if not self._fresh:
                self._loop.call_soon(self._submit_fresh)  # what one turn of the loop sends goes out together
            self._fresh.append(message)
        self._expect(receipt, self._loop.time() + timeout)
        try:
            return await receipt
        except TimeoutError:
            cause = self._session.queue.hindrance or self._connection.unreachable()
            raise self._with_fate(cause, known) from None
        finally:
            del self._deadlines[receipt]
            waiting = self._waiting.get(client_id)
            if waiting is not None and receipt in waiting:
                waiting.remove(receipt)
                if not waiting:
                    del self._waiting[client_id]

    def adopt(self) -> None:
        """Send what killed clients of the profile's user left behind in it, if anybody is logged in.

        From then on nobody removes the profile; CONFLICT while somebody does.
        """
        if (user := self._profile.user) is None:
            return
        if self._held is None:
            self._held = self._profile.hold()
        if self._outbox is None:
            self._outbox = self._new_outbox(user)
        left = self._outbox.adopt()
        if left:
            self._leftovers |= {message.client_id for message in left}
            self._no_leftovers.clear()
            count = counted(len(left), "message")
            self._session.trail.note("outbox", "left behind", "adopted", "queued", count)
            self._connection.perform(self._session.submit(self._connection.now(), left))

    def resolve(self, outcomes: Sequence[Outcome]) -> None:
        """The broker has answered for these messages."""
        resolved = outcomes
        if self._leftovers:
            resolved = [outcome for outcome in outcomes if not self._waits_for_login(outcome)]
        if self._outbox is not None:
            # A disk that takes no note of it costs one more, harmless, sending.
            with suppress(OSError, CnMessageError):
                self._outbox.resolve([outcome.client_id for outcome in resolved])
        for outcome in outcomes:
            client_id = outcome.client_id
            self._pending.pop(client_id, None)
            self._kept.discard(client_id)
            waiting = self._waiting.pop(client_id, [])
            if isinstance(outcome, Acked):
                if waiting:
                    _deliver(waiting, outcome)
            else:
                error = self._explained(outcome.error)
                _fail(waiting, error)
                if client_id in self._leftovers and not self._waits_for_login(outcome):
                    self._on_refused(error)
            self._leftovers.discard(client_id)
        if not self._leftovers:
            self._no_leftovers.set()

    def _waits_for_login(self, outcome: Outcome) -> bool:
        """What an earlier client left is kept until somebody is logged in again."""
        return (
            isinstance(outcome, Refused)
            and outcome.client_id in self._leftovers
            and outcome.error.code is ErrorCode.UNAUTHENTICATED
        )

    def fail(self, error: CnMessageError) -> None:
        """Nothing will be answered any more; each is told what becomes of its message."""
        for client_id, waiting in list(self._waiting.items()):
            _fail(waiting, self._with_fate(error, self._pending[client_id], ended=True))
        self._no_leftovers.set()

    def give_up(self, client_id: ClientId) -> str:
        """Nobody waits for this message any more: take it back if it never left. Gives what becomes of it."""
        message = self._pending.get(client_id)
        return "" if message is None else self._fate(message, ended=False)

    async def finish(self) -> None:
        """Give leftovers a moment to be confirmed, if the broker is there at all."""
        if self._connection.heard.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LEFTOVER_PATIENCE):
                    await self._no_leftovers.wait()

    def close(self) -> None:
        """Release profile and outbox; what is unacknowledged stays in it for the profile's next client."""
        self._kept |= self._waiting.keys()
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._outbox is not None:
            self._outbox.close()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _expect(self, receipt: "asyncio.Future[Receipt]", deadline: float) -> None:
        """Wait for a receipt until then. One timer does for all: a timer each costs more than the rest."""
        self._deadlines[receipt] = deadline
        if self._timer is None or deadline < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = deadline
            self._timer = self._loop.call_at(deadline, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.time()
        for receipt, deadline in self._deadlines.items():
            if deadline <= now and not receipt.done():
                receipt.set_exception(TimeoutError())
        left = {receipt: deadline for receipt, deadline in self._deadlines.items() if not receipt.done()}
        if left:
            self._expect(*min(left.items(), key=lambda each: each[1]))

    def _submit_fresh(self) -> None:
        fresh, self._fresh = self._fresh, []
        if self._closed:
            return
        try:
            if self._outbox is None:
                self._outbox = self._new_outbox(self._profile.user or "nobody")
            self._outbox.add(fresh)
        except CnMessageError as error:
            for message in fresh:
                self._pending.pop(message.client_id, None)
                if (waiting := self._waiting.get(message.client_id)) is not None:
                    _fail(waiting, error)
        else:
            self._connection.perform(self._session.submit(self._connection.now(), fresh))

    def _with_fate(
        self, cause: CnMessageError, message: NewMessage, *, ended: bool = False
    ) -> CnMessageError:
        stop = "" if cause.message.endswith((".", "?")) else "."
        return CnMessageError(cause.code, f"{cause.message}{stop} {self._fate(message, ended=ended)}")

    def _fate(self, message: NewMessage, *, ended: bool) -> str:
        """What becomes of a message without an answer, which is taken back if it never left.

        Unless all has `ended` it stays while somebody else still waits for it.
        """
        others = sum(not each.done() for each in self._waiting.get(message.client_id, ()))
        if others and not ended:
            return _AWAITED
        if message in self._fresh:
            self._fresh.remove(message)
            self._pending.pop(message.client_id, None)
            return _NOT_SENT
        if message.client_id in self._kept:
            return _KEPT
        nothing_left = not self._connection.ever_sent
        hindrance = self._session.queue.hindrance
        if nothing_left:
            # Nothing ever left this machine, so even what counts as in flight can be taken back.
            self._connection.perform(self._session.cut(self._connection.now(), 0.0))
        if self._session.queue.withdraw(message.client_id, nothing_left=nothing_left):
            self._pending.pop(message.client_id, None)
            self._kept.discard(message.client_id)
            if self._outbox is not None:
                with suppress(OSError, CnMessageError):
                    self._outbox.resolve([message.client_id])
            return _NOT_SENT
        refused = hindrance is not None and hindrance.code not in {ErrorCode.UNREACHABLE, ErrorCode.INTERNAL}
        return _KEPT if refused else _PERHAPS

    def _new_outbox(self, user: str) -> Outbox:
        return Outbox(self._profile.outbox, user, f"{os.getpid()}-{os.urandom(4).hex()}")


def _fail(waiting: "list[asyncio.Future[Receipt]]", error: CnMessageError) -> None:
    for each in waiting:
        if not each.done():
            each.set_exception(error)
            each.exception()  # counts as seen even if its caller has given up meanwhile


def _deliver(waiting: "list[asyncio.Future[Receipt]]", acked: Acked) -> None:
    receipt = Receipt(id_text(acked.id), id_text(acked.client_id), acked.seq, acked.recipients)
    for each in waiting:
        if not each.done():
            each.set_result(receipt)
