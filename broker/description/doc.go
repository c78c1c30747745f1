// Package description says what queues, topics and subscriptions are made of: one
// row for each property, from which follow its default and limits, the errors for
// a wrong one, the record on disk, how the resource manager and a Config.json read
// and write it, and the words of scenario scripts. Durations and the rules for
// names live with it.
//
// A new property is a field of [Options] and a row in table.go. If it has an
// effect, the state machine's configuration takes it up too; nothing else has to
// know of it.
//
// It implements [SB-SEM 1] and the bodies of [ARM 6.2] to [ARM 6.4]. It is pure:
// it knows neither the entities that exist nor their messages.
package description
