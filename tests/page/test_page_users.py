"""Signing in and out, the end of a session under an open page, and pages that everybody can use."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import pytest
from live_plant import LivePlant
from plant_serving import TOKENS
from playwright.sync_api import Browser, BrowserContext, Page, expect

from gridmuster.console.sessions import LIFETIME_S, Session
from gridmuster.console.tokens import Role

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
PAGES = ["now", "map", "fleet", "plan", "act", "alarms", "history", "data", "audit"]


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 800})
    made.set_default_timeout(20_000)
    yield made
    made.close()


def enter(context: BrowserContext, plant: LivePlant, role: Role) -> Page:
    """A page signed in with a role's token, typed by hand."""
    page = context.new_page()
    page.goto(plant.url)
    page.get_by_label("Token").fill(TOKENS[role])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("navigation", name="Pages").wait_for()
    return page


def sessions(plant: LivePlant) -> list[Session]:
    found: list[Session] = plant.call(plant.app.state.sessions.all)
    return found


def end_all(plant: LivePlant) -> None:
    plant.call(plant.app.state.sessions.end_where, lambda session: True)


def test_a_token_signs_in_and_lies_nowhere_a_script_can_read(
    context: BrowserContext, plant: LivePlant
) -> None:
    page = enter(context, plant, Role.VIEWER)
    expect(page.get_by_role("button", name="viewer (viewer)")).to_be_visible()
    kept = page.evaluate(
        "document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)"
        " + location.href"
    )
    assert TOKENS[Role.VIEWER] not in kept
    assert "gridmuster_session" not in kept
    (cookie,) = context.cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    page.reload()
    expect(page.get_by_role("button", name="viewer (viewer)")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    assert context.cookies() == []


def test_a_wrong_token_is_told_and_another_may_be_tried(
    context: BrowserContext, plant: LivePlant
) -> None:
    page = context.new_page()
    page.goto(f"{plant.url}/#token=gm-wrong")
    page.get_by_label("Token").fill("gm-wrong-too")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("does not know this token")
    assert "token" not in page.url
    page.get_by_label("Token").fill(TOKENS[Role.VIEWER])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("navigation", name="Pages").wait_for()


def link(plant: LivePlant, role: Role) -> str:
    """The page's address with a code that signs in once."""
    with plant.client(role) as client:
        return f"{plant.url}/#token={client.post('/api/v1/session/code').json()['code']}"


def paste(page: Page, address: str) -> None:
    """Change what stands behind the page's address, as a link pasted into its tab does."""
    page.evaluate("address => { location.href = address; }", address)


def test_a_link_pasted_into_the_open_page_signs_in(
    context: BrowserContext, plant: LivePlant
) -> None:
    page = context.new_page()
    asked: list[int] = []
    page.on("response", lambda answer: asked.append(answer.status))
    page.goto(plant.url)
    page.get_by_label("Token").wait_for()
    assert 401 not in asked, "asking who is there is no failed attempt"
    once = link(plant, Role.VIEWER)
    paste(page, once)
    expect(page.get_by_role("button", name="viewer (viewer)")).to_be_visible()
    assert "token" not in page.url
    paste(page, link(plant, Role.OPERATOR))
    expect(page.get_by_role("button", name="operator (operator)")).to_be_visible()
    paste(page, once)
    dialog = page.get_by_role("dialog", name="Sign in again")
    expect(dialog.get_by_role("alert")).to_contain_text("it was used, or is too old")
    assert "token" not in page.url
    expect(
        page.get_by_role("button", name="operator (operator)", include_hidden=True)
    ).to_have_count(1)


def test_a_link_that_was_used_says_why_it_does_not_sign_in(
    context: BrowserContext, plant: LivePlant
) -> None:
    once = link(plant, Role.VIEWER)
    page = context.new_page()
    page.goto(once)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Token").wait_for()
    again = context.new_page()
    again.goto(once)
    expect(again.get_by_role("alert")).to_contain_text("it was used, or is too old")
    assert "token" not in again.url


def test_a_sign_in_elsewhere_that_failed_says_why(
    context: BrowserContext, plant: LivePlant
) -> None:
    page = context.new_page()
    page.goto(f"{plant.url}/#fault=kim%20has%20no%20role%20here%20%3Cimg%20src%3Dx%3E")
    expect(page.get_by_role("alert")).to_have_text("kim has no role here <img src=x>")
    assert page.locator("img").count() == 0
    assert "fault" not in page.url


def test_a_viewer_can_do_nothing(context: BrowserContext, plant: LivePlant) -> None:
    page = enter(context, plant, Role.VIEWER)
    page.goto(f"{plant.url}/#/act")
    expect(page.locator("main h1").first).to_be_attached()
    # What a command would do may be looked at; giving it may not.
    expect(page.locator("main")).to_contain_text("only an operator or admin can give it")
    expect(page.locator("main button.danger:enabled")).to_have_count(0)
    got = page.evaluate(
        """async () => {
            const told = await (await fetch('/api/v1/session')).json();
            const answer = await fetch('/api/v1/emergency-stop', {
                method: 'POST',
                headers: {'Content-Type': 'application/json', 'Idempotency-Key': 'x',
                          'X-CSRF-Token': told.csrf},
                body: JSON.stringify({scope: 'fleet', target: 'any'}),
            });
            return answer.status;
        }"""
    )
    assert got == 403


def test_a_session_that_ends_is_begun_again_in_place(
    context: BrowserContext, plant: LivePlant
) -> None:
    page = enter(context, plant, Role.OPERATOR)
    page.goto(f"{plant.url}/#/alarms")
    expect(page.locator("nav [aria-current=page]")).to_contain_text("Alarms")
    page.evaluate("window.kept = 'the same page'")
    end_all(plant)
    dialog = page.get_by_role("dialog", name="The session is over")
    expect(dialog).to_be_visible(timeout=40_000)
    expect(page.get_by_text("Not live: the session is over")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Token").fill("gm-wrong")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_role("alert")).to_contain_text("does not know this token")
    dialog.get_by_label("Token").fill(TOKENS[Role.OPERATOR])
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    assert page.evaluate("window.kept") == "the same page"
    expect(page.locator("nav [aria-current=page]")).to_contain_text("Alarms")
    before = page.locator("header time").inner_text()
    plant.advance(1)
    expect(page.locator("header time")).not_to_have_text(before)


def test_the_end_is_told_before_it_comes(context: BrowserContext, plant: LivePlant) -> None:
    end_all(plant)
    page = enter(context, plant, Role.OPERATOR)
    expect(page.get_by_text("This session ends in")).to_have_count(0)
    (own,) = sessions(plant)

    def nearly_over() -> None:
        own.begun_s -= LIFETIME_S - 200.0

    plant.call(nearly_over)
    page.goto(f"{plant.url}/#/alarms")
    page.reload()
    expect(page.get_by_text("This session ends in 3 min")).to_be_visible()
    page.get_by_role("button", name="Sign in again").click()
    dialog = page.get_by_role("dialog", name="Sign in again")
    dialog.get_by_label("Token").fill(TOKENS[Role.ADMIN])
    dialog.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="admin (admin)")).to_be_visible()
    expect(page.get_by_text("This session ends in")).to_have_count(0)
    assert [session.caller.name for session in sessions(plant)] == ["admin"]


