"""Item embeddings for TensorBoard's embedding projector, labelled by title."""

from pathlib import Path

import numpy as np

#: The projector shows no more, and slowly so.
MOST_ITEMS = 10_000


def write_projector(embeddings: np.ndarray, labels: list[str], folder: Path) -> None:
    """Write vectors, labels and ``projector_config.pbtxt`` into ``folder``, a log folder of TensorBoard.

    Of more than ``MOST_ITEMS`` items every so many are shown.

    Args:
        embeddings: float32 [items, dim].
        labels: one a row; line breaks and tabs in them become blanks.
    """
    shown = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), MOST_ITEMS)).astype(int))
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "vectors.tsv", embeddings[shown], fmt="%.5g", delimiter="\t")
    names = "".join(" ".join(labels[row].split()) + "\n" for row in shown)
    (folder / "labels.tsv").write_text(names, encoding="utf-8")
    (folder / "projector_config.pbtxt").write_text(
        'embeddings {\n  tensor_name: "items"\n  tensor_path: "vectors.tsv"\n'
        '  metadata_path: "labels.tsv"\n}\n',
        encoding="utf-8",
    )
