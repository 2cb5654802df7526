"""The ``privaudit`` command: click commands, no logic."""
