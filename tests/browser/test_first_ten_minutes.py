"""The whole way of a new owner in one go: in by the link, a strategy, a run, a doubt, a replay."""

import re

from playwright.sync_api import Browser, Page, expect

from backend.core.database import transaction
from backend.executions import gateway_states
from backend.web import links, people
from tests.support.site import WIDE, Site, open_page

PATIENCE = 60_000


def test_from_the_link_to_what_one_word_would_have_changed(chromium: Browser, site: Site) -> None:
    pages = open_page(chromium, site, viewport=WIDE)
    page = next(pages)
    page.context.clear_cookies()
    # As Beat does each minute.
    gateway_states.observe(site.engine.tools.broker, site.engine.clock)
    with transaction() as session:
        token = links.make(session, site.engine.clock, people.get(session, "ann"))
    page.goto(f"/sign-in?token={token}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page.get_by_role("status", name="Account")).to_contain_text("SIMULATED")

    page.goto("/strategies/new?template=example")
    page.get_by_role("button", name="Save", exact=True).last.click()
    page.get_by_role("button", name=re.compile("^Play ")).click()
    expect(page.locator("#run-head h2")).to_have_text(
        "It did not want to trade AAPL.", timeout=PATIENCE
    )
    expect(page.locator("#run-rail li")).to_have_count(13)

    _change_a_rule(page)
    _change_a_word(page)
    next(pages, None)


def _change_a_rule(page: Page) -> None:
    """A second version, and what it changed against the first."""
    page.goto("/strategies/1/edit#judge")
    page.get_by_label("Buy when").fill("close > sma_20")
    expect(page.locator("[data-check-state]")).to_have_text("Ready to save")
    page.get_by_role("button", name="Save", exact=True).last.click()
    page.goto("/strategies/1/versions?a=1&b=2")
    expect(page.locator("main .diff-add").first).to_contain_text("close > sma_20")


def _change_a_word(page: Page) -> None:
    """A replay with another prompt, beside the execution that it doubts."""
    page.goto("/executions/1")
    page.get_by_role("link", name="Replay or fork").click()
    text = page.locator("#prompt-chart").get_by_label("Text")
    text.fill(text.input_value().replace("Judge the", "Judge coldly the", 1))
    page.get_by_role("button", name="Replay").click()
    expect(page.locator("#verdict")).to_contain_text(
        "They part at analyze charts", timeout=PATIENCE
    )
    expect(page.locator("#analyze_charts ins").first).to_contain_text("coldly")
