"""What a broken or hostile broker does to a command: its answers, the command and its end, one case a line.

Run by test_hostile_broker.py against the real command line. Asserts nothing itself.
"""
# ruff: noqa: E501 - one case a line reads as the table it is

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.attacks.fake_broker import DIGEST, ID, Answer, FakeBroker, Late, Raw, Refusal, file_row, item, page

SMALL = 120
"""MiB that a command takes at most, unless it was asked for much."""

LARGEST = (1 << 53) - 1
BEYOND = 1 << 62


@dataclass(frozen=True)
class Case:
    """What the broker does, what is run, how it ends: with a status, and these words on stderr."""

    name: str
    words: str
    status: int
    says: str = ""
    mib: int = SMALL
    kept: int = 0
    """Files in the outbox afterwards."""
    makes: Callable[[], dict[str, Any]] = dict

    @property
    def waits(self) -> bool:
        """Whether it ends because time has passed."""
        return self.status in {3, 10} or self.kept > 0 or self.says in {"wait", "not sent"}


def case(
    name: str, words: str, status: int, says: str = "", *, mib: int = SMALL, kept: int = 0, **script: Any
) -> Case:
    """A case whose script has no memory."""
    return Case(name, words, status, says, mib, kept, lambda: script)


def always(answer: Answer) -> Callable[[Any], Answer]:
    return lambda _: answer


def in_turn(*answers: Answer) -> Callable[[], Callable[[Any], Answer]]:
    """One answer after the other, the last for ever."""

    def made() -> Callable[[Any], Answer]:
        rest = list(answers)
        return lambda _: rest.pop(0) if len(rest) > 1 else rest[0]

    return made


def falling(seconds: float = 0.0, items: int = 0) -> Callable[[], dict[str, Any]]:
    """History without end: each page a little lower than the one before, from far above."""

    def history(arguments: dict[str, Any]) -> Answer:
        before = arguments.get("before") or LARGEST
        rows = [item(before - items + at) for at in range(items)]
        answer = page(rows, LARGEST, more=True, before=before - max(1, items))
        return Late(seconds, answer) if seconds else answer

    return lambda: {"history": history}


def rising_users(seconds: float = 0.0, rows: int = 1000) -> Callable[[], dict[str, Any]]:
    """Users without end, in order."""

    def made() -> dict[str, Any]:
        numbers = count()

        def users(_: Any) -> Answer:
            answer = {"users": [[f"u{next(numbers):020}", True, 0] for _ in range(rows)], "more": True}
            return Late(seconds, answer) if seconds else answer

        return {"users": users}

    return made


def more_conversations(arguments: dict[str, Any]) -> Answer:
    seq = arguments.get("before") or LARGEST
    rows = [[f"u{each}", 1, 0, item(seq - each - 1)] for each in range(100)]
    return {"conversations": rows, "more": True}


def more_files(arguments: dict[str, Any]) -> Answer:
    order = arguments.get("before") or LARGEST
    return {"files": [file_row(order - each - 1) for each in range(200)], "more": True}


def large_history(arguments: dict[str, Any]) -> Answer:
    before = arguments.get("before") or LARGEST
    rows = [item(before - 40 + at, "x" * 60_000) for at in range(40)]
    return page(rows, LARGEST, more=True, before=rows[0][0])


NO_PROGRESS = "make no progress"
NOT_ALLOWED = "is not what the protocol allows"

