"""A cloud function: every object that arrives is announced."""
import google.auth
from google.api_core.exceptions import NotFound
from google.cloud import pubsub_v1, storage
from google.protobuf import timestamp_pb2

from messages import encode

credentials, project = google.auth.default()
bucket_of = storage.Client(credentials=credentials).bucket
publisher = pubsub_v1.PublisherClient(credentials=credentials)


def arrived(event, context):
    stamp = timestamp_pb2.Timestamp()
    stamp.FromJsonString(event["timeCreated"])
    try:
        blob = bucket_of(event["bucket"]).get_blob(event["name"])
    except NotFound:
        return
    publisher.publish(f"projects/{project}/topics/arrived", encode(blob.name, stamp.seconds))
