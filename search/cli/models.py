"""The commands that end in a model: promote, predict. Heavy imports happen inside them."""

from __future__ import annotations

import argparse
import gc
from functools import partial
from typing import TYPE_CHECKING, Any

from search.cli.common import (
    DEFAULT_URI,
    DONE,
    AddCommand,
    add_address,
    complete_study,
    ended_early,
    load,
    print_json,
    say,
)
from search.errors import EndedEarly, UserError
from search.files.typed import typed_path

if TYPE_CHECKING:
    from search.tasks.task import Task

__all__ = ["add_commands"]


def add_commands(command: AddCommand) -> None:
    """`command(name, function, help)` adds one and gives its parser."""
    promote = command("promote", _promote, "confirm the best trials, test one, register it")
    complete_study(promote.add_argument("name", metavar="NAME"))
    promote.add_argument("--top", type=int, default=5, help="trials to confirm (5)")
    promote.add_argument(
        "--runs", type=int, default=15, help="on fresh seeds, to tell them apart by, at most (15)"
    )
    promote.add_argument(
        "--tolerance",
        type=float,
        help="how much worse than the best the candidate may be (a quarter of a seed's deviation)",
    )
    promote.add_argument(
        "--prefer",
        default="best",
        help="cheapest: of those within one standard error of the best, by time a run (best)",
    )
    promote.add_argument(
        "--final-seeds", type=int, default=5, help="further seeds of the candidate (5)"
    )
    promote.add_argument(
        "--audit",
        type=int,
        default=3,
        help="stopped trials to train to the end, to tell what stopping has cost (3)",
    )
    promote.add_argument(
        "--no-audit", dest="audit", action="store_const", const=0, help="the same as --audit 0"
    )
    promote.add_argument(
        "--ensemble",
        type=int,
        nargs="?",
        const=10,
        default=0,
        metavar="K",
        help="register one model that averages at most K runs' predictions (10)",
    )
    promote.add_argument(
        "--force", action="store_true", help="champion, whatever the comparison says; recorded"
    )
    promote.add_argument(
        "--accept-changes", action="store_true", help="though code, data or versions differ"
    )
    promote.add_argument("--tracking-uri", help="the MLflow store (the study's)")
    add_address(promote)
    promote.add_argument("--quiet", action="store_true", help="print nothing but errors")
    promote.add_argument("--json", action="store_true", help="result as JSON, last line of stdout")

    predict = command("predict", _predict, "ask a registered model")
    predict.add_argument("task", metavar="TASK", help="sts, cnn, or your own as module:ATTRIBUTE")
    predict.add_argument(
        "inputs", nargs="*", metavar="INPUT", help="sts: two sentences; cnn: image files"
    )
    predict.add_argument("--model", help="version, alias, or any MLflow address (the champion)")
    predict.add_argument(
        "--input", type=typed_path, help="a table: .csv or .parquet; of images: .npy"
    )
    predict.add_argument("--output", type=typed_path, help=".csv or .parquet (stdout, as CSV)")
    predict.add_argument(
        "--evaluate", action="store_true", help="score the test split; the reading is counted"
    )
    predict.add_argument("--dataset", help="whose test split (the one it was trained on)")
    predict.add_argument("--data-dir", type=typed_path, help="the only place to take data from")
    predict.add_argument("--tracking-uri", default=DEFAULT_URI, help="the MLflow store")
    predict.add_argument("--quiet", action="store_true", help="print answers only")
    predict.add_argument("--json", action="store_true", help="answers as one JSON object")


def _promote(options: argparse.Namespace) -> int:
    try:
        promoted = load(options).promote(
            top=options.top,
            runs=options.runs,
            tolerance=options.tolerance,
            prefer=options.prefer,
            final_seeds=options.final_seeds,
            audit=options.audit,
            ensemble=options.ensemble,
            force=options.force,
            accept_changes=options.accept_changes,
            tracking_uri=options.tracking_uri,
            address=options.address,
            quiet=options.quiet,
            say=partial(say, options),
        )
    except (EndedEarly, KeyboardInterrupt) as error:
        return ended_early(options, error, f"promote {options.name}")
    if options.json:
        print_json(promoted.result)
    return DONE


def _predict(options: argparse.Namespace) -> int:
    from search.tasks.registry import find_task
    from search.tracking.addresses import absolute, check_server

    task = find_task(options.task)
    asked = [bool(options.inputs), options.input is not None, options.evaluate]
    if sum(asked) != 1:
        raise UserError("predict takes inputs, or --input FILE, or --evaluate: one of them")
    if options.evaluate and options.output:
        raise UserError("--output takes answers, which --evaluate has none of")
    if not options.evaluate and (options.dataset is not None or options.data_dir is not None):
        raise UserError("--dataset and --data-dir say what --evaluate reads: it is needed too")
    if options.output:
        from search.models.input_files import check_output

        check_output(options.output)
    check_server(options.tracking_uri)
    # MLflow keeps a store by its address, whatever folder the process has gone to since.
    options.tracking_uri = absolute(options.tracking_uri)
    if options.evaluate:
        return _evaluate(options, task)
    return _answer_typed(options, task) if options.inputs else _answer_file(options, task)


def _evaluate(options: argparse.Namespace, task: Task) -> int:
    from search.models import evaluate, predict
    from search.record.record import open_record

    model = predict.open_model(options.tracking_uri, task, options.model)
    record = open_record(options.studies_dir, url=options.record, create=True)
    scores = evaluate.evaluate(model, task, record, options.dataset, options.data_dir)
    if options.json:
        print_json(scores)
    else:
        print(evaluate.describe(scores))
    return DONE


def _answer_typed(options: argparse.Namespace, task: Task) -> int:
    """A person waits for it, so that neither MLflow nor pandas is imported unless it must be."""
    from search.models import local_model, predict

    told = None
    # To look for garbage while torch is imported takes long, and finds none.
    gc.disable()
    try:
        inputs = predict.typed_inputs(task, options.inputs)
        if not options.output:
            told = local_model.ask(options.tracking_uri, task, options.model, inputs)
    finally:
        gc.enable()
    if told is None:
        return _answer(options, task, inputs)
    if options.json:
        print_json({"model": told.address, "answers": told.rows()})
    else:
        print(told.as_text(), end="")
    return DONE


def _answer_file(options: argparse.Namespace, task: Task) -> int:
    from search.models.input_files import read_inputs

    return _answer(options, task, read_inputs(options.input))


def _answer(options: argparse.Namespace, task: Task, inputs: Any) -> int:
    from search.models import input_files, predict

    model = predict.open_model(options.tracking_uri, task, options.model)
    answers = model.predict(inputs)
    if options.output:
        input_files.write_answers(inputs, answers, options.output)
        if options.json:
            written = {"model": model.address, "output": str(options.output), "n": len(answers)}
            print_json(written)
        else:
            say(options, f"{len(answers)} answers by {model.address}: {options.output}")
    elif options.json:
        print_json({"model": model.address, "answers": answers.to_dict("records")})
    else:
        print(input_files.as_text(answers), end="")
    return DONE
