"""Whose request is taken next: what requests of a kind took is learned here, and told to the turns."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import zmq

from cnmessage_broker.between import FileRequest, Lanes, Open, Unused
from cnmessage_broker.keys import load_or_create
from cnmessage_broker.loop.answers import Answers
from cnmessage_broker.loop.arrivals import Arrivals
from cnmessage_broker.loop.attention import Attention
from cnmessage_broker.net.gate import GateLimits
from cnmessage_broker.net.sockets import Sockets, Watch
from cnmessage_broker.net.zap import DELIVERIES_DOMAIN, DOMAIN, Admission, anybody
from cnmessage_protocol.files.channel import Get
from cnmessage_protocol.trace import Trail
from tests.support.harness import free_port

DEAR, CHEAP = Open(bytes(16), Get()), Unused(bytes(32))


@pytest.fixture
def arrivals(tmp_path: Path) -> Iterator[Arrivals]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    admission = Admission({DOMAIN: anybody, DELIVERIES_DOMAIN: anybody}, time.monotonic)
    watch = Watch(admission, GateLimits(8, 8, 8, 1.0), 1 << 20, time.monotonic, structlog.get_logger())
    _, secret = load_or_create(tmp_path / "broker.key")
    sockets = Sockets(context, "127.0.0.1", free_port(), secret, watch)
    requests, links, log = sockets.requests, sockets.request_links, structlog.get_logger()
    answers = Answers(requests, links, Lanes(), time.monotonic, log)
    attention = Attention(time.monotonic())
    yield Arrivals(requests, links, answers, lambda _: True, attention, time.monotonic, log, Trail())
    sockets.close()
    context.term()


def test_a_kind_that_took_long_waits_for_one_that_is_short(arrivals: Arrivals) -> None:
    for number, (request, cost) in enumerate([(DEAR, 0.01), (CHEAP, 0.0001)]):
        arrivals.ask(FileRequest(number, f"teacher {number}", "", request), 0.0)
        taken = arrivals.take(0.0)
        assert taken is not None
        arrivals.served(taken[0], taken[1], cost, 0.0)
    arrivals.ask(FileRequest(8, "first", "", DEAR), 1.0)
    arrivals.ask(FileRequest(9, "second", "", CHEAP), 1.0)
    order = []
    while (taken := arrivals.take(1.0)) is not None:
        order.append(taken[0])
        arrivals.served(taken[0], taken[1], 0.0, 1.0)
    assert order == ["second files", "first files"]
