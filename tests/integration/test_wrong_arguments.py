"""What a script hands over by mistake is named at once, and nothing of it is sent; errors are raised."""

import asyncio
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cnmessage_client import Client, CnMessageError, ErrorCode, FilesError, Home, SyncClient
from tests.support.harness import BrokerThread, sign_up

CALLS: tuple[tuple[str, tuple[Any, ...], dict[str, Any], str], ...] = (
    ("send", ("bob", 5), {}, "'body' must be a text"),
    ("send", ("bob", b"hi"), {}, "'body' must be a text"),
    ("send", ("bob", None), {}, "'body' must be a text"),
    ("send", (5, "hi"), {}, "'to' must be a text"),
    ("send", (None, "hi"), {}, "'to' must be a text"),
    ("send", (["bob", 5], "hi"), {}, "'to[1]' must be a text"),
    ("send", ([], "hi"), {}, "1 to 256 names"),
    ("send", ("bob", "hi"), {"client_id": 5}, "'client_id' must be a text"),
    ("send", ("bob", "hi"), {"wait_until": "gone"}, "'wait_until' must be one of stored, delivered, read"),
    ("send", ("bob", "hi"), {"timeout": "5"}, "'timeout' must be a number of seconds"),
    ("send", ("bob", "hi"), {"timeout": -1}, "'timeout' must be above 0"),
    ("send", ("bob", "hi"), {"timeout": float("nan")}, "'timeout' must be above 0"),
    ("broadcast", (5,), {}, "'body' must be a text"),
    ("history", (-1,), {}, "'limit' must be 0 or more, and is -1"),
    ("history", ("20",), {}, "'limit' must be a whole number"),
    ("history", (2.5,), {}, "'limit' must be a whole number"),
    ("history", (True,), {}, "'limit' must be a whole number"),
    ("entries", (-1,), {}, "'limit' must be 0 or more"),
    ("history", (), {"peer": 5}, "'peer' must be a text"),
    ("history", (), {"since": "2h"}, "'since' must be a datetime"),
    ("history", (), {"until": 5}, "'until' must be a datetime"),
    ("history", (), {"before": 0}, "'before' must be 1 or more"),
    ("mark_read", ("5",), {}, "'seq' must be a whole number"),
    ("mark_read", (-1,), {}, "'seq' must be 0 or more"),
    ("receipts", ("an id",), {}, "'ids' must be a list of texts"),
    ("receipts", ([5],), {}, "'ids[0]' must be a text"),
    ("receipts", (["x"],), {}, "'ids[0]'"),
    ("block", (None,), {}, "'name' must be a text"),
    ("unblock", (5,), {}, "'name' must be a text"),
    ("revoke", ("3",), {}, "'device' must be a whole number"),
    ("signup", (5, "secret secret"), {}, "'name' must be a text"),
    ("login", ("bob", 12345678), {}, "'password' must be a text"),
    ("passwd", (None, "x"), {}, "'old' must be a text"),
    ("send_files", ("bob", 5), {}, "'paths' must be a path, or a list of paths"),
    ("send_files", ("bob", ["a", 5]), {}, "'paths[1]' must be a path"),
    ("send_files", (5, ["a"]), {}, "'to' must be a text"),
    ("send_files", ("bob", ["a"]), {"expires": 5}, "'expires' must be a timedelta"),
    ("send_files", ("bob", ["a"]), {"expires": timedelta(0)}, "'expires' must be above zero"),
    ("send_files", ("bob", ["a"]), {"note": 5}, "'note' must be a text"),
    ("send_files", ("bob", ["a"]), {"names": "a"}, "'names' must be a list of texts"),
    ("get_file", (5, "."), {}, "'id' must be a text"),
    ("get_file", ("x", None), {}, "'directory' must be a path"),
    ("confirm_file", (5,), {}, "'id' must be a text"),
    ("withdraw_file", ("x",), {}, "'id'"),
    ("decline_file", (None,), {}, "'id' must be a text"),
)


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_a_wrong_argument_is_named_and_nothing_is_sent(broker: BrokerThread, home: Home, kind: str) -> None:
    asyncio.run(sign_up(broker.address, home, "bob"))
    if kind == "sync":
        with SyncClient(home=home, profile="bob", broker=broker.address) as client:
            for name, args, named, said in CALLS:
                with pytest.raises(CnMessageError) as caught:
                    getattr(client, name)(*args, **named)
                assert said in caught.value.message, name
                assert caught.value.code is ErrorCode.BAD_REQUEST
            with pytest.raises(CnMessageError, match="'after' must be a whole number"):
                next(client.messages(after="5"))  # type: ignore[arg-type]
            assert client.history() == []
        return

    async def call_all() -> None:
        async with Client(home=home, profile="bob", broker=broker.address) as client:
            for name, args, named, said in CALLS:
                with pytest.raises(CnMessageError) as caught:
                    await getattr(client, name)(*args, **named)
                assert said in caught.value.message, name
            assert await client.history() == []

    asyncio.run(call_all())


