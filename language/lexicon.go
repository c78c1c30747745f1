package language

import (
	"strings"
	"sync"
)

// A lexicon says what the words of one language feel like. Its fields are
// immutable once built.
type lexicon struct {
	words          map[string]lexiconEntry
	prefixes       map[string]lexiconEntry // entries written with a trailing *
	negators       map[string]bool
	negatorsBehind map[string]bool // negators that may follow their verb
	reachBack      int             // words by which they may follow it
	negatorSuffix  string          // n't
	boosters       map[string]bool
	dampeners      map[string]bool
	contrast       map[string]bool
	courtesies     map[string]bool // words, or pairs joined by _, that make praise a greeting
}

// A lexiconEntry is a strength from -3 to 3, and the one it takes when negated
// (0: the usual flip). Words like "works" say nothing alone and complain when
// negated.
type lexiconEntry struct{ value, negated int8 }

// A lexiconSource is how a lexicon is written: lists of words by strength. A
// trailing * stands for any ending.
type lexiconSource struct {
	pos3, pos2, pos1, neg1, neg2, neg3 string
	whenNegated                        string // neutral alone, -2 when negated
	negators, negatorsBehind           string
	reachBack                          int
	negatorSuffix                      string
	boosters, dampeners, contrast      string
	courtesies                         string
}

// lexiconLanguages are the languages of SentimentAnalysis.
var lexiconLanguages = []string{"en", "de", "fr", "es"}

var lexicons = map[string]func() *lexicon{
	"en": sync.OnceValue(english.build),
	"de": sync.OnceValue(german.build),
	"fr": sync.OnceValue(french.build),
	"es": sync.OnceValue(spanish.build),
}

// lexiconOf returns the lexicon of a language of lexiconLanguages, built at the
// first call.
func lexiconOf(lang string) *lexicon { return lexicons[lang]() }

func (s *lexiconSource) build() *lexicon {
	l := &lexicon{
		words: map[string]lexiconEntry{}, prefixes: map[string]lexiconEntry{},
		negators: wordSet(s.negators), negatorsBehind: wordSet(s.negatorsBehind), reachBack: s.reachBack, negatorSuffix: s.negatorSuffix,
		boosters: wordSet(s.boosters), dampeners: wordSet(s.dampeners), contrast: wordSet(s.contrast), courtesies: wordSet(s.courtesies),
	}
	for _, g := range []struct {
		list  string
		entry lexiconEntry
	}{
		{s.pos3, lexiconEntry{value: 3}}, {s.pos2, lexiconEntry{value: 2}}, {s.pos1, lexiconEntry{value: 1}},
		{s.neg1, lexiconEntry{value: -1}}, {s.neg2, lexiconEntry{value: -2}}, {s.neg3, lexiconEntry{value: -3}},
		{s.whenNegated, lexiconEntry{negated: -2}},
	} {
		for _, w := range strings.Fields(g.list) {
			if p, ok := strings.CutSuffix(w, "*"); ok {
				l.prefixes[p] = g.entry
			} else {
				l.words[w] = g.entry
			}
		}
	}
	return l
}

// minPrefix is the length in bytes of the shortest entry with a *.
const minPrefix = 4

// lookup finds a word, or else the longest prefix of it that has a *. French
// and Italian elisions (l'aide, c'est) are looked up without their article.
func (l *lexicon) lookup(w string) (lexiconEntry, bool) {
	if e, ok := l.words[w]; ok {
		return e, true
	}
	for n := len(w); n >= minPrefix; n-- {
		if e, ok := l.prefixes[w[:n]]; ok {
			return e, true
		}
	}
	if i := strings.IndexByte(w, '\''); i > 0 && i <= 2 && i+1 < len(w) {
		return l.lookup(w[i+1:])
	}
	return lexiconEntry{}, false
}

func (l *lexicon) isNegator(w string) bool {
	return l.negators[w] || l.negatorSuffix != "" && strings.HasSuffix(w, l.negatorSuffix)
}

