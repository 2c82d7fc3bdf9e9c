"""Small wrong changes to a module's syntax tree, each at one place, each told in a line.

Shifts: comparisons moved by one or turned round, and/or swapped, arithmetic and bit operators
exchanged, integers raised by one, truth values flipped, conditions negated; rows of the transition
table dropped, their guards negated, targets swapped and effects removed.
"""

from __future__ import annotations

import ast
import copy
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

ORDER: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
ROW_MAKERS = ("_go", "_hold", "_disable", "Row")
PHASES_SWAPPED = {"LOCKOUT": "IDLE", "HELD": "POSITIONING"}
"""Where a row leads instead; every other target becomes LOCKOUT."""
NEGATED_GUARDS = (
    "GUARDS = GUARDS | {'not ' + k: (lambda f, g=v: not g(f)) for k, v in GUARDS.items()}"
)


class Mutant(NamedTuple):
    """One change. place: "function: source of the changed expression", stable over edits.

    first, last: lines of the statement (without its block) or lambda that holds it.
    at_import: it is run when the module is imported, so coverage cannot say which test needs it.
    target: the name that is assigned there, if it is one.
    build: makes the changed tree; in the child only, since all of them at once are gigabytes.
    """

    module: str
    line: int
    first: int
    last: int
    place: str
    change: str
    row: int | None
    at_import: bool
    target: str
    build: Callable[[], ast.Module]

    @property
    def name(self) -> str:
        return f"{self.module}:{self.place} => {self.change}"


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of one module; equal changes of equal places are told apart by a number."""
    tree = ast.parse(source)
    met: Counter[str] = Counter()
    for mutant in (*_node_mutants(module, tree), *_row_mutants(module, tree)):
        met[mutant.name] += 1
        count = met[mutant.name]
        yield mutant if count == 1 else mutant._replace(change=f"{mutant.change} #{count}")


def _node_mutants(module: str, tree: ast.Module) -> Iterator[Mutant]:
    skipped = set(_not_code(tree))
    owners, called, spans = _owners(tree), set(_called(tree)), _spans(tree)
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in skipped:
            continue
        for what, change in _changes(node):
            text = " ".join(ast.unparse(node).split())[:70]
            name = f"{owners.get(id(node), 'module')}: {text}"
            build = functools.partial(_changed, tree, place, change)
            first, last, target = spans[id(node)]
            yield Mutant(
                module, getattr(node, "lineno", 1), first, last, name, what, None,
                id(node) not in called, target, build,
            )  # fmt: skip


def _spans(tree: ast.Module) -> dict[int, tuple[int, int, str]]:
    """By node: first and last line of its innermost statement or lambda, and what that assigns."""
    spans: dict[int, tuple[int, int, str]] = {}

    def visit(node: ast.AST, span: tuple[int, int, str]) -> None:
        if isinstance(node, ast.stmt | ast.Lambda):
            last, body = node.end_lineno or node.lineno, getattr(node, "body", None)
            if isinstance(body, list):
                last = max(node.lineno, body[0].lineno - 1)
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            target = node.target if isinstance(node, ast.AnnAssign) else target
            span = (node.lineno, last, target.id if isinstance(target, ast.Name) else "")
        spans[id(node)] = span
        for inner in ast.iter_child_nodes(node):
            visit(inner, span)

    visit(tree, (1, 1, ""))
    return spans


def _changed(tree: ast.Module, place: int, change: Callable[[ast.AST], None]) -> ast.Module:
    changed = copy.deepcopy(tree)
    change(next(other for at, other in enumerate(ast.walk(changed)) if at == place))
    return ast.fix_missing_locations(changed)


def _not_code(tree: ast.Module) -> Iterator[int]:
    """Annotations, documentation and assertion texts: nothing there is executed or promised."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            yield from map(id, ast.walk(node.annotation))
        elif isinstance(node, ast.FunctionDef):
            for part in (node.returns, *(arg.annotation for arg in _arguments(node))):
                if part is not None:
                    yield from map(id, ast.walk(part))
        elif isinstance(node, ast.Assert) and node.msg is not None:
            yield from map(id, ast.walk(node.msg))
        elif isinstance(node, ast.Assign) and _is_alias(node):
            yield from map(id, ast.walk(node))
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            for decorator in node.decorator_list:
                yield from map(id, ast.walk(decorator))


def _arguments(node: ast.FunctionDef) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _is_alias(node: ast.Assign) -> bool:
    """A type alias such as Value = int | str: it has names only."""
    if not isinstance(node.value, ast.BinOp):
        return False
    names = (ast.BinOp, ast.BitOr, ast.Name, ast.Load, ast.Subscript, ast.Tuple)
    return isinstance(node.value.op, ast.BitOr) and all(
        isinstance(part, names) for part in ast.walk(node.value)
    )


