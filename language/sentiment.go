package language

import (
	"math"
)

// A sentimentResult is one document of SentimentAnalysisResults.
type sentimentResult struct {
	header
	Sentiment string              `json:"sentiment"` // positive, neutral, negative or mixed
	Scores    sentimentScores     `json:"confidenceScores"`
	Sentences []sentenceSentiment `json:"sentences"`
}

type sentenceSentiment struct {
	Sentiment string          `json:"sentiment"` // positive, neutral or negative
	Scores    sentimentScores `json:"confidenceScores"`
	Offset    int             `json:"offset"`
	Length    int             `json:"length"`
	Text      string          `json:"text"`
}

// sentimentScores add up to 1.
type sentimentScores struct {
	Positive float64 `json:"positive"`
	Neutral  float64 `json:"neutral"`
	Negative float64 `json:"negative"`
}

type sentimentWeights struct{ positive, neutral, negative float64 }

// Weights of one sentence. Words of the lexicon have a strength of 1 to 3.
const (
	neutralWeight  = 0.9  // of "nothing was said": one word decides, half a word doesn't
	negationReach  = 3    // words that a negation before them reaches
	flipPositive   = 0.75 // "not good" is less bad than "bad"
	flipNegative   = 0.5  // "not bad" is less good than "good"
	boost          = 1.5  // "very"
	dampen         = 0.5  // "slightly"
	shout          = 1.25 // a word in capitals
	exclaim        = 1.1  // each "!", up to three
	beforeContrast = 0.7  // what stands before "but" weighs less
)

func analyzeSentiment(p *parameters, d *document) any {
	lex := lexiconOf(d.lang)
	r := &sentimentResult{header: newHeader(d), Sentences: []sentenceSentiment{}}
	c := &cursor{text: d.Text, unit: p.index}
	var sum sentimentWeights
	pos, neg := 0, 0
	for _, s := range sentences(d.Text) {
		text := d.Text[s.from:s.to]
		w := lex.weigh(tokenize(text))
		total := w.positive + w.neutral + w.negative
		share := sentimentWeights{w.positive / total, w.neutral / total, w.negative / total}
		sum.positive += share.positive
		sum.neutral += share.neutral
		sum.negative += share.negative
		label := "neutral"
		switch {
		case share.positive > share.neutral && share.positive > share.negative:
			label = "positive"
			pos++
		case share.negative > share.neutral && share.negative > share.positive:
			label = "negative"
			neg++
		}
		offset, length := c.span(s.from, s.to)
		r.Sentences = append(r.Sentences, sentenceSentiment{label, share.scores(), offset, length, text})
	}
	// The label of a document follows from those of its sentences, and its
	// scores are their mean, as the service documents.
	switch {
	case pos > 0 && neg > 0:
		r.Sentiment = "mixed"
	case pos > 0:
		r.Sentiment = "positive"
	case neg > 0:
		r.Sentiment = "negative"
	default:
		r.Sentiment = "neutral"
	}
	n := float64(len(r.Sentences))
	r.Scores = sentimentWeights{sum.positive / n, sum.neutral / n, sum.negative / n}.scores()
	return r
}

// scores rounds shares that add up to 1 so that they still do.
func (w sentimentWeights) scores() sentimentScores {
	p, n := math.Round(w.positive*100), math.Round(w.negative*100)
	if p+n > 100 {
		n = 100 - p
	}
	return sentimentScores{p / 100, (100 - p - n) / 100, n / 100}
}

// weigh adds up what the words of one sentence say. The share of each class in
// the sum is its confidence.
func (l *lexicon) weigh(tokens []token) sentimentWeights {
	w := sentimentWeights{neutral: neutralWeight}
	emphasis := 1.0
	for _, t := range tokens {
		if t.mark == '!' || t.mark == '！' {
			emphasis = min(emphasis*exclaim, exclaim*exclaim*exclaim)
		}
	}
	contrast := l.lastContrast(tokens)
	for i, t := range tokens {
		v := float64(emoji[t.mark])
		if t.mark == 0 {
			v = l.valence(tokens, i)
			if t.caps {
				v *= shout
			}
		}
		if i < contrast {
			v *= beforeContrast
		}
		if v > 0 {
			w.positive += v * emphasis
		} else {
			w.negative -= v * emphasis
		}
	}
	return w
}

// lastContrast is the index of the last "but" with words on both sides.
func (l *lexicon) lastContrast(tokens []token) int {
	for i := len(tokens) - 2; i > 0; i-- {
		if l.contrast[tokens[i].lower] {
			return i
		}
	}
	return 0
}

// valence is what the word at i says, negations and intensifiers near it taken
// into account.
func (l *lexicon) valence(tokens []token, i int) float64 {
	e, ok := l.lookup(tokens[i].lower)
	if !ok {
		return 0
	}
	if e.value > 0 && i+1 < len(tokens) {
		next := tokens[i+1].lower
		if l.courtesies[next] || l.courtesies[tokens[i].lower+"_"+next] {
			return 0 // "good morning", "kind regards"
		}
	}
	if l.negated(tokens, i) {
		switch {
		case e.negated != 0:
			return float64(e.negated)
		case e.value > 0:
			return -flipPositive * float64(e.value)
		default:
			return -flipNegative * float64(e.value)
		}
	}
	v := float64(e.value)
	for j := i - 1; j >= 0 && j >= i-2; j-- {
		if tokens[j].mark != 0 {
			break
		}
		switch {
		case l.boosters[tokens[j].lower]:
			return v * boost
		case l.dampeners[tokens[j].lower]:
			return v * dampen
		}
	}
	return v
}

// negated reports whether an odd number of negations reaches the word at i:
// one before it within negationReach words, or, in languages that put it
// behind the verb, one after it within l.reachBack. Marks and contrasts stop
// the reach.
func (l *lexicon) negated(tokens []token, i int) bool {
	negated := false
	for j, n := i-1, 0; j >= 0 && n < negationReach; j, n = j-1, n+1 {
		t := tokens[j]
		if t.mark != 0 && t.mark != '"' || l.contrast[t.lower] {
			break
		}
		if l.isNegator(t.lower) {
			negated = !negated
			// "ne … pas", "no … nada": two words, one negation.
			break
		}
	}
	for j := i + 1; !negated && j < len(tokens) && j <= i+l.reachBack; j++ {
		t := tokens[j]
		if t.mark != 0 || l.contrast[t.lower] {
			break
		}
		if l.negatorsBehind[t.lower] {
			negated = true
		}
	}
	return negated
}
