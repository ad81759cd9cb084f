"""Every store: accounts, the devices bound to them, blacklists."""

import pytest

from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.records import (
    Account,
    Device,
    Group,
    NameTakenError,
    PasswordChangedError,
    UserRow,
)
from cnmessage_protocol.ids import UserName
from tests.contract.conftest import Desk


def test_an_epoch_has_16_bytes_and_does_not_change_while_the_store_is_open(store: Store, desk: Desk) -> None:
    before = store.epoch
    desk.account("alice")
    assert len(before) == 16
    assert store.epoch == before


def test_a_new_account_is_found_by_name_and_by_id(store: Store) -> None:
    alice = store.create_account(UserName("alice"), "hash", 17)
    assert (alice.name, alice.password, alice.created) == ("alice", "hash", 17)
    assert store.account_by_name("alice") == alice
    assert store.account(alice.id) == alice


def test_a_new_account_has_an_empty_inbox_and_was_away_since_ever(store: Store, desk: Desk) -> None:
    marks = store.marks(desk.account("alice").id)
    assert (marks.head, marks.read, marks.received) == (0, 0, 0)
    assert (marks.away_from, marks.away_upto) == (0, None)


def test_an_unknown_account_is_none(store: Store, desk: Desk) -> None:
    alice = desk.account("alice")
    assert store.account_by_name("bob") is None
    assert store.account_by_name("") is None
    assert store.account(alice.id + 1) is None
    assert store.account(0) is None


def test_a_name_is_taken_once_and_the_first_account_stays(store: Store, desk: Desk) -> None:
    alice = desk.account("alice")
    with pytest.raises(NameTakenError):
        store.create_account(UserName("alice"), "another hash", 2)
    assert store.account_by_name("alice") == alice
    assert [row.name for row in store.users("", 10)] == ["alice"]


def test_ids_differ(desk: Desk) -> None:
    accounts = desk.accounts("alice", "bob", "carol")
    assert len({each.id for each in accounts}) == 3


def test_users_come_in_order_of_name_in_pages(store: Store, desk: Desk) -> None:
    # '-' < '.' < digits < '_' < letters: the order of ASCII, the same in every backend.
    names = ["bob", "a_b", "a.b", "a-b", "alice", "a0", "a"]
    desk.accounts(*names)
    in_order = [row.name for row in store.users("", 100)]
    assert in_order == sorted(names)
    assert [row.name for row in store.users("", 2)] == in_order[:2]
    assert [row.name for row in store.users(in_order[1], 3)] == in_order[2:5]
    assert [row.name for row in store.users("aa", 100)] == ["alice", "bob"]
    assert list(store.users("bob", 100)) == []


def test_last_seen_is_none_until_online_and_then_the_last_coming_or_going(store: Store, desk: Desk) -> None:
    alice = desk.account("alice")
    assert list(store.users("", 9)) == [UserRow(alice.id, alice.name, None)]
    desk.present(alice, online=True, now=50)
    assert store.users("", 9)[0].last_seen == 50
    desk.present(alice, online=False, now=70)
    assert store.users("", 9)[0].last_seen == 70


def test_a_bound_device_is_found_by_its_key(store: Store, desk: Desk) -> None:
    alice = desk.account("alice")
    device = store.bind_device("key", alice.id, "laptop", 5)
    assert (device.key, device.account, device.label) == ("key", alice.id, "laptop")
    assert (device.created, device.last_seen) == (5, 5)
    assert store.device("key") == device
    assert list(store.devices(alice.id)) == [device]
    assert store.device("other") is None


