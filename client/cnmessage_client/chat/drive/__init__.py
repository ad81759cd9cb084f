"""What ties talk, screen, client and commands together."""
