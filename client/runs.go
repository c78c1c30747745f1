package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"switchyard/value"
)

// Runs asks a running Switchyard for its pipeline runs, as any client of
// the Data Factory REST interface does.
type Runs struct {
	e       Endpoints
	factory string // as asked for; may be empty
	id      string // resource id of the factory, once found
}

// NewRuns returns a client for one factory; factory may be empty if there
// is only one.
func NewRuns(e Endpoints, factory string) *Runs {
	return &Runs{e: e, factory: factory}
}

// find asks which factories there are.
func (c *Runs) find(ctx context.Context) error {
	if c.id != "" {
		return nil
	}
	list, err := c.request(ctx, "GET",
		"/subscriptions/"+c.e.SubscriptionID+"/providers/Microsoft.DataFactory/factories", "")
	if err != nil {
		return err
	}
	v, _ := list.Get("value")
	all, _ := v.(value.Array)
	var names, ids []string
	for _, x := range all {
		f, ok := x.(*value.Object)
		if !ok {
			continue
		}
		names = append(names, str(f, "name"))
		if c.factory == "" || strings.EqualFold(c.factory, str(f, "name")) {
			ids = append(ids, str(f, "id"))
		}
	}
	switch {
	case len(ids) == 1:
		c.id = ids[0]
		return nil
	case len(names) == 0:
		return errors.New("no data factory is deployed")
	case c.factory == "":
		return fmt.Errorf("name a data factory with --factory; deployed are: %s", strings.Join(names, ", "))
	default:
		return fmt.Errorf("data factory %q is not deployed; deployed are: %s", c.factory, strings.Join(names, ", "))
	}
}

const everything = `{"lastUpdatedAfter":"0001-01-01T00:00:00Z","lastUpdatedBefore":"9999-12-31T00:00:00Z"`

// Last returns the last n runs, the newest first.
func (c *Runs) Last(ctx context.Context, n int) (value.Array, error) {
	out := value.Array{}
	for token := ""; ; {
		body := everything + `,"orderBy":[{"orderBy":"RunStart","order":"DESC"}]`
		if token != "" {
			body += `,"continuationToken":` + string(value.Append(nil, token))
		}
		answer, err := c.call(ctx, "POST", "queryPipelineRuns", body+"}")
		if err != nil {
			return nil, err
		}
		v, _ := answer.Get("value")
		page, _ := v.(value.Array)
		out = append(out, page...)
		if token = str(answer, "continuationToken"); token == "" || len(out) >= n {
			return out[:min(n, len(out))], nil
		}
	}
}

// Run returns one run with its activities. If only the activities can't be had, it
// returns the run with the error.
func (c *Runs) Run(ctx context.Context, id string) (*value.Object, value.Array, error) {
	run, err := c.call(ctx, "GET", "pipelineruns/"+url.PathEscape(id), "")
	if err != nil {
		return nil, nil, err
	}
	activities := value.Array{}
	for token := ""; ; {
		body := everything
		if token != "" {
			body += `,"continuationToken":` + string(value.Append(nil, token))
		}
		answer, err := c.call(ctx, "POST", "pipelineruns/"+url.PathEscape(id)+"/queryActivityruns", body+"}")
		if err != nil {
			return run, nil, err
		}
		v, _ := answer.Get("value")
		page, _ := v.(value.Array)
		activities = append(activities, page...)
		if token = str(answer, "continuationToken"); token == "" {
			return run, activities, nil
		}
	}
}

func str(o *value.Object, name string) string {
	v, _ := o.Get(name)
	return value.Text(v)
}

func (c *Runs) call(ctx context.Context, method, path, body string) (*value.Object, error) {
	if err := c.find(ctx); err != nil {
		return nil, err
	}
	return c.request(ctx, method, c.id+"/"+path, body)
}

func (c *Runs) request(ctx context.Context, method, path, body string) (*value.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	u := c.e.HTTP + path + "?api-version=2018-06-01"
	r, err := http.NewRequestWithContext(ctx, method, u, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.e.Token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("the Switchyard that wrote the endpoints file does not answer: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	v, err := value.Parse(bytes.TrimSpace(b))
	o, _ := v.(*value.Object)
	if err != nil || o == nil {
		return nil, fmt.Errorf("%s %s: status %s: not a JSON object", method, path, resp.Status)
	}
	if resp.StatusCode != http.StatusOK {
		if e, ok := o.Get("error"); ok {
			if eo, ok := e.(*value.Object); ok {
				return nil, errors.New(str(eo, "message"))
			}
		}
		return nil, fmt.Errorf("%s %s: status %s", method, path, resp.Status)
	}
	return o, nil
}
