"""What both sides of cnmessage speak: pure values, frames and state machines.

Nothing here opens a socket or a file, reads a clock or draws a random number. Broker and client
import the rooms below by name; this module stays empty so that a one-shot command does not pay for
what it never uses (AES-GCM alone costs 30 ms to import).
"""

from cnmessage_protocol.envelope import VERSION

__all__ = ["VERSION"]
