"""server/page.html in a real browser: Debian's chromium, driven by Playwright, against ``seesum serve``."""

from __future__ import annotations

import base64
import io
import re
import socket
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, expect

import seesum
from conftest import Server, start_server
from pages import FOUR_OR_NINE, SCRIBBLE, THREE, Visit

EXAMPLES = Path(__file__).parents[2] / "examples"


SERVE = ()
"""The page is served as a user serves it, with the default network."""


def test_a_handwritten_three_and_seven_are_ten(browser: Browser, server: Server) -> None:
    with Visit(browser, server.address) as visit:
        page = visit.page
        visit.expect("?", "7", "?")
        visit.draw(THREE)
        visit.choose(7)
        visit.expect("3", "7", "10")
        expect(page.locator("#message")).to_contain_text("sure")
        expect(page.locator("#spoken")).to_contain_text("3 + 7 = 10")
        assert "Sum 10: " in (page.locator("#flow").get_attribute("aria-label") or "")
        assert page.locator("#flow rect").count() == 29
        expect(page.locator("#table td.on")).to_have_text("10")
        lit = page.evaluate("document.getElementById('image').getContext('2d').getImageData(0,0,28,28).data.some(v => v)")
        assert lit


def test_keys(browser: Browser, server: Server) -> None:
    with Visit(browser, server.address) as visit:
        visit.draw(THREE)
        visit.page.keyboard.press("4")
        visit.expect("3", "4", "7")
        visit.page.keyboard.press("s")
        assert visit.page.get_by_role("button", name="What mattered?").get_attribute("aria-pressed") == "true"
        mattered = "() => document.getElementById('mattered').getContext('2d').getImageData(0,0,28,28).data.some(v => v)"
        visit.page.wait_for_function(mattered)
        visit.page.keyboard.press("c")
        visit.expect("?", "4", "?")
        visit.page.keyboard.press("Control+z")
        visit.expect("3", "4", "7")
        visit.page.keyboard.press("z")
        visit.expect("?", "4", "?")
        assert visit.page.get_by_role("button", name="Undo").is_disabled()
        visit.page.locator("#add-4").focus()
        visit.page.keyboard.press("ArrowRight")
        visit.expect("?", "5", "?")


def test_pictures_are_taken_from_a_file_a_drop_and_the_clipboard(browser: Browser, server: Server) -> None:
    hand_over = """([kind, data]) => {
        const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0)), transfer = new DataTransfer();
        transfer.items.add(new File([bytes], "a.png", { type: "image/png" }));
        const event = kind === "drop" ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
          : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true });
        document.body.dispatchEvent(event);
    }"""
    with Visit(browser, server.address) as visit:
        visit.page.locator("#file").set_input_files(EXAMPLES / "nine.jpg")
        visit.expect("9", "7", "16")
        for kind, name, digit, total in (("drop", "seven.png", "7", "14"), ("paste", "three.png", "3", "10")):
            data = base64.b64encode((EXAMPLES / name).read_bytes()).decode()
            visit.page.evaluate(hand_over, [kind, data])
            visit.expect(digit, "7", total)
        visit.page.locator("#file").set_input_files(FilePayload(name="a.png", mimeType="image/png", buffer=b"no picture"))
        expect(visit.page.locator("#message")).to_contain_text("browser cannot open this file")


def test_a_finger_on_a_narrow_dark_phone(browser: Browser, server: Server) -> None:
    phone: dict[str, Any] = {
        "viewport": {"width": 360, "height": 740},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    }
    with Visit(browser, server.address, color_scheme="dark", reduced_motion="reduce", **phone) as visit:
        page = visit.page
        session, sheet = page.context.new_cdp_session(page), page.locator("#sheet").bounding_box()
        for k, (x, y) in enumerate(visit.locate(THREE)):
            kind = "touchMove" if k else "touchStart"
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        visit.expect("3", "7", "10")
        assert page.locator("#sheet").bounding_box() == sheet, "the sheet stays where it is under the hand"
        expect(page.locator("#spoken")).to_contain_text("3 + 7 = 10")  # said when the hand rests
        for _ in range(5):  # on a busy machine the two halves of a tap may be so far apart that they count as a long press
            page.locator("label[for=add-2]").tap()
            if page.locator("#add-2").is_checked():
                break
        visit.expect("3", "2", "5")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.evaluate("scrollY") == 0, "a finger on the sheet draws and does not scroll"
        shade = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert sum(int(part) for part in shade[4:-1].split(",")) < 150
        small = page.evaluate(
            "[...document.querySelectorAll('button, .addends label, .file')].filter(e => e.offsetParent)"
            ".map(e => e.getBoundingClientRect()).filter(b => b.width < 44 || b.height < 44).length"
        )
        assert small == 0, "every target is as large as a finger"


def test_doubt_is_shown(browser: Browser, server: Server) -> None:
    with Visit(browser, server.address) as visit:
        visit.draw(FOUR_OR_NINE)
        expect(visit.page.locator("#message .unsure")).to_have_text("Not sure")
        expect(visit.page.locator("#message")).to_contain_text("could be")
        expect(visit.page.locator("#digit")).to_have_class(re.compile("doubtful"))


def test_a_scribble_is_called_none_and_two_digits_two(browser: Browser, server: Server) -> None:
    with Visit(browser, server.address) as visit:
        expect(visit.page.locator("#saliency")).to_be_disabled()
        visit.draw(SCRIBBLE)
        expect(visit.page.locator("#message")).to_have_text("This does not look like a digit.")
        expect(visit.page.locator("#equation")).to_have_class(re.compile("lost"))
        visit.page.keyboard.press("c")
        visit.draw([(0.2 + 0.45 * x, y) for x, y in THREE])
        visit.draw([(0.85, 0.2), (0.84, 0.8)])
        expect(visit.page.locator("#message")).to_contain_text("I see two digits; draw one.")
        expect(visit.page.locator("#equation")).not_to_have_class(re.compile("lost"))


