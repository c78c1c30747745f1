// Package read reads the members of JSON objects that others wrote: request
// bodies, definition files, inputs of activities. What is written is used or
// refused, never dropped silently: [Members] remembers which members were
// asked for, and [Members.Close] refuses the rest.
//
// Reading never stops. A member that is missing or of the wrong type is reported
// to the document's [Sink] and reads as its zero value, so that the caller's code
// has one path. The sink belongs to the edge that reads: it decides the words,
// and whether it keeps the first problem or all of them.
package read
