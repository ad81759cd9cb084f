"""What a client's pause leaves and its stop takes away, and what is said of a broker that is stopped."""

import asyncio
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from cnmessage_client import Client, ErrorCode, FileInfo, Home, TransferProgress
from cnmessage_client.link.connection import new_key_pair
from cnmessage_client.profile import KeyPair
from cnmessage_protocol.files.channel import (
    CHUNK,
    FIRST_CHUNK,
    Chunk,
    Credit,
    Finish,
    Get,
    Granted,
    Kept,
    Opened,
    Pause,
    Put,
    Stop,
)
from cnmessage_protocol.ids import id_text
from cnmessage_protocol.machines.states import State
from tests.support.channel import (
    BODY,
    DIGEST,
    PUT,
    UPLOAD,
    FilePeer,
    fetch,
    give,
    needs_proc,
    of_files,
    upload,
)
from tests.support.harness import BrokerProcess, BrokerThread, broker_config, eventually, sign_up
from tests.support.patience import PATIENCE
from tests.support.sending import outcomes

OTHER = b"o" * 16
HUGE = 1 << 30
"""Bytes of a file that takes no room and is not sent before it is interrupted."""


def parts(broker: BrokerThread) -> list[Path]:
    return list((broker.broker.config.data / "files" / "parts").iterdir())


def sent_files(broker: BrokerThread, home: Home, profile: str = "alice") -> list[FileInfo]:
    async def asked() -> list[FileInfo]:
        async with Client(home=home, profile=profile, broker=broker.address) as client:
            return await client.files(sent=True)

    return asyncio.run(asked())


def begun(peer: FilePeer, upto: int) -> None:
    """An upload of which so many bytes are written."""
    peer.say(UPLOAD, PUT)
    peer.expect(Granted)
    give(peer, BODY, 0, upto)
    peer.say(UPLOAD, Finish(DIGEST))
    assert peer.expect(Granted).offset == upto


@needs_proc
def test_a_pause_keeps_the_bytes_frees_all_else_and_the_same_put_goes_on(tmp_path: Path, home: Home) -> None:
    with BrokerThread(broker_config(tmp_path / "broker", transfers_per_device=1)) as running:
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        with FilePeer(running.address, home.profile("alice").keys(new_key_pair)) as alice:
            begun(alice, CHUNK)
            assert len(of_files(running)) == 1
            alice.say(UPLOAD, Pause())
            alice.say(OTHER, Put("other", 5, ("bob",)))
            assert alice.expect(Granted).offset == 0, "the one transfer that this device may have is free"
            assert of_files(running) == []
            assert [each.stat().st_size for each in parts(running)] == [CHUNK]
            alice.say(OTHER, Pause())
            alice.say(UPLOAD, PUT)
            assert alice.expect(Granted).offset == CHUNK
            give(alice, BODY, CHUNK)
            alice.say(UPLOAD, Finish(DIGEST))
            assert alice.expect(Kept)


def test_what_was_given_up_is_removed_and_its_id_is_used_up(
    broker: BrokerThread, home: Home, alice: FilePeer
) -> None:
    begun(alice, CHUNK)
    alice.say(UPLOAD, Stop("integrity"))
    eventually(lambda: not parts(broker))
    assert [each.state for each in sent_files(broker, home)] == ["withdrawn"]
    alice.say(UPLOAD, PUT)
    assert alice.expect(Stop).code == ErrorCode.WITHDRAWN


def test_what_is_given_up_while_it_is_opened_is_removed_too(
    broker: BrokerThread, home: Home, alice: FilePeer
) -> None:
    begun(alice, CHUNK)
    alice.say(UPLOAD, Pause())
    alice.say(UPLOAD, PUT)
    alice.say(UPLOAD, Stop("integrity"))
    eventually(lambda: not parts(broker))
    eventually(lambda: [each.state for each in sent_files(broker, home)] == ["withdrawn"])


