"""The cnmessage client: a library for asyncio and for plain scripts, and the command line on top of it."""

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
