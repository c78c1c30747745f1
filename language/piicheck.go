package language

import (
	"strings"
)

// digits returns the ASCII digits of s.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// compact returns the ASCII letters and digits of s.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if !asciiAlnum(r) {
			return -1
		}
		return r
	}, s)
}

// ibanLength is the length of an IBAN by country (ISO 13616 registry).
var ibanLength = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
	"CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
	"FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
	"IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LI": 21, "LT": 20, "LU": 20,
	"LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24,
	"PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
	"TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}

// cutIBAN keeps as much as the country's IBAN is long; 0 if there is no such
// country or too little.
func cutIBAN(s string) int {
	want := ibanLength[s[:2]]
	if want == 0 {
		return 0
	}
	n := 0
	for i, r := range s {
		if asciiAlnum(r) {
			if n++; n == want {
				return i + 1
			}
		}
	}
	return 0
}

// checkIBAN is ISO 7064 mod 97-10 over the rearranged number.
func checkIBAN(s string) (float64, bool) {
	s = compact(s)
	if len(s) < 5 {
		return 0, false
	}
	rem := 0
	for _, c := range []byte(s[4:] + s[:4]) {
		switch {
		case c >= '0' && c <= '9':
			rem = (rem*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			rem = (rem*100 + int(c-'A') + 10) % 97
		default:
			return 0, false
		}
	}
	return 1.0 / 97, rem == 1
}

// checkCard is the Luhn sum, for the issuer prefixes and lengths in use
// (ISO/IEC 7812).
func checkCard(s string) (float64, bool) {
	d := digits(s)
	prefix := func(n int) int {
		v := 0
		for _, c := range d[:n] {
			v = v*10 + int(c-'0')
		}
		return v
	}
	n := len(d)
	if n < 13 || n > 19 {
		return 0, false
	}
	var ok bool
	switch p2, p4 := prefix(2), prefix(4); {
	case p2 == 34 || p2 == 37:
		ok = n == 15
	case d[0] == '4':
		ok = n == 13 || n == 16 || n == 19
	case p2 >= 51 && p2 <= 55, p4 >= 2221 && p4 <= 2720:
		ok = n == 16
	case p4 == 6011, p2 == 64, p2 == 65, p2 == 62, p2 == 35:
		ok = n >= 16
	case p2 == 36 || p2 == 38 || p2 == 39 || p2 == 30:
		ok = n >= 14
	case p2 == 50 || p2 >= 56 && p2 <= 69:
		ok = n >= 12
	}
	if !ok || strings.Count(d, d[:1]) == n {
		return 0, false
	}
	sum := 0
	for i := range n {
		v := int(d[n-1-i] - '0')
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return 0.1, sum%10 == 0
}

// checkMod1110 is ISO 7064 mod 11,10, of German tax and VAT numbers.
func checkMod1110(d string) (float64, bool) {
	if len(d) < 2 {
		return 0, false
	}
	p := 10
	for _, c := range []byte(d[:len(d)-1]) {
		s := (int(c-'0') + p) % 10
		if s == 0 {
			s = 10
		}
		p = s * 2 % 11
	}
	return 0.1, (11-p)%10 == int(d[len(d)-1]-'0')
}

// checkSteuerID adds to the check digit that among the first ten digits exactly
// one occurs twice or three times (§ 139b AO, as numbers are given out since
// 2016), which three of four random numbers do not fulfil.
func checkSteuerID(s string) (float64, bool) {
	d := digits(s)
	if len(d) != 11 {
		return 0, false
	}
	var count [10]int
	for _, c := range []byte(d[:10]) {
		count[c-'0']++
	}
	repeated := 0
	for _, n := range count {
		if n > 3 {
			return 0, false
		}
		if n > 1 {
			repeated++
		}
	}
	if repeated != 1 {
		return 0, false
	}
	chance, ok := checkMod1110(d)
	return chance * 0.25, ok
}

// checkAusweis is the check digit of a German identity card: weights 7, 3, 1,
// letters counting from A = 10 (ICAO 9303). A word without digits is none.
func checkAusweis(s string) (float64, bool) {
	if len(digits(s)) < 3 {
		return 0, false
	}
	sum := 0
	for i, c := range []byte(s[:len(s)-1]) {
		v := int(c - '0')
		if c >= 'A' {
			v = int(c-'A') + 10
		}
		sum += v * [3]int{7, 3, 1}[i%3]
	}
	return 0.1, sum%10 == int(s[len(s)-1]-'0')
}

// checkNIR is the key of a French social security number: 97 minus the rest of
// the first thirteen digits by 97; Corsica's 2A and 2B count as 19 and 18.
func checkNIR(s string) (float64, bool) {
	s = compact(s)
	if len(s) != 15 {
		return 0, false
	}
	s = s[:5] + strings.NewReplacer("2A", "19", "2B", "18").Replace(s[5:7]) + s[7:]
	rem, key := 0, 0
	for i, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		if i < 13 {
			rem = (rem*10 + int(c-'0')) % 97
		} else {
			key = key*10 + int(c-'0')
		}
	}
	return 1.0 / 97, key == 97-rem
}

// checkDNI is the control letter of a Spanish DNI or, with X, Y, Z standing for
// 0, 1, 2, of an NIE.
func checkDNI(s string) (float64, bool) {
	s = compact(s)
	if len(s) != 9 {
		return 0, false
	}
	n := 0
	for i, c := range []byte(s[:8]) {
		if i == 0 && c >= 'X' && c <= 'Z' {
			c = c - 'X' + '0'
		}
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return 1.0 / 23, "TRWAGMYFPDXBNJZSQVHLCKE"[n%23] == s[8]
}

// checkSSN refuses areas, groups and serials that are never given out.
func checkSSN(s string) (float64, bool) {
	area, group, serial := s[:3], s[4:6], s[7:]
	return 1, area != "000" && area != "666" && area[0] != '9' && group != "00" && serial != "0000"
}
