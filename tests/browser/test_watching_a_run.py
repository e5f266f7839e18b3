"""The page of an execution in a browser: it follows the run, opens parts on demand, obeys keys."""

import re
import time

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text

from backend.core.database import transaction
from backend.executions.models import Status
from tests.support.accessible import fits, serious
from tests.support.live_engine import Engine, example, read
from tests.support.site import Site
from tests.support.web_client import sign_in

OPEN_ALL = "document.querySelectorAll('[data-steps] details').forEach((d) => { d.open = true })"
HELD = "It did not want to trade AAPL."


def parked(engine: Engine) -> int:
    """An execution that waits for the session, so that a page can be open before it runs."""
    engine.gateway.control.session("logged_out")
    execution_id = engine.start(engine.save(example()))[0]
    deadline = time.monotonic() + 30
    while read(execution_id)[0].status is not Status.PARKED:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return execution_id


def resume(engine: Engine, execution_id: int) -> None:
    engine.gateway.control.session("ready")
    with transaction() as session:
        resumed = text("UPDATE executions SET status = 'queued' WHERE id = :id")
        session.execute(resumed, {"id": execution_id})


def test_steps_arrive_without_a_reload_and_what_is_open_stays_open(page: Page, site: Site) -> None:
    execution_id = parked(site.engine)
    page.goto(f"/executions/{execution_id}", timeout=60_000)
    expect(page.locator("#run-head h2")).to_have_text(re.compile("It is parked"))
    page.locator("#step-preflight summary", has_text="Input, output and record").click()
    expect(page.locator("#record-0 [data-json]").first).to_be_visible()
    page.evaluate("window.neverReloaded = true")
    resume(site.engine, execution_id)
    expect(page.locator("#run-head h2")).to_have_text(HELD, timeout=30_000)
    for name in ("fetch_bars", "render_charts", "generate_signal"):
        expect(page.locator(f"#step-{name} .badge").first).to_have_text(
            re.compile("finished|ended")
        )
    expect(page.locator("#run-rail li")).to_have_count(13)
    expect(page.locator("#step-preflight")).to_contain_text("2 attempts")
    expect(page.locator("#record-0 [data-json]").first).to_be_visible()
    expect(page.locator("#run-actions")).to_contain_text("Run again")
    assert page.evaluate("window.neverReloaded") is True
    expect(page.locator("progress")).to_have_count(0)


HIDE = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
TOLD = "document.dispatchEvent(new Event('visibilitychange'))"


def test_a_page_that_nobody_looks_at_gives_its_connection_back_and_catches_up(
    page: Page, site: Site
) -> None:
    execution_id = parked(site.engine)
    page.goto(f"/executions/{execution_id}", timeout=60_000)
    page.evaluate(HIDE % "true" + TOLD)
    resume(site.engine, execution_id)
    site.wait(execution_id)
    page.wait_for_timeout(500)
    expect(page.locator("#run-head h2")).to_have_text(re.compile("It is parked"))
    page.evaluate(HIDE % "false" + TOLD)
    expect(page.locator("#run-head h2")).to_have_text(HELD)


def test_a_reader_finds_chart_prompt_json_and_log(page: Page, site: Site) -> None:
    execution = site.run(example())
    page.goto(f"/executions/{execution.id}#step-analyze_charts")
    expect(page.locator("#open-analyze_charts")).to_have_attribute("open", "")
    page.locator("#step-analyze_charts summary", has_text="Conversation, 1d").click()
    prompt = page.locator("#step-analyze_charts .bubble-user").first
    expect(prompt).to_contain_text("Judge the daily chart")
    expect(page.locator("#step-analyze_charts .bubble-answer li mark").first).to_be_visible()
    record = page.locator("#step-analyze_charts details[data-load*=records]")
    record.locator("summary").first.click()
    search = record.locator("input[type=search]").first
    search.fill("supertrend")
    expect(record.locator("[data-json-found]").first).to_contain_text("found")
    page.locator("#step-render_charts .js-plotly-plot").first.scroll_into_view_if_needed()
    page.locator("#step-render_charts button", has_text="As the model saw it").first.click()
    expect(page.locator("#step-render_charts img").first).to_be_visible()
    page.locator("#logs-render_charts > summary").click()
    expect(page.locator("#logs-render_charts")).to_contain_text("step_recorded")


def test_steps_are_walked_by_keys(page: Page, site: Site) -> None:
    execution = site.run()
    page.goto(f"/executions/{execution.id}")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile("#step-resolve_contract$"))
    page.keyboard.press("o")
    expect(page.locator("#open-resolve_contract")).to_have_attribute("open", "")
    page.keyboard.press("k")
    expect(page).to_have_url(re.compile("#step-preflight$"))
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.locator("[data-step] > details:not([open])")).to_have_count(0)


@pytest.mark.parametrize("reader", ["page", "phone", "dark_page"])
def test_everything_opened_is_accessible_and_fits(
    reader: str, site: Site, request: pytest.FixtureRequest
) -> None:
    execution = site.run(example())
    page: Page = request.getfixturevalue(reader)
    page.goto(f"/executions/{execution.id}")
    page.evaluate(OPEN_ALL)
    expect(page.locator("[data-load] mark").first).to_be_attached(timeout=30_000)
    page.wait_for_load_state("networkidle")
    assert serious(page) == []
    assert fits(page)


@pytest.mark.parametrize("part", ["verify", "logs", "series", "records/2"])
def test_a_part_of_a_run_is_a_page_of_its_own(phone: Page, site: Site, part: str) -> None:
    execution = site.run(example())
    phone.goto(f"/executions/{execution.id}/{part}")
    assert phone.locator("main h1").count() == 1
    assert serious(phone) == []
    assert fits(phone)


def test_without_scripts_a_running_page_loads_itself_again(site: Site, chromium: Browser) -> None:
    execution_id = parked(site.engine)
    context = chromium.new_context(base_url=site.url, java_script_enabled=False)
    name, value = sign_in(site.engine.clock).cookie
    context.add_cookies([{"name": name, "value": value, "url": site.url}])
    page = context.new_page()
    page.goto(f"/executions/{execution_id}?step=fetch_bars")
    resume(site.engine, execution_id)
    expect(page.locator("#run-head h2")).to_have_text(HELD, timeout=30_000)
    expect(page.locator("#open-fetch_bars table").first).to_be_visible()
    context.close()
