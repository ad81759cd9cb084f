"""Answers on their way out: to a client over the request socket, or to the file thread under its ticket.

Owned by the reactor. An answer that cannot leave is dropped: whoever asked asks again, under the same id.
"""

from typing import Any

import structlog
import zmq

from cnmessage_broker.filelink import NO_TICKET, Answer, FileLink
from cnmessage_broker.pending import Origin, Ticket
from cnmessage_protocol.envelope import pack_error, pack_result
from cnmessage_protocol.errors import RequestError
from cnmessage_protocol.results import result_values


class Answers:
    """Sends each answer to where its request came from; None is nowhere."""

    def __init__(
        self, requests: "zmq.Socket[bytes]", link: FileLink, log: structlog.typing.FilteringBoundLogger
    ) -> None:
        self._requests = requests
        self._link = link
        self._log = log

    def answer(self, origin: Origin | Ticket | None, result: Any) -> None:
        """The request was done."""
        match origin:
            case Ticket(number) if number != NO_TICKET:
                self._link.to_files.put(Answer(number, result))
            case Origin():
                self._send(origin, pack_result(origin.request_id, result_values(result)))

    def refuse(self, origin: Origin | Ticket | None, error: RequestError) -> None:
        """The request was refused."""
        match origin:
            case Ticket(number) if number != NO_TICKET:
                self._link.to_files.put(Answer(number, None, error))
            case Origin():
                self._send(origin, pack_error(origin.request_id, error.code, error.message))

    def _send(self, origin: Origin, frame: bytes) -> None:
        try:
            self._requests.send_multipart([origin.routing_id, frame], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            # Gone (EHOSTUNREACH) or not reading (EAGAIN): the client asks again under the same id.
            self._log.debug("an answer was dropped", reason=error.strerror)
