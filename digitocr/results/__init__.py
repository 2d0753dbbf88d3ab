"""The results folder: files of results, the journal, corrections."""
