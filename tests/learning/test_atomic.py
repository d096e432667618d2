"""A file appears whole, or what was there stays; nothing is left beside it."""

import errno
import os

import pytest

from bowerbird.learning.atomic import whole


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "file.txt"
    made.write_text("old")
    return made


def test_the_new_file_takes_the_old_ones_place_at_the_end(path):
    with whole(path) as part:
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

    with pytest.raises(error), whole(path) as part:
        broken(part)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_refuses_leaves_the_old_file_and_no_part(path, monkeypatch, call):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left"), whole(path) as part:
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
    with whole(path) as part:
        part.write_text("new")
    assert calls == ["fsync", "replace"]


def test_a_complaint_names_the_file_that_was_wanted(tmp_path):
    wanted = tmp_path / "no" / "file.txt"
    with pytest.raises(FileNotFoundError) as error, whole(wanted) as part:
        part.write_text("new")
    assert error.value.filename == str(wanted)
    assert ".part" not in str(error.value)
