"""The line being typed in the full screen: what keys do to it, what it is completed with, a draft put aside.

Lent for answers, it is empty, and the draft comes back with the end of the loan. Hidden answers stand nowhere
else. It holds what was pasted as it is, and shows a stand-in for each character that would act on the
terminal. Knows neither talk nor layout, and not who gets a line.
"""

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer, ThreadedCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import DummyHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.bindings.completion import generate_completions
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.controls import BufferControl
from prompt_toolkit.layout.processors import (
    ConditionalProcessor,
    PasswordProcessor,
    Processor,
    TabsProcessor,
    Transformation,
    TransformationInput,
)
from prompt_toolkit.selection import SelectionState

from cnmessage_client.chat.screen.recall import Recall
from cnmessage_client.chat.talk.turns import Typing
from cnmessage_client.shell.out.safe_text import safe_text

_STAND_IN = "▯"
"""For a character that is in the text, and that no terminal may get."""


class LineEdit:
    """One line, of several rows if need be. `entered` gets what was typed; `changed` asks for a redraw.

    `asks`: whether the next line answers a question though the line is not lent for it.
    """

    def __init__(
        self,
        completer: Completer | None,
        entered: Callable[[str], None],
        changed: Callable[[], None],
        asks: Callable[[], bool] = lambda: False,
    ) -> None:
        self._typing = Typing()
        self._aside = Document()
        self._recall = Recall()
        self._entered, self._changed, self._asks = entered, changed, asks
        self.buffer = Buffer(
            name="line",
            multiline=True,
            completer=None if completer is None else ThreadedCompleter(completer),
            history=DummyHistory(),  # ours is recall.py, at once and without answers
            accept_handler=self._accept,
        )
        self.control = BufferControl(
            self.buffer,
            input_processors=[
                ConditionalProcessor(PasswordProcessor(), Condition(lambda: self._typing.hidden)),
                TabsProcessor(tabstop=4, char1=" ", char2=" "),
                _Tame(),
            ],
        )

    @property
    def draft(self) -> str:
        """The line being typed, also while a question is asked."""
        return self._aside.text if self.lent else self.buffer.text

    @property
    def lent(self) -> bool:
        """Whether the line is for answers: the draft is put aside."""
        return not self._typing.draft

    @property
    def question(self) -> str | None:
        """What is being asked, if anything."""
        asked = self._typing.question
        return None if asked is None else safe_text(asked.text, lines=True)

    def lend(self, typing: Typing) -> None:
        """What the line is from now on."""
        before, self._typing = self._typing, typing
        if before.draft and not typing.draft:
            self._aside = self.buffer.document
            self.buffer.reset()
        elif typing.draft and not before.draft:
            self.buffer.reset(self._aside)
            self._aside = Document()
        self._changed()

    def forget(self) -> None:
        """Forget what is typed and not entered; a draft put aside stays."""
        self.buffer.reset()
        if not self.lent:
            self._recall.leave()

    def remember(self, line: str) -> None:
        """This line was no answer: Up brings it back."""
        self._recall.add(line)

    def set_draft(self, text: str, *, offered: bool = False) -> None:
        """Put a text in place of it. If `offered` it is selected: what is typed next takes its place."""
        document = Document(typed_text(text))
        if self.lent:
            self._aside = document
            return
        self.buffer.reset(document)
        if offered and document.text:
            self.buffer.selection_state = SelectionState(original_cursor_position=0)
            self.buffer.selection_state.enter_shift_mode()

    def bind(self, keys: KeyBindings) -> None:
        """Add what keys do to the line."""
        asking = Condition(lambda: self.lent or self._asks())
        keys.add("enter")(lambda _: self.buffer.validate_and_handle())
        keys.add("escape", "enter", filter=~asking)(lambda _: self.buffer.newline(copy_margin=False))
        keys.add("tab", filter=~asking)(generate_completions)
        keys.add("tab", filter=asking)(lambda _: None)
        for name in ("up", "c-p"):
            keys.add(name)(lambda _: self._up())
        for name in ("down", "c-n"):
            keys.add(name)(lambda _: self._down())
        keys.add(Keys.BracketedPaste)(lambda event: self._insert(event.data))
        keys.add(Keys.Any)(self._insert_key)

    # -- keys -------------------------------------------------------------------------------------

    def _insert_key(self, event: KeyPressEvent) -> None:
        if event.data >= " ":  # not a key that nothing is bound to
            self._insert(event.data * event.arg)

    def _insert(self, data: str) -> None:
        text = typed_text(data)
        if self.lent:
            text = text.replace("\n", " ")
        if self.buffer.selection_state is not None:
            self.buffer.cut_selection()
        self.buffer.insert_text(text)

    def _up(self) -> None:
        if self.buffer.complete_state:
            self.buffer.complete_previous()
        elif self.buffer.document.cursor_position_row > 0:
            self.buffer.cursor_up()
        elif not self.lent and not self._asks():
            self._show(self._recall.older(self.buffer.text))

    def _down(self) -> None:
        if self.buffer.complete_state:
            self.buffer.complete_next()
        elif self.buffer.document.cursor_position_row < self.buffer.document.line_count - 1:
            self.buffer.cursor_down()
        elif not self.lent and not self._asks():
            self._show(self._recall.newer())

    def _show(self, line: str | None) -> None:
        if line is not None:
            self.buffer.document = Document(line)

    def _accept(self, buffer: Buffer) -> bool:
        text = buffer.text
        self.forget()
        self._entered(text)
        return True  # the buffer holds what it shall already


class _Tame(Processor):
    """Shows a stand-in for each character that would act on the terminal; every place stays what it is."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """The fragments of one row of the line."""
        return Transformation([(style, _shown(text)) for style, text, *_ in transformation_input.fragments])


def _shown(text: str) -> str:
    if safe_text(text) == text:
        return text
    return "".join(character if safe_text(character) else _STAND_IN for character in text)


def typed_text(text: str) -> str:
    """Text as it stands in the line: terminals paste a return for each line end; all else stays as it is."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
