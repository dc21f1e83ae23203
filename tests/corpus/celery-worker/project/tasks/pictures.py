from celery.utils.log import get_task_logger
from PIL import Image
from prometheus_client import Counter

from tasks.app import app

log = get_task_logger(__name__)
done = Counter("pictures_done", "Pictures made smaller")


@app.task(bind=True, queue="pictures")
def shrink(self, path):
    # import ipdb; ipdb.set_trace()
    with Image.open(path) as picture:
        picture.thumbnail((800, 800))
        picture.save(path)
    done.inc()
    log.info("shrunk %s", path)
