"""The bare file loop: CURVE DEALER and ROUTER, the product's chunks and window, written to the same disk.

No checks, no digest, no resume, no record: the receiving side writes, acknowledges each chunk and brings all
to the disk at the end. Nothing of cnmessage is imported here. Either side may be the one that sends.

    python -m bench.bare_files server|client SETTINGS
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import zmq

from bench.memory import warm
from bench.processes import Party, ended, free_port, ready, report, settings, wait_for_go

CHUNK = 1 << 20
WINDOW = 16
_PULL = b"pull"
_OFFSET_SIZE = 8


def measure(folder: Path, size: int, *, upload: bool) -> float:
    """MiB per second from the first chunk to everything on the receiver's disk."""
    public, secret = (key.decode() for key in zmq.curve_keypair())
    source = folder / "source"
    with source.open("wb") as file:
        for _ in range(size // CHUNK):
            file.write(os.urandom(CHUNK))
        file.flush()
        os.fsync(file.fileno())  # as the product's: or its way to the disk would be measured too
    place = {
        "port": free_port(),
        "public": public,
        "size": size,
        "upload": upload,
        "source": str(source),
        "target": str(folder / "target"),
    }
    server = Party.role("bench.bare_files", "server", secret=secret, **place)
    with ended(server):
        client = Party.role("bench.bare_files", "client", **place)
        with ended(client):
            warm(folder, size)
            client.go()
            seconds = float(client.result()["seconds"])
    return size / (1 << 20) / seconds


def _send(socket: "zmq.Socket[bytes]", head: list[bytes], place: dict[str, Any]) -> None:
    """Send the file, WINDOW chunks ahead of what was acknowledged."""
    sent = acknowledged = 0
    with open(place["source"], "rb", buffering=0) as file:  # noqa: PTH123 - the plainest form
        while acknowledged < place["size"]:
            while sent < place["size"] and sent - acknowledged < WINDOW * CHUNK:
                socket.send_multipart([*head, file.read(CHUNK)], copy=False)
                sent += CHUNK
            acknowledged = int.from_bytes(socket.recv_multipart()[-1], "big")


def _receive(socket: "zmq.Socket[bytes]", place: dict[str, Any]) -> None:
    """Write what comes, acknowledge each chunk, bring it to the disk before the last acknowledgement."""
    received = 0
    with open(place["target"], "wb", buffering=0) as file:  # noqa: PTH123 - the plainest form
        while received < place["size"]:
            frames = socket.recv_multipart(copy=False)
            received += file.write(frames[-1].buffer) or 0
            if received == place["size"]:
                os.fsync(file.fileno())
            head = [frames[0].bytes] if len(frames) > 1 else []
            socket.send_multipart([*head, received.to_bytes(_OFFSET_SIZE, "big")])


def _serve(place: dict[str, Any]) -> None:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
    socket.curve_server = True
    socket.curve_secretkey = place["secret"].encode()
    socket.bind(f"tcp://127.0.0.1:{place['port']}")
    ready()
    if place["upload"]:
        _receive(socket, place)
    else:
        routing_id, _ = socket.recv_multipart()
        _send(socket, [routing_id], place)
    socket.close(linger=2000)


def _connect(place: dict[str, Any]) -> None:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
    socket.curve_serverkey = place["public"].encode()
    socket.connect(f"tcp://127.0.0.1:{place['port']}")
    ready()
    wait_for_go()
    started = time.monotonic()
    if place["upload"]:
        _send(socket, [], place)
    else:
        socket.send(_PULL)
        _receive(socket, place)
    report(seconds=time.monotonic() - started)
    socket.close(linger=2000)


if __name__ == "__main__":
    (_serve if sys.argv[1] == "server" else _connect)(settings())
