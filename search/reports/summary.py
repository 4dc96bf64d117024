"""What is known of a study now, derived from its record: for `show`, the end of `run`, MLflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from search.decisions import plan
from search.decisions.history import History, Trial
from search.decisions.ranking import Ranking
from search.errors import RecordError
from search.files.text import one_line
from search.record.record import Record, Study
from search.reports.claims import best_minus_baseline, describe_claim
from search.reports.numbers import number_texts
from search.reports.recorded_task import RecordedTask, kept_claims
from search.tasks.task import Task

__all__ = [
    "best_trial",
    "complete_trials",
    "describe",
    "describe_curve",
    "describe_trial",
    "mean_value",
    "named_runs",
    "show_trial",
    "study_state",
    "summarise",
    "trial_state",
]

STATES = ("complete", "pruned", "failed", "running", "paused")


def summarise(
    record: Record, study: Study, task: Task, history: History | None = None
) -> dict[str, Any]:
    """The study as one JSON object (search/README.md, "Reading a study"). `history`: where it was
    read already."""
    if history is None:
        history = record.history(study)
    driven = record.driven(study.name)
    states = Counter(trial_state(history, trial, study, driven) for trial in history.trials)
    train_s = sum(span.cpu_s for span in history.spans)
    core_s = sum(span.training_s for span in history.spans) * study.config.cores
    ranking = complete_trials(history, study, task)
    best = ranking.best()
    return {
        "name": study.name,
        "task": study.config.task,
        "state": study_state(history, driven),
        "objective": {"metric": task.metric, "mode": task.mode},
        "trials": {
            "total": len(history.trials),
            **{state: states[state] for state in STATES},
        },
        "best": best
        and {
            "trial": best.number,
            "value": best.value(task.metric),
            "epoch": best.epoch,
            "config": dict(best.suggestion.config),
        },
        "baselines": _baselines(record, study, task, history, ranking),
        "epochs": history.epochs,
        "epochs_planned": plan.most_epochs_of(
            study.config, history.length, len(task.first_trials(study.config)), history
        ),
        "wall_s": round(sum(span.wall_s for span in history.spans), 3),
        "train_s": round(train_s, 3),
        "utilisation": round(train_s / core_s, 4) if core_s else None,
        "details": dict(history.last_session.details) if history.last_session else {},
    }


def study_state(history: History, driven: bool) -> str:
    """running, finished, stopped or interrupted (a driver that died says nothing: interrupted)."""
    if driven:
        return "running"
    session = history.last_session
    return session.event if session and session.event != "started" else "interrupted"


def trial_state(history: History, trial: Trial, study: Study, driven: bool) -> str:
    """As `History.state`, but nothing runs without a driver."""
    state = history.state(trial, study.config.max_epochs)
    return "paused" if state == "running" and not driven else state


def best_trial(history: History, study: Study, task: Task) -> Trial | None:
    """The incumbent: the best complete trial; of equals, the lowest number."""
    return complete_trials(history, study, task).best()


def complete_trials(history: History, study: Study, task: Task) -> Ranking:
    """The complete trials by the objective; for who follows a study, as it goes on."""
    return Ranking(
        history,
        counts=lambda t: t.complete(study.config.max_epochs),
        value=lambda t: task.sign * t.value(task.metric),
    )


def named_runs(history: History, named: int, max_epochs: int) -> dict[str, list[Trial]]:
    """Of the first `named` trials those that trained in full, by the name of their point."""
    runs: dict[str, list[Trial]] = {}
    for trial in history.trials[:named]:
        if trial.epoch >= max_epochs:
            runs.setdefault(trial.suggestion.source, []).append(trial)
    return runs


def mean_value(trials: Sequence[Trial], metric: str) -> float:
    """Of a point's runs."""
    return fmean(trial.value(metric) for trial in trials)


def _baselines(
    record: Record, study: Study, task: Task, history: History, ranking: Ranking
) -> dict[str, Any]:
    """The named points trained in the study and what needs no training, by name."""
    found: dict[str, Any] = {}
    named = len(task.first_trials(study.config))
    for name, trials in named_runs(history, named, study.config.max_epochs).items():
        found[name] = {"trial": trials[0].number, "value": mean_value(trials, task.metric)}
        if len(trials) > 1:
            found[name]["runs"] = len(trials)
    files, ranked = record.files(study), ranking.top(len(ranking))
    for name, value in study.origin["baselines"].items():
        found[name] = {"value": value}
        if isinstance(task, RecordedTask):
            claim = kept_claims(files.folder, [trial.number for trial in ranked]).get(name)
        else:
            claim = best_minus_baseline(files, task, ranked, name, study.config.seed)
        if claim is not None:
            found[name]["best_minus_this"] = claim
    return found


