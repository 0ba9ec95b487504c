"""Add servers to the settings files of MCP hosts, and remove them, without touching anything that is not ours.

`table.py` lists the hosts, and `entry.py` makes a server's entry in a file. `jsonc.py`, `toml_text.py` and `yaml_text.py` each
edit one format. `edits.py` checks what they did, and `settings_file.py` reads, writes and restores a file.
"""
