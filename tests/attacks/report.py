"""What a run found, as Markdown: docs/attack-report.md, and the lines that are printed meanwhile."""

import os
import platform
from collections.abc import Sequence

import zmq

from tests.attacks.run import RECOVERY, SECONDS, Found, Plan

LIMIT = 2.0
"""How many times the control's p99 honest users may wait under an attack."""

GROWTH = 256.0
"""MiB that a broker may need more under an attack than before: its bounded queues, and libzmq's."""

_HEAD = """# The attack run

Written by `make attacks`; change nothing here by hand. Each attack is a small program in
[tests/attacks/kinds](../tests/attacks/kinds) against a real broker with default settings on 127.0.0.1,
while ten honest users with real clients exchange 20 messages a second. Rounds of *quiet* (nobody else),
*attack* and *control* take turns; a figure is of all rounds together. The control is as many processes
as the attack has, that burn as much processor as the attackers did (and as bystanders needed more than
before): attackers share this machine's cores with the broker and with honest users.

- **unfinished**: attackers that could not begin, or had to be ended because the broker kept silent.
- **p99**: milliseconds from a client's `send` to the acknowledgement; 99 of 100 honest messages sent in those
  windows took no longer. **ratio** is attack through control and must be at most {limit:g}.
  **shown** is the same until the recipient's client displays it.
- **joins**: the longest time, in seconds, that a client without any knowledge of the broker took to be live,
  of those that began when it was quiet and under attack. One starts every 0.7 s and gives up after 10 s.
  **kept out** are those that had a second and were not live when the attack ended.
- **back**: seconds from the attack's end until every honest message sent before was acknowledged and shown
  and the broker was idle again. After {wait:g} s it is restarted.
- **lost** (acknowledged, not shown though a later one was), **late** (not there at the end), **twice**,
  **order**, **failed** (given up by the client) and **away** (attached, then not any more; of bystanders too)
  count over all windows.
- **leaked**: honest text, or anything else that an attacker received and had no right to. All that attackers
  receive is searched.
- **memory** (MiB) and **descriptors** of the broker: before the first attack, the most, and at the end.
  It may grow by {growth:g} MiB.
"""


def machine() -> str:
    """What the figures were taken on."""
    return (
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
        f"libzmq {zmq.zmq_version()}"
    )


def faults(found: Found) -> list[str]:
    """What of the rules did not hold."""
    counted = ("lost", "late", "doubled", "disordered", "leaked", "away", "disowned")
    broken = [f"the broker died ({death})" for death in found.deaths]
    broken += [f"{getattr(found, name)} {name}" for name in counted if getattr(found, name)]
    if not found.tried:
        broken.append("nothing was tried")
    if found.kept_out and found.attack.descriptors is None:
        broken.append(f"{found.kept_out} kept out")
    if (grown := found.peak.mib - found.before.mib) > GROWTH:
        broken.append(f"{grown:.0f} MiB more")
    if found.restarts:
        broken.append(f"not served again within {RECOVERY:g} s")
    if found.ratio > LIMIT:
        broken.append(f"p99 is {found.ratio:.1f} times the control's")
    return broken


def line(found: Found) -> str:
    """One line for a terminal."""
    verdict = "; ".join(faults(found)) or "holds"
    return (
        f"{found.attack.name:<18} p99 {found.quiet.ack_p99:6.1f} quiet, "
        f"{found.control.ack_p99:6.1f} control, "
        f"{found.attacked.ack_p99:7.1f} attack ms; joins {found.joined_attacked:4.1f} s; "
        f"{found.peak.mib:4.0f} MiB; {verdict}"
    )


def markdown(founds: Sequence[Found], plan: Plan, seconds: float, others: Sequence[str] = ()) -> str:
    """The whole report."""
    parts = [
        _HEAD.format(limit=LIMIT, wait=RECOVERY, growth=GROWTH),
        _summary(founds, plan, seconds),
        "## What was tried\n",
        *_table(
            ("row", "attack", "what it does", "rounds", "tried", "unfinished", "found"),
            [
                (
                    each.attack.row,
                    each.attack.name,
                    each.attack.line,
                    each.rounds,
                    f"{each.tried:,}",
                    each.stuck,
                    "; ".join(faults(each)) or "nothing",
                )
                for each in founds
            ],
        ),
        "## What honest users noticed\n",
        *_table(
            (
                "attack",
                "p99 quiet",
                "control",
                "attack",
                "ratio",
                "shown control",
                "attack",
                "joins quiet",
                "attack",
                "kept out",
                "back",
            ),
            [
                (
                    each.attack.name,
                    f"{each.quiet.ack_p99:.1f}",
                    f"{each.control.ack_p99:.1f}",
                    f"{each.attacked.ack_p99:.1f}",
                    f"{each.ratio:.2f}",
                    f"{each.control.shown_p99:.1f}",
                    f"{each.attacked.shown_p99:.1f}",
                    f"{each.joined_quiet:.2f}",
                    f"{each.joined_attacked:.2f}",
                    each.kept_out,
                    f"{each.recovery:.1f}" + (", restarted" if each.restarts else ""),
                )
                for each in founds
            ],
        ),
        "## What was lost, leaked and held\n",
        *_table(
            (
                "attack",
                "messages",
                "lost",
                "late",
                "twice",
                "order",
                "failed",
                "away",
                "leaked",
                "heard, bytes",
                "memory",
                "descriptors",
                "died",
            ),
            [
                (
                    each.attack.name,
                    each.messages,
                    each.lost,
                    each.late,
                    each.doubled,
                    each.disordered,
                    each.refused,
                    each.away + max(0, each.disowned),
                    each.leaked,
                    f"{each.heard:,}",
                    f"{each.before.mib:.0f} → {each.peak.mib:.0f} → {each.after.mib:.0f}",
                    f"{each.before.descriptors} → {each.peak.descriptors} → {each.after.descriptors}",
                    len(each.deaths),
                )
                for each in founds
            ],
        ),
    ]
    if others:
        parts += ["## Beside these\n", *(f"- {each}" for each in others), ""]
    return "\n".join(parts)


def _summary(founds: Sequence[Found], plan: Plan, seconds: float) -> str:
    nothing = sum(not faults(each) for each in founds)
    return (
        f"Taken on {machine()}; windows of {plan.seconds or SECONDS:g} s unless the attack needs longer, "
        f"up to {plan.rounds} rounds, {seconds:.0f} s in all. "
        f"{nothing} of {len(founds)} attacks found nothing.\n"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return [*lines, ""]
