"""Golden vectors: the files of `export`, and the verdicts of `compare` on other programs' results."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from manifest_schema import SCHEMA, VALIDATOR
from planted import Flipped, Right
from typer.testing import CliRunner

from examples.c.ctypes_backend import SOURCE, CKernel
from reference_impl.backends.definition import Definition
from reference_impl.cases.case import DTYPES, Case
from reference_impl.cli import app
from reference_impl.conformance import Capabilities, check_backend
from reference_impl.exact.formats import FORMATS
from reference_impl.operations import OPERATIONS
from reference_impl.vectors import array_files, manifest
from reference_impl.vectors.compare import read_call
from reference_impl.verdicts.call import numpy_dtype

CASE = "n2_h7w9c3_k3x2o4_s2x3_p1,2,0,1"
SPECS = (CASE, "n2_h5w6c4_k2x3o6_d1x2_g2_SAME_float64", "n1_h4w5c2_k2x2o3_FULL_int8", "n0_h5w6c3_k3x2o4_float16")


def run(*words):
    return CliRunner().invoke(app, list(map(str, words)), terminal_width=100)


def exported(folder, *options, cases=SPECS, file_format="text"):
    words = [word for case in cases for word in ("--cases", case)]
    result = run("export", folder, "--format", file_format, *words, *options)
    assert result.exit_code == 0, result.output
    return folder


def answered(folder, results, backend):
    """Write the results of a program that asks `backend`."""
    results.mkdir()
    for vector in manifest.read(folder):
        array_files.write(results / vector.result, {"result": read_call(folder, vector).run(backend)})
    return results


@pytest.fixture(params=array_files.SUFFIXES)
def file_format(request):
    return request.param


@pytest.fixture
def vectors(tmp_path, file_format):
    return exported(tmp_path / "vectors", file_format=file_format)


@pytest.fixture
def one(tmp_path, file_format):
    """A single vector with its right result, to be spoilt: the two folders and the file's name."""
    folder = exported(tmp_path / "one", "--operation", "conv2d", cases=[SPECS[2]], file_format=file_format)
    results = answered(folder, tmp_path / "results", Right())
    return folder, results, f"conv2d.{SPECS[2]}.integer{array_files.SUFFIXES[file_format]}"


def test_export_gives_the_same_bytes_again(vectors, tmp_path, file_format):
    again = exported(tmp_path / "again", file_format=file_format)
    assert {path.name: path.read_bytes() for path in vectors.iterdir()} == {
        path.name: path.read_bytes() for path in again.iterdir()
    }


def test_npz_holds_no_time_of_writing(tmp_path):
    array_files.write(tmp_path / "some.npz", {"result": np.zeros(3)})
    (member,) = zipfile.ZipFile(tmp_path / "some.npz").infolist()
    assert member.date_time == (1980, 1, 1, 0, 0, 0)
    assert member.compress_type == zipfile.ZIP_STORED


def test_another_seed_gives_other_data(tmp_path):
    folders = [exported(tmp_path / seed, "--seed", seed, cases=[CASE]) for seed in "01"]
    first, second = ({vector.sha256 for vector in manifest.read(folder)} for folder in folders)
    assert len(first) == len(second) == 8
    assert not first & second


def test_manifest_fits_its_schema_and_names_every_file(vectors):
    Draft202012Validator.check_schema(SCHEMA)
    document = json.loads((vectors / "manifest.json").read_text())
    VALIDATOR.validate(document)
    assert {entry["file"] for entry in document["vectors"]} == {path.name for path in vectors.iterdir()} - {
        "manifest.json"
    }
    # Four operations: on integers in four cases, and on real data in the three float cases.
    assert len(document["vectors"]) == 4 * (4 + 3)


SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1 / 3, 1e-45, 3e-8, 1e38]


