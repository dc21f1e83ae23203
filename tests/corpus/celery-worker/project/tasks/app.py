import logging.config

from celery import Celery
from kombu import Queue

LOGGING = {
    "version": 1,
    "formatters": {"json": {"class": "pythonjsonlogger.jsonlogger.JsonFormatter"}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["out"]},
}
logging.config.dictConfig(LOGGING)
app = Celery("tasks", broker="redis://broker:6379/0", backend="db+sqlite:///results.db", include=["tasks.pictures"])
app.conf.task_queues = [Queue("pictures"), Queue("slow")]
