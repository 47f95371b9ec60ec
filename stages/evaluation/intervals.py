"""How far a share that was counted can be from the true one."""

from math import sqrt

Z = 1.959963984540054  # 95 % of a normal distribution lie so many deviations around its middle


def wilson(right: int, images: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share, which holds for few images and for shares near 0 and 1 too.

    Source: E. B. Wilson: Probable inference, the law of succession, and statistical inference, Journal of the American
    Statistical Association 22, 1927, pp. 209-212: (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n), p = right/n.

    Args:
        right: Images counted, 0…images.
        images: Of how many; of 0 nothing is known, so the interval is 0…1.

    Returns:
        Its lower and its upper end, 0…1.
    """
    if images == 0:
        return 0.0, 1.0
    share = right / images
    middle = share + Z**2 / (2 * images)
    half = Z * sqrt(share * (1 - share) / images + Z**2 / (4 * images**2))
    scale = 1 + Z**2 / images
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