def test_a_pause_while_an_upload_is_opened_keeps_it(alice: FilePeer) -> None:
    alice.say(UPLOAD, PUT)
    alice.say(UPLOAD, Pause())
    alice.say(UPLOAD, PUT)
    alice.expect(Granted)
    give(alice, BODY, 0, CHUNK)
    alice.say(UPLOAD, Finish(DIGEST))
    while alice.expect(Granted).offset < CHUNK:
        pass  # an answer to the first PUT


@pytest.mark.parametrize("word", [Pause(), Stop("withdrawn")])
def test_after_finish_an_upload_is_recorded_whatever_its_client_says(
    alice: FilePeer, bob: FilePeer, word: Pause | Stop
) -> None:
    alice.say(UPLOAD, PUT)
    give(alice, BODY, alice.expect(Granted).offset)
    alice.say(UPLOAD, Finish(DIGEST))
    alice.say(UPLOAD, word)
    assert fetch(bob, alice.expect(Kept).file) == BODY


@pytest.mark.parametrize(("word", "state"), [(Pause(), "fetching"), (Stop("storage"), "failed")])
@pytest.mark.parametrize("opened", [True, False])
def test_a_sender_sees_whether_a_download_pauses_or_was_given_up(
    broker: BrokerThread,
    home: Home,
    alice: FilePeer,
    bob: FilePeer,
    word: Pause | Stop,
    state: str,
    *,
    opened: bool,
) -> None:
    file = upload(alice).file
    bob.say(file, Get(0, 1000, 1000))
    if opened:
        bob.expect(Chunk)
    bob.say(file, word)
    bob.say(file, Credit(2000))
    assert bob.expect(Stop).code == ErrorCode.NOT_ATTACHED, "pause and stop have no answer of their own"

    def seen() -> bool:
        [info] = sent_files(broker, home)
        return [each.state for each in info.recipients] == [state]

    eventually(seen)
    assert fetch(bob, file, 500) == BODY[500:]


ENDINGS: dict[str, tuple[tuple[str, ...], str]] = {
    "stops": (("stop",), "failed"),
    "pauses": (("pause",), "fetching"),
    "loses its link": (("close",), "fetching"),
    "declines, then pauses": (("decline", "pause"), "failed"),
    "declines, then loses its link": (("decline", "close"), "failed"),
    "is logged out": (("logout",), "fetching"),
    "declines, then is logged out": (("decline", "logout"), "failed"),
    "stops, and pauses on another link": (("again", "stop", "pause"), "failed"),
}


@pytest.mark.parametrize(("words", "state"), ENDINGS.values(), ids=ENDINGS)
def test_what_a_sender_is_told_of_a_part_of_a_file_is_what_the_lists_say(
    broker: BrokerThread,
    home: Home,
    alice: FilePeer,
    keys: dict[str, KeyPair],
    words: tuple[str, ...],
    state: str,
) -> None:
    file = upload(alice).file
    heard: list[str] = []

    def fetching() -> FilePeer:
        peer = links.enter_context(FilePeer(broker.address, keys["bob"]))
        peer.say(file, Get(0, 1000, 1000))
        peer.expect(Chunk)
        return peer

    def ended() -> None:
        """No transfer is open any more, and the reactor knows it: what the same key asks next comes after."""
        eventually(lambda: not broker.broker._files._transfers._servings)
        with FilePeer(broker.address, keys["bob"]) as peer:
            peer.say(OTHER, Get())
            peer.expect(Stop)
        assert not broker.broker.reactor._deps.fetching

    async def scenario() -> None:
        async with (
            Client(home=home, profile="alice", broker=broker.address) as sender,
            Client(home=home, profile="bob", broker=broker.address) as receiver,
        ):
            sender.on_file = lambda news: heard.append(news.state)
            following = asyncio.ensure_future(anext(sender.messages()))
            await asyncio.to_thread(eventually, lambda: sender.state is State.LIVE)
            peers = [await asyncio.to_thread(fetching)]
            for word in words:
                match word:
                    case "again":
                        peers.append(await asyncio.to_thread(fetching))
                    case "decline":
                        await receiver.decline_file(id_text(file))
                    case "logout":
                        await receiver.logout()
                    case "close":
                        links.close()
                    case _:
                        peers.pop(0).say(file, Stop("interrupted") if word == "stop" else Pause())
            await asyncio.to_thread(ended)
            [sent] = await sender.files(sent=True)
            assert [(each.state, each.bytes) for each in sent.recipients] == [
                (state, 1000 if state == "fetching" else 0)
            ]
            await asyncio.to_thread(eventually, lambda: heard[-1:] == [state])
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    with ExitStack() as links:
        asyncio.run(scenario())


