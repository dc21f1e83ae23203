from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pandas as pd
import requests
import yaml
from botocore.config import Config
from typing_extensions import TypedDict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Job(TypedDict):
    url: str
    bucket: str


def jobs(path: str) -> list[Job]:
    with open(path) as file:
        loaded: list[Job] = yaml.safe_load(file)
    return loaded


def copy(job: Job, client: S3Client) -> None:
    frame = pd.DataFrame(requests.get(job["url"], timeout=60).json())
    client.put_object(Bucket=job["bucket"], Key="rows.csv", Body=frame.to_csv().encode())


def main(path: str) -> None:
    client: Any = boto3.client("s3", config=Config(retries={"max_attempts": 5}))
    for job in jobs(path):
        copy(job, client)
