"""Artifacts in a folder of this machine."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from backend.core.errors import OutsideError
from backend.core.hashing import sha256_hex
from backend.storage.base import corrupt, is_sha256, missing

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PROBE = b"glassbox storage check"


class FilesystemStorage:
    """
    One file per artifact in `root/ab/cd/abcd...`, readable by its owner alone.

    The two folder levels keep every folder small: a million artifacts are 16 files in each.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, data: bytes) -> str:
        """
        See `Storage.put`. `OutsideError` has code `storage_full` or `storage_unwritable`.

        Bytes that were altered on disk since they were kept are replaced by the right ones.
        """
        sha256 = sha256_hex(data)
        path = self._path(sha256)
        if not self._holds(path, data):
            with self._naming_the_cause():
                self._write(path, data)
        return sha256

    def get(self, sha256: str) -> bytes:
        if not is_sha256(sha256):
            raise missing(sha256)
        try:
            data = self._path(sha256).read_bytes()
        except FileNotFoundError:
            raise missing(sha256) from None
        except OSError as error:
            raise OutsideError(
                f"The artifact folder {self.root} cannot be read: {error.strerror}."
                " Give this user the right to read it.",
                code="storage_unreadable",
            ) from error
        if sha256_hex(data) != sha256:
            raise corrupt(sha256, str(self.root))
        return data

    def check(self) -> None:
        with self._naming_the_cause():
            _make_folder(self.root)
            temporary = _write_temporary(self.root, _PROBE)
            try:
                held = temporary.read_bytes()
            finally:
                temporary.unlink()
        if held != _PROBE:
            raise corrupt(sha256_hex(_PROBE), str(self.root))

    def _path(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256[2:4] / sha256

    def _holds(self, path: Path, data: bytes) -> bool:
        with suppress(OSError):
            return path.stat().st_size == len(data) and path.read_bytes() == data
        return False

    def _write(self, path: Path, data: bytes) -> None:
        _make_folder(path.parent)
        temporary = _write_temporary(path.parent, data)
        try:
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    @contextmanager
    def _naming_the_cause(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise OutsideError(
                    f"The disk that holds {self.root} is full. Free some space there, or point"
                    " GLASSBOX_HOME at a larger disk.",
                    code="storage_full",
                ) from error
            raise OutsideError(
                f"The artifact folder {self.root} cannot be written: {error.strerror}. Make it"
                " writable for this user, or point GLASSBOX_HOME elsewhere.",
                code="storage_unwritable",
            ) from error


def _make_folder(folder: Path) -> None:
    """Make the folder and its missing parents, for the owner alone, so that a crash keeps them."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    # Another process may have made it in between.
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(folder.parent)


def _write_temporary(folder: Path, data: bytes) -> Path:
    """A synced file beside its future place, since a rename is atomic only within one disk."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _sync_folder(folder: Path) -> None:
    """Make a rename inside the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
