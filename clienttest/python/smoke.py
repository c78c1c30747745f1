"""Uses azure-servicebus against a running Switchyard. See ../README.md."""

import os
import sys
import time

from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
)
from azure.servicebus.amqp import AmqpAnnotatedMessage
from azure.servicebus.exceptions import (
    MessageNotFoundError,
    MessageSizeExceededError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusError,
)

CONNECTION_STRING = os.environ.get("SERVICEBUS_CONNECTION_STRING", "")
QUEUE = os.environ.get("SERVICEBUS_QUEUE", "clienttest")


def connect(connection_string=CONNECTION_STRING):
    return ServiceBusClient.from_connection_string(
        connection_string, retry_total=1, retry_backoff_factor=0.05
    )


def body(message):
    return b"".join(message.body).decode()


def receive(receiver, count):
    received = []
    while len(received) < count:
        part = receiver.receive_messages(max_message_count=count - len(received), max_wait_time=10)
        assert part, f"received {len(received)} of {count} messages"
        received += part
    return received


def receive_none(receiver):
    assert receiver.receive_messages(max_message_count=1, max_wait_time=1) == [], "the queue should be empty"


def rejects(error, call):
    try:
        call()
    except error as caught:
        return caught
    raise AssertionError(f"{error} was not raised")


def send_receive_complete(client, sender, receiver):
    sender.send_messages(
        ServiceBusMessage(
            "größer",
            message_id="m1",
            subject="s",
            content_type="text/plain",
            correlation_id="c",
            application_properties={"text": "x", "number": 5, "flag": True},
        )
    )
    (m,) = receive(receiver, 1)
    assert body(m) == "größer"
    assert (m.message_id, m.subject, m.content_type, m.correlation_id) == ("m1", "s", "text/plain", "c")
    assert m.application_properties == {b"text": b"x", b"number": 5, b"flag": True}, m.application_properties
    assert m.delivery_count == 0 and m.sequence_number >= 1 and m.locked_until_utc > m.enqueued_time_utc
    receiver.complete_message(m)
    receive_none(receiver)


def batch_in_order(client, sender, receiver):
    batch = sender.create_message_batch()
    want = [f"b{i}" for i in range(50)]
    for text in want:
        batch.add_message(ServiceBusMessage(text))
    sender.send_messages(batch)
    received = receive(receiver, len(want))
    assert [body(m) for m in received] == want
    for m in received:
        receiver.complete_message(m)
    receive_none(receiver)


def abandon(client, sender, receiver):
    sender.send_messages(ServiceBusMessage("abandon"))
    (m,) = receive(receiver, 1)
    receiver.abandon_message(m)
    (again,) = receive(receiver, 1)
    assert again.sequence_number == m.sequence_number and again.delivery_count == 1
    receiver.complete_message(again)


def defer(client, sender, receiver):
    sender.send_messages(ServiceBusMessage("defer"))
    (m,) = receive(receiver, 1)
    receiver.defer_message(m)
    receive_none(receiver)
    (d,) = receiver.receive_deferred_messages(m.sequence_number)
    assert body(d) == "defer" and d.delivery_count == 1
    receiver.complete_message(d)
    rejects(MessageNotFoundError, lambda: receiver.receive_deferred_messages(m.sequence_number))


