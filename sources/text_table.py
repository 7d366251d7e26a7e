"""Read and check a published text table: tab-separated, with a header."""

import io
import re

import pyarrow as pa
import pyarrow.csv

from sources.files import Dataset, Files
from stages.errors import ShortlistError


def read_table(
    dataset: Dataset, files: Files, name: str, types: dict[str, pa.DataType]
) -> pa.Table:
    """Read the columns in ``types``, with those types, from the file ``name``; empty text is null.

    Raises:
        ShortlistError: the file is empty, is not UTF-8, lacks a column, or has a line that is cut
            off or contains a value of another type.
    """
    where = f"{name} of {files.origin}"
    content = files.content[name]
    if not content.strip():
        raise ShortlistError(f"expected a table in {where}, got an empty file. {dataset.by_hand}")
    try:
        header = content.decode("utf-8-sig").split("\n", 1)[0].rstrip("\r").split("\t")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ShortlistError(
            f"expected UTF-8 in line {line} of {where}, got other bytes: the file is damaged, or was "
            f"saved in another encoding. {dataset.by_hand}"
        ) from error
    missing = [column for column in types if column not in header]
    if missing:
        raise ShortlistError(
            f"expected the columns {', '.join(types)} in the first line of {where}, got: "
            f"{', '.join(header[:12])}, without {', '.join(map(repr, missing))}. {dataset.by_hand}"
        )
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(content),
            # With several threads, errors would not include the line number.
            read_options=pyarrow.csv.ReadOptions(use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False),
            # By default NA, null and nan are also null, but they may be names.
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        what = re.sub(
            r"column #(\d+)", lambda found: f"column '{header[int(found[1])]}'", str(error)
        )
        raise ShortlistError(
            f"expected a complete table in {where}, got an error: {what}. The file is damaged or cut "
            f"off. {dataset.by_hand}"
        ) from error
    if table.num_rows == 0:
        raise ShortlistError(
            f"expected rows below the header of {where}, got none. {dataset.by_hand}"
        )
    return table
