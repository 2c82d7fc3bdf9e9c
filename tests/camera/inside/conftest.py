from __future__ import annotations

import os

# picamera2 is in the rung's file tree only; elsewhere tests/camera/test_rung.py says why.
collect_ignore_glob = [] if os.environ.get("INSIDE_CAMERA_RUNG") else ["test_*.py"]
