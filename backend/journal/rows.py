"""A round trip as one flat row: for programs, and for files."""

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, Field

from backend.journal.asking import Kind, State
from backend.journal.finding import Entry
from backend.trading.round_trip import PLACES, Side


class RoundTripRow(BaseModel):
    """
    Prices and money in `currency`, what the models cost in US dollars; quantities in shares.

    What cannot be told is null: a result before anything has left, R where the entry was beyond
    its stop, the result net of AI cost in a currency that models are not paid in.
    """

    id: int
    kind: Kind
    state: State
    account: str
    strategy_id: int
    strategy_name: str
    strategy_version: int
    execution_id: int = Field(description="Whose signal it follows: its lineage.")
    symbol: str
    conid: int
    currency: str
    side: Side = Field(description="BUY for a long one, SELL for a short one.")
    quantity: Decimal = Field(description="As planned.")
    entered: Decimal
    left: Decimal
    planned_at: datetime
    opened_at: datetime | None
    closed_at: datetime | None
    held_seconds: float | None
    decision_price: Decimal
    stop: Decimal = Field(description="The first one: R is measured by it.")
    entry_price: Decimal | None
    exit_price: Decimal | None
    entry_reason: str
    exit_reason: str | None
    gross_pnl: Decimal | None
    commission: Decimal
    net_pnl: Decimal | None
    ai_cost_usd: Decimal | None
    net_of_ai: Decimal | None
    risk: Decimal | None = Field(description="What all of it would have lost at the first stop.")
    gross_r: Decimal | None
    net_r: Decimal | None = Field(description="The R multiple achieved, after commission.")
    mae: Decimal | None = Field(description="Per share, as are mfe and slippage.")
    mfe: Decimal | None
    mae_r: Decimal | None
    mfe_r: Decimal | None
    mae_money: Decimal | None
    mfe_money: Decimal | None
    slippage: Decimal | None = Field(description="Of the entry: more than 0 is worse than decided.")
    slippage_money: Decimal | None
    tags: list[str]
    note: str


def row_of(entry: Entry) -> RoundTripRow:
    figures = entry.figures
    held = figures.held
    return RoundTripRow(
        **{name: getattr(entry, name) for name in _OF_ENTRY},
        **{name: _rounded(getattr(figures, name)) for name in _OF_FIGURES},
        held_seconds=None if held is None else held.total_seconds(),
        net_pnl=figures.net,
        tags=entry.tags or [],
        note=entry.note or "",
    )


def _rounded(value: Decimal | None) -> Decimal | None:
    """As the database keeps money: products have more places than anybody meant."""
    return None if value is None else value.quantize(PLACES)


_OF_FIGURES = (
    *("risk", "gross_r", "net_r", "mae", "mfe", "mae_r", "mfe_r", "mae_money", "mfe_money"),
    *("slippage", "slippage_money"),
)
_OF_ENTRY = set(RoundTripRow.model_fields) - {
    *_OF_FIGURES,
    *("held_seconds", "net_pnl", "tags", "note"),
}
