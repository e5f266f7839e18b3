import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.core.errors import OutsideError
from backend.core.hashing import sha256_hex
from backend.core.settings import Settings
from backend.storage import from_settings
from backend.storage.filesystem import FilesystemStorage


@pytest.fixture
def folder(tmp_path: Path) -> FilesystemStorage:
    return FilesystemStorage(tmp_path / "artifacts")


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_without_an_s3_server_artifacts_lie_under_the_home_folder(tmp_path: Path) -> None:
    storage = from_settings(Settings(_env_file=None, glassbox_home=tmp_path, s3_endpoint=""))
    name = storage.put(b"x")
    assert (tmp_path / "artifacts" / name[:2] / name[2:4] / name).read_bytes() == b"x"


def test_only_the_owner_can_read_files_and_folders(folder: FilesystemStorage) -> None:
    name = folder.put(b"private")
    path = folder.root / name[:2] / name[2:4] / name
    modes = {path.stat().st_mode & 0o777}
    parents = {part.stat().st_mode & 0o777 for part in list(path.parents)[:3]}
    assert (modes, parents) == ({0o600}, {0o700})


def test_nothing_but_the_artifact_is_left_behind(folder: FilesystemStorage) -> None:
    name = folder.put(b"alone")
    folder.check()
    assert [path.name for path in files(folder.root)] == [name]


def test_one_altered_byte_is_named_and_putting_the_bytes_again_mends_it(
    folder: FilesystemStorage,
) -> None:
    name = folder.put(b"original")
    path = folder.root / name[:2] / name[2:4] / name
    path.write_bytes(b"0riginal")
    with pytest.raises(OutsideError, match=name) as caught:
        folder.get(name)
    assert caught.value.code == "artifact_corrupt"
    folder.put(b"original")
    assert folder.get(name) == b"original"


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel itself refuses the write, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_write_that_the_kernel_cuts_short_leaves_nothing(folder: FilesystemStorage) -> None:
    with largest_file(10_000), pytest.raises(OutsideError, match="is full") as caught:
        folder.put(b"y" * 20_000)
    assert caught.value.code == "storage_full"
    assert files(folder.root) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "tiny"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mount)], capture_output=True
    )
    if made.returncode != 0:
        pytest.skip("mounting a small disk needs more rights than this user has")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_full_disk_is_named_and_keeps_what_it_has(tiny_disk: Path) -> None:
    storage = FilesystemStorage(tiny_disk / "artifacts")
    kept = storage.put(b"kept" * 1000)
    with pytest.raises(OutsideError, match="GLASSBOX_HOME") as caught:
        storage.put(os.urandom(1_000_000))
    assert caught.value.code == "storage_full"
    assert storage.get(kept) == b"kept" * 1000
    assert [path.name for path in files(tiny_disk)] == [kept]


@pytest.mark.parametrize("act", [lambda s: s.put(b"z"), FilesystemStorage.check])
def test_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, act: Callable[[FilesystemStorage], object]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    storage = FilesystemStorage(tmp_path / "file" / "artifacts")
    with pytest.raises(OutsideError, match="cannot be written") as caught:
        act(storage)
    assert caught.value.code == "storage_unwritable"


def test_a_name_is_of_its_bytes_alone(folder: FilesystemStorage, tmp_path: Path) -> None:
    other = FilesystemStorage(tmp_path / "other")
    assert folder.put(b"same") == other.put(b"same") == sha256_hex(b"same")
