"""What changed between two specs: found, and told as text, Markdown, JSON and a picture."""
