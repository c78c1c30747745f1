"""What the programs here have in common that walk through steps by events."""

import os
import sys

from proton import Endpoint
from proton.handlers import MessagingHandler, TransactionHandler
from proton.reactor import Container


def settings(connection_string):
    parts = dict(part.split("=", 1) for part in connection_string.split(";") if part)
    host = parts["Endpoint"].split("://", 1)[1].rstrip("/")
    return "amqp://" + host, parts["SharedAccessKeyName"], parts["SharedAccessKey"]


class Steps(MessagingHandler, TransactionHandler):
    """Connects, notes events, and ends at a failure or after 30 seconds."""

    def __init__(self, connection_string):
        super().__init__(prefetch=0, auto_accept=False)
        self.url, self.user, self.password = settings(connection_string)
        self.events, self.error, self.transaction = [], None, None

    def on_start(self, event):
        self.container = event.container
        self.connection = event.container.connect(
            self.url, user=self.user, password=self.password, allowed_mechs="PLAIN", reconnect=False)
        self.open_links()
        self.timeout = event.container.schedule(30, self)

    def on_transaction_declare_failed(self, event):
        self.fail("declare failed")

    def on_transaction_commit_failed(self, event):
        self.fail("commit failed")

    def on_timer_task(self, event):
        self.fail("it takes too long")

    def on_transport_error(self, event):
        self.fail(str(event.transport.condition))

    def on_link_error(self, event):
        self.fail(str(event.link.remote_condition))

    def fail(self, what):
        self.error = self.error or what
        self.end()

    def end(self):
        self.timeout.cancel()
        if self.connection.state & Endpoint.LOCAL_ACTIVE:
            self.connection.close()


def run(kind, what, want):
    """Runs steps of a kind; their events must be those wanted, in any order."""
    connection_string = os.environ.get("SERVICEBUS_CONNECTION_STRING", "")
    if not connection_string:
        sys.exit("SERVICEBUS_CONNECTION_STRING is not set")
    steps = kind(connection_string)
    Container(steps).run()
    if steps.error or sorted(steps.events) != sorted(want):
        sys.exit(f"{steps.error or 'other events than expected'}: {steps.events}, want {want}")
    print(f"ok   {what} with Proton")
