"""Requests that wait for their answer, and the check of what comes.

Two ledgers under one counter of ids: the application's requests outlive a broken link and are repeated
under the same id; the session's own are made anew.
"""

from msgspec import Struct, field

from cnmessage_protocol.envelope import Reply
from cnmessage_protocol.errors import ProtocolError, broken
from cnmessage_protocol.machines.effects import Answered, Transmit
from cnmessage_protocol.requests import Request
from cnmessage_protocol.results import parse_result

REPEAT = 3.0
"""Seconds after which an unanswered request is repeated."""

MOST_ALIKE = 4
"""Heartbeats whose answers are waited for; a broker that answers none must not make them pile up."""


class Calls(Struct):
    """Open requests by id."""

    asked: dict[int, Request] = field(default_factory=dict)
    own: dict[int, Request] = field(default_factory=dict)
    _repeat_at: dict[int, float] = field(default_factory=dict)
    _last_id: int = 0

    def __len__(self) -> int:
        return len(self.asked) + len(self.own)

    def open(self, now: float, ledger: dict[int, Request], request: Request) -> Transmit:
        """Enter a request into one of the two ledgers and give what to send."""
        self._last_id += 1
        ledger[self._last_id] = request
        self._repeat_at[self._last_id] = now + REPEAT
        return Transmit(self._last_id, request)

    def outstanding(self, kind: type[Request]) -> bool:
        """Whether one of the session's own requests of this kind waits."""
        return any(type(each) is kind for each in self.own.values())

    def keep_latest(self, kind: type[Request]) -> None:
        """One more of the session's own is to come: wait no longer for the answers to the oldest."""
        waiting = [request_id for request_id, each in self.own.items() if type(each) is kind]
        for request_id in waiting[: max(0, len(waiting) + 1 - MOST_ALIKE)]:
            del self.own[request_id]

    def overdue(self, now: float) -> list[Transmit]:
        """Requests whose answer is long in coming, once more: it or they may have been lost on the way."""
        late = []
        for request_id, moment in self._repeat_at.items():
            request = self.asked.get(request_id) or self.own.get(request_id)
            if request is not None and moment <= now:
                late.append(Transmit(request_id, request))
        self._repeat_at = {
            request_id: now + REPEAT if moment <= now else moment
            for request_id, moment in self._repeat_at.items()
            if request_id in self.asked or request_id in self.own
        }
        return late

    @property
    def deadline(self) -> float | None:
        """When an answer is overdue."""
        return min(
            (at for key, at in self._repeat_at.items() if key in self.asked or key in self.own), default=None
        )

    def repeat(self, now: float) -> list[Transmit]:
        """The application's requests once more, for a fresh link."""
        self._repeat_at.update(dict.fromkeys(self.asked, now + REPEAT))
        return [Transmit(request_id, request) for request_id, request in self.asked.items()]

    def close(self, reply: Reply) -> tuple[bool, Request, Answered] | None:
        """Match a reply: is it the application's, what was asked, the checked answer.

        None for an answer nobody waits for: to something resent or forgotten meanwhile.
        """
        self._repeat_at.pop(reply.request_id, None)
        mine = reply.request_id in self.asked
        request = (self.asked if mine else self.own).pop(reply.request_id, None)
        return None if request is None else (mine, request, _checked(reply, request))


def _checked(reply: Reply, request: Request) -> Answered:
    if reply.error is not None:
        return Answered(reply.request_id, None, reply.error)
    try:
        return Answered(reply.request_id, parse_result(request.RESULT, reply.result), None)
    except ProtocolError as error:
        return Answered(reply.request_id, None, broken(error))
