"""Which rows are on the screen: always a piece of the whole, and never another one because of what comes."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cnmessage_client.chat.screen.cells import Row
from cnmessage_client.chat.screen.drawing import day_rule, draw
from cnmessage_client.chat.screen.scrollback import MOST_ROWS, Drawn, Scrollback
from cnmessage_client.chat.screen.theme import Theme
from cnmessage_client.chat.talk.entries import Entry, Mark, Note, Preview, Said
from tests.support.stage import NOON, numbered, said

TODAY = NOON.date()


def drawn(entry: Entry, width: int) -> list[Row]:
    return draw(entry, width, Theme(colour=False))


def scrollback() -> Scrollback:
    return Scrollback(Drawn(drawn), lambda: TODAY)


def text(rows: list[Row]) -> list[str]:
    return ["".join(part for _, part in row) for row in rows]


def whole(entries: list[Entry], width: int) -> list[str]:
    """All rows there are."""
    rows: list[Row] = []
    for place, entry in enumerate(entries):
        rule = day_rule(entries, place, TODAY)
        rows += [] if rule is None else drawn(rule, width)
        rows += drawn(entry, width)
    return text(rows)


_ENTRIES = st.lists(st.tuples(st.integers(1, 12), st.integers(-2, 0), st.booleans()), max_size=25).map(
    lambda sizes: [
        Note(f"note {place}")
        if is_note
        else said("\n".join(f"{place}.{row}" for row in range(size)), place + 86400 * day)
        for place, (size, day, is_note) in enumerate(sizes)
    ]
)


@given(_ENTRIES, st.integers(1, 15), st.lists(st.sampled_from("uuudd"), max_size=30))
def test_what_is_seen_is_a_piece_of_the_whole_and_pages_lead_from_one_end_to_the_other(
    entries: list[Entry], height: int, moves: list[str]
) -> None:
    view, every = scrollback(), whole(entries, 40)
    shown = text(view.visible(entries, 40, height))
    assert shown == every[-height:]
    top = max(0, len(every) - height)
    for move in moves:
        if move == "u":
            assert view.up(entries) is (top > 0)
            top = max(0, top - max(1, height - 1))
        else:
            view.down(entries)
            top = min(max(0, len(every) - height), top + max(1, height - 1))
        shown = text(view.visible(entries, 40, height))
        assert shown == every[top : top + height]
        assert view.at_end is (top == max(0, len(every) - height))


@given(_ENTRIES, st.integers(2, 10), st.integers(1, 4), st.integers(0, 5), st.integers(0, 5))
def test_neither_what_comes_nor_what_is_loaded_nor_a_mark_moves_who_reads(
    entries: list[Entry], height: int, pages: int, below: int, above: int
) -> None:
    view = scrollback()
    view.visible(entries, 40, height)
    for _ in range(pages):
        view.up(entries)
    before = text(view.visible(entries, 40, height))
    if view.at_end:
        return
    entries += numbered(below, 1000)
    entries[:0] = numbered(above, -10 * 86400)
    entries[:] = [replace(each, seq=1) if isinstance(each, Said) else each for each in entries]
    after = text(view.visible(entries, 40, height))
    # Which messages begin a day may be another matter now.
    stayed, others = (tuple(row for row in rows if "──" not in row) for rows in (before, after))
    seen = min(len(stayed), len(others))
    assert stayed[:seen] == others[:seen]


def test_a_new_mark_keeps_the_place_also_of_a_preview() -> None:
    entries: list[Entry] = [*numbered(10), Preview(said("p", 10)), said("mine", 11), *numbered(30, 12)]
    for page in (18, 19):
        view = scrollback()
        view.visible(entries, 40, 13)
        view._anchor, view._back = entries[page - 8], 1
        before = text(view.visible(entries, 40, 13))
        marked: list[Entry] = [
            replace(each, seq=1)
            if isinstance(each, Said)
            else Preview(replace(each.said, seq=1))
            if isinstance(each, Preview)
            else each
            for each in entries
        ]
        assert text(view.visible(marked, 40, 13)) == before
        assert not view.at_end


def test_when_what_was_read_is_gone_the_oldest_is_shown_and_when_all_is_gone_nothing() -> None:
    entries = numbered(100)
    view = scrollback()
    view.visible(entries, 40, 10)
    view.up(entries)
    del entries[:95]
    assert text(view.visible(entries, 40, 3)) == whole(entries, 40)[:3]
    assert not view.at_end
    entries.clear()
    assert view.visible(entries, 40, 10) == []
    assert view.up(entries) is False
    view.down(entries)
    assert view._anchor is None


def test_another_width_keeps_the_entry_that_is_read() -> None:
    entries: list[Entry] = [said("word " * 60, number) for number in range(20)]
    view = scrollback()
    view.visible(entries, 80, 10)
    for _ in range(3):
        view.up(entries)
    anchor = view._anchor
    for width in (30, 200, 40, 80):
        assert view.visible(entries, width, 10)
        assert view._anchor is anchor
    while view.up(entries):
        pass
    view.visible(entries, 200, 10)
    assert not view.up(entries)


# -- the cache --------------------------------------------------------------------------------------


def test_each_entry_is_drawn_once_for_a_width_and_what_is_kept_is_bounded() -> None:
    count = 0

    def counted(entry: Entry, width: int) -> list[Row]:
        nonlocal count
        count += 1
        return drawn(entry, width)

    cache = Drawn(counted)
    view = Scrollback(cache, lambda: date(2026, 11, 25))
    entries = numbered(20)
    for _ in range(5):
        view.visible(entries, 80, 10)
    assert count <= 11
    view.visible(entries, 40, 10)
    assert count <= 22
    for number in range(3000):
        entries.append(said("a\nb\nc\nd", number))
        view.visible(entries, 80, 10)
        assert len(cache) <= MOST_ROWS + 50
    assert len(cache._kept) < 1500
    assert len(cache) == sum(len(kept[2]) for kept in cache._kept.values())


def test_what_is_on_the_screen_is_kept_however_much_it_is() -> None:
    count = 0

    def counted(entry: Entry, width: int) -> list[Row]:
        nonlocal count
        count += 1
        return drawn(entry, width)

    cache = Drawn(counted)
    view = Scrollback(cache, lambda: TODAY)
    entries: list[Entry] = [said("x\n" * MOST_ROWS, 1), said("y", 2), said("z\n" * MOST_ROWS, 3)]
    view.visible(entries, 80, MOST_ROWS + 10)
    drawn_once = count
    for _ in range(10):
        view.visible(entries, 80, MOST_ROWS + 10)
    assert count == drawn_once == 3
    entries += numbered(50, 10)
    for _ in range(3):
        view.visible(entries, 80, 10)
    assert len(cache) <= MOST_ROWS


def test_a_mark_in_the_middle_of_a_view_is_drawn() -> None:
    entries = numbered(5)
    view = scrollback()
    view.visible(entries, 80, 10)
    entries[2] = said("line 2", 2, "alice", mark=Mark.DELIVERED)
    assert text(view.visible(entries, 80, 10))[2].endswith("line 2 ✓✓")


def test_rules_are_told_by_the_local_day() -> None:
    entries: list[Entry] = [said("x"), replace(said("y", 1), time=NOON + timedelta(days=1))]
    assert [row[:5] for row in text(scrollback().visible(entries, 40, 10))] == ["12:03", "── Th", "12:03"]
