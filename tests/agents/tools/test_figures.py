"""SVG and PDF figures reach a model as pixels, where the extra is installed; hostile ones cost nothing but themselves."""

from __future__ import annotations

import base64
import io
import time
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.agents.tools import figures, rasterise
from lobu_jupyter.agents.tools.outputs import Outputs
from lobu_jupyter.agents.tools.pixels import size_of
from lobu_jupyter.agents.tools.seen import MAX_IMAGES

pytestmark = pytest.mark.processes

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
RED = f'{HEAD} width="40" height="20"><rect width="40" height="20" fill="red"/></svg>'
SVG, PDF = "image/svg+xml", "application/pdf"


async def _nothing(event: Any) -> None: ...


async def shown(*bundles: dict[str, Any]) -> Outputs:
    outputs = Outputs(_nothing, "call_1")
    for data in bundles:
        await outputs.take({"output_type": "display_data", "data": data, "metadata": {}})
    await outputs.finish()
    return outputs


def colours(png: bytes) -> set[tuple[int, ...]]:
    image = pytest.importorskip("PIL.Image").open(io.BytesIO(png)).convert("RGB")
    return {colour for _, colour in image.getcolors(1_000_000)}


async def test_an_svg_is_seen_as_pixels() -> None:
    pytest.importorskip("resvg_py")

    outputs = await shown({SVG: RED, "text/plain": "<Figure size 640x480>"})

    ((mime, png),) = outputs.images
    assert (mime, size_of(png)) == ("image/png", (1200, 600))
    assert colours(png) == {(255, 0, 0)}
    assert outputs.text.startswith("[a figure, image/svg+xml, is on the call's card]")


async def test_a_pdf_is_seen_by_its_first_page() -> None:
    pytest.importorskip("pypdfium2")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, saved = pyplot.figure(figsize=(2, 1), facecolor="blue"), io.BytesIO()
    figure.savefig(saved, format="pdf", facecolor="blue")
    pyplot.close(figure)

    outputs = await shown({PDF: base64.b64encode(saved.getvalue()).decode()})

    ((mime, png),) = outputs.images
    assert (mime, size_of(png)) == ("image/png", (288, 144))
    assert (0, 0, 255) in colours(png)


async def test_a_picture_of_pixels_needs_no_drawing_and_the_last_figures_are_drawn() -> None:
    pytest.importorskip("resvg_py")
    pixels = base64.b64encode(b"\x89PNG").decode()

    outputs = await shown({SVG: RED, "image/png": pixels}, *[{SVG: RED}] * (MAX_IMAGES + 2))

    assert len(outputs.images) == MAX_IMAGES
    assert outputs.text.count("image/svg+xml, that you cannot see") == 2
    assert outputs.text.count("is on the call's card") == MAX_IMAGES
    assert (await shown({SVG: RED, "image/png": pixels})).images == [("image/png", b"\x89PNG")]


async def test_without_the_libraries_a_figure_is_named_as_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "find_spec", lambda name: None)

    outputs = await shown({SVG: RED})

    assert outputs.images == []
    assert outputs.text == "[a figure, image/svg+xml, that you cannot see]"


def bomb() -> str:
    levels = "".join(f'<g id="g{n}">' + f'<use xlink:href="#g{n - 1}"/>' * 10 + "</g>" for n in range(1, 12))
    return f'{HEAD} width="10" height="10"><defs><rect id="g0" width="1" height="1"/>{levels}</defs><use xlink:href="#g11"/></svg>'


HOSTILE = {
    "entities": '<!DOCTYPE svg [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;&a;">]>' + RED,
    "a bomb of uses": bomb(),
    "no svg": "hello",
    "nothing": "",
    "a cut svg": RED[:60],
    "a huge one": f"{HEAD}><path d='M0 0" + "L1 1" * 1_000_000 + "'/></svg>",
    "no size": f"{HEAD} viewBox='0 0 0 0'/>",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_svg_is_not_drawn_and_ends_in_time(name: str) -> None:
    pytest.importorskip("resvg_py")
    began = time.monotonic()

    outputs = await shown({SVG: HOSTILE[name]})

    assert time.monotonic() - began < 3 * rasterise.SECONDS
    assert all(len(png) <= figures.MAX_PNG for _, png in outputs.images)
    assert "figure, image/svg+xml" in outputs.text
    if name in ("entities", "no svg", "nothing", "a cut svg", "a huge one"):
        assert outputs.images == []


@pytest.mark.parametrize(
    "size", ['width="1e9" height="1e9"', 'width="1" height="1e9"', 'viewBox="0 0 1e9 1"']
)
async def test_a_huge_size_is_drawn_small_or_not_at_all(size: str) -> None:
    pytest.importorskip("resvg_py")

    outputs = await shown({SVG: f'{HEAD} {size}><rect width="9" height="9"/></svg>'})

    for _, png in outputs.images:
        assert max(size_of(png) or (10**9,)) <= rasterise.SIDE


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("name", ["href", "xlink:href", "a:href", "HREF "])
async def test_no_other_document_is_read(name: str, quote: str, tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (10, 10), (0, 255, 0)).save(tmp_path / "secret.png")
    references = [
        f"{tmp_path}/secret.png",
        f"file://{tmp_path}/secret.png",
        f"&#47;{str(tmp_path)[1:]}/secret.png",
    ]
    inner = base64.b64encode(
        f'{HEAD} width="10" height="10"><image xlink:href="{tmp_path}/secret.png" width="10" height="10"/></svg>'.encode()
    ).decode()

    for reference in [*references, f"data:image/svg+xml;base64,{inner}", f" {tmp_path}/secret.png"]:
        source = (
            f'{HEAD} xmlns:a="http://www.w3.org/1999/xlink" width="10" height="10">'
            f"<image {name}={quote}{reference}{quote} width='10' height='10'/></svg>"
        )
        for _, png in (await shown({SVG: source})).images:
            assert colours(png) == {(255, 255, 255)}


async def test_a_picture_within_the_svg_is_kept() -> None:
    pytest.importorskip("resvg_py")
    image, saved = pytest.importorskip("PIL.Image"), io.BytesIO()
    image.new("RGB", (10, 10), (0, 255, 0)).save(saved, "PNG")
    data = base64.b64encode(saved.getvalue()).decode()
    source = f'{HEAD} width="10" height="10"><image href="data:image/png;base64,{data}" width="10" height="10"/></svg>'

    ((_, png),) = (await shown({SVG: source})).images

    assert (0, 255, 0) in colours(png)


@pytest.mark.parametrize("data", ["", "AAAA", base64.b64encode(b"%PDF-1.4 broken").decode(), "no base64 é"])
async def test_a_broken_pdf_is_named_as_not_seen(data: str) -> None:
    pytest.importorskip("pypdfium2")

    outputs = await shown({PDF: data})

    assert outputs.images == []
    assert "application/pdf, that you cannot see" in outputs.text
