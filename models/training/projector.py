"""Item embeddings for TensorBoard's embedding projector, labelled by title."""

from pathlib import Path

import numpy as np

#: More items make the page slow.
MOST_ITEMS = 10_000


def write_projector(embeddings: np.ndarray, labels: list[str], folder: Path) -> None:
    """Write vectors and labels to ``folder``, and beside it the configuration that TensorBoard reads.

    If there are more than ``MOST_ITEMS`` items, an evenly spaced selection is shown.

    Args:
        embeddings: float32 [items, dim].
        labels: one per row; line breaks and tabs in them become blanks.
        folder: a subfolder of TensorBoard's ``--logdir``.
    """
    shown = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), MOST_ITEMS)).astype(int))
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "vectors.tsv", embeddings[shown], fmt="%.5g", delimiter="\t")
    # TensorBoard skips empty lines, which would shift all later labels by one item.
    names = "".join((" ".join(labels[row].split()) or "-") + "\n" for row in shown)
    (folder / "labels.tsv").write_text(names, encoding="utf-8")
    # TensorBoard looks for this file in the folders of trainings and in their root.
    (folder.parent / "projector_config.pbtxt").write_text(
        f'embeddings {{\n  tensor_name: "items"\n  tensor_path: "{folder.name}/vectors.tsv"\n'
        f'  metadata_path: "{folder.name}/labels.tsv"\n}}\n',
        encoding="utf-8",
    )
