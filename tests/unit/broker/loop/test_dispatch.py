"""The command table: complete, guarded, and no error of a handler gets past it."""

from typing import Any

import pytest

from cnmessage_broker.between import Begin, Complete, Crowded, Finished, Open, Progress, Unused
from cnmessage_broker.loop.dispatch import FILE_VERBS, VERBS, Guard, guarded
from cnmessage_broker.loop.effects import Effect, Refuse
from cnmessage_broker.store.ports.records import StoreError
from cnmessage_protocol.errors import ErrorCode, ProtocolError
from cnmessage_protocol.files.channel import Get, Put
from cnmessage_protocol.requests import (
    REQUESTS,
    Ack,
    Attach,
    Beat,
    Blacklist,
    Block,
    Conversations,
    Decline,
    Detach,
    Devices,
    Files,
    History,
    Login,
    Logout,
    Passwd,
    Receipts,
    Request,
    Revoke,
    Send,
    Signup,
    Sync,
    Unblock,
    Users,
    Whoami,
    Withdraw,
)
from tests.unit.broker.conftest import PASSWORD, Room, message

EXAMPLES: dict[type[Request], Request] = {
    type(each): each
    for each in (
        Signup("carol", PASSWORD),
        Login("alice", PASSWORD),
        Logout(),
        Passwd(PASSWORD, "another password"),
        Whoami(),
        Devices(),
        Revoke(1),
        Attach(),
        Detach(b"t" * 16),
        Beat(b"t" * 16, 0),
        Send((message("alice"),)),
        Sync(0),
        History(),
        Ack(0),
        Conversations(),
        Users(),
        Block("bob"),
        Unblock("bob"),
        Blacklist(),
        Receipts((b"i" * 16,)),
        Files(sent=True),
        Withdraw(b"f" * 16),
        Decline(b"f" * 16),
    )
}
OPEN = {Signup, Login, Logout}


def a_file_to_herself(room: Room, alice: str) -> bytes:
    """A stored file that alice may withdraw and decline."""
    file: bytes = room.ask(alice, Begin(b"u" * 16, Put("a", 1, ("alice",)))).file
    room.ask(alice, Complete(file, b"d" * 32))
    return file


def test_every_request_of_the_protocol_has_a_command() -> None:
    assert set(VERBS) == set(REQUESTS.values()) == set(EXAMPLES)


def test_only_the_way_in_and_out_is_open_to_anyone() -> None:
    assert {request for request, command in VERBS.items() if command.guard is Guard.ANYONE} == OPEN


def test_what_the_file_thread_asks_for_a_client_needs_a_login_too(room: Room) -> None:
    asked = (
        Begin(b"u" * 16, Put("a", 1, ("alice",))),
        Complete(b"f" * 16, b"d" * 32),
        Open(b"f" * 16, Get()),
        Finished(b"f" * 16, whole=True),
    )
    assert {type(each) for each in asked} == set(FILE_VERBS) - {Progress, Unused, Crowded}
    for request in asked:
        assert room.refusal("unknown", request) is ErrorCode.UNAUTHENTICATED


def test_only_what_reads_nothing_of_the_disk_may_run_before_the_commit() -> None:
    # All others see what was sent before them.
    assert {request for request, command in VERBS.items() if not command.commits_first} == {
        Attach,
        Detach,
        Beat,
        Send,
        Ack,
    }


@pytest.mark.parametrize("verb", [each.VERB for each in EXAMPLES if each not in OPEN])
@pytest.mark.parametrize("key", ["unknown", "logged out"])
def test_a_device_that_is_not_logged_in_is_refused(room: Room, verb: str, key: str) -> None:
    alice, _ = room.users("alice", "bob")
    before = room.store.marks(room.account("alice").id)
    room.ask(alice, Logout())
    caller = alice if key == "logged out" else "unknown"
    assert room.refusal(caller, EXAMPLES[REQUESTS[verb]]) is ErrorCode.UNAUTHENTICATED
    assert room.store.marks(room.account("alice").id) == before
    assert len(room.deps.listeners) == 0


@pytest.mark.parametrize("verb", [each.VERB for each in EXAMPLES])
def test_every_answer_is_the_record_the_catalogue_promises(room: Room, verb: str) -> None:
    alice, _ = room.users("alice", "bob")
    request: Any = EXAMPLES[REQUESTS[verb]]
    if isinstance(request, Beat):
        request = Beat(room.attach(alice).topic, 0)
    if isinstance(request, Receipts):
        request = Receipts((room.send(alice, "bob"),))
    if isinstance(request, Withdraw | Decline):
        request = type(request)(a_file_to_herself(room, alice))
    assert type(room.ask(alice, request)) is request.RESULT


@pytest.mark.parametrize("verb", [each.VERB for each in EXAMPLES if each not in {Attach, Detach, Revoke}])
def test_repeating_a_request_gives_the_same_answer(room: Room, verb: str) -> None:
    # After a reconnect a client cannot know whether its request arrived, so it asks again.
    alice, _ = room.users("alice", "bob")
    request: Any = EXAMPLES[REQUESTS[verb]]
    if isinstance(request, Beat):
        request = Beat(room.attach(alice).topic, 0)
    if isinstance(request, Receipts):
        request = Receipts((room.send(alice, "bob"),))
    if isinstance(request, Withdraw | Decline):
        request = type(request)(a_file_to_herself(room, alice))
    caller = "new key" if isinstance(request, Signup | Login) else alice
    if isinstance(request, Block | Unblock | Passwd | Logout):
        room.ask(caller, request)
        return  # what these answer to a repetition has tests of its own
    assert room.ask(caller, request) == room.ask(caller, request)


def test_errors_of_a_handler_become_refusals(room: Room) -> None:
    async def full() -> list[Effect]:
        raise StoreError("the broker's disk is full", fatal=False)

    async def bad() -> list[Effect]:
        raise ProtocolError("nonsense")

    (refusal,) = room.drive(guarded(full()))
    assert isinstance(refusal, Refuse)
    assert refusal.error.code is ErrorCode.STORAGE
    assert "disk is full" in refusal.error.message
    (refusal,) = room.drive(guarded(bad()))
    assert isinstance(refusal, Refuse)
    assert refusal.error.code is ErrorCode.BAD_REQUEST


def test_a_fault_of_our_own_is_not_taken_for_a_refusal(room: Room) -> None:
    # The loop logs it with its trace and answers 'internal'.
    async def broken() -> list[Effect]:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        room.drive(guarded(broken()))
    assert room.start("unknown", Whoami())
