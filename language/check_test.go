package language

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// checked are numbers that authorities and issuers publish as samples, by the
// check that they pass.
var checked = []struct {
	name    string
	check   func(string) (float64, bool)
	samples []string
	// firm are characters at the beginning whose change may make another number of
	// the same check: a country, a letter that counts as a digit.
	firm int
}{
	{"IBAN", checkIBAN, []string{
		"AD1200012030200359100100", "AE070331234567890123456", "AT611904300234573201", "BE68539007547034", "CH9300762011623852957", "CZ6508000000192000145399",
		"DE89370400440532013000", "DK5000400440116243", "EE382200221020145685", "ES9121000418450200051332", "FI2112345600000785", "FR1420041010050500013M02606",
		"GB29NWBK60161331926819", "GR1601101250000000012300695", "IE29AIBK93115212345678", "IL620108000000099999999", "IT60X0542811101000000123456", "LU280019400644750000",
		"MT84MALT011000012345MTLCAST001S", "NL91ABNA0417164300", "NO9386011117947", "PL61109010140000071219812874", "PT50000201231234567890154", "SE4550000000058398257466", "TR330006100519786457841326",
	}, 0},
	{"card", checkCard, []string{
		"4111111111111111", "4012888888881881", "4222222222222", "5555555555554444", "5105105105105100", "2223003122003222", "2720990000000007", "378282246310005", "371449635398431", "6011111111111117",
		"6011000990139424", "30569309025904", "38520000023237", "3530111333300000", "3566002020360505", "6200000000000005", "6304000000000000",
	}, 2},
	{"VAT of Germany", func(s string) (float64, bool) { return checkMod1110(digits(s)) }, []string{"DE136695976", "DE129273398", "DE811569869"}, 0},
	{"tax id of Germany", checkSteuerID, []string{"86095742719", "47036892816", "65929970489", "57549285017", "25768131411"}, 10},
	{"identity card of Germany", checkAusweis, []string{"T220001293"}, 9},
	{"NIR", checkNIR, []string{"255081416802538", "269054958815780"}, 0},
	{"DNI", checkDNI, []string{"12345678Z", "00000000T", "99999999R", "X1234567L", "Y0000000Z", "Z0000000M"}, 0},
}

// TestChecks: the published numbers pass, and one digit that is wrong does not.
func TestChecks(t *testing.T) {
	for _, c := range checked {
		for _, s := range c.samples {
			chance, ok := c.check(s)
			if !ok || chance <= 0 || chance >= 1 {
				t.Errorf("%s %s: %v, %t; want it to hold, by accident at times", c.name, s, chance, ok)
				continue
			}
			for i := c.firm; i < len(s); i++ {
				if s[i] < '0' || s[i] > '9' {
					continue
				}
				for d := byte('0'); d <= '9'; d++ {
					wrong := s[:i] + string(d) + s[i+1:]
					if _, ok := c.check(wrong); ok && d != s[i] {
						t.Errorf("%s %s for %s: the check holds", c.name, wrong, s)
					}
				}
			}
		}
	}
}

