"""The key probe: tells any caller the broker's key and protocol version, and nothing else.

A client that meets a broker for the first time has no key to encrypt to, so this socket is plain. Nothing it
says is secret, and nothing said to it is read. Owned by the reactor.
"""

import zmq

from cnmessage_protocol.envelope import pack_key_card

_DRAIN = 100


class KeyProbe:
    """Answers on a bound ROUTER. `public_key` is raw, 32 bytes."""

    def __init__(self, socket: "zmq.Socket[bytes]", public_key: bytes) -> None:
        self._socket = socket
        self._card = pack_key_card(public_key)

    def drain(self) -> None:
        """Answer those who wait; what they sent is dropped unread."""
        for _ in range(_DRAIN):
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            # A REQ caller's blank delimiter goes back as it came.
            blank = [b""] if len(frames) > 2 and frames[1] == b"" else []
            try:
                self._socket.send_multipart([frames[0], *blank, self._card], zmq.NOBLOCK)
            except zmq.ZMQError:
                continue
