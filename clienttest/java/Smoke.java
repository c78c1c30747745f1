// Uses azure-messaging-servicebus against a running Switchyard. See ../README.md.

import com.azure.core.amqp.AmqpRetryOptions;
import com.azure.core.amqp.exception.AmqpErrorCondition;
import com.azure.core.amqp.exception.AmqpException;
import com.azure.core.util.IterableStream;
import com.azure.messaging.servicebus.ServiceBusClientBuilder;
import com.azure.messaging.servicebus.ServiceBusException;
import com.azure.messaging.servicebus.ServiceBusFailureReason;
import com.azure.messaging.servicebus.ServiceBusMessage;
import com.azure.messaging.servicebus.ServiceBusMessageBatch;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusRuleManagerClient;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import com.azure.messaging.servicebus.ServiceBusSessionReceiverClient;
import com.azure.messaging.servicebus.ServiceBusTransactionContext;
import com.azure.messaging.servicebus.administration.models.CorrelationRuleFilter;
import com.azure.messaging.servicebus.administration.models.CreateRuleOptions;
import com.azure.messaging.servicebus.administration.models.FalseRuleFilter;
import com.azure.messaging.servicebus.administration.models.RuleProperties;
import com.azure.messaging.servicebus.administration.models.SqlRuleAction;
import com.azure.messaging.servicebus.administration.models.SqlRuleFilter;
import com.azure.messaging.servicebus.administration.models.TrueRuleFilter;
import com.azure.messaging.servicebus.models.AbandonOptions;
import com.azure.messaging.servicebus.models.CompleteOptions;
import com.azure.messaging.servicebus.models.DeadLetterOptions;
import com.azure.messaging.servicebus.models.DeferOptions;
import com.azure.messaging.servicebus.models.ServiceBusMessageState;
import com.azure.messaging.servicebus.models.ServiceBusReceiveMode;
import com.azure.messaging.servicebus.models.SubQueue;

import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

public class Smoke {
    static final String CONNECTION_STRING = System.getenv("SERVICEBUS_CONNECTION_STRING");
    static final String QUEUE = env("SERVICEBUS_QUEUE", "clienttest");
    static final String OTHER = env("SERVICEBUS_OTHER_QUEUE", "clienttest-other");
    static final String SESSIONS = env("SERVICEBUS_SESSION_QUEUE", "clienttest-sessions");
    static final String SESSION_TOPIC = env("SERVICEBUS_SESSION_TOPIC", "clienttest-session-topic");
    static final String DUPLICATES = env("SERVICEBUS_DUPLICATE_QUEUE", "clienttest-duplicates");
    static final String TOPIC = env("SERVICEBUS_TOPIC", "clienttest-topic");
    static final String SUBSCRIPTION = env("SERVICEBUS_SUBSCRIPTION", "clienttest");

    static ServiceBusClientBuilder common;
    static ServiceBusSenderClient sender;
    static ServiceBusReceiverClient receiver;

    static String env(String name, String other) {
        String value = System.getenv(name);
        return value == null ? other : value;
    }

    static ServiceBusClientBuilder builder() {
        return new ServiceBusClientBuilder().connectionString(CONNECTION_STRING)
            .retryOptions(new AmqpRetryOptions().setMaxRetries(1).setTryTimeout(Duration.ofSeconds(20)));
    }

    static ServiceBusReceiverClient receiverOf(SubQueue sub, ServiceBusReceiveMode mode) {
        return builder().receiver().queueName(QUEUE).subQueue(sub).receiveMode(mode).disableAutoComplete().buildClient();
    }

    static List<ServiceBusReceivedMessage> receive(ServiceBusReceiverClient from, int count) {
        List<ServiceBusReceivedMessage> all = new ArrayList<>();
        while (all.size() < count) {
            List<ServiceBusReceivedMessage> part =
                from.receiveMessages(count - all.size(), Duration.ofSeconds(10)).stream().collect(Collectors.toList());
            check(!part.isEmpty(), "received " + all.size() + " of " + count + " messages");
            all.addAll(part);
        }
        return all;
    }

    static ServiceBusReceivedMessage receiveOne() { return receive(receiver, 1).get(0); }

    // A receiver that got nothing keeps its credit, and the client gives back what comes between
    // two calls, only after it has asked for more: out of order. So the receiver of all steps
    // never asks in vain.
    static void receiveNone(ServiceBusReceiverClient from) {
        if (from == receiver) {
            try (ServiceBusReceiverClient other = common.receiver().queueName(QUEUE).disableAutoComplete().buildClient()) {
                receiveNone(other);
            }
            return;
        }
        IterableStream<ServiceBusReceivedMessage> got = from.receiveMessages(1, Duration.ofMillis(500));
        check(got.stream().count() == 0, "there is a message where none should be");
    }

    static void check(boolean ok, String what) {
        if (!ok) {
            throw new AssertionError(what);
        }
    }

    static void equal(Object got, Object want, String what) {
        check(want.equals(got), what + " is " + got + ", want " + want);
    }

    static Throwable rejects(Runnable call) {
        try {
            call.run();
        } catch (RuntimeException caught) {
            return caught;
        }
        throw new AssertionError("nothing was raised");
    }

