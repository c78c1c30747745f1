package system

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/broker"
	"switchyard/deploy"
	"switchyard/deploy/provision"
	"switchyard/identity"
	"switchyard/pipeline/run"
)

const (
	otherFactory = "/providers/Microsoft.DataFactory/factories/other-factory"
	anAssignment = "/providers/Microsoft.Authorization/roleAssignments/0e11d5e2-0000-4000-8000-000000000001"
)

func assigned(s *System) string {
	return `{"properties":{"principalId":"0e11d5e2-0000-4000-8000-000000000002","roleDefinitionId":"` +
		"/subscriptions/" + s.subscription + `/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c"}}`
}

func waitingFolder(t *testing.T) []*deploy.Deployment {
	files := triggered(`{}`, `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":3600}}`)
	files["trigger/OnIn.json"] = strings.Replace(files["trigger/OnIn.json"], `"maxMessages":10`, `"maxMessages":10,"maxConcurrentRuns":9`, 1)
	return []*deploy.Deployment{folder(t, files)}
}

// populated makes a data directory with a record of every kind that a start reads.
func populated(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	s := startSystem(t, Options{DataDir: dir, Deployments: waitingFolder(t), Grace: time.Millisecond})
	makeNamespace(t, s, "g", "zone-two")
	bus := s.testNamespace("g", "zone-two")
	factory := s.testGroup("g") + otherFactory
	for _, x := range []struct{ path, version, body string }{
		{bus + "/topics/t", busVersion, `{"properties":{"requiresDuplicateDetection":true}}`},
		{bus + "/topics/t/subscriptions/s", busVersion, `{"properties":{}}`},
		{factory, factoryVersion, `{"location":"westeurope"}`},
		{factory + "/pipelines/P", factoryVersion, `{"properties":` + waiting + `}`},
		{s.testGroup("g") + anAssignment, "2022-04-01", assigned(s)},
		{s.testGroup("short"), "2021-04-01", `{"location":"westeurope"}`},
	} {
		if code, body := request(t, s, "PUT", x.path+"?api-version="+x.version, x.body); code >= 300 {
			t.Fatalf("PUT %s: %d %s", x.path, code, body)
		}
	}
	if code, body := request(t, s, "DELETE", s.testGroup("short")+"?api-version=2021-04-01", ""); code >= 300 {
		t.Fatalf("delete a group: %d %s", code, body)
	}
	if _, err := s.identities.Issuer().Issuer(); err != nil { // it is made when it is needed
		t.Fatal(err)
	}
	once := &broker.Message{}
	once.MessageID, once.Sections = "once", []byte("x")
	to, err := s.broker.Topic("zone-two", "t")
	if err != nil {
		t.Fatal(err)
	}
	u, err := to.Send([]*broker.Message{once}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.broker.Sync(u)
	c := sdk(t, s)
	sendTo(t, c, "out", "kept")
	sendTo(t, c, "in", "a")
	id := eventually(t, func() string {
		for _, r := range allRuns(t, s) {
			return r.RunID
		}
		return ""
	})
	if err := s.engine.Cancel(id, true); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string { // the message has started another run
		for _, r := range allRuns(t, s) {
			if r.RunID != id && r.Status == run.InProgress {
				return "again"
			}
		}
		return ""
	})
	c.Close(context.Background())
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// kindOfRecord says what kind of record is under a key; each is damaged once.
func kindOfRecord(k []byte) string {
	switch k[0] {
	case 0x01:
		name := string(k[1:])
		for _, p := range []string{"arm/resources/groups/", "arm/datafactory/f/", "arm/operations/",
			"arm/servicebus/", "arm/authorization/", "door/", "deploy/development-key/"} {
			if strings.HasPrefix(name, p) {
				return p
			}
		}
		if strings.HasPrefix(name, "arm/datafactory/c/") {
			return "arm/datafactory/c/" + strings.Split(name, "/")[4]
		}
		return name
	case 0x10:
		if k[9] == 0 {
			return "entity"
		}
		if k[9] == 2 {
			return "remembered id"
		}
		return "messages " + hex.EncodeToString(k[11:12])
	case 0x20:
		rest := k[18:]
		if rest[0] == 1 {
			return "run event " + hex.EncodeToString(rest[len(rest)-1:])
		}
		return "run " + hex.EncodeToString(rest[:1])
	case 0x00:
		return "system " + string(k[1:])
	}
	return hex.EncodeToString(k[:1])
}

// A damagedStart is what a start does with a damaged record of a kind.
type damagedStart struct {
	refused string // what the error says to do; "": it starts
	status  string // of the health; "": healthy
	fromEnd int    // of the byte that is changed; 0: the one in the middle
	// mend is the way out, after which the process is healthy; nil: there is nothing to
	// mend, or it is not read.
	mend func(t *testing.T, s *System, o Options) *System
}

func puts(path func(s *System) string, version, body string) func(*testing.T, *System, Options) *System {
	return func(t *testing.T, s *System, _ Options) *System {
		if code, answer := request(t, s, "PUT", path(s)+"?api-version="+version, body); code >= 300 {
			t.Errorf("PUT %s: %d %s", path(s), code, answer)
		}
		return s
	}
}

// read first finds what the start does not look at.
func read(path func(s *System) string, version string, then func(*testing.T, *System, Options) *System) func(*testing.T, *System, Options) *System {
	return func(t *testing.T, s *System, o Options) *System {
		if code, answer := request(t, s, "GET", path(s)+"?api-version="+version, ""); code != 409 || !strings.Contains(answer, "DamagedRecord") {
			t.Errorf("GET %s: %d %s, want 409 DamagedRecord", path(s), code, answer)
		}
		if status, causes := healthOf(t, s); status != "degraded" || len(causes) != 1 {
			t.Errorf("after it was met: %s %q", status, causes)
		}
		return then(t, s, o)
	}
}

func testNS(s *System) string { return s.testNamespace(provision.ResourceGroup, "test-ns") }

// damagedStarts is by kind; what is not here stops no start and concerns no other test.
var damagedStarts = map[string]damagedStart{
	"system format":         {refused: "format"},
	"system key":            {refused: "key"},
	"clock/mark":            {refused: "clock/mark"},
	"identity/tenant":       {refused: "restore a copy of the data directory"},
	"identity/subscription": {refused: "restore a copy of the data directory"},
	"auth/mode":             {refused: "--auth development"},
	"arm/authorization/": {status: "degraded", mend: func(t *testing.T, s *System, o Options) *System {
		return puts(func(s *System) string { return s.testGroup("g") + anAssignment }, "2022-04-01", assigned(s))(t, s, o)
	}},
	"arm/datafactory/c/pipelines": {status: "degraded", mend: puts(func(s *System) string {
		return s.testGroup("g") + otherFactory + "/pipelines/P"
	}, factoryVersion, `{"properties":`+waiting+`}`)},
	"arm/datafactory/c/linkedservices": {status: "degraded"},
	"arm/datafactory/c/triggers":       {status: "degraded"},
	"arm/datafactory/f/": {status: "degraded", mend: puts(func(s *System) string { return s.testGroup("g") + otherFactory },
		factoryVersion, `{"location":"westeurope"}`)},
	"arm/resources/groups/": {mend: read(func(s *System) string { return s.testGroup("g") }, "2021-04-01",
		puts(func(s *System) string { return s.testGroup("g") }, "2021-04-01", `{"location":"westeurope"}`))},
	"arm/servicebus/": {mend: read(testNS, busVersion,
		puts(testNS, busVersion, `{"location":"westeurope"}`))},
	"auth/issuer-key": {mend: func(t *testing.T, s *System, _ Options) *System {
		if _, err := s.identities.Issuer().Issuer(); err != nil {
			t.Errorf("the issuer has no other key: %v", err)
		}
		return s
	}},
	"02": {status: "degraded", mend: puts(testNS, busVersion, `{"location":"westeurope"}`)},
	// The last digit of the last option. Where the middle is depends on how long the times in front
	// are, and at times it is the end of a name: then nobody knows what the record is of.
	"entity": {status: "unhealthy", fromEnd: 7, mend: func(t *testing.T, s *System, o Options) *System {
		queue := func(s *System) string { return testNS(s) + "/queues/in" }
		puts(queue, busVersion, `{"properties":{}}`)(t, s, o)
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		s = startSystem(t, o)
		if got := left(t, sdk(t, s), "in"); len(got) != 1 || got[0] != "a" {
			t.Errorf("after the queue was put again it has %v, want its message", got)
		}
		return s
	}},
	// A message with that id is refused; the others are not.
	"remembered id": {mend: func(t *testing.T, s *System, o Options) *System {
		to, err := s.broker.Topic("zone-two", "t")
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]string{"once": `topic "t": the ids of earlier messages can't be read`, "another": ""} {
			m := &broker.Message{}
			m.MessageID, m.Sections = id, []byte("x")
			u, err := to.Send([]*broker.Message{m}, nil)
			if s.broker.Sync(u); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("send %s: %v, want %q", id, err, want)
			}
		}
		if status, causes := healthOf(t, s); status != "unhealthy" || !strings.Contains(strings.Join(causes, " "), `topic "t"`) {
			t.Errorf("after it was met: %s %q, want the topic", status, causes)
		}
		topic := s.testNamespace("g", "zone-two") + "/topics/t?api-version=" + busVersion
		for _, method := range []string{"DELETE", "PUT"} {
			if code, body := request(t, s, method, topic, `{"properties":{"requiresDuplicateDetection":true}}`); code >= 300 {
				t.Fatalf("%s: %d %s", method, code, body)
			}
		}
		return s
	}},
	"messages 00": {status: "unhealthy"},
	"messages 01": {status: "unhealthy"},
	"messages 02": {status: "unhealthy"},
	"23":          {status: "degraded"},
}

