// Package pipeline holds the definitions of a data factory: pipelines, linked
// services, datasets, triggers and global parameters. It reads the JSON files of
// Data Factory's Git layout, keeps what it does not know of them, and checks
// them against [ENGINE 9].
//
// Reading and checking are apart. The Parse functions report what is malformed:
// a member of the wrong type, a missing name, an unknown property of one of our
// own extensions. [Factory.Validate] reports what is wrong between things that
// are well-formed: references, dependencies, expressions, limits. Both return
// all they find, as [Diagnostics].
//
// The package has no I/O and evaluates nothing: package run does that.
package pipeline
