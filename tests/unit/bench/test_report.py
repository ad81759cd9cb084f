import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from xml.etree import ElementTree as ET  # of our own making

import pytest

from bench import commandline, report
from bench.chart import drawn
from bench.figures import Figure, Measure, Rounds

MEASURE = Measure(
    "talk & <chat>",
    "what it is",
    (),
    (
        Figure('python -c "import zmq"', "ms"),
        Figure("product", "ms", at_most=1.0),
        Figure("ratio", ratio_of=("product", "product"), at_least=1.0),
        Figure("nothing", "/s"),
    ),
    {"product": "fsync before the acknowledgement"},
)
FOUND = [
    Rounds(
        MEASURE,
        [{'python -c "import zmq"': 10.0, "product": value, "nothing": 0.0} for value in (1234.5, 3.0, 2.0)],
    )
]
SVG = "{http://www.w3.org/2000/svg}"


def concluded(*words: str) -> int:
    parser = ArgumentParser()
    commandline.add_options(parser)
    return commandline.concluded(FOUND, parser.parse_args(words))


def test_a_figure_has_one_line_with_median_spread_target_and_verdict() -> None:
    lines = list(report.lines(FOUND))
    (product,) = [line for line in lines if line.startswith("  product")]
    assert product.split("\n") == [
        f"  {'product':<46}{'3.00':>9} ms     (2.00 to 1,234)   at most 1: MISSED",
        "      fsync before the acknowledgement",
    ]
    assert [line for line in lines if line.endswith("at least 1: met")]


def test_a_missed_median_is_told_and_decides_the_exit_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert concluded() == 1
    told = capsys.readouterr()
    assert told.err == "missed: talk & <chat>: product is 3.00 ms, must be at most 1\n"
    path = tmp_path / "new" / "figures.json"
    assert concluded("--no-fail", "--json", str(path)) == 0
    values = json.loads(path.read_text(encoding="utf-8"))
    assert {"version", "commit", "date", "machine", "measures", "missed"} == values.keys()
    found = values["measures"]["talk & <chat>"]
    assert found["guarantees"] == {"product": "fsync before the acknowledgement"}
    assert found["figures"]["product"]["rounds"] == [1234.5, 3.0, 2.0]


def test_what_no_round_gave_stands_in_the_table_and_decides_the_exit_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = Namespace(rounds=1, json=None, save=None, no_fail=False)
    measure = Measure("m", "about", (), (Figure("there", "/s"), Figure("not there", "/s")))
    assert commandline.concluded([Rounds(measure, [{"there": 1.0}])], given) == 1
    told = capsys.readouterr()
    assert told.err == "missed: m: not there: no round gave it\n"
    (line,) = [line for line in told.out.splitlines() if line.startswith("  not there")]
    assert line.endswith(" MISSED: no round gave it")


def test_the_chart_is_well_formed_and_has_a_bar_for_each_figure_with_a_unit() -> None:
    values = report.as_json(FOUND)
    # What is written is what is drawn: a chart can be made again from the file.
    picture = ET.fromstring(drawn(json.loads(json.dumps(values))))  # noqa: S314
    texts = [each.text for each in picture.iter(f"{SVG}text")]
    assert "talk & <chat>, ms" in texts
    assert 'python -c "import zmq"' in texts
    assert "ratio" not in texts
    bars = {each.get("class"): float(each.get("width", "")) for each in picture.iter(f"{SVG}rect")}
    assert len(list(picture.iter(f"{SVG}rect"))) == 3
    assert bars["ours"] > 0
    width = float(picture.get("width", ""))
    for bar in picture.iter(f"{SVG}rect"):
        assert float(bar.get("x", "")) + float(bar.get("width", "")) < width
    for line in picture.iter(f"{SVG}line"):
        assert float(line.get("x1", "")) <= float(line.get("x2", "")) < width


def test_nothing_is_written_where_nobody_asked(tmp_path: Path) -> None:
    before = sorted(report.RESULTS.parent.rglob("*.json"))
    concluded()
    assert sorted(report.RESULTS.parent.rglob("*.json")) == before
    assert list(tmp_path.iterdir()) == []


def test_committed_results_name_no_path_and_have_their_chart() -> None:
    for path in report.RESULTS.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert "/home/" not in text
        assert "/tmp" not in text  # noqa: S108
        assert path.with_suffix(".svg").read_text(encoding="utf-8") == drawn(json.loads(text))
