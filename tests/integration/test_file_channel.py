"""The broker's side of the file channel, spoken to by peers that keep to the rules they want to."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from cnmessage_broker.files.pace import GENTLE_CHUNK
from cnmessage_client import ErrorCode, Home, SyncClient
from cnmessage_client.link.connection import new_key_pair
from cnmessage_client.profile import KeyPair
from cnmessage_protocol.files.channel import (
    CHUNK,
    FIRST_CHUNK,
    WINDOW,
    WINDOW_CHUNKS,
    Chunk,
    Credit,
    Fetched,
    Finish,
    Get,
    Granted,
    Kept,
    Noted,
    Opened,
    Put,
    Stop,
)
from tests.support.channel import BODY, DIGEST, PUT, UPLOAD, FilePeer, feed, fetch, give, upload
from tests.support.harness import BrokerThread, broker_config, eventually, sign_up
from tests.support.raw import Raw, ask
from tests.support.rows import message_row

BIG = Put("big", 64 * WINDOW, ("bob",))
"""So large that its chunks have the time to become what they should be, on a slow machine too."""


def test_bytes_arrive_as_they_were_sent_and_the_blob_has_their_digest(
    broker: BrokerThread, alice: FilePeer, bob: FilePeer
) -> None:
    kept = upload(alice)
    assert kept.recipients == 1
    assert fetch(bob, kept.file) == BODY
    bob.say(kept.file, Fetched())
    assert bob.expect(Noted) == Noted()
    files = broker.broker.config.data / "files"
    (blob,) = (files / "blobs").glob("*/*")
    assert blob.read_bytes() == BODY
    assert blob.name == DIGEST.hex()
    eventually(lambda: not list((files / "parts").iterdir()))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_any_size_goes_and_comes(alice: FilePeer, bob: FilePeer, size: int) -> None:
    body = os.urandom(size)
    assert fetch(bob, upload(alice, body, Put("x", size, ("bob",))).file) == body


def test_a_repeated_finish_and_a_repeated_put_are_answered_as_before(alice: FilePeer) -> None:
    kept = upload(alice)
    alice.say(UPLOAD, PUT)
    assert alice.expect(Kept) == kept


def test_an_id_that_a_message_has_is_refused_before_the_first_byte(
    broker: BrokerThread, alice: FilePeer, keys: dict[str, KeyPair]
) -> None:
    with Raw(broker.address) as raw:
        requests = raw.dealer(keys["alice"])

        def send(client_id: bytes) -> dict[str, Any]:
            result: dict[str, Any] = ask(
                requests, "send", {"messages": [message_row(["bob"], "hello", client_id)]}
            ).result
            return result

        assert send(UPLOAD)["acks"]
        alice.say(UPLOAD, PUT)
        _, answer, _ = alice.hear()
        assert isinstance(answer, Stop), "no byte was asked for"
        assert answer.code == ErrorCode.CONFLICT
        # The other way round: what is being uploaded under an id keeps it, so that its bytes are not in vain.
        other = b"o" * 16
        alice.say(other, PUT)
        alice.expect(Granted)
        assert [code for _, code, _ in send(other)["refused"]] == [ErrorCode.CONFLICT]


def test_the_wrong_offset_is_answered_with_the_right_one(alice: FilePeer) -> None:
    alice.say(UPLOAD, PUT)
    alice.expect(Granted)
    alice.say(UPLOAD, Chunk(0), BODY[:10])
    alice.say(UPLOAD, Chunk(5), BODY[5:20])
    assert alice.expect(Granted).offset == 10
    alice.say(UPLOAD, Finish(DIGEST))
    assert alice.expect(Granted).offset == 10, "not all is here yet"


def test_other_bytes_than_the_digest_says_are_not_kept_and_begin_anew(alice: FilePeer) -> None:
    alice.say(UPLOAD, PUT)
    alice.expect(Granted)
    give(alice, bytes(len(BODY)))
    alice.say(UPLOAD, Finish(DIGEST))
    assert alice.expect(Granted).offset == 0
    give(alice, BODY)
    alice.say(UPLOAD, Finish(DIGEST))
    assert alice.expect(Kept)


def test_credit_is_what_is_on_disk_and_a_window(broker: BrokerThread, alice: FilePeer) -> None:
    first = WINDOW_CHUNKS * FIRST_CHUNK
    alice.say(UPLOAD, BIG)
    assert alice.expect(Granted).upto == first
    parts = broker.broker.config.data / "files" / "parts"

    def larger(credit: Credit) -> bool:
        (part,) = parts.iterdir()
        assert credit.upto <= part.stat().st_size + WINDOW_CHUNKS * credit.chunk
        return credit.chunk > FIRST_CHUNK

    assert feed(alice, BIG.size, larger).upto > first


def test_while_messages_are_stored_an_upload_is_asked_for_small_chunks(
    broker: BrokerThread, alice: FilePeer, home: Home
) -> None:
    alice.say(UPLOAD, BIG)
    alice.expect(Granted)
    feed(alice, BIG.size, lambda credit: credit.chunk == CHUNK)
    with SyncClient(home=home, profile="bob", broker=broker.address) as bob:

        def small(credit: Credit) -> bool:
            bob.send("alice", "hello")
            return credit.chunk <= GENTLE_CHUNK

        feed(alice, BIG.size, small)


def test_the_more_files_move_the_smaller_are_their_chunks(
    broker: BrokerThread, alice: FilePeer, bob: FilePeer
) -> None:
    bob.say(UPLOAD, Put("other", 5, ("alice",)))
    bob.expect(Granted)
    alice.say(UPLOAD, BIG)
    alice.expect(Granted)
    credit = feed(alice, BIG.size, lambda credit: credit.chunk >= CHUNK // 2)
    assert credit.chunk == CHUNK // 2
    bob.say(UPLOAD, Stop("internal"))
    feed(alice, BIG.size, lambda credit: credit.chunk == CHUNK)


def test_an_upload_goes_on_where_it_was_on_a_fresh_link(
    broker: BrokerThread, keys: dict[str, KeyPair], alice: FilePeer
) -> None:
    alice.say(UPLOAD, PUT)
    alice.expect(Granted)
    give(alice, BODY, 0, CHUNK)
    alice.say(UPLOAD, Chunk(7), b"where am I?")
    assert alice.expect(Granted).offset == CHUNK
    alice.close()
    with FilePeer(broker.address, keys["alice"]) as again:
        again.say(UPLOAD, PUT)
        assert again.expect(Granted).offset == CHUNK
        give(again, BODY, CHUNK)
        again.say(UPLOAD, Finish(DIGEST))
        assert again.expect(Kept)


def test_an_upload_goes_on_after_the_broker_was_restarted(tmp_path: Path, home: Home) -> None:
    config = broker_config(tmp_path / "broker")
    with BrokerThread(config) as running:
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        keys = home.profile("alice").keys(new_key_pair)
        with FilePeer(running.address, keys) as alice:
            alice.say(UPLOAD, PUT)
            alice.expect(Granted)
            give(alice, BODY, 0, 2 * CHUNK)
            alice.say(UPLOAD, Finish(DIGEST))
            assert alice.expect(Granted).offset == 2 * CHUNK
    with BrokerThread(config) as running, FilePeer(running.address, keys) as alice:
        alice.say(UPLOAD, PUT)
        assert alice.expect(Granted).offset == 2 * CHUNK
        give(alice, BODY, 2 * CHUNK)
        alice.say(UPLOAD, Finish(DIGEST))
        assert alice.expect(Kept)


def test_a_download_goes_on_at_any_offset(alice: FilePeer, bob: FilePeer) -> None:
    file = upload(alice).file
    assert fetch(bob, file, CHUNK + 5) == BODY[CHUNK + 5 :]


def test_no_more_comes_than_credit_allows(alice: FilePeer, bob: FilePeer) -> None:
    file = upload(alice).file
    bob.say(file, Get(0, 1000, 600))
    bob.expect(Opened)
    sizes = [len(bob.hear()[2]) for _ in range(2)]
    assert sizes == [600, 400]
    bob.say(file, Credit(1001))
    assert bob.hear()[1:] == (Chunk(1000), BODY[1000:1001])
