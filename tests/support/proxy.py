"""A TCP proxy before a broker that breaks connections of one port after as many bytes as a test says."""

import selectors
import socket
import threading
from collections.abc import Callable, Collection
from contextlib import ExitStack
from typing import Self

from cnmessage_client.address import parse_address
from tests.support import silence
from tests.support.harness import free_port
from tests.support.patience import PATIENCE

PORTS = 4
_PIECE = 1 << 16


class Proxy:
    """Forwards all four ports. `limit()` says after how many bytes a connection of port `cut_offset` breaks.

    None lets it live. `carried` counts bytes of that port towards the broker and back, `cuts` what broke.
    Ports that are `refused` or `silent` take no connection.
    """

    def __init__(
        self,
        address: str,
        cut_offset: int,
        limit: Callable[[], int | None],
        *,
        refused: Collection[int] = (),
        silent: Collection[int] = (),
    ) -> None:
        there = parse_address(address)
        self._there = there
        self._limit = limit
        self._cut_offset = cut_offset
        self.port = free_port()
        self.address = address.replace(f":{there.port}", f":{self.port}")
        self.carried = [0, 0]
        self.cuts = 0
        self._selector = selectors.DefaultSelector()
        self._other: dict[socket.socket, socket.socket] = {}
        self._left: dict[socket.socket, int | None] = {}
        self._upwards: set[socket.socket] = set()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="proxy")
        self._silence = ExitStack()
        for offset in silent:
            self._silence.enter_context(silence.silent(self.port + offset))
        for offset in set(range(PORTS)) - {*refused, *silent}:
            handler = socket.create_server(("127.0.0.1", self.port + offset))
            self._selector.register(handler, selectors.EVENT_READ, offset)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._thread.join(PATIENCE)
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()
        self._silence.close()

    def _run(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select(0.05):
                assert isinstance(key.fileobj, socket.socket)
                if key.data is None:
                    self._forward(key.fileobj)
                else:
                    self._accept(key.fileobj, key.data)

    def _accept(self, handler: socket.socket, offset: int) -> None:
        near, _ = handler.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self._there.port + offset), 5)
        except OSError:
            near.close()
            return
        self._other |= {near: far, far: near}
        self._upwards.add(near)
        if offset == self._cut_offset:
            self._left[near] = self._left[far] = self._limit()
        for each in (near, far):
            self._selector.register(each, selectors.EVENT_READ, None)

    def _forward(self, side: socket.socket) -> None:
        if side not in self._other:
            return  # its other half ended within this round
        counted = side in self._left
        left = self._left.get(side)
        try:
            data = side.recv(_PIECE if left is None else min(_PIECE, max(1, left)))
            if data:
                self._other[side].sendall(self.passed(side, data))
        except OSError:
            data = b""
        if not data:
            self._break(side)
            return
        if counted:
            self.carried[0 if side in self._upwards else 1] += len(data)
        if left is not None:
            rest = left - len(data)
            self._left[side] = self._left[self._other[side]] = rest
            if rest <= 0:
                self.cuts += 1
                self._break(side)

    def passed(self, side: socket.socket, data: bytes) -> bytes:
        """What goes on of what a side has sent: all of it, unless a wire of another kind has it otherwise."""
        del side
        return data

    def _break(self, side: socket.socket) -> None:
        for each in (side, self._other[side]):
            self._selector.unregister(each)
            self._other.pop(each, None)
            self._left.pop(each, None)
            self._upwards.discard(each)
            each.close()
