package language

import (
	"net/netip"
	"regexp"
	"strings"
	"sync"
)

// A finder recognises one category.
type finder struct {
	category string
	// form is the chance that text which fits the pattern and holds no check
	// digit, or in spite of it, is something else: order numbers, dates,
	// versions. Estimated from the number of forms in use, not trained.
	form    float64
	pattern func() *regexp.Regexp
	// hint are characters one of which every match has: most texts have no @,
	// and looking for a byte is cheaper than running an automaton.
	hint string
	// check returns the chance that its check digits hold by accident, or
	// false if they do not hold.
	check func(s string) (chance float64, ok bool)
	// names are words that announce the number.
	names []string
	// bare reports whether s is too plain to be taken without such a word.
	bare func(s string) bool
	// cut returns how much of s is kept, when the pattern takes too much.
	cut func(s string) int
}

func (f *finder) trim(s string) int {
	if f.cut == nil {
		return len(s)
	}
	return f.cut(s)
}

func (f *finder) needsName(s string) bool { return f.bare != nil && f.bare(s) }

// named reports whether one of the finder's words stands in the 40 bytes
// before the match.
func (f *finder) named(before string) bool {
	if len(before) > 40 {
		before = before[len(before)-40:]
	}
	before = strings.ToLower(before)
	for _, n := range f.names {
		if strings.Contains(before, n) {
			return true
		}
	}
	return false
}

// pattern compiles at first use.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

const anyDigit = "0123456789"

// noCheck is the check of a form without check digits.
func noCheck(string) (float64, bool) { return 1, true }

// finders in order of precedence.
var finders = []*finder{
	{category: "Email", hint: "@", form: 0.05, names: []string{"mail", "correo", "courriel"}, check: noCheck,
		pattern: pattern(
			`[A-Za-z0-9](?:[A-Za-z0-9._%+\-]*[A-Za-z0-9_])?@(?:[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}`)},
	{category: "URL", hint: ":.", form: 0.02, names: []string{"http", "link", "site", "seite"},
		check: noCheck, cut: cutURL,
		pattern: pattern(`(?i)(?:https?://|ftp://|www\.)[^\s<>"'“”»«\x00-\x1f\x7f-\x9f\x{fffe}\x{ffff}]{3,}`)},
	{category: "InternationalBankingAccountNumber", hint: anyDigit, form: 0.1,
		names: []string{"iban", "konto", "compte", "cuenta", "account"}, check: checkIBAN, cut: cutIBAN,
		pattern: pattern(`[A-Z]{2}[0-9]{2}(?:[ \x{a0}]?[A-Z0-9]){11,30}`)},
	{category: "CreditCardNumber", hint: anyDigit, form: 0.3,
		names: []string{"card", "karte", "carte", "tarjeta", "visa", "mastercard", "amex"}, check: checkCard,
		pattern: pattern(`[0-9](?:[ \-]?[0-9]){12,18}`)},
	{category: "FRSocialSecurityNumber", hint: anyDigit, form: 0.3,
		names:   []string{"sécurité sociale", "securite sociale", "insee", "nir", "vitale", "social security"},
		check:   checkNIR,
		pattern: pattern(`[1-478] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}`)},
	{category: "DEValueAddedNumber", hint: anyDigit, form: 0.1, names: []string{"ust", "umsatzsteuer", "vat"},
		check:   func(s string) (float64, bool) { return checkMod1110(digits(s)) },
		pattern: pattern(`DE ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}`)},
	{category: "DETaxIdentificationNumber", hint: anyDigit, form: 0.6,
		names: []string{"steuer", "idnr", "tax id", "tin"}, check: checkSteuerID,
		pattern: pattern(`[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}`)},
	{category: "DEIdentityCardNumber", hint: anyDigit, form: 0.5,
		names: []string{"ausweis", "personalausweis", "identity card", "perso"}, check: checkAusweis,
		pattern: pattern(`[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}[0-9]`)},
	{category: "ESDNI", hint: anyDigit, form: 0.3, names: []string{"dni", "nif", "documento", "identidad"},
		check: checkDNI, pattern: pattern(`[0-9]{8}[ \-]?[A-HJ-NP-TV-Z]`)},
	{category: "ESTaxIdentificationNumber", hint: anyDigit, form: 0.3,
		names: []string{"nie", "nif", "extranjero"}, check: checkDNI,
		pattern: pattern(`[XYZ][ \-]?[0-9]{7}[ \-]?[A-HJ-NP-TV-Z]`)},
	{category: "USSocialSecurityNumber", hint: anyDigit, form: 0.2, names: []string{"ssn", "social security"},
		check: checkSSN, pattern: pattern(`[0-9]{3}-[0-9]{2}-[0-9]{4}`)},
	{category: "IPAddress", hint: ":.", form: 0.1, names: []string{"ip"}, check: checkIP,
		pattern: pattern(
			`[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.[0-9]{1,3}){0,3}`)},
	{category: "PhoneNumber", hint: anyDigit, form: 0.2, check: checkPhone, bare: barePhone, cut: cutPhone,
		names: []string{"phone", "call", "tel", "mobile", "cell", "fax", "ruf", "nummer lautet", "handy", "appel",
			"portable", "llám", "llame", "móvil", "whatsapp", "numéro est", "número es"},
		pattern: pattern(`(?:\+|\()?[0-9](?:[ ()./\-\x{a0}]{0,2}[0-9]){6,16}`)},
}

