"""Measures that are not defined, said to people."""

from collections.abc import Mapping


def describe_undefined(not_defined: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a line for each set and reason.

    Args:
        not_defined: ``{split: {"set/measure": reason}}``, as ``results.json`` has it.
    """
    groups: dict[tuple[str, str, str], list[str]] = {}
    for split, reasons in not_defined.items():
        for name, reason in reasons.items():
            of_set, _, measure = name.rpartition("/")
            groups.setdefault((split, of_set, reason), []).append(measure)
    return [
        f"{split} {of_set}: {', '.join(measures)} ({reason})"
        for (split, of_set, reason), measures in groups.items()
    ]
