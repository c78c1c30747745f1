package main

import (
	"math"
	"slices"
)

// serving are the settings of every command that starts a Switchyard.
var serving = []string{"data", "ephemeral", "amqp-address", "http-address", "listen", "tls-names",
	"tls-cert", "tls-key", "grace", "memory-limit", "client-memory", "request-memory", "run-memory", "run-size",
	"max-connections", "max-links", "max-unsettled",
	"history-age", "history-size", "min-free", "ballast", "strict", "relaxed", "auth", "auth-applications", "allow-host", "key-vault", "key-file",
	"accept-data-loss", "log-level", "log-format", "output"}

func without(list []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(names, s) })
}

// listed are the settings of what lists runs.
var listed = append([]string{"count", "status", "pipeline", "trigger", "message", "since", "until"}, onFactory...)

// commands is the table of everything the program can be told to do: dispatch, usage
// errors, help texts, completion and docs/commands.md follow from it.
//
// To add a command, write func(ctx, e, v, operands) int in a file named after it and a
// row here, and run "go test ./cmd/switchyard -run TestDocumentation -update". A flag is
// a row of config.Settings whose name stands in settings; one that means something else
// to this command is a row of its own, "wait@env". Operands are words in capitals that
// tell the kind, for which completion offers values: DIR, FILE, COMMAND, SHELL, and what
// the running Switchyard has, QUEUE, ENTITY (queues, topics, and subscriptions as
// topic/subscriptions/name), NAMESPACE, FACTORY, PIPELINE and TRIGGER; the Value of a
// setting does the same. A group is a row with commands; it may do something itself.
// What run reports with e.fail gets its exit code and, with --output json, its code from
// failures: a mistake of the user is a *config.UsageError.
var commands []command

