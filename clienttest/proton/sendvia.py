"""Uses Apache Qpid Proton, an AMQP library that knows nothing of Service Bus, to send to
one queue by way of another against a running Switchyard. See ../README.md."""

import os

from proton import Message, symbol
from proton.reactor import LinkOption

from steps import Steps, run

VIA = os.environ.get("SERVICEBUS_QUEUE", "clienttest")
DESTINATION = os.environ.get("SERVICEBUS_OTHER_QUEUE", "clienttest-other")
PROPERTY = "com.microsoft:transfer-destination-address"


class To(LinkOption):
    """Asks for send-via: the messages of the link go on to a destination."""

    def __init__(self, destination):
        self.destination = destination

    def apply(self, link):
        link.properties = {symbol(PROPERTY): self.destination}


class SendVia(Steps):
    """Receives a message of one queue, and in a transaction accepts it and sends another
    to a second queue by way of the first. Then one without a transaction, and to a queue
    that does not exist."""

    missing = None

    def open_links(self):
        self.sender = self.container.create_sender(self.connection, VIA, name="direct")
        self.receiver = self.container.create_receiver(self.connection, VIA)
        self.via = self.container.create_sender(self.connection, VIA, name="via", options=To(DESTINATION))
        self.arrived = self.container.create_receiver(self.connection, DESTINATION)

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

    def on_link_error(self, event):
        if event.link == self.missing:
            self.events.append("refused: " + event.link.remote_condition.name)
            self.end()
            return
        super().on_link_error(event)


run(SendVia, "send-via", ["to " + DESTINATION, "sent", "got in", "committed", "got out", "got alone", "refused: amqp:not-found"])
