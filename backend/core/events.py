"""
Wake-ups: something about a subject has changed, look again.

They carry no news. Whoever wakes up reads the database, so that a wake-up that got lost costs a
few seconds and nothing else.
"""

from backend.core.outbox import outbox

CHANNEL = "glassbox:changed"


def publish(subject: str) -> None:
    """
    Tell everybody who watches this subject, such as `executions/12`, or the ones above it.

    Call it once the change is committed. It neither waits nor raises.
    """
    outbox.send(("PUBLISH", CHANNEL, subject))
