"""Building a strategy in the editor and running it, as somebody does who has read no manual."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from backend.core.database import transaction
from backend.strategies import service
from backend.strategies.models import Strategy
from tests.support.accessible import fits, serious
from tests.support.live_engine import example
from tests.support.site import Site, open_page

STEPS = ("connect", "symbols", "charts", "judge", "limits")


def section(page: Page, name: str) -> Locator:
    return page.locator(f"#{name}")


def go_on(page: Page) -> None:
    page.get_by_role("button", name="Next →").click()


def saved(strategy_id: int = 1) -> Strategy:
    with transaction() as session:
        return service.get(session, strategy_id)


@pytest.fixture
def plain(chromium: Browser, site: Site) -> Iterator[Page]:
    """A browser that runs no script."""
    yield from open_page(chromium, site, java_script_enabled=False)


def test_from_nothing_to_an_execution_that_says_why(page: Page, site: Site) -> None:
    page.goto("/strategies")
    page.get_by_role("link", name="Make your first strategy").click()
    expect(section(page, "connect")).to_contain_text("DU1234567", timeout=30_000)
    page.get_by_role("link", name=re.compile("^Trend by rules")).click()
    go_on(page)

    search = page.get_by_label("Add a symbol")
    search.fill("microsoft")
    expect(page.get_by_role("option", name=re.compile("^MSFT"))).to_be_visible()
    search.press("ArrowDown")
    search.press("Enter")
    expect(section(page, "symbols")).to_contain_text("MICROSOFT CORP")
    page.get_by_role("button", name="Remove AAPL").click()
    expect(page.get_by_label("Name")).to_have_value("MSFT trend")
    go_on(page)

    adder = section(page, "charts").get_by_label("Add an indicator").first
    adder.fill("exponential moving")
    page.get_by_role("option", name=re.compile("^ema_20")).click()
    page.get_by_role("button", name="Show the charts as the model will see them").click()
    picture = page.get_by_role("img", name="Chart of MSFT, 1d, as the model will see it")
    expect(picture).to_be_visible(timeout=60_000)
    assert picture.evaluate("image => image.naturalWidth") == 1200
    go_on(page)

    rule = page.get_by_label("Buy when")
    rule.fill("clos > ema_20")
    expect(section(page, "judge")).to_contain_text("Did you mean 'close'?")
    rule.fill("close > ema_20 and close > 0")
    expect(page.locator("[data-check-state]")).to_have_text("Ready to save")
    page.get_by_role("button", name="Check the rules over the last year").click()
    expect(section(page, "judge")).to_contain_text(re.compile(r"The rules held at \d+ of \d+ bars"))
    expect(section(page, "judge").locator(".plot-container").first).to_be_visible()
    go_on(page)

    expect(page.locator("[data-schedule-next] li")).to_have_count(5)
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("MSFT trend")
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    assert service.newest(saved()).definition["symbols"] == ["MSFT"]

    page.get_by_role("button", name="Play MSFT trend").click()
    expect(page).to_have_url(re.compile(r"/executions/1$"))
    execution = site.wait(1)
    page.goto("/strategies/1")
    expect(page.locator("main")).to_contain_text(execution.reason or "never")


def test_each_step_is_accessible_and_fits_a_phone(phone: Page) -> None:
    phone.goto("/strategies/new?template=example")
    for name in STEPS:
        expect(section(phone, name)).to_be_visible()
        expect(phone.locator("[data-section]:visible")).to_have_count(1)
        assert fits(phone), name
        assert serious(phone) == []
        if name != STEPS[-1]:
            go_on(phone)
    phone.get_by_role("button", name="Save", exact=True).last.click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("AAPL trend")
    assert fits(phone)


def test_by_keyboard_alone(page: Page) -> None:
    page.goto("/strategies/new?template=trend")
    for _ in range(4):
        tab_to(page, "[data-next]")
        page.keyboard.press("Enter")
    expect(section(page, "limits")).to_be_visible()
    tab_to(page, "[name='risk.risk_per_trade']")
    page.keyboard.type("0.02")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("AAPL trend")
    assert service.newest(saved()).definition["risk"]["risk_per_trade"] == "0.02"
    tab_to(page, "[aria-label='Play AAPL trend']")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/executions/1$"))


def tab_to(page: Page, selector: str) -> None:
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never comes to {selector}.")


def test_what_is_wrong_is_marked_at_its_step_and_led_to(page: Page) -> None:
    page.goto("/strategies/new?template=trend#symbols")
    page.get_by_label("Name").fill("")
    page.locator("[data-step=limits]").click()
    page.get_by_label("Risk per trade").fill("2")
    expect(page.locator("[data-check-state]")).to_have_text("2 fields to mend")
    expect(page.locator("[data-step=symbols] [data-step-mark]")).to_have_text("1")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("Not saved: 2 things to mend.")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Risk per trade")).click()
    expect(page.get_by_label("Risk per trade")).to_be_focused()
    assert serious(page) == []


def test_nothing_is_lost_by_a_reload_and_forgotten_once_saved(page: Page) -> None:
    page.goto("/strategies/new?template=trend#symbols")
    page.get_by_label("Name").fill("Kept through it all")
    expect(page.locator("[data-draft-state]")).to_have_text("Kept in this tab until you save.")
    page.reload()
    expect(page.get_by_label("Name")).to_have_value("Kept through it all")
    expect(page.get_by_text("What you wrote here before is back.")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Kept through it all")
    page.goto("/strategies/new?template=trend#symbols")
    expect(page.get_by_label("Name")).to_have_value("AAPL trend")


def test_nothing_is_lost_when_the_session_ends(page: Page) -> None:
    page.goto("/strategies/new?template=trend#symbols")
    page.get_by_label("Name").fill("Written before the end")
    expect(page.locator("[data-check-state]")).to_have_text("Ready to save")
    cookies = page.context.cookies()
    page.context.clear_cookies()
    page.get_by_label("Name").fill("Written after the end")
    expect(page.locator("[data-check-state]")).to_contain_text("Your session has ended.")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    page.context.add_cookies([{**each, "url": ""} for each in cookies])
    page.goto("/strategies/new?template=trend#symbols")
    expect(page.get_by_label("Name")).to_have_value("Written after the end")


def test_form_and_yaml_take_turns(page: Page) -> None:
    page.goto("/strategies/new?template=trend")
    page.get_by_role("button", name="YAML").click()
    text = page.get_by_label("The whole definition")
    written = text.input_value()
    assert serious(page) == []
    text.fill(written.replace("lot: null", "lot: 30").replace("1w", "1y"))
    page.get_by_role("button", name="Form").click()
    expect(
        page.get_by_text(re.compile(r"Line \d+, column \d+: charts\.1\.timeframe"))
    ).to_be_visible()
    text.fill(written.replace("lot: null", "lot: 30"))
    page.get_by_role("button", name="Form").click()
    page.locator("[data-step=limits]").click()
    expect(page.locator("[name='risk.lot']")).to_have_value("30")


def test_a_gateway_that_is_logged_out_does_not_stop_the_writing(page: Page, site: Site) -> None:
    site.engine.gateway.control.session("logged_out")
    page.goto("/strategies/new?template=trend")
    expect(section(page, "connect")).to_contain_text("The gateway is not ready.", timeout=30_000)
    page.locator("[data-step=judge]").click()
    page.get_by_role("button", name="Check the rules over the last year").click()
    expect(section(page, "judge")).to_contain_text("Then try again: nothing you wrote is lost.")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("AAPL trend")


def test_without_script_all_steps_are_one_form_that_saves(plain: Page) -> None:
    plain.goto("/strategies/new?template=trend")
    for name in STEPS:
        expect(section(plain, name)).to_be_visible()
    plain.get_by_label("Symbols", exact=True).fill("MSFT, NVDA")
    plain.get_by_label("Name").fill("Without script")
    plain.get_by_role("button", name="Save", exact=True).last.click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Without script")
    assert service.newest(saved()).definition["symbols"] == ["MSFT", "NVDA"]
    plain.get_by_role("switch").click()
    expect(plain.get_by_role("switch")).to_be_checked()


def test_versions_and_a_full_list_are_accessible_and_fit(
    page: Page, phone: Page, site: Site
) -> None:
    strategy = site.engine.save(example(), is_enabled=True)
    with transaction() as session:
        found = service.get(session, strategy.id)
        document = {**example(), "symbols": ["AAPL", "MSFT"]}
        service.update(session, site.engine.clock, found, document=document, author="person:bob")
    site.wait(site.engine.start(strategy)[0])
    for path in ("", "/1", "/1/versions", "/1/edit"):
        for each in (page, phone):
            each.goto(f"/strategies{path}")
            assert serious(each) == [], path
            assert fits(each), path


def test_the_list_follows_what_runs_without_a_reload(page: Page, site: Site) -> None:
    strategy = site.engine.save(example())
    page.goto("/strategies")
    expect(page.get_by_text("never ran")).to_be_visible()
    site.wait(site.engine.start(strategy)[0])
    expect(page.locator("#strategies [data-state=held]")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("never ran")).to_have_count(0)
