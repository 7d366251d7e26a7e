"""Item embeddings for TensorBoard's embedding projector, labelled by title."""

from pathlib import Path

import numpy as np

#: More make the page slow.
MOST_ITEMS = 10_000


def write_projector(embeddings: np.ndarray, labels: list[str], folder: Path) -> None:
    """Write vectors and labels into ``folder``, and beside it what makes TensorBoard show them.

    Of more than ``MOST_ITEMS`` items every so many are shown.

    Args:
        embeddings: float32 [items, dim].
        labels: one a row; line breaks and tabs in them become blanks.
        folder: a folder in the one that TensorBoard is given as ``--logdir``.
    """
    shown = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), MOST_ITEMS)).astype(int))
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "vectors.tsv", embeddings[shown], fmt="%.5g", delimiter="\t")
    # TensorBoard passes over an empty line, and all labels after it would belong to the item before.
    names = "".join((" ".join(labels[row].split()) or "-") + "\n" for row in shown)
    (folder / "labels.tsv").write_text(names, encoding="utf-8")
    # It looks for this in folders with logs of a training, and in their root.
    (folder.parent / "projector_config.pbtxt").write_text(
        f'embeddings {{\n  tensor_name: "items"\n  tensor_path: "{folder.name}/vectors.tsv"\n'
        f'  metadata_path: "{folder.name}/labels.tsv"\n}}\n',
        encoding="utf-8",
    )
