"""All measures of `make bench`, in the order in which they take turns."""

from bench import chat, cold_start, deliveries, file_rates, latency, logins, messages
from bench.figures import Measure

MEASURES: tuple[Measure, ...] = (
    messages.MEASURE,
    deliveries.USERS_MEASURE,
    deliveries.BROADCAST_MEASURE,
    latency.MEASURE,
    logins.MEASURE,
    cold_start.MEASURE,
    file_rates.MEASURE,
    chat.MEASURE,
)