def test_our_client_pauses_when_it_is_interrupted(tmp_path: Path, home: Home) -> None:
    with BrokerThread(broker_config(tmp_path / "broker", transfers_per_device=1)) as running:
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        huge, small = tmp_path / "huge", tmp_path / "small"
        with huge.open("wb") as file:
            file.truncate(HUGE)
        small.write_bytes(BODY)

        async def scenario() -> None:
            async with Client(home=home, profile="alice", broker=running.address) as alice:
                moving = asyncio.Event()

                def on_progress(step: TransferProgress) -> None:
                    if step.done:
                        moving.set()

                sending = asyncio.ensure_future(alice.send_files("bob", [huge], progress=on_progress))
                await moving.wait()
                sending.cancel()
                await asyncio.wait([sending])
                # Its place is free as soon as the broker has read the pause, which went over another link.
                async with asyncio.timeout(PATIENCE):
                    while (await outcomes(alice.send_files("bob", [small])))[0].error is not None:
                        pass

        asyncio.run(scenario())
        assert len(parts(running)) == 1


def test_our_client_gives_up_what_changed_under_its_hands(
    broker: BrokerThread, home: Home, tmp_path: Path
) -> None:
    asyncio.run(sign_up(broker.address, home, "alice", "bob"))
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.truncate(HUGE)

    async def scenario() -> None:
        async with Client(home=home, profile="alice", broker=broker.address) as alice:

            def on_progress(step: TransferProgress) -> None:
                if step.done:
                    os.truncate(source, 1)

            [done] = await outcomes(alice.send_files("bob", [source], progress=on_progress))
            assert done.error is not None
            assert done.error.code is ErrorCode.INTEGRITY

    asyncio.run(scenario())
    eventually(lambda: not parts(broker))
    eventually(lambda: [each.state for each in sent_files(broker, home)] == ["withdrawn"])


def test_a_broker_that_is_stopped_says_so_to_every_transfer_and_the_next_one_goes_on(
    tmp_path: Path, home: Home
) -> None:
    with BrokerProcess(tmp_path / "process") as process:
        asyncio.run(sign_up(process.address, home, "alice", "bob"))
        keys: dict[str, KeyPair] = {name: home.profile(name).keys(new_key_pair) for name in ("alice", "bob")}
        with FilePeer(process.address, keys["alice"]) as alice, FilePeer(process.address, keys["bob"]) as bob:
            file = upload(alice, BODY, Put("first", len(BODY), ("bob",))).file
            alice.say(OTHER, Put("second", len(BODY), ("bob",)))
            alice.expect(Granted)
            alice.say(OTHER, Chunk(0), BODY[:FIRST_CHUNK])
            alice.say(OTHER, Finish(DIGEST))
            assert alice.expect(Granted).offset == FIRST_CHUNK
            bob.say(file, Get(0, 1000, 1000))
            bob.expect(Opened)
            assert process.stop() == 0
            assert alice.expect(Stop).code == ErrorCode.SHUTDOWN
            assert bob.expect(Stop).code == ErrorCode.SHUTDOWN
        process.start()
        with FilePeer(process.address, keys["alice"]) as alice, FilePeer(process.address, keys["bob"]) as bob:
            alice.say(OTHER, Put("second", len(BODY), ("bob",)))
            assert alice.expect(Granted).offset == FIRST_CHUNK
            assert fetch(bob, file, 1000) == BODY[1000:]
