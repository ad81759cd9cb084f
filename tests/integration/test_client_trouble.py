"""What a client does when something fails beside its call: it tells what is so, and leaves nothing behind."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import pytest

from cnmessage_client import Client, CnMessageError, ErrorCode, FilesError, Home, SyncClient
from cnmessage_protocol.machines.states import State
from tests.support.harness import PASSWORD, BrokerProcess, BrokerThread, eventually, free_port, sign_up
from tests.support.shortage import descriptors, files_end_at, no_descriptors

SOON = 20


def test_looking_back_at_sent_items_counts_nothing_as_delivered(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with Client(home=home, profile="alice") as alice, Client(home=home, profile="bob") as bob:
            receipts = [await alice.send("bob", f"number {number}") for number in range(30)]
            sent = await bob.send("alice", "of bob's own")
            found = await bob.history(2, own=True)
            assert [each.body for each in found] == ["number 29", "of bob's own"]
            assert [each.id for each in await bob.history(1, peer="alice", own=True)] == [sent.id]
            states = await alice.receipts([each.id for each in receipts[:16]])
            assert {state for each in states for state in each.states.values()} == {"stored"}
            for wrong in (-1, "x"):
                with pytest.raises(CnMessageError, match="limit"):
                    await bob.history(wrong, own=True)  # type: ignore[arg-type]

    asyncio.run(scenario())


def test_a_device_that_was_logged_out_hears_so_on_a_disk_that_is_full(
    broker: BrokerThread, home: Home, tmp_path: Path
) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice")
        phone = Home(tmp_path / "phone", tmp_path / "phone" / "state")
        async with Client(home=phone, profile="alice", broker=broker.address) as other:
            await other.login("alice", PASSWORD)
            for device in await other.devices():
                if not device.current:
                    await other.revoke(device.id)
        async with Client(home=home, profile="alice", broker=broker.address, timeout=5) as alice:
            with files_end_at(0), pytest.raises(CnMessageError, match="'alice' is not logged in") as ended:
                await alice.whoami()
            assert ended.value.code is ErrorCode.UNAUTHENTICATED

    asyncio.run(scenario())


def test_a_file_is_sent_again_by_another_call_though_an_earlier_one_failed_in_part(
    broker: BrokerThread, home: Home, tmp_path: Path
) -> None:
    here, missing = tmp_path / "here.txt", tmp_path / "missing.txt"
    here.write_text("content")

    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with Client(home=home, profile="alice") as alice:

            async def both() -> str:
                with pytest.raises(FilesError) as failed:
                    await alice.send_files("bob", [here, missing])
                (sent,) = failed.value.sent
                return sent.id

            first = await both()
            assert await both() == first  # the same call offers nothing twice
            (anew,) = await alice.send_files("bob", [here])
            assert anew.id != first
            assert len(await alice.files(sent=True)) == 2

    asyncio.run(scenario())


def test_a_name_that_is_no_text_is_refused_and_the_others_are_sent(
    broker: BrokerThread, home: Home, tmp_path: Path
) -> None:
    odd, good = tmp_path / os.fsdecode(b"caf\xe9"), tmp_path / "good.txt"
    for each in (odd, good):
        each.write_text("content")

    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with Client(home=home, profile="alice") as alice:
            with pytest.raises(FilesError) as failed:
                await alice.send_files("bob", [odd, good])
            assert [each.name for each in failed.value.sent] == ["good.txt"]
            (refused,) = [each.error for each in failed.value.failed]
            assert refused is not None
            assert "not UTF-8 text" in refused.message
            (sent,) = await alice.send_files("bob", [odd], names=["café"])
            assert sent.name == "café"

    asyncio.run(scenario())


def test_two_who_wait_for_one_message_hear_what_is_so(home: Home, broker: BrokerThread) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        key = broker.address.partition("#")[2]
        nobody = f"cnm://127.0.0.1:{free_port()}#{key}"
        client_id = "018bcfe5-6800-7000-8000-000000000001"
        client = Client(home=home, profile="alice", broker=nobody)
        await client.connect()
        short, long = await asyncio.gather(
            client.send("bob", "hello", client_id=client_id, timeout=0.3),
            client.send("bob", "hello", client_id=client_id, timeout=0.6),
            return_exceptions=True,
        )
        assert "still waits" in str(short)
        assert "was not sent" in str(long)
        waiting = asyncio.create_task(client.send("bob", "again", client_id=client_id, timeout=9))
        other = asyncio.create_task(client.send("bob", "again", client_id=client_id, timeout=0.2))
        with pytest.raises(CnMessageError, match="still waits"):
            await other
        await client.close()
        with pytest.raises(CnMessageError, match="is kept"):
            await waiting

    asyncio.run(scenario())


@pytest.mark.parametrize("left", [0, 1, 2, 3])
def test_a_client_that_listens_comes_back_by_itself_once_connections_can_be_opened_again(
    home: Home, tmp_path: Path, left: int
) -> None:
    async def scenario(broker: BrokerProcess) -> None:
        await sign_up(broker.address, home, "alice", "bob")
        lost: asyncio.Queue[None] = asyncio.Queue()
        troubles: list[CnMessageError] = []
        async with Client(home=home, profile="bob") as bob, Client(home=home, profile="alice") as alice:
            bob.on_state = lambda state, _: lost.put_nowait(None) if state is State.WAITING else None
            bob.on_trouble = troubles.append
            following = bob.messages()
            coming = asyncio.ensure_future(anext(following))
            await alice.send("bob", "before")
            assert (await asyncio.wait_for(coming, SOON)).body == "before"
            coming = asyncio.ensure_future(anext(following))
            before = descriptors()
            bob.cut(1.0)
            await asyncio.wait_for(lost.get(), SOON)
            eventually(lambda: descriptors() <= before - 4)  # two connections, and their mailboxes
            with no_descriptors(but=left):
                for _ in range(2):
                    await asyncio.wait_for(lost.get(), SOON)
            await alice.send("bob", "after")
            assert (await asyncio.wait_for(coming, SOON)).body == "after"
            assert len(troubles) <= 1, "it is not said at each try"
            assert troubles or left, "but it is, where nothing at all can be opened"
            assert all("ulimit -n" in each.message for each in troubles)

    with BrokerProcess(tmp_path / "broker") as broker:
        asyncio.run(scenario(broker))


def test_a_connect_that_fails_leaves_nothing_running(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice")
        (home.profile("alice").outbox / "alice@x.outbox").mkdir(parents=True)
        client = Client(home=home, profile="alice", broker=broker.address)
        with pytest.raises(CnMessageError):
            await client.connect()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        with pytest.raises(CnMessageError, match="not connected"):
            await client.whoami()

    asyncio.run(scenario())


def test_an_interrupted_signup_keeps_the_key_that_may_be_bound(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        async with Client(home=home, profile="alice", broker=broker.address) as alice:
            entering = asyncio.create_task(alice.signup("alice", PASSWORD))
            while not alice.reached:  # its answer takes a password's hashing, so it comes later
                await asyncio.sleep(0)
                if entering.done():
                    break
            entering.cancel()
            with suppress(asyncio.CancelledError):
                await entering
        async with Client(home=home, profile="alice", broker=broker.address) as again:
            with suppress(CnMessageError):  # the broker may have got it just then, or not at all
                assert (await again.whoami()).user == "alice"
        assert (home.profile("alice").folder / "device.key").exists()

    asyncio.run(scenario())


def test_a_client_that_is_not_patient_hears_at_once_that_nobody_is_there(
    broker: BrokerThread, home: Home
) -> None:
    asyncio.run(sign_up(broker.address, home, "alice"))
    key = broker.address.partition("#")[2]
    nobody = f"cnm://127.0.0.1:{free_port()}#{key}"
    with (
        SyncClient(home=home, profile="alice", broker=nobody, timeout=600, patient=False) as alice,
        pytest.raises(CnMessageError, match=r"no broker|refuse"),
    ):
        alice.whoami()
