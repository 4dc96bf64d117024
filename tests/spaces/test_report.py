import numpy as np
import pytest

from search.tasks.registry import find_task
from spaces.report import TABLES


@pytest.mark.parametrize("name", TABLES)
def test_each_row_is_a_point_of_its_task_that_its_data_can_judge(name):
    table = TABLES[name]
    task = find_task(table.task)
    assert {row.point for row in table.rows} <= set(task.points)
    assert len({row.point for row in table.rows}) == len(table.rows)
    for row in table.rows:
        task.configure(task.points[row.point])
        assert not row.reported or set(row.reported) == set(table.metrics)
    labels = np.array([1.0, 2.0, 4.0])
    assert set(table.metrics) <= set(task.data.test_metrics(labels, labels))


def test_the_best_row_is_what_every_search_begins_with():
    best = [row for row in TABLES["table4"].rows if row.reported][-1]
    assert (best.point, best.reported) == ("bilstm-ln-mp", {"mse": 1.52, "pearson": 0.57})
