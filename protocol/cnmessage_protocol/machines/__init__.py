"""The machines of a client's life with its broker."""
