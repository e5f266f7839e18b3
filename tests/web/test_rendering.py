"""Filters, comparisons and messages that all pages share, and the stylesheet against the pages."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from backend.web import rendering
from backend.web.assets import FRONTEND, static
from backend.web.comparing import Row, compare_lines
from backend.web.flash import COOKIE, Flash, flash, flashed

FILTERS = rendering.templates.env.filters
TEMPLATES = sorted((FRONTEND / "templates").rglob("*.html"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *[(None, "-"), (0.0123, "12 ms"), (3.44, "3.4 s"), (60, "1 min"), (125, "2 min 5 s")],
        *[(3_600, "1 h"), (11_400, "3 h 10 min"), (187_200, "2 d 4 h")],
    ],
)
def test_durations_read_as_a_person_says_them(seconds: float | None, text: str) -> None:
    assert FILTERS["seconds"](seconds) == text


def test_money_and_shares_keep_sign_and_currency() -> None:
    assert FILTERS["money"]("-1234.5") == "-$1,234.50"
    assert FILTERS["money"](3, "EUR") == "3.00 EUR"
    assert FILTERS["percent"](0.256) == "25.6 %"
    assert FILTERS["money"](None) == FILTERS["percent"](None) == "-"


def test_json_in_a_script_element_cannot_end_it() -> None:
    text = FILTERS["json_for_script"]({"a": "</script><!-- &"})
    assert "<" not in text
    assert ">" not in text


def test_a_json_tree_names_each_rows_path_and_escapes_all() -> None:
    html = FILTERS["json_tree"]({"signal": {"targets": [1.5, None]}, "<b>": "<i>", "on": True})
    assert 'data-json-path="signal.targets[1]"' in html
    assert "&lt;i&gt;" in html
    assert "&lt;b&gt;" in html
    assert "<i>" not in html
    assert html.count("<details") == html.count("</details>") == 3


def test_a_long_list_starts_folded() -> None:
    assert "<details open" not in FILTERS["json_tree"](list(range(21)))


def test_a_line_is_broken_where_a_value_is_missing() -> None:
    assert FILTERS["polylines"]([1, 2, None, 3], 30, 10) == ["0.0,8.0 10.0,5.0", "30.0,2.0"]
    assert FILTERS["polylines"]([None], 30, 10) == []


def test_a_changed_word_is_marked_and_everything_else_escaped() -> None:
    [row] = compare_lines("judge <b>the</b> chart", "judge <b>every</b> chart")
    assert row.kind == "change"
    assert row.left == "judge &lt;b&gt;<del>the</del>&lt;/b&gt; chart"
    assert row.right == "judge &lt;b&gt;<ins>every</ins>&lt;/b&gt; chart"


def test_long_unchanged_passages_are_one_row() -> None:
    lines = [str(number) for number in range(100)]
    rows = compare_lines("\n".join(lines), "\n".join([*lines[:50], "new", *lines[50:]]))
    kinds = [row.kind for row in rows]
    assert kinds == ["skip", *["same"] * 3, "add", *["same"] * 3, "skip"]
    assert rows[0].left == "47 unchanged lines"


TEXTS = st.lists(st.sampled_from(["", "a", "b c", "<i>", "d"]), max_size=12).map("\n".join)


@settings(max_examples=60)
@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_back_from_the_rows(left: str, right: str) -> None:
    rows = compare_lines(left, right)

    def numbered(side: str) -> list[tuple[int, str]]:
        return [
            (number, Markup(getattr(row, side)).striptags())
            for row in rows
            if (number := getattr(row, f"{side}_number")) is not None
        ]

    for side, text in (("left", left), ("right", right)):
        lines = text.splitlines()
        for number, shown in numbered(side):
            assert Markup.escape(lines[number - 1]).striptags() == shown
    changed = [row for row in rows if row.kind not in ("same", "skip")]
    assert bool(changed) == (left.splitlines() != right.splitlines())
    assert all(isinstance(row, Row) for row in rows)


def _request(cookie: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", f"{COOKIE}={cookie}".encode())]})


def test_a_message_is_carried_to_the_next_page() -> None:
    response = Response()
    flash(response, "Saved <version> 3.", "warn")
    cookie = response.headers["set-cookie"].partition(";")[0].partition("=")[2].strip('"')
    assert flashed(_request(cookie)) == Flash("warn", "Saved <version> 3.")


@pytest.mark.parametrize("cookie", ["", "x", "bnVsbA==", "eyJraW5kIjoieCIsInRleHQiOiJ5In0="])
def test_a_message_that_nobody_of_ours_wrote_is_not_shown(cookie: str) -> None:
    assert flashed(_request(cookie)) is None


def test_assets_are_kept_for_good_by_version_only(http: TestClient) -> None:
    address = static("glassbox.css")
    assert re.fullmatch(r"/static/glassbox\.css\?v=[0-9a-f]{12}", address)
    assert "immutable" in http.get(address).headers["cache-control"]
    assert http.get("/static/glassbox.css").headers["cache-control"] == "no-cache"


def test_every_component_renders_on_the_page_of_patterns(http: TestClient) -> None:
    html = http.get("/patterns").text
    for component in (FRONTEND / "templates" / "components").glob("*.html"):
        if component.stem not in ("chart", "csrf", "flash"):
            assert f"components/{component.stem}.html" in _source("patterns.html"), component.stem
    assert "APPL" in html


def _source(name: str) -> str:
    return (FRONTEND / "templates" / name).read_text()


def _classes(template: Path) -> set[str]:
    found = re.findall(r'class="([^"]*)"', template.read_text())
    plain = [re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " {} ", each) for each in found]
    # What ends with a dash is half a name, whose rest an expression gives.
    return {
        name for each in plain for name in each.split() if re.fullmatch(r"[\w:./\[\]-]*[^-]", name)
    }


def test_the_stylesheet_was_compiled_after_the_last_change_of_a_template() -> None:
    """Mend: frontend/styles/build."""
    compiled = (FRONTEND / "static" / "glassbox.css").read_text()
    names = set(re.findall(r"\.((?:\\.|[\w-])+)", compiled))
    known = {name.replace("\\", "") for name in names}
    missing = {
        f"{template.name}: {name}"
        for template in TEMPLATES
        for name in _classes(template)
        if name.replace("\\", "") not in known
    }
    assert not missing


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_an_inline_script_style_or_handler(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"<script(?![^>]*(\bsrc=|application/json))", text)
    assert not re.search(r"\sstyle=|<style", text)
    assert not re.search(r"\son[a-z]+=", text)
