"""What a delivery costs the broker: its processor time, all threads, for each item that a listener got.

Senders do not listen, so that every delivery is one to a recipient. The broker is the real program; its
clients are sessions of bench.fleet in one process, whose own time does not count.

    python -m bench.deliveries crowd SETTINGS
"""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench.accounts import made
from bench.bodies import body
from bench.broker import Broker
from bench.figures import Figure, Measure
from bench.fleet import Fleet, Member, Place, accounts_of
from bench.processes import PATIENCE, BenchError, Party, ended, ready, report, settings, wait_for_go
from cnmessage_protocol.conversation import Conversation, Direct, Everyone
from cnmessage_protocol.ids import ClientId, UserName
from cnmessage_protocol.machines.inbox import HandOver
from cnmessage_protocol.records import InboxItem, NewMessage

USERS, EACH = 100, 600
AUDIENCE, BROADCASTS = 1000, 150
LIST = 10
"""Messages that a sender hands over at a time; the next list goes when they are acknowledged."""

_USERS_CPU = "product, broker CPU per delivery, 100 to 100"
_BROADCAST_CPU = "product, broker CPU per delivery, 1 to 1,000"


def measure(folder: Path, senders: int, receivers: int, each: int, figure: str) -> Mapping[str, float]:
    """µs of the broker's processor for a delivery; a lone sender sends to everyone, several one to one."""
    accounts = made(folder, senders + receivers)
    broker = Broker(folder / "broker")
    try:
        broker.start()
        crowd = Party.role(
            "bench.deliveries",
            "crowd",
            place=broker.place,
            accounts=str(accounts),
            first=0,
            count=senders + receivers,
            senders=senders,
            each=each,
        )
        with ended(crowd):
            before = broker.cpu()
            crowd.go()
            found = crowd.result()
            used = broker.cpu() - before
    finally:
        broker.end()
    expected = each * (receivers if senders == 1 else senders)
    if found["deliveries"] != expected:
        raise BenchError(f"{found['deliveries']} of {expected} deliveries came")
    return {figure: used / expected * 1e6}


def _measure(name: str, about: str, shape: tuple[int, int, int], figure: Figure) -> Measure:
    senders, receivers, each = shape
    run = partial(measure, senders=senders, receivers=receivers, each=each, figure=figure.name)
    return Measure(name, about, (run,), (figure,))


USERS_MEASURE = _measure(
    "users",
    f"{USERS} users send {EACH} messages each to {USERS} others who listen, in lists of {LIST}",
    (USERS, USERS, EACH),
    Figure(_USERS_CPU, "µs", at_most=14.0),
)
BROADCAST_MEASURE = _measure(
    "broadcast",
    f"one user sends {BROADCASTS} messages to everyone, {AUDIENCE:,} of whom listen, in lists of {LIST}",
    (1, AUDIENCE, BROADCASTS),
    Figure(_BROADCAST_CPU, "µs", at_most=6.0),
)


# -- the party ------------------------------------------------------------------------------------


class _Sender:
    """Hands over one list after the other."""

    def __init__(self, messages: Iterable[tuple[Conversation, int]]) -> None:
        self.submit: Callable[[list[NewMessage]], None] = lambda _: None
        self._messages = [
            NewMessage(ClientId(random.randbytes(16)), (to,), body(number)) for to, number in messages
        ]
        self._open = 0

    def resolved(self, acknowledged: int) -> None:
        """So many more are on the broker's disk."""
        self._open -= acknowledged
        if self._open == 0:
            self.next_list()

    def next_list(self) -> None:
        """Hand over the next messages, if there are any."""
        batch, self._messages = self._messages[:LIST], self._messages[LIST:]
        self._open = len(batch)
        if batch:
            self.submit(batch)


def crowd(given: dict[str, Any]) -> None:
    """All come; once they are let, the first `senders` send and the others count."""
    accounts, fleet = accounts_of(given), Fleet(Place(*given["place"]))
    writers, listeners = accounts[: given["senders"]], accounts[given["senders"] :]
    came = 0

    def shown(news: HandOver) -> None:
        nonlocal came
        came += sum(isinstance(item, InboxItem) for item in news.items)

    for account in listeners:
        Member(fleet, account, shown).begin()
    while fleet.live < len(listeners):
        fleet.turn()
    senders = []
    for number, account in enumerate(writers):
        to: Conversation = Everyone() if len(writers) == 1 else Direct(UserName(listeners[number].name))
        sender = _Sender((to, number) for number in range(given["each"]))
        member = Member(fleet, account, resolved=sender.resolved, deliveries=False)
        sender.submit = partial(_submit, member)
        member.begin()
        senders.append(sender)
    fleet.turn()
    ready()
    wait_for_go()
    expected = given["each"] * (len(listeners) if len(writers) == 1 else len(writers))
    for sender in senders:
        sender.next_list()
    deadline = time.monotonic() + PATIENCE / 2
    while came < expected and time.monotonic() < deadline:
        fleet.turn()
    report(deliveries=came)


def _submit(member: Member, messages: list[NewMessage]) -> None:
    member.perform(member.session.submit(time.monotonic(), messages))


if __name__ == "__main__":
    crowd(settings())
