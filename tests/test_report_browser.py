"""The page in a real browser: no text of a model acts, and people can use it.

Needs Chromium from the distribution's packages (apt.txt). Without it these tests are skipped, but
fail under CI, which installs it.
"""

import json
import os
import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from simulated import Model, lineages
from test_report_page import exhibits_of, page

from fingerprint.comparison import examine
from fingerprint.exhibits.gather import gather
from fingerprint.landmarks import shipped

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PAYLOADS = (
    "<script>window.hit='script'</script>",
    "</script><script>window.hit='closed'</script>",
    "<img src=x onerror=\"window.hit='image'\">",
    "<svg onload=window.hit='svg'><iframe src=javascript:parent.hit=1>",
    "\" autofocus onfocus=\"window.hit='focus'",
    "{{ 7*7 }} {% raw %} ${window.hit='template'} `window.hit`",
    "<a href=\"javascript:window.hit='link'\">press</a> <b onclick=window.hit=1>x</b>",
    "http://leak.example/?q=1 <link rel=stylesheet href=//leak.example/a.css>",
    "<meta http-equiv=refresh content='0;url=http://leak.example/'>",
    "\u202eevil\u202c \u2066a\u2069 \x00\x1b[31m\x07 \u2028 \ufeff",
    "<style>@import url(//leak.example/b.css); body{display:none}</style>",
    "A" * 300_000,
    ']]> <!-- <textarea> <noscript><p title="</noscript><img src=x onerror=hit=1>">',
)
MODELS = ("suspect", "teacher", "ash", "beech", "box", "yew")
N_PROMPTS = 26


def chromium():
    given = os.environ.get("FINGERPRINT_CHROMIUM")
    found = given or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        said = "no Chromium found: apt-get install chromium, or set FINGERPRINT_CHROMIUM"
        pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)
    return found


@pytest.fixture(scope="module")
def browser():
    path = chromium()
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield found
        found.close()


@dataclass
class Seen:
    """What happened while a page was open."""

    requests: list = field(default_factory=list)
    messages: list = field(default_factory=list)


