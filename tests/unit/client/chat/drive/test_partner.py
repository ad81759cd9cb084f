"""Whom a file goes to when a command names nobody."""

import pytest

from cnmessage_client.chat.drive.partner import with_partner
from cnmessage_client.cli.main import cli

FILES = {"report.pdf", "carol", "Notes"}


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("sendfile report.pdf", "sendfile bob report.pdf"),
        ("sendfile nowhere.pdf", "sendfile bob nowhere.pdf"),
        ("sendfile report.pdf two.txt", "sendfile bob report.pdf two.txt"),
        ("sendfile --note hi report.pdf", "sendfile bob --note hi report.pdf"),
        ("sendfile Notes two.txt --expires 2d", "sendfile bob Notes two.txt --expires 2d"),
        ("sendfile carol report.pdf", None),
        ("sendfile dave report.pdf", None),
        ("sendfile", None),
        ("sendfile --nonsense", None),
        ("files send report.pdf", "files send bob report.pdf"),
        ("files send report.pdf Notes --note x", "files send bob report.pdf Notes --note x"),
        ("files send carol report.pdf", None),
        ("files send --to carol report.pdf", None),
        ("files get report.pdf", None),
        ("files", None),
        ("files frob report.pdf", None),
        ("getfile report.pdf", None),
        ("users", None),
    ],
)
def test_it_is_whom_one_talks_with_where_only_files_are_named(line: str, after: str | None) -> None:
    words = tuple(line.split())
    found = with_partner(cli, words, "bob", {"alice", "bob", "carol"}, FILES.__contains__)
    assert " ".join(found) == (line if after is None else after)