@pytest.mark.parametrize("timeout", [0, -1, "10", float("nan"), None])
def test_a_client_cannot_be_made_with_a_time_out_that_is_none(home: Home, timeout: Any) -> None:
    with pytest.raises(CnMessageError, match="'timeout' must be"):
        SyncClient(home=home, profile="bob", timeout=timeout)


@pytest.mark.parametrize("place", ["profile", "broker"])
@pytest.mark.parametrize("made", [Client, SyncClient])
def test_a_client_cannot_be_made_with_what_names_no_profile_or_broker(
    home: Home, place: str, made: Any
) -> None:
    with pytest.raises(CnMessageError, match=f"'{place}' must be a text"):
        made(home=home, **{place: 5})
    with pytest.raises(CnMessageError):
        made(home=home, **{place: ""})


def test_a_secret_of_a_wrong_type_is_not_shown(broker: BrokerThread, home: Home) -> None:
    with SyncClient(home=home, profile="bob", broker=broker.address) as client:
        for call in (client.signup, client.login):
            with pytest.raises(CnMessageError) as caught:
                call("bob", 12345678)  # type: ignore[arg-type]
            assert "12345678" not in caught.value.message


def test_send_can_wait_until_delivered_or_says_that_it_is_stored(broker: BrokerThread, home: Home) -> None:
    asyncio.run(sign_up(broker.address, home, "alice", "bob"))

    def client(name: str) -> SyncClient:
        return SyncClient(home=home, profile=name, broker=broker.address)

    with closing(client("alice")) as alice, closing(client("bob")) as bob:
        alice.connect()
        bob.connect()
        with pytest.raises(CnMessageError, match="is stored, but not delivered") as caught:
            alice.send("bob", "unheard", wait_until="delivered", timeout=0.3)
        assert caught.value.code is ErrorCode.NOT_DELIVERED
        messages = bob.messages()
        assert next(messages).body == "unheard"
        receipt = alice.send("bob", "heard", wait_until="delivered")
        assert alice.reached_by(receipt, "delivered") in {"delivered", "read"}
        assert next(messages).id == receipt.id


def test_files_that_cannot_be_sent_raise_and_the_others_are_sent(
    broker: BrokerThread, home: Home, tmp_path: Path
) -> None:
    asyncio.run(sign_up(broker.address, home, "alice", "bob"))
    good = tmp_path / "good.txt"
    good.write_text("content")
    with SyncClient(home=home, profile="alice", broker=broker.address) as alice:
        with pytest.raises(FilesError) as caught:
            alice.send_files("bob", [good, tmp_path / "missing"])
        assert caught.value.code is ErrorCode.PARTIAL
        assert [each.name for each in caught.value.sent] == ["good.txt"]
        assert [(each.name, each.error.code) for each in caught.value.failed if each.error] == [
            ("missing", ErrorCode.NO_SUCH_FILE)
        ]
        with pytest.raises(FilesError) as alone:
            alice.send_files("bob", tmp_path / "missing")
        assert (alone.value.code, "missing" in alone.value.message) == (ErrorCode.NO_SUCH_FILE, True)
        [second] = alice.send_files("bob", good, note="the second")  # one path needs no list
    with SyncClient(home=home, profile="bob", broker=broker.address) as bob:
        (tmp_path / "out").mkdir()
        path = bob.get_file("good.txt", tmp_path / "out")
        assert path.read_text() == "content"
        assert [each.id for each in bob.files(sent=False) if each.recipients[0].state == "done"] == [
            second.id
        ]
        with pytest.raises(CnMessageError, match="no file 'other' was sent to you"):
            bob.get_file("other", tmp_path)