@pytest.fixture
def visit(browser):
    """Open a file; every request but for the file itself is noted and refused."""
    contexts = []

    def go(path, **options):
        context = browser.new_context(**{"viewport": {"width": 1100, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(20_000)
        seen = Seen()
        own = path.as_uri()

        def route(route):
            if route.request.url.split("#")[0] == own:
                route.continue_()
            else:
                seen.requests.append(route.request.url)
                route.abort()

        context.route("**/*", route)
        opened = context.new_page()
        opened.on("console", lambda message: seen.messages.append(message.text))
        opened.on("pageerror", lambda error: seen.messages.append(str(error)))
        opened.on("dialog", lambda dialog: (seen.messages.append("dialog"), dialog.dismiss()))
        opened.goto(own)
        return opened, seen

    yield go
    for context in contexts:
        context.close()


def put(folder, text):
    path = folder / "report.html"
    path.write_bytes(text.encode("utf-8"))
    return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A report on outputs that try everything, through the whole pipeline."""
    folder = tmp_path_factory.mktemp("hostile")
    drawn = lineages(5, MODELS)
    files = {}
    for name in MODELS:
        model = Model(name, drawn[name])
        lines = []
        for i in range(N_PROMPTS):
            payload = PAYLOADS[i % len(PAYLOADS)]
            row = {
                "prompt_id": f"{i:02d} {payload[:60]}",
                "prompt": f"{i} {payload[:500]}",
                "response": f"{model.answer(str(i))}\n{payload}\n- {payload[:200]}",
                "model": f"{name} {PAYLOADS[0]}",
                "domain": f"{'even' if i % 2 == 0 else 'odd'} {PAYLOADS[2]}",
                "lineage": f"{name} {PAYLOADS[1]}",
                "vendor": f"{name} {PAYLOADS[4]}",
            }
            lines.append(json.dumps(row))
        files[name] = folder / f"{name}.jsonl"
        files[name].write_text("\n".join(lines) + "\n", "utf-8")
    case = examine(files["suspect"], files["teacher"], background=[files[n] for n in MODELS[2:]])
    exhibits = gather(case)
    assert len(exhibits.prompts) == N_PROMPTS
    return put(folder, page(case.verdict, exhibits, shipped())), exhibits


@pytest.fixture(scope="module")
def plain(case, tmp_path_factory):
    return put(tmp_path_factory.mktemp("plain"), page(case.verdict, gather(case), shipped()))


def test_nothing_of_a_model_runs_and_no_request_leaves(hostile, visit):
    path, _ = hostile
    opened, seen = visit(path)
    opened.locator("#ev-list tbody button").first.click()
    titles = set()
    for _ in range(N_PROMPTS):
        titles.add(opened.locator("#ev-title").text_content())
        for button in opened.locator("#ev-units tbody button").all()[:2]:
            button.click()
        if opened.locator("#ev-next").is_enabled():
            opened.locator("#ev-next").click()
    assert len(titles) == N_PROMPTS
    assert opened.evaluate("window.hit") is None
    assert seen.requests == []
    assert seen.messages == []  # no error, no violation of the policy, no dialog
    assert opened.evaluate("document.scripts.length") == 4
    assert opened.locator("img, iframe, object, embed, link, form").count() == 0
    assert opened.locator("#ev-detail [onclick], #ev-detail a").count() == 0


def test_the_policy_stops_what_is_put_in_by_force(hostile, visit):
    """The tests above could pass with a policy that does nothing; this one could not."""
    path, _ = hostile
    opened, seen = visit(path)
    tried = opened.evaluate(
        """() => {
          const tried = [];
          try { document.body.innerHTML += "<img src=x onerror='window.hit=1'>"; }
          catch (error) { tried.push(error.name); }
          const script = document.createElement("script");
          try { script.textContent = "window.hit = 2"; document.body.append(script); }
          catch (error) { tried.push(error.name); }
          const image = document.createElement("img");
          image.src = "http://leak.example/a.png";
          document.body.append(image);
          return tried;
        }"""
    )
    opened.wait_for_timeout(100)
    assert tried == ["TypeError", "TypeError"]
    assert opened.evaluate("window.hit") is None
    assert seen.requests == []
    assert any("leak.example" in message for message in seen.messages)


def test_the_text_shown_is_the_response(hostile, visit):
    path, exhibits = hostile
    opened, _ = visit(path)
    opened.locator("#ev-list thead button").first.click()
    for _ in PAYLOADS:
        shown = opened.evaluate(
            """() => [...document.querySelectorAll("#ev-sides .text")].map((node) => {
              const copy = node.cloneNode(true);
              for (const ctl of copy.querySelectorAll(".ctl"))
                ctl.replaceWith(String.fromCharCode(
                  ...ctl.textContent.split(" ").map((code) => parseInt(code.slice(2), 16))));
              return copy.textContent;
            })"""
        )
        title = opened.locator("#ev-title").text_content()
        (found,) = [e for e in exhibits.prompts if title.startswith(e.prompt_id[:2])]
        assert shown[0] == found.suspect.text
        assert shown[1] == found.teacher.text
        assert len(shown) == 3
        if opened.locator("#ev-next").is_enabled():
            opened.locator("#ev-next").click()


def test_unseen_characters_are_shown_by_their_code(hostile, visit):
    opened, _ = visit(hostile[0])
    opened.locator("#ev-query").fill("09 ")
    opened.locator("#ev-list tbody button").first.click()
    shown = set(" ".join(opened.locator("#ev-sides .ctl").all_text_contents()).split())
    assert {"U+202E", "U+2066", "U+0000", "U+001B", "U+2028"} <= shown


def column(opened, number):
    return opened.locator(f"#ev-list tbody td:nth-child({number})").all_text_contents()


def test_sorting(plain, visit):
    opened, _ = visit(plain)
    for number, name in ((3, "Weight"), (4, "Agreement"), (5, "By chance"), (6, "Above chance")):
        head = opened.locator("#ev-list").get_by_role("columnheader", name=name)
        head.get_by_role("button").click()
        down = [float(text) for text in column(opened, number)]
        if head.get_attribute("aria-sort") == "ascending":  # it was sorted by this already
            head.get_by_role("button").click()
            down = [float(text) for text in column(opened, number)]
        assert head.get_attribute("aria-sort") == "descending"
        assert down == sorted(down, reverse=True)
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == "ascending"
        up = [float(text) for text in column(opened, number)]
        assert up == sorted(up)
        assert up[-1] <= down[0]
    opened.locator("#ev-list thead button").first.click()
    assert column(opened, 1)[0].startswith("suite-000")


def test_filtering_and_pages(plain, visit):
    opened, _ = visit(plain)
    status = opened.locator("#ev-status")
    assert status.text_content() == "Prompts 1 to 10 of 60"
    opened.locator("#ev-domain").select_option(label="advice")
    assert status.text_content() == "Prompts 1 to 10 of 30 (60 in all)"
    assert set(column(opened, 2)) == {"advice"}
    opened.locator("#ev-on").click()
    assert status.text_content() == "Prompts 11 to 20 of 30 (60 in all)"
    opened.locator("#ev-query").fill("suite-004")
    assert status.text_content() == "Prompts 1 to 1 of 1 (60 in all)"
    opened.locator("#ev-query").fill("nowhere")
    assert status.text_content() == "No prompt fits"
    assert column(opened, 1) == []


def test_the_keyboard_is_enough(plain, visit):
    opened, _ = visit(plain)
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.textContent") == "Skip to the report"
    opened.keyboard.press("Enter")
    assert opened.evaluate("location.hash") == "#main"
    opened.locator("#ev-domain").focus()
    opened.keyboard.press("a")
    assert "30 (60 in all)" in opened.locator("#ev-status").text_content()
    opened.locator("#ev-list thead button").first.focus()
    for _ in range(opened.locator("#ev-list thead button").count()):
        opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.closest('tbody') !== null")
    named = opened.evaluate("document.activeElement.textContent.split(':')[0]")
    opened.keyboard.press("Enter")
    assert opened.locator("#ev-title").text_content() == named
    assert opened.evaluate("document.activeElement.id") == "ev-detail"
    opened.locator("#ev-next").focus()
    opened.keyboard.press("Space")
    assert opened.locator("#ev-title").text_content() != named
    unit = opened.locator("#ev-units tbody button").first
    unit.focus()
    opened.keyboard.press("Enter")
    assert unit.get_attribute("aria-pressed") == "true"
    assert opened.locator("mark.on").count() >= 2


VIEWS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
}


@pytest.mark.parametrize("view", VIEWS)
def test_no_barrier_that_axe_finds(plain, visit, view):
    opened, seen = visit(plain, bypass_csp=True, **VIEWS[view])  # axe is a script too
    opened.locator("summary").first.click()
    opened.locator("#ev-units tbody button").first.click()
    found = Axe().run(opened).response
    assert len(found["passes"]) > 20
    bad = [(v["id"], v["impact"], v["nodes"][0]["target"]) for v in found["violations"]]
    assert bad == []
    assert seen.requests == []


@pytest.mark.parametrize("width", [320, 390, 768])
def test_the_page_fits_its_width(plain, hostile, visit, width):
    for path in (plain, hostile[0]):
        opened, _ = visit(path, viewport={"width": width, "height": 800})
        assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_everything_but_the_explorer_is_there(plain, visit):
    opened, seen = visit(plain, java_script_enabled=False)
    assert opened.locator("#explorer").is_hidden()
    assert opened.locator("noscript").count() == 1
    assert "appears closer" in opened.locator(".answer").text_content()
    assert opened.locator(".chart").count() > 10
    assert seen.requests == []


def test_on_paper_controls_are_gone_and_nothing_is_cut(plain, visit):
    opened, _ = visit(plain)
    opened.emulate_media(media="print")
    for name in ("nav", ".controls", "#ev-list", "#ev-next"):
        assert opened.locator(name).first.is_hidden()
    cut = opened.evaluate(
        "[...document.querySelectorAll('.text, .wide')].filter("
        "(n) => n.offsetParent && getComputedStyle(n).overflowY !== 'visible').length"
    )
    assert cut == 0


def test_ten_thousand_prompts_open_smoothly(tmp_path, visit):
    """Bounds far above what was measured (docs/report.md): a slow machine is no failure."""
    text = "A sentence of no meaning stands here. " * 8
    exhibits = exhibits_of(*[f"{i} {text}" for i in range(10_000)])
    listed = tuple(replace(e, domain=f"d{i % 7}") for i, e in enumerate(exhibits.prompts))
    path = put(tmp_path, page(exhibits=replace(exhibits, prompts=listed)))
    assert path.stat().st_size > 10_000_000
    start = time.perf_counter()
    opened, seen = visit(path)
    opened.locator("#ev-status").get_by_text("Prompts 1 to 10 of 10,000").wait_for()
    loaded = time.perf_counter() - start
    times = opened.evaluate(
        """() => {
          const timed = (act) => { const t = performance.now(); act();
            document.body.offsetHeight; return performance.now() - t; };
          const click = (id) => () => document.getElementById(id).click();
          const query = document.getElementById("ev-query");
          return {
            sort: timed(() => document.querySelector("[data-key=weight]").click()),
            page: timed(click("ev-on")),
            open: timed(click("ev-next")),
            search: timed(() => {
              query.value = "p9998";
              query.dispatchEvent(new Event("input"));
            }),
          };
        }"""
    )
    assert opened.locator("#ev-list tbody tr").count() == 1
    assert loaded < 15
    assert all(taken < 1_500 for taken in times.values()), times
    assert seen.messages == []
    assert opened.evaluate("document.getElementsByTagName('*').length") < 2_000


def test_a_missing_browser_fails_only_where_it_was_meant_to_be(monkeypatch):
    monkeypatch.delenv("FINGERPRINT_CHROMIUM", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception):
        chromium()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception):
        chromium()


def test_the_package_list_names_the_browser():
    listed = (Path(__file__).parent.parent / "apt.txt").read_text().split("\n")
    assert "chromium" in listed
