package datafactoryrp_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"switchyard/arm/armtest"
	"switchyard/pipeline/factory"
	"switchyard/value"
)

// TestGallery puts the pipelines of deployment templates, with the data sets and data flows
// beside them, and wants every one to be accepted and to come back as it was sent. Those in
// testdata have the shapes of published ones; the environment variable SWITCHYARD_TEMPLATES
// names a folder of more. What a template takes from its user (linked services, data sets that
// exist already) is made up.
func TestGallery(t *testing.T) {
	files, err := filepath.Glob("testdata/templates/*.json")
	check(t, err)
	if dir := os.Getenv("SWITCHYARD_TEMPLATES"); dir != "" {
		more, err := filepath.Glob(filepath.Join(dir, "*.json"))
		check(t, err)
		files = append(files, more...)
	}
	if len(files) < 2 {
		t.Fatalf("there are %d templates", len(files))
	}
	pipelines := 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			check(t, err)
			v, err := value.Parse(bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF")))
			check(t, err)
			resources, _ := v.(*value.Object).Lookup("resources")
			g := gallery{f: open(t, armtest.NewStore()).group(t), parameters: map[string]value.Value{}}
			declared, _ := v.(*value.Object).Lookup("parameters")
			for _, p := range declared.(*value.Object).Members() {
				// A parameter stands for its own name, or for something empty.
				g.parameters[p.Name] = p.Name
				switch kind, _ := p.Value.(*value.Object).Lookup("type"); strings.ToLower(value.Text(kind)) {
				case "object":
					g.parameters[p.Name] = &value.Object{}
				case "array":
					g.parameters[p.Name] = value.Array{}
				}
			}
			for _, r := range resources.(value.Array) {
				g.add(r.(*value.Object))
			}
			pipelines += g.pipelines
			sent := g.left
			g.putAll(t)
			for _, r := range sent {
				g.comesBack(t, r)
			}
		})
	}
	t.Logf("%d pipelines in %d templates", pipelines, len(files))
}

type gallery struct {
	f          *fixture
	parameters map[string]value.Value
	left       []galleryResource
	pipelines  int
}

type galleryResource struct{ kind, name, body string }

// add takes a resource if Data Factory has its type; workspaces' pipelines,
// data sets and data flows are alike.
func (g *gallery) add(r *value.Object) {
	t, _ := r.Lookup("type")
	name, _ := r.Lookup("name")
	properties, _ := r.Lookup("properties")
	kind := strings.ToLower(t.(string)[strings.LastIndex(t.(string), "/")+1:])
	if kind != "pipelines" && kind != "datasets" && kind != "dataflows" {
		return
	}
	if kind == "pipelines" {
		g.pipelines++
	}
	full := value.Text(g.resolve(name.(string)))
	body := value.Append(nil, value.NewObject(value.Member{Name: "properties", Value: g.resolveAll(properties)}))
	g.left = append(g.left, galleryResource{kind, full[strings.LastIndex(full, "/")+1:], string(body)})
}

// comesBack gets what was put and compares it.
func (g *gallery) comesBack(t *testing.T, r galleryResource) {
	t.Helper()
	answer := g.f.must(t, 200, "GET", "$DF/"+r.kind+"/"+strings.ReplaceAll(r.name, " ", "%20")+"?$V", "")
	got := normal(t, factory.Member([]byte(answer), "properties"))
	if want := normal(t, factory.Member([]byte(r.body), "properties")); got != want {
		t.Errorf("%s %s:\ngot  %s\nwant %s", r.kind, r.name, got, want)
	}
}

var missingReference = regexp.MustCompile(`invalid reference '([^']+)': \S+ names a ([a-z ]+) that does not exist`)

// putAll puts the resources in an order in which they refer to each other.
func (g *gallery) putAll(t *testing.T) {
	for len(g.left) > 0 {
		var failed []galleryResource
		var answers []string
		for _, r := range g.left {
			if status, answer := g.put(r.kind, r.name, r.body); status != 200 {
				failed = append(failed, r)
				answers = append(answers, answer)
			}
		}
		if len(failed) == len(g.left) && !g.stub(failed, answers) {
			for i, r := range failed {
				t.Errorf("%s %s: %s", r.kind, r.name, answers[i])
			}
			return
		}
		g.left = failed
	}
}

// stub makes up the first thing that is missing and is not in the template.
func (g *gallery) stub(failed []galleryResource, answers []string) bool {
	stubs := map[string][2]string{
		"linked service":      {"linkedservices", `{"properties":{"type":"Web","typeProperties":{}}}`},
		"dataset":             {"datasets", `{"properties":{"type":"Json","linkedServiceName":{"referenceName":"Stub","type":"LinkedServiceReference"}}}`},
		"integration runtime": {"integrationRuntimes", `{"properties":{"type":"Managed"}}`},
		"pipeline":            {"pipelines", `{"properties":{"activities":[]}}`},
		"data flow":           {"dataflows", `{"properties":{"type":"MappingDataFlow"}}`},
	}
	g.put("linkedservices", "Stub", stubs["linked service"][1])
	for _, answer := range answers {
		v, _ := value.Parse([]byte(answer))
		m := missingReference.FindStringSubmatch(message(v))
		if m == nil {
			continue
		}
		inTemplate := false
		for _, r := range failed {
			inTemplate = inTemplate || strings.EqualFold(r.name, m[1]) && strings.EqualFold(r.kind, stubs[m[2]][0])
		}
		if status, _ := g.put(stubs[m[2]][0], m[1], stubs[m[2]][1]); status == 200 && !inTemplate {
			return true
		}
	}
	return false
}

func message(v value.Value) string {
	o, _ := v.(*value.Object)
	inner, _ := o.Lookup("error")
	o, _ = inner.(*value.Object)
	s, _ := o.Lookup("message")
	return value.Text(s)
}

func (g *gallery) put(kind, name, body string) (int, string) {
	return g.f.do("PUT", "$DF/"+kind+"/"+strings.ReplaceAll(name, " ", "%20")+"?$V", body)
}

var (
	parameterCall = regexp.MustCompile(`^\[parameters\('([^']*)'\)\]$`)
	concatCall    = regexp.MustCompile(`^\[concat\(parameters\('[^']*'\), *'([^']*)'\)\]$`)
)

// resolve evaluates as much of the template language as the gallery needs.
func (g *gallery) resolve(s string) value.Value {
	if m := parameterCall.FindStringSubmatch(s); m != nil {
		return g.parameters[m[1]]
	}
	if m := concatCall.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	if strings.HasPrefix(s, "[[") {
		return s[1:]
	}
	return s
}

func (g *gallery) resolveAll(v value.Value) value.Value {
	switch v := v.(type) {
	case string:
		return g.resolve(v)
	case value.Array:
		out := value.Array{}
		for _, x := range v {
			out = append(out, g.resolveAll(x))
		}
		return out
	case *value.Object:
		out := &value.Object{}
		for _, m := range v.Members() {
			out.Set(m.Name, g.resolveAll(m.Value))
		}
		return out
	}
	return v
}
