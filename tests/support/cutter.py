"""A broker seen through a wire that is cut: every port of it on another loopback address.

The file channel's connections are cut, without a word to either side, once so many bytes went over them; each
connection uses up one of `cuts`, the rest are whole. With `hold` they stay, and nothing more goes over them.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Iterable
from typing import Self

from cnmessage_protocol.envelope import FILES
from tests.support.patience import PATIENCE

HOST = "127.0.0.2"
PORTS = 4
_BLOCK = 1 << 16


class Cutter:
    """Forwards HOST:port to 127.0.0.1:port; `carried` counts the file channel's bytes, both ways."""

    def __init__(self, address: str, cuts: Iterable[int] = (), *, hold: bool = False) -> None:
        key = address.partition("#")[2]
        self._port = int(address.partition("#")[0].rpartition(":")[2])
        self.address = f"cnm://{HOST}:{self._port}#{key}"
        self.cuts = deque(cuts)
        self.held = threading.Event()
        self._hold = hold
        self.made = 0
        self.carried = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    async def _serve(self) -> None:
        servers = [
            await asyncio.start_server(self._forwarder(offset), HOST, self._port + offset)
            for offset in range(PORTS)
        ]
        self._ready.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        pumps = asyncio.all_tasks() - {asyncio.current_task()}
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    def _forwarder(self, offset: int):  # type: ignore[no-untyped-def]  # noqa: ANN202 - asyncio's own form
        async def forward(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
            try:
                far, out = await asyncio.open_connection("127.0.0.1", self._port + offset)
            except OSError:
                back.transport.abort()
                return
            left = [-1]
            if offset == FILES and self.cuts:
                left = [self.cuts.popleft()]
                self.made += 1
            pumps = [
                asyncio.ensure_future(self._pump(one, other, left, counted=offset == FILES))
                for one, other in ((near, out), (far, back))
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                out.transport.abort()
                back.transport.abort()

        return forward

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, left: list[int], *, counted: bool
    ) -> None:
        try:
            while data := await source.read(_BLOCK):
                if counted:
                    self.carried += len(data)
                if 0 <= left[0] <= len(data):
                    self.held.set()
                    if self._hold:
                        await self._stop.wait()
                    return
                left[0] -= len(data) if left[0] > 0 else 0
                sink.write(data)
                await sink.drain()
        except OSError:
            return

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
        self._loop.close()
