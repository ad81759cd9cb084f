"""What stands in the talk, as lines for pipes, files and screen readers: one event, one line, nothing moves.

Pure. Messages are data, for standard output; news of own ones and all else are for standard error. Each
form also exists as a JSON object.
"""

import json
from typing import Any

from cnmessage_client.chat.talk.entries import Mark, Said
from cnmessage_client.chat.wording import content, shows_recipients
from cnmessage_client.model import Unknown, json_time, pushed_json
from cnmessage_client.shell.out.safe_text import one_field, safe_text
from cnmessage_protocol.conversation import on_screen, to_wire

_SHOWN = 60
"""Characters of an own message that are repeated with its mark."""


def message_line(said: Said, *, dated: bool = False) -> str:
    """A message; `dated` when it is not of just now."""
    time = f"{said.time.astimezone():{'%Y-%m-%d ' if dated else ''}%H:%M:%S}"
    if said.unknown:
        return f"{time} {content(said)}"
    return f"{time} {one_field(said.sender)}{_arrow(said)}: {one_field(content(said))}"


def mark_line(said: Said) -> str:
    """How far an own message has come."""
    text = content(said)
    shown = one_field(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
    line = f"[{_status(said)}]{_arrow(said)}: {shown}"
    return f"{line} · {one_field(said.reason)} · /retry" if said.mark is Mark.FAILED else line


def message_json(said: Said) -> str:
    """A message as everywhere with --json."""
    if said.unknown:
        return json.dumps(Unknown(said.key, said.seq or 0, said.kind, said.time, received=True).as_json())
    file = {} if said.file is None else {"file": said.file.as_json()}
    return json.dumps(
        {
            "id": said.id or said.key,
            "seq": said.seq,
            "kind": said.kind,
            "from": said.sender,
            "to": list(map(to_wire, said.to)),
            "time": json_time(said.time),
            "body": said.body,
            **file,
        }
    )


def mark_json(said: Said) -> str:
    """An acknowledgement. The broker's id is there once it has it; who got a broadcast is not kept."""
    values: dict[str, Any] = {
        "id": said.id or None,
        "client_id": said.key,
        "status": _status(said),
        "recipients": None if said.kind == "broadcast" else len(said.to),
    }
    return json.dumps(values if said.mark is not Mark.FAILED else {**values, "reason": said.reason})


def other_line(text: str) -> str:
    """A note, or whatever else is said once; it may have several lines."""
    return safe_text(text, lines=True)


def other_json(text: str) -> str:
    """The same as an object."""
    return json.dumps({"note": text})


def delivery_json(kind: str) -> str:
    """A delivery of a kind to come, as an object."""
    return json.dumps(pushed_json(kind))


def _arrow(said: Said) -> str:
    return (
        f" → {', '.join(one_field(on_screen(each)) for each in said.to)}"
        if shows_recipients(said, None)
        else ""
    )


def _status(said: Said) -> str:
    return "" if said.mark is None else said.mark.name.lower()
