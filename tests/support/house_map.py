"""The map of all source files in docs/architecture.md: one line each, the first sentence of its docstring.

`make map` writes it; a test holds it.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "architecture.md"
PACKAGES = ("protocol/cnmessage_protocol", "broker/cnmessage_broker", "client/cnmessage_client")

_BEGIN = "<!-- the map begins: written by `make map` -->"
_END = "<!-- the map ends -->"


def first_sentence(source: str) -> str:
    """What a file says of itself, up to its first full stop, on one line."""
    text = " ".join((ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0].split())
    found = re.match(r".*?[^.]\.(?=\s|$)", text)
    return (found[0] if found else text).rstrip(".")


def drawn() -> str:
    """The whole map, as it stands between its marks."""
    lines: list[str] = []
    for package in PACKAGES:
        folders = sorted({path.parent for path in (ROOT / package).rglob("*.py")})
        for folder in folders:
            lines += [
                "",
                f"**`{folder.relative_to(ROOT)}/`** {_about(folder)}",
                "",
                "| file | what it is |",
                "|---|---|",
            ]
            files = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
            lines += [
                f"| `{each.name}` | {_cell(first_sentence(each.read_text(encoding='utf-8')))} |"
                for each in files
            ]
            if not files:
                del lines[-3:]
    return "\n".join(lines[1:]) + "\n"


def between_marks(document: str) -> str:
    """The map that stands in a document."""
    return document.partition(_BEGIN + "\n")[2].partition(_END)[0]


def with_map(document: str) -> str:
    """The document with the map of today."""
    before, _, rest = document.partition(_BEGIN)
    return f"{before}{_BEGIN}\n{drawn()}{_END}{rest.partition(_END)[2]}"


def _about(folder: Path) -> str:
    source = (folder / "__init__.py").read_text(encoding="utf-8")
    return first_sentence(source)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(with_map(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
