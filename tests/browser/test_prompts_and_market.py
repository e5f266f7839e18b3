"""Prompts, market data and decisions in a browser: what needs its scripts."""

from playwright.sync_api import Page, expect

from backend.core.database import transaction
from backend.core.values import Timeframe
from backend.decisions import gathering
from backend.market.service import MarketData
from backend.strategies import prompts
from tests.support.live_engine import definition
from tests.support.site import Site


def test_a_prompt_is_checked_while_it_is_written_saved_and_put_into_production(
    page: Page, site: Site
) -> None:
    page.goto("/prompts/chart/edit")
    text = page.get_by_label("Text of the prompt")
    text.fill("Judge {{ symbl }}.")
    expect(page.get_by_text("Did you mean 'symbol'")).to_be_visible()
    text.fill("Judge {{ symbol }} for me.")
    expect(page.get_by_text("It renders.")).to_be_visible()
    page.get_by_role("button", name="Save version").click()
    expect(page.get_by_text("Version 2 is saved.")).to_be_visible()
    page.locator("#run-2 summary").click()
    page.get_by_role("button", name="Run version 2").click()
    expect(page.get_by_text("Production is version 2 from the next execution on.")).to_be_visible()
    with transaction() as session:
        assert prompts.labels(prompts.get(session, "chart")) == {"production": 2}


def test_a_draft_is_tried_on_what_was_recorded(page: Page, site: Site) -> None:
    site.run(definition(signal={"source": "view", "min_confidence": 0.01}))
    gathering.gather(site.engine.tools.storage)
    page.goto("/prompts/chart/edit")
    page.get_by_label("Text of the prompt").fill("A draft about {{ symbol }}.")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_label("Rendered text, 1d")).to_contain_text("A draft about AAPL.")
    expect(page.get_by_role("heading", name="Unsaved text of chart")).to_be_visible()


def test_a_symbols_chart_is_drawn_with_an_indicator_and_leads_to_its_decision(
    page: Page, site: Site
) -> None:
    engine = site.engine
    execution = site.run(definition())
    gathering.gather(engine.tools.storage)
    market = MarketData(engine.tools.broker, engine.clock)
    market.bars(market.resolve("AAPL"), Timeframe.DAY, 120, engine.clock.now())
    page.goto("/market/AAPL?count=60")
    expect(page.locator(".chart .main-svg").first).to_be_visible()
    page.get_by_label("Add an indicator").fill("sma_20")
    page.get_by_role("button", name="Draw").click()
    expect(page.locator(".chart").get_by_text("SMA 20").first).to_be_visible()
    page.get_by_role("link", name=str(execution.id), exact=True).click()
    expect(page).to_have_url(f"{site.url}/executions/{execution.id}")


def test_decisions_are_read_and_filtered_on_a_phone(phone: Page, site: Site) -> None:
    site.run(definition())
    gathering.gather(site.engine.tools.storage)
    phone.goto("/decisions")
    card = phone.get_by_role("article", name="BUY AAPL, execution 1")
    expect(card).to_contain_text("in 1 bar")
    phone.get_by_label("Action").select_option("SELL")
    phone.get_by_role("button", name="Show", exact=True).click()
    expect(phone.get_by_text("No decisions match")).to_be_visible()