def describe(summary: Mapping[str, Any]) -> str:
    """The summary for a terminal."""
    trials, best = summary["trials"], summary["best"]
    metric = summary["objective"]["metric"]
    shown = number_texts([s["value"] for s in (best, *summary["baselines"].values()) if s])
    lines = [f"study {summary['name']} ({summary['task']}): {summary['state']}"]
    if summary["state"] == "finished" and summary["details"].get("why"):
        lines[0] += f", {summary['details']['why']}"
    if best is None:
        lines.append("no trial is complete yet")
    else:
        lines.append(f"best: trial {best['trial']}, {metric} {shown.pop(0)}")
        lines += [f"    {name} = {value}" for name, value in best["config"].items()]
    for (name, baseline), value in zip(summary["baselines"].items(), shown, strict=True):
        line = f"{name}: {metric} {value}"
        if "runs" in baseline:
            line += f" (mean of {baseline['runs']} runs, trial {baseline['trial']} the first)"
        elif "trial" in baseline:
            line += f" (trial {baseline['trial']} of this study)"
        paired = baseline.get("best_minus_this")
        if paired:
            line += f"; {describe_claim(paired, stopped=trials['pruned'])}"
        lines.append(line)
    counts = ", ".join(f"{trials[state]} {state}" for state in STATES if trials[state])
    lines.append(f"trials: {trials['total']} ({counts or 'none begun'})")
    lines.append(
        f"epochs: {summary['epochs']} of at most {summary['epochs_planned']}; "
        f"wall time {summary['wall_s']:.0f} s"
        + (f"; {summary['utilisation']:.0%} of core time trained" if summary["utilisation"] else "")
    )
    return "\n".join(lines)


def show_trial(record: Record, study: Study, number: int) -> dict[str, Any]:
    """One trial: configuration, curve, log and traceback. Raises RecordError."""
    history = record.history(study)
    if not 0 <= number < len(history.trials):
        raise RecordError(
            f"study {study.name} has trials 0 to {len(history.trials) - 1}, got {number}"
            if history.trials
            else f"study {study.name} has no trials yet"
        )
    trial = history.trials[number]
    return {
        "trial": number,
        "state": trial_state(history, trial, study, record.driven(study.name)),
        "source": trial.suggestion.source,
        "seed": trial.suggestion.seed,
        "config": dict(trial.suggestion.config),
        "curve": [
            {"epoch": e.epoch, "metrics": dict(e.metrics), "cpu_s": e.cpu_s} for e in trial.epochs
        ],
        "failures": [f"epoch {f.epoch}: {f.reason}" for f in trial.failures],
        "traceback": trial.failures[-1].traceback if trial.failures else "",
        "log": record.files(study).log(number),
    }


def describe_curve(curve: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line an epoch: its metrics, each told from its own values at other epochs, and its CPU
    seconds."""
    names = dict.fromkeys(name for epoch in curve for name in epoch["metrics"])
    texts = {}
    for name in names:
        values = {e["epoch"]: e["metrics"][name] for e in curve if name in e["metrics"]}
        texts[name] = dict(zip(values, number_texts(list(values.values())), strict=True))
    return [
        f"epoch {epoch['epoch']}: "
        + "".join(f"{one_line(name)} {texts[name][epoch['epoch']]}  " for name in epoch["metrics"])
        + f"({epoch['cpu_s']:.3g} CPU s)"
        for epoch in curve
    ]


def describe_trial(trial: Mapping[str, Any]) -> str:
    """`show_trial` for a terminal."""
    lines = [f"trial {trial['trial']}: {trial['state']}, from {trial['source']}"]
    lines += [f"    {name} = {value}" for name, value in trial["config"].items()]
    lines += [f"    (seed {trial['seed']})"]
    lines += describe_curve(trial["curve"])
    lines += [f"failure at {failure}" for failure in trial["failures"]]
    for title in ("traceback", "log"):
        if trial[title].strip():
            lines += [f"{title}:", trial[title].rstrip()]
    return "\n".join(lines)
