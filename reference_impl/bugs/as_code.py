"""Write conditions as Python, as a declared lack takes them: a function of (operation, case)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .conditions import Condition

_EXPRESSIONS = {
    "batch": "case.batch",
    "groups": "case.groups",
    "input height": "case.height",
    "input width": "case.width",
    "input channels": "case.input_channels",
    "output channels": "case.output_channels",
    "channels per group": "case.input_channels // case.groups",
    "output channels per group": "case.output_channels // case.groups",
}
for _part, _field in (("kernel", "kernel_size"), ("stride", "strides"), ("dilation", "dilations")):
    _EXPRESSIONS |= {f"{_part} height": f"case.{_field}[0]", f"{_part} width": f"case.{_field}[1]"}
    _EXPRESSIONS |= {
        f"{_part} height or width": f"max(case.{_field})",
        f"{_part} height and width": f"min(case.{_field})",
    }

_SENTENCES = {
    "strided": "case.strides != (1, 1)",
    "dilated": "case.dilations != (1, 1)",
    "padded": "any(map(any, case.convolution.padding))",
    "uneven padding": "any(before != after for before, after in case.convolution.padding)",
    "depthwise": "1 < case.groups == case.input_channels",
    "kernel other than 3 x 3": "case.kernel_size != (3, 3)",
    "kernel height unlike its width": "case.kernel_size[0] != case.kernel_size[1]",
    "stride height unlike its width": "case.strides[0] != case.strides[1]",
    "dilation height unlike its width": "case.dilations[0] != case.dilations[1]",
}
_FORMS = (
    (r"(.*) above (\d+)", "{} > {}"),
    (r"(.*) (\d+) or more", "{} >= {}"),
    (r"(.*) at most (\d+)", "{} <= {}"),
    (r"(.*) (\d+)", "{} == {}"),
)


def as_code(rule: Sequence[Condition]) -> str | None:
    """Return Python that says that all conditions hold on `case`; None if a condition has no code."""
    parts = [_code(condition.name) for condition in rule]
    return " and ".join(part for part in parts if part) if parts and all(parts) else None


def _code(name: str) -> str | None:
    if name in _SENTENCES:
        return _SENTENCES[name]
    if word := re.fullmatch(r"(padding|dtype) (other than )?([A-Za-z0-9_]+)", name):
        field = {"padding": "padding_mode", "dtype": "dtype"}[word[1]]
        return f'case.{field} {"!=" if word[2] else "=="} "{word[3]}"'
    for form, code in _FORMS:
        found = re.fullmatch(form, name)
        if found and found[1] in _EXPRESSIONS:
            return code.format(_EXPRESSIONS[found[1]], found[2])
    return None
