"""Names of files: what a sender may call one, and what a receiver's disk gets to see of it.

A received name is a stranger's text. Must know no disk.
"""

import unicodedata

from cnmessage_protocol.ids import normal

MAX_NAME = 255
"""Most bytes in a name on the file systems in use."""

_SUFFIX = "part"
_ID_DIGITS = 8
MAX_SAFE = MAX_NAME - len(f"..{'0' * _ID_DIGITS}.{_SUFFIX}")
"""Most bytes of a received name, so that its part has a name too."""

_LONGEST_EXTENSION = 32
_NAMELESS = "file"
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Control characters, those without a look (bidi among them), halves of pairs, other line ends."""

_JOINERS = "\u200c\u200d"
_JOINED = {"So", "Sk", "Lo", "Mn", "Mc"}
"""Symbols, letters without case and marks: elsewhere a joiner changes nothing but the name."""

_RESERVED = {
    "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$",
    *(f"{device}{number}" for device in ("COM", "LPT") for number in "0123456789¹²³"),
}  # fmt: skip

_WORDS_OF_COMMANDS = "-+~"
"""What a name must not begin with: programs take it for an option (`rm *`, `less *`), shells for a home."""


def safe_name(name: str) -> str:
    """A name for a received file: one place in a directory, visible, and harmless on every system.

    Accents are composed, as keyboards type them.
    """
    shown = name.replace("\\", "/").rpartition("/")[2]
    while (seen := _visible(shown)) != shown:
        shown = seen  # what stood apart may stand together now
    shown = _trimmed(shown)
    if shown.startswith(tuple(_WORDS_OF_COMMANDS)):
        shown = f"_{shown[1:]}"
    if shown.partition(".")[0].rstrip().upper() in _RESERVED:
        shown = f"_{shown}"
    return _cut(shown, MAX_SAFE) or _NAMELESS


def is_text(name: str) -> bool:
    """Whether a local name is Unicode; the system may have given bytes that are none."""
    return name.encode(errors="replace").decode() == name


def sent_name(name: str) -> str:
    """A local name as it may travel: Unicode, and not too long. What it means is the receiver's business."""
    text = name.encode(errors="surrogateescape").decode(errors="replace")
    return _cut(normal(text), MAX_NAME) or _NAMELESS


def part_name(name: str, file: bytes) -> str:
    """What the part of a download is called."""
    return f".{name}{part_ending(file)}"


def part_ending(file: bytes) -> str:
    """How the names of a file's parts end."""
    return f".{file.hex()[:_ID_DIGITS]}.{_SUFFIX}"


def _visible(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    return "".join(each for at, each in enumerate(text) if _has_a_look(text, at))


def _has_a_look(text: str, at: int) -> bool:
    """Whether one sees the character there; joiners only between what they join: emoji, some scripts."""
    if text[at] in _JOINERS:
        beside = text[at - 1 : at] + text[at + 1 : at + 2]
        return len(beside) == 2 and all(unicodedata.category(each) in _JOINED for each in beside)
    return unicodedata.category(text[at]) not in _HIDDEN


def _trimmed(text: str) -> str:
    """Without dots and spaces in front (hidden files) and at the end (Windows drops them)."""
    while text and (text[0] == "." or text[0].isspace()):
        text = text[1:]
    while text and (text[-1] == "." or text[-1].isspace()):
        text = text[:-1]
    return text


def _cut(text: str, most: int) -> str:
    """At most so many bytes of UTF-8, the extension kept if it is a short one."""
    if len(text.encode()) <= most:
        return text
    stem, dot, extension = text.rpartition(".")
    if not stem or len(extension.encode()) > _LONGEST_EXTENSION:
        stem, dot, extension = text, "", ""
    room = most - len(f"{dot}{extension}".encode())
    kept = stem.encode()[:room].decode(errors="ignore").rstrip(_JOINERS)
    return f"{kept}{dot}{extension}" if dot else _trimmed(kept)
