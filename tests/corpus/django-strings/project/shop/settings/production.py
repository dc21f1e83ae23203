import sentry_sdk

from .base import *

STORAGES = {
    "default": {"BACKEND": "storages.backends.s3.S3Storage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
sentry_sdk.init(dsn=env("SENTRY_DSN", default=""))
