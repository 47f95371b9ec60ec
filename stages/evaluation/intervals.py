"""Confidence intervals of fractions, such as an accuracy."""

from math import sqrt

Z = 1.959963984540054  # 95 % of a normal distribution lie within this many standard deviations of its mean


def wilson(correct: int, images: int) -> tuple[float, float]:
    """Return the 95 % score interval of a fraction; it also holds for few images and for fractions near 0 and 1.

    Args:
        correct: Number of images that were classified correctly, 0…images.
        images: Number of all images. With 0 images nothing is known, so the interval is 0…1.

    Returns:
        Lower and upper bound, 0…1.

    Source:
        E. B. Wilson: Probable inference, the law of succession, and statistical inference, Journal of the American
        Statistical Association 22, 1927, pp. 209-212: (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n),
        p = correct/n.
    """
    if images == 0:
        return 0.0, 1.0
    fraction = correct / images
    middle = fraction + Z**2 / (2 * images)
    half = Z * sqrt(fraction * (1 - fraction) / images + Z**2 / (4 * images**2))
    scale = 1 + Z**2 / images
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
