"""`make attacks`: every attack in turn, and the report.

python -m tests.attacks [--only NAME …] [--seconds N] [--rounds N] [--report PATH]
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.attacks import report
from tests.attacks.kinds import ATTACKS
from tests.attacks.parties import ROOT, PartyError
from tests.attacks.run import Found, Plan, Run
from tests.attacks.scene import prepare

BUDGET = 570.0
"""Seconds for the whole run; what is left is shared among the attacks to come."""

_HOSTILE = ROOT / "tests/attacks/test_hostile_broker.py"
_HOSTILE_SECONDS = 60
_FAILED = "failed"


def main() -> int:
    """Run, print, write; the exit status says whether everything held."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    chosen = [ATTACKS[name] for name in options.only or ATTACKS]
    founds: list[Found] = []
    plan = Plan(seconds=options.seconds, rounds=options.rounds)
    _say(report.machine())
    with tempfile.TemporaryDirectory(prefix="cnmessage-attacks-") as folder:
        scene = prepare(Path(folder))
        others = [] if options.only else _others()
        for number, attack in enumerate(chosen):
            share = (BUDGET - (time.monotonic() - began)) / (len(chosen) - number)
            try:
                found = Run(scene, attack, Plan(plan.seconds, plan.quiet, plan.rounds, share)).measure()
            except PartyError as error:
                others.append(f"{_FAILED}: {attack.name} could not be measured: {error}")
                _say(others[-1])
                continue
            founds.append(found)
            _say(report.line(found))
    if options.report is not None:
        text = report.markdown(founds, plan, time.monotonic() - began, others)
        options.report.write_text(text, encoding="utf-8")
    failed = any(report.faults(each) for each in founds) or any(each.startswith(_FAILED) for each in others)
    return int(failed)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _others() -> list[str]:
    """Attacks that are tests of their own: a broker that is hostile to its clients."""
    if not _HOSTILE.exists():
        return []
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", str(_HOSTILE)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=_HOSTILE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return [f"{_FAILED}: a hostile broker against its clients did not end in {_HOSTILE_SECONDS} s"]
    last = (done.stdout.strip().splitlines() or ["nothing was said"])[-1].strip("= ")
    verdict = _FAILED if done.returncode else "holds"
    return [f"{verdict}: a hostile broker against its clients (`tests/attacks/{_HOSTILE.name}`), {last}"]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.attacks", description="Attack a broker of its own, with honest users beside."
    )
    parser.add_argument(
        "--only", nargs="+", choices=sorted(ATTACKS), metavar="NAME", help="only these attacks"
    )
    parser.add_argument(
        "--seconds", type=float, help="of each window (default 2, or as long as the attack needs)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of each attack, if time allows (default 3)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