// cutURL leaves the marks of the sentence that ends with the address.
func cutURL(s string) int {
	t := strings.TrimRight(s, `.,;:!?…`)
	if strings.HasSuffix(t, ")") && strings.Count(t, "(") < strings.Count(t, ")") {
		t = t[:len(t)-1]
	}
	return len(t)
}

func checkIP(s string) (float64, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Is6() && strings.Count(s, ":") < 3 && !strings.Contains(s, "::") || s == "::" {
		return 0, false
	}
	// Four small numbers between dots are a version now and then; an IPv6
	// address looks like nothing else.
	if a.Is6() {
		return 0.2, true
	}
	return 1, true
}

// checkPhone refuses what looks like a date or has the wrong number of digits
// (ITU-T E.164: at most 15 with the country code).
func checkPhone(s string) (float64, bool) {
	n := len(digits(s))
	if n < 7 || n > 15 || dateLike().MatchString(s) {
		return 0, false
	}
	if strings.Count(s, "(") != strings.Count(s, ")") {
		return 0, false
	}
	if s[0] == '+' {
		return 0.25, true
	}
	return 1, true
}

// dateLike are dates, amounts and social security numbers that were refused.
var dateLike = pattern(
	`^(?:[0-9]{4}[-./][0-9]{1,2}[-./][0-9]{1,2}|[0-9]{1,2}[-./][0-9]{1,2}[-./][0-9]{2,4})(?:[ ].*)?$|^(?:19|20)[0-9]{6}$|^[0-9]{1,3}(?:\.[0-9]{3})+$|^[0-9]{3}-[0-9]{2}-[0-9]{4}$`)

// barePhone: without a + or the shape of a national number, digits are as
// likely an order number.
func barePhone(s string) bool {
	switch {
	case s[0] == '+', strings.HasPrefix(s, "00"), s[0] == '(':
		return false
	case nanp().MatchString(s):
		return false
	case s[0] == '0' && strings.ContainsAny(s, " /-."):
		return false
	}
	return true
}

// nanp is the written form of North American numbers.
var nanp = pattern(`^(?:1[-. ])?[2-9][0-9]{2}[-. ][0-9]{3}[-. ][0-9]{4}$`)

// cutPhone leaves what is not part of a number at its end.
func cutPhone(s string) int { return len(strings.TrimRight(s, " ()./-\u00a0")) }
