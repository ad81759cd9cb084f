"""What the list of files says of each."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from cnmessage_client.model import FileInfo, FileStatus, RecipientState
from cnmessage_client.shell.oneshot import ProcessSurface
from cnmessage_client.shell.out.listing import HEADS, can_be_fetched, cut_in_the_middle, file_row, state_of
from cnmessage_client.shell.out.render import Renderer, in_units

TIME = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ID = "1a2b3c4d-0000-4000-8000-000000000001"


class WideSurface(ProcessSurface):
    """A terminal of a width, without colour; keeps what is shown."""

    person = True
    colour = False

    def __init__(self, width: int) -> None:
        self._columns = width
        self.text = ""

    @property
    def width(self) -> int:
        return self._columns

    def out(self, text: str) -> None:
        self.text += text


def _file(*recipients: tuple[str, Any, int], state: FileStatus = "stored") -> FileInfo:
    states = tuple(RecipientState(*each) for each in recipients)
    return FileInfo(ID, "a.txt", 200, "ab" * 32, "alice", "look", TIME, None, state, states)


@pytest.mark.parametrize(
    ("info", "sent", "said"),
    [
        (_file(("bob", "done", 200), ("carol", "fetching", 86)), True, "bob done, carol fetching 43 %"),
        (_file(("bob", "done", 200), ("carol", "expired", 0), state="expired"), True,
         "expired; bob done, carol expired"),
        (_file(("bob", "offered", 0), state="withdrawn"), True, "withdrawn; bob offered"),
        (_file(state="uploading"), True, "uploading"),
        (_file(*[(f"u{number}", "offered" if number else "done", 0) for number in range(9)]), True,
         "1 done, 8 offered"),
        (_file(*[(f"a-rather-long-name-{number}", "offered", 0) for number in range(3)]), True, "3 offered"),
        (_file(("bob", "offered", 0)), False, "offered"),
        (_file(("bob", "fetching", 1)), False, "fetching 0 %"),
        (_file(("bob", "done", 200), state="expired"), False, "done"),
        (_file(("bob", "fetching", 1), state="withdrawn"), False, "withdrawn"),
    ],
)  # fmt: skip
def test_the_state_is_told_in_words(info: FileInfo, sent: bool, said: str) -> None:
    assert state_of(info, sent=sent) == said


def test_only_what_is_stored_and_neither_here_nor_given_up_is_fetched_with_all() -> None:
    for state in ("offered", "fetching"):
        assert can_be_fetched(_file(("bob", state, 0)))
    for state in ("done", "failed"):
        assert not can_be_fetched(_file(("bob", state, 0)))
    for ended in ("withdrawn", "expired"):
        assert not can_be_fetched(_file(("bob", "offered", 0), state=ended))


def test_a_person_gets_short_ids_and_a_program_all_of_it() -> None:
    info = _file(("bob", "fetching", 86))
    renderer = Renderer(ProcessSurface(), as_json=False, quiet=False)
    values, line = file_row(renderer, info, sent=True)
    assert values == {**info.as_json(), "direction": "sent"}
    assert line == (
        ID, "sent", "a.txt", "200", "ab" * 32, "alice", "2026-03-01T09:30:00.000Z", "", "stored",
        "bob:fetching:86", "look",
    )  # fmt: skip
    renderer.for_person = True
    _, row = file_row(renderer, info, sent=False)
    assert len(row) == len(HEADS)
    assert row[:4] == ("1a2b3c4d", "a.txt", "200 bytes", "from alice")


LONG_NAME = "Quarterly report of the department for infrastructure, final version 3 (reviewed).pdf"


@pytest.mark.parametrize(
    ("name", "most", "shown"),
    [
        ("a.txt", 20, "a.txt"),
        ("x" * 20, 20, "x" * 20),
        ("x" * 21, 20, "x" * 9 + "…" + "x" * 10),
        (LONG_NAME, 30, "Quarterly report of…iewed).pdf"),
        ("\u6587" * 30 + ".pdf", 20, "\u6587" * 4 + "…" + "\u6587" * 3 + ".pdf"),
        ("e\u0301" * 30, 20, "e\u0301" * 9 + "…" + "e\u0301" * 10),
    ],
)
def test_a_long_name_is_cut_where_it_says_least(name: str, most: int, shown: str) -> None:
    assert cut_in_the_middle(name, most) == shown
    assert cell_len(shown) <= most


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("name", [LONG_NAME, "l" * 255, "\u00fc" * 120, "\u6587" * 80, "a\nb" * 60])
def test_a_row_of_the_list_takes_few_lines_however_long_its_names_are(width: int, name: str) -> None:
    surface = WideSurface(width)
    renderer = Renderer(surface, as_json=False, quiet=False)
    people = [(f"user-number-{number}", "offered", 0) for number in range(4)]
    files = [
        replace(_file(("bob", "offered", 0)), name=name),
        replace(_file(*people[:2]), name=name),
        replace(_file(*people), name=name),
    ]
    for info in files:
        surface.text = ""
        renderer.table(HEADS, [file_row(renderer, info, sent=True)])
        rows = surface.text.splitlines()[1:]
        assert 1 <= len(rows) <= (4 if width == 80 else 2)
        assert all(cell_len(row) <= width for row in rows)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        ((1 << 20) - 1, "1.0 MiB"),
        (1 << 20, "1.0 MiB"),
        (1_300_000, "1.2 MiB"),
        (4 << 30, "4.0 GiB"),
        (9 << 50, "9216.0 TiB"),
    ],
)
def test_sizes_are_told_in_binary_units(size: int, said: str) -> None:
    assert in_units(size) == said
