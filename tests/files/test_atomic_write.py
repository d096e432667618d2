"""A file appears whole, or what was there stays; nothing is left beside it."""

import errno
import os

import pytest

from bowerbird.files.atomic_write import atomic_write, check_output, put_in_place


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "file.txt"
    made.write_text("old")
    return made


def test_the_new_file_takes_the_old_ones_place_at_the_end(path):
    with atomic_write(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
        assert part.parent == path.parent  # else moving it could mean copying it
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_no_part(path, error):
    def broken(part):
        part.write_text("half")
        raise error

    with pytest.raises(error), atomic_write(path) as part:
        broken(part)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_refuses_leaves_the_old_file_and_no_part(path, monkeypatch, call):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left"), atomic_write(path) as part:
        part.write_text("new")
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_it_is_on_the_disk_before_it_is_moved(path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        call = getattr(os, name)

        def noted(*args, name=name, call=call):
            calls.append(name)
            return call(*args)

        monkeypatch.setattr(os, name, noted)
    with atomic_write(path) as part:
        part.write_text("new")
    assert calls == ["fsync", "replace"]


def test_a_complaint_names_the_file_that_was_wanted(tmp_path):
    wanted = tmp_path / "no" / "file.txt"
    with pytest.raises(FileNotFoundError) as error, atomic_write(wanted) as part:
        part.write_text("new")
    assert error.value.filename == str(wanted)
    assert ".part" not in str(error.value)


def test_a_file_is_synced_through_a_handle_that_may_write(path, monkeypatch):
    # Windows refuses to sync any other
    modes, real = [], type(path).open
    part = path.with_name("part")
    part.write_text("new")
    with monkeypatch.context() as patch:
        patch.setattr(type(path), "open", lambda self, mode: modes.append(mode) or real(self, mode))
        put_in_place(part, path)
    assert modes == ["r+b"]
    assert path.read_text() == "new"


def test_an_output_that_can_not_be_written_is_refused_before_any_work(path, tmp_path):
    check_output(path, force=True)
    check_output(tmp_path / "new", force=False)
    for place, words in (
        (path, "file.txt exists; add --force"),
        (tmp_path, "is a folder; give the name of a file"),
        (tmp_path / "no" / "file.txt", "does not exist; create"),
    ):
        with pytest.raises(ValueError, match=words):
            check_output(place, force=False)
    assert list(tmp_path.iterdir()) == [path], "the trial leaves nothing"


def test_a_folder_that_refuses_is_reported_by_the_outputs_name(tmp_path, monkeypatch):
    def refuse(self, *_):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(type(tmp_path), "open", refuse)
    with pytest.raises(PermissionError) as error:
        check_output(tmp_path / "file.txt", force=False)
    assert error.value.filename == str(tmp_path / "file.txt")
