"""Planted faults: an evaluator that misreads one attribute of our ONNX models fails in the operations that have it."""

from __future__ import annotations

import pytest
from onnx import helper

from reference_impl.backends.onnx.reference_evaluator import Plain
from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.subject import Subject
from reference_impl.verdicts.checks import CHECKS

EXACT = tuple(check for check in CHECKS if check.name == "exact")
CONV2D, INPUT, FILTER, TRANSPOSE = OPERATIONS

# Height 10 is a multiple of the stride, 11 is not. In UNREAD no window reads the last row.
MULTIPLE = "n2_h10w9c3_k3x4o5_s2x3_SAME"
NO_MULTIPLE = "n2_h11w9c3_k4x5o6_s2x3_SAME"
UNREAD = "n2_h11w9c3_k4x2o4_s2x3"
STRIDED = (MULTIPLE, NO_MULTIPLE, UNREAD)
PADS = "n2_h8w9c3_k3x2o4_d1x2_p3,1,0,2"


def misreading(change):
    """Return a backend whose ONNX reads the attributes after `change` has changed them."""

    class Misread(Plain):
        def run(self, model, arrays):
            (node,) = model.graph.node
            attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
            change(attributes)
            del node.attribute[:]
            node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
            return super().run(model, arrays)

    return Misread()


def swap_words(attributes):
    words = {b"SAME_UPPER": "SAME_LOWER", b"SAME_LOWER": "SAME_UPPER"}
    attributes["auto_pad"] = words.get(attributes.get("auto_pad"), attributes.get("auto_pad", "NOTSET"))


def forget(name):
    return lambda attributes: attributes.pop(name, None)


def alternate_pads(attributes):
    if "pads" in attributes:
        top, left, bottom, right = attributes["pads"]
        attributes["pads"] = [top, bottom, left, right]


@pytest.mark.parametrize("spec", [*STRIDED, PADS])
@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda attributes: None, {}),
        (swap_words, {MULTIPLE: {CONV2D, INPUT, TRANSPOSE}, NO_MULTIPLE: {CONV2D, INPUT, TRANSPOSE}}),
        (forget("output_shape"), {NO_MULTIPLE: {INPUT, TRANSPOSE}}),
        (forget("output_padding"), {UNREAD: {INPUT, TRANSPOSE}}),
        (alternate_pads, {MULTIPLE: {FILTER}, NO_MULTIPLE: {FILTER}, PADS: set(OPERATIONS)}),
        # In the filters' gradient, our strides are ONNX's dilations, and our dilations its strides.
        (forget("strides"), {PADS: {FILTER}} | {spec: {CONV2D, INPUT, TRANSPOSE} for spec in STRIDED}),
        (forget("dilations"), {PADS: {CONV2D, INPUT, TRANSPOSE}} | {spec: {FILTER} for spec in STRIDED}),
    ],
    ids=["nothing", "words", "output_shape", "output_padding", "pads", "strides", "dilations"],
)
def test_misread_attribute_fails_the_operations_that_have_it(change, wrong, spec):
    subject = Subject.of(misreading(change))
    failing = {
        operation
        for operation in OPERATIONS
        for record in judge(subject, Case.parse(spec), operation, checks=EXACT)
        if record.outcome != outcome.PASS
    }
    assert failing == wrong.get(spec, set())
