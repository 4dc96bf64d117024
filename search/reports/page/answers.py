"""Page one: what won, is it real, where did the time go, what next; true to the record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from search.decisions.history import Trial
from search.record.commands import command
from search.reports.claims import describe_claim
from search.reports.numbers import number_text, number_texts
from search.reports.page.best_so_far import gain_sentence
from search.reports.page.chart import gap_text, many, span_text
from search.reports.page.cost import cell_text
from search.reports.page.facts import Facts
from search.reports.page.promotion import fresh_scores
from search.reports.page.promotion import sentences as promoted
from search.reports.page.timeline import core_time

__all__ = ["Answer", "answers", "headline"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A question that a reader has, and sentences of plain text; commands to type stand apart."""

    question: str
    sentences: Sequence[str]
    commands: Sequence[str] = ()


def answers(facts: Facts, further: Sequence[str] = ()) -> list[Answer]:
    """`further`: what the charts say that is to be done next."""
    return [_won(facts), _real(facts), _time(facts), _next(facts, further)]


def headline(facts: Facts) -> str:
    """The study in one line."""
    counts, best = facts.summary["trials"], facts.best
    if best is not None:
        return f"{facts.metric} {number_text(facts.value(best))} by trial {best.number}"
    if counts["total"] and counts["failed"] == counts["total"]:
        return "all failed" if counts["total"] > 1 else "its one trial failed"
    return "no trial is complete yet" if counts["total"] else "no trial has begun"


def _won(facts: Facts) -> Answer:
    sentences, best = [], facts.best
    if best is None:
        sentences = _none_won(facts)
    else:
        others = [b for b in facts.baselines if b.trial != best.number]
        texts = number_texts([facts.value(best), *(b.value for b in others)])
        value, count = texts[0], len(facts.complete)
        sentences.append(
            f"Trial {best.number} has the best {facts.metric}, {value}, after {best.epoch} epochs"
            + (f", of {count} trials that trained in full." if count > 1 else ".")
        )
        if best.number < facts.full_length:
            sentences.append(f"It is the named point {best.suggestion.source}.")
        for baseline, text in zip(others, texts[1:], strict=True):
            gap = gap_text(abs(facts.value(best) - baseline.value))
            ahead = facts.better(facts.value(best), baseline.value)
            kind = "" if baseline.trial is None else f", trial {baseline.trial}"
            if baseline.runs > 1:
                kind = f", the mean of {many(baseline.runs, 'run')}"
            sentences.append(
                f"It is {gap} {'better' if ahead else 'worse'} than {baseline.name} "
                f"({text}{kind or ', without training'})."
            )
    return Answer(question="What won?", sentences=sentences)


def _none_won(facts: Facts) -> list[str]:
    trials, failed = facts.history.trials, facts.of_state("failed")
    if not trials:
        return ["No trial has begun."]
    if len(failed) == len(trials):
        reason, count = Counter(t.failures[-1].reason for t in failed).most_common(1)[0]
        if len(trials) == 1:
            return [f"Nothing: its one trial failed, for {cell_text(reason)}."]
        which = "all of them" if count == len(failed) else f"{count} of them"
        return [f"Nothing: {many(len(failed), 'trial')} failed, {which} for {cell_text(reason)}."]
    if not facts.trained:
        return ["Nothing yet: no epoch has ended."]
    first = facts.furthest[0]
    return [
        f"Nothing yet: no trial has trained all {facts.max_epochs} epochs. Furthest is trial "
        f"{first.number}, {facts.metric} {number_text(facts.value(first))} after "
        f"{many(first.epoch, 'epoch')}."
    ]


