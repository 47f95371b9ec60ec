"""Background of a picture: its colour axis, its grey levels and its noise."""

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.float64]  # (height, width), grey levels 0…255 or fractions 0…1
Colours = npt.NDArray[np.float64]  # (height, width, 3), 0…255

FLAT_BORDER = 0.6  # fraction of the border with one grey level that makes the background flat
LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue in a grey level (ITU-R BT.601), as in Pillow's mode L
MIN_COLOUR_GAIN = 2.0  # times the contrast of the grey levels that makes the colours more telling


def to_grey(pixels: Colours) -> Grey:
    """Reduce the colours of a picture to one channel in which the foreground stands out from the background.

    The channel is brightness, unless the colours differ from the background's much more in another direction, as red
    on blue of the same brightness do. That direction is the first principal axis of the differences.

    Args:
        pixels: Colours of a picture. Those of a grey picture are equal.

    Returns:
        Grey levels. The contrast along another axis is scaled as if it were one of brightness.
    """
    if (pixels == pixels[..., :1]).all():
        return pixels[..., 0]
    luma = np.asarray(LUMA)
    background = np.median(_border(pixels), axis=0)
    differences = (pixels - background).reshape(-1, 3)
    axis = np.linalg.eigh(differences.T @ differences)[1][:, -1] / np.sqrt(3)  # of the largest variance
    axis = axis if axis.sum() >= 0 else -axis
    if np.sum((differences @ axis) ** 2) <= MIN_COLOUR_GAIN**2 * np.sum((differences @ luma) ** 2):
        return np.asarray(pixels @ luma)
    return np.asarray(background @ luma + (differences @ axis).reshape(pixels.shape[:2]))


def noise(pixels: Grey) -> float:
    """Return the standard deviation of a picture's noise, estimated from second differences along the rows."""
    bends = np.abs(np.diff(pixels[:, ::2], n=2, axis=1))  # every other pixel: reducing correlates neighbours
    return 1.4826 * float(np.median(bends)) / np.sqrt(6).item() if bends.size else 0.0


def fit_surface(pixels: Grey) -> Grey:
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
    tolerance = max(3 * noise(pixels), 6)
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


def flood_from_border(pixels: Grey) -> Grey:
    """Return the grey levels to which light floods a picture from its border.

    A pixel's level is the highest that some path from the border to it never falls below. Structures that run off the
    picture, such as ruled lines, a table or a shadow, keep their levels; a light object within a darker surrounding
    gets the level of the surrounding. The difference to the picture is thus that object alone.

    Source: L. Vincent, "Morphological grayscale reconstruction in image analysis: applications and efficient
    algorithms", IEEE Transactions on Image Processing 2, 1993.
    """
    levels = np.full(pixels.shape, -np.inf)
    levels[0], levels[-1], levels[:, 0], levels[:, -1] = pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]
    while True:
        before = levels.copy()
        for flooded, limits in ((levels, pixels), (levels.T, pixels.T)):
            _sweep(flooded, limits)
            _sweep(flooded[::-1], limits[::-1])
        if np.array_equal(levels, before):
            return levels


def _sweep(levels: Grey, limits: Grey) -> None:
    """Flood each row from the row before it, diagonals included, in place."""
    for row in range(1, len(levels)):
        before, level = levels[row - 1], levels[row]
        np.maximum(level, before, out=level)
        np.maximum(level[1:], before[:-1], out=level[1:])
        np.maximum(level[:-1], before[1:], out=level[:-1])
        np.minimum(level, limits[row], out=level)


def _border(pixels: Colours) -> Colours:
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def _quadratic_terms(height: int, width: int) -> npt.NDArray[np.float64]:
    """Return the terms of a quadratic surface at each pixel, (height, width, 6), -1…1."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1)
