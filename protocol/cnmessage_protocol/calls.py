"""Requests that wait for their answer, and the check of what comes.

Two ledgers under one counter of ids: the application's requests outlive a broken link and are repeated
under the same id; the session's own are made anew. Called by session.py.
"""

from dataclasses import dataclass, field

from cnmessage_protocol.effects import Answer, Transmit
from cnmessage_protocol.envelope import Reply
from cnmessage_protocol.errors import ProtocolError, RequestError
from cnmessage_protocol.messages import Request
from cnmessage_protocol.results import parse_result


@dataclass(slots=True)
class Calls:
    """Open requests by id."""

    asked: dict[int, Request] = field(default_factory=dict)
    own: dict[int, Request] = field(default_factory=dict)
    _last_id: int = 0

    def __len__(self) -> int:
        return len(self.asked) + len(self.own)

    def open(self, ledger: dict[int, Request], request: Request) -> Transmit:
        """Enter a request into one of the two ledgers and give what to send."""
        self._last_id += 1
        ledger[self._last_id] = request
        return Transmit(self._last_id, request)

    def outstanding(self, kind: type[Request]) -> bool:
        """Whether one of the session's own requests of this kind waits."""
        return any(type(each) is kind for each in self.own.values())

    def repeat(self) -> list[Transmit]:
        """The application's requests once more, for a fresh link."""
        return [Transmit(request_id, request) for request_id, request in self.asked.items()]

    def close(self, reply: Reply) -> tuple[bool, Request, Answer] | None:
        """Match a reply: is it the application's, what was asked, the checked answer.

        None for an answer nobody waits for: to something resent or forgotten meanwhile.
        """
        mine = reply.request_id in self.asked
        request = (self.asked if mine else self.own).pop(reply.request_id, None)
        return None if request is None else (mine, request, _checked(reply, request))


def _checked(reply: Reply, request: Request) -> Answer:
    if reply.error is not None:
        return Answer(reply.request_id, None, reply.error)
    try:
        return Answer(reply.request_id, parse_result(request.RESULT, reply.result), None)
    except ProtocolError as error:
        return Answer(reply.request_id, None, RequestError(error.code, f"the broker's answer: {error}"))
