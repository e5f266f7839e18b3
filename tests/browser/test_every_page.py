"""Every page, empty and with content, wide and on a phone: whole, accessible, and quiet."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.support.live_engine import example
from tests.support.site import Site

PATHS = (
    *("/patterns", "/", "/executions", "/decisions", "/market", "/market/AAPL"),
    *("/system", "/system/settings", "/system/audit"),
    *("/prompts", "/prompts/chart", "/prompts/chart/edit"),
)


def serious(page: Page) -> list[str]:
    """What axe-core finds that keeps somebody from using the page."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {each['help']} ({each['nodes'][0]['html'][:160]})"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def fits(page: Page) -> bool:
    """Whether nothing is wider than the window."""
    return bool(
        page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
    )


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_accessible_and_fits(page: Page, path: str) -> None:
    page.goto(path)
    assert page.locator("main h1").count() == 1
    assert serious(page) == []
    assert fits(page)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_a_phone(phone: Page, path: str) -> None:
    phone.goto(path)
    assert serious(phone) == []
    assert fits(phone)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_accessible_in_the_dark(dark_page: Page, path: str) -> None:
    dark_page.goto(path)
    assert serious(dark_page) == []


def test_an_execution_is_accessible_once_it_has_run(page: Page, site: Site) -> None:
    execution = site.run(example())
    page.goto(f"/executions/{execution.id}")
    assert serious(page) == []
