import numpy as np
import pytest

from bowerbird.errors import TableError
from bowerbird.prediction.data.table import missing_words_to_nan, read_table


@pytest.fixture
def write(tmp_path):
    def put(text, name="t.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return put


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected(write, delimiter):
    text = delimiter.join(["name", "a b", "c"]) + "\n"
    row = [f'"x{delimiter} y"', "{}", "1.5"]
    text += "".join(delimiter.join(row).format(i) + "\n" for i in range(30))
    table = read_table(write(text))
    assert list(table.frame.columns) == ["name", "a b", "c"]
    assert table.frame.loc[4].tolist() == [f"x{delimiter} y", "2", "1.5"]
    assert table.rows == 30
    assert table.delimiter == delimiter


def test_a_decimal_comma_is_not_a_delimiter(write):
    table = read_table(write("a;b\n1,5;2,25\n3,5;4\n"))
    assert table.frame.loc[2].tolist() == ["1,5", "2,25"]


def test_blank_lines_quotes_byte_order_marks_and_missing_cells(write):
    table = read_table(write('\ufeffa,b\n1,?\n\n , \n"x ""y""\nz", NaN \n'))
    assert table.frame["a"].tolist() == ["1", 'x "y"\nz']
    assert table.frame["b"].isna().all()


def test_the_index_is_the_line_of_the_file(write):
    table = read_table(write('a,b\n1,2\n\n"x\ny",3\n , \n4\n'))
    assert table.frame.index.tolist() == [2, 4, 7]
    assert table.frame["b"].isna().tolist() == [False, False, True]


def test_words_that_may_be_a_class_are_not_missing(write):
    table = read_table(write("a,b\n1,None\n2,NA\n3,n/a\nnull,none\n"))
    assert table.frame["b"].tolist()[:2] == ["None", "NA"]
    assert table.frame["b"].isna().tolist() == [False, False, True]  # the last row is empty
    assert missing_words_to_nan(table.frame["b"]).isna().all()


def test_one_column(write):
    assert read_table(write("a\n1\n2\n")).frame["a"].tolist() == ["1", "2"]


def test_names_left_empty_by_spreadsheets(write):
    assert list(read_table(write(",a\n0,5\n1,6\n")).frame.columns) == ["column 1", "a"]


def test_a_sample_of_many_rows_is_uniform(write):
    path = write("n\n" + "".join(f"{i}\n" for i in range(50_000)))
    table = read_table(path, max_rows=2000, seed=1)
    numbers = table.frame["n"].astype(int).to_numpy()
    assert table.rows == 50_000
    assert len(np.unique(numbers)) == 2000
    assert np.array_equal(table.frame.index, numbers + 2)  # rows keep their lines
    assert (np.diff(numbers) > 0).all()
    # the mean of 2,000 of 50,000: 25,000, with a standard error of 323
    assert abs(numbers.mean() - 25_000) < 4 * 323
    assert not read_table(path, max_rows=2000, seed=2).frame.index.equals(table.frame.index)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("  \n\n", "is empty"),
        ("a,b\n", "no rows"),
        ("1,2.5,x\n3,4,y\n", "numbers (1, 2.5)"),
        ("a,b,a\n1,2,3\n", "2 columns named a"),
        ("a,b\n1,2\n1,2,3\n", "line 3 has 3 cells, and the first line 2"),
        (b"PK\x03\x04abc", "spreadsheet"),
        (b"a,b\n1,\x00\n", "not a text file"),
        ('a,b\n1,2\n"1,2\n3,4\n', "in the row that starts in line 3); check its quotation marks"),
    ],
)
def test_files_that_are_not_tables(write, text, words):
    path = write(text)
    with pytest.raises(TableError) as caught:
        read_table(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_windows_1252_is_detected_anywhere_in_a_file(write):
    row = b"1," + b"x" * 38 + b"\n"
    path = write(b"a,b\n" + 50_000 * row + "é €,3\n".encode("cp1252"))  # after 2 MB
    table = read_table(path)
    assert table.frame["a"].iloc[-1] == "é €"
    assert table.notes == (f"{path} is not UTF-8 and was read as Windows-1252; check its accents",)


def test_a_folder_and_a_missing_file(tmp_path):
    with pytest.raises(TableError, match="folder"):
        read_table(tmp_path)
    with pytest.raises(TableError, match="does not exist"):
        read_table(tmp_path / "no.csv")