def test_a_digit_that_fills_the_sheet_is_read(browser: Browser, server: Server) -> None:
    with Visit(browser, server.address) as visit:
        left, top = (min(values) for values in zip(*THREE, strict=True))
        wide, high = (max(values) - low for values, low in zip(zip(*THREE, strict=True), (left, top), strict=True))
        visit.draw([(0.04 + 0.92 * (x - left) / wide, 0.04 + 0.92 * (y - top) / high) for x, y in THREE])
        visit.expect("3", "7", "10")


@pytest.mark.slow
def test_redo_brings_back_what_undo_took(browser: Browser, server: Server) -> None:
    with Visit(browser, server.address) as visit:
        visit.draw(THREE)
        visit.expect("3", "7", "10")
        visit.page.keyboard.press("z")
        expect(visit.page.locator("#redo")).to_be_enabled()
        expect(visit.page.locator("#digit")).to_have_text("?")
        visit.page.keyboard.press("y")
        visit.expect("3", "7", "10")
        visit.page.keyboard.press("z")
        visit.draw(SCRIBBLE)
        expect(visit.page.locator("#redo")).to_be_disabled()


def test_a_picture_of_no_digit_is_told_to_be_none(browser: Browser, server: Server) -> None:
    down, right = np.mgrid[:200, :300]
    spot = 225 - 60 * np.exp(-(((right - 150) / 85) ** 2) - ((down - 100) / 64) ** 2)
    file = io.BytesIO()
    Image.fromarray((spot + np.random.default_rng(0).normal(0, 3, spot.shape)).astype(np.uint8)).save(file, "PNG")
    with Visit(browser, server.address) as visit:
        picture = FilePayload(name="a.png", mimeType="image/png", buffer=file.getvalue())
        visit.page.locator("#file").set_input_files(picture)
        expect(visit.page.locator("#message")).to_contain_text("This does not look like a digit")


@pytest.mark.slow
def test_a_server_that_is_gone_is_told_and_tried_again(browser: Browser, server: Server) -> None:
    visit = Visit(browser, server.address)
    visit.page.context.set_offline(True)
    visit.draw(THREE)
    expect(visit.page.locator("#message")).to_have_text("The server does not answer. Is it still running?")
    visit.expect("?", "7", "?")
    visit.page.context.set_offline(False)
    visit.expect("3", "7", "10")
    visit.page.context.close()


def test_text_can_be_read(browser: Browser, server: Server) -> None:
    """Contrast of at least 4.5 to 1 (WCAG 2.2 AA) for each colour of text on each ground that it stands on, light and dark."""
    pairs = [(ink, ground) for ink in ("text", "quiet", "digit", "addend", "sum", "alarm") for ground in ("paper", "card")]
    pairs += [("sum", "sum-wash"), ("text", "addend-wash"), ("text", "digit-wash")]
    pairs += [("card", "addend"), ("card", "digit"), ("card", "sum")]
    for scheme in ("light", "dark"):
        with Visit(browser, server.address, color_scheme=scheme) as visit:
            style = "name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()"
            for ink, ground in pairs:
                dark, bright = sorted(measure_light(visit.page.evaluate(style, name)) for name in (ink, ground))
                assert (bright + 0.05) / (dark + 0.05) >= 4.5, (scheme, ink, ground)


def measure_light(colour: str) -> float:
    """Relative luminance of ``#rrggbb``, as WCAG 2.2 defines it."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def start_on(port: int, run: str) -> AbstractContextManager[Server]:
    """A server on a port that is known, as after a restart."""
    return start_server(code=f"import seesum; seesum.serve({run!r}, port={port}, ready=lambda url: print(url, flush=True))")


def find_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.mark.slow
def test_back_at_the_page_it_shows_the_network_that_the_server_has_now(browser: Browser) -> None:
    port = find_port()
    with start_on(port, "fast") as first, Visit(browser, first.address) as visit:
        visit.draw(THREE)
        visit.expect("3", "7", "10")
        expect(visit.page.locator("#table caption")).to_contain_text("learned")
        first.stop()
        with start_on(port, "hand"):
            visit.page.evaluate("dispatchEvent(new Event('focus'))")  # without a new drawing
            expect(visit.page.locator("#about")).to_contain_text("hand")
            expect(visit.page.locator("#table caption")).to_contain_text("given")
            visit.expect("3", "7", "10")
            visit.complaints.clear()  # the browser may note that the server was away


@pytest.mark.slow
def test_the_first_answer_after_a_restart_may_have_other_sums(browser: Browser, small_data: Path, tmp_path: Path) -> None:
    run = seesum.train("fast", operation="multiply", data=small_data, out=tmp_path / "run", plot=False, quiet=True)
    port = find_port()
    with start_on(port, "fast") as first, Visit(browser, first.address) as visit:
        visit.draw(THREE)
        visit.expect("3", "7", "10")
        first.stop()
        with start_on(port, str(run.directory)):
            visit.page.keyboard.press("5")
            expect(visit.page.locator("#equation i").first).to_have_text("×")
            expect(visit.page.locator("#addend")).to_have_text("5")
            expect(visit.page.locator("#sum")).to_have_text(re.compile(r"\d+"))
            assert visit.page.evaluate(
                "(({network, answer}) => [network.values.length, answer.sum_probabilities.length, answer.addend])(views[0])"
            ) == [82, 82, 5]
            visit.complaints.clear()  # as above
            visit.page.close()  # before the server ends, which the page would complain of
