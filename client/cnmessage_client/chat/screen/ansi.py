"""What a command printed, as looks and texts: of its escape sequences only colours and attributes are obeyed.

Pure. Our own renderer has made the text; still nothing else in it may reach the terminal. Called by
drawing.py.
"""

import re
from itertools import groupby

from prompt_toolkit.formatted_text import ANSI, to_formatted_text

from cnmessage_client.chat.screen.cells import Fragment, tame
from cnmessage_client.shell.out.safe_text import safe_text

_LOOK = re.compile(r"(\x1b\[[0-9;]*m)")
_OTHER = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # control sequences: ECMA-48, 5.4
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # strings for the terminal: titles and the like
    r"|\x1b[ -/]*[0-~]?"  # all other escapes
)


def printed_lines(text: str, *, colour: bool) -> list[list[Fragment]]:
    """The lines of a text, each as fragments; without looks unless `colour`."""
    looks = "".join(
        part if _LOOK.fullmatch(part) else safe_text(_OTHER.sub("", part), lines=True)
        for part in _LOOK.split(text)
    )
    if "\x1b" not in looks:
        return [[("", tame(line))] for line in looks.split("\n")]
    lines: list[list[Fragment]] = [[]]
    # The parser gives each character alone; the style of each is all that is taken from it.
    characters = [(fragment[0] if colour else "", fragment[1]) for fragment in to_formatted_text(ANSI(looks))]
    for style, group in groupby(characters, key=lambda each: each[0]):
        first, *others = "".join(character for _, character in group).split("\n")
        lines[-1].append((style, tame(first)))
        lines += [[(style, tame(other))] for other in others]
    return lines
