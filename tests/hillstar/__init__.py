"""Put our servers, and then our `MCPModel`, in the place of Hillstar's, and see what its own call sites make of them.

Hillstar (AGPL) is installed into an environment of its own from `hillstar.txt`. Nothing of it is copied.
"""
