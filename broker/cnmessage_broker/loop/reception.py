"""What came, when its turn has come: decoded, cut into slices if it is wide, given to its handler.

Decoding is work too, so it waits for its turn like the rest. Knows no socket and no order of turns.
"""

from collections import Counter

import structlog

from cnmessage_broker.between import FileRequest
from cnmessage_broker.loop import dispatch
from cnmessage_broker.loop.answers import Asker
from cnmessage_broker.loop.arrivals import Frame, Waiting
from cnmessage_broker.loop.context import Caller, Deps
from cnmessage_broker.loop.effects import Refuse
from cnmessage_broker.loop.handlers.messages import rows_of
from cnmessage_broker.loop.performer import Performer
from cnmessage_broker.loop.tasks import Task, Tasks
from cnmessage_broker.net.zap import Admission
from cnmessage_broker.scheduling.asker import Origin, Ticket
from cnmessage_broker.scheduling.slices import SLICE, Slices, SliceTicket
from cnmessage_broker.scheduling.turns import Turns
from cnmessage_protocol.envelope import unpack_request
from cnmessage_protocol.errors import ErrorCode, ProtocolError, RequestError
from cnmessage_protocol.requests import Request, Send

_MOST_WARNED = 10_000


class Reception:
    """`turns` is where the rest of a sliced SEND goes back to."""

    def __init__(
        self,
        deps: Deps,
        admission: Admission,
        turns: Turns[Waiting],
        tasks: Tasks,
        performer: Performer,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._deps = deps
        self._admission = admission
        self._turns = turns
        self._tasks = tasks
        self._performer = performer
        self._log = log
        self._warned: Counter[str] = Counter()

    def receive(self, key: str, item: Waiting) -> Task | None:
        """Do what this key has waited for; the handler, if one was begun. It may be under way still."""
        match item:
            case Frame():
                return self.request(item)
            case Slices():
                if item.waiting:  # else a slice was refused meanwhile, and all of it with that
                    self._slice(key, item)
            case FileRequest(ticket, device, address, request):
                return self._dispatch(Ticket(ticket), request, self._caller(device, address))
        return None

    def request(self, frame: Frame) -> Task | None:
        """Do what a frame asks for; a bad one is answered."""
        link = frame.link
        if frame.body is None:
            text = "a request must be exactly one frame"
            self._refuse(Origin(link, 0), RequestError(ErrorCode.BAD_REQUEST, text))
            return None
        try:
            call = unpack_request(frame.body)
        except ProtocolError as error:
            self._refuse(Origin(link, error.request_id), RequestError(error.code, error.message))
            return None
        origin, address = Origin(link, call.request_id), link.address or self._admission.address_of(link.key)
        if isinstance(call.request, Send) and self._is_wide(call.request):
            self._slice(link.key, Slices(origin, address, frame.body, call.request.messages))
            return None
        return self._dispatch(origin, call.request, self._caller(link.key, address))

    def _refuse(self, origin: Origin, error: RequestError) -> None:
        """Answer a bad frame; it is logged once for each key."""
        key = origin.link.key
        self._warned[key] += 1
        if self._warned[key] == 1:
            address = origin.link.address or self._admission.address_of(key)
            self._log.warning("bad frame", peer=key, address=address, reason=error.message)
        if len(self._warned) > _MOST_WARNED:
            self._warned.clear()
        self._performer.perform(origin, [Refuse(error)])

    def _is_wide(self, request: Send) -> bool:
        messages = request.messages
        return len(messages) * 2 > SLICE or sum([rows_of(each, self._deps) for each in messages]) > SLICE

    def _slice(self, key: str, slices: Slices) -> None:
        """Store some of a wide SEND; the rest comes back in its turn."""
        # Counted anew for each slice: meanwhile others may listen.
        request, part = slices.next(lambda message: rows_of(message, self._deps)), SliceTicket(slices)
        caller = self._caller(key, slices.address)
        account = None if caller.account is None else caller.account.id
        slices.sender = account if slices.sender is None else slices.sender
        if account == slices.sender:
            self._dispatch(part, request, caller)
        else:
            text = "this device was logged in as somebody else meanwhile; the rest was not stored"
            self._performer.perform(part, [Refuse(RequestError(ErrorCode.UNAUTHENTICATED, text))])
        if slices.waiting:
            self._turns.put_back(key, slices, slices.size, self._deps.monotonic())

    def _caller(self, key: str, address: str) -> Caller:
        device = self._deps.directory.device(key)
        account = None if device is None else self._deps.directory.account(device.account)
        return Caller(key, address, device, account)

    def _dispatch(self, asker: Asker, request: Request, caller: Caller) -> Task:
        if isinstance(request, Send):
            self._turns.talked(self._deps.monotonic())
        steps = dispatch.run(request, caller, self._deps)
        line = dispatch.verb_of(request).line
        task = Task(steps, request.VERB, asker, caller, line, self._turns.rank)
        self._tasks.start(task)
        return task
