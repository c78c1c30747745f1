// Package deploy turns definitions as their users write them into resources: a
// data factory in its Git layout and the queues of an emulator's Config.json. It
// reads, checks and reports; it creates nothing.
package deploy

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"switchyard/pipeline"
	"switchyard/pipeline/recurrence"
)

// A Deployment is what one folder declares, checked as a whole.
type Deployment struct {
	Namespaces []Namespace
	// Factory is nil if the folder declares none.
	Factory *pipeline.Factory

	// Env holds the values of the folder's .env file.
	Env Env

	name    string
	mode    Mode
	sources sources
}

// A Mode says what is an error and what a warning.
type Mode struct {
	// Strict: what this version does not run is an error.
	Strict bool
	// Relaxed: what Data Factory refuses and can run here is a warning, and so is what of the
	// bus only stopped triggers and activities lack.
	Relaxed bool
}

// Refused is the diagnostic of something wrong with the folder as a whole.
func (d *Deployment) Refused(message string) pipeline.Diagnostics {
	return pipeline.Diagnostics{{File: d.name, Path: "$", Message: message}}
}

// Summary says what the deployment consists of, in a few words.
func (d *Deployment) Summary() string {
	var parts []string
	count := func(n int, one string) {
		switch {
		case n == 1:
			parts = append(parts, "1 "+one)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n, one))
		}
	}
	queues, topics := 0, 0
	for _, n := range d.Namespaces {
		queues += len(n.Queues)
		topics += len(n.Topics)
	}
	count(len(d.Namespaces), "namespace")
	count(queues, "queue")
	count(topics, "topic")
	if f := d.Factory; f != nil {
		count(1, "factory")
		count(len(f.Pipelines), "pipeline")
		count(len(f.Triggers), "trigger")
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// configFiles are where the queues may be declared.
var configFiles = []string{"Config.json", "servicebus/Config.json"}

// otherFolders are the folders of the Git layout whose resources are kept and change nothing
// here [ENGINE 1].
var otherFolders = []string{"dataflow", "integrationRuntime", "credential", "managedVirtualNetwork"}

// maxFile is the size of the greatest file that is read, in bytes: as much as one
// request to the Resource Manager can bring.
const maxFile = 4 << 20

// readFile reads a file that is not larger than maxFile.
func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("the file is larger than the %d bytes that are allowed", maxFile)
	}
	return data, err
}

