"""Names of received files: whatever a sender writes, it names one visible place in the directory."""

import os
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cnmessage_client.transfer.names import MAX_NAME, MAX_SAFE, part_name, safe_name, sent_name

FILE = bytes(range(16))
ATTACKS = {
    "report.pdf": "report.pdf",
    "../../etc/passwd": "passwd",
    "/etc/shadow": "shadow",
    "..\\..\\windows\\system32\\evil.dll": "evil.dll",
    "C:\\boot.ini": "boot.ini",
    "..": "file",
    ".": "file",
    "": "file",
    "/": "file",
    "a/..": "file",
    " . . ": "file",
    ".bashrc": "bashrc",
    "...hidden": "hidden",
    "trailing.. . ": "trailing",
    "line\nbreak\r\t\x00\x1b[31m.txt": "linebreak[31m.txt",
    "invoice\u202efdp.exe": "invoicefdp.exe",
    "zero\u200bwidth\ufeff.txt": "zerowidth.txt",
    "two\u2028lines\u2029.txt": "twolines.txt",
    "con": "_con",
    "CON.txt": "_CON.txt",
    "nul .txt": "_nul .txt",
    "com1.tar.gz": "_com1.tar.gz",
    "LPT9": "_LPT9",
    "console.txt": "console.txt",
    "half\ud800.txt": "half.txt",
    "-rf": "_rf",
    "--help": "_-help",
    "-": "_",
    "a/-rf": "_rf",
    " .-rf": "_rf",
    "\u202e-rf": "_rf",
    "\n-rf": "_rf",
    "-con": "_con",
    "+!sh": "_!sh",
    "~root": "_root",
    "\u2013dash.txt": "\u2013dash.txt",
    "a-b+c~d": "a-b+c~d",
    "grüße ✓.txt": "grüße ✓.txt",
    "re\u0301sume\u0301.pdf": "r\u00e9sum\u00e9.pdf",
    "e\u200b\u0301.pdf": "\u00e9.pdf",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467.png": "\U0001f468\u200d\U0001f469\u200d\U0001f467.png",
    "\u2764\ufe0f\u200d\U0001f525": "\u2764\ufe0f\u200d\U0001f525",
    "\u0645\u06cc\u200c\u062e\u0648.txt": "\u0645\u06cc\u200c\u062e\u0648.txt",
    "in\u200dvoice\u200c.txt": "invoice.txt",
    "\u200d-rf": "_rf",
    "\U0001f468\u200d": "\U0001f468",
}


@pytest.mark.parametrize(("name", "safe"), ATTACKS.items(), ids=ascii)
def test_known_attacks_end_as_plain_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@settings(max_examples=500, deadline=None)
@given(st.text(st.characters(), max_size=300))
@example("x" * 300)
@example("ä" * 300 + ".txt")
@example("." * 300 + "con" + " " * 300)
@example("n" * 239 + " .txt")
@example("\U0001f468\u200d" * 100)
@example("e\u0301\u200d\u0301")
def test_any_name_names_one_visible_place_in_the_directory(name: str) -> None:
    safe = safe_name(name)
    assert 1 <= len(os.fsencode(safe)) <= MAX_SAFE
    assert len(os.fsencode(part_name(safe, FILE))) <= MAX_NAME
    assert not set(safe) & set("/\\\0")
    assert safe[0] not in ".-+~"
    assert safe[-1] != "."
    assert safe == safe.strip()
    shown = safe.replace("\u200c", "").replace("\u200d", "")
    assert not {unicodedata.category(each) for each in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert unicodedata.is_normalized("NFC", safe)
    assert safe_name(safe) == safe


def test_a_long_name_keeps_its_extension() -> None:
    assert safe_name("n" * 250 + ".tar.gz") == "n" * (MAX_SAFE - 3) + ".gz"
    assert safe_name("n." + "e" * 250) == "n." + "e" * (MAX_SAFE - 2)


def test_a_name_of_undecodable_bytes_can_travel() -> None:
    local = os.fsdecode(b"caf\xe9.txt")
    assert sent_name(local) == "caf\ufffd.txt"
    assert sent_name("../x") == "../x"  # judged by the broker and cleaned by the receiver, not here
    assert len(sent_name(os.fsdecode(b"\xff" * 255)).encode()) <= MAX_NAME


def test_a_part_is_hidden_and_belongs_to_its_file() -> None:
    assert part_name("a.txt", FILE) == ".a.txt.00010203.part"