def _called(tree: ast.Module) -> Iterator[int]:
    """Everything inside a function or lambda: run when called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for part in node.body:
                yield from map(id, ast.walk(part))
        elif isinstance(node, ast.Lambda):
            yield from map(id, ast.walk(node.body))


def _owners(tree: ast.Module) -> dict[int, str]:
    owners: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for part in ast.walk(node):
                owners[id(part)] = node.name
    return owners


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], None]]]:
    if isinstance(node, ast.Compare):
        for at, op in enumerate(node.ops):
            for other in ORDER[type(op)]:
                yield f"{type(op).__name__} to {other.__name__}", _set_op(at, other)
    elif isinstance(node, ast.BoolOp):
        other_op = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield f"to {other_op.__name__}", _set("op", other_op)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not removed", _replace_not
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "minus removed", _set("op", ast.UAdd)
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        arithmetic = ARITHMETIC[type(node.op)]
        yield f"{type(node.op).__name__} to {arithmetic.__name__}", _set("op", arithmetic)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "flipped", _flip
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield "plus one", _raise
    elif isinstance(node, ast.If | ast.IfExp) and isinstance(
        node.test, ast.Name | ast.Attribute | ast.Call
    ):
        yield "condition negated", _negate


def _set_op(at: int, op: type[ast.cmpop]) -> Callable[[ast.AST], None]:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Compare)
        node.ops[at] = op()

    return change


def _set(name: str, made: Callable[[], ast.AST]) -> Callable[[ast.AST], None]:
    return lambda node: setattr(node, name, made())


def _replace_not(node: ast.AST) -> None:
    """not x becomes not not x: the same node keeps its place in the tree."""
    assert isinstance(node, ast.UnaryOp)
    node.operand = ast.UnaryOp(ast.Not(), node.operand)


def _flip(node: ast.AST) -> None:
    assert isinstance(node, ast.Constant)
    node.value = not node.value


def _raise(node: ast.AST) -> None:
    assert isinstance(node, ast.Constant)
    assert isinstance(node.value, int)
    node.value += 1


def _negate(node: ast.AST) -> None:
    assert isinstance(node, ast.If | ast.IfExp)
    node.test = ast.UnaryOp(ast.Not(), node.test)


# ---------------------------------------------------------------------- rows of the table
def _tables(tree: ast.Module) -> list[ast.Tuple]:
    """The tuples DISABLE and ROWS, in this order."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Tuple):
            assert isinstance(node.target, ast.Name)
            found[node.target.id] = node.value
    return [found["DISABLE"], found["ROWS"]]


def _row_mutants(module: str, tree: ast.Module) -> Iterator[Mutant]:
    if not module.endswith("core.table"):
        return
    index = 0
    for which, table in enumerate(_tables(tree)):
        for at, row in enumerate(table.elts):
            assert isinstance(row, ast.Call)
            for what, change in _row_changes(row):
                build = functools.partial(_changed_row, tree, which, at, change)
                text = " ".join(ast.unparse(row).split())[:110]
                yield Mutant(
                    module, row.lineno, row.lineno, row.end_lineno or row.lineno, f"row {text}",
                    what, index, True, "", build,
                )  # fmt: skip
            index += 1


def _changed_row(
    tree: ast.Module, which: int, at: int, change: Callable[[ast.Call], None] | None
) -> ast.Module:
    changed = copy.deepcopy(tree)
    elements = _tables(changed)[which].elts
    twin = elements[at]
    assert isinstance(twin, ast.Call)
    if change is None:
        del elements[at]
    else:
        change(twin)
    first = next(n for n, part in enumerate(changed.body) if isinstance(part, ast.ClassDef))
    changed.body[first:first] = ast.parse(NEGATED_GUARDS).body
    return ast.fix_missing_locations(changed)


def _row_changes(row: ast.Call) -> Iterator[tuple[str, Callable[[ast.Call], None] | None]]:
    yield "row dropped", None
    for at, part in enumerate(row.args):
        if isinstance(part, ast.Tuple) and at == (0 if _maker(row) == "_disable" else 1):
            for guard_at, guard in enumerate(part.elts):
                assert isinstance(guard, ast.Constant)
                yield f"guard {guard.value} negated", _negate_guard(at, guard_at)
    if _maker(row) == "_disable":
        yield "guard negated", _negate_guard(0, None)
        return
    effects = _effects(row)
    for effect_at, effect in enumerate(effects):
        yield f"effect {effect.value} removed", _drop_effect(effect_at)
    if _maker(row) != "_hold":
        yield "target swapped", _swap_target


def _maker(row: ast.Call) -> str:
    assert isinstance(row.func, ast.Name)
    assert row.func.id in ROW_MAKERS
    return row.func.id


def _effects(row: ast.Call) -> list[ast.Constant]:
    if _maker(row) == "Row":
        assert isinstance(row.args[3], ast.Tuple)
        found = row.args[3].elts
    else:
        found = row.args[4:]
    return [one for one in found if isinstance(one, ast.Constant)]


def _negate_guard(at: int, guard_at: int | None) -> Callable[[ast.Call], None]:
    def change(row: ast.Call) -> None:
        part = row.args[at]
        guard = part if guard_at is None else part.elts[guard_at]  # type: ignore[attr-defined]
        assert isinstance(guard, ast.Constant)
        guard.value = f"not {guard.value}"

    return change


def _drop_effect(effect_at: int) -> Callable[[ast.Call], None]:
    def change(row: ast.Call) -> None:
        if _maker(row) == "Row":
            assert isinstance(row.args[3], ast.Tuple)
            del row.args[3].elts[effect_at]
        else:
            del row.args[4 + effect_at]

    return change


def _swap_target(row: ast.Call) -> None:
    target = row.args[2]
    assert isinstance(target, ast.Attribute)
    target.attr = PHASES_SWAPPED.get(target.attr, "LOCKOUT")
