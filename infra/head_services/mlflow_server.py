"""The MLflow server: its command, and whether it answers."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from typing import Any

from head_services.passwords import SERVER_FILE, password
from head_services.settings import ARTIFACTS, TRACKING, mlflow_database


def command() -> dict[str, Any]:
    """Arguments of Popen."""
    arguments = [
        *(sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth"),
        *("--host", "127.0.0.1", "--port", str(TRACKING.port), "--workers", "1"),
        *("--allowed-hosts", "127.0.0.1:*,localhost:*"),
        *("--backend-store-uri", mlflow_database()),
        *("--artifacts-destination", ARTIFACTS),
        *("--uvicorn-opts", "--log-level warning"),
    ]
    environment = {
        **os.environ,
        "MLFLOW_AUTH_CONFIG_PATH": str(SERVER_FILE),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": password("flask"),
        # Else it starts ten processes of 240 MB.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    return {"args": arguments, "env": environment}


def problem() -> str:
    """Why it cannot be used; empty if it can."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{TRACKING.port}/health", timeout=5):
            return ""
    except (OSError, urllib.error.URLError) as error:
        return f"does not answer ({getattr(error, 'reason', error)})"
