package language

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// A keyPhraseResult is one document of KeyPhraseExtractionResults, best phrase
// first.
type keyPhraseResult struct {
	header
	KeyPhrases []string `json:"keyPhrases"`
}

const (
	maxPhraseWords = 4 // a longer run without stop words is rarely one idea
	minPhrases     = 5 // as many are returned if there are, however short the text
	maxPhrases     = 30
)

func analyzeKeyPhrases(_ *parameters, d *document) any {
	return &keyPhraseResult{newHeader(d), keyPhrases(d.Text, stopWordsOf(d.lang))}
}

// keyPhrases is RAKE (Rose, Engel, Cramer, Cowley: Automatic keyword extraction
// from individual documents, 2010): candidates are the runs of words between
// stop words and marks; a word scores its degree (words it stands with, itself
// included) over its frequency; a candidate scores the sum of its words. The
// best third of the candidates is returned, and at least minPhrases of them.
func keyPhrases(s string, stop map[string]bool) []string {
	type candidate struct {
		text  string
		words []string
		count int
		score float64
	}
	var list []*candidate
	index := map[string]*candidate{}
	freq, degree := map[string]int{}, map[string]int{}
	tokens := tokenize(s)
	for i := range tokens {
		elide(&tokens[i], s, stop)
	}
	for i := 0; i < len(tokens); {
		if !contentWord(tokens, i, stop) {
			i++
			continue
		}
		j := i
		for j < len(tokens) && j-i < maxPhraseWords && contentWord(tokens, j, stop) && (j == i || onlySpace(s[tokens[j-1].to:tokens[j].from])) {
			j++
		}
		words := make([]string, 0, j-i)
		for _, t := range tokens[i:j] {
			words = append(words, t.lower)
			freq[t.lower]++
			degree[t.lower] += j - i
		}
		key := strings.Join(words, " ")
		if c := index[key]; c != nil {
			c.count++
		} else {
			c = &candidate{text: s[tokens[i].from:tokens[j-1].to], words: words, count: 1}
			index[key] = c
			list = append(list, c)
		}
		i = j
	}
	for _, c := range list {
		for _, w := range c.words {
			c.score += float64(degree[w]) / float64(freq[w])
		}
		// A phrase that comes back is what the text is about.
		c.score *= 1 + float64(c.count-1)/2
	}
	slices.SortStableFunc(list, func(a, b *candidate) int { return cmp.Compare(b.score, a.score) })
	n := min(len(list), max(minPhrases, (len(list)+2)/3), maxPhrases)
	out := make([]string, n)
	for i, c := range list[:n] {
		out[i] = strings.Join(strings.FieldsFunc(c.text, unicode.IsSpace), " ")
	}
	return out
}

// elide takes an elided stop word off a word: l'application, qu'il.
func elide(t *token, s string, stop map[string]bool) {
	k := strings.IndexByte(t.lower, '\'')
	if k < 0 || stop[t.lower] || !stop[t.lower[:k+1]] {
		return
	}
	t.lower = t.lower[k+1:]
	n := strings.IndexAny(s[t.from:t.to], "'’")
	_, size := utf8.DecodeRuneInString(s[t.from+n:])
	t.from += n + size
}

// contentWord reports whether the token at i can be part of a phrase: a word of
// two letters or more that is no stop word and no piece of an address.
func contentWord(tokens []token, i int, stop map[string]bool) bool {
	t := tokens[i]
	if t.mark != 0 || utf8.RuneCountInString(t.lower) < 2 || stop[t.lower] {
		return false
	}
	if strings.IndexFunc(t.lower, unicode.IsLetter) < 0 {
		return false
	}
	glued := func(j int, adjoins bool) bool {
		return adjoins && strings.ContainsRune("@/._:=", tokens[j].mark)
	}
	if i > 0 && glued(i-1, tokens[i-1].to == t.from) && tokens[i-1].mark != 0 && gluedTo(tokens, i-1, -1) {
		return false
	}
	if i+1 < len(tokens) && glued(i+1, tokens[i+1].from == t.to) && tokens[i+1].mark != 0 && gluedTo(tokens, i+1, 1) {
		return false
	}
	return true
}

