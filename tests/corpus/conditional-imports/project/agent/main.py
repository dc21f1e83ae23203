from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING

import requests

from agent.formats import dumps

if sys.version_info >= (3, 11):
    import tomllib
    from typing import Self
else:
    import tomli as tomllib
    from typing_extensions import Self

if sys.platform == "win32":
    import winreg

    import win32service

if TYPE_CHECKING:
    import pandas as pd

    from agent.legacy import Old


class Agent:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        if sys.platform == "win32":
            win32service.CloseServiceHandle(0)

    def frame(self, frame: pd.DataFrame, old: Old) -> bytes:
        return dumps(frame.to_dict())

    def upload(self, name: str) -> None:
        import boto3

        boto3.client("s3").upload_file(name, "agent", name)

    def load(self) -> float:
        if sys.platform == "linux":
            return importlib.import_module("psutil").cpu_percent()
        return float(winreg.QueryValue(winreg.HKEY_LOCAL_MACHINE, "Load"))


def main() -> None:
    with open("agent.toml", "rb") as file:
        settings = tomllib.load(file)
    with Agent() as agent:
        requests.post(settings["url"], json={"load": agent.load()}, timeout=5)
    if importlib.util.find_spec("rich") is not None:
        from rich import print as show
    else:
        show = print
    show(settings)