# npz has no bfloat16: see test_export_refuses.
@pytest.mark.parametrize(
    ("file_format", "dtype"),
    [(name, dtype) for name in array_files.SUFFIXES for dtype in DTYPES if (name, dtype) != ("npz", "bfloat16")],
)
def test_files_keep_every_bit(tmp_path, file_format, dtype):
    target = numpy_dtype(dtype)
    if dtype in FORMATS:
        drawn = np.random.default_rng(0).integers(0, 256, (500, target.itemsize), np.uint8).view(target).ravel()
        with np.errstate(all="ignore"):
            drawn = drawn[np.isfinite(drawn)]
            special = np.array([*SPECIAL, FORMATS[dtype].smallest_subnormal]).astype(target)
        values = np.concatenate([drawn, special])
    else:
        limits = np.iinfo(target)
        values = np.array([limits.min, limits.max, 0, 1], target)
    path = tmp_path / f"some{array_files.SUFFIXES[file_format]}"
    array_files.write(path, {"result": values, "none": values.reshape(1, -1)[:0]})
    found = array_files.read(path)
    assert found["result"].dtype == target
    assert found["result"].tobytes() == values.tobytes()
    assert found["none"].shape == (0, values.size)


def test_text_reads_what_c_and_rust_write(tmp_path):
    path = tmp_path / "some.txt"
    path.write_text("result float32 1 5\n0x1.8p+1 1e-3 NaN -inf\t1.40129846e-45 ")
    expected = np.array([3, np.float32(1e-3), np.nan, -np.inf, 2.0**-149], np.float32)
    assert array_files.read(path)["result"].tobytes() == expected.tobytes()


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("word", ["integer", "real"])
def test_expected_and_gauge_are_the_definitions(tmp_path, operation, word):
    case = Case.parse(SPECS[1])
    folder = exported(tmp_path / "vectors", "--operation", operation, cases=[case])
    (vector,) = (one for one in manifest.read(folder) if f".{word}." in one.file)
    arrays, call = array_files.read(folder / vector.file), read_call(folder, vector)
    assert arrays["expected"].tobytes() == call.run(Definition()).tobytes()
    assert arrays["gauge"].tobytes() == call.with_arrays(np.abs).run(Definition()).tobytes()


