"""Results → CSV, JSON, workbooks and pictures."""
