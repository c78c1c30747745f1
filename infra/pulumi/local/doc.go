// Package local puts together, on one machine, all that a Pulumi program of this
// module needs: the engine, built once from its Go modules; a Switchyard, built from
// the module two folders up and run as a process; and the local provider, served by
// the process that imports this package.
package local