def test_vector_holds_the_arguments_with_the_padding_resolved(tmp_path):
    folder = exported(tmp_path / "vectors", "--operation", "conv2d_transpose", cases=["n2_h5w6c4_k2x3o6_s2x3_SAME"])
    arrays = array_files.read(folder / manifest.read(folder)[0].file)
    assert list(arrays) == [
        "strides",
        "dilations",
        "pads",
        "groups",
        "output_shape",
        "input",
        "filters",
        "expected",
        "gauge",
    ]
    assert arrays["pads"].tolist() == [[0, 1], [0, 0]]
    assert arrays["output_shape"].tolist() == list(arrays["expected"].shape) == [2, 5, 6, 4]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "csv"], "--format: must be one of npz, text, onnx; not 'csv'"),
        (["--operation", "conv3d"], "must be one of conv2d"),
        (["--dtype", "complex64"], "must be one of int8"),
        (["--cases", "nothing"], "there is no catalogue and no file 'nothing'"),
        (["--cases", CASE, "--dtype", "bfloat16"], "npz has no bfloat16; use the text format"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_export_refuses(tmp_path, words, said):
    result = run("export", tmp_path / "vectors", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert not (tmp_path / "vectors").exists()


def test_export_names_the_extra_that_onnx_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = run("export", tmp_path / "vectors", "--format", "onnx", "--cases", CASE)
    assert result.exit_code == 2
    assert "needs the package onnx: pip install 'conv2d-reference-impl[onnx]'" in " ".join(result.output.split())


def test_export_refuses_a_folder_that_holds_something(vectors):
    result = run("export", vectors, "--cases", CASE)
    assert result.exit_code == 2
    assert "must be a new or an empty folder" in " ".join(result.output.split())


def test_compare_passes_right_results(vectors, tmp_path):
    result = run("compare", vectors, answered(vectors, tmp_path / "results", Right()))
    assert result.exit_code == 0, result.output
    assert "28 vectors: 28 pass." in result.output


def test_compare_catches_and_names_a_mistake(tmp_path, file_format):
    folder = exported(tmp_path / "vectors", "--operation", "conv2d", cases=[CASE], file_format=file_format)
    result = run("compare", folder, answered(folder, tmp_path / "results", Flipped()))
    assert result.exit_code == 1
    for said in (
        f"conv2d.{CASE}.integer",
        "check: exact (answers, and wrongly); integer data",
        "check: rounded (answers, and wrongly)",
        "on integers the answer must equal the oracle's",
        "elements are wrong",
        "they lie: everywhere",
        "matches *kernel-flipped*, as do",
    ):
        assert said in result.output


class SlightlyOff(Right):
    """Right on integers; real answers are wrong by some 50 units."""

    def spoil(self, answer, arrays):
        return answer if not (arrays[0] % 1).any() else (answer * (1 + 50 * 2.0**-23)).astype(answer.dtype)


def test_compare_catches_what_is_wrong_on_real_data_alone(tmp_path):
    folder = exported(tmp_path / "vectors", "--operation", "conv2d", cases=[CASE])
    result = run("compare", folder, answered(folder, tmp_path / "results", SlightlyOff()))
    assert result.exit_code == 1
    assert "must be within 16 eps * gauge of the exact one" in result.output
    assert "2 vectors: 1 pass, 1 fail." in result.output


def test_compare_mistrusts_what_thin_data_cannot_prove(tmp_path):
    folder = exported(tmp_path / "vectors", "--operation", "conv2d", cases=["n1_h3w3c40_k3x3o1_p20,20,20,20_bfloat16"])
    result = run("compare", folder, answered(folder, tmp_path / "results", Right()))
    assert result.exit_code == 0
    assert "2 vectors: 1 pass, 1 mistrusted." in result.output


def test_missing_result_is_missing_and_a_foreign_one_is_named(one):
    folder, results, name = one
    (results / name).rename(results / f"x{name}")
    result = run("compare", folder, results)
    assert result.exit_code == 1
    assert f"MISSING  {results / name}: each vector must have a result" in result.output
    assert f"Not judged, as the manifest names no such result: x{name}" in result.output
    assert "1 vectors: 1 missing." in result.output


RIGHT_SHAPE = (1, 5, 6, 3)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"answer": np.zeros(RIGHT_SHAPE, np.int8)}, "must hold one array, named result; it holds answer"),
        ({"result": np.zeros(RIGHT_SHAPE, np.int8), "more": np.zeros(1)}, "it holds result, more"),
        ({}, "must hold one array, named result; it holds none"),
        ({"result": np.zeros((1, 5, 6), np.int8)}, "the answer's shape must be (1, 5, 6, 3), not (1, 5, 6)"),
        ({"result": np.zeros(RIGHT_SHAPE, np.int16)}, "the answer's dtype must be int8, not int16"),
        ({"result": np.zeros(RIGHT_SHAPE, np.int8)}, "90 of 90 elements are wrong"),
        ({"result": np.full(RIGHT_SHAPE, np.nan)}, "the answer's dtype must be int8, not float64"),
    ],
    ids=["name", "two", "none", "shape", "dtype", "zeros", "nan"],
)
def test_compare_fails_a_wrong_result(one, arrays, said):
    folder, results, name = one
    array_files.write(results / name, arrays)
    result = run("compare", folder, results)
    assert result.exit_code == 1
    assert str(results / name) in result.output
    assert said in result.output


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xd8\xff", {"text": "must be plain ASCII text; byte 0 is not", "npz": "must be an npz file of arrays"}),
        (b"{}", {"text": "an array must begin with its name, dtype", "npz": "must be an npz file of arrays"}),
        (b"result int8 4 1 5 6 3\n1\n2\n", {"text": "result must have 90 numbers", "npz": "must be an npz file"}),
        (b"result int8 4 1 5", {"text": "as many sizes must follow", "npz": "must be an npz file"}),
        (b"result int8 1 1\n128", {"text": "128 is outside -128 to 127", "npz": "must be an npz file"}),
        (b"result int8 1 1\n1.5", {"text": "result must hold numbers of int8", "npz": "must be an npz file"}),
        (b"result int8 1 1\n1 2", {"text": "an array must begin with its name", "npz": "must be an npz file"}),
        (b"result int8 1 0 result int8 1 0", {"text": "result is given twice", "npz": "must be an npz file"}),
    ],
    ids=["binary", "json", "truncated", "no sizes", "too large", "fraction", "too many", "twice"],
)
def test_compare_names_a_result_that_cannot_be_read(one, file_format, content, said):
    folder, results, name = one
    (results / name).write_bytes(content)
    result = run("compare", folder, results)
    assert result.exit_code == 1
    assert f"UNREADABLE  {results / name}: conv2d on {SPECS[2]}" in result.output
    assert said[file_format] in result.output


