"""What is searched: tasks, the configuration of a study, and what its results depend on."""

from search.tasks.task import DataModule, InMemoryData, Task, TestableData, find_task

__all__ = ["DataModule", "InMemoryData", "Task", "TestableData", "find_task"]
