"""The scripts in ``examples/``, imported as modules."""

import importlib.util
from types import ModuleType

from published import EXAMPLES


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
