"""Carry out calls that take longer than a host waits, calls in the background, and conversations; cut long answers into parts.

call_tool -> arguments.py  what the caller wants of all this
             calls.py      begin, join, wait, collect; it stands in front of the service
             store.py      the calls at work, and their results
             hosts.py      how long each host waits, and how much it shows
             replies.py    the sentences for the caller's model
             conversations.py  the turns of each conversation, by name
             extension.py  the same tasks for clients that speak the extension `io.modelcontextprotocol/tasks`

This is imported with the first call. Nothing here knows a provider.
"""
