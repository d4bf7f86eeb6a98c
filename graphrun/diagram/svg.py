"""Graphviz's SVG made into ours: tooltips as `<title>`, colours by class with a dark scheme, no comments."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from graphrun.diagram.palette import DARK, LIGHT
from graphrun.diagram.text import FONT

__all__ = ["finished_svg"]

SVG = "{http://www.w3.org/2000/svg}"
LINK_TITLE = "{http://www.w3.org/1999/xlink}title"
LINK = "{http://www.w3.org/1999/xlink}href"
FONTS = f"{FONT}, Verdana, sans-serif"


def finished_svg(data: bytes) -> bytes:
    """`data`, an SVG by Graphviz, with what the module's first line says."""
    root = Xml.fromstring(data)
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
    for group in root.iter("g"):
        _unwrap(group)
    for element in root.iter():
        _colour(element)
    name = root.findtext("g/title") or "graph"
    root.attrib = {"xmlns": SVG[1:-1], "role": "img", "aria-label": name, **root.attrib}
    style = Xml.Element("style")
    style.text = _style()
    style.tail = "\n"
    root.insert(0, style)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode").encode() + b"\n"


def _unwrap(group: Xml.Element) -> None:
    """Takes the links that lead nowhere out of a node or an edge, and makes their tooltip its title."""
    if group.get("class") not in ("node", "edge", "graph", "cluster"):
        return
    tip = ""
    for wrapper in [g for g in group if g.tag == "g" and (g.get("id") or "").startswith("a_")]:
        at = list(group).index(wrapper)
        group.remove(wrapper)
        for link in wrapper:
            tip = tip or (link.get(LINK_TITLE) or "").strip()
            where = link.get(LINK)
            if where:
                link.attrib = {"href": where}
                group.insert(at, link)
                at += 1
                continue
            for child in list(link):
                group.insert(at, child)
                at += 1
    title = group.find("title")
    if title is None or group.get("class") == "graph":
        return
    if tip:
        title.text = tip
    else:
        group.remove(title)


def _colour(element: Xml.Element) -> None:
    names = {colour: role for role, colour in LIGHT.items()}
    classes = [element.get("class")] if element.get("class") else []
    for attribute, prefix in (("fill", "f"), ("stroke", "s")):
        role = names.get(element.get(attribute, ""))
        if role is not None:
            classes.append(f"{prefix}-{role}")
    if classes:
        element.set("class", " ".join(filter(None, classes)))
    if element.get("font-family") is not None:
        element.set("font-family", FONTS)


def _style() -> str:
    rules = "".join(f".f-{role}{{fill:{colour}}}.s-{role}{{stroke:{colour}}}" for role, colour in DARK.items())
    return f"@media (prefers-color-scheme:dark){{{rules}}}"
