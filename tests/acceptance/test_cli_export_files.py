"""`export --files`: each file that is still to be had, once, under its own name; the others are named."""

import json
import re
import signal
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.acceptance.conftest import Cli
from tests.support.harness import eventually


class Links(HTMLParser):
    """Where the links of a page lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append(unquote(dict(attrs)["href"] or ""))


def offer(cli: Cli, folder: Path, sender: str, to: str, name: str, content: str) -> str:
    """A file that is sent; gives its id."""
    path = folder / content / name
    path.parent.mkdir()
    path.write_text(content)
    (sent,) = cli.ok("--profile", sender, "files", "send", to, str(path), "--json", "--quiet").objects[-1:]
    return str(sent["id"])


def offered(cli: Cli, folder: Path, me: str, other: str) -> None:
    """Two of a name, one of our own, one with a strange name, and one that was taken back."""
    cli.accounts(me, other)
    offer(cli, folder, other, me, "a.txt", "one")
    offer(cli, folder, other, me, "a.txt", "two")
    offer(cli, folder, me, other, "own.txt", "three")
    offer(cli, folder, other, me, 'we ird (é) ?#%&"].txt', "four")
    gone = offer(cli, folder, other, me, "gone.txt", "five")
    cli.ok("--profile", other, "files", "rm", gone)


CONTENTS = ["one", "two", "three", "four", None]


def test_files_are_beside_the_export_which_names_each_and_says_which_is_gone(
    cli: Cli, tmp_path: Path
) -> None:
    offered(cli, tmp_path, "with1", "with2")
    place = tmp_path / "new" / "place"
    result = cli("--profile", "with1", "export", "--files", str(place), "--quiet")
    assert result.status == 8
    text = "all messages are exported; 1 file was not to be had: gone.txt (withdrawn)"
    assert result.err == f"cnmessage: {text}\n"
    files = [each["file"] for each in result.objects]
    paths = [each.pop("path") for each in files]
    assert [None if path is None else Path(path).read_text() for path in paths] == CONTENTS
    assert [Path(path).name for path in paths[:3]] == ["a.txt", "a (2).txt", "own.txt"]
    assert [each.pop("missing", None) for each in files] == [None] * 4 + ["withdrawn"]
    # Without what was said of copies they are the objects that there are without copies.
    plain = cli.ok("--profile", "with1", "export").objects
    assert [each["file"] for each in plain] == files
    states = {each["name"]: each["recipients"][0]["state"] for each in
              cli.ok("--profile", "with2", "files", "list", "--sent", "--json").objects}  # fmt: skip
    assert (states["a.txt"], states["gone.txt"]) == ("done", "offered")


@pytest.mark.parametrize("form", ["html", "md"])
def test_a_document_links_to_the_files_from_where_it_is(cli: Cli, tmp_path: Path, form: str) -> None:
    offered(cli, tmp_path, f"link1{form}", f"link2{form}")
    (tmp_path / "out").mkdir()
    document, place = tmp_path / "out" / f"x.{form}", tmp_path / "files: of a talk"
    result = cli("--profile", f"link1{form}", "export", "-o", str(document), "--files", str(place))
    assert result.status == 8
    assert result.rows[-1] == ["exported", str(document), form, "5", "4"]
    text = document.read_text()
    links = (
        Links(text).found
        if form == "html"
        else [unquote(each) for each in re.findall(r"\]\(([^)]*)\)", text)]
    )
    assert [(document.parent / each).read_text() for each in links] == CONTENTS[:4]
    assert "gone.txt, 4 bytes (withdrawn)" in text
    assert list((tmp_path / "out").iterdir()) == [document]


def test_again_it_fetches_nothing_twice_overwrites_nothing_and_has_what_is_gone_by_now(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("again-e1", "again-e2")
    first = offer(cli, tmp_path, "again-e2", "again-e1", "a.txt", "one")
    place = tmp_path / "place"
    place.mkdir()
    (place / "a.txt").write_text("mine")
    export = ("--profile", "again-e1", "export", "--files", str(place))
    before = cli.ok(*export)
    assert before.objects[0]["file"]["path"] == str(place / "a (2).txt")
    assert before.err == "receiving a (2).txt, 3 bytes\n"
    cli.ok("--profile", "again-e2", "files", "rm", first)
    assert cli.ok(*export) == (0, before.out, "")
    assert {each.name: each.read_text() for each in place.iterdir()} == {"a.txt": "mine", "a (2).txt": "one"}


def test_what_is_no_file_of_these_messages_is_not_fetched(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("only1", "only2", "only3")
    offer(cli, tmp_path, "only2", "only1", "a.txt", "one")
    offer(cli, tmp_path, "only3", "only1", "b.txt", "two")
    cli.ok("--profile", "only1", "export", "only3", "--files", str(tmp_path / "place"))
    assert [each.name for each in (tmp_path / "place").iterdir()] == ["b.txt"]


def test_progress_is_no_part_of_an_export_in_json(cli: Cli, tmp_path: Path) -> None:
    offered(cli, tmp_path, "json1", "json2")
    result = cli("--profile", "json1", "export", "--json", "--files", str(tmp_path / "place"))
    assert result.status == 8
    assert [set(each) >= {"seq", "body"} for each in result.objects] == [True] * 5
    assert json.loads(result.err.splitlines()[-1])["error"]["code"] == "partial"


def test_a_directory_that_takes_nothing_ends_it_in_a_line(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("deny1", "deny2")
    offer(cli, tmp_path, "deny2", "deny1", "a.txt", "one")
    result = cli(
        "--profile", "deny1", "export", "--files", "/proc", "-o", str(tmp_path / "x.html"), "--quiet"
    )
    assert (result.status, result.out) == (6, ""), result
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / "x.html").exists()


def test_stopped_amid_a_file_it_goes_on_with_it(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("stop-e1", "stop-e2")
    large, place = tmp_path / "large", tmp_path / "place"
    with large.open("wb") as file:
        file.truncate(256 << 20)
    cli.ok("--profile", "stop-e2", "files", "send", "stop-e1", str(large), "--quiet")
    export = ("--profile", "stop-e1", "export", "--files", str(place), "-o", str(tmp_path / "x.html"))
    with cli.start(*export) as running:
        eventually(lambda: any(each.stat().st_size for each in place.glob(".large.*")))
        assert running.end(signal.SIGINT).status == 130
    assert not (tmp_path / "x.html").exists()
    again = cli.ok(*export)
    assert "going on from" in again.err or "verifying" in again.err
    assert (place / "large").stat().st_size == 256 << 20
    assert len(list(place.iterdir())) == 1
