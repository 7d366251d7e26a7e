"""A condition on a recipe's interactions, such as ``rating >= 4 and timestamp > 880000000``.

A condition is parsed, checked against a short list of allowed forms and the columns' types, and made a
Polars expression; nothing of it is ever run as Python.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import reduce
from typing import Any

import polars as pl

from stages.errors import ShortlistError

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ALLOWED = (
    "comparisons (== != < <= > >=, in, not in) of columns with numbers, strings or each other, "
    "joined by `and`, `or`, `not` and parentheses"
)


class Condition:
    """A condition on the columns of a table, as an expression for a boolean per row.

    A null fulfils no comparison, not even ``!=`` or ``not in``.

    Raises ``ShortlistError`` at once where the text is not a condition, where a column it names is
    not in ``schema``, and where it compares what does not compare. ``key``: the recipe's key that
    holds the text.
    """

    def __init__(self, key: str, text: str, schema: Mapping[str, pl.DataType]) -> None:
        self.name = f"{key} `{text}`"
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError) as error:
            raise self._refusal("it cannot be read") from error
        self._schema = schema
        self._check(tree)
        self.expression = self._mask(tree)

    def _refusal(self, reason: str) -> ShortlistError:
        return ShortlistError(
            f"{self.name} is not a condition: {reason}. "
            f"Allowed are {_ALLOWED}, for instance `rating >= 4`."
        )

    def _check(self, node: ast.expr) -> None:
        match node:
            case ast.BoolOp(values=values):
                for value in values:
                    self._check(value)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self._check(operand)
            case ast.Compare(left=left, ops=ops, comparators=others):
                self._check_comparison(left, ops, others)
            case _:
                raise self._refusal(f"`{ast.unparse(node)}` says neither true nor false")

    def _check_comparison(
        self, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]
    ) -> None:
        pairs = zip([left, *others], ops, others, strict=False)
        for one, op, other in pairs:
            if isinstance(op, ast.In | ast.NotIn):
                if not isinstance(other, ast.Tuple | ast.List | ast.Set):
                    raise self._refusal(f"`{ast.unparse(other)}` is not a list of values")
                operands = [one]
                for element in other.elts:
                    self._literal(element)
            elif type(op) in _COMPARISONS:
                operands = [one, other]
            else:
                raise self._refusal("it compares with something other than == != < <= > >= in")
            if not any(isinstance(operand, ast.Name) for operand in operands):
                raise self._refusal("a comparison names no column")
            for operand in operands:
                self._check_operand(operand)

    def _check_operand(self, node: ast.expr) -> None:
        if not isinstance(node, ast.Name):
            self._literal(node)
        elif node.id not in self._schema:
            raise ShortlistError(
                f"{self.name} names the column '{node.id}', which the "
                f"interactions do not have. Their columns are: {', '.join(self._schema)}."
            )

    def _literal(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return -value
        raise self._refusal(f"`{ast.unparse(node)}` is neither a column, a number nor a string")

    def _mask(self, node: ast.expr) -> pl.Expr:
        match node:
            case ast.BoolOp(op=junction, values=values):
                join = operator.and_ if isinstance(junction, ast.And) else operator.or_
                return reduce(join, [self._mask(value) for value in values])
            case ast.UnaryOp(operand=operand):
                return ~self._mask(operand)
            case ast.Compare(left=left, ops=ops, comparators=others):
                links = zip([left, *others], ops, others, strict=False)
                return reduce(operator.and_, [self._compare(*link) for link in links])
        raise AssertionError(f"unchecked node {ast.dump(node)}")

    def _compare(self, one: ast.expr, op: ast.cmpop, other: ast.expr) -> pl.Expr:
        if isinstance(other, ast.Tuple | ast.List | ast.Set):
            each = [self._compare(one, ast.Eq(), element) for element in other.elts]
            known = self._operand(one, one).is_not_null()
            found = reduce(operator.or_, each, pl.lit(False))
            return known & (~found if isinstance(op, ast.NotIn) else found)
        left, right = self._operand(one, other), self._operand(other, one)
        return _COMPARISONS[type(op)](left, right).fill_null(False)

    def _operand(self, node: ast.expr, other: ast.expr) -> pl.Expr:
        """A column, or a value of the type of the column that it is compared with."""
        if isinstance(node, ast.Name):
            dtype = self._schema[node.id]
            if isinstance(other, ast.Name) and _group(dtype) != _group(self._schema[other.id]):
                raise self._misfit(f"'{node.id}' is {dtype}, '{other.id}' {self._schema[other.id]}")
            column = pl.col(node.id)
            return column.fill_nan(None) if dtype.is_float() else column
        value = self._literal(node)
        assert isinstance(other, ast.Name)  # a comparison names a column
        dtype = self._schema[other.id]
        if isinstance(value, str) and dtype.is_temporal():
            return self._time(value, dtype)
        if _group(dtype) != ("string" if isinstance(value, str) else "number"):
            raise self._misfit(f"'{other.id}' is {dtype}, and {value!r} is not")
        return pl.lit(value)

    def _time(self, value: str, dtype: pl.DataType) -> pl.Expr:
        try:
            moment = pl.lit(datetime.fromisoformat(value))
        except ValueError as error:
            raise self._misfit(f"{value!r} is no time such as '2024-01-31 12:00'") from error
        if isinstance(dtype, pl.Datetime) and dtype.time_zone:
            moment = moment.dt.replace_time_zone(dtype.time_zone)
        return moment.cast(dtype)

    def _misfit(self, reason: str) -> ShortlistError:
        return ShortlistError(
            f"{self.name} does not fit the columns' types: {reason}. "
            "Compare numbers with numbers and strings with 'quoted strings'."
        )


def _group(dtype: pl.DataType) -> str:
    """Values of one group compare with each other."""
    if dtype.is_temporal():
        return "time"
    return "number" if dtype.is_numeric() or dtype == pl.Boolean else "string"
