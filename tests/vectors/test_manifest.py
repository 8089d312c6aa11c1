"""The manifest of golden vectors: `read` refuses all that its published schema refuses, and says where."""

from __future__ import annotations

import copy
import json
from pydoc import locate

import pytest
from manifest_schema import SCHEMA, VALIDATOR

from reference_impl.arguments import PADDING_WORDS
from reference_impl.cases.case import DTYPES, Case
from reference_impl.operations import OPERATIONS
from reference_impl.vectors import array_files, export, manifest
from reference_impl.vectors.array_files import BadFile
from reference_impl.vectors.compare import read_call
from reference_impl.vectors.manifest import INTEGER, LeftOut, Vector
from reference_impl.verdicts.real_data import KINDS

CASE = Case.parse("n2_h7w9c4_k3x2o6_s2x3_g2_p1,2,0,1")
VECTORS = [
    Vector("conv2d", CASE, INTEGER, 3, "a.txt", "0123456789abcdef" * 4, "a.txt"),
    Vector("conv2d_backprop_filter", CASE, "wide", 3, "b.txt", "fedcba9876543210" * 4, "b.txt"),
]
LEFT_OUT = [LeftOut("conv2d_backprop_filter", CASE, "the format has none")]


def written(folder):
    manifest.write(folder, VECTORS, "text", LEFT_OUT)
    return json.loads((folder / manifest.NAME).read_text())


def read(document, folder):
    (folder / manifest.NAME).write_text(json.dumps(document))
    return manifest.read(folder)


def test_manifest_is_read_as_it_was_written(tmp_path):
    VALIDATOR.validate(written(tmp_path))
    assert manifest.read(tmp_path) == VECTORS


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (SCHEMA["properties"]["schema_version"]["const"], manifest.SCHEMA_VERSION),
        (SCHEMA["properties"]["format"]["enum"], [*array_files.SUFFIXES, array_files.ONNX]),
        (SCHEMA["$defs"]["operation"]["enum"], [*OPERATIONS]),
        (SCHEMA["$defs"]["vector"]["properties"]["dtype"]["enum"], [*DTYPES]),
        (SCHEMA["$defs"]["vector"]["properties"]["data"]["enum"], [INTEGER, *KINDS]),
        (
            SCHEMA["$defs"]["vector"]["properties"]["options"]["properties"]["padding"]["anyOf"][0]["enum"],
            [*PADDING_WORDS],
        ),
    ],
    ids=["version", "formats", "operations", "dtypes", "data", "paddings"],
)
def test_schema_lists_what_the_package_knows(said, known):
    assert said == known


@pytest.mark.parametrize("data", [INTEGER, "real"])
def test_made_by_names_the_function_that_makes_the_arrays(tmp_path, data):
    vectors, _ = export.export(tmp_path / "vectors", [CASE], seed=3, file_format="text")
    (vector,) = (one for one in vectors if one.operation == "conv2d" and one.is_integer == (data == INTEGER))
    made = locate(vector.entry()["made_by"])(CASE, "conv2d", 3)
    call = made if data == INTEGER else made.call
    found = read_call(tmp_path / "vectors", vector)
    assert {name: array.tobytes() for name, array in call.arrays.items()} == {
        name: array.tobytes() for name, array in found.arrays.items()
    }


# Damage. A path leads to a place in the document; a number is a place in a list.

DOCUMENT = {
    "schema_version": 1,
    "made_with": {"conv2d-reference-impl": "0.1.0"},
    "format": "text",
    "vectors": [vector.entry() for vector in VECTORS],
    "left_out": [one.entry() for one in LEFT_OUT],
}
OBJECTS = [(), ("made_with",), ("vectors", 0), ("vectors", 0, "shapes"), ("vectors", 0, "options"), ("left_out", 0)]
FIELDS = [
    *((name,) for name in SCHEMA["properties"]),
    ("made_with", "conv2d-reference-impl"),
    ("vectors", 0),
    *(("vectors", 0, name) for name in SCHEMA["$defs"]["vector"]["properties"]),
    *(("vectors", 0, "shapes", name) for name in ("input", "filters", "expected")),
    ("vectors", 0, "shapes", "input", 1),
    *(("vectors", 0, "options", name) for name in ("strides", "padding", "dilations", "groups", "pads")),
    ("vectors", 0, "options", "strides", 0),
    ("vectors", 0, "options", "pads", 0),
    ("vectors", 0, "options", "pads", 0, 1),
    ("left_out", 0),
    *(("left_out", 0, name) for name in ("operation", "case", "reason")),
]
MISSING = "missing"
VALUES = [None, True, -1, 0.5, "", "x", "../x.txt", [], [1, 2], {}, {"x": 1}, MISSING]


