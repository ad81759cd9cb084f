"""docs/messages.schema.json describes what the library and the command line print with --json."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cnmessage_client import Device, FileInfo, User
from cnmessage_client.model import entry_of
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.ids import ClientId, FileId, MessageId, UserName
from cnmessage_protocol.records import Direction, FileFacts, InboxItem, Kind

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "messages.schema.json").read_text(encoding="utf-8"))


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
    of_file = item._replace(kind=Kind.FILE, file=FileFacts(FileId(bytes(16)), "x", 0, bytes(32)))
    listed = FileInfo(entry_of(item).id, "x", 0, None, "a", "", now, None, "uploading", ())
    made = {
        "message": [entry_of(item).as_json(), entry_of(of_file).as_json()],
        "offer": [{**listed.as_json(), "direction": "sent"}],
        "user": [User("a", online=True, last_seen=now).as_json(), User("a", False, None).as_json()],
        "session": [Device(1, "x", now, now, online=True, current=False).as_json()],
    }
    for name, values in made.items():
        for value in values:
            assert list(faults(SCHEMA["$defs"][name], value)) == []


def test_the_schema_knows_every_error_code() -> None:
    error = SCHEMA["$defs"]["error"]["properties"]["error"]
    assert error["properties"]["code"]["enum"] == [str(code) for code in ErrorCode]
