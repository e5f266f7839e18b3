"""The editor without script: one form in which every field of a definition stands, or its YAML."""

import html
import re
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.strategies import form, service, yaml_text
from backend.strategies.definition import StrategyDefinition
from backend.strategies.models import Strategy
from backend.strategies.templates import templates
from backend.web.audit import AuditRow
from tests.support.live_engine import Engine, definition, example
from tests.support.web_client import text_of

HOSTILE = "<script>alert('x')</script>"


def fields(**changes: str) -> dict[str, str]:
    """What a browser sends for the example, with changes; `__` stands for a dot."""
    sent = form.to_fields(StrategyDefinition.checked(example()))
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return {"view": "form", "action": "save", **sent, **named}


def errors_of(page: str) -> dict[str, str]:
    """Field -> what stands beside it."""
    found = re.findall(r'data-error-for="([^"]+)" role="alert" >(.*?)</p>', page, re.DOTALL)
    return {name: html.unescape(said) for name, said in found}


def saved(http: TestClient, path: str, sent: dict[str, str]) -> Strategy:
    response = http.post(path, data=sent)
    assert response.status_code == 303, errors_of(response.text) or response.text
    strategy_id = int(response.headers["location"].rpartition("/")[2])
    with transaction() as session:
        return service.get(session, strategy_id)


def strategies_there() -> int:
    with transaction() as session:
        return len(session.scalars(select(Strategy.id)).all())


def test_every_field_of_the_form_is_on_the_page_and_saves_what_it_shows(http: TestClient) -> None:
    page = text_of(http.get("/strategies/new?template=example"))
    names = set(re.findall(r' name="([^"]+)"', page))
    assert set(form.names()) <= names
    strategy = saved(http, "/strategies/new", fields())
    stored = StrategyDefinition.stored(service.newest(strategy).definition)
    assert stored == StrategyDefinition.checked(example())
    assert not strategy.is_enabled


@pytest.mark.parametrize("name", list(templates()))
def test_each_template_can_be_saved_as_it_is_for_any_symbol(http: TestClient, name: str) -> None:
    page = text_of(http.get(f"/strategies/new?template={name}&symbol=msft"))
    assert 'value="MSFT"' in page
    document = templates()[name].for_symbol("MSFT")
    assert document["name"].startswith("MSFT")
    sent = form.to_fields(StrategyDefinition.checked(document))
    saved(http, "/strategies/new", {"view": "form", **sent})


def test_a_name_in_use_is_not_proposed_again(http: TestClient) -> None:
    first = saved(http, "/strategies/new", fields())
    assert f'value="{first.name} 2"' in text_of(http.get("/strategies/new?template=example"))
    copied = text_of(http.get(f"/strategies/new?copy_of={first.id}"))
    assert f'value="{first.name} 2"' in copied


WRONG = [
    ({"name": ""}, "name", "at least 1"),
    ({"symbols": ""}, "symbols", "at least 1"),
    ({"symbols": "AAPL, AAPL"}, "symbols", "once"),
    ({"mode": "yolo"}, "mode", "observe"),
    ({"charts__0__timeframe": "1y"}, "charts.0.timeframe", "1w"),
    ({"charts__1__timeframe": "1d"}, "charts.0.timeframe", "once"),
    ({"charts__0__bars": "many"}, "charts.0.bars", "integer"),
    ({"charts__0__indicators": "smaa_20, atr_14"}, "charts.0.indicators", "Did you mean 'sma'"),
    ({"signal__source": "coin"}, "signal.source", "veto"),
    ({"signal__long_when": "closs > 1"}, "signal.long_when", "Did you mean 'close'"),
    ({"signal__short_when": "close >"}, "signal.short_when", "Column 8"),
    ({"signal__stop__kind": "hope"}, "signal.stop.kind", "percent"),
    ({"signal__stop__multiple": "0"}, "signal.stop.multiple", "greater than 0"),
    ({"signal__stop__label": "atr_15"}, "signal.stop.label", "Did you mean 'atr_14'"),
    ({"signal__targets": "3, 1"}, "signal.targets", "must grow"),
    ({"signal__expires_after_minutes": "soon"}, "signal.expires_after_minutes", "integer"),
    ({"analysis__temperature": "3"}, "analysis.temperature", "2"),
    ({"analysis__prompts__chart": "chrat"}, "analysis.prompts.chart", "Did you mean 'chart'"),
    ({"schedule__when": "61 * * * *"}, "schedule.when", "0 to 59"),
    ({"schedule__timezone": "America/New_Yrok"}, "schedule.timezone", "America/New_York"),
    ({"risk__risk_per_trade": "2"}, "risk.risk_per_trade", "less than"),
    ({"risk__max_quantity": "a lot"}, "risk.max_quantity", "decimal"),
    ({"orders__tif": "IOC"}, "orders.tif", "GTC"),
    ({"exits__time_stop_minutes": "soon"}, "exits.time_stop_minutes", "integer"),
    (
        {"exits__trailing": "atr", "exits__trailing_label": "atr_15"},
        "exits.trailing_label",
        "atr_14",
    ),
    ({"data__min_bars": ""}, "data.min_bars", "integer"),
]


