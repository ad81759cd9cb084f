"""Machine: who gets the next line. A question, the talk, a command that may ask yet, or nobody.

A line that is entered is the answer to what is being asked; else it waits for its turn, and goes to the talk;
or it is dropped, because a command that asks secrets is over and nobody has asked for it. Knows no terminal,
no clock, no command, and not what a line means. Half a line is known to be there, never what it says.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from cnmessage_protocol.trace import Trail


class State(Enum):
    """What becomes of a line that answers no question."""

    BEGINNING = "beginning"
    """It waits: nobody is logged in yet, or no client is there."""
    TALKING = "talking"
    """It goes to the talk."""
    WAITING = "waiting"
    """It waits for what the line before has begun."""
    EDITING = "editing"
    """It waits for the editor, which has the terminal and Ctrl-C."""
    EXPECTING = "expecting"
    """It waits for a question: it may be the answer, a secret too."""
    ASTRAY = "astray"
    """It may be an answer that a failed command did not take: nobody gets it."""
    OVER = "over"
    """Nobody gets it."""


class Event(Enum):
    """What moves on whose turn it is."""

    BEGUN = "begun"
    HANDED = "handed"
    WILL_ASK = "will ask"
    RETURNED = "returned"
    FAILED = "failed"
    OPENED = "opened"
    CLOSED = "closed"
    RESOLVED = "resolved"
    LEFT = "left"


TRANSITIONS: Mapping[tuple[State, Event], State] = MappingProxyType(
    {
        (State.BEGINNING, Event.WILL_ASK): State.EXPECTING,
        (State.BEGINNING, Event.BEGUN): State.WAITING,
        (State.TALKING, Event.HANDED): State.WAITING,
        (State.WAITING, Event.WILL_ASK): State.EXPECTING,
        (State.WAITING, Event.OPENED): State.EDITING,
        (State.WAITING, Event.RESOLVED): State.TALKING,
        (State.EDITING, Event.CLOSED): State.WAITING,
        (State.EXPECTING, Event.RETURNED): State.WAITING,
        (State.EXPECTING, Event.FAILED): State.ASTRAY,
        (State.ASTRAY, Event.RESOLVED): State.OVER,
        **{(state, Event.LEFT): State.OVER for state in State},
    }
)
"""Every transition. An event that is not here for a state changes nothing."""

_SECRET = frozenset({State.EXPECTING, State.ASTRAY, State.OVER})
"""States in which what is typed may be a secret: nobody sees it, and nothing brings it back."""

_NOBODYS = frozenset({State.ASTRAY, State.OVER})


@dataclass(frozen=True, slots=True)
class Prompt:
    """Words, and whether nobody may see the answer."""

    text: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class Typing:
    """What the line being typed is at this moment.

    `hidden`: nobody may see it. `draft`: it is a person's own, may be completed, and Up brings earlier lines;
    else it is for answers, and the draft is put aside. `ahead`: so many lines were entered and wait.
    """

    question: Prompt | None = None
    hidden: bool = False
    draft: bool = True
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Lend:
    """From now on the line being typed is this."""

    typing: Typing


@dataclass(frozen=True, slots=True)
class ToTalk:
    """The talk gets this line. `recalled`: Up may bring it back."""

    line: str
    recalled: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """Whoever asks gets this line."""

    line: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Whoever asks gets none: Ctrl-C, or (`ended`) Ctrl-D and the end of input."""

    ended: bool