// emoji are the signs that need no language.
var emoji = map[rune]int8{
	'😀': 2, '😃': 2, '😄': 2, '😁': 2, '😊': 2, '🙂': 1, '😍': 3, '🥰': 3, '😘': 2, '🤩': 3, '😂': 1, '🎉': 2, '👍': 2, '👏': 2,
	'🙏': 1, '❤': 3, '💚': 2, '💙': 2, '⭐': 2, '🌟': 2, '✅': 1, '💯': 2, '☺': 2,
	'😠': -3, '😡': -3, '🤬': -3, '😤': -2, '😢': -2, '😭': -2, '😞': -2, '😟': -2, '😔': -2, '☹': -2, '🙁': -1, '😕': -1,
	'👎': -2, '💔': -2, '😩': -2, '😫': -2, '🤮': -3, '😱': -1, '❌': -1, '🙄': -1,
}

var english = &lexiconSource{
	pos3: `excellent amazing awesome fantastic wonderful perfect perfectly outstanding superb brilliant love loved loves flawless exceptional delighted thrilled incredible stellar best`,
	pos2: `good great happy glad pleased satisfied nice lovely helpful friendly fast smooth smoothly impressed impressive recommend recommended enjoy enjoyed enjoying grateful thankful
		reliable easy pleasant polite professional efficient delight kind thrilling superior appreciat* congratulations bravo well-made`,
	pos1: `thanks thank fine okay clean comfortable useful quick quickly better improved improvement solved resolved fixed cheap affordable clear neat cool safe convenient intuitive succeed* success* kudos positive`,
	neg1: `slow slowly late delay delayed delays confusing confused unclear expensive overpriced missing wrong incorrect issue issues problem problems trouble difficult hard blocked blocks complicated inconvenient
		waiting waited concerned concern worried worry sorry unexpected unexpectedly strange dirty noisy mistake mistakes error errors bug bugs glitch* crash crashes crashed crashing freezes freezing lost lose outdated lacking lacks
		cancel stuck overcharged twice unfortunately sadly complaint complain still-waiting scratched stopped lags lagging`,
	neg2: `bad poor poorly broken damaged defective faulty fail fails failed failing failure disappoint* frustrat* annoy* angry upset unhappy dissatisf* unsatisf* rude unhelpful unreliable unprofessional ignored ignoring
		useless waste wasted hate hated hates cheated ripped refuse refused refuses unfair misleading mislead sick tired mess nonsense ridiculous leaking leaks leaked cracked unresolved unsafe fraud* unusable unable unwilling complaints disgrace*
		complained overcharging lied lies lie`,
	neg3: `terrible horrible awful worst unacceptable outrageous disgusting appalling scam scammed scammers scandalous pathetic furious atrocious dreadful disaster catastroph* nightmare garbage rubbish trash crap abysmal horrendous theft stolen stole inexcusable`,
	whenNegated: `work works working worked arrive arrived received receive receiving respond responds responded response answered answer answers reply replied help helps helped helping load loads loading
		open opens start starts connect connects connecting login turn believe acceptable refunded refund accept access deliver* answer recommendable worth function* happened change`,
	negators:      `not no never none nobody nothing neither nor cannot without hardly barely dont doesnt didnt cant wont isnt wasnt havent hasnt nowhere`,
	negatorSuffix: `n't`,
	boosters:      `very really extremely absolutely totally completely so too incredibly utterly highly super such truly deeply most`,
	dampeners:     `slightly somewhat little bit fairly kinda rather quite mildly partly`,
	contrast:      `but however although though yet except`,
	courtesies:    `morning afternoon evening day night regards wishes`,
}

