"""Messages while others log in: 50 a second, each over a connection of its own, each with a password to hash.

The accounts' passwords are real, and the broker's limits of logins are off; all else is as users have it.

    python -m bench.logins logins SETTINGS
"""

import random
import sys
import time
from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import zmq

from bench.accounts import made
from bench.broker import Broker
from bench.figures import Figure, Measure
from bench.fleet import Account, Place, accounts_of
from bench.processes import Party, ended, ready, report, settings, wait_for_go
from bench.product import latency_of
from cnmessage_broker.loop.passwords import OWASP
from cnmessage_protocol.envelope import pack_request, unpack_reply
from cnmessage_protocol.requests import Login

RATE = 50
ACCOUNTS = 100
MESSAGES = 3000
_PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as the benchmark
_WITHOUT, _WITH = "product, p99 without logins", f"product, p99 beside {RATE} logins a second"
_DONE, _REFUSED = "logins meanwhile done", "logins meanwhile refused, of those answered"

ENOUGH = 0.9 * RATE
"""Logins a second that must be done: what a message takes beside fewer is another question."""


def run(folder: Path) -> Mapping[str, float]:
    """On one broker: a message's p99 before anybody logs in, and while they do."""
    accounts = made(folder, ACCOUNTS, OWASP.hash(_PASSWORD))
    broker = Broker(folder / "broker", login_rate=0, address_login_rate=0, connection_rate=0)
    try:
        broker.start()
        alone = latency_of(folder / "before", broker.address, MESSAGES, names=("alice", "bob"))
        party = Party.role(
            "bench.logins", "logins", place=broker.place, accounts=str(accounts), first=0, count=ACCOUNTS
        )
        with ended(party):
            party.go()
            party.wait_for("begun")
            beside = latency_of(folder / "beside", broker.address, MESSAGES, names=("carol", "dave"))
            party.go()  # enough
            logins = party.result()
    finally:
        broker.end()
    return {_WITHOUT: alone["p99"], _WITH: beside["p99"], **told(logins)}


def told(logins: Mapping[str, float]) -> Mapping[str, float]:
    """What became of the logins: `done` and `refused` of them in so many `seconds`."""
    answered = logins["done"] + logins["refused"]
    refused = {_REFUSED: logins["refused"] / answered * 100} if answered else {}
    return {_DONE: logins["done"] / logins["seconds"], **refused}


MEASURE = Measure(
    "logins",
    f"from send to shown by another client, while others log in, {RATE} a second",
    (run,),
    (
        Figure(_WITHOUT, "ms"),
        Figure(_WITH, "ms"),
        Figure("p99 beside logins ÷ without", at_most=2.0, ratio_of=(_WITH, _WITHOUT)),
        Figure(_DONE, "/s", at_least=ENOUGH),
        Figure(_REFUSED, "%", at_most=0.0),
    ),
)


# -- the party ------------------------------------------------------------------------------------


class _Logins:
    """One new connection after the other, each closed once it is answered."""

    def __init__(self, place: Place, accounts: list[Account]) -> None:
        self.done = self.refused = 0
        self.poller = zmq.Poller()
        self._place, self._accounts = place, cycle(accounts)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def begin(self) -> None:
        """Connect as the next user and log in."""
        account = next(self._accounts)
        link = self._context.socket(zmq.DEALER)
        link.linger = 0
        link.curve_serverkey = self._place.key.encode()
        link.curve_publickey, link.curve_secretkey = account.public.encode(), account.secret.encode()
        link.connect(f"tcp://{self._place.host}:{self._place.port}")
        link.send(pack_request(random.getrandbits(31), Login(account.name, _PASSWORD)))
        self.poller.register(link, zmq.POLLIN)

    def answered(self, link: "zmq.Socket[bytes]") -> None:
        """The broker has said yes or no."""
        fits = unpack_reply(link.recv()).error is None
        self.done += fits
        self.refused += not fits
        self.poller.unregister(link)
        link.close()


def log_in(given: dict[str, Any]) -> None:
    """RATE logins a second from the first word on, until the second."""
    logins = _Logins(Place(*given["place"]), accounts_of(given))
    ready()
    wait_for_go()
    logins.poller.register(sys.stdin.fileno(), zmq.POLLIN)
    began = time.monotonic()
    begun = 0
    begun_told = False
    while True:
        now = time.monotonic()
        while begun <= (now - began) * RATE:
            logins.begin()
            begun += 1
        if (logins.done or logins.refused) and not begun_told:
            begun_told = True
            print("begun", flush=True)
        pause = max(0.0, began + begun / RATE - time.monotonic())
        for each, _ in logins.poller.poll(int(pause * 1000)):
            if isinstance(each, zmq.Socket):
                logins.answered(each)
            else:
                seconds = time.monotonic() - began
                report(done=logins.done, refused=logins.refused, seconds=seconds)
                return


if __name__ == "__main__":
    log_in(settings())
