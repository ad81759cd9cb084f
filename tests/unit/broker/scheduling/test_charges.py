"""What work costs, to whom it is charged, and what who is in debt may not do."""

from pathlib import Path

import pytest

from cnmessage_broker.loop.dispatch import VERBS
from cnmessage_broker.loop.effects import Refuse, Reply, Submit
from cnmessage_broker.loop.handlers.messages import rows_of
from cnmessage_broker.scheduling.charges import ADDRESS_FACTOR, WorkBudget
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.requests import Beat, Block, Detach, Request, Send, Users, Whoami
from tests.unit.broker.conftest import Room, message

FAR = "10.0.0.1"


def test_an_account_is_charged_whichever_device_it_uses() -> None:
    budget = WorkBudget(10, 1.0)
    budget.spend(1, "phone", "", 0.0, 15)
    assert budget.wait(1, "laptop", "", 0.0) == pytest.approx(6.0)
    assert budget.wait(2, "other", "", 0.0) == 0.0


def test_a_device_is_charged_before_it_has_an_account() -> None:
    budget = WorkBudget(10, 1.0)
    budget.spend(None, "key", "", 0.0, 15)
    assert budget.wait(None, "key", "", 0.0) > 0
    assert budget.wait(7, "key", "", 0.0) > 0


def test_an_address_is_charged_for_all_its_accounts_but_not_this_machine() -> None:
    budget = WorkBudget(10, 1.0)
    for account in range(ADDRESS_FACTOR + 1):
        budget.spend(account, f"key {account}", FAR, 0.0, 10)
        budget.spend(account, f"key {account}", "127.0.0.1", 0.0, 10)
    assert budget.wait(99, "new", FAR, 0.0) > 0
    assert budget.wait(99, "new", "127.0.0.1", 0.0) == 0.0


def test_each_row_of_a_wide_message_is_charged(tmp_path: Path) -> None:
    room = Room(write_burst=300, write_rate=1.0)
    alice, *others = room.users("alice", *(f"user{number}" for number in range(50)))
    for each in others:
        room.attach(each)
    room.send(alice, "all")  # two rows, and 49 that are dearer
    assert room.start(alice, Send((message("user1"),)))[0].__class__ is Submit
    room.send(alice, "all")
    assert room.refusal(alice, Send((message("user1"),))) is ErrorCode.RATE_LIMITED
    room.monotonic += 300
    assert room.send(alice, "user1")


def test_a_broadcast_is_charged_for_whoever_listens_however_few_users_that_are() -> None:
    room = Room(write_burst=300, write_rate=1.0)
    alice, bob = room.users("alice", "bob")
    for _ in range(50):
        room.attach(bob)
        room.monotonic += 100
    assert rows_of(message("all"), room.deps) == 51
    room.send(alice, "all")
    room.send(alice, "all")
    assert room.refusal(alice, Send((message("bob"),))) is ErrorCode.RATE_LIMITED


def test_the_bytes_of_a_message_are_charged() -> None:
    room = Room(write_burst=500, write_rate=1.0)
    alice = room.users("alice", "bob")[0]
    for _ in range(2):
        room.send(alice, "bob", "x" * 65_536)
    assert room.refusal(alice, Send((message("bob"),))) is ErrorCode.RATE_LIMITED


def test_transactions_of_their_own_are_charged_as_writing() -> None:
    room = Room(write_burst=100, write_rate=1.0)
    alice = room.users("alice", "bob")[0]
    refused = 0
    for _ in range(20):
        effects = room.start(alice, Block("bob"))
        refused += isinstance(effects[0], Refuse)
    assert 10 <= refused < 20


@pytest.mark.parametrize("request_", [Whoami(), Users()])
def test_who_is_in_debt_for_reading_waits_and_may_still_write(request_: Request) -> None:
    room = Room(read_burst=10, read_rate=1.0)
    alice = room.users("alice", "bob")[0]
    caller = room.caller(alice)
    room.deps.budgets.reads.spend(1, caller.key, caller.address, room.monotonic, 100)
    refusal = room.start(alice, request_)[0]
    assert isinstance(refusal, Refuse)
    assert refusal.error.code is ErrorCode.RATE_LIMITED
    assert "try again in 9" in refusal.error.message
    assert room.send(alice, "bob")


def test_beats_and_goodbyes_cost_nothing() -> None:
    room = Room(read_burst=1, read_rate=0.001, write_burst=1, write_rate=0.001)
    alice = room.user("alice")
    listener = room.attach(alice)
    for _ in range(100):
        assert isinstance(room.start(alice, Beat(listener.topic, 0))[0], Reply)
    assert room.refusal(alice, Send((message("alice"),))) is ErrorCode.RATE_LIMITED
    room.ask(alice, Detach(listener.topic))


def test_all_that_works_on_the_store_costs_something() -> None:
    free = {verb for verb, command in VERBS.items() if not (command.cost.writes or command.cost.reads)}
    assert free == {Beat, Detach}