@pytest.mark.parametrize(("changes", "field", "said"), WRONG, ids=[each[1] for each in WRONG])
def test_wrong_input_is_told_beside_its_field_and_keeps_what_was_written(
    http: TestClient, changes: dict[str, str], field: str, said: str
) -> None:
    sent = fields(**changes)
    response = http.post("/strategies/new", data=sent)
    assert response.status_code == 422
    page = text_of(response)
    assert said in errors_of(page)[field]
    assert f'data-goto="{field}"' in page
    value = next(iter(changes.values()))
    if value and field not in ("mode", "signal.source", "signal.stop.kind", "orders.tif"):
        assert html.escape(value, quote=False) in page
    assert strategies_there() == 0


def test_all_that_is_wrong_is_told_at_once(http: TestClient) -> None:
    changes = {"name": "", "risk__risk_per_trade": "2", "signal__long_when": "clos > 1"}
    page = text_of(http.post("/strategies/new", data=fields(**changes)))
    assert {"name", "risk.risk_per_trade", "signal.long_when"} <= set(errors_of(page))
    assert "Not saved: 3 things to mend." in page


def test_hostile_words_are_shown_as_words(http: TestClient) -> None:
    strategy = saved(http, "/strategies/new", fields(name=HOSTILE, description=HOSTILE))
    for path in ("", "/edit", "/versions"):
        assert HOSTILE not in text_of(http.get(f"/strategies/{strategy.id}{path}"))
    assert HOSTILE not in text_of(http.get("/strategies"))
    wrong = fields(name=HOSTILE, signal__long_when=HOSTILE, charts__0__indicators=HOSTILE)
    assert HOSTILE not in text_of(http.post("/strategies/new", data=wrong))


