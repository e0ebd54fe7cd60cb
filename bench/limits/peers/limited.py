"""Celery's rate_limit: of each worker by itself, so that each gets its share of the limit."""
import http.client
import os
import threading
from urllib.parse import urlparse

from celery import Celery

app = Celery(broker=os.environ["BROKER_URL"])
# With more, each message that waits adds a timer that lives as long as anything waits; the worker's loop fires ten
# of them a turn and then sleeps for a second (Celery 5.2, kombu's Hub.fire_timers): 2 requests a second remain.
app.conf.worker_prefetch_multiplier = 1
app.conf.task_ignore_result = True
upstream = urlparse(os.environ["UPSTREAM"])
own = threading.local()


@app.task(name="limited.send", rate_limit=os.environ["RATE_LIMIT"])
def send():
    if not hasattr(own, "connection"):
        own.connection = http.client.HTTPConnection(upstream.hostname, upstream.port)
    own.connection.request("POST", "/", "{}")
    own.connection.getresponse().read()
