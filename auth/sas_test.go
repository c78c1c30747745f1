package auth

import (
	"errors"
	"strings"
	"switchyard/auth/authtest"
	"testing"
	"time"
)

// The worked example of [SB-AMQP 12].
const (
	vectorToken = "SharedAccessSignature sr=sb%3a%2f%2flocalhost%2fqueue1&sig=wAxXz8GP%2BcUfbjxlG5ZvXXCIDB6uLr%2FFNkI84not7yM%3D&se=1900000000&skn=RootManageSharedAccessKey"
	vectorSig   = "wAxXz8GP%2BcUfbjxlG5ZvXXCIDB6uLr%2FFNkI84not7yM%3D"
)

func TestParseSASVector(t *testing.T) {
	s, err := ParseSAS(vectorToken)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Resource{Host: "localhost", Path: "queue1"}); s.Resource != want {
		t.Errorf("resource = %+v, want %+v", s.Resource, want)
	}
	if want := time.Unix(1900000000, 0); !s.Expires.Equal(want) {
		t.Errorf("expires = %v, want %v", s.Expires, want)
	}
	if s.KeyName != DefaultRuleName {
		t.Errorf("key name = %q, want %q", s.KeyName, DefaultRuleName)
	}
	if !s.Verify(DevelopmentKey) {
		t.Errorf("Verify(%q) = false, want true", DevelopmentKey)
	}
	for _, key := range []string{"", "sas_key_value", "SAS_KEY_VALUE ", "other"} {
		if s.Verify(key) {
			t.Errorf("Verify(%q) = true, want false", key)
		}
	}
}

func TestParseSASForms(t *testing.T) {
	tests := []struct{ name, token string }{
		{"other order", "SharedAccessSignature skn=k&se=1900000000&sig=" + vectorSig + "&sr=sb%3a%2f%2flocalhost%2fqueue1"},
		{"prefix in lower case", "sharedaccesssignature sr=sb%3a%2f%2flocalhost%2fqueue1&sig=" + vectorSig + "&se=1900000000&skn=k"},
		{"literal plus, slash and equals in sig", "SharedAccessSignature sr=sb%3a%2f%2flocalhost%2fqueue1&sig=wAxXz8GP+cUfbjxlG5ZvXXCIDB6uLr/FNkI84not7yM=&se=1900000000&skn=k"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ParseSAS(tt.token)
			if err != nil {
				t.Fatalf("ParseSAS(%q): %v", tt.token, err)
			}
			if !s.Verify(DevelopmentKey) {
				t.Errorf("%q does not verify", tt.token)
			}
		})
	}

	// The signature covers sr as it was sent: the same resource in other
	// escapes is another text.
	s, err := ParseSAS(strings.Replace(vectorToken, "%3a%2f%2f", "%3A%2F%2F", 1))
	if err != nil {
		t.Fatal(err)
	}
	if s.Verify(DevelopmentKey) {
		t.Error("a changed raw sr still verifies")
	}
}

func TestParseSASMalformed(t *testing.T) {
	for _, token := range []string{
		"", "SharedAccessSignature", "SharedAccessSignature ", "Bearer abc",
		"SharedAccessSignaturesr=a&sig=b&se=1&skn=c",
		"SharedAccessSignature sr=a&sig=b&se=1",
		"SharedAccessSignature sr=a&sig=b&se=1&skn=",
		"SharedAccessSignature sr=a&sig=b&se=1&skn=c&skn=d",
		"SharedAccessSignature sr=a&sig=b&se=1&skn=c&x=y",
		"SharedAccessSignature sr=a&sig=b&se=-1&skn=c",
		"SharedAccessSignature sr=a&sig=b&se=soon&skn=c",
		"SharedAccessSignature sr=a&sig=b&se=99999999999999999999&skn=c",
		"SharedAccessSignature sr=%zz&sig=b&se=1&skn=c",
		"SharedAccessSignature sr=ftp%3a%2f%2fh&sig=b&se=1&skn=c",
		"SharedAccessSignature sr=a&sig=b&se=1&skn=" + strings.Repeat("c", maxTokenLength),
	} {
		if s, err := ParseSAS(token); !errors.Is(err, ErrMalformed) {
			t.Errorf("ParseSAS(%.80q) = %+v, %v, want ErrMalformed", token, s, err)
		}
	}
}