// The table refers to functions that print the table, so it is filled here.
func init() {
	commands = []command{
		{
			name: "demo", summary: "run the ticket-triage example from tickets to results",
			help: `Starts everything in this process, deploys the ticket-triage example, sends
eight of its tickets with the Azure SDK, lets the pipeline handle them, receives
the results with the Azure SDK and shows them. Exits 0 only if every ticket is
accounted for. What it did is kept in the data directory, where "switchyard up"
finds it. Its log tells only what is wrong unless --log-level asks for more.

  switchyard demo
  switchyard demo --all         # all 96 tickets, most of them awkward
  switchyard demo --keep        # stay up afterwards and print how to connect`,
			settings: append([]string{"all", "keep"}, serving...), run: demo, stops: true,
		},
		{
			name: "up", operands: "[DIR]", max: 1, summary: "serve, deploy a folder, print how to connect",
			help: `Serves what the data directory holds until a signal comes. With DIR it first
deploys that folder: a data factory in its Git layout (factory/, pipeline/,
linkedService/, trigger/) and queues in the Config.json of Microsoft's emulator,
in DIR or DIR/servicebus.

With --detach the command ends when everything is ready, and the Switchyard goes
on in the background until "switchyard down". Its log is switchyard.log in the
data directory.

With --watch the folder is deployed again whenever it changes, and what a change
adds, changes and removes is told before. Runs that are under way go on with the
definitions that they began with. A folder with mistakes is not deployed.

  switchyard up examples/ticket-triage
  switchyard up examples/ticket-triage --watch
  switchyard up --detach && switchyard exec -- pulumi up; switchyard down
  switchyard up --ephemeral --amqp-address 127.0.0.1:0 --output json`,
			settings: append([]string{"detach", "watch@up"}, serving...), run: up, stops: true,
		},
		{
			name: "down", summary: "stop the Switchyard on the data directory",
			help: `Asks it to stop as the first Ctrl-C does and waits until it has. If it stops
already, this waits with the one that asked first. Nothing is killed.

  switchyard down
  switchyard down --data /srv/switchyard --wait 1m`,
			settings: []string{"data", "wait@stopped", "output"}, run: down,
		},
		{
			name: "deploy", operands: "DIR", min: 1, max: 1,
			summary: "deploy a folder into the Switchyard that runs",
			help: `Deploys DIR as up does, into the Switchyard that runs on the data directory.
What is added, changed and removed is told before it is done; with --plan it is
told only. Definitions that the folder had when it was deployed last and has no
more are removed; queues and topics never are, for their messages. Runs that are
under way go on with the definitions that they began with. Exits 2 if the folder
is refused.

  switchyard deploy examples/ticket-triage --plan
  switchyard deploy examples/ticket-triage`,
			settings: []string{"data", "strict", "relaxed", "plan", "timeout", "output"}, run: deployFolder,
		},
		{
			name: "run", operands: "DIR [PIPELINE]", min: 1, max: 2,
			summary: "run a pipeline of a folder, or what messages start, in memory",
			help: `Deploys DIR into memory without starting its triggers, runs the pipeline once
and prints the run and its activities. Waits and retry intervals take their
time, and those of seconds are told on standard error; with --virtual-time they
pass at once. Exits 0 if the run Succeeded, 1 if it did not, 2 if the command
line or the definitions can't be understood.

With --trigger it starts that trigger and no other, puts the messages of a file
into its queue, waits until nothing more will happen, and prints the runs, how
each message was settled and what was sent where. Waits, retry intervals and
times to live pass at once, unless --real-time is set. Exits 0 if all is as the
file of --expect says or, without one, if every run Succeeded and settled its
messages; docs/testing-pipelines.md describes both files.

With --list it lists the pipelines with their parameters, and the triggers.

  switchyard run examples/ticket-triage --list
  switchyard run examples/ticket-triage TicketTriage \
    --parameters '{"messages":[]}'
  switchyard run . Nightly --parameters @parameters.json --output json
  switchyard run examples/ticket-triage --trigger OnTicket \
    --message tickets.jsonl --expect expected.json`,
			settings: []string{"trigger@run", "message@run", "expect", "real-time", "virtual-time", "limit@run", "list@run", "parameters", "factory",
				"allow-host", "key-vault", "memory-limit", "strict", "relaxed", "log-level", "log-format", "output"},
			run: runPipeline, stops: true,
		},
		{
			name: "eval", operands: "[EXPRESSION]", max: 1, summary: "evaluate an expression, or one in each line of JSON",
			help: `Prints what EXPRESSION comes to, as JSON, or why it can't be evaluated, with a
caret below the place. It begins with @ or has texts @{…} in it, as in a
definition; anything else is text.

Without EXPRESSION it reads {"expr":…, "context":…} from each line of standard
input and answers with one line, in order: {"value":…} or
{"error":{"code":…,"message":…,"offset":…}}. The context may hold parameters,
globalParameters, variables, activities, item, dataset, linkedService, pipeline,
trigger, triggerBody and now.

With --trace it tells what each call in the expression comes to, as a tree: its
value, its error, or that it was not evaluated. A reference such as
activity('A').output.x is one call. Long values are cut, and values of
SecureString objects in the context are masked. With --output json the answer
has the tree in the member trace; answers to lines are JSON in any case.

  switchyard eval "@concat(item(), '!')" --context '{"item":"hello"}'
  echo '{"expr":"@add(item(), 2)","context":{"item":1}}' | switchyard eval
  echo '{"expr":"@string(add(1, 2))"}' | switchyard eval --trace`,
			settings: []string{"trace", "context", "output"}, run: eval,
		},
		{
			name: "validate", operands: "DIR", min: 1, max: 1, summary: "check the definitions in a folder",
			help: `Tells everything that is wrong in DIR and that up would refuse on a new data
directory, each with file, line, column and the path in the file, and a summary
at the end. Exits 0 if nothing is, 2 otherwise. What this version does not run
is a warning, and fails when a run reaches it; with --strict it is an error.
With --relaxed what Azure refuses and runs here is a warning: containers inside
containers and more than its limits; so is what only stopped triggers and
activities lack of the bus. As JSON it is one object: valid, errors, warnings,
summary and diagnostics with file, line, column, path, severity and message.

  switchyard validate examples/ticket-triage`,
			settings: []string{"strict", "relaxed", "output"}, run: validate,
		},
		{
			name: "send", operands: "ENTITY [BODY]", min: 1, max: 2, summary: "send messages to a queue or topic",
			help: `Sends BODY, or else standard input, as one message; with --lines each line of a
file. Prints the id of each message that was sent: one is made if none is given.
Whole numbers in --property are 64 bits and keep all their digits.

  switchyard send tickets '{"text":"hello"}' --content-type application/json
  switchyard send tickets --lines tickets.jsonl --correlation-id batch-7
  switchyard send news hello --property '{"colour":"red","n":9007199254740993}'`,
			settings: append([]string{"lines", "count@send", "content-type", "subject", "message-id", "property", "session",
				"correlation-id", "reply-to", "to", "ttl", "at"}, onBus...),
			run: send,
		},
		{
			name: "peek", operands: "ENTITY", min: 1, max: 1, summary: "show messages without taking them",
			help: `Shows the messages of a queue, or of a subscription as topic/subscriptions/name,
whatever their state, and says when there are more.

  switchyard peek tickets --count 5
  switchyard peek news/subscriptions/all --full
  switchyard peek tickets --dead-letter --output json`,
			settings: append([]string{"count", "from", "full", "dead-letter", "session@take"}, onBus...), run: peek,
		},
		{
			name: "receive", operands: "ENTITY", min: 1, max: 1, summary: "take messages and print them",
			help: `Takes messages one after the other, from a queue or from a subscription as
topic/subscriptions/name, each also with /$DeadLetterQueue behind it, or a queue
or topic with /$Transfer/$DeadLetterQueue: what it could not send on. Completes
each only after it was written out and, through a pipe, read: with "| head -1"
it takes one. With --abandon it holds up to 10,000 messages until the end and
renews their locks. "no messages" is what the server said: if the server stops
answering, the command fails.

  switchyard receive triaged --count 100 --wait 10s
  switchyard receive tickets --dead-letter --abandon
  switchyard receive orders --session customer-7
  switchyard receive news/subscriptions/all --output json | jq .body`,
			settings: append([]string{"count", "wait", "dead-letter", "session@take", "next-session", "abandon", "peek-lock"}, onBus...),
			run:      receive, stops: true,
		},
		{
			name: "resubmit", operands: "ENTITY", min: 1, max: 1, summary: "put dead letters back into their queue",
			help: `Moves the dead letters of a queue or subscription back to its end, as new
messages without the reason of their death, up to 4,000 messages and 4 MiB (or
one larger message) in one commit: each is in exactly one of the two queues
whatever happens. What is dead-lettered again meanwhile stays. Locked and
deferred ones stay too: the exit code is then 1. The name of the dead-letter
queue itself, tickets/$DeadLetterQueue, means the same;
tickets/$Transfer/$DeadLetterQueue lets what could not be sent on to another
queue or topic by way of tickets go there again.

  switchyard resubmit tickets
  switchyard resubmit tickets --message-id t-17`,
			settings: append([]string{"count@take", "message-id@take", "sequence-number"}, onBus...), run: resubmit,
		},
		{
			name: "purge", operands: "ENTITY", min: 1, max: 1, summary: "delete dead letters",
			help: `Deletes the dead letters of a queue or subscription, and no other message, in
commits as large as those of resubmit. Locked and deferred ones stay: the exit
code is then 1.

  switchyard purge tickets
  switchyard purge news/subscriptions/all --sequence-number 3,4`,
			settings: append([]string{"count@take", "message-id@take", "sequence-number"}, onBus...), run: purge,
		},
		{
			name: "runs", summary: "show pipeline runs, start and end them",
			help:     "Without a command it lists, as runs list does.\n\n  switchyard runs\n  switchyard runs --status Failed --since 1h",
			settings: listed, run: listRuns,
			commands: []command{
				{name: "list", summary: "list pipeline runs, the newest first",
					help: `What failed has its error in a second line, cut to the terminal; runs show has
all of it. --message finds the runs that a message started: a dead letter and
what a run sends name their run in the property PipelineRunId.

  switchyard runs list --status Failed,Cancelled --since 2h
  switchyard runs list --message t-17 --output json`,
					settings: listed, run: listRuns},
				{name: "show", operands: "RUN", min: 1, max: 1, summary: "show a run as a tree of its activities",
					help: `Shows the messages that started the run, and its activities by iteration with
their attempts, durations and errors.

  switchyard runs show 0f8fad5b-d9cb-469f-a165-70867728950e --failed
  switchyard runs show 0f8fad5b-d9cb-469f-a165-70867728950e --activity Answer`,
					settings: append([]string{"full@runs", "activity", "failed", "follow"}, onFactory...), run: showRun, stops: true},
				{name: "watch", operands: "[RUN]", max: 1, summary: "watch the runs that go on, or one run until it ends",
					help: `Shows the runs that go on as trees of their activities, each with how long it
takes, and the last five that have ended. On a terminal the picture is drawn
anew every second and is never higher than the terminal: what goes on comes
first, then what failed, and what is left out is counted. Elsewhere there is a
line for each change, and with --output json a JSON object.

With RUN it ends when that run does; the exit code is 0 only if it Succeeded.
Otherwise it goes on until a signal comes.

  switchyard runs watch
  switchyard runs watch 0f8fad5b-d9cb-469f-a165-70867728950e
  switchyard runs watch --output json | jq 'select(.run) | .run.status'`,
					settings: onFactory, run: watchRuns, stops: true},
				{name: "start", operands: "PIPELINE", min: 1, max: 1, summary: "start a run and print its id",
					help: `With --follow the exit code is 0 only if the run Succeeded.

  switchyard runs start Nightly --param day=2026-03-01 --param retries=3
  switchyard runs start Nightly --parameters @parameters.json --follow`,
					settings: append([]string{"param", "parameters", "follow"}, onFactory...), run: startRun, stops: true},
				{name: "cancel", operands: "RUN", min: 1, max: 1, summary: "end a run",
					help: `Its messages go back to their queue. The runs that it has started go on, unless
--recursive ends them too.

  switchyard runs cancel 0f8fad5b-d9cb-469f-a165-70867728950e --recursive`,
					settings: append([]string{"recursive"}, onFactory...), run: cancelRun},
				{name: "rerun", operands: "RUN", min: 1, max: 1, summary: "do a run again, or what is left of it",
					help: `The run must have ended. The new run has its parameters and joins its group.
With --from-activity or --from-failure it has the outputs of the activities
that are not done again; they are shown as Skipped. It does not have the
messages of the other: resubmit puts those back into their queue.

  switchyard runs rerun 0f8fad5b-d9cb-469f-a165-70867728950e --from-failure`,
					settings: append([]string{"from-activity", "from-failure", "as-it-was", "follow"}, onFactory...), run: rerun, stops: true},
			},
		},
		{
			name: "triggers", summary: "show triggers, start, stop and preview them",
			help:     "Without a command it lists.\n\n  switchyard triggers",
			settings: onFactory, run: listTriggers,
			commands: []command{
				{name: "list", summary: "list triggers with their states", help: "  switchyard triggers list",
					settings: onFactory, run: listTriggers},
				{name: "preview", operands: "FILE|NAME", min: 1, max: 1, summary: "tell when a trigger would fire",
					help: `Tells when a trigger that goes by time would fire if it were started: a
ScheduleTrigger, or a TumblingWindowTrigger with its windows and what each of
them waits for. FILE is the trigger's JSON file, which is read alone; NAME that
of a trigger in the folder, a data factory in its Git layout. Nothing need run.
Times are those of the trigger's time zone, beside UTC. As JSON it is one array:
of times or, of a tumbling window, of objects.

  switchyard triggers preview trigger/Nightly.json
  switchyard triggers preview Nightly --from 2026-03-27 --to 72h
  switchyard triggers preview Hourly --folder factory --to 24h --output json`,
					settings: []string{"folder", "from@preview", "to@preview", "count@preview", "output"}, run: previewTrigger},
				{name: "start", operands: "TRIGGER", min: 1, max: 1, summary: "start a trigger",
					help: "  switchyard triggers start OnTicket", settings: onFactory, run: startTrigger},
				{name: "stop", operands: "TRIGGER", min: 1, max: 1, summary: "stop a trigger; its runs go on",
					help: "  switchyard triggers stop OnTicket", settings: onFactory, run: stopTrigger},
			},
		},
		{
			name: "status", summary: "show what there is and how it is",
			help: `Asks the Switchyard on the data directory: its health, ports and disk, the
messages of queues and subscriptions, the pipelines with their runs, and the
triggers. ACTIVE counts locked messages too, as Azure does. With --watch it asks
again every two seconds.

  switchyard status
  switchyard status --watch
  switchyard status --output json | jq .namespaces`,
			settings: []string{"data", "watch", "timeout", "output"}, run: status, stops: true,
		},
		{
			name: "env", summary: "print the variables by which Azure's tools find the Switchyard",
			help: `For a shell to evaluate. Pulumi, the Azure SDKs and Terraform then talk to the
Switchyard on the data directory instead of Azure. Waits until it is ready. If
it is not, what is printed fails, so that && and set -e stop; exec is safer
still, since nothing of it stays in the shell.

  switchyard up --detach && eval "$(switchyard env)" && pulumi up`,
			settings: []string{"data", "wait@ready", "output"}, run: environment, evaluated: true,
		},
		{
			name: "exec", operands: "[--] COMMAND [ARGUMENT]...", min: 1, max: math.MaxInt,
			summary: "run a command with the variables that env prints",
			help: `Waits until the Switchyard on the data directory is ready. Without one the
command is not run. With --start, a Switchyard of its own serves a folder in
memory, on free ports unless others are named, until the command has ended.
SWITCHYARD_DATA is set too, so that switchyard finds the same one. Signals are
passed on. The exit code is that of the command, 126 if it can't be run, 127 if
it is not there, and 125 if there is no Switchyard.

  switchyard exec -- pulumi up
  switchyard exec --start examples/ticket-triage -- pytest -q`,
			settings: append([]string{"start", "wait@ready", "log-level@exec"}, without(serving, "log-level", "output")...),
			run:      execute,
		},
		{
			name: "bench", summary: "measure servers", commands: []command{{
				name: "amqp", operands: "[WORKLOAD]...", max: 4, summary: "measure an AMQP 1.0 endpoint with messages that are all checked",
				help: benchAMQPHelp, settings: []string{"url", "address", "settle", "count@bench", "pid", "device", "limit@bench", "timeout@bench", "output"},
				run: benchAMQP, stops: true,
			}, {
				name: "engine", operands: "[WORKLOAD]...", max: 4, summary: "measure how this program runs pipelines",
				help: benchEngineHelp, settings: []string{"for@bench", "dir@bench", "device", "output"},
				run: benchEngine, stops: true,
			}},
		},
		{
			name: "health", summary: "ask the running Switchyard whether all is well",
			help: `Exits 0 if all is well, or only some runs or queues are not, and 1 otherwise:
what the health check of a container runs.

  switchyard health --data /data`,
			settings: []string{"data", "timeout", "output"}, run: health,
		},
		{
			name: "secret", summary: "keep secrets for key vault references", commands: []command{
				{
					name: "set", operands: "NAME", min: 1, max: 1, summary: "set a secret to what standard input holds",
					help: `Reads the value from standard input, without a line end, and keeps it sealed in
the data directory, whether a Switchyard runs on it or not. Linked services of
type AzureKeyVault answer AzureKeyVaultSecret references with it.

  switchyard secret set api-key < key.txt`,
					settings: []string{"data", "key-file", "timeout", "output"}, run: setSecret,
				},
				{
					name: "list", summary: "list the secrets without their values",
					help:     "  switchyard secret list",
					settings: []string{"data", "key-file", "timeout", "output"}, run: listSecrets,
				},
				{
					name: "delete", operands: "NAME", min: 1, max: 1, summary: "delete a secret",
					help:     "  switchyard secret delete api-key",
					settings: []string{"data", "key-file", "timeout", "output"}, run: deleteSecret,
				},
			},
		},
		{
			name: "hash", summary: "hash a client secret for --auth-applications",
			help: `Reads the secret from standard input and prints what goes into the file:
{"applications":[{"id":"CLIENT-ID","secretHashes":["HASH"]}]}

  switchyard hash < secret.txt`,
			run: hashSecret,
		},
		{
			name: "version", summary: "print the version",
			help:     "  switchyard version\n  switchyard version --output json",
			settings: []string{"output"}, run: version,
		},
		{
			name: "completion", operands: "SHELL", min: 1, max: 1, summary: "print completion for bash, zsh or fish",
			help: `The shell then completes commands, flags and their values, and the names of
queues, topics, subscriptions, pipelines and triggers of the running Switchyard.

  source <(switchyard completion bash)    # in ~/.bashrc, from bash 4 on
  source <(switchyard completion zsh)     # in ~/.zshrc, behind compinit
  switchyard completion fish >~/.config/fish/completions/switchyard.fish`,
			run: completion,
		},
		{
			name: "help", operands: "[COMMAND]...", max: 2, summary: "tell about a command",
			help: "  switchyard help\n  switchyard help up", run: help,
		},
	}
	link(commands, "")
}
