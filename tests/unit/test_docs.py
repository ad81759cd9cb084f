"""The pages under docs/ say what the code does: names, limits, defaults, bytes, states.

Each check works both ways where it can: what the code has must be on the page, and what the page lists must
be in the code. The command line's own pages are tested with the command line.
"""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import MISSING, Field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cnmessage_broker import attachments, delivery, reactor
from cnmessage_broker.app import DATABASE, KEY_FILE, LOCK_FILE
from cnmessage_broker.config import ENVIRONMENT_PREFIX, HIGHEST_PORT, Config
from cnmessage_broker.store.maintenance import back_up
from cnmessage_broker.store.sqlite import SqliteStore
from cnmessage_client import LoginSession, User
from cnmessage_client.model import message_of
from cnmessage_protocol import inbox, liveness, records, results, session
from cnmessage_protocol.codec import REPLY_LIMITS, REQUEST_LIMITS, encode
from cnmessage_protocol.deliveries import DELIVERIES, Hello, Items
from cnmessage_protocol.envelope import pack_error, pack_key_card, pack_request, pack_result
from cnmessage_protocol.errors import RETRYABLE, ErrorCode
from cnmessage_protocol.ids import RESERVED_NAMES, ClientId, MessageId, UserName
from cnmessage_protocol.messages import REQUESTS, Send
from cnmessage_protocol.records import Direction, InboxItem, Kind, Outgoing
from cnmessage_protocol.results import Sent, result_values
from cnmessage_protocol.sealing import Opener, Sealer
from cnmessage_protocol.states import TRANSITIONS, Event, State

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PROTOCOL = (DOCS / "protocol.md").read_text(encoding="utf-8")
ARCHITECTURE = (DOCS / "architecture.md").read_text(encoding="utf-8")
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")
SCHEMA = json.loads((DOCS / "messages.schema.json").read_text(encoding="utf-8"))
RESULTS = sorted({each.RESULT for each in REQUESTS.values()}, key=lambda record: record.__name__)


def chapter(page: str, title: str) -> str:
    """What stands under a second-level heading that begins with `title`."""
    parts = re.split(r"^## ", page, flags=re.MULTILINE)
    (found,) = [part for part in parts if part.startswith(title)]
    return found


def sections(text: str) -> dict[str, str]:
    """Name to text of each third-level heading that is one name in backticks."""
    parts = re.split(r"^### `(\w+)`$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def rows(text: str) -> dict[str, list[str]]:
    """The table rows of a text whose first cell begins with a name in backticks: name to the other cells."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"\| `(\w+)` \|(.*)\|$", line)
        if match:
            cells = re.split(r"(?<!\\)\|", match[2])
            found[match[1]] = [cell.strip() for cell in cells]
    return found


def default_text(field: Field[Any]) -> str:
    """A field's default as the protocol page writes it."""
    if field.default is MISSING:
        return "required"
    if field.default is None:
        return "`nil`"
    return f"`{json.dumps(field.default)}`"


def test_every_verb_has_a_section_and_no_other_verb_has_one() -> None:
    assert list(sections(chapter(PROTOCOL, "5. Verbs"))) == list(REQUESTS)


@pytest.mark.parametrize("verb", REQUESTS)
def test_a_verbs_section_gives_every_field_with_its_default_and_the_answer(verb: str) -> None:
    request, text = REQUESTS[verb], sections(chapter(PROTOCOL, "5. Verbs"))[verb]
    documented = {name: cells[-1] for name, cells in rows(text).items()}
    assert documented == {each.name: default_text(each) for each in fields(request)}
    assert f"Answer: `{request.RESULT.__name__}`" in text
    assert documented or "No fields." in text


def test_every_answer_has_a_section_with_every_field() -> None:
    documented = sections(chapter(PROTOCOL, "6. Answers"))
    assert sorted(documented) == [record.__name__ for record in RESULTS]
    for record in RESULTS:
        listed = rows(documented[record.__name__])
        assert list(listed) == [each.name for each in fields(record)], record.__name__
        for each in fields(record):
            assert ("Default:" in listed[each.name][-1]) is (each.default is not MISSING), each.name


def test_every_error_code_is_listed_once_with_whether_to_retry() -> None:
    text = chapter(PROTOCOL, "7. Errors")
    assert {name: cells[0] for name, cells in rows(text).items()} == {
        str(code): "yes" if code in RETRYABLE else "no" for code in ErrorCode
    }
    assert len(re.findall(r"^\| `", text, flags=re.MULTILINE)) == len(ErrorCode)


def test_every_delivery_has_a_section_with_every_field() -> None:
    documented = sections(chapter(PROTOCOL, "8. Deliveries"))
    assert list(documented) == list(DELIVERIES)
    for kind, record in DELIVERIES.items():
        assert list(rows(documented[kind])) == [each.name for each in fields(record)], kind


def test_the_decoders_limits_are_those_of_the_page() -> None:
    numbers = re.findall(r"^\| [a-z ,]+ \| (\d+) \| (\d+) \|$", chapter(PROTOCOL, "3. "), flags=re.MULTILINE)
    names = ("total", "array", "mapping", "text", "binary")
    assert [(int(a), int(b)) for a, b in numbers] == [
        (getattr(REQUEST_LIMITS, name), getattr(REPLY_LIMITS, name)) for name in names
    ]


def test_every_reserved_name_is_listed() -> None:
    listed = chapter(PROTOCOL, "3. ").partition("may not be taken by `signup`:")[2]
    assert set(re.findall(r"`([\w-]+)`", listed)) == RESERVED_NAMES


def test_the_places_of_both_rows_are_listed_in_order() -> None:
    places = re.findall(r"^\| (\d) \| `(\w+)` \|", chapter(PROTOCOL, "4. "), flags=re.MULTILINE)
    outgoing, item = ([each.name for each in fields(record)] for record in (Outgoing, InboxItem))
    item[item.index("sender")] = "from"
    assert places == [(str(place), name) for row in (outgoing, item) for place, name in enumerate(row)]


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (inbox.PATIENCE * 1000, "has lasted **{} ms**"),
        (liveness.HEARTBEAT * 1000, "ms between beats, now {}"),
        (liveness.EXPIRY * 1000, "after which the attachment ends, now {}"),
        (liveness.EXPIRY, "for `expiry` ms (**{} s**)"),
        (session.EARLY_BEAT, "as soon as **{} items**"),
        (session.JOIN_PATIENCE, "No hello within {} s"),
        (liveness.BACKOFF_LIMIT, f"`min({{}}, {liveness.BACKOFF_FIRST} · 2^n)`"),
        (inbox.HOLD, "({} rows here"),
        (attachments.WINDOW_BYTES >> 20, "at most {} MiB (rows)"),
        (delivery.PUSH_BYTES >> 10, "about {} KiB of bodies at most"),
        (reactor.DRAIN, "takes up to {} requests"),
        (records.MAX_BODY, "1 to {} bytes of UTF-8"),
        (records.MAX_RECIPIENTS, "array of 1 to {} names"),
        (results.MAX_MESSAGES, "array of 1 to {} outgoing rows"),
        (HIGHEST_PORT, "at most {}."),
    ],
)
def test_numbers_that_a_client_relies_on_are_those_of_the_code(number: float, sentence: str) -> None:
    assert sentence.format(f"{number:g}" if number < 10_000 else number) in " ".join(PROTOCOL.split())


