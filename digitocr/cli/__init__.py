"""The commands: parse, call, show, exit."""