READING = [
    case("the same place again and again", "history 50", 1, NO_PROGRESS, history=always(page([], 9, more=True, before=5))),
    case("the same page again and again", "history 50", 1, NO_PROGRESS, history=always(page([item(5)], 9, more=True, before=5))),
    case("a place that rises", "history 50", 1, NO_PROGRESS, history=always(page([item(5)], 9, more=True, before=8))),
    case("more than was asked for", "history 2", 1, NO_PROGRESS, history=always(page([item(at) for at in (1, 2, 3)], 9))),
    case("falling seqs", "history", 1, NO_PROGRESS, history=always(page([item(3), item(2)], 9))),
    case("a seq twice", "history", 1, NO_PROGRESS, history=always(page([item(3), item(3)], 9))),
    case("seqs above the head", "history", 1, NO_PROGRESS, history=always(page([item(10)], 9))),
    case("a time beyond all years", "history", 1, NOT_ALLOWED, history=always(page([item(1, time=BEYOND)], 9))),
    case("the last time that is a time", "history", 0, history=always(page([item(1, time=253_402_214_399_999)], 9))),
    case("a seq beyond all numbers", "history", 1, NOT_ALLOWED, history=always(page([item(BEYOND)], BEYOND))),
    case("a sender that is a path", "history", 1, NOT_ALLOWED, history=always(page([item(1, sender="../x")], 9))),
    case("nothing, a little lower each time", "history 50", 3, "too little", **falling()()),
    case("one item a page, late", "history 500", 3, "too little", **falling(0.2, 1)()),
    case("large messages without end", "history 1000000", 7, "MiB", mib=600, history=large_history),
    case("no answer", "history", 3, "no answer", history=always(None)),
    case("noise", "history", 3, "no answer that can be read", history=always(Raw(b"\xc1" * 99))),
    case("an answer to another question", "history", 1, NOT_ALLOWED, history=always({"users": [], "more": False})),
    case("another version", "history", 1, "version", history=lambda _: Raw(b"\x94\x02\x01\xa2ok\x80")),
    case("an error that is none", "history", 1, NOT_ALLOWED, history=lambda _: Raw(b"\x94\x01\x01\xa4busy\x80")),
    case("a long reason", "history", 6, "x" * 1000, history=always(Refusal("storage", "x" * 60_000))),
    case("a code that only a client has", "history", 1, "no", history=always(Refusal("interrupted"))),
    case("refused for ever", "history", 7, "wait", history=always(Refusal("rate_limited", "wait"))),
    case("busy for ever", "users", 6, "wait", users=always(Refusal("busy", "wait"))),
    case("users without end", "users", 1, NO_PROGRESS, mib=200, **rising_users()()),
    case("a user a page, late", "users", 3, "too little", **rising_users(0.2, 1)()),
    case("the same users for ever", "users", 1, NO_PROGRESS, users=always({"users": [["bob", True, 0]], "more": True})),
    case("no users and more", "users", 1, NO_PROGRESS, users=always({"users": [], "more": True})),
    case("a user seen beyond all years", "users", 1, NOT_ALLOWED, users=always({"users": [["bob", True, BEYOND]], "more": False})),
    case("conversations without end", "inbox", 1, NO_PROGRESS, mib=300, conversations=more_conversations),
    case("the same conversations for ever", "inbox", 1, NO_PROGRESS, conversations=always({"conversations": [["bob", 1, 0, item(7)]], "more": True})),
    case("no conversations and more", "inbox", 1, NO_PROGRESS, conversations=always({"conversations": [], "more": True})),
    case("a conversation with a path", "inbox", 1, NOT_ALLOWED, conversations=always({"conversations": [["../x", 1, 0, item(7)]], "more": False})),
    case("more unread than numbers", "inbox", 1, NOT_ALLOWED, conversations=always({"conversations": [["bob", BEYOND, 0, item(7)]], "more": False})),
    case("files without end", "files", 1, NO_PROGRESS, mib=300, files_list=more_files),
    case("the same files for ever", "files", 1, NO_PROGRESS, files_list=always({"files": [file_row(7)], "more": True})),
    case("a file beyond all sizes", "files", 1, NOT_ALLOWED, files_list=always({"files": [file_row(7, size=BEYOND)], "more": False})),
    case("a file beyond all years", "files", 1, NOT_ALLOWED, files_list=always({"files": [file_row(7, expires=BEYOND)], "more": False})),
    case("a file in no state", "files", 1, NOT_ALLOWED, files_list=always({"files": [file_row(7, state="?")], "more": False})),
    case("devices beyond all years", "devices", 1, NOT_ALLOWED, devices=always({"devices": [[1, "", BEYOND, 0, True, True]]})),
    case("a name that is a path", "whoami", 1, NOT_ALLOWED, whoami=always({"user": "../../x", "device": 1, "head": 0, "read_upto": 0, "unread": 0, "blocked": 0})),
    case("blocked names without end", "blacklist list", 1, NOT_ALLOWED, blacklist=always({"names": ["a b"]})),
]  # fmt: skip

