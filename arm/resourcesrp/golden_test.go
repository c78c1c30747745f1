package resourcesrp

import (
	"testing"
	"time"

	"switchyard/internal/golden"
)

func TestGoldenRecords(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 2, 3, 4_000_000, time.UTC)
	group := groupRecord{Version: groupVersion, Name: "n", Location: "westeurope", Tags: []byte(`{"a":"b"}`),
		ManagedBy: "m", Deleting: true}
	golden.WantFull(t, group)
	assignment := assignmentRecord{assignmentVersion, RoleAssignment{Name: "n", Scope: "/", RoleID: "r",
		PrincipalID: "p", PrincipalType: "User",
		Description: "d", CreatedAt: at, UpdatedAt: at.Add(time.Second), CreatedBy: "c", UpdatedBy: "u"}}
	golden.WantFull(t, assignment)
	subscription := subscriptionRecord{Version: subscriptionVersion, Tags: []byte(`{"a":"b"}`)}
	golden.WantFull(t, subscription)
	golden.Check(t, "groups", groupVersion, func(int) []golden.Record {
		return []golden.Record{golden.JSON("full", group, readGroup),
			golden.JSON("least", groupRecord{Version: groupVersion, Name: "n", Location: "westeurope"},
				readGroup)}
	})
	golden.Check(t, "assignments", assignmentVersion, func(int) []golden.Record {
		return []golden.Record{golden.JSON("full", assignment, nil),
			golden.JSON("least", assignmentRecord{Version: assignmentVersion,
				RoleAssignment: RoleAssignment{Name: "n"}}, nil)}
	})
	golden.Check(t, "subscriptions", subscriptionVersion, func(int) []golden.Record {
		return []golden.Record{golden.JSON("full", subscription, nil), golden.JSON("least",
			subscriptionRecord{Version: subscriptionVersion}, nil)}
	})
}
