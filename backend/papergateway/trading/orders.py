"""An order and the states it goes through, in IBKR's words."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from backend.papergateway.prices import Part

WHOLE_PPM = 1_000_000


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1


class Kind(StrEnum):
    MKT = "MKT"
    LMT = "LMT"
    STP = "STP"
    STOP_LIMIT = "STOP_LIMIT"
    TRAIL = "TRAIL"
    TRAILLMT = "TRAILLMT"
    MIDPRICE = "MIDPRICE"

    @property
    def has_trigger(self) -> bool:
        return self in (Kind.STP, Kind.STOP_LIMIT, Kind.TRAIL, Kind.TRAILLMT)

    @property
    def trails(self) -> bool:
        return self in (Kind.TRAIL, Kind.TRAILLMT)

    @property
    def has_limit(self) -> bool:
        return self in (Kind.LMT, Kind.STOP_LIMIT, Kind.TRAILLMT)


class Tif(StrEnum):
    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    OPG = "OPG"


class Status(StrEnum):
    INACTIVE = "Inactive"  #: not working: saved, or refused after it was accepted
    PENDING_SUBMIT = "PendingSubmit"  #: sent, not yet acknowledged
    PRE_SUBMITTED = "PreSubmitted"  #: held: trigger not met, parent not filled, market closed
    SUBMITTED = "Submitted"  #: working at its venue, partly filled or not at all
    PENDING_CANCEL = "PendingCancel"  #: cancel requested; it may still fill
    FILLED = "Filled"
    CANCELLED = "Cancelled"

    @property
    def is_done(self) -> bool:
        return self in (Status.FILLED, Status.CANCELLED)

    @property
    def is_working(self) -> bool:
        return not self.is_done and self is not Status.INACTIVE


_ENDS = {Status.FILLED, Status.CANCELLED, Status.INACTIVE, Status.PENDING_CANCEL}
_NEXT: dict[Status, set[Status]] = {
    Status.PENDING_SUBMIT: {Status.PRE_SUBMITTED, Status.SUBMITTED, *_ENDS},
    Status.PRE_SUBMITTED: {Status.SUBMITTED, *_ENDS},
    Status.SUBMITTED: {Status.PRE_SUBMITTED, *_ENDS},
    Status.PENDING_CANCEL: {Status.FILLED, Status.CANCELLED},
    Status.INACTIVE: {Status.CANCELLED},
    Status.FILLED: set(),
    Status.CANCELLED: set(),
}


@dataclass(kw_only=True)
class Terms:
    """
    What the client asked for. Prices are ticks; `trail_ppm` is a trail in millionths.

    A TRAIL keeps its first trigger in `stop`, a TRAILLMT also the limit that belongs to it.
    """

    conid: int
    side: Side
    kind: Kind
    tif: Tif
    quantity: int
    limit: int | None = None
    stop: int | None = None
    trail_ticks: int | None = None
    trail_ppm: int | None = None
    outside_rth: bool = False
    client_id: str | None = None


@dataclass(kw_only=True)
class Order(Terms):
    """
    An order that was accepted. Moments are UTC ms of the gateway's clock.

    `mark` is the best price that a trail has seen; `paid` the money of all fills, unsigned;
    `group` joins orders of which the first to fill cancels the others.
    """

    id: int
    placed_ms: int
    status: Status
    submitter: str
    parent_id: int | None = None
    group: str | None = None
    filled: int = 0
    paid: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)
    is_triggered: bool = False
    mark: int | None = None
    changed_ms: int = 0
    reason: str | None = None

    acknowledged_ms: int | None = None
    """Until then it is PendingSubmit; None once it is acknowledged."""
    cancel_ms: int | None = None
    """When a requested cancel takes hold."""
    expires_ms: int | None = None
    opens_ms: int | None = None
    """The opening that an OPG order waits for."""
    held_ms: int | None = None
    """Until then no more than `held_shares` fill: a fault."""
    held_shares: int = 0
    commission_delay_ms: int = 0

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled

    @property
    def is_working(self) -> bool:
        return self.status.is_working

    @property
    def average(self) -> Decimal | None:
        return self.paid / self.filled if self.filled else None

    @property
    def waits_for_trigger(self) -> bool:
        return self.kind.has_trigger and not self.is_triggered

    def trades_in(self, part: Part | None) -> bool:
        """Market orders and what becomes one do not trade outside regular hours at IBKR."""
        if part is None or self.tif is Tif.OPG:
            return False
        return part is Part.REGULAR or (self.outside_rth and self.kind.has_limit)

    def trigger(self) -> int | None:
        """The trigger price now, in ticks."""
        if not self.kind.trails or self.mark is None:
            return self.stop
        return self.mark + self.side.sign * self.trail_from(self.mark)

    def trail_from(self, mark: int) -> int:
        if self.trail_ppm is not None:
            return mark * self.trail_ppm // WHOLE_PPM
        return self.trail_ticks or 0

    def cap(self) -> int | None:
        """The worst price that this order may trade at now, None for any."""
        trigger = self.trigger()
        if self.kind is Kind.TRAILLMT and trigger is not None:
            return trigger + (self.limit or 0) - (self.stop or 0)
        return self.limit if self.kind.has_limit or self.kind is Kind.MIDPRICE else None

    def become(self, status: Status, at_ms: int) -> None:
        """Raises `AssertionError` for a step that no order takes."""
        assert status in _NEXT[self.status], f"order {self.id}: {self.status} -> {status}"
        self.status, self.changed_ms = status, at_ms
