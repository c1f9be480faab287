"""Figures: their size, their twins for a dark page and for a reader who wants no motion, and the files that they become."""

import base64
import io
import re
import xml.etree.ElementTree as ET

from PIL import Image

from press.cache import digest
from press.outputs import IMAGES

# Colours of press/matplotlibrc, and what becomes of them on a dark page: the two inks, and the three darkest of the cycle.
DARK = {"#1f2328": "#dfe2e8", "#d0d7de": "#4a505c", "#0072b2": "#4aa3e0", "#d55e00": "#ff8a3d", "#009e73": "#2fc797"}
DARK_PNG = "application/vnd.press.dark+png"  # beside image/png in an output: the same picture for a dark page
NUMBER = r"\+?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
UNITS = {"": 1, "px": 1, "pt": 4 / 3, "pc": 16, "in": 96, "cm": 96 / 2.54, "mm": 96 / 25.4}  # CSS pixels, https://www.w3.org/TR/css-values/#absolute-lengths


def svg_size(svg):
    """(width, height) of an SVG in CSS pixels, rounded; those of its viewBox where it has no size. Raises ValueError if it has neither."""
    try:
        root = ET.fromstring(svg)
    except ET.ParseError as error:
        raise ValueError(f"an SVG figure that is not XML: {error}") from None
    if root.tag != "{http://www.w3.org/2000/svg}svg":
        raise ValueError('an SVG figure without its name space, xmlns="http://www.w3.org/2000/svg"')
    sizes = [re.fullmatch(rf"\s*({NUMBER})\s*(\w*)\s*", root.get(side, "")) for side in ("width", "height")]
    if all(size and size[2] in UNITS and float(size[1]) for size in sizes):
        return tuple(round(float(size[1]) * UNITS[size[2]]) for size in sizes)
    box = re.fullmatch(rf"\s*[^\s,]+[\s,]+[^\s,]+[\s,]+({NUMBER})[\s,]+({NUMBER})\s*", root.get("viewBox", ""))
    if box and all(map(float, box.groups())):
        return tuple(round(float(side)) for side in box.groups())
    raise ValueError("an SVG figure without width and height, or a viewBox")


def content_name(data):
    """File name of a figure, after its content: the same picture has the same address for ever."""
    return digest(data)[:16]


def slim(svg):
    """A matplotlib SVG without its metadata block, which no reader sees."""
    return re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)


def dark_twin(svg):
    """The same figure for a dark page: inks exchanged, dark colours made lighter, all else kept."""
    for light, dark in DARK.items():
        svg = re.sub(light, dark, svg, flags=re.IGNORECASE)
    return svg


def still_twin(svg):
    """An animated SVG standing still, in the state that its elements have without their animation; None for one that does not
    move. For readers who prefer no motion, and for the button that stops it."""
    return svg.replace("</style>", "*{animation:none!important}</style>", 1) if "@keyframes" in svg else None


def figure_files(kind, data):
    """The files of a figure.

    Args:
        kind: its image type, a key of outputs.IMAGES.
        data: the representations of the output that holds it.
    Returns: ({"src", "dark", "still", "dark_still": address in the book, those that there are}, {address: content}, (width, height)).
    Raises: ValueError for a picture that cannot be read, or says no size.
    """
    if kind == "image/svg+xml":
        svg = slim(data[kind])
        still = still_twin(svg)
        twins = {"src": svg, "dark": dark_twin(svg), "still": still, "dark_still": still and dark_twin(still)}
        sources, size = {name: text.encode() for name, text in twins.items() if text}, svg_size(svg)
    else:
        sources = {"src": base64.b64decode(data[kind])} | ({"dark": base64.b64decode(data[DARK_PNG])} if DARK_PNG in data else {})
        try:
            size = Image.open(io.BytesIO(sources["src"])).size
        except OSError as error:
            raise ValueError(f"a picture that cannot be read: {error}") from None
    addresses = {name: f"assets/figures/{content_name(content)}.{IMAGES[kind]}" for name, content in sources.items()}
    return addresses, {addresses[name]: content for name, content in sources.items()}, size
