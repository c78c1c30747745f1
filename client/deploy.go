package client

import (
	"archive/zip"
	"bytes"
	"context"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"switchyard/pipeline"
)

// DeployPath is where a running Switchyard takes folders.
const DeployPath = "/switchyard/deploy"

// Deployed is what a running Switchyard says to a folder: what the deployment does or, if
// it is refused, why.
type Deployed struct {
	Added   []string `json:"added"`
	Changed []string `json:"changed"`
	Removed []string `json:"removed"`
	// Properties are those of the queues, topics and subscriptions in Changed.
	Properties []PropertyChange `json:"properties,omitempty"`
	// Diagnostics are warnings or, if Refused, what is wrong.
	Diagnostics pipeline.Diagnostics `json:"diagnostics"`
	Refused     bool                 `json:"refused"`
}

// A PropertyChange is what becomes of a property of a queue, topic or subscription, each as
// Config.json writes it.
type PropertyChange struct {
	Of       string `json:"of"` // as in [Deployed].Changed: "queue q of namespace ns"
	Property string `json:"property"`
	Old      string `json:"old"`
	New      string `json:"new"`
}

// Pack packs what a folder's deployment reads into a zip file.
func Pack(folder fs.FS) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	add := func(name string) error {
		data, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() {
			if wanted(e.Name()) || e.Name() == ".env" {
				err = add(e.Name())
			}
			if err != nil {
				return nil, err
			}
			continue
		}
		inner, err := fs.ReadDir(folder, e.Name())
		if err != nil {
			return nil, err
		}
		for _, f := range inner {
			if f.IsDir() || !wanted(f.Name()) {
				continue
			}
			if err := add(path.Join(e.Name(), f.Name())); err != nil {
				return nil, err
			}
		}
	}
	err = z.Close()
	return out.Bytes(), err
}

// wanted are files that may be definitions, or are told not to be.
func wanted(name string) bool {
	return slices.Contains([]string{".json", ".jsonc", ".json5", ".yaml", ".yml"}, strings.ToLower(path.Ext(name)))
}

// DeployOptions say how a folder is read, as deploy.Mode does. With Plan it is not deployed.
type DeployOptions struct{ Strict, Relaxed, Plan bool }

// Deploy deploys a packed folder, or tells what that would do.
func (s Server) Deploy(ctx context.Context, name string, packed []byte, o DeployOptions) (
	a Deployed, err error) {
	q := url.Values{"name": {name}}
	for name, yes := range map[string]bool{"strict": o.Strict, "relaxed": o.Relaxed, "plan": o.Plan} {
		q.Set(name, strconv.FormatBool(yes))
	}
	err = s.askFor(ctx, "POST", DeployPath+"?"+q.Encode(), string(packed), &a)
	return a, err
}
