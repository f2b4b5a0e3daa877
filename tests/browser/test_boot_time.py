"""JupyterLab is hardly slower to boot with the bundle than without it."""

from __future__ import annotations

import json
import re

from playwright.sync_api import BrowserContext, Route

from tests.servers import RealServer, best_of

ROUNDS = 3
GENEROUS_MS = 300  # the aim is 100; other work on the machine counts too
NOTE_WHEN_IT_IS_UP = """
    const look = setInterval(() => {
        if (window.jupyterapp) {
            clearInterval(look);
            jupyterapp.restored.then(() => (window.upAt = performance.now()));
        }
    }, 5);
"""
CONFIG = re.compile(r'(<script id="jupyter-config-data"[^>]*>)(.*?)(</script>)', re.S)


def boot_ms(context: BrowserContext, server: RealServer, *, bundle: bool) -> float:
    page = context.new_page()
    page.add_init_script(NOTE_WHEN_IT_IS_UP)
    if not bundle:
        page.route("**/lab*", without_bundle)
    page.goto(f"{server.url}lab?token={server.token}&reset")
    page.wait_for_function("window.upAt")
    up = float(page.evaluate("window.upAt"))
    there = page.evaluate("jupyterapp.hasPlugin('lobu-jupyter:output')")
    page.close()
    assert there is bundle
    return up


def without_bundle(route: Route) -> None:
    """The page as it were, had the bundle not been installed."""
    reply = route.fetch()

    def strip(found: re.Match[str]) -> str:
        config = json.loads(found[2])
        others = [one for one in config["federated_extensions"] if one["name"] != "lobu-jupyter"]
        return found[1] + json.dumps({**config, "federated_extensions": others}) + found[3]

    route.fulfill(response=reply, body=CONFIG.sub(strip, reply.text()))


def test_lab_boots_in_hardly_more_time_with_the_bundle(context: BrowserContext, server: RealServer):
    for bundle in (True, False):
        boot_ms(context, server, bundle=bundle)  # fills the browser's cache

    def added() -> float:
        rounds = [
            [boot_ms(context, server, bundle=bundle) for bundle in (True, False)] for _ in range(ROUNDS)
        ]
        with_it, without = (min(times) for times in zip(*rounds, strict=True))
        print(f"with {with_it:.0f} ms, without {without:.0f} ms")
        return with_it - without

    assert best_of(3, added, GENEROUS_MS) < GENEROUS_MS
