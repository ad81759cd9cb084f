"""Times as people write them."""

import re
from datetime import UTC, datetime, timedelta, timezone

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_client.shell.read.times import Moment, Span, When, parse_moment

NOW = datetime(2026, 3, 1, 12, 30, 15, 999, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("3d", timedelta(days=3)),
        ("1w", timedelta(weeks=1)),
        ("2h30m", timedelta(hours=2, minutes=30)),
        ("1w2d3h4m5s", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5)),
        (" 0s ", timedelta()),
    ],
)
def test_a_span_means_so_long_ago(text: str, ago: timedelta) -> None:
    assert parse_moment(text, NOW) == NOW - ago


def test_a_clock_time_is_today_in_the_zone_of_now() -> None:
    assert parse_moment("09:30", NOW) == datetime(2026, 3, 1, 9, 30, tzinfo=NOW.tzinfo)
    assert parse_moment("9:05", NOW) == datetime(2026, 3, 1, 9, 5, tzinfo=NOW.tzinfo)


def test_today_and_yesterday_begin_at_midnight_in_the_zone_of_now() -> None:
    assert parse_moment("today", NOW) == datetime(2026, 3, 1, tzinfo=NOW.tzinfo)
    assert parse_moment(" Yesterday ", NOW) == datetime(2026, 2, 28, tzinfo=NOW.tzinfo)


def test_a_time_that_depends_on_the_clock_is_told_from_others() -> None:
    relative = [When(text).relative for text in ("2h30m", "1w", "today", "YESTERDAY", "9:30")]
    assert (relative, When("2026-03-01").relative) == ([True] * 5, False)


def test_what_is_no_time_is_answered_with_every_form_there_is() -> None:
    with pytest.raises(click.BadParameter) as caught:
        Moment().convert("soon", None, None)
    forms = re.findall(r"\b(?:today|yesterday|\d+[smhdw][\dm]*|\d\d:\d\d|2026-03-01)\b", caught.value.message)
    assert {form[-1] for form in forms} >= set("smdw")
    for form in forms:
        assert parse_moment(form, NOW) <= NOW


def test_dates_and_full_times_are_understood() -> None:
    assert parse_moment("2026-03-01T09:30Z", NOW) == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert parse_moment("2026-03-01 09:30+02:00", NOW) == datetime(2026, 3, 1, 7, 30, tzinfo=UTC)
    for text in ("2026-03-01", "2026-03-01T09:30", "2026-03-01 09:30"):
        moment = parse_moment(text, NOW)
        assert moment.tzinfo is not None
        assert moment.replace(tzinfo=None) == datetime.fromisoformat(text)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "25:00", "09:60", "12", "-5m", "5 m", "2026-13-01", "999999w", "30m2h", "2h2h", "2h 30m"],
)
def test_what_is_no_time_is_a_value_error_and_nothing_else(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the type's caller writes the text
        parse_moment(text, NOW)


@given(
    st.text(max_size=12) | st.from_regex(r"\A[0-9]{1,6}[smhdw]\Z") | st.from_regex(r"\A[0-9:TZ+ -]{1,25}\Z")
)
def test_no_text_makes_anything_but_a_moment_or_a_value_error(text: str) -> None:
    try:
        moment = parse_moment(text, NOW)
    except ValueError:
        return
    assert moment.tzinfo is not None


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        (" 2w ", timedelta(weeks=2)),
        ("1d12h", timedelta(hours=36)),
        ("3650d", timedelta(days=3650)),
    ],
)
def test_a_span_to_come_is_written_in_the_same_way(text: str, span: timedelta) -> None:
    assert Span().convert(text, None, None) == span


@pytest.mark.parametrize("text", ["", "0s", "7", "d", "-7d", "7 d", "3651d", "999999w", "٣d", "never"])
def test_what_is_no_span_says_how_to_write_one(text: str) -> None:
    with pytest.raises(click.BadParameter, match="90s, 15m, 2h, 7d or 2w"):
        Span().convert(text, None, None)