def examples() -> dict[str, bytes]:
    """The worked example of the protocol page, made by the code."""
    client_id = ClientId(bytes.fromhex("018bcfe5680070008000000000000001"))
    message_id = MessageId(bytes.fromhex("018bcfe5687b70008000000000000002"))
    topic, key = bytes(range(0xA0, 0xB0)), bytes(range(32))
    alice, bob = UserName("alice"), UserName("bob")
    item = InboxItem(
        12, Direction.RECEIVED, message_id, Kind.DIRECT, alice, (bob,), 1700000000123, "hello", None
    )
    values: dict[str, object] = {"items": [item.row()]}
    sealer = Sealer(topic, key)
    first = sealer.seal(Hello.KIND, {"head": 11})
    second = sealer.seal(Items.KIND, values)
    opener = Opener(topic, key)
    assert (opener.open(first), opener.open(second)) == (Hello(11), Items((item,)))
    return {
        "key-card": pack_key_card(key),
        "send-request": pack_request(7, Send((Outgoing(client_id, (bob,), "hello"),))),
        "send-reply": pack_result(7, result_values(Sent(((client_id, message_id, 3, 1),)))),
        "error-reply": pack_error(8, ErrorCode.NO_SUCH_USER, "there is no user 'eve'"),
        "delivery-topic": second[0],
        "delivery-sequence": second[1],
        "delivery-plain": encode([Items.KIND, values]),
        "delivery-nonce": bytes(4) + second[1],
        "delivery-aad": topic + second[1],
        "delivery-sealed": second[2],
    }


def test_the_worked_example_is_what_the_code_makes() -> None:
    blocks = re.findall(r"^```hex ([\w-]+)\n(.*?)^```$", PROTOCOL, flags=re.MULTILINE | re.DOTALL)
    assert {name: bytes.fromhex(text) for name, text in blocks} == examples()


def test_the_drawing_of_the_session_holds_exactly_the_transitions_of_the_code() -> None:
    drawn = re.findall(r"^    (\w+) --> (\w+): (.+)$", ARCHITECTURE, flags=re.MULTILINE)
    assert sorted(drawn) == sorted((a.name, b.name, event.value) for (a, event), b in TRANSITIONS.items())
    assert {a for a, _, _ in drawn} == {state.name for state in State}
    assert {event for _, _, event in drawn} == {event.value for event in Event}


def test_every_setting_is_listed_with_its_default_and_its_variable() -> None:
    documented = rows(chapter(OPERATIONS, "Settings"))
    assert list(documented) == [each.name for each in fields(Config)]
    for each in fields(Config):
        default, variable = documented[each.name][:2]
        assert variable == f"`{ENVIRONMENT_PREFIX}{each.name.upper()}`"
        assert default == ("see below" if each.name == "data" else f"`{each.default}`")


