"""The three forms of the same data; a hostile broker's answers included, which no command can bring about."""

import json
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnmessage_client.model import UNKNOWN, Message, MessageFile, Unknown, User
from cnmessage_client.shell.oneshot import ProcessSurface
from cnmessage_client.shell.out.render import Renderer
from cnmessage_protocol.errors import CnMessageError, ErrorCode

TIME = datetime(2026, 3, 1, 9, 30, 0, 5000, tzinfo=UTC)
_EVIL = st.text(st.characters(), max_size=30) | st.text(
    st.sampled_from("\x1b\x9b\u202e\x00\r\n\t\x07\ud800[2Jab"), max_size=30
)
_SAME = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def _message(**changes: object) -> Message:
    values: dict[str, object] = {
        "id": "0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001",
        "seq": 7,
        "kind": "direct",
        "sender": "alice",
        "to": ("bob",),
        "time": TIME,
        "body": "hello",
        "received": True,
        "client_id": None,
    }
    return Message(**(values | changes))  # type: ignore[arg-type]


def _harmful(shown: str) -> set[str]:
    categories = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return {each for each in shown if unicodedata.category(each) in categories} - set("\n\t\u200c\u200d")


def _renderer(form: str) -> Renderer:
    renderer = Renderer(ProcessSurface(), as_json=form == "json", quiet=False)
    renderer.for_person = form in {"person", "colour"}
    renderer.colour = form == "colour"
    return renderer


def _file(name: str = "report.pdf", identity: str = "1a2b3c4d-0000-4000-8000-000000000001") -> MessageFile:
    return MessageFile(identity, name, 1_300_000, "ab" * 32)


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("person", f"{TIME.astimezone():%Y-%m-%d %H:%M:%S}  {UNKNOWN}\n{UNKNOWN}\n"),
        (
            "colour",
            f"\x1b[2m{TIME.astimezone():%Y-%m-%d %H:%M:%S}  {UNKNOWN}\x1b[0m\n\x1b[2m{UNKNOWN}\x1b[0m\n",
        ),
        ("lines", "7\t2026-03-01T09:30:00.005Z\t9\t\t\t\n\t\ttyping\t\t\t\n"),
        (
            "json",
            (
                '{"kind": "9", "seq": 7, "id": "0190", "time": "2026-03-01T09:30:00.005Z"}\n'
                '{"kind": "typing", "seq": null, "id": null, "time": null}\n'
            ),
        ),
    ],
)
def test_what_cannot_be_shown_is_one_line(capsys: pytest.CaptureFixture[str], form: str, shown: str) -> None:
    _renderer(form).entry(Unknown("0190", 7, "9", TIME, received=True))
    _renderer(form).pushed("typing")
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("form", ["json", "person", "colour", "lines"])
@_SAME
@given(
    sender=_EVIL,
    to=st.lists(_EVIL, min_size=1, max_size=3),
    body=_EVIL,
    kind=st.sampled_from(["direct", "broadcast"]),
)
def test_nothing_a_broker_says_harms_a_terminal(
    capsys: pytest.CaptureFixture[str], form: str, sender: str, to: list[str], body: str, kind: str
) -> None:
    capsys.readouterr()
    renderer = _renderer(form)
    renderer.message(_message(sender=sender, to=tuple(to), body=body, kind=kind))
    renderer.users([User(sender, online=True, last_seen=None)])
    renderer.error(CnMessageError(ErrorCode.INTERNAL, body))
    shown = capsys.readouterr()
    assert _harmful(_COLOUR.sub("", shown.out)) == set()
    assert _harmful(shown.err) == set()
    assert len(shown.err.splitlines()) == 1
    if form == "json":
        first, second = map(json.loads, shown.out.splitlines())
        assert (first["from"], first["to"], first["body"], second["name"]) == (sender, to, body, sender)
    if form == "lines":
        assert [line.count("\t") for line in shown.out.splitlines()] == [5, 2]


@pytest.mark.parametrize("write", [lambda r, t: r.note(t), lambda r, t: r.record({"user": t}, t, [t])])
@pytest.mark.parametrize("form", ["json", "person", "lines"])
def test_notes_and_sentences_are_made_harmless_too(
    capsys: pytest.CaptureFixture[str], form: str, write: Callable[[Renderer, str], None]
) -> None:
    write(_renderer(form), "user \x1b[2J\u202e\r gone")
    shown = capsys.readouterr()
    assert _harmful(shown.out + shown.err) == set()


