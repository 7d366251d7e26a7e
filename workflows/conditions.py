"""A condition on a recipe's interactions, such as ``rating >= 4 and timestamp > 880000000``.

A condition is parsed, checked against a short list of allowed forms and applied column by column;
nothing of it is ever run as Python.
"""

import ast
import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

from recipes.errors import ShortlistError

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
    """A condition on the columns of a table: call it with a data frame for a boolean mask.

    A null fulfils no comparison, not even ``!=`` or ``not in``. Works on pandas and cuDF frames.

    Raises ``ShortlistError`` at once where the text is not a condition, and where a column it names
    is not among ``columns``. ``key``: the recipe's key that holds the text.
    """

    def __init__(self, key: str, text: str, columns: list[str]) -> None:
        self.name = f"{key} `{text}`"
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError) as error:
            raise self._refusal("it cannot be read") from error
        self._columns = columns
        self._check(self._tree)

    def __call__(self, frame: Any) -> Any:
        """A boolean series, one value per row of ``frame``."""
        try:
            return self._mask(self._tree, frame)
        except (TypeError, ValueError) as error:
            raise ShortlistError(
                f"{self.name} does not fit the columns' types: {error}. "
                "Compare numbers with numbers and strings with 'quoted strings'."
            ) from error

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
        elif node.id not in self._columns:
            raise ShortlistError(
                f"{self.name} names the column '{node.id}', which the "
                f"interactions do not have. Their columns are: {', '.join(self._columns)}."
            )

    def _literal(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return -value
        raise self._refusal(f"`{ast.unparse(node)}` is neither a column, a number nor a string")

    def _mask(self, node: ast.expr, frame: Any) -> Any:
        match node:
            case ast.BoolOp(op=junction, values=values):
                join = operator.and_ if isinstance(junction, ast.And) else operator.or_
                return reduce(join, [self._mask(value, frame) for value in values])
            case ast.UnaryOp(operand=operand):
                return ~self._mask(operand, frame)
            case ast.Compare(left=left, ops=ops, comparators=others):
                links = zip([left, *others], ops, others, strict=False)
                return reduce(operator.and_, [self._compare(*link, frame) for link in links])
        raise AssertionError(f"unchecked node {ast.dump(node)}")

    def _compare(self, one: ast.expr, op: ast.cmpop, other: ast.expr, frame: Any) -> Any:
        known = True
        values = []
        for operand in (one, other):
            if isinstance(operand, ast.Name):
                values.append(frame[operand.id])
                known = known & frame[operand.id].notna()
            elif isinstance(operand, ast.Tuple | ast.List | ast.Set):
                values.append([self._literal(element) for element in operand.elts])
            else:
                values.append(self._literal(operand))
        if isinstance(op, ast.In | ast.NotIn):
            mask = values[0].isin(values[1])
            mask = ~mask if isinstance(op, ast.NotIn) else mask
        else:
            mask = _COMPARISONS[type(op)](values[0], values[1])
        return mask.fillna(False).astype(bool) & known