def _truncated(path):
    path.write_bytes(path.read_bytes()[:-200])


def _pickled(path):
    np.savez(path, result=np.array([object()]))


def _single(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


@pytest.mark.parametrize("spoil", [_truncated, _pickled, _single])
@pytest.mark.parametrize("file_format", ["npz"], indirect=True)
def test_compare_reads_no_broken_zips_and_no_pickles(one, spoil):
    folder, results, name = one
    spoil(results / name)
    result = run("compare", folder, results)
    assert result.exit_code == 1
    assert f"{results / name}: must be an npz file of arrays without pickles" in result.output


def _edited(change):
    def spoil(folder, name):
        document = json.loads((folder / "manifest.json").read_text())
        change(document, document["vectors"][0])
        (folder / "manifest.json").write_text(json.dumps(document))

    return spoil


def _tampered(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def _exchanged(folder, name):
    """Another call's arrays, and a hash to match."""
    array_files.write(
        folder / name, {"input": np.zeros((1, 2, 2, 1), np.int8), "filters": np.zeros((2, 2, 2, 3), np.int8)}
    )
    _edited(lambda document, entry: entry.update(sha256=manifest.sha256(folder / name)))(folder, name)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_tampered, "must be as exported, with SHA-256"),
        (_exchanged, "must hold input, int8 of shape (1, 4, 5, 2)"),
        (lambda folder, name: (folder / name).unlink(), "must be there, as the manifest names it"),
        (lambda folder, name: (folder / "manifest.json").unlink(), "manifest.json: must be there"),
        (lambda folder, name: (folder / "manifest.json").write_text('{"a":'), "manifest.json: must be JSON"),
        (lambda folder, name: (folder / "manifest.json").write_text("[]"), "the manifest must be an object; not []"),
        (_edited(lambda document, entry: document.update(schema_version=2)), "schema_version must be 1"),
        (
            _edited(lambda document, entry: document.update(vectors=[])),
            "vectors must be a list of one or more vectors; not []",
        ),
        (
            _edited(lambda document, entry: entry.update(result="../x.npz")),
            "vectors[0].result must be a name without a folder",
        ),
        (_edited(lambda document, entry: entry.update(sha256="0")), "vectors[0].sha256 must be 64 hexadecimal digits"),
        (_edited(lambda document, entry: entry.pop("seed")), "missing: seed"),
        (_edited(lambda document, entry: entry.update(case="n1_h2w2c1_k3x3o1")), "kernel must fit"),
        (
            _edited(lambda document, entry: entry.update(data="wide")),
            "vectors[0].data must be integer, as int8 is no float",
        ),
    ],
    ids=[
        "tampered",
        "exchanged",
        "lost",
        "no-manifest",
        "no-json",
        "list",
        "version",
        "empty",
        "path",
        "hash",
        "seed",
        "case",
        "data",
    ],
)
def test_compare_refuses_vectors_that_are_not_as_exported(one, spoil, said):
    folder, results, name = one
    spoil(folder, name)
    result = run("compare", folder, results)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


OLD_NAMES = ("reference_impl.conformance.data.integer_call", "reference_impl.conformance.real_data.real_problem")


@pytest.mark.parametrize("made_by", OLD_NAMES)
def test_compare_judges_by_vectors_that_an_earlier_version_exported(one, made_by):
    folder, results, name = one
    _edited(lambda document, entry: entry.update(made_by=made_by))(folder, name)
    result = run("compare", folder, results)
    assert result.exit_code == 0, result.output
    assert "1 vectors: 1 pass." in result.output


def test_compare_needs_a_folder_of_results(one):
    result = run("compare", one[0], one[1] / "nothing")
    assert result.exit_code == 2
    assert "RESULTS must be a folder" in result.output


