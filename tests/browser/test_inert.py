"""What models, tools and files say is inert: no script, no request, nothing over the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import nbformat
from playwright.sync_api import Page, Request, expect

from .lab import LOAD, Lab, script

OpenLab = Callable[..., Lab]
FOREIGN = "http://127.0.0.9:9"
ATTACKS = [
    "<script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 2'>",
    f"<img src='{FOREIGN}/pixel.png'>",
    f"![remote]({FOREIGN}/markdown.png)",
    f"<iframe src='{FOREIGN}/frame'></iframe>",
    f"<link rel=stylesheet href='{FOREIGN}/style.css'>",
    "<style>body { display: none !important }</style>",
    "<div style='position:fixed;inset:0;z-index:99999;background:red'>covered</div>",
    f"<div style='background:url({FOREIGN}/background.png)'>background</div>",
    "<div class='jp-Dialog lm-Widget'>dialog</div>",
    f"<form action='{FOREIGN}/post'><input name=password><button>Log in</button></form>",
    "<a href='javascript:window.owned = 3'>link</a>",
    "[markdown link](javascript:window.owned=4)",
    "<svg onload='window.owned = 5'><script>window.owned = 6</script></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror='window.owned = 7'>",
    f"<video src='{FOREIGN}/video.mp4' autoplay></video>",
    "<details open ontoggle='window.owned = 8'>x</details>",
    "<base href='http://127.0.0.9:9/'>",
]
ANSI = (
    "\\x1b[31mred\\x1b[0m \\x1b]8;;javascript:window.owned=9\\x1b\\\\link\\x1b]8;;\\x1b\\\\ <b>not bold</b>"
)
COVERS = """() => [...document.querySelectorAll('.lobu *')].filter(e => {
    const style = getComputedStyle(e);
    return style.position === 'fixed' || Number(style.zIndex) > 100 || style.backgroundImage.includes('http');
}).map(e => e.outerHTML)"""
ACTIVE = (
    ".lobu :is(script, iframe, object, embed, link, style, form:not(.lobu-composer), video, base, svg, "
    "[href^='javascript'], [src^='http'], [onerror], [onload], [ontoggle], .jp-Dialog)"
)


def watch(page: Page) -> list[str]:
    """The addresses outside of the server that the page asks for."""
    asked: list[str] = []

    def note(request: Request) -> None:
        if request.url.startswith(FOREIGN):
            asked.append(request.url)

    page.on("request", note)
    return asked


def assert_inert(lab: Lab, asked: list[str]) -> None:
    assert lab.page.locator(ACTIVE).count() == 0
    assert lab.page.evaluate("window.owned") is None
    assert lab.page.evaluate(COVERS) == []
    assert lab.page.evaluate("getComputedStyle(document.body).display") != "none"
    assert asked == []
    assert lab.errors == []


def test_what_a_model_says_in_markdown_is_inert(open_lab: OpenLab):
    lab = open_lab(LOAD, script(*(f"say {attack}" for attack in ATTACKS), f"think {ATTACKS[1]} {ATTACKS[2]}"))
    asked = watch(lab.page)

    lab.run_all()

    lab.stands("Done")
    expect(lab.view).to_contain_text("covered")
    lab.view.locator(".lobu-reasoning summary").click()
    assert_inert(lab, asked)


def test_what_a_tool_puts_out_is_inert(open_lab: OpenLab):
    html = "".join(ATTACKS)
    code = ["from IPython.display import HTML, SVG, Markdown, Javascript, display"]
    code += [f"display({kind}({json.dumps(html)}))" for kind in ("HTML", "Markdown")]
    code += [f"display({kind}({json.dumps(attack)}))" for kind in ("HTML", "Markdown") for attack in ATTACKS]
    code.append(f"display(SVG(data={json.dumps(svg())}))")
    code.append("display(Javascript('window.owned = 11'))")
    code.append(f'print("{ANSI}")')
    code.append(f"raise ValueError({json.dumps(html)})")
    lab = open_lab(
        LOAD,
        script(f"run {code[0]}", *(f"    {line}" for line in code[1:])),
    )
    asked = watch(lab.page)

    lab.run_all()
    expect(lab.question).to_be_visible()
    lab.question.press("a")

    lab.stands("Done")
    expect(lab.view).to_contain_text("covered")
    lab.view.locator(".lobu-card-head").click()
    for summary in lab.view.locator(".lobu-output-error summary").all():
        summary.click()
    expect(lab.view).to_contain_text("<b>not bold</b>")
    assert_inert(lab, asked)


def svg() -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="window.owned = 10">'
        f'<image href="{FOREIGN}/in-svg.png" width="9" height="9"/><script>window.owned = 10</script></svg>'
    )


def test_a_saved_copy_that_somebody_sends_is_inert(open_lab: OpenLab):
    lab = open_lab(LOAD, script("say from a colleague"))
    lab.run_all()
    lab.stands("Done")
    notebook = lab.save_ended()
    notebook.cells[1].outputs[0].data = forged(notebook.cells[1].outputs[0].data)
    nbformat.write(notebook, lab.server.root / "forged.ipynb")

    theirs = open_lab(name="forged.ipynb")
    asked = watch(theirs.page)
    expect(theirs.view).to_contain_text("covered")
    assert_inert(theirs, asked)


def forged(data: dict[str, Any]) -> dict[str, Any]:
    """The output with attacks in every text of its snapshot, of a thread that is not on this server."""
    mime = "application/vnd.lobu.thread+json"
    text = json.dumps(data[mime]).replace("from a colleague", json.dumps("\\n\\n".join(ATTACKS))[1:-1])
    output = json.loads(text)
    output["threadId"] = "thread_forged"
    return {mime: output, "text/plain": "forged"}
