"""A client where hardly anything can be opened: it looks before libzmq and uvloop would end the process."""

from collections.abc import Callable

import pytest

from cnmessage_client import CnMessageError, ErrorCode, new_event_loop
from cnmessage_client.address import Address
from cnmessage_client.link.sockets import Access, new_context
from cnmessage_client.transfer.channel import FileChannel
from cnmessage_protocol.trace import Trail
from tests.support.raw import new_keys
from tests.support.shortage import no_descriptors


def open_files() -> None:
    """A link for files, opened and closed."""
    channel = FileChannel(Access(Address("127.0.0.1", 1, None), bytes(32), new_keys()), Trail())
    try:
        channel.open()
    finally:
        channel.close()


@pytest.mark.parametrize("left", range(8))
@pytest.mark.parametrize(
    "open_one", [lambda: new_context().term(), lambda: new_event_loop().close(), open_files]
)
def test_where_a_library_would_end_the_process_there_is_an_error(
    open_one: Callable[[], None], left: int
) -> None:
    with no_descriptors(but=left), pytest.raises(CnMessageError, match="ulimit -n") as caught:
        open_one()
    assert caught.value.code is ErrorCode.STORAGE
    open_one()
