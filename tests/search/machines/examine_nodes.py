"""Run by test_on_cluster.py, as a driver: what a cluster's nodes say of three expectations."""

import sys
from pathlib import Path

from search.driver.begin import prepare
from search.errors import ClusterError
from search.machines.cluster import connect
from search.machines.node_check import check_nodes, expectation
from search.tasks.config import StudyConfig
from search.tasks.registry import find_task

CURVE = "tests.curve_task:TASK"

connect(sys.argv[1])
task = find_task(CURVE)
config = StudyConfig(name="n", task=CURVE, dataset="ones")
expected = expectation(task, config, prepare(task, config), Path("studies"))
other_code = {**expected, "origin": {**expected["origin"], "code": "other"}}
other_folder = {**expected, "studies_folder": "/nowhere"}
for asked in (expected, other_code, other_folder):
    try:
        check_nodes(config, asked)
        print("fit")
    except ClusterError as error:
        print(" ".join(str(error).split()))
