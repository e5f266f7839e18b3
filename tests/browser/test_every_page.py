"""Every page, empty and with content, wide, on a phone and in the dark: whole and accessible."""

from collections.abc import Iterable

from playwright.sync_api import Page

from backend.core.database import transaction
from tests.support.accessible import fits, serious
from tests.support.live_engine import definition, example
from tests.support.past_trips import closed_trip
from tests.support.site import Site

EMPTY = (
    *("/", "/strategies", "/strategies/new", "/strategies/new?view=yaml", "/strategies/import"),
    *("/executions", "/executions?outcome=failed", "/decisions", "/market", "/market/AAPL"),
    *("/prompts", "/prompts/chart", "/prompts/chart/edit", "/account", "/patterns"),
    *("/system", "/system/settings", "/system/audit", "/nothing/here", "/executions/4711"),
    *("/risk", "/risk/limits", "/approvals", "/notifications", "/go-live"),
)
LIVED_IN = (
    *("/", "/strategies", "/strategies/1", "/strategies/1/edit", "/strategies/1/versions"),
    *("/executions", "/executions/1", "/executions/1/replay", "/executions/compare?a=1&b=2"),
    *("/executions/3", "/decisions", "/market", "/market/AAPL", "/prompts", "/prompts/chart"),
    *("/system", "/system/audit", "/risk"),
    *("/journal", "/journal/1", "/journal?by=month"),
)


def live_in(site: Site) -> None:
    """Two executions that held, one with an order plan, and one that failed."""
    strategy = site.engine.save(example(), is_enabled=True)
    for _ in range(2):
        site.wait(site.engine.start(strategy)[0])
        site.engine.advance(minutes=1)
    site.run()
    site.run(definition(name="Misspelt", symbols=["APPL"]))
    with transaction() as session:
        closed_trip(session, 1, "200", "220", closed_at=site.engine.clock.now())


def faults(page: Page, paths: Iterable[str]) -> dict[str, list[str]]:
    """What is wrong with each page, by its path."""
    found = {path: _faults(page, path) for path in paths}
    return {path: wrong for path, wrong in found.items() if wrong}


def _faults(page: Page, path: str) -> list[str]:
    page.goto(path)
    headings = page.locator("main h1").count()
    return [
        *([] if headings == 1 else [f"It has {headings} headings of the first rank."]),
        *([] if fits(page) else ["It is wider than the window."]),
        *serious(page),
    ]


def test_an_empty_house_is_whole(page: Page) -> None:
    assert faults(page, EMPTY) == {}


def test_an_empty_house_is_whole_on_a_phone(phone: Page) -> None:
    assert faults(phone, EMPTY) == {}


def test_a_house_that_is_lived_in_is_whole(page: Page, site: Site) -> None:
    live_in(site)
    assert faults(page, LIVED_IN) == {}


def test_a_house_that_is_lived_in_is_whole_on_a_phone(phone: Page, site: Site) -> None:
    live_in(site)
    assert faults(phone, LIVED_IN) == {}


def test_a_house_that_is_lived_in_is_whole_in_the_dark(dark_page: Page, site: Site) -> None:
    live_in(site)
    assert faults(dark_page, LIVED_IN) == {}