@dataclass(frozen=True, slots=True)
class Forget:
    """Half a line is to be forgotten. `dropped`: so many, half a one too, were dropped as perhaps secret."""

    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Ctrl-C is for what runs."""


@dataclass(frozen=True, slots=True)
class NoMoreLines:
    """No line will come any more; `astray` if those that came were not carried out."""

    astray: bool = False


Decision = Lend | ToTalk | Answer | NoAnswer | Forget | Interrupt | NoMoreLines


class LineTurns:
    """The lines of one chat. `piped`: they come from a program or a file, each to be done before the next."""

    def __init__(self, *, piped: bool, trail: Trail | None = None) -> None:
        self._trail = trail or Trail()
        self.state = State.BEGINNING
        self._piped = piped
        self._question: Prompt | None = None
        self._ahead: deque[str] = deque()
        self._ended = False

    @property
    def typing(self) -> Typing:
        """What the line being typed is now."""
        secret, asked = self.state in _SECRET, self._question
        hidden = secret if asked is None else asked.hidden
        return Typing(asked, hidden, not secret and asked is None, len(self._ahead))

    # -- what is typed ----------------------------------------------------------------------------

    def entered(self, line: str | None) -> list[Decision]:
        """A line is complete; None: the input has ended."""
        if self.state in _NOBODYS:
            return []
        if line is None:
            self._ended = True
        else:
            self._ahead.append(line)
        return [] if self._question is None else self._answer()

    def interrupted(self, *, half: bool, talk_asks: bool) -> list[Decision]:
        """Ctrl-C. `half` a line is there; `talk_asks` whether a message may go."""
        if self.state is State.EDITING:
            return []
        if half and self._question is None:
            return [Forget()]
        return self._refuse(ended=False, talk_asks=talk_asks) or [Interrupt()]

    def signed_off(self, *, talk_asks: bool) -> list[Decision]:
        """Ctrl-D on an empty line."""
        return self._refuse(ended=True, talk_asks=talk_asks) or self.entered(None)

    def take(self, *, talk_asks: bool) -> list[Decision]:
        """The next line, if it is its turn. To be resolved before another is taken."""
        if self.state is not State.TALKING:
            return []
        if self._ahead:
            line = self._ahead.popleft()
            return [Lend(self.typing), self._hand(line, recalled=not talk_asks)]
        if not self._ended:
            return []
        self._step(Event.LEFT)
        return [NoMoreLines()]

    # -- questions --------------------------------------------------------------------------------

    def will_ask(self) -> list[Decision]:
        """A command that asks has begun, or the first run: until it returns, lines are answers."""
        return self._step(Event.WILL_ASK)

    def asked(self, question: Prompt) -> list[Decision]:
        """A question is asked. What was entered ahead of it answers it at once."""
        self._question = question
        shown = Lend(self.typing)
        return [shown, *self._answer()] if self._ahead or self._ended else [shown]

    def withdrawn(self) -> list[Decision]:
        """Nobody waits for the answer any more."""
        self._question = None
        return [Forget(), Lend(self.typing)]

    def returned(self, *, failed: bool, half: bool) -> list[Decision]:
        """What asks asks no more. A person's lines ahead were typed for it; a pipe's only if it has `failed`.

        To be told before the last word is shown: what a person types in reply to that is meant.
        """
        dropped = 0 if self._piped else len(self._ahead) + half
        if failed or not self._piped:
            self._ahead.clear()
        moved = self._step(Event.FAILED if failed and self._piped else Event.RETURNED)
        return moved if self._piped else [Forget(dropped), *moved]

    # -- what lines wait for ----------------------------------------------------------------------

    def begun(self) -> list[Decision]:
        """Somebody is logged in: lines get their turn."""
        return self._step(Event.BEGUN)

    def resolved(self) -> list[Decision]:
        """What the last line has begun is done, so far as the next one waits for it."""
        astray = self.state is State.ASTRAY
        return (
            [*self._step(Event.RESOLVED), NoMoreLines(astray=True)] if astray else self._step(Event.RESOLVED)
        )

    def editor_opened(self) -> list[Decision]:
        """The terminal is an editor's."""
        return self._step(Event.OPENED)

    def editor_closed(self, line: str | None) -> list[Decision]:
        """The terminal is ours again; what was written, unless it became the line being typed, goes first."""
        if line is not None:
            self._ahead.appendleft(line)
        return self._step(Event.CLOSED)

    def dropped(self) -> list[str]:
        """Forget what was entered and has not had its turn; gives it."""
        lines = list(self._ahead)
        self._ahead.clear()
        return lines

    def left(self) -> list[Decision]:
        """The chat is left: what follows was meant for nobody."""
        self._ahead.clear()
        return self._step(Event.LEFT)

    # -- inner ------------------------------------------------------------------------------------

    def _step(self, event: Event) -> list[Decision]:
        before = self.typing
        after = TRANSITIONS.get((self.state, event))
        if after is not None:
            self._trail.note("turns", self.state, event, after, f"{len(self._ahead)} ahead")
            self.state = after
        return [] if self.typing == before else [Lend(self.typing)]

    def _hand(self, line: str, *, recalled: bool) -> ToTalk:
        self._step(Event.HANDED)
        return ToTalk(line, recalled)

    def _answer(self) -> list[Decision]:
        """From what was entered, or that nothing will be."""
        self._question = None
        answer = Answer(self._ahead.popleft()) if self._ahead else NoAnswer(ended=True)
        return [answer, Lend(self.typing)]

    def _refuse(self, *, ended: bool, talk_asks: bool) -> list[Decision]:
        """No to what is asked, if anything is."""
        if self._question is not None:
            self._question = None
            return [Forget(), NoAnswer(ended), Lend(self.typing)]
        if talk_asks and self.state is State.TALKING:
            return [self._hand("n", recalled=False)]
        return []
