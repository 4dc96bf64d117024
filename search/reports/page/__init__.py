"""A study as one HTML page that can be sent to a colleague; derived from the record.

facts.py → one module a chart, each with its caption and its table → render.py
"""
