"""The event loop for long-lived clients: uvloop where it exists, asyncio's own elsewhere.

One-shot commands do without: importing uvloop costs more than it gains them.
"""

import asyncio

from cnmessage_client.home_files import need_descriptors

_LEAST = 16
"""Descriptors that must be free for uvloop, which ends the whole process if it finds none."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A fresh loop, the fastest there is on this machine; STORAGE where nothing can be opened for it."""
    need_descriptors(_LEAST)
    try:
        import uvloop  # noqa: PLC0415 - not installed everywhere
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
