// Package brokertest holds what tests of the broker and of its stores share: the
// conformance suite that every [broker.Store] must pass ([TestStore]), a simple
// store in memory ([Store]), and an interpreter of scenario scripts
// ([RunScripts]).
package brokertest
