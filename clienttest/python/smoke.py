"""Uses azure-servicebus against a running Switchyard. See ../README.md."""

import asyncio
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone

from azure.servicebus import (
    AutoLockRenewer,
    NEXT_AVAILABLE_SESSION,
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusMessageState,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
)
from azure.servicebus.aio import ServiceBusClient as AsyncClient
from azure.servicebus.amqp import AmqpAnnotatedMessage
from azure.servicebus.exceptions import (
    MessageNotFoundError,
    MessageSizeExceededError,
    OperationTimeoutError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

CONNECTION_STRING = os.environ.get("SERVICEBUS_CONNECTION_STRING", "")
QUEUE = os.environ.get("SERVICEBUS_QUEUE", "clienttest")
SESSIONS, DUPLICATES, OTHER = QUEUE + "-sessions", QUEUE + "-duplicates", QUEUE + "-other"
SESSION_TOPIC = os.environ.get("SERVICEBUS_SESSION_TOPIC", "clienttest-session-topic")
TOPIC, SUBSCRIPTION = os.environ.get("SERVICEBUS_TOPIC", "clienttest-topic"), os.environ.get("SERVICEBUS_SUBSCRIPTION", "clienttest")


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
    assert "does not require sessions" in str(caught), caught


def sessions(client, sender, receiver):
    """A session is held by name or as the next one; its messages come in their order."""
    with client.get_queue_sender(SESSIONS) as to:
        to.send_messages([ServiceBusMessage(f"{s}{i}", session_id=s) for i in range(1, 4) for s in "ab"])
        caught = rejects(ServiceBusError, lambda: to.send_messages(ServiceBusMessage("none")))
        assert "SessionId was not set" in str(caught), caught
        with client.get_queue_receiver(SESSIONS, session_id="a") as a:
            (first,) = receive(a, 1)
            assert body(first) == "a1" and first.session_id == "a" and a.session.session_id == "a"
            rejects(SessionCannotBeLockedError, lambda: client.get_queue_receiver(SESSIONS, session_id="a").receive_messages(max_wait_time=1))
            a.abandon_message(first)
            rest = receive(a, 3)
            assert sorted(body(m) for m in rest) == ["a1", "a2", "a3"], [body(m) for m in rest]
            assert [m.delivery_count for m in rest if body(m) == "a1"] == [1]
            with client.get_queue_receiver(SESSIONS, session_id=NEXT_AVAILABLE_SESSION) as b:
                assert b.session.session_id == "b"
                assert sorted(client.list_queue_sessions(SESSIONS)) == ["a", "b"]
                assert [body(m) for m in b.peek_messages(max_message_count=10)] == ["b1", "b2", "b3"]
                for m in receive(b, 3):
                    b.complete_message(m)
            deferred = rest[0]
            a.defer_message(deferred)
            (again,) = a.receive_deferred_messages(deferred.sequence_number)
            a.complete_message(again)
            a.dead_letter_message(rest[1], reason="bad")
            a.complete_message(rest[2])
        with client.get_queue_receiver(SESSIONS, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead:
            (d,) = receive(dead, 1)
            assert d.session_id == "a" and d.dead_letter_reason == "bad"
            dead.complete_message(d)
    began = time.monotonic()
    none = client.get_queue_receiver(SESSIONS, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=2)
    rejects(OperationTimeoutError, lambda: none.receive_messages())
    assert time.monotonic() - began < 20
    none.close()


def session_state(client, sender, receiver):
    with client.get_queue_receiver(SESSIONS, session_id="state") as s:
        assert s.session.get_state() is None
        s.session.set_state(b"half")
        assert s.session.get_state() == b"half"
        before = s.session.locked_until_utc
        time.sleep(0.05)
        assert s.session.renew_lock() > before
    with client.get_queue_receiver(SESSIONS, session_id="state") as s:
        assert s.session.get_state() == b"half"
        s.session.set_state(None)
        assert s.session.get_state() is None


def session_of_subscription(client, sender, receiver):
    with client.get_topic_sender(SESSION_TOPIC) as to:
        to.send_messages([ServiceBusMessage(text, session_id="a") for text in ("a1", "a2")])
    with client.get_subscription_receiver(SESSION_TOPIC, "clienttest", session_id=NEXT_AVAILABLE_SESSION) as s:
        assert s.session.session_id == "a"
        assert list(client.list_subscription_sessions(SESSION_TOPIC, "clienttest")) == ["a"]
        s.session.set_state(b"half")
        assert s.session.get_state() == b"half"
        s.session.set_state(None)
        assert s.session.renew_lock() > datetime.now(timezone.utc)
        received = receive(s, 2)
        assert [body(m) for m in received] == ["a1", "a2"]
        s.complete_message(received[0])
    with client.get_subscription_receiver(SESSION_TOPIC, "clienttest", session_id="a") as s:
        (m,) = receive(s, 1)
        assert (body(m), m.session_id, m.delivery_count) == ("a2", "a", 0), m
        s.complete_message(m)
        receive_none(s)


def session_lock_lost(client, sender, receiver):
    """The lock of a session runs out on an idle link; what was received can't be settled any more."""
    with client.get_queue_sender(SESSIONS) as to:
        to.send_messages(ServiceBusMessage("late", session_id="late"))
    with client.get_queue_receiver(SESSIONS, session_id="late") as s:
        (m,) = receive(s, 1)
        time.sleep(11)
        rejects(SessionLockLostError, lambda: s.complete_message(m))
    with client.get_queue_receiver(SESSIONS, session_id="late") as s:
        (m,) = receive(s, 1)
        assert m.delivery_count == 1
        s.complete_message(m)


def schedule(client, sender, receiver):
    at = datetime.now(timezone.utc) + timedelta(seconds=2)
    first, second = sender.schedule_messages([ServiceBusMessage("first"), ServiceBusMessage("second")], at)
    sender.send_messages(ServiceBusMessage("third", scheduled_enqueue_time_utc=at))
    states = [m.state for m in receiver.peek_messages(max_message_count=10)]
    assert states == [ServiceBusMessageState.SCHEDULED] * 3, states
    sender.cancel_scheduled_messages(first)
    rejects(MessageNotFoundError, lambda: sender.cancel_scheduled_messages([first]))
    received = receive(receiver, 2)
    assert [body(m) for m in received] == ["second", "third"]
    assert received[0].sequence_number > second and received[0].enqueued_sequence_number == second
    assert received[0].enqueued_time_utc >= at.replace(microsecond=at.microsecond // 1000 * 1000)
    for m in received:
        receiver.complete_message(m)


def duplicates(client, sender, receiver):
    with client.get_queue_sender(DUPLICATES) as to, client.get_queue_receiver(DUPLICATES) as taken:
        for text in ("one", "again"):
            to.send_messages(ServiceBusMessage(text, message_id="same"))
        to.send_messages([ServiceBusMessage("two", message_id="other"), ServiceBusMessage("too", message_id="same")])
        received = receive(taken, 2)
        assert [body(m) for m in received] == ["one", "two"]
        for m in received:
            taken.complete_message(m)
        receive_none(taken)


def topic(client, sender, receiver):
    """A subscription is as good as a queue: each settlement, properties, peek, numbers and the dead letters."""
    to = client.get_topic_sender(TOPIC)
    subscription = client.get_subscription_receiver(TOPIC, SUBSCRIPTION)
    with to, subscription:
        to.send_messages([ServiceBusMessage(f"t{i}", message_id=f"t{i}", application_properties={"n": i}) for i in range(1, 5)])
        assert [body(m) for m in subscription.peek_messages(max_message_count=10)] == ["t1", "t2", "t3", "t4"]
        received = receive(subscription, 4)
        assert [m.application_properties[b"n"] for m in received] == [1, 2, 3, 4]
        subscription.complete_message(received[0])
        subscription.abandon_message(received[1])
        subscription.defer_message(received[2])
        subscription.dead_letter_message(received[3], reason="bad", error_description="very bad")
        (again,) = receive(subscription, 1)
        assert (body(again), again.delivery_count) == ("t2", 1), again
        subscription.complete_message(again)
        (deferred,) = subscription.receive_deferred_messages(received[2].sequence_number)
        subscription.complete_message(deferred)
        receive_none(subscription)
        with client.get_subscription_receiver(TOPIC, SUBSCRIPTION, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead_letters:
            (d,) = receive(dead_letters, 1)
            assert (body(d), d.dead_letter_reason) == ("t4", "bad")
            dead_letters.complete_message(d)


def lock_renewer(client, sender, receiver):
    """The library's renewer keeps the lock of a message, of 5 s in this queue, and of a session, of 10 s."""
    renewer = AutoLockRenewer(max_lock_renewal_duration=60)
    with client.get_queue_sender(OTHER) as to, client.get_queue_receiver(OTHER) as short:
        to.send_messages(ServiceBusMessage("kept"))
        (m,) = receive(short, 1)
        renewer.register(short, m)
        with client.get_queue_receiver(SESSIONS, session_id="kept") as s:
            renewer.register(s, s.session)
            time.sleep(12)
            assert s.session.get_state() is None  # it is held
        short.complete_message(m)
        receive_none(short)
    renewer.close()


def asynchronous(client, sender, receiver):
    """The library for asyncio is another one, up to its AMQP."""

    async def run():
        async with AsyncClient.from_connection_string(CONNECTION_STRING, retry_total=1) as c:
            async with c.get_queue_sender(QUEUE) as to, c.get_queue_receiver(QUEUE) as taken:
                await to.send_messages([ServiceBusMessage(f"a{i}") for i in range(3)])
                received = []
                while len(received) < 3:
                    part = await taken.receive_messages(max_message_count=3, max_wait_time=10)
                    assert part, f"received {len(received)} of 3 messages"
                    received += part
                assert [body(m) for m in received] == ["a0", "a1", "a2"]
                await taken.renew_message_lock(received[0])
                await taken.complete_message(received[0])
                await taken.abandon_message(received[1])
                (again,) = await taken.receive_messages(max_wait_time=10)
                assert (body(again), again.delivery_count) == ("a1", 1)
                await taken.complete_message(again)
                await taken.defer_message(received[2])
                (deferred,) = await taken.receive_deferred_messages(received[2].sequence_number)
                await taken.complete_message(deferred)
            async with c.get_queue_sender(SESSIONS) as to:
                await to.send_messages(ServiceBusMessage("s", session_id="async"))
            async with c.get_queue_receiver(SESSIONS, session_id=NEXT_AVAILABLE_SESSION) as s:
                (m,) = await s.receive_messages(max_wait_time=10)
                assert (body(m), s.session.session_id) == ("s", "async")
                await s.session.set_state(b"x")
                assert await s.session.get_state() == b"x"
                await s.session.set_state(None)
                await s.complete_message(m)

    asyncio.run(run())
    receive_none(receiver)


def restart(client, sender, receiver):
    """The server is killed and comes back with what it acknowledged; the same sender and receiver go on."""
    command = os.environ.get("SERVICEBUS_RESTART")
    if not command:
        print("left out: SERVICEBUS_RESTART is not set")
        return
    sender.send_messages([ServiceBusMessage("locked"), ServiceBusMessage("waiting")])
    (locked,) = receive(receiver, 1)
    (number,) = sender.schedule_messages(ServiceBusMessage("scheduled"), datetime.now(timezone.utc) + timedelta(hours=1))
    with client.get_queue_receiver(SESSIONS, session_id="restart") as s:
        s.session.set_state(b"half")
    time.sleep(0.3)  # a lock of less than 100 ms may be lost
    subprocess.run(command, shell=True, check=True)
    sender.send_messages(ServiceBusMessage("after"))
    receiver.complete_message(locked)  # the lock is the message's, not the link's
    rest = receive(receiver, 2)
    assert [(body(m), m.delivery_count) for m in rest] == [("waiting", 0), ("after", 0)], [str(m) for m in rest]
    for m in rest:
        receiver.complete_message(m)
    sender.cancel_scheduled_messages(number)
    receive_none(receiver)
    with client.get_queue_receiver(SESSIONS, session_id="restart") as s:
        assert s.session.get_state() == b"half"
        s.session.set_state(None)


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
    sessions,
    session_state,
    session_of_subscription,
    session_lock_lost,
    schedule,
    duplicates,
    topic,
    lock_renewer,
    asynchronous,
    restart,
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
