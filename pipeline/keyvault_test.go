package pipeline

import (
	"errors"
	"strings"
	"testing"

	"switchyard/value"
)

// TestSecrets: references to secrets are replaced wherever they stand, and nothing else;
// what can't be resolved is named.
func TestSecrets(t *testing.T) {
	f := &Factory{}
	for name, text := range map[string]string{
		"V": `{"type":"AzureKeyVault","parameters":{"n":{"type":"String","defaultValue":"a"}},"typeProperties":{"baseUrl":"https://@{linkedService().n}/"}}`,
		"H": `{"type":"HttpServer","typeProperties":{}}`,
	} {
		l, ds := ParseLinkedService("linkedService/"+name+".json", []byte(`{"name":"`+name+`","properties":`+text+`}`))
		if ds != nil {
			t.Fatal(ds)
		}
		f.PutLinkedService(l)
	}
	r := &Resolver{
		LinkedService: func(name string) (*LinkedService, error) { return f.LinkedService(name), nil },
		Secret: func(v *ResolvedLinkedService, name, version string) (string, error) {
			if name == "gone" {
				return "", errors.New("gone is not there")
			}
			url, _ := v.TypeProperties.Lookup("baseUrl")
			return value.Text(url) + name + version, nil
		},
	}
	ref := func(store, more string) string {
		return `{"type":"AzureKeyVaultSecret","store":{"referenceName":"` + store + `","type":"LinkedServiceReference"}` + more + `}`
	}
	for _, c := range []struct{ in, want, fails string }{
		{in: `{"a":1,"b":[{"c":"x"}]}`, want: `{"a":1,"b":[{"c":"x"}]}`},
		{in: `{"a":{"b":[1,` + ref("V", `,"secretName":"s"`) + `]},"c":2}`, want: `{"a":{"b":[1,{"type":"SecureString","value":"https://a/s"}]},"c":2}`},
		{in: `{"a":` + ref("v", `,"secretName":"s","secretVersion":"2"`) + `}`, want: `{"a":{"type":"SecureString","value":"https://a/s2"}}`},
		{in: `{"a":` + ref("V", ``) + `}`, fails: "has no secretName"},
		{in: `{"a":{"type":"AzureKeyVaultSecret","secretName":"s"}}`, fails: `the reference to the secret "s" names no store`},
		{in: `{"a":` + ref("H", `,"secretName":"s"`) + `}`, fails: `linked service "H", the store of the secret "s", is of type HttpServer and not AzureKeyVault`},
		{in: `{"a":` + ref("None", `,"secretName":"s"`) + `}`, fails: `linked service "None" is not found`},
		{in: `{"a":[` + ref("V", `,"secretName":"gone"`) + `]}`, fails: "gone is not there"},
	} {
		v, err := value.Parse([]byte(c.in))
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Secrets(v.(*value.Object))
		if err != nil || c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) || c.fails == "" {
				t.Errorf("%s: %v, want %q", c.in, err, c.fails)
			}
			continue
		}
		if text := string(value.Append(nil, got)); text != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, text, c.want)
		}
		if was := string(value.Append(nil, v)); was != c.in {
			t.Errorf("%s was changed to %s", c.in, was)
		}
	}
	if o, err := r.Secrets(nil); o != nil || err != nil {
		t.Errorf("of nothing: %v, %v", o, err)
	}
}

// TestVaultReferences: what a reference to a secret lacks is found before it is used.
func TestVaultReferences(t *testing.T) {
	f := &Factory{}
	put := func(name, text string) Diagnostics {
		l, ds := ParseLinkedService("linkedService/"+name+".json", []byte(`{"name":"`+name+`","properties":`+text+`}`))
		f.PutLinkedService(l)
		return ds
	}
	if ds := put("NoURL", `{"type":"AzureKeyVault","typeProperties":{}}`); !strings.Contains(ds.Error(), "typeProperties.baseUrl: is missing") {
		t.Errorf("a vault without address: %v", ds)
	}
	put("V", `{"type":"AzureKeyVault","typeProperties":{"baseUrl":"https://v/"}}`)
	put("A", `{"type":"HttpServer","typeProperties":{"password":{"type":"AzureKeyVaultSecret","store":{"referenceName":"V","type":"LinkedServiceReference"},"secretName":"s"}}}`)
	put("B", `{"type":"HttpServer","typeProperties":{"list":[{"type":"AzureKeyVaultSecret","store":{"referenceName":"A","type":"LinkedServiceReference"}}]}}`)
	put("C", `{"type":"HttpServer","typeProperties":{"password":{"type":"AzureKeyVaultSecret","secretName":""}}}`)
	want := `linkedService/B.json: error: $.properties.typeProperties.list[0].secretName: is missing
linkedService/B.json: error: $.properties.typeProperties.list[0].store: linked service "A" is of type "HttpServer", want "AzureKeyVault"
linkedService/C.json: error: $.properties.typeProperties.password.secretName: is missing
linkedService/C.json: error: $.properties.typeProperties.password.store: is missing`
	if got := f.Validate().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