def changed(path, value):
    """The document with another value, or none, in one place."""
    document = copy.deepcopy(json.loads(json.dumps(DOCUMENT)))
    at = document
    for step in path[:-1]:
        at = at[step]
    if value is MISSING:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return document


def shown(value):
    return ".".join(map(str, value)) if isinstance(value, tuple) else repr(value)


CHANGES = [(path, value, VALIDATOR.is_valid(changed(path, value))) for path in FIELDS for value in VALUES]
DAMAGES = [(path, value) for path, value, is_valid in CHANGES if not is_valid]
UNKNOWN = [((*path, "sed"), 1) for path in OBJECTS]
# These fields follow from the case, which the schema cannot compare them with.
OF_THE_CASE = [("vectors", 0, name) for name in ("case", "shapes", "options")]
HARMLESS = [(path, value) for path, value, is_valid in CHANGES if is_valid and path[:3] not in OF_THE_CASE]


def test_document_is_what_is_written(tmp_path):
    assert written(tmp_path) == changed(("made_with", "conv2d-reference-impl"), manifest.__version__)


@pytest.mark.parametrize("path", FIELDS, ids=shown)
def test_field_can_be_damaged(path):
    assert [value for damaged, value in DAMAGES if damaged == path]


@pytest.mark.parametrize(("path", "value"), DAMAGES + UNKNOWN, ids=shown)
def test_what_the_schema_refuses_is_refused_by_its_name(tmp_path, path, value):
    with pytest.raises(BadFile) as caught:
        read(changed(path, value), tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / manifest.NAME}: ")
    # For a field within shapes or options, the message may name these.
    named = [step for step in path if isinstance(step, str)]
    assert any(name in str(caught.value) for name in named[1:] or named)


@pytest.mark.parametrize(("path", "value"), HARMLESS, ids=shown)
def test_what_the_schema_takes_is_read(tmp_path, path, value):
    vectors = VECTORS[1:] if (path, value) == (("vectors", 0), MISSING) else VECTORS
    assert read(changed(path, value), tmp_path) == vectors


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ((), [], "the manifest must be an object; not []"),
        (("schema_version",), 2, "schema_version must be 1, the only one that this version reads; not 2"),
        (("format",), "csv", 'format must be one of npz, text, onnx; not "csv"'),
        (("vectors",), [], "vectors must be a list of one or more vectors; not []"),
        (("made_with",), {}, "made_with must be packages and their versions, conv2d-reference-impl among them; not {}"),
        (("vectors", 1, "seed"), MISSING, "dtype, shapes, options; missing: seed"),
        (("vectors", 1, "sed"), 0, "dtype, shapes, options; unknown: sed"),
        (("vectors", 1, "seed"), True, "vectors[1].seed must be an integer >= 0; not true"),
        (("vectors", 1, "sha256"), "0", 'vectors[1].sha256 must be 64 hexadecimal digits in lower case; not "0"'),
        (("vectors", 1, "file"), "a.txt\n", r'ends in .npz, .txt, .pb, .integer or .real; not "a.txt\n"'),
        (("vectors", 1, "operation"), "conv3d", "vectors[1].operation must be one of conv2d, conv2d_backprop_input, "),
        (
            ("vectors", 1, "case"),
            "n1_h2w2c1_k3x3o1",
            "vectors[1].case: n1_h2w2c1_k3x3o1 is no convolution: kernel must",
        ),
        (("vectors", 1, "dtype"), "int8", 'vectors[1].dtype must be "float32", as conv2d_backprop_filter on n2_h7w9c4'),
        (("vectors", 1, "shapes", "expected"), [3, 2, 2, 5], '"expected": [3, 2, 2, 6]}, as conv2d_backprop_filter on'),
        (("vectors", 1, "options", "groups"), 1, '"groups": 2, "pads": [[1, 2], [0, 1]]}, as conv2d_backprop_filter'),
        (("left_out", 0, "reason"), 1, "left_out[0].reason must be a string; not 1"),
    ],
    ids=shown,
)
def test_manifest_that_is_refused_says_what_must_hold(tmp_path, path, value, said):
    with pytest.raises(BadFile) as caught:
        read(changed(path, value) if path else value, tmp_path)
    assert said in str(caught.value)


def test_real_data_of_integers_are_refused(tmp_path):
    vector = Vector("conv2d", CASE.with_dtype("int8"), "wide", 3, "a.txt", "0" * 64, "a.txt")
    with pytest.raises(BadFile, match=r"vectors\[0\].data must be integer, as int8 is no float; not \"wide\""):
        read({**DOCUMENT, "vectors": [vector.entry()]}, tmp_path)
