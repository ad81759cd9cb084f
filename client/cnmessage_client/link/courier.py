"""The sending side of a client: outbox first, then the session, then the answer to whoever waits. Knows the
outbox file and the session's queue, no socket.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from cnmessage_client.link import arguments
from cnmessage_client.link.connection import Connection, unreachable
from cnmessage_client.link.outbox import Outbox
from cnmessage_client.model import Receipt
from cnmessage_client.profile import Address, Profile
from cnmessage_protocol.errors import CnMessageError, ErrorCode, RequestError
from cnmessage_protocol.ids import ClientId, id_text, parse_id, uuid7
from cnmessage_protocol.machines.sendqueue import Acked, Outcome, Refused
from cnmessage_protocol.machines.session import Session
from cnmessage_protocol.records import NewMessage, check_body, recipients
from cnmessage_protocol.trace import counted

LEFTOVER_PATIENCE = 2.0
"""Seconds that closing waits for messages an earlier, killed client left behind."""


def compose(to: str | Sequence[str], body: str, client_id: str | None = None) -> NewMessage:
    """A message under a fresh id, or the given one; ProtocolError or ValueError for what cannot be sent."""
    check_body(arguments.text("body", body))
    fresh = uuid7(time.time_ns() // 1_000_000, os.urandom(10))
    given = arguments.text_or_none("client_id", client_id)
    identity = fresh if given is None else parse_id(given)
    return NewMessage(ClientId(identity), recipients(arguments.names("to", to)), body)


class Courier:
    """Brings messages to the broker, each exactly once."""

    def __init__(
        self,
        profile: Profile,
        address: Address,
        session: Session,
        connection: Connection,
        on_refused: Callable[[CnMessageError], None],
    ) -> None:
        self._profile = profile
        self._address = address
        self._session = session
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._outbox: Outbox | None = None
        self._waiting: dict[ClientId, list[asyncio.Future[Receipt]]] = {}
        self._pending: dict[ClientId, NewMessage] = {}
        self._on_refused = on_refused
        self._leftovers: set[ClientId] = set()
        self._no_leftovers = asyncio.Event()
        self._no_leftovers.set()
        self._fresh: list[NewMessage] = []
        self._closed = False

    def __len__(self) -> int:
        return len(self._session.queue) + len(self._fresh)

    async def send(self, message: NewMessage, timeout: float) -> Receipt:  # noqa: ASYNC109 - the error must say what became of it
        """Write the message down, send it, wait for its receipt.

        UNREACHABLE after `timeout` seconds says whether the message was taken back or may still arrive.
        """
        client_id = message.client_id
        known = self._pending.setdefault(client_id, message)
        if known is not message and known != message:
            text = "this client id stands for another message that is on its way"
            raise RequestError(ErrorCode.CONFLICT, text)
        receipt: asyncio.Future[Receipt] = self._loop.create_future()
        if client_id in self._waiting:  # two callers may wait for one client id
            self._waiting[client_id].append(receipt)
        else:
            self._waiting[client_id] = [receipt]
            if not self._fresh:
                self._loop.call_soon(self._submit_fresh)  # what one turn of the loop sends goes out together
            self._fresh.append(message)
        # A plain timer: asyncio.timeout and wait_for cost more than all the rest of a send.
        timer = self._loop.call_later(timeout, _expire, receipt)
        try:
            return await receipt
        except TimeoutError:
            raise self._unconfirmed(message) from None
        finally:
            timer.cancel()
            waiting = self._waiting.get(client_id)
            if waiting is not None and receipt in waiting:
                waiting.remove(receipt)
                if not waiting:
                    del self._waiting[client_id]

    def adopt(self, user: str) -> None:
        """Send what killed clients of the same user and profile left behind."""
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
            self._pending.pop(outcome.client_id, None)
            waiting = self._waiting.pop(outcome.client_id, [])
            if isinstance(outcome, Acked):
                client_id, message_id = id_text(outcome.client_id), id_text(outcome.id)
                receipt = Receipt(message_id, client_id, outcome.seq, outcome.recipients)
                for each in waiting:
                    if not each.done():
                        each.set_result(receipt)
            else:
                error = self._profile.explained(outcome.error, self._address)
                _fail(waiting, error)
                if outcome.client_id in self._leftovers:
                    self._on_refused(error)
            self._leftovers.discard(outcome.client_id)
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
        """Nothing will be answered any more."""
        for waiting in self._waiting.values():
            _fail(waiting, error)
        self._no_leftovers.set()

    async def finish(self) -> None:
        """Give leftovers a moment to be confirmed, if the broker is there at all."""
        if self._connection.heard.is_set():
            try:
                await asyncio.wait_for(self._no_leftovers.wait(), LEFTOVER_PATIENCE)
            except TimeoutError:
                return

    def close(self) -> None:
        """Release the outbox; what is unacknowledged stays in it for the next client of this profile."""
        self._closed = True
        if self._outbox is not None:
            self._outbox.close()

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

    def _unconfirmed(self, message: NewMessage) -> CnMessageError:
        nothing_left = not self._connection.ever_sent
        if nothing_left:
            # Nothing ever left this machine, so even what counts as in flight can be taken back.
            self._connection.perform(self._session.cut(self._connection.now(), 0.0))
        cause: CnMessageError = self._session.queue.hindrance or unreachable(self._address)
        if self._session.queue.withdraw(message.client_id, nothing_left=nothing_left):
            self._pending.pop(message.client_id, None)
            if self._outbox is not None:
                with suppress(OSError, CnMessageError):
                    self._outbox.resolve([message.client_id])
            fate = "The message was not sent."
        elif cause.code in {ErrorCode.UNREACHABLE, ErrorCode.INTERNAL}:
            fate = (
                "The message may have arrived. It is kept and will be confirmed, never doubled, by the next "
                "command that connects: do not send it again."
            )
        else:
            fate = (
                "The message is kept and goes out with the next command that connects: do not send it again."
            )
        return CnMessageError(cause.code, f"{cause.message}. {fate}")

    def _new_outbox(self, user: str) -> Outbox:
        return Outbox(self._profile.outbox, user, f"{os.getpid()}-{os.urandom(4).hex()}")


def _fail(waiting: "list[asyncio.Future[Receipt]]", error: CnMessageError) -> None:
    for each in waiting:
        if not each.done():
            each.set_exception(error)
            each.exception()  # counts as seen even if its caller has given up meanwhile


def _expire(receipt: "asyncio.Future[Receipt]") -> None:
    if not receipt.done():
        receipt.set_exception(TimeoutError())
