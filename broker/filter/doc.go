// Package filter is the language of the rules of a topic's subscriptions: SQL
// filters, correlation filters and SQL actions [SB-SEM 7]. It is values in,
// values out: a filter is compiled once and then matched against the properties
// of a message, which a dialect provides by [Properties]; an action says which
// properties change ([Change]) and the dialect writes them.
//
// # Values
//
// A value is nil (NULL), bool, int64, float64, string, [time.Time],
// [time.Duration] (a TimeSpan), [UUID] or []byte. Dialects turn every integer
// into int64 and every float into float64 (a decimal too: Service Bus made its
// own decimals doubles).
//
// # Unknown
//
// Logic has three values. A property that a message does not have, of the user or of
// the system, is NULL, and whatever is compared with NULL is unknown; so is a comparison of values
// that have no common type, where Azure is not documented. A filter matches only
// if it is true. Errors of an evaluation are: a division by zero, an escape of LIKE
// that is not one character, a text that grows beyond 64 KiB.
package filter
