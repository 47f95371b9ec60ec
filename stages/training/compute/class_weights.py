"""Class weights: the loss of rare classes counts more."""

import numpy as np
import numpy.typing as npt

from stages.images.arrays import Labels


def balanced(labels: Labels, num_classes: int) -> npt.NDArray[np.float32]:
    """Return weights inversely proportional to the frequency of each class.

    The mean weight over the examples is 1. A class without examples has the weight 0.

    Args:
        labels: Integers, (N,), 0…num_classes - 1.
        num_classes: Number of classes.

    Returns:
        float32, (num_classes,).

    Source: G. King and L. Zeng, "Logistic regression in rare events data", Political Analysis 9, 2001; the formula is
    that of scikit-learn's `compute_class_weight("balanced")`.
    """
    counts = np.bincount(labels, minlength=num_classes)
    weights = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.where(counts > 0, weights, 0.0).astype(np.float32)
