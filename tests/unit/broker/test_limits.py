"""Budgets: a burst at once, then a rate, for each subject by itself."""

import pytest

from cnmessage_broker.limits import MAX_SUBJECTS, Budget


def spent(budget: Budget[str], subject: str, now: float, amount: float = 1.0) -> bool:
    """Spend if allowed, as handlers do."""
    if budget.wait(subject, now, amount) > 0:
        return False
    budget.spend(subject, now, amount)
    return True


def test_a_burst_may_be_spent_at_once_and_no_more() -> None:
    budget: Budget[str] = Budget(3, 0.5)
    assert [spent(budget, "a", 0.0) for _ in range(5)] == [True, True, True, False, False]


def test_after_the_burst_the_rate_counts() -> None:
    budget: Budget[str] = Budget(2, 0.5)
    assert [now for now in range(12) if spent(budget, "a", now)] == [0, 1, 2, 4, 6, 8, 10]


def test_the_wait_is_told_in_seconds_and_asking_spends_nothing() -> None:
    budget: Budget[str] = Budget(1, 0.25)
    assert budget.wait("a", 0.0) == 0.0
    assert budget.wait("a", 0.0) == 0.0
    budget.spend("a", 0.0)
    assert budget.wait("a", 0.0) == pytest.approx(4.0)
    assert budget.wait("a", 3.0) == pytest.approx(1.0)
    assert budget.wait("a", 4.0) == 0.0


def test_rest_fills_the_burst_and_not_more() -> None:
    budget: Budget[str] = Budget(2, 1.0)
    assert spent(budget, "a", 0.0)
    assert [spent(budget, "a", 1e9) for _ in range(3)] == [True, True, False]


def test_each_subject_has_its_own_budget() -> None:
    budget: Budget[str] = Budget(1, 0.1)
    assert spent(budget, "a", 0.0)
    assert spent(budget, "b", 0.0)
    assert not spent(budget, "a", 0.0)


def test_an_amount_above_the_burst_is_possible_when_rested_and_paid_for_afterwards() -> None:
    # Otherwise a list of messages larger than the burst could never be sent.
    budget: Budget[str] = Budget(10, 1.0)
    assert spent(budget, "a", 0.0, 25)
    assert budget.wait("a", 0.0) == pytest.approx(16.0)
    assert not spent(budget, "a", 15.0)
    assert spent(budget, "a", 16.0)


def test_a_rate_of_zero_is_no_limit_and_remembers_nobody() -> None:
    budget: Budget[str] = Budget(1, 0.0)
    assert all(spent(budget, "a", 0.0, 1000) for _ in range(100))
    assert not budget._left


def test_a_flood_of_subjects_forgets_the_least_lately_used() -> None:
    budget: Budget[str] = Budget(2, 0.001)
    crowd = [str(number) for number in range(MAX_SUBJECTS - 2)]
    for subject in ("a", "b", *crowd, "a", "last"):
        budget.spend(subject, 0.0)
    assert len(budget._left) == MAX_SUBJECTS
    budget.spend("one more", 0.0)
    assert len(budget._left) == MAX_SUBJECTS
    assert budget.wait("a", 0.0) > 0  # used lately: still known, and empty
    assert [spent(budget, "b", 0.0) for _ in range(3)] == [True, True, False]  # forgotten: a fresh burst
