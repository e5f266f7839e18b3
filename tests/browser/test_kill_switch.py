"""The kill switch on a phone: chosen, confirmed, seen at work, released."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backend.core.database import transaction
from backend.portfolio import equity, halting
from tests.support.held_trades import held, orders_of, read_trip, traded
from tests.support.site import PHONE, Site


@pytest.fixture(autouse=True)
def folder(db: str, tmp_path: Path, set_env: Callable[..., None]) -> Path:
    set_env(GLASSBOX_HOME=str(tmp_path))
    return tmp_path


@pytest.fixture
def tracker(site: Site) -> Iterator[threading.Event]:
    """A tracker that begins to look after switches once it is let."""
    begin, stop = threading.Event(), threading.Event()

    def work() -> None:
        begin.wait()
        while not stop.wait(0.1):
            halting.watch(site.engine.clock, site.engine.tools.broker)
            site.engine.gateway.control.advance(5)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield begin
    stop.set()
    begin.set()
    thread.join(30)


def seen(site: Site) -> None:
    """The account was looked at, as it is every few minutes."""
    broker = site.engine.tools.broker
    [account] = broker.accounts()
    with transaction() as session:
        equity.record(session, broker.account_snapshot(account.id), is_simulated=True)


def test_everything_is_flattened_from_a_phone(
    phone: Page, site: Site, tracker: threading.Event
) -> None:
    trip = traded(site.engine)
    seen(site)
    phone.goto("/risk")
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    phone.get_by_label("Stop, cancel and flatten").check()
    phone.get_by_label("Why").fill("odd fills")
    phone.get_by_role("button", name="Pull the switch").click()
    # Nothing has happened yet: what will happen is shown.
    expect(phone.get_by_role("heading", name="Flatten everything?")).to_be_visible()
    expect(phone.get_by_text("AAPL: long 100, strategy Always long")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    sure = phone.get_by_role("button", name="Yes, flatten now")
    box = sure.bounding_box()
    assert box is not None
    assert box["height"] >= 40
    sure.click()
    expect(phone.get_by_text("Waiting for the tracker to carry it out")).to_be_visible()
    assert held(site.engine) == 100
    # The page follows by itself from here on.
    tracker.set()
    done = phone.locator("#switch .badge", has_text="Nothing is left")
    expect(done).to_be_visible(timeout=30_000)
    expect(phone.get_by_text("Orders cancelled: 2 of 2")).to_be_visible()
    expect(phone.get_by_text("Positions closed: 1 of 1")).to_be_visible()
    assert held(site.engine) == 0
    assert read_trip(trip).exit_reason == "flatten"
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    phone.get_by_text("Release", exact=True).click()
    phone.get_by_label("Type release everything").fill("release everything")
    phone.get_by_role("button", name="Let orders out again").click()
    expect(phone.get_by_text("Nothing is halted")).to_be_visible()


def test_whoever_goes_back_has_done_nothing(phone: Page, site: Site) -> None:
    trip = traded(site.engine)
    phone.goto("/risk")
    phone.get_by_label("Stop and cancel").check()
    phone.get_by_role("button", name="Pull the switch").click()
    expect(phone.get_by_text("stays while its position is held").first).to_be_visible()
    phone.get_by_role("link", name="Back").click()
    expect(phone.get_by_text("Nothing is halted")).to_be_visible()
    assert orders_of(trip)["stop"].done_at is None
