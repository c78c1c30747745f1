package language

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestPii names what is found and where nothing must be. The numbers are those
// published for tests, or made to fit their check digits.
func TestPii(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"write to j.doe+x@mail.example.co.uk.", "Email:j.doe+x@mail.example.co.uk"},
		{"a @ b and x@y are none", ""},
		{"see https://example.com/a?b=1, or (www.example.org).", "URL:https://example.com/a?b=1 URL:www.example.org"},
		{"IBAN DE89 3704 0044 0532 0130 00 bitte", "InternationalBankingAccountNumber:DE89 3704 0044 0532 0130 00"},
		{"GB82WEST12345698765432", "InternationalBankingAccountNumber:GB82WEST12345698765432"},
		{"FR14 2004 1010 0505 0001 3M02 606", "InternationalBankingAccountNumber:FR14 2004 1010 0505 0001 3M02 606"},
		{"DE88 3704 0044 0532 0130 00", ""},
		{"card 4111 1111 1111 1111 and 5500-0000-0000-0004 and 378282246310005", "CreditCardNumber:4111 1111 1111 1111 CreditCardNumber:5500-0000-0000-0004 CreditCardNumber:378282246310005"},
		{"order 4111 1111 1111 1112", ""},
		{"ssn 536-90-4399, not 000-12-3456, 666-12-3456, 912-12-3456", "USSocialSecurityNumber:536-90-4399"},
		{"IP 192.168.0.1, 2001:db8::1, ::1 but not 300.1.1.1 or 10:30:00", "IPAddress:192.168.0.1 IPAddress:2001:db8::1 IPAddress:::1"},
		{"call +49 30 1234567 or (415) 555-0132 or 415-555-0132 or 0171/1234567", "PhoneNumber:+49 30 1234567 PhoneNumber:(415) 555-0132 PhoneNumber:415-555-0132 PhoneNumber:0171/1234567"},
		{"order 88231734 of 2024-05-17 10:30 for 1.234.567 on 17.05.2024", ""},
		{"phone 5550132", "PhoneNumber:5550132"},
		{"Steuer-ID 86095742719", "DETaxIdentificationNumber:86095742719"},
		{"Nummer 86095742718", ""},
		{"USt-IdNr. DE136695976", "DEValueAddedNumber:DE136695976"},
		{"Ausweis T220001293, nicht T220001294", "DEIdentityCardNumber:T220001293"},
		{"sécu 2 55 08 14 168 025 38", "FRSocialSecurityNumber:2 55 08 14 168 025 38"},
		{"DNI 12345678Z, NIE X1234567L, no 12345678A", "ESDNI:12345678Z ESTaxIdentificationNumber:X1234567L"},
		{"x4111111111111111y", ""},
		{"", ""},
	} {
		var got []string
		for _, m := range findPii(tt.text) {
			got = append(got, m.category+":"+tt.text[m.from:m.to])
			if m.confidence <= 0 || m.confidence > 1 {
				t.Errorf("%q: confidence %v of %s, want above 0 and at most 1", tt.text, m.confidence, m.category)
			}
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%q:\ngot  %s\nwant %s", tt.text, s, tt.want)
		}
	}
}

// TestPiiConfidence: a check digit and a word that announces the number count.
func TestPiiConfidence(t *testing.T) {
	score := func(text string) float64 {
		m := findPii(text)
		if len(m) != 1 {
			t.Fatalf("%q: %v, want one match", text, m)
		}
		return m[0].confidence
	}
	for _, tt := range []struct{ less, more string }{
		{"0171 1234567", "phone 0171 1234567"},
		{"0171 1234567", "+49 171 1234567"},
		{"0171 1234567", "4111 1111 1111 1111"},
		{"192.0.2.1", "2001:db8::1"},
	} {
		if a, b := score(tt.less), score(tt.more); a >= b {
			t.Errorf("%q has %v, %q has %v, want more", tt.less, a, tt.more, b)
		}
	}
}

// TestRedaction masks character for character and leaves the rest.
func TestRedaction(t *testing.T) {
	d := &document{Text: "Grüße, ä@b.de a@b.de ☎ +49 30 1234567!"}
	r := analyzePii(&parameters{}, d).(*piiResult)
	if want := "Grüße, ä@b.de ****** ☎ **************!"; r.Redacted != want {
		t.Errorf("redacted %q, want %q", r.Redacted, want)
	}
	var cats []string
	for _, e := range r.Entities {
		cats = append(cats, fmt.Sprint(e.Category, e.Offset, "+", e.Length))
	}
	if want := []string{"Email14+6", "PhoneNumber23+14"}; !slices.Equal(cats, want) {
		t.Errorf("entities %q, want %q", cats, want)
	}
}
