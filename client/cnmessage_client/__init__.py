"""The cnmessage client: a library for asyncio and for plain scripts, and the command line on top of it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnmessage_client.client import Client
    from cnmessage_client.loop import new_event_loop
    from cnmessage_client.model import (
        Delivered,
        Device,
        FileInfo,
        FilesError,
        FileStatus,
        Level,
        Message,
        MessageFile,
        MessageKind,
        Phase,
        Receipt,
        RecipientState,
        RecipientStatus,
        SentFile,
        TransferProgress,
        Unknown,
        User,
    )
    from cnmessage_client.profile import Home
    from cnmessage_client.sync import SyncClient
    from cnmessage_protocol.errors import CnMessageError, ErrorCode

__all__ = [
    "Client",
    "CnMessageError",
    "Delivered",
    "Device",
    "ErrorCode",
    "FileInfo",
    "FileStatus",
    "FilesError",
    "Home",
    "Level",
    "Message",
    "MessageFile",
    "MessageKind",
    "Phase",
    "Receipt",
    "RecipientState",
    "RecipientStatus",
    "SentFile",
    "SyncClient",
    "TransferProgress",
    "Unknown",
    "User",
    "new_event_loop",
]

_MODULES = ("model", "profile", "loop", "client", "sync")
"""Where these names stand, from what loads quickly on."""


def __getattr__(name: str) -> Any:
    """One of these names, loaded when it is asked for: what a command does not use it does not load."""
    if name in __all__:
        for each in _MODULES:
            module = import_module(f"{__name__}.{each}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
