from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from retinue.builtin.datasets.csv_file import CsvFile
from retinue.errors import DataError


@pytest.fixture
def table(tmp_path, save_picture):
    """Return a function that writes a CSV file beside the pictures a.png to d.png, grey values 1 to 4."""
    for value, name in enumerate("abcd", start=1):
        save_picture(tmp_path / f"{name}.png", value)

    def write(text: str, encoding: str = "utf-8") -> Path:
        file = tmp_path / "labels.csv"
        file.write_bytes(text.encode(encoding))
        return file

    return write


def refusal(*args: object, **kwargs: object) -> str:
    with pytest.raises(DataError) as caught:
        CsvFile(*args, **kwargs)
    return str(caught.value)


def test_classification(table):
    dataset = CsvFile(table("path,label\na.png,rose\nb.png,daisy\nc.png,rose\n"))
    assert dataset.info.classes == ("daisy", "rose")
    assert dataset.info.channels == 3
    assert dataset.labels == [1, 0, 1]
    assert [sample["label"] for sample in dataset] == [1, 0, 1]
    assert [int(sample["image"][0, 0, 0]) for sample in dataset] == [1, 2, 3]
    assert [Path(sample["path"]).name for sample in dataset] == ["a.png", "b.png", "c.png"]


def test_other_columns_root_and_channels(table, tmp_path):
    file = table("id,file,kind\n7,a.png,x\n8,b.png,y\n")
    elsewhere = tmp_path / "tables"
    elsewhere.mkdir()
    file = file.rename(elsewhere / "t.csv")
    dataset = CsvFile(file, path="file", target="kind", root=tmp_path, channels=1)
    assert dataset.info.channels == 1
    assert dataset[1]["image"].shape == (1, 4, 6)
    assert dataset[1]["label"] == 1


def test_absolute_paths(table, tmp_path):
    file = table(f"path,label\n{tmp_path / 'a.png'},x\n").rename(tmp_path.parent / f"{tmp_path.name}.csv")
    assert CsvFile(file)[0]["path"] == str(tmp_path / "a.png")


def test_what_spreadsheets_write(table):
    text = 'path, label \r\na.png,"rose, red"\r\n\r\n"b.png", daisy\r\n'
    dataset = CsvFile(table(text, "utf-8-sig"))
    assert dataset.info.classes == ("daisy", "rose, red")
    assert dataset.labels == [1, 0]


def test_whole_numbers_are_ordered_by_value(table):
    dataset = CsvFile(table("path,label\na.png,10\nb.png,9\nc.png,0\n"))
    assert dataset.info.classes == ("0", "9", "10")


def test_listed_classes_fix_the_labels(table):
    file = table("path,label\na.png,rose\nb.png,daisy\n")
    dataset = CsvFile(file, classes=["tulip", "rose", "daisy"])
    assert dataset.info.classes == ("tulip", "rose", "daisy")
    assert dataset.labels == [1, 2]


def test_multilabel_in_columns(table):
    file = table("path,sun,sea\na.png,1,0\nb.png,1.0,True\nc.png,0.0,false\n")
    dataset = CsvFile(file, target=["sea", "sun"], task="multilabel")
    assert dataset.info.classes == ("sea", "sun")
    assert dataset.labels is None
    assert [sample["label"].tolist() for sample in dataset] == [[0, 1], [1, 1], [0, 0]]
    assert dataset[0]["label"].dtype == torch.float32


def test_multilabel_in_one_column(table):
    file = table("path,tags\na.png,sun|blue sea\nb.png, sun \nc.png,\n")
    dataset = CsvFile(file, target="tags", task="multilabel")
    assert dataset.info.classes == ("blue sea", "sun")
    assert [sample["label"].tolist() for sample in dataset] == [[1, 1], [0, 1], [0, 0]]
    listed = CsvFile(file, target="tags", task="multilabel", classes=["sun", "sand", "blue sea"])
    assert listed[0]["label"].tolist() == [1, 0, 1]


def test_regression(table):
    file = table("path,x,y\na.png,1.5,-2e3\nb.png,0,7\n")
    dataset = CsvFile(file, target=["y", "x"], task="regression")
    assert dataset.info.classes == ("y", "x")
    assert dataset.info.num_classes == 2
    assert dataset.labels is None
    assert "label" not in dataset[0]
    assert [sample["target"].tolist() for sample in dataset] == [[-2000, 1.5], [7, 0]]
    assert dataset[0]["target"].dtype == torch.float32
    one = CsvFile(file, target="x", task="regression")
    assert one.info.classes == ("x",)
    assert one[0]["target"].tolist() == [1.5]


