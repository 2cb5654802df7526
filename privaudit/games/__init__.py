"""Privacy games as data, how their risks relate, and a challenger that plays them.

Games: `catalog` (on `catalog_membership`, `game`, `rules`); `declared` holds the toolkit's attacks to what they declare. The
challenger, for whoever wants to play one: `challenger` (on `stages`, `stages_law`, `view`, `tally`). Bounds from one game to
another as functions: `relations_*`; as rows with their conditions: `relation_table` (on `relation`, `relation_conditions`,
`relation_rows_*`). What follows for a report: `report_graph` makes the edges, `propagate` (on `graph`) carries intervals along
them, `propagation_words` and `game_titles` say it.
"""
