"""Run a service's module with the hooks in place."""

from __future__ import annotations

import os
import runpy
import sys

from chassis_conformance.build import install

if __name__ == "__main__":
    install(os.environ)
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
