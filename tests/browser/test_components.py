"""Components that act by themselves, tried on the page that shows them all."""

from playwright.sync_api import Page, expect


def test_a_button_copies_says_so_and_is_itself_again(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/patterns")
    button = page.get_by_role("button", name="Copy: ./glassbox verify 1")
    button.click()
    expect(button).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "./glassbox verify 1"
    expect(button).to_have_text("Copy")


def test_a_whole_document_is_copied_from_its_tree(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/patterns")
    page.locator("#pattern-json").get_by_role("button", name="Copy all").click()
    copied = "navigator.clipboard.readText().then((text) => JSON.parse(text).action)"
    page.wait_for_function(f"{copied}.then((action) => action === 'BUY')")
