"""One word of a prompt is changed, and the page shows what would have been decided."""

import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from backend.core.database import transaction
from backend.strategies import prompts
from tests.support.accessible import fits, serious
from tests.support.live_engine import Engine, example
from tests.support.model_engine import fitting_opinion
from tests.support.openai_server import Answer, OpenAIServer, opinion, says
from tests.support.site import Site

PATIENCE = 30_000

BY_VIEW = example() | {"signal": example()["signal"] | {"source": "view"}}


@pytest.fixture
def engine(model_engine: Engine, server: OpenAIServer) -> Engine:
    """A model that does as the prompt bids: buy, or when told to be timid, wait."""

    timid = opinion(direction="neutral", confidence=0.2, entry=None, stop=None, targets=[])
    heard: list[bool] = []

    def answer(body: dict[str, Any]) -> Answer:
        text = str(body["messages"][1]["content"])
        if "Form one view" not in text:
            heard.append("timid" in text)
        if heard[-1]:
            return says(timid | {"support": [], "resistance": []})
        return fitting_opinion(body)

    server.default = answer
    return model_engine


def test_one_word_of_the_prompt_is_changed_and_what_follows_is_seen_within_a_minute(
    page: Page, site: Site, server: OpenAIServer
) -> None:
    execution = site.run(BY_VIEW)
    asked = len(server.requests)
    begun = time.monotonic()
    page.goto(f"/executions/{execution.id}/replay?from=analyze_charts")
    text = page.locator("#prompt-chart").get_by_label("Text")
    text.fill(text.input_value().replace("Judge the", "Judge timid the"))
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        f"Execution {execution.id} against replay {execution.id + 1}"
    )
    # Filled by the server's events, without a reload.
    expect(page.locator("#verdict")).to_contain_text(
        "They part at analyze charts", timeout=PATIENCE
    )
    assert time.monotonic() - begun < 60
    assert len(server.requests) > asked
    expect(page.locator("#analyze_charts ins").first).to_have_text("timid")
    expect(page.locator("#analyze_charts")).to_have_attribute("open", "")
    expect(page.locator("#render_charts")).not_to_have_attribute("open", "")
    expect(page.locator("#decided")).to_contain_text("HOLD")
    assert serious(page) == []
    assert fits(page)


def test_changed_indicators_show_both_charts_beside_each_other(page: Page, site: Site) -> None:
    execution = site.run(example())
    page.goto(f"/executions/{execution.id}/replay")
    page.get_by_label("1d chart").fill("sma_20, sma_50, rsi_14, atr_14, ema_9")
    page.get_by_role("button", name="Replay").click()
    expect(page.locator("#verdict")).to_contain_text(
        "They part at compute indicators", timeout=PATIENCE
    )
    pictures = page.locator("#render_charts a.chart-frame img")
    pictures.first.scroll_into_view_if_needed()
    expect(pictures).to_have_count(2)
    for picture in pictures.all():
        expect(picture).to_have_js_property("naturalWidth", 1200, timeout=PATIENCE)
    boxes = [picture.bounding_box() for picture in pictures.all()]
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"]
    expect(page.locator("#chart-1w")).to_contain_text("the same in both")


def test_a_version_that_is_chosen_puts_its_text_into_the_box(page: Page, site: Site) -> None:
    execution = site.run(BY_VIEW)
    with transaction() as session:
        text = "Judge {{ symbol }} shortly.\n"
        prompts.save(session, site.engine.clock, name="chart", template=text, author="ann")
    page.goto(f"/executions/{execution.id}/replay")
    prompt = page.locator("#prompt-chart")
    prompt.get_by_label("Version").select_option("2")
    expect(prompt.get_by_label("Text")).to_have_value(text)
    prompt.get_by_label("Text").fill("My own words.")
    page.once("dialog", lambda dialog: dialog.dismiss())
    prompt.get_by_label("Version").select_option("1")
    expect(prompt.get_by_label("Text")).to_have_value("My own words.")
    expect(prompt.get_by_label("Version")).to_have_value("2")


def test_the_form_works_by_keyboard_alone_and_says_what_is_wrong(page: Page, site: Site) -> None:
    execution = site.run(example())
    page.goto(f"/executions/{execution.id}/replay")
    page.get_by_label("Buy when").focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("close > sma_51")
    page.get_by_role("button", name="Replay").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing was started.")).to_be_visible()
    expect(page.get_by_label("Buy when")).to_have_value("close > sma_51")
    expect(page.get_by_label("Buy when")).to_have_attribute("aria-invalid", "true")
    assert serious(page) == []


def test_both_pages_fit_a_phone(phone: Page, site: Site) -> None:
    execution = site.run(example())
    phone.goto(f"/executions/{execution.id}/replay")
    assert serious(phone) == []
    assert fits(phone)
    phone.get_by_label("Settings").fill("signal.source = rules")
    phone.get_by_role("button", name="Replay").click()
    expect(phone.locator("#verdict")).to_contain_text(
        "They part at analyze charts", timeout=PATIENCE
    )
    assert serious(phone) == []
    assert fits(phone)


def test_both_pages_are_readable_in_the_dark(dark_page: Page, site: Site) -> None:
    execution = site.run(BY_VIEW)
    dark_page.goto(f"/executions/{execution.id}/replay")
    assert serious(dark_page) == []
    text = dark_page.locator("#prompt-chart").get_by_label("Text")
    text.fill(text.input_value() + "Be timid.\n")
    dark_page.get_by_role("button", name="Replay").click()
    expect(dark_page.locator("#verdict")).to_contain_text("They part at", timeout=PATIENCE)
    assert serious(dark_page) == []
