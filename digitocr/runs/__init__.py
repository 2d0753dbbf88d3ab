"""Many files, on one machine or many: what is left to do, and doing it."""
