"""The warning about a picture file that is read although it has a fault."""


class PictureWarning(UserWarning):
    """A picture file has a fault that costs no pixel."""
