"""Put servers into MCP hosts' own settings files, and take them out, without touching what is not ours.

`table.py` knows the hosts and `entry.py` what stands in a file for a server. `jsonc.py`, `toml_text.py` and `yaml_text.py` edit
one format each, `edits.py` checks what they did, and `settings_file.py` reads, writes and restores a file.
"""
