// Package language is an embedded text-analysis endpoint in the shape of Azure
// AI Language, so that a pipeline has a model to call when there is no network.
//
// It answers POST /language/:analyze-text for api-versions 2022-05-01 and
// 2023-04-01 and four kinds: LanguageDetection, SentimentAnalysis,
// KeyPhraseExtraction and PiiEntityRecognition. Request, response and error
// shapes, document limits and codes are those of the service; the models are
// not. What is behind each kind:
//
//   - LanguageDetection: script, function words and letters that few languages
//     share, and the trigram profiles of whatlanggo. See docs/decisions/0003.
//   - SentimentAnalysis: word lists with negation and intensifiers for en, de,
//     fr and es, sentence by sentence; the document's label follows from the
//     sentences' as the service documents it.
//   - KeyPhraseExtraction: RAKE, rapid automatic keyword extraction, with stop
//     words for the same four languages.
//   - PiiEntityRecognition: patterns, with check digits wherever the number has
//     them. Names, addresses and organisations are not recognised, and asking
//     for one of those categories by name is refused.
//
// Every confidence score is computed from the evidence in the text by the
// formula in the comment of the function that returns it; none is a constant
// chosen to look plausible. docs/language.md says what may be expected of them.
//
// Everything else that the service has is refused by name: other kinds, the
// asynchronous jobs, opinion mining, the phi domain, languages that are not
// covered (UnsupportedLanguageCode, per document).
//
// Analyses are pure functions of the request. The package starts no goroutine,
// reads no clock and keeps nothing of a request; tables are built when a
// language is first asked for and are immutable afterwards.
package language