    static void rejects(ServiceBusFailureReason reason, Runnable call) {
        Throwable caught = rejects(call);
        check(caught instanceof ServiceBusException && ((ServiceBusException) caught).getReason() == reason,
            "raised " + caught + ", want the reason " + reason);
    }

    static void rejects(String text, Runnable call) {
        Throwable caught = rejects(call);
        String all = caught + (caught.getCause() == null ? "" : ", because of " + caught.getCause());
        check(all.contains(text), "raised " + all + ", want \"" + text + "\"");
    }

    static void send(String... bodies) {
        for (String body : bodies) {
            sender.sendMessage(new ServiceBusMessage(body));
        }
    }

    static void complete(String... bodies) {
        for (String body : bodies) {
            ServiceBusReceivedMessage m = receiveOne();
            equal(m.getBody().toString(), body, "the next message");
            receiver.complete(m);
        }
    }

    static void sendReceiveComplete() {
        ServiceBusMessage m = new ServiceBusMessage("größer").setMessageId("m-1").setSubject("label").setContentType("text/plain");
        m.getApplicationProperties().put("number", 7);
        m.getApplicationProperties().put("when", OffsetDateTime.parse("2026-01-01T00:00:00Z"));
        sender.sendMessage(m);
        ServiceBusReceivedMessage got = receiveOne();
        equal(got.getBody().toString(), "größer", "the body");
        equal(got.getMessageId(), "m-1", "the message id");
        equal(got.getSubject(), "label", "the subject");
        equal(got.getApplicationProperties().get("number"), 7, "the property");
        equal(got.getDeliveryCount(), 0L, "the delivery count");
        check(got.getSequenceNumber() > 0 && got.getLockedUntil().isAfter(OffsetDateTime.now()), "number and lock");
        receiver.complete(got);
        receiveNone(receiver);
    }

    static void batch() {
        ServiceBusMessageBatch batch = sender.createMessageBatch();
        for (int i = 0; i < 20; i++) {
            check(batch.tryAddMessage(new ServiceBusMessage("b" + i)), "the batch is full");
        }
        sender.sendMessages(batch);
        for (int i = 0; i < 20; i++) {
            complete("b" + i);
        }
    }

    static void abandon() {
        send("again");
        receiver.abandon(receiveOne(), new AbandonOptions().setPropertiesToModify(Map.of("tried", "yes")));
        ServiceBusReceivedMessage got = receiveOne();
        equal(got.getDeliveryCount(), 1L, "the delivery count");
        equal(got.getApplicationProperties().get("tried"), "yes", "the property");
        receiver.complete(got);
    }

    static void defer() {
        send("later");
        ServiceBusReceivedMessage got = receiveOne();
        receiver.defer(got);
        receiveNone(receiver);
        ServiceBusReceivedMessage deferred = receiver.receiveDeferredMessage(got.getSequenceNumber());
        equal(deferred.getBody().toString(), "later", "the deferred message");
        receiver.complete(deferred);
        check(rejects(() -> receiver.receiveDeferredMessage(got.getSequenceNumber())) != null, "it is gone");
    }

    static void deadLetter() {
        send("bad");
        receiver.deadLetter(receiveOne(), new DeadLetterOptions().setDeadLetterReason("R").setDeadLetterErrorDescription("D"));
        try (ServiceBusReceiverClient dead = receiverOf(SubQueue.DEAD_LETTER_QUEUE, ServiceBusReceiveMode.PEEK_LOCK)) {
            ServiceBusReceivedMessage got = receive(dead, 1).get(0);
            equal(got.getDeadLetterReason() + "/" + got.getDeadLetterErrorDescription(), "R/D", "the reason");
            dead.complete(got);
        }
    }

    static void renewAndPeek() {
        send("renewed");
        ServiceBusReceivedMessage got = receiveOne();
        OffsetDateTime until = receiver.renewMessageLock(got);
        check(!until.isBefore(got.getLockedUntil()), "the lock ends at " + until);
        equal(receiver.peekMessage(got.getSequenceNumber()).getBody().toString(), "renewed", "the message that is peeked");
        receiver.complete(got);
        receiver.complete(send1("twice")); // another message: the receiver goes on
    }

    static ServiceBusReceivedMessage send1(String body) {
        send(body);
        return receiveOne();
    }

    static void receiveAndDelete() {
        send("gone");
        try (ServiceBusReceiverClient r = receiverOf(SubQueue.NONE, ServiceBusReceiveMode.RECEIVE_AND_DELETE)) {
            equal(receive(r, 1).get(0).getBody().toString(), "gone", "the message");
        }
        receiveNone(receiver);
    }

    static void missingQueue() {
        try (ServiceBusSenderClient s = builder().sender().queueName("no-such-queue").buildClient()) {
            rejects(ServiceBusFailureReason.MESSAGING_ENTITY_NOT_FOUND, () -> s.sendMessage(new ServiceBusMessage("x")));
        }
    }

    // Transactions.

    static ServiceBusMessage message(String body) { return new ServiceBusMessage(body); }

