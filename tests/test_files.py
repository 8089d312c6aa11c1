"""A file that a command writes is whole or as it was. Links stay links, and devices stay devices."""

from __future__ import annotations

import os
import pty
import stat
import threading
import tty
from pathlib import Path

import pytest

from reference_impl.files import check_writable, write_file

DATA = b"new\n" * 50_000
NOT_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every file")


@pytest.fixture
def terminal():
    """A character device of our own: the names of its two ends, and what was read from the other end."""
    other, own = pty.openpty()
    tty.setraw(own)
    yield Path(os.ttyname(own)), other
    os.close(own)
    os.close(other)


def test_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    write_file(tmp_path / "new", DATA)
    assert (tmp_path / "new").read_bytes() == DATA
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_pieces_are_written_one_after_the_other(tmp_path):
    write_file(tmp_path / "new", iter([b"one ", b"", b"two"]))
    assert (tmp_path / "new").read_bytes() == b"one two"


def test_file_that_exists_keeps_its_permissions(tmp_path):
    path = tmp_path / "old"
    path.write_text("old")
    path.chmod(0o640)
    write_file(path, DATA)
    assert path.read_bytes() == DATA
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("exists", [True, False])
def test_link_stays_a_link(tmp_path, exists):
    (tmp_path / "elsewhere").mkdir()
    there, link = tmp_path / "elsewhere" / "there", tmp_path / "link"
    if exists:
        there.write_text("old")
    link.symlink_to("elsewhere/there")
    check_writable(link)
    write_file(link, DATA)
    assert link.is_symlink()
    assert there.read_bytes() == DATA


def test_file_of_two_names_is_written_under_both(tmp_path):
    (tmp_path / "one").write_text("old")
    os.link(tmp_path / "one", tmp_path / "two")
    write_file(tmp_path / "two", DATA)
    assert (tmp_path / "one").read_bytes() == DATA


def test_pipe_is_written_to(tmp_path):
    path, read = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    check_writable(path)
    write_file(path, DATA)
    reader.join(10)
    assert read == [DATA]
    assert path.is_fifo()


def test_device_is_written_to_and_stays_a_device(terminal):
    path, other = terminal
    check_writable(path)
    write_file(path, b"new\n")
    assert os.read(other, 100) == b"new\n"
    assert path.is_char_device()


def test_link_to_a_device_is_written_through(tmp_path, terminal):
    path, other = terminal
    (tmp_path / "link").symlink_to(path)
    write_file(tmp_path / "link", b"new\n")
    assert os.read(other, 100) == b"new\n"
    assert path.is_char_device()


def test_old_file_stays_when_the_new_one_cannot_be_finished(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    path = tmp_path / "old"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(path, DATA)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_neighbour_of_a_like_name_is_left_alone(tmp_path):
    neighbour = tmp_path / "a.json.partial"
    neighbour.write_text("mine")
    write_file(tmp_path / "a.json", DATA)
    assert neighbour.read_text() == "mine"


def test_link_to_itself_is_refused_before_the_run(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ValueError, match="leads to itself"):
        check_writable(tmp_path / "loop")


def test_link_into_a_missing_folder_is_refused_before_the_run(tmp_path):
    (tmp_path / "link").symlink_to("missing/a.json")
    with pytest.raises(ValueError, match=r"there is no folder .*missing to write to"):
        check_writable(tmp_path / "link")


@NOT_ROOT
@pytest.mark.parametrize("mode", [0o444, 0o000])
def test_protected_file_is_refused_before_the_run_and_after(tmp_path, mode):
    path = tmp_path / "mine"
    path.write_text("mine")
    path.chmod(mode)
    with pytest.raises(ValueError, match="must be writable"):
        check_writable(path)
    with pytest.raises(PermissionError):
        write_file(path, DATA)
    path.chmod(0o600)
    assert path.read_text() == "mine"