func TestFormatSASVerifies(t *testing.T) {
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	token := authtest.FormatSAS("sb://ns.servicebus.windows.net/orders/a b", "send+listen", "päss+wörd=", expires)
	s, err := ParseSAS(token)
	if err != nil {
		t.Fatalf("ParseSAS(%q): %v", token, err)
	}
	if !s.Verify("päss+wörd=") || s.KeyName != "send+listen" || !s.Expires.Equal(expires) {
		t.Errorf("token %q reads back as %+v", token, s)
	}
}

func TestParseResource(t *testing.T) {
	tests := []struct {
		in   string
		want Resource
	}{
		{"sb://NS.servicebus.windows.net/Queue", Resource{"ns.servicebus.windows.net", "Queue"}},
		{"amqp://127.0.0.1:5672/q/", Resource{"127.0.0.1", "q"}},
		{"amqps://[::1]:5671/a/b/$management", Resource{"::1", "a/b/$management"}},
		{"https://h/q/%24DeadLetterQueue", Resource{"h", "q/$DeadLetterQueue"}},
		{"sb://h//q", Resource{"h", "q"}},
		{"h", Resource{"h", ""}},
		{"h:5671/q", Resource{"h", "q"}},
		{"h.", Resource{"h", ""}},
	}
	for _, tt := range tests {
		got, err := ParseResource(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("ParseResource(%q) = %+v, %v, want %+v", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{"ftp://h/q", "sb://h/q?x=1", "sb://u@h/q", "sb://h/%", "sb://h/q#f"} {
		if got, err := ParseResource(in); !errors.Is(err, ErrMalformed) {
			t.Errorf("ParseResource(%q) = %+v, %v, want ErrMalformed", in, got, err)
		}
	}
}

func FuzzParseSAS(f *testing.F) {
	f.Add(vectorToken)
	f.Add("SharedAccessSignature sr=a&sig=b&se=1&skn=c")
	f.Add("sharedaccesssignature skn=%2B&sr=%3A%2F&se=0&sig=%%")
	f.Fuzz(func(t *testing.T, token string) {
		s, err := ParseSAS(token)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("ParseSAS(%q): %v does not wrap ErrMalformed", token, err)
			}
			return
		}
		if s.KeyName == "" || len(s.signature) == 0 || s.Expires.IsZero() {
			t.Fatalf("ParseSAS(%q) = %+v: a field is empty", token, s)
		}
		// A made-up key never verifies a fuzzed signature.
		if s.Verify("a key that signed nothing") {
			t.Fatalf("ParseSAS(%q) verifies", token)
		}
	})
}

func FuzzParseConnectionString(f *testing.F) {
	f.Add("Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true")
	f.Add("Endpoint=sb://h/;SharedAccessSignature=SharedAccessSignature sr=a&sig=b&se=1&skn=c;EntityPath=q")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseConnectionString(s)
		if err != nil {
			if !errors.Is(err, ErrConnectionString) {
				t.Fatalf("ParseConnectionString(%q): %v", s, err)
			}
			return
		}
		again, err := ParseConnectionString(c.Format())
		if err != nil || again != c {
			t.Fatalf("%q formats as %q, which reads as %+v, %v, want %+v", s, c.Format(), again, err, c)
		}
	})
}

func BenchmarkVerifySAS(b *testing.B) {
	var a Authority
	if _, err := a.PutRule("ns", "", AuthorizationRule{Name: DefaultRuleName, PrimaryKey: DevelopmentKey, Rights: Send | Listen | Manage}); err != nil {
		b.Fatal(err)
	}
	now := time.Unix(1800000000, 0)
	for b.Loop() {
		if _, err := a.VerifySAS("ns", vectorToken, "sb://localhost/queue1", now); err != nil {
			b.Fatal(err)
		}
	}
}
