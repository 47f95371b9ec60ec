"""Connected components of images that are linked: copies, and images of one group."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stages.images.splits.subsets import Indices

Pairs = npt.NDArray[np.int64]  # (num_pairs, 2)

NO_PAIRS: Pairs = np.zeros((0, 2), np.int64)


def connect(count: int, pairs: Pairs) -> Indices:
    """Return the connected components of a graph.

    Args:
        count: Number of nodes.
        pairs: Nodes that are linked, int64, (num_pairs, 2), 0…count - 1.

    Returns:
        The smallest node of each node's component, int64, (count,).
    """
    roots = np.arange(count)
    while True:
        ends = roots[pairs]
        if (ends[:, 0] == ends[:, 1]).all():
            return roots
        np.minimum.at(roots, ends.max(axis=1), ends.min(axis=1))
        while not np.array_equal(roots, roots[roots]):
            roots = roots[roots]


def connect_groups(roots: Indices, groups: Sequence[str] | None) -> Indices:
    """Return the connected components of images that are copies or of one group.

    Args:
        roots: First copy of each image, int64, (num_images,).
        groups: Names of the images' groups, or None.

    Returns:
        The smallest image of each image's component, int64, (num_images,).
    """
    copies = np.stack([np.arange(len(roots)), roots], axis=1)
    return connect(len(roots), np.concatenate([copies, link(groups, range(len(roots)))]))


def link(groups: Sequence[str] | None, indices: Sequence[int]) -> Pairs:
    """Return pairs that link the images of each group, each with the first one.

    Args:
        groups: Names of all images' groups, or None.
        indices: Indices of the images to link.
    """
    if groups is None:
        return NO_PAIRS
    first: dict[str, int] = {}
    links = [(index, first.setdefault(groups[index], index)) for index in indices]
    return np.array(links, np.int64).reshape(-1, 2)
