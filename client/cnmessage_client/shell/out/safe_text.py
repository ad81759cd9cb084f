"""The one gate through which text of others reaches a terminal.

Takes out what could act on the terminal or disguise what is shown: control and escape characters, bidi
overrides and isolates, invisible format characters, line and paragraph separators, lone surrogates. The two
joiners stay, because scripts and emoji need them.
"""

import unicodedata

_JOINERS = {"\u200c", "\u200d"}
_HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_BREAKS = {"\v", "\f", "\x85", "\u2028", "\u2029"}
"""Line breaks that are none to a terminal: words on both sides stay apart."""


def safe_text(text: str, *, lines: bool = False) -> str:
    """The text without harmful characters; line feeds and tabs stay with `lines`, else become spaces."""
    if text.isascii() and text.isprintable():
        return text
    kept = []
    for character in text:
        if character in {"\n", "\t"}:
            kept.append(character if lines else " ")
        elif character in _BREAKS:
            kept.append(" ")
        elif character in _JOINERS or unicodedata.category(character) not in _HARMFUL:
            kept.append(character)
    return "".join(kept)


def one_field(text: str) -> str:
    r"""Text as one field of a tab-separated line: tab, line feed and backslash are written \t, \n, \\."""
    escaped = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return safe_text(escaped)
