"""The file thread: chunks in and out beside the loop."""