var german = &lexiconSource{
	pos3: `ausgezeichnet* hervorragend* fantastisch* wunderbar* perfekt* großartig* exzellent* liebe geliebt begeister* genial* super klasse spitze toll tolle tolles toller tollen traumhaft* beste besten bester bestes einwandfrei* phänomenal*`,
	pos2: `gut gute guter gutes guten schön schöne schöner schönes glücklich* zufrieden* freundlich* hilfreich* schnell schnelle schneller schnellen empfehl* empfohlen freue freut gefreut gefällt gefallen angenehm* zuverlässig*
		einfach kompetent* professionell* reibungslos* beeindruck* dankbar* lob höflich* erfreu* sympathisch* prima lecker*`,
	pos1: `danke dank vielen ok okay sauber* bequem* nützlich* besser* verbessert* gelöst behoben günstig* preiswert* klar klare praktisch* pünktlich* erfolg* positiv* nett* interessant*`,
	neg1: `langsam* spät* verspät* verzöger* verwirr* unklar* teuer* überteuert* fehlt fehlen fehlend* falsch* problem* schwierig* kompliziert* umständlich* warte warten gewartet besorgt sorge sorgen leider
		seltsam* komisch schmutzig* fehler* absturz abstürz* stürzt hängt verloren veraltet* mangel* kündig* doppelt beschwer* unerwartet* zerkratzt* vergeblich* störung* schade verlier* müde`,
	neg2: `schlecht* kaputt* beschädigt* defekt* mangelhaft* enttäusch* frustrier* ärger* verärger* genervt nervt nervig* sauer unzufrieden* unfreundlich* unhöflich* unzuverlässig* ignorier* nutzlos* unbrauchbar* verschwend*
		hasse gehasst weiger* unfair* irreführend* betrogen betrug* chaos lächerlich* undicht* gerissen unverständlich* unprofessionell* versag* scheiter* unmöglich* mies* wütend* empört* reklam* gelogen lüge*`,
	neg3: `schrecklich* furchtbar* katastroph* schlimmst* inakzeptabel* unakzeptabel* unverschämt* ekelhaft* frechheit* abzock* albtraum* alptraum* müll schrott horror* skandal* grauenhaft* entsetzlich* unerträglich* zumutung* wucher gestohlen dreist*`,
	whenNegated: `funktionier* geht gehen ging angekommen ankommt erhalten bekommen bekomme antwort* geantwortet reagier* meldet gemeldet hilft helfen geholfen lädt laden öffnet öffnen startet starten verbinden anmelden einloggen
		einloggt glauben akzeptabel* erstatt* geliefert liefern klappt geklappt ändern erreichbar erreichen erreiche verständlich`,
	negators:       `nicht kein keine keinen keiner keinem keines nie niemals nichts niemand ohne weder kaum nirgends`,
	negatorsBehind: `nicht nichts nie niemals nirgends`,
	reachBack:      5,
	boosters:       `sehr wirklich extrem absolut total völlig so zu unglaublich höchst überaus echt besonders äußerst ganz vollkommen`,
	dampeners:      `etwas ein-wenig bisschen ziemlich leicht eher teilweise halbwegs`,
	contrast:       `aber jedoch obwohl allerdings trotzdem doch außer`,
	courtesies:     `tag morgen abend nacht grüße grüßen gruß tage`,
}

var french = &lexiconSource{
	pos3: `excellent* formidable* fantastique* parfait* merveilleu* superbe* génial* adore adoré adorons exceptionnel* magnifique* ravi ravie ravis incroyable* impeccable* remarquable* meilleur meilleure meilleurs extraordinaire*`,
	pos2: `bon bonne bons bonnes bien content contente contents heureu* satisfait* aimable* gentil* utile* rapide* rapidement recommand* apprécié apprécie apprécions agréable* fiable* facile* facilement efficace* professionnel*
		poli polie plaisir bravo sympa sympathique* impressionn* reconnaissant* aime aimé joli* souriant*`,
	pos1: `merci remercie remercier ok correct* propre* confortable* mieux amélior* résolu* réglé* réparé* clair* pratique* sûr réussi* succès positif* positive* félicit* accueillant*`,
	neg1: `lent lente lents lentement retard* tard confus* compliqué* cher chère trop manque manquant* manquante erroné* incorrect* faux fausse problème* souci soucis difficile* impossible* attends attend attendons attendu attente inquiet*
		inquiète* bizarre* étrange* sale erreur* bug bugs plante planté bloqué* perdu* perdue obsolète* malheureusement annuler plainte regrett* hélas rayé* dommage`,
	neg2: `mauvais* cassé* abîmé* endommagé* défectueu* défaillant* panne déçu* décevant* déception frustr* énerv* agac* fâché* colère mécontent* insatisf* impoli* désagréable* inutile* inutilisable* ignor* gâch* perte déteste détesté
		refus* injuste* trompeu* trompé* ridicule* fuit fuite fissuré* lamentable* bâclé* incompétent* échec échoue échoué ment menti mensong* incapable* incompréhensible*`,
	neg3: `terrible* horrible* affreu* pire inacceptable* scandaleu* honteu* honte dégoût* arnaque* escroqu* catastroph* cauchemar* nul nulle nuls furieu* épouvantable* inadmissible* désastr* abominable* exécrable* volé volée voleurs intolérable*`,
	whenNegated: `marche marchent fonctionn* reçu reçue reçois arrivé arrivée arrive répond* répondu réponse aide aidé aider charge ouvre ouvrir démarre connecter connect* acceptable* rembours* livré livrée livraison accéder accède croire
		changer normal sérieux comprends`,
	negators:       `ne n pas jamais aucun aucune rien sans ni plus-jamais personne`,
	negatorsBehind: `pas jamais rien aucun aucune`,
	reachBack:      2,
	boosters:       `très vraiment extrêmement absolument totalement complètement si tellement incroyablement hautement super trop fort particulièrement`,
	dampeners:      `peu légèrement assez plutôt un-peu quelque`,
	contrast:       `mais cependant pourtant toutefois sauf malgré`,
	courtesies:     `journée soirée soir nuit salutations sentiments merci_de merci_d'avance`,
}

