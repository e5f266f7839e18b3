"""What the browser is told it may do is enough for our own pages, and no more."""

from playwright.sync_api import Page

from tests.support.live_engine import example
from tests.support.site import Site


def test_a_chart_is_drawn_with_its_styles_under_the_policy(page: Page, site: Site) -> None:
    execution = site.run(example())
    page.goto(f"/executions/{execution.id}")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    page.locator("[data-figure]").first.scroll_into_view_if_needed()
    drawing = page.locator(".js-plotly-plot .main-svg").first
    drawing.wait_for()
    page.wait_for_timeout(500)
    assert drawing.evaluate("element => getComputedStyle(element).position") == "absolute"
