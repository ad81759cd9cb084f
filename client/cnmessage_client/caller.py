"""What every group of a client's calls stands on: whose client it is, and how to ask its broker.

Called by client.py and by the groups of calls it is made of: people.py and files.py.
"""

from typing import Any

from cnmessage_client.link.connection import Connection
from cnmessage_client.link.requests import Requests
from cnmessage_client.profile import DEFAULT_BROKER, Home, parse_address
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.requests import Request


class Caller:
    """One profile and, once it is connected, its broker."""

    def __init__(self, home: Home | None, profile: str | None, broker: str | None, timeout: float) -> None:
        self.home = home or Home.find()
        self.profile = self.home.profile(profile or self.home.current_profile)
        self.broker = broker or self.profile.broker or DEFAULT_BROKER
        self.address = parse_address(self.broker)
        self.timeout = timeout
        self._requests: Requests
        self._connection: Connection | None = None
        self._failure: CnMessageError | None = None

    def _connected(self) -> Connection:
        if self._connection is None:
            raise CnMessageError(ErrorCode.UNREACHABLE, "the client is not connected; call connect() first")
        if self._failure is not None:
            raise self._failure
        return self._connection

    async def _ask(self, request: Request) -> Any:
        self._connected()
        return await self._requests.ask(request)

    async def _read(self, request: Request) -> Any:
        """Ask what changes nothing; refused for the moment, it is asked again within the time-out."""
        self._connected()
        return await self._requests.read(request)