def dead_letter(client, sender, receiver):
    sender.send_messages(ServiceBusMessage("dead"))
    (m,) = receive(receiver, 1)
    receiver.dead_letter_message(m, reason="bad", error_description="very bad")
    with client.get_queue_receiver(QUEUE, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead_letters:
        (d,) = receive(dead_letters, 1)
        assert body(d) == "dead" and d.dead_letter_reason == "bad" and d.dead_letter_error_description == "very bad"
        dead_letters.complete_message(d)
        receive_none(dead_letters)


def renew_lock(client, sender, receiver):
    sender.send_messages(ServiceBusMessage("renew"))
    (m,) = receive(receiver, 1)
    before = m.locked_until_utc
    time.sleep(0.05)
    until = receiver.renew_message_lock(m)
    assert until > before, f"{until} is not after {before}"
    token = m.lock_token
    receiver.complete_message(m)
    assert token is not None


def peek(client, sender, receiver):
    sender.send_messages([ServiceBusMessage(f"p{i}") for i in range(1, 4)])
    peeked = receiver.peek_messages(max_message_count=10)
    assert [body(m) for m in peeked] == ["p1", "p2", "p3"]
    (second,) = receiver.peek_messages(max_message_count=1, sequence_number=peeked[1].sequence_number)
    assert body(second) == "p2"


def receive_and_delete(client, sender, receiver):
    with client.get_queue_receiver(QUEUE, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE) as deleting:
        assert [body(m) for m in receive(deleting, 3)] == ["p1", "p2", "p3"]
        receive_none(deleting)


def annotated(client, sender, receiver):
    """The library writes the delivery annotations behind the body, where no other client has them."""
    sender.send_messages(
        AmqpAnnotatedMessage(
            data_body=[b"aa", b"bb", b"cc"],
            delivery_annotations={"delann_key": "delann_value"},
            application_properties={"body_type": "data"},
        )
    )
    (m,) = receive(receiver, 1)
    assert list(m.body) == [b"aa", b"bb", b"cc"] and m.application_properties == {b"body_type": b"data"}
    annotations = m.raw_amqp_message.delivery_annotations
    assert annotations[b"delann_key"] == b"delann_value" and b"x-opt-lock-token" in annotations, annotations
    receiver.complete_message(m)


def large_property(client, sender, receiver):
    """A property has 32 KB at most; the link lives on."""

    def message(length):
        return ServiceBusMessage("large", application_properties={"trace": "A" * length})

    caught = rejects(ServiceBusError, lambda: sender.send_messages(message(32786)))
    assert "trace" in str(caught) and not isinstance(caught, ServiceBusAuthenticationError), caught
    sender.send_messages(message(32767))
    (m,) = receive(receiver, 1)
    assert len(m.application_properties[b"trace"]) == 32767
    receiver.complete_message(m)


def large_message(client, sender, receiver):
    """Nothing but a rejected delivery lets the library say that a message is too large; the link lives on."""
    rejects(MessageSizeExceededError, lambda: sender.send_messages(ServiceBusMessage("A" * 256 * 1024)))
    sender.send_messages(ServiceBusMessage("small"))
    (m,) = receive(receiver, 1)
    assert body(m) == "small"
    receiver.complete_message(m)


def missing_queue(client, sender, receiver):
    """The 404 that answers put-token is an authentication error to this library, at once and with Azure too."""

    def send():
        with client.get_queue_sender(QUEUE + "-missing") as nowhere:
            nowhere.send_messages(ServiceBusMessage("x"))

    rejects(ServiceBusAuthenticationError, send)


def wrong_key(client, sender, receiver):
    parts = [p for p in CONNECTION_STRING.split(";") if p and not p.startswith("SharedAccessKey=")]

    def send():
        with connect(";".join(parts + ["SharedAccessKey=wrong"])) as other:
            with other.get_queue_sender(QUEUE) as refused:
                refused.send_messages(ServiceBusMessage("x"))

    rejects((ServiceBusAuthenticationError, ServiceBusAuthorizationError), send)


def sessions_refused(client, sender, receiver):
    def accept():
        with client.get_queue_receiver(QUEUE, session_id="s") as session:
            session.receive_messages(max_wait_time=1)

    caught = rejects(ServiceBusError, accept)
    assert "not supported" in str(caught), caught


def list_sessions_refused(client, sender, receiver):
    caught = rejects(ServiceBusError, lambda: list(client.list_queue_sessions(QUEUE)))
    assert "not supported" in str(caught) and not caught._retryable, caught


STEPS = [
    send_receive_complete,
    batch_in_order,
    abandon,
    defer,
    dead_letter,
    renew_lock,
    peek,
    receive_and_delete,
    annotated,
    large_property,
    large_message,
    missing_queue,
    wrong_key,
    sessions_refused,
    list_sessions_refused,
]


def main():
    if not CONNECTION_STRING:
        print("SERVICEBUS_CONNECTION_STRING is not set", file=sys.stderr)
        return 2
    with connect() as client, client.get_queue_sender(QUEUE) as sender, client.get_queue_receiver(QUEUE) as receiver:
        for step in STEPS:
            try:
                step(client, sender, receiver)
            except Exception as failure:  # whatever it is, the step has failed
                print(f"FAIL {step.__name__}: {type(failure).__name__}: {failure}", file=sys.stderr)
                return 1
            print(f"ok   {step.__name__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
