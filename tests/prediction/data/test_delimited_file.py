"""Files as rows: encodings, the sign between cells, and what is no text."""

import pytest

from bowerbird.errors import SeriesError, TableError
from bowerbird.prediction.data.delimited_file import look_into
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
def test_usual_encodings_are_read(write, encoding, noted):
    path = write("Größe\tOrt\n1,5\tÉvreux\n2\t€\n".encode(encoding))
    table = read_table(path)
    assert list(table.frame.columns) == ["Größe", "Ort"]
    assert table.frame["Ort"].tolist() == ["Évreux", "€"]
    assert bool(table.notes) == noted


def test_big_endian_utf_16(write):
    assert read_table(write(b"\xfe\xff" + "ä,b\n1,2\n".encode("utf-16-be"))).frame["ä"][2] == "1"


def test_bytes_that_windows_1252_does_not_have(write):
    found = look_into(write(b"a,b\n\x81\xe9,1\n"))
    assert found.encoding == "latin-1"
    assert "was read as Latin-1" in found.notes[0]


def test_a_letter_of_several_bytes_may_lie_on_the_border_of_two_chunks(write, monkeypatch):
    monkeypatch.setattr("bowerbird.prediction.data.delimited_file.CHUNK", 5)
    assert look_into(write("a,ä,ö,ü\nß,€,1,2\n".encode())).encoding == "utf-8-sig"
    assert look_into(write("a,b\n1,é".encode()[:-1])).encoding == "cp1252"  # cut off


@pytest.mark.parametrize("sign", [";", ",", "\t", ":"])
def test_the_first_line_of_excel_tells_the_sign(write, sign):
    table = read_table(write(f"sep={sign}\r\na{sign}b\r\n1{sign}x y z\r\n".encode()))
    assert (table.sign, table.frame.index.tolist()) == (sign, [3])
    assert table.frame.loc[3].tolist() == ["1", "x y z"]


def test_empty_cells_at_the_end_of_a_line_are_no_cells(write):
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
def test_what_is_no_table_is_refused_for_a_series_alike(write, content, words):
    path = write(content)
    with pytest.raises(TableError, match=words) as told:
        read_table(path)
    with pytest.raises(SeriesError) as again:
        read_series(path)
    assert str(again.value) == str(told.value)
