"""Mutants of a Python file: each is the file with one small mistake in it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
NO_VALUES = (ast.Starred, ast.Lambda, ast.Constant)
CONDITIONS = (ast.Name, ast.Attribute, ast.Call)


class Mutant(NamedTuple):
    """One mistake in one file.

    Attributes:
        file: the file, from the root of the repository.
        line: where the mistake begins, from 1.
        was: that line, less the blanks around it.
        becomes: that line with the mistake.
        source: the whole file with the mistake.
    """

    file: str
    line: int
    was: str
    becomes: str
    source: str


def mutants(root: Path, file: str) -> list[Mutant]:
    """Returns all mutants of a file, in the order of their lines.

    Left as they are: type annotations, strings, and what a ``raise`` says.
    """
    octets = (root / file).read_bytes()
    given = octets.decode()
    begins = [0]
    for line in octets.splitlines(keepends=True):
        begins.append(begins[-1] + len(line))

    def mutant(node: ast.expr | ast.stmt, mistake: str) -> Mutant:
        begin = begins[node.lineno - 1] + node.col_offset
        end = begins[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        written = f"({mistake})" if isinstance(node, ast.expr) else mistake
        source = (octets[:begin] + written.encode() + octets[end:]).decode()
        was, becomes = (text.splitlines()[node.lineno - 1].strip() for text in (given, source))
        return Mutant(file, node.lineno, was, becomes, source)

    found = (mutant(*each) for node in _code(ast.parse(octets)) for each in _mistakes(node))
    return sorted(found, key=lambda each: (each.line, each.becomes))


def _code(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Walks what is executed and can be wrong."""
    if isinstance(node, ast.expr | ast.stmt):
        yield node
    if isinstance(node, ast.Expr):  # whose value is of no use: it goes as a whole
        node = node.value
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns") or isinstance(node, ast.Raise | ast.JoinedStr):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _code(child)


def _mistakes(node: ast.expr | ast.stmt) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yields a node, or one within it, and what may be written in its place."""
    match node:
        case ast.Constant(value=bool(x)):
            yield node, str(not x)
        case ast.Constant(value=int(x)):
            yield node, repr(x + 1)
            yield node, repr(x - 1)
        case ast.Constant(value=float(x)):
            yield node, repr(2 * x or 1.0)
        case ast.Compare(left, operators, others):
            for place, operator in enumerate(operators):
                if type(operator) in COMPARISONS:
                    changed = list(operators)
                    changed[place] = COMPARISONS[type(operator)]()
                    yield node, ast.unparse(ast.Compare(left, changed, others))
        case ast.BinOp(left, operator, right) if type(operator) in ARITHMETIC:
            yield node, ast.unparse(ast.BinOp(left, ARITHMETIC[type(operator)](), right))
        case ast.BoolOp(operator, values):
            other = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield node, ast.unparse(ast.BoolOp(other, values))
        case ast.UnaryOp(operand=operand):
            yield node, ast.unparse(operand)
        case ast.Call(args=[ast.expr() as first, *_]) if not isinstance(first, NO_VALUES):
            yield node, ast.unparse(first)
        case ast.If(test) | ast.While(test) | ast.IfExp(test) if isinstance(test, CONDITIONS):
            yield test, ast.unparse(ast.UnaryOp(ast.Not(), test))
        case ast.Raise() | ast.AugAssign() | ast.Expr(ast.Call()) | ast.Continue():
            yield node, "pass"
        case ast.Break():
            yield node, "continue"
