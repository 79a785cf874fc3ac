"""server/page.html: strokes are sent as strokes, no wrong digit flickers, examples to try, two networks side by side."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Browser, Request, expect

from conftest import Server
from pages import SCRIBBLE, THREE, Visit

FOUR = [[(0.4, 0.2), (0.33, 0.55), (0.68, 0.55)], [(0.6, 0.35), (0.58, 0.85)]]
WATCH = """
() => {
  const digit = document.getElementById("digit");
  Object.assign(window, { shown: [], times: [] });
  new MutationObserver(() => shown.push(digit.textContent)).observe(digit, { childList: true });
  for (const name of ["pointerdown", "pointermove", "pointerup"]) addEventListener(name, () => times.push(performance.now()));
}
"""


SERVE = ()
"""The page is served as a user serves it, with the default network."""

pytestmark = pytest.mark.slow


def place(visit: Visit, *names: str) -> list[object]:
    return [visit.page.locator(f"#{name}").bounding_box() for name in names]


def test_a_drawing_is_sent_as_its_strokes(browser: Browser, server: Server) -> None:
    sent: list[Request] = []
    with Visit(browser, server.address) as visit:
        visit.page.on("request", lambda request: sent.append(request))
        for stroke in FOUR:
            visit.draw(stroke)
        visit.expect("4", "7", "11")
        assert {request.url.rpartition("/")[2] for request in sent} == {"strokes?saliency=false"}
        body = sent[-1].post_data or ""
        strokes = json.loads(body)["strokes"]
        assert len(strokes) == 2
        assert len(body) < 3000
        for stroke, corners in zip(strokes, FOUR, strict=True):
            for point, corner in ((stroke[0], corners[0]), (stroke[-1], corners[-1])):
                assert point[:2] == pytest.approx(corner, abs=0.01)
                assert point[2] == pytest.approx(1 / 13, abs=0.001)


def test_ink_beyond_the_sheet_is_not_sent(browser: Browser, server: Server) -> None:
    with Visit(browser, server.address) as visit:
        with visit.page.expect_request(re.compile("strokes")):
            visit.draw([(0.5, 0.2), (0.5, 0.8)])
        visit.expect("1", "7", "8")
        visit.draw([(0.5, 0.8), (1.6, 0.8)])
        visit.page.wait_for_function("() => views[0].answer?.inked === inked")
        lines = visit.page.evaluate("visible().strokes.flatMap(points => flatten(points, NEAR))")
        assert max(x for line in lines for x, _, _ in line) <= 1.04


def write(visit: Visit, strokes: list[list[tuple[float, float]]]) -> tuple[list[str], set[object]]:
    """Write slowly, and return the digits that are shown, and those of the answers meanwhile.

    On a busy machine the pen may rest too long. Then it is written once more.
    """
    page = visit.page
    for _ in range(8):
        page.keyboard.press("c")
        expect(page.locator("#digit")).to_have_text("?")
        page.evaluate("Object.assign(window, { shown: [], times: [] })")
        answers = set()
        for stroke in strokes:
            first, *others = visit.locate(stroke)
            page.mouse.move(*first)
            page.mouse.down()
            for point in others:
                page.mouse.move(*point, steps=4)
                page.wait_for_timeout(60)
                answers.add(page.evaluate("views[0].latest?.digit"))
            page.mouse.up()
        if page.evaluate("Math.max(...times.slice(1).map((time, k) => time - times[k]))") < 350:
            break
    page.wait_for_timeout(600)
    return page.evaluate("shown"), answers


@pytest.mark.slow
def test_while_the_pen_moves_no_other_digit_is_told(browser: Browser, server: Server) -> None:
    """The pen goes through shapes that look like other digits. The chart follows it; the words wait."""
    with Visit(browser, server.address) as visit:
        visit.page.evaluate(WATCH)
        for strokes, digit in (([THREE], "3"), (FOUR, "4")):
            shown, answers = write(visit, strokes)
            assert answers - {None, int(digit)}, "other digits could have been shown"
            assert shown == [digit]


def test_when_the_pen_rests_on_the_sheet_it_is_told(browser: Browser, server: Server) -> None:
    with Visit(browser, server.address) as visit:
        first, *others = visit.locate(THREE)
        visit.page.mouse.move(*first)
        visit.page.mouse.down()
        for point in others:
            visit.page.mouse.move(*point, steps=4)
        visit.expect("3", "7", "10")
        visit.page.mouse.up()


def test_examples_can_be_tried_with_the_keyboard(browser: Browser, server: Server) -> None:
    with Visit(browser, server.address) as visit:
        page, message = visit.page, visit.page.locator("#message")
        assert page.get_by_role("group", name="Examples to try").get_by_role("button").count() == 4
        for name, digit, total in (("Try a photo of a 6", "6", "13"), ("Try a photo of an 8", "8", "15")):
            page.get_by_role("button", name=name).focus()
            page.keyboard.press("Enter")
            visit.expect(digit, "7", total)
            expect(message).to_contain_text("sure")
        page.get_by_role("button", name="Try a four that may be a nine").focus()
        page.keyboard.press("Space")
        expect(message).to_contain_text("Not sure")
        page.get_by_role("button", name="Try a smiley").press("Enter")
        expect(message).to_have_text("This does not look like a digit.")
        expect(page.locator("#spoken")).to_have_text("This does not look like a digit.")
        page.keyboard.press("z")
        expect(message).to_contain_text("Not sure")
        page.keyboard.press("z")
        visit.expect("8", "7", "15")


def test_another_network_can_be_chosen(browser: Browser, server: Server) -> None:
    with Visit(browser, server.address) as visit:
        page = visit.page
        expect(page.locator("#network")).to_have_value("")
        expect(page.locator("#table caption")).to_contain_text("given")
        visit.draw(THREE)
        visit.expect("3", "7", "10")
        page.get_by_label("Network", exact=True).select_option("fast")
        expect(page.locator("#table caption")).to_contain_text("learned")
        expect(page.locator("#about")).to_contain_text("Network: fast, adder: table.")
        visit.expect("3", "7", "10")
        page.get_by_label("Network", exact=True).press("c")  # letters choose in the menu, and are no keys of the page
        visit.expect("3", "7", "10")


def test_two_networks_answer_one_drawing_side_by_side(browser: Browser, server: Server) -> None:
    parts = ("sheet", "addends", "flow", "other-flow", "other-equation", "network")
    with Visit(browser, server.address, viewport={"width": 1280, "height": 800}) as visit:
        page = visit.page
        expect(page.locator("#other-equation")).to_be_hidden()
        page.get_by_role("button", name="Two ways to add").click()
        expect(page.locator("#who")).to_have_text("fast: learned table")
        expect(page.locator("#other-who")).to_have_text(re.compile("concat: no table"))
        expect(page.locator("#other-how")).to_contain_text("cannot be read as a table")
        expect(page.locator("#message")).to_contain_text("sure")  # of the example, since the sheet was empty
        expect(page.locator("#other-message")).to_contain_text("sure")
        before = place(visit, *parts)
        page.keyboard.press("c")
        visit.draw(THREE)
        visit.expect("3", "7", "10")
        expect(page.locator("#other-sum")).to_have_text("10")
        expect(page.locator("#spoken")).to_contain_text("fast: 3 + 7 = 10")
        expect(page.locator("#spoken")).to_contain_text("concat: 3 + 7 = 10")
        visit.draw(SCRIBBLE)
        page.wait_for_function("() => views[0].answer.inked === inked")
        assert place(visit, *parts) == before, "nothing moves"
        page.get_by_label("beside").select_option("nothing")
        expect(page.locator("#other-equation")).to_be_hidden()
        expect(page.locator("#how-title")).to_have_text("How it adds")
