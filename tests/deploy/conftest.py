import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

# Minutes of work, on a real API server and a real Prometheus: tests/deploy/run asks for them.
collect_ignore = [] if os.environ.get("WEIR_DEPLOY_FULL") else ["test_apiserver.py", "test_prometheus.py"]
