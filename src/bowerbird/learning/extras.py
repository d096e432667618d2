"""Packages that are installed by an extra, such as ``pip install 'bowerbird[samples]'``."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from bowerbird.errors import MissingPackageError

EXTRAS = {  # package: extra
    "h5py": "house-numbers",
    "music21": "samples",
    "pmdarima": "samples",
    "pypdfium2": "pdf",
    "skimage": "samples",
    "tensorboard": "tensorboard",
    "transformers": "detectors",
    "vega_datasets": "samples",
}


def import_extra(module: str, purpose: str) -> ModuleType:
    """Import a module; raise MissingPackageError if its package is not installed.

    ``purpose`` is what needs it, for the message.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise _missing(package, purpose) from error


def package_folder(package: str, purpose: str) -> Path:
    """Return the folder of a package, which is not imported; errors as in ``import_extra``."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise _missing(package, purpose)
    return Path(spec.origin).parent


def _missing(package: str, purpose: str) -> MissingPackageError:
    install = f"pip install 'bowerbird[{EXTRAS[package]}]'"
    return MissingPackageError(f"{purpose} needs the package {package}; run `{install}`")
