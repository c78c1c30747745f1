// Package frames holds what AMQP 1.0 peers exchange (parts 2, 3 and 5 of the
// specification): the frame header, the performatives, the SASL frames, sources,
// targets, delivery states, errors, and the sections of a message.
//
// Structs are written with their full field list, trailing nulls included, and
// with numeric descriptors in the form 00 53 nn, because some clients read
// fields by position and skip descriptors blindly. Reading accepts every form
// that the specification allows: missing trailing fields, any width, symbolic
// descriptors, and a single value where several may stand.
package frames
