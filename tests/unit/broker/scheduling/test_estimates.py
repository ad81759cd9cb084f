"""What a request will take: learned from others of its kind, dear until then, bounded."""

from cnmessage_broker.scheduling.estimates import MOST_KINDS, UNKNOWN, Estimates, kind_of


def test_what_nobody_knows_is_expected_to_be_dear() -> None:
    assert Estimates().of(kind_of("history", 20)) == UNKNOWN


def test_the_first_of_a_kind_says_what_the_next_will_take_and_later_ones_move_it() -> None:
    estimates, kind = Estimates(), kind_of("send", 100)
    estimates.learn(kind, 0.0003)
    assert estimates.of(kind) == 0.0003
    for _ in range(50):
        estimates.learn(kind, 0.001)
    assert abs(estimates.of(kind) - 0.001) < 1e-6


def test_a_kind_is_a_verb_and_about_a_size() -> None:
    assert kind_of("send", 100) == kind_of("send", 120)
    assert len({kind_of("send", 100), kind_of("send", 100_000), kind_of("history", 100)}) == 3


def test_made_up_verbs_take_no_memory_without_end() -> None:
    estimates = Estimates()
    for number in range(MOST_KINDS * 3):
        estimates.learn(kind_of(f"verb{number}", 1), 1.0)
    known = sum(estimates.of(kind_of(f"verb{number}", 1)) == 1.0 for number in range(MOST_KINDS * 3))
    assert 0 < known <= MOST_KINDS
