"""The one loop over requests and deliveries, and what it does in a turn."""
