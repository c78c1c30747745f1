"""Uses Apache Qpid Proton, an AMQP library that knows nothing of Service Bus, to send to
one queue by way of another against a running Switchyard. See ../README.md."""

import os
import sys

from proton import Endpoint, Message, symbol
from proton.handlers import MessagingHandler, TransactionHandler
from proton.reactor import Container, LinkOption

VIA = os.environ.get("SERVICEBUS_QUEUE", "clienttest")
DESTINATION = os.environ.get("SERVICEBUS_OTHER_QUEUE", "clienttest-other")
PROPERTY = "com.microsoft:transfer-destination-address"


def settings(connection_string):
    parts = dict(part.split("=", 1) for part in connection_string.split(";") if part)
    host = parts["Endpoint"].split("://", 1)[1].rstrip("/")
    return "amqp://" + host, parts["SharedAccessKeyName"], parts["SharedAccessKey"]


class To(LinkOption):
    """Asks for send-via: the messages of the link go on to a destination."""

    def __init__(self, destination):
        self.destination = destination

    def apply(self, link):
        link.properties = {symbol(PROPERTY): self.destination}


class Steps(MessagingHandler, TransactionHandler):
    """Receives a message of one queue, and in a transaction accepts it and sends another
    to a second queue by way of the first. Then one without a transaction, and to a queue
    that does not exist."""

    def __init__(self, connection_string):
        super().__init__(prefetch=0, auto_accept=False)
        self.url, self.user, self.password = settings(connection_string)
        self.events, self.error, self.transaction, self.missing = [], None, None, None

    def on_start(self, event):
        self.container = event.container
        self.connection = event.container.connect(
            self.url, user=self.user, password=self.password, allowed_mechs="PLAIN", reconnect=False)
        self.sender = event.container.create_sender(self.connection, VIA, name="direct")
        self.receiver = event.container.create_receiver(self.connection, VIA)
        self.via = event.container.create_sender(self.connection, VIA, name="via", options=To(DESTINATION))
        self.arrived = event.container.create_receiver(self.connection, DESTINATION)
        self.timeout = event.container.schedule(30, self)

    def on_link_opened(self, event):
        if event.link == self.via:
            self.events.append("to " + str((event.link.remote_properties or {}).get(symbol(PROPERTY))))

    def on_sendable(self, event):
        if event.sender == self.sender and "sent" not in self.events:
            self.events.append("sent")
            self.sender.send(Message(id="in", body="in"))
            self.receiver.flow(1)

    def on_message(self, event):
        self.events.append("got " + event.message.id)
        if event.receiver == self.receiver:
            self.delivery = event.delivery
            self.container.declare_transaction(self.connection, handler=self)
            return
        self.accept(event.delivery)
        if event.message.id == "out":
            self.via.send(Message(id="alone", body="x"))
            self.arrived.flow(1)
        else:
            self.missing = event.container.create_sender(self.connection, VIA, name="missing", options=To("nowhere"))

    def on_transaction_declared(self, event):
        self.transaction = event.transaction
        self.transaction.send(self.via, Message(id="out", body="x"))
        self.transaction.accept(self.delivery)
        self.transaction.commit()

    def on_transaction_committed(self, event):
        self.events.append("committed")
        self.arrived.flow(1)

    def on_transaction_declare_failed(self, event):
        self.fail("declare failed")

    def on_transaction_commit_failed(self, event):
        self.fail("commit failed")

    def on_timer_task(self, event):
        self.fail("it takes too long")

    def on_transport_error(self, event):
        self.fail(str(event.transport.condition))

    def on_link_error(self, event):
        if event.link == self.missing:
            self.events.append("refused: " + event.link.remote_condition.name)
            self.end()
            return
        self.fail(str(event.link.remote_condition))

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
    want = ["to " + DESTINATION, "sent", "got in", "committed", "got out", "got alone", "refused: amqp:not-found"]
    if steps.error or sorted(steps.events) != sorted(want):
        sys.exit(f"{steps.error or 'other events than expected'}: {steps.events}, want {want}")
    print("ok   send-via with Proton")


main()
