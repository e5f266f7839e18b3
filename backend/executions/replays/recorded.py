"""The outside as an execution recorded it: what a replay meets in place of the world."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NoReturn

import orjson

from backend.analysis.base import Analyst, Answer, Request
from backend.charts import Pictures
from backend.core.errors import OutsideError
from backend.core.hashing import sha256_hex
from backend.storage.base import Storage


class OutOfReach:
    """Stands for a part that a replay must not touch: whatever is asked of it, it refuses."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        def refuse(*_: object, **__: object) -> NoReturn:
            raise OutsideError(
                f"A replay asked the {self._what} ({name}), which it must never do. This is a fault"
                " of Glassbox; the step that asked has to say what it touches.",
                code="out_of_reach",
            )

        return refuse


class RecordedAnalyst:
    """Answers a question that was asked before as it was answered then, or has it asked now."""

    def __init__(
        self,
        living: Analyst,
        storage: Storage,
        *,
        conversations: Mapping[str, str],
        where: str,
        is_model_given: bool,
    ) -> None:
        """
        `living` is asked what `conversations` do not hold: hashes of artifacts by the hash of the
        question. `where` names their execution. Without `is_model_given` the strategy names no
        model, and the one that was asked then is asked again.
        """
        self.name = living.name
        self.is_rule_based = living.is_rule_based
        self._living = living
        self._storage = storage
        self._conversations = conversations
        self._where = where
        self._is_model_given = is_model_given

    def request_hash(self, request: Request) -> str:
        return self._living.request_hash(self._as_then(request))

    def analyze(self, request: Request) -> Answer:
        asked = self._as_then(request)
        conversation = self._conversations.get(self._living.request_hash(asked))
        if conversation is not None:
            return replace(self._answer(conversation), recorded_in=self._where)
        # A replay that lost its worker must not pay for the same answer again.
        return self._living.analyze(replace(asked, use_cache=True))

    def _as_then(self, request: Request) -> Request:
        """Settings may name another model today: that is no change which anybody asked for."""
        if self._is_model_given or not self._model_then:
            return request
        return replace(request, model=self._model_then)

    @cached_property
    def _model_then(self) -> str:
        for conversation in self._conversations.values():
            return str(self._answer(conversation).parameters.get("model", ""))
        return ""

    def _answer(self, conversation: str) -> Answer:
        document: dict[str, Any] = orjson.loads(self._storage.get(conversation))
        return Answer.from_json(document["answer"])


@dataclass(frozen=True, kw_only=True)
class RecordedPictures:
    """
    The recorded picture of a figure that did not change, drawn anew only for one that did.

    Two browsers may draw one figure with other bytes, and the model would see the same.
    """

    living: Pictures | None
    storage: Storage
    pictures: Mapping[str, str | None]
    """Hash of a figure -> hash of its picture, None where none was drawn."""

    def png(self, figure: bytes) -> bytes:
        known = sha256_hex(figure)
        if picture := self.pictures.get(known):
            return self.storage.get(picture)
        if known in self.pictures or self.living is None:
            raise OutsideError("There was no picture of this chart either.", code="no_picture")
        return self.living.png(figure)
