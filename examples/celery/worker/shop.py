"""Two tasks, as any team with Celery has them. Nothing in here knows of Evenkeel."""

import os

import psycopg2
from celery import Celery

app = Celery("shop", broker=os.environ["BROKER_URL"])
app.conf.update(
    task_acks_late=True,  # a worker that dies gives its task to another
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    task_routes={"shop.send_receipt": {"queue": "mail"}},
)


def database():
    return psycopg2.connect(os.environ["DATABASE_URL"])


@app.task(name="shop.send_receipt", bind=True)
def send_receipt(self, order_id, email):
    # The same for the same order, in every try: the mail service sends nothing twice. Without Evenkeel it would be made up here.
    key = self.request.get("evenkeel_idempotency_key") or f"receipt-{order_id}"
    with database() as db, db.cursor() as sql:
        sql.execute(
            "insert into outbox (idempotency_key, order_id, email) values (%s, %s, %s) on conflict do nothing",
            (key, order_id, email),
        )
        sql.execute("update orders set receipt_sent_at = now() where id = %s", (order_id,))


@app.task(name="shop.make_invoice")
def make_invoice(order_id, total):
    with database() as db, db.cursor() as sql:
        sql.execute(
            "insert into invoices (order_id, number) values (%s, %s) on conflict do nothing",
            (order_id, f"R-{order_id}"),
        )
