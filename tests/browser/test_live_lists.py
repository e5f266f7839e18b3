"""Lists that fill while somebody looks at them: decisions, notifications."""

from playwright.sync_api import Page, expect

from backend.core.database import transaction
from backend.decisions import gathering
from backend.notifications.events import Event
from backend.notifications.service import tell
from tests.support.site import Site


def test_a_decision_arrives_without_a_reload(page: Page, site: Site) -> None:
    page.goto("/decisions")
    expect(page.get_by_text("No decisions yet")).to_be_visible()
    site.run()
    gathering.gather(site.engine.tools.storage)
    expect(page.locator("#wall")).to_be_visible(timeout=20_000)


def test_news_arrives_without_a_reload_and_what_is_typed_stays(page: Page, site: Site) -> None:
    page.goto("/notifications")
    page.get_by_role("textbox", name="Name").fill("my phone")
    with transaction() as session:
        tell(
            session,
            site.engine.clock,
            event=Event.FILL,
            key="a",
            title="Bought 10 AAPL",
            text="",
            path="/orders/1",
        )
    expect(page.get_by_role("link", name="Bought 10 AAPL")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("textbox", name="Name")).to_have_value("my phone")
