"""Graphs for audits of a property of graphs: generators, what they look like, edits, files, and the worlds made of them."""
