import pytest

from backend.brokers.client_portal.answers import Answer, Outcome, classify, to_error
from backend.core.errors import OutsideError, SessionDown, TemporaryError


@pytest.mark.parametrize(
    ("status", "text", "outcome"),
    [
        (200, '{"accounts":[]}', Outcome.OK),
        (200, "[]", Outcome.OK),
        (204, "", Outcome.OK),
        (200, "", Outcome.BAD_ANSWER),
        (200, "<html>maintenance</html>", Outcome.BAD_ANSWER),
        (200, '{"o": NaN}', Outcome.BAD_ANSWER),
        (200, '{"error":"We cannot accept"}', Outcome.REJECTED),
        (200, '{"success":false,"text":"no"}', Outcome.REJECTED),
        (200, '{"hmds":{"error":"no bridge"}}', Outcome.OK),
        (200, '{"error":"no session"}', Outcome.NOT_LOGGED_IN),
        (200, '{"error":"not logged in"}', Outcome.NOT_LOGGED_IN),
        (401, "", Outcome.NOT_LOGGED_IN),
        (400, '{"error":"Bad Request: no bridge","statusCode":400}', Outcome.NO_BRIDGE),
        (400, '{"error":"Bad Request: Please query /accounts first"}', Outcome.NEEDS_PRIMING),
        (500, '{"error":"please query /accounts first"}', Outcome.NEEDS_PRIMING),
        (500, '{"error":"No data."}', Outcome.REJECTED),
        (500, '{"error":"internal"}', Outcome.TRANSIENT),
        (503, '{"error":"Service Unavailable","statusCode":503}', Outcome.TRANSIENT),
        (503, "<html>", Outcome.TRANSIENT),
        (429, '{"error":"too many"}', Outcome.RATE_LIMITED),
        (429, "", Outcome.RATE_LIMITED),
        (400, '{"error":"conid is not valid"}', Outcome.INVALID),
        (404, "Access Denied", Outcome.INVALID),
        (404, "<html>", Outcome.INVALID),
        (302, "", Outcome.INVALID),
    ],
)
def test_the_error_zoo_is_sorted(status: int, text: str, outcome: Outcome) -> None:
    answer = classify(status, text)
    assert answer.outcome is outcome
    assert (answer.body is None) or outcome in (Outcome.OK, Outcome.REJECTED)


@pytest.mark.parametrize(
    ("outcome", "kind", "code"),
    [
        (Outcome.NEEDS_PRIMING, TemporaryError, "gateway_unavailable"),
        (Outcome.NO_BRIDGE, SessionDown, "no_bridge"),
        (Outcome.NOT_LOGGED_IN, SessionDown, "logged_out"),
        (Outcome.RATE_LIMITED, TemporaryError, "rate_limited"),
        (Outcome.TRANSIENT, TemporaryError, "gateway_unavailable"),
        (Outcome.TIMEOUT, TemporaryError, "timeout"),
        (Outcome.BAD_ANSWER, TemporaryError, "bad_answer"),
        (Outcome.UNREACHABLE, SessionDown, "unreachable"),
        (Outcome.REJECTED, OutsideError, "rejected"),
        (Outcome.INVALID, OutsideError, "invalid_request"),
    ],
)
def test_each_kind_of_answer_becomes_one_kind_of_error(
    outcome: Outcome, kind: type[OutsideError], code: str
) -> None:
    error = to_error(Answer(outcome=outcome, detail="so it said"), "GET iserver/accounts")
    assert (type(error), error.code) == (kind, code)
    assert "GET iserver/accounts: so it said" in error.message


def test_what_the_gateway_said_is_cut_short() -> None:
    assert len(classify(500, "x" * 10_000).detail) < 250