// TestChecksRefuse: what no check digit could make right.
func TestChecksRefuse(t *testing.T) {
	for _, c := range []struct {
		name  string
		check func(string) (float64, bool)
		in    string
	}{
		{"IBAN too short", checkIBAN, "DE89"},
		{"IBAN with a small letter", checkIBAN, "DE89370400440532o13000"},
		{"card of twelve digits", checkCard, "411111111111"},
		{"card of twenty digits", checkCard, "41111111111111111111"},
		{"card of no issuer", checkCard, "0000000000000000"},
		{"card of one digit only", checkCard, "4444444444444444"},
		{"Visa of 15 digits", checkCard, "411111111111116"},
		{"American Express of 16 digits", checkCard, "3782822463100050"},
		{"Mastercard of 2220", checkCard, "2220990000000002"},
		{"Mastercard of 2721", checkCard, "2721000000000004"},
		{"VAT of one digit", checkMod1110, "7"},
		{"tax id of ten digits", checkSteuerID, "8609574271"},
		{"tax id without a digit twice", checkSteuerID, "12345678903"},
		{"tax id with a digit four times", checkSteuerID, "11112345678"},
		{"identity card of letters", checkAusweis, "CFGHJKLMN0"},
		{"NIR of 14 digits", checkNIR, "25508141680253"},
		{"NIR with a letter", checkNIR, "2550814A6802538"},
		{"DNI of eight", checkDNI, "1234567L"},
		{"DNI with a letter inside", checkDNI, "1234X678Z"},
		{"NIE of W", checkDNI, "W1234567L"},
		{"SSN area 000", checkSSN, "000-12-3456"},
		{"SSN area 666", checkSSN, "666-12-3456"},
		{"SSN area 9", checkSSN, "987-65-4320"},
		{"SSN group 00", checkSSN, "123-00-4567"},
		{"SSN serial 0000", checkSSN, "123-45-0000"},
		{"IP of five numbers", checkIP, "1.2.3.4.5"},
		{"IP of 256", checkIP, "256.0.0.1"},
		{"IPv6 that is a time", checkIP, "10:30:00"},
		{"IPv6 unspecified", checkIP, "::"},
		{"phone of six digits", checkPhone, "123456"},
		{"phone of sixteen digits", checkPhone, "+1234567890123456"},
		{"phone that is a date", checkPhone, "2024-05-17"},
		{"phone that is a date and an hour", checkPhone, "17.05.2024 10"},
		{"phone that is an amount", checkPhone, "1.234.567"},
		{"phone with half a parenthesis", checkPhone, "(030 1234567"},
	} {
		if chance, ok := c.check(c.in); ok {
			t.Errorf("%s: %s holds with %v", c.name, c.in, chance)
		}
	}
	if _, ok := checkNIR("1 85 05 2A 004 025 "); ok {
		t.Error("a NIR without its key holds")
	}
	// Corsica: 2A counts as 19 and 2B as 18.
	for department, number := range map[string]string{"2A": "19", "2B": "18"} {
		if _, ok := checkNIR("18505" + department + "004025" + nirKey("18505"+number+"004025")); !ok {
			t.Errorf("a NIR of %s does not hold", department)
		}
	}
}

// nirKey computes a key by the rule's own words, with whole numbers.
func nirKey(thirteen string) string {
	n := int64(0)
	for _, c := range thirteen {
		n = n*10 + int64(c-'0')
	}
	key := 97 - n%97
	return string([]byte{byte('0' + key/10), byte('0' + key%10)})
}

// TestCuts: what a pattern takes too much is left to the text.
func TestCuts(t *testing.T) {
	for _, c := range []struct {
		name string
		cut  func(string) int
		in   string
		want string
	}{
		{"IBAN", cutIBAN, "DE89 3704 0044 0532 0130 00 AND 12", "DE89 3704 0044 0532 0130 00"},
		{"IBAN", cutIBAN, "NO9386011117947", "NO9386011117947"},
		{"IBAN of no country", cutIBAN, "ZZ89370400440532013000", ""},
		{"IBAN too short", cutIBAN, "DE8937040044053201300", ""},
		{"URL", cutURL, "https://example.com/a.", "https://example.com/a"},
		{"URL", cutURL, "https://example.com/a?!…", "https://example.com/a"},
		{"URL", cutURL, "https://example.com/a_(b)", "https://example.com/a_(b)"},
		{"URL", cutURL, "https://example.com/a)", "https://example.com/a"},
		{"phone", cutPhone, "+49 30 1234567 (", "+49 30 1234567"},
		{"phone", cutPhone, "030/1234567-", "030/1234567"},
	} {
		if got := c.in[:c.cut(c.in)]; got != c.want {
			t.Errorf("%s %q: %q, want %q", c.name, c.in, got, c.want)
		}
	}
	for s, bare := range map[string]bool{
		"+49301234567": false, "0049301234567": false, "(415) 555-0132": false, "415-555-0132": false, "1-415-555-0132": false, "030 1234567": false, "0171/1234567": false,
		"1234567": true, "0301234567": true, "115-555-0132": true, "415-555-01321": true, "12 34 56 78": true,
	} {
		if got := barePhone(s); got != bare {
			t.Errorf("%s is a number of any kind: %t, want %t", s, got, bare)
		}
	}
}

