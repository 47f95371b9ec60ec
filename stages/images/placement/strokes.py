"""Strokes of a pen, given the sharpness and the width that those of MNIST have."""

import numpy as np
from PIL import Image, ImageFilter

from stages.images.placement.background import Grey

SOFT_EDGE = (0.35, 0.85)  # fractions of the contrast: the blurred edge of a stroke in a picture larger than the image
UNSHARP_AMOUNT = 0.5  # times the difference from the blurred foreground that is added before
MIN_WIDTH, MAX_WIDTH = 0.08, 0.13  # fractions of the longer side; of MNIST's digits, 90 % have 0.08…0.18
MAX_SHRINKAGE = 0.3  # fraction of the longer side: edges may fade by less, while faint lines reach further


def normalize(foreground: Grey, fit: int) -> Grey:
    """Return a foreground of pen strokes with steep edges, and strokes about as wide as those of MNIST.

    Args:
        foreground: Foreground within its bounding box, 0…1 on a background of 0.
        fit: Longer side of the foreground in the image, in pixels.
    """
    return _thin(_thicken(_sharpen(saturate(foreground), fit), fit), fit)


def saturate(foreground: Grey) -> Grey:
    """Return a foreground whose strokes are fully bright inside, as those of MNIST."""
    full = np.percentile(foreground[foreground > foreground.max() / 2], 90)
    return np.asarray(np.clip(foreground / full, 0, 1))


def scale(foreground: Grey, longer: int) -> Grey:
    """Return a foreground scaled to a longer side of this many pixels, aspect ratio kept."""
    height, width = (max(1, round(side * longer / max(foreground.shape))) for side in foreground.shape)
    picture = Image.fromarray(foreground.astype(np.float32))
    scaled = picture.resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(scaled, dtype=np.float64), 0, 1)


def _sharpen(foreground: Grey, fit: int) -> Grey:
    """Return a foreground with steep edges, unless it is so small that scaling would not soften them again.

    Gaps that a blur has narrowed are opened by unsharp masking.
    """
    if max(foreground.shape) < 2 * fit:
        return foreground
    slopes = np.hypot(*np.gradient(foreground)) if min(foreground.shape) > 1 else np.ones(1)
    blur = 1 / max(float(np.percentile(slopes, 98)), 0.05)  # width of an edge in pixels
    low, high = SOFT_EDGE
    foreground = foreground + UNSHARP_AMOUNT * (foreground - _blur(foreground, blur))
    sharp = np.clip((foreground - low) / (high - low), 0, 1)
    cropped = _crop(sharp, 0.1)
    return cropped if max(cropped.shape) < (1 - MAX_SHRINKAGE) * max(sharp.shape) else sharp


def _thicken(foreground: Grey, fit: int) -> Grey:
    """Return a foreground whose strokes are at least about MIN_WIDTH of its longer side wide."""
    longer = max(foreground.shape)
    missing = MIN_WIDTH - _width(foreground) / longer
    if missing <= 0:
        return foreground
    foreground = scale(foreground, max(longer, 4 * fit))
    radius = round(missing * max(foreground.shape) / 2)
    return _filter(np.pad(foreground, radius), radius, ImageFilter.MaxFilter(3))


def _thin(foreground: Grey, fit: int) -> Grey:
    """Return a foreground whose strokes are at most about MAX_WIDTH of its longer side wide, if any of them is left."""
    longer = max(foreground.shape)
    surplus = _width(foreground) / longer - MAX_WIDTH
    if surplus <= 0:
        return foreground
    foreground = scale(foreground, max(longer, 4 * fit))
    radius = round(surplus * max(foreground.shape) / 2)
    thinned = _filter(np.pad(foreground, 1), radius, ImageFilter.MinFilter(3))
    return _crop(thinned, 0.1) if thinned.max() > 0.5 else foreground


def _width(foreground: Grey) -> float:
    """Return the mean width of the strokes in pixels: twice the area divided by the perimeter."""
    padded = np.pad(foreground, 1)
    down, right = np.diff(padded, axis=0)[:, 1:], np.diff(padded, axis=1)[1:]
    return float(2 * foreground.sum() / np.hypot(down, right).sum())


def _crop(foreground: Grey, threshold: float) -> Grey:
    """Return the bounding box of the pixels above a threshold, or the whole if there are none."""
    rows, columns = (np.flatnonzero((foreground > threshold).any(axis=axis)) for axis in (1, 0))
    return foreground[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if rows.size else foreground


def _blur(foreground: Grey, radius: float) -> Grey:
    """Return a foreground blurred by a Gaussian whose standard deviation is `radius` pixels."""
    margin = int(np.ceil(3 * radius))
    picture = Image.fromarray(np.rint(255 * np.pad(foreground, margin)).astype(np.uint8))
    blurred = picture.filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(blurred, dtype=np.float64)[margin:-margin, margin:-margin] / 255


def _filter(foreground: Grey, radius: int, step: ImageFilter.Filter) -> Grey:
    """Return a foreground after `radius` steps of a filter of one pixel."""
    picture = Image.fromarray(np.rint(255 * foreground).astype(np.uint8))
    for _ in range(radius):
        picture = picture.filter(step)
    return np.asarray(picture, dtype=np.float64) / 255
