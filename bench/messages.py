"""Messages a second from one sender to one receiver: the product, and a bare loop, lists of 1 and 1,000."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench import bare, product
from bench.figures import Figure, Measure

MESSAGES = 100_000
LONG_LIST = 1000
LONG_LIST_MESSAGES = 200_000
"""More of them, or the run would be over in half a second."""

PRODUCT, SINGLE, LISTS = "product", "bare loop, lists of 1", f"bare loop, lists of {LONG_LIST:,}"
ABOUT = "messages a second, one sender, one receiver, 2,000 in flight, bodies of 48 to 120 bytes"
_MEAN_LIST = "list that the product's client forms, mean"

GUARANTEES = {
    PRODUCT: "on disk (fsync) before the acknowledgement; delivered once, in order; CURVE, deliveries sealed",
    SINGLE: "the same input and output, and no account, check, limit, or resend",
}


def run_product(folder: Path) -> Mapping[str, float]:
    """One run of the product."""
    rate, mean_list = product.measure(folder, MESSAGES)
    return {PRODUCT: rate, _MEAN_LIST: mean_list}


def run_bare(folder: Path, name: str, messages: int, size: int) -> Mapping[str, float]:
    """One run of the bare loop."""
    return {name: bare.measure(folder, messages, size)}


RUNS = (
    run_product,
    partial(run_bare, name=SINGLE, messages=MESSAGES, size=1),
    partial(run_bare, name=LISTS, messages=LONG_LIST_MESSAGES, size=LONG_LIST),
)
FIGURES = (Figure(PRODUCT, "/s"), Figure(SINGLE, "/s"), Figure(LISTS, "/s"))

MEASURE = Measure(
    "messages",
    ABOUT,
    RUNS,
    (
        *FIGURES,
        Figure("product ÷ bare loop, lists of 1", at_least=1.0, ratio_of=(PRODUCT, SINGLE), checked=True),
        Figure("product ÷ bare loop, lists of 1,000", at_least=0.5, ratio_of=(PRODUCT, LISTS), checked=True),
        Figure(_MEAN_LIST),
    ),
    GUARANTEES,
)
