"""Carrying effects out: each goes to the room that knows how, at once or with the next commit.

A fault of ours is logged and answered here, and stops nobody. Knows no verb, and nothing of who comes next.
"""

from collections.abc import Iterable

import structlog

from cnmessage_broker.between import Lanes
from cnmessage_broker.loop import dispatch
from cnmessage_broker.loop.answers import Answers, Asker
from cnmessage_broker.loop.commit import Commit
from cnmessage_broker.loop.context import Caller, Deps
from cnmessage_broker.loop.effects import (
    Confirm,
    Effect,
    MarkPresence,
    MarkRead,
    MarkReceived,
    MarkSeen,
    Note,
    Push,
    Refuse,
    Reply,
    Submit,
    Tell,
)
from cnmessage_broker.loop.publisher import Publisher
from cnmessage_broker.store.ports.records import StoreError
from cnmessage_protocol.errors import ErrorCode, RequestError


class Performer:
    """`failed`: a handler met a disk that cannot be trusted any more, and the broker must end."""

    def __init__(
        self,
        deps: Deps,
        answers: Answers,
        commit: Commit,
        publisher: Publisher,
        link: Lanes,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self.failed = False
        self._deps = deps
        self._answers = answers
        self._commit = commit
        self._publisher = publisher
        self._link = link
        self._log = log

    def fault(self, error: Exception, what: str) -> list[Effect]:
        """What is left to do when a handler failed by a fault of ours; `what` names it in the log."""
        self._log.error("a handler failed", verb=what, exc_info=error)
        self.failed = self.failed or isinstance(error, StoreError)
        return [Refuse(RequestError(ErrorCode.INTERNAL, "the broker failed on this request"))]

    def perform(
        self,
        asker: Asker | None,
        effects: Iterable[Effect],
        caller: Caller | None = None,
        *,
        heavy: bool = False,
    ) -> None:
        """Carry effects out; what was read for an answer is charged to the caller, a `heavy` user or not."""
        pushes: list[Push] = []
        for effect in effects:
            match effect:
                case Note(event, fields):
                    self._log.warning(event, **fields)
                case Push():
                    pushes.append(effect)
                case _:
                    self._perform(asker, effect, caller, heavy=heavy)
        if pushes:
            self._publisher.put(pushes)

    def _perform(self, asker: Asker | None, effect: Effect, caller: Caller | None, *, heavy: bool) -> None:
        match effect:
            case Reply(result, looked_at):
                size = self._answers.answer(asker, result)
                if caller is not None:
                    dispatch.spend(dispatch.read_cost(looked_at, size), caller, self._deps)
            case Refuse(error):
                self._answers.refuse(asker, error)
            case Submit() if asker is not None:
                self._commit.submit(asker, effect, heavy=heavy)
            case Confirm() if asker is not None:
                self._commit.confirm(asker, effect)
            case MarkRead(owner, upto, conversation):
                self._commit.read(owner, upto, conversation)
            case MarkReceived(owner, upto):
                self._commit.received(owner, upto)
            case MarkPresence(owner, online):
                self._commit.presence(owner, online=online)
            case MarkSeen(key):
                self._commit.seen(key)
            case Tell(news):
                self._link.to_files.put(news)
            case _:
                self._log.error("an effect without a request", effect=type(effect).__name__)
