import os

import redis
import requests
from shared.queue import Queue

from worker.speech import transcribe


def main():
    queue = Queue(os.environ["REDIS_URL"])
    while True:
        try:
            job = queue.get()
        except redis.ConnectionError:
            continue
        requests.post(os.environ["CALLBACK"], json={"text": transcribe(job["recording"])}, timeout=10)


if __name__ == "__main__":
    main()