def test_devices_are_listed_in_order_of_id_and_only_ones_own(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    mine = [store.bind_device(f"z{9 - number}", alice.id, "", number) for number in range(5)]
    theirs = store.bind_device("a", bob.id, "", 9)
    assert list(store.devices(alice.id)) == mine
    assert list(store.devices(bob.id)) == [theirs]
    assert [each.id for each in mine] == sorted(each.id for each in mine)


def test_the_same_binding_again_keeps_its_id_and_takes_the_new_label(store: Store, desk: Desk) -> None:
    alice = desk.account("alice")
    first = store.bind_device("key", alice.id, "old", 5)
    again = store.bind_device("key", alice.id, "new", 9)
    assert again == Device(first.id, "key", alice.id, "new", 5, 9)
    assert store.device("key") == again
    assert list(store.devices(alice.id)) == [again]


def test_a_key_bound_to_another_account_leaves_the_first(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    first = store.bind_device("key", alice.id, "", 5)
    second = store.bind_device("key", bob.id, "", 6)
    assert second.id != first.id
    assert store.device("key") == second
    assert list(store.devices(alice.id)) == []
    assert list(store.devices(bob.id)) == [second]


def test_an_unbound_id_is_not_given_to_the_next_device(store: Store, desk: Desk) -> None:
    # 'sessions revoke 7' typed a little late must not log out a newer session.
    alice = desk.account("alice")
    gone = store.bind_device("key", alice.id, "", 5)
    store.unbind_device(alice.id, gone.id)
    assert store.bind_device("key", alice.id, "", 6).id > gone.id


def test_unbinding_gives_the_device_once(store: Store, desk: Desk) -> None:
    alice = desk.account("alice")
    device = store.bind_device("key", alice.id, "", 5)
    kept = store.bind_device("kept", alice.id, "", 5)
    assert store.unbind_device(alice.id, device.id) == device
    assert store.unbind_device(alice.id, device.id) is None
    assert store.device("key") is None
    assert list(store.devices(alice.id)) == [kept]


def test_nobody_unbinds_anothers_device(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    device = store.bind_device("key", alice.id, "", 5)
    assert store.unbind_device(bob.id, device.id) is None
    assert store.device("key") == device


def test_a_new_password_unbinds_all_but_the_kept_key(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    gone = [store.bind_device(key, alice.id, "", 5) for key in ("one", "two")]
    kept = store.bind_device("kept", alice.id, "", 5)
    theirs = store.bind_device("theirs", bob.id, "", 5)
    unbound = store.change_password(alice.id, "new hash", "kept")
    assert sorted(unbound, key=lambda device: device.id) == gone
    assert list(store.devices(alice.id)) == [kept]
    assert store.device("one") is None
    assert store.device("theirs") == theirs
    changed = Account(alice.id, alice.name, "new hash", alice.created)
    assert store.account(alice.id) == changed
    assert store.account_by_name("alice") == changed
    assert store.account_by_name("bob") == bob


def test_a_devices_last_use_is_exact_to_the_minute(store: Store, desk: Desk) -> None:
    alice = desk.account("alice")
    store.bind_device("key", alice.id, "", 1000)

    for now in (2000, 900):  # the clock may go back
        store.commit(Group(seen={"key": now, "unknown": now}))
        device = store.device("key")
        assert device is not None
        assert list(store.devices(alice.id)) == [device]
        assert device.last_seen == now
    assert store.device("unknown") is None


def test_nobody_is_bound_by_a_password_that_was_changed_meanwhile(store: Store, desk: Desk) -> None:
    alice = desk.account("alice")
    store.bind_device("key", alice.id, "", 1, password=alice.password)
    store.change_password(alice.id, "another", "key", was=alice.password)
    with pytest.raises(PasswordChangedError):
        store.bind_device("thief", alice.id, "", 1, password=alice.password)
    with pytest.raises(PasswordChangedError):
        store.change_password(alice.id, "a third", "thief", was=alice.password)
    assert [each.key for each in store.devices(alice.id)] == ["key"]
    changed = store.account(alice.id)
    assert changed is not None
    assert changed.password == "another"


def test_a_block_holds_until_it_is_taken_off(store: Store, desk: Desk) -> None:
    alice, bob, carol = desk.accounts("alice", "bob", "carol")
    assert store.block(alice.id, bob.id) is True
    assert store.block(alice.id, bob.id) is False
    assert store.block(alice.id, carol.id) is True
    assert store.unblock(alice.id, bob.id) is True
    assert store.unblock(alice.id, bob.id) is False
    assert list(store.blocked_by(alice.id)) == ["carol"]
    assert store.block(alice.id, bob.id) is True


def test_a_block_works_one_way_only(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    store.block(alice.id, bob.id)
    assert set(store.blockers_of(bob.id)) == {alice.id}
    assert set(store.blockers_of(alice.id)) == set()
    assert list(store.blocked_by(bob.id)) == []
    assert store.unblock(bob.id, alice.id) is False


def test_the_blocked_are_listed_in_order_of_name(store: Store, desk: Desk) -> None:
    alice, *others = desk.accounts("alice", "zoe", "bob", "mia")
    for other in others:
        store.block(alice.id, other.id)
        store.block(other.id, others[0].id) if other != others[0] else None
    assert list(store.blocked_by(alice.id)) == ["bob", "mia", "zoe"]
    assert set(store.blockers_of(others[0].id)) == {alice.id, others[1].id, others[2].id}
