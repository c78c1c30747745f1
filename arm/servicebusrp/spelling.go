package servicebusrp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"switchyard/arm"
	"switchyard/broker"
	"switchyard/commit"
)

// Earlier versions kept how the durations of an entity were written in records of
// their own, servicebus/echo/<namespace>/<entity path>, in lower case with the path
// escaped. The broker's definition has it now.
const (
	spellingPrefix  = "servicebus/echo/"
	spellingVersion = 1
)

type spellingRecord struct {
	Version   int               `json:"version"`
	Durations map[string]string `json:"durations"` // by the names that ARM has for properties
}

func spellingKey(ns, entity string) string {
	return spellingPrefix + strings.ToLower(ns) + "/" + url.PathEscape(strings.ToLower(entity))
}

// MoveSpellings moves what earlier versions kept of the spelling of durations into
// the broker's definitions. It is called before the broker is opened, and does
// nothing when it has been called before. It is only a matter of spelling, so what
// can't be read, or belongs to nothing, is dropped.
func MoveSpellings(ctx context.Context, old arm.Store, b broker.Store, log commit.Log) error {
	kept := map[string][]byte{}
	if err := old.List(spellingPrefix, func(key string, v []byte, _ error) error {
		kept[key] = v
		return nil
	}); err != nil || len(kept) == 0 {
		return err
	}
	c, err := b.Catalogue()
	if err != nil {
		return err
	}
	names := map[broker.NamespaceID]string{}
	for _, n := range c.Namespaces {
		names[n.ID] = n.Name
	}
	var moved []broker.EntityRecord
	for _, r := range c.Entities {
		var s spellingRecord
		v, ok := kept[spellingKey(names[r.Namespace], r.Path)]
		if !ok || r.Damage != nil || json.Unmarshal(v, &s) != nil || s.Version != spellingVersion {
			continue
		}
		if r.Definition, err = broker.UpgradeWritten(r.Definition, s.Durations); err != nil {
			return fmt.Errorf("entity %q: %w", r.Path, err)
		}
		moved = append(moved, r)
	}
	return commit.Do(ctx, log, commit.Frees, nil, func(u *commit.Unit) {
		for _, r := range moved {
			b.PutEntity(u, r)
		}
		for key := range kept {
			old.Delete(u, key)
		}
	})
}
