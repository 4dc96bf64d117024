"""Checks before a study: this machine, and a cluster's file before `ray up`."""
