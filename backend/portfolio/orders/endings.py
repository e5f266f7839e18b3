"""Why a trade came to nothing, or to less than was planned: kept with its round trip."""

from sqlalchemy.orm import Session

from backend.portfolio.orders.models import RoundTrip
from backend.workflow.placing import Ending


def note_ending(session: Session, round_trip_id: int, ending: Ending) -> None:
    """
    Why some or all of a trade came to nothing; the first reason stays.

    Committed with what it explains, so that an execution that is run again ends the same way.
    """
    trip = session.get_one(RoundTrip, round_trip_id, with_for_update={"key_share": True})
    if "ending" not in trip.document:
        trip.document = {**trip.document, "ending": ending.model_dump(mode="json")}


def ending_of(trip: RoundTrip) -> Ending | None:
    noted = trip.document.get("ending")
    return None if noted is None else Ending.model_validate(noted)


def note_trouble(session: Session, round_trip_id: int, sentence: str) -> None:
    """What a person should know of a trade that goes on all the same."""
    trip = session.get_one(RoundTrip, round_trip_id, with_for_update={"key_share": True})
    troubles = trip.document.get("troubles") or []
    if sentence not in troubles:
        trip.document = {**trip.document, "troubles": [*troubles, sentence]}
