"""`make picture`: the README's picture of the chat, drawn from a golden screen.

An SVG that loads nothing: no font, no address. Run it as `python -m tests.support.picture`.
"""

import io
import re
import sys
from html import unescape
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.support.chat import GOLDEN

SCREEN = GOLDEN / "conversation-80x24.ansi"
PICTURE = Path(__file__).parents[2] / "docs" / "chat.svg"


def _colours(*codes: str) -> list[tuple[int, int, int]]:
    return [(int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)) for code in codes]


_DARK, _LIGHT = _colours("181a1f", "d6d9e0")
_THEME = TerminalTheme(
    _DARK,
    _LIGHT,
    _colours("181a1f", "e86b6b", "7ec878", "deb860", "619af0", "c67edd", "56bcc8", "c8ccd4"),
    _colours("6e7480", "f08282", "96dc8c", "f0d078", "82b4ff", "da96f0", "78d6e0", "f0f2f6"),
)
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; white-space: pre;
}}
.{unique_id}-title {{ font-size: 18px; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""  # noqa: E501


_BLANK = "&#160;"
_RUN = re.compile(
    r'(<text class="chat-r\d+" x=")([\d.]+)(" y="[\d.]+" textLength=")([\d.]+)("[^>]*>)([^<]*)</text>'
)


def draw(screen: str) -> str:
    """The SVG of a screen that is text with SGR sequences."""
    rows = screen.splitlines()
    width = max(Text.from_ansi(row).cell_len for row in rows)
    console = Console(
        record=True,
        width=width,
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
    )
    for row in rows:
        console.print(Text.from_ansi(row), no_wrap=True, overflow="crop", highlight=False)
    svg = console.export_svg(title="cnmessage", theme=_THEME, code_format=_FORMAT, unique_id="chat")
    return _RUN.sub(_from_first_letter, svg)


def _from_first_letter(run: re.Match[str]) -> str:
    """A run of text that begins with its first letter: some viewers leave out blanks before it."""
    before, x, between, length, rest, text = run.groups()
    shown = text.lstrip(_BLANK)
    blanks = (len(text) - len(shown)) // len(_BLANK)
    if not shown or not blanks:
        return run[0] if shown else ""
    cell = float(length) / cell_len(unescape(text))
    place, wide = float(x) + blanks * cell, float(length) - blanks * cell
    return f"{before}{place:.1f}{between}{wide:.1f}{rest}{shown}</text>"


def main() -> int:
    """Write the picture."""
    PICTURE.write_text(draw(SCREEN.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