def _real(facts: Facts) -> Answer:
    question = "Is it real?"
    if facts.best is None:
        return Answer(question=question, sentences=["There is no winner to doubt yet."])
    sentences = [
        f"Against {name}, {facts.metric} {number_text(baseline['value'])}: "
        f"{describe_claim(baseline['best_minus_this'], stopped=facts.summary['trials']['pruned'])}."
        for name, baseline in facts.summary["baselines"].items()
        if "best_minus_this" in baseline
    ]
    noise = facts.example_noise
    if noise is None:
        sentences.append("How noisy one score is, is unknown here.")
    else:
        near = [t for t in facts.complete[1:] if _gap(facts, t) <= noise]
        sentences.append(
            f"Another validation split would move its score by up to {gap_text(noise)} (95%); "
            f"{_near(near, len(facts.complete) - 1)} nearer to it than that."
        )
    fresh = promoted(facts, fresh_scores(facts))
    if fresh:
        return Answer(question=question, sentences=[*fresh, *sentences])
    sentences.append(
        "What it owes to the luck of its one seed is unknown until it is trained again on fresh "
        "seeds."
    )
    commands = [command(facts.record, f"promote {facts.study.name}")] if _can_promote(facts) else []
    return Answer(question=question, sentences=sentences, commands=commands)


def _gap(facts: Facts, trial: Trial) -> float:
    assert facts.best is not None
    return abs(facts.value(facts.best) - facts.value(trial))


def _near(near: Sequence[Trial], others: int) -> str:
    if not others:
        return "no other trial is complete that could be"
    return f"{len(near)} of the {others} other complete trials {'is' if len(near) == 1 else 'are'}"


def _can_promote(facts: Facts) -> bool:
    return facts.task.model is not None and not facts.driven


def _time(facts: Facts) -> Answer:
    summary, spent = facts.summary, core_time(facts)
    if not facts.history.spans:
        return Answer(question="Where did the time go?", sentences=["Nothing was run yet."])
    epochs, trials = facts.history.epochs, len(facts.history.trials)
    sentences = [
        f"It took {span_text(summary['wall_s'])} by the clock and {span_text(spent.training)} of "
        f"CPU time for {many(epochs, 'epoch')} of {many(trials, 'trial')} (planned were at most "
        f"{summary['epochs_planned']:,}), on {many(facts.study.config.workers, 'worker')}."
    ]
    if spent.total and epochs:
        sentences.append(f"{spent.training / spent.total:.0%} of the cores' time was training.")
    full = trials * facts.max_epochs
    if facts.study.config.scheduler != "none" and 0 < epochs < full and not facts.driven:
        spared = 1 - epochs / full
        sentences.append(
            f"To train all {trials} trials in full would have been {full:,} epochs: early stopping "
            f"and failures spared {spared:.0%} of them."
        )
    return Answer(question="Where did the time go?", sentences=sentences)


def _next(facts: Facts, further: Sequence[str]) -> Answer:
    name = facts.study.name
    length = facts.history.length or facts.study.config.trials
    on: Mapping[str, Callable[[], tuple[str, str]]] = {
        "running": lambda: (
            f"It is running: {len(facts.history.trials)} of {length} trials have begun.",
            f"show {name} --follow",
        ),
        "stopped": lambda: ("It was stopped before its end, and can go on.", f"resume {name}"),
        "interrupted": lambda: (
            "It was interrupted before its end, and can go on where it stands.",
            f"resume {name}",
        ),
        "finished": lambda: (_search_on(facts), f"resume {name} {_longer(facts, length)}"),
    }
    sentence, then = on[facts.state]()
    commands = [command(facts.record, then)]
    promoting = facts.state == "finished" and _can_promote(facts) and facts.best is not None
    if promoting and not fresh_scores(facts):
        commands.append(command(facts.record, f"promote {name}"))
    return Answer(question="What next?", sentences=[sentence, *further], commands=commands)


def _longer(facts: Facts, length: int) -> str:
    ended = facts.summary["details"].get("why")
    return "--no-stop-when-no-gain" if ended else f"--trials {2 * length}"


def _search_on(facts: Facts) -> str:
    if facts.best is None:
        return "No trial was complete: look at the failures before searching on."
    why = str(facts.summary["details"].get("why", ""))
    ended = f"It ended before its {facts.history.length} trials: {why}. " if why else ""
    return f"{ended}Search on? {gain_sentence(facts)}"
