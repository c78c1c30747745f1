package pipeline

import (
	"slices"
	"strings"
	"testing"
)

// TestSharedVariables gives what stands in a parallel ForEach, and the warnings at its
// activities, each up to the advice.
func TestSharedVariables(t *testing.T) {
	const (
		set   = `{"name":"Set","type":"SetVariable","typeProperties":{"variableName":"S","value":"@item().x"}}`
		again = `{"name":"Again","type":"SetVariable","typeProperties":{"variableName":"s","value":"@concat('x')"}}`
		flag  = `{"name":"Flag","type":"SetVariable","typeProperties":{"variableName":"b","value":true}}`
		add   = `{"name":"Add","type":"AppendVariable","typeProperties":{"variableName":"a","value":"@item()"}}`
		reset = `{"name":"Reset","type":"SetVariable","typeProperties":{"variableName":"a","value":[]}}`
		read  = `{"name":"Read","type":"Fail","dependsOn":[{"activity":"Set"}],"typeProperties":{"message":"@variables('s')","errorCode":"1"}}`
		count = `{"name":"Count","type":"Wait","typeProperties":{"waitTimeInSeconds":"@length(variables('A'))"}}`
		wait  = `{"name":"Inner","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}`

		shares    = `iterations of the ForEach activity "Each" run at the same time and share the variable `
		setRead   = shares + `"S": one sets it before another has read what it had set.`
		setLast   = shares + `"S": which of them sets it last is chance.`
		discards  = shares + `"a": one discards what others have appended.`
		appending = shares + `"a": what one reads of it holds what others have appended so far.`
	)
	value := func(x string) string {
		return `{"name":"Set","type":"SetVariable","typeProperties":{"variableName":"S","value":"` + x + `"}}`
	}
	choice := func(inner string) string {
		return `{"name":"If","type":"IfCondition","typeProperties":{"expression":"@bool(item())","ifFalseActivities":[` + inner + `]}}`
	}
	for _, c := range []struct {
		name, loop, activities string
		want                   []string
	}{
		{"set", ``, set, []string{"Set: " + setLast}},
		{"set and read", ``, set + "," + read, []string{"Set: " + setRead}},
		{"set in a choice, read beside it", ``, choice(set) + `,` + strings.Replace(read, `"Set"`, `"If"`, 1), []string{"Set: " + setRead}},
		{"read by a computed name", ``, set + `,{"name":"R","type":"Wait","typeProperties":{"waitTimeInSeconds":"@variables(item())"}}`, []string{"Set: " + setRead}},
		{"read in a user property", ``, set + `,{"name":"W","type":"Wait","userProperties":[{"name":"u","value":"@{variables('s')}"}],"typeProperties":{"waitTimeInSeconds":1}}`,
			[]string{"Set: " + setRead}},
		{"two values", ``, value("a") + `,` + again, []string{"Set: " + setLast, `Again: ` + setLast}},
		{"in a loop of small batches", `"batchCount":2,`, set, []string{"Set: " + setLast}},
		{"append and read", ``, add + `,` + count, []string{"Add: " + appending}},
		{"append and reset", ``, reset + `,` + add, []string{"Reset: " + discards}},
		{"append, reset and read", ``, reset + `,` + add + `,` + count, []string{"Reset: " + discards, "Add: " + appending}},
		{"another variable that is written", ``, flag + `,` + value("@string(variables('b'))"), []string{"Set: " + setLast}},
		{"what an activity of the loop gives", ``, wait + `,` + value("@string(activity('inner'))"), []string{"Set: " + setLast}},
		{"what an activity of a computed name gives", ``, value("@string(activity(pipeline().parameters.p))"), []string{"Set: " + setLast}},
		{"the time", ``, value("@utcnow()"), []string{"Set: " + setLast}},

		{"sequential", `"isSequential":true,`, set + "," + read, nil},
		{"sequential, written as a text", `"isSequential":"True",`, set + "," + read, nil},
		{"one at a time", `"batchCount":1,`, set + "," + read, nil},
		{"a flag", ``, choice(flag) + `,{"name":"If2","type":"IfCondition","typeProperties":{"expression":"@variables('b')"}}`, nil},
		{"the same value twice", ``, flag + `,` + choice(strings.Replace(flag, "Flag", "Flag2", 1)), nil},
		{"the same for all", ``, value("@concat(pipeline().parameters.p, string(activity('Before')), string(variables('a')))"), nil},
		{"collected", ``, add, nil},
		{"a return value", ``, `{"name":"R","type":"SetVariable","typeProperties":{"variableName":"pipelineReturnValue","setSystemVariable":true,"value":[]}}`, nil},
		{"inactive", ``, strings.Replace(set, `"type"`, `"state":"Inactive","type"`, 1), nil},
		{"inside of what is inactive", ``, strings.Replace(choice(set), `"type"`, `"state":"Inactive","type"`, 1), nil},
		{"a name that is computed", ``, strings.Replace(set, `"S"`, `"@item()"`, 1), nil},
	} {
		p, ds := ParsePipeline("pipeline/P.json", []byte(activityFile(`{"name":"Before","type":"Wait","typeProperties":{"waitTimeInSeconds":1}},
			{"name":"Each","type":"ForEach","typeProperties":{`+c.loop+`"items":"@createArray(1)","activities":[`+c.activities+`]}},
			{"name":"Behind","type":"Fail","typeProperties":{"message":"@variables('s')","errorCode":"@string(variables('a'))"}}`)))
		if len(ds) > 0 {
			t.Fatalf("%s: %v", c.name, ds)
		}
		at := map[string]string{}
		p.Walk(func(a *Activity) { at[a.Path+".typeProperties.variableName"] = a.Name })
		var got []string
		for _, d := range p.SharedVariables() {
			if d.Severity != SeverityWarning || d.File != "pipeline/P.json" || at[d.Path] == "" {
				t.Errorf("%s: %+v, want a warning at an activity of the file", c.name, d)
			}
			what, advice, _ := strings.Cut(d.Message, ". ")
			if !strings.HasPrefix(advice, "Set isSequential to true") {
				t.Errorf("%s: %q does not say what to do", c.name, d.Message)
			}
			got = append(got, at[d.Path]+": "+what+".")
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
		}
	}
	// A loop in a loop is a matter of the outer one, a loop that is not active of none.
	inner := `{"name":"Inner","type":"ForEach","typeProperties":{"items":"@createArray(1)","activities":[` + set + `]}}`
	for _, c := range []struct {
		activities string
		want       int
	}{
		{`{"name":"Each","type":"ForEach","typeProperties":{"items":"@createArray(1)","activities":[` + inner + `]}}`, 1},
		{`{"name":"Each","type":"ForEach","typeProperties":{"isSequential":true,"items":"@createArray(1)","activities":[` + inner + `]}}`, 1},
		{strings.Replace(inner, `"type"`, `"state":"Inactive","type"`, 1), 0},
		{set, 0},
	} {
		if got := mustPipeline(t, activityFile(c.activities)).SharedVariables(); len(got) != c.want {
			t.Errorf("%s: %v, want %d", c.activities, got, c.want)
		}
	}
}
