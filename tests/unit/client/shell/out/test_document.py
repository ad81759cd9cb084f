"""Messages written down: what each form says is what was sent, and nothing in a text is taken for more."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cnmessage_client.model import UNKNOWN, Message, MessageFile, Unknown
from cnmessage_client.shell.out.document import Copy, Document, JsonLines
from cnmessage_client.shell.out.markdown import Markdown
from cnmessage_client.shell.out.page import Page
from cnmessage_client.shell.out.safe_text import safe_text

NOON = datetime(2026, 11, 25, 12, 3, 4, tzinfo=datetime.now().astimezone().tzinfo)
FORMS: list[Callable[[], Document]] = [JsonLines, Markdown, Page]
FILE = MessageFile("018bcfe5-687b-4000-8000-00000000000a", "a (1)_x.pdf", 1234, "ab" * 32)

# What Markdown, HTML, a terminal or a URL take for more than text.
_MEANT = "\\`*_{}[]()<>#+-.!|~&=:^$@/'\"% \n\t1ab\x1b\x00\r\u202e\u2028é✓中\u200d"
TEXTS = st.one_of(
    st.text(st.sampled_from(_MEANT), min_size=1, max_size=40),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.lists(
        st.sampled_from(
            ["# a", "> b", "- c", "+ d", "1. e", "12) f", "===", "---", "```", "    code", "| a | b |",
             "&amp;", "&#65;", "<b>", "</article>", "<!--", "https://example.org/a_b", "www.example.org",
             "[a](b)", "![a](b)", "[a]: /b", "\\", "", " ", "**a**", "~~~", "***", "* * *", "$x$", "]]>"]
        ),
        min_size=1,
        max_size=6,
    ).map("\n".join).filter(bool),
)  # fmt: skip


def message(body: str, number: int = 0, *, received: bool = True, **fields: object) -> Message:
    """A message of bob to alice, or of alice to bob."""
    sender, to = ("bob", ("alice",)) if received else ("alice", ("bob",))
    values: dict[str, object] = {
        "id": "i", "seq": number + 1, "kind": "direct", "sender": sender, "to": to,
        "time": NOON + timedelta(seconds=number), "body": body, "received": received, "client_id": None,
    }  # fmt: skip
    return Message(**{**values, **fields})  # type: ignore[arg-type]


def written(form: Callable[[], Document], *entries: Message | Unknown, copy: Copy | None = None) -> str:
    """A whole document; `copy` is of each file."""
    document = form()
    of_files = [copy if isinstance(each, Message) and each.file is not None else None for each in entries]
    middle = [document.entry(entry, copied) for entry, copied in zip(entries, of_files, strict=True)]
    return "".join([document.beginning("Messages of alice_1"), *middle, document.end()])


def seen(body: str) -> str:
    """A text as a person must get to see it: whole, but for what acts on a terminal and breaks at its end."""
    return safe_text(body, lines=True)


# -- JSON Lines ------------------------------------------------------------------------------------


@given(st.lists(TEXTS, max_size=4))
def test_json_lines_hold_every_text_exactly_in_ascii_an_object_a_line(bodies: list[str]) -> None:
    entries = [message(body, number) for number, body in enumerate(bodies)]
    text = written(JsonLines, *entries)
    assert [json.loads(line) for line in text.splitlines()] == [each.as_json() for each in entries]
    assert text.isascii()


def test_json_lines_say_where_a_copy_is_or_why_there_is_none() -> None:
    offer = message("", kind="file", file=FILE)
    (plain,) = map(json.loads, written(JsonLines, offer).splitlines())
    assert plain["file"] == FILE.as_json()
    (here,) = map(json.loads, written(JsonLines, offer, copy=Copy("d/x.pdf", "d/x.pdf")).splitlines())
    assert here["file"] == {**FILE.as_json(), "path": "d/x.pdf"}
    (gone,) = map(json.loads, written(JsonLines, offer, copy=Copy(missing="expired")).splitlines())
    assert gone["file"] == {**FILE.as_json(), "path": None, "missing": "expired"}


# -- Markdown --------------------------------------------------------------------------------------


def paragraphs(text: str) -> list[str]:
    """What a reader of Markdown sees, paragraph by paragraph; fails for anything but plain text in them."""
    shown = []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        assert token.type in {"heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline"}
        words = []
        for part in token.children or ():
            assert part.type in {"text", "text_special", "hardbreak"}, part
            words.append("\n" if part.type == "hardbreak" else part.content)
        if token.type == "inline":
            shown.append("".join(words))
    return shown


@settings(max_examples=400)
@given(TEXTS)
def test_markdown_shows_every_text_as_it_is(body: str) -> None:
    heading, day, shown = paragraphs(written(Markdown, message(body)))
    assert (heading, day) == ("Messages of alice_1", "2026-11-25")
    # A space that would be left out or taken together with others is one that stays.
    whole = f"12:03:04 bob: {seen(body)}".replace("\t", " " * 4)
    assert shown.replace("\xa0", " ").rstrip() == whole.replace("\xa0", " ").rstrip()


def test_markdown_keeps_indents_and_blank_lines() -> None:
    text = written(Markdown, message("def f():\n    return  1\n\n\tend"))
    assert (
        paragraphs(text)[-1].partition(": ")[2]
        == "def f():\n\xa0\xa0\xa0\xa0return \xa01\n\n" + "\xa0" * 4 + "end"
    )


def test_markdown_makes_no_address_a_link_that_has_a_backslash_in_it() -> None:
    # Many readers make links of bare addresses, and take them as they stand.
    text = written(Markdown, message("see https://a.b/c_d and www.a.b/c_d"))
    assert re.findall(r"(?:https?://|www\.)\S*", text) == []


def test_markdown_links_to_copies_and_says_what_is_missing() -> None:
    offer = message("see *this*", kind="file", file=FILE)
    (line,) = [each for each in written(Markdown, offer).splitlines() if "[file" in each]
    assert line == r"12:03:04 bob: \[file\] a (1)\_x.pdf, 1.2 KiB" + "\\"
    text = written(Markdown, offer, copy=Copy("d/a (1)_x.pdf", "d/a%20%281%29_x.pdf"))
    tokens = MarkdownIt("commonmark").parse(text)
    links = [
        part.attrs["href"] for token in tokens for part in token.children or () if part.type == "link_open"
    ]
    assert links == ["d/a%20%281%29_x.pdf"]
    assert "1.2 KiB (expired)" in written(Markdown, offer, copy=Copy(missing="expired"))


# -- HTML ------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Reads a page as a browser does: the texts of its elements, by their class or else their tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self._open: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert [tag for tag, _ in self._open] == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        assert not {"src", "onclick", "style"} & values.keys()
        self.links += [str(values["href"])] if "href" in values else []
        if tag != "meta":
            self._open.append((tag, values.get("class") or tag))
            self.found.append((values.get("class") or tag, ""))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            name = self._open[-1][1]
            at = max(at for at, (known, _) in enumerate(self.found) if known == name)
            self.found[at] = name, self.found[at][1] + data

    def texts(self, name: str) -> list[str]:
        return [text for known, text in self.found if known == name]


@settings(max_examples=400)
@given(TEXTS)
def test_a_page_shows_every_text_as_it_is_and_nothing_in_it_is_markup(body: str) -> None:
    page = Reader(written(Page, message(body), message("after", 1)))
    assert page.texts("text") == [seen(body), "after"]
    assert (page.texts("h1"), page.texts("h2")) == (["Messages of alice_1"], ["2026-11-25"])
    assert page.links == []
    own = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "article", "p", "time", "b"}
    assert page.tags == own


def test_a_page_loads_nothing_and_is_for_any_width_in_light_and_dark() -> None:
    text = written(Page, message("x"))
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">')
    assert not re.search(r"https?:|url\(|@import|src=|<script|<link", text)
    for needed in ("default-src 'none'", "width=device-width", "prefers-color-scheme: dark", "overflow-wrap"):
        assert needed in text


def test_own_messages_are_told_apart_on_a_page() -> None:
    text = written(Page, message("theirs"), message("mine", 1, received=False))
    assert re.findall(r"<article[^>]*>", text) == ["<article>", '<article class="own">']


def test_a_page_links_to_copies_whatever_their_names_and_says_what_is_missing() -> None:
    named = MessageFile(FILE.id, '"><script>.pdf', 1, FILE.sha256)
    offer = message("", kind="file", file=named)
    page = Reader(written(Page, offer, copy=Copy("d/x", "d/%22%3E.pdf")))
    assert (page.links, page.texts("a")) == (["d/%22%3E.pdf"], [named.name])
    gone = Reader(written(Page, offer, copy=Copy(missing="withdrawn")))
    assert gone.texts("file") == [f"[file] {named.name}, 1 byte (withdrawn)"]
    assert gone.links == Reader(written(Page, offer)).links == []


# -- all -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "head"), [(Markdown, "\n## {}\n"), (Page, "<h2>{}</h2>\n")])
def test_each_day_has_one_heading(form: Callable[[], Document], head: str) -> None:
    day = timedelta(days=1)
    entries = [message("a"), message("b", 1), message("c", time=NOON + day), message("d", time=NOON + day)]
    text = written(form, *entries)
    assert [text.count(head.format(f"2026-11-{number}")) for number in (24, 25, 26)] == [0, 1, 1]


@pytest.mark.parametrize("form", FORMS)
def test_what_cannot_be_shown_is_said_to_be_there(form: Callable[[], Document]) -> None:
    text = written(form, Unknown("i", 7, "9", NOON.astimezone(UTC), received=True))
    assert UNKNOWN in text or json.loads(text) == {
        "kind": "9",
        "seq": 7,
        "id": "i",
        "time": text.split('"')[-2],
    }


@pytest.mark.parametrize("form", FORMS)
def test_a_document_of_nothing_is_one_too(form: Callable[[], Document]) -> None:
    assert written(form) == form().beginning("Messages of alice_1") + form().end()


@pytest.mark.parametrize("form", [Markdown, Page])
def test_to_whom_a_message_went_is_said_where_it_is_not_plain(form: Callable[[], Document]) -> None:
    assert "→ bob" in written(form, message("x", received=False))
    assert "→ alice, carol" in written(form, message("x", to=("alice", "carol")))
    assert "→" not in written(form, message("x"))
