"""The figure in a picture: found on its ground, cut out, and put into an image as a dataset's own were made."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from stages.images.catalog import Centre

Grey = npt.NDArray[np.float64]  # (height, width)
Mask = npt.NDArray[np.bool_]  # (height, width)

SIDE = 128  # a larger picture is looked at in this many pixels
FAINTEST = 12.0  # grey levels of 0…255 by which a figure differs from its ground at least
SMALLEST = 0.04  # of the picture's longer side; what is smaller is dirt
FLAT = 0.6  # of the border; if so much of it is of one grey, the ground is
SPECK = 0.03  # of the ink of the largest part; so are parts with less
EDGE = 0.12  # of the figure's contrast; where its box ends
HAZE = 0.04  # of the figure's contrast; what is less is ground
BLUR = (0.35, 0.85)  # of the figure's contrast; the soft edge of a stroke in a picture larger than the image
THINNEST = 0.08  # of the longer side: a thin stroke of MNIST


def place(picture: Image.Image, size: tuple[int, int], fit: int, centre: Centre) -> npt.NDArray[np.uint8] | None:
    """Return the figure of a picture, light on black, scaled to `fit` and centred; None if the picture is blank.

    MNIST's digits were fitted into 20 × 20 pixels with their aspect ratio kept and soft edges, then centred by mass in
    28 × 28 (Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document recognition, 1998).

    Args:
        picture: Grey, mode L, of any size, light on dark or dark on light.
        size: Height and width of the image.
        fit: Pixels of the figure's longer side in it.
        centre: mass: what pens draw, centred by its ink, very thin strokes thickened; box: centred by its bounding box.

    Returns:
        uint8, `size`, 0…255.
    """
    figure = _find(_shrink(picture))
    if figure is None:
        return None
    if centre == "mass":
        figure = _thicken(_sharpen(_saturate(figure), fit), fit)
    figure = _scale(figure, fit)
    figure = _saturate(figure) if centre == "mass" else figure / figure.max()
    if centre == "mass":
        y, x = _middle_of_mass(figure)
        middle = (y - 0.5, x - 0.5)  # on average in MNIST it lies in the middle of pixel 14 of 0…27
    else:
        middle = (figure.shape[0] / 2, figure.shape[1] / 2)
    image = np.zeros(size, np.uint8)
    top, left = (
        int(np.clip(np.floor(whole / 2 - own + 0.5), 0, whole - part))
        for whole, part, own in zip(size, figure.shape, middle, strict=True)
    )
    image[top : top + figure.shape[0], left : left + figure.shape[1]] = np.rint(255 * figure)
    return image


def _shrink(picture: Image.Image) -> Grey:
    """Return a picture with a longer side of at most SIDE pixels."""
    width, height = picture.size
    if max(width, height) > SIDE:
        factor = SIDE / max(width, height)
        small = (max(1, round(width * factor)), max(1, round(height * factor)))
        picture = picture.resize(small, Image.Resampling.BOX)
    return np.asarray(picture, dtype=np.float64)


def _find(pixels: Grey) -> Grey | None:
    """Return the figure cut out at its box, 0…1 on a ground of 0, or None if there is none."""
    difference = pixels - _ground(pixels)
    noise = min(1.4826 * float(np.median(np.abs(difference))), _noise(pixels))
    floor = max(4 * noise, FAINTEST)
    light, dark = (np.clip(sign * difference, 0, None) for sign in (1, -1))
    ink = max(light, dark, key=lambda side: float(side[side > floor].sum()))
    if not (ink > floor).any():
        return None
    core = ink > max(_otsu(ink[ink > floor]), floor)
    contrast = float(np.percentile(ink[core], 90)) if core.any() else floor
    soft = ink > max(3 * noise, EDGE * contrast)
    kept = _without_specks(soft, core, ink)
    rows, columns = (np.flatnonzero(kept.any(axis=axis)) for axis in (1, 0))
    if rows.size == 0 or max(np.ptp(rows), np.ptp(columns)) + 1 < max(2, SMALLEST * max(pixels.shape)):
        return None
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return np.where((soft & ~kept) | (ink < max(3 * noise, HAZE * contrast)), 0, ink / ink[kept].max())[box]


def _noise(pixels: Grey) -> float:
    """Return the standard deviation of a picture's noise, from how far pixels lie off the line of their neighbours."""
    bends = np.abs(np.diff(pixels[:, ::2], n=2, axis=1))  # every other: shrinking makes neighbours alike
    return 1.4826 * float(np.median(bends)) / np.sqrt(6).item() if bends.size else 0.0


