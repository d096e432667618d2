"""The one error of the music craft."""


class MusicError(ValueError):
    """Say in one sentence what can't be read as music, or written, and the mend."""
