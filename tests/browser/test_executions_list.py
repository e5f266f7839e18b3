"""The list by keyboard, running several again with progress, and first steps on the overview."""

from playwright.sync_api import Page, expect

from tests.support.live_engine import definition
from tests.support.site import Site


def two_rows(site: Site) -> list[int]:
    """Finished executions of two symbols, the newest first."""
    strategy = site.engine.save(definition(symbols=["AAPL", "MSFT"]))
    ids = site.engine.start(strategy)
    return sorted((site.wait(each).id for each in ids), reverse=True)


def test_rows_are_chosen_and_opened_by_keyboard(page: Page, site: Site) -> None:
    newest, older = two_rows(site)
    page.goto("/executions")
    compare = page.get_by_role("button", name="Compare two")
    expect(compare).to_be_disabled()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_text("1 chosen.")).to_be_visible()
    expect(compare).to_have_attribute("title", "Choose exactly two rows first.")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_text("2 chosen.")).to_be_visible()
    expect(compare).to_be_enabled()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/executions/{newest}")
    page.go_back()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/executions/{older}")


def test_what_is_chosen_is_run_again_and_watched_to_its_end(page: Page, site: Site) -> None:
    two_rows(site)
    site.engine.advance(minutes=1)
    page.goto("/executions")
    page.get_by_label("Choose all on this page").check()
    page.get_by_role("button", name="Run again …").click()
    expect(page.get_by_role("heading", name="Starts 2 new executions now")).to_be_visible()
    page.get_by_role("button", name="Start 2 now").click()
    expect(page.get_by_text("Started 2 now.")).to_be_visible()
    # Without a reload: the page follows them.
    expect(page.get_by_text("2 of 2 finished: all done")).to_be_visible(timeout=30_000)


def test_filters_are_kept_under_a_name(page: Page, site: Site) -> None:
    two_rows(site)
    page.goto("/executions")
    page.get_by_label("Symbol").fill("MSFT")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**symbol=MSFT**")
    expect(page.locator("[data-row]")).to_have_count(1)
    page.get_by_text("Save these filters as a view …").click()
    page.get_by_label("Name of the view").fill("Microsoft")
    page.get_by_role("button", name="Save view").click()
    page.goto("/executions")
    page.get_by_role("link", name="Microsoft").click()
    expect(page.locator("[data-row]")).to_have_count(1)


def test_the_overview_asks_the_parts_after_it_has_come_and_follows_what_runs(
    page: Page, site: Site
) -> None:
    page.goto("/")
    expect(page.locator("#health").get_by_text("storage")).to_be_visible()
    expect(page.get_by_text("Nothing has run in the last 24 hours.")).to_be_visible()
    site.run()
    observed = page.locator("#runs").get_by_role("link", name="1 observed", exact=True)
    expect(observed).to_be_visible(timeout=15_000)
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("heading", name="First steps")).to_be_hidden()


def test_the_system_s_pieces_come_by_themselves(page: Page, site: Site) -> None:
    page.goto("/system")
    expect(page.get_by_text("No worker.")).to_be_visible(timeout=15_000)
    expect(page.locator("#stores").get_by_text("workflow_lineage")).to_be_visible(timeout=15_000)
