"""A chart of what was found, as SVG: a panel for what has one unit in a measure, a bar for each figure.

A bar ends at the median; the line across its end reaches from the lowest round to the highest. Below it
stands what its program promises, where that is told. Takes what a
benchmark writes as JSON, so a chart can be drawn again from the file. Knows nothing of what was measured.

    python -m bench.chart FILE.json > FILE.svg
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

WIDTH = 980
_LEFT = 300
_RIGHT = 150
_BAR, _STEP, _PROMISE, _HEAD, _FOOT = 16, 26, 14, 48, 18
_STYLE = (
    "text{font:13px sans-serif;fill:#24292f}.title{font-weight:600}.small{font-size:11px;fill:#57606a}"
    ".bar{fill:#4c8dd6}.ours{fill:#2da44e}.spread{stroke:#24292f;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.spread{stroke:#e6edf3}}"
)


def drawn(values: Mapping[str, Any]) -> str:
    """The chart of a file's values; ratios are left out, since their bars would say nothing."""
    parts: list[str] = []
    top = 24
    for name, measure in values["measures"].items():
        units = dict.fromkeys(each["unit"] for each in measure["figures"].values() if each["unit"])
        for unit in units:
            figures = {key: each for key, each in measure["figures"].items() if each["unit"] == unit}
            panel, height = _panel(f"{name}, {unit}", measure, figures, top)
            parts += panel
            top += height
    told = f"{values['version']} {values['commit']}, {values['date']}, {_machine(values['machine'])}"
    parts.append(_text(10, top, told, "small"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top + 12}" '
        f'viewBox="0 0 {WIDTH} {top + 12}">\n<style>{_STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _machine(machine: Mapping[str, Any]) -> str:
    return f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}"


def _panel(
    title: str, measure: Mapping[str, Any], figures: Mapping[str, Any], top: int
) -> tuple[list[str], int]:
    """The panel's elements, and its height."""
    parts = [_text(10, top, title, "title"), _text(10, top + 17, measure["about"], "small")]
    most = max(each["high"] for each in figures.values()) or 1.0
    y = top + _HEAD - 18
    for name, each in figures.items():
        parts += _bar(name, each, (WIDTH - _LEFT - _RIGHT) / most, y)
        y += _STEP
        if promise := measure["guarantees"].get(name):
            parts.append(_text(_LEFT, y + 2, promise, "small"))
            y += _PROMISE
    return parts, y - top + _FOOT + 18


def _bar(name: str, figure: Mapping[str, Any], scale: float, y: int) -> Iterator[str]:
    low, median, high = (figure[key] * scale for key in ("low", "median", "high"))
    kind, middle = "ours" if name.startswith("product") else "bar", y + _BAR / 2
    yield _text(_LEFT - 8, y + 13, name, "label", "end")
    yield f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{median:.1f}" height="{_BAR}"/>'
    yield (
        f'<line class="spread" x1="{_LEFT + low:.1f}" x2="{_LEFT + high:.1f}" y1="{middle}" y2="{middle}"/>'
    )
    value = f"{figure['median']:,.0f}" if figure["median"] >= 100 else f"{figure['median']:.3g}"
    wanted = f" ({figure['target']})" if figure["target"] else ""
    yield _text(_LEFT + high + 8, y + 13, value + wanted, "value")


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'


if __name__ == "__main__":
    print(drawn(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), end="")
