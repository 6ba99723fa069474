"""One module for each command, query and observed event: fetches, lets the domain decide, stores."""
