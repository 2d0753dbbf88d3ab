"""What was typed → sources → decoded pages."""
