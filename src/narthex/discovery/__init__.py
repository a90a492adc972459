"""Who is there: one file a mechanism, all give target groups."""
