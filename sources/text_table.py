"""Read a published text table: columns between tabs, with a header, checked as they are read."""

import io
import re

import pyarrow as pa
import pyarrow.csv

from sources.files import Dataset, Files
from stages.errors import ShortlistError


def read_table(
    dataset: Dataset, files: Files, name: str, types: dict[str, pa.DataType]
) -> pa.Table:
    """The columns ``types`` of the file called ``name``, of those types; empty text is null.

    Raises:
        ShortlistError: the file is empty, is not UTF-8, lacks a column, or has a line that is cut
            off or holds a value of another type.
    """
    where = f"{name} of {files.origin}"
    content = files.content[name]
    if not content.strip():
        raise ShortlistError(f"{where} is empty. {dataset.by_hand}")
    try:
        header = content.decode("utf-8-sig").split("\n", 1)[0].rstrip("\r").split("\t")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ShortlistError(
            f"Line {line} of {where} is not UTF-8: the file is damaged, or was saved in another "
            f"encoding. {dataset.by_hand}"
        ) from error
    missing = [column for column in types if column not in header]
    if missing:
        raise ShortlistError(
            f"{where} has no column {', '.join(map(repr, missing))}: expected "
            f"{', '.join(types)} in its first line, and {', '.join(header[:12])} came. "
            f"{dataset.by_hand}"
        )
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(content),
            # Several threads would not know the number of a line that they complain about.
            read_options=pyarrow.csv.ReadOptions(use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False),
            # By default NA, null and nan are null too, and they may be names.
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
        raise ShortlistError(f"{where} is damaged or cut off: {what}. {dataset.by_hand}") from error
    if table.num_rows == 0:
        raise ShortlistError(f"{where} has a header and no row. {dataset.by_hand}")
    return table
