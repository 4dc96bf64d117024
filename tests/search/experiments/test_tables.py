from dataclasses import replace

from search.experiments.reproduce import Measured, Reproduction
from search.experiments.tables import as_markdown, as_text
from spaces.report import TABLES

TABLE = replace(
    TABLES["table2"], columns=TABLES["table3"].columns, by_class=TABLES["table2"].by_class[:1]
)
FIGURES = {
    "train_accuracy": [94.0, 96.0],
    "accuracy": [88.0, 89.0],
    "convergent_epoch": [20, 22],
    "accuracy_airplane": [90.0, 92.0],
}


def table(figures, **changed):
    return Reproduction(
        **{
            "table": TABLE,
            "study": "s",
            "seeds": 2,
            "epochs": 30,
            "dataset": "cifar10-full",
            "train_examples": None,
            "rows": [Measured(row=TABLE.rows[0], figures=figures)],
            **changed,
        }
    )


def test_ours_stand_beside_the_reports_with_their_spread():
    whole = table(FIGURES)
    assert whole.reduced == ""
    main, by_class, told, note = as_markdown(whole).split("\n\n")
    assert main.splitlines()[2] == (
        "| ResNet-18 | 95.6 | 95.0 ± 1.4 [82.3, 107.7] | 88.9 | 88.5 ± 0.7 [82.1, 94.9] "
        "|  | 21.0 ± 1.4 [8.3, 33.7] |"
    )
    assert by_class.splitlines()[2] == "| airplane | 99 | 91.0 ± 1.4 [78.3, 103.7] |"
    assert told.startswith("Study s: 2 seeds, 30 epochs, ± deviation")
    assert note == TABLE.note
    row = whole.as_dict()["rows"][0]
    assert row["ours"]["train_accuracy"]["mean"] == 95.0


def test_what_is_less_than_the_reports_is_marked_everywhere():
    less = table(FIGURES, epochs=1, train_examples=2000, dataset="toy")
    reduced = "1 epochs in place of 30, the first 2000 training examples only, data set toy"
    assert less.as_dict()["reduced"] == reduced
    assert f"REDUCED: {reduced}." in as_text(less)
    assert f"REDUCED: {reduced}." in as_markdown(less)


def test_runs_that_failed_are_told():
    one = as_text(table({name: figures[:1] for name, figures in FIGURES.items()}))
    assert "ResNet-18 (1 of 2 runs)  95.6" in one
    none = table({name: [] for name in FIGURES})
    assert "failed" in as_text(none)
    assert none.as_dict()["rows"][0]["ours"]["accuracy"] is None
