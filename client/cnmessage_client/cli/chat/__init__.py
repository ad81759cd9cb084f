"""The interactive chat: a sans-IO core (talk.py and its rooms), two screens, and the driver between them."""
