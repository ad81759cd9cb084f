"""Bystanders: accounts that are online, subscribed, and beat each second; they say nothing else.

Ends with how often the broker said that one of them, which had beaten in time, is not attached.
"""

import sys
import threading
import time
from typing import Any

import zmq

from cnmessage_protocol.codec import REPLY_LIMITS, decode
from tests.attacks.ground import Account, Place
from tests.attacks.parties import begin, tell
from tests.support.raw import Raw, frame

_BEAT = 1.0
_PATIENCE = 30.0
"""Seconds in which all of them must have come."""


class Bystander:
    """One account that listens."""

    def __init__(self, raw: Raw, account: Account) -> None:
        self.requests = raw.dealer(account.keys, SNDHWM=0, RCVHWM=0)
        self._raw = raw
        self._account = account
        self.deliveries: zmq.Socket[bytes] | None = None
        self.listener = b""
        self.disowned = 0
        self.attach()

    def attach(self) -> None:
        """Ask for deliveries."""
        self.listener = b""
        self.requests.send(frame("attach", {}))

    def beat(self) -> None:
        """Say that it is there; the cursor is nobody's concern here."""
        if self.listener:
            self.requests.send(frame("beat", {"listener": self.listener, "cursor": 0}))

    def heard(self, poller: zmq.Poller) -> None:
        """Take one answer."""
        _, _, status, result = decode(self.requests.recv(), REPLY_LIMITS)
        if status == "not_attached":
            self.disowned += 1
            self.attach()
        elif status == "ok" and "listener" in result:
            self.listener = result["listener"]
            if self.deliveries is None:
                self.deliveries = self._raw.socket(zmq.SUB, self._account.keys, 1, RCVHWM=0)
                poller.register(self.deliveries, zmq.POLLIN)
            self.deliveries.setsockopt(zmq.SUBSCRIBE, self.listener)


def main(place: Place, settings: dict[str, Any]) -> None:
    """Come, beat until the parent says a word, and tell how often one was taken for silent."""
    stop = threading.Event()
    with Raw(place.address) as raw:
        poller = zmq.Poller()
        bystanders = {}
        for account in place.crowd[-settings["count"] :]:
            each = Bystander(raw, account)
            bystanders[each.requests] = each
            poller.register(each.requests, zmq.POLLIN)
        deadline = time.monotonic() + _PATIENCE
        while not all(each.listener for each in bystanders.values()) and time.monotonic() < deadline:
            _listen(poller, bystanders, 0.1)
        threading.Thread(target=_wait, args=[stop], daemon=True).start()
        while not stop.is_set():
            due = time.monotonic() + _BEAT
            for each in bystanders.values():
                each.beat()
            _listen(poller, bystanders, due - time.monotonic())
        tell(disowned=sum(each.disowned for each in bystanders.values()))


def _listen(poller: zmq.Poller, bystanders: "dict[zmq.Socket[bytes], Bystander]", seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        for socket, _ in poller.poll(int(left * 1000) + 1):
            if socket in bystanders:
                bystanders[socket].heard(poller)
            else:
                socket.recv_multipart()


def _wait(stop: threading.Event) -> None:
    begin()
    sys.stdin.readline()
    stop.set()
