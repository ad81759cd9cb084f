"""What TCP does for dead peers, as it stands on the descriptors that the broker accepted."""

import os
import socket
import stat
import sys
from functools import partial
from pathlib import Path

import pytest
import zmq

from cnmessage_broker.net import sockets
from cnmessage_client.address import parse_address
from tests.support.harness import BrokerThread, eventually
from tests.support.raw import Raw, new_keys

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def _tuned(each: socket.socket) -> bool:
    return each.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) != 0


def accepted(port: int) -> list[socket.socket]:
    """Copies of this process's connections that were accepted on a port."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            if not stat.S_ISSOCK(each.stat().st_mode):
                continue
            copy = socket.socket(fileno=os.dup(int(each.name)))
        except OSError:
            continue  # it was closed meanwhile
        listens = copy.family == socket.AF_INET and copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if copy.family != socket.AF_INET or listens or copy.getsockname()[1] != port:
            copy.close()
        else:
            found.append(copy)
    return found


@pytest.mark.parametrize(("offset", "kind"), [(0, zmq.DEALER), (1, zmq.SUB), (2, zmq.DEALER)])
def test_dead_peers_are_found_by_tcp(broker: BrokerThread, offset: int, kind: int) -> None:
    port = parse_address(broker.address).port + offset
    with Raw(broker.address) as raw:
        raw.socket(kind, new_keys(), offset)
        found: list[socket.socket] = []

        def seen() -> bool:
            found.extend(accepted(port))
            return bool(found)

        eventually(seen)
        try:
            for each in found:
                # Set one after the other once it is accepted: the last one tells that all are there.
                eventually(partial(_tuned, each))
                values = {
                    "idle": each.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                    "interval": each.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                    "count": each.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
                    "unacknowledged": each.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
                }
                assert values == {
                    "idle": sockets.KEEPALIVE_IDLE,
                    "interval": sockets.KEEPALIVE_INTERVAL,
                    "count": sockets.KEEPALIVE_COUNT,
                    "unacknowledged": sockets.UNACKNOWLEDGED_MS,
                }
        finally:
            for each in found:
                each.close()


def test_no_socket_of_the_broker_beats_by_zmtp(broker: BrokerThread) -> None:
    # libzmq ends the process when such a timer fires on a broken connection (docs/upstream.md).
    for each in (*broker.broker._sockets._all, *broker.broker._file_sockets._all):
        assert each.getsockopt(zmq.HEARTBEAT_IVL) == 0
