package config

import (
	"fmt"
	"strings"
)

// Settings is the table of everything that can be set.
var Settings = []Setting{
	{Name: "data", Value: "DIR", Default: ".switchyard", Usage: "data directory; created if it does not exist; one with " +
		"other files in it is refused"},
	{Name: "accept-data-loss", Kind: Bool, Default: "false",
		Usage: "start although acknowledged writes are lost because the write-ahead log is damaged; what is " +
			"left of it is kept in damaged/"},
	{Name: "ephemeral", Kind: Bool, Default: "false",
		Usage: "keep everything in memory and forget it at the end"},
	{Name: "amqp-address", Value: "HOST:PORT", Default: "127.0.0.1:5672",
		Usage: "address of the Service Bus endpoint; if the default port is taken and nothing else was asked " +
			"for, a free one is used"},
	{Name: "http-address", Value: "HOST:PORT", Default: "127.0.0.1:5300",
		Usage: "address of the HTTP endpoints; if the default port is taken and nothing else was asked for, a " +
			"free one is used"},
	{Name: "listen", Value: "IP", Default: "",
		Usage: "serve other machines too, at this address of this machine, or at all with 0.0.0.0; over TLS, and only with " +
			"--auth strict; the Service Bus port is then 5671 unless amqp-address says otherwise"},
	{Name: "tls-names", Value: "NAME,…", Default: "",
		Usage: "what other machines call this one, host names and addresses with commas between them; the first is in " +
			"connection strings; a certificate for them is made by the authority in the data directory (tls/ca.pem)"},
	{Name: "tls-cert", Value: "FILE", Default: "",
		Usage: "PEM file with a certificate of another authority for the names by which other machines call this one, and " +
			"with those between"},
	{Name: "tls-key", Value: "FILE", Default: "", Usage: "PEM file with its private key"},
	{Name: "grace", Kind: Duration, Default: "20s",
		Usage: "how long running activities may take to finish after the first signal"},
	{Name: "memory-limit", Kind: Size, Default: autoSize,
		Usage: "memory that the garbage collector keeps to, such as 2GiB; auto: GOMEMLIMIT, or 80 % of what " +
			"the control group or, on Linux, the machine has; elsewhere none"},
	{Name: "history-age", Kind: Duration, Default: "1080h",
		Usage: "how long a pipeline run is kept after it changed last, 45 days by default as in Azure; 0 keeps it for ever"},
	{Name: "history-size", Kind: Size, None: true, Default: "10GiB",
		Usage: "how much the ended runs of one data factory may take before compression; the oldest are " +
			"deleted first; 0 sets no bound"},
	{Name: "run-memory", Kind: Size, Default: autoSize,
		Usage: "what one pipeline run may hold in variables and loops, and load for one activity, such as " +
			"256MiB; auto: an eighth of the memory limit, at least 64MiB"},
	{Name: "run-size", Kind: Size, None: true, Default: "4GiB",
		Usage: "what the events and values of one active pipeline run may take before compression; beyond it no further " +
			"activity of the run starts, and it fails; 0 sets no bound"},
	{Name: "max-connections", Kind: Int, Default: "5000",
		Usage: "connections that one Service Bus namespace may have at a time, of clients that have shown a token; 5,000 is Azure's quota"},
	{Name: "max-links", Kind: Int, Default: "5000",
		Usage: "links, senders and receivers, that one Service Bus connection may have"},
	{Name: "max-unsettled", Kind: Int, Default: "100000",
		Usage: "messages that one Service Bus connection may have received and not settled"},
	{Name: "client-memory", Kind: Size, Default: autoSize,
		Usage: "memory for what all Service Bus clients have begun and do not take, such as 256MiB; auto: an eighth of the " +
			"memory limit, or 108MiB up to a third of it"},
	{Name: "request-memory", Kind: Size, Default: autoSize,
		Usage: "memory for the bodies of all HTTP requests under way, such as 64MiB; auto: a sixteenth of the memory limit"},
	{Name: "strict", Kind: Bool, Default: "false",
		Usage: "refuse definitions that name something this version does not run; otherwise each is a warning"},
	{Name: "relaxed", Kind: Bool, Default: "false",
		Usage: "accept definitions that Azure refuses and that run here: containers inside containers, more than its limits"},
	{Name: "min-free", Kind: Size, None: true, Default: autoSize,
		Usage: "what stays free on the disk of the data directory; what would leave less is refused, but not " +
			"what frees space, nor, down to half of it, what runs; auto: 5 % of the disk, at least 512MiB and at most 4GiB; " +
			"0: nothing has to"},
	{Name: "ballast", Kind: Size, None: true, Default: "64MiB",
		Usage: "size of a file in the data directory that is given up when the disk is full, so that there is " +
			"room to delete by; 0: none"},
	{Name: "log-level", Choices: []string{"debug", "info", "warn", "error"}, Default: "info", Usage: "what the log tells, from that level on; it goes to standard error"},
	{Name: "log-level@exec", Choices: []string{"debug", "info", "warn", "error"}, Default: "warn",
		Usage: "what the log of --start tells, from that level on; it goes to standard error", FlagOnly: true},
	{Name: "log-format", Choices: []string{"text", "json"}, Default: "text", Usage: "form of the log"},
	{Name: "key-file", Value: "FILE", Default: "",
		Usage: "file with the 32-byte key that seals secrets, hex or base64; without it one is made inside the " +
			"data directory"},
	{Name: "auth", Choices: []string{"development", "strict"}, Default: "",
		Usage: "development: any client id with any secret logs in to the control plane and may do everything; " +
			"strict: only the applications in auth-applications, and roles decide; " +
			"without it as the data directory was last served, a new one in development"},
	{Name: "auth-applications", Value: "FILE", Default: "",
		Usage: "JSON file with the applications that may log in with --auth strict; without it one that owns everything is " +
			"made at the first start, and its secret written to owner.json in the data directory"},
	{Name: "allow-host", Value: "HOST[:PORT],…", Default: "",
		Usage: "hosts that Web activities may connect to although they are refused by default, HOST or " +
			"HOST:PORT with commas between them: " +
			"link-local and metadata addresses, and the ports of this Switchyard"},
	{Name: "key-vault", Choices: []string{"local", "azure"}, Default: "local",
		Usage: "who answers references to secrets of key vaults: the vault in the data directory, or the one in Azure that the linked " +
			"service names, asked as the identity that azidentity finds in the environment"},
	{Name: "connection-string", Default: "",
		Usage: "Service Bus connection string; without it, that of the Switchyard running on the data directory"},

	{Name: "config", Value: "FILE", Default: FileName, Usage: "settings file", FlagOnly: true},
	{Name: "output", Choices: []string{"text", "json"}, Default: "text", Usage: "form of the answer, and of an error", FlagOnly: true},
	{Name: "parameters", Value: "JSON|@FILE", Default: "", Usage: "pipeline parameters: a JSON object, or @FILE", FlagOnly: true},
	{Name: "all", Kind: Bool, Default: "false", Usage: "all tickets, not only the first eight", FlagOnly: true},
	{Name: "trigger@run", Value: "NAME", Default: "", Usage: "run what messages to this trigger's queue start", FlagOnly: true},
	{Name: "message@run", Value: "FILE", Default: "", Usage: "the messages, a JSON object in each line", FlagOnly: true},
	{Name: "expect", Value: "FILE", Default: "", Usage: "what should come of the messages, as JSON", FlagOnly: true},
	{Name: "real-time", Kind: Bool, Default: "false", Usage: "let waits take their time, as those of a PIPELINE do by default",
		FlagOnly: true},
	{Name: "virtual-time", Kind: Bool, Default: "false", Usage: "let waits pass at once, as those of --trigger do by default",
		FlagOnly: true},
	{Name: "limit@run", Kind: Duration, Default: "720h",
		Usage: "how long all may take, waits that pass at once included", FlagOnly: true},
	{Name: "watch@up", Kind: Bool, Default: "false", Usage: "deploy the folder again whenever it changes", FlagOnly: true},
	{Name: "trace", Kind: Bool, Default: "false", Usage: "tell what each part of an expression comes to", FlagOnly: true},
	{Name: "context", Value: "JSON|@FILE", Default: "", Usage: "what the expression may refer to: a JSON object, or @FILE", FlagOnly: true},
	{Name: "plan", Kind: Bool, Default: "false", Usage: "tell what would be done and do nothing", FlagOnly: true},
	{Name: "list@run", Kind: Bool, Default: "false", Usage: "list what can be run", FlagOnly: true},
	{Name: "keep", Kind: Bool, Default: "false", Usage: "stay up after the demonstration", FlagOnly: true},
	{Name: "dead-letter", Kind: Bool, Default: "false",
		Usage: "take the queue's dead-letter sub-queue", FlagOnly: true},
	{Name: "count", Kind: Int, Default: "10", Usage: "how many at most", FlagOnly: true},
	{Name: "count@send", Kind: Int, Default: "1", Usage: "how many times to send it, each time with an id of its own", FlagOnly: true},
	{Name: "count@take", Kind: Int, Default: "", Usage: "how many at most; without it all", FlagOnly: true},
	{Name: "count@preview", Kind: Int, Default: "", FlagOnly: true,
		Usage: "how many at most; without it 100, or with --to and --output json all"},
	{Name: "namespace", Value: "NAMESPACE", Default: "",
		Usage: "Service Bus namespace of the running Switchyard; without it the first one", FlagOnly: true},
	{Name: "timeout", Kind: Duration, Default: "30s", Usage: "how long the server may take to answer", FlagOnly: true},
	{Name: "abandon", Kind: Bool, Default: "false",
		Usage: "show each message once and give all back at the end: they are delivered again, with a raised delivery count", FlagOnly: true},
	{Name: "peek-lock", Kind: Bool, Default: "false",
		Usage: "leave each message locked after it was printed, until its lock ends by itself", FlagOnly: true},
	{Name: "from", Kind: Int, Default: "1", Usage: "sequence number to begin with", FlagOnly: true},
	{Name: "from@preview", Value: "TIME|DURATION", Default: "", FlagOnly: true,
		Usage: "when to begin: a time, in the trigger's zone if it names none, or a duration from now; without it now"},
	{Name: "to@preview", Value: "TIME|DURATION", Default: "", FlagOnly: true,
		Usage: "before when to end: a time, or a duration from the beginning"},
	{Name: "folder", Value: "DIR", Default: ".", Usage: "the folder whose trigger NAME means", FlagOnly: true},
	{Name: "full", Kind: Bool, Default: "false", Usage: "show everything of each message", FlagOnly: true},
	{Name: "full@runs", Kind: Bool, Default: "false", Usage: "show the input and output of every activity", FlagOnly: true},
	{Name: "activity", Value: "NAME", Default: "", Usage: "show activities of this name only, with input and output", FlagOnly: true},
	{Name: "failed", Kind: Bool, Default: "false", Usage: "show only what failed and what that is part of", FlagOnly: true},
	{Name: "follow", Kind: Bool, Default: "false", Usage: "tell of each activity when it ends, until the run does", FlagOnly: true},
	{Name: "recursive", Kind: Bool, Default: "false", Usage: "end the runs that it has started, too", FlagOnly: true},
	{Name: "from-activity", Value: "ACTIVITY", Default: "",
		Usage: "do this activity of the pipeline's own list again, and all behind it", FlagOnly: true},
	{Name: "from-failure", Kind: Bool, Default: "false", Usage: "do again what failed and what was not reached", FlagOnly: true},
	{Name: "as-it-was", Kind: Bool, Default: "false",
		Usage: "follow the definition that the other run followed, not the pipeline as it is now", FlagOnly: true},
	{Name: "status", Value: "STATUS,…", Default: "",
		Usage: "only runs that are Queued, InProgress, Succeeded, Failed, Canceling or Cancelled", FlagOnly: true},
	{Name: "pipeline", Value: "PIPELINE", Default: "", Usage: "only runs of this pipeline", FlagOnly: true},
	{Name: "trigger", Value: "TRIGGER", Default: "", Usage: "only runs that this trigger started; Manual: by nobody's trigger", FlagOnly: true},
	{Name: "message", Value: "ID", Default: "", Usage: "only runs that the message with this id started", FlagOnly: true},
	{Name: "since", Value: "TIME|DURATION", Default: "",
		Usage: "only what changed since a time such as 2026-03-01T12:00:00Z, or within a duration such as 2h", FlagOnly: true},
	{Name: "until", Value: "TIME|DURATION", Default: "", Usage: "only what changed last before a time, or longer ago than a duration", FlagOnly: true},
	{Name: "param", Value: "NAME=VALUE", Many: true, Default: "",
		Usage: "one pipeline parameter, by the type it is declared with; may be given several times", FlagOnly: true},
	{Name: "lines", Value: "FILE", Default: "", Usage: "send each line of a file as a message; - is standard input", FlagOnly: true},
	{Name: "session", Value: "ID", Default: "", Usage: "session id of the message", FlagOnly: true},
	{Name: "session@take", Value: "ID", Default: "", FlagOnly: true,
		Usage: "messages of this session only, which nobody else can have meanwhile; what requires sessions needs it"},
	{Name: "next-session", Kind: Bool, Default: "false", FlagOnly: true,
		Usage: "take messages of the next session that has some and that nobody has; --wait is for that, too"},
	{Name: "reply-to", Default: "", Usage: "where an answer should go", FlagOnly: true},
	{Name: "correlation-id", Value: "ID", Default: "", Usage: "correlation id of the message", FlagOnly: true},
	{Name: "to", Default: "", Usage: "To of the message", FlagOnly: true},
	{Name: "ttl", Kind: Duration, Default: "0s", Usage: "time to live of the message; 0s: that of the queue", FlagOnly: true},
	{Name: "at", Value: "TIME|DURATION", Default: "", Usage: "when the message becomes visible: a time, or a duration from now", FlagOnly: true},
	{Name: "sequence-number", Value: "NUMBER,…", Default: "", Usage: "only these messages", FlagOnly: true},
	{Name: "message-id@take", Value: "ID", Default: "", Usage: "only messages with this id", FlagOnly: true},
	{Name: "wait", Kind: Duration, Default: "5s",
		Usage: "how long to wait for the first message", FlagOnly: true},
	{Name: "wait@ready", Kind: Duration, Default: "10s",
		Usage: "how long to wait until the Switchyard is ready", FlagOnly: true},
	{Name: "wait@stopped", Kind: Duration, Default: "30s",
		Usage: "how long to wait until the Switchyard has stopped", FlagOnly: true},
	{Name: "detach", Kind: Bool, Default: "false",
		Usage: "go on in the background once everything is ready", FlagOnly: true},
	{Name: "watch", Kind: Bool, Default: "false", Usage: "go on until a signal comes", FlagOnly: true},
	{Name: "start", Value: "DIR", Default: "",
		Usage: "serve this folder in memory, on free ports, for as long as the command runs", FlagOnly: true},
	{Name: "content-type", Default: "", Usage: "content type of the message", FlagOnly: true},
	{Name: "subject", Default: "", Usage: "subject of the message", FlagOnly: true},
	{Name: "message-id", Value: "ID", Default: "", Usage: "id of the message", FlagOnly: true},
	{Name: "url", Value: "URL", Default: "", FlagOnly: true,
		Usage: "the server: amqp://[USER:PASSWORD@]HOST[:PORT], amqps too, or a Service Bus connection string"},
	{Name: "address", Default: "bench", Usage: "the queue, as the server writes addresses: /queues/bench in RabbitMQ 4", FlagOnly: true},
	{Name: "settle", Choices: []string{"first", "second"}, Default: "first", FlagOnly: true,
		Usage: "how receivers settle: first, or second, where the server confirms each settlement, which not every server does"},
	{Name: "count@bench", Kind: Int, Default: "", Usage: "how many messages each workload has, at most 10,000,000", FlagOnly: true},
	{Name: "pid", Kind: Int, Default: "", FlagOnly: true,
		Usage: "the server's process on this machine, whose processor time and memory are measured (Linux)"},
	{Name: "device", Default: "", FlagOnly: true,
		Usage: "a disk as in /proc/diskstats, such as vda, whose flushes are counted, of all processes (Linux)"},
	{Name: "for@bench", Kind: Duration, Default: "5s", FlagOnly: true,
		Usage: "how long each workload is measured, after a fifth of that which does not count"},
	{Name: "dir@bench", Value: "DIR", Default: "", FlagOnly: true,
		Usage: "where the data directory is made, on the disk to measure; without it where temporary files are"},
	{Name: "limit@bench", Kind: Duration, Default: "30m", Usage: "how long all workloads may take", FlagOnly: true},
	{Name: "timeout@bench", Kind: Duration, Default: "30s", FlagOnly: true,
		Usage: "how long the server may do nothing; what has not come by then is lost"},
	{Name: "property", Value: "JSON", Default: "", Usage: "application properties: a JSON object", FlagOnly: true},
	{Name: "factory", Value: "FACTORY", Default: "",
		Usage: "name of the data factory; not needed when there is only one", FlagOnly: true},
}

// Lookup finds a setting by its name.
func Lookup(name string) (Setting, bool) {
	for _, s := range Settings {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}

// helpWidth is how many columns a help text may take.
const helpWidth = 80

// FlagHelp is the part of a command's help text that lists its flags.
func FlagHelp(names []string) string {
	var b strings.Builder
	for _, n := range names {
		s, ok := Lookup(n)
		if !ok {
			continue
		}
		fmt.Fprintf(&b, "  %s\n", strings.TrimSpace("--"+s.Flag()+" "+s.ValueName()))
		usage := s.Usage
		if s.Default != "" && s.Default != "false" {
			usage += " (default " + s.Default + ")"
		}
		wrap(&b, usage, "        ")
	}
	return b.String()
}

// wrap writes the words of a text in indented lines of at most helpWidth bytes.
func wrap(b *strings.Builder, text, indent string) {
	line := indent
	for word := range strings.FieldsSeq(text) {
		if line != indent {
			if len(line)+len(" ")+len(word) > helpWidth {
				b.WriteString(line + "\n")
				line = indent
			} else {
				line += " "
			}
		}
		line += word
	}
	b.WriteString(line + "\n")
}
