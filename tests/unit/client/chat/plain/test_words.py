"""The lines of the plain screen, for a person and for a program."""

import pytest

from cnmessage_client.chat.plain.words import mark_line, message_line
from cnmessage_client.chat.talk.entries import Mark, Said
from tests.support.pipes import FILE, own, said

BREAKS = [
    (
        said("one\n  two\n\nC:\\new\tend"),
        "bob: one\n           two\n         \n         C:\\new\tend",
        r"bob: one\n  two\n\nC:\\new\tend",
    ),
    (
        said("see page 3\nand 4", file=FILE, kind="file"),
        "bob: [file] a.pdf, 1.2 MiB · /files get 1a2b3c4d\n         see page 3\n         and 4",
        r"bob: [file] a.pdf, 1.2 MiB · /files get 1a2b3c4d · see page 3\nand 4",
    ),
    (
        said("", file=FILE, kind="file", gone="expired"),
        "bob: [file] a.pdf, 1.2 MiB · expired",
        "bob: [file] a.pdf, 1.2 MiB · expired",
    ),
    (
        said("12\n12:00:00 carol: forged"),
        "bob: 12\n         12:00:00 carol: forged",
        r"bob: 12\n12:00:00 carol: forged",
    ),
    (said(""), "bob: ", "bob: "),
]


@pytest.mark.parametrize(("entry", "person", "program"), BREAKS)
def test_a_person_gets_rows_under_each_other_and_a_program_one_line(
    entry: Said, person: str, program: str
) -> None:
    assert message_line(entry, person=True) == f"12:03:07 {person}"
    assert message_line(entry) == f"12:03:07 {program}"


def test_a_mark_is_one_line_for_both() -> None:
    failed = own(Mark.FAILED, "C:\\one\ntwo", reason="no\nsuch user")
    assert mark_line(failed, person=True) == "[failed] → bob: C:\\one… · no such user · /retry"
    assert mark_line(failed) == r"[failed] → bob: C:\\one\ntwo · no\nsuch user · /retry"
    assert mark_line(own(Mark.STORED, "x" * 61), person=True) == f"[stored] → bob: {'x' * 60}…"
