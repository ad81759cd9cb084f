"""The line being typed in the full screen: what keys do to it, what it is completed with, questions in it.

A question borrows the line: the draft is put aside, and back when the answer is given. Hidden answers stand
nowhere else. Knows neither talk nor layout. Made by fullscreen.py.
"""

import asyncio
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
from prompt_toolkit.layout.processors import ConditionalProcessor, PasswordProcessor, TabsProcessor

from cnmessage_client.chat.screen.recall import Recall
from cnmessage_client.shell.out.safe_text import safe_text


class LineEdit:
    """One line, of several rows if need be. `entered` gets what was typed; `changed` asks for a redraw."""

    def __init__(
        self,
        completer: Completer | None,
        entered: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        self.question: str | None = None
        """What is being asked, if anything."""
        self._hidden = False
        self._expecting = False
        self._answer: asyncio.Future[str] | None = None
        self._aside = Document()
        self._lock = asyncio.Lock()
        self._recall = Recall()
        self._entered, self._changed = entered, changed
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
                ConditionalProcessor(PasswordProcessor(), Condition(lambda: self._secret)),
                TabsProcessor(tabstop=4, char1=" ", char2=" "),
            ],
        )

    @property
    def draft(self) -> str:
        """The line being typed, also while a question is asked."""
        return self._aside.text if self.lent else self.buffer.text

    @property
    def _secret(self) -> bool:
        """Whether nobody may see what is typed: a hidden answer, or what may become one."""
        return self._hidden or (self._expecting and self._answer is None)

    @property
    def lent(self) -> bool:
        """Whether the line is for answers: the draft is put aside."""
        return self._expecting or self._answer is not None

    def expect(self, *, expected: bool) -> None:
        """Whether questions may come: until no more, what is typed is an answer, perhaps a secret one."""
        if expected and not self.lent:
            self._put_aside()
        self._expecting = expected
        if not self.lent:
            self._take_back()
        self._changed()

    def remember(self, line: str) -> None:
        """This line was no answer: Up brings it back."""
        self._recall.add(line)

    def set_draft(self, text: str) -> None:
        """Put a text in place of it."""
        document = Document(typed_text(text))
        if self.lent:
            self._aside = document
        else:
            self.buffer.reset(document)

    async def ask(self, question: str, *, hidden: bool) -> str:
        """The answer; raises EOFError for Ctrl-D, KeyboardInterrupt for Ctrl-C."""
        async with self._lock:
            answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            self._answer = answer
            self.question, self._hidden = question, hidden
            if not self._expecting:
                self._put_aside()
            self._changed()
            try:
                return await answer
            finally:
                self._put_back(answer)

    def give_up(self) -> bool:
        """Ctrl-C: give up the question or the draft; False when there was neither."""
        if self._answer is not None:
            self._refuse(KeyboardInterrupt())
        elif self.buffer.text:
            self.buffer.reset()
            self._recall.leave()
        else:
            return False
        return True

    def end(self) -> bool:
        """Ctrl-D on an empty line: whether that is the end of input, and not of a question."""
        if self._answer is None:
            return True
        self._refuse(EOFError())
        return False

    def bind(self, keys: KeyBindings) -> None:
        """Add what keys do to the line."""
        asking = Condition(lambda: self.lent)
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
        self._insert(event.data * event.arg)

    def _insert(self, data: str) -> None:
        text = typed_text(data)
        if self.lent:
            text = text.replace("\n", " ")
        self.buffer.insert_text(text)

    def _up(self) -> None:
        if self.buffer.complete_state:
            self.buffer.complete_previous()
        elif self.buffer.document.cursor_position_row > 0:
            self.buffer.cursor_up()
        elif not self.lent:
            self._show(self._recall.older(self.buffer.text))

    def _down(self) -> None:
        if self.buffer.complete_state:
            self.buffer.complete_next()
        elif self.buffer.document.cursor_position_row < self.buffer.document.line_count - 1:
            self.buffer.cursor_down()
        elif not self.lent:
            self._show(self._recall.newer())

    def _show(self, line: str | None) -> None:
        if line is not None:
            self.buffer.document = Document(line)

    def _accept(self, buffer: Buffer) -> bool:
        text = buffer.text
        if self._answer is not None:
            answer = self._answer
            self._put_back(answer)
            answer.set_result(text)
        else:
            self._recall.leave()
            buffer.reset()
            self._entered(text)
        return True  # the buffer holds what it shall already

    # -- questions --------------------------------------------------------------------------------

    def _refuse(self, error: BaseException) -> None:
        answer = self._answer
        if answer is not None:
            self._put_back(answer)
            answer.set_exception(error)

    def _put_back(self, answer: "asyncio.Future[str]") -> None:
        """End a question, at once: what is typed next belongs to the draft."""
        if self._answer is not answer:
            return
        self._answer = self.question = None
        self._hidden = False
        if self._expecting:
            self.buffer.reset()
        else:
            self._take_back()
        self._changed()

    def _put_aside(self) -> None:
        self._aside = self.buffer.document
        self.buffer.reset()

    def _take_back(self) -> None:
        self.buffer.reset(self._aside)
        self._aside = Document()


def typed_text(text: str) -> str:
    """Text as it may stand in the line: line feeds alone between lines, nothing that acts on a terminal."""
    return safe_text(text.replace("\r\n", "\n").replace("\r", "\n"), lines=True)
