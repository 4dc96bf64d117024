"""The Ray Tune Trainable around a training function: the only code that runs in a Ray worker.

A Tune trial is one segment: "trial n, from epoch a on to epoch b". The worker process is reused
from segment to segment, so that torch is imported and data opened once.
"""

from __future__ import annotations

import json
import os
import pkgutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import numpy as np
from ray import tune

from search.driver.last_words import STDERR, last_words
from search.driver.metrics import plain_metrics
from search.driver.streams import redirected
from search.driver.unrecorded import Unrecorded
from search.driver.usage import usage
from search.driver.watchdog import Watchdog
from search.errors import DISK_FULL, StorageError, UserError, first_line, reason_of
from search.files.node_data import fetch_data
from search.files.paths import figures_folder, log_file, predictions_file, save_predictions
from search.files.study_files import StudyFiles
from search.machines.node_check import ensure_fit
from search.tasks.imports import ChangedCodeError, LoadedFiles
from search.tasks.registry import find_task
from search.tasks.user_code import raised_by_user, trace_of
from trainables import Epoch
from trainables.test_split_lock import keep_test_split_locked

__all__ = ["SegmentTrainable"]

_WATCHDOG = Watchdog()


class SegmentTrainable(tune.Trainable):  # type: ignore[misc]
    """Trains one segment; `step` is one epoch.

    A failure of the training function ends the segment as a result, with its reason, so that the
    process lives on; only a death of the process itself is an error for Tune.
    """

    def setup(self, config: dict[str, Any]) -> None:
        self._training = self._cuda_broken = False
        with _WATCHDOG.limit(config["start_s"], STDERR):  # Ray's log of this process
            self._set_up(config)

    def _set_up(self, config: dict[str, Any]) -> None:
        import torch  # here: the driver loads this module too, and trains nothing

        if config["node"]:
            ensure_fit(config["node"])
        keep_test_split_locked()
        torch.set_num_threads(config["threads"])
        if not config["gpus"]:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # those are others', or none was requested
        elif torch.cuda.is_available():
            torch.cuda.set_per_process_memory_fraction(min(config["gpus"], 1.0))
        self._process = os.getpid()
        signal.signal(signal.SIGTERM, self._preempted)
        self._loaded = LoadedFiles(json.loads(config.get("files", "{}")))
        self.reset_config(config)

    def _preempted(self, number: int, frame: FrameType | None) -> None:
        """SIGTERM while an epoch trains: the machine is taken away. All else looks like a crash.

        Ray ends idle workers by SIGTERM too, and a pool that a trial makes ends its processes by
        it, which have forked this handler.
        """
        if self._training and os.getpid() == self._process:
            why = f"its machine was taken away ({signal.Signals(number).name})"
            self._files.mark_preempted(self._segment["trial"], why)
        os._exit(128 + number)

    def reset_config(self, config: dict[str, Any]) -> bool:
        self._training = False
        self._begun_at = time.monotonic()
        self._segment = config
        self._files = StudyFiles.on_node(
            Path(config["study_folder"]), config["storage"], config["study_key"]
        )
        if self._cuda_broken:
            why = "its process could not go on after another trial's CUDA error"
            self._files.mark_preempted(config["trial"], why)
            os._exit(1)
        self._epochs: Iterator[Epoch] | None = None
        self._curve: list[dict[str, float]] = json.loads(config["curve"])
        self._unrecorded = Unrecorded(config)
        return True

    def step(self) -> dict[str, Any]:
        result = self._safe_step()
        if result["done"] and "halt" not in result:  # a storage that is away was waited for
            self._files.end_segment(self._segment["trial"])
        return result

    def _safe_step(self) -> dict[str, Any]:
        try:
            return self._watched_step()
        except (StorageError, ChangedCodeError) as error:
            self._epochs = None
            return {"halt": str(error), "done": True}
        except OSError as error:
            if error.errno in DISK_FULL and not raised_by_user(error):
                self._epochs = None
                return {"halt": f"no room for a trial's files: {error}", "done": True}
            return self._failed(error)
        except BaseException as error:  # sys.exit() of a trial's code, too, ends the trial alone
            return self._failed(error)
        finally:
            self._training = False

    def _watched_step(self) -> dict[str, Any]:
        segment = self._segment
        log = log_file(self._files.folder, f"trial-{segment['trial']}")
        log.parent.mkdir(parents=True, exist_ok=True)
        if self._epochs is None:
            self._files.begin_segment(segment["trial"])
            if Path(segment["working_folder"]).is_dir():  # Tune has gone to a folder of its own
                os.chdir(segment["working_folder"])
        self._training = True
        with (
            log.open("a", buffering=1, encoding="utf-8", errors="backslashreplace") as file,
            redirected(file),
            last_words(file),
        ):
            return self._step(file)

    def _step(self, log: TextIO) -> dict[str, Any]:
        segment = self._segment
        limit_s = segment["timeout_s"]
        with_storage_s = limit_s + self._files.patience_s  # one that is away is no hanging trial
        reset_s = 0.0
        if self._epochs is None:
            with _WATCHDOG.limit(with_storage_s, log):
                self._task = find_task(segment["task"])
                self._epochs = self._start()
            reset_s = time.monotonic() - self._begun_at
        if self._unrecorded.to_tell:
            return self._told_again()
        begun_cpu, begun = time.process_time(), time.monotonic()
        with _WATCHDOG.limit(limit_s, log) as stood_still_s:
            epoch = next(self._epochs, None)
        self._loaded.compare()
        cpu_s = time.process_time() - begun_cpu
        wall_s = time.monotonic() - begun - sum(stood_still_s)
        if epoch is None:
            last = segment["last_epoch"]
            return self._failure(f"it ended after epoch {len(self._curve)}, not after {last}", "")
        if epoch.number != self._due:
            return self._failure(
                f"epoch {epoch.number} came where epoch {self._due} was due: a training function "
                "numbers its epochs from 1, one by one, and from where it resumes",
                "",
            )
        self._due += 1
        try:
            metrics = plain_metrics(epoch.metrics, epoch.number, objective=self._task.metric)
        except UserError as refused:
            return self._failure(first_line(refused), "")
        self._curve[epoch.number - 1 :] = [metrics]  # a replay overwrites
        if epoch.number == 1:  # else found out when the first trial has trained in full
            self._predictions(epoch)
        result = {
            "epoch": epoch.number,
            "metrics": metrics,
            "cpu_s": cpu_s,
            "wall_s": wall_s,
            "reset_s": reset_s,
            "usage": usage(gpus=segment["gpus"]),
        }
        with _WATCHDOG.limit(with_storage_s, log):
            state = self._unrecorded.with_results(epoch.state(), result)
            self._files.save_checkpoint(state, segment["trial"], epoch.number)
            if epoch.number == segment["max_epochs"]:
                self._keep_results(epoch)
        return self._ended(result)

    def _told_again(self) -> dict[str, Any]:
        """An epoch that was trained before, and is not on record."""
        result = self._unrecorded.to_tell.pop(0)
        self._curve[result["epoch"] - 1 :] = [result["metrics"]]
        return self._ended(result)

    def _ended(self, result: dict[str, Any]) -> dict[str, Any]:
        ended = result["epoch"] >= self._segment["last_epoch"]
        if ended:
            self._epochs = None
        return {**result, "done": ended}

    def _start(self) -> Iterator[Epoch]:
        """The training function's epochs from the segment's first on.

        If the checkpoint of the epoch before is lost or damaged, an older one is taken (or none),
        and the epochs between are replayed; the driver compares them with those on record. If there
        is a newer one, the epochs between are told again, and not trained.
        """
        segment, task = self._segment, self._task
        found = self._unrecorded.load(self._files)
        self._due = found[0] + 1 if found else 1
        data = self._files.with_patience(
            fetch_data, self._files.store, segment["data_key"], Path(segment["data_folder"])
        )
        self._data = task.data.load(data)
        train = task.training_function()
        self._loaded.compare()
        return train(
            task.config(**segment["config"]),
            self._data,
            seed=segment["seed"],
            max_epochs=segment["max_epochs"],
            resume_from=found[1] if found else None,
        )

    def _keep_results(self, epoch: Epoch) -> None:
        """Of a complete trial: its validation predictions, and pictures if the task draws any."""
        predictions = self._predictions(epoch)
        path = predictions_file(self._files.folder, self._segment["trial"])
        save_predictions(predictions, path)
        self._files.upload(path)
        if self._task.figures is None:
            return
        try:
            self._draw(epoch, predictions)
        except StorageError:
            raise
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # is not worth a trial
            print(trace_of(error) or reason_of(error), file=sys.stderr)

    def _predictions(self, epoch: Epoch) -> np.ndarray:
        """Of the validation examples. Raises ValueError for another shape."""
        predictions = np.asarray(epoch.predictions())
        expected, shape = len(self._task.data.labels(self._data)), predictions.shape
        if shape[:1] != (expected,) or len(shape) > 2 or shape[1:] == (1,):
            raise UserError(
                f"a trial predicts each of the {expected} validation examples, in their "
                f"order: shape ({expected},), or ({expected}, classes); got {shape}"
            )
        return predictions

    def _draw(self, epoch: Epoch, predictions: np.ndarray) -> None:
        segment = self._segment
        assert self._task.figures is not None
        pictures = pkgutil.resolve_name(self._task.figures)(
            self._task.config(**segment["config"]),
            self._data,
            self._curve,
            predictions,
            epoch.state(),
        )
        to = figures_folder(self._files.folder, segment["trial"])
        to.mkdir(parents=True, exist_ok=True)
        for name, png in pictures.items():
            (to / name).write_bytes(png)
            self._files.upload(to / name)

    def _failed(self, error: BaseException) -> dict[str, Any]:
        self._cuda_broken = "CUDA error" in reason_of(
            error
        )  # then all further calls in a process fail
        memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
        full = isinstance(error, OSError) and error.errno in DISK_FULL
        return self._failure(reason_of(error), trace_of(error), final=not (memory or full))

    def _failure(self, reason: str, trace: str, *, final: bool = True) -> dict[str, Any]:
        """`final`: another attempt gives the same. Memory may be what others have taken."""
        self._epochs = None
        return {"failure": reason, "traceback": trace, "final": final, "done": True}

    def cleanup(self) -> None:
        self._epochs = None