@pytest.fixture(scope="session")
def compiler():
    """The C compiler. Tests that need it are skipped where there is none; .ci/run insists on one."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler cc")
    return "cc"


def answered_in_c(compiler, folder, results, *flags):
    program = results.parent / "conv2d"
    strict = "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"
    subprocess.run([compiler, *strict, *flags, SOURCE, "-o", program], check=True)
    results.mkdir()
    subprocess.run([program, results, *sorted(folder.glob("*.txt"))], check=True)
    return results


C_CASES = (CASE, "n2_h9w7c6_k3x2o4_s2x1_d2x3_g2_SAME", "n0_h5w6c2_k3x2o4")


def test_c_program_answers_rightly(compiler, tmp_path):
    folder = exported(tmp_path / "vectors", cases=C_CASES)
    result = run("compare", folder, answered_in_c(compiler, folder, tmp_path / "results"))
    assert result.exit_code == 0, result.output
    assert "24 vectors: 24 pass." in result.output


def test_c_program_that_flips_the_kernel_is_caught(compiler, tmp_path):
    folder = exported(tmp_path / "vectors", "--operation", "conv2d", cases=C_CASES)
    result = run("compare", folder, answered_in_c(compiler, folder, tmp_path / "results", "-DFLIPPED"))
    assert result.exit_code == 1
    assert "matches *kernel-flipped*" in result.output
    assert "6 vectors: 2 pass, 4 fail." in result.output


def test_c_program_names_a_file_that_is_no_vector(compiler, tmp_path):
    folder = exported(tmp_path / "vectors", "--operation", "conv2d", cases=[CASE])
    (folder / "conv2d.foreign.txt").write_text("input float32 4 1 2")
    with pytest.raises(subprocess.CalledProcessError):
        answered_in_c(compiler, folder, tmp_path / "results")


# A program in another language: how it is made, and run on a folder of results. The tools are not everywhere.
EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = {
    "node": lambda folder: ["node", EXAMPLES / "javascript" / "conv2d.mjs"],
    "rustc": lambda folder: [compiled_by_rust(folder)],
}


def compiled_by_rust(folder):
    program = folder / "conv2d_in_rust"
    subprocess.run(["rustc", "-O", "-D", "warnings", EXAMPLES / "rust" / "conv2d.rs", "-o", program], check=True)
    return program


@pytest.mark.parametrize("tool", PROGRAMS)
def test_program_in_another_language_reads_the_text_and_answers_rightly(tool, tmp_path):
    if shutil.which(tool) is None:
        pytest.skip(f"there is no {tool}")
    folder, words = exported(tmp_path / "vectors", cases=C_CASES), PROGRAMS[tool](tmp_path)
    for environment, said, status in (
        ({}, "24 vectors: 24 pass.", 0),
        ({"FLIPPED": "1"}, "matches *kernel-flipped*", 1),
    ):
        results = tmp_path / f"results{status}"
        results.mkdir()
        command = [*words, results, *sorted(folder.glob("*.txt"))]
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        assert "of 12 integer vectors are answered with the expected numbers" in done.stdout
        result = run("compare", folder, results)
        assert result.exit_code == status, result.output
        assert said in result.output


def test_archive_has_the_same_bytes_again_whatever_the_folder_is_called(tmp_path):
    hashes = set()
    for name in ("one", "two"):
        archive = tmp_path / f"{name}.tar"
        exported(tmp_path / name, "--archive", archive, cases=[CASE])
        hashes.add(manifest.sha256(archive))
    assert len(hashes) == 1
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "there", filter="data")
        assert {member.mtime for member in tar} == {0}
    vectors = manifest.read(tmp_path / "there" / "golden-vectors")
    assert len(vectors) == 8
    assert all(manifest.sha256(tmp_path / "there" / "golden-vectors" / one.file) == one.sha256 for one in vectors)


def test_archive_that_cannot_be_written_is_bad_usage_before_any_work(tmp_path):
    result = run("export", tmp_path / "vectors", "--cases", CASE, "--archive", tmp_path / "none" / "a.tar")
    assert result.exit_code == 2
    assert not (tmp_path / "vectors").exists()


def test_c_kernel_is_a_backend_by_ctypes(compiler):
    report = check_backend(CKernel(), [*C_CASES, "n1_h7w9c2_k3x4o3_s1x2_SAME_LOWER"])
    assert report.passed, report


def test_c_kernel_that_is_wrong_is_diagnosed(compiler):
    class FlippedInC(CKernel):
        flags = ("-DFLIPPED",)
        capabilities = Capabilities(operations=("conv2d",), dtypes=("float32",))

    report = check_backend(FlippedInC(), [CASE])
    assert not report.passed
    assert "matches *kernel-flipped*" in str(report)