def test_form_and_yaml_are_two_views_of_the_same(http: TestClient) -> None:
    as_yaml = text_of(http.post("/strategies/new", data=fields(action="to_yaml", risk__lot="10")))
    written = html.unescape(re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", as_yaml, re.DOTALL)[0])
    assert yaml_text.read(written)["risk"]["lot"] == 10
    changed = written.replace("lot: 10", "lot: 20")
    sent = {"view": "yaml", "action": "to_form", "yaml": changed}
    as_form = text_of(http.post("/strategies/new", data=sent))
    assert re.search(r'value="20" id="field-risk.lot"', as_form)
    strategy = saved(http, "/strategies/new", {**sent, "action": "save"})
    assert service.newest(strategy).definition["risk"]["lot"] == "20"


def test_yaml_that_is_wrong_is_told_with_line_and_column(http: TestClient) -> None:
    with_tab = {"view": "yaml", "action": "save", "yaml": "name: x\n\tsymbols: [AAPL]"}
    response = http.post("/strategies/new", data=with_tab)
    assert response.status_code == 422
    assert "Line 2, column 1" in text_of(response)
    written = yaml_text.write(form.document_of(StrategyDefinition.checked(example())))
    wrong = written.replace("risk_per_trade: 0.01", "risk_per_trade: 2")
    row = wrong.splitlines().index("  risk_per_trade: 2") + 1
    for action in ("save", "to_form"):
        sent = {"view": "yaml", "action": action, "yaml": wrong}
        response = http.post("/strategies/new", data=sent)
        assert response.status_code == 422
        assert f"Line {row}, column 3: risk.risk_per_trade" in text_of(response)


def test_saving_a_change_makes_a_version_and_saving_none_makes_none(
    http: TestClient, engine: Engine
) -> None:
    strategy = engine.save(example())
    path = f"/strategies/{strategy.id}/edit"
    page = text_of(http.get(path))
    assert re.search(r'name="based_on" value="1"', page)
    assert saved(http, path, fields(based_on="1")).version_number == 1
    assert saved(http, path, fields(based_on="1", risk__lot="10")).version_number == 2
    with transaction() as session:
        row = session.scalars(select(AuditRow).where(AuditRow.action == "strategy.saved")).one()
        assert row.actor == "person:ann"
        assert (row.before or {})["risk.lot"] is None
        assert (row.after or {})["version"] == 2


def test_of_two_who_edit_at_once_the_second_sees_both_and_chooses(
    http: TestClient, engine: Engine
) -> None:
    strategy = engine.save(example())
    path = f"/strategies/{strategy.id}/edit"
    saved(http, path, fields(based_on="1", risk__lot="10"))
    mine = fields(based_on="1", risk__max_quantity="77")
    response = http.post(path, data=mine)
    assert response.status_code == 409
    page = text_of(response)
    assert "Version 2 was saved while you worked on version 1" in page
    assert 'value="77"' in page
    assert "Save mine on top, as version 3" in page
    over = saved(http, path, {**mine, "action": "save_over", "newest": "2"})
    assert over.version_number == 3
    assert service.newest(over).definition["risk"]["max_quantity"] == "77"
    again = http.post(path, data={**mine, "risk.lot": "5", "action": "save_over", "newest": "2"})
    assert again.status_code == 409


def test_the_check_tells_fields_names_and_due_times(http: TestClient) -> None:
    answer = http.post("/strategies/check", data=fields(risk__risk_per_trade="2")).json()
    assert set(answer["errors"]) == {"risk.risk_per_trade"}
    assert "sma_20@1w" in answer["rule_names"]
    assert "close@1d" not in answer["rule_names"]
    assert answer["schedule"]["next"][0]["text"] == "Mon 2026-11-23 15:30 EST"
    assert len(answer["schedule"]["next"]) == 5
    assert (
        http.post("/strategies/check", data=fields(schedule__when="?")).json()["schedule"] is None
    )
    assert http.post("/strategies/check", data={}).status_code == 200


def test_a_name_in_use_is_told_by_the_check_unless_it_is_ones_own(
    http: TestClient, engine: Engine
) -> None:
    strategy = engine.save(example())
    assert "name" in http.post("/strategies/check", data=fields()).json()["errors"]
    own = fields(strategy_id=str(strategy.id))
    assert http.post("/strategies/check", data=own).json()["errors"] == {}


@pytest.mark.parametrize(
    "path", ["/strategies/99", "/strategies/99/edit", "/strategies/99/versions", "/strategies/0"]
)
def test_a_strategy_that_is_not_there_is_not_found(http: TestClient, path: str) -> None:
    assert http.get(path).status_code in (404, 422)


def test_nobody_edits_without_signing_in(anonymous: TestClient) -> None:
    for path in ("/strategies", "/strategies/new", "/strategies/import"):
        assert anonymous.get(path).status_code in (303, 307, 401)
    response = anonymous.post("/strategies/new", data=fields())
    assert response.status_code in (303, 307, 401, 403)
    assert strategies_there() == 0


def test_an_unknown_template_says_which_there_are(http: TestClient) -> None:
    response = http.get("/strategies/new?template=trent")
    assert response.status_code == 404
    assert "Did you mean" in html.unescape(response.text)


def versions(engine: Engine) -> Strategy:
    """A strategy of three versions."""
    strategy = engine.save(definition(name="Köln: Momentum / 1"))
    for quantity in (10, 20):
        with transaction() as session:
            found = service.get(session, strategy.id)
            document: Any = definition(name=strategy.name, risk__max_quantity=quantity)
            service.update(session, engine.clock, found, document=document, author="person:bob")
    return strategy


def test_versions_show_who_changed_what(http: TestClient, engine: Engine) -> None:
    strategy = versions(engine)
    page = text_of(http.get(f"/strategies/{strategy.id}/versions"))
    assert "Version 2 against 3" in page
    assert "risk.max_quantity" in page
    assert "person:bob" in page
    first = text_of(http.get(f"/strategies/{strategy.id}/versions?a=1&b=1"))
    assert "These two say the same." in first
    assert http.get(f"/strategies/{strategy.id}/versions?a=9").status_code == 404


def test_an_earlier_version_comes_back_as_the_newest(http: TestClient, engine: Engine) -> None:
    strategy = versions(engine)
    response = http.post(f"/strategies/{strategy.id}/versions/1/restore")
    assert response.status_code == 303
    with transaction() as session:
        found = service.get(session, strategy.id)
        assert found.version_number == 4
        assert service.newest(found).definition["risk"]["max_quantity"] is None
    assert http.post(f"/strategies/{strategy.id}/versions/9/restore").status_code == 404


def test_what_is_exported_can_be_imported_and_is_shown_before_it_is_saved(
    http: TestClient, engine: Engine
) -> None:
    strategy = versions(engine)
    exported = http.get(f"/strategies/{strategy.id}/export?version=2")
    assert exported.headers["content-disposition"].endswith('"k-ln-momentum-1-v2.yaml"')
    assert yaml_text.read(exported.text)["risk"]["max_quantity"] == 10
    sent = {"file": ("s.yaml", exported.content, "application/yaml")}
    page = text_of(http.post("/strategies/import", data={"yaml": ""}, files=sent))
    assert "Read from your file." in page
    assert "Köln: Momentum / 2" in html.unescape(page)
    assert strategies_there() == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "Choose a file"), ("name: [", "Line 1"), ("- 1", "dictionary"), ("{}", "required")],
)
def test_a_file_that_is_no_strategy_is_refused(http: TestClient, text: str, said: str) -> None:
    response = http.post("/strategies/import", data={"yaml": text})
    assert response.status_code == 422
    assert said in html.unescape(text_of(response))