// gluedTo reports whether the mark at i touches another token in direction d,
// as in a@b and not as in "end. Next".
func gluedTo(tokens []token, i, d int) bool {
	j := i + d
	if j < 0 || j >= len(tokens) {
		return false
	}
	if d < 0 {
		return tokens[j].to == tokens[i].from
	}
	return tokens[j].from == tokens[i].to
}

func onlySpace(s string) bool {
	return !strings.ContainsAny(s, "\r\n") && strings.TrimFunc(s, unicode.IsSpace) == ""
}

// stopWordLanguages are the languages of KeyPhraseExtraction.
var stopWordLanguages = []string{"en", "de", "fr", "es"}

var stopWordSets = map[string]func() map[string]bool{
	"en": sync.OnceValue(func() map[string]bool { return wordSet(stopWords["en"]) }),
	"de": sync.OnceValue(func() map[string]bool { return wordSet(stopWords["de"]) }),
	"fr": sync.OnceValue(func() map[string]bool { return wordSet(stopWords["fr"]) }),
	"es": sync.OnceValue(func() map[string]bool { return wordSet(stopWords["es"]) }),
}

// stopWordsOf returns the stop words of a language of stopWordLanguages, built
// at the first call.
func stopWordsOf(lang string) map[string]bool { return stopWordSets[lang]() }

