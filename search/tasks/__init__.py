"""What is searched: tasks, the configuration of a study, and what its results depend on."""

from search.tasks.in_memory_data import InMemoryData
from search.tasks.registry import find_task
from search.tasks.task import DataModule, Task, TestableData

__all__ = ["DataModule", "InMemoryData", "Task", "TestableData", "find_task"]
