"""Exit while a grandchild keeps stdout open."""

import os
import time

from speaking import asked

asked()
if os.fork() == 0:
    time.sleep(60)
os._exit(6)
