"""Foreground of a picture: separated from its background, cut out, and placed in an image as the dataset's own were.

Most limits are fractions of the picture's size or contrast, so that neither matters much.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from stages.images.catalog import Centre

Grey = npt.NDArray[np.float64]  # (height, width)
Mask = npt.NDArray[np.bool_]  # (height, width)

MAX_SIDE = 128  # pixels; a larger picture is reduced before the search
MIN_CONTRAST = 12.0  # grey levels of 0…255 between foreground and background
MIN_SIZE = 0.04  # fraction of the picture's longer side; anything smaller is dirt
FLAT_BORDER = 0.6  # fraction of the border with one grey level that makes the background flat
MIN_COMPONENT_INK = 0.03  # fraction of the largest component's ink; a component with less is a speck
EDGE = 0.12  # fraction of the contrast at which the bounding box ends
HAZE = 0.04  # fraction of the contrast; anything below is background
SOFT_EDGE = (0.35, 0.85)  # fractions of the contrast: the blurred edge of a stroke in a picture larger than the image
MIN_STROKE_WIDTH = 0.08  # fraction of the longer side: a thin stroke of MNIST


def place(picture: Image.Image, size: tuple[int, int], fit: int, centre: Centre) -> npt.NDArray[np.uint8] | None:
    """Cut out the foreground of a picture, scale it and place it on black.

    MNIST's digits were fitted into 20 × 20 pixels with soft edges, aspect ratio kept, and then centred by mass in
    28 × 28.

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition", 1998.

    Args:
        picture: Grey picture, mode L, of any size, light on dark or dark on light.
        size: Height and width of the image, in pixels.
        fit: Longer side of the foreground in the image, in pixels.
        centre: "mass" centres pen strokes by their ink and thickens very thin ones. "box" centres the bounding box.

    Returns:
        uint8, `size`, 0…255, light on black; or None if the picture is blank.
    """
    foreground = _extract(_reduce(picture))
    if foreground is None:
        return None
    if centre == "mass":
        foreground = _thicken(_sharpen(_saturate(foreground), fit), fit)
    foreground = _scale(foreground, fit)
    foreground = _saturate(foreground) if centre == "mass" else foreground / foreground.max()
    if centre == "mass":
        y, x = _centre_of_mass(foreground)
        middle = (y - 0.5, x - 0.5)  # on average in MNIST, it is the middle of pixel 14 of 0…27
    else:
        middle = (foreground.shape[0] / 2, foreground.shape[1] / 2)
    image = np.zeros(size, np.uint8)
    top, left = (
        int(np.clip(np.floor(image_side / 2 - own_middle + 0.5), 0, image_side - side))
        for image_side, side, own_middle in zip(size, foreground.shape, middle, strict=True)
    )
    image[top : top + foreground.shape[0], left : left + foreground.shape[1]] = np.rint(255 * foreground)
    return image


def _reduce(picture: Image.Image) -> Grey:
    """Return the pixels of a picture, reduced to a longer side of at most MAX_SIDE."""
    width, height = picture.size
    if max(width, height) > MAX_SIDE:
        factor = MAX_SIDE / max(width, height)
        reduced = (max(1, round(width * factor)), max(1, round(height * factor)))
        picture = picture.resize(reduced, Image.Resampling.BOX)
    return np.asarray(picture, dtype=np.float64)


def _extract(pixels: Grey) -> Grey | None:
    """Return the foreground within its bounding box, 0…1 on a background of 0, or None if there is none."""
    difference = pixels - _background(pixels)
    noise = min(1.4826 * float(np.median(np.abs(difference))), _noise(pixels))
    threshold = max(4 * noise, MIN_CONTRAST)
    light, dark = (np.clip(sign * difference, 0, None) for sign in (1, -1))
    ink = max(light, dark, key=lambda side: float(side[side > threshold].sum()))
    if not (ink > threshold).any():
        return None
    core = ink > max(_otsu_threshold(ink[ink > threshold]), threshold)
    contrast = float(np.percentile(ink[core], 90)) if core.any() else threshold
    soft = ink > max(3 * noise, EDGE * contrast)
    kept = _without_specks(soft, core, ink)
    rows, columns = (np.flatnonzero(kept.any(axis=axis)) for axis in (1, 0))
    if rows.size == 0 or max(np.ptp(rows), np.ptp(columns)) + 1 < max(2, MIN_SIZE * max(pixels.shape)):
        return None
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return np.where((soft & ~kept) | (ink < max(3 * noise, HAZE * contrast)), 0, ink / ink[kept].max())[box]


def _noise(pixels: Grey) -> float:
    """Return the standard deviation of a picture's noise, estimated from second differences along the rows."""
    bends = np.abs(np.diff(pixels[:, ::2], n=2, axis=1))  # every other pixel: reducing correlates neighbours
    return 1.4826 * float(np.median(bends)) / np.sqrt(6).item() if bends.size else 0.0


