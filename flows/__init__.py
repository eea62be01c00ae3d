"""When it runs: flows, schedules and the command line."""
