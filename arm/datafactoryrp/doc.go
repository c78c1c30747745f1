// Package datafactoryrp is the resource provider Microsoft.DataFactory:
// [ADF-REST 3] and [ARM 7], over a [factory.Manager] that keeps the factories
// and a [Runs] that runs their pipelines. It holds nothing itself.
//
// It has factories, pipelines, datasets, linked services, triggers, data flows,
// integration runtimes, credentials, managed virtual networks and global
// parameters; createRun, cancel, and the queries of pipeline, activity and trigger
// runs. Every other route of the specification is answered by 501 and an error that
// names it and says why: the Git integration, data-plane access, data-flow debug
// sessions, what machines of integration runtimes do, private endpoints, change data
// capture, features ([refusedRequests]).
//
// Trigger runs of triggers that go by time have records of their own
// ([trigger.Firings]). Beside them the query shows one for every pipeline run that
// messages have started, Succeeded because it has started its run [ENGINE 6].
package datafactoryrp
