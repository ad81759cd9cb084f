"""Files on disk: parts, contents, and what is collected."""

import hashlib
import os
from pathlib import Path

import pytest

from cnmessage_broker.files.blobs import Blobs

FILE, OTHER = b"f" * 16, b"o" * 16
CONTENT = b"some bytes"
DIGEST = hashlib.sha256(CONTENT).digest()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "files")


def fill(blobs: Blobs, file: bytes, content: bytes = CONTENT) -> None:
    here = blobs.begun_part(file, len(content))
    descriptor = blobs.open_part(file, here)
    os.pwrite(descriptor, content[here:], here)
    os.close(descriptor)


def read(blobs: Blobs, digest: bytes) -> bytes:
    descriptor = blobs.open_blob(digest)
    try:
        return os.read(descriptor, 1000)
    finally:
        os.close(descriptor)


def test_a_part_goes_on_where_it_ended(blobs: Blobs) -> None:
    fill(blobs, FILE, CONTENT[:4])
    assert blobs.begun_part(FILE, len(CONTENT)) == 4


def test_a_part_longer_than_its_file_begins_anew(blobs: Blobs) -> None:
    fill(blobs, FILE)
    assert blobs.begun_part(FILE, 3) == 0
    assert list(blobs.parts()) == []


def test_a_part_that_lost_its_end_is_not_gone_on_with(blobs: Blobs) -> None:
    fill(blobs, FILE, CONTENT[:4])
    with pytest.raises(OSError, match="lost its end"):
        blobs.open_part(FILE, 5)
    blobs.drop_part(FILE)
    with pytest.raises(FileNotFoundError):
        blobs.open_part(FILE, 4)
    assert list(blobs.parts()) == []


def test_a_kept_part_has_both_names_until_its_own_is_dropped(blobs: Blobs) -> None:
    fill(blobs, FILE)
    blobs.keep(FILE, DIGEST)
    assert list(blobs.parts()) == [FILE]
    assert read(blobs, DIGEST) == CONTENT
    blobs.drop_part(FILE)
    blobs.drop_part(FILE)
    assert list(blobs.parts()) == []
    assert read(blobs, DIGEST) == CONTENT


def test_a_content_is_kept_once_however_many_bring_it(blobs: Blobs) -> None:
    for file in (FILE, OTHER):
        fill(blobs, file)
        blobs.keep(file, DIGEST)
        blobs.drop_part(file)
    assert list(blobs.blobs()) == [DIGEST]


def test_what_nobody_needs_is_collected_and_nothing_else(blobs: Blobs) -> None:
    fill(blobs, FILE)
    blobs.keep(FILE, DIGEST)
    fill(blobs, OTHER, b"orphan")
    blobs.keep(OTHER, hashlib.sha256(b"orphan").digest())
    assert blobs.collect({FILE}, {DIGEST}) == 2
    assert (list(blobs.parts()), list(blobs.blobs())) == ([FILE], [DIGEST])
    assert blobs.collect({FILE}, {DIGEST}) == 0


def test_a_lost_content_is_an_error_and_dropping_it_again_is_not(blobs: Blobs) -> None:
    blobs.drop_blob(DIGEST)
    with pytest.raises(FileNotFoundError):
        blobs.open_blob(DIGEST)


def test_nobody_but_the_broker_reads_the_directories(blobs: Blobs, tmp_path: Path) -> None:
    fill(blobs, FILE)
    (part,) = (tmp_path / "files" / "parts").iterdir()
    assert part.stat().st_mode & 0o077 == 0
