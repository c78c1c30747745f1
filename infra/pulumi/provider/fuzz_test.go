package provider

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func FuzzParseToken(f *testing.F) {
	for _, s := range []string{"azure-native:servicebus:Queue", "azure-native:servicebus/v20240101:Queue", "azure-native:a/b:c", "a:b", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := parseToken(s)
		if err == nil && (tok.Module == "" || tok.Member == "" || strings.Contains(tok.Module, "/")) {
			t.Errorf("parseToken(%q) = %+v", s, tok)
		}
	})
}

func FuzzParseID(f *testing.F) {
	for _, k := range kinds {
		f.Add(k.path)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, k := range kinds {
			sub, params, err := k.parse(s)
			if err != nil {
				continue
			}
			id, err := k.id(sub, params)
			if err != nil {
				continue // a part that is no name
			}
			if _, again, err := k.parse(id); err != nil || !reflect.DeepEqual(again, params) {
				t.Errorf("%s: %q made %q, which is %v, %v; want %v", k.token, s, id, again, err, params)
			}
		}
	})
}

func FuzzShape(f *testing.F) {
	f.Add([]byte(flatActivities))
	f.Add([]byte(`[{"activities":[{"activities":[]}]}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		if json.Unmarshal(b, &v) != nil {
			return
		}
		nested, err := pipelineShape.each(v, "activities", pipelineShape.nest)
		if err != nil {
			return
		}
		flat, err := pipelineShape.each(nested, "activities", pipelineShape.flatten)
		if err != nil || !reflect.DeepEqual(flat, v) {
			t.Errorf("%s became %s, %v", b, asJSON(t, flat), err)
		}
	})
}
