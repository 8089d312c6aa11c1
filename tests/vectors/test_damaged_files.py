"""Damaged and hostile files are named, with what must hold. None ends in a traceback, or takes much memory."""

from __future__ import annotations

import io
import json
import os
import random
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from typer.testing import CliRunner

from reference_impl.cases.case import Case
from reference_impl.cli import app
from reference_impl.vectors import array_files, manifest
from reference_impl.vectors import export as exporting
from reference_impl.vectors.array_files import BadFile
from reference_impl.vectors.compare import MISSING, UNREADABLE, compare, read_call

CASE = Case.parse("n1_h4w5c2_k2x2o3_FULL_int8")
SHAPE = (1, 5, 6, 3)
MOST = 16 << 20  # bytes


@pytest.fixture(params=["npz", "text"])
def file_format(request):
    return request.param


@pytest.fixture
def one(tmp_path, file_format):
    """A folder with one vector, the folder with its right result, and the vector."""
    folder, results = tmp_path / "vectors", tmp_path / "results"
    (vector,), _ = exporting.export(folder, [CASE], ["conv2d"], 0, file_format)
    results.mkdir()
    array_files.write(results / vector.result, {"result": array_files.read(folder / vector.file)["expected"]})
    return folder, results, vector


def judged(folder, results):
    """The outcome and the message, or those of the error; and the most memory that it took."""
    tracemalloc.start()
    try:
        (found,) = compare(folder, results)
        said = found.outcome, found.message
    except BadFile as error:
        said = "bad", str(error)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < MOST
    return said


