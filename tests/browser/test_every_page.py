"""Every page, empty and with content, wide and on a phone: whole, accessible, and quiet."""

import pytest
from playwright.sync_api import Page

from tests.support.accessible import fits, serious
from tests.support.live_engine import example
from tests.support.site import Site

PATHS = (
    *("/patterns", "/", "/executions", "/decisions", "/market", "/market/AAPL"),
    *("/system", "/system/settings", "/system/audit"),
    *("/prompts", "/prompts/chart", "/prompts/chart/edit"),
    *("/strategies", "/strategies/new", "/strategies/import"),
    "/account",
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
