"""Backends of the Store port."""
