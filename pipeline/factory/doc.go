// Package factory keeps the data factories that are deployed: their definitions
// as the JSON that was sent, their envelopes (location, tags, identity, etags),
// the state of their triggers, and the parsed form that runs are created from.
//
// A [Manager] serves two masters. The control plane and the deployment of
// folders change factories through it; the engine reads them through
// [Manager.WithFactory] and [Manager.LinkedService] and sees, at the start of a
// run, the definitions as they are then. Everything is in memory and on disk;
// one [commit.Unit] holds a definition, its envelope and its trigger's state, so
// none is ever without the others.
//
// What is sent is checked: malformed definitions are refused with the JSON path
// of what is wrong, references must lead somewhere, and what is referred to can't
// be deleted. Activity types, data flows and integration runtimes that do not run
// here are accepted, as Data Factory accepts them, and fail by name when a run
// gets to them.
//
// # Secrets
//
// A text in a SecureString, the secret parts of a connection string and a few
// properties that are secret by name are sealed on disk (the whole definition
// is) and shown as ********** ([Mask]). A definition that is sent with ********** in such
// a place keeps what is there.
//
// # Triggers
//
// A trigger is Stopped after it is first put, keeps its state over further puts,
// and must be stopped to be changed or deleted. An extension: a trigger of type
// ServiceBusTrigger whose definition itself says "runtimeState": "Started" is
// started by being put, also in place of one that runs. A ScheduleTrigger or
// TumblingWindowTrigger is started by who asks for that, and by a deployment whose folder says
// that it is Started; a schedule counts from then. The windows of the other one can't change. No other trigger type runs in this version, and starting one is refused.
//
// # Kinds
//
// Pipelines, datasets, linked services and triggers are parsed. Data flows,
// integration runtimes, credentials and managed virtual networks are stored as
// definitions that others may refer to; whatever would use one at run time fails
// and names it. Managed private endpoints and change data capture are not kept.
//
// # Keys
//
// The store holds JSON records with a version under
//
//	datafactory/f/<factory>               the factory
//	datafactory/c/<factory>/<kind>/<name> one definition
//
// where names are in lower case and escaped as in a URL's path.
//
// # Goroutines
//
// From [Manager.Start] to [Manager.Close] a Manager owns one goroutine that
// retries triggers which could not be started, and one for each factory that is
// being deleted.
//
// Sections in comments are those of the Data Factory REST specification.
package factory
