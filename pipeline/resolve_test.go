package pipeline

import (
	"errors"
	"strings"
	"testing"
	"time"

	"switchyard/value"
)

var errUnusable = errors.New("needs another runtime")

// resolver finds the definitions of the test by their names.
func resolver(t *testing.T) *Resolver {
	t.Helper()
	f := &Factory{}
	for _, text := range []string{
		`{"name":"Store","properties":{"type":"AzureBlobFS","parameters":{"account":{"type":"String"},"port":{"type":"Int","defaultValue":"443"},
			"key":{"type":"SecureString","defaultValue":"dev"}},
			"typeProperties":{"url":"https://@{linkedService().account}:@{linkedService().port}","port":"@linkedService().port",
			"accountKey":{"type":"SecureString","value":"@{linkedService().key}"},"at":"@utcNow()","plain":[1,{"a":null}]}}}`,
		`{"name":"Bad","properties":{"type":"X","typeProperties":{"x":"@pipeline().RunId"}}}`,
		`{"name":"Plain","properties":{"type":"X"}}`,
	} {
		l, ds := ParseLinkedService("linkedService/x.json", []byte(text))
		if ds != nil {
			t.Fatal(ds)
		}
		f.PutLinkedService(l)
	}
	for _, text := range []string{
		`{"name":"Rows","properties":{"type":"DelimitedText","parameters":{"file":{"type":"String"},"where":{"type":"String","defaultValue":"main"}},
			"linkedServiceName":{"referenceName":"store","type":"LinkedServiceReference","parameters":{"account":"@{dataset().where}acct","port":"8443"}},
			"typeProperties":{"location":{"fileName":"@dataset().file","folder":"in/@{dataset().where}"}}}}`,
		`{"name":"Astray","properties":{"type":"Json","linkedServiceName":{"referenceName":"Nowhere","type":"LinkedServiceReference"}}}`,
		`{"name":"Blind","properties":{"type":"Json","linkedServiceName":{"referenceName":"Plain","type":"LinkedServiceReference"},
			"typeProperties":{"x":"@linkedService().account"}}}`,
	} {
		d, ds := ParseDataset("dataset/x.json", []byte(text))
		if ds != nil {
			t.Fatal(ds)
		}
		f.PutDataset(d)
	}
	return &Resolver{
		Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		LinkedService: func(name string) (*LinkedService, error) {
			if name == "Unusable" {
				return nil, errUnusable
			}
			return f.LinkedService(name), nil
		},
		Dataset: func(name string) (*Dataset, error) { return f.Dataset(name), nil },
	}
}

func shown(name, kind string, properties *value.Object) string {
	return name + " " + kind + " " + string(value.Append(nil, properties))
}

// TestResolveLinkedService: parameters are bound and converted, expressions
// evaluated, and what can't be resolved is named.
func TestResolveLinkedService(t *testing.T) {
	for _, c := range []struct{ name, arguments, want, fail string }{
		{"store", `{"account":"a"}`, `Store AzureBlobFS {"url":"https://a:443","port":443,"accountKey":{"type":"SecureString","value":"dev"},` +
			`"at":"2026-01-02T03:04:05.0000000Z","plain":[1,{"a":null}]}`, ""},
		{"Store", `{"account":7,"port":"1","key":{"type":"SecureString","value":"k"}}`, `Store AzureBlobFS {"url":"https://7:1","port":1,` +
			`"accountKey":{"type":"SecureString","value":"k"},"at":"2026-01-02T03:04:05.0000000Z","plain":[1,{"a":null}]}`, ""},
		{"Plain", `{}`, "Plain X {}", ""},
		{"Store", `{}`, "", `linked service "Store": parameter "account" has no value and no default`},
		{"Store", `{"account":"a","port":"x"}`, "", `linked service "Store": parameter "port" of type Int does not take a value of type String`},
		{"Plain", `{"more":1}`, "", `linked service "Plain": parameter "more" is not declared`},
		{"Bad", `{}`, "", `linked service "Bad": `},
		{"Gone", `{}`, "", `linked service "Gone" is not found`},
		{"Unusable", `{}`, "", `linked service "Unusable": needs another runtime`},
	} {
		l, err := resolver(t).ResolveLinkedService(&Reference{Name: c.name, Parameters: jsonObject(t, c.arguments)})
		if c.fail != "" {
			if err == nil || !strings.Contains(err.Error(), c.fail) {
				t.Errorf("%s %s: error %v, want %s", c.name, c.arguments, err, c.fail)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", c.name, c.arguments, err)
		} else if got := shown(l.Name, l.Type, l.TypeProperties); got != c.want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.name, c.arguments, got, c.want)
		}
	}
}

// TestResolveDataset: the dataset's parameters reach its linked service.
func TestResolveDataset(t *testing.T) {
	d, err := resolver(t).ResolveDataset(&Reference{Name: "rows", Parameters: jsonObject(t, `{"file":"a.csv"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := shown(d.Name, d.Type, d.TypeProperties), `Rows DelimitedText {"location":{"fileName":"a.csv","folder":"in/main"}}`; got != want {
		t.Errorf("dataset:\n got %s\nwant %s", got, want)
	}
	l := d.LinkedService
	if url, _ := l.TypeProperties.Get("url"); l.Name != "Store" || url != "https://mainacct:8443" {
		t.Errorf("linked service %s at %v, want Store at https://mainacct:8443", l.Name, url)
	}
	for _, c := range []struct{ name, arguments, fail string }{
		{"Rows", `{}`, `dataset "Rows": parameter "file" has no value and no default`},
		{"Gone", `{}`, `dataset "Gone" is not found`},
		{"Astray", `{}`, `dataset "Astray": linked service "Nowhere" is not found`},
		{"Blind", `{}`, `dataset "Blind": `}, // linkedService() is not there
	} {
		_, err := resolver(t).ResolveDataset(&Reference{Name: c.name, Parameters: jsonObject(t, c.arguments)})
		if err == nil || !strings.Contains(err.Error(), c.fail) {
			t.Errorf("%s %s: error %v, want %s", c.name, c.arguments, err, c.fail)
		}
	}
}

func TestDatasetReferences(t *testing.T) {
	lookup := LookupActivityType("Lookup")
	for _, c := range []struct{ input, want, fail string }{
		{`{"dataset":{"referenceName":"D","type":"DatasetReference","parameters":{"p":1}},"source":{}}`, `dataset=D {"p":1}`, ""},
		{`{"DATASET":{"referenceName":"D"}}`, `dataset=D {}`, ""},
		{`{"source":{"dataset":{"referenceName":"D"}}}`, "", ""},
		{`{"dataset":null}`, "", ""},
		{`{"dataset":"D"}`, "", `the property "dataset" is no reference to a dataset`},
		{`{"dataset":{"referenceName":7}}`, "", `the property "dataset" is no reference to a dataset`},
	} {
		refs, err := lookup.DatasetReferences(jsonObject(t, c.input))
		got, fail := "", ""
		for name, ref := range refs {
			got += name + "=" + ref.Name + " " + string(value.Append(nil, ref.Parameters))
		}
		if err != nil {
			fail = err.Error()
		}
		if got != c.want || fail != c.fail {
			t.Errorf("%s: got %s, error %q, want %s, error %q", c.input, got, fail, c.want, c.fail)
		}
	}
	if refs, err := (*ActivityType)(nil).DatasetReferences(jsonObject(t, `{"dataset":1}`)); refs != nil || err != nil {
		t.Errorf("a type that is not known: %v, %v; want none", refs, err)
	}
}
