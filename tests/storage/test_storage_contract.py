"""What every place for artifacts must do."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.core.errors import NotFound
from backend.core.hashing import sha256_hex
from backend.storage import Storage


@pytest.mark.parametrize("data", [b"", b"a", b"\x00\xff" * 500_000])
def test_what_was_kept_comes_back_under_its_hash(storage: Storage, data: bytes) -> None:
    name = storage.put(data)
    assert name == sha256_hex(data)
    assert storage.get(name) == data


def test_keeping_the_same_bytes_twice_is_one_copy(storage: Storage) -> None:
    assert storage.put(b"twice") == storage.put(b"twice")
    assert storage.get(sha256_hex(b"twice")) == b"twice"


def test_many_writers_of_the_same_bytes_all_succeed(storage: Storage) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: storage.put(b"shared" * 1000), range(16)))
    assert [storage.get(name) for name in names] == [b"shared" * 1000]


def test_an_unknown_hash_is_not_found(storage: Storage) -> None:
    storage.put(b"something else")
    with pytest.raises(NotFound, match="No artifact"):
        storage.get(sha256_hex(b"never kept"))


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "AB" * 32, "ab" * 32 + "\n", "ab" * 33])
def test_a_name_that_is_no_hash_is_not_found(storage: Storage, name: str) -> None:
    with pytest.raises(NotFound):
        storage.get(name)


def test_a_place_that_works_passes_its_check_again_and_again(storage: Storage) -> None:
    storage.check()
    storage.check()
