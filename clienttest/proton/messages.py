"""Uses Apache Qpid Proton, an AMQP library that knows nothing of Service Bus, to send and
receive with SASL PLAIN against a running Switchyard. See ../README.md."""

import os
import subprocess
import sys
import time
import uuid

from proton import (
    UNDESCRIBED, Array, Data, Delivery, Described, Message, Timeout, byte, char, decimal32, decimal64, decimal128,
    float32, int32, short, symbol, timestamp, ubyte, uint, ulong, ushort,
)
from proton.utils import BlockingConnection, LinkDetached, SendException

QUEUE = os.environ.get("SERVICEBUS_QUEUE", "clienttest")
UUID = uuid.UUID("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9")


def connect(password=None):
    parts = dict(part.split("=", 1) for part in os.environ["SERVICEBUS_CONNECTION_STRING"].split(";") if part)
    host = parts["Endpoint"].split("://", 1)[1].rstrip("/")
    return BlockingConnection("amqp://" + host, timeout=20, allowed_mechs="PLAIN", user=parts["SharedAccessKeyName"],
                              password=password or parts["SharedAccessKey"])


def rejects(error, call):
    try:
        call()
    except error as caught:
        return str(caught)
    raise AssertionError(f"{error} was not raised")


def receive_none(receiver):
    rejects(Timeout, lambda: receiver.receive(timeout=0.5))


VALUES = {
    "null": None, "boolean": True, "ubyte": ubyte(200), "ushort": ushort(60000), "uint": uint(4000000000), "ulong": ulong(2**63 + 5),
    "byte": byte(-5), "short": short(-300), "int": int32(-70000), "long": -(2**40), "float": float32(0.5), "double": 1.1,
    "decimal32": decimal32(0x22400001), "decimal64": decimal64(0x2234000000000001),
    "decimal128": decimal128(bytes(range(16))), "char": char("€"), "timestamp": timestamp(1767225600123), "uuid": UUID,
    "binary": b"\x00\xff", "string": "größer", "symbol": symbol("sym"),
}
NESTED = {"list": [1, "two", None, [3]], "map": {"a": {"b": UUID}}, "array": Array(UNDESCRIBED, Data.INT, int32(1), int32(2)),
          "described": Described(symbol("com.microsoft:timespan"), 5)}


def same(got, want, path):
    """Values are equal, and their types are."""
    assert type(got) is type(want), f"{path} is a {type(got).__name__}, want a {type(want).__name__}"
    if isinstance(want, dict):
        assert set(got) == set(want), f"{path} has {sorted(got)}, want {sorted(want)}"
        for key in want:
            same(got[key], want[key], f"{path}.{key}")
    elif isinstance(want, list):
        assert len(got) == len(want), path
        for i, value in enumerate(want):
            same(got[i], value, f"{path}[{i}]")
    else:
        assert got == want, f"{path} is {got!r}, want {want!r}"


def types(connection, sender, receiver):
    """What was sent comes back with the types it had, also when a settlement has added properties."""
    for i in ("text", ulong(2**63 + 1), UUID):
        # One at a time: the library asks for the next message before the last is settled.
        sender.send(Message(id=i, correlation_id=i, properties=dict(VALUES), body=dict(VALUES, **NESTED)))
        m = receiver.receive()
        assert (m.id, m.correlation_id) == (i, i), (m.id, m.correlation_id)
        same(m.properties, VALUES, "properties")
        same(m.body, dict(VALUES, **NESTED), "body")
        receiver.release(delivered=True)
        again = receiver.receive()
        same(again.properties, VALUES, "properties of the second delivery")
        same(again.body, dict(VALUES, **NESTED), "body of the second delivery")
        assert again.delivery_count == 1, again.delivery_count
        receiver.accept()


def outcomes(connection, sender, receiver):
    sender.send(Message(body="a"))
    assert receiver.receive().body == "a"
    receiver.release(delivered=False)
    m = receiver.receive()
    assert (m.body, m.delivery_count) == ("a", 0), (m.body, m.delivery_count)
    receiver.reject()
    sender.send(Message(body="b"))
    assert receiver.receive().body == "b"
    receiver.accept()
    receive_none(receiver)
    dead = connection.create_receiver(QUEUE + "/$DeadLetterQueue", credit=1)
    assert dead.receive().body == "a"
    dead.accept()
    dead.close()


def large(connection, sender, receiver):
    sender.send(Message(body=b"x" * 200000))
    assert len(receiver.receive().body) == 200000
    receiver.accept()
    caught = rejects(SendException, lambda: sender.send(Message(body=b"x" * 300000)))
    assert str(Delivery.REJECTED) in caught, caught
    sender.send(Message(body="small"))
    assert receiver.receive().body == "small"
    receiver.accept()


def refused(connection, sender, receiver):
    caught = rejects(LinkDetached, lambda: connection.create_receiver(QUEUE + "-missing"))
    assert "amqp:not-found" in caught and "could not be found" in caught, caught
    caught = rejects(LinkDetached, lambda: connection.create_sender(QUEUE + "/$DeadLetterQueue"))
    assert "amqp:not-allowed" in caught, caught
    rejects(Exception, lambda: connect(password="wrong"))


def restart(connection, sender, receiver):
    """Proton's blocking connection does not come back by itself; what was acknowledged does."""
    command = os.environ.get("SERVICEBUS_RESTART")
    if not command:
        print("left out: SERVICEBUS_RESTART is not set")
        return
    receiver.close()  # it has credit, and what it gets is locked
    sender.send(Message(body="before"))
    subprocess.run(command, shell=True, check=True)
    again = connect()
    again.create_sender(QUEUE).send(Message(body="after"))
    r = again.create_receiver(QUEUE, credit=1)
    for body in ("before", "after"):
        assert r.receive().body == body
        r.accept()
    again.close()


def main():
    if not os.environ.get("SERVICEBUS_CONNECTION_STRING"):
        sys.exit("SERVICEBUS_CONNECTION_STRING is not set")
    connection = connect()
    sender, receiver = connection.create_sender(QUEUE), connection.create_receiver(QUEUE, credit=1)
    for step in (types, outcomes, large, refused, restart):
        began = time.monotonic()
        try:
            step(connection, sender, receiver)
        except Exception as failure:  # whatever it is, the step has failed
            sys.exit(f"FAIL {step.__name__} with Proton: {type(failure).__name__}: {failure}")
        print(f"ok   {step.__name__} with Proton")
        assert time.monotonic() - began < 30


main()
