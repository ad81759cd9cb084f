"""Whose work is done when, in which pieces, and what it costs them."""
