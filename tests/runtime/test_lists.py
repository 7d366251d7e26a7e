"""Lists of different lengths as one array."""

import numpy as np

from runtime.lists import padded_lists


def test_padding_cuts_and_fills() -> None:
    """The first values are kept, short lists are filled; the default width is that of the longest."""
    lists = [np.array([1, 2, 3]), np.array([], np.int64), np.array([4])]
    assert padded_lists(lists, np.int64, 2).tolist() == [[1, 2], [0, 0], [4, 0]]
    assert padded_lists(lists, np.int64, fill=-1).tolist() == [[1, 2, 3], [-1] * 3, [4, -1, -1]]
    assert padded_lists([], np.float32).shape == (0, 0)
