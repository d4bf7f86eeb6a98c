"""The command line: `main.py` finds the command, one file holds each command."""

import os

# Plugins of pydantic would be code of others in every command, and looking for them takes 15 ms.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
