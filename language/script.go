package language

import (
	"strings"
	"unicode"
)

// A script is one of the writing systems that detection tells apart.
type script int

const (
	scriptLatin script = iota
	scriptCyrillic
	scriptArabic
	scriptHebrew
	scriptDevanagari
	scriptEthiopic
	scriptHan
	scriptKana
	scriptHangul
	scriptGreek
	scriptThai
	scriptBengali
	scriptTamil
	scriptTelugu
	scriptKannada
	scriptMalayalam
	scriptGujarati
	scriptGurmukhi
	scriptOriya
	scriptSinhala
	scriptMyanmar
	scriptKhmer
	scriptLao
	scriptGeorgian
	scriptArmenian
	scriptOther
	scripts
)

var scriptTables = [scriptOther][]*unicode.RangeTable{
	{unicode.Latin}, {unicode.Cyrillic}, {unicode.Arabic}, {unicode.Hebrew}, {unicode.Devanagari},
	{unicode.Ethiopic}, {unicode.Han}, {unicode.Hiragana, unicode.Katakana}, {unicode.Hangul}, {unicode.Greek},
	{unicode.Thai}, {unicode.Bengali}, {unicode.Tamil}, {unicode.Telugu}, {unicode.Kannada}, {unicode.Malayalam},
	{unicode.Gujarati}, {unicode.Gurmukhi}, {unicode.Oriya}, {unicode.Sinhala}, {unicode.Myanmar},
	{unicode.Khmer}, {unicode.Lao}, {unicode.Georgian}, {unicode.Armenian},
}

// soleLanguage is the language of a script that one language uses.
var soleLanguage = map[script]string{
	scriptHangul:    "ko",
	scriptGreek:     "el",
	scriptThai:      "th",
	scriptBengali:   "bn",
	scriptTamil:     "ta",
	scriptTelugu:    "te",
	scriptKannada:   "kn",
	scriptMalayalam: "ml",
	scriptGujarati:  "gu",
	scriptGurmukhi:  "pa",
	scriptOriya:     "or",
	scriptSinhala:   "si",
	scriptMyanmar:   "my",
	scriptKhmer:     "km",
	scriptLao:       "lo",
	scriptGeorgian:  "ka",
	scriptArmenian:  "hy",
}

// scriptCounts are numbers of letters. An ideograph says as much as a short
// word and counts for three.
type scriptCounts [scripts]int

func countScripts(s string) (c scriptCounts) {
	last := scriptLatin
	for _, r := range s {
		if r < 0x80 {
			if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
				c[scriptLatin]++
			}
			continue
		}
		if !unicode.IsLetter(r) {
			continue
		}
		if last == scriptOther || !unicode.In(r, scriptTables[last]...) {
			last = scriptOf(r)
		}
		if last == scriptHan || last == scriptKana || last == scriptHangul {
			c[last] += 2
		}
		c[last]++
	}
	return c
}

func scriptOf(r rune) script {
	for i, tables := range scriptTables {
		if unicode.In(r, tables...) {
			return script(i)
		}
	}
	return scriptOther
}

// most returns the script with most letters, their number, and that of all.
func (c *scriptCounts) most() (best script, n, total int) {
	for i, k := range c {
		total += k
		if script(i) != scriptOther && k > n {
			best, n = script(i), k
		}
	}
	return best, n, total
}

// Characters of everyday Chinese that were simplified, and their traditional
// forms.
const (
	simplified  = "们这说个来时会对么没过还后开发问现动进关机车电话务单货东买卖钱账户请谢应该类样学业长门见觉让认记设计错误为无听读写给从报费订"
	traditional = "們這說個來時會對麼沒過還後開發問現動進關機車電話務單貨東買賣錢賬戶請謝應該類樣學業長門見覺讓認記設計錯誤為無聽讀寫給從報費訂"
)

// chineseVariant tells Simplified from Traditional by the characters that
// differ; a text without any is taken for Simplified.
func chineseVariant(s string) string {
	n := 0
	for _, r := range s {
		if r < 0x4e00 {
			continue
		}
		if strings.ContainsRune(simplified, r) {
			n++
		}
		if strings.ContainsRune(traditional, r) {
			n--
		}
	}
	if n < 0 {
		return "zh_cht"
	}
	return "zh_chs"
}
