package store

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"

	"switchyard/broker"
	"switchyard/pipeline/engine"
)

// Tables: the first byte of every key (doc.go draws them).
const (
	tableSystem                  = 0x00
	tableMeta                    = 0x01
	tableNamespace               = 0x02
	tableRetiredNamespace        = 0x03
	tableRetiredEntity           = 0x04
	tableSegment                 = 0x05
	tableEntity                  = 0x10
	tableRun                     = 0x20
	tableRunByStart              = 0x21 // format 3 and before
	tableActiveRun               = 0x22
	tableDefinition              = 0x23
	tableFollower                = 0x24
	tableRunList                 = 0x25
	tableTally                   = 0x26
	tableAttempt                 = 0x27
	entityRecord                 = 0x00
	entitySubQueue               = 0x01
	entityID                     = 0x02
	kindCounters                 = 0x00
	kindMessage                  = 0x01
	kindStatus                   = 0x02
	kindExpiry                   = 0x03
	kindSections                 = 0x04
	kindSession                  = 0x05
	kindSessionState             = 0x06
	runStart                     = 0x00
	runEvent                     = 0x01
	runPayload                   = 0x02
	runCancel                    = 0x03
	runSnapshot                  = 0x04
	runIsUUID                    = 0x01
	runIsText                    = 0x02
	queuePrefixLen               = 1 + 8 + 1 + 1 + 1
	messageKeyLen                = queuePrefixLen + 8
	timeLen                      = 8 + 4
	expiryKeyLen                 = queuePrefixLen + timeLen + 8
	signBit               uint64 = 1 << 63
)

func appendI64(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(n)^signBit)
}

func i64(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ signBit) }

func appendKeyTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint32(appendI64(b, t.Unix()), uint32(t.Nanosecond()))
}

func keyTime(b []byte) time.Time {
	return time.Unix(i64(b), int64(binary.BigEndian.Uint32(b[8:]))).UTC()
}

func systemKey(name string) []byte { return append([]byte{tableSystem}, name...) }

func metaKey(name string) []byte { return append([]byte{tableMeta}, name...) }

func namespaceKey(table byte, id broker.NamespaceID) []byte {
	return binary.BigEndian.AppendUint32([]byte{table}, uint32(id))
}

// segmentKey is that of a segment of the value log.
func segmentKey(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{tableSegment}, n) }

// entityKey returns the prefix of all that belongs to an entity.
func entityKey(table byte, id broker.EntityID) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 10), table), uint64(id))
}

func queueKey(q broker.QueueID, kind byte) []byte {
	b := make([]byte, 0, expiryKeyLen)
	b = append(b, tableEntity)
	b = binary.BigEndian.AppendUint64(b, uint64(q.Entity))
	return append(b, entitySubQueue, byte(q.Sub), kind)
}

func messageKey(q broker.QueueID, kind byte, seq int64) []byte {
	return appendI64(queueKey(q, kind), seq)
}

func expiryKey(q broker.QueueID, at time.Time, seq int64) []byte {
	return appendI64(appendKeyTime(queueKey(q, kindExpiry), at), seq)
}

// idBucketKey is the prefix of the message ids in a bucket of an entity's history.
func idBucketKey(id broker.EntityID, bucket time.Time) []byte {
	return appendKeyTime(append(entityKey(tableEntity, id), entityID), bucket)
}

func idKey(id broker.EntityID, bucket time.Time, message string) []byte {
	return append(idBucketKey(id, bucket), message...)
}

// idBucketLen is the length of the prefix of a bucket.
const idBucketLen = 1 + 8 + 1 + timeLen

// maxRunID is the greatest length of a run's ID.
const maxRunID = math.MaxUint16

// appendRun appends a run's ID so that no ID is a prefix of another one.
func appendRun(b []byte, id string) []byte {
	if u, ok := parseUUID(id); ok {
		return append(append(b, runIsUUID), u[:]...)
	}
	if len(id) > maxRunID {
		panic(fmt.Sprintf("store: run ID of %d bytes", len(id)))
	}
	b = append(b, runIsText)
	b = binary.BigEndian.AppendUint16(b, uint16(len(id)))
	return append(b, id...)
}

// cutRun reads what appendRun wrote.
func cutRun(b []byte) (id string, rest []byte, ok bool) {
	switch {
	case len(b) >= 17 && b[0] == runIsUUID:
		return formatUUID([16]byte(b[1:17])), b[17:], true
	case len(b) >= 3 && b[0] == runIsText:
		n := int(binary.BigEndian.Uint16(b[1:]))
		if len(b) >= 3+n {
			return string(b[3 : 3+n]), b[3+n:], true
		}
	}
	return "", nil, false
}

// parseUUID accepts only the form that formatUUID returns, so that every text
// comes back as it was.
func parseUUID(s string) (u [16]byte, ok bool) {
	if len(s) != 36 {
		return u, false
	}
	n := 0
	for i := 0; i < 36; i++ {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return u, false
			}
			continue
		}
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return u, false
		}
		u[n/2] = u[n/2]<<4 | c
		n++
	}
	return u, true
}

func formatUUID(u [16]byte) string {
	var b [36]byte
	hex.Encode(b[:8], u[:4])
	b[8] = '-'
	hex.Encode(b[9:13], u[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], u[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], u[8:10])
	b[23] = '-'
	hex.Encode(b[24:], u[10:])
	return string(b[:])
}

func runKey(id string, kind byte) []byte {
	return append(appendRun(append(make([]byte, 0, 32), tableRun), id), kind)
}

func runItemKey(id string, kind byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(runKey(id, kind), n)
}

