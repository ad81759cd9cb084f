"""Answers on their way out: to the connection that asked, to the file thread under its ticket, or into a
sliced SEND.

An answer that cannot leave is dropped: whoever asked asks again, under the same id.
"""

from collections.abc import Callable
from typing import Any

import structlog
import zmq

from cnmessage_broker.between import NO_TICKET, FileAnswer, Lanes
from cnmessage_broker.net.links import Links
from cnmessage_broker.scheduling.asker import Origin, Ticket
from cnmessage_broker.scheduling.slices import SliceTicket
from cnmessage_protocol.envelope import pack_error, pack_result
from cnmessage_protocol.errors import RequestError
from cnmessage_protocol.results import Sent, result_values

Asker = Origin | Ticket | SliceTicket
"""Who waits for an answer."""


class Answers:
    """Sends each answer to where its request came from; None is nowhere. `monotonic` gives seconds."""

    def __init__(
        self,
        requests: "zmq.Socket[bytes]",
        links: Links,
        link: Lanes,
        monotonic: Callable[[], float],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._requests = requests
        self._links = links
        self._link = link
        self._monotonic = monotonic
        self._log = log

    def answer(self, asker: Asker | None, result: Any) -> int:
        """The request was done; gives the bytes of the answer's frame."""
        match asker:
            case Ticket(number) if number != NO_TICKET:
                self._link.to_files.put(FileAnswer(number, result))
            case SliceTicket(slices):
                slices.stored(result)
                self.finish(asker)
            case Origin():
                return self._send(asker, pack_result(asker.request_id, result_values(result)))
        return 0

    def refuse(self, asker: Asker | None, error: RequestError) -> None:
        """The request was refused."""
        match asker:
            case Ticket(number) if number != NO_TICKET:
                self._link.to_files.put(FileAnswer(number, None, error))
            case SliceTicket(slices):
                slices.refused(error)
                self.finish(asker)
            case Origin():
                self._send(asker, pack_error(asker.request_id, error.code, error.message))

    def finish(self, part: SliceTicket) -> None:
        """Answer a sliced SEND if that was its last slice."""
        match part.slices.outcome:
            case Sent() as all_of_it:
                self.answer(part.slices.origin, all_of_it)
            case RequestError() as error:
                self.refuse(part.slices.origin, error)
            case None:
                return

    def _send(self, origin: Origin, frame: bytes) -> int:
        try:
            self._requests.send_multipart([origin.link.routing_id, frame], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            # Gone (EHOSTUNREACH) or not reading (EAGAIN): the client asks again under the same id.
            self._log.debug("an answer was dropped", reason=error.strerror)
        else:
            self._links.handed(origin.link, [frame], self._monotonic())
        return len(frame)
