"""Making the tables, and seeing whether a database and a login can be worked with."""
