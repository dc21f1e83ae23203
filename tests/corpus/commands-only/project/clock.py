import os
import time

import pika

connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
while True:
    channel.basic_publish("", "ticks", b"tick")
    time.sleep(60)
