package language

import (
	"sync"
	"unicode"

	"github.com/abadojack/whatlanggo"
)

// A languageResult is one document of LanguageDetectionResults.
type languageResult struct {
	header
	Detected detectedLanguage `json:"detectedLanguage"`
}

type detectedLanguage struct {
	Name       string  `json:"name"`
	Code       string  `json:"iso6391Name"`
	Confidence float64 `json:"confidenceScore"`
}

func analyzeLanguage(_ *parameters, d *document) any {
	n, conf := detect(d.Text, d.Hint)
	return &languageResult{newHeader(d), detectedLanguage{n.Name, n.Code, conf}}
}

// Weights of detection. A word or letter that k languages share counts 1/k for
// each; the trigram profile counts its own confidence times up to trigramMax,
// reached at trigramFull letters: three words say more than three trigrams.
const (
	trigramMax  = 3.0
	trigramFull = 60
	trigramRare = 120  // letters from which rare languages are considered
	letterShare = 0.7  // of a word, for a letter that tells languages apart
	hintWeight  = 0.5  // of the language of the countryHint
	doubt       = 0.35 // evidence for "something else", in the denominator
)

// detect returns the language of s and the share of all evidence that speaks
// for it: weight(best) / (doubt + sum of all weights), between 0 and 1. A text
// without letters, or without any evidence, is of unknown language at 0.
func detect(s, hint string) (languageName, float64) {
	c := countScripts(s)
	script, n, total := c.most()
	if n == 0 {
		return unknownLanguage, 0
	}
	share := float64(n) / float64(total)
	switch script {
	case scriptLatin, scriptCyrillic, scriptArabic, scriptHebrew, scriptDevanagari, scriptEthiopic:
		l, conf := detectByEvidence(s, hint, script, n)
		return l, round2(conf * share)
	case scriptHan:
		// Japanese mixes Han with kana, Chinese never does.
		if 10*c[scriptKana] >= c[scriptHan] {
			return nameOf("ja"), round2(float64(n+c[scriptKana]) / float64(total))
		}
		return nameOf(chineseVariant(s)), round2(share)
	case scriptKana:
		return nameOf("ja"), round2(float64(n+c[scriptHan]) / float64(total))
	}
	return nameOf(soleLanguage[script]), round2(share)
}

// detectByEvidence decides between the languages of one script.
func detectByEvidence(s, hint string, script script, letters int) (languageName, float64) {
	detection := detectionTables()
	weights := make(map[string]float64, 8)
	add := func(codes []string, w float64) {
		for _, code := range codes {
			weights[code] += w / float64(len(codes))
		}
	}
	for _, t := range tokenize(s) {
		if t.mark == 0 {
			add(detection.words[t.lower], 1)
		}
	}
	seen := make(map[rune]bool, 8)
	for _, r := range s {
		if r < 0x80 {
			continue
		}
		r = unicode.ToLower(r)
		if codes := detection.letters[r]; codes != nil && !seen[r] {
			seen[r] = true
			add(codes, letterShare)
		}
	}
	candidates := detection.common
	if letters >= trigramRare {
		candidates = detection.all
	}
	info := whatlanggo.DetectWithOptions(s, whatlanggo.Options{Whitelist: candidates})
	// At confidence 0 two profiles are equally near, and which one comes back
	// is chance.
	if code, ok := detection.codes[info.Lang]; ok && info.Confidence > 0 {
		weights[code] += info.Confidence * trigramMax * min(1, float64(letters)/trigramFull)
	}
	if len(weights) == 0 {
		return unknownLanguage, 0
	}
	if code := hintLanguage[hint]; code != "" {
		weights[code] += hintWeight
	}
	best, sum := unknownLanguage, doubt
	for _, n := range languageNames { // the table's order settles ties
		w := weights[n.Code]
		sum += w
		if w > 0 && w > weights[best.Code] {
			best = n
		}
	}
	return best, weights[best.Code] / sum
}

// detectionTables are built at the first detection and kept.
var detectionTables = sync.OnceValue(func() (t struct {
	words       map[string][]string
	letters     map[rune][]string
	codes       map[whatlanggo.Lang]string
	common, all map[whatlanggo.Lang]bool
}) {
	t.words = make(map[string][]string, 1500)
	for _, l := range languageNames {
		for w := range wordSet(commonWords[l.Code]) {
			t.words[w] = append(t.words[w], l.Code)
		}
	}
	t.letters = make(map[rune][]string)
	for _, l := range languageNames {
		for _, r := range tellingLetters[l.Code] {
			t.letters[r] = append(t.letters[r], l.Code)
		}
	}
	t.codes = make(map[whatlanggo.Lang]string)
	t.common, t.all = make(map[whatlanggo.Lang]bool), make(map[whatlanggo.Lang]bool)
	for _, l := range languageNames {
		if l.profile == noProfile {
			continue
		}
		t.codes[l.profile] = l.Code
		t.all[l.profile] = true
		if !l.rare {
			t.common[l.profile] = true
		}
	}
	return t
})
