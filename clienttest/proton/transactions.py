"""Uses Apache Qpid Proton, an AMQP library that knows nothing of Service Bus, for
transactions against a running Switchyard. See ../README.md."""

import os

from proton import Message

from steps import Steps, run

QUEUE = os.environ.get("SERVICEBUS_QUEUE", "clienttest")


class Transactions(Steps):
    """Sends two messages and exchanges each in a transaction: the first is committed and
    what it sent arrives, the second is rolled back and nothing of it does."""

    quiet = None

    def open_links(self):
        self.sender = self.container.create_sender(self.connection, QUEUE)
        self.receiver = self.container.create_receiver(self.connection, QUEUE)

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

    def on_timer_task(self, event):
        if event.task != self.quiet:
            self.fail("it takes too long")
        self.end()

    def on_rejected(self, event):
        if self.transaction is None:
            self.fail("rejected: " + str(event.delivery.remote.condition))


run(Transactions, "transactions", ["ready", "got commits", "committed", "got rolls back", "got out of commits", "aborted"])