var spanish = &lexiconSource{
	pos3: `excelente* fantástic* maravillos* perfect* increíble* genial* estupend* magnífic* encanta encantó encantad* amo sobresaliente* brillante* mejor mejores espectacular* extraordinari* impecable* fenomenal*`,
	pos2: `bien buen bueno buena buenos feliz felices contento contenta contentos satisfech* amable* útil* rápid* rápidamente recomiend* recomendar recomendable* agradable* fiable* fácil fáciles fácilmente eficiente* eficaz*
		profesional* educado gusta gustó gustado placer bonit* impresion* agradecid* alegr* simpátic* atent*`,
	pos1: `gracias agradezco ok vale limpi* cómod* mejorado mejoró resuelto resuelta solucionad* solucionó arreglad* barat* clar* práctic* segur* éxito* positiv* felicidades felicito puntual*`,
	neg1: `lent* retras* demora* confus* complicad* caro cara caros caras falta faltan faltaba equivocad* incorrect* problema* difícil* esperando esperado esperar preocup* raro rara raros raras extrañ* suci* error errores
		fallo fallos bloquead* perdid* perdí desactualizad* desgraciadamente lamentablemente cancelar queja* reclam* duplicad* rayad* incómod* lástima pena`,
	neg2: `mal mala malo malos malas roto rota rotos rotas dañad* defectuos* decepcion* frustr* molest* enfad* enojad* disgust* insatisf* grosero grosera antipátic* inútil* ignor* desperdici* odio odié niegan negaron injust* engañ*
		ridícul* fuga gotea agrietad* fracas* falla fallan falló inservible* imposible* incompetente* mentira* mienten miente descontent* cabread* harto harta`,
	neg3:           `terrible* horrible* pésim* peor inaceptable* vergonzos* vergüenza asqueros* asco estafa* catástrof* catastróf* pesadilla* basura furios* desastr* espantos* escandalos* indignante* robo robado robaron intolerable* fatal`,
	whenNegated:    `funciona* funcionó llegó llegado llega llegan recibido recibí recibo recibimos responde* respondido respuesta contesta* contestado ayuda* ayudado carga abre abrir arranca conectar* acceder aceptable* reembols* devuelt* devuelven entregad* iniciar entra creer cambiar normal entiendo`,
	negators:       `no nunca jamás nada nadie ningún ninguna ninguno sin ni tampoco apenas`,
	negatorsBehind: `nada nunca`,
	reachBack:      2,
	boosters:       `muy realmente extremadamente absolutamente totalmente completamente tan demasiado increíblemente súper sumamente bastante verdaderamente`,
	dampeners:      `poco ligeramente algo apenas medianamente`,
	contrast:       `pero sin-embargo aunque excepto salvo`,
	courtesies:     `días día tardes noches saludos`,
}
