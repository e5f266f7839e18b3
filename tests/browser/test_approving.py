"""Yes and no from a phone: the queue fills by itself, one tap answers, the clock runs out."""

import re
import time

from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from backend.core.database import transaction
from backend.executions.models import Status
from backend.portfolio.orders.models import Approval
from backend.workflow.asking import ApprovalState
from backend.workflow.outcome import Outcome
from tests.support.accessible import fits, serious
from tests.support.live_engine import definition, example, read
from tests.support.site import PHONE, Site, open_page

THUMB = 44


def ask(site: Site, name: str = "Always long", **changes: object) -> int:
    """An execution that waits for a person."""
    document = definition(name=name, mode="approve", **changes)
    execution_id = site.engine.start(site.engine.save(document))[0]
    deadline = time.monotonic() + 60
    while read(execution_id)[0].status is not Status.WAITING:
        assert time.monotonic() < deadline, read(execution_id)[0].reason
        time.sleep(0.05)
    return execution_id


def states() -> list[ApprovalState]:
    with transaction() as session:
        return list(session.scalars(select(Approval.state).order_by(Approval.id)))


def is_as_large_as_a_thumb(phone: Page, name: str) -> bool:
    boxes = [each.bounding_box() for each in phone.get_by_role("button", name=name).all()]
    return bool(boxes) and all(box and min(box["height"], box["width"]) >= THUMB for box in boxes)


def test_a_question_appears_by_itself_and_one_tap_approves_it(phone: Page, site: Site) -> None:
    phone.goto("/approvals")
    expect(phone.locator("main")).to_contain_text("Nothing waits for you")
    phone.evaluate("window.neverReloaded = true")
    execution_id = ask(site)
    card = phone.locator("#waiting li").first
    expect(card).to_contain_text("AAPL", timeout=20_000)
    expect(phone.locator("#waiting-on-menu")).to_have_text("1")
    assert phone.evaluate("window.neverReloaded") is True
    assert is_as_large_as_a_thumb(phone, "Approve")
    assert is_as_large_as_a_thumb(phone, "Reject")
    card.get_by_role("button", name="Approve").tap()
    expect(phone.get_by_role("status").filter(has_text="Approved:")).to_be_visible()
    assert site.wait(execution_id).outcome is Outcome.ORDERED
    expect(phone.locator("#answer")).to_contain_text("ordered", timeout=20_000)
    assert states() == [ApprovalState.APPROVED]
    placed = site.engine.tools.broker.orders("DU1234567")
    assert sorted(each.side for each in placed) == ["BUY"] * 2 + ["SELL"] * 4, "a bracket a target"


def test_the_page_of_one_shows_chart_quote_and_countdown_and_keeps_the_answer_in_reach(
    phone: Page, site: Site
) -> None:
    execution_id = ask(site)
    phone.goto("/approvals")
    phone.get_by_role("link", name="Chart and reasons").tap()
    expect(phone.locator("#quote")).to_contain_text("Drift since", timeout=20_000)
    expect(phone.locator("[data-countdown-text]")).to_have_text(re.compile(r"1[45]:\d\d"))
    phone.locator("#chart").scroll_into_view_if_needed()
    expect(phone.locator("#chart .js-plotly-plot .main-svg").first).to_be_visible(timeout=30_000)
    expect(phone.get_by_role("button", name="Approve", exact=False).first).to_be_in_viewport()
    assert not serious(phone)
    assert fits(phone)
    phone.get_by_text("Answer with a reason").tap()
    phone.get_by_label("Reason, kept with the answer").fill("Earnings are tonight.")
    phone.locator("#with-reason").get_by_role("button", name="Reject").tap()
    expect(phone.locator("#answer")).to_contain_text("Earnings are tonight.")
    assert site.wait(execution_id).outcome is Outcome.REJECTED


def test_when_the_time_is_over_the_page_says_so_and_offers_nothing(phone: Page, site: Site) -> None:
    ask(site)
    phone.goto("/approvals/1")
    expect(phone.get_by_role("button", name="Approve").first).to_be_enabled()
    site.engine.advance(minutes=15)
    expect(phone.locator("#answer")).to_contain_text("no answer is a no", timeout=20_000)
    expect(phone.get_by_role("button", name="Approve")).to_have_count(0)


def test_the_countdown_runs_by_itself_and_ends_the_offer(phone: Page, site: Site) -> None:
    ask(site, orders__approval_minutes=1)
    site.engine.advance(seconds=56)
    phone.goto("/approvals/1")
    expect(phone.locator("[data-countdown-word]")).to_contain_text("Time is over", timeout=10_000)
    expect(phone.get_by_role("button", name="Approve").first).to_be_disabled()


def test_two_people_answer_and_the_second_is_told(
    chromium: Browser, phone: Page, site: Site
) -> None:
    execution_id = ask(site)
    # Without script nothing tells that page what happened meanwhile.
    others = open_page(chromium, site, viewport=PHONE, java_script_enabled=False)
    other = next(others)
    other.goto("/approvals/1")
    phone.goto("/approvals/1")
    phone.get_by_role("button", name="Reject").first.tap()
    expect(phone.locator("#answer")).to_contain_text("rejected")
    site.wait(execution_id)
    other.get_by_role("button", name="Approve").first.click()
    expect(other.locator("main")).to_contain_text("That answer did not count.")
    expect(other.locator("main")).to_contain_text("rejected by person:ann")
    assert states() == [ApprovalState.REJECTED]
    next(others, None)


def test_the_answer_needs_no_script(chromium: Browser, site: Site) -> None:
    execution_id = ask(site)
    pages = open_page(chromium, site, viewport=PHONE, java_script_enabled=False)
    page = next(pages)
    page.goto("/approvals/1")
    page.get_by_role("button", name="Approve").first.click()
    assert site.wait(execution_id).outcome is Outcome.ORDERED
    next(pages, None)


def test_the_queue_is_readable_wide_and_dark(dark_page: Page, site: Site) -> None:
    document = example()
    document["signal"] |= {"source": "rules", "long_when": "close > 0"}
    document["mode"] = "approve"
    site.engine.start(site.engine.save(document))
    ask(site, name="Another")
    dark_page.goto("/approvals")
    expect(dark_page.locator("#waiting li").first).to_be_visible()
    assert not serious(dark_page)
    assert fits(dark_page)
