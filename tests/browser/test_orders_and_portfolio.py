"""Orders and portfolio in a browser: whole and accessible, live, by keyboard and on a phone."""

from decimal import Decimal

from playwright.sync_api import Page, expect

from backend.core.database import transaction
from backend.portfolio.orders import transitions
from backend.portfolio.orders.models import Order, Role
from backend.trading.order_state import OrderState
from tests.browser.test_every_page import faults
from tests.support.kept_orders import ACCOUNT, drifted, look, orders_of, position, trade, worth
from tests.support.site import Site

PAGES = ("/orders", "/orders?tab=all", "/orders/1", "/orders/2", "/portfolio")


def lived_in() -> None:
    trade()
    look(ACCOUNT, position(130))
    drifted(100, 130)
    for minutes in (600, 300, 5):
        worth(100_000 - minutes, minutes_ago=minutes)


def test_they_are_whole(page: Page) -> None:
    assert faults(page, ("/orders", "/portfolio")) == {}
    lived_in()
    assert faults(page, PAGES) == {}


def test_they_are_whole_on_a_phone_and_questions_stand_in_view(phone: Page) -> None:
    lived_in()
    assert faults(phone, PAGES) == {}
    phone.goto("/portfolio")
    phone.locator("#close-trip-1 > summary").tap()
    expect(phone.get_by_role("button", name="Close it").first).to_be_in_viewport()


def test_they_are_whole_in_the_dark(dark_page: Page) -> None:
    lived_in()
    assert faults(dark_page, PAGES) == {}


def test_a_list_follows_what_happens_and_is_walked_by_keyboard(page: Page, site: Site) -> None:
    target = orders_of(trade())[Role.TARGET]
    page.goto("/orders")
    expect(page.locator("[data-row]")).to_have_count(2)
    with transaction() as session:
        order = session.get_one(Order, target.id)
        order.filled, order.average_price = Decimal(100), Decimal(110)
        transitions.step(
            session, site.engine.clock, order, OrderState.FILLED, by="broker", sentence="Filled."
        )
    expect(page.locator("[data-row]")).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("SELL 100 AAPL")
