"""Read a published text table: separated columns with a header, checked against what it should hold."""

import io

import pyarrow as pa
import pyarrow.csv

from recipes.errors import ShortlistError
from sources.files import Dataset, Files


def read_table(
    dataset: Dataset, files: Files, name: str, types: dict[str, pa.DataType], delimiter: str = "\t"
) -> pa.Table:
    """The columns ``types`` of the file called ``name``, of those types; empty text is null.

    Raises:
        ShortlistError: the file is empty, is no text, lacks a column or has a value of another type.
    """
    where = f"{name} of {files.origin}"
    content = files.content[name]
    if not content.strip():
        raise ShortlistError(f"{where} is empty. {dataset.by_hand}")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    header = text.split("\n", 1)[0].rstrip("\r").split(delimiter)
    missing = [column for column in types if column not in header]
    if missing:
        raise ShortlistError(
            f"{where} has no column {', '.join(map(repr, missing))}: expected "
            f"{', '.join(types)} in its first line, and {', '.join(header[:12])} came. "
            f"{dataset.by_hand}"
        )
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(text.encode("utf-8")),
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, quote_char=False),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types, include_columns=list(types), strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid as error:
        raise ShortlistError(
            f"{where} is damaged or cut off: {error}. {dataset.by_hand}"
        ) from error
    if table.num_rows == 0:
        raise ShortlistError(f"{where} has a header and no row. {dataset.by_hand}")
    return table