def _ground(pixels: Grey) -> Grey:
    """Return the ground under a figure: the second-degree surface that most of the border, then most pixels lie on."""
    step = -(-max(pixels.shape) // 48)  # so many samples are enough for six factors
    all_terms = _terms(*pixels.shape)
    samples, terms = pixels[::step, ::step], all_terms[::step, ::step]
    border = np.ones(samples.shape, bool)
    depth = max(1, min(samples.shape) // 16)
    border[depth:-depth, depth:-depth] = False
    factors = np.zeros(terms.shape[-1])
    factors[0] = np.median(samples[border])
    tolerance = max(3 * _noise(pixels), 6)
    if np.mean(np.abs(samples[border] - factors[0]) <= tolerance) > FLAT:
        return np.full(pixels.shape, factors[0])
    for tried, count in ((border, 3), (border, 4), (np.ones_like(border), 6)):
        for _ in range(4):
            distance = np.abs(samples - terms @ factors)
            near = tried & (distance <= max(3 * 1.4826 * float(np.median(distance[border])), 6))
            if near.sum() < 3 * count:
                break
            factors[:count], *_ = np.linalg.lstsq(terms[near][:, :count], samples[near], rcond=None)
    return np.asarray(all_terms @ factors)


def _terms(height: int, width: int) -> npt.NDArray[np.float64]:
    """Return what a surface of the second degree adds up at each pixel: (height, width, 6), -1…1."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1)


def _otsu(values: npt.NDArray[np.float64]) -> float:
    """Return the value that parts others into two groups most unlike each other.

    N. Otsu: A threshold selection method from gray-level histograms, IEEE Transactions SMC 9, 1979.
    """
    counts, edges = np.histogram(values, bins=64)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1]
    above = values.size - below
    sums = np.cumsum(counts * centres)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    return float(edges[1 + np.argmax(np.nan_to_num(between))])


def _without_specks(soft: Mask, core: Mask, ink: Grey) -> Mask:
    """Return the connected parts of `soft` that hold some core and are no specks: in pixels, and beside the largest."""
    parts = _parts(soft)
    weights = np.bincount(parts.ravel(), weights=(ink * soft).ravel(), minlength=soft.size + 1)
    weights[0] = 0
    weights[np.bincount(parts.ravel(), minlength=soft.size + 1) < SMALLEST * max(soft.shape)] = 0
    weights[np.bincount(parts.ravel(), weights=core.ravel(), minlength=soft.size + 1) == 0] = 0
    if not weights.any():
        return np.zeros_like(soft)
    kept: Mask = weights >= max(SPECK * weights.max(), 1e-9)
    return np.asarray(kept[parts])


def _parts(mask: Mask) -> npt.NDArray[np.int64]:
    """Return a number for each connected part of a mask, diagonals included, and 0 elsewhere."""
    numbers = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        padded = np.pad(numbers, 1)
        height, width = mask.shape
        around = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
        spread = np.where(mask, np.max(around, axis=0), 0)
        spread = np.concatenate([[0], spread.ravel()])[spread]  # each takes its best neighbour's number as well
        if np.array_equal(spread, numbers):
            return numbers
        numbers = spread


def _saturate(figure: Grey) -> Grey:
    """Return a figure whose strokes are full inside, as those of MNIST."""
    full = np.percentile(figure[figure > figure.max() / 2], 90)
    return np.asarray(np.clip(figure / full, 0, 1))


def _sharpen(figure: Grey, fit: int) -> Grey:
    """Return a figure with the edges of its strokes made steep, if it is large enough for them to be soft again."""
    if max(figure.shape) < 2 * fit:
        return figure
    low, high = BLUR
    return np.clip((figure - low) / (high - low), 0, 1)


def _thicken(figure: Grey, fit: int) -> Grey:
    """Return a figure whose strokes are at least about THINNEST of its longer side wide."""
    longer = max(figure.shape)
    missing = THINNEST - _stroke(figure) / longer
    if missing <= 0:
        return figure
    figure = _scale(figure, max(longer, 4 * fit))
    around = round(missing * max(figure.shape) / 2)
    picture = Image.fromarray(np.rint(255 * np.pad(figure, around)).astype(np.uint8))
    for _ in range(around):
        picture = picture.filter(ImageFilter.MaxFilter(3))
    return np.asarray(picture, dtype=np.float64) / 255


def _stroke(figure: Grey) -> float:
    """Return how wide the strokes of a figure are on average, in pixels: twice its area by its outline."""
    padded = np.pad(figure, 1)
    down, right = np.diff(padded, axis=0)[:, 1:], np.diff(padded, axis=1)[1:]
    return float(2 * figure.sum() / np.hypot(down, right).sum())


def _scale(figure: Grey, longer: int) -> Grey:
    """Return a figure scaled to a longer side of this many pixels, its aspect ratio kept."""
    height, width = (max(1, round(side * longer / max(figure.shape))) for side in figure.shape)
    picture = Image.fromarray(figure.astype(np.float32))
    scaled = picture.resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(scaled, dtype=np.float64), 0, 1)


def _middle_of_mass(figure: Grey) -> tuple[float, float]:
    """Return the row and the column of the centre of mass, from the upper left corner, in pixels."""
    rows, columns = (np.arange(side) + 0.5 for side in figure.shape)
    return float(rows @ figure.sum(axis=1) / figure.sum()), float(columns @ figure.sum(axis=0) / figure.sum())
