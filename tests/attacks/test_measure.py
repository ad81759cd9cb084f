"""The ledger sees what it is there to see: a judge that notices nothing would praise everything."""

import json

from tests.attacks.brokers import Holding
from tests.attacks.ground import Attack, Ground
from tests.attacks.measure import Latency, Ledger, Window
from tests.attacks.report import GROWTH, LIMIT, faults, markdown
from tests.attacks.run import Found, Plan


def _nothing(_: Ground) -> None:
    return


def _ledger(*said: dict[str, object]) -> Ledger:
    ledger = Ledger()
    for each in said:
        ledger.take(json.dumps(each))
    return ledger


def _letter(number: int, *, shown: int = 1) -> list[dict[str, object]]:
    return [
        {"event": "sent", "number": number, "by": 0, "to": 1, "at": float(number)},
        {"event": "acked", "number": number, "at": number + 0.25},
        *[{"event": "shown", "number": number, "by": 1, "at": number + 0.5}] * shown,
    ]


def test_a_message_that_a_later_one_overtook_for_good_is_lost_and_the_last_one_is_late() -> None:
    ledger = _ledger(*_letter(1, shown=0), *_letter(2), *_letter(3, shown=0), {"event": "ended"})
    assert ledger.ended
    assert (ledger.lost(), ledger.late(), ledger.doubled(), ledger.disordered()) == (1, 1, 0, 0)
    assert ledger.unsettled(3.5) == 2


def test_messages_shown_twice_or_out_of_order_are_counted() -> None:
    first, second = _letter(1), _letter(2)
    ledger = _ledger(first[0], second[0], second[1], second[2], first[1], first[2], second[2])
    assert (ledger.lost(), ledger.late(), ledger.doubled(), ledger.disordered()) == (0, 0, 1, 1)


def test_latencies_are_those_of_what_was_sent_in_the_window_and_what_is_open_counts_until_now() -> None:
    ledger = _ledger(*_letter(1), {"event": "sent", "number": 9, "by": 0, "to": 1, "at": 9.0})
    assert ledger.latency([Window(0.0, 5.0)], 20.0) == Latency(250.0, 250.0, 500.0)
    assert ledger.latency([Window(5.0, 10.0)], 20.0).ack_p99 == 11_000.0


def test_a_newcomer_who_was_let_in_only_after_the_attack_was_kept_out() -> None:
    ledger = _ledger(
        {"event": "new", "number": 0, "at": 1.0},
        {"event": "joined", "number": 0, "at": 1.5},
        {"event": "new", "number": 1, "at": 2.0},
        {"event": "joined", "number": 1, "at": 6.0},
        {"event": "new", "number": 2, "at": 4.5},
    )
    assert ledger.kept_out(Window(0.0, 5.0)) == 1
    assert ledger.newcomers(Window(0.0, 5.0), 14.5) == [0.5, 4.0, 10.0]


def test_every_rule_that_is_broken_is_told_and_stands_in_the_report() -> None:
    found = Found(Attack("a-name", 4, "what it does", _nothing), rounds=1, tried=7)
    found.control = found.attacked = Latency(1.0, 10.0, 20.0)
    assert faults(found) == []
    found.attacked = Latency(1.0, 10.0 * LIMIT + 1, 20.0)
    found.deaths, found.lost, found.leaked, found.kept_out = ["exit -6"], 1, 2, 3
    found.peak = Holding(GROWTH + 1, 9)
    told = faults(found)
    assert told == [
        "the broker died (exit -6)",
        "1 lost",
        "2 leaked",
        "3 kept out",
        "257 MiB more",
        "p99 is 2.1 times the control's",
    ]
    assert "; ".join(told) in markdown([found], Plan(), 1.0)