// stopWords are words that no key phrase contains: function words, common verbs
// and adverbs, and the courtesies of letters.
var stopWords = map[string]string{
	"en": `a about above across after again against ago all almost alone along already also although always am among an and another any anybody anyone anything anyway are aren't around as ask asked at
		away back be became because become been before behind being below between both but by call called came can can't cannot come comes could couldn't dear did didn't do does doesn't doing done don't down during
		each either else enough even ever every everybody everyone everything except far few find first for found from full further gave get gets getting give given gives go goes going gone good got had hadn't has hasn't have haven't
		having he hello hence her here hers herself hi him himself his how however i i'd i'll i'm i've if in indeed instead into is isn't it it's its itself just keep keeps kind know known last least less let let's like look looks
		made make makes many may maybe me mean might more most much must my myself need needs never next no nobody none nor not nothing now of off often on once one only onto or other others our ours ourselves out over own per perhaps
		please put quite rather really regards said same say says second see seem seems seen send sent several shall she should shouldn't show since so some somebody somehow someone something sometimes soon still such take taken takes tell than
		thank thanks that that's the their theirs them themselves then there there's therefore these they they're thing things think this those though three through thus till to today together told tomorrow too took toward tried tries try trying
		two under until up upon us use used uses using very via want wanted wants was wasn't way we we're we've well went were weren't what what's whatever when whenever where whether which while who whole whom whose why will wish with within
		without won't would wouldn't yes yesterday yet you you'd you'll you're you've your yours yourself works working work doesn cannot sincerely best great nice bad`,
	"de": `ab aber alle allem allen aller alles als also am an ander andere anderem anderen anderer anderes anders auch auf aus außer außerdem bald bei beide beiden beim bereits besonders besser bin bis bisher bist bitte bleibt brauche braucht
		da dabei dadurch dafür dagegen daher damit danach dann daran darauf daraus darf darin darüber darum das dass davon davor dazu dein deine dem den denn der deren des deshalb dessen dich die dies diese diesem diesen dieser dieses dir doch
		dort du durch dürfen ebenfalls eben ein eine einem einen einer eines einfach einige einmal er erst erste ersten es etwas euch euer falls fast für ganz gar gebe geben gegen gehabt gehen geht genau genug gerade gern gerne gestern gibt
		ging gut gute guten guter gutes hab habe haben hallo hat hatte hatten hätte hätten heute hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer ihres im immer in indem ins irgendwie ist ja je jede jedem jeden jeder jedes jedoch
		jemand jetzt kam kann kannst kaum kein keine keinem keinen keiner keines kommen kommt konnte können könnte könnten lange lassen leider letzte letzten liebe lieber mache machen macht mal man manche mehr mein meine meinem meinen meiner
		meines mich mir mit möchte möchten morgen muss müssen musste nach nachdem neben nein nicht nichts nie niemals niemand noch nun nur ob oben oder ohne schon sehr sei seien sein seine seinem seinen seiner seit seitdem selbst sich sie sind
		so sobald sogar soll sollen sollte sollten sondern sonst soweit trotz trotzdem über um und uns unser unsere unseren unserer unter viel viele vielen vielleicht vom von vor war wäre waren warum was weder wegen weil weiter welche welcher
		welches wem wen wenig wenn wer werde werden wie wieder will wir wird wirklich wo wollen worden wurde wurden würde würden zu zum zur zurück zwar zwei zwischen geehrte geehrter geehrten damen herren grüße grüßen freundliche freundlichen
		mfg danke dank tag uhr bekommen bekomme funktioniert funktionieren`,
	"fr": `à ai aie aient ainsi allé aller alors après as assez au aucun aucune aujourd'hui auparavant aura aurait aussi autant autre autres aux avais avait avant avec avez avoir avons ayant beaucoup bien bon bonjour bonne c'est car ce ceci cela celle
		celles celui cependant ces cet cette ceux chaque chez ci comme comment cordialement d'un d'une dans de déjà depuis dernier dernière des deux devez devrait dit dire dois doit donc dont du elle elles en encore enfin ensuite entre est et étaient
		étais était étant été êtes être eu fait faire faites fois font ici il ils j'ai je jusqu'à jusque l'on la laquelle le lequel les leur leurs lors lorsque lui là ma madame maintenant mais malgré me même mêmes merci mes messieurs mettre mieux mis
		moi moins mon monsieur n'a n'ai n'est ne ni non nos notre nous nouveau on ont ou où par parce pas pendant peu peut peuvent peux plus plusieurs plutôt pour pourquoi pourrait pouvez pouvoir premier presque puis puisque qu'elle qu'il qu'on quand
		que quel quelle quelles quelque quelques quels qui quoi rien s'il sa salut sans se sera serait ses seulement si sinon soit sommes son sont sous souvent suis sur ta tant te tel telle tellement tes toi ton toujours tous tout toute toutes très
		trop tu un une va vais vers veuillez veut veux voici voilà voudrais vont vos votre vous vraiment vu y l' d' j' n' m' s' t' c' qu' jusqu' lorsqu' puisqu' marche fonctionne hier jour jours svp plaît`,
	"es": `a acá ahí ahora al algo alguien algún alguna algunas alguno algunos allí ambos ante antes aquel aquella aquellos aquí así aún aunque ayer bajo bien buen buena buenas bueno buenos cada casi como cómo con contra cosa cosas cual cuál cuales
		cualquier cuando cuándo cuanto cuya da dado dan de debe deben decir del demás dentro desde después día días dice dijo donde dónde dos durante e el él ella ellas ellos en entonces entre era eran eres es esa esas ese eso esos está estaba están
		estar estas este esto estos estoy favor fue fueron gracias ha haber había hace hacer hacia hago han has hasta hay he hemos hola hoy iba igual ir la las le les lo los luego mal manera más me mediante mejor menos mi mía mientras mío mis mismo
		misma misma mucha muchas mucho muchos muy nada nadie ni ningún ninguna ninguno no nos nosotros nuestra nuestras nuestro nuestros nunca o os otra otras otro otros para parece pero poco pocos podemos poder podría por porque por qué primer primera
		primero puede pueden puedo pues que qué quería quien quién quienes quiere quiero quisiera saludos se sé sea según ser si sí sido siempre siendo sigue sin sino sobre solamente solo sólo somos son soy su sus suya suyo tal también tampoco tan
		tanto te tener tenemos tengo tiene tienen toda todas todavía todo todos tras tu tú tus un una unas uno unos usted ustedes va vamos van varias varios veces ver vez y ya yo atentamente estimado estimada estimados señor señora señores necesito
		funciona funcionan llegó`,
}
