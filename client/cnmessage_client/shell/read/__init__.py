"""How words of a person are read."""
