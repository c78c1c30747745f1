"""Uses Apache Qpid Proton, an AMQP library that knows nothing of Service Bus, for
transactions against a running Switchyard. See ../README.md."""

import os
import sys

from proton import Endpoint, Message
from proton.handlers import MessagingHandler, TransactionHandler
from proton.reactor import Container

QUEUE = os.environ.get("SERVICEBUS_QUEUE", "clienttest")


def settings(connection_string):
    parts = dict(part.split("=", 1) for part in connection_string.split(";") if part)
    host = parts["Endpoint"].split("://", 1)[1].rstrip("/")
    return "amqp://" + host, parts["SharedAccessKeyName"], parts["SharedAccessKey"]


class Steps(MessagingHandler, TransactionHandler):
    """Sends two messages and exchanges each in a transaction: the first is committed and
    what it sent arrives, the second is rolled back and nothing of it does."""

    def __init__(self, connection_string):
        super().__init__(prefetch=0, auto_accept=False)
        self.url, self.user, self.password = settings(connection_string)
        self.events, self.error, self.transaction = [], None, None

    def on_start(self, event):
        self.container = event.container
        self.connection = event.container.connect(
            self.url, user=self.user, password=self.password, allowed_mechs="PLAIN", reconnect=False)
        self.sender = event.container.create_sender(self.connection, QUEUE)
        self.receiver = event.container.create_receiver(self.connection, QUEUE)
        self.timeout = event.container.schedule(30, self)
        self.quiet = None

    def on_sendable(self, event):
        if event.sender == self.sender and not self.events:
            self.events.append("ready")
            for name in ("commits", "rolls back"):
                self.sender.send(Message(id=name, body=name))
            self.receiver.flow(1)

    def on_message(self, event):
        self.events.append("got " + event.message.id)
        if event.message.id == "out of commits":
            self.accept(event.delivery)
            return
        self.delivery, self.message = event.delivery, event.message
        self.container.declare_transaction(self.connection, handler=self)

    def on_transaction_declared(self, event):
        self.transaction = event.transaction
        self.transaction.send(self.sender, Message(id="out of " + self.message.id, body="x"))
        self.transaction.accept(self.delivery)
        if self.message.id == "commits":
            self.transaction.commit()
        else:
            self.transaction.abort()

    def on_transaction_committed(self, event):
        self.events.append("committed")
        self.receiver.flow(2)

    def on_transaction_aborted(self, event):
        self.events.append("aborted")
        self.receiver.flow(1)
        self.quiet = self.container.schedule(1, self)

    def on_transaction_declare_failed(self, event):
        self.fail("declare failed")

    def on_transaction_commit_failed(self, event):
        self.fail("commit failed")

    def on_timer_task(self, event):
        if event.task != self.quiet:
            self.fail("it takes too long")
        self.end()

    def on_transport_error(self, event):
        self.fail(str(event.transport.condition))

    def on_link_error(self, event):
        self.fail(str(event.link.remote_condition))

    def on_rejected(self, event):
        if self.transaction is None:
            self.fail("rejected: " + str(event.delivery.remote.condition))

    def fail(self, what):
        self.error = self.error or what
        self.end()

    def end(self):
        self.timeout.cancel()
        if self.connection.state & Endpoint.LOCAL_ACTIVE:
            self.connection.close()


def main():
    connection_string = os.environ.get("SERVICEBUS_CONNECTION_STRING", "")
    if not connection_string:
        sys.exit("SERVICEBUS_CONNECTION_STRING is not set")
    steps = Steps(connection_string)
    Container(steps).run()
    want = ["ready", "got commits", "committed", "got rolls back", "got out of commits", "aborted"]
    if steps.error or sorted(steps.events) != sorted(want):
        sys.exit(f"{steps.error or 'other events than expected'}: {steps.events}, want {want}")
    print("ok   transactions with Proton")


main()
