"""The gate: how many connections an address may hold, how fast it may open more, looser for this machine."""

import pytest

from cnmessage_broker.net.gate import LOOPBACK_FACTOR, Gate, GateLimits, is_loopback, network_of

FAR, OTHER, NEAR = "10.0.0.1", "10.0.0.2", "127.0.0.1"


def a_gate(total: int = 1000, of_address: int = 1000, burst: int = 1000, rate: float = 1.0) -> Gate:
    return Gate(GateLimits(total, of_address, burst, rate))


def stayed(gate: Gate, address: str, count: int, now: float = 0.0) -> int:
    """How many of so many connections may stay; the others leave, as those who are cut do."""
    staying = 0
    for _ in range(count):
        if gate.opened(now, address) is None:
            staying += 1
        else:
            gate.closed(address)
    return staying


def test_an_address_may_hold_so_many_and_others_do_not_pay_for_it() -> None:
    gate = a_gate(of_address=5)
    assert stayed(gate, FAR, 8) == 5
    assert stayed(gate, OTHER, 5) == 5


def test_who_leaves_makes_room() -> None:
    gate = a_gate(of_address=2)
    assert stayed(gate, FAR, 3) == 2
    gate.closed(FAR)
    assert stayed(gate, FAR, 1) == 1


def test_an_address_may_connect_so_fast() -> None:
    gate = a_gate(burst=3, rate=0.5)
    assert stayed(gate, FAR, 9, now=0.0) == 3
    assert stayed(gate, FAR, 9, now=4.0) == 2
    assert stayed(gate, OTHER, 3, now=4.0) == 3


def test_this_machine_is_given_more_and_not_without_end_as_fast_as_it_likes() -> None:
    gate = a_gate(of_address=2, burst=1)
    assert stayed(gate, NEAR, 1000) == 2 * LOOPBACK_FACTOR


def test_all_together_have_a_bound() -> None:
    gate = a_gate(total=4)
    assert stayed(gate, FAR, 4) == 2, "an address has half of them at most"
    assert not gate.full
    assert stayed(gate, OTHER, 1) == 1
    assert stayed(gate, "10.0.0.3", 2) == 1
    assert gate.full


def test_a_far_network_of_version_6_counts_as_one_address() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert [network_of(each) for each in ("10.0.0.1", "::1", "x")] == ["10.0.0.1", "::1", "x"]
    assert not is_loopback(network_of("2001:db8::1"))


@pytest.mark.parametrize(
    ("address", "near"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("10.0.0.1", False), ("", False), ("x", False)],
)
def test_what_counts_as_this_machine(address: str, near: bool) -> None:
    assert is_loopback(address) is near
