package auth

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestConnectionString(t *testing.T) {
	tests := []struct {
		in   string
		want ConnectionString
	}{
		{"Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=abc=", ConnectionString{Endpoint: "ns.servicebus.windows.net", KeyName: "Root", Key: "abc="}},
		{"Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=r;SharedAccessKey=k;UseDevelopmentEmulator=true;", ConnectionString{Endpoint: "127.0.0.1:5672", KeyName: "r", Key: "k", Emulator: true}},
		{" endpoint = sb://h ; entitypath=/a/b ; sharedaccesskey=k ; SHAREDACCESSKEYNAME=r ", ConnectionString{Endpoint: "h", KeyName: "r", Key: "k", EntityPath: "a/b"}},
		{"Endpoint=sb://h;SharedAccessSignature=SharedAccessSignature sr=a&sig=b&se=1&skn=c", ConnectionString{Endpoint: "h", Signature: "SharedAccessSignature sr=a&sig=b&se=1&skn=c"}},
	}
	for _, tt := range tests {
		got, err := ParseConnectionString(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("ParseConnectionString(%q) = %#v, %v, want %#v", tt.in, got, err, tt.want)
			continue
		}
		if again, err := ParseConnectionString(got.Format()); err != nil || again != got {
			t.Errorf("%q formats as %q, which reads as %v, %v", tt.in, got.Format(), again, err)
		}
		if s := fmt.Sprintf("%v %+v %#v", got, got, got); strings.Contains(s, "=abc") || strings.Contains(s, "sig=b") {
			t.Errorf("printing %q shows a secret: %s", tt.in, s)
		}
	}
	for _, in := range []string{
		"", "Endpoint=sb://h", "SharedAccessKeyName=r;SharedAccessKey=k", "Endpoint=sb://h;SharedAccessKey=k",
		"Endpoint=sb://h;SharedAccessKeyName=r", "Endpoint=;SharedAccessKeyName=r;SharedAccessKey=k",
		"Endpoint=http://h;SharedAccessKeyName=r;SharedAccessKey=k", "Endpoint=sb://h/path;SharedAccessKeyName=r;SharedAccessKey=k",
		"Endpoint=sb://h;SharedAccessKeyName=r;SharedAccessKey=k;SharedAccessKey=l",
		"Endpoint=sb://h;SharedAccessKeyName=r;SharedAccessKey=k;SharedAccessSignature=s",
		"Endpoint=sb://h;SharedAccessKeyName=r;SharedAccessKey=k;TransportType=Amqp",
		"Endpoint=sb://h;SharedAccessKeyName=r;SharedAccessKey=k;UseDevelopmentEmulator=maybe",
	} {
		if got, err := ParseConnectionString(in); !errors.Is(err, ErrConnectionString) {
			t.Errorf("ParseConnectionString(%q) = %v, %v, want ErrConnectionString", in, got, err)
		}
	}
}
