"""What TAB offers in the chat: commands, names after `@` and `to`, and whatever click offers for a command.

Words are read as the talk reads them, quotes and all; paths come with ~ written out, because no shell does it
here. Looks at the disk, so it is called on a thread of its own, by lineedit.py.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from click.shell_completion import CompletionItem, ShellComplete
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from cnmessage_client.chat.talk.status import Completions
from cnmessage_client.shell.out.safe_text import safe_text
from cnmessage_protocol.ids import EVERYONE

_ESCAPED = set(" '\"\\\t")
"""What the talk would take for a break between words, a quote or an escape."""

_TO_NAMES = {"to", "send", "blacklist", "block", "sendfile"}
"""Commands whose words may be users that only the chat knows yet."""


class ChatCompleter(Completer):
    """Completes for the commands of `cli`. `known` tells names and own commands, `talking` if to somebody.

    Both are called on another thread than the loop's, so they hand out what does not change any more.
    """

    def __init__(
        self,
        cli: click.Command,
        known: Callable[[], Completions],
        talking: Callable[[], bool],
        options: Sequence[str] = (),
    ) -> None:
        self._shell = ShellComplete(cli, {}, "cnmessage", "_CNMESSAGE_COMPLETE")
        self._known = known
        self._talking = talking
        self._options = list(options)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What the text before the cursor may become."""
        del complete_event
        text = document.text_before_cursor
        if "\n" in text:
            return
        yield from _as_completions(self._offers(text))

    def _offers(self, text: str) -> list["Offer"]:
        if text.startswith("@"):
            name = text[1:]
            names = (*self._known().names, EVERYONE)
            return [] if " " in name else _names(names, name, len(name))
        if self._talking():
            if not text.startswith("/"):
                return []
            text = text[1:]
        return self._command(read_words(text.removeprefix("/")))

    def _command(self, words: "Words") -> list["Offer"]:
        known = self._known()
        if not words.done:
            own = [word for word in known.words if word.startswith(words.typed)]
            clicks = [each.value for each in self._click(words)]
            return [Offer(word, words.length) for word in dict.fromkeys(sorted([*own, *clicks]))]
        first = words.done[0]
        if first == "help":
            return self._command(Words(words.done[1:], words.typed, words.length))
        if first == "to":
            names = (*known.names, EVERYONE)
            return _names(names, words.typed, words.length) if len(words.done) == 1 else []
        found = [offer for item in self._click(words) for offer in _offers(item, words)]
        if first in _TO_NAMES and not any(word.startswith("-") for word in (words.done[-1], words.typed)):
            found = _names(known.names, words.typed, words.length) + found
        return list(dict.fromkeys(found))

    def _click(self, words: "Words") -> list["CompletionItem[str]"]:
        try:
            return self._shell.get_completions([*self._options, *words.done], words.typed)
        except (click.ClickException, OSError):
            return []  # what stands before makes no sense: there is nothing to offer


@dataclass(frozen=True, slots=True)
class Words:
    """A line up to the cursor: words that are done, the one that is typed, and its length as it stands."""

    done: list[str]
    typed: str
    length: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What the last `length` characters may become; more may follow it if `open`, as in a folder."""

    text: str
    length: int
    open: bool = False


def read_words(text: str) -> Words:
    """Split as shlex does, but the last word may have an open quote or end with an escape."""
    done: list[str] = []
    word, start = "", None
    quote = ""
    characters = enumerate(text)
    for place, character in characters:
        if start is None and not character.isspace():
            start = place
        if quote == "'" or (quote and character not in '"\\'):
            word, quote = (word, "") if character == quote else (word + character, quote)
        elif character == "\\":
            word += next(characters, (0, ""))[1]
        elif character in "'\"":
            quote = "" if quote else character
        elif not character.isspace():
            word += character
        elif start is not None:
            done.append(word)
            word, start = "", None
    return Words(done, word, 0 if start is None else len(text) - start)


def escaped(word: str) -> str:
    """A word so that it is read as one."""
    return "".join(f"\\{character}" if character in _ESCAPED else character for character in word)


def _as_completions(offers: list[Offer]) -> Iterator[Completion]:
    for offer in offers:
        # A space behind the only one: the next word can be typed at once.
        end = " " if len(offers) == 1 and not offer.open else ""
        yield Completion(offer.text + end, start_position=-offer.length, display=safe_text(offer.text))


def _names(names: Iterable[str], typed: str, length: int) -> list[Offer]:
    return [Offer(name, length) for name in sorted(set(names)) if name.startswith(typed.lower())]


def _offers(item: "CompletionItem[str]", words: Words) -> list[Offer]:
    if item.type in {"file", "dir"}:
        return _paths(words, folders_only=item.type == "dir")
    # A name that the screen would not show as it is cannot be typed either.
    return [Offer(escaped(item.value), words.length)] if item.value == safe_text(item.value) else []


def _paths(words: Words, *, folders_only: bool) -> list[Offer]:
    typed = os.path.expanduser(words.typed) if words.typed.startswith("~") else words.typed  # noqa: PTH111
    folder, _, beginning = typed.rpartition("/")
    before = f"{folder}/" if "/" in typed else ""
    found = []
    try:
        with os.scandir(Path(before or ".")) as entries:
            for entry in entries:
                name = entry.name
                hidden = name.startswith(".") and not beginning.startswith(".")
                if hidden or not name.startswith(beginning) or name != safe_text(name):
                    continue
                if entry.is_dir():
                    found.append(Offer(escaped(f"{before}{name}/"), words.length, open=True))
                elif not folders_only:
                    found.append(Offer(escaped(before + name), words.length))
    except OSError:
        return []
    return sorted(found, key=lambda offer: offer.text)
