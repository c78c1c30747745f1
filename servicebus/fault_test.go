package servicebus

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/auth"
	"switchyard/broker"
)

// exported are the values of the errors that broker and auth export, by name.
// TestFaultsWalksEveryError compares the names with the packages' sources.
var exported = map[string]error{
	"broker.ErrNamespaceNotFound":      broker.ErrNamespaceNotFound,
	"broker.ErrEntityNotFound":         broker.ErrEntityNotFound,
	"broker.ErrEntityDeleted":          broker.ErrEntityDeleted,
	"broker.ErrEntityDisabled":         broker.ErrEntityDisabled,
	"broker.ErrEntityInUse":            broker.ErrEntityInUse,
	"broker.ErrEntityExists":           broker.ErrEntityExists,
	"broker.ErrRuleNotFound":           broker.ErrRuleNotFound,
	"broker.ErrNotReceivable":          broker.ErrNotReceivable,
	"broker.ErrTooManyConsumers":       broker.ErrTooManyConsumers,
	"broker.ErrMessageNotFound":        broker.ErrMessageNotFound,
	"broker.ErrMessageLockLost":        broker.ErrMessageLockLost,
	"broker.ErrQuotaExceeded":          broker.ErrQuotaExceeded,
	"broker.ErrMessageTooLarge":        broker.ErrMessageTooLarge,
	"broker.ErrInvalidArgument":        broker.ErrInvalidArgument,
	"broker.ErrNotAllowed":             broker.ErrNotAllowed,
	"broker.ErrNotSupported":           broker.ErrNotSupported,
	"broker.ErrSessionLockLost":        broker.ErrSessionLockLost,
	"broker.ErrSessionHeld":            broker.ErrSessionHeld,
	"broker.ErrNoSessions":             broker.ErrNoSessions,
	"broker.ErrSessionRequired":        broker.ErrSessionRequired,
	"broker.ErrNoSessionID":            broker.ErrNoSessionID,
	"broker.ErrTransactionScope":       broker.ErrTransactionScope,
	"broker.ErrPartitionKey":           broker.ErrPartitionKey,
	"broker.ErrTransactionFull":        broker.ErrTransactionFull,
	"broker.ErrTransactionSettlements": broker.ErrTransactionSettlements,
	"broker.ErrClosed":                 broker.ErrClosed,
	"broker.ErrDamaged":                broker.ErrDamaged,
	"auth.ErrExpired":                  auth.ErrExpired,
	"auth.ErrSignature":                auth.ErrSignature,
	"auth.ErrUnknownKey":               auth.ErrUnknownKey,
	"auth.ErrScope":                    auth.ErrScope,
	"auth.ErrMalformed":                auth.ErrMalformed,
	"auth.ErrNotYetValid":              auth.ErrNotYetValid,
	"auth.ErrIssuer":                   auth.ErrIssuer,
	"auth.ErrNoBearer":                 auth.ErrNoBearer,
	"auth.ErrRuleNotFound":             auth.ErrRuleNotFound,
	"auth.ErrInvalidRule":              auth.ErrInvalidRule,
	"broker.ErrForwarded":              broker.ErrForwarded,
	"broker.ErrNoDestination":          broker.ErrNoDestination,
	"auth.ErrTooManyRules":             auth.ErrTooManyRules,
	"auth.ErrConnectionString":         auth.ErrConnectionString,
}

// TestDamagedIsThere: an entity whose messages can't be read, or that can't do what is
// asked, is not one that does not exist, although both are refused for good.
func TestDamagedIsThere(t *testing.T) {
	c := &conn{host: "h"}
	for err, want := range map[error]encoding.Symbol{
		broker.ErrDamaged: frames.ErrNotAllowed, broker.ErrNotSupported: frames.ErrNotAllowed,
		broker.ErrEntityDeleted: frames.ErrNotFound, broker.ErrEntityNotFound: frames.ErrNotFound,
	} {
		f := c.addressFault(address{entity: "q"}, fmt.Errorf("queue %q: %w", "q", err))
		if gone := strings.Contains(f.text, "could not be found"); f.condition != want || gone != (want == frames.ErrNotFound) {
			t.Errorf("%v becomes %+v", err, f)
		}
	}
}

func TestFaultsWalksEveryError(t *testing.T) {
	found := slices.Concat(exportedErrors(t, "broker"), exportedErrors(t, "auth"))
	if want := slices.Sorted(maps.Keys(exported)); !slices.Equal(slices.Sorted(slices.Values(found)), want) {
		t.Errorf("exported errors are\n%v, this test knows\n%v", found, want)
	}
	for name, err := range exported {
		rows := 0
		for _, row := range faults {
			if row.err == err {
				rows++
			}
		}
		if rows != 1 {
			t.Errorf("%s has %d rows in the table, want 1", name, rows)
		}
		f := faultOf(fmt.Errorf("send queue %q: %w", "q", err))
		if f.condition == "" || f.condition == frames.ErrInternalError || f.text == "" {
			t.Errorf("%s becomes %+v", name, f)
		}
		if !slices.Contains(statuses[f.condition], f.status) {
			t.Errorf("%s becomes condition %q with status %d, want one of %v", name, f.condition, f.status, statuses[f.condition])
		}
	}
	if f := faultOf(errors.New("something else")); f.condition != frames.ErrInternalError || f.status != 500 {
		t.Errorf("an unknown error becomes %+v, want an internal error", f)
	}
}

// statuses is the table of [SB-AMQP 9.2].
var statuses = map[encoding.Symbol][]int32{
	condArgumentError: {400}, condArgumentOutOfRange: {400}, frames.ErrNotAllowed: {400, 404}, condEntityDisabled: {400},
	frames.ErrUnauthorizedAccess:    {401},
	frames.ErrResourceLimitExceeded: {403}, frames.ErrMessageSizeExceeded: {403},
	frames.ErrNotFound: {404}, condMessageNotFound: {404},
	condEntityExists:        {409},
	condMessageLockLost:     {410},
	condSessionLockLost:     {410},
	condSessionHeld:         {410},
	frames.ErrInternalError: {500}, frames.ErrNotImplemented: {404}, condServerBusy: {503},
}

// exportedErrors reads the names of all Err… variables of a package.
func exportedErrors(t *testing.T, pkg string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", pkg, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("sources of %s: %v, %v", pkg, files, err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(name.Name, "Err") {
						names = append(names, pkg+"."+name.Name)
					}
				}
			}
		}
	}
	return names
}
