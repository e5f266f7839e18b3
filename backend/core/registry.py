"""One way to plug something in: write one file, decorate one thing."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from backend.core.errors import UnknownName, did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """The things of one kind (indicators, steps, ...), each under its registered name."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        def keep(item: T) -> T:
            if name in self._items:
                raise ValueError(f"Two {self.kind}s are named {name!r}.")
            self._items[name] = item
            return item

        return keep

    def get(self, name: str) -> T:
        """Raises `UnknownName`, with the nearest name that exists."""
        try:
            return self._items[name]
        except KeyError:
            hint = did_you_mean(name, self._items)
            raise UnknownName(f"No {self.kind} is named {name!r}.{hint}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._items))

    def __len__(self) -> int:
        return len(self._items)


def import_siblings(package_name: str, package_path: Iterable[str]) -> None:
    """Import every module of a package, so that each one registers itself."""
    for module in pkgutil.iter_modules(package_path, f"{package_name}."):
        importlib.import_module(module.name)
