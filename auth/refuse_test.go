package auth

import (
	"errors"
	"testing"
	"time"

	"switchyard/auth/authtest"
)

// TestRefuse: a key that everybody knows opens nothing, whether it is shown or has signed;
// the other key of its rule does.
func TestRefuse(t *testing.T) {
	const other = "b3RoZXIga2V5IG9mIHRoZSBydWxl"
	now := time.Unix(1_800_000_000, 0)
	a := &Authority{}
	rule := AuthorizationRule{Name: DefaultRuleName, Rights: Manage | Listen | Send, PrimaryKey: DevelopmentKey, SecondaryKey: other}
	if _, err := a.PutRule("ns", "", rule); err != nil {
		t.Fatal(err)
	}
	try := func(key string) (shown, signed error) {
		_, shown = a.VerifyKey("ns", DefaultRuleName, key)
		_, signed = a.VerifySAS("ns", authtest.FormatSAS("sb://ns.example/q", DefaultRuleName, key, now.Add(time.Hour)), "sb://ns.example/q", now)
		return shown, signed
	}
	if shown, signed := try(DevelopmentKey); shown != nil || signed != nil {
		t.Errorf("in development: %v, %v", shown, signed)
	}
	a.Refuse(DevelopmentKey)
	if shown, signed := try(DevelopmentKey); !errors.Is(shown, ErrSignature) || !errors.Is(signed, ErrSignature) {
		t.Errorf("refused: %v, %v", shown, signed)
	}
	if shown, signed := try(other); shown != nil || signed != nil {
		t.Errorf("the other key: %v, %v", shown, signed)
	}
}