// listKey is the prefix of the records of a factory's runs. Names of factories
// compare ignoring case.
func listKey(factory string) []byte {
	name := strings.ToLower(factory)
	if len(name) > math.MaxUint16 {
		panic(fmt.Sprintf("store: name of a factory of %d bytes", len(name)))
	}
	b := append(make([]byte, 0, 1+2+len(name)+timeLen+17), tableRunList)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(name))), name...)
}

func listedRunKey(factory string, start time.Time, id string) []byte {
	return appendRun(appendKeyTime(listKey(factory), start), id)
}

func activeRunKey(start time.Time, id string) []byte {
	return appendRun(appendKeyTime(append(make([]byte, 0, 32), tableActiveRun), start), id)
}

func tallyKey(factory string) []byte {
	return append([]byte{tableTally}, strings.ToLower(factory)...)
}

func attemptKey(cause engine.Hash) []byte { return append([]byte{tableAttempt}, cause[:]...) }

func definitionKey(h engine.Hash) []byte { return append([]byte{tableDefinition}, h[:]...) }

// followerKey says that a run follows a definition.
func followerKey(h engine.Hash, run string) []byte {
	return appendRun(append(append(make([]byte, 0, 64), tableFollower), h[:]...), run)
}

// listedRun reads the run's ID from a key of the list.
func listedRun(k []byte) (id string, ok bool) {
	if len(k) < 3 {
		return "", false
	}
	at := 3 + int(binary.BigEndian.Uint16(k[1:])) + timeLen
	if len(k) < at {
		return "", false
	}
	id, rest, ok := cutRun(k[at:])
	return id, ok && len(rest) == 0
}

// end returns the first key after all keys that start with prefix, which is not
// all ones.
func end(prefix []byte) []byte {
	b := append([]byte(nil), prefix...)
	for i := len(b) - 1; i >= 0; i-- {
		b[i]++
		if b[i] != 0 {
			return b[:i+1]
		}
	}
	panic("store: prefix without an end")
}

// describe names the record under a key for people.
func describe(key []byte) string {
	if s := describeKnown(key); s != "" {
		return s
	}
	if s := describeRange(key); s != "" {
		return s
	}
	return fmt.Sprintf("record %x", key)
}

func describeKnown(k []byte) string {
	if len(k) == 0 {
		return ""
	}
	switch k[0] {
	case tableSystem:
		return fmt.Sprintf("system record %q", k[1:])
	case tableMeta:
		return fmt.Sprintf("meta record %q", k[1:])
	case tableNamespace, tableRetiredNamespace:
		if len(k) == 5 {
			return fmt.Sprintf("namespace %d", binary.BigEndian.Uint32(k[1:]))
		}
	case tableRetiredEntity:
		if len(k) == 9 {
			return fmt.Sprintf("entity %d", binary.BigEndian.Uint64(k[1:]))
		}
	case tableSegment:
		if len(k) == 5 {
			return fmt.Sprintf("segment %d of the value log", binary.BigEndian.Uint32(k[1:]))
		}
	case tableEntity:
		return describeEntity(k)
	case tableRun:
		if id, rest, ok := cutRun(k[1:]); ok && len(rest) > 0 {
			what := map[byte]string{runStart: "start", runEvent: "event", runPayload: "payload",
				runCancel: "cancellation", runSnapshot: "snapshot"}[rest[0]]
			if len(rest) == 9 {
				return fmt.Sprintf("%s %d of run %s", what, binary.BigEndian.Uint64(rest[1:]), id)
			}
			return fmt.Sprintf("%s of run %s", what, id)
		}
	case tableRunList:
		if id, ok := listedRun(k); ok {
			return "run " + id
		}
	case tableRunByStart, tableActiveRun:
		if len(k) > 1+timeLen {
			if id, _, ok := cutRun(k[1+timeLen:]); ok {
				return "run " + id
			}
		}
	case tableTally:
		return fmt.Sprintf("tally of factory %q", k[1:])
	case tableAttempt:
		return fmt.Sprintf("attempt of %x", k[1:])
	case tableDefinition:
		return fmt.Sprintf("definition %x", k[1:])
	case tableFollower:
		if len(k) > 1+len(engine.Hash{}) {
			if id, _, ok := cutRun(k[1+len(engine.Hash{}):]); ok {
				return "run " + id
			}
		}
	}
	return ""
}

func describeEntity(k []byte) string {
	if len(k) < 10 {
		return ""
	}
	entity := binary.BigEndian.Uint64(k[1:])
	if k[9] == entityRecord {
		return fmt.Sprintf("entity %d", entity)
	}
	if k[9] == entityID && len(k) >= idBucketLen {
		return fmt.Sprintf("message id %q that entity %d remembers", k[idBucketLen:], entity)
	}
	if len(k) < queuePrefixLen {
		return ""
	}
	queue := fmt.Sprintf("sub-queue %d of entity %d", k[10], entity)
	switch {
	case k[11] == kindCounters:
		return "counters of " + queue
	case k[11] == kindSession, k[11] == kindSessionState:
		id, _, _ := sessionOf(k)
		return fmt.Sprintf("session %q of %s", id, queue)
	case len(k) == messageKeyLen:
		what := map[byte]string{kindMessage: "message", kindStatus: "status", kindSections: "sections"}[k[11]]
		return fmt.Sprintf("%s %d in %s", what, i64(k[queuePrefixLen:]), queue)
	case len(k) == expiryKeyLen:
		return fmt.Sprintf("expiry of message %d in %s", i64(k[queuePrefixLen+timeLen:]), queue)
	}
	return ""
}
