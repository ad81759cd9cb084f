"""The chat on the whole terminal."""
