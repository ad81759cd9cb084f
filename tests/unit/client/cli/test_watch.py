"""What `watch` says beside the messages, in whatever order the broker tells of it."""

import pytest

from cnmessage_client.cli.commands.watch import Announcer
from cnmessage_client.model import MessageFile
from cnmessage_client.shell.settings import Settings
from cnmessage_protocol.deliveries import OfferState
from cnmessage_protocol.ids import id_text
from tests.unit.client.chat.talk.talking import received

FILE, OTHER = b"f" * 16, b"o" * 16


@pytest.mark.parametrize("state", ["withdrawn", "expired"])
def test_an_offer_that_was_over_before_it_came_is_told_of_behind_it(
    capsys: pytest.CaptureFixture[str], state: str
) -> None:
    announcer = Announcer(Settings())
    announcer.offer_moved(OfferState(FILE, "a.txt", "bob", state))
    line = f"[{state}] bob: a.txt\n"
    assert capsys.readouterr().err == line
    for file, told in ((OTHER, ""), (FILE, line)):
        announcer.shown(received(1, "bob", kind="file", file=MessageFile(id_text(file), "a.txt", 1, "00")))
        assert capsys.readouterr().err == told
    announcer.shown(received(2, "bob"))
    assert capsys.readouterr().err == ""
