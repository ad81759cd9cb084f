"""What a connection does with the session's effects when something else fails than the link."""

import asyncio

import pytest
from zmq.utils import z85

from cnmessage_client.address import Address
from cnmessage_client.link.connection import Connection, new_key_pair
from cnmessage_client.link.sockets import Access
from cnmessage_client.profile import KeyPair
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.machines.effects import Effect, StateChanged, UnknownNews
from cnmessage_protocol.machines.session import Session
from cnmessage_protocol.machines.states import State


def test_an_error_of_the_application_is_its_own_and_no_trouble_with_the_link() -> None:
    def deliver(effect: Effect) -> None:
        if isinstance(effect, UnknownNews):
            raise CnMessageError(ErrorCode.USAGE, "the application's own")

    async def talk() -> None:
        public, secret = new_key_pair()
        session = Session(lambda: 0.5)
        access = Access(Address("127.0.0.1", 9, None), z85.decode(public), KeyPair(public, secret))
        connection = Connection(access, session, deliver)
        try:
            connection.perform(session.open(connection.now()))
            before = session.state
            with pytest.raises(CnMessageError, match="the application's own"):
                connection.perform([UnknownNews("x"), StateChanged(State.READY)])
            assert session.state is before
            assert connection.trouble is None
        finally:
            await connection.end()

    asyncio.run(talk())
