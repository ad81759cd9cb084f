"""Sending when it is not plain: many in a row, leftovers, refusals for the moment, one id twice, a flood."""

import asyncio
from pathlib import Path

import pytest
import zmq

from cnmessage_client import Client, CnMessageError, ErrorCode, Home, Receipt
from cnmessage_client.link.courier import compose
from cnmessage_client.link.outbox import Outbox
from cnmessage_protocol.records import MAX_RECIPIENTS
from cnmessage_protocol.requests import MAX_NAMES
from tests.support.harness import PASSWORD, BrokerThread, broker_config, sign_up
from tests.support.raw import Raw, answer, ask, frame, new_keys
from tests.support.rows import message_row
from tests.support.shortage import descriptors

FLOOD = 200


def test_many_sends_one_after_the_other_hold_one_file_open(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with Client(home=home, profile="alice") as alice:
            await alice.send("bob", "the first")
            before = descriptors()
            for number in range(50):
                await alice.send("bob", str(number))
            assert descriptors() == before
            assert len(list(alice.profile.outbox.iterdir())) == 1
        assert list(alice.profile.outbox.iterdir()) == []

    asyncio.run(scenario())


def leave_behind(home: Home, user: str, body: str) -> None:
    """What a client of this user that was killed leaves: a message in an outbox nobody holds."""
    box = Outbox(home.profile(user).outbox, user, "killed")
    box.add([compose(["bob"], body)])
    box.close()


def test_what_was_left_behind_waits_for_the_login(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        leave_behind(home, "alice", "kept")
        async with Client(home=home, profile="elsewhere", broker=broker.address) as elsewhere:
            await elsewhere.login("alice", PASSWORD)
            await elsewhere.passwd(PASSWORD, PASSWORD + "2")
        async with Client(home=home, profile="alice") as alice:
            with pytest.raises(CnMessageError) as caught:
                await alice.whoami()
            assert caught.value.code is ErrorCode.UNAUTHENTICATED
            await alice.login("alice", PASSWORD + "2")
        async with Client(home=home, profile="alice") as alice, Client(home=home, profile="bob") as bob:
            assert (await anext(bob.messages())).body == "kept"
            await alice.whoami()
        assert list(home.profile("alice").outbox.iterdir()) == []

    asyncio.run(scenario())


def test_a_leftover_that_is_refused_for_good_is_told(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice")
        leave_behind(home, "alice", "for nobody")
        told: list[CnMessageError] = []
        client = Client(home=home, profile="alice")
        client.on_refused = told.append
        async with client:
            await client.whoami()
        assert [error.code for error in told] == [ErrorCode.NO_SUCH_USER]
        assert list(client.profile.outbox.iterdir()) == []

    asyncio.run(scenario())


def test_a_refusal_for_the_moment_is_told_as_what_it_is(tmp_path: Path, home: Home) -> None:
    config = broker_config(tmp_path / "broker", send_burst=2, send_rate=0.001)

    async def scenario(address: str) -> None:
        await sign_up(address, home, "alice", "bob")
        async with Client(home=home, profile="alice", timeout=1.5) as alice:
            for _ in range(2):
                await alice.send("bob", "within the budget")
            with pytest.raises(CnMessageError, match=r"too many messages.*was not sent") as caught:
                await alice.send("bob", "beyond it")
            assert (caught.value.code, caught.value.exit_status) == (ErrorCode.RATE_LIMITED, 7)
        assert list(alice.profile.outbox.iterdir()) == []

    with BrokerThread(config) as broker:
        asyncio.run(scenario(broker.address))


def test_one_client_id_cannot_hide_another_message(broker: BrokerThread, home: Home) -> None:
    same = "0190f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6"

    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob", "carol")
        async with Client(home=home, profile="alice") as alice:
            one, two, other = await asyncio.gather(
                alice.send("bob", "hi", client_id=same),
                alice.send("bob", "hi", client_id=same),
                alice.send("carol", "hi", client_id=same),
                return_exceptions=True,
            )
            assert one == two
            assert isinstance(other, CnMessageError)
            assert other.code is ErrorCode.CONFLICT

    asyncio.run(scenario())


def test_a_flood_of_expensive_requests_does_not_hold_up_others(broker: BrokerThread, home: Home) -> None:
    # Each frame has as many names as one may have, and is checked name by name.
    names = [f"n{number}" for number in range(MAX_RECIPIENTS)]
    messages = [message_row(names, "x", bytes(16))] * (MAX_NAMES // MAX_RECIPIENTS)

    async def scenario(flood: "zmq.Socket[bytes]") -> tuple[int, int]:
        async with Client(home=home, profile="alice") as alice:
            for number in range(FLOOD):
                costly = frame("send", {"messages": messages}, request_id=number + 2)
                await asyncio.to_thread(flood.send, costly)
            before = _waiting(flood)
            await alice.send("bob", "in between")
        return before, _waiting(flood)

    asyncio.run(sign_up(broker.address, home, "alice", "bob", "mallory"))
    with Raw(broker.address) as raw:
        flood = raw.dealer(home.profile("mallory").keys(new_keys))
        assert ask(flood, "whoami", {}).error is None
        before, meanwhile = asyncio.run(scenario(flood))
        assert meanwhile < (FLOOD - before) // 2  # alice did not have to wait for all of it
        for _ in range(FLOOD - before - meanwhile):
            answer(flood, 30)


def test_each_send_waits_for_its_own_time_in_whatever_order_they_began(
    broker: BrokerThread, home: Home
) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with Client(home=home, profile="alice") as alice:
            loop, ended = asyncio.get_running_loop(), []

            async def one(seconds: float) -> None:
                began = loop.time()
                with pytest.raises(CnMessageError) as caught:
                    await alice.send("bob", f"within {seconds}", timeout=seconds)
                assert caught.value.code is ErrorCode.UNREACHABLE
                assert loop.time() - began >= seconds - 0.01
                ended.append(seconds)

            await alice.send("bob", "there is a link", timeout=0.9)
            alice.cut(60.0)
            given_up = asyncio.ensure_future(alice.send("bob", "given up", timeout=0.1))
            await asyncio.gather(*map(one, (0.8, 0.2, 0.6, 0.4)), _cancelled(given_up))
            assert ended == [0.2, 0.4, 0.6, 0.8]

    asyncio.run(scenario())


async def _cancelled(task: "asyncio.Future[Receipt]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_what_an_iteration_leaves_the_next_one_has_and_what_was_read_is_told_at_the_end(
    broker: BrokerThread, home: Home
) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with Client(home=home, profile="alice") as alice:
            for number in range(1, 7):
                await alice.send("bob", str(number))
        async with Client(home=home, profile="bob") as bob:
            for expected in (["1", "2"], ["3"], ["4", "5"]):
                messages = bob.messages()
                seen: list[str] = []
                while len(seen) < len(expected):
                    seen.append((await anext(messages)).body)
                assert seen == expected
        async with Client(home=home, profile="bob") as bob:
            # The last one of an iteration is shown, but not read: the next one was not asked for.
            assert (await bob.whoami()).unread == 2
            assert (await anext(bob.messages())).body == "5"

    asyncio.run(scenario())


def _waiting(socket: "zmq.Socket[bytes]") -> int:
    count = 0
    while socket.poll(0):
        socket.recv()
        count += 1
    return count


def test_an_id_is_free_again_when_the_own_disk_refused_it(broker: BrokerThread, home: Home) -> None:
    same = "0190f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6"
    in_the_way = home.profile("alice").outbox

    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with Client(home=home, profile="alice") as alice:
            in_the_way.parent.mkdir(parents=True, exist_ok=True)
            in_the_way.write_text("a file where a directory belongs")
            with pytest.raises(CnMessageError) as caught:
                await alice.send("bob", "hi", client_id=same)
            assert caught.value.code is ErrorCode.STORAGE
            in_the_way.unlink()
            assert (await alice.send("bob", "something else", client_id=same)).recipients == 1

    asyncio.run(scenario())
