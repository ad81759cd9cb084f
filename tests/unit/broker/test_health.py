"""The health report: written, read back, and nothing made of what cannot be read."""

import json
from pathlib import Path

import pytest

from cnmessage_broker import health
from cnmessage_broker.health import Health

GOOD = Health(1.5, 7, 3, {"requests": 4}, 50, 1024, 1 << 20, 1 << 30, 0, 0, [])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    health.write(tmp_path, GOOD)
    assert health.read(tmp_path) == GOOD
    assert [each.name for each in tmp_path.iterdir()] == [health.FILE]


def test_a_report_that_is_gone_is_no_report(tmp_path: Path) -> None:
    health.write(tmp_path, GOOD)
    health.remove(tmp_path)
    assert health.read(tmp_path) is None
    health.remove(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"time": 1})])
def test_what_cannot_be_read_is_no_report(tmp_path: Path, text: str) -> None:
    (tmp_path / health.FILE).write_text(text)
    assert health.read(tmp_path) is None


def test_where_nothing_can_be_written_nothing_is_left_half(tmp_path: Path) -> None:
    (tmp_path / health.FILE).mkdir()
    health.write(tmp_path, GOOD)
    assert [each.name for each in tmp_path.iterdir()] == [health.FILE]
