"""Machine: which lines were begun before the login ended by itself, and so were meant as texts.

All that is known of a line is how it began, and of a terminal that keeps its lines to itself not even that.
"""


class LinesBegun:
    """Lines that a person was typing, or had typed ahead, when nobody was logged in any more."""

    def __init__(self) -> None:
        self._ahead = 0
        self._draft: str | None = None

    def ended(self, draft: str | None, ahead: int) -> None:
        """The login ended amid this `draft` (None: it is not known), with so many lines entered `ahead`."""
        self._ahead = ahead
        self._draft = "" if draft is None else draft or None

    @property
    def unknown(self) -> bool:
        """Whether it is not known if the next line was begun before."""
        return self._ahead == 0 and self._draft == ""

    def take(self, line: str) -> bool:
        """The next line: whether it was, or may have been, begun before."""
        if self._ahead:
            self._ahead -= 1
            return True
        draft, self._draft = self._draft, None
        return draft is not None and line.startswith(draft)
