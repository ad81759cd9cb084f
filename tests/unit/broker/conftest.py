"""A broker's rooms without sockets: real handlers, the memory store, clocks that stand still.

`Room.ask` does for one request what the loop does: it drives the handler, each wait done on the spot, and
carries out its effects.
"""

import os
from collections.abc import Coroutine, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cnmessage_broker import jobs
from cnmessage_broker.between import News
from cnmessage_broker.config import Config
from cnmessage_broker.loop import delivery, dispatch
from cnmessage_broker.loop.context import Caller, Deps, budgets
from cnmessage_broker.loop.effects import (
    Confirm,
    Effect,
    MarkPresence,
    MarkRead,
    MarkReceived,
    MarkSeen,
    Push,
    Refuse,
    Reply,
    Submit,
    Tell,
)
from cnmessage_broker.loop.handlers.expiry import sweep
from cnmessage_broker.loop.listeners import Event, Listener, Listeners
from cnmessage_broker.loop.passwords import OWASP
from cnmessage_broker.loop.pending import sent
from cnmessage_broker.loop.waits import OnHasher, OnReader, OnWriter, Wait
from cnmessage_broker.store.memory.store import MemoryStore
from cnmessage_broker.store.ports.records import Account, Group, Stored
from cnmessage_protocol.conversation import Direct, Everyone, from_wire
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.ids import ClientId, MessageId, Topic, UserName, uuid7
from cnmessage_protocol.records import NewMessage
from cnmessage_protocol.requests import Attach, Request, Send
from cnmessage_protocol.results import Attached

PASSWORD = "correct horse battery"
HASH = OWASP.hash(PASSWORD)
WIDE = {"login_burst": 1000, "address_login_burst": 1000}


NOTHING = jobs.JobDone()
Steps = Coroutine[Wait[Any], Any, list[Effect]]


class Room:
    """One broker in memory.

    `monotonic` and `wall` are its clocks, in seconds; `address` is where whoever asks comes from.
    """

    def __init__(self, **settings: Any) -> None:
        self.address = "127.0.0.1"
        self.monotonic = 1000.0
        self.wall = 1_700_000_000.0
        self.store = MemoryStore(b"e" * 16)
        self.pushed: list[Push] = []
        self.waits: list[type] = []
        """What handlers waited for."""
        self.told: list[News] = []
        config = Config(data=Path("unused"), **{**WIDE, **settings})
        self.deps = Deps(
            config,
            self.store,
            Listeners(os.urandom),
            budgets(config),
            lambda: self.monotonic,
            lambda: self.wall,
            os.urandom,
            lambda: self.monotonic,
        )

    def user(self, name: str) -> str:
        """A new account with a device; gives the device's key."""
        account = self.store.create_account(UserName(name), HASH, 1)
        key = f"key of {name}"
        self.store.bind_device(key, account.id, "", 1)
        return key

    def users(self, *names: str) -> list[str]:
        """Several new accounts."""
        return [self.user(name) for name in names]

    def account(self, name: str) -> Account:
        """An account that exists."""
        found = self.store.account_by_name(name)
        assert found is not None
        return found

    def caller(self, key: str) -> Caller:
        """Who comes with this key, as the reactor finds out."""
        device = self.store.device(key)
        return Caller(
            key, self.address, device, None if device is None else self.store.account(device.account)
        )

    def start(self, key: str, request: Request) -> list[Effect]:
        """What the handler wants done in the end, not done yet."""
        return self.drive(dispatch.run(request, self.caller(key), self.deps))

    def drive(self, steps: Steps, came: jobs.JobDone = NOTHING) -> list[Effect]:
        """Let a handler go on to its end, from what came of its last wait."""
        while True:
            try:
                wait = steps.send(came.result) if came.error is None else steps.throw(came.error)
            except StopIteration as end:
                effects: list[Effect] = end.value
                return effects
            came = self.wait(wait)

    def wait(self, wait: Wait[Any]) -> jobs.JobDone:
        """What comes of waiting for it."""
        self.waits.append(type(wait))
        match wait:
            case OnReader(job) | OnWriter(job):
                return jobs.run(partial(job, self.store))
            case OnHasher(job):
                return jobs.run(job)
            case _:
                return NOTHING

    def hashed(self, key: str, request: Request) -> tuple[Steps, jobs.JobDone]:
        """A handler that waits for its password, and what came of that; it has not gone on yet."""
        steps: Steps = dispatch.run(request, self.caller(key), self.deps)
        came = NOTHING
        while not isinstance(wait := steps.send(came.result), OnHasher):
            came = self.wait(wait)
        return steps, self.wait(wait)

    def sweep(self) -> list[Effect]:
        """What a look at what has had its time wants done in the end."""
        return self.drive(sweep(self.deps))

    def ask(self, key: str, request: Request) -> Any:
        """The result record of a request; RequestError when it is refused."""
        return self.perform(self.start(key, request))

    def refusal(self, key: str, request: Request) -> ErrorCode:
        """The code under which a request must be refused."""
        with pytest.raises(RequestError) as caught:
            self.ask(key, request)
        return caught.value.code

    def perform(self, effects: Iterable[Effect]) -> Any:
        """Carry effects out; gives the answer among them."""
        answers: list[Any] = []
        group = Group()
        for effect in effects:
            match effect:
                case Reply(result) | Confirm(result):
                    answers.append(result)
                case Refuse(error):
                    raise error
                case Submit():
                    answers.append(self._submit(effect))
                case Push():
                    self.pushed.append(effect)
                case Tell(news):
                    self.told.append(news)
                case MarkRead(owner, upto, None):
                    group.read[owner] = upto
                case MarkRead(owner, upto, Direct() | Everyone() as conversation):
                    group.read_in[owner, conversation] = upto
                case MarkReceived(owner, upto):
                    group.received[owner] = upto
                case MarkSeen(seen):
                    group.seen[seen] = self.deps.now_ms()
                case MarkPresence(owner, online):
                    group.presence.append((owner, online, self.deps.now_ms()))
        self.store.commit(group)
        assert len(answers) <= 1, "a request has one answer"
        return answers[0] if answers else None

    def _submit(self, effect: Submit) -> Any:
        outcomes = self.store.commit(Group(list(effect.submissions)))
        pairs = zip(effect.submissions, outcomes, strict=True)
        fresh = [(new, outcome) for new, outcome in pairs if isinstance(outcome, Stored)]
        self.pushed += delivery.pushes(self.deps.listeners, fresh)
        return sent(effect, outcomes)

    def send(self, key: str, to: str, body: str = "hello") -> MessageId:
        """Send one message to names parted by blanks, or to 'all'; gives its id."""
        ((_, identity, _, _),) = self.ask(key, Send((message(to, body),))).acks
        return MessageId(identity)

    def attach(self, key: str, **fields: Any) -> Listener:
        """Attach, as a client that has subscribed."""
        answer = self.ask(key, Attach(**fields))
        assert isinstance(answer, Attached)
        listener = self.deps.listeners.get(Topic(answer.listener), key)
        assert listener is not None
        self.deps.listeners.step(listener, Event.HELLO)
        return listener


def message(to: str, body: str = "hello", client_id: bytes | None = None) -> NewMessage:
    """A message as a client hands it over."""
    conversations = tuple(from_wire(name) for name in to.split())
    return NewMessage(ClientId(client_id or uuid7(1, os.urandom(10))), conversations, body)


@pytest.fixture
def room() -> Room:
    """A broker in memory with budgets wide enough not to matter."""
    return Room()