def test_vectors_survive_pickling_and_writing(table):
    dataset = CsvFile(table("path,x\na.png,1\n"), target="x", task="regression")
    dataset[0]["target"].fill_(9)
    assert pickle.loads(pickle.dumps(dataset))[0]["target"].tolist() == [1]


def test_missing_file_says_what_is_beside_it(table):
    file = table("path,label\n")
    message = refusal(file.with_name("label.csv"))
    assert "label.csv: no such file; beside it there are labels.csv" in message
    assert 'did you mean "labels.csv"?' in message


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_empty_file(table, text):
    assert "labels.csv: is empty; the first line must name the columns" in refusal(table(text))


def test_no_rows(table):
    assert "has no rows below its column names" in refusal(table("path,label\n"))


def test_missing_column_lists_the_columns(table):
    file = table("Path,labels\na.png,x\n")
    assert refusal(file) == f'{file}: has no column "path", but Path, labels (did you mean "Path"?)'
    assert 'has no column "label", but Path, labels (did you mean "labels"?)' in refusal(file, path="Path")


def test_semicolons(table):
    assert "but path;label; commas must separate the columns" in refusal(table("path;label\na.png;x\n"))


def test_column_twice(table):
    assert 'has 2 columns "label"' in refusal(table("path,label,label\na.png,x,y\n"))


def test_every_mistake_has_its_line(table, tmp_path):
    file = table("path,label\na.png,x\n,y\n\nnot.png,\nb.png,\n")
    assert refusal(file).splitlines() == [
        f"{file}: 4 mistakes",
        '  line 3: the column "path" is empty',
        "  line 5: no such file: " + str(tmp_path / "not.png"),
        '  line 5: the column "label" is empty',
        '  line 6: the column "label" is empty',
        f"Paths start from {tmp_path}; set `root` to change that.",
    ]


def test_many_mistakes_are_counted(table):
    lines = refusal(table("path,label\n" + "".join(f"{n}.png,x\n" for n in range(40)))).splitlines()
    assert lines[0].endswith("labels.csv: 40 mistakes")
    assert [line.split(":")[0] for line in lines[1:6]] == [f"  line {n}" for n in range(2, 7)]
    assert lines[6] == "  and 35 more"


def test_rows_of_another_width(table):
    message = refusal(table("path,label\na.png,x\nb.png\nc.png,x,y\n"))
    assert "line 3: 1 cells, but there are 2 columns" in message
    assert "line 4: 3 cells, but there are 2 columns" in message


def test_no_number(table):
    message = refusal(table("path,x\na.png,1\nb.png,tall\nc.png,nan\nd.png,\n"), target="x", task="regression")
    assert 'line 3: the column "x" must be a number, not "tall"' in message
    assert 'line 4: the column "x" must be a number, not "nan"' in message
    assert 'line 5: the column "x" is empty' in message
    assert "3 mistakes" in message


def test_no_flag(table):
    message = refusal(table("path,sun\na.png,2\nb.png,\n"), target=["sun"], task="multilabel")
    assert 'line 2: the column "sun" must be 0 or 1, not "2"' in message
    assert 'line 3: the column "sun" is empty' in message


def test_class_that_is_not_listed(table):
    file = table("path,label\na.png,rose\nb.png,dasy\n")
    message = refusal(file, classes=["rose", "daisy"])
    assert 'line 3: "dasy" is not among the classes rose, daisy (did you mean "daisy"?)' in message
    assert '"rose" is not' in refusal(file, task="multilabel", classes=["daisy", "dasy"])


def test_classes_that_cannot_be_listed(table):
    file = table("path,label\na.png,1\n")
    assert "classes: 1 listed more than once" in refusal(file, classes=["1", "1"])
    assert "classes: not for regression" in refusal(file, task="regression", classes=["1"])
    assert "classes: not for several target columns" in refusal(
        file, target=["label"], task="multilabel", classes=["1"]
    )


def test_several_columns_for_classification(table):
    message = refusal(table("path,x,y\na.png,1,0\n"), target=["x", "y"])
    assert "classification takes one column, not ['x', 'y']; several are for multilabel" in message


def test_no_class_in_any_row(table):
    file = table("path,tags\na.png,\n")
    assert 'the column "tags" is empty in every row' in refusal(file, target="tags", task="multilabel")


def test_other_encoding(table):
    assert "is not UTF-8" in refusal(table("path,label\na.png,Gänseblümchen\n", "latin-1"))


def test_broken_quotes(table):
    assert "labels.csv:2: is not CSV" in refusal(table('path,label\n"a.png"x,y\n'))


def test_missing_root(table, tmp_path):
    assert "no such folder" in refusal(table("path,label\na.png,x\n"), root=tmp_path / "pictures")