def test_every_event_of_the_brokers_log_is_explained() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "broker").rglob("*.py"))
    events = set(re.findall(r"log\.(?:debug|info|warning|error|exception)\(\s*\"([^\"]+)\"", sources))
    assert events
    assert events == set(re.findall(r"`([a-z ]+)`(?=[^|]*\| (?:debug|info|warning|error) \|)", OPERATIONS))


def test_every_file_of_the_data_directory_is_named() -> None:
    listed = chapter(OPERATIONS, "The data directory")
    assert all(f"`{name}`" in listed for name in (DATABASE, KEY_FILE, LOCK_FILE, f"{DATABASE}.incarnation"))


@pytest.mark.parametrize("fresh_directory", [False, True])
def test_a_restored_backup_has_another_epoch_as_the_page_says(tmp_path: Path, fresh_directory: bool) -> None:
    assert "At that start the **epoch** changes" in OPERATIONS
    database = tmp_path / "data" / DATABASE
    database.parent.mkdir()
    store = SqliteStore(database, os.urandom)
    epoch = store.epoch
    back_up(database, tmp_path / "copy.db")
    store.close()
    place = tmp_path / "elsewhere" / DATABASE if fresh_directory else database
    place.parent.mkdir(exist_ok=True)
    (tmp_path / "copy.db").replace(place)
    restored = SqliteStore(place, os.urandom)
    try:
        assert restored.epoch != epoch
    finally:
        restored.close()


def test_every_room_has_its_place_in_the_architecture() -> None:
    rooms = {
        word for line in chapter(ARCHITECTURE, "Rooms").splitlines() for word in re.split(r"[\s/:]+", line)
    }
    sources = [path for folder in ("protocol", "broker", "client") for path in (ROOT / folder).glob("*/*.py")]
    assert {path.stem for path in sources} - {"__init__"} <= rooms


def test_every_make_target_is_explained() -> None:
    targets = re.findall(
        r"^([\w-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    explained = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `make ([\w-]+)`", explained, flags=re.MULTILINE)) == sorted(targets)


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*DOCS.rglob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)[^):]*\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def faults(schema: dict[str, Any], value: Any, place: str = "$") -> Iterable[str]:
    """What is wrong with a value, by as much of JSON Schema as the file uses; `true` is no integer."""
    known = {"description", "examples", "$ref", "type", "enum", "pattern", "minimum", "minItems"}
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    if unknown := schema.keys() - known - {"properties", "required", "items", "anyOf"}:
        yield f"{place}: this checker does not know {unknown}"
    if "anyOf" in schema and all(list(faults(each, value, place)) for each in schema["anyOf"]):
        yield f"{place}: none of the alternatives"
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "boolean": bool,
        "null": type(None),
    }
    named = schema.get("type", [])
    allowed = {kinds[each] for each in ([named] if isinstance(named, str) else named)}
    if allowed and type(value) not in allowed:
        yield f"{place}: {value!r} is not {named}"
        return
    if value not in schema.get("enum", [value]):
        yield f"{place}: {value!r} is not in the list"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{place}: {value!r} does not match"
    if isinstance(value, int) and value < schema.get("minimum", value):
        yield f"{place}: {value!r} is too small"
    yield from inner_faults(schema, value, place)


def inner_faults(schema: dict[str, Any], value: Any, place: str) -> Iterable[str]:
    """What is wrong inside an array or an object."""
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield f"{place}: too few"
        for number, each in enumerate(value):
            yield from faults(schema.get("items", {}), each, f"{place}[{number}]")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        yield from (f"{place}: no {key}" for key in set(schema.get("required", ())) - value.keys())
        yield from (f"{place}: {key} is not described" for key in value.keys() - properties.keys())
        for key in value.keys() & properties.keys():
            yield from faults(properties[key], value[key], f"{place}.{key}")


def test_the_schemas_examples_fit_it() -> None:
    for reference in SCHEMA["oneOf"]:
        definition = SCHEMA["$defs"][reference["$ref"].rpartition("/")[2]]
        assert definition["examples"]
        for example in definition["examples"]:
            assert list(faults(definition, example)) == []


def test_what_the_library_turns_into_json_fits_the_schema() -> None:
    now, identity = datetime(2023, 11, 14, tzinfo=UTC), ClientId(bytes(16))
    item = InboxItem(
        1,
        Direction.SENT,
        MessageId(bytes(16)),
        Kind.DIRECT,
        UserName("a"),
        (UserName("b"),),
        1,
        "x",
        identity,
    )
    made = {
        "message": [message_of(item).as_json()],
        "user": [User("a", online=True, last_seen=now).as_json(), User("a", False, None).as_json()],
        "session": [LoginSession(1, "x", now, now, online=True, current=False).as_json()],
    }
    for name, values in made.items():
        for value in values:
            assert list(faults(SCHEMA["$defs"][name], value)) == []


def test_the_schema_knows_every_error_code() -> None:
    error = SCHEMA["$defs"]["error"]["properties"]["error"]
    assert error["properties"]["code"]["enum"] == [str(code) for code in ErrorCode]
