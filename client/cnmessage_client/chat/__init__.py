"""The interactive chat: machines (talk), two screens (screen, plain), and what ties them together (drive)."""
