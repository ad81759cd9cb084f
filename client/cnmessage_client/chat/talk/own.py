"""Machine: own messages from the line to their last mark: what needs a yes, sending, receipts, another try.

Ties asking.py and outgoing.py to the views. Knows neither commands nor what others write.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from cnmessage_client.chat.talk.bounds import BOUNDS, Bounds
from cnmessage_client.chat.talk.doubt import NO, YES, Hindrance, Question, doubt, in_words
from cnmessage_client.chat.talk.effects import DropLines, Effect, Remember, SendAsFile, SendMessage, SetDraft
from cnmessage_client.chat.talk.entries import Mark, Note, Preview, Said, Trouble
from cnmessage_client.chat.talk.outgoing import Outgoing
from cnmessage_client.chat.talk.views import Views, conversations_of
from cnmessage_client.model import Delivered, Message, Receipt
from cnmessage_protocol.conversation import Conversation, Everyone, on_screen
from cnmessage_protocol.errors import CnMessageError, ErrorCode

TRIES = 3
"""Answers that may be neither yes nor no."""

LONGEST_ANSWER = 10
"""Characters of one word that may be a slip for a yes or a no; more is a text of its own."""


class OwnLines:
    """What one user says here. `new_key` gives fresh client ids; without `can_ask` nothing is asked."""

    def __init__(
        self,
        views: Views,
        new_key: Callable[[], str],
        *,
        can_ask: bool,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self.outgoing = Outgoing(bounds)
        self._views = views
        self._new_key = new_key
        self._can_ask = can_ask
        self._asked: Question | None = None
        self._secrets = False
        self._wrong = 0

    @property
    def asks(self) -> bool:
        """Whether the next line is the answer to a question."""
        return self._asked is not None

    # -- from the line ----------------------------------------------------------------------------

    def say(
        self,
        user: str,
        to: tuple[Conversation, ...],
        body: str,
        line: str,
        now: float,
        time: datetime,
        *,
        like_command: bool = False,
        secrets: bool = False,
    ) -> list[Effect]:
        """Send this, or ask first. `line` is what was typed, to be put back when it cannot be sent.

        `secrets`: what is like a command would ask them, so that they may follow whatever is asked here.
        """
        match doubt(to, body, can_ask=self._can_ask, like_command=like_command):
            case None:
                return self._send(user, to, body, now, time)
            case Hindrance(text, strays):
                more: list[Effect] = [DropLines()] if strays else []
                if self._can_ask:
                    more = [SetDraft(line, offered=True)]
                return [*self._views.add(Trouble(text)), *more]
            case Question(text) as question:
                self._asked, self._secrets, self._wrong = question, secrets, 0
                return self._views.add(Note(text))

    def answered(self, user: str, line: str, now: float, time: datetime) -> list[Effect]:
        """The answer to the question: yes does it, no does not, and Up brings the text back.

        All else is kept for Up. One short word is asked about again, in the same words only once; the third
        is a no. A text is a no at once, and stands in the line. Nothing is kept that may be a secret.
        """
        if self._asked is None:
            return []
        answer = line.strip().lower()
        if answer not in YES | NO:
            return self._no_answer(line)
        if answer in NO:
            return self.withdraw()
        question, self._asked = self._asked, None
        if question.as_file:
            return [SendAsFile(question.to, question.body, f"message-{time:%Y%m%d-%H%M%S}.txt")]
        return self._send(user, question.to, question.body, now, time)

    @property
    def asks_amid_secrets(self) -> bool:
        """Whether the next line is an answer, or a secret that was typed for what is asked about."""
        return self.asks and self._secrets

    def _no_answer(self, line: str) -> list[Effect]:
        self._wrong += 1
        first = self._wrong == 1
        if self._secrets:
            text = "Answer y to send it as text, or n. All else may be a secret, and is dropped."
            return self._views.add(Note(text)) if first else []
        kept: list[Effect] = [Remember(line)]
        word = line.strip()
        if len(word.split()) > 1 or len(word) > LONGEST_ANSWER:
            text = "Neither y nor n: it was not sent. What you typed now stands in the line; Enter takes it."
            self._asked = None
            return [*kept, *self._views.add(Note(text)), SetDraft(line, offered=True)]
        if self._wrong == TRIES:
            text = "Neither y nor n: it was not sent. Up brings back what you typed."
            self._asked = None
            return [*kept, *self._views.add(Note(text))]
        return [*kept, *self._views.add(Note("Answer y to do it, or n not to."))] if first else kept

    def withdraw(self) -> list[Effect]:
        """Nobody will answer the question: the text is not sent."""
        asked, self._asked = self._asked, None
        return [] if asked is None else self._views.add(Note("Not sent; Up brings it back."))

    def retry(self, now: float, *, everything: bool) -> list[Effect]:
        """Send what failed again, under the same keys: the last one, or all."""
        again = self.outgoing.retry(now, everything=everything)
        if not again:
            return self._views.add(Note("nothing has failed"))
        effects: list[Effect] = []
        for said in again:
            shown = self._views.marked(said) or self._views.add(Preview(said))
            effects += [*shown, SendMessage(said.key, said.to, said.body)]
        return effects

    # -- what became of it ------------------------------------------------------------------------

    def stored(self, key: str, receipt: Receipt, now: float) -> list[Effect]:
        """The broker has it."""
        said = self.outgoing.stored(key, receipt.id, receipt.seq, now)
        effects = [] if said is None else self._views.marked(said)
        if receipt.recipients > 0:
            return effects
        self.outgoing.reached_nobody(receipt.id)
        return [*effects, *self._views.add(Note("nobody else is online, so the message reached nobody"))]

    def confirmed(self, message: Message, now: float) -> list[Effect]:
        """Our own copy says, as a receipt does, that a message is stored."""
        key = message.client_id
        said = None if key is None else self.outgoing.stored(key, message.id, message.seq, now)
        return [] if said is None else self._views.marked(said)

    def failed(self, key: str, error: CnMessageError) -> list[Effect]:
        """It will not be stored."""
        said = self.outgoing.failed(key, error.message)
        if said is None:
            return []
        effects = self._views.marked(said)
        if error.code is ErrorCode.NO_SUCH_USER and len(said.to) > 1:
            last = on_screen(said.to[-1])
            text = f"{error.message}. If '{last}' belongs to the text, put the whole text in quotes"
            return [*effects, *self._views.add(Trouble(text))]
        if effects:
            return effects
        text = f"a message to {in_words(said.to)} failed: {error.message}; '/retry' sends it again"
        return self._views.add(Trouble(text))

    def receipts(self, found: Sequence[Delivered]) -> list[Effect]:
        """How far messages have come."""
        return [effect for said in self.outgoing.receipts(found) for effect in self._views.marked(said)]

    def _send(
        self, user: str, to: tuple[Conversation, ...], body: str, now: float, time: datetime
    ) -> list[Effect]:
        kind = "broadcast" if Everyone() in to else "direct"
        said = Said(self._new_key(), time, user, to, kind, body, Mark.QUEUED)
        self.outgoing.queue(said, now)
        return [*self._views.typed(said, conversations_of(said)), SendMessage(said.key, to, body)]