def test_an_admin_signs_everybody_out(browser: Browser, plant: LivePlant) -> None:
    end_all(plant)
    first, second = browser.new_context(), browser.new_context()
    operator, admin = enter(first, plant, Role.OPERATOR), enter(second, plant, Role.ADMIN)
    admin.get_by_role("button", name="admin (admin)").click()
    dialog = admin.get_by_role("dialog")
    expect(dialog.get_by_role("row")).to_have_count(3)
    dialog.get_by_role("button", name="Sign everybody out everywhere").click()
    dialog.get_by_role("button", name="Sign everybody out now").click()
    for page in (admin, operator):
        over = page.get_by_role("dialog", name="The session is over")
        expect(over).to_be_visible(timeout=40_000)
    assert sessions(plant) == []
    first.close()
    second.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds, one line each."""
    # Into an isolated world would do too; the page's policy lets no script tag in.
    page.evaluate(AXE)
    found: list[str] = page.evaluate(
        """async () => (await axe.run(document, {
            runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
            resultTypes: ['violations'],
        })).violations.flatMap((one) => one.nodes.map(
            (node) => `${one.id} ${node.target.join(' ')}: ${node.failureSummary}`))"""
    )
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_passes_axe(browser: Browser, plant: LivePlant, name: str, theme: str) -> None:
    made = browser.new_context(
        viewport={"width": 1280, "height": 800}, color_scheme="dark" if theme == "dark" else "light"
    )
    made.set_default_timeout(20_000)
    page = enter(made, plant, Role.OPERATOR)
    page.goto(f"{plant.url}/#/{name}")
    expect(page.locator("main h1").first).to_be_attached()
    expect(page.locator("header time")).to_be_visible()
    assert violations(page) == []
    made.close()


def test_dialogs_and_the_way_in_pass_axe(context: BrowserContext, plant: LivePlant) -> None:
    page = context.new_page()
    page.goto(plant.url)
    page.get_by_label("Token").wait_for()
    assert violations(page) == []
    page.get_by_label("Token").fill(TOKENS[Role.ADMIN])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="admin (admin)").click()
    page.get_by_role("dialog").get_by_role("row").nth(1).wait_for()
    assert violations(page) == []
    end_all(plant)
    page.get_by_role("dialog", name="The session is over").wait_for(timeout=40_000)
    assert violations(page) == []
