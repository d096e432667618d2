"""Delimited files: encodings, delimiters, what is not a table, and writing."""

import math

import pytest

from bowerbird.errors import SeriesError, TableError
from bowerbird.files.delimited import detect_format, read_rows, write_rows
from bowerbird.prediction.data.table import read_table
from bowerbird.prediction.series.file import read_series


@pytest.fixture
def write(tmp_path):
    def put(content):
        path = tmp_path / "t.csv"
        path.write_bytes(content)
        return path

    return put


@pytest.mark.parametrize(
    ("encoding", "noted"),
    [
        ("utf-8", False),
        ("utf-8-sig", False),
        ("utf-16", False),
        ("utf-32", False),
        ("cp1252", True),
    ],
)
def test_common_encodings_are_detected(write, encoding, noted):
    path = write("Größe\tOrt\n1,5\tÉvreux\n2\t€\n".encode(encoding))
    table = read_table(path)
    assert list(table.frame.columns) == ["Größe", "Ort"]
    assert table.frame["Ort"].tolist() == ["Évreux", "€"]
    assert bool(table.notes) == noted


def test_big_endian_utf_16(write):
    assert read_table(write(b"\xfe\xff" + "ä,b\n1,2\n".encode("utf-16-be"))).frame["ä"][2] == "1"


def test_bytes_that_are_undefined_in_windows_1252(write):
    file = detect_format(write(b"a,b\n\x81\xe9,1\n"))
    assert file.encoding == "latin-1"
    assert "was read as Latin-1" in file.notes[0]


def test_a_character_may_be_split_between_two_chunks(write, monkeypatch):
    monkeypatch.setattr("bowerbird.files.delimited.CHUNK", 5)
    assert detect_format(write("a,ä,ö,ü\nß,€,1,2\n".encode())).encoding == "utf-8-sig"
    assert detect_format(write("a,b\n1,é".encode()[:-1])).encoding == "cp1252"  # cut off


@pytest.mark.parametrize("delimiter", [";", ",", "\t", ":"])
def test_excel_names_the_delimiter_in_the_first_line(write, delimiter):
    d = delimiter
    table = read_table(write(f"sep={d}\r\na{d}b\r\n1{d}x y z\r\n".encode()))
    assert (table.delimiter, table.frame.index.tolist()) == (d, [3])
    assert table.frame.loc[3].tolist() == ["1", "x y z"]


def test_empty_cells_at_the_end_of_a_line_are_ignored(write):
    table = read_table(write(b"a;b\n1;2;\n3;4; ;\n"))
    assert table.frame["b"].tolist() == ["2", "4"]


def test_lines_of_an_old_mac(write):
    assert read_table(write(b"a;b\r1;2\r3;4\r")).frame["b"].tolist() == ["2", "4"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfea", "damaged"),
        (b"\x1f\x8b\x08abc", "is compressed"),
        (b"a,b\n\x01\x02,3\n", "not a text file"),
        ("a,b\n1,2\n".encode("utf-16-le"), "not a text file"),
        ("\ufeff \n".encode(), "is empty"),
        (b"sep=;\n", "no rows"),
        (b"1990-01,3.5\n1990-02,4\n", "where the names of its columns should be"),
    ],
)
def test_tables_and_series_refuse_the_same_files(write, content, words):
    path = write(content)
    with pytest.raises(TableError, match=words) as first:
        read_table(path)
    with pytest.raises(SeriesError) as second:
        read_series(path)
    assert str(second.value) == str(first.value)


def test_rows_have_the_line_where_they_start():
    lines = ["a;b\n", "\n", '"x\n', 'y"; 2\n', "3\n"]
    rows = list(read_rows(lines, ";", "t.csv", first_line=5))
    assert rows == [(5, ["a", "b"]), (7, ["x\ny", " 2"]), (9, ["3"])]
    with pytest.raises(TableError, match=r"t.csv is not .* in the row that starts in line 2\)"):
        list(read_rows(["a,b\n", '"x,1\n', "2,3\n"], ",", "t.csv"))


def test_written_rows(tmp_path):
    path = tmp_path / "t.csv"
    rows = [["x;y", 1234.5678, 2], [None, math.nan, "1.5"]]
    write_rows(path, ["a", "b", "c"], rows, delimiter=";", decimal=",", digits=7)
    assert path.read_text() == 'a;b;c\n"x;y";1234,568;2\n;;1.5\n'
    write_rows(path, ["a"], [[1 / 3], [math.inf]])
    assert path.read_text() == "a\n0.333333\ninf\n"
