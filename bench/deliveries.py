"""What a delivery costs the broker: its processor time, all threads, for each item that a listener got.

Senders do not listen, so that every delivery is one to a recipient. What the same listeners cost while nobody
writes is taken off: they are programs in Python, so a run lasts as long as they take, not as the broker does.
The broker is the real program; its clients are sessions of bench.fleet in one process.

    python -m bench.deliveries crowd SETTINGS
"""

import select
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench.accounts import made
from bench.bodies import body
from bench.broker import Broker
from bench.figures import Figure, Measure
from bench.fleet import Fleet, Member, Place, accounts_of
from bench.processes import PATIENCE, BenchError, Party, ended, ready, report, settings
from cnmessage_client.new_ids import new_id
from cnmessage_protocol.conversation import Conversation, Direct, Everyone
from cnmessage_protocol.ids import ClientId, UserName
from cnmessage_protocol.machines.inbox import HandOver
from cnmessage_protocol.records import InboxItem, NewMessage

USERS, EACH = 100, 600
AUDIENCE, BROADCASTS = 1000, 100
LIST = 10
"""Messages that a sender hands over at a time."""

SETTLE, IDLE = 3.0, 4.0
"""Seconds until the news of who came have gone out, and in which idle listeners are watched."""


def measure(folder: Path, senders: int, listeners: int, each: int, figure: str) -> Mapping[str, float]:
    """µs of the broker's processor for a delivery; a lone sender sends to everyone, several one to one."""
    accounts = made(folder, senders + listeners)
    broker = Broker(folder / "broker")
    try:
        broker.start()
        crowd = Party.role(
            "bench.deliveries",
            "crowd",
            place=broker.place,
            accounts=str(accounts),
            first=0,
            count=senders + listeners,
            senders=senders,
            each=each,
        )
        with ended(crowd):
            idle = _used(broker, lambda: time.sleep(IDLE))
            crowd.go()
            found: dict[str, Any] = {}
            busy = _used(broker, lambda: found.update(crowd.result()))
    finally:
        broker.end()
    if found["came"] != each * listeners or found["lost"]:
        raise BenchError(
            f"{found['came']} of {each * listeners} deliveries came, {found['lost']} links were lost"
        )
    cpu = busy[0] - idle[0] / idle[1] * busy[1]
    return {figure: cpu / found["came"] * 1e6}


def _used(broker: Broker, wait: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the broker's processor, and of the clock, while something is waited for."""
    cpu, began = broker.cpu(), time.monotonic()
    wait()
    return broker.cpu() - cpu, time.monotonic() - began


def _measure(name: str, about: str, senders: int, listeners: int, each: int, figure: Figure) -> Measure:
    run = partial(measure, senders=senders, listeners=listeners, each=each, figure=figure.name)
    return Measure(name, about, (run,), (figure,))


USERS_MEASURE = _measure(
    "users",
    f"{USERS} users send {EACH} messages each to {USERS} others who listen, in lists of {LIST}",
    USERS,
    USERS,
    EACH,
    Figure("product, broker CPU per delivery, 100 to 100", "µs", at_most=14.0),
)
BROADCAST_MEASURE = _measure(
    "broadcast",
    f"one user sends {BROADCASTS} messages to everyone, {AUDIENCE:,} of whom listen, in lists of {LIST}",
    1,
    AUDIENCE,
    BROADCASTS,
    Figure("product, broker CPU per delivery, 1 to 1,000", "µs", at_most=6.0),
)


# -- the party ------------------------------------------------------------------------------------


def crowd(given: dict[str, Any]) -> None:
    """All come; once they are let, the first `senders` send and the others count.

    The next lists leave when all of the last ones were shown: these clients are slower than the broker, and
    who lags far behind would fetch what was meant to be delivered.
    """
    accounts, fleet = accounts_of(given), Fleet(Place(*given["place"]))
    came = 0

    def shown(news: HandOver) -> None:
        nonlocal came
        came += sum(isinstance(item, InboxItem) for item in news.items)

    senders = [Member(fleet, each, deliveries=False) for each in accounts[: given["senders"]]]
    names = [each.name for each in accounts[given["senders"] :]]
    listeners = [Member(fleet, each, shown) for each in accounts[given["senders"] :]]
    for member in (*senders, *listeners):
        member.begin()
    while fleet.live < len(listeners):
        fleet.turn()
    settled = time.monotonic() + SETTLE
    while time.monotonic() < settled:
        fleet.turn()
    lost = fleet.lost
    ready()
    while not select.select([sys.stdin], [], [], 0)[0]:
        fleet.turn()
    deadline = time.monotonic() + PATIENCE / 2
    for first in range(0, given["each"], LIST):
        for member, name in zip(senders, names, strict=False):
            to = Everyone() if len(senders) == 1 else Direct(UserName(name))
            member.perform(member.session.submit(time.monotonic(), _list(to, first)))
        while came < (first + LIST) * len(listeners) and time.monotonic() < deadline:
            fleet.turn()
    report(came=came, lost=fleet.lost - lost)


def _list(to: Conversation, first: int) -> list[NewMessage]:
    return [NewMessage(ClientId(new_id()), (to,), body(number)) for number in range(first, first + LIST)]


if __name__ == "__main__":
    crowd(settings())
