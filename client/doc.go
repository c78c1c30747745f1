// Package client is how other programs talk to a running Switchyard: it finds one by
// the file that it keeps in its data directory ([Read]), names the variables with
// which Azure's tools find it ([Endpoints.Environment]), and asks for pipeline runs
// as any client of the Data Factory REST interface does ([Runs]).
//
// The package imports nothing that serves, and starts no goroutine.
package client
