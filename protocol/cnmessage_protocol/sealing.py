"""AES-256-GCM sealing of deliveries, so that a stolen topic or grant shows no plaintext.

Each listener has a key of its own, told only over the authenticated request channel. The nonce is the
delivery's sequence number, which never repeats under a key; topic and sequence are authenticated too
(NIST SP 800-38D, 8.2.1, a deterministic counter). Not imported by one-shot commands: the cipher's
library takes 30 ms to load.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cnmessage_protocol.codec import REPLY_LIMITS, decode, encode
from cnmessage_protocol.deliveries import Delivery, parse_delivery
from cnmessage_protocol.errors import ErrorCode, ProtocolError
from cnmessage_protocol.fastpath import items_delivery

KEY_SIZE = 32
_SEQUENCE_SIZE = 8
_NONCE_PREFIX = bytes(4)


class Sealer:
    """Seals the deliveries of one listener, in order."""

    def __init__(self, topic: bytes, key: bytes) -> None:
        self._topic = topic
        self._cipher = AESGCM(key)
        self._sequence = 0

    def seal(self, kind: str, values: dict[str, object]) -> list[bytes]:
        """The three frames of the next delivery: topic, sequence, sealed body."""
        self._sequence += 1
        sequence = self._sequence.to_bytes(_SEQUENCE_SIZE, "big")
        body = encode([kind, values])
        sealed = self._cipher.encrypt(_NONCE_PREFIX + sequence, body, self._topic + sequence)
        return [self._topic, sequence, sealed]


class Opener:
    """Opens the deliveries of one listener; refuses what is forged, altered or repeated."""

    def __init__(self, topic: bytes, key: bytes) -> None:
        self._topic = topic
        self._cipher = AESGCM(key)
        self._last = 0

    def open(self, frames: list[bytes]) -> Delivery:
        """The delivery in three frames; ProtocolError for anything that is not the next of this topic."""
        if len(frames) != 3 or frames[0] != self._topic or len(frames[1]) != _SEQUENCE_SIZE:
            raise ProtocolError("this delivery is not for this listener")
        number = int.from_bytes(frames[1], "big")
        if number <= self._last:
            raise ProtocolError("this delivery was repeated")
        try:
            body = self._cipher.decrypt(_NONCE_PREFIX + frames[1], frames[2], self._topic + frames[1])
        except InvalidTag as error:
            raise ProtocolError("this delivery was altered on its way", ErrorCode.INTEGRITY) from error
        self._last = number
        return items_delivery(body) or parse_delivery(decode(body, REPLY_LIMITS))
