import pathlib
import runpy
import sys

CLIENT = pathlib.Path(__file__).resolve().parents[1]

sys.path.insert(0, str(CLIENT))
runpy.run_path(str(CLIENT / "generate"))["generate"]()
