"""When orders work: the parts of a session, their ends, and how long an order lasts."""

from dataclasses import dataclass

from backend.papergateway.prices import Market, Part, Session

NEVER = 1 << 60


@dataclass(frozen=True)
class Phase:
    """Where a moment lies; without a part the exchange is closed."""

    session: Session | None
    part: Part | None


class Hours:
    def __init__(self, market: Market) -> None:
        self._market = market

    def phase(self, moment_ms: int) -> Phase:
        session = self._market.session_for(moment_ms)
        if session is None or moment_ms >= session.post_ms:
            return Phase(session, None)
        if moment_ms < session.open_ms:
            return Phase(session, Part.PRE)
        return Phase(session, Part.REGULAR if moment_ms < session.close_ms else Part.POST)

    def next_turn(self, moment_ms: int) -> int:
        """The first beginning or end of a part after this moment."""
        session = self._market.session_for(moment_ms)
        if session is not None:
            for turn in (session.open_ms, session.close_ms, session.post_ms):
                if turn > moment_ms:
                    return turn
        following = self._market.next_session(moment_ms)
        return following.pre_ms if following else NEVER

    def next_open(self, moment_ms: int) -> int:
        following = self._market.next_session(moment_ms)
        return following.open_ms if following else NEVER

    def day_ends(self, moment_ms: int, *, outside_rth: bool) -> int:
        """When a day order of this moment ends: with today's session, else with the next one's."""
        session = self._market.session_for(moment_ms)
        if session is not None:
            end = session.post_ms if outside_rth else session.close_ms
            if end > moment_ms:
                return end
        following = self._market.next_session(moment_ms)
        if following is None:
            return NEVER
        return following.post_ms if outside_rth else following.close_ms
