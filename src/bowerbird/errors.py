"""All errors that Bowerbird raises on purpose.

``BowerbirdError`` is a ``ValueError``: almost always some input can't be used. The message is one
sentence, which names the file or setting, says what is wrong with it and what to do about it. What
the system refuses is an ``OSError``; a setting out of its range is a plain ``ValueError``.
"""


class BowerbirdError(ValueError):
    """The base class of all errors below."""


class PictureError(BowerbirdError):
    """A picture file can't be read or written."""


class CorpusError(BowerbirdError):
    """A file or folder can't be read as text."""


class MusicError(BowerbirdError):
    """Something can't be read as music, or can't be written in the format wanted."""


class TableError(BowerbirdError):
    """A table, or one of its columns, can't be used."""


class SeriesError(TableError):
    """A time series can't be used."""


class ExpressionError(BowerbirdError):
    """A text isn't an expression."""


class DatasetError(BowerbirdError):
    """An archive of a public data set (MNIST, EMNIST, SVHN) is damaged or incomplete."""


class MissingPackageError(BowerbirdError):
    """A package that an extra of Bowerbird installs is missing."""


class ModelError(BowerbirdError):
    """A file isn't a model, is damaged, or is a model of another kind."""


class DownloadError(BowerbirdError):
    """A file can't be downloaded, or isn't the file that was expected."""


class WeightsError(DownloadError):
    """Pretrained weights can't be had or can't be used."""


class HubError(BowerbirdError):
    """A model hub refused a request or can't be reached."""


class OptimizationError(BowerbirdError, ArithmeticError):
    """The loss of an image's optimization isn't finite, and shorter steps don't help."""


class TrainingError(BowerbirdError, ArithmeticError):
    """The training loss isn't finite, several steps in a row."""
