// Package client is how other programs talk to a running Switchyard: it finds one by
// the file that it keeps in its data directory ([Read]), names the variables with
// which Azure's tools find it ([Endpoints.Environment]), asks for pipeline runs as any
// client of the Data Factory REST interface does ([Runs]), opens its namespaces ([Bus])
// and says in words what became of a request ([Explain]).
//
// The package imports nothing that serves, and starts no goroutine.
package client
