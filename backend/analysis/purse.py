"""Each call to a model, held to the day's budget."""

from dataclasses import dataclass

from backend.analysis.base import Budget, Request, Usage
from backend.analysis.cost import most_prompt_tokens, usage
from backend.analysis.openai_protocol import Failure, Reply
from backend.core.errors import AppError, TemporaryError
from backend.core.logging import get_logger
from backend.core.settings import ModelPrice

_log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Held:
    """Money set aside for one call."""

    reservation: str
    worst: Usage


class Purse:
    """Keeps every call inside the day's budget."""

    def __init__(self, budget: Budget, price: ModelPrice, request: Request) -> None:
        self._budget = budget
        self._price = price
        self._request = request

    def hold(self, texts: list[str]) -> Held | Failure:
        """Set the worst case aside; whatever goes wrong here means that nothing is sent."""
        request = self._request
        tokens = most_prompt_tokens(texts, request.images, request.model)
        worst = usage(tokens, request.max_output_tokens, self._price, is_estimated=True)
        try:
            reservation = self._budget.reserve(
                tokens=worst.input_tokens + worst.output_tokens, usd=worst.cost_usd
            )
        except TemporaryError:
            # Not a no: nothing is sent, and the question is asked again once the budget answers.
            raise
        except AppError as error:
            return Failure(code="budget", sentence=error.message)
        except Exception as error:
            _log.exception("budget_unavailable")
            return Failure(
                code="budget",
                sentence="The day's budget cannot be read, so nothing was sent to the model"
                f" ({type(error).__name__}). Run `glassbox doctor`.",
            )
        return Held(reservation=reservation, worst=worst)

    def pay(self, held: Held, came: Reply | Failure) -> Usage:
        """What the call used, as far as it is known, in place of what was set aside."""
        used = self._used(held, came)
        try:
            self._budget.settle(held.reservation, used)
        except Exception:
            # The reservation stands, which is the worst case: no money is lost from sight.
            _log.exception("budget_not_settled", reservation=held.reservation)
        return used

    def _used(self, held: Held, came: Reply | Failure) -> Usage:
        if isinstance(came, Failure):
            return held.worst if came.may_have_cost else Usage()
        if came.input_tokens is None or came.output_tokens is None:
            return held.worst
        return usage(came.input_tokens, came.output_tokens, self._price)