// Read reads the folder fsys, which diagnostics call name. It reports everything
// that is wrong at once; the deployment is usable if none of the diagnostics is
// an error.
func Read(fsys fs.FS, name string, mode Mode) (*Deployment, pipeline.Diagnostics) {
	d := &Deployment{name: name, mode: mode, sources: sources{}}
	diags := misnamed(fsys, name)
	diags = append(diags, d.readEnv(fsys)...)
	found := false
	for _, file := range configFiles {
		data, wrong, err := d.withOverlay(fsys, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		diags = append(diags, wrong...)
		found = true
		full := path.Join(name, file)
		if err != nil {
			diags = append(diags, pipeline.Diagnostic{File: full, Path: "$", Message: err.Error()})
			continue
		}
		ns, ds := parseEmulatorConfig(full, data)
		diags = append(diags, ds...)
		for i, n := range ns {
			if slices.ContainsFunc(d.Namespaces, func(x Namespace) bool { return strings.EqualFold(x.Name, n.Name) }) {
				diags = append(diags, pipeline.Diagnostic{
					File: full, Path: fmt.Sprintf("$.UserConfig.Namespaces[%d].Name", i),
					Message: "another file declares the namespace " + n.Name})
			}
		}
		d.Namespaces = append(d.Namespaces, ns...)
	}

	f := &pipeline.Factory{}
	unread := map[string]bool{} // folder/name, lower case, of what could not be read
	read := func(folder string, parse func(file string, data []byte) pipeline.Diagnostics) {
		entries, err := fs.ReadDir(fsys, folder)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			diags = append(diags, pipeline.Diagnostic{File: path.Join(name, folder), Path: "$", Message: err.Error()})
			return
		}
		for _, e := range entries {
			if e.IsDir() || !strings.EqualFold(path.Ext(e.Name()), ".json") || isOverlay(e.Name()) {
				continue
			}
			found = true
			file := path.Join(folder, e.Name())
			data, ds, err := d.withOverlay(fsys, file)
			if err != nil {
				ds = pipeline.Diagnostics{{File: path.Join(name, file), Path: "$", Message: err.Error()}}
			} else {
				ds = append(ds, parse(path.Join(name, file), data)...)
			}
			if ds.Err() != nil {
				// In the Git layout a file has the name of what it declares.
				unread[strings.ToLower(strings.TrimSuffix(file, path.Ext(file)))] = true
				unread[strings.ToLower(folder)+"/"] = true
			}
			diags = append(diags, ds...)
		}
	}
	factories := 0
	read("factory", func(file string, data []byte) pipeline.Diagnostics {
		if factories++; factories > 1 {
			return pipeline.Diagnostics{{File: file, Path: "$", Message: "a folder holds one factory"}}
		}
		got, ds := pipeline.ParseFactory(file, data)
		if got != nil {
			f = got // factory/ is read first: nothing has been put yet
		}
		return ds
	})
	read("linkedService", func(file string, data []byte) pipeline.Diagnostics {
		x, ds := pipeline.ParseLinkedService(file, data)
		if x != nil {
			ds = append(ds, calledOtherwise(file, x.Name)...)
			if f.LinkedService(x.Name) != nil {
				ds = append(ds, twice(file, "linked service", x.Name))
			}
			f.PutLinkedService(x)
		}
		return ds
	})
	read("dataset", func(file string, data []byte) pipeline.Diagnostics {
		x, ds := pipeline.ParseDataset(file, data)
		if x != nil {
			ds = append(ds, calledOtherwise(file, x.Name)...)
			if f.Dataset(x.Name) != nil {
				ds = append(ds, twice(file, "dataset", x.Name))
			}
			f.PutDataset(x)
		}
		return ds
	})
	read("pipeline", func(file string, data []byte) pipeline.Diagnostics {
		x, ds := pipeline.ParsePipeline(file, data)
		if x != nil {
			ds = append(ds, calledOtherwise(file, x.Name)...)
			if f.Pipeline(x.Name) != nil {
				ds = append(ds, twice(file, "pipeline", x.Name))
			}
			f.PutPipeline(x)
		}
		return ds
	})
	read("trigger", func(file string, data []byte) pipeline.Diagnostics {
		x, ds := pipeline.ParseTrigger(file, data)
		if x != nil {
			ds = append(ds, calledOtherwise(file, x.Name)...)
			if f.Trigger(x.Name) != nil {
				ds = append(ds, twice(file, "trigger", x.Name))
			}
			f.PutTrigger(x)
		}
		return ds
	})
	for _, folder := range otherFolders {
		read(folder, func(file string, data []byte) pipeline.Diagnostics {
			x, ds := pipeline.ParseKept(folder, file, data)
			if x != nil {
				ds = append(ds, calledOtherwise(file, x.Name)...)
				f.Kept = append(f.Kept, x)
			}
			return append(ds, pipeline.Diagnostic{File: file, Path: "$", Severity: severity(mode.Strict),
				Message: "resources of the folder " + folder + " are kept and do nothing in this version"})
		})
		diags = append(diags, inside(fsys, name, folder, severity(mode.Strict))...)
	}
	if !found {
		diags = append(diags, pipeline.Diagnostic{File: name, Path: "$",
			Message: "the folder holds no definitions: there is no factory/, pipeline/, linkedService/ or " +
				"trigger/ with JSON files and no " +
				strings.Join(configFiles, " or ")})
	}
	if factories > 0 || len(f.Pipelines)+len(f.Triggers)+len(f.LinkedServices)+len(f.Datasets)+len(f.Kept) > 0 {
		if f.Name == "" {
			f.Name = strings.Trim(path.Base(name), "./")
			if f.Name == "" {
				f.Name = "factory"
			}
		}
		d.Factory = f
		f.Strict = mode.Strict
		f.Unread = func(folder, name string) bool { return unread[strings.ToLower(folder+"/"+name)] }
		diags = append(diags, f.Validate()...)
		diags = append(diags, recurrence.Check(f)...)
	}
	if mode.Relaxed {
		diags = diags.Relaxed()
	}
	d.sources.locate(diags)
	diags = slices.DeleteFunc(diags, repeated())
	inOrder(diags)
	return d, diags
}

// inOrder sorts diagnostics by their places.
func inOrder(ds pipeline.Diagnostics) {
	slices.SortStableFunc(ds, func(a, b pipeline.Diagnostic) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column)
	})
}

// repeated tells of a diagnostic whose place and text were there already:
// reading and validating may find the same.
func repeated() func(pipeline.Diagnostic) bool {
	seen := map[pipeline.Diagnostic]bool{}
	return func(d pipeline.Diagnostic) bool {
		was := seen[d]
		seen[d] = true
		return was
	}
}

func severity(strict bool) pipeline.Severity {
	if strict {
		return pipeline.SeverityError
	}
	return pipeline.SeverityWarning
}

func twice(file, kind, name string) pipeline.Diagnostic {
	return pipeline.Diagnostic{File: file, Path: "$.name",
		Message: "another file declares a " + kind + " of the name " + name}
}
