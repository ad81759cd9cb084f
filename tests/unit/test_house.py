"""The habits that no linter knows: who prints, how long a file may get, what the public API is."""

import ast
from pathlib import Path

import cnmessage_client
import cnmessage_protocol

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for folder in ("protocol", "broker", "client") for path in (ROOT / folder).rglob("*.py")
)
PRINTERS = {"client/cnmessage_client/shell/oneshot.py", "broker/cnmessage_broker/cli.py"}
LONGEST = 350
LONGEST_MACHINE = 450
"""A machine that is one class may be longer: cutting it would hide what belongs together."""


def test_every_file_has_one_purpose_and_opens_by_saying_it() -> None:
    for path in SOURCES:
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        assert text.startswith(('"""', 'r"""')), name
        classes = sum(isinstance(node, ast.ClassDef) for node in ast.parse(text).body)
        assert len(text.splitlines()) <= (LONGEST_MACHINE if classes == 1 else LONGEST), name


def test_only_the_renderers_print() -> None:
    printing = {"print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"}
    printers = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in printing
    }
    assert printers == PRINTERS


def test_only_the_value_knows_the_word_for_everyone() -> None:
    spelling = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value == "all"
    }
    assert spelling == {
        "protocol/cnmessage_protocol/conversation.py",
        "protocol/cnmessage_protocol/ids.py",  # among the reserved names
        "client/cnmessage_client/chat/talk/lines.py",  # `retry all`, which is another all
    }
    statements = (ROOT / "broker").rglob("*.sql")
    assert not [path.name for path in statements if "'all'" in path.read_text(encoding="utf-8")]


def test_the_public_client_api_is_what_the_readme_and_users_rely_on() -> None:
    assert cnmessage_client.__all__ == [
        "Client",
        "CnMessageError",
        "Delivered",
        "ErrorCode",
        "FileInfo",
        "Home",
        "LoginSession",
        "Message",
        "MessageFile",
        "Receipt",
        "RecipientState",
        "SentFile",
        "SyncClient",
        "TransferProgress",
        "Unknown",
        "User",
        "new_event_loop",
    ]
    assert cnmessage_protocol.__all__ == ["VERSION"]


def test_both_clients_offer_the_same_calls() -> None:
    asynchronous = {name for name in dir(cnmessage_client.Client) if not name.startswith("_")}
    synchronous = {name for name in dir(cnmessage_client.SyncClient) if not name.startswith("_")}
    # A blocking program has no loop on which to be told of changes or to break its own connection.
    assert asynchronous - synchronous == {"acknowledge", "cut", "queued", "reached", "state"}
    assert synchronous <= asynchronous
