package language

import (
	"slices"

	"github.com/abadojack/whatlanggo"
)

// A languageName is how the service names a language: LanguageDetection answers
// with Code as iso6391Name and with Name.
type languageName struct {
	Code, Name string
	// profile is the trigram profile of whatlanggo, -1 where the script alone
	// tells the language.
	profile whatlanggo.Lang
	// rare languages are considered for longer texts only: in a text of a few
	// words their profiles are near everybody's by accident.
	rare bool
}

const noProfile whatlanggo.Lang = -1

// languageNames are all languages that LanguageDetection can answer with.
var languageNames = []languageName{
	{"en", "English", whatlanggo.Eng, false},
	{"de", "German", whatlanggo.Deu, false},
	{"fr", "French", whatlanggo.Fra, false},
	{"es", "Spanish", whatlanggo.Spa, false},
	{"it", "Italian", whatlanggo.Ita, false},
	{"pt", "Portuguese", whatlanggo.Por, false},
	{"nl", "Dutch", whatlanggo.Nld, false},
	{"sv", "Swedish", whatlanggo.Swe, false},
	{"da", "Danish", whatlanggo.Dan, false},
	{"no", "Norwegian", whatlanggo.Nob, false},
	{"fi", "Finnish", whatlanggo.Fin, false},
	{"pl", "Polish", whatlanggo.Pol, false},
	{"cs", "Czech", whatlanggo.Ces, false},
	{"ro", "Romanian", whatlanggo.Ron, false},
	{"hu", "Hungarian", whatlanggo.Hun, false},
	{"tr", "Turkish", whatlanggo.Tur, false},
	{"id", "Indonesian", whatlanggo.Ind, false},
	{"vi", "Vietnamese", whatlanggo.Vie, false},
	{"hr", "Croatian", whatlanggo.Hrv, true},
	{"sl", "Slovenian", whatlanggo.Slv, true},
	{"et", "Estonian", whatlanggo.Est, true},
	{"lv", "Latvian", whatlanggo.Lav, true},
	{"lt", "Lithuanian", whatlanggo.Lit, true},
	{"af", "Afrikaans", whatlanggo.Afr, true},
	{"az", "Azerbaijani", whatlanggo.Azj, true},
	{"tl", "Tagalog", whatlanggo.Tgl, true},
	{"eo", "Esperanto", whatlanggo.Epo, true},
	{"so", "Somali", whatlanggo.Som, true},
	{"ha", "Hausa", whatlanggo.Hau, true},
	{"yo", "Yoruba", whatlanggo.Yor, true},
	{"ig", "Igbo", whatlanggo.Ibo, true},
	{"zu", "Zulu", whatlanggo.Zul, true},
	{"sn", "Shona", whatlanggo.Sna, true},
	{"rw", "Kinyarwanda", whatlanggo.Kin, true},
	{"ht", "Haitian", whatlanggo.Hat, true},
	{"mg", "Malagasy", whatlanggo.Mlg, true},
	{"jv", "Javanese", whatlanggo.Jav, true},
	{"uz", "Uzbek", whatlanggo.Uzb, true},
	{"ru", "Russian", whatlanggo.Rus, false},
	{"uk", "Ukrainian", whatlanggo.Ukr, false},
	{"bg", "Bulgarian", whatlanggo.Bul, false},
	{"sr", "Serbian", whatlanggo.Srp, false},
	{"mk", "Macedonian", whatlanggo.Mkd, false},
	{"be", "Belarusian", whatlanggo.Bel, false},
	{"ar", "Arabic", whatlanggo.Arb, false},
	{"fa", "Persian", whatlanggo.Pes, false},
	{"ur", "Urdu", whatlanggo.Urd, false},
	{"he", "Hebrew", whatlanggo.Heb, false},
	{"yi", "Yiddish", whatlanggo.Ydd, false},
	{"hi", "Hindi", whatlanggo.Hin, false},
	{"mr", "Marathi", whatlanggo.Mar, false},
	{"ne", "Nepali", whatlanggo.Nep, false},
	{"am", "Amharic", whatlanggo.Amh, false},
	{"ti", "Tigrinya", whatlanggo.Tir, false},
	{"el", "Greek", noProfile, false},
	{"ja", "Japanese", noProfile, false},
	{"ko", "Korean", noProfile, false},
	{"zh_chs", "Chinese_Simplified", noProfile, false},
	{"zh_cht", "Chinese_Traditional", noProfile, false},
	{"th", "Thai", noProfile, false},
	{"bn", "Bengali", noProfile, false},
	{"ta", "Tamil", noProfile, false},
	{"te", "Telugu", noProfile, false},
	{"kn", "Kannada", noProfile, false},
	{"ml", "Malayalam", noProfile, false},
	{"gu", "Gujarati", noProfile, false},
	{"pa", "Punjabi", noProfile, false},
	{"or", "Oriya", noProfile, false},
	{"si", "Sinhala", noProfile, false},
	{"my", "Burmese", noProfile, false},
	{"km", "Khmer", noProfile, false},
	{"lo", "Lao", noProfile, false},
	{"ka", "Georgian", noProfile, false},
	{"hy", "Armenian", noProfile, false},
}

// unknownLanguage is the service's answer for a text without a language.
var unknownLanguage = languageName{"(Unknown)", "(Unknown)", noProfile, false}

func nameOf(code string) languageName {
	for _, n := range languageNames {
		if n.Code == code {
			return n
		}
	}
	return unknownLanguage
}

// baseLanguages are the primary subtags of languageNames, which is what other
// kinds are asked with.
func baseLanguages() []string {
	var codes []string
	for _, n := range languageNames {
		if c := baseCode(n.Code); !slices.Contains(codes, c) {
			codes = append(codes, c)
		}
	}
	return codes
}