def npy(shape, dtype="|i1", data=b"", version=b"\x01\x00"):
    """The bytes of an array whose header says what it likes."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H", len(header)) if version == b"\x01\x00" else struct.pack("<I", len(header))
    return b"\x93NUMPY" + version + length + header + data


def zipped(*members, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


@pytest.fixture(scope="module")
def bomb():
    """48 KiB of zip that unpack to 48 MiB of zeros, with a header that says 1 GiB."""
    file, part = io.BytesIO(), bytes(1 << 24)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("result.npy", "w") as member:
        member.write(npy(f"({1 << 30},)"))
        for _ in range(3):
            member.write(part)
    return file.getvalue()


def test_zip_that_unpacks_to_far_more_is_not_unpacked(tmp_path, bomb):
    folder, results = tmp_path / "vectors", tmp_path / "results"
    (vector,), _ = exporting.export(folder, [CASE], ["conv2d"], 0, "npz")
    results.mkdir()
    (results / vector.result).write_bytes(bomb)
    outcome, said = judged(folder, results)
    assert outcome == UNREADABLE
    assert "its header says int8 of shape (1073741824,)" in said


HOSTILE = {
    "2**70": (zipped(("result.npy", npy(f"({2**70},)"))), "result must take"),
    "2**70 and 0": (zipped(("result.npy", npy(f"(0, {2**70})"))), "must be an npz file"),
    "negative": (zipped(("result.npy", npy("(-1, -90)", data=bytes(90)))), "result must hold numbers"),
    "objects": (zipped(("result.npy", npy("(90,)", "|O"))), "result must hold numbers"),
    "fields": (zipped(("result.npy", npy("(90,)", "i1,i1"))), "must be an npz file"),
    "wide": (zipped(("result.npy", npy("(90,)", "|V2147483647"))), "result must take"),
    "short": (zipped(("result.npy", npy("(1, 5, 6, 3)", data=bytes(89)))), "result must have 90 bytes"),
    "more follows": (zipped(("result.npy", npy("(1, 5, 6, 3)", data=bytes(9100)))), "result must have 90 bytes"),
    "long header": (zipped(("result.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(1 << 20))), "must be an npz"),
    "nested header": (zipped(("result.npy", npy("(" * 1500 + ")" * 1500, version=b"\x02\x00"))), "must be an npz"),
    "version": (zipped(("result.npy", npy("(90,)", version=b"\x07\x00"))), "npy of version 1.0 or 2.0; not 7.0"),
    "twice": (zipped(("result.npy", npy("(1,)", data=b"1")), ("result", npy("(1,)", data=b"1"))), "is given twice"),
    "many": (zipped(*((f"{n}.npy", npy("(1,)", data=b"1")) for n in range(40))), "there must be 32 arrays at most"),
    "lzma": (zipped(("result.npy", npy("(1,)", data=b"1")), compression=zipfile.ZIP_LZMA), "stored or deflated"),
    "folder": (zipped(("../../result.npy", npy("(1, 5, 6, 3)", data=bytes(90)))), "must hold one array, named result"),
    "too large": (bytes(1 << 20), "must hold arrays of"),
    "empty": (b"", "must be an npz file"),
}


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("file_format", ["npz"], indirect=True)
def test_hostile_npz_is_named(one, hostile):
    folder, results, vector = one
    content, expected = HOSTILE[hostile]
    (results / vector.result).write_bytes(content)
    outcome, said = judged(folder, results)
    assert outcome == UNREADABLE
    assert str(results / vector.result) in said
    assert expected in said


@pytest.mark.parametrize("word", ["1_0", "0x10", "1e1", "٣", "1.", "--1", "+", "", "9" * 5000, "nan"])
def test_text_of_integers_takes_digits_alone(tmp_path, word):
    path = tmp_path / "a.txt"
    path.write_text(f"result int8 1 2 1 {word}", "utf-8")
    with pytest.raises(BadFile):
        array_files.read(path)


@pytest.mark.parametrize(
    "word", ["1_0", "1_0.5", "0x1_0", "0x", "1e", "e1", ".", "٣", "1,5", "nan(1)", "infinite", "1f"]
)
def test_text_of_floats_takes_what_c_writes_alone(tmp_path, word):
    path = tmp_path / "a.txt"
    path.write_text(f"result float32 1 1 {word}", "utf-8")
    with pytest.raises(BadFile):
        array_files.read(path)


@pytest.mark.parametrize(
    "word", ["+1", "-0.5", ".5", "5.", "1e-3", "1E+3", "0x1.8p-3", "-0X1P3", "inf", "-INF", "-nan", "Infinity"]
)
def test_text_of_floats_takes_each_form_of_c(tmp_path, word):
    path = tmp_path / "a.txt"
    path.write_text(f"result float64 1 1 {word}")
    expected = float.fromhex(word) if "x" in word.lower() else float(word)
    assert array_files.read(path)["result"].tobytes() == np.float64(expected).tobytes()


def flipped(content, chance):
    place = chance.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]


def cut(content, chance):
    return content[: chance.randrange(len(content))]


def doubled(content, chance):
    place = chance.randrange(len(content))
    return content[:place] * 2 + content[place:]


def digits(content, chance):
    """Another number in the place of one."""
    places = [place for place, byte in enumerate(content) if 48 <= byte < 58]
    place = chance.choice(places)
    number = str(chance.choice([0, 9, 2**31, 2**63, 2**64, 2**70, 10**400])).encode()
    return content[:place] + number + content[place + 1 :]


def at_the_start(content, chance):
    size = min(200, len(content))
    return bytes(chance.randrange(256) for _ in range(chance.randrange(1, size))) + content[size:]


MUTATIONS = (flipped, cut, doubled, digits, at_the_start)


@pytest.mark.parametrize("damage", MUTATIONS)
@pytest.mark.parametrize("of", ["result", "vector", "manifest"])
def test_random_damage_is_judged_or_named(one, damage, of):
    """Damage each file in 40 ways. The hash of a damaged vector is made to match, as nothing else would be read."""
    folder, results, vector = one
    path = {"result": results / vector.result, "vector": folder / vector.file, "manifest": folder / manifest.NAME}[of]
    whole, named = path.read_bytes(), (folder / manifest.NAME).read_text()
    outcomes = set()
    for seed in range(40):
        path.write_bytes(damage(whole, random.Random(seed)))
        if of == "vector":
            (folder / manifest.NAME).write_text(named.replace(vector.sha256, manifest.sha256(path)))
        outcome, said = judged(folder, results)
        outcomes.add(outcome)
        assert outcome in ("pass", "mistrusted", MISSING) or said
    assert outcomes & {"bad", UNREADABLE, "fail"} or damage is doubled  # a zip may have anything before it


def edited(change):
    def spoil(folder):
        document = json.loads((folder / manifest.NAME).read_text())
        change(document, document["vectors"])
        (folder / manifest.NAME).write_text(json.dumps(document))

    return spoil


def replaced(old, new):
    def spoil(folder):
        text = (folder / manifest.NAME).read_text()
        assert old in text
        (folder / manifest.NAME).write_text(text.replace(old, new, 1))

    return spoil


MANIFESTS = {
    "nested": (lambda folder: (folder / manifest.NAME).write_text("[" * 100_000), "few levels"),
    "nested value": (replaced('"seed": 0', '"seed": ' + "[" * 900 + "]" * 900), "seed must be an integer"),
    "no utf-8": (lambda folder: (folder / manifest.NAME).write_bytes(b"\xff"), "must be JSON"),
    "long name": (
        edited(lambda document, vectors: vectors[0].update(file="a" * 5000 + ".txt")),
        "of at most 250 letters",
    ),
    "dtype twice": (replaced('"dtype": "int8"', '"dtype": "int8", "dtype": "int8"'), "'dtype' is given twice"),
    "vector twice": (edited(lambda document, vectors: vectors.append(vectors[0])), "vectors[1] must have another file"),
    "result twice": (
        edited(lambda document, vectors: vectors.append(vectors[0] | {"file": f"a{vectors[0]['file'][-4:]}"})),
        "vectors[1] must have another result than vectors[0]",
    ),
    "call twice": (
        edited(
            lambda document, vectors: vectors.append(
                vectors[0] | dict.fromkeys(("file", "result"), f"a{vectors[0]['file'][-4:]}")
            )
        ),
        "vectors[1] must have another operation, case and data than vectors[0]",
    ),
    "format": (edited(lambda document, vectors: document.update(format="onnx")), "must be a file of the format onnx"),
}


@pytest.mark.parametrize("damage", MANIFESTS)
def test_hostile_manifest_is_named(one, damage):
    folder, results, _ = one
    spoil, expected = MANIFESTS[damage]
    spoil(folder)
    result = CliRunner().invoke(app, ["compare", str(folder), str(results)])
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    said = " ".join(result.output.split())
    assert str(folder / manifest.NAME) in said
    assert expected in said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("strides", np.array([2, 1]), "strides must be [1, 1], int64, for n1_h4w5c2_k2x2o3_FULL_int8; it is [2, 1]"),
        ("pads", np.zeros((2, 2), np.int64), "pads must be [[1, 1], [1, 1]], int64"),
        ("expected", np.zeros(SHAPE, np.float64), "expected must be int8 of shape (1, 5, 6, 3); it is float64"),
        ("gauge", np.zeros(SHAPE, np.float32), "gauge must be float64 of shape (1, 5, 6, 3); it is float32"),
        ("more", np.zeros(3), "must hold strides, dilations, pads, groups, input, filters, expected, gauge; it holds"),
    ],
)
def test_vector_that_contradicts_its_case_is_named(one, name, value, said):
    folder, _, vector = one
    path = folder / vector.file
    array_files.write(path, {**array_files.read(path), name: value})
    hashed = manifest.Vector(**{**vars(vector), "sha256": manifest.sha256(path)})
    with pytest.raises(BadFile) as caught:
        read_call(folder, hashed)
    assert said in str(caught.value)


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "stopped"]
)
def test_failed_export_leaves_nothing_and_the_next_one_works(tmp_path, monkeypatch, exists, error):
    folder = tmp_path / "vectors"
    if exists:
        folder.mkdir()
    wrote, whole = [], array_files.write

    def fails(path, arrays):
        if wrote:
            raise error
        wrote.append(path)
        whole(path, arrays)

    monkeypatch.setattr(array_files, "write", fails)
    words = ["export", str(folder), "--cases", str(CASE)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == (2 if isinstance(error, OSError) else 130)
    assert list(tmp_path.rglob("*")) == ([folder] if exists else [])
    monkeypatch.setattr(array_files, "write", whole)
    assert CliRunner().invoke(app, words).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"vectors"}
    assert len(manifest.read(folder)) == len(os.listdir(folder)) - 1 == 4