// deployedAgain are the kinds that a start with the folder makes anew.
var deployedAgain = []string{"arm/servicebus/", "arm/datafactory/c/linkedservices", "arm/datafactory/c/triggers",
	"deploy/development-key/", "door/", "02", "entity"}

// TestStartWithAnyDamagedRecord flips a byte of one record of each kind after the other,
// in a copy of a directory. What concerns one thing stops no start, is told, and has a way
// out; what stops it is named.
func TestStartWithAnyDamagedRecord(t *testing.T) {
	dir := populated(t)
	for _, record := range recordsOf(t, dir) {
		kind := kindOfRecord([]byte(record))
		t.Run(strings.ReplaceAll(kind, "/", "-"), func(t *testing.T) {
			o := Options{DataDir: filepath.Join(t.TempDir(), "data"), Strict: true, Grace: time.Millisecond}
			if err := os.CopyFS(o.DataDir, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			flip(t, o.DataDir, damagedStarts[kind].fromEnd, func(key []byte) bool { return string(key) == record })
			want := damagedStarts[kind]
			s, err := Start(t.Context(), o)
			if err != nil {
				if want.refused == "" || !strings.Contains(err.Error(), want.refused) || !strings.Contains(err.Error(), "data is damaged") {
					t.Errorf("refused: %v; want %q", err, want.refused)
				}
				return
			}
			defer func() { s.Stop() }()
			status, causes := healthOf(t, s)
			if strings.HasPrefix(kind, "run ") && status == "degraded" {
				want.status = status // it is of a run that is active, see TestStartWithDamagedRuns
			}
			if want.refused != "" || status != cmp.Or(want.status, "healthy") ||
				(len(causes) == 0) != (status == "healthy") || strings.Count(strings.Join(causes, " "), "data is damaged") > 1 {
				t.Errorf("it starts: %s %q, want %+v", status, causes, want)
			}
			if want.mend != nil {
				s = want.mend(t, s, o)
				if status, causes := healthOf(t, s); status != "healthy" {
					t.Errorf("after the way out: %s %q", status, causes)
				}
			}
			if got := left(t, sdk(t, s), "out"); len(got) != 1 {
				t.Errorf("the other queue has %v, want its message", got)
			}
		})
	}
	for _, record := range recordsOf(t, dir) {
		kind := kindOfRecord([]byte(record))
		if !slices.Contains(deployedAgain, kind) {
			continue
		}
		t.Run("folder "+strings.ReplaceAll(kind, "/", "-"), func(t *testing.T) {
			o := Options{DataDir: filepath.Join(t.TempDir(), "data"), Deployments: waitingFolder(t), Grace: time.Millisecond}
			if err := os.CopyFS(o.DataDir, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			flip(t, o.DataDir, damagedStarts[kind].fromEnd, func(key []byte) bool { return string(key) == record })
			s := startSystem(t, o)
			if kind == "entity" { // it is whole at the next start
				if err := s.Stop(); err != nil {
					t.Fatal(err)
				}
				s = startSystem(t, o)
			}
			if status, causes := healthOf(t, s); status != "healthy" {
				t.Errorf("the folder was deployed again: %s %q", status, causes)
			}
			c := sdk(t, s)
			sendTo(t, c, "in", "another")
			eventually(t, func() string { // the trigger runs
				if n := len(allRuns(t, s)); n == 3 {
					return "started"
				}
				return ""
			})
		})
	}
	t.Run("who may log in is said", func(t *testing.T) {
		copied := filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		flip(t, copied, 0, func(key []byte) bool { return string(key) == "\x01auth/mode" })
		for _, mode := range []identity.Mode{identity.Development, ""} {
			s := startSystem(t, Options{DataDir: copied, Auth: mode})
			if status, causes := healthOf(t, s); status != "healthy" {
				t.Errorf("mode %q: %s %q", mode, status, causes)
			}
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// recordsOf returns the key of one record of each kind.
func recordsOf(t *testing.T, dir string) (keys []string) {
	t.Helper()
	db, err := pebble.Open(filepath.Join(dir, "db"), &pebble.Options{ReadOnly: true, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	it, err := db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for ok := it.First(); ok; ok = it.Next() {
		if kind := kindOfRecord(it.Key()); !known[kind] && len(it.Value()) > 5 {
			known[kind] = true
			keys = append(keys, string(it.Key()))
		}
	}
	if err := errors.Join(it.Error(), it.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	for kind := range damagedStarts {
		if !known[kind] {
			t.Errorf("the directory has no record of kind %s", kind)
		}
	}
	return keys
}

// quiet is no log of the database's.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}
