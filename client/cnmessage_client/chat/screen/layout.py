"""Where things stand on the full screen: the view, files on their way, the status, the line being typed.

Asks for everything at the moment it is drawn; keeps nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import (
    ConditionalContainer,
    Dimension,
    Float,
    FloatContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    UIContent,
    UIControl,
    Window,
)
from prompt_toolkit.layout.menus import CompletionsMenu

from cnmessage_client.chat.screen.cells import Row, cells, cut_left, tame, wrap
from cnmessage_client.chat.screen.lineedit import LineEdit
from cnmessage_client.shell.out.safe_text import safe_text

LINE_ROWS = 6
"""Rows that the line being typed takes at most; a longer one scrolls."""

_QUESTION_ROWS = 6
_MENU_ROWS = 8
_MARK = "> "


@dataclass(frozen=True, slots=True)
class Sources:
    """What is drawn, asked for with the width or the size there is."""

    view: Callable[[int, int], list[Row]]
    transfers: Callable[[], list[Row]]
    status: Callable[[], Row]
    prompt: Callable[[], str]
    width: Callable[[], int]


def screen_layout(sources: Sources, line: LineEdit) -> Layout:
    """The layout, with the focus on the line."""
    typed = Window(
        line.control,
        height=Dimension(min=1, max=LINE_ROWS),
        dont_extend_height=True,
        wrap_lines=True,
        get_line_prefix=lambda number, wraps: _prefix(sources, line, first=number == wraps == 0),
    )
    rows = HSplit(
        [
            Window(_View(sources.view), always_hide_cursor=True),
            _below(sources.transfers),
            Window(FormattedTextControl(lambda: _text([sources.status()])), height=1),
            _below(lambda: _long_question(line, sources.width())),
            typed,
        ]
    )
    menu = Float(CompletionsMenu(max_height=_MENU_ROWS, scroll_offset=1), xcursor=True, ycursor=True)
    return Layout(FloatContainer(rows, [menu]), focused_element=typed)


class _View(UIControl):
    """The view: as many rows as there is room for, the last one at the bottom."""

    def __init__(self, rows: Callable[[int, int], list[Row]]) -> None:
        self._rows = rows

    def create_content(self, width: int, height: int) -> UIContent:
        rows = self._rows(width, height)
        empty = height - len(rows)

        def line(number: int) -> StyleAndTextTuples:
            return [*rows[number - empty]] if number >= empty else []

        return UIContent(line, line_count=height, show_cursor=False)


def _below(rows: Callable[[], list[Row]]) -> ConditionalContainer:
    """Rows below the view, if there are any."""
    window = Window(
        FormattedTextControl(lambda: _text(rows())),
        height=lambda: Dimension.exact(len(rows())),
        dont_extend_height=True,
    )
    return ConditionalContainer(window, Condition(lambda: bool(rows())))


def _text(rows: list[Row]) -> StyleAndTextTuples:
    fragments: StyleAndTextTuples = []
    for row in rows:
        fragments += [("", "\n"), *row] if fragments else row
    return fragments


def _prefix(sources: Sources, line: LineEdit, *, first: bool) -> StyleAndTextTuples:
    """What stands before a row of the line: the prompt or a short question, below it as many blanks."""
    if line.question is None:
        prompt = tame(safe_text(sources.prompt()))
    else:
        prompt = _MARK if _is_long(line.question, sources.width()) else tame(line.question)
    shown = cut_left(prompt, max(sources.width() // 2, len(_MARK)))
    return [("bold", shown)] if first else [("", " " * cells(shown))]


def _is_long(question: str, width: int) -> bool:
    return "\n" in question or cells(question) > width // 2


def _long_question(line: LineEdit, width: int) -> list[Row]:
    """A question that leaves too little room for its answer stands above the line."""
    question = line.question
    if question is None or not _is_long(question, width):
        return []
    rows = [row for part in question.rstrip().split("\n") for row in wrap([("bold", tame(part))], width, 2)]
    return rows[-_QUESTION_ROWS:]
