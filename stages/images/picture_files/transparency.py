"""Transparent pictures, laid on the background on which their drawing is seen."""

from typing import Literal

from PIL import Image, ImageChops

Background = Literal["white", "black"]

MIN_OPACITY = 8  # of 0…255; nothing below it is seen, such as an opacity of 1 that was meant as 0…1
OPAQUE = 0.5  # fraction of the greatest opacity from which a pixel shows the drawing
MIN_CONTRAST = 48  # levels of 0…255 between a pixel and the background on which it is seen
MIN_SEEN = 0.2  # fraction of the drawing to be seen on white; with less, it is laid on black if more is seen there
FEW_TRANSPARENT = 0.1  # fraction of transparent pixels below which a picture is a page or a photograph
MIN_SEEN_OF_PAGE = 0.02  # fraction of such a picture, for instance the writing on a page, to be seen on white


def flatten(picture: Image.Image, mode: str) -> tuple[Image.Image, Background] | None:
    """Return a picture on white, or on black if its drawing is hardly seen on white.

    The rule looks at the picture alone, so that preprocess and predict choose alike.

    Args:
        picture: Picture, mode RGBA.
        mode: "L" if the picture is seen in grey, "RGB" if in colour.

    Returns:
        Picture, mode RGB, and its background; or None if it is wholly transparent, or nearly.
    """
    alpha = picture.getchannel("A")
    levels = [level for level, count in enumerate(alpha.histogram()) if count]
    if levels[-1] < MIN_OPACITY:
        return None
    if levels == [255]:
        return picture.convert("RGB"), "white"
    opaque = alpha.point([255 if level > OPAQUE * levels[-1] else 0 for level in range(256)])
    background = _background(picture.convert("RGB"), opaque, mode)
    return Image.alpha_composite(Image.new("RGBA", picture.size, background), picture).convert("RGB"), background


def _background(colours: Image.Image, opaque: Image.Image, mode: str) -> Background:
    """Return the background for a drawing, the opaque pixels of a picture."""
    if mode == "L":
        lowest = highest = colours.convert("L")
    else:
        red, green, blue = colours.split()
        lowest = ImageChops.darker(ImageChops.darker(red, green), blue)
        highest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    dark, light = lowest.histogram(opaque), highest.histogram(opaque)
    count = sum(dark)
    seen_on_white, seen_on_black = sum(dark[: 256 - MIN_CONTRAST]), sum(light[MIN_CONTRAST:])
    is_page = count > (1 - FEW_TRANSPARENT) * colours.width * colours.height
    least = MIN_SEEN_OF_PAGE if is_page else MIN_SEEN
    return "black" if seen_on_white < least * count and seen_on_black > seen_on_white else "white"