    static void commitsWhole() {
        send("in 1", "in 2", "in 3");
        List<ServiceBusReceivedMessage> in = receive(receiver, 3);
        ServiceBusTransactionContext tx = sender.createTransaction();
        sender.sendMessage(message("out 1"), tx);
        sender.sendMessages(List.of(message("out 2"), message("out 3")), tx);
        receiver.complete(in.get(0), new CompleteOptions().setTransactionContext(tx));
        receiver.deadLetter(in.get(1), new DeadLetterOptions().setDeadLetterReason("tx").setTransactionContext(tx));
        receiver.defer(in.get(2), new DeferOptions().setTransactionContext(tx));
        receiveNone(receiver);
        sender.commitTransaction(tx);
        complete("out 1", "out 2", "out 3");
        receiver.complete(receiver.receiveDeferredMessage(in.get(2).getSequenceNumber()));
        try (ServiceBusReceiverClient dead = receiverOf(SubQueue.DEAD_LETTER_QUEUE, ServiceBusReceiveMode.PEEK_LOCK)) {
            ServiceBusReceivedMessage got = receive(dead, 1).get(0);
            equal(got.getDeadLetterReason(), "tx", "the reason");
            // A transaction of the receiver, about the dead-letter queue.
            ServiceBusTransactionContext other = dead.createTransaction();
            dead.complete(got, new CompleteOptions().setTransactionContext(other));
            dead.commitTransaction(other);
            receiveNone(dead);
        }
        receiveNone(receiver);
    }

    // Java's client does not settle a message again that it has settled in a transaction
    // which was rolled back: it comes again when its lock ends, in this queue after 5 s.
    static void rollsBack() {
        ServiceBusClientBuilder shared = builder();
        try (ServiceBusSenderClient s = shared.sender().queueName(OTHER).buildClient();
             ServiceBusReceiverClient r = shared.receiver().queueName(OTHER).disableAutoComplete().buildClient()) {
            s.sendMessage(message("kept"));
            ServiceBusReceivedMessage in = receive(r, 1).get(0);
            ServiceBusTransactionContext tx = r.createTransaction();
            s.sendMessage(message("never"), tx);
            r.complete(in, new CompleteOptions().setTransactionContext(tx));
            r.rollbackTransaction(tx);
            equal(r.peekMessage(1).getBody().toString(), "kept", "the message after the rollback");
            in = receive(r, 1).get(0);
            equal(in.getBody() + " " + in.getDeliveryCount(), "kept 1", "the message that comes again");
            tx = r.createTransaction();
            r.complete(in, new CompleteOptions().setTransactionContext(tx));
            r.commitTransaction(tx);
            receiveNone(r);
        }
    }

    static void lockLost() {
        ServiceBusClientBuilder shared = builder();
        try (ServiceBusSenderClient s = shared.sender().queueName(OTHER).buildClient();
             ServiceBusReceiverClient r = shared.receiver().queueName(OTHER).disableAutoComplete().buildClient()) {
            s.sendMessage(message("late"));
            ServiceBusReceivedMessage in = receive(r, 1).get(0);
            ServiceBusTransactionContext tx = r.createTransaction();
            r.complete(in, new CompleteOptions().setTransactionContext(tx));
            s.sendMessage(message("never"), tx);
            in = receive(r, 1).get(0); // the lock has ended
            rejects(() -> s.commitTransaction(tx));
            r.complete(in);
            receiveNone(r);
        }
    }

    static void deferredInATransaction() { // settled by a request
        send("d");
        ServiceBusReceivedMessage got = receiveOne();
        receiver.defer(got);
        ServiceBusReceivedMessage deferred = receiver.receiveDeferredMessage(got.getSequenceNumber());
        ServiceBusTransactionContext tx = receiver.createTransaction();
        receiver.complete(deferred, new CompleteOptions().setTransactionContext(tx));
        sender.sendMessage(message("after"), tx);
        receiver.commitTransaction(tx);
        complete("after");
        receiveNone(receiver);
    }

    static void scheduledInATransaction() {
        ServiceBusTransactionContext tx = sender.createTransaction();
        long back = sender.scheduleMessage(message("never"), OffsetDateTime.now().plusHours(1), tx);
        sender.rollbackTransaction(tx);
        check(receiver.peekMessage(back) == null, "a message that was scheduled and rolled back is there");
        tx = sender.createTransaction();
        long soon = sender.scheduleMessage(message("soon"), OffsetDateTime.now().plusSeconds(2), tx);
        long later = sender.scheduleMessage(message("later"), OffsetDateTime.now().plusHours(1), tx);
        check(soon > back && later > soon, "numbers " + back + ", " + soon + ", " + later);
        sender.commitTransaction(tx);
        complete("soon");
        equal(receiver.peekMessage(later).getSequenceNumber(), later, "the number");
        sender.cancelScheduledMessage(later);
        receiveNone(receiver);
    }

    static void severalOpen() {
        ServiceBusTransactionContext one = sender.createTransaction(), two = sender.createTransaction();
        sender.sendMessage(message("one"), one);
        sender.sendMessage(message("two"), two);
        sender.commitTransaction(two);
        complete("two");
        sender.commitTransaction(one);
        complete("one");
    }

