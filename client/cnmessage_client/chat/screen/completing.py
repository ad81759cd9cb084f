"""What TAB offers in the chat: commands, names after `@` and `to`, and whatever click offers for a command.

Words are read as the talk reads them, quotes and all; paths come with ~ written out, because no shell does it
here. Looks at the disk, so it is called on a thread of its own, by lineedit.py.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
from click.shell_completion import CompletionItem, ShellComplete
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from cnmessage_client.chat.talk.lines import OWN_COMMANDS
from cnmessage_client.chat.talk.status import Completions
from cnmessage_client.shell.command import PROGRAM
from cnmessage_client.shell.group import Commands
from cnmessage_client.shell.out.safe_text import safe_text
from cnmessage_protocol.conversation import Everyone, on_screen

_PARTNER = "partner"
"""Stands for whom one talks with, so that click offers what comes behind a name."""

_ESCAPED = set(" '\"\\\t")
"""What the talk would take for a break between words, a quote or an escape."""


class ChatCompleter(Completer):
    """Completes lines with the commands of `program`, own commands and users.

    `known` gives users and own commands, `talking` whether a conversation is open. Both are called on
    another thread than the loop's, so they hand out what does not change any more.
    """

    def __init__(
        self,
        program: Commands,
        known: Callable[[], Completions],
        talking: Callable[[], bool],
        options: Sequence[str] = (),
    ) -> None:
        self._program = program
        self._shell = ShellComplete(program, {}, PROGRAM, "_CNMESSAGE_COMPLETE")
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

    def _offers(self, text: str) -> list["Choice"]:
        if text.startswith("@"):
            name = text[1:]
            names = (*self._known().names, on_screen(Everyone()))
            return [] if " " in name else _names(names, name, len(name))
        if self._talking():
            if not text.startswith("/"):
                return []
            text = text[1:]
        return self._command(read_words(text.removeprefix("/")), self._here)

    @property
    def _here(self) -> set[str]:
        """Words of the command line that make sense in a chat."""
        return {word for word, facts in self._program.facts.items() if facts.in_chat}

    def _command(self, words: "Words", commands: Collection[str]) -> list["Choice"]:
        known = self._known()
        if not words.done:
            words = replace(words, typed=words.typed.lower())
            own = [word for word in known.words if word.startswith(words.typed)]
            clicks = [each.value for each in self._click(words) if each.value in commands]
            return [Choice(word, words.length) for word in dict.fromkeys(sorted([*own, *clicks]))]
        words = replace(words, done=list(self._program.in_small(words.done)))
        small = replace(words, typed=words.typed.lower())
        own_command = OWN_COMMANDS.get(words.done[0].lower())
        if own_command is not None and own_command.takes == "command":
            return self._command(Words(words.done[1:], words.typed, words.length), self._program.commands)
        if own_command is not None and own_command.takes == "user":
            names = (*known.names, on_screen(Everyone()))
            return _names(names, words.typed, words.length) if len(words.done) == 1 else []
        found = [offer for item in self._click(words) for offer in _offers(item, words)]
        if not found:  # a command of a group is one in any case
            found = [Choice(each.value, words.length) for each in self._click(small) if each.type == "plain"]
        if self._to_users(words.done) and not words.typed.startswith("-"):
            if self._talking() and self._program.facts_of(words.done).moves:  # the partner need not be named
                named = Words([*words.done, _PARTNER], words.typed, words.length)
                found += [offer for item in self._click(named) for offer in _offers(item, named)]
            found = _names(known.names, words.typed, words.length) + found
        return list(dict.fromkeys(found))

    def _to_users(self, done: Sequence[str]) -> bool:
        """Whether the next word may be a user that only the chat knows yet."""
        known = done[0] in self._program.facts and not done[-1].startswith("-")
        return known and self._program.facts_of(done).to_users

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
class Choice:
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


def _as_completions(offers: list[Choice]) -> Iterator[Completion]:
    for offer in offers:
        # A space behind the only one: the next word can be typed at once.
        end = " " if len(offers) == 1 and not offer.open else ""
        yield Completion(offer.text + end, start_position=-offer.length, display=safe_text(offer.text))


def _names(names: Iterable[str], typed: str, length: int) -> list[Choice]:
    return [Choice(name, length) for name in sorted(set(names)) if name.startswith(typed.lower())]


def _offers(item: "CompletionItem[str]", words: Words) -> list[Choice]:
    if item.type in {"file", "dir"}:
        return _paths(words, folders_only=item.type == "dir")
    # A name that the screen would not show as it is cannot be typed either.
    return [Choice(escaped(item.value), words.length)] if item.value == safe_text(item.value) else []


def _paths(words: Words, *, folders_only: bool) -> list[Choice]:
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
                    found.append(Choice(escaped(f"{before}{name}/"), words.length, open=True))
                elif not folders_only:
                    found.append(Choice(escaped(before + name), words.length))
    except OSError:
        return []
    return sorted(found, key=lambda offer: offer.text)
