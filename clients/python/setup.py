"""Adds the generated stubs to what is built; all else is in pyproject.toml."""

import pathlib
import runpy

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent


class BuildWithStubs(build_py):
    def run(self):
        super().run()
        runpy.run_path(str(HERE / "generate"))["generate"](pathlib.Path(self.build_lib).resolve())


setup(cmdclass={"build_py": BuildWithStubs})
