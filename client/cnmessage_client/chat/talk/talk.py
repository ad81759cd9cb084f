"""Machine: the chat without terminal, client and clock. Takes what was typed and what came; returns effects.

Composed of small machines: lines.py reads, views.py holds the views, own.py sends and follows own lines,
arrivals.py keeps what came until its turn, presence.py knows who is online, link.py the connection. The
driver carries out the effects in order, gives `now` (monotonic seconds), and has the screen look afterwards.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import TypeGuard

from cnmessage_client.chat.talk.arrivals import NewItems
from cnmessage_client.chat.talk.begun import LinesBegun
from cnmessage_client.chat.talk.bounds import BOUNDS, Bounds
from cnmessage_client.chat.talk.effects import (
    AskFiles,
    AskReceipts,
    Break,
    DropCommands,
    DropLines,
    Edit,
    Effect,
    LookUp,
    MarkRead,
    Notify,
    Quit,
    Received,
    Redraw,
    Remember,
    RunCommand,
)
from cnmessage_client.chat.talk.entries import Entry, Note, Output, Pushed, Trouble, Typed
from cnmessage_client.chat.talk.lines import OWN_ALIASES, OWN_COMMANDS, Commands, read
from cnmessage_client.chat.talk.link import Change, LinkStatus, span
from cnmessage_client.chat.talk.meanings import Blank, Clear, Enter, Hint, Line, More, Retry, SendText, Who
from cnmessage_client.chat.talk.mistaken import Slips, asks_secrets
from cnmessage_client.chat.talk.own import OwnLines
from cnmessage_client.chat.talk.presence import KnownUsers
from cnmessage_client.chat.talk.status import Completions, Status
from cnmessage_client.chat.talk.views import Views, conversations_of, said_of
from cnmessage_client.model import Delivered, FileInfo, Message, Receipt, Unknown
from cnmessage_protocol.conversation import Conversation, Direct, on_screen
from cnmessage_protocol.deliveries import FileState, OfferState
from cnmessage_protocol.errors import CnMessageError
from cnmessage_protocol.ids import id_text
from cnmessage_protocol.machines.states import State


class Talk:
    """One person's chat. `commands` are those of the command line that may be typed, with what they are.

    `could_be`: whether some words make one. `new_key` gives fresh client ids. Without `can_ask` nothing is
    asked, for nobody would answer: lines behind one that fails to turn to somebody are dropped. With
    `whole_previews` a message of another conversation is shown in full where it is told. `zone` is the time
    zone in which days change, the machine's own when None. `bounds`: how much is kept.
    """

    def __init__(
        self,
        user: str | None,
        *,
        commands: Commands,
        new_key: Callable[[], str],
        could_be: Callable[[Sequence[str]], bool] = lambda _: False,
        can_ask: bool = True,
        whole_previews: bool = False,
        zone: tzinfo | None = None,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self.user = user
        self._commands = commands
        self._new_key = new_key
        self._can_ask = can_ask
        self._whole_previews = whole_previews
        self._zone = zone
        self._bounds = bounds
        self._began_in: Conversation | None = None
        self._link = LinkStatus()
        self._presence = KnownUsers()
        self._slips = Slips(commands, could_be, self._presence)
        self._begun = LinesBegun()
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Nothing of another user's stays."""
        self._owner = self.user
        self._views = Views(self._zone, whole_previews=self._whole_previews, bounds=self._bounds)
        self._own = OwnLines(self._views, self._new_key, can_ask=self._can_ask, bounds=self._bounds)
        self._arrivals = NewItems(self._bounds)
        self._latest = 0
        self._unread_asked: int | None = None

    # -- what the screens draw --------------------------------------------------------------------

    @property
    def conversation(self) -> Conversation | None:
        """Where plain text goes; None at home."""
        return self._views.conversation

    @property
    def entries(self) -> Sequence[Entry]:
        """The view that is open, oldest first."""
        return self._views.open.entries

    @property
    def prompt(self) -> str:
        """What stands before the line being typed."""
        if self._own.asks:
            return "[y/N] "
        to = "" if self.conversation is None else f" → {on_screen(self.conversation)}"
        return f"{self.user or 'not logged in'}{to}> "

    def status(self, now: float) -> Status:
        """What the status line tells."""
        up = self._link.state is State.LIVE
        return Status(
            self._link.words(self.user, now),
            self.user,
            self._own.outgoing.waiting(now, up=up),
            self._views.unread.counts(),
            self._presence.count(self.user) if up and self.user is not None else None,
            self._presence.partner(self.conversation, self.user) if up else None,
        )

    @property
    def asks(self) -> bool:
        """Whether the next line is the answer to a question about a message."""
        return self._own.asks

    @property
    def completions(self) -> Completions:
        """What the line may be completed with, beside the commands of the command line."""
        names = sorted(self._presence.known - {self.user})
        return Completions(tuple(names), (*OWN_COMMANDS, *OWN_ALIASES))

    # -- who we are -------------------------------------------------------------------------------

    def logged_in(self, user: str, now: float) -> list[Effect]:
        """This profile has a user now; what another one wrote and read is forgotten."""
        changed, self.user = user != self._owner, user
        if not changed:
            return []
        if self._owner is None:  # what stands at home was said while we got here
            self._owner = user
            return []
        self._begin_anew()
        self._own.outgoing.linked(now, up=self._link.up)
        self._views.offers.linked(up=self._link.up)
        return [Redraw()]

    def logged_out(self, now: float, *, by_itself: bool = False) -> list[Effect]:
        """Nobody is logged in here any more; nothing that was wanted so far is asked for under another name.

        If it ended `by_itself`, the conversation stays open: what is being typed there is no command.
        """
        was, self.user = self.user, None
        self._arrivals.drop()
        effects: list[Effect] = [DropCommands()]
        if was is None or by_itself:
            return [*effects, *self._own.withdraw()]
        if self.conversation is not None:
            effects += [each for each in self._views.enter(None, now, up=False) if type(each) is not MarkRead]
        effects += self.note(f"{was} is logged out; 'login NAME' goes on, 'exit' leaves")
        return [*effects, *self._own.withdraw()]

    # -- what was typed ---------------------------------------------------------------------------

    def typed(self, line: str, now: float, time: datetime) -> list[Effect]:  # noqa: C901 - one case a meaning
        """A line, or a pasted block; line feeds at its end belong to no text."""
        line = line.rstrip("\n")
        if self._own.asks:
            return self._answered(line, now, time)
        user, up = self.user, self._link.state is State.LIVE
        self._views.offers.ask_soon()
        match self._read(line):
            case Blank():
                return []
            case SendText() as said:
                return self._say(said, line, now, time)
            case Enter(conversation):
                return self._enter(conversation, now)
            case More():
                return self.more(now, typed=True)
            case Retry(everything):
                return self._own.retry(now, everything=everything)
            case Clear():
                return self._views.clear()
            case Who():
                return self._nobody() if user is None else self.note(self._presence.who(user, up=up))
            case Hint(text, opens):
                behind = [DropLines()] if not self._can_ask and (opens or self.conversation) else []
                return [*self._views.add(Typed(self.prompt, line)), *self.trouble(text), *behind]
            case RunCommand(words):
                return self._run(words, line)
            case Break() if not self._link.up:
                return self.note("there is no connection to cut")
            case (Break() | Edit() | Notify() | Quit()) as effect:
                return [effect]

    def begin_in(self, conversation: Conversation, now: float) -> list[Effect]:
        """Open this one before anything is typed: at once; left again if it turns out to be with nobody."""
        if self._can_ask and not self._presence.listed:
            self._began_in = conversation
        return self._enter(conversation, now)

    def looked_up(
        self, wanted: Conversation, users: Sequence[tuple[str, bool]] | None, now: float
    ) -> list[Effect]:
        """The answer to LookUp: all users; None when they cannot be had now."""
        if users is None:
            return self._enter_unknown(wanted, now)
        self.roster(users, now)
        if not self._stranger(wanted) or wanted.name in {name for name, _ in users}:
            return self._views.enter(wanted, now, up=self._link.up)
        return self._no_user(wanted)

    def logged_out_amid(self, draft: str | None, ahead: int) -> None:
        """What was being typed, None if unknown, when the login ended; `ahead` lines were entered before."""
        self._begun.ended(draft, ahead)

    def leave_draft(self, draft: str) -> None:
        """This is being typed in the open view; it comes back with the view."""
        self._views.open.draft = draft

    def more(self, now: float, *, typed: bool = False) -> list[Effect]:
        """Load earlier messages of the open view."""
        user, up = self.user, self._link.up
        return self._nobody() if user is None else self._views.more(now, up=up, typed=typed)

    # -- messages ---------------------------------------------------------------------------------

    def came(self, message: Message | Unknown, now: float) -> list[Effect]:
        """A message of the stream, own copies among them: each once and in order."""
        self._latest = message.seq
        if not self._link.returning:
            return self._take(message, now)
        self._arrivals.hold(message)
        return self._take_held(now) if self._arrivals.full else []

    def stored(self, key: str, receipt: Receipt, now: float) -> list[Effect]:
        """The broker has an own message."""
        return self._own.stored(key, receipt, now)

    def failed(self, key: str, error: CnMessageError, now: float) -> list[Effect]:
        """An own message will not be stored."""
        del now
        return self._own.failed(key, error)

    def receipts(self, found: Sequence[Delivered], now: float) -> list[Effect]:
        """The answer to AskReceipts."""
        del now
        return self._own.receipts(found)

    def files(self, found: Sequence[FileInfo], asked: AskFiles) -> list[Effect]:
        """The answer: those of the files that are there."""
        return self._views.files(found, asked)

    def earlier(
        self, conversation: Conversation | None, messages: Sequence[Message | Unknown], now: float
    ) -> list[Effect]:
        """The answer to LoadEarlier."""
        effects: list[Effect] = []
        for message in messages:
            if isinstance(message, Message):
                self._presence.learn((message.sender,))
                effects += self._own.confirmed(message, now)
        ids = {said_of(each).key: each.id for each in messages}
        fresh, shown = self._views.earlier(conversation, [said_of(each) for each in messages])
        for said in fresh:
            if said.mark is not None:
                self._own.outgoing.watch(said, ids[said.key], now)
        return [*effects, *shown]

    # -- the world --------------------------------------------------------------------------------

    def moved(self, state: State, retry_in: float, now: float, missed: int = 0) -> list[Effect]:
        """The session has another state; `missed` are messages received since that `came` will bring yet."""
        turn = self._link.moved(state, retry_in, now)
        self._own.outgoing.linked(now, up=self._link.up)
        self._views.offers.linked(up=self._link.up)
        effects: list[Effect] = []
        if turn is Change.LOST:
            self._arrivals.lost()
            lost = "connection lost; what you write is queued until it is back"
            never = "no connection yet; what you write is queued until there is one"
            effects += self.note(lost if self._link.was_live else never)
        elif turn is Change.BACK:
            count = self._arrivals.missed + missed
            effects += self.note(f"back after {span(self._link.away)}, {count or 'nothing'} missed")
        if not self._link.returning:
            effects += self._take_held(now)
        if state is State.WAITING:
            self._views.forget_questions()
        elif state is State.LIVE:
            effects += self._views.load_first(now, up=True)
        return effects

    def roster(self, users: Sequence[tuple[str, bool]], now: float) -> list[Effect]:
        """All users and whether they are online."""
        self._presence.roster(users)
        began_in, self._began_in = self._began_in, None
        if began_in is None or began_in != self.conversation or not self._stranger(began_in):
            return []
        return [*self._views.enter(None, now, up=self._link.up), *self._no_user(began_in)]

    def presence(self, changes: Sequence[tuple[str, bool]], now: float) -> list[Effect]:
        """These came or went."""
        self._own.outgoing.came_online(self._presence.changed(changes), now)
        return []

    def file_moved(self, news: FileState) -> list[Effect]:
        """A recipient got on with a file of ours."""
        told = {"done": "has fetched", "failed": "gave up fetching"}.get(news.state)
        return [] if told is None else self.note(f"{news.user} {told} {news.name}")

    def offer_moved(self, news: OfferState) -> list[Effect]:
        """A file that was offered can be had no more, or again."""
        return self._views.file_became(id_text(news.file), "" if news.state == "offered" else news.state)

    def pushed(self, kind: str) -> list[Effect]:
        """A delivery of a kind to come, for the first time."""
        return self._views.add(Pushed(kind))

    def finished(self, words: tuple[str, ...], status: int) -> list[Effect]:
        """A RunCommand ended."""
        self._views.offers.ask_soon()
        if not self._shows_unread(words):
            return []
        upto, self._unread_asked = self._unread_asked, None
        return [] if upto is None or status != 0 else self._views.read_elsewhere(upto)

    def output(self, text: str, *, from_top: bool = False) -> list[Effect]:
        """What a command printed; `from_top` if that is where it is read."""
        return self._views.add(Output(text, from_top))

    def trouble(self, text: str) -> list[Effect]:
        """An error, with what to do next."""
        return self._views.add(Trouble(text))

    def note(self, text: str) -> list[Effect]:
        """What a person reads and forgets."""
        return self._views.add(Note(text))

    def tick(self, now: float) -> list[Effect]:
        """Time passed."""
        self._link.tick(now)
        return [*map(AskReceipts, self._own.outgoing.tick(now)), *self._views.offers.tick(now)]

    def deadline(self) -> float | None:
        """When `tick` has something to do, or None."""
        due = (self._link.deadline, self._own.outgoing.deadline, self._views.offers.deadline)
        return min((each for each in due if each is not None), default=None)

    # -- inner ------------------------------------------------------------------------------------

    def _say(self, said: SendText, line: str, now: float, time: datetime) -> list[Effect]:
        if self.user is None:
            return self._nobody()
        like = said.body == line and self._slips.like_command(line, self.conversation)
        secrets = like and asks_secrets(line, self._commands)
        to, body = said.to, said.body
        return self._own.say(self.user, to, body, line, now, time, like_command=like, secrets=secrets)

    def _answered(self, line: str, now: float, time: datetime) -> list[Effect]:
        """An answer; a command in its place, or what is like one, is a no."""
        secrets = self._own.asks_amid_secrets
        if not self._slips.no_answer(line, self.conversation, secrets=secrets):
            return self._own.answered(self.user or "", line, now, time)
        return [*self._own.withdraw(), Remember(line), *self.typed(line, now, time)]

    def _read(self, line: str) -> Line:
        """Without a login nothing can be sent: a person's line is a command, if it was begun as one."""
        if self.user is not None or self.conversation is None or not self._can_ask:
            return read(line, self.conversation, self._commands)
        harmless = self._begun.unknown and asks_secrets(line, self._commands)
        if self._begun.take(line) and not harmless:
            return read(line, self.conversation, self._commands)
        meant = read(line, None, self._commands)
        return SendText((self.conversation,), line) if isinstance(meant, Hint) else meant

    def _nobody(self) -> list[Effect]:
        slash = "" if self.conversation is None else "/"
        new = f"for a new account: {slash}signup NAME"
        return self.trouble(f"nobody is logged in here; use: {slash}login NAME, or {new}")

    def _run(self, words: tuple[str, ...], line: str) -> list[Effect]:
        if self._unread_asked is None and self._shows_unread(words):
            self._unread_asked = self._latest
        return [*self._views.add(Typed(self.prompt, line)), RunCommand(words)]

    def _shows_unread(self, words: tuple[str, ...]) -> bool:
        """Whether this command, as it was typed, shows all that waits."""
        command = self._commands.get(words[0])
        return command is not None and words[1:] == (command.unread,)

    def _enter(self, conversation: Conversation | None, now: float) -> list[Effect]:
        if self.user is None:
            return self._nobody()
        if conversation == self.conversation:
            return []
        if self._presence.listed and self._stranger(conversation):
            return [LookUp(conversation)] if self._link.up else self.looked_up(conversation, None, now)
        return self._views.enter(conversation, now, up=self._link.up)

    def _enter_unknown(self, wanted: Conversation, now: float) -> list[Effect]:
        """Enter it although nobody can say now whether there is this user: it may be one since lately."""
        entered = self._views.enter(wanted, now, up=self._link.up)
        if self._can_ask and self._presence.listed and self._stranger(wanted):
            entered += self.note(self._presence.not_known_yet(wanted.name))
        return entered

    def _no_user(self, wanted: Direct) -> list[Effect]:
        text = self._presence.no_user(wanted.name, "" if self.conversation is None else "/")
        return [*self.trouble(text), DropLines()]

    def _stranger(self, conversation: Conversation | None) -> TypeGuard[Direct]:
        """Whether nobody of this name was seen so far, so that it is probably mistyped."""
        return isinstance(conversation, Direct) and conversation.name not in self._presence.known

    def _take(self, message: Message | Unknown, now: float) -> list[Effect]:
        """Show a message of the stream where it belongs, or confirm the line that is shown."""
        said = said_of(message)
        if isinstance(message, Unknown):
            return [*self._views.came(said, (), unread=True), *self._views.mark_read()]
        self._presence.learn((message.sender,))
        if message.client_id is not None and self._own.outgoing.ours(message.client_id):
            self._views.saw(message.seq)
            return [*self._own.confirmed(message, now), *self._views.mark_read()]
        effects = self._views.came(said, conversations_of(said), unread=said.mark is None)
        if said.mark is not None:
            self._own.outgoing.watch(said, message.id, now)
        else:
            shown, at_home = self._views.open.holds(said.key), self.conversation is None
            effects.append(Received(message, shown, at_home))
        return [*effects, *self._views.mark_read()]

    def _take_held(self, now: float) -> list[Effect]:
        return [effect for message in self._arrivals.release() for effect in self._take(message, now)]
