"""Signing in and out as a person does it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.core.database import transaction
from backend.web import links, people
from tests.support.accessible import fits, serious
from tests.support.site import PHONE, WIDE, Site, open_page

PASSWORD = "correct horse battery"


@pytest.fixture
def stranger(chromium: Browser, site: Site) -> Iterator[Page]:
    """A page on which nobody is signed in."""
    pages = open_page(chromium, site, viewport=WIDE)
    page = next(pages)
    page.context.clear_cookies()
    yield page
    next(pages, None)


def link_of_ann(site: Site, next_path: str = "") -> str:
    with transaction() as session:
        token = links.make(session, site.engine.clock, people.get(session, "ann"))
    return f"/sign-in?token={token}{next_path}"


def test_a_link_signs_in_without_another_click(stranger: Page, site: Site) -> None:
    stranger.goto(link_of_ann(site, "&next=/executions?symbol=AAPL"))
    stranger.wait_for_url("**/executions?symbol=AAPL")
    expect(stranger.get_by_role("link", name="ann").first).to_be_visible()


def test_a_link_needs_one_click_without_scripts(chromium: Browser, site: Site) -> None:
    pages = open_page(chromium, site, viewport=WIDE, java_script_enabled=False)
    page = next(pages)
    page.context.clear_cookies()
    page.goto(link_of_ann(site))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="ann").first).to_be_visible()
    next(pages, None)


def test_a_password_can_be_typed_by_keyboard_alone_and_leads_back(
    stranger: Page, site: Site
) -> None:
    with transaction() as session:
        people.set_password(people.get(session, "ann"), PASSWORD)
    stranger.goto("/account")
    stranger.wait_for_url("**/sign-in?next=/account")
    stranger.get_by_role("textbox", name="Name").focus()
    stranger.keyboard.type("ann")
    stranger.keyboard.press("Tab")
    stranger.keyboard.type("a wrong guess")
    stranger.keyboard.press("Enter")
    expect(stranger.get_by_role("alert")).to_contain_text("do not belong together")
    stranger.get_by_role("textbox", name="Password").focus()
    stranger.keyboard.type(PASSWORD)
    stranger.keyboard.press("Enter")
    stranger.wait_for_url("**/account")


def test_after_the_sign_out_going_back_shows_no_page(page: Page) -> None:
    page.goto("/account")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.go_back()
    page.wait_for_url("**/sign-in**")


def test_a_key_is_made_shown_and_revoked_after_a_question(page: Page) -> None:
    page.goto("/account")
    page.get_by_label("New key for").fill("laptop")
    page.get_by_role("button", name="Make a key").click()
    expect(page.get_by_text("This is the only time it is shown")).to_be_in_viewport()
    page.get_by_role("button", name="Revoke …").click()
    expect(page.get_by_text("Programs that use it are refused")).to_be_visible()
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_text("opens nothing any more")).to_be_visible()


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in?token=x"])
def test_the_sign_in_is_accessible_and_fits_a_phone(
    chromium: Browser, site: Site, path: str
) -> None:
    pages = open_page(chromium, site, viewport=PHONE, is_mobile=True, java_script_enabled=True)
    page = next(pages)
    page.context.clear_cookies()
    page.route("**/js/sign-in.js*", lambda route: route.fulfill(body=""))
    page.goto(path)
    assert serious(page) == []
    assert fits(page)
    next(pages, None)
