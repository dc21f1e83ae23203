import json

import redis


class Queue:
    def __init__(self, url):
        self.redis = redis.Redis.from_url(url)

    def put(self, job):
        self.redis.rpush("jobs", json.dumps(job))

    def get(self):
        return json.loads(self.redis.blpop("jobs")[1])
