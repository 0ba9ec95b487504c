"""Serve providers over MCP's Streamable HTTP: a thin ASGI app over the same protocol and service as on stdio.

Each request stands for itself, in both eras of the protocol: no session is kept, so any load balancer may spread the requests.
`app.py` puts the parts together, and `run.py` runs the app in uvicorn.
"""
