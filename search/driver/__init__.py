"""What drives a study: its process, the searcher behind Ray Tune, and what runs in its workers."""