def _background(pixels: Grey) -> Grey:
    """Return the grey levels of the background, fitted to the border first and then to most pixels.

    The background is flat, or a quadratic surface where the light is uneven.
    """
    step = -(-max(pixels.shape) // 48)  # 48 samples per side are enough for six coefficients
    all_terms = _quadratic_terms(*pixels.shape)
    samples, terms = pixels[::step, ::step], all_terms[::step, ::step]
    border = np.ones(samples.shape, bool)
    depth = max(1, min(samples.shape) // 16)
    border[depth:-depth, depth:-depth] = False
    coefficients = np.zeros(terms.shape[-1])
    coefficients[0] = np.median(samples[border])
    tolerance = max(3 * _noise(pixels), 6)
    if np.mean(np.abs(samples[border] - coefficients[0]) <= tolerance) > FLAT_BORDER:
        return np.full(pixels.shape, coefficients[0])
    for region, count in ((border, 3), (border, 4), (np.ones_like(border), 6)):
        for _ in range(4):
            residuals = np.abs(samples - terms @ coefficients)
            inliers = region & (residuals <= max(3 * 1.4826 * float(np.median(residuals[border])), 6))
            if inliers.sum() < 3 * count:
                break
            coefficients[:count], *_ = np.linalg.lstsq(terms[inliers][:, :count], samples[inliers], rcond=None)
    return np.asarray(all_terms @ coefficients)


def _quadratic_terms(height: int, width: int) -> npt.NDArray[np.float64]:
    """Return the terms of a quadratic surface at each pixel, (height, width, 6), -1…1."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1)


def _otsu_threshold(values: npt.NDArray[np.float64]) -> float:
    """Return the threshold that maximizes the variance between the values below and above it.

    Source: N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions SMC 9, 1979.
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
    """Return the connected components of `soft`, without those that miss `core`, are small, or have little ink."""
    components = _connected_components(soft)
    weights = np.bincount(components.ravel(), weights=(ink * soft).ravel(), minlength=soft.size + 1)
    weights[0] = 0
    weights[np.bincount(components.ravel(), minlength=soft.size + 1) < MIN_SIZE * max(soft.shape)] = 0
    weights[np.bincount(components.ravel(), weights=core.ravel(), minlength=soft.size + 1) == 0] = 0
    if not weights.any():
        return np.zeros_like(soft)
    kept: Mask = weights >= max(MIN_COMPONENT_INK * weights.max(), 1e-9)
    return np.asarray(kept[components])


def _connected_components(mask: Mask) -> npt.NDArray[np.int64]:
    """Return a number for each connected component of a mask, diagonals included, and 0 elsewhere."""
    numbers = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        padded = np.pad(numbers, 1)
        height, width = mask.shape
        neighbours = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
        spread = np.where(mask, np.max(neighbours, axis=0), 0)
        spread = np.concatenate([[0], spread.ravel()])[spread]  # jump to the number of the pixel it points at
        if np.array_equal(spread, numbers):
            return numbers
        numbers = spread


def _saturate(foreground: Grey) -> Grey:
    """Return a foreground whose strokes are fully bright inside, as those of MNIST."""
    full = np.percentile(foreground[foreground > foreground.max() / 2], 90)
    return np.asarray(np.clip(foreground / full, 0, 1))


def _sharpen(foreground: Grey, fit: int) -> Grey:
    """Return a foreground with steep edges, unless it is so small that scaling would not soften them again."""
    if max(foreground.shape) < 2 * fit:
        return foreground
    low, high = SOFT_EDGE
    return np.clip((foreground - low) / (high - low), 0, 1)


def _thicken(foreground: Grey, fit: int) -> Grey:
    """Return a foreground whose strokes are at least about MIN_STROKE_WIDTH of its longer side wide."""
    longer = max(foreground.shape)
    missing = MIN_STROKE_WIDTH - _stroke_width(foreground) / longer
    if missing <= 0:
        return foreground
    foreground = _scale(foreground, max(longer, 4 * fit))
    radius = round(missing * max(foreground.shape) / 2)
    picture = Image.fromarray(np.rint(255 * np.pad(foreground, radius)).astype(np.uint8))
    for _ in range(radius):
        picture = picture.filter(ImageFilter.MaxFilter(3))
    return np.asarray(picture, dtype=np.float64) / 255


def _stroke_width(foreground: Grey) -> float:
    """Return the mean width of the strokes in pixels: twice the area divided by the perimeter."""
    padded = np.pad(foreground, 1)
    down, right = np.diff(padded, axis=0)[:, 1:], np.diff(padded, axis=1)[1:]
    return float(2 * foreground.sum() / np.hypot(down, right).sum())


def _scale(foreground: Grey, longer: int) -> Grey:
    """Return a foreground scaled to a longer side of this many pixels, aspect ratio kept."""
    height, width = (max(1, round(side * longer / max(foreground.shape))) for side in foreground.shape)
    picture = Image.fromarray(foreground.astype(np.float32))
    scaled = picture.resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(scaled, dtype=np.float64), 0, 1)


def _centre_of_mass(foreground: Grey) -> tuple[float, float]:
    """Return the row and column of the centre of mass, measured in pixels from the upper left corner."""
    rows, columns = (np.arange(side) + 0.5 for side in foreground.shape)
    return (
        float(rows @ foreground.sum(axis=1) / foreground.sum()),
        float(columns @ foreground.sum(axis=0) / foreground.sum()),
    )
