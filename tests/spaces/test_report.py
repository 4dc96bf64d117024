import numpy as np
import pytest

from search.tasks.registry import find_task
from spaces.report import TABLES
from trainables.cnn.data import CLASSES, WITHOUT_VALIDATION

LABELS = {"sts": np.array([1.0, 2.0, 4.0]), "cnn": np.arange(10)}
PREDICTIONS = {"sts": np.array([1.0, 2.0, 4.0]), "cnn": np.eye(10)}


@pytest.mark.parametrize("name", TABLES)
def test_each_row_is_a_point_of_its_task_that_its_data_can_judge(name):
    table = TABLES[name]
    task = find_task(table.task)
    assert {row.point for row in table.rows} <= set(task.points)
    assert len({row.point for row in table.rows}) == len(table.rows)
    columns = [*table.columns, *table.by_class]
    for row in table.rows:
        task.configure(task.points[row.point])
        assert set(row.reported) <= {column.name for column in columns}
    on_test = task.data.test_metrics(LABELS[table.task], PREDICTIONS[table.task])
    assert {column.metric for column in columns if column.of == "test"} <= set(on_test)
    assert table.dataset in task.data.DATASETS


def test_the_best_row_is_what_every_search_begins_with():
    best = [row for row in TABLES["table4"].rows if row.reported][-1]
    assert best.point == "bilstm-ln-mp"
    assert best.reported == {"mse": 1.52, "pearson": 0.57, "dev_pearson": 0.607}


@pytest.mark.parametrize(("name", "mean"), [("table1", 76.7), ("table2", 92.7)])
def test_the_reports_accuracies_by_class_are_not_those_of_its_total(name, mean):
    table = TABLES[name]
    assert [column.label for column in table.by_class] == list(CLASSES)
    (row,) = table.rows
    by_class = [row.reported[column.name] for column in table.by_class]
    assert np.mean(by_class) == pytest.approx(mean) != row.reported["accuracy"]
    assert f"mean of {mean}" in table.note
    assert f"to its {row.reported['accuracy']} on" in table.note


def test_images_are_trained_on_as_in_the_report():
    for name in ("table1", "table2", "table3"):
        assert TABLES[name].dataset in WITHOUT_VALIDATION