SENDING = [
    case("neither stored nor refused", "send bob hello", 3, "does not say", kept=1, send=always({"acks": []})),
    case("stored under ids never sent", "send bob hello", 3, "does not say", kept=1, send=always({"acks": [[ID, ID, 1, 1]] * 9})),
    case("an ack that is none", "send bob hello", 1, NOT_ALLOWED, kept=1, send=lambda a: {"acks": [[a["messages"][0][0], ID, BEYOND, 1]]}),
    case("no ack", "send bob hello", 3, "may have arrived", kept=1, send=always(None)),
    case("refused for the moment, for ever", "send bob hello", 7, "not sent", send=always(Refusal("rate_limited", "wait"))),
    case("busy with each message, for ever", "send bob hello", 6, "is kept", kept=1, send=lambda a: {"acks": [], "refused": [[row[0], "busy", "wait"] for row in a["messages"]]}),
    case("never read", "send bob hello --wait read", 10, "stored, but", receipts=lambda a: {"receipts": [[a["ids"][0], [["bob", "stored"]]]]}),
    case("no receipt", "send bob hello --wait read", 10, "it may still arrive", receipts=always({"receipts": []})),
    case("a receipt of another", "send bob hello --wait read", 10, "it may still arrive", receipts=always({"receipts": [[b"x" * 16, []]]})),
    case("a receipt in no state", "send bob hello --wait read", 10, "it may still arrive", receipts=lambda a: {"receipts": [[a["ids"][0], [["bob", "?"]]]]}),
    case("receipts refused for ever", "send bob hello --wait read", 10, "as far as is known: wait", receipts=always(Refusal("rate_limited", "wait"))),
]  # fmt: skip


def attached(**other: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"attach_with": other}


FOLLOWING = [
    Case("a beat that is a spin", "watch", 1, NOT_ALLOWED, makes=attached(heartbeat=1)),
    Case("a beat beyond all times", "watch", 1, NOT_ALLOWED, makes=attached(heartbeat=BEYOND, expiry=BEYOND)),
    Case("an expiry below the beat", "watch", 1, NOT_ALLOWED, makes=attached(expiry=1000)),
    Case("a port that is none", "watch", 1, NOT_ALLOWED, makes=attached(deliveries=65535)),
    Case("a head beyond all numbers", "watch", 1, NOT_ALLOWED, makes=attached(head=BEYOND)),
    Case("items it does not give", "watch", 1, NO_PROGRESS, makes=lambda: {"attach_with": {"head": 9}, "sync": always(page([], 9))}),
    Case("other items than those asked for", "watch", 1, NO_PROGRESS, makes=lambda: {"attach_with": {"head": 9}, "sync": always(page([item(7)], 9, more=True))}),
    Case("items that are none", "watch", 1, NOT_ALLOWED, makes=lambda: {"attach_with": {"head": 9}, "sync": always(page([item(1, time=BEYOND)], 9))}),
    Case("a head that comes and goes", "watch -n 1", 0, makes=lambda: {"attach_with": {"head": 9}, "sync": in_turn(page([], 0), page([], 0), page([item(1)], 1))(), "beat": always({"head": LARGEST, "read_upto": 0, "epoch": ID})}),
    Case("refused for a while", "watch -n 1", 0, makes=lambda: {"attach": in_turn(Refusal("busy"), Refusal("rate_limited"), None)(), "attach_with": {"head": 1}, "sync": in_turn(Refusal("rate_limited"), Refusal("busy"), page([item(1)], 1))()}),
]  # fmt: skip


def fetched(*answers: list[tuple[Any, ...]]) -> dict[str, Any]:
    """One file is offered; GET gets the first answer, all else that is said the others in turn."""

    def files(verb: str, _: dict[str, Any], __: bytes) -> list[tuple[Any, ...]]:
        if verb == "get":
            return answers[0]
        return answers[1] if len(answers) > 1 else []

    return {"files_list": always({"files": [file_row(7, size=100_000)], "more": False}), "files": files}


def opened(size: int = 100_000, sha256: bytes = DIGEST) -> tuple[Any, ...]:
    return ("opened", {"name": "a.txt", "size": size, "sha256": sha256})


def chunk(offset: int, data: bytes = b"x" * 100) -> tuple[Any, ...]:
    return ("chunk", {"offset": offset}, data)


