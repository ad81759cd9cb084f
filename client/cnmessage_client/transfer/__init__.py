"""Moving files, on a thread of its own."""