    // Java's client takes a send in a transaction for done whatever the answer; what was
    // refused shows when the transaction is committed.
    static void tooMany() {
        ServiceBusTransactionContext tx = sender.createTransaction();
        List<ServiceBusMessage> hundred = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            hundred.add(message("t" + i));
        }
        sender.sendMessages(hundred, tx);
        sender.sendMessage(message("t100"), tx);
        rejects("Cannot send more than 100 messages in a single transaction.", () -> sender.commitTransaction(tx));
        receiveNone(receiver);
    }

    static void unknownTransaction() {
        ServiceBusTransactionContext tx = sender.createTransaction();
        sender.commitTransaction(tx);
        sender.sendMessage(message("x"), tx);
        rejects("has already been discharged", () -> sender.commitTransaction(tx));
        receiveNone(receiver);
    }

    // One connection, two queues.
    static void anotherQueue() {
        ServiceBusClientBuilder shared = builder();
        try (ServiceBusSenderClient a = shared.sender().queueName(QUEUE).buildClient();
             ServiceBusSenderClient b = shared.sender().queueName(OTHER).buildClient()) {
            ServiceBusTransactionContext tx = a.createTransaction();
            a.sendMessage(message("a"), tx);
            b.sendMessage(message("b"), tx);
            rejects("No active Transaction was found for ID", () -> a.commitTransaction(tx));
            receiveNone(receiver);
        }
    }

    // Receive from one queue and send to another and to a topic: all of it or nothing.
    static void crossEntity() {
        ServiceBusClientBuilder shared = builder().enableCrossEntityTransactions();
        sender.sendMessage(message("in-1"));
        sender.sendMessage(message("in-2"));
        try (ServiceBusReceiverClient from = shared.receiver().queueName(QUEUE).disableAutoComplete().buildClient();
             ServiceBusReceiverClient at = builder().receiver().queueName(OTHER).disableAutoComplete().buildClient();
             ServiceBusReceiverClient of = builder().receiver().topicName(TOPIC).subscriptionName(SUBSCRIPTION).disableAutoComplete().buildClient()) {
            List<ServiceBusReceivedMessage> in = receive(from, 2);
            try (ServiceBusSenderClient other = shared.sender().queueName(OTHER).buildClient();
                 ServiceBusSenderClient topic = shared.sender().topicName(TOPIC).buildClient()) {
                ServiceBusTransactionContext tx = other.createTransaction();
                from.complete(in.get(0), new CompleteOptions().setTransactionContext(tx));
                other.sendMessage(message("out-1"), tx);
                topic.sendMessage(message("published"), tx);
                receiveNone(at);
                other.commitTransaction(tx);
                equal(receive(at, 1).get(0).getBody().toString(), "out-1", "the message sent by way of the queue");
                equal(receive(of, 1).get(0).getBody().toString(), "published", "the message published by way of the queue");

                tx = from.createTransaction();
                other.sendMessage(message("out-2"), tx);
                from.rollbackTransaction(tx);
                receiveNone(at);

                // Without a transaction they go the same way.
                other.sendMessage(message("out-3"));
                equal(receive(at, 1).get(0).getBody().toString(), "out-3", "a message without a transaction");
                from.complete(in.get(1));
            }
        } finally {
            drain(OTHER);
            drainTopic();
        }
        receiveNone(receiver);
    }

    // All that is received must be of the first entity.
    static void crossEntityReceiver() {
        ServiceBusClientBuilder shared = builder().enableCrossEntityTransactions();
        try (ServiceBusSenderClient first = shared.sender().queueName(QUEUE).buildClient();
             ServiceBusReceiverClient from = shared.receiver().queueName(OTHER).disableAutoComplete().buildClient()) {
            first.sendMessage(message("first"));
            rejects("cannot be received here", () -> from.receiveMessages(1, Duration.ofSeconds(5)).stream().count());
        }
        receiver.complete(receiveOne());
    }

    static void drain(String queue) {
        try (ServiceBusReceiverClient r = builder().receiver().queueName(queue).receiveMode(ServiceBusReceiveMode.RECEIVE_AND_DELETE).buildClient()) {
            r.receiveMessages(10, Duration.ofSeconds(6)).stream().count();
        }
    }

    static void drainTopic() {
        try (ServiceBusReceiverClient r = builder().receiver().topicName(TOPIC).subscriptionName(SUBSCRIPTION)
                .receiveMode(ServiceBusReceiveMode.RECEIVE_AND_DELETE).buildClient()) {
            r.receiveMessages(10, Duration.ofSeconds(6)).stream().count();
        }
    }

    static void topic() {
        ServiceBusClientBuilder shared = builder();
        try (ServiceBusSenderClient s = shared.sender().topicName(TOPIC).buildClient();
             ServiceBusReceiverClient r = shared.receiver().topicName(TOPIC).subscriptionName(SUBSCRIPTION).disableAutoComplete().buildClient()) {
            s.sendMessage(message("first"));
            ServiceBusReceivedMessage got = receive(r, 1).get(0);
            ServiceBusTransactionContext tx = s.createTransaction();
            r.complete(got, new CompleteOptions().setTransactionContext(tx));
            s.sendMessage(message("second"), tx);
            receiveNone(r);
            s.commitTransaction(tx);
            got = receive(r, 1).get(0);
            equal(got.getBody().toString(), "second", "the message");
            r.complete(got);
            receiveNone(r);
        }
    }

    static void scheduled() {
        OffsetDateTime at = OffsetDateTime.now().plusSeconds(2);
        long never = sender.scheduleMessage(message("never"), at), soon = sender.scheduleMessage(message("soon"), at);
        check(soon > never, soon + " is not after " + never);
        ServiceBusReceivedMessage peeked = receiver.peekMessage(soon);
        equal(peeked.getBody() + " " + peeked.getSequenceNumber(), "soon " + soon, "the message that is peeked");
        equal(peeked.getState(), ServiceBusMessageState.SCHEDULED, "the state");
        equal(peeked.getScheduledEnqueueTime().toInstant().toEpochMilli(), at.toInstant().toEpochMilli(), "the time");
        sender.cancelScheduledMessage(never);
        receiveNone(receiver);
        ServiceBusReceivedMessage got = receiveOne();
        equal(got.getBody().toString(), "soon", "the message");
        check(got.getSequenceNumber() > soon, "the number " + got.getSequenceNumber() + " is not another than " + soon);
        check(got.getEnqueuedTime().toInstant().toEpochMilli() >= at.toInstant().toEpochMilli(), "it was enqueued at " + got.getEnqueuedTime());
        receiver.complete(got);
        receiveNone(receiver);
        sender.cancelScheduledMessage(never); // Java's client takes a message that is not there for cancelled
    }

    static void duplicates() {
        ServiceBusClientBuilder shared = builder();
        try (ServiceBusSenderClient s = shared.sender().queueName(DUPLICATES).buildClient();
             ServiceBusReceiverClient r = shared.receiver().queueName(DUPLICATES).disableAutoComplete().buildClient()) {
            s.sendMessage(message("first").setMessageId("1"));
            s.sendMessage(message("again").setMessageId("1"));
            s.sendMessages(List.of(message("in a batch").setMessageId("1"), message("second").setMessageId("2"),
                message("twice").setMessageId("2")));
            equal(bodies(receive(r, 2, r::complete)), List.of("first", "second"), "the messages");
            s.sendMessage(message("after it was completed").setMessageId("1"));
            receiveNone(r);
        }
    }

    // Sessions. Each step has connections of its own, and locks are not renewed by the client:
    // Java names the link after the session, and a connection has one link of a name.

    static final class Sessions implements AutoCloseable {
        final ServiceBusSenderClient sender;
        final ServiceBusSessionReceiverClient receiver;

        Sessions(ServiceBusClientBuilder shared) {
            sender = shared.sender().queueName(SESSIONS).buildClient();
            receiver = shared.sessionReceiver().queueName(SESSIONS).disableAutoComplete()
                .maxAutoLockRenewDuration(Duration.ZERO).buildClient();
        }

        Sessions() { this(builder()); }

        void send(String session, String... bodies) {
            sender.sendMessages(java.util.Arrays.stream(bodies).map(body -> message(body).setSessionId(session)).collect(Collectors.toList()));
        }

        void within(String session, java.util.function.Consumer<ServiceBusReceiverClient> f) {
            try (ServiceBusReceiverClient r = receiver.acceptSession(session)) {
                equal(r.getSessionId(), session, "the session");
                f.accept(r);
            }
        }

        @Override
        public void close() {
            receiver.close();
            sender.close();
        }
    }

    static List<String> bodies(Iterable<ServiceBusReceivedMessage> all) {
        List<String> out = new ArrayList<>();
        all.forEach(m -> out.add(m.getBody().toString()));
        return out;
    }

    static List<ServiceBusReceivedMessage> receive(ServiceBusReceiverClient from, int count,
        java.util.function.Consumer<ServiceBusReceivedMessage> settle) {
        List<ServiceBusReceivedMessage> all = receive(from, count);
        all.forEach(settle);
        return all;
    }

    static void sessionOrder() {
        try (Sessions s = new Sessions()) {
            s.send("a", "a1", "a2", "a3");
            s.send("b", "b1");
            s.within("a", r -> {
                List<ServiceBusReceivedMessage> all = receive(r, 3, r::complete);
                equal(bodies(all), List.of("a1", "a2", "a3"), "the messages");
                equal(all.get(0).getSessionId(), "a", "the session id");
                receiveNone(r);
            });
            s.within("b", r -> equal(bodies(receive(r, 1, r::complete)), List.of("b1"), "the message"));
        }
    }

    static void sessionAbandon() {
        try (Sessions s = new Sessions()) {
            s.send("a", "a1", "a2");
            s.within("a", r -> {
                receive(r, 1, r::abandon);
                List<ServiceBusReceivedMessage> all = receive(r, 2, r::complete);
                equal(bodies(all), List.of("a1", "a2"), "the messages");
                equal(all.get(0).getDeliveryCount(), 1L, "the delivery count");
            });
        }
    }

    static void sessionState() {
        byte[] state = {0, 1, 2, (byte) 255};
        try (Sessions s = new Sessions()) {
            s.within("state", r -> {
                check(r.getSessionState() == null, "there is a state");
                r.setSessionState(state);
            });
        }
        try (Sessions s = new Sessions()) {
            s.within("state", r -> {
                check(java.util.Arrays.equals(r.getSessionState(), state), "another state");
                r.setSessionState(null);
                check(r.getSessionState() == null, "there is a state after it was cleared");
            });
        }
    }

    static void sessionRenew() {
        try (Sessions s = new Sessions()) {
            s.within("a", r -> {
                OffsetDateTime first = r.renewSessionLock();
                check(first.isAfter(OffsetDateTime.now().plusSeconds(5)) && first.isBefore(OffsetDateTime.now().plusSeconds(11)),
                    "the lock ends at " + first);
                OffsetDateTime second = r.renewSessionLock();
                check(second.isAfter(first), "the lock ends at " + second + ", before at " + first);
            });
        }
    }

    static void sessionNext() {
        try (Sessions s = new Sessions()) {
            s.send("x", "x1");
            s.send("y", "y1");
            try (ServiceBusReceiverClient one = s.receiver.acceptNextSession(); ServiceBusReceiverClient two = s.receiver.acceptNextSession()) {
                equal(java.util.Set.of(one.getSessionId(), two.getSessionId()), java.util.Set.of("x", "y"), "the sessions");
                for (ServiceBusReceiverClient r : List.of(one, two)) {
                    equal(bodies(receive(r, 1, r::complete)), List.of(r.getSessionId() + "1"), "the message");
                }
            }
        }
    }

    // The client waits for as long as it tells the server to, less a second.
    static void sessionNoNext() {
        long start = System.nanoTime();
        try (Sessions s = new Sessions(builder().retryOptions(new AmqpRetryOptions().setMaxRetries(0).setTryTimeout(Duration.ofSeconds(2))))) {
            rejects("com.microsoft:timeout", s.receiver::acceptNextSession);
        }
        long ms = (System.nanoTime() - start) / 1000000;
        check(ms > 1000 && ms < 6000, "it took " + ms + " ms");
    }

    static void sessionHeld() {
        try (Sessions s = new Sessions(); Sessions other = new Sessions()) {
            s.within("a", r -> {
                Throwable caught = rejects(() -> other.receiver.acceptSession("a"));
                check(caught instanceof AmqpException && ((AmqpException) caught).getErrorCondition() == AmqpErrorCondition.SESSION_CANNOT_BE_LOCKED,
                    "raised " + caught + ", want that the session cannot be locked");
                s.send("a", "a1"); // the holder goes on
                receive(r, 1, r::complete);
            });
            other.within("a", r -> { });
        }
    }

    static void sessionDefer() {
        try (Sessions s = new Sessions()) {
            s.send("a", "d1", "d2");
            s.within("a", r -> {
                long number = receive(r, 1, r::defer).get(0).getSequenceNumber();
                equal(bodies(receive(r, 1, r::complete)), List.of("d2"), "the other");
                ServiceBusReceivedMessage d = r.receiveDeferredMessage(number);
                equal(d.getBody() + " " + d.getSessionId() + " " + d.getState(), "d1 a DEFERRED", "the deferred message");
                r.complete(d);
                check(rejects(() -> r.receiveDeferredMessage(number)) != null, "it is gone");
            });
        }
    }

    static void sessionDeadLetter() {
        ServiceBusClientBuilder shared = builder();
        try (Sessions s = new Sessions(shared); ServiceBusReceiverClient dead = shared.receiver().queueName(SESSIONS)
                .subQueue(SubQueue.DEAD_LETTER_QUEUE).disableAutoComplete().buildClient()) { // which has no sessions
            s.send("a", "bad");
            s.within("a", r -> {
                receive(r, 1, m -> r.deadLetter(m, new DeadLetterOptions().setDeadLetterReason("R").setDeadLetterErrorDescription("D")));
                receiveNone(r);
            });
            ServiceBusReceivedMessage got = receive(dead, 1, dead::complete).get(0);
            equal(got.getBody() + " " + got.getSessionId() + " " + got.getDeadLetterReason() + "/" + got.getDeadLetterErrorDescription(),
                "bad a R/D", "the dead letter");
        }
    }

    static void sessionPeek() {
        try (Sessions s = new Sessions()) {
            s.send("a", "a1", "a2");
            s.send("b", "b1");
            s.within("a", r -> {
                equal(bodies(r.peekMessages(10)), List.of("a1", "a2"), "the messages that are peeked");
                receive(r, 2, r::complete);
            });
            s.within("b", r -> receive(r, 1, r::complete));
        }
    }

    static void sessionRequired() {
        ServiceBusClientBuilder shared = builder();
        try (Sessions s = new Sessions(shared); ServiceBusReceiverClient none = shared.receiver().queueName(SESSIONS).buildClient();
             ServiceBusSessionReceiverClient of = shared.sessionReceiver().queueName(QUEUE).buildClient()) {
            rejects("SessionId was not set", () -> s.sender.sendMessage(message("x")));
            rejects("requires sessions", () -> receiveNone(none));
            check(rejects(() -> of.acceptSession("a")) != null, "a session of a queue that has none");
        }
    }

    static void sessionSchedule() {
        try (Sessions s = new Sessions()) {
            long number = s.sender.scheduleMessage(message("soon").setSessionId("a"), OffsetDateTime.now().plusSeconds(2));
            s.within("a", r -> {
                ServiceBusReceivedMessage peeked = r.peekMessage();
                equal(peeked.getBody() + " " + peeked.getState(), "soon SCHEDULED", "the message that is peeked");
                ServiceBusReceivedMessage got = receive(r, 1, r::complete).get(0);
                check(got.getBody().toString().equals("soon") && got.getSequenceNumber() > number, got.getBody() + ", number " + got.getSequenceNumber());
            });
        }
    }

    static void sessionOfSubscription() {
        ServiceBusClientBuilder shared = builder();
        try (ServiceBusSenderClient to = shared.sender().topicName(SESSION_TOPIC).buildClient();
             ServiceBusSessionReceiverClient of = shared.sessionReceiver().topicName(SESSION_TOPIC).subscriptionName("clienttest")
                 .disableAutoComplete().maxAutoLockRenewDuration(Duration.ZERO).buildClient()) {
            to.sendMessages(List.of(message("a1").setSessionId("a"), message("a2").setSessionId("a")));
            try (ServiceBusReceiverClient r = of.acceptNextSession()) {
                equal(r.getSessionId(), "a", "the session");
                r.setSessionState(new byte[] {5});
                check(java.util.Arrays.equals(r.getSessionState(), new byte[] {5}), "another state");
                r.setSessionState(null);
                check(r.renewSessionLock().isAfter(OffsetDateTime.now()), "the lock is not renewed");
                List<ServiceBusReceivedMessage> all = receive(r, 2);
                equal(bodies(all), List.of("a1", "a2"), "the messages");
                r.complete(all.get(0));
            }
        }
        // Java names the link after the session, so it takes it again on another connection.
        try (ServiceBusSessionReceiverClient of = builder().sessionReceiver().topicName(SESSION_TOPIC).subscriptionName("clienttest")
                 .disableAutoComplete().maxAutoLockRenewDuration(Duration.ZERO).buildClient();
             ServiceBusReceiverClient r = of.acceptSession("a")) {
            ServiceBusReceivedMessage m = receive(r, 1, r::complete).get(0);
            equal(m.getBody() + " " + m.getSessionId() + " " + m.getDeliveryCount(), "a2 a 0", "the message");
            receiveNone(r);
        }
    }

    static void sessionTransaction() {
        ServiceBusClientBuilder shared = builder();
        try (Sessions s = new Sessions(shared)) {
            s.send("a", "in");
            s.within("a", r -> {
                ServiceBusReceivedMessage in = receive(r, 1).get(0);
                ServiceBusTransactionContext tx = s.sender.createTransaction();
                s.sender.sendMessage(message("out").setSessionId("a"), tx);
                r.complete(in, new CompleteOptions().setTransactionContext(tx));
                s.sender.commitTransaction(tx);
                equal(bodies(receive(r, 1, r::complete)), List.of("out"), "the message");
                receiveNone(r);
            });
        }
    }

    // Rules: each kind of filter, and an action. Java repeats the rule's name inside the rule.
    static void rules() {
        ServiceBusClientBuilder shared = builder();
        try (ServiceBusRuleManagerClient rules = shared.ruleManager().topicName(TOPIC).subscriptionName(SUBSCRIPTION).buildClient();
             ServiceBusSenderClient s = shared.sender().topicName(TOPIC).buildClient();
             ServiceBusReceiverClient r = shared.receiver().topicName(TOPIC).subscriptionName(SUBSCRIPTION).disableAutoComplete().buildClient()) {
            rules.createRule("sql", new CreateRuleOptions(new SqlRuleFilter("color = 'red'")).setAction(new SqlRuleAction("SET seen = 1")));
            rules.createRule("correlation", new CreateRuleOptions(new CorrelationRuleFilter().setLabel("invoice")));
            rules.createRule("all", new CreateRuleOptions(new TrueRuleFilter()));
            rules.createRule("none", new CreateRuleOptions(new FalseRuleFilter()));
            equal(rules.listRules().stream().map(RuleProperties::getName).sorted().collect(Collectors.toList()),
                List.of("$Default", "all", "correlation", "none", "sql"), "the rules");
            check(rejects(() -> rules.createRule("sql", new CreateRuleOptions(new SqlRuleFilter("1 = 1")))) != null, "a rule of the same name");
            rules.deleteRule("all");
            rules.deleteRule("$Default");
            check(rejects(() -> rules.deleteRule("all")) != null, "a rule that is not there is deleted");
            ServiceBusMessage red = message("red"), blue = message("blue"), invoice = message("invoice").setSubject("invoice");
            red.getApplicationProperties().put("color", "red");
            blue.getApplicationProperties().put("color", "blue");
            s.sendMessages(List.of(red, blue, invoice));
            List<ServiceBusReceivedMessage> got = receive(r, 2);
            equal(bodies(got), List.of("red", "invoice"), "the messages");
            equal(got.get(0).getApplicationProperties().get("seen"), 1L, "what the action set");
            r.complete(got.get(0));
            r.deadLetter(got.get(1), new DeadLetterOptions().setDeadLetterReason("R"));
            receiveNone(r);
            try (ServiceBusReceiverClient dead = shared.receiver().topicName(TOPIC).subscriptionName(SUBSCRIPTION)
                    .subQueue(SubQueue.DEAD_LETTER_QUEUE).disableAutoComplete().buildClient()) {
                equal(receive(dead, 1, dead::complete).get(0).getDeadLetterReason(), "R", "the reason");
            }
            for (String name : List.of("sql", "correlation", "none")) {
                rules.deleteRule(name);
            }
            rules.createRule("$Default", new CreateRuleOptions(new TrueRuleFilter()));
        }
    }

    // The server is killed and comes back with what it acknowledged; the same sender and
    // receiver go on.
    static void restarts() throws Exception {
        String command = System.getenv("SERVICEBUS_RESTART");
        if (command == null) {
            System.out.println("left out: SERVICEBUS_RESTART is not set");
            return;
        }
        ServiceBusClientBuilder shared = builder().retryOptions(new AmqpRetryOptions().setMaxRetries(5).setDelay(Duration.ofMillis(200)).setTryTimeout(Duration.ofSeconds(20)));
        try (ServiceBusSenderClient s = shared.sender().queueName(QUEUE).buildClient();
             ServiceBusReceiverClient r = shared.receiver().queueName(QUEUE).disableAutoComplete().buildClient()) {
            s.sendMessages(List.of(message("locked"), message("waiting")));
            ServiceBusReceivedMessage locked = receive(r, 1).get(0);
            long number = s.scheduleMessage(message("scheduled"), OffsetDateTime.now().plusHours(1));
            try (Sessions sessions = new Sessions()) {
                sessions.within("restart", in -> in.setSessionState(new byte[] {1}));
            }
            Thread.sleep(300); // a lock of less than 100 ms may be lost
            Process restart = new ProcessBuilder("sh", "-c", command).inheritIO().start();
            equal(restart.waitFor(), 0, "the exit code of the restart");
            s.sendMessage(message("after"));
            r.complete(locked); // the lock is the message's, not the link's
            List<ServiceBusReceivedMessage> rest = receive(r, 2, r::complete);
            equal(bodies(rest), List.of("waiting", "after"), "the messages");
            equal(rest.get(0).getDeliveryCount(), 0L, "the delivery count");
            s.cancelScheduledMessage(number);
            receiveNone(r);
            try (Sessions sessions = new Sessions()) {
                sessions.within("restart", in -> {
                    equal(in.getSessionState().length, 1, "the state");
                    in.setSessionState(null);
                });
            }
        }
    }

    interface Step {
        void run() throws Exception;
    }

    public static void main(String[] args) {
        if (CONNECTION_STRING == null) {
            System.err.println("SERVICEBUS_CONNECTION_STRING is not set");
            System.exit(2);
        }
        common = builder();
        sender = common.sender().queueName(QUEUE).buildClient();
        receiver = common.receiver().queueName(QUEUE).disableAutoComplete().buildClient();
        Map<String, Step> steps = new java.util.LinkedHashMap<>();
        steps.put("send, receive, complete", Smoke::sendReceiveComplete);
        steps.put("batch", Smoke::batch);
        steps.put("abandon", Smoke::abandon);
        steps.put("defer", Smoke::defer);
        steps.put("dead-letter", Smoke::deadLetter);
        steps.put("renew, peek", Smoke::renewAndPeek);
        steps.put("receive and delete", Smoke::receiveAndDelete);
        steps.put("missing queue", Smoke::missingQueue);
        steps.put("schedule, peek, cancel", Smoke::scheduled);
        steps.put("duplicates", Smoke::duplicates);
        steps.put("session: in order", Smoke::sessionOrder);
        steps.put("session: abandon", Smoke::sessionAbandon);
        steps.put("session: state", Smoke::sessionState);
        steps.put("session: renew its lock", Smoke::sessionRenew);
        steps.put("session: the next", Smoke::sessionNext);
        steps.put("session: there is no next", Smoke::sessionNoNext);
        steps.put("session: held by another", Smoke::sessionHeld);
        steps.put("session: defer", Smoke::sessionDefer);
        steps.put("session: dead-letter", Smoke::sessionDeadLetter);
        steps.put("session: peek", Smoke::sessionPeek);
        steps.put("session: required", Smoke::sessionRequired);
        steps.put("session: schedule", Smoke::sessionSchedule);
        steps.put("session: of a subscription", Smoke::sessionOfSubscription);
        steps.put("session: transaction", Smoke::sessionTransaction);
        steps.put("transaction: commit", Smoke::commitsWhole);
        steps.put("transaction: rollback", Smoke::rollsBack);
        steps.put("transaction: deferred", Smoke::deferredInATransaction);
        steps.put("transaction: lock lost", Smoke::lockLost);
        steps.put("transaction: schedule", Smoke::scheduledInATransaction);
        steps.put("transaction: several open", Smoke::severalOpen);
        steps.put("transaction: 101 messages", Smoke::tooMany);
        steps.put("transaction: unknown", Smoke::unknownTransaction);
        steps.put("transaction: another queue", Smoke::anotherQueue);
        steps.put("transaction: cross-entity", Smoke::crossEntity);
        steps.put("transaction: cross-entity, another receiver", Smoke::crossEntityReceiver);
        steps.put("transaction: topic", Smoke::topic);
        steps.put("rules", Smoke::rules);
        steps.put("the server restarts", Smoke::restarts);
        int failed = 0;
        for (Map.Entry<String, Step> step : steps.entrySet()) {
            if (args.length > 0 && !step.getKey().contains(args[0])) {
                continue;
            }
            try {
                step.getValue().run();
                System.out.println("ok   " + step.getKey());
            } catch (Throwable t) {
                failed++;
                System.out.println("FAIL " + step.getKey() + ": " + t);
            }
        }
        receiver.close();
        sender.close();
        System.exit(failed == 0 ? 0 : 1);
    }
}
