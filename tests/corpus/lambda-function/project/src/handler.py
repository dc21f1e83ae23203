import os

import boto3
from aws_lambda_powertools import Logger, Tracer
from fastapi import FastAPI
from mangum import Mangum
from pyathena import connect

log, tracer = Logger(), Tracer()
app = FastAPI()
region = boto3.session.Session().region_name


@app.get("/rows")
@tracer.capture_method
def rows(limit: int = 10):
    with connect(s3_staging_dir=os.environ["STAGING"], region_name=region).cursor() as cursor:
        return cursor.execute("select * from rows limit %d" % limit).fetchall()


handler = log.inject_lambda_context(Mangum(app))