// TestIBANCountries: a length for each country, within the standard's bounds.
func TestIBANCountries(t *testing.T) {
	for country, n := range ibanLength {
		if len(country) != 2 || strings.ToUpper(country) != country || n < 15 || n > 34 {
			t.Errorf("%s: %d", country, n)
		}
	}
	for _, s := range checked[0].samples {
		if n := ibanLength[s[:2]]; n != len(s) {
			t.Errorf("IBANs of %s have %d characters, %s has %d", s[:2], n, s, len(s))
		}
	}
}

// TestAnyText: whatever a text holds, what is found in it lies in it: in order,
// without overlap, between whole characters, and counted alike in every unit.
func TestAnyText(t *testing.T) {
	parts := rapid.SliceOfN(rapid.OneOf(
		rapid.SampledFrom([]string{"DE89 3704 0044 0532 0130 00", "4111 1111 1111 1111", "a@b.example", "+49 30 1234567", "https://example.com/x", "192.0.2.1", "12345678Z", "😀", "👩\u200d👧", "e\u0301", "한국", "。", "\r\n", " ", ". ", "not ", "good", "! ", "Die Rechnung ", "est "}),
		rapid.StringN(0, 8, -1)), 0, 12)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(parts.Draw(t, "parts"), "")
		last := 0
		for _, m := range findPii(text) {
			if m.from < last || m.to <= m.from || m.to > len(text) || strings.ToValidUTF8(text[m.from:m.to], "?") != text[m.from:m.to] && strings.ToValidUTF8(text, "?") == text {
				t.Fatalf("%q: match %+v after %d", text, m, last)
			}
			last = m.to
		}
		last = 0
		for _, s := range sentences(text) {
			if s.from < last || s.to <= s.from || strings.TrimSpace(text[s.from:s.to]) != text[s.from:s.to] || strings.TrimSpace(text[last:s.from]) != "" {
				t.Fatalf("%q: sentence %+v after %d", text, s, last)
			}
			last = s.to
		}
		if strings.TrimSpace(text[last:]) != "" {
			t.Fatalf("%q: %q is in no sentence", text, text[last:])
		}
		for _, k := range tokenize(text) {
			if k.to <= k.from || k.to > len(text) || (k.mark == 0) == (k.lower == "") {
				t.Fatalf("%q: token %+v", text, k)
			}
		}
		for unit := textElementsV8; unit <= utf16CodeUnit; unit++ {
			rising, jumping := &cursor{text: text, unit: unit}, &cursor{text: text, unit: unit}
			before := 0
			for i := range text {
				n := rising.at(i)
				jumping.at(len(text)) // and back again
				if again := jumping.at(i); again != n || n < before {
					t.Fatalf("%q: offset %d in unit %d is %d, %d after a jump, %d before", text, i, unit, n, again, before)
				}
				before = n
			}
		}
	})
}

// TestLanguageNames: codes are unique, and what is not in the table is the
// service's unknown.
func TestLanguageNames(t *testing.T) {
	codes, names := map[string]bool{}, map[string]bool{}
	for _, n := range languageNames {
		if codes[n.Code] || names[n.Name] {
			t.Errorf("%s, %s is there twice", n.Code, n.Name)
		}
		codes[n.Code], names[n.Name] = true, true
		if nameOf(n.Code) != n {
			t.Errorf("nameOf(%s) = %+v", n.Code, nameOf(n.Code))
		}
	}
	for _, code := range []string{"", "xx", "EN", "english"} {
		if got := nameOf(code); got.Code != "(Unknown)" || got.Name != "(Unknown)" {
			t.Errorf("nameOf(%q) = %+v", code, got)
		}
	}
	seen := map[string]bool{}
	for _, code := range baseLanguages() {
		if seen[code] || strings.ContainsAny(code, "_-") {
			t.Errorf("base language %q is there twice or has a region", code)
		}
		seen[code] = true
	}
	if !seen["zh"] || !seen["en"] {
		t.Errorf("base languages: %v", seen)
	}
}
