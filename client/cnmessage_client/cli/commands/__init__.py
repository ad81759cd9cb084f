"""The commands, each with its facts; a file for what belongs together."""