def test_a_person_sees_who_wrote_to_whom_and_lines_below_each_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    renderer = _renderer("person")
    for changes, expected in (
        ({}, "  alice: hello\n"),
        ({"to": ("bob", "carol")}, "  alice → bob, carol: hello\n"),
        ({"kind": "broadcast", "to": ("all",)}, "  alice → all: hello\n"),
        ({"received": False}, "  alice → bob: hello\n"),
        ({"body": "one\ntwo"}, "  alice: one\n    two\n"),
    ):
        renderer.message(_message(**changes))
        shown = capsys.readouterr().out
        assert shown == f"{TIME.astimezone():%Y-%m-%d %H:%M:%S}{expected}"


def test_lines_are_stable_and_times_are_utc(capsys: pytest.CaptureFixture[str]) -> None:
    renderer = _renderer("lines")
    renderer.message(_message())
    renderer.users([User("alice", online=False, last_seen=TIME), User("bob", online=True, last_seen=None)])
    assert capsys.readouterr().out == (
        "7\t2026-03-01T09:30:00.005Z\tdirect\talice\tbob\thello\n"
        "alice\toffline\t2026-03-01T09:30:00.005Z\nbob\tonline\t\n"
    )


def test_a_file_is_told_with_the_command_that_fetches_it(capsys: pytest.CaptureFixture[str]) -> None:
    renderer = Renderer(
        ProcessSurface(), as_json=False, quiet=False, typed=lambda words: f"cnmessage --profile bob {words}"
    )
    renderer.for_person = True
    offer = "[file] report.pdf, 1.2 MiB"
    fetch = "fetch it: cnmessage --profile bob files get 1a2b3c4d"
    for changes, expected in (
        ({}, f"  alice: {offer} · {fetch}\n    hello\n"),
        ({"body": ""}, f"  alice: {offer} · {fetch}\n"),
        ({"received": False, "body": ""}, f"  alice → bob: {offer}\n"),
    ):
        renderer.message(_message(kind="file", file=_file(), **changes))
        shown = capsys.readouterr().out
        assert shown == f"{TIME.astimezone():%Y-%m-%d %H:%M:%S}{expected}"


def test_a_line_has_four_more_fields_for_a_file_alone(capsys: pytest.CaptureFixture[str]) -> None:
    renderer = _renderer("lines")
    renderer.message(_message(kind="file", file=_file("a\tb.pdf")))
    assert capsys.readouterr().out == (
        "7\t2026-03-01T09:30:00.005Z\tfile\talice\tbob\thello"
        f"\t1a2b3c4d-0000-4000-8000-000000000001\ta\\tb.pdf\t1300000\t{'ab' * 32}\n"
    )


@pytest.mark.parametrize("form", ["json", "person", "colour", "lines"])
@_SAME
@given(name=_EVIL, identity=_EVIL)
def test_nothing_said_of_a_file_harms_a_terminal(
    capsys: pytest.CaptureFixture[str], form: str, name: str, identity: str
) -> None:
    capsys.readouterr()
    _renderer(form).message(_message(kind="file", file=_file(name, identity)))
    shown = _COLOUR.sub("", capsys.readouterr().out)
    assert _harmful(shown) == set()
    if form == "json":
        assert json.loads(shown)["file"]["name"] == name
    if form == "lines":
        assert shown.count("\t") == 9


def test_quiet_keeps_notes_back_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    renderer = Renderer(ProcessSurface(), as_json=False, quiet=True)
    renderer.note("by the way")
    renderer.error(CnMessageError(ErrorCode.INTERNAL, "wrong"))
    renderer.record({}, None, ["data"])
    assert capsys.readouterr() == ("data\n", "cnmessage: wrong\n")


@pytest.mark.parametrize(("code", "retryable"), [(ErrorCode.BUSY, True), (ErrorCode.NAME_TAKEN, False)])
def test_errors_as_json_say_whether_trying_again_may_help(
    capsys: pytest.CaptureFixture[str], code: ErrorCode, retryable: bool
) -> None:
    _renderer("json").error(CnMessageError(code, "no"))
    shown = capsys.readouterr()
    assert json.loads(shown.err) == {"error": {"code": str(code), "message": "no", "retryable": retryable}}
    assert shown.out == ""
