package pipeline

import (
	"errors"
	"testing"

	"switchyard/value"
)

func jsonObject(t *testing.T, text string) *value.Object {
	t.Helper()
	v, err := value.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v.(*value.Object)
}

func TestBindParameters(t *testing.T) {
	p, ds := ParsePipeline("P", []byte(`{"name":"P","properties":{"parameters":{
		"s":{"type":"string"},"i":{"type":"Int","defaultValue":"7"},"f":{"type":"Float","defaultValue":2},"b":{"type":"Bool","defaultValue":"TRUE"},
		"a":{"type":"Array","defaultValue":"[1,2]"},"o":{"type":"Object","defaultValue":{"x":"@notEvaluated()"}},"k":{"type":"SecureString","defaultValue":"pw"},
		"odd":{"type":"String","defaultValue":{}}}}}`))
	if err := ds.Err(); err != nil || len(ds) != 1 {
		t.Fatalf("diagnostics %v, want the one warning about odd", ds)
	}
	for _, tt := range []struct{ args, want string }{
		{`{"S":1}`, `{"s":"1","i":7,"f":2.0,"b":true,"a":[1,2],"o":{"x":"@notEvaluated()"},"k":"pw","odd":{}}`},
		{`{"s":null,"i":3.0,"f":"2.5","b":false,"a":[],"o":"{\"y\":1}","k":true,"odd":"x"}`, `{"s":null,"i":3,"f":2.5,"b":false,"a":[],"o":{"y":1},"k":"True","odd":"x"}`},
	} {
		got, secure, err := BindParameters(p.Parameters, jsonObject(t, tt.args), true)
		if err != nil || string(value.Append(nil, got)) != tt.want || len(secure) != 1 || secure[0] != "k" {
			t.Errorf("%s: got %s, secure %v, %v; want %s", tt.args, string(value.Append(nil, got)), secure, err, tt.want)
		}
	}
	for _, tt := range []struct {
		args    string
		strict  bool
		problem ParameterProblem
		name    string
	}{
		{`{}`, false, ParameterMissing, "s"},
		{`{"s":[]}`, false, ParameterMistyped, "s"},
		{`{"s":"","i":"x"}`, false, ParameterMistyped, "i"},
		{`{"s":"","i":1.5}`, false, ParameterMistyped, "i"},
		{`{"s":"","b":"yes"}`, false, ParameterMistyped, "b"},
		{`{"s":"","a":{}}`, false, ParameterMistyped, "a"},
		{`{"s":"","o":"[1]"}`, false, ParameterMistyped, "o"},
		{`{"s":"","extra":1}`, true, ParameterUnknown, "extra"},
	} {
		_, _, err := BindParameters(p.Parameters, jsonObject(t, tt.args), tt.strict)
		var pe *ParameterError
		if !errors.As(err, &pe) || pe.Problem != tt.problem || pe.Name != tt.name {
			t.Errorf("%s: got %v, want problem %d of %s", tt.args, err, tt.problem, tt.name)
		}
	}
	if _, _, err := BindParameters(p.Parameters, jsonObject(t, `{"s":"","extra":1}`), false); err != nil {
		t.Errorf("not strict: %v", err)
	}
	if _, _, err := BindParameters(p.Parameters, nil, false); err == nil {
		t.Error("no arguments: no error")
	}
}