def stopped(code: str) -> tuple[Any, ...]:
    return ("stop", {"code": code, "message": "no"})


GET = f"files get {ID.hex()}"
PUT = "files send bob file.txt"
PATIENT = "--timeout 5 "
"""Where the broker's repeats are to end it, and not the time that a busy machine takes for them."""
SIZE = 11_000


def sent(**answers: list[tuple[Any, ...]]) -> dict[str, Any]:
    """What is answered to each verb of an upload."""

    def files(verb: str, _: dict[str, Any], __: bytes) -> list[tuple[Any, ...]]:
        return list(answers.get(verb, []))

    return {"files": files}


def granted(offset: int, upto: int = SIZE) -> tuple[Any, ...]:
    return ("granted", {"file": ID, "offset": offset, "upto": upto})


CREDIT = ("credit", {"upto": SIZE})


def alive(broker: FakeBroker) -> None:
    """Signs of life on every transfer, all the time."""
    broker.say_again(CREDIT)


TRANSFERS = [
    case("sent back to the beginning for ever", PATIENT + PUT, 9, "again and again", **sent(put=[granted(0)], chunk=[granted(0)], finish=[granted(0)])),
    case("the last byte wanted for ever", PATIENT + PUT, 1, NO_PROGRESS, **sent(put=[granted(0)], finish=[granted(SIZE - 1)])),
    case("granted nothing for ever", PUT, 3, "no progress", **sent(put=[granted(0, 0)])),
    case("granted beyond the end", PUT, 2, "no offset", **sent(put=[granted(SIZE + 1)])),
    case("granted beyond all numbers", PUT, 3, "no progress", **sent(put=[granted(0, BEYOND)])),
    case("not open, again and again", PATIENT + PUT, 1, NO_PROGRESS, **sent(put=[granted(0), stopped("not_attached")])),
    case("at work for ever", PUT, 3, "no progress", tick=alive, **sent(put=[CREDIT])),
    case("at the end for ever", PUT, 3, "no progress", tick=alive, **sent(put=[granted(0)])),
    case("kept as nothing", PUT, 3, "no progress", **sent(put=[("kept", {"file": ID, "message": ID, "seq": BEYOND, "recipients": 1})])),
    case("stopped with a code of ours", PUT, 1, "no", **sent(put=[stopped("interrupted")])),
    case("no word", PUT, 3, "no progress", **sent()),
    case("another size than offered", GET, 9, "another file", **fetched([opened(10**15)])),
    case("another digest than offered", GET, 9, "another file", **fetched([opened(sha256=b"y" * 32)])),
    case("chunks from elsewhere", GET, 3, "no progress", **fetched([opened(), chunk(500)], [chunk(500)])),
    case("chunks beyond the end", GET, 3, "no progress", **fetched([opened(), chunk(0, b"x" * 200_000)])),
    case("opened for ever", PATIENT + GET, 1, NO_PROGRESS, **fetched([opened()], [opened()])),
    case("closed for ever", PATIENT + GET, 1, NO_PROGRESS, **fetched([opened(), stopped("not_attached")])),
    case("wrong for ever", GET, 2, "no", **fetched([opened(), chunk(0), stopped("bad_request")])),
    case("no chunk", GET, 3, "no progress", **fetched([opened()])),
    case("signs of life and no chunk", GET, 3, "no progress", tick=alive, **fetched([opened()])),
]  # fmt: skip


def started(script: dict[str, Any]) -> FakeBroker:
    """The broker of a case. `files_list` is the verb `files`; `attach_with` changes an honest Attached."""
    verbs = dict(script)
    channel, tick = verbs.pop("files", None), verbs.pop("tick", None)
    other, refusing = verbs.pop("attach_with", None), verbs.pop("attach", None)
    listing = verbs.pop("files_list", None)
    broker = FakeBroker(files=channel, tick=tick, **verbs)
    if listing is not None:
        broker.verbs["files"] = listing
    if other is not None:
        broker.verbs["attach"] = lambda arguments: (
            (refusing and refusing(arguments)) or broker.attached(**other)
        )
    return broker


CASES = [*READING, *SENDING, *FOLLOWING, *TRANSFERS]
SLOW = {"files without end"}
"""Cases that are much work for both sides."""
