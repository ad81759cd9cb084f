"""Machine: the views, home and one for each conversation, which is open, and what that means for a message.

A message stands in home and in its conversations. One that the open view does not show is told there in a
line and waits as unread. Gives the effects that show it all. Knows neither what was typed nor how far own
messages are.
"""

from collections.abc import Sequence
from datetime import tzinfo

from cnmessage_client.chat.talk.bounds import BOUNDS, Bounds
from cnmessage_client.chat.talk.effects import AskFiles, Effect, LoadEarlier, MarkRead, Redraw, SetDraft, Show
from cnmessage_client.chat.talk.entries import Entry, Mark, Note, Preview, Said
from cnmessage_client.chat.talk.offers import Offers
from cnmessage_client.chat.talk.unread import Unread
from cnmessage_client.chat.talk.view import BEGINNING, View
from cnmessage_client.model import FileInfo, Message, Unknown
from cnmessage_protocol.conversation import Conversation, Everyone, from_wire, on_screen

PATIENCE = 10.0
"""Seconds after which an answer is given up that did not come."""


class Views:
    """All views of one user. `open` is the view that is shown, `conversation` whose it is, None at home.

    With `whole_previews` the screen shows a message of another conversation in full, so it does not wait.
    """

    def __init__(
        self, zone: tzinfo | None = None, *, whole_previews: bool = False, bounds: Bounds = BOUNDS
    ) -> None:
        self._bounds = bounds
        self.conversation: Conversation | None = None
        self.home = View(zone, bounds)
        self.open = self.home
        self.unread = Unread(bounds)
        self.offers = Offers(bounds)
        self._zone = zone
        self._whole_previews = whole_previews
        self._views: dict[Conversation, View] = {}
        self._asked: dict[Conversation | None, tuple[float, bool, bool]] = {}
        self._loaded: set[Conversation] = set()

    def add(self, entry: Entry) -> list[Effect]:
        """Put an entry in the view that is open."""
        return [Show(each) for each in self.open.add(entry)]

    # -- switching --------------------------------------------------------------------------------

    def enter(self, conversation: Conversation | None, now: float, *, up: bool) -> list[Effect]:
        """Open a conversation, or home: its draft, the `new` rule, and the last lines if not loaded yet."""
        self.conversation = conversation
        self.open = view = self.home if conversation is None else self._view(conversation)
        view.rule_off(self.unread.seqs())
        effects: list[Effect] = [SetDraft(view.draft), Redraw()]
        view.draft = ""
        self.unread.show(view.seqs())
        if conversation is not None:
            self.unread.entered(conversation)
            for each in (self.home, *self._views.values()):
                each.seen(conversation)
        return [*effects, *self.mark_read(), *self.load_first(now, up=up)]

    def clear(self) -> list[Effect]:
        """Empty the view that is open."""
        self.open.clear()
        self._asked.pop(self.conversation, None)
        return [Redraw()]

    # -- messages ---------------------------------------------------------------------------------

    def came(self, said: Said, conversations: Sequence[Conversation], *, unread: bool) -> list[Effect]:
        """A message of these conversations came live: `unread` unless it is of this user."""
        self.saw(said.seq or 0, conversations if unread else ())
        said = self.offers.seen(said)
        effects = self._put(said, conversations)
        if unread and not self.open.holds(said.key):  # a full view drops what came late at once
            effects.append(Show(self.open.tell(said, conversations[0] if conversations else None)))
            for conversation in () if self._whole_previews else conversations:
                self.unread.hide(conversation, said.seq or 0)
        return effects

    def saw(self, seq: int, conversations: Sequence[Conversation] = ()) -> None:
        """The message with this seq came, received in these conversations, whoever shows it."""
        if self.unread.came(seq, conversations):
            for view in (self.home, *self._views.values()):
                view.renumbered()

    def typed(self, said: Said, conversations: Sequence[Conversation]) -> list[Effect]:
        """An own message was typed here; where it does not belong to the open view, a line tells of it."""
        effects = self._put(said, conversations)
        return effects if self._is_open(conversations) else [*effects, *self.add(Preview(said))]

    def marked(self, said: Said) -> list[Effect]:
        """A message has another mark, or its file another fate."""
        said = self.offers.seen(said)
        effects: list[Effect] = []
        for view in (self.home, *self._views.values()):
            entry = view.replace(said)
            if entry is not None and view is self.open:
                effects.append(Show(entry, again=True))
        return effects

    def files(self, found: Sequence[FileInfo], asked: AskFiles) -> list[Effect]:
        """Of the files `asked` for, those that are there: what is offered no more is shown so."""
        return self._offered(self.offers.listed(found, asked))

    def file_became(self, file: str, gone: str) -> list[Effect]:
        """This file is `gone`, and why, or nothing for one that can be had."""
        return self._offered(self.offers.became(file, gone))

    def _offered(self, changed: Sequence[Said]) -> list[Effect]:
        effects: list[Effect] = []
        for said in changed:
            effects += self.marked(said)
            if self._whole_previews and said.file is not None and said.gone:  # nothing is drawn anew
                name = said.file.name.replace("\n", " ")
                effects += self.add(Note(f"[{said.gone}] {said.sender}: {name}"))
        return effects

    def mark_read(self) -> list[Effect]:
        """Tell the broker how far all was shown, and what of a conversation beyond, if that has changed."""
        seq = self.unread.mark()
        all_of_it: list[Effect] = [] if seq is None else [MarkRead(seq)]
        return [*all_of_it, *(MarkRead(upto, each) for each, upto in self.unread.marks_in())]

    def read_elsewhere(self, upto: int) -> list[Effect]:
        """Everything up to `upto` was shown, not by a view."""
        self.unread.marked(upto)
        return self.mark_read()

    # -- earlier ones -----------------------------------------------------------------------------

    def load_first(self, now: float, *, up: bool) -> list[Effect]:
        """Ask for the last lines of the open conversation, unless they are here or cannot be had now."""
        if self.conversation is None or self.conversation in self._loaded or not up:
            return []
        return self.load(now)

    def more(self, now: float, *, up: bool, typed: bool) -> list[Effect]:
        """A person wants earlier messages, and is told why there are none: where they look.

        That is at the end, if a command was `typed`, and else at the top.
        """
        if self.open.begun:
            return self._begins(typed=typed)
        if self.open.full:
            return self.add(
                Note(f"the chat keeps {self._bounds.entries} lines; for older ones: {self._command}")
            )
        if not up:
            return self.add(Note("there is no connection; earlier messages can be loaded when it is back"))
        return self.load(now, wanted=True, typed=typed)

    def _begins(self, *, typed: bool) -> list[Effect]:
        return self.add(Note(BEGINNING.text)) if typed else [Show(self.open.end_above())]

    def load(self, now: float, *, wanted: bool = False, typed: bool = False) -> list[Effect]:
        """Ask for what lies before the view's first message, unless an answer is on its way.

        When a person `wanted` it, they are told that there is nothing.
        """
        asked = self._asked.get(self.conversation)
        if asked is not None and now - asked[0] < PATIENCE:
            return []
        self._asked[self.conversation] = (now, wanted, typed)
        return [LoadEarlier(self.conversation, self.open.lowest, self._bounds.page)]

    def forget_questions(self) -> None:
        """The connection was lost: no answer will come."""
        self._asked.clear()

    def earlier(
        self, conversation: Conversation | None, messages: Sequence[Said]
    ) -> tuple[list[Said], list[Effect]]:
        """The answer: which of these are new here, and what shows them."""
        asked, wanted, typed = self._asked.pop(conversation, (None, False, False))
        view = self.home if conversation is None else self._views.get(conversation)
        if view is None:
            return [], []
        if conversation is not None:
            self._loaded.add(conversation)
        if asked is not None:
            view.loaded(messages)
        fresh = view.merge([self.offers.seen(each) for each in messages])
        if view is not self.open:
            return fresh, []
        if not fresh and wanted:  # what a person sees already does not count
            return [], self.more(asked or 0.0, up=True, typed=typed)
        if not fresh:
            return [], []
        self.unread.show({each.seq for each in fresh if each.seq is not None})
        return fresh, [Redraw(), *self.mark_read()]

    # -- inner ------------------------------------------------------------------------------------

    @property
    def _command(self) -> str:
        """What shows lines of the open view that are older than those kept."""
        if self.conversation is None:
            return "history 100 --until TIME"
        return f"/history 100 --with {on_screen(self.conversation)} --until TIME"

    def _is_open(self, conversations: Sequence[Conversation]) -> bool:
        return self.conversation is None or self.conversation in conversations

    def _put(self, said: Said, conversations: Sequence[Conversation]) -> list[Effect]:
        effects: list[Effect] = []
        for view in (self.home, *map(self._view, conversations)):
            shown: list[Effect]
            if view.comes_late(said):
                fresh = view.merge([said])
                shown = [*map(Show, fresh), Redraw()] if fresh else []
            else:
                shown = [*map(Show, view.add(said))]
            if view is self.open:
                effects += shown
        return effects

    def _view(self, conversation: Conversation) -> View:
        """The view of a conversation, now the latest used; room is made for a new one."""
        view = self._views.pop(conversation, None)
        self._views[conversation] = view = View(self._zone, self._bounds) if view is None else view
        if len(self._views) > self._bounds.views:
            spare = [each for each in self._views if each not in {conversation, self.conversation}]
            gone = min(spare, key=lambda each: bool(self._views[each].draft))  # the oldest without a draft
            del self._views[gone]
            self._loaded.discard(gone)
            self._asked.pop(gone, None)
        return view


def said_of(message: Message | Unknown) -> Said:
    """A message as a view holds it. An own one is stored when it comes; only such have a client id."""
    if isinstance(message, Unknown):
        return Said(message.id, message.time, "", (), message.kind, "", seq=message.seq, unknown=True)
    own = message.client_id is not None or not message.received
    return Said(
        key=message.client_id or message.id,
        time=message.time,
        sender=message.sender,
        to=tuple(map(from_wire, message.to)),
        kind=message.kind,
        body=message.body,
        mark=Mark.STORED if own else None,
        seq=message.seq,
        file=message.file,
        id=message.id,
    )


def conversations_of(said: Said) -> tuple[Conversation, ...]:
    """Where a message belongs besides home: with its sender, or, an own one, with each recipient."""
    if said.unknown:
        return ()
    if said.kind == "broadcast":
        return (Everyone(),)
    return (from_wire(said.sender),) if said.mark is None else said.to
